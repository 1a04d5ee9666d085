/* undo.c: takes an allocation back as if it had never been: for questions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An allocation cuts a free block in up to three, and writes into it at the four edges of these
 * alone: so their words are noted. What else it changes, the index does again: the pieces that are
 * left go out of it, which makes their neighbours what they were; and the whole block goes back in
 * between the two that its own words name.
 */
#include "inspect.h"
#include "room.h"
#include "start.h"

#define WORDS_NOTED 14u

/* How a block is cut out of a free one. */
typedef struct cut {
    uint32_t at; /* of the free block; 0: there is none */
    uint32_t start;
    uint32_t rest; /* where the cut block ends */
    uint32_t end;  /* of the free one */
} cut_t;

/* What the engine keeps in a berth_note_t. */
typedef struct noted {
    cut_t cut;
    uint32_t nobody_up;
    uint32_t saved[WORDS_NOTED];
} MAY_ALIAS noted_t;

_Static_assert(sizeof(noted_t) <= sizeof(berth_note_t), "a note has room for all of it");

/* Where the words of a cut are that an allocation may write: all within the free block, but for the
 * header after it. Others use what lies outside, without a lock. */
static uint32_t cut_word(const cut_t *cut, uint32_t index)
{
    static const int8_t from_edge[WORDS_NOTED] = {0, 1, 2, -3, -2, -1, 0, 0, 1, 2, -3, -2, -1, 0};
    const uint32_t edge = index < 3    ? cut->at
                          : index < 7  ? cut->start
                          : index < 10 ? cut->rest
                                       : cut->end;
    const uint32_t place = edge + WORD * (uint32_t)from_edge[index];
    return place - cut->at <= cut->end - cut->at ? place : cut->at;
}

/* What alloc() would cut. */
static cut_t cut_of(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag)
{
    const fit_t *fit = fit_of(region);
    const uint32_t want = fit_cost(region, size, align, tag) >> fit->spread;
    const uint32_t meant = align_meant(fit, align);
    const uint32_t need = want + align_slack(fit, meant);
    cut_t cut = {.at = want != 0 && need <= fit->span ? room_block(fit, need) : 0};
    if (cut.at != 0) {
        const uint32_t skip = (0u - (fit->address + block_offset(fit, cut.at))) & (meant - 1);
        cut.start = cut.at + (skip >> fit->spread);
        cut.rest = cut.start + want;
        cut.end = cut.at + block_size(fit, cut.at);
    }
    return cut;
}

void fit_note(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag,
              berth_note_t *note)
{
    const fit_t *fit = fit_of(region);
    noted_t *noted = (noted_t *)note->words;
    noted->cut = cut_of(region, size, align, tag);
    noted->nobody_up = fit->nobody.up;
    for (uint32_t i = 0; noted->cut.at != 0 && i < WORDS_NOTED; i++) {
        noted->saved[i] = *word_at(fit, cut_word(&noted->cut, i));
    }
}

/* Takes a free block, which is not the top, out of the index. */
static void block_unlist(fit_t *fit, uint32_t at, uint32_t end)
{
    if (end - at >= BINNED) {
        zones_remove(fit, end);
    } else if (end - at >= SMALLEST) {
        bins_remove(fit, at, end - at);
    }
}

/* Puts a free block, whose words are as they were, back between its neighbours in the index. */
static void block_relist(fit_t *fit, uint32_t at, uint32_t end)
{
    const uint32_t size = end - at;
    if (end == fit->last) {
        fit->top = at;
    } else if (size >= BINNED) {
        const fit_node_t *node = zones_node(fit, end);
        *word_at(fit, node->up) = end;
        zones_node(fit, node->next)->up = end - NODE_SIZE;
        zones_raise(fit, zones_of(end), node->footer);
    } else if (size >= SMALLEST) {
        const word_t *block = word_at(fit, at);
        bins_before(fit, block[2])[1] = at;
        word_at(fit, block[1])[2] = at + 1;
        fit->bins_used |= 1u << (size / WORD);
    }
}

void fit_undo(berth_region_t *region, const berth_note_t *note)
{
    fit_t *fit = fit_of(region);
    const noted_t *noted = (const noted_t *)note->words;
    const cut_t cut = noted->cut;
    if (cut.start != cut.at) {
        block_unlist(fit, cut.at, cut.start);
    }
    if (cut.rest != cut.end && cut.end != fit->last) {
        block_unlist(fit, cut.rest, cut.end);
    }
    for (uint32_t i = 0; i < WORDS_NOTED; i++) {
        *word_at(fit, cut_word(&cut, i)) = noted->saved[i];
    }
    block_relist(fit, cut.at, cut.end);
    fit->nobody.up = noted->nobody_up;
}
