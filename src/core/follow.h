/* follow.h: tells of each change of a region's blocks to those who declared that they follow it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nobody follows a region at first: then its `follow` is NULL, a look at that is all it costs, and
 * none of this is linked. Followers are found through pointers that they bring along, so that who
 * declares one kind does not get the others.
 */
#ifndef BERTH_FOLLOW_H
#define BERTH_FOLLOW_H

#include "event.h"

#include "berth/low.h"

/* What followers of a kind do. */
typedef struct berth_follow {
    /* A region's blocks have changed, and its accounts. With its lock held. */
    void (*changed)(berth_t *berth, berth_region_t *region, const berth_event_t *event);

    /* A region has been added. Without any lock. */
    void (*joined)(berth_t *berth, berth_region_t *region);
} berth_follow_t;

/* Tells who may want to know that a region has been added. */
static inline void follow_joined(berth_t *berth, berth_region_t *region)
{
    if (berth->lows != NULL) {
        berth->lows->follow->joined(berth, region);
    }
}

/* Lets a region tell its followers. With its lock held. */
void follow_begin(berth_region_t *region);

/* Waits until nobody tells a follower any more that has left the lists, and lets those regions be
 * silent that nobody follows. Bounded by the regions. */
void follow_settle(berth_t *berth);

#endif /* BERTH_FOLLOW_H */
