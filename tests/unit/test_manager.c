/* test_manager.c: does a manager grant, take back and refuse as berth.h says?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

/* --- alloc ----------------------------------------------------------------------------------- */

static void test_alloc_grants_what_was_asked_for(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    for (uint32_t size = 1; size < 200; size += 7) {
        for (uint32_t align = 0; align <= 256; align = align == 0 ? 1 : align * 2) {
            const berth_request_t request = {.size = size, .align = align, .owner = WIFI};
            void *block = berth_alloc(berth, &request);
            const berth_about_t about = berth_about(berth, block);
            assert_int_equal(about.status, BERTH_OK);
            assert_true(about.size >= size);
            assert_int_equal(align == 0 ? 0 : (first->address + about.offset) % align, 0);
            assert_int_equal(about.owner, WIFI);
            assert_int_equal(scene_used(first), about.taken);
            scene_paint(block, about.size, 1);
            scene_audit();
            berth_free(berth, block);
        }
    }
}

static void assert_invalid(const berth_request_t *request)
{
    const uint32_t refused = first->refused;
    assert_null(berth_alloc(berth, request));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_int_equal(scene_reasons(), 0);
    assert_int_equal(berth_allocatable(berth, request), 0);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_ALLOC);
    assert_int_equal(event.status, BERTH_ERR_INVALID);
    assert_int_equal(event.region, BERTH_NO_REGION);
    assert_int_equal(event.offset, BERTH_NOWHERE);
    assert_int_equal(event.size, request->size);
    assert_int_equal(event.taken, 0);
    assert_int_equal(first->refused, refused);
}

static void test_alloc_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    assert_null(berth_malloc(berth, 0, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    const berth_request_t crooked = {.align = 24};
    const berth_request_t greedy = {.smallest = 101};
    assert_invalid(&(berth_request_t){.size = 100, .align = 3});
    assert_invalid(&(berth_request_t){.size = 100, .align = 0x80000001u});
    assert_invalid(&(berth_request_t){.size = 100, .owner = SCENE_OWNERS});
    assert_invalid(&(berth_request_t){.size = 100, .owner = BERTH_OTHERS - 1});
    assert_invalid(&(berth_request_t){.size = 100, .owner = BERTH_OTHERS + 1});
    assert_invalid(&(berth_request_t){.size = 100, .otherwise = &crooked});
    assert_int_not_equal(scene.logged, 0);
    assert_int_equal(scene.level, BERTH_LEVEL_WARNING);
    assert_int_equal(scene.asserted, 0);
    assert_null(berth_alloc(berth, &(berth_request_t){.size = 100, .smallest = 101}));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_null(berth_alloc(berth, &(berth_request_t){.size = 100, .otherwise = &greedy}));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_int_equal(scene_used(first), 0);
}

static void test_alloc_refuses_sizes_that_overflow(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    for (uint32_t less = 0; less < 40; less++) {
        assert_null(berth_malloc(berth, SIZE_MAX - less, 0));
        assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOMEM);
        assert_true(berth_failure(berth).size >= UINT32_MAX - less);
        assert_null(berth_malloc(berth, (size_t)UINT32_MAX - less, BERTH_CAP_INTERNAL));
        assert_null(berth_malloc(berth, (size_t)INT32_MAX - less, BERTH_CAP_EXTERNAL));
    }
}

/* What names no caps needs bytes: a region that bears words alone never serves it. */
static void test_malloc_without_caps_needs_bytes(void **state)
{
    (void)state;
    SCENE_LAY(&scene_iram, &scene_sram);
    first->caps[0] |= BERTH_CAP_DEFAULT;
    scene_start();
    assert_true(scene_is_in(second, berth_malloc(berth, 100, 0)));
    scene_fill(second, LVGL);
    assert_null(berth_malloc(berth, 100, 0));
    assert_null(berth_malloc(berth, 100, BERTH_CAP_INTERNAL));
    assert_int_equal(scene_used(first), 0);
    assert_true(scene_is_in(first, berth_malloc(berth, 100, BERTH_CAP_WORDS)));
}

