/* s15_low_water.c: how little was there ever, when, and who held the rest?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S15, after vibepulse #86. Two regions of one kind have their worst moments at different
 * times, and a dip of 5 ms comes between two looks of a sampler. Controls: the sum of each region's
 * own least figure, which is lower than the two ever had together; and a sampler every 10 s, which
 * tells more than twice of what there was. Then the chip is reset, and what was kept is read.
 */
#include "berth/fit.h"
#include "berth/low.h"

#include "scene_core.h"

#include "random.h"

#include <string.h>

#define SECOND 1000000u /* us */
#define MINUTES 10u
#define SAMPLE_EVERY (10u * SECOND)
#define DIP_AT (5u * 60u * SECOND + 3u * SECOND) /* no multiple of 10 s */
#define DIP_LONG 5000u                           /* us */
#define DIP_SIZE 11000u

enum {
    NET = 1,
    DISPLAY = 2,
    OTA = 3
};

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram0 = &scene.regions[0];
static berth_region_t *const sram1 = &scene.regions[1];

static uint32_t held[SCENE_OWNERS];
static berth_low_t joint;
static berth_low_t alone[2];

/* Memory that a reset does not clear. */
static berth_low_kept_t retained;

/* What the test knows without asking: the least of both together, at any instant. */
static struct {
    uint32_t free;
    uint32_t allocatable;
    uint64_t free_time;
    uint32_t sampled; /* the least that a sampler saw */
} truth;

static uint32_t free_now(void)
{
    return scene_room(sram0) + scene_room(sram1);
}

static uint32_t allocatable_now(void)
{
    const uint32_t a = sram0->engine->allocatable(sram0, 0, BERTH_OTHERS);
    const uint32_t b = sram1->engine->allocatable(sram1, 0, BERTH_OTHERS);
    return a > b ? a : b;
}

static void truth_note(void)
{
    if (free_now() < truth.free) {
        truth.free = free_now();
        truth.free_time = scene.now_us;
    }
    truth.allocatable =
        allocatable_now() < truth.allocatable ? allocatable_now() : truth.allocatable;
}

static void board_start(void)
{
    SCENE_LAY(&scene_sram, &scene_sram);
    sram0->name = "sram0";
    sram1->name = "sram1";
    sram1->address += SCENE_SRAM_SIZE;
    sram0->caps[0] |= BERTH_CAP_PLACE(8);
    sram1->caps[0] |= BERTH_CAP_PLACE(9);
    scene_start();
    joint = (berth_low_t){
        .name = "internal", .caps = BERTH_CAP_INTERNAL, .held = held, .kept = &retained};
    assert_int_equal(berth_low_add(berth, &joint), BERTH_OK);
    for (uint32_t i = 0; i < 2; i++) {
        alone[i] = (berth_low_t){.region = &scene.regions[i]};
        assert_int_equal(berth_low_add(berth, &alone[i]), BERTH_OK);
    }
    memset(&truth, 0xFF, sizeof truth);
    truth_note();
}

static void *take(size_t size, uint32_t region, berth_owner_t owner)
{
    const berth_request_t request = {.size = size,
                                     .needed =
                                         region == 0 ? BERTH_CAP_PLACE(8) : BERTH_CAP_PLACE(9),
                                     .owner = owner};
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    truth_note();
    return block;
}

static void give_back(void *block)
{
    berth_free(berth, block);
    truth_note();
}

/* The display's bad moment is in one region, the network's in the other, a minute later. */
static void moments_apart(void)
{
    scene.now_us = 60 * SECOND;
    void *frame = take(24000, 0, DISPLAY);
    scene.now_us = 61 * SECOND;
    give_back(frame);
    scene.now_us = 120 * SECOND;
    void *session = take(20000, 1, NET);
    scene.now_us = 121 * SECOND;
    give_back(session);
}

/* Ten minutes of small things, a sampler beside them, and an update that takes much for 5 ms. */
static void minutes_pass(uint32_t seed)
{
    random_source_t random = random_from(seed);
    void *blocks[20] = {NULL};
    uint64_t next_sample = (scene.now_us / SAMPLE_EVERY + 1) * SAMPLE_EVERY;
    bool is_dip_due = scene.now_us < DIP_AT;
    while (scene.now_us < MINUTES * 60u * SECOND) {
        const uint32_t at = random_below(&random, 20);
        scene.now_us += 20000 + random_below(&random, 50000);
        if (is_dip_due && scene.now_us >= DIP_AT) {
            is_dip_due = false;
            void *dip[2] = {take(DIP_SIZE, 0, OTA), take(DIP_SIZE, 1, OTA)};
            scene.now_us += DIP_LONG;
            give_back(dip[0]);
            give_back(dip[1]);
        } else if (blocks[at] != NULL) {
            give_back(blocks[at]);
            blocks[at] = NULL;
        } else {
            const uint32_t region = random_below(&random, 2);
            blocks[at] = take(random_log(&random, 900), region, region == 0 ? DISPLAY : NET);
        }
        if (scene.now_us >= next_sample) { /* what a monitor task does */
            truth.sampled = free_now() < truth.sampled ? free_now() : truth.sampled;
            next_sample += SAMPLE_EVERY;
        }
    }
    for (uint32_t i = 0; i < 20; i++) {
        give_back(blocks[i]);
    }
}

/* --- the joint figure ------------------------------------------------------------------------- */

static void test_the_joint_least_is_what_there_really_was(void **state)
{
    (void)state;
    board_start();
    moments_apart();
    const berth_low_figures_t got = berth_low_read(berth, &joint);
    assert_int_equal(got.free.bytes, truth.free);
    assert_int_equal(got.free.time_us, 60 * SECOND);
    assert_int_equal(got.free.owners[0], DISPLAY);
    assert_true(got.free.held[0] >= 24000);
    assert_int_equal(got.allocatable.bytes, truth.allocatable);
}

