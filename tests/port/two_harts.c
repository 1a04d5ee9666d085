/* two_harts.c: one manager, two RV32 harts and their timer interrupts (QEMU's virt).
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each hart allocates, frees and resizes in a `fit` region, and takes from a `pool`; its timer's
 * ISR takes from the pool, and asks `fit` for what no ISR gets. Each of the four keeps its own
 * list of what it holds, and verifies the bytes of a block before it lets it go. In the end the
 * ledger must say of each what its list does: in blocks, and in bytes.
 *
 *     two_harts [OPERATIONS of each hart [HARTS]]
 *
 * On one hart under -icount shift=0, it tells how long locks are held, in instructions.
 */
#include "virt.h"

#include "../../ports/baremetal_riscv/port_baremetal_riscv.h"

#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ACTORS (2 * VIRT_HARTS) /* a hart's task, and its ISR: both have an owner of their own */
#define OWNERS (ACTORS + 1)
#define REGIONS 2u
#define FIT 0u
#define POOL 1u
#define CAP_POOL BERTH_CAP_PLACE(0)

#define BLOCKS 48u /* that an actor holds at most, in `fit` and in the pool each */
#define SIZE_MOST 600u
#define POOL_BLOCK 32u
#define EVENTS 64u
#define TICKS 200u /* from one interrupt to the next, of 100 ns: 20 us */

/* --- what is tested -------------------------------------------------------------------------- */

static uint64_t fit_memory[1280]; /* less than what is asked for now and then */
static uint64_t pool_memory[512];
static const berth_pool_config_t pool_config = {.block_size = POOL_BLOCK};
static berth_region_t regions[REGIONS] = {
    {.name = "fit",
     .engine = &berth_fit_engine,
     .base = fit_memory,
     .address = 0x1000,
     .size = sizeof fit_memory,
     .caps = {BERTH_CAP_BYTES | BERTH_CAP_DEFAULT}},
    {.name = "pool",
     .engine = &berth_pool_engine,
     .base = pool_memory,
     .address = 0x100000,
     .size = sizeof pool_memory,
     .config = &pool_config,
     .caps = {BERTH_CAP_BYTES | CAP_POOL}},
};
static const char *const owners[OWNERS] = {"others", "hart 0", "isr 0", "hart 1", "isr 1"};
static berth_account_t accounts[REGIONS][OWNERS];
static berth_event_t events[EVENTS];
static berth_t berth;

/* --- how long locks are held ----------------------------------------------------------------- */

#define KINDS 3u

typedef struct probe {
    uint32_t start[KINDS];
    uint32_t longest[KINDS];
    volatile uint32_t isrs; /* instructions of all ISRs so far */
} probe_t;

/* A hart's own. An ISR cannot come between a SHORT or TABLES lock and its unlock, nor take a LONG
 * one: so they do not mix. */
static probe_t probes[VIRT_HARTS];

/* Counts this hart's instructions, less those of the ISRs that came in between. */
static uint32_t probe_now(void)
{
    const probe_t *probe = &probes[virt_hart()];
    uint32_t isrs;
    uint32_t now;
    do {
        isrs = probe->isrs;
        now = virt_instructions();
    } while (isrs != probe->isrs);
    return now - isrs;
}

static uintptr_t probe_lock(void *self, berth_lock_t *lock)
{
    const uintptr_t key = berth_port_baremetal_riscv.lock(self, lock);
    if (key != BERTH_LOCK_REFUSED) {
        probes[virt_hart()].start[lock->kind] = probe_now();
    }
    return key;
}

static void probe_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    probe_t *probe = &probes[virt_hart()];
    const uint32_t length = probe_now() - probe->start[lock->kind];
    if (length > probe->longest[lock->kind]) {
        probe->longest[lock->kind] = length;
    }
    berth_port_baremetal_riscv.unlock(self, lock, key);
}

/* What an empty section costs in the port itself, calls included: masked at most that long. */
static uint32_t probe_edge(void)
{
    berth_lock_t lock = {.kind = BERTH_LOCK_SHORT};
    const berth_port_t *port = &berth_port_baremetal_riscv;
    const uint32_t before = virt_instructions();
    port->unlock(port->self, &lock, port->lock(port->self, &lock));
    return virt_instructions() - before;
}

/* --- who does it ----------------------------------------------------------------------------- */

typedef struct held {
    uint32_t *block; /* NULL: none */
    uint32_t size;
    uint32_t mark; /* what its first and its last word say */
} held_t;

typedef struct actor {
    held_t held[REGIONS][BLOCKS];
    uint32_t random;
    uint32_t operations;
    uint32_t refused; /* requests, for want of room */
    uint32_t spoilt;  /* blocks whose bytes somebody else wrote; statuses that cannot be */
    berth_owner_t owner;
} actor_t;

static actor_t actors[ACTORS];
static uint32_t operations_wanted = 100000;

static actor_t *actor_of(uint32_t hart, bool is_isr)
{
    return &actors[2 * hart + (is_isr ? 1 : 0)];
}

