/* need_core.c: a need, as tests of needs fill it in.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "need_core.h"

#include <string.h>

berth_need_t need;
berth_item_t items[BERTH_ITEMS];
berth_piece_t pieces[BERTH_PIECES];

void need_start(void)
{
    SCENE_LAY(&scene_sram, &scene_psram);
    scene_start();
    memset(items, 0, sizeof items);
    memset(pieces, 0, sizeof pieces);
    need = (berth_need_t){.name = "tls", .items = items, .pieces = pieces, .owner = TLS};
}

void need_add(size_t size, uint8_t count)
{
    items[need.item_count++] =
        (berth_item_t){.request = {.size = size, .needed = BERTH_CAP_INTERNAL}, .count = count};
    need.piece_count = (uint8_t)(need.piece_count + (count != 0 ? count : 1));
}

void need_end(uint8_t item, uint8_t ends)
{
    items[item].ends = ends;
    need.piece_count = 0;
    for (uint8_t i = 0; i < need.item_count; i++) {
        const uint32_t count = items[i].count != 0 ? items[i].count : 1;
        need.piece_count = (uint8_t)(need.piece_count + (items[i].ends != 0 ? 2 : 1) * count);
    }
}

int need_fits(void)
{
    return berth_fits(&scene.berth, &need).status;
}

void *need_take(berth_owner_t owner, size_t size)
{
    const berth_request_t request = {.size = size, .needed = BERTH_CAP_INTERNAL, .owner = owner};
    void *block = berth_alloc(&scene.berth, &request);
    assert_non_null(block);
    return block;
}

uint32_t need_most(void)
{
    const berth_request_t request = {.size = 1, .needed = BERTH_CAP_INTERNAL, .owner = TLS};
    return berth_allocatable(&scene.berth, &request);
}

/* --- held ------------------------------------------------------------------------------------ */

void hold_start(void)
{
    need_start();
    need_add(HOLD_SIZE, 2);
    need_add(700, 0);
    items[1].least = 500;
    assert_int_equal(berth_reserve(&scene.berth, &need).status, BERTH_OK);
    assert_true(need.is_reserved);
}

void *hold_claim(uint8_t item)
{
    uint8_t *block = berth_claim(&scene.berth, &need, item);
    assert_non_null(block);
    assert_true(scene_is_in(&scene.regions[0], block));
    scene_paint(block, items[item].request.size, item);
    return block;
}

void *hold_alloc(size_t size)
{
    const berth_owner_t before = berth_owner_push(&scene.berth, TLS);
    void *block = berth_malloc(&scene.berth, size, BERTH_CAP_INTERNAL);
    berth_owner_pop(&scene.berth, before);
    return block;
}

uint32_t hold_count(void)
{
    return berth_account(&scene.berth, &scene.regions[0], TLS).count;
}

bool hold_has(const void *block)
{
    for (uint32_t i = 0; i < need.piece_count; i++) {
        if (pieces[i].region != NULL &&
            (uint8_t *)pieces[i].region->base + pieces[i].offset == (const uint8_t *)block) {
            return true;
        }
    }
    return false;
}

void hold_release(void)
{
    assert_int_equal(berth_release(&scene.berth, &need), BERTH_OK);
    assert_false(need.is_reserved);
}
