/* types.h: the words that every part of Berth shares.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   region   one stretch of memory, and how it is carved
 *   engine   the way of carving: fit, ...
 *   granule  what a region's block sizes are a multiple of
 *   block    a piece of a region: live (somebody's) or free (nobody's)
 *   owner    who pays for a live block
 *   offset   where something is, in bytes from the region's first byte
 *
 * An engine speaks of offsets and never of pointers: so a 64-bit host lays out the very bytes
 * that a 32-bit target does, and memory that the CPU may not touch is carved like any other.
 */
#ifndef BERTH_TYPES_H
#define BERTH_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BERTH_API __attribute__((visibility("default")))
#else
#define BERTH_API
#endif

/* Zero is success, everything below is a refusal that left the state as it was. */
typedef enum berth_status {
    BERTH_OK = 0,
    BERTH_ERR_INVALID = -1, /* the call makes no sense: wrong argument, not a live block */
    BERTH_ERR_NOMEM = -2,   /* no free block can hold it */
    BERTH_ERR_CORRUPT = -3  /* bookkeeping is damaged */
} berth_status_t;

/* Who pays for a live block: 1 to 126, or BERTH_OTHERS. */
typedef uint8_t berth_owner_t;

#define BERTH_NO_OWNER 0u        /* of a free block */
#define BERTH_OTHERS 127u        /* whoever has no number of its own */
#define BERTH_NOWHERE UINT32_MAX /* the offset of what was not granted */

struct berth_engine;

/* One stretch of memory. The caller owns it, fills in the fields up to `beside`, and keeps it
 * where it is from start() on. Zero means the default. */
typedef struct berth_region {
    const char *name;                  /* for people; may be NULL */
    const struct berth_engine *engine; /* how it is carved */
    void *base;       /* first byte as this program sees it; NULL where the CPU may not touch it */
    uint32_t address; /* first byte as the board names it, low 32 bits: alignment is of this */
    uint32_t size;    /* bytes */
    uint32_t granule; /* bytes, a power of two; 0: the engine's default */
    uint32_t align;   /* bytes: the alignment promised to each block; 0: the granule */
    void *beside;     /* bookkeeping apart from the region, aligned to 4; NULL: inside it */
    uint32_t beside_size; /* bytes there */

    void *book; /* the engine's: where its bookkeeping starts. Set by start() */
} berth_region_t;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_TYPES_H */
