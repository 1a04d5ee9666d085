/* test_failure.c: does the record of a refusal say why, and is it put into words to the letter?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include <string.h>

#define BIG 1000000u

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

/* --- the record ------------------------------------------------------------------------------ */

static void test_nothing_was_refused_at_first(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    assert_non_null(berth_malloc(berth, 100, 0));
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(sizeof(berth_failure_t), 64);
}

static void test_a_record_tells_all_that_was_asked(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    scene.now_us = 1234567890;
    scene.task.name = "mqtt";
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    const berth_request_t request = {.size = BIG,
                                     .align = 64,
                                     .needed = BERTH_CAP_DMA | BERTH_CAP_INTERNAL,
                                     .owner = LVGL,
                                     .site = 0xCAFE};
    assert_null(berth_alloc(berth, &request));
    berth_guard_leave(berth, before);
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(failure.last, 1234567890 / 65536);
    assert_int_equal(berth_failure_last_us(&failure), 1234567890 / 65536 * 65536);
    assert_int_equal(berth_failure_first_us(&failure), 1234567890 / 65536 * 65536);
    assert_int_equal(failure.context, (uint32_t)(uintptr_t)scene.task.name);
    assert_int_equal(failure.count, 1);
    assert_int_equal(failure.size, BIG);
    assert_int_equal(berth_failure_align(&failure), 64);
    assert_int_equal(berth_failure_mistaken(&failure), 0);
    assert_int_equal(berth_failure_restarts(&failure), 0);
    assert_int_equal(failure.needed, BERTH_CAP_BYTES | BERTH_CAP_DMA | BERTH_CAP_INTERNAL);
    assert_int_equal(failure.site, 0xCAFE);
    assert_int_equal(failure.owner, LVGL);
    assert_int_equal(failure.status, BERTH_ERR_NOMEM);
    assert_int_equal(failure.guards, BERTH_GUARD_CACHE_OFF);
    assert_int_equal(berth_failure_reasons(&failure), 1);
    assert_int_equal(failure.reasons[0].region, 0);
    assert_int_equal(failure.reasons[0].status, BERTH_ERR_NOMEM);
}

static void test_refusals_are_counted_and_the_last_is_kept(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    for (uint32_t i = 1; i <= 5; i++) {
        assert_null(berth_malloc(berth, BIG + i, 0));
        void *block = berth_malloc(berth, 8, 0);
        assert_int_equal(berth_refusals(berth), i);
        assert_int_equal(berth_failure(berth).count, 1);
        assert_int_equal(berth_failure(berth).size, BIG + i);
        assert_int_equal(berth_try_free(berth, block), BERTH_OK);
        assert_int_equal(berth_try_free(berth, block), BERTH_ERR_INVALID);
    }
    assert_int_equal(berth_refusals(berth), 5); /* a wrong free is no refused request */
}

static void test_the_first_four_regions_are_told_of(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_sram, &scene_sram, &scene_sram, &scene_sram, &scene_sram);
    scene_start();
    assert_null(berth_malloc(berth, BIG, 0));
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(berth_failure_reasons(&failure), BERTH_REASONS);
    for (uint8_t i = 0; i < BERTH_REASONS; i++) {
        assert_int_equal(failure.reasons[i].region, i);
        assert_int_equal(scene.regions[i].refused, 1);
    }
    assert_int_equal(scene.regions[5].refused, 1);
}

static void test_a_region_that_was_asked_twice_is_told_of_once(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    assert_non_null(berth_malloc(berth, 5000, BERTH_CAP_INTERNAL));
    scene_fill(second, LVGL);
    const berth_request_t third = {.needed = BERTH_CAP_INTERNAL, .left = BERTH_LEFT_NOTHING};
    const berth_request_t next = {.needed = BERTH_CAP_EXTERNAL, .otherwise = &third};
    const berth_request_t request = {
        .size = 30000, .left = 1000, .needed = BERTH_CAP_INTERNAL, .otherwise = &next};
    assert_null(berth_alloc(berth, &request));
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(berth_failure_reasons(&failure), 2);
    assert_int_equal(failure.reasons[0].region, 0);
    assert_int_equal(failure.reasons[0].status, BERTH_ERR_NOMEM);
    assert_int_equal(failure.reasons[1].region, 1);
    assert_int_equal(failure.reasons[1].status, BERTH_ERR_NOMEM);
    assert_int_equal(first->refused, 2);
}

/* What a region is said to be able to grant, it grants; and not a byte more. */
static void assert_allocatable(berth_request_t request, uint32_t allocatable)
{
    request.size = (size_t)allocatable + 1;
    assert_null(berth_alloc(berth, &request));
    request.size = allocatable;
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    berth_free(berth, block);
}