static void test_calloc_zeroes_and_refuses_products_that_overflow(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    uint8_t *block = berth_calloc(berth, 25, 5, 0);
    assert_non_null(block);
    scene_assert_bytes(block, 125, 0);
    assert_null(berth_calloc(berth, SIZE_MAX / 2 + 1, 2, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOMEM);
    assert_null(berth_calloc(berth, 3, SIZE_MAX / 3 + 2, 0));
    assert_null(berth_calloc(berth, 0, 5, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_null(berth_calloc(berth, 5, 0, 0));
    assert_int_equal(scene_used(first), berth_about(berth, block).taken);
}

/* The memory was 0xA5 throughout; one word beyond the size may be cleared where words are all. */
static void test_is_zeroed_clears_the_block_and_nothing_else(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_iram);
    scene_start();
    for (uint32_t size = 1; size <= 65; size++) {
        const berth_request_t bytes = {.size = size, .is_zeroed = true};
        const berth_request_t words = {
            .size = size, .needed = BERTH_CAP_WORDS | BERTH_CAP_EXEC, .is_zeroed = true};
        uint8_t *block = berth_alloc(berth, &bytes);
        uint8_t *other = berth_alloc(berth, &words);
        assert_true(scene_is_in(second, other));
        scene_assert_bytes(block, size, 0);
        scene_assert_bytes(other, size, 0);
        scene_assert_bytes(block + size, berth_size(berth, block) - size, 0xA5);
        const uint32_t whole = (size + 3u) & ~3u;
        scene_assert_bytes(other + whole, berth_size(berth, other) - whole, 0xA5);
    }
}

static void test_a_region_with_an_owner_charges_that_one(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    first->owner = TLS;
    scene_start();
    void *block = berth_alloc(berth, &(berth_request_t){.size = 100, .owner = LVGL});
    assert_int_equal(berth_about(berth, block).owner, TLS);
    assert_int_equal(scene_last().owner, TLS);
    assert_int_equal(berth_account(berth, first, LVGL).live, 0);
    assert_int_equal(berth_account(berth, first, TLS).live, berth_about(berth, block).taken);
}

static void test_a_lock_that_is_refused_is_no_wrong_free(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    void *block = berth_malloc(berth, 100, 0);
    scene.busy = &first->lock;
    berth_free(berth, block);
    assert_int_equal(scene.asserted, 0);
    assert_int_equal(scene.level, BERTH_LEVEL_WARNING);
    assert_int_equal(berth_try_free(berth, block), BERTH_ERR_BUSY);
    scene.busy = NULL;
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
}

static void test_a_region_whose_lock_is_refused_is_passed_over(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    void *block = berth_malloc(berth, 100, 0);
    scene.busy = &first->lock;
    void *other = berth_malloc(berth, 100, 0);
    assert_true(scene_is_in(second, other));
    assert_int_equal(scene_last().kind, BERTH_EVENT_FALLBACK);
    assert_null(berth_malloc(berth, 100, BERTH_CAP_INTERNAL));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_BUSY);
    assert_int_equal(first->refused, 0);
    assert_int_equal(berth_try_free(berth, block), BERTH_ERR_BUSY);
    assert_int_equal(berth_about(berth, block).status, BERTH_ERR_BUSY);
    scene.busy = NULL;
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
}

/* --- free ------------------------------------------------------------------------------------ */

static void test_free_ignores_null(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_free(berth, NULL);
    assert_int_equal(berth_try_free(berth, NULL), BERTH_OK);
    assert_int_equal(scene_last().kind, 0xFF);
    assert_int_equal(scene.asserted, 0);
}

static void test_free_gives_back_what_was_taken(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    void *kept = berth_alloc(berth, &(berth_request_t){.size = 50, .owner = LVGL});
    void *block = berth_alloc(berth, &(berth_request_t){.size = 90, .owner = WIFI});
    const berth_about_t about = berth_about(berth, block);
    berth_free(berth, block);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_FREE);
    assert_int_equal(event.status, BERTH_OK);
    assert_int_equal(event.region, 0);
    assert_int_equal(event.offset, about.offset);
    assert_int_equal(event.size, 0);
    assert_int_equal(event.taken, about.taken);
    assert_int_equal(event.owner, WIFI);
    assert_int_equal(berth_account(berth, first, WIFI).count, 0);
    assert_int_equal(berth_account(berth, first, WIFI).peak, about.taken);
    assert_int_equal(scene_used(first), berth_about(berth, kept).taken);
    assert_int_equal(scene.asserted, 0);
}

static void assert_wrong_free(void *pointer, uint8_t region)
{
    const uint32_t used = scene_used(first);
    const uint32_t asserted = scene.asserted;
    assert_int_equal(berth_try_free(berth, pointer), BERTH_ERR_INVALID);
    assert_int_equal(scene.asserted, asserted);
    berth_free(berth, pointer);
    assert_int_equal(scene.asserted, asserted + 1);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_FREE);
    assert_int_equal(event.status, BERTH_ERR_INVALID);
    assert_int_equal(event.region, region);
    assert_int_equal(event.taken, 0);
    assert_int_equal(event.owner, BERTH_NO_OWNER);
    assert_int_equal(event.offset, region == BERTH_NO_REGION
                                       ? BERTH_NOWHERE
                                       : (uint32_t)((uint8_t *)pointer - (uint8_t *)first->base));
    assert_memory_equal(&scene.asserted_of.offset, &event.offset, sizeof event.offset);
    assert_int_equal(scene.level, BERTH_LEVEL_ERROR);
    assert_int_equal(scene_used(first), used);
    scene_audit();
}

