/* marks.h: how a replayed program tells the counting plugin what it is about to do.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The program stores to bench_marks[x]; the plugin, which knows the array's address, watches the
 * stores. So it works alike on every target, in user and in system mode, without a system call.
 * Start-up code clears the array too: nothing counts before two MARK_RESET in a row.
 */
#ifndef BERTH_BENCH_MARKS_H
#define BERTH_BENCH_MARKS_H

#include <stdint.h>

enum {
    MARK_END,   /* the engine call is over */
    MARK_ALLOC, /* a call begins */
    MARK_FREE,
    MARK_RESIZE,
    MARK_CALIBRATE, /* the next call goes to a function that is one instruction long */
    MARK_REGION,    /* the next two stores are to the region's first and last byte */
    MARK_BOOK,      /* the same of the bookkeeping beside it */
    MARK_RESET,     /* forget all calls so far */
    MARK_COUNT
};

extern volatile uint8_t bench_marks[MARK_COUNT];

#endif /* BERTH_BENCH_MARKS_H */
