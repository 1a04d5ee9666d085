/* core.h: what the stages of the pipeline share: locks, the running context, who pays.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   request -> route.h -> engine -> ledger.h -> event.h
 *
 * The order of locks: a region's, then the manager's tables. No call waits for a second region's.
 */
#ifndef BERTH_CORE_H
#define BERTH_CORE_H

#include "berth/berth.h"

#include <string.h>

#if !defined(__GNUC__)
#error "The core needs GNU C: atomics, noinline and the return address."
#endif
#define COLD __attribute__((noinline))

/* Built for speed, the commonest calls take short ways: short.h. */
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define HAS_SHORT_WAYS true
#else
#define HAS_SHORT_WAYS false
#endif

/* Who called the public function that this is in. */
#define SITE ((uint32_t)(uintptr_t)__builtin_return_address(0))

/* Lists grow while others read them. */
#define LIST_READ(link) __atomic_load_n(&(link), __ATOMIC_ACQUIRE)
#define PEEK(word) __atomic_load_n(&(word), __ATOMIC_RELAXED) /* while others write it */
#define LIST_WRITE(link, value) __atomic_store_n(&(link), (value), __ATOMIC_RELEASE)

static inline bool has_all(berth_caps_t caps, berth_caps_t wanted)
{
    return (wanted & ~caps) == 0;
}

static inline uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline bool is_power_of_two_or_0(uint32_t value)
{
    return (value & (value - 1)) == 0;
}

#define CAPS_KNOWN (BERTH_CAPS_ABLE | BERTH_CAPS_PLACE)

/* In a region's `able`, beside its caps: the short ways may lead here. */
#define ABLE_SHORT 0x80000000u

/* The same: the region is damaged, and nobody may enter it but who mends it. */
#define ABLE_FENCED 0x40000000u

static inline bool region_is_fenced(const berth_region_t *region)
{
    return (region->able & ABLE_FENCED) != 0;
}

/* In berth_t's `attention`: there are retired or scrubbed owners; needs are reserved. */
#define ATTENTION_OWNERS 0x80000000u
#define ATTENTION_NEEDS 0x40000000u

/* --- locks ----------------------------------------------------------------------------------- */

static inline uintptr_t lock_take(const berth_port_t *port, berth_lock_t *lock)
{
    return port->lock(port->self, lock);
}

static inline void lock_leave(const berth_port_t *port, berth_lock_t *lock, uintptr_t key)
{
    port->unlock(port->self, lock, key);
}

/* --- contexts -------------------------------------------------------------------------------- */

static inline berth_context_t *context_of(berth_t *berth)
{
    berth_context_t *context = berth->port->context(berth->port->self);
    return context != NULL ? context : &berth->boot;
}

/* Why a context must not enter a region; BERTH_OK if it may. */
int32_t context_bars(uint8_t guards, const berth_region_t *region);

/* Who pays for what a context asks without naming an owner. */
static inline berth_owner_t context_owner(const berth_context_t *context)
{
    return context->owner != BERTH_NO_OWNER ? context->owner : BERTH_OTHERS;
}

/* --- owners ---------------------------------------------------------------------------------- */

/* The account that an owner has: an index. */
static inline uint32_t owner_account(berth_owner_t owner)
{
    return owner == BERTH_OTHERS ? 0 : owner;
}

/* Whose an account is. */
static inline berth_owner_t owner_at(uint32_t account)
{
    return account == 0 ? BERTH_OTHERS : (berth_owner_t)account;
}

/* Who pays in a region for what `owner` asks. */
static inline berth_owner_t owner_paying(const berth_region_t *region, berth_owner_t owner)
{
    return region->owner != BERTH_NO_OWNER ? region->owner : owner;
}

static inline bool owner_is_in(const uint32_t *set, berth_owner_t owner)
{
    return (set[owner / 32u] >> owner % 32u & 1u) != 0;
}

bool owner_has_account(const berth_t *berth, berth_owner_t owner);

/* Whether an owner may get blocks. */
bool owner_is_served(const berth_t *berth, berth_owner_t owner);

/* --- blocks ---------------------------------------------------------------------------------- */

/* Where a pointer leads. */
typedef struct spot {
    berth_region_t *region; /* NULL: nowhere */
    uint32_t offset;        /* there */
    const void *pointer;    /* where blocks lie anywhere: what led there; else NULL */
    int32_t status;         /* BERTH_OK; BERTH_ERR_INVALID, BERTH_ERR_UNKNOWN: no region */
} spot_t;

/* Finds the innermost region that holds a pointer. Bounded by the windows, and the regions whose
 * blocks lie anywhere. */
spot_t spot_of(berth_t *berth, const void *pointer);

/* Whether a spot still is where its pointer led: blocks that lie anywhere may have gone, and their
 * places be others'. With the region's lock held. */
bool spot_holds(const spot_t *spot);

/* Looks a block up under its region's lock. BERTH_ERR_BUSY: the lock is refused. */
berth_block_t spot_look(berth_t *berth, const spot_t *spot);

void *block_pointer(const berth_region_t *region, uint32_t offset);

/* Where the board says that a spot is: alignment is of this. */
static inline uint32_t spot_address(spot_t spot)
{
    const bool is_anywhere = spot.region->engine->pointer != NULL;
    return is_anywhere ? (uint32_t)(uintptr_t)block_pointer(spot.region, spot.offset)
                       : spot.region->address + spot.offset;
}

/* --- blocks that needs hold ------------------------------------------------------------------ */

/* How a need has to do with a block. */
typedef enum hold {
    HOLD_NONE,
    HOLD_CLAIMED,
    HOLD_UNCLAIMED /* nobody was ever given its pointer, or it was freed */
} hold_t;

/* What need.c does for the other stages: through a table, so that who reserves nothing does not
 * link it. */
typedef struct berth_holder {
    /* Hands out a block that suits a request of its owner's; NULL: there is none. */
    void *(*claim)(berth_t *berth, const berth_request_t *request, berth_owner_t owner,
                   uint32_t site);

    /* The same two with the region's lock held. Takes a claimed block back, and tells of it. */
    hold_t (*look)(berth_t *berth, const spot_t *spot);
    void (*take_back)(berth_t *berth, const spot_t *spot, uint32_t site);
} berth_holder_t;

/* The bit in a region's `held` for an offset. */
static inline uint32_t held_bit(uint32_t offset)
{
    return 1u << (offset * 0x9E3779B1u >> 27);
}

/* With the region's lock held. */
hold_t spot_hold_any(berth_t *berth, const spot_t *spot);

static inline hold_t spot_hold(berth_t *berth, const spot_t *spot)
{
    return spot->region->held == 0 ? HOLD_NONE : spot_hold_any(berth, spot);
}

/* Moves up to `capacity` blocks to `out` as `look` tells them: the engine's walk(), or one that
 * verifies. Looks at BERTH_WALK_SLICE blocks at most. With the region's lock held. */
typedef berth_block_t (*look_t)(const berth_region_t *region, uint32_t cursor);
uint32_t walk_slice(berth_walk_t *walk, look_t look, berth_block_t *out, uint32_t capacity);

/* For memory that bears nothing but words. `block`, `to` and `from` are aligned to 4. Bounded by
 * the size. */
void *words_zero(void *block, size_t size);
void words_copy(void *to, const void *from, size_t size);

#endif /* BERTH_CORE_H */
