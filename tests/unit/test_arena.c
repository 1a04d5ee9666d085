/* test_arena.c: does the arena engine keep its sentences in the contract?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "arena_form.h"

#include <stdalign.h>
#include <string.h>

/* --- start ----------------------------------------------------------------------------------- */

static void test_start_needs_room_for_a_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    const uint32_t least = first_of(form) + form->unit + 4 + CONTROL;
    for (region.size = 0; region.size < least; region.size++) {
        remember();
        assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
        assert_unchanged();
    }
    assert_int_equal(arena->start(&region), BERTH_OK);
    assert_int_equal(arena->allocatable(&region, 0, 1), form->unit);
    assert_int_equal(granted(&region, form->unit), first_of(form));
    assert_refused(&region, 1, 0, 1);
}

static void test_start_refuses_nonsense(void **state)
{
    const form_t *form = *state;
    static const uint32_t wrong[] = {1, 2, 3, 12, 100, 0xFFFFFFFFu, 0x80000000u};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        berth_region_t region = region_of(form);
        region.granule = wrong[i];
        assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
    }
    berth_region_t region = region_of(form);
    region.align = 24;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
    region = region_of(form);
    region.address += 2;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
    region = region_of(form);
    region.base = NULL;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
    region.base = memory + 2;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
    region = region_of(form);
    region.beside = memory;
    region.beside_size = 1024;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
    assert_int_equal(arena->beside_size(&region), 0);
    region = region_of(form); /* more units than a record can tell, or more than 1 GB */
    region.granule = 4;
    region.align = 0;
    region.size = (1u << 23) + 40 + form->shift;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
    region.granule = 4096;
    region.size = (1u << 30) + 4096 + 40;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
}

/* The largest region at granule 4: its last blocks have the largest numbers of units. */
static void test_start_takes_the_largest_region(void **state)
{
    (void)state;
    enum {
        size = (1u << 23) + CONTROL
    };
    static alignas(64) uint8_t large[size];
    berth_region_t region = {.engine = arena, .base = large, .size = size};
    assert_int_equal(arena->start(&region), BERTH_OK);
    (void)granted(&region, size - CONTROL - 8 - 16);
    const uint32_t last = granted(&region, 8);
    assert_int_equal(last, size - CONTROL - 8 - 16);
    assert_int_equal(arena->find(&region, last).size, 8);
    assert_int_equal(arena->free(&region, last).status, BERTH_OK);
    region.size += 4;
    assert_int_equal(arena->start(&region), BERTH_ERR_INVALID);
}

/* --- alloc ----------------------------------------------------------------------------------- */

static void assert_never(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    assert_refused(region, size, align, tag);
    assert_int_equal(arena->cost(region, size, align, tag), 0);
}

static void test_alloc_puts_blocks_one_after_the_other(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    uint32_t top = first_of(form);
    uint32_t floor = top + span_of(form);
    uint32_t count = 0;
    for (uint32_t size = 1;; size += 7) {
        assert_int_equal(arena->mark(&region), top);
        const bool can = top + rounded(form, size) + 4 <= floor;
        assert_int_equal(arena->fits(&region, size, 0, 3), can);
        assert_int_equal(arena->cost(&region, size, 0, 3), rounded(form, size) + 4);
        if (!can) {
            assert_refused(&region, size, 0, 3);
            break;
        }
        const berth_grant_t grant = arena->alloc(&region, size, 0, 3 | 0x100u);
        assert_int_equal(grant.offset, top);
        assert_int_equal(grant.size, rounded(form, size) + 4);
        assert_int_equal((region.address + grant.offset) % form->unit, 0);
        const berth_block_t block = arena->find(&region, grant.offset);
        assert_int_equal(block.status, BERTH_OK);
        assert_int_equal(block.offset, grant.offset);
        assert_int_equal(block.size, rounded(form, size));
        assert_int_equal(block.taken, grant.size);
        assert_int_equal(block.owner, 3);
        assert_false(block.has_word);
        memset(memory + form->shift + grant.offset, (int)size, block.size);
        top += rounded(form, size);
        floor -= 4;
        count++;
        assert_int_equal(held_in(form, &region), count);
    }
    assert_true(count > 2);
}

