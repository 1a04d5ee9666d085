/* foreign.c: the platform's own heap: a record before each block, and a table of where they are.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   the platform's pointer   [lead ........ [room][mark]] [block, `room` bytes]
 *
 *   mark   check | log2 of the lead | word | owner:7
 *   bits   31 to 13     12 to 8         7     6 to 0
 *
 * The lead is a power of two, 8 or the alignment, so that the block has the alignment too. `check`
 * is of the address, of `room`, and of the mark's other bits: no bit of those can flip alone.
 *
 * The table is there where pointers are wider than offsets. A record could hold the block's place
 * in the table as well, but then a wild pointer had to be read to be judged. So the table is
 * searched by the pointer itself: each has two buckets of 8 slots that it may be in, and is put
 * into the emptier one. What is in none of the 16 slots is not ours. An offset is a slot's, from
 * the table's start.
 */
#include "berth/foreign.h"

#include <string.h>

#define FOREIGN_RECORD 8u        /* bytes */
#define FOREIGN_GRANULE 8u       /* unless the region says otherwise */
#define FOREIGN_MOST 0x40000000u /* of a size and of an alignment: sums do not overflow */
#define FOREIGN_LOW_PAGE 4096u   /* no block lies below */
#define FOREIGN_LEAD_AT 8u
#define FOREIGN_CHECK_AT 13u
#define FOREIGN_SLOT 8u  /* bytes */
#define FOREIGN_SLOTS 8u /* of a bucket */
#define FOREIGN_BUCKET (FOREIGN_SLOTS * FOREIGN_SLOT)
#define FOREIGN_TAG (BERTH_TAG_OWNER | BERTH_TAG_WORD)
#define FOREIGN_NO_GRANT ((berth_grant_t){.offset = BERTH_NOWHERE, .size = 0})

/* Memory that the platform gave may have any type. */
typedef struct __attribute__((may_alias)) foreign_record {
    uint32_t room; /* bytes */
    uint32_t mark;
} foreign_record_t;

/* Half a pointer each; both 0: nobody's. */
typedef struct __attribute__((may_alias)) foreign_slot {
    uint32_t low;
    uint32_t high;
} foreign_slot_t;

_Static_assert(sizeof(foreign_record_t) == FOREIGN_RECORD, "the lead holds it");
_Static_assert(sizeof(foreign_slot_t) == FOREIGN_SLOT, "an offset is a slot's");

/* What is known of an offset. */
typedef struct foreign_found {
    foreign_record_t *record; /* of a live block, right before it; NULL: there is none */
    int32_t status;           /* berth_status_t */
} foreign_found_t;

static foreign_record_t *foreign_record_of(const void *block)
{
    return (foreign_record_t *)(uintptr_t)block - 1;
}

static uint32_t foreign_lead(const foreign_record_t *record)
{
    return 1u << (record->mark >> FOREIGN_LEAD_AT & 31u);
}

/* The mark for a record, given all but its check. */
static uint32_t foreign_mark(const foreign_record_t *record, uint32_t mark)
{
    const uint32_t low = mark & ((1u << FOREIGN_CHECK_AT) - 1);
    const uint32_t address = (uint32_t)(uintptr_t)record * 0x9E3779B1u >> FOREIGN_CHECK_AT;
    const uint32_t room = record->room ^ record->room >> (32 - FOREIGN_CHECK_AT);
    return (room ^ address ^ low << 6) << FOREIGN_CHECK_AT | low;
}

static bool foreign_is_sound(const foreign_record_t *record)
{
    return (record->mark & BERTH_TAG_OWNER) != 0 &&
           record->mark == foreign_mark(record, record->mark);
}

/* Whether no block of ours could lie there. */
static bool foreign_is_astray(uintptr_t pointer)
{
    return pointer % FOREIGN_RECORD != 0 || pointer < FOREIGN_LOW_PAGE;
}

/* --- where blocks are ------------------------------------------------------------------------ */

#if UINTPTR_MAX > UINT32_MAX

static uint32_t foreign_table_size(const berth_region_t *region)
{
    return region->beside_size / FOREIGN_BUCKET * FOREIGN_BUCKET;
}

