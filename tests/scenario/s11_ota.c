/* s11_ota.c: can this device be updated, and if not, who must make room?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scenario S11, EnergyMe #191, midad #186 and HB-RF-ETH #349: an old device has 66,920 bytes free,
 * the largest block 21,492. An update takes two TLS buffers, four KB of scratch in the handshake,
 * and after that 48 KB for the body. Control: the device looks at what is free, begins, and the
 * body fails in the middle. The product says beforehand that it is not ready, and makes it ready
 * by the mildest means that suffice. And 48 KB that are allocated before the handshake do not fit
 * where 48 KB after it do: which the product finds out.
 */
#include "stretch.h"

#include <string.h>

#define SRAM_SIZE (192u * 1024u)
#define TLS_SIZE 16717u
#define SCRATCH_SIZE 1024u
#define BODY_SIZE 49152u

/* Who else there is. */
#define APP LVGL
#define IMAGES 5u
#define WEB 6u
#define UI 7u
#define UPDATE TLS

#define INSIDE (BERTH_CAP_INTERNAL | BERTH_CAP_BYTES)

static berth_t *const berth = &scene.berth;
static berth_region_t *const sram = &scene.regions[0];

/* --- the plan --------------------------------------------------------------------------------- */

static const berth_item_t body_late[] = {
    {.request = {.size = TLS_SIZE, .needed = INSIDE}, .count = 2},
    {.request = {.size = SCRATCH_SIZE, .needed = INSIDE}, .count = 4, .ends = 3},
    {.request = {.size = BODY_SIZE, .needed = INSIDE}}};

/* The same, with the body first: as one writes it who allocates all at the beginning. */
static const berth_item_t body_early[] = {
    {.request = {.size = BODY_SIZE, .needed = INSIDE}},
    {.request = {.size = TLS_SIZE, .needed = INSIDE}, .count = 2},
    {.request = {.size = SCRATCH_SIZE, .needed = INSIDE}, .count = 4, .ends = 1}};

#define PIECES 11u /* seven blocks, and the ends of four */

static berth_piece_t pieces[PIECES];

static berth_need_t need_of(const berth_item_t *items)
{
    return (berth_need_t){.name = "ota",
                          .items = items,
                          .pieces = pieces,
                          .item_count = 3,
                          .piece_count = PIECES,
                          .owner = UPDATE};
}

/* An update as it happens. */
typedef struct update {
    void *tls[2];
    void *scratch[4];
    void *body;
} update_t;

static void *update_alloc(uint32_t size)
{
    return berth_alloc(berth, &(berth_request_t){.size = size, .needed = INSIDE, .owner = UPDATE});
}

/* Whether it got all that it takes until the handshake is over. */
static bool update_shake_hands(update_t *update)
{
    bool has_all = true;
    for (uint32_t i = 0; i < 2; i++) {
        update->tls[i] = update_alloc(TLS_SIZE);
        has_all = has_all && update->tls[i] != NULL;
    }
    for (uint32_t i = 0; i < 4; i++) {
        update->scratch[i] = update_alloc(SCRATCH_SIZE);
        has_all = has_all && update->scratch[i] != NULL;
    }
    return has_all;
}

static void update_shaken_hands(update_t *update)
{
    for (uint32_t i = 0; i < 4; i++) {
        berth_free(berth, update->scratch[i]);
        update->scratch[i] = NULL;
    }
}

static void update_end(update_t *update)
{
    update_shaken_hands(update);
    berth_free(berth, update->tls[0]);
    berth_free(berth, update->tls[1]);
    berth_free(berth, update->body);
    *update = (update_t){.body = NULL};
    assert_int_equal(berth_account(berth, sram, UPDATE).count, 0);
}

/* --- an old device ---------------------------------------------------------------------------- */

/* Two holes that just hold a TLS buffer, one with what caches and sessions have behind it, and
 * crumbs. The user interface could give back more than all of these, but that is seen. */
static const stretch_t old[] = {
    {16720, 0},   {600, APP},  {16720, 0},  {40, APP},  {21492, 0}, {10000, IMAGES}, {10000, WEB},
    {10648, WEB}, {80, APP},   {1000, 0},   {24, APP},  {1000, 0},  {24, APP},       {1000, 0},
    {24, APP},    {1000, 0},   {24, APP},   {1000, 0},  {24, APP},  {1000, 0},       {24, APP},
    {1000, 0},    {24, APP},   {1000, 0},   {24, APP},  {1000, 0},  {24, APP},       {1000, 0},
    {24, APP},    {1000, 0},   {24, APP},   {928, 0},   {24, APP},  {10000, UI},     {10000, UI},
    {10000, UI},  {10000, UI}, {10000, UI}, {10000, UI}};
#define OLD (sizeof old / sizeof old[0])

static void *blocks[OLD];

