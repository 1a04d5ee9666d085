/* trial.c: one region under test beside its model; each call is made on both and compared.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "trial.h"

#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAINT_WHOLE 256u   /* bytes: blocks up to this are painted and verified everywhere */
#define PAINT_WINDOW 64u   /* bytes at each end of a larger one ... */
#define PAINT_WINDOWS 4u   /* ... and at this many places between */
#define OVERHEAD_MAX 1024u /* bytes that the bookkeeping of a region may take, granules apart ... */
#define OVERHEAD_SHARE 500u /* ... or this part of a region, if it is more */

static void trial_fail(trial_t *trial, const char *what, uint32_t wanted, uint32_t got)
{
    if (!trial->failed) {
        trial->failed = true;
        printf("FAIL step %" PRIu32 ", region %s: %s: wanted %" PRIu32 " (0x%" PRIx32
               "), got %" PRIu32 " (0x%" PRIx32 ")\n",
               trial->steps, trial->region.name, what, wanted, wanted, got, got);
    }
}

static void trial_expect(trial_t *trial, const char *what, uint32_t wanted, uint32_t got)
{
    if (wanted != got) {
        trial_fail(trial, what, wanted, got);
    }
}

static void trial_trace(const trial_t *trial, const char *call, uint32_t offset, size_t size,
                        uint32_t more)
{
    if (trial->is_traced) {
        printf("%6" PRIu32 " %-8s offset %" PRIu32 " size %zu more 0x%" PRIx32 "\n", trial->steps,
               call, offset, size, more);
    }
}

/* --- contents ------------------------------------------------------------------------------- */

typedef struct window {
    uint32_t from; /* bytes into the block */
    uint32_t size;
} window_t;

static window_t paint_window(uint32_t usable, uint32_t index)
{
    if (usable <= PAINT_WHOLE) {
        return (window_t){.from = 0, .size = index == 0 ? usable : 0};
    }
    const uint32_t last = usable - PAINT_WINDOW;
    const uint32_t from = (uint32_t)((uint64_t)last * index / (PAINT_WINDOWS + 1u));
    return (window_t){.from = from, .size = PAINT_WINDOW};
}

static uint8_t paint_byte(uint32_t paint, uint32_t position)
{
    return (uint8_t)((paint + (position >> 2) * 0x9E3779B9u) >> (8u * (position & 3u)));
}

static uint8_t *trial_bytes(const trial_t *trial, const model_block_t *block)
{
    return (uint8_t *)trial->region.base + model_offset(&trial->model, block);
}

static void trial_paint(trial_t *trial, uint32_t index)
{
    model_block_t *block = &trial->model.blocks[index];
    if (trial->region.base == NULL) {
        return;
    }
    const uint32_t usable = model_usable(&trial->model, block);
    uint8_t *bytes = trial_bytes(trial, block);
    block->paint = random_mix(++trial->painted);
    for (uint32_t i = 0; i <= PAINT_WINDOWS + 1u; i++) {
        const window_t window = paint_window(usable, i);
        for (uint32_t at = window.from; at < window.from + window.size; at++) {
            bytes[at] = paint_byte(block->paint, at);
        }
    }
}

/* Whether the first `limit` bytes hold what was painted when `usable` bytes were. */
static bool trial_is_intact(const trial_t *trial, const model_block_t *block, uint32_t usable,
                            uint32_t limit)
{
    if (trial->region.base == NULL) {
        return true;
    }
    const uint8_t *bytes = trial_bytes(trial, block);
    for (uint32_t i = 0; i <= PAINT_WINDOWS + 1u; i++) {
        const window_t window = paint_window(usable, i);
        for (uint32_t at = window.from; at < window.from + window.size && at < limit; at++) {
            if (bytes[at] != paint_byte(block->paint, at)) {
                return false;
            }
        }
    }
    return true;
}

