/* test_floor.c: is what is kept for some kept from the others?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#define FLOOR 8192u

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];
static const berth_owner_t tls_alone[] = {TLS, 0};

/* `sram` with these floors, and `psram` behind it. */
static void start_with(const berth_floor_t *floors)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    first->floors = floors;
    scene_start();
}

/* What an owner would be granted in `sram` with these caps besides. */
static uint32_t most_for(berth_owner_t owner, berth_caps_t caps)
{
    const berth_request_t request = {
        .size = 1, .needed = BERTH_CAP_INTERNAL | caps, .owner = owner};
    return berth_allocatable(berth, &request);
}

static void *take(berth_owner_t owner, size_t size, berth_caps_t caps)
{
    const berth_request_t request = {
        .size = size, .needed = BERTH_CAP_INTERNAL | caps, .owner = owner};
    return berth_alloc(berth, &request);
}

/* What is granted at most is granted, a byte more is refused; and so allocatable told the truth. */
static void assert_most(berth_owner_t owner, berth_caps_t caps, uint32_t most)
{
    assert_int_equal(most_for(owner, caps), most);
    assert_null(take(owner, most + 1, caps));
    void *block = take(owner, most, caps);
    assert_non_null(block);
    berth_free(berth, block);
}

/* --- who is a user --------------------------------------------------------------------------- */

static void test_others_leave_a_floor_alone(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(TLS, 0);
    assert_most(LVGL, 0, most - FLOOR);
    assert_most(BERTH_OTHERS, 0, most - FLOOR);
    void *block = take(LVGL, most - FLOOR, 0);
    assert_non_null(block);
    assert_int_equal(scene_room(first), FLOOR);
    assert_null(take(LVGL, 1, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_FLOOR);
    assert_int_equal(most_for(LVGL, 0), 0);
    assert_non_null(take(TLS, FLOOR - 4, 0));
    assert_int_equal(scene_room(first), 0);
}

static void test_users_by_caps_need_all_of_them(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .caps = BERTH_CAP_DMA | BERTH_CAP_FAST},
                                           {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(LVGL, BERTH_CAP_DMA | BERTH_CAP_FAST);
    assert_most(LVGL, 0, most - FLOOR);
    assert_most(LVGL, BERTH_CAP_DMA, most - FLOOR);
    assert_most(LVGL, BERTH_CAP_FAST, most - FLOOR);
    assert_most(TLS, BERTH_CAP_DMA | BERTH_CAP_FAST, most);
}

/* What is preferred is not needed. */
static void test_preferring_makes_no_user(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .caps = BERTH_CAP_DMA}, {.bytes = 0}};
    start_with(floors);
    const berth_request_t request = {
        .size = 1, .needed = BERTH_CAP_INTERNAL, .preferred = BERTH_CAP_DMA, .owner = LVGL};
    assert_int_equal(berth_allocatable(berth, &request), most_for(LVGL, BERTH_CAP_DMA) - FLOOR);
}

static void test_the_scope_is_the_user(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(TLS, 0);
    assert_int_equal(most_for(BERTH_NO_OWNER, 0), most - FLOOR);
    const berth_owner_t before = berth_owner_push(berth, TLS);
    assert_most(BERTH_NO_OWNER, 0, most);
    berth_owner_pop(berth, before);
}

static void test_others_can_be_named(void **state)
{
    (void)state;
    static const berth_owner_t others[] = {WIFI, BERTH_OTHERS, 0};
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = others}, {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(WIFI, 0);
    assert_most(BERTH_NO_OWNER, 0, most);
    assert_most(LVGL, 0, most - FLOOR);
}

/* In a region that has an owner, that one pays, and is the user or not. */
static void test_who_pays_is_the_user(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    SCENE_LAY(&scene_sram);
    first->floors = floors;
    first->owner = TLS;
    scene_start();
    assert_int_equal(most_for(LVGL, 0), first->engine->allocatable(first, 0, TLS));
    SCENE_LAY(&scene_sram);
    first->floors = floors;
    first->owner = WIFI;
    scene_start();
    assert_int_equal(most_for(TLS, 0), first->engine->allocatable(first, 0, TLS) - FLOOR);
}

/* A later hop needs what the one before it was able to do. */
static void test_a_later_hop_is_a_user_by_what_it_inherits(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .caps = BERTH_CAP_DMA}, {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(LVGL, BERTH_CAP_DMA);
    const berth_request_t otherwise = {.needed = BERTH_CAP_INTERNAL};
    const berth_request_t able = {.size = most,
                                  .needed = BERTH_CAP_DMA | BERTH_CAP_PLACE(5),
                                  .otherwise = &otherwise,
                                  .owner = LVGL};
    berth_request_t unable = able;
    unable.needed = BERTH_CAP_PLACE(5);
    assert_null(berth_alloc(berth, &unable));
    assert_non_null(berth_alloc(berth, &able));
}

