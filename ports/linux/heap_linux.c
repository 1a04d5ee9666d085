/* heap_linux.c: malloc() and free() behind a `foreign` region.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "heap_linux.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

static void *heap_alloc(void *self, size_t size, size_t align)
{
    (void)self;
    if (align <= alignof(max_align_t)) {
        return malloc(size);
    }
    if (size > SIZE_MAX - align) {
        return NULL;
    }
    return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void heap_free(void *self, void *block)
{
    (void)self;
    free(block);
}

const berth_foreign_config_t berth_linux_heap = {.alloc = heap_alloc, .free = heap_free};
