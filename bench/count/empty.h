/* empty.h: a function of one instruction: what is left of a call to it is the harness.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Assembled into the program that includes it: one source of it at most.
 */
#ifndef BERTH_BENCH_EMPTY_H
#define BERTH_BENCH_EMPTY_H

void bench_empty(void);
#if defined(__arm__)
__asm__(".text\n.syntax unified\n.thumb\n.globl bench_empty\n.type bench_empty, %function\n"
        ".thumb_func\nbench_empty: bx lr\n");
#else
__asm__(".text\n.globl bench_empty\n.type bench_empty, @function\nbench_empty: ret\n");
#endif

#endif /* BERTH_BENCH_EMPTY_H */
