/* generate.h: calls that a seed decides, in several characters.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_GENERATE_H
#define TESTS_MODEL_GENERATE_H

#include "random.h"
#include "trial.h"

/* What a run of calls is like. Weights are of all calls; what is left over is alloc and free. */
typedef struct profile {
    const char *name;
    uint32_t size_max;       /* bytes; 0: an eighth of the region */
    uint32_t word_percent;   /* of allocations that ask for one word more */
    uint32_t align_percent;  /* of allocations that ask for an alignment */
    uint32_t resize_percent; /* of calls */
    uint32_t odd_percent;    /* of calls: gives, words, questions and wrong calls */
    uint32_t edge_percent;   /* of sizes that lie at an edge: 0, SIZE_MAX, what just fits */
    uint32_t hold;           /* calls for which the wanted fill stays as it is */
    bool is_exact;           /* sizes are taken from the free blocks there are */
} profile_t;

typedef struct generator {
    const profile_t *profile;
    random_source_t random;
    uint32_t fill;    /* percent of the region that is to be live */
    uint32_t since;   /* calls since that was decided */
    bool is_portable; /* only calls that mean the same on every target */
} generator_t;

uint32_t profile_count(void);

const profile_t *profile_at(uint32_t index);

/* By name, or NULL. */
const profile_t *profile_named(const char *name);

generator_t generator_from(const profile_t *profile, uint32_t seed);

/* Makes the next call, or a few that belong together. */
void generator_step(generator_t *generator, trial_t *trial);

#endif /* TESTS_MODEL_GENERATE_H */
