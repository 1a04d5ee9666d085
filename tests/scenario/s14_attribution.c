/* s14_attribution.c: is every byte somebody's, at any time, whoever frees it and whoever is gone?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S14. Tasks come and go, and their handles are used again; they free and resize each
 * other's blocks; scopes nest; owners end. Control: esp-idf #18723, where what a task uses is kept
 * by its handle. When a task ends and a new one gets its handle, there are two entries of it, and
 * realloc() took the old size off both: the dead one's usage became negative.
 */
#include "scene_core.h"

#include "random.h"

#include <string.h>

#define OPS 1000000u
#define TASKS 8u
#define SCOPES 4u
#define BLOCKS 300u
#define RETIRED 12u /* owners that end in the course of a run */

static berth_t *const berth = &scene.berth;
static berth_region_t *const first = &scene.regions[0];

/* A block, and what the test knows of it without asking. */
typedef struct known {
    uint8_t *block; /* NULL: there is none */
    uint32_t site;  /* of the call that allocated it where it is */
    berth_owner_t owner;
} known_t;

/* A task: what the port hands out is its handle, and used again when another one starts. */
typedef struct task {
    berth_context_t context;
    berth_owner_t before[SCOPES]; /* what each push returned */
    berth_owner_t owners[SCOPES + 1];
    uint32_t depth;
} task_t;

static known_t known[BLOCKS];
static task_t tasks[TASKS];
static uint32_t live[SCENE_OWNERS]; /* bytes of both regions, by owner; 0: the others' */
static uint32_t sites;              /* given out so far */
static uint32_t retired_count;

/* Where blocks came from, as the events told: by granule of each region. */
static uint32_t told_sites[2][131072u / 4u];

static void attribution_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    memset(known, 0, sizeof known);
    memset(tasks, 0, sizeof tasks);
    memset(live, 0, sizeof live);
    memset(told_sites, 0, sizeof told_sites);
    sites = retired_count = 0;
    for (uint32_t i = 0; i < TASKS; i++) {
        tasks[i].owners[0] = BERTH_OTHERS;
    }
}

/* --- what must hold after every call --------------------------------------------------------- */

static uint32_t slot_of(berth_owner_t owner)
{
    return owner == BERTH_OTHERS ? 0 : owner;
}

static void assert_attributed(void)
{
    for (uint32_t region = 0; region < 2; region++) {
        const berth_account_t *accounts = scene.accounts[region];
        uint32_t sum = 0;
        for (uint32_t i = 0; i < SCENE_OWNERS; i++) {
            assert_true(accounts[i].live <= scene.regions[region].size); /* not negative */
            sum += accounts[i].live;
        }
        assert_int_equal(sum, scene_used(&scene.regions[region]));
    }
}

static void assert_all_known(void)
{
    for (uint32_t i = 0; i < SCENE_OWNERS; i++) {
        assert_int_equal(scene.accounts[0][i].live + scene.accounts[1][i].live, live[i]);
    }
}

/* Remembers where blocks were allocated, from the events alone. */
static void events_read(void)
{
    for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
        const bool is_grant = event.kind == BERTH_EVENT_ALLOC || event.kind == BERTH_EVENT_FALLBACK;
        if (is_grant && event.status == BERTH_OK) {
            told_sites[event.region][event.offset / 4u] = event.site;
        }
    }
    assert_int_equal(berth_lost(berth), 0);
}

/* --- the calls ------------------------------------------------------------------------------- */

static task_t *task_run(random_source_t *random)
{
    task_t *task = &tasks[random_below(random, TASKS)];
    scene.running = &task->context;
    return task;
}

static void block_alloc(random_source_t *random, known_t *entry)
{
    const task_t *task = task_run(random);
    const berth_owner_t named =
        random_percent(random, 30) ? (berth_owner_t)random_between(random, 1, SCENE_OWNERS - 1) : 0;
    const berth_request_t request = {.size = random_log(random, 900),
                                     .needed = random_percent(random, 30) ? BERTH_CAP_EXTERNAL : 0,
                                     .owner = named,
                                     .site = ++sites};
    const berth_owner_t owner = named != 0 ? named : task->owners[task->depth];
    entry->block = berth_alloc(berth, &request);
    assert_true(entry->block == NULL || !berth_owner_is_retired(berth, owner));
    entry->site = sites;
    entry->owner = owner;
    live[slot_of(owner)] += berth_about(berth, entry->block).taken;
}

/* By whichever task comes along. */
static void block_free(random_source_t *random, known_t *entry)
{
    (void)task_run(random);
    live[slot_of(entry->owner)] -= berth_about(berth, entry->block).taken;
    berth_free(berth, entry->block);
    entry->block = NULL;
}

