/* test_inspect.c: do the functions that only look keep their sentences in the contract?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "form.h"

#include <string.h>

static void test_allocatable_is_what_alloc_grants(void **state)
{
    berth_region_t region = started(*state);
    for (uint32_t round = 0; round < 12; round++) {
        for (uint32_t align = 0; align <= 1024; align = align == 0 ? 4 : align * 2) {
            const berth_tag_t tag = round % 2 == 0 ? 1 : 1 | BERTH_TAG_WORD;
            remember();
            const uint32_t most = fit->allocatable(&region, align, tag);
            assert_unchanged();
            assert_refused(&region, (size_t)most + 1, align, tag);
            if (most != 0) {
                assert_true(fit->fits(&region, most, align, tag));
                const berth_grant_t grant = fit->alloc(&region, most, align, tag);
                assert_int_not_equal(grant.offset, BERTH_NOWHERE);
                assert_int_equal(fit->free(&region, grant.offset).status, BERTH_OK);
            }
        }
        (void)granted(&region, 100 + 30 * round);
    }
}

static void test_allocatable_needs_an_owner(void **state)
{
    berth_region_t region = started(*state);
    assert_int_equal(fit->allocatable(&region, 0, 0), 0);
    assert_int_equal(fit->allocatable(&region, 0, BERTH_TAG_WORD), 0);
}

static void test_allocatable_pays_for_the_word(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t without = fit->allocatable(&region, 0, 1);
    assert_int_equal(fit->allocatable(&region, 0, 1 | BERTH_TAG_WORD), without - form->header);
}

/* --- find, give, word ------------------------------------------------------------------------ */

static void test_find_tells_the_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_grant_t grant = fit->alloc(&region, 50, 0, 33 | BERTH_TAG_WORD);
    const berth_block_t block = fit->find(&region, grant.offset);
    assert_int_equal(block.status, BERTH_OK);
    assert_int_equal(block.offset, grant.offset);
    assert_int_equal(block.taken, grant.size);
    assert_int_equal(block.taken, rounded(form, 50 + form->header));
    assert_int_equal(block.size, grant.size - 2 * form->header);
    assert_int_equal(block.owner, 33);
    assert_true(block.has_word);
    const berth_block_t next = fit->walk(&region, block.next);
    assert_int_equal(next.owner, BERTH_NO_OWNER);
}

static void test_give_changes_the_owner_alone(void **state)
{
    berth_region_t region = started(*state);
    const berth_grant_t grant = fit->alloc(&region, 50, 0, 33 | BERTH_TAG_WORD);
    const berth_block_t before = fit->find(&region, grant.offset);
    *fit->word(&region, grant.offset) = 1234;
    for (uint32_t owner = 1; owner <= BERTH_OTHERS; owner++) {
        assert_int_equal(fit->give(&region, grant.offset, (berth_owner_t)owner), BERTH_OK);
        const berth_block_t block = fit->find(&region, grant.offset);
        assert_int_equal(block.owner, owner);
        assert_int_equal(block.taken, before.taken);
        assert_true(block.has_word);
        assert_int_equal(*fit->word(&region, grant.offset), 1234);
        (void)sum_of(&region);
    }
    remember();
    assert_int_equal(fit->give(&region, grant.offset, BERTH_NO_OWNER), BERTH_ERR_INVALID);
    assert_int_equal(fit->give(&region, grant.offset, 128), BERTH_ERR_INVALID);
    assert_int_equal(fit->give(&region, grant.offset, 255), BERTH_ERR_INVALID);
    assert_unchanged();
}

static void test_word_is_apart_from_the_payload(void **state)
{
    const form_t *form = *state;
    for (uint32_t size = 1; size < 200; size++) {
        berth_region_t region = started(form);
        const berth_grant_t grant = fit->alloc(&region, size, 0, 1 | BERTH_TAG_WORD);
        uint32_t *word = fit->word(&region, grant.offset);
        assert_non_null(word);
        *word = 0xABCD1234u;
        memset(memory + grant.offset, 0x55, fit->find(&region, grant.offset).size);
        assert_int_equal(*word, 0xABCD1234u);
        (void)sum_of(&region);
    }
    berth_region_t region = started(form);
    assert_null(fit->word(&region, granted(&region, 20)));
}

