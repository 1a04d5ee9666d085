/* fit.c: the general engine: takes blocks apart and puts them together again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * alloc   bins, zones, top: room_find() says which has room, and the block's low end is taken
 * free    what is free after the block, then what is before it, is joined with it
 */
#include "bins.h"
#include "inspect.h"
#include "locate.h"
#include "room.h"
#include "start.h"
#include "zones.h"

#define NO_GRANT ((berth_grant_t){.offset = BERTH_NOWHERE, .size = 0})

/* --- free blocks ----------------------------------------------------------------------------- */

/* Writes down a free block below BINNED and puts it into its bin. One below SMALLEST goes into
 * none: it waits for a neighbour to be freed. */
static SHARED void insert_small(fit_t *fit, uint32_t at, uint32_t end)
{
    (void)block_write_free(fit, at, end);
    if (end - at >= SMALLEST) {
        bins_insert(fit, at, end - at);
    }
}

static SHARED void insert_large(fit_t *fit, uint32_t at, uint32_t end)
{
    zones_insert(fit, end, block_write_free(fit, at, end));
}

static inline void index_insert(fit_t *fit, uint32_t at, uint32_t end)
{
    if (end - at >= BINNED) {
        insert_large(fit, at, end);
    } else {
        insert_small(fit, at, end);
    }
}

static SHARED void remove_small(fit_t *fit, uint32_t at, uint32_t end)
{
    if (end - at >= SMALLEST) {
        bins_remove(fit, at, end - at);
    }
}

/* Frees again the small rest [at, end) of a free block that was taken. */
static SHARED void rest_leave(fit_t *fit, uint32_t at, uint32_t end)
{
    if (at != end) {
        insert_small(fit, at, end);
    } else {
        header_flip_prev(fit, end);
    }
}

/* Makes [at, sentinel) the top; from the sentinel on it is no block. */
static SHARED void top_move(fit_t *fit, uint32_t at)
{
    fit->top = at;
    if (at != fit->last) {
        *word_at(fit, at) = header_free(fit, fit->last - at);
    } else {
        header_flip_prev(fit, at);
    }
}

/* Takes the low end, up to `rest`, of the large free block before `end`. */
static SHARED void take_large(fit_t *fit, uint32_t end, uint32_t rest)
{
    if (end - rest >= BINNED) {
        const uint32_t before = zones_footer(fit, end);
        zones_shrink(fit, end, before, block_write_free(fit, rest, end));
    } else {
        zones_remove(fit, end);
        rest_leave(fit, rest, end);
    }
}

/* Takes the low end, up to `rest`, of any free block [at, end). */
static SHARED void take_low(fit_t *fit, uint32_t at, uint32_t end, uint32_t rest)
{
    if (end == fit->last) {
        top_move(fit, rest);
    } else if (end - at >= BINNED) {
        take_large(fit, end, rest);
    } else {
        remove_small(fit, at, end);
        rest_leave(fit, rest, end);
    }
}

/* Frees [at, end), of which the neighbour before is live and the one after has `room` bytes
 * free. */
static SHARED void give_low(fit_t *fit, uint32_t at, uint32_t end, uint32_t room)
{
    if (room == 0) {
        header_flip_prev(fit, end);
    }
    if (end == fit->top && end + room == fit->last) { /* or the top is damaged */
        top_move(fit, at);
    } else if (room >= BINNED) {
        zones_grow(fit, end + room, block_write_free(fit, at, end + room));
    } else {
        remove_small(fit, end, end + room);
        index_insert(fit, at, end + room);
    }
}

/* --- alloc ----------------------------------------------------------------------------------- */

static SHARED berth_grant_t block_grant(fit_t *fit, uint32_t at, uint32_t want, berth_tag_t tag)
{
    *word_at(fit, at) = header_live(fit, want, tag);
    return (berth_grant_t){.offset = block_offset(fit, at), .size = want << fit->spread};
}

static inline bool align_is_valid(uint32_t align)
{
    return (align & (align - 1)) == 0;
}

static SHARED bool request_is_sane(const fit_t *fit, size_t size, uint32_t align, berth_tag_t tag)
{
    return align_is_valid(align) && (tag & BERTH_TAG_OWNER) != 0 && size - 1 < fit->most;
}