static void block_resize(random_source_t *random, known_t *entry)
{
    (void)task_run(random);
    const berth_request_t request = {.size = random_log(random, 900),
                                     .needed = random_percent(random, 20)   ? BERTH_CAP_INTERNAL
                                               : random_percent(random, 20) ? BERTH_CAP_EXTERNAL
                                                                            : 0,
                                     .site = ++sites};
    const uint32_t before = berth_about(berth, entry->block).taken;
    uint8_t *resized = berth_resize(berth, entry->block, &request);
    if (resized == NULL) {
        return;
    }
    assert_false(berth_owner_is_retired(berth, entry->owner));
    entry->site = resized != entry->block ? sites : entry->site;
    entry->block = resized;
    live[slot_of(entry->owner)] += berth_about(berth, resized).taken - before;
}

static void block_give(random_source_t *random, known_t *entry)
{
    (void)task_run(random);
    const berth_owner_t owner = (berth_owner_t)random_between(random, 1, SCENE_OWNERS - 1);
    if (berth_give(berth, entry->block, owner) == BERTH_OK) {
        const uint32_t taken = berth_about(berth, entry->block).taken;
        live[slot_of(entry->owner)] -= taken;
        live[slot_of(owner)] += taken;
        entry->owner = owner;
    }
}

static void scope_change(random_source_t *random)
{
    task_t *task = task_run(random);
    if (task->depth < SCOPES && random_percent(random, 50)) {
        const berth_owner_t owner = (berth_owner_t)random_between(random, 1, SCENE_OWNERS - 1);
        task->before[task->depth++] = berth_owner_push(berth, owner);
        task->owners[task->depth] = owner;
    } else if (task->depth != 0) {
        berth_owner_pop(berth, task->before[--task->depth]);
    }
}

/* A task ends in the middle of its scopes, with blocks; the next one gets its handle. */
static void task_replace(random_source_t *random)
{
    task_t *task = task_run(random);
    memset(task, 0, sizeof *task);
    task->owners[0] = BERTH_OTHERS;
}

static void owner_end(void)
{
    if (retired_count < RETIRED) {
        assert_int_equal(berth_owner_retire(berth, (berth_owner_t)++retired_count), BERTH_OK);
    }
}

static void op_do(random_source_t *random, uint32_t op)
{
    known_t *entry = &known[random_below(random, BLOCKS)];
    const uint32_t what = random_below(random, 100);
    if (op % (OPS / 16) == OPS / 32) {
        owner_end();
    } else if (what < 10) {
        scope_change(random);
    } else if (what < 12) {
        task_replace(random);
    } else if (entry->block == NULL) {
        block_alloc(random, entry);
    } else if (what < 40) {
        block_resize(random, entry);
    } else if (what < 50) {
        block_give(random, entry);
    } else {
        block_free(random, entry);
    }
}

/* --- orphans --------------------------------------------------------------------------------- */

static const known_t *known_at(const uint8_t *block)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (known[i].block == block) {
            return &known[i];
        }
    }
    fail_msg("a block that nobody allocated");
    return NULL;
}

/* Lists a region's orphans; each must be one that the test knows, with its owner and its site. */
static uint32_t orphans_listed(uint32_t index)
{
    const berth_region_t *region = &scene.regions[index];
    berth_walk_t walk = {.region = &scene.regions[index]};
    berth_block_t blocks[16];
    uint32_t orphans = 0;
    while (walk.cursor != BERTH_NOWHERE) {
        const uint32_t count = berth_walk(berth, &walk, blocks, 16);
        for (uint32_t i = 0; i < count; i++) {
            if (berth_owner_is_retired(berth, blocks[i].owner)) {
                const known_t *entry = known_at((uint8_t *)region->base + blocks[i].offset);
                assert_int_equal(blocks[i].owner, entry->owner);
                assert_int_equal(told_sites[index][blocks[i].offset / 4u], entry->site);
                orphans++;
            }
        }
    }
    return orphans;
}

/* Compares the list with what the test knows. Returns how many there are. */
static uint32_t assert_orphans_listed(void)
{
    uint32_t expected = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        expected += known[i].block != NULL && berth_owner_is_retired(berth, known[i].owner);
    }
    events_read();
    assert_int_equal(orphans_listed(0) + orphans_listed(1), expected);
    return expected;
}

static void test_every_byte_is_somebodys_in_a_million_calls(void **state)
{
    (void)state;
    attribution_start();
    random_source_t random = random_from(14);
    uint32_t orphans = 0;
    for (uint32_t op = 0; op < OPS; op++) {
        op_do(&random, op);
        assert_attributed();
        if (op % 64 == 0) {
            assert_all_known();
            events_read();
        }
        if (op % 10000 == 0) {
            orphans += assert_orphans_listed();
        }
    }
    assert_all_known();
    assert_int_equal(retired_count, RETIRED);
    assert_true(orphans != 0);
}

/* --- by hand --------------------------------------------------------------------------------- */

static void *alloc_as(task_t *task, size_t size, berth_owner_t owner)
{
    scene.running = &task->context;
    const berth_owner_t before = berth_owner_push(berth, owner);
    void *block = berth_malloc(berth, size, 0);
    berth_owner_pop(berth, before);
    assert_non_null(block);
    return block;
}

static uint32_t held_by(berth_owner_t owner)
{
    return berth_account(berth, first, owner).live;
}

