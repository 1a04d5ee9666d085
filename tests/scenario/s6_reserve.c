/* s6_reserve.c: is what is kept for DMA still there when DMA comes?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S6, esp-idf #18938: 30 KB of internal memory were set aside for DMA, but malloc() took
 * them before it went to the empty PSRAM; then a driver found nothing, and the device crashed.
 * Control: the same device without a floor. The product: a floor of 30 KB, whose users are the
 * requests that need DMA, and, in one case, an owner by name.
 */
#include "stretch.h"

#include "random.h"

#define FLOOR (30u * 1024u)
#define SRAM_SIZE (96u * 1024u)
#define BUFFER 3836u /* bytes of a driver's */
#define BUFFERS 8u

_Static_assert(BUFFERS *(BUFFER + STRETCH_HEADER) == FLOOR, "the floor holds so many buffers");

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram = &scene.regions[0];
static berth_region_t *const psram = &scene.regions[1];

static const berth_floor_t none[] = {{.bytes = 0}};
static const berth_floor_t for_dma[] = {{.bytes = FLOOR, .caps = BERTH_CAP_DMA}, {.bytes = 0}};
static const berth_owner_t wifi_alone[] = {WIFI, 0};
static const berth_floor_t for_wifi[] = {{.bytes = FLOOR, .owners = wifi_alone}, {.bytes = 0}};

static void board_start(const berth_floor_t *floors)
{
    static berth_region_t large;
    large = scene_sram;
    large.size = SRAM_SIZE;
    large.floors = floors;
    SCENE_LAY(&large, &scene_psram);
    scene_start();
    (void)scene_last();
}

/* --- who takes, and who comes after ----------------------------------------------------------- */

/* A user interface takes what it can get by plain malloc(), until it is refused or has had enough.
 * Whether its blocks were in SRAM until that had no more to give, and in PSRAM then. */
static bool greedy_take(uint32_t enough)
{
    random_source_t random = random_from(6);
    bool was_outside = false;
    bool is_in_order = true;
    uint32_t bytes = 0;
    const berth_owner_t before = berth_owner_push(berth, LVGL);
    while (bytes < enough) {
        const uint32_t size = random_between(&random, 1000, 1200);
        const void *block = berth_malloc(berth, size, 0);
        if (block == NULL) {
            break;
        }
        is_in_order = is_in_order && !(was_outside && scene_is_in(sram, block));
        was_outside = was_outside || scene_is_in(psram, block);
        bytes += size;
    }
    berth_owner_pop(berth, before);
    return is_in_order;
}

/* Until nothing at all is granted any more. */
static void greedy_take_all(void)
{
    (void)greedy_take(UINT32_MAX);
    for (uint32_t size = 1024; size != 0; size /= 2) {
        while (berth_alloc(berth, &(berth_request_t){.size = size, .owner = LVGL}) != NULL) {
        }
    }
}

/* A driver's buffers, as many as the floor was meant for. Returns how many it got. */
static uint32_t driver_take(void)
{
    uint32_t granted = 0;
    for (uint32_t i = 0; i < BUFFERS; i++) {
        const berth_request_t request = {.size = BUFFER, .needed = BERTH_CAP_DMA, .owner = WIFI};
        granted += berth_alloc(berth, &request) != NULL;
    }
    return granted;
}

/* --- control ---------------------------------------------------------------------------------- */

static void test_control_malloc_takes_the_reserve_and_the_driver_fails(void **state)
{
    (void)state;
    board_start(none);
    (void)greedy_take(SRAM_SIZE);
    assert_true(scene_room(sram) < BUFFER);
    assert_true(scene_room(psram) > 100000); /* which nobody needed to touch */
    assert_int_equal(driver_take(), 0);
    board_start(NULL);
    (void)greedy_take(SRAM_SIZE);
    assert_int_equal(driver_take(), 0);
}

/* Control: a reserve that is merely allocated and freed when it is needed is anybody's then. */
static void test_control_a_reserve_given_back_is_anybodys(void **state)
{
    (void)state;
    board_start(NULL);
    void *reserve = berth_malloc(berth, FLOOR - STRETCH_HEADER, BERTH_CAP_DMA);
    (void)greedy_take(SRAM_SIZE);
    berth_free(berth, reserve);
    (void)greedy_take(FLOOR); /* it was quicker */
    assert_true(driver_take() < BUFFERS);
}

/* --- the product ------------------------------------------------------------------------------ */

