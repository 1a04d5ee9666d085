/* pipeline_copy.c: a copy of a model, the memory of its twins included.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_model.h"

#include "pipeline_boards.h"

#include <string.h>

#ifdef TEST_HAS_PSRAM
#define IN_SLOW_RAM __attribute__((section(".psram")))
#else
#define IN_SLOW_RAM
#endif

static pipeline_t copy_model IN_SLOW_RAM;
static uint8_t copy_bytes[PIPELINE_BOARD_MEMORY + PIPELINE_BOARD_BESIDE] IN_SLOW_RAM;

/* A region that was added at run time lies in another one's block. */
static bool copy_is_within(const pipeline_t *pipeline, uint32_t index)
{
    const uint8_t *base = pipeline->regions[index].twin.base;
    for (uint32_t i = 0; i < index; i++) {
        const berth_region_t *outer = &pipeline->regions[i].twin;
        if ((uintptr_t)base - (uintptr_t)outer->base < outer->size) {
            return true;
        }
    }
    return false;
}

/* Copies one stretch there or back, and tells where the next begins. */
static uint32_t copy_stretch(void *bytes, uint32_t size, uint32_t at, bool is_back)
{
    if (size != 0) {
        memcpy(is_back ? bytes : &copy_bytes[at], is_back ? &copy_bytes[at] : bytes, size);
    }
    return at + size;
}

static void copy_memory(const pipeline_t *pipeline, bool is_back)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < pipeline->region_count; i++) {
        const berth_region_t *twin = &pipeline->regions[i].twin;
        at = copy_stretch(twin->beside, twin->beside_size, at, is_back);
        if (!copy_is_within(pipeline, i)) {
            at = copy_stretch(twin->base, twin->size, at, is_back);
        }
    }
}

void pipeline_keep(const pipeline_t *pipeline)
{
    copy_model = *pipeline;
    copy_memory(pipeline, false);
}

void pipeline_restore(pipeline_t *pipeline)
{
    *pipeline = copy_model;
    copy_memory(pipeline, true);
}