static foreign_slot_t *foreign_slot(const berth_region_t *region, uint32_t offset)
{
    return (foreign_slot_t *)((uintptr_t)region->book + offset);
}

static uintptr_t foreign_slot_pointer(const berth_region_t *region, uint32_t offset)
{
    const foreign_slot_t *slot = foreign_slot(region, offset);
    return (uintptr_t)slot->high << 32 | slot->low;
}

/* The offset of a pointer's bucket, `which` 0 or 1. */
static uint32_t foreign_bucket(const berth_region_t *region, uintptr_t pointer, uint32_t which)
{
    uint64_t mixed = (uint64_t)pointer * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93u;
    const uint64_t half = which == 0 ? mixed >> 32 : mixed & UINT32_MAX;
    const uint32_t buckets = region->beside_size / FOREIGN_BUCKET;
    return (uint32_t)(half * buckets >> 32) * FOREIGN_BUCKET;
}

/* The slot of a bucket that holds a pointer, 0 for an empty one; BERTH_NOWHERE if none does. */
static uint32_t foreign_seek(const berth_region_t *region, uint32_t bucket, uintptr_t pointer)
{
    for (uint32_t at = bucket; at < bucket + FOREIGN_BUCKET; at += FOREIGN_SLOT) {
        if (foreign_slot_pointer(region, at) == pointer) {
            return at;
        }
    }
    return BERTH_NOWHERE;
}

static uint32_t foreign_offset(const berth_region_t *region, uintptr_t pointer)
{
    const uint32_t at = foreign_seek(region, foreign_bucket(region, pointer, 0), pointer);
    return at != BERTH_NOWHERE ? at
                               : foreign_seek(region, foreign_bucket(region, pointer, 1), pointer);
}

static uint32_t foreign_vacant(const berth_region_t *region, uint32_t bucket)
{
    uint32_t vacant = 0;
    for (uint32_t at = bucket; at < bucket + FOREIGN_BUCKET; at += FOREIGN_SLOT) {
        vacant += foreign_slot_pointer(region, at) == 0;
    }
    return vacant;
}

/* Puts a block into the table. Returns its offset; BERTH_NOWHERE if its places are taken. */
static uint32_t foreign_enter(berth_region_t *region, const void *block)
{
    const uintptr_t pointer = (uintptr_t)block;
    const uint32_t first = foreign_bucket(region, pointer, 0);
    const uint32_t second = foreign_bucket(region, pointer, 1);
    const bool is_second = foreign_vacant(region, second) > foreign_vacant(region, first);
    const uint32_t at = foreign_seek(region, is_second ? second : first, 0);
    if (at != BERTH_NOWHERE) {
        foreign_slot_t *slot = foreign_slot(region, at);
        slot->low = (uint32_t)pointer;
        slot->high = (uint32_t)(pointer >> 32);
    }
    return at;
}

static void foreign_leave(berth_region_t *region, uint32_t offset)
{
    foreign_slot_t *slot = foreign_slot(region, offset);
    slot->low = 0;
    slot->high = 0;
}

static foreign_found_t foreign_found(const berth_region_t *region, uint32_t offset)
{
    if (offset % FOREIGN_SLOT != 0 || offset >= foreign_table_size(region) ||
        foreign_slot_pointer(region, offset) == 0) {
        return (foreign_found_t){.status = BERTH_ERR_INVALID};
    }
    const uintptr_t pointer = foreign_slot_pointer(region, offset);
    const uint32_t bucket = offset / FOREIGN_BUCKET * FOREIGN_BUCKET;
    foreign_record_t *record = foreign_record_of((const void *)pointer);
    if (foreign_is_astray(pointer) ||
        (foreign_bucket(region, pointer, 0) != bucket &&
         foreign_bucket(region, pointer, 1) != bucket) ||
        !foreign_is_sound(record)) {
        return (foreign_found_t){.status = BERTH_ERR_CORRUPT};
    }
    return (foreign_found_t){.record = record};
}

