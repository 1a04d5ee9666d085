/* test_route.c: does a request come to the regions in the order of docs/pipeline.md?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#define MALLOC_INTERNAL 16384u /* as CONFIG_SPIRAM_MALLOC_ALWAYSINTERNAL */

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

/* The region that a request is served from, NULL if it is refused; the block is freed again. */
static const berth_region_t *served_from(const berth_request_t *request)
{
    void *block = berth_alloc(berth, request);
    const berth_about_t about = berth_about(berth, block);
    assert_int_equal(about.status, block != NULL ? BERTH_OK : BERTH_ERR_INVALID);
    berth_free(berth, block);
    return about.region;
}

static const berth_region_t *served_by(size_t size, berth_caps_t needed)
{
    const berth_request_t request = {.size = size, .needed = needed};
    return served_from(&request);
}

static void threshold_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    first->upto = MALLOC_INTERNAL;
    second->over = MALLOC_INTERNAL;
    scene_start();
}

/* --- thresholds ------------------------------------------------------------------------------ */

static void test_a_size_at_the_threshold_is_still_small(void **state)
{
    (void)state;
    threshold_start();
    assert_ptr_equal(served_by(1, 0), first);
    assert_ptr_equal(served_by(MALLOC_INTERNAL - 1, 0), first);
    assert_ptr_equal(served_by(MALLOC_INTERNAL, 0), first);
    assert_ptr_equal(served_by(MALLOC_INTERNAL + 1, 0), second);
    assert_ptr_equal(served_by(MALLOC_INTERNAL + 1, BERTH_CAP_BYTES), second);
    assert_int_equal(scene_count(BERTH_EVENT_FALLBACK), 0);
}

/* The other way round: the region for large ones comes first in the table. */
static void test_over_excludes_the_size_itself(void **state)
{
    (void)state;
    SCENE_LAY(&scene_psram, &scene_sram);
    first->over = MALLOC_INTERNAL;
    scene_start();
    assert_ptr_equal(served_by(MALLOC_INTERNAL, 0), second);
    assert_ptr_equal(served_by(MALLOC_INTERNAL + 1, 0), first);
}

static void test_thresholds_are_not_for_who_names_caps(void **state)
{
    (void)state;
    threshold_start();
    assert_ptr_equal(served_by(MALLOC_INTERNAL + 1, BERTH_CAP_INTERNAL), first);
    assert_ptr_equal(served_by(MALLOC_INTERNAL + 1, BERTH_CAP_DEFAULT), first);
    assert_ptr_equal(served_by(100, BERTH_CAP_EXTERNAL), second);
    const berth_request_t preferring = {.size = 100, .preferred = BERTH_CAP_EXTERNAL};
    assert_ptr_equal(served_from(&preferring), second);
}

static void test_a_threshold_gives_way_when_nothing_suits(void **state)
{
    (void)state;
    threshold_start();
    scene_fill(first, LVGL);
    assert_ptr_equal(served_by(100, 0), second);
    assert_int_equal(scene_count(BERTH_EVENT_FALLBACK), 1);
    threshold_start();
    scene_fill(second, LVGL);
    assert_ptr_equal(served_by(MALLOC_INTERNAL + 1, 0), first);
    assert_int_equal(scene_count(BERTH_EVENT_FALLBACK), 1);
}

/* --- words of caps --------------------------------------------------------------------------- */

static void test_regions_come_by_the_word_that_has_the_cap(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_sram, &scene_sram, &scene_sram);
    const berth_caps_t wish = BERTH_CAP_PLACE(5);
    const uint32_t word_of[4] = {2, 1, 0, 1}; /* by region */
    const uint32_t order[4] = {2, 1, 3, 0};
    const berth_request_t most = {.size = 1, .needed = wish};
    for (uint32_t i = 0; i < 4; i++) {
        scene.regions[i].caps[0] = BERTH_CAP_BYTES | BERTH_CAP_FAST;
        scene.regions[i].caps[word_of[i]] |= wish;
    }
    scene_start();
    for (uint32_t i = 0; i < 4; i++) {
        assert_ptr_equal(served_by(100, wish), &scene.regions[order[i]]);
        assert_non_null(berth_malloc(berth, berth_allocatable(berth, &most), wish));
    }
    assert_null(served_by(100, wish));
    assert_int_equal(scene_reasons(), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(berth_failure(berth).reasons[i].region, order[i]);
    }
}

