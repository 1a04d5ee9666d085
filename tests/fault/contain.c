/* contain.c: is damage contained? 100,000 faults in the bookkeeping of a region that is in use.
 * SPDX-License-Identifier: Apache-2.0
 *
 * After each fault the region goes on serving, and after each call a slice of the check runs beside
 * it. The fault must be found or gone by the end of the second round; then no byte of any live
 * block may have changed, accounts must be what the blocks say, and the next fault comes. The
 * region is memory of its own, so that AddressSanitizer sees any access outside.
 *
 * Built for speed, fit believes its control block and the nodes of large free blocks until a check
 * has seen them (docs/adr/0010): there the check comes first. Built for size, it believes nothing
 * but its plan: with CONTAIN_SIZE calls come first in all other classes.
 */
#include "berth/check.h"
#include "berth/fit.h"

#include "options.h"
#include "random.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REGION_SIZE 49152u
#define OWNERS 6u
#define EVENTS 64u
#define KNOWN 160u
#define FILL_CALLS 400u
#define CALLS_FIRST 6u        /* after a fault, before the check goes on */
#define CHANGED_ONE_IN 10000u /* faults at most that cost a byte of a block, likely headers apart */
#define SLICES_MOST 4000u     /* of a check, until it has come round twice */
static uint32_t faults_each = 40; /* until the region is started anew */

/* Where the control block of fit has what; tests/target/layout.txt keeps it there. */
#define AT_PLAN 12u
#define AT_TOP 100u
#define AT_BINS_USED 104u
#define AT_BINS 108u
#define AT_TOURNAMENT 268u
#define BINNED 80u
#define SMALLEST 12u

typedef enum fault_class {
    FAULT_LIKELY, /* a header with two flipped bits, or another's: it may be wrong in no way but
                     its place */
    FAULT_LIVE_HEADER,
    FAULT_FREE_HEADER,
    FAULT_FOOTER,
    FAULT_LINK, /* of a small free block */
    FAULT_NODE, /* of a large one */
    FAULT_TOP,
    FAULT_BINS,
    FAULT_TOURNAMENT,
    FAULT_PLAN,
    FAULT_CLASSES
} fault_class_t;

static const char *const class_names[FAULT_CLASSES] = {
    "likely header", "live header", "free header", "footer",     "link of small",
    "node of large", "top",         "bins' heads", "tournament", "plan"};

typedef struct tally {
    uint32_t faults;
    uint32_t refused;   /* a call was refused before the check came by */
    uint32_t found;     /* by the check */
    uint32_t gone;      /* overwritten before anybody read it */
    uint32_t missed;    /* still there after a whole check */
    uint32_t given_up;  /* the region stayed fenced */
    uint32_t changed;   /* blocks whose contents changed */
    uint64_t withdrawn; /* bytes */
} tally_t;

/* A block that the program has, and what it wrote into it. */
typedef struct known {
    uint8_t *block; /* NULL: there is none */
    uint32_t size;
    uint32_t seed;
} known_t;

static tally_t tallies[FAULT_CLASSES];
static berth_t berth;
static berth_region_t region;
static berth_account_t accounts[OWNERS];
static berth_account_t found_accounts[OWNERS];
static berth_event_t events[EVENTS];
static berth_check_t check;
static berth_context_t context;
static known_t known[KNOWN];
static random_source_t source;
static uint8_t *memory;
static uint8_t *book;        /* where the bookkeeping is: in `memory`, or beside it */
static uint32_t granule = 4; /* of more, the book is beside */
static uint32_t fault_number;
static uint32_t served; /* requests, after damage */
static bool is_refused; /* a call that should not be, before the check found anything */
static bool is_found;   /* by the check */

/* --- a port ---------------------------------------------------------------------------------- */

static uintptr_t port_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    return 0;
}

static void port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)lock;
    (void)key;
}

static uint64_t port_now(void *self)
{
    (void)self;
    return 0;
}

static berth_context_t *port_context(void *self)
{
    (void)self;
    return &context;
}

static const berth_port_t port = {
    .lock = port_lock, .unlock = port_unlock, .now_us = port_now, .context = port_context};

/* --- the program ----------------------------------------------------------------------------- */

static uint8_t paint_of(const known_t *entry, uint32_t at)
{
    return (uint8_t)((entry->seed + at) * 167u >> 3u);
}

static void paint(const known_t *entry)
{
    for (uint32_t at = 0; at < entry->size; at++) {
        entry->block[at] = paint_of(entry, at);
    }
}

static bool is_painted(const known_t *entry)
{
    for (uint32_t at = 0; at < entry->size; at++) {
        if (entry->block[at] != paint_of(entry, at)) {
            return false;
        }
    }
    return true;
}

