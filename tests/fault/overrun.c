/* overrun.c: what the debug form finds of writes beside a block and into a freed one, by class.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Overruns of 1 to 16 bytes are held to a bar: all are found, by free() and by a sweep of check().
 */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_MAX 16u
#define QUARANTINE_SHARE 32u /* the part of a region that the quarantine may hold */

typedef enum value {
    VALUE_ZERO,
    VALUE_ONES,
    VALUE_RANDOM,
    VALUE_ONE_BIT, /* of each byte */
    VALUE_LAST,    /* only the last byte is written, and only one bit of it changes */
    VALUE_COUNT
} value_t;

typedef struct tally {
    uint32_t tried;
    uint32_t by_free;
    uint32_t by_check;
    uint32_t strayed;
} tally_t;

static scene_t scene;
static bool is_fine = true;

static struct deed {
    uint32_t offset;
    bool found;
} deed;

static void deed_free(scene_t *in)
{
    deed.found = in->engine->free(&in->region, deed.offset).status == BERTH_ERR_CORRUPT;
}

static void deed_check(scene_t *in)
{
    uint32_t steps = in->region.size;
    deed.found = false;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE && steps-- != 0;) {
        const berth_block_t block = in->engine->check(&in->region, cursor);
        deed.found = deed.found || block.status == BERTH_ERR_CORRUPT;
        cursor = block.next;
    }
}

static void report(const char *name, tally_t tally, bool is_barred)
{
    const bool passes = tally.by_check == tally.tried && tally.by_free == tally.tried &&
                        tally.strayed == 0 && tally.tried != 0;
    is_fine = is_fine && (passes || !is_barred) && tally.strayed == 0;
    printf("%-14s %-34s %8" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32 "%s\n", scene.region.name,
           name, tally.tried, tally.by_free, tally.by_check, tally.strayed,
           passes || !is_barred ? "" : "  BELOW THE BAR");
}

/* A byte to write: never the one that is there, or nothing would have been overrun. */
static uint8_t value_byte(value_t value, uint8_t old, bool is_last)
{
    uint8_t new = old;
    switch (value) {
    case VALUE_ZERO:
        new = 0;
        break;
    case VALUE_ONES:
        new = 0xFF;
        break;
    case VALUE_RANDOM:
        new = (uint8_t)random_next(&scene.random);
        break;
    case VALUE_ONE_BIT:
        break;
    case VALUE_LAST:
    case VALUE_COUNT:
    default:
        return is_last ? (uint8_t)(old ^ 1u) : old;
    }
    return (uint8_t)(new != old ? new : old ^ (1u << random_below(&scene.random, 8)));
}

/* Writes `length` bytes from `at` on, or down from it. */
static void damage(uint32_t at, uint32_t length, bool is_down, value_t value)
{
    for (uint32_t i = 0; i < length; i++) {
        uint8_t *byte = &scene.memory[is_down ? at - i : at + i];
        *byte = value_byte(value, *byte, i + 1u == length);
    }
}

static void judge(tally_t *tally, uint32_t offset)
{
    deed.offset = offset;
    tally->tried++;
    tally->strayed += !scene_survives(deed_check, &scene);
    tally->by_check += deed.found;
    deed.found = false;
    tally->strayed += !scene_survives(deed_free, &scene);
    tally->by_free += deed.found;
    scene_restore(&scene);
}

static void try_overruns(void)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        for (uint32_t length = 1; block->owner != BERTH_NO_OWNER && length <= LENGTH_MAX;
             length++) {
            for (uint32_t value = 0; value < VALUE_COUNT; value++) {
                damage(block->offset + block->size, length, false, (value_t)value);
                judge(&tally, block->offset);
            }
        }
    }
    report("overrun of 1 to 16 bytes", tally, true);
}

static void try_underruns(void)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        for (uint32_t length = 1; block->owner != BERTH_NO_OWNER && length <= LENGTH_MAX;
             length++) {
            for (uint32_t value = 0; value < VALUE_LAST; value++) {
                damage(block->offset - 1u, length, true, (value_t)value);
                judge(&tally, block->offset);
            }
        }
    }
    report("underrun of 1 to 16 bytes", tally, true);
}

