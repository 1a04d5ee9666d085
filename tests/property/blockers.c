/* blockers.c: are the fewest blocks named that stand in a need's way?
 * SPDX-License-Identifier: Apache-2.0
 *
 * States with a dozen live blocks in one or two small regions. Brute force frees every subset of
 * them on a copy, the small ones first, and allocates there. For a need of one block the answer
 * must be as small as the smallest subset that helps, freeing what it names must make the need fit,
 * and leaving out any one must not. Where bytes must be left, a floor is kept, or an alignment may
 * waste some, subsets are stretches of neighbours that hold the block at its worst: others are not
 * looked for, and luck may need fewer.
 */
#include "options.h"
#include "plain_port.h"
#include "random.h"

#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/need.h"
#include "berth/pool.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>

#define STATES 10000u
#define REGIONS 2u
#define OWNERS 4u
#define BYTES 4096u /* of a region, at most */
#define BLOCKS 14u  /* live ones of a state */
#define ITEMS 3u
#define NAMED 64u /* blockers asked for */
#define NEVER UINT32_MAX

/* A live block that could be freed. */
typedef struct live {
    void *block;
    uint32_t offset;
    uint8_t region;
} live_t;

/* What a question about one block comes to in all regions of its routes. */
typedef struct state {
    alignas(64) uint8_t bytes[REGIONS][BYTES];
    alignas(64) uint8_t copies[REGIONS][BYTES];
    const char *wrong;
    berth_need_t need;
    berth_need_t held;
    berth_request_t otherwise;
    berth_config_t config;
    berth_item_t held_item;
    berth_floor_t floors[REGIONS][2];
    berth_item_t items[ITEMS];
    live_t live[BLOCKS];
    berth_piece_t held_pieces[2];
    berth_t berth;
    berth_region_t regions[REGIONS];
    berth_piece_t pieces[BERTH_PIECES];
    random_source_t random;
    uint32_t live_count;
    uint32_t expected;
    uint32_t got;
    berth_account_t accounts[REGIONS][OWNERS];
    bool is_kept; /* something must be left, or a floor is kept */
} state_t;

typedef struct counts {
    uint32_t states;
    uint32_t single;               /* needs of one block */
    uint32_t fit;                  /* they fit, and nobody is named */
    uint32_t hopeless;             /* no freeing helps */
    uint32_t aligned;              /* beyond the granule */
    uint32_t kept;                 /* with bytes that must be left, or a floor */
    uint32_t by_count[BLOCKS + 1]; /* needs by blocks to be freed */
    uint32_t several;              /* longer needs with something in the way */
    uint32_t several_mended;       /* of these fit when that is freed */
} counts_t;

static state_t state;
static state_t before; /* as the state was when the question was asked */
static counts_t counts;
static const berth_pool_config_t cells = {.block_size = 112};

static const berth_port_t port = PLAIN_PORT(NULL);

/* --- a state ---------------------------------------------------------------------------------- */

static void state_expect(const char *what, uint32_t expected, uint32_t got)
{
    if (expected != got && state.wrong == NULL) {
        state.wrong = what;
        state.expected = expected;
        state.got = got;
    }
}

static void region_lay(uint32_t index)
{
    static const berth_caps_t places[REGIONS] = {BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL};
    random_source_t *random = &state.random;
    const bool is_pool = random_percent(random, 12);
    state.regions[index] = (berth_region_t){
        .engine = is_pool ? &berth_pool_engine : &berth_fit_engine,
        .config = is_pool ? &cells : NULL,
        .base = state.bytes[index],
        .address = 0x20000000u * (index + 1u) + 4u * random_below(random, 32),
        .size = 4u * random_between(random, 300, BYTES / 4u),
        .granule = is_pool || random_percent(random, 15) ? 0 : 4u << random_below(random, 4),
        .accounts = state.accounts[index],
        .floors = state.floors[index],
        .caps = {BERTH_CAP_BYTES | BERTH_CAP_DEFAULT | places[index]}};
}

