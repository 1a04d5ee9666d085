/* pipeline_draw.h: the arguments of calls that a seed decides.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_PIPELINE_DRAW_H
#define TESTS_MODEL_PIPELINE_DRAW_H

#include "pipeline_generate.h"

/* A size, often one at which something changes. */
size_t pipeline_draw_size(random_source_t *random, pipeline_trial_t *trial);

berth_owner_t pipeline_draw_owner(random_source_t *random, const pipeline_trial_t *trial);

/* A request and its chain, in the generator's memory. */
const berth_request_t *pipeline_draw_request(pipeline_generator_t *generator,
                                             pipeline_trial_t *trial);

/* A live block's address, or an alias of it; NULL if there is none. */
void *pipeline_draw_live(random_source_t *random, const pipeline_trial_t *trial);

/* An address that is probably no live block's. */
void *pipeline_draw_wrong(random_source_t *random, const pipeline_trial_t *trial);

berth_caps_t pipeline_draw_caps(random_source_t *random, const pipeline_trial_t *trial);

#endif /* TESTS_MODEL_PIPELINE_DRAW_H */
