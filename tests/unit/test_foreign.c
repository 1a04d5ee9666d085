/* test_foreign.c: does the foreign engine keep what it says that it keeps?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "foreign_form.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* --- start ----------------------------------------------------------------------------------- */

static void test_start_refuses_nonsense(void **state)
{
    static const uint32_t wrong[] = {1, 2, 3, 12, 100, 0xFFFFFFFFu};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        berth_region_t region = region_of(*state);
        region.granule = wrong[i];
        assert_int_equal(foreign->start(&region), BERTH_ERR_INVALID);
    }
    berth_region_t region = region_of(*state);
    region.align = 24;
    assert_int_equal(foreign->start(&region), BERTH_ERR_INVALID);
    region = region_of(*state);
    region.base = beside;
    assert_int_equal(foreign->start(&region), BERTH_ERR_INVALID);
    region = region_of(*state);
    region.config = NULL;
    assert_int_equal(foreign->start(&region), BERTH_ERR_INVALID);
    berth_foreign_config_t broken = platform_config;
    region.config = &broken;
    broken.alloc = NULL;
    assert_int_equal(foreign->start(&region), BERTH_ERR_INVALID);
    broken = platform_config;
    broken.free = NULL;
    assert_int_equal(foreign->start(&region), BERTH_ERR_INVALID);
    broken = platform_config;
    broken.allocatable = NULL;
    assert_int_equal(foreign->start(&region), BERTH_OK);
}

static void test_start_needs_a_table_on_a_64_bit_host(void **state)
{
    const berth_status_t wanted = HAS_TABLE ? BERTH_ERR_INVALID : BERTH_OK;
    berth_region_t region = region_of(*state);
    assert_int_equal(foreign->beside_size(&region), HAS_TABLE ? 16 * BERTH_FOREIGN_BLOCKS : 0);
    region.beside = NULL;
    assert_int_equal(foreign->start(&region), wanted);
    region = region_of(*state);
    region.beside = beside + 2;
    assert_int_equal(foreign->start(&region), wanted);
    region = region_of(*state);
    region.beside_size = 63;
    assert_int_equal(foreign->start(&region), wanted);
    region.beside_size = 64;
    region.beside = beside + 4;
    assert_int_equal(foreign->start(&region), BERTH_OK);
    const uint32_t offset = granted(&region, 10);
    freed(&region, offset);
    assert_int_equal(beside[3], 0xA5);
    assert_int_equal(beside[4 + 64], 0xA5);
}

/* --- alloc and free -------------------------------------------------------------------------- */

static void test_alloc_asks_the_platform_for_what_it_takes(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    for (uint32_t size = 1; size < 300; size++) {
        assert_int_equal(foreign->cost(&region, size, 0, 5), taken_of(form, size, 0));
        const berth_grant_t grant = foreign->alloc(&region, size, 0, 5 | 0x100u);
        assert_int_equal(grant.size, taken_of(form, size, 0));
        assert_int_equal(platform.size, grant.size);
        assert_int_equal(platform.align, form->lead);
        const berth_block_t block = foreign->find(&region, grant.offset);
        assert_int_equal(block.status, BERTH_OK);
        assert_int_equal(block.offset, grant.offset);
        assert_int_equal(block.size, grant.size - form->lead);
        assert_int_equal(block.taken, grant.size);
        assert_int_equal(block.owner, 5);
        assert_false(block.has_word);
        uint8_t *pointer = pointer_to(&region, grant.offset);
        assert_true(HAS_TABLE || (uintptr_t)pointer == grant.offset);
        memset(pointer, 0x5A, block.size);
        assert_int_equal(platform.blocks, 1);
        const berth_change_t change = foreign->free(&region, grant.offset);
        assert_int_equal(change.status, BERTH_OK);
        assert_int_equal(change.before, grant.size);
        assert_int_equal(change.after, 0);
        assert_int_equal(change.owner, 5);
        assert_int_equal(platform.blocks, 0);
    }
}