/* A cap in any word counts as had; the order is by the first word that shares one with the wish. */
static void test_caps_of_all_words_count_together(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_sram);
    first->caps[0] = BERTH_CAP_BYTES;
    first->caps[2] = BERTH_CAP_DMA | BERTH_CAP_FAST;
    second->caps[0] = BERTH_CAP_DMA;
    second->caps[1] = BERTH_CAP_FAST | BERTH_CAP_BYTES;
    scene_start();
    assert_ptr_equal(served_by(100, BERTH_CAP_DMA | BERTH_CAP_FAST), second);
    assert_ptr_equal(served_by(100, BERTH_CAP_FAST), second);
    scene_fill(second, LVGL);
    assert_ptr_equal(served_by(100, BERTH_CAP_DMA | BERTH_CAP_FAST), first);
    assert_null(served_by(100, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOCAP);
}

static void test_what_no_region_can_do_is_refused(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    assert_null(served_by(100, BERTH_CAP_NPU));
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(failure.status, BERTH_ERR_NOCAP);
    assert_int_equal(berth_failure_reasons(&failure), 2); /* which were not asked */
    assert_int_equal(failure.reasons[0].status, BERTH_ERR_NOCAP);
    assert_int_equal(failure.reasons[1].status, BERTH_ERR_NOCAP);
    assert_null(served_by(100, BERTH_CAP_DMA | BERTH_CAP_EXTERNAL));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOCAP);
    assert_int_equal(first->refused + second->refused, 0);
}

static void test_what_is_preferred_is_tried_and_then_given_up(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    const berth_request_t request = {.size = 100, .preferred = BERTH_CAP_EXTERNAL};
    assert_ptr_equal(served_from(&request), second);
    const berth_request_t never = {.size = 100, .preferred = BERTH_CAP_NPU};
    assert_ptr_equal(served_from(&never), first);
    assert_int_equal(scene_count(BERTH_EVENT_FALLBACK), 0);
    scene_fill(second, LVGL);
    assert_int_equal(scene_last().kind, BERTH_EVENT_ALLOC);
    assert_ptr_equal(served_from(&request), first);
    assert_int_equal(scene_count(BERTH_EVENT_FALLBACK), 1);
    assert_int_equal(second->refused, 1);
}

/* --- hops ------------------------------------------------------------------------------------ */

/* A chain of hops, of which hop number `granted` alone names memory that there is. */
static void chain_make(berth_request_t chain[6], uint32_t granted)
{
    for (uint32_t i = 0; i < 6; i++) {
        chain[i] =
            (berth_request_t){.size = 100,
                              .needed = i == granted ? BERTH_CAP_INTERNAL : BERTH_CAP_PLACE(6),
                              .otherwise = i < 5 ? &chain[i + 1] : NULL};
    }
}

static void test_4_hops_are_followed_and_a_5th_is_not(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_request_t chain[6];
    for (uint32_t hop = 0; hop <= BERTH_HOPS; hop++) {
        chain_make(chain, hop);
        assert_ptr_equal(served_from(chain), first);
        assert_int_not_equal(berth_allocatable(berth, chain), 0);
    }
    chain_make(chain, 5);
    assert_null(served_from(chain));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOCAP);
    assert_int_equal(berth_allocatable(berth, chain), 0);
}

static void test_what_is_chained_beyond_is_not_looked_at(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_request_t chain[6];
    chain_make(chain, 4);
    chain[5].align = 3;
    assert_ptr_equal(served_from(chain), first);
    chain[4].align = 3;
    assert_null(served_from(chain));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
}

static void test_a_hop_inherits_size_alignment_and_abilities(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    second->caps[0] |= BERTH_CAP_DMA;
    scene_start();
    scene_fill(first, LVGL);
    const berth_request_t outside = {.align = 16, .needed = BERTH_CAP_EXTERNAL};
    const berth_request_t request = {.size = 100,
                                     .align = 512,
                                     .needed = BERTH_CAP_DMA | BERTH_CAP_INTERNAL,
                                     .otherwise = &outside};
    void *block = berth_alloc(berth, &request);
    const berth_about_t about = berth_about(berth, block);
    assert_ptr_equal(about.region, second);
    assert_true(about.size >= 100);
    assert_int_equal((second->address + about.offset) % 512, 0);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_FALLBACK);
    assert_int_equal(event.size, 100);
}

