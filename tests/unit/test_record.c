/* test_record.c: are records of refusals kept, ordered, sealed, taken over, and blamed?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include <string.h>

#define BIG 1000000u
#define MOST 4u        /* records, unless a test says otherwise */
#define UNIT_US 65536u /* of a record's times */

static berth_t *const berth = &scene.berth;
static berth_failure_t records[BERTH_FAILURES_MOST];

/* A manager with so many records, in memory that is random at first. */
static void lay(uint8_t count)
{
    SCENE_LAY(&scene_sram);
    scene.config.failures = records;
    scene.config.failure_count = count;
}

static void start(uint8_t count)
{
    memset(records, 0xA5, sizeof records);
    lay(count);
    scene_start();
}

/* A refusal that differs from others by its site. */
static void refuse(uint32_t site)
{
    assert_null(berth_alloc(berth, &(berth_request_t){.size = BIG, .site = site}));
}

/* The sites of all records, newest first, ended by 0. */
#define ASSERT_SITES(...) assert_sites((const uint32_t[]){__VA_ARGS__, 0})
static void assert_sites(const uint32_t *sites)
{
    uint32_t index = 0;
    for (; sites[index] != 0; index++) {
        assert_int_equal(berth_failure_at(berth, index).count != 0, 1);
        assert_int_equal(berth_failure_at(berth, index).site, sites[index]);
    }
    for (; index < BERTH_FAILURES_MOST + 1; index++) {
        assert_int_equal(berth_failure_at(berth, index).count, 0);
    }
    assert_int_equal(berth_failure(berth).site, sites[0]);
}

/* --- the form -------------------------------------------------------------------------------- */

static void test_a_size_is_rounded_down_to_twelve_digits(void **state)
{
    (void)state;
    assert_int_equal(berth_bytes_of(0), 0);
    assert_int_equal(berth_bytes_of(2047), 2047);
    assert_int_equal(berth_bytes_of(1 << 11), 2048);
    assert_int_equal(berth_bytes_of(2 << 11 | 5), 4096 + 10);
    assert_int_equal(berth_bytes_of(21 << 11 | 2047), 4293918720u);
    assert_int_equal(berth_bytes_of(22 << 11), UINT32_MAX);
    assert_int_equal(berth_bytes_of(BERTH_BYTES_UNKNOWN), UINT32_MAX);
    for (uint32_t code = 1; code < 22 << 11; code++) {
        assert_true(berth_bytes_of((uint16_t)code) > berth_bytes_of((uint16_t)(code - 1)));
    }
}

static void test_every_alignment_is_told(void **state)
{
    (void)state;
    start(1);
    for (uint32_t align = 1; align != 0; align *= 2) {
        assert_null(berth_alloc(berth, &(berth_request_t){.size = BIG, .align = align}));
        const berth_failure_t failure = berth_failure(berth);
        assert_int_equal(berth_failure_align(&failure), align);
    }
    refuse(1);
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(berth_failure_align(&failure), 0);
}

/* The first time stays put while refusals come at any pace for years, to a thousandth. */
static void test_the_first_time_does_not_drift(void **state)
{
    (void)state;
    static const uint64_t paces_us[] = {1000, 70000, 999999, 61234567, 3600000000ull};
    for (uint32_t pace = 0; pace < sizeof paces_us / sizeof paces_us[0]; pace++) {
        start(1);
        scene.now_us = 7777777777;
        const uint32_t first = (uint32_t)(scene.now_us / UNIT_US);
        for (uint32_t i = 0; i < 70000; i++) {
            refuse(1);
            const berth_failure_t failure = berth_failure(berth);
            const uint32_t told = berth_failure_first(&failure);
            assert_int_equal(failure.last, scene.now_us / UNIT_US);
            assert_true(told <= first && first - told <= (failure.last - first) / 1000);
            assert_int_equal(failure.count, i < UINT16_MAX ? i + 1 : UINT16_MAX);
            scene.now_us += paces_us[pace];
        }
    }
}

/* --- which are kept -------------------------------------------------------------------------- */

static void test_refusals_that_are_alike_share_a_record(void **state)
{
    (void)state;
    start(MOST);
    const berth_request_t one = {.size = BIG, .site = 1, .owner = LVGL};
    berth_request_t others[] = {one, one, one, one, one};
    others[0].size++;
    others[1].site++;
    others[2].owner = WIFI;
    others[3].needed = BERTH_CAP_INTERNAL;
    others[4].needed = BERTH_CAP_NPU; /* and so another status */
    for (uint32_t i = 0; i < 5; i++) {
        assert_null(berth_alloc(berth, &one));
        assert_null(berth_alloc(berth, &others[i]));
        assert_int_equal(berth_failure(berth).count, 1);
        assert_null(berth_alloc(berth, &one));
        assert_int_equal(berth_failure(berth).count, 2 * i + 2);
    }
    const berth_request_t same = {
        .size = BIG, .site = 1, .owner = LVGL, .align = 512, .left = 9, .preferred = 4};
    assert_null(berth_alloc(berth, &same));
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(failure.count, 11);
    assert_int_equal(berth_failure_align(&failure), 512); /* the last one's */
    assert_int_equal(berth_refusals(berth), 16);
}

