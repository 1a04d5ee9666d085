/* low.c: low water: the least that sets of regions ever had, followed change by change.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who changes a region tells what it has now, with the region's lock held, and then the tables': so
 * the figures of several regions are always of one instant, though none waits for another.
 */
#include "berth/low.h"

#include "follow.h"
#include "manager.h"
#include "seal.h"

#define SLOT_WORDS (offsetof(berth_low_kept_t, slots[0].seal) / sizeof(uint32_t))

_Static_assert(sizeof(berth_least_t) == 32, "tools rely on one layout");
_Static_assert(sizeof(berth_low_kept_t) == 144, "tools rely on one layout");

/* --- figures --------------------------------------------------------------------------------- */

static bool low_has(const berth_low_t *low, const berth_region_t *region)
{
    return (low->regions >> region->index & 1u) != 0;
}

static uint32_t low_free(const berth_low_t *low)
{
    return low->free_now < UINT32_MAX ? (uint32_t)low->free_now : UINT32_MAX;
}

/* The largest size that any of its regions could grant, as they told. Bounded by the regions. */
static uint32_t low_allocatable(berth_t *berth, const berth_low_t *low)
{
    uint32_t most = 0;
    for (const berth_region_t *region = LIST_READ(berth->first); region != NULL;
         region = LIST_READ(region->next)) {
        most = low_has(low, region) ? greater(most, region->told_allocatable) : most;
    }
    return most;
}

/* Puts an owner where it belongs among those who hold the most. */
static void least_rank(berth_least_t *least, berth_owner_t owner, uint32_t held)
{
    uint32_t rank = BERTH_LOW_OWNERS - 1;
    for (; rank != 0 && held > least->held[rank - 1]; rank--) {
        least->held[rank] = least->held[rank - 1];
        least->owners[rank] = least->owners[rank - 1];
    }
    least->held[rank] = held;
    least->owners[rank] = owner;
}

/* Who holds what now. Bounded by the owners. */
static berth_least_t least_now(const berth_t *berth, const berth_low_t *low, uint64_t time)
{
    berth_least_t least = {.time_us = time};
    for (uint32_t i = 0; low->held != NULL && i < berth->owner_count; i++) {
        if (low->held[i] > least.held[BERTH_LOW_OWNERS - 1]) {
            least_rank(&least, i == 0 ? BERTH_OTHERS : (berth_owner_t)i, low->held[i]);
        }
    }
    return least;
}

/* Overwrites the older of the two records, so that there is always one. */
static void low_keep(berth_low_t *low)
{
    const uint32_t number = ++low->number;
    berth_low_kept_t *kept = low->kept;
    kept->slots[number & 1u].figures = low->least;
    kept->slots[number & 1u].number = number;
    kept->slots[number & 1u].seal = seal_of(&kept->slots[number & 1u], SLOT_WORDS);
}

/* Begins a window with what is so now. With the tables' lock held. */
static void low_begin(berth_t *berth, berth_low_t *low, uint64_t time)
{
    const berth_least_t now = least_now(berth, low, time);
    low->least = (berth_low_figures_t){.free = now, .allocatable = now};
    low->least.free.bytes = low_free(low);
    low->least.allocatable.bytes = low_allocatable(berth, low);
    if (low->kept != NULL) {
        low_keep(low);
    }
}

/* Notes what has never been so little. */
static void low_judge(berth_t *berth, berth_low_t *low, const berth_region_t *region, uint64_t time)
{
    berth_low_figures_t *least = &low->least;
    const uint32_t free = low_free(low);
    const uint32_t allocatable = region->told_allocatable < least->allocatable.bytes
                                     ? low_allocatable(berth, low)
                                     : UINT32_MAX;
    const bool is_free_less = free < least->free.bytes;
    const bool is_allocatable_less = allocatable < least->allocatable.bytes;
    if (!is_free_less && !is_allocatable_less) {
        return;
    }
    const berth_least_t now = least_now(berth, low, time);
    if (is_free_less) {
        least->free = now;
        least->free.bytes = free;
    }
    if (is_allocatable_less) {
        least->allocatable = now;
        least->allocatable.bytes = allocatable;
    }
    if (low->kept != NULL) {
        low_keep(low);
    }
}

