/* arena.c: the engine for scratch memory: a top that rises, and a record of each block.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   [block 0][block 1][..skipped..|skip][block 2] -> free <- [record 2][record 1][record 0][book]
 *                                                 ^ top    ^ floor
 *
 *   record   unit where it starts | is_dead | is_skipped | check | word | owner:7
 *   bits     31 to 11                 10          9          8      7     6 to 0
 *
 * Records are in the order of the blocks, so that a block's number is how many are below it: a
 * reset() knows what it drops without a word in each block, and no block's contents can be taken
 * for bookkeeping. They are searched by halves. A block ends where the next one, or what that one
 * skipped for its alignment, begins; how many bytes were skipped is the last word of them. `check`
 * makes the bits of a record even in number, bit 0 those of a skip.
 */
#include "berth/arena.h"

#include <string.h>

#define ARENA_WORD 4u /* bytes */
#define ARENA_TAG (BERTH_TAG_OWNER | BERTH_TAG_WORD)
#define ARENA_CHECK 0x100u
#define ARENA_SKIPPED 0x200u
#define ARENA_DEAD 0x400u
#define ARENA_UNIT_AT 11u
#define ARENA_UNITS_MOST (1u << 21)
#define ARENA_SPAN_MOST 0x40000000u /* bytes: sums of two sizes do not overflow */
#define ARENA_ASTRAY UINT32_MAX     /* of what a damaged word says; above every offset */
#define ARENA_NO_GRANT ((berth_grant_t){.offset = BERTH_NOWHERE, .size = 0})

/* The caller's memory may have any type. */
typedef uint32_t __attribute__((may_alias)) arena_word_t;

typedef struct __attribute__((may_alias)) arena {
    uint32_t first;   /* region offset of the first block */
    uint32_t end;     /* of this control block */
    uint32_t address; /* the board's, of the region's first byte */
    uint32_t unit;    /* bytes: sizes are multiples, blocks start at multiples */
    uint32_t shift;   /* log2 of that */
    uint32_t top;     /* offset of the first free byte */
    uint32_t count;   /* records */
    uint32_t seal;    /* of the two before */
} arena_t;

_Static_assert(sizeof(arena_t) == 32, "no padding: every byte of a book is the same everywhere");

/* Where a block lies. */
typedef struct arena_extent {
    uint32_t from;  /* where the top stood before it */
    uint32_t start; /* its first usable byte */
    uint32_t end;
    bool is_sound; /* its bookkeeping contradicts neither itself nor its neighbours' */
} arena_extent_t;

static inline arena_t *arena_of(const berth_region_t *region)
{
    return (arena_t *)region->book;
}

static inline arena_word_t *arena_word_at(const arena_t *arena, uint32_t offset)
{
    return (arena_word_t *)((uintptr_t)arena - arena->end + offset);
}

/* The end of the free bytes. */
static inline uint32_t arena_floor(const arena_t *arena)
{
    return arena->end - arena->count * ARENA_WORD;
}

static inline arena_word_t *arena_record(const arena_t *arena, uint32_t index)
{
    return (arena_word_t *)(uintptr_t)arena - 1 - index;
}

/* 1 if the bits of a word are odd in number. */
static uint32_t arena_parity(uint32_t word)
{
    word ^= word >> 16;
    word ^= word >> 8;
    word ^= word >> 4;
    return 0x6996u >> (word & 15u) & 1u;
}

static void arena_write(const arena_t *arena, uint32_t index, uint32_t record)
{
    record &= ~ARENA_CHECK;
    *arena_record(arena, index) = record + ARENA_CHECK * arena_parity(record);
}

static uint32_t arena_seal(uint32_t top, uint32_t count)
{
    return ~(top ^ count);
}

static void arena_set(arena_t *arena, uint32_t top, uint32_t count)
{
    arena->top = top;
    arena->count = count;
    arena->seal = arena_seal(top, count);
}