static void test_alloc_keeps_the_alignment(void **state)
{
    const form_t *form = *state;
    for (uint32_t align = 1; align <= 65536; align *= 2) {
        berth_region_t region = started(form);
        const uint32_t meant = align > form->unit ? align : form->unit;
        const uint32_t wanted = meant > form->align ? meant : form->align;
        const berth_grant_t grant = foreign->alloc(&region, 40, align, 1);
        assert_int_equal(grant.size, taken_of(form, 40, align));
        assert_int_equal(foreign->cost(&region, 40, align, 1), grant.size);
        assert_int_equal((uintptr_t)pointer_to(&region, grant.offset) % wanted, 0);
        assert_int_equal(foreign->find(&region, grant.offset).taken, grant.size);
        freed(&region, grant.offset);
        assert_int_equal(platform.blocks, 0);
    }
}

static void assert_refused(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    const uint32_t blocks = platform.blocks;
    const berth_grant_t grant = foreign->alloc(region, size, align, tag);
    assert_int_equal(grant.offset, BERTH_NOWHERE);
    assert_int_equal(grant.size, 0);
    assert_int_equal(platform.blocks, blocks);
}

static void assert_never(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    const uint32_t calls = platform.calls;
    platform.largest = UINT32_MAX;
    assert_int_equal(foreign->cost(region, size, align, tag), 0);
    assert_false(foreign->fits(region, size, align, tag));
    assert_refused(region, size, align, tag);
    assert_int_equal(platform.calls, calls); /* the platform is not even asked */
}

static void test_alloc_refuses_nonsense(void **state)
{
    berth_region_t region = started(*state);
    assert_never(&region, 0, 0, 1);
    assert_never(&region, 1, 0, 0);
    assert_never(&region, 1, 0, BERTH_TAG_WORD);
    assert_never(&region, 1, 3, 1);
    assert_never(&region, 1, 48, 1);
    assert_never(&region, 1, 0x80000000u, 1);
    assert_never(&region, (1u << 30) + 1, 0, 1);
    for (uint32_t less = 0; less < 80; less++) {
        assert_never(&region, SIZE_MAX - less, 0, 1);
        assert_never(&region, UINT32_MAX - less, 0, 1 | BERTH_TAG_WORD);
    }
#if SIZE_MAX > UINT32_MAX
    assert_never(&region, (size_t)UINT32_MAX + 2, 0, 1);
#endif
    assert_int_not_equal(foreign->cost(&region, 1u << 30, 1u << 30, 1), 0);
    assert_int_equal(foreign->allocatable(&region, 24, 1), 0);
    assert_int_equal(foreign->allocatable(&region, 0, 0), 0);
}

static void test_alloc_takes_no_more_than_the_region_has(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    region.size = 1024;
    assert_int_equal(foreign->start(&region), BERTH_OK);
    const uint32_t most = (1024 - form->lead) / form->unit * form->unit;
    platform.largest = UINT32_MAX;
    assert_int_equal(foreign->allocatable(&region, 0, 1), most);
    assert_never(&region, most + 1, 0, 1);
    freed(&region, granted(&region, most));
}

static void test_alloc_is_refused_when_the_platform_refuses(void **state)
{
    berth_region_t region = started(*state);
    platform.is_full = true;
    assert_refused(&region, 10, 0, 1);
    assert_int_equal(platform.calls, 1);
    assert_walk(&region, 0);
}

/* A block that is not aligned as asked goes back. */
static void test_alloc_trusts_no_alignment(void **state)
{
    berth_region_t region = started(*state);
    platform.astray = 4;
    assert_refused(&region, 10, 0, 1);
    assert_int_equal(platform.calls, 1);
    platform.astray = 8;
    assert_refused(&region, 10, 16, 1);
    assert_int_equal(platform.calls, 2);
    assert_walk(&region, 0);
}

/* With a table: it takes half as many blocks as it has places, mostly more; then refuses, and what
 * the platform gave goes back. Every block can still be freed. */
