/* prepare.c: makes a need fit: asks those who can give memory back, one after the other.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/need.h"
#include "core.h"

void berth_reclaimer_add(berth_t *berth, berth_reclaimer_t *reclaimer)
{
    berth_reclaimer_t **end = &berth->reclaimers;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    reclaimer->next = NULL;
    LIST_WRITE(*end, reclaimer);
}

/* Whether memory that is given back may help. */
static bool answer_may_change(const berth_answer_t *answer)
{
    return answer->status != BERTH_OK && answer->status != BERTH_ERR_INVALID &&
           answer->status != BERTH_ERR_GUARD && answer->status != BERTH_ERR_NOCAP;
}

berth_answer_t berth_prepare(berth_t *berth, berth_need_t *need)
{
    if (__atomic_exchange_n(&berth->is_preparing, 1u, __ATOMIC_ACQUIRE) != 0) {
        return (berth_answer_t){
            .status = BERTH_ERR_BUSY, .is_certain = true, .region = BERTH_NO_REGION};
    }
    berth_answer_t answer = berth_reserve(berth, need);
    for (berth_reclaimer_t *each = LIST_READ(berth->reclaimers);
         each != NULL && answer_may_change(&answer); each = LIST_READ(each->next)) {
        if (each->reclaim(each->self, need)) {
            answer = berth_reserve(berth, need);
        }
    }
    __atomic_store_n(&berth->is_preparing, 0u, __ATOMIC_RELEASE);
    return answer;
}