static uint32_t arena_start_at(const arena_t *arena, uint32_t index)
{
    return arena->first + (*arena_record(arena, index) >> ARENA_UNIT_AT << arena->shift);
}

/* Where the top stood before a block, or stands now. */
static uint32_t arena_from(const arena_t *arena, uint32_t index)
{
    if (index >= arena->count) {
        return arena->top;
    }
    const uint32_t record = *arena_record(arena, index);
    const uint32_t start = arena_start_at(arena, index);
    const uint32_t distance = start - arena->first;
    if (arena_parity(record) != 0 || distance > arena->top - arena->first) {
        return ARENA_ASTRAY;
    }
    if ((record & ARENA_SKIPPED) == 0) {
        return start;
    }
    if (distance == 0) {
        return ARENA_ASTRAY;
    }
    const uint32_t skip = *arena_word_at(arena, start - ARENA_WORD);
    return arena_parity(skip) == 0 ? start - (skip & ~1u) : ARENA_ASTRAY;
}

static arena_extent_t arena_extent(const arena_t *arena, uint32_t index)
{
    arena_extent_t extent = {.from = arena_from(arena, index),
                             .start = arena_start_at(arena, index),
                             .end = arena_from(arena, index + 1)};
    const uint32_t least = index == 0 ? arena->first : arena_start_at(arena, index - 1) + 1;
    extent.is_sound = (*arena_record(arena, index) & BERTH_TAG_OWNER) != 0 &&
                      extent.from >= least && extent.from <= extent.start &&
                      extent.start < extent.end && extent.end <= arena->top;
    return extent;
}

