/* pipeline_compare.c: what the manager says against what the model says.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_trial.h"

#include <inttypes.h>
#include <stdio.h>

void pipeline_trial_expect(pipeline_trial_t *trial, const char *what, uint64_t expected,
                           uint64_t got)
{
    if (expected == got || trial->failed) {
        return;
    }
    trial->failed = true;
    printf("DIFFERENCE: board %s, call %" PRIu32 " (%s), %s: expected %" PRIu64 " (%" PRId32
           "), got %" PRIu64 " (%" PRId32 ")\n",
           trial->board->name, trial->steps, trial->call, what, expected, (int32_t)expected, got,
           (int32_t)got);
}

void pipeline_trial_expect_status(pipeline_trial_t *trial, const char *what, int32_t expected,
                                  int32_t got)
{
    pipeline_trial_expect(trial, what, (uint64_t)expected, (uint64_t)got);
}

/* --- after each call -------------------------------------------------------------------------- */

static void compare_region(pipeline_trial_t *trial, uint32_t index)
{
    const pipeline_region_t *model = &trial->model.regions[index];
    const berth_region_t *region = &trial->regions[index];
    pipeline_trial_expect(trial, "region: capacity", model->capacity, region->capacity);
    pipeline_trial_expect(trial, "region: used", model->used, region->total.live);
    pipeline_trial_expect(trial, "region: peak", model->peak, region->total.peak);
    pipeline_trial_expect(trial, "region: count", model->count, region->total.count);
    pipeline_trial_expect(trial, "region: refused", model->refused, region->refused);
    pipeline_trial_expect(trial, "region: owner", model->rules.owner, region->owner);
}

/* Each account, and that they add up to what the region says. */
static void compare_accounts(pipeline_trial_t *trial, uint32_t index)
{
    pipeline_region_t *model = &trial->model.regions[index];
    berth_region_t *region = &trial->regions[index];
    uint32_t live = 0;
    uint32_t count = 0;
    const uint32_t nobody = random_between(&trial->random, trial->model.owner_count, UINT8_MAX);
    const berth_account_t none = berth_account(
        &trial->berth, region, nobody != BERTH_OTHERS ? (berth_owner_t)nobody : BERTH_NO_OWNER);
    pipeline_trial_expect(trial, "account of nobody", 0, none.live | none.peak | none.count);
    for (uint32_t i = 0; i < trial->model.owner_count; i++) {
        const berth_owner_t owner = i == 0 ? BERTH_OTHERS : (berth_owner_t)i;
        const berth_account_t expected = *pipeline_account(model, owner);
        const berth_account_t got = berth_account(&trial->berth, region, owner);
        pipeline_trial_expect(trial, "account: live", expected.live, got.live);
        pipeline_trial_expect(trial, "account: peak", expected.peak, got.peak);
        pipeline_trial_expect(trial, "account: count", expected.count, got.count);
        live += got.live;
        count += got.count;
    }
    pipeline_trial_expect(trial, "sum of accounts: bytes", region->total.live, live);
    pipeline_trial_expect(trial, "sum of accounts: blocks", region->total.count, count);
}

/* A size as it is kept: of 12 significant bits, the others are 0. */
static uint32_t compare_rounded(uint32_t size)
{
    uint32_t unit = 1;
    while (size / unit >= 4096u) {
        unit *= 2u;
    }
    return size / unit * unit;
}

static void compare_reason(pipeline_trial_t *trial, const pipeline_reason_t *model,
                           const berth_reason_t *got)
{
    pipeline_trial_expect(trial, "reason: region", model->region, got->region);
    pipeline_trial_expect_status(trial, "reason: status", model->status, got->status);
    pipeline_trial_expect(trial, "reason: free",
                          model->is_known ? compare_rounded(model->free) : UINT32_MAX,
                          berth_bytes_of(got->free));
    pipeline_trial_expect(trial, "reason: allocatable", compare_rounded(model->allocatable),
                          berth_bytes_of(got->allocatable));
    pipeline_trial_expect(trial, "reason: reserved",
                          model->is_known ? compare_rounded(model->reserved) : UINT32_MAX,
                          berth_bytes_of(got->reserved));
}

