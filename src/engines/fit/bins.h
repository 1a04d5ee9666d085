/* bins.h: the index of small free blocks: one first-in first-out ring for each exact size.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A ring goes through a head in the control block, which looks to its neighbours like a block: its
 * `next` is a word and its `prev` two words after where a header would be. Every operation is O(1).
 */
#ifndef BERTH_FIT_BINS_H
#define BERTH_FIT_BINS_H

#include "block.h"

/* Where the block would be of which a bin's head is the links. */
static inline uint32_t bins_head(uint32_t size)
{
    return (uint32_t)(offsetof(fit_t, bins) - WORD) + size * (uint32_t)(sizeof(fit_bin_t) / WORD);
}

static inline void bins_start(fit_t *fit)
{
    fit->bins_used = 0;
    for (uint32_t size = 0; size < BINNED; size += WORD) {
        fit->bins[size / WORD] = (fit_bin_t){.next = bins_head(size), .prev = bins_head(size) | 1u};
    }
}

static SHARED void bins_insert(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t head = bins_head(size);
    word_t *block = word_at(fit, at);
    word_t *bin = word_at(fit, head);
    const uint32_t prev = bin[2];
    block[1] = head;
    block[2] = prev;
    word_at(fit, prev - 1)[1] = at;
    bin[2] = at | 1u;
    fit->bins_used |= 1u << (size / WORD);
}

static SHARED void bins_remove(fit_t *fit, uint32_t at, uint32_t size)
{
    const word_t *block = word_at(fit, at);
    const uint32_t next = block[1];
    const uint32_t prev = block[2];
    word_at(fit, prev - 1)[1] = next;
    word_at(fit, next)[2] = prev;
    if (prev - 1 == next) {
        fit->bins_used &= ~(1u << (size / WORD));
    }
}

/* Whether `at` is a place that a ring may lead to: a block, or the head of the bin. */
static inline bool bins_is_place(const fit_t *fit, uint32_t at, uint32_t size)
{
    return at % WORD == 0 && (at - fit->first < fit->span - 2 * WORD || at == bins_head(size));
}

/* Whether the ring that a block, or a head, says it is in leads back to it. */
static SHARED bool bins_hold(const fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t next = word_at(fit, at)[1];
    const uint32_t prev = word_at(fit, at)[2] - 1;
    return bins_is_place(fit, next, size) && bins_is_place(fit, prev, size) &&
           word_at(fit, next)[2] == at + 1 && word_at(fit, prev)[1] == at;
}

/* The block in a bin for the longest. */
static inline uint32_t bins_first(const fit_t *fit, uint32_t size)
{
    return word_at(fit, bins_head(size))[1];
}

/* Takes the first block out of a bin that has one. */
static inline uint32_t bins_take(fit_t *fit, uint32_t size)
{
    const uint32_t head = bins_head(size);
    word_t *bin = word_at(fit, head);
    const uint32_t at = bin[1];
    const uint32_t next = word_at(fit, at)[1];
    bin[1] = next;
    word_at(fit, next)[2] = head | 1u;
    if (next == head) {
        fit->bins_used &= ~(1u << (size / WORD));
    }
    return at;
}

/* The size of the largest free block in a bin, or 0. */
static inline uint32_t bins_largest(const fit_t *fit)
{
    return fit->bins_used == 0 ? 0 : (31u - (uint32_t)__builtin_clz(fit->bins_used)) * WORD;
}

#endif /* BERTH_FIT_BINS_H */
