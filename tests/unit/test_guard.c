/* test_guard.c: is what a context is guarded against refused, told, and refused to it alone?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

/* --- guards ---------------------------------------------------------------------------------- */

static void test_no_allocation_is_refused_where_none_should_be(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    void *block = berth_malloc(berth, 100, 0);
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_null(berth_alloc(berth, &(berth_request_t){.size = 30, .owner = LVGL, .site = 77}));
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_VIOLATION);
    assert_int_equal(event.status, BERTH_ERR_GUARD);
    assert_int_equal(event.owner, LVGL);
    assert_int_equal(event.size, 30);
    assert_int_equal(event.site, 77);
    assert_int_equal(scene.asserted, 1);
    assert_int_equal(scene.asserted_of.status, BERTH_ERR_GUARD);
    assert_int_equal(berth_failure(berth).guards, BERTH_GUARD_NO_ALLOC);
    assert_int_equal(berth_allocatable(berth, &(berth_request_t){.size = 1}), 0);
    assert_int_equal(scene.asserted, 1); /* asking is no violation */
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    berth_guard_leave(berth, before);
    assert_non_null(berth_malloc(berth, 30, 0));
}

static void test_a_lenient_manager_tells_and_grants(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.config.is_lenient = true;
    scene_start();
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    void *block = berth_malloc(berth, 30, 0);
    berth_guard_leave(berth, before);
    assert_non_null(block);
    berth_event_t events[3];
    assert_int_equal(berth_poll(berth, events, 3), 2);
    assert_int_equal(events[0].kind, BERTH_EVENT_VIOLATION);
    assert_int_equal(events[0].status, BERTH_OK);
    assert_int_equal(events[0].region, BERTH_NO_REGION);
    assert_int_equal(events[0].offset, BERTH_NOWHERE);
    assert_int_equal(events[0].size, 30);
    assert_int_equal(events[0].taken, 0);
    assert_int_equal(events[1].kind, BERTH_EVENT_ALLOC);
    assert_int_equal(scene.asserted, 0);
    assert_int_equal(berth_failure(berth).count, 0);
}

static void test_with_the_cache_off_only_what_can_be_reached_serves(void **state)
{
    (void)state;
    SCENE_LAY(&scene_psram, &scene_sram);
    scene_start();
    void *outside = berth_malloc(berth, 100, 0);
    assert_true(scene_is_in(first, outside));
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    void *inside = berth_malloc(berth, 100, 0);
    assert_true(scene_is_in(second, inside));
    assert_null(berth_malloc(berth, 100, BERTH_CAP_EXTERNAL));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_GUARD);
    assert_int_equal(berth_failure(berth).reasons[0].allocatable, 0);
    assert_int_equal(berth_try_free(berth, outside), BERTH_ERR_GUARD);
    assert_int_equal(scene_last().kind, BERTH_EVENT_VIOLATION);
    berth_free(berth, outside);
    assert_int_equal(scene.asserted_of.kind, BERTH_EVENT_VIOLATION);
    const uint32_t asserted = scene.asserted;
    assert_int_equal(berth_give(berth, outside, LVGL), BERTH_ERR_GUARD);
    assert_int_equal(scene.asserted, asserted + 1);
    assert_int_equal(berth_try_free(berth, inside), BERTH_OK);
    assert_int_equal(first->refused, 0); /* it was never entered */
    berth_guard_leave(berth, before);
    assert_int_equal(berth_try_free(berth, outside), BERTH_OK);
}

static void test_guards_nest(void **state)
{
    (void)state;
    SCENE_LAY(&scene_psram);
    scene_start();
    const uint8_t none = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    const uint8_t one = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_int_equal(none, 0);
    assert_int_equal(one, BERTH_GUARD_CACHE_OFF);
    assert_int_equal(scene.task.guards, BERTH_GUARD_CACHE_OFF | BERTH_GUARD_NO_ALLOC);
    berth_guard_leave(berth, one);
    assert_null(berth_malloc(berth, 100, 0));
    assert_int_equal(scene_reasons(), 1);
    berth_guard_leave(berth, none);
    assert_non_null(berth_malloc(berth, 100, 0));
    const uint8_t again = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_null(berth_malloc(berth, 100, 0));
    berth_guard_leave(berth, again);
}