/* When the first was: within a thousandth of how long ago that is, and never after it. */
static void compare_times(pipeline_trial_t *trial, const pipeline_record_t *model,
                          const berth_failure_t *got)
{
    const uint32_t most = (model->last - model->first) / 1000u;
    const uint32_t early = model->first - berth_failure_first(got);
    pipeline_trial_expect(trial, "record: last", model->last, got->last);
    pipeline_trial_expect(trial, "record: first", early > most ? most : early, early);
    pipeline_trial_expect(trial, "record: first, us", (uint64_t)berth_failure_first(got) * 65536u,
                          berth_failure_first_us(got));
}

void pipeline_trial_expect_record(pipeline_trial_t *trial, const pipeline_record_t *model,
                                  const berth_failure_t *got)
{
    const uint32_t context = model != NULL ? (uint32_t)(uintptr_t)model->context : 0;
    pipeline_trial_expect(trial, "record: count", model != NULL ? model->count : 0, got->count);
    if (model == NULL) {
        return;
    }
    compare_times(trial, model, got);
    pipeline_trial_expect(trial, "record: size", model->size, got->size);
    pipeline_trial_expect(trial, "record: align",
                          (model->align & (model->align - 1u)) == 0 ? model->align : UINT32_MAX,
                          berth_failure_align(got));
    pipeline_trial_expect(trial, "record: needed", model->needed, got->needed);
    pipeline_trial_expect(trial, "record: site", model->site, got->site);
    pipeline_trial_expect(trial, "record: context", context, got->context);
    pipeline_trial_expect_status(trial, "record: mistaken", model->mistaken,
                                 berth_failure_mistaken(got));
    pipeline_trial_expect(trial, "record: owner", model->owner, got->owner);
    pipeline_trial_expect_status(trial, "record: status", model->status, got->status);
    pipeline_trial_expect(trial, "record: guards", model->guards, got->guards);
    pipeline_trial_expect(trial, "record: reasons", model->reason_count,
                          berth_failure_reasons(got));
    for (uint32_t i = 0; i < model->reason_count; i++) {
        compare_reason(trial, &model->reasons[i], &got->reasons[i]);
    }
}

/* The newest always, another now and then. */
static void compare_failures(pipeline_trial_t *trial)
{
    const berth_failure_t newest = berth_failure(&trial->berth);
    const uint32_t index = random_below(&trial->random, trial->model.record_room + 1u);
    pipeline_trial_expect_record(trial, pipeline_record_at(&trial->model, 0), &newest);
    pipeline_trial_expect(trial, "refusals", trial->model.refusals, berth_refusals(&trial->berth));
    if (random_percent(&trial->random, 10)) {
        const berth_failure_t one = berth_failure_at(&trial->berth, index);
        pipeline_trial_expect_record(trial, pipeline_record_at(&trial->model, index), &one);
    }
}

static void compare_contexts(pipeline_trial_t *trial)
{
    for (uint32_t i = 0; i < PIPELINE_CONTEXTS; i++) {
        const berth_context_t *got = i == 0 ? &trial->berth.boot : &trial->contexts[i];
        const pipeline_person_t *model = &trial->model.contexts[i];
        pipeline_trial_expect(trial, "context: owner", model->owner, got->owner);
        pipeline_trial_expect(trial, "context: guards", model->guards, got->guards);
        pipeline_trial_expect(trial, "context: refused", model->refused, got->refused);
    }
}

