/* pool.c: the engine for blocks of one size: a list of free blocks, kept in one word a block.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   inside   [control][word 0][word 1] ... [block 0][block 1] ...
 *   beside   [control][word 0][word 1] ...   and the region is   [block 0][block 1] ...
 *
 *   word of a live block   its index   | check | word | owner:7
 *   word of a free block   the next's  | check |  0   |    0
 *   bits                   31 to 9         8      7     6 to 0
 *
 * `check` makes the bits of a word even in number. Words from `fresh` on were never written: blocks
 * are taken from there when the list has none, so that start() need not write them.
 */
#include "berth/pool.h"

#include <string.h>

#define POOL_WORD 4u /* bytes */
#define POOL_TAG (BERTH_TAG_OWNER | BERTH_TAG_WORD)
#define POOL_CHECK 0x100u
#define POOL_INDEX_AT 9u
#define POOL_NOBODY 0x7FFFFFu /* where the list ends; no block has this index */
#define POOL_LOOK 32u         /* blocks of the list that a check() looks at */
#define POOL_NO_GRANT ((berth_grant_t){.offset = BERTH_NOWHERE, .size = 0})

#define POOL_NOINLINE __attribute__((noinline))

/* The caller's memory may have any type. */
typedef uint32_t __attribute__((may_alias)) pool_word_t;

typedef struct __attribute__((may_alias)) pool {
    uint32_t first;     /* region offset of block 0 */
    uint32_t stride;    /* bytes of a block */
    uint32_t count;     /* blocks; 0: the region cannot be carved */
    uint32_t inverse;   /* of the stride's odd part, modulo 2^32 */
    uint32_t shift;     /* log2 of its even part */
    uint32_t places;    /* every block's address is a multiple of this one's lowest bit */
    uint32_t word_most; /* bytes usable of a block that carries one word more */
    uint32_t head;      /* of the list */
    uint32_t idle;      /* blocks in it */
    uint32_t fresh;     /* blocks from here on were never live */
    uint32_t seal;      /* of the three before */
} pool_t;

_Static_assert(sizeof(pool_t) == 44, "no padding: every byte of a book is the same everywhere");

static inline pool_t *pool_of(const berth_region_t *region)
{
    return (pool_t *)region->book;
}

static inline pool_word_t *pool_word_at(const pool_t *pool, uint32_t index)
{
    return (pool_word_t *)(uintptr_t)(pool + 1) + index;
}

/* 1 if the bits of a word are odd in number. */
static uint32_t pool_parity(uint32_t word)
{
    word ^= word >> 16;
    word ^= word >> 8;
    word ^= word >> 4;
    return 0x6996u >> (word & 15u) & 1u;
}

static void pool_write(const pool_t *pool, uint32_t index, uint32_t value, berth_tag_t tag)
{
    const uint32_t word = value << POOL_INDEX_AT | (tag & POOL_TAG);
    *pool_word_at(pool, index) = word + POOL_CHECK * pool_parity(word);
}

static uint32_t pool_seal(const pool_t *pool)
{
    return ~(pool->head ^ pool->idle ^ pool->fresh);
}

/* The block that starts at an offset, `count` or more if none does. The product with the inverse
 * and the rotation map the numbers below 2^32 one to one, and multiples of the stride to their
 * quotients: so nothing but a multiple becomes an index. */
static uint32_t pool_index(const pool_t *pool, uint32_t offset)
{
    const uint32_t product = (offset - pool->first) * pool->inverse;
    return product >> pool->shift | product << (-pool->shift & 31u);
}

static inline uint32_t pool_offset(const pool_t *pool, uint32_t index)
{
    return pool->first + index * pool->stride;
}

/* The index of the live block that starts at an offset. Else BERTH_ERR_INVALID if there is none,
 * BERTH_ERR_CORRUPT if its word contradicts itself: both are below 0, an index is not. */
