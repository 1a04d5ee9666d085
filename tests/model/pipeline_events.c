/* pipeline_events.c: which events are kept, which are lost, and in which order they come.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_inside.h"

#include <string.h>

static berth_event_t pipeline_queue_pop(pipeline_queue_t *queue)
{
    const berth_event_t oldest = queue->events[0];
    queue->count--;
    memmove(&queue->events[0], &queue->events[1], queue->count * sizeof oldest);
    return oldest;
}

static bool pipeline_is_alarm(const berth_event_t *event)
{
    return event->status != BERTH_OK || event->kind == BERTH_EVENT_VIOLATION ||
           event->kind == BERTH_EVENT_BUDGET || event->kind == BERTH_EVENT_REGION ||
           event->kind == BERTH_EVENT_RETIRE;
}

void pipeline_post(pipeline_t *pipeline, berth_event_t event)
{
    const bool is_alarm = pipeline_is_alarm(&event);
    const bool is_skipped = !is_alarm && ((uint32_t)pipeline->event_skip >> event.kind & 1u) != 0;
    pipeline_queue_t *queue = is_alarm ? &pipeline->alarms : &pipeline->ordinary[event.region];
    event.sequence = pipeline->sequence++;
    event.time_us = pipeline->now_us;
    if (queue->room == 0 || is_skipped) {
        return;
    }
    pipeline->read_us = pipeline->now_us;
    if (queue->count == queue->room) {
        (void)pipeline_queue_pop(queue);
        pipeline->lost++;
    }
    queue->events[queue->count++] = event;
}

/* The queue that holds the oldest event of all; NULL: there is none. One whose region is locked is
 * passed over. */
static pipeline_queue_t *pipeline_oldest(pipeline_t *pipeline)
{
    pipeline_queue_t *oldest = pipeline->alarms.count != 0 ? &pipeline->alarms : NULL;
    for (uint32_t i = 0; i < pipeline->region_count; i++) {
        pipeline_queue_t *queue = &pipeline->ordinary[i];
        if (queue->count != 0 && !pipeline->regions[i].is_busy &&
            (oldest == NULL || queue->events[0].sequence < oldest->events[0].sequence)) {
            oldest = queue;
        }
    }
    return oldest;
}

uint32_t pipeline_poll(pipeline_t *pipeline, berth_event_t *out, uint32_t capacity)
{
    uint32_t count = 0;
    for (pipeline_queue_t *queue = pipeline_oldest(pipeline); queue != NULL && count < capacity;
         queue = pipeline_oldest(pipeline)) {
        out[count++] = pipeline_queue_pop(queue);
    }
    return count;
}