/* Of the guarded context alone: others go on. */
static void test_a_guard_is_its_contexts_own(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    berth_context_t other = {.name = "other"};
    scene.running = &other;
    assert_non_null(berth_malloc(berth, 100, 0));
    scene.running = &scene.task;
    assert_null(berth_malloc(berth, 100, 0));
    berth_guard_leave(berth, before);
}

/* --- interrupts ------------------------------------------------------------------------------ */

static void isr_start(void)
{
    SCENE_LAY(&scene_sram, &scene_pool, &scene_psram);
    scene.regions[1].caps[0] |= BERTH_CAP_DEFAULT;
    scene_start();
}

static void test_an_isr_is_served_by_the_pool_alone(void **state)
{
    (void)state;
    isr_start();
    void *tasks = berth_malloc(berth, 40, BERTH_CAP_INTERNAL);
    static berth_context_t isr = {.name = "uart", .guards = BERTH_GUARD_ISR};
    scene.running = &isr;
    void *block = berth_malloc(berth, 40, 0);
    assert_true(scene_is_in(second, block));
    assert_int_equal(first->refused, 0);
    assert_null(berth_malloc(berth, SCENE_POOL_BLOCK + 1, 0));
    assert_null(berth_malloc(berth, 40, BERTH_CAP_INTERNAL));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_GUARD);
    assert_int_equal(berth_failure(berth).guards, BERTH_GUARD_ISR);
    assert_int_equal(scene_last().kind, BERTH_EVENT_VIOLATION);
    assert_int_equal(berth_try_free(berth, tasks), BERTH_ERR_GUARD);
    berth_free(berth, tasks);
    assert_int_equal(scene.asserted_of.status, BERTH_ERR_GUARD);
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    scene.running = &scene.task;
    assert_int_equal(berth_try_free(berth, tasks), BERTH_OK);
}

static void test_a_slow_pool_is_not_for_an_isr(void **state)
{
    (void)state;
    SCENE_LAY(&scene_pool);
    first->is_slow = true;
    scene_start();
    static berth_context_t isr = {.guards = BERTH_GUARD_ISR};
    assert_non_null(berth_malloc(berth, 40, BERTH_CAP_PLACE(0)));
    scene.running = &isr;
    assert_null(berth_malloc(berth, 40, BERTH_CAP_PLACE(0)));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_GUARD);
}

/* An ISR's context is guarded before it enters any guard. */
static void test_an_isr_that_finds_its_pool_full_violates_nothing(void **state)
{
    (void)state;
    isr_start();
    scene_fill(second, BERTH_OTHERS);
    static berth_context_t isr = {.guards = BERTH_GUARD_ISR};
    scene.running = &isr;
    (void)scene_last();
    assert_null(berth_malloc(berth, 40, 0)); /* the fit region bars it, the pool is asked */
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_ALLOC);
    assert_int_equal(event.status, BERTH_ERR_NOMEM);
    assert_int_equal(scene.asserted, 0);
}

static void test_an_isr_may_be_guarded_further(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_pool);
    second->caps[0] &= ~BERTH_CAP_CACHE_OFF;
    scene_start();
    static berth_context_t isr = {.guards = BERTH_GUARD_ISR};
    scene.running = &isr;
    void *block = berth_malloc(berth, 40, BERTH_CAP_PLACE(0));
    uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_null(berth_malloc(berth, 40, BERTH_CAP_PLACE(0)));
    berth_guard_leave(berth, before);
    before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    assert_null(berth_malloc(berth, 40, BERTH_CAP_PLACE(0)));
    berth_free(berth, block);
    assert_int_equal(berth_about(berth, block).status, BERTH_OK);
    berth_guard_leave(berth, before);
    assert_int_equal(isr.guards, BERTH_GUARD_ISR);
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    assert_non_null(berth_malloc(berth, 40, BERTH_CAP_PLACE(0)));
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_allocation_is_refused_where_none_should_be),
        cmocka_unit_test(test_a_lenient_manager_tells_and_grants),
        cmocka_unit_test(test_with_the_cache_off_only_what_can_be_reached_serves),
        cmocka_unit_test(test_guards_nest),
        cmocka_unit_test(test_a_guard_is_its_contexts_own),
        cmocka_unit_test(test_an_isr_is_served_by_the_pool_alone),
        cmocka_unit_test(test_a_slow_pool_is_not_for_an_isr),
        cmocka_unit_test(test_an_isr_that_finds_its_pool_full_violates_nothing),
        cmocka_unit_test(test_an_isr_may_be_guarded_further),
    };
    return SCENE_RUN(tests);
}
