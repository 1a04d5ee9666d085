/* spot.c: which region a pointer leads into.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "core.h"

/* Asks the regions whose blocks lie anywhere. */
static spot_t spot_anywhere(const berth_t *berth, const void *pointer)
{
    spot_t spot = {.region = NULL, .status = BERTH_ERR_INVALID};
    berth_region_t *region = LIST_READ(berth->first);
    while (region != NULL && spot.region == NULL) {
        if (region->window.size == 0) { /* or its engine's table might not even be reachable now */
            const berth_place_t place = region->engine->whose(region, pointer);
            if (place.status == BERTH_OK) {
                spot = (spot_t){.region = region, .offset = place.offset, .room = UINT32_MAX};
            } else if (place.status == BERTH_ERR_UNKNOWN) {
                spot.status = BERTH_ERR_UNKNOWN;
            }
        }
        region = LIST_READ(region->next);
    }
    return spot;
}

spot_t spot_of(const berth_t *berth, const void *pointer)
{
    for (const berth_window_t *window = LIST_READ(berth->windows); window != NULL;
         window = LIST_READ(window->next)) {
        const uintptr_t offset = (uintptr_t)pointer - window->base;
        if (offset < window->size) {
            return (spot_t){.region = window->region,
                            .offset = (uint32_t)offset,
                            .room = window->size - (uint32_t)offset};
        }
    }
    return spot_anywhere(berth, pointer);
}

berth_block_t spot_look(berth_t *berth, spot_t spot)
{
    const uintptr_t key = lock_take(berth->port, &spot.region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return (berth_block_t){.status = BERTH_ERR_BUSY};
    }
    const berth_block_t block = spot.region->engine->find(spot.region, spot.offset);
    lock_leave(berth->port, &spot.region->lock, key);
    return block;
}

void *block_pointer(const berth_region_t *region, uint32_t offset)
{
    return region->engine->pointer == NULL ? (uint8_t *)region->base + offset
                                           : region->engine->pointer(region, offset);
}

bool berth_can(const berth_t *berth, const void *pointer, size_t size, berth_caps_t caps)
{
    const spot_t spot = spot_of(berth, pointer);
    return spot.region != NULL && has_all(spot.region->able, caps) && size <= spot.room;
}
