/* suite.h: which traces a bench replays.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_SUITE_H
#define BERTH_BENCH_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#define SUITE_MAX 64u

typedef struct suite_entry {
    char name[40]; /* the file's, without folder and .mtr.xz */
    char path[400];
} suite_entry_t;

typedef struct suite {
    suite_entry_t entries[SUITE_MAX];
    uint32_t count;
} suite_t;

/* Lists the traces of a folder by name; only those named `only`, unless it is NULL. Ends the
 * program with 2 if there is none. */
suite_t suite_find(const char *folder, const char *only);

/* Adds one file. False: there are SUITE_MAX already, or its path is too long. */
bool suite_add(suite_t *suite, const char *path);

#endif /* BERTH_BENCH_SUITE_H */
