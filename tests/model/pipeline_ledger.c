/* pipeline_ledger.c: who pays for which block.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

static uint32_t pipeline_larger(uint32_t one, uint32_t other)
{
    return one > other ? one : other;
}

static void pipeline_charge(pipeline_region_t *region, berth_owner_t owner, uint32_t bytes,
                            uint32_t blocks)
{
    berth_account_t *account = pipeline_account(region, owner);
    account->live += bytes;
    account->count += blocks;
    account->peak = pipeline_larger(account->peak, account->live);
    region->used += bytes;
    region->count += blocks;
    region->peak = pipeline_larger(region->peak, region->used);
}

void pipeline_refund(pipeline_region_t *region, berth_owner_t owner, uint32_t bytes,
                     uint32_t blocks)
{
    berth_account_t *account = pipeline_account(region, owner);
    account->live -= bytes;
    account->count -= blocks;
    region->used -= bytes;
    region->count -= blocks;
}

uint32_t pipeline_block_add(pipeline_t *pipeline, pipeline_block_t block)
{
    pipeline_charge(&pipeline->regions[block.region], block.owner, block.taken, 1);
    pipeline->blocks[pipeline->block_count] = block;
    return pipeline->block_count++;
}

void pipeline_block_drop(pipeline_t *pipeline, uint32_t index)
{
    pipeline->blocks[index] = pipeline->blocks[--pipeline->block_count];
}

void pipeline_block_retake(pipeline_t *pipeline, uint32_t index, uint32_t taken)
{
    pipeline_block_t *block = &pipeline->blocks[index];
    pipeline_region_t *region = &pipeline->regions[block->region];
    if (taken > block->taken) {
        pipeline_charge(region, block->owner, taken - block->taken, 0);
    } else {
        pipeline_refund(region, block->owner, block->taken - taken, 0);
    }
    block->taken = taken;
}

void pipeline_block_rename(pipeline_t *pipeline, uint32_t index, berth_owner_t owner)
{
    pipeline_block_t *block = &pipeline->blocks[index];
    pipeline_region_t *region = &pipeline->regions[block->region];
    pipeline_refund(region, block->owner, block->taken, 1);
    pipeline_charge(region, owner, block->taken, 1);
    block->owner = owner;
}

void pipeline_budget_watch(pipeline_t *pipeline, uint32_t index, uint32_t before, uint32_t site)
{
    const pipeline_block_t *block = &pipeline->blocks[index];
    pipeline_region_t *region = &pipeline->regions[block->region];
    const uint32_t soft = pipeline_budget(region, block->owner).soft;
    const uint32_t live = pipeline_account(region, block->owner)->live;
    if (soft != 0 && before <= soft && live > soft) {
        pipeline_post(pipeline, (berth_event_t){.kind = BERTH_EVENT_BUDGET,
                                                .site = site,
                                                .region = block->region,
                                                .offset = block->offset,
                                                .size = soft,
                                                .taken = live,
                                                .owner = block->owner});
    }
}
