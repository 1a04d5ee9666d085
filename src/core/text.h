/* text.h: text that grows as far as there is room, and is counted beyond.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_TEXT_H
#define BERTH_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct text {
    char *start;
    size_t room;
    size_t length;
} text_t;

void text_letter(text_t *text, char letter);
void text_words(text_t *text, const char *words);
void text_number(text_t *text, uint32_t number);

/* Ends it by 0, cut to the room. */
void text_end(const text_t *text);

#endif /* BERTH_TEXT_H */
