/* peer.h: what any allocator must offer to be measured beside Berth.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An adapter is a shared object that exports one `const bench_peer_t bench_peer`. It is built with
 *
 *     gcc -std=c11 -O2 -fPIC -shared -I bench my_adapter.c -o my_adapter.so my_allocator.a
 *
 * and measured with `make bench PEER=./my_adapter.so`. peer_example.c is a whole one.
 */
#ifndef BERTH_BENCH_PEER_H
#define BERTH_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_PEER_VERSION 1u

typedef struct bench_peer {
    uint32_t version; /* BENCH_PEER_VERSION */
    const char *name; /* for the tables, at most 8 characters */
    uint32_t align;   /* bytes that alloc() promises when it is asked for none */
    bool takes_arena; /* start() can live in an arena: memory is then measured too */
    void *config;     /* the adapter's own; start() is handed it */

    /* Makes an empty heap of `size` bytes at `arena` (aligned at 4096), control structures
     * included; `arena` NULL: of memory that the allocator finds itself. NULL: it cannot. */
    void *(*start)(void *config, void *arena, size_t size);

    /* Returns a block of at least `size` bytes, or NULL. `align` 0: what the allocator promises. */
    void *(*alloc)(void *heap, size_t size, size_t align);

    /* Gives a live block back. */
    void (*free)(void *heap, void *block);

    /* As realloc(): the block, moved or not, with its contents; NULL: refused, the old stays. */
    void *(*resize)(void *heap, void *block, size_t old_size, size_t size);

    /* Forgets a heap, its blocks included. */
    void (*stop)(void *heap);
} bench_peer_t;

/* What an adapter exports. */
__attribute__((visibility("default"))) extern const bench_peer_t bench_peer;

#endif /* BERTH_BENCH_PEER_H */
