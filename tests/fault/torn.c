/* torn.c: records of refusals that were torn, damaged, or never written: is any believed?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whoever dies leaves the memory of the records as it was between two writes. On x86-64 each such
 * moment of a call is looked at: SIGTRAP comes after every instruction while the trap flag is set.
 * A manager is started on what there was then: each record must be whole, as it was before the call
 * or as it was after it, and no more than the one that was written may be missing.
 */
#include "berth/berth.h"
#include "berth/fit.h"

#include "random.h"

#include <inttypes.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS 4u
#define MOMENTS 4096u
#define RANDOM_STARTS 1000000u
#define DAMAGES 1000000u

typedef struct log {
    berth_failure_t records[RECORDS];
} log_t;

static log_t kept; /* survives */
static alignas(8) uint8_t memory[4096];
static berth_region_t region;
static berth_t berth;
static berth_config_t config;
static uint64_t now_us;
static uint32_t wrong;

/* --- a manager ------------------------------------------------------------------------------- */

static uintptr_t port_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    return 0;
}

static void port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)lock;
    (void)key;
}

static uint64_t port_now(void *self)
{
    (void)self;
    return now_us;
}

static berth_context_t *port_context(void *self)
{
    (void)self;
    return NULL;
}

static const berth_port_t port = {
    .lock = port_lock, .unlock = port_unlock, .now_us = port_now, .context = port_context};

static void manager_start(void)
{
    region = (berth_region_t){.engine = &berth_fit_engine,
                              .base = memory,
                              .size = sizeof memory,
                              .caps = {BERTH_CAP_BYTES | BERTH_CAP_DEFAULT}};
    config = (berth_config_t){.port = &port,
                              .regions = &region,
                              .region_count = 1,
                              .owner_count = 1,
                              .failure_count = RECORDS,
                              .failures = kept.records};
    if (berth_start(&berth, &config) != BERTH_OK) {
        printf("torn: the manager does not start\n");
        exit(2);
    }
}

static void refuse(uint32_t site)
{
    now_us += 100000;
    if (berth_alloc(&berth, &(berth_request_t){.size = 100000, .site = site}) != NULL) {
        wrong++;
    }
}

/* All places taken: two records of an earlier run, two of this one. */
static void log_fill(void)
{
    memset(&kept, 0, sizeof kept);
    manager_start();
    refuse(1);
    refuse(2);
    manager_start();
    refuse(3);
    refuse(4);
}

/* --- what is believed ------------------------------------------------------------------------ */

/* Whether two records tell the same, but for restarts. */
static bool record_tells(const berth_failure_t *record, const berth_failure_t *other)
{
    berth_failure_t one = *record;
    berth_failure_t two = *other;
    one.check = two.check = 0;
    one.guards &= 7u;
    two.guards &= 7u;
    return memcmp(&one, &two, sizeof one) == 0;
}

static bool log_tells(const log_t *log, const berth_failure_t *record)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (record_tells(&log->records[i], record)) {
            return true;
        }
    }
    return false;
}

/* The records that a manager has when it is started on what there is. False: one of them is neither
 * in the one log nor in the other. */
static bool log_is_true(const log_t *before, const log_t *after, uint32_t *count)
{
    bool is_true = true;
    *count = 0;
    manager_start();
    for (uint32_t i = 0; i < RECORDS; i++) {
        const berth_failure_t record = berth_failure_at(&berth, i);
        if (record.count != 0) {
            (*count)++;
            is_true = is_true && (log_tells(before, &record) || log_tells(after, &record));
        }
    }
    return is_true;
}

static uint32_t log_count(const log_t *log)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < RECORDS; i++) {
        count += log->records[i].count != 0;
    }
    return count;
}

/* --- killed between any two writes ------------------------------------------------------------ */

static log_t moments[MOMENTS];
static volatile uint32_t moment_count;

static void on_step(int number)
{
    (void)number;
    const uint32_t count = moment_count;
    if (count < MOMENTS && memcmp(&moments[count - 1], &kept, sizeof kept) != 0) {
        moments[count] = kept;
        moment_count = count + 1;
    }
}

#if defined(__x86_64__)
#define LEAST_MOMENTS 5u /* words that change one after the other */
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
#define LEAST_MOMENTS 1u
#define STEPS_START() (void)raise(SIGTRAP)
#define STEPS_STOP() (void)raise(SIGTRAP)
#endif

