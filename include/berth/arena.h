/* arena.h: the engine for scratch memory: blocks one after the other, dropped all at once.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_ARENA_H
#define BERTH_ARENA_H

#include "berth/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What needs to find one block among all looks at this many at most, and at the last one first:
 * free(), resize(), find(), give(), word() and reset(). Nothing else has a loop. */
#define BERTH_ARENA_STEPS 22u

/* Scratch, charged to the region's `owner`, or to BERTH_OTHERS, whoever asks: a block begins where
 * the one before it ends, and 4 bytes of bookkeeping lie apart from it, at the region's other end.
 * Granule 4 unless the region says otherwise: a power of two from 4; sizes are rounded up to it, or
 * to the region's `align` if that is more. At most 2^21 such units and 1 GB; `base` and `address`
 * are multiples of 4. No bookkeeping beside the region.
 *
 * A block's `taken` includes what its alignment had to skip. free() of the last block takes it
 * back. Freed before later ones, a block is dead: it can be found and freed no more, but its bytes
 * come back with a reset() only. Such a free() is BERTH_OK with `before` 0, which is to say: refund
 * nothing, and neither count one block less. walk() tells a dead block with the owner who pays on,
 * and size 0. resize() moves the end of the last block; others have what they have.
 *
 * A mark is where the next block would begin if it had to skip nothing: an empty arena's is 0 where
 * `address` has the alignment that the region promises. It is good until the top falls below it.
 * What reset() counts are the blocks above it that were not taken back, dead ones included; a
 * reset() of the empty arena's mark succeeds whatever is damaged. Every wrong free is refused. */
extern BERTH_API const berth_engine_t berth_arena_engine;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_ARENA_H */
