/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/videoframe.h"

static const struct {
  GstVideoFormat format;
  HysacFormat ours;
} formats[] = {
    {GST_VIDEO_FORMAT_I420, HYSAC_FORMAT_I420},
    {GST_VIDEO_FORMAT_YV12, HYSAC_FORMAT_I420}, /* describe() takes planes by component */
    {GST_VIDEO_FORMAT_NV12, HYSAC_FORMAT_NV12},
    {GST_VIDEO_FORMAT_NV21, HYSAC_FORMAT_NV21},
    {GST_VIDEO_FORMAT_Y42B, HYSAC_FORMAT_Y42B},
    {GST_VIDEO_FORMAT_Y444, HYSAC_FORMAT_Y444},
    {GST_VIDEO_FORMAT_YUY2, HYSAC_FORMAT_YUY2},
    {GST_VIDEO_FORMAT_UYVY, HYSAC_FORMAT_UYVY},
    {GST_VIDEO_FORMAT_GRAY8, HYSAC_FORMAT_GRAY8},
    {GST_VIDEO_FORMAT_I420_10LE, HYSAC_FORMAT_I420_10LE},
    {GST_VIDEO_FORMAT_P010_10LE, HYSAC_FORMAT_P010_10LE},
    {GST_VIDEO_FORMAT_RGB, HYSAC_FORMAT_RGB},
    {GST_VIDEO_FORMAT_BGR, HYSAC_FORMAT_BGR},
    {GST_VIDEO_FORMAT_RGBx, HYSAC_FORMAT_RGBA},
    {GST_VIDEO_FORMAT_RGBA, HYSAC_FORMAT_RGBA},
    {GST_VIDEO_FORMAT_BGRx, HYSAC_FORMAT_BGRA},
    {GST_VIDEO_FORMAT_BGRA, HYSAC_FORMAT_BGRA},
    {GST_VIDEO_FORMAT_xRGB, HYSAC_FORMAT_ARGB},
    {GST_VIDEO_FORMAT_ARGB, HYSAC_FORMAT_ARGB},
    {GST_VIDEO_FORMAT_xBGR, HYSAC_FORMAT_ABGR},
    {GST_VIDEO_FORMAT_ABGR, HYSAC_FORMAT_ABGR},
};

gboolean
gst_hysac_video_format(GstVideoFormat format, HysacFormat *out)
{
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    if (formats[i].format == format) {
      *out = formats[i].ours;
      return TRUE;
    }
  }
  return FALSE;
}

gboolean
gst_hysac_video_info_from_caps(GstVideoInfo *info, const GstCaps *caps)
{
  if (!gst_video_info_from_caps(info, caps))
    return FALSE;
  /* Where caps name no colorimetry, GStreamer 1.22 lets its default decide the siting as well. */
  const char *site = gst_structure_get_string(gst_caps_get_structure(caps, 0), "chroma-site");
  info->chroma_site =
      site ? gst_video_chroma_site_from_string(site) : GST_VIDEO_CHROMA_SITE_UNKNOWN;
  return TRUE;
}

static HysacMatrix
matrix(GstVideoColorMatrix in)
{
  switch (in) {
  case GST_VIDEO_COLOR_MATRIX_BT709:
    return HYSAC_MATRIX_BT709;
  case GST_VIDEO_COLOR_MATRIX_BT2020:
    return HYSAC_MATRIX_BT2020;
  case GST_VIDEO_COLOR_MATRIX_FCC:
    return HYSAC_MATRIX_FCC;
  case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
    return HYSAC_MATRIX_SMPTE240M;
  default: /* gst_video_info_from_caps() has put in the default for the size; this is a last resort
            */
    return HYSAC_MATRIX_BT601;
  }
}

