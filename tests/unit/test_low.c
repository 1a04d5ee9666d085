/* test_low.c: low water: what a window begins with, what it notes, and what a reset leaves of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/low.h"

#include "scene_core.h"

#include <stddef.h>
#include <string.h>

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

static uint32_t held[SCENE_OWNERS];
static berth_low_kept_t kept;
static berth_low_t low;

/* Begins a window over `sram` and `psram`, with all that a window can have. */
static void low_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    memset(&kept, 0xA5, sizeof kept);
    low = (berth_low_t){.caps = BERTH_CAP_DEFAULT, .held = held, .kept = &kept};
    scene.now_us = 100;
    assert_int_equal(berth_low_add(berth, &low), BERTH_OK);
}

static void *alloc_at(uint64_t time, size_t size, berth_caps_t needed, berth_owner_t owner)
{
    scene.now_us = time;
    const berth_request_t request = {.size = size, .needed = needed, .owner = owner};
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    return block;
}

static uint32_t allocatable_of(const berth_region_t *region)
{
    return region->engine->allocatable(region, 0, BERTH_OTHERS);
}

static void assert_same(const berth_least_t *a, const berth_least_t *b)
{
    assert_memory_equal(a, b, sizeof *a);
}

static void test_a_window_begins_with_what_is_so_now(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    berth_free(berth, alloc_at(1, 20000, BERTH_CAP_INTERNAL, LVGL));
    (void)alloc_at(2, 1000, BERTH_CAP_INTERNAL, WIFI);
    (void)alloc_at(2, 3000, BERTH_CAP_INTERNAL, BERTH_OTHERS);
    scene.now_us = 7;
    low = (berth_low_t){.region = first, .held = held};
    memset(held, 0xA5, sizeof held);
    assert_int_equal(berth_low_add(berth, &low), BERTH_OK);
    const berth_low_figures_t got = berth_low_read(berth, &low);
    assert_int_equal(got.free.bytes, scene_room(first));
    assert_int_equal(got.allocatable.bytes, allocatable_of(first));
    assert_int_equal(got.free.time_us, 7);
    assert_int_equal(got.free.owners[0], BERTH_OTHERS);
    assert_int_equal(got.free.held[0], berth_account(berth, first, BERTH_OTHERS).live);
    assert_int_equal(got.free.owners[1], WIFI);
    assert_int_equal(got.free.held[1], berth_account(berth, first, WIFI).live);
    assert_int_equal(got.free.owners[2], BERTH_NO_OWNER);
    assert_int_equal(got.free.held[2], 0);
}

static void test_a_dip_is_noted_with_its_time_and_its_owners(void **state)
{
    (void)state;
    low_start();
    void *a = alloc_at(200, 5000, BERTH_CAP_INTERNAL, LVGL);
    void *b = alloc_at(300, 9000, BERTH_CAP_EXTERNAL, TLS);
    const uint32_t room = scene_room(first) + scene_room(second);
    scene.now_us = 400;
    berth_free(berth, b);
    berth_free(berth, a);
    (void)alloc_at(500, 8000, BERTH_CAP_EXTERNAL, WIFI);
    const berth_low_figures_t got = berth_low_read(berth, &low);
    assert_int_equal(got.free.bytes, room);
    assert_int_equal(got.free.time_us, 300);
    assert_int_equal(got.free.owners[0], TLS);
    assert_int_equal(got.free.owners[1], LVGL);
    assert_true(got.free.held[0] >= 9000 && got.free.held[0] < 9016);
    assert_true(got.free.held[1] >= 5000 && got.free.held[1] < 5016);
    assert_int_equal(got.allocatable.time_us, 300); /* psram's is the larger by far */
}

static void test_the_first_of_equal_dips_counts(void **state)
{
    (void)state;
    low_start();
    void *block = alloc_at(200, 5000, BERTH_CAP_INTERNAL, LVGL);
    const berth_low_figures_t before = berth_low_read(berth, &low);
    berth_free(berth, block);
    (void)alloc_at(300, 5000, BERTH_CAP_INTERNAL, WIFI);
    const berth_low_figures_t after = berth_low_read(berth, &low);
    assert_same(&before.free, &after.free);
    assert_same(&before.allocatable, &after.allocatable);
}

