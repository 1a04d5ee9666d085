/* event.c: posts what happened: into a region's ring, or as an alarm.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "event.h"

_Static_assert(sizeof(berth_event_t) == 32, "tools rely on one layout");
_Static_assert(sizeof(berth_failure_t) == 64, "tools rely on one layout");

/* The time that a clock's reading means, whatever the first was: it goes on from the last, unless
 * it seems to step back: two cores' clocks may differ a little. */
static uint64_t time_after(uint64_t last, uint64_t now, uint64_t mask)
{
    const uint64_t ahead = (now - last) & mask;
    if (last == BERTH_NO_TIME) {
        return now;
    }
    return ahead <= mask / 2 ? last + ahead : last;
}

/* The clock is read under the manager's lock, so that readings are in order. */
COLD uint64_t event_time_extended(berth_t *berth)
{
    const berth_port_t *port = berth->port;
    const uintptr_t key = lock_take(port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return BERTH_NO_TIME;
    }
    const uint64_t now = port->now_us(port->self);
    if (now != BERTH_NO_TIME) {
        berth->time_us = time_after(berth->time_us, now, port->clock_mask);
    }
    const uint64_t time = berth->time_us;
    lock_leave(port, &berth->tables, key);
    return now != BERTH_NO_TIME ? time : BERTH_NO_TIME;
}

berth_event_t event_of(berth_event_kind_t kind, int32_t status, berth_owner_t owner, uint32_t site)
{
    return (berth_event_t){.site = site,
                           .offset = BERTH_NOWHERE,
                           .kind = (uint8_t)kind,
                           .status = (int8_t)status,
                           .region = BERTH_NO_REGION,
                           .owner = owner};
}

berth_event_t event_at(berth_event_kind_t kind, const spot_t *spot, berth_owner_t owner,
                       uint32_t site)
{
    berth_event_t event = event_of(kind, BERTH_OK, owner, site);
    if (spot->region != NULL) {
        event.region = spot->region->index;
        event.offset = spot->offset;
    }
    return event;
}

/* Numbers an event, and keeps it. With the ring's lock held. */
static void ring_put(berth_t *berth, berth_ring_t *ring, const berth_event_t *event)
{
    const uint32_t sequence = event_number(berth);
    if ((ring->skip >> event->kind & 1u) == 0) {
        berth_event_t *slot = &ring->events[ring->posted++ & ring->mask];
        *slot = *event;
        slot->sequence = sequence;
    }
}

void event_post(berth_t *berth, berth_region_t *region, berth_event_t *event)
{
    event->time_us = event_time(berth);
    ring_put(berth, &region->ring, event);
    if (region->follow != NULL) {
        region->follow(berth, region, event);
    }
}

COLD void event_alarm(berth_t *berth, berth_event_t *event)
{
    event->time_us = event_time(berth);
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        __atomic_fetch_add(&berth->lost, 1, __ATOMIC_RELAXED);
        (void)event_number(berth);
        return;
    }
    ring_put(berth, &berth->alarms, event);
    lock_leave(berth->port, &berth->tables, key);
}

void event_alarm_budget(berth_t *berth, const berth_region_t *region, const berth_event_t *event)
{
    const uint32_t account = owner_account(event->owner);
    berth_event_t alarm = *event;
    alarm.kind = BERTH_EVENT_BUDGET;
    alarm.size = region->budgets[account].soft;
    alarm.taken = region->accounts[account].live;
    event_alarm(berth, &alarm);
}

static const char *const STATUS_NAMES[] = {
    "fine",         "makes no sense", "no room", "damaged",   "no such memory",  "over budget",
    "must be left", "forbidden here", "locked",  "not known", "kept for others",
};

const char *berth_status_name(int32_t status)
{
    const uint32_t index = 0u - (uint32_t)status;
    return index < sizeof STATUS_NAMES / sizeof STATUS_NAMES[0] ? STATUS_NAMES[index] : "?";
}

void event_refuse(berth_t *berth, berth_event_t *event)
{
    const berth_port_t *port = berth->port;
    const bool is_wrong = event->status == BERTH_ERR_GUARD ||
                          (event->kind == BERTH_EVENT_FREE && event->status != BERTH_ERR_BUSY);
    if (event->status == BERTH_ERR_GUARD) {
        event->kind = BERTH_EVENT_VIOLATION;
    }
    event_alarm(berth, event);
    if (port->log != NULL) {
        port->log(port->self, is_wrong ? BERTH_LEVEL_ERROR : BERTH_LEVEL_WARNING,
                  berth_status_name(event->status));
    }
}

void event_assert(const berth_t *berth, const berth_event_t *event)
{
    if (berth->port->assertion != NULL) {
        berth->port->assertion(berth->port->self, event);
    }
}
