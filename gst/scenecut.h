/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "opencl/frame.h"

/*
 * Finds cuts by the mean absolute difference of luma on a coarse grid of points. Cheap rather than
 * clever: a cut found in vain costs one more sample, a missed one only falls back on the sampling
 * interval (which the escape bound states).
 */

G_BEGIN_DECLS

#define GST_HYSAC_CUT_X 32
#define GST_HYSAC_CUT_Y 18

/* Mean difference (0..255) below which nothing is a cut, and that at which everything is. Between
 * them it must be GST_HYSAC_CUT_RATIO times what the shot's motion has made of late. */
#define GST_HYSAC_CUT_MIN 18.0
#define GST_HYSAC_CUT_MAX 64.0
#define GST_HYSAC_CUT_RATIO 3.0

typedef struct {
  guint8 grid[GST_HYSAC_CUT_X * GST_HYSAC_CUT_Y];
  gboolean valid;
  double motion; /* running mean of the differences inside the shot */
} GstHysacSceneCut;

void gst_hysac_scene_cut_reset(GstHysacSceneCut *self);

/* TRUE where @frame (checked by hysac_frame_check()) begins a new shot. Remembers it either way. */
gboolean gst_hysac_scene_cut_feed(GstHysacSceneCut *self, const HysacFrame *frame);

G_END_DECLS
