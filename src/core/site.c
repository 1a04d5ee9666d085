/* site.c: follows each block from the call that allocated it to its end, in a table apart.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A block has two groups of BERTH_SITE_WAYS places where it may be, and is put into the one that
 * has more room: so groups fill evenly, and a look-up is bounded. What is in neither is site 0's.
 */
#include "berth/site.h"

#include "follow.h"
#include "manager.h"

#define ROWS_MOST 65536u

/* --- places ---------------------------------------------------------------------------------- */

static uint32_t hash_mix(uint32_t value)
{
    value = (value ^ value >> 16) * 0x85EBCA6Bu;
    return value ^ value >> 13;
}

/* The first place of one of the two groups, in `count` places, that a number leads to. */
static uint32_t group_at(uint32_t number, bool is_second, uint32_t count)
{
    const uint32_t mixed = hash_mix(number);
    return (is_second ? hash_mix(mixed + 1) : mixed) & (count - 1) & (0u - BERTH_SITE_WAYS);
}

static berth_site_block_t *group_of(const berth_sites_t *sites, const berth_region_t *region,
                                    uint32_t offset, bool is_second)
{
    return &sites->blocks[group_at(offset + region->index, is_second, sites->block_count)];
}

/* A block in a group; NULL: it is not there. */
static berth_site_block_t *group_find(berth_site_block_t *group, const berth_region_t *region,
                                      uint32_t offset)
{
    for (uint32_t i = 0; i < BERTH_SITE_WAYS; i++) {
        if (group[i].taken != 0 && group[i].offset == offset && group[i].region == region->index) {
            return &group[i];
        }
    }
    return NULL;
}

static berth_site_block_t *block_find(const berth_sites_t *sites, const berth_region_t *region,
                                      uint32_t offset)
{
    berth_site_block_t *block = group_find(group_of(sites, region, offset, false), region, offset);
    return block != NULL ? block
                         : group_find(group_of(sites, region, offset, true), region, offset);
}

/* A free place in a group, the last one; how many there are, in `room`. */
static berth_site_block_t *group_room(berth_site_block_t *group, uint32_t *room)
{
    berth_site_block_t *last = NULL;
    *room = 0;
    for (uint32_t i = 0; i < BERTH_SITE_WAYS; i++) {
        if (group[i].taken == 0) {
            last = &group[i];
            ++*room;
        }
    }
    return last;
}

/* A place for a block; NULL: there is none. */
static berth_site_block_t *block_room(const berth_sites_t *sites, const berth_region_t *region,
                                      uint32_t offset)
{
    uint32_t first_room;
    uint32_t second_room;
    berth_site_block_t *first = group_room(group_of(sites, region, offset, false), &first_room);
    berth_site_block_t *second = group_room(group_of(sites, region, offset, true), &second_room);
    return first_room >= second_room ? first : second;
}

/* The row in a group that a site has, or is to have: the first that is free; 0: none. */
static uint32_t row_in(const berth_sites_t *sites, uint32_t group, uint32_t site)
{
    for (uint32_t i = greater(group, 1); i < group + BERTH_SITE_WAYS; i++) {
        if (sites->rows[i].site == site || sites->rows[i].site == 0) {
            return i;
        }
    }
    return 0;
}

static bool row_is(const berth_sites_t *sites, uint32_t row, uint32_t site)
{
    return row != 0 && sites->rows[row].site == site;
}

/* Whether a free row comes earlier in its group than another in its own; 0 is none. */
static bool row_is_earlier(uint32_t row, uint32_t other)
{
    return other == 0 || (row != 0 && row % BERTH_SITE_WAYS < other % BERTH_SITE_WAYS);
}

/* The row of a site, which gets one if it has none; 0: there is no room. Rows are never given up,
 * so that the emptier group is the one whose first free row comes earlier in it. */
static uint32_t row_of(berth_sites_t *sites, uint32_t site)
{
    if (site == 0) {
        return 0;
    }
    const uint32_t first = row_in(sites, group_at(site, false, sites->row_count), site);
    const uint32_t second = row_in(sites, group_at(site, true, sites->row_count), site);
    if (row_is(sites, first, site)) {
        return first;
    }
    const bool is_second = row_is(sites, second, site) || row_is_earlier(second, first);
    const uint32_t row = is_second ? second : first;
    sites->rows[row].site = row != 0 ? site : 0;
    sites->missed += row == 0;
    return row;
}

/* --- following ------------------------------------------------------------------------------- */

/* A row has `bytes` more. Returns how many of them are a known site's. */
static uint32_t row_change(berth_sites_t *sites, uint32_t row, uint32_t bytes, uint32_t blocks)
{
    const uint32_t known = row != 0 ? bytes : 0;
    sites->rows[row].live += known;
    sites->rows[row].count += blocks;
    return known;
}

static uint32_t block_begin(berth_sites_t *sites, const berth_region_t *region,
                            const berth_event_t *event)
{
    berth_site_block_t *block = block_room(sites, region, event->offset);
    if (block == NULL) {
        sites->missed++;
        return row_change(sites, 0, 0, 1);
    }
    const uint32_t row = row_of(sites, event->site);
    *block = (berth_site_block_t){.offset = event->offset,
                                  .taken = event->taken,
                                  .row = (uint16_t)row,
                                  .region = region->index};
    return row_change(sites, row, event->taken, 1);
}

