/* need.c: holds a need's blocks for its owner, and lets them go: reserve, release.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a need holds are live blocks of its owner's. A piece is changed under its region's lock. Who
 * looks for a piece holds the lock of the region that it would be in, and follows the list of needs
 * without another; so a need that was taken off the list is let go only when each region's lock was
 * free once.
 */
#include "attempt.h"
#include "event.h"

#define LOCK_TRIES 3u /* before a task gives up what it holds no pointer to any more */

/* --- reserve --------------------------------------------------------------------------------- */

/* Items from this one on are not held: another one's room is to become theirs. */
static uint32_t need_held_items(const berth_need_t *need)
{
    uint32_t count = need->item_count;
    for (uint32_t i = 0; i < need->item_count; i++) {
        const uint32_t ends = need->items[i].ends;
        count = ends > i + 1 && ends - 1 < count ? ends - 1 : count;
    }
    return count;
}

/* Allocates a block for an item, and notes it as a piece. */
static bool piece_take(attempt_t *attempt, uint32_t item)
{
    job_t job;
    berth_t *berth = attempt->job.berth;
    const berth_request_t *request = &attempt->need->items[item].request;
    job_start(&job, berth, request, request->site != 0 ? request->site : attempt->job.site);
    job.guards = attempt->job.guards;
    job.owner = attempt->job.owner;
    job.is_whole = true;
    void *block = job_serve(&job);
    if (block == NULL) {
        return false;
    }
    const spot_t spot = spot_of(berth, block);
    const berth_block_t taken = spot_look(berth, &spot);
    attempt->need->pieces[attempt->placed++] = (berth_piece_t){.region = spot.region,
                                                               .offset = spot.offset,
                                                               .size = (uint32_t)job.hop->size,
                                                               .taken = taken.taken,
                                                               .item = (uint8_t)item};
    return taken.status == BERTH_OK &&
           spot.region->engine->reset == NULL; /* or it could go without being freed */
}

/* Frees the pieces taken so far. */
static void pieces_drop(attempt_t *attempt)
{
    while (attempt->placed != 0) {
        berth_piece_t *piece = &attempt->need->pieces[--attempt->placed];
        const spot_t spot = {.region = piece->region, .offset = piece->offset};
        int32_t status = BERTH_ERR_BUSY;
        for (uint32_t i = 0; status == BERTH_ERR_BUSY && i < LOCK_TRIES; i++) {
            status = spot_free(attempt->job.berth, &spot, attempt->job.guards, attempt->job.site);
        }
        piece->region = NULL;
    }
}

static bool pieces_take(attempt_t *attempt)
{
    const uint32_t items = need_held_items(attempt->need);
    for (uint32_t item = 0; item < items; item++) {
        for (uint32_t i = 0; i < item_blocks(&attempt->need->items[item]); i++) {
            if (!piece_take(attempt, item)) {
                pieces_drop(attempt);
                return false;
            }
        }
    }
    return true;
}

/* The bits of all that needs hold in a region. With its lock held. */
static uint32_t region_held(const berth_t *berth, const berth_region_t *region)
{
    uint32_t held = 0;
    for (const berth_need_t *need = LIST_READ(berth->needs); need != NULL;
         need = LIST_READ(need->next)) {
        for (uint32_t i = 0; i < need->piece_count; i++) {
            const berth_piece_t *piece = &need->pieces[i];
            held |= LIST_READ(piece->region) == region ? held_bit(piece->offset) : 0;
        }
    }
    return held;
}

/* Lets a region know that a piece is held there. False: its lock is refused. */
static bool piece_hold(berth_t *berth, berth_piece_t *piece, berth_region_t *region)
{
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    LIST_WRITE(piece->region, region);
    LIST_WRITE(region->held, region->held | held_bit(piece->offset));
    LIST_WRITE(region->unclaimed, region->unclaimed + piece->taken);
    lock_leave(berth->port, &region->lock, key);
    return true;
}

