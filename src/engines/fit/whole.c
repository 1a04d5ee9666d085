/* whole.c: the engine's table with all that it can; who leaves it out saves the code.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "inspect.h"
#include "start.h"

const berth_engine_t berth_fit_engine = {FIT_METHODS, .check = fit_check,
                                         .note_alloc = fit_note_alloc, .note_free = fit_note_free,
                                         .undo = fit_undo};
