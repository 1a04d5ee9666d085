/* test_arena_random.c: random calls of the arena engine, against a list of all that was granted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "arena_form.h"

#include "random.h"

#define BLOCKS_MOST 1024u

typedef struct shadow {
    uint32_t from; /* where the top stood */
    uint32_t offset;
    uint32_t size; /* usable, its word included */
    uint32_t seed; /* of its contents */
    uint8_t owner;
    bool has_word;
    bool is_dead;
} shadow_t;

typedef struct model {
    const form_t *form;
    berth_region_t *region;
    random_source_t random;
    shadow_t blocks[BLOCKS_MOST];
    uint32_t count;
    uint32_t charged; /* bytes, as a ledger would have them */
    uint32_t alive;   /* blocks, likewise */
} model_t;

static uint32_t usable_of(const shadow_t *block)
{
    return block->size - (block->has_word ? 4 : 0);
}

static void fill(const model_t *model, const shadow_t *block)
{
    for (uint32_t i = 0; i < usable_of(block); i++) {
        memory[model->form->shift + block->offset + i] = (uint8_t)(block->seed + i * 31);
    }
    if (block->has_word) {
        *arena->word(model->region, block->offset) = block->seed;
    }
}

static bool is_right(const model_t *model, const shadow_t *block)
{
    const berth_block_t found = arena->find(model->region, block->offset);
    if (block->is_dead) {
        return found.status == BERTH_ERR_INVALID;
    }
    for (uint32_t i = 0; i < usable_of(block); i++) {
        if (memory[model->form->shift + block->offset + i] != (uint8_t)(block->seed + i * 31)) {
            return false;
        }
    }
    const uint32_t *word = arena->word(model->region, block->offset);
    return found.status == BERTH_OK && found.owner == block->owner &&
           found.size == usable_of(block) && (word != NULL) == block->has_word &&
           (word == NULL || *word == block->seed) &&
           found.taken == block->offset - block->from + block->size + 4;
}

static uint32_t top_of(const model_t *model)
{
    if (model->count == 0) {
        return first_of(model->form);
    }
    const shadow_t *last = &model->blocks[model->count - 1];
    return last->offset + last->size;
}

static uint32_t floor_of(const model_t *model)
{
    return first_of(model->form) + span_of(model->form) - 4 * model->count;
}

static bool step_alloc(model_t *model)
{
    const bool has_word = random_percent(&model->random, 20);
    const uint32_t align =
        random_percent(&model->random, 30) ? 1u << random_below(&model->random, 10) : 0;
    const uint32_t size = random_log(&model->random, 600);
    const uint32_t owner = random_between(&model->random, 1, 127);
    const berth_tag_t tag = owner | (has_word ? BERTH_TAG_WORD : 0);
    const uint32_t from = top_of(model);
    uint32_t offset = from;
    while (align != 0 && (model->region->address + offset) % align != 0) {
        offset++;
    }
    const uint32_t room = rounded(model->form, size + (has_word ? 4 : 0));
    const bool can = offset + room + 4 <= floor_of(model);
    const bool fits = arena->fits(model->region, size, align, tag);
    const uint32_t cost = arena->cost(model->region, size, align, tag);
    const berth_grant_t grant = arena->alloc(model->region, size, align, tag);
    if (fits != can || cost != offset - from + room + 4) {
        return false;
    }
    if (!can) {
        return grant.offset == BERTH_NOWHERE && grant.size == 0;
    }
    shadow_t *block = &model->blocks[model->count++];
    *block = (shadow_t){.from = from,
                        .offset = offset,
                        .size = room,
                        .seed = random_next(&model->random),
                        .owner = (uint8_t)owner,
                        .has_word = has_word};
    fill(model, block);
    model->charged += grant.size;
    model->alive++;
    return grant.offset == offset && grant.size == cost;
}

static bool step_free(model_t *model, shadow_t *block)
{
    const bool is_last = block == &model->blocks[model->count - 1];
    const berth_change_t change = arena->free(model->region, block->offset);
    if (block->is_dead) {
        return change.status == BERTH_ERR_INVALID;
    }
    const uint32_t taken = block->offset - block->from + block->size + 4;
    block->is_dead = true;
    if (is_last) {
        model->count--;
    }
    model->charged -= change.before;
    model->alive -= change.before != 0;
    return change.status == BERTH_OK && change.owner == block->owner && change.after == 0 &&
           change.before == (is_last ? taken : 0);
}