static void test_alloc_is_refused_when_the_table_is_full(void **state)
{
    if (!HAS_TABLE) {
        return;
    }
    berth_region_t region = started(*state);
    static uint32_t offsets[BLOCKS_MOST + 1];
    uint32_t count = 0;
    for (;;) {
        const berth_grant_t grant = foreign->alloc(&region, 16, 0, 1);
        if (grant.offset == BERTH_NOWHERE) {
            break;
        }
        assert_true(count < BLOCKS_MOST);
        offsets[count++] = grant.offset;
        assert_int_equal(platform.blocks, count);
    }
    assert_int_equal(platform.blocks, count);
    assert_true(count >= BLOCKS_MOST / 2);
    assert_walk(&region, count);
    for (uint32_t i = 0; i < count; i++) {
        freed(&region, offsets[i]);
    }
    assert_int_equal(platform.blocks, 0);
    assert_walk(&region, 0);
}

/* --- whose ----------------------------------------------------------------------------------- */

static void assert_whose(const berth_region_t *region, const void *pointer, int32_t status)
{
    const berth_place_t place = foreign->whose(region, pointer);
    assert_int_equal(place.status, status);
    assert_int_equal(place.offset, BERTH_NOWHERE);
}

static void test_whose_answers_yes_no_or_unknown(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t offset = granted(&region, 200);
    uint8_t *mine = pointer_to(&region, offset);
    memset(mine, 0, 200);
    assert_int_equal(foreign->whose(&region, mine).status, BERTH_OK);
    assert_int_equal(foreign->whose(&region, mine).offset, offset);
    assert_whose(&region, NULL, BERTH_ERR_INVALID);
    assert_whose(&region, (const void *)(uintptr_t)64, BERTH_ERR_INVALID);
    assert_whose(&region, (const void *)(uintptr_t)4088, BERTH_ERR_INVALID);
    for (uint32_t i = 1; i < 100; i++) {
        assert_whose(&region, mine + i, i % 8 == 0 ? BERTH_ERR_UNKNOWN : BERTH_ERR_INVALID);
    }
    uint8_t *theirs = malloc(64);
    memset(theirs, 0, 64);
    assert_whose(&region, theirs + 16, BERTH_ERR_UNKNOWN);
    free(theirs);
    freed(&region, offset);
    if (HAS_TABLE) { /* without one, freed memory would be read */
        assert_null(foreign->pointer(&region, offset));
    }
}

/* Freed memory, or memory that is not there, is not even read: the table knows. */
static void test_whose_reads_nothing_that_is_not_its_own(void **state)
{
    if (!HAS_TABLE) {
        return;
    }
    berth_region_t region = started(*state);
    const uint32_t offset = granted(&region, 200);
    uint8_t *mine = pointer_to(&region, offset);
    freed(&region, offset);
    assert_whose(&region, mine, BERTH_ERR_UNKNOWN);
    assert_whose(&region, (const void *)(uintptr_t)4096, BERTH_ERR_UNKNOWN);
    assert_whose(&region, (const void *)(UINTPTR_MAX - 7), BERTH_ERR_UNKNOWN);
}

/* What the platform gets back has nothing left that passes for a record. */
static void test_free_wipes_the_record(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t offset = granted(&region, 200);
    platform.watched = pointer_to(&region, offset) - 8;
    memcpy(platform.left, platform.watched, sizeof platform.left);
    assert_int_not_equal(platform.left[0], 0);
    assert_int_not_equal(platform.left[1], 0);
    freed(&region, offset);
    assert_int_equal(platform.left[0], 0);
    assert_int_equal(platform.left[1], 0);
}

