/* inner_engine.h: engines that forward to real ones, and refuse when they are told to.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAULT_INNER_ENGINE_H
#define TESTS_FAULT_INNER_ENGINE_H

#include "inner_scene.h"

extern const berth_engine_t inner_fit;
extern const berth_engine_t inner_arena;

/* The engine behind one of these: it never fails. */
const berth_engine_t *inner_real(const berth_region_t *region);

/* Counts an inner call; whether it is the one that is to fail. */
bool inner_fails(inner_kind_t kind);

#endif /* TESTS_FAULT_INNER_ENGINE_H */
