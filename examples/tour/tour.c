/* tour.c: the manager at work on two unlike memories: 320 KB of SRAM and 8 MB of PSRAM.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/berth.h"
#include "berth/fit.h"
#include "berth/need.h"
#include "port_linux.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    NET = 1,
    AUDIO,
    UI,
    OWNERS
};
#define ON_CHIP (BERTH_CAP_BYTES | BERTH_CAP_DMA | BERTH_CAP_INTERNAL | BERTH_CAP_DEFAULT)
#define BEHIND_THE_BUS (BERTH_CAP_BYTES | BERTH_CAP_EXTERNAL | BERTH_CAP_DEFAULT)

static _Alignas(16) uint8_t sram[320 * 1024];
static _Alignas(16) uint8_t psram[8 * 1024 * 1024];
static const char *const names[OWNERS] = {NULL, "net", "audio", "ui"};
static const berth_budget_t budgets[OWNERS] = {
    [AUDIO] = {.soft = 16 * 1024, .hard = 32 * 1024}}; /* of SRAM, bytes */

static berth_region_t regions[] = {{.name = "sram",
                                    .engine = &berth_fit_engine,
                                    .base = sram,
                                    .address = 0x3FC88000,
                                    .size = sizeof sram,
                                    .caps = {ON_CHIP},
                                    .upto = 16384, /* larger ones try PSRAM first */
                                    .budgets = budgets},
                                   {.name = "psram",
                                    .engine = &berth_fit_engine,
                                    .base = psram,
                                    .address = 0x3C000000,
                                    .size = sizeof psram,
                                    .caps = {BEHIND_THE_BUS},
                                    .is_slow = true}};

static berth_port_t port; /* Linux, but silent */
BERTH_DEFINE(heap, &port, regions, OWNERS, names, 64);

/* Asks, and says what came of it. */
static void *ask(const char *what, berth_request_t request)
{
    void *block = berth_alloc(&heap, &request);
    printf("   %s, %zu bytes: ", what, request.size);
    if (block != NULL) {
        const berth_about_t about = berth_about(&heap, block);
        printf("in %s, costs %" PRIu32 "\n", about.region->name, about.taken);
        return block;
    }
    char text[300];
    const berth_failure_t failure = berth_failure(&heap);
    (void)berth_explain(&heap, &failure, text, sizeof text);
    printf("NO.\n      %s\n", text);
    return NULL;
}

static void print_events(void)
{
    berth_event_t event;
    while (berth_poll(&heap, &event, 1) == 1) {
        printf("   %2" PRIu32 " %-9s %-14s %-6s size %6" PRIu32 ", takes %6" PRIu32 "\n",
               event.sequence, berth_event_name(event.kind), berth_status_name(event.status),
               berth_owner_name(&heap, event.owner), event.size, event.taken);
    }
}

/* --- needs ------------------------------------------------------------------------------------ */

#define PICTURE 8000u /* bytes */
#define PICTURES 64u

static void *pictures[PICTURES]; /* which the ui keeps on the chip */

static const berth_item_t session[] = {
    {.request = {.size = 16717, .needed = BERTH_CAP_INTERNAL}, .count = 2}};
static berth_piece_t pieces[2];
static berth_need_t tls = {.name = "tls",
                           .items = session,
                           .pieces = pieces,
                           .item_count = 1,
                           .piece_count = 2,
                           .owner = NET};

static void print_answer(berth_answer_t answer)
{
    char text[200];
    (void)berth_answer_explain(&heap, &tls, &answer, text, sizeof text);
    printf("   %s\n", text);
}

/* Drops every `step`th picture that there is. Returns how many. */
static unsigned pictures_drop(unsigned step)
{
    unsigned dropped = 0;
    for (unsigned i = 0; i < PICTURES; i += step) {
        dropped += pictures[i] != NULL;
        berth_free(&heap, pictures[i]);
        pictures[i] = NULL;
    }
    return dropped;
}

static void pictures_scatter(void)
{
    unsigned count = 0;
    const berth_request_t picture = {.size = PICTURE, .needed = BERTH_CAP_INTERNAL, .owner = UI};
    while (count < PICTURES && (pictures[count] = berth_alloc(&heap, &picture)) != NULL) {
        count++;
    }
    const unsigned dropped = pictures_drop(2);
    printf("   ui keeps %u pictures on the chip and drops %u: %u bytes are free again, and\n",
           count, dropped, dropped * PICTURE);
}

