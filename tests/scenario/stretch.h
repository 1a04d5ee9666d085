/* stretch.h: regions laid out as a scenario says: here a block of somebody's, there a hole.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The regions are the scene's (tests/unit/scene_core.h), as is the manager.
 */
#ifndef TESTS_SCENARIO_STRETCH_H
#define TESTS_SCENARIO_STRETCH_H

#include "scene_core.h"

#include "berth/need.h"

#define STRETCHES 64u
#define STRETCH_HEADER 4u /* bytes that a block takes more than its size, at granule 4 */

/* A stretch of a region. */
typedef struct stretch {
    uint32_t size;       /* bytes usable: of a hole, the largest block that it can hold */
    berth_owner_t owner; /* BERTH_NO_OWNER: it is a hole */
} stretch_t;

/* Lays stretches into an empty region of `fit`, by address; BERTH_OTHERS has what is left behind
 * them, in blocks of 2000 bytes. Writes down where each block is, NULL for a hole. */
void stretch_lay(berth_region_t *region, const stretch_t *stretches, uint32_t count, void **blocks);

/* Fills an empty region, but for one hole that can hold exactly `size` bytes. */
void stretch_leave(berth_region_t *region, uint32_t size);

/* The largest block that a region would grant, as an engine tells it: what a device calls its
 * largest free block. */
uint32_t stretch_largest(const berth_region_t *region);

/* Asks for a need's blockers, which must be the fewest and the truth: with all of them freed the
 * need fits, and with any one of them left alone it does not. `lay` makes the state, again and
 * again. Returns how many there are; they are freed. */
uint32_t stretch_clear(void (*lay)(void), berth_need_t *need, berth_blocker_t *blockers,
                       uint32_t capacity);

/* Prints an answer in words. */
void stretch_print(const berth_need_t *need, const berth_answer_t *answer);

#endif /* TESTS_SCENARIO_STRETCH_H */
