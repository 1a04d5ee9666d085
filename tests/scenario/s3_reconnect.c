/* s3_reconnect.c: TLS cannot reconnect after some days, with more than 50 KB free.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S3, SensESP #865 and ESPresense #2453. A sensor loses its connection 3000 times
 * (reconnect.h). Control: two TLS buffers of 16,717 bytes are allocated at each connect. Dozens of
 * times they fail, with more than 50 KB free. The measure is a reservation of the two, which costs
 * what it takes all the time, and of which nobody else notices anything.
 */
#include "reconnect.h"
#include "stretch.h"

#define SEEDS 8u
#define DOZENS 36u
#define WORN 20u /* seeds of which the first failure is looked at */

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram = &scene.regions[0];

/* --- sessions --------------------------------------------------------------------------------- */

/* A reason, by what becomes of the very calls that were asked about. */
static void assert_reason(const berth_answer_t *answer, void *const session[2])
{
    berth_request_t any = buffer;
    any.size = 1;
    assert_int_equal(answer->status, BERTH_ERR_NOMEM);
    assert_true(answer->is_certain);
    assert_int_equal(answer->block, session[0] != NULL ? 1 : 0);
    assert_int_equal(answer->region, 0);
    assert_int_equal(answer->lacks_room, scene_room(sram) < TLS_SIZE);
    assert_int_equal(answer->missing, TLS_SIZE - berth_allocatable(berth, &any));
}

/* Asks beforehand, and tries all the same: to see whether the answer was true. */
static void connect_and_compare(void *session[2])
{
    const berth_answer_t answer = berth_fits(berth, &tls);
    connect_plainly(session);
    day.told += answer.status != BERTH_OK;
    day.wrong += (answer.status == BERTH_OK) != (session[1] != NULL);
    if (answer.status != BERTH_OK && session[1] == NULL) {
        assert_reason(&answer, session);
    }
}

/* Opens a socket only if what comes then will fit. */
static uint32_t sockets_in_vain;

static void connect_if_it_fits(void *session[2])
{
    session[0] = session[1] = NULL;
    if (berth_fits(berth, &tls).status == BERTH_OK) {
        connect_plainly(session);
        sockets_in_vain += session[1] == NULL;
    }
}

static void reserve_at_start(void)
{
    const uint32_t room = scene_room(sram);
    assert_int_equal(berth_reserve(berth, &tls).status, BERTH_OK);
    day.cost = room - scene_room(sram);
}

static void connect_by_claim(void *session[2])
{
    session[0] = berth_claim(berth, &tls, 0);
    session[1] = berth_claim(berth, &tls, 0);
}

/* Code that knows nothing of needs: the owner's scope and the size claim. */
static void connect_unchanged(void *session[2])
{
    const berth_owner_t before = berth_owner_push(berth, TLS);
    session[0] = berth_malloc(berth, TLS_SIZE, 0);
    session[1] = berth_malloc(berth, TLS_SIZE, INSIDE);
    berth_owner_pop(berth, before);
}

/* --- days ------------------------------------------------------------------------------------- */

/* Says which seed it was. */
static void assert_count(uint32_t seed, const char *what, uint32_t count, uint32_t expected)
{
    if (count != expected) {
        fail_msg("seed %u: %u %s, where there should be %u", seed, count, what, expected);
    }
}

static void test_control_fails_dozens_of_times_with_much_free(void **state)
{
    (void)state;
    const measure_t none = {.connect = connect_plainly};
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        day_run(&none, seed);
        print_message("seed %u: %u failures in %u cycles, %u with more than 50 KB free; the first "
                      "in cycle %u with %u bytes free\n",
                      seed, day.failures, CYCLES, day.with_much_free, day.first, day.first_free);
        assert_true(day.with_much_free >= DOZENS);
        assert_int_equal(day.others, 0);
    }
}

/* Nor is it this allocator's fault. */
static void test_control_fails_in_a_tlsf_heap_too(void **state)
{
    (void)state;
    const measure_t none = {.connect = connect_plainly};
    is_modelled = true;
    for (uint32_t seed = 1; seed <= 2; seed++) {
        day_run(&none, seed);
        print_message("seed %u, TLSF: %u failures\n", seed, day.with_much_free);
        assert_true(day.with_much_free >= DOZENS);
    }
    is_modelled = false;
}

