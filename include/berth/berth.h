/* berth.h: one interface to every kind of memory on the board.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     request -> route -> engine -> ledger -> event -> poll
 *
 * A request says what the memory must be able to do. The route is the regions that can, in order;
 * a region's engine finds a block, its owner is charged in the ledger, and one event records the
 * outcome. Nothing here calls malloc, performs I/O, or prints.
 *
 * Bounds: a call asks each region at most twice in each hop, and once more if `smallest` is given;
 * the longest time is that many times the engine's bound.
 *
 * Context, unless a function says otherwise: [task, boot]. In an ISR or while the cache is off,
 * what would enter a region that cannot be used there is refused as a violation. All that a hot
 * call reads must be reachable then, too: the port, budgets, floors, accounts, events,
 * requests, and the items and pieces of reserved needs.
 */
#ifndef BERTH_BERTH_H
#define BERTH_BERTH_H

#include "berth/engine.h"
#include "berth/failure.h"
#include "berth/port.h"
#include "berth/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_VERSION 0x000200u /* 0.2.0: major, minor, patch, a byte each */

/* --- a manager ------------------------------------------------------------------------------- */

/* What a manager is made of. All of it must outlive the manager. */
typedef struct berth_config {
    const berth_port_t *port;
    berth_region_t *regions;       /* in order of preference */
    berth_account_t *accounts;     /* owner_count for each region that brings none of its own;
                                      NULL: only totals */
    const char *const *owners;     /* names, owner_count of them, for people; NULL: none */
    const berth_owner_t *scrubbed; /* owners whose blocks are overwritten when freed, ended by 0;
                                      NULL: nobody's */
    berth_event_t *events; /* room for event_count: shared out among the regions, an eighth or
                                      more for refusals, violations and exceeded budgets alone */
    uint16_t event_count;  /* 0: no events; otherwise 4 or more, and twice region_count */
    uint16_t event_skip;   /* ordinary kinds that are not kept: 1 << berth_event_kind_t */
    uint8_t region_count;
    uint8_t owner_count; /* owners are numbered 1 to owner_count - 1; account 0 is BERTH_OTHERS'.
                            1 to 127 */
    bool is_lenient;     /* an allocation where none should be (NO_ALLOC) is told but granted; other
                        violations are always refused */
    uint8_t failure_count; /* of `failures`: 32 at most, each is looked at under the manager's lock;
                              0: one, inside the manager */
    berth_failure_t *failures; /* records of refusals, where bytes can be written: in memory that
                                  survives a reset, those of earlier runs are kept */
} berth_config_t;

/* A manager. The caller owns it and looks at nothing inside. */
typedef struct berth_manager {
    const berth_config_t *config;
    const berth_port_t *port; /* NULL: not started */
    berth_region_t *first;    /* in order of preference */
    berth_window_t *windows;  /* the innermost first */
    berth_region_t *plain; /* what a request without caps tries first, if short ways lead there */
    uint32_t sequence;     /* of the next event; atomic */
    uint32_t attention;    /* contexts under guard, and ATTENTION_*: 0 as a rule */
    uint8_t owner_count;
    uint8_t region_count;
    bool is_lenient;
    bool is_starting;
    bool clock_wraps;
    uint8_t latest;      /* of the failure records: the one written last; atomic */
    berth_lock_t tables; /* protects what follows, and additions to the lists */
    berth_ring_t alarms;
    uint64_t time_us;         /* when a clock that wraps was last read; BERTH_NO_TIME: never */
    uint32_t lost;            /* events that were displaced before anybody polled them; atomic */
    uint32_t retired[4];      /* a bit for each owner */
    uint32_t scrubbed[4];     /* a bit for each owner */
    berth_context_t boot;     /* the context where the port knows none */
    uint32_t refusals;        /* so far; atomic */
    berth_failure_t failure;  /* the record, where the configuration brings none */
    uint32_t needy;           /* a bit for owners, modulo 32, whose needs are reserved */
    struct berth_need *needs; /* these */
    const struct berth_holder *holder;  /* who knows about them; NULL: none ever was */
    struct berth_reclaimer *reclaimers; /* in order */
    uint32_t is_preparing;              /* 1: somebody makes a need fit */
    struct berth_low *lows;             /* windows of low water */
    struct berth_sites *sites;          /* the table of live blocks by site */
} berth_t;

