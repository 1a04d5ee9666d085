/* scene_core.c: a small board, and a port in the tests' hand: what tests of the manager share.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene_core.h"

#include "berth/arena.h"
#include "berth/fit.h"
#include "berth/foreign.h"
#include "berth/pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_SIZE 262144u
#define GAP 64u

scene_t scene;

static alignas(4096) uint8_t memory[MEMORY_SIZE];
static uint32_t memory_used;
static bool has_budgets; /* the form in which tests run */

static const berth_pool_config_t pool_config = {.block_size = SCENE_POOL_BLOCK};
static const char *const names[SCENE_OWNERS] = {NULL, "lvgl", "wifi", "tls", "secret"};

const berth_region_t scene_sram = {.name = "sram",
                                   .engine = &berth_fit_engine,
                                   .address = 0x3FC88000u,
                                   .size = SCENE_SRAM_SIZE,
                                   .caps = {BERTH_CAP_BYTES | BERTH_CAP_DMA | BERTH_CAP_FAST |
                                            BERTH_CAP_INTERNAL | BERTH_CAP_CACHE_OFF |
                                            BERTH_CAP_DEFAULT}};

const berth_region_t scene_psram = {
    .name = "psram",
    .engine = &berth_fit_engine,
    .address = 0x3C000000u,
    .size = 131072u,
    .caps = {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL | BERTH_CAP_DEFAULT},
    .is_slow = true};

const berth_region_t scene_iram = {.name = "iram",
                                   .engine = &berth_fit_engine,
                                   .address = 0x40380000u,
                                   .size = 8192u,
                                   .caps = {BERTH_CAP_WORDS | BERTH_CAP_EXEC | BERTH_CAP_INTERNAL |
                                            BERTH_CAP_FAST | BERTH_CAP_CACHE_OFF}};

const berth_region_t scene_pool = {
    .name = "pool",
    .engine = &berth_pool_engine,
    .address = 0x3FC80000u,
    .size = 2048u,
    .config = &pool_config,
    .caps = {BERTH_CAP_BYTES | BERTH_CAP_CACHE_OFF | BERTH_CAP_PLACE(0)}};

const berth_region_t scene_arena = {.name = "arena",
                                    .engine = &berth_arena_engine,
                                    .address = 0x3FC00000u,
                                    .size = 4096u,
                                    .caps = {BERTH_CAP_BYTES | BERTH_CAP_PLACE(1)}};

static void *heap_alloc(void *self, size_t size, size_t align)
{
    (void)self;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void heap_free(void *self, void *block)
{
    (void)self;
    free(block);
}

static const berth_foreign_config_t heap = {.alloc = heap_alloc, .free = heap_free};
static alignas(8) uint8_t heap_table[4096];

const berth_region_t scene_foreign = {.name = "heap",
                                      .engine = &berth_foreign_engine,
                                      .beside = heap_table,
                                      .beside_size = sizeof heap_table,
                                      .config = &heap,
                                      .caps = {BERTH_CAP_BYTES | BERTH_CAP_PLACE(2)}};

/* --- the port -------------------------------------------------------------------------------- */

static bool lock_must_wait(scene_t *self, const berth_lock_t *lock)
{
    const bool is_isr = self->running != NULL && (self->running->guards & BERTH_GUARD_ISR) != 0;
    return lock == self->busy || (is_isr && lock->kind == BERTH_LOCK_LONG) ||
           (self->refuse_after != 0 && --self->refuse_after == 0);
}

static uintptr_t port_lock(void *self, berth_lock_t *lock)
{
    assert_int_equal(lock->state, 0);
    if (lock_must_wait(self, lock)) {
        return BERTH_LOCK_REFUSED;
    }
    lock->state = ++scene.held;
    return scene.held;
}

static void port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    assert_ptr_equal(self, &scene);
    assert_int_equal(key, scene.held);
    assert_int_equal(lock->state, key);
    lock->state = 0;
    scene.held--;
}

static uint64_t port_now_us(void *self)
{
    return ((const scene_t *)self)->now_us;
}

static berth_context_t *port_context(void *self)
{
    return ((const scene_t *)self)->running;
}

static void port_log(void *self, berth_level_t level, const char *text)
{
    assert_ptr_equal(self, &scene);
    assert_int_equal(scene.held, 0);
    assert_non_null(text);
    scene.logged++;
    scene.level = level;
}

static void port_assertion(void *self, const berth_event_t *event)
{
    assert_ptr_equal(self, &scene);
    assert_int_equal(scene.held, 0);
    scene.asserted++;
    scene.asserted_of = *event;
}

/* --- laying out ------------------------------------------------------------------------------ */

uint8_t *scene_more(uint32_t size)
{
    uint8_t *base = memory + memory_used;
    memory_used += (size + 2 * GAP - 1) / GAP * GAP;
    assert_true(memory_used <= MEMORY_SIZE);
    return base;
}

static uint8_t regions_lay(const berth_region_t *const *regions)
{
    uint8_t count = 0;
    for (; regions[count] != NULL; count++) {
        assert_true(count < SCENE_REGIONS);
        scene.regions[count] = *regions[count];
        const bool has_base = regions[count]->engine->pointer == NULL;
        scene.regions[count].base = has_base ? scene_more(regions[count]->size) : NULL;
        scene.regions[count].budgets = has_budgets ? scene.budgets[count] : NULL;
    }
    return count;
}

