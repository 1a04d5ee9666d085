/* s16_disguise.c: is a refused allocation found behind the error that it is mistaken for?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S16 (mbedtls #1971, midad #186, HB-RF-ETH #349: one team switched the verification of
 * certificates off, and what it had was too little memory). A handshake of mbedTLS's, of which each
 * allocation is refused in turn. Control: the error that it ends with is, for many of them, the
 * very one of a certificate that is not to be trusted. Negative: certificates that are not, while
 * others are refused memory; and a handshake that succeeds.
 */
#include "scene_core.h"

#include "berth/fit.h"
#include "tls.h"

#include <stdio.h>
#include <string.h>

#define NOT_TRUSTED (-0x2700) /* MBEDTLS_ERR_X509_CERT_VERIFY_FAILED */
#define CROWD 64u             /* blocks that fill the memory up */

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram = &scene.regions[0];

/* Where a handshake's 45 KB fit. Beside it, there is PSRAM, which the client does not ask. */
static const berth_region_t board_sram = {
    .name = "sram",
    .engine = &berth_fit_engine,
    .address = 0x3FC88000u,
    .size = 98304u,
    .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT}};

static berth_failure_t records[4]; /* survive restarts */

static void board_start(void)
{
    SCENE_LAY(&board_sram, &scene_psram);
    scene.config.failures = records;
    scene.config.failure_count = sizeof records / sizeof records[0];
    scene_start();
    scene.task.name = "client";
}

/* --- a client -------------------------------------------------------------------------------- */

/* Its allocations, counted from 1. */
typedef struct client {
    uint32_t calls;
    uint32_t fails_at; /* 0: none does */
    bool has_company;  /* another task is refused memory meanwhile */
    size_t size;       /* of the one that failed */
} client_t;

static client_t client;

/* Another owner takes all that there is, for a moment. */
static uint32_t crowd(void *blocks[CROWD])
{
    uint32_t count = 0;
    for (uint32_t most = 1; count < CROWD && most != 0; count++) {
        const berth_request_t request = {.needed = BERTH_CAP_INTERNAL, .owner = WIFI};
        most = berth_allocatable(berth, &request);
        blocks[count] = NULL;
        if (most != 0) {
            blocks[count] = berth_alloc(
                berth,
                &(berth_request_t){.size = most, .needed = BERTH_CAP_INTERNAL, .owner = WIFI});
        }
    }
    return count;
}

static void company_be_refused(void)
{
    static berth_context_t other;
    other = (berth_context_t){.name = "other", .owner = LVGL};
    scene.running = &other;
    assert_null(berth_malloc(berth, 1000000, BERTH_CAP_INTERNAL));
    scene.running = &scene.task;
}

static void *client_alloc(size_t count, size_t size)
{
    void *blocks[CROWD];
    const bool fails = ++client.calls == client.fails_at;
    const uint32_t crowded = fails ? crowd(blocks) : 0;
    void *block = berth_calloc(berth, count, size, BERTH_CAP_INTERNAL);
    assert_int_equal(block == NULL, fails);
    client.size = fails ? count * size : client.size;
    for (uint32_t i = 0; i < crowded; i++) {
        berth_free(berth, blocks[i]);
    }
    if (client.has_company) {
        company_be_refused();
    }
    return block;
}

static void client_free(void *block)
{
    berth_free(berth, block);
}

static const tls_heap_t client_heap = {.alloc = client_alloc, .free = client_free};

/* What the client knows when its handshake has ended. */
typedef struct verdict {
    int error;
    berth_failure_t failure; /* count 0: no allocation is to blame */
} verdict_t;

/* This is what an application does: two calls around what may fail. */
static verdict_t client_run(tls_peer_t peer, uint32_t fails_at, bool has_company)
{
    verdict_t verdict = {0};
    client = (client_t){.fails_at = fails_at, .has_company = has_company};
    const berth_owner_t owner = berth_owner_push(berth, TLS);
    const uint32_t refused = berth_refused(berth);
    verdict.error = tls_connect(peer, &client_heap);
    if (verdict.error != 0) {
        verdict.failure = berth_blame(berth, refused, verdict.error);
    }
    berth_owner_pop(berth, owner);
    assert_int_equal(berth_account(berth, sram, TLS).live, 0);
    return verdict;
}

/* The allocations that a handshake makes. */
static uint32_t client_calls(void)
{
    board_start();
    assert_int_equal(client_run(TLS_TRUSTED, 0, false).error, 0);
    return client.calls;
}

/* --- what is found --------------------------------------------------------------------------- */

