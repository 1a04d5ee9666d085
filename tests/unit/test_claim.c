/* test_claim.c: is what is held there whenever it is claimed, and back when it is freed?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "need_core.h"

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

/* --- claim ----------------------------------------------------------------------------------- */

static void test_each_block_is_claimed_once(void **state)
{
    (void)state;
    hold_start();
    uint8_t *one = hold_claim(0);
    uint8_t *other = hold_claim(0);
    assert_true(one >= other + HOLD_SIZE || other >= one + HOLD_SIZE);
    assert_true(hold_has(one) && hold_has(other));
    assert_null(berth_claim(berth, &need, 0));
    assert_true(hold_has(hold_claim(1)));
    assert_null(berth_claim(berth, &need, 1));
    assert_int_equal(hold_count(), 3);
    scene_assert_painted(one, HOLD_SIZE, 0);
    scene_assert_painted(other, HOLD_SIZE, 0);
    hold_release();
}

/* The caller may have more pieces than the need has: what is in them is nobody's. */
static void test_no_piece_beyond_the_need_s_is_claimed(void **state)
{
    (void)state;
    hold_start();
    for (uint32_t i = 0; i < 2; i++) {
        pieces[3] = pieces[0];
        pieces[3].is_claimed = false;
        assert_true(hold_has(hold_claim(0)));
    }
    assert_null(berth_claim(berth, &need, 0));
    assert_null(berth_claim(berth, &need, 0));
    assert_false(pieces[3].is_claimed);
    assert_false(hold_has(hold_alloc(HOLD_SIZE)));
    hold_release();
    assert_int_equal(hold_count(), 3); /* what was claimed, and one more */
}

static void test_a_claim_is_told(void **state)
{
    (void)state;
    hold_start();
    (void)scene_last();
    scene.now_us = 1234567;
    const uint8_t *block = hold_claim(0);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_CLAIM);
    assert_int_equal(event.status, BERTH_OK);
    assert_int_equal(event.region, 0);
    assert_ptr_equal((uint8_t *)first->base + event.offset, block);
    assert_int_equal(event.size, HOLD_SIZE);
    assert_int_equal(event.taken, berth_about(berth, block).taken);
    assert_int_equal(event.owner, TLS);
    assert_int_equal(event.time_us, 1234567);
    hold_release();
}

static void test_an_item_that_there_is_not_is_not_claimed(void **state)
{
    (void)state;
    hold_start();
    assert_null(berth_claim(berth, &need, 2));
    assert_null(berth_claim(berth, &need, UINT8_MAX));
    hold_release();
    assert_null(berth_claim(berth, &need, 0));
}

/* Memory may be full, the owner over budget, allocation forbidden: it is allocated already. */
static void test_a_claim_is_never_refused(void **state)
{
    (void)state;
    hold_start();
    first->budgets = scene.budgets[0];
    scene.budgets[0][TLS].hard = 1;
    scene_fill(first, LVGL);
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    assert_true(hold_has(hold_claim(0)));
    berth_guard_leave(berth, before);
    assert_true(hold_has(hold_claim(0)));
    hold_release();
}

/* Who has ended gets no blocks any more. */
static void test_a_retired_owner_claims_nothing(void **state)
{
    (void)state;
    hold_start();
    assert_int_equal(berth_owner_retire(berth, TLS), BERTH_OK);
    assert_null(berth_claim(berth, &need, 0));
    assert_null(hold_alloc(HOLD_SIZE));
    hold_release();
    assert_int_equal(hold_count(), 0);
}

static void test_a_context_claims_where_it_may_be(void **state)
{
    (void)state;
    need_start();
    need_add(HOLD_SIZE, 0);
    items[0].request.needed = BERTH_CAP_EXTERNAL;
    need_add(HOLD_SIZE, 0);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_CACHE_OFF);
    assert_null(berth_claim(berth, &need, 0));
    assert_true(hold_has(hold_claim(1)));
    berth_guard_leave(berth, before);
    assert_true(hold_has(berth_claim(berth, &need, 0)));
    hold_release();
}

/* --- by owner and size ----------------------------------------------------------------------- */

static void test_the_owner_s_own_size_is_a_claim(void **state)
{
    (void)state;
    hold_start();
    scene_fill(first, LVGL);
    (void)scene_count(BERTH_EVENT_ALLOC);
    void *one = hold_alloc(HOLD_SIZE);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_CLAIM);
    assert_int_equal(event.size, HOLD_SIZE);
    assert_int_equal(event.owner, TLS);
    assert_true(hold_has(one));
    void *other = hold_alloc(HOLD_SIZE);
    assert_true(hold_has(other));
    assert_ptr_not_equal(one, other);
    assert_null(hold_alloc(HOLD_SIZE)); /* there are no more */
    berth_free(berth, one);
    assert_ptr_equal(hold_alloc(HOLD_SIZE), one);
    hold_release();
}

