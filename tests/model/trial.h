/* trial.h: one region under test beside its model; each call is made on both and compared.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The first difference is kept, printed, and ends the trial: everything after it is refused.
 */
#ifndef TESTS_MODEL_TRIAL_H
#define TESTS_MODEL_TRIAL_H

#include "model.h"

typedef struct trial {
    const berth_engine_t *engine;
    berth_region_t region;
    uint32_t steps;    /* calls made so far */
    uint32_t painted;  /* blocks painted so far: the seed of the next one's contents */
    uint32_t overhead; /* bytes of the region that can never be granted */
    bool failed;
    bool is_traced;  /* print each call */
    bool is_thrifty; /* fuzzing: ask fewer questions a step */
    model_t model;
} trial_t;

/* Starts the region and takes the model from its one free block. */
void trial_start(trial_t *trial, berth_region_t region);

/* Asks for a block. Returns its index in the model; MODEL_NONE if it was rightly refused. */
uint32_t trial_alloc(trial_t *trial, size_t size, uint32_t align, berth_tag_t tag);

void trial_free(trial_t *trial, uint32_t index);

/* Frees twice; the second must be refused and change nothing. */
void trial_free_twice(trial_t *trial, uint32_t index);

void trial_resize(trial_t *trial, uint32_t index, size_t size);

void trial_give(trial_t *trial, uint32_t index, berth_owner_t owner);

/* Reads the block's word, if it has one, and writes another. */
void trial_word(trial_t *trial, uint32_t index, uint32_t value);

/* Makes every call that takes an offset with one that is no live block's. Offsets that a region
 * with bookkeeping inside cannot tell for certain are passed over: tests/fault measures those. */
void trial_wrong(trial_t *trial, uint32_t offset);

/* Asks fits() and allocatable(): only true answers, and nothing changed. */
void trial_ask(trial_t *trial, size_t size, uint32_t align, berth_tag_t tag);

/* Compares the whole region: walk, check, find, contents, sums. */
void trial_audit(trial_t *trial);

/* A hash of the region and of its bookkeeping beside. */
uint32_t trial_hash(const trial_t *trial);

#endif /* TESTS_MODEL_TRIAL_H */