static void test_a_record_tells_what_would_have_been_granted(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    first->budgets = scene.budgets[0];
    scene_start();
    scene.budgets[0][WIFI].hard = 3333;
    const berth_request_t requests[] = {{.size = BIG},
                                        {.size = BIG, .align = 4096},
                                        {.size = BIG, .owner = WIFI},
                                        {.size = BIG, .left = 30000},
                                        {.size = BIG, .align = 256, .left = 20000, .owner = WIFI}};
    for (uint32_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_null(berth_alloc(berth, &requests[i]));
        const berth_reason_t reason = berth_failure(berth).reasons[0];
        const uint32_t allocatable = berth_allocatable(berth, &requests[i]);
        assert_int_equal(berth_bytes_of(reason.allocatable), scene_rounded(allocatable));
        assert_int_equal(berth_bytes_of(reason.free), scene_rounded(scene_room(first)));
        assert_int_equal(reason.reserved, 0);
        assert_allocatable(requests[i], allocatable);
    }
    scene_fill(first, LVGL);
    assert_null(berth_malloc(berth, 8, 0));
    assert_int_equal(berth_failure(berth).reasons[0].allocatable, 0);
    assert_int_equal(berth_failure(berth).reasons[0].free, 0);
    first->unclaimed = 12345;
    assert_null(berth_malloc(berth, 8, 0));
    assert_int_equal(berth_bytes_of(berth_failure(berth).reasons[0].reserved),
                     scene_rounded(12345));
}

/* What floors keep counts for whom they keep it from. */
static void test_a_record_tells_what_is_kept_for_others(void **state)
{
    (void)state;
    static const berth_owner_t users[] = {TLS, BERTH_NO_OWNER};
    static const berth_floor_t floors[] = {{.bytes = 20000, .owners = users}, {.bytes = 0}};
    SCENE_LAY(&scene_sram);
    first->floors = floors;
    scene_start();
    assert_null(berth_alloc(berth, &(berth_request_t){.size = 30000, .owner = WIFI}));
    assert_int_equal(berth_failure(berth).reasons[0].status, BERTH_ERR_FLOOR);
    assert_int_equal(berth_bytes_of(berth_failure(berth).reasons[0].reserved),
                     scene_rounded(20000));
    first->unclaimed = 1000;
    assert_null(berth_alloc(berth, &(berth_request_t){.size = 30000, .owner = WIFI}));
    assert_int_equal(berth_bytes_of(berth_failure(berth).reasons[0].reserved),
                     scene_rounded(21000));
    assert_null(berth_alloc(berth, &(berth_request_t){.size = BIG, .owner = TLS}));
    assert_int_equal(berth_failure(berth).reasons[0].reserved, 1000);
    first->unclaimed = 0;
}

/* Who had better ask elsewhere is told where: unless that, too, could not have held it. */
static void test_a_record_tells_what_would_have_held_it(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram, &scene_iram);
    scene_start();
    assert_null(berth_malloc(berth, 40000, BERTH_CAP_INTERNAL));
    berth_failure_t failure = berth_failure(berth);
    assert_int_equal(berth_failure_reasons(&failure), 2);
    assert_int_equal(failure.reasons[0].region, 0);
    assert_int_equal(failure.reasons[0].status, BERTH_ERR_NOMEM);
    assert_int_equal(failure.reasons[1].region, 1);
    assert_int_equal(failure.reasons[1].status, BERTH_ERR_NOCAP);
    assert_int_equal(
        berth_bytes_of(failure.reasons[1].allocatable),
        scene_rounded(berth_allocatable(berth, &(berth_request_t){.needed = BERTH_CAP_EXTERNAL})));
    assert_null(berth_malloc(berth, BIG, BERTH_CAP_INTERNAL));
    assert_int_equal(scene_reasons(), 1);
    assert_null(berth_malloc(berth, 8, BERTH_CAP_NPU));
    assert_int_equal(scene_reasons(), 3);
    assert_int_equal(first->refused + second->refused, 2); /* of that, nobody was asked */
}

/* What makes no sense anywhere is not asked anywhere. */
static void test_a_record_of_nonsense_has_no_reasons(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    assert_null(berth_alloc(berth, &(berth_request_t){.size = 8, .align = 24}));
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(berth_failure_reasons(&failure), 0);
    assert_int_equal(berth_failure_align(&failure), UINT32_MAX);
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_null(berth_malloc(berth, 8, 0));
    assert_int_equal(scene_reasons(), 0);
    berth_guard_leave(berth, before);
}

