/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/redact.h"

#include <string.h>

#include "gst/still.h"
#include "gst/videoframe.h"

/* A component of a plane: @step bytes apart in a row, @width x @height of them. Those of 10 bits lie
 * in two bytes, @shift bits up. */
typedef struct {
  guint8 *data;
  gsize stride;
  guint step;
  guint width, height;
  gboolean deep;
  guint shift;
} Component;

/* Their number: 1 for grey. Alpha is none of them. */
static guint
components(GstVideoFrame *frame, Component out[3])
{
  const guint n = MIN(GST_VIDEO_FRAME_N_COMPONENTS(frame), 3);
  for (guint c = 0; c < n; c++) {
    out[c].data = GST_VIDEO_FRAME_COMP_DATA(frame, c);
    out[c].stride = GST_VIDEO_FRAME_COMP_STRIDE(frame, c);
    out[c].step = GST_VIDEO_FRAME_COMP_PSTRIDE(frame, c);
    out[c].width = GST_VIDEO_FRAME_COMP_WIDTH(frame, c);
    out[c].height = GST_VIDEO_FRAME_COMP_HEIGHT(frame, c);
    out[c].deep = GST_VIDEO_FRAME_COMP_DEPTH(frame, c) > 8;
    out[c].shift = GST_VIDEO_FORMAT_INFO_SHIFT(frame->info.finfo, c);
  }
  /* GStreamer 1.22 has V of P010 one byte behind U, which is U's other half. */
  if (GST_VIDEO_FRAME_FORMAT(frame) == GST_VIDEO_FORMAT_P010_10LE)
    out[2].data = out[1].data + 2;
  return n;
}

static inline guint
get(const Component *in, const guint8 *p, gboolean deep)
{
  return deep ? GST_READ_UINT16_LE(p) >> in->shift & 0x3ff : *p;
}

static inline void
put(const Component *out, guint8 *p, guint value, gboolean deep)
{
  if (deep)
    GST_WRITE_UINT16_LE(p, value << out->shift);
  else
    *p = (guint8)value;
}

typedef struct {
  guint columns, rows;
  guint16 mean[GST_HYSAC_BLOCKS_Y][GST_HYSAC_BLOCKS_X];
} Blocks;

/* The loops over samples are compiled once for bytes and once for 10 bits. */
#define FOR_DEPTH(function, component, ...)                                                        \
  ((component)->deep ? function(component, __VA_ARGS__, TRUE)                                      \
                     : function(component, __VA_ARGS__, FALSE))

/* Block i of n over a length: [i * length / n, (i + 1) * length / n). */
static inline void
block_means(const Component *in, Blocks *blocks, gboolean deep)
{
  blocks->columns = MIN(GST_HYSAC_BLOCKS_X, in->width);
  blocks->rows = MIN(GST_HYSAC_BLOCKS_Y, in->height);
  for (guint j = 0; j < blocks->rows; j++) {
    const guint y0 = j * in->height / blocks->rows, y1 = (j + 1) * in->height / blocks->rows;
    guint64 sums[GST_HYSAC_BLOCKS_X] = {0};
    for (guint y = y0; y < y1; y++) {
      const guint8 *p = in->data + in->stride * y;
      for (guint i = 0; i < blocks->columns; i++) {
        const guint x1 = (i + 1) * in->width / blocks->columns;
        guint32 sum = 0; /* a row of 16384 samples fits easily */
        for (guint x = i * in->width / blocks->columns; x < x1; x++, p += in->step)
          sum += get(in, p, deep);
        sums[i] += sum;
      }
    }
    for (guint i = 0; i < blocks->columns; i++) {
      const guint x0 = i * in->width / blocks->columns, x1 = (i + 1) * in->width / blocks->columns;
      const guint64 n = (guint64)(x1 - x0) * (y1 - y0);
      blocks->mean[j][i] = (guint16)((sums[i] + n / 2) / n);
    }
  }
}

