/* inner_calls.c: every inner call fails in turn, and a refused call leaves no trace.
 * SPDX-License-Identifier: Apache-2.0
 *
 * For each public call the 1st, 2nd, 3rd ... inner call fails (an engine refuses, a lock is
 * refused, the clock stands, no context is known), until the call gets by without reaching it.
 * Refused, it must leave regions, accounts and blocks as they were; events, the failure record and
 * the count of refusals are another matter. Granted all the same, all must add up.
 */
#include "inner_scene.h"

#include <inttypes.h>
#include <stdio.h>

#define TRIES 64u /* inner calls of a kind in one call, at most */

typedef enum outcome {
    OUTCOME_DONE,
    OUTCOME_REFUSED, /* or a question: nothing may have changed */
    OUTCOME_SKIPPED  /* nothing to compare: the call has no answer that tells */
} outcome_t;

/* --- the calls -------------------------------------------------------------------------------- */

static outcome_t outcome_of(bool is_done)
{
    return is_done ? OUTCOME_DONE : OUTCOME_REFUSED;
}

static outcome_t granted(const void *block)
{
    return outcome_of(block != NULL);
}

static outcome_t call_start(inner_scene_t *scene)
{
    return outcome_of(inner_scene_start(scene) == BERTH_OK);
}

static outcome_t call_alloc(inner_scene_t *scene)
{
    const berth_request_t request = {.size = 40, .site = 1};
    return granted(berth_alloc(&scene->berth, &request));
}

static outcome_t call_alloc_left(inner_scene_t *scene)
{
    const berth_request_t request = {.size = 40, .left = 100, .preferred = BERTH_CAP_EXTERNAL};
    return granted(berth_alloc(&scene->berth, &request));
}

static outcome_t call_alloc_hops(inner_scene_t *scene)
{
    const berth_request_t last = {.needed = BERTH_CAP_PLACE(0)};
    const berth_request_t then = {.needed = BERTH_CAP_EXTERNAL, .otherwise = &last};
    const berth_request_t request = {
        .size = 60, .needed = BERTH_CAP_INTERNAL, .owner = 2, .otherwise = &then};
    return granted(berth_alloc(&scene->berth, &request));
}

static outcome_t call_alloc_smallest(inner_scene_t *scene)
{
    const berth_request_t request = {.size = 1u << 20, .smallest = 16, .is_zeroed = true};
    return granted(berth_alloc(&scene->berth, &request));
}

static outcome_t call_alloc_soft(inner_scene_t *scene)
{
    const berth_request_t request = {.size = 1200, .owner = 4};
    return granted(berth_alloc(&scene->berth, &request));
}

static outcome_t call_alloc_in_vain(inner_scene_t *scene)
{
    const berth_request_t request = {.size = 1u << 20};
    return granted(berth_alloc(&scene->berth, &request));
}

static outcome_t call_malloc(inner_scene_t *scene)
{
    return granted(berth_malloc(&scene->berth, 24, 0));
}

static outcome_t call_calloc(inner_scene_t *scene)
{
    return granted(berth_calloc(&scene->berth, 3, 20, BERTH_CAP_INTERNAL));
}

static outcome_t call_free(inner_scene_t *scene)
{
    berth_free(&scene->berth, scene->blocks[INNER_MIDDLE]);
    return OUTCOME_SKIPPED;
}

static outcome_t freed(inner_scene_t *scene, void *block)
{
    return outcome_of(berth_try_free(&scene->berth, block) == BERTH_OK);
}

static outcome_t call_try_free(inner_scene_t *scene)
{
    return freed(scene, scene->blocks[INNER_MIDDLE]);
}

static outcome_t call_free_scrubbed(inner_scene_t *scene)
{
    return freed(scene, scene->blocks[INNER_SCRUBBED]);
}

static outcome_t call_free_scratch(inner_scene_t *scene)
{
    return freed(scene, scene->blocks[INNER_SCRATCH]);
}

static outcome_t call_free_wrong(inner_scene_t *scene)
{
    return freed(scene, (uint8_t *)scene->blocks[INNER_MIDDLE] + 2);
}

static outcome_t resized(inner_scene_t *scene, inner_block_t block, berth_request_t request)
{
    return granted(berth_resize(&scene->berth, scene->blocks[block], &request));
}

static outcome_t call_grow(inner_scene_t *scene)
{
    return resized(scene, INNER_ROOMY, (berth_request_t){.size = 150});
}

static outcome_t call_shrink(inner_scene_t *scene)
{
    return resized(scene, INNER_MIDDLE, (berth_request_t){.size = 30});
}

static outcome_t call_shrink_scrubbed(inner_scene_t *scene)
{
    return resized(scene, INNER_SCRUBBED, (berth_request_t){.size = 30});
}

