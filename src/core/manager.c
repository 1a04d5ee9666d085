/* manager.c: alloc and free: where the stages of the pipeline meet.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager.h"

#include "event.h"
#include "ledger.h"
#include "route.h"
#include "short.h"

COLD bool manager_is_awake(berth_t *berth)
{
    return berth->port != NULL || manager_wake(berth);
}

/* --- alloc ----------------------------------------------------------------------------------- */

/* Charges a grant, and tells of it. With the region's lock held. */
static void *grant_book(const job_t *job, berth_region_t *region, berth_grant_t grant)
{
    const berth_owner_t owner = owner_paying(region, job->owner);
    const spot_t spot = {.region = region, .offset = grant.offset};
    berth_event_t event = event_at(job->is_refused ? BERTH_EVENT_FALLBACK : BERTH_EVENT_ALLOC,
                                   &spot, owner, job->site);
    event.size = (uint32_t)job->hop->size;
    event.taken = grant.size;
    const bool exceeds = ledger_change(region, owner, 0, grant.size, 1);
    event_post(job->berth, region, &event);
    if (exceeds) {
        event_alarm_budget(job->berth, region, &event);
    }
    return block_pointer(region, grant.offset);
}

/* Asks a region whose lock is held. */
static void *region_serve(job_t *job, berth_region_t *region)
{
    const berth_request_t *hop = job->hop;
    const berth_owner_t owner = owner_paying(region, job->owner);
    int32_t status = ledger_judge(region, owner, hop);
    if (status == BERTH_OK) {
        const berth_grant_t grant = region->engine->alloc(region, hop->size, hop->align, owner);
        if (grant.offset != BERTH_NOWHERE) {
            return grant_book(job, region, grant);
        }
        status = BERTH_ERR_NOMEM;
    }
    region->refused++;
    job_refuse(job, region, status);
    return NULL;
}

/* Takes from a region the most that it would grant, if that is enough. With its lock held. */
static void *region_serve_least(job_t *job, berth_region_t *region)
{
    const berth_owner_t owner = owner_paying(region, job->owner);
    const size_t wanted = job->hop->size;
    const uint32_t grantable = ledger_grantable(region, owner, job->hop);
    job->merged = *job->hop;
    job->hop = &job->merged;
    job->merged.size = smaller(grantable, wanted);
    if (job->merged.size >= job->hop->smallest) {
        const berth_grant_t grant =
            region->engine->alloc(region, job->hop->size, job->hop->align, owner);
        if (grant.offset != BERTH_NOWHERE) {
            return grant_book(job, region, grant);
        }
    }
    job->merged.size = wanted;
    return NULL;
}

/* Asks a region under its lock: for all that the hop wants, or for less. */
static void *region_ask(job_t *job, berth_region_t *region, bool is_least)
{
    const berth_port_t *port = job->berth->port;
    const int32_t barred = context_bars(job->guards, region);
    const uintptr_t key = barred == BERTH_OK ? lock_take(port, &region->lock) : BERTH_LOCK_REFUSED;
    if (key != BERTH_LOCK_REFUSED) {
        void *block = is_least ? region_serve_least(job, region) : region_serve(job, region);
        lock_leave(port, &region->lock, key);
        return block;
    }
    if (!is_least) {
        job_refuse(job, region, barred != BERTH_OK ? barred : BERTH_ERR_BUSY);
    }
    return NULL;
}

COLD void *job_ask(job_t *job, berth_region_t *region)
{
    return region_ask(job, region, false);
}

/* Takes a hop along its route: for less, along the same route a second time. */
static void *hop_serve(job_t *job, bool is_least)
{
    route_t route = route_of(job->berth, job->hop);
    berth_region_t *region = route_next(&route, job->berth, job->hop);
    void *block = NULL;
    while (region != NULL && block == NULL) {
        block = region_ask(job, region, is_least);
        region = route_next(&route, job->berth, job->hop);
    }
    return block;
}

/* Takes each hop along its route, twice if it is content with less. */
COLD void *job_serve(job_t *job)
{
    for (uint32_t hops = 0;; hops++) {
        void *block = hop_serve(job, false);
        if (block == NULL && job->hop->smallest != 0 && !job->is_whole) {
            block = hop_serve(job, true);
        }
        if (block != NULL || job->hop->otherwise == NULL || hops == BERTH_HOPS) {
            return block;
        }
        job->merged = hop_next(job->hop);
        job->hop = &job->merged;
    }
}

static void *block_zero(void *block, const berth_request_t *hop)
{
    return (hop->needed & BERTH_CAP_WORDS) != 0 ? words_zero(block, hop->size)
                                                : memset(block, 0, hop->size);
}

/* Serves a request that is allowed: from what its owner's needs hold, or from what is free. */
static void *job_grant(job_t *job)
{
    void *block = NULL;
    if ((PEEK(job->berth->attention) & ATTENTION_NEEDS) != 0) {
        block = LIST_READ(job->berth->holder)->claim(job->berth, job->hop, job->owner, job->site);
    }
    return block != NULL ? block : job_serve(job);
}

/* Serves any request. */
COLD void *alloc_for(berth_t *berth, const berth_request_t *request, uint32_t site)
{
    if (!manager_is_awake(berth)) {
        return NULL;
    }
    job_t job;
    job_start(&job, berth, request, site);
    const berth_context_t *context = context_of(berth);
    job.guards = context->guards;
    job.owner = request->owner != BERTH_NO_OWNER ? request->owner : context_owner(context);
    void *block = job_is_allowed(&job) ? job_grant(&job) : NULL;
    if (block == NULL) {
        berth_event_t event = event_of(BERTH_EVENT_ALLOC, job.status, job.owner, site);
        return job_fail(&job, request, &event);
    }
    return request->is_zeroed ? block_zero(block, job.hop) : block;
}

