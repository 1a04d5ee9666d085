/* attempt.c: puts a need's blocks where they would go, asks, and takes them away again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "attempt.h"

#include "event.h"

/* --- a need ---------------------------------------------------------------------------------- */

static bool item_is_sane(const berth_need_t *need, const berth_item_t *item)
{
    return hop_all_valid(&item->request, true) && item->ends <= need->item_count;
}

static bool need_is_sane(const berth_need_t *need)
{
    if (need->items == NULL || need->pieces == NULL || need->item_count - 1u >= BERTH_ITEMS ||
        need->piece_count > BERTH_PIECES) {
        return false;
    }
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < need->item_count; i++) {
        if (!item_is_sane(need, &need->items[i])) {
            return false;
        }
        blocks += item_blocks(&need->items[i]) * (need->items[i].ends != 0 ? 2u : 1u);
    }
    return blocks <= need->piece_count;
}

bool need_enter(berth_t *berth, berth_need_t *need)
{
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    const bool is_free = !need->is_asked;
    need->is_asked = true;
    lock_leave(berth->port, &berth->tables, key);
    return is_free;
}

void need_leave(berth_t *berth, berth_need_t *need)
{
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    need->is_asked = false;
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
}

int32_t attempt_start(attempt_t *attempt, berth_t *berth, berth_need_t *need)
{
    *attempt = (attempt_t){.need = need, .is_certain = true};
    const berth_context_t *context = context_of(berth);
    job_start(&attempt->job, berth, &attempt->job.merged, 0);
    attempt->job.guards = context->guards;
    attempt->job.owner = need->owner != BERTH_NO_OWNER ? need->owner : context_owner(context);
    if (!need_is_sane(need) || !owner_is_served(berth, attempt->job.owner)) {
        return BERTH_ERR_INVALID;
    }
    const bool is_guarded = (context->guards & BERTH_GUARD_NO_ALLOC) != 0 && !berth->is_lenient;
    return is_guarded ? BERTH_ERR_GUARD : BERTH_OK;
}

/* --- a region that is tried ------------------------------------------------------------------ */

/* Charges a piece, or its end, or takes that back. What is planned takes the place of other blocks:
 * their bytes are in its size. */
static void piece_charge(berth_region_t *region, berth_owner_t owner, const berth_piece_t *piece,
                         bool is_undone)
{
    const uint32_t freed = piece->align == PIECE_PLANNED ? piece->size : 0;
    const uint32_t sign = is_undone == (piece->align == PIECE_END) ? 1 : UINT32_MAX;
    region->total.live += sign * (piece->taken - freed);
    if (region->accounts != NULL) {
        region->accounts[owner_account(owner)].live += sign * piece->taken;
    }
}

/* Allocates a piece as it will be, and remembers how it was. False: others have taken the room. */
static bool piece_alloc(berth_piece_t *piece, berth_owner_t owner)
{
    berth_region_t *region = piece->region;
    const berth_engine_t *engine = region->engine;
    engine->note_alloc(region, piece->size, piece->align, owner, &piece->note);
    piece->offset = engine->alloc(region, piece->size, piece->align, owner).offset;
    return piece->offset != BERTH_NOWHERE;
}

/* The same of a piece's end. */
static bool piece_free(berth_piece_t *piece, uint32_t offset)
{
    berth_region_t *region = piece->region;
    region->engine->note_free(region, offset, &piece->note);
    return region->engine->free(region, offset).status == BERTH_OK;
}

/* Does what a piece stands for in a region that can undo it. */
static void piece_note(attempt_t *attempt, uint32_t index, berth_owner_t owner)
{
    berth_piece_t *pieces = attempt->need->pieces;
    berth_piece_t *piece = &pieces[index];
    const bool is_done = piece->align == PIECE_END ? piece_free(piece, pieces[piece->size].offset)
                                                   : piece_alloc(piece, owner);
    attempt->noted |= is_done ? 1u << index : 0;
    attempt->is_certain = attempt->is_certain && is_done;
}

void attempt_enter(attempt_t *attempt, berth_region_t *region)
{
    const berth_owner_t owner = owner_paying(region, attempt->job.owner);
    attempt->noted = 0;
    for (uint32_t i = 0; i < attempt->placed; i++) {
        const berth_piece_t *piece = &attempt->need->pieces[i];
        if (piece->region == region) {
            piece_charge(region, owner, piece, false);
            if (region->engine->note_alloc != NULL && piece->align != PIECE_PLANNED) {
                piece_note(attempt, i, owner);
            }
        }
    }
}