static void live_add(void)
{
    random_source_t *random = &state.random;
    const uint32_t size = state.regions[0].size;
    const berth_request_t request = {
        .size = random_percent(random, 80) ? random_log(random, size / 3u) : size / 8u,
        .needed = random_percent(random, 40) ? BERTH_CAP_EXTERNAL : 0,
        .owner = (berth_owner_t)random_between(random, 2, OWNERS - 1u)};
    void *block = berth_alloc(&state.berth, &request);
    if (block != NULL) {
        const berth_about_t about = berth_about(&state.berth, block);
        state.live[state.live_count++] = (live_t){block, about.offset, about.region->index};
    }
}

static void live_drop(uint32_t index)
{
    berth_free(&state.berth, state.live[index].block);
    state.live[index] = state.live[--state.live_count];
}

/* Blocks that nobody may name: a reservation's. */
static void state_hold(void)
{
    random_source_t *random = &state.random;
    state.held_item =
        (berth_item_t){.request = {.size = random_between(random, 8, 300)}, .count = 2};
    state.held = (berth_need_t){.items = &state.held_item,
                                .pieces = state.held_pieces,
                                .item_count = 1,
                                .piece_count = 2,
                                .owner = 1};
    const berth_answer_t answer = berth_reserve(&state.berth, &state.held);
    if (answer.status == BERTH_OK && random_percent(random, 50)) {
        state_expect("a claim of what is held", true,
                     berth_claim(&state.berth, &state.held, 0) != NULL);
    }
}

static void state_start(uint32_t seed)
{
    memset(&state, 0, sizeof state);
    state.random = random_from(seed);
    random_source_t *random = &state.random;
    const uint8_t count = random_percent(random, 50) ? 1 : REGIONS;
    for (uint32_t i = 0; i < count; i++) {
        region_lay(i);
    }
    state.config = (berth_config_t){
        .port = &port, .regions = state.regions, .region_count = count, .owner_count = OWNERS};
    state_expect("the manager starts", BERTH_OK,
                 (uint32_t)berth_start(&state.berth, &state.config));
    const uint32_t calls = random_between(random, 10, 120);
    const uint32_t holds = random_percent(random, 25) ? random_below(random, calls) : NEVER;
    for (uint32_t i = 0; i < calls && state.wrong == NULL; i++) {
        if (i == holds) {
            state_hold();
        } else if (state.live_count < BLOCKS && random_percent(random, 65)) {
            live_add();
        } else if (state.live_count != 0) {
            live_drop(random_below(random, state.live_count));
        }
    }
}

/* --- a need ----------------------------------------------------------------------------------- */

static berth_request_t request_draw(void)
{
    static const berth_caps_t needed[] = {0, 0, BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL};
    random_source_t *random = &state.random;
    const uint32_t size = state.regions[0].size;
    return (berth_request_t){
        .size = random_percent(random, 70) ? random_between(random, size / 16u, size / 2u)
                                           : random_between(random, 1, size),
        .align = random_percent(random, 85) ? 0 : 8u << random_below(random, 5),
        .needed = needed[random_below(random, 4)]};
}

static void need_draw(void)
{
    random_source_t *random = &state.random;
    const bool is_single = random_percent(random, 75);
    state.need =
        (berth_need_t){.items = state.items,
                       .pieces = state.pieces,
                       .item_count = is_single ? 1 : (uint8_t)random_between(random, 1, ITEMS),
                       .owner = 2}; /* not the reservation's: it would get what is held */
    for (uint32_t i = 0; i < state.need.item_count; i++) {
        const uint8_t count = is_single ? 1 : (uint8_t)random_between(random, 1, 3);
        state.items[i] = (berth_item_t){.request = request_draw(), .count = count};
        state.need.piece_count = (uint8_t)(state.need.piece_count + count);
    }
    if (is_single && random_percent(random, 20)) {
        state.items[0].request.left = random_below(random, state.regions[0].capacity / 2u);
        state.is_kept = true;
    }
    if (random_percent(random, 20)) {
        state.otherwise = request_draw();
        state.items[0].request.otherwise = &state.otherwise;
    }
}

static bool need_is_aligned(void)
{
    for (uint32_t i = 0; i < state.need.item_count; i++) {
        const berth_request_t *request = &state.items[i].request;
        const uint32_t other = request->otherwise != NULL ? request->otherwise->align : 0;
        if (request->align > 4 || other > 4) {
            return true;
        }
    }
    return false;
}

