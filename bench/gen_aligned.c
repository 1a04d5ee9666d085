/* gen_aligned.c: writes the trace gen_f_aligned, the one that holds aligned operations.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     gen_aligned | xz -9e > traces/gen_f_aligned.mtr.xz
 *
 * A device with DMA: frames and descriptors on cache lines, card buffers on pages, among ordinary
 * small objects and strings that grow. The load swings, so that gaps of all kinds open.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define OPS 150000u
#define OBJECTS_MAX 8192u
#define LIVE_LOW (200u * 1024u)
#define LIVE_HIGH (300u * 1024u)
#define SWING 6000u /* operations from one turn of the load to the next */
#define SEED 0x9E3779B97F4A7C15u

enum {
    ALLOC,
    FREE,
    REALLOC,
    ALIGNED
};

/* What a device asks for, and how often. */
typedef struct kind {
    uint32_t chance; /* of 1000 */
    uint32_t least;  /* bytes */
    uint32_t most;
    uint32_t align_log2; /* 0: ordinary */
} kind_t;

static const kind_t KINDS[] = {
    {.chance = 700, .least = 8, .most = 192},                     /* nodes, strings */
    {.chance = 120, .least = 256, .most = 1024},                  /* documents */
    {.chance = 90, .least = 32, .most = 256, .align_log2 = 5},    /* DMA descriptors */
    {.chance = 85, .least = 512, .most = 1600, .align_log2 = 6},  /* network frames */
    {.chance = 5, .least = 4096, .most = 8192, .align_log2 = 12}, /* card and flash pages */
};

typedef struct generator {
    uint64_t random;
    uint32_t sizes[OBJECTS_MAX];  /* of each slot; 0: empty */
    uint32_t aligns[OBJECTS_MAX]; /* log2 */
    uint32_t live[OBJECTS_MAX];   /* the occupied slots, in no order */
    uint32_t vacant[OBJECTS_MAX]; /* a stack of the empty slots below slot_count */
    uint32_t live_count;
    uint32_t vacant_count;
    uint32_t slot_count;
    uint32_t live_bytes;
    uint8_t bytes[OPS * 8u];
    uint32_t byte_count;
} generator_t;

static uint32_t random_below(generator_t *generator, uint32_t bound)
{
    uint64_t x = generator->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    generator->random = x;
    return (uint32_t)((x >> 32) % bound);
}

static void put_byte(generator_t *generator, uint32_t byte)
{
    generator->bytes[generator->byte_count++] = (uint8_t)byte;
}

static void put_varint(generator_t *generator, uint32_t value)
{
    for (; value >= 0x80u; value >>= 7) {
        put_byte(generator, (value & 0x7Fu) | 0x80u);
    }
    put_byte(generator, value);
}

static void put_alloc(generator_t *generator)
{
    uint32_t dice = random_below(generator, 1000);
    const kind_t *kind = KINDS;
    while (dice >= kind->chance) { /* the chances add up to 1000 */
        dice -= kind->chance;
        kind++;
    }
    const uint32_t size = kind->least + random_below(generator, kind->most - kind->least + 1);
    const uint32_t slot = generator->vacant_count > 0 ? generator->vacant[--generator->vacant_count]
                                                      : generator->slot_count++;
    generator->sizes[slot] = size;
    generator->aligns[slot] = kind->align_log2;
    generator->live[generator->live_count++] = slot;
    generator->live_bytes += size;
    put_byte(generator, kind->align_log2 == 0 ? ALLOC : ALIGNED | kind->align_log2 << 3);
    put_varint(generator, slot);
    put_varint(generator, size);
}

static void put_free(generator_t *generator, uint32_t index)
{
    const uint32_t slot = generator->live[index];
    generator->live[index] = generator->live[--generator->live_count];
    generator->vacant[generator->vacant_count++] = slot;
    generator->live_bytes -= generator->sizes[slot];
    put_byte(generator, FREE);
    put_varint(generator, slot);
}

static void put_growth(generator_t *generator, uint32_t index)
{
    const uint32_t slot = generator->live[index];
    const uint32_t growth = 1 + random_below(generator, generator->sizes[slot]);
    generator->sizes[slot] += growth;
    generator->live_bytes += growth;
    put_byte(generator, REALLOC);
    put_varint(generator, slot);
    put_varint(generator, generator->sizes[slot]);
}

static void put_op(generator_t *generator, uint32_t number)
{
    const uint32_t load = (number / SWING) % 2 == 0 ? LIVE_HIGH : LIVE_LOW;
    const bool is_full =
        generator->live_count == OBJECTS_MAX || generator->live_bytes > load - 8192;
    const uint32_t frees = is_full ? 700 : 300; /* of 1000 */
    if (generator->live_count == 0 || random_below(generator, 1000) >= frees) {
        put_alloc(generator);
        return;
    }
    const uint32_t index = random_below(generator, generator->live_count);
    const uint32_t slot = generator->live[index];
    const bool may_grow = generator->aligns[slot] == 0 && generator->sizes[slot] < 128;
    if (may_grow && random_below(generator, 8) == 0) {
        put_growth(generator, index);
    } else {
        put_free(generator, index);
    }
}

static void write_u32(uint32_t value)
{
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        putchar((int)(value >> shift & 0xFFu));
    }
}

int main(void)
{
    static generator_t generator = {.random = SEED};
    for (uint32_t i = 0; i < OPS; i++) {
        put_op(&generator, i);
    }
    fputs("MTR1", stdout);
    write_u32(OPS);
    write_u32(generator.slot_count);
    fwrite(generator.bytes, 1, generator.byte_count, stdout);
    return ferror(stdout) || fflush(stdout) != 0 ? 2 : 0;
}