static void try_stray_bytes(uint32_t distance)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        for (uint32_t value = 0; block->owner != BERTH_NO_OWNER && value < VALUE_LAST; value++) {
            damage(block->offset - distance, 1, true, (value_t)value);
            judge(&tally, block->offset);
        }
    }
    char name[64];
    (void)snprintf(name, sizeof name, "one byte, %" PRIu32 " before", distance);
    report(name, tally, true);
}

/* Writes into a block that was just freed: the sweep tells, and a second free is refused anyway.
 * Only blocks that the quarantine holds: a larger one is free at once. */
static void try_after_free(bool is_kept)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t block = scene.blocks[i];
        const bool is_ours = (block.taken <= scene.region.size / QUARANTINE_SHARE) == is_kept;
        const uint32_t values = is_ours && block.owner != BERTH_NO_OWNER ? VALUE_LAST : 0;
        for (uint32_t value = 0; value < values; value++) {
            (void)scene.engine->free(&scene.region, block.offset);
            const uint32_t at = random_below(&scene.random, block.size);
            const uint32_t room = block.size - at;
            damage(block.offset + at, room < LENGTH_MAX ? room : LENGTH_MAX, false, (value_t)value);
            tally.tried++;
            tally.strayed += !scene_survives(deed_check, &scene);
            tally.by_check += deed.found;
            tally.by_free += scene.engine->free(&scene.region, block.offset).status != BERTH_OK;
            scene_restore(&scene);
        }
    }
    report(is_kept ? "write after free, in quarantine" : "write after free, too large for it",
           tally, is_kept);
}

static void deed_churn(scene_t *in)
{
    for (uint32_t i = 0; i < 40u; i++) {
        const berth_grant_t grant = in->engine->alloc(&in->region, 8, 0, 1);
        if (grant.offset != BERTH_NOWHERE) {
            (void)in->engine->free(&in->region, grant.offset);
        }
    }
}

/* Writes before a block in quarantine, where its links are, and makes it leave: nothing may stray.
 * */
static void try_freed_fronts(void)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t block = scene.blocks[i];
        for (uint32_t distance = 1; block.owner != BERTH_NO_OWNER && distance <= LENGTH_MAX;
             distance++) {
            (void)scene.engine->free(&scene.region, block.offset);
            damage(block.offset - distance, 1, true, (value_t)(distance % VALUE_LAST));
            tally.tried++;
            tally.strayed += !scene_survives(deed_check, &scene);
            tally.by_check += deed.found;
            tally.strayed += !scene_survives(deed_churn, &scene);
            scene_restore(&scene);
        }
    }
    report("one byte before a freed block", tally, false);
}

static void try_shape(const shape_t *shape)
{
    if (!scene_set(&scene, shape, &berth_fit_debug_engine, 300, 5)) {
        printf("%s: the scene could not be set\n", shape->name);
        is_fine = false;
        return;
    }
    try_overruns();
    try_underruns();
    for (uint32_t distance = 1; distance <= LENGTH_MAX; distance++) {
        try_stray_bytes(distance);
    }
    try_after_free(true);
    try_after_free(false);
    try_freed_fronts();
    scene_strike(&scene);
}

int main(void)
{
    static const shape_t shapes[] = {
        {"8K granule 4", 0x3FC88000u, 8192u, 4, 0, SHAPE_BOOK_INSIDE},
        {"8K granule 8", 0x3FC88004u, 8192u, 8, 0, SHAPE_BOOK_INSIDE},
        {"16K granule 16", 0x3C000000u, 16384u, 16, 32, SHAPE_BOOK_INSIDE},
        {"32K granule 64", 0x3C000000u, 32768u, 64, 0, SHAPE_BOOK_INSIDE},
    };
    printf("%-14s %-34s %8s %8s %8s %8s\n", "region", "damage", "tried", "by free", "by check",
           "strayed");
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        try_shape(&shapes[i]);
    }
    return is_fine ? 0 : 1;
}
