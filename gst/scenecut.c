/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/scenecut.h"

#include <stdlib.h>

void
gst_hysac_scene_cut_reset(GstHysacSceneCut *self)
{
  self->valid = FALSE;
  self->motion = 0.0;
}

/* Luma of 8 bits; of RGB near enough for a difference: (R + 2G + B) / 4. */
static guint8
luma_at(const HysacFrame *frame, guint x, guint y)
{
  const guint8 *row = frame->planes[0] + frame->strides[0] * y;
  switch (frame->format) {
  case HYSAC_FORMAT_RGB:
  case HYSAC_FORMAT_BGR:
    row += 3 * (gsize)x;
    return (row[0] + 2 * row[1] + row[2]) / 4;
  case HYSAC_FORMAT_RGBA:
  case HYSAC_FORMAT_BGRA:
    row += 4 * (gsize)x;
    return (row[0] + 2 * row[1] + row[2]) / 4;
  case HYSAC_FORMAT_ARGB:
  case HYSAC_FORMAT_ABGR:
    row += 4 * (gsize)x;
    return (row[1] + 2 * row[2] + row[3]) / 4;
  case HYSAC_FORMAT_YUY2:
    return row[2 * (gsize)x];
  case HYSAC_FORMAT_UYVY:
  case HYSAC_FORMAT_P010_10LE: /* the high byte */
    return row[2 * (gsize)x + 1];
  case HYSAC_FORMAT_I420_10LE:
    row += 2 * (gsize)x;
    return (guint8)((row[0] | row[1] << 8) >> 2);
  default:
    return row[x];
  }
}

gboolean
gst_hysac_scene_cut_feed(GstHysacSceneCut *self, const HysacFrame *frame)
{
  guint sum = 0;
  guint8 *cell = self->grid;
  for (guint j = 0; j < GST_HYSAC_CUT_Y; j++) {
    const guint y = (2 * j + 1) * frame->height / (2 * GST_HYSAC_CUT_Y);
    for (guint i = 0; i < GST_HYSAC_CUT_X; i++, cell++) {
      const guint x = (2 * i + 1) * frame->width / (2 * GST_HYSAC_CUT_X);
      const guint8 luma = luma_at(frame, x, y);
      sum += abs((int)luma - (int)*cell);
      *cell = luma;
    }
  }
  if (!self->valid) {
    self->valid = TRUE;
    self->motion = 0.0;
    return FALSE;
  }

  const double diff = (double)sum / (GST_HYSAC_CUT_X * GST_HYSAC_CUT_Y);
  const gboolean cut = diff >= GST_HYSAC_CUT_MAX ||
                       (diff >= GST_HYSAC_CUT_MIN && diff >= GST_HYSAC_CUT_RATIO * self->motion);
  /* A cut counts as motion too, clipped: otherwise fast motion would be a cut on every frame. */
  self->motion += (MIN(diff, GST_HYSAC_CUT_MIN) - self->motion) / 8.0;
  return cut;
}