/* --- following ------------------------------------------------------------------------------- */

/* The account that an owner's blocks are counted in. */
static uint32_t held_index(const berth_region_t *region, berth_owner_t owner)
{
    return region->accounts != NULL ? owner_account(owner) : 0;
}

/* Puts a region's share into each window that it is in. Bounded by the windows. */
static void lows_change(berth_t *berth, berth_region_t *region, const berth_event_t *event)
{
    const uint32_t before = region->told_live;
    const uint32_t after = region->total.live;
    const uint32_t index = held_index(region, event->owner);
    for (berth_low_t *low = berth->lows; low != NULL; low = low->next) {
        if (low_has(low, region)) {
            low->free_now = low->free_now + before - after;
            if (low->held != NULL) {
                low->held[index] += after - before;
            }
            low_judge(berth, low, region, event->time_us);
        }
    }
    region->told_live = after;
}

/* What every owner holds in a region becomes part of a window, which its first region begins. With
 * both locks held. */
static void low_take_in(berth_t *berth, berth_low_t *low, const berth_region_t *region,
                        uint64_t time)
{
    const bool is_first = low->regions == 0;
    low->regions |= 1u << region->index;
    low->free_now += region->capacity - region->told_live;
    for (uint32_t i = 0; low->held != NULL && i < berth->owner_count; i++) {
        low->held[i] += region->accounts != NULL ? region->accounts[i].live
                        : i == 0                 ? region->told_live
                                                 : 0;
    }
    if (is_first) {
        low_begin(berth, low, time);
    }
}

/* False: a lock is refused. What the region told stays, so the next change tells both. */
static bool region_tell(berth_t *berth, berth_region_t *region, const berth_event_t *event,
                        berth_low_t *joining)
{
    const uint32_t allocatable = region->engine->allocatable(region, 0, BERTH_OTHERS);
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        __atomic_fetch_add(&berth->lost, 1, __ATOMIC_RELAXED);
        return false;
    }
    region->told_allocatable = allocatable;
    lows_change(berth, region, event);
    if (joining != NULL) {
        low_take_in(berth, joining, region, event->time_us);
    }
    lock_leave(berth->port, &berth->tables, key);
    return true;
}

static void low_changed(berth_t *berth, berth_region_t *region, const berth_event_t *event)
{
    (void)region_tell(berth, region, event, NULL);
}

/* --- windows --------------------------------------------------------------------------------- */

static bool low_wants(const berth_low_t *low, const berth_region_t *region)
{
    const bool is_named =
        low->region != NULL ? low->region == region : has_all(region->able, low->caps);
    return is_named && region->capacity != UINT32_MAX;
}

/* Lets a region count in a window. False: a lock is refused. */
static bool low_join(berth_t *berth, berth_low_t *low, berth_region_t *region)
{
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    const berth_event_t now = {.time_us = event_time(berth), .owner = BERTH_OTHERS};
    const bool is_joined = region_tell(berth, region, &now, low);
    if (is_joined) {
        follow_begin(region);
    }
    lock_leave(berth->port, &region->lock, key);
    return is_joined;
}

/* A region that was added joins every window that wants it. */
static void low_joined(berth_t *berth, berth_region_t *region)
{
    for (berth_low_t *low = LIST_READ(berth->lows); low != NULL; low = LIST_READ(low->next)) {
        if (low_wants(low, region)) {
            (void)low_join(berth, low, region);
        }
    }
}

static const berth_follow_t low_follow = {.changed = low_changed, .joined = low_joined};

/* The link that leads to a window, or the last one. */
static berth_low_t **low_link(berth_t *berth, const berth_low_t *low)
{
    berth_low_t **link = &berth->lows;
    while (*link != NULL && *link != low) { /* only calls of this file change it */
        link = &(*link)->next;
    }
    return link;
}

/* Clears what is the manager's; what was kept before is no record any more. */
static void low_clear(const berth_t *berth, berth_low_t *low)
{
    low->next = NULL;
    low->follow = &low_follow;
    low->regions = 0;
    low->free_now = 0;
    low->number = 0;
    low->least = (berth_low_figures_t){.free = {0}};
    for (uint32_t i = 0; low->held != NULL && i < berth->owner_count; i++) {
        low->held[i] = 0;
    }
    for (uint32_t i = 0; low->kept != NULL && i < 2; i++) {
        low->kept->slots[i].number = 0;
        low->kept->slots[i].seal = 0;
    }
}

