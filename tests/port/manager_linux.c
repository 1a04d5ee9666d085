/* manager_linux.c: one manager under many threads, signals that allocate from a pool, and fork().
 * SPDX-License-Identifier: Apache-2.0
 *
 * Threads allocate, resize, give away and free blocks of three regions, their own and each other's
 * (through mailboxes), in scopes of their own; one thread polls, walks and asks; signals interrupt
 * them, and their handlers use the pool; a region is added meanwhile. Each block carries its number
 * from end to end. When all have ended, what is live is what was left in the mailboxes, owner by
 * owner. Meant for ThreadSanitizer, too.
 *
 *     manager_linux [ROUNDS of each thread]
 */
#define _GNU_SOURCE /* NOLINT: the name is not ours */
#include "../../ports/linux/port_linux.h"
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/pool.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8u
#define OWNERS (THREADS + 1)
#define MAILBOXES 64u
#define BYTES (BERTH_CAP_BYTES | BERTH_CAP_DEFAULT)
#define IN_POOL BERTH_CAP_PLACE(0)

static _Alignas(16) uint8_t sram[64 * 1024];
static _Alignas(16) uint8_t psram[1024 * 1024];
static _Alignas(16) uint8_t blocks[16 * 1024];
static _Alignas(16) uint8_t late[32 * 1024];
static const berth_pool_config_t pool_config = {.block_size = 64};
static const berth_budget_t budgets[OWNERS] = {[3] = {.soft = 2000, .hard = 6000}};

static berth_region_t regions[] = {
    {.name = "sram",
     .engine = &berth_fit_engine,
     .base = sram,
     .size = sizeof sram,
     .caps = {BYTES | BERTH_CAP_INTERNAL},
     .upto = 1000,
     .budgets = budgets},
    {.name = "psram",
     .engine = &berth_fit_engine,
     .base = psram,
     .size = sizeof psram,
     .caps = {BYTES | BERTH_CAP_EXTERNAL},
     .is_slow = true},
    {.name = "pool",
     .engine = &berth_pool_engine,
     .base = blocks,
     .size = sizeof blocks,
     .config = &pool_config,
     .caps = {BERTH_CAP_BYTES | IN_POOL}},
};
static berth_account_t late_accounts[OWNERS];
static berth_region_t added = {.name = "late",
                               .engine = &berth_fit_engine,
                               .base = late,
                               .size = sizeof late,
                               .accounts = late_accounts,
                               .caps = {BYTES | BERTH_CAP_PLACE(1)}};

static berth_port_t port; /* Linux, but silent: refusals are meant */
BERTH_DEFINE(heap, &port, regions, OWNERS, NULL, 64);

/* Every block begins so. */
typedef struct parcel {
    uint32_t number;
    uint32_t size;
} parcel_t;

static parcel_t *mailboxes[MAILBOXES];
static uint32_t wrongs;  /* what went wrong; any thread adds */
static uint32_t handled; /* blocks that signal handlers had */
static uint32_t ended;   /* threads */

static void expect(bool is_right, const char *what)
{
    if (!is_right && __atomic_fetch_add(&wrongs, 1, __ATOMIC_RELAXED) < 10) {
        (void)fprintf(stderr, "manager_linux: %s\n", what);
    }
}

