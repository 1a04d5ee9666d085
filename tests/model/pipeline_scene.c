/* pipeline_scene.c: lays a board in memory, twice, and starts a manager as a seed decides.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_trial.h"

#include <stdalign.h>
#include <string.h>

#ifdef TEST_HAS_PSRAM
#define IN_SLOW_RAM __attribute__((section(".psram")))
#else
#define IN_SLOW_RAM
#endif

#define SCENE_STEP 64u

typedef struct scene_memory {
    alignas(4096) uint8_t bytes[PIPELINE_BOARD_MEMORY];
    alignas(64) uint8_t beside[PIPELINE_BOARD_BESIDE];
} scene_memory_t;

/* Regions as the manager has them, and their twins. */
static scene_memory_t scene_memories[2] IN_SLOW_RAM;

typedef struct scene_place {
    uint32_t at; /* bytes used of the memory */
    uint32_t beside_at;
} scene_place_t;

/* --- memory ----------------------------------------------------------------------------------- */

/* Gives a region its memory. The first two of a board are neighbours without a gap. */
static void scene_lay(berth_region_t *region, scene_place_t *place, uint32_t index, bool is_twin)
{
    scene_memory_t *memory = &scene_memories[is_twin ? 1 : 0];
    if (index != 1) {
        place->at += 4u * index + 8u;
    }
    region->base = memory->bytes + place->at;
    place->at += region->size;
    if (region->beside_size != 0) {
        region->beside_size = region->engine->beside_size(region);
        region->beside = memory->beside + place->beside_at;
        place->beside_at += (region->beside_size + SCENE_STEP - 1u) & ~(SCENE_STEP - 1u);
    }
}

static void scene_alias(pipeline_trial_t *trial, berth_region_t *region, uint32_t index)
{
    if (region->alias_count == 0) {
        return;
    }
    trial->aliases[index] =
        (berth_window_t){.base = 0xA0000000u + 0x100000u * index, .size = region->size / 4u * 3u};
    region->aliases = &trial->aliases[index];
}

/* --- policy ----------------------------------------------------------------------------------- */

static void scene_budgets(pipeline_trial_t *trial, berth_region_t *region, uint32_t index)
{
    random_source_t *random = &trial->random;
    if (random_percent(random, 20)) {
        return;
    }
    /* Odd limits, or such as what blocks take may come to exactly. */
    const uint32_t step = random_percent(random, 70) ? 16u : 1u;
    for (uint32_t owner = 0; owner < trial->board->owner_count; owner++) {
        const uint32_t hard = random_between(random, region->size / 16u, region->size);
        berth_budget_t *budget = &trial->budgets[index][owner];
        budget->hard = random_percent(random, 60) ? hard / step * step : 0;
        budget->soft =
            random_percent(random, 60) ? random_between(random, step, hard) / step * step : 0;
    }
    region->budgets = trial->budgets[index];
}

/* A floor has users by name, by what they need, by both or none. */
static berth_floor_t scene_floor(pipeline_trial_t *trial, const berth_region_t *region,
                                 berth_owner_t *users)
{
    random_source_t *random = &trial->random;
    const uint32_t count = random_below(random, PIPELINE_USERS + 1u);
    for (uint32_t i = 0; i < count; i++) {
        users[i] = random_percent(random, 10)
                       ? BERTH_OTHERS
                       : (berth_owner_t)random_between(random, 1, trial->board->owner_count - 1u);
    }
    berth_caps_t caps = 0;
    for (uint32_t i = 0; trial->board->wishes[i] != 0; i++) {
        caps = random_percent(random, 25) ? trial->board->wishes[i] : caps;
    }
    return (berth_floor_t){.bytes = random_log(random, region->size / 4u),
                           .caps = random_percent(random, 60) ? caps : 0,
                           .owners = random_percent(random, 80) ? users : NULL};
}

static void scene_floors(pipeline_trial_t *trial, berth_region_t *region, uint32_t index)
{
    random_source_t *random = &trial->random;
    const uint32_t count =
        random_percent(random, 60) ? 0 : random_below(random, PIPELINE_FLOORS + 1u);
    for (uint32_t i = 0; i < count; i++) {
        trial->floors[index][i] = scene_floor(trial, region, trial->users[index][i]);
    }
    region->floors = count != 0 || random_percent(random, 10) ? trial->floors[index] : NULL;
}

static const berth_owner_t *scene_scrubbed(pipeline_trial_t *trial)
{
    random_source_t *random = &trial->random;
    if (trial->is_calm || random_percent(random, 40)) {
        return NULL;
    }
    const uint32_t last = trial->board->owner_count - 1u;
    trial->scrubbed[0] = (berth_owner_t)random_between(random, 1, last);
    trial->scrubbed[1] = random_percent(random, 50) ? BERTH_OTHERS : 0;
    return trial->scrubbed;
}

