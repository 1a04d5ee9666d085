/* tlsf_model.h: what a TLSF allocator would grant: the control of scenarios about rounding.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A model, and none of the allocators of that name: it has their classes, their search and their
 * coalescing, on a sorted array of blocks. Classes are of two levels: powers of two, each cut into
 * as many steps as there are subdivisions. A block is filed under the class that holds its size; a
 * request is rounded up to the beginning of a class, so that whatever is filed there will do: and
 * a block that is large enough, but filed one class lower, is refused (micropython #8940).
 */
#ifndef TESTS_MODEL_TLSF_MODEL_H
#define TESTS_MODEL_TLSF_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define TLSF_MODEL_BLOCKS 4096u
#define TLSF_MODEL_OVERHEAD 4u /* bytes before each block: its size; sizes are without it */
#define TLSF_MODEL_NOWHERE UINT32_MAX

typedef struct tlsf_model_block {
    uint32_t offset; /* of its first usable byte */
    uint32_t size;   /* bytes usable */
    uint32_t freed;  /* when: of a class, what was freed last is granted first; 0: it is live */
} tlsf_model_block_t;

typedef struct tlsf_model {
    tlsf_model_block_t blocks[TLSF_MODEL_BLOCKS]; /* by address, without gaps */
    uint32_t count;
    uint32_t clock;
    uint32_t step_bits; /* log2 of the subdivisions: 4 or 5 as a rule */
} tlsf_model_t;

/* Begins with one free block of `size` bytes. */
void tlsf_model_start(tlsf_model_t *model, uint32_t size, uint32_t step_bits);

/* Returns where a block was granted, or TLSF_MODEL_NOWHERE. */
uint32_t tlsf_model_alloc(tlsf_model_t *model, uint32_t size);

/* Frees the live block at `offset`. False: there is none. */
bool tlsf_model_free(tlsf_model_t *model, uint32_t offset);

/* Tells the largest size that would be granted now. */
uint32_t tlsf_model_allocatable(const tlsf_model_t *model);

/* Tells the largest free block, and what is free in all: bytes. */
uint32_t tlsf_model_largest(const tlsf_model_t *model);
uint32_t tlsf_model_room(const tlsf_model_t *model);

#endif /* TESTS_MODEL_TLSF_MODEL_H */
