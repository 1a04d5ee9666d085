/* withdrawn.h: blocks that damage made nobody's.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The header of a withdrawn block is a live one's of BERTH_OTHERS with a word more, but odd: so
 * free() and resize() refuse it, and nothing is ever merged across it. One flipped bit makes such a
 * header out of a right one, so the control block remembers which blocks are withdrawn: by hashes,
 * in the heads of the two bins that no block is small enough for, twice. That remembers one block
 * in 64 too many for each that is withdrawn, and none as long as there is none.
 */
#ifndef BERTH_FIT_WITHDRAWN_H
#define BERTH_FIT_WITHDRAWN_H

#include "bins.h"

#define WITHDRAWN_BINS (2 * WORD) /* sizes whose heads serve as the memory */

/* The bit that stands for a block, of the 64 in the head of a bin. */
static inline uint32_t withdrawn_hash(uint32_t at)
{
    return (at / WORD * 0x9E3779B1u) >> 26;
}

/* A word of one of the two memories, less what it is in the head of an empty bin. */
static inline uint32_t withdrawn_bits(const fit_t *fit, uint32_t size, uint32_t word)
{
    return word_at(fit, bins_head(size))[1 + word] ^ (bins_head(size) + word);
}

static inline void withdrawn_remember(fit_t *fit, uint32_t at)
{
    const uint32_t word = withdrawn_hash(at) / 32u;
    for (uint32_t size = 0; size < WITHDRAWN_BINS; size += WORD) {
        const uint32_t bits = withdrawn_bits(fit, size, word) | 1u << withdrawn_hash(at) % 32u;
        word_at(fit, bins_head(size))[1 + word] = bits ^ (bins_head(size) + word);
    }
}

/* Whether both memories are the same. */
static inline bool withdrawn_are_sound(const fit_t *fit)
{
    return withdrawn_bits(fit, 0, 0) == withdrawn_bits(fit, WORD, 0) &&
           withdrawn_bits(fit, 0, 1) == withdrawn_bits(fit, WORD, 1);
}

/* Whether a header looks like a withdrawn block's. */
static inline bool withdrawn_looks(uint32_t header)
{
    return (header & TAG_BITS) == TAG_BITS && !header_is_even(header);
}

static inline bool withdrawn_is(const fit_t *fit, uint32_t at)
{
    const uint32_t hash = withdrawn_hash(at);
    return withdrawn_looks(*word_at(fit, at)) &&
           (withdrawn_bits(fit, 0, hash / 32u) >> hash % 32u & 1u) != 0;
}

#endif /* BERTH_FIT_WITHDRAWN_H */
