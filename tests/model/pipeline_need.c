/* pipeline_need.c: needs that are asked, held, claimed and given up.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

/* --- asking ----------------------------------------------------------------------------------- */

static uint32_t need_count(const berth_item_t *item)
{
    return item->count != 0 ? item->count : 1u;
}

static bool need_is_sane(const berth_need_t *rules)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rules->item_count && i < BERTH_ITEMS; i++) {
        count += need_count(&rules->items[i]) * (rules->items[i].ends != 0 ? 2u : 1u);
    }
    return rules->item_count >= 1 && rules->item_count <= BERTH_ITEMS &&
           rules->piece_count <= BERTH_PIECES && count <= rules->piece_count;
}

static berth_owner_t need_owner(pipeline_t *pipeline, const berth_need_t *rules)
{
    const berth_owner_t scope = pipeline_running(pipeline)->owner;
    return rules->owner != 0 ? rules->owner : scope != 0 ? scope : BERTH_OTHERS;
}

/* One block as berth_alloc() would grant it, `smallest` apart. */
static berth_status_t need_place(pipeline_t *pipeline, const berth_request_t *request,
                                 berth_owner_t owner, uint32_t *block)
{
    pipeline_call_t call = {.owner = owner};
    pipeline_hops_read(&call, request);
    if (!pipeline_hops_are_valid(&call, false)) {
        return BERTH_ERR_INVALID;
    }
    *block = pipeline_serve(pipeline, &call, false);
    if (*block == PIPELINE_NO_BLOCK) {
        return call.status;
    }
    pipeline->blocks[*block].meant = call.granted; /* a later hop may have been for less */
    return BERTH_OK;
}

static uint32_t need_piece(const pipeline_t *pipeline, uint32_t need, uint32_t piece)
{
    for (uint32_t i = 0; i < pipeline->block_count; i++) {
        if (pipeline->blocks[i].need == need + 1u && pipeline->blocks[i].piece == piece) {
            return i;
        }
    }
    return PIPELINE_NO_BLOCK;
}

/* Those that end before an item are freed, the last one first. */
static void need_end(pipeline_t *pipeline, uint32_t need, const berth_need_t *rules, uint32_t item)
{
    for (uint32_t piece = BERTH_PIECES; piece-- > 0;) {
        const uint32_t block = need_piece(pipeline, need, piece);
        if (block != PIPELINE_NO_BLOCK &&
            rules->items[pipeline->blocks[block].item].ends == item + 1u) {
            pipeline_free_block(pipeline, block, 0);
        }
    }
}

/* The first item before which another one ends; the number of items if none does. */
static uint32_t need_held_items(const berth_need_t *rules)
{
    uint32_t first = rules->item_count;
    for (uint32_t i = 0; i < rules->item_count; i++) {
        const uint32_t ends = rules->items[i].ends;
        first = ends > i + 1u && ends - 1u < first ? ends - 1u : first;
    }
    return first;
}

/* Arenas hold nothing: they drop everything at once. And what a block takes there depends on those
 * before it: figures are nobody's promise then. */
static bool need_is_in_arena(const pipeline_t *pipeline, const pipeline_block_t *block)
{
    return pipeline->regions[block->region].twin.engine->mark != NULL;
}

/* Which items are placed, in which order, and whose they become. */
typedef struct need_plan {
    const berth_need_t *rules;
    const uint8_t *order; /* NULL: as declared */
    uint32_t need;        /* its number */
    uint32_t items;
} need_plan_t;

/* Places an item's blocks, the first of which is piece number `piece`. */
static berth_answer_t need_serve_item(pipeline_t *pipeline, const need_plan_t *plan, uint32_t item,
                                      uint32_t piece)
{
    const berth_request_t *request = &plan->rules->items[item].request;
    berth_answer_t answer = {.item = (uint8_t)item, .is_certain = true};
    for (uint32_t i = 0; i < need_count(&plan->rules->items[item]); i++) {
        uint32_t index = PIPELINE_NO_BLOCK;
        answer.status =
            (int8_t)need_place(pipeline, request, need_owner(pipeline, plan->rules), &index);
        answer.block = (uint8_t)i;
        if (answer.status != BERTH_OK) {
            return answer;
        }
        pipeline_block_t *block = &pipeline->blocks[index];
        block->need = (uint8_t)(plan->need + 1u);
        block->item = (uint8_t)item;
        block->piece = (uint8_t)(piece + i);
        answer.is_certain = answer.is_certain && !need_is_in_arena(pipeline, block);
    }
    return answer;
}