static void assert_no_block(berth_region_t *region, uint32_t offset)
{
    const berth_change_t change = foreign->free(region, offset);
    assert_int_equal(change.status, BERTH_ERR_INVALID);
    assert_int_equal(change.after, change.before);
    assert_int_equal(foreign->resize(region, offset, 1).status, BERTH_ERR_INVALID);
    assert_int_equal(foreign->find(region, offset).status, BERTH_ERR_INVALID);
    assert_int_equal(foreign->find(region, offset).offset, offset);
    assert_int_equal(foreign->give(region, offset, 2), BERTH_ERR_INVALID);
    assert_null(foreign->word(region, offset));
    assert_null(foreign->pointer(region, offset));
}

static void test_calls_refuse_what_is_no_block(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t offset = granted(&region, 100);
    memset(pointer_to(&region, offset), 0, 100);
    assert_no_block(&region, BERTH_NOWHERE);
    assert_no_block(&region, 0 + (offset == 0 ? 8 : 0));
    for (uint32_t i = 1; i < 64; i++) {
        assert_no_block(&region, offset + i);
    }
    if (HAS_TABLE) {
        for (uint32_t other = 0; other < BESIDE_SIZE + 64; other++) {
            if (other != offset) {
                assert_no_block(&region, other);
            }
        }
    }
    assert_walk(&region, 1);
    freed(&region, offset);
    if (HAS_TABLE) {
        assert_no_block(&region, offset);
    }
}

/* --- resize, give, word ---------------------------------------------------------------------- */

static void test_resize_stays_within_what_was_granted(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_grant_t grant = foreign->alloc(&region, 33, 0, 9);
    const uint32_t usable = foreign->find(&region, grant.offset).size;
    for (uint32_t size = 0; size < 100; size++) {
        const berth_change_t change = foreign->resize(&region, grant.offset, size);
        assert_int_equal(change.status, size == 0        ? BERTH_ERR_INVALID
                                        : size <= usable ? BERTH_OK
                                                         : BERTH_ERR_NOMEM);
        assert_int_equal(change.before, grant.size);
        assert_int_equal(change.after, grant.size);
        assert_int_equal(change.owner, 9);
    }
    assert_int_equal(foreign->resize(&region, grant.offset, SIZE_MAX).status, BERTH_ERR_NOMEM);
    assert_int_equal(platform.calls, 1);
    freed(&region, grant.offset);
}

static void test_word_is_the_last_of_the_block(void **state)
{
    const form_t *form = *state;
    for (uint32_t size = 1; size < 100; size++) {
        berth_region_t region = started(form);
        const berth_tag_t tag = 7 | BERTH_TAG_WORD;
        const berth_grant_t grant = foreign->alloc(&region, size, 0, tag);
        assert_int_equal(grant.size, taken_of(form, size + 4, 0));
        assert_int_equal(foreign->cost(&region, size, 0, tag), grant.size);
        const berth_block_t block = foreign->find(&region, grant.offset);
        assert_true(block.has_word);
        assert_int_equal(block.size, grant.size - form->lead - 4);
        uint8_t *word = (uint8_t *)foreign->word(&region, grant.offset);
        assert_ptr_equal(word, pointer_to(&region, grant.offset) + block.size);
        *foreign->word(&region, grant.offset) = 0xC0FFEE00u;
        memset(pointer_to(&region, grant.offset), 0x33, block.size);
        assert_int_equal(*foreign->word(&region, grant.offset), 0xC0FFEE00u);
        const size_t more = (size_t)block.size + 1;
        assert_int_equal(foreign->resize(&region, grant.offset, more).status, BERTH_ERR_NOMEM);
        freed(&region, grant.offset);
    }
    berth_region_t region = started(form);
    const uint32_t offset = granted(&region, 20);
    assert_null(foreign->word(&region, offset));
    freed(&region, offset);
}