static void test_a_hop_does_not_drop_an_ability(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    scene_fill(first, LVGL);
    const berth_request_t outside = {.needed = BERTH_CAP_EXTERNAL};
    const berth_request_t request = {.size = 100, .needed = BERTH_CAP_DMA, .otherwise = &outside};
    assert_null(berth_alloc(berth, &request));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOMEM);
    assert_int_equal(scene_reasons(), 2); /* the other would have held it, but was not asked */
    assert_int_equal(berth_failure(berth).reasons[1].status, BERTH_ERR_NOCAP);
    assert_int_equal(berth_allocatable(berth, &request), 0);
}

static void test_a_hop_has_a_size_and_an_alignment_of_its_own(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    const berth_request_t less = {.size = 1000, .align = 2048, .needed = BERTH_CAP_INTERNAL};
    const berth_request_t request = {
        .size = 40000, .align = 8, .needed = BERTH_CAP_INTERNAL, .otherwise = &less};
    void *block = berth_alloc(berth, &request);
    const berth_about_t about = berth_about(berth, block);
    assert_ptr_equal(about.region, first);
    assert_int_equal((first->address + about.offset) % 2048, 0);
    assert_true(about.size >= 1000 && about.size < 1100);
    assert_int_equal(scene_last().size, 1000);
}

/* --- smallest -------------------------------------------------------------------------------- */

static void test_smallest_takes_the_most_that_there_is(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    assert_non_null(berth_malloc(berth, 20000, BERTH_CAP_INTERNAL));
    const berth_request_t any = {.size = 1, .needed = BERTH_CAP_INTERNAL};
    const uint32_t most = berth_allocatable(berth, &any);
    const berth_request_t request = {.size = 30000, .smallest = most, .needed = BERTH_CAP_INTERNAL};
    const uint32_t refused = first->refused;
    void *block = berth_alloc(berth, &request);
    assert_int_equal(berth_size(berth, block), most);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_FALLBACK);
    assert_int_equal(event.size, most);
    assert_int_equal(first->refused, refused + 1);
    berth_free(berth, block);
    const berth_request_t more = {
        .size = 30000, .smallest = most + 1, .needed = BERTH_CAP_INTERNAL};
    assert_null(berth_alloc(berth, &more));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOMEM);
    const uint16_t allocatable = berth_failure(berth).reasons[0].allocatable;
    assert_int_equal(berth_bytes_of(allocatable), scene_rounded(most));
}

static void test_smallest_is_not_used_while_the_size_fits(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    const berth_request_t request = {.size = 1000, .smallest = 10};
    void *block = berth_alloc(berth, &request);
    assert_true(scene_is_in(first, block));
    assert_true(berth_size(berth, block) >= 1000);
    const berth_request_t large = {.size = 60000, .smallest = 10};
    block = berth_alloc(berth, &large);
    assert_true(scene_is_in(second, block)); /* whole elsewhere is better than less here */
    assert_true(berth_size(berth, block) >= 60000);
}

static void test_less_in_this_hop_comes_before_the_next_hop(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    const berth_request_t outside = {.needed = BERTH_CAP_EXTERNAL};
    const berth_request_t request = {
        .size = 40000, .smallest = 8000, .needed = BERTH_CAP_INTERNAL, .otherwise = &outside};
    void *block = berth_alloc(berth, &request);
    assert_true(scene_is_in(first, block));
    assert_true(berth_size(berth, block) < 40000);
    block = berth_alloc(berth, &request);
    assert_true(scene_is_in(second, block)); /* its `smallest` is its own: none */
    assert_true(berth_size(berth, block) >= 40000);
}

/* --- left ------------------------------------------------------------------------------------ */

static void test_left_is_kept_to_the_byte(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    void *block = berth_malloc(berth, 1000, BERTH_CAP_INTERNAL);
    const uint32_t taken = berth_about(berth, block).taken;
    const uint32_t room = scene_room(first);
    berth_request_t request = {.size = 1000, .left = room - taken, .needed = BERTH_CAP_INTERNAL};
    assert_ptr_equal(served_from(&request), first);
    request.left++;
    assert_null(served_from(&request));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_LEFT);
    assert_int_equal(first->refused, 1);
    request.left = room + 1;
    assert_null(served_from(&request));
    request.left = UINT32_MAX - 1;
    assert_null(served_from(&request));
    request.needed = 0;
    request.left = room - taken + 1;
    assert_ptr_equal(served_from(&request), second);
}

