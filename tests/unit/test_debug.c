/* test_debug.c: does the debug form do what its sentences in fit.h say?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Rates by class are in tests/fault/overrun.c; here is one example of each thing, and that a sound
 * program is never accused.
 */
#include "berth/fit.h"

#include "random.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REGION_SIZE 16384u
#define BLOCKS 64u

static alignas(64) uint8_t memory[REGION_SIZE];
static alignas(64) uint8_t memory_before[REGION_SIZE];

static const berth_engine_t *const debug = &berth_fit_debug_engine;

static berth_region_t started(uint32_t granule, uint32_t align)
{
    memset(memory, 0, sizeof memory);
    berth_region_t region = {.name = "debug",
                             .engine = debug,
                             .base = memory,
                             .address = 0x20000000u,
                             .size = REGION_SIZE,
                             .granule = granule,
                             .align = align};
    assert_int_equal(debug->start(&region), BERTH_OK);
    return region;
}

static uint32_t granted(berth_region_t *region, size_t size)
{
    const berth_grant_t grant = debug->alloc(region, size, 0, 3);
    assert_int_not_equal(grant.offset, BERTH_NOWHERE);
    return grant.offset;
}

static uint32_t count_corrupt(const berth_region_t *region)
{
    uint32_t corrupt = 0;
    uint32_t steps = 0;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE; steps++) {
        const berth_block_t block = debug->check(region, cursor);
        const berth_block_t walked = debug->walk(region, cursor);
        corrupt += block.status == BERTH_ERR_CORRUPT;
        if (block.status == BERTH_OK) {
            assert_int_equal(walked.offset, block.offset);
            assert_int_equal(walked.owner, block.owner);
            assert_int_equal(walked.size, block.size);
        }
        cursor = block.next;
        assert_true(steps < REGION_SIZE / 4);
    }
    return corrupt;
}

static void assert_free_refused(berth_region_t *region, uint32_t offset, berth_status_t status)
{
    memcpy(memory_before, memory, sizeof memory);
    const berth_change_t change = debug->free(region, offset);
    assert_int_equal(change.status, status);
    assert_int_equal(change.before, change.after);
    assert_memory_equal(memory, memory_before, sizeof memory);
}

/* --- an honest program ----------------------------------------------------------------------- */

static void test_it_keeps_no_bookkeeping_beside(void **state)
{
    (void)state;
    static alignas(8) uint8_t beside[4096];
    berth_region_t region = {.base = memory, .address = 0x20000000u, .size = REGION_SIZE};
    assert_int_equal(debug->beside_size(&region), 0);
    region.beside = beside;
    region.beside_size = sizeof beside;
    assert_int_equal(debug->start(&region), BERTH_ERR_INVALID);
}

static void test_start_refuses_what_is_too_small(void **state)
{
    (void)state;
    bool was_fine = false;
    for (uint32_t size = 0; size < 2048; size += 4) {
        memset(memory, 0, sizeof memory);
        berth_region_t region = {.base = memory, .address = 0x20000000u, .size = size};
        const berth_status_t status = debug->start(&region);
        assert_true(status == BERTH_OK || (status == BERTH_ERR_INVALID && !was_fine));
        was_fine = was_fine || status == BERTH_OK;
        assert_true(!was_fine || debug->allocatable(&region, 0, 1) > 0);
    }
    assert_true(was_fine);
}

