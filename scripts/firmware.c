/* firmware.c: what weigh.py links: a firmware that allocates, frees, resizes and asks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two regions, 16 owners with budgets, 32 events, on the bare-metal Arm port. Its own few bytes are
 * counted, too.
 */
#include "berth/berth.h"
#include "berth/fit.h"
#include "port_baremetal_arm.h"

#define OWNERS 16
#define EVENTS 32

static const berth_budget_t budgets[OWNERS] = {[1] = {.soft = 1000, .hard = 2000}};

static berth_region_t heap_regions[] = {
    {.name = "sram",
     .engine = &berth_fit_bare_engine,
     .base = (void *)0x20000000,
     .size = 320 * 1024,
     .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT},
     .budgets = budgets},
    {.name = "psram",
     .engine = &berth_fit_bare_engine,
     .base = (void *)0x60000000,
     .size = 8 * 1024 * 1024,
     .caps = {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL | BERTH_CAP_DEFAULT},
     .budgets = budgets,
     .is_slow = true},
};

BERTH_DEFINE(heap, &berth_port_baremetal_arm, heap_regions, OWNERS, NULL, EVENTS);

void firmware(berth_request_t *request);

void firmware(berth_request_t *request)
{
    void *block = berth_alloc(&heap, request);
    block = berth_resize(&heap, block, request);
    request->size = berth_allocatable(&heap, request);
    berth_free(&heap, block);
}
