/* s7_fallback.c: does a fallback ever lose what memory must be able to do, a floor, or old data?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S7. All caps in all combinations, several chains of hops, all occupancies, on boards
 * with and without PSRAM; and two bugs of the field, written down as controls that must fail:
 *
 *   ESPHome #18271   A decoder's buffers: PSRAM that bears bytes, else "internal" and no more. A
 *                    board without PSRAM took the latter from IRAM, which bears words alone, and
 *                    the first byte written there was a LoadStoreError.
 *   WLED-MM #342     A realloc that may fall back, then a check of what is left, which frees the
 *                    new block if that is too little; and the caller, told NULL, frees the old
 *                    one: which is that very block, or was freed when it moved. And its last
 *                    resort is any memory, without a check.
 */
#include "scene_core.h"

#define SIZE 256u
#define GROWN 600u
#define FLOOR 2000u
#define CROWDED 1500u /* bytes that a crowded region has: room for a block, but not for the floor */

static berth_t *const berth = &scene.berth;

/* --- boards ---------------------------------------------------------------------------------- */

static const berth_region_t *const with_psram[] = {&scene_iram, &scene_sram, &scene_psram, NULL};
static const berth_region_t *const without_psram[] = {&scene_iram, &scene_sram, NULL};
static const berth_region_t *const psram_first[] = {&scene_psram, &scene_sram, &scene_iram, NULL};
static const berth_region_t *const no_iram[] = {&scene_sram, &scene_psram, NULL};
static const berth_region_t *const *const boards[] = {with_psram, without_psram, psram_first,
                                                      no_iram};
#define BOARDS (sizeof boards / sizeof boards[0])

typedef enum occupancy {
    EMPTY,
    ROOMY,
    FULL,
    OCCUPANCIES
} occupancy_t;

static berth_caps_t caps_of(const berth_region_t *region)
{
    return region->caps[0] | region->caps[1] | region->caps[2] | BERTH_CAP_WORDS;
}

static void occupy(berth_region_t *region, occupancy_t occupancy)
{
    if (occupancy == FULL) {
        scene_fill(region, WIFI);
    } else if (occupancy == ROOMY) {
        const berth_request_t request = {.size =
                                             region->engine->allocatable(region, 0, WIFI) - CROWDED,
                                         .needed = caps_of(region),
                                         .owner = WIFI};
        assert_true(scene_is_in(region, berth_alloc(berth, &request)));
    }
}

/* Starts a board; `index` counts through the occupancies of its regions. False: that was all. */
static bool board_start(const berth_region_t *const *board, uint32_t index)
{
    scene_lay(board);
    scene_start();
    for (uint32_t i = 0; i < scene.config.region_count; i++) {
        occupy(&scene.regions[i], (occupancy_t)(index % OCCUPANCIES));
        index /= OCCUPANCIES;
    }
    return index == 0;
}

/* --- requests -------------------------------------------------------------------------------- */

static const berth_caps_t bits[] = {BERTH_CAP_BYTES,     BERTH_CAP_WORDS,    BERTH_CAP_DMA,
                                    BERTH_CAP_EXEC,      BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL,
                                    BERTH_CAP_CACHE_OFF, BERTH_CAP_DEFAULT};
#define CAPS_SETS (1u << sizeof bits / sizeof bits[0])

static berth_caps_t caps_set(uint32_t index)
{
    berth_caps_t caps = 0;
    for (uint32_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        caps |= (index >> i & 1u) != 0 ? bits[i] : 0;
    }
    return caps;
}

static const berth_request_t to_internal = {.needed = BERTH_CAP_INTERNAL};
static const berth_request_t to_external = {.needed = BERTH_CAP_EXTERNAL};
static const berth_request_t to_any = {.preferred = BERTH_CAP_EXTERNAL};
static const berth_request_t to_words = {.needed = BERTH_CAP_WORDS | BERTH_CAP_EXEC};
static const berth_request_t to_last = {.needed = BERTH_CAP_INTERNAL, .left = BERTH_LEFT_NOTHING};
static const berth_request_t to_two = {.needed = BERTH_CAP_EXTERNAL, .otherwise = &to_last};
static const berth_request_t *const chains[] = {NULL,    &to_internal, &to_external,
                                                &to_any, &to_words,    &to_two};
#define CHAINS (sizeof chains / sizeof chains[0])

/* --- what is right, told without looking at the manager --------------------------------------- */

/* A hop as it is to be read: the caps that a region must have, by one reading or the other: who
 * names nothing, but prefers something, is served by what he prefers or by what is DEFAULT. */
typedef struct wish {
    berth_caps_t needed;
    berth_caps_t with_preferred;
    uint32_t left; /* bytes */
} wish_t;

