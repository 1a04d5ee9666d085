/* test_reserve.c: is all of a need held, or nothing, and given up again?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "need_core.h"

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

/* --- reserve --------------------------------------------------------------------------------- */

static void test_the_owner_pays_for_what_is_held(void **state)
{
    (void)state;
    hold_start();
    assert_int_equal(hold_count(), 3);
    assert_true(berth_account(berth, first, TLS).live >= 2 * HOLD_SIZE + 700);
    assert_int_equal(scene_count(BERTH_EVENT_ALLOC), 3);
    assert_int_equal(pieces[0].item, 0);
    assert_int_equal(pieces[1].item, 0);
    assert_int_equal(pieces[2].item, 1);
    for (uint32_t i = 0; i < 3; i++) {
        const berth_block_t block = first->engine->find(first, pieces[i].offset);
        assert_int_equal(block.status, BERTH_OK);
        assert_int_equal(block.owner, TLS);
        assert_int_equal(block.taken, pieces[i].taken);
        assert_false(pieces[i].is_claimed);
    }
    hold_release();
    assert_int_equal(hold_count(), 0);
    assert_int_equal(scene_used(first), 0);
    assert_int_equal(scene_count(BERTH_EVENT_FREE), 3);
}

/* What nobody has claimed is known, in bytes, to whoever explains a refusal. */
static void test_unclaimed_bytes_are_counted(void **state)
{
    (void)state;
    hold_start();
    const uint32_t all = pieces[0].taken + pieces[1].taken + pieces[2].taken;
    assert_int_equal(first->unclaimed, all);
    uint8_t *block = hold_claim(0);
    assert_int_equal(first->unclaimed, all - pieces[0].taken);
    (void)hold_claim(1);
    assert_int_equal(first->unclaimed, pieces[1].taken);
    berth_free(berth, block);
    assert_int_equal(first->unclaimed, all - pieces[2].taken);
    hold_release();
    assert_int_equal(first->unclaimed, 0);
    assert_int_equal(first->held, 0); /* nobody looks for held blocks there any more */
}

/* Who asks: by the request, or whoever called. */
static void test_what_is_taken_is_told_with_its_site(void **state)
{
    (void)state;
    need_start();
    need_add(HOLD_SIZE, 0);
    items[0].request.site = 4711;
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    assert_int_equal(scene_last().site, 4711);
    hold_release();
    items[0].request.site = 0;
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    const uint32_t site = scene_last().site;
    assert_in_range(site - (uint32_t)(uintptr_t)test_what_is_taken_is_told_with_its_site, 0, 2000);
    hold_release();
}

static void test_without_an_owner_the_scope_holds(void **state)
{
    (void)state;
    need_start();
    need_add(HOLD_SIZE, 0);
    need.owner = BERTH_NO_OWNER;
    const berth_owner_t before = berth_owner_push(berth, WIFI);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    berth_owner_pop(berth, before);
    assert_int_equal(berth_account(berth, first, WIFI).count, 1);
    hold_release();
    assert_int_equal(berth_account(berth, first, WIFI).count, 0);
}

static void test_what_does_not_fit_holds_nothing(void **state)
{
    (void)state;
    need_start();
    need_add(HOLD_SIZE, 2);
    need_add(40000, 0);
    (void)scene_last();
    const berth_answer_t answer = berth_reserve(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_int_equal(answer.item, 1);
    assert_false(need.is_reserved);
    assert_int_equal(hold_count(), 0);
    assert_int_equal(scene_used(first), 0);
    assert_null(berth_claim(berth, &need, 0));
    assert_int_equal(berth_release(berth, &need), BERTH_ERR_INVALID);
}

static void test_what_is_held_is_nobodys_allocatable(void **state)
{
    (void)state;
    need_start();
    const uint32_t before = need_most();
    need_add(10000, 0);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    assert_int_equal(need_most(), before - 10004);
    scene_fill(first, LVGL);
    assert_int_equal(scene_room(first), 0);
    assert_true(hold_has(hold_claim(0)));
    hold_release();
}

static void test_budgets_hold_for_what_is_held(void **state)
{
    (void)state;
    need_start();
    first->budgets = scene.budgets[0];
    scene.budgets[0][TLS] = (berth_budget_t){.soft = 3000, .hard = 5000};
    need_add(HOLD_SIZE, 2);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    assert_int_equal(scene_count(BERTH_EVENT_BUDGET), 1);
    assert_null(need_most() >= HOLD_SIZE ? berth : NULL); /* the rest of the budget */
    void *block = hold_claim(0);                          /* it has been paid already */
    berth_free(berth, block);
    hold_release();
    need_add(HOLD_SIZE, 0);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_ERR_BUDGET);
}

