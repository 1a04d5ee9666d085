/* need.h: will it fit, hold it for me, make it fit, and why not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A need is a list of blocks that must be placeable together, in the order declared: "a TLS
 * session: 2 x 16717 bytes, internal". It can be asked, which changes nothing; reserved, so that
 * its blocks are there whenever they are claimed; or prepared: made to fit by whoever can give
 * memory back.
 *
 * Bounds: a question asks each region on a block's route once for each of the blocks, and holds its
 * lock for at most three engine calls for each block that it has placed there before, and as many
 * as berth_allocatable() makes.
 *
 * Context, unless a function says otherwise: [task].
 */
#ifndef BERTH_NEED_H
#define BERTH_NEED_H

#include "berth/berth.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks that are alike. */
typedef struct berth_item {
    berth_request_t request; /* for each; its owner, `smallest` and is_zeroed do not count */
    size_t least;            /* the need's owner gets one of these when it allocates a size from
                                here to request.size; 0: only request.size itself */
    uint8_t count;           /* blocks; 0: 1 */
    uint8_t ends;            /* these are freed again before those of this item are allocated: 1 is
                                the first; 0: they stay */
} berth_item_t;

/* One block of a need, or in a question the end of one: the manager's. */
typedef struct berth_piece {
    berth_region_t *region; /* NULL: none is held */
    uint32_t offset;
    uint32_t size;     /* that it is meant for */
    uint32_t align;    /* the same */
    uint32_t taken;    /* bytes from the region */
    uint8_t item;      /* which one it is of */
    bool is_claimed;   /* somebody has it */
    bool is_over;      /* of a question: its item has ended */
    berth_note_t note; /* of a question */
} berth_piece_t;

/* A need. The caller owns it, its items and its pieces, fills in the first part, and keeps it where
 * it is while it is reserved. */
typedef struct berth_need {
    const char *name;          /* for people; may be NULL */
    const berth_item_t *items; /* in the order in which they are allocated */
    berth_piece_t *pieces;     /* room for all of their blocks, and once more for those that end */
    uint8_t item_count;        /* 1 to BERTH_ITEMS */
    uint8_t piece_count;       /* what there is room for; at most BERTH_PIECES */
    berth_owner_t owner;       /* who pays, claimed or not; 0: the asking context's */

    /* The manager's; 0 at first. */
    bool is_reserved;
    bool is_asked;        /* somebody is asking just now */
    berth_owner_t holder; /* who pays for what is reserved */
    struct berth_need *next;
} berth_need_t;

#define BERTH_ITEMS 8u
#define BERTH_PIECES 32u

/* Whether a need fits, and if not, why not. */
typedef struct berth_answer {
    int8_t status;    /* BERTH_OK: it fits, or is reserved. Else why the block does not, as
                         berth_alloc() would say; BERTH_ERR_INVALID: the need makes no sense;
                         BERTH_ERR_BUSY: it is being asked already, or a lock was refused */
    bool is_certain;  /* false: an engine there cannot tell of several blocks at once */
    bool lacks_room;  /* of a NOMEM: even all that is free would be too little; else it is only in
                         pieces that are too small */
    uint8_t item;     /* of which a block does not fit: 0 is the first */
    uint8_t block;    /* the how-manieth of its blocks: 0 is the first */
    uint8_t region;   /* that comes nearest to serving it: index, or BERTH_NO_REGION */
    uint32_t missing; /* bytes: how much smaller a block that region would grant, or how much is
                         lacking in all */
    uint32_t margin;  /* if it fits: the largest size that one more like its last could have */
} berth_answer_t;

/* Tells whether berth_alloc() would now grant all blocks of a need, one after the other, to its
 * owner in the running context. Changes nothing. While others allocate, the answer is of a moment
 * that may have passed. */
BERTH_API BERTH_MUST_CHECK berth_answer_t berth_fits(berth_t *berth, berth_need_t *need);

