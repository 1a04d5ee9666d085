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

berth_answer_t berth_fits(berth_t *berth, berth_need_t *need)
{
    if (!manager_is_awake(berth)) {
        return answer_of(BERTH_ERR_INVALID);
    }
    if (need->is_reserved) {
        return answer_of(BERTH_OK);
    }
    attempt_t attempt;
    const int32_t status = attempt_start(&attempt, berth, need);
    if (status != BERTH_OK) {
        return answer_of(status);
    }
    if (!need_enter(berth, need)) {
        return answer_of(BERTH_ERR_BUSY);
    }
    const berth_answer_t answer = attempt_ask(&attempt, NULL);
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

bool berth_reorder(berth_t *berth, berth_need_t *need, uint8_t *order)
{
    attempt_t attempt;
    if (!manager_is_awake(berth) || need->is_reserved || need->item_count > REORDERED_MOST ||
        attempt_start(&attempt, berth, need) != BERTH_OK || !need_enter(berth, need)) {
        return false;
    }
    for (uint8_t i = 0; i < need->item_count; i++) {
        order[i] = i;
    }
    bool fits = false;
    do {
        fits = attempt_ask(&attempt, order).status == BERTH_OK;
    } while (!fits && order_next(order, need->item_count));
    need_leave(berth, need);
    return fits;
}
