/* tour.c: the fit engine at work on two unlike memories: 320 KB of SRAM and 8 MB of PSRAM.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 64u

static _Alignas(16) uint8_t sram[320 * 1024];
static _Alignas(16) uint8_t psram[8 * 1024 * 1024];
static const berth_engine_t *const fit = &berth_fit_engine;

/* Draws a region as one line: '#' used, '+' partly used, '.' free. */
static void draw(const berth_region_t *region)
{
    uint32_t used[COLUMNS] = {0};
    const uint32_t cell = region->size / COLUMNS;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = fit->walk(region, cursor);
        for (uint32_t i = 0; i < block.taken && block.owner != BERTH_NO_OWNER; i += 4) {
            used[(block.offset + i) / cell % COLUMNS] += 4;
        }
        cursor = block.next;
    }
    printf("   %-5s |", region->name);
    for (uint32_t i = 0; i < COLUMNS; i++) {
        printf("%c", used[i] == 0 ? '.' : used[i] < cell * 9 / 10 ? '+' : '#');
    }
    printf("|\n");
}

static uint32_t take(berth_region_t *region, size_t size, berth_owner_t owner)
{
    const berth_grant_t grant = fit->alloc(region, size, 0, owner);
    printf("   owner %u asks %s for %zu bytes: ", owner, region->name, size);
    if (grant.offset == BERTH_NOWHERE) {
        printf("refused; %" PRIu32 " is the most it could have\n",
               fit->allocatable(region, 0, owner));
    } else {
        printf("at +%" PRIu32 ", costs %" PRIu32 "\n", grant.offset, grant.size);
    }
    return grant.offset;
}

static void give_back(berth_region_t *region, const char *what, uint32_t offset)
{
    const berth_change_t change = fit->free(region, offset);
    printf("   free %-29s %s\n", what,
           change.status == BERTH_OK ? "done" : "refused, nothing changed");
}

int main(void)
{
    berth_region_t fast = {
        .name = "sram", .engine = fit, .base = sram, .address = 0x3FC88000, .size = sizeof sram};
    berth_region_t slow = {
        .name = "psram", .engine = fit, .base = psram, .address = 0x3C000000, .size = sizeof psram};
    if (fit->start(&fast) != BERTH_OK || fit->start(&slow) != BERTH_OK) {
        (void)fprintf(stderr, "tour: a region could not be started\n");
        return 1;
    }
    printf("1. Two regions, empty. What counts is the largest request that would succeed now:\n");
    printf("   sram %" PRIu32 " bytes, psram %" PRIu32 " bytes\n", fit->allocatable(&fast, 0, 1),
           fit->allocatable(&slow, 0, 1));

    printf("\n2. A block costs 4 bytes more than its size, and that includes who owns it:\n");
    const uint32_t small = take(&fast, 24, 1);
    const uint32_t frame = take(&slow, 640 * 480 * 2, 2);
    printf("   the block at +%" PRIu32 " belongs to owner %u\n", frame,
           fit->find(&slow, frame).owner);

    printf(
        "\n3. A TLS session needs 2 x 16717 bytes. Fill the SRAM, then free every other block:\n");
    uint32_t blocks[64] = {0};
    uint32_t count = 0;
    while (count < 64 && fit->fits(&fast, 9000, 0, 3)) {
        blocks[count++] = fit->alloc(&fast, 9000, 0, 3).offset;
    }
    uint32_t freed = 0;
    for (uint32_t i = 0; i < count; i += 2) {
        freed += fit->free(&fast, blocks[i]).before;
    }
    draw(&fast);
    printf("   %" PRIu32 " bytes are free, yet the honest figure is %" PRIu32 ":\n", freed,
           fit->allocatable(&fast, 0, 4));
    (void)take(&fast, 16717, 4);
    const uint32_t last = take(&fast, fit->allocatable(&fast, 0, 4), 4);

    printf("\n4. Wrong frees:\n");
    give_back(&fast, "of the last block:", last);
    give_back(&fast, "of it again:", last);
    give_back(&fast, "of the middle of a block:", blocks[1] + 400);
    give_back(&fast, "of the other region's frame:", frame);
    give_back(&fast, "of the first block:", small);
    draw(&slow);
    return 0;
}