static berth_place_t foreign_place(const berth_region_t *region, const void *pointer)
{
    const uint32_t offset = foreign_offset(region, (uintptr_t)pointer);
    return (berth_place_t){.offset = offset,
                           .status = offset != BERTH_NOWHERE ? BERTH_OK : BERTH_ERR_UNKNOWN};
}

static uint32_t foreign_beside_size(const berth_region_t *region)
{
    (void)region;
    return 2 * BERTH_FOREIGN_BLOCKS * FOREIGN_SLOT;
}

static bool foreign_prepare(berth_region_t *region)
{
    const bool has_table = region->beside != NULL && (uintptr_t)region->beside % 4 == 0 &&
                           region->beside_size >= FOREIGN_BUCKET;
    if (has_table) {
        region->book = region->beside;
        memset(region->book, 0, foreign_table_size(region));
    }
    return has_table;
}

static uint32_t foreign_next(uint32_t offset)
{
    return offset + FOREIGN_SLOT;
}

/* The first slot in use from a cursor on, BERTH_NOWHERE if there is none: looks at the whole table
 * at most. */
static uint32_t foreign_seek_live(const berth_region_t *region, uint32_t cursor)
{
    uint32_t at = cursor / FOREIGN_SLOT * FOREIGN_SLOT;
    for (; at < foreign_table_size(region); at += FOREIGN_SLOT) {
        if (foreign_slot_pointer(region, at) != 0) {
            return at;
        }
    }
    return BERTH_NOWHERE;
}

#else

static uint32_t foreign_enter(berth_region_t *region, const void *block)
{
    (void)region;
    return (uint32_t)(uintptr_t)block;
}

static void foreign_leave(berth_region_t *region, uint32_t offset)
{
    (void)region;
    (void)offset;
}

static foreign_found_t foreign_found(const berth_region_t *region, uint32_t offset)
{
    (void)region;
    foreign_record_t *record = foreign_record_of((const void *)(uintptr_t)offset);
    if (foreign_is_astray(offset) || !foreign_is_sound(record)) {
        return (foreign_found_t){.status = BERTH_ERR_INVALID};
    }
    return (foreign_found_t){.record = record};
}

static berth_place_t foreign_place(const berth_region_t *region, const void *pointer)
{
    (void)region;
    const bool is_mine = foreign_is_sound(foreign_record_of(pointer));
    return (berth_place_t){.offset = is_mine ? (uint32_t)(uintptr_t)pointer : BERTH_NOWHERE,
                           .status = is_mine ? BERTH_OK : BERTH_ERR_UNKNOWN};
}

static uint32_t foreign_beside_size(const berth_region_t *region)
{
    (void)region;
    return 0;
}

static bool foreign_prepare(berth_region_t *region)
{
    (void)region;
    return true;
}

static uint32_t foreign_next(uint32_t offset)
{
    (void)offset;
    return BERTH_NOWHERE;
}

static uint32_t foreign_seek_live(const berth_region_t *region, uint32_t cursor)
{
    (void)region;
    (void)cursor;
    return BERTH_NOWHERE;
}

#endif

static berth_status_t foreign_start(berth_region_t *region)
{
    const berth_foreign_config_t *config = region->config;
    if (config == NULL || config->alloc == NULL || config->free == NULL || region->base != NULL ||
        (region->granule & (region->granule - 1)) != 0 ||
        (region->granule != 0 && region->granule < 4) ||
        (region->align & (region->align - 1)) != 0 || !foreign_prepare(region)) {
        return BERTH_ERR_INVALID;
    }
    return BERTH_OK;
}

/* --- questions ------------------------------------------------------------------------------- */

static uint32_t foreign_granule(const berth_region_t *region)
{
    return region->granule != 0 ? region->granule : FOREIGN_GRANULE;
}

/* The bytes before a block with an alignment: its record fits, and the alignment is kept. */
static uint32_t foreign_lead_for(const berth_region_t *region, uint32_t align)
{
    uint32_t lead = FOREIGN_RECORD;
    lead = region->align > lead ? region->align : lead;
    lead = foreign_granule(region) > lead ? foreign_granule(region) : lead;
    return align > lead ? align : lead;
}

