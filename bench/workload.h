/* workload.h: replays a trace on an allocator.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_WORKLOAD_H
#define BERTH_BENCH_WORKLOAD_H

#include "mtr.h"
#include "peer.h"

/* What a replay needs and keeps between runs. */
typedef struct workload {
    const mtr_t *trace;
    void **blocks;   /* of each slot */
    uint32_t *sizes; /* of each slot, as requested; 0: empty */
} workload_t;

/* Prepares to replay a trace; ends the program where there is no memory for it. */
workload_t workload_start(const mtr_t *trace);

/* Gives the memory of a workload back; the trace stays. */
void workload_stop(workload_t *workload);

/* Replays the trace up to the first refusal; returns how many operations succeeded. */
uint32_t workload_run(workload_t *workload, const bench_peer_t *peer, void *heap);

/* Frees what a run left alive. */
void workload_clear(workload_t *workload, const bench_peer_t *peer, void *heap);

#endif /* BERTH_BENCH_WORKLOAD_H */
