/* give.c: hands blocks from one owner to another, and an arena's back all at once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "event.h"
#include "manager.h"

/* Why the running context must not enter a region. */
static int32_t context_bars_here(berth_t *berth, const berth_region_t *region)
{
    return context_bars(context_of(berth)->guards, region);
}

/* Tells of what was refused. */
static berth_status_t give_fail(berth_t *berth, berth_event_t event, int32_t status)
{
    event.status = (int8_t)status;
    event_refuse(berth, &event);
    if (status == BERTH_ERR_GUARD) {
        event_assert(berth, &event);
    }
    return (berth_status_t)status;
}

/* Whether a live block may go to another owner. */
static int32_t give_judge(const berth_t *berth, const berth_region_t *region, berth_block_t block,
                          berth_owner_t owner)
{
    if (block.status != BERTH_OK || !owner_is_served(berth, owner) ||
        !owner_has_account(berth, block.owner) || region->owner != BERTH_NO_OWNER) {
        return BERTH_ERR_INVALID;
    }
    const bool is_beyond = block.owner != owner && ledger_exceeds(region, owner, block.taken);
    return is_beyond ? BERTH_ERR_BUDGET : BERTH_OK;
}

static int32_t give_do(berth_t *berth, spot_t spot, berth_event_t event)
{
    berth_region_t *region = spot.region;
    const berth_owner_t owner = event.owner;
    const berth_block_t block = region->engine->find(region, spot.offset);
    const bool is_ordinary = spot_holds(&spot) && spot_hold(berth, &spot) == HOLD_NONE;
    int32_t status = is_ordinary ? give_judge(berth, region, block, owner) : BERTH_ERR_INVALID;
    if (status == BERTH_OK) {
        status = region->engine->give(region, spot.offset, owner);
    }
    if (status != BERTH_OK) {
        return status;
    }
    (void)ledger_change(region, block.owner, block.taken, 0, -1);
    if (region->follow != NULL) { /* who had it has less; then who gets it, more */
        berth_event_t less = event;
        less.owner = block.owner;
        region->follow(berth, region, &less);
    }
    const bool exceeds = ledger_change(region, owner, 0, block.taken, 1);
    event.taken = block.taken;
    event_post(berth, region, &event);
    if (exceeds && block.owner != owner) {
        event_alarm_budget(berth, region, &event);
    }
    return BERTH_OK;
}

berth_status_t berth_give(berth_t *berth, void *block, berth_owner_t owner)
{
    if (berth->port == NULL) {
        return BERTH_ERR_INVALID;
    }
    const spot_t spot = spot_of(berth, block);
    berth_event_t event = event_at(BERTH_EVENT_GIVE, &spot, owner, SITE);
    if (spot.region == NULL) {
        return give_fail(berth, event, spot.status);
    }
    int32_t status = context_bars_here(berth, spot.region);
    if (status == BERTH_OK) {
        const uintptr_t key = lock_take(berth->port, &spot.region->lock);
        status = BERTH_ERR_BUSY;
        if (key != BERTH_LOCK_REFUSED) {
            status = give_do(berth, spot, event);
            lock_leave(berth->port, &spot.region->lock, key);
        }
    }
    return status == BERTH_OK ? BERTH_OK : give_fail(berth, event, status);
}

uint32_t berth_mark(berth_t *berth, berth_region_t *region)
{
    if (!manager_is_awake(berth) || region->engine->mark == NULL ||
        context_bars_here(berth, region) != BERTH_OK) {
        return BERTH_NOWHERE;
    }
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return BERTH_NOWHERE;
    }
    const uint32_t mark = region->engine->mark(region);
    lock_leave(berth->port, &region->lock, key);
    return mark;
}

static int32_t reset_do(berth_t *berth, berth_region_t *region, berth_event_t event)
{
    const berth_undone_t undone = region->engine->reset(region, event.offset);
    if (undone.status == BERTH_OK) {
        (void)ledger_change(region, region->owner, undone.size, 0, -(int32_t)undone.count);
        event.taken = undone.size;
        event_post(berth, region, &event);
    }
    return undone.status;
}

berth_status_t berth_reset(berth_t *berth, berth_region_t *region, uint32_t mark)
{
    if (berth->port == NULL) {
        return BERTH_ERR_INVALID;
    }
    const spot_t spot = {.region = region, .offset = mark};
    berth_event_t event = event_at(BERTH_EVENT_RESET, &spot, region->owner, SITE);
    int32_t status =
        region->engine->reset != NULL ? context_bars_here(berth, region) : BERTH_ERR_INVALID;
    if (status == BERTH_OK) {
        const uintptr_t key = lock_take(berth->port, &region->lock);
        status = BERTH_ERR_BUSY;
        if (key != BERTH_LOCK_REFUSED) {
            status = reset_do(berth, region, event);
            lock_leave(berth->port, &region->lock, key);
        }
    }
    return status == BERTH_OK ? BERTH_OK : give_fail(berth, event, status);
}
