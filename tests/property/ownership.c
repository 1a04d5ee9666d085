/* ownership.c: what owners hold always adds up to what their regions hold.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Blocks are freed by others than their owners, given away, resized and moved, owners are retired:
 * after each call, each account is what the blocks at hand say, and the accounts add up to the
 * totals. No model: bytes are taken from berth_about(). Fast, so that there can be many calls.
 */
#include "berth/berth.h"
#include "berth/fit.h"

#include "random.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef OWNERSHIP_OPS
#define OWNERSHIP_OPS 10000000u
#endif
#define ROUND_OPS 50000u /* calls of one manager: the retired do not come back */
#define REGIONS 2u
#define OWNERS 12u
#define BLOCKS 512u
#define SRAM_BYTES (48u * 1024u)
#define PSRAM_BYTES (192u * 1024u)

typedef struct held {
    void *block;
    uint32_t taken;
    uint8_t region;
    berth_owner_t owner;
} held_t;

typedef struct stage {
    berth_t berth;
    berth_config_t config;
    berth_region_t regions[REGIONS];
    berth_account_t accounts[REGIONS][OWNERS];
    berth_account_t expected[REGIONS][OWNERS]; /* `peak` is not used */
    berth_budget_t budgets[REGIONS][OWNERS];
    berth_event_t events[64];
    berth_context_t context;
    random_source_t random;
    uint32_t held_count;
    held_t held[BLOCKS];
    bool is_retired[OWNERS];
    uint32_t calls;
    uint32_t refused;
    const char *call;
    const char *wrong; /* the first difference */
} stage_t;

static alignas(64) uint8_t sram[SRAM_BYTES];
static alignas(64) uint8_t psram[PSRAM_BYTES];
static stage_t stage;

/* --- a port ----------------------------------------------------------------------------------- */

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
    const stage_t *its = self;
    return its->calls;
}

static berth_context_t *port_context(void *self)
{
    stage_t *its = self;
    return &its->context;
}

static const berth_port_t port = {.self = &stage,
                                  .lock = port_lock,
                                  .unlock = port_unlock,
                                  .now_us = port_now,
                                  .context = port_context};

/* --- what ought to be ------------------------------------------------------------------------- */

static void stage_blame(bool is_wrong, const char *what)
{
    if (is_wrong && stage.wrong == NULL) {
        stage.wrong = what;
    }
}

static berth_account_t *expected_of(const held_t *held)
{
    return &stage.expected[held->region][held->owner == BERTH_OTHERS ? 0 : held->owner];
}

/* Learns where a block is and what it takes, and charges it. */
static void held_charge(held_t *held, void *block)
{
    const berth_about_t about = berth_about(&stage.berth, block);
    stage_blame(about.status != BERTH_OK, "a live block is not known");
    if (about.status != BERTH_OK) {
        return;
    }
    *held = (held_t){
        .block = block, .taken = about.taken, .region = about.region->index, .owner = about.owner};
    expected_of(held)->live += held->taken;
    expected_of(held)->count++;
}

static void held_refund(const held_t *held)
{
    expected_of(held)->live -= held->taken;
    expected_of(held)->count--;
}

static void held_drop(uint32_t index)
{
    stage.held[index] = stage.held[--stage.held_count];
}

