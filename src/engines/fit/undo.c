/* undo.c: takes an allocation or a free back as if it had never been: for questions.
 * SPDX-License-Identifier: Apache-2.0
 *
 *      e0          e1           e2         e3
 *      [free, or none][    block    ][free, or none]     as it is with the block
 *      [                   free                    ]     as it is without
 *
 * An allocation makes the first picture of the second, a free the second of the first. Both write
 * at these four edges alone: so the words there are noted. What else changes is in the index. There
 * the pieces of the picture that was made are taken out, which makes their neighbours what they
 * were; and those of the picture that was go back in, each between the two that its own words name.
 */
#include "inspect.h"
#include "locate.h"
#include "room.h"
#include "start.h"

#define WORDS_NOTED 19u

/* What the engine keeps in a berth_note_t. */
typedef struct noted {
    uint32_t edges[4]; /* the first is 0: nothing was to be done */
    uint32_t nobody_up;
    uint32_t is_free; /* a free was noted, not an allocation */
    uint32_t saved[WORDS_NOTED];
} MAY_ALIAS noted_t;

_Static_assert(sizeof(noted_t) == sizeof(berth_note_t), "a note has room for all of it");

/* Where the words are that may be written: all within the edges, but for the header at the last.
 * Others use what lies outside, without a lock. */
static uint32_t edge_word(const uint32_t *edges, uint32_t index)
{
    static const int8_t from_edge[WORDS_NOTED] = {0,  1,  2, -3, -2, -1, 0,  1,  2, -3,
                                                  -2, -1, 0, 1,  2,  -3, -2, -1, 0};
    const uint32_t edge = index < 3 ? 0 : (index + 3) / 6;
    const uint32_t place = edges[edge] + WORD * (uint32_t)from_edge[index];
    return place - edges[0] <= edges[3] - edges[0] ? place : edges[0];
}

static void edges_note(const fit_t *fit, noted_t *noted)
{
    noted->nobody_up = fit->nobody.up;
    for (uint32_t i = 0; noted->edges[0] != 0 && i < WORDS_NOTED; i++) {
        noted->saved[i] = *word_at(fit, edge_word(noted->edges, i));
    }
}

void fit_note_alloc(const berth_region_t *region, size_t size, uint32_t align, berth_tag_t tag,
                    berth_note_t *note)
{
    const fit_t *fit = fit_of(region);
    noted_t *noted = (noted_t *)note->words;
    const uint32_t want = fit_cost(region, size, align, tag) >> fit->spread;
    const uint32_t meant = align_meant(fit, align);
    const uint32_t need = want + align_slack(fit, meant);
    const uint32_t at = want != 0 && need <= fit->span ? room_block(fit, need) : 0;
    *noted = (noted_t){.edges = {0}};
    if (at != 0 && room_is_proved(fit, at, need)) {
        noted->edges[0] = at;
        const uint32_t skip = (0u - (fit->address + block_offset(fit, at))) & (meant - 1);
        noted->edges[1] = at + (skip >> fit->spread);
        noted->edges[2] = noted->edges[1] + want;
        noted->edges[3] = at + block_size(fit, at);
    }
    edges_note(fit, noted);
}

void fit_note_free(const berth_region_t *region, uint32_t offset, berth_note_t *note)
{
    const fit_t *fit = fit_of(region);
    noted_t *noted = (noted_t *)note->words;
    const uint32_t at = fit_live(fit, offset);
    *noted = (noted_t){.is_free = true};
    if (at != 0) {
        const bool is_after_free = (*word_at(fit, at) & PREV_FREE) != 0;
        const uint32_t end = at + block_size(fit, at);
        noted->edges[0] = is_after_free ? block_before(fit, at) : at;
        noted->edges[1] = at;
        noted->edges[2] = end;
        noted->edges[3] = end + fit_room(fit, end);
    }
    edges_note(fit, noted);
}

/* Takes a free block out of the index; the top is in none. */
static void block_unlist(fit_t *fit, uint32_t at, uint32_t end)
{
    if (end == fit->last) {
        return;
    }
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
    const uint32_t *edges = noted->edges;
    if (noted->is_free) {
        block_unlist(fit, edges[0], edges[3]);
    } else {
        block_unlist(fit, edges[0], edges[1]);
        block_unlist(fit, edges[2], edges[3]);
    }
    for (uint32_t i = 0; i < WORDS_NOTED; i++) {
        *word_at(fit, edge_word(edges, i)) = noted->saved[i];
    }
    if (noted->is_free) {
        block_relist(fit, edges[0], edges[1]);
        block_relist(fit, edges[2], edges[3]);
    } else {
        block_relist(fit, edges[0], edges[3]);
    }
    fit->nobody.up = noted->nobody_up;
}
