/* test_owner.c: who pays, what may an owner have, and what becomes of it when it ends?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include "berth/fit.h"

#include <string.h>

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

static berth_owner_t payer(void)
{
    void *block = berth_malloc(berth, 16, BERTH_CAP_BYTES);
    const berth_about_t about = berth_about(berth, block);
    assert_int_equal(about.status, BERTH_OK);
    berth_free(berth, block);
    return about.owner;
}

/* --- scopes ---------------------------------------------------------------------------------- */

static void test_scopes_nest(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    assert_int_equal(payer(), BERTH_OTHERS);
    const berth_owner_t outermost = berth_owner_push(berth, LVGL);
    assert_int_equal(payer(), LVGL);
    const berth_owner_t outer = berth_owner_push(berth, TLS);
    assert_int_equal(payer(), TLS);
    const berth_owner_t inner = berth_owner_push(berth, BERTH_NO_OWNER);
    assert_int_equal(payer(), BERTH_OTHERS);
    berth_owner_pop(berth, inner);
    assert_int_equal(payer(), TLS);
    berth_owner_pop(berth, outer);
    assert_int_equal(payer(), LVGL);
    berth_owner_pop(berth, outermost);
    assert_int_equal(payer(), BERTH_OTHERS);
}

static void test_a_request_that_names_an_owner_overrules_the_scope(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    const berth_owner_t before = berth_owner_push(berth, LVGL);
    void *block = berth_alloc(berth, &(berth_request_t){.size = 10, .owner = WIFI});
    void *others = berth_alloc(berth, &(berth_request_t){.size = 10, .owner = BERTH_OTHERS});
    berth_owner_pop(berth, before);
    assert_int_equal(berth_about(berth, block).owner, WIFI);
    assert_int_equal(berth_about(berth, others).owner, BERTH_OTHERS);
    assert_int_equal(berth_account(berth, first, LVGL).peak, 0);
}

/* Each task has a scope of its own; where the port knows nobody, the manager has one. */
static void test_each_context_has_its_own_scope(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_context_t other = {.name = "other"};
    const berth_owner_t before = berth_owner_push(berth, LVGL);
    scene.running = &other;
    assert_int_equal(payer(), BERTH_OTHERS);
    scene.running = NULL;
    const berth_owner_t at_boot = berth_owner_push(berth, WIFI);
    assert_int_equal(payer(), WIFI);
    scene.running = &scene.task;
    assert_int_equal(payer(), LVGL);
    berth_owner_pop(berth, before);
    scene.running = NULL;
    assert_int_equal(payer(), WIFI);
    berth_owner_pop(berth, at_boot);
    assert_int_equal(payer(), BERTH_OTHERS);
}

static void test_a_scope_of_nobody_is_refused(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    const berth_owner_t before = berth_owner_push(berth, SCENE_OWNERS);
    assert_null(berth_malloc(berth, 16, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_int_equal(berth_failure(berth).owner, SCENE_OWNERS);
    berth_owner_pop(berth, before);
    assert_non_null(berth_malloc(berth, 16, 0));
}

static void test_owners_have_names(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    assert_string_equal(berth_owner_name(berth, LVGL), "lvgl");
    assert_string_equal(berth_owner_name(berth, BERTH_OTHERS), "others");
    assert_string_equal(berth_owner_name(berth, SCENE_OWNERS - 1), "?");
    assert_string_equal(berth_owner_name(berth, SCENE_OWNERS), "?");
    assert_string_equal(berth_owner_name(berth, 255), "?");
    scene.config.owners = NULL;
    assert_string_equal(berth_owner_name(berth, LVGL), "?");
}

/* --- budgets --------------------------------------------------------------------------------- */

static void test_a_hard_budget_holds_to_the_byte(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    first->budgets = scene.budgets[0];
    scene_start();
    const berth_request_t request = {.size = 100, .needed = BERTH_CAP_INTERNAL, .owner = LVGL};
    void *block = berth_alloc(berth, &request);
    const uint32_t taken = berth_about(berth, block).taken;
    scene.budgets[0][LVGL].hard = 3 * taken - 1;
    assert_non_null(berth_alloc(berth, &request));
    assert_null(berth_alloc(berth, &request));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_BUDGET);
    assert_int_equal(first->refused, 1);
    scene.budgets[0][LVGL].hard = 3 * taken;
    assert_non_null(berth_alloc(berth, &request));
    assert_null(berth_alloc(berth, &request));
    assert_non_null(berth_alloc(berth, &(berth_request_t){.size = 100, .owner = WIFI}));
    berth_free(berth, block);
    assert_non_null(berth_alloc(berth, &request));
}

static void test_a_soft_budget_is_told_when_it_is_crossed(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    first->budgets = scene.budgets[0];
    scene_start();
    const berth_request_t request = {.size = 100, .owner = LVGL};
    void *block = berth_alloc(berth, &request);
    const uint32_t taken = berth_about(berth, block).taken;
    scene.budgets[0][LVGL].soft = 2 * taken;
    assert_non_null(berth_alloc(berth, &request));
    assert_int_equal(scene_count(BERTH_EVENT_BUDGET), 0);
    assert_non_null(berth_alloc(berth, &request));
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_BUDGET);
    assert_int_equal(event.owner, LVGL);
    assert_int_equal(event.size, 2 * taken);
    assert_int_equal(event.taken, 3 * taken);
    assert_non_null(berth_alloc(berth, &request));
    assert_int_equal(scene_count(BERTH_EVENT_BUDGET), 0);
}