void pipeline_trial_compare(pipeline_trial_t *trial)
{
    pipeline_port_t *port = &trial->port;
    berth_context_t *context = port->context;
    const berth_lock_t *busy = port->busy;
    pipeline_trial_expect(trial, "locks held", 0, port->held_count);
    port->context = &trial->observer; /* questions are asked by somebody whom nothing is refused */
    port->busy = NULL;
    for (uint32_t i = 0; i < trial->model.region_count && !trial->failed; i++) {
        compare_region(trial, i);
        compare_accounts(trial, i);
    }
    compare_failures(trial);
    compare_contexts(trial);
    if (random_percent(&trial->random,
                       5)) { /* seldom: it may tidy the rings that a poll is to find */
        pipeline_trial_expect(trial, "events lost", trial->model.lost, berth_lost(&trial->berth));
    }
    const berth_owner_t owner = (berth_owner_t)random_below(&trial->random, BERTH_OTHERS + 1u);
    pipeline_trial_expect(trial, "is retired", trial->model.is_retired[owner],
                          berth_owner_is_retired(&trial->berth, owner));
    port->context = context;
    port->busy = busy;
    if (port->wrong != NULL) {
        pipeline_trial_expect(trial, port->wrong, 0, 1);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void compare_event(pipeline_trial_t *trial, const berth_event_t *expected,
                          const berth_event_t *got)
{
    pipeline_trial_expect(trial, "event: sequence", expected->sequence, got->sequence);
    pipeline_trial_expect(trial, "event: kind", expected->kind, got->kind);
    pipeline_trial_expect_status(trial, "event: status", expected->status, got->status);
    pipeline_trial_expect(trial, "event: region", expected->region, got->region);
    pipeline_trial_expect(trial, "event: offset", expected->offset, got->offset);
    pipeline_trial_expect(trial, "event: size", expected->size, got->size);
    pipeline_trial_expect(trial, "event: taken", expected->taken, got->taken);
    pipeline_trial_expect(trial, "event: owner", expected->owner, got->owner);
    pipeline_trial_expect(trial, "event: time", expected->time_us, got->time_us);
    if (expected->site != 0) {
        pipeline_trial_expect(trial, "event: site", expected->site, got->site);
    }
    trial->seen[expected->kind][-expected->status]++;
    if (trial->failed) {
        printf("  the event: sequence %" PRIu32 " kind %d status %d\n", expected->sequence,
               expected->kind, expected->status);
    }
}

void pipeline_trial_poll(pipeline_trial_t *trial, uint32_t capacity)
{
    if (trial->failed) {
        return;
    }
    trial->steps++;
    trial->call = "poll";
    pipeline_port_t *port = &trial->port;
    berth_context_t *context = port->context;
    port->context = &trial->observer; /* who is no ISR: those are refused most locks */
    const uint32_t got = berth_poll(&trial->berth, trial->got, capacity);
    port->context = context;
    const uint32_t expected = pipeline_poll(&trial->model, trial->expected, capacity);
    for (uint32_t i = 0; i < expected && i < got && !trial->failed; i++) {
        compare_event(trial, &trial->expected[i], &trial->got[i]);
    }
    pipeline_trial_expect(trial, "events polled", expected, got);
    pipeline_trial_compare(trial);
}

/* --- questions -------------------------------------------------------------------------------- */

void pipeline_trial_ask(pipeline_trial_t *trial, const void *pointer, size_t size,
                        berth_caps_t caps)
{
    if (trial->failed || !pipeline_is_certain(&trial->model, pointer)) {
        return;
    }
    trial->steps++;
    trial->call = "about, size, can";
    const berth_about_t expected = pipeline_about(&trial->model, pointer);
    const berth_about_t got = berth_about(&trial->berth, pointer);
    const pipeline_spot_t spot = pipeline_whose(&trial->model, pointer);
    const uint8_t region = got.region != NULL ? got.region->index : BERTH_NO_REGION;
    pipeline_trial_expect(trial, "about: region", spot.region, region);
    pipeline_trial_expect_status(trial, "about: status", expected.status, got.status);
    pipeline_trial_expect(trial, "about: size", expected.size, got.size);
    pipeline_trial_expect(trial, "about: taken", expected.taken, got.taken);
    pipeline_trial_expect(trial, "about: owner", expected.owner, got.owner);
    if (spot.region != BERTH_NO_REGION) {
        pipeline_trial_expect(trial, "about: offset", expected.offset, got.offset);
    }
    pipeline_trial_expect(trial, "size", expected.size, berth_size(&trial->berth, pointer));
    pipeline_trial_expect(trial, "can", pipeline_can(&trial->model, pointer, size, caps),
                          berth_can(&trial->berth, pointer, size, caps));
    pipeline_trial_compare(trial);
}

void pipeline_trial_allocatable(pipeline_trial_t *trial, const berth_request_t *request)
{
    if (trial->failed) {
        return;
    }
    trial->steps++;
    trial->call = "allocatable";
    const uint32_t expected = pipeline_allocatable(&trial->model, request);
    pipeline_trial_expect(trial, "allocatable", expected,
                          berth_allocatable(&trial->berth, request));
    pipeline_trial_compare(trial);
}
