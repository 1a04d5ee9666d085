/* test_event.c: is each outcome told once, in order, and is what nobody could keep counted?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#define ORDINARY 10000u

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

/* Allocates and frees: two events. */
static void churn(uint32_t pairs, berth_caps_t needed)
{
    for (uint32_t i = 0; i < pairs; i++) {
        void *block = berth_malloc(berth, 16, needed);
        assert_non_null(block);
        berth_free(berth, block);
    }
}

static void refuse(uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        assert_null(berth_malloc(berth, 1000000u + i, 0));
    }
}

/* --- order ----------------------------------------------------------------------------------- */

static void mixed_post(void)
{
    for (uint32_t i = 0; i < 10; i++) {
        churn(1, BERTH_CAP_INTERNAL);
        refuse(1 + i % 2);
        churn(1 + i % 3, BERTH_CAP_EXTERNAL);
        churn(1, BERTH_CAP_EXEC | BERTH_CAP_WORDS);
        assert_int_equal(berth_try_free(berth, &i), BERTH_ERR_INVALID);
    }
}

static void test_poll_merges_all_regions_by_sequence(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 64; capacity = capacity * 2 + 1) {
        SCENE_LAY(&scene_sram, &scene_psram, &scene_iram);
        scene_start();
        mixed_post();
        berth_event_t events[64];
        uint32_t expected = 0;
        uint32_t count = berth_poll(berth, events, capacity);
        while (count != 0) {
            assert_true(count <= capacity);
            for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(events[i].sequence, expected++);
            }
            count = berth_poll(berth, events, capacity);
        }
        assert_int_equal(expected, berth->sequence);
        assert_int_equal(berth_lost(berth), 0);
    }
}

/* What is posted between two polls comes after what was. */
static void test_poll_goes_on_where_it_stopped(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    uint32_t expected = 0;
    for (uint32_t i = 0; i < 300; i++) {
        churn(2, i % 2 == 0 ? BERTH_CAP_INTERNAL : BERTH_CAP_EXTERNAL);
        refuse(i % 3 == 0);
        berth_event_t events[4];
        const uint32_t count = berth_poll(berth, events, 2 + i % 3);
        for (uint32_t k = 0; k < count; k++) {
            assert_true(events[k].sequence >= expected);
            expected = events[k].sequence + 1;
        }
    }
}

static void test_a_region_whose_lock_is_refused_is_polled_later(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    churn(1, BERTH_CAP_INTERNAL);
    churn(1, BERTH_CAP_EXTERNAL);
    berth_event_t events[8];
    scene.busy = &first->lock;
    assert_int_equal(berth_poll(berth, events, 8), 2);
    assert_int_equal(events[0].region, 1);
    scene.busy = NULL;
    assert_int_equal(berth_poll(berth, events, 8), 2);
    assert_int_equal(events[0].region, 0);
    assert_int_equal(events[0].sequence, 0);
}

/* --- room ------------------------------------------------------------------------------------ */

static void test_alarms_outlive_ordinary_traffic(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    uint32_t local = 0;
    refuse(3);
    assert_int_equal(berth_try_free(berth, &local), BERTH_ERR_INVALID);
    assert_int_equal(berth_owner_retire(berth, TLS), BERTH_OK);
    churn(ORDINARY / 2, BERTH_CAP_INTERNAL);
    churn(ORDINARY / 2, BERTH_CAP_EXTERNAL);
    const uint8_t kinds[] = {BERTH_EVENT_ALLOC, BERTH_EVENT_ALLOC, BERTH_EVENT_ALLOC,
                             BERTH_EVENT_FREE, BERTH_EVENT_RETIRE};
    berth_event_t event;
    for (uint32_t i = 0; i < sizeof kinds; i++) {
        assert_int_equal(berth_poll(berth, &event, 1), 1);
        assert_int_equal(event.kind, kinds[i]);
        assert_int_equal(event.sequence, i);
        assert_int_equal(event.status == BERTH_OK, kinds[i] == BERTH_EVENT_RETIRE);
    }
    assert_int_equal(berth_lost(berth), 2 * (ORDINARY - SCENE_EVENTS / 4));
}

static uint32_t polled_all(void)
{
    uint32_t count = 0;
    berth_event_t events[16];
    for (uint32_t more = berth_poll(berth, events, 16); more != 0;
         more = berth_poll(berth, events, 16)) {
        count += more;
    }
    return count;
}