/* A block takes `taken` bytes now; 0: it is gone. */
static uint32_t block_change(berth_sites_t *sites, const berth_region_t *region, uint32_t offset,
                             uint32_t taken)
{
    berth_site_block_t *block = block_find(sites, region, offset);
    const uint32_t blocks = taken != 0 ? 0 : 0u - 1u;
    if (block == NULL) {
        return row_change(sites, 0, 0, blocks);
    }
    const uint32_t more = taken - block->taken;
    block->taken = taken;
    return row_change(sites, block->row, more, blocks);
}

/* Follows what an event says of a block. Returns by how much known sites have grown. */
static uint32_t block_follow(berth_sites_t *sites, const berth_region_t *region,
                             const berth_event_t *event)
{
    switch (event->kind) {
    case BERTH_EVENT_ALLOC:
    case BERTH_EVENT_FALLBACK:
        return block_begin(sites, region, event);
    case BERTH_EVENT_FREE:
        return block_change(sites, region, event->offset, 0);
    case BERTH_EVENT_RESIZE:
        return block_change(sites, region, event->offset, event->taken);
    default:
        return 0;
    }
}

/* A region has `more` live bytes; those of no known site are site 0's. */
static void site_changed(berth_t *berth, const berth_region_t *region, const berth_event_t *event,
                         uint32_t more)
{
    berth_sites_t *sites = berth->sites;
    if ((sites->regions >> region->index & 1u) != 0) {
        sites->rows[0].live += more - block_follow(sites, region, event);
    }
}

/* --- a table --------------------------------------------------------------------------------- */

/* Lets a region be followed. False: a lock is refused. */
static bool sites_join(berth_t *berth, berth_sites_t *sites, berth_region_t *region)
{
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    const uintptr_t tables = follow_begin(berth, region);
    if (tables != BERTH_LOCK_REFUSED) {
        sites->regions |= 1u << region->index;
        sites->rows[0].live += region->total.live;
        sites->rows[0].count += region->total.count;
        lock_leave(berth->port, &berth->tables, tables);
    }
    lock_leave(berth->port, &region->lock, key);
    return tables != BERTH_LOCK_REFUSED;
}

static bool sites_want(const berth_region_t *region)
{
    return region->engine->reset == NULL;
}

static void site_joined(berth_t *berth, berth_region_t *region)
{
    if (sites_want(region)) {
        (void)sites_join(berth, berth->sites, region);
    }
}

static const berth_follow_t site_follow = {.changed = site_changed, .joined = site_joined};

static bool count_is_sane(uint32_t count)
{
    return count >= BERTH_SITE_WAYS && is_power_of_two_or_0(count);
}

static bool sites_are_sane(berth_t *berth, const berth_sites_t *sites)
{
    return manager_is_awake(berth) && berth->sites == NULL && sites->blocks != NULL &&
           sites->rows != NULL && count_is_sane(sites->block_count) &&
           count_is_sane(sites->row_count) && sites->row_count <= ROWS_MOST;
}

static void sites_clear(berth_sites_t *sites)
{
    memset(sites->blocks, 0, sites->block_count * sizeof *sites->blocks);
    memset(sites->rows, 0, sites->row_count * sizeof *sites->rows);
    sites->follow = &site_follow;
    sites->regions = sites->missed = 0;
}

/* Puts a table where followers find it, or none. False: a lock is refused. */
static bool sites_link(berth_t *berth, berth_sites_t *sites)
{
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    LIST_WRITE(berth->sites, sites);
    lock_leave(berth->port, &berth->tables, key);
    return true;
}

static bool sites_unlink(berth_t *berth)
{
    const bool is_unlinked = sites_link(berth, NULL);
    follow_settle(berth);
    return is_unlinked;
}

berth_status_t berth_sites_add(berth_t *berth, berth_sites_t *sites)
{
    if (!sites_are_sane(berth, sites)) {
        return BERTH_ERR_INVALID;
    }
    sites_clear(sites);
    bool is_joined = sites_link(berth, sites);
    for (berth_region_t *region = LIST_READ(berth->first); region != NULL;
         region = LIST_READ(region->next)) {
        is_joined = is_joined && (!sites_want(region) || sites_join(berth, sites, region));
    }
    if (!is_joined) {
        (void)sites_unlink(berth);
        return BERTH_ERR_BUSY;
    }
    return BERTH_OK;
}

berth_status_t berth_sites_remove(berth_t *berth, const berth_sites_t *sites)
{
    if (berth->port == NULL || berth->sites != sites) {
        return BERTH_ERR_INVALID;
    }
    return sites_unlink(berth) ? BERTH_OK : BERTH_ERR_BUSY;
}

berth_site_t berth_site_at(berth_t *berth, const berth_sites_t *sites, uint32_t row)
{
    if (row >= sites->row_count) {
        return (berth_site_t){.site = 0};
    }
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    const berth_site_t its = sites->rows[row];
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
    return its;
}
