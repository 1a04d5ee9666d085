/* pipeline_model.c: the model's regions, owners, contexts, and whose a pointer is.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

#include <string.h>

static uint32_t pipeline_power_within(uint32_t number)
{
    uint32_t power = number != 0 ? 1u : 0u;
    while (power != 0 && 2u * power <= number) {
        power *= 2u;
    }
    return power;
}

/* The largest power of two that three quarters of the room have for each region; and the largest
 * within the rest for alarms. */
static void pipeline_rooms(pipeline_t *pipeline, const berth_config_t *config)
{
    const uint32_t share = (config->event_count - config->event_count / 4u) / config->region_count;
    const uint32_t room = pipeline_power_within(share);
    for (uint32_t i = 0; i < config->region_count; i++) {
        pipeline->ordinary[i].room = room;
    }
    pipeline->alarms.room =
        pipeline_power_within(config->event_count - config->region_count * room);
}

void pipeline_start(pipeline_t *pipeline, const berth_config_t *config)
{
    memset(pipeline, 0, sizeof *pipeline);
    pipeline->owner_count = config->owner_count;
    pipeline->is_lenient = config->is_lenient;
    pipeline->event_skip = config->event_skip;
    pipeline->record_room = config->failure_count != 0 ? config->failure_count : 1u;
    pipeline_rooms(pipeline, config);
    for (const berth_owner_t *owner = config->scrubbed; owner != NULL && *owner != 0; owner++) {
        pipeline->is_scrubbed[*owner] = true;
    }
}

static uint32_t pipeline_capacity(const berth_region_t *twin)
{
    uint32_t capacity = 0;
    uint32_t cursor = BERTH_WALK_START;
    while (cursor != BERTH_NOWHERE) {
        const berth_block_t block = twin->engine->walk(twin, cursor);
        capacity += block.taken;
        cursor = block.next;
    }
    return capacity;
}

pipeline_region_t *pipeline_add(pipeline_t *pipeline, const berth_region_t *rules,
                                const berth_region_t *twin)
{
    const uint8_t index = pipeline->region_count;
    pipeline_region_t *region = &pipeline->regions[index];
    *region = (pipeline_region_t){.twin = *twin, .rules = *rules};
    region->windows[0] = (pipeline_window_t){(uintptr_t)rules->base, rules->size};
    if (rules->alias_count != 0) {
        region->windows[1] = (pipeline_window_t){rules->aliases->base, rules->aliases->size};
    }
    if (twin->engine->start(&region->twin) != BERTH_OK) {
        return NULL;
    }
    region->capacity = pipeline_capacity(&region->twin);
    if (rules->engine->mark != NULL && rules->owner == 0) {
        region->rules.owner = BERTH_OTHERS;
    }
    pipeline->region_count++;
    return region;
}

void pipeline_announce(pipeline_t *pipeline, uint8_t index)
{
    const pipeline_region_t *region = &pipeline->regions[index];
    pipeline_post(pipeline, (berth_event_t){.kind = BERTH_EVENT_REGION,
                                            .region = index,
                                            .size = region->rules.size,
                                            .taken = region->capacity,
                                            .owner = region->rules.owner});
}

bool pipeline_has_account(const pipeline_t *pipeline, berth_owner_t owner)
{
    return owner == BERTH_OTHERS || (owner != 0 && owner < pipeline->owner_count);
}

berth_account_t *pipeline_account(pipeline_region_t *region, berth_owner_t owner)
{
    return &region->accounts[owner == BERTH_OTHERS ? 0 : owner];
}

berth_budget_t pipeline_budget(const pipeline_region_t *region, berth_owner_t owner)
{
    if (region->rules.budgets == NULL) {
        return (berth_budget_t){0};
    }
    return region->rules.budgets[owner == BERTH_OTHERS ? 0 : owner];
}

pipeline_person_t *pipeline_running(pipeline_t *pipeline)
{
    return &pipeline->contexts[pipeline->running];
}

/* --- pointers --------------------------------------------------------------------------------- */

