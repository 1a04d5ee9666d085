/* port_baremetal_riscv.h: Berth on RISC-V harts in machine mode, without an operating system.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One task on each hart, or several that give way to each other only between calls, and ISRs that
 * say when they begin and end. Locks that an ISR may take clear mstatus.MIE and spin for other
 * harts; while they spin, interrupts are as the caller had them. The core must have the A
 * extension.
 *
 * A hart's ISRs share one context: a nested one must leave scopes and guards as it found them,
 * which pairs of push and pop, enter and leave do by themselves.
 */
#ifndef BERTH_PORT_BAREMETAL_RISCV_H
#define BERTH_PORT_BAREMETAL_RISCV_H

#include "berth/port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One more than the highest mhartid that calls Berth. A hart beyond has no context of its own,
 * and is refused LONG locks. */
#ifndef BERTH_RISCV_HARTS
#define BERTH_RISCV_HARTS 2u
#endif

/* Time is 64 bits of microseconds. With a clock that wraps: copy the table, change clock_mask. */
extern const berth_port_t berth_port_baremetal_riscv;

/* Bracket an ISR: for the trap entry to call, with interrupts masked. [ISR] */
void berth_riscv_isr_enter(void);
void berth_riscv_isr_leave(void);

/* Makes this the context of this hart's task until the next call; NULL: the port's own. For a
 * scheduler. [task] */
void berth_riscv_context_set(berth_context_t *context);

/* Returns what the two words of an mtime register say, whichever of them runs over in between.
 * [any] */
uint64_t berth_riscv_mtime(const volatile uint32_t *mtime);

/* What a firmware may define; as they are here they do nothing. now_us() may be called with
 * interrupts masked, log() not; now_us() may return BERTH_NO_TIME. [task, ISR, cache-off, boot] */
uint64_t berth_riscv_now_us(void);
void berth_riscv_log(berth_level_t level, const char *text);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_PORT_BAREMETAL_RISCV_H */
