/* blocker.c: which blocks stand in a need's way: the fewest whose freeing would make it fit.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A block that does not fit needs a stretch of neighbours that is long enough when those of them
 * that live are freed. A window slides over the region's blocks: its head takes one block more at a
 * time, its tail lets go what is not needed. So each block is looked at twice, and what is left in
 * the window whenever it is long enough is a stretch that cannot be shortened: the best of these is
 * the answer.
 */
#include "attempt.h"

#define STARTS 4u /* while others change the region */

/* A stretch of blocks, the last one included. */
typedef struct stretch {
    uint32_t tail;   /* cursor of the first block */
    uint32_t offset; /* of the first block */
    uint32_t end;    /* offset of the last one */
    uint32_t sum;    /* bytes from the region */
    uint32_t freed;  /* of these, bytes that live blocks take */
    uint32_t count;  /* live blocks */
} stretch_t;

/* A region that is searched. */
typedef struct search {
    berth_region_t *region;
    uint32_t needed;  /* bytes: of the stretch */
    uint32_t lacking; /* bytes: that must be freed there */
    uint32_t cursor;  /* of the head */
    uint32_t changes; /* of the region, when the cursors were good */
    stretch_t now;
    stretch_t best;
    uint8_t starts; /* so far */
    bool is_found;
} search_t;

/* What is found for one block of a need, and what is written down of it. */
typedef struct finding {
    berth_blocker_t *out;
    uint32_t capacity;
    uint32_t told;  /* of `out` */
    uint32_t count; /* of all blockers so far */
    uint8_t item;   /* for a block of which one searches */
    search_t best;  /* in the region where the fewest must go */
} finding_t;

static uint32_t align_slack(const berth_region_t *region, uint32_t align)
{
    const uint32_t granule = region->granule != 0 ? region->granule : 4;
    return greater(greater(align, region->align), granule) - granule;
}

/* Whether a stretch that is planned already covers an offset. */
static bool search_is_planned(const attempt_t *attempt, const search_t *search, uint32_t offset)
{
    for (uint32_t i = 0; i < attempt->placed; i++) {
        const berth_piece_t *piece = &attempt->need->pieces[i];
        const bool is_own = piece->region == search->region && !piece->is_over &&
                            (piece->align == PIECE_PLANNED ? offset - piece->offset < piece->taken
                                                           : offset == piece->offset);
        if (is_own) {
            return true;
        }
    }
    return false;
}

/* Whether a block cannot be asked to go: another need's, this need's own, or damaged. */
static bool search_stops_at(const attempt_t *attempt, const search_t *search, berth_block_t block)
{
    const spot_t spot = {.region = search->region, .offset = block.offset};
    return block.status != BERTH_OK || block.is_withdrawn ||
           search_is_planned(attempt, search, block.offset) ||
           (block.owner != BERTH_NO_OWNER && spot_hold(attempt->job.berth, &spot) != HOLD_NONE);
}

/* Adds a block to a stretch, or takes it off. */
static void stretch_shift(stretch_t *stretch, berth_block_t block, bool is_added)
{
    const uint32_t sign = is_added ? 1 : UINT32_MAX;
    const bool is_live = block.owner != BERTH_NO_OWNER;
    stretch->sum += sign * block.taken;
    stretch->freed += is_live ? sign * block.taken : 0;
    stretch->count += is_live ? sign : 0;
}

static bool search_suffices(const search_t *search)
{
    return search->now.sum >= search->needed && search->now.freed >= search->lacking;
}

/* The stretch suffices: remembers it if it is the best, and lets its first block go. */
static void search_shorten(search_t *search)
{
    const berth_block_t first = search->region->engine->walk(search->region, search->now.tail);
    if (!search->is_found || search->now.count < search->best.count) {
        search->best = search->now;
        search->best.offset = first.offset;
        search->is_found = true;
    }
    stretch_shift(&search->now, first, false);
    search->now.tail = first.next;
}

/* Takes one block more in at the head. */
static void search_extend(const attempt_t *attempt, search_t *search)
{
    const berth_block_t block = search->region->engine->walk(search->region, search->cursor);
    if (search_stops_at(attempt, search, block)) {
        search->now = (stretch_t){.tail = block.next};
    } else {
        search->now.end = block.offset;
        stretch_shift(&search->now, block, true);
    }
    search->cursor = block.next;
}

static bool search_is_done(const search_t *search)
{
    return search->cursor == BERTH_NOWHERE && !search_suffices(search);
}

/* Begins, or begins again after others have changed the region. With its lock held, and the attempt
 * in it. */
static void search_start(const attempt_t *attempt, search_t *search)
{
    const berth_region_t *region = search->region;
    const berth_request_t *hop = attempt->job.hop;
    const berth_owner_t owner = owner_paying(region, attempt->job.owner);
    const uint32_t cost = region->engine->cost(region, hop->size, hop->align, owner);
    const uint32_t kept = ledger_kept(region, owner, hop_needed(hop));
    const uint64_t taken = (uint64_t)region->total.live + cost + greater(hop_left(hop), kept);
    const bool is_hopeless =
        cost == 0 || region->engine->reset != NULL || ledger_exceeds(region, owner, cost);
    search->needed = is_hopeless ? UINT32_MAX : cost + align_slack(region, hop->align);
    search->lacking = taken > region->capacity ? (uint32_t)taken - region->capacity : 0;
    search->cursor = is_hopeless ? BERTH_NOWHERE : BERTH_WALK_START;
    search->changes = region->changes;
    search->now = (stretch_t){.tail = BERTH_WALK_START};
    search->is_found = false;
}

