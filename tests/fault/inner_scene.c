/* inner_scene.c: a small manager whose engines and port fail when they are told to.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "inner_scene.h"

#include "inner_engine.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRUBBED 3u /* the owner whose blocks are overwritten when freed */

static alignas(4096) uint8_t inner_memory[INNER_REGIONS][INNER_BYTES];
static uint32_t inner_locked; /* locks held */

const char *inner_kind_name(inner_kind_t kind)
{
    static const char *const names[] = {"engine", "lock", "lock_start", "clock", "context"};
    return names[kind];
}

/* --- a port ----------------------------------------------------------------------------------- */

static bool inner_port_lock_start(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    return !inner_fails(INNER_LOCK_START);
}

static uintptr_t inner_port_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    if (inner_fails(INNER_LOCK)) {
        return BERTH_LOCK_REFUSED;
    }
    inner_locked++;
    return 0;
}

static void inner_port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)lock;
    (void)key;
    inner_locked--;
}

static uint64_t inner_port_now(void *self)
{
    (void)self;
    return inner_fails(INNER_CLOCK) ? BERTH_NO_TIME : 1000;
}

static berth_context_t *inner_port_context(void *self)
{
    inner_scene_t *scene = self;
    return inner_fails(INNER_CONTEXT) ? NULL : &scene->context;
}

static berth_port_t inner_port = {.lock_start = inner_port_lock_start,
                                  .lock = inner_port_lock,
                                  .unlock = inner_port_unlock,
                                  .now_us = inner_port_now,
                                  .clock_mask = UINT32_MAX,
                                  .context = inner_port_context};

/* --- the scene -------------------------------------------------------------------------------- */

static void inner_lay(inner_scene_t *scene)
{
    static const berth_caps_t caps[INNER_REGIONS][BERTH_CAPS_PRIORITIES] = {
        {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT},
        {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL, BERTH_CAP_DEFAULT},
        {BERTH_CAP_BYTES | BERTH_CAP_PLACE(0)},
        {BERTH_CAP_BYTES | BERTH_CAP_PLACE(1)}};
    static const berth_budget_t budgets[INNER_OWNERS] = {[4] = {.soft = 1000}};
    for (uint32_t i = 0; i < INNER_REGIONS; i++) {
        scene->regions[i] = (berth_region_t){.engine = i == 2 ? &inner_arena : &inner_fit,
                                             .base = inner_memory[i],
                                             .address = 0x20000000u + 0x10000u * i,
                                             .size = INNER_BYTES,
                                             .accounts = scene->accounts[i],
                                             .budgets = budgets};
        memcpy(scene->regions[i].caps, caps[i], sizeof caps[i]);
    }
}

berth_status_t inner_scene_start(inner_scene_t *scene)
{
    return berth_start(&scene->berth, &scene->config);
}

static void inner_hold(inner_scene_t *scene, inner_block_t block, size_t size,
                       berth_request_t request)
{
    request.size = size;
    scene->blocks[block] = berth_alloc(&scene->berth, &request);
    if (scene->blocks[block] == NULL) {
        printf("inner_calls: the scene cannot be set\n");
        exit(2);
    }
    memset(scene->blocks[block], 0xA0 + (int)block, size);
}

static void inner_populate(inner_scene_t *scene)
{
    void *hole = NULL;
    const berth_request_t inside = {.needed = BERTH_CAP_INTERNAL, .owner = 1};
    const berth_request_t outside = {.needed = BERTH_CAP_EXTERNAL};
    const berth_request_t scratch = {.needed = BERTH_CAP_PLACE(0)};
    berth_request_t scrubbed = inside;
    scrubbed.owner = SCRUBBED;
    inner_hold(scene, INNER_ROOMY, 100, inside);
    hole = berth_malloc(&scene->berth, 100, BERTH_CAP_INTERNAL);
    inner_hold(scene, INNER_FIRST, 80, inside);
    inner_hold(scene, INNER_MIDDLE, 64, inside);
    inner_hold(scene, INNER_SCRUBBED, 120, scrubbed);
    inner_hold(scene, INNER_LARGE, 1100, inside);
    inner_hold(scene, INNER_FAR, 500, outside);
    scene->mark = berth_mark(&scene->berth, &scene->regions[2]);
    inner_hold(scene, INNER_SCRATCH, 100, scratch);
    berth_free(&scene->berth, hole);
}

/* --- state ------------------------------------------------------------------------------------ */

static void inner_state_take(inner_scene_t *scene, inner_state_t *state)
{
    memset(state, 0, sizeof *state);
    memcpy(state->accounts, scene->accounts, sizeof state->accounts);
    memcpy(state->bytes, inner_memory, sizeof state->bytes);
    state->context = scene->context;
    state->boot = scene->berth.boot;
    for (uint32_t i = 0; i < INNER_OWNERS; i++) {
        state->is_retired[i] = berth_owner_is_retired(&scene->berth, (berth_owner_t)i);
    }
    for (uint32_t i = 0; i < INNER_REGIONS; i++) {
        const berth_region_t *region = berth_region_at(&scene->berth, (uint8_t)i);
        uint32_t cursor = region != NULL ? BERTH_WALK_START : BERTH_NOWHERE;
        state->has_region[i] = region != NULL;
        if (region != NULL) {
            state->totals[i] = region->total;
        }
        while (cursor != BERTH_NOWHERE && state->block_count[i] < INNER_WALK) {
            const berth_block_t block = inner_real(region)->check(region, cursor);
            state->blocks[i][state->block_count[i]++] = block;
            cursor = block.next;
        }
    }
}

