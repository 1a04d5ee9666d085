/* form.h: the forms in which the fit engine is tested, and what its unit tests share.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every test runs once for each form: bookkeeping inside and beside, several granules.
 */
#ifndef TESTS_UNIT_FORM_H
#define TESTS_UNIT_FORM_H

#include "berth/fit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REGION_SIZE 8192u
#define BESIDE_SIZE 32768u
#define ADDRESS 0x20000000u

typedef struct form {
    const char *name;
    uint32_t granule;
    uint32_t smallest; /* bytes taken by the smallest block */
    uint32_t header;   /* bytes that bookkeeping costs in the region */
    bool beside;
} form_t;

/* Free blocks of the region, and the bytes that they take. */
typedef struct sum {
    uint32_t blocks;
    uint32_t free_blocks;
    uint32_t free_taken;
    uint32_t live_taken;
} sum_t;

extern uint8_t memory[REGION_SIZE]; /* of the one region that there is at a time */
extern uint8_t beside[BESIDE_SIZE]; /* its bookkeeping, in some forms */
extern const berth_engine_t *const fit;

/* A region of this form, its memory all zero; and one that is started. */
berth_region_t region_of(const form_t *form);
berth_region_t started(const form_t *form);

/* Keeps every byte as it is now, and compares. */
void remember(void);
void assert_unchanged(void);

/* The offset of a new block, which must be granted. */
uint32_t granted(berth_region_t *region, size_t size);

/* The bytes that a request must take. */
uint32_t rounded(const form_t *form, uint32_t size);

/* Asks and allocates: both must be refused, and nothing changed. */
void assert_refused(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);

/* Walks and checks the region, which must be sound. */
sum_t sum_of(const berth_region_t *region);

/* Runs the tests for each form. Returns main()'s exit code. */
int form_run(struct CMUnitTest *tests, size_t count);

#endif /* TESTS_UNIT_FORM_H */
