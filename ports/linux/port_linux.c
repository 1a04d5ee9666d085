/* port_linux.c: the port contract on Linux.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* NOLINT: the name is not ours */
#include "port_linux.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- threads --------------------------------------------------------------------------------- */

typedef struct thread {
    berth_context_t task;
    berth_context_t handler; /* of all signal handlers that run on it */
    volatile uint32_t held;  /* SHORT and TABLES locks that it has or waits for */
    volatile uint32_t depth; /* signal handlers that it is in */
    volatile uint32_t shut;  /* handlers from this depth on get no lock; 0: none is shut out */
} thread_t;

/* initial-exec: a signal handler may be the first to touch it, and then nothing may be
 * allocated. */
static _Thread_local thread_t thread __attribute__((tls_model("initial-exec")));

/* Keeps the compiler from moving what a signal handler must find done. */
static void order(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void berth_linux_name(const char *name)
{
    thread.task.name = name;
}

void berth_linux_signal_enter(void)
{
    if (thread.depth == 0) { /* first: another signal may come at once */
        thread.handler = (berth_context_t){.name = "signal", .guards = BERTH_GUARD_ISR};
        order();
    }
    thread.depth++;
    if (thread.held > 0 && thread.shut == 0) {
        thread.shut = thread.depth;
    }
    order();
}

void berth_linux_signal_leave(void)
{
    order();
    if (thread.shut == thread.depth) {
        thread.shut = 0;
    }
    thread.depth--;
}

static berth_context_t *linux_context(void *self)
{
    (void)self;
    return thread.depth > 0 ? &thread.handler : &thread.task;
}

/* --- locks ----------------------------------------------------------------------------------- */

enum {
    WORD_FREE,
    WORD_TAKEN,
    WORD_WAITED_FOR
};

/* A futex is 32 bits wide: the low ones of a word. */
static void *word_futex(uintptr_t *word)
{
    const size_t behind = sizeof *word - sizeof(uint32_t);
    return (char *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? behind : 0);
}

static void word_take(uintptr_t *word)
{
    uintptr_t found = WORD_FREE;
    if (__atomic_compare_exchange_n(word, &found, WORD_TAKEN, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        return;
    }
    const int error = errno; /* a malloc over a manager leaves its caller's alone */
    while (__atomic_exchange_n(word, WORD_WAITED_FOR, __ATOMIC_ACQUIRE) != WORD_FREE) {
        (void)syscall(SYS_futex, word_futex(word), FUTEX_WAIT_PRIVATE, WORD_WAITED_FOR, NULL);
    }
    errno = error;
}

static void word_give(uintptr_t *word)
{
    if (__atomic_exchange_n(word, WORD_FREE, __ATOMIC_RELEASE) == WORD_WAITED_FOR) {
        const int error = errno;
        (void)syscall(SYS_futex, word_futex(word), FUTEX_WAKE_PRIVATE, 1);
        errno = error;
    }
}

static uintptr_t linux_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    const bool is_long = lock->kind == BERTH_LOCK_LONG;
    if (thread.depth > 0 && (is_long || thread.shut > 0)) {
        return BERTH_LOCK_REFUSED; /* this very thread may hold it, and cannot give it back */
    }
    if (!is_long) {
        thread.held++; /* first: a handler that comes in between is refused, too */
        order();
    }
    word_take(&lock->state);
    return 0;
}

static void linux_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)key;
    word_give(&lock->state);
    if (lock->kind != BERTH_LOCK_LONG) {
        order();
        thread.held--;
    }
}

/* --- fork ------------------------------------------------------------------------------------ */

/* All started locks. Not a list through `next`: memory that was wiped or reused would break it.
 * A lock that is still one says so in `next`. */
static berth_lock_t *locks[BERTH_LINUX_LOCKS];
static berth_lock_t started;
static berth_lock_t *taken[BERTH_LINUX_LOCKS]; /* by the fork() that is under way */
static uintptr_t forking;                      /* a word: one fork() or forget() at a time */

static berth_lock_t *lock_at(uint32_t index)
{
    berth_lock_t *lock = __atomic_load_n(&locks[index], __ATOMIC_ACQUIRE);
    return lock != NULL && lock->next == &started ? lock : NULL;
}

static bool lock_is_listed(const berth_lock_t *lock)
{
    for (uint32_t i = 0; i < BERTH_LINUX_LOCKS; i++) {
        if (__atomic_load_n(&locks[i], __ATOMIC_RELAXED) == lock) {
            return true;
        }
    }
    return false;
}