static void test_control_the_sum_of_least_figures_never_was(void **state)
{
    (void)state;
    board_start();
    moments_apart();
    const uint32_t sum =
        berth_low_read(berth, &alone[0]).free.bytes + berth_low_read(berth, &alone[1]).free.bytes;
    assert_true(sum + 20000 <= truth.free);
    assert_int_equal(berth_low_read(berth, &joint).free.bytes, truth.free);
}

/* --- the dip ---------------------------------------------------------------------------------- */

static void test_a_dip_of_5_ms_is_seen_with_its_time_and_who_it_was(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        board_start();
        minutes_pass(seed);
        const berth_low_figures_t got = berth_low_read(berth, &joint);
        assert_int_equal(got.free.bytes, truth.free);
        assert_int_equal(got.free.time_us, truth.free_time);
        assert_int_equal(got.allocatable.bytes, truth.allocatable);
        assert_true(got.free.time_us >= DIP_AT && got.free.time_us < DIP_AT + SECOND);
        assert_int_equal(got.free.owners[0], OTA);
        assert_true(got.free.held[0] >= 2 * DIP_SIZE);
    }
}

static void test_control_a_sampler_misses_the_dip(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        board_start();
        minutes_pass(seed);
        assert_true(truth.sampled >= truth.free + 2 * DIP_SIZE - 4000);
    }
}

/* --- windows ---------------------------------------------------------------------------------- */

static void test_each_window_has_its_own_beginning(void **state)
{
    (void)state;
    static uint32_t of_its_own[SCENE_OWNERS];
    berth_low_t later = {.caps = BERTH_CAP_INTERNAL, .held = of_its_own};
    board_start();
    moments_apart();
    const uint32_t least = truth.free;
    assert_int_equal(berth_low_add(berth, &later), BERTH_OK);
    truth.free = UINT32_MAX;
    minutes_pass(3);
    const berth_least_t since = berth_low_read(berth, &later).free;
    assert_int_equal(since.bytes, truth.free);
    assert_true(since.time_us >= DIP_AT);
    scene.now_us += SECOND;
    assert_int_equal(berth_low_reset(berth, &later), BERTH_OK);
    assert_int_equal(berth_low_read(berth, &later).free.bytes, free_now());
    const uint32_t joint_least = least < truth.free ? least : truth.free;
    assert_int_equal(berth_low_read(berth, &joint).free.bytes, joint_least); /* it went on */
}

/* --- a reset ---------------------------------------------------------------------------------- */

static void test_what_was_so_is_known_after_a_reset(void **state)
{
    (void)state;
    board_start();
    minutes_pass(1);
    const berth_low_figures_t before = berth_low_read(berth, &joint);
    memset(&scene, 0, sizeof scene); /* the chip is reset: all is gone but `retained` */
    memset(held, 0, sizeof held);
    const berth_low_record_t record = berth_low_recall(&retained);
    assert_int_equal(record.status, BERTH_OK);
    assert_true(record.is_last);
    assert_memory_equal(&record.figures, &before, sizeof before);
    board_start(); /* and it begins again */
    assert_int_equal(berth_low_recall(&retained).figures.free.bytes, free_now());
}

static void test_a_damaged_record_is_no_record(void **state)
{
    (void)state;
    random_source_t random = random_from(15);
    for (uint32_t round = 0; round < 10000; round++) {
        uint32_t *words = (uint32_t *)(void *)&retained;
        for (uint32_t i = 0; i < sizeof retained / 4; i++) { /* it lost its supply */
            words[i] = random_next(&random);
        }
        const berth_low_record_t record = berth_low_recall(&retained);
        assert_int_equal(record.status, BERTH_ERR_CORRUPT);
        assert_int_equal(record.figures.free.bytes, 0);
    }
    board_start();
    minutes_pass(1);
    retained.slots[0].figures.free.bytes -= 4096;
    retained.slots[1].figures.free.bytes -= 4096;
    assert_int_equal(berth_low_recall(&retained).status, BERTH_ERR_CORRUPT);
}

/* --- and when all is well --------------------------------------------------------------------- */

/* A steady device: the least is reached while it starts, and never again; nothing is told. */
static void test_a_steady_run_has_no_new_least_and_tells_nothing(void **state)
{
    (void)state;
    board_start();
    void *blocks[10];
    for (uint32_t i = 0; i < 10; i++) {
        scene.now_us = 1 + i;
        blocks[i] = take(1000, i % 2, NET);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        scene.now_us += SECOND;
        give_back(blocks[i % 10]);
        blocks[i % 10] = take(1000, i % 2, NET);
    }
    const berth_low_figures_t got = berth_low_read(berth, &joint);
    assert_int_equal(got.free.time_us, 10);
    assert_int_equal(got.allocatable.time_us, 10);
    assert_int_equal(got.free.bytes, free_now());
    assert_int_equal(scene.logged + scene.asserted, 0);
    assert_int_equal(berth_failure(berth).count, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_joint_least_is_what_there_really_was),
        cmocka_unit_test(test_control_the_sum_of_least_figures_never_was),
        cmocka_unit_test(test_a_dip_of_5_ms_is_seen_with_its_time_and_who_it_was),
        cmocka_unit_test(test_control_a_sampler_misses_the_dip),
        cmocka_unit_test(test_each_window_has_its_own_beginning),
        cmocka_unit_test(test_what_was_so_is_known_after_a_reset),
        cmocka_unit_test(test_a_damaged_record_is_no_record),
        cmocka_unit_test(test_a_steady_run_has_no_new_least_and_tells_nothing),
    };
    return SCENE_RUN(tests);
}
