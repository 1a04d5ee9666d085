/* test_blocker.c: who stands in a need's way?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "need_core.h"

#include <string.h>

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

/* Blocks of 4000 bytes all over `sram`, every second one WIFI's. Returns how many. */
static uint32_t pattern(void *blocks[8])
{
    uint32_t count = 0;
    while (count < 8 && need_most() >= 4000) {
        blocks[count] = need_take(count % 2 == 0 ? LVGL : WIFI, 4000);
        count++;
    }
    (void)need_take(LVGL, need_most());
    return count;
}

static void test_the_fewest_blockers_are_named(void **state)
{
    (void)state;
    void *blocks[8];
    berth_blocker_t out[4];
    need_start();
    const uint32_t count = pattern(blocks);
    assert_true(count > 5);
    berth_free(berth, blocks[1]);
    berth_free(berth, blocks[3]);
    need_add(8000, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    assert_int_equal(out[0].region, 0);
    assert_int_equal(out[0].item, 0);
    berth_free(berth, (uint8_t *)first->base + out[0].offset);
    assert_int_equal(need_fits(), BERTH_OK);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
}

static void test_a_blocker_is_told_with_owner_and_bytes(void **state)
{
    (void)state;
    void *blocks[8];
    berth_blocker_t out[4];
    need_start();
    (void)pattern(blocks);
    berth_free(berth, blocks[0]);
    berth_free(berth, blocks[2]);
    need_add(12000, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    const berth_about_t about = berth_about(berth, blocks[1]);
    assert_int_equal(out[0].offset, about.offset);
    assert_int_equal(out[0].taken, about.taken);
    assert_int_equal(out[0].owner, WIFI);
}

static void test_more_blockers_than_room_are_counted(void **state)
{
    (void)state;
    void *blocks[8];
    berth_blocker_t out[4];
    need_start();
    (void)pattern(blocks);
    need_add(16000, 0);
    memset(out, 0x5A, sizeof out);
    assert_int_equal(berth_blockers(berth, &need, out, 2), 4);
    assert_int_equal(out[0].item, 0);
    assert_int_equal(out[1].item, 0);
    assert_int_equal(out[2].item, 0x5A); /* not written */
    assert_int_equal(berth_blockers(berth, &need, NULL, 0), 4);
}

static void test_nobody_is_named_where_no_freeing_helps(void **state)
{
    (void)state;
    berth_blocker_t out[4];
    need_start();
    (void)need_take(LVGL, 4000);
    need_add(40000, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0); /* too large for the region */
    items[0].request.size = 1000;
    first->budgets = scene.budgets[0];
    scene.budgets[0][TLS].hard = 100;
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
}

/* Of a need that never fits, no block is named: not even one that is in the way of the rest. */
static void test_a_hopeless_item_names_nobody(void **state)
{
    (void)state;
    berth_blocker_t out[4];
    need_start();
    (void)need_take(LVGL, need_most());
    need_add(1000, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    need_add(40000, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
}

/* By the time of the second item the first is gone, and in nobody's way. */
static void test_what_ends_before_is_in_nobody_s_way(void **state)
{
    (void)state;
    berth_blocker_t out[4];
    need_start();
    const uint32_t all = need_most();
    uint8_t *hole = need_take(LVGL, 600);
    uint8_t *block = need_take(WIFI, 500);
    berth_free(berth, hole);
    need_add(590, 0); /* it is put into the hole */
    need_add(all, 0);
    need_end(0, 2);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    assert_ptr_equal((uint8_t *)first->base + out[0].offset, block);
    assert_int_equal(out[0].item, 1);
    need_end(0, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
}

/* Of regions where as many must go, the one that is asked first counts. */
static void test_of_equals_the_first_region_is_named(void **state)
{
    (void)state;
    berth_blocker_t out[4];
    need_start();
    scene_fill(first, LVGL);
    scene_fill(&scene.regions[1], LVGL);
    need_add(1000, 0);
    items[0].request.needed = 0;
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    assert_int_equal(out[0].region, 0);
    items[0].request.preferred = BERTH_CAP_EXTERNAL;
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    assert_int_equal(out[0].region, 1);
}

/* What cannot be asked names nobody. */
static void test_nobody_is_named_where_there_is_no_answer(void **state)
{
    (void)state;
    berth_blocker_t out[4];
    need_start();
    (void)need_take(LVGL, need_most());
    need_add(1000, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    need.is_asked = true;
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
    need.is_asked = false;
    need.item_count = 0;
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
    need.item_count = 1;
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
    berth_guard_leave(berth, before);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    assert_false(need.is_asked);
}

/* Whichever lock is refused: nothing changes, and nobody is named who could not be freed. */
static void test_naming_survives_any_refused_lock(void **state)
{
    (void)state;
    berth_blocker_t out[4];
    need_start();
    uint8_t *block = need_take(LVGL, need_most());
    need_add(1000, 0);
    bool is_refused = true;
    for (uint32_t lock = 1; is_refused; lock++) {
        assert_true(lock < 1000);
        scene.refuse_after = lock;
        const uint32_t count = berth_blockers(berth, &need, out, 4);
        is_refused = scene.refuse_after == 0;
        scene.refuse_after = 0;
        assert_in_range(count, is_refused ? 0 : 1, 1);
        assert_true(count == 0 || (uint8_t *)first->base + out[0].offset == block);
        assert_false(need.is_asked);
        scene_audit();
    }
}

static void test_a_reservations_blocks_are_never_named(void **state)
{
    (void)state;
    static berth_item_t held_item = {.request = {.size = 4000, .needed = BERTH_CAP_INTERNAL},
                                     .count = 2};
    static berth_piece_t held_pieces[2];
    berth_need_t held = {.items = &held_item,
                         .pieces = held_pieces,
                         .item_count = 1,
                         .piece_count = 2,
                         .owner = WIFI};
    berth_blocker_t out[4];
    need_start();
    assert_int_equal(berth_reserve(berth, &held).status, BERTH_OK);
    assert_non_null(berth_claim(berth, &held, 0));
    void *block = need_take(LVGL, need_most() - 4);
    need_add(need_most() + 100, 0);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 1);
    assert_ptr_equal((uint8_t *)first->base + out[0].offset, block);
    berth_free(berth, block);
    items[0].request.size = 26000;
    assert_int_equal(need_fits(), BERTH_ERR_NOMEM);
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
    assert_int_equal(berth_release(berth, &held), BERTH_OK);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fewest_blockers_are_named),
        cmocka_unit_test(test_a_blocker_is_told_with_owner_and_bytes),
        cmocka_unit_test(test_more_blockers_than_room_are_counted),
        cmocka_unit_test(test_nobody_is_named_where_no_freeing_helps),
        cmocka_unit_test(test_what_ends_before_is_in_nobody_s_way),
        cmocka_unit_test(test_of_equals_the_first_region_is_named),
        cmocka_unit_test(test_a_hopeless_item_names_nobody),
        cmocka_unit_test(test_nobody_is_named_where_there_is_no_answer),
        cmocka_unit_test(test_naming_survives_any_refused_lock),
        cmocka_unit_test(test_a_reservations_blocks_are_never_named),
    };
    return SCENE_RUN(tests);
}