static uint32_t foreign_word_size(berth_tag_t tag)
{
    return (tag & BERTH_TAG_WORD) != 0 ? sizeof(uint32_t) : 0;
}

static uint32_t foreign_cost(const berth_region_t *region, size_t size, uint32_t align,
                             berth_tag_t tag)
{
    const uint32_t lead = foreign_lead_for(region, align);
    const uint32_t granule = foreign_granule(region);
    if (size - 1 >= FOREIGN_MOST || lead > FOREIGN_MOST || (align & (align - 1)) != 0 ||
        (tag & BERTH_TAG_OWNER) == 0) {
        return 0;
    }
    const uint32_t room = (uint32_t)size + foreign_word_size(tag) + granule - 1;
    const uint32_t taken = lead + (room & (0u - granule));
    return region->size != 0 && taken > region->size ? 0 : taken;
}

/* An alignment may cost the platform as much again. */
static uint32_t foreign_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag)
{
    const berth_foreign_config_t *config = region->config;
    const uint32_t lead = foreign_lead_for(region, align);
    if (config->allocatable == NULL || foreign_cost(region, 1, align, tag) == 0) {
        return 0;
    }
    const uint32_t slack = lead > FOREIGN_RECORD ? lead : 0;
    const uint32_t told = config->allocatable(config->self);
    uint32_t room = told > slack ? told - slack : 0;
    room = region->size != 0 && region->size < room ? region->size : room;
    room = (room > lead ? room - lead : 0) & (0u - foreign_granule(region));
    room = room > foreign_word_size(tag) ? room - foreign_word_size(tag) : 0;
    return room < FOREIGN_MOST ? room : FOREIGN_MOST;
}

static bool foreign_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    return size - 1 < foreign_allocatable(region, align, tag);
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* Writes down a block of `taken` bytes at the platform's pointer. */
static void foreign_write(void *block, uint32_t taken, uint32_t lead, berth_tag_t tag)
{
    foreign_record_t *record = foreign_record_of(block);
    uint32_t log2 = 0;
    while (lead >> log2 != 1) { /* 30 times at most */
        log2++;
    }
    record->room = taken - lead;
    record->mark = foreign_mark(record, log2 << FOREIGN_LEAD_AT | (tag & FOREIGN_TAG));
}

static berth_grant_t foreign_alloc(berth_region_t *region, size_t size, uint32_t align,
                                   berth_tag_t tag)
{
    const berth_foreign_config_t *config = region->config;
    const uint32_t taken = foreign_cost(region, size, align, tag);
    const uint32_t lead = foreign_lead_for(region, align);
    uint8_t *start = taken != 0 ? config->alloc(config->self, taken, lead) : NULL;
    if (start == NULL) {
        return FOREIGN_NO_GRANT;
    }
    const bool is_aligned = ((uintptr_t)start & (lead - 1)) == 0;
    const uint32_t offset = is_aligned && !foreign_is_astray((uintptr_t)start)
                                ? foreign_enter(region, start + lead)
                                : BERTH_NOWHERE;
    if (offset == BERTH_NOWHERE) {
        config->free(config->self, start);
        return FOREIGN_NO_GRANT;
    }
    foreign_write(start + lead, taken, lead, tag);
    return (berth_grant_t){.offset = offset, .size = taken};
}

/* The record is wiped, so that the same pointer, freed at once again, is not taken for a block. */
static berth_change_t foreign_free(berth_region_t *region, uint32_t offset)
{
    const berth_foreign_config_t *config = region->config;
    const foreign_found_t found = foreign_found(region, offset);
    if (found.record == NULL) {
        return (berth_change_t){.status = found.status};
    }
    const uint32_t lead = foreign_lead(found.record);
    const berth_change_t change = {.before = lead + found.record->room,
                                   .owner = found.record->mark & BERTH_TAG_OWNER};
    foreign_leave(region, offset);
    found.record->room = 0;
    found.record->mark = 0;
    config->free(config->self, (uint8_t *)(found.record + 1) - lead);
    return change;
}