static void test_alloc_refuses_nonsense(void **state)
{
    berth_region_t region = started(*state);
    assert_never(&region, 0, 0, 1);
    assert_never(&region, 1, 0, 0);
    assert_never(&region, 1, 0, BERTH_TAG_WORD);
    assert_never(&region, 1, 3, 1);
    assert_never(&region, 1, 48, 1);
    assert_never(&region, REGION_SIZE, 0, 1);
    for (uint32_t less = 0; less < 80; less++) {
        assert_never(&region, SIZE_MAX - less, 0, 1);
        assert_never(&region, UINT32_MAX - less, 0, 1);
        assert_never(&region, (uint32_t)INT32_MAX - less, 0, 1 | BERTH_TAG_WORD);
    }
#if SIZE_MAX > UINT32_MAX
    assert_never(&region, (size_t)UINT32_MAX + 2, 0, 1);
#endif
    assert_int_equal(arena->allocatable(&region, 24, 1), 0);
    assert_int_equal(arena->allocatable(&region, 0, 0), 0);
}

/* An alignment of half the address space and more is out of reach, not a slip in arithmetic. */
static void test_alloc_refuses_alignments_out_of_reach(void **state)
{
    berth_region_t region = region_of(*state);
    region.address += 64;
    assert_int_equal(arena->start(&region), BERTH_OK);
    assert_never(&region, 8, 0x80000000u, 1);
    assert_never(&region, 8, 0x40000000u, 1);
    assert_int_equal(arena->allocatable(&region, 0x80000000u, 1), 0);
}

static void test_alloc_skips_for_an_alignment(void **state)
{
    const form_t *form = *state;
    for (uint32_t align = 1; align <= 2048; align *= 2) {
        berth_region_t region = started(form);
        const uint32_t low = granted(&region, 1);
        const uint32_t top = arena->mark(&region);
        const uint32_t skip = (0u - region.address - top) % align;
        assert_int_equal(arena->cost(&region, 40, align, 1), skip + rounded(form, 40) + 4);
        const berth_grant_t grant = arena->alloc(&region, 40, align, 1);
        assert_int_equal(grant.offset, top + skip);
        assert_int_equal((region.address + grant.offset) % align, 0);
        assert_int_equal(grant.size, skip + rounded(form, 40) + 4);
        assert_int_equal(arena->find(&region, grant.offset).size, rounded(form, 40));
        assert_int_equal(arena->find(&region, grant.offset).taken, grant.size);
        assert_int_equal(arena->find(&region, low).taken, rounded(form, 1) + 4);
        assert_int_equal(held_in(form, &region), 2);
        const uint32_t next = granted(&region, 1);
        assert_int_equal(next, grant.offset + rounded(form, 40));
        assert_int_equal(arena->free(&region, next).before, rounded(form, 1) + 4);
        assert_int_equal(arena->free(&region, grant.offset).before, grant.size);
        assert_int_equal(arena->mark(&region), top); /* what was skipped comes back as well */
    }
}

static void test_allocatable_is_what_alloc_grants(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    for (uint32_t round = 0; round < 30; round++) {
        for (uint32_t align = 0; align <= 4096; align = align == 0 ? 1 : align * 2) {
            const berth_tag_t tag = round % 2 == 0 ? 1 : 1 | BERTH_TAG_WORD;
            remember();
            const uint32_t most = arena->allocatable(&region, align, tag);
            assert_unchanged();
            assert_refused(&region, (size_t)most + 1, align, tag);
            if (most != 0) {
                assert_true(arena->fits(&region, most, align, tag));
                const uint32_t cost = arena->cost(&region, most, align, tag);
                const berth_grant_t grant = arena->alloc(&region, most, align, tag);
                assert_int_equal(grant.size, cost);
                assert_int_equal(arena->free(&region, grant.offset).status, BERTH_OK);
            }
        }
        if (arena->fits(&region, 20 + 10 * round, 0, 1)) {
            (void)granted(&region, 20 + 10 * round);
        }
    }
}

