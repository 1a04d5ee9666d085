/* low_threads.c: low water, and bytes by site, while threads allocate in several regions at once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every window and table is looked at whenever the tables' lock is given back, from within it: that
 * is the order in which changes were told. The least of what the regions told must be what the
 * windows have; when all is quiet, sums must be those of the regions. Under ThreadSanitizer this
 * also shows that nothing is read without a lock.
 */
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/low.h"
#include "berth/pool.h"
#include "berth/site.h"
#include "port_linux.h"

#include "options.h"
#include "random.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>

#define THREADS 4u
#define BLOCKS 40u
#define OWNERS 8u
#define REGIONS 3u
#define ROWS 64u

static alignas(64) uint8_t memory[REGIONS][32768];
static const berth_pool_config_t pool = {.block_size = 64};
static berth_account_t accounts[REGIONS * OWNERS];
static berth_event_t events[64];
static berth_t berth;
static berth_region_t regions[REGIONS] = {
    {.engine = &berth_fit_engine,
     .base = memory[0],
     .size = 16384,
     .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT}},
    {.engine = &berth_fit_engine,
     .base = memory[1],
     .size = 32768,
     .is_slow = true,
     .caps = {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL | BERTH_CAP_DEFAULT}},
    {.engine = &berth_pool_engine,
     .base = memory[2],
     .size = 8192,
     .config = &pool,
     .caps = {BERTH_CAP_BYTES | BERTH_CAP_PLACE(0)}},
};

static uint32_t held[OWNERS];
static berth_low_t joint = {.caps = BERTH_CAP_BYTES, .held = held};
static berth_low_t alone = {.region = &regions[0]};
static berth_site_block_t site_blocks[1024];
static berth_site_t site_rows[ROWS];
static berth_sites_t sites = {
    .blocks = site_blocks, .rows = site_rows, .block_count = 1024, .row_count = ROWS};

/* What was told, as it was told. */
static struct {
    bool is_on;
    uint32_t free;
    uint32_t allocatable;
} told = {.free = UINT32_MAX, .allocatable = UINT32_MAX};

static uint32_t seed = 1;
static uint32_t ops = 200000; /* of each thread */

/* --- a port that looks over the manager's shoulder -------------------------------------------- */

static void told_note(void)
{
    uint32_t free_bytes = 0;
    uint32_t allocatable = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        free_bytes += regions[i].capacity - regions[i].told_live;
        allocatable =
            regions[i].told_allocatable > allocatable ? regions[i].told_allocatable : allocatable;
    }
    told.free = free_bytes < told.free ? free_bytes : told.free;
    told.allocatable = allocatable < told.allocatable ? allocatable : told.allocatable;
}

static uintptr_t port_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    return berth_port_linux.lock(berth_port_linux.self, lock);
}

static void port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    if (told.is_on && lock == &berth.tables) {
        told_note();
    }
    berth_port_linux.unlock(berth_port_linux.self, lock, key);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void op_do(random_source_t *random, void **slot)
{
    static const berth_caps_t caps[] = {0, BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL,
                                        BERTH_CAP_PLACE(0)};
    const berth_request_t request = {.size = random_log(random, 400),
                                     .needed = caps[random_below(random, 4)],
                                     .owner = (berth_owner_t)random_between(random, 1, OWNERS - 1),
                                     .site = random_between(random, 1, 20)};
    if (*slot == NULL) {
        *slot = berth_alloc(&berth, &request);
    } else if (random_percent(random, 30)) {
        void *resized = berth_resize(&berth, *slot, &request);
        *slot = resized != NULL ? resized : *slot;
    } else if (!random_percent(random, 20) ||
               berth_give(&berth, *slot, request.owner) != BERTH_OK) {
        berth_free(&berth, *slot);
        *slot = NULL;
    }
}