static gboolean
describe(const GstVideoFrame *frame, const GstVideoInfo *info, HysacFrame *out, GError **error)
{
  *out = (HysacFrame){.width = GST_VIDEO_INFO_WIDTH(info),
                      .height = GST_VIDEO_INFO_FIELD_HEIGHT(info),
                      .field = GST_VIDEO_INFO_INTERLACE_MODE(info) ==
                               GST_VIDEO_INTERLACE_MODE_ALTERNATE};
  if (!gst_hysac_video_format(GST_VIDEO_INFO_FORMAT(info), &out->format)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "format %s is not supported",
                gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(info)));
    return FALSE;
  }

  if (GST_VIDEO_FORMAT_INFO_HAS_ALPHA(info->finfo))
    out->alpha = GST_VIDEO_INFO_FLAG_IS_SET(info, GST_VIDEO_FLAG_PREMULTIPLIED_ALPHA) ? HYSAC_ALPHA_PREMULTIPLIED
                                                                                       : HYSAC_ALPHA_STRAIGHT;

  for (guint p = 0; p < hysac_format_n_planes(out->format); p++) {
    const guint from = GST_VIDEO_INFO_COMP_PLANE(info, p);
    const GstMapInfo *map = &frame->map[frame->meta ? from : 0];
    const guint8 *plane = frame->data[from];
    const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE(frame, from);
    if (stride <= 0 || plane < map->data || plane > map->data + map->size) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "plane %u lies outside its memory, or its stride is %d", from, stride);
      return FALSE;
    }
    out->planes[p] = plane;
    out->strides[p] = (gsize)stride;
    out->sizes[p] = map->size - (gsize)(plane - map->data);
  }

  out->matrix = matrix(info->colorimetry.matrix);
  const GstVideoColorRange range = info->colorimetry.range;
  const gboolean full = GST_VIDEO_INFO_IS_GRAY(info) ? range != GST_VIDEO_COLOR_RANGE_16_235
                                                     : range == GST_VIDEO_COLOR_RANGE_0_255;
  out->range = full ? HYSAC_RANGE_FULL : HYSAC_RANGE_LIMITED;
  /* Unknown siting is MPEG-2's, as for H.264 that does not say. */
  const GstVideoChromaSite site = info->chroma_site == GST_VIDEO_CHROMA_SITE_UNKNOWN
                                      ? GST_VIDEO_CHROMA_SITE_MPEG2
                                      : info->chroma_site;
  out->site.h_cosited = (site & GST_VIDEO_CHROMA_SITE_H_COSITED) != 0;
  out->site.v_cosited = (site & GST_VIDEO_CHROMA_SITE_V_COSITED) != 0;
  return hysac_frame_check(out, error);
}

gboolean
gst_hysac_video_has_views(GstBuffer *buffer)
{
  gpointer state = NULL;
  guint n = 0;
  while (gst_buffer_iterate_meta_filtered(buffer, &state, GST_VIDEO_META_API_TYPE))
    n++;
  return n > 1;
}

gboolean
gst_hysac_video_frame_map(GstVideoFrame *frame, HysacFrame *out, const GstVideoInfo *info,
                          GstBuffer *buffer, GError **error)
{
  /* Only the first picture would be looked at, and all of them would pass. */
  if (gst_hysac_video_has_views(buffer)) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                        "the buffer has several video metas: only one picture a buffer is taken");
    return FALSE;
  }
  /* What gst_video_frame_map() takes for a caller's bug, or logs as an error, is input to us. */
  const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
  if (meta && (meta->format != GST_VIDEO_INFO_FORMAT(info) ||
               meta->n_planes != GST_VIDEO_INFO_N_PLANES(info) ||
               meta->width < (guint)GST_VIDEO_INFO_WIDTH(info) ||
               meta->height < (guint)GST_VIDEO_INFO_HEIGHT(info))) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "the buffer's video meta says %s %ux%u, its caps %s %dx%d",
                gst_video_format_to_string(meta->format), meta->width, meta->height,
                gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(info)), GST_VIDEO_INFO_WIDTH(info),
                GST_VIDEO_INFO_HEIGHT(info));
    return FALSE;
  }
  if (!meta && gst_buffer_get_size(buffer) < GST_VIDEO_INFO_SIZE(info)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "the buffer has %" G_GSIZE_FORMAT " bytes, its caps ask for %" G_GSIZE_FORMAT,
                gst_buffer_get_size(buffer), (gsize)GST_VIDEO_INFO_SIZE(info));
    return FALSE;
  }
  if (!gst_video_frame_map(frame, info, buffer, GST_MAP_READ)) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "the buffer cannot be mapped");
    return FALSE;
  }
  /* A meta may describe a larger, padded picture: the caps' size is the picture. */
  frame->info.width = GST_VIDEO_INFO_WIDTH(info);
  frame->info.height = GST_VIDEO_INFO_HEIGHT(info);
  if (!describe(frame, info, out, error)) {
    gst_video_frame_unmap(frame);
    return FALSE;
  }
  return TRUE;
}
