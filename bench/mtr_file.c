/* mtr_file.c: opens a trace on the host, unpacking it on the way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mtr.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process of our own and no shell, so that a file name is never a command. */
static pid_t xz_start(const char *path, int *output)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("xz", "xz", "-dc", "--", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *output = ends[0];
    return child;
}

static mtr_t load_packed(const char *path)
{
    int output = -1;
    const pid_t child = xz_start(path, &output);
    FILE *file = child < 0 ? NULL : fdopen(output, "rb");
    if (file == NULL) {
        mtr_t refused = {.ops = NULL};
        snprintf(refused.error, sizeof refused.error, "%s: xz did not start: %s", path,
                 strerror(errno));
        return refused;
    }
    mtr_t trace = mtr_read(file, path);
    fclose(file);
    int status = 0;
    const bool known = waitpid(child, &status, 0) == child && WIFEXITED(status);
    const int code = known ? WEXITSTATUS(status) : 0;
    if (code != 0) { /* else the trace itself tells: a refused one leaves xz a closed pipe */
        mtr_free(&trace);
        snprintf(trace.error, sizeof trace.error,
                 code == 127 ? "%s: xz is missing: apt-get install xz-utils"
                             : "%s: xz cannot unpack it; restore the file from where it came",
                 path);
    }
    return trace;
}

mtr_t mtr_load(const char *path)
{
    const size_t length = strlen(path);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        mtr_t refused = {.ops = NULL};
        snprintf(refused.error, sizeof refused.error, "%s: %s", path, strerror(errno));
        return refused;
    }
    if (length > 3 && strcmp(path + length - 3, ".xz") == 0) {
        fclose(file);
        return load_packed(path);
    }
    mtr_t trace = mtr_read(file, path);
    fclose(file);
    return trace;
}
