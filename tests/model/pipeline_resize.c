/* pipeline_resize.c: a block becomes larger or smaller, where it is or elsewhere.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

#include <string.h>

/* One call of resize, from where its block is known. */
typedef struct pipeline_move {
    pipeline_call_t call;
    uint32_t block;
    bool roams;
    bool is_scrub; /* it stays, and its tail is overwritten */
} pipeline_move_t;

/* Whether a hop allows a region, in either of its passes. */
static bool pipeline_hop_allows(const pipeline_hop_t *hop, const pipeline_region_t *region)
{
    const berth_caps_t caps = pipeline_caps(region);
    return (pipeline_wanted(hop->needed) & ~caps) == 0 ||
           (pipeline_wanted(hop->needed | hop->preferred) & ~caps) == 0;
}

/* The hop that lets the block stay, whose `left` counts; NULL: it may not, or its address does not
 * suit. */
static const pipeline_hop_t *pipeline_move_may_stay(const pipeline_t *pipeline,
                                                    const pipeline_move_t *move)
{
    const pipeline_block_t *block = &pipeline->blocks[move->block];
    const pipeline_region_t *region = &pipeline->regions[block->region];
    const uint32_t address = region->twin.address + block->offset;
    const pipeline_hop_t *hops = move->call.hops;
    if (hops[0].align != 0 && address % hops[0].align != 0) {
        return NULL;
    }
    for (uint32_t i = 0; i < move->call.hop_count && move->roams; i++) {
        if (pipeline_hop_allows(&hops[i], region)) {
            return &hops[i];
        }
    }
    return move->roams ? NULL : &hops[0];
}

/* Whether the block may take so much more. */
static berth_status_t pipeline_move_affords(pipeline_t *pipeline, const pipeline_move_t *move,
                                            const pipeline_hop_t *hop)
{
    const pipeline_block_t *block = &pipeline->blocks[move->block];
    const size_t size = move->call.hops[0].size;
    pipeline_region_t *region = &pipeline->regions[block->region];
    const uint32_t cost = region->twin.engine->cost(&region->twin, size, 0, block->owner);
    if (cost <= block->taken) {
        return BERTH_OK;
    }
    const uint64_t grows = cost - block->taken;
    const berth_budget_t budget = pipeline_budget(region, block->owner);
    if (budget.hard != 0 && pipeline_account(region, block->owner)->live + grows > budget.hard) {
        return BERTH_ERR_BUDGET;
    }
    if (hop->left != 0 && region->used + grows + hop->left > region->capacity) {
        return BERTH_ERR_LEFT;
    }
    const berth_caps_t needed = move->call.hops[0].needed; /* whichever hop lets it stay */
    const uint64_t kept = pipeline_floor(region, block->owner, needed);
    if (kept != 0 && region->used + grows + kept > region->capacity) {
        return BERTH_ERR_FLOOR;
    }
    return BERTH_OK;
}

/* A scrubbed owner's block does not become smaller: what it no longer needs is overwritten. */
static bool pipeline_move_is_scrub(const pipeline_t *pipeline, const pipeline_move_t *move)
{
    const pipeline_block_t *block = &pipeline->blocks[move->block];
    return pipeline->is_scrubbed[block->owner] && move->call.hops[0].size < block->size;
}

/* A block that is held for a need is as large as it is. */
static berth_change_t pipeline_move_within(const pipeline_block_t *block, size_t size)
{
    return (berth_change_t){.before = block->taken,
                            .after = block->taken,
                            .status = size <= block->size ? BERTH_OK : BERTH_ERR_NOMEM};
}

/* Step 1: the block becomes larger or smaller where it is. */
static berth_status_t pipeline_move_stay(pipeline_t *pipeline, pipeline_move_t *move,
                                         const pipeline_hop_t *hop)
{
    pipeline_block_t *block = &pipeline->blocks[move->block];
    pipeline_region_t *region = &pipeline->regions[block->region];
    berth_region_t *twin = &region->twin;
    const size_t size = move->call.hops[0].size;
    if (block->need == 0 || size > block->size) {
        const berth_status_t status = pipeline_move_affords(pipeline, move, hop);
        if (status != BERTH_OK) {
            return status;
        }
    }
    move->is_scrub = pipeline_move_is_scrub(pipeline, move);
    berth_change_t change = pipeline_move_within(block, size);
    if (block->need == 0 && !move->is_scrub) {
        change = twin->engine->resize(twin, block->offset, size);
    }
    if (change.status != BERTH_OK) {
        return (berth_status_t)change.status;
    }
    const uint32_t live = pipeline_account(region, block->owner)->live;
    move->call.granted = (uint32_t)size;
    pipeline_block_retake(pipeline, move->block, change.after);
    block->size = twin->engine->find(twin, block->offset).size;
    const uint32_t site = move->call.request->site;
    pipeline_post(pipeline, (berth_event_t){.kind = BERTH_EVENT_RESIZE,
                                            .site = site,
                                            .region = block->region,
                                            .offset = block->offset,
                                            .size = (uint32_t)size,
                                            .taken = block->taken,
                                            .owner = block->owner});
    pipeline_budget_watch(pipeline, move->block, live, site);
    return BERTH_OK;
}

