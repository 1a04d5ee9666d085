/* figures.c: what bench_memory measured, as tables.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 16u

/* A column is one of ours, one published, or, neither, the best of ours beside the region. */
typedef struct column {
    const char *heading;
    const figures_form_t *form;
    const published_row_t *row;
} column_t;

typedef struct columns {
    column_t list[COLUMNS_MAX];
    uint32_t count;
} columns_t;

const figures_form_t *figures_form(const figures_t *figures, const char *name)
{
    for (uint32_t i = 0; i < figures->form_count; i++) {
        if (strcmp(figures->forms[i].name, name) == 0) {
            return &figures->forms[i];
        }
    }
    return NULL;
}

double figures_ratio(const figures_t *figures, const figures_form_t *form, uint32_t trace)
{
    const uint32_t peak = figures->peak[trace];
    return peak == 0 ? 0 : (double)form->arena[trace] / peak;
}

static double best_beside(const figures_t *figures, uint32_t trace)
{
    double best = 0;
    for (uint32_t i = 0; i < figures->form_count; i++) {
        const figures_form_t *form = &figures->forms[i];
        const double ratio = form->is_beside ? figures_ratio(figures, form, trace) : 0;
        best = ratio != 0 && (best == 0 || ratio < best) ? ratio : best;
    }
    return best;
}

static double column_ratio(const figures_t *figures, const column_t *column, uint32_t trace)
{
    if (column->row != NULL) {
        return published_ratio(&figures->published, column->row,
                               figures->suite.entries[trace].name);
    }
    return column->form != NULL ? figures_ratio(figures, column->form, trace)
                                : best_beside(figures, trace);
}

static double column_mean(const figures_t *figures, const column_t *column)
{
    if (column->row != NULL) {
        return column->row->mean;
    }
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < figures->suite.count; i++) {
        const double ratio = column_ratio(figures, column, i);
        if (ratio != 0 && published_counts(&figures->published, figures->suite.entries[i].name)) {
            sum += log(ratio);
            count++;
        }
    }
    return count + 1 == figures->published.trace_count ? exp(sum / count) : 0;
}

double figures_mean(const figures_t *figures, const figures_form_t *form)
{
    const column_t column = {.form = form};
    return column_mean(figures, &column);
}

static void ratio_print(double ratio)
{
    if (ratio == 0) {
        printf("       -");
    } else {
        printf(" %7.*f", ratio < 9.9995 ? 3 : 2, ratio);
    }
}

static void trace_print(const figures_t *figures, const columns_t *columns, uint32_t trace)
{
    printf("%-13.13s", figures->suite.entries[trace].name);
    for (uint32_t i = 0; i < columns->count; i++) {
        ratio_print(column_ratio(figures, &columns->list[i], trace));
    }
    putchar('\n');
}

static void traces_print(const figures_t *figures, const columns_t *columns, bool counting)
{
    bool is_first = true;
    for (uint32_t i = 0; i < figures->suite.count; i++) {
        const char *name = figures->suite.entries[i].name;
        if (published_counts(&figures->published, name) == counting) {
            printf("%s", is_first && !counting ? "not in the mean:\n" : "");
            is_first = false;
            trace_print(figures, columns, i);
        }
    }
}

static void table_print(const figures_t *figures, const columns_t *columns, const char *title)
{
    printf("%s\n\n%-13s", title, "trace");
    for (uint32_t i = 0; i < columns->count; i++) {
        printf(" %7.7s", columns->list[i].heading);
    }
    putchar('\n');
    traces_print(figures, columns, true);
    printf("%-13s", "geomean");
    for (uint32_t i = 0; i < columns->count; i++) {
        ratio_print(column_mean(figures, &columns->list[i]));
    }
    putchar('\n');
    traces_print(figures, columns, false);
    putchar('\n');
}

static void columns_add(columns_t *columns, column_t column)
{
    if (columns->count < COLUMNS_MAX) {
        columns->list[columns->count++] = column;
    }
}

static columns_t columns_by_align(const figures_t *figures, uint32_t least, uint32_t most)
{
    columns_t columns = {.count = 0};
    for (uint32_t i = 0; i < figures->form_count; i++) {
        const figures_form_t *form = &figures->forms[i];
        if (!form->is_beside && form->align >= least && form->align <= most) {
            columns_add(&columns, (column_t){.heading = form->name, .form = form});
        }
    }
    for (uint32_t i = 0; i < figures->published.row_count; i++) {
        const published_row_t *row = &figures->published.rows[i];
        if (row->align >= least && row->align <= most) {
            columns_add(&columns, (column_t){.heading = row->column, .row = row});
        }
    }
    return columns;
}

static columns_t columns_beside(const figures_t *figures)
{
    columns_t columns = {.count = 0};
    for (uint32_t i = 0; i < figures->form_count; i++) {
        const figures_form_t *form = &figures->forms[i];
        if (form->is_ours) {
            const char *heading = form->is_beside ? strchr(form->name, ' ') + 1 : form->name;
            columns_add(&columns, (column_t){.heading = heading, .form = form});
        }
    }
    columns_add(&columns, (column_t){.heading = "best"});
    return columns;
}

void figures_print(const figures_t *figures)
{
    printf("Smallest arena over peak live bytes, control structures included\n\n");
    const columns_t four = columns_by_align(figures, 0, 7);
    table_print(figures, &four, "Aligned at 4, beside the published peers that give 4");
    const columns_t eight = columns_by_align(figures, 8, UINT32_MAX);
    table_print(figures, &eight, "Aligned at 8 or more, beside the published peers that do");
    const columns_t beside = columns_beside(figures);
    table_print(figures, &beside,
                "In the region (fit), and beside it at granules 16, 64, 256: region plus book");
    printf("Published figures, from published.csv:\n");
    for (uint32_t i = 0; i < figures->published.row_count; i++) {
        const published_row_t *row = &figures->published.rows[i];
        printf("  %-7s %s%s\n", row->column, row->allocator,
               strcmp(row->kind, "unbounded") == 0 ? " (not bounded in time)" : "");
    }
    putchar('\n');
}

void figures_print_csv(const figures_t *figures)
{
    printf("trace,peak,form,arena,ratio\n");
    for (uint32_t trace = 0; trace < figures->suite.count; trace++) {
        for (uint32_t i = 0; i < figures->form_count; i++) {
            const figures_form_t *form = &figures->forms[i];
            printf("%s,%u,%s,%u,%.5f\n", figures->suite.entries[trace].name, figures->peak[trace],
                   form->name, form->arena[trace], figures_ratio(figures, form, trace));
        }
    }
}