static void test_control_the_error_alone_cannot_tell(void **state)
{
    (void)state;
    const uint32_t calls = client_calls();
    uint32_t disguised = 0;
    assert_int_equal(client_run(TLS_STRANGER, 0, false).error, NOT_TRUSTED);
    for (uint32_t i = 1; i <= calls; i++) {
        board_start();
        disguised += client_run(TLS_TRUSTED, i, false).error == NOT_TRUSTED;
    }
    printf("s16: %u of %u refusals end as \"certificate not trusted\"\n", disguised, calls);
    assert_true(disguised > 5);
}

/* The one line that a person reads. */
static void assert_line(const berth_failure_t *failure, int error)
{
    char line[400];
    char words[80];
    assert_true(berth_explain(berth, failure, line, sizeof line) < sizeof line);
    (void)snprintf(words, sizeof words, "%u bytes for tls refused: no room", (unsigned)client.size);
    assert_ptr_equal(strstr(line, words), line);
    (void)snprintf(words, sizeof words, "mistaken for %d; needed: bytes internal", error);
    assert_non_null(strstr(line, words));
    assert_non_null(strstr(line, "; sram: no room, free "));
    assert_non_null(strstr(line, "; psram: no internal, would have granted "));
}

static void assert_told(const verdict_t *verdict)
{
    const berth_failure_t *failure = &verdict->failure;
    assert_int_equal(failure->count, 1);
    assert_int_equal(failure->status, BERTH_ERR_NOMEM);
    assert_int_equal(failure->size, client.size);
    assert_int_equal(failure->needed, BERTH_CAP_BYTES | BERTH_CAP_INTERNAL);
    assert_int_equal(failure->owner, TLS);
    assert_int_equal(failure->context, (uint32_t)(uintptr_t)scene.task.name);
    assert_int_equal(berth_failure_mistaken(failure), verdict->error);
    assert_line(failure, verdict->error);
}

/* After a reset, whatever caused it, the record says what the error was. */
static void assert_survives(const verdict_t *verdict)
{
    board_start();
    berth_failure_t failure = berth_failure(berth);
    for (uint32_t i = 1; i < sizeof records / sizeof records[0] && failure.owner != TLS; i++) {
        failure = berth_failure_at(berth, i);
    }
    assert_int_equal(failure.size, client.size);
    assert_int_equal(failure.owner, TLS);
    assert_int_equal(berth_failure_mistaken(&failure), verdict->error);
    assert_int_equal(berth_failure_restarts(&failure), 1);
}

static void every_allocation_fails(bool has_company)
{
    const uint32_t calls = client_calls();
    uint32_t failed = 0;
    for (uint32_t i = 1; i <= calls; i++) {
        board_start();
        const verdict_t verdict = client_run(TLS_TRUSTED, i, has_company);
        if (verdict.error != 0) { /* or the client did without */
            assert_told(&verdict);
            assert_survives(&verdict);
            failed++;
        }
    }
    assert_true(failed > calls * 9 / 10);
}

static void test_every_refusal_is_found_behind_its_error(void **state)
{
    (void)state;
    every_allocation_fails(false);
}

static void test_others_refusals_are_not_mixed_up_with_it(void **state)
{
    (void)state;
    every_allocation_fails(true);
}

/* --- what is not found ----------------------------------------------------------------------- */

/* With a refusal before, and others' all the time. */
static void test_negative_a_bad_certificate_is_a_bad_certificate(void **state)
{
    (void)state;
    for (uint32_t peer = TLS_STRANGER; peer < TLS_PEERS; peer++) {
        for (uint32_t company = 0; company < 2; company++) {
            memset(records, 0, sizeof records);
            board_start();
            assert_null(berth_malloc(berth, 1000000, BERTH_CAP_INTERNAL));
            const verdict_t verdict = client_run((tls_peer_t)peer, 0, company != 0);
            assert_int_equal(verdict.error, NOT_TRUSTED);
            assert_int_equal(verdict.failure.count, 0);
            for (uint32_t i = 0; i < sizeof records / sizeof records[0]; i++) {
                const berth_failure_t failure = berth_failure_at(berth, i);
                assert_int_equal(berth_failure_mistaken(&failure), 0);
            }
        }
    }
}

static void test_negative_a_handshake_that_succeeds_is_silent(void **state)
{
    (void)state;
    memset(records, 0, sizeof records);
    (void)client_calls();
    assert_int_equal(berth_refusals(berth), 0);
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(scene.logged, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_the_error_alone_cannot_tell),
        cmocka_unit_test(test_every_refusal_is_found_behind_its_error),
        cmocka_unit_test(test_others_refusals_are_not_mixed_up_with_it),
        cmocka_unit_test(test_negative_a_bad_certificate_is_a_bad_certificate),
        cmocka_unit_test(test_negative_a_handshake_that_succeeds_is_silent),
    };
    tls_start();
    const int failed = SCENE_RUN(tests);
    tls_stop();
    return failed;
}
