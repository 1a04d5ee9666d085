/* site.h: how much was allocated by which place in the program, and still lives.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An owner says which component; a site, which call in it. Sites cost nothing until a table is
 * added, which is done when somebody looks for a leak: it follows every block from then on, in
 * memory of its own. What lives already has no site that is known: site 0. So has what finds no
 * room in the table, but the sums are always those of the regions. Sites of two moments can be
 * compared: copy the rows.
 *
 * An arena's blocks are not followed: they all end with its reset.
 *
 * Bounds, for each change, with the tables' lock held: BERTH_SITE_WAYS looks at the blocks twice,
 * and as many at the sites.
 *
 * Context, unless a function says otherwise: [task, boot]. Adding and removing tables, windows and
 * regions go one at a time.
 */
#ifndef BERTH_SITE_H
#define BERTH_SITE_H

#include "berth/berth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_SITE_WAYS 8u /* places that a block or a site may have, next to each other */

/* What a site has allocated that lives. */
typedef struct berth_site {
    uint32_t site;  /* as events have it; 0: not known */
    uint32_t live;  /* bytes taken */
    uint32_t count; /* blocks */
} berth_site_t;

/* A block that lives; the manager's. */
typedef struct berth_site_block {
    uint32_t offset;
    uint32_t taken; /* bytes; 0: there is none here */
    uint16_t row;   /* of its site */
    uint8_t region;
} berth_site_block_t;

/* A table. The caller owns it, fills in the first part, and keeps it where it is while it is
 * added. */
typedef struct berth_sites {
    berth_site_block_t *blocks; /* two thirds more than there are blocks is plenty */
    berth_site_t *rows;         /* row 0 is of those that are not known */
    uint32_t block_count;       /* a power of two, BERTH_SITE_WAYS at least */
    uint32_t row_count;         /* a power of two, BERTH_SITE_WAYS at least, 65536 at most */

    /* The manager's. */
    const struct berth_follow *follow;
    uint32_t regions; /* a bit for each that is followed */
    uint32_t missed;  /* blocks that found no room, and calls of sites that found none; atomic */
} berth_sites_t;

/* Begins to follow blocks; a manager has one table at most. BERTH_ERR_INVALID: a field makes no
 * sense, or there is a table. BERTH_ERR_BUSY: a lock is refused. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_sites_add(berth_t *berth, berth_sites_t *sites);

/* Ends it; its memory is the caller's again, and its rows are as they were.
 * BERTH_ERR_INVALID: it is not added. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_sites_remove(berth_t *berth,
                                                             const berth_sites_t *sites);

/* Returns a row as it is now; all 0 if no site has it. A site keeps its row. */
BERTH_API BERTH_MUST_CHECK berth_site_t berth_site_at(berth_t *berth, const berth_sites_t *sites,
                                                      uint32_t row);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_SITE_H */
