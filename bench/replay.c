/* replay.c: bench_replay, a trace on the engine, with marks for the plugin around each call.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One source for x86-64, Cortex-M3 and RV32. Contents are not copied when a block moves: only the
 * engine is counted.
 */
#include "berth/fit.h"
#include "count/empty.h"
#include "count/marks.h"
#include "mtr.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER 1u
#define PAGE 4096u

/* Of the peak, in percent: the arena is the first in which the trace succeeds. So the counts do not
 * depend on the last byte of what the engine needs. */
static const uint32_t ARENA_PERCENT[] = {130, 175, 250, 400, 800, 1600};

typedef berth_grant_t (*alloc_fn)(berth_region_t *, size_t, uint32_t, berth_tag_t);
typedef berth_change_t (*free_fn)(berth_region_t *, uint32_t);
typedef berth_change_t (*resize_fn)(berth_region_t *, uint32_t, size_t);

static const berth_engine_t EMPTY_ENGINE = {.name = "empty",
                                            .alloc = (alloc_fn)bench_empty,
                                            .free = (free_fn)bench_empty,
                                            .resize = (resize_fn)bench_empty};

volatile uint8_t bench_marks[MARK_COUNT];

/* Volatile, so that the compiler makes one and the same call of the empty engine and the real. */
static const berth_engine_t *volatile engine_in_use = &berth_fit_engine;

__attribute__((noinline)) static berth_grant_t counted_alloc(berth_region_t *region, size_t size,
                                                             uint32_t align)
{
    const berth_engine_t *engine = engine_in_use;
    bench_marks[MARK_ALLOC] = 1;
    const berth_grant_t grant = engine->alloc(region, size, align, OWNER);
    bench_marks[MARK_END] = 1;
    return grant;
}

__attribute__((noinline)) static berth_change_t counted_free(berth_region_t *region,
                                                             uint32_t offset)
{
    const berth_engine_t *engine = engine_in_use;
    bench_marks[MARK_FREE] = 1;
    const berth_change_t change = engine->free(region, offset);
    bench_marks[MARK_END] = 1;
    return change;
}

__attribute__((noinline)) static berth_change_t counted_resize(berth_region_t *region,
                                                               uint32_t offset, size_t size)
{
    const berth_engine_t *engine = engine_in_use;
    bench_marks[MARK_RESIZE] = 1;
    const berth_change_t change = engine->resize(region, offset, size);
    bench_marks[MARK_END] = 1;
    return change;
}

static void calibrate(berth_region_t *region)
{
    engine_in_use = &EMPTY_ENGINE;
    bench_marks[MARK_CALIBRATE] = 1;
    (void)counted_alloc(region, 1, 0);
    bench_marks[MARK_CALIBRATE] = 1;
    (void)counted_free(region, 0);
    bench_marks[MARK_CALIBRATE] = 1;
    (void)counted_resize(region, 0, 1);
    engine_in_use = &berth_fit_engine;
}

__attribute__((noinline)) static void range_tell(int mark, volatile uint8_t *first,
                                                 volatile uint8_t *last)
{
    bench_marks[mark] = 1;
    *first = 0;
    *last = 0;
}

/* Returns the offset that serves the operation, or BERTH_NOWHERE. */
static uint32_t op_serve(berth_region_t *region, const mtr_op_t *op, uint32_t offset)
{
    if (op->kind == MTR_REALLOC && counted_resize(region, offset, op->size).status == BERTH_OK) {
        return offset;
    }
    const uint32_t align = op->kind == MTR_ALIGNED ? 1u << op->align_log2 : 0;
    const berth_grant_t grant = counted_alloc(region, op->size, align);
    if (op->kind == MTR_REALLOC && grant.offset != BERTH_NOWHERE) {
        (void)counted_free(region, offset);
    }
    return grant.offset;
}

/* Returns how many operations succeeded. */
static uint32_t trace_run(berth_region_t *region, const mtr_t *trace, uint32_t *offsets)
{
    for (uint32_t i = 0; i < trace->op_count; i++) {
        const mtr_op_t *op = &trace->ops[i];
        if (op->kind != MTR_FREE) {
            offsets[op->slot] = op_serve(region, op, offsets[op->slot]);
            if (offsets[op->slot] == BERTH_NOWHERE) {
                return i;
            }
        } else if (counted_free(region, offsets[op->slot]).status != BERTH_OK) {
            printf("bench_replay: operation %" PRIu32
                   ": a live block is not freed; mend the engine\n",
                   i);
            exit(2);
        }
    }
    return trace->op_count;
}

static uint8_t *pages_alloc(size_t size)
{
    uint8_t *memory = malloc(size + PAGE);
    if (memory == NULL) {
        printf("bench_replay: no memory for an arena of %lu bytes\n", (unsigned long)size);
        exit(2);
    }
    return memory + (PAGE - (uintptr_t)memory % PAGE) % PAGE; /* never given back */
}

/* Replays in a region of `size` bytes; bookkeeping beside it comes on top. */
static uint32_t arena_run(const mtr_t *trace, uint32_t size, uint32_t granule, int is_beside)
{
    uint8_t *base = pages_alloc(size);
    berth_region_t region = {.engine = &berth_fit_engine,
                             .base = base,
                             .address = (uint32_t)(uintptr_t)base,
                             .size = size,
                             .granule = granule,
                             .align = granule};
    range_tell(MARK_REGION, base, base + size - 1);
    if (is_beside) {
        region.beside_size = region.engine->beside_size(&region);
        region.beside = pages_alloc(region.beside_size);
        uint8_t *book = region.beside;
        range_tell(MARK_BOOK, book, book + region.beside_size - 1);
    }
    uint32_t *offsets = calloc(trace->slot_count, sizeof *offsets);
    if (offsets == NULL || region.engine->start(&region) != BERTH_OK) {
        printf("bench_replay: the engine does not start in %" PRIu32 " bytes\n", size);
        exit(2);
    }
    bench_marks[MARK_RESET] = 1;
    calibrate(&region);
    const uint32_t done = trace_run(&region, trace, offsets);
    free(offsets);
    return done;
}

static int trace_replay(const mtr_t *trace, uint32_t granule, int is_beside)
{
    for (size_t i = 0; i < sizeof ARENA_PERCENT / sizeof ARENA_PERCENT[0]; i++) {
        const uint64_t wanted = (uint64_t)trace->peak * ARENA_PERCENT[i] / 100;
        const uint32_t size = (uint32_t)((wanted + PAGE - 1) / PAGE * PAGE);
        if (arena_run(trace, size, granule, is_beside) == trace->op_count) {
            printf("arena %" PRIu32 "\n", size);
            return 0;
        }
    }
    printf("bench_replay: the trace fits in no arena up to 16 times its peak\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        printf("bench_replay trace.mtr fit|beside granule\n"
               "Replays under qemu -plugin; see instructions.sh. Exit: 0 replayed, 2 could not.\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL) {
        printf("bench_replay: %s: cannot be opened\n", argv[1]);
        return 2;
    }
    const mtr_t trace = mtr_read(file, argv[1]);
    fclose(file);
    if (trace.ops == NULL) {
        printf("bench_replay: %s\n", trace.error);
        return 2;
    }
    bench_marks[MARK_RESET] = 1;
    bench_marks[MARK_RESET] = 1;
    const uint32_t granule = (uint32_t)strtoul(argv[3], NULL, 10);
    return trace_replay(&trace, granule, strcmp(argv[2], "beside") == 0);
}