static void test_what_is_lost_is_counted_to_one(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene.config.event_count = 64; /* 16 for each region, 32 for alarms */
    scene_start();
    churn(8, BERTH_CAP_INTERNAL);
    assert_int_equal(berth_lost(berth), 0);
    churn(50, BERTH_CAP_INTERNAL);
    assert_int_equal(berth_lost(berth), 100);
    assert_int_equal(berth_lost(berth), 100);
    churn(7, BERTH_CAP_EXTERNAL);
    refuse(32);
    assert_int_equal(berth_lost(berth), 100);
    refuse(5);
    assert_int_equal(berth_lost(berth), 105);
    assert_int_equal(polled_all(), 16 + 14 + 32);
    assert_int_equal(berth_lost(berth), 105);
    assert_int_equal(polled_all(), 0);
    churn(9, BERTH_CAP_INTERNAL);
    assert_int_equal(polled_all(), 16);
    assert_int_equal(berth_lost(berth), 107);
    assert_int_equal(berth->sequence, 116 + 14 + 37 + 18);
}

/* What a full ring keeps is the newest. */
static void test_a_full_ring_drops_its_oldest(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.config.event_count = 4; /* 2 and 2 */
    scene_start();
    churn(5, 0);
    refuse(3);
    berth_event_t events[8];
    assert_int_equal(berth_poll(berth, events, 8), 4);
    const uint32_t kept[] = {8, 9, 11, 12};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(events[i].sequence, kept[i]);
    }
    assert_int_equal(berth_lost(berth), 9);
}

static uint32_t largest_power_within(uint32_t value)
{
    uint32_t power = 1;
    while (power * 2 <= value) {
        power *= 2;
    }
    return power;
}

static void test_the_room_is_shared_out_as_told(void **state)
{
    (void)state;
    const uint16_t rooms[] = {4, 5, 6, 7, 8, 11, 12, 16, 21, 22, 63, 64, 100, 511, 512};
    for (uint32_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        for (uint8_t regions = 1; regions <= 3 && rooms[i] / 2 >= regions; regions++) {
            SCENE_LAY(&scene_sram, &scene_psram, &scene_iram);
            scene.config.region_count = regions;
            scene.config.event_count = rooms[i];
            scene_start();
            const uint32_t each = largest_power_within((rooms[i] * 3u + 3u) / 4u / regions);
            churn(512, BERTH_CAP_INTERNAL);
            assert_int_equal(polled_all(), each);
            refuse(512);
            assert_int_equal(polled_all(), largest_power_within(rooms[i] - regions * each));
            assert_int_equal(berth_lost(berth) + each +
                                 largest_power_within(rooms[i] - regions * each),
                             berth->sequence);
        }
    }
}

static void test_kinds_that_are_skipped_are_numbered_and_not_lost(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.config.event_skip = 1u << BERTH_EVENT_ALLOC | 1u << BERTH_EVENT_RETIRE;
    scene_start();
    churn(3, 0);
    refuse(1);
    assert_int_equal(berth_owner_retire(berth, TLS), BERTH_OK);
    berth_event_t events[8];
    assert_int_equal(berth_poll(berth, events, 8), 5);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(events[i].kind, BERTH_EVENT_FREE);
        assert_int_equal(events[i].sequence, 2 * i + 1);
    }
    assert_int_equal(events[3].kind, BERTH_EVENT_ALLOC); /* refused: an alarm */
    assert_int_equal(events[3].status, BERTH_ERR_NOMEM);
    assert_int_equal(events[4].kind, BERTH_EVENT_RETIRE);
    assert_int_equal(berth_lost(berth), 0);
}

static void test_an_alarm_that_could_not_be_posted_is_counted(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    scene.busy = &berth->tables;
    refuse(3);
    churn(2, 0);
    scene.busy = NULL;
    assert_int_equal(berth_lost(berth), 3);
    assert_int_equal(polled_all(), 4);
    assert_int_equal(berth->sequence, 7);
}

/* --- time ------------------------------------------------------------------------------------ */

static void test_a_clock_that_wraps_is_extended(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene.port.clock_mask = 0xFFFF;
    scene_start();
    uint64_t time = 0;
    for (uint32_t i = 0; i < 200; i++) {
        time += i % 5 == 0 ? 32767u : 4001u * (i % 8);
        scene.now_us = time & 0xFFFF;
        berth_event_t event;
        if (i % 3 == 0) {
            refuse(1);
            assert_int_equal(berth_failure(berth).last, time / 65536u);
        } else {
            churn(1, i % 3 == 1 ? BERTH_CAP_INTERNAL : BERTH_CAP_EXTERNAL);
        }
        while (berth_poll(berth, &event, 1) != 0) {
            assert_int_equal(event.time_us, time);
        }
    }
    assert_true(time > 20u * 65536u);
}