static berth_caps_t needed_in_full(berth_caps_t needed)
{
    const berth_caps_t access = BERTH_CAP_BYTES | BERTH_CAP_WORDS;
    return needed | ((needed & BERTH_CAP_WORDS) != 0 ? 0 : BERTH_CAP_BYTES) |
           ((needed & ~access) == 0 ? BERTH_CAP_DEFAULT : 0);
}

static uint32_t wishes_of(const berth_request_t *request, wish_t wishes[5])
{
    berth_caps_t able = 0;
    uint32_t left = 0;
    uint32_t count = 0;
    for (const berth_request_t *hop = request; hop != NULL; hop = hop->otherwise) {
        left = hop->left == BERTH_LEFT_NOTHING ? 0 : hop->left != 0 ? hop->left : left;
        wishes[count].needed = needed_in_full(hop->needed | able);
        wishes[count].with_preferred = needed_in_full(hop->needed | able | hop->preferred);
        wishes[count].left = left;
        able |= wishes[count++].needed & BERTH_CAPS_ABLE;
    }
    return count;
}

/* Whether any hop allows a region that has so much room. */
static bool is_allowed(const berth_request_t *request, const berth_region_t *region, uint32_t room)
{
    wish_t wishes[5];
    const uint32_t count = wishes_of(request, wishes);
    for (uint32_t i = 0; i < count; i++) {
        const bool has_all = (wishes[i].needed & ~caps_of(region)) == 0 ||
                             (wishes[i].with_preferred & ~caps_of(region)) == 0;
        if (has_all && room >= wishes[i].left) {
            return true;
        }
    }
    return false;
}

/* Whether a block could be had anywhere, by what the engines say of themselves. */
static bool is_possible(const berth_request_t *request)
{
    for (uint32_t i = 0; i < scene.config.region_count; i++) {
        const berth_region_t *region = &scene.regions[i];
        const uint32_t cost = region->engine->cost(region, request->size, 0, LVGL);
        if (region->engine->fits(region, request->size, 0, LVGL) &&
            is_allowed(request, region, scene_room(region) - cost)) {
            return true;
        }
    }
    return false;
}

/* --- everything ------------------------------------------------------------------------------ */

/* What no hop may give up, in as few words as there are. */
static void assert_is_able(const void *block, const berth_request_t *request)
{
    const berth_caps_t access = (request->needed & BERTH_CAP_WORDS) != 0 ? 0 : BERTH_CAP_BYTES;
    const berth_caps_t able = (request->needed & BERTH_CAPS_ABLE) | access;
    assert_true(berth_can(berth, block, request->size, able));
}

static uint32_t granted_count;
static uint32_t refused_count;

static void assert_served_rightly(const berth_request_t *request)
{
    const bool expected = is_possible(request);
    void *block = berth_alloc(berth, request);
    assert_int_equal(block != NULL, expected);
    if (block == NULL) {
        refused_count++;
        return;
    }
    const berth_region_t *region = berth_about(berth, block).region;
    assert_is_able(block, request);
    assert_true(is_allowed(request, region, scene_room(region)));
    berth_free(berth, block);
    granted_count++;
}

static void alloc_everything(void)
{
    static const berth_caps_t preferred[] = {0, BERTH_CAP_EXTERNAL, BERTH_CAP_FAST, BERTH_CAP_NPU};
    for (uint32_t set = 0; set < CAPS_SETS; set++) {
        for (uint32_t i = 0; i < CHAINS * 4 * 2; i++) {
            const berth_request_t request = {.size = SIZE,
                                             .needed = caps_set(set),
                                             .preferred = preferred[i % 4],
                                             .left = i / 4 % 2 * FLOOR,
                                             .otherwise = chains[i / 8],
                                             .owner = LVGL};
            assert_served_rightly(&request);
        }
    }
}

static void test_no_fallback_loses_a_cap_or_a_floor(void **state)
{
    (void)state;
    granted_count = refused_count = 0;
    for (uint32_t board = 0; board < BOARDS; board++) {
        for (uint32_t index = 0; board_start(boards[board], index); index++) {
            alloc_everything();
            scene_audit();
        }
    }
    assert_true(granted_count > 100000 && refused_count > 100000);
}

/* Resizes a painted block, which must keep its bytes; or stay, and be freed once. */
static void assert_resized_rightly(berth_region_t *home, const berth_request_t *request)
{
    const berth_request_t first = {.size = SIZE, .needed = caps_of(home), .owner = LVGL};
    void *block = berth_alloc(berth, &first);
    assert_true(scene_is_in(home, block));
    scene_paint(block, SIZE, 1);
    void *resized = berth_resize(berth, block, request);
    if (resized == NULL) {
        refused_count++;
        assert_true(scene_is_in(home, block));
        scene_assert_painted(block, SIZE, 1);
        assert_int_equal(berth_try_free(berth, block), BERTH_OK);
        return;
    }
    granted_count++;
    scene_assert_painted(resized, SIZE, 1);
    const berth_about_t about = berth_about(berth, resized);
    assert_true(about.size >= request->size);
    assert_int_equal(about.owner, LVGL);
    assert_is_able(resized, request);
    assert_true(is_allowed(request, about.region, scene_room(about.region)));
    assert_int_equal(berth_account(berth, about.region, LVGL).count, 1);
    assert_int_equal(berth_try_free(berth, resized), BERTH_OK);
}

