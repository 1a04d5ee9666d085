/* claim.c: hands out blocks that needs hold, and takes them back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * need.c says which locks protect what.
 */
#include "attempt.h"
#include "event.h"

/* --- pieces ---------------------------------------------------------------------------------- */

/* The piece that lies at a spot; NULL: none does. With the region's lock held. Bounded by the
 * pieces of all needs. */
static berth_piece_t *piece_at(const berth_t *berth, const spot_t *spot)
{
    for (const berth_need_t *need = LIST_READ(berth->needs); need != NULL;
         need = LIST_READ(need->next)) {
        for (uint32_t i = 0; i < need->piece_count; i++) {
            berth_piece_t *piece = &need->pieces[i];
            if (LIST_READ(piece->region) == spot->region && piece->offset == spot->offset) {
                return piece;
            }
        }
    }
    return NULL;
}

static hold_t piece_look(berth_t *berth, const spot_t *spot)
{
    const berth_piece_t *piece = piece_at(berth, spot);
    if (piece == NULL) {
        return HOLD_NONE;
    }
    return piece->is_claimed ? HOLD_CLAIMED : HOLD_UNCLAIMED;
}

static void piece_tell(berth_t *berth, const berth_piece_t *piece, berth_event_t event)
{
    event.region = piece->region->index;
    event.offset = piece->offset;
    event.taken = piece->taken;
    event_post(berth, piece->region, &event);
}

static void piece_take_back(berth_t *berth, const spot_t *spot, uint32_t site)
{
    berth_piece_t *piece = piece_at(berth, spot);
    const berth_block_t block = spot->region->engine->find(spot->region, spot->offset);
    piece->is_claimed = false;
    LIST_WRITE(spot->region->unclaimed, spot->region->unclaimed + piece->taken);
    piece_tell(berth, piece, event_of(BERTH_EVENT_RETURN, BERTH_OK, block.owner, site));
}

/* Hands a piece out. With the region's lock held. */
static void *piece_hand_out(berth_t *berth, berth_piece_t *piece, berth_event_t event)
{
    const berth_region_t *region = piece->region;
    if (region->engine->find(region, piece->offset).status != BERTH_OK) {
        return NULL; /* damage has withdrawn it */
    }
    piece->is_claimed = true;
    LIST_WRITE(piece->region->unclaimed, piece->region->unclaimed - piece->taken);
    piece_tell(berth, piece, event);
    return block_pointer(piece->region, piece->offset);
}

/* --- claims ---------------------------------------------------------------------------------- */

/* Whether code that knows nothing of needs, asking this, means a piece. */
static bool piece_suits(const berth_need_t *need, const berth_piece_t *piece,
                        const berth_request_t *request)
{
    const berth_item_t *item = &need->items[piece->item];
    const size_t least = item->least != 0 ? item->least : piece->size;
    const spot_t spot = {.region = piece->region, .offset = piece->offset};
    const uint32_t misplaced = request->align != 0 ? request->align - 1 : 0;
    return !piece->is_claimed && request->size >= least && request->size <= piece->size &&
           (spot_address(spot) & misplaced) == 0;
}

/* A piece of an owner's needs that lies in a region and suits; NULL. With the region's lock
 * held. */
static berth_piece_t *piece_for(const berth_t *berth, const berth_region_t *region,
                                berth_owner_t owner, const berth_request_t *request)
{
    for (const berth_need_t *need = LIST_READ(berth->needs); need != NULL;
         need = LIST_READ(need->next)) {
        for (uint32_t i = 0; need->holder == owner && i < need->piece_count; i++) {
            berth_piece_t *piece = &need->pieces[i];
            if (LIST_READ(piece->region) == region && piece_suits(need, piece, request)) {
                return piece;
            }
        }
    }
    return NULL;
}

/* Hands out of one region what suits a request. */
static void *claim_in(berth_t *berth, berth_region_t *region, const berth_request_t *request,
                      berth_event_t event)
{
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return NULL;
    }
    berth_piece_t *piece = piece_for(berth, region, event.owner, request);
    event.owner = owner_paying(region, event.owner);
    void *block = piece != NULL ? piece_hand_out(berth, piece, event) : NULL;
    lock_leave(berth->port, &region->lock, key);
    return block;
}

static void *claim_for(berth_t *berth, const berth_request_t *request, berth_owner_t owner,
                       uint32_t site)
{
    const uint8_t guards = context_of(berth)->guards;
    berth_event_t event = event_of(BERTH_EVENT_CLAIM, BERTH_OK, owner, site);
    event.size = (uint32_t)request->size;
    void *block = NULL;
    const bool has_need = (PEEK(berth->needy) >> owner % 32u & 1u) != 0;
    for (berth_region_t *region = has_need ? LIST_READ(berth->first) : NULL;
         region != NULL && block == NULL; region = LIST_READ(region->next)) {
        if (PEEK(region->unclaimed) != 0 && context_bars(guards, region) == BERTH_OK &&
            has_all(region->able, hop_needed(request))) {
            block = claim_in(berth, region, request, event);
        }
    }
    return block;
}

/* Hands out a certain piece, if it still is unclaimed. */
static void *claim_piece(berth_t *berth, const berth_need_t *need, berth_piece_t *piece,
                         uint32_t site)
{
    berth_region_t *region = LIST_READ(piece->region);
    if (region == NULL || context_bars(context_of(berth)->guards, region) != BERTH_OK) {
        return NULL;
    }
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return NULL;
    }
    berth_event_t event =
        event_of(BERTH_EVENT_CLAIM, BERTH_OK, owner_paying(region, need->holder), site);
    event.size = piece->size;
    /* Asked again: once a need is off the list, and each lock was free, its pieces are others'. */
    const bool is_there = LIST_READ(need->is_reserved) && LIST_READ(piece->region) == region;
    void *block = is_there && !piece->is_claimed ? piece_hand_out(berth, piece, event) : NULL;
    lock_leave(berth->port, &region->lock, key);
    return block;
}

void *berth_claim(berth_t *berth, berth_need_t *need, uint8_t item)
{
    void *block = NULL;
    if (berth->port == NULL || !LIST_READ(need->is_reserved) ||
        !owner_is_served(berth, need->holder)) {
        return NULL;
    }
    for (uint32_t i = 0; i < need->piece_count && block == NULL; i++) {
        if (need->pieces[i].item == item) {
            block = claim_piece(berth, need, &need->pieces[i], SITE);
        }
    }
    return block;
}

const berth_holder_t claim_holder = {claim_for, piece_look, piece_take_back};
