/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: which input pixels make which pixels of the crop, as Pillow's 8-bit bicubic
 * resize has it. Shared by the device path and its C reference; tested against Pillow's output. */

#include "core/model.h"

G_BEGIN_DECLS

/* Weights are integers of this many fractional bits (Pillow: 32 bits, less 8 of the pixel, less 2 for
 * the filter's overshoot); sums are rounded by half of it and clipped to 8 bits. */
#define HYSAC_TAP_BITS 22
/* The x86 kernels multiply a weight in two parts: the low one has so many bits. */
#define HYSAC_TAP_LOW_BITS 11

/* One axis: output position i of the crop is the sum over k < count[i] of
 * weights[i * stride + k] * input[start[i] + k]. */
typedef struct {
  guint n;         /* positions: the crop's side */
  guint stride;    /* weights a position, a multiple of 4; the rest is zero */
  gint32 *start;
  gint32 *count;
  gint32 *weights;
  guint first, end; /* first <= input position < end for all taps */
} HysacTaps;

typedef struct {
  guint width, height; /* of the whole resized picture */
  guint left, top;     /* of the crop in it */
} HysacResize;

/* The size transformers' CLIPImageProcessor resizes to (shortest side to shortest_edge, the other
 * rounded down) and its centre crop (offset rounded down). @width and @height are 1..16384. FALSE and
 * ARGUMENT where the crop does not fit or a size of @config is out of range. */
gboolean hysac_resize_init(HysacResize *resize, const HysacPreprocessConfig *config, guint width,
                           guint height, GError **error);

/* The taps of output positions @offset .. @offset + @n - 1 of @in positions resized to @out. Only they
 * are computed: at most about 4 * @in + 8 * @n weights. FALSE and OUT_OF_MEMORY. */
gboolean hysac_taps_init(HysacTaps *taps, guint in, guint out, guint offset, guint n,
                         GError **error);
void hysac_taps_clear(HysacTaps *taps); /* a zeroed one is fine */

G_END_DECLS
