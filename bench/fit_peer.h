/* fit_peer.h: the fit engine as one more peer, so that it is measured like the others.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_FIT_PEER_H
#define BERTH_BENCH_FIT_PEER_H

#include "peer.h"

/* How a region is given to the engine. */
typedef struct fit_form {
    char name[16];
    uint32_t granule; /* bytes, and the alignment promised */
    bool beside;      /* bookkeeping apart from the region; both together are the arena */
} fit_form_t;

/* Names a form by its granule: "fit 4", "beside 16". */
fit_form_t fit_form(uint32_t granule, bool beside);

/* Returns the engine in this form; `form` must outlive it. */
bench_peer_t fit_peer(fit_form_t *form);

#endif /* BERTH_BENCH_FIT_PEER_H */
