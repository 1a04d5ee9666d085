/* inner_scene.h: a small manager whose engines and port fail when they are told to.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAULT_INNER_SCENE_H
#define TESTS_FAULT_INNER_SCENE_H

#include "berth/berth.h"

#define INNER_REGIONS 4u /* the last is added at run time */
#define INNER_OWNERS 6u
#define INNER_BYTES 8192u /* of a region */
#define INNER_WALK 64u    /* blocks of a region */

/* What fails. */
typedef enum inner_kind {
    INNER_ENGINE,
    INNER_LOCK,
    INNER_LOCK_START,
    INNER_CLOCK,
    INNER_CONTEXT,
    INNER_KINDS
} inner_kind_t;

/* The blocks that the scene holds. */
typedef enum inner_block {
    INNER_ROOMY,    /* free room follows */
    INNER_FIRST,    /* behind that room */
    INNER_MIDDLE,   /* between two others */
    INNER_SCRUBBED, /* its owner's blocks are overwritten when freed */
    INNER_LARGE,
    INNER_FAR,     /* in the second region */
    INNER_SCRATCH, /* the last in the arena */
    INNER_HELD
} inner_block_t;

/* What else a refused call may leave behind. */
typedef enum inner_leave {
    INNER_TAKEN = 1,         /* it took a block and gave it back: free memory, and the peaks */
    INNER_SCRUBBED_BYTES = 2 /* a scrubbed owner's block is overwritten before it is freed */
} inner_leave_t;

/* What a refused call must leave as it was. */
typedef struct inner_state {
    berth_account_t accounts[INNER_REGIONS][INNER_OWNERS];
    berth_account_t totals[INNER_REGIONS];
    berth_context_t context;
    berth_context_t boot;
    bool is_retired[INNER_OWNERS];
    bool has_region[INNER_REGIONS];
    uint32_t block_count[INNER_REGIONS];
    berth_block_t blocks[INNER_REGIONS][INNER_WALK];
    uint8_t bytes[INNER_REGIONS][INNER_BYTES];
} inner_state_t;

typedef struct inner_scene {
    berth_t berth;
    berth_config_t config;
    berth_region_t regions[INNER_REGIONS];
    berth_account_t accounts[INNER_REGIONS][INNER_OWNERS];
    berth_event_t events[32];
    berth_context_t context;
    void *blocks[INNER_HELD];
    uint32_t mark;
    uint32_t answer; /* of questions: so that they are asked */
    inner_state_t before;
    inner_state_t after;
} inner_scene_t;

const char *inner_kind_name(inner_kind_t kind);

/* Makes the scene anew: the same each time. Without a manager if it is not to be started. */
void inner_scene_set(inner_scene_t *scene, bool is_started);

berth_status_t inner_scene_start(inner_scene_t *scene);

/* Lets the inner call of a kind with this number, from 1, fail. */
void inner_arm(inner_kind_t kind, uint32_t number);

/* Lets nothing fail any more. Returns whether something did. */
bool inner_disarm(void);

/* What is not as it was when the scene was set, apart from `leave`; NULL: all is. */
const char *inner_scene_compare(inner_scene_t *scene, uint32_t leave);

/* What does not add up; NULL: all does. */
const char *inner_scene_verify(inner_scene_t *scene);

#endif /* TESTS_FAULT_INNER_SCENE_H */
