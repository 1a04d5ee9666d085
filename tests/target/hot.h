/* hot.h: what hot.c does while the flash cannot be read, for hot_main.c to start and to judge.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_TEST_HOT_H
#define BERTH_TEST_HOT_H

#include "berth/low.h"
#include "berth/site.h"

/* The manager of the hot paths, and what it is to be started with: its regions still lack an
 * address. */
extern berth_t hot_berth;
extern const berth_config_t hot_config;
extern berth_low_t hot_low;
extern berth_sites_t hot_sites;

/* Goes down every path that a cache-off context may take. Returns 0, or the line of what went
 * otherwise than it must. */
int hot_paths(void);

/* Reads the word at a place. */
int hot_read(void);
extern const volatile uint32_t *volatile hot_place;

/* Denies the flash, goes down a path `rounds` times or until it returns other than 0, and allows
 * the flash again. Returns what the path did. */
int hot_run(int (*path)(void), uint32_t rounds);

/* What the ISR saw so far: its calls, and the line of what went otherwise than it must, or 0. */
extern volatile uint32_t hot_interrupts;
extern volatile int hot_isr_wrong;

#endif /* BERTH_TEST_HOT_H */