static void test_the_oldest_makes_room(void **state)
{
    (void)state;
    start(MOST);
    assert_int_equal(berth_failure(berth).count, 0);
    for (uint32_t site = 1; site <= 6; site++) {
        refuse(site);
        scene.now_us += UNIT_US;
    }
    ASSERT_SITES(6, 5, 4, 3);
    refuse(3); /* so 4 is the oldest */
    scene.now_us += UNIT_US;
    ASSERT_SITES(3, 6, 5, 4);
    refuse(7);
    ASSERT_SITES(7, 3, 6, 5);
}

/* A clock that does not tell them apart, or does not run. */
static void test_refusals_of_one_moment_are_kept_in_turn(void **state)
{
    (void)state;
    for (uint32_t runs = 0; runs < 2; runs++) {
        start(MOST);
        scene.now_us = runs == 0 ? BERTH_NO_TIME : 5;
        for (uint32_t site = 1; site <= 11; site++) {
            refuse(site);
        }
        ASSERT_SITES(11, 10, 9, 8);
        assert_int_equal(berth_failure(berth).last, runs == 0 ? UINT32_MAX : 0);
    }
}

/* What has no time is older than what has one; but the last is the last. */
static void test_what_has_no_time_is_old(void **state)
{
    (void)state;
    start(MOST);
    refuse(1);
    scene.now_us = BERTH_NO_TIME;
    refuse(2);
    ASSERT_SITES(2, 1);
    scene.now_us = 9 * UNIT_US;
    refuse(3);
    ASSERT_SITES(3, 1, 2);
    scene.now_us = 4 * UNIT_US; /* it stepped back */
    refuse(4);
    ASSERT_SITES(4, 3, 1, 2);
    refuse(5);
    ASSERT_SITES(5, 3, 4, 1);
}

static void test_the_one_record_inside_does(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    refuse(1);
    refuse(2);
    ASSERT_SITES(2);
    refuse(2);
    assert_int_equal(berth_failure(berth).count, 2);
    assert_int_equal(berth_refusals(berth), 3);
}

static void test_records_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    lay(1);
    scene.config.failures = NULL;
    assert_int_equal(berth_start(berth, &scene.config), BERTH_ERR_INVALID);
    lay(BERTH_FAILURES_MOST + 1);
    assert_int_equal(berth_start(berth, &scene.config), BERTH_ERR_INVALID);
    assert_int_equal(berth_failure_at(berth, 0).status, BERTH_ERR_INVALID);
    assert_int_equal(berth_failure_at(berth, 1).count, 0);
    assert_int_equal(berth_blame(berth, 0, 1).status, BERTH_ERR_INVALID);
    assert_int_equal(berth_refused(berth) + berth_refusals(berth), 0);
    lay(BERTH_FAILURES_MOST);
    scene_start();
}

static void test_a_refused_lock_costs_the_record_alone(void **state)
{
    (void)state;
    start(MOST);
    refuse(1);
    scene.busy = &berth->tables;
    refuse(2);
    scene.busy = NULL;
    ASSERT_SITES(1);
    assert_int_equal(berth_blame(berth, 1, 5).status, BERTH_ERR_UNKNOWN);
    assert_int_equal(berth_refusals(berth), 2);
    assert_int_equal(berth_refused(berth), 2);
}

/* --- others meanwhile ------------------------------------------------------------------------ */

/* Before the manager's lock is taken, another context is refused, so many times. */
static uintptr_t (*quiet_lock)(void *self, berth_lock_t *lock);
static uint32_t intrusions;
static uint32_t intruder_site;

static uintptr_t intruded_lock(void *self, berth_lock_t *lock)
{
    static berth_context_t other;
    static bool is_inside;
    if (lock == &berth->tables && intrusions != 0 && !is_inside) {
        is_inside = true;
        scene.running = &other;
        refuse(intruder_site);
        scene.running = &scene.task;
        is_inside = false;
        intrusions--;
    }
    return quiet_lock(self, lock);
}

static void start_intruded(uint8_t count, uint32_t site, uint32_t times)
{
    start(count);
    refuse(1);
    quiet_lock = scene.port.lock;
    scene.port.lock = intruded_lock;
    intruder_site = site;
    intrusions = times;
}

