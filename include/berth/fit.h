/* fit.h: the general engine: exact, bounded, 4 bytes of bookkeeping a block.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_FIT_H
#define BERTH_FIT_H

#include "berth/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* No call takes more instructions than this: built for x86-64 with -O2, in a region of up to 16 MB
 * at granule 4, start() and the check() of a region's first block apart, and the debug form. A list
 * of free blocks is at most 45 long, and a call walks two; the tournament has 13 rounds at most,
 * and a call plays it three times. tests/property/adversary.c builds a region that comes close. */
#define BERTH_FIT_BOUND 1100u

/* The limits of a region: 2^22 - 1 granules (16 MB at granule 4, 32 MB at 8), at most 1 GB with the
 * bookkeeping inside. Inside, the granule is 4 to 1024 and `base` and `address` are multiples of 4;
 * beside, any power of two from 4. A block takes 12 bytes at least, beside 3 granules. A wrong
 * free is refused unless what lies there looks like a header whose block has the right neighbours:
 * foreign offsets and immediate double frees always, interior ones but for stale or copied headers
 * at least 99.9 % (tests/fault/wrong_free.c prints the rates by class). */

/* Blocks of any size. Granule 4 unless the region says otherwise. Bookkeeping in the region, or,
 * when the region brings memory `beside` it, there: then no byte of the region is read or
 * written. */
extern BERTH_API const berth_engine_t berth_fit_engine;

/* The same engine without check(), and without what needs want to know beforehand: less code for
 * who has no use for either. */
extern BERTH_API const berth_engine_t berth_fit_bare_engine;

/* The same engine in its debug form: guard bytes before and after each block, poison on free, and a
 * quarantine that keeps freed blocks back. It writes single bytes, so the region must bear that.
 * Damage is reported by free(), resize() and check(). */
extern BERTH_API const berth_engine_t berth_fit_debug_engine;

/* Verifies and mends regions of either form, in steps of MEND_LOOKS (32) words or blocks, each of a
 * block with the two or three after it; of the debug form it knows the engine's blocks and no
 * guards, and takes those in quarantine for live: give its check no accounts. */
extern BERTH_API const berth_mender_t berth_fit_mender;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_FIT_H */
