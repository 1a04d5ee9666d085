/* s8_monitor.c: does watching a heap of 60,000 blocks stop the device any longer than one of 1,000?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S8: 8 MB, 60,000 blocks, and a second thread that allocates and frees. How long each
 * query holds a lock is counted in instructions, on an emulated RV32 (s8.sh); elsewhere the answers
 * alone are judged. The second thread is the worst that there could be: it takes its turn whenever
 * a query leaves a lock. Control: a monitor that walks the heap in one go, meshtastic #11666, where
 * that tripped the watchdog: its hold grows with the blocks. Negative: a healthy heap, no alarm.
 */
#include "berth/check.h"
#include "berth/fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGION_SIZE (8u * 1024u * 1024u)
#define FEW 1000u
#define MANY 60000u
#define TURNS 8u /* blocks that the second thread has at a time */
#define OWNERS 4u
#define EVENTS 32u
#define WALK_ROOM 16u       /* blocks that a walk asks for at a time */
#define SAME_PERCENT 5u     /* by which a hold may differ: which blocks a slice meets */
#define GROWS_TIMES 20u     /* by which the control's must */
#define HOLD_MOST 12000u    /* instructions: of any query, in a region of any size */
#define CALLS_MOST 1000000u /* of a query, until it is through */

typedef enum query {
    QUERY_NONE,
    QUERY_WALK,
    QUERY_CHECK,
    QUERY_ALLOCATABLE,
    QUERY_ABOUT,
    QUERY_ACCOUNT,
    QUERY_POLL,
    QUERY_MEND,
    QUERY_CONTROL,
    QUERIES
} query_t;

static const char *const query_names[QUERIES] = {"",
                                                 "walk",
                                                 "check",
                                                 "allocatable",
                                                 "about",
                                                 "account",
                                                 "poll",
                                                 "check that mends",
                                                 "control: a walk in one go"};

static _Alignas(8) uint8_t memory[REGION_SIZE];
static uint8_t *blocks[MANY];
static uint8_t *turns[TURNS]; /* the second thread's */
static berth_t berth;
static berth_region_t region;
static berth_account_t accounts[OWNERS];
static berth_account_t sums[OWNERS];
static berth_event_t events[EVENTS];
static berth_context_t context;

static query_t query;  /* that is being made */
static bool is_second; /* the second thread's turn */
static uint32_t turn_count;
static uint32_t taken_at;
static uint32_t longest[QUERIES];
static uint32_t holds[QUERIES];
static bool is_fine = true;

/* Instructions so far, where they can be told. */
static uint32_t instructions(void)
{
    uint32_t count = 0;
#if defined(__riscv)
    __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, minstret\n.option pop"
                     : "=r"(count)
                     :
                     : "memory");
#endif
    return count;
}

static void claim(bool holds_true, const char *what)
{
    if (!holds_true) {
        printf("s8_monitor: not so: %s\n", what);
        is_fine = false;
    }
}

/* --- a port that counts, and hands the turn over --------------------------------------------- */

static void second_thread(void)
{
    uint8_t **block = &turns[turn_count++ % TURNS];
    if (*block != NULL) {
        berth_free(&berth, *block);
        *block = NULL;
    } else {
        const berth_request_t request = {.size = 40u + turn_count % 100u, .owner = 2};
        *block = berth_alloc(&berth, &request);
    }
}

static uintptr_t port_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    taken_at = is_second ? taken_at : instructions();
    return 0;
}

static void port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)lock;
    (void)key;
    if (is_second || query == QUERY_NONE) {
        return;
    }
    const uint32_t held = instructions() - taken_at;
    longest[query] = held > longest[query] ? held : longest[query];
    holds[query]++;
    is_second = true;
    second_thread();
    is_second = false;
}

static uint64_t port_now(void *self)
{
    (void)self;
    return 0;
}

static berth_context_t *port_context(void *self)
{
    (void)self;
    return &context;
}

static const berth_port_t port = {
    .lock = port_lock, .unlock = port_unlock, .now_us = port_now, .context = port_context};

/* --- a heap ---------------------------------------------------------------------------------- */

static uint32_t size_of(uint32_t i)
{
    return 20u + i * 7919u % 160u;
}

/* Blocks of the same sizes, however many; every third one is freed and filled again. */
static void heap_start(uint32_t count)
{
    static const berth_config_t config = {.port = &port,
                                          .regions = &region,
                                          .accounts = accounts,
                                          .events = events,
                                          .event_count = EVENTS,
                                          .region_count = 1,
                                          .owner_count = OWNERS};
    region = (berth_region_t){.name = "psram",
                              .engine = &berth_fit_engine,
                              .base = memory,
                              .address = 0x3C000000u,
                              .size = REGION_SIZE,
                              .caps = {BERTH_CAP_BYTES | BERTH_CAP_DEFAULT},
                              .is_slow = true};
    claim(berth_start(&berth, &config) == BERTH_OK, "the manager starts");
    memset(turns, 0, sizeof turns);
    for (uint32_t i = 0; i < count; i++) {
        const berth_request_t request = {.size = size_of(i), .owner = 1};
        blocks[i] = berth_alloc(&berth, &request);
        claim(blocks[i] != NULL, "there is room for all blocks");
    }
    for (uint32_t i = 0; i < count; i += 3) {
        berth_free(&berth, blocks[i]);
        blocks[i] = NULL;
    }
    for (uint32_t i = 0; i < count; i += 6) {
        const berth_request_t request = {.size = size_of(i + 1), .owner = 3};
        blocks[i] = berth_alloc(&berth, &request);
    }
}

