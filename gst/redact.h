/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

typedef enum {
  GST_HYSAC_REDACT_BLUR,
  GST_HYSAC_REDACT_PIXELATE,
  GST_HYSAC_REDACT_BLANK,
} GstHysacRedaction;

/* Blur and pixelate are functions of this many block means and nothing else. */
#define GST_HYSAC_BLOCKS_X 16
#define GST_HYSAC_BLOCKS_Y 9

/**
 * gst_hysac_redact:
 * @kind: blank is a function of @info alone
 * @info: the caps
 * @in: the frame; its pixels are read for blur and pixelate only
 *
 * A picture that cannot be mapped as its caps say is blanked. The output is a new buffer in @info's
 * default layout, written whole (pixels, strides, padding); only times, offsets, DISCONT and
 * interlacing flags, GstReferenceTimestampMeta and GstVideoCropMeta come over.
 *
 * Returns: (transfer full): the redacted buffer; NULL only where memory cannot be allocated.
 */
GstBuffer *gst_hysac_redact(GstHysacRedaction kind, const GstVideoInfo *info, GstBuffer *in);

/* The same with the pixels of @still (still.h), of the same caps. */
GstBuffer *gst_hysac_redact_still(GstBuffer *still, GstBuffer *in);

G_END_DECLS
