/* conformance.c: what include/berth/port.h promises, asked of one port.
 * SPDX-License-Identifier: Apache-2.0
 *
 * No test framework: it runs wherever printf() does, and prints from one task only.
 */
#include "conformance.h"

#include <inttypes.h>
#include <stdio.h>

#define KINDS 3u
#define SOON 10000000u /* looks at what another core or an ISR is about to change */
#define CLOCK_READS 1000u

static const conformance_port_t *subject;
static uint32_t checks;
static uint32_t failures;

static void conformance_check(bool claim, const char *text, uint32_t detail, int line)
{
    checks++;
    if (claim) {
        return;
    }
    failures++;
    if (!subject->is_quiet) {
        printf("port %s: conformance.c:%d: not so: %s (%" PRIu32 ")\n", subject->name, line, text,
               detail);
    }
}

#define CHECK(claim) conformance_check((claim), #claim, 0, __LINE__)
#define CHECK_OF(claim, detail) conformance_check((claim), #claim, (uint32_t)(detail), __LINE__)

/* One of each kind, numbered by it. */
static berth_lock_t locks[KINDS];

static uintptr_t lock(berth_lock_kind_t kind)
{
    return subject->port->lock(subject->port->self, &locks[kind]);
}

static void unlock(berth_lock_kind_t kind, uintptr_t key)
{
    subject->port->unlock(subject->port->self, &locks[kind], key);
}

static berth_context_t *context(void)
{
    return subject->port->context(subject->port->self);
}

/* Where nobody can tell, interrupts are as they should be. */
static bool interrupts_are(bool on)
{
    return subject->interrupts_are_on == NULL || subject->interrupts_are_on() == on;
}

/* --- tasks ----------------------------------------------------------------------------------- */

static bool check_table(void)
{
    const berth_port_t *port = subject->port;
    CHECK(port->lock != NULL);
    CHECK(port->unlock != NULL);
    CHECK(port->now_us != NULL);
    CHECK(port->context != NULL);
    CHECK((port->clock_mask & (port->clock_mask + 1)) == 0);
    return port->lock != NULL && port->unlock != NULL && port->now_us != NULL &&
           port->context != NULL;
}

static void check_start(void)
{
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        locks[kind] = (berth_lock_t){.kind = (uint8_t)kind};
        if (subject->port->lock_start != NULL) {
            CHECK_OF(subject->port->lock_start(subject->port->self, &locks[kind]), kind);
        }
        CHECK_OF(locks[kind].kind == kind, kind);
    }
}

/* A lock can be taken again as soon as it was given back. */
static void check_lock(berth_lock_kind_t kind)
{
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        const uintptr_t key = lock(kind);
        if (key == BERTH_LOCK_REFUSED) {
            refused++;
            continue;
        }
        unlock(kind, key);
    }
    CHECK_OF(refused == 0, kind);
    CHECK_OF(interrupts_are(true), kind);
}

/* Only who may be interrupted by nobody masks interrupts. */
static void check_masking(void)
{
    const uintptr_t long_key = lock(BERTH_LOCK_LONG);
    CHECK(long_key != BERTH_LOCK_REFUSED);
    CHECK(interrupts_are(true));
    unlock(BERTH_LOCK_LONG, long_key);
    for (uint32_t kind = BERTH_LOCK_SHORT; kind <= BERTH_LOCK_TABLES; kind++) {
        const uintptr_t key = lock((berth_lock_kind_t)kind);
        CHECK_OF(key != BERTH_LOCK_REFUSED, kind);
        CHECK_OF(interrupts_are(false), kind);
        unlock((berth_lock_kind_t)kind, key);
        CHECK_OF(interrupts_are(true), kind);
    }
}

/* Giving back an inner lock leaves interrupts as the outer one has them. */
static void check_nesting(void)
{
    const uintptr_t outer = lock(BERTH_LOCK_LONG);
    const uintptr_t middle = lock(BERTH_LOCK_SHORT);
    const uintptr_t inner = lock(BERTH_LOCK_TABLES);
    CHECK(outer != BERTH_LOCK_REFUSED);
    CHECK(middle != BERTH_LOCK_REFUSED);
    CHECK(inner != BERTH_LOCK_REFUSED);
    CHECK(interrupts_are(false));
    unlock(BERTH_LOCK_TABLES, inner);
    CHECK(interrupts_are(false));
    unlock(BERTH_LOCK_SHORT, middle);
    CHECK(interrupts_are(true));
    unlock(BERTH_LOCK_LONG, outer);
    CHECK(interrupts_are(true));
}