static berth_answer_t need_serve(pipeline_t *pipeline, const need_plan_t *plan)
{
    berth_answer_t answer = {.is_certain = true};
    uint32_t piece = 0;
    for (uint32_t at = 0; at < plan->items && answer.status == BERTH_OK; at++) {
        const bool is_certain = answer.is_certain;
        const uint32_t item = plan->order != NULL ? plan->order[at] : at;
        need_end(pipeline, plan->need, plan->rules, item);
        answer = need_serve_item(pipeline, plan, item, piece);
        answer.is_certain = answer.is_certain && is_certain;
        piece += need_count(&plan->rules->items[item]);
    }
    return answer;
}

/* What is told of a block of one hop that does not fit: the region that would grant the most of it,
 * and by how much that is too little. */
static void need_explain(pipeline_t *pipeline, const berth_request_t *request, berth_owner_t owner,
                         berth_answer_t *answer)
{
    pipeline_call_t call = {.owner = owner};
    pipeline_hops_read(&call, request);
    const pipeline_hop_t *hop = &call.hops[0];
    const pipeline_route_t route = pipeline_route(pipeline, hop);
    uint32_t most = 0;
    for (uint32_t i = 0; i < route.count; i++) {
        const pipeline_region_t *region = &pipeline->regions[route.regions[i]];
        const uint32_t grants = pipeline_grantable(pipeline, region, hop, owner);
        if (!pipeline_is_guarded(pipeline, region) &&
            (answer->region == BERTH_NO_REGION || grants > most)) {
            const berth_region_t *twin = &region->twin;
            const uint32_t room = region->capacity - region->used;
            const uint32_t cost =
                twin->engine->cost(twin, hop->size, hop->align, pipeline_payer(region, owner));
            const size_t told = hop->size < UINT32_MAX ? hop->size : UINT32_MAX;
            const size_t wanted = cost != 0 ? cost : told; /* or larger than the region */
            most = grants;
            answer->region = route.regions[i];
            answer->lacks_room = wanted > room;
            answer->missing = (uint32_t)(wanted > room ? wanted - room : hop->size - most);
        }
    }
}

/* What one more like the last could have. */
static uint32_t need_margin(pipeline_t *pipeline, const berth_need_t *rules)
{
    berth_request_t more = rules->items[rules->item_count - 1u].request;
    more.owner = need_owner(pipeline, rules);
    return pipeline_allocatable(pipeline, &more);
}

berth_answer_t pipeline_fits(pipeline_t *pipeline, const berth_need_t *rules, const uint8_t *order)
{
    const berth_owner_t owner = need_owner(pipeline, rules);
    const uint8_t guards = pipeline_running(pipeline)->guards;
    if (!need_is_sane(rules) || !pipeline_has_account(pipeline, owner) ||
        pipeline->is_retired[owner]) {
        return (berth_answer_t){.status = BERTH_ERR_INVALID, .is_certain = true};
    }
    if ((guards & BERTH_GUARD_NO_ALLOC) != 0 && !pipeline->is_lenient) {
        return (berth_answer_t){.status = BERTH_ERR_GUARD, .is_certain = true};
    }
    pipeline_keep(pipeline);
    const need_plan_t plan = {rules, order, PIPELINE_NEEDS, rules->item_count};
    berth_answer_t answer = need_serve(pipeline, &plan);
    if (answer.status == BERTH_OK) {
        answer.margin = need_margin(pipeline, rules);
    } else {
        answer.region = BERTH_NO_REGION;
        need_explain(pipeline, &rules->items[answer.item].request, owner, &answer);
    }
    pipeline_restore(pipeline);
    return answer;
}

/* --- holding ---------------------------------------------------------------------------------- */

bool pipeline_needs_arena(pipeline_t *pipeline, const berth_need_t *rules)
{
    return !pipeline_fits(pipeline, rules, NULL).is_certain;
}

berth_answer_t pipeline_reserve(pipeline_t *pipeline, uint32_t index, const berth_need_t *rules)
{
    const need_plan_t plan = {rules, NULL, index, need_held_items(rules)};
    const berth_answer_t answer = pipeline_fits(pipeline, rules, NULL);
    if (answer.status == BERTH_OK) {
        (void)need_serve(pipeline, &plan);
        pipeline->needs[index] =
            (pipeline_need_t){.rules = rules, .owner = need_owner(pipeline, rules)};
    }
    return answer;
}

