/* bars.c: what bench_memory must show, and whether it does.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "figures.h"

#include <stdio.h>
#include <string.h>

typedef struct bar {
    const char *text;
    const char *form;
    const char *trace; /* NULL: the geometric mean */
    double most;
    bool is_aim; /* wished for: told, not judged */
} bar_t;

static const bar_t BARS[] = {
    {.text = "geometric mean", .form = "fit 4", .most = 1.145},
    {.text = "gen_c_esp32", .form = "fit 4", .trace = "gen_c_esp32", .most = 1.16},
    {.text = "gen_d_psram", .form = "fit 4", .trace = "gen_d_psram", .most = 1.62},
    {.text = "gen_e_pin", .form = "fit 4", .trace = "gen_e_pin", .most = 1.29},
    {.text = "geometric mean", .form = "fit 8", .most = 1.18},
    {.text = "geometric mean", .form = "fit 4", .most = 1.125, .is_aim = true},
};

#define RIVALS_FORM "fit 4"
#define RIVALS_MOST 1.04 /* times the best of RIVALS, on each trace that counts */
static const char *const RIVALS[] = {"IDF", "TLSF", "Zephyr"};

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

static double bar_figure(const figures_t *figures, const bar_t *bar)
{
    const figures_form_t *form = figures_form(figures, bar->form);
    if (form == NULL || bar->trace == NULL) {
        return form == NULL ? 0 : figures_mean(figures, form);
    }
    for (uint32_t i = 0; i < figures->suite.count; i++) {
        if (strcmp(figures->suite.entries[i].name, bar->trace) == 0) {
            return figures_ratio(figures, form, i);
        }
    }
    return 0;
}

/* Returns 0: met, 1: missed, 2: not measured. */
static int bar_print(const char *form, const char *text, double most, double figure)
{
    printf("  %-6s %-45s at most %.3f: ", form, text, most);
    if (figure == 0) {
        printf("not measured\n");
        return 2;
    }
    printf("%.4f %s\n", figure, figure > most ? "MISSED" : "met");
    return figure > most;
}

static double best_rival(const figures_t *figures, const char *trace)
{
    double best = 0;
    for (size_t i = 0; i < COUNT_OF(RIVALS); i++) {
        const published_row_t *row = published_row(&figures->published, RIVALS[i]);
        const double ratio = row == NULL ? 0 : published_ratio(&figures->published, row, trace);
        best = ratio != 0 && (best == 0 || ratio < best) ? ratio : best;
    }
    return best;
}

static int rivals_judge(const figures_t *figures, bool is_asked)
{
    const figures_form_t *form = figures_form(figures, RIVALS_FORM);
    double worst = 0;
    const char *where = "none";
    uint32_t measured = 0;
    for (uint32_t i = 0; form != NULL && i < figures->suite.count; i++) {
        const char *name = figures->suite.entries[i].name;
        const double rival = best_rival(figures, name);
        const double ratio = figures_ratio(figures, form, i);
        if (!published_counts(&figures->published, name) || rival == 0 || ratio == 0) {
            continue;
        }
        measured++;
        if (ratio / rival > worst) {
            worst = ratio / rival;
            where = name;
        }
    }
    if (measured == 0 && !is_asked) {
        return 0;
    }
    char text[64];
    snprintf(text, sizeof text, "of best of IDF, TLSF, Zephyr (%.16s)", where);
    const bool is_whole = measured + 1 == figures->published.trace_count;
    const int result = bar_print(RIVALS_FORM, text, RIVALS_MOST, worst);
    return result == 0 && is_asked && !is_whole ? 2 : result;
}

/* A missed bar outweighs an unknown one. */
static int worse(int so_far, int next)
{
    return so_far == 1 || next == 1 ? 1 : so_far > next ? so_far : next;
}

int bars_judge(const figures_t *figures, bool is_asked)
{
    int result = 0;
    printf("Bars\n");
    for (size_t i = 0; i < COUNT_OF(BARS); i++) {
        const bar_t *bar = &BARS[i];
        const double figure = bar_figure(figures, bar);
        if (figure == 0 && !is_asked) {
            continue;
        }
        if (bar->is_aim) {
            printf("  %-6s %-45s at most %.3f: %.4f aimed at\n", bar->form, bar->text, bar->most,
                   figure);
        } else {
            result = worse(result, bar_print(bar->form, bar->text, bar->most, figure));
        }
    }
    return worse(result, rivals_judge(figures, is_asked));
}