static void test_malloc_goes_to_psram_before_it_touches_the_floor(void **state)
{
    (void)state;
    board_start(for_dma);
    assert_true(greedy_take(SRAM_SIZE));
    assert_true(scene_room(sram) >= FLOOR);
    assert_true(scene_room(sram) < FLOOR + 1204); /* and not long before */
    assert_true(scene_used(psram) != 0);
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(driver_take(), BUFFERS);
    assert_true(scene_room(sram) < 1204); /* it was the users' to use up */
    assert_int_equal(berth_failure(berth).count, 0);
}

static void test_with_psram_full_malloc_gets_null_and_the_floor_stays(void **state)
{
    (void)state;
    board_start(for_dma);
    greedy_take_all();
    assert_int_equal(scene_room(sram), FLOOR);
    assert_true(stretch_largest(psram) == 0);
    assert_null(berth_malloc(berth, 1, 0));
    const berth_failure_t failure = berth_failure(berth);
    assert_int_equal(failure.status, BERTH_ERR_FLOOR); /* not "no memory": there is some */
    char text[240];
    (void)berth_explain(berth, &failure, text, sizeof text);
    print_message("%s\n", text);
    assert_int_equal(driver_take(), BUFFERS);
    assert_int_equal(scene_room(sram), 0);
}

/* Nor by any other way: a question, a growing block, a fallback, a smaller size. */
static void test_no_other_way_leads_below_the_floor(void **state)
{
    (void)state;
    board_start(for_dma);
    void *block = berth_malloc(berth, 100, BERTH_CAP_INTERNAL);
    const berth_request_t inside = {.size = 64, .needed = BERTH_CAP_INTERNAL};
    assert_int_equal(berth_allocatable(berth, &inside), scene_room(sram) - FLOOR - STRETCH_HEADER);
    greedy_take_all();
    const uint32_t room = scene_room(sram);
    assert_in_range(room, FLOOR, FLOOR + 8); /* a block takes 12 bytes at least */
    const berth_request_t outside = {
        .size = 64, .smallest = 4, .needed = BERTH_CAP_EXTERNAL, .otherwise = &inside};
    assert_int_equal(berth_allocatable(berth, &inside), 0);
    assert_null(berth_realloc(berth, block, 5000));
    assert_null(berth_alloc(berth, &outside));
    assert_int_equal(scene_room(sram), room);
    const berth_request_t dma = {.size = 1, .needed = BERTH_CAP_DMA};
    assert_int_equal(berth_allocatable(berth, &dma), room - STRETCH_HEADER);
}

static void test_a_floor_may_be_an_owners(void **state)
{
    (void)state;
    board_start(for_wifi);
    greedy_take_all();
    assert_int_equal(scene_room(sram), FLOOR);
    assert_null(berth_alloc(
        berth, &(berth_request_t){.size = BUFFER, .needed = BERTH_CAP_DMA, .owner = LVGL}));
    assert_int_equal(driver_take(), BUFFERS);
}

/* --- and when all is well --------------------------------------------------------------------- */

static void test_a_healthy_device_never_hears_of_its_floor(void **state)
{
    (void)state;
    board_start(for_dma);
    random_source_t random = random_from(7);
    void *slots[40] = {NULL};
    for (uint32_t step = 0; step < 20000; step++) {
        void **slot = &slots[random_below(&random, 40)];
        const bool is_driver = slot < &slots[BUFFERS];
        berth_free(berth, *slot);
        *slot = berth_alloc(
            berth, &(berth_request_t){.size = random_between(&random, 1, is_driver ? BUFFER : 1200),
                                      .needed = is_driver ? BERTH_CAP_DMA : 0,
                                      .owner = is_driver ? WIFI : LVGL});
        assert_true(scene_is_in(sram, *slot));
        for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
            assert_int_equal(event.status, BERTH_OK);
            assert_true(event.kind == BERTH_EVENT_ALLOC || event.kind == BERTH_EVENT_FREE);
        }
    }
    assert_int_equal(sram->refused, 0);
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_malloc_takes_the_reserve_and_the_driver_fails),
        cmocka_unit_test(test_control_a_reserve_given_back_is_anybodys),
        cmocka_unit_test(test_malloc_goes_to_psram_before_it_touches_the_floor),
        cmocka_unit_test(test_with_psram_full_malloc_gets_null_and_the_floor_stays),
        cmocka_unit_test(test_no_other_way_leads_below_the_floor),
        cmocka_unit_test(test_a_floor_may_be_an_owners),
        cmocka_unit_test(test_a_healthy_device_never_hears_of_its_floor),
    };
    return SCENE_RUN(tests);
}