berth_status_t pipeline_release(pipeline_t *pipeline, uint32_t index)
{
    if (pipeline->needs[index].rules == NULL) {
        return BERTH_ERR_INVALID;
    }
    for (uint32_t piece = 0; piece < BERTH_PIECES; piece++) {
        const uint32_t block = need_piece(pipeline, index, piece);
        if (block != PIPELINE_NO_BLOCK && pipeline->blocks[block].is_claimed) {
            pipeline->blocks[block].need = 0;
            pipeline->blocks[block].is_claimed = false;
        } else if (block != PIPELINE_NO_BLOCK) {
            pipeline_free_block(pipeline, block, 0);
        }
    }
    pipeline->needs[index] = (pipeline_need_t){.rules = NULL};
    return BERTH_OK;
}

/* --- claiming --------------------------------------------------------------------------------- */

static void need_post(pipeline_t *pipeline, const pipeline_block_t *block, uint8_t kind,
                      uint32_t size, uint32_t site)
{
    pipeline_post(pipeline, (berth_event_t){.kind = kind,
                                            .site = site,
                                            .region = block->region,
                                            .offset = block->offset,
                                            .size = size,
                                            .taken = block->taken,
                                            .owner = block->owner});
}

/* Whether a block is held, nobody's yet, and its region may be entered. */
static bool need_may_claim(pipeline_t *pipeline, const pipeline_block_t *block)
{
    return block->need != 0 && !block->is_claimed &&
           !pipeline->is_retired[pipeline->needs[block->need - 1u].owner] &&
           !pipeline->regions[block->region].is_busy &&
           !pipeline_is_guarded(pipeline, &pipeline->regions[block->region]);
}

static bool need_suits(const pipeline_t *pipeline, const pipeline_block_t *block,
                       const pipeline_call_t *call)
{
    const pipeline_region_t *region = &pipeline->regions[block->region];
    const pipeline_need_t *need = &pipeline->needs[block->need - 1u];
    const berth_item_t *item = &need->rules->items[block->item];
    const pipeline_hop_t *hop = &call->hops[0];
    const size_t least = item->least != 0 ? item->least : block->meant;
    const uint32_t address = region->twin.address + block->offset;
    return need->owner == call->owner && hop->size >= least && hop->size <= block->meant &&
           (hop->needed & ~pipeline_caps(region)) == 0 &&
           (hop->align == 0 || address % hop->align == 0);
}

/* Of two that will do: the one that the manager has taken. */
static uint32_t need_choose(const pipeline_t *pipeline, uint32_t one, uint32_t other)
{
    const bool is_got = pipeline_real_bytes(pipeline, other) == (const uint8_t *)pipeline->got;
    return one == PIPELINE_NO_BLOCK || is_got ? other : one;
}

uint32_t pipeline_claim_alike(pipeline_t *pipeline, const pipeline_call_t *call)
{
    uint32_t claimed = PIPELINE_NO_BLOCK;
    for (uint32_t i = 0; i < pipeline->block_count; i++) {
        const pipeline_block_t *block = &pipeline->blocks[i];
        if (need_may_claim(pipeline, block) && need_suits(pipeline, block, call)) {
            claimed = need_choose(pipeline, claimed, i);
        }
    }
    if (claimed != PIPELINE_NO_BLOCK) {
        pipeline->blocks[claimed].is_claimed = true;
        need_post(pipeline, &pipeline->blocks[claimed], BERTH_EVENT_CLAIM,
                  (uint32_t)call->hops[0].size, call->request->site);
    }
    return claimed;
}

pipeline_outcome_t pipeline_claim(pipeline_t *pipeline, uint32_t index, uint8_t item)
{
    pipeline_outcome_t outcome = {.status = BERTH_ERR_NOMEM, .block = PIPELINE_NO_BLOCK};
    for (uint32_t i = 0; i < pipeline->block_count; i++) {
        const pipeline_block_t *block = &pipeline->blocks[i];
        if (need_may_claim(pipeline, block) && block->need == index + 1u && block->item == item) {
            outcome.block = need_choose(pipeline, outcome.block, i);
        }
    }
    if (outcome.block != PIPELINE_NO_BLOCK) {
        outcome.status = BERTH_OK;
        pipeline->blocks[outcome.block].is_claimed = true;
        need_post(pipeline, &pipeline->blocks[outcome.block], BERTH_EVENT_CLAIM,
                  pipeline->blocks[outcome.block].meant, 0);
    }
    return outcome;
}

void pipeline_return(pipeline_t *pipeline, uint32_t index, uint32_t site)
{
    pipeline_block_t *block = &pipeline->blocks[index];
    pipeline_scrub(pipeline, index);
    block->is_claimed = false;
    need_post(pipeline, block, BERTH_EVENT_RETURN, 0, site);
}
