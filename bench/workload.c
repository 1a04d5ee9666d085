/* workload.c: replays a trace on an allocator.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "workload.h"

#include <stdlib.h>
#include <string.h>

workload_t workload_start(const mtr_t *trace)
{
    workload_t workload = {.trace = trace,
                           .blocks = calloc(trace->slot_count, sizeof(void *)),
                           .sizes = calloc(trace->slot_count, sizeof(uint32_t))};
    if (workload.blocks == NULL || workload.sizes == NULL) {
        fprintf(stderr, "bench: no memory for %u slots\n", trace->slot_count);
        exit(2);
    }
    return workload;
}

void workload_stop(workload_t *workload)
{
    free(workload->blocks);
    free(workload->sizes);
}

static void *op_serve(const mtr_op_t *op, void *block, uint32_t old_size, const bench_peer_t *peer,
                      void *heap)
{
    if (op->kind == MTR_REALLOC) {
        return peer->resize(heap, block, old_size, op->size);
    }
    const size_t align = op->kind == MTR_ALIGNED ? (size_t)1 << op->align_log2 : 0;
    return peer->alloc(heap, op->size, align);
}

uint32_t workload_run(workload_t *workload, const bench_peer_t *peer, void *heap)
{
    const mtr_t *trace = workload->trace;
    memset(workload->sizes, 0, trace->slot_count * sizeof *workload->sizes);
    for (uint32_t i = 0; i < trace->op_count; i++) {
        const mtr_op_t *op = &trace->ops[i];
        void **block = &workload->blocks[op->slot];
        uint32_t *size = &workload->sizes[op->slot];
        if (op->kind == MTR_FREE) {
            peer->free(heap, *block);
        } else {
            void *served = op_serve(op, *block, *size, peer, heap);
            if (served == NULL) {
                return i;
            }
            *(volatile char *)served = 1; /* a block that nobody writes to is a page never mapped */
            *block = served;
        }
        *size = op->size;
    }
    return trace->op_count;
}

void workload_clear(workload_t *workload, const bench_peer_t *peer, void *heap)
{
    for (uint32_t slot = 0; slot < workload->trace->slot_count; slot++) {
        if (workload->sizes[slot] != 0) {
            peer->free(heap, workload->blocks[slot]);
        }
    }
}
