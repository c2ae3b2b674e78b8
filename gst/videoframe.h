/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "opencl/frame.h"

G_BEGIN_DECLS

/* The formats that hysac reads and redact.c writes; caps offer these and no others. */
#define GST_HYSAC_VIDEO_FORMATS                                                                    \
  "{ I420, YV12, NV12, NV21, Y42B, Y444, YUY2, UYVY, I420_10LE, P010_10LE, GRAY8, RGB, BGR, "      \
  "RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR }"
#define GST_HYSAC_MAX_SIZE 16384

/* FALSE for a format that is not in the list above. */
gboolean gst_hysac_video_format(GstVideoFormat format, HysacFormat *out);

/* As gst_video_info_from_caps(), but the siting of chroma is what the caps say, or UNKNOWN. */
gboolean gst_hysac_video_info_from_caps(GstVideoInfo *info, const GstCaps *caps);

/* More than one picture in @buffer (multiview-mode=separated). */
gboolean gst_hysac_video_has_views(GstBuffer *buffer);

/**
 * gst_hysac_video_frame_map:
 * @frame: (out): mapped for reading where TRUE is returned; it holds a reference to @buffer
 * @out: (out): the same picture for the engine, inside @frame's mapping
 *
 * Maps @buffer and checks that every plane is as large as @info says. GstVideoFrame alone does not:
 * with a GstVideoMeta it trusts the meta's strides and offsets.
 */
gboolean gst_hysac_video_frame_map(GstVideoFrame *frame, HysacFrame *out, const GstVideoInfo *info,
                                   GstBuffer *buffer, GError **error);

G_END_DECLS
