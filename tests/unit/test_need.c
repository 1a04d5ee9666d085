/* test_need.c: does a need fit, and if not, why not?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "need_core.h"

#include <string.h>

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

static void test_it_fits_as_long_as_all_blocks_would_be_granted(void **state)
{
    (void)state;
    need_start();
    const uint32_t room = need_most();
    need_add(room / 2 - 4, 2);
    assert_int_equal(need_fits(), BERTH_OK);
    assert_true(berth_fits(berth, &need).is_certain);
    items[0].request.size += 8;
    const berth_answer_t answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_int_equal(answer.item, 0);
    assert_int_equal(answer.block, 1);
    assert_int_equal(answer.region, 0);
}

static void test_a_no_tells_item_and_block(void **state)
{
    (void)state;
    need_start();
    need_add(1000, 3);
    need_add(0, 0);
    items[1].request.size = 5000;
    need_add(40000, 2);
    const berth_answer_t answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_int_equal(answer.item, 2);
    assert_int_equal(answer.block, 0);
}

static void test_count_0_is_one_block(void **state)
{
    (void)state;
    need_start();
    need_add(need_most(), 0);
    assert_int_equal(need_fits(), BERTH_OK);
    need_add(8, 0);
    assert_int_equal(need_fits(), BERTH_ERR_NOMEM);
}

static void test_missing_is_what_a_smaller_one_would_do_with(void **state)
{
    (void)state;
    need_start();
    void *hole = need_take(LVGL, 6000);
    (void)need_take(LVGL, 100);
    berth_free(berth, hole);
    (void)need_take(LVGL, need_most() - 3000);
    const uint32_t room = need_most(); /* of two pieces: the larger is the hole */
    assert_in_range(room, 5900, 6100);
    need_add(room + 500, 0);
    const berth_answer_t answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_false(answer.lacks_room);
    assert_int_equal(answer.missing, 500);
    assert_int_equal(answer.region, 0);
    items[0].request.size -= answer.missing;
    assert_int_equal(need_fits(), BERTH_OK);
}

static void test_where_even_all_is_too_little_room_is_missing(void **state)
{
    (void)state;
    need_start();
    (void)need_take(LVGL, 20000);
    need_add(need_most() + 500, 0);
    berth_answer_t answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_true(answer.lacks_room);
    assert_in_range(answer.missing, 500, 512);
    items[0].request.size -= 500;
    answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_OK);
}

static void test_the_margin_is_one_more_like_the_last(void **state)
{
    (void)state;
    need_start();
    need_add(1000, 2);
    need_add(3000, 0);
    const uint32_t margin = berth_fits(berth, &need).margin;
    assert_true(margin > 10000);
    need_add(margin, 0);
    assert_int_equal(need_fits(), BERTH_OK);
    items[2].request.size++;
    assert_int_equal(need_fits(), BERTH_ERR_NOMEM);
}

static void test_an_item_that_ends_makes_room(void **state)
{
    (void)state;
    need_start();
    const uint32_t room = need_most();
    need_add(room - 1000, 0);
    need_add(500, 0);
    need_add(room - 700, 0);
    assert_int_equal(berth_fits(berth, &need).item, 2);
    need_end(0, 2);
    assert_int_equal(need_fits(), BERTH_OK);
    need_end(0, 3); /* too late: the middle one lies behind it by then */
    assert_int_equal(berth_fits(berth, &need).item, 2);
    items[2].request.size = room - 1000;
    assert_int_equal(need_fits(), BERTH_OK);
}

/* Who ends takes a piece more: to be freed on trial. */
static void test_an_end_takes_room_too(void **state)
{
    (void)state;
    need_start();
    need_add(100, 2);
    need_add(100, 0);
    need_end(0, 2);
    assert_int_equal(need.piece_count, 5);
    assert_int_equal(need_fits(), BERTH_OK);
    need.piece_count = 4;
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
    need.piece_count = 6;
    assert_int_equal(need_fits(), BERTH_OK);
    need_end(0, 3); /* there is no third item */
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
}

static void test_other_regions_and_hops_are_asked_as_alloc_does(void **state)
{
    (void)state;
    need_start();
    need_add(30000, 2);
    assert_int_equal(need_fits(), BERTH_ERR_NOMEM);
    items[0].request.needed = 0;
    assert_int_equal(need_fits(), BERTH_OK);
    items[0].request.needed = BERTH_CAP_INTERNAL;
    static const berth_request_t otherwise = {.needed = BERTH_CAP_EXTERNAL};
    items[0].request.otherwise = &otherwise;
    assert_int_equal(need_fits(), BERTH_OK);
    items[0].request.needed = BERTH_CAP_NPU;
    items[0].request.otherwise = NULL;
    const berth_answer_t answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOCAP);
    assert_int_equal(answer.region, BERTH_NO_REGION);
    assert_false(answer.lacks_room);
}