static void trial_verify_contents(trial_t *trial, uint32_t index)
{
    if (index >= trial->model.count) {
        return;
    }
    const model_block_t *block = &trial->model.blocks[index];
    const uint32_t usable = model_usable(&trial->model, block);
    if (block->owner != BERTH_NO_OWNER && !trial_is_intact(trial, block, usable, usable)) {
        trial_fail(trial, "contents of a block changed", model_offset(&trial->model, block),
                   usable);
    }
}

/* --- hashes: what must not change ------------------------------------------------------------ */

static uint32_t hash_words(uint32_t hash, const void *memory, uint32_t size)
{
    const uint8_t *bytes = memory;
    for (uint32_t at = 0; at < size; at += 4u) {
        uint32_t word = 0;
        memcpy(&word, bytes + at, size - at < 4u ? size - at : 4u);
        hash = (hash ^ word) * 0x01000193u;
        hash ^= hash >> 15;
    }
    return hash;
}

uint32_t trial_hash(const trial_t *trial)
{
    uint32_t hash = 0x811C9DC5u;
    if (trial->region.base != NULL) {
        hash = hash_words(hash, trial->region.base, trial->region.size);
    }
    if (trial->region.beside != NULL) {
        hash = hash_words(hash, trial->region.beside, trial->region.beside_size);
    }
    return hash;
}

/* Hashing is dear: a step looks at about a kilobyte on average, whatever the region's size. */
static bool trial_is_hash_due(const trial_t *trial)
{
    return random_mix(trial->steps) % (trial->region.size / 1024u + 1u) == 0;
}

static uint32_t trial_hash_before(const trial_t *trial)
{
    return trial_is_hash_due(trial) ? trial_hash(trial) : 0;
}

static void trial_hash_after(trial_t *trial, const char *what, uint32_t before)
{
    if (trial_is_hash_due(trial)) {
        trial_expect(trial, what, before, trial_hash(trial));
    }
}

/* --- comparing one block --------------------------------------------------------------------- */

static void trial_compare_free(trial_t *trial, const model_block_t *wanted,
                               const berth_block_t *got)
{
    const uint32_t usable = model_usable(&trial->model, wanted);
    if (trial->model.promise <= trial->model.granule) {
        trial_expect(trial, "size of a free block", usable, got->size);
    } else if (got->size > usable) {
        trial_fail(trial, "size of a free block", usable, got->size);
    }
}

static void trial_compare(trial_t *trial, const model_block_t *wanted, const berth_block_t *got)
{
    trial_expect(trial, "status of a block", BERTH_OK, (uint32_t)got->status);
    trial_expect(trial, "offset of a block", model_offset(&trial->model, wanted), got->offset);
    trial_expect(trial, "bytes taken by a block", wanted->taken, got->taken);
    trial_expect(trial, "owner of a block", wanted->owner, got->owner);
    trial_expect(trial, "word of a block", wanted->has_word, got->has_word);
    if (wanted->owner == BERTH_NO_OWNER) {
        trial_compare_free(trial, wanted, got);
    } else {
        trial_expect(trial, "size of a block", model_usable(&trial->model, wanted), got->size);
    }
}

static void trial_verify_word(trial_t *trial, const model_block_t *block)
{
    const uint32_t offset = model_offset(&trial->model, block);
    const uint32_t *word = trial->engine->word(&trial->region, offset);
    trial_expect(trial, "word is there", block->has_word, word != NULL);
    if (word != NULL && block->has_word) {
        trial_expect(trial, "word", block->word, *word);
    }
}

/* A live block by find() and word(), and what it holds. */
static void trial_verify_block(trial_t *trial, uint32_t index)
{
    const model_block_t *block = &trial->model.blocks[index];
    const berth_block_t found =
        trial->engine->find(&trial->region, model_offset(&trial->model, block));
    trial_compare(trial, block, &found);
    trial_verify_word(trial, block);
    trial_verify_contents(trial, index);
}

