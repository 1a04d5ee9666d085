/* s3b_blockers.c: what stands in the way of a TLS session, and is it that and nothing else?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S3b: 60 KB are free, the largest block has 9 KB. Control: a device that looks at what
 * is free opens the socket, and then its first buffer fails. The product refuses the session before
 * that, and names the fewest blocks whose freeing lets it in.
 */
#include "stretch.h"

#define KB 1024u
#define SRAM_SIZE (192u * KB)
#define TLS_SIZE 16717u

/* Who else there is. */
#define APP LVGL
#define QUEUE WIFI
#define WEB 5u
#define CACHE 6u

#define INSIDE (BERTH_CAP_INTERNAL | BERTH_CAP_BYTES)

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram = &scene.regions[0];

static const berth_item_t items[] = {{.request = {.size = TLS_SIZE, .needed = INSIDE}, .count = 2}};
static berth_piece_t pieces[2];
static berth_need_t need = {.name = "tls",
                            .items = items,
                            .pieces = pieces,
                            .item_count = 1,
                            .piece_count = 2,
                            .owner = TLS};

/* Two pairs of neighbouring holes have one block between them, and would do for a buffer each: but
 * both pairs want the hole in the middle. The other buffer needs two blocks gone. */
static const stretch_t worn[] = {{9 * KB, 0},  {600, CACHE},  {300, WEB},  {8 * KB, 0}, {40, APP},
                                 {7 * KB, 0},  {2000, QUEUE}, {9 * KB, 0}, {64, CACHE}, {8500, 0},
                                 {100, QUEUE}, {100, QUEUE},  {900, WEB},  {7 * KB, 0}, {24, APP},
                                 {2500, 0},    {1500, CACHE}, {KB, 0},     {300, WEB},  {8700, 0}};
#define WORN (sizeof worn / sizeof worn[0])
#define FEWEST 3u

static void sram_start(void)
{
    static berth_region_t large;
    large = scene_sram;
    large.size = SRAM_SIZE;
    SCENE_LAY(&large);
    scene_start();
}

static void worn_lay(void)
{
    void *blocks[WORN];
    sram_start();
    stretch_lay(sram, worn, WORN, blocks);
}

/* --- a session -------------------------------------------------------------------------------- */

typedef struct session {
    bool has_socket;
    void *buffers[2];
} session_t;

static session_t session_open(void)
{
    const berth_request_t request = {.size = TLS_SIZE, .needed = INSIDE, .owner = TLS};
    session_t session = {.has_socket = true};
    session.buffers[0] = berth_alloc(berth, &request);
    session.buffers[1] = berth_alloc(berth, &request);
    return session;
}

static void session_close(const session_t *session)
{
    berth_free(berth, session->buffers[0]);
    berth_free(berth, session->buffers[1]);
}

/* Control: opens it if there are bytes enough. */
static session_t naive_connect(void)
{
    return scene_room(sram) >= 2 * TLS_SIZE ? session_open() : (session_t){.has_socket = false};
}

static session_t connect_if_it_fits(void)
{
    return berth_fits(berth, &need).status == BERTH_OK ? session_open()
                                                       : (session_t){.has_socket = false};
}

static void test_control_opens_the_socket_and_fails(void **state)
{
    (void)state;
    worn_lay();
    assert_true(scene_room(sram) >= 60 * KB);
    assert_int_equal(stretch_largest(sram), 9 * KB);
    const session_t session = naive_connect();
    assert_true(session.has_socket);
    assert_null(session.buffers[0]);
    assert_null(session.buffers[1]);
}

static void test_the_session_is_refused_before_its_socket_opens(void **state)
{
    (void)state;
    worn_lay();
    const berth_answer_t answer = berth_fits(berth, &need);
    stretch_print(&need, &answer);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_true(answer.is_certain);
    assert_false(answer.lacks_room);
    assert_int_equal(answer.item, 0);
    assert_int_equal(answer.block, 0);
    assert_int_equal(answer.region, 0);
    assert_int_equal(answer.missing, TLS_SIZE - 9 * KB);
    assert_false(connect_if_it_fits().has_socket);
    assert_int_equal(berth_failure(berth).count, 0);
}

/* --- what stands in the way ------------------------------------------------------------------- */

/* Whether one of the stretches laid is a block of that owner that takes so many bytes. */
static bool is_worn(const berth_blocker_t *blocker)
{
    for (uint32_t i = 0; i < WORN; i++) {
        if (worn[i].owner == blocker->owner && worn[i].size + STRETCH_HEADER == blocker->taken) {
            return true;
        }
    }
    return false;
}

static void test_freeing_the_blockers_named_and_no_fewer_lets_it_in(void **state)
{
    (void)state;
    berth_blocker_t blockers[8];
    const uint32_t count = stretch_clear(worn_lay, &need, blockers, 8);
    for (uint32_t i = 0; i < count; i++) {
        print_message("blocker: %u bytes of %s at %u\n", blockers[i].taken,
                      berth_owner_name(berth, blockers[i].owner), blockers[i].offset);
        assert_true(is_worn(&blockers[i]));
        assert_int_equal(blockers[i].item, 0);
        assert_int_equal(blockers[i].region, 0);
    }
    assert_int_equal(count, FEWEST);
    const session_t session = connect_if_it_fits();
    assert_non_null(session.buffers[1]);
    session_close(&session);
}

/* Freeing two of them will not do, whichever they are: tried for all pairs. */
static void test_no_two_blocks_would_have_sufficed(void **state)
{
    (void)state;
    for (uint32_t one = 0; one < WORN; one++) {
        for (uint32_t other = one + 1; other < WORN; other++) {
            void *blocks[WORN];
            sram_start();
            stretch_lay(sram, worn, WORN, blocks);
            berth_free(berth, blocks[one]);
            berth_free(berth, blocks[other]);
            assert_int_equal(berth_fits(berth, &need).status, BERTH_ERR_NOMEM);
        }
    }
}

/* --- and when all is well --------------------------------------------------------------------- */

static void test_a_healthy_device_has_no_blockers(void **state)
{
    (void)state;
    berth_blocker_t blocker;
    sram_start();
    (void)scene_last();
    for (uint32_t round = 0; round < 100; round++) {
        assert_int_equal(berth_blockers(berth, &need, &blocker, 1), 0);
        const session_t session = connect_if_it_fits();
        assert_true(session.has_socket && session.buffers[1] != NULL);
        session_close(&session);
        for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
            assert_int_equal(event.status, BERTH_OK);
        }
    }
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_opens_the_socket_and_fails),
        cmocka_unit_test(test_the_session_is_refused_before_its_socket_opens),
        cmocka_unit_test(test_freeing_the_blockers_named_and_no_fewer_lets_it_in),
        cmocka_unit_test(test_no_two_blocks_would_have_sufficed),
        cmocka_unit_test(test_a_healthy_device_has_no_blockers),
    };
    return SCENE_RUN(tests);
}
