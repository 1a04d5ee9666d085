/* setup.c: starts a manager, and adds regions to it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "event.h"
#include "follow.h"
#include "manager.h"

#define REGIONS_MOST 32u /* a bit for each in a route */
#define OWNERS_MOST 127u
#define EVENTS_LEAST 4u

static COLD uint32_t power_of_two_within(uint32_t value)
{
    return value != 0 ? 1u << (31u - (uint32_t)__builtin_clz(value)) : 0;
}

/* The ring of `room` events from place `from` of the configuration's on; none: nothing is kept. */
static COLD berth_ring_t ring_of(const berth_config_t *config, uint32_t from, uint32_t room)
{
    berth_ring_t ring = {.skip = UINT32_MAX};
    if (room != 0) {
        ring = (berth_ring_t){.events = config->events + from, .mask = room - 1};
    }
    return ring;
}

/* --- regions --------------------------------------------------------------------------------- */

static bool spans_meet(const berth_window_t *a, const berth_window_t *b)
{
    return a->base - b->base < b->size || b->base - a->base < a->size;
}

static bool span_is_within(const berth_window_t *inner, const berth_window_t *outer)
{
    return inner->base - outer->base < outer->size &&
           inner->size <= outer->size - (inner->base - outer->base);
}

/* Whether a window lies outside of all others; or wholly in one, where that may be. */
static bool window_is_apart(const berth_t *berth, const berth_window_t *window, bool may_nest)
{
    for (const berth_window_t *each = berth->windows; each != NULL; each = each->next) {
        const bool is_same = each->base == window->base && each->size == window->size;
        const bool is_nested = may_nest && !is_same && span_is_within(window, each);
        if (!is_nested && spans_meet(each, window)) {
            return false;
        }
    }
    return true;
}

/* Puts a window before the one that it lies in, so that the innermost is found; or last. */
static void window_link(berth_t *berth, berth_region_t *region, berth_window_t *window)
{
    berth_window_t **link = &berth->windows;
    while (*link != NULL && !span_is_within(window, *link)) {
        link = &(*link)->next;
    }
    window->region = region;
    window->next = *link;
    LIST_WRITE(*link, window);
}

/* Whether the windows of one region are apart from each other. */
static bool aliases_are_apart(const berth_region_t *region)
{
    for (uint32_t i = 0; i < region->alias_count; i++) {
        const berth_window_t *alias = &region->aliases[i];
        if (alias->size > region->size || spans_meet(alias, &region->window)) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (spans_meet(alias, &region->aliases[j])) {
                return false;
            }
        }
    }
    return true;
}

static bool windows_are_apart(const berth_t *berth, const berth_region_t *region, bool may_nest)
{
    bool are_apart = aliases_are_apart(region) && window_is_apart(berth, &region->window, may_nest);
    for (uint32_t i = 0; i < region->alias_count; i++) {
        are_apart = are_apart && window_is_apart(berth, &region->aliases[i], may_nest);
    }
    return are_apart;
}

/* Whether requests that name no caps come here before any other region, if their size suits. */
static bool region_is_plain(const berth_t *berth, const berth_region_t *region)
{
    const berth_caps_t wanted = BERTH_CAP_BYTES | BERTH_CAP_DEFAULT;
    const berth_region_t *before = berth->first;
    while (before != NULL && !has_all(before->able, wanted)) {
        before = before->next;
    }
    return before == NULL && has_all(region->able, wanted | ABLE_SHORT) &&
           (region->caps[0] & BERTH_CAP_DEFAULT) != 0;
}

/* Windows first: whoever gets a block of the region must be able to free it. */
static void region_link(berth_t *berth, berth_region_t *region)
{
    const bool is_plain = region_is_plain(berth, region);
    berth_region_t **end = &berth->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    if (region->window.size != 0) {
        window_link(berth, region, &region->window);
    }
    for (uint32_t i = 0; i < region->alias_count; i++) {
        window_link(berth, region, &region->aliases[i]);
    }
    region->next = NULL;
    LIST_WRITE(*end, region);
    if (is_plain) {
        LIST_WRITE(berth->plain, region);
    }
}

