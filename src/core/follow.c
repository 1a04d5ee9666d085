/* follow.c: hands each change of a region's blocks to those who follow it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "follow.h"

static void follow_changed(berth_t *berth, berth_region_t *region, const berth_event_t *event)
{
    const berth_low_t *lows = LIST_READ(berth->lows);
    if (lows != NULL) {
        lows->follow->changed(berth, region, event);
    }
}

void follow_begin(berth_region_t *region)
{
    region->follow = follow_changed;
}

/* Bounded by the windows. With the tables' lock held. */
static bool region_is_followed(const berth_t *berth, const berth_region_t *region)
{
    const berth_low_t *low = berth->lows;
    while (low != NULL && (low->regions >> region->index & 1u) == 0) {
        low = low->next;
    }
    return low != NULL;
}

static void region_settle(berth_t *berth, berth_region_t *region)
{
    const uintptr_t key = lock_take(berth->port, &region->lock);
    const uintptr_t tables = lock_take(berth->port, &berth->tables);
    if (key != BERTH_LOCK_REFUSED && tables != BERTH_LOCK_REFUSED) {
        region->follow = region_is_followed(berth, region) ? region->follow : NULL;
    }
    if (tables != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, tables);
    }
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &region->lock, key);
    }
}

void follow_settle(berth_t *berth)
{
    for (berth_region_t *region = LIST_READ(berth->first); region != NULL;
         region = LIST_READ(region->next)) {
        region_settle(berth, region);
    }
}
