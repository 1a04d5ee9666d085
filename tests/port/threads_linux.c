/* threads_linux.c: the Linux port's locks under threads, signals and fork().
 * SPDX-License-Identifier: Apache-2.0
 *
 * Threads nest the locks as a manager's calls do, and keep a pair of counts equal inside each.
 * Signals interrupt them, and their handlers do the same. Meanwhile the main thread forks: the
 * child must be able to take every lock, and find every pair equal, whatever the others were in
 * the middle of.
 *
 *     threads_linux [ROUNDS of each thread [FORKS]]
 */
#define _GNU_SOURCE /* NOLINT: the name is not ours */
#include "../../ports/linux/port_linux.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8u
#define LOCKS 7u
#define TABLES (LOCKS - 1)
#define CHILD_SECONDS 20u /* a child that takes longer hangs */

/* A lock, and what it protects: both counts are the same but in the middle of a change. */
typedef struct guarded {
    berth_lock_t lock;
    uint64_t first;
    uint64_t second;
} guarded_t;

static guarded_t guardeds[LOCKS];
static const berth_port_t *const port = &berth_port_linux;

/* Counts of what went wrong; any thread adds. */
static uint32_t unequal;
static uint32_t wrong_contexts;

/* Of signal handlers. */
static uint32_t granted;
static uint32_t refused;

static void count(uint32_t *counter) /* NOLINT(readability-non-const-parameter): it changes */
{
    (void)__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static uint32_t counted(const uint32_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static uintptr_t enter(guarded_t *guarded)
{
    return port->lock(port->self, &guarded->lock);
}

static void leave(guarded_t *guarded, uintptr_t key)
{
    port->unlock(port->self, &guarded->lock, key);
}

static void change(guarded_t *guarded, bool is_slow)
{
    if (guarded->first != guarded->second) {
        count(&unequal);
    }
    guarded->first++;
    if (is_slow) {
        (void)sched_yield(); /* so that others find it taken, and forks fall into the middle */
    }
    guarded->second++;
}

/* The locks are 4 LONG ones, 2 SHORT ones and TABLES, which is taken inside any other. */
static void locks_start(void)
{
    for (uint32_t i = 0; i < LOCKS; i++) {
        const berth_lock_kind_t kind = i == TABLES       ? BERTH_LOCK_TABLES
                                       : i >= TABLES - 2 ? BERTH_LOCK_SHORT
                                                         : BERTH_LOCK_LONG;
        guardeds[i].lock = (berth_lock_t){.kind = (uint8_t)kind};
        if (!port->lock_start(port->self, &guardeds[i].lock)) {
            abort();
        }
    }
}

/* As a manager's calls do; some, as poll, take TABLES alone. */
static void call(guarded_t *outer, bool is_slow)
{
    const uintptr_t key = enter(outer);
    change(outer, is_slow);
    if (outer == &guardeds[TABLES]) {
        leave(outer, key);
        return;
    }
    const uintptr_t inner = enter(&guardeds[TABLES]);
    change(&guardeds[TABLES], is_slow);
    leave(&guardeds[TABLES], inner);
    leave(outer, key);
}

/* --- signals --------------------------------------------------------------------------------- */

/* Looks whether it is let in; if so, it is for the second time, too. */
static void on_signal(int number)
{
    (void)number;
    berth_linux_signal_enter();
    if ((port->context(port->self)->guards & BERTH_GUARD_ISR) == 0) {
        count(&wrong_contexts);
    }
    guarded_t *outer = &guardeds[TABLES - 1];
    const uintptr_t key = enter(outer);
    if (key == BERTH_LOCK_REFUSED) {
        count(&refused);
    } else {
        leave(outer, key);
        count(&granted);
        call(outer, false);
    }
    berth_linux_signal_leave();
}

/* --- threads --------------------------------------------------------------------------------- */

static uint32_t rounds = 20000;
static uint32_t running;
static uint32_t alone; /* calls that took TABLES alone */

static void *thread_run(void *who)
{
    const uint32_t me = (uint32_t)(uintptr_t)who;
    berth_linux_name("worker");
    const berth_context_t *mine = port->context(port->self);
    for (uint32_t i = 0; i < rounds; i++) {
        const uint32_t index = (me + i) % LOCKS;
        call(&guardeds[index], i % 16 == 0 || index == TABLES);
        if (index == TABLES) {
            count(&alone);
        }
        if (i % 64 == me) {
            (void)raise(SIGUSR1);
        }
        if (port->context(port->self) != mine || (mine->guards & BERTH_GUARD_ISR) != 0) {
            count(&wrong_contexts);
        }
    }
    (void)__atomic_sub_fetch(&running, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* --- fork ------------------------------------------------------------------------------------ */

/* Exits with how many pairs are unequal. A lock that nobody can give back hangs, and the alarm
 * ends it. */
static void child_run(void)
{
    (void)alarm(CHILD_SECONDS);
    for (uint32_t i = 0; i < LOCKS; i++) {
        const uintptr_t key = enter(&guardeds[i]);
        change(&guardeds[i], false);
        leave(&guardeds[i], key);
    }
    call(&guardeds[0], false);
    call(&guardeds[TABLES - 1], false);
    _exit((int)counted(&unequal));
}

static bool fork_is_fine(void)
{
    const pid_t child = fork();
    if (child == 0) {
        child_run();
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* --------------------------------------------------------------------------------------------- */

static void threads_start(pthread_t *threads)
{
    running = THREADS;
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, thread_run, (void *)i) != 0) {
            abort();
        }
    }
}

/* Signals that come at any moment, not where a thread raises them. */
static void threads_interrupt(const pthread_t *threads)
{
    const struct timespec pause = {.tv_nsec = 50000};
    for (uint32_t i = 0; i < THREADS; i++) {
        (void)pthread_kill(threads[i], SIGUSR1);
    }
    (void)nanosleep(&pause, NULL);
}

int main(int words_count, char **words)
{
    rounds = words_count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : rounds;
    const uint32_t forks = words_count > 2 ? (uint32_t)strtoul(words[2], NULL, 10) : 100;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    (void)sigaction(SIGUSR1, &action, NULL);
    locks_start();
    pthread_t threads[THREADS];
    threads_start(threads);
    uint32_t forked = 0;
    uint32_t failed = 0;
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) != 0) {
        threads_interrupt(threads); /* not joined yet: the handles are good */
        if (forked < forks) {
            forked++;
            failed += fork_is_fine() ? 0 : 1;
        }
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    uint64_t changes = 0;
    for (uint32_t i = 0; i < LOCKS; i++) {
        changes += guardeds[i].first;
    }
    const uint64_t wanted = 2 * ((uint64_t)THREADS * rounds + granted) - alone;
    printf("threads: %" PRIu64 " sections, %" PRIu64 " missing, %" PRIu32
           " unequal; handlers: %" PRIu32 " let in, %" PRIu32 " refused, %" PRIu32
           " wrong contexts; forks: %" PRIu32 ", %" PRIu32 " failed\n",
           changes, wanted - changes, unequal, granted, refused, wrong_contexts, forked, failed);
    return changes == wanted && unequal == 0 && wrong_contexts == 0 && failed == 0 ? 0 : 1;
}
