/* scene_core.h: a small board, and a port in the tests' hand: what tests of the manager share.
 * SPDX-License-Identifier: Apache-2.0
 *
 * There is one scene at a time. A test lays regions out, changes what it is about, and starts the
 * manager; after each test the books of all regions are compared with their blocks. All tests run
 * twice: the regions have no budgets, or budgets without limits. No result may differ.
 */
#ifndef TESTS_UNIT_SCENE_CORE_H
#define TESTS_UNIT_SCENE_CORE_H

#include "berth/berth.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SCENE_REGIONS 6u
#define SCENE_OWNERS 32u
#define SCENE_EVENTS 512u
#define SCENE_SRAM_SIZE 32768u
#define SCENE_POOL_BLOCK 64u

/* Who pays in the tests. */
#define LVGL 1u
#define WIFI 2u
#define TLS 3u
#define SECRET 4u

/* The regions to choose from. Who names nothing comes to `sram` first. */
extern const berth_region_t scene_sram;
extern const berth_region_t scene_psram; /* slow, behind a bus */
extern const berth_region_t scene_iram;  /* bears words alone */
extern const berth_region_t scene_pool;  /* an ISR may use it */
extern const berth_region_t scene_arena;
extern const berth_region_t scene_foreign; /* the host's heap; what it granted must be freed */

typedef struct scene {
    berth_t berth;
    berth_config_t config;
    berth_region_t regions[SCENE_REGIONS];
    berth_account_t accounts[SCENE_REGIONS][SCENE_OWNERS];
    berth_budget_t budgets[SCENE_REGIONS][SCENE_OWNERS]; /* no limits, unless a test sets some */
    berth_event_t events[SCENE_EVENTS];

    /* The port. */
    berth_port_t port;
    berth_context_t task;
    berth_context_t *running;  /* `task` at first; NULL: the port knows nobody */
    const berth_lock_t *busy;  /* a lock that is refused */
    uint32_t refuse_after;     /* locks that are granted before one is refused; 0: none is */
    uint32_t held;             /* locks */
    uint64_t now_us;           /* stands still */
    uint32_t logged;           /* lines */
    berth_level_t level;       /* of the last one */
    uint32_t asserted;         /* how often the assertion was told */
    berth_event_t asserted_of; /* what it was told last */
} scene_t;

extern scene_t scene;

/* Gives regions memory, all bytes of it 0xA5, and prepares a configuration of them; not started. */
#define SCENE_LAY(...) scene_lay((const berth_region_t *const[]){__VA_ARGS__, NULL})
void scene_lay(const berth_region_t *const *regions);

/* Starts the manager, which must succeed. */
void scene_start(void);

/* No lock is held, no region damaged, and an owner is said to hold what its blocks take. */
void scene_audit(void);

/* How many reasons the last refusal has. */
uint32_t scene_reasons(void);

/* A size as a record of a refusal has it. */
uint32_t scene_rounded(uint32_t size);

/* Runs each test in both forms, and an audit after it. Returns main()'s exit code. */
#define SCENE_RUN(tests) scene_run(tests, sizeof(tests) / sizeof((tests)[0]))
int scene_run(struct CMUnitTest *tests, size_t count);

/* The memory that regions lie in, for one to be added: `size` bytes that none has. */
uint8_t *scene_more(uint32_t size);

/* What a region's live blocks take, the most that they ever took, and what it has besides. */
uint32_t scene_used(const berth_region_t *region);
uint32_t scene_peak(const berth_region_t *region);
uint32_t scene_room(const berth_region_t *region);

/* Fills a region up for an owner, to the last block that it would grant. */
void scene_fill(berth_region_t *region, berth_owner_t owner);

/* Takes what is unread; the last one counts. All 0xFF: there was none. */
berth_event_t scene_last(void);

/* How many of what is unread are of a kind. Reads all. */
uint32_t scene_count(berth_event_kind_t kind);

/* Writes bytes that depend on where they are, and compares. */
void scene_paint(void *block, size_t size, uint8_t seed);
void scene_assert_painted(const void *block, size_t size, uint8_t seed);
void scene_assert_bytes(const void *block, size_t size, uint8_t value);

/* Whether a pointer lies in a region. */
bool scene_is_in(const berth_region_t *region, const void *block);

#endif /* TESTS_UNIT_SCENE_CORE_H */