/* The reclaimers, from the mildest to the last resort. */
typedef struct helper {
    berth_reclaimer_t reclaimer;
    berth_owner_t owner; /* of what it gives back; BERTH_NO_OWNER: it has nothing */
    uint32_t calls;
} helper_t;

static helper_t names_cache, images, sessions, ui;
static const helper_t *called[8]; /* in the order of calls */
static uint32_t call_count;

static bool helper_reclaim(void *self, const berth_need_t *need)
{
    helper_t *helper = self;
    bool gave = false;
    assert_string_equal(need->name, "ota");
    assert_int_equal(scene.held, 0);
    assert_true(call_count < sizeof called / sizeof called[0]);
    called[call_count++] = helper;
    helper->calls++;
    for (uint32_t i = 0; i < OLD; i++) {
        if (blocks[i] != NULL && old[i].owner == helper->owner) {
            berth_free(berth, blocks[i]);
            blocks[i] = NULL;
            gave = true;
        }
    }
    return gave;
}

static void helper_add(helper_t *helper, const char *name, berth_owner_t owner)
{
    *helper = (helper_t){.owner = owner};
    helper->reclaimer =
        (berth_reclaimer_t){.name = name, .reclaim = helper_reclaim, .self = helper};
    berth_reclaimer_add(berth, &helper->reclaimer);
}

static void device_start(void)
{
    static berth_region_t large;
    large = scene_sram;
    large.size = SRAM_SIZE;
    SCENE_LAY(&large);
    scene_start();
    memset(blocks, 0, sizeof blocks);
    call_count = 0;
    helper_add(&names_cache, "names", BERTH_NO_OWNER);
    helper_add(&images, "images", IMAGES);
    helper_add(&sessions, "sessions", WEB);
    helper_add(&ui, "ui", UI);
}

static void device_grow_old(void)
{
    device_start();
    stretch_lay(sram, old, OLD, blocks);
    assert_int_equal(scene_room(sram), 66920);
    assert_int_equal(stretch_largest(sram), 21492);
}

/* --- control ---------------------------------------------------------------------------------- */

static void test_control_begins_and_fails_in_the_middle(void **state)
{
    (void)state;
    update_t update;
    device_grow_old();
    assert_true(scene_room(sram) >= BODY_SIZE);     /* what midad looked at ... */
    assert_true(stretch_largest(sram) >= TLS_SIZE); /* ... and who is cautious */
    assert_true(update_shake_hands(&update));       /* and it seems to go well */
    update_shaken_hands(&update);
    update.body = update_alloc(BODY_SIZE);
    assert_null(update.body);
    update_end(&update);
}

static void test_control_the_body_first_leaves_no_room_for_the_handshake(void **state)
{
    (void)state;
    update_t update;
    device_grow_old();
    (void)helper_reclaim(&images, &(berth_need_t){.name = "ota"});
    (void)helper_reclaim(&sessions, &(berth_need_t){.name = "ota"});
    update.body = update_alloc(BODY_SIZE);
    assert_non_null(update.body);
    assert_false(update_shake_hands(&update)); /* HB-RF-ETH: it looks like a bad certificate */
    update_end(&update);
    assert_true(update_shake_hands(&update)); /* on the same device, in the other order */
    update_shaken_hands(&update);
    update.body = update_alloc(BODY_SIZE);
    assert_non_null(update.body);
    update_end(&update);
}

/* --- the product ------------------------------------------------------------------------------ */

static void test_an_old_device_is_not_ready_and_says_why(void **state)
{
    (void)state;
    device_grow_old();
    berth_need_t need = need_of(body_late);
    const berth_answer_t answer = berth_fits(berth, &need);
    stretch_print(&need, &answer);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_true(answer.is_certain);
    assert_int_equal(answer.item, 2);
    assert_int_equal(answer.block, 0);
    assert_int_equal(answer.region, 0);
    assert_true(answer.lacks_room); /* 82,604 bytes of 66,920 */
    assert_int_equal(call_count, 0);
    assert_int_equal(berth_failure(berth).count, 0);
}

static void test_its_blockers_are_the_fewest_and_the_truth(void **state)
{
    (void)state;
    berth_blocker_t blockers[8];
    berth_need_t need = need_of(body_late);
    const uint32_t count = stretch_clear(device_grow_old, &need, blockers, 8);
    uint32_t of[UI + 1] = {0};
    for (uint32_t i = 0; i < count; i++) {
        assert_true(blockers[i].owner <= UI);
        assert_int_equal(blockers[i].item, 2);
        of[blockers[i].owner]++;
    }
    assert_int_equal(count, 3); /* of the user interface's it would be four */
    assert_int_equal(of[IMAGES], 1);
    assert_int_equal(of[WEB], 2);
}

static void assert_called(uint32_t count)
{
    const helper_t *const order[] = {&names_cache, &images, &sessions, &ui};
    assert_int_equal(call_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_ptr_equal(called[i], order[i]);
    }
}

