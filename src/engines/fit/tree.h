/* tree.h: the index of large free blocks: by place, each subtree knowing its largest block.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The book is cut into at most SEGMENTS segments. The free blocks that end in a segment are the
 * nodes of a binary trie over the bits of their ends, from the highest bit that differs within a
 * segment down to that of BINNED: any node may sit anywhere on its path. A node's words lie at the
 * end of its block, so a block that grows or shrinks at its low end stays where it is in the trie.
 * Above the segments stands a tournament of their largest blocks.
 *
 *   ... [up][peak 0][node 0][peak 1][node 1][footer] end
 *
 * A node is named by its end. `up` is the parent, plus the side on which it hangs there; a segment
 * looks to its topmost node like a parent's side 0. Paths are no longer than the bits of a segment,
 * and nothing else is ever followed.
 */
#ifndef BERTH_FIT_TREE_H
#define BERTH_FIT_TREE_H

#include "block.h"

#include <string.h>

#define SEGMENTS 128u      /* at most; a power of two */
#define SEGMENTS_FEW 32u   /* at most while segments are below 1 << SEGMENT_SHIFT_FEW */
#define SEGMENTS_FEWEST 4u /* or a segment's name as a parent could be taken for a block's end */
#define SEGMENT_SHIFT_LEAST 13u
#define SEGMENT_SHIFT_FEW 14u

/* What a node or a segment knows of one subtree. */
typedef struct fit_branch {
    uint32_t peak; /* book bytes of its largest block; 0: it is empty, and so is `node` */
    uint32_t node; /* its topmost node */
} MAY_ALIAS fit_branch_t;

/* What lies before a node's end. */
typedef struct fit_node {
    uint32_t up;
    fit_branch_t branch[2];
    uint32_t footer;
} MAY_ALIAS fit_node_t;

#define NODE_SIZE ((uint32_t)sizeof(fit_node_t))

static inline fit_branch_t *tree_segments(const fit_t *fit)
{
    return (fit_branch_t *)(uintptr_t)(fit + 1);
}

/* The tournament: the winner of all at [1], the two that it came from at [2] and [3], and so on;
 * the last round is between segments. */
static inline uint32_t *tree_peaks(const fit_t *fit)
{
    return (uint32_t *)(uintptr_t)(tree_segments(fit) + fit->leaves);
}

static inline uint32_t tree_control_size(uint32_t leaves)
{
    return leaves * (uint32_t)(sizeof(fit_branch_t) + sizeof(uint32_t));
}

/* Clears the tree, and what alignment leaves between it and the first block. */
static inline void tree_start(fit_t *fit)
{
    memset(tree_segments(fit), 0, fit->first - sizeof(fit_t));
}

static inline fit_node_t *tree_node(const fit_t *fit, uint32_t end)
{
    return (fit_node_t *)word_at(fit, end) - 1;
}

/* A segment's name as a parent. */
static inline uint32_t tree_root(uint32_t segment)
{
    return (uint32_t)(sizeof(fit_t) + segment * sizeof(fit_branch_t) + sizeof(fit_node_t) -
                      offsetof(fit_node_t, branch));
}

/* The branch that `up` names. */
static inline fit_branch_t *tree_branch(const fit_t *fit, uint32_t up)
{
    return &tree_node(fit, up & ~1u)->branch[up & 1u];
}

/* Whether a node could end there. */
static inline bool tree_is_end(const fit_t *fit, uint32_t end)
{
    return end % WORD == 0 && end - fit->first <= fit->span && end - fit->first >= BINNED;
}

/* Whether the branch on which a node says it hangs leads to it. */
static SHARED bool tree_holds(const fit_t *fit, uint32_t end)
{
    const uint32_t up = tree_node(fit, end)->up;
    return (up == tree_root(end >> fit->segment_shift) || tree_is_end(fit, up & ~1u)) &&
           tree_branch(fit, up)->node == end;
}

static inline uint32_t tree_size(const fit_t *fit, uint32_t end)
{
    return header_size(fit, tree_node(fit, end)->footer);
}

/* Carries a segment's new peak up the tournament: at most log2(SEGMENTS) steps. */
static inline void tree_replay(fit_t *fit, uint32_t segment)
{
    const fit_branch_t *segments = tree_segments(fit);
    uint32_t *peaks = tree_peaks(fit);
    uint32_t match = (segment + fit->leaves) >> 1;
    uint32_t peak = larger(segments[segment].peak, segments[segment ^ 1u].peak);
    while (peaks[match] != peak) {
        peaks[match] = peak;
        if (match == 1) {
            return;
        }
        peak = larger(peak, peaks[match ^ 1u]);
        match >>= 1;
    }
}

