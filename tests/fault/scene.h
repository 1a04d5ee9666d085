/* scene.h: a well-used region between two pages that may not be touched.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAULT_SCENE_H
#define TESTS_FAULT_SCENE_H

#include "random.h"
#include "shape.h"

#define SCENE_BLOCKS 65536u

typedef struct scene {
    const berth_engine_t *engine;
    berth_region_t region;
    random_source_t random;
    uint8_t *memory; /* what holds the bookkeeping: the region, or what is beside it */
    uint32_t size;   /* bytes of it */
    uint8_t *saved;  /* a copy of it */
    uint32_t count;
    berth_block_t blocks[SCENE_BLOCKS]; /* in address order, live and free */
} scene_t;

/* Fills a new region with blocks of all sizes up to `size_max` and frees some, until it is about
 * 80 % full, without neighbours' regularity. False: it could not be made. */
bool scene_set(scene_t *scene, const shape_t *shape, const berth_engine_t *engine,
               uint32_t size_max, uint32_t seed);

/* Returns the mappings. */
void scene_strike(scene_t *scene);

/* Keeps the bytes as they are now, and puts them back. */
void scene_save(scene_t *scene);
void scene_restore(scene_t *scene);

/* Whether the bytes are as saved. */
bool scene_is_as_saved(const scene_t *scene);

/* Runs a deed; false if it touched memory outside its own. */
bool scene_survives(void (*deed)(scene_t *scene), scene_t *scene);

#endif /* TESTS_FAULT_SCENE_H */