/* Two take the lock: to look for the place, and to write there. */
static void test_refusals_at_once_are_all_counted(void **state)
{
    (void)state;
    for (uint32_t times = 1; times <= 2; times++) {
        start_intruded(MOST, 1, times);
        refuse(1);
        assert_int_equal(berth_failure(berth).count, 2 + times);
        assert_int_equal(berth_failure_at(berth, 1).count, 0);
        assert_int_equal(berth_refusals(berth), 2 + times);
    }
}

static void test_a_place_that_others_write_is_given_up_in_the_end(void **state)
{
    (void)state;
    for (uint32_t times = 4; times <= 7; times++) {
        start_intruded(1, 2, times);
        refuse(1);
        const bool is_kept = times < 6;
        assert_int_equal(berth_failure(berth).site, is_kept ? 1 : 2);
        assert_int_equal(berth_blame(berth, 1, 5).status,
                         is_kept ? BERTH_ERR_NOMEM : BERTH_ERR_UNKNOWN);
        assert_int_equal(berth_refused(berth), 2);
        intrusions = 0;
    }
}

/* An error is not written over what somebody else has written there. */
static void test_a_refusal_is_not_lost_to_a_blame(void **state)
{
    (void)state;
    start_intruded(1, 1, 2);
    const berth_failure_t failure = berth_blame(berth, 0, 5);
    assert_int_equal(failure.count, 2);
    assert_int_equal(berth_failure(berth).count, 3);
}

/* --- after a reset --------------------------------------------------------------------------- */

/* The memory as a reset leaves it, with a manager that knows of nothing. */
static void restart(uint8_t count)
{
    lay(count);
    scene_start();
    assert_int_equal(berth_refusals(berth), 0);
}

static void test_records_survive_a_restart(void **state)
{
    (void)state;
    start(MOST);
    scene.now_us = 90 * UNIT_US;
    refuse(1);
    scene.now_us += UNIT_US;
    refuse(2);
    restart(MOST);
    ASSERT_SITES(2, 1);
    berth_failure_t failure = berth_failure(berth);
    assert_int_equal(berth_failure_restarts(&failure), 1);
    assert_int_equal(failure.last, 91);
    refuse(1); /* of this run: it is not counted with the one of the last */
    ASSERT_SITES(1, 2, 1);
    assert_int_equal(berth_failure(berth).count, 1);
    refuse(3);
    restart(MOST);
    ASSERT_SITES(3, 1, 2, 1);
    failure = berth_failure_at(berth, 3);
    assert_int_equal(berth_failure_restarts(&failure), 2);
    refuse(9); /* the most restarts go first */
    ASSERT_SITES(9, 3, 1, 2);
    refuse(8);
    ASSERT_SITES(8, 9, 3, 1);
}

static void test_restarts_are_counted_to_31(void **state)
{
    (void)state;
    start(1);
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    refuse(1);
    berth_guard_leave(berth, before);
    for (uint32_t i = 1; i <= 40; i++) {
        restart(1);
        const berth_failure_t failure = berth_failure(berth);
        assert_int_equal(berth_failure_restarts(&failure), i < 31 ? i : 31);
        assert_int_equal(failure.guards & 7u, BERTH_GUARD_CACHE_OFF);
        assert_int_equal(failure.site, 1);
    }
}

/* One byte of any record changed, in any way: it is never believed, and the others are. */
static void test_a_damaged_record_is_none(void **state)
{
    (void)state;
    start(2);
    refuse(1);
    refuse(2);
    berth_failure_t whole[2];
    memcpy(whole, records, sizeof whole);
    for (uint32_t at = 0; at < sizeof whole[0]; at++) {
        for (uint32_t flip = 1; flip < 256; flip++) {
            memcpy(records, whole, sizeof whole);
            ((uint8_t *)&records[1])[at] ^= (uint8_t)flip;
            assert_int_equal(berth_failure_at(berth, 0).count + berth_failure_at(berth, 1).count,
                             1);
            if (flip % 37 == 1) {
                restart(2);
                assert_int_equal(berth_failure_at(berth, 1).count, 0);
                assert_int_equal(berth_failure_at(berth, 0).site, whole[0].site);
            }
        }
    }
}

/* What is damaged while the manager runs is not counted on. */
static void test_a_damaged_record_is_not_added_to(void **state)
{
    (void)state;
    start(1);
    refuse(1);
    records[0].count = 777;
    refuse(1);
    assert_int_equal(berth_failure(berth).count, 1);
}

/* --- errors ---------------------------------------------------------------------------------- */

