/* mark.h: points in time, and what every owner holds more or less since then.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A mark keeps what each owner held in each region, and what each site had allocated if there is a
 * table of sites. Two marks, or a mark and now, tell who has grown. (An arena's mark is something
 * else: berth_mark().)
 *
 * Bounds: a region's lock is held for BERTH_MARK_SLICE owners at a time.
 *
 * Context, unless a function says otherwise: [task, boot].
 */
#ifndef BERTH_MARK_H
#define BERTH_MARK_H

#include "berth/berth.h"
#include "berth/site.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_MARK_SLICE 16u /* owners that are looked at under one lock */

/* What an owner held in a region. */
typedef struct berth_holding {
    uint32_t live;  /* bytes taken */
    uint32_t count; /* blocks */
} berth_holding_t;

/* A point in time. The caller owns it, and fills in the first part. */
typedef struct berth_mark {
    const char *name;           /* for people; may be NULL */
    const berth_sites_t *sites; /* a table that is added; NULL: sites are not told */
    berth_site_t *rows;         /* as many as that has */
    berth_holding_t *holdings;  /* the owners of the first region, account by account, then those of
                                   the second ... */
    uint32_t capacity;          /* of `holdings`: regions times owners of the manager */

    /* Set when it is taken. */
    uint8_t region_count;
    uint8_t owner_count;
    bool is_exact; /* all owners of a region are told as they were at one instant; false: it changed
                      so often that some were told a little later than others */
    uint64_t time_us;
} berth_mark_t;

/* Takes a mark, each region at an instant of its own. BERTH_ERR_INVALID: no room, or no manager.
 * BERTH_ERR_BUSY: a lock is refused. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_mark_take(berth_t *berth, berth_mark_t *mark);

/* What an owner holds more in a region at the later of two points, or what lives of a site; less,
 * if negative. */
typedef struct berth_difference {
    int64_t bytes;
    int32_t blocks;
    uint32_t site;       /* of a site; 0: those not known */
    uint8_t region;      /* index; of a site BERTH_NO_REGION: all that are followed */
    berth_owner_t owner; /* of a site BERTH_NO_OWNER: whoever */
} berth_difference_t;

/* Tells what has changed from one mark to another of the same manager, or to now (NULL), region by
 * region, then site by site if both marks have a table: only owners and sites of which other bytes
 * or blocks live. Returns how many there are; no more than
 * `capacity` of them are written. Regions that came later held nothing before. */
BERTH_API BERTH_MUST_CHECK uint32_t berth_mark_compare(berth_t *berth, const berth_mark_t *before,
                                                       const berth_mark_t *after,
                                                       berth_difference_t *out, uint32_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_MARK_H */
