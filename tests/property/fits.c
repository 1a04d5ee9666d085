/* fits.c: are the answers about needs true, and does asking change nothing?
 * SPDX-License-Identifier: Apache-2.0
 *
 * States are made by random calls on the boards of the pipeline's test: regions of several engines
 * and granules, budgets, floors, reservations, guards. In each a need is drawn and asked about. The
 * model makes a copy of all regions, engines' memory included, really allocates the need's blocks
 * there, one after the other, and throws the copy away. Before and after each question every byte
 * of the regions and of the manager is compared.
 */
#include "options.h"
#include "pipeline_generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATES 100000u
#define ROUND_STATES 200u /* states of one manager */
#define CALLS 24u         /* between two states, at most */
#define ORDERS_MOST 5u    /* items of which the model tries all orders */

typedef struct counts {
    uint32_t states;
    uint32_t blocks; /* of the needs asked about */
    uint32_t answers[PIPELINE_STATUSES];
    uint32_t long_yes;  /* of needs with several blocks */
    uint32_t later_no;  /* not because of the first block */
    uint32_t ending;    /* with items that end */
    uint32_t reordered; /* did not fit as declared, and do in another order */
    uint32_t in_none;   /* fit in no order */
    uint32_t blocked;   /* blockers were named */
    uint32_t uncertain; /* an arena is in it */
} counts_t;

static pipeline_trial_t trial;
static counts_t counts;

/* --- nothing changes -------------------------------------------------------------------------- */

/* All that a question might have touched. */
typedef struct picture {
    berth_t berth;
    berth_region_t regions[PIPELINE_REGIONS];
    berth_context_t contexts[PIPELINE_CONTEXTS];
    berth_account_t accounts[PIPELINE_BOARD_REGIONS * PIPELINE_OWNERS];
    berth_account_t own_accounts[PIPELINE_REGIONS][PIPELINE_OWNERS];
    berth_event_t events[PIPELINE_EVENTS];
    pipeline_want_t wants[PIPELINE_NEEDS + 1u];
} picture_t;

static picture_t pictures[2];
static uint8_t memory_before[PIPELINE_BOARD_MEMORY];
static uint8_t beside_before[PIPELINE_BOARD_BESIDE];

/* What a piece is held for may not change; the note is the question's own. */
static void picture_take(picture_t *picture)
{
    memset(picture, 0, sizeof *picture);
    picture->berth = trial.berth;
    memcpy(picture->regions, trial.regions, sizeof trial.regions);
    memcpy(picture->contexts, trial.contexts, sizeof trial.contexts);
    memcpy(picture->accounts, trial.accounts, sizeof trial.accounts);
    memcpy(picture->own_accounts, trial.own_accounts, sizeof trial.own_accounts);
    memcpy(picture->events, trial.events, sizeof trial.events);
    memcpy(picture->wants, trial.wants, sizeof trial.wants);
    for (uint32_t i = 0; i < BERTH_PIECES; i++) {
        berth_piece_t *piece = &picture->wants[PIPELINE_NEEDS].pieces[i];
        memset(piece, 0, sizeof *piece);
    }
}

static void question_begin(void)
{
    picture_take(&pictures[0]);
    memcpy(memory_before, pipeline_trial_memory(false), sizeof memory_before);
    memcpy(beside_before, pipeline_trial_beside(false), sizeof beside_before);
}

static void question_end(const char *call)
{
    trial.call = call;
    picture_take(&pictures[1]);
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*): each byte, padding as well */
    const bool has_same_structs = memcmp(&pictures[0], &pictures[1], sizeof pictures[0]) == 0;
    const bool is_same =
        has_same_structs &&
        memcmp(memory_before, pipeline_trial_memory(false), sizeof memory_before) == 0 &&
        memcmp(beside_before, pipeline_trial_beside(false), sizeof beside_before) == 0;
    pipeline_trial_expect(&trial, "every byte is as it was", true, is_same);
    pipeline_trial_expect(&trial, "locks held", 0, trial.port.held_count);
}

/* --- questions -------------------------------------------------------------------------------- */

static berth_need_t *asked(void)
{
    return &trial.wants[PIPELINE_NEEDS].need;
}

static void count_answer(const berth_answer_t *answer)
{
    const berth_need_t *need = asked();
    bool has_end = false;
    for (uint32_t i = 0; i < need->item_count; i++) {
        has_end = has_end || need->items[i].ends != 0;
    }
    counts.answers[-answer->status]++;
    counts.uncertain += !answer->is_certain;
    counts.blocks += need->piece_count;
    counts.ending += has_end;
    counts.long_yes += answer->status == BERTH_OK && need->piece_count > 1;
    counts.later_no += answer->status != BERTH_OK && (answer->item | answer->block) != 0;
}

static berth_answer_t ask_fits(void)
{
    question_begin();
    const berth_answer_t got = berth_fits(&trial.berth, asked());
    question_end("fits");
    pipeline_trial_fits(&trial, PIPELINE_NEEDS);
    if (!trial.failed) {
        count_answer(&got);
    }
    return got;
}

/* The next order in the alphabet's sense; false: that was the last. */
static bool order_advance(uint8_t *order, uint32_t count)
{
    uint32_t from = count - 1u;
    while (from != 0 && order[from - 1u] > order[from]) {
        from--;
    }
    if (from == 0) {
        return false;
    }
    uint32_t to = count - 1u;
    while (order[to] < order[from - 1u]) {
        to--;
    }
    const uint8_t kept = order[from - 1u];
    order[from - 1u] = order[to];
    order[to] = kept;
    for (to = count - 1u; from < to; from++, to--) {
        const uint8_t other = order[from];
        order[from] = order[to];
        order[to] = other;
    }
    return true;
}

