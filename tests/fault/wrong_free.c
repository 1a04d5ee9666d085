/* wrong_free.c: how many wrong frees and resizes are refused, by class, and held to a bar.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Interior pointers are tried at every granule of every live block, for each kind of contents that
 * a header could be mistaken in. A free that is refused must leave every byte as it was.
 */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ACCEPTED_MAX 500u  /* then the class is given up: each costs a copy of the region */
#define BAR_SURE 10000000u /* refused, in millionths of a percent point: all */
#define BAR_INTERIOR 9990000u

typedef enum content {
    CONTENT_ZEROS,
    CONTENT_ONES,
    CONTENT_A5,
    CONTENT_EF,
    CONTENT_BYTES,
    CONTENT_SMALL,
    CONTENT_SRAM,
    CONTENT_PSRAM,
    CONTENT_CORTEX,
    CONTENT_TEXT,
    CONTENT_FLOATS,
    CONTENT_HEADERS,
    CONTENT_COUNT
} content_t;

static const char *const content_names[CONTENT_COUNT] = {
    "zeros",
    "0xFF",
    "0xA5",
    "0xEF",
    "random bytes",
    "small integers",
    "pointers 0x3FC8xxxx",
    "pointers 0x3C0xxxxx",
    "pointers 0x2000xxxx",
    "text",
    "floats",
    "copies of headers",
};

typedef struct tally {
    uint32_t tried;
    uint32_t accepted; /* freed */
    uint32_t resized;  /* accepted by resize() before that */
    uint32_t changed;  /* refused, and yet some byte changed */
    uint32_t strayed;  /* touched other memory */
} tally_t;

static scene_t scene;
static bool is_fine = true;

/* What a deed takes for a block's offset, and what came of it. */
static uint32_t wrong;
static bool is_accepted;

static void report(const char *name, tally_t tally, uint32_t bar)
{
    const uint32_t accepted = tally.accepted > tally.resized ? tally.accepted : tally.resized;
    const uint64_t refused = tally.tried - accepted - tally.strayed;
    const uint64_t rate = tally.tried == 0 ? 10000000u : refused * 10000000u / tally.tried;
    const bool passes = rate >= bar && tally.changed == 0 && tally.strayed == 0;
    is_fine = is_fine && passes;
    printf("%-16s %-40s %9" PRIu32 " %9" PRIu32 " %9" PRIu32 "  %3" PRIu64 ".%05" PRIu64 " %s\n",
           scene.region.name, name, tally.tried, tally.accepted, tally.resized, rate / 100000u,
           rate % 100000u,
           bar == 0 ? ""
           : passes ? "ok"
                    : "BELOW THE BAR");
    if (tally.changed != 0) {
        printf("  and %" PRIu32 " refusals changed something\n", tally.changed);
    }
    if (tally.strayed != 0) {
        printf("  and %" PRIu32 " touched memory outside the region\n", tally.strayed);
    }
}

static void deed_resize(scene_t *in)
{
    is_accepted = in->engine->resize(&in->region, wrong, 24).status == BERTH_OK;
}

static void deed_free(scene_t *in)
{
    is_accepted = in->engine->free(&in->region, wrong).status == BERTH_OK;
}

/* One wrong resize, and one wrong free. The bytes are compared now and then, and whenever it was
 * accepted put back. */
static void attempt(tally_t *tally, uint32_t offset)
{
    tally->tried++;
    wrong = offset;
    if (!scene_survives(deed_resize, &scene)) {
        tally->strayed++;
        scene_restore(&scene);
    } else if (is_accepted) {
        tally->resized++;
        scene_restore(&scene);
    }
    if (!scene_survives(deed_free, &scene)) {
        tally->strayed++;
        scene_restore(&scene);
    } else if (is_accepted) {
        tally->accepted++;
        scene_restore(&scene);
    } else if (tally->tried % 65536u == 0 && !scene_is_as_saved(&scene)) {
        tally->changed++;
        scene_restore(&scene);
    }
}