static void call_alloc(known_t *entry)
{
    const berth_request_t request = {
        .size = random_log(&source, random_percent(&source, 20) ? 3000u : 120u),
        .align = random_percent(&source, 5) ? 64u : 0,
        .owner = (berth_owner_t)random_between(&source, 1, OWNERS - 1u)};
    entry->block = berth_alloc(&berth, &request);
    entry->size = (uint32_t)request.size;
    entry->seed = random_next(&source);
    if (entry->block != NULL) {
        served++;
        paint(entry);
    }
}

/* A block that cannot be freed any more is withdrawn: the program loses it. */
static void call_free(known_t *entry)
{
    const berth_status_t status = berth_try_free(&berth, entry->block);
    is_refused = (status != BERTH_OK && !is_found) || is_refused;
    entry->block = NULL;
}

static void call_resize(known_t *entry)
{
    const uint32_t size = random_log(&source, 600u);
    uint8_t *block = berth_realloc(&berth, entry->block, size);
    if (block != NULL) {
        entry->block = block;
        entry->size = size;
        paint(entry);
    }
}

static void call_any(void)
{
    known_t *entry = &known[random_below(&source, KNOWN)];
    if (entry->block == NULL) {
        call_alloc(entry);
    } else if (random_percent(&source, 20)) {
        call_resize(entry);
    } else {
        call_free(entry);
    }
}

static void die(const char *what)
{
    (void)fprintf(stderr, "contain: fault %" PRIu32 ": %s\n", fault_number, what);
    exit(1);
}

static void region_start(void)
{
    static uint8_t *beside;
    static const berth_config_t config = {.port = &port,
                                          .regions = &region,
                                          .accounts = accounts,
                                          .events = events,
                                          .event_count = EVENTS,
                                          .region_count = 1,
                                          .owner_count = OWNERS};
    region = (berth_region_t){.name = "region",
                              .engine = &berth_fit_engine,
                              .base = memory,
                              .address = 0x20000000u,
                              .size = REGION_SIZE,
                              .caps = {BERTH_CAP_BYTES | BERTH_CAP_DEFAULT}};
    check =
        (berth_check_t){.region = &region, .mender = &berth_fit_mender, .accounts = found_accounts};
    memset(known, 0, sizeof known);
    memset(memory, 0, REGION_SIZE);
    book = memory;
    region.granule = granule;
    if (granule > 4) {
        region.beside_size = berth_fit_engine.beside_size(&region);
        book = beside = realloc(beside, region.beside_size);
        region.beside = book;
        memset(book, 0, region.beside_size);
    }
    if (berth_start(&berth, &config) != BERTH_OK) {
        die("the manager does not start");
    }
    for (uint32_t i = 0; i < FILL_CALLS; i++) {
        call_any();
    }
}

/* --- faults ---------------------------------------------------------------------------------- */

static uint32_t word_read(uint32_t at)
{
    uint32_t word = 0;
    memcpy(&word, book + at, sizeof word);
    return word;
}

static void word_write(uint32_t at, uint32_t word)
{
    memcpy(book + at, &word, sizeof word);
}

/* The first block's header: beside, the book ends with a word for each granule, and one more. */
static uint32_t first_header(void)
{
    return granule > 4 ? region.beside_size - 4u - region.capacity / granule * 4u
                       : berth_fit_engine.walk(&region, BERTH_WALK_START).offset - 4u;
}

static uint32_t header_of(uint32_t offset)
{
    const uint32_t first = berth_fit_engine.walk(&region, BERTH_WALK_START).offset;
    return first_header() + (offset - first) / granule * 4u;
}

/* A word of a block's bookkeeping of a class, or 0. */
static uint32_t word_of(berth_block_t block, fault_class_t class)
{
    const uint32_t at = header_of(block.offset);
    const uint32_t size = block.taken / granule * 4u; /* in the book */
    const bool is_free = block.owner == BERTH_NO_OWNER;
    const bool is_top = block.next == BERTH_NOWHERE;
    switch ((uint32_t) class) {
    case FAULT_LIKELY:
        return at;
    case FAULT_LIVE_HEADER:
        return is_free ? 0 : at;
    case FAULT_FREE_HEADER:
        return is_free ? at : 0;
    case FAULT_FOOTER:
        return is_free && !is_top && size > SMALLEST && size < BINNED ? at + size - 4u : 0;
    case FAULT_LINK:
        return is_free && !is_top && size >= SMALLEST && size < BINNED
                   ? at + 4u * random_between(&source, 1, 2)
                   : 0;
    case FAULT_NODE:
        return is_free && !is_top && size >= BINNED ? at + size - 4u * random_between(&source, 1, 3)
                                                    : 0;
    default:
        return 0;
    }
}

