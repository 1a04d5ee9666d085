/* check.c: verifies a region slice by slice; fences it when it is damaged, and lets it be mended.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/check.h"

#include "event.h"
#include "manager.h"

/* What a check is about. */
typedef enum check_phase {
    CHECK_AUDIT, /* of what is no block's */
    CHECK_BLOCKS,
    CHECK_MEND,      /* the region is fenced */
    CHECK_MEND_PLAIN /* and was the one that requests without caps try first */
} check_phase_t;

/* An event that is to be posted when the lock is left. */
typedef struct check_slice {
    berth_checked_t checked;
    berth_event_t event;
    bool has_event;
} check_slice_t;

static void slice_tell(check_slice_t *slice, const berth_region_t *region, uint32_t offset,
                       int32_t status)
{
    slice->has_event = true;
    slice->event = event_of(BERTH_EVENT_DAMAGE, status, BERTH_NO_OWNER, 0);
    slice->event.region = region->index;
    slice->event.offset = offset;
}

/* --- the fence ------------------------------------------------------------------------------- */

/* Nobody enters any more; who is on a short way already is refused by the engine, once mending has
 * begun. */
static void fence_raise(berth_t *berth, berth_check_t *check)
{
    berth_region_t *region = check->region;
    const bool is_plain = LIST_READ(berth->plain) == region;
    if (is_plain) {
        LIST_WRITE(berth->plain, NULL);
    }
    const berth_caps_t able = region->able;
    LIST_WRITE(region->able, (able & ~ABLE_SHORT) | ABLE_FENCED);
    check->phase = is_plain ? CHECK_MEND_PLAIN : CHECK_MEND;
    check->mending =
        (berth_mending_t){.accounts = check->accounts, .account_count = berth->owner_count};
}

static void fence_lower(berth_t *berth, const berth_check_t *check)
{
    berth_region_t *region = check->region;
    const berth_caps_t is_short = region_is_short(region) ? ABLE_SHORT : 0;
    LIST_WRITE(region->able, (region->able & ~ABLE_FENCED) | is_short);
    if (check->phase == CHECK_MEND_PLAIN) {
        LIST_WRITE(berth->plain, region);
    }
}

/* --- the ledger ------------------------------------------------------------------------------ */

/* Bytes that an account has too many, or 0. */
static uint32_t account_lost(const berth_account_t *kept, const berth_account_t *found)
{
    return kept->live > found->live ? kept->live - found->live : 0;
}

static void account_settle(berth_account_t *kept, const berth_account_t *found)
{
    kept->live = found->live;
    kept->count = found->count;
    kept->peak = greater(kept->peak, kept->live);
}

/* Tells who follows the region that an owner's account has changed. */
static void account_tell(berth_t *berth, berth_region_t *region, uint32_t account)
{
    if (region->follow != NULL) {
        const berth_event_t event = {.time_us = event_time(berth),
                                     .offset = BERTH_NOWHERE,
                                     .kind = BERTH_EVENT_DAMAGE,
                                     .region = region->index,
                                     .owner = owner_at(account)};
        region->follow(berth, region, &event);
    }
}

/* Makes the accounts what the blocks say. Tells whether they were not; if one owner alone has lost
 * something, the event names it. Bounded by the owners. */
static bool accounts_settle(berth_t *berth, const berth_check_t *check, berth_event_t *event)
{
    berth_account_t *kept = check->region->accounts;
    const berth_account_t *found = check->accounts;
    berth_account_t *total = &check->region->total;
    berth_account_t sum = {0};
    uint32_t losers = 0;
    bool differ = false;
    for (uint32_t i = 0; found != NULL && kept != NULL && i < berth->owner_count; i++) {
        const uint32_t lost = account_lost(&kept[i], &found[i]);
        if (lost != 0) {
            event->owner = losers++ == 0 && i != 0 ? (berth_owner_t)i : BERTH_OTHERS;
            event->taken = lost;
        }
        differ = differ || kept[i].live != found[i].live || kept[i].count != found[i].count;
        total->live += found[i].live - kept[i].live;
        account_settle(&kept[i], &found[i]);
        account_tell(berth, check->region, i);
        sum.live += found[i].live;
        sum.count += found[i].count;
    }
    if (differ) {
        account_settle(total, &sum);
        account_tell(berth, check->region, 0);
    }
    return differ;
}

static void ledger_settle(berth_t *berth, const berth_check_t *check, berth_event_t *event)
{
    check->region->changes++;
    event->owner = check->mending.withdrawn != 0 ? BERTH_OTHERS : BERTH_NO_OWNER;
    if (check->accounts != NULL) {
        (void)accounts_settle(berth, check, event);
        account_settle(&check->region->total, &check->mending.total);
    }
}

/* Sums up blocks that were verified, by owner. */
static void blocks_add(berth_t *berth, berth_check_t *check, const berth_block_t *block)
{
    if (check->accounts != NULL && block->owner != BERTH_NO_OWNER) {
        const bool is_known = owner_has_account(berth, block->owner);
        berth_account_t *account = &check->accounts[is_known ? owner_account(block->owner) : 0];
        account->live += block->taken;
        account->count++;
    }
}

/* --- a slice --------------------------------------------------------------------------------- */