static void test_a_wrong_free_changes_nothing_and_is_told(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    uint32_t mine[4] = {0};
    uint8_t *block = berth_malloc(berth, 100, 0);
    uint8_t *freed = berth_malloc(berth, 100, 0);
    assert_non_null(berth_malloc(berth, 100, 0));
    scene_paint(block, 100, 3);
    berth_free(berth, freed);
    assert_wrong_free(freed, 0);
    assert_wrong_free(block + 4, 0);
    assert_wrong_free(block + 1, 0);
    assert_wrong_free(block - 4, 0);
    assert_wrong_free(mine + 1, BERTH_NO_REGION);
    assert_wrong_free((uint8_t *)first->base + first->size, BERTH_NO_REGION);
    assert_wrong_free((uint8_t *)first->base - 1, BERTH_NO_REGION);
    scene_assert_painted(block, 100, 3);
    berth_free(berth, block);
    assert_wrong_free(block, 0);
}

/* --- blocks that lie anywhere ---------------------------------------------------------------- */

static void test_blocks_of_the_platforms_heap_are_found_wherever_they_lie(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_foreign);
    scene_start();
    const berth_request_t request = {.size = 100, .needed = BERTH_CAP_PLACE(2), .owner = TLS};
    uint8_t *block = berth_alloc(berth, &request);
    const berth_about_t about = berth_about(berth, block);
    assert_int_equal(about.status, BERTH_OK);
    assert_ptr_equal(about.region, &scene.regions[1]);
    assert_int_equal(about.owner, TLS);
    assert_int_equal(scene_last().offset, about.offset);
    scene_paint(block, 100, 4);
    assert_true(berth_can(berth, block, 100, BERTH_CAP_PLACE(2)));
    assert_int_equal(berth_account(berth, about.region, TLS).live, about.taken);
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    assert_int_equal(berth_account(berth, about.region, TLS).live, 0);
    assert_int_equal(scene_last().region, 1);
    assert_int_equal(berth_try_free(berth, block + 1), BERTH_ERR_INVALID);
}

static berth_place_t whose_unknown(const berth_region_t *region, const void *pointer)
{
    (void)pointer;
    return (berth_place_t){.offset = region->size, .status = BERTH_ERR_UNKNOWN};
}

/* Where one cannot tell, nobody says that the pointer is wrong; but its own region knows it. */
static void test_a_pointer_of_which_nobody_can_tell_is_unknown(void **state)
{
    (void)state;
    static berth_engine_t engine;
    engine = *scene_foreign.engine;
    engine.whose = whose_unknown;
    SCENE_LAY(&scene_foreign, &scene_sram, &scene_foreign);
    static uint64_t table[64];
    first->engine = &engine;
    first->caps[0] = BERTH_CAP_PLACE(4);
    first->beside = table;
    first->beside_size = sizeof table;
    scene_start();
    uint32_t mine = 0;
    assert_int_equal(berth_try_free(berth, &mine), BERTH_ERR_UNKNOWN);
    assert_int_equal(scene_last().status, BERTH_ERR_UNKNOWN);
    assert_int_equal(berth_about(berth, &mine).status, BERTH_ERR_UNKNOWN);
    assert_null(berth_realloc(berth, &mine, 10));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_UNKNOWN);
    void *block = berth_malloc(berth, 100, BERTH_CAP_PLACE(2));
    assert_ptr_equal(berth_about(berth, block).region, &scene.regions[2]);
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    assert_int_equal(berth_try_free(berth, (uint8_t *)second->base + 64), BERTH_ERR_INVALID);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_grants_what_was_asked_for),
        cmocka_unit_test(test_alloc_refuses_what_makes_no_sense),
        cmocka_unit_test(test_alloc_refuses_sizes_that_overflow),
        cmocka_unit_test(test_malloc_without_caps_needs_bytes),
        cmocka_unit_test(test_calloc_zeroes_and_refuses_products_that_overflow),
        cmocka_unit_test(test_is_zeroed_clears_the_block_and_nothing_else),
        cmocka_unit_test(test_a_region_with_an_owner_charges_that_one),
        cmocka_unit_test(test_a_lock_that_is_refused_is_no_wrong_free),
        cmocka_unit_test(test_a_region_whose_lock_is_refused_is_passed_over),
        cmocka_unit_test(test_free_ignores_null),
        cmocka_unit_test(test_free_gives_back_what_was_taken),
        cmocka_unit_test(test_a_wrong_free_changes_nothing_and_is_told),
        cmocka_unit_test(test_blocks_of_the_platforms_heap_are_found_wherever_they_lie),
        cmocka_unit_test(test_a_pointer_of_which_nobody_can_tell_is_unknown),
    };
    return SCENE_RUN(tests);
}
