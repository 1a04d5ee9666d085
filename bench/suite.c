/* suite.c: which traces a bench replays.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "suite.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool suite_add(suite_t *suite, const char *path)
{
    if (suite->count == SUITE_MAX || strlen(path) >= sizeof suite->entries[0].path) {
        return false;
    }
    suite_entry_t *entry = &suite->entries[suite->count++];
    snprintf(entry->path, sizeof entry->path, "%s", path);
    const char *slash = strrchr(path, '/');
    snprintf(entry->name, sizeof entry->name, "%s", slash != NULL ? slash + 1 : path);
    char *ending = strstr(entry->name, ".mtr");
    if (ending != NULL) {
        *ending = '\0';
    }
    return true;
}

static void suite_add_matching(suite_t *suite, const char *folder, const char *pattern)
{
    char wanted[400];
    snprintf(wanted, sizeof wanted, "%s/%s", folder, pattern);
    glob_t found;
    if (glob(wanted, 0, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (!suite_add(suite, found.gl_pathv[i])) {
            fprintf(stderr, "bench: %s: left out, more than %u traces\n", found.gl_pathv[i],
                    SUITE_MAX);
        }
    }
    globfree(&found);
}

static void suite_keep(suite_t *suite, const char *only)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < suite->count; i++) {
        if (strcmp(suite->entries[i].name, only) == 0) {
            suite->entries[kept++] = suite->entries[i];
        }
    }
    suite->count = kept;
}

suite_t suite_find(const char *folder, const char *only)
{
    suite_t suite = {.count = 0};
    suite_add_matching(&suite, folder, "*.mtr.xz");
    suite_add_matching(&suite, folder, "*.mtr");
    if (only != NULL) {
        suite_keep(&suite, only);
    }
    if (suite.count == 0) {
        fprintf(stderr, "bench: no trace %s in %s; name their folder with --traces\n",
                only != NULL ? only : "*.mtr.xz", folder);
        exit(2);
    }
    return suite;
}
