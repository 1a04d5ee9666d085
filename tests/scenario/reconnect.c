/* reconnect.c: days of a sensor that loses its connection: what scenario S3 looks at.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reconnect.h"

#include "tlsf_model.h"

#define SRAM_SIZE (192u * 1024u)

/* Who else there is. */
#define APP LVGL
#define QUEUE WIFI
#define WEB 5u
#define CACHE 6u

#define APP_BYTES (90u * 1024u) /* held from the start on */
#define FULL (138u * 1024u)     /* bytes requested by others, at which documents are put off */
#define READINGS 10u
#define ENTRY_LIFE 12u /* cycles at most */
#define BLOCKS 1200u

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram = &scene.regions[0];

/* A block of somebody's, and when it ends: cycle * PHASES + phase. */
typedef struct block {
    void *memory; /* NULL: it was refused */
    uint32_t size;
    uint32_t until;
} block_t;

static block_t blocks[BLOCKS];
static uint32_t block_count;
static uint32_t block_bytes; /* requested: the same in each run of a seed */
day_t day;
bool is_modelled;

/* --- the heap: the manager's, or a TLSF model's ----------------------------------------------- */

static tlsf_model_t model;

static void *heap_alloc(const berth_request_t *request)
{
    if (!is_modelled) {
        return berth_alloc(berth, request);
    }
    const uint32_t offset = tlsf_model_alloc(&model, (uint32_t)request->size);
    return offset == TLSF_MODEL_NOWHERE ? NULL : (uint8_t *)sram->base + offset;
}

static void heap_free(void *block)
{
    if (!is_modelled) {
        berth_free(berth, block);
    } else if (block != NULL) {
        const uintptr_t offset = (uintptr_t)block - (uintptr_t)sram->base;
        assert_true(tlsf_model_free(&model, (uint32_t)offset));
    }
}

static uint32_t heap_room(void)
{
    return is_modelled ? tlsf_model_room(&model) : scene_room(sram);
}

/* --- everybody else --------------------------------------------------------------------------- */

static void block_add(uint32_t size, berth_owner_t owner, uint32_t until)
{
    const berth_request_t request = {.size = size, .owner = owner};
    assert_true(block_count < BLOCKS);
    void *memory = heap_alloc(&request);
    day.others += memory == NULL;
    blocks[block_count++] = (block_t){.memory = memory, .size = size, .until = until};
    block_bytes += size;
}

void blocks_expire(uint32_t now)
{
    for (uint32_t i = 0; i < block_count;) {
        if (blocks[i].until <= now) {
            heap_free(blocks[i].memory);
            block_bytes -= blocks[i].size;
            blocks[i] = blocks[--block_count];
        } else {
            i++;
        }
    }
}

/* Offline: readings queue up. Most are sent at once when there is a connection again, some wait
 * for an acknowledgement, for some cycles. */
void cycle_offline(random_source_t *random, uint32_t now)
{
    const uint32_t count = random_between(random, READINGS / 2, READINGS);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t size = random_between(random, 200, 2500);
        const bool waits = random_percent(random, 10);
        const uint32_t cycles = waits ? random_between(random, 1, ENTRY_LIFE) : 0;
        block_add(size, QUEUE, waits ? now + PHASES * cycles : now + SENT);
    }
}

/* Online: documents, until there are enough of them; and entries of caches between. */
void cycle_online(random_source_t *random, uint32_t now)
{
    while (block_bytes < FULL) {
        block_add(random_between(random, 100, 2000), WEB, now + END);
        if (random_percent(random, 80)) {
            const uint32_t size = random_log(random, 600) + 15;
            block_add(size, CACHE, now + PHASES * random_between(random, 1, ENTRY_LIFE));
        }
    }
}

/* --- TLS -------------------------------------------------------------------------------------- */

static const berth_item_t items[] = {{.request = {.size = TLS_SIZE, .needed = INSIDE}, .count = 2}};
static berth_piece_t pieces[2];
berth_need_t tls;
const berth_request_t buffer = {.size = TLS_SIZE, .needed = INSIDE, .owner = TLS};

void connect_plainly(void *session[2])
{
    session[0] = heap_alloc(&buffer);
    session[1] = session[0] == NULL ? NULL : heap_alloc(&buffer);
}

/* --- a day ------------------------------------------------------------------------------------ */

void day_start(random_source_t *random)
{
    static berth_region_t large;
    large = scene_sram;
    large.size = SRAM_SIZE;
    SCENE_LAY(&large);
    scene_start();
    day = (day_t){0};
    tls = (berth_need_t){.name = "tls",
                         .items = items,
                         .pieces = pieces,
                         .item_count = 1,
                         .piece_count = 2,
                         .owner = TLS};
    tlsf_model_start(&model, sram->capacity, 5);
    block_count = block_bytes = 0;
    while (block_bytes < APP_BYTES) {
        block_add(random_log(random, 2000) + 15, APP, UINT32_MAX);
    }
}

static void failure_note(uint32_t cycle, uint32_t room)
{
    day.failures++;
    day.with_much_free += room > MUCH;
    if (day.failures == 1) {
        day.first = cycle;
        day.first_free = room;
    }
}

static void cycle_run(random_source_t *random, const measure_t *measure, uint32_t cycle)
{
    const uint32_t now = cycle * PHASES;
    void *session[2];
    blocks_expire(now);
    cycle_offline(random, now);
    blocks_expire(now + CONNECT);
    const uint32_t room = heap_room();
    measure->connect(session);
    if (session[0] == NULL || session[1] == NULL) {
        failure_note(cycle, room);
        heap_free(session[0]);
        session[0] = session[1] = NULL;
        if (measure->stops) {
            return;
        }
    }
    cycle_online(random, now);
    blocks_expire(now + END);
    heap_free(session[0]);
    heap_free(session[1]);
}

void day_run(const measure_t *measure, uint32_t seed)
{
    random_source_t random = random_from(seed);
    day_start(&random);
    if (measure->prepare != NULL) {
        measure->prepare();
    }
    for (uint32_t cycle = 1; cycle <= CYCLES; cycle++) {
        cycle_run(&random, measure, cycle);
        assert_int_equal(berth_account(berth, sram, TLS).live, day.cost);
        if (measure->stops && day.failures != 0) {
            return;
        }
    }
}