/* The blocks that a call on this one might have hurt. */
static void trial_verify_around(trial_t *trial, uint32_t index)
{
    const uint32_t first = index >= 2u ? index - 2u : 0u;
    for (uint32_t i = first; i <= index + 2u && i < trial->model.count; i++) {
        if (trial->model.blocks[i].owner != BERTH_NO_OWNER) {
            trial_verify_block(trial, i);
        }
    }
}

/* --- starting -------------------------------------------------------------------------------- */

void trial_start(trial_t *trial, berth_region_t region)
{
    const bool is_traced = trial->is_traced;
    const bool is_thrifty = trial->is_thrifty;
    memset(trial, 0, sizeof *trial); /* no compound literal: it would pass over a small stack */
    trial->engine = region.engine;
    trial->region = region;
    trial->is_traced = is_traced;
    trial->is_thrifty = is_thrifty;
    const berth_status_t status = trial->engine->start(&trial->region);
    trial_expect(trial, "start", BERTH_OK, (uint32_t)status);
    if (trial->failed) {
        return;
    }
    const berth_block_t first = trial->engine->walk(&trial->region, BERTH_WALK_START);
    const uint32_t header = region.beside == NULL ? 4u : 0u;
    trial_expect(trial, "a new region is one free block", BERTH_NOWHERE, first.next);
    trial->overhead = region.size - first.taken;
    model_start(&trial->model, &region, first.offset - header, first.offset - header + first.taken);
    const uint32_t share = region.size / OVERHEAD_SHARE;
    const uint32_t inside = share > OVERHEAD_MAX ? share : OVERHEAD_MAX;
    const uint32_t limit = (region.beside == NULL ? inside : 0) + 2u * trial->model.granule;
    if (first.taken > region.size || trial->overhead > limit) {
        trial_fail(trial, "bytes that a new region lost", limit, trial->overhead);
    }
    trial_expect(trial, "first payload is aligned to the granule", 0,
                 (region.address + first.offset) % trial->model.granule);
    trial_audit(trial);
}

/* --- asking ---------------------------------------------------------------------------------- */

static bool trial_is_valid(size_t size, berth_tag_t tag)
{
    return size != 0 && (tag & BERTH_TAG_OWNER) != 0;
}

/* What the engine says it would do with a request; verified against what the model allows. */
static bool trial_question(trial_t *trial, size_t size, uint32_t align, berth_tag_t tag)
{
    const model_t *model = &trial->model;
    const bool has_word = (tag & BERTH_TAG_WORD) != 0;
    const bool fits = trial->engine->fits(&trial->region, size, align, tag);
    const uint64_t taken = model_taken(model, size, has_word);
    if (!trial_is_valid(size, tag)) {
        trial_expect(trial, "fits of an invalid request", false, fits);
        return fits;
    }
    if (fits && !model_can_hold(model, taken, align)) {
        trial_fail(trial, "fits, and nothing can hold it", (uint32_t)taken, align);
    }
    if (!fits && model_must_hold(model, taken, align)) {
        trial_fail(trial, "does not fit, and something can hold it", (uint32_t)taken, align);
    }
    if (!trial->is_thrifty) {
        const uint32_t largest = trial->engine->allocatable(&trial->region, align, tag);
        trial_expect(trial, "allocatable agrees with fits", size <= largest, fits);
        if (model_align(model, align) <= model->granule) {
            trial_expect(trial, "allocatable", model_allocatable(model, has_word), largest);
        }
    }
    return fits;
}

void trial_ask(trial_t *trial, size_t size, uint32_t align, berth_tag_t tag)
{
    trial->steps++;
    trial_trace(trial, "ask", 0, size, align);
    const uint32_t before = trial_hash_before(trial);
    (void)trial_question(trial, size, align, tag);
    trial_hash_after(trial, "asking changes nothing", before);
}

/* --- alloc ----------------------------------------------------------------------------------- */

