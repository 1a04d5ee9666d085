/* fit.c: the general engine: takes blocks apart and puts them together again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bins.h"
#include "inspect.h"
#include "locate.h"
#include "start.h"
#include "tree.h"

#define NO_GRANT ((berth_grant_t){.offset = BERTH_NOWHERE, .size = 0})
#define NO_CRUMBS (~6u) /* of words that a taken block leaves: none, or enough for another block */

/* Writes down a free block below BINNED and puts it into its bin. One below SMALLEST goes into
 * none: it waits for a neighbour to be freed. */
static SHARED void insert_small(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t header = header_free(fit, size);
    *word_at(fit, at) = header;
    word_at(fit, at + size)[-1] = header;
    if (size >= SMALLEST) {
        bins_insert(fit, at, size);
    }
}

static SHARED void insert_large(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t header = header_free(fit, size);
    *word_at(fit, at) = header;
    word_at(fit, at + size)[-1] = header;
    tree_insert(fit, at + size, size);
}

static inline void index_insert(fit_t *fit, uint32_t at, uint32_t size)
{
    if (size >= BINNED) {
        insert_large(fit, at, size);
    } else {
        insert_small(fit, at, size);
    }
}

/* Returns whether the tournament has to hear of it. */
static inline bool index_remove(fit_t *fit, uint32_t at, uint32_t size)
{
    if (size >= BINNED) {
        return tree_remove(fit, at + size);
    }
    if (size >= SMALLEST) {
        bins_remove(fit, at, size);
    }
    return false;
}

/* Moves the low end of a block in the tree. */
static inline void index_resize(fit_t *fit, uint32_t at, uint32_t end)
{
    const uint32_t header = header_free(fit, end - at);
    *word_at(fit, at) = header;
    word_at(fit, end)[-1] = header;
    tree_resize(fit, end, end - at);
}

/* Frees again the small rest [at, end) of a free block that was taken. */
static SHARED void leave(fit_t *fit, uint32_t at, uint32_t end)
{
    if (at != end) {
        insert_small(fit, at, end - at);
    } else {
        header_flip_prev(fit, end);
    }
}

/* Makes [at, sentinel) the top. */
static SHARED void top_lower(fit_t *fit, uint32_t at)
{
    fit->top = at;
    *word_at(fit, at) = header_free(fit, fit->last - at);
}

/* Takes the low end, `size` bytes, of the top. */
static SHARED void top_raise(fit_t *fit, uint32_t size)
{
    fit->top += size;
    if (fit->top != fit->last) {
        *word_at(fit, fit->top) = header_free(fit, fit->last - fit->top);
    } else {
        header_flip_prev(fit, fit->last);
    }
}

/* Takes the low end, `size` bytes, of the free block [at, end). */
static NOINLINE void carve_low(fit_t *fit, uint32_t at, uint32_t end, uint32_t size)
{
    if (end == fit->last) {
        top_raise(fit, size);
    } else if (end - at - size >= BINNED) {
        index_resize(fit, at + size, end);
    } else {
        if (index_remove(fit, at, end - at)) {
            tree_replay(fit, end >> fit->segment_shift);
        }
        leave(fit, at + size, end);
    }
}

/* Frees [at, end), of which the neighbour before is live and the one after has `room` bytes
 * free. */
static SHARED void release(fit_t *fit, uint32_t at, uint32_t end, uint32_t room)
{
    if (end == fit->top) {
        if (room == 0) {
            header_flip_prev(fit, end);
        }
        top_lower(fit, at);
        return;
    }
    if (room >= BINNED) {
        index_resize(fit, at, end + room);
        return;
    }
    if (room == 0) {
        header_flip_prev(fit, end);
    } else if (room >= SMALLEST) {
        bins_remove(fit, end, room);
    }
    index_insert(fit, at, end + room - at);
}

static SHARED berth_grant_t grant(fit_t *fit, uint32_t at, uint32_t want, berth_tag_t tag)
{
    *word_at(fit, at) = header_live(fit, want, tag);
    return (berth_grant_t){.offset = block_offset(fit, at), .size = want << fit->spread};
}

static inline bool align_is_valid(uint32_t align)
{
    return (align & (align - 1)) == 0;
}

