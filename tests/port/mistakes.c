/* mistakes.c: ports with one mistake each, which the suite must find.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each is a copy of a good port's table with a member or two replaced, by what calls the good ones.
 */
#include "conformance.h"

#include <inttypes.h>
#include <stdio.h>

static const berth_port_t *good;

/* --- locks ----------------------------------------------------------------------------------- */

static bool is_isr(const berth_context_t *context)
{
    return context != NULL && (context->guards & BERTH_GUARD_ISR) != 0;
}

/* Each task's own locks, which keep nobody out. */
#define TASKS 16u
static berth_context_t *tasks[TASKS];
static berth_lock_t tasks_locks[TASKS][BERTH_LOCK_TABLES + 1];

static berth_lock_t *own_lock(void *self, berth_lock_t *lock)
{
    berth_context_t *mine = good->context(self);
    for (uint32_t i = 0; i < TASKS && !is_isr(mine); i++) {
        berth_context_t *found = NULL;
        if (__atomic_compare_exchange_n(&tasks[i], &found, mine, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED) ||
            found == mine) {
            tasks_locks[i][lock->kind].kind = lock->kind;
            return &tasks_locks[i][lock->kind];
        }
    }
    return lock;
}

static uintptr_t excludes_nobody(void *self, berth_lock_t *lock)
{
    return good->lock(self, own_lock(self, lock));
}

static void excludes_nobody_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    good->unlock(self, own_lock(self, lock), key);
}

static uintptr_t lets_isr_in(void *self, berth_lock_t *lock)
{
    const uintptr_t key = good->lock(self, lock);
    return key == BERTH_LOCK_REFUSED && lock->kind == BERTH_LOCK_LONG ? 0 : key;
}

/* The key with which interrupts are as they were outside of all locks. */
static uintptr_t outer_key;

static uintptr_t notes_outer(void *self, berth_lock_t *lock)
{
    const uintptr_t key = good->lock(self, lock);
    if (lock->kind == BERTH_LOCK_SHORT) {
        outer_key = key;
    }
    return key;
}

static void forgets_inner(void *self, berth_lock_t *lock, uintptr_t key)
{
    good->unlock(self, lock, lock->kind == BERTH_LOCK_TABLES ? outer_key : key);
}

/* What stands in for a LONG lock. */
static berth_lock_t as_short = {.kind = BERTH_LOCK_SHORT};

static uintptr_t masks_for_long(void *self, berth_lock_t *lock)
{
    return good->lock(self, lock->kind == BERTH_LOCK_LONG ? &as_short : lock);
}

static void masks_for_long_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    good->unlock(self, lock->kind == BERTH_LOCK_LONG ? &as_short : lock, key);
}

/* --- contexts -------------------------------------------------------------------------------- */

static berth_context_t others[2];

static berth_context_t *knows_no_isr(void *self)
{
    (void)self;
    return &others[0];
}

static berth_context_t *forgets_guard(void *self)
{
    return &others[is_isr(good->context(self)) ? 1 : 0];
}

static berth_context_t *shares_tasks(void *self)
{
    berth_context_t *found = good->context(self);
    return is_isr(found) ? found : &others[0];
}

static berth_context_t *wanders(void *self)
{
    static uint32_t calls;
    (void)self;
    return &others[calls++ % 2];
}

/* --- clocks ---------------------------------------------------------------------------------- */

static uint64_t runs_backwards(void *self)
{
    static uint64_t time = UINT32_MAX;
    (void)self;
    return time--;
}

static uint64_t stands_still(void *self)
{
    (void)self;
    return 7;
}

static uint64_t stops(void *self)
{
    static uint32_t calls;
    (void)self;
    return calls++ == 0 ? 0 : BERTH_NO_TIME;
}

/* --------------------------------------------------------------------------------------------- */

enum {
    NEEDS_MASKS = 1,
    NEEDS_ISR = 2,
    NEEDS_CONTENDERS = 4
};

/* What is not given is the good port's. */
typedef struct mistake {
    const char *name;
    berth_port_t wrong;
    uint8_t needs;
} mistake_t;

static const mistake_t mistakes[] = {
    {"excludes nobody",
     {.lock = excludes_nobody, .unlock = excludes_nobody_unlock},
     NEEDS_CONTENDERS},
    {"lets an ISR into LONG", {.lock = lets_isr_in}, NEEDS_ISR},
    {"unmasks too early", {.lock = notes_outer, .unlock = forgets_inner}, NEEDS_MASKS},
    {"masks for LONG", {.lock = masks_for_long, .unlock = masks_for_long_unlock}, NEEDS_MASKS},
    {"knows no ISR", {.context = knows_no_isr}, NEEDS_ISR},
    {"forgets the guard", {.context = forgets_guard}, NEEDS_ISR},
    {"one context for all tasks", {.context = shares_tasks}, NEEDS_CONTENDERS},
    {"a context that changes", {.context = wanders}, 0},
    {"time runs backwards", {.now_us = runs_backwards}, 0},
    {"time stands still", {.now_us = stands_still}, 0},
    {"time stops", {.now_us = stops}, 0},
    {"an odd mask", {.clock_mask = 1000}, 0},
};

#define MISTAKES (sizeof mistakes / sizeof mistakes[0])

static uint8_t provided(const conformance_port_t *platform)
{
    return (uint8_t)((platform->interrupts_are_on != NULL ? NEEDS_MASKS : 0) |
                     (platform->raise_isr != NULL ? NEEDS_ISR : 0) |
                     (platform->contend != NULL ? NEEDS_CONTENDERS : 0));
}

static berth_port_t spoil(const berth_port_t *wrong)
{
    berth_port_t port = *good;
    port.lock = wrong->lock != NULL ? wrong->lock : port.lock;
    port.unlock = wrong->unlock != NULL ? wrong->unlock : port.unlock;
    port.context = wrong->context != NULL ? wrong->context : port.context;
    port.now_us = wrong->now_us != NULL ? wrong->now_us : port.now_us;
    port.clock_mask = wrong->clock_mask != 0 ? wrong->clock_mask : port.clock_mask;
    return port;
}

uint32_t conformance_self_test(const conformance_port_t *platform)
{
    uint32_t tried = 0;
    uint32_t passed = 0;
    good = platform->port;
    for (uint32_t i = 0; i < MISTAKES; i++) {
        if ((mistakes[i].needs & ~provided(platform)) != 0) {
            continue;
        }
        const berth_port_t port = spoil(&mistakes[i].wrong);
        conformance_port_t spoilt = *platform;
        spoilt.port = &port;
        spoilt.is_quiet = true;
        others[0] = others[1] = (berth_context_t){0};
        tried++;
        if (conformance_run(&spoilt) == 0) {
            passed++;
            printf("port %s: passes although: %s\n", platform->name, mistakes[i].name);
        }
    }
    printf("port %s: self-test: %" PRIu32 " mistakes, %" PRIu32 " not found\n", platform->name,
           tried, passed);
    return passed;
}
