/* pipeline_model.h: what a manager ought to do, told in the slowest and most obvious way.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Written from docs/pipeline.md and the public headers, and from nothing else. It decides all but
 * one thing: where in a region a block goes. For that it asks the region's engine, on a twin of the
 * region in memory of its own: engines are deterministic, so both must answer alike. What lies in
 * the twin's live blocks is what ought to lie in the manager's.
 *
 * A site of 0 in an expected event means that the caller did not say: nobody can know.
 */
#ifndef TESTS_MODEL_PIPELINE_MODEL_H
#define TESTS_MODEL_PIPELINE_MODEL_H

#include "berth/berth.h"
#include "berth/need.h"

#ifndef PIPELINE_REGIONS
#define PIPELINE_REGIONS 8u
#endif
#ifndef PIPELINE_BLOCKS
#define PIPELINE_BLOCKS 4096u /* live ones; the caller keeps below it */
#endif
#define PIPELINE_EVENTS 256u /* the largest event_count */
#define PIPELINE_OWNERS 40u  /* the largest owner_count */
#define PIPELINE_CONTEXTS 4u /* the first is the one that the port does not know */
#define PIPELINE_NEEDS 4u    /* reserved at once */
#define PIPELINE_READ (1u + BERTH_HOPS)
#define PIPELINE_NO_BLOCK UINT32_MAX

/* --- what it keeps ---------------------------------------------------------------------------- */

typedef struct pipeline_window {
    uintptr_t base; /* as the program under test sees it; 0: none */
    uint32_t size;
} pipeline_window_t;

typedef struct pipeline_region {
    berth_region_t twin;  /* what the engine reads of it, with memory of its own */
    berth_region_t rules; /* caps, over, upto, owner, is_slow, budgets: as the manager was given */
    pipeline_window_t windows[2]; /* its own, and an alias */
    bool is_busy;                 /* its lock is refused just now */
    uint32_t capacity, used, peak, count, refused;
    berth_account_t accounts[PIPELINE_OWNERS];
} pipeline_region_t;

typedef struct pipeline_block {
    uint32_t offset;
    uint32_t size;  /* bytes usable */
    uint32_t taken; /* bytes from the region */
    uint8_t region;
    berth_owner_t owner;
    uint32_t meant; /* of what is held: bytes that it was asked for */
    uint8_t need;   /* that it is held for: its index, plus 1; 0: none */
    uint8_t item;   /* of that need */
    uint8_t piece;  /* of that need: blocks count from 0 in the order in which they were taken */
    bool is_claimed;
} pipeline_block_t;

/* A need while it is reserved. */
typedef struct pipeline_need {
    const berth_need_t *rules; /* its items; NULL: it is not reserved */
    berth_owner_t owner;       /* who may claim */
} pipeline_need_t;

/* A list of the newest events, oldest first: the obvious form of a ring. */
typedef struct pipeline_queue {
    uint32_t room;
    uint32_t count;
    berth_event_t events[PIPELINE_EVENTS];
} pipeline_queue_t;

typedef struct pipeline_person {
    const char *name;
    berth_owner_t owner;
    uint8_t guards;
    uint32_t refused;         /* calls */
    uint32_t record;          /* the place of the last one's */
    uint32_t record_identity; /* by which it is known again */
} pipeline_person_t;

/* Why a region did not serve; sizes and all else to the byte. */
typedef struct pipeline_reason {
    uint32_t free;
    uint32_t allocatable;
    uint32_t reserved;
    bool is_known; /* it could be looked at */
    uint8_t region;
    int32_t status;
} pipeline_reason_t;

/* Refusals that are alike. */
typedef struct pipeline_record {
    uint32_t count; /* UINT16_MAX at most; 0: none */
    uint32_t first; /* times: 65.536 ms */
    uint32_t last;
    uint32_t size;
    uint32_t align;
    berth_caps_t needed;
    uint32_t site;
    const char *context;
    int32_t mistaken;
    berth_owner_t owner;
    int8_t status;
    uint8_t guards;
    uint32_t reason_count;
    pipeline_reason_t reasons[BERTH_REASONS];
} pipeline_record_t;

typedef struct pipeline {
    uint8_t owner_count;
    bool is_lenient;
    uint16_t event_skip;
    uint64_t now_us;  /* the clock, set by the caller */
    uint64_t read_us; /* when a manager must have looked at it last */
    uint32_t running; /* index of the context */
    pipeline_person_t contexts[PIPELINE_CONTEXTS];
    bool is_retired[BERTH_OTHERS + 1u];
    bool is_scrubbed[BERTH_OTHERS + 1u];
    uint32_t sequence;
    uint32_t lost;
    pipeline_queue_t alarms;
    pipeline_queue_t ordinary[PIPELINE_REGIONS];
    uint32_t refusals;
    uint32_t site_seen; /* who called, where a refused request did not say: as the manager tells */
    uint32_t record_room;
    uint32_t record_last; /* the place that was written last */
    pipeline_record_t records[BERTH_FAILURES_MOST];
    pipeline_need_t needs[PIPELINE_NEEDS];
    const void
        *got; /* what the manager's call returned: of blocks that are held alike, any will do */
    uint8_t region_count;
    pipeline_region_t regions[PIPELINE_REGIONS];
    uint32_t block_count;
    pipeline_block_t blocks[PIPELINE_BLOCKS];
} pipeline_t;

