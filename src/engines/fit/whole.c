/* whole.c: the engine's table with all that it can; who leaves it out saves the code.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "inspect.h"
#include "start.h"

const berth_engine_t berth_fit_engine = {FIT_METHODS, .check = fit_check, .note = fit_note,
                                         .undo = fit_undo};
