/* test_fit.c: do alloc(), free() and resize() keep their sentences in the contract?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "form.h"

static void test_alloc_rounds_as_told(void **state)
{
    const form_t *form = *state;
    for (uint32_t size = 1; size <= 600; size++) {
        berth_region_t region = started(form);
        const berth_grant_t grant = fit->alloc(&region, size, 0, 1);
        assert_int_equal(grant.size, rounded(form, size));
        assert_int_equal((ADDRESS + grant.offset) % form->granule, 0);
        const berth_block_t block = fit->find(&region, grant.offset);
        assert_int_equal(block.size, grant.size - form->header);
        assert_int_equal(block.taken, grant.size);
    }
}

static void test_alloc_refuses_nonsense(void **state)
{
    berth_region_t region = started(*state);
    assert_refused(&region, 0, 0, 1);
    assert_refused(&region, 8, 0, 0);
    assert_refused(&region, 8, 0, BERTH_TAG_WORD);
    assert_refused(&region, 0, 64, 1);
}

static void test_alloc_refuses_sizes_that_overflow(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    for (uint32_t less = 0; less <= 2 * form->granule + 16; less++) {
        assert_refused(&region, SIZE_MAX - less, 0, 1);
        assert_refused(&region, (size_t)UINT32_MAX - less, 0, 1);
        assert_refused(&region, (size_t)INT32_MAX - less, 0, 1 | BERTH_TAG_WORD);
        assert_refused(&region, SIZE_MAX - less, 4096, 1);
    }
#if SIZE_MAX > UINT32_MAX
    assert_refused(&region, (size_t)UINT32_MAX + 1, 0, 1);
    assert_refused(&region, (size_t)UINT32_MAX + 17, 0, 1);
#endif
}

static void test_alloc_takes_the_last_byte(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t most = fit->allocatable(&region, 0, 1);
    assert_refused(&region, (size_t)most + 1, 0, 1);
    const berth_grant_t grant = fit->alloc(&region, most, 0, 1);
    assert_int_not_equal(grant.offset, BERTH_NOWHERE);
    assert_int_equal(fit->allocatable(&region, 0, 1), 0);
    assert_refused(&region, 1, 0, 1);
    assert_int_equal(sum_of(&region).free_blocks, 0);
}

static void test_alloc_gives_every_alignment(void **state)
{
    const form_t *form = *state;
    for (uint32_t align = 1; align <= 4096; align *= 2) {
        berth_region_t region = started(form);
        (void)granted(&region, 1);
        const berth_grant_t grant = fit->alloc(&region, 40, align, 1);
        assert_int_not_equal(grant.offset, BERTH_NOWHERE);
        assert_int_equal((ADDRESS + grant.offset) % align, 0);
        assert_int_equal(grant.size, rounded(form, 40));
        const sum_t sum = sum_of(&region);
        assert_int_equal(sum.live_taken, rounded(form, 1) + rounded(form, 40));
        assert_int_equal(fit->free(&region, grant.offset).status, BERTH_OK);
        assert_int_equal(sum_of(&region).blocks, 2);
    }
}

static void test_alloc_aligns_the_board_address(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    region.address = ADDRESS + 4;
    assert_int_equal(fit->start(&region), BERTH_OK);
    for (uint32_t align = 0; align <= 512; align = align == 0 ? 8 : align * 2) {
        const berth_grant_t grant = fit->alloc(&region, 16, align, 1);
        const uint32_t wanted = align > form->granule ? align : form->granule;
        assert_int_equal((ADDRESS + 4 + grant.offset) % wanted, 0);
    }
}

static void test_alloc_keeps_the_promise(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    region.align = 2 * form->granule;
    assert_int_equal(fit->start(&region), BERTH_OK);
    for (uint32_t i = 0; i < 12; i++) {
        const berth_grant_t grant = fit->alloc(&region, 1 + 5 * i, i % 2 == 0 ? 0 : 4, 1);
        assert_int_not_equal(grant.offset, BERTH_NOWHERE);
        assert_int_equal((ADDRESS + grant.offset) % region.align, 0);
    }
    const uint32_t most = fit->allocatable(&region, 0, 1);
    assert_true(fit->fits(&region, most, 0, 1));
    assert_refused(&region, (size_t)most + 1, 0, 1);
}

static void test_alloc_refuses_alignments_that_are_none(void **state)
{
    berth_region_t region = started(*state);
    assert_refused(&region, 8, 3, 1);
    assert_refused(&region, 8, 48, 1);
    assert_int_equal(fit->allocatable(&region, 24, 1), 0);
}

/* An alignment of half the address space and more is out of reach, not a slip in arithmetic. */
static void test_alloc_refuses_alignments_out_of_reach(void **state)
{
    berth_region_t region = region_of(*state);
    region.address = ADDRESS + 64;
    assert_int_equal(fit->start(&region), BERTH_OK);
    assert_refused(&region, 8, 0x80000000u, 1);
    assert_refused(&region, 8, 0x40000000u, 1);
    assert_int_equal(fit->allocatable(&region, 0x80000000u, 1), 0);
}