void attempt_leave(attempt_t *attempt, berth_region_t *region)
{
    const berth_owner_t owner = owner_paying(region, attempt->job.owner);
    for (uint32_t i = attempt->placed; i-- != 0;) {
        const berth_piece_t *piece = &attempt->need->pieces[i];
        if ((attempt->noted >> i & 1u) != 0) {
            region->engine->undo(region, &piece->note);
        }
        if (piece->region == region) {
            piece_charge(region, owner, piece, true);
        }
    }
}

/* --- a block --------------------------------------------------------------------------------- */

static bool attempt_stands_in(const attempt_t *attempt, const berth_region_t *region)
{
    uint32_t i = 0;
    while (i < attempt->placed && attempt->need->pieces[i].region != region) {
        i++;
    }
    return i < attempt->placed;
}

/* Whether a region's engine tells the truth of one block more. */
static bool region_is_certain(const attempt_t *attempt, const berth_region_t *region)
{
    const bool is_simple = region->engine->is_unbroken && attempt->job.hop->align == 0;
    const bool is_alone = !attempt_stands_in(attempt, region) && region->capacity != UINT32_MAX;
    return region->engine->note_alloc != NULL || is_simple || is_alone;
}

/* The most that a region would grant. An engine that cannot undo does not know of the other pieces:
 * they are taken off what it says. */
static uint32_t region_grantable(const attempt_t *attempt, const berth_region_t *region)
{
    const berth_request_t *hop = attempt->job.hop;
    const berth_owner_t owner = owner_paying(region, attempt->job.owner);
    const uint32_t most = ledger_grantable(region, owner, hop);
    const uint32_t cost = region->engine->cost(region, most, hop->align, owner);
    const uint32_t room = region->capacity - region->total.live;
    const uint32_t excess = cost > room ? cost - room : 0;
    return most - (uint32_t)smaller(most, excess);
}

/* Remembers the region that comes nearest. */
static void attempt_compare(attempt_t *attempt, berth_region_t *region, uint32_t cost)
{
    const uint32_t room = region->capacity - region->total.live;
    const uint32_t grantable = region_grantable(attempt, region);
    const size_t size = attempt->job.hop->size;
    const uint32_t wanted = cost != 0 ? cost : (uint32_t)smaller(size, UINT32_MAX); /* or never */
    if (attempt->nearest_region == NULL || grantable > attempt->nearest) {
        attempt->nearest_region = region;
        attempt->nearest = grantable;
        attempt->lacking = wanted > room ? wanted - room : 0;
        attempt->short_by = (uint32_t)(size - smaller(size, grantable));
    }
}

/* Whether a region would serve, the other pieces in place. With its lock held. */
static int32_t region_judge(attempt_t *attempt, berth_region_t *region, berth_piece_t *piece)
{
    const berth_request_t *hop = attempt->job.hop;
    const berth_owner_t owner = owner_paying(region, attempt->job.owner);
    int32_t status = ledger_judge(region, owner, hop);
    if (status == BERTH_OK && !region->engine->fits(region, hop->size, hop->align, owner)) {
        status = BERTH_ERR_NOMEM;
    }
    const uint32_t cost = region->engine->cost(region, hop->size, hop->align, owner);
    if (status != BERTH_OK) {
        attempt_compare(attempt, region, cost);
    }
    attempt->is_certain = attempt->is_certain && region_is_certain(attempt, region);
    *piece = (berth_piece_t){.region = region,
                             .offset = BERTH_NOWHERE,
                             .size = (uint32_t)hop->size,
                             .align = hop->align,
                             .taken = cost};
    return status;
}

/* Asks a region for one block more. */
static int32_t region_try(attempt_t *attempt, berth_region_t *region, berth_piece_t *piece)
{
    const berth_port_t *port = attempt->job.berth->port;
    const int32_t barred = context_bars(attempt->job.guards, region);
    if (barred != BERTH_OK) {
        return barred;
    }
    const uintptr_t key = lock_take(port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return BERTH_ERR_BUSY;
    }
    attempt_enter(attempt, region);
    const int32_t status = region_judge(attempt, region, piece);
    attempt_leave(attempt, region);
    lock_leave(port, &region->lock, key);
    return status;
}

