/* options.h: numbers on the command lines of the property tests.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MODEL_OPTIONS_H
#define TESTS_MODEL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An option that takes a number, and where that goes. */
typedef struct option {
    const char *name;
    uint32_t *number;
} option_t;

/* Where the number of an option goes; NULL: there is no such option. The last entry has no name. */
static inline uint32_t *option_named(const option_t *all, const char *name)
{
    for (; all->name != NULL; all++) {
        if (strcmp(name, all->name) == 0) {
            return all->number;
        }
    }
    return NULL;
}

/* Reads a number. False: it is none, or there is no text. */
static inline bool option_read(const char *text, uint32_t *number)
{
    char *end = NULL;
    *number = text != NULL ? (uint32_t)strtoul(text, &end, 0) : 0;
    return end != text && end != NULL && *end == '\0';
}

#endif /* TESTS_MODEL_OPTIONS_H */
