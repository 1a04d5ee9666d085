/* adversary.c: builds the region in which one free is as slow as any call can be, and counts it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two chains hang below the topmost node of a segment, as deep as the bits of its ends allow: one
 * through branch 0, with its largest block at the far end, and one of larger blocks through branch
 * 1. The block freed lies between the topmost node, which the leaf of the first chain must
 * replace, and the last node of the second, which becomes the largest block of all: so every node
 * of both chains and every match of the tournament has to hear of it. Instructions are counted by
 * single-stepping a child.
 */
#include "berth/fit.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGION_SIZE (16u * 1024u * 1024u)
#define SEGMENT (128u * 1024u) /* of a region of that size */
#define SEGMENT_BITS 17u
#define APART_BITS 6u /* two ends in a segment differ above these */
#define SMALL 80u     /* bytes of the smallest block that goes into the tree */
#define MIDDLING 88u  /* more than any in the first chain */
#define LIVE_SMALLEST 12u
#define BLOCKS_MOST 64u
#define TRAP 0xCC         /* int3 */
#define REACH_PERCENT 80u /* of the stated bound */

static _Alignas(64) uint8_t memory[REGION_SIZE];

/* A block of the plan, by where it ends in the region's offsets of headers. */
typedef struct planned {
    uint32_t start;
    uint32_t end;
    uint32_t turn;   /* in which it is freed; 0: it stays live */
    uint32_t offset; /* as granted */
} planned_t;

typedef struct plan {
    planned_t blocks[BLOCKS_MOST];
    uint32_t count;
    uint32_t turns;
} plan_t;

static void plan_free(plan_t *plan, uint32_t end, uint32_t size, uint32_t turn)
{
    plan->blocks[plan->count++] = (planned_t){.start = end - size, .end = end, .turn = turn};
    plan->turns = turn > plan->turns ? turn : plan->turns;
}

static int by_start(const void *a, const void *b)
{
    const planned_t *left = a;
    const planned_t *right = b;
    return left->start < right->start ? -1 : 1;
}

/* One node for each bit, each on the path of zeros below the last: the deepest is the nearest to
 * `base`. */
static void plan_chain(plan_t *plan, uint32_t base, uint32_t size, uint32_t deepest_size)
{
    for (uint32_t bit = SEGMENT_BITS - 1u; bit-- > APART_BITS + 1u;) {
        const bool is_deepest = bit == APART_BITS + 1u;
        plan_free(plan, base + (7u << bit) / 8u, is_deepest ? deepest_size : size,
                  plan->turns + 1u);
    }
}

static plan_t plan_make(uint32_t segment)
{
    plan_t plan = {.count = 0};
    const uint32_t upper = segment + SEGMENT / 2u;
    const uint32_t chain_end = upper + (7u << (APART_BITS + 1u)) / 8u;
    const uint32_t victim_end = chain_end - MIDDLING;
    plan_free(&plan, victim_end - LIVE_SMALLEST, SMALL, 1); /* topmost: freed first */
    plan_chain(&plan, segment, SMALL, SMALL + 4u);
    plan_chain(&plan, upper, MIDDLING, MIDDLING);
    qsort(plan.blocks, plan.count, sizeof plan.blocks[0], by_start);
    return plan;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "adversary: %s\n", what);
    exit(1);
}

static uint32_t take(berth_region_t *region, uint32_t start, uint32_t end)
{
    const berth_grant_t grant = berth_fit_engine.alloc(region, end - start - 4u, 0, 1);
    if (grant.offset != start + 4u || grant.size != end - start) {
        die("a block is not where the plan has it");
    }
    return grant.offset;
}

/* Lays the plan out, live blocks between those to be freed; frees them turn by turn. Returns the
 * offset of the block between the topmost node and the end of the second chain. */
static uint32_t lay(berth_region_t *region, plan_t *plan)
{
    uint32_t at = berth_fit_engine.walk(region, BERTH_WALK_START).offset - 4u;
    uint32_t victim = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        planned_t *block = &plan->blocks[i];
        const uint32_t between = take(region, at, block->start);
        victim = block->start - at == LIVE_SMALLEST ? between : victim;
        block->offset = take(region, block->start, block->end);
        at = block->end;
    }
    (void)take(region, at, at + LIVE_SMALLEST);
    for (uint32_t turn = 1; turn <= plan->turns; turn++) {
        for (uint32_t i = 0; i < plan->count; i++) {
            if (plan->blocks[i].turn == turn &&
                berth_fit_engine.free(region, plan->blocks[i].offset).status != BERTH_OK) {
                die("a block of the plan cannot be freed");
            }
        }
    }
    return victim;
}

/* Between its two traps the child makes one call through the engine's table. */
static void child(void)
{
    berth_region_t region = {.base = memory, .address = 0x3C000000u, .size = REGION_SIZE};
    if (berth_fit_engine.start(&region) != BERTH_OK) {
        die("the region does not start");
    }
    plan_t plan = plan_make(5u * SEGMENT);
    const uint32_t victim = lay(&region, &plan);
    berth_change_t (*const call)(berth_region_t *, uint32_t) = berth_fit_engine.free;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    (void)raise(SIGSTOP);
    __asm__ volatile("int3" ::: "memory");
    const berth_change_t change = call(&region, victim);
    __asm__ volatile("int3" ::: "memory");
    exit(change.status == BERTH_OK ? 0 : 1);
}

static bool is_at_trap(pid_t pid)
{
    struct user_regs_struct registers;
    ptrace(PTRACE_GETREGS, pid, NULL, &registers);
    return (ptrace(PTRACE_PEEKTEXT, pid, registers.rip, NULL) & 0xFF) == TRAP;
}

/* Single-steps the child from its first trap to its second. Returns how many steps that took. */
static uint32_t count(pid_t pid)
{
    int status = 0;
    (void)waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status)) {
        die("the child did not come to its call");
    }
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    (void)waitpid(pid, &status, 0); /* the first trap */
    uint32_t steps = 0;
    while (WIFSTOPPED(status) && !is_at_trap(pid)) {
        ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
        (void)waitpid(pid, &status, 0);
        steps++;
    }
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return steps;
}

int main(void)
{
    const pid_t pid = fork();
    if (pid == 0) {
        child();
    }
    const uint32_t steps = count(pid);
    const uint32_t percent = steps * 100u / BERTH_FIT_BOUND;
    printf("adversary: one free takes %" PRIu32 " instructions, %" PRIu32
           " %% of the bound of %u\n",
           steps, percent, BERTH_FIT_BOUND);
    return percent >= REACH_PERCENT && percent <= 100u ? 0 : 1;
}
