/* plugin.c: counts, under QEMU, the instructions of each engine call and the lines it touches.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     qemu-x86_64 -plugin ./plugin.so,marks=0x4c7310,out=counts.csv ./bench_replay ...
 *
 * `marks` is the address of bench_marks (nm tells it), `out` the file that gets the figures. With
 * pcs=FILE, that one gets how often the instruction at each address ran within calls.
 */
#include "marks.h"
#include "plugin_api.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 32u /* bytes: the PSRAM cache line of the small devices */
#define KINDS 4u /* MARK_ALLOC to MARK_RESIZE; 0 is unused */
#define HISTOGRAM 0x10000u
#define RANGES 2u /* the region, the book beside it */
#define PLACES 0x10000u

/* A stretch of guest memory, and when each of its lines was last touched. */
typedef struct range {
    uint64_t first;
    uint64_t last;
    uint32_t *stamps; /* by line: the number of the call */
    uint32_t lines;   /* touched by the call under way */
} range_t;

typedef struct tally {
    uint64_t calls;
    uint64_t instructions;
    uint64_t most;
    uint64_t lines[RANGES];
    uint32_t lines_most[RANGES];
    uint64_t histogram[HISTOGRAM]; /* calls by instructions; the last: that many or more */
} tally_t;

/* An instruction of the guest's, and how often it ran within the calls of each kind. */
typedef struct place {
    uint64_t address;
    uint64_t runs[KINDS];
    bool is_used;
} place_t;

static place_t places[PLACES]; /* each at the first vacancy from where its address points */

static struct {
    uint64_t marks; /* guest address */
    char out[400];
    char pcs[400];         /* empty: places are not counted */
    uint64_t instructions; /* executed by the guest so far */
    uint64_t begun;        /* of these, before the call under way */
    uint64_t harness[KINDS];
    unsigned kind; /* of the call under way; 0: none */
    bool is_calibrating;
    bool is_awake; /* two resets in a row were seen */
    unsigned last_mark;
    int telling; /* stores still to come that tell a range */
    unsigned range_told;
    uint32_t call; /* number of the call under way */
    range_t ranges[RANGES];
    tally_t tallies[KINDS];
} state;

QEMU_PLUGIN_EXPORT int qemu_plugin_version = 1;

static void call_begin(unsigned kind)
{
    state.kind = kind;
    state.begun = state.instructions;
    state.call++;
    for (unsigned i = 0; i < RANGES; i++) {
        state.ranges[i].lines = 0;
    }
}

static void call_count(tally_t *tally, uint64_t instructions)
{
    tally->calls++;
    tally->instructions += instructions;
    tally->most = instructions > tally->most ? instructions : tally->most;
    tally->histogram[instructions < HISTOGRAM ? instructions : HISTOGRAM - 1]++;
    for (unsigned i = 0; i < RANGES; i++) {
        const uint32_t lines = state.ranges[i].lines;
        tally->lines[i] += lines;
        tally->lines_most[i] = lines > tally->lines_most[i] ? lines : tally->lines_most[i];
    }
}

static void call_end(void)
{
    const uint64_t spent = state.instructions - state.begun;
    if (state.is_calibrating) {
        state.harness[state.kind] = spent - 1;
        state.is_calibrating = false;
    } else if (state.kind != 0) {
        call_count(&state.tallies[state.kind], spent - state.harness[state.kind]);
    }
    state.kind = 0;
}

/* The record of an instruction; a new one if there is none. */
static place_t *place_at(uint64_t address)
{
    uint32_t index = (uint32_t)(address % PLACES);
    for (uint32_t tries = 0; tries < PLACES; tries++) {
        place_t *place = &places[index];
        if (!place->is_used || place->address == address) {
            place->is_used = true;
            place->address = address;
            return place;
        }
        index = (index + 1) % PLACES;
    }
    fprintf(stderr, "plugin: more than %u instructions: raise PLACES\n", PLACES);
    exit(2);
}

static void place_run(unsigned cpu, void *place)
{
    (void)cpu;
    if (state.kind != 0 && !state.is_calibrating) {
        ((place_t *)place)->runs[state.kind]++;
    }
}

static void places_reset(void)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        memset(places[i].runs, 0, sizeof places[i].runs);
    }
}

static void mark_see(unsigned mark)
{
    state.is_awake = state.is_awake || (mark == MARK_RESET && state.last_mark == MARK_RESET);
    state.last_mark = mark;
    if (!state.is_awake) {
        return;
    }
    switch (mark) {
    case MARK_END:
        call_end();
        break;
    case MARK_ALLOC:
    case MARK_FREE:
    case MARK_RESIZE:
        call_begin(mark);
        break;
    case MARK_CALIBRATE:
        state.is_calibrating = true;
        break;
    case MARK_REGION:
    case MARK_BOOK:
        state.range_told = mark - MARK_REGION;
        state.telling = 2;
        break;
    case MARK_RESET:
        memset(state.tallies, 0, sizeof state.tallies);
        places_reset();
        break;
    default:
        break;
    }
}

static void range_hear(uint64_t address)
{
    range_t *range = &state.ranges[state.range_told];
    if (--state.telling == 1) {
        range->first = address / LINE * LINE;
        return;
    }
    range->last = address;
    free(range->stamps);
    range->stamps = calloc((address - range->first) / LINE + 1, sizeof *range->stamps);
    if (range->stamps == NULL) {
        fprintf(stderr, "plugin: no memory to watch a range\n");
        exit(2);
    }
}

