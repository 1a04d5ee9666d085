/* test_give.c: do blocks change owners, and arenas go back to a mark, as berth.h says?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

/* --- give ------------------------------------------------------------------------------------ */

static void test_give_charges_another_owner(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    void *block = berth_alloc(berth, &(berth_request_t){.size = 100, .owner = LVGL});
    const berth_about_t about = berth_about(berth, block);
    const uint32_t peak = scene_peak(first);
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_OK);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_GIVE);
    assert_int_equal(event.owner, WIFI);
    assert_int_equal(event.size, 0);
    assert_int_equal(event.taken, about.taken);
    assert_int_equal(event.offset, about.offset);
    assert_int_equal(berth_account(berth, first, LVGL).live, 0);
    assert_int_equal(berth_account(berth, first, LVGL).peak, about.taken);
    assert_int_equal(berth_account(berth, first, WIFI).live, about.taken);
    assert_int_equal(berth_account(berth, first, WIFI).count, 1);
    assert_int_equal(berth_about(berth, block).owner, WIFI);
    assert_int_equal(scene_used(first), about.taken);
    assert_int_equal(scene_peak(first), peak);
    assert_int_equal(berth_give(berth, block, BERTH_OTHERS), BERTH_OK);
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).live, about.taken);
}

static void assert_not_given(void *block, berth_owner_t owner, int32_t status)
{
    assert_int_equal(berth_give(berth, block, owner), status);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_GIVE);
    assert_int_equal(event.status, status);
    assert_int_equal(event.taken, 0);
    scene_audit();
}

static void test_give_is_refused_as_free_is(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_arena);
    first->budgets = scene.budgets[0];
    scene_start();
    uint8_t *block = berth_alloc(berth, &(berth_request_t){.size = 100, .owner = LVGL});
    const uint32_t taken = berth_about(berth, block).taken;
    uint32_t mine = 0;
    assert_not_given(&mine, WIFI, BERTH_ERR_INVALID);
    assert_not_given(NULL, WIFI, BERTH_ERR_INVALID);
    assert_not_given(block + 4, WIFI, BERTH_ERR_INVALID);
    assert_not_given(block, SCENE_OWNERS, BERTH_ERR_INVALID);
    assert_not_given(block, BERTH_NO_OWNER, BERTH_ERR_INVALID);
    void *paid = berth_malloc(berth, 50, BERTH_CAP_PLACE(1));
    assert_not_given(paid, WIFI, BERTH_ERR_INVALID);
    assert_int_equal(scene.asserted, 0);
    scene.budgets[0][WIFI].hard = taken - 1;
    assert_not_given(block, WIFI, BERTH_ERR_BUDGET);
    scene.busy = &first->lock;
    assert_int_equal(berth_give(berth, block, TLS), BERTH_ERR_BUSY);
    scene.busy = NULL;
    scene.budgets[0][WIFI].hard = taken;
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_OK);
    scene.budgets[0][WIFI].hard = 1; /* it has it already */
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_OK);
}

static void test_give_tells_of_a_soft_budget(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    first->budgets = scene.budgets[0];
    scene_start();
    void *block = berth_alloc(berth, &(berth_request_t){.size = 100, .owner = LVGL});
    const uint32_t taken = berth_about(berth, block).taken;
    scene.budgets[0][WIFI].soft = taken - 1;
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_OK);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_BUDGET);
    assert_int_equal(event.owner, WIFI);
    assert_int_equal(event.taken, taken);
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_OK);
    assert_int_equal(scene_count(BERTH_EVENT_BUDGET), 0);
}

/* --- arenas ---------------------------------------------------------------------------------- */

static void test_reset_drops_what_was_granted_since_the_mark(void **state)
{
    (void)state;
    SCENE_LAY(&scene_arena, &scene_sram);
    scene_start();
    void *kept = berth_malloc(berth, 40, BERTH_CAP_PLACE(1));
    const uint32_t used = scene_used(first);
    const uint32_t mark = berth_mark(berth, first);
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(scene_is_in(first, berth_malloc(berth, 100, BERTH_CAP_PLACE(1))));
    }
    const uint32_t gone = scene_used(first) - used;
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).count, 6);
    assert_int_equal(berth_reset(berth, first, mark), BERTH_OK);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_RESET);
    assert_int_equal(event.offset, mark);
    assert_int_equal(event.size, 0);
    assert_int_equal(event.taken, gone);
    assert_int_equal(event.owner, BERTH_OTHERS);
    assert_int_equal(scene_used(first), used);
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).count, 1);
    assert_int_equal(berth_about(berth, kept).status, BERTH_OK);
    assert_int_equal(berth_mark(berth, second), BERTH_NOWHERE);
    assert_int_equal(berth_reset(berth, second, 0), BERTH_ERR_INVALID);
    assert_int_equal(berth_reset(berth, first, mark + 4096), BERTH_ERR_INVALID);
    assert_int_equal(scene_last().taken, 0);
}

/* A render loop: 120 frames, each with its scratch; the heap beside it is not even looked at. */
static void test_frames_in_an_arena_leave_the_heap_alone(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_arena);
    scene.regions[1].owner = LVGL;
    scene_start();
    void *state_of_ui = berth_malloc(berth, 500, BERTH_CAP_INTERNAL);
    const uint32_t before = first->changes;
    const uint32_t mark = berth_mark(berth, second);
    for (uint32_t frame = 0; frame < 120; frame++) {
        const berth_request_t layer = {
            .size = 100 + frame, .needed = second->caps[0], .owner = TLS};
        for (uint32_t layers = 0; layers < 5; layers++) {
            assert_true(scene_is_in(second, berth_alloc(berth, &layer)));
        }
        assert_int_equal(berth_account(berth, second, LVGL).count, 5); /* its owner pays */
        assert_int_equal(berth_account(berth, second, TLS).count, 0);
        assert_int_equal(berth_reset(berth, second, mark), BERTH_OK);
        assert_int_equal(berth_account(berth, second, LVGL).live, 0);
    }
    assert_int_equal(first->changes, before);
    assert_int_equal(first->refused, 0);
    berth_free(berth, state_of_ui);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_give_charges_another_owner),
        cmocka_unit_test(test_give_is_refused_as_free_is),
        cmocka_unit_test(test_give_tells_of_a_soft_budget),
        cmocka_unit_test(test_reset_drops_what_was_granted_since_the_mark),
        cmocka_unit_test(test_frames_in_an_arena_leave_the_heap_alone),
    };
    return SCENE_RUN(tests);
}