static uint32_t draw(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* The last word of a parcel repeats its number. */
static uint32_t *parcel_end(parcel_t *parcel)
{
    return (uint32_t *)(void *)parcel + parcel->size / sizeof(uint32_t) - 1;
}

static parcel_t *parcel_write(void *block, uint32_t size, uint32_t number)
{
    parcel_t *parcel = block;
    if (parcel != NULL) {
        *parcel = (parcel_t){.number = number, .size = size};
        *parcel_end(parcel) = number;
    }
    return parcel;
}

static void parcel_check(parcel_t *parcel)
{
    expect(*parcel_end(parcel) == parcel->number, "a block's contents are another's");
}

static uint32_t size_draw(uint32_t *seed)
{
    return (12 + draw(seed) % 40 * (draw(seed) % 60)) & ~3u;
}

static parcel_t *parcel_new(uint32_t *seed)
{
    const uint32_t size = size_draw(seed);
    const berth_request_t request = {.size = size,
                                     .needed = draw(seed) % 4 == 0 ? BERTH_CAP_EXTERNAL : 0};
    return parcel_write(berth_alloc(&heap, &request), size, draw(seed));
}

static parcel_t *parcel_resize(parcel_t *parcel, uint32_t *seed)
{
    const uint32_t size = size_draw(seed);
    const uint32_t number = parcel->number;
    const berth_request_t request = {.size = size, .needed = BERTH_CAP_BYTES};
    parcel_t *resized = berth_resize(&heap, parcel, &request);
    if (resized == NULL) {
        return parcel;
    }
    expect(resized->number == number, "a resized block lost its contents");
    return parcel_write(resized, size, number);
}

/* What a thread does with a parcel that it found, or NULL. Returns what it leaves in its place. */
static parcel_t *parcel_handle(parcel_t *parcel, uint32_t *seed)
{
    if (parcel == NULL) {
        return parcel_new(seed);
    }
    parcel_check(parcel);
    const uint32_t choice = draw(seed) % 4;
    if (choice == 0) {
        return parcel_resize(parcel, seed);
    }
    if (choice == 1) {
        const berth_status_t status =
            berth_give(&heap, parcel, (berth_owner_t)(1 + draw(seed) % THREADS));
        expect(status == BERTH_OK || status == BERTH_ERR_BUDGET, "a block cannot be given away");
        return parcel;
    }
    expect(berth_try_free(&heap, parcel) == BERTH_OK, "a block cannot be freed");
    return NULL;
}

static void *worker(void *argument)
{
    const uint32_t *rounds = argument;
    static uint32_t numbers;
    const uint32_t number = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
    uint32_t seed = number * 2654435761u;
    const berth_owner_t before = berth_owner_push(&heap, (berth_owner_t)number);
    for (uint32_t i = 0; i < *rounds; i++) {
        parcel_t **box = &mailboxes[draw(&seed) % MAILBOXES];
        parcel_t *left = parcel_handle(__atomic_exchange_n(box, NULL, __ATOMIC_ACQ_REL), &seed);
        left = left != NULL ? __atomic_exchange_n(box, left, __ATOMIC_ACQ_REL) : NULL;
        if (left != NULL) { /* somebody else filled the box meanwhile */
            parcel_check(left);
            berth_free(&heap, left);
        }
    }
    berth_owner_pop(&heap, before);
    __atomic_add_fetch(&ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* A signal handler is an ISR: it has the pool, and nothing else. */
static void handler(int number)
{
    (void)number;
    berth_linux_signal_enter();
    parcel_t *block = parcel_write(berth_malloc(&heap, 40, IN_POOL), 40, 7);
    if (block != NULL) {
        parcel_check(block);
        __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
        while (berth_try_free(&heap, block) == BERTH_ERR_BUSY) {
        }
    }
    expect(berth_malloc(&heap, 40, BERTH_CAP_INTERNAL) == NULL, "an ISR is let into a fit region");
    berth_linux_signal_leave();
}

/* Looks at everything while it changes. */
static void *watcher(void *unused)
{
    (void)unused;
    static berth_event_t events[32];
    static berth_block_t seen[16];
    uint32_t last = 0;
    while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < THREADS) {
        last += berth_poll(&heap, events, 32);
        berth_walk_t walk = {.region = &regions[last % 2]};
        for (uint32_t i = 0; i < 4; i++) {
            last += berth_walk(&heap, &walk, seen, 16);
        }
        const berth_request_t request = {.size = 1, .owner = 3};
        last += berth_allocatable(&heap, &request) != 0;
        last += berth_account(&heap, &regions[0], 3).live != 0;
        expect(berth_account(&heap, &regions[0], 3).live <= 6000, "a hard budget is exceeded");
    }
    return NULL;
}

/* A child goes on using the manager, whatever the threads of its parent were doing. */
static void fork_once(void)
{
    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(20);
        for (int i = 0; i < 50; i++) {
            void *block = berth_malloc(&heap, 100, 0);
            berth_free(&heap, block);
        }
        _exit(berth_poll(&heap, &(berth_event_t){0}, 1) <= 1 ? 0 : 1);
    }
    int status = 0;
    expect(child > 0 && waitpid(child, &status, 0) == child && status == 0,
           "a child cannot use the manager");
}

static void disturb(const pthread_t *threads)
{
    for (uint32_t i = 0; __atomic_load_n(&ended, __ATOMIC_ACQUIRE) < THREADS; i++) {
        if (i == 5) {
            expect(berth_region_add(&heap, &added) == BERTH_OK, "a region cannot be added");
        }
        if (i % 50 == 0) {
            fork_once();
        }
        (void)pthread_kill(threads[i % THREADS], SIGUSR1);
        const struct timespec pause = {.tv_nsec = 200000};
        (void)nanosleep(&pause, NULL);
    }
}

/* What is live is what is left in the mailboxes. */
static void audit(void)
{
    uint32_t live[2][OWNERS] = {{0}};
    uint32_t count = 0;
    for (uint32_t i = 0; i < MAILBOXES; i++) {
        if (mailboxes[i] != NULL) {
            const berth_about_t about = berth_about(&heap, mailboxes[i]);
            expect(about.status == BERTH_OK && about.region->index < 2, "a block is lost");
            live[about.region->index][about.owner] += about.taken;
            count++;
        }
    }
    for (uint32_t owner = 1; owner < OWNERS; owner++) {
        for (uint32_t i = 0; i < 2; i++) {
            const berth_account_t account = berth_account(&heap, &regions[i], (berth_owner_t)owner);
            expect(account.live == live[i][owner], "an account is not what its owner holds");
        }
    }
    expect(regions[0].total.count + regions[1].total.count == count, "blocks are miscounted");
    expect(regions[2].total.live == 0 && regions[2].total.count == 0, "the pool is not empty");
}

int main(int count, char **words)
{
    uint32_t rounds = count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : 40000;
    port = berth_port_linux;
    port.log = NULL;
    port.assertion = NULL;
    berth_free(&heap, berth_malloc(&heap, 8, 0)); /* wakes the manager, before there are threads */
    (void)signal(SIGUSR1, handler);
    pthread_t threads[THREADS + 1];
    for (uint32_t i = 0; i <= THREADS; i++) {
        expect(pthread_create(&threads[i], NULL, i < THREADS ? worker : watcher, &rounds) == 0,
               "a thread cannot be started");
    }
    disturb(threads);
    for (uint32_t i = 0; i <= THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    audit();
    printf("manager_linux: %u threads, %" PRIu32 " rounds each, %" PRIu32
           " blocks of signal handlers, %" PRIu32 " wrongs\n",
           THREADS, rounds, handled, wrongs);
    return wrongs == 0 ? 0 : 1;
}
