/* arena_form.c: the forms in which the arena engine is tested, and what its unit tests share.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "arena_form.h"

#include <stdalign.h>
#include <string.h>

static const form_t forms[] = {
    {"granule 4", 0, 0, 4, 0, 0},
    {"granule 8, astray", 8, 0, 8, 4, 0},
    {"granule 64", 64, 0, 64, 0, 0},
    {"granule 4, 16 promised, astray", 4, 16, 16, 4, 0},
    {"granule 16, an odd end", 16, 4, 16, 0, 3},
};

alignas(256) uint8_t memory[REGION_SIZE];
static uint8_t memory_before[REGION_SIZE];
const berth_engine_t *const arena = &berth_arena_engine;

berth_region_t region_of(const form_t *form)
{
    memset(memory, 0xA5, sizeof memory);
    return (berth_region_t){.name = form->name,
                            .engine = arena,
                            .base = memory + form->shift,
                            .address = ADDRESS + form->shift,
                            .size = REGION_SIZE - form->shift - form->cut,
                            .granule = form->granule,
                            .align = form->align};
}

berth_region_t started(const form_t *form)
{
    berth_region_t region = region_of(form);
    assert_int_equal(arena->start(&region), BERTH_OK);
    return region;
}

void remember(void)
{
    memcpy(memory_before, memory, sizeof memory);
}

void assert_unchanged(void)
{
    assert_memory_equal(memory, memory_before, sizeof memory);
}

uint32_t granted(berth_region_t *region, size_t size)
{
    const berth_grant_t grant = arena->alloc(region, size, 0, 1);
    assert_int_not_equal(grant.offset, BERTH_NOWHERE);
    return grant.offset;
}

uint32_t rounded(const form_t *form, uint32_t size)
{
    return (size + form->unit - 1) / form->unit * form->unit;
}

uint32_t first_of(const form_t *form)
{
    return (form->unit - form->shift % form->unit) % form->unit;
}

uint32_t span_of(const form_t *form)
{
    return (REGION_SIZE - form->shift - form->cut) / 4 * 4 - CONTROL - first_of(form);
}

void assert_refused(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    remember();
    assert_false(arena->fits(region, size, align, tag));
    const berth_grant_t grant = arena->alloc(region, size, align, tag);
    assert_int_equal(grant.offset, BERTH_NOWHERE);
    assert_int_equal(grant.size, 0);
    assert_unchanged();
}

uint32_t held_in(const form_t *form, const berth_region_t *region)
{
    uint32_t held = 0;
    uint32_t taken = 0;
    uint32_t last = 0;
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = arena->walk(region, cursor);
        const berth_block_t checked = arena->check(region, cursor);
        assert_int_equal(block.status, BERTH_OK);
        assert_int_equal(checked.status, BERTH_OK);
        assert_int_equal(checked.offset, block.offset);
        assert_int_equal(checked.next, block.next);
        assert_true(block.offset >= last);
        last = block.offset + block.size;
        taken += block.taken;
        held += block.owner != BERTH_NO_OWNER;
        assert_true(block.owner != BERTH_NO_OWNER || block.next == BERTH_NOWHERE);
        cursor = block.next;
    }
    assert_int_equal(taken, span_of(form));
    return held;
}

int arena_form_run(struct CMUnitTest *tests, size_t count)
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
