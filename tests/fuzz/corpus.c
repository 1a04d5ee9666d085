/* corpus.c: gives each file of the named folders, or each named file, to a fuzz target once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX 65536u

static uint8_t bytes[FILE_MAX];

static int corpus_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    printf("%s: %zu bytes\n", path, size);
    (void)fflush(stdout); /* so that the last line names the file that broke it */
    (void)LLVMFuzzerTestOneInput(bytes, size);
    return 0;
}

static int corpus_folder(const char *path, DIR *folder)
{
    int failures = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[1024];
        if (entry->d_name[0] != '.') {
            (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            failures += corpus_file(name);
        }
    }
    return failures;
}

int main(int count, char **words)
{
    int failures = 0;
    if (count < 2 || strcmp(words[1], "--help") == 0) {
        puts("usage: FILE|FOLDER...   gives each file to the fuzz target once; aborts on a "
             "difference");
        return count < 2 ? 2 : 0;
    }
    for (int i = 1; i < count; i++) {
        DIR *folder = opendir(words[i]);
        failures += folder != NULL ? corpus_folder(words[i], folder) : corpus_file(words[i]);
        if (folder != NULL) {
            (void)closedir(folder);
        }
    }
    return failures == 0 ? 0 : 2;
}
