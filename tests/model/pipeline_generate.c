/* pipeline_generate.c: calls of a manager that a seed decides, near the edges of what is granted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_generate.h"

#include "pipeline_draw.h"

#include "berth/fit.h"

pipeline_generator_t pipeline_generator_from(uint32_t seed)
{
    return (pipeline_generator_t){.random = random_from(seed ^ 0x6E6E6u), .fill = 50};
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void step_alloc(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    const berth_request_t *request = pipeline_draw_request(generator, trial);
    const uint32_t choice = random_below(random, 100);
    uint32_t refusals;
    do { /* whoever is refused is likely to try again: that is counted in one record */
        refusals = trial->model.refusals;
        pipeline_trial_alloc(trial, request,
                             choice < 86   ? PIPELINE_LONG
                             : choice < 95 ? PIPELINE_SHORT
                                           : PIPELINE_CALLOC);
    } while (trial->model.refusals != refusals && random_percent(random, 50));
}

/* An error that may come of a refusal, or of something else. */
static void step_blame(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    static const int32_t errors[] = {-0x7F00, 14, 0x801A, 0, -0x3000, 0x1FFFF};
    random_source_t *random = &generator->random;
    const uint32_t refused = trial->model.contexts[trial->model.running].refused;
    const uint32_t since = random_below(random, refused < 3 ? refused + 1 : 3);
    pipeline_trial_blame(trial, since, errors[random_below(random, 6)]);
}

static void step_free(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    void *pointer = pipeline_draw_live(random, trial);
    pipeline_trial_free(trial, pointer, random_percent(random, 30));
    if (random_percent(random, 2)) {
        pipeline_trial_free(trial, pointer, random_percent(random, 50));
    }
}

/* A size about the block's own. */
static size_t draw_resized(random_source_t *random, const pipeline_trial_t *trial,
                           const void *pointer)
{
    const uint32_t block = pipeline_block_at(&trial->model, pipeline_whose(&trial->model, pointer));
    const uint32_t size = block != PIPELINE_NO_BLOCK ? trial->model.blocks[block].size : 64;
    switch (random_below(random, 4)) {
    case 0:
        return random_between(random, 1, size);
    case 1:
        return size + random_below(random, 9) - 2u;
    case 2:
        return size + random_below(random, 64);
    default:
        return size + random_below(random, size);
    }
}

static void step_resize(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    void *pointer = random_percent(random, 96) ? pipeline_draw_live(random, trial)
                                               : pipeline_draw_wrong(random, trial);
    (void)pipeline_draw_request(generator, trial);
    berth_request_t *request = &generator->chain[0];
    if (random_percent(random, 75)) {
        request->size = draw_resized(random, trial, pointer);
    }
    if (random_percent(random, 50)) {
        request->needed = 0;
        request->preferred = 0;
        request->otherwise = NULL;
    }
    pipeline_trial_resize(trial, pointer, request,
                          random_percent(random, 80) ? PIPELINE_LONG : PIPELINE_SHORT);
}

static void step_wrong(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    void *pointer = pipeline_draw_wrong(random, trial);
    if (random_percent(random, 80)) {
        pipeline_trial_free(trial, pointer, random_percent(random, 50));
    } else {
        pipeline_trial_give(trial, pointer, pipeline_draw_owner(random, trial));
    }
}

static void step_give(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    void *pointer = pipeline_draw_live(random, trial);
    const berth_owner_t owner =
        random_percent(random, 2) ? BERTH_NO_OWNER : pipeline_draw_owner(random, trial);
    pipeline_trial_give(trial, pointer, owner);
}

/* --- arenas, regions within regions, owners that end ------------------------------------------ */

static void step_arena(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    uint32_t region = random_below(random, trial->model.region_count);
    for (uint32_t i = 0; i < trial->model.region_count; i++) {
        if (trial->regions[i].engine->mark != NULL && random_percent(random, 90)) {
            region = i;
        }
    }
    uint32_t *mark = &generator->marks[random_below(random, PIPELINE_MARKS)];
    const uint32_t choice = random_below(random, 100);
    if (choice < 55) {
        *mark = pipeline_trial_mark(trial, region);
    } else if (choice < 95) {
        pipeline_trial_reset(trial, region, *mark);
    } else {
        pipeline_trial_reset(trial, region, random_below(random, 2000) - 100u);
    }
}

static void step_carve(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    const pipeline_t *model = &trial->model;
    if (model->block_count == 0 || trial->carved == 3) {
        return;
    }
    const uint32_t index = random_below(random, model->block_count);
    const pipeline_block_t *block = &model->blocks[index];
    const pipeline_spot_t spot = {.region = block->region, .offset = block->offset};
    const pipeline_spot_t found = pipeline_whose(model, pipeline_real_bytes(model, index));
    const bool has_alias = model->regions[block->region].windows[1].size != 0;
    if (block->size < 400 || block->need != 0 || found.region != spot.region || has_alias ||
        trial->regions[block->region].engine != &berth_fit_engine) {
        return;
    }
    const berth_region_t settings = {.engine = &berth_fit_engine,
                                     .granule = 4u << random_below(random, 3),
                                     .caps = {pipeline_draw_caps(random, trial),
                                              pipeline_draw_caps(random, trial),
                                              BERTH_CAP_BYTES | BERTH_CAP_DEFAULT},
                                     .upto = random_percent(random, 50) ? 300 : 0,
                                     .owner = random_percent(random, 30) ? 2 : 0,
                                     .is_slow = random_percent(random, 20)};
    pipeline_trial_carve(trial, index, &settings);
}

