/* seal.h: tells a record from memory that is none, or was damaged: a checksum of its words.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_SEAL_H
#define BERTH_SEAL_H

#include <stddef.h>
#include <stdint.h>

/* A record may have any type. */
typedef uint32_t __attribute__((may_alias)) seal_word_t;

/* Each step is one to one in the word and in what came before: so a change within one word is
 * always seen, any other but once in 2^32. All 0 is not sealed by 0. Some 5 instructions a word: a
 * CRC, which would see no more of a random change, takes 30 times that without a table, and this is
 * written with interrupts masked. `record` is aligned to 4. */
static inline uint32_t seal_of(const void *record, size_t words)
{
    const seal_word_t *word = (const seal_word_t *)record;
    uint32_t seal = 0x42657274u; /* "Bert" */
    for (size_t i = 0; i < words; i++) {
        seal = (seal ^ word[i]) * 0x9E3779B1u;
        seal ^= seal >> 15;
    }
    return seal;
}

#endif /* BERTH_SEAL_H */
