/* types.h: the words that every part of Berth shares.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   region   one stretch of memory, what it can do, and how it is carved
 *   caps     what a region can do, and what a request needs
 *   engine   the way of carving: fit, pool, arena, foreign
 *   granule  what a region's block sizes are a multiple of
 *   block    a piece of a region: live (somebody's) or free (nobody's)
 *   owner    who pays for a live block: a component, not a task
 *   account  what an owner holds in a region; its budget says how much it may
 *   floor    what a region keeps back for named users
 *   request  what a block must be, where it had better be, and what to try otherwise
 *   need     a list of blocks that must be placeable together
 *   context  the running task or ISR: whose scope it is in, and what is guarded against
 *   event    one record of one outcome, refusals included
 *   offset   where something is, in bytes from the region's first byte
 *
 * An engine speaks of offsets and never of pointers: so a 64-bit host lays out the very bytes
 * that a 32-bit target does, and memory that the CPU may not touch is carved like any other.
 */
#ifndef BERTH_TYPES_H
#define BERTH_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BERTH_API __attribute__((visibility("default")))
#define BERTH_MUST_CHECK __attribute__((warn_unused_result))
#else
#define BERTH_API
#define BERTH_MUST_CHECK
#endif

/* Zero is success, everything below is a refusal that left the state as it was. */
typedef enum berth_status {
    BERTH_OK = 0,
    BERTH_ERR_INVALID = -1, /* the call makes no sense: wrong argument, not a live block */
    BERTH_ERR_NOMEM = -2,   /* no free block can hold it */
    BERTH_ERR_CORRUPT = -3, /* bookkeeping is damaged */
    BERTH_ERR_NOCAP = -4,   /* no region can do what is needed */
    BERTH_ERR_BUDGET = -5,  /* the owner would exceed its hard budget */
    BERTH_ERR_LEFT = -6,    /* less would be left in the region than the request demands */
    BERTH_ERR_GUARD = -7,   /* the context is guarded against it */
    BERTH_ERR_BUSY = -8,    /* a lock was refused */
    BERTH_ERR_UNKNOWN = -9, /* nobody can tell whose block it is */
    BERTH_ERR_FLOOR = -10   /* what is free there is kept for others */
} berth_status_t;

/* --- owners ---------------------------------------------------------------------------------- */

/* Who pays for a live block: 1 to 126, or BERTH_OTHERS. */
typedef uint8_t berth_owner_t;

#define BERTH_NO_OWNER 0u        /* of a free block; in a request: the context's owner */
#define BERTH_OTHERS 127u        /* whoever has no number of its own */
#define BERTH_NOWHERE UINT32_MAX /* the offset of what was not granted */

/* What an owner holds in one region. Bytes are taken ones, bookkeeping included. */
typedef struct {
    uint32_t live;  /* bytes */
    uint32_t peak;  /* the most bytes it ever held */
    uint32_t count; /* blocks */
} berth_account_t;

/* What an owner may hold in one region, in bytes as accounts count them; 0: no limit. */
typedef struct berth_budget {
    uint32_t soft; /* exceeding it is an event */
    uint32_t hard; /* exceeding it is refused */
} berth_budget_t;

/* Bytes of a region that are kept free for named users: whoever is none must leave them. */
typedef struct berth_floor {
    uint32_t bytes; /* 0: the end of a list of floors. All of a region's are below 4 GB */
    uint32_t caps;  /* whoever needs all of these is a user; 0: nobody is by caps */
    const berth_owner_t *owners; /* who are users, ended by 0; NULL: nobody is by name */
} berth_floor_t;

/* --- caps ------------------------------------------------------------------------------------ */

/* A set of BERTH_CAP_*. A region serves a request whose needed caps are a subset of its own. */
typedef uint32_t berth_caps_t;

/* What memory is able to do. No fallback ever loses one of these. */
#define BERTH_CAP_BYTES 0x1u      /* single bytes can be written: needed unless WORDS is */
#define BERTH_CAP_WORDS 0x2u      /* aligned 32-bit words can, which is enough */
#define BERTH_CAP_DMA 0x4u        /* the general DMA reaches it */
#define BERTH_CAP_EXEC 0x8u       /* code runs from it */
#define BERTH_CAP_RETAINED 0x10u  /* it survives deep sleep */
#define BERTH_CAP_ATOMIC 0x20u    /* exclusive access works */
#define BERTH_CAP_CACHE_OFF 0x40u /* it can be reached while the flash cache is off */
#define BERTH_CAP_NPU 0x80u       /* the NPU reaches it */
#define BERTH_CAP_SIMD 0x100u     /* 128-bit access works */
#define BERTH_CAP_MASTER(n)                                                                        \
    (0x200u << (n)) /* the board's DMA master n, 0 to 5, reaches it: where one bit is not enough */