static void test_a_grant_is_what_was_asked(void **state)
{
    (void)state;
    static const uint32_t granules[] = {4, 8, 16, 64};
    for (uint32_t i = 0; i < 4; i++) {
        berth_region_t region = started(granules[i], 0);
        for (uint32_t align = 1; align <= 256; align *= 2) {
            const berth_grant_t grant = debug->alloc(&region, 37, align, 9 | BERTH_TAG_WORD);
            assert_int_not_equal(grant.offset, BERTH_NOWHERE);
            assert_int_equal((region.address + grant.offset) % align, 0);
            assert_int_equal((region.address + grant.offset) % granules[i], 0);
            const berth_block_t block = debug->find(&region, grant.offset);
            assert_int_equal(block.status, BERTH_OK);
            assert_int_equal(block.size, 37);
            assert_int_equal(block.taken, grant.size);
            assert_int_equal(block.owner, 9);
            *debug->word(&region, grant.offset) = 77;
            memset(memory + grant.offset, 0xFF, 37);
            assert_int_equal(*debug->word(&region, grant.offset), 77);
            assert_int_equal(debug->give(&region, grant.offset, 4), BERTH_OK);
            assert_int_equal(debug->free(&region, grant.offset).owner, 4);
            assert_int_equal(count_corrupt(&region), 0);
        }
    }
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    assert_int_equal(debug->alloc(&region, 0, 0, 1).offset, BERTH_NOWHERE);
    assert_int_equal(debug->alloc(&region, 8, 0, 0).offset, BERTH_NOWHERE);
    assert_int_equal(debug->alloc(&region, 8, 3, 1).offset, BERTH_NOWHERE);
    assert_int_equal(debug->alloc(&region, 8, 0x80000000u, 1).offset, BERTH_NOWHERE);
    for (uint32_t less = 0; less < 80; less++) {
        assert_int_equal(debug->alloc(&region, SIZE_MAX - less, 0, 1).offset, BERTH_NOWHERE);
        assert_int_equal(debug->alloc(&region, UINT32_MAX - less, 64, 1).offset, BERTH_NOWHERE);
        assert_false(debug->fits(&region, SIZE_MAX - less, 0, 1));
    }
    const uint32_t offset = granted(&region, 40);
    assert_int_equal(debug->resize(&region, offset, 0).status, BERTH_ERR_INVALID);
    assert_int_equal(debug->resize(&region, offset, SIZE_MAX).status, BERTH_ERR_NOMEM);
    assert_int_equal(debug->give(&region, offset, BERTH_NO_OWNER), BERTH_ERR_INVALID);
    assert_int_equal(debug->give(&region, offset, 200), BERTH_ERR_INVALID);
    assert_null(debug->word(&region, offset));
    for (uint32_t other = 0; other < REGION_SIZE + 32; other++) {
        if (other != offset) {
            assert_int_equal(debug->free(&region, other).status, BERTH_ERR_INVALID);
            assert_int_equal(debug->find(&region, other).status, BERTH_ERR_INVALID);
            assert_int_equal(debug->find(&region, other).offset, other);
        }
    }
    static const uint32_t far[] = {0x40000000u, 0x7FFFFFF0u, 0x80000000u, 0xFFFFFFF0u,
                                   BERTH_NOWHERE};
    for (uint32_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        assert_free_refused(&region, far[i], BERTH_ERR_INVALID);
    }
}

static void test_allocatable_is_what_alloc_grants(void **state)
{
    (void)state;
    for (uint32_t align = 0; align <= 1024; align = align == 0 ? 4 : align * 2) {
        berth_region_t region = started(8, 0);
        for (uint32_t round = 0; round < 20; round++) {
            const uint32_t most = debug->allocatable(&region, align, 1);
            assert_false(debug->fits(&region, (size_t)most + 1, align, 1));
            assert_int_equal(debug->alloc(&region, (size_t)most + 1, align, 1).offset,
                             BERTH_NOWHERE);
            if (most != 0) {
                assert_true(debug->fits(&region, most, align, 1));
                assert_int_not_equal(debug->alloc(&region, 1 + most / 4, align, 1).offset,
                                     BERTH_NOWHERE);
            }
        }
        assert_int_equal(count_corrupt(&region), 0);
    }
}

static void test_resize_keeps_contents_and_guards(void **state)
{
    (void)state;
    for (uint32_t size = 1; size < 400; size += 7) {
        berth_region_t region = started(4, 0);
        const uint32_t offset = granted(&region, 100);
        const uint8_t fresh = memory[offset];
        memset(memory + offset, 0x3C, 100);
        assert_int_equal(debug->resize(&region, offset, size).status, BERTH_OK);
        assert_int_equal(debug->find(&region, offset).size, size);
        for (uint32_t i = 0; i < size && i < 100; i++) {
            assert_int_equal(memory[offset + i], 0x3C);
        }
        for (uint32_t i = 100; i < size; i++) {
            assert_int_equal(memory[offset + i], fresh); /* what nobody wrote looks like it */
        }
        assert_int_equal(count_corrupt(&region), 0);
        memory[offset + size] ^= 1;
        assert_int_equal(count_corrupt(&region), 1);
        assert_int_equal(debug->resize(&region, offset, 10).status, BERTH_ERR_CORRUPT);
    }
}