/* The number of the first block that starts at an offset or above, `count` if none does. */
static uint32_t arena_search(const arena_t *arena, uint32_t offset)
{
    uint32_t low = 0;
    uint32_t high = arena->count;
    if (high != 0 && arena_start_at(arena, high - 1) <= offset) {
        low = high - (arena_start_at(arena, high - 1) == offset);
    }
    while (low < high) { /* BERTH_ARENA_STEPS at most: there are 2^21 blocks at most */
        const uint32_t middle = low + (high - low) / 2;
        if (arena_start_at(arena, middle) < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The live block that was granted at an offset, `count` if there is none. */
static uint32_t arena_live(const arena_t *arena, uint32_t offset)
{
    const uint32_t index = arena_search(arena, offset);
    if (index == arena->count || arena_start_at(arena, index) != offset ||
        (*arena_record(arena, index) & ARENA_DEAD) != 0) {
        return arena->count;
    }
    return index;
}

/* --- start ----------------------------------------------------------------------------------- */

static bool arena_is_power_or_0(uint32_t value)
{
    return (value & (value - 1)) == 0;
}

/* The control block of an empty arena; one without an end if the region cannot be carved. */
static arena_t arena_plan(const berth_region_t *region)
{
    const uint32_t granule = region->granule != 0 ? region->granule : ARENA_WORD;
    arena_t arena = {.address = region->address,
                     .unit = region->align > granule ? region->align : granule};
    if (granule < ARENA_WORD || !arena_is_power_or_0(granule) ||
        !arena_is_power_or_0(region->align) || region->address % ARENA_WORD != 0 ||
        region->size < sizeof arena) {
        return arena;
    }
    while (arena.unit >> arena.shift != 1) { /* 31 times at most */
        arena.shift++;
    }
    arena.first = (0u - region->address) & (arena.unit - 1);
    arena_set(&arena, arena.first, 0);
    const uint32_t end = region->size / ARENA_WORD * ARENA_WORD - (uint32_t)sizeof arena;
    const uint32_t span = end - arena.first;
    if (arena.first < end && span >= arena.unit + ARENA_WORD && span <= ARENA_SPAN_MOST &&
        span >> arena.shift <= ARENA_UNITS_MOST) {
        arena.end = end;
    }
    return arena;
}

static uint32_t arena_beside_size(const berth_region_t *region)
{
    (void)region;
    return 0;
}

static berth_status_t arena_start(berth_region_t *region)
{
    const arena_t planned = arena_plan(region);
    const uintptr_t base = (uintptr_t)region->base;
    if (planned.end == 0 || base == 0 || base % ARENA_WORD != 0 || region->beside != NULL) {
        return BERTH_ERR_INVALID;
    }
    region->book = (void *)(base + planned.end);
    memcpy(region->book, &planned, sizeof planned);
    return BERTH_OK;
}

/* --- questions ------------------------------------------------------------------------------- */

/* Bytes to skip at the top for an alignment. */
static uint32_t arena_skip(const arena_t *arena, uint32_t top, uint32_t align)
{
    return align == 0 ? 0 : (0u - arena->address - top) & (align - 1);
}

/* Bytes of a block but for its record. */
static uint32_t arena_rounded(const arena_t *arena, uint32_t size, berth_tag_t tag)
{
    const uint32_t word = (tag & BERTH_TAG_WORD) != 0 ? ARENA_WORD : 0;
    return (size + word + arena->unit - 1) & (0u - arena->unit);
}

/* The largest size that there is room for between a top and a floor. */
static uint32_t arena_most(const arena_t *arena, uint32_t room, uint32_t skip, berth_tag_t tag)
{
    const uint32_t word = (tag & BERTH_TAG_WORD) != 0 ? ARENA_WORD : 0;
    if ((tag & BERTH_TAG_OWNER) == 0 || room < ARENA_WORD || skip > room - ARENA_WORD) {
        return 0;
    }
    const uint32_t units = (room - ARENA_WORD - skip) & (0u - arena->unit);
    return units > word ? units - word : 0;
}

static uint32_t arena_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag)
{
    const arena_t *arena = arena_of(region);
    if (!arena_is_power_or_0(align)) {
        return 0;
    }
    return arena_most(arena, arena_floor(arena) - arena->top, arena_skip(arena, arena->top, align),
                      tag);
}

static bool arena_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    return size - 1 < arena_allocatable(region, align, tag);
}

/* What is skipped for the alignment depends on where the top stands. */
static uint32_t arena_cost(const berth_region_t *region, size_t size, uint32_t align,
                           berth_tag_t tag)
{
    const arena_t *arena = arena_of(region);
    const uint32_t least = arena_skip(arena, arena->first, align);
    if (!arena_is_power_or_0(align) ||
        size - 1 >= arena_most(arena, arena->end - arena->first, least, tag)) {
        return 0;
    }
    return arena_skip(arena, arena->top, align) + arena_rounded(arena, (uint32_t)size, tag) +
           ARENA_WORD;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static berth_grant_t arena_alloc(berth_region_t *region, size_t size, uint32_t align,
                                 berth_tag_t tag)
{
    arena_t *arena = arena_of(region);
    if (!arena_fits(region, size, align, tag)) {
        return ARENA_NO_GRANT;
    }
    const uint32_t skip = arena_skip(arena, arena->top, align);
    const uint32_t start = arena->top + skip;
    const uint32_t rounded = arena_rounded(arena, (uint32_t)size, tag);
    const uint32_t unit = (start - arena->first) >> arena->shift;
    arena_write(arena, arena->count,
                unit << ARENA_UNIT_AT | (skip != 0 ? ARENA_SKIPPED : 0) | (tag & ARENA_TAG));
    if (skip != 0) {
        *arena_word_at(arena, start - ARENA_WORD) = skip + arena_parity(skip);
    }
    arena_set(arena, start + rounded, arena->count + 1);
    return (berth_grant_t){.offset = start, .size = skip + rounded + ARENA_WORD};
}

static inline berth_change_t arena_refuse(int32_t status)
{
    return (berth_change_t){.before = 0, .after = 0, .owner = BERTH_NO_OWNER, .status = status};
}

static berth_change_t arena_free(berth_region_t *region, uint32_t offset)
{
    arena_t *arena = arena_of(region);
    const uint32_t index = arena_live(arena, offset);
    if (index == arena->count) {
        return arena_refuse(BERTH_ERR_INVALID);
    }
    const arena_extent_t extent = arena_extent(arena, index);
    const uint32_t record = *arena_record(arena, index);
    uint32_t before = 0;
    if (!extent.is_sound) {
        return arena_refuse(BERTH_ERR_CORRUPT);
    }
    if (index == arena->count - 1) {
        before = extent.end - extent.from + ARENA_WORD;
        arena_set(arena, extent.from, index);
    } else {
        arena_write(arena, index, record | ARENA_DEAD);
    }
    return (berth_change_t){
        .before = before, .after = 0, .owner = record & BERTH_TAG_OWNER, .status = BERTH_OK};
}

/* Makes a sound last block end at `end`. */
static void arena_move_top(arena_t *arena, uint32_t end)
{
    const uint32_t word = *arena_word_at(arena, arena->top - ARENA_WORD);
    if ((*arena_record(arena, arena->count - 1) & BERTH_TAG_WORD) != 0) {
        *arena_word_at(arena, end - ARENA_WORD) = word;
    }
    arena_set(arena, end, arena->count);
}

static berth_change_t arena_resize(berth_region_t *region, uint32_t offset, size_t size)
{
    arena_t *arena = arena_of(region);
    const uint32_t index = arena_live(arena, offset);
    if (index == arena->count) {
        return arena_refuse(BERTH_ERR_INVALID);
    }
    const arena_extent_t extent = arena_extent(arena, index);
    const berth_tag_t tag = *arena_record(arena, index);
    const uint32_t taken = extent.end - extent.from + ARENA_WORD;
    berth_change_t change = {.before = taken, .after = taken, .owner = tag & BERTH_TAG_OWNER};
    const bool is_last = index == arena->count - 1;
    const uint32_t room = (is_last ? arena_floor(arena) : extent.end) - offset;
    if (!extent.is_sound) {
        change = arena_refuse(BERTH_ERR_CORRUPT);
    } else if (size == 0) {
        change.status = BERTH_ERR_INVALID;
    } else if (size > room || arena_rounded(arena, (uint32_t)size, tag) > room) {
        change.status = BERTH_ERR_NOMEM;
    } else if (is_last) {
        arena_move_top(arena, offset + arena_rounded(arena, (uint32_t)size, tag));
        change.after = arena->top - extent.from + ARENA_WORD;
    }
    return change;
}

static berth_status_t arena_give(berth_region_t *region, uint32_t offset, berth_owner_t owner)
{
    const arena_t *arena = arena_of(region);
    const uint32_t index = arena_live(arena, offset);
    if (index == arena->count || owner - 1u >= BERTH_TAG_OWNER ||
        !arena_extent(arena, index).is_sound) {
        return BERTH_ERR_INVALID;
    }
    arena_write(arena, index, (*arena_record(arena, index) & ~BERTH_TAG_OWNER) | owner);
    return BERTH_OK;
}

static uint32_t *arena_word(const berth_region_t *region, uint32_t offset)
{
    const arena_t *arena = arena_of(region);
    const uint32_t index = arena_live(arena, offset);
    if (index == arena->count || (*arena_record(arena, index) & BERTH_TAG_WORD) == 0 ||
        !arena_extent(arena, index).is_sound) {
        return NULL;
    }
    return (uint32_t *)arena_word_at(arena, arena_from(arena, index + 1)) - 1;
}

/* --- marks ----------------------------------------------------------------------------------- */

static uint32_t arena_mark(const berth_region_t *region)
{
    return arena_of(region)->top;
}

static berth_undone_t arena_reset(berth_region_t *region, uint32_t mark)
{
    arena_t *arena = arena_of(region);
    const uint32_t index = mark == arena->first ? 0 : arena_search(arena, mark);
    if (mark != arena->first && arena_from(arena, index) != mark) {
        return (berth_undone_t){.status = BERTH_ERR_INVALID};
    }
    const uint32_t count = arena->count - index;
    const uint32_t size = arena->top - mark + count * ARENA_WORD;
    arena_set(arena, mark, index);
    return (berth_undone_t){.size = size, .count = count};
}

/* --- inspection ------------------------------------------------------------------------------ */

/* What is free is the last block: it goes up to the records. There is none after it. */
static berth_block_t arena_describe_free(const berth_region_t *region, uint32_t cursor)
{
    const arena_t *arena = arena_of(region);
    return (berth_block_t){.offset = arena->top,
                           .size = arena_allocatable(region, 0, BERTH_OTHERS),
                           .taken = arena_floor(arena) - arena->top,
                           .next = BERTH_NOWHERE,
                           .status = cursor == arena->count ? BERTH_OK : BERTH_ERR_CORRUPT,
                           .owner = BERTH_NO_OWNER,
                           .has_word = false};
}

/* A cursor is a number of a block. */
static berth_block_t arena_walk(const berth_region_t *region, uint32_t cursor)
{
    const arena_t *arena = arena_of(region);
    if (cursor >= arena->count) {
        return arena_describe_free(region, cursor);
    }
    const arena_extent_t extent = arena_extent(arena, cursor);
    const uint32_t record = *arena_record(arena, cursor);
    const bool has_word = (record & BERTH_TAG_WORD) != 0;
    const bool has_next = cursor + 1 < arena->count || arena->top < arena_floor(arena);
    const uint32_t usable = extent.end - extent.start - (has_word ? ARENA_WORD : 0);
    return (berth_block_t){.offset = extent.start,
                           .size = (record & ARENA_DEAD) != 0 ? 0 : usable,
                           .taken = extent.end - extent.from + ARENA_WORD,
                           .next = has_next ? cursor + 1 : BERTH_NOWHERE,
                           .status = extent.is_sound ? BERTH_OK : BERTH_ERR_CORRUPT,
                           .owner = (uint8_t)(record & BERTH_TAG_OWNER),
                           .has_word = has_word};
}

static berth_block_t arena_find(const berth_region_t *region, uint32_t offset)
{
    const arena_t *arena = arena_of(region);
    const uint32_t index = arena_live(arena, offset);
    berth_block_t block = arena_walk(region, index);
    if (index == arena->count || block.status != BERTH_OK) {
        block.offset = offset;
        block.next = BERTH_NOWHERE;
        block.status = BERTH_ERR_INVALID;
    }
    return block;
}

/* Whether the control block is what start() planned, and then was set to. */
static bool arena_is_sound(const berth_region_t *region)
{
    const arena_t *arena = arena_of(region);
    const arena_t planned = arena_plan(region);
    return memcmp(arena, &planned, offsetof(arena_t, top)) == 0 &&
           arena->seal == arena_seal(arena->top, arena->count);
}

static berth_block_t arena_check(const berth_region_t *region, uint32_t cursor)
{
    if (cursor == BERTH_WALK_START && !arena_is_sound(region)) {
        return (berth_block_t){.next = BERTH_NOWHERE, .status = BERTH_ERR_CORRUPT};
    }
    return arena_walk(region, cursor);
}

const berth_engine_t berth_arena_engine = {
    .name = "arena",
    .is_unbroken = true,
    .beside_size = arena_beside_size,
    .start = arena_start,
    .alloc = arena_alloc,
    .free = arena_free,
    .resize = arena_resize,
    .cost = arena_cost,
    .allocatable = arena_allocatable,
    .fits = arena_fits,
    .find = arena_find,
    .give = arena_give,
    .word = arena_word,
    .walk = arena_walk,
    .check = arena_check,
    .mark = arena_mark,
    .reset = arena_reset,
};
