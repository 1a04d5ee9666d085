/* test_check.c: is damage found in slices, contained, and told, and does the rest go on?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include "berth/check.h"
#include "berth/fit.h"
#include "berth/need.h"

#include <string.h>

#define BLOCKS 40u
#define SLICES_MOST 2000u /* of a round, or of a mending, in these regions */
#define SIZE 52u          /* of each block: 56 bytes with its header */

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];
static berth_account_t sums[SCENE_OWNERS];
static berth_check_t check;
static uint8_t *blocks[BLOCKS];

static uint32_t *word_of(uint8_t *at)
{
    return (uint32_t *)(void *)at;
}

/* Blocks of two owners in turn, every fifth one freed. */
static void check_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    check = (berth_check_t){.region = first, .mender = &berth_fit_mender, .accounts = sums};
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const berth_request_t request = {.size = SIZE, .owner = i % 2 != 0 ? LVGL : TLS};
        blocks[i] = berth_alloc(berth, &request);
        assert_true(scene_is_in(first, blocks[i]));
        scene_paint(blocks[i], SIZE, (uint8_t)i);
    }
    for (uint32_t i = 0; i < BLOCKS; i += 5) {
        berth_free(berth, blocks[i]);
        blocks[i] = NULL;
    }
    (void)scene_last();
}

/* Checks to the end of a round, or of a mending. */
static berth_checked_t check_run(void)
{
    berth_checked_t checked = {.is_done = false};
    for (uint32_t slices = 0; slices < SLICES_MOST && !checked.is_done; slices++) {
        checked = berth_check(berth, &check);
    }
    assert_true(checked.is_done);
    return checked;
}

static void assert_blocks_painted(void)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (blocks[i] != NULL) {
            scene_assert_painted(blocks[i], SIZE, (uint8_t)i);
        }
    }
}

/* The next DAMAGE event. */
static berth_event_t damage_told(void)
{
    berth_event_t event = {.kind = BERTH_EVENT_KINDS};
    while (event.kind != BERTH_EVENT_DAMAGE && berth_poll(berth, &event, 1) != 0) {
    }
    assert_int_equal(event.kind, BERTH_EVENT_DAMAGE);
    assert_int_equal(event.region, 0);
    return event;
}

static void test_a_sound_region_passes_and_stays_as_it_is(void **state)
{
    (void)state;
    static uint8_t before[SCENE_SRAM_SIZE];
    check_start();
    memcpy(before, first->base, sizeof before);
    for (uint32_t round = 0; round < 3; round++) {
        assert_int_equal(check_run().status, BERTH_OK);
    }
    assert_memory_equal(before, first->base, sizeof before);
    assert_int_equal(scene_count(BERTH_EVENT_DAMAGE), 0);
}

static void test_a_slice_verifies_no_more_than_it_says(void **state)
{
    (void)state;
    check_start();
    uint32_t verified = 0;
    berth_checked_t checked = {.is_done = false};
    while (!checked.is_done) {
        checked = berth_check(berth, &check);
        assert_true(checked.checked <= BERTH_CHECK_SLICE);
        verified += checked.checked;
    }
    assert_true(verified >= BLOCKS);
}

static void test_a_damaged_header_withdraws_its_block_alone(void **state)
{
    (void)state;
    check_start();
    const uint32_t lost = berth_about(berth, blocks[7]).taken;
    const uint32_t before = berth_account(berth, first, LVGL).live;
    word_of(blocks[7])[-1] ^= 0x2u;
    assert_int_equal(check_run().status, BERTH_OK);
    const berth_event_t found = damage_told();
    assert_int_equal(found.status, BERTH_ERR_CORRUPT);
    assert_int_equal(found.offset, blocks[7] - (uint8_t *)first->base);
    const berth_event_t mended = damage_told();
    assert_int_equal(mended.status, BERTH_OK);
    assert_int_equal(mended.offset, found.offset);
    assert_int_equal(mended.size, lost);
    assert_int_equal(mended.owner, LVGL);
    assert_int_equal(mended.taken, lost);
    assert_int_equal(berth_account(berth, first, LVGL).live, before - lost);
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).live, lost);
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).count, 1);
    assert_blocks_painted();
}