/* A word of the blocks' bookkeeping, one in each that has one of the class being as likely. */
static uint32_t word_among_blocks(fault_class_t class)
{
    uint32_t chosen = 0;
    uint32_t count = 0;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = berth_fit_engine.walk(&region, cursor);
        const uint32_t at = word_of(block, class);
        if (at != 0 && random_below(&source, ++count) == 0) {
            chosen = at;
        }
        cursor = block.next;
    }
    return chosen;
}

static uint32_t word_between(uint32_t from, uint32_t to)
{
    return from + 4u * random_below(&source, (to - from) / 4u);
}

static uint32_t word_choose(fault_class_t class)
{
    const uint32_t first = first_header();
    switch ((uint32_t) class) {
    case FAULT_TOP:
        return AT_TOP;
    case FAULT_BINS:
        return word_between(AT_BINS_USED, AT_TOURNAMENT);
    case FAULT_TOURNAMENT:
        return word_between(AT_TOURNAMENT, first);
    case FAULT_PLAN:
        return word_between(0, AT_TOP);
    default:
        return word_among_blocks(class);
    }
}

/* What a word becomes: one bit or two are flipped, it is cleared or filled, or it is another's. */
static uint32_t word_damaged(uint32_t word, fault_class_t class)
{
    const uint32_t bit = 1u << random_below(&source, 32);
    const uint32_t other = 1u << random_below(&source, 32);
    if (class == FAULT_LIKELY) {
        return random_percent(&source, 50) ? word ^ bit ^ other : word_read(word_choose(class));
    }
    const bool is_header = class == FAULT_LIVE_HEADER || class == FAULT_FREE_HEADER;
    switch (random_below(&source, is_header ? 4 : 6)) {
    case 0:
        return word ^ bit;
    case 1:
        return 0;
    case 2:
        return UINT32_MAX;
    case 3:
        return random_next(&source);
    case 4:
        return word ^ bit ^ other;
    default:
        return word_read(word_choose(class));
    }
}

/* Whether fit believes what is damaged until a check has seen it. */
static bool is_believed(fault_class_t class)
{
#if defined(CONTAIN_SIZE)
    return class == FAULT_PLAN;
#else
    return class >= FAULT_NODE && class != FAULT_TOP;
#endif
}

/* --- after a fault --------------------------------------------------------------------------- */

typedef enum outcome {
    OUTCOME_CLEAN,
    OUTCOME_MENDED,
    OUTCOME_GIVEN_UP
} outcome_t;

/* Checks until the damage is mended, or two rounds are over. */
static outcome_t check_run(bool has_calls)
{
    uint32_t rounds = 0;
    for (uint32_t slices = 0; slices < SLICES_MOST; slices++) {
        const berth_checked_t checked = berth_check(&berth, &check);
        is_found = is_found || checked.status == BERTH_ERR_CORRUPT;
        if (checked.is_done && is_found) {
            return checked.status == BERTH_OK ? OUTCOME_MENDED : OUTCOME_GIVEN_UP;
        }
        rounds += checked.is_done;
        if (rounds == 2) {
            return OUTCOME_CLEAN;
        }
        if (has_calls && rounds == 0 && slices < 40u) {
            call_any();
        }
    }
    die("the check does not come to an end");
    return OUTCOME_GIVEN_UP;
}

/* Counts the program's blocks that changed, and paints them anew. */
static uint32_t blocks_changed(void)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < KNOWN; i++) {
        if (known[i].block != NULL && !is_painted(&known[i])) {
            changed++;
            known[i].block = NULL;
        }
    }
    return changed;
}

/* Whether accounts are what the blocks say. */
static bool accounts_agree(void)
{
    uint32_t live[OWNERS] = {0};
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = berth_fit_engine.check(&region, cursor);
        if (block.status != BERTH_OK) {
            return false;
        }
        const uint32_t owner = block.owner < OWNERS ? block.owner : 0;
        live[owner] += block.owner != BERTH_NO_OWNER ? block.taken : 0;
        cursor = block.next;
    }
    bool agree = true;
    for (uint32_t i = 0; i < OWNERS; i++) {
        agree = agree && live[i] == accounts[i].live;
    }
    return agree;
}

static uint32_t events_withdrawn(tally_t *tally)
{
    uint32_t seen = 0;
    for (berth_event_t event; berth_poll(&berth, &event, 1) != 0;) {
        if (event.kind == BERTH_EVENT_DAMAGE) {
            seen++;
            tally->withdrawn += event.status == BERTH_OK ? event.size : 0;
        }
    }
    return seen;
}

static void events_forget(void)
{
    for (berth_event_t event; berth_poll(&berth, &event, 1) != 0;) {
    }
}

/* --- a fault --------------------------------------------------------------------------------- */