static void slice_damaged(berth_t *berth, berth_check_t *check, check_slice_t *slice,
                          uint32_t offset)
{
    fence_raise(berth, check);
    slice->checked.status = BERTH_ERR_CORRUPT;
    int32_t status = BERTH_ERR_UNKNOWN;
    if (check->mender != NULL &&
        check->mender->mend(check->region, &check->mending) == BERTH_ERR_BUSY) {
        status = BERTH_ERR_CORRUPT;
    }
    slice_tell(slice, check->region, offset, status);
    slice->checked.is_done = status == BERTH_ERR_UNKNOWN;
}

static void slice_audit(berth_t *berth, berth_check_t *check, check_slice_t *slice)
{
    const berth_audit_t audit = check->mender->audit(check->region, check->audited);
    check->audited = audit.next;
    if (audit.status != BERTH_OK) {
        slice_damaged(berth, check, slice, BERTH_NOWHERE);
    } else if (audit.next == BERTH_NOWHERE) {
        check->phase = CHECK_BLOCKS;
    }
}

static void round_begin(const berth_t *berth, berth_check_t *check)
{
    if (check->walk.region == NULL) {
        check->walk.region = check->region;
        check->began = check->region->changes;
        if (check->accounts != NULL) {
            memset(check->accounts, 0, berth->owner_count * sizeof *check->accounts);
        }
    }
}

/* What was summed up counts only if nothing has changed meanwhile. */
static void round_end(berth_t *berth, const berth_check_t *check, check_slice_t *slice)
{
    berth_event_t event = {.owner = BERTH_NO_OWNER};
    if (check->began == check->region->changes && accounts_settle(berth, check, &event)) {
        slice_tell(slice, check->region, BERTH_NOWHERE, BERTH_OK);
        slice->event.owner = event.owner;
        slice->event.taken = event.taken;
    }
}

/* Who verifies a block; an engine that cannot walks past it. */
static look_t check_look(const berth_check_t *check)
{
    const berth_engine_t *engine = check->region->engine;
    const look_t look = engine->check != NULL ? engine->check : engine->walk;
    return check->mender != NULL ? check->mender->check : look;
}

static void slice_blocks(berth_t *berth, berth_check_t *check, check_slice_t *slice)
{
    if (check->mender != NULL &&
        check->mender->audit(check->region, BERTH_NOWHERE).status != BERTH_OK) {
        slice_damaged(berth, check, slice, BERTH_NOWHERE);
        return;
    }
    berth_block_t blocks[BERTH_CHECK_SLICE];
    const look_t look = check_look(check);
    round_begin(berth, check);
    const uint32_t count = walk_slice(&check->walk, look, blocks, BERTH_CHECK_SLICE);
    slice->checked.checked = count;
    slice->checked.is_done = check->walk.cursor == BERTH_NOWHERE;
    for (uint32_t i = 0; i < count; i++) {
        if (blocks[i].status == BERTH_ERR_CORRUPT) {
            slice->checked.is_done = false;
            slice_damaged(berth, check, slice, blocks[i].offset);
            return;
        }
        blocks_add(berth, check, &blocks[i]);
    }
    if (slice->checked.is_done) {
        round_end(berth, check, slice);
    }
}

static void slice_mend(berth_t *berth, berth_check_t *check, check_slice_t *slice)
{
    berth_mending_t *mending = &check->mending;
    const int32_t status = check->mender->mend(check->region, mending);
    slice->checked.status = BERTH_ERR_CORRUPT;
    slice->checked.withdrawn = mending->withdrawn;
    if (status == BERTH_ERR_BUSY) {
        return;
    }
    const uint32_t offset = mending->withdrawn != 0 ? mending->offset : BERTH_NOWHERE;
    slice_tell(slice, check->region, offset, status == BERTH_OK ? BERTH_OK : BERTH_ERR_UNKNOWN);
    slice->event.size = mending->withdrawn;
    slice->checked.is_done = true;
    if (status == BERTH_OK) {
        ledger_settle(berth, check, &slice->event);
        fence_lower(berth, check);
        slice->checked.status = BERTH_OK;
    }
}

static bool check_mends(const berth_check_t *check)
{
    return check->phase == CHECK_MEND || check->phase == CHECK_MEND_PLAIN;
}

/* The next call begins anew. */
static void check_rewind(berth_check_t *check)
{
    check->walk = (berth_walk_t){.region = NULL};
    check->audited = 0;
    check->phase = CHECK_AUDIT;
}

static void slice_do(berth_t *berth, berth_check_t *check, check_slice_t *slice)
{
    if (check_mends(check)) {
        slice_mend(berth, check, slice);
    } else if (region_is_fenced(check->region)) { /* another check mends it, or nobody can */
        slice->checked.status = BERTH_ERR_CORRUPT;
        slice->checked.is_done = true;
    } else if (check->phase == CHECK_AUDIT && check->mender != NULL) {
        slice_audit(berth, check, slice);
    } else {
        slice_blocks(berth, check, slice);
    }
    if (slice->checked.is_done) {
        check_rewind(check);
    }
}

berth_checked_t berth_check(berth_t *berth, berth_check_t *check)
{
    check_slice_t slice = {.checked = {.status = BERTH_ERR_BUSY}};
    if (!manager_is_awake(berth)) {
        return slice.checked;
    }
    berth_region_t *region = check->region;
    const uintptr_t key = lock_take(berth->port, &region->lock);
    if (key == BERTH_LOCK_REFUSED) {
        return slice.checked;
    }
    slice.checked.status = BERTH_OK;
    slice_do(berth, check, &slice);
    lock_leave(berth->port, &region->lock, key);
    if (slice.has_event) {
        event_alarm(berth, &slice.event);
    }
    return slice.checked;
}
