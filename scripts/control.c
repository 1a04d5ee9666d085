/* control.c: prints how many bytes of an empty region its engine keeps for itself.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "berth/fit.h"

/* What no block of a region just started has, or UINT32_MAX. */
static uint32_t kept(const berth_engine_t *engine, berth_region_t *region)
{
    if (engine->start(region) != BERTH_OK) {
        return UINT32_MAX;
    }
    uint32_t left = region->size;
    uint32_t cursor = BERTH_WALK_START;
    while (cursor != BERTH_NOWHERE) {
        const berth_block_t block = engine->walk(region, cursor);
        left -= block.taken;
        cursor = block.next;
    }
    return left;
}

static void print(const berth_engine_t *engine, const char *form, uint32_t kib)
{
    berth_region_t region = {.base = NULL, .size = kib * 1024u};
    region.base = calloc(1, region.size);
    if (region.base == NULL) {
        exit(EXIT_FAILURE);
    }
    printf("control of %u KB: %s %u\n", (unsigned)kib, form, (unsigned)kept(engine, &region));
    if (engine->beside_size(&region) > 0) {
        printf("beside %u KB: %s %u\n", (unsigned)kib, form,
               (unsigned)engine->beside_size(&region));
    }
    free(region.base);
}

int main(void)
{
    print(&berth_fit_engine, "fit", 320);
    print(&berth_fit_engine, "fit", 8192);
    print(&berth_fit_debug_engine, "fit, debug form", 320);
    return EXIT_SUCCESS;
}