static outcome_t call_move(inner_scene_t *scene)
{
    return resized(scene, INNER_MIDDLE, (berth_request_t){.size = 700, .is_zeroed = true});
}

static outcome_t call_move_scrubbed(inner_scene_t *scene)
{
    return resized(scene, INNER_SCRUBBED, (berth_request_t){.size = 700});
}

static outcome_t call_move_aligned(inner_scene_t *scene)
{
    return resized(scene, INNER_MIDDLE, (berth_request_t){.size = 50, .align = 512});
}

static outcome_t call_roam(inner_scene_t *scene)
{
    return resized(scene, INNER_MIDDLE,
                   (berth_request_t){.size = 300, .needed = BERTH_CAP_EXTERNAL});
}

static outcome_t call_roam_hops(inner_scene_t *scene)
{
    const berth_request_t then = {.needed = BERTH_CAP_EXTERNAL, .size = 90};
    return resized(
        scene, INNER_MIDDLE,
        (berth_request_t){.size = 6000, .needed = BERTH_CAP_INTERNAL, .otherwise = &then});
}

static outcome_t call_realloc(inner_scene_t *scene)
{
    return granted(berth_realloc(&scene->berth, scene->blocks[INNER_SCRATCH], 200));
}

static outcome_t call_give(inner_scene_t *scene)
{
    return outcome_of(berth_give(&scene->berth, scene->blocks[INNER_MIDDLE], 2) == BERTH_OK);
}

static outcome_t call_give_soft(inner_scene_t *scene)
{
    return outcome_of(berth_give(&scene->berth, scene->blocks[INNER_LARGE], 4) == BERTH_OK);
}

static outcome_t call_mark(inner_scene_t *scene)
{
    scene->answer = berth_mark(&scene->berth, &scene->regions[2]);
    return OUTCOME_REFUSED;
}

static outcome_t call_reset(inner_scene_t *scene)
{
    return outcome_of(berth_reset(&scene->berth, &scene->regions[2], scene->mark) == BERTH_OK);
}

static outcome_t call_region_add(inner_scene_t *scene)
{
    return outcome_of(berth_region_add(&scene->berth, &scene->regions[3]) == BERTH_OK);
}

static outcome_t call_retire(inner_scene_t *scene)
{
    return outcome_of(berth_owner_retire(&scene->berth, 2) == BERTH_OK);
}

static outcome_t call_scope(inner_scene_t *scene)
{
    const berth_owner_t before = berth_owner_push(&scene->berth, 3);
    berth_owner_pop(&scene->berth, before);
    return OUTCOME_SKIPPED; /* the pop may find another context than the push */
}

static outcome_t call_guard(inner_scene_t *scene)
{
    const uint8_t before = berth_guard_enter(&scene->berth, BERTH_GUARD_NO_ALLOC);
    berth_guard_leave(&scene->berth, before);
    return OUTCOME_SKIPPED;
}

/* Questions: whatever the answer, nothing changes. */
static outcome_t call_questions(inner_scene_t *scene)
{
    const void *block = scene->blocks[INNER_MIDDLE];
    const berth_request_t request = {.size = 1, .left = 8};
    scene->answer = berth_about(&scene->berth, block).taken;
    scene->answer += (uint32_t)berth_size(&scene->berth, block);
    scene->answer += berth_can(&scene->berth, block, 4, BERTH_CAP_BYTES) ? 1u : 0u;
    scene->answer += berth_allocatable(&scene->berth, &request);
    scene->answer += berth_account(&scene->berth, &scene->regions[0], 1).live;
    scene->answer += berth_failure(&scene->berth).count + berth_failure_at(&scene->berth, 0).count +
                     berth_refused(&scene->berth);
    scene->answer += berth_lost(&scene->berth);
    return OUTCOME_REFUSED;
}

static outcome_t call_poll(inner_scene_t *scene)
{
    berth_event_t events[8];
    scene->answer = berth_poll(&scene->berth, events, 8);
    return OUTCOME_REFUSED;
}

static outcome_t call_walk(inner_scene_t *scene)
{
    berth_walk_t walk = {.region = &scene->regions[0]};
    berth_block_t blocks[5];
    scene->answer = 0;
    for (uint32_t i = 0; i < TRIES && walk.cursor != BERTH_NOWHERE; i++) {
        scene->answer += berth_walk(&scene->berth, &walk, blocks, 5);
    }
    return OUTCOME_REFUSED;
}

typedef struct inner_row {
    const char *name;
    outcome_t (*call)(inner_scene_t *scene);
    uint32_t leave; /* what it may leave behind when refused: inner_leave_t, ored */
    bool starts;    /* it is made before there is a manager */
} inner_row_t;