/* Whoever polls within half the time in which the clock wraps keeps it in step. */
static void test_polling_alone_keeps_the_clock_in_step(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.port.clock_mask = 0xFFFF;
    scene_start();
    uint64_t time = 0;
    for (uint32_t i = 0; i < 50; i++) {
        time += 30000;
        scene.now_us = time & 0xFFFF;
        assert_int_equal(polled_all(), 0);
    }
    churn(1, 0);
    assert_int_equal(scene_last().time_us, time);
}

/* Two cores' clocks may differ a little: what seems to step back is no round of the clock. */
static void test_a_clock_that_steps_back_stands_still(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.port.clock_mask = 0xFFFF;
    scene_start();
    scene.now_us = 5000;
    churn(1, 0);
    scene.now_us = 4990;
    churn(1, 0);
    assert_int_equal(scene_last().time_us, 5000);
    scene.now_us = 5010;
    churn(1, 0);
    assert_int_equal(scene_last().time_us, 5010);
}

static void test_a_clock_that_does_not_wrap_is_taken_as_it_is(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    scene.now_us = UINT64_C(0x123456789AB);
    churn(1, 0);
    assert_true(scene_last().time_us == UINT64_C(0x123456789AB));
    scene.now_us = 5;
    churn(1, 0);
    assert_int_equal(scene_last().time_us, 5);
}

static void test_without_a_time_events_say_so(void **state)
{
    (void)state;
    for (uint32_t wraps = 0; wraps < 2; wraps++) {
        SCENE_LAY(&scene_sram);
        scene.port.clock_mask = wraps != 0 ? 0xFFFF : 0;
        scene_start();
        scene.now_us = 60000;
        churn(1, 0);
        assert_int_equal(scene_last().time_us, 60000);
        scene.now_us = BERTH_NO_TIME;
        churn(1, 0);
        assert_true(scene_last().time_us == BERTH_NO_TIME);
        refuse(1);
        assert_true(scene_last().time_us == BERTH_NO_TIME);
        assert_int_equal(berth_failure(berth).last, UINT32_MAX);
        scene.now_us = 61000;
        churn(1, 0);
        assert_int_equal(scene_last().time_us, 61000);
    }
}

/* --- who called ------------------------------------------------------------------------------ */

static uint32_t site_of(void *block)
{
    assert_non_null(block);
    return scene_last().site;
}

/* Not inlined: so a caller is one place, however often it is called. */
static __attribute__((noinline)) uint32_t caller(size_t size)
{
    return site_of(berth_malloc(berth, size, 0));
}

static void test_a_site_is_the_requests_or_the_callers(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    const berth_request_t named = {.size = 16, .site = 0xCAFE};
    assert_int_equal(site_of(berth_alloc(berth, &named)), 0xCAFE);
    assert_int_equal(site_of(berth_resize(berth, NULL, &named)), 0xCAFE);
    const uint32_t site = caller(16);
    assert_int_equal(caller(30), site);
    assert_true(site - (uint32_t)(uintptr_t)caller < 1024);
    assert_int_not_equal(site_of(berth_malloc(berth, 16, 0)), site);
    assert_null(berth_malloc(berth, 1000000, 0));
    const uint32_t here = (uint32_t)(uintptr_t)test_a_site_is_the_requests_or_the_callers;
    assert_true(berth_failure(berth).site - here < 8192);
    assert_int_equal(scene_last().site, berth_failure(berth).site);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poll_merges_all_regions_by_sequence),
        cmocka_unit_test(test_poll_goes_on_where_it_stopped),
        cmocka_unit_test(test_a_region_whose_lock_is_refused_is_polled_later),
        cmocka_unit_test(test_alarms_outlive_ordinary_traffic),
        cmocka_unit_test(test_what_is_lost_is_counted_to_one),
        cmocka_unit_test(test_a_full_ring_drops_its_oldest),
        cmocka_unit_test(test_the_room_is_shared_out_as_told),
        cmocka_unit_test(test_kinds_that_are_skipped_are_numbered_and_not_lost),
        cmocka_unit_test(test_an_alarm_that_could_not_be_posted_is_counted),
        cmocka_unit_test(test_a_clock_that_wraps_is_extended),
        cmocka_unit_test(test_polling_alone_keeps_the_clock_in_step),
        cmocka_unit_test(test_a_clock_that_steps_back_stands_still),
        cmocka_unit_test(test_a_clock_that_does_not_wrap_is_taken_as_it_is),
        cmocka_unit_test(test_without_a_time_events_say_so),
        cmocka_unit_test(test_a_site_is_the_requests_or_the_callers),
    };
    return SCENE_RUN(tests);
}