static void test_allocatable_may_dip_while_more_is_free(void **state)
{
    (void)state;
    low_start();
    low_start(); /* a second time: all is forgotten */
    berth_low_t alone = {.region = first};
    void *blocks[3];
    for (uint32_t i = 0; i < 3; i++) {
        blocks[i] = alloc_at(200 + i, 8000, BERTH_CAP_INTERNAL, LVGL);
    }
    assert_int_equal(berth_low_add(berth, &alone), BERTH_OK);
    const uint32_t most = allocatable_of(first);
    scene.now_us = 300;
    berth_free(berth, blocks[1]); /* a hole as large as the rest, more or less */
    (void)alloc_at(400, allocatable_of(first), BERTH_CAP_INTERNAL, WIFI);
    const berth_low_figures_t got = berth_low_read(berth, &alone);
    assert_true(got.allocatable.bytes < most);
    assert_int_equal(got.allocatable.bytes, allocatable_of(first));
    assert_int_equal(got.allocatable.time_us, 400);
    assert_int_equal(got.free.owners[0], BERTH_NO_OWNER); /* nobody said where to count them */
}

static void test_five_owners_the_four_that_hold_most_are_told(void **state)
{
    (void)state;
    low_start();
    static const uint32_t sizes[] = {1000, 3000, 500, 4000, 2000};
    for (uint32_t i = 0; i < 5; i++) {
        (void)alloc_at(200, sizes[i], BERTH_CAP_INTERNAL, (berth_owner_t)(1 + i));
    }
    const berth_least_t least = berth_low_read(berth, &low).free;
    static const berth_owner_t expected[] = {4, 2, 5, 1};
    for (uint32_t i = 0; i < BERTH_LOW_OWNERS; i++) {
        assert_int_equal(least.owners[i], expected[i]);
        assert_true(least.held[i] >= sizes[expected[i] - 1]);
    }
}

static void test_a_reset_begins_the_window_anew(void **state)
{
    (void)state;
    low_start();
    berth_free(berth, alloc_at(200, 9000, BERTH_CAP_INTERNAL, LVGL));
    scene.now_us = 300;
    assert_int_equal(berth_low_reset(berth, &low), BERTH_OK);
    const berth_low_figures_t got = berth_low_read(berth, &low);
    assert_int_equal(got.free.bytes, scene_room(first) + scene_room(second));
    assert_int_equal(got.free.time_us, 300);
    assert_int_equal(got.free.owners[0], BERTH_NO_OWNER);
    assert_int_equal(got.allocatable.time_us, 300);
}

static void test_a_window_that_ended_is_left_alone(void **state)
{
    (void)state;
    low_start();
    berth_low_t other = {.region = first};
    assert_int_equal(berth_low_add(berth, &other), BERTH_OK);
    assert_int_equal(berth_low_remove(berth, &low), BERTH_OK);
    const berth_low_t before = low;
    (void)alloc_at(200, 9000, BERTH_CAP_INTERNAL, LVGL);
    assert_memory_equal(&low, &before, sizeof low);
    assert_int_equal(berth_low_read(berth, &other).free.bytes, scene_room(first));
    assert_null(second->follow); /* nobody is interested any more */
    assert_int_equal(berth_low_remove(berth, &other), BERTH_OK);
    assert_null(first->follow);
    assert_int_equal(berth_low_remove(berth, &other), BERTH_ERR_INVALID);
    assert_int_equal(berth_low_reset(berth, &other), BERTH_ERR_INVALID);
}

