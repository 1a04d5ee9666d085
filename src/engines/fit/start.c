/* start.c: lays out fit's control block, and one free block after it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "start.h"

#include "bins.h"
#include "zones.h"

#include <string.h>

#define SEAL 0x9C35F400u            /* cut to the bits that the size leaves */
#define ANY_ALIGN 0u                /* what the region promises */
#define SPAN_MOST 0x40000000u       /* book bytes: a size must fit into a header */
#define UNITS_MOST ((1u << 22) - 1) /* what a size field can say */
#define GRANULE_MOST                                                                               \
    (1u << LOW_BITS) /* in the region; a size must not be shifted down into a header */

static uint32_t log2_floor(uint32_t value)
{
    return 31u - (uint32_t)__builtin_clz(value);
}

static bool is_power_of_two_or_0(uint32_t value)
{
    return (value & (value - 1)) == 0;
}

/* A book inside the region: a header before each payload, which is aligned to the granule. */
static void plan_inside(fit_t *fit, const berth_region_t *region)
{
    const uint32_t control = zones_plan(fit, region->size);
    fit->unit_mask = ~fit->granule_mask;
    fit->header_cost = WORD;
    fit->first = control + ((0u - (region->address + control + WORD)) & fit->granule_mask);
    fit->origin = fit->first + WORD;
    fit->span = (larger(region->size, fit->origin) - fit->origin) & ~fit->granule_mask;
}

/* A book of one word a granule beside the region. */
static void plan_beside(fit_t *fit, const berth_region_t *region)
{
    const uint32_t granule = fit->granule_mask + 1;
    fit->unit_mask = ~(WORD - 1);
    fit->spread = (uint16_t)(log2_floor(granule) - log2_floor(WORD));
    fit->origin = (0u - region->address) & fit->granule_mask;
    fit->span = (larger(region->size, fit->origin) - fit->origin) / granule * WORD;
    const uint32_t control = zones_plan(fit, fit->span); /* of a book without a control block */
    fit->first = zones_plan(fit, fit->span + 2 * control);
}

/* Plans which requests and blocks may take the short ways. The short way of fit_free() reads what
 * follows a small block before it knows that it is one, so it keeps off the region's end. */
static void plan_short_ways(fit_t *fit)
{
    const uint32_t largest = (BINNED - 1) & fit->unit_mask;
    fit->short_span = fit->span > BINNED ? fit->span - BINNED : 0;
    fit->short_sizes = (BINNED - SMALLEST) * (fit->seal != 0);
    fit->plain_most = fit->promise == fit->granule_mask + 1 ? fit->most : 0;
    fit->short_most = largest < fit->least ? 0 : largest - fit->header_cost;
    fit->short_most = fit->short_most < fit->plain_most ? fit->short_most : fit->plain_most;
}

fit_t fit_plan(const berth_region_t *region, bool beside)
{
    const uint32_t granule = region->granule != 0 ? region->granule : WORD;
    fit_t fit = {.granule_mask = granule - 1, .address = region->address};
    if (granule < WORD || !is_power_of_two_or_0(granule) || !is_power_of_two_or_0(region->align) ||
        (!beside && (granule > GRANULE_MOST || region->address % WORD != 0))) {
        return fit;
    }
    fit.promise = larger(region->align, granule);
    if (beside) {
        plan_beside(&fit, region);
    } else {
        plan_inside(&fit, region);
    }
    const uint32_t unit = 0u - fit.unit_mask;
    const uint32_t units = fit.span / unit;
    fit.least = (SMALLEST + unit - 1) & fit.unit_mask;
    if (units > UNITS_MOST || fit.span > SPAN_MOST || fit.span < fit.least ||
        fit.span - fit.least < align_slack(&fit, align_meant(&fit, ANY_ALIGN))) {
        fit.span = 0;
        return fit;
    }
    const uint32_t size_bits = log2_floor(units) + 1;
    fit.last = fit.first + fit.span;
    fit.size_shift = (uint16_t)(LOW_BITS - log2_floor(unit));
    fit.size_mask = ((1u << size_bits) - 1) * unit;
    fit.settled_mask = ~((1u << LOW_BITS << size_bits) - 1) | PREV_FREE;
    fit.seal = SEAL & fit.settled_mask & ~PREV_FREE;
    fit.round = fit.header_cost + fit.granule_mask;
    fit.most = (fit.span << fit.spread) - fit.header_cost;
    if (!beside) {
        plan_short_ways(&fit);
    }
    return fit;
}

uint32_t fit_beside_size(const berth_region_t *region)
{
    const fit_t fit = fit_plan(region, true);
    return fit.span != 0 ? fit.last + WORD : 0;
}

berth_status_t fit_start(berth_region_t *region)
{
    const bool beside = region->beside != NULL;
    void *book = beside ? region->beside : region->base;
    const fit_t planned = fit_plan(region, beside);
    if (planned.span == 0 || book == NULL || (uintptr_t)book % WORD != 0 ||
        (beside && region->beside_size < planned.last + WORD)) {
        return BERTH_ERR_INVALID;
    }
    region->book = book;
    fit_t *fit = fit_of(region);
    memcpy(fit, &planned, sizeof planned);
    zones_start(fit);
    bins_start(fit);
    fit->top = fit->first;
    *word_at(fit, fit->first) = header_free(fit, fit->span);
    *word_at(fit, fit->last) = header_free(fit, 0);
    header_flip_prev(fit, fit->last);
    return BERTH_OK;
}
