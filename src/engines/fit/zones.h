/* zones.h: the index of large free blocks: by zone, in each zone the largest first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The book is cut into zones. The free blocks that end in a zone are the nodes of one list, sorted
 * by size: 45 at most, for their ends are BINNED and a smallest live block apart, and that bounds
 * every walk along it. Above the zones stands a tournament of their largest blocks.
 *
 *   ... [next][up][footer] end
 *
 * A node is named by its block's end, where its words lie: a block that grows or shrinks at its low
 * end stays where it is, unless the order forbids. `up` is the place of the link that leads to it.
 * Sizes are kept and compared as free headers, which is how a footer has them.
 */
#ifndef BERTH_FIT_ZONES_H
#define BERTH_FIT_ZONES_H

#include "block.h"

#include <string.h>

#define ZONE_SHIFT 12u /* log2 of a zone's book bytes */
#define ZONES_TELLING 4u
#define NODE_SIZE ((uint32_t)sizeof(fit_node_t))
#define ZONE_BLOCKS 64u  /* more than can end in a zone */
#define NOBODY NODE_SIZE /* the node at the end of every list */

/* The tournament: the winner of all at [1], the two that it came from at [2] and [3], and so on;
 * the last round is between zones. [0] is beyond any size. */
static inline uint32_t *zones_matches(const fit_t *fit)
{
    return (uint32_t *)(uintptr_t)(fit + 1);
}

static inline uint32_t zones_of(uint32_t end)
{
    return end >> ZONE_SHIFT;
}

/* Where the link to a zone's first node is. */
static inline uint32_t zones_up(const fit_t *fit, uint32_t zone)
{
    return fit->zones_at + zone * WORD;
}

/* Lays out the control block for a book that ends at `size`. Returns where the control block
 * ends. */
static inline uint32_t zones_plan(fit_t *fit, uint32_t size)
{
    const uint32_t pairs = zones_of(size - 1) / 2 + 1;
    fit->leaves = 2;
    while (fit->leaves < 2 * pairs) {
        fit->leaves *= 2;
    }
    fit->zones_at = (uint32_t)sizeof(fit_t) + (fit->leaves / 2 + pairs + (pairs & 1u)) * WORD;
    return zones_up(fit, 2 * pairs);
}

/* The zones that have a link: all of the last pair. */
static inline uint32_t zones_count(const fit_t *fit)
{
    return (zones_of(fit->last) | 1u) + 1;
}

static inline void zones_start(fit_t *fit)
{
    memset(fit + 1, 0, fit->first - sizeof(fit_t));
    zones_matches(fit)[0] = UINT32_MAX;
    for (uint32_t zone = 0; zone < zones_count(fit); zone++) {
        *word_at(fit, zones_up(fit, zone)) = NOBODY;
    }
}

/* Whether a walk along a list, in which this many are left of all that there can be, may go on. */
static inline bool zones_may_go_on(uint32_t left)
{
    return !PROVES_ALL || left != 0;
}

static inline fit_node_t *zones_node(const fit_t *fit, uint32_t end)
{
    return (fit_node_t *)word_at(fit, end) - 1;
}

static inline uint32_t zones_footer(const fit_t *fit, uint32_t end)
{
    return word_at(fit, end)[-1];
}

/* Whether a node can end there. */
static inline bool zones_are_within(const fit_t *fit, uint32_t end)
{
    return end - fit->first - 1 < fit->span && end % WORD == 0;
}

/* Where a link leads that says `next`; one that leads to no node that knows it ends its list. */
static inline uint32_t zones_told(const fit_t *fit, uint32_t up, uint32_t next)
{
    const bool is_proved =
        !PROVES_ALL || (zones_are_within(fit, next) && zones_node(fit, next)->up == up);
    return is_proved ? next : NOBODY;
}

static SHARED uint32_t zones_next(const fit_t *fit, uint32_t up)
{
    return zones_told(fit, up, *word_at(fit, up));
}

/* The start of a node's block. */
static inline uint32_t zones_block(const fit_t *fit, uint32_t end)
{
    return end - header_size(fit, zones_footer(fit, end));
}

/* The footer of a zone's largest block, or 0. */
static inline uint32_t zones_peak(const fit_t *fit, uint32_t zone)
{
    return zones_footer(fit, zones_next(fit, zones_up(fit, zone)));
}

