/* check.h: verifies a region's bookkeeping in slices, and contains what damage it finds.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One call is one slice under the region's lock; a task calls as often as it likes, while others
 * allocate and free. When a slice finds damage, the region is fenced: calls on its blocks are
 * refused (BERTH_ERR_CORRUPT; a block whose free was refused so stays allocated), requests go on to
 * the next region. Further calls then mend it: what
 * cannot be proved is withdrawn, no byte of any block is written, and the accounts are made what
 * the blocks say. Then the region serves again, or stays fenced if it cannot be mended. Either is
 * told by an event, BERTH_EVENT_DAMAGE:
 *
 *   status CORRUPT   found at `offset`: the region is fenced
 *   status OK        mended: `size` bytes were withdrawn, the first at `offset`; `taken` bytes were
 *                    `owner`'s: BERTH_OTHERS if nobody knows whose
 *   status UNKNOWN   it cannot be mended, and stays fenced
 *
 * A round in which nothing else changes the region also compares the accounts with the blocks: a
 * difference is told as mended, with size 0.
 */
#ifndef BERTH_CHECK_H
#define BERTH_CHECK_H

#include "berth/berth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_CHECK_SLICE 8u /* blocks that a call verifies, at most, under the region's lock */

/* Where the check of a region is; all 0 at first but the first three. One check of a region at a
 * time. After the end it begins anew by itself. */
typedef struct {
    berth_region_t *region;
    const berth_mender_t *mender; /* of the region's engine: berth_fit_mender; NULL: damage fences
                                     the region for good */
    berth_account_t *accounts;    /* room for as many as the manager has owners; NULL: the
                                     ledger is neither compared nor set right */
    berth_walk_t walk;
    uint32_t audited; /* the mender's cursor */
    uint32_t began;   /* the region's count of changes when the round began */
    uint8_t phase;    /* the manager's */
    berth_mending_t mending;
} berth_check_t;

/* What a slice came to. */
typedef struct {
    uint32_t checked;   /* blocks verified */
    uint32_t withdrawn; /* bytes that were withdrawn by this mending so far */
    int8_t status;      /* BERTH_OK; BERTH_ERR_CORRUPT: the region is fenced; BERTH_ERR_BUSY: the
                           lock is refused */
    bool is_done;       /* all blocks are verified, or the region was mended or given up */
} berth_checked_t;

/* Verifies the next slice of a region, or mends the next part of it. What changes between two calls
 * is verified as it is then. [task, boot] */
BERTH_API BERTH_MUST_CHECK berth_checked_t berth_check(berth_t *berth, berth_check_t *check);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_CHECK_H */
