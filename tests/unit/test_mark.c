/* test_mark.c: marks, and what is different between two of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/mark.h"

#include "scene_core.h"

#include "random.h"

#include <string.h>

#define ROOM (SCENE_REGIONS * SCENE_OWNERS)

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

static berth_holding_t before_holdings[ROOM];
static berth_holding_t after_holdings[ROOM];
static berth_mark_t before;
static berth_mark_t after;
static berth_difference_t found[ROOM];

static void marks_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    before = (berth_mark_t){.name = "boot", .holdings = before_holdings, .capacity = ROOM};
    after = (berth_mark_t){.name = "later", .holdings = after_holdings, .capacity = ROOM};
}

static void *alloc_for(size_t size, berth_caps_t needed, berth_owner_t owner)
{
    const berth_request_t request = {.size = size, .needed = needed, .owner = owner};
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    return block;
}

static void mark_now(berth_mark_t *mark)
{
    memset(mark->holdings, 0xA5, ROOM * sizeof *mark->holdings);
    assert_int_equal(berth_mark_take(berth, mark), BERTH_OK);
    assert_true(mark->is_exact);
}

static void assert_difference(uint32_t index, uint32_t region, berth_owner_t owner, int64_t bytes,
                              int32_t blocks)
{
    assert_int_equal(found[index].region, region);
    assert_int_equal(found[index].owner, owner);
    assert_int_equal(found[index].bytes, bytes);
    assert_int_equal(found[index].blocks, blocks);
}

static void test_a_mark_keeps_what_every_owner_held(void **state)
{
    (void)state;
    marks_start();
    (void)alloc_for(100, 0, WIFI);
    (void)alloc_for(200, BERTH_CAP_EXTERNAL, BERTH_OTHERS);
    (void)alloc_for(300, BERTH_CAP_EXTERNAL, SCENE_OWNERS - 1);
    scene.now_us = 77;
    mark_now(&before);
    assert_int_equal(before.time_us, 77);
    assert_int_equal(before.region_count, 2);
    for (uint32_t i = 0; i < 2 * SCENE_OWNERS; i++) {
        const berth_account_t *its = &scene.accounts[i / SCENE_OWNERS][i % SCENE_OWNERS];
        assert_int_equal(before_holdings[i].live, its->live);
        assert_int_equal(before_holdings[i].count, its->count);
    }
}

static void test_nothing_has_changed(void **state)
{
    (void)state;
    marks_start();
    (void)alloc_for(100, 0, WIFI);
    mark_now(&before);
    berth_free(berth, alloc_for(1000, 0, TLS)); /* a peak is no difference */
    mark_now(&after);
    assert_int_equal(berth_mark_compare(berth, &before, &after, found, ROOM), 0);
    assert_int_equal(berth_mark_compare(berth, &before, NULL, found, ROOM), 0);
}

/* Between two marks, and between a mark and now: the same is told. */
static void test_what_changed_is_told_by_region_and_owner(void **state)
{
    (void)state;
    marks_start();
    void *gone = alloc_for(500, 0, WIFI);
    void *given = alloc_for(64, BERTH_CAP_EXTERNAL, TLS);
    const int64_t less = (int64_t)berth_about(berth, gone).taken;
    const int64_t taken = (int64_t)berth_about(berth, given).taken;
    mark_now(&before);
    berth_free(berth, gone);
    const int64_t small = (int64_t)berth_about(berth, alloc_for(10, 0, SCENE_OWNERS - 1)).taken;
    assert_int_equal(berth_give(berth, given, BERTH_OTHERS), BERTH_OK);
    mark_now(&after);
    for (uint32_t is_now = 0; is_now < 2; is_now++) {
        memset(found, 0xA5, sizeof found);
        assert_int_equal(berth_mark_compare(berth, &before, is_now ? NULL : &after, found, ROOM),
                         4);
        assert_difference(0, 0, WIFI, -less, -1);
        assert_difference(1, 0, SCENE_OWNERS - 1, small, 1);
        assert_difference(2, 1, BERTH_OTHERS, taken, 1);
        assert_difference(3, 1, TLS, -taken, -1);
    }
}