/* The largest block at or below a node. */
static inline uint32_t tree_peak(const fit_t *fit, uint32_t end)
{
    const fit_node_t *node = tree_node(fit, end);
    return larger(tree_size(fit, end), larger(node->branch[0].peak, node->branch[1].peak));
}

/* Tells the branch that leads to a node of its peak. Returns whether that is news. */
static inline bool tree_tell(fit_t *fit, const fit_node_t *node, uint32_t size)
{
    const uint32_t peak = larger(size, larger(node->branch[0].peak, node->branch[1].peak));
    fit_branch_t *branch = tree_branch(fit, node->up);
    const bool is_news = branch->peak != peak;
    branch->peak = peak;
    return is_news;
}

/* Carries a node's new size, or its branches', up to where it makes no difference. Returns whether
 * it makes one to the segment. */
static SHARED bool tree_climb(fit_t *fit, uint32_t end, uint32_t size)
{
    const fit_node_t *node = tree_node(fit, end);
    while (tree_tell(fit, node, size)) {
        if (node->up < fit->first) {
            return true;
        }
        node = tree_node(fit, node->up & ~1u);
        size = header_size(fit, node->footer);
    }
    return false;
}

/* As above, and to where it makes no difference to the tournament. */
static inline void tree_resize(fit_t *fit, uint32_t end, uint32_t size)
{
    if (tree_climb(fit, end, size)) {
        tree_replay(fit, end >> fit->segment_shift);
    }
}

static inline void tree_insert(fit_t *fit, uint32_t end, uint32_t size)
{
    const uint32_t segment = end >> fit->segment_shift;
    uint32_t bits = end << (31 - fit->segment_shift) << 1; /* that differ within a segment */
    uint32_t up = tree_root(segment);
    fit_branch_t *branch = &tree_segments(fit)[segment];
    const bool is_peak = branch->peak < size;
    while (branch->peak != 0) {
        branch->peak = larger(branch->peak, size);
        up = branch->node | bits >> 31;
        branch = tree_branch(fit, up);
        bits <<= 1;
    }
    *branch = (fit_branch_t){.peak = size, .node = end};
    fit_node_t *node = tree_node(fit, end);
    node->up = up;
    node->branch[0] = (fit_branch_t){.peak = 0};
    node->branch[1] = (fit_branch_t){.peak = 0};
    if (is_peak) {
        tree_replay(fit, segment);
    }
}

/* Puts the node `heir`, taken from its own place, in that of `end`. */
static inline void tree_replace(fit_t *fit, uint32_t end, uint32_t heir)
{
    const fit_node_t *from = tree_node(fit, end);
    fit_node_t *to = tree_node(fit, heir);
    to->up = from->up;
    tree_branch(fit, to->up)->node = heir;
    for (uint32_t side = 0; side < 2; side++) {
        to->branch[side] = from->branch[side];
        if (from->branch[side].peak != 0) {
            tree_node(fit, from->branch[side].node)->up = heir | side;
        }
    }
}

static inline bool tree_is_leaf(const fit_node_t *node)
{
    return (node->branch[0].peak | node->branch[1].peak) == 0;
}

/* Removes a node that has branches: a leaf from below takes its place, and all between hear of
 * it. */
static NOINLINE bool tree_remove_inner(fit_t *fit, uint32_t end)
{
    uint32_t leaf = end;
    const fit_node_t *node = tree_node(fit, end);
    while (!tree_is_leaf(node)) {
        leaf = node->branch[node->branch[0].peak - 1 < node->branch[1].peak - 1 ? 0 : 1].node;
        node = tree_node(fit, leaf);
    }
    uint32_t above = node->up & ~1u;
    *tree_branch(fit, node->up) = (fit_branch_t){.peak = 0};
    tree_replace(fit, end, leaf);
    while (above != end && tree_tell(fit, tree_node(fit, above), tree_size(fit, above))) {
        above = tree_node(fit, above)->up & ~1u;
        above = above == leaf ? end : above;
    }
    return tree_climb(fit, leaf, tree_size(fit, leaf));
}

/* Removes a node. Returns whether it makes a difference to the segment, to be replayed. */
static inline bool tree_remove(fit_t *fit, uint32_t end)
{
    const fit_node_t *node = tree_node(fit, end);
    if (!tree_is_leaf(node)) {
        return tree_remove_inner(fit, end);
    }
    const uint32_t up = node->up;
    *tree_branch(fit, up) = (fit_branch_t){.peak = 0};
    return up < fit->first || tree_climb(fit, up & ~1u, tree_size(fit, up & ~1u));
}

