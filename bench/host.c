/* host.c: bench_host, nanoseconds an operation beside the host's allocators.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "contender.h"
#include "suite.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTENDERS_MAX 8u
#define ROUNDS_MAX 99u
#define RATIO_MOST 2.0 /* times glibc, on each trace */
#define GLIBC 0u       /* its place among the contenders */

typedef struct settings {
    const char *traces; /* folder */
    const char *only;   /* the one trace wanted; NULL: all */
    const char *peer;   /* adapter; NULL: none */
    uint32_t rounds;
    bool csv;
} settings_t;

typedef struct race {
    contender_t contenders[CONTENDERS_MAX];
    uint32_t count;
    char program[400];
} race_t;

/* What one contender did on one trace. */
typedef struct result {
    double spent; /* ns an operation, median of the rounds; 0: not measured */
    double ratio; /* to glibc, median of the rounds */
} result_t;

static const char HELP[] =
    "bench_host [options] [trace.mtr.xz ...]\n"
    "Prints nanoseconds an operation for each trace, beside glibc, mimalloc, jemalloc, tcmalloc:\n"
    "each run in its own process, rounds interleaved, medians. The bar: at most twice glibc.\n"
    "  --traces DIR    where the traces are (bench: traces)\n"
    "  --trace NAME    only this one\n"
    "  --rounds N      how many (5)\n"
    "  --peer FILE.so  another allocator's adapter, see peer.h\n"
    "  --csv           one measurement a line, no bars\n"
    "Exit: 0 bar met, 1 missed, 2 could not be told.\n";

static const contender_t CONTENDERS[] = {
    {.name = "glibc"},
    {.name = "fit 4", .granule = 4},
    {.name = "fit 16", .granule = 16},
    {.name = "mimalloc", .preload = "libmimalloc.so.2", .package = "libmimalloc2.0"},
    {.name = "jemalloc", .preload = "libjemalloc.so.2", .package = "libjemalloc2"},
    {.name = "tcmalloc", .preload = "libtcmalloc_minimal.so.4", .package = "libtcmalloc-minimal4"},
};

static void option_apply(settings_t *settings, int option)
{
    switch (option) {
    case 't':
        settings->traces = optarg;
        break;
    case 'o':
        settings->only = optarg;
        break;
    case 'r':
        settings->rounds = (uint32_t)strtoul(optarg, NULL, 10);
        break;
    case 'e':
        settings->peer = optarg;
        break;
    case 'c':
        settings->csv = true;
        break;
    case 'h':
        fputs(HELP, stdout);
        exit(0);
    default:
        fputs("bench_host: see --help\n", stderr);
        exit(2);
    }
}

static settings_t settings_parse(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"traces", required_argument, NULL, 't'},
                                            {"trace", required_argument, NULL, 'o'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"peer", required_argument, NULL, 'e'},
                                            {"csv", no_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    settings_t settings = {.traces = "traces", .rounds = 5};
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        option_apply(&settings, option);
    }
    if (settings.rounds == 0 || settings.rounds > ROUNDS_MAX) {
        fprintf(stderr, "bench_host: give --rounds from 1 to %u\n", ROUNDS_MAX);
        exit(2);
    }
    return settings;
}

static race_t race_prepare(const settings_t *settings)
{
    race_t race = {.count = sizeof CONTENDERS / sizeof CONTENDERS[0]};
    memcpy(race.contenders, CONTENDERS, sizeof CONTENDERS);
    if (settings->peer != NULL) {
        race.contenders[race.count++] = (contender_t){.name = "peer", .adapter = settings->peer};
    }
    if (readlink("/proc/self/exe", race.program, sizeof race.program - 1) <= 0) {
        fputs("bench_host: /proc/self/exe cannot be read: mount /proc\n", stderr);
        exit(2);
    }
    for (uint32_t i = 0; i < race.count; i++) {
        contender_t *contender = &race.contenders[i];
        contender->is_absent = !contender_is_present(contender, race.program);
        if (contender->is_absent) {
            fprintf(stderr, "bench_host: %s is absent: apt-get install %s\n", contender->name,
                    contender->package);
        }
    }
    return race;
}