/* Updates by what was prepared: the blocks that were reserved, and then the body. */
static void update_prepared(berth_need_t *need)
{
    update_t update;
    for (uint32_t i = 0; i < 2; i++) {
        update.tls[i] = berth_claim(berth, need, 0);
        assert_non_null(update.tls[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        update.scratch[i] = berth_claim(berth, need, 1);
        assert_non_null(update.scratch[i]);
    }
    update_shaken_hands(&update);
    assert_int_equal(berth_release(berth, need), BERTH_OK);
    update.body = update_alloc(BODY_SIZE);
    assert_non_null(update.body);
    update_end(&update);
}

static void test_prepare_stops_as_soon_as_it_fits(void **state)
{
    (void)state;
    device_grow_old();
    berth_need_t need = need_of(body_late);
    const berth_answer_t answer = berth_prepare(berth, &need);
    stretch_print(&need, &answer);
    assert_int_equal(answer.status, BERTH_OK);
    assert_true(need.is_reserved);
    assert_called(3); /* the user interface stays */
    update_prepared(&need);
}

static void test_prepare_asks_no_more_than_it_must(void **state)
{
    (void)state;
    device_grow_old();
    (void)helper_reclaim(&sessions, &(berth_need_t){.name = "ota"});
    call_count = 0;
    berth_need_t need = need_of(body_late);
    assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK);
    assert_called(2);
    update_prepared(&need);
}

/* Nothing helps: everybody was asked once, and nothing is held. */
static void test_prepare_says_no_when_all_have_given(void **state)
{
    (void)state;
    device_grow_old();
    const berth_item_t huge[] = {body_late[0], {.request = {.size = 160000, .needed = INSIDE}}};
    berth_need_t need = need_of(huge);
    need.item_count = 2;
    need.piece_count = 3;
    const berth_answer_t answer = berth_prepare(berth, &need);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_int_equal(answer.item, 1);
    assert_called(4);
    assert_false(need.is_reserved);
    assert_int_equal(berth_account(berth, sram, UPDATE).count, 0);
}

static void test_the_order_in_which_it_fits_is_found(void **state)
{
    (void)state;
    device_grow_old();
    (void)helper_reclaim(&images, &(berth_need_t){.name = "ota"});
    (void)helper_reclaim(&sessions, &(berth_need_t){.name = "ota"});
    berth_need_t early = need_of(body_early);
    const berth_answer_t answer = berth_fits(berth, &early);
    stretch_print(&early, &answer);
    assert_int_equal(answer.status, BERTH_ERR_NOMEM);
    assert_int_equal(answer.item, 2); /* the scratch, of which two find room behind the body */
    assert_int_equal(answer.block, 2);
    uint8_t order[3];
    assert_true(berth_reorder(berth, &early, order));
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
    berth_need_t late = need_of(body_late);
    assert_int_equal(berth_fits(berth, &late).status, BERTH_OK);
}

static void test_no_order_is_found_where_none_helps(void **state)
{
    (void)state;
    uint8_t order[3];
    device_grow_old();
    berth_need_t early = need_of(body_early);
    assert_false(berth_reorder(berth, &early, order));
}

/* --- and when all is well --------------------------------------------------------------------- */

static void test_an_empty_device_is_ready_and_nobody_gives_anything(void **state)
{
    (void)state;
    device_start();
    (void)scene_last();
    for (uint32_t round = 0; round < 100; round++) {
        berth_need_t need = need_of(body_late);
        assert_int_equal(berth_fits(berth, &need).status, BERTH_OK);
        assert_int_equal(berth_prepare(berth, &need).status, BERTH_OK);
        update_prepared(&need);
        for (berth_event_t event; berth_poll(berth, &event, 1) != 0;) {
            assert_int_equal(event.status, BERTH_OK);
        }
    }
    assert_int_equal(call_count, 0);
    assert_int_equal(scene_used(sram), 0);
    assert_int_equal(berth_failure(berth).count, 0);
    assert_int_equal(scene.logged + scene.asserted, 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_begins_and_fails_in_the_middle),
        cmocka_unit_test(test_control_the_body_first_leaves_no_room_for_the_handshake),
        cmocka_unit_test(test_an_old_device_is_not_ready_and_says_why),
        cmocka_unit_test(test_its_blockers_are_the_fewest_and_the_truth),
        cmocka_unit_test(test_prepare_stops_as_soon_as_it_fits),
        cmocka_unit_test(test_prepare_asks_no_more_than_it_must),
        cmocka_unit_test(test_prepare_says_no_when_all_have_given),
        cmocka_unit_test(test_the_order_in_which_it_fits_is_found),
        cmocka_unit_test(test_no_order_is_found_where_none_helps),
        cmocka_unit_test(test_an_empty_device_is_ready_and_nobody_gives_anything),
    };
    return SCENE_RUN(tests);
}