/* The word lies with its block, clear of the usable bytes. */
static void trial_new_word(trial_t *trial, uint32_t index)
{
    model_block_t *block = &trial->model.blocks[index];
    const uint32_t offset = model_offset(&trial->model, block);
    uint32_t *word = trial->engine->word(&trial->region, offset);
    if (word == NULL) {
        trial_fail(trial, "a block has the word it was asked with", offset, 0);
        return;
    }
    const bool inside = trial->region.beside == NULL;
    const uintptr_t low =
        inside ? (uintptr_t)trial->region.base + offset + model_usable(&trial->model, block)
               : (uintptr_t)trial->region.beside;
    const uintptr_t high = inside ? (uintptr_t)trial->region.base + block->start + block->taken
                                  : (uintptr_t)trial->region.beside + trial->region.beside_size;
    const uintptr_t at = (uintptr_t)word;
    if (at % 4u != 0 || at < low || at + 4u > high) {
        trial_fail(trial, "a word lies clear of its block's bytes", (uint32_t)low, (uint32_t)at);
        return;
    }
    block->word = random_mix(trial->steps);
    *word = block->word;
}

static uint32_t trial_take(trial_t *trial, berth_grant_t grant, uint32_t align, uint64_t taken,
                           berth_tag_t tag)
{
    model_t *model = &trial->model;
    const uint32_t granule = model->granule;
    const uint32_t wanted = model_align(model, align);
    trial_expect(trial, "size of a grant", (uint32_t)taken, grant.size);
    trial_expect(trial, "alignment of a grant", 0,
                 (model->address + grant.offset) % (wanted > granule ? wanted : granule));
    const uint32_t index = model_alloc(model, grant.offset, (uint32_t)taken, tag);
    if (index == MODEL_NONE) {
        trial_fail(trial, "a grant lies in free space", (uint32_t)taken, grant.offset);
        return MODEL_NONE;
    }
    if ((tag & BERTH_TAG_WORD) != 0) {
        trial_new_word(trial, index);
    }
    trial_paint(trial, index);
    trial_verify_around(trial, index);
    return index;
}

uint32_t trial_alloc(trial_t *trial, size_t size, uint32_t align, berth_tag_t tag)
{
    if (trial->failed) {
        return MODEL_NONE;
    }
    trial->steps++;
    trial_trace(trial, "alloc", align, size, tag);
    const uint32_t before = trial_hash_before(trial);
    const bool fits = trial_question(trial, size, align, tag);
    const berth_grant_t grant = trial->engine->alloc(&trial->region, size, align, tag);
    trial_expect(trial, "alloc does what fits said", fits, grant.offset != BERTH_NOWHERE);
    if (grant.offset == BERTH_NOWHERE || trial->failed) {
        trial_expect(trial, "size of a refusal", 0, grant.size);
        trial_hash_after(trial, "a refused alloc changes nothing", before);
        return MODEL_NONE;
    }
    const uint64_t taken = model_taken(&trial->model, size, (tag & BERTH_TAG_WORD) != 0);
    return trial_take(trial, grant, align, taken, tag);
}

/* --- free ------------------------------------------------------------------------------------ */

void trial_free(trial_t *trial, uint32_t index)
{
    if (trial->failed) {
        return;
    }
    trial->steps++;
    const model_block_t block = trial->model.blocks[index];
    const uint32_t offset = model_offset(&trial->model, &block);
    trial_trace(trial, "free", offset, block.taken, block.owner);
    trial_verify_block(trial, index);
    const berth_change_t change = trial->engine->free(&trial->region, offset);
    trial_expect(trial, "status of free", BERTH_OK, (uint32_t)change.status);
    trial_expect(trial, "free: bytes before", block.taken, change.before);
    trial_expect(trial, "free: bytes after", 0, change.after);
    trial_expect(trial, "free: owner", block.owner, change.owner);
    model_free(&trial->model, index);
    trial_verify_around(trial, index);
}