/* What does not fit now, but would if the arena were empty, has a cost. */
static void test_cost_is_of_an_empty_arena(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t most = arena->allocatable(&region, 0, 1);
    const uint32_t aligned = arena->allocatable(&region, 256, 1);
    assert_int_equal(most, (span_of(form) - 4) / form->unit * form->unit);
    (void)granted(&region, 100);
    assert_false(arena->fits(&region, most, 0, 1));
    assert_int_equal(arena->cost(&region, most, 0, 1), most + 4);
    assert_int_equal(arena->cost(&region, (size_t)most + 1, 0, 1), 0);
    const uint32_t skip = (0u - region.address - arena->mark(&region)) % 256;
    assert_int_equal(arena->cost(&region, aligned, 256, 1), skip + aligned + 4);
    assert_int_equal(arena->cost(&region, (size_t)aligned + 1, 256, 1), 0);
}

/* --- free ------------------------------------------------------------------------------------ */

static void test_free_takes_the_last_block_back(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    uint32_t offsets[20];
    for (uint32_t i = 0; i < 20; i++) {
        offsets[i] = arena->alloc(&region, 3 * i + 1, 0, i + 1).offset;
    }
    for (uint32_t i = 20; i-- > 0;) {
        const berth_change_t change = arena->free(&region, offsets[i]);
        assert_int_equal(change.status, BERTH_OK);
        assert_int_equal(change.before, rounded(form, 3 * i + 1) + 4);
        assert_int_equal(change.after, 0);
        assert_int_equal(change.owner, i + 1);
        assert_int_equal(arena->mark(&region), offsets[i]);
        assert_int_equal(held_in(form, &region), i);
    }
}

static void assert_no_block(berth_region_t *region, uint32_t offset)
{
    const berth_change_t freed = arena->free(region, offset);
    assert_int_equal(freed.status, BERTH_ERR_INVALID);
    assert_int_equal(freed.after, freed.before);
    const berth_change_t resized = arena->resize(region, offset, 1);
    assert_int_equal(resized.status, BERTH_ERR_INVALID);
    assert_int_equal(resized.after, resized.before);
    assert_int_equal(arena->find(region, offset).status, BERTH_ERR_INVALID);
    assert_int_equal(arena->find(region, offset).offset, offset);
    assert_int_equal(arena->give(region, offset, 2), BERTH_ERR_INVALID);
    assert_null(arena->word(region, offset));
}

static void test_free_of_another_block_marks_it_dead(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t low = arena->alloc(&region, 50, 0, 7).offset;
    const uint32_t high = arena->alloc(&region, 50, 0, 8).offset;
    const uint32_t top = arena->mark(&region);
    const berth_change_t change = arena->free(&region, low);
    assert_int_equal(change.status, BERTH_OK);
    assert_int_equal(change.before, 0);
    assert_int_equal(change.after, 0);
    assert_int_equal(change.owner, 7);
    assert_int_equal(arena->mark(&region), top);
    remember();
    assert_no_block(&region, low);
    assert_unchanged();
    const berth_block_t dead = arena->walk(&region, BERTH_WALK_START);
    assert_int_equal(dead.status, BERTH_OK);
    assert_int_equal(dead.offset, low);
    assert_int_equal(dead.owner, 7);
    assert_int_equal(dead.size, 0);
    assert_int_equal(dead.taken, rounded(form, 50) + 4);
    assert_int_equal(held_in(form, &region), 2);
    assert_int_equal(arena->free(&region, high).before, rounded(form, 50) + 4);
    assert_int_equal(arena->mark(&region), high); /* the dead one stays */
    assert_no_block(&region, high);
    assert_no_block(&region, low);
    const berth_undone_t undone = arena->reset(&region, low);
    assert_int_equal(undone.count, 1);
    assert_int_equal(undone.size, rounded(form, 50) + 4);
}

/* Every offset near the region and others far off, while some blocks are live, some dead, and some
 * were dropped: all but the live ones are refused. */
