/* bit_flip.c: one flipped bit in the bookkeeping: is it found, and does nothing stray for it?
 * SPDX-License-Identifier: Apache-2.0
 *
 * After each flip a whole sweep of check() must find it (a bar for headers, a figure for the rest),
 * and check(), walk(), find(), free() and resize() must end and stay inside their memory, which
 * lies between two forbidden pages.
 */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEADER_BAR_PERCENT 99u
#define BITS 32u
#define LARGE_WORDS 20u /* free blocks below this are kept by size, the others by zone */

typedef struct tally {
    uint32_t flipped;
    uint32_t found;   /* by the sweep */
    uint32_t freed;   /* the damaged block was freed as if nothing was wrong */
    uint32_t strayed; /* touched other memory */
    uint32_t endless; /* a walk that does not end */
} tally_t;

static scene_t scene;
static bool is_fine = true;

/* What a deed is about, and what it saw: deeds take the scene alone, so that they can be escaped.
 * */
static struct deed {
    uint32_t offset; /* of the block that was damaged */
    bool found;
    bool freed;
    bool endless;
} deed;

typedef berth_block_t (*visit_t)(const berth_region_t *region, uint32_t cursor);

static void sweep(scene_t *in, visit_t visit)
{
    const uint32_t granule = in->region.granule;
    uint32_t steps = in->region.size / granule + 2u;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = visit(&in->region, cursor);
        deed.found = deed.found || block.status != BERTH_OK;
        cursor = block.next;
        if (steps-- == 0) {
            deed.endless = true;
            return;
        }
    }
}

static void deed_check(scene_t *in)
{
    sweep(in, in->engine->check);
}

static void deed_walk(scene_t *in)
{
    const bool found = deed.found;
    sweep(in, in->engine->walk);
    deed.found = found; /* the walk need not verify */
}

static void deed_find(scene_t *in)
{
    (void)in->engine->find(&in->region, deed.offset);
    (void)in->engine->word(&in->region, deed.offset);
}

static void deed_free(scene_t *in)
{
    deed.freed = in->engine->free(&in->region, deed.offset).status == BERTH_OK;
}

static void deed_resize(scene_t *in)
{
    (void)in->engine->resize(&in->region, deed.offset, 40);
}

#define ALL_CALLS 5u
#define CHECK_ALONE 1u /* of a damaged control block only check() has to make sense */

/* Flips one bit at `at` in the bookkeeping and makes the first `calls` of those that must bear it.
 * */
