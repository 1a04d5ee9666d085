/* test_audit.c: does an audit in slices see each word of a control block, at any size?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/fit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdalign.h>

#define SIZE_MOST (640u * 1024u)
#define TOP_AT 100u /* where the top is told: the check of the last block compares it */

static alignas(64) uint8_t memory[SIZE_MOST];

/* Whether a whole audit finds damage; bounded by the words of the control block. */
static bool audit_finds(const berth_region_t *region)
{
    uint32_t cursor = 0;
    while (cursor != BERTH_NOWHERE) {
        const berth_audit_t audit = berth_fit_mender.audit(region, cursor);
        if (audit.status != BERTH_OK) {
            return true;
        }
        cursor = audit.next;
    }
    return false;
}

/* A region with a free block of another size in most zones, so that every match has a winner. */
static uint32_t region_fill(berth_region_t *region)
{
    const berth_engine_t *engine = region->engine;
    uint32_t before = 0;
    assert_int_equal(engine->start(region), BERTH_OK);
    for (uint32_t i = 0; i < region->size / 4096; i++) {
        const uint32_t offset = engine->alloc(region, 400 + i % 32 * 4, 0, 1).offset;
        assert_int_not_equal(engine->alloc(region, 3000, 0, 1).offset, BERTH_NOWHERE);
        before = i == 0 ? offset : before;
        assert_int_equal(engine->free(region, offset).status, BERTH_OK);
    }
    return before;
}

static void test_every_word_is_audited(void **state)
{
    static const uint32_t kilobytes[] = {64, 264, 300, 320, 384, 520, 640};
    (void)state;
    for (uint32_t i = 0; i < sizeof kilobytes / sizeof kilobytes[0]; i++) {
        berth_region_t region = {.engine = &berth_fit_engine,
                                 .base = memory,
                                 .address = 0x20000000u,
                                 .size = kilobytes[i] * 1024};
        const uint32_t first = region_fill(&region) - 4;
        assert_false(audit_finds(&region));
        for (uint32_t at = 12; at < first; at += 4) { /* from 4 on it is of no consequence */
            uint32_t *word = (uint32_t *)(void *)(memory + at);
            const uint32_t was = *word;
            *word = was ^ 0x40u;
            assert_true(audit_finds(&region) || at == TOP_AT);
            *word = was;
        }
        assert_false(audit_finds(&region));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_word_is_audited)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