static void test_alloc_splits_and_free_merges(void **state)
{
    berth_region_t region = started(*state);
    const sum_t empty = sum_of(&region);
    uint32_t offsets[8];
    for (uint32_t order = 0; order < 8; order++) {
        for (uint32_t i = 0; i < 8; i++) {
            offsets[i] = granted(&region, 20 + 30 * i);
        }
        assert_int_equal(sum_of(&region).blocks, 9);
        for (uint32_t i = 0; i < 8; i++) {
            const uint32_t which = (i * (2 * order + 1) + order) % 8;
            assert_int_equal(fit->free(&region, offsets[which]).status, BERTH_OK);
        }
        const sum_t sum = sum_of(&region);
        assert_int_equal(sum.blocks, 1);
        assert_int_equal(sum.free_taken, empty.free_taken);
    }
}

/* Exact: the granule that a neighbour leaves over is not given away, and comes back. */
static void test_alloc_leaves_crumbs_free(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t hole = granted(&region, 10 * form->granule);
    const uint32_t wall = granted(&region, 1);
    assert_int_equal(fit->free(&region, hole).status, BERTH_OK);
    const uint32_t room = rounded(form, 10 * form->granule);
    const uint32_t most = fit->allocatable(&region, 0, 1);
    const uint32_t rest = granted(&region, most);
    const berth_grant_t grant = fit->alloc(&region, room - form->granule - form->header, 0, 1);
    assert_int_equal(grant.offset, hole);
    assert_int_equal(grant.size, room - form->granule);
    const berth_block_t block = fit->walk(&region, fit->find(&region, grant.offset).next);
    assert_int_equal(block.owner, BERTH_NO_OWNER);
    assert_int_equal(block.taken, form->granule);
    const bool is_crumb = form->granule < form->smallest;
    assert_int_equal(block.size, is_crumb ? 0 : form->granule - form->header);
    assert_int_equal(fit->allocatable(&region, 0, 1), block.size);
    assert_int_equal(fit->free(&region, wall).status, BERTH_OK);
    assert_int_equal(fit->free(&region, rest).status, BERTH_OK);
    assert_int_equal(fit->free(&region, grant.offset).status, BERTH_OK);
    assert_int_equal(sum_of(&region).blocks, 1);
}

/* --- free ------------------------------------------------------------------------------------ */

static void test_free_tells_what_it_refunds(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    for (uint32_t owner = 1; owner <= BERTH_OTHERS; owner++) {
        const berth_grant_t grant = fit->alloc(&region, owner, 0, owner);
        const berth_change_t change = fit->free(&region, grant.offset);
        assert_int_equal(change.status, BERTH_OK);
        assert_int_equal(change.before, rounded(form, owner));
        assert_int_equal(change.after, 0);
        assert_int_equal(change.owner, owner);
    }
}