static void flip(tally_t *tally, uint32_t at, uint32_t bit, uint32_t offset, uint32_t calls)
{
    static void (*const deeds[ALL_CALLS])(scene_t * in) = {deed_check, deed_walk, deed_find,
                                                           deed_free, deed_resize};
    deed = (struct deed){.offset = offset};
    tally->flipped++;
    for (uint32_t i = 0; i < calls; i++) {
        scene.memory[at + bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        tally->strayed += !scene_survives(deeds[i], &scene);
        scene_restore(&scene);
    }
    tally->found += deed.found;
    tally->freed += deed.freed;
    tally->endless += deed.endless;
}

static tally_t tally_sum(const tally_t *tallies, uint32_t count)
{
    tally_t sum = {0};
    for (uint32_t i = 0; i < count; i++) {
        sum.flipped += tallies[i].flipped;
        sum.found += tallies[i].found;
        sum.freed += tallies[i].freed;
        sum.strayed += tallies[i].strayed;
        sum.endless += tallies[i].endless;
    }
    return sum;
}

static void report(const char *name, tally_t tally, uint32_t bar_percent)
{
    const uint64_t rate = tally.flipped == 0 ? 0 : (uint64_t)tally.found * 10000u / tally.flipped;
    const bool passes =
        rate >= (uint64_t)bar_percent * 100u && tally.strayed == 0 && tally.endless == 0;
    is_fine = is_fine && passes;
    printf("%-16s %-26s %8" PRIu32 " %4" PRIu64 ".%02" PRIu64 "%% %8" PRIu32 " %8" PRIu32
           " %8" PRIu32 "%s\n",
           scene.region.name, name, tally.flipped, rate / 100u, rate % 100u, tally.freed,
           tally.strayed, tally.endless, passes ? "" : "  BELOW THE BAR");
}

/* --- where the bookkeeping is ---------------------------------------------------------------- */

/* Where a live block's header lies: the word that changes when the block is given away. */
static uint32_t header_by_giving(uint32_t index)
{
    const berth_block_t *block = &scene.blocks[index];
    const berth_owner_t other = block->owner == 1u ? 2u : 1u;
    (void)scene.engine->give(&scene.region, block->offset, other);
    uint32_t at = 0;
    while (at + 4u < scene.size && memcmp(scene.memory + at, scene.saved + at, 4) == 0) {
        at += 4u;
    }
    scene_restore(&scene);
    return at;
}

static uint32_t first_live(void)
{
    uint32_t index = 0;
    while (scene.blocks[index].owner == BERTH_NO_OWNER) {
        index++;
    }
    return index;
}

/* Bookkeeping is one header a block at the same distance from each payload, if in the region; else
 * a word a granule. */
static uint32_t header_at(uint32_t offset)
{
    if (scene.region.beside == NULL) {
        return offset - 4u;
    }
    static const berth_region_t *known;
    static uint32_t seed_offset;
    static uint32_t seed_at;
    if (known != &scene.region || seed_offset != scene.blocks[first_live()].offset) {
        known = &scene.region;
        seed_offset = scene.blocks[first_live()].offset;
        seed_at = header_by_giving(first_live());
    }
    const int64_t distance = (int64_t)offset - seed_offset;
    return (uint32_t)(seed_at + distance / scene.region.granule * 4);
}

/* --- classes --------------------------------------------------------------------------------- */

static void flip_headers(bool live)
{
    static tally_t bits[BITS];
    memset(bits, 0, sizeof bits);
    for (uint32_t i = 0; i < scene.count; i++) {
        if ((scene.blocks[i].owner != BERTH_NO_OWNER) != live) {
            continue;
        }
        for (uint32_t bit = 0; bit < BITS; bit++) {
            const uint32_t offset = scene.blocks[i].offset;
            flip(&bits[bit], header_at(offset), bit, offset, ALL_CALLS);
        }
    }
    char name[64];
    for (uint32_t bit = 0; bit < BITS; bit++) {
        (void)snprintf(name, sizeof name, "%s header, bit %" PRIu32, live ? "live" : "free", bit);
        report(name, bits[bit], 0);
    }
    report(live ? "live headers" : "free headers", tally_sum(bits, BITS), HEADER_BAR_PERCENT);
}

/* Whether a word of a free block, counted from its header, holds a link or what goes with it: in a
 * small one the two words after the header, in a large one the two before the last word, which in
 * both repeats the header. The block at the end of the region is in no index and has none. */
static bool is_linked(const berth_block_t *block, uint32_t word, uint32_t words)
{
    if (block->next == BERTH_NOWHERE || word == 0) {
        return false;
    }
    return word + 1u == words ||
           (words < LARGE_WORDS ? word <= 2u && words > 2u : words - word <= 3u);
}

static void flip_links(void)
{
    tally_t links = {0};
    tally_t others = {0};
    const uint32_t unit = scene.region.beside != NULL ? scene.region.granule : 4u;
    for (uint32_t i = 0; i < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        const uint32_t words = block->owner == BERTH_NO_OWNER ? block->taken / unit : 0;
        for (uint32_t word = 1; word < words && word < LARGE_WORDS; word++) {
            const uint32_t which = word <= LARGE_WORDS / 2u ? word : words - (LARGE_WORDS - word);
            tally_t *tally = is_linked(block, which, words) ? &links : &others;
            for (uint32_t bit = 0; which < words && bit < BITS; bit += 3u) {
                flip(tally, header_at(block->offset) + 4u * which, bit, block->offset, ALL_CALLS);
            }
        }
    }
    report("links of free blocks", links, HEADER_BAR_PERCENT);
    report("unused words of free ones", others, 0);
}

static void place(tally_t *tally, uint32_t at, uint32_t word, uint32_t offset)
{
    static void (*const deeds[])(scene_t * in) = {deed_check, deed_walk, deed_find};
    deed = (struct deed){.offset = offset};
    memcpy(scene.memory + at, &word, sizeof word);
    tally->flipped += !scene_is_as_saved(&scene);
    for (uint32_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        tally->strayed += !scene_survives(deeds[i], &scene);
    }
    tally->found += deed.found;
    tally->endless += deed.endless;
    scene_restore(&scene);
}

/* Words that lead just past either end of the bookkeeping, wherever a free block may hold a link:
 * whoever follows one must look first. */
static void place_links(void)
{
    tally_t tally = {0};
    const uint32_t unit = scene.region.beside != NULL ? scene.region.granule / 4u : 1u;
    for (uint32_t i = 0; i < scene.count && i < 400u; i++) {
        const berth_block_t *block = &scene.blocks[i];
        const uint32_t words = block->owner == BERTH_NO_OWNER ? block->taken / unit / 4u : 0;
        for (uint32_t word = 0; word < words; word += word == 2u && words > 9u ? words - 8u : 1u) {
            for (uint32_t off = 0; off < 200u; off += 4u) {
                const uint32_t at = header_at(block->offset) + 4u * word;
                place(&tally, at, scene.size - 40u + off, block->offset);
                place(&tally, at, (scene.size - 40u + off) | 1u, block->offset);
                place(&tally, at, 0u - off, block->offset);
            }
        }
    }
    report("links past the ends", tally, 0);
}

static void flip_control(void)
{
    tally_t tally = {0};
    const berth_block_t *first = &scene.blocks[0];
    const uint32_t end = header_at(first->offset);
    const uint32_t live = scene.blocks[first_live()].offset;
    for (uint32_t at = 0; at + 4u <= end; at += 4u) {
        for (uint32_t bit = 0; bit < BITS; bit++) {
            flip(&tally, at, bit, live, CHECK_ALONE);
        }
    }
    report("control area", tally, HEADER_BAR_PERCENT);
}

/* The header that a buffer overrun hits: random bytes over it and a little more. */
static void overrun(void)
{
    tally_t tally = {0};
    for (uint32_t i = 0; i + 1u < scene.count; i++) {
        const berth_block_t *block = &scene.blocks[i];
        if (block->owner == BERTH_NO_OWNER || scene.region.beside != NULL) {
            continue;
        }
        deed = (struct deed){.offset = scene.blocks[i + 1u].offset};
        const uint32_t room = scene.region.size - (block->offset - 4u + block->taken);
        const uint32_t length = random_between(&scene.random, 1, room < 16u ? room : 16u);
        for (uint32_t at = 0; at < length; at++) {
            scene.memory[block->offset - 4u + block->taken + at] =
                (uint8_t)random_next(&scene.random);
        }
        tally.flipped += !scene_is_as_saved(&scene);
        tally.strayed += !scene_survives(deed_check, &scene);
        tally.strayed += !scene_survives(deed_walk, &scene);
        tally.found += deed.found;
        tally.endless += deed.endless;
        scene_restore(&scene);
    }
    report("overruns of 1 to 16 bytes", tally, 0);
}

static void try_shape(const shape_t *shape)
{
    if (!scene_set(&scene, shape, &berth_fit_engine, shape->size / 64u, 11)) {
        printf("%s: the scene could not be set\n", shape->name);
        is_fine = false;
        return;
    }
    flip_headers(true);
    flip_headers(false);
    flip_links();
    place_links();
    flip_control();
    if (scene.region.beside == NULL) {
        overrun();
    }
    scene_strike(&scene);
}

/* --quick: two small regions, for when many engines are tried. */
int main(int count, char **words)
{
    static const shape_t quick_shapes[] = {
        {"4K granule 4", 0x3FC88000u, 4096u, 4, 0, SHAPE_BOOK_INSIDE},
        {"4K g4 beside", 0x3FC88000u, 4096u, 4, 0, SHAPE_BOOK_BESIDE},
    };
    static const shape_t shapes[] = {
        {"64K granule 4", 0x3FC88000u, 64u * 1024u, 4, 0, SHAPE_BOOK_INSIDE},
        {"64K granule 8", 0x3FC88000u, 64u * 1024u, 8, 0, SHAPE_BOOK_INSIDE},
        {"1M granule 16", 0x3C000000u, 1024u * 1024u, 16, 0, SHAPE_BOOK_INSIDE},
        {"64K g4 beside", 0x3FC88000u, 64u * 1024u, 4, 0, SHAPE_BOOK_BESIDE},
    };
    printf("%-16s %-26s %8s %8s %8s %8s %8s\n", "region", "flipped bit", "flips", "found", "freed",
           "strayed", "endless");
    const bool is_quick = count > 1 && strcmp(words[1], "--quick") == 0;
    const shape_t *chosen = is_quick ? quick_shapes : shapes;
    const size_t chosen_count = (is_quick ? sizeof quick_shapes : sizeof shapes) / sizeof shapes[0];
    for (size_t i = 0; i < chosen_count; i++) {
        try_shape(&chosen[i]);
    }
    return is_fine ? 0 : 1;
}