static void test_walk_tells_what_can_be_asked_for(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    berth_block_t block = debug->walk(&region, BERTH_WALK_START);
    assert_int_equal(block.owner, BERTH_NO_OWNER);
    assert_int_equal(block.size, debug->allocatable(&region, 0, 1));
    assert_int_equal(block.next, BERTH_NOWHERE);
    const uint32_t kept = granted(&region, 30);
    const uint32_t small = granted(&region, 1);
    assert_int_not_equal(granted(&region, 30), BERTH_NOWHERE);
    assert_int_equal(debug->free(&region, kept).status, BERTH_OK);
    block = debug->walk(&region, BERTH_WALK_START);
    assert_int_equal(block.offset, kept);
    assert_int_equal(block.owner, BERTH_NO_OWNER); /* in quarantine: nobody's, and not to be had */
    assert_int_equal(block.size, 0);
    block = debug->walk(&region, block.next);
    assert_int_equal(block.offset, small);
    assert_int_equal(block.size, 1);
    assert_int_equal(block.owner, 3);
}

/* A free block that holds the guards and nothing more is of no use, and one granule more is. */
static void test_walk_tells_of_rests(void **state)
{
    (void)state;
    for (uint32_t size = 1; size < 200; size++) {
        berth_region_t region = started(4, 0);
        const uint32_t most = debug->allocatable(&region, 0, 1);
        (void)granted(&region, most - size);
        const uint32_t rest = debug->allocatable(&region, 0, 1);
        uint32_t told = 0;
        for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
            const berth_block_t block = debug->walk(&region, cursor);
            told = block.owner == BERTH_NO_OWNER ? block.size : told;
            cursor = block.next;
        }
        assert_int_equal(told, rest);
        assert_int_equal(debug->fits(&region, 1, 0, 1), rest != 0);
    }
}

typedef struct life {
    berth_region_t region;
    random_source_t random;
    struct {
        uint32_t offset; /* 0: none */
        uint32_t size;
        uint8_t fill;
    } blocks[BLOCKS];
} life_t;

static void life_verify(const life_t *life, uint32_t i)
{
    for (uint32_t at = 0; at < life->blocks[i].size; at++) {
        assert_int_equal(memory[life->blocks[i].offset + at], life->blocks[i].fill);
    }
}

static void life_step(life_t *life)
{
    const uint32_t i = random_below(&life->random, BLOCKS);
    const uint32_t size = random_log(&life->random, 500);
    if (life->blocks[i].offset == 0) {
        const uint32_t align = random_percent(&life->random, 20) ? 64 : 0;
        const bool fits = debug->fits(&life->region, size, align, 1);
        const berth_grant_t grant = debug->alloc(&life->region, size, align, 1);
        assert_int_equal(fits, grant.offset != BERTH_NOWHERE);
        life->blocks[i].offset = fits ? grant.offset : 0;
    } else if (random_percent(&life->random, 50)) {
        life_verify(life, i);
        assert_int_equal(debug->free(&life->region, life->blocks[i].offset).status, BERTH_OK);
        life->blocks[i].offset = 0;
    } else {
        life_verify(life, i);
        const berth_change_t change = debug->resize(&life->region, life->blocks[i].offset, size);
        assert_true(change.status == BERTH_OK || change.status == BERTH_ERR_NOMEM);
        if (change.status != BERTH_OK) {
            return;
        }
    }
    life->blocks[i].size = life->blocks[i].offset != 0 ? size : 0;
    life->blocks[i].fill = (uint8_t)random_next(&life->random);
    memset(memory + life->blocks[i].offset, life->blocks[i].fill, life->blocks[i].size);
}

/* A random life of 20 000 calls in each of three regions, without one false alarm. */
static void test_a_sound_program_is_never_accused(void **state)
{
    (void)state;
    static const uint32_t granules[] = {4, 8, 32};
    static life_t life;
    for (uint32_t form = 0; form < 3; form++) {
        memset(&life, 0, sizeof life);
        life.region = started(granules[form], form == 1 ? 16 : 0);
        life.random = random_from(form);
        for (uint32_t step = 0; step < 20000; step++) {
            life_step(&life);
            if (step % 16 == 0) {
                assert_int_equal(count_corrupt(&life.region), 0);
            }
        }
    }
}

/* --- the others ------------------------------------------------------------------------------ */

static void test_an_overrun_is_found(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    for (uint32_t size = 1; size < 60; size++) {
        const uint32_t offset = granted(&region, size);
        memory[offset + size] ^= 0x10;
        assert_int_equal(count_corrupt(&region), 1);
        assert_free_refused(&region, offset, BERTH_ERR_CORRUPT);
        memory[offset + size] ^= 0x10;
        assert_int_equal(count_corrupt(&region), 0);
        assert_int_equal(debug->free(&region, offset).status, BERTH_OK);
    }
}

