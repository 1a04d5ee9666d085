/* port_baremetal_riscv.c: the port contract on RISC-V harts in machine mode.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "port_baremetal_riscv.h"

/* -march=rv32imac_zicsr would miss the library's multilib: so each instruction asks for itself. */
#define CSR(instruction) ".option push\n\t.option arch, +zicsr\n\t" instruction "\n\t.option pop"

#define MSTATUS_MIE 8u
#define PAUSES_MAX 64u /* between two looks at a lock that another hart has */

/* --- harts ----------------------------------------------------------------------------------- */

typedef struct hart {
    berth_context_t task;
    berth_context_t isr;
    berth_context_t *running; /* the task's, if a scheduler set one */
    volatile uint32_t depth;  /* ISRs that it is in */
} hart_t;

static hart_t harts[BERTH_RISCV_HARTS];

/* Finds the hart that this runs on; NULL: beyond those that there is room for. */
static inline hart_t *hart_self(void)
{
    uint32_t id;
    __asm__ volatile(CSR("csrr %0, mhartid") : "=r"(id));
    return id < BERTH_RISCV_HARTS ? &harts[id] : NULL;
}

void berth_riscv_isr_enter(void)
{
    hart_t *hart = hart_self();
    if (hart == NULL) {
        return;
    }
    if (hart->depth == 0) {
        hart->isr = (berth_context_t){.name = "isr", .guards = BERTH_GUARD_ISR};
    }
    hart->depth++;
}

void berth_riscv_isr_leave(void)
{
    hart_t *hart = hart_self();
    if (hart != NULL) {
        hart->depth--;
    }
}

void berth_riscv_context_set(berth_context_t *context)
{
    hart_t *hart = hart_self();
    if (hart != NULL) {
        hart->running = context;
    }
}

static berth_context_t *riscv_context(void *self)
{
    (void)self;
    hart_t *hart = hart_self();
    if (hart == NULL) {
        return NULL;
    }
    if (hart->depth > 0) {
        return &hart->isr;
    }
    return hart->running != NULL ? hart->running : &hart->task;
}

/* --- locks ----------------------------------------------------------------------------------- */

/* Returns MIE as it was, where it stands in mstatus: so never BERTH_LOCK_REFUSED. */
static inline uintptr_t interrupts_mask(void)
{
    uintptr_t before;
    __asm__ volatile(CSR("csrrci %0, mstatus, 8") : "=r"(before) : : "memory");
    return before & MSTATUS_MIE;
}

static inline void interrupts_restore(uintptr_t before)
{
    __asm__ volatile(CSR("csrs mstatus, %0") : : "r"(before) : "memory");
}

static inline bool word_try(uintptr_t *word) /* NOLINT(readability-non-const-parameter) */
{
    return __atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void word_give(uintptr_t *word) /* NOLINT(readability-non-const-parameter) */
{
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

/* Lets some time pass, less if the word becomes free; returns how much to let pass next time. */
static uint32_t word_wait(const uintptr_t *word, uint32_t pauses)
{
    for (uint32_t i = 0; i < pauses && __atomic_load_n(word, __ATOMIC_RELAXED) != 0; i++) {
        __asm__ volatile(".4byte 0x0100000f"); /* pause: a fence that does nothing on older cores */
    }
    return pauses < PAUSES_MAX ? 2 * pauses : PAUSES_MAX;
}

/* An ISR may have interrupted the task that is inside: it would spin for ever. */
static uintptr_t long_lock(uintptr_t *word)
{
    const hart_t *hart = hart_self();
    if (hart == NULL || hart->depth > 0) {
        return BERTH_LOCK_REFUSED;
    }
    uint32_t pauses = 1;
    while (!word_try(word)) {
        pauses = word_wait(word, pauses);
    }
    return 0;
}

/* Interrupts stay masked only by who has the lock. */
static uintptr_t masked_lock(uintptr_t *word)
{
    uintptr_t before = interrupts_mask();
    uint32_t pauses = 1;
    while (!word_try(word)) {
        interrupts_restore(before);
        pauses = word_wait(word, pauses);
        before = interrupts_mask();
    }
    return before;
}

static uintptr_t riscv_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    return lock->kind == BERTH_LOCK_LONG ? long_lock(&lock->state) : masked_lock(&lock->state);
}

static void riscv_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    word_give(&lock->state);
    interrupts_restore(key); /* of a LONG lock 0: nothing is to be set */
}

/* --- the rest -------------------------------------------------------------------------------- */

/* Twice at most: the high word changes once in minutes. */
uint64_t berth_riscv_mtime(const volatile uint32_t *mtime)
{
    uint32_t high;
    uint32_t low;
    do {
        high = mtime[1];
        low = mtime[0];
    } while (mtime[1] != high);
    return (uint64_t)high << 32 | low;
}

__attribute__((weak)) uint64_t berth_riscv_now_us(void)
{
    return BERTH_NO_TIME;
}

__attribute__((weak)) void berth_riscv_log(berth_level_t level, const char *text)
{
    (void)level;
    (void)text;
}

static uint64_t riscv_now_us(void *self)
{
    (void)self;
    return berth_riscv_now_us();
}

static void riscv_log(void *self, berth_level_t level, const char *text)
{
    (void)self;
    berth_riscv_log(level, text);
}

const berth_port_t berth_port_baremetal_riscv = {
    .lock = riscv_lock,
    .unlock = riscv_unlock,
    .now_us = riscv_now_us,
    .context = riscv_context,
    .log = riscv_log,
};