static void damage_7(void)
{
    check_start();
    word_of(blocks[7])[-1] ^= 0x2u;
    assert_int_equal(check_run().status, BERTH_OK);
    (void)scene_last();
}

static void test_a_withdrawn_block_cannot_be_freed_and_is_told(void **state)
{
    (void)state;
    damage_7();
    assert_int_equal(berth_try_free(berth, blocks[7]), BERTH_ERR_CORRUPT);
    assert_null(berth_realloc(berth, blocks[7], 8));
    berth_walk_t walk = {.region = first};
    berth_block_t block;
    uint32_t withdrawn = 0;
    while (walk.cursor != BERTH_NOWHERE && berth_walk(berth, &walk, &block, 1) == 1) {
        assert_int_equal(block.status, BERTH_OK);
        withdrawn += block.is_withdrawn;
        assert_true(!block.is_withdrawn || block.owner == BERTH_OTHERS);
    }
    assert_int_equal(withdrawn, 1);
}

static void test_a_withdrawn_block_is_found_once(void **state)
{
    (void)state;
    damage_7();
    assert_int_equal(check_run().status, BERTH_OK);
    assert_int_equal(scene_count(BERTH_EVENT_DAMAGE), 0);
}

static void test_the_rest_of_the_region_goes_on(void **state)
{
    (void)state;
    damage_7();
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (blocks[i] != NULL && i != 7) {
            assert_int_equal(berth_try_free(berth, blocks[i]), BERTH_OK);
        }
    }
    assert_int_equal(berth_account(berth, first, LVGL).live, 0);
    assert_int_equal(berth_account(berth, first, TLS).live, 0);
    scene_fill(first, TLS);
    scene_assert_painted(blocks[7], SIZE, 7);
    assert_int_equal(check_run().status, BERTH_OK);
}

static void test_a_fenced_region_refuses_and_requests_go_on(void **state)
{
    (void)state;
    check_start();
    const uint32_t outside = scene_used(second);
    word_of(blocks[7])[-1] ^= 0x2u;
    while (berth_check(berth, &check).status == BERTH_OK) {
    }
    assert_int_equal(berth_try_free(berth, blocks[8]), BERTH_ERR_CORRUPT);
    assert_int_equal(berth_about(berth, blocks[8]).status, BERTH_ERR_CORRUPT);
    assert_null(berth_realloc(berth, blocks[8], 8));
    void *block = berth_malloc(berth, 8, 0);
    assert_true(scene_is_in(second, block));
    assert_int_equal(scene_last().kind, BERTH_EVENT_FALLBACK);
    const berth_request_t inside = {.size = 8, .needed = BERTH_CAP_INTERNAL};
    assert_int_equal(berth_allocatable(berth, &inside), 0);
    assert_null(berth_alloc(berth, &inside));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_CORRUPT);
    berth_walk_t walk = {.region = first};
    berth_block_t told;
    assert_int_equal(berth_walk(berth, &walk, &told, 1), 1);
    assert_int_equal(told.status, BERTH_ERR_CORRUPT);
    assert_int_equal(walk.cursor, BERTH_NOWHERE);
    assert_int_equal(check_run().status, BERTH_OK);
    assert_int_equal(berth_try_free(berth, blocks[8]), BERTH_OK);
    blocks[8] = NULL;
    assert_true(scene_is_in(first, berth_malloc(berth, 8, 0)));
    berth_free(berth, block);
    assert_int_equal(scene_used(second), outside);
    assert_blocks_painted();
}

