/* block.h: how fit writes a block down, and the few accessors through which all of it reads memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The book is the memory that holds fit's bookkeeping: a control block at its offset 0, then one
 * 32-bit word or more for each granule. In the region, the book is the region itself, and a block's
 * first word, its header, lies before the payload. Beside the region, the book is an array of one
 * word a granule, and the payload has no header at all. Everything below is the same for both: it
 * speaks of book offsets, multiples of 4, and only block_offset() and locate() know the
 * region.
 *
 *   live block   [header][payload ...........................]
 *   free block   [header][links ...][unused ...][....][footer]
 *
 *   header       seal | size | check | prev_free | word | owner:7
 *   bits        from 10+w  10     9          8       7      0
 *
 * The size field has the w bits that the region's granules need; what is left above is the seal, a
 * constant that no small integer, pointer or text carries. An owner of 0 makes a block free.
 * `check` makes the bits of a live header even in number. A free header has its low 10 bits clear,
 * and its footer repeats it: so `prev_free` in the next header leads to the start of a free
 * neighbour.
 */
#ifndef BERTH_FIT_BLOCK_H
#define BERTH_FIT_BLOCK_H

#include "berth/fit.h"

#define TAG_BITS (BERTH_TAG_OWNER | BERTH_TAG_WORD) /* a header's low bits are the block's tag */
#define PREV_FREE 0x100u
#define CHECK 0x200u
#define LOW_BITS 10u /* all below the size */

#define WORD 4u             /* bytes */
#define SMALLEST (3 * WORD) /* book bytes of the smallest live block: its free form needs 3 words */
#define BINNED (20 * WORD)  /* free blocks below this are in bins, the others in zones */

#if !defined(__GNUC__)
#error "fit needs GNU C: may_alias, noinline and the bit counting built-ins."
#endif
#define NOINLINE __attribute__((noinline))
#define MAY_ALIAS __attribute__((may_alias))
#define LIKELY(claim) __builtin_expect((claim), 1)
#define UNLIKELY(claim) __builtin_expect((claim), 0)

/* Built for speed, the commonest calls take ways of their own, and what several ways share is
 * copied into each. Built for size, there is one of everything. */
#if defined(__OPTIMIZE_SIZE__)
#define HAS_SHORT_WAYS false
#else
#define HAS_SHORT_WAYS true
#endif
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define SHARED inline __attribute__((always_inline))
#define COPIED SHARED
#else
#define SHARED __attribute__((noinline, unused))
#define COPIED inline /* used so rarely in a file that a call of it would be as large */
#endif

/* Built for size, every link is proved before it is followed. Built for speed, the control block
 * and the nodes of the zones are believed until a check has seen them: docs/adr/0010 has it. */
#define PROVES_ALL (!HAS_SHORT_WAYS)

/* gcc tells of its sanitizers by a macro, clang by a feature. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define IS_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED
#endif

/* Whether a word must not be read where none can be: x86 does not mind, but its sanitizers do. */
#if (defined(__x86_64__) || defined(__i386__)) && !defined(IS_SANITIZED)
#define MINDS_ALIGNMENT false
#else
#define MINDS_ALIGNMENT true
#endif

/* A word of bookkeeping: it aliases the payload that lay there before or will lie there next. */
typedef uint32_t MAY_ALIAS word_t;

/* What lies before the end of a large free block: see zones.h. */
typedef struct fit_node {
    uint32_t next;
    uint32_t up;
    uint32_t footer;
} MAY_ALIAS fit_node_t;

/* The head of one bin; `prev` is kept plus 1, as in every binned block. */
typedef struct fit_bin {
    uint32_t next;
    uint32_t prev;
} fit_bin_t;

/* The control block. The zones' part of it, of a size that depends on the region's, follows. */
typedef struct fit {
    fit_node_t nobody;     /* of no size: the end of every list of nodes */
    uint32_t first;        /* the first block */
    uint32_t last;         /* the end sentinel: the header of a free block of no size */
    uint32_t span;         /* from the one to the other */
    uint32_t origin;       /* region offset of the first block's payload */
    uint32_t granule_mask; /* region bytes of a granule, less 1 */
    uint32_t unit_mask;    /* of a size in book bytes: what it is a multiple of */
    uint32_t least;        /* book bytes of the smallest live block */
    uint32_t most;         /* payload bytes of the largest block that the region could ever hold */
    uint32_t plain_most;   /* the same if requests without an alignment or a word need no care */
    uint32_t short_most;   /* payload bytes of the largest such request that a bin may serve */
    uint32_t short_span;   /* what follows a small block this near to the first is in the region */
    uint32_t short_sizes;  /* sizes from SMALLEST on that may take the short way in fit_free() */
    uint32_t round;        /* added to a request before it is rounded down: see block_want() */
    uint32_t header_cost;  /* payload bytes that a word of bookkeeping costs: 4, beside 0 */
    uint32_t size_mask;    /* of a header shifted down by size_shift: the size in book bytes */
    uint32_t seal;         /* of every header */
    uint32_t settled_mask; /* where the seal is, and prev_free */
    uint32_t promise;      /* alignment given unasked: the granule or more, region bytes */
    uint32_t address;      /* the board's, of the region's first byte */
    uint32_t leaves;       /* zones, rounded up to a power of two */
    uint32_t zones_at;     /* where the links to the zones' nodes are */
    uint16_t size_shift;   /* between a size in book bytes and its place in a header */
    uint16_t spread;       /* log2 of region bytes per book byte */
    uint32_t top;       /* the free block that reaches the sentinel, in no index; or the sentinel */
    uint32_t bins_used; /* bit n: bin n, of free blocks of n words, is not empty */
    fit_bin_t bins[BINNED / WORD];
} fit_t;

