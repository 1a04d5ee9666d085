/* manager.h: one call as it is being served.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_MANAGER_H
#define BERTH_MANAGER_H

#include "ledger.h"

typedef struct job {
    berth_t *berth;
    const berth_request_t *hop; /* the caller's, or `merged` */
    uint32_t site;
    berth_owner_t owner; /* who asks */
    uint8_t guards;      /* of the context */
    int8_t status;       /* of the first region asked that it may enter; NOCAP: none yet */
    bool is_refused;     /* by any region so far */
    uint8_t reason_count;
    bool is_whole; /* `smallest` does not count */
    berth_reason_t
        reasons[BERTH_REASONS]; /* of the first regions asked: what they had is not told */
    berth_request_t merged;
} job_t;

/* Begins a call: of these fields the rest follows. */
static inline void job_start(job_t *job, berth_t *berth, const berth_request_t *request,
                             uint32_t site)
{
    job->berth = berth;
    job->hop = request;
    job->site = site;
    job->status = BERTH_ERR_NOCAP; /* until a region is asked */
    job->is_refused = false;
    job->reason_count = 0;
    job->is_whole = false;
}

/* Whether an allocation may be tried at all: its arguments, its owner, the context. If not, the
 * status says why. Tells of what is forbidden and yet allowed. */
bool job_is_allowed(job_t *job);

/* The same of the context alone. */
bool job_may_allocate(job_t *job);

/* Notes that a region did not serve, and why. */
void job_refuse(job_t *job, const berth_region_t *region, int32_t status);

/* Whether a region's reason is noted. */
bool job_knows(const job_t *job, const berth_region_t *region);

/* Remembers a call that is refused for good, and posts the event that tells of it. Returns NULL. */
void *job_fail(job_t *job, const berth_request_t *request, berth_event_t *event);

/* Serves a request from its first question on, and tells what became of it. */
void *alloc_for(berth_t *berth, const berth_request_t *request, uint32_t site);

/* Takes a request through all of its hops. NULL: no region serves it. */
void *job_serve(job_t *job);

/* Asks one region for a block. NULL: refused, and noted. */
void *job_ask(job_t *job, berth_region_t *region);

/* Whether a region is what short.h relies on without asking. */
bool region_is_short(const berth_region_t *region);

/* Starts a manager that BERTH_DEFINE made, if nobody has yet. */
bool manager_wake(berth_t *berth);

/* Whether a manager serves; wakes it if need be. */
bool manager_is_awake(berth_t *berth);

/* Gives a block back to its engine, and tells of it. With the region's lock held. */
int32_t block_free(berth_t *berth, const spot_t *spot, uint32_t site);

/* Frees a block at a spot that is known to be a region's. */
int32_t spot_free(berth_t *berth, const spot_t *spot, uint8_t guards, uint32_t site);

/* --- records --------------------------------------------------------------------------------- */

/* Linked only where the program asks for records: else there are none, and these are NULL. */
#define IF_LINKED __attribute__((weak))

/* Takes over the records of earlier runs. False: the configuration's make no sense. */
IF_LINKED bool record_start(const berth_t *berth);

/* Keeps the record of a refusal that an event tells of. Without any lock. */
IF_LINKED void record_keep(job_t *job, const berth_request_t *request, const berth_event_t *event);

#endif /* BERTH_MANAGER_H */
