/* explain.c: owners and refusals in words.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "route.h"
#include "text.h"

static const char *const KIND_NAMES[BERTH_EVENT_KINDS] = {
    "alloc",     "fallback", "free",   "resize", "give",   "reset", "budget",
    "violation", "region",   "retire", "claim",  "return", "leak",  "damage",
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

/* A number and what it is of. */
static void text_figure(text_t *text, const char *words, uint32_t number)
{
    text_words(text, words);
    text_number(text, number);
}

/* Bounded by the 8 digits. */
static void text_address(text_t *text, const char *words, uint32_t address)
{
    if (address != 0) {
        text_words(text, words);
        for (uint32_t shift = 32; shift != 0; shift -= 4) {
            text_letter(text, "0123456789ABCDEF"[address >> (shift - 4) & 15u]);
        }
    }
}

/* A time of a record's, in seconds: 65536 us, without a division of 64 bits. */
static void text_time(text_t *text, const char *words, uint32_t time)
{
    text_figure(text, words, time / 62500 * 4096 + time % 62500 * 4096 / 62500);
    text_words(text, " s");
}

static void text_when(text_t *text, const berth_failure_t *failure)
{
    const uint32_t restarts = berth_failure_restarts(failure);
    if (failure->count > 1) {
        text_figure(text, ", ", failure->count);
        text_time(text, " times, first at ", berth_failure_first(failure));
    }
    if (failure->last != UINT32_MAX) {
        text_time(text, failure->count > 1 ? ", last at " : ", at ", failure->last);
    }
    if (restarts != 0) {
        text_figure(text, ", restarts since: ", restarts);
    }
}

static void text_mistake(text_t *text, int32_t error)
{
    if (error != 0) {
        const bool is_below = error < 0;
        text_figure(text, is_below ? ", mistaken for -" : ", mistaken for ",
                    is_below ? 0u - (uint32_t)error : (uint32_t)error);
    }
}

/* What a region had that was asked. */
static void text_had(text_t *text, const berth_reason_t *reason)
{
    text_words(text, berth_status_name(reason->status));
    if (reason->free != BERTH_BYTES_UNKNOWN) {
        text_figure(text, ", free ", berth_bytes_of(reason->free));
    }
    text_figure(text, ", allocatable ", berth_bytes_of(reason->allocatable));
    if (reason->reserved != BERTH_BYTES_UNKNOWN && reason->reserved != 0) {
        text_figure(text, ", reserved ", berth_bytes_of(reason->reserved));
    }
}

/* What speaks against a region that was not asked, and would have held it. */
static void text_elsewhere(text_t *text, const berth_reason_t *reason, berth_caps_t missing)
{
    text_words(text, missing != 0 ? "no" : "not asked");
    text_caps(text, missing);
    text_figure(text, ", would have granted ", berth_bytes_of(reason->allocatable));
}

static void text_reason(text_t *text, const berth_t *berth, const berth_failure_t *failure,
                        const berth_reason_t *reason)
{
    const berth_region_t *region = berth_region_at(berth, reason->region);
    text_words(text, "; ");
    text_words(text, region != NULL && region->name != NULL ? region->name : "?");
    text_words(text, ": ");
    if (reason->status == BERTH_ERR_NOCAP) {
        const berth_caps_t able = region != NULL ? region->able : 0;
        text_elsewhere(text, reason, caps_meant(failure->needed) & ~able);
    } else {
        text_had(text, reason);
    }
}

/* What makes no sense, or is forbidden, as far as the record shows it. */
static void text_hint(text_t *text, const berth_failure_t *failure)
{
    if (failure->status == BERTH_ERR_INVALID && failure->size == 0) {
        text_words(text, " (its size is 0)");
    } else if (failure->status == BERTH_ERR_INVALID && berth_failure_align(failure) == UINT32_MAX) {
        text_words(text, " (its alignment is no power of two)");
    } else if (failure->status == BERTH_ERR_INVALID) {
        text_words(text, " (an owner without an account or retired, unknown caps, or a hop)");
    } else if (failure->status == BERTH_ERR_UNKNOWN && failure->size == 0) {
        text_words(text, " (its record has been displaced)");
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
    text_when(text, failure);
    text_mistake(text, berth_failure_mistaken(failure));
    text_words(text, "; needed:");
    text_caps(text, caps_meant(failure->needed));
    text_address(text, "; site 0x", failure->site);
    text_address(text, "; context 0x", failure->context);
}

static void text_reasons(text_t *text, const berth_t *berth, const berth_failure_t *failure)
{
    for (uint32_t i = 0; i < berth_failure_reasons(failure); i++) {
        text_reason(text, berth, failure, &failure->reasons[i]);
    }
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
        text_reasons(&text, berth, failure);
    }
    text_end(&text);
    return text.length;
}
