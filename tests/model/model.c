/* model.c: what a region ought to hold, kept in the slowest and most obvious way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model.h"

#include <string.h>

static uint32_t model_minimum(uint32_t granule, bool in_region)
{
    if (!in_region) {
        return 3u * granule;
    }
    if (granule == 4u) {
        return 12u;
    }
    return granule <= 16u ? 16u : granule;
}

void model_start(model_t *model, const berth_region_t *region, uint32_t start, uint32_t end)
{
    const bool in_region = region->beside == NULL;
    memset(model, 0, sizeof *model);
    model->address = region->address;
    model->granule = region->granule != 0 ? region->granule : 4u;
    model->promise = region->align != 0 ? region->align : model->granule;
    model->header = in_region ? 4u : 0u;
    model->word_cost = in_region ? 4u : 0u;
    model->minimum = model_minimum(model->granule, in_region);
    model->blocks[0] = (model_block_t){.start = start, .taken = end - start};
    model->count = 1;
}

uint64_t model_taken(const model_t *model, size_t size, bool has_word)
{
    const uint64_t limit = UINT64_C(1) << 40;
    if (size > limit) {
        return limit;
    }
    const uint64_t bytes = (uint64_t)size + model->header + (has_word ? model->word_cost : 0u);
    const uint64_t taken = (bytes + model->granule - 1u) / model->granule * model->granule;
    return taken < model->minimum ? model->minimum : taken;
}

uint32_t model_usable(const model_t *model, const model_block_t *block)
{
    if (block->owner == BERTH_NO_OWNER && block->taken < model->minimum) {
        return 0;
    }
    return block->taken - model->header - (block->has_word ? model->word_cost : 0u);
}

uint32_t model_offset(const model_t *model, const model_block_t *block)
{
    return block->start + model->header;
}

uint32_t model_align(const model_t *model, uint32_t align)
{
    return align > model->promise ? align : model->promise;
}

/* Bytes of a free block that lie before its first payload with this alignment. */
static uint64_t model_skip(const model_t *model, const model_block_t *block, uint32_t align)
{
    const uint32_t payload =
        model->address + model_offset(model, block); /* modulo 2^32, as meant */
    return (uint32_t)(0u - payload) & (align - 1u);
}

bool model_can_hold(const model_t *model, uint64_t taken, uint32_t align)
{
    for (uint32_t i = 0; i < model->count; i++) {
        const model_block_t *block = &model->blocks[i];
        if (block->owner == BERTH_NO_OWNER &&
            model_skip(model, block, model_align(model, align)) + taken <= block->taken) {
            return true;
        }
    }
    return false;
}

bool model_must_hold(const model_t *model, uint64_t taken, uint32_t align)
{
    const uint32_t wanted = model_align(model, align);
    const uint64_t spare = wanted > model->granule ? wanted - model->granule : 0;
    for (uint32_t i = 0; i < model->count; i++) {
        const model_block_t *block = &model->blocks[i];
        if (block->owner == BERTH_NO_OWNER && taken + spare <= block->taken) {
            return true;
        }
    }
    return false;
}

uint32_t model_allocatable(const model_t *model, bool has_word)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        const model_block_t *block = &model->blocks[i];
        if (block->owner == BERTH_NO_OWNER && block->taken > largest) {
            largest = block->taken;
        }
    }
    const uint32_t cost = model->header + (has_word ? model->word_cost : 0u);
    return largest >= model->minimum ? largest - cost : 0;
}

uint32_t model_holder(const model_t *model, uint32_t offset)
{
    uint32_t low = 0;
    uint32_t high = model->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2u;
        const model_block_t *block = &model->blocks[middle];
        if (offset < block->start) {
            high = middle;
        } else if (offset - block->start >= block->taken) {
            low = middle + 1u;
        } else {
            return middle;
        }
    }
    return MODEL_NONE;
}

uint32_t model_find(const model_t *model, uint32_t offset)
{
    const uint32_t index = model_holder(model, offset);
    const bool found = index != MODEL_NONE && model_offset(model, &model->blocks[index]) == offset;
    return found ? index : MODEL_NONE;
}

uint32_t model_live_from(const model_t *model, uint32_t index)
{
    for (uint32_t i = 0; i < model->count; i++) {
        const uint32_t here = (index + i) % model->count;
        if (model->blocks[here].owner != BERTH_NO_OWNER) {
            return here;
        }
    }
    return MODEL_NONE;
}

static void model_insert(model_t *model, uint32_t index, model_block_t block)
{
    memmove(&model->blocks[index + 1u], &model->blocks[index],
            (model->count - index) * sizeof block);
    model->blocks[index] = block;
    model->count++;
}

static void model_remove(model_t *model, uint32_t index)
{
    model->count--;
    memmove(&model->blocks[index], &model->blocks[index + 1u],
            (model->count - index) * sizeof model->blocks[0]);
}

/* Leaves a block `keep` bytes and makes the rest a free block behind it. */
static void model_split(model_t *model, uint32_t index, uint32_t keep)
{
    model_block_t *block = &model->blocks[index];
    const model_block_t rest = {.start = block->start + keep, .taken = block->taken - keep};
    block->taken = keep;
    if (rest.taken != 0) {
        model_insert(model, index + 1u, rest);
    }
}

static bool model_is_free(const model_t *model, uint32_t index)
{
    return index < model->count && model->blocks[index].owner == BERTH_NO_OWNER;
}

static void model_merge_next(model_t *model, uint32_t index)
{
    if (model_is_free(model, index) && model_is_free(model, index + 1u)) {
        model->blocks[index].taken += model->blocks[index + 1u].taken;
        model_remove(model, index + 1u);
    }
}

uint32_t model_alloc(model_t *model, uint32_t offset, uint32_t taken, berth_tag_t tag)
{
    const uint32_t start = offset - model->header;
    uint32_t index = model_holder(model, start);
    if (index == MODEL_NONE || !model_is_free(model, index)) {
        return MODEL_NONE;
    }
    const uint32_t front = start - model->blocks[index].start;
    if (front % model->granule != 0 || model->blocks[index].taken - front < taken) {
        return MODEL_NONE;
    }
    if (front != 0) {
        model_split(model, index, front);
        index++;
    }
    model_split(model, index, taken);
    model->blocks[index].owner = (uint8_t)(tag & BERTH_TAG_OWNER);
    model->blocks[index].has_word = (tag & BERTH_TAG_WORD) != 0;
    model->live_taken += taken;
    model->live_count++;
    return index;
}

void model_free(model_t *model, uint32_t index)
{
    model_block_t *block = &model->blocks[index];
    model->live_taken -= block->taken;
    model->live_count--;
    *block = (model_block_t){.start = block->start, .taken = block->taken};
    model_merge_next(model, index);
    if (index > 0) {
        model_merge_next(model, index - 1u);
    }
}

bool model_can_resize(const model_t *model, uint32_t index, uint64_t taken)
{
    uint64_t room = model->blocks[index].taken;
    if (model_is_free(model, index + 1u)) {
        room += model->blocks[index + 1u].taken;
    }
    return taken <= room;
}

void model_resize(model_t *model, uint32_t index, uint32_t taken)
{
    model->live_taken += taken - model->blocks[index].taken;
    if (model_is_free(model, index + 1u)) {
        model->blocks[index].taken += model->blocks[index + 1u].taken;
        model_remove(model, index + 1u);
    }
    model_split(model, index, taken);
    model_merge_next(model, index + 1u);
}