static void *thread_run(void *number)
{
    random_source_t random = random_from(seed + *(const uint32_t *)number);
    void *blocks[BLOCKS] = {NULL};
    for (uint32_t i = 0; i < ops; i++) {
        op_do(&random, &blocks[random_below(&random, BLOCKS)]);
        if (i % 1000 == 0) { /* asking is harmless */
            const berth_low_figures_t figures = berth_low_read(&berth, &joint);
            const berth_site_t row = berth_site_at(&berth, &sites, i % ROWS);
            if (figures.free.bytes == UINT32_MAX || row.count > THREADS * BLOCKS) {
                return number; /* blames itself */
            }
        }
    }
    return NULL;
}

static bool threads_run(void)
{
    pthread_t threads[THREADS];
    uint32_t numbers[THREADS];
    bool are_fine = true;
    for (uint32_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        are_fine = pthread_create(&threads[i], NULL, thread_run, &numbers[i]) == 0 && are_fine;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        are_fine = pthread_join(threads[i], &result) == 0 && result == NULL && are_fine;
    }
    return are_fine;
}

/* --- when all is quiet ------------------------------------------------------------------------ */

static uint32_t wrong;

static void blame(bool is_wrong, const char *what)
{
    if (is_wrong) {
        printf("DIFFERENCE: %s\nreplay: low_threads --seed %" PRIu32 " --ops %" PRIu32 "\n", what,
               seed, ops);
        wrong++;
    }
}

static void quiet_verify(void)
{
    uint64_t free_bytes = 0;
    uint32_t live = 0;
    uint32_t by_site = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        free_bytes += regions[i].capacity - regions[i].total.live;
        live += regions[i].total.live;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        by_site += site_rows[i].live;
    }
    for (uint32_t i = 0; i < OWNERS; i++) {
        const uint32_t its = accounts[i].live + accounts[OWNERS + i].live;
        blame(held[i] != its + accounts[2 * OWNERS + i].live, "what an owner holds");
    }
    const berth_low_figures_t least = berth_low_read(&berth, &joint);
    blame(joint.free_now != free_bytes, "the sum of free bytes");
    blame(by_site != live, "the sum of sites");
    blame(least.free.bytes != told.free, "the least free");
    blame(least.allocatable.bytes != told.allocatable, "the least allocatable");
    blame(berth_low_read(&berth, &alone).free.bytes < regions[0].capacity - regions[0].total.peak,
          "less than a region ever had");
    blame(least.free.bytes <= berth_low_read(&berth, &alone).free.bytes, "the joint figure");
}

int main(int count, char **words)
{
    const option_t options[] = {{"--ops", &ops}, {"--seed", &seed}, {NULL, NULL}};
    for (int i = 1; i < count; i += 2) {
        uint32_t *number = option_named(options, words[i]);
        if (number == NULL || !option_read(words[i + 1], number)) {
            puts("low_threads [--ops N] [--seed N]: low water among threads. Exit: 0 fine, 1 not");
            return 2;
        }
    }
    berth_port_t port = berth_port_linux;
    port.lock = port_lock;
    port.unlock = port_unlock;
    port.log = NULL;
    const berth_config_t config = {.port = &port,
                                   .regions = regions,
                                   .accounts = accounts,
                                   .events = events,
                                   .event_count = 64,
                                   .region_count = REGIONS,
                                   .owner_count = OWNERS};
    if (berth_start(&berth, &config) != BERTH_OK || berth_low_add(&berth, &alone) != BERTH_OK ||
        berth_low_add(&berth, &joint) != BERTH_OK || berth_sites_add(&berth, &sites) != BERTH_OK) {
        puts("low_threads: it does not start");
        return 2;
    }
    told.is_on = true;
    blame(!threads_run(), "a thread");
    quiet_verify();
    printf("low_threads: %u threads, %" PRIu32 " calls each from seed %" PRIu32 ": %" PRIu32
           " differences\n",
           THREADS, ops, seed, wrong);
    return wrong != 0;
}
