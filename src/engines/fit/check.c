/* check.c: verifies all bookkeeping of a region, a block at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bins.h"
#include "inspect.h"
#include "start.h"
#include "withdrawn.h"
#include "zones.h"

#include <string.h>

/* The bins that a block can be in. */
#define BINS_USED_MOST ((1u << BINNED / WORD) - (1u << WITHDRAWN_BINS / WORD))

/* Whether a node that its neighbours know is no larger than the one before it. */
static bool node_is_sound(const fit_t *fit, uint32_t end)
{
    const uint32_t up = zones_node(fit, end)->up;
    return up < fit->first || zones_footer(fit, up + NODE_SIZE) >= zones_footer(fit, end);
}

static bool zone_is_sound(const fit_t *fit, uint32_t zone)
{
    const uint32_t up = zones_up(fit, zone);
    const uint32_t end = *word_at(fit, up);
    return end == NOBODY ||
           (end % WORD == 0 && end - fit->first <= fit->span && zones_node(fit, end)->up == up);
}

static bool free_is_sound(const fit_t *fit, uint32_t at, uint32_t size)
{
    if (fit_room(fit, at) != size || *word_at(fit, at) != header_free(fit, size)) {
        return false;
    }
    if (at + size == fit->last) {
        return at == fit->top;
    }
    return size < BINNED || node_is_sound(fit, at + size);
}

/* Whether all that concerns the block at `at` is as it must be, the next header's prev_free
 * included. */
static bool block_is_sound(const fit_t *fit, uint32_t at)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t size = header_size(fit, header);
    const uint32_t next = *word_at(fit, at + size);
    const bool is_free = header_is_free(header);
    const bool is_last = at + size == fit->last;
    if ((is_free && header_is_free(next) && !is_last) ||
        (next & PREV_FREE) != (is_free ? PREV_FREE : 0)) {
        return false;
    }
    if (is_free) {
        return free_is_sound(fit, at, size);
    }
    return ((header_is_even(header) && size >= fit->least) || fit_withdrawn(fit, at)) &&
           (!is_last || fit->top == fit->last);
}

bool fit_plan_is_kept(const berth_region_t *region)
{
    const fit_t *fit = fit_of(region);
    const fit_t planned = fit_plan(region, region->beside != NULL);
    return memcmp(&fit->nobody.footer, &planned.nobody.footer,
                  offsetof(fit_t, top) - offsetof(fit_t, nobody.footer)) == 0;
}

/* Whether what follows the plan is sound: the top, the heads of the bins. */
static bool heads_are_sound(const fit_t *fit)
{
    const uint32_t top_flags = fit->top != fit->last ? PREV_FREE | CHECK : 0;
    if (fit->nobody.next != 0 || fit->nobody.up % WORD != 0 || fit->nobody.up > fit->last ||
        (fit->bins_used & ~BINS_USED_MOST) != 0 ||
        *word_at(fit, fit->last) != (header_free(fit, 0) | top_flags)) {
        return false;
    }
    for (uint32_t size = WITHDRAWN_BINS; size < BINNED; size += WORD) {
        const bool is_used = (fit->bins_used >> (size / WORD) & 1u) != 0;
        if (!fit_bin_is_whole(fit, size) || is_used == (bins_first(fit, size) == bins_head(size))) {
            return false;
        }
    }
    return withdrawn_are_sound(fit);
}

bool fit_control_is_sound(const berth_region_t *region, uint32_t from, uint32_t count)
{
    const fit_t *fit = fit_of(region);
    if (!fit_plan_is_kept(region) || (from == 0 && !heads_are_sound(fit))) {
        return false;
    }
    bool is_sound = true;
    for (uint32_t zone = from; zone - from < count && zone < zones_count(fit); zone++) {
        is_sound = is_sound && zone_is_sound(fit, zone);
    }
    return is_sound && zones_matches_are_sound(fit, from, count);
}

berth_block_t fit_check(const berth_region_t *region, uint32_t cursor)
{
    if (cursor == BERTH_WALK_START && !fit_control_is_sound(region, 0, UINT32_MAX)) {
        return (berth_block_t){.next = BERTH_NOWHERE, .status = BERTH_ERR_CORRUPT};
    }
    return fit_check_block(region, cursor);
}

berth_block_t fit_check_block(const berth_region_t *region, uint32_t cursor)
{
    const fit_t *fit = fit_of(region);
    berth_block_t block = fit_walk(region, cursor);
    const uint32_t at = cursor == BERTH_WALK_START ? fit->first : cursor;
    if (block.status == BERTH_OK && !block_is_sound(fit, at)) {
        block.status = BERTH_ERR_CORRUPT;
    }
    return block;
}
