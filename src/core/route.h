/* route.h: which regions a request is taken to, in which order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A hop is a request: the first as the caller wrote it, each later one read together with the one
 * before it. Each has its route. docs/pipeline.md has the rule in words.
 */
#ifndef BERTH_ROUTE_H
#define BERTH_ROUTE_H

#include "core.h"

#define ANY_ACCESS (BERTH_CAP_BYTES | BERTH_CAP_WORDS) /* names no memory in particular */

/* Where a hop's route is. */
typedef struct route {
    berth_region_t *next; /* to look at */
    berth_caps_t wanted;
    uint32_t asked;   /* a bit for each region */
    uint8_t priority; /* which word of caps */
    bool is_last;     /* of the two passes */
    bool is_plain;    /* the first pass is for regions that are suited to the size */
} route_t;

static inline berth_caps_t caps_meant(berth_caps_t caps)
{
    return (caps & ~ANY_ACCESS) == 0 ? caps | BERTH_CAP_DEFAULT : caps;
}

/* What a hop needs: bytes, unless words are enough. */
static inline berth_caps_t hop_needed(const berth_request_t *hop)
{
    return (hop->needed & BERTH_CAP_WORDS) != 0 ? hop->needed : hop->needed | BERTH_CAP_BYTES;
}

static inline uint32_t hop_left(const berth_request_t *hop)
{
    return hop->left != BERTH_LEFT_NOTHING ? hop->left : 0;
}

/* The hop after one, read together with it. There is one. */
berth_request_t hop_next(const berth_request_t *hop);

/* Whether all hops make sense; of one that must be served whole, `smallest` does not count. */
bool hop_all_valid(const berth_request_t *request, bool is_whole);

#define HOP_NONE UINT32_MAX /* no hop may be served there */

/* What must be left in a region, by the first hop that it may serve by its caps; or HOP_NONE. */
uint32_t hop_left_in(const berth_request_t *request, const berth_region_t *region);

route_t route_of(berth_t *berth, const berth_request_t *hop);

/* The next region to ask; NULL at the end. Bounded by 6 looks at each region. */
berth_region_t *route_next(route_t *route, berth_t *berth, const berth_request_t *hop);

/* Whether a request that names no caps had better come here: its size is as the region wishes. */
static inline bool region_suits(const berth_region_t *region, size_t size)
{
    return size > region->over && (region->upto == 0 || size <= region->upto);
}

#endif /* BERTH_ROUTE_H */