static void test_give_changes_the_owner_alone(void **state)
{
    berth_region_t region = started(*state);
    const berth_grant_t grant = foreign->alloc(&region, 50, 128, 33 | BERTH_TAG_WORD);
    for (uint32_t owner = 1; owner <= BERTH_OTHERS; owner++) {
        assert_int_equal(foreign->give(&region, grant.offset, (berth_owner_t)owner), BERTH_OK);
        const berth_block_t block = foreign->find(&region, grant.offset);
        assert_int_equal(block.owner, owner);
        assert_int_equal(block.taken, grant.size);
        assert_true(block.has_word);
    }
    assert_int_equal(foreign->give(&region, grant.offset, BERTH_NO_OWNER), BERTH_ERR_INVALID);
    assert_int_equal(foreign->give(&region, grant.offset, 128), BERTH_ERR_INVALID);
    assert_int_equal(foreign->give(&region, grant.offset, 255), BERTH_ERR_INVALID);
    assert_int_equal(foreign->free(&region, grant.offset).owner, BERTH_OTHERS);
}

/* --- questions ------------------------------------------------------------------------------- */

static void test_allocatable_is_what_the_platform_can_do(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    for (platform.largest = 0; platform.largest < 600; platform.largest++) {
        for (uint32_t align = 0; align <= 128; align = align == 0 ? 16 : align * 2) {
            const berth_tag_t tag = platform.largest % 2 == 0 ? 1 : 1 | BERTH_TAG_WORD;
            const uint32_t most = foreign->allocatable(&region, align, tag);
            const uint32_t lead = align > form->lead ? align : form->lead;
            const uint32_t before = lead == 8 ? 8 : 2 * lead; /* an aligned block may cost more */
            uint32_t wanted = platform.largest > before ? platform.largest - before : 0;
            wanted = wanted / form->unit * form->unit;
            wanted = (tag & BERTH_TAG_WORD) == 0 ? wanted : wanted < 4 ? 0 : wanted - 4;
            assert_int_equal(most, wanted);
            assert_int_equal(foreign->fits(&region, most, align, tag), most != 0);
            assert_false(foreign->fits(&region, (size_t)most + 1, align, tag));
        }
    }
    platform.largest = UINT32_MAX;
    const uint32_t most = foreign->allocatable(&region, 0, 1);
    assert_int_not_equal(foreign->cost(&region, most, 0, 1), 0);
    assert_int_equal(foreign->cost(&region, (size_t)most + 1, 0, 1), 0);
    assert_int_equal(platform.calls, 0);
}

static void test_allocatable_is_nothing_when_the_platform_cannot_tell(void **state)
{
    berth_region_t region = region_of(*state);
    berth_foreign_config_t mute = platform_config;
    mute.allocatable = NULL;
    region.config = &mute;
    assert_int_equal(foreign->start(&region), BERTH_OK);
    assert_int_equal(foreign->allocatable(&region, 0, 1), 0);
    assert_false(foreign->fits(&region, 1, 0, 1));
    assert_int_not_equal(foreign->cost(&region, 1, 0, 1), 0);
    freed(&region, granted(&region, 1));
}

static void test_walk_survives_any_cursor(void **state)
{
    berth_region_t region = started(*state);
    const uint32_t offset = granted(&region, 100);
    for (uint32_t cursor = 0; cursor < 2 * BESIDE_SIZE; cursor++) {
        (void)foreign->walk(&region, cursor);
    }
    assert_int_equal(foreign->walk(&region, BERTH_NOWHERE).next, BERTH_NOWHERE);
    assert_int_equal(foreign->check(&region, BERTH_NOWHERE - 7).next, BERTH_NOWHERE);
    freed(&region, offset);
}

/* --- damage ---------------------------------------------------------------------------------- */