static bool step_resize(model_t *model, shadow_t *block)
{
    const bool is_last = block == &model->blocks[model->count - 1];
    const uint32_t size = random_log(&model->random, 700);
    const uint32_t room = rounded(model->form, size + (block->has_word ? 4 : 0));
    const bool can = room <= (is_last ? floor_of(model) - block->offset : block->size);
    const berth_change_t change = arena->resize(model->region, block->offset, size);
    if (block->is_dead || !can) {
        return change.status == (block->is_dead ? BERTH_ERR_INVALID : BERTH_ERR_NOMEM);
    }
    const uint32_t taken = block->offset - block->from + block->size + 4;
    if (change.status != BERTH_OK || change.before != taken) {
        return false;
    }
    if (is_last) {
        const uint32_t kept = room < block->size ? room : block->size;
        const uint32_t bytes = kept - (block->has_word ? 4 : 0);
        for (uint32_t i = 0; i < bytes; i++) {
            if (memory[model->form->shift + block->offset + i] != (uint8_t)(block->seed + i * 31)) {
                return false;
            }
        }
        if (block->has_word && *arena->word(model->region, block->offset) != block->seed) {
            return false;
        }
        block->size = room;
        fill(model, block);
    }
    model->charged += change.after - change.before;
    return change.after == block->offset - block->from + block->size + 4;
}

static bool step_reset(model_t *model)
{
    const uint32_t keep = random_below(&model->random, model->count + 1);
    const uint32_t mark = keep == model->count ? top_of(model) : model->blocks[keep].from;
    const berth_undone_t undone = arena->reset(model->region, mark);
    uint32_t size = 0;
    for (uint32_t i = keep; i < model->count; i++) {
        const shadow_t *block = &model->blocks[i];
        size += block->offset - block->from + block->size + 4;
    }
    const bool is_told =
        undone.status == BERTH_OK && undone.count == model->count - keep && undone.size == size;
    model->charged -= undone.size;
    model->alive -= undone.count;
    model->count = keep;
    return is_told && arena->mark(model->region) == mark;
}

static bool step(model_t *model)
{
    const uint32_t what = random_below(&model->random, 1000);
    if (what < 8) {
        return step_reset(model);
    }
    if (what < 500 || model->count == 0) {
        return step_alloc(model);
    }
    const bool wants_last = random_percent(&model->random, 60);
    const uint32_t which =
        wants_last ? model->count - 1 : random_below(&model->random, model->count);
    shadow_t *block = &model->blocks[which];
    if (!is_right(model, block)) {
        return false;
    }
    if (what < 800) {
        return step_free(model, block);
    }
    if (what < 950) {
        return step_resize(model, block);
    }
    block->owner = (uint8_t)random_between(&model->random, 1, 127);
    const berth_status_t status = arena->give(model->region, block->offset, block->owner);
    return status == (block->is_dead ? BERTH_ERR_INVALID : BERTH_OK);
}

/* Whether the walk tells what the model has, and the sums agree. */
static bool walk_is_right(const model_t *model)
{
    uint32_t cursor = BERTH_WALK_START;
    uint32_t charged = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        const berth_block_t told = arena->walk(model->region, cursor);
        const shadow_t *block = &model->blocks[i];
        if (told.offset != block->offset || (told.size == 0) != block->is_dead ||
            !is_right(model, block)) {
            return false;
        }
        charged += told.taken;
        cursor = told.next;
    }
    return charged == model->charged && model->alive == model->count &&
           held_in(model->form, model->region) == model->count;
}

static void test_random_calls(void **state)
{
    static model_t model;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        berth_region_t region = started(*state);
        model = (model_t){.form = *state, .region = &region, .random = random_from(seed)};
        for (uint32_t i = 0; i < 20000; i++) {
            if (!step(&model) || (i % 32 == 0 && !walk_is_right(&model))) {
                fail_msg("seed %u, step %u", seed, i);
            }
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_calls),
    };
    return arena_form_run(tests, sizeof tests / sizeof tests[0]);
}
