/* port_template.c: the port contract, with as little as will do.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "port_template.h"

/* One for each task, found by the OS's task-local storage, and one with BERTH_GUARD_ISR for the
 * ISRs of each core. They must be 0 at first, but for that guard. */
static berth_context_t task = {.name = "task"};

/* Only if a lock needs more than its zeroed memory: create the OS's mutex for a LONG one, put its
 * handle into lock->state. False refuses the manager's start. Otherwise leave the member NULL.
 * It may be called inside another lock. */
static bool template_lock_start(void *self, berth_lock_t *lock)
{
    (void)self;
    lock->state = 0;
    return true;
}

/* LONG: the OS's mutex, by best with priority inheritance; in an ISR, BERTH_LOCK_REFUSED.
 * SHORT and TABLES: mask interrupts, return the mask as it was, then spin for other cores. They
 * nest: a TABLES lock is taken inside a LONG or a SHORT one. */
static uintptr_t template_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    if (lock->state != 0) {
        return BERTH_LOCK_REFUSED; /* with one task nobody else can ever give it back */
    }
    lock->state = 1;
    return 0;
}

/* Give it to other cores first, then put interrupts back to what the key says: not "on". */
static void template_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)key;
    lock->state = 0;
}

/* Called with interrupts masked: read a counter, do not divide 64 bits by a variable, wait for
 * nothing. If it wraps, say where in clock_mask. */
static uint64_t template_now_us(void *self)
{
    (void)self;
    return BERTH_NO_TIME;
}

/* The hottest of all: once or twice in each call. In an ISR return that one's. */
static berth_context_t *template_context(void *self)
{
    (void)self;
    return &task;
}

/* A UART, a log of the OS. NULL if there is none; so for assertion(), which may also stop or
 * restart. */
const berth_port_t berth_port_template = {
    .lock_start = template_lock_start,
    .lock = template_lock,
    .unlock = template_unlock,
    .now_us = template_now_us,
    .context = template_context,
};
