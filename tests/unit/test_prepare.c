/* test_prepare.c: in which order does a need fit, who makes room for it, and how is that told?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "need_core.h"

#include <string.h>

static berth_t *const berth = &scene.berth;

/* --- in which order -------------------------------------------------------------------------- */

static void test_an_order_that_fits_is_found(void **state)
{
    (void)state;
    uint8_t order[BERTH_ITEMS];
    need_start();
    const uint32_t room = need_most();
    need_add(room - 1000, 0);
    need_add(room - 3000, 0);
    need_end(1, 1); /* gone by the time of the first: if only it came before it */
    assert_int_equal(need_fits(), BERTH_ERR_NOMEM);
    assert_true(berth_reorder(berth, &need, order));
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
    need_end(1, 0);
    assert_false(berth_reorder(berth, &need, order));
}

static void test_an_order_that_fits_already_stays(void **state)
{
    (void)state;
    uint8_t order[BERTH_ITEMS];
    need_start();
    need_add(100, 2);
    need_add(200, 0);
    need_add(300, 0);
    assert_true(berth_reorder(berth, &need, order));
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 2);
}

static void test_more_than_six_items_are_not_reordered(void **state)
{
    (void)state;
    uint8_t order[BERTH_ITEMS];
    need_start();
    for (uint32_t i = 0; i < 6; i++) {
        need_add(10, 0);
    }
    assert_true(berth_reorder(berth, &need, order));
    need_add(10, 0);
    assert_false(berth_reorder(berth, &need, order));
}

/* --- who makes room -------------------------------------------------------------------------- */

/* A reclaimer that frees one block each time. */
typedef struct cache {
    berth_reclaimer_t reclaimer;
    void *blocks[4];
    uint32_t count;
    uint32_t calls;
    uint32_t when; /* the how-manieth call of all */
    bool is_nested;
} cache_t;

static uint32_t all_calls;

static bool cache_reclaim(void *self, const berth_need_t *asked)
{
    cache_t *cache = self;
    assert_int_equal(scene.held, 0);
    assert_ptr_equal(asked, &need);
    cache->calls++;
    cache->when = ++all_calls;
    if (cache->is_nested) {
        assert_int_equal(berth_prepare(berth, &need).status, BERTH_ERR_BUSY);
    }
    if (cache->count == 0) {
        return false;
    }
    berth_free(berth, cache->blocks[--cache->count]);
    return true;
}

static cache_t caches[3];

/* `sram` full of three caches' blocks. */
static void caches_start(void)
{
    need_start();
    all_calls = 0;
    memset(caches, 0, sizeof caches);
    for (uint32_t i = 0; i < 3; i++) {
        caches[i].reclaimer = (berth_reclaimer_t){.reclaim = cache_reclaim, .self = &caches[i]};
        berth_reclaimer_add(berth, &caches[i].reclaimer);
        caches[i].blocks[caches[i].count++] = need_take(LVGL, 6000);
    }
    (void)need_take(LVGL, need_most());
    need_add(6000, 0);
}

static void test_a_need_that_fits_is_prepared_without_anybody(void **state)
{
    (void)state;
    caches_start();
    berth_free(berth, caches[1].blocks[0]);
    caches[1].count = 0;
    assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK);
    assert_int_equal(all_calls, 0);
    assert_true(need.is_reserved);
    assert_int_equal(berth_release(berth, &need), BERTH_OK);
}

static void test_reclaimers_are_called_in_order_until_it_fits(void **state)
{
    (void)state;
    caches_start();
    caches[0].count = 0; /* it has nothing */
    assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK);
    assert_int_equal(caches[0].when, 1);
    assert_int_equal(caches[1].when, 2);
    assert_int_equal(caches[2].calls, 0);
    assert_true(need.is_reserved);
    assert_non_null(berth_claim(berth, &need, 0));
    assert_int_equal(berth_release(berth, &need), BERTH_OK);
}

static void test_each_reclaimer_is_called_once(void **state)
{
    (void)state;
    caches_start();
    items[0].request.size = 31000;
    const berth_answer_t answer = berth_prepare(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_int_equal(answer.item, 0);
    assert_false(need.is_reserved);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(caches[i].calls, 1);
        assert_int_equal(caches[i].when, i + 1);
    }
    items[0].request.size = 6000;
    assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK); /* and may be called again */
    assert_int_equal(berth_release(berth, &need), BERTH_OK);
}

static void test_preparing_is_never_nested(void **state)
{
    (void)state;
    caches_start();
    caches[0].is_nested = true;
    assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK);
    assert_int_equal(caches[0].calls, 1);
    assert_int_equal(berth_release(berth, &need), BERTH_OK);
    berth_free(berth, caches[1].blocks[--caches[1].count]);
    assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK); /* the first one is over */
    assert_int_equal(berth_release(berth, &need), BERTH_OK);
}

