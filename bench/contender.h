/* contender.h: one allocator in bench_host's race, each run in a process of its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_CONTENDER_H
#define BERTH_BENCH_CONTENDER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct contender {
    const char *name;    /* heading */
    const char *preload; /* the library that replaces malloc; NULL: none */
    const char *package; /* Debian's, that has it */
    const char *adapter; /* shared object made after peer.h; NULL: none */
    uint32_t granule;    /* of the fit engine; 0: not that */
    bool is_absent;
} contender_t;

/* Tells whether the library that the contender is made of can be preloaded here. `program` is this
 * program's own file, here and below. */
bool contender_is_present(const contender_t *contender, const char *program);

/* Replays a trace in a fresh process; returns nanoseconds an operation, 0: it failed, as said on
 * stderr. */
double contender_run(const contender_t *contender, const char *program, const char *trace_path);

/* The other end, in the fresh process: measures and prints; an empty path: tells that the contender
 * could be loaded. Returns the exit code. */
int contender_child(const contender_t *contender, const char *trace_path);

#endif /* BERTH_BENCH_CONTENDER_H */
