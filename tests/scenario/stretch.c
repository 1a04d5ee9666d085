/* stretch.c: regions laid out as a scenario says: here a block of somebody's, there a hole.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stretch.h"

#define FILLER 2000u /* bytes of each block behind the stretches */

static void *block_alloc(const berth_region_t *region, uint32_t size, berth_owner_t owner)
{
    const berth_request_t request = {.size = size, .needed = region->caps[0], .owner = owner};
    void *block = berth_alloc(&scene.berth, &request);
    assert_true(scene_is_in(region, block));
    return block;
}

uint32_t stretch_largest(const berth_region_t *region)
{
    return region->engine->allocatable(region, 0, BERTH_OTHERS);
}

void stretch_lay(berth_region_t *region, const stretch_t *stretches, uint32_t count, void **blocks)
{
    uint8_t *end = NULL;
    assert_true(count <= STRETCHES && scene_used(region) == 0);
    for (uint32_t i = 0; i < count; i++) {
        const bool is_hole = stretches[i].owner == BERTH_NO_OWNER;
        blocks[i] =
            block_alloc(region, stretches[i].size, is_hole ? BERTH_OTHERS : stretches[i].owner);
        assert_true(end == NULL || blocks[i] == end);
        end = (uint8_t *)blocks[i] + stretches[i].size + STRETCH_HEADER;
    }
    while (stretch_largest(region) >= FILLER) {
        (void)block_alloc(region, FILLER, BERTH_OTHERS);
    }
    scene_fill(region, BERTH_OTHERS);
    for (uint32_t i = 0; i < count; i++) {
        if (stretches[i].owner == BERTH_NO_OWNER) {
            berth_free(&scene.berth, blocks[i]);
            blocks[i] = NULL;
        }
    }
}

void stretch_leave(berth_region_t *region, uint32_t size)
{
    void *hole = NULL;
    stretch_lay(region, &(stretch_t){.size = size}, 1, &hole);
    assert_int_equal(stretch_largest(region), size);
}

static void blocker_free(const berth_blocker_t *blocker)
{
    const berth_region_t *region = berth_region_at(&scene.berth, blocker->region);
    void *block = (uint8_t *)region->base + blocker->offset;
    const berth_about_t about = berth_about(&scene.berth, block);
    assert_int_equal(about.status, BERTH_OK);
    assert_int_equal(about.owner, blocker->owner);
    assert_int_equal(about.taken, blocker->taken);
    assert_int_equal(berth_try_free(&scene.berth, block), BERTH_OK);
}

/* Frees all blockers but one; `kept` may be none of them. */
static void blockers_free(const berth_blocker_t *blockers, uint32_t count, uint32_t kept)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i != kept) {
            blocker_free(&blockers[i]);
        }
    }
}

uint32_t stretch_clear(void (*lay)(void), berth_need_t *need, berth_blocker_t *blockers,
                       uint32_t capacity)
{
    lay();
    const uint32_t count = berth_blockers(&scene.berth, need, blockers, capacity);
    assert_true(count <= capacity);
    for (uint32_t kept = 0; kept <= count; kept++) { /* with none kept at last */
        lay();
        assert_int_equal(berth_fits(&scene.berth, need).status, BERTH_ERR_NOMEM);
        assert_int_equal(berth_blockers(&scene.berth, need, blockers, capacity), count);
        blockers_free(blockers, count, kept);
        assert_int_equal(berth_fits(&scene.berth, need).status == BERTH_OK, kept == count);
    }
    return count;
}

void stretch_print(const berth_need_t *need, const berth_answer_t *answer)
{
    char text[240];
    (void)berth_answer_explain(&scene.berth, need, answer, text, sizeof text);
    print_message("%s\n", text);
}
