/* generate.c: calls that a seed decides, in several characters.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate.h"

#include <string.h>

static const profile_t profiles[] = {
    {"tiny", .size_max = 64, .odd_percent = 8, .edge_percent = 1, .hold = 600},
    {"mixed", .word_percent = 10, .align_percent = 5, .resize_percent = 10, .odd_percent = 10,
     .edge_percent = 3, .hold = 300},
    {"small", .size_max = 600, .word_percent = 5, .resize_percent = 10, .odd_percent = 5,
     .edge_percent = 1, .hold = 1000},
    {"big", .size_max = UINT32_MAX, .word_percent = 5, .resize_percent = 10, .odd_percent = 10,
     .edge_percent = 10, .hold = 60},
    {"aligned", .word_percent = 10, .align_percent = 80, .resize_percent = 5, .odd_percent = 10,
     .edge_percent = 5, .hold = 200},
    {"resize", .word_percent = 20, .resize_percent = 60, .odd_percent = 5, .edge_percent = 5,
     .hold = 200},
    {"fill", .size_max = 256, .word_percent = 5, .resize_percent = 5, .odd_percent = 3,
     .edge_percent = 3, .hold = 4000},
    {"exact", .size_max = 400, .word_percent = 10, .resize_percent = 10, .odd_percent = 5,
     .edge_percent = 5, .hold = 200, .is_exact = true},
    {"edges", .word_percent = 30, .align_percent = 30, .resize_percent = 15, .odd_percent = 30,
     .edge_percent = 60, .hold = 100},
    {"words", .size_max = 128, .word_percent = 90, .resize_percent = 20, .odd_percent = 20,
     .edge_percent = 2, .hold = 200},
};

uint32_t profile_count(void)
{
    return (uint32_t)(sizeof profiles / sizeof profiles[0]);
}

const profile_t *profile_at(uint32_t index)
{
    return &profiles[index % profile_count()];
}

const profile_t *profile_named(const char *name)
{
    for (uint32_t i = 0; i < profile_count(); i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

generator_t generator_from(const profile_t *profile, uint32_t seed)
{
    return (generator_t){.profile = profile, .random = random_from(seed), .fill = 50};
}

/* Sizes at which arithmetic turns over, and around what the region has. */
static size_t draw_edge(generator_t *generator, const trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t near = random_below(random, 24);
    const uint32_t largest = model_allocatable(&trial->model, random_percent(random, 30));
    switch (random_below(random, generator->is_portable ? 5u : 8u)) {
    case 0:
        return 0;
    case 1:
        return trial->region.size - near;
    case 2:
        return trial->region.size + near;
    case 3:
        return (size_t)largest + near - 8u;
    case 4:
        return near;
    case 5:
        return SIZE_MAX - near;
    case 6:
        return (size_t)UINT32_MAX + 1u + near; /* wraps to a small request on a 32-bit target */
    default:
        return (size_t)UINT32_MAX - near;
    }
}

/* A size about that of some free block, so that exact fits and leftovers of a granule happen. */
static size_t draw_exact(generator_t *generator, const trial_t *trial)
{
    const model_t *model = &trial->model;
    const uint32_t start = random_below(&generator->random, model->count);
    for (uint32_t i = 0; i < model->count; i++) {
        const model_block_t *block = &model->blocks[(start + i) % model->count];
        if (block->owner == BERTH_NO_OWNER && block->taken >= model->minimum) {
            const uint32_t less = random_below(&generator->random, 4) * model->granule;
            const uint32_t usable = model_usable(model, block);
            return usable > less ? usable - less : usable;
        }
    }
    return 1;
}

static size_t draw_size(generator_t *generator, const trial_t *trial)
{
    const profile_t *profile = generator->profile;
    random_source_t *random = &generator->random;
    if (random_percent(random, profile->edge_percent)) {
        return draw_edge(generator, trial);
    }
    if (profile->is_exact && random_percent(random, 50)) {
        return draw_exact(generator, trial);
    }
    const uint32_t region = trial->region.size;
    if (profile->size_max == UINT32_MAX) {
        return random_between(random, region / 64u, region / 3u);
    }
    return random_log(random, profile->size_max != 0 ? profile->size_max : region / 8u);
}

static uint32_t draw_align(generator_t *generator)
{
    random_source_t *random = &generator->random;
    if (!random_percent(random, generator->profile->align_percent)) {
        return 0;
    }
    const uint32_t top = random_percent(random, 5) ? 32u : 13u;
    return 1u << random_below(random, top);
}

static berth_tag_t draw_tag(generator_t *generator)
{
    random_source_t *random = &generator->random;
    const berth_tag_t word =
        random_percent(random, generator->profile->word_percent) ? BERTH_TAG_WORD : 0u;
    const uint32_t lowest = random_below(random, 200) == 0 ? 0u : 1u;
    return word | random_between(random, lowest, BERTH_OTHERS);
}