static const inner_row_t rows[] = {
    {"start", call_start, 0, true},
    {"alloc", call_alloc, 0, false},
    {"alloc left, preferred", call_alloc_left, 0, false},
    {"alloc three hops", call_alloc_hops, 0, false},
    {"alloc smallest, zeroed", call_alloc_smallest, 0, false},
    {"alloc over soft budget", call_alloc_soft, 0, false},
    {"alloc in vain", call_alloc_in_vain, 0, false},
    {"malloc", call_malloc, 0, false},
    {"calloc", call_calloc, 0, false},
    {"free", call_free, 0, false},
    {"try_free", call_try_free, 0, false},
    {"try_free scrubbed", call_free_scrubbed, INNER_SCRUBBED_BYTES, false},
    {"try_free in an arena", call_free_scratch, 0, false},
    {"try_free wrong", call_free_wrong, 0, false},
    {"resize grow", call_grow, INNER_TAKEN, false},
    {"resize shrink", call_shrink, INNER_TAKEN, false},
    {"resize shrink scrubbed", call_shrink_scrubbed, INNER_TAKEN | INNER_SCRUBBED_BYTES, false},
    {"resize move", call_move, INNER_TAKEN, false},
    {"resize move scrubbed", call_move_scrubbed, INNER_TAKEN | INNER_SCRUBBED_BYTES, false},
    {"resize move aligned", call_move_aligned, INNER_TAKEN, false},
    {"resize roam", call_roam, INNER_TAKEN, false},
    {"resize roam hops", call_roam_hops, INNER_TAKEN, false},
    {"realloc in an arena", call_realloc, INNER_TAKEN, false},
    {"give", call_give, 0, false},
    {"give over soft budget", call_give_soft, 0, false},
    {"mark", call_mark, 0, false},
    {"reset", call_reset, 0, false},
    {"region_add", call_region_add, 0, false},
    {"owner_retire", call_retire, 0, false},
    {"owner_push, pop", call_scope, 0, false},
    {"guard_enter, leave", call_guard, 0, false},
    {"questions", call_questions, 0, false},
    {"poll", call_poll, 0, false},
    {"walk", call_walk, 0, false},
};

/* --- failing ---------------------------------------------------------------------------------- */

typedef struct tally {
    uint32_t tried;
    uint32_t refused;
    uint32_t wrong;
} tally_t;

static inner_scene_t scene;

/* One call with one failure. False: the failure was not reached. */
static bool row_try(const inner_row_t *row, inner_kind_t kind, uint32_t number, tally_t *tally)
{
    inner_scene_set(&scene, !row->starts);
    inner_arm(kind, number);
    const outcome_t outcome = row->call(&scene);
    const bool was_reached = inner_disarm();
    const char *wrong = NULL;
    if (outcome == OUTCOME_REFUSED) {
        wrong = inner_scene_compare(&scene, row->leave);
        tally->refused++;
    }
    if (wrong == NULL && (outcome != OUTCOME_REFUSED || !row->starts)) {
        wrong = inner_scene_verify(&scene);
    }
    if (wrong != NULL) {
        tally->wrong++;
        printf("DIFFERENCE: %s, %s %" PRIu32 " fails (%s): %s\n", row->name, inner_kind_name(kind),
               number, outcome == OUTCOME_REFUSED ? "refused" : "done", wrong);
    }
    tally->tried++;
    return was_reached;
}

static tally_t row_run(const inner_row_t *row, inner_kind_t kind)
{
    tally_t tally = {0};
    uint32_t number = 1;
    while (number <= TRIES && row_try(row, kind, number, &tally)) {
        number++;
    }
    tally.tried -= number <= TRIES ? 1u : 0u; /* the last one did not fail */
    if (number > TRIES) {
        printf("DIFFERENCE: %s, %s: too many inner calls\n", row->name, inner_kind_name(kind));
        tally.wrong++;
    }
    return tally;
}

int main(void)
{
    uint32_t tried = 0;
    uint32_t wrong = 0;
    printf("%-24s", "inner calls that failed");
    for (uint32_t kind = 0; kind < INNER_KINDS; kind++) {
        printf(" %10s", inner_kind_name((inner_kind_t)kind));
    }
    printf("\n");
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t each[INNER_KINDS];
        for (uint32_t kind = 0; kind < INNER_KINDS; kind++) {
            const tally_t tally = row_run(&rows[i], (inner_kind_t)kind);
            each[kind] = tally.tried;
            tried += tally.tried;
            wrong += tally.wrong;
        }
        printf("%-24s", rows[i].name);
        for (uint32_t kind = 0; kind < INNER_KINDS; kind++) {
            printf(" %10" PRIu32, each[kind]);
        }
        printf("\n");
    }
    printf("inner_calls: %" PRIu32 " failures in %zu calls, %" PRIu32 " differences\n", tried,
           sizeof rows / sizeof rows[0], wrong);
    return wrong == 0 ? 0 : 1;
}
