/* ledger.c: charges, refunds, and what budgets allow.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger.h"

static bool region_has_budgets(const berth_region_t *region)
{
    return region->budgets != NULL && region->accounts != NULL;
}

static bool floor_is_for(const berth_floor_t *floor, berth_owner_t owner, berth_caps_t needed)
{
    const berth_owner_t *each = floor->owners;
    while (each != NULL && *each != BERTH_NO_OWNER && *each != owner) {
        each++;
    }
    return (each != NULL && *each == owner) || (floor->caps != 0 && has_all(needed, floor->caps));
}

COLD uint32_t ledger_floors(const berth_region_t *region, berth_owner_t owner, berth_caps_t needed)
{
    uint32_t kept = 0;
    for (const berth_floor_t *floor = region->floors; floor->bytes != 0; floor++) {
        kept += floor_is_for(floor, owner, needed) ? 0 : floor->bytes;
    }
    return kept;
}

/* Whether `staying` bytes stay free when `cost` are taken. Where nobody knows what is free (a
 * foreign heap), what its engine would grant counts. */
static COLD bool region_spares(const berth_region_t *region, uint32_t cost, uint32_t staying)
{
    const uint32_t room = region->capacity != UINT32_MAX
                              ? region->capacity - region->total.live
                              : region->engine->allocatable(region, 0, BERTH_OTHERS);
    return staying <= room && cost <= room - staying;
}

bool ledger_exceeds(const berth_region_t *region, berth_owner_t owner, uint32_t cost)
{
    if (!region_has_budgets(region)) {
        return false;
    }
    const uint32_t index = owner_account(owner);
    const uint32_t hard = region->budgets[index].hard;
    const uint32_t live = region->accounts[index].live;
    return hard != 0 && (live > hard || cost > hard - live);
}

int32_t ledger_bars(const berth_region_t *region, berth_owner_t owner, uint32_t cost, uint32_t left,
                    uint32_t kept)
{
    if (ledger_exceeds(region, owner, cost)) {
        return BERTH_ERR_BUDGET;
    }
    if (left != 0 && !region_spares(region, cost, left)) {
        return BERTH_ERR_LEFT;
    }
    return kept == 0 || region_spares(region, cost, kept) ? BERTH_OK : BERTH_ERR_FLOOR;
}

int32_t ledger_judge(const berth_region_t *region, berth_owner_t owner, const berth_request_t *hop)
{
    const uint32_t cost = region->engine->cost(region, hop->size, hop->align, owner);
    const bool has_room = cost != 0 && cost <= region->capacity - region->total.live;
    const uint32_t kept = ledger_kept(region, owner, hop_needed(hop));
    return has_room ? ledger_bars(region, owner, cost, hop_left(hop), kept) : BERTH_ERR_NOMEM;
}

uint32_t ledger_grantable(const berth_region_t *region, berth_owner_t owner,
                          const berth_request_t *hop)
{
    const berth_engine_t *engine = region->engine;
    const uint32_t left = hop_left(hop);
    const uint32_t kept = ledger_kept(region, owner, hop_needed(hop));
    const uint32_t least = engine->cost(region, 1, hop->align, owner);
    if (least == 0 || ledger_bars(region, owner, least, left, kept) != BERTH_OK) {
        return 0; /* soon: an ISR may be asking */
    }
    uint32_t high = engine->allocatable(region, hop->align, owner); /* the largest that might do */
    uint32_t low = 0; /* the largest that is known to do */
    for (uint32_t size = high; low < high; size = high - (high - low) / 2) {
        const uint32_t cost = engine->cost(region, size, hop->align, owner);
        if (ledger_bars(region, owner, cost, left, kept) == BERTH_OK) {
            low = size;
        } else {
            high = size - 1;
        }
    }
    return low;
}

uint32_t ledger_reserved(const berth_region_t *region, berth_owner_t owner,
                         const berth_request_t *hop)
{
    return region->unclaimed + ledger_kept(region, owner, hop_needed(hop));
}

static uint32_t budget_soft(const berth_region_t *region, uint32_t index)
{
    return region->budgets != NULL ? region->budgets[index].soft : 0;
}

/* Blocks of `before` bytes become blocks of `after`, `count` more of them. */
static void account_change(berth_account_t *account, uint32_t before, uint32_t after, int32_t count)
{
    account->live += after - before;
    account->count += (uint32_t)count;
    account->peak = greater(account->peak, account->live);
}

bool ledger_change(berth_region_t *region, berth_owner_t owner, uint32_t before, uint32_t after,
                   int32_t count)
{
    const uint32_t index = owner_account(owner);
    region->changes++;
    account_change(&region->total, before, after, count);
    if (region->accounts == NULL) {
        return false;
    }
    account_change(&region->accounts[index], before, after, count);
    const uint32_t live = region->accounts[index].live;
    const uint32_t soft = budget_soft(region, index);
    return soft != 0 && after > before && live > soft && live - (after - before) <= soft;
}

static void total_refund(berth_region_t *region, uint32_t size)
{
    region->changes++;
    account_change(&region->total, size, 0, -1);
}

void ledger_refund(const berth_t *berth, berth_region_t *region, berth_owner_t owner, uint32_t size)
{
    if (owner_has_account(berth, owner)) {
        (void)ledger_change(region, owner, size, 0, -1);
    } else {
        total_refund(region, size);
    }
}
