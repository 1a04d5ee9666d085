/* consumer.c: a few lines that use an installed Berth, in C and in C++ alike.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <berth/berth.h>
#include <berth/fit.h>
#include <port_linux.h>

static uint32_t memory[2048];
static berth_region_t regions[1];

BERTH_DEFINE(heap, &berth_port_linux, regions, 4, NULL, 8);

int main(void)
{
    regions[0].engine = &berth_fit_engine;
    regions[0].base = memory;
    regions[0].size = sizeof memory;
    regions[0].caps[0] = BERTH_CAP_BYTES | BERTH_CAP_DEFAULT;
    void *block = berth_malloc(&heap, 100, 0);
    const bool is_granted = block != NULL;
    berth_free(&heap, block);
    return is_granted ? 0 : 1;
}
