/* inspect.h: what inspect.c puts into the engine's table, and what it takes from fit.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_FIT_INSPECT_H
#define BERTH_FIT_INSPECT_H

#include "block.h"

/* What fit.c has, for inspect.c: the live block granted at a region offset, or 0; the size of the
 * free block at a place, as locate_room(); whether the ring of a bin is whole at its head. */
uint32_t fit_live(const fit_t *fit, uint32_t offset);
uint32_t fit_room(const fit_t *fit, uint32_t at);
bool fit_bin_is_whole(const fit_t *fit, uint32_t size);

berth_block_t fit_find(const berth_region_t *region, uint32_t offset);
berth_status_t fit_give(berth_region_t *region, uint32_t offset, berth_owner_t owner);
uint32_t *fit_word(const berth_region_t *region, uint32_t offset);
berth_block_t fit_walk(const berth_region_t *region, uint32_t cursor);
berth_block_t fit_check(const berth_region_t *region, uint32_t cursor);

#endif /* BERTH_FIT_INSPECT_H */
