/* arena_form.h: the forms in which the arena engine is tested, and what its unit tests share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_ARENA_FORM_H
#define TESTS_UNIT_ARENA_FORM_H

#include "berth/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REGION_SIZE 4096u
#define CONTROL 32u /* bytes of the control block */
#define ADDRESS 0x20000000u

/* Every test runs once for each form. */
typedef struct form {
    const char *name;
    uint32_t granule;
    uint32_t align;
    uint32_t unit;  /* what sizes are rounded up to */
    uint32_t shift; /* of the region's first byte, in memory and on the board */
    uint32_t cut;   /* bytes that the region ends before the memory */
} form_t;

extern uint8_t memory[REGION_SIZE]; /* of the one region that there is at a time */
extern const berth_engine_t *const arena;

/* A region of this form, its memory as if used before; and one that is started. */
berth_region_t region_of(const form_t *form);
berth_region_t started(const form_t *form);

/* Keeps every byte as it is now, and compares. */
void remember(void);
void assert_unchanged(void);

/* The offset of a new block, which must be granted. */
uint32_t granted(berth_region_t *region, size_t size);

/* The bytes that a block must have. */
uint32_t rounded(const form_t *form, uint32_t size);

/* Where the first block begins, and the bytes from there to the control block. */
uint32_t first_of(const form_t *form);
uint32_t span_of(const form_t *form);

/* Asks and allocates: both must be refused, and nothing changed. */
void assert_refused(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);

/* Walks and checks the region, which must be sound and tell all its bytes; returns the blocks that
 * are not free. */
uint32_t held_in(const form_t *form, const berth_region_t *region);

/* Runs the tests for each form. Returns main()'s exit code. */
int arena_form_run(struct CMUnitTest *tests, size_t count);

#endif /* TESTS_UNIT_ARENA_FORM_H */
