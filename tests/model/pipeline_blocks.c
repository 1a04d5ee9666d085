/* pipeline_blocks.c: what becomes of blocks that there are: free, give, reset, retire.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

#include <string.h>

pipeline_reach_t pipeline_reach(pipeline_t *pipeline, const void *pointer)
{
    pipeline_reach_t reach = {.status = BERTH_ERR_INVALID,
                              .spot = pipeline_whose(pipeline, pointer),
                              .block = PIPELINE_NO_BLOCK};
    if (reach.spot.region == BERTH_NO_REGION) {
        return reach;
    }
    const pipeline_region_t *region = &pipeline->regions[reach.spot.region];
    if (pipeline_is_guarded(pipeline, region)) {
        reach.status = BERTH_ERR_GUARD;
    } else if (region->is_busy) {
        reach.status = BERTH_ERR_BUSY;
    } else {
        reach.block = pipeline_block_at(pipeline, reach.spot);
        reach.status = reach.block != PIPELINE_NO_BLOCK ? BERTH_OK : BERTH_ERR_INVALID;
    }
    return reach;
}

berth_event_t pipeline_reach_event(const pipeline_reach_t *reach, uint8_t kind)
{
    return (berth_event_t){.kind = reach->status == BERTH_ERR_GUARD ? (uint8_t)BERTH_EVENT_VIOLATION
                                                                    : kind,
                           .status = (int8_t)reach->status,
                           .region = reach->spot.region,
                           .offset = reach->spot.offset};
}

/* --- free ------------------------------------------------------------------------------------- */

void pipeline_scrub(pipeline_t *pipeline, uint32_t index)
{
    const pipeline_block_t *block = &pipeline->blocks[index];
    if (pipeline->is_scrubbed[block->owner]) {
        memset(pipeline_twin_bytes(pipeline, index), 0, block->size);
    }
}

void pipeline_free_block(pipeline_t *pipeline, uint32_t index, uint32_t site)
{
    const pipeline_block_t block = pipeline->blocks[index];
    berth_region_t *twin = &pipeline->regions[block.region].twin;
    if (block.need == 0) { /* in what nobody has claimed, nobody has written */
        pipeline_scrub(pipeline, index);
    }
    const berth_change_t change = twin->engine->free(twin, block.offset);
    pipeline_block_drop(pipeline, index);
    pipeline_refund(&pipeline->regions[block.region], block.owner, change.before,
                    change.before != 0 ? 1 : 0);
    pipeline_post(pipeline, (berth_event_t){.kind = BERTH_EVENT_FREE,
                                            .site = site,
                                            .region = block.region,
                                            .offset = block.offset,
                                            .taken = change.before,
                                            .owner = block.owner});
}

berth_status_t pipeline_free(pipeline_t *pipeline, const void *pointer)
{
    if (pointer == NULL) {
        return BERTH_OK;
    }
    pipeline_reach_t reach = pipeline_reach(pipeline, pointer);
    if (reach.status == BERTH_OK && pipeline->blocks[reach.block].is_claimed) {
        pipeline_return(pipeline, reach.block, 0);
        return BERTH_OK;
    }
    if (reach.status == BERTH_OK && pipeline->blocks[reach.block].need != 0) {
        pipeline_scrub(pipeline, reach.block); /* before it is refused */
        reach.status = BERTH_ERR_INVALID;
    } else if (reach.status == BERTH_OK) {
        pipeline_free_block(pipeline, reach.block, 0);
        return BERTH_OK;
    } else if (reach.status == BERTH_ERR_INVALID && reach.spot.region != BERTH_NO_REGION) {
        berth_region_t *twin = &pipeline->regions[reach.spot.region].twin;
        reach.status = (berth_status_t)twin->engine->free(twin, reach.spot.offset).status;
    }
    pipeline_post(pipeline, pipeline_reach_event(&reach, BERTH_EVENT_FREE));
    return reach.status;
}

/* --- give ------------------------------------------------------------------------------------- */

static berth_status_t pipeline_may_give(pipeline_t *pipeline, uint32_t index, berth_owner_t owner)
{
    const pipeline_block_t *block = &pipeline->blocks[index];
    pipeline_region_t *region = &pipeline->regions[block->region];
    if (!pipeline_has_account(pipeline, owner) || pipeline->is_retired[owner] ||
        region->rules.owner != 0 || block->need != 0) {
        return BERTH_ERR_INVALID;
    }
    const uint32_t hard = pipeline_budget(region, owner).hard;
    const uint64_t live = pipeline_account(region, owner)->live;
    const bool is_over = hard != 0 && live + block->taken > hard && owner != block->owner;
    return is_over ? BERTH_ERR_BUDGET : BERTH_OK;
}

