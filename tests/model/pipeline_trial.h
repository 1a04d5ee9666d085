/* pipeline_trial.h: a manager beside its model; each call is made on both and compared.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The first difference is kept, printed, and ends the trial: everything after it is refused.
 */
#ifndef TESTS_MODEL_PIPELINE_TRIAL_H
#define TESTS_MODEL_PIPELINE_TRIAL_H

#include "pipeline_boards.h"
#include "pipeline_model.h"
#include "pipeline_port.h"
#include "random.h"

#define PIPELINE_FLOORS 3u    /* of a region */
#define PIPELINE_USERS 3u     /* of a floor, by name */
#define PIPELINE_STATUSES 11u /* BERTH_OK and the refusals */

/* A need, and what it is made of. */
typedef struct pipeline_want {
    berth_need_t need;
    berth_item_t items[BERTH_ITEMS];
    berth_piece_t pieces[BERTH_PIECES];
    berth_request_t chains[BERTH_ITEMS][PIPELINE_READ];
} pipeline_want_t;

typedef struct pipeline_trial {
    const pipeline_board_t *board;
    pipeline_port_t port;
    random_source_t random; /* of what is not the generator's: contents, capacities */
    uint32_t steps;         /* calls made so far */
    uint32_t carved;        /* regions added at run time */
    uint32_t doubtful;      /* calls left out: an engine cannot tell */
    uint32_t seen[BERTH_EVENT_KINDS][PIPELINE_STATUSES]; /* events compared, by kind and status */
    const char *call;                                    /* its name */
    berth_walk_t walk;                                   /* that goes on between other calls */
    uint32_t walked;                                     /* offsets below were told */
    bool failed;
    bool is_traced;
    bool is_calm; /* no guards, nobody retired or scrubbed: where a manager takes short ways */
    berth_t berth;
    berth_config_t config;
    berth_region_t regions[PIPELINE_REGIONS];
    berth_window_t aliases[PIPELINE_REGIONS];
    berth_context_t contexts[PIPELINE_CONTEXTS]; /* the first is not used: the manager's own is */
    berth_context_t observer;
    berth_owner_t scrubbed[4];
    berth_budget_t budgets[PIPELINE_REGIONS][PIPELINE_OWNERS];
    berth_floor_t floors[PIPELINE_REGIONS][PIPELINE_FLOORS + 1u];
    berth_owner_t users[PIPELINE_REGIONS][PIPELINE_FLOORS][PIPELINE_USERS + 1u];
    pipeline_want_t wants[PIPELINE_NEEDS + 1u]; /* the last is only asked */
    uint32_t answers[2][PIPELINE_STATUSES];     /* of fits and of reserve, by status */
    uint32_t claims[2];                         /* refused, granted */
    uint32_t uncertain;                         /* answers */
    berth_account_t accounts[PIPELINE_BOARD_REGIONS * PIPELINE_OWNERS];
    berth_account_t own_accounts[PIPELINE_REGIONS][PIPELINE_OWNERS];
    berth_event_t events[PIPELINE_EVENTS];
    berth_failure_t failures[BERTH_FAILURES_MOST];
    berth_event_t got[PIPELINE_EVENTS + 8u];
    berth_event_t expected[PIPELINE_EVENTS + 8u];
    pipeline_t model;
} pipeline_trial_t;

/* Lays the board, and starts a manager as the seed decides and its model. */
void pipeline_trial_start(pipeline_trial_t *trial, const pipeline_board_t *board, uint32_t seed);

/* --- what is so during the next calls -------------------------------------------------------- */

void pipeline_trial_run_as(pipeline_trial_t *trial, uint32_t context);
void pipeline_trial_pass(pipeline_trial_t *trial, uint32_t us);

/* Refuses a region's lock; PIPELINE_REGIONS: none. */
void pipeline_trial_refuse(pipeline_trial_t *trial, uint32_t region);

/* --- calls: each on both, and compared ------------------------------------------------------- */

typedef enum pipeline_short {
    PIPELINE_LONG,  /* the full form */
    PIPELINE_SHORT, /* size and caps, or the size, alone */
    PIPELINE_CALLOC
} pipeline_short_t;

void pipeline_trial_alloc(pipeline_trial_t *trial, const berth_request_t *request,
                          pipeline_short_t form);
void pipeline_trial_resize(pipeline_trial_t *trial, void *pointer, const berth_request_t *request,
                           pipeline_short_t form);
void pipeline_trial_free(pipeline_trial_t *trial, void *pointer, bool is_try);
void pipeline_trial_give(pipeline_trial_t *trial, void *pointer, berth_owner_t owner);
uint32_t pipeline_trial_mark(pipeline_trial_t *trial, uint32_t region);
void pipeline_trial_reset(pipeline_trial_t *trial, uint32_t region, uint32_t mark);
void pipeline_trial_retire(pipeline_trial_t *trial, berth_owner_t owner);
berth_owner_t pipeline_trial_push(pipeline_trial_t *trial, berth_owner_t owner);
void pipeline_trial_pop(pipeline_trial_t *trial, berth_owner_t before);
uint8_t pipeline_trial_enter(pipeline_trial_t *trial, uint8_t guards);
void pipeline_trial_leave(pipeline_trial_t *trial, uint8_t before);
void pipeline_trial_poll(pipeline_trial_t *trial, uint32_t capacity);

/* Asks whether an error comes of one of the last `since` refusals that the context met. */
void pipeline_trial_blame(pipeline_trial_t *trial, uint32_t since, int32_t error);
void pipeline_trial_ask(pipeline_trial_t *trial, const void *pointer, size_t size,
                        berth_caps_t caps);
void pipeline_trial_allocatable(pipeline_trial_t *trial, const berth_request_t *request);

void pipeline_trial_walk(pipeline_trial_t *trial, uint32_t capacity);

/* Of the need that lies in a slot of `wants`: asked, reserved, claimed, given up. */
void pipeline_trial_fits(pipeline_trial_t *trial, uint32_t slot);
void pipeline_trial_reserve(pipeline_trial_t *trial, uint32_t slot);
void pipeline_trial_claim(pipeline_trial_t *trial, uint32_t slot, uint8_t item);
void pipeline_trial_release(pipeline_trial_t *trial, uint32_t slot);

/* Makes a live block a region of its own. */
void pipeline_trial_carve(pipeline_trial_t *trial, uint32_t index, const berth_region_t *settings);

/* Compares everything: walks, contents, all bytes of all regions. */
void pipeline_trial_audit(pipeline_trial_t *trial);

/* --- for the files of the trial alone -------------------------------------------------------- */

void pipeline_trial_expect(pipeline_trial_t *trial, const char *what, uint64_t expected,
                           uint64_t got);

void pipeline_trial_expect_status(pipeline_trial_t *trial, const char *what, int32_t expected,
                                  int32_t got);

/* A record against the model's; NULL: there must be none. */
void pipeline_trial_expect_record(pipeline_trial_t *trial, const pipeline_record_t *model,
                                  const berth_failure_t *got);

/* Compares what a call granted, and paints it. */
void pipeline_trial_compare_block(pipeline_trial_t *trial, const pipeline_outcome_t *outcome,
                                  const void *got);

/* Compares what any call may have changed. */
void pipeline_trial_compare(pipeline_trial_t *trial);

/* The memory of all regions, or of their twins; and the bookkeeping beside it. */
const uint8_t *pipeline_trial_memory(bool is_twin);
const uint8_t *pipeline_trial_beside(bool is_twin);

#endif /* TESTS_MODEL_PIPELINE_TRIAL_H */
