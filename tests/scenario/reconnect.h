/* reconnect.h: days of a sensor that loses its connection: what scenario S3 looks at.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Offline it queues readings; online it serves documents, as many as there is memory for, and fills
 * caches meanwhile: entries live on for some rounds, and lie where the documents were.
 *
 * Every draw is made by the seed alone, whatever is granted: so runs can be compared.
 */
#ifndef TESTS_SCENARIO_RECONNECT_H
#define TESTS_SCENARIO_RECONNECT_H

#include "scene_core.h"

#include "random.h"

#include "berth/need.h"

#define CYCLES 3000u
#define TLS_SIZE 16717u
#define MUCH 51200u /* bytes that are free: 50 KB */
#define INSIDE (BERTH_CAP_INTERNAL | BERTH_CAP_BYTES)

/* The phases of a cycle, in which something of it may end. */
typedef enum phase {
    BEGIN,
    CONNECT, /* what was queued is not sent yet */
    SENT,
    END,
    PHASES
} phase_t;

/* What came of a day. */
typedef struct day {
    uint32_t failures; /* of TLS */
    uint32_t with_much_free;
    uint32_t first;      /* cycle of the first of them ... */
    uint32_t first_free; /* ... and bytes that were free then */
    uint32_t others;     /* failures of everybody else's */
    uint32_t told;       /* times that a NO was told before */
    uint32_t wrong;      /* answers that did not come true */
    uint32_t cost;       /* bytes that TLS takes between two sessions: 0, or its reservation's */
} day_t;

extern day_t day;
extern berth_need_t tls;             /* a session's two buffers, not reserved at first */
extern const berth_request_t buffer; /* the same, for berth_alloc() */
extern bool is_modelled;             /* blocks come from a TLSF model, and not from the manager */

/* How a session gets its two buffers. */
typedef struct measure {
    void (*prepare)(void); /* at the start, when nothing has happened yet; NULL: nothing */
    void (*connect)(void *session[2]);
    bool stops; /* the day ends with its first failure, and all is as it was then */
} measure_t;

/* Allocates both. The second one is NULL if either was refused. */
void connect_plainly(void *session[2]);

/* Begins a day: the scene has one region, and what the application holds is there. */
void day_start(random_source_t *random);

/* What happens in a cycle besides the connection. `now` is cycle * PHASES. */
void cycle_offline(random_source_t *random, uint32_t now);
void cycle_online(random_source_t *random, uint32_t now);

/* Frees what has ended. */
void blocks_expire(uint32_t now);

/* Runs a whole day. */
void day_run(const measure_t *measure, uint32_t seed);

#endif /* TESTS_SCENARIO_RECONNECT_H */
