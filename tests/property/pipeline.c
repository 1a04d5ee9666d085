/* pipeline.c: the manager against a slow, obvious model after every call.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A round is one seed and one board: a fresh manager that the seed configures, and a few thousand
 * calls. A failure prints the round that replays it. The same file runs on the targets.
 */
#include "options.h"
#include "pipeline_generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifndef PIPELINE_OPS
#define PIPELINE_OPS 200000u
#endif
#define ROUND_OPS 4000u    /* calls in a round, unless asked otherwise */
#define AUDIT_PERIOD 1000u /* calls between two full comparisons */

typedef struct options {
    const pipeline_board_t *board; /* NULL: each in turn */
    uint32_t seed;
    uint32_t ops;       /* calls in all */
    uint32_t round_ops; /* calls in a round */
    uint32_t audit;     /* calls between two full comparisons */
    uint32_t progress;  /* calls between two lines of progress; 0: none */
    bool is_traced;
    bool is_table;
    bool is_wrong; /* the options make no sense */
    bool is_help;
} options_t;

typedef struct totals {
    uint32_t calls;
    uint32_t rounds;
    uint32_t events[BERTH_EVENT_KINDS][PIPELINE_STATUSES]; /* compared */
    uint32_t refused;                                      /* of alloc and resize */
    uint32_t carved;                                       /* regions */
    uint32_t doubtful;                                     /* calls left out */
} totals_t;

static pipeline_trial_t trial;

static const char help[] =
    "pipeline: the manager against a model after every call\n"
    "  --seed S      first seed (1)\n"
    "  --ops N       calls in all (200000)\n"
    "  --board NAME  this board only: two, four, kinds, steps or apart\n"
    "  --round N     calls in a round (4000)\n"
    "  --audit N     calls between two full comparisons (1000)\n"
    "  --progress N  print a line every N calls\n"
    "  --trace       print each call\n"
    "  --table       print how many events were compared, by kind and status\n"
    "Exit: 0 no difference, 1 a difference, 2 wrong options.\n";

static options_t options_parse(int count, char **words)
{
    options_t options = {
        .seed = 1, .ops = PIPELINE_OPS, .round_ops = ROUND_OPS, .audit = AUDIT_PERIOD};
    const option_t numbers[] = {
        {"--seed", &options.seed},         {"--ops", &options.ops},
        {"--round", &options.round_ops},   {"--audit", &options.audit},
        {"--progress", &options.progress}, {NULL, NULL},
    };
    for (int i = 1; i < count; i++) {
        uint32_t *number = option_named(numbers, words[i]);
        if (number != NULL) {
            const char *text = i + 1 < count ? words[++i] : NULL;
            options.is_wrong = !option_read(text, number) || options.is_wrong;
        } else if (strcmp(words[i], "--board") == 0 && i + 1 < count) {
            options.board = pipeline_board_named(words[++i]);
            options.is_wrong = options.is_wrong || options.board == NULL;
        } else if (strcmp(words[i], "--trace") == 0) {
            options.is_traced = true;
        } else if (strcmp(words[i], "--table") == 0) {
            options.is_table = true;
        } else if (strcmp(words[i], "--help") == 0) {
            options.is_help = true;
        } else {
            options.is_wrong = true;
        }
    }
    options.is_wrong = options.is_wrong || options.audit == 0;
    return options;
}

static bool round_run(const options_t *options, const pipeline_board_t *board, uint32_t seed,
                      uint32_t ops)
{
    trial.is_traced = options->is_traced;
    pipeline_trial_start(&trial, board, seed);
    pipeline_generator_t generator = pipeline_generator_from(seed);
    uint32_t audited = 0;
    while (trial.steps < ops && !trial.failed) {
        pipeline_generator_step(&generator, &trial);
        if (trial.steps - audited >= options->audit) {
            pipeline_trial_audit(&trial);
            audited = trial.steps;
        }
    }
    pipeline_trial_refuse(&trial, PIPELINE_REGIONS);
    pipeline_trial_audit(&trial);
    pipeline_trial_poll(&trial, PIPELINE_EVENTS);
    if (trial.failed) {
        printf("replay: pipeline --board %s --seed %" PRIu32 " --ops %" PRIu32 " --round %" PRIu32
               " --audit %" PRIu32 "\n",
               board->name, seed, ops, ops, options->audit);
    }
    return !trial.failed;
}

static void totals_add(totals_t *totals)
{
    totals->calls += trial.steps;
    totals->rounds++;
    for (uint32_t i = 0; i < BERTH_EVENT_KINDS * PIPELINE_STATUSES; i++) {
        totals->events[i / PIPELINE_STATUSES][i % PIPELINE_STATUSES] +=
            trial.seen[i / PIPELINE_STATUSES][i % PIPELINE_STATUSES];
    }
    totals->refused += trial.model.refusals;
    totals->carved += trial.carved;
    totals->doubtful += trial.doubtful;
}

/* What was compared: a column for each status. */
static void totals_print(const totals_t *totals)
{
    printf("  %-10s", "events");
    for (uint32_t status = 0; status < PIPELINE_STATUSES; status++) {
        printf(" %8.8s", berth_status_name(-(int32_t)status));
    }
    printf("\n");
    for (uint32_t kind = 0; kind < BERTH_EVENT_KINDS; kind++) {
        printf("  %-10.10s", berth_event_name((uint8_t)kind));
        for (uint32_t status = 0; status < PIPELINE_STATUSES; status++) {
            printf(" %8" PRIu32, totals->events[kind][status]);
        }
        printf("\n");
    }
}

static bool rounds_run(const options_t *options)
{
    totals_t totals = {0};
    while (totals.calls < options->ops) {
        const uint32_t left = options->ops - totals.calls;
        const uint32_t ops = left < options->round_ops ? left : options->round_ops;
        const uint32_t seed = options->seed + totals.rounds;
        const pipeline_board_t *board =
            options->board != NULL ? options->board : pipeline_board_at(seed);
        const uint32_t before = totals.calls;
        if (!round_run(options, board, seed, ops)) {
            return false;
        }
        totals_add(&totals);
        if (options->progress != 0 &&
            before / options->progress != totals.calls / options->progress) {
            printf("pipeline: %" PRIu32 " calls so far, seed %" PRIu32 "\n", totals.calls, seed);
            (void)fflush(stdout);
        }
    }
    printf(
        "pipeline: %" PRIu32 " calls in %" PRIu32 " rounds from seed %" PRIu32 ", no difference\n"
        "  refused %" PRIu32 ", regions added %" PRIu32 ", left out %" PRIu32 "\n",
        totals.calls, totals.rounds, options->seed, totals.refused, totals.carved, totals.doubtful);
    if (options->is_table) {
        totals_print(&totals);
    }
    return true;
}

int main(int count, char **words)
{
    const options_t options = options_parse(count, words);
    if (options.is_help || options.is_wrong) {
        (void)fputs(help, options.is_help ? stdout : stderr);
        return options.is_help ? 0 : 2;
    }
    return rounds_run(&options) ? 0 : 1;
}
