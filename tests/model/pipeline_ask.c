/* pipeline_ask.c: whether a region serves, and if not, why.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

bool pipeline_is_guarded(pipeline_t *pipeline, const pipeline_region_t *region)
{
    const uint8_t guards = pipeline_running(pipeline)->guards;
    if ((guards & BERTH_GUARD_ISR) != 0 &&
        (region->rules.is_slow || !region->rules.engine->is_isr_safe)) {
        return true;
    }
    return (guards & BERTH_GUARD_CACHE_OFF) != 0 &&
           (pipeline_caps(region) & BERTH_CAP_CACHE_OFF) == 0;
}

berth_owner_t pipeline_payer(const pipeline_region_t *region, berth_owner_t owner)
{
    return region->rules.owner != 0 ? region->rules.owner : owner;
}

/* Whether a floor is kept for this owner, by name or by what it needs. */
static bool pipeline_is_user(const berth_floor_t *floor, berth_owner_t payer, berth_caps_t needed)
{
    for (const berth_owner_t *owner = floor->owners; owner != NULL && *owner != 0; owner++) {
        if (*owner == payer) {
            return true;
        }
    }
    return floor->caps != 0 && (floor->caps & ~needed) == 0;
}

uint64_t pipeline_floor(const pipeline_region_t *region, berth_owner_t payer, berth_caps_t needed)
{
    uint64_t sum = 0;
    const berth_floor_t *floor = region->rules.floors;
    for (; floor != NULL && floor->bytes != 0; floor++) {
        sum += pipeline_is_user(floor, payer, needed) ? 0 : floor->bytes;
    }
    return sum;
}

/* Rules 3 to 5b for one size. */
static berth_status_t pipeline_affords(pipeline_region_t *region, size_t size,
                                       const pipeline_hop_t *hop, berth_owner_t payer)
{
    const berth_region_t *twin = &region->twin;
    const uint64_t cost = twin->engine->cost(twin, size, hop->align, payer);
    const berth_budget_t budget = pipeline_budget(region, payer);
    if (cost == 0 || region->used + cost > region->capacity) {
        return BERTH_ERR_NOMEM;
    }
    if (budget.hard != 0 && pipeline_account(region, payer)->live + cost > budget.hard) {
        return BERTH_ERR_BUDGET;
    }
    if (hop->left != 0 && region->used + cost + hop->left > region->capacity) {
        return BERTH_ERR_LEFT;
    }
    const uint64_t kept = pipeline_floor(region, payer, hop->needed);
    if (kept != 0 && region->used + cost + kept > region->capacity) {
        return BERTH_ERR_FLOOR;
    }
    return BERTH_OK;
}

/* Rule 6. */
static berth_status_t pipeline_carve(pipeline_t *pipeline, pipeline_region_t *region,
                                     const pipeline_hop_t *hop, berth_owner_t payer,
                                     uint32_t *block)
{
    berth_region_t *twin = &region->twin;
    const berth_grant_t grant = twin->engine->alloc(twin, hop->size, hop->align, payer);
    if (grant.offset == BERTH_NOWHERE) {
        return BERTH_ERR_NOMEM;
    }
    const berth_block_t found = twin->engine->find(twin, grant.offset);
    *block = pipeline_block_add(pipeline,
                                (pipeline_block_t){.offset = grant.offset,
                                                   .size = found.size,
                                                   .taken = grant.size,
                                                   .region = (uint8_t)(region - pipeline->regions),
                                                   .owner = payer});
    return BERTH_OK;
}

berth_status_t pipeline_ask(pipeline_t *pipeline, pipeline_region_t *region,
                            const pipeline_hop_t *hop, berth_owner_t owner, uint32_t *block)
{
    const berth_owner_t payer = pipeline_payer(region, owner);
    if (pipeline_is_guarded(pipeline, region)) {
        return BERTH_ERR_GUARD;
    }
    if (region->is_busy) {
        return BERTH_ERR_BUSY;
    }
    berth_status_t status = pipeline_affords(region, hop->size, hop, payer);
    if (status == BERTH_OK) {
        status = pipeline_carve(pipeline, region, hop, payer, block);
    }
    return status;
}

/* What is affordable gets no more so with size: halving finds the last that is. */
uint32_t pipeline_grantable(pipeline_t *pipeline, const pipeline_region_t *region,
                            const pipeline_hop_t *hop, berth_owner_t owner)
{
    pipeline_region_t *asked = &pipeline->regions[region - pipeline->regions];
    const berth_owner_t payer = pipeline_payer(region, owner);
    if (pipeline_is_guarded(pipeline, region) || region->is_busy) {
        return 0;
    }
    const berth_region_t *twin = &region->twin;
    uint32_t low = 0;
    uint32_t high = twin->engine->allocatable(twin, hop->align, payer);
    while (low < high) {
        const uint32_t middle = high - (high - low) / 2u;
        if (pipeline_affords(asked, middle, hop, payer) == BERTH_OK) {
            low = middle;
        } else {
            high = middle - 1u;
        }
    }
    return low;
}
