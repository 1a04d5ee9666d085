/* failure.c: why a call is refused: at once, by each region asked, for good.
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

bool job_knows(const job_t *job, const berth_region_t *region)
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

COLD void *job_fail(job_t *job, const berth_request_t *request, berth_event_t *event)
{
    berth_t *berth = job->berth;
    event->size = saturated(request->size);
    event->status = job->status;
    if (record_keep != NULL) {
        record_keep(job, request, event);
    }
    event_refuse(berth, event);
    if (event->status == BERTH_ERR_GUARD) {
        event_assert(berth, event);
    }
    return NULL;
}
