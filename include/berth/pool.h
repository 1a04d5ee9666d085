/* pool.h: the engine for blocks of one size: no loops, so that an ISR may use it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_POOL_H
#define BERTH_POOL_H

#include "berth/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a region's `config` points to. */
typedef struct berth_pool_config {
    uint32_t block_size; /* bytes, > 0; rounded up to the granule, or to `align` if that is more */
} berth_pool_config_t;

/* No call takes more instructions than this, start() and the check() of a region's first block
 * apart: built for x86-64 with -O2. None has a loop. */
#define BERTH_POOL_BOUND 160u

/* Blocks of one size. Granule 4 unless the region says otherwise: a power of two from 4. A block
 * costs one word of bookkeeping: in the region, whose `base` is a multiple of 4 then; or, when the
 * region brings memory `beside` it, there, and no byte of the region is read or written but a
 * block's one word more. That one is the block's last; where there is no `base`, or one that is not
 * as far from a multiple of 4 as `address`, no block carries any. At most 2^23 - 1 blocks.
 *
 * An alignment is served if every block of the pool has it, and refused otherwise, however large
 * the blocks are: a region's `align` gives it to all. Every wrong free is refused. */
extern BERTH_API const berth_engine_t berth_pool_engine;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_POOL_H */
