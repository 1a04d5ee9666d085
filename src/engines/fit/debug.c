/* debug.c: fit's debug form: guards around each block, poison in freed ones, a quarantine for them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It stands on the engine's own table and asks it for larger blocks:
 *
 *   [guard ... link, lead, size, mark][the caller's bytes][guard, 16 bytes at least]
 *
 * `lead` is all that lies before the caller's bytes; `mark` ties size, link and place together and
 * tells live from freed. The region's first block holds the quarantine: a ring of freed blocks,
 * linked oldest to newest, that leave it when it is over its measure and their poison is unbroken.
 * A block found broken is kept back for good.
 */
#include "inspect.h"

#include <string.h>

#define LEAD_LEAST 16u       /* bytes: the four words before the caller's */
#define REAR_LEAST 16u       /* bytes: the longest overrun that is found for certain */
#define QUARANTINE_MOST 16u  /* blocks */
#define QUARANTINE_SHARE 32u /* at most this part of the region */

#define ANY_ALIGN 0u /* what the region promises */

#define MARK_LIVE 0x5AFE11FEu
#define MARK_FREED 0xDEADB10Cu
#define FILL_GUARD 0xB6u
#define FILL_FRESH 0xCDu
#define FILL_FREED 0xDDu

/* The words before the caller's bytes. */
typedef struct debug_front {
    uint32_t link; /* of a freed block: the next newer one; 0: none */
    uint32_t lead; /* bytes from the engine's payload to the caller's */
    uint32_t size; /* bytes that the caller asked for */
    uint32_t mark;
} debug_front_t;

/* The payload of the region's first block. */
typedef struct debug_quarantine {
    uint32_t oldest; /* the caller's offset of it; 0: none */
    uint32_t newest;
    uint32_t count; /* blocks */
    uint32_t bytes; /* that they take */
} debug_quarantine_t;

static const berth_engine_t *const inner = &berth_fit_bare_engine;
static const debug_quarantine_t empty; /* as it starts, and when it is found broken */

static uint8_t *byte_at(const berth_region_t *region, uint32_t offset)
{
    return (uint8_t *)region->base + offset;
}

static debug_front_t front_read(const berth_region_t *region, uint32_t offset)
{
    debug_front_t front;
    memcpy(&front, byte_at(region, offset - (uint32_t)sizeof front), sizeof front);
    return front;
}

/* What `mark` must be: it covers the link, the size, and the place. The lead is verified by where
 * it leads. */
static uint32_t front_mark(debug_front_t front, uint32_t offset, uint32_t state)
{
    return state ^ front.link ^ front.size ^ offset;
}

static __attribute__((noinline)) void front_write(const berth_region_t *region, uint32_t offset,
                                                  uint32_t state, debug_front_t front)
{
    front.mark = front_mark(front, offset, state);
    memcpy(byte_at(region, offset - (uint32_t)sizeof front), &front, sizeof front);
}

static bool front_is(debug_front_t front, uint32_t offset, uint32_t state)
{
    return front.mark == front_mark(front, offset, state);
}

static bool is_filled(const berth_region_t *region, uint32_t start, uint32_t end, uint8_t fill)
{
    for (uint32_t at = start; at < end; at++) {
        if (*byte_at(region, at) != fill) {
            return false;
        }
    }
    return true;
}

static void fill(const berth_region_t *region, uint32_t start, uint32_t end, uint8_t with)
{
    memset(byte_at(region, start), with, end - start);
}

/* The block that holds the quarantine: the first live one. Before it is at most what the promised
 * alignment left, too small for any other. */
static berth_block_t quarantine_block(const berth_region_t *region)
{
    const berth_block_t first = inner->walk(region, BERTH_WALK_START);
    if (first.status != BERTH_OK || first.owner != BERTH_NO_OWNER) {
        return first;
    }
    return inner->walk(region, first.next);
}

static uint32_t quarantine_place(const berth_region_t *region)
{
    return quarantine_block(region).offset;
}

static debug_quarantine_t quarantine_read(const berth_region_t *region)
{
    debug_quarantine_t quarantine;
    memcpy(&quarantine, byte_at(region, quarantine_place(region)), sizeof quarantine);
    return quarantine;
}

static void quarantine_write(const berth_region_t *region, debug_quarantine_t quarantine)
{
    memcpy(byte_at(region, quarantine_place(region)), &quarantine, sizeof quarantine);
}

