/* words.c: clears and copies memory that bears nothing but aligned 32-bit accesses.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "core.h"

static size_t words_in(size_t size)
{
    return (size + 3) / 4;
}

/* Volatile, or the compiler makes memset() of it, which writes bytes. */
typedef volatile uint32_t __attribute__((may_alias)) careful_t;

void *words_zero(void *block, size_t size)
{
    careful_t *word = block;
    for (size_t i = 0; i < words_in(size); i++) {
        word[i] = 0;
    }
    return block;
}

void words_copy(void *to, const void *from, size_t size)
{
    careful_t *word = to;
    const careful_t *source = from;
    for (size_t i = 0; i < words_in(size); i++) {
        word[i] = source[i];
    }
}