static void test_calls_refuse_what_is_no_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    uint32_t dropped[3];
    (void)granted(&region, 24);
    const uint32_t mark = arena->mark(&region);
    for (uint32_t i = 0; i < 3; i++) {
        dropped[i] = granted(&region, 40);
    }
    assert_int_equal(arena->reset(&region, mark).count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_no_block(&region, dropped[i]);
    }
    const uint32_t low = granted(&region, 200); /* old blocks lie within it */
    const uint32_t dead = arena->alloc(&region, 24, 256, 1).offset;
    const uint32_t high = granted(&region, 24);
    assert_int_equal(arena->free(&region, dead).status, BERTH_OK);
    remember();
    for (uint32_t offset = 0u - 300; offset != REGION_SIZE + 300; offset++) {
        if (offset != first_of(form) && offset != low && offset != high) {
            assert_no_block(&region, offset);
        }
    }
    for (uint32_t bit = 12; bit < 32; bit++) {
        assert_no_block(&region, low ^ (1u << bit));
    }
    assert_unchanged();
    assert_int_equal(arena->free(&region, high).status, BERTH_OK);
    assert_no_block(&region, high);
}

/* --- resize, give, word ---------------------------------------------------------------------- */

static void test_resize_moves_the_end_of_the_last_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    (void)granted(&region, 30);
    const berth_grant_t grant = arena->alloc(&region, 100, 128, 9);
    const uint32_t skip = grant.size - rounded(form, 100) - 4;
    const uint32_t most = arena->allocatable(&region, 0, 1) + rounded(form, 100);
    /* what is left is cut to units after the record of a next block, which is not needed here */
    const uint32_t room =
        (first_of(form) + span_of(form) - 8 - grant.offset) / form->unit * form->unit;
    assert_true(room >= most);
    uint32_t before = grant.size;
    for (uint32_t size = 1; size <= room + 1; size += size < 300 || size + 20 > room ? 1 : 13) {
        const bool can = size <= room;
        const berth_change_t change = arena->resize(&region, grant.offset, size);
        assert_int_equal(change.status, can ? BERTH_OK : BERTH_ERR_NOMEM);
        assert_int_equal(change.before, before);
        assert_int_equal(change.after, can ? skip + rounded(form, size) + 4 : before);
        assert_int_equal(change.owner, 9);
        before = change.after;
        assert_int_equal(arena->find(&region, grant.offset).taken, before);
        assert_int_equal(held_in(form, &region), 2);
    }
    remember();
    assert_int_equal(arena->resize(&region, grant.offset, 0).status, BERTH_ERR_INVALID);
    assert_int_equal(arena->resize(&region, grant.offset, 0).before, before);
    assert_int_equal(arena->resize(&region, grant.offset, 0).after, before);
    assert_int_equal(arena->resize(&region, grant.offset, SIZE_MAX).status, BERTH_ERR_NOMEM);
    assert_int_equal(arena->resize(&region, grant.offset, UINT32_MAX).status, BERTH_ERR_NOMEM);
    assert_unchanged();
}

static void test_resize_leaves_other_blocks_as_they_are(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_tag_t tag = 9 | BERTH_TAG_WORD;
    const berth_grant_t grant = arena->alloc(&region, 100, 0, tag);
    const uint32_t usable = rounded(form, 104) - 4;
    (void)granted(&region, 30);
    remember();
    for (uint32_t size = 0; size < 200; size++) {
        const berth_change_t change = arena->resize(&region, grant.offset, size);
        assert_int_equal(change.status, size == 0        ? BERTH_ERR_INVALID
                                        : size <= usable ? BERTH_OK
                                                         : BERTH_ERR_NOMEM);
        assert_int_equal(change.before, grant.size);
        assert_int_equal(change.after, grant.size);
        assert_int_equal(change.owner, 9);
    }
    assert_unchanged();
}