/* The footer of the largest block of all, or 0. */
static inline uint32_t zones_largest(const fit_t *fit)
{
    return zones_matches(fit)[1];
}

/* Carries up the tournament that a zone's peak has risen, if it has: log2(leaves) steps at most. */
static SHARED void zones_raise(fit_t *fit, uint32_t zone, uint32_t peak)
{
    uint32_t *matches = zones_matches(fit);
    size_t match = (zone + fit->leaves) / 2;
    for (; matches[match] < peak && zones_may_go_on((uint32_t)match); match /= 2) {
        matches[match] = peak;
    }
}

/* Carries up the tournament that a zone's peak was `before` and has fallen. */
static SHARED void zones_lower(fit_t *fit, uint32_t zone, uint32_t before)
{
    uint32_t *matches = zones_matches(fit);
    size_t match = (zone + fit->leaves) / 2;
    if (matches[match] != before) {
        return;
    }
    uint32_t peak = larger(zones_peak(fit, zone), zones_peak(fit, zone ^ 1u));
    for (; peak < before && zones_may_go_on((uint32_t)match); match /= 2) {
        matches[match] = peak;
        peak = larger(peak, matches[match ^ 1u]);
    }
}

/* Puts a node into its zone's list, from a link on. What a damaged link led to is cut off, for
 * check() to find. */
static inline void zones_put(fit_t *fit, uint32_t up, uint32_t end, uint32_t footer)
{
    uint32_t next = zones_next(fit, up);
    for (uint32_t left = ZONE_BLOCKS; zones_footer(fit, next) > footer && zones_may_go_on(left);
         left--) {
        up = next - NODE_SIZE;
        next = zones_next(fit, up);
    }
    *word_at(fit, up) = end;
    fit_node_t *node = zones_node(fit, end);
    node->next = next;
    node->up = up;
    zones_node(fit, next)->up = end - NODE_SIZE;
}

static inline void zones_take(fit_t *fit, const fit_node_t *node)
{
    *word_at(fit, node->up) = node->next;
    zones_node(fit, node->next)->up = node->up;
}

/* Takes up a block whose footer is written. */
static COPIED void zones_insert(fit_t *fit, uint32_t end, uint32_t footer)
{
    zones_put(fit, zones_up(fit, zones_of(end)), end, footer);
    zones_raise(fit, zones_of(end), footer);
}

static SHARED void zones_remove(fit_t *fit, uint32_t end)
{
    const fit_node_t *node = zones_node(fit, end);
    zones_take(fit, node);
    if (node->up < fit->first) {
        zones_lower(fit, zones_of(end), node->footer);
    }
}

/* Follows a block whose low end has moved down, as its footer says. */
static COPIED void zones_grow(fit_t *fit, uint32_t end, uint32_t footer)
{
    const fit_node_t *node = zones_node(fit, end);
    if (node->up >= fit->first) {
        if (zones_footer(fit, node->up + NODE_SIZE) >= footer) {
            return;
        }
        zones_take(fit, node);
        zones_put(fit, zones_up(fit, zones_of(end)), end, footer);
    }
    zones_raise(fit, zones_of(end), footer);
}

/* Follows a block whose low end has moved up, as its footer says. */
static COPIED void zones_shrink(fit_t *fit, uint32_t end, uint32_t before, uint32_t footer)
{
    const fit_node_t *node = zones_node(fit, end);
    const uint32_t up = node->up;
    if (zones_footer(fit, node->next) > footer) {
        zones_take(fit, node);
        zones_put(fit, node->next - NODE_SIZE, end, footer);
    }
    if (up < fit->first) {
        zones_lower(fit, zones_of(end), before);
    }
}

/* Finds the smallest block of at least a size in the lowest zone that has one. Returns its end. The
 * size, as a free header, must not exceed zones_largest(). */
