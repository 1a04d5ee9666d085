/* prepare.c: makes a need fit: asks those who can give memory back, one after the other.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/need.h"
#include "manager.h"

void berth_reclaimer_add(berth_t *berth, berth_reclaimer_t *reclaimer)
{
    if (!manager_is_awake(berth)) {
        return;
    }
    const uintptr_t key = lock_take(berth->port, &berth->tables);
    berth_reclaimer_t **end = &berth->reclaimers;
    while (*end != NULL && *end != reclaimer) {
        end = &(*end)->next;
    }
    if (*end == NULL) {
        reclaimer->next = NULL;
        LIST_WRITE(*end, reclaimer);
    }
    if (key != BERTH_LOCK_REFUSED) {
        lock_leave(berth->port, &berth->tables, key);
    }
}

/* Whether memory that is given back may help. */
static bool answer_may_change(const berth_answer_t *answer)
{
    return answer->status != BERTH_OK && answer->status != BERTH_ERR_INVALID &&
           answer->status != BERTH_ERR_GUARD && answer->status != BERTH_ERR_NOCAP &&
           answer->status != BERTH_ERR_BUSY && answer->status != BERTH_ERR_CORRUPT;
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
