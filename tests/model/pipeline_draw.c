/* pipeline_draw.c: the arguments of calls that a seed decides.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_draw.h"

#include "berth/arena.h"

#include <string.h>

/* --- sizes ------------------------------------------------------------------------------------ */

static uint32_t draw_region(random_source_t *random, const pipeline_trial_t *trial)
{
    return random_below(random, trial->model.region_count);
}

/* About one of the numbers that the board's rules turn on. */
static uint32_t draw_listed(random_source_t *random, const pipeline_trial_t *trial)
{
    const uint32_t *sizes = trial->board->sizes;
    uint32_t count = 0;
    while (sizes[count] != 0) {
        count++;
    }
    return sizes[random_below(random, count)] + random_below(random, 5) - 2u;
}

/* About what a region could grant just now. */
static uint32_t draw_fitting(random_source_t *random, const pipeline_trial_t *trial)
{
    const berth_region_t *twin = &trial->model.regions[draw_region(random, trial)].twin;
    return twin->engine->allocatable(twin, 0, 1) + random_below(random, 9) - 6u;
}

/* About what an owner's budget leaves. */
static uint32_t draw_affordable(random_source_t *random, pipeline_trial_t *trial)
{
    pipeline_region_t *region = &trial->model.regions[draw_region(random, trial)];
    const berth_owner_t owner =
        (berth_owner_t)random_between(random, 1, trial->model.owner_count - 1u);
    const berth_budget_t budget = pipeline_budget(region, owner);
    const uint32_t limit = random_percent(random, 50) ? budget.hard : budget.soft;
    const uint32_t rest = limit - pipeline_account(region, owner)->live;
    return rest <= region->rules.size ? rest + random_below(random, 9) - 6u
                                      : random_log(random, 500);
}

/* About what floors leave. */
static uint32_t draw_above_floors(random_source_t *random, const pipeline_trial_t *trial)
{
    const pipeline_region_t *region = &trial->model.regions[draw_region(random, trial)];
    uint32_t rest = region->capacity - region->used;
    const berth_floor_t *floor = region->rules.floors;
    for (; floor != NULL && floor->bytes != 0; floor++) {
        rest -= random_percent(random, 80) ? floor->bytes : 0;
    }
    return rest <= region->rules.size ? rest + random_below(random, 24) - 20u
                                      : random_log(random, 500);
}

static size_t draw_edge(random_source_t *random)
{
    static const uint64_t edges[] = {
        0, 0, 1, UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 64, UINT64_MAX, INT32_MAX};
    const uint64_t edge = edges[random_below(random, 8)];
    return (size_t)(edge > SIZE_MAX ? SIZE_MAX : edge - random_below(random, 2));
}

size_t pipeline_draw_size(random_source_t *random, pipeline_trial_t *trial)
{
    const uint32_t choice = random_below(random, 100);
    if (choice < 50) {
        return random_log(random, choice < 30 ? 400 : 4000);
    }
    if (choice < 65) {
        return draw_listed(random, trial);
    }
    if (choice < 75) {
        return draw_fitting(random, trial);
    }
    if (choice < 80) {
        return draw_affordable(random, trial);
    }
    if (choice < 88) {
        return draw_above_floors(random, trial);
    }
    const uint32_t size = trial->model.regions[draw_region(random, trial)].rules.size;
    return choice < 98 ? random_log(random, size) : draw_edge(random);
}

/* --- who and what ----------------------------------------------------------------------------- */

berth_owner_t pipeline_draw_owner(random_source_t *random, const pipeline_trial_t *trial)
{
    const uint32_t choice = random_below(random, 100);
    if (choice < 88) {
        return (berth_owner_t)random_between(random, 1, trial->model.owner_count - 1u);
    }
    if (choice < 96) {
        return BERTH_OTHERS;
    }
    return (berth_owner_t)random_between(random, trial->model.owner_count, UINT8_MAX);
}

static berth_caps_t draw_wish(random_source_t *random, const pipeline_trial_t *trial)
{
    const berth_caps_t *wishes = trial->board->wishes;
    uint32_t count = 0;
    while (wishes[count] != 0) {
        count++;
    }
    return wishes[random_below(random, count)];
}

berth_caps_t pipeline_draw_caps(random_source_t *random, const pipeline_trial_t *trial)
{
    const uint32_t choice = random_below(random, 100);
    if (choice < 45) {
        return 0;
    }
    if (choice < 50) {
        return choice < 48 ? BERTH_CAP_BYTES : BERTH_CAP_WORDS;
    }
    const berth_caps_t one = draw_wish(random, trial);
    return choice < 90 ? one : one | draw_wish(random, trial);
}

static uint32_t draw_align(random_source_t *random)
{
    if (random_percent(random, 80)) {
        return 0;
    }
    if (random_percent(random, 4)) {
        return random_next(random);
    }
    return 1u << random_below(random, random_percent(random, 5) ? 32u : 10u);
}