static POOL_NOINLINE int32_t pool_find_index(const pool_t *pool, uint32_t offset)
{
    const uint32_t index = pool_index(pool, offset);
    if (index >= pool->fresh) {
        return BERTH_ERR_INVALID;
    }
    const uint32_t word = *pool_word_at(pool, index);
    if (pool_parity(word) != 0) {
        return BERTH_ERR_CORRUPT;
    }
    if ((word & BERTH_TAG_OWNER) == 0) {
        return BERTH_ERR_INVALID;
    }
    return word >> POOL_INDEX_AT == index ? (int32_t)index : BERTH_ERR_CORRUPT;
}

/* Whether this is a block that the list may lead to. */
static bool pool_is_listed(const pool_t *pool, uint32_t index)
{
    return index < pool->fresh && (*pool_word_at(pool, index) & POOL_TAG) == 0 &&
           pool_parity(*pool_word_at(pool, index)) == 0;
}

/* The block that is granted next, `count` if there is none. A damaged word withdraws the part of
 * the list behind it. */
static uint32_t pool_next(const pool_t *pool)
{
    return pool_is_listed(pool, pool->head) ? pool->head : pool->fresh;
}

static uint32_t pool_capacity(const pool_t *pool, berth_tag_t tag)
{
    return (tag & BERTH_TAG_WORD) != 0 ? pool->word_most : pool->stride;
}

/* The largest size that this pool would ever grant. */
static uint32_t pool_most(const pool_t *pool, uint32_t align, berth_tag_t tag)
{
    const bool is_misplaced = align != 0 && ((align | pool->places) & (align - 1)) != 0;
    return is_misplaced || (tag & BERTH_TAG_OWNER) == 0 ? 0 : pool_capacity(pool, tag);
}

/* --- start ----------------------------------------------------------------------------------- */

static bool pool_is_power_or_0(uint32_t value)
{
    return (value & (value - 1)) == 0;
}

/* What pool_index() needs. */
static void pool_plan_inverse(pool_t *pool)
{
    uint32_t odd = pool->stride;
    for (; (odd & 1u) == 0; odd >>= 1) { /* 31 times at most */
        pool->shift++;
    }
    pool->inverse = odd; /* right in the low 3 bits; each round doubles them */
    for (uint32_t round = 0; round < 4; round++) {
        pool->inverse *= 2 - odd * pool->inverse;
    }
}

/* Sets `count` and `first`; `per` is the region's bytes of bookkeeping for each block. */
static void pool_plan_blocks(pool_t *pool, const berth_region_t *region, uint32_t unit,
                             uint32_t per)
{
    const uint32_t control = per != 0 ? sizeof *pool : 0;
    if (region->size < control || pool->stride > region->size - control) {
        return;
    }
    const uint32_t room = region->size - control;
    uint32_t count = room / (pool->stride + per);
    const uint32_t rest = room - count * (pool->stride + per);
    if (((0u - region->address - control - count * per) & (unit - 1)) > rest && count != 0) {
        count--; /* then there is room for any alignment */
    }
    if (count <= POOL_NOBODY) {
        const uint32_t least = control + count * per;
        pool->first = least + ((0u - region->address - least) & (unit - 1));
        pool->count = count;
    }
}

static pool_t pool_plan(const berth_region_t *region, bool beside)
{
    const berth_pool_config_t *config = region->config;
    const uint32_t granule = region->granule != 0 ? region->granule : POOL_WORD;
    const uint32_t unit = region->align > granule ? region->align : granule;
    pool_t pool = {.head = POOL_NOBODY, .seal = ~POOL_NOBODY};
    if (config == NULL || config->block_size == 0 || granule < POOL_WORD ||
        !pool_is_power_or_0(granule) || !pool_is_power_or_0(region->align)) {
        return pool;
    }
    pool.stride = (config->block_size + unit - 1) & (0u - unit);
    if (pool.stride < config->block_size) {
        return pool;
    }
    pool_plan_inverse(&pool);
    pool_plan_blocks(&pool, region, unit, beside ? 0 : POOL_WORD);
    pool.places = pool.stride | (region->address + pool.first);
    if (region->base != NULL && ((uintptr_t)region->base - region->address) % POOL_WORD == 0) {
        pool.word_most = pool.stride - POOL_WORD;
    }
    return pool;
}

