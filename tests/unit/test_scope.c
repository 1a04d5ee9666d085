/* test_scope.c: who grows each time that a mode is entered, and who only seems to.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/scope.h"

#include "scene_core.h"

#include "random.h"

#include <string.h>

#define ROOM (2u * SCENE_OWNERS)
#define LIMIT 5u

static berth_t *const berth = &scene.berth;

static berth_scope_row_t rows[ROOM];
static berth_scope_t scope;
static const char name[] = "wifi";

static void scope_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    memset(rows, 0, sizeof rows);
    scope = (berth_scope_t){.name = name, .rows = rows, .capacity = ROOM, .entries_limit = LIMIT};
}

static void *alloc_for(size_t size, berth_caps_t needed, berth_owner_t owner)
{
    const berth_request_t request = {.size = size, .needed = needed, .owner = owner};
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    return block;
}

/* Enters the mode, where `size` bytes are not given back, and leaves it. Returns what is told. */
static uint32_t mode_run(size_t size)
{
    const uint32_t told = berth_scope_enter(berth, &scope);
    void *working = alloc_for(2000, 0, WIFI);
    if (size != 0) {
        (void)alloc_for(size, BERTH_CAP_EXTERNAL, TLS);
    }
    berth_free(berth, working);
    berth_scope_leave(berth, &scope);
    return told;
}

static void test_a_leak_is_told_once_it_is_one(void **state)
{
    (void)state;
    scope_start();
    for (uint32_t i = 0; i < LIMIT; i++) {
        assert_int_equal(mode_run(100), 0);
    }
    const uint32_t held = berth_account(berth, &scene.regions[1], TLS).live;
    assert_int_equal(mode_run(100), 1);
    berth_event_t event = {.kind = 0};
    while (event.kind != BERTH_EVENT_LEAK) {
        assert_int_equal(berth_poll(berth, &event, 1), 1);
    }
    assert_int_equal(event.region, 1);
    assert_int_equal(event.owner, TLS);
    assert_int_equal(event.size, held);
    assert_int_equal(event.taken, LIMIT);
    assert_int_equal(event.status, BERTH_OK);
    assert_int_equal(event.offset, BERTH_NOWHERE);
    assert_int_equal(event.site, (uint32_t)(uintptr_t)name);
    assert_string_equal(berth_event_name(event.kind), "leak");
}

static void test_it_is_told_again_when_it_has_doubled(void **state)
{
    (void)state;
    scope_start();
    uint32_t told = 0;
    for (uint32_t i = 0; i <= 4 * LIMIT; i++) {
        told += mode_run(20);
        assert_int_equal(told, (i >= LIMIT) + (i >= 2 * LIMIT) + (i >= 4 * LIMIT));
    }
}

static void test_a_warm_up_that_settles_is_none(void **state)
{
    (void)state;
    scope_start();
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(mode_run(i < LIMIT - 1 ? 200 : 0), 0);
    }
}

static void test_going_up_and_down_is_none(void **state)
{
    (void)state;
    scope_start();
    void *cache[4] = {NULL};
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(berth_scope_enter(berth, &scope), 0);
        if (i % 5 == 4) { /* a cache fills up, and is dropped */
            for (uint32_t j = 0; j < 4; j++) {
                berth_free(berth, cache[j]);
            }
        } else {
            cache[i % 5] = alloc_for(300, 0, WIFI);
        }
        berth_scope_leave(berth, &scope);
    }
}

/* A streak that is broken once begins anew, and its bytes are counted from there. */
static void test_one_entry_without_growth_ends_a_streak(void **state)
{
    (void)state;
    scope_start();
    for (uint32_t i = 0; i < LIMIT - 1; i++) {
        assert_int_equal(mode_run(100), 0);
    }
    assert_int_equal(mode_run(0), 0);
    const uint32_t held = berth_account(berth, &scene.regions[1], TLS).live;
    for (uint32_t i = 0; i < LIMIT; i++) {
        assert_int_equal(mode_run(100), 0);
    }
    const uint32_t more = berth_account(berth, &scene.regions[1], TLS).live - held;
    assert_int_equal(berth_scope_enter(berth, &scope), 1);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_LEAK);
    assert_int_equal(event.size, more);
    assert_int_equal(event.taken, LIMIT);
}

static void test_the_next_leak_is_told_as_early_as_the_first(void **state)
{
    (void)state;
    scope_start();
    for (uint32_t leak = 0; leak < 3; leak++) {
        for (uint32_t i = 0; i < LIMIT; i++) {
            assert_int_equal(mode_run(100), 0);
        }
        assert_int_equal(mode_run(0), 1);
        assert_int_equal(mode_run(0), 0);
    }
}

