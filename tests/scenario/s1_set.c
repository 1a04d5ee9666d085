/* s1_set.c: the largest block is large enough, and the set of blocks does not fit.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S1, micropython #5303: three stretches of memory have 26,716, 15,036 and 4,092 bytes to
 * give: 45,844 in all. A TLS session takes two buffers of 16,717 bytes. Control: a device that
 * looks at its largest block, or at what is free, says yes, and the second buffer fails.
 */
#include "stretch.h"

#include "tlsf_model.h"

#define REGIONS 3u
#define TLS_SIZE 16717u
#define TLS_SMALL 4429u /* a buffer for sending that the peer has agreed to be small */

static berth_t *const berth = &scene.berth;

static const uint32_t leftovers[REGIONS] = {26716u, 15036u, 4092u};

static void stretches_start(const uint32_t left[REGIONS])
{
    SCENE_LAY(&scene_sram, &scene_sram, &scene_sram);
    for (uint32_t i = 0; i < REGIONS; i++) {
        scene.regions[i].caps[0] |= BERTH_CAP_PLACE(i);
    }
    scene_start();
    for (uint32_t i = 0; i < REGIONS; i++) {
        stretch_leave(&scene.regions[i], left[i]);
    }
}

/* --- the need -------------------------------------------------------------------------------- */

#define INSIDE (BERTH_CAP_INTERNAL | BERTH_CAP_BYTES)

static const berth_item_t two_large[] = {{.request = {.size = TLS_SIZE, .needed = INSIDE}},
                                         {.request = {.size = TLS_SIZE, .needed = INSIDE}}};
static const berth_item_t one_small[] = {{.request = {.size = TLS_SIZE, .needed = INSIDE}},
                                         {.request = {.size = TLS_SMALL, .needed = INSIDE}}};
static berth_piece_t pieces[2];

static berth_need_t need_of(const berth_item_t *items)
{
    return (berth_need_t){.name = "tls",
                          .items = items,
                          .pieces = pieces,
                          .item_count = 2,
                          .piece_count = 2,
                          .owner = TLS};
}

/* Allocates the blocks of a need. Returns how many there were; they are freed again. */
static uint32_t blocks_granted(const berth_item_t *items)
{
    void *blocks[2] = {NULL};
    uint32_t granted = 0;
    for (uint32_t i = 0; i < 2; i++) {
        berth_request_t request = items[i].request;
        request.owner = TLS;
        blocks[i] = berth_alloc(berth, &request);
        granted += blocks[i] != NULL;
    }
    berth_free(berth, blocks[0]);
    berth_free(berth, blocks[1]);
    return granted;
}

/* --- controls -------------------------------------------------------------------------------- */

/* Control: what devices look at. */
static bool naive_fits(uint32_t each, uint32_t count)
{
    uint32_t largest = 0;
    uint32_t room = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        const uint32_t here = stretch_largest(&scene.regions[i]);
        largest = here > largest ? here : largest;
        room += scene_room(&scene.regions[i]);
    }
    return largest >= each && room >= each * count;
}

static void test_control_says_yes_and_the_second_buffer_fails(void **state)
{
    (void)state;
    stretches_start(leftovers);
    assert_true(naive_fits(TLS_SIZE, 2));
    assert_int_equal(blocks_granted(two_large), 1);
    assert_int_equal(berth_failure(berth).size, TLS_SIZE);
}

/* Nor is it this allocator's fault: another one's classes refuse the pair as well. */
static void test_control_fails_in_a_tlsf_heap_too(void **state)
{
    (void)state;
    static tlsf_model_t heaps[REGIONS];
    uint32_t granted = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        tlsf_model_start(&heaps[i], leftovers[i], 5);
    }
    assert_int_equal(tlsf_model_largest(&heaps[0]), leftovers[0]);
    for (uint32_t i = 0; i < REGIONS; i++) {
        granted += tlsf_model_alloc(&heaps[i], TLS_SIZE) != TLSF_MODEL_NOWHERE;
        granted += tlsf_model_alloc(&heaps[i], TLS_SIZE) != TLSF_MODEL_NOWHERE;
    }
    assert_int_equal(granted, 1);
}

/* --- the product ------------------------------------------------------------------------------ */

static void test_the_answer_is_no_and_names_the_second_item(void **state)
{
    (void)state;
    stretches_start(leftovers);
    berth_need_t need = need_of(two_large);
    const berth_answer_t answer = berth_fits(berth, &need);
    stretch_print(&need, &answer);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_true(answer.is_certain);
    assert_int_equal(answer.item, 1);
    assert_int_equal(answer.block, 0);
    assert_int_equal(answer.region, 1); /* the first has less left, after the first buffer */
    assert_true(answer.lacks_room);     /* 29,124 bytes are free, but a block lies in one region */
    const berth_region_t *nearest = &scene.regions[1];
    const uint32_t taken = nearest->engine->cost(nearest, TLS_SIZE, 0, TLS);
    assert_int_equal(answer.missing, taken - scene_room(nearest));
}

static void test_what_is_said_to_fit_is_granted(void **state)
{
    (void)state;
    stretches_start(leftovers);
    berth_need_t need = need_of(one_small);
    const berth_answer_t answer = berth_fits(berth, &need);
    stretch_print(&need, &answer);
    assert_int_equal(answer.status, BERTH_OK);
    assert_int_equal(blocks_granted(one_small), 2);
    assert_int_equal(berth_failure(berth).count, 0);
}

/* --- and when all is well --------------------------------------------------------------------- */

static void test_a_healthy_device_hears_yes_and_nothing_else(void **state)
{
    (void)state;
    static const uint32_t plenty[REGIONS] = {26716u, 16720u, 4092u};
    stretches_start(plenty);
    (void)scene_last();
    for (uint32_t round = 0; round < 100; round++) {
        berth_need_t need = need_of(two_large);
        assert_int_equal(berth_fits(berth, &need).status, BERTH_OK);
        assert_int_equal(blocks_granted(two_large), 2);
        for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
            assert_int_equal(event.status, BERTH_OK);
        }
    }
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_says_yes_and_the_second_buffer_fails),
        cmocka_unit_test(test_control_fails_in_a_tlsf_heap_too),
        cmocka_unit_test(test_the_answer_is_no_and_names_the_second_item),
        cmocka_unit_test(test_what_is_said_to_fit_is_granted),
        cmocka_unit_test(test_a_healthy_device_hears_yes_and_nothing_else),
    };
    return SCENE_RUN(tests);
}
