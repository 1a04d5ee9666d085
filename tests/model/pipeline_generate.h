/* pipeline_generate.h: calls of a manager that a seed decides, near the edges of what is granted.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_PIPELINE_GENERATE_H
#define TESTS_MODEL_PIPELINE_GENERATE_H

#include "pipeline_trial.h"

#define PIPELINE_CHAIN 7u /* requests in a chain, at most: more than are followed */
#define PIPELINE_NEST 4u  /* scopes and guards within one another */
#define PIPELINE_MARKS 4u

typedef struct pipeline_generator {
    random_source_t random;
    uint32_t fill;  /* percent of a region that is to be live */
    uint32_t since; /* calls since that was decided */
    uint32_t retired;
    uint32_t scope_count[PIPELINE_CONTEXTS];
    uint32_t guard_count[PIPELINE_CONTEXTS];
    berth_owner_t scopes[PIPELINE_CONTEXTS][PIPELINE_NEST];
    uint8_t guards[PIPELINE_CONTEXTS][PIPELINE_NEST];
    uint32_t mark_count;
    uint32_t marks[PIPELINE_MARKS];
    berth_request_t chain[PIPELINE_CHAIN];
} pipeline_generator_t;

pipeline_generator_t pipeline_generator_from(uint32_t seed);

/* Draws a need that nobody has reserved, into the slot that is only asked about. */
void pipeline_generator_want(pipeline_generator_t *generator, pipeline_trial_t *trial);

/* Makes a call about a need: asks, reserves, claims or releases one. */
void pipeline_generator_need(pipeline_generator_t *generator, pipeline_trial_t *trial);

/* Makes the next call. */
void pipeline_generator_step(pipeline_generator_t *generator, pipeline_trial_t *trial);

#endif /* TESTS_MODEL_PIPELINE_GENERATE_H */
