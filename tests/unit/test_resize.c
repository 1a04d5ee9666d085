/* test_resize.c: does a block grow, shrink and move as berth.h says, or stay exactly as it was?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include "berth/arena.h"

#include <string.h>

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

static void resize_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    first->budgets = scene.budgets[0];
    second->budgets = scene.budgets[1];
    scene_start();
}

static uint8_t *granted(size_t size, berth_owner_t owner)
{
    const berth_request_t request = {.size = size, .needed = BERTH_CAP_INTERNAL, .owner = owner};
    uint8_t *block = berth_alloc(berth, &request);
    assert_true(scene_is_in(first, block));
    scene_paint(block, size, owner);
    return block;
}

/* --- where it is ----------------------------------------------------------------------------- */

static void test_a_block_grows_and_shrinks_where_it_is(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    const size_t sizes[] = {101, 400, 5000, 4999, 120, 3, 1, 200};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t kept =
            berth_size(berth, block) < sizes[i] ? berth_size(berth, block) : sizes[i];
        scene_paint(block, berth_size(berth, block), 9);
        assert_ptr_equal(berth_realloc(berth, block, sizes[i]), block);
        scene_assert_painted(block, kept, 9);
        const berth_about_t about = berth_about(berth, block);
        assert_true(about.size >= sizes[i] && about.size < sizes[i] + 16);
        const berth_event_t event = scene_last();
        assert_int_equal(event.kind, BERTH_EVENT_RESIZE);
        assert_int_equal(event.status, BERTH_OK);
        assert_int_equal(event.size, sizes[i]);
        assert_int_equal(event.taken, about.taken);
        assert_int_equal(event.offset, about.offset);
        assert_int_equal(event.owner, LVGL);
        assert_int_equal(berth_account(berth, first, LVGL).live, about.taken);
        assert_int_equal(berth_account(berth, first, LVGL).count, 1);
    }
}

static void test_the_owner_stays_whoever_resizes(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    assert_non_null(granted(8, WIFI));
    const berth_owner_t before = berth_owner_push(berth, TLS);
    const berth_request_t request = {.size = 3000, .owner = WIFI};
    block = berth_resize(berth, block, &request); /* moves */
    berth_owner_pop(berth, before);
    assert_int_equal(berth_about(berth, block).owner, LVGL);
    assert_int_equal(berth_account(berth, first, TLS).peak, 0);
    assert_int_equal(berth_account(berth, first, LVGL).live, berth_about(berth, block).taken);
}

static void test_null_is_resized_by_allocating(void **state)
{
    (void)state;
    resize_start();
    const berth_request_t request = {.size = 100, .needed = BERTH_CAP_EXTERNAL, .owner = WIFI};
    void *block = berth_resize(berth, NULL, &request);
    assert_true(scene_is_in(second, block));
    assert_int_equal(berth_about(berth, block).owner, WIFI);
    assert_int_equal(scene_last().kind, BERTH_EVENT_ALLOC);
    assert_true(scene_is_in(first, berth_realloc(berth, NULL, 100)));
    assert_null(berth_realloc(berth, NULL, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_int_equal(scene_last().kind, BERTH_EVENT_ALLOC);
}

/* --- moving ---------------------------------------------------------------------------------- */

static void test_a_block_that_cannot_grow_moves_within_its_region(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    uint8_t *wall = granted(50, WIFI);
    const berth_about_t old = berth_about(berth, block);
    while (scene_last().kind != 0xFF) {
    }
    uint8_t *moved = berth_realloc(berth, block, 3000);
    assert_true(scene_is_in(first, moved) && moved != block);
    scene_assert_painted(moved, 100, LVGL);
    scene_assert_painted(wall, 50, WIFI);
    berth_event_t events[3];
    assert_int_equal(berth_poll(berth, events, 3), 2);
    assert_int_equal(events[0].kind, BERTH_EVENT_ALLOC);
    assert_int_equal(events[0].size, 3000);
    assert_int_equal(events[0].owner, LVGL);
    assert_int_equal(events[1].kind, BERTH_EVENT_FREE);
    assert_int_equal(events[1].offset, old.offset);
    assert_int_equal(events[1].taken, old.taken);
    assert_int_equal(berth_about(berth, block).status, BERTH_ERR_INVALID);
    assert_int_equal(berth_account(berth, first, LVGL).count, 1);
}

/* Who names no caps does not roam, however much room there is elsewhere. */
static void test_a_block_stays_in_its_region_unless_the_request_roams(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    assert_null(berth_realloc(berth, block, 40000));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOMEM);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_RESIZE);
    assert_int_equal(event.status, BERTH_ERR_NOMEM);
    assert_int_equal(event.offset, berth_about(berth, block).offset);
    assert_int_equal(event.owner, LVGL);
    assert_int_equal(event.size, 40000);
    assert_int_equal(event.taken, 0);
    scene_assert_painted(block, 100, LVGL);
    const berth_request_t request = {.size = 40000, .needed = BERTH_CAP_BYTES};
    uint8_t *moved = berth_resize(berth, block, &request);
    assert_true(scene_is_in(second, moved));
    scene_assert_painted(moved, 100, LVGL);
    assert_int_equal(scene_used(first), 0);
}

