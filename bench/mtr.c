/* mtr.c: reads a trace and refuses whatever no program could have recorded.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mtr.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MTR_OPS_MAX (64u << 20) /* a header beyond this is garbage, not a trace */
#define MTR_ALIGN_LOG2_MAX 24u

typedef struct reader {
    FILE *file;
    const char *name;
    uint32_t offset; /* bytes read so far */
    uint32_t *live;  /* size of the object in each slot; 0: none */
    uint64_t live_sum;
    uint64_t peak;
    mtr_t *trace;
} reader_t;

/* Always false, so that a refusal is one return statement. */
static bool reader_refuse(const reader_t *reader, const char *reason)
{
    snprintf(reader->trace->error, sizeof reader->trace->error,
             "%s: offset %" PRIu32 ": %s; restore the file from where it came", reader->name,
             reader->offset, reason);
    return false;
}

static bool read_byte(reader_t *reader, uint32_t *out)
{
    const int byte = getc(reader->file);
    if (byte == EOF) {
        return reader_refuse(reader, "the trace is cut short");
    }
    reader->offset++;
    *out = (uint32_t)byte;
    return true;
}

static bool read_u32(reader_t *reader, uint32_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        uint32_t byte = 0;
        if (!read_byte(reader, &byte)) {
            return false;
        }
        *out |= byte << shift;
    }
    return true;
}

static bool read_varint(reader_t *reader, uint32_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint32_t byte = 0;
        if (!read_byte(reader, &byte)) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7Fu) << shift;
        if ((byte & 0x80u) == 0 && value <= UINT32_MAX) {
            *out = (uint32_t)value;
            return true;
        }
    }
    return reader_refuse(reader, "a number beyond 32 bits");
}

static bool op_apply(reader_t *reader, const mtr_op_t *op)
{
    const uint32_t old_size = reader->live[op->slot];
    const bool needs_live = op->kind == MTR_FREE || op->kind == MTR_REALLOC;
    if (needs_live != (old_size != 0)) {
        return reader_refuse(reader, needs_live ? "the slot is empty" : "the slot is occupied");
    }
    reader->live[op->slot] = op->size;
    reader->live_sum = reader->live_sum - old_size + op->size;
    if (reader->live_sum > UINT32_MAX) {
        return reader_refuse(reader, "more than 4 GB live");
    }
    if (reader->live_sum > reader->peak) {
        reader->peak = reader->live_sum;
    }
    return true;
}

static bool read_op(reader_t *reader, mtr_op_t *op)
{
    uint32_t head = 0;
    if (!read_byte(reader, &head) || !read_varint(reader, &op->slot)) {
        return false;
    }
    op->kind = head & 7u;
    op->align_log2 = (uint8_t)(head >> 3);
    op->size = 0;
    if (op->kind > MTR_ALIGNED || op->align_log2 > MTR_ALIGN_LOG2_MAX ||
        (op->kind != MTR_ALIGNED && op->align_log2 != 0)) {
        return reader_refuse(reader, "no such operation");
    }
    if (op->slot >= reader->trace->slot_count) {
        return reader_refuse(reader, "a slot beyond the number of slots");
    }
    if (op->kind != MTR_FREE) {
        if (!read_varint(reader, &op->size)) {
            return false;
        }
        if (op->size == 0) {
            return reader_refuse(reader, "an object of size 0");
        }
    }
    return op_apply(reader, op);
}

static bool read_head(reader_t *reader)
{
    mtr_t *trace = reader->trace;
    uint32_t magic = 0;
    if (!read_u32(reader, &magic)) {
        return false;
    }
    if (magic != 0x3152544Du) {
        return reader_refuse(reader, "no trace: it does not begin with MTR1");
    }
    if (!read_u32(reader, &trace->op_count) || !read_u32(reader, &trace->slot_count)) {
        return false;
    }
    if (trace->op_count == 0 || trace->op_count > MTR_OPS_MAX || trace->slot_count == 0 ||
        trace->slot_count > trace->op_count) {
        return reader_refuse(reader, "an implausible number of operations or slots");
    }
    trace->ops = malloc(trace->op_count * sizeof *trace->ops);
    reader->live = calloc(trace->slot_count, sizeof *reader->live);
    if (trace->ops == NULL || reader->live == NULL) {
        return reader_refuse(reader, "no memory to hold the trace");
    }
    return true;
}

static bool read_trace(reader_t *reader)
{
    if (!read_head(reader)) {
        return false;
    }
    for (uint32_t i = 0; i < reader->trace->op_count; i++) {
        if (!read_op(reader, &reader->trace->ops[i])) {
            return false;
        }
    }
    if (getc(reader->file) != EOF) {
        return reader_refuse(reader, "more bytes than operations");
    }
    reader->trace->peak = (uint32_t)reader->peak;
    return true;
}

mtr_t mtr_read(FILE *file, const char *name)
{
    mtr_t trace = {.ops = NULL};
    reader_t reader = {.file = file, .name = name, .trace = &trace};
    if (!read_trace(&reader)) {
        mtr_free(&trace);
    }
    free(reader.live);
    return trace;
}

void mtr_free(mtr_t *trace)
{
    free(trace->ops);
    trace->ops = NULL;
}
