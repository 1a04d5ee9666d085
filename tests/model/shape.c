/* shape.c: the regions that the tests try, and memory to lay them in.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shape.h"

#include "random.h"

#include <stdalign.h>
#include <string.h>

#ifdef TEST_HAS_PSRAM
#define IN_SLOW_RAM __attribute__((section(".psram")))
#else
#define IN_SLOW_RAM
#endif

#define SHAPE_STEP 64u /* bases differ modulo this, and not as the board's addresses do */

static alignas(4096) uint8_t shape_fast[SHAPE_FAST_BYTES + SHAPE_STEP];
static alignas(4096) uint8_t shape_slow[SHAPE_SLOW_BYTES + SHAPE_STEP] IN_SLOW_RAM;
static alignas(4096) uint8_t shape_beside[SHAPE_BESIDE_BYTES] IN_SLOW_RAM;

#define K 1024u
#define M (1024u * 1024u)

static const shape_t shapes[] = {
    {"sram-4k", 0x3FC88000u, 4u * K, 4, 0, SHAPE_BOOK_INSIDE},
    {"sram-1k", 0x20000004u, 1u * K, 0, 0, SHAPE_BOOK_INSIDE},
    {"sram-16k-g8", 0x20000004u, 16u * K, 8, 0, SHAPE_BOOK_INSIDE},
    {"sram-2k-g16", 0x2000000Cu, 2u * K, 16, 0, SHAPE_BOOK_INSIDE},
    {"sram-8k-g64", 0x20000014u, 8u * K + 20u, 64, 0, SHAPE_BOOK_INSIDE},
    {"sram-64k", 0x3FC88008u, 64u * K, 4, 0, SHAPE_BOOK_INSIDE},
    {"sram-6k-a8", 0x3FC88008u, 6u * K - 4u, 4, 8, SHAPE_BOOK_INSIDE},
    {"sram-320k", 0x3FC88000u, 320u * K, 4, 0, SHAPE_BOOK_INSIDE},
    {"sram-320k-g8", 0x3FC88000u, 320u * K, 8, 0, SHAPE_BOOK_INSIDE},
    {"top-of-space", 0xFFFFF004u, 12u * K, 4, 0, SHAPE_BOOK_INSIDE},
    {"psram-8m", 0x3C000000u, 8u * M, 4, 0, SHAPE_BOOK_INSIDE},
    {"psram-8m-g16", 0x3C000010u, 8u * M - 16u, 16, 0, SHAPE_BOOK_INSIDE},
    {"beside-256", 0x20000000u, 256u, 4, 0, SHAPE_BOOK_BESIDE},
    {"beside-3k-g8", 0x20000004u, 3u * K, 8, 0, SHAPE_BOOK_UNSEEN},
    {"beside-64k-g16", 0x3C000004u, 64u * K, 16, 0, SHAPE_BOOK_BESIDE},
    {"beside-16k-g64", 0x3C000024u, 16u * K, 64, 256, SHAPE_BOOK_UNSEEN},
    {"beside-1m-g4", 0x3C000000u, 1u * M, 4, 0, SHAPE_BOOK_BESIDE},
    {"beside-8m-g8", 0x3C000008u, 8u * M - 64u, 8, 0, SHAPE_BOOK_UNSEEN},
};

uint32_t shape_count(void)
{
    return (uint32_t)(sizeof shapes / sizeof shapes[0]);
}

const shape_t *shape_at(uint32_t index)
{
    return &shapes[index % shape_count()];
}

/* With bookkeeping inside, addresses are multiples of 4: a header is an aligned word. */
static shape_t shape_made_up(random_source_t *source)
{
    static const uint32_t granules[] = {4, 4, 4, 8, 16, 32, 64};
    const uint32_t granule = granules[random_below(source, 7)];
    const uint32_t octave = random_between(source, 10, 16);
    const uint32_t size = random_between(source, 1u << octave, 2u << octave);
    const bool is_beside = random_percent(source, 35);
    return (shape_t){
        .name = "made-up",
        .address = (random_next(source) & (is_beside ? 0xFFFFFFu : 0xFFFFFCu)) + 0x20000000u,
        .size = size < 16u * granule ? 16u * granule : size,
        .granule = granule,
        .align = random_percent(source, 25) ? granule << random_below(source, 3) : 0,
        .book = is_beside ? SHAPE_BOOK_BESIDE : SHAPE_BOOK_INSIDE,
    };
}

shape_t shape_from(uint32_t seed)
{
    random_source_t source = random_from(seed);
    if (seed % 4u == 3u) {
        return shape_made_up(&source);
    }
    return *shape_at(seed / 4u * 3u + seed % 4u);
}

berth_region_t shape_lay(const shape_t *shape, const berth_engine_t *engine)
{
    uint8_t *memory = shape->size <= SHAPE_FAST_BYTES ? shape_fast : shape_slow;
    berth_region_t region = {
        .name = shape->name,
        .engine = engine,
        .base = memory + shape->address / 4u * 12u % SHAPE_STEP,
        .address = shape->address,
        .size = shape->size,
        .granule = shape->granule,
        .align = shape->align,
    };
    memset(region.base, 0, region.size);
    if (shape->book != SHAPE_BOOK_INSIDE) {
        region.beside = shape_beside;
        region.beside_size = engine->beside_size(&region);
        memset(shape_beside, 0, region.beside_size < sizeof shape_beside ? region.beside_size : 0);
    }
    if (shape->book == SHAPE_BOOK_UNSEEN) {
        region.base = NULL;
    }
    return region;
}
