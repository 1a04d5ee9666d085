/* fit_peer.c: the fit engine as one more peer, so that it is measured like the others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fit_peer.h"

#include "berth/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIT_OWNER 1u

/* What a board's table would hold: the region's description is not part of the arena. */
typedef struct fit_heap {
    berth_region_t region;
    bool owns_arena;
} fit_heap_t;

static uint32_t round_up(uint32_t value, uint32_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static uint32_t beside_total(berth_region_t region, uint32_t size)
{
    region.size = size;
    return round_up(size, 8) + region.engine->beside_size(&region);
}

/* Parts an arena so that the region is the largest whose bookkeeping still finds room after it. */
static void region_part(berth_region_t *region, uint32_t arena_size)
{
    uint32_t low = 0;
    uint32_t high = arena_size / region->granule;
    while (low < high) { /* at most 32 times */
        const uint32_t middle = low + (high - low + 1) / 2;
        if (beside_total(*region, middle * region->granule) <= arena_size) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    region->size = low * region->granule;
    region->beside_size = region->engine->beside_size(region);
    region->beside = (uint8_t *)region->base + round_up(region->size, 8);
}

static void *peer_start(void *config, void *arena, size_t size)
{
    const fit_form_t *form = config;
    fit_heap_t *heap = malloc(sizeof *heap);
    void *base = arena != NULL ? arena : aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    if (heap == NULL || base == NULL || size > UINT32_MAX) {
        fprintf(stderr, "bench: no memory for an arena of %zu bytes\n", size);
        exit(2);
    }
    heap->owns_arena = arena == NULL;
    heap->region = (berth_region_t){.name = form->name,
                                    .engine = &berth_fit_engine,
                                    .base = base,
                                    .address = (uint32_t)(uintptr_t)base,
                                    .size = (uint32_t)size,
                                    .granule = form->granule,
                                    .align = form->granule};
    if (form->beside) {
        region_part(&heap->region, (uint32_t)size);
    }
    if (heap->region.engine->start(&heap->region) != BERTH_OK) {
        free(heap->owns_arena ? base : NULL);
        free(heap);
        return NULL;
    }
    return heap;
}

static void *peer_alloc(void *heap, size_t size, size_t align)
{
    berth_region_t *region = &((fit_heap_t *)heap)->region;
    const berth_grant_t grant = berth_fit_engine.alloc(region, size, (uint32_t)align, FIT_OWNER);
    return grant.offset == BERTH_NOWHERE ? NULL : (uint8_t *)region->base + grant.offset;
}

/* A refusal here would make each figure after it meaningless. */
static void peer_free(void *heap, void *block)
{
    berth_region_t *region = &((fit_heap_t *)heap)->region;
    const uint32_t offset = (uint32_t)((uint8_t *)block - (uint8_t *)region->base);
    if (berth_fit_engine.free(region, offset).status != BERTH_OK) {
        fprintf(stderr, "bench: %s refused to free a live block at offset %u: mend the engine\n",
                region->name, offset);
        exit(2);
    }
}

static void *peer_resize(void *heap, void *block, size_t old_size, size_t size)
{
    berth_region_t *region = &((fit_heap_t *)heap)->region;
    const uint32_t offset = (uint32_t)((uint8_t *)block - (uint8_t *)region->base);
    if (berth_fit_engine.resize(region, offset, size).status == BERTH_OK) {
        return block;
    }
    void *moved = peer_alloc(heap, size, 0);
    if (moved != NULL) {
        memcpy(moved, block, old_size < size ? old_size : size);
        peer_free(heap, block);
    }
    return moved;
}

static void peer_stop(void *heap)
{
    fit_heap_t *fit = heap;
    free(fit->owns_arena ? fit->region.base : NULL);
    free(fit);
}

fit_form_t fit_form(uint32_t granule, bool beside)
{
    fit_form_t form = {.granule = granule, .beside = beside};
    snprintf(form.name, sizeof form.name, "%s %u", beside ? "beside" : "fit", granule);
    return form;
}

bench_peer_t fit_peer(fit_form_t *form)
{
    return (bench_peer_t){.version = BENCH_PEER_VERSION,
                          .name = form->name,
                          .align = form->granule,
                          .takes_arena = true,
                          .config = form,
                          .start = peer_start,
                          .alloc = peer_alloc,
                          .free = peer_free,
                          .resize = peer_resize,
                          .stop = peer_stop};
}
