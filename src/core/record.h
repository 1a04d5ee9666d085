/* record.h: the records of refusals that a manager keeps, as those see them who write and read.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They have slots: the configuration's, or the one that is the manager's own.
 */
#ifndef BERTH_RECORD_H
#define BERTH_RECORD_H

#include "core.h"

#define FORM_BELOW_0 0x80u /* of `form`: the error is */

static inline uint32_t record_count(const berth_t *berth)
{
    return berth->config->failure_count != 0 ? berth->config->failure_count : 1;
}

static inline berth_failure_t *record_at(berth_t *berth, uint32_t slot)
{
    return berth->config->failure_count != 0 ? &berth->config->failures[slot] : &berth->failure;
}

/* Random memory, too, has the right seal now and then: but not often regions. */
bool record_is_sound(const berth_failure_t *record);

/* Seals a record and writes it in place of what was there: false, if that is not there any more, or
 * the lock is refused. */
bool record_replace(berth_t *berth, uint32_t slot, const berth_failure_t *there,
                    berth_failure_t *record, bool is_new);

/* Whether one record is newer than another, by slots: what is none is older than all; what was
 * written last is the newest of this run, whatever its time; what has no time is the oldest. */
bool record_is_newer(berth_t *berth, uint32_t a, uint32_t b);

/* By what a context finds its last record again, and knows whether it is still that one. */
uint16_t record_mark(const berth_failure_t *record, uint32_t slot);

#endif /* BERTH_RECORD_H */