static uint32_t pool_beside_size(const berth_region_t *region)
{
    const pool_t pool = pool_plan(region, true);
    return pool.count != 0 ? sizeof pool + pool.count * POOL_WORD : 0;
}

static berth_status_t pool_start(berth_region_t *region)
{
    const bool beside = region->beside != NULL;
    void *book = beside ? region->beside : region->base;
    const pool_t planned = pool_plan(region, beside);
    if (planned.count == 0 || book == NULL || (uintptr_t)book % POOL_WORD != 0 ||
        (beside && region->beside_size < sizeof planned + planned.count * POOL_WORD)) {
        return BERTH_ERR_INVALID;
    }
    region->book = book;
    memcpy(book, &planned, sizeof planned);
    return BERTH_OK;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static berth_grant_t pool_alloc(berth_region_t *region, size_t size, uint32_t align,
                                berth_tag_t tag)
{
    pool_t *pool = pool_of(region);
    const uint32_t index = pool_next(pool);
    if (size - 1 >= pool_most(pool, align, tag) || index == pool->count) {
        return POOL_NO_GRANT;
    }
    if (index == pool->fresh) {
        pool->fresh++;
    } else {
        pool->head = *pool_word_at(pool, index) >> POOL_INDEX_AT;
        pool->idle--;
    }
    pool->seal = pool_seal(pool);
    pool_write(pool, index, index, tag);
    return (berth_grant_t){.offset = pool_offset(pool, index), .size = pool->stride};
}

/* A change that changes nothing, of a block with this word. */
static inline berth_change_t pool_change(uint32_t size, uint32_t word, int32_t status)
{
    return (berth_change_t){
        .before = size, .after = size, .owner = word & BERTH_TAG_OWNER, .status = status};
}

static berth_change_t pool_free(berth_region_t *region, uint32_t offset)
{
    pool_t *pool = pool_of(region);
    const int32_t index = pool_find_index(pool, offset);
    if (index < 0) {
        return pool_change(0, BERTH_NO_OWNER, index);
    }
    berth_change_t change =
        pool_change(pool->stride, *pool_word_at(pool, (uint32_t)index), BERTH_OK);
    change.after = 0;
    pool_write(pool, (uint32_t)index, pool->head, BERTH_NO_OWNER);
    pool->head = (uint32_t)index;
    pool->idle++;
    pool->seal = pool_seal(pool);
    return change;
}

/* A block is as large as it ever can be. */
static berth_change_t pool_resize(berth_region_t *region, uint32_t offset, size_t size)
{
    const pool_t *pool = pool_of(region);
    const int32_t index = pool_find_index(pool, offset);
    if (index < 0) {
        return pool_change(0, BERTH_NO_OWNER, index);
    }
    const uint32_t word = *pool_word_at(pool, (uint32_t)index);
    const int32_t refusal = size == 0 ? BERTH_ERR_INVALID : BERTH_ERR_NOMEM;
    const bool is_held = size - 1 < pool_capacity(pool, word);
    return pool_change(pool->stride, word, is_held ? BERTH_OK : refusal);
}

static berth_status_t pool_give(berth_region_t *region, uint32_t offset, berth_owner_t owner)
{
    const pool_t *pool = pool_of(region);
    const int32_t index = pool_find_index(pool, offset);
    if (index < 0 || owner - 1u >= BERTH_TAG_OWNER) {
        return BERTH_ERR_INVALID;
    }
    const uint32_t word = *pool_word_at(pool, (uint32_t)index);
    pool_write(pool, (uint32_t)index, (uint32_t)index, (word & BERTH_TAG_WORD) | owner);
    return BERTH_OK;
}

static uint32_t *pool_word(const berth_region_t *region, uint32_t offset)
{
    const pool_t *pool = pool_of(region);
    const int32_t index = pool_find_index(pool, offset);
    if (index < 0 || (*pool_word_at(pool, (uint32_t)index) & BERTH_TAG_WORD) == 0) {
        return NULL;
    }
    return (uint32_t *)((uintptr_t)region->base + offset + pool->word_most);
}

/* --- questions ------------------------------------------------------------------------------- */

static uint32_t pool_cost(const berth_region_t *region, size_t size, uint32_t align,
                          berth_tag_t tag)
{
    const pool_t *pool = pool_of(region);
    return size - 1 < pool_most(pool, align, tag) ? pool->stride : 0;
}

static uint32_t pool_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag)
{
    const pool_t *pool = pool_of(region);
    return pool_next(pool) != pool->count ? pool_most(pool, align, tag) : 0;
}

