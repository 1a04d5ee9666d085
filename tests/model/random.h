/* random.h: numbers that a seed decides, the same on every target.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_RANDOM_H
#define TESTS_MODEL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct random_source {
    uint32_t state;
} random_source_t;

/* Spreads neighbouring seeds far apart: the finisher of MurmurHash3. */
static inline uint32_t random_mix(uint32_t value)
{
    value ^= value >> 16;
    value *= 0x85EBCA6Bu;
    value ^= value >> 13;
    value *= 0xC2B2AE35u;
    return value ^ (value >> 16);
}

static inline random_source_t random_from(uint32_t seed)
{
    return (random_source_t){.state = random_mix(seed ^ 0x5EED5EEDu)};
}

static inline uint32_t random_next(random_source_t *source)
{
    source->state += 0x9E3779B9u;
    return random_mix(source->state);
}

/* A number below `bound`; 0 if the bound is 0. */
static inline uint32_t random_below(random_source_t *source, uint32_t bound)
{
    return (uint32_t)(((uint64_t)random_next(source) * bound) >> 32);
}

/* A number from `low` to `high`, both included. */
static inline uint32_t random_between(random_source_t *source, uint32_t low, uint32_t high)
{
    return low + random_below(source, high - low + 1u);
}

static inline bool random_percent(random_source_t *source, uint32_t percent)
{
    return random_below(source, 100u) < percent;
}

/* Log-uniform from 1 to about `high`: as many in each octave. */
static inline uint32_t random_log(random_source_t *source, uint32_t high)
{
    uint32_t octaves = 0;
    while (octaves < 31u && (2u << octaves) <= high) {
        octaves++;
    }
    const uint32_t top = 1u << random_below(source, octaves + 1u);
    const uint32_t number = top + random_below(source, top);
    return number <= high ? number : high;
}

#endif /* TESTS_MODEL_RANDOM_H */
