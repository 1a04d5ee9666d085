/* inspect.h: what the files of fit have for each other: their methods, and what inspects blocks.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_FIT_INSPECT_H
#define BERTH_FIT_INSPECT_H

#include "block.h"

/* What fit.c has, for inspect.c: the live block granted at a region offset, or 0; the size of the
 * free block at a place, as locate_room(); whether the ring of a bin is whole at its head. */
uint32_t fit_live(const fit_t *fit, uint32_t offset);
uint32_t fit_room(const fit_t *fit, uint32_t at);
bool fit_bin_is_whole(const fit_t *fit, uint32_t size);

/* The methods of fit.c. */
berth_grant_t fit_alloc(berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);
berth_change_t fit_free(berth_region_t *region, uint32_t offset);
berth_change_t fit_resize(berth_region_t *region, uint32_t offset, size_t size);
uint32_t fit_cost(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);
uint32_t fit_allocatable(const berth_region_t *region, uint32_t align, berth_tag_t tag);
bool fit_fits(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag);

/* The methods of inspect.c and check.c. */
/* What inspect.c has, for check.c: whether a block is withdrawn. */
bool fit_withdrawn(const fit_t *fit, uint32_t at);

berth_block_t fit_find(const berth_region_t *region, uint32_t offset);
berth_status_t fit_give(berth_region_t *region, uint32_t offset, berth_owner_t owner);
uint32_t *fit_word(const berth_region_t *region, uint32_t offset);
berth_block_t fit_walk(const berth_region_t *region, uint32_t cursor);
berth_block_t fit_check(const berth_region_t *region, uint32_t cursor);

/* What check.c has, for mend.c: check() of a block alone; whether the control block is what start()
 * planned; and whether `count` zones from a zone on, and as many matches, are sound; from 0 on, the
 * rest of the control block, too. */
berth_block_t fit_check_block(const berth_region_t *region, uint32_t cursor);
bool fit_plan_is_kept(const berth_region_t *region);
bool fit_control_is_sound(const berth_region_t *region, uint32_t from, uint32_t count);

/* The methods of undo.c. */
void fit_note_alloc(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag,
                    berth_note_t *note);
void fit_note_free(const berth_region_t *region, uint32_t offset, berth_note_t *note);
void fit_undo(berth_region_t *region, const berth_note_t *note);

/* What every form of the engine has. */
#define FIT_METHODS                                                                                \
    .name = "fit", .beside_size = fit_beside_size, .start = fit_start, .alloc = fit_alloc,         \
    .free = fit_free, .resize = fit_resize, .cost = fit_cost, .allocatable = fit_allocatable,      \
    .fits = fit_fits, .find = fit_find, .give = fit_give, .word = fit_word, .walk = fit_walk

#endif /* BERTH_FIT_INSPECT_H */
