/* pipeline_boards.c: the boards on which the manager is tried.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_boards.h"

#include "berth/arena.h"
#include "berth/fit.h"
#include "berth/pool.h"

#include <string.h>

#define K 1024u
#define B BERTH_CAP_BYTES
#define W BERTH_CAP_WORDS
#define DMA BERTH_CAP_DMA
#define EXEC BERTH_CAP_EXEC
#define KEPT BERTH_CAP_RETAINED
#define NPU BERTH_CAP_NPU
#define SAFE BERTH_CAP_CACHE_OFF
#define FAST BERTH_CAP_FAST
#define INSIDE BERTH_CAP_INTERNAL
#define OUTSIDE BERTH_CAP_EXTERNAL
#define ANY BERTH_CAP_DEFAULT

/* Two unlike memories: the first is preferred by who names nothing. */
static const berth_region_t two[] = {
    {.name = "sram",
     .engine = &berth_fit_engine,
     .address = 0x3FC88000u,
     .size = 64u * K,
     .caps = {B | DMA | FAST | INSIDE | SAFE | ANY}},
    {.name = "psram",
     .engine = &berth_fit_engine,
     .address = 0x3C000000u,
     .size = 512u * K,
     .granule = 16,
     .caps = {B | OUTSIDE, 0, ANY},
     .is_slow = true},
};
static const uint32_t two_sizes[] = {16u, 1024u, 16u * K, 60u * K, 0};
static const berth_caps_t two_wishes[] = {
    DMA, INSIDE, OUTSIDE, ANY, B | OUTSIDE, W | DMA, DMA | INSIDE, W | FAST, B | SAFE, NPU, 0};

/* As on an ESP32: one that bears words alone, one for DMA, one kept in sleep; who names nothing
 * gets the last two last. */
static const berth_region_t four[] = {
    {.name = "iram",
     .engine = &berth_fit_engine,
     .address = 0x40380000u,
     .size = 24u * K,
     .caps = {W | EXEC, 0, W | INSIDE | SAFE}},
    {.name = "dram",
     .engine = &berth_fit_engine,
     .address = 0x3FC90004u,
     .size = 40u * K,
     .align = 8,
     .caps = {B | DMA | ANY, INSIDE | SAFE, FAST},
     .line = 32,
     .alias_count = 1},
    {.name = "diram",
     .engine = &berth_fit_engine,
     .address = 0x3FCA0000u,
     .size = 32u * K,
     .granule = 8,
     .caps = {0, B | DMA | ANY | INSIDE, EXEC | SAFE}},
    {.name = "rtc",
     .engine = &berth_fit_engine,
     .address = 0x600FE000u,
     .size = 8u * K - 12u,
     .caps = {B | KEPT, ANY, INSIDE},
     .owner = 3},
};
static const uint32_t four_sizes[] = {8u, 600u, 4u * K, 8u * K, 0};
static const berth_caps_t four_wishes[] = {EXEC,     W | EXEC,   DMA,       KEPT,     INSIDE, W,
                                           W | KEPT, W | INSIDE, DMA | ANY, EXEC | B, FAST,   0};

/* An engine of each kind. */
static const berth_pool_config_t cells = {.block_size = 96};
static const berth_pool_config_t frames = {.block_size = 1536};
static const berth_region_t kinds[] = {
    {.name = "cells",
     .engine = &berth_pool_engine,
     .address = 0x20000000u,
     .size = 12u * K,
     .config = &cells,
     .caps = {B | FAST | SAFE, ANY},
     .upto = 96},
    {.name = "frames",
     .engine = &berth_pool_engine,
     .address = 0x24000000u,
     .size = 30u * K,
     .align = 32,
     .config = &frames,
     .beside_size = 1,
     .caps = {B | DMA, ANY | SAFE},
     .over = 400,
     .upto = 1536},
    {.name = "scratch",
     .engine = &berth_arena_engine,
     .address = 0x10000000u,
     .size = 32u * K,
     .caps = {B | BERTH_CAP_PLACE(0), FAST}},
    {.name = "heap",
     .engine = &berth_fit_engine,
     .address = 0x20010000u,
     .size = 64u * K,
     .caps = {B | ANY | INSIDE, DMA}},
};
static const uint32_t kind_sizes[] = {96u, 400u, 1536u, 3u * K, 0};
static const berth_caps_t kind_wishes[] = {BERTH_CAP_PLACE(0), FAST, DMA,          SAFE,
                                           ANY | SAFE,         B,    DMA | INSIDE, 0};

/* Small requests here, large ones there, the largest in a third: as ESP-IDF's rule of 16 KB. */
static const berth_region_t steps[] = {
    {.name = "large",
     .engine = &berth_fit_engine,
     .address = 0x3D000000u,
     .size = 384u * K,
     .caps = {B | OUTSIDE | ANY},
     .over = 16u * K,
     .is_slow = true},
    {.name = "small",
     .engine = &berth_fit_engine,
     .address = 0x3FC88008u,
     .size = 48u * K,
     .caps = {B | INSIDE | SAFE | ANY, DMA},
     .upto = 16u * K},
    {.name = "middle",
     .engine = &berth_fit_engine,
     .address = 0x3FCA0000u,
     .size = 96u * K,
     .granule = 32,
     .caps = {B | INSIDE, ANY | DMA},
     .over = 2000,
     .upto = 20000},
};
static const uint32_t step_sizes[] = {2000u, 16u * K, 20000u, 40u * K, 0};
static const berth_caps_t step_wishes[] = {OUTSIDE, INSIDE, DMA, B | ANY, W, DMA | OUTSIDE, 0};

/* Bookkeeping beside, in large granules; and an alias of a region whose book is inside. */
static const berth_region_t apart[] = {
    {.name = "npu",
     .engine = &berth_fit_engine,
     .address = 0xF0000040u,
     .size = 256u * K - 40u,
     .granule = 64,
     .align = 128,
     .beside_size = 1,
     .caps = {B | NPU | DMA, OUTSIDE | ANY},
     .line = 64,
     .alias_count = 1},
    {.name = "sram",
     .engine = &berth_fit_engine,
     .address = 0x20000004u,
     .size = 32u * K,
     .caps = {B | FAST | INSIDE | SAFE | ANY, DMA},
     .alias_count = 1},
};
static const uint32_t apart_sizes[] = {64u, 128u, 4096u, 30u * K, 0};
static const berth_caps_t apart_wishes[] = {NPU, DMA, FAST, OUTSIDE, NPU | B, W | NPU, KEPT, 0};

#define BOARD(the_name, regions, owners, sizes, wishes)                                            \
    {                                                                                              \
        (the_name), (regions), sizeof(regions) / sizeof((regions)[0]), (owners), (sizes), (wishes) \
    }

static const pipeline_board_t boards[] = {
    BOARD("two", two, 8, two_sizes, two_wishes),
    BOARD("four", four, 12, four_sizes, four_wishes),
    BOARD("kinds", kinds, 6, kind_sizes, kind_wishes),
    BOARD("steps", steps, 40, step_sizes, step_wishes),
    BOARD("apart", apart, 4, apart_sizes, apart_wishes),
};

uint32_t pipeline_board_count(void)
{
    return (uint32_t)(sizeof boards / sizeof boards[0]);
}

const pipeline_board_t *pipeline_board_at(uint32_t index)
{
    return &boards[index % pipeline_board_count()];
}

const pipeline_board_t *pipeline_board_named(const char *name)
{
    for (uint32_t i = 0; i < pipeline_board_count(); i++) {
        if (strcmp(boards[i].name, name) == 0) {
            return &boards[i];
        }
    }
    return NULL;
}
