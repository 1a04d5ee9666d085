/* short.h: the commonest allocation and free in one go, where code is built for speed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A short way does what manager.c would do, or nothing at all: then manager.c does it. It serves
 * one hop without conditions, in the region that comes first, for an owner who is well within
 * budget; and frees blocks of such regions while no context is guarded and no owner is retired or
 * scrubbed.
 */
#ifndef BERTH_SHORT_H
#define BERTH_SHORT_H

#include "event.h"
#include "ledger.h"

#define SHORT static inline __attribute__((always_inline))
#define UNLIKELY(claim) __builtin_expect((claim), 0)

/* Who asked, for the event. */
#define SITE_OF(request) ((request)->site != 0 ? (request)->site : SITE)

/* Whether nothing needs attention but other owners' reservations. */
static COLD bool short_attends(berth_t *berth, const berth_request_t *request)
{
    const berth_owner_t owner =
        request->owner != BERTH_NO_OWNER ? request->owner : context_owner(context_of(berth));
    return PEEK(berth->attention) == ATTENTION_NEEDS &&
           (PEEK(berth->needy) >> owner % 32u & 1u) == 0;
}

/* Whether a request is one hop of one size without conditions. */
SHORT bool short_suits(berth_t *berth, const berth_request_t *request)
{
    const uintptr_t conditions = request->smallest | request->left | request->preferred |
                                 (uintptr_t)request->otherwise | request->is_zeroed;
    return (conditions | PEEK(berth->attention)) == 0 ||
           (conditions == 0 && short_attends(berth, request));
}

/* The region that manager.c would ask first, if the first word of caps decides that. */
SHORT berth_region_t *short_route_caps(berth_t *berth, const berth_request_t *request)
{
    const berth_caps_t needed = hop_needed(request);
    const bool is_plain = (needed & ~ANY_ACCESS) == 0;
    const berth_caps_t wanted = is_plain ? needed | BERTH_CAP_DEFAULT : needed;
    berth_region_t *region = LIST_READ(berth->first);
    while (region != NULL &&
           (!has_all(region->able, wanted) || (region->caps[0] & wanted & ~ANY_ACCESS) == 0 ||
            (is_plain && !region_suits(region, request->size)))) {
        region = LIST_READ(region->next);
    }
    const bool is_short = region != NULL && (region->able & ABLE_SHORT) != 0;
    return is_short && has_all(CAPS_KNOWN, needed) ? region : NULL;
}

SHORT berth_region_t *short_route(berth_t *berth, const berth_request_t *request)
{
    berth_region_t *plain = LIST_READ(berth->plain);
    const bool is_plain = request->needed == 0 && plain != NULL;
    return is_plain && region_suits(plain, request->size) ? plain
                                                          : short_route_caps(berth, request);
}

/* The place for a region's next event; NULL: that is for short_post(). */
SHORT berth_event_t *short_slot(berth_t *berth, berth_region_t *region, berth_event_kind_t kind)
{
    berth_ring_t *ring = &region->ring;
    if (UNLIKELY((ring->skip & (1u << kind | RING_FOLLOWED)) != 0)) {
        return NULL;
    }
    berth_event_t *slot = &ring->events[ring->posted++ & ring->mask];
    slot->sequence = event_number(berth);
    slot->kind = (uint8_t)kind;
    slot->status = BERTH_OK;
    slot->region = region->index;
    return slot;
}

SHORT void short_charge(berth_account_t *account, uint32_t size)
{
    account->live += size;
    account->count++;
    if (account->live > account->peak) {
        account->peak = account->live;
    }
}

/* Who asks, and at what time. */
typedef struct asker {
    uint64_t time;
    uint32_t site;
    berth_owner_t owner;
} asker_t;

static COLD void short_exceed(berth_t *berth, berth_region_t *region, uint32_t offset,
                              const asker_t *asker)
{
    const spot_t spot = {.region = region, .offset = offset};
    const berth_event_t event = event_at(BERTH_EVENT_ALLOC, &spot, asker->owner, asker->site);
    event_alarm_budget(berth, region, &event);
}

typedef struct who {
    uint32_t site;
    uint32_t owner;
} who_t;

/* Tells of a block where that is not kept, or others want to know; size 0: it was freed. */
static COLD void short_post(berth_t *berth, berth_region_t *region, berth_grant_t block,
                            uint32_t size, who_t who)
{
    if ((region->ring.skip & RING_FOLLOWED) == 0) {
        (void)event_number(berth);
        return;
    }
    berth_event_t event = {.site = who.site,
                           .offset = block.offset,
                           .size = size,
                           .taken = block.size,
                           .kind = size != 0 ? BERTH_EVENT_ALLOC : BERTH_EVENT_FREE,
                           .region = region->index,
                           .owner = (berth_owner_t)who.owner};
    event_post(berth, region, &event);
}