/* --- the end of an owner --------------------------------------------------------------------- */

/* How many of a region's blocks are orphans, and what they take. */
static uint32_t orphans_of(berth_region_t *region, uint32_t *taken)
{
    berth_walk_t walk = {.region = region};
    berth_block_t blocks[8];
    uint32_t count = 0;
    while (walk.cursor != BERTH_NOWHERE) {
        const uint32_t told = berth_walk(berth, &walk, blocks, 8);
        for (uint32_t i = 0; i < told; i++) {
            if (blocks[i].owner != BERTH_NO_OWNER &&
                berth_owner_is_retired(berth, blocks[i].owner)) {
                count++;
                *taken += blocks[i].taken;
            }
        }
    }
    return count;
}

static void test_a_retired_owners_blocks_are_orphans(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    void *blocks[5];
    for (uint32_t i = 0; i < 5; i++) {
        blocks[i] = berth_alloc(
            berth, &(berth_request_t){.size = 100 + i, .owner = i % 2 == 0 ? LVGL : WIFI});
    }
    uint32_t taken = 0;
    assert_int_equal(orphans_of(first, &taken), 0);
    assert_int_equal(berth_owner_retire(berth, LVGL), BERTH_OK);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_RETIRE);
    assert_int_equal(event.owner, LVGL);
    assert_int_equal(event.region, BERTH_NO_REGION);
    assert_int_equal(orphans_of(first, &taken), 3);
    assert_int_equal(berth_account(berth, first, LVGL).live, taken);
    assert_int_equal(berth_give(berth, blocks[0], WIFI), BERTH_OK);
    berth_free(berth, blocks[2]);
    berth_free(berth, blocks[4]);
    assert_int_equal(orphans_of(first, &taken), 0);
    assert_int_equal(berth_account(berth, first, LVGL).live, 0);
}

static void test_a_retired_owner_gets_nothing_any_more(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    void *block = berth_alloc(berth, &(berth_request_t){.size = 100, .owner = WIFI});
    assert_false(berth_owner_is_retired(berth, LVGL));
    assert_int_equal(berth_owner_retire(berth, LVGL), BERTH_OK);
    assert_true(berth_owner_is_retired(berth, LVGL));
    assert_null(berth_alloc(berth, &(berth_request_t){.size = 8, .owner = LVGL}));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_int_equal(berth_give(berth, block, LVGL), BERTH_ERR_INVALID);
    const berth_request_t question = {.size = 1, .owner = LVGL};
    assert_int_equal(berth_allocatable(berth, &question), 0);
    assert_int_equal(scene_count(BERTH_EVENT_RETIRE), 1);
    assert_int_equal(berth_owner_retire(berth, LVGL), BERTH_ERR_INVALID);
    assert_int_equal(berth_owner_retire(berth, BERTH_OTHERS), BERTH_ERR_INVALID);
    assert_int_equal(berth_owner_retire(berth, BERTH_NO_OWNER), BERTH_ERR_INVALID);
    assert_int_equal(berth_owner_retire(berth, SCENE_OWNERS), BERTH_ERR_INVALID);
    assert_int_equal(scene_last().kind, 0xFF);
    assert_false(berth_owner_is_retired(berth, BERTH_OTHERS));
    assert_non_null(berth_alloc(berth, &(berth_request_t){.size = 8, .owner = WIFI}));
}

/* --- scrubbing ------------------------------------------------------------------------------- */

static const berth_owner_t scrubbed[] = {SECRET, 0};
static uint8_t painted[64]; /* what is written into the block */

static uint8_t *scrub_start(const berth_region_t *region)
{
    SCENE_LAY(region);
    scene.config.scrubbed = scrubbed;
    first->caps[0] |= BERTH_CAP_PLACE(7);
    first->owner = first->engine->reset != NULL ? SECRET : 0; /* an arena's blocks are its own */
    scene_start();
    const berth_request_t request = {.size = 64, .needed = BERTH_CAP_PLACE(7), .owner = SECRET};
    uint8_t *block = berth_alloc(berth, &request);
    assert_non_null(block);
    scene_paint(painted, 64, SECRET);
    memcpy(block, painted, 64);
    return block;
}