static void assert_no_block(berth_region_t *region, uint32_t offset)
{
    remember();
    const berth_change_t freed = fit->free(region, offset);
    assert_int_equal(freed.status, BERTH_ERR_INVALID);
    assert_int_equal(freed.after, freed.before);
    const berth_change_t resized = fit->resize(region, offset, 16);
    assert_int_equal(resized.status, BERTH_ERR_INVALID);
    assert_int_equal(resized.after, resized.before);
    assert_int_equal(fit->find(region, offset).status, BERTH_ERR_INVALID);
    assert_int_equal(fit->find(region, offset).offset, offset);
    assert_int_equal(fit->give(region, offset, 2), BERTH_ERR_INVALID);
    assert_null(fit->word(region, offset));
    assert_unchanged();
}

static void test_calls_refuse_what_is_no_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t live = granted(&region, 100);
    const uint32_t dead = granted(&region, 100);
    const uint32_t wall = granted(&region, 100);
    assert_int_equal(fit->free(&region, dead).status, BERTH_OK);
    assert_no_block(&region, dead);
    assert_no_block(&region, BERTH_NOWHERE);
    assert_no_block(&region, REGION_SIZE);
    assert_no_block(&region, REGION_SIZE - 4);
    for (uint32_t offset = 0; offset < REGION_SIZE + 64; offset++) {
        if (offset != live && offset != wall) {
            assert_no_block(&region, offset);
        }
    }
    assert_int_equal(fit->free(&region, live).status, BERTH_OK);
    assert_no_block(&region, live);
    assert_int_equal(fit->free(&region, wall).status, BERTH_OK);
    assert_no_block(&region, wall);
}

/* Each way in which a freed block's start may disappear: alone, merged down, up, and both. */
static void test_free_refuses_the_second_time(void **state)
{
    const form_t *form = *state;
    for (uint32_t merged = 0; merged < 4; merged++) {
        berth_region_t region = started(form);
        const uint32_t low = granted(&region, 60);
        const uint32_t middle = granted(&region, 60);
        const uint32_t high = granted(&region, 60);
        (void)granted(&region, 60);
        if ((merged & 1) != 0) {
            assert_int_equal(fit->free(&region, low).status, BERTH_OK);
        }
        if ((merged & 2) != 0) {
            assert_int_equal(fit->free(&region, high).status, BERTH_OK);
        }
        assert_int_equal(fit->free(&region, middle).status, BERTH_OK);
        assert_no_block(&region, middle);
    }
}

/* --- resize ---------------------------------------------------------------------------------- */

static void fill(uint32_t offset, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        memory[offset + i] = (uint8_t)(i * 7 + 1);
    }
}

static void assert_filled(uint32_t offset, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        assert_int_equal(memory[offset + i], (uint8_t)(i * 7 + 1));
    }
}

/* Every size that a block with a free block of 600 bytes behind it can take, and one too many. */
static void test_resize_both_ways(void **state)
{
    const form_t *form = *state;
    for (uint32_t size = 1; size < 900; size++) {
        berth_region_t region = started(form);
        const uint32_t offset = granted(&region, 200);
        const uint32_t hole = granted(&region, 600);
        const uint32_t wall = granted(&region, 16);
        const uint32_t usable = fit->find(&region, offset).size;
        const uint32_t room = rounded(form, 200) + rounded(form, 600);
        fill(offset, usable);
        fill(wall, 16);
        assert_int_equal(fit->free(&region, hole).status, BERTH_OK);
        const bool can = rounded(form, size) <= room;
        const berth_change_t change = fit->resize(&region, offset, size);
        assert_int_equal(change.status, can ? BERTH_OK : BERTH_ERR_NOMEM);
        assert_int_equal(change.before, rounded(form, 200));
        assert_int_equal(change.after, can ? rounded(form, size) : change.before);
        assert_int_equal(change.owner, 1);
        assert_filled(offset, can && size < usable ? size : usable);
        assert_filled(wall, 16);
        const sum_t sum = sum_of(&region);
        assert_int_equal(sum.free_blocks, can && rounded(form, size) == room ? 1 : 2);
    }
}