static void test_each_failure_is_told_before_with_the_right_reason(void **state)
{
    (void)state;
    const measure_t compare = {.connect = connect_and_compare};
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        day_run(&compare, seed);
        assert_true(day.told >= DOZENS);
        assert_count(seed, "answers of NO", day.told, day.failures);
        assert_count(seed, "wrong answers", day.wrong, 0);
    }
}

/* The state in which a seed's first session failed. */
static uint32_t worn_seed;

static void worn_lay(void)
{
    const measure_t none = {.connect = connect_plainly, .stops = true};
    day_run(&none, worn_seed);
    assert_int_equal(day.failures, 1);
}

static void test_freeing_the_blockers_of_the_first_failure_lets_it_in(void **state)
{
    (void)state;
    uint32_t most = 0;
    for (worn_seed = 1; worn_seed <= WORN; worn_seed++) {
        berth_blocker_t blockers[32];
        const uint32_t count = stretch_clear(worn_lay, &tls, blockers, 32);
        void *session[2];
        connect_plainly(session);
        assert_non_null(session[1]);
        most = count > most ? count : most;
    }
    assert_in_range(most, 2, 32);
}

static void test_no_socket_is_opened_in_vain(void **state)
{
    (void)state;
    const measure_t ask = {.connect = connect_if_it_fits};
    sockets_in_vain = 0;
    day_run(&ask, 1);
    assert_true(day.failures >= DOZENS); /* it does not help: but it is known */
    assert_int_equal(sockets_in_vain, 0);
    assert_int_equal(berth_failure(berth).count, 0);
}

static void assert_day_is_quiet(const measure_t *measure, uint32_t seed)
{
    day_run(measure, seed);
    assert_count(seed, "failures of TLS", day.failures, 0);
    assert_count(seed, "failures of others", day.others, 0);
    assert_count(seed, "refusals", berth_failure(berth).count, 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
    assert_int_equal(berth_release(berth, &tls), BERTH_OK);
    assert_int_equal(berth_account(berth, sram, TLS).live, 0);
}

static void test_with_the_reservation_nobody_fails(void **state)
{
    (void)state;
    const measure_t claim = {.prepare = reserve_at_start, .connect = connect_by_claim};
    const measure_t unchanged = {.prepare = reserve_at_start, .connect = connect_unchanged};
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        assert_day_is_quiet(&claim, seed);
        assert_day_is_quiet(&unchanged, seed);
    }
}

/* What a block of this size takes, twice: no more. */
static void test_the_reservation_costs_what_its_blocks_take(void **state)
{
    (void)state;
    random_source_t random = random_from(1);
    day_start(&random);
    void *block = berth_alloc(berth, &buffer);
    const uint32_t taken = berth_about(berth, block).taken;
    berth_free(berth, block);
    reserve_at_start();
    print_message("the reservation costs %u bytes\n", day.cost);
    assert_int_equal(day.cost, 2 * taken);
    assert_int_equal(tls.pieces[0].taken + tls.pieces[1].taken, day.cost);
    assert_int_equal(berth_account(berth, sram, TLS).live, day.cost);
}

/* --- and when all is well --------------------------------------------------------------------- */

static void test_a_healthy_sensor_hears_yes_and_nothing_else(void **state)
{
    (void)state;
    random_source_t random = random_from(4);
    day_start(&random);
    (void)scene_last();
    for (uint32_t cycle = 1; cycle <= CYCLES; cycle++) {
        const uint32_t now = cycle * PHASES;
        void *session[2];
        cycle_offline(&random, now);
        connect_and_compare(session);
        assert_non_null(session[1]);
        blocks_expire(now + END);
        berth_free(berth, session[0]);
        berth_free(berth, session[1]);
        for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
            assert_int_equal(event.status, BERTH_OK);
        }
    }
    assert_int_equal(day.told + day.others, 0);
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_fails_dozens_of_times_with_much_free),
        cmocka_unit_test(test_control_fails_in_a_tlsf_heap_too),
        cmocka_unit_test(test_each_failure_is_told_before_with_the_right_reason),
        cmocka_unit_test(test_freeing_the_blockers_of_the_first_failure_lets_it_in),
        cmocka_unit_test(test_no_socket_is_opened_in_vain),
        cmocka_unit_test(test_with_the_reservation_nobody_fails),
        cmocka_unit_test(test_the_reservation_costs_what_its_blocks_take),
        cmocka_unit_test(test_a_healthy_sensor_hears_yes_and_nothing_else),
    };
    return SCENE_RUN(tests);
}