/* Finds a free block of at least `need` bytes: a small one that fits or leaves something of use,
 * else the lowest large one, else the top, else whatever is left. Returns 0 if there is none. */
static uint32_t find_room(const fit_t *fit, uint32_t need)
{
    const uint32_t bins = need < BINNED ? fit->bins_used >> (need / WORD) : 0;
    const uint32_t useful = bins & NO_CRUMBS;
    if (useful == 0) {
        if (tree_largest(fit) >= need) {
            const tree_fit_t found = tree_find(fit, need);
            return found.end - found.surplus - need;
        }
        if (fit->last - fit->top >= need) {
            return fit->top;
        }
        if (bins == 0) {
            return 0;
        }
    }
    return bins_first(fit, need + (uint32_t)__builtin_ctz(useful != 0 ? useful : bins) * WORD);
}

/* Serves any request. The free block must hold the worst case of an alignment; what then lies
 * before the aligned place stays free. */
static NOINLINE berth_grant_t alloc_any(fit_t *fit, size_t size, uint32_t align, berth_tag_t tag)
{
    const uint32_t word = (tag & BERTH_TAG_WORD) != 0 ? fit->header_cost : 0;
    if (size - 1 >= fit->most - word || !align_is_valid(align) || (tag & BERTH_TAG_OWNER) == 0) {
        return NO_GRANT;
    }
    const uint32_t want = block_want(fit, (uint32_t)size + word);
    const uint32_t meant = align_meant(fit, align);
    const uint32_t need = want + align_slack(fit, meant);
    const uint32_t at = need >= want ? find_room(fit, need) : 0;
    if (at == 0) {
        return NO_GRANT;
    }
    const uint32_t skip = (0u - (fit->address + block_offset(fit, at))) & (meant - 1);
    const uint32_t lead = skip >> fit->spread;
    carve_low(fit, at, at + block_size(fit, at), lead + want);
    const berth_grant_t granted =
        grant(fit, at + lead, want, tag & (BERTH_TAG_OWNER | BERTH_TAG_WORD));
    if (lead != 0) {
        index_insert(fit, at, lead);
        header_flip_prev(fit, at + lead);
    }
    return granted;
}

/* Serves a request with the smallest free block in the bins that has as much and `fitting` words
 * more, or refuses it. */
static NOINLINE berth_grant_t alloc_small(fit_t *fit, uint32_t want, berth_tag_t tag,
                                          uint32_t fitting)
{
    const uint32_t bins = fit->bins_used >> (want / WORD) & fitting;
    if (bins == 0) {
        return NO_GRANT;
    }
    const uint32_t size = want + (uint32_t)__builtin_ctz(bins) * WORD;
    const uint32_t at = bins_take(fit, size);
    leave(fit, at + want, at + size);
    return grant(fit, at, want, tag);
}

/* Serves a request with all of a large block, but for a small rest. */
static NOINLINE berth_grant_t alloc_whole(fit_t *fit, uint32_t at, uint32_t want, berth_tag_t tag,
                                          uint32_t end)
{
    if (tree_remove(fit, end)) {
        tree_replay(fit, end >> fit->segment_shift);
    }
    leave(fit, at + want, end);
    return grant(fit, at, want, tag);
}

/* Serves a request with the low end of a large block. */
static NOINLINE berth_grant_t alloc_large(fit_t *fit, uint32_t want, berth_tag_t tag)
{
    const tree_fit_t found = tree_find(fit, want);
    const uint32_t at = found.end - found.surplus - want;
    if (found.surplus < BINNED) {
        return alloc_whole(fit, at, want, tag, found.end);
    }
    index_resize(fit, at + want, found.end);
    return grant(fit, at, want, tag);
}

/* Serves a request with the low end of the top. */
static NOINLINE berth_grant_t alloc_top(fit_t *fit, uint32_t want, berth_tag_t tag)
{
    const uint32_t at = fit->top;
    top_raise(fit, want);
    return grant(fit, at, want, tag);
}

/* Serves a request of the usual kind, from where find_room() would. */
static inline berth_grant_t alloc(fit_t *fit, uint32_t want, berth_tag_t tag)
{
    if (want < BINNED && (fit->bins_used >> (want / WORD) & NO_CRUMBS) != 0) {
        return alloc_small(fit, want, tag, NO_CRUMBS);
    }
    if (tree_largest(fit) >= want) {
        return alloc_large(fit, want, tag);
    }
    if (fit->last - fit->top >= want) {
        return alloc_top(fit, want, tag);
    }
    return want < BINNED ? alloc_small(fit, want, tag, UINT32_MAX) : NO_GRANT;
}