static void resize_everything(berth_region_t *home)
{
    for (uint32_t set = 1; set < CAPS_SETS; set++) {
        for (uint32_t i = 0; i < CHAINS * 2; i++) {
            const berth_request_t request = {.size = GROWN,
                                             .needed = caps_set(set),
                                             .left = i % 2 * FLOOR,
                                             .otherwise = chains[i / 2]};
            assert_resized_rightly(home, &request);
        }
    }
}

static void resize_everywhere(void)
{
    for (uint32_t i = 0; i < scene.config.region_count; i++) {
        berth_region_t *home = &scene.regions[i];
        if (home->engine->fits(home, SIZE, 0, LVGL)) {
            resize_everything(home);
        }
    }
}

static void test_a_resize_across_regions_keeps_data_caps_and_floor(void **state)
{
    (void)state;
    granted_count = refused_count = 0;
    for (uint32_t board = 0; board < BOARDS; board++) {
        for (uint32_t index = 0; board_start(boards[board], index); index++) {
            resize_everywhere();
            scene_audit();
        }
    }
    assert_true(granted_count > 10000 && refused_count > 10000);
}

/* --- ESPHome #18271 -------------------------------------------------------------------------- */

#define DECODER 4096u /* bytes */

/* Control: the first region whose caps hold those asked for, literally; nothing is implied. */
static void *naive_malloc(size_t size, berth_caps_t caps)
{
    for (uint32_t i = 0; i < scene.config.region_count; i++) {
        berth_region_t *region = &scene.regions[i];
        if ((caps & ~caps_of(region)) == 0) {
            const berth_grant_t grant = region->engine->alloc(region, size, 0, LVGL);
            if (grant.offset != BERTH_NOWHERE) {
                return (uint8_t *)region->base + grant.offset;
            }
        }
    }
    return NULL;
}

/* Control: as the decoder asked. The second set of caps lacks what the first one had. */
static void *naive_decoder_malloc(void)
{
    void *block = naive_malloc(DECODER, BERTH_CAP_EXTERNAL | BERTH_CAP_BYTES);
    return block != NULL ? block : naive_malloc(DECODER, BERTH_CAP_INTERNAL);
}

/* Whether the decoder could write its first byte there. */
static bool naive_is_usable(void *block)
{
    const berth_about_t about = berth_about(berth, block);
    const bool is_usable = berth_can(berth, block, DECODER, BERTH_CAP_BYTES);
    assert_int_equal(about.region->engine->free(about.region, about.offset).status, BERTH_OK);
    return is_usable;
}

static const berth_request_t decoder = {
    .size = DECODER, .needed = BERTH_CAP_EXTERNAL | BERTH_CAP_BYTES, .otherwise = &to_internal};

static void test_esphome_18271_control_loses_the_bytes_on_boards_without_psram(void **state)
{
    (void)state;
    (void)board_start(with_psram, 0);
    assert_true(naive_is_usable(naive_decoder_malloc())); /* which is why nobody saw it */
    (void)board_start(without_psram, 0);
    assert_false(naive_is_usable(naive_decoder_malloc()));
}

static void test_esphome_18271_a_decoders_buffer_bears_bytes_on_every_board(void **state)
{
    (void)state;
    for (uint32_t board = 0; board < BOARDS; board++) {
        (void)board_start(boards[board], 0);
        void *block = berth_alloc(berth, &decoder);
        assert_true(berth_can(berth, block, DECODER, BERTH_CAP_BYTES));
        block = berth_realloc(berth, block, DECODER + DECODER / 2);
        assert_true(berth_can(berth, block, DECODER, BERTH_CAP_BYTES));
    }
    (void)board_start(without_psram, FULL * OCCUPANCIES); /* IRAM alone has room */
    assert_null(berth_alloc(berth, &decoder));
    assert_int_equal(scene_used(&scene.regions[0]), 0);
}

/* --- WLED-MM #342 ---------------------------------------------------------------------------- */

static uint32_t double_frees;

static void naive_free(void *block)
{
    double_frees += berth_try_free(berth, block) != BERTH_OK;
}

