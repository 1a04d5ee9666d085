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
#include "berth/site.h"

/* What followers of a kind do. */
typedef struct berth_follow {
    /* A region's blocks have changed, its accounts, and what it told: it has `more` live bytes, of
     * the event's owner. With its lock and the tables' held. */
    void (*changed)(berth_t *berth, const berth_region_t *region, const berth_event_t *event,
                    uint32_t more);

    /* A region has been added. Without any lock. */
    void (*joined)(berth_t *berth, berth_region_t *region);
} berth_follow_t;

/* Tells who may want to know that a region has been added. */
static inline void follow_joined(berth_t *berth, berth_region_t *region)
{
    if (berth->lows != NULL) {
        berth->lows->follow->joined(berth, region);
    }
    if (berth->sites != NULL) {
        berth->sites->follow->joined(berth, region);
    }
}

/* Lets a region tell its followers from now on; all that was so far is told. With its lock held.
 * Returns the key of the tables' lock, which is held then; or BERTH_LOCK_REFUSED. */
uintptr_t follow_begin(berth_t *berth, berth_region_t *region);

/* Lets those regions be silent that nobody follows any more. Bounded by the regions. */
void follow_settle(berth_t *berth);

#endif /* BERTH_FOLLOW_H */
