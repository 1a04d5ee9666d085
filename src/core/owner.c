/* owner.c: who may have blocks and where: owners, the running context's scopes and guards.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "event.h"
#include "manager.h"

/* --- what the other stages ask --------------------------------------------------------------- */

int32_t context_bars(uint8_t guards, const berth_region_t *region)
{
    const bool is_barred =
        ((guards & BERTH_GUARD_ISR) != 0 && region->lock.kind == BERTH_LOCK_LONG) ||
        ((guards & BERTH_GUARD_CACHE_OFF) != 0 && !has_all(region->able, BERTH_CAP_CACHE_OFF));
    const int32_t status = region_is_fenced(region) ? BERTH_ERR_CORRUPT : BERTH_OK;
    return is_barred ? BERTH_ERR_GUARD : status;
}

bool owner_has_account(const berth_t *berth, berth_owner_t owner)
{
    return owner_account(owner) < berth->owner_count && owner != BERTH_NO_OWNER;
}

bool owner_is_served(const berth_t *berth, berth_owner_t owner)
{
    return owner_has_account(berth, owner) && !owner_is_in(berth->retired, owner);
}

/* --- scopes and guards ----------------------------------------------------------------------- */

berth_owner_t berth_owner_push(berth_t *berth, berth_owner_t owner)
{
    if (!manager_is_awake(berth)) {
        return BERTH_NO_OWNER;
    }
    berth_context_t *context = context_of(berth);
    const berth_owner_t before = context->owner;
    context->owner = owner;
    return before;
}

void berth_owner_pop(berth_t *berth, berth_owner_t before)
{
    if (berth->port != NULL) {
        context_of(berth)->owner = before;
    }
}

/* Counts the contexts under guard: while there are none, nobody looks for guards. */
static void guards_set(berth_t *berth, berth_context_t *context, uint8_t guards)
{
    const uint8_t counted = (uint8_t)~BERTH_GUARD_ISR; /* which a port sets, and locks tell */
    const int difference = ((guards & counted) != 0) - ((context->guards & counted) != 0);
    context->guards = guards;
    if (difference != 0) {
        __atomic_fetch_add(&berth->attention, (uint32_t)difference, __ATOMIC_RELAXED);
    }
}

uint8_t berth_guard_enter(berth_t *berth, uint8_t guards)
{
    if (!manager_is_awake(berth)) {
        return 0;
    }
    berth_context_t *context = context_of(berth);
    const uint8_t before = context->guards;
    guards_set(berth, context, (uint8_t)(before | guards));
    return before;
}

void berth_guard_leave(berth_t *berth, uint8_t before)
{
    if (berth->port != NULL) {
        guards_set(berth, context_of(berth), before);
    }
}

/* --- the end of an owner --------------------------------------------------------------------- */

berth_status_t berth_owner_retire(berth_t *berth, berth_owner_t owner)
{
    if (!manager_is_awake(berth) || owner == BERTH_OTHERS || !owner_has_account(berth, owner)) {
        return BERTH_ERR_INVALID;
    }
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    if (key == BERTH_LOCK_REFUSED) {
        return BERTH_ERR_BUSY;
    }
    const bool is_first = !owner_is_in(berth->retired, owner);
    berth->retired[owner / 32u] |= 1u << owner % 32u;
    __atomic_fetch_or(&berth->attention, ATTENTION_OWNERS, __ATOMIC_RELAXED);
    lock_leave(berth->port, &berth->tables, key);
    if (!is_first) {
        return BERTH_ERR_INVALID;
    }
    berth_event_t event = event_of(BERTH_EVENT_RETIRE, BERTH_OK, owner, SITE);
    event_alarm(berth, &event);
    return BERTH_OK;
}

bool berth_owner_is_retired(const berth_t *berth, berth_owner_t owner)
{
    return owner_has_account(berth, owner) && owner_is_in(berth->retired, owner);
}