static int double_compare(const void *one, const void *other)
{
    const double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, double_compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Ratios are taken within a round, so that a machine that slows down slows both sides. */
static void trace_race(const race_t *race, const char *path, uint32_t rounds,
                       result_t results[CONTENDERS_MAX])
{
    double spent[CONTENDERS_MAX][ROUNDS_MAX];
    double ratios[CONTENDERS_MAX][ROUNDS_MAX];
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < race->count; i++) {
            const contender_t *contender = &race->contenders[i];
            spent[i][round] =
                contender->is_absent ? 0 : contender_run(contender, race->program, path);
            const double glibc = spent[GLIBC][round];
            ratios[i][round] = glibc == 0 ? 0 : spent[i][round] / glibc;
        }
    }
    for (uint32_t i = 0; i < race->count; i++) {
        results[i].spent = median(spent[i], rounds);
        results[i].ratio = median(ratios[i], rounds);
    }
}

static void head_print(const race_t *race)
{
    printf("Nanoseconds an operation; in brackets, times glibc\n\n%-13s", "trace");
    for (uint32_t i = 0; i < race->count; i++) {
        printf(i == GLIBC ? " %5.8s" : " %12.8s", race->contenders[i].name);
    }
    putchar('\n');
}

static void trace_print(const race_t *race, const char *trace, const result_t *results)
{
    printf("%-13.13s", trace);
    for (uint32_t i = 0; i < race->count; i++) {
        if (results[i].spent == 0) {
            printf(" %*s", i == GLIBC ? 5 : 12, "-");
        } else if (i == GLIBC) {
            printf(" %5.1f", results[i].spent);
        } else {
            printf(" %5.1f (%4.2f)", results[i].spent, results[i].ratio);
        }
    }
    putchar('\n');
    fflush(stdout);
}

static void trace_print_csv(const race_t *race, const char *trace, const result_t *results)
{
    for (uint32_t i = 0; i < race->count; i++) {
        printf("%s,%s,%.2f,%.3f\n", trace, race->contenders[i].name, results[i].spent,
               results[i].ratio);
    }
}

/* Returns the worst ratio of the fit engine in any of its forms; 0: one was not measured. */
static double fit_worst(const race_t *race, const result_t *results)
{
    double worst = 0;
    for (uint32_t i = 0; i < race->count; i++) {
        if (race->contenders[i].granule != 0) {
            if (results[i].ratio == 0) {
                return 0;
            }
            worst = results[i].ratio > worst ? results[i].ratio : worst;
        }
    }
    return worst;
}

static int child_main(char **arguments)
{
    const contender_t contender = {
        .granule = (uint32_t)strtoul(arguments[1], NULL, 10),
        .adapter = arguments[2][0] != '\0' ? arguments[2] : NULL,
        .preload = arguments[3][0] != '\0' ? arguments[3] : NULL,
    };
    return contender_child(&contender, arguments[0]);
}

static suite_t suite_choose(const settings_t *settings, int argc, char **argv)
{
    if (optind == argc) {
        return suite_find(settings->traces, settings->only);
    }
    suite_t suite = {.count = 0};
    for (int i = optind; i < argc; i++) {
        if (!suite_add(&suite, argv[i])) {
            fprintf(stderr, "bench_host: %s: left out, give fewer or shorter names\n", argv[i]);
        }
    }
    return suite;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv + 2);
    }
    const settings_t settings = settings_parse(argc, argv);
    const suite_t suite = suite_choose(&settings, argc, argv);
    const race_t race = race_prepare(&settings);
    double worst = 0;
    bool is_whole = true;
    if (settings.csv) {
        printf("trace,allocator,ns,ratio\n");
    } else {
        head_print(&race);
    }
    for (uint32_t i = 0; i < suite.count; i++) {
        result_t results[CONTENDERS_MAX];
        trace_race(&race, suite.entries[i].path, settings.rounds, results);
        (settings.csv ? trace_print_csv : trace_print)(&race, suite.entries[i].name, results);
        const double ratio = fit_worst(&race, results);
        is_whole = is_whole && ratio != 0;
        worst = ratio > worst ? ratio : worst;
    }
    if (!settings.csv) {
        printf("\nBar\n  fit on its worst trace, times glibc: at most %.1f: %.2f %s\n", RATIO_MOST,
               worst, worst > RATIO_MOST ? "MISSED" : "met");
    }
    return worst > RATIO_MOST ? 1 : is_whole ? 0 : 2;
}