/* Most requests are small and of a size that was freed before: they find their block in its bin. */
static berth_grant_t fit_alloc(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    fit_t *fit = fit_of(region);
    if (!HAS_SHORT_WAYS || align != 0 || !fit->has_short_alloc || tag - 1 >= BERTH_TAG_OWNER ||
        size - 1 >= fit->most) {
        return alloc_any(fit, size, align, tag);
    }
    const uint32_t want = ((uint32_t)size + fit->round) & fit->unit_mask;
    if (want >= BINNED || (fit->bins_used >> (want / WORD) & 1u) == 0) {
        return alloc(fit, larger(want, fit->least), tag);
    }
    const uint32_t at = bins_take(fit, want);
    header_flip_prev(fit, at + want);
    *word_at(fit, at) = header_live(fit, want, tag);
    return (berth_grant_t){.offset = at + WORD, .size = want};
}

static inline berth_change_t change_of(const fit_t *fit, uint32_t header, uint32_t before,
                                       uint32_t after)
{
    return (berth_change_t){.before = before << fit->spread,
                            .after = after << fit->spread,
                            .owner = header_owner(header)};
}

static NOINLINE berth_change_t refuse(const fit_t *fit, uint32_t header, uint32_t size)
{
    berth_change_t change = change_of(fit, header, size, size);
    change.status = BERTH_ERR_CORRUPT;
    return change;
}

/* What looks like a header by chance mostly claims a large block: that has to show more. */
static SHARED bool large_is_live(const fit_t *fit, uint32_t at, uint32_t end, uint32_t header)
{
    return header_is_even(header) && tree_allows(fit, at, end);
}

/* Frees a live block that becomes the low end of the tree's block after it. */
static NOINLINE berth_change_t free_node(fit_t *fit, uint32_t at, uint32_t size, uint32_t room)
{
    const uint32_t header = *word_at(fit, at);
    index_resize(fit, at, at + size + room);
    return change_of(fit, header, size, 0);
}

/* Frees a live block that, with what was free after it, goes into the tree. */
static NOINLINE berth_change_t free_large(fit_t *fit, uint32_t at, uint32_t size, uint32_t room)
{
    const uint32_t header = *word_at(fit, at);
    insert_large(fit, at, size + room);
    return change_of(fit, header, size, 0);
}

/* Frees a live block after which there may be a free one. */
static NOINLINE berth_change_t free_low(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t end = at + size;
    const uint32_t room = locate_room(fit, end);
    if (room > fit->span || (size >= BINNED && !large_is_live(fit, at, end, header))) {
        return refuse(fit, header, size);
    }
    if (end != fit->top && room >= BINNED) {
        return free_node(fit, at, size, room);
    }
    if (room == 0) {
        header_flip_prev(fit, end);
    }
    if (end == fit->top) {
        top_lower(fit, at);
        return change_of(fit, header, size, 0);
    }
    if (room >= SMALLEST) {
        bins_remove(fit, end, room);
    }
    if (size + room >= BINNED) {
        return free_large(fit, at, size, room);
    }
    insert_small(fit, at, size + room);
    return change_of(fit, header, size, 0);
}

/* Frees a live block before and after which there may be free ones. */
static NOINLINE berth_change_t free_between(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t header = *word_at(fit, at);
    const uint32_t room = locate_room(fit, at + size);
    if (!header_is_even(header) || room > fit->span || !locate_before(fit, at, header) ||
        !tree_allows(fit, at, at + size)) {
        return refuse(fit, header, size);
    }
    uint32_t start = at;
    bool is_news = false;
    if ((header & PREV_FREE) != 0) {
        start = block_before(fit, at);
        *word_at(fit, at) = 0; /* or a second free would find a header here */
        is_news = index_remove(fit, start, at - start);
    }
    release(fit, start, at + size, room);
    if (is_news) {
        tree_replay(fit, at >> fit->segment_shift);
    }
    return change_of(fit, header, size, 0);
}

