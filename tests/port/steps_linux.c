/* steps_linux.c: a signal at every instruction of the Linux port's locks; and forget().
 * SPDX-License-Identifier: Apache-2.0
 *
 * x86-64 raises SIGTRAP after each instruction while its trap flag is set. The handler wants the
 * lock each time, and so does a handler that interrupts it: whoever is let in where it must not be
 * waits for itself, until the alarm. Where there is no such flag, nothing but raise() interrupts.
 */
#define _GNU_SOURCE /* NOLINT: the name is not ours */
#include "../../ports/linux/port_linux.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 20u

static const berth_port_t *const port = &berth_port_linux;
static berth_lock_t locks[] = {
    {.kind = BERTH_LOCK_LONG}, {.kind = BERTH_LOCK_SHORT}, {.kind = BERTH_LOCK_TABLES}};

static uint32_t failures;

#define CHECK(claim) check((claim), #claim, __LINE__)

static void check(bool claim, const char *text, int line)
{
    if (!claim) {
        failures++;
        printf("steps_linux.c:%d: not so: %s\n", line, text);
    }
}

/* --- handlers -------------------------------------------------------------------------------- */

static volatile uint32_t granted;
static volatile uint32_t refused;
static volatile uint32_t odd; /* a nested handler changed what the outer one may do */

static bool is_let_in(berth_lock_kind_t kind)
{
    const uintptr_t key = port->lock(port->self, &locks[kind]);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    port->unlock(port->self, &locks[kind], key);
    return true;
}

static void on_nested(int number)
{
    (void)number;
    berth_linux_signal_enter();
    (void)is_let_in(BERTH_LOCK_TABLES);
    berth_linux_signal_leave();
}

static void on_step(int number)
{
    (void)number;
    berth_linux_signal_enter();
    const bool before = is_let_in(BERTH_LOCK_SHORT);
    (void)raise(SIGUSR1);
    const bool after = is_let_in(BERTH_LOCK_SHORT);
    berth_linux_signal_leave();
    granted = granted + (before ? 1 : 0);
    refused = refused + (before ? 0 : 1);
    odd = odd + (before != after ? 1 : 0);
}

/* --- steps ----------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define CAN_STEP true
/* Steps over what the compiler may keep below the stack pointer. */
#define TRAP_FLAG(instruction)                                                                     \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" instruction                            \
                     "\n\tpopfq\n\tlea 128(%%rsp), %%rsp"                                          \
                     :                                                                             \
                     :                                                                             \
                     : "memory", "cc")
#define STEPS_START() TRAP_FLAG("orq $0x100, (%%rsp)")
#define STEPS_STOP() TRAP_FLAG("andq $-0x101, (%%rsp)")
#else
#define CAN_STEP false
#define STEPS_START() (void)raise(SIGTRAP)
#define STEPS_STOP() (void)raise(SIGTRAP)
#endif

/* As a call does: TABLES inside another. */
static void call(berth_lock_t *outer)
{
    const uintptr_t key = port->lock(port->self, outer);
    const uintptr_t inner = port->lock(port->self, &locks[BERTH_LOCK_TABLES]);
    port->unlock(port->self, &locks[BERTH_LOCK_TABLES], inner);
    port->unlock(port->self, outer, key);
}

static void test_steps(berth_lock_kind_t kind)
{
    granted = 0;
    refused = 0;
    odd = 0;
    STEPS_START();
    call(&locks[kind]);
    STEPS_STOP();
    CHECK(granted > 0);
    CHECK(refused > 0 || !CAN_STEP);
    CHECK(odd == 0);
    printf("steps: kind %d: %" PRIu32 " times let in, %" PRIu32 " times refused\n", (int)kind,
           granted, refused);
}

/* --- fork ------------------------------------------------------------------------------------ */

static bool fork_returns(void)
{
    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(SECONDS);
        call(&locks[BERTH_LOCK_SHORT]);
        _exit(0);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* Memory that was a lock's, and looks like a taken one; fork() would wait for it. */
static void test_forget(bool is_forgotten)
{
    berth_lock_t *lock = calloc(2, sizeof *lock);
    if (lock == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(port->lock_start(port->self, &lock[i]));
    }
    CHECK(port->lock_start(port->self, &lock[0])); /* a second time: it is not listed twice */
    CHECK(fork_returns());
    if (is_forgotten) {
        berth_linux_forget(lock, 2 * sizeof *lock);
    }
    lock[0].state = 1;
    lock[1].state = 1;
    if (!is_forgotten) {
        lock[0].next = NULL; /* wiped: no lock any more */
        lock[1].next = NULL;
    }
    CHECK(fork_returns());
    berth_linux_forget(lock, 2 * sizeof *lock);
    free(lock);
}

/* A port that has no room says so, and has it again when locks are forgotten. */
static void test_room(void)
{
    static berth_lock_t many[BERTH_LINUX_LOCKS];
    uint32_t started = 0;
    while (started < BERTH_LINUX_LOCKS && port->lock_start(port->self, &many[started])) {
        started++;
    }
    CHECK(started == BERTH_LINUX_LOCKS - sizeof locks / sizeof locks[0]);
    berth_linux_forget(many, sizeof many);
    CHECK(port->lock_start(port->self, &many[0]));
    berth_linux_forget(many, sizeof many);
}

int main(void)
{
    struct sigaction step = {.sa_handler = on_step};
    struct sigaction nested = {.sa_handler = on_nested};
    (void)sigaction(SIGTRAP, &step, NULL);
    (void)sigaction(SIGUSR1, &nested, NULL);
    for (uint32_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
        CHECK(port->lock_start(port->self, &locks[i]));
    }
    (void)alarm(SECONDS);
    CHECK(fork_returns());
    test_steps(BERTH_LOCK_LONG);
    test_steps(BERTH_LOCK_SHORT);
    test_forget(true);
    test_forget(false);
    test_room();
    printf("steps: %" PRIu32 " failures\n", failures);
    return failures == 0 ? 0 : 1;
}
