/* pipeline_audit.c: walks through regions, and all that is in them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WALK_ROOM 7u /* blocks at a time */

/* --- blocks ----------------------------------------------------------------------------------- */

static void audit_block(pipeline_trial_t *trial, const berth_block_t *expected,
                        const berth_block_t *got)
{
    pipeline_trial_expect_status(trial, "walk: status", expected->status, got->status);
    pipeline_trial_expect(trial, "walk: offset", expected->offset, got->offset);
    pipeline_trial_expect(trial, "walk: size", expected->size, got->size);
    pipeline_trial_expect(trial, "walk: taken", expected->taken, got->taken);
    pipeline_trial_expect(trial, "walk: owner", expected->owner, got->owner);
}

/* The first block of a region that begins at an offset or behind it. */
static berth_block_t audit_block_from(const berth_region_t *twin, uint32_t offset)
{
    berth_block_t block = {.offset = BERTH_NOWHERE, .next = BERTH_WALK_START};
    do {
        block = twin->engine->walk(twin, block.next);
    } while (block.offset < offset && block.next != BERTH_NOWHERE);
    if (block.offset < offset) {
        block.offset = BERTH_NOWHERE;
    }
    return block;
}

/* Goes on with a walk that other calls have come between: what is told is so now, and is what comes
 * after what was told before. */
void pipeline_trial_walk(pipeline_trial_t *trial, uint32_t capacity)
{
    berth_block_t blocks[2u * BERTH_WALK_SLICE];
    berth_walk_t *walk = &trial->walk;
    if (trial->failed || capacity > 2u * BERTH_WALK_SLICE) {
        return;
    }
    trial->steps++;
    trial->call = "walk";
    if (walk->region == NULL || walk->cursor == BERTH_NOWHERE) {
        const uint32_t region = random_below(&trial->random, trial->model.region_count);
        *walk = (berth_walk_t){.region = &trial->regions[region]};
        trial->walked = 0;
    }
    const berth_region_t *twin = &trial->model.regions[walk->region->index].twin;
    berth_context_t *context = trial->port.context;
    trial->port.context = &trial->observer;
    const uint32_t count = berth_walk(&trial->berth, walk, blocks, capacity);
    trial->port.context = context;
    pipeline_trial_expect(trial, "walk: too many blocks at once", false,
                          count > capacity || count > BERTH_WALK_SLICE);
    for (uint32_t i = 0; i < count && !trial->failed; i++) {
        const berth_block_t expected = audit_block_from(twin, trial->walked);
        audit_block(trial, &expected, &blocks[i]);
        trial->walked = blocks[i].offset + 1u;
    }
    if (walk->cursor == BERTH_NOWHERE) {
        pipeline_trial_expect(trial, "walk: the end", BERTH_NOWHERE,
                              audit_block_from(twin, trial->walked).offset);
    }
    pipeline_trial_compare(trial);
}

/* --- everything ------------------------------------------------------------------------------- */

/* The manager's walk against the twin's, and the engine's own verification of all bookkeeping. */
static void audit_walk(pipeline_trial_t *trial, uint32_t index)
{
    const berth_region_t *twin = &trial->model.regions[index].twin;
    const berth_region_t *region = &trial->regions[index];
    berth_walk_t walk = {.region = &trial->regions[index]};
    berth_block_t blocks[WALK_ROOM];
    uint32_t cursor = BERTH_WALK_START;
    while (walk.cursor != BERTH_NOWHERE && !trial->failed) {
        const uint32_t room = random_between(&trial->random, 1, WALK_ROOM);
        const uint32_t count = berth_walk(&trial->berth, &walk, blocks, room);
        for (uint32_t i = 0; i < count && !trial->failed; i++) {
            pipeline_trial_expect(trial, "walk: beyond the end", false, cursor == BERTH_NOWHERE);
            const berth_block_t expected = twin->engine->check(twin, cursor);
            const berth_block_t checked = region->engine->check(region, cursor);
            audit_block(trial, &expected, &blocks[i]);
            audit_block(trial, &expected, &checked);
            cursor = expected.next;
        }
    }
    pipeline_trial_expect(trial, "walk: the end", BERTH_NOWHERE, cursor);
}

/* Every byte of every region: free memory and bookkeeping, too. */
static void audit_bytes(pipeline_trial_t *trial)
{
    const uint8_t *real = pipeline_trial_memory(false);
    const uint8_t *twin = pipeline_trial_memory(true);
    if (trial->failed || memcmp(real, twin, PIPELINE_BOARD_MEMORY) == 0) {
        return;
    }
    uint32_t at = 0;
    while (real[at] == twin[at]) {
        at++;
    }
    const pipeline_spot_t spot = pipeline_whose(&trial->model, &real[at]);
    pipeline_trial_expect(trial, "region of the first byte that differs", UINT32_MAX, spot.region);
    printf("  at offset %" PRIu32 ": %02x, %02x\n", spot.offset, twin[at], real[at]);
}

void pipeline_trial_audit(pipeline_trial_t *trial)
{
    trial->call = "audit";
    trial->port.context = &trial->observer;
    trial->port.busy = NULL;
    audit_bytes(trial);
    for (uint32_t i = 0; i < trial->model.region_count && !trial->failed; i++) {
        audit_walk(trial, i);
    }
    pipeline_trial_run_as(trial, trial->model.running);
    pipeline_trial_compare(trial);
}
