/* inspect.c: looks at blocks without changing anything: find, walk; and the two things that a block
 * says of itself and can be told anew: its owner and its one word more.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "inspect.h"

#include "withdrawn.h"

bool fit_withdrawn(const fit_t *fit, uint32_t at)
{
    return withdrawn_is(fit, at);
}

static berth_block_t describe(const fit_t *fit, uint32_t at)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t size = header_size(fit, header);
    const bool is_withdrawn = fit_withdrawn(fit, at);
    const bool is_crumb = is_withdrawn || (header_is_free(header) && size < fit->least);
    return (berth_block_t){.offset = block_offset(fit, at),
                           .size = is_crumb ? 0 : block_capacity(fit, size, header),
                           .taken = size << fit->spread,
                           .next = at + size < fit->last ? at + size : BERTH_NOWHERE,
                           .owner = (uint8_t)header_owner(header),
                           .has_word = (header & BERTH_TAG_WORD) != 0 && !is_withdrawn,
                           .is_withdrawn = is_withdrawn};
}

static berth_block_t describe_not(uint32_t offset, int8_t status)
{
    return (berth_block_t){.offset = offset, .next = BERTH_NOWHERE, .status = status};
}

berth_block_t fit_find(const berth_region_t *region, uint32_t offset)
{
    const fit_t *fit = fit_of(region);
    const uint32_t at = fit_live(fit, offset);
    return at != 0 ? describe(fit, at) : describe_not(offset, BERTH_ERR_INVALID);
}

berth_status_t fit_give(berth_region_t *region, uint32_t offset, berth_owner_t owner)
{
    const fit_t *fit = fit_of(region);
    const uint32_t at = fit_live(fit, offset);
    if (at == 0 || owner - 1u >= BERTH_TAG_OWNER) {
        return BERTH_ERR_INVALID;
    }
    const uint32_t header = *word_at(fit, at) & ~(BERTH_TAG_OWNER | CHECK);
    *word_at(fit, at) = header_checked(header | owner);
    return BERTH_OK;
}

uint32_t *fit_word(const berth_region_t *region, uint32_t offset)
{
    const fit_t *fit = fit_of(region);
    const uint32_t at = fit_live(fit, offset);
    if ((*word_at(fit, at) & BERTH_TAG_WORD) == 0) { /* at 0 there is none either */
        return NULL;
    }
    return (uint32_t *)word_at(fit, at + block_size(fit, at)) - 1;
}

berth_block_t fit_walk(const berth_region_t *region, uint32_t cursor)
{
    const fit_t *fit = fit_of(region);
    const uint32_t at = cursor == BERTH_WALK_START ? fit->first : cursor;
    if (at - fit->first < fit->span && at % WORD == 0 && header_is_sealed(fit, *word_at(fit, at)) &&
        block_size(fit, at) - 1 < fit->last - at) {
        return describe(fit, at);
    }
    return describe_not(block_offset(fit, at), BERTH_ERR_CORRUPT);
}
