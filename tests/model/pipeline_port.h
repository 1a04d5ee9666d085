/* pipeline_port.h: a port that minds how it is used.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Locks are counted and their order is verified; the clock wraps soon and stands still within a
 * call; the test decides who runs and which lock is refused.
 */
#ifndef TESTS_MODEL_PIPELINE_PORT_H
#define TESTS_MODEL_PIPELINE_PORT_H

#include "berth/port.h"

#define PIPELINE_CLOCK_MASK ((UINT64_C(1) << 20) - 1u)
#define PIPELINE_HELD 4u

typedef struct pipeline_port {
    berth_port_t port;
    uint64_t now_us;
    berth_context_t *context; /* who runs; NULL: nobody that the port knows */
    const berth_lock_t *busy; /* refused */
    const berth_lock_t *held[PIPELINE_HELD];
    uint32_t held_count;
    uint32_t asserted;   /* how often the assertion was told */
    berth_event_t told;  /* what it was told last */
    uint32_t logged;     /* lines */
    berth_level_t level; /* of the last one */
    const char *text;    /* and its words */
    const char *wrong;   /* the first rule that the manager broke; NULL */
} pipeline_port_t;

void pipeline_port_start(pipeline_port_t *port);

#endif /* TESTS_MODEL_PIPELINE_PORT_H */