static void test_damaged_links_withdraw_nothing(void **state)
{
    (void)state;
    check_start();
    uint8_t *at = blocks[6] - 56; /* block 5 is free */
    word_of(at)[0] = 0xFFFFFFFFu;
    assert_int_equal(check_run().status, BERTH_OK);
    assert_int_equal(damage_told().status, BERTH_ERR_CORRUPT);
    const berth_event_t mended = damage_told();
    assert_int_equal(mended.status, BERTH_OK);
    assert_int_equal(mended.size, 0);
    assert_int_equal(mended.owner, BERTH_NO_OWNER);
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).live, 0);
    assert_blocks_painted();
}

static void test_each_word_of_the_control_block_is_mended(void **state)
{
    (void)state;
    check_start();
    for (uint32_t at = 12; at < 268; at += 4) {
        word_of(first->base)[at / 4] ^= 0x10010u;
        assert_int_equal(check_run().status, BERTH_OK);
        assert_int_equal(damage_told().status, BERTH_ERR_CORRUPT);
        assert_int_equal(damage_told().size, 0);
    }
    assert_blocks_painted();
}

static void test_without_a_mender_damage_fences_for_good(void **state)
{
    (void)state;
    check_start();
    check.mender = NULL;
    word_of(blocks[7])[-1] ^= 0x2u;
    assert_int_equal(check_run().status, BERTH_ERR_CORRUPT);
    assert_int_equal(damage_told().status, BERTH_ERR_UNKNOWN);
    assert_int_equal(check_run().status, BERTH_ERR_CORRUPT);
    assert_int_equal(scene_count(BERTH_EVENT_DAMAGE), 0);
    assert_int_equal(berth_try_free(berth, blocks[8]), BERTH_ERR_CORRUPT);
    word_of(blocks[7])[-1] ^= 0x2u;
}

static void test_the_debug_form_is_mended(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    first->engine = &berth_fit_debug_engine;
    scene_start();
    check = (berth_check_t){.region = first, .mender = &berth_fit_mender};
    uint8_t *damaged = berth_malloc(berth, SIZE, 0);
    uint8_t *sound = berth_malloc(berth, SIZE, 0);
    word_of(damaged)[-5] ^= 0x2u; /* four words of guards lie between */
    assert_int_equal(check_run().status, BERTH_OK);
    assert_int_equal(damage_told().status, BERTH_ERR_CORRUPT);
    assert_int_equal(damage_told().status, BERTH_OK);
    assert_int_not_equal(berth_try_free(berth, damaged), BERTH_OK);
    assert_int_equal(berth_try_free(berth, sound), BERTH_OK);
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).count, 1);
    check.mender = NULL; /* the engine's own check, guards included */
    assert_int_equal(check_run().status, BERTH_OK);
}

static void test_a_pool_is_fenced(void **state)
{
    (void)state;
    SCENE_LAY(&scene_pool);
    scene_start();
    void *block = berth_malloc(berth, 8, BERTH_CAP_PLACE(0));
    check = (berth_check_t){.region = first, .accounts = sums};
    assert_int_equal(check_run().status, BERTH_OK);
    word_of(first->base)[8] ^= 1u;
    assert_int_equal(check_run().status, BERTH_ERR_CORRUPT);
    assert_int_equal(damage_told().status, BERTH_ERR_UNKNOWN);
    assert_int_equal(berth_try_free(berth, block), BERTH_ERR_CORRUPT);
    word_of(first->base)[8] ^= 1u;
}

static void test_a_quiet_round_sets_the_accounts_right(void **state)
{
    (void)state;
    check_start();
    const uint32_t lvgl = berth_account(berth, first, LVGL).live;
    word_of(blocks[7])[-1] ^= LVGL ^ WIFI; /* an even number of bits: the header is a right one */
    assert_int_equal(check_run().status, BERTH_OK);
    const berth_event_t event = damage_told();
    assert_int_equal(event.status, BERTH_OK);
    assert_int_equal(event.owner, LVGL);
    assert_int_equal(berth_account(berth, first, LVGL).live, lvgl - event.taken);
}

