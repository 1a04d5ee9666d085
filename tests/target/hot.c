/* hot.c: an ISR on a pool, and all that a cache-off path may call, while the flash cannot be read.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flash is denied by the MPU of the Cortex-M3: a read or a fetch from it is a fault, which ends
 * the program. All of this file stays reachable, as hot.txt's sources do.
 */
#include "hot.h"

#include "berth/arena.h"
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/pool.h"
#include "port_baremetal_arm.h"

#define WANT(claim)                                                                                \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

#define RADIO 1u  /* an owner */
#define SENSOR 2u /* another, with a budget */
#define LEDGER 3u /* accounts: theirs and the others' */
#define SCRATCH BERTH_CAP_PLACE(0)
#define PACKETS BERTH_CAP_PLACE(1)
#define FIT_SIZE 8192u
#define EVENTS 64u
#define HELD 4u /* blocks that the ISR keeps */

static uint32_t fit_memory[FIT_SIZE / 4];
static uint32_t arena_memory[256];
static uint32_t pool_memory[256];
static uint32_t slow_memory[1024];

/* What a hot path reads is hot, too: so budgets are here. */
static const berth_pool_config_t packets = {.block_size = 64};
static const berth_budget_t budgets[LEDGER] = {[SENSOR] = {.soft = 64, .hard = 256}};
static berth_account_t accounts[4 * LEDGER];
static berth_event_t events[EVENTS];
berth_t hot_berth;

#define OF(memory) .base = (memory), .size = sizeof(memory)
#define INTERNAL (BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_CACHE_OFF)

static berth_region_t regions[] = {
    {OF(fit_memory), .engine = &berth_fit_engine, .caps = {INTERNAL | BERTH_CAP_DEFAULT},
     .budgets = budgets},
    {OF(arena_memory), .engine = &berth_arena_engine, .caps = {INTERNAL | SCRATCH}},
    {OF(pool_memory), .engine = &berth_pool_engine, .caps = {INTERNAL | PACKETS},
     .config = &packets},
    /* The engine of this one is in the flash: hot paths stay away. */
    {OF(slow_memory), .engine = &berth_fit_debug_engine,
     .caps = {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL | BERTH_CAP_DEFAULT}, .is_slow = true},
};

const berth_config_t hot_config = {.port = &berth_port_baremetal_arm,
                                   .regions = regions,
                                   .accounts = accounts,
                                   .events = events,
                                   .event_count = EVENTS,
                                   .region_count = sizeof regions / sizeof regions[0],
                                   .owner_count = LEDGER};

/* Who follows the regions follows what hot paths do. */
static uint32_t low_held[LEDGER];
static berth_low_kept_t low_kept;
berth_low_t hot_low = {.caps = BERTH_CAP_INTERNAL, .held = low_held, .kept = &low_kept};
static berth_site_block_t site_blocks[64];
static berth_site_t site_rows[16];
berth_sites_t hot_sites = {
    .blocks = site_blocks, .rows = site_rows, .block_count = 64, .row_count = 16};

/* --- the port's part ------------------------------------------------------------------------- */

static volatile uint32_t now_us;
static volatile uint32_t lines_logged;

uint64_t berth_baremetal_now_us(void)
{
    return ++now_us;
}

void berth_baremetal_log(berth_level_t level, const char *text)
{
    (void)level;
    lines_logged += text[0] != '\0'; /* reads it, as any log would */
}

/* --- the flash ------------------------------------------------------------------------------- */

#define MPU_CONTROL (*(volatile uint32_t *)0xE000ED94u)
#define MPU_REGION (*(volatile uint32_t *)0xE000ED98u)
#define MPU_BASE (*(volatile uint32_t *)0xE000ED9Cu)
#define MPU_ATTRIBUTES (*(volatile uint32_t *)0xE000EDA0u)
#define MPU_ON 5u              /* enabled, and all other memory as ever */
#define NOBODY_4MB 0x1000002Bu /* 2^22 bytes that nobody reads, writes or executes */

static void flash_deny(bool is_denied)
{
    MPU_REGION = 0;
    MPU_BASE = 0;
    MPU_ATTRIBUTES = NOBODY_4MB;
    MPU_CONTROL = is_denied ? MPU_ON : 0;
    __asm__ volatile("dsb\n\tisb" : : : "memory");
}

/* --- the ISR --------------------------------------------------------------------------------- */

volatile uint32_t hot_interrupts;
volatile int hot_isr_wrong;

static void *held[HELD];

/* Replaces the oldest packet; tries what it must not; all within the pool's lock or none. */
static int isr_go(void)
{
    void **oldest = &held[hot_interrupts % HELD];
    berth_free(&hot_berth, *oldest);
    *oldest = berth_malloc(&hot_berth, 60, PACKETS);
    WANT(*oldest != NULL);
    WANT(berth_malloc(&hot_berth, 16, 0) == NULL);
    WANT(berth_try_free(&hot_berth, fit_memory + 100) == BERTH_ERR_GUARD);
    WANT(berth_try_free(&hot_berth, &hot_berth) == BERTH_ERR_INVALID);
    return 0;
}

