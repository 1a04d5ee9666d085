/* reservation.c: does a reservation hold, whatever others do?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Several owners allocate, free, resize and give in regions that are nearly full all the time, and
 * free wrongly now and then. Needs are reserved among them. Each claim of a block that nobody has
 * must succeed, what is written there must stay until it is returned, and no block that anybody
 * else gets may share a byte with one that is held, claimed or not.
 */
#include "options.h"
#include "plain_port.h"
#include "random.h"

#include "berth/fit.h"
#include "berth/need.h"
#include "berth/pool.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>

#define OPS 10000000u
#define ROUND_OPS 500000u
#define AUDIT_PERIOD 20000u
#define REGIONS 3u
#define OWNERS 10u
#define FIRST_HOLDER 5u /* owners from here on have needs */
#define NEEDS 5u
#define ITEMS 3u
#define PIECES 6u    /* of a need, at most */
#define BLOCKS 1500u /* of others */
#define SRAM_BYTES 24576u
#define PSRAM_BYTES 65536u
#define POOL_BYTES 8192u
#define POOL_BLOCK 192u

/* A block that is held for a need: learnt when it was reserved. */
typedef struct piece {
    uint8_t *block;
    uint32_t size; /* bytes usable */
    uint32_t paint;
    uint8_t item;
    bool is_claimed;
} piece_t;

typedef struct hold {
    berth_need_t need;
    berth_item_t items[ITEMS];
    berth_piece_t told[PIECES]; /* the manager's */
    piece_t pieces[PIECES];
} hold_t;

typedef struct stage {
    random_source_t random;
    berth_t berth;
    berth_config_t config;
    berth_context_t context;
    berth_region_t regions[REGIONS];
    berth_account_t accounts[REGIONS][OWNERS];
    berth_event_t events[64];
    hold_t holds[NEEDS];
    uint8_t *blocks[BLOCKS];
    uint32_t block_count;
    uint32_t since; /* calls since one was refused: memory is not full */
    uint32_t calls;
    const char *call;
    const char *wrong;
} stage_t;

typedef struct counts {
    uint32_t calls, granted, refused, claims, alike, returns, reserved, not_reserved, released,
        wrong;
    uint64_t used, capacity; /* bytes, at audits */
} counts_t;

static stage_t stage;
static counts_t counts;
static alignas(64) uint8_t sram[SRAM_BYTES];
static alignas(64) uint8_t psram[PSRAM_BYTES];
static alignas(64) uint8_t pool[POOL_BYTES];
static const berth_pool_config_t cells = {.block_size = POOL_BLOCK};

static const berth_port_t port = PLAIN_PORT(&stage.context);

/* --- what must hold --------------------------------------------------------------------------- */

static void stage_blame(bool is_wrong, const char *what)
{
    if (is_wrong && stage.wrong == NULL) {
        stage.wrong = what;
    }
}

static uint8_t paint_at(const piece_t *piece, uint32_t at)
{
    return (uint8_t)(piece->paint + at * 29u + (at >> 8));
}

static void piece_paint(piece_t *piece)
{
    piece->paint = random_next(&stage.random);
    for (uint32_t at = 0; at < piece->size; at++) {
        piece->block[at] = paint_at(piece, at);
    }
}

static void piece_verify(const piece_t *piece)
{
    for (uint32_t at = 0; at < piece->size; at++) {
        if (piece->block[at] != paint_at(piece, at)) {
            stage_blame(true, "the contents of a claimed block have changed");
            return;
        }
    }
}

/* The piece that begins at a block; NULL. */
static piece_t *piece_at(const void *block, hold_t **hold)
{
    for (uint32_t i = 0; i < NEEDS; i++) {
        for (uint32_t j = 0; j < stage.holds[i].need.piece_count; j++) {
            if (stage.holds[i].need.is_reserved && stage.holds[i].pieces[j].block == block) {
                *hold = &stage.holds[i];
                return &stage.holds[i].pieces[j];
            }
        }
    }
    return NULL;
}

/* Of what is held nobody else gets a byte. */
static void block_verify(const uint8_t *block)
{
    const size_t size = berth_size(&stage.berth, block);
    stage_blame(size == 0, "a granted block is not known");
    for (uint32_t i = 0; i < NEEDS; i++) {
        const hold_t *hold = &stage.holds[i];
        for (uint32_t j = 0; hold->need.is_reserved && j < hold->need.piece_count; j++) {
            const piece_t *piece = &hold->pieces[j];
            stage_blame(block < piece->block + piece->size && piece->block < block + size,
                        "somebody else is granted bytes that are held");
        }
    }
}