/* A call that was refused as the contract says, whatever it was. */
static void trial_refused(trial_t *trial, const char *what, berth_status_t wanted,
                          berth_change_t change)
{
    trial_expect(trial, what, (uint32_t)wanted, (uint32_t)change.status);
    trial_expect(trial, "a refusal changes no size", change.before, change.after);
}

void trial_free_twice(trial_t *trial, uint32_t index)
{
    const uint32_t offset = model_offset(&trial->model, &trial->model.blocks[index]);
    trial_free(trial, index);
    if (trial->failed) {
        return;
    }
    trial->steps++;
    trial_trace(trial, "again", offset, 0, 0);
    const uint32_t before = trial_hash_before(trial);
    trial_refused(trial, "second free", BERTH_ERR_INVALID,
                  trial->engine->free(&trial->region, offset));
    trial_hash_after(trial, "a second free changes nothing", before);
}

/* --- resize ---------------------------------------------------------------------------------- */

static void trial_resized(trial_t *trial, uint32_t index, uint32_t taken)
{
    model_t *model = &trial->model;
    const uint32_t old = model_usable(model, &model->blocks[index]);
    model_resize(model, index, taken);
    const uint32_t new = model_usable(model, &model->blocks[index]);
    if (!trial_is_intact(trial, &model->blocks[index], old, old < new ? old : new)) {
        trial_fail(trial, "resize kept the contents", old, new);
    }
    trial_paint(trial, index);
    trial_verify_around(trial, index);
}

void trial_resize(trial_t *trial, uint32_t index, size_t size)
{
    if (trial->failed) {
        return;
    }
    trial->steps++;
    const model_block_t block = trial->model.blocks[index];
    const uint32_t offset = model_offset(&trial->model, &block);
    const uint64_t taken = model_taken(&trial->model, size, block.has_word);
    trial_trace(trial, "resize", offset, size, block.taken);
    trial_verify_block(trial, index);
    const uint32_t before = trial_hash_before(trial);
    const berth_change_t change = trial->engine->resize(&trial->region, offset, size);
    trial_expect(trial, "resize: bytes before", block.taken, change.before);
    trial_expect(trial, "resize: owner", block.owner, change.owner);
    if (size == 0 || !model_can_resize(&trial->model, index, taken)) {
        trial_refused(trial, "resize too far", size == 0 ? BERTH_ERR_INVALID : BERTH_ERR_NOMEM,
                      change);
        trial_hash_after(trial, "a refused resize changes nothing", before);
        return;
    }
    trial_expect(trial, "status of resize", BERTH_OK, (uint32_t)change.status);
    trial_expect(trial, "resize: bytes after", (uint32_t)taken, change.after);
    if (!trial->failed) {
        trial_resized(trial, index, (uint32_t)taken);
    }
}

/* --- give and word --------------------------------------------------------------------------- */

void trial_give(trial_t *trial, uint32_t index, berth_owner_t owner)
{
    if (trial->failed) {
        return;
    }
    trial->steps++;
    model_block_t *block = &trial->model.blocks[index];
    const uint32_t offset = model_offset(&trial->model, block);
    trial_trace(trial, "give", offset, 0, owner);
    const bool is_valid = owner != BERTH_NO_OWNER && owner <= BERTH_OTHERS;
    const berth_status_t status = trial->engine->give(&trial->region, offset, owner);
    trial_expect(trial, "status of give", (uint32_t)(is_valid ? BERTH_OK : BERTH_ERR_INVALID),
                 (uint32_t)status);
    if (is_valid) {
        block->owner = owner;
    }
    trial_verify_around(trial, index);
}

void trial_word(trial_t *trial, uint32_t index, uint32_t value)
{
    if (trial->failed) {
        return;
    }
    trial->steps++;
    model_block_t *block = &trial->model.blocks[index];
    const uint32_t offset = model_offset(&trial->model, block);
    trial_trace(trial, "word", offset, 0, value);
    trial_verify_block(trial, index);
    uint32_t *word = trial->engine->word(&trial->region, offset);
    if (word != NULL && block->has_word) {
        *word = value;
        block->word = value;
    }
    trial_verify_around(trial, index);
}

