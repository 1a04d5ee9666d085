/* port_baremetal_arm.c: the port contract on one Cortex-M core.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "port_baremetal_arm.h"

static berth_context_t task = {.name = "task"};
static berth_context_t isr = {.name = "isr", .guards = BERTH_GUARD_ISR};
static berth_context_t *volatile running = &task;

/* Returns PRIMASK as it was: 0 or 1, so never BERTH_LOCK_REFUSED. */
static inline uint32_t interrupts_mask(void)
{
    uint32_t before;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(before) : : "memory");
    return before;
}

static inline void interrupts_restore(uint32_t before)
{
    __asm__ volatile("msr primask, %0" : : "r"(before) : "memory");
}

/* The compiler keeps what a lock protects behind this; the core does so by itself. */
static inline void order(void)
{
    __asm__ volatile("" : : : "memory");
}

/* Exceptions that are never masked. */
#define NMI 2u
#define HARD_FAULT 3u

/* The number of the running exception; in a task, 0. */
static inline uint32_t exception_number(void)
{
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    return number;
}

/* Who finds it taken in a task has been let run while another was inside, which this port knows
 * nothing of: to wait would be for ever. */
static uintptr_t long_lock(volatile uintptr_t *state)
{
    if (exception_number() != 0 || *state != 0) {
        return BERTH_LOCK_REFUSED;
    }
    *state = 1;
    order();
    return 0;
}

static uintptr_t arm_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    if (lock->kind == BERTH_LOCK_LONG) {
        return long_lock(&lock->state);
    }
    if (exception_number() == NMI || exception_number() == HARD_FAULT) {
        return BERTH_LOCK_REFUSED; /* no mask keeps these out of what they interrupted */
    }
    return interrupts_mask();
}

static void arm_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    if (lock->kind != BERTH_LOCK_LONG) {
        interrupts_restore(key);
        return;
    }
    order();
    *(volatile uintptr_t *)&lock->state = 0;
}

static berth_context_t *arm_context(void *self)
{
    (void)self;
    return exception_number() != 0 ? &isr : running;
}

void berth_baremetal_context_set(berth_context_t *context)
{
    running = context != NULL ? context : &task;
}

__attribute__((weak)) uint64_t berth_baremetal_now_us(void)
{
    return BERTH_NO_TIME;
}

__attribute__((weak)) void berth_baremetal_log(berth_level_t level, const char *text)
{
    (void)level;
    (void)text;
}

static uint64_t arm_now_us(void *self)
{
    (void)self;
    return berth_baremetal_now_us();
}

static void arm_log(void *self, berth_level_t level, const char *text)
{
    (void)self;
    berth_baremetal_log(level, text);
}

const berth_port_t berth_port_baremetal_arm = {
    .lock = arm_lock,
    .unlock = arm_unlock,
    .now_us = arm_now_us,
    .clock_mask = UINT32_MAX,
    .context = arm_context,
    .log = arm_log,
};
