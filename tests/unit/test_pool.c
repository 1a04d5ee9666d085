/* test_pool.c: does the pool engine keep its sentences in the contract?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool_form.h"

#include <string.h>

/* --- start ----------------------------------------------------------------------------------- */

static void test_start_uses_all_the_region(void **state)
{
    const form_t *form = *state;
    uint32_t offsets[BLOCKS_MOST];
    for (uint32_t size = 0; size <= REGION_SIZE - form->shift; size++) {
        berth_region_t region = region_of(form);
        region.size = size;
        /* The most blocks for which all has room, found by asking for each number in turn. */
        uint32_t most = 0;
        for (uint32_t count = 1; count <= size / form->stride; count++) {
            const uint32_t unit = form->align > form->granule ? form->align : form->granule;
            const uint32_t book = form->beside ? 0 : 4 * BOOK + 4 * count;
            const uint32_t skip = (0u - region.address - book) % (unit != 0 ? unit : 4);
            most = book + skip + count * form->stride <= size ? count : most;
        }
        assert_int_equal(pool->start(&region), most != 0 ? BERTH_OK : BERTH_ERR_INVALID);
        if (most != 0 && (size % 7 == 0 || most < 3)) {
            assert_int_equal(exhaust(&region, offsets), most);
        }
    }
}

static void test_start_refuses_nonsense(void **state)
{
    const form_t *form = *state;
    static const uint32_t wrong[] = {1, 2, 3, 12, 100, 0xFFFFFFFFu};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        berth_region_t region = region_of(form);
        region.granule = wrong[i];
        assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
        assert_int_equal(pool->beside_size(&region), 0);
    }
    berth_region_t region = region_of(form);
    region.align = 24;
    assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
    region = region_of(form);
    region.config = NULL;
    assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
    static const berth_pool_config_t sizes[] = {
        {0}, {REGION_SIZE + 1}, {0xFFFFFFFFu}, {0xFFFFFFFCu}};
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        region = region_of(form);
        region.config = &sizes[i];
        assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
        region.size = UINT32_MAX;
        region.config = &sizes[0];
        assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
    }
    region = region_of(form);
    region.size = UINT32_MAX; /* of such a region a small block has no number */
    region.config = &(berth_pool_config_t){4};
    region.granule = region.align = 0;
    assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
    assert_int_equal(pool->beside_size(&region), 0);
}

/* Indexes are of 23 bits, and one of them is nobody's. */
static void test_start_takes_the_most_blocks(void **state)
{
    berth_region_t region = region_of(*state);
    region.config = &(berth_pool_config_t){4};
    region.granule = region.align = region.address = 0;
    region.size = 4 * ((1u << 23) - 1);
    assert_int_equal(pool->beside_size(&region), region.size + 4 * BOOK);
    region.size += 4;
    assert_int_equal(pool->beside_size(&region), 0);
}

static void test_start_needs_room_for_its_book(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    if (!form->beside) {
        region.base = NULL;
        assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
        region.base = memory + 2;
        assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
        return;
    }
    const uint32_t size = pool->beside_size(&region);
    region.beside_size = size - 1;
    assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
    region.beside_size = size;
    region.beside = beside + 2;
    assert_int_equal(pool->start(&region), BERTH_ERR_INVALID);
    region.beside = beside;
    assert_int_equal(pool->start(&region), BERTH_OK);
    uint32_t offsets[BLOCKS_MOST];
    const uint32_t count = exhaust(&region, offsets);
    assert_int_equal(size, 4 * BOOK + 4 * count);
    for (uint32_t at = size; at < BESIDE_SIZE; at++) {
        assert_int_equal(beside[at], 0xA5);
    }
    for (uint32_t at = 0; at < REGION_SIZE; at++) {
        assert_int_equal(memory[at], 0xA5); /* nothing in the region was written */
    }
}

