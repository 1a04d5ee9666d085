/* test_start.c: do beside_size() and start() keep their sentences in the contract?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "form.h"

#include <stdalign.h>

#include <string.h>

static void test_beside_size_is_enough_and_needed(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    const uint32_t size = fit->beside_size(&region);
    assert_true(size > 0);
    assert_true(size <= BESIDE_SIZE);
    region.beside = beside;
    region.beside_size = size;
    assert_int_equal(fit->start(&region), BERTH_OK);
    region.beside_size = size - 1;
    assert_int_equal(fit->start(&region), BERTH_ERR_INVALID);
    region.beside_size = 0;
    assert_int_equal(fit->start(&region), BERTH_ERR_INVALID);
}

static void test_beside_size_of_nonsense_is_0(void **state)
{
    berth_region_t region = region_of(*state);
    region.granule = 12;
    assert_int_equal(fit->beside_size(&region), 0);
    region.granule = 4;
    region.size = 0;
    assert_int_equal(fit->beside_size(&region), 0);
}

static void assert_start_refused(berth_region_t region)
{
    assert_int_equal(fit->start(&region), BERTH_ERR_INVALID);
}

static void test_start_refuses_granules(void **state)
{
    static const uint32_t granules[] = {1, 2, 3, 5, 6, 12, 24, 100, 0x80000000u, UINT32_MAX};
    berth_region_t region = region_of(*state);
    for (size_t i = 0; i < sizeof granules / sizeof granules[0]; i++) {
        region.granule = granules[i];
        assert_start_refused(region);
    }
}

static void test_start_takes_granules_up_to_1024(void **state)
{
    const form_t *form = *state;
    for (uint32_t granule = 4; granule <= 1024; granule *= 2) {
        berth_region_t region = region_of(form);
        region.granule = granule;
        assert_int_equal(fit->start(&region), BERTH_OK);
        const uint32_t most = fit->allocatable(&region, 0, 1);
        assert_true(most + 1024 + 2 * granule >= REGION_SIZE);
        const berth_grant_t grant = fit->alloc(&region, most / 2, 0, 1);
        assert_int_equal((ADDRESS + grant.offset) % granule, 0);
        assert_int_equal(fit->free(&region, grant.offset).status, BERTH_OK);
        assert_int_equal(fit->allocatable(&region, 0, 1), most);
    }
    berth_region_t region = region_of(form);
    region.granule = 2048; /* a size that fits into a header would not */
    assert_int_equal(fit->start(&region), form->beside ? BERTH_OK : BERTH_ERR_INVALID);
}

static void test_start_refuses_alignments(void **state)
{
    static const uint32_t aligns[] = {3, 12, 24, 48, 0x80000001u};
    berth_region_t region = region_of(*state);
    for (size_t i = 0; i < sizeof aligns / sizeof aligns[0]; i++) {
        region.align = aligns[i];
        assert_start_refused(region);
    }
}

static void test_start_refuses_misalignment(void **state)
{
    const form_t *form = *state;
    for (uint32_t off = 1; off < 4; off++) {
        berth_region_t region = region_of(form);
        region.address = ADDRESS + off;
        assert_int_equal(fit->start(&region), form->beside ? BERTH_OK : BERTH_ERR_INVALID);
        region = region_of(form);
        if (form->beside) {
            region.beside = beside + off;
        } else {
            region.base = memory + off;
        }
        assert_start_refused(region);
    }
}

static void test_start_refuses_no_memory(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    region.base = NULL;
    assert_int_equal(fit->start(&region), form->beside ? BERTH_OK : BERTH_ERR_INVALID);
}

/* Below some size every start is refused, from there on every start gives a block. */
static void test_start_refuses_small_regions(void **state)
{
    const form_t *form = *state;
    bool was_fine = false;
    for (uint32_t size = 0; size <= 2048; size++) {
        berth_region_t region = region_of(form);
        region.size = size;
        const berth_status_t status = fit->start(&region);
        if (status != BERTH_OK) {
            assert_int_equal(status, BERTH_ERR_INVALID);
            assert_false(was_fine);
            continue;
        }
        if (!was_fine) { /* the first that is: it has room for one block, the smallest */
            assert_int_equal(fit->walk(&region, BERTH_WALK_START).taken, form->smallest);
        }
        was_fine = true;
        const uint32_t most = fit->allocatable(&region, 0, 1);
        assert_true(most > 0);
        assert_int_not_equal(fit->alloc(&region, most, 0, 1).offset, BERTH_NOWHERE);
    }
    assert_true(was_fine);
}

