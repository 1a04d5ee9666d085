/* published.h: what others need for the same traces, as published.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_PUBLISHED_H
#define BERTH_BENCH_PUBLISHED_H

#include <stdbool.h>
#include <stdint.h>

#define PUBLISHED_ROWS_MAX 24u
#define PUBLISHED_TRACES_MAX 16u

typedef struct published_row {
    char allocator[64];
    char column[8]; /* heading */
    char kind[12];
    uint32_t align;                     /* bytes that each block is aligned at */
    double ratio[PUBLISHED_TRACES_MAX]; /* smallest arena over peak, by trace */
    double mean;                        /* geometric, over the traces that count */
} published_row_t;

typedef struct published {
    char traces[PUBLISHED_TRACES_MAX][40];
    uint32_t trace_count;
    published_row_t rows[PUBLISHED_ROWS_MAX];
    uint32_t row_count;
} published_t;

/* Reads the data file; ends the program with 2 if it cannot. */
published_t published_load(const char *path);

/* Returns the row with this heading, or NULL. */
const published_row_t *published_row(const published_t *published, const char *column);

/* Returns what a row says of a trace; 0: nothing. */
double published_ratio(const published_t *published, const published_row_t *row, const char *trace);

/* Tells whether a trace is one that the geometric mean is taken over. */
bool published_counts(const published_t *published, const char *trace);

#endif /* BERTH_BENCH_PUBLISHED_H */
