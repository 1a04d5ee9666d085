/* s2_rounding.c: is a block that is large enough granted, and is what is said to be grantable so?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S2, micropython #8940 and Pixelix #240. A TLSF heap rounds a request up to the next of
 * its classes: of a free block of 112,208 bytes nobody can have more than 110,592. A program that
 * asks for the largest block, and then for that much, is refused.
 */
#include "stretch.h"

#include "random.h"
#include "tlsf_model.h"

#define BLOCK 112208u  /* bytes that are free, in one piece */
#define SERVED 110592u /* of these by TLSF */
#define STATES 10000u
#define STEPS 12u /* calls from one state to the next */
#define SLOTS 400u
#define MOST 131072u /* bytes: more than any region here would grant */

static berth_t *const berth = &scene.berth;

/* --- one block -------------------------------------------------------------------------------- */

static void test_control_rounding_loses_1616_bytes(void **state)
{
    (void)state;
    static tlsf_model_t heap;
    for (uint32_t step_bits = 4; step_bits <= 5; step_bits++) {
        tlsf_model_start(&heap, BLOCK, step_bits);
        assert_int_equal(tlsf_model_largest(&heap), BLOCK);
        assert_int_equal(tlsf_model_alloc(&heap, BLOCK), TLSF_MODEL_NOWHERE);
        assert_int_equal(tlsf_model_alloc(&heap, SERVED + 1), TLSF_MODEL_NOWHERE);
        assert_int_equal(tlsf_model_allocatable(&heap), SERVED);
        assert_int_not_equal(tlsf_model_alloc(&heap, SERVED), TLSF_MODEL_NOWHERE);
    }
}

static void one_block_start(void)
{
    SCENE_LAY(&scene_psram);
    scene_start();
    stretch_leave(&scene.regions[0], BLOCK - STRETCH_HEADER);
    assert_int_equal(scene_room(&scene.regions[0]), BLOCK);
}

static void test_a_block_serves_all_that_it_holds(void **state)
{
    (void)state;
    one_block_start();
    const berth_request_t request = {.size = BLOCK - STRETCH_HEADER, .owner = LVGL};
    assert_int_equal(berth_allocatable(berth, &request), BLOCK - STRETCH_HEADER);
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    assert_int_equal(scene_room(&scene.regions[0]), 0);
    berth_free(berth, block);
    for (size_t size = SERVED + 1; size <= BLOCK - STRETCH_HEADER; size += 101) {
        block = berth_malloc(berth, size, 0);
        assert_non_null(block);
        berth_free(berth, block);
    }
    assert_int_equal(berth_failure(berth).count, 0);
    assert_null(berth_malloc(berth, BLOCK - STRETCH_HEADER + 1, 0)); /* its bookkeeping */
}

/* --- ten thousand states ---------------------------------------------------------------------- */

/* A block, in the manager's memory and in the model's. */
typedef struct slot {
    void *block;
    uint32_t modelled; /* TLSF_MODEL_NOWHERE: none */
} slot_t;

static slot_t slots[SLOTS];
static tlsf_model_t model;

static void states_start(void)
{
    static const berth_floor_t floors[] = {{.bytes = 5000, .caps = BERTH_CAP_DMA}, {.bytes = 0}};
    SCENE_LAY(&scene_sram, &scene_psram);
    scene.regions[0].floors = floors;
    scene.budgets[0][LVGL].hard = 9000;
    scene.budgets[1][LVGL].hard = 60000;
    scene_start();
    tlsf_model_start(&model, MOST, 5);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i] = (slot_t){.modelled = TLSF_MODEL_NOWHERE};
    }
}

