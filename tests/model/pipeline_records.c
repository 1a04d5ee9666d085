/* pipeline_records.c: the records of refusals, as docs/pipeline.md has them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

#include <string.h>

#define RECORD_UNIT 65536u /* us */

static uint32_t pipeline_record_time(const pipeline_t *pipeline)
{
    return (uint32_t)(pipeline->now_us / RECORD_UNIT);
}

/* What is kept there from who pays: by floors, and by needs. */
static uint32_t pipeline_reserved(const pipeline_t *pipeline, const pipeline_region_t *region,
                                  const pipeline_call_t *call)
{
    const berth_owner_t payer = pipeline_payer(region, call->owner);
    uint64_t kept = pipeline_floor(region, payer, call->hops[0].needed);
    for (uint32_t i = 0; i < pipeline->block_count; i++) {
        const pipeline_block_t *block = &pipeline->blocks[i];
        const bool is_here = &pipeline->regions[block->region] == region;
        kept += is_here && block->need != 0 && !block->is_claimed ? block->taken : 0;
    }
    return (uint32_t)kept;
}

/* What a region has, and what it would grant to the first hop. */
static pipeline_reason_t pipeline_reason(pipeline_t *pipeline, const pipeline_call_t *call,
                                         uint8_t index, int32_t status)
{
    const pipeline_region_t *region = &pipeline->regions[index];
    pipeline_reason_t reason = {.region = index, .status = status};
    reason.is_known = !pipeline_is_guarded(pipeline, region) && !region->is_busy;
    reason.free = region->capacity - region->used;
    reason.allocatable = pipeline_grantable(pipeline, region, &call->hops[0], call->owner);
    reason.reserved = pipeline_reserved(pipeline, region, call);
    return reason;
}

static bool pipeline_was_asked(const pipeline_call_t *call, uint8_t region)
{
    for (uint32_t i = 0; i < call->reason_count; i++) {
        if (call->reasons[i].region == region) {
            return true;
        }
    }
    return false;
}

void pipeline_reason_add(pipeline_t *pipeline, pipeline_call_t *call, uint8_t region,
                         int32_t status)
{
    if (call->reason_count < BERTH_REASONS && !pipeline_was_asked(call, region)) {
        call->reasons[call->reason_count++] = pipeline_reason(pipeline, call, region, status);
    }
}

/* The regions that were not asked and would have granted all of it. */
static void pipeline_reasons_elsewhere(pipeline_t *pipeline, pipeline_call_t *call,
                                       berth_status_t status)
{
    if (call->reason_count == 0 && status != BERTH_ERR_NOCAP) {
        return;
    }
    for (uint8_t i = 0; i < pipeline->region_count; i++) {
        if (pipeline_reason(pipeline, call, i, 0).allocatable >= call->request->size) {
            pipeline_reason_add(pipeline, call, i, BERTH_ERR_NOCAP);
        }
    }
}

static bool pipeline_record_alike(const pipeline_record_t *a, const pipeline_record_t *b)
{
    return a->count != 0 && a->site == b->site && a->size == b->size && a->needed == b->needed &&
           a->owner == b->owner && a->status == b->status;
}

/* How recently a place was written: the higher, the later. Of one time, by how the places follow
 * each other; the one written last is the last of all. */
static uint64_t pipeline_record_recency(const pipeline_t *pipeline, uint32_t place)
{
    const uint32_t room = pipeline->record_room;
    const uint32_t behind = (pipeline->record_last + room - place) % room;
    if (pipeline->records[place].count == 0) {
        return room - 1u - behind;
    }
    return behind == 0
               ? UINT64_MAX
               : ((uint64_t)pipeline->records[place].last + 1u) * 64u + (room - 1u - behind);
}

static uint32_t pipeline_record_place(const pipeline_t *pipeline, const pipeline_record_t *record)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < pipeline->record_room; i++) {
        if (pipeline_record_alike(&pipeline->records[i], record)) {
            return i;
        }
        if (pipeline_record_recency(pipeline, i) < pipeline_record_recency(pipeline, place)) {
            place = i;
        }
    }
    return place;
}

static uint32_t pipeline_record_identity(const pipeline_record_t *record)
{
    return (record->site ^ record->size ^ record->size / 2048u) % 2048u;
}

void pipeline_record_keep(pipeline_t *pipeline, pipeline_call_t *call, const berth_event_t *event)
{
    pipeline_person_t *person = pipeline_running(pipeline);
    pipeline_reasons_elsewhere(pipeline, call, event->status);
    pipeline_record_t record = {.count = 1,
                                .first = pipeline_record_time(pipeline),
                                .last = pipeline_record_time(pipeline),
                                .size = event->size,
                                .align = call->request->align,
                                .needed = call->hops[0].needed,
                                .site = event->site != 0 ? event->site : pipeline->site_seen,
                                .context = person->name,
                                .owner = event->owner,
                                .status = event->status,
                                .guards = person->guards,
                                .reason_count = call->reason_count};
    memcpy(record.reasons, call->reasons, sizeof record.reasons);
    const uint32_t place = pipeline_record_place(pipeline, &record);
    const pipeline_record_t *before = &pipeline->records[place];
    if (pipeline_record_alike(before, &record)) {
        record.count = before->count < UINT16_MAX ? before->count + 1u : UINT16_MAX;
        record.first = before->first;
        record.mistaken = before->mistaken;
    }
    pipeline->records[place] = record;
    pipeline->record_last = place;
    pipeline->refusals++;
    person->refused++;
    person->record = place;
    person->record_identity = pipeline_record_identity(&record);
}

const pipeline_record_t *pipeline_record_at(const pipeline_t *pipeline, uint32_t index)
{
    for (uint32_t place = 0; place < pipeline->record_room; place++) {
        const uint64_t recency = pipeline_record_recency(pipeline, place);
        uint32_t later = 0;
        for (uint32_t i = 0; i < pipeline->record_room; i++) {
            later += pipeline_record_recency(pipeline, i) > recency ? 1u : 0u;
        }
        if (later == index && pipeline->records[place].count != 0) {
            return &pipeline->records[place];
        }
    }
    return NULL;
}

const pipeline_record_t *pipeline_blame(pipeline_t *pipeline, int32_t error)
{
    const pipeline_person_t *person = pipeline_running(pipeline);
    pipeline_record_t *record = &pipeline->records[person->record];
    if (record->count == 0 || pipeline_record_identity(record) != person->record_identity) {
        return NULL;
    }
    if (error != 0) {
        const int32_t size = (error < 0 ? -error : error) & UINT16_MAX;
        record->mistaken = error < 0 ? -size : size;
    }
    return record;
}