/* What lies before the caller's bytes for an alignment. */
static __attribute__((noinline)) uint32_t lead_for(const berth_region_t *region, uint32_t align)
{
    uint32_t lead = LEAD_LEAST;
    lead = region->granule > lead ? region->granule : lead;
    lead = region->align > lead ? region->align : lead;
    return align > lead ? align : lead;
}

/* A block of the debug form, as its guards tell it. */
typedef struct debug_block {
    berth_block_t block; /* as the engine sees it */
    debug_front_t front;
    uint32_t offset; /* of the caller's bytes */
    uint32_t end;    /* of the payload: the guard after the caller's bytes ends there */
    bool is_live;
    bool is_freed; /* in quarantine. Neither: its front guard is broken */
} debug_block_t;

/* Reads the guards of a live block of the engine's. Its lead is the only word believed unproved: it
 * must agree with the block that it leads to. */
static debug_block_t debug_read(const berth_region_t *region, berth_block_t block, uint32_t offset)
{
    debug_block_t seen = {.block = block, .offset = offset, .end = block.offset + block.size};
    seen.front = front_read(region, offset);
    const bool is_sane = seen.front.lead == offset - block.offset &&
                         (uint64_t)offset + seen.front.size + REAR_LEAST <= seen.end;
    seen.is_live = is_sane && front_is(seen.front, offset, MARK_LIVE);
    seen.is_freed = is_sane && front_is(seen.front, offset, MARK_FREED);
    return seen;
}

static bool debug_is_whole(const berth_region_t *region, const debug_block_t *seen)
{
    const uint32_t data_end = seen->offset + seen->front.size;
    return (seen->is_live || is_filled(region, seen->offset, data_end, FILL_FREED)) &&
           is_filled(region, seen->block.offset, seen->offset - (uint32_t)sizeof(debug_front_t),
                     FILL_GUARD) &&
           is_filled(region, data_end, seen->end, FILL_GUARD);
}

/* Finds the block of the engine's that holds a caller's offset: by the lead that it claims, or,
 * that being broken, by the lead that most blocks have. */
static debug_block_t debug_find(const berth_region_t *region, uint32_t offset)
{
    debug_block_t none = {.block = {.status = BERTH_ERR_INVALID}};
    if (offset < LEAD_LEAST || offset >= region->size || offset % sizeof(uint32_t) != 0) {
        return none;
    }
    const uint32_t leads[] = {front_read(region, offset).lead, lead_for(region, ANY_ALIGN)};
    for (uint32_t i = 0; i < 2; i++) {
        if (leads[i] >= LEAD_LEAST && leads[i] <= offset) {
            const berth_block_t block = inner->find(region, offset - leads[i]);
            if (block.status == BERTH_OK && block.offset != quarantine_place(region)) {
                return debug_read(region, block, offset);
            }
        }
    }
    return none;
}

/* The status with which a call on this block is refused; BERTH_OK if there is nothing wrong. */
static berth_status_t debug_status(const berth_region_t *region, const debug_block_t *seen)
{
    if (seen->block.status != BERTH_OK || seen->is_freed) {
        return BERTH_ERR_INVALID;
    }
    return seen->is_live && debug_is_whole(region, seen) ? BERTH_OK : BERTH_ERR_CORRUPT;
}

/* The freed block at a caller's offset that the ring leads to; not `is_freed` if it is none. */
static debug_block_t quarantine_member(const berth_region_t *region, uint32_t offset)
{
    const debug_block_t member = debug_find(region, offset);
    return member.is_freed ? member : (debug_block_t){.block = {.status = BERTH_ERR_CORRUPT}};
}

/* Lets the oldest blocks go until the quarantine is within its measure: at most as many as it
 * holds. A ring that is broken is left where it breaks: what was in it is kept back for good. */
static void quarantine_trim(berth_region_t *region, debug_quarantine_t quarantine)
{
    while (quarantine.count > QUARANTINE_MOST ||
           quarantine.bytes > region->size / QUARANTINE_SHARE) {
        const debug_block_t oldest = quarantine_member(region, quarantine.oldest);
        if (!oldest.is_freed) {
            quarantine = empty;
            break;
        }
        quarantine.oldest = oldest.front.link;
        quarantine.count--;
        quarantine.bytes -= oldest.block.taken;
        if (debug_is_whole(region, &oldest)) {
            (void)inner->free(region, oldest.block.offset);
        }
    }
    quarantine_write(region, quarantine);
}