/* A record with any bit flipped is no block's; what the table says is ours, is told as damaged. */
static void test_calls_believe_no_damaged_record(void **state)
{
    const int32_t damaged = HAS_TABLE ? BERTH_ERR_CORRUPT : BERTH_ERR_INVALID;
    berth_region_t region = started(*state);
    const uint32_t offset = foreign->alloc(&region, 50, 0, 33 | BERTH_TAG_WORD).offset;
    uint8_t *mine = pointer_to(&region, offset);
    for (uint32_t bit = 0; bit < 64; bit++) {
        mine[(int32_t)(bit / 8) - 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(foreign->find(&region, offset).status, BERTH_ERR_INVALID);
        assert_int_equal(foreign->give(&region, offset, 5), BERTH_ERR_INVALID);
        assert_null(foreign->word(&region, offset));
        assert_null(foreign->pointer(&region, offset));
        assert_int_equal(foreign->free(&region, offset).status, damaged);
        assert_int_equal(foreign->resize(&region, offset, 10).status, damaged);
        if (HAS_TABLE) {
            const berth_block_t block = foreign->check(&region, BERTH_WALK_START);
            assert_int_equal(block.status, BERTH_ERR_CORRUPT);
            assert_int_equal(block.offset, offset);
            assert_int_equal(block.next, offset + 8); /* a walk goes on */
        } else {
            assert_whose(&region, mine, BERTH_ERR_UNKNOWN);
        }
        mine[(int32_t)(bit / 8) - 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(platform.blocks, 1);
    freed(&region, offset);
}

/* A place of the table that holds what does not belong there is not followed to wherever it leads.
 * */
static void test_check_follows_no_pointer_that_is_out_of_place(void **state)
{
    if (!HAS_TABLE) {
        return;
    }
    berth_region_t region = started(*state);
    const uint32_t offset = granted(&region, 50);
    uint32_t followed = 0;
    for (uint32_t bit = 12; bit < 64; bit++) {
        beside[offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* one in 128 belongs there by chance, and would be read */
        const uint64_t *slot = (const uint64_t *)(const void *)(beside + offset);
        const berth_place_t place = foreign->whose(&region, (const void *)(uintptr_t)*slot);
        if (place.status == BERTH_OK) {
            followed++;
        } else {
            assert_int_equal(foreign->check(&region, offset).status, BERTH_ERR_CORRUPT);
            assert_int_equal(foreign->free(&region, offset).status, BERTH_ERR_CORRUPT);
        }
        beside[offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(followed < 10);
    freed(&region, offset);
}

static void test_the_engine_says_what_it_is(void **state)
{
    (void)state;
    assert_string_equal(foreign->name, "foreign");
    assert_false(foreign->is_isr_safe);
    assert_null(foreign->mark);
    assert_null(foreign->reset);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_refuses_nonsense),
        cmocka_unit_test(test_start_needs_a_table_on_a_64_bit_host),
        cmocka_unit_test(test_alloc_asks_the_platform_for_what_it_takes),
        cmocka_unit_test(test_alloc_keeps_the_alignment),
        cmocka_unit_test(test_alloc_refuses_nonsense),
        cmocka_unit_test(test_alloc_takes_no_more_than_the_region_has),
        cmocka_unit_test(test_alloc_is_refused_when_the_platform_refuses),
        cmocka_unit_test(test_alloc_trusts_no_alignment),
        cmocka_unit_test(test_alloc_is_refused_when_the_table_is_full),
        cmocka_unit_test(test_whose_answers_yes_no_or_unknown),
        cmocka_unit_test(test_whose_reads_nothing_that_is_not_its_own),
        cmocka_unit_test(test_free_wipes_the_record),
        cmocka_unit_test(test_calls_refuse_what_is_no_block),
        cmocka_unit_test(test_resize_stays_within_what_was_granted),
        cmocka_unit_test(test_word_is_the_last_of_the_block),
        cmocka_unit_test(test_give_changes_the_owner_alone),
        cmocka_unit_test(test_allocatable_is_what_the_platform_can_do),
        cmocka_unit_test(test_allocatable_is_nothing_when_the_platform_cannot_tell),
        cmocka_unit_test(test_walk_survives_any_cursor),
        cmocka_unit_test(test_calls_believe_no_damaged_record),
        cmocka_unit_test(test_check_follows_no_pointer_that_is_out_of_place),
        cmocka_unit_test(test_the_engine_says_what_it_is),
    };
    return foreign_form_run(tests, sizeof tests / sizeof tests[0]);
}