static inline void
paint_blocks(const Component *out, const Blocks *blocks, gboolean deep)
{
  for (guint j = 0; j < blocks->rows; j++) {
    const guint y1 = (j + 1) * out->height / blocks->rows;
    for (guint y = j * out->height / blocks->rows; y < y1; y++) {
      guint8 *p = out->data + out->stride * y;
      for (guint i = 0; i < blocks->columns; i++) {
        const guint x1 = (i + 1) * out->width / blocks->columns;
        for (guint x = i * out->width / blocks->columns; x < x1; x++, p += out->step)
          put(out, p, blocks->mean[j][i], deep);
      }
    }
  }
}

/* Where position @pos of @length lies between the centres of @n blocks: block and 8-bit fraction.
 */
static void
between(guint pos, guint length, guint n, guint *block, guint *fraction)
{
  /* In 1/256 blocks, counted from the first centre. */
  const gint64 at = ((gint64)(2 * pos + 1) * n * 128) / length - 128;
  const gint64 last = (gint64)(n - 1) * 256;
  const guint clamped = (guint)CLAMP(at, 0, last);
  *block = clamped / 256;
  *fraction = clamped % 256;
}

/* The means, interpolated between the blocks' centres. */
static inline gboolean
paint_smooth(const Component *out, const Blocks *blocks, gboolean deep)
{
  g_autofree guint16 *where = g_try_new(guint16, 2 * (gsize)out->width);
  if (!where)
    return FALSE;
  for (guint x = 0; x < out->width; x++) {
    guint block, fraction;
    between(x, out->width, blocks->columns, &block, &fraction);
    where[2 * x] = block;
    where[2 * x + 1] = fraction;
  }
  for (guint y = 0; y < out->height; y++) {
    guint j, fy;
    between(y, out->height, blocks->rows, &j, &fy);
    const guint16 *upper = blocks->mean[j], *lower = blocks->mean[MIN(j + 1, blocks->rows - 1)];
    guint row[GST_HYSAC_BLOCKS_X + 1];
    for (guint i = 0; i < blocks->columns; i++)
      row[i] = upper[i] * (256 - fy) + lower[i] * fy;
    row[blocks->columns] = row[blocks->columns - 1];

    guint8 *p = out->data + out->stride * y;
    for (guint x = 0; x < out->width; x++, p += out->step) {
      const guint i = where[2 * x], fx = where[2 * x + 1];
      put(out, p, (row[i] * (256 - fx) + row[i + 1] * fx + 32768) >> 16, deep);
    }
  }
  return TRUE;
}

static inline void
fill(const Component *out, guint value, gboolean deep)
{
  for (guint y = 0; y < out->height; y++) {
    guint8 *p = out->data + out->stride * y;
    for (guint x = 0; x < out->width; x++, p += out->step)
      put(out, p, value, deep);
  }
}

static void
paint_black(GstVideoFrame *frame)
{
  const GstVideoInfo *info = &frame->info;
  Component out[3];
  const guint n = components(frame, out);
  const gboolean yuv = GST_VIDEO_INFO_IS_YUV(info);
  const GstVideoColorRange range = info->colorimetry.range;
  /* Unless the caps say otherwise, YUV is limited range, RGB and grey are full range. */
  const gboolean limited =
      range == GST_VIDEO_COLOR_RANGE_16_235 || (yuv && range != GST_VIDEO_COLOR_RANGE_0_255);
  for (guint c = 0; c < n; c++) {
    const guint value = yuv && c > 0 ? 128 : limited ? 16 : 0;
    FOR_DEPTH(fill, &out[c], out[c].deep ? 4 * value : value);
  }
}

/* The fourth byte of the four-byte formats, alpha or not: opaque. */
static void
paint_opaque(GstVideoFrame *frame)
{
  const GstVideoInfo *info = &frame->info;
  if (!GST_VIDEO_INFO_IS_RGB(info) || GST_VIDEO_INFO_COMP_PSTRIDE(info, 0) != 4)
    return;
  guint offset = 0 + 1 + 2 + 3;
  for (guint c = 0; c < 3; c++)
    offset -= GST_VIDEO_INFO_COMP_POFFSET(info, c);
  const Component alpha = {.data = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(frame, 0) + offset,
                           .stride = GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0),
                           .step = 4,
                           .width = GST_VIDEO_FRAME_WIDTH(frame),
                           .height = GST_VIDEO_INFO_FIELD_HEIGHT(info)};
  fill(&alpha, 255, FALSE);
}

