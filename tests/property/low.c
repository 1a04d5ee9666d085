/* low.c: low water against a recorder that sees every state.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Five regions of four engines, and windows of one, of several, of all. Whenever a region's lock is
 * given back, the recorder adds up that region's blocks by walking them, asks its engine what it
 * could grant, and keeps a least figure of its own for each window. After every call both must be
 * the same: bytes, times, owners. Windows begin anew, end, and are added again at random; a need is
 * reserved, claimed and released meanwhile.
 */
#include "berth/low.h"
#include "berth/arena.h"
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/foreign.h"
#include "berth/need.h"
#include "berth/pool.h"

#include "options.h"
#include "random.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_OPS 20000u /* calls of one manager */
#define OWNERS 12u
#define BLOCKS 96u
#define SRAM 0u
#define PSRAM 1u
#define POOL 2u
#define ARENA 3u
#define HEAP 4u
#define CARVED 5u /* added in the course of a round */
#define REGIONS 6u
#define WINDOWS 7u
#define PIECES 3u

/* A region as the recorder last saw it. */
typedef struct seen {
    uint32_t free;
    uint32_t allocatable;
    uint32_t live[OWNERS];
} seen_t;

/* A window, and what the recorder has of it. */
typedef struct window {
    berth_low_t low;
    berth_low_kept_t kept;
    uint32_t held[OWNERS];
    uint32_t regions; /* a bit for each */
    bool is_open;
    bool is_empty; /* begins when its first region is added */
    berth_low_figures_t least;
} window_t;

typedef struct stage {
    berth_t berth;
    berth_config_t config;
    berth_region_t regions[REGIONS];
    berth_account_t accounts[REGIONS][OWNERS];
    berth_event_t events[64];
    berth_context_t context;
    berth_budget_t budgets[OWNERS];
    random_source_t random;
    void *blocks[BLOCKS];
    seen_t seen[REGIONS];
    window_t windows[WINDOWS];
    uint64_t clock; /* ticks whenever a region's lock is given back */
    berth_need_t need;
    berth_piece_t pieces[PIECES];
    uint32_t arena_mark;
    uint32_t region_count;
    uint32_t calls;
    const char *call;
    const char *wrong; /* the first difference */
} stage_t;

static alignas(64) uint8_t memory[REGIONS][16384];
static alignas(8) uint8_t heap_table[1024];
static stage_t stage;
static uint64_t states;
static uint64_t leasts;
static uint32_t reserved;

static void stage_blame(bool is_wrong, const char *what)
{
    if (is_wrong && stage.wrong == NULL) {
        stage.wrong = what;
    }
}

/* --- the recorder ----------------------------------------------------------------------------- */

static void region_see(const berth_region_t *region, seen_t *seen)
{
    uint32_t live = 0;
    memset(seen, 0, sizeof *seen);
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = region->engine->walk(region, cursor);
        if (block.status != BERTH_OK) {
            return; /* the host's heap */
        }
        if (block.owner != BERTH_NO_OWNER) {
            const bool is_others = block.owner == BERTH_OTHERS || region->accounts == NULL;
            seen->live[is_others ? 0 : block.owner] += block.taken;
            live += block.taken;
        }
        cursor = block.next;
    }
    seen->free = region->capacity - live;
    seen->allocatable = region->engine->allocatable(region, 0, BERTH_OTHERS);
}

/* Who holds the most in a window, found the slow way; of equals the lowest number first, of which
 * the others' is 0. */
static berth_least_t window_holders(const window_t *window, uint32_t bytes)
{
    berth_least_t least = {.time_us = stage.clock, .bytes = bytes};
    uint32_t held[OWNERS] = {0};
    for (uint32_t i = 0; i < REGIONS * OWNERS && window->low.held != NULL; i++) {
        const bool is_in = (window->regions >> i / OWNERS & 1u) != 0;
        held[i % OWNERS] += is_in ? stage.seen[i / OWNERS].live[i % OWNERS] : 0;
    }
    for (uint32_t rank = 0; rank < BERTH_LOW_OWNERS; rank++) {
        uint32_t most = 0;
        for (uint32_t i = 1; i < OWNERS; i++) {
            most = held[i] > held[most] ? i : most;
        }
        if (held[most] != 0) {
            least.held[rank] = held[most];
            least.owners[rank] = most == 0 ? BERTH_OTHERS : (berth_owner_t)most;
            held[most] = 0;
        }
    }
    return least;
}

