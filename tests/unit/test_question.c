/* test_question.c: are the answers true, and does a walk survive what happens beside it?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include "random.h"

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

/* --- pointers -------------------------------------------------------------------------------- */

static void test_about_tells_what_is_known_of_a_block(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    const berth_request_t request = {.size = 100, .needed = BERTH_CAP_EXTERNAL, .owner = TLS};
    uint8_t *block = berth_alloc(berth, &request);
    const berth_about_t about = berth_about(berth, block);
    assert_int_equal(about.status, BERTH_OK);
    assert_ptr_equal(about.region, second);
    assert_int_equal(about.offset, block - (uint8_t *)second->base);
    assert_int_equal(about.owner, TLS);
    assert_int_equal(about.taken, scene_used(second));
    assert_true(about.size >= 100 && about.size <= about.taken);
    assert_int_equal(berth_size(berth, block), about.size);
}

static void assert_no_block(const void *pointer, const berth_region_t *region)
{
    const berth_about_t about = berth_about(berth, pointer);
    assert_int_equal(about.status, BERTH_ERR_INVALID);
    assert_ptr_equal(about.region, region);
    assert_int_equal(about.size, 0);
    assert_int_equal(about.taken, 0);
    assert_int_equal(about.owner, BERTH_NO_OWNER);
    assert_int_equal(berth_size(berth, pointer), 0);
}

static void test_about_knows_what_is_no_block(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    uint32_t mine = 0;
    uint8_t *block = berth_malloc(berth, 100, 0);
    uint8_t *const base = first->base;
    assert_no_block(block + 4, first);
    assert_no_block(block + 1, first);
    assert_no_block(base, first);
    assert_no_block(base + first->size - 1, first);
    assert_no_block(base + first->size, NULL);
    assert_no_block(base - 1, NULL);
    assert_no_block(NULL, NULL);
    assert_no_block(&mine, NULL);
    berth_free(berth, block);
    assert_no_block(block, first);
    assert_int_equal(scene_last().kind, BERTH_EVENT_FREE); /* asking is no event */
}

static void test_can_is_about_the_whole_range(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_iram);
    scene_start();
    const uint8_t *const base = first->base;
    const uint8_t *const end = base + first->size;
    assert_true(berth_can(berth, base, first->size, BERTH_CAP_DMA | BERTH_CAP_BYTES));
    assert_false(berth_can(berth, base, (size_t)first->size + 1, BERTH_CAP_DMA));
    assert_true(berth_can(berth, end - 1, 1, BERTH_CAP_WORDS));
    assert_false(berth_can(berth, end - 1, 2, BERTH_CAP_WORDS));
    assert_false(berth_can(berth, end, 1, BERTH_CAP_WORDS));
    assert_false(berth_can(berth, base - 1, 1, 0));
    assert_false(berth_can(berth, base + 100, SIZE_MAX, 0));
    assert_false(berth_can(berth, base + 100, SIZE_MAX - 100, 0));
    assert_false(berth_can(berth, base, 1, BERTH_CAP_DMA | BERTH_CAP_EXEC));
    assert_true(berth_can(berth, second->base, 4, BERTH_CAP_WORDS | BERTH_CAP_EXEC));
    assert_false(berth_can(berth, second->base, 4, BERTH_CAP_BYTES));
    assert_false(berth_can(berth, NULL, 1, 0));
}

static const void *at(uintptr_t address)
{
    return (const void *)address;
}

static void test_can_knows_aliases(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    berth_window_t alias = {.base = 0xA0000000u, .size = SCENE_SRAM_SIZE};
    first->aliases = &alias;
    first->alias_count = 1;
    scene_start();
    assert_true(berth_can(berth, at(0xA0000000u), SCENE_SRAM_SIZE, BERTH_CAP_DMA));
    assert_false(berth_can(berth, at(0xA0000000u), SCENE_SRAM_SIZE + 1u, BERTH_CAP_DMA));
    assert_false(berth_can(berth, at(0xA0000000u), 4, BERTH_CAP_EXTERNAL));
    assert_false(berth_can(berth, at(0xA0000000u + SCENE_SRAM_SIZE), 1, 0));
}

static void test_can_ends_where_a_short_alias_ends(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    berth_window_t alias = {.base = 0xA0000000u, .size = 1024};
    first->aliases = &alias;
    first->alias_count = 1;
    scene_start();
    assert_true(berth_can(berth, at(0xA0000000u), 1024, BERTH_CAP_DMA));
    assert_false(berth_can(berth, at(0xA0000000u), 1025, BERTH_CAP_DMA));
    assert_false(berth_can(berth, at(0xA0000000u + 1000u), 25, BERTH_CAP_DMA));
}

/* --- what could be had ----------------------------------------------------------------------- */