static void line_touch(uint64_t address)
{
    for (unsigned i = 0; i < RANGES; i++) {
        range_t *range = &state.ranges[i];
        if (range->stamps == NULL || address < range->first || address > range->last) {
            continue;
        }
        uint32_t *stamp = &range->stamps[(address - range->first) / LINE];
        range->lines += *stamp != state.call;
        *stamp = state.call;
    }
}

static void memory_see(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *unused)
{
    (void)cpu;
    (void)unused;
    if (address - state.marks < MARK_COUNT && qemu_plugin_mem_is_store(info)) {
        mark_see((unsigned)(address - state.marks));
    } else if (state.kind != 0) {
        line_touch(address);
        line_touch(address + (1u << qemu_plugin_mem_size_shift(info)) - 1);
    } else if (state.telling > 0 && qemu_plugin_mem_is_store(info)) {
        range_hear(address);
    }
}

static void block_see(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    const size_t count = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64,
                                                   &state.instructions, 1);
        qemu_plugin_register_vcpu_mem_cb(instruction, memory_see, QEMU_PLUGIN_CB_NO_REGS,
                                         QEMU_PLUGIN_MEM_RW, NULL);
        if (state.pcs[0] != '\0') {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, place_run, QEMU_PLUGIN_CB_NO_REGS,
                                                   place_at(qemu_plugin_insn_vaddr(instruction)));
        }
    }
}

/* Returns the least count that at least 99 of 100 calls do not exceed. */
static uint64_t tally_p99(const tally_t *tally)
{
    uint64_t seen = 0;
    uint32_t bucket = 0;
    while (bucket + 1 < HISTOGRAM && (seen += tally->histogram[bucket]) * 100 < tally->calls * 99) {
        bucket++;
    }
    return bucket;
}

static double mean(uint64_t sum, uint64_t count)
{
    return count == 0 ? 0 : (double)sum / (double)count;
}

static void tally_write(FILE *file, const char *name, const tally_t *tally)
{
    fprintf(file, "%s,%" PRIu64 ",%.2f,%" PRIu64 ",%" PRIu64, name, tally->calls,
            mean(tally->instructions, tally->calls), tally_p99(tally), tally->most);
    for (unsigned i = 0; i < RANGES; i++) {
        fprintf(file, ",%.2f,%" PRIu32, mean(tally->lines[i], tally->calls), tally->lines_most[i]);
    }
    fputc('\n', file);
}

static void tally_add(tally_t *sum, const tally_t *tally)
{
    sum->calls += tally->calls;
    sum->instructions += tally->instructions;
    sum->most = tally->most > sum->most ? tally->most : sum->most;
    for (unsigned i = 0; i < RANGES; i++) {
        sum->lines[i] += tally->lines[i];
        const uint32_t most = tally->lines_most[i];
        sum->lines_most[i] = most > sum->lines_most[i] ? most : sum->lines_most[i];
    }
    for (unsigned i = 0; i < HISTOGRAM; i++) {
        sum->histogram[i] += tally->histogram[i];
    }
}

static FILE *file_open(const char *name)
{
    FILE *file = fopen(name, "w");
    if (file == NULL) {
        fprintf(stderr, "plugin: %s: cannot be written; name another\n", name);
    }
    return file;
}

static void tallies_write(void)
{
    static tally_t both;
    static tally_t all;
    FILE *file = file_open(state.out);
    if (file == NULL) {
        return;
    }
    tally_add(&both, &state.tallies[MARK_ALLOC]);
    tally_add(&both, &state.tallies[MARK_FREE]);
    tally_add(&all, &both);
    tally_add(&all, &state.tallies[MARK_RESIZE]);
    fprintf(file, "kind,calls,mean,p99,max,lines_mean,lines_max,book_lines_mean,book_lines_max\n");
    tally_write(file, "alloc", &state.tallies[MARK_ALLOC]);
    tally_write(file, "free", &state.tallies[MARK_FREE]);
    tally_write(file, "resize", &state.tallies[MARK_RESIZE]);
    tally_write(file, "both", &both); /* allocations and frees together */
    tally_write(file, "all", &all);
    fclose(file);
}

static void places_write(void)
{
    FILE *file = state.pcs[0] != '\0' ? file_open(state.pcs) : NULL;
    if (file == NULL) {
        return;
    }
    fprintf(file, "address,alloc,free,resize\n");
    for (uint32_t i = 0; i < PLACES; i++) {
        const uint64_t *runs = places[i].runs;
        if ((runs[MARK_ALLOC] | runs[MARK_FREE] | runs[MARK_RESIZE]) != 0) {
            fprintf(file, "0x%" PRIx64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", places[i].address,
                    runs[MARK_ALLOC], runs[MARK_FREE], runs[MARK_RESIZE]);
        }
    }
    fclose(file);
}

static void figures_write(qemu_plugin_id_t id, void *unused)
{
    (void)id;
    (void)unused;
    tallies_write();
    places_write();
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                           char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "marks=", 6) == 0) {
            state.marks = strtoull(argv[i] + 6, NULL, 0);
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            snprintf(state.out, sizeof state.out, "%s", argv[i] + 4);
        } else if (strncmp(argv[i], "pcs=", 4) == 0) {
            snprintf(state.pcs, sizeof state.pcs, "%s", argv[i] + 4);
        }
    }
    if (state.marks == 0 || state.out[0] == '\0') {
        fprintf(stderr, "plugin: give marks=ADDRESS,out=FILE[,pcs=FILE]\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_see);
    qemu_plugin_register_atexit_cb(id, figures_write, NULL);
    return 0;
}
