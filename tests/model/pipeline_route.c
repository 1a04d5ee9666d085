/* pipeline_route.c: which regions a request asks, in which order.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

#define EITHER (BERTH_CAP_BYTES | BERTH_CAP_WORDS)

/* --- hops ------------------------------------------------------------------------------------- */

static pipeline_hop_t pipeline_hop_first(const berth_request_t *request)
{
    const bool is_wordy = (request->needed & BERTH_CAP_WORDS) != 0;
    return (pipeline_hop_t){
        .size = request->size,
        .smallest = request->smallest,
        .align = request->align,
        .left = request->left == BERTH_LEFT_NOTHING ? 0 : request->left,
        .needed = request->needed | (is_wordy ? 0 : BERTH_CAP_BYTES),
        .preferred = request->preferred,
    };
}

static pipeline_hop_t pipeline_hop_after(const berth_request_t *own, const pipeline_hop_t *before)
{
    pipeline_hop_t hop = {
        .size = own->size != 0 ? own->size : before->size,
        .smallest = own->smallest,
        .align = own->align > before->align ? own->align : before->align,
        .left = own->left != 0 ? own->left : before->left,
        .needed = own->needed | (before->needed & BERTH_CAPS_ABLE),
        .preferred = own->preferred,
    };
    if (hop.left == BERTH_LEFT_NOTHING) {
        hop.left = 0;
    }
    return hop;
}

void pipeline_hops_read(pipeline_call_t *call, const berth_request_t *request)
{
    call->request = request;
    call->hops[0] = pipeline_hop_first(request);
    call->hop_count = 1;
    const berth_request_t *own = request->otherwise;
    while (own != NULL && call->hop_count < PIPELINE_READ) {
        call->hops[call->hop_count] = pipeline_hop_after(own, &call->hops[call->hop_count - 1u]);
        call->hop_count++;
        own = own->otherwise;
    }
}

bool pipeline_hops_are_valid(const pipeline_call_t *call, bool has_smallest)
{
    if (call->request->size == 0) {
        return false;
    }
    const berth_request_t *own = call->request;
    for (uint32_t i = 0; i < call->hop_count; i++, own = own->otherwise) {
        if ((own->align & (own->align - 1u)) != 0) {
            return false;
        }
        if (has_smallest && call->hops[i].smallest > call->hops[i].size) {
            return false;
        }
    }
    return true;
}

/* --- the route -------------------------------------------------------------------------------- */

berth_caps_t pipeline_wanted(berth_caps_t caps)
{
    return (caps & ~EITHER) == 0 ? caps | BERTH_CAP_DEFAULT : caps;
}

berth_caps_t pipeline_caps(const pipeline_region_t *region)
{
    berth_caps_t caps = BERTH_CAP_WORDS;
    for (uint32_t word = 0; word < BERTH_CAPS_PRIORITIES; word++) {
        caps |= region->rules.caps[word];
    }
    return caps;
}

static bool pipeline_is_suited(const pipeline_region_t *region, size_t size)
{
    const uint32_t upto = region->rules.upto;
    return region->rules.over < size && (upto == 0 || size <= upto);
}

static bool pipeline_route_has(const pipeline_route_t *route, uint32_t region)
{
    for (uint32_t i = 0; i < route->count; i++) {
        if (route->regions[i] == region) {
            return true;
        }
    }
    return false;
}

/* A pass: `size` 0 asks regions whether or not they are suited. */
static void pipeline_route_pass(const pipeline_t *pipeline, pipeline_route_t *route,
                                berth_caps_t wanted, size_t size)
{
    for (uint32_t word = 0; word < BERTH_CAPS_PRIORITIES; word++) {
        for (uint32_t i = 0; i < pipeline->region_count; i++) {
            const pipeline_region_t *region = &pipeline->regions[i];
            const bool holds_all = (wanted & ~pipeline_caps(region)) == 0;
            const bool shares = (region->rules.caps[word] & wanted & ~EITHER) != 0;
            const bool is_suited = size == 0 || pipeline_is_suited(region, size);
            if (holds_all && shares && is_suited && !pipeline_route_has(route, i)) {
                route->regions[route->count++] = (uint8_t)i;
            }
        }
    }
}

pipeline_route_t pipeline_route(const pipeline_t *pipeline, const pipeline_hop_t *hop)
{
    pipeline_route_t route = {0};
    const bool is_plain = ((hop->needed | hop->preferred) & ~EITHER) == 0;
    const berth_caps_t all = pipeline_wanted(hop->needed | hop->preferred);
    pipeline_route_pass(pipeline, &route, all, is_plain ? hop->size : 0);
    pipeline_route_pass(pipeline, &route, pipeline_wanted(hop->needed), 0);
    return route;
}
