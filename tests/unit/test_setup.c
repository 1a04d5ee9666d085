/* test_setup.c: does a manager start, and take regions on, as berth.h says?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include <string.h>

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];
static berth_region_t *const second = &scene.regions[1];

/* --- start ----------------------------------------------------------------------------------- */

/* A refused start leaves a manager that nobody started: it grants nothing, and takes nothing. */
static void assert_not_started(void)
{
    berth_event_t event;
    assert_int_equal(berth_start(berth, &scene.config), BERTH_ERR_INVALID);
    assert_null(berth_malloc(berth, 8, 0));
    assert_int_equal(berth_poll(berth, &event, 1), 0);
    assert_int_equal(berth_lost(berth), 0);
    assert_int_equal(berth_try_free(berth, &event), BERTH_ERR_INVALID);
    assert_null(berth_region_at(berth, 0));
}

#define ASSERT_REFUSED_IF(change)                                                                  \
    do {                                                                                           \
        SCENE_LAY(&scene_sram, &scene_psram);                                                      \
        change;                                                                                    \
        assert_not_started();                                                                      \
    } while (false)

static void test_start_refuses_a_port_that_lacks_a_function(void **state)
{
    (void)state;
    ASSERT_REFUSED_IF(scene.config.port = NULL);
    ASSERT_REFUSED_IF(scene.port.lock = NULL);
    ASSERT_REFUSED_IF(scene.port.unlock = NULL);
    ASSERT_REFUSED_IF(scene.port.now_us = NULL);
    ASSERT_REFUSED_IF(scene.port.context = NULL);
}

static void test_start_refuses_counts_that_make_no_sense(void **state)
{
    (void)state;
    ASSERT_REFUSED_IF(scene.config.regions = NULL);
    ASSERT_REFUSED_IF(scene.config.region_count = 0);
    ASSERT_REFUSED_IF(scene.config.owner_count = 0);
    ASSERT_REFUSED_IF(scene.config.owner_count = 128);
    ASSERT_REFUSED_IF(scene.config.events = NULL);
    ASSERT_REFUSED_IF(scene.config.event_count = 1);
    ASSERT_REFUSED_IF(scene.config.event_count = 3);
}

static void test_start_wants_room_for_two_events_a_region(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram, &scene_iram);
    scene.config.event_count = 5;
    assert_not_started();
    SCENE_LAY(&scene_sram, &scene_psram, &scene_iram);
    scene.config.event_count = 6;
    scene_start();
}

static void test_start_refuses_owners_without_an_account(void **state)
{
    (void)state;
    static const berth_owner_t beyond[] = {LVGL, SCENE_OWNERS, 0};
    static const berth_owner_t within[] = {SCENE_OWNERS - 1, BERTH_OTHERS, 0};
    ASSERT_REFUSED_IF(scene.config.scrubbed = beyond);
    ASSERT_REFUSED_IF(second->owner = SCENE_OWNERS);
    SCENE_LAY(&scene_sram);
    scene.config.scrubbed = within;
    first->owner = BERTH_OTHERS;
    scene_start();
}

static void test_start_refuses_regions_that_make_no_sense(void **state)
{
    (void)state;
    ASSERT_REFUSED_IF(second->engine = NULL);
    ASSERT_REFUSED_IF(second->base = NULL);
    ASSERT_REFUSED_IF(second->size = 8);
    ASSERT_REFUSED_IF(second->granule = 3);
}

static bool port_lock_start_fails(void *self, berth_lock_t *lock)
{
    (void)self;
    return lock->kind != *(const uint8_t *)scene.config.port->self;
}

static void test_start_fails_with_a_lock_that_cannot_be_prepared(void **state)
{
    (void)state;
    uint8_t kind = BERTH_LOCK_TABLES;
    ASSERT_REFUSED_IF(scene.port.lock_start = port_lock_start_fails; scene.port.self = &kind);
    kind = BERTH_LOCK_LONG;
    ASSERT_REFUSED_IF(scene.port.lock_start = port_lock_start_fails; scene.port.self = &kind);
}

static void test_start_refuses_regions_that_overlap(void **state)
{
    (void)state;
    ASSERT_REFUSED_IF(second->base = first->base);
    ASSERT_REFUSED_IF(second->base = (uint8_t *)first->base + first->size - 4);
    ASSERT_REFUSED_IF(first->base = (uint8_t *)second->base + 4; first->size = second->size);
    SCENE_LAY(&scene_sram, &scene_psram);
    second->base = (uint8_t *)first->base + first->size;
    scene_start();
}

