/* form.c: the forms in which the fit engine is tested, and what its unit tests share.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "form.h"

#include <stdalign.h>
#include <string.h>

static const form_t forms[] = {
    {"inside, granule 4", 4, 12, 4, false},   {"inside, granule 8", 8, 16, 4, false},
    {"inside, granule 16", 16, 16, 4, false}, {"inside, granule 64", 64, 64, 4, false},
    {"beside, granule 4", 4, 12, 0, true},    {"beside, granule 8", 8, 24, 0, true},
    {"beside, granule 64", 64, 192, 0, true},
};

alignas(64) uint8_t memory[REGION_SIZE];
alignas(64) uint8_t beside[BESIDE_SIZE];
static alignas(64) uint8_t memory_before[REGION_SIZE];
static alignas(64) uint8_t beside_before[BESIDE_SIZE];

const berth_engine_t *const fit = &berth_fit_engine;

berth_region_t region_of(const form_t *form)
{
    memset(memory, 0, sizeof memory);
    memset(beside, 0, sizeof beside);
    return (berth_region_t){.name = form->name,
                            .engine = fit,
                            .base = memory,
                            .address = ADDRESS,
                            .size = REGION_SIZE,
                            .granule = form->granule,
                            .beside = form->beside ? beside : NULL,
                            .beside_size = form->beside ? BESIDE_SIZE : 0};
}

berth_region_t started(const form_t *form)
{
    berth_region_t region = region_of(form);
    assert_int_equal(fit->start(&region), BERTH_OK);
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

uint32_t granted(berth_region_t *region, size_t size)
{
    const berth_grant_t grant = fit->alloc(region, size, 0, 1);
    assert_int_not_equal(grant.offset, BERTH_NOWHERE);
    return grant.offset;
}

uint32_t rounded(const form_t *form, uint32_t size)
{
    const uint32_t taken =
        (size + form->header + form->granule - 1) / form->granule * form->granule;
    return taken > form->smallest ? taken : form->smallest;
}

void assert_refused(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    remember();
    assert_false(fit->fits(region, size, align, tag));
    const berth_grant_t grant = fit->alloc(region, size, align, tag);
    assert_int_equal(grant.offset, BERTH_NOWHERE);
    assert_int_equal(grant.size, 0);
    assert_unchanged();
}

sum_t sum_of(const berth_region_t *region)
{
    sum_t sum = {0};
    for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
        const berth_block_t block = fit->walk(region, cursor);
        const berth_block_t checked = fit->check(region, cursor);
        assert_int_equal(block.status, BERTH_OK);
        assert_int_equal(checked.status, BERTH_OK);
        assert_int_equal(checked.next, block.next);
        const bool is_free = block.owner == BERTH_NO_OWNER;
        sum.blocks++;
        sum.free_blocks += is_free;
        sum.free_taken += is_free ? block.taken : 0;
        sum.live_taken += is_free ? 0 : block.taken;
        cursor = block.next;
    }
    return sum;
}

int form_run(struct CMUnitTest *tests, size_t count)
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
