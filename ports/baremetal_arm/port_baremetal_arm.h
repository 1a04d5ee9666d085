/* port_baremetal_arm.h: Berth on one Cortex-M core without an operating system.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One task, or several that give way to each other only between calls, and ISRs of any priority.
 * Locks that an ISR may take mask interrupts by PRIMASK, from ARMv6-M up. Tasks that preempt each
 * other need their scheduler's own port.
 *
 * All ISRs share one context: a nested one must leave scopes and guards as it found them, which
 * pairs of push and pop, enter and leave do by themselves.
 */
#ifndef BERTH_PORT_BAREMETAL_ARM_H
#define BERTH_PORT_BAREMETAL_ARM_H

#include "berth/port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Time is 32 bits of microseconds. With a clock that wraps earlier: copy the table, change
 * clock_mask. */
extern const berth_port_t berth_port_baremetal_arm;

/* Makes this the task's context until the next call; NULL: the port's own. For a scheduler.
 * [task] */
void berth_baremetal_context_set(berth_context_t *context);

/* What a firmware may define; as they are here they do nothing. now_us() may be called with
 * interrupts masked, log() not; now_us() may return BERTH_NO_TIME. [task, ISR, cache-off, boot] */
uint64_t berth_baremetal_now_us(void);
void berth_baremetal_log(berth_level_t level, const char *text);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_PORT_BAREMETAL_ARM_H */