/* --- alloc and free -------------------------------------------------------------------------- */

static void test_alloc_grants_every_size_up_to_the_block(void **state)
{
    const form_t *form = *state;
    for (uint32_t size = 1; size <= form->stride; size++) {
        berth_region_t region = started(form);
        assert_int_equal(pool->cost(&region, size, 0, 1), form->stride);
        const berth_grant_t grant = pool->alloc(&region, size, 0, 5);
        assert_int_equal(grant.size, form->stride);
        const berth_block_t block = pool->find(&region, grant.offset);
        assert_int_equal(block.status, BERTH_OK);
        assert_int_equal(block.offset, grant.offset);
        assert_int_equal(block.size, form->stride);
        assert_int_equal(block.taken, form->stride);
        assert_int_equal(block.owner, 5);
        assert_false(block.has_word);
    }
    berth_region_t region = started(form);
    assert_refused(&region, form->stride + 1, 0, 1);
    assert_int_equal(pool->cost(&region, form->stride + 1, 0, 1), 0);
}

static void assert_never(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    assert_refused(region, size, align, tag);
    assert_int_equal(pool->cost(region, size, align, tag), 0);
}

static void test_alloc_refuses_nonsense(void **state)
{
    berth_region_t region = started(*state);
    assert_never(&region, 0, 0, 1);
    assert_never(&region, 1, 0, 0);
    assert_never(&region, 1, 0, BERTH_TAG_WORD);
    assert_never(&region, 1, 3, 1);
    assert_never(&region, 1, 0x80000001u, 1);
    assert_never(&region, SIZE_MAX, 0, 1);
    assert_never(&region, UINT32_MAX, 0, 1);
#if SIZE_MAX > UINT32_MAX
    assert_never(&region, (size_t)UINT32_MAX + 2, 0, 1);
#endif
}

/* All blocks lie in the region, apart from each other and from the book, where they should. */
static void test_alloc_hands_out_every_block_once(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    uint32_t offsets[BLOCKS_MOST];
    const uint32_t count = exhaust(&region, offsets);
    assert_true(count >= 3);
    assert_refused(&region, 1, 0, 1);
    assert_int_equal(pool->allocatable(&region, 0, 1), 0);
    assert_int_equal(pool->cost(&region, 1, 0, 1), form->stride); /* were there room */
    const uint32_t unit = form->align > form->granule ? form->align : form->granule;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(offsets[i], offsets[0] + i * form->stride);
        assert_int_equal((region.address + offsets[i]) % (unit != 0 ? unit : 4), 0);
    }
    assert_true(form->beside || offsets[0] >= 4 * BOOK + 4 * count);
    assert_true(offsets[count - 1] + form->stride <= region.size);
    for (uint32_t i = 0; i < count; i++) {
        memset(memory + form->shift + offsets[i], (int)i, form->stride);
    }
    uint32_t blocks;
    assert_int_equal(live_in(&region, &blocks), count);
    assert_int_equal(blocks, count);
}

static void test_alloc_gives_the_alignment_of_all_blocks(void **state)
{
    const form_t *form = *state;
    uint32_t offsets[BLOCKS_MOST];
    berth_region_t region = started(form);
    const uint32_t count = exhaust(&region, offsets);
    for (uint32_t align = 1; align != 0; align *= 2) {
        bool is_suited = true;
        for (uint32_t i = 0; i < count; i++) {
            is_suited = is_suited && (region.address + offsets[i]) % align == 0;
        }
        region = started(form);
        assert_int_equal(pool->allocatable(&region, align, 1), is_suited ? form->stride : 0);
        assert_int_equal(pool->cost(&region, 1, align, 1), is_suited ? form->stride : 0);
        assert_int_equal(pool->fits(&region, 1, align, 1), is_suited);
        assert_int_equal(pool->alloc(&region, 1, align, 1).size, is_suited ? form->stride : 0);
    }
}