/* Of all windows that hold the pointer, the smallest: regions within regions are smaller. */
pipeline_spot_t pipeline_whose(const pipeline_t *pipeline, const void *pointer)
{
    pipeline_spot_t spot = {.region = BERTH_NO_REGION, .offset = BERTH_NOWHERE};
    uint32_t smallest = UINT32_MAX;
    for (uint32_t i = 0; i < 2u * pipeline->region_count; i++) {
        const pipeline_window_t *window = &pipeline->regions[i / 2u].windows[i % 2u];
        const uintptr_t offset = (uintptr_t)pointer - window->base;
        if (window->base != 0 && offset < window->size && window->size < smallest) {
            smallest = window->size;
            spot = (pipeline_spot_t){.region = (uint8_t)(i / 2u), .offset = (uint32_t)offset};
        }
    }
    return spot;
}

uint32_t pipeline_block_at(const pipeline_t *pipeline, pipeline_spot_t spot)
{
    for (uint32_t i = 0; i < pipeline->block_count; i++) {
        const pipeline_block_t *block = &pipeline->blocks[i];
        if (block->region == spot.region && block->offset == spot.offset) {
            return i;
        }
    }
    return PIPELINE_NO_BLOCK;
}

bool pipeline_is_certain(const pipeline_t *pipeline, const void *pointer)
{
    const pipeline_spot_t spot = pipeline_whose(pipeline, pointer);
    if (spot.region == BERTH_NO_REGION) {
        return true;
    }
    const berth_region_t *twin = &pipeline->regions[spot.region].twin;
    const bool is_found = twin->engine->find(twin, spot.offset).status != BERTH_ERR_INVALID;
    return is_found == (pipeline_block_at(pipeline, spot) != PIPELINE_NO_BLOCK);
}

uint8_t *pipeline_twin_bytes(const pipeline_t *pipeline, uint32_t index)
{
    const pipeline_block_t *block = &pipeline->blocks[index];
    return (uint8_t *)pipeline->regions[block->region].twin.base + block->offset;
}

uint8_t *pipeline_real_bytes(const pipeline_t *pipeline, uint32_t index)
{
    const pipeline_block_t *block = &pipeline->blocks[index];
    return (uint8_t *)pipeline->regions[block->region].rules.base + block->offset;
}

/* --- questions -------------------------------------------------------------------------------- */

/* An ISR is refused the lock of a region that it may not enter. */
static bool pipeline_is_locked(pipeline_t *pipeline, const pipeline_region_t *region)
{
    const bool in_isr = (pipeline_running(pipeline)->guards & BERTH_GUARD_ISR) != 0;
    return region->is_busy ||
           (in_isr && (region->rules.is_slow || !region->rules.engine->is_isr_safe));
}

berth_about_t pipeline_about(pipeline_t *pipeline, const void *pointer)
{
    const pipeline_spot_t spot = pipeline_whose(pipeline, pointer);
    if (spot.region == BERTH_NO_REGION) {
        return (berth_about_t){.offset = BERTH_NOWHERE, .status = BERTH_ERR_INVALID};
    }
    berth_about_t about = {.offset = spot.offset, .status = BERTH_ERR_INVALID};
    const uint32_t index = pipeline_block_at(pipeline, spot);
    if (pipeline_is_locked(pipeline, &pipeline->regions[spot.region])) {
        about.status = BERTH_ERR_BUSY;
    } else if (index != PIPELINE_NO_BLOCK) {
        const pipeline_block_t *block = &pipeline->blocks[index];
        about.size = block->size;
        about.taken = block->taken;
        about.owner = block->owner;
        about.status = BERTH_OK;
    }
    return about;
}

bool pipeline_can(const pipeline_t *pipeline, const void *pointer, size_t size, berth_caps_t caps)
{
    const pipeline_spot_t spot = pipeline_whose(pipeline, pointer);
    if (spot.region == BERTH_NO_REGION) {
        return false;
    }
    const pipeline_region_t *region = &pipeline->regions[spot.region];
    uint32_t window = region->windows[0].size;
    if ((uintptr_t)pointer - region->windows[0].base != spot.offset) {
        window = region->windows[1].size;
    }
    return size <= window - spot.offset && (caps & ~pipeline_caps(region)) == 0;
}
