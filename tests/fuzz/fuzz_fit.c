/* fuzz_fit.c: any bytes, read as a stream of calls, made on an engine and on the model.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The first byte chooses the region; then four bytes make a call: what, on which, and a size. The
 * first difference aborts. Linked with libFuzzer, or with corpus.c to replay files.
 */
#include "fuzz.h"
#include "shape.h"
#include "trial.h"

#include <stdlib.h>

static const shape_t shapes[] = {
    {"fuzz-1k", 0x20000000u, 1024u, 4, 0, SHAPE_BOOK_INSIDE},
    {"fuzz-1k-g8", 0x20000004u, 1020u, 8, 0, SHAPE_BOOK_INSIDE},
    {"fuzz-2k-g16", 0x2000000Cu, 2000u, 16, 32, SHAPE_BOOK_INSIDE},
    {"fuzz-8k-g64", 0x20000000u, 8192u, 64, 0, SHAPE_BOOK_INSIDE},
    {"fuzz-256-beside", 0x20000000u, 256u, 4, 0, SHAPE_BOOK_BESIDE},
    {"fuzz-2k-g8-beside", 0x20000004u, 2048u, 8, 0, SHAPE_BOOK_UNSEEN},
    {"fuzz-64k", 0x3FC88000u, 65536u, 4, 0, SHAPE_BOOK_INSIDE},
    {"fuzz-64k-beside", 0x3C000010u, 65536u, 16, 0, SHAPE_BOOK_UNSEEN},
};

static trial_t trial;

typedef struct call {
    uint8_t what;
    uint8_t which;
    uint16_t size;
} call_t;

/* A size of up to 16 bits, or one at the very end of what a size can be. */
static size_t call_size(call_t call)
{
    if ((call.what & 0x80u) != 0) {
        return SIZE_MAX - call.size % 64u;
    }
    return (call.what & 0x40u) != 0 ? call.size : call.size % 512u;
}

static void call_alloc(call_t call)
{
    const uint32_t align = (call.what & 0x20u) != 0 ? 1u << (call.which & 15u) : 0;
    const berth_tag_t word = (call.what & 0x10u) != 0 ? BERTH_TAG_WORD : 0u;
    (void)trial_alloc(&trial, call_size(call), align,
                      word | (call.which >> 4u) | (call.which & 1u));
}

/* Half of the codes allocate and free: so that most streams do something. */
static void call_make(call_t call)
{
    const uint32_t live = model_live_from(&trial.model, call.which % trial.model.count);
    const uint32_t code = call.what & 7u;
    if (code < 3u || live == MODEL_NONE) {
        call_alloc(call);
    } else if (code == 3u) {
        trial_free(&trial, live);
    } else if (code == 4u) {
        trial_free_twice(&trial, live);
    } else if (code == 5u) {
        trial_resize(&trial, live, call_size(call));
    } else if (code == 6u) {
        trial_give(&trial, live, (berth_owner_t)call.size);
        trial_word(&trial, live, call.size);
    } else {
        trial_wrong(&trial, call.size);
        trial_ask(&trial, call_size(call), 1u << (call.which & 31u), 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5u) {
        return 0;
    }
    const shape_t *shape = &shapes[data[0] % (sizeof shapes / sizeof shapes[0])];
    trial.is_thrifty = (data[0] & 0x40u) == 0;
    trial_start(&trial, shape_lay(shape, &berth_fit_engine));
    for (size_t at = 1; at + 4u <= size && !trial.failed; at += 4u) {
        const call_t call = {.what = data[at],
                             .which = data[at + 1u],
                             .size = (uint16_t)(data[at + 2u] | data[at + 3u] << 8u)};
        if (trial.model.count + 4u > MODEL_BLOCKS) {
            break;
        }
        call_make(call);
    }
    if (!trial.failed) {
        trial_audit(&trial);
    }
    if (trial.failed) {
        abort();
    }
    return 0;
}
