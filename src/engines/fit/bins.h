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

/* The block to which a `prev` leads. */
static inline word_t *bins_before(const fit_t *fit, uint32_t prev)
{
    return (word_t *)(uintptr_t)((const uint8_t *)fit + prev - 1);
}

static inline void bins_start(fit_t *fit)
{
    for (uint32_t size = 0; size < BINNED; size += WORD) {
        fit->bins[size / WORD] = (fit_bin_t){.next = bins_head(size), .prev = bins_head(size) + 1};
    }
}

/* Whether the last block of a ring, as its head has it, leads to the head. */
static SHARED bool bins_end_is_known(const fit_t *fit, uint32_t prev, uint32_t head)
{
    const uint32_t at = prev - 1;
    return (at == head || block_is_within(fit, at)) && word_at(fit, at)[1] == head;
}

/* A ring whose end is not known is left to itself, for check() to find, and begun anew. */
static COPIED void bins_insert(fit_t *fit, uint32_t at, uint32_t size)
{
    const uint32_t head = bins_head(size);
    word_t *bin = word_at(fit, head);
    word_t *block = word_at(fit, at);
    uint32_t prev = bin[2];
    if (PROVES_ALL && !bins_end_is_known(fit, prev, head)) {
        prev = head + 1;
        bin[1] = head;
    }
    block[2] = prev;
    bins_before(fit, prev)[1] = at;
    block[1] = head;
    bin[2] = at + 1;
    if (prev == head + 1) {
        fit->bins_used |= 1u << (size / WORD);
    }
}

static SHARED void bins_remove(fit_t *fit, uint32_t at, uint32_t size)
{
    const word_t *block = word_at(fit, at);
    const uint32_t next = block[1];
    const uint32_t prev = block[2];
    bins_before(fit, prev)[1] = next;
    word_at(fit, next)[2] = prev;
    if (prev - 1 == next) {
        fit->bins_used &= ~(1u << (size / WORD));
    }
}

/* Whether the ring that a block, or a head, says it is in leads back to it. */
static SHARED bool bins_hold(const fit_t *fit, uint32_t at)
{
    const uint32_t next = word_at(fit, at)[1];
    const uint32_t prev = word_at(fit, at)[2] - 1;
    return (next | prev) % WORD == 0 && larger(next, prev) <= fit->last - SMALLEST &&
           word_at(fit, next)[2] == at + 1 && word_at(fit, prev)[1] == at;
}

/* Whether a word is one of the links of a block in a bin: in a region too large for a seal, it may
 * look like the header of a block that was freed there. */
static COPIED bool bins_cover(const fit_t *fit, uint32_t at)
{
    return bins_hold(fit, at - WORD) || bins_hold(fit, at - 2 * WORD);
}

/* The block in a bin for the longest. */
static inline uint32_t bins_first(const fit_t *fit, uint32_t size)
{
    return word_at(fit, bins_head(size))[1];
}

/* Whether the block after the first one of a bin, or the head, knows the first one. */
static inline bool bins_second_is_known(const fit_t *fit, uint32_t at)
{
    const uint32_t next = word_at(fit, at)[1];
    return next < fit->last && (!MINDS_ALIGNMENT || next % WORD == 0) &&
           word_at(fit, next)[2] == at + 1;
}

/* Makes the second block of a bin, or its head, the first. */
static inline void bins_drop(fit_t *fit, uint32_t size, uint32_t next)
{
    const uint32_t head = bins_head(size);
    word_at(fit, next)[2] = head + 1;
    word_at(fit, head)[1] = next;
    if (next == head) {
        fit->bins_used &= ~(1u << (size / WORD));
    }
}

/* The size of the largest free block in a bin, or 0. */
static inline uint32_t bins_largest(const fit_t *fit)
{
    return fit->bins_used == 0 ? 0 : (31u - (uint32_t)__builtin_clz(fit->bins_used)) * WORD;
}

#endif /* BERTH_FIT_BINS_H */
