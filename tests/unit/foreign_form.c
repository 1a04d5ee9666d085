/* foreign_form.c: the forms in which the foreign engine is tested, over a platform that counts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "foreign_form.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

static const form_t forms[] = {
    {"granule 8", 0, 0, 8, 8},
    {"granule 4", 4, 0, 4, 8},
    {"granule 8, 64 promised", 8, 64, 8, 64},
    {"granule 32", 32, 0, 32, 32},
};

alignas(64) uint8_t beside[BESIDE_SIZE];
platform_t platform;
const berth_engine_t *const foreign = &berth_foreign_engine;

static void *platform_alloc(void *self, size_t size, size_t align)
{
    platform_t *heap = self;
    heap->calls++;
    heap->size = size;
    heap->align = align;
    if (align == 0 || heap->is_full) {
        return NULL;
    }
    uint8_t *block = aligned_alloc(align, (size + 2 * align - 1) / align * align);
    assert_non_null(block);
    heap->blocks++;
    return block + heap->astray;
}

static void platform_free(void *self, void *block)
{
    platform_t *heap = self;
    heap->blocks--;
    if (heap->watched != NULL) {
        memcpy(heap->left, heap->watched, sizeof heap->left);
    }
    free((uint8_t *)block - heap->astray);
}

static uint32_t platform_allocatable(void *self)
{
    const platform_t *heap = self;
    return heap->largest;
}

const berth_foreign_config_t platform_config = {&platform, platform_alloc, platform_free,
                                                platform_allocatable};

berth_region_t region_of(const form_t *form)
{
    memset(beside, 0xA5, sizeof beside);
    memset(&platform, 0, sizeof platform);
    return (berth_region_t){.name = form->name,
                            .engine = foreign,
                            .granule = form->granule,
                            .align = form->align,
                            .beside = beside,
                            .beside_size = BESIDE_SIZE,
                            .config = &platform_config};
}

berth_region_t started(const form_t *form)
{
    berth_region_t region = region_of(form);
    assert_int_equal(foreign->start(&region), BERTH_OK);
    return region;
}

uint32_t taken_of(const form_t *form, uint32_t size, uint32_t align)
{
    const uint32_t lead = align > form->lead ? align : form->lead;
    return lead + (size + form->unit - 1) / form->unit * form->unit;
}

uint32_t granted(berth_region_t *region, size_t size)
{
    const berth_grant_t grant = foreign->alloc(region, size, 0, 1);
    assert_int_not_equal(grant.offset, BERTH_NOWHERE);
    return grant.offset;
}

uint8_t *pointer_to(const berth_region_t *region, uint32_t offset)
{
    uint8_t *pointer = foreign->pointer(region, offset);
    assert_non_null(pointer);
    return pointer;
}

void freed(berth_region_t *region, uint32_t offset)
{
    assert_int_equal(foreign->free(region, offset).status, BERTH_OK);
}

void assert_walk(const berth_region_t *region, uint32_t live)
{
    uint32_t count = 0;
    berth_block_t block = foreign->walk(region, BERTH_WALK_START);
    while (block.status == BERTH_OK) {
        assert_true(HAS_TABLE);
        const berth_block_t found = foreign->find(region, block.offset);
        assert_int_equal(found.status, BERTH_OK);
        assert_int_equal(found.size, block.size);
        assert_int_equal(found.taken, block.taken);
        assert_int_equal(found.owner, block.owner);
        assert_int_equal(found.next, block.next);
        count++;
        const berth_block_t checked = foreign->check(region, block.next);
        block = foreign->walk(region, block.next);
        assert_int_equal(checked.status, block.status);
        assert_int_equal(checked.offset, block.offset);
    }
    assert_int_equal(block.status, BERTH_ERR_UNKNOWN);
    assert_int_equal(block.offset, BERTH_NOWHERE);
    assert_int_equal(block.next, BERTH_NOWHERE);
    assert_int_equal(count, HAS_TABLE ? live : 0);
}

int foreign_form_run(struct CMUnitTest *tests, size_t count)
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