static void check_context(void)
{
    berth_context_t *mine = context();
    if (mine == NULL) {
        CHECK(context() == NULL);
        return;
    }
    CHECK((mine->guards & BERTH_GUARD_ISR) == 0);
    CHECK(mine->owner == BERTH_NO_OWNER);
    mine->owner = 5;
    CHECK(context() == mine);
    const uintptr_t key = lock(BERTH_LOCK_TABLES);
    CHECK(context() == mine);
    unlock(BERTH_LOCK_TABLES, key);
    CHECK(mine->owner == 5);
    mine->owner = BERTH_NO_OWNER;
}

/* --- the clock ------------------------------------------------------------------------------- */

typedef struct watch {
    uint64_t before;  /* as the port said it */
    uint64_t elapsed; /* extended */
    bool has_gone_back;
    bool has_stopped; /* BERTH_NO_TIME where there was a time before */
} watch_t;

/* Extends the clock as the manager does. What seems to take more than half a round went
 * backwards. */
static void watch_read(watch_t *watch)
{
    const uint64_t mask = subject->port->clock_mask != 0 ? subject->port->clock_mask : UINT64_MAX;
    const uint64_t now = subject->port->now_us(subject->port->self);
    if (now == BERTH_NO_TIME) {
        watch->has_stopped = true;
        return;
    }
    const uint64_t step = (now - watch->before) & mask;
    if (step > mask / 2) {
        watch->has_gone_back = true;
        return;
    }
    watch->elapsed += step;
    watch->before = now;
}

static void check_clock(void)
{
    watch_t watch = {.before = subject->port->now_us(subject->port->self)};
    if (watch.before == BERTH_NO_TIME) {
        return; /* a port without a clock is a port */
    }
    CHECK(watch.before <=
          (subject->port->clock_mask != 0 ? subject->port->clock_mask : UINT64_MAX));
    const uintptr_t key = lock(BERTH_LOCK_TABLES); /* where the manager reads it */
    watch_read(&watch);
    unlock(BERTH_LOCK_TABLES, key);
    for (uint32_t i = 0; i < CLOCK_READS; i++) {
        watch_read(&watch);
    }
    for (uint32_t i = 0; i < SOON && watch.elapsed < 3 && !watch.has_gone_back; i++) {
        watch_read(&watch);
    }
    CHECK(!watch.has_gone_back);
    CHECK(!watch.has_stopped);
    CHECK(watch.elapsed > 0);
}

/* --- ISRs ------------------------------------------------------------------------------------ */

/* What the handlers below were told, and what they saw. */
static volatile struct {
    berth_lock_kind_t kind; /* the lock to try */
    bool is_open;           /* the task is inside that lock */
    uint32_t runs;
    berth_context_t *context;
    uint8_t guards;
    berth_owner_t owner;
    bool was_granted;
    bool was_granted_inner; /* a TABLES lock inside that one */
    bool has_overlapped;    /* it was granted while the task was inside */
    bool keeps_interrupts;  /* they are as before when all is given back */
} isr;

static void isr_looks(void)
{
    berth_context_t *mine = context();
    isr.context = mine;
    isr.guards = mine != NULL ? mine->guards : 0;
    isr.owner = mine != NULL ? mine->owner : BERTH_NO_OWNER;
    isr.runs++;
}

static bool isr_locks_inner(void)
{
    const uintptr_t key = lock(BERTH_LOCK_TABLES);
    if (key == BERTH_LOCK_REFUSED) {
        return false;
    }
    unlock(BERTH_LOCK_TABLES, key);
    return true;
}

static void isr_locks(void)
{
    const bool before = subject->interrupts_are_on == NULL || subject->interrupts_are_on();
    const uintptr_t key = lock(isr.kind);
    isr.was_granted = key != BERTH_LOCK_REFUSED;
    isr.has_overlapped = isr.was_granted && isr.is_open;
    if (isr.was_granted) {
        isr.was_granted_inner = isr.kind == BERTH_LOCK_TABLES || isr_locks_inner();
        unlock(isr.kind, key);
    }
    isr.keeps_interrupts = interrupts_are(before);
    isr.runs++;
}