/* Nobody grows who holds less than once before: a leak is not seen until it has outgrown that. */
static void test_a_leak_is_seen_when_it_has_outgrown_what_was_there(void **state)
{
    (void)state;
    scope_start();
    void *peak = alloc_for(1000, BERTH_CAP_EXTERNAL, TLS);
    assert_int_equal(mode_run(0), 0);
    berth_free(berth, peak);
    uint32_t entries = 0;
    while (mode_run(100) == 0) {
        entries++;
    }
    assert_true(entries >= 1000 / 104 + LIMIT);
    assert_true(entries <= 1000 / 104 + LIMIT + 2);
}

/* Who grows while the mode is not on is not the mode's to answer for. */
static void test_growth_outside_of_the_mode_is_not_its(void **state)
{
    (void)state;
    scope_start();
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(mode_run(0), 0);
        (void)alloc_for(20, 0, LVGL);
    }
}

/* What is freed soon after the mode was left is no leak of it. */
static void test_what_is_freed_later_is_none(void **state)
{
    (void)state;
    scope_start();
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(berth_scope_enter(berth, &scope), 0);
        void *late = alloc_for(500, 0, WIFI);
        berth_scope_leave(berth, &scope);
        berth_free(berth, late);
    }
}

/* Nobody says when it is left: then an entry is compared with the entry before. */
static void test_a_mode_that_is_never_left_is_compared_by_entries(void **state)
{
    (void)state;
    scope_start();
    uint32_t told = 0;
    for (uint32_t i = 0; i <= LIMIT; i++) {
        assert_int_equal(told, 0);
        told += berth_scope_enter(berth, &scope);
        (void)alloc_for(20, 0, WIFI);
    }
    assert_int_equal(told, 1);
}

static void test_eight_entries_are_the_default(void **state)
{
    (void)state;
    scope_start();
    scope.entries_limit = 0;
    for (uint32_t i = 0; i <= BERTH_SCOPE_ENTRIES; i++) {
        assert_int_equal(mode_run(20), i == BERTH_SCOPE_ENTRIES);
    }
}

static void test_rows_that_are_not_there_are_not_looked_at(void **state)
{
    (void)state;
    scope_start();
    scope.capacity = SCENE_OWNERS + TLS;
    rows[scope.capacity].streak = 0xA5;
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(mode_run(20), 0);
    }
    assert_int_equal(rows[scope.capacity].streak, 0xA5);
    berth_t asleep = {.config = NULL};
    assert_int_equal(berth_scope_enter(&asleep, &scope), 0);
    berth_scope_leave(&asleep, &scope);
}

/* Many devices, a random life each: nothing is told of those that give back what they took. */
static void test_a_healthy_fleet_is_silent(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 50; seed++) {
        random_source_t random = random_from(seed);
        void *cache[8] = {NULL};
        scope_start();
        scope.entries_limit = 0;
        for (uint32_t i = 0; i < 2000; i++) {
            assert_int_equal(berth_scope_enter(berth, &scope), 0);
            void **slot = &cache[random_below(&random, 8)];
            berth_free(berth, *slot);
            *slot =
                random_percent(&random, 50) ? alloc_for(random_log(&random, 2000), 0, WIFI) : NULL;
            berth_scope_leave(berth, &scope);
        }
        assert_int_equal(scene_count(BERTH_EVENT_LEAK), 0);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_leak_is_told_once_it_is_one),
        cmocka_unit_test(test_it_is_told_again_when_it_has_doubled),
        cmocka_unit_test(test_a_warm_up_that_settles_is_none),
        cmocka_unit_test(test_going_up_and_down_is_none),
        cmocka_unit_test(test_one_entry_without_growth_ends_a_streak),
        cmocka_unit_test(test_the_next_leak_is_told_as_early_as_the_first),
        cmocka_unit_test(test_a_leak_is_seen_when_it_has_outgrown_what_was_there),
        cmocka_unit_test(test_growth_outside_of_the_mode_is_not_its),
        cmocka_unit_test(test_what_is_freed_later_is_none),
        cmocka_unit_test(test_a_mode_that_is_never_left_is_compared_by_entries),
        cmocka_unit_test(test_eight_entries_are_the_default),
        cmocka_unit_test(test_rows_that_are_not_there_are_not_looked_at),
        cmocka_unit_test(test_a_healthy_fleet_is_silent),
    };
    return SCENE_RUN(tests);
}