/* What comes after the end of another item is asked for, and not held. */
static void test_what_comes_after_an_end_is_not_held(void **state)
{
    (void)state;
    need_start();
    const uint32_t room = need_most();
    need_add(room - 2000, 0);
    need_add(500, 0);
    need_add(room - 4000, 0);
    need_end(0, 3);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    assert_int_equal(hold_count(), 2);
    assert_null(berth_claim(berth, &need, 2));
    assert_null(pieces[2].region);
    assert_true(hold_has(hold_claim(0)));
    assert_true(hold_has(hold_claim(1)));
    hold_release();
    items[2].request.size = room;
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_ERR_NOMEM);
    assert_int_equal(hold_count(), 2); /* those that were claimed */
}

/* An end that comes before the item itself ends nothing. */
static void test_an_end_in_the_past_ends_nothing(void **state)
{
    (void)state;
    need_start();
    need_add(HOLD_SIZE, 0);
    need_add(500, 0);
    need_end(1, 1);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    assert_true(hold_has(hold_claim(0)));
    assert_true(hold_has(hold_claim(1)));
    hold_release();
}

static void test_arenas_hold_nothing(void **state)
{
    (void)state;
    need_start();
    SCENE_LAY(&scene_arena);
    scene_start();
    need_add(100, 0);
    items[0].request.needed = BERTH_CAP_PLACE(1);
    assert_int_equal(berth_fits(berth, &need).status, BERTH_OK);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_ERR_BUSY);
    assert_false(need.is_reserved);
    assert_int_equal(scene_used(first), 0);
}

static void test_a_pool_holds(void **state)
{
    (void)state;
    need_start();
    SCENE_LAY(&scene_pool);
    scene_start();
    need_add(SCENE_POOL_BLOCK, 3);
    items[0].request.needed = BERTH_CAP_PLACE(0);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    while (berth_malloc(berth, 10, BERTH_CAP_PLACE(0)) != NULL) {
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(hold_has(hold_claim(0)));
    }
    assert_null(berth_claim(berth, &need, 0));
    hold_release();
}

static void test_a_reserved_need_is_not_reserved_again(void **state)
{
    (void)state;
    hold_start();
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK); /* it is reserved, says that */
    assert_true(need.is_reserved);
    assert_int_equal(hold_count(), 3);
    assert_true(hold_has(hold_claim(0)));
    hold_release();
}

/* Questions about it leave it as it is: they need its pieces. */
static void test_a_reserved_need_is_not_asked_about(void **state)
{
    (void)state;
    uint8_t order[BERTH_ITEMS];
    berth_blocker_t out[4];
    hold_start();
    const uint32_t offset = pieces[2].offset;
    assert_int_equal(berth_fits(berth, &need).status, BERTH_OK);
    assert_false(berth_reorder(berth, &need, order));
    assert_int_equal(berth_blockers(berth, &need, out, 4), 0);
    assert_int_equal(pieces[2].offset, offset);
    assert_true(hold_has(hold_claim(1)));
    assert_int_equal(hold_count(), 3);
    hold_release();
}