/* Control: a block that leaves too little is freed again. */
static void *naive_validate(void *block, const berth_region_t *sram)
{
    if (block != NULL && scene_room(sram) < FLOOR) {
        naive_free(block);
        return NULL;
    }
    return block;
}

/* Control: NULL is taken for "the realloc failed, so the old block is still there". */
static void *naive_realloc(void *block, size_t size, const berth_region_t *sram)
{
    void *resized = naive_validate(berth_realloc(berth, block, size), sram);
    if (resized != NULL) {
        return resized;
    }
    naive_free(block);
    return berth_malloc(berth, size, 0); /* any memory: its floor is not asked */
}

/* A block of an effect's, on a board whose SRAM has less than the floor to give. */
static uint8_t *effect_start(const berth_region_t *const *board)
{
    (void)board_start(board, ROOMY * OCCUPANCIES);
    const berth_request_t request = {.size = SIZE, .needed = BERTH_CAP_DMA, .owner = LVGL};
    uint8_t *block = berth_alloc(berth, &request);
    assert_true(scene_is_in(&scene.regions[1], block));
    scene_paint(block, SIZE, 2);
    return block;
}

static void test_wled_342_control_frees_twice_and_goes_below_the_floor(void **state)
{
    (void)state;
    const berth_region_t *sram = &scene.regions[1];
    for (uint32_t moves = 0; moves < 2; moves++) {
        uint8_t *block = effect_start(without_psram);
        assert_true(moves == 0 || berth_malloc(berth, 8, BERTH_CAP_DMA) != NULL);
        double_frees = 0;
        assert_non_null(naive_realloc(block, GROWN, sram));
        assert_int_equal(double_frees, 1);
        assert_true(scene_room(sram) < FLOOR);
    }
}

static void test_wled_342_a_refused_resize_leaves_one_block_to_free(void **state)
{
    (void)state;
    uint8_t *block = effect_start(without_psram);
    const uint32_t room = scene_room(&scene.regions[1]);
    const berth_request_t last = {.preferred = BERTH_CAP_INTERNAL};
    const berth_request_t outside = {.needed = BERTH_CAP_EXTERNAL, .otherwise = &last};
    const berth_request_t request = {
        .size = GROWN, .left = FLOOR, .needed = BERTH_CAP_INTERNAL, .otherwise = &outside};
    assert_null(berth_resize(berth, block, &request));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_LEFT);
    assert_int_equal(scene_room(&scene.regions[1]), room);
    scene_assert_painted(block, SIZE, 2);
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    assert_int_equal(berth_try_free(berth, block), BERTH_ERR_INVALID);
    block = effect_start(with_psram);
    block = berth_resize(berth, block, &request); /* the floor drives it out, with its bytes */
    assert_true(scene_is_in(&scene.regions[2], block));
    scene_assert_painted(block, SIZE, 2);
}

/* --- and when all is well --------------------------------------------------------------------- */

static void step_healthily(void **slot, uint32_t step)
{
    const berth_request_t request = {.size = 1 + step * 37u % 500u,
                                     .needed = step % 3 == 0 ? BERTH_CAP_INTERNAL : 0,
                                     .preferred = step % 5 == 0 ? BERTH_CAP_EXTERNAL : 0,
                                     .left = FLOOR,
                                     .otherwise = &to_external,
                                     .owner = LVGL};
    if (step % 4 == 3) {
        berth_free(berth, *slot);
        *slot = NULL;
    } else {
        *slot = berth_resize(berth, *slot, &request);
        assert_non_null(*slot);
    }
}

static void test_a_healthy_run_is_silent(void **state)
{
    (void)state;
    (void)board_start(with_psram, 0);
    void *slots[32] = {NULL};
    for (uint32_t step = 0; step < 20000; step++) {
        step_healthily(&slots[step * 7u % 32u], step);
        for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
            assert_int_equal(event.status, BERTH_OK);
            assert_true(event.kind == BERTH_EVENT_ALLOC || event.kind == BERTH_EVENT_FREE ||
                        event.kind == BERTH_EVENT_RESIZE);
        }
    }
    assert_int_equal(berth_refusals(berth), 0);
    assert_int_equal(berth_lost(berth), 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_fallback_loses_a_cap_or_a_floor),
        cmocka_unit_test(test_a_resize_across_regions_keeps_data_caps_and_floor),
        cmocka_unit_test(test_esphome_18271_control_loses_the_bytes_on_boards_without_psram),
        cmocka_unit_test(test_esphome_18271_a_decoders_buffer_bears_bytes_on_every_board),
        cmocka_unit_test(test_wled_342_control_frees_twice_and_goes_below_the_floor),
        cmocka_unit_test(test_wled_342_a_refused_resize_leaves_one_block_to_free),
        cmocka_unit_test(test_a_healthy_run_is_silent),
    };
    return SCENE_RUN(tests);
}