static void test_an_error_is_blamed_on_a_refusal_since(void **state)
{
    (void)state;
    start(MOST);
    refuse(7);
    const uint32_t before = berth_refused(berth);
    assert_int_equal(before, 1);
    assert_int_equal(berth_blame(berth, before, -0x2700).count, 0); /* a bad certificate */
    refuse(8);
    berth_failure_t failure = berth_blame(berth, before, -0x7F00);
    assert_int_equal(failure.count, 1);
    assert_int_equal(failure.site, 8);
    assert_int_equal(berth_failure_mistaken(&failure), -0x7F00);
    failure = berth_failure(berth);
    assert_int_equal(berth_failure_mistaken(&failure), -0x7F00);
    failure = berth_failure_at(berth, 1);
    assert_int_equal(berth_failure_mistaken(&failure), 0);
    refuse(8); /* again: what it was mistaken for stays known */
    failure = berth_blame(berth, before, 0);
    assert_int_equal(failure.count, 2);
    assert_int_equal(berth_failure_mistaken(&failure), -0x7F00);
}

static void test_errors_of_any_system_are_noted(void **state)
{
    (void)state;
    start(MOST);
    static const int32_t errors[] = {14, -0x7F00, 0x801A, 65535, -65535, 1, -1};
    refuse(1);
    for (uint32_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        const berth_failure_t failure = berth_blame(berth, 0, errors[i]);
        assert_int_equal(berth_failure_mistaken(&failure), errors[i]);
        assert_int_equal(berth_failure_align(&failure), 0);
    }
}

/* Each context is told of its own. */
static void test_contexts_blame_what_they_met(void **state)
{
    (void)state;
    start(MOST);
    static berth_context_t other;
    other = (berth_context_t){.name = "other"};
    refuse(1);
    scene.running = &other;
    assert_int_equal(berth_refused(berth), 0);
    assert_int_equal(berth_blame(berth, 0, 5).count, 0);
    refuse(2);
    refuse(3);
    scene.running = &scene.task;
    assert_int_equal(berth_refused(berth), 1);
    assert_int_equal(berth_blame(berth, 0, 5).site, 1);
    scene.running = NULL; /* the manager's own */
    assert_int_equal(berth_blame(berth, 0, 5).count, 0);
    refuse(4);
    assert_int_equal(berth_blame(berth, 0, 5).site, 4);
}

/* It was an allocation: that much is known even if the record has gone to another. */
static void test_a_displaced_record_is_missed_not_mixed_up(void **state)
{
    (void)state;
    start(1);
    static berth_context_t other;
    other = (berth_context_t){.name = NULL};
    refuse(1);
    scene.running = &other;
    refuse(2);
    scene.running = &scene.task;
    berth_failure_t failure = berth_blame(berth, 0, 5);
    assert_int_equal(failure.count, 1);
    assert_int_equal(failure.status, BERTH_ERR_UNKNOWN);
    failure = berth_failure(berth);
    assert_int_equal(berth_failure_mistaken(&failure), 0);
    scene.busy = &berth->tables;
    assert_int_equal(berth_blame(berth, 0, 5).status, BERTH_ERR_UNKNOWN);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_size_is_rounded_down_to_twelve_digits),
        cmocka_unit_test(test_every_alignment_is_told),
        cmocka_unit_test(test_the_first_time_does_not_drift),
        cmocka_unit_test(test_refusals_that_are_alike_share_a_record),
        cmocka_unit_test(test_the_oldest_makes_room),
        cmocka_unit_test(test_refusals_of_one_moment_are_kept_in_turn),
        cmocka_unit_test(test_what_has_no_time_is_old),
        cmocka_unit_test(test_the_one_record_inside_does),
        cmocka_unit_test(test_records_that_make_no_sense_are_refused),
        cmocka_unit_test(test_a_refused_lock_costs_the_record_alone),
        cmocka_unit_test(test_refusals_at_once_are_all_counted),
        cmocka_unit_test(test_a_place_that_others_write_is_given_up_in_the_end),
        cmocka_unit_test(test_a_refusal_is_not_lost_to_a_blame),
        cmocka_unit_test(test_records_survive_a_restart),
        cmocka_unit_test(test_restarts_are_counted_to_31),
        cmocka_unit_test(test_a_damaged_record_is_none),
        cmocka_unit_test(test_a_damaged_record_is_not_added_to),
        cmocka_unit_test(test_an_error_is_blamed_on_a_refusal_since),
        cmocka_unit_test(test_errors_of_any_system_are_noted),
        cmocka_unit_test(test_contexts_blame_what_they_met),
        cmocka_unit_test(test_a_displaced_record_is_missed_not_mixed_up),
    };
    return SCENE_RUN(tests);
}