/* The size of the largest free block in the tree, or 0. */
static inline uint32_t tree_largest(const fit_t *fit)
{
    return tree_peaks(fit)[1];
}

/* The lowest segment that has a block of at least `size`, which one must. */
static inline uint32_t tree_lowest(const fit_t *fit, uint32_t size)
{
    const uint32_t *peaks = tree_peaks(fit);
    const uint32_t rounds = fit->leaves / 2u;
    uint32_t match = 1;
    while (match < rounds) {
        match = 2 * match + (peaks[2 * match] < size);
    }
    const uint32_t segment = 2 * match - fit->leaves;
    return segment + (tree_segments(fit)[segment].peak < size);
}

/* Whether every match of the tournament has the right winner, and nothing lies where nothing
 * should. */
static inline bool tree_is_sound(const fit_t *fit)
{
    const uint32_t *peaks = tree_peaks(fit);
    const fit_branch_t *segments = tree_segments(fit);
    uint32_t stray = peaks[0];
    for (const word_t *word = peaks + fit->leaves; word < word_at(fit, fit->first); word++) {
        stray |= *word;
    }
    for (uint32_t match = 1; match < fit->leaves; match++) {
        const uint32_t left = 2 * match;
        const uint32_t winner = left < fit->leaves ? larger(peaks[left], peaks[left + 1])
                                                   : larger(segments[left - fit->leaves].peak,
                                                            segments[left + 1 - fit->leaves].peak);
        stray |= peaks[match] ^ winner;
    }
    return stray == 0;
}

/* Whether a node is in the trie, found from above: the only proof that is not in the node
 * itself. */
static inline bool tree_has(const fit_t *fit, uint32_t end)
{
    const fit_branch_t *branch = &tree_segments(fit)[end >> fit->segment_shift];
    uint32_t bits = end << (31 - fit->segment_shift) << 1;
    while (branch->peak != 0 && branch->node != end) {
        branch = &tree_node(fit, branch->node)->branch[bits >> 31];
        bits <<= 1;
    }
    return branch->peak != 0;
}

/* Whether a word is one of a node's first four: in a region too large for a seal, it may look like
 * the header of a block that was freed there. */
static inline bool tree_covers(const fit_t *fit, uint32_t at)
{
    for (uint32_t end = at + 3 * WORD; end <= at + NODE_SIZE && end <= fit->last; end += WORD) {
        const uint32_t footer = word_at(fit, end)[-1];
        const uint32_t size = header_size(fit, footer);
        if (size >= BINNED && size <= end - fit->first && footer == *word_at(fit, end - size) &&
            (*word_at(fit, end) & PREV_FREE) != 0 && tree_has(fit, end)) {
            return true;
        }
    }
    return false;
}

/* Whether there can be a live block [at, end), as far as three of the segments that lie within
 * tell: none may have a free block. What looks like a header by chance mostly claims to be a large
 * one. */
static SHARED bool tree_allows(const fit_t *fit, uint32_t at, uint32_t end)
{
    if ((end - at) >> SEGMENT_SHIFT_LEAST == 0) {
        return true;
    }
    const uint32_t first = (at >> fit->segment_shift) + 1;
    const uint32_t beyond = end >> fit->segment_shift;
    if (first >= beyond) {
        return true;
    }
    const fit_branch_t *segments = tree_segments(fit);
    return (segments[first].peak | segments[(first + beyond) / 2].peak |
            segments[beyond - 1].peak) == 0;
}

/* A block found for a request. */
typedef struct tree_fit {
    uint32_t end;
    uint32_t surplus; /* book bytes that it has too much */
} tree_fit_t;

/* Finds a block of at least `size` in the lowest segment that has one: there, the smallest on a
 * path that goes where the largest block is smallest. The size must not exceed tree_largest().
 *
 * What a block or a branch has too much is below 2^31; what has too little comes out above. */
static inline tree_fit_t tree_find(const fit_t *fit, uint32_t size)
{
    uint32_t end = tree_segments(fit)[tree_lowest(fit, size)].node;
    tree_fit_t best = {.end = end, .surplus = UINT32_MAX};
    for (;;) {
        const fit_node_t *node = tree_node(fit, end);
        const uint32_t surplus = header_size(fit, node->footer) - size;
        const uint32_t left = node->branch[0].peak - size;
        const uint32_t right = node->branch[1].peak - size;
        if (surplus < best.surplus) {
            best = (tree_fit_t){.end = end, .surplus = surplus};
        }
        if ((left & right) >> 31 != 0) {
            return best;
        }
        end = left <= right ? node->branch[0].node : node->branch[1].node;
    }
}

#endif /* BERTH_FIT_TREE_H */
