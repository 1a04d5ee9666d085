/* port.h: the contract between Berth and what it runs on: locks, a clock, contexts, a log.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A port is a table; ports/template/ is one to copy, docs/porting.md says how, and tests/port/ is
 * the suite that every port passes.
 *
 * Context, unless a function says otherwise: [task, ISR, cache-off, boot].
 */
#ifndef BERTH_PORT_H
#define BERTH_PORT_H

#include "berth/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum berth_lock_kind {
    BERTH_LOCK_LONG,  /* around an engine that an ISR may not call: refused there, always. May be a
                         mutex; must not mask interrupts, for a slow region's sake */
    BERTH_LOCK_SHORT, /* around an engine that an ISR may call: masks interrupts, and spins */
    BERTH_LOCK_TABLES /* the manager's own: as SHORT, taken inside any of the others */
} berth_lock_kind_t;

#define BERTH_LOCK_REFUSED UINTPTR_MAX /* a key: the lock is not taken */
#define BERTH_NO_TIME UINT64_MAX       /* the clock does not run */

typedef enum berth_level {
    BERTH_LEVEL_ERROR,
    BERTH_LEVEL_WARNING,
    BERTH_LEVEL_INFO
} berth_level_t;

typedef struct berth_port {
    void *self; /* handed to each function */

    /* Prepares a lock, whose kind is set; its memory stays. False: it cannot. NULL: no need to. */
    bool (*lock_start)(void *self, berth_lock_t *lock);

    /* Takes a lock. The key is for unlock(); BERTH_LOCK_REFUSED if it must not be waited for here:
     * the call that needs it is refused as BERTH_ERR_BUSY. */
    uintptr_t (*lock)(void *self, berth_lock_t *lock);
    void (*unlock)(void *self, berth_lock_t *lock, uintptr_t key);

    /* Tells the time since some start. Called with locks held or without. BERTH_NO_TIME: not
     * now. */
    uint64_t (*now_us)(void *self);
    uint64_t clock_mask; /* the largest time before the clock wraps, 2^n - 1; 0: it never does. The
                            manager extends it, if it is called once in half that time */

    /* Finds the running task's or ISR's record; NULL: none of its own (before the scheduler). An
     * ISR's has BERTH_GUARD_ISR set. */
    berth_context_t *(*context)(void *self);

    /* Writes a line for people; NULL: nobody reads it. Never called under a lock. */
    void (*log)(void *self, berth_level_t level, const char *text);

    /* The caller's program is wrong: told of it before the call is refused, and may not return.
     * NULL: nothing but the event. Never called under a lock. */
    void (*assertion)(void *self, const berth_event_t *event);
} berth_port_t;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_PORT_H */