/* The only block of a region may become all of it. */
static void test_resize_reaches_the_whole_region(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t most = fit->allocatable(&region, 0, 1);
    const uint32_t offset = granted(&region, 8);
    assert_int_equal(fit->resize(&region, offset, (size_t)most + 1).status, BERTH_ERR_NOMEM);
    assert_int_equal(fit->resize(&region, offset, most).status, BERTH_OK);
    assert_int_equal(fit->find(&region, offset).size, most);
    assert_int_equal(sum_of(&region).blocks, 1);
}

static void test_resize_is_refused_beside_a_live_block(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t offset = granted(&region, 100);
    const uint32_t usable = fit->find(&region, offset).size;
    (void)granted(&region, 100);
    remember();
    assert_int_equal(fit->resize(&region, offset, (size_t)usable + 1).status, BERTH_ERR_NOMEM);
    assert_int_equal(fit->resize(&region, offset, REGION_SIZE).status, BERTH_ERR_NOMEM);
    assert_int_equal(fit->resize(&region, offset, SIZE_MAX).status, BERTH_ERR_NOMEM);
    assert_int_equal(fit->resize(&region, offset, (size_t)UINT32_MAX - 3).status, BERTH_ERR_NOMEM);
    assert_int_equal(fit->resize(&region, offset, 0).status, BERTH_ERR_INVALID);
    assert_unchanged();
    assert_int_equal(fit->resize(&region, offset, usable).status, BERTH_OK);
    assert_unchanged();
}

static void test_resize_keeps_the_tag_and_the_word(void **state)
{
    const form_t *form = *state;
    for (uint32_t size = 1; size < 400; size += 3) {
        berth_region_t region = started(form);
        const berth_grant_t grant = fit->alloc(&region, 100, 0, 77 | BERTH_TAG_WORD);
        *fit->word(&region, grant.offset) = 0xC0FFEE00u + size;
        assert_int_equal(fit->resize(&region, grant.offset, size).status, BERTH_OK);
        const berth_block_t block = fit->find(&region, grant.offset);
        assert_true(block.has_word);
        assert_int_equal(block.owner, 77);
        assert_true(block.size >= size);
        fill(grant.offset, block.size);
        assert_int_equal(*fit->word(&region, grant.offset), 0xC0FFEE00u + size);
        (void)sum_of(&region);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_rounds_as_told),
        cmocka_unit_test(test_alloc_refuses_nonsense),
        cmocka_unit_test(test_alloc_refuses_sizes_that_overflow),
        cmocka_unit_test(test_alloc_takes_the_last_byte),
        cmocka_unit_test(test_alloc_gives_every_alignment),
        cmocka_unit_test(test_alloc_aligns_the_board_address),
        cmocka_unit_test(test_alloc_keeps_the_promise),
        cmocka_unit_test(test_alloc_refuses_alignments_that_are_none),
        cmocka_unit_test(test_alloc_refuses_alignments_out_of_reach),
        cmocka_unit_test(test_alloc_splits_and_free_merges),
        cmocka_unit_test(test_alloc_leaves_crumbs_free),
        cmocka_unit_test(test_free_tells_what_it_refunds),
        cmocka_unit_test(test_calls_refuse_what_is_no_block),
        cmocka_unit_test(test_free_refuses_the_second_time),
        cmocka_unit_test(test_resize_both_ways),
        cmocka_unit_test(test_resize_reaches_the_whole_region),
        cmocka_unit_test(test_resize_is_refused_beside_a_live_block),
        cmocka_unit_test(test_resize_keeps_the_tag_and_the_word),
    };
    return form_run(tests, sizeof tests / sizeof tests[0]);
}
