/* mend.c: verifies a region in slices; and after damage proves its blocks, withdraws those that it
 * cannot prove, and builds the index anew.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   fence     the control block is planned anew, so that no call but this one changes anything
 *   prove     block after block; what has no sound header is withdrawn up to the next boundary of
 *             which a chain of blocks is sound
 *   clear     the index is emptied
 *   link      free neighbours are joined, and the index is filled; then the fence falls
 *
 * Headers are all that is believed: links, footers and the control block are written anew. But for
 * what follows damage, where a stale header may lie in a live block: there a free block is believed
 * only if the old index knows it.
 */
#include "bins.h"
#include "inspect.h"
#include "locate.h"
#include "start.h"
#include "withdrawn.h"
#include "zones.h"

#include <string.h>

#define MEND_LOOKS 32u     /* words or blocks that one step looks at */
#define MEND_CHAIN 3u      /* sound blocks in a row that prove a boundary */
#define MEND_ROUNDS 8u     /* times that damage may come up while a region is mended */
#define FENCED 0x80000001u /* an origin from which no offset is a block's */

typedef enum mend_phase {
    MEND_FENCE, /* as a mending starts */
    MEND_PROVE,
    MEND_CLEAR,
    MEND_LINK
} mend_phase_t;

/* Book bytes between two places where a block may start. */
static uint32_t unit_of(const fit_t *fit)
{
    return 0u - fit->unit_mask;
}

/* --- what a header is worth ------------------------------------------------------------------ */

/* Whether a header is one, and its block ends in the region. */
static bool header_may_be(const fit_t *fit, uint32_t at)
{
    const uint32_t size = block_size(fit, at);
    return header_is_sealed(fit, *word_at(fit, at)) && size - 1 < fit->last - at;
}

/* Whether a header that may be one is a live block's, and does not contradict itself. */
static bool live_is_right(const fit_t *fit, uint32_t at)
{
    const uint32_t header = *word_at(fit, at);
    return !header_is_free(header) && header_is_even(header) && block_size(fit, at) >= fit->least;
}

/* Whether it does not contradict the next one either. */
static bool live_is_sound(const fit_t *fit, uint32_t at)
{
    const uint32_t end = at + block_size(fit, at);
    return (live_is_right(fit, at) || withdrawn_is(fit, at)) &&
           (end == fit->last || header_is_settled(fit, *word_at(fit, end)));
}

/* The same of a free block and its footer. */
static bool free_is_sound(const fit_t *fit, uint32_t at)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t size = header_size(fit, header);
    if (header != header_free(fit, size)) {
        return false;
    }
    if (at + size == fit->last) {
        return true;
    }
    const uint32_t next = *word_at(fit, at + size);
    return !header_is_free(next) && (next & PREV_FREE) != 0 && header_is_sealed(fit, next) &&
           (size == SMALLEST || word_at(fit, at + size)[-1] == header);
}

static bool block_is_sound(const fit_t *fit, uint32_t at)
{
    return header_may_be(fit, at) &&
           (header_is_free(*word_at(fit, at)) ? free_is_sound(fit, at) : live_is_sound(fit, at));
}

/* Whether the old index knows a free block; one too small for it has its footer alone. */
static bool free_is_indexed(const fit_t *fit, uint32_t at)
{
    const uint32_t size = block_size(fit, at);
    return at + size == fit->last ? at == fit->top : locate_indexed(fit, at, size);
}

/* Whether a boundary is proved: by the end of the region, or a chain of sound blocks. */
static bool boundary_is_sound(const fit_t *fit, uint32_t at)
{
    for (uint32_t links = 0; links < MEND_CHAIN && at != fit->last; links++) {
        if (!block_is_sound(fit, at) ||
            (header_is_free(*word_at(fit, at)) && !free_is_indexed(fit, at))) {
            return false;
        }
        at += block_size(fit, at);
    }
    return true;
}

/* Whether a live block is sound but for a header after it that is damaged: that one's block is
 * followed by a boundary that is sound. */
static bool live_is_followed(const fit_t *fit, uint32_t at)
{
    const uint32_t next = at + block_size(fit, at);
    return live_is_right(fit, at) && header_may_be(fit, next) &&
           boundary_is_sound(fit, next + block_size(fit, next));
}

/* Whether a free block is known to the old index, whatever its neighbours say. */
static bool free_is_known(const fit_t *fit, uint32_t at)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t size = header_size(fit, header);
    return header == header_free(fit, size) && size >= SMALLEST && free_is_indexed(fit, at) &&
           (size == SMALLEST || at + size == fit->last || word_at(fit, at + size)[-1] == header);
}

/* --- fence ----------------------------------------------------------------------------------- */

/* A plan from which no request is served, and no offset leads to a block. */
static fit_t fence_plan(const berth_region_t *region)
{
    fit_t planned = fit_plan(region, region->beside != NULL);
    planned.most = planned.plain_most = planned.short_most = planned.short_span = 0;
    planned.origin = FENCED;
    return planned;
}