/* No block is live yet that a region could be carved from. */
static void test_start_refuses_regions_within_regions(void **state)
{
    (void)state;
    ASSERT_REFUSED_IF(first->base = (uint8_t *)second->base + 1024; first->size = 2048);
    ASSERT_REFUSED_IF(second->base = (uint8_t *)first->base + 1024; second->size = 2048);
}

static void test_a_manager_without_events_and_accounts_serves(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.config.accounts = NULL;
    scene.regions[0].budgets = NULL; /* which need accounts */
    scene.regions[1].budgets = NULL;
    scene.config.owners = NULL;
    scene.config.events = NULL;
    scene.config.event_count = 0;
    scene_start();
    void *block = berth_malloc(berth, 100, 0);
    assert_non_null(block);
    assert_int_equal(scene_used(first), berth_about(berth, block).taken);
    assert_null(berth_malloc(berth, SCENE_SRAM_SIZE, 0));
    berth_free(berth, block);
    assert_int_equal(scene_used(first), 0);
    assert_int_equal(scene_last().kind, 0xFF);
    assert_int_equal(berth_lost(berth), 0);
}

/* --- BERTH_DEFINE ---------------------------------------------------------------------------- */

static berth_port_t defined_port;
static berth_region_t defined_regions[2];
static const char *const defined_names[3] = {NULL, "radio", "display"};
BERTH_DEFINE(defined, &defined_port, defined_regions, 3, defined_names, 16);

static void test_a_defined_manager_starts_with_its_first_allocation(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    defined_port = scene.port;
    memcpy(defined_regions, scene.regions, sizeof defined_regions);
    defined = (berth_t)BERTH_INITIAL(&defined_config);
    assert_null(berth_region_at(&defined, 0));
    const berth_request_t request = {.size = 100, .owner = 2};
    void *block = berth_alloc(&defined, &request);
    assert_true(scene_is_in(&defined_regions[0], block));
    const berth_account_t account = berth_account(&defined, &defined_regions[0], 2);
    assert_int_equal(account.live, berth_about(&defined, block).taken);
    assert_string_equal(berth_owner_name(&defined, 2), "display");
    berth_event_t event;
    assert_int_equal(berth_poll(&defined, &event, 1), 1);
    assert_int_equal(event.owner, 2);
    assert_null(berth_alloc(&defined, &(berth_request_t){.size = 8, .owner = 3}));
    berth_free(&defined, block);
    assert_int_equal(berth_account(&defined, &defined_regions[0], 2).live, 0);
}

static void test_a_defined_manager_that_cannot_start_refuses(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    defined_port = scene.port;
    memcpy(defined_regions, scene.regions, sizeof defined_regions);
    defined_regions[1].engine = NULL;
    defined = (berth_t)BERTH_INITIAL(&defined_config);
    assert_null(berth_malloc(&defined, 100, 0));
    assert_null(berth_malloc(&defined, 100, 0));
    assert_null(berth_realloc(&defined, NULL, 100));
    assert_int_equal(berth_owner_retire(&defined, 1), BERTH_ERR_INVALID);
    assert_int_equal(berth_guard_enter(&defined, BERTH_GUARD_NO_ALLOC), 0);
    assert_int_equal(berth_owner_push(&defined, 1), BERTH_NO_OWNER);
    assert_int_equal(scene.task.owner, BERTH_NO_OWNER);
    assert_int_equal(scene.task.guards, 0);
}

/* --- regions --------------------------------------------------------------------------------- */

static void test_a_region_is_added_after_those_that_there_are(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_account_t accounts[SCENE_OWNERS];
    berth_region_t added = scene_psram;
    added.base = scene_more(added.size);
    added.accounts = accounts;
    added.owner = WIFI;
    assert_int_equal(berth_region_add(berth, &added), BERTH_OK);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_REGION);
    assert_int_equal(event.region, 1);
    assert_int_equal(event.offset, 0);
    assert_int_equal(event.size, added.size);
    assert_int_equal(event.taken, scene_room(&added));
    assert_int_equal(event.owner, WIFI);
    assert_ptr_equal(berth_region_at(berth, 1), &added);
    assert_null(berth_region_at(berth, 2));
    assert_true(scene_is_in(first, berth_malloc(berth, 100, 0)));
    void *block = berth_malloc(berth, 100, BERTH_CAP_EXTERNAL);
    assert_true(scene_is_in(&added, block));
    assert_int_equal(berth_account(berth, &added, WIFI).live, scene_used(&added));
    berth_free(berth, block);
    scene_audit();
    assert_int_equal(scene_last().region, 0); /* a region that was added has no events of its own */
    scene.berth = (berth_t){.config = NULL};
}

