/* pipeline.c: bench_pipeline, a trace through the public calls, with marks for the plugin around
 * each. SPDX-License-Identifier: Apache-2.0
 *
 * Two regions: SRAM for three quarters of the trace's peak, which takes requests of up to 16 KB
 * first, and PSRAM for all of it. 15 owners and "others", each with a soft and a hard budget in
 * both; room for 32 events. What a slot holds is always the same owner's. Windows of low water, if
 * any: the first is of the SRAM, the second of both regions.
 */
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/low.h"
#include "count/empty.h"
#include "count/marks.h"
#include "mtr.h"
#include "stub_port.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(BENCH_LINUX_PORT)
#include "port_linux.h"
#define PORT berth_port_linux
#else
#define PORT bench_stub_port
#endif

#define OWNERS 16u
#define EVENTS 32u
#define PAGE 4096u
#define LOWS 2u
#define SMALL_MOST 16384u
#define PLENTY 0x10000000u /* bytes: a budget that is looked at and never exceeded */

volatile uint8_t bench_marks[MARK_COUNT];

static berth_budget_t budgets[OWNERS];
static berth_account_t accounts[2 * OWNERS];
static berth_event_t events[EVENTS];
static berth_t berth;
static uint32_t held[LOWS][OWNERS];
static berth_low_t lows[LOWS];

static berth_region_t regions[2] = {
    {.name = "sram",
     .engine = &berth_fit_engine,
     .caps = {BERTH_CAP_INTERNAL | BERTH_CAP_FAST | BERTH_CAP_DMA | BERTH_CAP_DEFAULT |
              BERTH_CAP_BYTES},
     .upto = SMALL_MOST,
     .budgets = budgets},
    {.name = "psram",
     .engine = &berth_fit_engine,
     .caps = {BERTH_CAP_EXTERNAL | BERTH_CAP_DEFAULT | BERTH_CAP_BYTES},
     .over = SMALL_MOST,
     .is_slow = true,
     .budgets = budgets},
};

static const berth_config_t config = {.port = &PORT,
                                      .regions = regions,
                                      .accounts = accounts,
                                      .events = events,
                                      .event_count = EVENTS,
                                      .region_count = 2,
                                      .owner_count = OWNERS};

typedef void *(*alloc_fn)(berth_t *, const berth_request_t *);
typedef void (*free_fn)(berth_t *, void *);
typedef void *(*resize_fn)(berth_t *, void *, const berth_request_t *);

static alloc_fn volatile alloc_in_use = (alloc_fn)bench_empty;
static free_fn volatile free_in_use = (free_fn)bench_empty;
static resize_fn volatile resize_in_use = (resize_fn)bench_empty;

__attribute__((noinline)) static void *counted_alloc(const berth_request_t *request)
{
    const alloc_fn alloc = alloc_in_use;
    bench_marks[MARK_ALLOC] = 1;
    void *block = alloc(&berth, request);
    bench_marks[MARK_END] = 1;
    return block;
}

__attribute__((noinline)) static void counted_free(void *block)
{
    const free_fn give_back = free_in_use;
    bench_marks[MARK_FREE] = 1;
    give_back(&berth, block);
    bench_marks[MARK_END] = 1;
}

__attribute__((noinline)) static void *counted_resize(void *block, const berth_request_t *request)
{
    const resize_fn resize = resize_in_use;
    bench_marks[MARK_RESIZE] = 1;
    void *place = resize(&berth, block, request);
    bench_marks[MARK_END] = 1;
    return place;
}

static void calibrate(void)
{
    static const berth_request_t request = {.size = 1};
    bench_marks[MARK_CALIBRATE] = 1;
    (void)counted_alloc(&request);
    bench_marks[MARK_CALIBRATE] = 1;
    counted_free(NULL);
    bench_marks[MARK_CALIBRATE] = 1;
    (void)counted_resize(NULL, &request);
    alloc_in_use = berth_alloc;
    free_in_use = berth_free;
    resize_in_use = berth_resize;
}

static void region_lay(berth_region_t *region, uint32_t size)
{
    size = (size + PAGE - 1) / PAGE * PAGE;
    uint8_t *memory = malloc(size + PAGE);
    if (memory == NULL) {
        printf("bench_pipeline: no memory for a region of %" PRIu32 " bytes\n", size);
        exit(2);
    }
    region->base = memory + (PAGE - (uintptr_t)memory % PAGE) % PAGE;
    region->address = (uint32_t)(uintptr_t)region->base;
    region->size = size;
}

static void *op_serve(const mtr_op_t *op, void *block)
{
    berth_request_t request = {.size = op->size,
                               .align = op->kind == MTR_ALIGNED ? 1u << op->align_log2 : 0,
                               .owner = (berth_owner_t)(1 + op->slot % (OWNERS - 1))};
    if (op->kind != MTR_REALLOC) {
        return counted_alloc(&request);
    }
    request.needed = BERTH_CAP_BYTES; /* names caps: so it may go elsewhere */
    return counted_resize(block, &request);
}

/* Returns how many operations succeeded. */
static uint32_t trace_run(const mtr_t *trace, void **blocks)
{
    for (uint32_t i = 0; i < trace->op_count; i++) {
        const mtr_op_t *op = &trace->ops[i];
        if (op->kind == MTR_FREE) {
            counted_free(blocks[op->slot]);
            continue;
        }
        blocks[op->slot] = op_serve(op, blocks[op->slot]);
        if (blocks[op->slot] == NULL) {
            return i;
        }
    }
    return trace->op_count;
}

/* Begins `count` windows. False: it cannot. */
static bool lows_begin(uint32_t count)
{
    bool is_begun = count <= LOWS;
    lows[0].region = &regions[0];
    lows[1].caps = BERTH_CAP_DEFAULT;
    for (uint32_t i = 0; is_begun && i < count; i++) {
        lows[i].held = held[i];
        is_begun = berth_low_add(&berth, &lows[i]) == BERTH_OK;
    }
    return is_begun;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 || argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        printf("bench_pipeline TRACE.mtr [WINDOWS OF LOW WATER, 2 AT MOST]\n"
               "Replays under qemu -plugin; see instructions.sh. Exit: 0 replayed, 2 could not.\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    const uint32_t low_count = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
    const mtr_t trace = mtr_read(file, argv[1]);
    fclose(file);
    if (trace.ops == NULL) {
        printf("bench_pipeline: %s\n", trace.error);
        return 2;
    }
    for (uint32_t i = 0; i < OWNERS; i++) {
        budgets[i] = (berth_budget_t){.soft = PLENTY, .hard = PLENTY};
    }
    region_lay(&regions[0], trace.peak / 100 * 130);
    region_lay(&regions[1], trace.peak);
    void **blocks = calloc(trace.slot_count, sizeof *blocks);
    if (blocks == NULL || berth_start(&berth, &config) != BERTH_OK || !lows_begin(low_count)) {
        puts("bench_pipeline: the manager does not start");
        return 2;
    }
    bench_marks[MARK_RESET] = 1;
    bench_marks[MARK_RESET] = 1;
    calibrate();
    const uint32_t done = trace_run(&trace, blocks);
    free(blocks);
    if (done != trace.op_count) {
        printf("bench_pipeline: operation %" PRIu32 " is refused: the regions are too small\n",
               done);
        return 2;
    }
    printf("sram refused %" PRIu32 ", lost %" PRIu32 "\n", regions[0].refused, berth_lost(&berth));
    return 0;
}