/* One block that stands in a need's way. */
typedef struct berth_blocker {
    uint32_t offset;
    uint32_t taken; /* bytes from the region */
    uint8_t region;
    berth_owner_t owner;
    uint8_t item; /* of the need, which it blocks */
} berth_blocker_t;

/* Writes down up to `capacity` blocks whose freeing would make a need fit, and returns how many
 * there are: for each block of the need that does not fit, in the region where it takes the fewest,
 * the fewest; all before it stand where they would be put. 0: it fits, or no freeing would help
 * (no room at all, budgets). When several do not fit, those before may move into the room that is
 * made: free what is named, and ask again. Reservations' blocks are never named. Looks at every
 * block of the regions on the way, in slices as berth_walk(). */
BERTH_API BERTH_MUST_CHECK uint32_t berth_blockers(berth_t *berth, berth_need_t *need,
                                                   berth_blocker_t *out, uint32_t capacity);

/* Finds an order of a need's items in which it would fit: `order` has room for item_count indices.
 * False: it fits in none, has more than 6 items, is reserved, or cannot be asked. As many questions
 * as there are orders: 720 at most. */
BERTH_API BERTH_MUST_CHECK bool berth_reorder(berth_t *berth, berth_need_t *need, uint8_t *order);

/* Takes a need's blocks and holds them, unclaimed, for its owner, who pays. What comes only after
 * the end of another item is asked for, and not held: nothing can hold the same room twice. The
 * answer is as of berth_fits(); unless it is BERTH_OK, nothing is held. */
BERTH_API BERTH_MUST_CHECK berth_answer_t berth_reserve(berth_t *berth, berth_need_t *need);

/* Returns a block of a reserved need's item that nobody has claimed yet; NULL: all are claimed, the
 * owner is retired, the context must not enter the region, it is fenced, or its lock is refused.
 * Never for want of memory, whatever has become of the rest. berth_free() returns it to the
 * reservation. Contents are undefined.
 *
 * Code that knows nothing of needs claims by berth_alloc() when its owner, by scope or by name, is
 * the need's, and its size is the item's. Under BERTH_GUARD_NO_ALLOC that is refused as any
 * allocation, while berth_claim() is not. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK void *berth_claim(berth_t *berth, berth_need_t *need, uint8_t item);

/* Ends a reservation: unclaimed blocks are free again, claimed ones are their owner's, as if
 * allocated; what lies in a fenced region is not given back. BERTH_ERR_INVALID: it is not reserved.
 * BERTH_ERR_BUSY: the context must not enter a region, a lock was refused, or the need is being
 * asked: some of it is still reserved; release it again. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_release(berth_t *berth, berth_need_t *need);

/* Somebody who can give memory back: drop a cache, close a connection, restart a subsystem. */
typedef struct berth_reclaimer {
    const char *name; /* for people; may be NULL */

    /* Gives back what it can, called without any lock; it may free, allocate, wait, but prepare
     * nothing. Returns whether it is worth asking again before the next one is called. */
    bool (*reclaim)(void *self, const berth_need_t *need);
    void *self;
    struct berth_reclaimer *next; /* the manager's */
} berth_reclaimer_t;

/* Adds a reclaimer after those that there are: the mildest comes first. It must stay. */
BERTH_API void berth_reclaimer_add(berth_t *berth, berth_reclaimer_t *reclaimer);

/* Reserves a need; while it does not fit, calls one reclaimer after the other and tries again.
 * Stops as soon as it is reserved. BERTH_ERR_BUSY: somebody prepares already, perhaps the
 * caller. */
BERTH_API BERTH_MUST_CHECK berth_answer_t berth_prepare(berth_t *berth, berth_need_t *need);

/* Writes an answer as text for people, ended by 0, cut to `room`; returns the length uncut. [task,
 * boot, panic] */
BERTH_API size_t berth_answer_explain(const berth_t *berth, const berth_need_t *need,
                                      const berth_answer_t *answer, char *text, size_t room);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_NEED_H */