static void call_anew(void)
{
    refuse(5);
}

static void call_again(void)
{
    refuse(3);
}

static void call_blame(void)
{
    if (berth_blame(&berth, 0, -0x7F00).count == 0) {
        wrong++;
    }
}

static void call_start(void)
{
    manager_start();
}

static void moments_take(void (*call)(void))
{
    moments[0] = kept;
    moment_count = 1;
    STEPS_START();
    call();
    STEPS_STOP();
}

static void kill_in(const char *name, void (*call)(void))
{
    log_fill();
    const log_t before = kept;
    moments_take(call);
    const log_t after = kept;
    const uint32_t count = moment_count;
    uint32_t believed = 0;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < count; i++) {
        kept = moments[i];
        if (!log_is_true(&before, &after, &believed) || believed + 1 < log_count(&before)) {
            wrong++;
            printf("DIFFERENCE: %s, write %" PRIu32 ": what is told never was\n", name, i);
        }
        missing += believed < log_count(&before);
    }
    wrong += count < LEAST_MOMENTS || count == MOMENTS ? 1u : 0u;
    printf("  killed in %-8s %4" PRIu32 " moments, one record missing in %" PRIu32 "\n", name,
           count, missing);
}

/* --- damaged, random -------------------------------------------------------------------------- */

/* Every byte of every record, changed in every way. */
static void change_bytes(void)
{
    log_fill();
    const log_t whole = kept;
    uint32_t believed = 0;
    uint32_t count = 0;
    for (uint32_t at = 0; at < sizeof whole; at++) {
        for (uint32_t flip = 1; flip < 256; flip++) {
            kept = whole;
            ((uint8_t *)&kept)[at] ^= (uint8_t)flip;
            const bool is_true = log_is_true(&whole, &whole, &believed);
            wrong += is_true && believed == RECORDS - 1 ? 0 : 1u;
            count++;
        }
    }
    printf("  a byte changed: %" PRIu32 " times, all seen\n", count);
}

/* A run of bytes overwritten by something else. Told is the rate: a seal has 16 bits. */
static void overwrite(random_source_t *random)
{
    log_fill();
    const log_t whole = kept;
    uint32_t lies = 0;
    uint32_t believed = 0;
    for (uint32_t i = 0; i < DAMAGES; i++) {
        kept = whole;
        const uint32_t from = random_below(random, sizeof kept.records[0]);
        const uint32_t size = 1 + random_below(random, sizeof kept.records[0] - from);
        for (uint32_t at = from; at < from + size; at++) {
            ((uint8_t *)kept.records)[at] = (uint8_t)random_next(random);
        }
        lies += log_is_true(&whole, &whole, &believed) ? 0 : 1u;
        wrong += believed < RECORDS - 1 ? 1u : 0u;
    }
    wrong += lies > DAMAGES / 32768 ? 1u : 0u;
    printf("  bytes overwritten: %" PRIu32 " of %u believed\n", lies, DAMAGES);
}

/* Memory as it is after power came. */
static void start_at_random(random_source_t *random)
{
    const log_t none = {0};
    uint32_t lies = 0;
    uint32_t believed = 0;
    for (uint32_t i = 0; i < RANDOM_STARTS; i++) {
        for (uint32_t at = 0; at < sizeof kept / 4; at++) {
            const uint32_t word = random_next(random);
            memcpy((uint8_t *)&kept + 4 * at, &word, sizeof word);
        }
        lies += log_is_true(&none, &none, &believed) ? 0 : 1u;
    }
    wrong += lies;
    printf("  random memory: %" PRIu32 " of %u believed\n", lies, RANDOM_STARTS * RECORDS);
}

int main(void)
{
    random_source_t random = random_from(1);
    const struct sigaction step = {.sa_handler = on_step};
    if (sigaction(SIGTRAP, &step, NULL) != 0) {
        return 2;
    }
    kill_in("anew", call_anew);
    kill_in("again", call_again);
    kill_in("blame", call_blame);
    kill_in("start", call_start);
    change_bytes();
    overwrite(&random);
    start_at_random(&random);
    printf("torn: %" PRIu32 " differences\n", wrong);
    return wrong == 0 ? 0 : 1;
}
