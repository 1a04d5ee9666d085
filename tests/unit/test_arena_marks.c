/* test_arena_marks.c: do marks, walks and checks of the arena engine keep their sentences?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "arena_form.h"

#include <string.h>

/* --- marks ----------------------------------------------------------------------------------- */

static void test_reset_drops_all_above_the_mark(void **state)
{
    const form_t *form = *state;
    for (uint32_t keep = 0; keep <= 10; keep++) {
        berth_region_t region = started(form);
        uint32_t mark = arena->mark(&region);
        uint32_t taken = 0;
        for (uint32_t i = 0; i < 10; i++) {
            mark = i == keep ? arena->mark(&region) : mark;
            const berth_grant_t grant = arena->alloc(&region, 10 + i, i % 3 == 0 ? 128 : 0, 1);
            taken += i >= keep ? grant.size : 0;
        }
        mark = keep == 10 ? arena->mark(&region) : mark;
        const berth_undone_t undone = arena->reset(&region, mark);
        assert_int_equal(undone.status, BERTH_OK);
        assert_int_equal(undone.count, 10 - keep);
        assert_int_equal(undone.size, taken);
        assert_int_equal(arena->mark(&region), mark);
        assert_int_equal(held_in(form, &region), keep);
        assert_int_equal(arena->reset(&region, mark).count, 0);
        assert_int_equal(arena->reset(&region, mark).size, 0);
    }
}

/* Every number that could be taken for a mark: only those where the arena stood are. */
static void test_reset_refuses_what_was_no_mark(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    uint32_t marks[8];
    for (uint32_t i = 0; i < 7; i++) {
        marks[i] = arena->mark(&region);
        (void)arena->alloc(&region, 33 * i + 5, i % 2 == 0 ? 256 : 0, 1);
    }
    marks[7] = arena->mark(&region);
    static uint8_t kept[REGION_SIZE];
    memcpy(kept, memory, sizeof kept);
    for (uint32_t mark = 0u - 300; mark != REGION_SIZE + 300; mark++) {
        uint32_t which = 0;
        while (which < 8 && marks[which] != mark) {
            which++;
        }
        const berth_undone_t undone = arena->reset(&region, mark);
        assert_int_equal(undone.status, which < 8 ? BERTH_OK : BERTH_ERR_INVALID);
        assert_int_equal(undone.count, which < 8 ? 7 - which : 0);
        assert_true(which < 8 || undone.size == 0);
        if (which == 8) {
            assert_memory_equal(memory, kept, sizeof kept);
        }
        memcpy(memory, kept, sizeof kept);
    }
}

static void test_reset_refuses_a_mark_that_is_above_the_top(void **state)
{
    berth_region_t region = started(*state);
    (void)granted(&region, 10);
    const uint32_t high = granted(&region, 10);
    const uint32_t mark = arena->mark(&region);
    assert_int_equal(arena->free(&region, high).status, BERTH_OK);
    assert_int_equal(arena->reset(&region, mark).status, BERTH_ERR_INVALID);
    (void)granted(&region, 200); /* reaches beyond it, and never stood there */
    assert_int_equal(arena->reset(&region, mark).status, BERTH_ERR_INVALID);
}

/* Dead blocks were not refunded, blocks taken back were. */
static void test_reset_counts_what_was_not_refunded(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    (void)granted(&region, 10);
    const uint32_t mark = arena->mark(&region);
    uint32_t offsets[6];
    uint32_t charged = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < 6; i++) {
        const berth_grant_t grant = arena->alloc(&region, 25, i == 4 ? 128 : 0, 1);
        offsets[i] = grant.offset;
        charged += grant.size;
        count++;
    }
    static const uint32_t order[] = {5, 1, 4, 0};
    for (uint32_t i = 0; i < 4; i++) {
        const berth_change_t change = arena->free(&region, offsets[order[i]]);
        assert_int_equal(change.status, BERTH_OK);
        charged -= change.before;
        count -= change.before != 0;
    }
    assert_int_equal(count, 4);
    const berth_undone_t undone = arena->reset(&region, mark);
    assert_int_equal(undone.count, count);
    assert_int_equal(undone.size, charged);
}

/* --- walk, check, damage --------------------------------------------------------------------- */

static void test_walk_ends_with_what_is_free(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    berth_block_t block = arena->walk(&region, BERTH_WALK_START);
    assert_int_equal(block.owner, BERTH_NO_OWNER);
    assert_int_equal(block.offset, first_of(form));
    assert_int_equal(block.taken, span_of(form));
    assert_int_equal(block.size, arena->allocatable(&region, 0, 1));
    assert_int_equal(block.next, BERTH_NOWHERE);
    const uint32_t offset = granted(&region, 10);
    assert_int_equal(arena->find(&region, offset).next, arena->walk(&region, 0).next);
    block = arena->walk(&region, arena->find(&region, offset).next);
    assert_int_equal(block.owner, BERTH_NO_OWNER);
    assert_int_equal(block.offset, arena->mark(&region));
    (void)granted(&region, arena->allocatable(&region, 0, 1));
    assert_int_equal(held_in(form, &region), 2);
    if (form->unit == 4) { /* the top meets the records */
        assert_int_equal(arena->walk(&region, 1).next, BERTH_NOWHERE);
    }
}

