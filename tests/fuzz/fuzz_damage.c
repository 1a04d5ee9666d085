/* fuzz_damage.c: any bytes, read as calls and as damage to the bookkeeping that they rest on.
 * SPDX-License-Identifier: Apache-2.0
 *
 * No answer is right or wrong here: every call must end, and stay inside the memory it was given.
 * That memory is a copy of its own, so that AddressSanitizer sees any other access. Once something
 * is damaged, only calls that look are made: what free() and resize() bear is in fault/bit_flip.c.
 */
#include "fuzz.h"

#include "berth/fit.h"

#include <stdlib.h>
#include <string.h>

#define REGION_SIZE 1024u
#define BLOCKS 16u
#define BESIDE_MAX 2048u

typedef struct stage {
    berth_region_t region;
    uint8_t *book; /* where the damage is done */
    uint32_t book_size;
    uint32_t first; /* book bytes before the first block's: damage begins there */
    uint32_t offsets[BLOCKS];
    bool is_damaged;
} stage_t;

/* Beside, the book ends with a word for each granule, and one for the end. */
static bool stage_set(stage_t *stage, uint32_t granule, bool is_beside)
{
    stage->region = (berth_region_t){.engine = &berth_fit_engine,
                                     .base = malloc(REGION_SIZE),
                                     .address = 0x20000000u,
                                     .size = REGION_SIZE,
                                     .granule = granule};
    berth_region_t *region = &stage->region;
    if (is_beside) {
        region->beside_size = berth_fit_engine.beside_size(region);
        region->beside = malloc(region->beside_size);
        memset(region->beside, 0, region->beside_size);
    }
    memset(region->base, 0, REGION_SIZE);
    stage->book = is_beside ? region->beside : region->base;
    stage->book_size = is_beside ? region->beside_size : REGION_SIZE;
    if (berth_fit_engine.start(region) != BERTH_OK) {
        return false;
    }
    const berth_block_t whole = berth_fit_engine.walk(region, BERTH_WALK_START);
    stage->first =
        is_beside ? stage->book_size - whole.taken / granule * 4u - 4u : whole.offset - 4u;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        stage->offsets[i] = berth_fit_engine.alloc(region, 8u + 5u * (i % 7u), 0, 1u + i).offset;
    }
    return true;
}

static void stage_strike(stage_t *stage)
{
    free(stage->region.base);
    free(stage->region.beside);
}

static void stage_sweep(const berth_region_t *region,
                        berth_block_t (*visit)(const berth_region_t *region, uint32_t cursor))
{
    uint32_t steps = 0;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE; steps++) {
        cursor = visit(region, cursor).next;
        if (steps > REGION_SIZE) {
            abort(); /* it goes in circles */
        }
    }
}

static void stage_damage(stage_t *stage, uint8_t how, uint8_t where, uint8_t value)
{
    const uint32_t words = (stage->book_size - stage->first) / 4u;
    stage->is_damaged = true;
    const uint32_t at = stage->first + (where + (how >> 4u) * 16u) % words * 4u + (how & 3u);
    const uint8_t flipped = (uint8_t)(stage->book[at] ^ 1u << (value & 7u));
    stage->book[at] = (how & 8u) != 0 ? value : flipped;
}

static void stage_call(stage_t *stage, uint8_t what, uint8_t which, uint8_t size)
{
    const berth_engine_t *engine = &berth_fit_engine;
    berth_region_t *region = &stage->region;
    const uint32_t offset = (which & 0x80u) != 0 ? which * 8u + 4u : stage->offsets[which % BLOCKS];
    switch (what % (stage->is_damaged ? 5u : 8u)) {
    case 0:
        stage_sweep(region, engine->check);
        break;
    case 1:
        stage_sweep(region, engine->walk);
        break;
    case 2:
        (void)engine->find(region, offset);
        break;
    case 3:
        (void)engine->word(region, offset);
        break;
    case 4:
        (void)engine->allocatable(region, 0, 1);
        break;
    case 5:
        (void)engine->free(region, offset);
        break;
    case 6:
        (void)engine->resize(region, offset, size);
        break;
    default:
        (void)engine->give(region, offset, size);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t granules[] = {4, 8, 16, 4};
    stage_t stage = {0};
    if (size >= 5u && stage_set(&stage, granules[data[0] & 3u], (data[0] & 4u) != 0)) {
        for (size_t at = 1; at + 3u < size; at += 3u) {
            if ((data[at] & 0x80u) != 0) {
                stage_damage(&stage, data[at], data[at + 1u], data[at + 2u]);
            } else {
                stage_call(&stage, data[at], data[at + 1u], data[at + 2u]);
            }
        }
    }
    stage_strike(&stage);
    return 0;
}