/* What the contract promises: 16 MB at granule 4, in proportion above. */
static void test_start_takes_large_regions_and_refuses_huge_ones(void **state)
{
    static alignas(64) uint8_t large[16u * 1024u * 1024u];
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    if (!form->beside) {
        region.base = large;
        region.size = sizeof large;
        assert_int_equal(fit->start(&region), BERTH_OK);
        assert_true(fit->allocatable(&region, 0, 1) > sizeof large - sizeof large / 500u);
    } else {
        region.size = form->granule * (4u * 1024u * 1024u - 1u); /* a size field is 22 bits */
        assert_true(fit->beside_size(&region) > region.size / form->granule * 4u);
    }
    region = region_of(form);
    region.size = form->granule * (4u * 1024u * 1024u + 65536u);
    assert_start_refused(region);
    region.size = UINT32_MAX;
    assert_start_refused(region);
}

static void test_start_prepares_one_free_block(void **state)
{
    const form_t *form = *state;
    berth_region_t region = started(form);
    const berth_block_t block = fit->walk(&region, BERTH_WALK_START);
    assert_int_equal(block.owner, BERTH_NO_OWNER);
    assert_int_equal(block.next, BERTH_NOWHERE);
    assert_int_equal(block.size, fit->allocatable(&region, 0, 1));
    assert_int_equal(block.size, block.taken - form->header);
    assert_int_equal((ADDRESS + block.offset) % form->granule, 0);
    assert_false(block.has_word);
    const uint32_t lost = REGION_SIZE - block.taken;
    assert_true(lost <= (form->beside ? 0u : 1024u) + form->granule);
}

static void test_start_writes_inside_its_memory(void **state)
{
    const form_t *form = *state;
    berth_region_t region = region_of(form);
    memset(memory, 0xEE, sizeof memory);
    memset(beside, 0xEE, sizeof beside);
    region.base = memory + 512;
    region.size = REGION_SIZE - 1024;
    if (form->beside) {
        region.beside = beside + 512;
        region.beside_size = fit->beside_size(&region);
    }
    assert_int_equal(fit->start(&region), BERTH_OK);
    const uint32_t most = fit->allocatable(&region, 0, 1);
    const berth_grant_t grant = fit->alloc(&region, most, 0, 1);
    assert_int_equal(fit->free(&region, grant.offset).status, BERTH_OK);
    for (uint32_t i = 0; i < 512; i++) {
        assert_int_equal(memory[i], 0xEE);
        assert_int_equal(memory[REGION_SIZE - 512 + i], 0xEE);
        assert_int_equal(beside[i], 0xEE);
        assert_int_equal(beside[(form->beside ? 512 + region.beside_size : 512) + i], 0xEE);
    }
}

static void test_beside_leaves_the_region_alone(void **state)
{
    const form_t *form = *state;
    if (!form->beside) {
        return;
    }
    berth_region_t region = started(form);
    const uint32_t first = granted(&region, 100);
    const uint32_t second = granted(&region, 100);
    assert_int_equal(fit->free(&region, first).status, BERTH_OK);
    assert_int_equal(fit->resize(&region, second, 10).status, BERTH_OK);
    (void)sum_of(&region);
    for (uint32_t i = 0; i < REGION_SIZE; i++) {
        assert_int_equal(memory[i], 0);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside_size_is_enough_and_needed),
        cmocka_unit_test(test_beside_size_of_nonsense_is_0),
        cmocka_unit_test(test_start_refuses_granules),
        cmocka_unit_test(test_start_takes_granules_up_to_1024),
        cmocka_unit_test(test_start_refuses_alignments),
        cmocka_unit_test(test_start_refuses_misalignment),
        cmocka_unit_test(test_start_refuses_no_memory),
        cmocka_unit_test(test_start_refuses_small_regions),
        cmocka_unit_test(test_start_takes_large_regions_and_refuses_huge_ones),
        cmocka_unit_test(test_start_prepares_one_free_block),
        cmocka_unit_test(test_start_writes_inside_its_memory),
        cmocka_unit_test(test_beside_leaves_the_region_alone),
    };
    return form_run(tests, sizeof tests / sizeof tests[0]);
}