static void window_sum(const window_t *window, uint32_t *free_bytes, uint32_t *allocatable)
{
    *free_bytes = *allocatable = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        const seen_t *seen = &stage.seen[i];
        const bool is_in = (window->regions >> i & 1u) != 0;
        *free_bytes += is_in ? seen->free : 0;
        *allocatable = is_in && seen->allocatable > *allocatable ? seen->allocatable : *allocatable;
    }
}

static void window_record(window_t *window, bool is_new)
{
    uint32_t free_bytes;
    uint32_t allocatable;
    window_sum(window, &free_bytes, &allocatable);
    if (is_new || free_bytes < window->least.free.bytes) {
        window->least.free = window_holders(window, free_bytes);
        leasts++;
    }
    if (is_new || allocatable < window->least.allocatable.bytes) {
        window->least.allocatable = window_holders(window, allocatable);
        leasts++;
    }
}

static void state_record(uint32_t index)
{
    region_see(&stage.regions[index], &stage.seen[index]);
    for (uint32_t i = 0; i < WINDOWS; i++) {
        window_t *window = &stage.windows[i];
        if (window->is_open && (window->regions >> index & 1u) != 0) {
            const bool begins = window->is_empty && window->low.regions != 0;
            window_record(window, begins);
            window->is_empty = window->is_empty && !begins;
        }
    }
    states++;
}

static void windows_verify(void)
{
    for (uint32_t i = 0; i < WINDOWS; i++) {
        const window_t *window = &stage.windows[i];
        if (window->is_open) {
            const berth_low_figures_t got = berth_low_read(&stage.berth, &window->low);
            stage_blame(memcmp(&got.free, &window->least.free, sizeof got.free) != 0, "free");
            stage_blame(
                memcmp(&got.allocatable, &window->least.allocatable, sizeof got.allocatable) != 0,
                "allocatable");
        }
    }
}

/* --- a port, which shows the recorder each state ---------------------------------------------- */

static uintptr_t port_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    return 0;
}

static void port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)key;
    for (uint32_t i = 0; i < stage.region_count; i++) {
        if (lock == &stage.regions[i].lock) {
            state_record(i);
            stage.clock++;
        }
    }
}

static uint64_t port_now(void *self)
{
    return ((const stage_t *)self)->clock;
}

static berth_context_t *port_context(void *self)
{
    return &((stage_t *)self)->context;
}

static const berth_port_t port = {.self = &stage,
                                  .lock = port_lock,
                                  .unlock = port_unlock,
                                  .now_us = port_now,
                                  .context = port_context};

/* --- calls ------------------------------------------------------------------------------------ */

static uint32_t draw(uint32_t bound)
{
    return random_below(&stage.random, bound);
}

static berth_request_t request_draw(void)
{
    static const berth_caps_t caps[] = {0,
                                        0,
                                        0,
                                        BERTH_CAP_INTERNAL,
                                        BERTH_CAP_EXTERNAL,
                                        BERTH_CAP_PLACE(0),
                                        BERTH_CAP_PLACE(1),
                                        BERTH_CAP_PLACE(2),
                                        BERTH_CAP_PLACE(3)};
    return (berth_request_t){.size = random_log(&stage.random, 1500),
                             .needed = caps[draw(sizeof caps / sizeof *caps)],
                             .align = draw(8) == 0 ? 4u << draw(6) : 0,
                             .smallest = draw(16) == 0 ? 1 : 0,
                             .preferred = draw(8) == 0 ? BERTH_CAP_EXTERNAL : 0,
                             .owner = (berth_owner_t)draw(OWNERS)};
}

static void call_alloc(void **slot)
{
    berth_request_t request = request_draw();
    request.smallest = request.smallest < request.size ? request.smallest : 0;
    stage.call = "alloc";
    *slot = berth_alloc(&stage.berth, &request);
}

static void call_resize(void **slot)
{
    const berth_request_t request = request_draw();
    stage.call = "resize";
    void *block = berth_resize(&stage.berth, *slot, &request);
    *slot = block != NULL ? block : *slot;
}

static void call_give(void *const *slot)
{
    stage.call = "give";
    if (berth_give(&stage.berth, *slot, (berth_owner_t)(1 + draw(OWNERS - 1))) != BERTH_OK) {
        stage.call = "give, refused";
    }
}

static void call_free(void **slot)
{
    stage.call = "free";
    berth_free(&stage.berth, *slot);
    *slot = NULL;
}