/* Steps under one lock: each looks at two blocks; as many as a walk does. */
static uint32_t slice_steps(const search_t *search)
{
    const bool is_masked = search->region->lock.kind == BERTH_LOCK_SHORT;
    return is_masked ? BERTH_WALK_SLICE / 16 : BERTH_WALK_SLICE / 2;
}

/* Goes on for a slice. With the region's lock held, and the attempt in it. */
static void search_slice(const attempt_t *attempt, search_t *search)
{
    for (uint32_t i = 0; i < slice_steps(search) && !search_is_done(search); i++) {
        if (search_suffices(search)) {
            search_shorten(search);
        } else {
            search_extend(attempt, search);
        }
    }
}

/* Does something in a region with the attempt in it. False: the lock is refused. */
typedef void (*slice_t)(const attempt_t *attempt, search_t *search, finding_t *finding);

static bool search_in(attempt_t *attempt, search_t *search, slice_t slice, finding_t *finding)
{
    const berth_port_t *port = attempt->job.berth->port;
    const uintptr_t key = lock_take(port, &search->region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    attempt_enter(attempt, search->region);
    slice(attempt, search, finding);
    attempt_leave(attempt, search->region);
    lock_leave(port, &search->region->lock, key);
    return true;
}

static void slice_search(const attempt_t *attempt, search_t *search, finding_t *finding)
{
    (void)finding;
    if (search->starts != 0 && search->changes == search->region->changes) {
        search_slice(attempt, search);
    } else if (search->starts++ < STARTS) {
        search_start(attempt, search);
    } else { /* others change it all the time: what was found last must do */
        search->cursor = BERTH_NOWHERE;
        search->now = (stretch_t){.tail = BERTH_NOWHERE};
    }
}

/* Writes a slice of the best stretch's live blocks down. */
static void slice_tell(const attempt_t *attempt, search_t *search, finding_t *finding)
{
    if (search->changes != search->region->changes) { /* then it may lie elsewhere by now */
        search->cursor = BERTH_NOWHERE;
    }
    for (uint32_t i = 0; i < slice_steps(search) && search->cursor != BERTH_NOWHERE; i++) {
        const berth_block_t block = search->region->engine->walk(search->region, search->cursor);
        const bool is_last = block.offset == search->best.end || block.status != BERTH_OK;
        finding->count += block.owner != BERTH_NO_OWNER;
        if (block.owner != BERTH_NO_OWNER && finding->told < finding->capacity) {
            finding->out[finding->told++] = (berth_blocker_t){.offset = block.offset,
                                                              .taken = block.taken,
                                                              .region = search->region->index,
                                                              .owner = block.owner,
                                                              .item = finding->item};
        }
        search->cursor = is_last ? BERTH_NOWHERE : block.next;
    }
    (void)attempt;
}

/* Searches a region on the route, and keeps what is better than elsewhere. */
static bool visit_search(attempt_t *attempt, berth_region_t *region, void *self)
{
    finding_t *finding = self;
    search_t search = {.region = region};
    if (context_bars(attempt->job.guards, region) != BERTH_OK) {
        return false;
    }
    do {
        if (!search_in(attempt, &search, slice_search, finding)) {
            return false;
        }
    } while (!search_is_done(&search));
    if (search.is_found &&
        (!finding->best.is_found || search.best.count < finding->best.best.count)) {
        finding->best = search;
    }
    return false;
}

/* Plans a block into the best stretch, and writes down who is there. */
static void block_plan(attempt_t *attempt, finding_t *finding)
{
    search_t *search = &finding->best;
    const stretch_t best = search->best;
    search->cursor = best.tail;
    while (search->cursor != BERTH_NOWHERE && search_in(attempt, search, slice_tell, finding)) {
    }
    attempt->need->pieces[attempt->placed++] = (berth_piece_t){.region = search->region,
                                                               .offset = best.offset,
                                                               .size = best.freed,
                                                               .align = PIECE_PLANNED,
                                                               .taken = search->needed,
                                                               .item = finding->item};
}

/* Places a block, or plans it. False: nothing would help. */
static bool block_seek(attempt_t *attempt, finding_t *finding)
{
    if (attempt_place(attempt, finding->item) == BERTH_OK) {
        return true;
    }
    finding->best = (search_t){.is_found = false};
    (void)attempt_visit(attempt, finding->item, visit_search, finding);
    if (!finding->best.is_found) {
        return false;
    }
    block_plan(attempt, finding);
    return true;
}

/* Goes through a need as attempt_ask() does, but past what does not fit. */
static uint32_t need_seek(attempt_t *attempt, finding_t *finding)
{
    const berth_need_t *need = attempt->need;
    for (uint8_t item = 0; item < need->item_count; item++) {
        finding->item = item;
        attempt_end_for(attempt, item);
        for (uint32_t i = 0; i < item_blocks(&need->items[item]); i++) {
            if (!block_seek(attempt, finding)) {
                return 0;
            }
        }
    }
    return finding->count;
}

uint32_t berth_blockers(berth_t *berth, berth_need_t *need, berth_blocker_t *out, uint32_t capacity)
{
    attempt_t attempt;
    finding_t finding = {.out = out, .capacity = capacity};
    if (!manager_is_awake(berth) || !need_enter(berth, need)) {
        return 0;
    }
    const bool is_sane = !need->is_reserved && attempt_start(&attempt, berth, need) == BERTH_OK;
    const uint32_t count = is_sane ? need_seek(&attempt, &finding) : 0;
    need_leave(berth, need);
    return count;
}