static void test_floors_add_up_for_who_uses_none(void **state)
{
    (void)state;
    static const berth_owner_t both[] = {TLS, WIFI, 0};
    static const berth_floor_t floors[] = {{.bytes = 4096, .owners = both},
                                           {.bytes = 2048, .owners = tls_alone},
                                           {.bytes = 1024, .caps = BERTH_CAP_DMA},
                                           {.bytes = 0},
                                           {.bytes = 512, .owners = both}};
    start_with(floors);
    const uint32_t most = most_for(TLS, BERTH_CAP_DMA);
    assert_int_equal(most, first->engine->allocatable(first, 0, TLS));
    assert_most(TLS, 0, most - 1024);
    assert_most(WIFI, 0, most - 2048 - 1024);
    assert_most(WIFI, BERTH_CAP_DMA, most - 2048);
    assert_most(LVGL, 0, most - 4096 - 2048 - 1024);
}

/* Nobody is a user: bytes that are only there to be left. */
static void test_a_floor_without_users_is_everybodys_limit(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR}, {.bytes = 0}};
    start_with(floors);
    assert_most(TLS, BERTH_CAP_DMA, first->engine->allocatable(first, 0, TLS) - FLOOR);
}

static void test_an_empty_list_keeps_nothing(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = 0, .owners = tls_alone}};
    start_with(floors);
    assert_most(LVGL, 0, first->engine->allocatable(first, 0, LVGL));
}

/* --- what it does to calls ------------------------------------------------------------------- */

static void test_a_refusal_names_the_floor(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    start_with(floors);
    const uint32_t refused = first->refused;
    (void)scene_last();
    assert_null(take(LVGL, SCENE_SRAM_SIZE - FLOOR, 0));
    assert_int_equal(first->refused, refused + 1);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_ALLOC);
    assert_int_equal(event.status, BERTH_ERR_FLOOR);
    assert_int_equal(event.region, BERTH_NO_REGION);
    assert_int_equal(event.owner, LVGL);
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(failure.status, BERTH_ERR_FLOOR);
    assert_int_equal(failure.reasons[0].status, BERTH_ERR_FLOOR);
    assert_string_not_equal(berth_status_name(BERTH_ERR_FLOOR), berth_status_name(-99));
}

static void test_who_is_refused_goes_on_along_the_route(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = SCENE_SRAM_SIZE, .owners = tls_alone},
                                           {.bytes = 0}};
    start_with(floors);
    const berth_request_t request = {.size = 100, .owner = LVGL};
    assert_true(scene_is_in(second, berth_alloc(berth, &request)));
    assert_int_equal(scene_last().kind, BERTH_EVENT_FALLBACK);
    assert_true(scene_is_in(second, berth_malloc(berth, 100, 0)));
    assert_true(scene_is_in(second, berth_calloc(berth, 1, 100, 0)));
    const berth_request_t users = {.size = 100, .owner = TLS};
    assert_true(scene_is_in(first, berth_alloc(berth, &users)));
}

/* Whatever short ways there are: none goes through a floor. */
static void test_small_blocks_stop_at_the_floor(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    SCENE_LAY(&scene_sram);
    first->floors = floors;
    scene_start();
    uint32_t blocks = 0;
    while (berth_malloc(berth, 60, 0) != NULL) {
        blocks++;
        assert_true(scene_room(first) >= FLOOR);
    }
    assert_true(scene_room(first) < FLOOR + 64);
    assert_true(blocks > 300);
}

/* Rules BUDGET and LEFT come first. */
static void test_budget_and_left_are_told_first(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = SCENE_SRAM_SIZE, .owners = tls_alone},
                                           {.bytes = 0}};
    start_with(floors);
    const berth_request_t left = {
        .size = 64, .needed = BERTH_CAP_INTERNAL, .owner = LVGL, .left = SCENE_SRAM_SIZE};
    assert_null(berth_alloc(berth, &left));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_LEFT);
    first->budgets = scene.budgets[0];
    scene.budgets[0][LVGL].hard = 32;
    assert_null(berth_alloc(berth, &left));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_BUDGET);
    scene.budgets[0][LVGL].hard = 0;
    assert_null(take(LVGL, 64, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_FLOOR);
}

static void test_smallest_takes_what_the_floor_leaves(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(LVGL, 0);
    const berth_request_t request = {
        .size = SCENE_SRAM_SIZE, .smallest = 1000, .needed = BERTH_CAP_INTERNAL, .owner = LVGL};
    void *block = berth_alloc(berth, &request);
    assert_int_equal(berth_size(berth, block), most);
    assert_int_equal(scene_room(first), FLOOR);
}

/* --- blocks that there are ------------------------------------------------------------------- */

static void test_growing_stops_at_the_floor(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(LVGL, 0);
    void *block = take(LVGL, 100, 0);
    assert_null(berth_realloc(berth, block, most + 1));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_FLOOR);
    assert_ptr_equal(berth_realloc(berth, block, most), block);
    assert_int_equal(scene_room(first), FLOOR);
}