/* After each call: O(owners). */
static void stage_verify(void)
{
    for (uint32_t i = 0; i < REGIONS; i++) {
        uint32_t live = 0;
        uint32_t count = 0;
        bool is_same = true;
        for (uint32_t owner = 0; owner < OWNERS; owner++) {
            const berth_account_t *got = &stage.accounts[i][owner];
            const berth_account_t *expected = &stage.expected[i][owner];
            live += got->live;
            count += got->count;
            is_same = is_same && got->live == expected->live && got->count == expected->count &&
                      got->peak >= got->live;
        }
        stage_blame(!is_same, "an account is not what its blocks take");
        stage_blame(live != stage.regions[i].total.live, "bytes of owners and region");
        stage_blame(count != stage.regions[i].total.count, "blocks of owners and region");
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

static berth_owner_t draw_owner(void)
{
    const uint32_t owner = random_below(&stage.random, OWNERS);
    return owner != 0 ? (berth_owner_t)owner : BERTH_OTHERS;
}

static berth_request_t draw_request(void)
{
    static const berth_caps_t needed[] = {0, 0, BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL};
    const uint32_t bits = random_next(&stage.random);
    const uint32_t largest = (bits & 0xF0000u) == 0 ? 20000 : 700;
    return (berth_request_t){.size = random_log(&stage.random, largest),
                             .align = (bits & 0x3Fu) == 0 ? 64u : 0u,
                             .needed = needed[bits >> 8 & 3u],
                             .preferred = (bits & 0xC00u) == 0 ? BERTH_CAP_EXTERNAL : 0u,
                             .smallest = (bits & 0xF000u) == 0 ? 1u : 0u,
                             .owner = (bits & 0x100000u) == 0 ? draw_owner() : BERTH_NO_OWNER,
                             .is_zeroed = (bits & 0xE00000u) == 0};
}

static void call_alloc(void)
{
    stage.call = "alloc";
    const berth_request_t request = draw_request();
    const berth_owner_t scope =
        stage.context.owner != BERTH_NO_OWNER ? stage.context.owner : BERTH_OTHERS;
    const berth_owner_t owner = request.owner != BERTH_NO_OWNER ? request.owner : scope;
    void *block = berth_alloc(&stage.berth, &request);
    if (block == NULL) {
        stage.refused++;
        return;
    }
    held_t *held = &stage.held[stage.held_count++];
    held_charge(held, block);
    stage_blame(held->owner != owner, "another owner pays");
    stage_blame(owner != BERTH_OTHERS && stage.is_retired[owner], "a retired owner gets a block");
}

static void call_free(uint32_t index)
{
    stage.call = "free";
    const held_t held = stage.held[index];
    berth_free(&stage.berth, held.block);
    held_refund(&held);
    held_drop(index);
    if (random_below(&stage.random, 32) == 0) {
        stage.call = "free twice";
        stage_blame(berth_try_free(&stage.berth, held.block) != BERTH_ERR_INVALID,
                    "a block is freed twice");
    }
}

static void call_give(uint32_t index)
{
    stage.call = "give";
    held_t *held = &stage.held[index];
    const berth_owner_t owner = draw_owner();
    if (berth_give(&stage.berth, held->block, owner) != BERTH_OK) {
        stage.refused++;
        return;
    }
    stage_blame(owner != BERTH_OTHERS && stage.is_retired[owner], "a retired owner is given to");
    held_refund(held);
    held_charge(held, held->block);
    stage_blame(held->owner != owner, "the block is not the new owner's");
}

static void call_resize(uint32_t index)
{
    stage.call = "resize";
    held_t *held = &stage.held[index];
    const held_t old = *held;
    berth_request_t request = draw_request();
    if (random_percent(&stage.random, 50)) { /* it stays in its region */
        request.needed = 0;
        request.preferred = 0;
    }
    void *block = berth_resize(&stage.berth, held->block, &request);
    if (block == NULL) {
        stage.refused++;
        return;
    }
    held_refund(held);
    held_charge(held, block);
    stage_blame(held->owner != old.owner, "a resized block has another owner");
    stage_blame(request.needed == 0 && request.preferred == 0 && held->region != old.region,
                "a block that does not roam is in another region");
}

static void call_retire(void)
{
    stage.call = "owner_retire";
    const berth_owner_t owner = draw_owner();
    const bool may = owner != BERTH_OTHERS && !stage.is_retired[owner];
    const berth_status_t status = berth_owner_retire(&stage.berth, owner);
    stage_blame((status == BERTH_OK) != may, "who may retire");
    if (may) {
        stage.is_retired[owner] = true;
    }
}

static void stage_step(void)
{
    const uint32_t bits = random_next(&stage.random);
    const uint32_t choice = bits % 1000u;
    const uint32_t index = random_below(&stage.random, stage.held_count);
    stage.calls++;
    if ((bits >> 16 & 0xFu) == 0) {
        stage.context.owner = draw_owner();
    }
    if (choice == 0 && (bits >> 20 & 0x7u) == 0) {
        call_retire();
    } else if (stage.held_count == 0 || (choice < 400 && stage.held_count < BLOCKS)) {
        call_alloc();
    } else if (choice < 700) {
        call_free(index);
    } else if (choice < 850) {
        call_give(index);
    } else {
        call_resize(index);
    }
    stage_verify();
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void stage_lay(void)
{
    stage.regions[0] =
        (berth_region_t){.engine = &berth_fit_engine,
                         .base = sram,
                         .address = 0x20000000u,
                         .size = SRAM_BYTES,
                         .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT}};
    stage.regions[1] =
        (berth_region_t){.engine = &berth_fit_engine,
                         .base = psram,
                         .address = 0x3C000000u,
                         .size = PSRAM_BYTES,
                         .granule = 16,
                         .caps = {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL, BERTH_CAP_DEFAULT}};
    for (uint32_t i = 0; i < REGIONS; i++) {
        stage.regions[i].accounts = stage.accounts[i];
        stage.regions[i].budgets = stage.budgets[i];
        for (uint32_t owner = 0; owner < OWNERS; owner += 3) {
            stage.budgets[i][owner] = (berth_budget_t){.soft = stage.regions[i].size / 16u,
                                                       .hard = stage.regions[i].size / 4u};
        }
    }
}

static void stage_start(uint32_t seed)
{
    memset(&stage, 0, sizeof stage);
    stage.random = random_from(seed);
    stage_lay();
    stage.config = (berth_config_t){.port = &port,
                                    .regions = stage.regions,
                                    .events = stage.events,
                                    .event_count = 64,
                                    .region_count = REGIONS,
                                    .owner_count = OWNERS};
    stage.call = "start";
    stage_blame(berth_start(&stage.berth, &stage.config) != BERTH_OK, "it does not start");
}

/* Frees all: nothing may be left over. */
static void stage_end(void)
{
    while (stage.held_count != 0 && stage.wrong == NULL) {
        call_free(stage.held_count - 1u);
        stage_verify();
    }
    for (uint32_t i = 0; i < REGIONS; i++) {
        stage_blame(stage.wrong == NULL && stage.regions[i].total.live != 0, "bytes are left over");
    }
}

static uint32_t number_after(int count, char **words, const char *name, uint32_t otherwise)
{
    for (int i = 1; i + 1 < count; i++) {
        if (strcmp(words[i], name) == 0) {
            return (uint32_t)strtoul(words[i + 1], NULL, 0);
        }
    }
    return otherwise;
}

int main(int count, char **words)
{
    const uint32_t ops = number_after(count, words, "--ops", OWNERSHIP_OPS);
    const uint32_t seed = number_after(count, words, "--seed", 1);
    uint32_t done = 0;
    uint32_t refused = 0;
    for (uint32_t round = 0; done < ops; round++) {
        const uint32_t calls = ops - done < ROUND_OPS ? ops - done : ROUND_OPS;
        stage_start(seed + round);
        while (stage.calls < calls && stage.wrong == NULL) {
            stage_step();
        }
        stage_end();
        if (stage.wrong != NULL) {
            printf("DIFFERENCE: call %" PRIu32 " (%s): %s\nreplay: ownership --seed %" PRIu32
                   " --ops %" PRIu32 "\n",
                   stage.calls, stage.call, stage.wrong, seed + round, stage.calls);
            return 1;
        }
        done += stage.calls;
        refused += stage.refused;
    }
    printf("ownership: %" PRIu32 " calls from seed %" PRIu32 ", %" PRIu32
           " refused, no difference\n",
           done, seed, refused);
    return 0;
}
