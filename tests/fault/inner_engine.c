/* inner_engine.c: engines that forward to real ones, and refuse when they are told to.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "inner_engine.h"

#include "berth/arena.h"
#include "berth/fit.h"

static struct {
    inner_kind_t kind;
    uint32_t number; /* 0: nothing fails */
    bool was_reached;
} inner_armed;

void inner_arm(inner_kind_t kind, uint32_t number)
{
    inner_armed.kind = kind;
    inner_armed.number = number;
    inner_armed.was_reached = false;
}

bool inner_disarm(void)
{
    inner_armed.number = 0;
    return inner_armed.was_reached;
}

bool inner_fails(inner_kind_t kind)
{
    if (inner_armed.number == 0 || inner_armed.kind != kind) {
        return false;
    }
    inner_armed.number--;
    inner_armed.was_reached = inner_armed.number == 0;
    return inner_armed.was_reached;
}

const berth_engine_t *inner_real(const berth_region_t *region)
{
    return region->engine == &inner_arena ? &berth_arena_engine : &berth_fit_engine;
}

static berth_status_t inner_start(berth_region_t *region)
{
    return inner_fails(INNER_ENGINE) ? BERTH_ERR_INVALID : inner_real(region)->start(region);
}

static berth_grant_t inner_alloc(berth_region_t *region, size_t size, uint32_t align,
                                 berth_tag_t tag)
{
    return inner_fails(INNER_ENGINE) ? (berth_grant_t){.offset = BERTH_NOWHERE}
                                     : inner_real(region)->alloc(region, size, align, tag);
}

static berth_change_t inner_free(berth_region_t *region, uint32_t offset)
{
    return inner_fails(INNER_ENGINE) ? (berth_change_t){.status = BERTH_ERR_CORRUPT}
                                     : inner_real(region)->free(region, offset);
}

static berth_change_t inner_resize(berth_region_t *region, uint32_t offset, size_t size)
{
    return inner_fails(INNER_ENGINE) ? (berth_change_t){.status = BERTH_ERR_NOMEM}
                                     : inner_real(region)->resize(region, offset, size);
}

static uint32_t inner_cost(const berth_region_t *region, size_t size, uint32_t align,
                           berth_tag_t tag)
{
    return inner_fails(INNER_ENGINE) ? 0 : inner_real(region)->cost(region, size, align, tag);
}

static uint32_t inner_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag)
{
    return inner_fails(INNER_ENGINE) ? 0 : inner_real(region)->allocatable(region, align, tag);
}

static bool inner_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    return !inner_fails(INNER_ENGINE) && inner_real(region)->fits(region, size, align, tag);
}

static berth_block_t inner_find(const berth_region_t *region, uint32_t offset)
{
    return inner_fails(INNER_ENGINE)
               ? (berth_block_t){.offset = offset, .status = BERTH_ERR_INVALID}
               : inner_real(region)->find(region, offset);
}

static berth_status_t inner_give(berth_region_t *region, uint32_t offset, berth_owner_t owner)
{
    return inner_fails(INNER_ENGINE) ? BERTH_ERR_INVALID
                                     : inner_real(region)->give(region, offset, owner);
}

static uint32_t *inner_word(const berth_region_t *region, uint32_t offset)
{
    return inner_fails(INNER_ENGINE) ? NULL : inner_real(region)->word(region, offset);
}

static berth_block_t inner_walk(const berth_region_t *region, uint32_t cursor)
{
    return inner_fails(INNER_ENGINE)
               ? (berth_block_t){.next = BERTH_NOWHERE, .status = BERTH_ERR_CORRUPT}
               : inner_real(region)->walk(region, cursor);
}

static berth_block_t inner_check(const berth_region_t *region, uint32_t cursor)
{
    return inner_fails(INNER_ENGINE)
               ? (berth_block_t){.next = BERTH_NOWHERE, .status = BERTH_ERR_CORRUPT}
               : inner_real(region)->check(region, cursor);
}

static uint32_t inner_mark(const berth_region_t *region)
{
    return inner_fails(INNER_ENGINE) ? BERTH_NOWHERE : inner_real(region)->mark(region);
}

static berth_undone_t inner_reset(berth_region_t *region, uint32_t mark)
{
    return inner_fails(INNER_ENGINE) ? (berth_undone_t){.status = BERTH_ERR_INVALID}
                                     : inner_real(region)->reset(region, mark);
}

static uint32_t inner_beside_size(const berth_region_t *region)
{
    return inner_real(region)->beside_size(region);
}

#define INNER_BOTH                                                                                 \
    .beside_size = inner_beside_size, .start = inner_start, .alloc = inner_alloc,                  \
    .free = inner_free, .resize = inner_resize, .cost = inner_cost,                                \
    .allocatable = inner_allocatable, .fits = inner_fits, .find = inner_find, .give = inner_give,  \
    .word = inner_word, .walk = inner_walk, .check = inner_check

const berth_engine_t inner_fit = {.name = "inner fit", INNER_BOTH};
const berth_engine_t inner_arena = {
    .name = "inner arena", INNER_BOTH, .mark = inner_mark, .reset = inner_reset};