/* Fills or empties a slot. From time to time most of what there is goes, or memory runs full. */
static void slot_step(random_source_t *random, uint32_t state)
{
    slot_t *slot = &slots[random_below(random, SLOTS)];
    const bool is_filling = random_percent(random, state % 64 < 40 ? 80 : 25);
    berth_free(berth, slot->block);
    (void)tlsf_model_free(&model, slot->modelled);
    *slot = (slot_t){.modelled = TLSF_MODEL_NOWHERE};
    if (is_filling) {
        const uint32_t size = random_log(random, 6000);
        slot->block = berth_alloc(
            berth, &(berth_request_t){.size = size,
                                      .owner = (berth_owner_t)random_between(random, LVGL, TLS)});
        slot->modelled = tlsf_model_alloc(&model, size);
    }
}

static bool is_granted(const berth_request_t *request, uint32_t size)
{
    berth_request_t sized = *request;
    sized.size = size;
    void *block = berth_alloc(berth, &sized);
    berth_free(berth, block);
    return block != NULL;
}

/* The largest size that is granted, found by trying. */
static uint32_t truth_of(const berth_request_t *request)
{
    uint32_t granted = 0;
    uint32_t refused = MOST;
    while (refused - granted > 1) {
        const uint32_t size = granted + (refused - granted) / 2;
        if (is_granted(request, size)) {
            granted = size;
        } else {
            refused = size;
        }
    }
    return granted;
}

static const berth_request_t to_external = {.needed = BERTH_CAP_EXTERNAL,
                                            .left = BERTH_LEFT_NOTHING};

static berth_request_t request_draw(random_source_t *random)
{
    static const berth_caps_t needed[] = {0, BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL, BERTH_CAP_DMA};
    return (berth_request_t){.size = 1,
                             .needed = needed[random_below(random, 4)],
                             .preferred = random_percent(random, 20) ? BERTH_CAP_EXTERNAL : 0,
                             .left = random_percent(random, 40) ? random_log(random, 20000) : 0,
                             .otherwise = random_percent(random, 20) ? &to_external : NULL,
                             .owner = (berth_owner_t)random_between(random, LVGL, TLS)};
}

static void test_allocatable_is_the_truth_in_ten_thousand_states(void **state)
{
    (void)state;
    states_start();
    random_source_t random = random_from(2);
    uint32_t mismatches = 0;
    uint32_t nothing = 0;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < STATES; i++) {
        for (uint32_t step = 0; step < STEPS; step++) {
            slot_step(&random, i);
        }
        const berth_request_t request = request_draw(&random);
        const uint32_t told = berth_allocatable(berth, &request);
        mismatches += told != truth_of(&request);
        nothing += told == 0;
        refused += tlsf_model_allocatable(&model) < tlsf_model_largest(&model);
    }
    print_message("%u states: %u mismatches, nothing to be had in %u; "
                  "a TLSF heap refuses its own largest block in %u\n",
                  STATES, mismatches, nothing, refused);
    assert_int_equal(mismatches, 0);
    assert_true(nothing < STATES / 2);
    assert_true(refused > STATES / 2);
}

/* --- and when all is well --------------------------------------------------------------------- */

static void test_asking_and_taking_is_silent(void **state)
{
    (void)state;
    one_block_start();
    (void)scene_last();
    const berth_request_t request = {.size = 1, .owner = LVGL};
    void *blocks[16] = {NULL};
    for (uint32_t i = 0; i < 16; i++) { /* each time half of what is said to be there */
        berth_request_t half = request;
        half.size = berth_allocatable(berth, &request) / 2;
        blocks[i] = half.size == 0 ? NULL : berth_alloc(berth, &half);
        assert_true(blocks[i] != NULL || half.size == 0);
    }
    for (uint32_t i = 0; i < 16; i++) {
        berth_free(berth, blocks[i]);
    }
    for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
        assert_int_equal(event.status, BERTH_OK);
    }
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_rounding_loses_1616_bytes),
        cmocka_unit_test(test_a_block_serves_all_that_it_holds),
        cmocka_unit_test(test_allocatable_is_the_truth_in_ten_thousand_states),
        cmocka_unit_test(test_asking_and_taking_is_silent),
    };
    return SCENE_RUN(tests);
}
