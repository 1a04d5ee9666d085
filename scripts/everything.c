/* everything.c: what weigh.py links to know the size of all that a manager can, with `fit`.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every public function of the headers named here has its address taken: so none is left out.
 */
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/need.h"

typedef void (*any_t)(void);
#define EACH(function) (any_t)(function)

extern const any_t everything[];
extern const berth_engine_t *const everything_engine;

const any_t everything[] = {
    EACH(berth_start),        EACH(berth_region_add),
    EACH(berth_region_at),    EACH(berth_version),
    EACH(berth_alloc),        EACH(berth_malloc),
    EACH(berth_calloc),       EACH(berth_free),
    EACH(berth_try_free),     EACH(berth_resize),
    EACH(berth_realloc),      EACH(berth_give),
    EACH(berth_mark),         EACH(berth_reset),
    EACH(berth_owner_push),   EACH(berth_owner_pop),
    EACH(berth_guard_enter),  EACH(berth_guard_leave),
    EACH(berth_owner_retire), EACH(berth_owner_is_retired),
    EACH(berth_owner_name),   EACH(berth_about),
    EACH(berth_size),         EACH(berth_can),
    EACH(berth_allocatable),  EACH(berth_account),
    EACH(berth_failure),      EACH(berth_explain),
    EACH(berth_event_name),   EACH(berth_status_name),
    EACH(berth_poll),         EACH(berth_lost),
    EACH(berth_walk),         EACH(berth_fits),
    EACH(berth_blockers),     EACH(berth_reorder),
    EACH(berth_reserve),      EACH(berth_claim),
    EACH(berth_release),      EACH(berth_reclaimer_add),
    EACH(berth_prepare),      EACH(berth_answer_explain),
};

const berth_engine_t *const everything_engine = &berth_fit_engine;
