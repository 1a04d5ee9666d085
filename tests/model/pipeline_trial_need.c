/* pipeline_trial_need.c: questions about needs, and reservations, on the manager and on the model.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_trial.h"

#include <inttypes.h>
#include <stdio.h>

/* False: the trial is over. */
static bool want_begin(pipeline_trial_t *trial, const char *call, uint32_t slot, uint32_t number)
{
    if (trial->failed) {
        return false;
    }
    trial->steps++;
    trial->call = call;
    if (trial->is_traced) {
        printf("%8" PRIu32 " %s need %" PRIu32 " number %" PRIu32 " context %" PRIu32 "\n",
               trial->steps, call, slot, number, trial->model.running);
    }
    return true;
}

static void want_trace(const pipeline_trial_t *trial, const pipeline_want_t *want)
{
    for (uint32_t i = 0; trial->is_traced && i < want->need.item_count; i++) {
        const berth_item_t *item = &want->items[i];
        const berth_request_t *request = &item->request;
        printf("           %d of size %zu least %zu align %" PRIu32 " left %" PRIu32
               " needed %" PRIx32 " preferred %" PRIx32 " owner %d ends %d%s\n",
               item->count, request->size, item->least, request->align, request->left,
               request->needed, request->preferred, want->need.owner, item->ends,
               request->otherwise != NULL ? " or else" : "");
    }
}

/* Whether all engines of the board can tell of several blocks at once. */
static bool want_is_told(const pipeline_trial_t *trial)
{
    for (uint32_t i = 0; i < trial->board->region_count; i++) {
        if (trial->board->regions[i].engine->note_alloc == NULL) {
            return false;
        }
    }
    return true;
}

/* Which item and block an answer is about, it says if that is a region's fault. */
static void want_compare(pipeline_trial_t *trial, const pipeline_want_t *want,
                         const berth_answer_t *expected, const berth_answer_t *got)
{
    const bool is_certain = expected->is_certain && got->is_certain;
    const bool has_hops = want->items[expected->item].request.otherwise != NULL;
    if (!expected->is_certain && !got->is_certain) {
        trial->uncertain++; /* it says so itself */
        return;
    }
    pipeline_trial_expect_status(trial, "answer: status", expected->status, got->status);
    pipeline_trial_expect(trial, "answer: it ought to be certain", false,
                          expected->status == BERTH_OK && want_is_told(trial) && !got->is_certain);
    if (expected->status == BERTH_OK && is_certain) {
        pipeline_trial_expect(trial, "answer: margin", expected->margin, got->margin);
    } else if (expected->status != BERTH_OK && expected->status != BERTH_ERR_INVALID) {
        pipeline_trial_expect(trial, "answer: item", expected->item, got->item);
        pipeline_trial_expect(trial, "answer: block", expected->block, got->block);
    }
    if (expected->status == BERTH_ERR_NOMEM && is_certain && !has_hops) {
        pipeline_trial_expect(trial, "answer: region", expected->region, got->region);
        pipeline_trial_expect(trial, "answer: lacks room", expected->lacks_room, got->lacks_room);
        pipeline_trial_expect(trial, "answer: missing", expected->missing, got->missing);
    }
    pipeline_trial_compare(trial);
}

void pipeline_trial_fits(pipeline_trial_t *trial, uint32_t slot)
{
    pipeline_want_t *want = &trial->wants[slot];
    if (!want_begin(trial, "fits", slot, want->need.piece_count)) {
        return;
    }
    want_trace(trial, want);
    const berth_answer_t got = berth_fits(&trial->berth, &want->need);
    const berth_answer_t expected = pipeline_fits(&trial->model, &want->need, NULL);
    trial->answers[0][-expected.status]++;
    want_compare(trial, want, &expected, &got);
}

void pipeline_trial_reserve(pipeline_trial_t *trial, uint32_t slot)
{
    pipeline_want_t *want = &trial->wants[slot];
    if (!want_begin(trial, "reserve", slot, want->need.piece_count)) {
        return;
    }
    want_trace(trial, want);
    if (pipeline_needs_arena(&trial->model, &want->need)) {
        return; /* how far it comes there is nobody's promise */
    }
    const berth_answer_t got = berth_reserve(&trial->berth, &want->need);
    const berth_answer_t expected = pipeline_reserve(&trial->model, slot, &want->need);
    trial->answers[1][-expected.status]++;
    pipeline_trial_expect(trial, "is reserved", trial->model.needs[slot].rules != NULL,
                          want->need.is_reserved);
    want_compare(trial, want, &expected, &got);
}

void pipeline_trial_claim(pipeline_trial_t *trial, uint32_t slot, uint8_t item)
{
    if (!want_begin(trial, "claim", slot, item)) {
        return;
    }
    const void *got = berth_claim(&trial->berth, &trial->wants[slot].need, item);
    trial->model.got = got;
    const pipeline_outcome_t outcome = pipeline_claim(&trial->model, slot, item);
    trial->claims[outcome.status == BERTH_OK ? 1 : 0]++;
    pipeline_trial_compare_block(trial, &outcome, got);
    pipeline_trial_compare(trial);
}

void pipeline_trial_release(pipeline_trial_t *trial, uint32_t slot)
{
    if (!want_begin(trial, "release", slot, 0)) {
        return;
    }
    const berth_status_t got = berth_release(&trial->berth, &trial->wants[slot].need);
    const berth_status_t expected = pipeline_release(&trial->model, slot);
    pipeline_trial_expect_status(trial, "status", expected, got);
    pipeline_trial_compare(trial);
}