/* The first order in which the need fits. */
static bool order_find(uint8_t *order)
{
    const berth_need_t *need = asked();
    for (uint32_t i = 0; i < need->item_count; i++) {
        order[i] = (uint8_t)i;
    }
    do {
        if (pipeline_fits(&trial.model, need, order).status == BERTH_OK) {
            return true;
        }
    } while (order_advance(order, need->item_count));
    return false;
}

static void ask_reorder(void)
{
    uint8_t expected[BERTH_ITEMS] = {0};
    uint8_t got[BERTH_ITEMS] = {0};
    question_begin();
    const bool is_found = berth_reorder(&trial.berth, asked(), got);
    question_end("reorder");
    const bool is_expected = order_find(expected);
    pipeline_trial_expect(&trial, "an order is found", is_expected, is_found);
    for (uint32_t i = 0; is_expected && i < asked()->item_count; i++) {
        pipeline_trial_expect(&trial, "the order", expected[i], got[i]);
    }
    counts.reordered += is_found;
    counts.in_none += !is_found;
}

static void ask_blockers(void)
{
    berth_blocker_t out[4];
    question_begin();
    const uint32_t count = berth_blockers(&trial.berth, asked(), out, 4);
    question_end("blockers");
    counts.blocked += count != 0;
}

/* --- states ----------------------------------------------------------------------------------- */

static void state_ask(pipeline_generator_t *generator)
{
    pipeline_trial_refuse(&trial, PIPELINE_REGIONS);
    if ((trial.model.contexts[trial.model.running].guards & BERTH_GUARD_ISR) != 0) {
        pipeline_trial_run_as(&trial, 1); /* no ISR asks */
    }
    pipeline_generator_want(generator, &trial);
    const berth_answer_t answer = ask_fits();
    const bool is_no = answer.status != BERTH_OK && answer.status != BERTH_ERR_INVALID &&
                       answer.status != BERTH_ERR_GUARD;
    if (is_no && !trial.failed && random_percent(&generator->random, 20)) {
        ask_blockers();
    }
    if (is_no && answer.is_certain && !trial.failed && asked()->item_count > 1 &&
        asked()->item_count <= ORDERS_MOST) {
        ask_reorder();
    }
    counts.states++;
}

static bool round_run(const pipeline_board_t *board, uint32_t seed, uint32_t states)
{
    pipeline_trial_start(&trial, board, seed);
    pipeline_generator_t generator = pipeline_generator_from(seed);
    for (uint32_t i = 0; i < states && !trial.failed; i++) {
        const uint32_t calls = 1u + random_below(&generator.random, CALLS);
        for (uint32_t call = 0; call < calls && !trial.failed; call++) {
            pipeline_generator_step(&generator, &trial);
        }
        state_ask(&generator);
    }
    pipeline_trial_refuse(&trial, PIPELINE_REGIONS);
    pipeline_trial_audit(&trial);
    if (trial.failed) {
        printf("replay: fits --board %s --seed %" PRIu32 " --states %" PRIu32 "\n", board->name,
               seed, states);
    }
    return !trial.failed;
}

static void counts_print(uint32_t seed)
{
    printf("fits: %" PRIu32 " states from seed %" PRIu32 ", %" PRIu32
           " blocks asked about, no difference, no byte changed\n  YES %" PRIu32 " (%" PRIu32
           " of several blocks)\n",
           counts.states, seed, counts.blocks, counts.answers[0], counts.long_yes);
    for (uint32_t i = 1; i < PIPELINE_STATUSES; i++) {
        if (counts.answers[i] != 0) {
            printf("  NO  %" PRIu32 ": %s\n", counts.answers[i], berth_status_name(-(int32_t)i));
        }
    }
    printf("  not certain, and said so %" PRIu32 "\n", counts.uncertain);
    printf("  NO of a later block %" PRIu32 ", items that end %" PRIu32
           ", fits in another order %" PRIu32 ", in none %" PRIu32 ", blockers named %" PRIu32 "\n",
           counts.later_no, counts.ending, counts.reordered, counts.in_none, counts.blocked);
}

int main(int count, char **words)
{
    uint32_t states = STATES;
    uint32_t seed = 1;
    const pipeline_board_t *only = NULL;
    const option_t numbers[] = {{"--states", &states}, {"--seed", &seed}, {NULL, NULL}};
    for (int i = 1; i + 1 < count; i += 2) {
        uint32_t *number = option_named(numbers, words[i]);
        if (number != NULL && option_read(words[i + 1], number)) {
            continue;
        }
        only = pipeline_board_named(words[i + 1]);
        if (strcmp(words[i], "--board") != 0 || only == NULL) {
            (void)fputs("usage: fits [--states N] [--seed S] [--board NAME]\n", stderr);
            return 2;
        }
    }
    for (uint32_t round = 0; counts.states < states; round++) {
        const uint32_t left = states - counts.states;
        const pipeline_board_t *board = only != NULL ? only : pipeline_board_at(seed + round);
        if (!round_run(board, seed + round, left < ROUND_STATES ? left : ROUND_STATES)) {
            return 1;
        }
    }
    counts_print(seed);
    return 0;
}