/* xorshift32: below `end`. */
static uint32_t draw(actor_t *actor, uint32_t end)
{
    actor->random ^= actor->random << 13;
    actor->random ^= actor->random >> 17;
    actor->random ^= actor->random << 5;
    return (uint32_t)(((uint64_t)actor->random * end) >> 32);
}

static uint32_t *held_last(const held_t *held)
{
    return held->block + held->size / 4 - 1;
}

static void held_sign(actor_t *actor, held_t *held)
{
    held->mark = actor->random ^ (uint32_t)actor->owner << 28;
    held->block[0] = held->mark;
    *held_last(held) = held->mark;
}

static void held_verify(actor_t *actor, const held_t *held)
{
    if (held->block[0] != held->mark || *held_last(held) != held->mark) {
        actor->spoilt++;
    }
}

static void actor_alloc(actor_t *actor, held_t *held, uint32_t region, uint32_t size)
{
    const berth_request_t request = {
        .size = size, .needed = region == POOL ? CAP_POOL : 0, .owner = actor->owner};
    held->block = berth_alloc(&berth, &request);
    held->size = size;
    if (held->block == NULL) {
        actor->refused++;
        return;
    }
    held_sign(actor, held);
}

static void actor_free(actor_t *actor, held_t *held)
{
    held_verify(actor, held);
    if (berth_try_free(&berth, held->block) != BERTH_OK) {
        actor->spoilt++;
    }
    held->block = NULL;
}

static void actor_resize(actor_t *actor, held_t *held, uint32_t size)
{
    held_verify(actor, held);
    uint32_t *block = berth_realloc(&berth, held->block, size);
    if (block == NULL) {
        actor->refused++;
        held_verify(actor, held); /* a refusal changes nothing */
        return;
    }
    if (block[0] != held->mark) {
        actor->spoilt++;
    }
    held->block = block;
    held->size = size;
    held_sign(actor, held);
}

static uint32_t draw_size(actor_t *actor)
{
    return 4 + draw(actor, draw(actor, 4) == 0 ? SIZE_MOST : 64);
}

static void actor_step(actor_t *actor, uint32_t region)
{
    held_t *held = &actor->held[region][draw(actor, BLOCKS)];
    const uint32_t size = region == POOL ? 4 + draw(actor, POOL_BLOCK - 3) : draw_size(actor);
    if (held->block == NULL) {
        actor_alloc(actor, held, region, size);
    } else if (region == FIT && draw(actor, 2) == 0) {
        actor_resize(actor, held, size);
    } else {
        actor_free(actor, held);
    }
    actor->operations++;
}

/* What no ISR may do: it must be refused, whatever its task is in the middle of. */
static void actor_trespass(actor_t *actor)
{
    const berth_request_t request = {.size = 16, .owner = actor->owner};
    if (berth_alloc(&berth, &request) != NULL) {
        actor->spoilt++;
    }
    held_t *foreign = &actors[0].held[FIT][0];
    if (foreign->block != NULL && berth_try_free(&berth, foreign->block) != BERTH_ERR_GUARD) {
        actor->spoilt++;
    }
}

static void on_timer(void)
{
    const uint32_t before = virt_instructions();
    actor_t *actor = actor_of(virt_hart(), true);
    actor_step(actor, POOL);
    if (draw(actor, 16) == 0) {
        actor_trespass(actor);
    }
    virt_timer_set(TICKS / 2 + draw(actor, TICKS), on_timer);
    probes[virt_hart()].isrs += virt_instructions() - before;
}

static void poll_some(void)
{
    berth_event_t some[4];
    const uint32_t count = berth_poll(&berth, some, 4);
    (void)count; /* it is there to contend for the locks */
}

static void hart_run(void)
{
    actor_t *actor = actor_of(virt_hart(), false);
    virt_timer_set(TICKS, on_timer);
    while (actor->operations < operations_wanted) {
        actor_step(actor, draw(actor, 4) == 0 ? POOL : FIT);
        if (draw(actor, 64) == 0) {
            poll_some();
        }
    }
    virt_timer_stop();
}

/* --- the audit ------------------------------------------------------------------------------- */

static uint32_t differences;

static void compare(const char *what, uint32_t who, uint32_t region, uint32_t ledger,
                    uint32_t counted)
{
    if (ledger != counted) {
        differences++;
        printf("%s: %s, %s: the ledger says %" PRIu32 ", there are %" PRIu32 "\n",
               regions[region].name, what, who < OWNERS ? owners[who] : "all", ledger, counted);
    }
}

/* What an actor's own list says that it holds. Sizes in the region are the manager's to tell. */
static berth_account_t actor_count(actor_t *actor, uint32_t region)
{
    berth_account_t sum = {0};
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const held_t *held = &actor->held[region][i];
        if (held->block == NULL) {
            continue;
        }
        held_verify(actor, held);
        const berth_about_t about = berth_about(&berth, held->block);
        actor->spoilt += about.status != BERTH_OK || about.owner != actor->owner ? 1 : 0;
        sum.live += about.taken;
        sum.count++;
    }
    return sum;
}