static void test_an_underrun_is_found(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    const uint32_t offset = granted(&region, 40);
    memory[offset - 1] ^= 0x10;
    assert_int_equal(count_corrupt(&region), 1);
    assert_int_equal(debug->check(&region, BERTH_WALK_START).offset, offset);
    assert_free_refused(&region, offset, BERTH_ERR_CORRUPT);
    assert_int_equal(debug->resize(&region, offset, 8).status, BERTH_ERR_CORRUPT);
}

/* Every bit of the words before a block, of one so large that its size has more than 16 bits. */
static void test_a_bit_flipped_before_a_large_block_is_found(void **state)
{
    (void)state;
    static alignas(64) uint8_t large[262144];
    memset(large, 0, sizeof large);
    berth_region_t region = {.base = large, .address = 0x20000000u, .size = sizeof large};
    assert_int_equal(debug->start(&region), BERTH_OK);
    const uint32_t offset = granted(&region, 0x3A3C5);
    for (uint32_t bit = 0; bit < 128; bit++) {
        large[offset - 16 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(count_corrupt(&region), 1);
        assert_int_not_equal(debug->free(&region, offset).status, BERTH_OK);
        large[offset - 16 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(debug->free(&region, offset).status, BERTH_OK);
}

/* The quarantine is in the region's first block, which walks pass over and checks do not. */
static void test_a_bit_flipped_before_the_quarantine_is_found(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    const berth_block_t first = berth_fit_engine.walk(&region, BERTH_WALK_START);
    assert_true(first.offset < debug->walk(&region, BERTH_WALK_START).offset);
    for (uint32_t bit = 0; bit < 32; bit++) {
        memory[first.offset - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(debug->check(&region, BERTH_WALK_START).status, BERTH_ERR_CORRUPT);
        memory[first.offset - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(count_corrupt(&region), 0);
}

static void test_a_freed_block_is_poisoned_and_kept_back(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    const uint32_t offset = granted(&region, 64);
    memset(memory + offset, 0x11, 64);
    const uint32_t before = debug->allocatable(&region, 0, 1);
    assert_int_equal(debug->free(&region, offset).status, BERTH_OK);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_not_equal(memory[offset + i], 0x11);
    }
    assert_int_equal(debug->allocatable(&region, 0, 1), before);
    assert_int_not_equal(granted(&region, 64), offset);
}

/* Memory as it comes: dirty. */
static void test_start_clears_what_it_needs(void **state)
{
    (void)state;
    memset(memory, 0xA5, sizeof memory);
    berth_region_t region = {.base = memory, .address = 0x20000000u, .size = REGION_SIZE};
    assert_int_equal(debug->start(&region), BERTH_OK);
    assert_int_equal(count_corrupt(&region), 0);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(debug->free(&region, granted(&region, 64)).status, BERTH_OK);
        assert_int_equal(count_corrupt(&region), 0);
    }
}

/* A block of more than the quarantine's measure is not kept back at all. */
static void test_quarantine_holds_no_large_block(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    const uint32_t before = debug->allocatable(&region, 0, 1);
    const uint32_t guards = granted(&region, 4);
    const uint32_t cost = debug->find(&region, guards).taken - 4;
    assert_int_equal(debug->free(&region, guards).status, BERTH_OK);
    for (uint32_t i = 0; i < 17; i++) { /* no other block is in quarantine then */
        assert_int_equal(debug->free(&region, granted(&region, REGION_SIZE / 32)).status, BERTH_OK);
        assert_int_equal(debug->allocatable(&region, 0, 1), before);
    }
    const uint32_t just = granted(&region, REGION_SIZE / 32 - cost);
    assert_int_equal(debug->find(&region, just).taken, REGION_SIZE / 32);
    assert_int_equal(debug->free(&region, just).status, BERTH_OK);
    assert_true(debug->allocatable(&region, 0, 1) < before);
}

/* A walk goes on from a cursor even if the quarantine's own header is damaged. */
static void test_walk_needs_the_quarantine_only_to_begin(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    (void)granted(&region, 30);
    const uint32_t second = granted(&region, 40);
    const uint32_t cursor = debug->walk(&region, BERTH_WALK_START).next;
    const berth_block_t first = berth_fit_engine.walk(&region, BERTH_WALK_START);
    memory[first.offset - 1] ^= 0x80;
    assert_int_equal(debug->walk(&region, BERTH_WALK_START).status, BERTH_ERR_CORRUPT);
    assert_int_equal(debug->walk(&region, cursor).offset, second);
    assert_int_equal(debug->walk(&region, cursor).status, BERTH_OK);
    assert_free_refused(&region, second, BERTH_ERR_CORRUPT);
}

static void test_quarantine_gives_back_in_the_end(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    const uint32_t offset = granted(&region, 64);
    assert_int_equal(debug->free(&region, offset).status, BERTH_OK);
    bool is_reused = false;
    for (uint32_t i = 0; i < 200 && !is_reused; i++) {
        const uint32_t other = granted(&region, 64);
        is_reused = other == offset;
        assert_int_equal(debug->free(&region, other).status, BERTH_OK);
    }
    assert_true(is_reused);
    assert_int_equal(count_corrupt(&region), 0);
}

/* As long as they are small, 16 blocks are held; one more makes the oldest go. */
static void test_quarantine_holds_16_blocks(void **state)
{
    (void)state;
    static alignas(64) uint8_t large[65536];
    memset(large, 0, sizeof large);
    berth_region_t region = {.base = large, .address = 0x20000000u, .size = sizeof large};
    assert_int_equal(debug->start(&region), BERTH_OK);
    uint32_t offsets[17];
    for (uint32_t i = 0; i < 17; i++) {
        offsets[i] = granted(&region, 8);
        assert_int_not_equal(granted(&region, 8), BERTH_NOWHERE); /* so that none merge */
    }
    for (uint32_t i = 0; i < 17; i++) {
        assert_int_equal(debug->free(&region, offsets[i]).status, BERTH_OK);
        const berth_block_t oldest = berth_fit_engine.find(&region, offsets[0] - 16);
        assert_int_equal(oldest.status, i < 16 ? BERTH_OK : BERTH_ERR_INVALID);
    }
}

static void test_a_write_after_free_is_found_and_kept_back(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    const uint32_t offset = granted(&region, 64);
    assert_int_equal(debug->free(&region, offset).status, BERTH_OK);
    memory[offset + 10] = 0;
    assert_int_equal(count_corrupt(&region), 1);
    for (uint32_t i = 0; i < 200; i++) {
        const uint32_t other = granted(&region, 64);
        assert_int_not_equal(other, offset);
        assert_int_equal(debug->free(&region, other).status, BERTH_OK);
    }
    assert_int_equal(count_corrupt(&region), 1);
}

static void test_a_double_free_is_refused(void **state)
{
    (void)state;
    berth_region_t region = started(4, 0);
    const uint32_t offset = granted(&region, 64);
    assert_int_equal(debug->free(&region, offset).status, BERTH_OK);
    assert_free_refused(&region, offset, BERTH_ERR_INVALID);
    assert_int_equal(debug->resize(&region, offset, 8).status, BERTH_ERR_INVALID);
    assert_int_equal(debug->find(&region, offset).status, BERTH_ERR_INVALID);
    assert_int_equal(debug->give(&region, offset, 2), BERTH_ERR_INVALID);
    assert_null(debug->word(&region, offset));
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(debug->free(&region, granted(&region, 200)).status, BERTH_OK);
    }
    assert_free_refused(&region, offset, BERTH_ERR_INVALID); /* long out of quarantine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_keeps_no_bookkeeping_beside),
        cmocka_unit_test(test_start_refuses_what_is_too_small),
        cmocka_unit_test(test_a_grant_is_what_was_asked),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_allocatable_is_what_alloc_grants),
        cmocka_unit_test(test_resize_keeps_contents_and_guards),
        cmocka_unit_test(test_walk_tells_what_can_be_asked_for),
        cmocka_unit_test(test_walk_tells_of_rests),
        cmocka_unit_test(test_a_sound_program_is_never_accused),
        cmocka_unit_test(test_an_overrun_is_found),
        cmocka_unit_test(test_an_underrun_is_found),
        cmocka_unit_test(test_a_bit_flipped_before_a_large_block_is_found),
        cmocka_unit_test(test_a_bit_flipped_before_the_quarantine_is_found),
        cmocka_unit_test(test_a_freed_block_is_poisoned_and_kept_back),
        cmocka_unit_test(test_start_clears_what_it_needs),
        cmocka_unit_test(test_quarantine_holds_no_large_block),
        cmocka_unit_test(test_walk_needs_the_quarantine_only_to_begin),
        cmocka_unit_test(test_quarantine_gives_back_in_the_end),
        cmocka_unit_test(test_quarantine_holds_16_blocks),
        cmocka_unit_test(test_a_write_after_free_is_found_and_kept_back),
        cmocka_unit_test(test_a_double_free_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