static void test_resize_keeps_the_tag_and_the_word(void **state)
{
    const form_t *form = *state;
    for (uint32_t size = 1; size < 400; size += 3) {
        berth_region_t region = started(form);
        const berth_tag_t tag = 77 | BERTH_TAG_WORD;
        const berth_grant_t grant = arena->alloc(&region, 100, 0, tag);
        assert_int_equal(grant.size, rounded(form, 104) + 4);
        *arena->word(&region, grant.offset) = 0xC0FFEE00u + size;
        memset(memory + form->shift + grant.offset, 0x5A, 100);
        assert_int_equal(arena->resize(&region, grant.offset, size).status, BERTH_OK);
        const berth_block_t block = arena->find(&region, grant.offset);
        assert_true(block.has_word);
        assert_int_equal(block.owner, 77);
        assert_int_equal(block.size, rounded(form, size + 4) - 4);
        for (uint32_t i = 0; i < size && i < 100; i++) {
            assert_int_equal(memory[form->shift + grant.offset + i], 0x5A);
        }
        memset(memory + form->shift + grant.offset, 0x33, block.size);
        assert_int_equal(*arena->word(&region, grant.offset), 0xC0FFEE00u + size);
        assert_int_equal(held_in(form, &region), 1);
    }
}

static void test_word_is_the_last_of_the_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    assert_null(arena->word(&region, granted(&region, 20)));
    const berth_grant_t grant = arena->alloc(&region, 21, 128, 5 | BERTH_TAG_WORD);
    const uint32_t size = arena->find(&region, grant.offset).size;
    uint8_t *word = (uint8_t *)arena->word(&region, grant.offset);
    assert_ptr_equal(word, memory + form->shift + grant.offset + size);
    const uint32_t top = arena->mark(&region);
    assert_int_equal(grant.offset + size + 4, top);
    (void)arena->alloc(&region, 20, 256, 1); /* skips after it */
    assert_ptr_equal((uint8_t *)arena->word(&region, grant.offset), word);
}

static void test_give_changes_the_owner_alone(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_grant_t grant = arena->alloc(&region, 50, 128, 33 | BERTH_TAG_WORD);
    (void)granted(&region, 20);
    *arena->word(&region, grant.offset) = 1234;
    for (uint32_t owner = 1; owner <= BERTH_OTHERS; owner++) {
        assert_int_equal(arena->give(&region, grant.offset, (berth_owner_t)owner), BERTH_OK);
        const berth_block_t block = arena->find(&region, grant.offset);
        assert_int_equal(block.owner, owner);
        assert_int_equal(block.taken, grant.size);
        assert_true(block.has_word);
        assert_int_equal(*arena->word(&region, grant.offset), 1234);
        assert_int_equal(held_in(form, &region), 2);
    }
    remember();
    assert_int_equal(arena->give(&region, grant.offset, BERTH_NO_OWNER), BERTH_ERR_INVALID);
    assert_int_equal(arena->give(&region, grant.offset, 128), BERTH_ERR_INVALID);
    assert_int_equal(arena->give(&region, grant.offset, 255), BERTH_ERR_INVALID);
    assert_unchanged();
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_needs_room_for_a_block),
        cmocka_unit_test(test_start_refuses_nonsense),
        cmocka_unit_test(test_start_takes_the_largest_region),
        cmocka_unit_test(test_alloc_puts_blocks_one_after_the_other),
        cmocka_unit_test(test_alloc_refuses_nonsense),
        cmocka_unit_test(test_alloc_refuses_alignments_out_of_reach),
        cmocka_unit_test(test_alloc_skips_for_an_alignment),
        cmocka_unit_test(test_allocatable_is_what_alloc_grants),
        cmocka_unit_test(test_cost_is_of_an_empty_arena),
        cmocka_unit_test(test_free_takes_the_last_block_back),
        cmocka_unit_test(test_free_of_another_block_marks_it_dead),
        cmocka_unit_test(test_calls_refuse_what_is_no_block),
        cmocka_unit_test(test_resize_moves_the_end_of_the_last_block),
        cmocka_unit_test(test_resize_leaves_other_blocks_as_they_are),
        cmocka_unit_test(test_resize_keeps_the_tag_and_the_word),
        cmocka_unit_test(test_word_is_the_last_of_the_block),
        cmocka_unit_test(test_give_changes_the_owner_alone),
    };
    return arena_form_run(tests, sizeof tests / sizeof tests[0]);
}
