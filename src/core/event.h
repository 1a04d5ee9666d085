/* event.h: writes outcomes down, in the order in which they happen.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What happens to a region's blocks is written into the region's own ring, under the region's lock:
 * so regions do not wait for each other. Refusals and other alarms have a ring of the manager's,
 * and are never displaced by ordinary traffic. One count numbers all of them.
 */
#ifndef BERTH_EVENT_H
#define BERTH_EVENT_H

#include "core.h"

/* In the `skip` of a region's ring: the region is followed, so that short ways must not write there
 * themselves. The bit is an alarm's, which no such ring ever has, and near to those of ALLOC and
 * FREE: one constant on any machine. */
#define RING_FOLLOWED (1u << BERTH_EVENT_VIOLATION)
#define RING_SKIPS_ALL (~RING_FOLLOWED) /* of a region that nobody follows */

/* Reads a clock that wraps, and extends it. */
uint64_t event_time_extended(berth_t *berth);

static inline uint64_t event_time(berth_t *berth)
{
    return !berth->clock_wraps ? berth->port->now_us(berth->port->self)
                               : event_time_extended(berth);
}

static inline uint32_t event_number(berth_t *berth)
{
    return __atomic_fetch_add(&berth->sequence, 1, __ATOMIC_RELAXED);
}

/* What an event tells, apart from when and where. */
berth_event_t event_of(berth_event_kind_t kind, int32_t status, berth_owner_t owner, uint32_t site);

/* The same, of something in a region. */
berth_event_t event_at(berth_event_kind_t kind, const spot_t *spot, berth_owner_t owner,
                       uint32_t site);

/* Writes down what happened in a region, at what time, and tells who follows it. With the region's
 * lock held, and the ledger as it is now. */
void event_post(berth_t *berth, berth_region_t *region, berth_event_t *event);

/* Posts an alarm, at what time; if the manager's lock is refused, counts it as lost. */
void event_alarm(berth_t *berth, berth_event_t *event);

/* Posts that an event made its owner exceed its soft budget. With the region's lock held. */
void event_alarm_budget(berth_t *berth, const berth_region_t *region, const berth_event_t *event);

/* Posts a refusal, as a violation if it is one, and logs it. Without any lock. */
void event_refuse(berth_t *berth, berth_event_t *event);

/* Tells the port's assertion of what no program should do. Without any lock. */
void event_assert(const berth_t *berth, const berth_event_t *event);

#endif /* BERTH_EVENT_H */
