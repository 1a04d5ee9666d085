/* layout.c: a fixed series of calls, and a hash of every byte that it leaves behind.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The addresses, sizes and calls are the same on every target: so must the hashes be. With --expect
 * the lines must also be those of a file: the layout changes when somebody means it to.
 */
#include "generate.h"
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifndef LAYOUT_OPS
#define LAYOUT_OPS 90000u /* calls in all, shared out among the shapes */
#endif

static trial_t trial;

#define LINE_SIZE 160u

/* Prints what a shape's series of calls left; if there is a file, its next line must be the same.
 * */
static bool layout_tell(const shape_t *shape, const profile_t *profile, FILE *expected)
{
    char line[LINE_SIZE];
    char wanted[LINE_SIZE];
    (void)snprintf(line, sizeof line,
                   "%-16s %-8s calls %" PRIu32 " live %" PRIu32 " taken %" PRIu32 " lost %" PRIu32
                   " hash %08" PRIx32 "\n",
                   shape->name, profile->name, trial.steps, trial.model.live_count,
                   trial.model.live_taken, trial.overhead, trial_hash(&trial));
    (void)fputs(line, stdout);
    if (expected == NULL) {
        return true;
    }
    if (fgets(wanted, sizeof wanted, expected) != NULL && strcmp(line, wanted) == 0) {
        return true;
    }
    puts("  is not what the file says");
    return false;
}

static bool layout_run(uint32_t index, uint32_t ops, FILE *expected)
{
    const shape_t *shape = shape_at(index);
    const profile_t *profile = profile_at(index);
    trial_start(&trial, shape_lay(shape, &berth_fit_engine));
    generator_t generator = generator_from(profile, index);
    generator.is_portable = true;
    while (trial.steps < ops && !trial.failed) {
        generator_step(&generator, &trial);
    }
    trial_audit(&trial);
    return layout_tell(shape, profile, expected) && !trial.failed;
}

int main(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "--help") == 0) {
        puts("layout [--expect FILE]: prints a hash for each series of calls; exit 1 if the file "
             "says otherwise");
        return 0;
    }
    /* Other words are not wrong: an emulator passes the program's own name. */
    const bool is_compared = count == 3 && strcmp(words[1], "--expect") == 0;
    FILE *expected = is_compared ? fopen(words[2], "r") : NULL;
    bool is_fine = !is_compared || expected != NULL;
    const uint32_t ops = LAYOUT_OPS / shape_count();
    for (uint32_t i = 0; i < shape_count(); i++) {
        is_fine = layout_run(i, ops, expected) && is_fine;
    }
    return is_fine ? 0 : 1;
}