/* Whichever lock is refused: all is held, or nothing. */
static void test_reserving_survives_any_refused_lock(void **state)
{
    (void)state;
    bool is_refused = true;
    for (uint32_t lock = 1; is_refused; lock++) {
        need_start();
        need_add(HOLD_SIZE, 2);
        need_add(700, 0);
        assert_true(lock < 1000);
        scene.refuse_after = lock;
        const berth_answer_t answer = berth_reserve(berth, &need);
        is_refused = scene.refuse_after == 0;
        scene.refuse_after = 0;
        assert_int_equal(answer.status == BERTH_OK, need.is_reserved);
        assert_int_equal(hold_count(), need.is_reserved ? 3 : 0);
        assert_true(is_refused || need.is_reserved);
        assert_false(need.is_asked);
        scene_audit();
        if (need.is_reserved) {
            assert_true(hold_has(hold_claim(1)));
            hold_release();
        } else {
            assert_int_equal(scene_used(first), 0);
            assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
            hold_release();
        }
    }
}

static void test_preparing_survives_any_refused_lock(void **state)
{
    (void)state;
    bool is_refused = true;
    for (uint32_t lock = 1; is_refused; lock++) {
        need_start();
        need_add(HOLD_SIZE, 2);
        assert_true(lock < 1000);
        scene.refuse_after = lock;
        const berth_answer_t answer = berth_prepare(berth, &need);
        is_refused = scene.refuse_after == 0;
        scene.refuse_after = 0;
        assert_int_equal(answer.status == BERTH_OK, need.is_reserved);
        assert_int_equal(hold_count(), need.is_reserved ? 2 : 0);
        scene_audit();
        if (!need.is_reserved) {
            assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK); /* not BUSY for ever */
        }
        hold_release();
    }
}

/* --- nobody has them ------------------------------------------------------------------------- */

static void test_what_nobody_claimed_cannot_be_touched(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = (uint8_t *)first->base + pieces[0].offset;
    (void)scene_last();
    assert_int_equal(berth_try_free(berth, block), BERTH_ERR_INVALID);
    assert_int_equal(scene_last().status, BERTH_ERR_INVALID);
    assert_int_equal(berth_give(berth, block, WIFI), BERTH_ERR_INVALID);
    assert_null(berth_realloc(berth, block, 10));
    assert_null(berth_realloc(berth, block, 2 * HOLD_SIZE));
    assert_int_equal(berth_failure(berth).status, BERTH_ERR_INVALID);
    berth_free(berth, block);
    assert_int_equal(scene.asserted, 1);
    assert_int_equal(hold_count(), 3);
    assert_true(hold_has(hold_claim(0)));
    assert_true(hold_has(hold_claim(0)));
    hold_release();
}

/* --- release --------------------------------------------------------------------------------- */

static void test_what_was_claimed_is_ordinary_after_the_release(void **state)
{
    (void)state;
    hold_start();
    uint8_t *block = hold_claim(0);
    (void)scene_last();
    hold_release();
    assert_int_equal(hold_count(), 1);
    assert_int_equal(scene_count(BERTH_EVENT_FREE), 2);
    scene_assert_painted(block, HOLD_SIZE, 0);
    uint8_t *resized = berth_realloc(berth, block, 100);
    assert_ptr_equal(resized, block);
    assert_true(berth_size(berth, resized) < 200);
    berth_free(berth, resized);
    assert_int_equal(scene_last().kind, BERTH_EVENT_FREE);
    assert_int_equal(scene_used(first), 0);
}

/* Whichever lock is refused: what is not released can be released again. */
static void test_releasing_survives_any_refused_lock(void **state)
{
    (void)state;
    bool is_refused = true;
    for (uint32_t lock = 1; is_refused; lock++) {
        hold_start();
        uint8_t *block = hold_claim(0);
        assert_true(lock < 1000);
        scene.refuse_after = lock;
        const berth_status_t status = berth_release(berth, &need);
        is_refused = scene.refuse_after == 0;
        scene.refuse_after = 0;
        assert_int_equal(status == BERTH_OK, !need.is_reserved);
        scene_audit();
        if (need.is_reserved) {
            assert_int_equal(status, BERTH_ERR_BUSY);
            hold_release();
        }
        assert_int_equal(hold_count(), 1);
        scene_assert_painted(block, HOLD_SIZE, 0);
        berth_free(berth, block);
        assert_int_equal(scene_used(first), 0);
    }
}