static void test_free_tells_what_it_refunds(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    for (uint32_t owner = 1; owner <= BERTH_OTHERS; owner++) {
        const berth_grant_t grant = pool->alloc(&region, 1, 0, owner | 0x100u);
        const berth_change_t change = pool->free(&region, grant.offset);
        assert_int_equal(change.status, BERTH_OK);
        assert_int_equal(change.before, form->stride);
        assert_int_equal(change.after, 0);
        assert_int_equal(change.owner, owner);
    }
}

static void test_free_makes_room_in_any_order(void **state)
{
    berth_region_t region = started(*state);
    uint32_t offsets[BLOCKS_MOST];
    const uint32_t count = exhaust(&region, offsets);
    for (uint32_t order = 1; order < 4; order++) {
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t offset = offsets[order == 1 ? i : (count - 1 - i)];
            assert_int_equal(pool->free(&region, offset).status, BERTH_OK);
        }
        uint32_t blocks;
        assert_int_equal(live_in(&region, &blocks), 0);
        assert_int_equal(blocks, count);
        assert_int_equal(exhaust(&region, offsets), count);
    }
}

static void assert_no_block(berth_region_t *region, uint32_t offset)
{
    const berth_change_t freed = pool->free(region, offset);
    assert_int_equal(freed.status, BERTH_ERR_INVALID);
    assert_int_equal(freed.after, freed.before);
    const berth_change_t resized = pool->resize(region, offset, 1);
    assert_int_equal(resized.status, BERTH_ERR_INVALID);
    assert_int_equal(resized.after, resized.before);
    assert_int_equal(pool->find(region, offset).status, BERTH_ERR_INVALID);
    assert_int_equal(pool->find(region, offset).offset, offset);
    assert_int_equal(pool->give(region, offset, 2), BERTH_ERR_INVALID);
    assert_null(pool->word(region, offset));
}

/* Every offset near the region and others far off, while some blocks are live, some were, and some
 * never: all but the live ones are refused. */
static void test_calls_refuse_what_is_no_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t low = granted(&region);
    const uint32_t freed = granted(&region);
    const uint32_t high = granted(&region);
    assert_int_equal(pool->free(&region, freed).status, BERTH_OK);
    remember();
    for (uint32_t offset = 0u - 300; offset != REGION_SIZE + 300; offset++) {
        if (offset != low && offset != high) {
            assert_no_block(&region, offset);
        }
    }
    for (uint32_t bit = 13; bit < 32; bit++) {
        assert_no_block(&region, low ^ (1u << bit));
    }
    assert_no_block(&region, low + 0x80000000u);
    assert_no_block(&region, low - form->stride);
    assert_unchanged();
    assert_int_equal(pool->free(&region, low).status, BERTH_OK);
    assert_no_block(&region, low);
    assert_int_equal(pool->free(&region, high).status, BERTH_OK);
    assert_no_block(&region, high);
    assert_no_block(&region, low);
}

/* --- resize, give, word ---------------------------------------------------------------------- */

static void test_resize_changes_nothing(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_grant_t grant = pool->alloc(&region, 1, 0, 9);
    remember();
    for (uint32_t size = 0; size <= form->stride + 1; size++) {
        const berth_change_t change = pool->resize(&region, grant.offset, size);
        assert_int_equal(change.status, size == 0              ? BERTH_ERR_INVALID
                                        : size <= form->stride ? BERTH_OK
                                                               : BERTH_ERR_NOMEM);
        assert_int_equal(change.before, form->stride);
        assert_int_equal(change.after, form->stride);
        assert_int_equal(change.owner, 9);
    }
    assert_int_equal(pool->resize(&region, grant.offset, SIZE_MAX).status, BERTH_ERR_NOMEM);
    assert_unchanged();
}