void inner_scene_set(inner_scene_t *scene, bool is_started)
{
    static const berth_owner_t scrubbed[] = {SCRUBBED, 0};
    memset(scene, 0, sizeof *scene);
    memset(inner_memory, 0, sizeof inner_memory);
    (void)inner_disarm();
    inner_locked = 0;
    inner_port.self = scene;
    inner_lay(scene);
    scene->context.owner = 5;
    scene->config = (berth_config_t){.port = &inner_port,
                                     .regions = scene->regions,
                                     .scrubbed = scrubbed,
                                     .events = scene->events,
                                     .event_count = 32,
                                     .region_count = INNER_REGIONS - 1u,
                                     .owner_count = INNER_OWNERS};
    if (is_started && inner_scene_start(scene) == BERTH_OK) {
        inner_populate(scene);
    }
    inner_state_take(scene, &scene->before);
}

/* --- as before? ------------------------------------------------------------------------------- */

static bool inner_account_is(const berth_account_t *is, const berth_account_t *was, bool moves)
{
    return is->live == was->live && is->count == was->count && (moves || is->peak == was->peak);
}

static bool inner_block_is(const berth_block_t *is, const berth_block_t *was)
{
    return is->offset == was->offset && is->size == was->size && is->taken == was->taken &&
           is->owner == was->owner && is->status == was->status;
}

static bool inner_contents_are(const inner_scene_t *scene, uint32_t index,
                               const berth_block_t *block)
{
    return memcmp(scene->after.bytes[index] + block->offset,
                  scene->before.bytes[index] + block->offset, block->size) == 0;
}

static const char *inner_compare_region(const inner_scene_t *scene, uint32_t index, uint32_t leave)
{
    const bool moves = (leave & (uint32_t)INNER_TAKEN) != 0;
    const bool scrubs = (leave & (uint32_t)INNER_SCRUBBED_BYTES) != 0;
    const inner_state_t *was = &scene->before;
    const inner_state_t *is = &scene->after;
    if (is->has_region[index] != was->has_region[index]) {
        return "the list of regions";
    }
    if (!inner_account_is(&is->totals[index], &was->totals[index], moves)) {
        return "a region's totals";
    }
    for (uint32_t i = 0; i < INNER_OWNERS; i++) {
        if (!inner_account_is(&is->accounts[index][i], &was->accounts[index][i], moves)) {
            return "an account";
        }
    }
    if (is->block_count[index] != was->block_count[index]) {
        return "how many blocks there are";
    }
    for (uint32_t i = 0; i < is->block_count[index]; i++) {
        const berth_block_t *block = &was->blocks[index][i];
        if (!inner_block_is(&is->blocks[index][i], block)) {
            return "a block";
        }
        const bool is_kept =
            block->owner != BERTH_NO_OWNER && !(scrubs && block->owner == SCRUBBED);
        if (is_kept && !inner_contents_are(scene, index, block)) {
            return "a block's contents";
        }
    }
    return NULL;
}

const char *inner_scene_compare(inner_scene_t *scene, uint32_t leave)
{
    const inner_state_t *was = &scene->before;
    const inner_state_t *is = &scene->after;
    inner_state_take(scene, &scene->after);
    for (uint32_t i = 0; i < INNER_REGIONS; i++) {
        const char *wrong = inner_compare_region(scene, i, leave);
        if (wrong != NULL) {
            return wrong;
        }
        if (was->has_region[i] && leave == 0 &&
            memcmp(is->bytes[i], was->bytes[i], INNER_BYTES) != 0) {
            return "bytes of a region";
        }
    }
    if (is->context.owner != was->context.owner || is->context.guards != was->context.guards ||
        is->boot.owner != was->boot.owner || is->boot.guards != was->boot.guards) {
        return "a context";
    }
    return memcmp(is->is_retired, was->is_retired, sizeof is->is_retired) != 0 ? "who is retired"
                                                                               : NULL;
}

/* --- does it add up? -------------------------------------------------------------------------- */

static const char *inner_verify_region(const inner_state_t *is, uint32_t index)
{
    berth_account_t held[INNER_OWNERS] = {{0}};
    berth_account_t all = {0};
    for (uint32_t i = 0; i < is->block_count[index]; i++) {
        const berth_block_t *block = &is->blocks[index][i];
        if (block->status != BERTH_OK) {
            return "an engine finds damage";
        }
        if (block->owner != BERTH_NO_OWNER) {
            const uint32_t account = block->owner == BERTH_OTHERS ? 0 : block->owner;
            if (account >= INNER_OWNERS) {
                return "a block is nobody's";
            }
            held[account].live += block->taken;
            held[account].count++;
        }
    }
    for (uint32_t i = 0; i < INNER_OWNERS; i++) {
        const berth_account_t *account = &is->accounts[index][i];
        all.live += account->live;
        all.count += account->count;
        if (account->live != held[i].live || account->count != held[i].count) {
            return "an account is not what its blocks take";
        }
    }
    return all.live != is->totals[index].live || all.count != is->totals[index].count
               ? "the accounts are not the totals"
               : NULL;
}

const char *inner_scene_verify(inner_scene_t *scene)
{
    inner_state_take(scene, &scene->after);
    if (inner_locked != 0) {
        return "a lock is held";
    }
    for (uint32_t i = 0; i < INNER_REGIONS; i++) {
        const char *wrong = inner_verify_region(&scene->after, i);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}
