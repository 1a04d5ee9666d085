/* engine.h: the contract that each way of carving a region fulfils.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An engine finds blocks, and that is all: it takes no lock, counts nothing for others, knows no
 * policy, posts no event, calls nobody back. The caller holds the region's lock around each call.
 * An engine may keep its bookkeeping in the region or beside it; its callers cannot tell.
 *
 * Context, unless a function says otherwise: [task], which is to say from a task, or from wherever
 * else the region's lock may be taken, and with it held.
 */
#ifndef BERTH_ENGINE_H
#define BERTH_ENGINE_H

#include "berth/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a block's own bookkeeping carries besides its size: an owner, and, if wished, one word more,
 * which the engine keeps with the block for whoever claimed, moves or guards it. */
typedef uint32_t berth_tag_t;

#define BERTH_TAG_OWNER 0x7Fu /* the part of a tag that is the owner; never 0 in a live block */
#define BERTH_TAG_WORD 0x80u  /* this block carries one word more */

/* What alloc() hands over. */
typedef struct berth_grant {
    uint32_t offset; /* the block's first usable byte; BERTH_NOWHERE if refused */
    uint32_t size;   /* bytes that the region has fewer, bookkeeping included; 0 if refused */
} berth_grant_t;

/* What free() and resize() did: the bytes to refund and to charge. */
typedef struct berth_change {
    uint32_t before; /* bytes that the block took, bookkeeping included */
    uint32_t after;  /* bytes that it takes now; equal to `before` if refused */
    uint32_t owner;  /* who paid */
    int32_t status;  /* berth_status_t; a refusal changes nothing */
} berth_change_t;

/* One block as find(), walk() and check() see it. */
typedef struct berth_block {
    uint32_t offset; /* its first usable byte: what alloc() granted, or would */
    uint32_t size;   /* bytes usable; of a free block, what it could hold if alignment let it */
    uint32_t taken;  /* bytes from the region, bookkeeping included */
    uint32_t next;   /* the cursor of the next block; BERTH_NOWHERE after the last */
    int8_t status;   /* berth_status_t; unless BERTH_OK only `offset` and `next` count */
    uint8_t owner;   /* BERTH_NO_OWNER: the block is free */
    bool has_word;   /* it carries one word more */
    bool
        is_withdrawn; /* damage made it nobody's: `owner` is BERTH_OTHERS, and nobody can free it */
} berth_block_t;

#define BERTH_WALK_START 0u /* the cursor of the first block */

/* What reset() gave back at once. */
typedef struct berth_undone {
    uint32_t size;  /* bytes to refund */
    uint32_t count; /* blocks that are live no more */
    int32_t status; /* berth_status_t; a refusal changes nothing */
} berth_undone_t;

/* What an engine knows of a pointer. */
typedef struct berth_place {
    uint32_t offset; /* of the block there */
    int32_t status;  /* BERTH_OK: mine; BERTH_ERR_INVALID: not mine; BERTH_ERR_UNKNOWN */
} berth_place_t;

/* What note_alloc() and note_free() keep for undo(): the engine's. */
typedef struct berth_note {
    uint32_t words[25];
} berth_note_t;

