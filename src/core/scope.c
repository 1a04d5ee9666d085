/* scope.c: tells who grows each time that a mode is entered.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/scope.h"

#include "event.h"
#include "manager.h"

/* An owner in a region, and what is known of it. */
typedef struct party {
    const berth_region_t *region;
    berth_owner_t owner;
    berth_scope_row_t *row;
    uint32_t live; /* bytes */
} party_t;

/* Whether it holds more than at any entry before, some of which it kept in the mode. */
static bool party_has_grown(const party_t *party)
{
    return party->live > party->row->most && party->row->has_kept;
}

/* Notes an entry. */
static void party_enter(const party_t *party)
{
    berth_scope_row_t *row = party->row;
    if (!party_has_grown(party)) {
        row->streak = 0;
        row->doubled = 0;
        row->base = party->live;
    } else if (row->streak < UINT16_MAX) {
        row->streak++;
    }
    row->entered = party->live;
    row->most = greater(row->most, party->live);
    row->has_kept = true; /* until it is left */
}

static berth_event_t party_event(const party_t *party, const char *name)
{
    const uint32_t site = (uint32_t)(uintptr_t)name;
    berth_event_t event = event_of(BERTH_EVENT_LEAK, BERTH_OK, party->owner, site);
    event.region = party->region->index;
    event.size = party->live - party->row->base;
    event.taken = party->row->streak;
    return event;
}

static uint32_t scope_limit(const berth_scope_t *scope)
{
    return scope->entries_limit != 0 ? scope->entries_limit : BERTH_SCOPE_ENTRIES;
}

/* Returns whether it is told. */
static bool party_look(berth_t *berth, const berth_scope_t *scope, const party_t *party)
{
    berth_scope_row_t *row = party->row;
    if (scope->entries == 0) { /* nothing to compare with */
        *row = (berth_scope_row_t){.most = 0};
    }
    party_enter(party);
    if (row->streak < scope_limit(scope) << row->doubled) {
        return false;
    }
    row->doubled++; /* 16 times at most: a streak ends at UINT16_MAX */
    berth_event_t event = party_event(party, scope->name);
    event_alarm(berth, &event);
    return true;
}

/* The account with an index in all of a manager's; no row: there is none, or no room. */
static party_t party_at(berth_t *berth, berth_scope_t *scope, uint32_t index)
{
    const uint32_t account = index % berth->owner_count;
    party_t party = {.owner = owner_at(account)};
    berth_region_t *region = berth_region_at(berth, (uint8_t)(index / berth->owner_count));
    if (region != NULL && index < scope->capacity) {
        party.region = region;
        party.row = &scope->rows[index];
        party.live = berth_account(berth, region, party.owner).live;
    }
    return party;
}

uint32_t berth_scope_enter(berth_t *berth, berth_scope_t *scope)
{
    uint32_t told = 0;
    if (!manager_is_awake(berth)) {
        return 0;
    }
    uint32_t index = 0;
    for (party_t party = party_at(berth, scope, 0); party.row != NULL;
         party = party_at(berth, scope, ++index)) {
        told += party_look(berth, scope, &party);
    }
    scope->entries++;
    scope->is_inside = true;
    return told;
}

void berth_scope_leave(berth_t *berth, berth_scope_t *scope)
{
    if (berth->port == NULL || !scope->is_inside) {
        return;
    }
    uint32_t index = 0;
    for (party_t party = party_at(berth, scope, 0); party.row != NULL;
         party = party_at(berth, scope, ++index)) {
        party.row->has_kept = party.live > party.row->entered;
    }
    scope->is_inside = false;
}
