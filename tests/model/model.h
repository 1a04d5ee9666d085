/* model.h: what a region ought to hold, kept in the slowest and most obvious way.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A sorted array of blocks that tile the region. It knows the contract and nothing of any engine's
 * code: where a block goes is the engine's choice, whether one fits is not.
 */
#ifndef TESTS_MODEL_MODEL_H
#define TESTS_MODEL_MODEL_H

#include "berth/engine.h"

#ifndef MODEL_BLOCKS
#define MODEL_BLOCKS 4096u /* live and free together; the caller keeps below it */
#endif

#define MODEL_NONE UINT32_MAX

typedef struct model_block {
    uint32_t start; /* first byte taken, bookkeeping included */
    uint32_t taken; /* bytes */
    uint32_t paint; /* seed of its contents */
    uint32_t word;  /* its word more, if it has one */
    uint8_t owner;  /* 0: free */
    bool has_word;
} model_block_t;

typedef struct model {
    uint32_t address;    /* of the region's first byte */
    uint32_t granule;    /* bytes */
    uint32_t promise;    /* bytes: what alignment 0 means */
    uint32_t header;     /* bytes in front of a payload: 4, or 0 if bookkeeping is beside */
    uint32_t word_cost;  /* bytes that one more word takes in the region: 4 or 0 */
    uint32_t minimum;    /* bytes taken by the smallest block */
    uint32_t live_taken; /* bytes: what the grants and changes add up to */
    uint32_t live_count;
    uint32_t count; /* blocks, live and free */
    model_block_t blocks[MODEL_BLOCKS];
} model_t;

/* Makes a model of an empty region whose blocks will tile [start, end). */
void model_start(model_t *model, const berth_region_t *region, uint32_t start, uint32_t end);

/* Bytes that a request takes; too large for any region if it overflows. */
uint64_t model_taken(const model_t *model, size_t size, bool has_word);

/* Bytes usable in a block; of a free one, what it could hold. */
uint32_t model_usable(const model_t *model, const model_block_t *block);

/* The offset of a block's first usable byte. */
uint32_t model_offset(const model_t *model, const model_block_t *block);

/* The alignment that a request means: never less than the region promises. */
uint32_t model_align(const model_t *model, uint32_t align);

/* Whether some free block can hold it at all: a grant of anything else is a lie. */
bool model_can_hold(const model_t *model, uint64_t taken, uint32_t align);

/* Whether a refusal would be wrong: some free block holds it wherever the alignment falls. */
bool model_must_hold(const model_t *model, uint64_t taken, uint32_t align);

/* The largest request at no more than the granule's alignment; 0 if none. */
uint32_t model_allocatable(const model_t *model, bool has_word);

/* Index of the block whose payload starts at `offset`, live or free; MODEL_NONE. */
uint32_t model_find(const model_t *model, uint32_t offset);

/* Index of the block that holds the byte at `offset`; MODEL_NONE. */
uint32_t model_holder(const model_t *model, uint32_t offset);

/* Index of a live block at or after `index`, around the end; MODEL_NONE if there is none. */
uint32_t model_live_from(const model_t *model, uint32_t index);

/* Cuts a live block of `taken` bytes out of free space. Returns its index, or MODEL_NONE if those
 * bytes are not all free. */
uint32_t model_alloc(model_t *model, uint32_t offset, uint32_t taken, berth_tag_t tag);

/* Makes a live block free and merges it. */
void model_free(model_t *model, uint32_t index);

/* Whether a live block can take `taken` bytes where it is. */
bool model_can_resize(const model_t *model, uint32_t index, uint64_t taken);

void model_resize(model_t *model, uint32_t index, uint32_t taken);

#endif /* TESTS_MODEL_MODEL_H */
