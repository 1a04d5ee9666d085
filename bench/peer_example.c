/* peer_example.c: an adapter, whole: whatever malloc() the process has.
 * SPDX-License-Identifier: Apache-2.0
 *
 * bench_host measures glibc and, preloaded, mimalloc, jemalloc and tcmalloc through this very file.
 */
#include "peer.h"

#include <stdlib.h>

/* There is one heap, and it is the process's: any pointer but NULL stands for it. */
static void *example_start(void *config, void *arena, size_t size)
{
    static char heap;
    (void)config;
    (void)size;
    return arena == NULL ? &heap : NULL;
}

static void *example_alloc(void *heap, size_t size, size_t align)
{
    (void)heap;
    return align <= 16 ? malloc(size) : aligned_alloc(align, size);
}

static void example_free(void *heap, void *block)
{
    (void)heap;
    free(block);
}

static void *example_resize(void *heap, void *block, size_t old_size, size_t size)
{
    (void)heap;
    (void)old_size;
    return realloc(block, size);
}

static void example_stop(void *heap)
{
    (void)heap;
}

const bench_peer_t bench_peer = {.version = BENCH_PEER_VERSION,
                                 .name = "malloc",
                                 .align = 16,
                                 .takes_arena = false,
                                 .start = example_start,
                                 .alloc = example_alloc,
                                 .free = example_free,
                                 .resize = example_resize,
                                 .stop = example_stop};
