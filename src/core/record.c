/* record.c: the records of refusals: their form, which are kept, and what is written in them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A record is hidden (its count is 0), written, sealed, and shown by the last write: whoever dies
 * in between leaves none. A firmware that calls nothing of this file does without it: IF_LINKED.
 */
#include "record.h"

#include "event.h"
#include "manager.h"

_Static_assert(offsetof(berth_failure_t, count) == 0, "what shows a record is written last");

#define RESTARTS_MOST 31u
#define GUARDS 7u         /* the bits of `guards` that are guards */
#define TIME_SHIFT 16u    /* us to a record's units */
#define DIGITS_MOST 2047u /* of a time or a size: 11 bits */
#define REGION_INDEXES 32u
#define SEAL_SPREAD 0xA7C5u /* odd: so that no two halves give the same */

/* --- the form -------------------------------------------------------------------------------- */

/* Bounded by 20 steps. */
static uint16_t size_code(uint32_t size)
{
    uint32_t shift = 0;
    while (size >> shift > 2 * DIGITS_MOST + 1) {
        shift++;
    }
    const uint32_t digits = size >> shift;
    return (uint16_t)(digits <= DIGITS_MOST ? digits : (shift + 1) << 11 | (digits & DIGITS_MOST));
}

/* The bits of `first` that matter, seen from `last`. They stay as they are until the distance has
 * doubled: so the error does not add up. Bounded by 22 steps. */
static uint16_t first_code(uint32_t first, uint32_t last)
{
    uint32_t shift = 0;
    while ((last - first) >> shift >= DIGITS_MOST) {
        shift++;
    }
    return (uint16_t)(shift << 11 | (first >> shift & DIGITS_MOST));
}

/* Bounded by 31 steps. */
static uint8_t align_code(uint32_t align)
{
    uint32_t code = 0;
    if (!is_power_of_two_or_0(align)) {
        return BERTH_FAILURE_ALIGN_WRONG;
    }
    for (; align != 0; align >>= 1) {
        code++;
    }
    return (uint8_t)code;
}

/* A change within two bytes that lie together never goes unnoticed; of any other, one in 65536. */
static uint16_t record_seal(const berth_failure_t *record)
{
    const uint8_t *bytes = (const uint8_t *)record;
    uint32_t seal = 0;
    for (uint32_t at = 0; at < sizeof *record; at += 2) {
        uint16_t half = 0;
        if (at != offsetof(berth_failure_t, check)) {
            memcpy(&half, bytes + at, sizeof half);
        }
        seal = (uint16_t)((seal ^ half) * SEAL_SPREAD);
        seal ^= seal >> 7;
    }
    return (uint16_t)seal;
}

bool record_is_sound(const berth_failure_t *record)
{
    uint32_t regions = 0;
    for (uint32_t i = 0; i < BERTH_REASONS; i++) {
        regions |= record->reasons[i].region;
    }
    return record->count != 0 && record->status < BERTH_OK && regions < REGION_INDEXES &&
           record->check == record_seal(record);
}

void record_write(berth_failure_t *slot, berth_failure_t *record)
{
    const uint16_t count = record->count;
    record->check = record_seal(record);
    record->count = 0;
    words_copy(slot, record, sizeof *record);
    record->count = count;
    words_copy(slot, record, sizeof(uint32_t));
}

/* Whether a refusal is to be counted in a record: that of others like it, in this run. */
static bool record_is_like(const berth_failure_t *record, const berth_failure_t *refusal)
{
    return record->count != 0 && berth_failure_restarts(record) == 0 &&
           record->site == refusal->site && record->size == refusal->size &&
           record->needed == refusal->needed && record->owner == refusal->owner &&
           record->status == refusal->status;
}

/* --- the records of a manager ---------------------------------------------------------------- */

bool record_is_newer(berth_t *berth, uint32_t a, uint32_t b)
{
    const berth_failure_t *one = record_at(berth, a);
    const berth_failure_t *other = record_at(berth, b);
    const uint32_t one_runs = one->count != 0 ? berth_failure_restarts(one) : UINT32_MAX;
    const uint32_t other_runs = other->count != 0 ? berth_failure_restarts(other) : UINT32_MAX;
    const bool is_timed = one_runs != 0 || (a != berth->latest && b != berth->latest);
    if (one_runs != other_runs) {
        return one_runs < other_runs;
    }
    if (is_timed && one->last != other->last) {
        return one->last + 1u > other->last + 1u;
    }
    return berth->latest - a < berth->latest - b; /* slots are taken in turn */
}

/* Where a refusal goes: to those like it, or where the oldest is. Bounded by the records. */
static uint32_t record_place(berth_t *berth, const berth_failure_t *refusal)
{
    uint32_t oldest = 0;
    for (uint32_t slot = 0; slot < record_count(berth); slot++) {
        if (record_is_like(record_at(berth, slot), refusal)) {
            return slot;
        }
        oldest = record_is_newer(berth, oldest, slot) ? slot : oldest;
    }
    return oldest;
}

