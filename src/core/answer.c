/* answer.c: says in words whether a need fits, and why not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "attempt.h"

#include "text.h"

static void text_fitting(text_t *text, const berth_need_t *need, const berth_answer_t *answer)
{
    if (need->is_reserved) {
        text_words(text, " is reserved");
        return;
    }
    text_words(text, " fits; one more like the last could have ");
    text_number(text, answer->margin);
    text_words(text, " bytes");
}

/* What is missing, and where. */
static void text_missing(text_t *text, const berth_t *berth, const berth_answer_t *answer)
{
    const berth_region_t *region = berth_region_at(berth, answer->region);
    if (region == NULL) {
        return;
    }
    text_words(text, " in ");
    text_words(text, region->name != NULL ? region->name : "?");
    text_words(text, ", ");
    text_number(text, answer->missing);
    text_words(text, answer->lacks_room ? " bytes short in all" : " bytes short in one piece");
}

static void text_failing(text_t *text, const berth_t *berth, const berth_need_t *need,
                         const berth_answer_t *answer)
{
    const bool is_about_block = need->items != NULL && answer->item < need->item_count &&
                                answer->status != BERTH_ERR_INVALID;
    text_words(text, " does not fit: ");
    if (is_about_block) {
        const berth_item_t *item = &need->items[answer->item];
        text_number(text, (uint32_t)item->request.size);
        text_words(text, " bytes (block ");
        text_number(text, answer->block + 1u);
        text_words(text, " of ");
        text_number(text, item_blocks(item));
        text_words(text, " of item ");
        text_number(text, answer->item + 1u);
        text_words(text, "): ");
    }
    text_words(text, berth_status_name(answer->status));
    if (is_about_block) {
        text_missing(text, berth, answer);
    }
}

/* NOLINTBEGIN(readability-non-const-parameter): written to, as `text.start` */
size_t berth_answer_explain(const berth_t *berth, const berth_need_t *need,
                            const berth_answer_t *answer, char *start, size_t room)
{
    text_t text = {.start = start, .room = room};
    text_words(&text, need->name != NULL ? need->name : "?");
    if (answer->status == BERTH_OK) {
        text_fitting(&text, need, answer);
    } else {
        text_failing(&text, berth, need, answer);
    }
    if (!answer->is_certain) {
        text_words(&text, " (not certain: an engine there cannot tell)");
    }
    text_end(&text);
    return text.length;
}
/* NOLINTEND(readability-non-const-parameter) */