static void test_add_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_foreign);
    scene_start();
    low = (berth_low_t){.name = "nothing"};
    assert_int_equal(berth_low_add(berth, &low), BERTH_ERR_INVALID);
    low.region = second; /* nobody knows its capacity */
    assert_int_equal(berth_low_add(berth, &low), BERTH_ERR_INVALID);
    low.region = first;
    assert_int_equal(berth_low_add(berth, &low), BERTH_OK);
    assert_int_equal(berth_low_add(berth, &low), BERTH_ERR_INVALID);
    berth_t asleep = {.config = NULL};
    berth_low_t other = {.region = first};
    assert_int_equal(berth_low_add(&asleep, &other), BERTH_ERR_INVALID);
    assert_int_equal(berth_low_remove(&asleep, &other), BERTH_ERR_INVALID);
    assert_int_equal(berth_low_reset(&asleep, &other), BERTH_ERR_INVALID);
    assert_int_equal(berth_low_read(&asleep, &other).free.bytes, 0);
}

static void test_a_refused_lock_is_told_and_leaves_nothing_behind(void **state)
{
    (void)state;
    for (uint32_t after = 1; after <= 6; after++) {
        SCENE_LAY(&scene_sram, &scene_psram);
        scene_start();
        low = (berth_low_t){.caps = BERTH_CAP_DEFAULT, .held = held};
        scene.refuse_after = after;
        const berth_status_t status = berth_low_add(berth, &low);
        scene.refuse_after = 0;
        assert_int_equal(status, after <= 5 ? BERTH_ERR_BUSY : BERTH_OK);
        (void)alloc_at(200, 100, 0, LVGL);
        if (status != BERTH_OK) {
            assert_int_equal(berth_low_add(berth, &low), BERTH_OK);
        }
        assert_int_equal(berth_low_read(berth, &low).free.bytes,
                         scene_room(first) + scene_room(second));
        scene.busy = &berth->tables;
        assert_int_equal(berth_low_reset(berth, &low), BERTH_ERR_BUSY);
        assert_int_equal(berth_low_remove(berth, &low), BERTH_ERR_BUSY);
        scene.busy = NULL;
    }
}

static void test_a_change_that_could_not_be_told_is_told_with_the_next(void **state)
{
    (void)state;
    low_start();
    const uint32_t lost = berth_lost(berth);
    scene.busy = &berth->tables;
    void *block = alloc_at(200, 4000, BERTH_CAP_INTERNAL, LVGL);
    scene.busy = NULL;
    assert_int_equal(berth_lost(berth), lost + 1);
    (void)alloc_at(300, 100, BERTH_CAP_INTERNAL, LVGL);
    const berth_least_t least = berth_low_read(berth, &low).free;
    assert_int_equal(least.bytes, scene_room(first) + scene_room(second));
    assert_int_equal(least.held[0], berth_account(berth, first, LVGL).live);
    berth_free(berth, block);
}

static void test_a_region_that_is_added_joins(void **state)
{
    (void)state;
    low_start();
    berth_low_t nobody = {.caps = BERTH_CAP_PLACE(0), .held = held};
    assert_int_equal(berth_low_add(berth, &nobody), BERTH_OK);
    assert_int_equal(berth_low_read(berth, &nobody).free.bytes, 0);
    static berth_account_t accounts[SCENE_OWNERS];
    static berth_region_t added;
    added = scene_pool;
    added.base = scene_more(added.size);
    added.accounts = accounts;
    scene.now_us = 900;
    assert_int_equal(berth_region_add(berth, &added), BERTH_OK);
    assert_int_equal(berth_low_read(berth, &nobody).free.bytes, added.capacity);
    assert_int_equal(berth_low_read(berth, &nobody).free.time_us, 900);
    assert_int_equal(berth_low_read(berth, &low).free.time_us, 100); /* no window of its */
    (void)alloc_at(1000, 10, BERTH_CAP_PLACE(0), WIFI);
    const berth_low_figures_t got = berth_low_read(berth, &nobody);
    assert_int_equal(got.free.bytes, added.capacity - added.total.live);
    assert_int_equal(got.free.owners[0], WIFI);
}

/* An ISR's allocation from a pool is followed like any other. */
static void test_what_an_isr_does_is_followed(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_pool);
    scene_start();
    low = (berth_low_t){.region = second, .held = held};
    assert_int_equal(berth_low_add(berth, &low), BERTH_OK);
    berth_context_t isr = {.guards = BERTH_GUARD_ISR};
    scene.running = &isr;
    (void)alloc_at(50, 10, BERTH_CAP_PLACE(0), WIFI);
    assert_int_equal(berth_low_read(berth, &low).free.bytes, scene_room(second));
    assert_int_equal(berth_low_read(berth, &low).free.time_us, 50);
}

