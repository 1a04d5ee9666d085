/* explain.c: owners and refusals in words.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "route.h"
#include "text.h"

static const char *const KIND_NAMES[BERTH_EVENT_KINDS] = {
    "alloc",  "fallback",  "free",   "resize", "give",  "reset",
    "budget", "violation", "region", "retire", "claim", "return",
};

const char *berth_event_name(uint8_t kind)
{
    return kind < BERTH_EVENT_KINDS ? KIND_NAMES[kind] : "?";
}

/* The name that the configuration has for an owner, if any. */
static const char *owner_name(const berth_t *berth, berth_owner_t owner)
{
    const bool has_names = berth->port != NULL && berth->config->owners != NULL;
    return has_names && owner < berth->owner_count ? berth->config->owners[owner] : NULL;
}

const char *berth_owner_name(const berth_t *berth, berth_owner_t owner)
{
    const char *name = owner_name(berth, owner);
    return owner == BERTH_OTHERS ? "others" : name != NULL ? name : "?";
}

static const char *const CAP_NAMES[] = {
    "bytes",   "words", "dma",     "exec",     "retained", "atomic",  "cache-off",
    "npu",     "simd",  "master0", "master1",  "master2",  "master3", "master4",
    "master5", NULL,    "fast",    "internal", "external", "default",
};

#define CAPS_NAMED (sizeof CAP_NAMES / sizeof CAP_NAMES[0])

static void text_caps(text_t *text, berth_caps_t caps)
{
    for (uint32_t bit = 0; bit < 32; bit++) {
        if ((caps >> bit & 1u) != 0) {
            text_letter(text, ' ');
            text_words(text, bit < CAPS_NAMED && CAP_NAMES[bit] != NULL ? CAP_NAMES[bit] : "own");
        }
    }
}

static void text_reason(text_t *text, const berth_t *berth, const berth_reason_t *reason)
{
    const berth_region_t *region = berth_region_at(berth, reason->region);
    text_words(text, region != NULL && region->name != NULL ? region->name : "?");
    text_words(text, ": ");
    text_words(text, berth_status_name(reason->status));
    text_words(text, ", would grant ");
    text_number(text, reason->grantable);
}

/* What makes no sense, or is forbidden, as far as the record shows it. */
static void text_hint(text_t *text, const berth_failure_t *failure)
{
    if (failure->status == BERTH_ERR_INVALID && failure->size == 0) {
        text_words(text, " (its size is 0)");
    } else if (failure->status == BERTH_ERR_INVALID && !is_power_of_two_or_0(failure->align)) {
        text_words(text, " (its alignment is no power of two)");
    } else if (failure->status == BERTH_ERR_INVALID) {
        text_words(text, " (an owner without an account or retired, unknown caps, or a hop)");
    } else if (failure->status == BERTH_ERR_GUARD) {
        const bool is_isr = (failure->guards & BERTH_GUARD_ISR) != 0;
        const bool is_off = (failure->guards & BERTH_GUARD_CACHE_OFF) != 0;
        text_words(text, is_isr   ? " (in an ISR)"
                         : is_off ? " (the cache is off)"
                                  : " (no allocation here)");
    }
}

static void text_refusal(text_t *text, const berth_t *berth, const berth_failure_t *failure)
{
    text_number(text, failure->size);
    text_words(text, " bytes for ");
    text_words(text, berth_owner_name(berth, failure->owner));
    text_words(text, " refused: ");
    text_words(text, berth_status_name(failure->status));
    text_hint(text, failure);
    text_words(text, "; needed:");
    text_caps(text, caps_meant(failure->needed));
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written to, as `text.start` */
size_t berth_explain(const berth_t *berth, const berth_failure_t *failure, char *start, size_t room)
{
    text_t text = {.start = start, .room = room};
    if (failure->count == 0) {
        text_words(&text, "nothing was refused");
    } else if (berth->port == NULL) {
        text_words(&text, "the manager could not be started: its configuration makes no sense, "
                          "regions overlap, or an engine refuses its region (see its header)");
    } else {
        text_refusal(&text, berth, failure);
    }
    for (uint32_t i = 0; i < failure->reason_count; i++) {
        text_words(&text, "; ");
        text_reason(&text, berth, &failure->reasons[i]);
    }
    text_end(&text);
    return text.length;
}
