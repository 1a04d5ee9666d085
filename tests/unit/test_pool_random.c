/* test_pool_random.c: random calls of the pool engine, against a table of what is live.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool_form.h"

#include "random.h"

#define STEPS 20000u

typedef struct shadow {
    uint32_t offset;
    berth_tag_t tag;
    uint32_t seed; /* of its contents */
} shadow_t;

static void fill(const form_t *form, const shadow_t *block)
{
    const uint32_t size = form->stride - ((block->tag & BERTH_TAG_WORD) != 0 ? 4 : 0);
    for (uint32_t i = 0; i < size; i++) {
        memory[form->shift + block->offset + i] = (uint8_t)(block->seed + i * 31);
    }
}

static bool is_filled(const form_t *form, const shadow_t *block)
{
    const uint32_t size = form->stride - ((block->tag & BERTH_TAG_WORD) != 0 ? 4 : 0);
    for (uint32_t i = 0; i < size; i++) {
        if (memory[form->shift + block->offset + i] != (uint8_t)(block->seed + i * 31)) {
            return false;
        }
    }
    return true;
}

/* One call; returns false if anything is not as the table of live blocks has it. */
static bool step(const form_t *form, berth_region_t *region, random_source_t *random,
                 shadow_t *live, uint32_t *count)
{
    const uint32_t all = ((const uint32_t *)region->book)[2];
    const bool wants_word = form->stride > 4 && random_percent(random, 25);
    if (random_percent(random, random_percent(random, 50) ? 70 : 40)) {
        const berth_tag_t tag = random_between(random, 1, 127) | (wants_word ? BERTH_TAG_WORD : 0);
        const uint32_t size = random_between(random, 1, form->stride + 8);
        const bool can = *count < all && size <= form->stride - (wants_word ? 4 : 0);
        const bool fits = pool->fits(region, size, 0, tag);
        const berth_grant_t grant = pool->alloc(region, size, 0, tag);
        if (fits != can || (grant.offset != BERTH_NOWHERE) != can) {
            return false;
        }
        if (can) {
            live[*count] = (shadow_t){grant.offset, tag, random_next(random)};
            fill(form, &live[*count]);
            if (wants_word) {
                *pool->word(region, grant.offset) = live[*count].seed;
            }
            ++*count;
        }
        return true;
    }
    if (*count == 0) {
        return pool->free(region, random_next(random)).status == BERTH_ERR_INVALID;
    }
    const uint32_t which = random_below(random, *count);
    shadow_t *block = &live[which];
    const berth_block_t found = pool->find(region, block->offset);
    const uint32_t *word = pool->word(region, block->offset);
    if (!is_filled(form, block) || found.owner != (block->tag & BERTH_TAG_OWNER) ||
        (word != NULL) != ((block->tag & BERTH_TAG_WORD) != 0) ||
        (word != NULL && *word != block->seed)) {
        return false;
    }
    if (random_percent(random, 20)) {
        const uint32_t owner = random_between(random, 1, 127);
        block->tag = (block->tag & BERTH_TAG_WORD) | owner;
        return pool->give(region, block->offset, (berth_owner_t)owner) == BERTH_OK;
    }
    const berth_change_t change = pool->free(region, block->offset);
    const bool is_right = change.status == BERTH_OK && change.before == form->stride &&
                          change.owner == (block->tag & BERTH_TAG_OWNER) &&
                          pool->free(region, block->offset).status == BERTH_ERR_INVALID;
    live[which] = live[--*count];
    return is_right;
}

static void test_random_calls(void **state)
{
    const form_t *form = *state;
    static shadow_t live[BLOCKS_MOST];
    for (uint32_t seed = 1; seed <= 10; seed++) {
        berth_region_t region = started(form);
        random_source_t random = random_from(seed);
        uint32_t count = 0;
        for (uint32_t i = 0; i < STEPS; i++) {
            if (!step(form, &region, &random, live, &count)) {
                fail_msg("seed %u, step %u", seed, i);
            }
            uint32_t blocks;
            if (i % 64 == 0 && live_in(&region, &blocks) != count) {
                fail_msg("seed %u, step %u: the walk miscounts", seed, i);
            }
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_calls),
    };
    return pool_form_run(tests, sizeof tests / sizeof tests[0]);
}