static void step_retire(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    const berth_owner_t owner = pipeline_draw_owner(random, trial);
    if (trial->is_calm) {
        return;
    }
    const bool is_again = owner <= BERTH_OTHERS && trial->model.is_retired[owner];
    if (is_again || generator->retired * 3u < trial->model.owner_count) {
        generator->retired++;
        pipeline_trial_retire(trial, owner);
    }
}

/* --- scopes and guards ------------------------------------------------------------------------ */

static void step_scope(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t context = trial->model.running;
    uint32_t *count = &generator->scope_count[context];
    if (*count != 0 && (*count == PIPELINE_NEST || random_percent(random, 50))) {
        pipeline_trial_pop(trial, generator->scopes[context][--*count]);
        return;
    }
    const berth_owner_t owner =
        random_percent(random, 5) ? BERTH_NO_OWNER : pipeline_draw_owner(random, trial);
    generator->scopes[context][(*count)++] = pipeline_trial_push(trial, owner);
}

static void step_guard(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t context = trial->model.running;
    uint32_t *count = &generator->guard_count[context];
    if (*count != 0 && (*count == PIPELINE_NEST || random_percent(random, 85))) {
        pipeline_trial_leave(trial, generator->guards[context][--*count]);
        return;
    }
    if (trial->is_calm) {
        return;
    }
    static const uint8_t sets[] = {0, BERTH_GUARD_NO_ALLOC, BERTH_GUARD_CACHE_OFF,
                                   BERTH_GUARD_NO_ALLOC | BERTH_GUARD_CACHE_OFF};
    const uint8_t guards = sets[random_below(random, 4)];
    generator->guards[context][(*count)++] = pipeline_trial_enter(trial, guards);
}

/* --- questions -------------------------------------------------------------------------------- */

static void step_question(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    if (random_percent(random, 40)) {
        pipeline_trial_walk(trial, random_below(random, 2u * BERTH_WALK_SLICE + 1u));
        return;
    }
    if (random_percent(random, 50)) {
        pipeline_trial_allocatable(trial, pipeline_draw_request(generator, trial));
        return;
    }
    const void *pointer = random_percent(random, 60) ? pipeline_draw_live(random, trial)
                                                     : pipeline_draw_wrong(random, trial);
    const size_t size = pipeline_draw_size(random, trial);
    pipeline_trial_ask(trial, pointer, size, pipeline_draw_caps(random, trial));
}

/* Reads a few events often, and all of them now and then: so that rings run over. */
static void step_poll(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t most = random_percent(random, 70) ? 12u : PIPELINE_EVENTS + 8u;
    pipeline_trial_poll(trial, random_below(random, most + 1u));
}

/* --- the next call ---------------------------------------------------------------------------- */

/* Whether the fullest region holds less than is wanted just now. */
static bool generator_wants_more(const pipeline_generator_t *generator,
                                 const pipeline_trial_t *trial)
{
    const pipeline_t *model = &trial->model;
    uint32_t fullest = 0;
    for (uint32_t i = 0; i < trial->board->region_count; i++) {
        const pipeline_region_t *region = &model->regions[i];
        const uint32_t percent = (uint32_t)(100ull * region->used / region->capacity);
        fullest += percent;
    }
    return fullest < generator->fill * trial->board->region_count &&
           model->block_count + 8u < PIPELINE_BLOCKS;
}

static void generator_set_scene(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    static const uint8_t fills[] = {0, 20, 50, 70, 85, 90, 95, 98, 100, 100};
    static const uint8_t contexts[] = {1, 1, 1, 1, 1, 1, 1, 2, 2, 0, 3};
    random_source_t *random = &generator->random;
    if (++generator->since > 300) {
        generator->since = 0;
        generator->fill = fills[random_below(random, 10)];
    }
    if (random_percent(random, 40)) {
        pipeline_trial_run_as(trial, contexts[random_below(random, sizeof contexts)]);
    }
    const uint32_t busy = random_below(random, trial->model.region_count);
    pipeline_trial_refuse(trial, random_percent(random, 4) ? busy : PIPELINE_REGIONS);
    pipeline_trial_pass(trial, random_log(random, 1u << 17));
}

typedef struct step {
    uint32_t weight; /* of 1000 */
    void (*make)(pipeline_generator_t *generator, pipeline_trial_t *trial);
} step_t;

void pipeline_generator_step(pipeline_generator_t *generator, pipeline_trial_t *trial)
{
    static const step_t steps[] = {
        {120, step_resize}, {50, step_give},  {40, step_wrong},
        {40, step_scope},   {40, step_guard}, {60, step_question},
        {50, step_poll},    {20, step_arena}, {40, pipeline_generator_need},
        {2, step_carve},    {1, step_retire}, {20, step_blame}};
    random_source_t *random = &generator->random;
    generator_set_scene(generator, trial);
    uint32_t choice = random_below(random, 1000);
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (choice < steps[i].weight) {
            steps[i].make(generator, trial);
            return;
        }
        choice -= steps[i].weight;
    }
    if (random_percent(random, generator_wants_more(generator, trial) ? 80 : 20)) {
        step_alloc(generator, trial);
    } else {
        step_free(generator, trial);
    }
}