/* --- walk and check -------------------------------------------------------------------------- */

static void test_walk_tiles_the_region(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t whole = fit->walk(&region, BERTH_WALK_START).taken;
    uint32_t offsets[20];
    for (uint32_t i = 0; i < 20; i++) {
        offsets[i] = granted(&region, 8 + 9 * i);
    }
    for (uint32_t i = 0; i < 20; i += 3) {
        assert_int_equal(fit->free(&region, offsets[i]).status, BERTH_OK);
    }
    uint32_t cursor = BERTH_WALK_START;
    uint32_t at = fit->walk(&region, BERTH_WALK_START).offset;
    uint32_t taken = 0;
    while (cursor != BERTH_NOWHERE) {
        const berth_block_t block = fit->walk(&region, cursor);
        assert_int_equal(block.offset, at);
        at += block.taken;
        taken += block.taken;
        cursor = block.next;
    }
    assert_int_equal(taken, whole);
}

static void test_walk_survives_any_cursor(void **state)
{
    berth_region_t region = started(*state);
    (void)granted(&region, 100);
    for (uint32_t cursor = 0; cursor < 2 * REGION_SIZE; cursor++) {
        (void)fit->walk(&region, cursor);
        (void)fit->check(&region, cursor);
    }
    (void)fit->walk(&region, BERTH_NOWHERE - 3);
    (void)fit->check(&region, UINT32_MAX);
}

