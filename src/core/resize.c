/* resize.c: makes a block larger or smaller: where it is, or elsewhere.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "event.h"
#include "manager.h"

/* A block that is to be resized, and what became of it. */
typedef struct resizing {
    spot_t spot;
    berth_block_t block; /* as it was */
    uint32_t left;       /* in its region, if it may stay there; else HOP_NONE */
    bool roams;          /* the request says where it may live */
    bool is_tried;       /* where it is; and refused: the job's status */
    bool is_scrubbed;    /* stays as large as it is, and what it lost is to be overwritten */
    bool is_held;        /* by a need: stays as large as it is */
    size_t size;         /* granted */
} resizing_t;

static bool request_roams(const berth_request_t *request)
{
    return (request->needed | request->preferred) != 0 || request->otherwise != NULL;
}

/* Whether a block may stay where it is. */
static bool block_suits(const resizing_t *resizing, const berth_request_t *request)
{
    const uint32_t misplaced = request->align != 0 ? request->align - 1 : 0;
    return (spot_address(resizing->spot) & misplaced) == 0 && resizing->left != HOP_NONE;
}

/* What the ledger has against a block's growing to a size, as the hop that lets it stay says. */
static int32_t growth_judge(const resizing_t *resizing, const berth_request_t *request)
{
    const berth_region_t *region = resizing->spot.region;
    const berth_block_t *block = &resizing->block;
    const uint32_t cost = region->engine->cost(region, request->size, 0, block->owner);
    const uint32_t kept = ledger_kept(region, block->owner, hop_needed(request));
    return cost <= block->taken
               ? BERTH_OK
               : ledger_bars(region, block->owner, cost - block->taken, resizing->left, kept);
}

static void resize_book(const job_t *job, const spot_t *spot, berth_change_t change)
{
    berth_region_t *region = spot->region;
    const berth_owner_t owner = (berth_owner_t)change.owner;
    const bool exceeds = ledger_change(region, owner, change.before, change.after, 0);
    berth_event_t event = event_at(BERTH_EVENT_RESIZE, spot, owner, job->site);
    event.size = (uint32_t)job->hop->size;
    event.taken = change.after;
    event_post(job->berth, region, &event);
    if (exceeds) {
        event_alarm_budget(job->berth, region, &event);
    }
}

/* Resizes a block where it is. With the region's lock held. */
static int32_t resize_here(const job_t *job, const resizing_t *resizing)
{
    const spot_t *spot = &resizing->spot;
    const int32_t barred = growth_judge(resizing, job->hop);
    if (barred != BERTH_OK) {
        return barred;
    }
    berth_change_t change = {.before = resizing->block.taken,
                             .after = resizing->block.taken,
                             .owner = resizing->block.owner};
    if (resizing->is_held) {
        change.status = job->hop->size <= resizing->block.size ? BERTH_OK : BERTH_ERR_NOMEM;
    } else if (!resizing->is_scrubbed) {
        change = spot->region->engine->resize(spot->region, spot->offset, job->hop->size);
    }
    if (change.status == BERTH_OK) {
        resize_book(job, spot, change);
    }
    return change.status;
}

/* Looks at the block and resizes it where it is, if it may stay. False: it is not ours to resize,
 * or it did not succeed; the job's status says why, unless it was not tried. */
static bool resize_stay(job_t *job, resizing_t *resizing)
{
    berth_region_t *region = resizing->spot.region;
    const uintptr_t key = lock_take(job->berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        job->status = BERTH_ERR_BUSY;
        return false;
    }
    bool is_done = false;
    resizing->block = region->engine->find(region, resizing->spot.offset);
    job->owner = resizing->block.owner;
    const hold_t hold = spot_hold(job->berth, &resizing->spot);
    resizing->is_held = hold == HOLD_CLAIMED;
    if (hold == HOLD_UNCLAIMED || !spot_holds(&resizing->spot) ||
        resizing->block.status != BERTH_OK || !owner_is_served(job->berth, job->owner)) {
        resizing->block.status = BERTH_ERR_INVALID;
        job->status = BERTH_ERR_INVALID;
    } else if (block_suits(resizing, job->hop)) {
        resizing->is_scrubbed =
            owner_is_in(job->berth->scrubbed, job->owner) && job->hop->size < resizing->block.size;
        const int32_t status = resize_here(job, resizing);
        resizing->is_tried = status != BERTH_OK;
        job->status = (int8_t)status;
        is_done = status == BERTH_OK;
    }
    lock_leave(job->berth->port, &region->lock, key);
    return is_done;
}

/* Another block for the same owner. */
static COLD void *resize_move(job_t *job, const resizing_t *resizing)
{
    const int8_t status = job->status;
    const bool is_hopeless = resizing->is_tried && !resizing->roams && status != BERTH_ERR_NOMEM;
    job->status = BERTH_ERR_NOCAP;
    void *block = is_hopeless       ? NULL
                  : resizing->roams ? job_serve(job)
                                    : job_ask(job, resizing->spot.region);
    if (block == NULL && resizing->is_tried) {
        job->status = status;
    }
    return block;
}