static void test_sums_of_more_than_4_gb_do_not_wrap(void **state)
{
    (void)state;
    low_start();
    low.free_now += 1ull << 33;
    assert_int_equal(berth_low_reset(berth, &low), BERTH_OK);
    assert_int_equal(berth_low_read(berth, &low).free.bytes, UINT32_MAX);
    (void)alloc_at(200, 4000, BERTH_CAP_INTERNAL, LVGL);
    assert_int_equal(berth_low_read(berth, &low).free.bytes, UINT32_MAX);
}

/* --- what a reset leaves ---------------------------------------------------------------------- */

static void assert_kept_is_what_is_so(void)
{
    const berth_low_record_t record = berth_low_recall(&kept);
    const berth_low_figures_t now = berth_low_read(berth, &low);
    assert_int_equal(record.status, BERTH_OK);
    assert_true(record.is_last);
    assert_same(&record.figures.free, &now.free);
    assert_same(&record.figures.allocatable, &now.allocatable);
}

static void test_each_least_figure_is_kept_at_once(void **state)
{
    (void)state;
    low_start();
    assert_kept_is_what_is_so();
    for (uint32_t i = 0; i < 5; i++) {
        (void)alloc_at(200 + i, 1000, BERTH_CAP_INTERNAL, LVGL);
        assert_kept_is_what_is_so();
    }
    assert_int_equal(berth_low_reset(berth, &low), BERTH_OK);
    assert_kept_is_what_is_so();
}

static void test_nothing_was_ever_kept(void **state)
{
    (void)state;
    memset(&kept, 0, sizeof kept);
    assert_int_equal(berth_low_recall(&kept).status, BERTH_ERR_UNKNOWN);
    memset(&kept, 0xA5, sizeof kept);
    assert_int_equal(berth_low_recall(&kept).status, BERTH_ERR_CORRUPT);
    memset(&kept, 0xFF, sizeof kept);
    assert_int_equal(berth_low_recall(&kept).status, BERTH_ERR_CORRUPT);
    assert_int_equal(berth_low_recall(&kept).figures.free.bytes, 0);
}

/* Whatever byte of the later record is damaged, however, it is not believed; the one before it is,
 * but not as the last. */
static void test_no_damaged_record_is_believed(void **state)
{
    (void)state;
    low_start();
    (void)alloc_at(200, 1000, BERTH_CAP_INTERNAL, LVGL);
    const berth_low_figures_t before = berth_low_read(berth, &low);
    (void)alloc_at(300, 1000, BERTH_CAP_INTERNAL, LVGL);
    const berth_low_kept_t sound = kept;
    const uint32_t last = kept.slots[1].number > kept.slots[0].number;
    for (size_t byte = 0; byte < sizeof kept.slots[0]; byte++) {
        for (uint32_t flip = 1; flip < 256; flip++) {
            kept = sound;
            ((uint8_t *)&kept.slots[last])[byte] ^= (uint8_t)flip;
            berth_low_record_t record = berth_low_recall(&kept);
            assert_int_equal(record.status, BERTH_OK);
            assert_false(record.is_last);
            assert_same(&record.figures.free, &before.free);
            ((uint8_t *)&kept.slots[1 - last])[byte] ^= (uint8_t)flip;
            record = berth_low_recall(&kept);
            assert_int_equal(record.status, BERTH_ERR_CORRUPT);
            assert_int_equal(record.figures.free.time_us, 0);
        }
    }
}