static void test_a_block_leaves_a_region_that_cannot_do_what_is_needed(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    const berth_request_t out = {.size = 60, .needed = BERTH_CAP_EXTERNAL};
    uint8_t *moved = berth_resize(berth, block, &out);
    assert_true(scene_is_in(second, moved));
    scene_assert_painted(moved, 60, LVGL);
    assert_int_equal(berth_account(berth, second, LVGL).count, 1);
    const berth_request_t back = {.size = 200, .needed = BERTH_CAP_DMA};
    moved = berth_resize(berth, moved, &back);
    assert_true(scene_is_in(first, moved));
    scene_assert_painted(moved, 60, LVGL);
}

/* The first hop does not allow it to stay, the second does. */
static void test_a_block_may_stay_where_any_hop_allows_it(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    const berth_request_t inside = {.needed = BERTH_CAP_INTERNAL};
    const berth_request_t request = {
        .size = 200, .needed = BERTH_CAP_EXTERNAL, .otherwise = &inside};
    assert_ptr_equal(berth_resize(berth, block, &request), block);
    scene_assert_painted(block, 100, LVGL);
}

static void test_an_alignment_that_is_restated_holds(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    for (uint32_t align = 8; align <= 4096; align *= 2) {
        const berth_request_t request = {.size = 100, .align = align};
        block = berth_resize(berth, block, &request);
        assert_non_null(block);
        assert_int_equal((first->address + berth_about(berth, block).offset) % align, 0);
        scene_assert_painted(block, 100, LVGL);
        assert_ptr_equal(berth_resize(berth, block, &request), block); /* it suits now */
        assert_int_equal(berth_account(berth, first, LVGL).count, 1);
    }
    const berth_request_t request = {.size = 50, .align = 1u << 20};
    assert_null(berth_resize(berth, block, &request));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_NOMEM);
    scene_assert_painted(block, 100, LVGL);
}

static void test_is_zeroed_is_for_bytes_beyond_the_old_room(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    const size_t room = berth_size(berth, block);
    scene_paint(block, room, 5);
    berth_request_t request = {.size = 300, .is_zeroed = true};
    assert_ptr_equal(berth_resize(berth, block, &request), block);
    scene_assert_painted(block, room, 5);
    scene_assert_bytes(block + room, 300 - room, 0);
    assert_non_null(granted(8, WIFI));
    scene_paint(block, berth_size(berth, block), 6);
    const size_t larger = berth_size(berth, block);
    request.size = 1000;
    uint8_t *moved = berth_resize(berth, block, &request);
    assert_true(moved != NULL && moved != block);
    scene_assert_painted(moved, larger, 6);
    scene_assert_bytes(moved + larger, 1000 - larger, 0);
}

/* --- refusals -------------------------------------------------------------------------------- */

/* What is known of a block, and of what its region and its owner hold. */
typedef struct kept {
    berth_about_t about;
    uint32_t live;
    uint32_t used[2];
} kept_t;

static kept_t kept_of(const uint8_t *block)
{
    const berth_lock_t *busy = scene.busy;
    scene.busy = NULL;
    const kept_t kept = {.about = berth_about(berth, block),
                         .live = berth_account(berth, first, LVGL).live,
                         .used = {scene_used(first), scene_used(second)}};
    scene.busy = busy;
    return kept;
}

static void assert_kept(const uint8_t *block, kept_t before)
{
    const kept_t after = kept_of(block);
    assert_int_equal(after.about.status, BERTH_OK);
    assert_ptr_equal(after.about.region, before.about.region);
    assert_int_equal(after.about.size, before.about.size);
    assert_int_equal(after.about.taken, before.about.taken);
    assert_int_equal(after.about.owner, before.about.owner);
    assert_int_equal(after.live, before.live);
    assert_int_equal(after.used[0], before.used[0]);
    assert_int_equal(after.used[1], before.used[1]);
    scene_assert_painted(block, 100, LVGL);
}

