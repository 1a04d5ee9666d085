/* pipeline_port.c: a port that minds how it is used.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_port.h"

#include <string.h>

static void port_blame(pipeline_port_t *port, bool is_wrong, const char *rule)
{
    if (is_wrong && port->wrong == NULL) {
        port->wrong = rule;
    }
}

static bool port_is_held(const pipeline_port_t *port, const berth_lock_t *lock)
{
    for (uint32_t i = 0; i < port->held_count; i++) {
        if (port->held[i] == lock) {
            return true;
        }
    }
    return false;
}

static bool port_lock_start(void *self, berth_lock_t *lock)
{
    port_blame(self, lock->state != 0 || lock->next != NULL, "a lock is started twice");
    lock->state = 1;
    return true;
}

static uintptr_t port_lock(void *self, berth_lock_t *lock)
{
    pipeline_port_t *port = self;
    const bool in_isr =
        port->context != NULL && (port->context->guards & (uint8_t)BERTH_GUARD_ISR) != 0;
    port_blame(port, lock->state != 1, "a lock is taken that was never started");
    port_blame(port, port_is_held(port, lock), "a lock is taken twice");
    port_blame(port, port->held_count > 1, "three locks at once");
    port_blame(port, port->held_count == 1 && lock->kind != (uint8_t)BERTH_LOCK_TABLES,
               "a region's lock inside another lock");
    if (lock == port->busy || (in_isr && lock->kind == (uint8_t)BERTH_LOCK_LONG)) {
        return BERTH_LOCK_REFUSED;
    }
    if (port->held_count < PIPELINE_HELD) {
        port->held[port->held_count++] = lock;
    }
    return 0x10u + port->held_count;
}

static void port_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    pipeline_port_t *port = self;
    port_blame(port, port->held_count == 0 || port->held[port->held_count - 1u] != lock,
               "a lock is given back that is not the last taken");
    port_blame(port, key != 0x10u + port->held_count, "a lock is given back with another's key");
    port->held_count -= port->held_count != 0 ? 1u : 0u;
}

static uint64_t port_now(void *self)
{
    const pipeline_port_t *port = self;
    const uint64_t mask = port->port.clock_mask;
    return mask != 0 ? port->now_us & mask : port->now_us;
}

static berth_context_t *port_context(void *self)
{
    const pipeline_port_t *port = self;
    return port->context;
}

static void port_log(void *self, berth_level_t level, const char *text)
{
    pipeline_port_t *port = self;
    port_blame(port, port->held_count != 0, "a line is logged under a lock");
    port->logged++;
    port->level = level;
    port->text = text;
}

static void port_assertion(void *self, const berth_event_t *event)
{
    pipeline_port_t *port = self;
    port_blame(port, port->held_count != 0, "an assertion is told under a lock");
    port->asserted++;
    port->told = *event;
}

void pipeline_port_start(pipeline_port_t *port)
{
    memset(port, 0, sizeof *port);
    port->port = (berth_port_t){.self = port,
                                .lock_start = port_lock_start,
                                .lock = port_lock,
                                .unlock = port_unlock,
                                .now_us = port_now,
                                .clock_mask = PIPELINE_CLOCK_MASK,
                                .context = port_context,
                                .log = port_log,
                                .assertion = port_assertion};
}
