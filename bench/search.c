/* search.c: the smallest arena in which a trace succeeds.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Success does not grow with the arena, so bisection would not find the smallest. One failure rules
 * out every window that contains it: trying each window from its top end, most windows cost one
 * replay that fails early, and the answer is still exact.
 */
#include "search.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SEARCH_FACTOR_MAX 64u
#define SEARCH_GUARD 4096u

typedef struct search {
    workload_t *workload;
    const bench_peer_t *peer;
    void *memory;
} search_t;

static bool arena_succeeds(const search_t *search, uint64_t size)
{
    const bench_peer_t *peer = search->peer;
    void *heap = peer->start(peer->config, search->memory, size);
    if (heap == NULL) {
        return false;
    }
    const uint32_t done = workload_run(search->workload, peer, heap);
    peer->stop(heap);
    return done == search->workload->trace->op_count;
}

/* Returns the first arena of a successful window at or above `first`, or 0. */
static uint64_t window_find(const search_t *search, uint64_t first, uint64_t limit)
{
    uint32_t known = 0; /* arenas from `first` on that are known to succeed */
    while (first <= limit) {
        uint32_t index = SEARCH_WINDOW;
        while (index > known && arena_succeeds(search, first + (index - 1) * SEARCH_STEP)) {
            index--;
        }
        if (index == known) {
            return first;
        }
        first += index * SEARCH_STEP;
        known = SEARCH_WINDOW - index;
    }
    return 0;
}

uint32_t search_arena(workload_t *workload, const bench_peer_t *peer)
{
    const uint64_t peak = workload->trace->peak;
    const uint64_t limit = peak * SEARCH_FACTOR_MAX > UINT32_MAX - (1u << 20)
                               ? UINT32_MAX - (1u << 20)
                               : peak * SEARCH_FACTOR_MAX + (1u << 16);
    const size_t mapped = limit + SEARCH_WINDOW * SEARCH_STEP + SEARCH_GUARD;
    void *memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "bench: cannot map %zu bytes for an arena\n", mapped);
        exit(2);
    }
    const search_t search = {.workload = workload, .peer = peer, .memory = memory};
    const uint64_t first = (peak + SEARCH_STEP - 1) / SEARCH_STEP * SEARCH_STEP;
    const uint64_t found = window_find(&search, first, limit);
    munmap(memory, mapped);
    return (uint32_t)found;
}
