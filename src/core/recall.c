/* recall.c: the records of refusals are read, and found when an error is blamed on one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A firmware that calls nothing of this file keeps no records either: IF_LINKED.
 */
#include "record.h"

/* How many records are newer than that in a slot. */
static uint32_t record_rank(berth_t *berth, uint32_t slot)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < record_count(berth); i++) {
        rank += record_is_newer(berth, i, slot);
    }
    return rank;
}

/* The slot of the record that so many are newer than. */
static uint32_t record_ranked(berth_t *berth, uint32_t rank)
{
    uint32_t slot = 0;
    while (slot < record_count(berth) && record_rank(berth, slot) != rank) {
        slot++;
    }
    return slot;
}

berth_failure_t berth_failure_at(berth_t *berth, uint32_t index)
{
    berth_failure_t copy = {0};
    if (berth->port == NULL) { /* could not be started: the record says so, unsealed */
        return index == 0 ? berth->failure : copy;
    }
    const uint32_t slot = record_ranked(berth, index);
    if (slot < record_count(berth)) {
        copy = *record_at(berth, slot);
        copy.count = record_is_sound(&copy) ? copy.count : 0;
    }
    return copy;
}

/* Copies a record while nobody writes it; without the lock, if that is refused: it is sealed. */
static berth_failure_t record_copy(berth_t *berth, uint32_t slot)
{
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    berth_failure_t copy;
    words_copy(&copy, record_at(berth, slot), sizeof copy);
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
    return copy;
}

/* What was written last is looked for at once: others may refuse. */
berth_failure_t berth_failure(berth_t *berth)
{
    if (berth->port == NULL) {
        return berth->failure;
    }
    const berth_failure_t last =
        record_copy(berth, __atomic_load_n(&berth->latest, __ATOMIC_RELAXED));
    const bool is_new = record_is_sound(&last) && berth_failure_restarts(&last) == 0;
    return is_new ? last : berth_failure_at(berth, 0);
}

uint32_t berth_refusals(const berth_t *berth)
{
    return berth->port != NULL ? __atomic_load_n(&berth->refusals, __ATOMIC_RELAXED) : 0;
}

uint32_t berth_refused(berth_t *berth)
{
    return berth->port != NULL ? __atomic_load_n(&context_of(berth)->refused, __ATOMIC_RELAXED) : 0;
}

/* Writes an error down in a record, as the one that it was mistaken for. */
static void record_note(berth_failure_t *record, int32_t error)
{
    record->mistaken = (uint16_t)(error < 0 ? 0u - (uint32_t)error : (uint32_t)error);
    record->form &= (uint8_t)~FORM_BELOW_0;
    record->form |= error < 0 ? FORM_BELOW_0 : 0;
}

/* The record of a context's last refusal, if it is still there, noted as mistaken for an error,
 * unless somebody writes there just now. */
static berth_failure_t record_blame(berth_t *berth, uint16_t mark, int32_t error)
{
    const uint32_t slot = mark % BERTH_FAILURES_MOST;
    berth_failure_t record = {0};
    if (slot < record_count(berth)) {
        record = record_copy(berth, slot);
    }
    if (record_mark(&record, slot) != mark || !record_is_sound(&record)) {
        return (berth_failure_t){.count = 1, .status = BERTH_ERR_UNKNOWN};
    }
    if (error != 0) {
        const berth_failure_t there = record;
        record_note(&record, error);
        (void)record_replace(berth, slot, &there, &record, false);
    }
    return record;
}

berth_failure_t berth_blame(berth_t *berth, uint32_t refused_before, int32_t error)
{
    const berth_failure_t none = {0};
    if (berth->port == NULL) {
        return berth->failure;
    }
    const berth_context_t *context = context_of(berth);
    const uint32_t refused = __atomic_load_n(&context->refused, __ATOMIC_RELAXED);
    return refused != refused_before ? record_blame(berth, context->record, error) : none;
}
