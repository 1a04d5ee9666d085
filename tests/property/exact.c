/* exact.c: what allocatable() and fits() say, against what alloc() then does, on random states.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The truth is found by trying: a bisection over real allocations, each undone by putting back
 * every byte of the region and of its bookkeeping.
 */
#include "generate.h"
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES 100000u
#define STATES_A_ROUND 250u
#define CALLS_A_STATE 12u /* random calls between two states, on average */
#define ALIGNS_A_STATE 3u /* besides alignment 0 */
#define REGION_MAX (64u * 1024u)
#define BESIDE_MAX (256u * 1024u)

static trial_t trial;
static uint8_t region_copy[REGION_MAX + 64u];
static uint8_t beside_copy[BESIDE_MAX];

typedef struct tally {
    uint32_t states;
    uint32_t questions;
    uint32_t differences;
} tally_t;

static void state_save(void)
{
    if (trial.region.base != NULL) {
        memcpy(region_copy, trial.region.base, trial.region.size);
    }
    if (trial.region.beside != NULL) {
        memcpy(beside_copy, trial.region.beside, trial.region.beside_size);
    }
}

static void state_restore(void)
{
    if (trial.region.base != NULL) {
        memcpy(trial.region.base, region_copy, trial.region.size);
    }
    if (trial.region.beside != NULL) {
        memcpy(trial.region.beside, beside_copy, trial.region.beside_size);
    }
}

/* Whether alloc() grants it; the state is as before afterwards. */
static bool state_grants(size_t size, uint32_t align, berth_tag_t tag)
{
    const berth_grant_t grant = trial.engine->alloc(&trial.region, size, align, tag);
    if (grant.offset == BERTH_NOWHERE) {
        return false;
    }
    state_restore();
    return true;
}

static uint32_t state_truth(uint32_t align, berth_tag_t tag)
{
    uint32_t low = 0;
    uint32_t high = trial.region.size;
    while (low < high) {
        const uint32_t middle = low + (high - low + 1u) / 2u;
        if (state_grants(middle, align, tag)) {
            low = middle;
        } else {
            high = middle - 1u;
        }
    }
    return low;
}

static void differ(tally_t *tally, const char *what, uint32_t align, uint32_t said, uint32_t truth)
{
    tally->differences++;
    printf("DIFFERENCE region %s, state %" PRIu32 ", align %" PRIu32 ": %s %" PRIu32
           ", truth %" PRIu32 "\n",
           trial.region.name, tally->states, align, what, said, truth);
}

/* Sizes away from the edge too: what fits must not depend on the size in any other way. */
static void ask_fits(tally_t *tally, random_source_t *random, uint32_t align, berth_tag_t tag,
                     uint32_t truth)
{
    const size_t sizes[] = {truth, (size_t)truth + 1u, random_log(random, trial.region.size),
                            random_below(random, truth + 1u)};
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const bool said = trial.engine->fits(&trial.region, sizes[i], align, tag);
        if (said != state_grants(sizes[i], align, tag)) {
            differ(tally, "fits", align, said, !said);
        }
        tally->questions++;
    }
}

static void ask(tally_t *tally, random_source_t *random, uint32_t align, berth_tag_t tag)
{
    state_save();
    const uint32_t before = trial_hash(&trial);
    const uint32_t said = trial.engine->allocatable(&trial.region, align, tag);
    if (trial_hash(&trial) != before) {
        differ(tally, "asking changed the region; hash", align, before, trial_hash(&trial));
    }
    const uint32_t truth = state_truth(align, tag);
    if (said != truth) {
        differ(tally, "allocatable", align, said, truth);
    }
    tally->questions++;
    ask_fits(tally, random, align, tag, truth);
}

static void state_ask(tally_t *tally, random_source_t *random)
{
    const berth_tag_t word = random_percent(random, 50) ? BERTH_TAG_WORD : 0u;
    ask(tally, random, 0, 1u | word);
    for (uint32_t i = 0; i < ALIGNS_A_STATE; i++) {
        ask(tally, random, 8u << random_below(random, 10), 1u | word);
    }
    tally->states++;
}

static shape_t small_shape(uint32_t seed)
{
    shape_t shape = shape_from(seed);
    shape.size = shape.size > REGION_MAX ? REGION_MAX : shape.size;
    return shape;
}

static void round_run(tally_t *tally, uint32_t seed, uint32_t states)
{
    const shape_t shape = small_shape(seed);
    generator_t generator = generator_from(profile_at(seed / 5u), seed);
    random_source_t random = random_from(~seed);
    trial_start(&trial, shape_lay(&shape, &berth_fit_engine));
    for (uint32_t i = 0; i < states && !trial.failed; i++) {
        const uint32_t until = trial.steps + random_below(&random, 2u * CALLS_A_STATE);
        while (trial.steps <= until && !trial.failed) {
            generator_step(&generator, &trial);
        }
        state_ask(tally, &random);
    }
    if (trial.failed) {
        tally->differences++;
        printf("replay: exact --seed %" PRIu32 " --states %" PRIu32 "\n", seed, states);
    }
}

int main(int count, char **words)
{
    uint32_t states = STATES;
    uint32_t seed = 1;
    for (int i = 1; i + 1 < count; i += 2) {
        uint32_t *option = strcmp(words[i], "--states") == 0 ? &states : &seed;
        *option = (uint32_t)strtoul(words[i + 1], NULL, 0);
    }
    if (count % 2 == 0) {
        puts("exact [--states N] [--seed S]: asks on N random states; exit 0 if all answers are "
             "true");
        return strcmp(words[1], "--help") == 0 ? 0 : 2;
    }
    tally_t tally = {0};
    while (tally.states < states && tally.differences == 0) {
        const uint32_t left = states - tally.states;
        round_run(&tally, seed++, left < STATES_A_ROUND ? left : STATES_A_ROUND);
    }
    printf("exact: %" PRIu32 " states, %" PRIu32 " questions, %" PRIu32 " differences\n",
           tally.states, tally.questions, tally.differences);
    return tally.differences == 0 ? 0 : 1;
}