static COPIED uint32_t zones_find(const fit_t *fit, uint32_t least)
{
    const uint32_t *matches = zones_matches(fit);
    const size_t rounds = fit->leaves / 2;
    size_t match = 1;
    while (match < rounds) {
        match *= 2;
        match += matches[match] < least;
    }
    const uint32_t up = zones_up(fit, (uint32_t)(match - rounds) * 2);
    const word_t *pair = word_at(fit, up);
    const uint32_t first = zones_told(fit, up, pair[0]);
    uint32_t end = zones_footer(fit, first) < least ? zones_told(fit, up + WORD, pair[1]) : first;
    uint32_t next = zones_next(fit, end - NODE_SIZE);
    for (uint32_t left = ZONE_BLOCKS; zones_footer(fit, next) >= least && zones_may_go_on(left);
         left--) {
        end = next;
        next = zones_next(fit, end - NODE_SIZE);
    }
    return end;
}

/* Whether the link to a node, and the node after it, know it. */
static SHARED bool zones_hold(const fit_t *fit, uint32_t end)
{
    const uint32_t up = zones_node(fit, end)->up;
    const uint32_t next = zones_node(fit, end)->next;
    return (up | next) % WORD == 0 && larger(up, next) <= fit->last - SMALLEST &&
           *word_at(fit, up) == end &&
           (next <= NOBODY ? next == NOBODY : zones_node(fit, next)->up == end - NODE_SIZE);
}

/* Whether a word, of which two more follow in the book, is one of the links of a node: in a region
 * too large for a seal, it may look like the header of a block that was freed there. */
static COPIED bool zones_cover(const fit_t *fit, uint32_t at)
{
    return zones_hold(fit, at + 2 * WORD) || zones_hold(fit, at + 3 * WORD);
}

/* Whether no free block ends in most of the zones that lie within [at, end), which are no fewer
 * than ZONES_TELLING: one to three matches of the right round tell. */
static inline bool zones_are_empty(const fit_t *fit, uint32_t at, uint32_t end)
{
    const uint32_t round = 30u - (uint32_t)__builtin_clz((end - at) >> ZONE_SHIFT);
    const uint32_t *matches = zones_matches(fit) + (fit->leaves >> round);
    const uint32_t beyond = zones_of(end) >> round;
    uint32_t peaks = 0;
    for (uint32_t match = (zones_of(at) >> round) + 1; match < beyond; match++) {
        peaks |= matches[match];
    }
    return peaks == 0;
}

/* Whether there can be a live block [at, end), as far as the zones tell. What looks like a header
 * by chance mostly claims to be a large one. */
static COPIED bool zones_allow(const fit_t *fit, uint32_t at, uint32_t end)
{
    return (end - at) >> ZONE_SHIFT < ZONES_TELLING || zones_are_empty(fit, at, end);
}

/* The footer of a zone's largest block if its link may be followed, else of none that there is. */
static inline uint32_t zones_peak_told(const fit_t *fit, uint32_t zone)
{
    const uint32_t end = *word_at(fit, zones_up(fit, zone));
    return zones_are_within(fit, end) || end == NOBODY ? zones_footer(fit, end) : UINT32_MAX;
}

/* The matches that there are, and the word before them. */
static inline uint32_t zones_match_count(const fit_t *fit)
{
    return (fit->zones_at - (uint32_t)sizeof(fit_t)) / WORD;
}

/* What a match must have. */
static inline uint32_t zones_winner(const fit_t *fit, uint32_t match)
{
    const uint32_t *matches = zones_matches(fit);
    const uint32_t count = zones_match_count(fit);
    const uint32_t left = 2 * match;
    if (left < fit->leaves) {
        return left < count ? larger(matches[left], matches[left + 1]) : 0;
    }
    return left - fit->leaves < zones_count(fit)
               ? larger(zones_peak_told(fit, left - fit->leaves),
                        zones_peak_told(fit, left + 1 - fit->leaves))
               : 0;
}

/* Whether `most` matches from one on, and those that there are of them, have the right winners;
 * and nothing lies where nothing should. */
static inline bool zones_matches_are_sound(const fit_t *fit, uint32_t from, uint32_t most)
{
    const uint32_t *matches = zones_matches(fit);
    const uint32_t count = zones_match_count(fit);
    uint32_t stray = ~matches[0];
    for (uint32_t match = larger(from, 1); match - from < most && match < count; match++) {
        stray |= matches[match] ^ zones_winner(fit, match);
    }
    for (uint32_t at = zones_up(fit, zones_count(fit)); at < fit->first; at += WORD) {
        stray |= *word_at(fit, at);
    }
    return stray == 0;
}

#endif /* BERTH_FIT_ZONES_H */