/* --- others ----------------------------------------------------------------------------------- */

static berth_owner_t draw_other(void)
{
    const uint32_t owner = random_below(&stage.random, FIRST_HOLDER);
    return owner != 0 ? (berth_owner_t)owner : BERTH_OTHERS;
}

static berth_request_t draw_request(void)
{
    static const berth_caps_t needed[] = {
        0, 0, BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL, BERTH_CAP_EXTERNAL, BERTH_CAP_PLACE(0), 0, 0};
    const uint32_t bits = random_next(&stage.random);
    const bool is_large = (bits & 0xF000u) == 0;
    return (berth_request_t){.size = random_log(&stage.random, is_large ? 16000 : 400),
                             .align = (bits & 0x3Fu) == 0 ? 64u : 0u,
                             .needed = needed[bits >> 8 & 7u],
                             .smallest = (bits & 0xF0000u) == 0 ? 1u : 0u,
                             .owner = draw_other()};
}

static void other_alloc(void)
{
    stage.call = "alloc";
    const berth_request_t request = draw_request();
    uint8_t *block = berth_alloc(&stage.berth, &request);
    stage.since = block != NULL ? stage.since + 1u : 0;
    counts.granted += block != NULL;
    counts.refused += block == NULL;
    if (block != NULL) {
        block_verify(block);
        stage.blocks[stage.block_count++] = block;
    }
}

static void other_free(uint32_t index)
{
    stage.call = "free";
    stage_blame(berth_try_free(&stage.berth, stage.blocks[index]) != BERTH_OK, "a free is refused");
    stage.blocks[index] = stage.blocks[--stage.block_count];
}

static void other_resize(uint32_t index)
{
    stage.call = "resize";
    const berth_request_t request = draw_request();
    uint8_t *block = berth_resize(&stage.berth, stage.blocks[index], &request);
    if (block != NULL) {
        block_verify(block);
        stage.blocks[index] = block;
    }
}

static void other_give(uint32_t index)
{
    stage.call = "give";
    stage_blame(berth_give(&stage.berth, stage.blocks[index], draw_other()) != BERTH_OK,
                "a block is not given");
}

/* --- who holds -------------------------------------------------------------------------------- */

static void hold_draw(hold_t *hold, uint32_t index)
{
    static const berth_caps_t needed[] = {0, BERTH_CAP_INTERNAL, BERTH_CAP_EXTERNAL,
                                          BERTH_CAP_PLACE(0)};
    random_source_t *random = &stage.random;
    memset(hold, 0, sizeof *hold);
    hold->need = (berth_need_t){.items = hold->items,
                                .pieces = hold->told,
                                .item_count = (uint8_t)random_between(random, 1, ITEMS),
                                .owner = (berth_owner_t)(FIRST_HOLDER + index)};
    for (uint32_t i = 0; i < hold->need.item_count; i++) {
        const uint32_t place = random_below(random, 4);
        const uint32_t most = place == 3 ? POOL_BLOCK : place == 1 ? 1500u : 5000u;
        berth_item_t *item = &hold->items[i];
        item->request = (berth_request_t){.size = random_log(random, most),
                                          .align = random_percent(random, 20) ? 64 : 0,
                                          .needed = needed[place]};
        item->request.align = place == 3 ? 0 : item->request.align;
        item->least = random_percent(random, 50) ? 0 : item->request.size / 2u + 1u;
        item->count = (uint8_t)random_between(random, 1, 2);
        hold->need.piece_count = (uint8_t)(hold->need.piece_count + item->count);
    }
}

/* Learns where the pieces are: nobody could tell otherwise without claiming them. */
static void hold_learn(hold_t *hold)
{
    for (uint32_t i = 0; i < hold->need.piece_count; i++) {
        const berth_piece_t *told = &hold->told[i];
        stage_blame(told->region == NULL, "a piece of a reserved need is nowhere");
        if (told->region == NULL) {
            return;
        }
        uint8_t *block = (uint8_t *)told->region->base + told->offset;
        hold->pieces[i] = (piece_t){.block = block, .item = told->item};
        const berth_block_t found = told->region->engine->find(told->region, told->offset);
        stage_blame(found.status != BERTH_OK, "a piece is no live block");
        stage_blame(found.owner != hold->need.owner, "a piece is another owner's");
        stage_blame(told->is_claimed, "a new piece is claimed");
        hold->pieces[i].size = found.size;
    }
    for (uint32_t i = 0; i < stage.block_count; i++) {
        hold_t *other = NULL;
        stage_blame(piece_at(stage.blocks[i], &other) != NULL, "a live block is held");
    }
}