static void test_what_finds_no_room_is_counted(void **state)
{
    (void)state;
    marks_start();
    mark_now(&before);
    (void)alloc_for(10, 0, WIFI);
    (void)alloc_for(10, 0, TLS);
    memset(found, 0xA5, sizeof found);
    assert_int_equal(berth_mark_compare(berth, &before, NULL, found, 1), 2);
    assert_int_equal(found[0].owner, WIFI);
    assert_int_equal(found[1].owner, 0xA5);
}

/* One block for two: the bytes are the same. */
static void test_blocks_alone_are_a_difference(void **state)
{
    (void)state;
    marks_start();
    void *a = alloc_for(60, 0, WIFI);
    void *b = alloc_for(60, 0, WIFI);
    mark_now(&before);
    const uint32_t taken = berth_about(berth, a).taken + berth_about(berth, b).taken;
    berth_free(berth, a);
    berth_free(berth, b);
    void *both = alloc_for(taken - 4, 0, WIFI);
    assert_int_equal(berth_about(berth, both).taken, taken);
    assert_int_equal(berth_mark_compare(berth, &before, NULL, found, ROOM), 1);
    assert_difference(0, 0, WIFI, 0, -1);
}

static void test_a_region_that_came_later_held_nothing(void **state)
{
    (void)state;
    marks_start();
    mark_now(&before);
    static berth_region_t added;
    added = scene_pool; /* it keeps no accounts: all is the others' */
    added.base = scene_more(added.size);
    assert_int_equal(berth_region_add(berth, &added), BERTH_OK);
    (void)alloc_for(10, BERTH_CAP_PLACE(0), WIFI);
    mark_now(&after);
    assert_int_equal(after.region_count, 3);
    assert_int_equal(berth_mark_compare(berth, &before, &after, found, ROOM), 1);
    assert_difference(0, 2, BERTH_OTHERS, added.total.live, 1);
}

static void test_what_changed_is_told_by_site_too(void **state)
{
    (void)state;
    static berth_site_block_t blocks[64];
    static berth_site_t rows[16];
    static berth_site_t before_rows[16];
    static berth_site_t after_rows[16];
    berth_sites_t sites = {.blocks = blocks, .rows = rows, .block_count = 64, .row_count = 16};
    marks_start();
    assert_int_equal(berth_sites_add(berth, &sites), BERTH_OK);
    void *old = berth_alloc(berth, &(berth_request_t){.size = 40, .site = 111, .owner = TLS});
    before.sites = after.sites = &sites;
    before.rows = before_rows;
    after.rows = after_rows;
    mark_now(&before);
    berth_free(berth, old);
    old = berth_alloc(berth, &(berth_request_t){.size = 40, .site = 222, .owner = TLS});
    const int64_t taken = (int64_t)berth_about(berth, old).taken;
    mark_now(&after);
    for (uint32_t is_now = 0; is_now < 2; is_now++) {
        void *later = is_now ? NULL : alloc_for(500, 0, WIFI); /* no mark knows of it */
        assert_int_equal(berth_mark_compare(berth, &before, is_now ? NULL : &after, found, ROOM),
                         2);
        const uint32_t come = found[1].site == 222; /* rows come in the table's order */
        assert_int_equal(found[come].site, 222);
        assert_int_equal(found[1 - come].site, 111);
        assert_difference(come, BERTH_NO_REGION, BERTH_NO_OWNER, taken, 1);
        assert_difference(1 - come, BERTH_NO_REGION, BERTH_NO_OWNER, -taken, -1);
        berth_free(berth, later);
    }
    after.sites = NULL; /* nothing to compare with */
    assert_int_equal(berth_mark_compare(berth, &before, &after, found, ROOM), 0);
    assert_int_equal(berth_sites_remove(berth, &sites), BERTH_OK);
}

static void test_take_refuses_too_little_room(void **state)
{
    (void)state;
    marks_start();
    before.capacity = 2 * SCENE_OWNERS - 1;
    before_holdings[before.capacity].live = 0xA5A5;
    assert_int_equal(berth_mark_take(berth, &before), BERTH_ERR_INVALID);
    assert_int_equal(before_holdings[before.capacity].live, 0xA5A5);
    before.capacity++;
    assert_int_equal(berth_mark_take(berth, &before), BERTH_OK);
    before.holdings = NULL;
    assert_int_equal(berth_mark_take(berth, &before), BERTH_ERR_INVALID);
    berth_t asleep = {.config = NULL};
    assert_int_equal(berth_mark_take(&asleep, &after), BERTH_ERR_INVALID);
}

