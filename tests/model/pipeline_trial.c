/* pipeline_trial.c: each call on the manager and on the model.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAINT_WHOLE 768u /* bytes: larger blocks are painted at both ends and somewhere between */

/* --- what is so ------------------------------------------------------------------------------- */

void pipeline_trial_run_as(pipeline_trial_t *trial, uint32_t context)
{
    trial->model.running = context;
    trial->port.context = context != 0 ? &trial->contexts[context] : NULL;
}

void pipeline_trial_pass(pipeline_trial_t *trial, uint32_t us)
{
    pipeline_t *model = &trial->model;
    if (model->now_us + us - model->read_us <= PIPELINE_CLOCK_MASK / 2) {
        model->now_us += us;
        trial->port.now_us = model->now_us;
    }
}

void pipeline_trial_refuse(pipeline_trial_t *trial, uint32_t region)
{
    for (uint32_t i = 0; i < trial->model.region_count; i++) {
        trial->model.regions[i].is_busy = i == region;
    }
    trial->port.busy = region < trial->model.region_count ? &trial->regions[region].lock : NULL;
}

/* --- around a call ---------------------------------------------------------------------------- */

/* False: the trial is over. */
static bool trial_begin(pipeline_trial_t *trial, const char *call, const void *pointer, size_t size,
                        uint32_t number)
{
    if (trial->failed) {
        return false;
    }
    trial->steps++;
    trial->call = call;
    trial->port.asserted = 0;
    trial->port.logged = 0;
    if (trial->is_traced) {
        const pipeline_spot_t spot = pipeline_whose(&trial->model, pointer);
        printf("%8" PRIu32 " %s region %d offset %" PRIu32 " size %zu number %" PRIu32
               " context %" PRIu32 "\n",
               trial->steps, call, spot.region == BERTH_NO_REGION ? -1 : (int)spot.region,
               spot.offset, size, number, trial->model.running);
    }
    return true;
}

/* A request and what is chained to it. */
static void trial_trace_request(const pipeline_trial_t *trial, const berth_request_t *request)
{
    for (uint32_t i = 0; trial->is_traced && request != NULL && i <= BERTH_HOPS; i++) {
        printf("           %s size %zu smallest %zu align %" PRIu32 " left %" PRIu32
               " needed %" PRIx32 " preferred %" PRIx32 " owner %d%s\n",
               i == 0 ? "asks" : "else", request->size, request->smallest, request->align,
               request->left, request->needed, request->preferred, request->owner,
               request->is_zeroed ? " zeroed" : "");
        request = request->otherwise;
    }
}

/* A refusal is logged: as an error if the caller's program is wrong; and the assertion told, if the
 * call is one that does. A lock that was refused is nobody's fault. */
static void trial_end_refused(pipeline_trial_t *trial, berth_status_t status, bool is_wrong,
                              bool is_told)
{
    const pipeline_port_t *port = &trial->port;
    const bool is_refused = status != BERTH_OK;
    is_wrong = is_wrong && status != BERTH_ERR_BUSY;
    is_told = is_told && status != BERTH_ERR_BUSY;
    pipeline_trial_expect(trial, "lines logged", is_refused ? 1 : 0, port->logged);
    pipeline_trial_expect(trial, "the assertion is told", is_refused && is_told ? 1 : 0,
                          port->asserted);
    if (is_refused && !trial->failed) {
        const char *text = berth_status_name(status);
        pipeline_trial_expect(trial, "level of the line",
                              is_wrong ? BERTH_LEVEL_ERROR : BERTH_LEVEL_WARNING, port->level);
        pipeline_trial_expect(trial, "words of the line", 0, strcmp(text, port->text) != 0);
    }
    if (is_refused && is_told) {
        pipeline_trial_expect_status(trial, "status that the assertion is told", status,
                                     port->told.status);
    }
    pipeline_trial_compare(trial);
}

static void trial_end(pipeline_trial_t *trial, berth_status_t status)
{
    trial_end_refused(trial, status, status == BERTH_ERR_GUARD, status == BERTH_ERR_GUARD);
}

/* Whether a call with this pointer has one answer only. */
static bool trial_is_doubtful(pipeline_trial_t *trial, const void *pointer)
{
    if (!trial->failed && pipeline_is_certain(&trial->model, pointer)) {
        return false;
    }
    trial->doubtful++;
    return true;
}

static void trial_paint_range(pipeline_trial_t *trial, uint32_t block, uint32_t from, uint32_t to)
{
    uint8_t *real = pipeline_real_bytes(&trial->model, block);
    uint8_t *twin = pipeline_twin_bytes(&trial->model, block);
    for (uint32_t at = from; at < to; at++) {
        real[at] = twin[at] = (uint8_t)random_next(&trial->random);
    }
}