static void hold_reserve(uint32_t index)
{
    hold_t *hold = &stage.holds[index];
    stage.call = "reserve";
    hold_draw(hold, index);
    const berth_answer_t answer = berth_reserve(&stage.berth, &hold->need);
    stage_blame((answer.status == BERTH_OK) != hold->need.is_reserved, "reserved, or not");
    counts.reserved += hold->need.is_reserved;
    counts.not_reserved += !hold->need.is_reserved;
    if (hold->need.is_reserved) {
        hold_learn(hold);
    }
}

/* How many of an item nobody has claimed. */
static uint32_t hold_rest(const hold_t *hold, uint32_t item)
{
    uint32_t rest = 0;
    for (uint32_t i = 0; i < hold->need.piece_count; i++) {
        rest += hold->pieces[i].item == item && !hold->pieces[i].is_claimed;
    }
    return rest;
}

/* What a claim returned: a block of this item that nobody had. */
static void hold_got(hold_t *hold, uint32_t item, uint8_t *block)
{
    hold_t *found = NULL;
    piece_t *piece = piece_at(block, &found);
    const bool is_right =
        piece != NULL && found == hold && piece->item == item && !piece->is_claimed;
    stage_blame(!is_right, "a claim returns what is not held for it");
    if (is_right) {
        piece->is_claimed = true;
        piece_paint(piece);
    }
}

static void hold_claim(hold_t *hold)
{
    stage.call = "claim";
    const uint32_t item = random_below(&stage.random, hold->need.item_count);
    const uint32_t rest = hold_rest(hold, item);
    uint8_t *block = berth_claim(&stage.berth, &hold->need, (uint8_t)item);
    stage_blame(rest != 0 && block == NULL, "a claim fails");
    stage_blame(rest == 0 && block != NULL, "a block is claimed twice");
    if (block != NULL) {
        counts.claims++;
        hold_got(hold, item, block);
    }
}

/* Code that knows nothing of needs. Two items may suit: either will do. */
static void hold_claim_alike(hold_t *hold)
{
    stage.call = "alloc in the holder's scope";
    const uint32_t item = random_below(&stage.random, hold->need.item_count);
    const berth_item_t *rules = &hold->items[item];
    const size_t least = rules->least != 0 ? rules->least : rules->request.size;
    if (hold_rest(hold, item) == 0) {
        return; /* it would be an ordinary block */
    }
    const berth_request_t request = {
        .size = random_between(&stage.random, (uint32_t)least, (uint32_t)rules->request.size),
        .needed = rules->request.needed};
    const berth_owner_t scope = berth_owner_push(&stage.berth, hold->need.owner);
    uint8_t *block = berth_alloc(&stage.berth, &request);
    berth_owner_pop(&stage.berth, scope);
    hold_t *found = NULL;
    const piece_t *piece = block != NULL ? piece_at(block, &found) : NULL;
    stage_blame(block == NULL, "a claim by size fails");
    stage_blame(piece == NULL, "a claim by size is not served from what is held");
    if (piece != NULL) {
        counts.alike++;
        hold_got(hold, piece->item, block);
    }
}

static piece_t *draw_piece(hold_t *hold)
{
    return &hold->pieces[random_below(&stage.random, hold->need.piece_count)];
}

/* Of a piece that nobody has claimed there is nothing to be freed, resized or given. */
static void hold_misuse(const piece_t *piece)
{
    stage.call = "a free, resize or give of what nobody has claimed";
    const berth_request_t request = {.size = 8};
    const uint32_t choice = random_below(&stage.random, 3);
    bool is_refused = false;
    if (choice == 0) {
        is_refused = berth_try_free(&stage.berth, piece->block) == BERTH_ERR_INVALID;
    } else if (choice == 1) {
        is_refused = berth_resize(&stage.berth, piece->block, &request) == NULL;
    } else {
        is_refused = berth_give(&stage.berth, piece->block, draw_other()) == BERTH_ERR_INVALID;
    }
    stage_blame(!is_refused, "it is not refused");
    counts.wrong++;
}