static void test_what_must_not_be_entered_would_grant_nothing(void **state)
{
    (void)state;
    SCENE_LAY(&scene_psram);
    scene_start();
    scene.busy = &first->lock;
    assert_null(berth_malloc(berth, 8, 0));
    assert_int_equal(berth_failure(berth).reasons[0].status, BERTH_ERR_BUSY);
    assert_int_equal(berth_failure(berth).reasons[0].allocatable, 0);
    assert_int_equal(berth_failure(berth).reasons[0].free, BERTH_BYTES_UNKNOWN);
    assert_int_equal(berth_failure(berth).reasons[0].reserved, BERTH_BYTES_UNKNOWN);
    scene.busy = NULL;
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    assert_null(berth_malloc(berth, 8, 0));
    assert_int_equal(berth_failure(berth).reasons[0].status, BERTH_ERR_GUARD);
    assert_int_equal(berth_failure(berth).reasons[0].allocatable, 0);
    assert_int_equal(berth_failure(berth).reasons[0].free, BERTH_BYTES_UNKNOWN);
    berth_guard_leave(berth, before);
}

/* A manager that could not start refuses everything, and can be asked why. */
static void test_a_manager_that_did_not_start_has_a_record(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    first->engine = NULL;
    scene.berth = (berth_t)BERTH_INITIAL(&scene.config);
    assert_null(berth_malloc(berth, 8, 0));
    char text[64];
    const berth_failure_t failure = berth_failure(berth);
    assert_true(berth_explain(berth, &failure, text, sizeof text) != 0);
    assert_string_equal(berth_owner_name(berth, LVGL), "?");
}

/* --- in words -------------------------------------------------------------------------------- */