/* Takes no lock: this may be called under one. */
static bool linux_lock_start(void *self, berth_lock_t *lock)
{
    (void)self;
    lock->state = WORD_FREE;
    lock->next = &started;
    if (lock_is_listed(lock)) {
        return true;
    }
    for (uint32_t i = 0; i < BERTH_LINUX_LOCKS; i++) {
        berth_lock_t *found = NULL;
        if (__atomic_compare_exchange_n(&locks[i], &found, lock, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

void berth_linux_forget(const void *memory, size_t size)
{
    word_take(&forking);
    for (uint32_t i = 0; i < BERTH_LINUX_LOCKS; i++) {
        berth_lock_t *lock = __atomic_load_n(&locks[i], __ATOMIC_RELAXED);
        if (lock != NULL && (uintptr_t)lock - (uintptr_t)memory < size) {
            __atomic_store_n(&locks[i], NULL, __ATOMIC_RELAXED);
        }
    }
    word_give(&forking);
}

static void fork_take(berth_lock_kind_t kind)
{
    for (uint32_t i = 0; i < BERTH_LINUX_LOCKS; i++) {
        berth_lock_t *lock = lock_at(i);
        if (lock != NULL && lock->kind == kind) {
            word_take(&lock->state);
            taken[i] = lock;
        }
    }
}

/* Waits until nobody is inside any lock, in the order in which calls nest them. */
static void fork_prepare(void)
{
    word_take(&forking);
    thread.held++;
    order();
    fork_take(BERTH_LOCK_LONG);
    fork_take(BERTH_LOCK_SHORT);
    fork_take(BERTH_LOCK_TABLES);
}

static void fork_parent(void)
{
    for (uint32_t i = 0; i < BERTH_LINUX_LOCKS; i++) {
        if (taken[i] != NULL) {
            word_give(&taken[i]->state);
            taken[i] = NULL;
        }
    }
    order();
    thread.held--;
    word_give(&forking);
}

/* A lock that was started while fork_prepare() ran is nobody's here. */
static void fork_child(void)
{
    for (uint32_t i = 0; i < BERTH_LINUX_LOCKS; i++) {
        berth_lock_t *lock = lock_at(i);
        if (lock != NULL && taken[i] == NULL) {
            __atomic_store_n(&lock->state, WORD_FREE, __ATOMIC_RELAXED);
        }
    }
    fork_parent();
}

/* Not in lock_start(): this allocates, and a manager may be what malloc() is made of. Early, so
 * that what others have prepared for fork() runs before locks are taken. */
__attribute__((constructor(101))) static void fork_watch(void)
{
    (void)pthread_atfork(fork_prepare, fork_parent, fork_child);
}

/* --- the rest -------------------------------------------------------------------------------- */

static uint64_t linux_now_us(void *self)
{
    (void)self;
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return BERTH_NO_TIME;
    }
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

typedef struct line {
    char text[512];
    size_t length;
} line_t;

/* Appends what there is room for, less one byte: the newline's. */
static void line_add(line_t *line, const char *text)
{
    const size_t room = sizeof line->text - 1 - line->length;
    const size_t length = strlen(text);
    const size_t count = length < room ? length : room;
    memcpy(line->text + line->length, text, count);
    line->length += count;
}

/* One write(2), so that lines of several threads do not mix; and no stdio, which signal handlers
 * must not use. */
static void linux_log(void *self, berth_level_t level, const char *text)
{
    static const char *const levels[] = {"error: ", "warning: ", "info: "};
    (void)self;
    line_t line = {.length = 0};
    line_add(&line, "berth: ");
    line_add(&line, (uint32_t)level < 3 ? levels[level] : "");
    line_add(&line, text);
    line.text[line.length++] = '\n';
    const int error = errno;
    const ssize_t written = write(STDERR_FILENO, line.text, line.length);
    (void)written; /* nobody is left to be told */
    errno = error;
}

static const char *event_name(uint8_t kind)
{
    static const char *const names[BERTH_EVENT_KINDS] = {
        "alloc", "fallback", "free",      "resize", "give",
        "reset", "budget",   "violation", "region", "retire",
    };
    return kind < BERTH_EVENT_KINDS ? names[kind] : "?";
}

static void linux_assertion(void *self, const berth_event_t *event)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "wrong call: %s, status %d, region %u, offset %" PRIu32 ", size %" PRIu32
                   ", owner %u, site %#" PRIx32,
                   event_name(event->kind), event->status, event->region, event->offset,
                   event->size, event->owner, event->site);
    linux_log(self, BERTH_LEVEL_ERROR, text);
}

static void linux_assertion_strict(void *self, const berth_event_t *event)
{
    linux_assertion(self, event);
    abort();
}

const berth_port_t berth_port_linux = {
    .lock_start = linux_lock_start,
    .lock = linux_lock,
    .unlock = linux_unlock,
    .now_us = linux_now_us,
    .context = linux_context,
    .log = linux_log,
    .assertion = linux_assertion,
};

const berth_port_t berth_port_linux_strict = {
    .lock_start = linux_lock_start,
    .lock = linux_lock,
    .unlock = linux_unlock,
    .now_us = linux_now_us,
    .context = linux_context,
    .log = linux_log,
    .assertion = linux_assertion_strict,
};
