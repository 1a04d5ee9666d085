/* test_undo.c: does undo() leave no trace of an allocation, down to the last byte?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "form.h"
#include "random.h"

#include <inttypes.h>
#include <string.h>

#define ROUNDS 4000u
#define DEPTH 12u /* allocations that are undone together */
#define SLOTS 64u

static random_source_t source;
static uint32_t slots[SLOTS]; /* offsets of live blocks; BERTH_NOWHERE */

/* Sizes around the bounds of bins and zones, and a few large ones. */
static uint32_t any_size(void)
{
    const uint32_t most = random_below(&source, 8) == 0 ? 3000 : 120;
    return 1 + random_below(&source, most);
}

static uint32_t any_align(void)
{
    return random_below(&source, 3) == 0 ? 1u << random_below(&source, 9) : 0;
}

/* Allocates or frees something for good. */
static void churn(berth_region_t *region)
{
    uint32_t *slot = &slots[random_below(&source, SLOTS)];
    if (*slot == BERTH_NOWHERE) {
        *slot = fit->alloc(region, any_size(), any_align(), 1).offset;
    } else {
        assert_int_equal(fit->free(region, *slot).status, BERTH_OK);
        *slot = BERTH_NOWHERE;
    }
}

/* Allocates something on trial. False: it is refused. */
static bool try_alloc(berth_region_t *region, berth_note_t *note, uint32_t *offset)
{
    const uint32_t size = any_size();
    const uint32_t align = any_align();
    const berth_tag_t tag = 2u | (random_below(&source, 4) == 0 ? BERTH_TAG_WORD : 0);
    fit->note_alloc(region, size, align, tag, note);
    *offset = fit->alloc(region, size, align, tag).offset;
    return *offset != BERTH_NOWHERE;
}

/* Frees on trial what was allocated so. */
static void try_free(berth_region_t *region, berth_note_t *note, uint32_t *offset)
{
    fit->note_free(region, *offset, note);
    assert_int_equal(fit->free(region, *offset).status, BERTH_OK);
    *offset = BERTH_NOWHERE;
}

/* Allocates some blocks, frees some of these, and undoes all. Returns how many were done. */
static uint32_t try_some(berth_region_t *region)
{
    berth_note_t notes[DEPTH];
    uint32_t offsets[DEPTH];
    uint32_t count = 0;
    const uint32_t tries = 1 + random_below(&source, DEPTH);
    for (uint32_t i = 0; i < tries; i++) {
        const uint32_t picked = random_below(&source, count + 1);
        if (picked < count && offsets[picked] != BERTH_NOWHERE) {
            try_free(region, &notes[count], &offsets[picked]);
            offsets[count++] = BERTH_NOWHERE;
        } else {
            count += try_alloc(region, &notes[count], &offsets[count]);
        }
    }
    for (uint32_t i = count; i-- != 0;) {
        fit->undo(region, &notes[i]);
    }
    return count;
}

static void test_undo_leaves_no_trace(void **state)
{
    berth_region_t region = started(*state);
    uint32_t granted_count = 0;
    source = random_from(1);
    memset(slots, 0xFF, sizeof slots);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        churn(&region);
        remember();
        granted_count += try_some(&region);
        assert_unchanged();
        assert_int_equal(fit->check(&region, BERTH_WALK_START).status, BERTH_OK);
    }
    (void)sum_of(&region);
    assert_in_range(granted_count, ROUNDS, ROUNDS * DEPTH);
}

/* What the user of a neighbouring block writes meanwhile stays: undo() does not touch it. */
static void test_undo_keeps_off_live_blocks(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t before = granted(&region, 40);
    const uint32_t hole = granted(&region, 700);
    const uint32_t after = granted(&region, 40);
    assert_int_equal(fit->free(&region, hole).status, BERTH_OK);
    for (uint32_t size = 1; size < 700; size++) {
        berth_note_t note;
        memset(memory + before, 0x11, 40);
        memset(memory + after, 0x11, 40);
        fit->note_alloc(&region, size, 0, 1, &note);
        assert_int_not_equal(fit->alloc(&region, size, 0, 1).offset, BERTH_NOWHERE);
        memset(memory + before, 0x22, 40);
        memset(memory + after, 0x22, 40);
        fit->undo(&region, &note);
        for (uint32_t i = 0; i < 40; i++) {
            assert_int_equal(memory[before + i], 0x22);
            assert_int_equal(memory[after + i], 0x22);
        }
    }
    (void)sum_of(&region);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undo_leaves_no_trace),
        cmocka_unit_test(test_undo_keeps_off_live_blocks),
    };
    return form_run(tests, sizeof tests / sizeof tests[0]);
}