static void test_walk_survives_any_cursor(void **state)
{
    berth_region_t region = started(*state);
    (void)granted(&region, 100);
    assert_int_equal(arena->walk(&region, 2).status, BERTH_ERR_CORRUPT);
    assert_int_equal(arena->walk(&region, 2).next, BERTH_NOWHERE);
    assert_int_equal(arena->check(&region, UINT32_MAX).status, BERTH_ERR_CORRUPT);
    assert_int_equal(arena->check(&region, 0x40000000u).status, BERTH_ERR_CORRUPT);
}

static int32_t check_all(const berth_region_t *region)
{
    berth_block_t block = arena->check(region, BERTH_WALK_START);
    while (block.status == BERTH_OK && block.next != BERTH_NOWHERE) {
        block = arena->check(region, block.next);
    }
    return block.status;
}

static void flip(uint8_t *at, uint32_t bit)
{
    at[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* The book ends the region: eight words of control, and records before them. */
static void test_check_finds_a_flipped_bit(void **state)
{
    berth_region_t region = started(*state);
    (void)granted(&region, 700);
    const uint32_t skipped = arena->alloc(&region, 700, 1024, 1).offset;
    (void)granted(&region, 700);
    uint8_t *book = region.book;
    for (uint32_t bit = 0; bit < 32 * 11; bit++) {
        uint8_t *from = book - 12;
        flip(from, bit);
        assert_int_equal(check_all(&region), BERTH_ERR_CORRUPT);
        flip(from, bit);
    }
    uint8_t *skip = (uint8_t *)region.base + skipped - 4;
    for (uint32_t bit = 0; bit < 32; bit++) {
        flip(skip, bit);
        assert_int_equal(arena->check(&region, 1).status, BERTH_ERR_CORRUPT);
        assert_int_equal(arena->check(&region, 0).status, BERTH_ERR_CORRUPT);
        flip(skip, bit);
    }
    assert_int_equal(check_all(&region), BERTH_OK);
}

/* A damaged record is no live block's, to whoever asks; the others still are found, and the reset
 * of all sets it right. */
static void test_calls_believe_no_damaged_record(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    uint32_t offsets[3];
    for (uint32_t i = 0; i < 3; i++) {
        offsets[i] = arena->alloc(&region, 50, 0, 33 | BERTH_TAG_WORD).offset;
    }
    const uint32_t top = arena->mark(&region);
    for (uint32_t which = 0; which < 3; which++) {
        uint8_t *record = (uint8_t *)region.book - 4 - 4 * which;
        for (uint32_t bit = 0; bit < 32; bit++) {
            flip(record, bit);
            remember();
            assert_int_equal(arena->find(&region, offsets[which]).status, BERTH_ERR_INVALID);
            assert_int_equal(arena->give(&region, offsets[which], 5), BERTH_ERR_INVALID);
            assert_null(arena->word(&region, offsets[which]));
            assert_int_not_equal(arena->free(&region, offsets[which]).status, BERTH_OK);
            assert_int_not_equal(arena->resize(&region, offsets[which], 10).status, BERTH_OK);
            assert_unchanged();
            flip(record, bit);
        }
        flip(record, 3);
        assert_int_equal(arena->free(&region, offsets[which]).status, BERTH_ERR_CORRUPT);
        assert_int_equal(arena->resize(&region, offsets[which], 1).status, BERTH_ERR_CORRUPT);
        assert_int_equal(arena->reset(&region, offsets[which]).status,
                         which == 0 ? BERTH_OK : BERTH_ERR_INVALID);
        if (which == 0) {
            assert_int_equal(held_in(form, &region), 0);
            for (uint32_t i = 0; i < 3; i++) {
                assert_int_equal(arena->alloc(&region, 50, 0, 33 | BERTH_TAG_WORD).offset,
                                 offsets[i]);
            }
        } else {
            flip(record, 3);
        }
        assert_int_equal(arena->mark(&region), top);
    }
}

static void test_the_engine_says_what_it_is(void **state)
{
    (void)state;
    assert_string_equal(arena->name, "arena");
    assert_false(arena->is_isr_safe);
    assert_null(arena->pointer);
    assert_null(arena->whose);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_drops_all_above_the_mark),
        cmocka_unit_test(test_reset_refuses_what_was_no_mark),
        cmocka_unit_test(test_reset_refuses_a_mark_that_is_above_the_top),
        cmocka_unit_test(test_reset_counts_what_was_not_refunded),
        cmocka_unit_test(test_walk_ends_with_what_is_free),
        cmocka_unit_test(test_walk_survives_any_cursor),
        cmocka_unit_test(test_check_finds_a_flipped_bit),
        cmocka_unit_test(test_calls_believe_no_damaged_record),
        cmocka_unit_test(test_the_engine_says_what_it_is),
    };
    return arena_form_run(tests, sizeof tests / sizeof tests[0]);
}