/* No word of what was there is left, but those in which the engine keeps free blocks. */
static void assert_scrubbed(const uint8_t *block)
{
    for (uint32_t i = 0; i < 64; i += 4) {
        assert_memory_not_equal(block + i, painted + i, 4);
    }
    scene_assert_bytes(block + 16, 64 - 16 - 4, 0);
}

static void test_a_scrubbed_owners_block_is_overwritten_when_freed(void **state)
{
    (void)state;
    const berth_region_t *const regions[] = {&scene_sram, &scene_pool};
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *block = scrub_start(regions[i]);
        void *other = berth_malloc(berth, 64, BERTH_CAP_PLACE(7));
        memcpy(other, painted, 64);
        berth_free(berth, block);
        assert_scrubbed(block);
        const berth_event_t event = scene_last();
        assert_int_equal(event.kind, BERTH_EVENT_FREE);
        assert_int_equal(event.owner, SECRET);
        assert_int_equal(berth_account(berth, first, SECRET).live, 0);
        berth_free(berth, other); /* not a scrubbed owner's: its contents stay */
        assert_memory_equal((uint8_t *)other + 16, painted + 16, 28);
    }
}

/* It is dead, and paid for until the arena goes back: by whom, the audit compares. */
static void test_a_scrubbed_block_of_an_arena_keeps_who_pays(void **state)
{
    (void)state;
    uint8_t *block = scrub_start(&scene_arena);
    const uint32_t used = scene_used(first);
    assert_non_null(berth_malloc(berth, 64, BERTH_CAP_PLACE(7)));
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    scene_assert_bytes(block, 64, 0);
    assert_int_equal(berth_about(berth, block).status, BERTH_ERR_INVALID);
    assert_true(scene_used(first) > used);
    scene_audit();
}

/* The debug form's guards begin right behind the last byte: no whole word may be written there. */
static void test_scrubbing_spares_the_guards_of_the_debug_form(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.regions[0].engine = &berth_fit_debug_engine;
    scene.config.scrubbed = scrubbed;
    scene_start();
    for (size_t size = 1; size < 20; size++) {
        const berth_request_t request = {.size = size, .owner = SECRET, .is_zeroed = true};
        uint8_t *block = berth_alloc(berth, &request);
        scene_assert_bytes(block, size, 0);
        block[size - 1] = 7;
        assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    }
}

static void test_a_wrong_free_scrubs_nothing(void **state)
{
    (void)state;
    uint8_t *block = scrub_start(&scene_sram);
    assert_int_equal(berth_try_free(berth, block + 4), BERTH_ERR_INVALID);
    scene_assert_painted(block, 64, SECRET);
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_OK);
    berth_free(berth, block);
    assert_memory_equal(block + 16, painted + 16, 28); /* it was wifi's: nobody's secret */
}

/* Whichever lock is refused on the way: it is freed and overwritten, or as it was. */
static void test_a_scrubbed_owners_block_survives_a_refused_lock(void **state)
{
    (void)state;
    for (uint32_t after = 1; after <= 3; after++) {
        uint8_t *block = scrub_start(&scene_sram);
        scene.refuse_after = after;
        const berth_status_t status = berth_try_free(berth, block);
        scene.refuse_after = 0;
        if (status == BERTH_OK) {
            assert_scrubbed(block);
        } else {
            assert_int_equal(status, BERTH_ERR_BUSY);
            assert_int_equal(berth_about(berth, block).owner, SECRET);
            assert_int_equal(berth_try_free(berth, block), BERTH_OK);
        }
        assert_int_equal(berth_account(berth, first, SECRET).live, 0);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes_nest),
        cmocka_unit_test(test_a_request_that_names_an_owner_overrules_the_scope),
        cmocka_unit_test(test_each_context_has_its_own_scope),
        cmocka_unit_test(test_a_scope_of_nobody_is_refused),
        cmocka_unit_test(test_owners_have_names),
        cmocka_unit_test(test_a_hard_budget_holds_to_the_byte),
        cmocka_unit_test(test_a_soft_budget_is_told_when_it_is_crossed),
        cmocka_unit_test(test_a_retired_owners_blocks_are_orphans),
        cmocka_unit_test(test_a_retired_owner_gets_nothing_any_more),
        cmocka_unit_test(test_a_scrubbed_owners_block_is_overwritten_when_freed),
        cmocka_unit_test(test_a_scrubbed_block_of_an_arena_keeps_who_pays),
        cmocka_unit_test(test_a_wrong_free_scrubs_nothing),
        cmocka_unit_test(test_a_scrubbed_owners_block_survives_a_refused_lock),
        cmocka_unit_test(test_scrubbing_spares_the_guards_of_the_debug_form),
    };
    return SCENE_RUN(tests);
}