/* Whether bytes must not be written to the block, old or new. */
static bool is_wordwise(const resizing_t *resizing, const berth_request_t *request)
{
    return !has_all(resizing->spot.region->able, BERTH_CAP_BYTES) ||
           (request->needed & BERTH_CAP_WORDS) != 0;
}

static void contents_copy(void *to, const resizing_t *resizing, const berth_request_t *request)
{
    const spot_t spot = resizing->spot;
    const void *from = block_pointer(spot.region, spot.offset);
    const size_t kept = smaller(resizing->block.size, resizing->size);
    if (is_wordwise(resizing, request)) {
        words_copy(to, from, kept);
    } else {
        memcpy(to, from, kept);
    }
}

/* Whether a block's resizing may begin. If not, the job's status says why. */
static bool resize_is_allowed(job_t *job, const resizing_t *resizing)
{
    if (!hop_all_valid(job->hop, true)) {
        job->status = BERTH_ERR_INVALID;
        return false;
    }
    if (!job_may_allocate(job)) {
        return false;
    }
    job->status =
        (int8_t)(resizing->spot.region == NULL ? resizing->spot.status
                                               : context_bars(job->guards, resizing->spot.region));
    return job->status == BERTH_OK;
}

/* Lets the new block take the old one's place; or, if that cannot be freed, gives it up. */
static void *resize_replace(job_t *job, const resizing_t *resizing, void *block)
{
    berth_t *berth = job->berth;
    contents_copy(block, resizing, job->hop);
    const int32_t status = spot_free(berth, &resizing->spot, job->guards, job->site);
    if (status == BERTH_OK) {
        return block;
    }
    job->status = (int8_t)status;
    const spot_t given = spot_of(berth, block);
    (void)spot_free(berth, &given, job->guards, job->site);
    return NULL;
}

static void *resize_try(job_t *job, resizing_t *resizing)
{
    const berth_request_t *request = job->hop;
    resizing->size = request->size;
    resizing->left =
        resizing->roams ? hop_left_in(request, resizing->spot.region) : hop_left(request);
    if (resize_stay(job, resizing)) {
        return block_pointer(resizing->spot.region, resizing->spot.offset);
    }
    void *block = resizing->block.status == BERTH_OK ? resize_move(job, resizing) : NULL;
    resizing->size = job->hop->size;
    return block != NULL ? resize_replace(job, resizing, block) : NULL;
}

/* Clears [start, end) of a block word by word. Only memory that bears bytes has blocks whose room
 * is no multiple of a word: the debug form's. */
static void tail_clear(uint8_t *block, size_t start, size_t end)
{
    const size_t word = (start + 3u) & ~(size_t)3u;
    if (start < end) {
        memset(block + start, 0, smaller(word, end) - start);
    }
    if (word < end) {
        (void)words_zero(block + word, end - word);
    }
}

/* Overwrites what a block gained, or a scrubbed one lost. */
static void tail_zero(uint8_t *block, const resizing_t *resizing, const berth_request_t *request)
{
    const size_t room = resizing->block.size;
    if (resizing->is_scrubbed) {
        tail_clear(block, (resizing->size + 3u) & ~(size_t)3u, room);
    } else if (request->is_zeroed) {
        tail_clear(block, room, resizing->size);
    }
}

static void *resize_for(berth_t *berth, void *block, const berth_request_t *request, uint32_t site)
{
    if (!manager_is_awake(berth)) {
        return NULL;
    }
    job_t job;
    job_start(&job, berth, request, site);
    job.guards = context_of(berth)->guards;
    job.owner = BERTH_NO_OWNER;
    job.is_whole = true;
    resizing_t resizing = {.spot = spot_of(berth, block),
                           .block = {.status = BERTH_ERR_BUSY},
                           .roams = request_roams(request)};
    const bool is_allowed = resize_is_allowed(&job, &resizing);
    uint8_t *place = is_allowed ? resize_try(&job, &resizing) : NULL;
    if (place != NULL) {
        tail_zero(place, &resizing, request);
        return place;
    }
    berth_event_t event = event_at(BERTH_EVENT_RESIZE, &resizing.spot, job.owner, site);
    return job_fail(&job, request, &event);
}

void *berth_resize(berth_t *berth, void *block, const berth_request_t *request)
{
    const uint32_t site = request->site != 0 ? request->site : SITE;
    return block != NULL ? resize_for(berth, block, request, site)
                         : alloc_for(berth, request, site);
}

void *berth_realloc(berth_t *berth, void *block, size_t size)
{
    const berth_request_t request = {.size = size};
    return block != NULL ? resize_for(berth, block, &request, SITE)
                         : alloc_for(berth, &request, SITE);
}
