/* failure.c: why a call is refused: at once, by each region asked, for good; and the record of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "event.h"
#include "manager.h"

static uint32_t saturated(size_t size)
{
    return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

bool job_may_allocate(job_t *job)
{
    if ((job->guards & BERTH_GUARD_NO_ALLOC) == 0) {
        return true;
    }
    if (!job->berth->is_lenient) {
        job->status = BERTH_ERR_GUARD;
        return false;
    }
    berth_event_t event = event_of(BERTH_EVENT_VIOLATION, BERTH_OK, job->owner, job->site);
    event.size = saturated(job->hop->size);
    event_alarm(job->berth, &event);
    return true;
}

COLD bool job_is_allowed(job_t *job)
{
    const bool is_sane =
        owner_is_served(job->berth, job->owner) && hop_all_valid(job->hop, job->is_whole);
    job->status = (int8_t)(is_sane ? job->status : BERTH_ERR_INVALID);
    return is_sane && job_may_allocate(job);
}

/* Whether this region was noted in an earlier hop. */
static bool job_knows(const job_t *job, const berth_region_t *region)
{
    for (uint32_t i = 0; i < job->reason_count; i++) {
        if (job->reasons[i].region == region->index) {
            return true;
        }
    }
    return false;
}

COLD void job_refuse(job_t *job, const berth_region_t *region, int32_t status)
{
    if (!job->is_refused || job->status == BERTH_ERR_GUARD) {
        job->status = (int8_t)status;
    }
    job->is_refused = true;
    if (job->reason_count < BERTH_REASONS && !job_knows(job, region)) {
        job->reasons[job->reason_count++] =
            (berth_reason_t){.region = region->index, .status = (int8_t)status};
    }
}

/* What a region would have granted to a request's first hop. */
static uint32_t reason_grantable(const job_t *job, const berth_request_t *request,
                                 berth_reason_t reason)
{
    berth_region_t *region = berth_region_at(job->berth, reason.region);
    if (reason.status == BERTH_ERR_GUARD || reason.status == BERTH_ERR_BUSY) {
        return 0;
    }
    const uintptr_t key = lock_take(job->berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return 0;
    }
    const uint32_t grantable = ledger_grantable(region, owner_paying(region, job->owner), request);
    lock_leave(job->berth->port, &region->lock, key);
    return grantable;
}

/* Notes what each region asked would have granted. */
static void reasons_complete(job_t *job, const berth_request_t *request)
{
    for (uint32_t i = 0; i < job->reason_count; i++) {
        job->reasons[i].grantable = reason_grantable(job, request, job->reasons[i]);
    }
}

/* Keeps the refusal that an event tells of. With the manager's lock held. */
static void failure_keep(const job_t *job, const berth_request_t *request,
                         const berth_event_t *event, uint64_t time)
{
    berth_failure_t *failure = &job->berth->failure;
    failure->time_us = time;
    failure->count++;
    failure->size = event->size;
    failure->align = request->align;
    failure->needed = hop_needed(request);
    failure->site = event->site;
    failure->owner = event->owner;
    failure->status = event->status;
    failure->guards = job->guards;
    failure->reason_count = job->reason_count;
    for (uint32_t i = 0; i < job->reason_count; i++) {
        failure->reasons[i] = job->reasons[i];
    }
}

COLD void *job_fail(job_t *job, const berth_request_t *request, berth_event_t *event)
{
    berth_t *berth = job->berth;
    event->size = saturated(request->size);
    event->status = job->status;
    reasons_complete(job, request);
    const uint64_t time = event_time(berth);
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key != BERTH_LOCK_REFUSED) {
        failure_keep(job, request, event, time);
        lock_leave(berth->port, &berth->tables, key);
    }
    event_refuse(berth, event);
    if (event->status == BERTH_ERR_GUARD) {
        event_assert(berth, event);
    }
    return NULL;
}

berth_failure_t berth_failure(berth_t *berth)
{
    if (berth->port == NULL) {
        return berth->failure;
    }
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    const berth_failure_t failure = berth->failure;
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
    return failure;
}
