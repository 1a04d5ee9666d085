/* low.h: low water: the least that regions ever had free, when that was, and who held the rest.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A low is a window: it begins when it is added or reset, and knows the least of two figures:
 *
 *   free         the bytes that blocks could still take, of all its regions together at one instant
 *   allocatable  the largest size that any of its regions could grant, at one instant
 *
 * Both are followed change by change, so a dip is never missed, however short; and the figure of
 * several regions is of one instant: it is no sum of least figures, which never were at once. Only
 * here are bytes of several regions summed: who declares a set says that they may be. There can be
 * several windows, of one region or of many, and of the same ones.
 *
 * Bounds, for each low that a changed region is in, with the tables' lock held: a few instructions;
 * when a figure is a new least, some 10 for each owner and each region; and where it is kept, too,
 * as many as seal 20 words.
 *
 * Context, unless a function says otherwise: [task, boot]. Adding, removing and adding regions go
 * one at a time.
 */
#ifndef BERTH_LOW_H
#define BERTH_LOW_H

#include "berth/berth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_LOW_OWNERS 4u /* that a least figure tells: those who held the most */

/* A least figure: 32 bytes. */
typedef struct berth_least {
    uint64_t time_us;                /* when it came to be so */
    uint32_t bytes;                  /* UINT32_MAX: so much or more */
    uint32_t held[BERTH_LOW_OWNERS]; /* bytes that owners held in the regions then, most first */
    berth_owner_t owners[BERTH_LOW_OWNERS]; /* these; BERTH_NO_OWNER: no more held any */
} berth_least_t;

/* What a low knows. */
typedef struct berth_low_figures {
    berth_least_t free;
    berth_least_t allocatable;
} berth_low_figures_t;

/* A record of them. */
typedef struct berth_low_slot {
    berth_low_figures_t figures;
    uint32_t number; /* counts from 1 */
    uint32_t seal;   /* over all of that */
} berth_low_slot_t;

/* The figures in memory that survives a reset: written at each new least, in turns, so that a reset
 * in the middle of it spoils one of the two at most. */
typedef struct berth_low_kept {
    berth_low_slot_t slots[2];
} berth_low_kept_t;

/* A window. The caller owns it, fills in the first part, and keeps it where it is while it is
 * added. */
typedef struct berth_low {
    const char *name;       /* for people; may be NULL */
    uint32_t *held;         /* one for each owner of the manager: what they hold there now; NULL:
                               owners are not told */
    berth_low_kept_t *kept; /* in memory that survives a reset; NULL: not kept */
    berth_region_t *region; /* this one alone; NULL: all that `caps` say */
    berth_caps_t caps;      /* every region that can do all of these, of all three words; those that
                               are added later, too */

    /* The manager's. */
    uint32_t regions; /* a bit for each */
    struct berth_low *next;
    const struct berth_follow *follow;
    uint64_t free_now; /* bytes */
    berth_low_figures_t least;
    uint32_t number; /* of the last figures kept */
} berth_low_t;

/* Begins a window, with what is so now. Regions whose capacity nobody knows (`foreign`) are left
 * out. What `kept` holds from before is overwritten: berth_low_recall() it first.
 * BERTH_ERR_INVALID: it names neither a region nor caps, or a region that is left out, or is added
 * already. BERTH_ERR_BUSY: a lock is refused. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_low_add(berth_t *berth, berth_low_t *low);

/* Ends a window; its memory is the caller's again. BERTH_ERR_INVALID: it is not added. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_low_remove(berth_t *berth, berth_low_t *low);

/* Begins the window anew, with what is so now. BERTH_ERR_BUSY: a lock is refused. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_low_reset(berth_t *berth, berth_low_t *low);

/* Tells the figures since the window began, both of one instant. While it has no region, all are
 * 0. */
BERTH_API BERTH_MUST_CHECK berth_low_figures_t berth_low_read(berth_t *berth,
                                                              const berth_low_t *low);

/* What was kept before a reset. */
typedef struct berth_low_record {
    berth_low_figures_t figures; /* all 0 if there is no record */
    int32_t status;              /* BERTH_OK; BERTH_ERR_UNKNOWN: never written; BERTH_ERR_CORRUPT:
                                    damaged, or never written: there is no record */
    bool is_last; /* false: another record, likely a later one, is damaged: a lower figure may be
                     lost */
} berth_low_record_t;

/* Reads what a low kept, before it is added again. [task, boot, panic] */
BERTH_API BERTH_MUST_CHECK berth_low_record_t berth_low_recall(const berth_low_kept_t *kept);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_LOW_H */
