/* route.c: which regions are asked, in which order; the hops of a request.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "route.h"

berth_request_t hop_next(const berth_request_t *hop)
{
    berth_request_t next = *hop->otherwise;
    next.size = next.size != 0 ? next.size : hop->size;
    next.align = greater(next.align, hop->align);
    next.left = next.left != 0 ? next.left : hop->left;
    next.needed |= hop_needed(hop) & BERTH_CAPS_ABLE;
    return next;
}

route_t route_of(berth_t *berth, const berth_request_t *hop)
{
    const berth_caps_t wanted = hop_needed(hop) | hop->preferred;
    const bool is_plain = (wanted & ~ANY_ACCESS) == 0;
    return (route_t){.next = LIST_READ(berth->first),
                     .wanted = caps_meant(wanted),
                     .is_last = !is_plain && hop->preferred == 0,
                     .is_plain = is_plain};
}

static bool route_asks(const route_t *route, const berth_region_t *region, size_t size)
{
    return has_all(region->able, route->wanted) &&
           (region->caps[route->priority] & route->wanted & ~ANY_ACCESS) != 0 &&
           (route->asked >> region->index & 1u) == 0 &&
           (route->is_last || !route->is_plain || region_suits(region, size));
}

/* Goes on to the next word of caps, then to the second pass. False at the end. */
static bool route_turn(route_t *route, berth_t *berth, const berth_request_t *hop)
{
    route->next = LIST_READ(berth->first);
    if (++route->priority < BERTH_CAPS_PRIORITIES) {
        return true;
    }
    if (route->is_last) {
        return false;
    }
    route->priority = 0;
    route->is_last = true;
    route->wanted = caps_meant(hop_needed(hop));
    return true;
}

berth_region_t *route_next(route_t *route, berth_t *berth, const berth_request_t *hop)
{
    do {
        while (route->next != NULL) {
            berth_region_t *region = route->next;
            route->next = LIST_READ(region->next);
            if (route_asks(route, region, hop->size)) {
                route->asked |= 1u << region->index;
                return region;
            }
        }
    } while (route_turn(route, berth, hop));
    return NULL;
}

berth_region_t *berth_region_at(const berth_t *berth, uint8_t index)
{
    berth_region_t *region = LIST_READ(berth->first);
    while (region != NULL && region->index != index) {
        region = LIST_READ(region->next);
    }
    return region;
}

/* --- hops ------------------------------------------------------------------------------------ */

/* Whether a hop makes sense; `align` is as it says itself. */
static bool hop_is_valid(const berth_request_t *hop, uint32_t align, bool is_whole)
{
    return has_all(CAPS_KNOWN, hop->needed | hop->preferred) && hop->size != 0 &&
           (is_whole || hop->smallest <= hop->size) && is_power_of_two_or_0(align);
}

bool hop_all_valid(const berth_request_t *request, bool is_whole)
{
    berth_request_t merged;
    const berth_request_t *hop = request;
    uint32_t align = request->align;
    for (uint32_t hops = 0; hop_is_valid(hop, align, is_whole); hops++) {
        if (hop->otherwise == NULL || hops == BERTH_HOPS) {
            return true;
        }
        align = hop->otherwise->align;
        merged = hop_next(hop);
        hop = &merged;
    }
    return false;
}

/* Whether a region is on a hop's route, thresholds apart. */
static bool hop_allows(const berth_request_t *hop, const berth_region_t *region)
{
    const berth_caps_t needed = hop_needed(hop);
    return has_all(region->able, caps_meant(needed)) ||
           has_all(region->able, caps_meant(needed | hop->preferred));
}

uint32_t hop_left_in(const berth_request_t *request, const berth_region_t *region)
{
    berth_request_t hop = *request;
    for (uint32_t hops = 0; !hop_allows(&hop, region); hops++) {
        if (hop.otherwise == NULL || hops == BERTH_HOPS) {
            return HOP_NONE;
        }
        hop = hop_next(&hop);
    }
    return hop_left(&hop);
}
