/* main_arm.c: the conformance suite on a Cortex-M3 (QEMU): an interrupt that software pends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "conformance.h"

#include "../../ports/baremetal_arm/port_baremetal_arm.h"

#include <stdio.h>
#include <string.h>

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define NVIC_ISER (*(volatile uint32_t *)0xE000E100u)
#define NVIC_ISPR (*(volatile uint32_t *)0xE000E200u)
#define SCB_VTOR (*(volatile uint32_t *)0xE000ED08u)

#define SYSTEM_VECTORS 16u
#define VECTORS 48u /* those and the board's 32 interrupts */
#define LINE 31u    /* an interrupt that nothing on the board raises */

typedef void (*vector_t)(void);

/* picolibc's table ends with the system's vectors, so this is another. Aligned to its size,
 * rounded up. */
static vector_t vectors[VECTORS] __attribute__((aligned(256)));

static void (*volatile handler)(void);

static void on_interrupt(void)
{
    handler();
}

static void vectors_start(void)
{
    const volatile vector_t *old = (const volatile vector_t *)SCB_VTOR; /* at 0 */
    for (uint32_t i = 0; i < SYSTEM_VECTORS; i++) {
        vectors[i] = old[i];
    }
    vectors[SYSTEM_VECTORS + LINE] = on_interrupt;
    SCB_VTOR = (uint32_t)(uintptr_t)vectors;
    NVIC_ISER = 1u << LINE;
}

/* With interrupts on, the barriers see to it that the handler has run when they are over. */
static void raise_isr(void (*wanted)(void))
{
    handler = wanted;
    NVIC_ISPR = 1u << LINE;
    __asm__ volatile("dsb\n\tisb" : : : "memory");
}

static bool interrupts_are_on(void)
{
    uint32_t primask;
    __asm__ volatile("mrs %0, primask" : "=r"(primask));
    return primask == 0;
}

/* SysTick counts down 24 bits at 25 MHz: with 16 ticks taken for a microsecond, 20 bits of them. */
static void clock_start(void)
{
    SYST_RVR = 0xFFFFFFu;
    SYST_CVR = 0;
    SYST_CSR = 5; /* on, the core's clock, no interrupt */
}

uint64_t berth_baremetal_now_us(void)
{
    return (0xFFFFFFu - SYST_CVR) >> 4;
}

void berth_baremetal_log(berth_level_t level, const char *text)
{
    printf("berth: %d: %s\n", level, text);
}

int main(int count, char **words)
{
    vectors_start();
    clock_start();
    berth_port_t port = berth_port_baremetal_arm;
    port.clock_mask = 0xFFFFFu;
    const conformance_port_t platform = {.name = "baremetal_arm",
                                         .port = &port,
                                         .interrupts_are_on = interrupts_are_on,
                                         .raise_isr = raise_isr};
    const bool is_self_test = count > 1 && strcmp(words[1], "--self-test") == 0;
    const uint32_t failures =
        is_self_test ? conformance_self_test(&platform) : conformance_run(&platform);
    return failures == 0 ? 0 : 1;
}