/* Puts a block at the new end of the quarantine. */
static debug_quarantine_t quarantine_push(berth_region_t *region, const debug_block_t *seen)
{
    debug_quarantine_t quarantine = quarantine_read(region);
    debug_block_t newest = {.is_freed = false};
    if (quarantine.count != 0) {
        newest = quarantine_member(region, quarantine.newest);
    }
    if (newest.is_freed) {
        newest.front.link = seen->offset;
        front_write(region, quarantine.newest, MARK_FREED, newest.front);
    } else {
        quarantine = (debug_quarantine_t){.oldest = seen->offset};
    }
    quarantine.newest = seen->offset;
    quarantine.count++;
    quarantine.bytes += seen->block.taken;
    return quarantine;
}

static uint32_t debug_beside_size(const berth_region_t *region)
{
    (void)region;
    return 0; /* guards lie in the region: its memory must be the CPU's to touch */
}

static berth_status_t debug_start(berth_region_t *region)
{
    if (region->beside != NULL) {
        return BERTH_ERR_INVALID;
    }
    const berth_status_t status = inner->start(region);
    if (status != BERTH_OK) {
        return status;
    }
    const berth_grant_t grant = inner->alloc(region, sizeof(debug_quarantine_t), 0, BERTH_OTHERS);
    if (grant.offset == BERTH_NOWHERE) {
        return BERTH_ERR_INVALID;
    }
    quarantine_write(region, empty);
    return inner->allocatable(region, 0, BERTH_OTHERS) > lead_for(region, ANY_ALIGN) + REAR_LEAST
               ? BERTH_OK
               : BERTH_ERR_INVALID;
}

/* What the engine is asked for, guards included; 0, which it refuses, for what makes no sense. */
static size_t size_outside(const berth_region_t *region, size_t size, uint32_t lead)
{
    const bool is_sane = size - 1 < region->size && lead <= region->size;
    return is_sane ? size + lead + REAR_LEAST : 0;
}

static berth_grant_t debug_alloc(berth_region_t *region, size_t size, uint32_t align,
                                 berth_tag_t tag)
{
    const uint32_t lead = lead_for(region, align);
    berth_grant_t grant = inner->alloc(region, size_outside(region, size, lead), align, tag);
    if (grant.offset == BERTH_NOWHERE) {
        return grant;
    }
    const uint32_t offset = grant.offset + lead;
    const uint32_t end = grant.offset + inner->find(region, grant.offset).size;
    fill(region, grant.offset, offset, FILL_GUARD);
    fill(region, offset, offset + (uint32_t)size, FILL_FRESH);
    fill(region, offset + (uint32_t)size, end, FILL_GUARD);
    front_write(region, offset, MARK_LIVE, (debug_front_t){.lead = lead, .size = (uint32_t)size});
    grant.offset = offset;
    return grant;
}

static berth_change_t debug_refuse(const debug_block_t *seen, berth_status_t status)
{
    return (berth_change_t){.before = seen->block.taken,
                            .after = seen->block.taken,
                            .status = status,
                            .owner = seen->block.owner};
}

static berth_change_t debug_free(berth_region_t *region, uint32_t offset)
{
    const debug_block_t seen = debug_find(region, offset);
    berth_status_t status = debug_status(region, &seen);
    if (status == BERTH_OK && quarantine_block(region).status != BERTH_OK) {
        status = BERTH_ERR_CORRUPT;
    }
    if (status != BERTH_OK) {
        return debug_refuse(&seen, status);
    }
    front_write(region, offset, MARK_FREED, seen.front);
    fill(region, offset, offset + seen.front.size, FILL_FREED);
    quarantine_trim(region, quarantine_push(region, &seen));
    return (berth_change_t){.before = seen.block.taken, .owner = seen.block.owner};
}

static berth_change_t debug_resize(berth_region_t *region, uint32_t offset, size_t size)
{
    debug_block_t seen = debug_find(region, offset);
    const berth_status_t status = debug_status(region, &seen);
    if (status != BERTH_OK || size == 0) {
        return debug_refuse(&seen, status != BERTH_OK ? status : BERTH_ERR_INVALID);
    }
    if (size > region->size) {
        return debug_refuse(&seen, BERTH_ERR_NOMEM);
    }
    const uint32_t inside = seen.block.offset;
    const berth_change_t change =
        inner->resize(region, inside, size + seen.front.lead + REAR_LEAST);
    if (change.status != BERTH_OK) {
        return change;
    }
    const uint32_t old_end = offset + seen.front.size;
    const uint32_t new_end = offset + (uint32_t)size;
    if (new_end > old_end) {
        fill(region, old_end, new_end, FILL_FRESH);
    }
    fill(region, new_end, inside + inner->find(region, inside).size, FILL_GUARD);
    seen.front.size = (uint32_t)size;
    front_write(region, offset, MARK_LIVE, seen.front);
    return change;
}