static void assert_refused(uint8_t *block, berth_request_t request, int32_t status)
{
    const kept_t before = kept_of(block);
    const uint32_t count = berth_refusals(berth);
    assert_null(berth_resize(berth, block, &request));
    assert_int_equal(berth_failure(berth).status, status);
    assert_int_equal(berth_refusals(berth), count + 1);
    assert_kept(block, before);
    scene_audit();
    const berth_event_t event = scene_last();
    const bool is_violation = status == BERTH_ERR_GUARD;
    assert_int_equal(event.kind, is_violation ? BERTH_EVENT_VIOLATION : BERTH_EVENT_RESIZE);
    assert_int_equal(event.status, status);
    assert_int_equal(event.region, before.about.region->index);
    assert_int_equal(event.offset, before.about.offset);
    assert_int_equal(event.taken, 0);
}

static void test_a_refusal_leaves_the_block_as_it_was(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    assert_non_null(granted(50, WIFI));
    assert_refused(block, (berth_request_t){.size = 0}, BERTH_ERR_INVALID);
    assert_refused(block, (berth_request_t){.size = 200, .align = 12}, BERTH_ERR_INVALID);
    assert_refused(block, (berth_request_t){.size = 40000}, BERTH_ERR_NOMEM);
    assert_refused(block, (berth_request_t){.size = SIZE_MAX - 3}, BERTH_ERR_NOMEM);
    assert_refused(block, (berth_request_t){.size = 60, .needed = BERTH_CAP_NPU}, BERTH_ERR_NOCAP);
    assert_refused(block, (berth_request_t){.size = 200, .left = SCENE_SRAM_SIZE}, BERTH_ERR_LEFT);
    assert_refused(block, (berth_request_t){.size = 200000, .needed = BERTH_CAP_EXTERNAL},
                   BERTH_ERR_NOMEM);
    scene.busy = &first->lock;
    assert_refused(block, (berth_request_t){.size = 200}, BERTH_ERR_BUSY);
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_refused(block, (berth_request_t){.size = 60}, BERTH_ERR_GUARD);
    berth_guard_leave(berth, before);
    assert_int_equal(berth_owner_retire(berth, LVGL), BERTH_OK);
    assert_refused(block, (berth_request_t){.size = 60}, BERTH_ERR_INVALID);
    assert_refused(block, (berth_request_t){.size = 600, .needed = BERTH_CAP_BYTES},
                   BERTH_ERR_INVALID);
}

static void test_what_is_no_block_is_not_resized(void **state)
{
    (void)state;
    resize_start();
    uint32_t mine[4] = {1, 2, 3, 4};
    uint8_t *block = granted(100, LVGL);
    uint8_t *freed = granted(100, LVGL);
    berth_free(berth, freed);
    const uint32_t used = scene_used(first);
    void *const wrong[] = {freed, block + 4, block + 1, mine + 1};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_null(berth_realloc(berth, wrong[i], 50));
        assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
        const berth_request_t roaming = {.size = 50, .needed = BERTH_CAP_BYTES};
        assert_null(berth_resize(berth, wrong[i], &roaming));
        assert_int_equal(scene_last().region, i < 3 ? 0 : BERTH_NO_REGION);
    }
    assert_int_equal(scene_used(first), used);
    assert_int_equal(scene_used(second), 0);
    scene_assert_painted(block, 100, LVGL);
}

/* --- budgets and what must be left ----------------------------------------------------------- */

static void test_a_budget_counts_what_a_block_grows_by(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    const uint32_t taken = berth_about(berth, block).taken;
    scene.budgets[0][LVGL].hard = taken + 40;
    assert_refused(block, (berth_request_t){.size = berth_size(berth, block) + 44},
                   BERTH_ERR_BUDGET);
    assert_int_equal(first->refused, 0); /* it was never asked for another block */
    const size_t most = berth_size(berth, block) + 40;
    assert_ptr_equal(berth_realloc(berth, block, most), block);
    assert_int_equal(berth_account(berth, first, LVGL).live, taken + 40);
    scene.budgets[0][LVGL].hard = 8; /* less than there is: what shrinks may */
    assert_ptr_equal(berth_realloc(berth, block, 50), block);
}

/* While it moves there are two blocks, and the budget is for both. */
static void test_a_budget_counts_both_blocks_while_one_moves(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    assert_non_null(granted(50, WIFI));
    uint8_t *probe = granted(200, LVGL);
    const uint32_t both = berth_account(berth, first, LVGL).live;
    berth_free(berth, probe);
    scene.budgets[0][LVGL].hard = both - 1;
    assert_refused(block, (berth_request_t){.size = 200}, BERTH_ERR_NOMEM);
    assert_int_equal(berth_failure(berth).reasons[0].status, BERTH_ERR_BUDGET);
    scene.budgets[0][LVGL].hard = both;
    uint8_t *moved = berth_realloc(berth, block, 200);
    assert_non_null(moved);
    scene_assert_painted(moved, 100, LVGL);
    assert_int_equal(berth_account(berth, first, LVGL).peak, both);
}

