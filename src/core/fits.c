/* fits.c: whether a need fits as it is declared, or in another order.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "attempt.h"

#define REORDERED_MOST 6u /* items: 720 orders */

static berth_answer_t answer_of(int32_t status)
{
    return (berth_answer_t){
        .status = (int8_t)status, .is_certain = true, .region = BERTH_NO_REGION};
}

berth_answer_t need_ask(attempt_t *attempt, berth_t *berth, berth_need_t *need)
{
    if (need->is_reserved) {
        return answer_of(BERTH_OK);
    }
    const int32_t status = attempt_start(attempt, berth, need);
    return status == BERTH_OK ? attempt_ask(attempt, NULL) : answer_of(status);
}

berth_answer_t berth_fits(berth_t *berth, berth_need_t *need)
{
    if (!manager_is_awake(berth)) {
        return answer_of(BERTH_ERR_INVALID);
    }
    if (!need_enter(berth, need)) {
        return answer_of(BERTH_ERR_BUSY);
    }
    attempt_t attempt;
    const berth_answer_t answer = need_ask(&attempt, berth, need);
    need_leave(berth, need);
    return answer;
}

static void order_swap(uint8_t *a, uint8_t *b)
{
    const uint8_t kept = *a;
    *a = *b;
    *b = kept;
}

/* The next order in the lexicographic one; false after the last. */
static bool order_next(uint8_t *order, uint32_t count)
{
    uint32_t rise = count - 1;
    while (rise != 0 && order[rise - 1] >= order[rise]) {
        rise--;
    }
    if (rise == 0) {
        return false;
    }
    uint32_t larger = count - 1;
    while (order[larger] < order[rise - 1]) {
        larger--;
    }
    order_swap(&order[rise - 1], &order[larger]);
    for (uint32_t low = rise, high = count - 1; low < high; low++, high--) {
        order_swap(&order[low], &order[high]);
    }
    return true;
}

/* Asks in one order after the other. Bounded by the 720 that there are. */
static bool order_find(attempt_t *attempt, uint8_t *order)
{
    const uint32_t count = attempt->need->item_count;
    bool fits = false;
    for (uint8_t i = 0; i < count; i++) {
        order[i] = i;
    }
    do {
        fits = attempt_ask(attempt, order).status == BERTH_OK;
    } while (!fits && order_next(order, count));
    return fits;
}

bool berth_reorder(berth_t *berth, berth_need_t *need, uint8_t *order)
{
    if (!manager_is_awake(berth) || !need_enter(berth, need)) {
        return false;
    }
    attempt_t attempt;
    const bool is_sane = !need->is_reserved && need->item_count <= REORDERED_MOST &&
                         attempt_start(&attempt, berth, need) == BERTH_OK;
    const bool fits = is_sane && order_find(&attempt, order);
    need_leave(berth, need);
    return fits;
}
