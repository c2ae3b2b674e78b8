/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

/*
 * The last frame that was found safe, as a copy of its pixels alone (still.h). A frame whose verdict
 * is still to come can be put aside: it counts from when it is confirmed, or never.
 *
 * Whoever uses it says what is safe, and resets it where frames change their caps. Where memory is
 * lacking, or a frame cannot be mapped, there is no frame rather than an older one.
 *
 * Thread-safety: none; the caller serialises.
 */

G_BEGIN_DECLS

typedef struct {
  GstBuffer *safe, *aside; /* NULL: there is none */
  guint64 aside_seq;
} GstHysacFreeze; /* all 0 is empty */

void gst_hysac_freeze_reset(GstHysacFreeze *self);
/* @frame, of caps @info, is safe. */
void gst_hysac_freeze_keep(GstHysacFreeze *self, const GstVideoInfo *info, GstBuffer *frame);
/* It will be known whether frame number @seq is; takes the place of another that was put aside. */
void gst_hysac_freeze_put_aside(GstHysacFreeze *self, guint64 seq, const GstVideoInfo *info,
                                GstBuffer *frame);
/* Frame number @seq was found safe: it is kept if it is the one put aside. */
void gst_hysac_freeze_confirm(GstHysacFreeze *self, guint64 seq);

G_END_DECLS