/* Steps 2 and 3: another block, which gets the contents, and the old one is freed. */
static berth_status_t pipeline_move_away(pipeline_t *pipeline, pipeline_move_t *move)
{
    uint32_t block = PIPELINE_NO_BLOCK;
    const uint8_t region = pipeline->blocks[move->block].region;
    if (move->roams) {
        block = pipeline_serve(pipeline, &move->call, false);
    } else if (pipeline_call_ask(pipeline, &move->call, region, &move->call.hops[0], &block) ==
               BERTH_OK) {
        pipeline_granted(pipeline, &move->call, block, (uint32_t)move->call.hops[0].size, false);
    }
    if (block == PIPELINE_NO_BLOCK) {
        return move->call.status;
    }
    const uint32_t old_room = pipeline->blocks[move->block].size;
    const uint32_t new_room = pipeline->blocks[block].size;
    memcpy(pipeline_twin_bytes(pipeline, block), pipeline_twin_bytes(pipeline, move->block),
           old_room < new_room ? old_room : new_room);
    const pipeline_block_t moved = pipeline->blocks[block];
    if (pipeline->blocks[move->block].is_claimed) {
        pipeline_return(pipeline, move->block, move->call.request->site);
    } else {
        pipeline_free_block(pipeline, move->block, move->call.request->site);
    }
    move->block = pipeline_block_at(
        pipeline, (pipeline_spot_t){.region = moved.region, .offset = moved.offset});
    return BERTH_OK;
}

static berth_status_t pipeline_move(pipeline_t *pipeline, pipeline_move_t *move)
{
    berth_status_t status = BERTH_OK;
    const pipeline_hop_t *hop = pipeline_move_may_stay(pipeline, move);
    if (hop != NULL) {
        status = pipeline_move_stay(pipeline, move, hop);
        if (status == BERTH_OK || (!move->roams && status != BERTH_ERR_NOMEM)) {
            return status;
        }
    }
    const berth_status_t moved = pipeline_move_away(pipeline, move);
    return moved == BERTH_OK || status == BERTH_OK ? moved : status;
}

static pipeline_outcome_t pipeline_resize_refused(pipeline_t *pipeline, pipeline_call_t *call,
                                                  const pipeline_reach_t *reach,
                                                  berth_owner_t owner)
{
    berth_event_t event = pipeline_reach_event(reach, BERTH_EVENT_RESIZE);
    event.owner = owner;
    pipeline_refused(pipeline, call, event);
    return (pipeline_outcome_t){.status = reach->status, .block = PIPELINE_NO_BLOCK};
}

/* The block is known, and somebody's who may have another. */
static pipeline_outcome_t pipeline_resize_block(pipeline_t *pipeline, pipeline_move_t *move,
                                                pipeline_reach_t *reach)
{
    const pipeline_block_t old = pipeline->blocks[move->block];
    move->call.owner = old.owner;
    reach->status =
        pipeline->is_retired[old.owner] ? BERTH_ERR_INVALID : pipeline_move(pipeline, move);
    if (reach->status != BERTH_OK) {
        return pipeline_resize_refused(pipeline, &move->call, reach, old.owner);
    }
    pipeline_outcome_t outcome = {.status = BERTH_OK, .block = move->block};
    const uint32_t size = move->call.granted;
    outcome.kept = old.size < size ? old.size : size;
    outcome.zero_from = outcome.kept;
    outcome.zero_to = move->call.request->is_zeroed ? size : outcome.kept;
    if (move->is_scrub) {
        outcome.zero_from = (size + 3u) / 4u * 4u;
        outcome.zero_to = old.size;
    }
    memset(pipeline_twin_bytes(pipeline, move->block) + outcome.zero_from, 0,
           outcome.zero_to - outcome.zero_from);
    return outcome;
}

pipeline_outcome_t pipeline_resize(pipeline_t *pipeline, const void *pointer,
                                   const berth_request_t *request)
{
    if (pointer == NULL) {
        return pipeline_alloc(pipeline, request);
    }
    pipeline_move_t move = {.roams = request->needed != 0 || request->preferred != 0 ||
                                     request->otherwise != NULL};
    pipeline_reach_t reach = {.status = BERTH_ERR_INVALID,
                              .spot = pipeline_whose(pipeline, pointer)};
    pipeline_hops_read(&move.call, request);
    if (!pipeline_hops_are_valid(&move.call, false)) {
        return pipeline_resize_refused(pipeline, &move.call, &reach, 0);
    }
    if (pipeline_is_forbidden(pipeline, &move.call)) {
        reach.status = BERTH_ERR_GUARD;
        return pipeline_resize_refused(pipeline, &move.call, &reach, 0);
    }
    reach = pipeline_reach(pipeline, pointer);
    move.block = reach.block;
    if (reach.status != BERTH_OK) {
        return pipeline_resize_refused(pipeline, &move.call, &reach, 0);
    }
    const pipeline_block_t *block = &pipeline->blocks[reach.block];
    if (block->need != 0 && !block->is_claimed) {
        reach.status = BERTH_ERR_INVALID; /* its pointer was never handed out */
        return pipeline_resize_refused(pipeline, &move.call, &reach, block->owner);
    }
    return pipeline_resize_block(pipeline, &move, &reach);
}
