/* contender.c: one allocator in bench_host's race, each run in a process of its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "contender.h"

#include "fit_peer.h"
#include "peer_load.h"
#include "workload.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEASURE_NS 100000000.0 /* the least that is timed of each run */

/* Of the peak, in percent: what lives in an arena gets the first that the trace fits in. */
static const uint32_t ARENA_PERCENT[] = {130, 175, 250, 400, 800, 1600};
#define ARENA_COUNT (sizeof ARENA_PERCENT / sizeof ARENA_PERCENT[0])

typedef struct line {
    char text[32];
} line_t;

static void child_become(const contender_t *contender, const char *program, const char *trace_path)
{
    char granule[16];
    snprintf(granule, sizeof granule, "%u", contender->granule);
    if (contender->preload != NULL) {
        setenv("LD_PRELOAD", contender->preload, 1);
    }
    if (trace_path[0] == '\0') { /* the loader would complain that it found nothing */
        (void)!freopen("/dev/null", "w", stderr);
    }
    execl(program, program, "--child", trace_path, granule,
          contender->adapter != NULL ? contender->adapter : "",
          contender->preload != NULL ? contender->preload : "", (char *)NULL);
    _exit(127);
}

/* Returns what the child printed; empty if it failed. */
static line_t child_ask(const contender_t *contender, const char *program, const char *trace_path)
{
    line_t line = {""};
    int ends[2];
    if (pipe(ends) != 0) {
        return line;
    }
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        child_become(contender, program, trace_path);
    }
    close(ends[1]);
    const ssize_t length = read(ends[0], line.text, sizeof line.text - 1);
    close(ends[0]);
    int status = 1;
    const bool ended = child > 0 && waitpid(child, &status, 0) == child;
    line.text[ended && status == 0 && length > 0 ? length : 0] = '\0';
    return line;
}

bool contender_is_present(const contender_t *contender, const char *program)
{
    return contender->preload == NULL || child_ask(contender, program, "").text[0] != '\0';
}

double contender_run(const contender_t *contender, const char *program, const char *trace_path)
{
    return strtod(child_ask(contender, program, trace_path).text, NULL);
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Returns a heap in which the whole trace was replayed once and cleared away, or NULL. */
static void *heap_warm(const bench_peer_t *peer, workload_t *workload)
{
    const mtr_t *trace = workload->trace;
    for (size_t i = 0; i < ARENA_COUNT; i++) {
        void *heap = peer->start(peer->config, NULL,
                                 (size_t)trace->peak * ARENA_PERCENT[i] / 100 / 4096 * 4096 + 4096);
        if (heap == NULL) {
            continue;
        }
        const bool is_whole = workload_run(workload, peer, heap) == trace->op_count;
        workload_clear(workload, peer, heap);
        if (is_whole) {
            return heap;
        }
        peer->stop(heap);
    }
    return NULL;
}

/* Returns nanoseconds an operation, or 0 if the trace does not succeed. */
static double peer_measure(const bench_peer_t *peer, workload_t *workload)
{
    void *heap = heap_warm(peer, workload);
    double spent = 0;
    double ops = 0;
    while (heap != NULL && spent < MEASURE_NS) {
        const double start = now_ns();
        const uint32_t done = workload_run(workload, peer, heap);
        spent += now_ns() - start;
        ops += done;
        workload_clear(workload, peer, heap);
        if (done < workload->trace->op_count) {
            return 0;
        }
    }
    return heap == NULL ? 0 : spent / ops;
}

/* The loader only warns when it cannot preload: glibc would be measured under another's name. */
static bool malloc_is_from(const char *library)
{
    Dl_info info;
    return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) != 0 && info.dli_fname != NULL &&
           strstr(info.dli_fname, library) != NULL;
}

int contender_child(const contender_t *contender, const char *trace_path)
{
    unsetenv("LD_PRELOAD"); /* not for xz */
    if (contender->preload != NULL && !malloc_is_from(contender->preload)) {
        fprintf(stderr, "bench_host: %s is not preloaded\n", contender->preload);
        return 2;
    }
    if (trace_path[0] == '\0') {
        return puts("present") < 0;
    }
    mtr_t trace = mtr_load(trace_path);
    if (trace.ops == NULL) {
        fprintf(stderr, "bench_host: %s\n", trace.error);
        return 2;
    }
    fit_form_t form = fit_form(contender->granule, false);
    const bench_peer_t fit = fit_peer(&form);
    const bench_peer_t *peer = contender->granule != 0      ? &fit
                               : contender->adapter != NULL ? peer_load(contender->adapter)
                                                            : &bench_peer;
    workload_t workload = workload_start(&trace);
    const double spent = peer_measure(peer, &workload);
    workload_stop(&workload);
    mtr_free(&trace);
    if (spent == 0) {
        fprintf(stderr, "bench_host: %s: %s refuses, even with 16 times the peak\n", trace_path,
                peer->name);
        return 2;
    }
    printf("%.3f\n", spent);
    return 0;
}
