/* question.c: what a pointer is, what could be had, who holds what; and a walk.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager.h"

berth_about_t berth_about(berth_t *berth, const void *pointer)
{
    const spot_t spot = spot_of(berth, pointer);
    berth_about_t about = {
        .region = spot.region, .offset = spot.offset, .status = (int8_t)spot.status};
    if (spot.region != NULL) {
        const berth_block_t block = spot_look(berth, &spot);
        about.status = block.status;
        about.size = block.status == BERTH_OK ? block.size : 0;
        about.taken = block.status == BERTH_OK ? block.taken : 0;
        about.owner = block.status == BERTH_OK ? block.owner : BERTH_NO_OWNER;
    }
    return about;
}

size_t berth_size(berth_t *berth, const void *block)
{
    return berth_about(berth, block).size;
}

/* --- what could be had ------------------------------------------------------------------------ */

/* The most that one region would grant a hop. */
static uint32_t region_grantable(const job_t *job, berth_region_t *region)
{
    if (context_bars(job->guards, region) != BERTH_OK) {
        return 0;
    }
    const uintptr_t key = lock_take(job->berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return 0;
    }
    const uint32_t most = ledger_grantable(region, owner_paying(region, job->owner), job->hop);
    lock_leave(job->berth->port, &region->lock, key);
    return most;
}

/* The most that any region on a hop's route would grant. In the second pass of a hop, any size
 * suits: so the thresholds of regions do not matter. */
static uint32_t hop_grantable(const job_t *job)
{
    route_t route = route_of(job->berth, job->hop);
    uint32_t most = 0;
    berth_region_t *region = route_next(&route, job->berth, job->hop);
    while (region != NULL) {
        most = greater(most, region_grantable(job, region));
        region = route_next(&route, job->berth, job->hop);
    }
    return most;
}

/* Under NO_ALLOC there is nothing to be had, and asking is no violation. */
static bool question_is_allowed(const job_t *job)
{
    const bool is_guarded = (job->guards & BERTH_GUARD_NO_ALLOC) != 0 && !job->berth->is_lenient;
    return !is_guarded && owner_is_served(job->berth, job->owner) && hop_all_valid(job->hop, true);
}

uint32_t berth_allocatable(berth_t *berth, const berth_request_t *request)
{
    if (!manager_is_awake(berth)) {
        return 0;
    }
    job_t job;
    job_start(&job, berth, &job.merged, 0);
    job.merged = *request;
    job.merged.size = 1;
    const berth_context_t *context = context_of(berth);
    job.guards = context->guards;
    job.owner = request->owner != BERTH_NO_OWNER ? request->owner : context_owner(context);
    if (!question_is_allowed(&job)) {
        return 0;
    }
    uint32_t most = hop_grantable(&job);
    for (uint32_t hops = 0; hops < BERTH_HOPS && job.hop->otherwise != NULL; hops++) {
        job.merged = hop_next(job.hop);
        most = greater(most, hop_grantable(&job));
    }
    return most;
}

berth_account_t berth_account(berth_t *berth, berth_region_t *region, berth_owner_t owner)
{
    berth_account_t account = {0};
    if (berth->port == NULL || region->accounts == NULL || !owner_has_account(berth, owner)) {
        return account;
    }
    const uintptr_t key = lock_take(berth->port, &region->lock);
    account = region->accounts[owner_account(owner)];
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &region->lock, key);
    }
    return account;
}

/* --- a walk ---------------------------------------------------------------------------------- */

/* Finds the way again after blocks have changed: after the last live block seen, if it still lives;
 * else from the start. */
static void walk_resume(berth_walk_t *walk)
{
    const berth_region_t *region = walk->region;
    walk->changes = region->changes;
    walk->cursor = BERTH_WALK_START;
    if (walk->anchor != 0) {
        const berth_block_t block = region->engine->find(region, walk->anchor - 1);
        walk->cursor = block.status == BERTH_OK ? block.next : BERTH_WALK_START;
    }
}

uint32_t walk_slice(berth_walk_t *walk, look_t look, berth_block_t *out, uint32_t capacity)
{
    const berth_region_t *region = walk->region;
    const bool is_masked = region->lock.kind == BERTH_LOCK_SHORT;
    const uint32_t looks_most = is_masked ? BERTH_WALK_SLICE / 8 : BERTH_WALK_SLICE;
    uint32_t count = 0;
    if (walk->changes != region->changes) {
        walk_resume(walk);
    }
    for (uint32_t looks = 0;
         looks < looks_most && count < capacity && walk->cursor != BERTH_NOWHERE; looks++) {
        const berth_block_t block = look(region, walk->cursor);
        if (block.offset >= walk->offset || block.status != BERTH_OK) {
            out[count++] = block;
            walk->offset = block.offset + 1;
        }
        if (block.status == BERTH_OK && block.owner != BERTH_NO_OWNER && !block.is_withdrawn) {
            walk->anchor = block.offset + 1;
        }
        walk->cursor = block.next;
    }
    return count;
}

/* Of a region that is fenced there is nothing to be told. */
static uint32_t region_walk(berth_walk_t *walk, berth_block_t *out, uint32_t capacity)
{
    const berth_region_t *region = walk->region;
    if (!region_is_fenced(region)) {
        return walk_slice(walk, region->engine->walk, out, capacity);
    }
    walk->cursor = BERTH_NOWHERE;
    if (capacity != 0) {
        out[0] = (berth_block_t){.next = BERTH_NOWHERE, .status = BERTH_ERR_CORRUPT};
    }
    return capacity != 0;
}

uint32_t berth_walk(berth_t *berth, berth_walk_t *walk, berth_block_t *out, uint32_t capacity)
{
    if (berth->port == NULL || walk->cursor == BERTH_NOWHERE) {
        return 0;
    }
    const uintptr_t key = lock_take(berth->port, &walk->region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return 0;
    }
    const uint32_t count = region_walk(walk, out, capacity);
    lock_leave(berth->port, &walk->region->lock, key);
    return count;
}