void scene_lay(const berth_region_t *const *regions)
{
    memset(&scene, 0, sizeof scene);
    memset(memory, 0xA5, sizeof memory);
    memory_used = 0;
    scene.running = &scene.task;
    scene.port = (berth_port_t){.self = &scene,
                                .lock = port_lock,
                                .unlock = port_unlock,
                                .now_us = port_now_us,
                                .context = port_context,
                                .log = port_log,
                                .assertion = port_assertion};
    scene.config = (berth_config_t){.port = &scene.port,
                                    .regions = scene.regions,
                                    .accounts = &scene.accounts[0][0],
                                    .owners = names,
                                    .events = scene.events,
                                    .event_count = SCENE_EVENTS,
                                    .region_count = regions_lay(regions),
                                    .owner_count = SCENE_OWNERS};
}

void scene_start(void)
{
    assert_int_equal(berth_start(&scene.berth, &scene.config), BERTH_OK);
}

/* --- auditing -------------------------------------------------------------------------------- */

uint32_t scene_used(const berth_region_t *region)
{
    return region->total.live;
}

uint32_t scene_peak(const berth_region_t *region)
{
    return region->total.peak;
}

uint32_t scene_room(const berth_region_t *region)
{
    return region->capacity - scene_used(region);
}

static uint32_t owner_slot(berth_owner_t owner)
{
    return owner == BERTH_OTHERS ? 0 : owner;
}

/* What the blocks of each owner take, found by looking at every one. */
static void blocks_sum(const berth_region_t *region, uint32_t taken[SCENE_OWNERS])
{
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = region->engine->check(region, cursor);
        if (block.status == BERTH_ERR_UNKNOWN) {
            return; /* the host knows more */
        }
        assert_int_equal(block.status, BERTH_OK);
        if (block.owner != BERTH_NO_OWNER) {
            assert_true(owner_slot(block.owner) < SCENE_OWNERS);
            taken[owner_slot(block.owner)] += block.taken;
        }
        cursor = block.next;
    }
}

static void region_audit(berth_region_t *region)
{
    uint32_t taken[SCENE_OWNERS] = {0};
    blocks_sum(region, taken);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < SCENE_OWNERS; i++) {
        const berth_owner_t owner = i == 0 ? BERTH_OTHERS : (berth_owner_t)i;
        if (region->accounts != NULL) {
            const berth_account_t account = berth_account(&scene.berth, region, owner);
            assert_int_equal(account.live, taken[i]);
            assert_true(account.peak >= account.live);
        }
        sum += taken[i];
    }
    assert_int_equal(scene_used(region), sum);
}

void scene_audit(void)
{
    assert_int_equal(scene.held, 0);
    scene.busy = NULL;
    scene.refuse_after = 0;
    uint8_t index = 0;
    for (berth_region_t *region = berth_region_at(&scene.berth, 0); region != NULL;
         region = berth_region_at(&scene.berth, index)) {
        region_audit(region);
        index++;
    }
}

static int scene_end(void **state)
{
    (void)state;
    if (scene.berth.port != NULL) {
        scene_audit();
    }
    return 0;
}

int scene_run(struct CMUnitTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tests[i].teardown_func = scene_end;
    }
    has_budgets = false;
    const int without = _cmocka_run_group_tests("without budgets", tests, count, NULL, NULL);
    has_budgets = true;
    return without + _cmocka_run_group_tests("with budgets", tests, count, NULL, NULL);
}

/* --- what tests say often -------------------------------------------------------------------- */

bool scene_is_in(const berth_region_t *region, const void *block)
{
    return (uintptr_t)block - (uintptr_t)region->base < region->size;
}

void scene_fill(berth_region_t *region, berth_owner_t owner)
{
    for (uint32_t most = region->engine->allocatable(region, 0, owner); most != 0;
         most = region->engine->allocatable(region, 0, owner)) {
        const berth_caps_t caps = region->caps[0] | region->caps[1] | region->caps[2];
        const berth_request_t request = {.size = most, .needed = caps, .owner = owner};
        assert_true(scene_is_in(region, berth_alloc(&scene.berth, &request)));
    }
}

uint32_t scene_reasons(void)
{
    const berth_failure_t failure = berth_failure(&scene.berth);
    return berth_failure_reasons(&failure);
}

uint32_t scene_rounded(uint32_t size)
{
    uint32_t unit = 1;
    while (size / unit > 4095) {
        unit *= 2;
    }
    return size / unit * unit;
}

berth_event_t scene_last(void)
{
    berth_event_t event;
    memset(&event, 0xFF, sizeof event);
    while (berth_poll(&scene.berth, &event, 1) != 0) {
    }
    return event;
}

uint32_t scene_count(berth_event_kind_t kind)
{
    uint32_t count = 0;
    for (berth_event_t event; berth_poll(&scene.berth, &event, 1) != 0;) {
        count += event.kind == (uint8_t)kind;
    }
    return count;
}

static uint8_t paint_at(size_t at, uint8_t seed)
{
    return (uint8_t)(at * 7u + at / 251u + seed);
}

void scene_paint(void *block, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)block)[i] = paint_at(i, seed);
    }
}

void scene_assert_painted(const void *block, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(((const uint8_t *)block)[i], paint_at(i, seed));
    }
}

void scene_assert_bytes(const void *block, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(((const uint8_t *)block)[i], value);
    }
}