static uint32_t walk_count(berth_region_t *region)
{
    berth_walk_t walk = {.region = region};
    berth_block_t blocks[8];
    uint32_t live = 0;
    while (walk.cursor != BERTH_NOWHERE) {
        const uint32_t count = berth_walk(&berth, &walk, blocks, 8);
        for (uint32_t i = 0; i < count; i++) {
            live += blocks[i].owner != BERTH_NO_OWNER ? 1 : 0;
        }
    }
    return live;
}

/* Verifies all bookkeeping; returns how much of it is damaged. */
static uint32_t region_damage(const berth_region_t *region)
{
    uint32_t damage = 0;
    uint32_t cursor = BERTH_WALK_START;
    while (cursor != BERTH_NOWHERE) {
        const berth_block_t block = region->engine->check(region, cursor);
        damage += block.status != BERTH_OK ? 1 : 0;
        cursor = block.next;
    }
    return damage;
}

static uint32_t audit_region(uint32_t index)
{
    berth_region_t *region = &regions[index];
    berth_account_t all = {0};
    for (uint32_t i = 0; i < ACTORS; i++) {
        const berth_account_t counted = actor_count(&actors[i], index);
        const berth_account_t ledger = berth_account(&berth, region, actors[i].owner);
        compare("blocks", actors[i].owner, index, ledger.count, counted.count);
        compare("bytes", actors[i].owner, index, ledger.live, counted.live);
        all.count += counted.count;
        all.live += counted.live;
    }
    compare("blocks", OWNERS, index, region->total.count, all.count);
    compare("bytes", OWNERS, index, region->total.live, all.live);
    compare("blocks of a walk", OWNERS, index, region->total.count, walk_count(region));
    compare("damaged blocks", OWNERS, index, 0, region_damage(region));
    return all.count;
}

static void free_all(void)
{
    for (uint32_t i = 0; i < ACTORS * REGIONS * BLOCKS; i++) {
        actor_t *actor = &actors[i / (REGIONS * BLOCKS)];
        held_t *held = &actor->held[i / BLOCKS % REGIONS][i % BLOCKS];
        if (held->block != NULL) {
            actor_free(actor, held);
        }
    }
}

/* --------------------------------------------------------------------------------------------- */

static void tell_work(uint32_t held)
{
    for (uint32_t i = 0; i < ACTORS; i++) {
        const actor_t *actor = &actors[i];
        printf("%s: %7" PRIu32 " operations, %6" PRIu32 " refused, %" PRIu32 " spoilt\n",
               owners[actor->owner], actor->operations, actor->refused, actor->spoilt);
        differences += actor->spoilt;
    }
    printf("held at the end: %" PRIu32 " blocks; differences: %" PRIu32 "\n", held, differences);
}

static void tell_locks(const char *when, const probe_t *probe, uint32_t edge)
{
    static const char *const kinds[KINDS] = {"LONG", "SHORT", "TABLES"};
    uint32_t masked = 0;
    printf("instructions that locks are held at most, %s:", when);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        printf(" %s %" PRIu32, kinds[kind], probe->longest[kind]);
        if (kind != BERTH_LOCK_LONG && probe->longest[kind] > masked) {
            masked = probe->longest[kind];
        }
    }
    printf("; interrupts masked %" PRIu32 ", %" PRIu32 " in the port\n", masked + edge, edge);
}

static bool start(const berth_port_t *port)
{
    static berth_config_t config;
    config = (berth_config_t){.port = port,
                              .regions = regions,
                              .accounts = &accounts[0][0],
                              .owners = owners,
                              .events = events,
                              .event_count = EVENTS,
                              .region_count = REGIONS,
                              .owner_count = OWNERS};
    for (uint32_t i = 0; i < ACTORS; i++) {
        actors[i].owner = (berth_owner_t)(i + 1);
        actors[i].random = 2463534242u + i;
    }
    return berth_start(&berth, &config) == BERTH_OK;
}

int main(int count, char **words)
{
    static berth_port_t port;
    port = berth_port_baremetal_riscv;
    port.lock = probe_lock;
    port.unlock = probe_unlock;
    port.log = NULL; /* ISRs are refused on purpose */
    const uint32_t operations = count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : 0;
    operations_wanted = operations != 0 ? operations : operations_wanted;
    const bool is_alone = count > 2 && strtoul(words[2], NULL, 10) == 1;
    const uint32_t edge = probe_edge();
    if (!start(&port)) {
        puts("two_harts: the manager does not start");
        return 1;
    }
    virt_hart_start();
    if (!is_alone) {
        virt_start(hart_run);
    }
    hart_run();
    if (!is_alone) {
        virt_join();
    }
    const probe_t work = probes[0];
    probes[0] = (probe_t){0};
    uint32_t held = audit_region(FIT) + audit_region(POOL);
    free_all();
    held = audit_region(FIT) + audit_region(POOL) == 0 ? held : UINT32_MAX;
    tell_work(held);
    if (is_alone) {
        tell_locks("at work", &work, edge);
        tell_locks("in the audit", &probes[0], edge); /* it walks, 8 blocks in a call */
    }
    return differences == 0 ? 0 : 1;
}
