/* inspect.h: what inspect.c puts into the engine's table.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_FIT_INSPECT_H
#define BERTH_FIT_INSPECT_H

#include "berth/engine.h"

berth_block_t fit_find(const berth_region_t *region, uint32_t offset);
berth_status_t fit_give(berth_region_t *region, uint32_t offset, berth_owner_t owner);
uint32_t *fit_word(const berth_region_t *region, uint32_t offset);
berth_block_t fit_walk(const berth_region_t *region, uint32_t cursor);
berth_block_t fit_check(const berth_region_t *region, uint32_t cursor);

#endif /* BERTH_FIT_INSPECT_H */
