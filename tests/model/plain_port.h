/* plain_port.h: a port for one thread: no lock is ever refused, and time stands still.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_PLAIN_PORT_H
#define TESTS_MODEL_PLAIN_PORT_H

#include "berth/port.h"

static inline uintptr_t plain_lock(void *self, berth_lock_t *lock)
{
    (void)self;
    (void)lock;
    return 1;
}

static inline void plain_unlock(void *self, berth_lock_t *lock, uintptr_t key)
{
    (void)self;
    (void)lock;
    (void)key;
}

static inline uint64_t plain_now(void *self)
{
    (void)self;
    return 0;
}

static inline berth_context_t *plain_context(void *self)
{
    return (berth_context_t *)self;
}

/* Whoever runs is this context. */
#define PLAIN_PORT(the_context)                                                                    \
    {                                                                                              \
        .self = (the_context), .lock = plain_lock, .unlock = plain_unlock, .now_us = plain_now,    \
        .context = plain_context                                                                   \
    }

#endif /* TESTS_MODEL_PLAIN_PORT_H */
