/* locate.h: finds the block behind an offset, and believes it only as far as its neighbours do.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_FIT_LOCATE_H
#define BERTH_FIT_LOCATE_H

#include "bins.h"
#include "zones.h"

/* The block whose payload would start at a region offset; 0, where there is no live one, if none
 * could. */
static inline uint32_t locate(const fit_t *fit, uint32_t offset)
{
    const uint32_t distance = offset - fit->origin;
    const uint32_t at = distance >> fit->spread;
    if (at >= fit->span || (distance & fit->granule_mask) != 0) {
        return 0;
    }
    return fit->first + at;
}

/* The size of the live block at `at`; 0 if its header or the next one denies that there is one, or
 * what lies there is a free block's. */
static SHARED uint32_t locate_live(const fit_t *fit, uint32_t at)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t size = header_size(fit, header);
    if (!header_is_sealed(fit, header) || header_is_free(header) || size < fit->least ||
        size > fit->last - at || !header_is_settled(fit, *word_at(fit, at + size)) ||
        (fit->seal == 0 && (bins_cover(fit, at) || zones_cover(fit, at)))) {
        return 0;
    }
    return size;
}

/* The live block that was granted at a region offset; 0 if there is none. */
static SHARED uint32_t locate_block(const fit_t *fit, uint32_t offset)
{
    const uint32_t at = locate(fit, offset);
    return at != 0 && locate_live(fit, at) != 0 ? at : 0;
}

/* Whether the index leads to the free block [at, at + size), as far as taking it out must rely
 * on. */
static inline bool locate_indexed(const fit_t *fit, uint32_t at, uint32_t size)
{
    if (size >= BINNED) {
        return zones_hold(fit, at + size);
    }
    return size < SMALLEST || bins_hold(fit, at);
}

/* The size of the free block at `at`, 0 if a live one is there, beyond any size if neither is. A
 * block of three words has a link where others have a footer, and the top has none. */
static SHARED uint32_t locate_room(const fit_t *fit, uint32_t at)
{
    const uint32_t header = *word_at(fit, at);
    if (!header_is_free(header)) {
        return 0;
    }
    const uint32_t size = header_size(fit, header);
    if (size >= fit->last - at) {
        return at == fit->top && size == fit->last - at ? size : UINT32_MAX;
    }
    const uint32_t footer = word_at(fit, at + size)[-1];
    const bool is_whole = size == SMALLEST || footer == header;
    return is_whole && locate_indexed(fit, at, size) ? size : UINT32_MAX;
}

/* Whether a free block ends at `at` if the header there, a live block's, says so. */
static SHARED bool locate_before(const fit_t *fit, uint32_t at)
{
    if ((*word_at(fit, at) & PREV_FREE) == 0) {
        return true;
    }
    const uint32_t footer = word_at(fit, at)[-1];
    const uint32_t before = block_before(fit, at);
    return before - fit->first < at - fit->first &&
           ((footer & 1u) != 0 ? header_free(fit, SMALLEST) : footer) == *word_at(fit, before) &&
           locate_indexed(fit, before, at - before);
}

/* Whether a live block's header is even, and nothing free is known to lie in the block. */
static SHARED bool locate_is_whole(const fit_t *fit, uint32_t at, uint32_t size)
{
    return header_is_even(*word_at(fit, at)) && zones_allow(fit, at, at + size);
}

#endif /* BERTH_FIT_LOCATE_H */