static void test_a_block_that_another_task_frees_is_refunded_to_its_owner(void **state)
{
    (void)state;
    attribution_start();
    void *block = alloc_as(&tasks[0], 100, LVGL);
    void *other = alloc_as(&tasks[1], 200, WIFI);
    const uint32_t wifis = held_by(WIFI);
    scene.running = &tasks[1].context;
    const berth_owner_t before = berth_owner_push(berth, WIFI);
    berth_free(berth, block);
    berth_owner_pop(berth, before);
    assert_int_equal(held_by(LVGL), 0);
    assert_int_equal(held_by(WIFI), wifis);
    assert_int_equal(berth_about(berth, other).owner, WIFI);
}

static void test_a_block_that_another_task_resizes_keeps_its_owner(void **state)
{
    (void)state;
    attribution_start();
    void *block = alloc_as(&tasks[0], 100, LVGL);
    (void)alloc_as(&tasks[0], 8, TLS); /* so that it must move */
    scene.running = &tasks[1].context;
    const berth_owner_t before = berth_owner_push(berth, WIFI);
    block = berth_realloc(berth, block, 400);
    berth_owner_pop(berth, before);
    assert_int_equal(held_by(LVGL), berth_about(berth, block).taken);
    assert_int_equal(held_by(WIFI), 0);
}

/* Control: what each task uses, in a list by handle; a task that ended stays in it. */
typedef struct naive_entry {
    const void *handle;
    int32_t usage;
} naive_entry_t;

static void naive_realloc(naive_entry_t *entries, uint32_t count, const void *handle,
                          int32_t before, int32_t after)
{
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].handle == handle) {
            entries[i].usage -= before; /* of the dead one, too */
        }
    }
    entries[count - 1].usage += after;
}

static void test_esp_idf_18723_control_uses_less_than_nothing(void **state)
{
    (void)state;
    naive_entry_t entries[2] = {{.handle = &tasks[0], .usage = 100}};
    entries[0].usage -= 100; /* it frees its block, and ends */
    entries[1] = (naive_entry_t){.handle = &tasks[0], .usage = 400};
    naive_realloc(entries, 2, &tasks[0], 400, 500);
    assert_int_equal(entries[1].usage, 500);
    assert_int_equal(entries[0].usage, -400);
}

static void test_esp_idf_18723_a_handle_that_is_used_again_takes_nothing_off_the_dead(void **state)
{
    (void)state;
    attribution_start();
    void *left = alloc_as(&tasks[0], 60, LVGL);
    berth_free(berth, alloc_as(&tasks[0], 100, LVGL));
    const uint32_t lvgls = held_by(LVGL);
    memset(&tasks[0], 0, sizeof tasks[0]); /* the task ends, and another gets its handle */
    void *block = alloc_as(&tasks[0], 400, WIFI);
    assert_int_equal(berth_owner_retire(berth, LVGL), BERTH_OK);
    for (size_t size = 500; size < 5000; size += 300) {
        block = berth_realloc(berth, block, size);
        assert_int_equal(held_by(LVGL), lvgls);
        assert_int_equal(held_by(WIFI), berth_about(berth, block).taken);
        assert_attributed();
    }
    berth_free(berth, left);
    assert_int_equal(held_by(LVGL), 0);
}

/* --- and when all is well --------------------------------------------------------------------- */

static void test_a_healthy_run_has_no_orphans(void **state)
{
    (void)state;
    attribution_start();
    random_source_t random = random_from(41);
    for (uint32_t round = 0; round < 200; round++) {
        void *mine[10];
        const berth_owner_t owner = (berth_owner_t)(1 + round % 20);
        for (uint32_t i = 0; i < 10; i++) {
            mine[i] = alloc_as(&tasks[i % TASKS], random_between(&random, 1, 500), owner);
        }
        for (uint32_t i = 0; i < 10; i++) {
            scene.running = &tasks[(i + round) % TASKS].context;
            berth_free(berth, mine[i]);
        }
        memset(&tasks[round % TASKS], 0, sizeof tasks[0]);
        if (round >= 180) { /* its last round: it has freed all */
            assert_int_equal(berth_owner_retire(berth, owner), BERTH_OK);
        }
        assert_int_equal(orphans_listed(0) + orphans_listed(1), 0);
        for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
            assert_int_equal(event.status, BERTH_OK);
        }
    }
    assert_int_equal(scene_used(first), 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
    assert_int_equal(berth_refusals(berth), 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_is_somebodys_in_a_million_calls),
        cmocka_unit_test(test_a_block_that_another_task_frees_is_refunded_to_its_owner),
        cmocka_unit_test(test_a_block_that_another_task_resizes_keeps_its_owner),
        cmocka_unit_test(test_esp_idf_18723_control_uses_less_than_nothing),
        cmocka_unit_test(test_esp_idf_18723_a_handle_that_is_used_again_takes_nothing_off_the_dead),
        cmocka_unit_test(test_a_healthy_run_has_no_orphans),
    };
    return SCENE_RUN(tests);
}
