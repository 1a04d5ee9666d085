/* peer_load.h: finds another allocator's adapter.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_PEER_LOAD_H
#define BERTH_BENCH_PEER_LOAD_H

#include "peer.h"

/* Returns what the shared object at `path` exports; ends the program with 2 if it does not fit. */
const bench_peer_t *peer_load(const char *path);

#endif /* BERTH_BENCH_PEER_LOAD_H */