/* The sentinel: the one header that no block of the walk has. It ends the book. */
static void test_check_finds_a_bit_flipped_in_the_sentinel(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_block_t block = fit->walk(&region, BERTH_WALK_START);
    uint8_t *book = form->beside ? beside : memory;
    const uint32_t end = form->beside ? fit->beside_size(&region) : block.offset + block.taken;
    for (uint32_t turn = 0; turn < 2; turn++) {
        for (uint32_t bit = 0; bit < 32; bit++) {
            book[end - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(fit->check(&region, BERTH_WALK_START).status, BERTH_ERR_CORRUPT);
            assert_int_equal(fit->check(&region, BERTH_WALK_START).offset, 0);
            book[end - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        if (turn == 0) {
            (void)granted(&region, fit->allocatable(&region, 0, 1)); /* now no top comes before */
        }
    }
}

/* A header with any bit flipped is no live block's, to whoever asks. */
static void test_find_believes_no_damaged_header(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    if (form->beside) {
        return; /* the header lies elsewhere */
    }
    (void)granted(&region, 20);
    const berth_grant_t grant = fit->alloc(&region, 50, 0, 33 | BERTH_TAG_WORD);
    (void)granted(&region, 20);
    for (uint32_t bit = 0; bit < 32; bit++) {
        memory[grant.offset - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        remember();
        assert_int_equal(fit->find(&region, grant.offset).status, BERTH_ERR_INVALID);
        assert_int_equal(fit->give(&region, grant.offset, 5), BERTH_ERR_INVALID);
        assert_null(fit->word(&region, grant.offset));
        assert_int_not_equal(fit->free(&region, grant.offset).status, BERTH_OK);
        assert_int_not_equal(fit->resize(&region, grant.offset, 10).status, BERTH_OK);
        assert_unchanged();
        memory[grant.offset - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Two large free blocks as near to the region's end as they can be: the last block, a live one, is
 * the smallest that there is. */
static void test_free_blocks_reach_the_end(void **state)
{
    const form_t *form = *state;
    static const uint32_t sizes[] = {300, 1, 200, 1};
    berth_region_t region = started(form);
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 4; i++) {
        taken += fit->alloc(&region, sizes[i], 0, 1).size;
    }
    region = started(form);
    const uint32_t whole = fit->walk(&region, BERTH_WALK_START).taken;
    const uint32_t filler = granted(&region, whole - taken - form->header);
    uint32_t offsets[4];
    for (uint32_t i = 0; i < 4; i++) {
        offsets[i] = granted(&region, sizes[i]);
    }
    assert_int_equal(fit->allocatable(&region, 0, 1), 0);
    assert_int_equal(fit->free(&region, offsets[0]).status, BERTH_OK);
    assert_int_equal(fit->free(&region, offsets[2]).status, BERTH_OK);
    (void)sum_of(&region);
    assert_int_equal(fit->free(&region, filler).status, BERTH_OK);
    assert_int_equal(fit->free(&region, offsets[1]).status, BERTH_OK);
    assert_int_equal(sum_of(&region).free_blocks, 1);
}

static uint32_t word_read(uint32_t at)
{
    uint32_t word;
    memcpy(&word, memory + at, sizeof word);
    return word;
}

static void word_write(uint32_t at, uint32_t word)
{
    memcpy(memory + at, &word, sizeof word);
}

/* A list that leads the right way but has its two nodes in the wrong order: `next` and `up` lie 12
 * and 8 bytes before a node's end, and a node without a next one leads to 12. */
static void test_check_finds_a_list_out_of_order(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    if (form->beside || form->granule != 4) {
        return; /* the words below are those of this form */
    }
    const uint32_t small = granted(&region, 96);
    (void)granted(&region, 8);
    const uint32_t large = granted(&region, 196);
    const uint32_t after = granted(&region, 8) - 4;
    const uint32_t between = large - 4 - 12;
    assert_int_equal(fit->free(&region, small).status, BERTH_OK);
    assert_int_equal(fit->free(&region, large).status, BERTH_OK);
    const uint32_t root = word_read(after - 8);
    assert_int_equal(word_read(root), after);
    assert_int_equal(word_read(after - 12), between);
    (void)sum_of(&region);
    word_write(root, between);
    word_write(between - 8, root);
    word_write(between - 12, after);
    word_write(after - 8, between - 12);
    word_write(after - 12, 12);
    assert_int_equal(fit->check(&region, BERTH_WALK_START).status, BERTH_ERR_CORRUPT);
    assert_int_equal(fit->check(&region, small - 4).status, BERTH_OK);
    assert_int_equal(fit->check(&region, large - 4).status, BERTH_ERR_CORRUPT);
}

static void test_start_clears_what_it_needs(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    memset(memory, 0xA5, sizeof memory);
    memset(beside, 0xA5, sizeof beside);
    assert_int_equal(fit->start(&region), BERTH_OK);
    assert_int_equal(sum_of(&region).free_blocks, 1);
    for (uint32_t size = 1; size < 300; size += 31) {
        (void)granted(&region, size);
        assert_int_equal(fit->free(&region, granted(&region, size)).status, BERTH_OK);
        (void)sum_of(&region);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocatable_is_what_alloc_grants),
        cmocka_unit_test(test_allocatable_needs_an_owner),
        cmocka_unit_test(test_allocatable_pays_for_the_word),
        cmocka_unit_test(test_find_tells_the_block),
        cmocka_unit_test(test_give_changes_the_owner_alone),
        cmocka_unit_test(test_word_is_apart_from_the_payload),
        cmocka_unit_test(test_walk_tiles_the_region),
        cmocka_unit_test(test_walk_survives_any_cursor),
        cmocka_unit_test(test_check_finds_a_bit_flipped_in_the_sentinel),
        cmocka_unit_test(test_find_believes_no_damaged_header),
        cmocka_unit_test(test_free_blocks_reach_the_end),
        cmocka_unit_test(test_check_finds_a_list_out_of_order),
        cmocka_unit_test(test_start_clears_what_it_needs),
    };
    return form_run(tests, sizeof tests / sizeof tests[0]);
}
