/* adversary.c: builds a region in which one call is nearly as slow as any can be, and counts it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One free block, the largest of all, reaches from one zone into the next, and both zones are as
 * full of smaller free blocks as they can be. An aligned request takes its middle: what is left
 * before goes to the far end of the one zone's list, what is left after to the far end of the
 * other's, and every match of the tournament has to hear of it. Instructions are counted by
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
#define ADDRESS 0x3C000000u
#define ZONE 4096u
#define SMALL 80u         /* bytes of the smallest block that goes into a zone */
#define MIDDLING 84u      /* of those that are there already */
#define LIVE 12u          /* of the smallest live block */
#define ALIGN 128u        /* more than SMALL */
#define BLOCKS_MOST 256u  /* in the two zones */
#define TRAP 0xCC         /* int3 */
#define REACH_PERCENT 80u /* of the stated bound */

static _Alignas(64) uint8_t memory[REGION_SIZE];

/* Payload offsets of live blocks that are to be freed. */
typedef struct plan {
    uint32_t offsets[BLOCKS_MOST];
    uint32_t count;
    uint32_t at; /* where the next block starts, by its header */
} plan_t;

static void die(const char *what)
{
    (void)fprintf(stderr, "adversary: %s\n", what);
    exit(1);
}

/* Allocates the next `size` bytes of the region, header included. */
static uint32_t take(berth_region_t *region, plan_t *plan, uint32_t size)
{
    const berth_grant_t grant = berth_fit_engine.alloc(region, size - 4u, 0, 1);
    if (grant.offset != plan->at + 4u || grant.size != size) {
        die("a block is not where the plan has it");
    }
    plan->at += size;
    return grant.offset;
}

/* A block to be freed, and a live one after it. */
static void take_pair(berth_region_t *region, plan_t *plan, uint32_t size)
{
    if (plan->count == BLOCKS_MOST) {
        die("too many blocks");
    }
    plan->offsets[plan->count++] = take(region, plan, size);
    (void)take(region, plan, LIVE);
}

/* Where the block across the border of the zones starts: its payload is SMALL before a multiple of
 * ALIGN, which is the last one not beyond the border. */
static uint32_t place_of_bridge(uint32_t border)
{
    const uint32_t aligned = (ADDRESS + border) / ALIGN * ALIGN - ADDRESS;
    return aligned - SMALL - 4u;
}

/* Lays the two zones out, live blocks between those to be freed, and frees them. */
static void lay(berth_region_t *region)
{
    static plan_t plan;
    plan.at = berth_fit_engine.walk(region, BERTH_WALK_START).offset - 4u;
    const uint32_t border = 100u * ZONE;
    const uint32_t bridge = place_of_bridge(border);
    (void)take(region, &plan, border - ZONE - plan.at);
    while (plan.at + MIDDLING + LIVE + LIVE <= bridge) {
        take_pair(region, &plan, MIDDLING);
    }
    (void)take(region, &plan, bridge - plan.at);
    take_pair(region, &plan, border + LIVE - 4u + SMALL - bridge);
    while (plan.at + MIDDLING + LIVE <= border + ZONE) {
        take_pair(region, &plan, MIDDLING);
    }
    for (uint32_t i = 0; i < plan.count; i++) {
        if (berth_fit_engine.free(region, plan.offsets[i]).status != BERTH_OK) {
            die("a block of the plan cannot be freed");
        }
    }
}

/* Between its two traps the child makes one call through the engine's table. */
static void child(void)
{
    berth_region_t region = {.base = memory, .address = ADDRESS, .size = REGION_SIZE};
    if (berth_fit_engine.start(&region) != BERTH_OK) {
        die("the region does not start");
    }
    lay(&region);
    berth_grant_t (*const call)(berth_region_t *, size_t, uint32_t, berth_tag_t) =
        berth_fit_engine.alloc;
    const uint32_t wanted = place_of_bridge(100u * ZONE) + SMALL + 4u;
    const uint32_t size = 100u * ZONE - wanted + LIVE - 4u; /* up to SMALL before its end */
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    (void)raise(SIGSTOP);
    __asm__ volatile("int3" ::: "memory");
    const berth_grant_t grant = call(&region, size, ALIGN, 1);
    __asm__ volatile("int3" ::: "memory");
    if (grant.offset != wanted) {
        die("the request was not served from the bridge");
    }
    exit(0);
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
    printf("adversary: one aligned alloc takes %" PRIu32 " instructions, %" PRIu32
           " %% of the bound of %u\n",
           steps, percent, BERTH_FIT_BOUND);
    return percent >= REACH_PERCENT && percent <= 100u ? 0 : 1;
}