/* The book bytes of a block for any sane request. */
static SHARED uint32_t want_any(const fit_t *fit, size_t size, berth_tag_t tag)
{
    const uint32_t word = (tag & BERTH_TAG_WORD) != 0 ? fit->header_cost : 0;
    return block_want(fit, (uint32_t)size + word);
}

/* Serves any request. The free block must hold the worst case of an alignment; what then lies
 * before the aligned place stays free. */
static NOINLINE berth_grant_t alloc_any(fit_t *fit, size_t size, uint32_t align, berth_tag_t tag)
{
    if (!request_is_sane(fit, size, align, tag)) {
        return NO_GRANT;
    }
    const uint32_t want = want_any(fit, size, tag);
    const uint32_t meant = align_meant(fit, align);
    const uint32_t need = want + align_slack(fit, meant);
    const uint32_t at = need <= fit->span ? room_block(fit, need) : 0;
    if (!room_is_proved(fit, at, need)) {
        return NO_GRANT;
    }
    const uint32_t skip = (0u - (fit->address + block_offset(fit, at))) & (meant - 1);
    const uint32_t start = at + (skip >> fit->spread);
    take_low(fit, at, at + block_size(fit, at), start + want);
    const berth_grant_t granted = block_grant(fit, start, want, tag & TAG_BITS);
    if (start != at) {
        index_insert(fit, at, start);
        header_flip_prev(fit, start);
    }
    return granted;
}

/* What block_grant() does if the book is the region. */
static inline berth_grant_t plain_grant(fit_t *fit, uint32_t at, uint32_t want, berth_tag_t tag)
{
    *word_at(fit, at) = header_live(fit, want, tag);
    return (berth_grant_t){.offset = at + WORD, .size = want};
}

static NOINLINE berth_grant_t plain_bin(fit_t *fit, uint32_t want, berth_tag_t tag,
                                        uint32_t fitting)
{
    const uint32_t size = room_bin_size(want, room_bins(fit, want) & fitting);
    const uint32_t at = bins_first(fit, size);
    if (UNLIKELY(!bins_second_is_known(fit, at))) {
        return NO_GRANT;
    }
    bins_drop(fit, size, word_at(fit, at)[1]);
    rest_leave(fit, at + want, at + size);
    return plain_grant(fit, at, want, tag);
}

static NOINLINE berth_grant_t plain_zone(fit_t *fit, uint32_t want, berth_tag_t tag)
{
    const uint32_t end = zones_find(fit, header_free(fit, want));
    const uint32_t at = zones_block(fit, end);
    if (UNLIKELY(at >= end) || UNLIKELY(*word_at(fit, at) != zones_footer(fit, end))) {
        return NO_GRANT;
    }
    take_large(fit, end, at + want);
    return plain_grant(fit, at, want, tag);
}

static NOINLINE berth_grant_t plain_top(fit_t *fit, uint32_t want, berth_tag_t tag)
{
    const uint32_t at = fit->top;
    if (UNLIKELY(at - fit->first >= fit->span || (MINDS_ALIGNMENT && at % WORD != 0) ||
                 *word_at(fit, at) != header_free(fit, fit->last - at))) {
        return NO_GRANT;
    }
    top_move(fit, at + want);
    return plain_grant(fit, at, want, tag);
}

/* Serves a request without an alignment or a word, as alloc_any() would. */
static inline berth_grant_t alloc_plain(fit_t *fit, uint32_t want, berth_tag_t tag)
{
    switch (room_find(fit, want)) {
    case ROOM_BIN:
        return plain_bin(fit, want, tag, NO_CRUMBS);
    case ROOM_ZONE:
        return plain_zone(fit, want, tag);
    case ROOM_TOP:
        return plain_top(fit, want, tag);
    case ROOM_LAST_BIN:
        return plain_bin(fit, want, tag, ANY_WORDS);
    case ROOM_NOWHERE:
        break;
    }
    return NO_GRANT;
}

