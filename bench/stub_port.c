/* stub_port.c: a port whose lock and clock take a constant, tiny time, so that the core is counted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stub_port.h"

static berth_context_t context;
static uint64_t now;

static uintptr_t stub_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    return 0;
}

static void stub_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)lock;
    (void)key;
}

static uint64_t stub_now_us(void *self)
{
    (void)self;
    return ++now;
}

static berth_context_t *stub_context(void *self)
{
    (void)self;
    return &context;
}

const berth_port_t bench_stub_port = {
    .lock = stub_lock, .unlock = stub_unlock, .now_us = stub_now_us, .context = stub_context};
