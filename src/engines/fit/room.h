/* room.h: which free block a request is cut out of.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_FIT_ROOM_H
#define BERTH_FIT_ROOM_H

#include "locate.h"

/* Of words that a taken block may leave: none, or enough for another block; or any number. */
#define NO_CRUMBS (~6u)
#define ANY_WORDS UINT32_MAX

/* Where there is room for a request. */
typedef enum room {
    ROOM_BIN, /* in a bin, and what is left fits or is of use */
    ROOM_ZONE,
    ROOM_TOP,
    ROOM_LAST_BIN, /* in a bin */
    ROOM_NOWHERE
} room_t;

/* Bit n: a free block in a bin has n words more than needed. */
static inline uint32_t room_bins(const fit_t *fit, uint32_t need)
{
    return need < BINNED ? fit->bins_used >> (need / WORD) : 0;
}

/* The size of the smallest free block in the bins, as room_bins() tells them. */
static inline uint32_t room_bin_size(uint32_t need, uint32_t bins)
{
    return need + (uint32_t)__builtin_ctz(bins) * WORD;
}

/* The order of preference: it decides how much memory fragmentation costs. */
static inline room_t room_find(const fit_t *fit, uint32_t need)
{
    if ((room_bins(fit, need) & NO_CRUMBS) != 0) {
        return ROOM_BIN;
    }
    if (zones_largest(fit) >= header_free(fit, need)) {
        return ROOM_ZONE;
    }
    if (fit->last - fit->top >= need) {
        return ROOM_TOP;
    }
    return room_bins(fit, need) != 0 ? ROOM_LAST_BIN : ROOM_NOWHERE;
}

/* The free block to take, 0 if there is none. */
static SHARED uint32_t room_block(const fit_t *fit, uint32_t need)
{
    const room_t room = room_find(fit, need);
    if (room == ROOM_NOWHERE) {
        return 0;
    }
    if (room == ROOM_TOP) {
        return fit->top;
    }
    if (room == ROOM_ZONE) {
        return zones_block(fit, zones_find(fit, header_free(fit, need)));
    }
    const uint32_t bins = room_bins(fit, need) & (room == ROOM_BIN ? NO_CRUMBS : ANY_WORDS);
    return bins_first(fit, room_bin_size(need, bins));
}

/* Whether what the index led to is a free block that holds the need. */
static inline bool room_is_proved(const fit_t *fit, uint32_t at, uint32_t need)
{
    if (!block_is_within(fit, at)) {
        return false;
    }
    const uint32_t room = locate_room(fit, at);
    return room >= need && room <= fit->span;
}

#endif /* BERTH_FIT_ROOM_H */