static bool hop_visit(attempt_t *attempt, attempt_visit_t visit, void *self)
{
    job_t *job = &attempt->job;
    route_t route = route_of(job->berth, job->hop);
    berth_region_t *region = route_next(&route, job->berth, job->hop);
    while (region != NULL && !visit(attempt, region, self)) {
        region = route_next(&route, job->berth, job->hop);
    }
    return region != NULL;
}

bool attempt_visit(attempt_t *attempt, uint32_t item, attempt_visit_t visit, void *self)
{
    job_t *job = &attempt->job;
    job_start(job, job->berth, &job->merged, job->site);
    job->merged = attempt->need->items[item].request;
    for (uint32_t hops = 0; !hop_visit(attempt, visit, self); hops++) {
        if (job->merged.otherwise == NULL || hops == BERTH_HOPS) {
            return false;
        }
        job->merged = hop_next(&job->merged);
    }
    return true;
}

/* Visits a region for a block as it is. */
static bool visit_place(attempt_t *attempt, berth_region_t *region, void *self)
{
    const int32_t status = region_try(attempt, region, self);
    if (status != BERTH_OK) {
        job_refuse(&attempt->job, region, status);
    }
    return status == BERTH_OK;
}

/* Visits it for a block that is larger than any: so it tells the most that it would grant. */
static bool visit_most(attempt_t *attempt, berth_region_t *region, void *self)
{
    attempt->job.merged.size = SIZE_MAX;
    (void)region_try(attempt, region, self);
    return false;
}

/* Visits the regions for one block more of an item, and remembers which comes nearest. */
static bool block_try(attempt_t *attempt, uint32_t item, attempt_visit_t visit,
                      berth_piece_t *piece)
{
    attempt->nearest = 0;
    attempt->lacking = 0;
    attempt->nearest_region = NULL;
    return attempt_visit(attempt, item, visit, piece);
}

int32_t attempt_place(attempt_t *attempt, uint32_t item)
{
    berth_piece_t piece;
    if (!block_try(attempt, item, visit_place, &piece)) {
        return attempt->job.status;
    }
    piece.item = (uint8_t)item;
    attempt->need->pieces[attempt->placed++] = piece;
    return BERTH_OK;
}

void attempt_end_for(attempt_t *attempt, uint32_t item)
{
    berth_piece_t *pieces = attempt->need->pieces;
    for (uint32_t i = attempt->placed; i-- != 0;) {
        berth_piece_t *piece = &pieces[i];
        if (!piece->is_over && piece->align < PIECE_END &&
            attempt->need->items[piece->item].ends == item + 1) {
            piece->is_over = true;
            pieces[attempt->placed++] = (berth_piece_t){.region = piece->region,
                                                        .size = i,
                                                        .align = PIECE_END,
                                                        .taken = piece->taken,
                                                        .item = piece->item};
        }
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

/* What speaks against a block. */
static berth_answer_t answer_no(const attempt_t *attempt, uint32_t item, uint32_t block)
{
    const berth_region_t *region = attempt->nearest_region;
    berth_answer_t answer = {.status = attempt->job.status,
                             .is_certain = attempt->is_certain,
                             .item = (uint8_t)item,
                             .block = (uint8_t)block,
                             .region = region != NULL ? region->index : BERTH_NO_REGION,
                             .lacks_room = attempt->lacking != 0};
    answer.missing = attempt->lacking != 0 ? attempt->lacking : attempt->short_by;
    return answer;
}

/* The largest size that one more like an item could have. */
static uint32_t attempt_margin(attempt_t *attempt, uint32_t item)
{
    berth_piece_t piece;
    (void)block_try(attempt, item, visit_most, &piece);
    return attempt->nearest;
}

berth_answer_t attempt_ask(attempt_t *attempt, const uint8_t *order)
{
    const berth_need_t *need = attempt->need;
    uint32_t item = 0;
    attempt->placed = 0;
    for (uint32_t i = 0; i < need->item_count; i++) {
        item = order != NULL ? order[i] : i;
        attempt_end_for(attempt, item);
        for (uint32_t block = 0; block < item_blocks(&need->items[item]); block++) {
            if (attempt_place(attempt, item) != BERTH_OK) {
                return answer_no(attempt, item, block);
            }
        }
    }
    return (berth_answer_t){.is_certain = attempt->is_certain,
                            .region = BERTH_NO_REGION,
                            .margin = attempt_margin(attempt, item)};
}