/* Within what was granted. */
static berth_change_t foreign_resize(berth_region_t *region, uint32_t offset, size_t size)
{
    const foreign_found_t found = foreign_found(region, offset);
    if (found.record == NULL) {
        return (berth_change_t){.status = found.status};
    }
    const uint32_t mark = found.record->mark;
    const uint32_t taken = foreign_lead(found.record) + found.record->room;
    const int32_t refusal = size == 0 ? BERTH_ERR_INVALID : BERTH_ERR_NOMEM;
    const bool is_held = size - 1 < found.record->room - foreign_word_size(mark);
    return (berth_change_t){.before = taken,
                            .after = taken,
                            .owner = mark & BERTH_TAG_OWNER,
                            .status = is_held ? BERTH_OK : refusal};
}

static berth_status_t foreign_give(berth_region_t *region, uint32_t offset, berth_owner_t owner)
{
    const foreign_found_t found = foreign_found(region, offset);
    if (found.record == NULL || owner - 1u >= BERTH_TAG_OWNER) {
        return BERTH_ERR_INVALID;
    }
    const uint32_t mark = (found.record->mark & ~BERTH_TAG_OWNER) | owner;
    found.record->mark = foreign_mark(found.record, mark);
    return BERTH_OK;
}

static uint32_t *foreign_word(const berth_region_t *region, uint32_t offset)
{
    const foreign_found_t found = foreign_found(region, offset);
    if (found.record == NULL || (found.record->mark & BERTH_TAG_WORD) == 0) {
        return NULL;
    }
    return (uint32_t *)((uintptr_t)(found.record + 1) + found.record->room) - 1;
}

static void *foreign_pointer(const berth_region_t *region, uint32_t offset)
{
    const foreign_found_t found = foreign_found(region, offset);
    return found.record != NULL ? found.record + 1 : NULL;
}

static berth_place_t foreign_whose(const berth_region_t *region, const void *pointer)
{
    if (foreign_is_astray((uintptr_t)pointer)) {
        return (berth_place_t){.offset = BERTH_NOWHERE, .status = BERTH_ERR_INVALID};
    }
    return foreign_place(region, pointer);
}

/* --- inspection ------------------------------------------------------------------------------ */

static berth_block_t foreign_describe(const berth_region_t *region, uint32_t offset)
{
    const foreign_found_t found = foreign_found(region, offset);
    berth_block_t block = {.offset = offset, .next = BERTH_NOWHERE, .status = (int8_t)found.status};
    if (found.record != NULL) {
        const uint32_t mark = found.record->mark;
        block.size = found.record->room - foreign_word_size(mark);
        block.taken = foreign_lead(found.record) + found.record->room;
        block.next = foreign_next(offset);
        block.owner = (uint8_t)(mark & BERTH_TAG_OWNER);
        block.has_word = (mark & BERTH_TAG_WORD) != 0;
    }
    return block;
}

static berth_block_t foreign_find(const berth_region_t *region, uint32_t offset)
{
    berth_block_t block = foreign_describe(region, offset);
    block.status = block.status != BERTH_OK ? BERTH_ERR_INVALID : BERTH_OK;
    return block;
}

/* A cursor is an offset, or of a slot before. What is free comes last, and is unknown. */
static berth_block_t foreign_walk(const berth_region_t *region, uint32_t cursor)
{
    const uint32_t offset = foreign_seek_live(region, cursor);
    if (offset == BERTH_NOWHERE) {
        return (berth_block_t){
            .offset = BERTH_NOWHERE, .next = BERTH_NOWHERE, .status = BERTH_ERR_UNKNOWN};
    }
    berth_block_t block = foreign_describe(region, offset);
    block.next = foreign_next(offset);
    return block;
}

const berth_engine_t berth_foreign_engine = {
    .name = "foreign",
    .beside_size = foreign_beside_size,
    .start = foreign_start,
    .alloc = foreign_alloc,
    .free = foreign_free,
    .resize = foreign_resize,
    .cost = foreign_cost,
    .allocatable = foreign_allocatable,
    .fits = foreign_fits,
    .find = foreign_find,
    .give = foreign_give,
    .word = foreign_word,
    .walk = foreign_walk,
    .check = foreign_walk,
    .pointer = foreign_pointer,
    .whose = foreign_whose,
};
