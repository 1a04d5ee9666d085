/* text.c: writes text.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "text.h"

void text_letter(text_t *text, char letter)
{
    if (text->length + 1 < text->room) {
        text->start[text->length] = letter;
    }
    text->length++;
}

void text_words(text_t *text, const char *words)
{
    for (; *words != '\0'; words++) {
        text_letter(text, *words);
    }
}

/* Bounded by the 10 digits of a number. */
void text_number(text_t *text, uint32_t number)
{
    uint32_t scale = 1;
    while (number / scale >= 10) {
        scale *= 10;
    }
    for (; scale != 0; scale /= 10) {
        text_letter(text, (char)('0' + number / scale % 10));
    }
}

void text_end(const text_t *text)
{
    if (text->room != 0) {
        text->start[text->length < text->room ? text->length : text->room - 1] = '\0';
    }
}
