/* poll.c: hands events out to whoever polls, the oldest of all rings first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "event.h"

#define POLL_SLICE 8u /* events that are copied under one lock */

/* Drops what was displaced. Returns how many events are unread. With the ring's lock held. */
static uint32_t ring_settle(berth_t *berth, berth_ring_t *ring)
{
    const uint32_t unread = ring->posted - ring->polled;
    if (unread <= ring->mask + 1) {
        return ring->events != NULL ? unread : 0;
    }
    __atomic_fetch_add(&berth->lost, unread - (ring->mask + 1), __ATOMIC_RELAXED);
    ring->polled = ring->posted - (ring->mask + 1);
    return ring->mask + 1;
}

/* A ring that is polled, and the lock that protects it. */
typedef struct source {
    berth_ring_t *ring; /* NULL: there is none left */
    berth_lock_t *lock;
    uint32_t oldest; /* sequence of its oldest unread event */
} source_t;

/* Looks at a ring's oldest event. */
static source_t source_look(berth_t *berth, berth_ring_t *ring, berth_lock_t *lock)
{
    source_t source = {.ring = NULL, .lock = lock};
    const uintptr_t key = lock_take(berth->port, lock);
    if (key == BERTH_LOCK_REFUSED) {
        return source;
    }
    if (ring_settle(berth, ring) != 0) {
        source.ring = ring;
        source.oldest = ring->events[ring->polled & ring->mask].sequence;
    }
    lock_leave(berth->port, lock, key);
    return source;
}

static bool source_is_before(source_t a, source_t b)
{
    return a.ring != NULL && (b.ring == NULL || a.oldest - b.oldest > UINT32_MAX / 2);
}

/* The ring with the oldest event; `bound` becomes the oldest of all others. Bounded by the
 * regions. */
static source_t source_find(berth_t *berth, source_t *bound)
{
    source_t first = source_look(berth, &berth->alarms, &berth->tables);
    *bound = (source_t){.ring = NULL};
    for (berth_region_t *region = LIST_READ(berth->first); region != NULL;
         region = LIST_READ(region->next)) {
        source_t other = source_look(berth, &region->ring, &region->lock);
        if (source_is_before(other, first)) {
            const source_t later = first;
            first = other;
            other = later;
        }
        *bound = source_is_before(other, *bound) ? other : *bound;
    }
    return first;
}

/* Moves events that are older than the bound. */
static uint32_t source_drain(berth_t *berth, source_t source, source_t bound, berth_event_t *out,
                             uint32_t capacity)
{
    const uintptr_t key = lock_take(berth->port, source.lock);
    if (key == BERTH_LOCK_REFUSED) {
        return 0;
    }
    berth_ring_t *ring = source.ring;
    uint32_t unread = ring_settle(berth, ring);
    uint32_t count = 0;
    while (count < capacity && count < POLL_SLICE && unread != 0) {
        const berth_event_t *oldest = &ring->events[ring->polled & ring->mask];
        source.oldest = oldest->sequence;
        if (bound.ring != NULL && !source_is_before(source, bound)) {
            break;
        }
        out[count++] = *oldest;
        ring->polled++;
        unread--;
    }
    lock_leave(berth->port, source.lock, key);
    return count;
}

uint32_t berth_poll(berth_t *berth, berth_event_t *out, uint32_t capacity)
{
    if (berth->port == NULL) {
        return 0;
    }
    uint32_t count = 0;
    while (count < capacity) {
        source_t bound;
        const source_t source = source_find(berth, &bound);
        if (source.ring == NULL) {
            break;
        }
        const uint32_t moved = source_drain(berth, source, bound, out + count, capacity - count);
        if (moved == 0) {
            break;
        }
        count += moved;
    }
    (void)event_time(berth); /* so that polling alone keeps a clock that wraps in step */
    return count;
}

/* Counts what was displaced in every ring. */
static void lost_settle(berth_t *berth)
{
    source_t bound;
    (void)source_find(berth, &bound);
}

uint32_t berth_lost(berth_t *berth)
{
    if (berth->port != NULL) {
        lost_settle(berth);
    }
    return __atomic_load_n(&berth->lost, __ATOMIC_RELAXED);
}