/* --- brute force ------------------------------------------------------------------------------ */

/* A copy of a region that an engine takes for the region. */
static berth_region_t region_copy(uint32_t index)
{
    berth_region_t copy = state.regions[index];
    const ptrdiff_t book = (uint8_t *)copy.book - (uint8_t *)copy.base;
    memcpy(state.copies[index], state.bytes[index], copy.size);
    copy.base = state.copies[index];
    copy.book = state.copies[index] + book;
    return copy;
}

/* The most that an alignment may waste. A pool's blocks all suit it, or none. */
static uint32_t request_waste(const berth_region_t *copy, const berth_request_t *request)
{
    const uint32_t granule = copy->granule != 0 ? copy->granule : 4;
    const bool is_wasteful = copy->engine == &berth_fit_engine && request->align > granule;
    return is_wasteful ? request->align - granule : 0;
}

/* Whether the answer is of stretches of neighbours: what else would do is not looked for. */
static bool stretches_only(void)
{
    return state.is_kept || need_is_aligned();
}

/* Whether what is free where a stretch was holds so many bytes. */
static bool stretch_holds(const berth_region_t *copy, uint32_t subset, uint32_t cost)
{
    uint32_t first = 0;
    while ((subset >> first & 1u) == 0) {
        first++;
    }
    const uint32_t offset = state.live[first].offset;
    uint32_t cursor = BERTH_WALK_START;
    while (cursor != BERTH_NOWHERE) {
        const berth_block_t block = copy->engine->walk(copy, cursor);
        if (block.offset <= offset && offset < block.offset + block.taken) {
            return block.taken >= cost;
        }
        cursor = block.next;
    }
    return false;
}

/* Whether the block is granted when these are freed. */
static bool subset_helps(uint32_t index, uint32_t subset, const berth_request_t *request)
{
    berth_region_t copy = region_copy(index);
    uint64_t used = copy.total.live;
    for (uint32_t i = 0; i < state.live_count; i++) {
        if ((subset >> i & 1u) != 0) {
            const berth_change_t change = copy.engine->free(&copy, state.live[i].offset);
            state_expect("brute force frees a live block", BERTH_OK, (uint32_t)change.status);
            used -= change.before;
        }
    }
    const uint32_t floor = state.floors[index][0].bytes;
    const uint32_t kept = request->left > floor ? request->left : floor;
    const uint32_t cost = copy.engine->cost(&copy, request->size, request->align, 1);
    if (kept != 0 && used + cost + kept > copy.capacity) {
        return false;
    }
    if (stretches_only() && subset != 0 &&
        !stretch_holds(&copy, subset, cost + request_waste(&copy, request))) {
        return false;
    }
    return copy.engine->alloc(&copy, request->size, request->align, 1).offset != BERTH_NOWHERE;
}

/* The blocks of a region, a bit for each. */
static uint32_t region_live(uint32_t index)
{
    uint32_t all = 0;
    for (uint32_t i = 0; i < state.live_count; i++) {
        all |= state.live[i].region == index ? 1u << i : 0;
    }
    return all;
}

/* Whether all blocks between the first and the last of these are among them. */
static bool subset_is_stretch(uint32_t index, uint32_t subset)
{
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    for (uint32_t i = 0; i < state.live_count; i++) {
        const uint32_t offset = state.live[i].offset;
        low = (subset >> i & 1u) != 0 && offset < low ? offset : low;
        high = (subset >> i & 1u) != 0 && offset > high ? offset : high;
    }
    bool is_stretch = true;
    for (uint32_t i = 0; i < state.live_count; i++) {
        const live_t *live = &state.live[i];
        const bool is_between = live->region == index && low < live->offset && live->offset < high;
        is_stretch = is_stretch && (!is_between || (subset >> i & 1u) != 0);
    }
    for (uint32_t i = 0; state.held.is_reserved && i < state.held.piece_count; i++) {
        const berth_piece_t *held = &state.held_pieces[i];
        is_stretch = is_stretch && (held->region != &state.regions[index] || held->offset < low ||
                                    held->offset > high);
    }
    return is_stretch;
}

