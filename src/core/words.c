/* words.c: clears and copies memory that bears nothing but aligned 32-bit accesses.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "core.h"

/* Volatile, or the compiler makes memset() of it, which writes bytes. */
typedef volatile uint32_t __attribute__((may_alias)) careful_t;

/* Writes the first `size` bytes of a value into a word, 1 to 3: what follows is somebody else's. */
static void word_merge(careful_t *word, uint32_t value, size_t size)
{
    uint32_t merged = *word;
    memcpy(&merged, &value, size);
    *word = merged;
}

void *words_zero(void *block, size_t size)
{
    careful_t *word = block;
    for (size_t i = 0; i < size / 4; i++) {
        word[i] = 0;
    }
    if (size % 4 != 0) {
        word_merge(&word[size / 4], 0, size % 4);
    }
    return block;
}

void words_copy(void *to, const void *from, size_t size)
{
    careful_t *word = to;
    const careful_t *source = from;
    for (size_t i = 0; i < size / 4; i++) {
        word[i] = source[i];
    }
    if (size % 4 != 0) {
        word_merge(&word[size / 4], source[size / 4], size % 4);
    }
}