static void trial_paint(pipeline_trial_t *trial, uint32_t block)
{
    const uint32_t room = trial->model.blocks[block].size;
    memcpy(pipeline_twin_bytes(&trial->model, block), pipeline_real_bytes(&trial->model, block),
           room);
    if (room <= PAINT_WHOLE) {
        trial_paint_range(trial, block, 0, room);
        return;
    }
    const uint32_t middle = random_below(&trial->random, room - PAINT_WHOLE / 4u);
    trial_paint_range(trial, block, 0, PAINT_WHOLE / 4u);
    trial_paint_range(trial, block, middle, middle + PAINT_WHOLE / 4u);
    trial_paint_range(trial, block, room - PAINT_WHOLE / 4u, room);
}

static void trial_verify(pipeline_trial_t *trial, uint32_t block, uint32_t from, uint32_t to)
{
    const uint8_t *real = pipeline_real_bytes(&trial->model, block);
    const uint8_t *twin = pipeline_twin_bytes(&trial->model, block);
    for (uint32_t at = from; at < to; at++) {
        if (real[at] != twin[at]) {
            pipeline_trial_expect(trial, "contents differ at byte", UINT32_MAX, at);
            pipeline_trial_expect(trial, "contents", twin[at], real[at]);
            return;
        }
    }
}

/* --- alloc and resize ------------------------------------------------------------------------- */

void pipeline_trial_compare_block(pipeline_trial_t *trial, const pipeline_outcome_t *outcome,
                                  const void *got)
{
    if (outcome->block == PIPELINE_NO_BLOCK) {
        pipeline_trial_expect(trial, "refused: a block", 0, (uintptr_t)got);
        return;
    }
    const uint8_t *expected = pipeline_real_bytes(&trial->model, outcome->block);
    pipeline_trial_expect(trial, "where the block is", (uintptr_t)expected, (uintptr_t)got);
    if (trial->failed) {
        return;
    }
    trial_verify(trial, outcome->block, 0, outcome->kept);
    trial_verify(trial, outcome->block, outcome->zero_from, outcome->zero_to);
    trial_paint(trial, outcome->block);
}

static void *trial_alloc_real(pipeline_trial_t *trial, const berth_request_t *request,
                              pipeline_short_t form)
{
    switch (form) {
    case PIPELINE_SHORT:
        return berth_malloc(&trial->berth, request->size, request->needed);
    case PIPELINE_CALLOC:
        return berth_calloc(&trial->berth, 1, request->size, request->needed);
    case PIPELINE_LONG:
        break;
    }
    return berth_alloc(&trial->berth, request);
}

/* What a short form leaves of a request. */
static berth_request_t trial_shorten(const berth_request_t *request, pipeline_short_t form)
{
    if (form == PIPELINE_LONG) {
        return *request;
    }
    return (berth_request_t){
        .size = request->size, .needed = request->needed, .is_zeroed = form == PIPELINE_CALLOC};
}

void pipeline_trial_alloc(pipeline_trial_t *trial, const berth_request_t *request,
                          pipeline_short_t form)
{
    if (!trial_begin(trial, "alloc", NULL, request->size, request->needed)) {
        return;
    }
    const berth_request_t meant = trial_shorten(request, form);
    trial_trace_request(trial, &meant);
    const void *got = trial_alloc_real(trial, &meant, form);
    trial->model.site_seen = berth_failure(&trial->berth).site;
    trial->model.got = got;
    const pipeline_outcome_t outcome = pipeline_alloc(&trial->model, &meant);
    pipeline_trial_compare_block(trial, &outcome, got);
    trial_end(trial, outcome.status);
}

void pipeline_trial_resize(pipeline_trial_t *trial, void *pointer, const berth_request_t *request,
                           pipeline_short_t form)
{
    if (trial_is_doubtful(trial, pointer) ||
        !trial_begin(trial, "resize", pointer, request->size, request->needed)) {
        return;
    }
    berth_request_t meant = trial_shorten(request, form);
    meant.needed = form == PIPELINE_LONG ? meant.needed : 0;
    meant.is_zeroed = form == PIPELINE_LONG && meant.is_zeroed;
    trial_trace_request(trial, &meant);
    const void *got = form == PIPELINE_LONG ? berth_resize(&trial->berth, pointer, &meant)
                                            : berth_realloc(&trial->berth, pointer, meant.size);
    trial->model.site_seen = berth_failure(&trial->berth).site;
    trial->model.got = got;
    const pipeline_outcome_t outcome = pipeline_resize(&trial->model, pointer, &meant);
    pipeline_trial_compare_block(trial, &outcome, got);
    trial_end(trial, outcome.status);
}

/* --- free, give, arenas, owners --------------------------------------------------------------- */

/* A block's contents are looked at once more before it goes. */
static void trial_verify_at(pipeline_trial_t *trial, const void *pointer)
{
    const uint32_t block = pipeline_block_at(&trial->model, pipeline_whose(&trial->model, pointer));
    if (block != PIPELINE_NO_BLOCK) {
        trial_verify(trial, block, 0, trial->model.blocks[block].size);
    }
}

void pipeline_trial_free(pipeline_trial_t *trial, void *pointer, bool is_try)
{
    if (trial_is_doubtful(trial, pointer) ||
        !trial_begin(trial, is_try ? "try_free" : "free", pointer, 0, 0)) {
        return;
    }
    trial_verify_at(trial, pointer);
    const berth_status_t expected = pipeline_free(&trial->model, pointer);
    berth_status_t got = expected;
    if (is_try) {
        got = berth_try_free(&trial->berth, pointer);
    } else {
        berth_free(&trial->berth, pointer);
    }
    pipeline_trial_expect_status(trial, "status", expected, got);
    trial_end_refused(trial, expected, true, !is_try);
}

