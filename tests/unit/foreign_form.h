/* foreign_form.h: the forms in which the foreign engine is tested, over a platform that counts.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_FOREIGN_FORM_H
#define TESTS_UNIT_FOREIGN_FORM_H

#include "berth/foreign.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HAS_TABLE (UINTPTR_MAX > UINT32_MAX)
#define BESIDE_SIZE 16384u /* of a table of 2048 places */
#define BLOCKS_MOST 2048u

/* Every test runs once for each form: several granules and promises. */
typedef struct form {
    const char *name;
    uint32_t granule;
    uint32_t align;
    uint32_t unit; /* what sizes are rounded up to */
    uint32_t lead; /* bytes before a block */
} form_t;

/* The C library, counting what it handed out. */
typedef struct platform {
    uint32_t blocks;  /* handed out now */
    uint32_t calls;   /* of alloc */
    size_t size;      /* asked for last */
    size_t align;     /* asked for last */
    uint32_t largest; /* what allocatable tells */
    uint32_t astray;  /* bytes by which the next block misses its alignment */
    bool is_full;
    const void *watched; /* what is kept of a block that comes back */
    uint32_t left[2];
} platform_t;

extern uint8_t beside[BESIDE_SIZE]; /* the table of the one region that there is at a time */
extern platform_t platform;
extern const berth_foreign_config_t platform_config;
extern const berth_engine_t *const foreign;

/* A region of this form over a platform that handed out nothing; and one that is started. */
berth_region_t region_of(const form_t *form);
berth_region_t started(const form_t *form);

/* The bytes that a request must take. */
uint32_t taken_of(const form_t *form, uint32_t size, uint32_t align);

/* The offset of a new block, which must be granted; where it is; and frees it. */
uint32_t granted(berth_region_t *region, size_t size);
uint8_t *pointer_to(const berth_region_t *region, uint32_t offset);
void freed(berth_region_t *region, uint32_t offset);

/* Walks and checks the region, which must be sound and have so many live blocks. */
void assert_walk(const berth_region_t *region, uint32_t live);

/* Runs the tests for each form. Returns main()'s exit code. */
int foreign_form_run(struct CMUnitTest *tests, size_t count);

#endif /* TESTS_UNIT_FOREIGN_FORM_H */