/* Where it is. A hop may ask for another place than the one before it. */
#define BERTH_CAP_FAST 0x10000u               /* no wait states */
#define BERTH_CAP_INTERNAL 0x20000u           /* on the chip */
#define BERTH_CAP_EXTERNAL 0x40000u           /* behind a bus: PSRAM, SDRAM */
#define BERTH_CAP_DEFAULT 0x80000u            /* serves who asks for nothing in particular */
#define BERTH_CAP_PLACE(n) (0x100000u << (n)) /* the board's own, 0 to 9 */

#define BERTH_CAPS_ABLE 0xFFFFu      /* the former */
#define BERTH_CAPS_PLACE 0x3FFF0000u /* the latter */
#define BERTH_CAPS_PRIORITIES 3u     /* words of caps that a region has, by preference */

/* --- regions --------------------------------------------------------------------------------- */

struct berth_engine;
struct berth_event;
struct berth_manager;
struct berth_region;

/* The last events of a kind. */
typedef struct berth_ring {
    struct berth_event *events; /* NULL: none are kept */
    uint32_t mask;              /* the room, a power of two, less 1 */
    uint32_t posted;            /* so far */
    uint32_t polled;            /* of these, or lost */
    uint32_t skip;              /* a bit for each kind that is not kept */
} berth_ring_t;

/* A lock of the port's, in memory of the manager's. */
typedef struct berth_lock {
    uintptr_t state;         /* the port's; 0 at first */
    struct berth_lock *next; /* the port's */
    uint8_t kind;            /* berth_lock_kind_t */
} berth_lock_t;

/* A stretch of addresses at which the CPU sees a region: its own, or an alias. */
typedef struct berth_window {
    uintptr_t base;
    uint32_t size;               /* bytes */
    struct berth_region *region; /* set by the manager */
    struct berth_window *next;   /* the manager's */
} berth_window_t;

/* One stretch of memory. The caller owns it, fills in the first part, and keeps it where it is
 * from its start on. Zero means the default. To start it again, fill it in again. */
typedef struct berth_region {
    const char *name;                  /* for people; may be NULL */
    const struct berth_engine *engine; /* how it is carved */
    void *base;       /* first byte as this program sees it; NULL where the CPU may not touch it */
    uint32_t address; /* first byte as the board names it, low 32 bits: alignment is of this */
    uint32_t size;    /* bytes */
    uint32_t granule; /* bytes, a power of two; 0: the engine's default */
    uint32_t align;   /* bytes: the alignment promised to each block; 0: the granule */
    void *beside;     /* bookkeeping apart from the region, aligned to 4; NULL: inside it */
    uint32_t beside_size; /* bytes there */
    uint32_t line;        /* bytes of a cache or DMA line; 0: none */
    const void *config;   /* what else its engine wants to know: see the engine's header */

    /* What follows matters to a manager alone. */
    berth_caps_t caps[BERTH_CAPS_PRIORITIES]; /* what it can do: who asks for one of caps[0] comes
                                                 here before regions with that in caps[1] */
    uint32_t over;       /* requests that name no caps come here first if they are ... */
    uint32_t upto;       /* ... larger than `over`, not larger than `upto`; 0: any */
    uint8_t alias_count; /* of `aliases` */
    berth_owner_t owner; /* who pays for every block here; 0: who asks for it */
    bool is_slow;        /* never touched with interrupts masked */
    uint8_t index;       /* the manager's: in events. Regions count from 0 as they are added */
    berth_account_t *accounts;     /* one for each owner of the manager; NULL: only totals */
    const berth_budget_t *budgets; /* one for each account; NULL: no limits. Need accounts */
    berth_window_t *aliases;       /* where else the CPU sees it */
    const berth_floor_t *floors;   /* what is kept back, ended by one of 0 bytes; NULL: nothing */

    void *book; /* the engine's: where its bookkeeping starts. Set by start() */

    /* The manager's. */
    struct berth_region *next; /* in order of preference */
    berth_lock_t lock;
    berth_window_t window;
    uint32_t capacity;     /* bytes that blocks can take */
    berth_account_t total; /* what all owners hold */
    uint32_t refused;      /* requests that this region was asked for and did not serve */
    uint32_t slack;     /* a block takes no more than its size, its alignment and this; UINT32_MAX:
                              it must be looked at closely */
    uint32_t changes;   /* calls that changed a block: a cursor outlives none */
    berth_caps_t able;  /* all words of caps together, and whether short ways lead here */
    uint32_t held;      /* a bit for some offsets each: needs hold blocks only there */
    uint32_t unclaimed; /* bytes of such blocks that nobody has claimed */
    berth_ring_t ring;  /* of what happened to its blocks */

    /* Told of each change of its blocks, with its lock held; NULL: nobody wants to know.
     * [task, ISR, cache-off, boot] */
    void (*follow)(struct berth_manager *, struct berth_region *, const struct berth_event *);
    uint32_t told_live;        /* `total.live` as it was told last */
    uint32_t told_allocatable; /* the largest size that it could grant then */
} berth_region_t;