/* What makes no sense is not mended by anybody's giving memory back. */
static void test_nobody_is_called_for_nonsense(void **state)
{
    (void)state;
    caches_start();
    need.item_count = 0;
    assert_int_equal(berth_prepare(berth, &need).status, BERTH_ERR_INVALID);
    assert_int_equal(all_calls, 0);
}

/* --- in words -------------------------------------------------------------------------------- */

static void test_an_answer_is_explained(void **state)
{
    (void)state;
    char whole[400];
    char cut[20];
    need_start();
    need_add(1000, 0);
    need_add(50000, 2);
    const berth_answer_t answer = berth_fits(berth, &need);
    const size_t length = berth_answer_explain(berth, &need, &answer, whole, sizeof whole);
    assert_true(length < sizeof whole);
    assert_int_equal(strlen(whole), length);
    assert_non_null(strstr(whole, "tls"));
    assert_non_null(strstr(whole, "sram"));
    memset(cut, 0x5A, sizeof cut);
    assert_int_equal(berth_answer_explain(berth, &need, &answer, cut, 10), length);
    assert_int_equal(strlen(cut), 9);
    assert_memory_equal(cut, whole, 9);
    assert_int_equal(cut[10], 0x5A);
    assert_int_equal(berth_answer_explain(berth, &need, &answer, NULL, 0), length);
}

static void assert_words(const berth_answer_t *answer, const char *words)
{
    char text[400];
    (void)berth_answer_explain(berth, &need, answer, text, sizeof text);
    assert_string_equal(text, words);
}

static void test_words_of_a_yes(void **state)
{
    (void)state;
    need_start();
    need_add(1000, 0);
    berth_answer_t answer = {.is_certain = true, .margin = 31216};
    assert_words(&answer, "tls fits; one more like the last could have 31216 bytes");
    answer.is_certain = false;
    assert_words(&answer, "tls fits; one more like the last could have 31216 bytes "
                          "(not certain: an engine there cannot tell)");
    answer = berth_reserve(berth, &need);
    assert_words(&answer, "tls is reserved");
    assert_int_equal(berth_release(berth, &need), BERTH_OK);
}

static void test_words_of_a_no(void **state)
{
    (void)state;
    need_start();
    need_add(1000, 0);
    need_add(30000, 2);
    berth_answer_t answer = berth_fits(berth, &need);
    assert_true(answer.lacks_room);
    answer.missing = 28580;
    assert_words(&answer,
                 "tls does not fit: 30000 bytes (block 2 of 2 of item 2): no room in sram, "
                 "28580 bytes short in all");
    answer.lacks_room = false;
    answer.block = 0;
    assert_words(&answer,
                 "tls does not fit: 30000 bytes (block 1 of 2 of item 2): no room in sram, "
                 "28580 bytes short in one piece");
    need.name = NULL;
    answer =
        (berth_answer_t){.status = BERTH_ERR_NOCAP, .region = BERTH_NO_REGION, .is_certain = true};
    assert_words(&answer, "? does not fit: 1000 bytes (block 1 of 1 of item 1): no such memory");
    answer.item = 2; /* there is none: it is about the need */
    assert_words(&answer, "? does not fit: no such memory");
    answer.item = 0;
    answer.status = BERTH_ERR_INVALID;
    assert_words(&answer, "? does not fit: makes no sense");
}

static void test_every_answer_has_words(void **state)
{
    (void)state;
    char text[400];
    need_start();
    need.name = NULL;
    need_add(1000, 0);
    for (int8_t status = BERTH_OK; status >= BERTH_ERR_FLOOR; status--) {
        const berth_answer_t answer = {.status = status, .region = BERTH_NO_REGION, .margin = 77};
        assert_true(berth_answer_explain(berth, &need, &answer, text, sizeof text) > 5);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_order_that_fits_is_found),
        cmocka_unit_test(test_an_order_that_fits_already_stays),
        cmocka_unit_test(test_more_than_six_items_are_not_reordered),
        cmocka_unit_test(test_a_need_that_fits_is_prepared_without_anybody),
        cmocka_unit_test(test_reclaimers_are_called_in_order_until_it_fits),
        cmocka_unit_test(test_each_reclaimer_is_called_once),
        cmocka_unit_test(test_preparing_is_never_nested),
        cmocka_unit_test(test_nobody_is_called_for_nonsense),
        cmocka_unit_test(test_an_answer_is_explained),
        cmocka_unit_test(test_words_of_a_yes),
        cmocka_unit_test(test_words_of_a_no),
        cmocka_unit_test(test_every_answer_has_words),
    };
    return SCENE_RUN(tests);
}
