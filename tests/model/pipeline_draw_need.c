/* pipeline_draw_need.c: needs that a seed decides, and the next call about one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_draw.h"

#include <string.h>

/* A chain that is the item's own. It makes sense: which of several senseless items is told is
 * nobody's promise. */
static void want_draw_chain(pipeline_generator_t *generator, pipeline_trial_t *trial,
                            pipeline_want_t *want, uint32_t item)
{
    const berth_request_t *request = pipeline_draw_request(generator, trial);
    berth_request_t *chain = want->chains[item];
    for (uint32_t i = 0; i < PIPELINE_READ; i++) {
        chain[i] = *request;
        const bool is_last = request->otherwise == NULL || i + 1u == PIPELINE_READ;
        chain[i].otherwise = is_last ? NULL : &chain[i + 1u];
        chain[i].size = i == 0 && request->size == 0 ? 1u : request->size;
        chain[i].align = (request->align & (request->align - 1u)) == 0 ? request->align : 0;
        if (is_last) {
            break;
        }
        request = request->otherwise;
    }
    want->items[item].request = chain[0];
}

static void want_draw_item(pipeline_generator_t *generator, pipeline_trial_t *trial,
                           pipeline_want_t *want, uint32_t index)
{
    random_source_t *random = &generator->random;
    berth_item_t *item = &want->items[index];
    want_draw_chain(generator, trial, want, index);
    item->count = (uint8_t)random_below(random, random_percent(random, 70) ? 3u : 5u);
    item->ends = 0;
    if (random_percent(random, 25) && index + 1u < want->need.item_count) {
        item->ends = (uint8_t)random_between(random, index + 2u, want->need.item_count);
    } else if (random_percent(random, 4)) { /* perhaps of one before it: it ends nothing */
        item->ends = (uint8_t)random_between(random, 1, want->need.item_count);
    }
    item->least = random_percent(random, 50) ? 0 : item->request.size / 2u;
}

/* The pieces that an item takes, which is made so small that there are enough for the rest. */
static uint32_t want_pieces(pipeline_want_t *want, uint32_t index)
{
    berth_item_t *item = &want->items[index];
    const uint32_t others = want->need.item_count - index - 1u;
    const uint32_t rest = BERTH_PIECES - want->need.piece_count - others;
    const uint32_t count = item->count != 0 ? item->count : 1u;
    if (2u * count > rest) {
        item->ends = 0;
    }
    if (count > rest) {
        item->count = 1;
        return 1;
    }
    return item->ends != 0 ? 2u * count : count;
}

static void want_draw(pipeline_generator_t *generator, pipeline_trial_t *trial,
                      pipeline_want_t *want)
{
    static const uint8_t lengths[] = {1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 8};
    random_source_t *random = &generator->random;
    memset(want, 0, sizeof *want);
    want->need = (berth_need_t){
        .items = want->items,
        .pieces = want->pieces,
        .item_count = lengths[random_below(random, 12)],
        .owner = random_percent(random, 30) ? 0 : pipeline_draw_owner(random, trial)};
    for (uint32_t i = 0; i < want->need.item_count; i++) {
        want_draw_item(generator, trial, want, i);
        want->need.piece_count = (uint8_t)(want->need.piece_count + want_pieces(want, i));
    }
    if (random_percent(random, 10)) { /* more room than it takes, or not enough */
        const uint32_t most = BERTH_PIECES + 1u - want->need.piece_count;
        want->need.piece_count =
            (uint8_t)(want->need.piece_count + random_below(random, most + 1u) - 1u);
    }
}

void pipeline_generator_want(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    want_draw(generator, trial, &trial->wants[PIPELINE_NEEDS]);
}

/* An allocation that knows nothing of the need: it gets a block of it, or just fails to. */
static void want_alloc_alike(pipeline_generator_t *generator, pipeline_trial_t *trial,
                             uint32_t slot)
{
    random_source_t *random = &generator->random;
    const pipeline_want_t *want = &trial->wants[slot];
    const berth_item_t *item = &want->items[random_below(random, want->need.item_count)];
    const size_t size = item->request.size;
    const size_t least = item->least != 0 ? item->least : size;
    berth_request_t request = {.size = size,
                               .needed = random_percent(random, 70)
                                             ? item->request.needed
                                             : pipeline_draw_caps(random, trial),
                               .align = random_percent(random, 80) ? 0 : item->request.align,
                               .owner = trial->model.needs[slot].owner,
                               .is_zeroed = random_percent(random, 30)};
    if (random_percent(random, 60)) {
        request.size = least + random_below(random, (uint32_t)(size - least) + 3u) - 1u;
    }
    if (random_percent(random, 10)) {
        request.owner = pipeline_draw_owner(random, trial);
    }
    pipeline_trial_alloc(trial, &request, PIPELINE_LONG);
}

void pipeline_generator_need(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t choice = random_below(random, 100);
    const uint32_t slot = random_below(random, PIPELINE_NEEDS);
    pipeline_trial_refuse(trial, PIPELINE_REGIONS);
    const uint8_t guards = trial->model.contexts[trial->model.running].guards;
    if ((guards & BERTH_GUARD_ISR) != 0) {
        return; /* needs are a task's business */
    }
    if (choice < 10) {
        pipeline_generator_want(generator, trial);
        pipeline_trial_fits(trial, PIPELINE_NEEDS);
    } else if (trial->model.needs[slot].rules == NULL) {
        want_draw(generator, trial, &trial->wants[slot]);
        pipeline_trial_reserve(trial, slot);
    } else if (choice < 40) {
        const uint32_t item = random_below(random, trial->wants[slot].need.item_count);
        pipeline_trial_claim(trial, slot, (uint8_t)item);
    } else if (choice < 85) {
        want_alloc_alike(generator, trial, slot);
    } else if ((guards & BERTH_GUARD_CACHE_OFF) == 0) {
        pipeline_trial_release(trial, slot);
    }
}
