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

#define SLOT_WORDS (offsetof(berth_low_slot_t, seal) / sizeof(uint32_t))

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
            least_rank(&least, owner_at(i), low->held[i]);
        }
    }
    return least;
}

/* Overwrites the older of the two records, so that there is always one. */
static void low_keep(berth_low_t *low)
{
    berth_low_slot_t *slot = &low->kept->slots[++low->number & 1u];
    slot->figures = low->least;
    slot->number = low->number;
    slot->seal = seal_of(slot, SLOT_WORDS);
}

static void least_set(berth_least_t *least, berth_least_t now, uint32_t bytes)
{
    *least = now;
    least->bytes = bytes;
}

/* Notes figures that are new. With the tables' lock held. */
static void low_note(berth_t *berth, berth_low_t *low, const uint32_t *free,
                     const uint32_t *allocatable, uint64_t time)
{
    const berth_least_t now = least_now(berth, low, time);
    if (free != NULL) {
        least_set(&low->least.free, now, *free);
    }
    if (allocatable != NULL) {
        least_set(&low->least.allocatable, now, *allocatable);
    }
    if (low->kept != NULL) {
        low_keep(low);
    }
}

/* Begins a window with what is so now. With the tables' lock held. */
static void low_begin(berth_t *berth, berth_low_t *low, uint64_t time)
{
    const uint32_t free = low_free(low);
    const uint32_t allocatable = low_allocatable(berth, low);
    low_note(berth, low, &free, &allocatable, time);
}

/* Whether no region of a window could grant as much as the least so far, now that one has changed;
 * what they could is in `allocatable` then. */
static bool low_grants_less(berth_t *berth, const berth_low_t *low, const berth_region_t *region,
                            uint32_t *allocatable)
{
    const uint32_t least = low->least.allocatable.bytes;
    if (region->told_allocatable >= least) {
        return false;
    }
    *allocatable = low_allocatable(berth, low);
    return *allocatable < least;
}

/* Notes what has never been so little. */
static void low_judge(berth_t *berth, berth_low_t *low, const berth_region_t *region, uint64_t time)
{
    const uint32_t free = low_free(low);
    uint32_t allocatable;
    const bool has_less = free < low->least.free.bytes;
    const bool grants_less = low_grants_less(berth, low, region, &allocatable);
    if (has_less || grants_less) {
        low_note(berth, low, has_less ? &free : NULL, grants_less ? &allocatable : NULL, time);
    }
}

/* --- following ------------------------------------------------------------------------------- */

/* The account that an owner's blocks are counted in. */
static uint32_t held_index(const berth_region_t *region, berth_owner_t owner)
{
    return region->accounts != NULL ? owner_account(owner) : 0;
}

/* Puts a region's share into each window that it is in. Bounded by the windows. */
static void low_changed(berth_t *berth, const berth_region_t *region, const berth_event_t *event,
                        uint32_t more)
{
    const uint32_t index = held_index(region, event->owner);
    for (berth_low_t *low = berth->lows; low != NULL; low = low->next) {
        if (low_has(low, region)) {
            low->free_now = low->free_now + (region->told_live - more) - region->told_live;
            if (low->held != NULL) {
                low->held[index] += more;
            }
            low_judge(berth, low, region, event->time_us);
        }
    }
}

/* What an account holds in a region, where there are accounts; else all is the first one's. */
static uint32_t held_in(const berth_region_t *region, uint32_t index)
{
    const uint32_t unknown = index == 0 ? region->total.live : 0;
    return region->accounts != NULL ? region->accounts[index].live : unknown;
}

static void held_add(const berth_t *berth, const berth_low_t *low, const berth_region_t *region)
{
    for (uint32_t i = 0; low->held != NULL && i < berth->owner_count; i++) {
        low->held[i] += held_in(region, i);
    }
}

/* Makes a region part of a window, which its first region begins. With both locks held. */
static void low_take_in(berth_t *berth, berth_low_t *low, const berth_region_t *region,
                        uint64_t time)
{
    const bool is_first = low->regions == 0;
    low->regions |= 1u << region->index;
    low->free_now += region->capacity - region->told_live;
    held_add(berth, low, region);
    if (is_first) {
        low_begin(berth, low, time);
    }
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
    const uint64_t time = event_time(berth);
    const uintptr_t tables = follow_begin(berth, region);
    if (tables != BERTH_LOCK_REFUSED) {
        low_take_in(berth, low, region, time);
        lock_leave(berth->port, &berth->tables, tables);
    }
    lock_leave(berth->port, &region->lock, key);
    return tables != BERTH_LOCK_REFUSED;
}

/* A region that was added joins every window that wants it. */
static void low_joined(berth_t *berth, berth_region_t *region)
{
    for (berth_low_t *low = LIST_READ(berth->lows); low != NULL; low = LIST_READ(low->next)) {
        (void)(low_wants(low, region) && low_join(berth, low, region));
    }
}

static const berth_follow_t low_follow = {.changed = low_changed, .joined = low_joined};

/* The link that leads to a window, or the last one. */
static berth_low_t **low_link(berth_t *berth, const berth_low_t *low)
{
    berth_low_t **link = &berth->lows;
    for (; *link != NULL && *link != low; link = &(*link)->next) { /* this file alone changes it */
    }
    return link;
}

static void held_clear(const berth_t *berth, const berth_low_t *low)
{
    for (uint32_t i = 0; low->held != NULL && i < berth->owner_count; i++) {
        low->held[i] = 0;
    }
}

/* What was kept before is no record any more. */
static void kept_clear(berth_low_kept_t *kept)
{
    for (uint32_t i = 0; kept != NULL && i < 2; i++) {
        kept->slots[i].number = 0;
        kept->slots[i].seal = 0;
    }
}

/* Clears what is the manager's. */
static void low_clear(const berth_t *berth, berth_low_t *low)
{
    low->next = NULL;
    low->follow = &low_follow;
    low->regions = 0;
    low->free_now = 0;
    low->number = 0;
    low->least = (berth_low_figures_t){.free = {0}};
    held_clear(berth, low);
    kept_clear(low->kept);
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

static slot_state_t slot_look(const berth_low_slot_t *slot)
{
    if ((slot->number | slot->seal) == 0) {
        return SLOT_BLANK;
    }
    return slot->seal == seal_of(slot, SLOT_WORDS) ? SLOT_SOUND : SLOT_DAMAGED;
}

/* The record that was written last of those that are sound; there is one. */
static uint32_t slot_last(const berth_low_kept_t *kept, slot_state_t first, slot_state_t second)
{
    const uint32_t ahead = kept->slots[1].number - kept->slots[0].number;
    return first != SLOT_SOUND || (second == SLOT_SOUND && ahead < UINT32_MAX / 2);
}

berth_low_record_t berth_low_recall(const berth_low_kept_t *kept)
{
    const slot_state_t first = slot_look(&kept->slots[0]);
    const slot_state_t second = slot_look(&kept->slots[1]);
    berth_low_record_t record = {.status = BERTH_ERR_CORRUPT};
    if (first == SLOT_SOUND || second == SLOT_SOUND) {
        record.figures = kept->slots[slot_last(kept, first, second)].figures;
        record.status = BERTH_OK;
        record.is_last = first != SLOT_DAMAGED && second != SLOT_DAMAGED;
    } else if (first == SLOT_BLANK && second == SLOT_BLANK) {
        record.status = BERTH_ERR_UNKNOWN;
    }
    return record;
}
