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
#define TRIES 3u /* to write what others write, too */

/* --- the form -------------------------------------------------------------------------------- */

/* The bits to leave out so that no more than `most` is left. Bounded by 32 steps. */
static uint32_t shift_within(uint32_t value, uint32_t most)
{
    uint32_t shift = 0;
    while (value >> shift > most) {
        shift++;
    }
    return shift;
}

static uint16_t size_code(uint32_t size)
{
    const uint32_t shift = shift_within(size, 2 * DIGITS_MOST + 1);
    const uint32_t digits = size >> shift;
    return (uint16_t)(digits <= DIGITS_MOST ? digits : (shift + 1) << 11 | (digits & DIGITS_MOST));
}

/* The bits of `first` that matter, seen from `last`. They stay as they are until the distance has
 * doubled: so the error does not add up. */
static uint16_t first_code(uint32_t first, uint32_t last)
{
    const uint32_t shift = shift_within(last - first, DIGITS_MOST - 1);
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

/* A change within 16 neighbouring bits never goes unnoticed; of all others, one in 65536. */
static uint16_t record_seal(const berth_failure_t *record)
{
    const uint8_t *bytes = (const uint8_t *)record;
    uint32_t seal = 0;
    for (uint32_t at = 0; at < sizeof *record; at += sizeof seal) {
        uint32_t word = record->mistaken;
        if (at != offsetof(berth_failure_t, mistaken)) { /* which `check` follows */
            memcpy(&word, bytes + at, sizeof word);
        }
        seal = (seal << 5 | seal >> 27) ^ word;
    }
    return (uint16_t)(seal ^ seal >> 16);
}

bool record_is_sound(const berth_failure_t *record)
{
    uint32_t regions = 0;
    for (uint32_t i = 0; i < BERTH_REASONS; i++) {
        regions |= record->reasons[i].region;
    }
    return record->count != 0 && regions < REGION_INDEXES && record->check == record_seal(record);
}

/* Writes a sealed record. Whoever dies in here leaves none in the slot, or the whole. */
static void record_write(berth_failure_t *slot, berth_failure_t *record)
{
    const uint16_t count = record->count;
    record->count = 0;
    words_copy(slot, record, sizeof *record);
    record->count = count;
    words_copy(slot, record, sizeof(uint32_t));
}

/* The runs that lie between a record and now; UINT32_MAX: it is none. */
static uint32_t record_runs(const berth_failure_t *record)
{
    return record->count != 0 ? berth_failure_restarts(record) : UINT32_MAX;
}

/* Whether a refusal is to be counted in a record: that of others like it, in this run. */
static bool record_is_like(const berth_failure_t *record, const berth_failure_t *refusal)
{
    return record_runs(record) == 0 && record->site == refusal->site &&
           record->size == refusal->size && record->needed == refusal->needed &&
           record->owner == refusal->owner && record->status == refusal->status;
}

/* --- the records of a manager ---------------------------------------------------------------- */

bool record_is_newer(berth_t *berth, uint32_t a, uint32_t b)
{
    const berth_failure_t *one = record_at(berth, a);
    const berth_failure_t *other = record_at(berth, b);
    const uint32_t runs = record_runs(one);
    const bool is_timed = runs != 0 || (a != berth->latest && b != berth->latest);
    if (runs != record_runs(other)) {
        return runs < record_runs(other);
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
static void record_join(berth_failure_t *refusal, const berth_failure_t *record)
{
    if (record_is_like(record, refusal) && record_is_sound(record)) {
        refusal->count = (uint16_t)(record->count + (record->count != UINT16_MAX));
        refusal->first = first_code(berth_failure_first(record), refusal->last);
        refusal->mistaken = record->mistaken;
        refusal->form |= record->form & FORM_BELOW_0;
    }
}

uint16_t record_mark(const berth_failure_t *record, uint32_t slot)
{
    const uint32_t mixed = record->site ^ record->size ^ record->size >> 11;
    return (uint16_t)(mixed * BERTH_FAILURES_MOST | slot);
}

static bool records_are_sane(const berth_config_t *config)
{
    return config->failure_count <= BERTH_FAILURES_MOST &&
           (config->failure_count == 0 || config->failures != NULL);
}

bool record_start(const berth_t *berth)
{
    const berth_config_t *config = berth->config;
    if (!records_are_sane(config)) {
        return false;
    }
    for (uint32_t slot = 0; slot < config->failure_count; slot++) {
        berth_failure_t record = config->failures[slot];
        if (!record_is_sound(&record)) {
            (void)words_zero(&config->failures[slot], sizeof record);
        } else if (berth_failure_restarts(&record) < RESTARTS_MOST) {
            record.guards += GUARDS + 1u;
            record.check = record_seal(&record);
            record_write(&config->failures[slot], &record);
        }
    }
    return true;
}

/* --- what is kept ---------------------------------------------------------------------------- */

static uintptr_t region_enter(const job_t *job, berth_region_t *region)
{
    return context_bars(job->guards, region) == BERTH_OK
               ? lock_take(job->berth->port, &region->lock)
               : BERTH_LOCK_REFUSED;
}

/* Notes what a region had. Returns what it would have granted to a request's first hop. */
static uint32_t reason_tell(const job_t *job, const berth_request_t *request,
                            berth_reason_t *reason)
{
    berth_region_t *region = berth_region_at(job->berth, reason->region);
    const uintptr_t key = region_enter(job, region);
    reason->free = reason->reserved = BERTH_BYTES_UNKNOWN;
    reason->allocatable = 0;
    if (key == BERTH_LOCK_REFUSED) {
        return 0;
    }
    const berth_owner_t owner = owner_paying(region, job->owner);
    const uint32_t most = ledger_grantable(region, owner, request);
    if (region->capacity != UINT32_MAX) { /* or nobody knows: the platform's */
        reason->free = size_code(region->capacity - region->total.live);
        reason->reserved = size_code(ledger_reserved(region, owner, request));
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

/* Now, as records have it. */
static uint32_t record_time(berth_t *berth)
{
    return (uint32_t)(event_time(berth) >> TIME_SHIFT);
}

/* Fills in what there is to tell of a refusal. */
static void record_fill(berth_failure_t *record, const job_t *job, const berth_request_t *request,
                        const berth_event_t *event)
{
    const uint32_t time = record_time(job->berth);
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

/* Finds a record its place, and what is there. False: it cannot. */
static bool record_find(berth_t *berth, const berth_failure_t *record, uint32_t *slot,
                        berth_failure_t *there)
{
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    *slot = record_place(berth, record);
    words_copy(there, record_at(berth, *slot), sizeof *there);
    lock_leave(berth->port, &berth->tables, key);
    return true;
}

bool record_replace(berth_t *berth, uint32_t slot, const berth_failure_t *there,
                    berth_failure_t *record, bool is_new)
{
    record->check = record_seal(record);
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    berth_failure_t *place = record_at(berth, slot);
    const bool is_same = place->check == there->check && place->count == there->count;
    if (is_same) {
        record_write(place, record);
        if (is_new) {
            __atomic_store_n(&berth->latest, (uint8_t)slot, __ATOMIC_RELAXED);
        }
    }
    lock_leave(berth->port, &berth->tables, key);
    return is_same;
}

/* Puts a record among the others. What takes long is done without the lock: if somebody else writes
 * there meanwhile, once more. */
static void record_put(berth_t *berth, berth_context_t *context, const berth_failure_t *record)
{
    berth_failure_t there;
    uint32_t slot = 0;
    for (uint32_t i = 0; i < TRIES && record_find(berth, record, &slot, &there); i++) {
        berth_failure_t joined = *record;
        record_join(&joined, &there);
        if (record_replace(berth, slot, &there, &joined, true)) {
            context->record = record_mark(record, slot);
            return;
        }
    }
}

void record_keep(job_t *job, const berth_request_t *request, const berth_event_t *event)
{
    berth_t *berth = job->berth;
    berth_context_t *context = context_of(berth);
    berth_failure_t record;
    reasons_complete(job, request);
    record_fill(&record, job, request, event);
    record.context = (uint32_t)(uintptr_t)context->name;
    context->record = UINT16_MAX; /* as a rule, that of none */
    record_put(berth, context, &record);
    __atomic_fetch_add(&berth->refusals, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&context->refused, 1, __ATOMIC_RELAXED);
}
