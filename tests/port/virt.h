/* virt.h: QEMU's RISC-V board `virt`, as far as these tests need it: harts, a timer, a clock.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Link virt.c first and crt0 after it, so that all harts start in virt.c: hart 0 comes to main() by
 * crt0, hart 1 waits for virt_start().
 */
#ifndef BERTH_TESTS_PORT_VIRT_H
#define BERTH_TESTS_PORT_VIRT_H

#include <stdbool.h>
#include <stdint.h>

#define VIRT_HARTS 2u

/* Sets this hart's trap entry and lets timer interrupts in. Hart 1 has it done before its work. */
void virt_hart_start(void);

/* Makes hart 1 run this, and waits until it has. */
void virt_start(void (*work)(void));
void virt_join(void);

uint32_t virt_hart(void);
bool virt_interrupts_are_on(void);

/* Makes this hart's timer interrupt call the handler once, this many ticks from now (of 100 ns),
 * as an ISR of the port's. The handler may set it again. */
void virt_timer_set(uint32_t ticks, void (*handler)(void));

/* Ends this hart's timer. */
void virt_timer_stop(void);

/* Returns the low word of this hart's count of instructions; exact under -icount shift=0. */
uint32_t virt_instructions(void);

#endif /* BERTH_TESTS_PORT_VIRT_H */
