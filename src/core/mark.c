/* mark.c: what every owner held at a point in time, and what is different since.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/mark.h"

#include "event.h"
#include "manager.h"

#define TAKE_TRIES 4u /* to see all owners of a region at one instant */

/* Some owners of a region, looked at under one lock. */
typedef struct slice {
    berth_holding_t holdings[BERTH_MARK_SLICE];
    uint32_t count;   /* 0: the lock is refused */
    uint32_t changes; /* of the region, at that instant */
} slice_t;

/* Of a region that keeps no accounts, all is the others'. */
static berth_holding_t holding_now(const berth_region_t *region, uint32_t account)
{
    const berth_account_t *its =
        region->accounts != NULL ? &region->accounts[account] : &region->total;
    const bool is_known = region->accounts != NULL || account == 0;
    return (berth_holding_t){.live = is_known ? its->live : 0, .count = is_known ? its->count : 0};
}

static void slice_fill(slice_t *slice, const berth_region_t *region, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        slice->holdings[slice->count++] = holding_now(region, i);
    }
    slice->changes = region->changes;
}

static slice_t slice_look(berth_t *berth, berth_region_t *region, uint32_t from)
{
    slice_t slice = {.count = 0};
    const uint32_t end = (uint32_t)smaller(from + BERTH_MARK_SLICE, berth->owner_count);
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key != BERTH_LOCK_REFUSED) {
        slice_fill(&slice, region, from, end);
        lock_leave(berth->port, &region->lock, key);
    }
    return slice;
}

/* --- taking a mark --------------------------------------------------------------------------- */

/* BERTH_ERR_UNKNOWN: the region changed between two slices. */
static int32_t region_look(berth_t *berth, berth_region_t *region, berth_holding_t *out)
{
    uint32_t changes = 0;
    int32_t status = BERTH_OK;
    for (uint32_t from = 0; from < berth->owner_count; from += BERTH_MARK_SLICE) {
        const slice_t slice = slice_look(berth, region, from);
        if (slice.count == 0) {
            return BERTH_ERR_BUSY;
        }
        if (from != 0 && slice.changes != changes) {
            status = BERTH_ERR_UNKNOWN;
        }
        changes = slice.changes;
        for (uint32_t i = 0; i < slice.count; i++) {
            out[from + i] = slice.holdings[i];
        }
    }
    return status;
}

static int32_t region_take(berth_t *berth, berth_region_t *region, berth_holding_t *out)
{
    int32_t status = BERTH_ERR_UNKNOWN;
    for (uint32_t i = 0; i < TAKE_TRIES && status == BERTH_ERR_UNKNOWN; i++) {
        status = region_look(berth, region, out);
    }
    return status;
}

/* Takes the next region into a mark. */
static int32_t mark_add(berth_t *berth, berth_mark_t *mark, berth_region_t *region)
{
    const uint32_t taken = (uint32_t)mark->region_count * mark->owner_count;
    if (mark->capacity - taken < mark->owner_count) {
        return BERTH_ERR_INVALID;
    }
    const int32_t status = region_take(berth, region, mark->holdings + taken);
    mark->is_exact = mark->is_exact && status == BERTH_OK;
    mark->region_count++;
    return status == BERTH_ERR_UNKNOWN ? BERTH_OK : status;
}

static void mark_begin(berth_t *berth, berth_mark_t *mark)
{
    mark->time_us = event_time(berth);
    mark->owner_count = berth->owner_count;
    mark->region_count = 0;
    mark->is_exact = true;
}

berth_status_t berth_mark_take(berth_t *berth, berth_mark_t *mark)
{
    if (!manager_is_awake(berth) || mark->holdings == NULL) {
        return BERTH_ERR_INVALID;
    }
    mark_begin(berth, mark);
    int32_t status = BERTH_OK;
    for (berth_region_t *region = LIST_READ(berth->first); region != NULL && status == BERTH_OK;
         region = LIST_READ(region->next)) {
        status = mark_add(berth, mark, region);
    }
    for (uint32_t i = 0; mark->sites != NULL && i < mark->sites->row_count; i++) {
        mark->rows[i] = berth_site_at(berth, mark->sites, i);
    }
    return (berth_status_t)status;
}

