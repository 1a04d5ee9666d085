/* sealless.c: a region too large for a seal: double frees are refused, and right ones are not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every block is freed twice, at once. In such a region the words of a free block may look like the
 * header that was there, and what a block held before may look like a free block's words.
 */
#include "berth/fit.h"

#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define REGION_SIZE (12u * 1024u * 1024u)
#define LIVE_MOST 4000u
#define CALLS 1000000u
#define LARGE 80u /* bytes: free blocks from here on have their links at the end */

typedef struct tally {
    uint32_t frees;
    uint32_t refused;  /* of the first frees: none may be */
    uint32_t links;    /* frees of what is a free block's link */
    uint32_t accepted; /* of those and of the second frees: none may be */
} tally_t;

/* Mostly small, sometimes large, so that free neighbours of all sizes merge. */
static uint32_t some_size(random_source_t *random)
{
    return 1u + random_below(random, random_below(random, 4) != 0 ? 60u : 20000u);
}

/* Frees what would start at a word that is a free block's link. Returns how many were accepted. */
static uint32_t free_link(berth_region_t *region, uint32_t at)
{
    return region->engine->free(region, at + 4u).status == BERTH_OK;
}

/* Two words after the header of a small free block are links, two before the footer of a large
 * one. */
static void sweep_links(berth_region_t *region, tally_t *tally)
{
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = region->engine->walk(region, cursor);
        const uint32_t at = block.offset - 4u;
        cursor = block.next;
        if (block.owner != BERTH_NO_OWNER || block.taken < 12u || cursor == BERTH_NOWHERE) {
            continue;
        }
        const uint32_t links = block.taken < LARGE ? at + 4u : at + block.taken - 12u;
        tally->links += 2u;
        tally->accepted += free_link(region, links) + free_link(region, links + 4u);
    }
}

static tally_t churn(berth_region_t *region, random_source_t *random)
{
    static uint32_t live[LIVE_MOST];
    uint32_t count = 0;
    tally_t tally = {0};
    for (uint32_t call = 0; call < CALLS; call++) {
        if (count < 50u || (count < LIVE_MOST && random_below(random, 2) != 0)) {
            const uint32_t size = some_size(random);
            const berth_owner_t owner = (berth_owner_t)(1u + random_below(random, 127));
            const uint32_t offset = region->engine->alloc(region, size, 0, owner).offset;
            if (offset != BERTH_NOWHERE) {
                live[count++] = offset;
            }
            continue;
        }
        const uint32_t index = random_below(random, count);
        tally.frees++;
        tally.refused += region->engine->free(region, live[index]).status != BERTH_OK;
        tally.accepted += region->engine->free(region, live[index]).status == BERTH_OK;
        live[index] = live[--count];
        if (tally.frees % 4096u == 0) {
            sweep_links(region, &tally);
        }
    }
    return tally;
}

int main(void)
{
    berth_region_t region = {.engine = &berth_fit_engine, .size = REGION_SIZE};
    region.base = calloc(1, REGION_SIZE);
    random_source_t random = random_from(1);
    if (region.base == NULL || region.engine->start(&region) != BERTH_OK) {
        printf("sealless: no region of %u bytes\n", REGION_SIZE);
        return 1;
    }
    const tally_t tally = churn(&region, &random);
    printf("sealless: %" PRIu32 " frees, %" PRIu32 " refused; of as many second frees and %" PRIu32
           " of links %" PRIu32 " accepted\n",
           tally.frees, tally.refused, tally.links, tally.accepted);
    free(region.base);
    return tally.frees == 0 || tally.refused != 0 || tally.links == 0 || tally.accepted != 0;
}