static bool pool_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    return size - 1 < pool_allocatable(region, align, tag);
}

/* A cursor is an index. */
static berth_block_t pool_walk(const berth_region_t *region, uint32_t cursor)
{
    const pool_t *pool = pool_of(region);
    const uint32_t word = cursor < pool->fresh ? *pool_word_at(pool, cursor) : 0;
    const bool is_free = (word & POOL_TAG) == 0;
    const bool is_sound = cursor < pool->count && pool_parity(word) == 0 &&
                          (is_free || word >> POOL_INDEX_AT == cursor);
    return (berth_block_t){.offset = pool_offset(pool, cursor),
                           .size = pool_capacity(pool, word),
                           .taken = pool->stride,
                           .next = cursor + 1 < pool->count ? cursor + 1 : BERTH_NOWHERE,
                           .status = is_sound ? BERTH_OK : BERTH_ERR_CORRUPT,
                           .owner = (uint8_t)(word & BERTH_TAG_OWNER),
                           .has_word = (word & BERTH_TAG_WORD) != 0};
}

static berth_block_t pool_find(const berth_region_t *region, uint32_t offset)
{
    const int32_t index = pool_find_index(pool_of(region), offset);
    berth_block_t block = pool_walk(region, (uint32_t)index);
    if (index < 0) {
        block.offset = offset;
        block.status = BERTH_ERR_INVALID;
    }
    return block;
}

/* Whether the control block is what start() planned, and the list's first POOL_LOOK blocks are
 * free; a list no longer than that must end when it should. */
static bool pool_is_sound(const berth_region_t *region)
{
    const pool_t *pool = pool_of(region);
    const pool_t planned = pool_plan(region, region->beside != NULL);
    if (memcmp(pool, &planned, offsetof(pool_t, head)) != 0 || pool->seal != pool_seal(pool)) {
        return false;
    }
    uint32_t index = pool->head;
    for (uint32_t i = 0; i < pool->idle && i < POOL_LOOK; i++) {
        if (!pool_is_listed(pool, index)) {
            return false;
        }
        index = *pool_word_at(pool, index) >> POOL_INDEX_AT;
    }
    return pool->idle > POOL_LOOK || index == POOL_NOBODY;
}

static berth_block_t pool_check(const berth_region_t *region, uint32_t cursor)
{
    const pool_t *pool = pool_of(region);
    berth_block_t block = pool_walk(region, cursor);
    if (cursor == BERTH_WALK_START && !pool_is_sound(region)) {
        block = (berth_block_t){.next = BERTH_NOWHERE, .status = BERTH_ERR_CORRUPT};
    }
    if (block.status == BERTH_OK && block.owner == BERTH_NO_OWNER && cursor < pool->fresh) {
        const uint32_t next = *pool_word_at(pool, cursor) >> POOL_INDEX_AT;
        if (next != POOL_NOBODY && !pool_is_listed(pool, next)) {
            block.status = BERTH_ERR_CORRUPT;
        }
    }
    return block;
}

const berth_engine_t berth_pool_engine = {
    .name = "pool",
    .is_unbroken = true,
    .is_isr_safe = true,
    .beside_size = pool_beside_size,
    .start = pool_start,
    .alloc = pool_alloc,
    .free = pool_free,
    .resize = pool_resize,
    .cost = pool_cost,
    .allocatable = pool_allocatable,
    .fits = pool_fits,
    .find = pool_find,
    .give = pool_give,
    .word = pool_word,
    .walk = pool_walk,
    .check = pool_check,
};