/* Smaller ones would not do, and it is the need's owner who asks. */
static void test_owner_smallest_and_zeroed_do_not_count(void **state)
{
    (void)state;
    need_start();
    first->budgets = scene.budgets[0];
    scene.budgets[0][LVGL].hard = 100;
    need_add(1000, 0);
    items[0].request.owner = LVGL;
    items[0].request.is_zeroed = true;
    assert_int_equal(need_fits(), BERTH_OK);
    items[0].request.size = 50000;
    items[0].request.smallest = 10;
    assert_int_equal(need_fits(), BERTH_ERR_NOMEM);
}

static void test_budgets_floors_and_left_count(void **state)
{
    (void)state;
    static const berth_owner_t wifi[] = {WIFI, 0};
    static const berth_floor_t floors[] = {{.bytes = 20000, .owners = wifi}, {.bytes = 0}};
    need_start();
    first->budgets = scene.budgets[0];
    need_add(5000, 3);
    assert_int_equal(need_fits(), BERTH_OK);
    scene.budgets[0][TLS].hard = 15000;
    berth_answer_t answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_BUDGET);
    assert_int_equal(answer.block, 2);
    need.owner = WIFI;
    assert_int_equal(need_fits(), BERTH_OK);
    items[0].request.left = 24000;
    assert_int_equal(need_fits(), BERTH_ERR_LEFT);
    SCENE_LAY(&scene_sram, &scene_psram);
    first->floors = floors;
    scene_start();
    items[0].request.left = 0;
    assert_int_equal(need_fits(), BERTH_OK);
    need.owner = TLS;
    answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_FLOOR);
    assert_int_equal(answer.block, 2);
}

/* Without an owner of its own, a need is the asking context's. */
static void test_without_an_owner_it_is_the_scopes(void **state)
{
    (void)state;
    need_start();
    first->budgets = scene.budgets[0];
    scene.budgets[0][LVGL].hard = 100;
    need_add(1000, 0);
    need.owner = BERTH_NO_OWNER;
    assert_int_equal(need_fits(), BERTH_OK);
    const berth_owner_t before = berth_owner_push(berth, LVGL);
    assert_int_equal(need_fits(), BERTH_ERR_BUDGET);
    need.owner = TLS;
    assert_int_equal(need_fits(), BERTH_OK);
    berth_owner_pop(berth, before);
}

static void test_what_makes_no_sense_is_invalid(void **state)
{
    (void)state;
    need_start();
    assert_int_equal(need_fits(), BERTH_ERR_INVALID); /* no item */
    need_add(100, 0);
    assert_int_equal(need_fits(), BERTH_OK);
    need.item_count = BERTH_ITEMS + 1;
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
    need.item_count = 1;
    items[0].count = 3; /* more blocks than pieces */
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
    items[0].count = BERTH_PIECES + 1;
    need.piece_count = BERTH_PIECES + 1;
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
    items[0].count = 1;
    need.piece_count = 1;
    items[0].request.size = 0;
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
    items[0].request.size = 100;
    items[0].request.align = 3;
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
    items[0].request.align = 0;
    need.owner = 99;
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
    need.owner = TLS;
    assert_int_equal(berth_owner_retire(berth, TLS), BERTH_OK);
    assert_int_equal(need_fits(), BERTH_ERR_INVALID);
}

static void test_the_most_items_and_pieces_are_served(void **state)
{
    (void)state;
    need_start();
    for (uint32_t i = 0; i < BERTH_ITEMS; i++) {
        need_add(10, BERTH_PIECES / BERTH_ITEMS);
    }
    assert_int_equal(need.piece_count, BERTH_PIECES);
    assert_int_equal(need_fits(), BERTH_OK);
}

static void test_where_nothing_may_be_allocated_nothing_fits(void **state)
{
    (void)state;
    need_start();
    need_add(100, 0);
    (void)scene_last();
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_int_equal(need_fits(), BERTH_ERR_GUARD);
    berth_guard_leave(berth, before);
    assert_int_equal(scene_last().kind, 0xFF); /* asking is no violation */
    assert_int_equal(need_fits(), BERTH_OK);
}

static void test_a_context_asks_for_itself(void **state)
{
    (void)state;
    need_start();
    need_add(100, 0);
    items[0].request.needed = BERTH_CAP_EXTERNAL;
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    assert_int_equal(need_fits(), BERTH_ERR_GUARD);
    items[0].request.needed = BERTH_CAP_INTERNAL;
    assert_int_equal(need_fits(), BERTH_OK);
    berth_guard_leave(berth, before);
}

static void test_a_lock_that_is_refused_is_told(void **state)
{
    (void)state;
    need_start();
    need_add(100, 2);
    scene.busy = &first->lock;
    assert_int_equal(need_fits(), BERTH_ERR_BUSY);
    scene.busy = NULL;
    assert_int_equal(need_fits(), BERTH_OK);
    assert_false(need.is_asked);
}

static void test_one_question_at_a_time(void **state)
{
    (void)state;
    need_start();
    need_add(100, 2);
    need.is_asked = true;
    assert_int_equal(need_fits(), BERTH_ERR_BUSY);
    need.is_asked = false;
    assert_int_equal(need_fits(), BERTH_OK);
}