static berth_status_t mend_fence(berth_region_t *region, berth_mending_t *mending)
{
    const fit_t planned = fence_plan(region);
    if (planned.span == 0 || mending->rounds++ == MEND_ROUNDS) {
        return BERTH_ERR_CORRUPT;
    }
    memcpy(fit_of(region), &planned, offsetof(fit_t, top));
    mending->phase = MEND_PROVE;
    mending->cursor = planned.first;
    mending->from = 0;
    return BERTH_ERR_BUSY;
}

/* Whether the fence stands: damage may reach it, too. */
static bool fence_stands(const berth_region_t *region)
{
    const fit_t *fit = fit_of(region);
    const fit_t planned = fence_plan(region);
    return memcmp(&fit->first, &planned.first, offsetof(fit_t, top) - offsetof(fit_t, first)) == 0;
}

static void fence_fall(berth_region_t *region)
{
    const fit_t planned = fit_plan(region, region->beside != NULL);
    memcpy(fit_of(region), &planned, offsetof(fit_t, top));
}

/* --- prove ----------------------------------------------------------------------------------- */

/* Whether [from, at) is a free block of which nothing but the header is damaged. */
static bool gap_is_free(const fit_t *fit, uint32_t from, uint32_t at)
{
    if (at == fit->last) {
        return from == fit->top;
    }
    return (*word_at(fit, at) & PREV_FREE) != 0 && at - from >= SMALLEST &&
           block_before(fit, at) == from && locate_indexed(fit, from, at - from);
}

/* Makes what cannot be proved, [from, at), a block that nobody can free; or what it was. */
static void gap_close(berth_region_t *region, berth_mending_t *mending, uint32_t at)
{
    fit_t *fit = fit_of(region);
    const uint32_t from = mending->from;
    mending->from = 0;
    if (gap_is_free(fit, from, at)) {
        *word_at(fit, from) = header_free(fit, at - from);
        return;
    }
    *word_at(fit, from) = header_live(fit, at - from, TAG_BITS) ^ CHECK;
    withdrawn_remember(fit, from);
    if (mending->withdrawn == 0) {
        const fit_t planned = fit_plan(region, region->beside != NULL);
        mending->offset = block_offset(&planned, from);
    }
    mending->withdrawn += (at - from) << fit->spread;
}

/* Whether a sound boundary behind damage is a block's, and not a word of the damaged block's own
 * that looks like one and leads over the true boundary: its owner is one that there is, and none of
 * the next MEND_LOOKS words within its block is a sound boundary, too. */
static bool boundary_is_first(const fit_t *fit, const berth_mending_t *mending, uint32_t at)
{
    if (at == fit->last) {
        return true;
    }
    const uint32_t owner = header_owner(*word_at(fit, at));
    const uint32_t size = block_size(fit, at);
    const uint32_t unit = unit_of(fit);
    bool is_first =
        owner < mending->account_count || owner == BERTH_TAG_OWNER || mending->account_count == 0;
    for (uint32_t looks = 1; looks < MEND_LOOKS && looks * unit < size; looks++) {
        is_first = is_first && !boundary_is_sound(fit, at + looks * unit);
    }
    return is_first;
}

/* Looks at the block at the cursor, or, within what cannot be proved, at a place where a boundary
 * may be. Returns the next cursor. */
static uint32_t prove_step(berth_region_t *region, berth_mending_t *mending)
{
    const fit_t *fit = fit_of(region);
    const uint32_t at = mending->cursor;
    if (mending->from != 0) {
        if (!boundary_is_sound(fit, at) || !boundary_is_first(fit, mending, at)) {
            return at + unit_of(fit); /* one unit on */
        }
        gap_close(region, mending, at);
        return at;
    }
    if (block_is_sound(fit, at) ||
        (header_may_be(fit, at) && (live_is_followed(fit, at) || free_is_known(fit, at)))) {
        return at + block_size(fit, at);
    }
    mending->from = at;
    const bool has_size =
        header_may_be(fit, at) &&
        (live_is_right(fit, at) || boundary_is_sound(fit, at + block_size(fit, at)));
    return has_size ? at + block_size(fit, at) : at + unit_of(fit);
}

static berth_status_t mend_prove(berth_region_t *region, berth_mending_t *mending)
{
    const fit_t *fit = fit_of(region);
    for (uint32_t looks = 0; looks < MEND_LOOKS && mending->cursor != fit->last; looks++) {
        mending->cursor = prove_step(region, mending);
    }
    if (mending->cursor == fit->last) {
        if (mending->from != 0) {
            gap_close(region, mending, fit->last);
        }
        mending->phase = MEND_CLEAR;
        mending->cursor = (uint32_t)sizeof(fit_t);
    }
    return BERTH_ERR_BUSY;
}

/* --- clear ----------------------------------------------------------------------------------- */

/* An empty word of the control block's part that depends on the region's size. */
static uint32_t control_word(const fit_t *fit, uint32_t at)
{
    const bool is_link = at >= fit->zones_at && at < zones_up(fit, zones_count(fit));
    return at == sizeof(fit_t) ? UINT32_MAX : is_link ? NOBODY : 0;
}