static void isr_expect(berth_lock_kind_t kind)
{
    isr.kind = kind;
    isr.is_open = false;
    isr.runs = 0;
    isr.was_granted = false;
    isr.was_granted_inner = false;
    isr.has_overlapped = false;
    isr.keeps_interrupts = false;
}

/* Waits until the handler has run once, and finds out if it runs again. */
static bool isr_ran_once(void)
{
    for (uint32_t i = 0; i < SOON && isr.runs == 0; i++) {
    }
    return isr.runs == 1;
}

static void check_isr_context(void)
{
    berth_context_t *mine = context();
    if (mine != NULL) {
        mine->owner = 5;
    }
    isr_expect(BERTH_LOCK_SHORT);
    subject->raise_isr(isr_looks);
    CHECK(isr_ran_once());
    CHECK(isr.context != NULL);
    CHECK(isr.context != mine);
    CHECK((isr.guards & BERTH_GUARD_ISR) != 0);
    CHECK(isr.owner == BERTH_NO_OWNER); /* an ISR is not in the scope of whom it interrupts */
    CHECK(context() == mine);
    if (mine != NULL) {
        CHECK((mine->guards & BERTH_GUARD_ISR) == 0);
        CHECK(mine->owner == 5);
        mine->owner = BERTH_NO_OWNER;
    }
    berth_context_t *first = isr.context;
    isr_expect(BERTH_LOCK_SHORT);
    subject->raise_isr(isr_looks);
    CHECK(isr_ran_once());
    CHECK(isr.context == first);
}

/* An ISR gets no LONG lock, free or not; one that its task has does not keep it from others. */
static void check_isr_long(void)
{
    isr_expect(BERTH_LOCK_LONG);
    subject->raise_isr(isr_locks);
    CHECK(isr_ran_once());
    CHECK(!isr.was_granted);
    const uintptr_t key = lock(BERTH_LOCK_LONG);
    isr_expect(BERTH_LOCK_LONG);
    isr.is_open = true;
    subject->raise_isr(isr_locks);
    CHECK(isr_ran_once());
    CHECK(!isr.was_granted);
    CHECK(isr.keeps_interrupts);
    isr_expect(BERTH_LOCK_SHORT);
    subject->raise_isr(isr_locks);
    CHECK(isr_ran_once());
    CHECK(isr.was_granted);
    unlock(BERTH_LOCK_LONG, key);
    check_lock(BERTH_LOCK_LONG);
}

static void check_isr_free(berth_lock_kind_t kind)
{
    isr_expect(kind);
    subject->raise_isr(isr_locks);
    CHECK_OF(isr_ran_once(), kind);
    CHECK_OF(isr.was_granted, kind);
    CHECK_OF(isr.was_granted_inner, kind);
    CHECK_OF(isr.keeps_interrupts, kind);
    CHECK_OF(interrupts_are(true), kind);
    check_lock(kind);
}

/* Raised while its own task is inside: it comes later, or is refused at once. */
static void check_isr_inside(berth_lock_kind_t kind)
{
    isr_expect(kind);
    const uintptr_t key = lock(kind);
    isr.is_open = true;
    subject->raise_isr(isr_locks);
    const bool came_at_once = isr.runs > 0;
    isr.is_open = false;
    unlock(kind, key);
    CHECK_OF(isr_ran_once(), kind);
    CHECK_OF(!isr.has_overlapped, kind);
    CHECK_OF(isr.was_granted != came_at_once, kind);
    CHECK_OF(isr.keeps_interrupts, kind);
    check_lock(kind);
}

static void check_isr(void)
{
    check_isr_context();
    check_isr_long();
    for (uint32_t kind = BERTH_LOCK_SHORT; kind <= BERTH_LOCK_TABLES; kind++) {
        check_isr_free((berth_lock_kind_t)kind);
        check_isr_inside((berth_lock_kind_t)kind);
    }
}

/* --- contention ------------------------------------------------------------------------------ */

static berth_lock_kind_t contended;
static berth_context_t *contexts[CONFORMANCE_CONTENDERS];
static volatile uint32_t counts[KINDS];   /* one for each lock, changed inside it only */
static volatile bool is_inside[KINDS];    /* somebody is */
static volatile uint32_t overlaps[KINDS]; /* two were */
static uint32_t refusals[CONFORMANCE_CONTENDERS];