static void test_what_is_not_reserved_is_not_released(void **state)
{
    (void)state;
    need_start();
    need_add(HOLD_SIZE, 0);
    assert_int_equal(berth_release(berth, &need), BERTH_ERR_INVALID);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    hold_release();
    assert_int_equal(berth_release(berth, &need), BERTH_ERR_INVALID);
    assert_int_equal(berth_reserve(berth, &need).status, BERTH_OK);
    hold_release();
}

/* Nobody may claim from a need that is given up: its size is ordinary again. */
static void test_after_the_release_nothing_is_claimed(void **state)
{
    (void)state;
    hold_start();
    hold_release();
    (void)scene_last();
    void *block = need_take(TLS, HOLD_SIZE);
    assert_int_equal(scene_last().kind, BERTH_EVENT_ALLOC);
    berth_free(berth, block);
    assert_int_equal(scene_last().kind, BERTH_EVENT_FREE);
}

/* Two needs of one owner: each keeps its own. */
static void test_several_needs_are_held_at_once(void **state)
{
    (void)state;
    static berth_item_t other_item;
    static berth_piece_t other_pieces[2];
    hold_start();
    other_item =
        (berth_item_t){.request = {.size = HOLD_SIZE, .needed = BERTH_CAP_INTERNAL}, .count = 2};
    berth_need_t other = {.items = &other_item,
                          .pieces = other_pieces,
                          .item_count = 1,
                          .piece_count = 2,
                          .owner = TLS};
    assert_int_equal(berth_reserve(berth, &other).status, BERTH_OK);
    scene_fill(first, LVGL);
    assert_true(hold_has(hold_claim(0)));
    for (uint32_t i = 0; i < 3; i++) {
        assert_non_null(hold_alloc(HOLD_SIZE));
    }
    assert_null(hold_alloc(HOLD_SIZE));
    hold_release();
    assert_null(berth_claim(berth, &other, 0));
    assert_int_equal(berth_release(berth, &other), BERTH_OK);
    assert_int_equal(hold_count(), 4);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_owner_pays_for_what_is_held),
        cmocka_unit_test(test_unclaimed_bytes_are_counted),
        cmocka_unit_test(test_what_is_taken_is_told_with_its_site),
        cmocka_unit_test(test_without_an_owner_the_scope_holds),
        cmocka_unit_test(test_what_does_not_fit_holds_nothing),
        cmocka_unit_test(test_what_is_held_is_nobodys_allocatable),
        cmocka_unit_test(test_budgets_hold_for_what_is_held),
        cmocka_unit_test(test_what_comes_after_an_end_is_not_held),
        cmocka_unit_test(test_an_end_in_the_past_ends_nothing),
        cmocka_unit_test(test_arenas_hold_nothing),
        cmocka_unit_test(test_a_pool_holds),
        cmocka_unit_test(test_a_reserved_need_is_not_reserved_again),
        cmocka_unit_test(test_a_reserved_need_is_not_asked_about),
        cmocka_unit_test(test_reserving_survives_any_refused_lock),
        cmocka_unit_test(test_preparing_survives_any_refused_lock),
        cmocka_unit_test(test_what_nobody_claimed_cannot_be_touched),
        cmocka_unit_test(test_what_was_claimed_is_ordinary_after_the_release),
        cmocka_unit_test(test_releasing_survives_any_refused_lock),
        cmocka_unit_test(test_what_is_not_reserved_is_not_released),
        cmocka_unit_test(test_after_the_release_nothing_is_claimed),
        cmocka_unit_test(test_several_needs_are_held_at_once),
    };
    return SCENE_RUN(tests);
}