static void assert_words(const berth_failure_t *failure, const char *expected)
{
    char text[400];
    memset(text, '#', sizeof text);
    const size_t length = berth_explain(berth, failure, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    assert_int_equal(text[length + 1], '#');
}

static void test_a_refusal_is_explained_to_the_letter(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    berth_failure_t failure = berth_failure(berth);
    assert_words(&failure, "nothing was refused");
    const berth_request_t request = {
        .size = 40000, .needed = BERTH_CAP_INTERNAL | BERTH_CAP_DMA, .owner = LVGL, .site = 0xCAFE};
    assert_null(berth_alloc(berth, &request));
    failure = berth_failure(berth);
    failure.reasons[0].free = 2000;
    failure.reasons[0].allocatable = 1000;
    failure.reasons[1].allocatable = 2047;
    assert_words(&failure, "40000 bytes for lvgl refused: no room, at 0 s; needed: bytes dma "
                           "internal; site 0x0000CAFE; sram: no room, free 2000, allocatable 1000; "
                           "psram: no dma internal, would have granted 2047");
    failure.reasons[0].reserved = 300;
    failure.reasons[1].status = BERTH_ERR_BUSY;
    failure.reasons[1].free = failure.reasons[1].reserved = BERTH_BYTES_UNKNOWN;
    failure.context = 0x3F401234;
    assert_words(&failure, "40000 bytes for lvgl refused: no room, at 0 s; needed: bytes dma "
                           "internal; site 0x0000CAFE; context 0x3F401234; sram: no room, free "
                           "2000, allocatable 1000, reserved 300; psram: locked, allocatable 2047");
    const berth_request_t missing = {
        .size = 1, .needed = BERTH_CAP_NPU | BERTH_CAP_INTERNAL, .align = 65536, .site = 1};
    assert_null(berth_alloc(berth, &missing));
    failure = berth_failure(berth);
    failure.last = UINT32_MAX;
    assert_words(&failure, "1 bytes for others refused: no such memory; needed: bytes npu "
                           "internal; site 0x00000001; psram: no npu internal, would have granted "
                           "65008");
}

static void test_times_and_mistakes_are_explained_to_the_letter(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_failure_t failure = {.count = 3,
                               .first = 100,
                               .last = 1000,
                               .size = 8,
                               .status = BERTH_ERR_NOMEM,
                               .mistaken = 0x7F00,
                               .form = 0x80};
    assert_words(&failure, "8 bytes for ? refused: no room, 3 times, first at 6 s, last at 65 s, "
                           "mistaken for -32512; needed: default");
    failure = (berth_failure_t){.count = 1,
                                .last = 4294967294u,
                                .status = BERTH_ERR_NOMEM,
                                .mistaken = 14,
                                .guards = 2 << 3};
    assert_words(&failure, "0 bytes for ? refused: no room, at 281474976 s, restarts since: 2, "
                           "mistaken for 14; needed: default");
    failure = (berth_failure_t){.count = 1, .last = UINT32_MAX, .status = BERTH_ERR_UNKNOWN};
    assert_words(&failure, "0 bytes for ? refused: not known (its record has been displaced); "
                           "needed: default");
}

static void test_a_region_elsewhere_is_explained_to_the_letter(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_failure_t failure = {.count = 1, .last = UINT32_MAX, .status = BERTH_ERR_NOMEM};
    failure.reasons[0] = (berth_reason_t){.status = BERTH_ERR_NOCAP, .allocatable = 77};
    assert_words(&failure, "0 bytes for ? refused: no room; needed: default; sram: not asked, "
                           "would have granted 77");
    failure.needed = BERTH_CAP_NPU | BERTH_CAP_DMA;
    failure.reasons[0].region = 9;
    assert_words(&failure, "0 bytes for ? refused: no room; needed: dma npu; ?: no dma npu, would "
                           "have granted 77");
}

static void test_every_cap_has_a_name(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_failure_t failure = {.count = 1,
                               .last = UINT32_MAX,
                               .size = UINT32_MAX,
                               .owner = 200,
                               .needed = 0x3FFF7FFFu,
                               .status = BERTH_ERR_CORRUPT};
    assert_words(&failure,
                 "4294967295 bytes for ? refused: damaged; needed: bytes words dma exec retained "
                 "atomic cache-off npu simd master0 master1 master2 master3 master4 master5 fast "
                 "internal external default own own own own own own own own own own");
    failure = (berth_failure_t){.count = 1, .last = UINT32_MAX, .owner = SECRET};
    failure.reasons[0] = (berth_reason_t){.region = 9, .status = BERTH_ERR_LEFT, .allocatable = 10};
    failure.reasons[1] = (berth_reason_t){.status = 99, .allocatable = 45055};
    first->name = NULL;
    assert_words(&failure, "0 bytes for secret refused: fine; needed: default; ?: must be left, "
                           "free 0, allocatable 10; ?: ?, free 0, allocatable 4293918720");
}

static void test_text_is_cut_to_the_room_and_never_beyond(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    assert_null(berth_malloc(berth, BIG, BERTH_CAP_INTERNAL));
    const berth_failure_t failure = berth_failure(berth);
    char whole[400];
    const size_t length = berth_explain(berth, &failure, whole, sizeof whole);
    assert_int_equal(length, strlen(whole));
    assert_int_equal(berth_explain(berth, &failure, NULL, 0), length);
    for (size_t room = 0; room <= length + 2; room++) {
        char text[404];
        memset(text, '#', sizeof text);
        assert_int_equal(berth_explain(berth, &failure, text, room), length);
        const size_t told = room == 0 ? 0 : room - 1 < length ? room - 1 : length;
        assert_memory_equal(text, whole, told);
        assert_int_equal(text[told], room == 0 ? '#' : '\0');
        for (size_t i = told + 1; i < sizeof text; i++) {
            assert_int_equal(text[i], '#');
        }
    }
}

static void test_every_status_has_a_name(void **state)
{
    (void)state;
    const char *const expected[] = {
        "fine",        "makes no sense", "no room",        "damaged", "no such memory",
        "over budget", "must be left",   "forbidden here", "locked",  "not known"};
    for (int32_t i = 0; i < 10; i++) {
        assert_string_equal(berth_status_name(-i), expected[i]);
    }
    assert_string_equal(berth_status_name(BERTH_ERR_UNKNOWN), "not known");
    assert_string_equal(berth_status_name(BERTH_ERR_FLOOR), "kept for others");
    const int32_t unknown[] = {1, -11, 100, -100, INT32_MAX, INT32_MIN};
    for (uint32_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_string_equal(berth_status_name(unknown[i]), "?");
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_was_refused_at_first),
        cmocka_unit_test(test_a_record_tells_all_that_was_asked),
        cmocka_unit_test(test_refusals_are_counted_and_the_last_is_kept),
        cmocka_unit_test(test_the_first_four_regions_are_told_of),
        cmocka_unit_test(test_a_region_that_was_asked_twice_is_told_of_once),
        cmocka_unit_test(test_a_record_tells_what_would_have_been_granted),
        cmocka_unit_test(test_a_record_tells_what_is_kept_for_others),
        cmocka_unit_test(test_a_record_tells_what_would_have_held_it),
        cmocka_unit_test(test_a_record_of_nonsense_has_no_reasons),
        cmocka_unit_test(test_what_must_not_be_entered_would_grant_nothing),
        cmocka_unit_test(test_a_manager_that_did_not_start_has_a_record),
        cmocka_unit_test(test_a_refusal_is_explained_to_the_letter),
        cmocka_unit_test(test_times_and_mistakes_are_explained_to_the_letter),
        cmocka_unit_test(test_a_region_elsewhere_is_explained_to_the_letter),
        cmocka_unit_test(test_every_cap_has_a_name),
        cmocka_unit_test(test_text_is_cut_to_the_room_and_never_beyond),
        cmocka_unit_test(test_every_status_has_a_name),
    };
    return SCENE_RUN(tests);
}