/* Judges what became of a fault, and tallies it. False: the region must be started anew. */
static bool fault_judge(tally_t *tally, outcome_t outcome)
{
    const bool is_told = events_withdrawn(tally) != 0;
    const bool is_gone = accounts_agree();
    tally->refused += is_refused;
    tally->found += is_told;
    tally->given_up += outcome == OUTCOME_GIVEN_UP;
    tally->gone += !is_told && is_gone;
    tally->missed += !is_gone;
    if (outcome != OUTCOME_CLEAN && !is_told) {
        die("damage that was found was not told");
    }
    if (outcome == OUTCOME_MENDED && !accounts_agree()) {
        die("the region is not sound after mending, or the accounts are not what the blocks say");
    }
    const uint32_t changed = blocks_changed();
    tally->changed += changed;
    return changed == 0 && outcome != OUTCOME_GIVEN_UP && !(outcome == OUTCOME_CLEAN && !is_gone);
}

/* Does one fault of a class. False: the region must be started anew. */
static bool fault_do(fault_class_t class)
{
    const uint32_t at = word_choose(class);
    if (at == 0) {
        return true; /* there is none of the class now */
    }
    const uint32_t before = word_read(at);
    const uint32_t after = word_damaged(before, class);
    if (after == before) {
        return true;
    }
    tally_t *tally = &tallies[class];
    tally->faults++;
    is_refused = is_found = false;
    events_forget();
    word_write(at, after);
    outcome_t outcome = OUTCOME_CLEAN;
    if (is_believed(class)) {
        outcome = check_run(false);
    } else {
        for (uint32_t i = 0; i < CALLS_FIRST; i++) {
            call_any();
        }
        outcome = check_run(true);
    }
    return fault_judge(tally, outcome);
}

static void faults_do(uint32_t seed, uint32_t count)
{
    source = random_from(seed);
    for (fault_number = 0; fault_number < count; fault_number++) {
        static bool must_start = true;
        if (must_start || fault_number % faults_each == 0) {
            region_start();
        }
        const fault_class_t class = (fault_class_t)random_below(&source, FAULT_CLASSES);
        must_start = !fault_do(class) || class == FAULT_LIKELY;
        for (uint32_t i = 0; i < CALLS_FIRST && !must_start; i++) {
            call_any();
        }
    }
}

/* --- the tables ------------------------------------------------------------------------------ */

/* The replay line stands above by then. */
static void signal_tell(int signal_number)
{
    static const char text[] = "contain: a call left the region\n";
    (void)signal_number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

static bool tallies_print(void)
{
    tally_t sum = {0};
    printf("%-14s %7s %8s %8s %8s %8s %8s %8s %10s\n", "class", "faults", "refused", "found",
           "gone", "missed", "given up", "changed", "withdrawn");
    for (uint32_t i = 0; i < FAULT_CLASSES; i++) {
        const tally_t *tally = &tallies[i];
        printf("%-14s %7" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32
               " %8" PRIu32 " %10" PRIu64 "\n",
               class_names[i], tally->faults, tally->refused, tally->found, tally->gone,
               tally->missed, tally->given_up, tally->changed, tally->withdrawn);
        sum.faults += i != FAULT_LIKELY ? tally->faults : 0;
        sum.changed += i != FAULT_LIKELY ? tally->changed : 0;
        sum.missed += tally->missed;
        sum.given_up += tally->given_up;
    }
    printf("requests served meanwhile: %" PRIu32 "\n", served);
    return sum.changed <= sum.faults / CHANGED_ONE_IN + 1 && sum.missed + sum.given_up == 0;
}

int main(int argc, char **argv)
{
    uint32_t seed = 1;
    uint32_t count = 100000;
    const option_t options[] = {{"--seed", &seed},
                                {"--faults", &count},
                                {"--each", &faults_each},
                                {"--granule", &granule},
                                {NULL, NULL}};
    for (int i = 1; i < argc; i += 2) {
        uint32_t *number = option_named(options, argv[i]);
        if (number == NULL || !option_read(argv[i + 1], number)) {
            (void)fprintf(stderr, "contain [--seed S] [--faults N] [--each N] [--granule G]\n");
            return 2;
        }
    }
    memory = malloc(REGION_SIZE);
    if (memory == NULL) {
        return 2;
    }
    printf("replay: contain --seed %" PRIu32 " --faults %" PRIu32 " --granule %" PRIu32 "\n", seed,
           count, granule);
    (void)fflush(stdout);
    (void)signal(SIGSEGV, signal_tell);
    (void)signal(SIGBUS, signal_tell);
    faults_do(seed, count);
    const bool is_fine = tallies_print();
    free(memory);
    return is_fine ? 0 : 1;
}