/* The bytes that blocks can take: an empty region's, all in all. Bounded by its blocks. */
static uint32_t region_capacity(const berth_region_t *region)
{
    uint32_t capacity = 0;
    uint32_t cursor = BERTH_WALK_START;
    while (cursor != BERTH_NOWHERE) {
        const berth_block_t block = region->engine->walk(region, cursor);
        if (block.status != BERTH_OK) {
            return UINT32_MAX; /* an engine that cannot walk has no end that is known */
        }
        capacity += block.taken;
        cursor = block.next;
    }
    return capacity;
}

static bool region_is_in(const berth_t *berth, const berth_region_t *region)
{
    const berth_region_t *each = berth->first;
    while (each != NULL && each != region) {
        each = each->next;
    }
    return each != NULL;
}

/* Whether what the board says of a region makes sense. */
static bool region_is_sane(const berth_t *berth, const berth_region_t *region)
{
    const berth_caps_t caps = region->caps[0] | region->caps[1] | region->caps[2];
    return region->engine != NULL && berth->region_count < REGIONS_MOST &&
           has_all(CAPS_KNOWN, caps) && !region_is_in(berth, region) &&
           (region->owner == BERTH_NO_OWNER || owner_has_account(berth, region->owner)) &&
           (region->budgets == NULL || region->accounts != NULL) &&
           (region->base != NULL || region->engine->pointer != NULL);
}

static bool region_has_window(const berth_region_t *region)
{
    return region->engine->pointer == NULL;
}

/* Starts the engine, if the region's windows are its own. */
static bool region_start(const berth_t *berth, berth_region_t *region, bool may_nest)
{
    const bool has_window = region_has_window(region);
    region->window =
        (berth_window_t){.base = (uintptr_t)region->base, .size = has_window ? region->size : 0};
    return (!has_window || windows_are_apart(berth, region, may_nest)) &&
           region->engine->start(region) == BERTH_OK;
}

bool region_is_short(const berth_region_t *region)
{
    return region_has_window(region) && region->engine->reset == NULL && region->accounts != NULL &&
           region->owner == BERTH_NO_OWNER;
}

static void region_clear(const berth_t *berth, berth_region_t *region)
{
    region->total = (berth_account_t){0};
    region->refused = 0;
    region->changes = 0;
    region->held = 0;
    region->unclaimed = 0;
    region->follow = NULL;
    region->ring = (berth_ring_t){.skip = RING_SKIPS_ALL};
    if (region->accounts != NULL) {
        memset(region->accounts, 0, berth->owner_count * sizeof *region->accounts);
    }
}

/* Sets what follows from the board's fields. The engine is started. */
static COLD void region_plan(const berth_t *berth, berth_region_t *region)
{
    const berth_engine_t *engine = region->engine;
    if (engine->reset != NULL && region->owner == BERTH_NO_OWNER) {
        region->owner = BERTH_OTHERS;
    }
    const bool is_masked = engine->is_isr_safe && !region->is_slow;
    region->lock = (berth_lock_t){.kind = is_masked ? BERTH_LOCK_SHORT : BERTH_LOCK_LONG};
    region->index = berth->region_count;
    region->able = region->caps[0] | region->caps[1] | region->caps[2] | BERTH_CAP_WORDS;
    region->able |= region_is_short(region) ? ABLE_SHORT : 0;
    region->capacity = region_capacity(region);
    region->slack = region->floors == NULL
                        ? engine->cost(region, 1, 0, BERTH_OTHERS) + region->granule
                        : UINT32_MAX;
}

/* Sets all that a manager keeps in a region. False: it makes no sense. */
static bool region_prepare(const berth_t *berth, berth_region_t *region, bool may_nest)
{
    if (!region_is_sane(berth, region) || !region_start(berth, region, may_nest)) {
        return false;
    }
    region_plan(berth, region);
    region_clear(berth, region);
    return berth->port->lock_start == NULL ||
           berth->port->lock_start(berth->port->self, &region->lock);
}

/* Lets a prepared region serve. */
static COLD void region_join(berth_t *berth, berth_region_t *region)
{
    berth->region_count++;
    region_link(berth, region);
}

