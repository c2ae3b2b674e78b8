/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: how the planes of each format are laid out. */

#include "opencl/frame.h"

G_BEGIN_DECLS

typedef struct {
  guint8 bytes; /* of a group of pixels in a row */
  guint8 h, v;  /* 1: a group stands for two columns, a row for two lines */
} HysacPlaneLayout;

typedef struct {
  guint8 n_planes;
  gboolean yuv; /* grey included */
  HysacPlaneLayout planes[3];
} HysacLayout;

/* NULL for an unknown format. */
const HysacLayout *hysac_format_layout(HysacFormat format);

/* Which byte of a pixel may be its alpha; -1: none. */
int hysac_format_alpha_byte(HysacFormat format);

/* Groups or rows along @side pixels; an odd side has one more than half. */
static inline guint
hysac_layout_side(guint halved, guint side)
{
  return halved ? side / 2 + (side & 1) : side;
}

/* A field stands for twice its lines. */
static inline guint
hysac_frame_shown_height(const HysacFrame *frame)
{
  return frame->field ? frame->height * 2 : frame->height;
}

G_END_DECLS