static void print_blockers(void)
{
    berth_blocker_t blockers[8];
    const uint32_t count = berth_blockers(&heap, &tls, blockers, 8);
    printf("   it would, were it not for %" PRIu32 " blocks:", count);
    for (uint32_t i = 0; i < count && i < 8; i++) {
        printf("%s %" PRIu32 " bytes of %s", i == 0 ? "" : ",", blockers[i].taken,
               berth_owner_name(&heap, blockers[i].owner));
    }
    puts("");
}

static bool nothing_to_give(void *self, const berth_need_t *need)
{
    (void)self;
    printf("   for %s, net is asked first: it has nothing to give\n", need->name);
    return false;
}

static bool pictures_give(void *self, const berth_need_t *need)
{
    (void)self;
    printf("   for %s, ui drops its other %u pictures\n", need->name, pictures_drop(1));
    return true;
}

static void show_needs(void)
{
    static berth_reclaimer_t net = {.name = "net", .reclaim = nothing_to_give};
    static berth_reclaimer_t ui = {.name = "ui", .reclaim = pictures_give};
    berth_reclaimer_add(&heap, &net);
    berth_reclaimer_add(&heap, &ui);
    puts("\n7. A need: a TLS session takes 2 x 16717 bytes on the chip. Before it connects:");
    print_answer(berth_fits(&heap, &tls));
    pictures_scatter();
    print_answer(berth_fits(&heap, &tls));
    print_blockers();
    puts("\n8. It is made to fit, by who can give memory back, the mildest first; and held from "
         "then "
         "on:");
    print_answer(berth_prepare(&heap, &tls));
    const void *in = berth_claim(&heap, &tls, 0);
    const void *out = berth_claim(&heap, &tls, 0);
    printf("   its buffers, whenever it connects: %s\n",
           in != NULL && out != NULL ? "there they are" : "NO");
}

int main(void)
{
    port = berth_port_linux;
    port.log = NULL;
    port.assertion = NULL;
    puts("1. Two regions. A request says what the memory must be able to do:");
    void *packet =
        ask("net, for DMA", (berth_request_t){.size = 1600, .needed = BERTH_CAP_DMA, .owner = NET});
    void *frame = ask("ui, anywhere", (berth_request_t){.size = 614400, .owner = UI});

    puts("\n2. A fallback: on the chip, but 300 KB must be left there; otherwise behind the bus:");
    const berth_request_t outside = {.needed = BERTH_CAP_EXTERNAL, .left = BERTH_LEFT_NOTHING};
    void *cache = ask("net", (berth_request_t){.size = 24 * 1024,
                                               .needed = BERTH_CAP_INTERNAL,
                                               .left = 300 * 1024,
                                               .otherwise = &outside,
                                               .owner = NET});

    puts("\n3. A budget: audio may have 32 KB on the chip, and is told of from 16 KB on:");
    const berth_request_t ring = {.size = 12000, .needed = BERTH_CAP_DMA, .owner = AUDIO};
    for (int i = 0; i < 3; i++) {
        (void)ask("audio, for DMA", ring);
    }
    printf("   what audio could still have: %" PRIu32 " bytes\n", berth_allocatable(&heap, &ring));

    puts("\n4. A guard: the render loop must not allocate:");
    const uint8_t before = berth_guard_enter(&heap, BERTH_GUARD_NO_ALLOC);
    (void)ask("ui, in the loop", (berth_request_t){.size = 64, .owner = UI});
    berth_guard_leave(&heap, before);

    puts("\n5. One free for all regions; a second one is refused, and nothing changes:");
    berth_free(&heap, frame);
    berth_free(&heap, cache);
    printf("   again: %s\n", berth_status_name(berth_try_free(&heap, cache)));
    printf("   of the middle of a block: %s\n",
           berth_status_name(berth_try_free(&heap, (uint8_t *)packet + 400)));

    puts("\n6. All of it was written down:");
    print_events();
    show_needs();
    return 0;
}