static uint32_t draw_live(generator_t *generator, const trial_t *trial)
{
    const uint32_t start = random_below(&generator->random, trial->model.count);
    return model_live_from(&trial->model, start);
}

static void step_alloc(generator_t *generator, trial_t *trial)
{
    if (trial->model.count + 4u > MODEL_BLOCKS) {
        generator->fill = 0;
        return;
    }
    const size_t size = draw_size(generator, trial);
    const uint32_t align = draw_align(generator);
    const berth_tag_t tag = draw_tag(generator);
    (void)trial_alloc(trial, size, align, tag);
}

/* Frees a block, or a run of neighbours: the way a component goes away. */
static void step_free(generator_t *generator, trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t run = random_percent(random, 10) ? random_between(random, 2, 8) : 1u;
    uint32_t index = draw_live(generator, trial);
    for (uint32_t i = 0; i < run && index != MODEL_NONE && !trial->failed; i++) {
        const uint32_t offset = model_offset(&trial->model, &trial->model.blocks[index]);
        if (random_percent(random, 5)) {
            trial_free_twice(trial, index);
        } else {
            trial_free(trial, index);
        }
        index = model_live_from(&trial->model, model_holder(&trial->model, offset));
    }
}

static void step_resize(generator_t *generator, trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t index = draw_live(generator, trial);
    if (index == MODEL_NONE || trial->model.count + 4u > MODEL_BLOCKS) {
        return;
    }
    const uint32_t usable = model_usable(&trial->model, &trial->model.blocks[index]);
    switch (random_below(random, 4)) {
    case 0:
        trial_resize(trial, index, draw_size(generator, trial));
        break;
    case 1:
        trial_resize(trial, index, random_between(random, 1, usable));
        break;
    case 2:
        trial_resize(trial, index, (size_t)usable + random_below(random, 64));
        break;
    default:
        trial_resize(trial, index, (size_t)usable + random_below(random, usable));
        break;
    }
}

/* Offsets that no caller holds: anywhere, beside a live block's, of a free block. */
static uint32_t draw_wrong(generator_t *generator, const trial_t *trial)
{
    random_source_t *random = &generator->random;
    const model_t *model = &trial->model;
    const uint32_t any = random_below(random, model->count);
    const uint32_t offset = model_offset(model, &model->blocks[any]);
    switch (random_below(random, 6)) {
    case 0:
        return random_next(random);
    case 1:
        return random_below(random, trial->region.size + 64u);
    case 2:
        return random_below(random, 64u) - 32u;
    case 3:
        return trial->region.size - random_below(random, 32u);
    case 4:
        return offset;
    default:
        return offset + random_below(random, 16u) - 8u;
    }
}

static void step_odd(generator_t *generator, trial_t *trial)
{
    random_source_t *random = &generator->random;
    const uint32_t index = draw_live(generator, trial);
    const uint32_t kind = random_below(random, 4);
    if (kind == 0) {
        trial_wrong(trial, draw_wrong(generator, trial));
    } else if (kind == 1 || index == MODEL_NONE) {
        const size_t size = draw_size(generator, trial);
        const uint32_t align = draw_align(generator);
        trial_ask(trial, size, align, draw_tag(generator));
    } else if (kind == 2) {
        const uint32_t owner = random_percent(random, 90) ? random_between(random, 1, BERTH_OTHERS)
                                                          : random_below(random, 256);
        trial_give(trial, index, (berth_owner_t)owner);
    } else {
        trial_word(trial, index, random_next(random));
    }
}

/* Whether the region holds less than is wanted of it just now. */
static bool generator_wants_more(const generator_t *generator, const trial_t *trial)
{
    const uint64_t wanted = (uint64_t)trial->region.size * generator->fill / 100u;
    return trial->model.live_taken < wanted;
}

void generator_step(generator_t *generator, trial_t *trial)
{
    static const uint32_t fills[] = {0, 10, 30, 50, 70, 85, 95, 100, 100, 100};
    random_source_t *random = &generator->random;
    if (++generator->since > generator->profile->hold) {
        generator->since = 0;
        generator->fill = fills[random_below(random, 10)];
    }
    const uint32_t choice = random_below(random, 100);
    if (choice < generator->profile->odd_percent) {
        step_odd(generator, trial);
    } else if (choice < generator->profile->odd_percent + generator->profile->resize_percent) {
        step_resize(generator, trial);
    } else if (random_percent(random, generator_wants_more(generator, trial) ? 85 : 15)) {
        step_alloc(generator, trial);
    } else {
        step_free(generator, trial);
    }
}
