/* pipeline_boards.h: the boards on which the manager is tried.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_PIPELINE_BOARDS_H
#define TESTS_MODEL_PIPELINE_BOARDS_H

#include "berth/berth.h"

#define PIPELINE_BOARD_REGIONS 4u
#define PIPELINE_BOARD_MEMORY (640u * 1024u) /* bytes of the largest board's regions */
#define PIPELINE_BOARD_BESIDE (48u * 1024u)  /* bytes of bookkeeping beside them */

/* A region's settings are as a manager wants them, but for what needs memory: beside_size not 0
 * asks for bookkeeping beside, alias_count 1 for an alias. */
typedef struct pipeline_board {
    const char *name;
    const berth_region_t *regions;
    uint8_t region_count;
    uint8_t owner_count;
    const uint32_t *sizes;      /* around which something changes, ended by 0 */
    const berth_caps_t *wishes; /* what requests name, ended by 0: nothing in particular */
} pipeline_board_t;

uint32_t pipeline_board_count(void);

const pipeline_board_t *pipeline_board_at(uint32_t index);

/* By name, or NULL. */
const pipeline_board_t *pipeline_board_named(const char *name);

#endif /* TESTS_MODEL_PIPELINE_BOARDS_H */