static void test_growing_beyond_a_soft_budget_is_told_once(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    const uint32_t taken = berth_about(berth, block).taken;
    scene.budgets[0][LVGL].soft = taken + 20;
    assert_ptr_equal(berth_realloc(berth, block, berth_size(berth, block) + 20), block);
    assert_int_equal(scene_count(BERTH_EVENT_BUDGET), 0);
    assert_ptr_equal(berth_realloc(berth, block, berth_size(berth, block) + 4), block);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_BUDGET);
    assert_int_equal(event.size, taken + 20);
    assert_int_equal(event.taken, taken + 24);
    assert_int_equal(event.offset, berth_about(berth, block).offset);
    assert_int_equal(event.owner, LVGL);
    assert_ptr_equal(berth_realloc(berth, block, berth_size(berth, block) + 4), block);
    assert_int_equal(scene_count(BERTH_EVENT_BUDGET), 0);
}

static void test_left_counts_what_a_block_grows_by(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    const size_t room = berth_size(berth, block);
    const uint32_t left = scene_room(first) - 40;
    assert_refused(block, (berth_request_t){.size = room + 44, .left = left}, BERTH_ERR_LEFT);
    const berth_request_t request = {.size = room + 40, .left = left};
    assert_ptr_equal(berth_resize(berth, block, &request), block);
    assert_int_equal(scene_room(first), left);
    const berth_request_t smaller = {.size = 60, .left = SCENE_SRAM_SIZE};
    assert_ptr_equal(berth_resize(berth, block, &smaller), block);
}

static void test_smallest_does_not_count(void **state)
{
    (void)state;
    resize_start();
    uint8_t *block = granted(100, LVGL);
    assert_refused(block, (berth_request_t){.size = 40000, .smallest = 1}, BERTH_ERR_NOMEM);
    assert_refused(block,
                   (berth_request_t){.size = 40000, .smallest = 1, .needed = BERTH_CAP_INTERNAL},
                   BERTH_ERR_NOMEM);
    const berth_request_t more = {.size = 200, .smallest = 300};
    assert_ptr_equal(berth_resize(berth, block, &more), block);
}

/* --- scrubbed owners ------------------------------------------------------------------------- */

static const berth_owner_t scrubbed[] = {SECRET, 0};

static uint8_t *scrubbed_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene.config.scrubbed = scrubbed;
    scene_start();
    return granted(256, SECRET);
}

static void test_a_scrubbed_owners_block_loses_its_tail(void **state)
{
    (void)state;
    uint8_t *block = scrubbed_start();
    assert_ptr_equal(berth_realloc(berth, block, 64), block);
    scene_assert_painted(block, 64, SECRET);
    scene_assert_bytes(block + 68, 256 - 68 - 4, 0); /* but for bookkeeping of what is free now */
}

static void test_a_scrubbed_owners_block_leaves_nothing_where_it_was(void **state)
{
    (void)state;
    uint8_t *block = scrubbed_start();
    const berth_request_t request = {.size = 300, .needed = BERTH_CAP_EXTERNAL};
    uint8_t *moved = berth_resize(berth, block, &request);
    assert_true(scene_is_in(second, moved));
    scene_assert_painted(moved, 256, SECRET);
    for (uint32_t i = 16; i < 240; i += 16) {
        assert_memory_not_equal(block + i, moved + i, 16);
    }
    assert_int_equal(berth_account(berth, first, SECRET).count, 0);
    assert_int_equal(berth_account(berth, second, SECRET).count, 1);
}

static void test_a_refusal_leaves_a_scrubbed_owners_block_as_it_was(void **state)
{
    (void)state;
    uint8_t *block = scrubbed_start();
    const berth_request_t elsewhere = {.size = 64, .needed = BERTH_CAP_NPU};
    assert_null(berth_resize(berth, block, &elsewhere));
    scene_assert_painted(block, 256, SECRET);
    const berth_request_t aligned = {.size = 64, .align = 1u << 20};
    assert_null(berth_resize(berth, block, &aligned));
    scene_assert_painted(block, 256, SECRET);
    scene.refuse_after = 1;
    assert_null(berth_realloc(berth, block, 64));
    scene_assert_painted(block, 256, SECRET);
    assert_int_equal(berth_owner_retire(berth, SECRET), BERTH_OK);
    assert_null(berth_realloc(berth, block, 64));
    scene_assert_painted(block, 256, SECRET);
}

