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
    return berth_start(&hot_berth, &hot_config) == BERTH_OK &&
           berth_low_add(&hot_berth, &hot_low) == BERTH_OK &&
           berth_sites_add(&hot_berth, &hot_sites) == BERTH_OK;
}

static const uint32_t stone = 1;

/* 0, but in the flash. */
static int fetch(void)
{
    return 0;
}

/* Whether changes came through: a new least since the window began, and a site in a row. */
static bool are_followed(void)
{
    bool has_site = false;
    for (uint32_t i = 1; i < hot_sites.row_count; i++) {
        has_site = has_site || hot_sites.rows[i].site != 0;
    }
    return hot_low.number > 1 && has_site;
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
    return wrong != 0 || hot_isr_wrong != 0 || hot_interrupts == 0 || !are_followed();
}