static void test_an_owner_by_name_claims(void **state)
{
    (void)state;
    hold_start();
    assert_true(hold_has(need_take(TLS, HOLD_SIZE)));
    assert_false(hold_has(need_take(WIFI, HOLD_SIZE)));
    assert_false(hold_has(berth_malloc(berth, HOLD_SIZE, BERTH_CAP_INTERNAL)));
    hold_release();
}

static void test_sizes_from_least_on_are_claims(void **state)
{
    (void)state;
    hold_start();
    assert_false(hold_has(need_take(TLS, 499)));
    assert_false(hold_has(need_take(TLS, 701)));
    void *block = need_take(TLS, 500);
    assert_true(hold_has(block));
    berth_free(berth, block);
    block = need_take(TLS, 700);
    assert_true(hold_has(block));
    assert_false(hold_has(need_take(TLS, 600))); /* claimed already: an ordinary one */
    assert_false(hold_has(need_take(TLS, HOLD_SIZE - 1)));
    assert_false(hold_has(need_take(TLS, HOLD_SIZE + 1)));
    hold_release();
}

static void test_a_claim_must_suit_the_request(void **state)
{
    (void)state;
    hold_start();
    const berth_request_t elsewhere = {
        .size = HOLD_SIZE, .needed = BERTH_CAP_EXTERNAL, .owner = TLS};
    assert_false(hold_has(berth_alloc(berth, &elsewhere)));
    const berth_request_t aligned = {
        .size = HOLD_SIZE, .align = 4096, .needed = BERTH_CAP_INTERNAL, .owner = TLS};
    const void *block = berth_alloc(berth, &aligned);
    assert_true(block == NULL ||
                ((const uint8_t *)block - (uint8_t *)first->base + 0x3FC88000u) % 4096u == 0);
    hold_release();
}

static void test_a_zeroed_claim_is_zero(void **state)
{
    (void)state;
    hold_start();
    scene_paint(hold_claim(1), 700, 9);
    berth_free(berth, (uint8_t *)first->base + pieces[2].offset);
    const berth_owner_t before = berth_owner_push(berth, TLS);
    const void *block = berth_calloc(berth, 30, 20, BERTH_CAP_INTERNAL);
    berth_owner_pop(berth, before);
    assert_true(hold_has(block));
    scene_assert_bytes(block, 600, 0);
    hold_release();
}

static void test_a_resize_of_nothing_claims(void **state)
{
    (void)state;
    hold_start();
    const berth_owner_t before = berth_owner_push(berth, TLS);
    const berth_request_t request = {.size = HOLD_SIZE, .needed = BERTH_CAP_INTERNAL};
    assert_true(hold_has(berth_resize(berth, NULL, &request)));
    berth_owner_pop(berth, before);
    hold_release();
}

/* Where nothing may be allocated, code that knows nothing of needs allocates nothing. */
static void test_no_alloc_is_for_claims_by_size_too(void **state)
{
    (void)state;
    hold_start();
    const uint8_t before = berth_guard_enter(berth, BERTH_GUARD_NO_ALLOC);
    const berth_request_t request = {.size = HOLD_SIZE, .needed = BERTH_CAP_INTERNAL, .owner = TLS};
    assert_null(berth_alloc(berth, &request));
    berth_guard_leave(berth, before);
    assert_true(hold_has(berth_alloc(berth, &request)));
    hold_release();
}

/* --- return ---------------------------------------------------------------------------------- */

static void test_a_free_returns_it_to_the_reservation(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = hold_claim(1);
    const uint32_t used = scene_used(first);
    const uint32_t taken = berth_about(berth, block).taken;
    (void)scene_last();
    berth_free(berth, block);
    const berth_event_t event = scene_last();
    assert_int_equal(event.kind, BERTH_EVENT_RETURN);
    assert_int_equal(event.status, BERTH_OK);
    assert_ptr_equal((uint8_t *)first->base + event.offset, block);
    assert_int_equal(event.taken, taken);
    assert_int_equal(event.owner, TLS);
    assert_int_equal(scene_used(first), used);
    assert_int_equal(hold_count(), 3);
    assert_ptr_equal(hold_claim(1), block);
    hold_release();
}

static void test_it_is_freed_once(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = hold_claim(1);
    assert_int_equal(berth_try_free(berth, block), BERTH_OK);
    assert_int_equal(berth_try_free(berth, block), BERTH_ERR_INVALID);
    berth_free(berth, block);
    assert_int_equal(scene.asserted, 1);
    assert_int_equal(hold_count(), 3);
    hold_release();
}

/* --- refused locks --------------------------------------------------------------------------- */

/* Claims once with a lock refused: the how-manieth it is. False: that many are not taken. */
static bool claim_refused(uint32_t lock, bool by_size, void **block)
{
    scene.refuse_after = lock;
    *block = by_size ? hold_alloc(HOLD_SIZE) : berth_claim(berth, &need, 0);
    const bool is_refused = scene.refuse_after == 0;
    scene.refuse_after = 0;
    return is_refused;
}