_Static_assert(offsetof(fit_t, nobody) == 0, "NOBODY is where it ends");
_Static_assert(sizeof(fit_t) == 268, "no padding: every byte of a book is the same everywhere");

static inline uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline fit_t *fit_of(const berth_region_t *region)
{
    return (fit_t *)region->book;
}

static inline word_t *word_at(const fit_t *fit, uint32_t at)
{
    return (word_t *)(uintptr_t)((const uint8_t *)fit + at);
}

/* The same for a place that is as wide as a pointer: it saves an instruction here and there. */
static inline word_t *word_near(const fit_t *fit, size_t at)
{
    return (word_t *)((uintptr_t)fit + at);
}

static inline uint32_t header_size(const fit_t *fit, uint32_t header)
{
    return (header >> fit->size_shift) & fit->size_mask;
}

static inline uint32_t header_owner(uint32_t header)
{
    return header & BERTH_TAG_OWNER;
}

static inline bool header_is_free(uint32_t header)
{
    return header_owner(header) == 0;
}

static inline bool header_is_sealed(const fit_t *fit, uint32_t header)
{
    return ((header ^ fit->seal) & fit->settled_mask & ~PREV_FREE) == 0;
}

/* The seal is right and no free block comes before: so it is in every free block's header, and in
 * a live one's after another live one. */
static inline bool header_is_settled(const fit_t *fit, uint32_t header)
{
    return ((header ^ fit->seal) & fit->settled_mask) == 0;
}

/* 1 if the bits of a word are odd in number. */
#if defined(__x86_64__) || defined(__i386__)
static inline uint32_t parity(uint32_t word)
{
    return (uint32_t)__builtin_parity(word); /* a flag there; elsewhere a call of a function */
}
#else
static inline uint32_t parity(uint32_t word)
{
    word ^= word >> 16;
    word ^= word >> 8;
    word ^= word >> 4;
    return 0x6996u >> (word & 15u) & 1u;
}
#endif

static inline bool header_is_even(uint32_t header)
{
    return parity(header) == 0;
}

static inline uint32_t header_free(const fit_t *fit, uint32_t size)
{
    return (size << fit->size_shift) | fit->seal;
}

/* What a live header becomes. */
static inline uint32_t header_freed(uint32_t header)
{
    return header & ~((1u << LOW_BITS) - 1);
}

/* A live header that is right but for its check bit, which is clear. */
static inline uint32_t header_checked(uint32_t header)
{
    return header + CHECK * parity(header);
}

static inline uint32_t header_live(const fit_t *fit, uint32_t size, berth_tag_t tag)
{
    return header_checked((size << fit->size_shift) | fit->seal | tag);
}

/* Tells the block at `at` that the one before it was freed, or no longer is free. */
static inline void header_flip_prev(const fit_t *fit, uint32_t at)
{
    *word_at(fit, at) ^= PREV_FREE | CHECK;
}

/* Whether a block can start at `at`. */
static SHARED bool block_is_within(const fit_t *fit, uint32_t at)
{
    return at - fit->first < fit->span && at % WORD == 0;
}

static inline uint32_t block_size(const fit_t *fit, uint32_t at)
{
    return header_size(fit, *word_at(fit, at));
}

/* The start of the free block that ends at `end`. A footer with bit 0 set is a link of a block of
 * three words, which has no room for both. */
static inline uint32_t block_before(const fit_t *fit, uint32_t end)
{
    const uint32_t footer = word_at(fit, end)[-1];
    return end - ((footer & 1u) != 0 ? SMALLEST : header_size(fit, footer));
}

/* Writes down that [at, end) is free. Returns its header. */
static inline uint32_t block_write_free(fit_t *fit, uint32_t at, uint32_t end)
{
    const uint32_t header = header_free(fit, end - at);
    *word_at(fit, at) = header;
    word_at(fit, end)[-1] = header;
    return header;
}

/* The region offset of a block's payload. */
static inline uint32_t block_offset(const fit_t *fit, uint32_t at)
{
    return ((at - fit->first) << fit->spread) + fit->origin;
}

/* The payload bytes of a block. One word more lies at its end, in the book: it costs as a
 * header. */
static inline uint32_t block_capacity(const fit_t *fit, uint32_t size, berth_tag_t tag)
{
    const uint32_t words = (tag & BERTH_TAG_WORD) != 0 ? 2 : 1;
    return (size << fit->spread) - words * fit->header_cost;
}

/* The book bytes of a block for a request of at most `most` bytes. */
static inline uint32_t block_want(const fit_t *fit, uint32_t size)
{
    return larger(((size + fit->round) >> fit->spread) & fit->unit_mask, fit->least);
}

/* The alignment that a request means: what it asks, or the region promises. */
static inline uint32_t align_meant(const fit_t *fit, uint32_t align)
{
    return larger(align, fit->promise);
}

/* Book bytes that a block may have to leave before it for an alignment that it means. */
static inline uint32_t align_slack(const fit_t *fit, uint32_t meant)
{
    return (meant - 1 - fit->granule_mask) >> fit->spread;
}

#endif /* BERTH_FIT_BLOCK_H */