/* Adds to a refusal those like it that a slot holds, if it does. */
static void record_join(berth_failure_t *record, const berth_failure_t *before)
{
    if (record_is_like(before, record) && record_is_sound(before)) {
        record->count = (uint16_t)(before->count + (before->count != UINT16_MAX));
        record->first = first_code(berth_failure_first(before), record->last);
        record->mistaken = before->mistaken;
        record->form |= before->form & FORM_BELOW_0;
    }
}

uint16_t record_mark(const berth_failure_t *record, uint32_t slot)
{
    const uint32_t mixed = record->site ^ record->size ^ record->size >> 11;
    return (uint16_t)(mixed * BERTH_FAILURES_MOST | slot);
}

bool record_start(const berth_t *berth)
{
    const berth_config_t *config = berth->config;
    if (config->failure_count > BERTH_FAILURES_MOST ||
        (config->failure_count != 0 && config->failures == NULL)) {
        return false;
    }
    for (uint32_t slot = 0; slot < config->failure_count; slot++) {
        berth_failure_t record = config->failures[slot];
        if (!record_is_sound(&record)) {
            (void)words_zero(&config->failures[slot], sizeof record);
        } else if (berth_failure_restarts(&record) < RESTARTS_MOST) {
            record.guards += GUARDS + 1u;
            record_write(&config->failures[slot], &record);
        }
    }
    return true;
}

/* --- what is kept ---------------------------------------------------------------------------- */

/* Notes what a region had. Returns what it would have granted to a request's first hop. */
static uint32_t reason_tell(const job_t *job, const berth_request_t *request,
                            berth_reason_t *reason)
{
    berth_region_t *region = berth_region_at(job->berth, reason->region);
    const bool is_barred = context_bars(job->guards, region) != BERTH_OK;
    const uintptr_t key =
        is_barred ? BERTH_LOCK_REFUSED : lock_take(job->berth->port, &region->lock);
    reason->free = reason->reserved = BERTH_BYTES_UNKNOWN;
    reason->allocatable = 0;
    if (key == BERTH_LOCK_REFUSED) {
        return 0;
    }
    const uint32_t most = ledger_grantable(region, owner_paying(region, job->owner), request);
    if (region->capacity != UINT32_MAX) { /* or nobody knows: the platform's */
        reason->free = size_code(region->capacity - region->total.live);
        reason->reserved = size_code(ledger_reserved(region));
    }
    lock_leave(job->berth->port, &region->lock, key);
    reason->allocatable = size_code(most);
    return most;
}

/* Tells of regions that were not asked, but would have held it, as far as there is room. */
static void reasons_add(job_t *job, const berth_request_t *request)
{
    berth_region_t *region = LIST_READ(job->berth->first);
    for (; region != NULL && job->reason_count < BERTH_REASONS; region = LIST_READ(region->next)) {
        berth_reason_t reason = {.region = region->index, .status = BERTH_ERR_NOCAP};
        if (!job_knows(job, region) && reason_tell(job, request, &reason) >= request->size) {
            job->reasons[job->reason_count++] = reason;
        }
    }
}

/* Completes the reasons: of the regions asked; of others, if the request as such made sense. */
static void reasons_complete(job_t *job, const berth_request_t *request)
{
    for (uint32_t i = 0; i < job->reason_count; i++) {
        (void)reason_tell(job, request, &job->reasons[i]);
    }
    if (job->reason_count != 0 || job->status == BERTH_ERR_NOCAP) {
        reasons_add(job, request);
    }
}

/* Fills in what there is to tell of a refusal. */
static void record_fill(berth_failure_t *record, const job_t *job, const berth_request_t *request,
                        const berth_event_t *event)
{
    const uint32_t time = (uint32_t)(event_time(job->berth) >> TIME_SHIFT);
    *record = (berth_failure_t){.count = 1,
                                .first = time & DIGITS_MOST,
                                .last = time,
                                .size = event->size,
                                .needed = hop_needed(request),
                                .site = event->site,
                                .owner = event->owner,
                                .status = event->status,
                                .guards = job->guards & GUARDS,
                                .form = align_code(request->align)};
    memcpy(record->reasons, job->reasons, job->reason_count * sizeof job->reasons[0]);
}

/* Finds a record its place. With the manager's lock held. */
static void record_put(berth_t *berth, berth_context_t *context, berth_failure_t *record)
{
    const uint32_t slot = record_place(berth, record);
    berth_failure_t *place = record_at(berth, slot);
    record_join(record, place);
    record_write(place, record);
    berth->latest = (uint8_t)slot;
    context->record = record_mark(record, slot);
}

void record_keep(job_t *job, const berth_request_t *request, const berth_event_t *event)
{
    berth_t *berth = job->berth;
    berth_context_t *context = context_of(berth);
    berth_failure_t record;
    reasons_complete(job, request);
    record_fill(&record, job, request, event);
    record.context = (uint32_t)(uintptr_t)context->name;
    __atomic_fetch_add(&berth->refusals, 1, __ATOMIC_RELAXED);
    context->record = UINT16_MAX; /* as a rule, that of none */
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key != BERTH_LOCK_REFUSED) {
        record_put(berth, context, &record);
        lock_leave(berth->port, &berth->tables, key);
    }
    __atomic_fetch_add(&context->refused, 1, __ATOMIC_RELAXED);
}
