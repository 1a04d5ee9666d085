/* shape.h: the regions that the tests try, and memory to lay them in.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_SHAPE_H
#define TESTS_MODEL_SHAPE_H

#include "berth/fit.h"

#ifndef SHAPE_FAST_BYTES
#define SHAPE_FAST_BYTES (512u * 1024u) /* regions up to this size lie in the first RAM */
#endif
#ifndef SHAPE_SLOW_BYTES
#define SHAPE_SLOW_BYTES (8u * 1024u * 1024u) /* larger ones in the second, up to this size */
#endif
#ifndef SHAPE_BESIDE_BYTES
#define SHAPE_BESIDE_BYTES (5u * 1024u * 1024u)
#endif

typedef enum shape_book {
    SHAPE_BOOK_INSIDE,
    SHAPE_BOOK_BESIDE,
    SHAPE_BOOK_UNSEEN /* beside, and the program may not touch the region: base is NULL */
} shape_book_t;

typedef struct shape {
    const char *name;
    uint32_t address; /* as the board names it */
    uint32_t size;    /* bytes */
    uint32_t granule; /* bytes; 0: the engine's default */
    uint32_t align;   /* bytes promised; 0: the granule */
    shape_book_t book;
} shape_t;

uint32_t shape_count(void);

const shape_t *shape_at(uint32_t index);

/* A shape that a seed decides: a listed one three times in four, else one made up. */
shape_t shape_from(uint32_t seed);

/* Lays a region of this shape in static memory, all zero, not started. There is one at a time. */
berth_region_t shape_lay(const shape_t *shape, const berth_engine_t *engine);

#endif /* TESTS_MODEL_SHAPE_H */
