/* mtr.h: an allocation trace, read and validated.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A .mtr file is "MTR1", u32 operations, u32 slots (little endian), and for each operation one byte
 * kind | log2(align) << 3, a LEB128 slot, and, unless it is a free, a LEB128 size. A slot names a
 * live object and is used again once that object is freed.
 */
#ifndef BERTH_BENCH_MTR_H
#define BERTH_BENCH_MTR_H

#include <stdint.h>
#include <stdio.h>

typedef enum mtr_kind {
    MTR_ALLOC,
    MTR_FREE,
    MTR_REALLOC,
    MTR_ALIGNED
} mtr_kind_t;

typedef struct mtr_op {
    uint32_t slot;
    uint32_t size;      /* bytes; 0 for MTR_FREE only */
    uint8_t kind;       /* mtr_kind_t */
    uint8_t align_log2; /* MTR_ALIGNED only */
} mtr_op_t;

typedef struct mtr {
    mtr_op_t *ops; /* NULL: the trace could not be read, see `error` */
    uint32_t op_count;
    uint32_t slot_count;
    uint32_t peak; /* bytes: the most that were live at once, as requested */
    char error[256];
} mtr_t;

/* Reads a whole trace; `name` is for the error text. The result is given back with mtr_free(). */
mtr_t mtr_read(FILE *file, const char *name);

/* Reads the trace in a file, through `xz -dc` if its name ends in .xz. Hosts only. */
mtr_t mtr_load(const char *path);

/* Gives the memory of a trace back. */
void mtr_free(mtr_t *trace);

#endif /* BERTH_BENCH_MTR_H */