/* Asks, and finds the same by trying: so much is granted, and not a byte more. */
static void assert_found(berth_request_t request)
{
    request.size = 1;
    const uint32_t most = berth_allocatable(berth, &request);
    request.size = (size_t)most + 1;
    assert_null(berth_alloc(berth, &request));
    if (most != 0) {
        request.size = most;
        void *block = berth_alloc(berth, &request);
        assert_non_null(block);
        assert_true(berth_size(berth, block) >= most);
        berth_free(berth, block);
    }
}

static void questions_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram, &scene_pool, &scene_iram);
    for (uint32_t i = 0; i < 4; i++) {
        scene.regions[i].budgets = scene.budgets[i];
    }
    scene.regions[2].caps[1] = BERTH_CAP_DEFAULT;
    scene.regions[3].owner = TLS;
    scene_start();
    scene.budgets[0][LVGL].hard = 6000;
    scene.budgets[1][LVGL].hard = 9000;
    scene.budgets[0][BERTH_NO_OWNER].hard = 20000; /* the others' */
    scene.budgets[3][TLS].hard = 4000;
}

static void assert_all_found(uint32_t left)
{
    static const berth_caps_t wishes[] = {0,
                                          BERTH_CAP_BYTES,
                                          BERTH_CAP_WORDS,
                                          BERTH_CAP_INTERNAL,
                                          BERTH_CAP_EXTERNAL,
                                          BERTH_CAP_WORDS | BERTH_CAP_EXEC,
                                          BERTH_CAP_PLACE(0),
                                          BERTH_CAP_NPU};
    const berth_request_t outside = {.needed = BERTH_CAP_EXTERNAL, .align = 128};
    for (uint32_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        for (uint32_t k = 0; k < 8; k++) {
            const berth_request_t request = {.needed = wishes[i],
                                             .align = k % 2 == 0 ? 0 : 64,
                                             .owner = k % 4 < 2 ? LVGL : 0,
                                             .otherwise = k < 4 ? NULL : &outside,
                                             .left = left};
            assert_found(request);
        }
    }
}

/* Leaves a third of 150 blocks of all sizes live. */
static void clutter(random_source_t *random)
{
    static const berth_caps_t places[] = {BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL,
                                          BERTH_CAP_EXEC | BERTH_CAP_WORDS, BERTH_CAP_PLACE(0)};
    void *blocks[150];
    for (uint32_t i = 0; i < 150; i++) {
        const berth_request_t request = {.size = random_between(random, 1, 600),
                                         .needed = places[i % 4],
                                         .owner = (berth_owner_t)random_between(random, 1, 3)};
        blocks[i] = berth_alloc(berth, &request);
    }
    for (uint32_t i = 0; i < 150; i++) {
        if (random_percent(random, 66)) {
            berth_free(berth, blocks[i]);
        }
    }
}

static void test_allocatable_is_what_is_found_by_trying(void **state)
{
    (void)state;
    random_source_t random = random_from(7);
    for (uint32_t i = 0; i < 12; i++) {
        questions_start();
        clutter(&random);
        assert_all_found(0);
        assert_all_found(random_between(&random, 1, 3000));
        const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
        assert_all_found(0);
        berth_guard_leave(berth, before);
        static berth_context_t isr = {.guards = BERTH_GUARD_ISR};
        scene.running = &isr;
        assert_all_found(0);
        scene.running = &scene.task;
        scene_audit();
    }
}

static void test_accounts_are_zero_where_nobody_counts(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.config.accounts = NULL;
    scene.regions[0].budgets = NULL; /* which need accounts */
    scene.regions[1].budgets = NULL;
    scene_start();
    assert_non_null(berth_alloc(berth, &(berth_request_t){.size = 100, .owner = LVGL}));
    assert_int_equal(berth_account(berth, first, LVGL).live, 0);
    assert_int_equal(berth_account(berth, first, LVGL).count, 0);
    SCENE_LAY(&scene_sram);
    scene_start();
    assert_non_null(berth_malloc(berth, 100, 0));
    assert_int_equal(berth_account(berth, first, SCENE_OWNERS).live, 0);
    assert_int_equal(berth_account(berth, first, BERTH_NO_OWNER).live, 0);
    assert_int_equal(berth_account(berth, first, BERTH_OTHERS).live, scene_used(first));
}

/* --- walks ----------------------------------------------------------------------------------- */

#define BLOCKS 200u

static void *blocks[BLOCKS];

static void walk_start(void)
{
    SCENE_LAY(&scene_sram);
    scene_start();
    for (uint32_t i = 0; i < BLOCKS; i++) {
        blocks[i] = berth_alloc(
            berth, &(berth_request_t){.size = 10 + i % 90, .owner = (berth_owner_t)(1 + i % 3)});
        assert_non_null(blocks[i]);
    }
    for (uint32_t i = 0; i < BLOCKS; i += 3) {
        berth_free(berth, blocks[i]);
        blocks[i] = NULL;
    }
}

