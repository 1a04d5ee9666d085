/* ledger.h: who pays for a block, and whether they may.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it under the region's lock. A region's totals are the sums of its accounts.
 */
#ifndef BERTH_LEDGER_H
#define BERTH_LEDGER_H

#include "route.h"

/* Whether `cost` more bytes of a region are beyond an owner's hard budget. */
bool ledger_exceeds(const berth_region_t *region, berth_owner_t owner, uint32_t cost);

/* Why an owner may not take `cost` more bytes of a region, of which `left` must stay free, and
 * `kept` are for others; or BERTH_OK. */
int32_t ledger_bars(const berth_region_t *region, berth_owner_t owner, uint32_t cost, uint32_t left,
                    uint32_t kept);

/* Bytes that a region keeps from an owner who needs these caps. Bounded by its floors. */
uint32_t ledger_floors(const berth_region_t *region, berth_owner_t owner, berth_caps_t needed);

static inline uint32_t ledger_kept(const berth_region_t *region, berth_owner_t owner,
                                   berth_caps_t needed)
{
    return region->floors != NULL ? ledger_floors(region, owner, needed) : 0;
}

/* Why an owner may not have a block in a region, BERTH_OK if only the engine can tell. */
int32_t ledger_judge(const berth_region_t *region, berth_owner_t owner, const berth_request_t *hop);

/* The largest size that an owner would get in a region under a hop's other conditions. Bounded by
 * 32 questions to the engine. */
uint32_t ledger_grantable(const berth_region_t *region, berth_owner_t owner,
                          const berth_request_t *hop);

/* The bytes of a region that are kept from an owner: by floors, and by needs that hold them. */
uint32_t ledger_reserved(const berth_region_t *region, berth_owner_t owner,
                         const berth_request_t *hop);

/* Charges an owner: `before` bytes of its have become `after`, and its blocks `count` more. Tells
 * whether it exceeds its soft budget by that. */
bool ledger_change(berth_region_t *region, berth_owner_t owner, uint32_t before, uint32_t after,
                   int32_t count);

/* Refunds a block. An owner that there is not, which damage wrote, is refunded nothing: the check
 * finds what is missing. */
void ledger_refund(const berth_t *berth, berth_region_t *region, berth_owner_t owner,
                   uint32_t size);

#endif /* BERTH_LEDGER_H */
