/* mode_leak.c: a device that switches its mode a hundred times a day: does anything stay behind?
 * SPDX-License-Identifier: Apache-2.0
 *
 * A badge with a menu of games, whose Wi-Fi mode comes and goes in between. One of its games
 * forgets 68 bytes each time. Controls: the low-water mark, which does not move while the leak is
 * small beside a mode's own peak (meshtastic #11660: "a lower watermark does not prove a leak");
 * and "free memory fell since the last entry", which blames healthy devices (ruuvi #971).
 */
#include "berth/low.h"
#include "berth/mark.h"
#include "berth/scope.h"
#include "berth/site.h"

#include "scene_core.h"

#include "random.h"

#include <string.h>

#define ROOM (2u * SCENE_OWNERS)
#define LEAK 68u /* bytes */
#define SITE_SPRITES 0x1001u
#define SITE_SCORES 0x1002u
#define SITE_SOCKETS 0x2001u
#define SITE_CACHE 0x2002u
#define ENTRIES 100u

enum {
    GAMES = 1,
    NET = 2
};

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram = &scene.regions[0];

static berth_scope_row_t rows[ROOM];
static berth_scope_t games;
static berth_site_block_t site_blocks[256];
static berth_site_t site_rows[32];
static berth_sites_t sites;
static berth_low_t low;
static berth_holding_t holdings[ROOM];
static berth_mark_t mark;
static berth_site_t mark_rows[32];
static void *cache[6]; /* of the network: fills up, and is dropped */

static void device_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    memset(rows, 0, sizeof rows);
    memset(cache, 0, sizeof cache);
    games = (berth_scope_t){.name = "games", .rows = rows, .capacity = ROOM};
    sites = (berth_sites_t){
        .blocks = site_blocks, .rows = site_rows, .block_count = 256, .row_count = 32};
    low = (berth_low_t){.region = sram};
    mark = (berth_mark_t){.name = "after boot",
                          .holdings = holdings,
                          .capacity = ROOM,
                          .sites = &sites,
                          .rows = mark_rows};
    assert_int_equal(berth_sites_add(berth, &sites), BERTH_OK);
    assert_int_equal(berth_low_add(berth, &low), BERTH_OK);
}

static void *take(uint32_t site, size_t size, berth_owner_t owner)
{
    const berth_request_t request = {.size = size, .site = site, .owner = owner};
    void *block = berth_alloc(berth, &request);
    assert_non_null(block);
    return block;
}

/* A game's turn: its sprites go with it, and some of its scores do not. Returns what was told. */
static uint32_t game_play(size_t leak)
{
    const uint32_t told = berth_scope_enter(berth, &games);
    void *sprites = take(SITE_SPRITES, 9000, GAMES);
    void *scores = take(SITE_SCORES, 200, GAMES);
    if (leak != 0) {
        (void)take(SITE_SCORES, leak, GAMES);
    }
    berth_free(berth, sprites);
    berth_free(berth, scores);
    berth_scope_leave(berth, &games);
    return told;
}

/* The network's: a socket, and a cache that is fuller or emptier than before. */
static void network_run(random_source_t *random)
{
    void *socket = take(SITE_SOCKETS, 1500, NET);
    void **slot = &cache[random_below(random, 6)];
    berth_free(berth, *slot);
    *slot =
        random_percent(random, 60) ? take(SITE_CACHE, random_between(random, 50, 600), NET) : NULL;
    berth_free(berth, socket);
}

/* Switches modes `entries` times. Returns at which entry something was told first, 0: never. */
static uint32_t days_pass(uint32_t seed, uint32_t entries, size_t leak)
{
    random_source_t random = random_from(seed);
    uint32_t first_told = 0;
    for (uint32_t i = 1; i <= entries; i++) {
        network_run(&random);
        if (game_play(leak) != 0 && first_told == 0) {
            first_told = i;
        }
    }
    return first_told;
}

static void test_a_leak_of_68_bytes_is_told_with_its_owner(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 50; seed++) {
        device_start();
        assert_int_equal(days_pass(seed, 20, LEAK), BERTH_SCOPE_ENTRIES + 1);
        berth_event_t event = {.kind = 0};
        while (event.kind != BERTH_EVENT_LEAK) {
            assert_int_equal(berth_poll(berth, &event, 1), 1);
        }
        assert_int_equal(event.owner, GAMES);
        assert_int_equal(event.region, sram->index);
        assert_true(event.size >= BERTH_SCOPE_ENTRIES * LEAK);
        assert_true(event.size <= BERTH_SCOPE_ENTRIES * (LEAK + 4));
        assert_int_equal(event.site, (uint32_t)(uintptr_t)games.name);
    }
}

/* Whose the leak is, and where it comes from: from a mark and now. */
static void test_a_mark_names_the_owner_and_the_site(void **state)
{
    (void)state;
    device_start();
    (void)days_pass(1, 5, LEAK);
    assert_int_equal(berth_mark_take(berth, &mark), BERTH_OK);
    for (uint32_t i = 0; i < 30; i++) {
        (void)game_play(LEAK);
    }
    berth_difference_t found[4];
    assert_int_equal(berth_mark_compare(berth, &mark, NULL, found, 4), 2);
    assert_int_equal(found[0].owner, GAMES);
    assert_int_equal(found[0].region, sram->index);
    assert_int_equal(found[0].blocks, 30);
    assert_int_equal(found[1].site, SITE_SCORES);
    assert_int_equal(found[1].blocks, 30);
    assert_int_equal(found[1].bytes, found[0].bytes);
}

static void test_control_low_water_hides_it(void **state)
{
    (void)state;
    device_start();
    void *start = take(0x3001, 16000, NET); /* what the start took once */
    berth_free(berth, start);
    const uint32_t least = berth_low_read(berth, &low).free.bytes;
    assert_true(days_pass(1, 60, LEAK) != 0);
    assert_int_equal(berth_low_read(berth, &low).free.bytes, least);
}

static void test_control_less_free_than_last_time_blames_the_healthy(void **state)
{
    (void)state;
    random_source_t random = random_from(3);
    uint32_t before = 0;
    uint32_t alarms = 0;
    device_start();
    for (uint32_t i = 0; i < ENTRIES; i++) {
        network_run(&random);
        assert_int_equal(game_play(0), 0);
        alarms += scene_room(sram) < before;
        before = scene_room(sram);
    }
    assert_true(alarms > 20);
}

static void test_a_healthy_device_is_silent(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++) {
        device_start();
        (void)days_pass(seed, 4, LEAK); /* it warms up: four games keep their scores */
        assert_int_equal(days_pass(seed, ENTRIES, 0), 0);
        assert_int_equal(scene_count(BERTH_EVENT_LEAK), 0);
        assert_int_equal(scene.logged + scene.asserted, 0);
        assert_int_equal(sites.missed, 0);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_leak_of_68_bytes_is_told_with_its_owner),
        cmocka_unit_test(test_a_mark_names_the_owner_and_the_site),
        cmocka_unit_test(test_control_low_water_hides_it),
        cmocka_unit_test(test_control_less_free_than_last_time_blames_the_healthy),
        cmocka_unit_test(test_a_healthy_device_is_silent),
    };
    return SCENE_RUN(tests);
}