static void test_a_walk_tells_every_block_in_order(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 64; capacity += 9) {
        walk_start();
        berth_walk_t walk = {.region = first};
        berth_block_t out[64];
        uint32_t live = 0;
        uint32_t taken = 0;
        uint32_t next = 0;
        while (walk.cursor != BERTH_NOWHERE) {
            const uint32_t count = berth_walk(berth, &walk, out, capacity);
            assert_true(count <= capacity && count <= BERTH_WALK_SLICE);
            for (uint32_t i = 0; i < count; i++) {
                assert_true(out[i].offset >= next);
                next = out[i].offset + 1;
                taken += out[i].taken;
                live += out[i].owner != BERTH_NO_OWNER;
            }
        }
        assert_int_equal(berth_walk(berth, &walk, out, capacity), 0);
        assert_int_equal(live, BLOCKS - (BLOCKS + 2) / 3);
        assert_int_equal(taken, scene_used(first) + scene_room(first));
    }
}

/* Walks on while `between` happens after each slice; no block may be told twice. Returns how many
 * of those that live throughout were told; fails if there is no end. */
static uint32_t walked_beside(void (*between)(uint32_t slice), uint32_t capacity)
{
    berth_walk_t walk = {.region = first};
    berth_block_t out[64];
    uint32_t next = 0;
    uint32_t lasting = 0;
    for (uint32_t slice = 0; walk.cursor != BERTH_NOWHERE; slice++) {
        assert_true(slice < 20 * BLOCKS);
        const uint32_t count = berth_walk(berth, &walk, out, capacity);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(out[i].status, BERTH_OK);
            assert_true(out[i].offset >= next);
            next = out[i].offset + 1;
            lasting += out[i].owner == 2;
        }
        between(slice);
    }
    return lasting;
}

static void free_one(uint32_t slice)
{
    const uint32_t index = (slice * 37u + 5u) % BLOCKS;
    if (index % 3 == 2) { /* those of owner 3 */
        berth_free(berth, blocks[index]);
        blocks[index] = NULL;
    }
}

static void test_a_walk_survives_frees_between_slices(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 64; capacity += 7) {
        walk_start();
        const uint32_t lasting = berth_account(berth, first, 2).count;
        assert_int_equal(walked_beside(free_one, capacity), lasting);
        assert_int_equal(berth_account(berth, first, 2).count, lasting);
    }
}

static void free_the_second(uint32_t slice)
{
    if (slice == 0) {
        berth_free(berth, blocks[1]);
    }
}

/* All that it has told is a free block, and the next one becomes a part of that. */
static void test_a_walk_that_saw_no_live_block_yet_finds_its_way(void **state)
{
    (void)state;
    walk_start();
    const uint32_t lasting = berth_account(berth, first, 2).count;
    assert_int_equal(walked_beside(free_the_second, 1), lasting - 1);
}

static void allocate_and_free(uint32_t slice)
{
    berth_free(berth, berth_malloc(berth, 20 + slice % 50, 0));
}

/* On a device that is never idle, a walk has an end too. */
static void test_a_walk_beside_steady_traffic_ends(void **state)
{
    (void)state;
    walk_start();
    const uint32_t lasting = berth_account(berth, first, 2).count;
    assert_int_equal(walked_beside(allocate_and_free, 64), lasting);
}

static void test_a_walk_of_a_busy_region_tells_nothing_yet(void **state)
{
    (void)state;
    walk_start();
    berth_walk_t walk = {.region = first};
    berth_block_t out[4];
    scene.busy = &first->lock;
    assert_int_equal(berth_walk(berth, &walk, out, 4), 0);
    assert_int_not_equal(walk.cursor, BERTH_NOWHERE);
    scene.busy = NULL;
    assert_int_equal(berth_walk(berth, &walk, out, 4), 4);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_about_tells_what_is_known_of_a_block),
        cmocka_unit_test(test_about_knows_what_is_no_block),
        cmocka_unit_test(test_can_is_about_the_whole_range),
        cmocka_unit_test(test_can_knows_aliases),
        cmocka_unit_test(test_can_ends_where_a_short_alias_ends),
        cmocka_unit_test(test_allocatable_is_what_is_found_by_trying),
        cmocka_unit_test(test_accounts_are_zero_where_nobody_counts),
        cmocka_unit_test(test_a_walk_tells_every_block_in_order),
        cmocka_unit_test(test_a_walk_survives_frees_between_slices),
        cmocka_unit_test(test_a_walk_that_saw_no_live_block_yet_finds_its_way),
        cmocka_unit_test(test_a_walk_beside_steady_traffic_ends),
        cmocka_unit_test(test_a_walk_of_a_busy_region_tells_nothing_yet),
    };
    return SCENE_RUN(tests);
}
