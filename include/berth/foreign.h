/* foreign.h: the platform's own heap behind the engine contract.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What of the contract is lost, because the platform knows and does not tell:
 *
 *   promise                        what is kept of it
 *   alloc succeeds iff there is    the platform decides
 *     room
 *   a granted offset has the       the pointer has, not the offset
 *     alignment
 *   offset                         a name for the block: pointer() has where it lies
 *   taken, cost                    what the platform is asked for; its own bookkeeping is not known
 *   allocatable, fits              the platform's word, if it has one; else 0 and false, though
 *                                  alloc() may succeed
 *   a wrong free is refused        64 bits: always. 32 bits: unless what lies before the pointer
 *                                  passes for a record, once in 2^19 times. It is read: a pointer
 *                                  that is not the platform's must at least be readable
 *   walk, check                    64 bits: all live blocks, in no order; then, in place of what is
 *                                  free, BERTH_ERR_UNKNOWN. 32 bits: nothing but that
 *   an engine calls nobody back    it calls the platform, with the region's lock held
 *   same bytes everywhere          the platform lays blocks out
 *
 * Context, unless a function says otherwise: [task], with the region's lock held.
 */
#ifndef BERTH_FOREIGN_H
#define BERTH_FOREIGN_H

#include "berth/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a region's `config` points to: the platform's heap. */
typedef struct berth_foreign_config {
    void *self; /* handed to each function */

    /* Returns `size` bytes, `align` a power of two from 8; NULL if it has none. */
    void *(*alloc)(void *self, size_t size, size_t align);

    /* Takes back what alloc() returned. */
    void (*free)(void *self, void *block);

    /* Tells the largest size that alloc() would grant now. NULL: it cannot tell. */
    uint32_t (*allocatable)(void *self);
} berth_foreign_config_t;

/* Live blocks that the memory asked for by beside_size() is enough for; and the bytes that any
 * number of them needs. */
#define BERTH_FOREIGN_BLOCKS 4096u
#define BERTH_FOREIGN_BESIDE(blocks) (16u * (blocks))

/* The platform's heap. The region has no `base`; unless its `size` is 0, no block takes more than
 * that. Granule 8 unless it says otherwise: a power of two from 4. A block costs 8 bytes before it,
 * or what its alignment is if that is more. It is resized only within what was granted.
 *
 * On a 64-bit host pointers do not fit into offsets: so memory `beside` the region is a table of
 * the live blocks, 8 bytes each, and whose() looks at 16 of them and never at the memory in
 * question. When the places for a pointer are taken, alloc() is refused: not before half the table
 * is. With 32 bits there is no table, and an offset is the address. */
extern BERTH_API const berth_engine_t berth_foreign_engine;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_FOREIGN_H */