static void hold_return(hold_t *hold)
{
    piece_t *piece = draw_piece(hold);
    if (!piece->is_claimed) {
        hold_misuse(piece);
        return;
    }
    stage.call = "free of a claimed block";
    piece_verify(piece);
    stage_blame(berth_try_free(&stage.berth, piece->block) != BERTH_OK, "it is refused");
    piece->is_claimed = false;
    counts.returns++;
}

/* A claimed block stays where it is up to its room; else an ordinary one takes its place. */
static void hold_resize(hold_t *hold)
{
    piece_t *piece = draw_piece(hold);
    if (!piece->is_claimed) {
        return;
    }
    stage.call = "resize of a claimed block";
    const bool grows = random_percent(&stage.random, 30);
    const uint32_t size = random_between(&stage.random, 1, piece->size) + (grows ? piece->size : 0);
    piece_verify(piece);
    uint8_t *block = berth_realloc(&stage.berth, piece->block, size);
    stage_blame(!grows && block != piece->block, "it does not stay within its room");
    if (block == NULL || block == piece->block) {
        return;
    }
    piece->is_claimed = false;
    block_verify(block);
    for (uint32_t at = 0; at < piece->size; at++) {
        stage_blame(block[at] != paint_at(piece, at), "contents are lost on the way");
    }
    stage_blame(berth_try_free(&stage.berth, block) != BERTH_OK, "the new block is not freed");
}

/* What is claimed becomes an ordinary block. */
static void hold_release(hold_t *hold)
{
    stage.call = "release";
    const bool is_released = berth_release(&stage.berth, &hold->need) == BERTH_OK;
    stage_blame(!is_released || hold->need.is_reserved, "a need is not released");
    for (uint32_t i = 0; i < hold->need.piece_count; i++) {
        const piece_t *piece = &hold->pieces[i];
        if (piece->is_claimed) {
            piece_verify(piece);
            stage_blame(berth_try_free(&stage.berth, piece->block) != BERTH_OK,
                        "a block that was claimed is not freed");
        }
    }
    stage_blame(berth_release(&stage.berth, &hold->need) != BERTH_ERR_INVALID,
                "a need is released twice");
    counts.released++;
}

