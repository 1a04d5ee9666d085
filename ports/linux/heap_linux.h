/* heap_linux.h: the C library's heap as what a `foreign` region stands for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Not where a manager is what malloc() is made of.
 */
#ifndef BERTH_HEAP_LINUX_H
#define BERTH_HEAP_LINUX_H

#include "berth/foreign.h"

#ifdef __cplusplus
extern "C" {
#endif

/* malloc() and free(); how much they would still grant, nobody knows. */
extern BERTH_API const berth_foreign_config_t berth_linux_heap;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_HEAP_LINUX_H */
