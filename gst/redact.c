/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/redact.h"

#include <string.h>

#include "gst/videoframe.h"

/* A component of a plane: @step bytes apart in a row, @width x @height of them. */
typedef struct {
  guint8 *data;
  gsize stride;
  guint step;
  guint width, height;
} Component;

static guint
components(GstVideoFrame *frame, Component out[3])
{
  for (guint c = 0; c < 3; c++) {
    out[c].data = GST_VIDEO_FRAME_COMP_DATA(frame, c);
    out[c].stride = GST_VIDEO_FRAME_COMP_STRIDE(frame, c);
    out[c].step = GST_VIDEO_FRAME_COMP_PSTRIDE(frame, c);
    out[c].width = GST_VIDEO_FRAME_COMP_WIDTH(frame, c);
    out[c].height = GST_VIDEO_FRAME_COMP_HEIGHT(frame, c);
  }
  return 3;
}

typedef struct {
  guint columns, rows;
  guint8 mean[GST_HYSAC_BLOCKS_Y][GST_HYSAC_BLOCKS_X];
} Blocks;

/* Block i of n over a length: [i * length / n, (i + 1) * length / n). */
static void
block_means(const Component *in, Blocks *blocks)
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
        guint32 sum = 0; /* a row of 16384 bytes fits easily */
        for (guint x = i * in->width / blocks->columns; x < x1; x++, p += in->step)
          sum += *p;
        sums[i] += sum;
      }
    }
    for (guint i = 0; i < blocks->columns; i++) {
      const guint x0 = i * in->width / blocks->columns, x1 = (i + 1) * in->width / blocks->columns;
      const guint64 n = (guint64)(x1 - x0) * (y1 - y0);
      blocks->mean[j][i] = (guint8)((sums[i] + n / 2) / n);
    }
  }
}

static void
paint_blocks(const Component *out, const Blocks *blocks)
{
  for (guint j = 0; j < blocks->rows; j++) {
    const guint y1 = (j + 1) * out->height / blocks->rows;
    for (guint y = j * out->height / blocks->rows; y < y1; y++) {
      guint8 *p = out->data + out->stride * y;
      for (guint i = 0; i < blocks->columns; i++) {
        const guint x1 = (i + 1) * out->width / blocks->columns;
        for (guint x = i * out->width / blocks->columns; x < x1; x++, p += out->step)
          *p = blocks->mean[j][i];
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
static gboolean
paint_smooth(const Component *out, const Blocks *blocks)
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
    const guint8 *upper = blocks->mean[j], *lower = blocks->mean[MIN(j + 1, blocks->rows - 1)];
    guint row[GST_HYSAC_BLOCKS_X + 1];
    for (guint i = 0; i < blocks->columns; i++)
      row[i] = upper[i] * (256 - fy) + lower[i] * fy;
    row[blocks->columns] = row[blocks->columns - 1];

    guint8 *p = out->data + out->stride * y;
    for (guint x = 0; x < out->width; x++, p += out->step) {
      const guint i = where[2 * x], fx = where[2 * x + 1];
      *p = (guint8)((row[i] * (256 - fx) + row[i + 1] * fx + 32768) >> 16);
    }
  }
  return TRUE;
}

static void
fill(const Component *out, guint8 value)
{
  for (guint y = 0; y < out->height; y++) {
    guint8 *p = out->data + out->stride * y;
    for (guint x = 0; x < out->width; x++, p += out->step)
      *p = value;
  }
}

static void
paint_black(GstVideoFrame *frame)
{
  const GstVideoInfo *info = &frame->info;
  Component out[3];
  components(frame, out);
  const gboolean yuv = GST_VIDEO_INFO_IS_YUV(info);
  const GstVideoColorRange range = info->colorimetry.range;
  /* Unless the caps say otherwise, YUV is limited range and RGB is full range. */
  const gboolean limited =
      range == GST_VIDEO_COLOR_RANGE_16_235 || (yuv && range != GST_VIDEO_COLOR_RANGE_0_255);
  for (guint c = 0; c < 3; c++)
    fill(&out[c], yuv && c > 0 ? 128 : limited ? 16 : 0);
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
  const Component alpha = {(guint8 *)GST_VIDEO_FRAME_PLANE_DATA(frame, 0) + offset,
                           GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0), 4, GST_VIDEO_FRAME_WIDTH(frame),
                           GST_VIDEO_FRAME_HEIGHT(frame)};
  fill(&alpha, 255);
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
  components(&source, from);
  components(out, to);
  gboolean ok = TRUE;
  for (guint c = 0; ok && c < 3; c++) {
    Blocks blocks;
    block_means(&from[c], &blocks);
    if (kind == GST_HYSAC_REDACT_PIXELATE)
      paint_blocks(&to[c], &blocks);
    else
      ok = paint_smooth(&to[c], &blocks);
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