static void finish(tally_t *tally)
{
    if (!scene_is_as_saved(&scene)) {
        tally->changed++;
        scene_restore(&scene);
    }
}

/* --- contents -------------------------------------------------------------------------------- */

static uint32_t content_header(void)
{
    const uint32_t any = random_below(&scene.random, scene.count);
    uint32_t header = 0;
    const uint32_t offset = scene.blocks[any].offset;
    if (offset >= sizeof header) {
        memcpy(&header, (const uint8_t *)scene.region.base + offset - 4u, sizeof header);
    }
    return header;
}

static uint32_t content_float(void)
{
    const float number = (float)random_below(&scene.random, 2000000u) / 1000.0f - 1000.0f;
    uint32_t word = 0;
    memcpy(&word, &number, sizeof word);
    return word;
}

static uint32_t content_text(void)
{
    static const char letters[] = "etaoin shrdlu cmfwypvbgkjqxz, .0123456789\n{}\":ETAOINSHRDLU_-/";
    uint32_t word = 0;
    for (uint32_t i = 0; i < 4u; i++) {
        const char letter = letters[random_below(&scene.random, sizeof letters - 1u)];
        word = word << 8 | (uint8_t)letter;
    }
    return word;
}

static uint32_t content_word(content_t content)
{
    random_source_t *random = &scene.random;
    switch (content) {
    case CONTENT_ONES:
        return UINT32_MAX;
    case CONTENT_A5:
        return 0xA5A5A5A5u;
    case CONTENT_EF:
        return 0xEFEFEFEFu;
    case CONTENT_BYTES:
        return random_next(random);
    case CONTENT_SMALL:
        return random_log(random, 70000u) - 1u;
    case CONTENT_SRAM:
        return 0x3FC80000u + (random_below(random, 0x70000u) & ~3u);
    case CONTENT_PSRAM:
        return 0x3C000000u + (random_below(random, 0x800000u) & ~3u);
    case CONTENT_CORTEX:
        return 0x20000000u + (random_below(random, 0x40000u) & ~3u);
    case CONTENT_TEXT:
        return content_text();
    case CONTENT_FLOATS:
        return content_float();
    case CONTENT_HEADERS:
        return content_header();
    case CONTENT_ZEROS:
    case CONTENT_COUNT:
    default:
        return 0;
    }
}

static void paint(content_t content)
{
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        for (uint32_t at = 0; block->owner != BERTH_NO_OWNER && at + 4u <= block->size; at += 4u) {
            const uint32_t word = content_word(content);
            memcpy((uint8_t *)scene.region.base + block->offset + at, &word, sizeof word);
        }
    }
    scene_save(&scene);
}

/* --- classes --------------------------------------------------------------------------------- */

static void try_interiors(content_t content, uint32_t step)
{
    tally_t tally = {0};
    paint(content);
    for (uint32_t i = 0;
         i < scene.count && tally.accepted + tally.resized + tally.strayed < ACCEPTED_MAX; i++) {
        const berth_block_t *block = &scene.blocks[i];
        const bool is_live = block->owner != BERTH_NO_OWNER;
        for (uint32_t at = step; is_live && at < block->taken; at += step) {
            attempt(&tally, block->offset + at);
        }
    }
    finish(&tally);
    char name[64];
    (void)snprintf(name, sizeof name, "interior, %s", content_names[content]);
    report(name, tally, content == CONTENT_HEADERS ? 0 : BAR_INTERIOR);
}

static void try_every_byte(void)
{
    tally_t tally = {0};
    const uint32_t granule = scene.region.granule;
    for (uint32_t offset = 0; offset < scene.region.size; offset++) {
        if ((scene.region.address + offset) % granule != 0) {
            attempt(&tally, offset);
        }
    }
    finish(&tally);
    report("off the granule, random bytes", tally, BAR_SURE);
}

