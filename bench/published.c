/* published.c: what others need for the same traces, as published.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "published.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX (PUBLISHED_TRACES_MAX + 5)
#define FIELDS_BEFORE 4u     /* allocator, column, align, kind; after the traces comes the mean */
#define LEFT_OUT "gen_e_adv" /* an adversary of a policy, not a workload: it would drown the rest */

/* Splits a CSV line in place; a field may stand in quotes. Returns the number of fields. */
static uint32_t line_split(char *line, char *fields[FIELDS_MAX])
{
    uint32_t count = 0;
    char *at = line;
    while (at != NULL && count < FIELDS_MAX) {
        const bool is_quoted = *at == '"';
        fields[count++] = at += is_quoted;
        char *end = strchr(at, is_quoted ? '"' : ',');
        if (is_quoted && end != NULL) {
            *end = '\0';
            end = strchr(end + 1, ',');
        }
        if (end != NULL) {
            *end++ = '\0';
        }
        at = end;
    }
    return count;
}

static void head_read(published_t *published, char *const fields[], uint32_t count)
{
    published->trace_count = count - FIELDS_BEFORE - 1;
    for (uint32_t i = 0; i < published->trace_count; i++) {
        snprintf(published->traces[i], sizeof published->traces[i], "%s",
                 fields[FIELDS_BEFORE + i]);
    }
}

static void row_read(published_t *published, char *const fields[])
{
    published_row_t *row = &published->rows[published->row_count++];
    snprintf(row->allocator, sizeof row->allocator, "%s", fields[0]);
    snprintf(row->column, sizeof row->column, "%s", fields[1]);
    row->align = (uint32_t)strtoul(fields[2], NULL, 10);
    snprintf(row->kind, sizeof row->kind, "%s", fields[3]);
    for (uint32_t i = 0; i < published->trace_count; i++) {
        row->ratio[i] = strtod(fields[FIELDS_BEFORE + i], NULL);
    }
    row->mean = strtod(fields[FIELDS_BEFORE + published->trace_count], NULL);
}

static void line_read(published_t *published, char *line, const char *path)
{
    char *fields[FIELDS_MAX];
    const uint32_t count = line_split(line, fields);
    const bool is_head = published->trace_count == 0;
    if (is_head && count > FIELDS_BEFORE + 1) {
        head_read(published, fields, count);
    } else if (!is_head && count == FIELDS_BEFORE + published->trace_count + 1 &&
               published->row_count < PUBLISHED_ROWS_MAX) {
        row_read(published, fields);
    } else {
        fprintf(stderr, "bench: %s: the line of \"%s\" has %u fields; mend it\n", path, fields[0],
                count);
        exit(2);
    }
}

published_t published_load(const char *path)
{
    published_t published = {.trace_count = 0};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "bench: %s: cannot be read; name it with --published\n", path);
        exit(2);
    }
    char line[512];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '#' && line[0] != '\0') {
            line_read(&published, line, path);
        }
    }
    fclose(file);
    return published;
}

const published_row_t *published_row(const published_t *published, const char *column)
{
    for (uint32_t i = 0; i < published->row_count; i++) {
        if (strcmp(published->rows[i].column, column) == 0) {
            return &published->rows[i];
        }
    }
    return NULL;
}

double published_ratio(const published_t *published, const published_row_t *row, const char *trace)
{
    for (uint32_t i = 0; i < published->trace_count; i++) {
        if (strcmp(published->traces[i], trace) == 0) {
            return row->ratio[i];
        }
    }
    return 0;
}

bool published_counts(const published_t *published, const char *trace)
{
    for (uint32_t i = 0; i < published->trace_count; i++) {
        if (strcmp(published->traces[i], trace) == 0) {
            return strcmp(trace, LEFT_OUT) != 0;
        }
    }
    return false;
}