/* --- wrong calls ----------------------------------------------------------------------------- */

/* With bookkeeping inside the region, some payload could look like a header: only outside, off the
 * granule or at a free block's start is the answer certain. */
static bool trial_is_surely_wrong(const trial_t *trial, uint32_t offset)
{
    const model_t *model = &trial->model;
    const uint32_t holder = model_holder(model, offset - model->header);
    const uint32_t index = model_find(model, offset);
    if (index != MODEL_NONE) {
        return model->blocks[index].owner == BERTH_NO_OWNER;
    }
    const bool is_off = (model->address + offset) % model->granule != 0;
    return holder == MODEL_NONE || is_off || trial->region.beside != NULL;
}

void trial_wrong(trial_t *trial, uint32_t offset)
{
    if (trial->failed || !trial_is_surely_wrong(trial, offset)) {
        return;
    }
    trial->steps++;
    trial_trace(trial, "wrong", offset, 0, 0);
    const berth_engine_t *engine = trial->engine;
    berth_region_t *region = &trial->region;
    const uint32_t before = trial_hash_before(trial);
    trial_refused(trial, "wrong free", BERTH_ERR_INVALID, engine->free(region, offset));
    trial_refused(trial, "wrong resize", BERTH_ERR_INVALID, engine->resize(region, offset, 8));
    trial_expect(trial, "wrong find", (uint32_t)BERTH_ERR_INVALID,
                 (uint32_t)engine->find(region, offset).status);
    trial_expect(trial, "wrong give", (uint32_t)BERTH_ERR_INVALID,
                 (uint32_t)engine->give(region, offset, 1));
    trial_expect(trial, "wrong word", true, engine->word(region, offset) == NULL);
    trial_hash_after(trial, "wrong calls change nothing", before);
}

/* --- everything ------------------------------------------------------------------------------ */

static uint32_t trial_audit_block(trial_t *trial, uint32_t index, uint32_t cursor)
{
    const model_block_t *block = &trial->model.blocks[index];
    const berth_block_t walked = trial->engine->walk(&trial->region, cursor);
    const berth_block_t checked = trial->engine->check(&trial->region, cursor);
    trial_compare(trial, block, &walked);
    trial_compare(trial, block, &checked);
    trial_expect(trial, "check and walk go the same way", walked.next, checked.next);
    if (block->owner != BERTH_NO_OWNER) {
        trial_verify_block(trial, index);
    }
    return walked.next;
}

static void trial_audit_questions(trial_t *trial)
{
    const uint32_t shift = random_mix(trial->steps) % 16u;
    const uint32_t largest = model_allocatable(&trial->model, false);
    (void)trial_question(trial, 1, 0, 1);
    (void)trial_question(trial, largest, 0, 1);
    (void)trial_question(trial, (size_t)largest + 1u, 1, 1u | BERTH_TAG_WORD);
    (void)trial_question(trial, largest / 2u + 1u, 1u << shift, 1);
}

void trial_audit(trial_t *trial)
{
    const model_t *model = &trial->model;
    uint32_t cursor = BERTH_WALK_START;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < model->count && !trial->failed; i++) {
        trial_expect(trial, "the walk ends too soon", false, cursor == BERTH_NOWHERE);
        if (trial->failed) {
            return;
        }
        cursor = trial_audit_block(trial, i, cursor);
        taken += model->blocks[i].owner != BERTH_NO_OWNER ? model->blocks[i].taken : 0;
    }
    trial_expect(trial, "end of the walk", BERTH_NOWHERE, cursor);
    trial_expect(trial, "sum of grants and changes", taken, model->live_taken);
    trial_audit_questions(trial);
}