static void try_free_space(void)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        const bool is_free = block->owner == BERTH_NO_OWNER;
        for (uint32_t at = 0; is_free && at < block->taken; at += scene.region.granule) {
            attempt(&tally, block->offset + at);
        }
    }
    finish(&tally);
    report("in free space, freed long ago included", tally, BAR_INTERIOR);
}

static void try_outside(void)
{
    tally_t tally = {0};
    for (uint32_t offset = 0; offset < scene.blocks[0].offset; offset++) {
        attempt(&tally, offset);
    }
    for (uint32_t more = 0; more < 65536u; more++) {
        attempt(&tally, scene.region.size - 3u + more);
        attempt(&tally, UINT32_MAX - more);
        attempt(&tally, scene.region.size + random_below(&scene.random, ~scene.region.size));
    }
    const berth_block_t *last = &scene.blocks[scene.count - 1u];
    attempt(&tally, last->offset + last->taken);
    finish(&tally);
    report("foreign: outside, control area, the end", tally, BAR_SURE);
}

static void try_twice(void)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        if (block->owner == BERTH_NO_OWNER) {
            continue;
        }
        if (scene.engine->free(&scene.region, block->offset).status != BERTH_OK) {
            tally.changed++; /* a right free was refused */
        }
        tally.tried++;
        const berth_change_t again = scene.engine->free(&scene.region, block->offset);
        tally.accepted += again.status == BERTH_OK;
    }
    scene_restore(&scene);
    report("immediately twice", tally, BAR_SURE);
}

/* Frees most blocks, merging them, and then frees each of them again. */
static void try_late(void)
{
    tally_t tally = {0};
    scene_save(&scene);
    for (uint32_t i = 0; i < scene.count; i++) {
        if (scene.blocks[i].owner != BERTH_NO_OWNER && i % 8u != 0) {
            (void)scene.engine->free(&scene.region, scene.blocks[i].offset);
        }
    }
    scene_save(&scene);
    for (uint32_t i = 0; i < scene.count; i++) {
        if (i % 8u != 0) {
            attempt(&tally, scene.blocks[i].offset);
        }
    }
    finish(&tally);
    report("twice, merged meanwhile", tally, BAR_INTERIOR);
}

static void try_shape(const shape_t *shape, uint32_t size_max)
{
    if (!scene_set(&scene, shape, &berth_fit_engine, size_max, 7)) {
        printf("%s: the scene could not be set\n", shape->name);
        is_fine = false;
        return;
    }
    for (uint32_t content = 0; content < CONTENT_COUNT; content++) {
        try_interiors((content_t)content, scene.region.granule);
    }
    paint(CONTENT_BYTES);
    try_every_byte();
    try_free_space();
    try_outside();
    try_twice();
    try_late();
    scene_strike(&scene);
}

/* --quick: one region of each form only, for when many engines are tried. */
int main(int count, char **words)
{
    static const shape_t shapes[] = {
        {"320K granule 4", 0x3FC88000u, 320u * 1024u, 4, 0, SHAPE_BOOK_INSIDE},
        {"320K granule 8", 0x3FC88000u, 320u * 1024u, 8, 0, SHAPE_BOOK_INSIDE},
        {"8M granule 4", 0x3C000000u, 8u * 1024u * 1024u, 4, 0, SHAPE_BOOK_INSIDE},
        {"8M granule 16", 0x3C000000u, 8u * 1024u * 1024u, 16, 0, SHAPE_BOOK_INSIDE},
        {"320K g4 beside", 0x3FC88000u, 320u * 1024u, 4, 0, SHAPE_BOOK_BESIDE},
        {"8M g16 beside", 0x3C000000u, 8u * 1024u * 1024u, 16, 0, SHAPE_BOOK_BESIDE},
    };
    printf("%-16s %-40s %9s %9s %9s  %s\n", "region", "wrong free", "tried", "freed", "resized",
           "% refused");
    const bool is_quick = count > 1 && strcmp(words[1], "--quick") == 0;
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i += is_quick ? 4u : 1u) {
        try_shape(&shapes[i], shapes[i].size / 256u);
    }
    return is_fine ? 0 : 1;
}