/* Lets a piece go: an unclaimed one is freed. False: its region's lock is refused. */
static bool piece_let_go(berth_t *berth, berth_piece_t *piece, uint32_t site)
{
    const spot_t spot = {.region = piece->region, .offset = piece->offset};
    const uintptr_t key = lock_take(berth->port, &spot.region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    LIST_WRITE(piece->region, NULL);
    LIST_WRITE(spot.region->held, region_held(berth, spot.region));
    if (!piece->is_claimed) {
        LIST_WRITE(spot.region->unclaimed, spot.region->unclaimed - piece->taken);
        (void)block_free(berth, &spot, site);
    }
    lock_leave(berth->port, &spot.region->lock, key);
    return true;
}

/* Says whose needs are on the list. With the manager's lock held. */
static void needs_count(berth_t *berth)
{
    uint32_t needy = 0;
    for (const berth_need_t *need = berth->needs; need != NULL; need = need->next) {
        needy |= 1u << need->holder % 32u;
    }
    LIST_WRITE(berth->needy, needy);
    if (berth->needs != NULL) {
        __atomic_fetch_or(&berth->attention, ATTENTION_NEEDS, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_and(&berth->attention, ~ATTENTION_NEEDS, __ATOMIC_RELAXED);
    }
}

/* Puts a need onto the list, or takes it off. */
static void need_link(berth_t *berth, berth_need_t *need, bool is_held)
{
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    berth_need_t **link = &berth->needs;
    while (!is_held && *link != need) {
        link = &(*link)->next;
    }
    if (is_held) {
        need->next = berth->needs;
        LIST_WRITE(berth->needs, need);
    } else {
        LIST_WRITE(*link, need->next);
    }
    LIST_WRITE(need->is_reserved, is_held);
    needs_count(berth);
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
}

/* Holds what was taken. A piece is on the list before its region knows of it, and has no region
 * until then: so nobody takes what is held for anything else, not even while another need is
 * released. */
static void need_hold(attempt_t *attempt)
{
    berth_t *berth = attempt->job.berth;
    berth_need_t *need = attempt->need;
    berth_region_t *regions[BERTH_PIECES];
    for (uint32_t i = 0; i < attempt->placed; i++) {
        regions[i] = need->pieces[i].region;
        need->pieces[i].region = NULL;
    }
    for (uint32_t i = attempt->placed; i < need->piece_count; i++) {
        need->pieces[i].region = NULL;
    }
    LIST_WRITE(berth->holder, &claim_holder);
    need->holder = attempt->job.owner;
    need_link(berth, need, true);
    for (uint32_t i = 0; i < attempt->placed; i++) {
        uint32_t tries = 0;
        while (!piece_hold(berth, &need->pieces[i], regions[i]) && tries < LOCK_TRIES) {
            tries++;
        }
    }
}

/* Asks, takes, and holds. */
static berth_answer_t need_reserve(berth_t *berth, berth_need_t *need, uint32_t site)
{
    attempt_t attempt;
    berth_answer_t answer = need_ask(&attempt, berth, need);
    if (answer.status != BERTH_OK || need->is_reserved) {
        return answer;
    }
    (void)attempt_start(&attempt, berth, need);
    attempt.job.site = site;
    if (pieces_take(&attempt)) {
        need_hold(&attempt);
    } else {
        answer.status = BERTH_ERR_BUSY;
    }
    return answer;
}

berth_answer_t berth_reserve(berth_t *berth, berth_need_t *need)
{
    berth_answer_t answer = {
        .status = BERTH_ERR_BUSY, .is_certain = true, .region = BERTH_NO_REGION};
    if (!manager_is_awake(berth)) {
        answer.status = BERTH_ERR_INVALID;
    } else if (need_enter(berth, need)) {
        answer = need_reserve(berth, need, SITE);
        need_leave(berth, need);
    }
    return answer;
}

/* --- release --------------------------------------------------------------------------------- */

/* Waits until nobody looks at what was taken off the list. */
static void needs_quiet(berth_t *berth)
{
    for (berth_region_t *region = LIST_READ(berth->first); region != NULL;
         region = LIST_READ(region->next)) {
        const uintptr_t key = lock_take(berth->port, &region->lock);
        if (key != BERTH_LOCK_REFUSED) {
            lock_leave(berth->port, &region->lock, key);
        }
    }
}

/* Lets all pieces go. What lies in a fenced region is its owner's for good, or until that is
 * mended. */
static berth_status_t need_release(berth_t *berth, berth_need_t *need, uint32_t site)
{
    const uint8_t guards = context_of(berth)->guards;
    if (!need->is_reserved) {
        return BERTH_ERR_INVALID;
    }
    for (uint32_t i = 0; i < need->piece_count; i++) {
        berth_piece_t *piece = &need->pieces[i];
        const bool is_gone = piece->region == NULL;
        if (!is_gone && (context_bars(guards, piece->region) == BERTH_ERR_GUARD ||
                         !piece_let_go(berth, piece, site))) {
            return BERTH_ERR_BUSY;
        }
    }
    need_link(berth, need, false);
    needs_quiet(berth);
    return BERTH_OK;
}

berth_status_t berth_release(berth_t *berth, berth_need_t *need)
{
    if (berth->port == NULL) {
        return BERTH_ERR_INVALID;
    }
    if (!need_enter(berth, need)) {
        return BERTH_ERR_BUSY;
    }
    const berth_status_t status = need_release(berth, need, SITE);
    need_leave(berth, need);
    return status;
}
