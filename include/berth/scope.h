/* scope.h: does what is done over and over give everything back? A leak across switches of a mode.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A device that enters its Wi-Fi mode a hundred times a day must not hold more each time. Whoever
 * enters and leaves a mode says so, and what every owner holds is looked at each time. Who holds
 * more than ever at each of N entries in a row, and kept some of it in the mode, is told as an
 * event. What settles after some entries is not, nor what goes up and down. (So a leak is not seen
 * before it has outgrown the largest that was there at any entry.)
 *
 * Bounds: each account's region is locked for a few instructions.
 *
 * Context, unless a function says otherwise: [task]; for each scope the same one, or one at a time.
 */
#ifndef BERTH_SCOPE_H
#define BERTH_SCOPE_H

#include "berth/berth.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of an owner in a region; the manager's. */
typedef struct berth_scope_row {
    uint32_t entered; /* bytes that it held at the last entry */
    uint32_t most;    /* at any entry */
    uint32_t base;    /* before it began to grow */
    uint16_t streak;  /* entries in a row at which it held more than ever */
    bool has_kept;    /* it held more when the mode was left than at the last entry; or it was not
                         left */
    uint8_t doubled;  /* how often the streak has doubled since it was long enough to be told */
} berth_scope_row_t;

/* A mode that is entered and left many times. The caller owns it and fills in the first part; the
 * rest is 0 at first. */
typedef struct berth_scope {
    const char *name;        /* for people; may be NULL */
    berth_scope_row_t *rows; /* the owners of the first region, account by account, then those of
                                the second ... */
    uint32_t capacity;       /* of `rows`: regions times owners of the manager; what is beyond is
                                not looked at */
    uint16_t entries_limit;  /* entries in a row that are a leak; 0: BERTH_SCOPE_ENTRIES */

    /* The manager's. */
    uint32_t entries; /* so far */
    bool is_inside;
} berth_scope_t;

#define BERTH_SCOPE_ENTRIES 8u

/* Enters a mode, and posts BERTH_EVENT_LEAK for each owner that has grown at entries_limit entries
 * in a row, again when the streak is twice as long, and so on: `region`, `owner`; `size` the bytes
 * that it holds more since, `taken` the entries, `site` the address of the mode's name. To grow is
 * to hold more than at any entry before, and to have held more when the mode was left than when it
 * was entered. If it was not left, the former is enough. Returns how many were told. */
BERTH_API uint32_t berth_scope_enter(berth_t *berth, berth_scope_t *scope);

/* Leaves it. */
BERTH_API void berth_scope_leave(berth_t *berth, berth_scope_t *scope);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_SCOPE_H */