/* Whichever lock is refused: a block is claimed, or it is not, and the others are there still. */
static void claims_survive(bool by_size)
{
    void *block = NULL;
    bool is_refused = true;
    for (uint32_t lock = 1; is_refused; lock++) {
        hold_start();
        assert_true(lock < 1000);
        is_refused = claim_refused(lock, by_size, &block);
        assert_true(is_refused || hold_has(block));
        uint32_t rest = hold_has(block) ? 1 : 2;
        assert_int_equal(hold_count(), block != NULL && !hold_has(block) ? 4 : 3);
        for (; rest != 0; rest--) {
            assert_true(hold_has(hold_claim(0)));
        }
        assert_null(berth_claim(berth, &need, 0));
        scene_audit();
        hold_release();
    }
}

static void test_claiming_survives_any_refused_lock(void **state)
{
    (void)state;
    claims_survive(false);
    claims_survive(true);
}

static void test_returning_survives_any_refused_lock(void **state)
{
    (void)state;
    bool is_refused = true;
    for (uint32_t lock = 1; is_refused; lock++) {
        hold_start();
        uint8_t *block = hold_claim(1);
        assert_true(lock < 1000);
        scene.refuse_after = lock;
        const berth_status_t status = berth_try_free(berth, block);
        is_refused = scene.refuse_after == 0;
        scene.refuse_after = 0;
        assert_true(status == BERTH_OK || (is_refused && status == BERTH_ERR_BUSY));
        if (status != BERTH_OK) {
            assert_null(berth_claim(berth, &need, 1));
            assert_int_equal(berth_try_free(berth, block), BERTH_OK);
        }
        assert_ptr_equal(hold_claim(1), block);
        scene_audit();
        hold_release();
    }
}

static void test_a_claimed_block_is_not_given(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = hold_claim(0);
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_ERR_INVALID);
    assert_int_equal(berth_about(berth, block).owner, TLS);
    hold_release();
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_OK);
}

/* --- resize ---------------------------------------------------------------------------------- */

static void test_a_claimed_block_is_resized_within_its_room(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = hold_claim(0);
    const uint32_t used = scene_used(first);
    assert_ptr_equal(berth_realloc(berth, block, 100), block);
    assert_int_equal(scene_used(first), used);
    assert_true(berth_size(berth, block) >= HOLD_SIZE); /* the room is kept */
    assert_ptr_equal(berth_realloc(berth, block, HOLD_SIZE), block);
    scene_assert_painted(block, 100, 0);
    assert_int_equal(scene_used(first), used);
    hold_release();
}

static void test_beyond_its_room_an_ordinary_block_takes_over(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = hold_claim(0);
    uint8_t *larger = berth_realloc(berth, block, 2 * HOLD_SIZE);
    assert_non_null(larger);
    assert_false(hold_has(larger));
    scene_assert_painted(larger, HOLD_SIZE, 0);
    assert_int_equal(berth_about(berth, larger).owner, TLS);
    assert_int_equal(hold_count(), 4);
    assert_true(hold_has(hold_claim(0))); /* both are there again */
    assert_true(hold_has(hold_claim(0)));
    berth_free(berth, larger);
    assert_int_equal(hold_count(), 3);
    hold_release();
}

static void test_a_resize_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = hold_claim(0);
    assert_null(berth_realloc(berth, block, 40000));
    assert_null(berth_realloc(berth, block, 0));
    scene_assert_painted(block, HOLD_SIZE, 0);
    (void)hold_claim(0);
    assert_null(berth_claim(berth, &need, 0)); /* it is claimed still */
    hold_release();
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_block_is_claimed_once),
        cmocka_unit_test(test_no_piece_beyond_the_need_s_is_claimed),
        cmocka_unit_test(test_a_claim_is_told),
        cmocka_unit_test(test_an_item_that_there_is_not_is_not_claimed),
        cmocka_unit_test(test_a_claim_is_never_refused),
        cmocka_unit_test(test_a_retired_owner_claims_nothing),
        cmocka_unit_test(test_a_context_claims_where_it_may_be),
        cmocka_unit_test(test_the_owner_s_own_size_is_a_claim),
        cmocka_unit_test(test_an_owner_by_name_claims),
        cmocka_unit_test(test_sizes_from_least_on_are_claims),
        cmocka_unit_test(test_a_claim_must_suit_the_request),
        cmocka_unit_test(test_a_zeroed_claim_is_zero),
        cmocka_unit_test(test_a_resize_of_nothing_claims),
        cmocka_unit_test(test_no_alloc_is_for_claims_by_size_too),
        cmocka_unit_test(test_a_free_returns_it_to_the_reservation),
        cmocka_unit_test(test_it_is_freed_once),
        cmocka_unit_test(test_claiming_survives_any_refused_lock),
        cmocka_unit_test(test_returning_survives_any_refused_lock),
        cmocka_unit_test(test_a_claimed_block_is_not_given),
        cmocka_unit_test(test_a_claimed_block_is_resized_within_its_room),
        cmocka_unit_test(test_beyond_its_room_an_ordinary_block_takes_over),
        cmocka_unit_test(test_a_resize_that_is_refused_changes_nothing),
    };
    return SCENE_RUN(tests);
}