/* Frees any block. */
static NOINLINE berth_change_t free_any(fit_t *fit, uint32_t offset)
{
    const uint32_t at = locate_block(fit, offset);
    return at != 0 ? free_between(fit, at, block_size(fit, at))
                   : (berth_change_t){.status = BERTH_ERR_INVALID};
}

/* Most frees are of small blocks between two live ones. */
static berth_change_t fit_free(berth_region_t *region, uint32_t offset)
{
    fit_t *fit = fit_of(region);
    const uint32_t at = offset - WORD;
    const uint32_t distance = at - fit->first;
    if (!HAS_SHORT_WAYS || distance >= fit->short_span || (distance & fit->granule_mask) != 0) {
        return free_any(fit, offset);
    }
    const uint32_t size = locate_live(fit, at);
    if (size == 0) {
        return (berth_change_t){.status = BERTH_ERR_INVALID};
    }
    word_t *block = word_at(fit, at);
    word_t *next = word_at(fit, at + size);
    const uint32_t header = *block;
    if ((header & PREV_FREE) != 0) {
        return free_between(fit, at, size);
    }
    if (size >= BINNED || header_is_free(*next)) {
        return free_low(fit, at, size);
    }
    *next ^= PREV_FREE | CHECK;
    block[0] = header_freed(header);
    next[-1] = header_freed(header);
    bins_insert(fit, at, size);
    return (berth_change_t){.before = size, .owner = header_owner(header)};
}

static berth_change_t fit_resize(berth_region_t *region, uint32_t offset, size_t size)
{
    fit_t *fit = fit_of(region);
    const uint32_t at = locate_block(fit, offset);
    if (at == 0) {
        return (berth_change_t){.status = BERTH_ERR_INVALID};
    }
    const uint32_t header = *word_at(fit, at);
    const uint32_t before = header_size(fit, header);
    const berth_tag_t tag = (header & TAG_BITS) >> TAG_SHIFT;
    const uint32_t word = (tag & BERTH_TAG_WORD) != 0 ? fit->header_cost : 0;
    berth_change_t change = change_of(fit, header, before, before);
    if (size == 0) {
        change.status = BERTH_ERR_INVALID;
        return change;
    }
    const uint32_t end = at + before;
    const uint32_t room = locate_room(fit, end);
    if (!header_is_even(header) || room > fit->span || !locate_before(fit, at, header) ||
        !tree_allows(fit, at, end)) {
        change.status = BERTH_ERR_CORRUPT;
        return change;
    }
    const uint32_t want =
        size > fit->most - word ? UINT32_MAX : block_want(fit, (uint32_t)size + word);
    const uint32_t last_word = word_at(fit, end)[-1];
    if (want > before + room) {
        change.status = BERTH_ERR_NOMEM;
        return change;
    }
    if (want > before) {
        carve_low(fit, end, end + room, want - before);
    }
    *word_at(fit, at) = header_live(fit, want, tag);
    if ((header & PREV_FREE) != 0) {
        header_flip_prev(fit, at);
    }
    if ((tag & BERTH_TAG_WORD) != 0) {
        word_at(fit, at + want)[-1] = last_word;
    }
    if (want < before) {
        release(fit, at + want, at + before, room);
    }
    change.after = want << fit->spread;
    return change;
}

static uint32_t fit_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag)
{
    const fit_t *fit = fit_of(region);
    if (!align_is_valid(align) || (tag & BERTH_TAG_OWNER) == 0) {
        return 0;
    }
    const uint32_t lead = align_slack(fit, align_meant(fit, align));
    const uint32_t room =
        larger(fit->last - fit->top, larger(tree_largest(fit), bins_largest(fit)));
    return room >= fit->least && room - fit->least >= lead ? block_capacity(fit, room - lead, tag)
                                                           : 0;
}

static bool fit_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    return size != 0 && size <= fit_allocatable(region, align, tag);
}

const berth_engine_t berth_fit_engine = {
    .name = "fit",
    .beside_size = fit_beside_size,
    .start = fit_start,
    .alloc = fit_alloc,
    .free = fit_free,
    .resize = fit_resize,
    .allocatable = fit_allocatable,
    .fits = fit_fits,
    .find = fit_find,
    .give = fit_give,
    .word = fit_word,
    .walk = fit_walk,
    .check = fit_check,
};
