/* pipeline_alloc.c: what a request comes to, hop by hop, and what is told of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

#include <string.h>

static uint32_t pipeline_bytes(size_t size)
{
    return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

/* --- what is told ----------------------------------------------------------------------------- */

void pipeline_granted(pipeline_t *pipeline, pipeline_call_t *call, uint32_t index, uint32_t size,
                      bool is_fallback)
{
    const pipeline_block_t *block = &pipeline->blocks[index];
    pipeline_region_t *region = &pipeline->regions[block->region];
    const uint32_t live = pipeline_account(region, block->owner)->live;
    call->granted = size;
    pipeline_post(pipeline,
                  (berth_event_t){.kind = is_fallback ? BERTH_EVENT_FALLBACK : BERTH_EVENT_ALLOC,
                                  .site = call->request->site,
                                  .region = block->region,
                                  .offset = block->offset,
                                  .size = size,
                                  .taken = block->taken,
                                  .owner = block->owner});
    pipeline_budget_watch(pipeline, index, live - block->taken, call->request->site);
}

void pipeline_refused(pipeline_t *pipeline, pipeline_call_t *call, berth_event_t event)
{
    if (event.status == BERTH_ERR_GUARD) {
        event.kind = BERTH_EVENT_VIOLATION;
    }
    event.site = call->request->site;
    event.size = pipeline_bytes(call->request->size);
    pipeline_post(pipeline, event);
    pipeline_record_keep(pipeline, call, &event);
}

bool pipeline_is_forbidden(pipeline_t *pipeline, const pipeline_call_t *call)
{
    if ((pipeline_running(pipeline)->guards & BERTH_GUARD_NO_ALLOC) == 0) {
        return false;
    }
    if (!pipeline->is_lenient) {
        return true;
    }
    pipeline_post(pipeline, (berth_event_t){.kind = BERTH_EVENT_VIOLATION,
                                            .site = call->request->site,
                                            .region = BERTH_NO_REGION,
                                            .offset = BERTH_NOWHERE,
                                            .size = pipeline_bytes(call->request->size),
                                            .owner = call->owner});
    return false;
}

/* --- hops ------------------------------------------------------------------------------------- */

static void pipeline_call_refused(pipeline_t *pipeline, pipeline_call_t *call, uint8_t region,
                                  berth_status_t status)
{
    if (call->asked == 0 || call->status == BERTH_ERR_GUARD) {
        call->status = status;
    }
    call->asked |= 1u << region;
    pipeline_reason_add(pipeline, call, region, status);
}

berth_status_t pipeline_call_ask(pipeline_t *pipeline, pipeline_call_t *call, uint8_t index,
                                 const pipeline_hop_t *hop, uint32_t *block)
{
    pipeline_region_t *region = &pipeline->regions[index];
    const berth_status_t status = pipeline_ask(pipeline, region, hop, call->owner, block);
    if (status != BERTH_OK) {
        const bool was_entered = status != BERTH_ERR_GUARD && status != BERTH_ERR_BUSY;
        region->refused += was_entered ? 1u : 0u;
        pipeline_call_refused(pipeline, call, index, status);
    }
    return status;
}

/* Asks the regions of a hop again, for less. */
static uint32_t pipeline_serve_less(pipeline_t *pipeline, pipeline_call_t *call,
                                    const pipeline_hop_t *hop, const pipeline_route_t *route)
{
    for (uint32_t i = 0; i < route->count; i++) {
        pipeline_region_t *region = &pipeline->regions[route->regions[i]];
        pipeline_hop_t less = *hop;
        const uint32_t most = pipeline_grantable(pipeline, region, hop, call->owner);
        less.size = most < hop->size ? most : hop->size;
        uint32_t block = PIPELINE_NO_BLOCK;
        if (less.size >= hop->smallest &&
            pipeline_ask(pipeline, region, &less, call->owner, &block) == BERTH_OK) {
            pipeline_granted(pipeline, call, block, (uint32_t)less.size, true);
            return block;
        }
    }
    return PIPELINE_NO_BLOCK;
}

