/* follow.c: hands each change of a region's blocks to those who follow it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "follow.h"

/* With the region's lock and the tables' held. */
static void followers_tell(berth_t *berth, const berth_region_t *region, const berth_event_t *event,
                           uint32_t more)
{
    if (berth->lows != NULL) {
        berth->lows->follow->changed(berth, region, event, more);
    }
    if (berth->sites != NULL) {
        berth->sites->follow->changed(berth, region, event, more);
    }
}

/* Returns the key of the tables' lock; if that is refused, what the region told stays, and the next
 * change tells both. */
static uintptr_t follow_tell(berth_t *berth, berth_region_t *region, const berth_event_t *event)
{
    const uint32_t allocatable = region->engine->allocatable(region, 0, BERTH_OTHERS);
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        __atomic_fetch_add(&berth->lost, 1, __ATOMIC_RELAXED);
        return key;
    }
    const uint32_t more = region->total.live - region->told_live;
    region->told_live = region->total.live;
    region->told_allocatable = allocatable;
    followers_tell(berth, region, event, more);
    return key;
}

static void follow_changed(berth_t *berth, berth_region_t *region, const berth_event_t *event)
{
    const uintptr_t key = follow_tell(berth, region, event);
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
}

uintptr_t follow_begin(berth_t *berth, berth_region_t *region)
{
    const berth_event_t now = {
        .time_us = event_time(berth), .kind = BERTH_EVENT_REGION, .owner = BERTH_OTHERS};
    const uintptr_t key = follow_tell(berth, region, &now);
    if (key != BERTH_LOCK_REFUSED) {
        region->follow = follow_changed;
        region->ring.skip |= RING_FOLLOWED;
    }
    return key;
}

/* Bounded by the windows. With the tables' lock held. */
static bool region_is_followed(const berth_t *berth, const berth_region_t *region)
{
    uint32_t followed = berth->sites != NULL ? berth->sites->regions : 0;
    for (const berth_low_t *low = berth->lows; low != NULL; low = low->next) {
        followed |= low->regions;
    }
    return (followed >> region->index & 1u) != 0;
}

static void region_settle(berth_t *berth, berth_region_t *region)
{
    const uintptr_t key = lock_take(berth->port, &region->lock);
    const uintptr_t tables = lock_take(berth->port, &berth->tables);
    if (key != BERTH_LOCK_REFUSED && tables != BERTH_LOCK_REFUSED &&
        !region_is_followed(berth, region)) {
        region->follow = NULL;
        region->ring.skip &= ~RING_FOLLOWED;
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
