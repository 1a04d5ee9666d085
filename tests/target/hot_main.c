/* hot_main.c: runs what hot.txt promises on a Cortex-M3 whose flash cannot be read meanwhile.
 * SPDX-License-Identifier: Apache-2.0
 *
 * With "fetch" or "read" it does just that in the denied flash: a fault, or nothing is shown.
 */
#include "hot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 300u
#define TICKS 500u /* of the processor's clock, between two interrupts */

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_ON 7u

static bool manager_start(void)
{
    for (uint32_t i = 0; i < hot_config.region_count; i++) {
        berth_region_t *region = &hot_config.regions[i];
        region->address = (uint32_t)(uintptr_t)region->base;
    }
    return berth_start(&hot_berth, &hot_config) == BERTH_OK;
}

static const uint32_t stone = 1;

/* 0, but in the flash. */
static int fetch(void)
{
    return 0;
}

int main(int count, char **words)
{
    if (!manager_start()) {
        puts("hot: the manager does not start");
        return 2;
    }
    hot_place = &stone;
    const char *word = count > 1 ? words[1] : "";
    const bool fetches = strcmp(word, "fetch") == 0;
    const bool reads = strcmp(word, "read") == 0;
    SYSTICK_RELOAD = TICKS;
    SYSTICK_CONTROL = SYSTICK_ON;
    const int wrong = hot_run(fetches ? fetch : reads ? hot_read : hot_paths, ROUNDS);
    SYSTICK_CONTROL = 0;
    printf("hot: %u rounds and %" PRIu32 " interrupts without the flash\n", ROUNDS, hot_interrupts);
    if (wrong != 0 || hot_isr_wrong != 0) {
        printf("hot: not as it must be: line %d, in the ISR line %d\n", wrong, hot_isr_wrong);
    }
    return wrong != 0 || hot_isr_wrong != 0 || hot_interrupts == 0;
}