/* --- comparing ------------------------------------------------------------------------------- */

/* Where differences go. */
typedef struct differences {
    berth_difference_t *out;
    uint32_t capacity;
    uint32_t count; /* found, room or not */
} differences_t;

static void difference_add(differences_t *found, berth_difference_t difference)
{
    if (difference.bytes == 0 && difference.blocks == 0) {
        return;
    }
    if (found->count < found->capacity) {
        found->out[found->count] = difference;
    }
    found->count++;
}

/* Some owners of a region as a mark has them: nothing of a region that came later. */
static slice_t slice_of(const berth_mark_t *mark, uint32_t region, uint32_t from)
{
    slice_t slice = {.count = (uint32_t)smaller(BERTH_MARK_SLICE, mark->owner_count - from)};
    const berth_holding_t *its = mark->holdings + region * mark->owner_count + from;
    for (uint32_t i = 0; region < mark->region_count && i < slice.count; i++) {
        slice.holdings[i] = its[i];
    }
    return slice;
}

static void slices_compare(differences_t *found, const slice_t *before, const slice_t *after,
                           berth_difference_t first)
{
    for (uint32_t i = 0; i < after->count; i++) {
        const berth_holding_t was = before->holdings[i];
        const berth_holding_t is = after->holdings[i];
        difference_add(found,
                       (berth_difference_t){.bytes = (int64_t)is.live - (int64_t)was.live,
                                            .blocks = (int32_t)(is.count - was.count),
                                            .region = first.region,
                                            .owner = owner_at(owner_account(first.owner) + i)});
    }
}

/* What a region's owners hold more now, or at a later mark. */
static void region_compare(differences_t *found, berth_t *berth, berth_region_t *region,
                           const berth_mark_t *before, const berth_mark_t *after)
{
    for (uint32_t from = 0; from < before->owner_count; from += BERTH_MARK_SLICE) {
        const slice_t was = slice_of(before, region->index, from);
        const slice_t is =
            after != NULL ? slice_of(after, region->index, from) : slice_look(berth, region, from);
        const berth_difference_t first = {.region = region->index, .owner = owner_at(from)};
        slices_compare(found, &was, &is, first);
    }
}

/* What lives more of each site. A site keeps its row: a row that had none has come since. */
static void sites_compare(differences_t *found, berth_t *berth, const berth_mark_t *before,
                          const berth_mark_t *after)
{
    const uint32_t count = before->sites != NULL ? before->sites->row_count : 0;
    for (uint32_t i = 0; i < count && (after == NULL || after->sites == before->sites); i++) {
        const berth_site_t was = before->rows[i];
        const berth_site_t is =
            after != NULL ? after->rows[i] : berth_site_at(berth, before->sites, i);
        difference_add(found, (berth_difference_t){.bytes = (int64_t)is.live - (int64_t)was.live,
                                                   .blocks = (int32_t)(is.count - was.count),
                                                   .site = is.site,
                                                   .region = BERTH_NO_REGION});
    }
}

/* A lock that is refused hides what it protects; what cannot be told is not told. */
uint32_t berth_mark_compare(berth_t *berth, const berth_mark_t *before, const berth_mark_t *after,
                            berth_difference_t *out, uint32_t capacity)
{
    differences_t found = {.out = out, .capacity = capacity};
    for (berth_region_t *region = LIST_READ(berth->first); region != NULL;
         region = LIST_READ(region->next)) {
        region_compare(&found, berth, region, before, after);
    }
    sites_compare(&found, berth, before, after);
    return found.count;
}