static uint32_t bits_count(uint32_t bits)
{
    uint32_t count = 0;
    for (; bits != 0; bits &= bits - 1u) {
        count++;
    }
    return count;
}

/* The size of the smallest subset that helps in one region, if that is below `most`. */
static uint32_t region_fewest(uint32_t index, const berth_request_t *request, uint32_t most)
{
    const uint32_t all = region_live(index);
    const uint32_t count = bits_count(all);
    for (uint32_t size = 0; size <= count && size < most; size++) {
        uint32_t subset = 0;
        do {
            subset = (subset - all) & all; /* the next subset */
            if (bits_count(subset) == size &&
                (!stretches_only() || subset_is_stretch(index, subset)) &&
                subset_helps(index, subset, request)) {
                return size;
            }
        } while (subset != 0);
    }
    return most;
}

/* Over all regions on the routes of a request's hops. NEVER: no freeing helps. */
static uint32_t fewest(const berth_request_t *request)
{
    uint32_t most = NEVER;
    berth_request_t hop = *request;
    for (;;) {
        for (uint32_t i = 0; i < state.config.region_count; i++) {
            const berth_caps_t wanted = hop.needed != 0 ? hop.needed : BERTH_CAP_DEFAULT;
            if ((wanted & ~state.regions[i].caps[0]) == 0) {
                most = region_fewest(i, &hop, most);
            }
        }
        if (hop.otherwise == NULL) {
            return most;
        }
        const uint32_t align = hop.align;
        const uint32_t left = hop.left;
        hop = *hop.otherwise;
        hop.left = left;
        hop.align = hop.align > align ? hop.align : align;
    }
}

/* --- comparing -------------------------------------------------------------------------------- */

/* Goes back to before. */
static void state_restore(void)
{
    const random_source_t random = state.random;
    const char *wrong = state.wrong;
    const uint32_t expected = state.expected;
    const uint32_t got = state.got;
    state = before;
    state.random = random;
    state.wrong = wrong;
    state.expected = expected;
    state.got = got;
}

/* Frees all that was named but one, and asks again. */
static bool fits_without(const berth_blocker_t *named, uint32_t count, uint32_t kept)
{
    state_restore();
    for (uint32_t i = 0; i < count; i++) {
        if (i != kept) {
            const berth_region_t *region = &state.regions[named[i].region];
            state_expect(
                "what is named can be freed", BERTH_OK,
                (uint32_t)berth_try_free(&state.berth, (uint8_t *)region->base + named[i].offset));
        }
    }
    const berth_answer_t answer = berth_fits(&state.berth, &state.need);
    state_restore();
    return answer.status == BERTH_OK;
}

/* Each is a live block that could be freed, named once, and what is told of it is true. */
static void named_verify(const berth_blocker_t *named, uint32_t count)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = 0;
        while (index < state.live_count && (state.live[index].offset != named[i].offset ||
                                            state.live[index].region != named[i].region)) {
            index++;
        }
        const bool is_live = index < state.live_count;
        state_expect("a blocker is a live block of nobody's reservation", true, is_live);
        if (!is_live) {
            return;
        }
        const berth_about_t about = berth_about(&state.berth, state.live[index].block);
        state_expect("a blocker's owner", about.owner, named[i].owner);
        state_expect("a blocker's bytes", about.taken, named[i].taken);
        state_expect("a blocker is named twice", 0, seen >> index & 1u);
        state_expect("a blocker's item", true, named[i].item < state.need.item_count);
        seen |= 1u << index;
    }
}

static void single_verify(const berth_blocker_t *named, uint32_t count)
{
    const uint32_t least = fewest(&state.items[0].request);
    const bool is_aligned = need_is_aligned();
    counts.single++;
    counts.fit += least == 0;
    counts.hopeless += least == NEVER;
    counts.aligned += is_aligned;
    counts.kept += state.is_kept;
    counts.by_count[count <= BLOCKS ? count : BLOCKS]++;
    state_expect("the fewest blockers", least != NEVER ? least : 0, count);
    if (count != 0 && state.wrong == NULL) {
        state_expect("it fits when they are freed", true, fits_without(named, count, NEVER));
    }
    const bool is_exact = !is_aligned && !state.is_kept;
    for (uint32_t i = 0; i < count && is_exact && state.wrong == NULL; i++) {
        state_expect("one of them need not have been named", false, fits_without(named, count, i));
    }
}

