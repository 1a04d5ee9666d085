/* attempt.h: a need being asked: its blocks are put where they would go, and nothing stays.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The blocks that were placed so far are in the need's pieces. Under a region's lock those that go
 * there are allocated again, whatever is asked is asked, and all is undone before the lock is given
 * back. So no lock is ever held with another, and what others do between is seen.
 */
#ifndef BERTH_ATTEMPT_H
#define BERTH_ATTEMPT_H

#include "berth/need.h"
#include "manager.h"

/* A need that is tried. */
typedef struct attempt {
    job_t job; /* its first `placed` pieces stand; `hop` is the block's that is to be placed next */
    berth_need_t *need;
    uint32_t placed; /* pieces */
    uint32_t noted;  /* a bit for each piece that is allocated just now */
    bool is_certain;
    uint32_t nearest;  /* bytes that the region would grant which would grant the most */
    uint32_t lacking;  /* bytes that it would need besides all that is free there */
    uint32_t short_by; /* bytes that its most is less than was asked of it */
    berth_region_t *nearest_region;
} attempt_t;

/* A piece's align: it goes where there is no room yet, and `size` bytes of others must be freed. */
#define PIECE_PLANNED UINT32_MAX

/* The same: it is the end of the piece whose index is `size`. */
#define PIECE_END (UINT32_MAX - 1)

/* Begins an attempt. Else what speaks against asking at all: it makes no sense, its owner has no
 * account, the context must not allocate. */
int32_t attempt_start(attempt_t *attempt, berth_t *berth, berth_need_t *need);

/* Takes a need for oneself, to ask, reserve or release it; false: somebody else has it. Only who
 * has it may believe `is_reserved` and touch the pieces of one that is not. */
bool need_enter(berth_t *berth, berth_need_t *need);
void need_leave(berth_t *berth, berth_need_t *need);

/* Frees the pieces whose items end when an item comes. */
void attempt_end_for(attempt_t *attempt, uint32_t item);

/* Told of each region that one block more of an item may go to, in the order of its routes, with
 * the job's hop. True: that is enough. */
typedef bool (*attempt_visit_t)(attempt_t *attempt, berth_region_t *region, void *self);
bool attempt_visit(attempt_t *attempt, uint32_t item, attempt_visit_t visit, void *self);

/* Finds a region for one block more of an item, and puts it there. Else why not. */
int32_t attempt_place(attempt_t *attempt, uint32_t item);

/* Puts the pieces that go to a region there, and takes them away again. With its lock held. */
void attempt_enter(attempt_t *attempt, berth_region_t *region);
void attempt_leave(attempt_t *attempt, berth_region_t *region);

/* Asks a need whole, its items in an order; NULL: as declared. */
berth_answer_t attempt_ask(attempt_t *attempt, const uint8_t *order);

/* The same of one that may be reserved or make no sense. Whoever asks has entered it. */
berth_answer_t need_ask(attempt_t *attempt, berth_t *berth, berth_need_t *need);

/* What hands blocks out that needs hold. */
extern const berth_holder_t claim_holder;

static inline uint32_t item_blocks(const berth_item_t *item)
{
    return item->count != 0 ? item->count : 1;
}

#endif /* BERTH_ATTEMPT_H */