static uint32_t pipeline_serve_hop(pipeline_t *pipeline, pipeline_call_t *call,
                                   const pipeline_hop_t *hop, bool has_smallest)
{
    const pipeline_route_t route = pipeline_route(pipeline, hop);
    for (uint32_t i = 0; i < route.count; i++) {
        uint32_t block = PIPELINE_NO_BLOCK;
        if (pipeline_call_ask(pipeline, call, route.regions[i], hop, &block) == BERTH_OK) {
            pipeline_granted(pipeline, call, block, (uint32_t)hop->size, call->asked != 0);
            return block;
        }
    }
    if (has_smallest && hop->smallest != 0) {
        return pipeline_serve_less(pipeline, call, hop, &route);
    }
    return PIPELINE_NO_BLOCK;
}

uint32_t pipeline_serve(pipeline_t *pipeline, pipeline_call_t *call, bool has_smallest)
{
    call->status = BERTH_ERR_NOCAP;
    for (uint32_t i = 0; i < call->hop_count; i++) {
        const uint32_t block = pipeline_serve_hop(pipeline, call, &call->hops[i], has_smallest);
        if (block != PIPELINE_NO_BLOCK) {
            return block;
        }
    }
    return PIPELINE_NO_BLOCK;
}

/* --- alloc ------------------------------------------------------------------------------------ */

static berth_owner_t pipeline_asker(pipeline_t *pipeline, const berth_request_t *request)
{
    if (request->owner != 0) {
        return request->owner;
    }
    const berth_owner_t scope = pipeline_running(pipeline)->owner;
    return scope != 0 ? scope : BERTH_OTHERS;
}

static bool pipeline_call_is_valid(const pipeline_t *pipeline, const pipeline_call_t *call)
{
    return pipeline_hops_are_valid(call, true) && pipeline_has_account(pipeline, call->owner) &&
           !pipeline->is_retired[call->owner];
}

pipeline_outcome_t pipeline_alloc(pipeline_t *pipeline, const berth_request_t *request)
{
    pipeline_call_t call = {.owner = pipeline_asker(pipeline, request)};
    pipeline_outcome_t outcome = {.status = BERTH_ERR_INVALID, .block = PIPELINE_NO_BLOCK};
    pipeline_hops_read(&call, request);
    if (pipeline_call_is_valid(pipeline, &call)) {
        outcome.status = BERTH_ERR_GUARD;
        if (!pipeline_is_forbidden(pipeline, &call)) {
            outcome.block = pipeline_claim_alike(pipeline, &call);
            call.granted = pipeline_bytes(request->size);
            if (outcome.block == PIPELINE_NO_BLOCK) {
                outcome.block = pipeline_serve(pipeline, &call, true);
            }
            outcome.status = outcome.block != PIPELINE_NO_BLOCK ? BERTH_OK : call.status;
        }
    }
    if (outcome.status != BERTH_OK) {
        pipeline_refused(pipeline, &call,
                         (berth_event_t){.kind = BERTH_EVENT_ALLOC,
                                         .status = (int8_t)outcome.status,
                                         .region = BERTH_NO_REGION,
                                         .offset = BERTH_NOWHERE,
                                         .owner = call.owner});
        return outcome;
    }
    outcome.zero_to = request->is_zeroed ? call.granted : 0;
    memset(pipeline_twin_bytes(pipeline, outcome.block), 0, outcome.zero_to);
    return outcome;
}

uint32_t pipeline_allocatable(pipeline_t *pipeline, const berth_request_t *request)
{
    pipeline_call_t call = {.owner = pipeline_asker(pipeline, request)};
    berth_request_t sized = *request;
    sized.size = 1;
    pipeline_hops_read(&call, &sized);
    const uint8_t guards = pipeline_running(pipeline)->guards;
    const bool is_refused = !pipeline_hops_are_valid(&call, false) ||
                            !pipeline_has_account(pipeline, call.owner) ||
                            pipeline->is_retired[call.owner] ||
                            ((guards & BERTH_GUARD_NO_ALLOC) != 0 && !pipeline->is_lenient);
    uint32_t largest = 0;
    for (uint32_t i = 0; i < call.hop_count && !is_refused; i++) {
        const pipeline_route_t route = pipeline_route(pipeline, &call.hops[i]);
        for (uint32_t j = 0; j < route.count; j++) {
            const uint32_t most = pipeline_grantable(pipeline, &pipeline->regions[route.regions[j]],
                                                     &call.hops[i], call.owner);
            largest = most > largest ? most : largest;
        }
    }
    return largest;
}
