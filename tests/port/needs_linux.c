/* needs_linux.c: reservations under threads: claimed, returned, asked about and released at once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A region is kept nearly full by some threads. Others claim the blocks of one need, by name and as
 * its owner, fill them, look after them, and give them back: as many as there are blocks, so that
 * each must get one each time. Two threads ask about a second need, reserve and release it; one
 * polls. Meant for ThreadSanitizer, too.
 *
 *     needs_linux [ROUNDS of each thread]
 */
#include "../../ports/linux/port_linux.h"
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/need.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHURNERS 3u
#define CLAIMERS 4u
#define ASKERS 2u
#define THREADS (CHURNERS + CLAIMERS + ASKERS)
#define HELD 16u /* blocks of each churner */
#define SIZE 1717u
#define TLS 1u
#define OTA 2u
#define OTHERS 3u
#define OWNERS 4u

static _Alignas(16) uint8_t sram[64 * 1024];
static berth_region_t regions[] = {{.name = "sram",
                                    .engine = &berth_fit_engine,
                                    .base = sram,
                                    .size = sizeof sram,
                                    .caps = {BERTH_CAP_BYTES | BERTH_CAP_DEFAULT}}};
static berth_port_t port; /* Linux, but silent: refusals are meant */
BERTH_DEFINE(heap, &port, regions, OWNERS, NULL, 64);

static const berth_item_t tls_items[] = {{.request = {.size = SIZE}, .count = CLAIMERS}};
static berth_piece_t tls_pieces[CLAIMERS];
static berth_need_t tls = {.name = "tls",
                           .items = tls_items,
                           .pieces = tls_pieces,
                           .item_count = 1,
                           .piece_count = CLAIMERS,
                           .owner = TLS};
static const berth_item_t ota_items[] = {{.request = {.size = 900}, .count = 2},
                                         {.request = {.size = 3000, .align = 64}}};
static berth_piece_t ota_pieces[3];
static berth_need_t ota = {.name = "ota",
                           .items = ota_items,
                           .pieces = ota_pieces,
                           .item_count = 2,
                           .piece_count = 3,
                           .owner = OTA};

static uint32_t rounds = 4000;
static uint32_t wrongs;   /* what went wrong; any thread adds */
static uint32_t reserved; /* times that the second need was */
static uint32_t ended;    /* threads */

static void expect(bool claim)
{
    if (!claim) {
        (void)__atomic_fetch_add(&wrongs, 1, __ATOMIC_RELAXED);
    }
}

/* Keeps memory full of blocks of odd sizes. */
static void *churn(void *self)
{
    uint32_t random = 1 + (uint32_t)(uintptr_t)self;
    void *held[HELD] = {NULL};
    for (uint32_t i = 0; i < rounds * 4; i++) {
        random = random * 1664525u + 1013904223u;
        void **slot = &held[(random >> 8) % HELD];
        berth_free(&heap, *slot);
        const berth_request_t request = {.size = 1 + (random >> 16) % 1500, .owner = OTHERS};
        *slot = berth_alloc(&heap, &request);
    }
    for (uint32_t i = 0; i < HELD; i++) {
        berth_free(&heap, held[i]);
    }
    return NULL;
}

/* Claims a block, by name or as code that knows nothing of needs. */
static uint8_t *claim_one(bool by_name)
{
    if (by_name) {
        return berth_claim(&heap, &tls, 0);
    }
    const berth_request_t request = {.size = SIZE, .owner = TLS};
    return berth_alloc(&heap, &request);
}

static bool is_piece(const uint8_t *block)
{
    bool is_found = false;
    for (uint32_t i = 0; i < CLAIMERS; i++) {
        is_found = is_found || block == sram + tls_pieces[i].offset;
    }
    return is_found;
}

static void *claim(void *self)
{
    const uint8_t mark = (uint8_t)(uintptr_t)self;
    for (uint32_t i = 0; i < rounds; i++) {
        uint8_t *block = claim_one(i % 2 == 0);
        expect(block != NULL && is_piece(block));
        if (block == NULL) {
            break;
        }
        memset(block, mark, SIZE);
        (void)sched_yield();
        for (uint32_t j = 0; j < SIZE; j++) {
            expect(block[j] == mark);
        }
        expect(berth_try_free(&heap, block) == BERTH_OK);
    }
    return NULL;
}

static bool may_be(int32_t status, int32_t a, int32_t b)
{
    return status == BERTH_OK || status == a || status == b;
}

/* Asks, reserves and releases, beside another who does the same with the same need. */
static void *ask(void *self)
{
    for (uint32_t i = 0; i < rounds; i++) {
        berth_blocker_t blockers[8];
        uint8_t order[2];
        expect(may_be(berth_fits(&heap, &ota).status, BERTH_ERR_NOMEM, BERTH_ERR_BUSY));
        if (i % 16 == 0) {
            (void)!berth_blockers(&heap, &ota, blockers, 8); /* any number, by then */
            (void)!berth_reorder(&heap, &ota, order);
        }
        if (berth_reserve(&heap, &ota).status == BERTH_OK) {
            (void)__atomic_fetch_add(&reserved, 1, __ATOMIC_RELAXED);
            void *block = berth_claim(&heap, &ota, 1); /* or the other has it */
            expect(block == NULL || (uintptr_t)block % 16 == 0);
            expect(may_be(berth_release(&heap, &ota), BERTH_ERR_INVALID, BERTH_ERR_BUSY));
            expect(berth_try_free(&heap, block) == BERTH_OK);
        }
    }
    return self;
}

static void *poll_all(void *self)
{
    while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) == 0) {
        berth_event_t events[16];
        expect(berth_poll(&heap, events, 16) <= 16);
    }
    return self;
}

/* What is live after all have ended: the first need's blocks. */
static void expect_settled(void)
{
    expect(berth_reserve(&heap, &ota).status == BERTH_OK); /* or it is: somebody was busy */
    expect(berth_release(&heap, &ota) == BERTH_OK);
    const berth_account_t account = berth_account(&heap, &regions[0], TLS);
    expect(account.count == CLAIMERS && account.live == regions[0].total.live);
    expect(berth_release(&heap, &tls) == BERTH_OK);
    expect(regions[0].total.live == 0 && regions[0].unclaimed == 0 && regions[0].held == 0);
}

int main(int count, char **words)
{
    pthread_t threads[THREADS];
    pthread_t poller;
    rounds = count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : rounds;
    port = berth_port_linux;
    port.log = NULL;
    if (berth_start(&heap, &heap_config) != BERTH_OK ||
        berth_reserve(&heap, &tls).status != BERTH_OK) {
        return 1;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        void *(*run)(void *) = i < CHURNERS ? churn : i < CHURNERS + CLAIMERS ? claim : ask;
        expect(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i) == 0);
    }
    expect(pthread_create(&poller, NULL, poll_all, NULL) == 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    __atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
    (void)pthread_join(poller, NULL);
    expect_settled();
    printf("needs_linux: %" PRIu32 " rounds of %u claimers, second need reserved %" PRIu32
           " times, %" PRIu32 " wrong\n",
           rounds, CLAIMERS, reserved, wrongs);
    return wrongs == 0 ? 0 : 1;
}