/* What must be left: often about what would be, if the request were granted in some region. */
static uint32_t draw_left(random_source_t *random, const pipeline_trial_t *trial, size_t size)
{
    const uint32_t choice = random_below(random, 100);
    if (choice < 65) {
        return 0;
    }
    if (choice < 72) {
        return BERTH_LEFT_NOTHING;
    }
    const pipeline_region_t *region = &trial->model.regions[draw_region(random, trial)];
    const uint32_t left = region->capacity - region->used;
    if (choice < 90 && size < left) {
        return left - (uint32_t)size - random_below(random, 24);
    }
    return random_below(random, region->capacity);
}

static size_t draw_smallest(random_source_t *random, size_t size)
{
    const uint32_t choice = random_below(random, 100);
    if (choice < 70) {
        return 0;
    }
    if (choice < 90) {
        return size / 8u + 1u;
    }
    return choice < 98 ? size / 2u + size / 4u : size + random_below(random, 2);
}

/* --- requests --------------------------------------------------------------------------------- */

static berth_request_t draw_one(random_source_t *random, pipeline_trial_t *trial)
{
    const size_t size = pipeline_draw_size(random, trial);
    return (berth_request_t){
        .size = size,
        .smallest = draw_smallest(random, size),
        .align = draw_align(random),
        .left = draw_left(random, trial, size),
        .needed = pipeline_draw_caps(random, trial),
        .preferred = random_percent(random, 65) ? 0 : draw_wish(random, trial),
        .site = random_percent(random, 50) ? 0 : random_next(random),
        .owner = random_percent(random, 55) ? 0 : pipeline_draw_owner(random, trial),
        .is_zeroed = random_percent(random, 20),
    };
}

/* One hop without conditions: the commonest request. */
static berth_request_t draw_simple(random_source_t *random, pipeline_trial_t *trial)
{
    return (berth_request_t){
        .size = pipeline_draw_size(random, trial),
        .align = draw_align(random),
        .needed = pipeline_draw_caps(random, trial),
        .site = random_percent(random, 50) ? 0 : random_next(random),
        .owner = random_percent(random, 55) ? 0 : pipeline_draw_owner(random, trial),
    };
}

const berth_request_t *pipeline_draw_request(pipeline_generator_t *generator,
                                             pipeline_trial_t *trial)
{
    static const uint8_t lengths[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5, 6, 7};
    random_source_t *random = &generator->random;
    const uint32_t length = lengths[random_below(random, 16)];
    berth_request_t *chain = generator->chain;
    if (random_percent(random, trial->is_calm ? 60 : 20)) {
        chain[0] = draw_simple(random, trial);
        return chain;
    }
    for (uint32_t i = 0; i < length; i++) {
        chain[i] = draw_one(random, trial);
        if (i != 0 && random_percent(random, 60)) {
            chain[i].size = 0;
        }
        if (i != 0 && random_percent(random, 70)) {
            chain[i].smallest = 0;
        }
        chain[i].otherwise = i + 1u < length ? &chain[i + 1u] : NULL;
    }
    if (random_percent(random, 1)) {
        chain[length - 1u].otherwise = chain; /* a ring: it is followed four times, and left */
    }
    return chain;
}

/* --- pointers --------------------------------------------------------------------------------- */

static void *draw_seen(random_source_t *random, const pipeline_trial_t *trial, uint32_t region,
                       uint32_t offset)
{
    const pipeline_window_t *windows = trial->model.regions[region].windows;
    const bool is_alias = random_percent(random, 25) && offset < windows[1].size;
    return (void *)(windows[is_alias ? 1 : 0].base + offset);
}

void *pipeline_draw_live(random_source_t *random, const pipeline_trial_t *trial)
{
    const pipeline_t *model = &trial->model;
    if (model->block_count == 0) {
        return NULL;
    }
    const pipeline_block_t *block = &model->blocks[random_below(random, model->block_count)];
    return draw_seen(random, trial, block->region, block->offset);
}

void *pipeline_draw_wrong(random_source_t *random, const pipeline_trial_t *trial)
{
    static uint8_t foreign[16];
    const uint32_t region = draw_region(random, trial);
    const uint32_t size = trial->model.regions[region].rules.size;
    uint8_t *live = pipeline_draw_live(random, trial);
    switch (random_below(random, 7)) {
    case 0:
        return NULL;
    case 1:
        return &foreign[random_below(random, sizeof foreign)];
    case 2:
        return draw_seen(random, trial, region, random_below(random, size));
    case 3: /* before the first byte, and behind the last */
        return (uint8_t *)trial->regions[region].base - random_below(random, 12);
    case 4:
        return (uint8_t *)trial->regions[region].base + size - 6 + random_below(random, 12);
    case 5:
        return (void *)((uintptr_t)live + 4u * random_below(random, 16));
    default:
        return (void *)((uintptr_t)live + random_below(random, 9) - 4u);
    }
}