/* --- words alone ----------------------------------------------------------------------------- */

/* Were a word more copied than was asked for, it would be the next block's bookkeeping. */
static void test_words_are_copied_and_no_word_more(void **state)
{
    (void)state;
    for (uint32_t size = 12; size <= 80; size++) {
        SCENE_LAY(&scene_iram, &scene_sram);
        scene_start();
        const berth_caps_t words = BERTH_CAP_WORDS;
        uint8_t *block = berth_malloc(berth, 100, words | BERTH_CAP_EXEC);
        scene_paint(block, 100, 1);
        const berth_request_t request = {.size = size, .needed = words | BERTH_CAP_DMA};
        uint8_t *moved = berth_resize(berth, block, &request);
        assert_true(scene_is_in(second, moved));
        scene_assert_painted(moved, size, 1);
        scene_audit();
    }
}

/* --- arenas ---------------------------------------------------------------------------------- */

static void test_an_arena_resizes_its_last_block(void **state)
{
    (void)state;
    SCENE_LAY(&scene_arena);
    scene_start();
    uint8_t *block = berth_malloc(berth, 100, BERTH_CAP_PLACE(1));
    scene_paint(block, 100, 1);
    assert_ptr_equal(berth_realloc(berth, block, 300), block);
    assert_int_equal(scene_used(first), berth_about(berth, block).taken);
    assert_non_null(berth_malloc(berth, 10, BERTH_CAP_PLACE(1)));
    uint8_t *moved = berth_realloc(berth, block, 400);
    assert_true(moved != NULL && moved != block);
    scene_assert_painted(moved, 100, 1);
    assert_int_equal(berth_about(berth, block).status, BERTH_ERR_INVALID);
}

/* --- the platform's heap --------------------------------------------------------------------- */

/* There the pointer has the alignment; the offset is but a name. */
static void test_an_alignment_is_the_pointers_where_blocks_lie_anywhere(void **state)
{
    (void)state;
    SCENE_LAY(&scene_foreign);
    scene_start();
    uint8_t *blocks[40];
    for (uint32_t i = 0; i < 40; i++) {
        blocks[i] = berth_malloc(berth, 100, BERTH_CAP_PLACE(2));
        scene_paint(blocks[i], 90, (uint8_t)i);
        const berth_request_t request = {.size = 90, .align = 64};
        blocks[i] = berth_resize(berth, blocks[i], &request);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        scene_assert_painted(blocks[i], 90, (uint8_t)i);
    }
    for (uint32_t i = 0; i < 40; i++) {
        berth_free(berth, blocks[i]);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_grows_and_shrinks_where_it_is),
        cmocka_unit_test(test_the_owner_stays_whoever_resizes),
        cmocka_unit_test(test_null_is_resized_by_allocating),
        cmocka_unit_test(test_a_block_that_cannot_grow_moves_within_its_region),
        cmocka_unit_test(test_a_block_stays_in_its_region_unless_the_request_roams),
        cmocka_unit_test(test_a_block_leaves_a_region_that_cannot_do_what_is_needed),
        cmocka_unit_test(test_a_block_may_stay_where_any_hop_allows_it),
        cmocka_unit_test(test_an_alignment_that_is_restated_holds),
        cmocka_unit_test(test_is_zeroed_is_for_bytes_beyond_the_old_room),
        cmocka_unit_test(test_a_refusal_leaves_the_block_as_it_was),
        cmocka_unit_test(test_what_is_no_block_is_not_resized),
        cmocka_unit_test(test_a_budget_counts_what_a_block_grows_by),
        cmocka_unit_test(test_a_budget_counts_both_blocks_while_one_moves),
        cmocka_unit_test(test_growing_beyond_a_soft_budget_is_told_once),
        cmocka_unit_test(test_left_counts_what_a_block_grows_by),
        cmocka_unit_test(test_smallest_does_not_count),
        cmocka_unit_test(test_a_scrubbed_owners_block_loses_its_tail),
        cmocka_unit_test(test_a_scrubbed_owners_block_leaves_nothing_where_it_was),
        cmocka_unit_test(test_a_refusal_leaves_a_scrubbed_owners_block_as_it_was),
        cmocka_unit_test(test_words_are_copied_and_no_word_more),
        cmocka_unit_test(test_an_arena_resizes_its_last_block),
        cmocka_unit_test(test_an_alignment_is_the_pointers_where_blocks_lie_anywhere),
    };
    return SCENE_RUN(tests);
}