/* Allocates a need's blocks up to the first that is refused: its item, or BERTH_ITEMS. */
static uint32_t need_place(bool *is_last)
{
    uint32_t placed = 0;
    for (uint32_t i = 0; i < state.need.item_count; i++) {
        for (uint32_t j = 0; j < state.items[i].count; j++) {
            berth_request_t request = state.items[i].request;
            request.owner = state.need.owner;
            if (berth_alloc(&state.berth, &request) == NULL) {
                *is_last = placed + 1u == state.need.piece_count;
                return i;
            }
            placed++;
        }
    }
    return BERTH_ITEMS;
}

static void several_verify(const berth_blocker_t *named, uint32_t count)
{
    bool is_last = false;
    const uint32_t item = need_place(&is_last);
    if (item == BERTH_ITEMS) {
        state_expect("it fits, and somebody is named", 0, count);
        state_restore();
        return;
    }
    const uint32_t least = fewest(&state.items[item].request);
    state_restore();
    if (is_last && !need_is_aligned()) {
        state_expect("the fewest blockers of the last block", least != NEVER ? least : 0, count);
    } else if (least != NEVER && count != 0) { /* 0: a later block is hopeless */
        state_expect("fewer blockers than help", false, count < least);
    }
    counts.several += count != 0;
    counts.several_mended += count != 0 && fits_without(named, count, NEVER);
}

static void state_ask(void)
{
    berth_blocker_t named[NAMED];
    need_draw();
    if (state.need.piece_count == 1 && random_percent(&state.random, 15)) {
        state.floors[0][0].bytes = random_below(&state.random, state.regions[0].capacity / 2u);
        state.is_kept = true;
    }
    before = state;
    const uint32_t count = berth_blockers(&state.berth, &state.need, named, NAMED);
    state_expect("more blockers than blocks", false, count > BLOCKS);
    named_verify(named, count <= BLOCKS ? count : 0);
    if (state.wrong != NULL) {
        return;
    }
    if (state.need.piece_count == 1) {
        single_verify(named, count);
    } else {
        several_verify(named, count);
    }
}

/* --- all states ------------------------------------------------------------------------------- */

static void counts_print(uint32_t seed)
{
    printf("blockers: %" PRIu32 " states from seed %" PRIu32 ", no difference from brute force\n"
           "  of one block %" PRIu32 ": fit %" PRIu32 ", no freeing helps %" PRIu32
           ", aligned %" PRIu32 ", with bytes to be left %" PRIu32 "\n  by number named:",
           counts.states, seed, counts.single, counts.fit, counts.hopeless, counts.aligned,
           counts.kept);
    for (uint32_t i = 1; i <= BLOCKS; i++) {
        if (counts.by_count[i] != 0) {
            printf(" %" PRIu32 ": %" PRIu32, i, counts.by_count[i]);
        }
    }
    printf("\n  of several blocks, something in the way %" PRIu32
           ", fit when that is freed %" PRIu32 "\n",
           counts.several, counts.several_mended);
}

int main(int count, char **words)
{
    uint32_t states = STATES;
    uint32_t seed = 1;
    const option_t numbers[] = {{"--states", &states}, {"--seed", &seed}, {NULL, NULL}};
    for (int i = 1; i + 1 < count; i += 2) {
        uint32_t *number = option_named(numbers, words[i]);
        if (number == NULL || !option_read(words[i + 1], number)) {
            (void)fputs("usage: blockers [--states N] [--seed S]\n", stderr);
            return 2;
        }
    }
    for (; counts.states < states; counts.states++) {
        state_start(seed + counts.states);
        if (state.wrong == NULL) {
            state_ask();
        }
        if (state.wrong != NULL) {
            printf("DIFFERENCE: %s: expected %" PRIu32 ", got %" PRIu32
                   "\nreplay: blockers --states 1 --seed %" PRIu32 "\n",
                   state.wrong, state.expected, state.got, seed + counts.states);
            return 1;
        }
    }
    counts_print(seed);
    return 0;
}