static void test_a_region_that_is_there_cannot_be_added_again(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    void *block = berth_malloc(berth, 100, 0);
    assert_int_equal(berth_region_add(berth, first), BERTH_ERR_INVALID);
    assert_int_equal(berth_region_add(berth, second), BERTH_ERR_INVALID);
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    block = berth_malloc(berth, 100, BERTH_CAP_EXTERNAL);
    assert_true(scene_is_in(second, block));
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    assert_int_equal(scene_count(BERTH_EVENT_FREE), 2); /* the rings are as they were */
}

static void test_budgets_without_accounts_are_refused(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene.config.accounts = NULL;
    scene.regions[0].budgets = scene.budgets[0];
    assert_int_equal(berth_start(berth, &scene.config), BERTH_ERR_INVALID);
    assert_null(berth_malloc(berth, 100, 0));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    assert_int_equal(berth_failure(berth).count, 1);
    char text[40];
    const berth_failure_t failure = berth_failure(berth);
    (void)berth_explain(berth, &failure, text, sizeof text);
    assert_string_equal(text, "the manager could not be started: its c");
}

static void test_caps_that_there_are_not_are_refused(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    berth_region_t added = scene_psram;
    added.size = 4096;
    added.base = scene_more(added.size);
    for (uint32_t bit = 30; bit < 32; bit++) {
        assert_null(berth_malloc(berth, 100, BERTH_CAP_INTERNAL | 1u << bit));
        assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
        added.caps[1] = 1u << bit;
        assert_int_equal(berth_region_add(berth, &added), BERTH_ERR_INVALID);
    }
}

static void test_a_region_carved_from_a_block_owns_its_pointers(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    uint8_t *block = berth_malloc(berth, 4096, 0);
    berth_region_t carved = {.engine = first->engine,
                             .base = block,
                             .address = first->address,
                             .size = 2048,
                             .caps = {BERTH_CAP_BYTES | BERTH_CAP_PLACE(3)}};
    assert_int_equal(berth_region_add(berth, &carved), BERTH_OK);
    uint8_t *inner = berth_malloc(berth, 100, BERTH_CAP_PLACE(3));
    assert_true(scene_is_in(&carved, inner));
    assert_ptr_equal(berth_about(berth, inner).region, &carved);
    assert_ptr_equal(berth_about(berth, block + 2048).region, first);
    assert_true(berth_can(berth, inner, 100, BERTH_CAP_PLACE(3)));
    assert_false(berth_can(berth, block + 2048, 100, BERTH_CAP_PLACE(3)));
    assert_int_equal(berth_try_free(berth, block), BERTH_ERR_INVALID);
    assert_int_equal(scene_last().region, 1);
    const uint32_t used = scene_used(first);
    berth_free(berth, inner);
    assert_int_equal(scene_used(&carved), 0);
    assert_int_equal(scene_used(first), used);
    scene_audit();
    scene.berth = (berth_t){.config = NULL};
}

static void assert_not_added(uint8_t *base, uint32_t size)
{
    berth_region_t region = scene_sram;
    region.base = base;
    region.size = size;
    const uint32_t sequence = berth->sequence;
    assert_int_equal(berth_region_add(berth, &region), BERTH_ERR_INVALID);
    assert_null(berth_region_at(berth, 1));
    assert_int_equal(berth->sequence, sequence);
}

static void test_region_add_refuses_a_partial_overlap(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram);
    scene_start();
    uint8_t *const base = first->base;
    assert_not_added(base, first->size);
    assert_not_added(base - 32, 64);
    assert_not_added(base + first->size - 32, 64);
    assert_not_added(base - 32, first->size + 64);
    assert_not_added(base - 32, first->size + 32);
    assert_not_added(NULL, 1024);
    assert_not_added(base + first->size, 8);
}

static void test_there_are_32_regions_at_most(void **state)
{
    (void)state;
    static berth_region_t many[32];
    SCENE_LAY(&scene_sram);
    scene_start();
    for (uint32_t i = 0; i < 32; i++) {
        many[i] = scene_sram;
        many[i].size = 1024;
        many[i].base = scene_more(1024);
        many[i].caps[0] = BERTH_CAP_BYTES | BERTH_CAP_PLACE(i % 10);
        assert_int_equal(berth_region_add(berth, &many[i]), i < 31 ? BERTH_OK : BERTH_ERR_INVALID);
    }
    assert_ptr_equal(berth_region_at(berth, 31), &many[30]);
    assert_true(scene_is_in(&many[0], berth_malloc(berth, 100, BERTH_CAP_PLACE(0))));
    scene_audit();
    scene.berth = (berth_t){.config = NULL};
}

