/* port_linux.h: Berth on Linux: futex locks, threads, signal handlers as ISRs, fork.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A manager on this port may be used by any threads. A signal handler may use it between
 * berth_linux_signal_enter() and _leave(): it counts as an ISR then, and where it interrupted its
 * own thread inside a lock that an ISR may take, a call is refused as BERTH_ERR_BUSY.
 *
 * After fork() the child can go on using every manager, whatever other threads were doing. vfork(),
 * _Fork() and clone() do not see to that; nor may a signal handler fork.
 */
#ifndef BERTH_PORT_LINUX_H
#define BERTH_PORT_LINUX_H

#include "berth/port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Locks that can be started and not yet forgotten: one for each manager and each of its regions. */
#define BERTH_LINUX_LOCKS 4096u

/* Tells of a wrong call on stderr, and refuses it. */
extern BERTH_API const berth_port_t berth_port_linux;

/* Tells of a wrong call on stderr, and aborts. */
extern BERTH_API const berth_port_t berth_port_linux_strict;

/* Names the calling thread for people; the name must stay as long as the thread. [task] */
BERTH_API void berth_linux_name(const char *name);

/* Brackets what a signal handler does with a manager. A nested handler shares its context with
 * the one that it interrupts, so it must leave scopes and guards as it found them. Leaving by
 * longjmp() is not leaving. [ISR] */
BERTH_API void berth_linux_signal_enter(void);
BERTH_API void berth_linux_signal_leave(void);

/* Forgets the locks in a stretch of memory. fork() looks at every started lock: whoever gives
 * the memory of a manager or of a region back while the program runs calls this before. [task] */
BERTH_API void berth_linux_forget(const void *memory, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* BERTH_PORT_LINUX_H */