/* --- requests -------------------------------------------------------------------------------- */

#define BERTH_HOPS 4u                 /* of `otherwise` that are followed */
#define BERTH_LEFT_NOTHING UINT32_MAX /* `left` of a hop that may use the region up */

/* Zero means the default in every field but `size`. */
typedef struct berth_request {
    size_t size;            /* bytes, > 0; of a hop 0: the same */
    size_t smallest;        /* bytes that would do if no region has `size`; 0: nothing less */
    uint32_t align;         /* a power of two; 0: what the region promises; of a hop: at least */
    uint32_t left;          /* bytes that must be free in the region afterwards; of a hop 0: the
                               same */
    berth_caps_t needed;    /* every one of these, or refuse; 0: DEFAULT. A hop needs what the
                               request before it was ABLE to do, too */
    berth_caps_t preferred; /* tried first, then given up */
    const struct berth_request *otherwise; /* what to try next; its owner, site and is_zeroed do
                                              not count */
    uint32_t site;       /* who asks, for the event: an address or a number; 0: the caller's */
    berth_owner_t owner; /* 0: the context's */
    bool is_zeroed;      /* the block's bytes are 0 */
} berth_request_t;

/* --- contexts -------------------------------------------------------------------------------- */

/* What a context can be guarded against. */
typedef enum berth_guard {
    BERTH_GUARD_NO_ALLOC = 1,  /* no allocation here: alloc and resize are violations */
    BERTH_GUARD_CACHE_OFF = 2, /* only regions with BERTH_CAP_CACHE_OFF */
    BERTH_GUARD_ISR = 4        /* only regions that an ISR may use: `pool`, not slow */
} berth_guard_t;

/* The running task or ISR, as one manager knows it. The port owns it, and finds it; 0 at first. Of
 * its guards a port sets BERTH_GUARD_ISR alone: the others are entered by berth_guard_enter(),
 * which counts them. */
typedef struct berth_context {
    const char *name;    /* for people; may be NULL */
    berth_owner_t owner; /* of the innermost scope; 0: BERTH_OTHERS */
    uint8_t guards;      /* berth_guard_t, ored */
    uint16_t record;     /* the manager's: of the last refusal it met */
    uint32_t refused;    /* requests of its that were; atomic */
} berth_context_t;

/* --- events ---------------------------------------------------------------------------------- */

typedef enum berth_event_kind {
    BERTH_EVENT_ALLOC,     /* a block was granted, or (status) refused */
    BERTH_EVENT_FALLBACK,  /* a block was granted, but not where it was asked for first */
    BERTH_EVENT_FREE,      /* a block was freed, or refused to be */
    BERTH_EVENT_RESIZE,    /* a block was resized where it is, or refused to be resized at all */
    BERTH_EVENT_GIVE,      /* a block has another owner */
    BERTH_EVENT_RESET,     /* an arena went back to a mark */
    BERTH_EVENT_BUDGET,    /* an owner exceeded its soft budget */
    BERTH_EVENT_VIOLATION, /* a guarded context did what it is guarded against */
    BERTH_EVENT_REGION,    /* a region was added */
    BERTH_EVENT_RETIRE,    /* an owner was retired */
    BERTH_EVENT_CLAIM,     /* a block that a need holds was claimed */
    BERTH_EVENT_RETURN,    /* it was freed, and so returned to the need */
    BERTH_EVENT_LEAK,      /* an owner holds more each time that a mode is entered */
    BERTH_EVENT_DAMAGE,    /* a region was found damaged, and is fenced; or (status) was mended */
    BERTH_EVENT_KINDS
} berth_event_kind_t;

#define BERTH_NO_REGION UINT8_MAX

/* One outcome. No pointers, so one layout on every target; wire/ fixes the byte order. */
typedef struct berth_event {
    uint64_t time_us;
    uint32_t sequence; /* counts all that were posted, those included that nobody kept */
    uint32_t site;     /* who called: the low 32 bits of an address */
    uint32_t offset;   /* from the region's base; BERTH_NOWHERE */
    uint32_t size;     /* bytes asked for; FREE: 0 */
    uint32_t taken;    /* bytes that the block takes; FREE and RESET: bytes given back */
    uint8_t kind;      /* berth_event_kind_t */
    int8_t status;     /* berth_status_t */
    uint8_t region;    /* index, or BERTH_NO_REGION */
    berth_owner_t owner;
} berth_event_t;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_TYPES_H */