static void hold_step(uint32_t index)
{
    hold_t *hold = &stage.holds[index];
    const uint32_t choice = random_below(&stage.random, 10000);
    if (!hold->need.is_reserved) {
        hold_reserve(index);
    } else if (choice < 3000) {
        hold_claim(hold);
    } else if (choice < 5500) {
        hold_claim_alike(hold);
    } else if (choice < 9000) {
        hold_return(hold);
    } else if (choice < 9990) {
        hold_resize(hold);
    } else {
        hold_release(hold);
    }
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void stage_step(void)
{
    const uint32_t bits = random_next(&stage.random);
    const uint32_t choice = bits % 1000u;
    const uint32_t index = random_below(&stage.random, stage.block_count);
    const bool is_full = stage.since < 4u; /* somebody was refused just now */
    stage.calls++;
    if (choice < 120) {
        hold_step(random_below(&stage.random, NEEDS));
    } else if (stage.block_count == 0 ||
               (stage.block_count < BLOCKS && choice < (is_full ? 560u : 900u))) {
        other_alloc();
    } else if (choice < 900) {
        other_free(index);
    } else if (choice < 960) {
        other_resize(index);
    } else {
        other_give(index);
    }
}

/* All bookkeeping, all contents, and that what is held is still there. */
static void stage_audit(void)
{
    stage.call = "audit";
    for (uint32_t i = 0; i < REGIONS; i++) {
        const berth_region_t *region = &stage.regions[i];
        uint32_t live = 0;
        for (uint32_t cursor = BERTH_WALK_START; cursor != BERTH_NOWHERE;) {
            const berth_block_t block = region->engine->check(region, cursor);
            stage_blame(block.status != BERTH_OK, "bookkeeping is damaged");
            live += block.owner != BERTH_NO_OWNER ? block.taken : 0;
            cursor = block.next;
        }
        stage_blame(live != region->total.live, "the ledger does not say what blocks take");
        counts.used += live;
        counts.capacity += region->capacity;
    }
    for (uint32_t i = 0; i < NEEDS * PIECES; i++) {
        const hold_t *hold = &stage.holds[i / PIECES];
        const piece_t *piece = &hold->pieces[i % PIECES];
        if (hold->need.is_reserved && i % PIECES < hold->need.piece_count) {
            stage_blame(berth_size(&stage.berth, piece->block) != piece->size, "a piece is lost");
            if (piece->is_claimed) {
                piece_verify(piece);
            }
        }
    }
}

static void stage_lay(void)
{
    stage.regions[0] =
        (berth_region_t){.engine = &berth_fit_engine,
                         .base = sram,
                         .address = 0x20000000u,
                         .size = SRAM_BYTES,
                         .caps = {BERTH_CAP_BYTES | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT}};
    stage.regions[1] =
        (berth_region_t){.engine = &berth_fit_engine,
                         .base = psram,
                         .address = 0x3C000000u,
                         .size = PSRAM_BYTES,
                         .granule = 16,
                         .caps = {BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL, BERTH_CAP_DEFAULT}};
    stage.regions[2] = (berth_region_t){.engine = &berth_pool_engine,
                                        .base = pool,
                                        .address = 0x24000000u,
                                        .size = POOL_BYTES,
                                        .config = &cells,
                                        .caps = {BERTH_CAP_BYTES | BERTH_CAP_PLACE(0)}};
    for (uint32_t i = 0; i < REGIONS; i++) {
        stage.regions[i].accounts = stage.accounts[i];
    }
}

static void round_run(uint32_t seed, uint32_t calls)
{
    memset(&stage, 0, sizeof stage);
    stage.random = random_from(seed);
    stage_lay();
    stage.config = (berth_config_t){.port = &port,
                                    .regions = stage.regions,
                                    .events = stage.events,
                                    .event_count = 64,
                                    .region_count = REGIONS,
                                    .owner_count = OWNERS};
    stage.call = "start";
    stage_blame(berth_start(&stage.berth, &stage.config) != BERTH_OK, "it does not start");
    while (stage.calls < calls && stage.wrong == NULL) {
        stage_step();
        if (stage.calls % AUDIT_PERIOD == 0 && stage.wrong == NULL) {
            stage_audit();
        }
    }
    counts.calls += stage.calls;
}

static void counts_print(uint32_t seed)
{
    printf("reservation: %" PRIu32 " calls from seed %" PRIu32 ", %" PRIu64
           " %% full, no claim failed\n  claims %" PRIu32 ", by size %" PRIu32 ", returns %" PRIu32
           "; reserved %" PRIu32 ", not %" PRIu32 ", released %" PRIu32
           "\n  others: granted %" PRIu32 ", refused %" PRIu32
           "; wrong uses of what is held %" PRIu32 "\n",
           counts.calls, seed, counts.capacity != 0 ? 100u * counts.used / counts.capacity : 0,
           counts.claims, counts.alike, counts.returns, counts.reserved, counts.not_reserved,
           counts.released, counts.granted, counts.refused, counts.wrong);
}

int main(int count, char **words)
{
    uint32_t ops = OPS;
    uint32_t seed = 1;
    uint32_t progress = 0; /* calls between two lines; 0: none */
    const option_t numbers[] = {
        {"--ops", &ops}, {"--seed", &seed}, {"--progress", &progress}, {NULL, NULL}};
    for (int i = 1; i + 1 < count; i += 2) {
        uint32_t *number = option_named(numbers, words[i]);
        if (number == NULL || !option_read(words[i + 1], number)) {
            (void)fputs("usage: reservation [--ops N] [--seed S] [--progress N]\n", stderr);
            return 2;
        }
    }
    for (uint32_t round = 0; counts.calls < ops; round++) {
        const uint32_t left = ops - counts.calls;
        if (progress != 0 && round != 0 && counts.calls % progress == 0) {
            printf("reservation: %" PRIu32 " calls so far, seed %" PRIu32 "\n", counts.calls,
                   seed + round);
            (void)fflush(stdout);
        }
        round_run(seed + round, left < ROUND_OPS ? left : ROUND_OPS);
        if (stage.wrong != NULL) {
            printf("DIFFERENCE: call %" PRIu32 " (%s): %s\nreplay: reservation --seed %" PRIu32
                   " --ops %" PRIu32 "\n",
                   stage.calls, stage.call, stage.wrong, seed + round, stage.calls);
            return 1;
        }
    }
    counts_print(seed);
    return 0;
}
