/* memory.c: bench_memory, how small an arena each trace can live in.
 * SPDX-License-Identifier: Apache-2.0
 *
 * `make bench` builds it. By hand, in bench/:
 *
 *     gcc -std=gnu11 -O2 -I. -I../include memory.c figures.c bars.c published.c suite.c search.c \
 *         workload.c fit_peer.c peer_load.c mtr.c mtr_file.c $(sed 's,^,../,' ../sources.txt) \
 *         -lm -ldl -o bench_memory
 */
#include "figures.h"
#include "mtr.h"
#include "peer_load.h"
#include "search.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct settings {
    const char *traces;    /* folder */
    const char *only;      /* the one trace wanted; NULL: all */
    const char *published; /* data file */
    const char *peer;      /* shared object; NULL: none */
    uint32_t granule;      /* the one in-band form wanted; 0: all */
    uint32_t beside;       /* the one form beside wanted; 0: all */
    bool csv;
} settings_t;

static const char HELP[] =
    "bench_memory [options] [trace.mtr.xz ...]\n"
    "Prints the smallest arena (a multiple of 64 such that it and the next 32 succeed) over the\n"
    "peak of live bytes, for each trace, beside published figures, and judges the bars.\n"
    "  --traces DIR      where the traces are (bench: traces)\n"
    "  --trace NAME      only this one\n"
    "  --granule N       only the form in the region with this granule\n"
    "  --beside N        only the form beside the region with this granule\n"
    "  --published FILE  the published figures (published.csv)\n"
    "  --peer FILE.so    another allocator's adapter, see peer.h\n"
    "  --csv             one measurement a line, no bars\n"
    "Exit: 0 bars met, 1 a bar missed, 2 could not be told.\n";

static uint32_t granule_parse(const char *text)
{
    char *end = NULL;
    const unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < 4 || value > 65536 || (value & (value - 1)) != 0) {
        fprintf(stderr, "bench_memory: granule %s: give a power of two from 4 to 65536\n", text);
        exit(2);
    }
    return (uint32_t)value;
}

static void option_apply(settings_t *settings, int option)
{
    switch (option) {
    case 't':
        settings->traces = optarg;
        break;
    case 'o':
        settings->only = optarg;
        break;
    case 'g':
        settings->granule = granule_parse(optarg);
        break;
    case 'b':
        settings->beside = granule_parse(optarg);
        break;
    case 'p':
        settings->published = optarg;
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
        fputs("bench_memory: see --help\n", stderr);
        exit(2);
    }
}

static settings_t settings_parse(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"traces", required_argument, NULL, 't'},
                                            {"trace", required_argument, NULL, 'o'},
                                            {"granule", required_argument, NULL, 'g'},
                                            {"beside", required_argument, NULL, 'b'},
                                            {"published", required_argument, NULL, 'p'},
                                            {"peer", required_argument, NULL, 'e'},
                                            {"csv", no_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    settings_t settings = {.traces = "traces", .published = "published.csv"};
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        option_apply(&settings, option);
    }
    return settings;
}

/* Returns the number of forms that the settings ask for. */
static uint32_t forms_choose(const settings_t *settings, fit_form_t forms[FIGURES_FORMS_MAX])
{
    if (settings->granule != 0) {
        forms[0] = fit_form(settings->granule, false);
        return 1;
    }
    if (settings->beside != 0) {
        forms[0] = fit_form(settings->beside, true);
        return 1;
    }
    uint32_t count = 0;
    forms[count++] = fit_form(4, false);
    forms[count++] = fit_form(8, false);
    forms[count++] = fit_form(16, true);
    forms[count++] = fit_form(64, true);
    forms[count++] = fit_form(256, true);
    return count;
}

static void trace_measure(figures_t *figures, uint32_t index, const bench_peer_t *peers)
{
    const suite_entry_t *entry = &figures->suite.entries[index];
    mtr_t trace = mtr_load(entry->path);
    if (trace.ops == NULL) {
        fprintf(stderr, "bench_memory: %s\n", trace.error);
        exit(2);
    }
    figures->peak[index] = trace.peak;
    workload_t workload = workload_start(&trace);
    for (uint32_t i = 0; i < figures->form_count; i++) {
        if (isatty(STDERR_FILENO)) {
            fprintf(stderr, "%-20s %-12s\r", entry->name, peers[i].name);
        }
        figures->forms[i].arena[index] = search_arena(&workload, &peers[i]);
    }
    workload_stop(&workload);
    mtr_free(&trace);
}

/* Adds our forms, then the other allocator's. */
static void peers_choose(const settings_t *settings, fit_form_t *forms, bench_peer_t *peers,
                         figures_t *figures)
{
    const uint32_t ours = forms_choose(settings, forms);
    for (uint32_t i = 0; i < ours; i++) {
        peers[i] = fit_peer(&forms[i]);
    }
    figures->form_count = ours;
    if (settings->peer != NULL) {
        peers[ours] = *peer_load(settings->peer);
        figures->form_count += peers[ours].takes_arena;
        if (!peers[ours].takes_arena) {
            printf("%s takes no arena: not in these tables\n", peers[ours].name);
        }
    }
    for (uint32_t i = 0; i < figures->form_count; i++) {
        figures->forms[i] = (figures_form_t){.name = peers[i].name,
                                             .align = peers[i].align,
                                             .is_ours = i < ours,
                                             .is_beside = i < ours && forms[i].beside};
    }
}

static suite_t suite_choose(const settings_t *settings, int argc, char **argv)
{
    if (optind == argc) {
        return suite_find(settings->traces, settings->only);
    }
    suite_t suite = {.count = 0};
    for (int i = optind; i < argc; i++) {
        if (!suite_add(&suite, argv[i])) {
            fprintf(stderr, "bench_memory: %s: left out, give fewer or shorter names\n", argv[i]);
        }
    }
    return suite;
}

int main(int argc, char **argv)
{
    const settings_t settings = settings_parse(argc, argv);
    static figures_t figures;
    fit_form_t forms[FIGURES_FORMS_MAX];
    bench_peer_t peers[FIGURES_FORMS_MAX];
    figures.suite = suite_choose(&settings, argc, argv);
    figures.published = published_load(settings.published);
    peers_choose(&settings, forms, peers, &figures);
    for (uint32_t i = 0; i < figures.suite.count; i++) {
        trace_measure(&figures, i, peers);
    }
    if (settings.csv) {
        figures_print_csv(&figures);
        return 0;
    }
    figures_print(&figures);
    const bool is_part = settings.only != NULL || settings.granule != 0 || settings.beside != 0;
    return bars_judge(&figures, !is_part && optind == argc);
}