typedef struct berth_engine {
    const char *name;
    bool is_isr_safe; /* alloc(), free(), cost() and find() are so short that an ISR may call them,
                         and interrupts be masked around them */
    bool is_unbroken; /* what is free never lies in pieces: as long as it suffices, it can be had */

    /* Tells how many bytes the bookkeeping needs if it is kept beside the region; 0 if it
     * cannot. */
    uint32_t (*beside_size)(const berth_region_t *region);

    /* Prepares an empty region. BERTH_ERR_INVALID: a field of it makes no sense, or it is too small
     * to hold its own bookkeeping and one block. */
    berth_status_t (*start)(berth_region_t *region);

    /* Finds room for `size` bytes, `align` a power of two or 0 for what the region promises.
     *
     * Succeeds if and only if some free block can hold the request, sizes as the engine rounds
     * them; aligned beyond the granule, refuses only if none holds size + align - granule, unless
     * the engine's header states a stricter rule. Refused:
     * size 0, a size that overflows, an alignment that is no power of two, an owner of 0. Contents
     * are undefined. */
    berth_grant_t (*alloc)(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);

    /* Takes back the live block at `offset`. An offset that is no live block's is refused, as far
     * as its engine can tell: BERTH_ERR_INVALID; so is a block whose bookkeeping contradicts
     * itself: BERTH_ERR_CORRUPT. An arena that keeps the room until its reset says OK, and `before`
     * is 0: nothing is to be refunded. */
    berth_change_t (*free)(berth_region_t *region, uint32_t offset);

    /* Makes the live block at `offset` hold `size` bytes where it is, or refuses: BERTH_ERR_NOMEM;
     * size 0: BERTH_ERR_INVALID. Its contents, up to the smaller size, and its tag stay. */
    berth_change_t (*resize)(berth_region_t *region, uint32_t offset, size_t size);

    /* Tells how many bytes alloc() of this would take from the region, were there room: at most
     * size + align + cost(1) + granule, and never less for a larger size; 0: the request
     * makes no sense, or is larger than the region. */
    uint32_t (*cost)(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);

    /* Tells the largest size that alloc() would grant now, with this alignment and tag; 0: none. */
    uint32_t (*allocatable)(const berth_region_t *region, uint32_t align, berth_tag_t tag);

    /* Tells whether alloc() would grant this now. */
    bool (*fits)(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);

    /* Finds the live block that was granted at `offset`: BERTH_ERR_INVALID if there is none. */
    berth_block_t (*find)(const berth_region_t *region, uint32_t offset);

    /* Gives the live block at `offset` to another owner. BERTH_ERR_INVALID: no such block, or no
     * such owner. */
    berth_status_t (*give)(berth_region_t *region, uint32_t offset, berth_owner_t owner);

    /* Returns the one word more of the live block at `offset`; NULL if it carries none. */
    uint32_t *(*word)(const berth_region_t *region, uint32_t offset);

    /* Tells the block at a cursor, in address order, live and free alike. BERTH_ERR_UNKNOWN: the
     * rest cannot be told. A cursor is BERTH_WALK_START or a `next` that nothing has been
     * allocated, freed or resized since. */
    berth_block_t (*walk)(const berth_region_t *region, uint32_t cursor);

    /* As walk(), and verifies all bookkeeping that concerns this block: BERTH_ERR_CORRUPT if any
     * is damaged. Following the cursor from the start to the end verifies the region. NULL: the
     * engine cannot. */
    berth_block_t (*check)(const berth_region_t *region, uint32_t cursor);

    /* Notes all that alloc() of this, or free() of the block at `offset`, is about to change; if it
     * succeeds, undo() puts that back as it was, to the last byte. Several are undone the last one
     * first, and nothing else happens between. NULL, all three: the engine cannot. */
    void (*note_alloc)(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag,
                       berth_note_t *note);
    void (*note_free)(const berth_region_t *region, uint32_t offset, berth_note_t *note);
    void (*undo)(berth_region_t *region, const berth_note_t *note);

    /* Tells where an arena stands; and drops at once all blocks granted since then.
     * BERTH_ERR_INVALID: it never stood there, or is below it by now. NULL: the engine is no
     * arena. */
    uint32_t (*mark)(const berth_region_t *region);
    berth_undone_t (*reset)(berth_region_t *region, uint32_t mark);

    /* Where a block lies that is not at base + offset, and whose a pointer is. NULL: all are
     * there. */
    void *(*pointer)(const berth_region_t *region, uint32_t offset);
    berth_place_t (*whose)(const berth_region_t *region, const void *pointer);
} berth_engine_t;

/* --- damage ---------------------------------------------------------------------------------- */

/* What an audit() came to. */
typedef struct berth_audit {
    uint32_t next;  /* the cursor of the next audit(); BERTH_NOWHERE after the last */
    int32_t status; /* BERTH_OK, BERTH_ERR_CORRUPT */
} berth_audit_t;

/* How far a mend() is, in memory that damage to the region does not reach. All 0 at first but for
 * the accounts. */
typedef struct berth_mending {
    berth_account_t *accounts; /* what each owner's blocks take, summed up anew: number 0 is for all
                                  others, withdrawn blocks included; NULL: they are not summed */
    berth_account_t total;     /* of all of them */
    uint32_t withdrawn;        /* bytes that were withdrawn by this mending */
    uint32_t offset;           /* of the first block that was */
    uint32_t cursor;           /* the engine's, like all that follows */
    uint32_t from;
    uint8_t phase;
    uint8_t rounds;
    uint8_t account_count; /* of `accounts` */
} berth_mending_t;

/* How an engine's regions are verified in slices and mended; apart from the engine's own table, so
 * that who does not want it does not pay for it. All under the region's lock. */
typedef struct berth_mender {
    /* Verifies a bounded part of what is no block's, from a cursor on; at BERTH_NOWHERE, what
     * check() relies on. */
    berth_audit_t (*audit)(const berth_region_t *region, uint32_t cursor);

    /* As the engine's check(), of a block alone, the first one's, too; under the same hold of the
     * lock as an audit(). */
    berth_block_t (*check)(const berth_region_t *region, uint32_t cursor);

    /* Makes one bounded step towards a region whose bookkeeping is sound. From the first step to
     * the last the engine refuses every call that changes blocks. What cannot be proved is
     * withdrawn: it becomes a block that nobody can free. No byte of a block is written.
     * BERTH_ERR_BUSY: there are more steps to make; BERTH_OK: the region serves again;
     * BERTH_ERR_CORRUPT: it cannot be mended. */
    berth_status_t (*mend)(berth_region_t *region, berth_mending_t *mending);
} berth_mender_t;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_ENGINE_H */
