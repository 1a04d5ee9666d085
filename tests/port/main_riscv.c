/* main_riscv.c: the conformance suite on two RV32 harts (QEMU): a timer interrupt as the ISR.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "conformance.h"
#include "virt.h"

#include "../../ports/baremetal_riscv/port_baremetal_riscv.h"

#include <string.h>

#define SOON 1000000u

static void (*volatile handler)(void);
static volatile uint32_t raised;
static volatile uint32_t handled;

static void on_timer(void)
{
    handler();
    handled = raised;
}

/* The timer is due at once; the board takes it up a few instructions later. */
static void raise_isr(void (*wanted)(void))
{
    handler = wanted;
    raised++;
    virt_timer_set(0, on_timer);
    for (uint32_t i = 0; i < SOON && virt_interrupts_are_on() && handled != raised; i++) {
    }
}

static void (*work)(uint32_t who);
static uint32_t ready;

static void work_of_hart(void)
{
    (void)__atomic_add_fetch(&ready, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&ready, __ATOMIC_RELAXED) < VIRT_HARTS) {
    }
    work(virt_hart());
}

static void contend(void (*wanted)(uint32_t who))
{
    work = wanted;
    ready = 0;
    virt_start(work_of_hart);
    work_of_hart();
    virt_join();
}

/* Stays inside a lock so long that the other hart comes to it meanwhile. */
static void yield(void)
{
    for (volatile uint32_t i = 0; i < 5000; i = i + 1) {
    }
}

int main(int count, char **words)
{
    virt_hart_start();
    const conformance_port_t platform = {.name = "baremetal_riscv",
                                         .port = &berth_port_baremetal_riscv,
                                         .interrupts_are_on = virt_interrupts_are_on,
                                         .raise_isr = raise_isr,
                                         .contend = contend,
                                         .contenders = VIRT_HARTS,
                                         .rounds = 20000,
                                         .yield = yield};
    const bool is_self_test = count > 1 && strcmp(words[1], "--self-test") == 0;
    const uint32_t failures =
        is_self_test ? conformance_self_test(&platform) : conformance_run(&platform);
    return failures == 0 ? 0 : 1;
}