static void test_an_owner_that_there_is_not_is_refunded_nothing(void **state)
{
    (void)state;
    check_start();
    const uint32_t lvgl = berth_account(berth, first, LVGL).live;
    const uint32_t used = scene_used(first);
    word_of(blocks[7])[-1] ^= 0x60u; /* an even number of bits */
    word_of(blocks[9])[-1] ^= 0x60u;
    berth_free(berth, blocks[7]);
    assert_int_equal(berth_try_free(berth, blocks[9]), BERTH_OK);
    assert_int_equal(berth_account(berth, first, LVGL).live, lvgl);
    assert_true(scene_used(first) < used);
    blocks[7] = blocks[9] = NULL;
    assert_int_equal(check_run().status, BERTH_OK);
    assert_int_equal(damage_told().owner, LVGL);
    assert_int_equal(berth_account(berth, first, LVGL).live, lvgl - (used - scene_used(first)));
}

static void test_a_busy_region_is_checked_later(void **state)
{
    (void)state;
    check_start();
    scene.busy = &first->lock;
    assert_int_equal(berth_check(berth, &check).status, BERTH_ERR_BUSY);
    scene.busy = NULL;
    assert_int_equal(check_run().status, BERTH_OK);
}

static void test_a_check_survives_what_happens_beside_it(void **state)
{
    (void)state;
    check_start();
    berth_checked_t checked = {.is_done = false};
    for (uint32_t i = 0; !checked.is_done; i++) {
        assert_true(i < SLICES_MOST);
        checked = berth_check(berth, &check);
        assert_int_equal(checked.status, BERTH_OK);
        uint8_t **block = &blocks[i % BLOCKS];
        if (*block != NULL) {
            berth_free(berth, *block);
            *block = NULL;
        }
    }
    assert_int_equal(scene_count(BERTH_EVENT_DAMAGE), 0);
}

/* A need holds two blocks; damage withdraws one before anybody has claimed it. */
static void test_a_withdrawn_piece_is_not_handed_out(void **state)
{
    static const berth_item_t items[] = {{.request = {.size = 300}, .count = 2}};
    static berth_piece_t pieces[2];
    berth_need_t need = {
        .items = items, .pieces = pieces, .item_count = 1, .piece_count = 2, .owner = WIFI};
    (void)state;
    check_start();
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    uint8_t *damaged = (uint8_t *)first->base + pieces[0].offset;
    word_of(damaged)[-1] ^= 0x2u;
    assert_int_equal(check_run().status, BERTH_OK);
    uint8_t *block = berth_claim(berth, &need, 0);
    assert_ptr_equal(block, (uint8_t *)first->base + pieces[1].offset);
    assert_null(berth_claim(berth, &need, 0));
    berth_free(berth, block);
    assert_int_equal(berth_release(berth, &need), BERTH_OK);
    assert_blocks_painted();
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_region_passes_and_stays_as_it_is),
        cmocka_unit_test(test_a_slice_verifies_no_more_than_it_says),
        cmocka_unit_test(test_a_damaged_header_withdraws_its_block_alone),
        cmocka_unit_test(test_a_withdrawn_block_cannot_be_freed_and_is_told),
        cmocka_unit_test(test_a_withdrawn_block_is_found_once),
        cmocka_unit_test(test_the_rest_of_the_region_goes_on),
        cmocka_unit_test(test_a_fenced_region_refuses_and_requests_go_on),
        cmocka_unit_test(test_damaged_links_withdraw_nothing),
        cmocka_unit_test(test_each_word_of_the_control_block_is_mended),
        cmocka_unit_test(test_without_a_mender_damage_fences_for_good),
        cmocka_unit_test(test_the_debug_form_is_mended),
        cmocka_unit_test(test_a_pool_is_fenced),
        cmocka_unit_test(test_a_quiet_round_sets_the_accounts_right),
        cmocka_unit_test(test_an_owner_that_there_is_not_is_refunded_nothing),
        cmocka_unit_test(test_a_busy_region_is_checked_later),
        cmocka_unit_test(test_a_check_survives_what_happens_beside_it),
        cmocka_unit_test(test_a_withdrawn_piece_is_not_handed_out),
    };
    return SCENE_RUN(tests);
}