SHORT void *request_serve(berth_t *berth, const berth_request_t *request)
{
    void *block = HAS_SHORT_WAYS ? short_alloc(berth, request) : NULL;
    return block != NULL ? block : alloc_for(berth, request, SITE_OF(request));
}

void *berth_alloc(berth_t *berth, const berth_request_t *request)
{
    return request_serve(berth, request);
}

void *berth_malloc(berth_t *berth, size_t size, berth_caps_t needed)
{
    const berth_request_t request = {.size = size, .needed = needed};
    return request_serve(berth, &request);
}

void *berth_calloc(berth_t *berth, size_t count, size_t size, berth_caps_t needed)
{
    const bool is_sane = size == 0 || count <= SIZE_MAX / size;
    const berth_request_t request = {
        .size = is_sane ? count * size : SIZE_MAX, .needed = needed, .is_zeroed = true};
    return request_serve(berth, &request);
}

/* --- free ------------------------------------------------------------------------------------ */

/* Overwrites a live block if its owner wants that, outside the lock. */
static int32_t spot_scrub(berth_t *berth, const spot_t *spot)
{
    const berth_block_t block = spot_look(berth, spot);
    if (block.status == BERTH_OK && owner_is_in(berth->scrubbed, block.owner)) {
        (void)words_zero(block_pointer(spot->region, spot->offset), block.size);
    }
    return block.status == BERTH_ERR_BUSY ? BERTH_ERR_BUSY : BERTH_OK;
}

/* Gives a block back to its engine, and tells of it. With the region's lock held. */
SHORT int32_t block_return(berth_t *berth, const spot_t *spot, uint32_t site)
{
    berth_region_t *region = spot->region;
    const berth_change_t change = region->engine->free(region, spot->offset);
    if (change.status == BERTH_OK) {
        const berth_owner_t owner = (berth_owner_t)change.owner;
        berth_event_t event = event_at(BERTH_EVENT_FREE, spot, owner, site);
        event.taken = change.before;
        if (change.before != 0) { /* an arena keeps what is not at its end */
            ledger_refund(berth, region, owner, change.before);
        }
        event_post(berth, region, &event);
    }
    return change.status;
}

int32_t block_free(berth_t *berth, const spot_t *spot, uint32_t site)
{
    return block_return(berth, spot, site);
}

/* Takes back the block at a spot whose region may be entered. */
static int32_t region_free(berth_t *berth, const spot_t *spot, uint32_t site)
{
    berth_region_t *region = spot->region;
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return BERTH_ERR_BUSY;
    }
    int32_t status = BERTH_ERR_INVALID;
    const hold_t hold = spot_hold(berth, spot);
    if (hold == HOLD_CLAIMED) {
        LIST_READ(berth->holder)->take_back(berth, spot, site);
        status = BERTH_OK;
    } else if (hold == HOLD_NONE && spot_holds(spot)) {
        status = block_return(berth, spot, site);
    }
    lock_leave(berth->port, &region->lock, key);
    return status;
}

/* What speaks against freeing there; overwrites what is to be scrubbed. */
static int32_t spot_prepare(berth_t *berth, const spot_t *spot, uint8_t guards)
{
    const int32_t barred = context_bars(guards, spot->region);
    const bool is_scrubbed = barred == BERTH_OK && PEEK(berth->attention) >= ATTENTION_OWNERS;
    return is_scrubbed ? spot_scrub(berth, spot) : barred;
}

COLD int32_t spot_free(berth_t *berth, const spot_t *spot, uint8_t guards, uint32_t site)
{
    const int32_t barred = spot_prepare(berth, spot, guards);
    return barred == BERTH_OK ? region_free(berth, spot, site) : barred;
}

/* Who frees, and whether a wrong free is the program's fault. */
typedef struct call {
    uint32_t site;
    bool is_asserted;
} call_t;

/* Frees any block that is not NULL, and tells what became of it. */
static COLD berth_status_t free_for(berth_t *berth, const void *block, call_t call)
{
    if (berth->port == NULL) {
        return BERTH_ERR_INVALID;
    }
    const spot_t spot = spot_of(berth, block);
    const int32_t status = spot.region != NULL
                               ? spot_free(berth, &spot, context_of(berth)->guards, call.site)
                               : spot.status;
    if (status == BERTH_OK) {
        return BERTH_OK;
    }
    berth_event_t event = event_at(BERTH_EVENT_FREE, &spot, BERTH_NO_OWNER, call.site);
    event.status = (int8_t)status;
    event_refuse(berth, &event);
    if (call.is_asserted && status != BERTH_ERR_BUSY && status != BERTH_ERR_CORRUPT) {
        event_assert(berth, &event);
    }
    return (berth_status_t)status;
}

void berth_free(berth_t *berth, void *block)
{
    if (block != NULL && !(HAS_SHORT_WAYS && short_free(berth, block))) {
        (void)free_for(berth, block, (call_t){.site = SITE, .is_asserted = true});
    }
}

berth_status_t berth_try_free(berth_t *berth, void *block)
{
    return block != NULL ? free_for(berth, block, (call_t){.site = SITE}) : BERTH_OK;
}
