/* tlsf_model.c: what a TLSF allocator would grant: the control of scenarios about rounding.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tlsf_model.h"

#include <string.h>

#define GRANULE 4u
#define SMALLEST 12u /* bytes usable: a free block's links */

/* --- classes --------------------------------------------------------------------------------- */

static uint32_t top_bit(uint32_t value)
{
    uint32_t bit = 0;
    while (value >> bit > 1) {
        bit++;
    }
    return bit;
}

/* How far apart classes are at a size. Below so many granules as there are steps, a granule. */
static uint32_t class_step(const tlsf_model_t *model, uint32_t size)
{
    const uint32_t bit = top_bit(size);
    return bit < model->step_bits + 2 ? GRANULE : 1u << (bit - model->step_bits);
}

/* The smallest size of the class that a block is filed under: classes are named by it. */
static uint32_t class_of(const tlsf_model_t *model, uint32_t size)
{
    return size & ~(class_step(model, size) - 1);
}

/* The class where the search begins: of sizes that are all large enough. */
static uint32_t class_sought(const tlsf_model_t *model, uint32_t size)
{
    return class_of(model, size + class_step(model, size) - 1);
}

/* --- blocks ---------------------------------------------------------------------------------- */

static void block_insert(tlsf_model_t *model, uint32_t at, tlsf_model_block_t block)
{
    memmove(&model->blocks[at + 1], &model->blocks[at],
            (model->count - at) * sizeof model->blocks[0]);
    model->blocks[at] = block;
    model->count++;
}

static void block_remove(tlsf_model_t *model, uint32_t at)
{
    model->count--;
    memmove(&model->blocks[at], &model->blocks[at + 1],
            (model->count - at) * sizeof model->blocks[0]);
}

/* The lowest class first; in a class, what was freed last. */
static bool block_is_better(const tlsf_model_t *model, const tlsf_model_block_t *one,
                            const tlsf_model_block_t *other)
{
    const uint32_t class_one = class_of(model, one->size);
    const uint32_t class_other = class_of(model, other->size);
    return class_one != class_other ? class_one < class_other : one->freed > other->freed;
}

/* Returns model->count if there is none. */
static uint32_t block_sought(const tlsf_model_t *model, uint32_t size)
{
    const uint32_t sought = class_sought(model, size);
    uint32_t best = model->count;
    for (uint32_t i = 0; i < model->count; i++) {
        const tlsf_model_block_t *block = &model->blocks[i];
        if (block->freed != 0 && class_of(model, block->size) >= sought &&
            (best == model->count || block_is_better(model, block, &model->blocks[best]))) {
            best = i;
        }
    }
    return best;
}

/* What is too small to be a block stays with the one that is granted. */
static void block_split(tlsf_model_t *model, uint32_t at, uint32_t size)
{
    tlsf_model_block_t *block = &model->blocks[at];
    if (model->count == TLSF_MODEL_BLOCKS || block->size < size + TLSF_MODEL_OVERHEAD + SMALLEST) {
        return;
    }
    const tlsf_model_block_t rest = {.offset = block->offset + size + TLSF_MODEL_OVERHEAD,
                                     .size = block->size - size - TLSF_MODEL_OVERHEAD,
                                     .freed = ++model->clock};
    block->size = size;
    block_insert(model, at + 1, rest);
}

/* Makes one of a block and the next, if both are free. */
static void block_merge(tlsf_model_t *model, uint32_t at)
{
    if (at + 1 < model->count && model->blocks[at].freed != 0 && model->blocks[at + 1].freed != 0) {
        model->blocks[at].size += TLSF_MODEL_OVERHEAD + model->blocks[at + 1].size;
        model->blocks[at].freed = ++model->clock;
        block_remove(model, at + 1);
    }
}

/* --- calls ----------------------------------------------------------------------------------- */

void tlsf_model_start(tlsf_model_t *model, uint32_t size, uint32_t step_bits)
{
    model->count = 1;
    model->clock = 1;
    model->step_bits = step_bits;
    model->blocks[0] =
        (tlsf_model_block_t){.offset = TLSF_MODEL_OVERHEAD, .size = size, .freed = 1};
}

uint32_t tlsf_model_alloc(tlsf_model_t *model, uint32_t size)
{
    const uint32_t rounded = (size + GRANULE - 1) & ~(GRANULE - 1);
    const uint32_t wanted = rounded < SMALLEST ? SMALLEST : rounded;
    const uint32_t at = block_sought(model, wanted);
    if (size == 0 || at == model->count) {
        return TLSF_MODEL_NOWHERE;
    }
    model->blocks[at].freed = 0;
    block_split(model, at, wanted);
    return model->blocks[at].offset;
}

bool tlsf_model_free(tlsf_model_t *model, uint32_t offset)
{
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->blocks[i].offset == offset && model->blocks[i].freed == 0) {
            model->blocks[i].freed = ++model->clock;
            block_merge(model, i);
            if (i > 0) {
                block_merge(model, i - 1);
            }
            return true;
        }
    }
    return false;
}

uint32_t tlsf_model_largest(const tlsf_model_t *model)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->blocks[i].freed != 0 && model->blocks[i].size > largest) {
            largest = model->blocks[i].size;
        }
    }
    return largest;
}

uint32_t tlsf_model_allocatable(const tlsf_model_t *model)
{
    const uint32_t largest = tlsf_model_largest(model);
    return largest == 0 ? 0 : class_of(model, largest);
}

uint32_t tlsf_model_room(const tlsf_model_t *model)
{
    uint32_t room = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        room += model->blocks[i].freed != 0 ? model->blocks[i].size : 0;
    }
    return room;
}