/* --- what it says of a call ------------------------------------------------------------------- */

/* Where a pointer lies. */
typedef struct pipeline_spot {
    uint32_t offset;
    uint8_t region; /* BERTH_NO_REGION: nowhere */
} pipeline_spot_t;

/* What a call that asks for a block comes to. */
typedef struct pipeline_outcome {
    berth_status_t status;
    uint32_t block;     /* index of the block it comes to; PIPELINE_NO_BLOCK if refused */
    uint32_t kept;      /* bytes from the block's first on that must be as before */
    uint32_t zero_from; /* bytes from here ... */
    uint32_t zero_to;   /* ... to here are 0 */
} pipeline_outcome_t;

/* --- a manager -------------------------------------------------------------------------------- */

/* Starts an empty model of a manager with this configuration; regions are added one by one. */
void pipeline_start(pipeline_t *pipeline, const berth_config_t *config);

/* Adds a region and starts its twin, which brings memory of its own. Returns the model's. */
pipeline_region_t *pipeline_add(pipeline_t *pipeline, const berth_region_t *rules,
                                const berth_region_t *twin);

/* Tells of an addition at run time. */
void pipeline_announce(pipeline_t *pipeline, uint8_t index);

/* Whether blocks may be charged to an owner at all. */
bool pipeline_has_account(const pipeline_t *pipeline, berth_owner_t owner);

/* The account of an owner in a region. */
berth_account_t *pipeline_account(pipeline_region_t *region, berth_owner_t owner);

/* The budget of an owner in a region; all 0: none. */
berth_budget_t pipeline_budget(const pipeline_region_t *region, berth_owner_t owner);

pipeline_person_t *pipeline_running(pipeline_t *pipeline);

pipeline_spot_t pipeline_whose(const pipeline_t *pipeline, const void *pointer);

/* Index of the live block at a spot; PIPELINE_NO_BLOCK. */
uint32_t pipeline_block_at(const pipeline_t *pipeline, pipeline_spot_t spot);

/* Whether it is known what a call with this pointer does: with bookkeeping inside a region, stale
 * words can look like a block's to an engine that cannot tell. */
bool pipeline_is_certain(const pipeline_t *pipeline, const void *pointer);

/* The twin's memory of a block, and the address that the manager's has. */
uint8_t *pipeline_twin_bytes(const pipeline_t *pipeline, uint32_t index);
uint8_t *pipeline_real_bytes(const pipeline_t *pipeline, uint32_t index);

/* --- blocks ----------------------------------------------------------------------------------- */

pipeline_outcome_t pipeline_alloc(pipeline_t *pipeline, const berth_request_t *request);
pipeline_outcome_t pipeline_resize(pipeline_t *pipeline, const void *pointer,
                                   const berth_request_t *request);
berth_status_t pipeline_free(pipeline_t *pipeline, const void *pointer);
berth_status_t pipeline_give(pipeline_t *pipeline, const void *pointer, berth_owner_t owner);
uint32_t pipeline_mark(pipeline_t *pipeline, uint8_t index);
berth_status_t pipeline_reset(pipeline_t *pipeline, uint8_t index, uint32_t mark);
berth_status_t pipeline_retire(pipeline_t *pipeline, berth_owner_t owner);

/* --- needs ------------------------------------------------------------------------------------ */

/* Whether a need fits, its items in this order (NULL: as declared): allocates all of it, and goes
 * back to how it was. */
berth_answer_t pipeline_fits(pipeline_t *pipeline, const berth_need_t *rules, const uint8_t *order);

/* Whether a block of it would be placed in an arena, which holds nothing. */
bool pipeline_needs_arena(pipeline_t *pipeline, const berth_need_t *rules);

berth_answer_t pipeline_reserve(pipeline_t *pipeline, uint32_t index, const berth_need_t *rules);
pipeline_outcome_t pipeline_claim(pipeline_t *pipeline, uint32_t index, uint8_t item);
berth_status_t pipeline_release(pipeline_t *pipeline, uint32_t index);

/* Remembers everything, twins' memory included; and goes back to that. There is one memory. */
void pipeline_keep(const pipeline_t *pipeline);
void pipeline_restore(pipeline_t *pipeline);

/* --- questions -------------------------------------------------------------------------------- */

/* The largest size that the request would be granted now. */
uint32_t pipeline_allocatable(pipeline_t *pipeline, const berth_request_t *request);

berth_about_t pipeline_about(pipeline_t *pipeline, const void *pointer);

bool pipeline_can(const pipeline_t *pipeline, const void *pointer, size_t size, berth_caps_t caps);

/* The record of a refusal, 0 the newest; NULL: there is none. */
const pipeline_record_t *pipeline_record_at(const pipeline_t *pipeline, uint32_t index);

/* The record of the last refusal that the running context met, noted as mistaken for an error;
 * NULL: it has been displaced. */
const pipeline_record_t *pipeline_blame(pipeline_t *pipeline, int32_t error);

/* Moves the oldest events to `out`, and says how many. */
uint32_t pipeline_poll(pipeline_t *pipeline, berth_event_t *out, uint32_t capacity);

#endif /* TESTS_MODEL_PIPELINE_MODEL_H */