static void test_give_changes_the_owner_alone(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_tag_t word = form->stride > 4 ? BERTH_TAG_WORD : 0;
    const berth_grant_t grant = pool->alloc(&region, 1, 0, 33 | word);
    for (uint32_t owner = 1; owner <= BERTH_OTHERS; owner++) {
        assert_int_equal(pool->give(&region, grant.offset, (berth_owner_t)owner), BERTH_OK);
        const berth_block_t block = pool->find(&region, grant.offset);
        assert_int_equal(block.owner, owner);
        assert_int_equal(block.has_word, word != 0);
        uint32_t blocks;
        assert_int_equal(live_in(&region, &blocks), 1);
    }
    remember();
    assert_int_equal(pool->give(&region, grant.offset, BERTH_NO_OWNER), BERTH_ERR_INVALID);
    assert_int_equal(pool->give(&region, grant.offset, 128), BERTH_ERR_INVALID);
    assert_int_equal(pool->give(&region, grant.offset, 255), BERTH_ERR_INVALID);
    assert_unchanged();
}

static void test_word_is_the_last_of_the_block(void **state)
{
    const form_t *form = *state;
    const berth_tag_t tag = 3 | BERTH_TAG_WORD;
    berth_region_t region = started(form);
    assert_null(pool->word(&region, granted(&region)));
    if (form->stride == 4) {
        assert_never(&region, 1, 0, tag);
        return;
    }
    assert_int_equal(pool->allocatable(&region, 0, tag), form->stride - 4);
    assert_never(&region, form->stride - 3, 0, tag);
    const berth_grant_t grant = pool->alloc(&region, form->stride - 4, 0, tag);
    assert_int_equal(grant.size, form->stride);
    const berth_block_t block = pool->find(&region, grant.offset);
    assert_true(block.has_word);
    assert_int_equal(block.size, form->stride - 4);
    uint32_t *word = pool->word(&region, grant.offset);
    assert_ptr_equal(word, memory + form->shift + grant.offset + block.size);
    *word = 0xC0FFEE11u;
    assert_int_equal(pool->resize(&region, grant.offset, block.size).status, BERTH_OK);
    assert_int_equal(pool->resize(&region, grant.offset, block.size + 1).status, BERTH_ERR_NOMEM);
    assert_int_equal(*pool->word(&region, grant.offset), 0xC0FFEE11u);
    assert_int_equal(pool->free(&region, grant.offset).owner, 3);
    uint32_t blocks;
    assert_int_equal(live_in(&region, &blocks), 1);
}

/* Where a word would have no place, or none that is aligned. */
static void test_word_needs_a_base(void **state)
{
    const form_t *form = *state;
    if (form->beside && form->stride > 4) {
        berth_region_t odd = region_of(form);
        odd.base = memory + form->shift + 1;
        odd.address += 1;
        odd.size -= 1;
        assert_int_equal(pool->start(&odd), BERTH_OK);
        const uint32_t offset = pool->alloc(&odd, 1, 0, 1 | BERTH_TAG_WORD).offset;
        assert_int_equal((uintptr_t)pool->word(&odd, offset) % 4, 0);
        odd.address += 2;
        assert_int_equal(pool->start(&odd), BERTH_OK);
        assert_never(&odd, 1, 0, 1 | BERTH_TAG_WORD);
    }
    berth_region_t region = region_of(form);
    region.address += 2;
    assert_int_equal(pool->start(&region), BERTH_OK);
    assert_never(&region, 1, 0, 1 | BERTH_TAG_WORD);
    assert_int_equal((region.address + granted(&region)) % 4, 0);
    if (form->beside) {
        region = region_of(form);
        region.base = NULL;
        assert_int_equal(pool->start(&region), BERTH_OK);
        assert_never(&region, 1, 0, 1 | BERTH_TAG_WORD);
        assert_int_equal(pool->free(&region, granted(&region)).status, BERTH_OK);
    }
}

/* --- walk, check, damage --------------------------------------------------------------------- */