/* Most requests are small and of a size that was freed before: they find their block in its bin. */
berth_grant_t fit_alloc(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    fit_t *fit = fit_of(region);
    if (!HAS_SHORT_WAYS || align != 0 || tag - 1 >= BERTH_TAG_OWNER) {
        return alloc_any(fit, size, align, tag);
    }
    const uint32_t want = ((uint32_t)size + fit->round) & fit->unit_mask;
    if (size - 1 >= fit->short_most) {
        return size - 1 < fit->plain_most ? alloc_plain(fit, larger(want, fit->least), tag)
                                          : alloc_any(fit, size, align, tag);
    }
    const uint32_t at = bins_first(fit, want);
    if (at == bins_head(want)) {
        return alloc_plain(fit, larger(want, fit->least), tag);
    }
    if (UNLIKELY(!bins_second_is_known(fit, at))) {
        return NO_GRANT;
    }
    header_flip_prev(fit, at + want);
    *word_at(fit, at) = header_live(fit, want, tag);
    bins_drop(fit, want, word_at(fit, at)[1]);
    return (berth_grant_t){.offset = at + WORD, .size = want};
}

/* --- free ------------------------------------------------------------------------------------ */

static inline berth_change_t change_of(const fit_t *fit, uint32_t header, uint32_t before,
                                       uint32_t after)
{
    return (berth_change_t){.before = before << fit->spread,
                            .after = after << fit->spread,
                            .owner = header_owner(header)};
}

static NOINLINE berth_change_t change_refuse(const fit_t *fit, uint32_t header, uint32_t size,
                                             int32_t status)
{
    berth_change_t change = change_of(fit, header, size, size);
    change.status = status;
    return change;
}

/* Frees a live block before which there is none free. */
static NOINLINE berth_change_t free_low(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t room = locate_room(fit, at + size);
    if (room > fit->span || !locate_is_whole(fit, at, size)) {
        return change_refuse(fit, header, size, BERTH_ERR_CORRUPT);
    }
    give_low(fit, at, at + size, room);
    return change_of(fit, header, size, 0);
}

/* Frees a live block before which there is a free one. A large one leaves its zone last: by then
 * the larger whole mostly stands in the tournament, and stops the news early. */
static NOINLINE berth_change_t free_between(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t room = locate_room(fit, at + size);
    if (room > fit->span || !locate_is_whole(fit, at, size) || !locate_before(fit, at)) {
        return change_refuse(fit, header, size, BERTH_ERR_CORRUPT);
    }
    const uint32_t start = block_before(fit, at);
    *word_at(fit, at) = 0; /* or a second free would find a header here */
    if (at - start >= BINNED) {
        give_low(fit, start, at + size, room);
        zones_remove(fit, at);
    } else {
        remove_small(fit, start, at);
        give_low(fit, start, at + size, room);
    }
    return change_of(fit, header, size, 0);
}

/* Frees what may be a live block. */
static NOINLINE berth_change_t free_claimed(fit_t *fit, uint32_t at)
{
    const uint32_t size = locate_live(fit, at);
    if (size == 0) {
        return (berth_change_t){.status = BERTH_ERR_INVALID};
    }
    return (*word_at(fit, at) & PREV_FREE) != 0 ? free_between(fit, at, size)
                                                : free_low(fit, at, size);
}

/* Frees any block. */
static NOINLINE berth_change_t free_any(fit_t *fit, uint32_t offset)
{
    const uint32_t at = locate(fit, offset);
    return at != 0 ? free_claimed(fit, at) : (berth_change_t){.status = BERTH_ERR_INVALID};
}

/* Most frees are of small blocks between two live ones. What follows a block that claims to be
 * small is in the region: so all that its header and the next one have to show is asked at once. */