/* --- queries --------------------------------------------------------------------------------- */

static void query_walk(uint32_t count)
{
    berth_walk_t walk = {.region = &region};
    berth_block_t told[WALK_ROOM];
    uint32_t live = 0;
    for (uint32_t calls = 0; walk.cursor != BERTH_NOWHERE && calls < CALLS_MOST; calls++) {
        const uint32_t found = berth_walk(&berth, &walk, told, WALK_ROOM);
        for (uint32_t i = 0; i < found; i++) {
            live += told[i].owner == 1 || told[i].owner == 3;
        }
    }
    uint32_t expected = 0;
    for (uint32_t i = 0; i < count; i++) {
        expected += blocks[i] != NULL;
    }
    claim(walk.cursor == BERTH_NOWHERE, "the walk ends");
    claim(live == expected, "the walk tells every block that lives all the time, once");
}

static void query_check(void)
{
    berth_check_t check = {.region = &region, .mender = &berth_fit_mender, .accounts = sums};
    berth_checked_t checked = {.is_done = false};
    for (uint32_t calls = 0; !checked.is_done && calls < CALLS_MOST; calls++) {
        checked = berth_check(&berth, &check);
        claim(checked.status == BERTH_OK, "the check of a healthy heap finds nothing");
    }
    claim(checked.is_done, "the check ends");
}

static void query_poll(void)
{
    berth_event_t told[EVENTS];
    const uint32_t count = berth_poll(&berth, told, EVENTS);
    for (uint32_t i = 0; i < count; i++) {
        claim(told[i].kind != BERTH_EVENT_DAMAGE, "nobody tells of damage");
    }
}

/* A header is damaged: the check finds it, withdraws the block, and builds the index anew. */
static void query_mend(void)
{
    berth_check_t check = {.region = &region, .mender = &berth_fit_mender, .accounts = sums};
    berth_checked_t checked = {.is_done = false};
    uint32_t header = 0;
    memcpy(&header, blocks[1] - sizeof header, sizeof header);
    header ^= 2u;
    memcpy(blocks[1] - sizeof header, &header, sizeof header);
    for (uint32_t calls = 0; !checked.is_done && calls < CALLS_MOST; calls++) {
        checked = berth_check(&berth, &check);
    }
    claim(checked.is_done && checked.status == BERTH_OK, "the damage is mended");
    claim(checked.withdrawn != 0 && checked.withdrawn < 256, "one block is withdrawn");
}

/* What a monitor does that is written for a small heap. */
static void query_control(void)
{
    const uintptr_t key = port.lock(NULL, &region.lock);
    uint32_t used = 0;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = berth_fit_engine.walk(&region, cursor);
        used += block.owner != BERTH_NO_OWNER ? block.taken : 0;
        cursor = block.next;
    }
    claim(used == region.total.live, "the control counts what is used");
    port.unlock(NULL, &region.lock, key);
}

static void query_make(query_t which, uint32_t count)
{
    const berth_request_t any = {.size = 1, .owner = 1};
    query = which;
    switch ((uint32_t)which) {
    case QUERY_WALK:
        query_walk(count);
        break;
    case QUERY_CHECK:
        query_check();
        break;
    case QUERY_ALLOCATABLE:
        claim(berth_allocatable(&berth, &any) != 0, "there is something to be had");
        break;
    case QUERY_ABOUT:
        claim(berth_about(&berth, blocks[1]).owner == 1, "a block is known");
        break;
    case QUERY_ACCOUNT:
        claim(berth_account(&berth, &region, 1).count != 0, "the owner holds blocks");
        break;
    case QUERY_POLL:
        query_poll();
        break;
    case QUERY_MEND:
        query_mend();
        break;
    default:
        query_control();
        break;
    }
    query = QUERY_NONE;
}

/* The longest hold of each query, in a heap of so many blocks. */
static void heap_watch(uint32_t count, uint32_t into[QUERIES])
{
    heap_start(count);
    memset(longest, 0, sizeof longest);
    for (uint32_t which = QUERY_WALK; which < QUERIES; which++) {
        query_make((query_t)which, count);
    }
    memcpy(into, longest, sizeof longest);
}

static bool are_the_same(uint32_t a, uint32_t b)
{
    const uint32_t least = a < b ? a : b;
    const uint32_t most = a < b ? b : a;
    return (uint64_t)most * 100u <= (uint64_t)least * (100u + SAME_PERCENT);
}

int main(void)
{
    static uint32_t few[QUERIES];
    static uint32_t many[QUERIES];
    heap_watch(FEW, few);
    heap_watch(MANY, many);
    const bool is_counted = few[QUERY_CONTROL] != 0;
    printf("longest hold of a lock, in instructions%s\n%-28s %10s %10s\n",
           is_counted ? "" : ": not counted here", "query", "1,000", "60,000");
    for (uint32_t which = QUERY_WALK; which < QUERIES && is_counted; which++) {
        printf("%-28s %10" PRIu32 " %10" PRIu32 "\n", query_names[which], few[which], many[which]);
        if (which == QUERY_CONTROL) {
            claim(many[which] > few[which] * GROWS_TIMES, "the control's hold grows");
        } else {
            claim(are_the_same(few[which], many[which]), "a query holds its lock as long as ever");
            claim(many[which] <= HOLD_MOST, "a query holds its lock no longer than is said");
        }
    }
    return is_fine ? 0 : 1;
}