static void test_walk_tells_every_block_in_order(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const uint32_t first = granted(&region);
    const uint32_t second = granted(&region);
    assert_int_equal(pool->free(&region, first).status, BERTH_OK);
    uint32_t at = first;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = pool->walk(&region, cursor);
        assert_int_equal(block.offset, at);
        assert_int_equal(block.size, form->stride);
        assert_int_equal(block.taken, form->stride);
        assert_int_equal(block.owner, at == second ? 1 : BERTH_NO_OWNER);
        at += form->stride;
        cursor = block.next;
    }
    assert_true(at <= region.size && at + form->stride + 4 + 128 > region.size);
    assert_int_equal(pool->find(&region, second).next,
                     pool->walk(&region, pool->walk(&region, BERTH_WALK_START).next).next);
}

static void test_walk_survives_any_cursor(void **state)
{
    berth_region_t region = started(*state);
    (void)granted(&region);
    uint32_t blocks;
    (void)live_in(&region, &blocks);
    assert_int_equal(pool->walk(&region, blocks).status, BERTH_ERR_CORRUPT);
    assert_int_equal(pool->walk(&region, blocks).next, BERTH_NOWHERE);
    assert_int_equal(pool->check(&region, UINT32_MAX).status, BERTH_ERR_CORRUPT);
    assert_int_equal(pool->check(&region, 0x40000000u).status, BERTH_ERR_CORRUPT);
}

/* The book starts with the control block; then comes a word for each block. */
static void flip(const berth_region_t *region, uint32_t word, uint32_t bit)
{
    uint8_t *book = region->book;
    book[4 * word + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void test_check_finds_a_flipped_bit(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t live = granted(&region);
    const uint32_t freed[2] = {granted(&region), granted(&region)};
    assert_int_equal(pool->free(&region, freed[0]).status, BERTH_OK);
    assert_int_equal(pool->free(&region, freed[1]).status, BERTH_OK);
    for (uint32_t word = 0; word < BOOK + 3; word++) {
        for (uint32_t bit = 0; bit < 32; bit++) {
            flip(&region, word, bit);
            const uint32_t cursor = word < BOOK ? BERTH_WALK_START : word - BOOK;
            assert_int_equal(pool->check(&region, cursor).status, BERTH_ERR_CORRUPT);
            if (word == BOOK) {
                remember();
                assert_int_equal(pool->find(&region, live).status, BERTH_ERR_INVALID);
                assert_int_equal(pool->give(&region, live, 5), BERTH_ERR_INVALID);
                assert_null(pool->word(&region, live));
                assert_int_equal(pool->free(&region, live).status, BERTH_ERR_CORRUPT);
                assert_int_equal(pool->resize(&region, live, 1).status, BERTH_ERR_CORRUPT);
                assert_unchanged();
            }
            flip(&region, word, bit);
        }
    }
    uint32_t blocks;
    assert_int_equal(live_in(&region, &blocks), 1);
}

static uint32_t *words_of(const berth_region_t *region)
{
    return (uint32_t *)region->book + BOOK;
}

/* A stray write whose bits are even in number: another block's word, or a list in a circle. */
static void test_check_finds_words_that_do_not_agree(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t first = granted(&region);
    const uint32_t second = granted(&region);
    (void)granted(&region);
    uint32_t *words = words_of(&region);
    const uint32_t before = words[0];
    words[0] = words[1];
    assert_int_equal(pool->check(&region, BERTH_WALK_START).status, BERTH_ERR_CORRUPT);
    assert_int_equal(pool->free(&region, first).status, BERTH_ERR_CORRUPT);
    words[0] = before;
    assert_int_equal(pool->free(&region, first).status, BERTH_OK);
    assert_int_equal(pool->free(&region, second).status, BERTH_OK);
    const uint32_t end = words[0];
    words[0] = words[1]; /* 0 leads to 0 */
    assert_int_equal(pool->check(&region, BERTH_WALK_START).status, BERTH_ERR_CORRUPT);
    words[0] = end;
    words[1] = end; /* the list ends too early */
    assert_int_equal(pool->check(&region, BERTH_WALK_START).status, BERTH_ERR_CORRUPT);
    words[1] = 2u << 9 | 0x100u; /* it leads to a live block */
    assert_int_equal(pool->check(&region, 1).status, BERTH_ERR_CORRUPT);
}

/* What the list's damaged head leads to is withdrawn, and blocks that were never live are granted.
 * */
static void test_alloc_goes_around_a_damaged_list(void **state)
{
    const form_t *form = *state;
    uint32_t offsets[BLOCKS_MOST];
    for (uint32_t bit = 0; bit < 32; bit++) {
        berth_region_t region = started(form);
        const uint32_t first = granted(&region);
        const uint32_t second = granted(&region);
        assert_int_equal(pool->free(&region, first).status, BERTH_OK);
        assert_int_equal(pool->free(&region, second).status, BERTH_OK);
        uint32_t all;
        (void)live_in(&region, &all);
        flip(&region, BOOK + 1, bit);
        const uint32_t count = exhaust(&region, offsets);
        assert_int_equal(count, all - 2);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(offsets[i] != first && offsets[i] != second);
        }
        assert_int_equal(pool->allocatable(&region, 0, 1), 0);
        assert_int_equal(pool->free(&region, offsets[0]).status, BERTH_OK);
        assert_int_equal(granted(&region), offsets[0]);
    }
}

/* The list leads to a live block: it is never granted a second time. */
static void test_alloc_grants_no_live_block(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t live = granted(&region);
    const uint32_t freed = granted(&region);
    assert_int_equal(pool->free(&region, freed).status, BERTH_OK);
    uint32_t *words = words_of(&region);
    words[1] = 0; /* leads to block 0 */
    uint32_t offsets[BLOCKS_MOST];
    const uint32_t count = exhaust(&region, offsets);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_not_equal(offsets[i], live);
    }
}

