/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

/*
 * Pictures that hold nothing of the stream: a slate from a file, or one colour. A file is read and
 * checked once; what goes out is drawn once for each caps, and copied from then on.
 *
 * Thread-safety: a slate does not change; any number of threads may draw it.
 */

G_BEGIN_DECLS

#define GST_HYSAC_SLATE_MAX_BYTES (64 * 1024 * 1024)
#define GST_HYSAC_SLATE_MAX_SIDE 16384
#define GST_HYSAC_SLATE_MAX_PIXELS (64 * 1024 * 1024)

typedef struct _GstHysacSlate GstHysacSlate;

/**
 * gst_hysac_slate_load:
 * @path: a PNG or JPEG file, 8 or 16 bits a channel, within the limits above
 *
 * A camera's orientation mark is followed.
 *
 * Returns: (transfer full): NULL with @error, which names the file: IO where it cannot be read, FORMAT
 * where it is of another kind, broken, cut short or too large.
 */
GstHysacSlate *gst_hysac_slate_load(const char *path, GError **error);
void gst_hysac_slate_free(GstHysacSlate *self); /* NULL is fine */

/**
 * gst_hysac_slate_draw:
 * @self: (nullable): NULL for the colour alone
 * @info: the caps
 * @color: ARGB as in videotestsrc's foreground-color; what the picture leaves free, and what shows
 *   through it. Its alpha is not used: everything is opaque.
 *
 * Scales the picture to fit, keeps its shape by the caps' pixel aspect ratio, and converts it by their
 * matrix and range.
 *
 * Returns: (transfer full): a frame in @info's default layout, padding 0, a function of the arguments
 * alone; NULL where GStreamer cannot convert to @info, or memory is lacking.
 */
GstBuffer *gst_hysac_slate_draw(const GstHysacSlate *self, const GstVideoInfo *info, guint32 color);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GstHysacSlate, gst_hysac_slate_free)

G_END_DECLS
