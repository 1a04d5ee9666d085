/* search.h: the smallest arena in which a trace succeeds.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_SEARCH_H
#define BERTH_BENCH_SEARCH_H

#include "workload.h"

#define SEARCH_STEP UINT64_C(64) /* bytes: arenas are multiples of this */
#define SEARCH_WINDOW 33u        /* arenas in a row that must succeed, the smallest included */

/* Returns the smallest arena, in bytes, such that it and the next 32 multiples of 64 succeed.
 * 0: none up to 64 times the peak. */
uint32_t search_arena(workload_t *workload, const bench_peer_t *peer);

#endif /* BERTH_BENCH_SEARCH_H */