static void test_the_engine_says_what_it_is(void **state)
{
    (void)state;
    assert_string_equal(pool->name, "pool");
    assert_true(pool->is_isr_safe);
    assert_null(pool->mark);
    assert_null(pool->reset);
    assert_null(pool->pointer);
    assert_null(pool->whose);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_uses_all_the_region),
        cmocka_unit_test(test_start_refuses_nonsense),
        cmocka_unit_test(test_start_takes_the_most_blocks),
        cmocka_unit_test(test_start_needs_room_for_its_book),
        cmocka_unit_test(test_alloc_grants_every_size_up_to_the_block),
        cmocka_unit_test(test_alloc_refuses_nonsense),
        cmocka_unit_test(test_alloc_hands_out_every_block_once),
        cmocka_unit_test(test_alloc_gives_the_alignment_of_all_blocks),
        cmocka_unit_test(test_free_tells_what_it_refunds),
        cmocka_unit_test(test_free_makes_room_in_any_order),
        cmocka_unit_test(test_calls_refuse_what_is_no_block),
        cmocka_unit_test(test_resize_changes_nothing),
        cmocka_unit_test(test_give_changes_the_owner_alone),
        cmocka_unit_test(test_word_is_the_last_of_the_block),
        cmocka_unit_test(test_word_needs_a_base),
        cmocka_unit_test(test_walk_tells_every_block_in_order),
        cmocka_unit_test(test_walk_survives_any_cursor),
        cmocka_unit_test(test_check_finds_a_flipped_bit),
        cmocka_unit_test(test_check_finds_words_that_do_not_agree),
        cmocka_unit_test(test_alloc_goes_around_a_damaged_list),
        cmocka_unit_test(test_alloc_grants_no_live_block),
        cmocka_unit_test(test_the_engine_says_what_it_is),
    };
    return pool_form_run(tests, sizeof tests / sizeof tests[0]);
}