static bool low_is_sane(berth_t *berth, const berth_low_t *low)
{
    const bool names_any =
        low->region != NULL ? low->region->capacity != UINT32_MAX : low->caps != 0;
    return manager_is_awake(berth) && names_any && *low_link(berth, low) == NULL;
}

static bool low_restart(berth_t *berth, berth_low_t *low)
{
    const uint64_t time = event_time(berth);
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    low_begin(berth, low, time);
    lock_leave(berth->port, &berth->tables, key);
    return true;
}

static bool low_unlink(berth_t *berth, const berth_low_t *low)
{
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    LIST_WRITE(*low_link(berth, low), low->next);
    lock_leave(berth->port, &berth->tables, key);
    follow_settle(berth);
    return true;
}

berth_status_t berth_low_add(berth_t *berth, berth_low_t *low)
{
    if (!low_is_sane(berth, low)) {
        return BERTH_ERR_INVALID;
    }
    low_clear(berth, low);
    LIST_WRITE(*low_link(berth, low), low);
    bool is_joined = true;
    for (berth_region_t *region = LIST_READ(berth->first); region != NULL;
         region = LIST_READ(region->next)) {
        is_joined = is_joined && (!low_wants(low, region) || low_join(berth, low, region));
    }
    if (!is_joined || !low_restart(berth, low)) { /* with all of them */
        (void)low_unlink(berth, low);
        return BERTH_ERR_BUSY;
    }
    return BERTH_OK;
}

berth_status_t berth_low_remove(berth_t *berth, berth_low_t *low)
{
    if (berth->port == NULL || *low_link(berth, low) == NULL) {
        return BERTH_ERR_INVALID;
    }
    return low_unlink(berth, low) ? BERTH_OK : BERTH_ERR_BUSY;
}

berth_status_t berth_low_reset(berth_t *berth, berth_low_t *low)
{
    if (berth->port == NULL || *low_link(berth, low) == NULL) {
        return BERTH_ERR_INVALID;
    }
    return low_restart(berth, low) ? BERTH_OK : BERTH_ERR_BUSY;
}

berth_low_figures_t berth_low_read(berth_t *berth, const berth_low_t *low)
{
    if (berth->port == NULL) {
        return (berth_low_figures_t){.free = {0}};
    }
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    const berth_low_figures_t figures = low->least;
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
    return figures;
}

/* --- what a reset does not take -------------------------------------------------------------- */

typedef enum slot_state {
    SLOT_BLANK,
    SLOT_DAMAGED,
    SLOT_SOUND
} slot_state_t;

static slot_state_t slot_look(const berth_low_kept_t *kept, uint32_t index)
{
    const uint32_t number = kept->slots[index].number;
    const uint32_t seal = kept->slots[index].seal;
    if ((number | seal) == 0) {
        return SLOT_BLANK;
    }
    const bool is_sound = seal == seal_of(&kept->slots[index], SLOT_WORDS);
    return is_sound ? SLOT_SOUND : SLOT_DAMAGED;
}

berth_low_record_t berth_low_recall(const berth_low_kept_t *kept)
{
    const slot_state_t first = slot_look(kept, 0);
    const slot_state_t second = slot_look(kept, 1);
    berth_low_record_t record = {.status = first == SLOT_BLANK && second == SLOT_BLANK
                                               ? BERTH_ERR_UNKNOWN
                                               : BERTH_ERR_CORRUPT};
    if (first != SLOT_SOUND && second != SLOT_SOUND) {
        return record;
    }
    const bool is_second =
        first != SLOT_SOUND ||
        (second == SLOT_SOUND && kept->slots[1].number - kept->slots[0].number < UINT32_MAX / 2);
    record.figures = kept->slots[is_second].figures;
    record.status = BERTH_OK;
    record.is_last = first != SLOT_DAMAGED && second != SLOT_DAMAGED;
    return record;
}