static void test_growing_by_a_move_stops_at_the_floor(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    start_with(floors);
    void *block = take(LVGL, 10000, 0);
    assert_non_null(take(LVGL, 100, 0));
    assert_true(scene_room(first) > 11000 + FLOOR);
    uint8_t *moved = berth_realloc(berth, block, 11000);
    assert_true(scene_is_in(first, moved));
    assert_null(berth_realloc(berth, moved, 25000)); /* neither there nor elsewhere */
    assert_int_equal(berth_size(berth, moved), 11000);
}

/* Whoever uses the floor up: what others have already, they keep, and may give back. */
static void test_shrinking_and_staying_are_nobodys_business(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    start_with(floors);
    void *block = take(LVGL, 1000, 0);
    scene_fill(first, TLS);
    assert_int_equal(scene_room(first), 0);
    assert_ptr_equal(berth_realloc(berth, block, 1000), block);
    assert_ptr_equal(berth_realloc(berth, block, 500), block);
    assert_null(berth_realloc(berth, block, 600));
    berth_free(berth, block);
}

/* A resize is a user by what it asks, not by what the block was allocated for. */
static void test_a_resize_is_judged_by_its_own_caps(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .caps = BERTH_CAP_DMA}, {.bytes = 0}};
    start_with(floors);
    const uint32_t most = most_for(LVGL, BERTH_CAP_DMA);
    void *block = take(LVGL, 1000, BERTH_CAP_DMA);
    assert_null(berth_realloc(berth, block, most));
    const berth_request_t request = {.size = most, .needed = BERTH_CAP_INTERNAL | BERTH_CAP_DMA};
    assert_ptr_equal(berth_resize(berth, block, &request), block);
}

static void test_giving_takes_nothing_from_a_floor(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = SCENE_SRAM_SIZE, .owners = tls_alone},
                                           {.bytes = 0}};
    start_with(floors);
    void *block = take(TLS, 1000, 0);
    assert_int_equal(berth_give(berth, block, LVGL), BERTH_OK);
    assert_int_equal(berth_account(berth, first, LVGL).count, 1);
}

/* Where accounts are not kept, floors are. */
static void test_floors_hold_without_accounts(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = FLOOR, .owners = tls_alone}, {.bytes = 0}};
    SCENE_LAY(&scene_sram);
    first->floors = floors;
    first->budgets = NULL;
    scene.config.accounts = NULL;
    scene_start();
    assert_most(LVGL, 0, most_for(TLS, 0) - FLOOR);
}

static void test_a_pool_has_floors_too(void **state)
{
    (void)state;
    static const berth_floor_t floors[] = {{.bytes = 10 * SCENE_POOL_BLOCK, .owners = tls_alone},
                                           {.bytes = 0}};
    SCENE_LAY(&scene_pool);
    first->floors = floors;
    scene_start();
    const uint32_t each = first->engine->cost(first, 10, 0, LVGL);
    for (uint32_t i = 0; i < (first->capacity - floors[0].bytes) / each; i++) {
        assert_non_null(berth_malloc(berth, 10, BERTH_CAP_PLACE(0)));
    }
    assert_null(berth_malloc(berth, 10, BERTH_CAP_PLACE(0)));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_FLOOR);
    const berth_request_t users = {.size = 10, .needed = BERTH_CAP_PLACE(0), .owner = TLS};
    assert_non_null(berth_alloc(berth, &users));
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_leave_a_floor_alone),
        cmocka_unit_test(test_users_by_caps_need_all_of_them),
        cmocka_unit_test(test_preferring_makes_no_user),
        cmocka_unit_test(test_the_scope_is_the_user),
        cmocka_unit_test(test_others_can_be_named),
        cmocka_unit_test(test_who_pays_is_the_user),
        cmocka_unit_test(test_a_later_hop_is_a_user_by_what_it_inherits),
        cmocka_unit_test(test_floors_add_up_for_who_uses_none),
        cmocka_unit_test(test_a_floor_without_users_is_everybodys_limit),
        cmocka_unit_test(test_an_empty_list_keeps_nothing),
        cmocka_unit_test(test_a_refusal_names_the_floor),
        cmocka_unit_test(test_who_is_refused_goes_on_along_the_route),
        cmocka_unit_test(test_small_blocks_stop_at_the_floor),
        cmocka_unit_test(test_budget_and_left_are_told_first),
        cmocka_unit_test(test_smallest_takes_what_the_floor_leaves),
        cmocka_unit_test(test_growing_stops_at_the_floor),
        cmocka_unit_test(test_growing_by_a_move_stops_at_the_floor),
        cmocka_unit_test(test_shrinking_and_staying_are_nobodys_business),
        cmocka_unit_test(test_a_resize_is_judged_by_its_own_caps),
        cmocka_unit_test(test_giving_takes_nothing_from_a_floor),
        cmocka_unit_test(test_floors_hold_without_accounts),
        cmocka_unit_test(test_a_pool_has_floors_too),
    };
    return SCENE_RUN(tests);
}