static void test_a_refused_lock_is_told(void **state)
{
    (void)state;
    marks_start();
    (void)alloc_for(10, 0, WIFI);
    mark_now(&before);
    (void)alloc_for(10, 0, WIFI);
    scene.busy = &first->lock;
    assert_int_equal(berth_mark_take(berth, &after), BERTH_ERR_BUSY);
    assert_int_equal(berth_mark_compare(berth, &before, NULL, found, ROOM), 0);
    scene.busy = NULL;
}

/* Somebody allocates between two slices: through the lock, as another task would. */
static struct {
    uintptr_t (*lock)(void *self, berth_lock_t *lock);
    uint32_t calls; /* so far: it allocates at every second one */
    uint32_t times; /* that it does */
    bool is_busy;   /* allocating: its own call comes through here, too */
} meddler;

static uintptr_t port_lock_meddling(void *self, berth_lock_t *lock)
{
    if (!meddler.is_busy && lock == &first->lock && ++meddler.calls % 2 == 0 &&
        meddler.times != 0) {
        meddler.times--;
        meddler.is_busy = true;
        (void)alloc_for(8, BERTH_CAP_INTERNAL, WIFI);
        meddler.is_busy = false;
    }
    return meddler.lock(self, lock);
}

static void test_a_region_that_changes_meanwhile_is_looked_at_again(void **state)
{
    (void)state;
    for (uint32_t times = 0; times < 8; times++) {
        marks_start();
        meddler.lock = scene.port.lock;
        meddler.calls = 0;
        scene.port.lock = port_lock_meddling;
        meddler.times = times;
        assert_int_equal(berth_mark_take(berth, &before), BERTH_OK);
        meddler.times = 0;
        assert_int_equal(before.is_exact, times < 4);
        if (before.is_exact) {
            assert_int_equal(before_holdings[WIFI].count, times);
        }
    }
}

/* All differences applied to the first of two marks give the second. */
static void test_differences_add_up(void **state)
{
    (void)state;
    marks_start();
    random_source_t random = random_from(5);
    void *blocks[64] = {NULL};
    for (uint32_t round = 0; round < 200; round++) {
        mark_now(&before);
        for (uint32_t i = 0; i < 30; i++) {
            void **slot = &blocks[random_below(&random, 64)];
            berth_free(berth, *slot);
            *slot = alloc_for(random_log(&random, 300),
                              random_percent(&random, 50) ? BERTH_CAP_EXTERNAL : 0,
                              (berth_owner_t)random_between(&random, 1, SCENE_OWNERS - 1));
        }
        mark_now(&after);
        const uint32_t count = berth_mark_compare(berth, &before, &after, found, ROOM);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t account = found[i].owner == BERTH_OTHERS ? 0 : found[i].owner;
            berth_holding_t *its = &before_holdings[found[i].region * SCENE_OWNERS + account];
            its->live = (uint32_t)(its->live + found[i].bytes);
            its->count += (uint32_t)found[i].blocks;
        }
        assert_memory_equal(before_holdings, after_holdings,
                            2 * SCENE_OWNERS * sizeof *before_holdings);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mark_keeps_what_every_owner_held),
        cmocka_unit_test(test_nothing_has_changed),
        cmocka_unit_test(test_what_changed_is_told_by_region_and_owner),
        cmocka_unit_test(test_what_finds_no_room_is_counted),
        cmocka_unit_test(test_blocks_alone_are_a_difference),
        cmocka_unit_test(test_a_region_that_came_later_held_nothing),
        cmocka_unit_test(test_what_changed_is_told_by_site_too),
        cmocka_unit_test(test_take_refuses_too_little_room),
        cmocka_unit_test(test_a_refused_lock_is_told),
        cmocka_unit_test(test_a_region_that_changes_meanwhile_is_looked_at_again),
        cmocka_unit_test(test_differences_add_up),
    };
    return SCENE_RUN(tests);
}