berth_change_t fit_free(berth_region_t *region, uint32_t offset)
{
    fit_t *fit = fit_of(region);
    if (!HAS_SHORT_WAYS) {
        return free_any(fit, offset);
    }
    const uint32_t at = offset - WORD;
    const uint32_t distance = at - fit->first;
    if (distance >= fit->short_span || (distance & fit->granule_mask) != 0) {
        return free_any(fit, offset);
    }
    word_t *block = word_at(fit, at);
    const uint32_t header = *block;
    const uint32_t size = header_size(fit, header);
    if (size - SMALLEST >= fit->short_sizes) {
        return free_claimed(fit, at);
    }
    word_t *next = word_at(fit, at + size);
    const uint32_t wrong = ((header ^ fit->seal) | (header ^ *next)) & fit->settled_mask;
    if (wrong != 0 || header_is_free(header)) {
        const bool is_after_free = wrong == (header & ~*next & PREV_FREE);
        return is_after_free && !header_is_free(header)
                   ? free_between(fit, at, size)
                   : (berth_change_t){.status = BERTH_ERR_INVALID};
    }
    if (header_is_free(*next)) {
        return free_low(fit, at, size);
    }
    if (!header_is_even(header)) {
        return change_refuse(fit, header, size, BERTH_ERR_CORRUPT);
    }
    block[0] = header_freed(header);
    next[-1] = header_freed(header);
    *next ^= PREV_FREE | CHECK;
    bins_insert(fit, at, size);
    return (berth_change_t){.before = size, .owner = header_owner(header)};
}

/* --- resize ---------------------------------------------------------------------------------- */

/* Makes a sound live block `want` bytes long: there are enough, with `room` free after it. */
static void resize_to(fit_t *fit, uint32_t at, uint32_t want, uint32_t room)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t before = header_size(fit, header);
    const uint32_t end = at + before;
    const uint32_t last_word = word_at(fit, end)[-1];
    if (want > before) {
        take_low(fit, end, end + room, at + want);
    }
    *word_at(fit, at) = header_live(fit, want, header & TAG_BITS);
    if ((header & PREV_FREE) != 0) {
        header_flip_prev(fit, at);
    }
    if ((header & BERTH_TAG_WORD) != 0) {
        word_at(fit, at + want)[-1] = last_word;
    }
    if (want < before) {
        give_low(fit, at + want, end, room);
    }
}

berth_change_t fit_resize(berth_region_t *region, uint32_t offset, size_t size)
{
    fit_t *fit = fit_of(region);
    const uint32_t at = locate_block(fit, offset);
    if (at == 0) {
        return (berth_change_t){.status = BERTH_ERR_INVALID};
    }
    const uint32_t header = *word_at(fit, at);
    const uint32_t before = header_size(fit, header);
    if (size == 0) {
        return change_refuse(fit, header, before, BERTH_ERR_INVALID);
    }
    const uint32_t room = locate_room(fit, at + before);
    if (room > fit->span || !locate_is_whole(fit, at, before) || !locate_before(fit, at)) {
        return change_refuse(fit, header, before, BERTH_ERR_CORRUPT);
    }
    const uint32_t want = size > fit->most ? UINT32_MAX : want_any(fit, size, header);
    if (want > before + room) {
        return change_refuse(fit, header, before, BERTH_ERR_NOMEM);
    }
    resize_to(fit, at, want, room);
    return change_of(fit, header, before, want);
}

/* --- questions ------------------------------------------------------------------------------- */

uint32_t fit_live(const fit_t *fit, uint32_t offset)
{
    const uint32_t at = locate_block(fit, offset);
    return locate_is_whole(fit, at, block_size(fit, at)) ? at : 0;
}

uint32_t fit_room(const fit_t *fit, uint32_t at)
{
    return locate_room(fit, at);
}

bool fit_bin_is_whole(const fit_t *fit, uint32_t size)
{
    return bins_hold(fit, bins_head(size));
}

uint32_t fit_cost(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    const fit_t *fit = fit_of(region);
    return request_is_sane(fit, size, align, tag) ? want_any(fit, size, tag) << fit->spread : 0;
}

uint32_t fit_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag)
{
    const fit_t *fit = fit_of(region);
    if (!request_is_sane(fit, 1, align, tag)) {
        return 0;
    }
    const uint32_t lead = align_slack(fit, align_meant(fit, align));
    const uint32_t room = larger(fit->last - fit->top,
                                 larger(header_size(fit, zones_largest(fit)), bins_largest(fit)));
    return room >= fit->least && room - fit->least >= lead ? block_capacity(fit, room - lead, tag)
                                                           : 0;
}

bool fit_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    return size - 1 < fit_allocatable(region, align, tag);
}

const berth_engine_t berth_fit_bare_engine = {FIT_METHODS};
