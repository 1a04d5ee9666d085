/* spot.c: which region a pointer leads into.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "core.h"

/* Asks a region whose blocks lie anywhere, if this context may enter it. */
static berth_place_t region_whose(berth_t *berth, berth_region_t *region, const void *pointer)
{
    berth_place_t place = {.status = BERTH_ERR_UNKNOWN};
    if (context_bars(context_of(berth)->guards, region) != BERTH_OK) {
        return place;
    }
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key != BERTH_LOCK_REFUSED) {
        place = region->engine->whose(region, pointer);
        lock_leave(berth->port, &region->lock, key);
    }
    return place;
}

static spot_t spot_anywhere(berth_t *berth, const void *pointer)
{
    spot_t spot = {.status = BERTH_ERR_INVALID};
    berth_region_t *region = LIST_READ(berth->first);
    while (region != NULL && spot.region == NULL) {
        if (region->window.size == 0) { /* or its engine's table might not even be reachable now */
            const berth_place_t place = region_whose(berth, region, pointer);
            if (place.status == BERTH_OK) {
                spot = (spot_t){.region = region, .offset = place.offset, .pointer = pointer};
            } else if (place.status == BERTH_ERR_UNKNOWN) {
                spot.status = BERTH_ERR_UNKNOWN;
            }
        }
        region = LIST_READ(region->next);
    }
    return spot;
}

/* The innermost window that holds a pointer; NULL if none does. */
static const berth_window_t *window_of(const berth_t *berth, const void *pointer)
{
    const berth_window_t *window = LIST_READ(berth->windows);
    while (window != NULL && (uintptr_t)pointer - window->base >= window->size) {
        window = LIST_READ(window->next);
    }
    return window;
}

spot_t spot_of(berth_t *berth, const void *pointer)
{
    const berth_window_t *window = window_of(berth, pointer);
    if (window == NULL) {
        return spot_anywhere(berth, pointer);
    }
    const uint32_t offset = (uint32_t)((uintptr_t)pointer - window->base);
    return (spot_t){.region = window->region, .offset = offset};
}

bool spot_holds(const spot_t *spot)
{
    return spot->pointer == NULL || block_pointer(spot->region, spot->offset) == spot->pointer;
}

COLD hold_t spot_hold_any(berth_t *berth, const spot_t *spot)
{
    return (spot->region->held & held_bit(spot->offset)) != 0
               ? LIST_READ(berth->holder)->look(berth, spot)
               : HOLD_NONE;
}

berth_block_t spot_look(berth_t *berth, const spot_t *spot)
{
    const uintptr_t key = lock_take(berth->port, &spot->region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return (berth_block_t){.status = BERTH_ERR_BUSY};
    }
    const bool is_fenced = region_is_fenced(spot->region);
    berth_block_t block = {.status = is_fenced ? BERTH_ERR_CORRUPT : BERTH_ERR_INVALID};
    if (!is_fenced && spot_holds(spot)) {
        block = spot->region->engine->find(spot->region, spot->offset);
    }
    lock_leave(berth->port, &spot->region->lock, key);
    return block;
}

void *block_pointer(const berth_region_t *region, uint32_t offset)
{
    return region->engine->pointer == NULL ? (uint8_t *)region->base + offset
                                           : region->engine->pointer(region, offset);
}

bool berth_can(berth_t *berth, const void *pointer, size_t size, berth_caps_t caps)
{
    const berth_window_t *window = window_of(berth, pointer);
    const berth_region_t *region =
        window != NULL ? window->region : spot_anywhere(berth, pointer).region;
    return region != NULL && has_all(region->able & CAPS_KNOWN, caps) &&
           (window == NULL || size <= window->size - ((uintptr_t)pointer - window->base));
}
