/* test_foreign_random.c: random calls of the foreign engine, against a list of what is live.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "foreign_form.h"

#include "random.h"

#define STEPS 30000u

typedef struct shadow {
    uint8_t *pointer;
    uint32_t offset;
    uint32_t size; /* usable */
    uint32_t taken;
    uint32_t seed; /* of its contents */
    uint8_t owner;
    bool has_word;
} shadow_t;

static bool is_right(const berth_region_t *region, const shadow_t *block)
{
    const berth_block_t found = foreign->find(region, block->offset);
    const berth_place_t place = foreign->whose(region, block->pointer);
    const uint32_t *word = foreign->word(region, block->offset);
    for (uint32_t i = 0; i < block->size; i++) {
        if (block->pointer[i] != (uint8_t)(block->seed + i * 31)) {
            return false;
        }
    }
    return found.status == BERTH_OK && found.owner == block->owner && found.size == block->size &&
           found.taken == block->taken && place.status == BERTH_OK &&
           place.offset == block->offset && (word != NULL) == block->has_word &&
           (word == NULL || *word == block->seed);
}

static bool step_alloc(const form_t *form, berth_region_t *region, random_source_t *random,
                       shadow_t *block)
{
    const bool has_word = random_percent(random, 20);
    const uint32_t align = random_percent(random, 20) ? 1u << random_below(random, 10) : 0;
    const uint32_t size = random_log(random, 1000);
    const uint32_t owner = random_between(random, 1, 127);
    const uint32_t taken = taken_of(form, size + (has_word ? 4 : 0), align);
    const berth_tag_t tag = owner | (has_word ? BERTH_TAG_WORD : 0);
    const berth_grant_t grant = foreign->alloc(region, size, align, tag);
    *block = (shadow_t){.pointer = foreign->pointer(region, grant.offset),
                        .offset = grant.offset,
                        .size = foreign->find(region, grant.offset).size,
                        .taken = taken,
                        .seed = random_next(random),
                        .owner = (uint8_t)owner,
                        .has_word = has_word};
    if (block->pointer == NULL || block->size < size || grant.size != taken ||
        (align != 0 && (uintptr_t)block->pointer % align != 0)) {
        return false;
    }
    for (uint32_t i = 0; i < block->size; i++) {
        block->pointer[i] = (uint8_t)(block->seed + i * 31);
    }
    if (has_word) {
        *foreign->word(region, grant.offset) = block->seed;
    }
    return is_right(region, block);
}

static bool step_free(berth_region_t *region, const shadow_t *block)
{
    const berth_change_t change = foreign->free(region, block->offset);
    return change.status == BERTH_OK && change.before == block->taken &&
           change.owner == block->owner &&
           (!HAS_TABLE || foreign->whose(region, block->pointer).status == BERTH_ERR_UNKNOWN);
}

static bool step(const form_t *form, berth_region_t *region, random_source_t *random,
                 shadow_t *live, uint32_t *count)
{
    const uint32_t what = random_below(random, 100);
    if (*count == 0 || (what < 50 && *count < 400)) {
        ++*count;
        return step_alloc(form, region, random, &live[*count - 1]);
    }
    const uint32_t which = random_below(random, *count);
    shadow_t block = live[which];
    if (!is_right(region, &block)) {
        return false;
    }
    if (what < 60) {
        live[which].owner = (uint8_t)random_between(random, 1, 127);
        return foreign->give(region, block.offset, live[which].owner) == BERTH_OK;
    }
    if (what < 70) {
        const uint32_t size = random_log(random, 1000);
        const int32_t wanted = size <= block.size ? BERTH_OK : BERTH_ERR_NOMEM;
        return foreign->resize(region, block.offset, size).status == wanted;
    }
    live[which] = live[--*count];
    return step_free(region, &block);
}

static void test_random_calls(void **state)
{
    static shadow_t live[401];
    for (uint32_t seed = 1; seed <= 3; seed++) {
        berth_region_t region = started(*state);
        random_source_t random = random_from(seed);
        uint32_t count = 0;
        for (uint32_t i = 0; i < STEPS; i++) {
            if (!step(*state, &region, &random, live, &count) || platform.blocks != count) {
                fail_msg("seed %u, step %u", seed, i);
            }
            if (i % 256 == 0) {
                assert_walk(&region, count);
            }
        }
        while (count > 0) {
            freed(&region, live[--count].offset);
        }
        assert_int_equal(platform.blocks, 0);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_calls),
    };
    return foreign_form_run(tests, sizeof tests / sizeof tests[0]);
}
