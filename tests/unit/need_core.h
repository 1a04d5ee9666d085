/* need_core.h: a need, as tests of needs fill it in.
 * SPDX-License-Identifier: Apache-2.0
 *
 * On the scene's `sram` and `psram`. There is one need at a time; its blocks lie in `sram` unless a
 * test says otherwise.
 */
#ifndef TESTS_UNIT_NEED_CORE_H
#define TESTS_UNIT_NEED_CORE_H

#include "scene_core.h"

#include "berth/need.h"

extern berth_need_t need; /* TLS's */
extern berth_item_t items[BERTH_ITEMS];
extern berth_piece_t pieces[BERTH_PIECES];

/* Starts the scene, with a need of no items. */
void need_start(void);

/* Adds an item of `count` blocks; 0: one. */
void need_add(size_t size, uint8_t count);

/* Lets an item end before another, counted from 1; 0: it stays. */
void need_end(uint8_t item, uint8_t ends);

/* The status of berth_fits(). */
int need_fits(void);

/* A block in `sram`, which must be granted. */
void *need_take(berth_owner_t owner, size_t size);

/* The most that `sram` would grant now to the need's owner. */
uint32_t need_most(void);

/* --- held ------------------------------------------------------------------------------------ */

#define HOLD_SIZE 2000u

/* Reserves two blocks of HOLD_SIZE, and one of 500 to 700. */
void hold_start(void);

/* Claims a block of an item, which must succeed, and paints it with the item's number. */
void *hold_claim(uint8_t item);

/* What code gets that knows nothing of needs, in TLS's scope. */
void *hold_alloc(size_t size);

/* TLS's blocks in `sram`. */
uint32_t hold_count(void);

/* Whether a block is one of the need's. */
bool hold_has(const void *block);

/* Releases the need, which is reserved. */
void hold_release(void);

#endif /* TESTS_UNIT_NEED_CORE_H */
