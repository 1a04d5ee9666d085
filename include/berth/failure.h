/* failure.h: the record of a refusal: 64 bytes, one layout on every target.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Records may lie in memory that survives a reset: each is sealed, so that one that was torn or is
 * random is none. Three of its fields hold more than their width does: the functions below read
 * them.
 *
 * Context, unless a function says otherwise: [task, boot, panic].
 */
#ifndef BERTH_FAILURE_H
#define BERTH_FAILURE_H

#include "berth/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_BYTES_UNKNOWN UINT16_MAX /* a coded size: nobody knows, or nobody could look */

/* Why a region did not serve a request, and what it had: sizes as berth_bytes_of() reads them. */
typedef struct berth_reason {
    uint16_t free;        /* bytes that no block took; BERTH_BYTES_UNKNOWN */
    uint16_t allocatable; /* bytes that this request would have been granted there at most */
    uint16_t reserved;    /* bytes kept for others, by floors and by needs; BERTH_BYTES_UNKNOWN */
    uint8_t region;       /* index */
    int8_t status;        /* berth_status_t; NOCAP: was not asked, but would have held it; OK: this
                             and what follows are no reasons */
} berth_reason_t;

#define BERTH_REASONS 4u /* regions that a record tells about */

/* Refusals that are alike: of one size, with the same needs, for the same owner, from the same
 * site, with the same status. What is not counted is the last one's. */
typedef struct {
    uint16_t count;      /* of them, UINT16_MAX at most; 0: this is no record */
    uint16_t first;      /* when the first was: berth_failure_first_us() */
    uint32_t last;       /* when the last was: 65.536 ms; UINT32_MAX: the clock did not run */
    uint32_t size;       /* bytes asked for */
    berth_caps_t needed; /* of the request's first hop */
    uint32_t site;       /* who asked */
    uint32_t context;    /* in which context: its name, the low 32 bits of an address */
    uint16_t mistaken;   /* the error that it was taken for: berth_failure_mistaken() */
    uint16_t check;      /* over all the rest */
    berth_owner_t owner; /* who would have paid */
    int8_t status;       /* berth_status_t: of the first region asked */
    uint8_t guards;      /* of the context; from bit 3 on: restarts since, 31 at most */
    uint8_t form;        /* bits 0 to 5: alignment; bit 7: `mistaken` is below 0 */
    berth_reason_t reasons[BERTH_REASONS]; /* of the first regions asked; then of others */
} berth_failure_t;

#define BERTH_FAILURES_MOST 32u         /* records that a manager keeps */
#define BERTH_FAILURE_ALIGN_WRONG 0x3Fu /* `form`: the alignment asked for is no power of two */

/* Returns the size that a code stands for, rounded down to 12 significant bits; UINT32_MAX:
 * nobody knows. */
static inline uint32_t berth_bytes_of(uint16_t code)
{
    const uint32_t exponent = (uint32_t)code >> 11;
    const uint32_t digits = code & 0x7FFu;
    return exponent == 0   ? digits
           : exponent > 21 ? UINT32_MAX
                           : (0x800u | digits) << (exponent - 1);
}

/* Returns when the last of a record's refusals was, in us; after some restarts: of that run's
 * clock. */
static inline uint64_t berth_failure_last_us(const berth_failure_t *failure)
{
    return (uint64_t)failure->last << 16;
}

/* Returns when the first was, in units of 65.536 ms: exactly while that was less than 2047 units
 * ago, else within a thousandth of how long ago it was. `first` holds the 11 bits of it that matter
 * at that distance, and where they are. */
static inline uint32_t berth_failure_first(const berth_failure_t *failure)
{
    const uint32_t shift = (uint32_t)failure->first >> 11;
    const uint32_t now = failure->last >> shift;
    return (now - ((now - failure->first) & 0x7FFu)) << shift;
}

/* The same in us. */
static inline uint64_t berth_failure_first_us(const berth_failure_t *failure)
{
    return (uint64_t)berth_failure_first(failure) << 16;
}

/* Returns the error that a refusal was mistaken for, as berth_blame() was told it; 0: none. */
static inline int32_t berth_failure_mistaken(const berth_failure_t *failure)
{
    return (failure->form & 0x80u) != 0 ? -(int32_t)failure->mistaken : (int32_t)failure->mistaken;
}

/* Returns how often the manager was started since; 31: that or more. */
static inline uint32_t berth_failure_restarts(const berth_failure_t *failure)
{
    return (uint32_t)failure->guards >> 3;
}

/* Returns the alignment that was asked for; UINT32_MAX: no power of two. */
static inline uint32_t berth_failure_align(const berth_failure_t *failure)
{
    const uint32_t code = failure->form & BERTH_FAILURE_ALIGN_WRONG;
    return code == 0 ? 0 : code > 32 ? UINT32_MAX : 1u << (code - 1);
}

/* Returns how many reasons a record has. */
static inline uint32_t berth_failure_reasons(const berth_failure_t *failure)
{
    uint32_t count = 0;
    while (count < BERTH_REASONS && failure->reasons[count].status != BERTH_OK) {
        count++;
    }
    return count;
}

#ifdef __cplusplus
}
#endif

#endif /* BERTH_FAILURE_H */