static berth_status_t mend_clear(berth_region_t *region, berth_mending_t *mending)
{
    fit_t *fit = fit_of(region);
    for (uint32_t looks = 0; looks < MEND_LOOKS && mending->cursor != fit->first; looks++) {
        *word_at(fit, mending->cursor) = control_word(fit, mending->cursor);
        mending->cursor += WORD;
    }
    if (mending->cursor == fit->first) {
        bins_start(fit);
        fit->bins_used = 0;
        fit->top = fit->last;
        *word_at(fit, fit->last) = header_free(fit, 0);
        mending->phase = MEND_LINK;
        mending->total = (berth_account_t){0};
        if (mending->accounts != NULL) {
            memset(mending->accounts, 0, mending->account_count * sizeof *mending->accounts);
        }
    }
    return BERTH_ERR_BUSY;
}

/* --- link ------------------------------------------------------------------------------------ */

static void account_add(berth_account_t *account, uint32_t size)
{
    account->live += size;
    account->count++;
}

/* Charges a live block to whom its header names. */
static void link_charge(const fit_t *fit, berth_mending_t *mending, uint32_t header)
{
    const uint32_t owner = header_owner(header);
    const uint32_t size = header_size(fit, header) << fit->spread;
    account_add(&mending->total, size);
    if (mending->accounts != NULL) {
        account_add(&mending->accounts[owner < mending->account_count ? owner : 0], size);
    }
}

/* Takes up the free block that ends where the next live one starts, if there is one, and tells that
 * one. */
static void link_free(fit_t *fit, berth_mending_t *mending, uint32_t end)
{
    const uint32_t at = mending->from;
    mending->from = 0;
    if (((*word_at(fit, end) & PREV_FREE) != 0) != (at != 0)) {
        header_flip_prev(fit, end);
    }
    if (at == 0) {
        return;
    }
    const uint32_t header = block_write_free(fit, at, end);
    if (end - at >= BINNED) {
        zones_insert(fit, end, header);
    } else if (end - at >= SMALLEST) {
        bins_insert(fit, at, end - at);
    }
}

/* Takes up the free block that reaches the end of the region, if there is one. */
static void link_top(fit_t *fit, const berth_mending_t *mending)
{
    if (mending->from != 0) {
        fit->top = mending->from;
        *word_at(fit, fit->top) = header_free(fit, fit->last - fit->top);
        header_flip_prev(fit, fit->last);
    }
}

/* Takes up the block at the cursor. False: it has been damaged since it was proved. */
static bool link_step(fit_t *fit, berth_mending_t *mending)
{
    const uint32_t at = mending->cursor;
    const uint32_t header = *word_at(fit, at);
    if (!header_may_be(fit, at) ||
        (!header_is_free(header) && !header_is_even(header) && !withdrawn_looks(header))) {
        return false;
    }
    if (!header_is_free(header)) {
        link_free(fit, mending, at);
        link_charge(fit, mending, header);
        if (!header_is_even(header)) {
            withdrawn_remember(fit, at);
        }
    } else if (mending->from == 0) {
        mending->from = at;
    }
    mending->cursor = at + header_size(fit, header);
    return true;
}

static berth_status_t mend_link(berth_region_t *region, berth_mending_t *mending)
{
    fit_t *fit = fit_of(region);
    for (uint32_t looks = 0; looks < MEND_LOOKS && mending->cursor != fit->last; looks++) {
        if (!link_step(fit, mending)) {
            return mend_fence(region, mending);
        }
    }
    if (mending->cursor != fit->last) {
        return BERTH_ERR_BUSY;
    }
    link_top(fit, mending);
    fence_fall(region);
    return BERTH_OK;
}

/* --- what a mender does ---------------------------------------------------------------------- */

static berth_status_t fit_mend(berth_region_t *region, berth_mending_t *mending)
{
    if (mending->phase == MEND_FENCE || !fence_stands(region)) {
        return mend_fence(region, mending);
    }
    switch ((mend_phase_t)mending->phase) {
    case MEND_PROVE:
        return mend_prove(region, mending);
    case MEND_CLEAR:
        return mend_clear(region, mending);
    case MEND_FENCE:
    case MEND_LINK:
        break;
    }
    return mend_link(region, mending);
}

static berth_audit_t fit_audit(const berth_region_t *region, uint32_t cursor)
{
    if (!fit_control_is_sound(region, cursor, MEND_LOOKS)) {
        return (berth_audit_t){.next = BERTH_NOWHERE, .status = BERTH_ERR_CORRUPT};
    }
    const uint32_t next = cursor + MEND_LOOKS;
    const fit_t *fit = fit_of(region);
    const uint32_t count = larger(zones_count(fit), zones_match_count(fit));
    return (berth_audit_t){.next = next < count ? next : BERTH_NOWHERE};
}

const berth_mender_t berth_fit_mender = {
    .audit = fit_audit, .check = fit_check_block, .mend = fit_mend};