static void
copy_allowed(GstBuffer *out, GstBuffer *in)
{
  const guint flags = GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_RESYNC |
                      GST_VIDEO_BUFFER_FLAG_INTERLACED | GST_VIDEO_BUFFER_FLAG_TFF |
                      GST_VIDEO_BUFFER_FLAG_RFF | GST_VIDEO_BUFFER_FLAG_ONEFIELD;
  GST_BUFFER_FLAG_SET(out, GST_BUFFER_FLAGS(in) & flags);
  GST_BUFFER_PTS(out) = GST_BUFFER_PTS(in);
  GST_BUFFER_DTS(out) = GST_BUFFER_DTS(in);
  GST_BUFFER_DURATION(out) = GST_BUFFER_DURATION(in);
  GST_BUFFER_OFFSET(out) = GST_BUFFER_OFFSET(in);
  GST_BUFFER_OFFSET_END(out) = GST_BUFFER_OFFSET_END(in);

  gpointer state = NULL;
  GstReferenceTimestampMeta *time;
  while ((time = (GstReferenceTimestampMeta *)gst_buffer_iterate_meta_filtered(
              in, &state, GST_REFERENCE_TIMESTAMP_META_API_TYPE)))
    gst_buffer_add_reference_timestamp_meta(out, time->reference, time->timestamp, time->duration);
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta(in);
  if (crop) {
    GstVideoCropMeta *copy = gst_buffer_add_video_crop_meta(out);
    copy->x = crop->x;
    copy->y = crop->y;
    copy->width = crop->width;
    copy->height = crop->height;
  }
}

/* FALSE where @in is not what the caps say: nothing of it was used. */
static gboolean
paint_from(GstHysacRedaction kind, GstVideoFrame *out, GstBuffer *in)
{
  GstVideoFrame source;
  HysacFrame checked;
  if (!gst_hysac_video_frame_map(&source, &checked, &out->info, in, NULL))
    return FALSE;
  Component from[3], to[3];
  const guint n = components(&source, from);
  components(out, to);
  gboolean ok = TRUE;
  for (guint c = 0; ok && c < n; c++) {
    Blocks blocks;
    FOR_DEPTH(block_means, &from[c], &blocks);
    if (kind == GST_HYSAC_REDACT_PIXELATE)
      FOR_DEPTH(paint_blocks, &to[c], &blocks);
    else
      ok = FOR_DEPTH(paint_smooth, &to[c], &blocks);
  }
  gst_video_frame_unmap(&source);
  return ok;
}

GstBuffer *
gst_hysac_redact(GstHysacRedaction kind, const GstVideoInfo *info, GstBuffer *in)
{
  g_autoptr(GstBuffer) buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(info), NULL);
  if (!buffer)
    return NULL;
  /* Padding included, and what the allocator gave beyond the size. */
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_WRITE))
    return NULL;
  memset(map.data, 0, map.maxsize);
  gst_buffer_unmap(buffer, &map);

  GstVideoFrame out;
  if (!gst_video_frame_map(&out, info, buffer, GST_MAP_READWRITE))
    return NULL;
  if (kind == GST_HYSAC_REDACT_BLANK || !paint_from(kind, &out, in))
    paint_black(&out);
  paint_opaque(&out);
  gst_video_frame_unmap(&out);

  copy_allowed(buffer, in);
  return g_steal_pointer(&buffer);
}

GstBuffer *
gst_hysac_redact_still(GstBuffer *still, GstBuffer *in)
{
  g_autoptr(GstBuffer) buffer = gst_hysac_still_new(gst_buffer_get_size(still));
  GstMapInfo map;
  if (!buffer || !gst_buffer_map(still, &map, GST_MAP_READ))
    return NULL;
  const gsize filled = gst_buffer_fill(buffer, 0, map.data, map.size);
  gst_buffer_unmap(still, &map);
  if (filled != map.size)
    return NULL;
  copy_allowed(buffer, in);
  return g_steal_pointer(&buffer);
}
