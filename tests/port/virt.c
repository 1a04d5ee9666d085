/* virt.c: harts, timer and clock of QEMU's RISC-V board `virt`.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "virt.h"

#include "../../ports/baremetal_riscv/port_baremetal_riscv.h"

#include <stdio.h>
#include <stdlib.h>

#define CSR(instruction) ".option push\n\t.option arch, +zicsr\n\t" instruction "\n\t.option pop"

/* The CLINT: an msip word for each hart, an mtimecmp of two, one mtime for all, at 10 MHz. */
#define CLINT_MSIP ((volatile uint32_t *)0x02000000u)
#define CLINT_MTIMECMP ((volatile uint32_t *)0x02004000u)
#define CLINT_MTIME ((volatile uint32_t *)0x0200BFF8u)

#define CAUSE_TIMER 0x80000007u
#define MIE_SOFTWARE 0x8u
#define MIE_TIMER 0x80u
#define MSTATUS_MIE 0x8u

#define STACK_SIZE 8192u

/* Hart 1's. */
__attribute__((aligned(16), used)) static uint8_t virt_stack[STACK_SIZE];

/* Hart 0 goes on to crt0, which sets up the memory; others wait for their msip, so that no word of
 * memory is looked at before. Not in wfi: under -icount QEMU gives a hart that sleeps no turn while
 * another spins. Nor does it give many to one that does not: two harts are for runs without. */
__asm__(".section .text.init.enter, \"ax\"\n"
        ".global virt_boot\n"
        "virt_boot:\n"
        "\t.option push\n"
        "\t.option arch, +zicsr\n"
        "\t.option norelax\n"
        "\tcsrr t0, mhartid\n"
        "\tbnez t0, 1f\n"
        "\ttail _start\n"
        "1:\tli t1, 8\n"
        "\tcsrw mie, t1\n"
        "2:\tcsrr t2, mip\n"
        "\tandi t2, t2, 8\n"
        "\tbeqz t2, 2b\n"
        "\tla gp, __global_pointer$\n"
        "\tla tp, __tls_base\n"
        "\tla sp, virt_stack + 8192\n"
        "\ttail virt_hart_main\n"
        "\t.option pop\n"
        "\t.previous\n");

_Static_assert(STACK_SIZE == 8192u, "the stack's end is written out above");

uint32_t virt_hart(void)
{
    uint32_t id;
    __asm__ volatile(CSR("csrr %0, mhartid") : "=r"(id));
    return id;
}

bool virt_interrupts_are_on(void)
{
    uint32_t status;
    __asm__ volatile(CSR("csrr %0, mstatus") : "=r"(status));
    return (status & MSTATUS_MIE) != 0;
}

uint32_t virt_instructions(void)
{
    uint32_t count;
    __asm__ volatile(CSR("csrr %0, minstret") : "=r"(count) : : "memory");
    return count;
}

/* A tenth of the ticks, by a product whose error is 1e-10: a division of 64 bits is too long for
 * where this is called. It never runs backwards. */
uint64_t berth_riscv_now_us(void)
{
    const uint64_t ticks = berth_riscv_mtime(CLINT_MTIME);
    const uint64_t tenth = 0x1999999Au; /* of 2^32 */
    return (ticks >> 32) * tenth + (((ticks & UINT32_MAX) * tenth) >> 32);
}

void berth_riscv_log(berth_level_t level, const char *text)
{
    printf("berth: %d: %s\n", level, text);
}

/* --- the timer ------------------------------------------------------------------------------- */

static void (*volatile handlers[VIRT_HARTS])(void);

/* The high word goes out of the way first, so that no time in between is past. */
static void timer_compare(uint64_t time)
{
    volatile uint32_t *compare = CLINT_MTIMECMP + 2 * virt_hart();
    compare[1] = UINT32_MAX;
    compare[0] = (uint32_t)time;
    compare[1] = (uint32_t)(time >> 32);
}

void virt_timer_stop(void)
{
    timer_compare(UINT64_MAX);
}

void virt_timer_set(uint32_t ticks, void (*handler)(void))
{
    handlers[virt_hart()] = handler;
    timer_compare(ticks == 0 ? 0 : berth_riscv_mtime(CLINT_MTIME) + ticks);
}

__attribute__((interrupt("machine"), aligned(4))) static void virt_trap(void)
{
    uint32_t cause;
    __asm__ volatile(CSR("csrr %0, mcause") : "=r"(cause));
    if (cause != CAUSE_TIMER) {
        uint32_t where;
        __asm__ volatile(CSR("csrr %0, mepc") : "=r"(where));
        printf("virt: hart %u: cause %#x at %#x\n", (unsigned)virt_hart(), (unsigned)cause,
               (unsigned)where);
        _Exit(3);
    }
    virt_timer_stop();
    berth_riscv_isr_enter();
    handlers[virt_hart()]();
    berth_riscv_isr_leave();
}

/* --- harts ----------------------------------------------------------------------------------- */

static void (*hart_work)(void);
static uint32_t hart_is_done;

void virt_hart_start(void)
{
    virt_timer_stop();
    __asm__ volatile(CSR("csrw mtvec, %0") : : "r"(virt_trap) : "memory");
    __asm__ volatile(CSR("csrw mie, %0") : : "r"(MIE_TIMER) : "memory");
    __asm__ volatile(CSR("csrs mstatus, %0") : : "r"(MSTATUS_MIE) : "memory");
}

static void hart_stop(void)
{
    __asm__ volatile(CSR("csrc mstatus, %0") : : "r"(MSTATUS_MIE) : "memory");
    __asm__ volatile(CSR("csrw mie, %0") : : "r"(MIE_SOFTWARE) : "memory");
}

static bool hart_is_called(void)
{
    uint32_t pending;
    __asm__ volatile(CSR("csrr %0, mip") : "=r"(pending) : : "memory");
    return (pending & MIE_SOFTWARE) != 0;
}

/* Where hart 1 comes to when it is called for the first time. */
__attribute__((noreturn, used)) void virt_hart_main(void);
void virt_hart_main(void)
{
    for (;;) {
        CLINT_MSIP[virt_hart()] = 0;
        virt_hart_start();
        hart_work();
        hart_stop();
        __atomic_store_n(&hart_is_done, 1, __ATOMIC_RELEASE);
        while (!hart_is_called()) {
        }
    }
}

void virt_start(void (*work)(void))
{
    hart_work = work;
    __atomic_store_n(&hart_is_done, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    CLINT_MSIP[1] = 1;
}

void virt_join(void)
{
    while (__atomic_load_n(&hart_is_done, __ATOMIC_ACQUIRE) == 0) {
    }
}