static uint32_t debug_cost(const berth_region_t *region, size_t size, uint32_t align,
                           berth_tag_t tag)
{
    return inner->cost(region, size_outside(region, size, lead_for(region, align)), align, tag);
}

/* What is left of a block of the engine's when guards are taken off. */
static uint32_t size_inside(const berth_region_t *region, uint32_t size, uint32_t align)
{
    const uint32_t guards = lead_for(region, align) + REAR_LEAST;
    return size > guards ? size - guards : 0;
}

static uint32_t debug_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag)
{
    return size_inside(region, inner->allocatable(region, align, tag), align);
}

static bool debug_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    return size - 1 < debug_allocatable(region, align, tag);
}

/* A block of the engine's, live or free, as the caller is to see it. */
static berth_block_t debug_describe(const debug_block_t *seen)
{
    berth_block_t block = seen->block;
    block.offset = seen->offset;
    block.size = seen->is_live ? seen->front.size : 0;
    block.owner = seen->is_freed ? BERTH_NO_OWNER : block.owner;
    return block;
}

static berth_block_t debug_find_block(const berth_region_t *region, uint32_t offset)
{
    const debug_block_t seen = debug_find(region, offset);
    const bool is_live = seen.block.status == BERTH_OK && seen.is_live;
    return is_live ? debug_describe(&seen)
                   : (berth_block_t){.offset = offset, .status = BERTH_ERR_INVALID};
}

static berth_status_t debug_give(berth_region_t *region, uint32_t offset, berth_owner_t owner)
{
    const debug_block_t seen = debug_find(region, offset);
    return seen.is_live ? inner->give(region, seen.block.offset, owner) : BERTH_ERR_INVALID;
}

static uint32_t *debug_word(const berth_region_t *region, uint32_t offset)
{
    const debug_block_t seen = debug_find(region, offset);
    return seen.is_live ? inner->word(region, seen.block.offset) : NULL;
}

/* The caller's view of a block that the engine's walk or check came to. */
static berth_block_t debug_view(const berth_region_t *region, berth_block_t block, bool is_check)
{
    if (block.status != BERTH_OK || block.is_withdrawn) {
        return block;
    }
    if (block.owner == BERTH_NO_OWNER) {
        block.size = size_inside(region, block.size, ANY_ALIGN);
        return block;
    }
    debug_block_t seen;
    uint32_t lead = LEAD_LEAST;
    do {
        seen = debug_read(region, block, block.offset + lead);
        lead *= 2;
    } while (!seen.is_live && !seen.is_freed && lead < block.size);
    berth_block_t view = debug_describe(&seen);
    if ((!seen.is_live && !seen.is_freed) || (is_check && !debug_is_whole(region, &seen))) {
        view.offset = block.offset + lead_for(region, ANY_ALIGN);
        view.status = BERTH_ERR_CORRUPT;
    }
    return view;
}

/* Walks start after the quarantine. */
static berth_block_t debug_walk(const berth_region_t *region, uint32_t cursor)
{
    const berth_block_t before = quarantine_block(region);
    if (cursor == BERTH_WALK_START && before.status != BERTH_OK) {
        return before;
    }
    const uint32_t at = cursor == BERTH_WALK_START ? before.next : cursor;
    return debug_view(region, inner->walk(region, at), false);
}

static berth_block_t debug_check(const berth_region_t *region, uint32_t cursor)
{
    if (cursor == BERTH_WALK_START) {
        const berth_block_t first = fit_check(region, cursor);
        const berth_block_t before = quarantine_block(region);
        if (first.status != BERTH_OK || before.status != BERTH_OK) {
            return first.status != BERTH_OK ? first : before;
        }
        cursor = before.next;
    }
    return debug_view(region, fit_check(region, cursor), true);
}

const berth_engine_t berth_fit_debug_engine = {
    .name = "fit-debug",
    .beside_size = debug_beside_size,
    .start = debug_start,
    .alloc = debug_alloc,
    .free = debug_free,
    .resize = debug_resize,
    .cost = debug_cost,
    .allocatable = debug_allocatable,
    .fits = debug_fits,
    .find = debug_find_block,
    .give = debug_give,
    .word = debug_word,
    .walk = debug_walk,
    .check = debug_check,
};