berth_status_t berth_region_add(berth_t *berth, berth_region_t *region)
{
    if (!manager_is_awake(berth)) {
        return BERTH_ERR_INVALID;
    }
    if (!region_prepare(berth, region, true)) {
        return BERTH_ERR_INVALID;
    }
    region_join(berth, region);
    const spot_t spot = {.region = region};
    berth_event_t event = event_at(BERTH_EVENT_REGION, &spot, region->owner, SITE);
    event.size = region->size;
    event.taken = region->capacity;
    event_alarm(berth, &event);
    follow_joined(berth, region);
    return BERTH_OK;
}

/* --- a manager ------------------------------------------------------------------------------- */

static bool config_is_sane(const berth_config_t *config)
{
    const berth_port_t *port = config->port;
    return port != NULL && port->lock != NULL && port->unlock != NULL && port->now_us != NULL &&
           port->context != NULL && config->region_count != 0 && config->regions != NULL &&
           config->owner_count != 0 && config->owner_count <= OWNERS_MOST &&
           (config->event_count == 0 ||
            (config->event_count >= EVENTS_LEAST && config->events != NULL &&
             config->event_count / 2 >= config->region_count));
}

/* The events that each configured region has room for. */
static uint32_t events_each(const berth_config_t *config)
{
    const uint32_t room = config->event_count;
    return power_of_two_within((room - room / 4) / config->region_count);
}

static berth_ring_t alarms_of(const berth_config_t *config, uint32_t each)
{
    const uint32_t shared = config->region_count * each;
    return ring_of(config, shared, power_of_two_within(config->event_count - shared));
}

static bool scrubbed_prepare(berth_t *berth, const berth_owner_t *owners)
{
    for (; owners != NULL && *owners != BERTH_NO_OWNER; owners++) {
        if (!owner_has_account(berth, *owners)) {
            return false;
        }
        berth->scrubbed[*owners / 32u] |= 1u << *owners % 32u;
        berth->attention = ATTENTION_OWNERS;
    }
    return true;
}

static bool regions_prepare(berth_t *berth, const berth_config_t *config, uint32_t each)
{
    berth_account_t *accounts = config->accounts;
    for (uint32_t i = 0; i < config->region_count; i++) {
        berth_region_t *region = &config->regions[i];
        if (region->accounts == NULL && accounts != NULL) {
            region->accounts = accounts;
            accounts += config->owner_count;
        }
        if (!region_prepare(berth, region, false)) {
            return false;
        }
        region->ring = ring_of(config, i * each, each);
        region->ring.skip = (region->ring.skip | config->event_skip) & RING_SKIPS_ALL;
        region_join(berth, region);
    }
    return true;
}

/* Starts all but the regions. From then on an ISR is refused properly. */
static bool tables_prepare(berth_t *berth, const berth_config_t *config, uint32_t each)
{
    const berth_port_t *port = config->port;
    *berth = (berth_t){.config = config,
                       .owner_count = config->owner_count,
                       .is_starting = true,
                       .time_us = BERTH_NO_TIME,
                       .is_lenient = config->is_lenient,
                       .clock_wraps = config->port->clock_mask != 0,
                       .tables = {.kind = BERTH_LOCK_TABLES}};
    berth->alarms = alarms_of(config, each);
    if ((port->lock_start != NULL && !port->lock_start(port->self, &berth->tables)) ||
        !scrubbed_prepare(berth, config->scrubbed) ||
        (record_start != NULL && !record_start(berth))) {
        return false;
    }
    LIST_WRITE(berth->port, port);
    return true;
}

/* A manager that could not be started: it refuses everything, and says so. */
static berth_status_t start_fail(berth_t *berth)
{
    *berth = (berth_t){.failure = {.count = 1, .status = BERTH_ERR_INVALID}};
    return BERTH_ERR_INVALID;
}

berth_status_t berth_start(berth_t *berth, const berth_config_t *config)
{
    if (!config_is_sane(config)) {
        return start_fail(berth);
    }
    const uint32_t each = events_each(config);
    if (!tables_prepare(berth, config, each) || !regions_prepare(berth, config, each)) {
        return start_fail(berth);
    }
    berth->is_starting = false;
    return BERTH_OK;
}

COLD bool manager_wake(berth_t *berth)
{
    return berth->config != NULL && !berth->is_starting &&
           berth_start(berth, berth->config) == BERTH_OK;
}

uint32_t berth_version(void)
{
    return BERTH_VERSION;
}
