/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/preprocess: filter weights on the device, kept for the last few frame sizes. */

#include "opencl/cl.h"
#include "opencl/resample.h"

G_BEGIN_DECLS

/* As the portable kernels have it: counts of pixels, one int a weight. As the x86 ones do: counts of
 * whole groups of 4 pixels, four ints a group, positions up to a multiple of 4. */
typedef struct {
  cl_mem taps;    /* int2 (start, count) a position of the crop */
  cl_mem weights; /* stride a position */
  cl_int stride;
  guint first, end; /* input positions; whole groups */
  guint columns;    /* in groups: positions whose groups fit the cache's span; 0: not even 4 */
} HysacDeviceTaps;

typedef struct {
  guint width, height; /* the frame's; 0: an empty entry */
  guint shown;         /* height that it stands for: a field's is twice its own */
  guint64 used;
  HysacDeviceTaps h, v;
} HysacTables;

/* Sizes kept: streams that change between a few resolutions do not pay again. */
#define HYSAC_N_TABLES 4

typedef struct {
  cl_context context;
  HysacPreprocessConfig config;
  guint span, step; /* > 0: in groups; a work-item has room for so many, and fills so many at once */
  HysacTables tables[HYSAC_N_TABLES];
  guint64 clock;
} HysacTableCache;

/* Borrowed until the next call. */
const HysacTables *hysac_table_cache_get(HysacTableCache *self, guint width, guint height,
                                         guint shown, GError **error);
void hysac_table_cache_clear(HysacTableCache *self);

G_END_DECLS