static void test_left_holds_on_every_hop_unless_it_is_lifted(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    const uint32_t floor = scene_room(second);
    berth_request_t outside = {.needed = BERTH_CAP_EXTERNAL};
    const berth_request_t request = {
        .size = 1000, .left = floor, .needed = BERTH_CAP_INTERNAL, .otherwise = &outside};
    assert_null(served_from(&request));
    assert_int_equal(scene_reasons(), 2);
    assert_int_equal(berth_failure(berth).reasons[1].status, BERTH_ERR_LEFT);
    assert_int_equal(berth_allocatable(berth, &request), 0);
    outside.left = BERTH_LEFT_NOTHING;
    assert_ptr_equal(served_from(&request), second);
    outside.left = 1;
    assert_ptr_equal(served_from(&request), second);
    const berth_request_t last = {.needed = BERTH_CAP_INTERNAL};
    outside = (berth_request_t){
        .needed = BERTH_CAP_PLACE(6), .left = BERTH_LEFT_NOTHING, .otherwise = &last};
    assert_ptr_equal(served_from(&request), first); /* what is lifted stays lifted */
}

static void test_smallest_leaves_what_must_be_left(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    const berth_request_t request = {.size = 40000, .smallest = 1, .left = 5000};
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    assert_true(scene_room(first) >= 5000);
    assert_true(scene_room(first) < 5000 + 4);
    assert_null(berth_alloc(berth, &request));
}

/* --- the outcome ----------------------------------------------------------------------------- */

static void test_the_status_is_that_of_the_first_region_asked(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    scene_fill(second, LVGL);
    const berth_request_t outside = {.left = BERTH_LEFT_NOTHING, .needed = BERTH_CAP_EXTERNAL};
    const berth_request_t request = {
        .size = 100, .left = SCENE_SRAM_SIZE, .needed = BERTH_CAP_INTERNAL, .otherwise = &outside};
    assert_null(berth_alloc(berth, &request));
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(failure.status, BERTH_ERR_LEFT);
    assert_int_equal(failure.reasons[0].status, BERTH_ERR_LEFT);
    assert_int_equal(failure.reasons[1].status, BERTH_ERR_NOMEM);
    assert_int_equal(scene_last().status, BERTH_ERR_LEFT);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_size_at_the_threshold_is_still_small),
        cmocka_unit_test(test_over_excludes_the_size_itself),
        cmocka_unit_test(test_thresholds_are_not_for_who_names_caps),
        cmocka_unit_test(test_a_threshold_gives_way_when_nothing_suits),
        cmocka_unit_test(test_regions_come_by_the_word_that_has_the_cap),
        cmocka_unit_test(test_caps_of_all_words_count_together),
        cmocka_unit_test(test_what_no_region_can_do_is_refused),
        cmocka_unit_test(test_what_is_preferred_is_tried_and_then_given_up),
        cmocka_unit_test(test_4_hops_are_followed_and_a_5th_is_not),
        cmocka_unit_test(test_what_is_chained_beyond_is_not_looked_at),
        cmocka_unit_test(test_a_hop_inherits_size_alignment_and_abilities),
        cmocka_unit_test(test_a_hop_does_not_drop_an_ability),
        cmocka_unit_test(test_a_hop_has_a_size_and_an_alignment_of_its_own),
        cmocka_unit_test(test_smallest_takes_the_most_that_there_is),
        cmocka_unit_test(test_smallest_is_not_used_while_the_size_fits),
        cmocka_unit_test(test_less_in_this_hop_comes_before_the_next_hop),
        cmocka_unit_test(test_left_is_kept_to_the_byte),
        cmocka_unit_test(test_left_holds_on_every_hop_unless_it_is_lifted),
        cmocka_unit_test(test_smallest_leaves_what_must_be_left),
        cmocka_unit_test(test_the_status_is_that_of_the_first_region_asked),
    };
    return SCENE_RUN(tests);
}
