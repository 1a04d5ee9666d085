/* start.h: what start.c plans.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_FIT_START_H
#define BERTH_FIT_START_H

#include "block.h"

/* The control block of a region, up to what changes; one without a span if it cannot be carved. */
fit_t fit_plan(const berth_region_t *region, bool beside);

uint32_t fit_beside_size(const berth_region_t *region);
berth_status_t fit_start(berth_region_t *region);

#endif /* BERTH_FIT_START_H */
