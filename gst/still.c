/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/still.h"

#include <string.h>

GstBuffer *
gst_hysac_still_new(gsize size)
{
  g_autoptr(GstBuffer) buffer = gst_buffer_new_allocate(NULL, size, NULL);
  GstMapInfo map;
  if (!buffer || !gst_buffer_map(buffer, &map, GST_MAP_WRITE))
    return NULL;
  memset(map.data, 0, map.maxsize);
  gst_buffer_unmap(buffer, &map);
  return g_steal_pointer(&buffer);
}

/* How much of plane @plane is picture. 0 x 0 for formats whose pixels are no whole bytes. */
static void
extent(const GstVideoFrame *frame, guint plane, gsize *bytes, guint *rows)
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  *bytes = *rows = 0;
  for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format); c++) {
    if (GST_VIDEO_FORMAT_INFO_PLANE(format, c) != plane)
      continue;
    const gsize step = GST_VIDEO_FORMAT_INFO_PSTRIDE(format, c);
    const gsize width = GST_VIDEO_FRAME_COMP_WIDTH(frame, c);
    const gsize offset = GST_VIDEO_FORMAT_INFO_POFFSET(format, c);
    const gsize sample =
        (GST_VIDEO_FORMAT_INFO_SHIFT(format, c) + GST_VIDEO_FORMAT_INFO_DEPTH(format, c) + 7) / 8;
    if (step == 0 || width == 0)
      return;
    /* The last chroma of an odd width may lie beyond width times step: YUY2. */
    *bytes = MAX(*bytes, MAX(width * step, (width - 1) * step + offset + sample));
    *rows = MAX(*rows, (guint)GST_VIDEO_FRAME_COMP_HEIGHT(frame, c));
  }
}

gboolean
gst_hysac_still_copy(GstBuffer *still, const GstVideoInfo *info, GstVideoFrame *from)
{
  GstVideoFrame to;
  if (GST_VIDEO_FORMAT_INFO_IS_TILED(info->finfo) ||
      !gst_video_frame_map(&to, info, still, GST_MAP_WRITE))
    return FALSE;
  gboolean ok = TRUE;
  for (guint p = 0; ok && p < GST_VIDEO_FRAME_N_PLANES(&to); p++) {
    guint8 *out = GST_VIDEO_FRAME_PLANE_DATA(&to, p);
    const guint8 *in = GST_VIDEO_FRAME_PLANE_DATA(from, p);
    const gsize out_stride = (gsize)GST_VIDEO_FRAME_PLANE_STRIDE(&to, p);
    const gsize in_stride = (gsize)GST_VIDEO_FRAME_PLANE_STRIDE(from, p);
    gsize bytes;
    guint rows;
    extent(&to, p, &bytes, &rows);
    ok = bytes > 0 && bytes <= out_stride && bytes <= in_stride;
    for (guint y = 0; ok && y < rows; y++)
      memcpy(out + y * out_stride, in + y * in_stride, bytes);
  }
  gst_video_frame_unmap(&to);
  return ok;
}
