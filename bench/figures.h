/* figures.h: what bench_memory measured, as tables and against the bars.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_FIGURES_H
#define BERTH_BENCH_FIGURES_H

#include "fit_peer.h"
#include "published.h"
#include "suite.h"

#define FIGURES_FORMS_MAX 12u

/* One way of allocating that was measured. */
typedef struct figures_form {
    const char *name;
    uint32_t align; /* bytes promised */
    bool is_ours;
    bool is_beside;
    uint32_t arena[SUITE_MAX]; /* bytes, by trace; 0: not measured or never succeeds */
} figures_form_t;

typedef struct figures {
    suite_t suite;
    uint32_t peak[SUITE_MAX]; /* bytes, by trace; 0: not measured */
    figures_form_t forms[FIGURES_FORMS_MAX];
    uint32_t form_count;
    published_t published;
} figures_t;

/* Returns the form with this name, or NULL. */
const figures_form_t *figures_form(const figures_t *figures, const char *name);

/* Returns arena over peak; 0: not measured. */
double figures_ratio(const figures_t *figures, const figures_form_t *form, uint32_t trace);

/* Returns the geometric mean over the traces that count; 0: not all of them were measured. */
double figures_mean(const figures_t *figures, const figures_form_t *form);

/* Prints the tables. */
void figures_print(const figures_t *figures);

/* Prints trace, peak, form, arena and ratio, one measurement a line. */
void figures_print_csv(const figures_t *figures);

/* Prints each bar and whether it is met; returns 0: all are, 1: one is missed, 2: one is unknown.
 * Unless everything `is_asked` for, what was not measured is left out. */
int bars_judge(const figures_t *figures, bool is_asked);

#endif /* BERTH_BENCH_FIGURES_H */
