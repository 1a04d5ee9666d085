/* pool_form.c: the forms in which the pool engine is tested, and what its unit tests share.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool_form.h"

#include <stdalign.h>
#include <string.h>

static const form_t forms[] = {
    {"inside, 32 bytes", {32}, 0, 0, 32, 0, false},
    {"inside, 4 bytes", {1}, 0, 0, 4, 0, false},
    {"inside, 10 bytes at granule 8", {10}, 8, 0, 16, 0, false},
    {"inside, 100 bytes, 64 promised, astray", {100}, 4, 64, 128, 36, false},
    {"inside, a few large ones", {900}, 4, 0, 900, 0, false},
    {"beside, 24 bytes", {24}, 0, 0, 24, 0, true},
    {"beside, 36 bytes at granule 4, 16 promised, astray", {36}, 4, 16, 48, 4, true},
    {"beside, 64 bytes at granule 64", {33}, 64, 0, 64, 0, true},
};

alignas(128) uint8_t memory[REGION_SIZE];
alignas(128) uint8_t beside[BESIDE_SIZE];
static uint8_t memory_before[REGION_SIZE];
static uint8_t beside_before[BESIDE_SIZE];
const berth_engine_t *const pool = &berth_pool_engine;

berth_region_t region_of(const form_t *form)
{
    memset(memory, 0xA5, sizeof memory);
    memset(beside, 0xA5, sizeof beside);
    return (berth_region_t){.name = form->name,
                            .engine = pool,
                            .base = memory + form->shift,
                            .address = ADDRESS + form->shift,
                            .size = REGION_SIZE - form->shift,
                            .granule = form->granule,
                            .align = form->align,
                            .beside = form->beside ? beside : NULL,
                            .beside_size = form->beside ? BESIDE_SIZE : 0,
                            .config = &form->config};
}

berth_region_t started(const form_t *form)
{
    berth_region_t region = region_of(form);
    assert_int_equal(pool->start(&region), BERTH_OK);
    return region;
}

void remember(void)
{
    memcpy(memory_before, memory, sizeof memory);
    memcpy(beside_before, beside, sizeof beside);
}

void assert_unchanged(void)
{
    assert_memory_equal(memory, memory_before, sizeof memory);
    assert_memory_equal(beside, beside_before, sizeof beside);
}

uint32_t granted(berth_region_t *region)
{
    const berth_grant_t grant = pool->alloc(region, 1, 0, 1);
    assert_int_not_equal(grant.offset, BERTH_NOWHERE);
    return grant.offset;
}

uint32_t exhaust(berth_region_t *region, uint32_t *offsets)
{
    uint32_t count = 0;
    while (pool->fits(region, 1, 0, 1)) {
        assert_true(count < BLOCKS_MOST);
        offsets[count++] = granted(region);
    }
    return count;
}

void assert_refused(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    remember();
    assert_false(pool->fits(region, size, align, tag));
    const berth_grant_t grant = pool->alloc(region, size, align, tag);
    assert_int_equal(grant.offset, BERTH_NOWHERE);
    assert_int_equal(grant.size, 0);
    assert_unchanged();
}

uint32_t live_in(const berth_region_t *region, uint32_t *blocks)
{
    uint32_t live = 0;
    *blocks = 0;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = pool->walk(region, cursor);
        const berth_block_t checked = pool->check(region, cursor);
        assert_int_equal(block.status, BERTH_OK);
        assert_int_equal(checked.status, BERTH_OK);
        assert_int_equal(checked.offset, block.offset);
        assert_int_equal(checked.next, block.next);
        live += block.owner != BERTH_NO_OWNER;
        ++*blocks;
        cursor = block.next;
    }
    return live;
}

int pool_form_run(struct CMUnitTest *tests, size_t count)
{
    int failures = 0;
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        for (size_t i = 0; i < count; i++) {
            tests[i].initial_state = (void *)(uintptr_t)&forms[form];
        }
        failures += _cmocka_run_group_tests(forms[form].name, tests, count, NULL, NULL);
    }
    return failures == 0 ? 0 : 1;
}