/* Marks an arena, or drops what was granted there since; and forgets those blocks. */
static void call_reset(void)
{
    berth_region_t *arena = &stage.regions[ARENA];
    stage.call = "mark";
    if (draw(2) == 0) {
        stage.arena_mark = berth_mark(&stage.berth, arena);
        return;
    }
    stage.call = "reset";
    if (berth_reset(&stage.berth, arena, stage.arena_mark) != BERTH_OK) {
        stage.arena_mark = berth_mark(&stage.berth, arena);
        return;
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const uintptr_t offset = (uintptr_t)stage.blocks[i] - (uintptr_t)arena->base;
        if (offset < arena->size && offset >= stage.arena_mark) {
            stage.blocks[i] = NULL;
        }
    }
}

static void call_window(void)
{
    window_t *window = &stage.windows[draw(WINDOWS)];
    if (!window->is_open) {
        stage.call = "low_add";
        stage_blame(berth_low_add(&stage.berth, &window->low) != BERTH_OK, "it is refused");
        window->is_open = true;
    } else if (draw(8) == 0) {
        stage.call = "low_remove";
        stage_blame(berth_low_remove(&stage.berth, &window->low) != BERTH_OK, "it is refused");
        window->is_open = false;
        return;
    } else {
        stage.call = "low_reset";
        stage_blame(berth_low_reset(&stage.berth, &window->low) != BERTH_OK, "it is refused");
    }
    window->is_empty = window->low.regions == 0;
    window_record(window, true);
}

/* What a window kept is what it says. */
static void call_recall(void)
{
    const window_t *window = &stage.windows[draw(WINDOWS)];
    stage.call = "recall";
    if (window->is_open) {
        const berth_low_record_t record = berth_low_recall(&window->kept);
        stage_blame(record.status != BERTH_OK || !record.is_last ||
                        memcmp(&record.figures, &window->least, sizeof record.figures) != 0,
                    "what was kept");
    }
}

/* Reserves a need, whose blocks its owner claims by their sizes; or releases it. */
static void call_need(void)
{
    stage.call = stage.need.is_reserved ? "release" : "reserve";
    if (stage.need.is_reserved) {
        stage_blame(berth_release(&stage.berth, &stage.need) != BERTH_OK, "it is refused");
    } else if (berth_reserve(&stage.berth, &stage.need).status == BERTH_OK) {
        reserved++;
    }
}

static void call_region_add(void)
{
    stage.call = "region_add";
    stage.region_count = REGIONS;
    stage_blame(berth_region_add(&stage.berth, &stage.regions[CARVED]) != BERTH_OK,
                "it is refused");
    state_record(CARVED);
}

static void stage_step(void)
{
    void **slot = &stage.blocks[draw(BLOCKS)];
    const uint32_t what = draw(1000);
    stage.calls++;
    if (what < 3) {
        call_window();
    } else if (what < 8) {
        call_reset();
    } else if (what < 10) {
        call_recall();
    } else if (what < 14) {
        call_need();
    } else if (stage.calls == ROUND_OPS / 2) {
        call_region_add();
    } else if (*slot == NULL) {
        call_alloc(slot);
    } else if (what < 250) {
        call_resize(slot);
    } else if (what < 300) {
        call_give(slot);
    } else {
        call_free(slot);
    }
    windows_verify();
}

/* --- a round ---------------------------------------------------------------------------------- */

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
static const berth_pool_config_t pool = {.block_size = 64};

static void regions_lay(void)
{
    static const berth_region_t board[REGIONS] = {
        {.engine = &berth_fit_engine,
         .size = 6144,
         .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT}},
        {.engine = &berth_fit_engine,
         .size = 12288,
         .granule = 16,
         .is_slow = true,
         .caps = {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL, BERTH_CAP_DEFAULT}},
        {.engine = &berth_pool_engine,
         .size = 1024,
         .config = &pool,
         .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_PLACE(0)}},
        {.engine = &berth_arena_engine,
         .size = 4096,
         .owner = 3,
         .caps = {BERTH_CAP_BYTES | BERTH_CAP_PLACE(1)}},
        {.engine = &berth_foreign_engine,
         .beside = heap_table,
         .beside_size = sizeof heap_table,
         .config = &heap,
         .caps = {BERTH_CAP_BYTES | BERTH_CAP_PLACE(2)}},
        {.engine = &berth_fit_engine,
         .size = 2048,
         .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_PLACE(3)}},
    };
    for (uint32_t i = 0; i < REGIONS; i++) {
        stage.regions[i] = board[i];
        stage.regions[i].base = i == HEAP ? NULL : memory[i];
        stage.regions[i].accounts = i != POOL ? stage.accounts[i] : NULL; /* whose: nobody knows */
    }
    stage.regions[SRAM].budgets = stage.budgets;
}