berth_status_t pipeline_give(pipeline_t *pipeline, const void *pointer, berth_owner_t owner)
{
    pipeline_reach_t reach = pipeline_reach(pipeline, pointer);
    if (reach.status == BERTH_OK) {
        reach.status = pipeline_may_give(pipeline, reach.block, owner);
    }
    berth_event_t event = pipeline_reach_event(&reach, BERTH_EVENT_GIVE);
    event.owner = owner;
    if (reach.status != BERTH_OK) {
        pipeline_post(pipeline, event);
        return reach.status;
    }
    pipeline_region_t *region = &pipeline->regions[reach.spot.region];
    const uint32_t live = pipeline_account(region, owner)->live;
    event.taken = pipeline->blocks[reach.block].taken;
    if (pipeline->blocks[reach.block].owner != owner) {
        (void)region->twin.engine->give(&region->twin, reach.spot.offset, owner);
        pipeline_block_rename(pipeline, reach.block, owner);
    }
    pipeline_post(pipeline, event);
    pipeline_budget_watch(pipeline, reach.block, live, 0);
    return BERTH_OK;
}

/* --- arenas, and owners that end -------------------------------------------------------------- */

uint32_t pipeline_mark(pipeline_t *pipeline, uint8_t index)
{
    const pipeline_region_t *region = &pipeline->regions[index];
    if (region->twin.engine->mark == NULL || pipeline_is_guarded(pipeline, region) ||
        region->is_busy) {
        return BERTH_NOWHERE;
    }
    return region->twin.engine->mark(&region->twin);
}

/* Forgets the blocks that the twin knows no more. */
static void pipeline_reset_blocks(pipeline_t *pipeline, uint8_t index)
{
    const berth_region_t *twin = &pipeline->regions[index].twin;
    for (uint32_t i = pipeline->block_count; i-- > 0;) {
        const pipeline_block_t *block = &pipeline->blocks[i];
        if (block->region == index && twin->engine->find(twin, block->offset).status != BERTH_OK) {
            pipeline_block_drop(pipeline, i);
        }
    }
}

static berth_undone_t pipeline_reset_twin(pipeline_t *pipeline, pipeline_region_t *region,
                                          uint32_t mark)
{
    berth_region_t *twin = &region->twin;
    if (twin->engine->reset == NULL) {
        return (berth_undone_t){.status = BERTH_ERR_INVALID};
    }
    if (pipeline_is_guarded(pipeline, region)) {
        return (berth_undone_t){.status = BERTH_ERR_GUARD};
    }
    if (region->is_busy) {
        return (berth_undone_t){.status = BERTH_ERR_BUSY};
    }
    return twin->engine->reset(twin, mark);
}

berth_status_t pipeline_reset(pipeline_t *pipeline, uint8_t index, uint32_t mark)
{
    pipeline_region_t *region = &pipeline->regions[index];
    const berth_undone_t undone = pipeline_reset_twin(pipeline, region, mark);
    const bool is_violation = undone.status == BERTH_ERR_GUARD;
    if (undone.status == BERTH_OK) {
        pipeline_reset_blocks(pipeline, index);
        pipeline_refund(region, region->rules.owner, undone.size, undone.count);
    }
    pipeline_post(pipeline,
                  (berth_event_t){.kind = is_violation ? BERTH_EVENT_VIOLATION : BERTH_EVENT_RESET,
                                  .status = (int8_t)undone.status,
                                  .region = index,
                                  .offset = mark,
                                  .taken = undone.size,
                                  .owner = region->rules.owner});
    return (berth_status_t)undone.status;
}

berth_status_t pipeline_retire(pipeline_t *pipeline, berth_owner_t owner)
{
    if (owner == BERTH_OTHERS || !pipeline_has_account(pipeline, owner) ||
        pipeline->is_retired[owner]) {
        return BERTH_ERR_INVALID;
    }
    pipeline->is_retired[owner] = true;
    pipeline_post(pipeline, (berth_event_t){.kind = BERTH_EVENT_RETIRE,
                                            .region = BERTH_NO_REGION,
                                            .offset = BERTH_NOWHERE,
                                            .owner = owner});
    return BERTH_OK;
}
