/* scene.c: a well-used region between two pages that may not be touched.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scene.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

static sigjmp_buf scene_way_out;
static volatile sig_atomic_t scene_is_at_risk; /* a deed is being done */

static uint32_t scene_pages(uint32_t size)
{
    return (size + PAGE - 1u) & ~(PAGE - 1u);
}

/* Memory whose last byte is the last before a forbidden page; the page before it is forbidden too.
 * */
static uint8_t *scene_map(uint32_t size)
{
    const uint32_t pages = scene_pages(size);
    uint8_t *low = mmap(NULL, pages + 2u * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (low == MAP_FAILED || mprotect(low + PAGE, pages, PROT_READ | PROT_WRITE) != 0) {
        perror("scene: no memory");
        exit(2);
    }
    return low + PAGE + (pages - size);
}

static void scene_unmap(uint8_t *memory, uint32_t size)
{
    const uint32_t pages = scene_pages(size);
    (void)munmap(memory - (pages - size) - PAGE, pages + 2u * PAGE);
}

static bool scene_start(scene_t *scene, const shape_t *shape)
{
    scene->region = (berth_region_t){.name = shape->name,
                                     .engine = scene->engine,
                                     .address = shape->address,
                                     .size = shape->size,
                                     .granule = shape->granule,
                                     .align = shape->align};
    scene->memory = scene_map(shape->size);
    scene->size = shape->size;
    scene->region.base = scene->memory;
    if (shape->book != SHAPE_BOOK_INSIDE) {
        scene->region.beside_size = scene->engine->beside_size(&scene->region);
        scene->region.beside = scene_map(scene->region.beside_size);
        scene->memory = scene->region.beside;
        scene->size = scene->region.beside_size;
    }
    scene->saved = malloc(scene->size);
    return scene->saved != NULL && scene->engine->start(&scene->region) == BERTH_OK;
}

static void scene_list(scene_t *scene)
{
    scene->count = 0;
    uint32_t cursor = BERTH_WALK_START;
    while (cursor != BERTH_NOWHERE && scene->count < SCENE_BLOCKS) {
        const berth_block_t block = scene->engine->walk(&scene->region, cursor);
        scene->blocks[scene->count++] = block;
        cursor = block.next;
    }
}

/* So that what lies in free memory later is not all zeros. */
static void scene_scribble(scene_t *scene, uint32_t offset, uint32_t size)
{
    uint8_t *bytes = scene->region.base;
    for (uint32_t at = 0; offset != BERTH_NOWHERE && at < size; at++) {
        bytes[offset + at] = (uint8_t)random_next(&scene->random);
    }
}

static void scene_fill(scene_t *scene, uint32_t size_max, uint32_t percent)
{
    const uint32_t goal = (uint32_t)((uint64_t)scene->region.size * percent / 100u);
    uint32_t taken = 0;
    for (uint32_t tries = 0; tries < SCENE_BLOCKS / 2u && taken < goal; tries++) {
        const uint32_t size = random_log(&scene->random, size_max);
        const berth_tag_t word = random_percent(&scene->random, 5) ? BERTH_TAG_WORD : 0u;
        const berth_tag_t tag = word | random_between(&scene->random, 1, BERTH_OTHERS);
        const berth_grant_t grant = scene->engine->alloc(&scene->region, size, 0, tag);
        taken += grant.size;
        scene_scribble(scene, grant.offset, size);
    }
}

static void scene_thin(scene_t *scene, uint32_t percent)
{
    scene_list(scene);
    for (uint32_t i = 0; i < scene->count; i++) {
        if (scene->blocks[i].owner != BERTH_NO_OWNER && random_percent(&scene->random, percent)) {
            (void)scene->engine->free(&scene->region, scene->blocks[i].offset);
        }
    }
}

static void scene_escape(int signal_number)
{
    if (!scene_is_at_risk) { /* a fault of the test's own */
        (void)signal(signal_number, SIG_DFL);
        return;
    }
    siglongjmp(scene_way_out, 1);
}

/* Left in place from the first scene on; the signal is not masked, so that escaping is cheap. */
static void scene_watch(void)
{
    const struct sigaction escape = {.sa_handler = scene_escape, .sa_flags = SA_NODEFER};
    (void)sigaction(SIGSEGV, &escape, NULL);
    (void)sigaction(SIGBUS, &escape, NULL);
}

bool scene_set(scene_t *scene, const shape_t *shape, const berth_engine_t *engine,
               uint32_t size_max, uint32_t seed)
{
    scene_watch();
    memset(scene, 0, sizeof *scene);
    scene->engine = engine;
    scene->random = random_from(seed);
    if (!scene_start(scene, shape)) {
        return false;
    }
    for (uint32_t wave = 0; wave < 3; wave++) {
        scene_fill(scene, size_max, wave == 0 ? 95 : 25);
        scene_thin(scene, 25);
    }
    scene_list(scene);
    scene_save(scene);
    return true;
}

void scene_strike(scene_t *scene)
{
    scene_unmap(scene->region.base, scene->region.size);
    if (scene->region.beside != NULL) {
        scene_unmap(scene->region.beside, scene->region.beside_size);
    }
    free(scene->saved);
}

void scene_save(scene_t *scene)
{
    memcpy(scene->saved, scene->memory, scene->size);
}

void scene_restore(scene_t *scene)
{
    memcpy(scene->memory, scene->saved, scene->size);
}

bool scene_is_as_saved(const scene_t *scene)
{
    return memcmp(scene->memory, scene->saved, scene->size) == 0;
}

bool scene_survives(void (*deed)(scene_t *scene), scene_t *scene)
{
    const bool survived = sigsetjmp(scene_way_out, 0) == 0;
    if (survived) {
        scene_is_at_risk = 1;
        deed(scene);
    }
    scene_is_at_risk = 0;
    return survived;
}