/* Whichever lock is refused: all is as it was, and there is an answer. */
static void test_asking_survives_any_refused_lock(void **state)
{
    (void)state;
    static uint8_t before[SCENE_SRAM_SIZE];
    need_start();
    (void)need_take(LVGL, 5000);
    need_add(4000, 3);
    need_add(100, 2);
    memcpy(before, first->base, sizeof before);
    const uint32_t margin = berth_fits(berth, &need).margin;
    uint32_t refusals = 0;
    bool is_refused = true;
    for (uint32_t lock = 1; is_refused; lock++) {
        assert_true(lock < 1000);
        scene.refuse_after = lock;
        const berth_answer_t answer = berth_fits(berth, &need);
        is_refused = scene.refuse_after == 0;
        scene.refuse_after = 0;
        assert_true(answer.status == BERTH_OK || (is_refused && answer.status == BERTH_ERR_BUSY));
        assert_true(answer.margin <= margin);
        refusals += answer.status == BERTH_ERR_BUSY;
        assert_memory_equal(before, first->base, sizeof before);
        assert_false(need.is_asked);
        scene_audit();
    }
    assert_true(refusals != 0);
}

/* A question is no refusal: nothing is counted, and nobody told. */
static void test_a_no_leaves_no_trace(void **state)
{
    (void)state;
    need_start();
    need_add(50000, 0);
    (void)scene_last();
    const uint32_t sequence = berth->sequence;
    assert_int_equal(need_fits(), BERTH_ERR_NOMEM);
    assert_int_equal(berth->sequence, sequence);
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(first->refused, 0);
    assert_int_equal(scene.logged, 0);
    assert_int_equal(scene_last().kind, 0xFF);
}

/* A pool's free blocks are all alike: it knows of several. Which of them suit an alignment, it does
 * not. */
static void test_a_pool_tells_of_several(void **state)
{
    (void)state;
    need_start();
    SCENE_LAY(&scene_pool);
    scene_start();
    const uint32_t blocks = first->capacity / first->engine->cost(first, 1, 0, TLS);
    need_add(SCENE_POOL_BLOCK, 20);
    items[0].request.needed = BERTH_CAP_PLACE(0);
    berth_answer_t answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_OK);
    assert_true(answer.is_certain);
    assert_int_equal(answer.margin, SCENE_POOL_BLOCK);
    for (uint32_t i = 0; i < blocks - 20; i++) {
        assert_non_null(berth_malloc(berth, 1, BERTH_CAP_PLACE(0)));
    }
    answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_OK);
    assert_int_equal(answer.margin, 0); /* none is left for one more */
    assert_non_null(berth_malloc(berth, 1, BERTH_CAP_PLACE(0)));
    answer = berth_fits(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_int_equal(answer.block, 19);
    items[0].request.align = 8;
    assert_false(berth_fits(berth, &need).is_certain);
}

static void test_a_foreign_heap_cannot_tell_of_several(void **state)
{
    (void)state;
    need_start();
    SCENE_LAY(&scene_foreign);
    scene_start();
    void *block = berth_malloc(berth, 100, BERTH_CAP_PLACE(2));
    assert_non_null(block);
    berth_free(berth, block);
    need_add(100, 2);
    items[0].request.needed = BERTH_CAP_PLACE(2);
    assert_false(berth_fits(berth, &need).is_certain);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_fits_as_long_as_all_blocks_would_be_granted),
        cmocka_unit_test(test_a_no_tells_item_and_block),
        cmocka_unit_test(test_count_0_is_one_block),
        cmocka_unit_test(test_missing_is_what_a_smaller_one_would_do_with),
        cmocka_unit_test(test_where_even_all_is_too_little_room_is_missing),
        cmocka_unit_test(test_the_margin_is_one_more_like_the_last),
        cmocka_unit_test(test_an_item_that_ends_makes_room),
        cmocka_unit_test(test_an_end_takes_room_too),
        cmocka_unit_test(test_other_regions_and_hops_are_asked_as_alloc_does),
        cmocka_unit_test(test_owner_smallest_and_zeroed_do_not_count),
        cmocka_unit_test(test_budgets_floors_and_left_count),
        cmocka_unit_test(test_without_an_owner_it_is_the_scopes),
        cmocka_unit_test(test_what_makes_no_sense_is_invalid),
        cmocka_unit_test(test_the_most_items_and_pieces_are_served),
        cmocka_unit_test(test_where_nothing_may_be_allocated_nothing_fits),
        cmocka_unit_test(test_a_context_asks_for_itself),
        cmocka_unit_test(test_a_lock_that_is_refused_is_told),
        cmocka_unit_test(test_one_question_at_a_time),
        cmocka_unit_test(test_asking_survives_any_refused_lock),
        cmocka_unit_test(test_a_no_leaves_no_trace),
        cmocka_unit_test(test_a_pool_tells_of_several),
        cmocka_unit_test(test_a_foreign_heap_cannot_tell_of_several),
    };
    return SCENE_RUN(tests);
}