/* What a race would spoil: two words that go together, and a count that is read and written. */
static void contend_inside(berth_lock_kind_t kind, uint32_t round)
{
    overlaps[kind] += is_inside[kind] ? 1 : 0;
    is_inside[kind] = true;
    const uint32_t count = counts[kind];
    if (subject->yield != NULL && round % 64 == 0) {
        subject->yield();
    }
    counts[kind] = count + 1;
    is_inside[kind] = false;
}

static void contend_work(uint32_t who)
{
    const berth_lock_kind_t kind = contended;
    contexts[who] = context();
    for (uint32_t i = 0; i < subject->rounds; i++) {
        const uintptr_t key = lock(kind);
        if (key == BERTH_LOCK_REFUSED) {
            refusals[who]++;
            continue;
        }
        contend_inside(kind, i);
        unlock(kind, key);
    }
}

/* As calls do: TABLES inside LONG or SHORT, which do not exclude each other. */
static void contend_nested_work(uint32_t who)
{
    const berth_lock_kind_t kind = who % 2 == 0 ? BERTH_LOCK_LONG : BERTH_LOCK_SHORT;
    for (uint32_t i = 0; i < subject->rounds; i++) {
        const uintptr_t outer = lock(kind);
        contend_inside(kind, i + 1);
        const uintptr_t inner = lock(BERTH_LOCK_TABLES);
        contend_inside(BERTH_LOCK_TABLES, i);
        unlock(BERTH_LOCK_TABLES, inner);
        contend_inside(kind, i + 2);
        unlock(kind, outer);
    }
}

static void contend_expect(void)
{
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        counts[kind] = 0;
        overlaps[kind] = 0;
        is_inside[kind] = false;
    }
    for (uint32_t who = 0; who < CONFORMANCE_CONTENDERS; who++) {
        refusals[who] = 0;
    }
}

static void check_contention(berth_lock_kind_t kind)
{
    contended = kind;
    contend_expect();
    subject->contend(contend_work);
    uint32_t refused = 0;
    for (uint32_t who = 0; who < subject->contenders; who++) {
        refused += refusals[who];
    }
    CHECK_OF(refused == 0, kind);
    CHECK_OF(overlaps[kind] == 0, kind);
    CHECK_OF(counts[kind] == subject->contenders * subject->rounds, kind);
    CHECK_OF(interrupts_are(true), kind);
}

static void check_contention_nested(void)
{
    contend_expect();
    subject->contend(contend_nested_work);
    uint32_t outer = 0;
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        CHECK_OF(overlaps[kind] == 0, kind);
        outer += kind != BERTH_LOCK_TABLES ? counts[kind] : 0;
    }
    CHECK(counts[BERTH_LOCK_TABLES] == subject->contenders * subject->rounds);
    CHECK(outer == 2 * subject->contenders * subject->rounds);
    CHECK(interrupts_are(true));
}

/* Tasks that run at the same time are not in each other's scopes. */
static void check_contexts(void)
{
    for (uint32_t i = 0; i < subject->contenders; i++) {
        CHECK_OF(contexts[i] != NULL, i);
        for (uint32_t k = 0; k < i; k++) {
            CHECK_OF(contexts[i] != contexts[k], i);
        }
    }
}

static void check_contenders(void)
{
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        check_contention((berth_lock_kind_t)kind);
    }
    check_contexts();
    check_contention_nested();
}

/* --------------------------------------------------------------------------------------------- */

static void check_all(void)
{
    check_start();
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        check_lock((berth_lock_kind_t)kind);
    }
    check_masking();
    check_nesting();
    check_context();
    check_clock();
    if (subject->raise_isr != NULL) {
        check_isr();
    }
    if (subject->contend != NULL) {
        check_contenders();
    }
    if (subject->port->log != NULL && !subject->is_quiet) {
        subject->port->log(subject->port->self, BERTH_LEVEL_INFO, "a line of the suite's");
    }
}

uint32_t conformance_run(const conformance_port_t *port)
{
    subject = port;
    checks = 0;
    failures = 0;
    if (check_table()) {
        check_all();
    }
    if (!port->is_quiet) {
        printf("port %s: %" PRIu32 " checks, %" PRIu32 " failed\n", port->name, checks, failures);
    }
    return failures;
}
