/* property.c: the engine against a slow, obvious model after every step.
 * SPDX-License-Identifier: Apache-2.0
 *
 * tests/target/run.sh shows how it is built by hand.
 *
 * A round is one seed and one profile: a fresh region whose shape the seed decides, and a few
 * thousand calls. A failure prints the round that replays it. The same file runs on the targets.
 */
#include "generate.h"
#include "options.h"
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifndef PROPERTY_OPS
#define PROPERTY_OPS 5000000u
#endif
#define ROUND_OPS 12000u /* calls in a round, unless asked otherwise */

typedef struct options {
    const profile_t *profile; /* NULL: each in turn */
    uint32_t seed;
    uint32_t ops;       /* calls in all */
    uint32_t round_ops; /* calls in a round */
    uint32_t progress;  /* calls between two lines of progress; 0: none */
    bool is_single;     /* one round: what a failure prints */
    bool is_traced;
    bool is_wrong; /* the options make no sense */
    bool is_help;
} options_t;

static trial_t trial;

static const char help[] =
    "property: the engine against a model after every step\n"
    "  --seed S      first seed (1)\n"
    "  --ops N       calls in all, or of the one round when --profile is given\n"
    "  --profile P   one round of this profile only: what a failure prints\n"
    "  --round N     calls in a round (12000)\n"
    "  --progress N  print a line every N calls\n"
    "  --trace       print each call\n"
    "Exit: 0 no difference, 1 a difference, 2 wrong options.\n";

static options_t options_parse(int count, char **words)
{
    options_t options = {.seed = 1, .ops = PROPERTY_OPS, .round_ops = ROUND_OPS};
    const option_t numbers[] = {
        {"--seed", &options.seed},
        {"--ops", &options.ops},
        {"--round", &options.round_ops},
        {"--progress", &options.progress},
        {NULL, NULL},
    };
    for (int i = 1; i < count; i++) {
        uint32_t *number = option_named(numbers, words[i]);
        if (number != NULL) {
            const char *text = i + 1 < count ? words[++i] : NULL;
            options.is_wrong = !option_read(text, number) || options.is_wrong;
        } else if (strcmp(words[i], "--profile") == 0 && i + 1 < count) {
            options.profile = profile_named(words[++i]);
            options.is_single = true;
        } else if (strcmp(words[i], "--trace") == 0) {
            options.is_traced = true;
        } else if (strcmp(words[i], "--help") == 0) {
            options.is_help = true;
        } else {
            options.is_wrong = true;
        }
    }
    options.is_wrong = options.is_wrong || (options.is_single && options.profile == NULL);
    return options;
}

/* A full comparison costs as much as the region has blocks: so often that it stays affordable. */
static bool round_audit_due(uint32_t since)
{
    return since * 24u >= trial.model.count;
}

static bool round_run(const options_t *options, const profile_t *profile, uint32_t seed,
                      uint32_t ops)
{
    const shape_t shape = shape_from(seed);
    trial.is_traced = options->is_traced;
    trial_start(&trial, shape_lay(&shape, &berth_fit_engine));
    generator_t generator = generator_from(profile, seed);
    uint32_t audited = 0;
    while (trial.steps < ops && !trial.failed) {
        generator_step(&generator, &trial);
        if (!trial.failed && round_audit_due(trial.steps - audited)) {
            trial_audit(&trial);
            audited = trial.steps;
        }
    }
    if (!trial.failed) {
        trial_audit(&trial);
    }
    if (trial.failed) {
        printf("replay: property --profile %s --seed %" PRIu32 " --ops %" PRIu32 "\n",
               profile->name, seed, ops);
    }
    return !trial.failed;
}

static bool rounds_run(const options_t *options)
{
    uint32_t done = 0;
    uint32_t rounds = 0;
    while (done < options->ops) {
        const uint32_t left = options->ops - done;
        const uint32_t ops = left < options->round_ops ? left : options->round_ops;
        const uint32_t seed = options->seed + rounds / profile_count();
        if (!round_run(options, profile_at(rounds), seed, ops)) {
            return false;
        }
        if (options->progress != 0 &&
            done / options->progress != (done + trial.steps) / options->progress) {
            printf("property: %" PRIu32 " calls so far, seed %" PRIu32 "\n", done + trial.steps,
                   seed);
            (void)fflush(stdout);
        }
        done += trial.steps;
        rounds++;
    }
    printf("property: %" PRIu32 " calls in %" PRIu32 " rounds from seed %" PRIu32
           ", no difference\n",
           done, rounds, options->seed);
    return true;
}

int main(int count, char **words)
{
    const options_t options = options_parse(count, words);
    if (options.is_help || options.is_wrong) {
        (void)fputs(help, options.is_help ? stdout : stderr);
        return options.is_help ? 0 : 2;
    }
    if (options.is_single) {
        return round_run(&options, options.profile, options.seed, options.ops) ? 0 : 1;
    }
    return rounds_run(&options) ? 0 : 1;
}
