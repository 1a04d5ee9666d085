/* conformance.h: the suite that every port passes, and what it must be told of a platform.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_TESTS_PORT_CONFORMANCE_H
#define BERTH_TESTS_PORT_CONFORMANCE_H

#include "berth/port.h"

#define CONFORMANCE_CONTENDERS 8u /* at most */

/* A port, and hooks by which the suite looks beside it; NULL where the platform has no such
 * thing. */
typedef struct conformance_port {
    const char *name;
    const berth_port_t *port;

    /* Tells whether an ISR could run now on the calling core. */
    bool (*interrupts_are_on)(void);

    /* Makes an ISR run the handler, on the calling core: before this returns, or if interrupts are
     * masked, soon after they are not. */
    void (*raise_isr)(void (*handler)(void));

    /* Runs work(0) to work(contenders - 1) in tasks of their own, at the same time as far as the
     * platform can; returns when all have. Work 0 may be in the caller's. */
    void (*contend)(void (*work)(uint32_t who));
    uint32_t contenders;
    uint32_t rounds;     /* of each contender, for each kind of lock */
    void (*yield)(void); /* lets another task run, or spends time in which it may */

    bool is_quiet; /* failures are counted and not printed */
} conformance_port_t;

/* Runs the suite; prints each failure, and a closing line. Returns how many checks failed. */
uint32_t conformance_run(const conformance_port_t *port);

/* Runs the suite over copies of a good port, each with one mistake planted, as far as its
 * platform has hooks to show it. Returns how many of them pass. */
uint32_t conformance_self_test(const conformance_port_t *platform);

#endif /* BERTH_TESTS_PORT_CONFORMANCE_H */