/* The regions of a window: a bit for each. */
static uint32_t regions_meant(const berth_low_t *low)
{
    uint32_t meant = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        const berth_region_t *region = &stage.regions[i];
        const berth_caps_t caps = region->caps[0] | region->caps[1] | region->caps[2];
        const bool is_meant =
            low->region != NULL ? low->region == region : (low->caps & ~caps) == 0;
        meant |= is_meant && i != HEAP ? 1u << i : 0;
    }
    return meant;
}

static void windows_lay(void)
{
    const berth_low_t lows[WINDOWS] = {
        {.region = &stage.regions[SRAM]},  {.region = &stage.regions[POOL]},
        {.region = &stage.regions[ARENA]}, {.caps = BERTH_CAP_DEFAULT},
        {.caps = BERTH_CAP_INTERNAL},      {.caps = BERTH_CAP_BYTES},
        {.caps = BERTH_CAP_PLACE(3)}, /* nobody, until a region is added */
    };
    for (uint32_t i = 0; i < WINDOWS; i++) {
        window_t *window = &stage.windows[i];
        window->low = lows[i];
        window->low.held = i != 4 ? window->held : NULL;
        window->low.kept = &window->kept;
        window->regions = regions_meant(&window->low);
    }
}

static void need_lay(void)
{
    static const berth_item_t items[] = {
        {.request = {.size = 300, .needed = BERTH_CAP_INTERNAL}, .least = 200, .count = 2},
        {.request = {.size = 900, .needed = BERTH_CAP_EXTERNAL}, .least = 700, .count = 1}};
    stage.need = (berth_need_t){
        .items = items, .pieces = stage.pieces, .item_count = 2, .piece_count = PIECES, .owner = 2};
}

static void stage_start(uint32_t seed)
{
    memset(&stage, 0, sizeof stage);
    stage.random = random_from(seed);
    stage.budgets[1] = (berth_budget_t){.soft = 500, .hard = 1000};
    regions_lay();
    windows_lay();
    need_lay();
    stage.region_count = CARVED;
    stage.config = (berth_config_t){.port = &port,
                                    .regions = stage.regions,
                                    .events = stage.events,
                                    .event_count = 64,
                                    .region_count = CARVED,
                                    .owner_count = OWNERS};
    stage.call = "start";
    stage_blame(berth_start(&stage.berth, &stage.config) != BERTH_OK, "it does not start");
    for (uint32_t i = 0; i < CARVED; i++) {
        region_see(&stage.regions[i], &stage.seen[i]);
    }
}

/* Frees all, and ends all windows: then nobody follows any region. */
static void stage_end(void)
{
    for (uint32_t i = 0; i < BLOCKS && stage.wrong == NULL; i++) {
        call_free(&stage.blocks[i]);
        windows_verify();
    }
    if (stage.need.is_reserved && stage.wrong == NULL) {
        call_need();
        windows_verify();
    }
    for (uint32_t i = 0; i < WINDOWS && stage.wrong == NULL; i++) {
        if (stage.windows[i].is_open) {
            stage_blame(berth_low_remove(&stage.berth, &stage.windows[i].low) != BERTH_OK, "end");
        }
    }
    for (uint32_t i = 0; i < REGIONS; i++) {
        stage_blame(stage.regions[i].follow != NULL, "a region is followed by nobody");
    }
}

int main(int count, char **words)
{
    uint32_t ops = 10000000;
    uint32_t seed = 1;
    const option_t options[] = {{"--ops", &ops}, {"--seed", &seed}, {NULL, NULL}};
    for (int i = 1; i < count; i += 2) {
        uint32_t *number = option_named(options, words[i]);
        if (number == NULL || !option_read(words[i + 1], number)) {
            puts("low [--ops N] [--seed N]: low water against a recorder. Exit: 0 the same, 1 not");
            return 2;
        }
    }
    uint32_t done = 0;
    for (uint32_t round = 0; done < ops; round++) {
        const uint32_t calls = ops - done < ROUND_OPS ? ops - done : ROUND_OPS;
        stage_start(seed + round);
        while (stage.calls < calls && stage.wrong == NULL) {
            stage_step();
        }
        stage_end();
        if (stage.wrong != NULL) {
            printf("DIFFERENCE: call %" PRIu32 " (%s): %s\nreplay: low --seed %" PRIu32
                   " --ops %" PRIu32 "\n",
                   stage.calls, stage.call, stage.wrong, seed + round, stage.calls);
            return 1;
        }
        done += stage.calls;
    }
    printf("low: %" PRIu32 " calls from seed %" PRIu32 ", %" PRIu64 " states seen, %" PRIu64
           " least figures recorded, %" PRIu32 " reservations, 0 differences\n",
           done, seed, states, leasts, reserved);
    return 0;
}
