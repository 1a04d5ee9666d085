/* pool_form.h: the forms in which the pool engine is tested, and what its unit tests share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_POOL_FORM_H
#define TESTS_UNIT_POOL_FORM_H

#include "berth/pool.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REGION_SIZE 4096u
#define BESIDE_SIZE 8192u
#define BLOCKS_MOST 1024u
#define ADDRESS 0x20000000u
#define BOOK 11u /* words of the control block */

/* Every test runs once for each form. */
typedef struct form {
    const char *name;
    berth_pool_config_t config;
    uint32_t granule;
    uint32_t align;
    uint32_t stride; /* bytes that a block must take */
    uint32_t shift;  /* of the region's first byte, in memory and on the board */
    bool beside;
} form_t;

extern uint8_t memory[REGION_SIZE]; /* of the one region that there is at a time */
extern uint8_t beside[BESIDE_SIZE]; /* its bookkeeping, in some forms */
extern const berth_engine_t *const pool;

/* A region of this form, its memory as if used before; and one that is started. */
berth_region_t region_of(const form_t *form);
berth_region_t started(const form_t *form);

/* Keeps every byte as it is now, and compares. */
void remember(void);
void assert_unchanged(void);

/* The offset of a new block, which must be granted. */
uint32_t granted(berth_region_t *region);

/* Fills the offsets of all blocks; returns how many. */
uint32_t exhaust(berth_region_t *region, uint32_t *offsets);

/* Asks and allocates: both must be refused, and nothing changed. */
void assert_refused(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);

/* Walks and checks the region, which must be sound; returns the live blocks. */
uint32_t live_in(const berth_region_t *region, uint32_t *blocks);

/* Runs the tests for each form. Returns main()'s exit code. */
int pool_form_run(struct CMUnitTest *tests, size_t count);

#endif /* TESTS_UNIT_POOL_FORM_H */