/* Nor one of which any two bits are wrong. */
static void test_no_record_with_two_wrong_bits_is_believed(void **state)
{
    (void)state;
    low_start();
    (void)alloc_at(200, 1000, BERTH_CAP_INTERNAL, LVGL);
    const uint32_t last = kept.slots[1].number > kept.slots[0].number;
    uint8_t *record = (uint8_t *)&kept.slots[last];
    memset(&kept.slots[1 - last], 0, sizeof kept.slots[0]);
    assert_int_equal(berth_low_recall(&kept).status, BERTH_OK);
    for (size_t a = 0; a < 8 * sizeof kept.slots[0]; a++) {
        record[a / 8] ^= (uint8_t)(1u << a % 8);
        for (size_t b = 0; b < a; b++) {
            record[b / 8] ^= (uint8_t)(1u << b % 8);
            assert_int_equal(berth_low_recall(&kept).status, BERTH_ERR_CORRUPT);
            record[b / 8] ^= (uint8_t)(1u << b % 8);
        }
        record[a / 8] ^= (uint8_t)(1u << a % 8);
    }
}

/* A reset in the middle of writing leaves any part of the new record in place of the old one. */
static void test_a_reset_in_the_middle_of_writing_leaves_the_record_before(void **state)
{
    (void)state;
    low_start();
    (void)alloc_at(200, 1000, BERTH_CAP_INTERNAL, LVGL);
    const berth_low_kept_t before = kept;
    const berth_low_figures_t figures = berth_low_read(berth, &low);
    (void)alloc_at(300, 1000, BERTH_CAP_INTERNAL, WIFI);
    const berth_low_kept_t after = kept;
    for (size_t written = 4; written + 4 < sizeof kept; written += 4) {
        kept = before;
        memcpy(&kept, &after, written);
        const berth_low_record_t record = berth_low_recall(&kept);
        assert_int_equal(record.status, BERTH_OK);
        assert_true(memcmp(&record.figures.free, &figures.free, sizeof figures.free) == 0 ||
                    record.figures.free.time_us == 300);
    }
}

/* What an earlier run kept is overwritten before the window begins: nobody takes it for its own. */
static void test_an_old_record_does_not_outlive_the_next_add(void **state)
{
    (void)state;
    low_start();
    for (uint32_t i = 0; i < 9; i++) {
        (void)alloc_at(200 + i, 1000, BERTH_CAP_INTERNAL, LVGL);
    }
    const berth_low_kept_t old = kept;
    low_start();
    kept = old; /* as it survived */
    assert_int_equal(berth_low_recall(&kept).figures.free.time_us, 208);
    assert_int_equal(berth_low_remove(berth, &low), BERTH_OK);
    scene.now_us = 11;
    assert_int_equal(berth_low_add(berth, &low), BERTH_OK);
    assert_kept_is_what_is_so();
    assert_int_equal(berth_low_recall(&kept).figures.free.time_us, 11);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_begins_with_what_is_so_now),
        cmocka_unit_test(test_a_dip_is_noted_with_its_time_and_its_owners),
        cmocka_unit_test(test_the_first_of_equal_dips_counts),
        cmocka_unit_test(test_allocatable_may_dip_while_more_is_free),
        cmocka_unit_test(test_five_owners_the_four_that_hold_most_are_told),
        cmocka_unit_test(test_a_reset_begins_the_window_anew),
        cmocka_unit_test(test_a_window_that_ended_is_left_alone),
        cmocka_unit_test(test_add_refuses_what_makes_no_sense),
        cmocka_unit_test(test_a_refused_lock_is_told_and_leaves_nothing_behind),
        cmocka_unit_test(test_a_change_that_could_not_be_told_is_told_with_the_next),
        cmocka_unit_test(test_a_region_that_is_added_joins),
        cmocka_unit_test(test_what_an_isr_does_is_followed),
        cmocka_unit_test(test_sums_of_more_than_4_gb_do_not_wrap),
        cmocka_unit_test(test_each_least_figure_is_kept_at_once),
        cmocka_unit_test(test_nothing_was_ever_kept),
        cmocka_unit_test(test_no_damaged_record_is_believed),
        cmocka_unit_test(test_no_record_with_two_wrong_bits_is_believed),
        cmocka_unit_test(test_a_reset_in_the_middle_of_writing_leaves_the_record_before),
        cmocka_unit_test(test_an_old_record_does_not_outlive_the_next_add),
    };
    return SCENE_RUN(tests);
}
