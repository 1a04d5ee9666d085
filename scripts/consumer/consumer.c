/* consumer.c: ten lines that use an installed Berth, in C and in C++ alike.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <berth/fit.h>

int main(void)
{
    static uint32_t memory[2048];
    static berth_region_t region;
    region.base = memory;
    region.size = sizeof memory;
    const berth_status_t started = berth_fit_engine.start(&region);
    const berth_grant_t grant = berth_fit_engine.alloc(&region, 100, 0, BERTH_OTHERS);
    return started == BERTH_OK && grant.offset != BERTH_NOWHERE ? 0 : 1;
}
