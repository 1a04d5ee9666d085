/* pipeline_inside.h: what the model's own files say to one another.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_PIPELINE_INSIDE_H
#define TESTS_MODEL_PIPELINE_INSIDE_H

#include "pipeline_model.h"

/* A request or a link of its chain, read together with the one before it. */
typedef struct pipeline_hop {
    size_t size;
    size_t smallest;
    uint32_t align;
    uint32_t left;
    berth_caps_t needed;
    berth_caps_t preferred;
} pipeline_hop_t;

/* One call that asks for a block, while it goes on. */
typedef struct pipeline_call {
    const berth_request_t *request;
    berth_owner_t owner; /* who pays, unless a region says otherwise */
    uint32_t hop_count;
    pipeline_hop_t hops[PIPELINE_READ];
    berth_status_t status; /* why the first region that was asked did not serve; NOCAP */
    uint32_t granted;      /* bytes */
    uint32_t asked;        /* a bit for each region that has refused */
    uint32_t reason_count;
    pipeline_reason_t reasons[BERTH_REASONS];
} pipeline_call_t;

/* The regions that a hop asks, in order. */
typedef struct pipeline_route {
    uint32_t count;
    uint8_t regions[PIPELINE_REGIONS];
} pipeline_route_t;

/* --- pipeline_route.c ------------------------------------------------------------------------- */

void pipeline_hops_read(pipeline_call_t *call, const berth_request_t *request);

/* Whether size, alignments and smallest sizes make sense. */
bool pipeline_hops_are_valid(const pipeline_call_t *call, bool has_smallest);

berth_caps_t pipeline_wanted(berth_caps_t caps);
berth_caps_t pipeline_caps(const pipeline_region_t *region);
pipeline_route_t pipeline_route(const pipeline_t *pipeline, const pipeline_hop_t *hop);

/* --- pipeline_ask.c --------------------------------------------------------------------------- */

/* Rule 1 of asking. */
bool pipeline_is_guarded(pipeline_t *pipeline, const pipeline_region_t *region);

/* Who pays in a region for a call of this owner's. */
berth_owner_t pipeline_payer(const pipeline_region_t *region, berth_owner_t owner);

/* What is kept in a region for others than who pays and needs these. */
uint64_t pipeline_floor(const pipeline_region_t *region, berth_owner_t payer, berth_caps_t needed);

/* Asks a region for a block by rules 1 to 6. Granted: *block is its index. */
berth_status_t pipeline_ask(pipeline_t *pipeline, pipeline_region_t *region,
                            const pipeline_hop_t *hop, berth_owner_t owner, uint32_t *block);

/* The largest size that rules 1 to 6 would grant. */
uint32_t pipeline_grantable(pipeline_t *pipeline, const pipeline_region_t *region,
                            const pipeline_hop_t *hop, berth_owner_t owner);

/* --- pipeline_alloc.c ------------------------------------------------------------------------- */

/* Asks one region within a call, and keeps the reason if it refuses. */
berth_status_t pipeline_call_ask(pipeline_t *pipeline, pipeline_call_t *call, uint8_t index,
                                 const pipeline_hop_t *hop, uint32_t *block);

/* Follows all hops; posts what came of a grant. Returns the block's index, or PIPELINE_NO_BLOCK. */
uint32_t pipeline_serve(pipeline_t *pipeline, pipeline_call_t *call, bool has_smallest);

/* Rule NO_ALLOC. True: the call is refused. */
bool pipeline_is_forbidden(pipeline_t *pipeline, const pipeline_call_t *call);

/* Posts a grant, and the budget that it exceeded. */
void pipeline_granted(pipeline_t *pipeline, pipeline_call_t *call, uint32_t index, uint32_t size,
                      bool is_fallback);

/* Posts a refusal and keeps its record. */
void pipeline_refused(pipeline_t *pipeline, pipeline_call_t *call, berth_event_t event);

/* --- pipeline_records.c ----------------------------------------------------------------------- */

/* Keeps why a region refused, unless it is known or there are enough. */
void pipeline_reason_add(pipeline_t *pipeline, pipeline_call_t *call, uint8_t region,
                         int32_t status);

/* Keeps the refusal that an event tells of. */
void pipeline_record_keep(pipeline_t *pipeline, pipeline_call_t *call, const berth_event_t *event);

/* --- pipeline_need.c -------------------------------------------------------------------------- */

/* Gives a call a block that is held for its owner. Returns its index, or PIPELINE_NO_BLOCK. */
uint32_t pipeline_claim_alike(pipeline_t *pipeline, const pipeline_call_t *call);

/* A claimed block goes back to its need. */
void pipeline_return(pipeline_t *pipeline, uint32_t index, uint32_t site);

/* --- pipeline_ledger.c ------------------------------------------------------------------------ */

/* Charges a new block; returns its index. */
uint32_t pipeline_block_add(pipeline_t *pipeline, pipeline_block_t block);

/* Takes bytes and blocks off an account and its region. */
void pipeline_refund(pipeline_region_t *region, berth_owner_t owner, uint32_t bytes,
                     uint32_t blocks);

/* Forgets a block: the last takes its index. Its owner may have to pay on. */
void pipeline_block_drop(pipeline_t *pipeline, uint32_t index);

/* A block takes another number of bytes. */
void pipeline_block_retake(pipeline_t *pipeline, uint32_t index, uint32_t taken);

/* A block has another owner. */
void pipeline_block_rename(pipeline_t *pipeline, uint32_t index, berth_owner_t owner);

/* Posts BUDGET if the owner of this block, who held `before` bytes in its region, exceeds its soft
 * budget only now. */
void pipeline_budget_watch(pipeline_t *pipeline, uint32_t index, uint32_t before, uint32_t site);

/* --- pipeline_blocks.c ------------------------------------------------------------------------ */

/* A pointer to a block that a call may touch: why not, and where it is. */
typedef struct pipeline_reach {
    berth_status_t status;
    pipeline_spot_t spot;
    uint32_t block;
} pipeline_reach_t;

pipeline_reach_t pipeline_reach(pipeline_t *pipeline, const void *pointer);

/* A refusal, so far as the pointer decides it. */
berth_event_t pipeline_reach_event(const pipeline_reach_t *reach, uint8_t kind);

/* Overwrites a block whose owner wants that. */
void pipeline_scrub(pipeline_t *pipeline, uint32_t index);

/* Frees a live block. */
void pipeline_free_block(pipeline_t *pipeline, uint32_t index, uint32_t site);

/* --- pipeline_events.c ------------------------------------------------------------------------ */

/* Gives an event its number and time, and keeps it if it is to be kept. */
void pipeline_post(pipeline_t *pipeline, berth_event_t event);

#endif /* TESTS_MODEL_PIPELINE_INSIDE_H */
