/* main_linux.c: the conformance suite on Linux: threads, and signals as ISRs; and on the template.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* NOLINT: the name is not ours */
#include "conformance.h"

#include "../../ports/linux/port_linux.h"
#include "../../ports/template/port_template.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4u

static void (*volatile handler)(void);

static void on_signal(int number)
{
    (void)number;
    berth_linux_signal_enter();
    handler();
    berth_linux_signal_leave();
}

/* raise() returns after the handler has. */
static void raise_isr(void (*wanted)(void))
{
    handler = wanted;
    (void)raise(SIGUSR1);
}

static void (*work)(uint32_t who);
static pthread_barrier_t barrier;

static void *thread_run(void *who)
{
    (void)pthread_barrier_wait(&barrier);
    work((uint32_t)(uintptr_t)who);
    (void)pthread_barrier_wait(&barrier); /* so that no thread's context is reused */
    return NULL;
}

static void contend(void (*wanted)(uint32_t who))
{
    pthread_t threads[THREADS];
    work = wanted;
    (void)pthread_barrier_init(&barrier, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, thread_run, (void *)i) != 0) {
            abort();
        }
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_barrier_destroy(&barrier);
}

static void yield(void)
{
    (void)sched_yield();
}

int main(int count, char **words)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGUSR1, &action, NULL);
    const conformance_port_t platforms[] = {
        {.name = "linux",
         .port = &berth_port_linux,
         .raise_isr = raise_isr,
         .contend = contend,
         .contenders = THREADS,
         .rounds = 50000,
         .yield = yield},
        {.name = "linux, strict", .port = &berth_port_linux_strict, .raise_isr = raise_isr},
        {.name = "template", .port = &berth_port_template},
    };
    uint32_t failures = 0;
    if (count > 1 && strcmp(words[1], "--self-test") == 0) {
        failures = conformance_self_test(&platforms[0]);
    } else {
        for (uint32_t i = 0; i < sizeof platforms / sizeof platforms[0]; i++) {
            failures += conformance_run(&platforms[i]);
        }
    }
    return failures == 0 ? 0 : 1;
}