static void scene_configure(pipeline_trial_t *trial)
{
    static const uint16_t rooms[] = {0, 8, 9, 10, 16, 33, 64, 100, 255, 256};
    static const uint8_t failures[] = {0, 0, 1, 2, 3, 5, 8, BERTH_FAILURES_MOST};
    random_source_t *random = &trial->random;
    const uint16_t skip = (uint16_t)random_below(random, 1u << BERTH_EVENT_KINDS);
    trial->config =
        (berth_config_t){.port = &trial->port.port,
                         .regions = trial->regions,
                         .accounts = trial->accounts,
                         .scrubbed = scene_scrubbed(trial),
                         .events = trial->events,
                         .event_count = rooms[random_below(random, 10)],
                         .event_skip = random_percent(random, 30) ? skip : BERTH_SKIP_NONE,
                         .region_count = trial->board->region_count,
                         .owner_count = trial->board->owner_count,
                         .is_lenient = random_percent(random, 30),
                         .failure_count = failures[random_below(random, sizeof failures)],
                         .failures = trial->failures};
    for (uint32_t i = 0; i < sizeof trial->failures; i++) { /* as memory is after a cold start */
        ((uint8_t *)trial->failures)[i] = (uint8_t)random_next(random);
    }
}

/* --- start ------------------------------------------------------------------------------------ */

static void scene_add_twin(pipeline_trial_t *trial, const berth_region_t *twin, uint32_t index)
{
    const bool is_started = pipeline_add(&trial->model, &trial->regions[index], twin) != NULL;
    pipeline_trial_expect(trial, "the twin starts", true, is_started);
}

static void scene_lay_board(pipeline_trial_t *trial)
{
    scene_place_t places[2] = {{0, 0}, {0, 0}};
    for (uint32_t i = 0; i < trial->board->region_count; i++) {
        berth_region_t *region = &trial->regions[i];
        berth_region_t twin = trial->board->regions[i];
        *region = trial->board->regions[i];
        scene_lay(region, &places[0], i, false);
        scene_lay(&twin, &places[1], i, true);
        scene_alias(trial, region, i);
        scene_budgets(trial, region, i);
        scene_floors(trial, region, i);
        if (random_percent(&trial->random, 25)) {
            region->accounts = trial->own_accounts[i];
        }
        scene_add_twin(trial, &twin, i);
    }
}

/* Three managers in four are started; the others start by themselves with the first allocation. */
static void scene_start_manager(pipeline_trial_t *trial)
{
    trial->berth = (berth_t){.config = &trial->config};
    if (random_percent(&trial->random, 25)) {
        const berth_request_t first = {.size = 24, .site = 1};
        pipeline_trial_alloc(trial, &first, PIPELINE_LONG);
        return;
    }
    trial->berth.config = NULL;
    const berth_status_t status = berth_start(&trial->berth, &trial->config);
    pipeline_trial_expect_status(trial, "the manager starts", BERTH_OK, status);
}

void pipeline_trial_start(pipeline_trial_t *trial, const pipeline_board_t *board, uint32_t seed)
{
    const bool is_traced = trial->is_traced;
    memset(trial, 0, sizeof *trial);
    memset(scene_memories, 0, sizeof scene_memories);
    trial->is_traced = is_traced;
    trial->board = board;
    trial->call = "start";
    trial->random = random_from(seed ^ 0x5CE2Eu);
    trial->is_calm = random_percent(&trial->random, 40);
    pipeline_port_start(&trial->port);
    if (random_percent(&trial->random, 30)) {
        trial->port.port.clock_mask = 0;
    }
    scene_configure(trial);
    pipeline_start(&trial->model, &trial->config);
    for (uint32_t i = 1; i < PIPELINE_CONTEXTS; i++) {
        static const char *const names[PIPELINE_CONTEXTS] = {NULL, "one", NULL, "isr"};
        trial->contexts[i].name = trial->model.contexts[i].name = names[i];
    }
    trial->contexts[PIPELINE_CONTEXTS - 1u].guards = BERTH_GUARD_ISR;
    trial->model.contexts[PIPELINE_CONTEXTS - 1u].guards = BERTH_GUARD_ISR;
    scene_lay_board(trial);
    pipeline_trial_pass(trial, random_below(&trial->random, 1u << 19));
    scene_start_manager(trial);
    pipeline_trial_compare(trial);
}

/* --- at run time ------------------------------------------------------------------------------ */

void pipeline_trial_carve(pipeline_trial_t *trial, uint32_t index, const berth_region_t *settings)
{
    const uint8_t added = trial->model.region_count;
    const pipeline_block_t block = trial->model.blocks[index];
    const pipeline_region_t *outer = &trial->model.regions[block.region];
    if (trial->failed || added == PIPELINE_REGIONS) {
        return;
    }
    trial->call = "region_add";
    trial->steps++;
    berth_region_t *region = &trial->regions[added];
    *region = *settings;
    region->base = pipeline_real_bytes(&trial->model, index);
    region->address = outer->twin.address + block.offset;
    region->size = block.size & ~3u;
    berth_region_t twin = *region;
    twin.base = pipeline_twin_bytes(&trial->model, index);
    scene_budgets(trial, region, added);
    scene_floors(trial, region, added);
    region->accounts = trial->own_accounts[added];
    scene_add_twin(trial, &twin, added);
    pipeline_announce(&trial->model, added);
    trial->carved++;
    const berth_status_t status = berth_region_add(&trial->berth, region);
    pipeline_trial_expect_status(trial, "status of region_add", BERTH_OK, status);
    pipeline_trial_compare(trial);
}

const uint8_t *pipeline_trial_beside(bool is_twin)
{
    return scene_memories[is_twin ? 1 : 0].beside;
}

const uint8_t *pipeline_trial_memory(bool is_twin)
{
    return scene_memories[is_twin ? 1 : 0].bytes;
}