static void test_an_alias_leads_to_the_same_blocks(void **state)
{
    (void)state;
    SCENE_LAY(&scene_sram, &scene_psram);
    berth_window_t aliases[2] = {{.base = 0xA0000000u, .size = 131072u},
                                 {.base = 0xB0000000u, .size = 4096}};
    second->aliases = aliases;
    second->alias_count = 2;
    scene_start();
    void *block = berth_malloc(berth, 100, BERTH_CAP_EXTERNAL);
    const berth_about_t about = berth_about(berth, block);
    void *seen[2];
    for (uint32_t i = 0; i < 2; i++) {
        seen[i] = (void *)(aliases[i].base + about.offset);
        const berth_about_t again = berth_about(berth, seen[i]);
        assert_ptr_equal(again.region, second);
        assert_int_equal(again.offset, about.offset);
        assert_int_equal(again.status, BERTH_OK);
        assert_true(berth_can(berth, seen[i], 100, BERTH_CAP_EXTERNAL));
    }
    assert_int_equal(berth_try_free(berth, seen[1]), BERTH_OK);
    assert_int_equal(berth_try_free(berth, seen[0]), BERTH_ERR_INVALID);
    assert_int_equal(scene_last().offset, about.offset);
    assert_int_equal(scene_used(second), 0);
    assert_null(berth_about(berth, (void *)(uintptr_t)(0xB0000000u + 4096u)).region);
}

static void test_start_refuses_aliases_that_make_no_sense(void **state)
{
    (void)state;
    berth_window_t alias = {.base = 0xA0000000u, .size = SCENE_SRAM_SIZE + 4};
    ASSERT_REFUSED_IF(first->aliases = &alias; first->alias_count = 1);
    alias.size = 1024;
    ASSERT_REFUSED_IF(alias.base = (uintptr_t)first->base + first->size - 32;
                      second->aliases = &alias; second->alias_count = 1);
}

/* Or a pointer would have two offsets. */
static void test_start_refuses_an_alias_within_its_own_region(void **state)
{
    (void)state;
    berth_window_t alias = {.size = 1024};
    ASSERT_REFUSED_IF(alias.base = (uintptr_t)first->base + 64; first->aliases = &alias;
                      first->alias_count = 1);
}

static void test_version_is_the_headers(void **state)
{
    (void)state;
    assert_int_equal(berth_version(), BERTH_VERSION);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_refuses_a_port_that_lacks_a_function),
        cmocka_unit_test(test_start_refuses_counts_that_make_no_sense),
        cmocka_unit_test(test_start_wants_room_for_two_events_a_region),
        cmocka_unit_test(test_start_refuses_owners_without_an_account),
        cmocka_unit_test(test_start_refuses_regions_that_make_no_sense),
        cmocka_unit_test(test_start_fails_with_a_lock_that_cannot_be_prepared),
        cmocka_unit_test(test_start_refuses_regions_that_overlap),
        cmocka_unit_test(test_start_refuses_regions_within_regions),
        cmocka_unit_test(test_a_manager_without_events_and_accounts_serves),
        cmocka_unit_test(test_a_defined_manager_starts_with_its_first_allocation),
        cmocka_unit_test(test_a_defined_manager_that_cannot_start_refuses),
        cmocka_unit_test(test_a_region_is_added_after_those_that_there_are),
        cmocka_unit_test(test_a_region_that_is_there_cannot_be_added_again),
        cmocka_unit_test(test_budgets_without_accounts_are_refused),
        cmocka_unit_test(test_caps_that_there_are_not_are_refused),
        cmocka_unit_test(test_a_region_carved_from_a_block_owns_its_pointers),
        cmocka_unit_test(test_region_add_refuses_a_partial_overlap),
        cmocka_unit_test(test_there_are_32_regions_at_most),
        cmocka_unit_test(test_an_alias_leads_to_the_same_blocks),
        cmocka_unit_test(test_start_refuses_aliases_that_make_no_sense),
        cmocka_unit_test(test_start_refuses_an_alias_within_its_own_region),
        cmocka_unit_test(test_version_is_the_headers),
    };
    return SCENE_RUN(tests);
}