/* Charges a grant, and tells of it. */
SHORT void short_book(berth_t *berth, berth_region_t *region, berth_grant_t grant, size_t size,
                      asker_t asker)
{
    const uint32_t index = owner_account(asker.owner);
    berth_account_t *account = &region->accounts[index];
    const uint32_t soft = region->budgets != NULL ? region->budgets[index].soft : UINT32_MAX;
    region->changes++;
    short_charge(&region->total, grant.size);
    short_charge(account, grant.size);
    const uint32_t live = account->live;
    berth_event_t *event = short_slot(berth, region, BERTH_EVENT_ALLOC);
    if (event != NULL) {
        event->time_us = asker.time;
        event->site = asker.site;
        event->offset = grant.offset;
        event->size = (uint32_t)size;
        event->taken = grant.size;
        event->owner = asker.owner;
    } else {
        short_post(berth, region, grant, (uint32_t)size, (who_t){asker.site, asker.owner});
    }
    if (UNLIKELY(live > soft) && soft != 0 && live - grant.size <= soft) {
        short_exceed(berth, region, grant.offset, &asker);
    }
}

/* Whether the ledger allows what comes near to a bound, or to a floor. */
static COLD bool short_judge(const berth_region_t *region, const berth_request_t *request,
                             berth_owner_t owner)
{
    return ledger_judge(region, owner, request) == BERTH_OK;
}

/* Allocates in a region whose lock is held. NULL: not as easily as that. */
SHORT void *short_serve(berth_t *berth, berth_region_t *region, const berth_request_t *request,
                        berth_owner_t owner)
{
    const uint32_t index = owner_account(owner);
    const berth_budget_t *budgets = region->budgets;
    const uint32_t hard = budgets != NULL ? budgets[index].hard - 1u : UINT32_MAX; /* none: 0 - 1 */
    const uint64_t most =
        (uint64_t)region->accounts[index].live + request->size + request->align + region->slack;
    if (UNLIKELY(most > hard) && !short_judge(region, request, owner)) {
        return NULL;
    }
    asker_t asker = {.time = event_time(berth), .owner = owner};
    const berth_grant_t grant = region->engine->alloc(region, request->size, request->align, owner);
    if (grant.offset == BERTH_NOWHERE) {
        return NULL;
    }
    asker.site = SITE_OF(request);
    short_book(berth, region, grant, request->size, asker);
    return (uint8_t *)region->base + grant.offset;
}

/* NULL: nothing has changed. */
SHORT void *short_alloc(berth_t *berth, const berth_request_t *request)
{
    if (!short_suits(berth, request)) {
        return NULL;
    }
    berth_region_t *region = short_route(berth, request);
    if (region == NULL) {
        return NULL;
    }
    const berth_owner_t owner =
        request->owner != BERTH_NO_OWNER ? request->owner : context_owner(context_of(berth));
    if (owner_account(owner) >= berth->owner_count) {
        return NULL;
    }
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return NULL;
    }
    void *block = short_serve(berth, region, request, owner);
    lock_leave(berth->port, &region->lock, key);
    return block;
}

SHORT void short_refund(berth_account_t *account, uint32_t size)
{
    account->live -= size;
    account->count--;
}

/* Refunds what an engine took back, and tells of it. */
SHORT void short_return(berth_t *berth, berth_region_t *region, uint32_t offset, uint32_t size,
                        asker_t asker)
{
    region->changes++;
    short_refund(&region->total, size);
    const uint32_t index = owner_account(asker.owner);
    if (index < berth->owner_count) { /* or damage wrote it */
        short_refund(&region->accounts[index], size);
    }
    berth_event_t *event = short_slot(berth, region, BERTH_EVENT_FREE);
    if (event != NULL) {
        event->time_us = asker.time;
        event->site = asker.site;
        event->offset = offset;
        event->size = 0;
        event->taken = size;
        event->owner = asker.owner;
    } else {
        short_post(berth, region, (berth_grant_t){offset, size}, 0,
                   (who_t){asker.site, asker.owner});
    }
}

/* Whether nothing needs attention but reservations, and of these no block lies there. */
static COLD bool short_passes(const berth_t *berth, const berth_region_t *region, uint32_t offset)
{
    return PEEK(berth->attention) == ATTENTION_NEEDS &&
           (PEEK(region->held) & held_bit(offset)) == 0;
}

/* False: nothing has changed. */
SHORT bool short_free(berth_t *berth, const void *block)
{
    const berth_window_t *window = LIST_READ(berth->windows);
    while (window != NULL && (uintptr_t)block - window->base >= window->size) {
        window = LIST_READ(window->next);
    }
    if (window == NULL || (window->region->able & ABLE_SHORT) == 0) {
        return false;
    }
    berth_region_t *region = window->region;
    const uint32_t offset = (uint32_t)((uintptr_t)block - window->base);
    if (UNLIKELY(PEEK(berth->attention) != 0) && !short_passes(berth, region, offset)) {
        return false;
    }
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    asker_t asker = {.time = event_time(berth), .site = SITE};
    const berth_change_t change = region->engine->free(region, offset);
    if (change.status == BERTH_OK) {
        asker.owner = (berth_owner_t)change.owner;
        short_return(berth, region, offset, change.before, asker);
    }
    lock_leave(berth->port, &region->lock, key);
    return change.status == BERTH_OK;
}

#endif /* BERTH_SHORT_H */