void pipeline_trial_give(pipeline_trial_t *trial, void *pointer, berth_owner_t owner)
{
    if (trial_is_doubtful(trial, pointer) || !trial_begin(trial, "give", pointer, 0, owner)) {
        return;
    }
    trial_verify_at(trial, pointer);
    const berth_status_t got = berth_give(&trial->berth, pointer, owner);
    const berth_status_t expected = pipeline_give(&trial->model, pointer, owner);
    pipeline_trial_expect_status(trial, "status", expected, got);
    trial_end(trial, expected);
}

uint32_t pipeline_trial_mark(pipeline_trial_t *trial, uint32_t region)
{
    if (!trial_begin(trial, "mark", NULL, 0, region)) {
        return BERTH_NOWHERE;
    }
    const uint32_t got = berth_mark(&trial->berth, &trial->regions[region]);
    const uint32_t expected = pipeline_mark(&trial->model, (uint8_t)region);
    pipeline_trial_expect(trial, "mark", expected, got);
    trial_end(trial, BERTH_OK);
    return expected;
}

void pipeline_trial_reset(pipeline_trial_t *trial, uint32_t region, uint32_t mark)
{
    if (!trial_begin(trial, "reset", NULL, mark, region)) {
        return;
    }
    const berth_status_t got = berth_reset(&trial->berth, &trial->regions[region], mark);
    const berth_status_t expected = pipeline_reset(&trial->model, (uint8_t)region, mark);
    pipeline_trial_expect_status(trial, "status", expected, got);
    trial_end(trial, expected);
}

void pipeline_trial_retire(pipeline_trial_t *trial, berth_owner_t owner)
{
    if (!trial_begin(trial, "owner_retire", NULL, 0, owner)) {
        return;
    }
    const berth_status_t got = berth_owner_retire(&trial->berth, owner);
    const berth_status_t expected = pipeline_retire(&trial->model, owner);
    pipeline_trial_expect_status(trial, "status", expected, got);
    trial_end(trial, BERTH_OK);
}

/* --- blame ------------------------------------------------------------------------------------ */

void pipeline_trial_blame(pipeline_trial_t *trial, uint32_t since, int32_t error)
{
    const pipeline_person_t *person = &trial->model.contexts[trial->model.running];
    if (!trial_begin(trial, "blame", NULL, 0, since)) {
        return;
    }
    pipeline_trial_expect(trial, "refused", person->refused, berth_refused(&trial->berth));
    const berth_failure_t got = berth_blame(&trial->berth, person->refused - since, error);
    const pipeline_record_t *expected = since != 0 ? pipeline_blame(&trial->model, error) : NULL;
    if (since != 0 && expected == NULL) { /* displaced: that is all that is known */
        pipeline_trial_expect(trial, "displaced: count", 1, got.count);
        pipeline_trial_expect_status(trial, "displaced: status", BERTH_ERR_UNKNOWN, got.status);
    } else {
        pipeline_trial_expect_record(trial, expected, &got);
    }
    trial_end(trial, BERTH_OK);
}

/* --- scopes and guards ------------------------------------------------------------------------ */

berth_owner_t pipeline_trial_push(pipeline_trial_t *trial, berth_owner_t owner)
{
    pipeline_person_t *person = &trial->model.contexts[trial->model.running];
    const berth_owner_t before = person->owner;
    if (trial_begin(trial, "owner_push", NULL, 0, owner)) {
        person->owner = owner;
        pipeline_trial_expect(trial, "the owner before", before,
                              berth_owner_push(&trial->berth, owner));
        trial_end(trial, BERTH_OK);
    }
    return before;
}

void pipeline_trial_pop(pipeline_trial_t *trial, berth_owner_t before)
{
    if (trial_begin(trial, "owner_pop", NULL, 0, before)) {
        trial->model.contexts[trial->model.running].owner = before;
        berth_owner_pop(&trial->berth, before);
        trial_end(trial, BERTH_OK);
    }
}

uint8_t pipeline_trial_enter(pipeline_trial_t *trial, uint8_t guards)
{
    pipeline_person_t *person = &trial->model.contexts[trial->model.running];
    const uint8_t before = person->guards;
    if (trial_begin(trial, "guard_enter", NULL, 0, guards)) {
        person->guards = (uint8_t)(before | guards);
        pipeline_trial_expect(trial, "the guards before", before,
                              berth_guard_enter(&trial->berth, guards));
        trial_end(trial, BERTH_OK);
    }
    return before;
}

void pipeline_trial_leave(pipeline_trial_t *trial, uint8_t before)
{
    if (trial_begin(trial, "guard_leave", NULL, 0, before)) {
        trial->model.contexts[trial->model.running].guards = before;
        berth_guard_leave(&trial->berth, before);
        trial_end(trial, BERTH_OK);
    }
}