/* A manager that nobody has started: all zero but its configuration. */
#ifdef __cplusplus
#define BERTH_INITIAL(config)                                                                      \
    {                                                                                              \
        (config), NULL, NULL, NULL, NULL, 0, 0, 0, 0, false, false, false, 0, {}, {}, 0, 0, {},    \
            {}, {}, 0, {}, 0, NULL, NULL, NULL, 0, NULL, NULL                                      \
    }
#else
#define BERTH_INITIAL(the_config)                                                                  \
    {                                                                                              \
        .config = (the_config)                                                                     \
    }
#endif

/* Defines the manager `name` over an array of regions that is defined before, with accounts for
 * owners 1 to owners - 1 in each of them and room for `events` events. It starts by itself with the
 * first allocation: before main, in a constructor, before the scheduler; but not in an ISR, in two
 * threads at once, or while the cache is off: where that may come first, call berth_start(). If it
 * cannot start, everything is refused from then on; berth_start() may be called when that is
 * mended. */
#define BERTH_DEFINE(name, port, the_regions, owners, names, events)                               \
    static berth_account_t name##_accounts[sizeof(the_regions) / sizeof((the_regions)[0])]         \
                                          [owners];                                                \
    static berth_event_t name##_events[events];                                                    \
    typedef char                                                                                   \
        name##_is_sane[(events) >= 4 && (events) < 65536 && (owners) >= 1 && (owners) < 128 &&     \
                               sizeof(the_regions) <= 32 * sizeof((the_regions)[0]) &&             \
                               sizeof(the_regions) * 2 <= (events) * sizeof((the_regions)[0])      \
                           ? 1                                                                     \
                           : -1];                                                                  \
    static const berth_config_t name##_config = {(port),                                           \
                                                 (the_regions),                                    \
                                                 &name##_accounts[0][0],                           \
                                                 (names),                                          \
                                                 NULL,                                             \
                                                 name##_events,                                    \
                                                 events,                                           \
                                                 BERTH_SKIP_NONE,                                  \
                                                 sizeof(the_regions) / sizeof((the_regions)[0]),   \
                                                 owners,                                           \
                                                 false,                                            \
                                                 0,                                                \
                                                 NULL};                                            \
    static berth_t name = BERTH_INITIAL(&name##_config)

#define BERTH_SKIP_NONE 0u

/* Prepares a manager over its regions. BERTH_ERR_INVALID: the configuration makes no sense, an
 * engine refuses its region, or regions overlap. [task, boot] */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_start(berth_t *berth, const berth_config_t *config);

/* Adds a region after those that there are; it must stay, and bring its own `accounts`. It may lie
 * in another's live block: then pointers into it are its own. Let it begin where the block does,
 * which cannot be freed any more then; a block that begins before must be kept by whoever has it.
 * BERTH_ERR_INVALID: as for berth_start(), it overlaps another in part, or is there already. One
 * call at a time; others may go on meanwhile. */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_region_add(berth_t *berth, berth_region_t *region);

/* Returns the region with an index, NULL if there is none. [any] */
BERTH_API BERTH_MUST_CHECK berth_region_t *berth_region_at(const berth_t *berth, uint8_t index);

/* Returns BERTH_VERSION as the library was built. [task, boot, panic] */
BERTH_API BERTH_MUST_CHECK uint32_t berth_version(void);

/* --- blocks ---------------------------------------------------------------------------------- */

/* Returns a block that satisfies the request, or NULL: berth_failure() says why. Its contents are
 * undefined unless is_zeroed. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK void *berth_alloc(berth_t *berth, const berth_request_t *request);

/* The same for a size and caps alone; caps 0: any region with BERTH_CAP_DEFAULT. [task, ISR,
 * cache-off, boot] */
BERTH_API BERTH_MUST_CHECK void *berth_malloc(berth_t *berth, size_t size, berth_caps_t needed);

/* The same for `count` things of a size, all bytes 0; a product that overflows is refused.
 * [task, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK void *berth_calloc(berth_t *berth, size_t count, size_t size,
                                              berth_caps_t needed);

/* Takes a block of any region back; NULL is ignored. A wrong free changes nothing: it is an event,
 * and told to the port's assertion(), unless damage is why (BERTH_ERR_CORRUPT). An ISR that may
 * interrupt a call on the same region uses berth_try_free(), and tries again later if that is
 * BERTH_ERR_BUSY. [task, ISR, cache-off, boot] */
BERTH_API void berth_free(berth_t *berth, void *block);

/* The same, and says how it went, without the assertion. BERTH_ERR_INVALID: no live block starts
 * there. BERTH_ERR_UNKNOWN: it may be the platform's. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_try_free(berth_t *berth, void *block);

/* Makes a block hold request->size bytes, at request->align; returns where it is then, or NULL: the
 * old block is as it was. The owner stays. If the request names no caps and nothing otherwise, the
 * block stays in its region; else it may go wherever the request may be served, and does if its
 * region cannot serve it. `left` and budgets hold for what it grows by; while it moves, for both
 * blocks. `smallest` and `owner` do not count; is_zeroed is for bytes beyond its old room. A NULL
 * block: as berth_alloc(). [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK void *berth_resize(berth_t *berth, void *block,
                                              const berth_request_t *request);

/* The same with a size alone: the block stays in its region. [task, ISR, cache-off,
 * boot] */
BERTH_API BERTH_MUST_CHECK void *berth_realloc(berth_t *berth, void *block, size_t size);

/* Charges a block to another owner, within that one's budget. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_give(berth_t *berth, void *block,
                                                     berth_owner_t owner);

/* Tells where an arena stands, BERTH_NOWHERE if the region is none or must not be entered now; and
 * drops at once all blocks that were granted since, whoever holds them: scrubbed they are not.
 * [task, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK uint32_t berth_mark(berth_t *berth, berth_region_t *region);
BERTH_API BERTH_MUST_CHECK berth_status_t berth_reset(berth_t *berth, berth_region_t *region,
                                                      uint32_t mark);

/* --- scopes and guards ----------------------------------------------------------------------- */

/* Makes an owner pay for what the running context allocates without naming one, until the pop,
 * which takes what the push returned. Scopes nest. An owner without an account is refused by each
 * allocation, not here. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK berth_owner_t berth_owner_push(berth_t *berth, berth_owner_t owner);
BERTH_API void berth_owner_pop(berth_t *berth, berth_owner_t before);

/* Guards the running context (berth_guard_t, ored) until it leaves, which takes what the entry
 * returned. Guards nest. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK uint8_t berth_guard_enter(berth_t *berth, uint8_t guards);
BERTH_API void berth_guard_leave(berth_t *berth, uint8_t before);

/* Ends an owner: it gets no blocks any more; those that it holds are orphans. [task, cache-off,
 * boot] */
BERTH_API BERTH_MUST_CHECK berth_status_t berth_owner_retire(berth_t *berth, berth_owner_t owner);

/* Tells whether an owner is retired: its live blocks are orphans. [any] */
BERTH_API BERTH_MUST_CHECK bool berth_owner_is_retired(const berth_t *berth, berth_owner_t owner);

/* Returns an owner's name, "others", or "?". [task, boot, panic] */
BERTH_API BERTH_MUST_CHECK const char *berth_owner_name(const berth_t *berth, berth_owner_t owner);

/* --- questions ------------------------------------------------------------------------------- */

/* What is known of a pointer. */
typedef struct {
    berth_region_t *region; /* NULL: in none */
    uint32_t offset;        /* there */
    uint32_t size;          /* bytes usable */
    uint32_t taken;         /* bytes from the region */
    berth_owner_t owner;
    int8_t status; /* BERTH_OK: a live block starts there; BERTH_ERR_INVALID: none does;
                      BERTH_ERR_UNKNOWN: it may be the platform's; BERTH_ERR_BUSY */
} berth_about_t;

/* Tells what is known of a pointer. */
BERTH_API BERTH_MUST_CHECK berth_about_t berth_about(berth_t *berth, const void *pointer);

/* Returns the bytes that a live block has room for, 0 if it is none. */
BERTH_API BERTH_MUST_CHECK size_t berth_size(berth_t *berth, const void *block);

/* Tells whether the memory from `pointer` on can do all of `caps` for `size` bytes: whether or not
 * it is allocated, and false where no region is. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK bool berth_can(berth_t *berth, const void *pointer, size_t size,
                                          berth_caps_t caps);

/* Tells the largest size that berth_alloc() of this request would grant now: owner, budgets, guards
 * floors and `left` included, all hops, whatever sizes they name. */
BERTH_API BERTH_MUST_CHECK uint32_t berth_allocatable(berth_t *berth,
                                                      const berth_request_t *request);

/* Returns what an owner holds in a region; all zero where nobody counts. */
BERTH_API BERTH_MUST_CHECK berth_account_t berth_account(berth_t *berth, berth_region_t *region,
                                                         berth_owner_t owner);

/* Tells of the last refusal, whoever met it; a `count` of 0: there was none. A program that calls
 * none of the next five functions has no records, and not the code for them. [task, ISR, cache-off,
 * boot] */
BERTH_API BERTH_MUST_CHECK berth_failure_t berth_failure(berth_t *berth);

/* The same of the one before, and so on: 0 is the newest. Past the oldest, and where a record is
 * damaged beyond belief, `count` is 0. Takes no lock: one that is being written is left out.
 * Bounded by the square of failure_count. [task, boot, panic] */
BERTH_API BERTH_MUST_CHECK berth_failure_t berth_failure_at(berth_t *berth, uint32_t index);

/* Returns how many calls were refused since the start, recorded or not. [task, ISR, cache-off,
 * boot, panic] */
BERTH_API BERTH_MUST_CHECK uint32_t berth_refusals(const berth_t *berth);

/* The same of those that the running context met. [task, ISR, cache-off, boot] */
BERTH_API BERTH_MUST_CHECK uint32_t berth_refused(berth_t *berth);

/* Tells whether an error may come of an allocation: whether the running context was refused one
 * since berth_refused() was `refused_before`. Returns the last such refusal, noted as mistaken for
 * `error` (cut to 16 bits and a sign; 0: as it was); `count` 0: there was none, look elsewhere. If
 * its record has been displaced, its status is BERTH_ERR_UNKNOWN. A refusal that the program
 * survived counts, too: let the two calls be as near to the cause as may be. [task, ISR, cache-off,
 * boot] */
BERTH_API BERTH_MUST_CHECK berth_failure_t berth_blame(berth_t *berth, uint32_t refused_before,
                                                       int32_t error);

/* Writes a refusal as text for people, ended by 0, cut to `room`; returns the length
 * uncut. [task, boot, panic] */
BERTH_API size_t berth_explain(const berth_t *berth, const berth_failure_t *failure, char *text,
                               size_t room);

/* Returns a kind of event as a word. [task, boot, panic] */
BERTH_API BERTH_MUST_CHECK const char *berth_event_name(uint8_t kind);

/* Returns a status as a word or two. [any] */
BERTH_API BERTH_MUST_CHECK const char *berth_status_name(int32_t status);

/* Moves up to `capacity` unread events to `out`, oldest first; returns how many. What happens in
 * several regions meanwhile may come out of order: `sequence` tells. Events that were displaced
 * before are counted in berth_lost(). */
BERTH_API BERTH_MUST_CHECK uint32_t berth_poll(berth_t *berth, berth_event_t *out,
                                               uint32_t capacity);
BERTH_API BERTH_MUST_CHECK uint32_t berth_lost(berth_t *berth);

/* Where a walk through a region's blocks is; all 0 but the region at first. */
typedef struct {
    berth_region_t *region;
    uint32_t cursor;
    uint32_t offset;  /* all blocks below were told */
    uint32_t anchor;  /* the last live block that was seen, plus 1; 0: none */
    uint32_t changes; /* of the region, when the cursor was good */
} berth_walk_t;

#define BERTH_WALK_SLICE                                                                           \
    32u /* blocks that a call looks at, at most, under the region's lock; an
                                eighth of that where it masks interrupts */

/* Moves up to `capacity` blocks of a region to `out`, in address order, live and free; returns how
 * many: 0 may come before the end, which is at cursor BERTH_NOWHERE. What changes between two calls
 * is told as it is then; no block is told twice. */
BERTH_API BERTH_MUST_CHECK uint32_t berth_walk(berth_t *berth, berth_walk_t *walk,
                                               berth_block_t *out, uint32_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_BERTH_H */