void arm_systick_isr(void);
void arm_systick_isr(void)
{
    const int wrong = isr_go();
    hot_interrupts++;
    hot_isr_wrong = hot_isr_wrong != 0 ? hot_isr_wrong : wrong;
}

/* --- the paths ------------------------------------------------------------------------------- */

static int path_blocks(void)
{
    uint8_t *first = berth_malloc(&hot_berth, 100, 0);
    uint8_t *second = berth_calloc(&hot_berth, 10, 20, 0);
    WANT(first != NULL && second != NULL && second[0] == 0 && second[199] == 0);
    WANT(berth_realloc(&hot_berth, second, 40) == second);
    WANT(berth_realloc(&hot_berth, second, 120) == second);
    uint8_t *moved = berth_realloc(&hot_berth, first, 300);
    WANT(moved != NULL && moved != first);
    const berth_request_t wish = {.size = 400, .needed = INTERNAL, .is_zeroed = true};
    uint8_t *roamed = berth_resize(&hot_berth, moved, &wish);
    WANT(roamed != NULL && roamed[399] == 0);
    WANT(berth_try_free(&hot_berth, roamed) == BERTH_OK);
    berth_free(&hot_berth, second);
    WANT(berth_try_free(&hot_berth, second) == BERTH_ERR_INVALID);
    return 0;
}

static int path_hops(void)
{
    const berth_request_t scratch = {.needed = SCRATCH};
    const berth_request_t aligned = {
        .size = FIT_SIZE, .align = 64, .preferred = BERTH_CAP_EXTERNAL, .otherwise = &scratch};
    WANT(berth_alloc(&hot_berth, &aligned) == NULL);
    const berth_request_t least = {.size = FIT_SIZE, .smallest = 1024, .left = 512};
    void *block = berth_alloc(&hot_berth, &least);
    WANT(block != NULL);
    const berth_request_t other = {.size = 2048, .otherwise = &scratch, .needed = INTERNAL};
    WANT(berth_alloc(&hot_berth, &other) == NULL);
    WANT(berth_realloc(&hot_berth, block, 2 * FIT_SIZE) == NULL);
    berth_free(&hot_berth, block);
    return 0;
}

static int path_owners(void)
{
    const berth_owner_t before = berth_owner_push(&hot_berth, RADIO);
    void *block = berth_malloc(&hot_berth, 80, 0);
    berth_owner_pop(&hot_berth, before);
    WANT(block != NULL);
    WANT(berth_give(&hot_berth, block, SENSOR) == BERTH_OK);
    WANT(berth_give(&hot_berth, block, LEDGER) == BERTH_ERR_INVALID);
    const berth_request_t beyond = {.size = 300, .owner = SENSOR};
    WANT(berth_alloc(&hot_berth, &beyond) == NULL);
    WANT(berth_realloc(&hot_berth, block, 300) == NULL);
    berth_free(&hot_berth, block);
    const uint8_t guards = berth_guard_enter(&hot_berth, BERTH_GUARD_NO_ALLOC);
    WANT(berth_malloc(&hot_berth, 8, 0) == NULL);
    berth_guard_leave(&hot_berth, guards);
    return 0;
}

static int path_marks(void)
{
    const uint32_t mark = berth_mark(&hot_berth, &regions[1]);
    uint8_t *block = berth_malloc(&hot_berth, 100, SCRATCH);
    WANT(block != NULL && berth_malloc(&hot_berth, 50, SCRATCH) != NULL);
    WANT(berth_give(&hot_berth, block, RADIO) == BERTH_ERR_INVALID);
    berth_free(&hot_berth, block);
    WANT(berth_reset(&hot_berth, &regions[1], mark) == BERTH_OK);
    WANT(berth_reset(&hot_berth, &regions[1], mark + 4) == BERTH_ERR_INVALID);
    WANT(berth_reset(&hot_berth, &regions[0], 0) == BERTH_ERR_INVALID);
    void *packet = berth_malloc(&hot_berth, 64, PACKETS);
    WANT(packet != NULL && berth_realloc(&hot_berth, packet, 20) == packet);
    WANT(berth_realloc(&hot_berth, packet, 65) == NULL);
    WANT(berth_give(&hot_berth, packet, RADIO) == BERTH_OK);
    berth_free(&hot_berth, packet);
    return 0;
}

int hot_paths(void)
{
    int wrong = path_blocks();
    wrong = wrong != 0 ? wrong : path_hops();
    wrong = wrong != 0 ? wrong : path_owners();
    return wrong != 0 ? wrong : path_marks();
}

const volatile uint32_t *volatile hot_place;

int hot_read(void)
{
    return (int)*hot_place;
}

int hot_run(int (*path)(void), uint32_t rounds)
{
    int wrong = 0;
    flash_deny(true);
    const uint8_t before = berth_guard_enter(&hot_berth, BERTH_GUARD_CACHE_OFF);
    for (uint32_t round = 0; round < rounds && wrong == 0; round++) {
        wrong = path();
    }
    berth_guard_leave(&hot_berth, before);
    flash_deny(false);
    return wrong;
}
