/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/colour.h"
#include "opencl/frame_layout.h"
#include "opencl/preprocess.h"
#include "opencl/resample.h"

/* The definition of preprocessing, written to be read: docs/colour.md for the colours, Pillow for
 * the rest. kernels/colour.cl and kernels/preprocess.cl give the same bytes. */

static guint8
clip(gint32 value)
{
  return (guint8)CLAMP(value, 0, 255);
}

/* The two chroma samples around a luma position, and their weights of 4. */
static void
between(guint position, guint n, gint32 before, const gint32 at[2], gint32 after, guint index[2],
        gint32 weight[2])
{
  guint i = position / 2;

  if (position % 2 == 0) {
    index[0] = i > 0 ? i - 1 : 0;
    index[1] = i;
    weight[0] = before;
    weight[1] = at[0];
  } else {
    index[0] = i;
    index[1] = MIN(i + 1, n - 1);
    weight[0] = at[1];
    weight[1] = after;
  }
}

/* Sample @i of a row: Y, U or V (@component 0, 1, 2), of 8 or 10 bits. */
static gint32
sample(const HysacFrame *frame, guint component, guint row, guint i)
{
  gboolean two = frame->format == HYSAC_FORMAT_NV12 || frame->format == HYSAC_FORMAT_NV21 ||
                 frame->format == HYSAC_FORMAT_P010_10LE;
  gboolean packed = frame->format == HYSAC_FORMAT_YUY2 || frame->format == HYSAC_FORMAT_UYVY;
  guint plane = packed ? 0 : two ? MIN(component, 1) : component;
  const guint8 *line = frame->planes[plane] + row * frame->strides[plane];

  switch (frame->format) {
  case HYSAC_FORMAT_NV12:
    return component == 0 ? line[i] : line[2 * (gsize)i + component - 1];
  case HYSAC_FORMAT_NV21:
    return component == 0 ? line[i] : line[2 * (gsize)i + 2 - component];
  case HYSAC_FORMAT_YUY2:
    return component == 0 ? line[2 * (gsize)i] : line[4 * (gsize)i + 2 * component - 1];
  case HYSAC_FORMAT_UYVY:
    return component == 0 ? line[2 * (gsize)i + 1] : line[4 * (gsize)i + 2 * component - 2];
  case HYSAC_FORMAT_I420_10LE:
    line += 2 * (gsize)i;
    return (line[0] | line[1] << 8) & 0x3ff;
  case HYSAC_FORMAT_P010_10LE:
    line += component == 0 ? 2 * (gsize)i : 4 * (gsize)i + 2 * (component - 1);
    return (line[0] | line[1] << 8) >> 6;
  default:
    return line[i];
  }
}

/* 16 times the chroma at luma position (x, y), less the neutral value. */
static gint32
chroma_at(const HysacFrame *frame, const HysacColour *c, guint component, guint x, guint y)
{
  const HysacLayout *layout = hysac_format_layout(frame->format);
  const HysacPlaneLayout *p = &layout->planes[layout->n_planes > 1 ? 1 : 0];
  guint column[2] = { x, x }, row[2] = { y, y };
  gint32 h[2] = { 4, 0 }, w[2] = { 4, 0 }, sum = 0;

  if (p->h)
    between(x, hysac_layout_side(1, frame->width), c->h_before, c->h_at, c->h_after, column, h);
  if (p->v)
    between(y, hysac_layout_side(1, frame->height), c->v_before, c->v_at, c->v_after, row, w);
  for (guint j = 0; j < 2; j++)
    sum += w[j] * (h[0] * sample(frame, component, row[j], column[0]) +
                   h[1] * sample(frame, component, row[j], column[1]));
  return sum - c->neutral;
}

static void
rgb_at(const HysacFrame *frame, const HysacColour *c, guint x, guint y, guint8 *rgb)
{
  gint32 luma, u = 0, v = 0;

  if (c->pixel) {
    const guint8 *pixel = frame->planes[0] + y * frame->strides[0] + (gsize)x * (guint)c->pixel;

    rgb[0] = pixel[c->red];
    rgb[1] = pixel[c->green];
    rgb[2] = pixel[c->blue];
    return;
  }
  if (frame->format != HYSAC_FORMAT_GRAY8) {
    u = chroma_at(frame, c, 1, x, y);
    v = chroma_at(frame, c, 2, x, y);
  }
  luma = c->y * (sample(frame, 0, y, x) - c->y_offset) + (1 << (c->bits - 1));
  rgb[0] = clip((luma + c->r_v * v) >> c->bits);
  rgb[1] = clip((luma - c->g_u * u - c->g_v * v) >> c->bits);
  rgb[2] = clip((luma + c->b_u * u) >> c->bits);
}

/* One output value: taps over pixels that lie @step bytes apart. */
static guint8
filter(const HysacTaps *taps, guint i, const guint8 *pixels, gsize step)
{
  const gint32 *weights = taps->weights + (gsize)i * taps->stride;
  gint32 sum = 1 << (HYSAC_TAP_BITS - 1);

  for (gint32 k = 0; k < taps->count[i]; k++)
    sum += weights[k] * pixels[(gsize)k * step];
  return clip(sum >> HYSAC_TAP_BITS);
}

static gboolean
run(const HysacFrame *frame, const HysacTaps *h, const HysacTaps *v, guint8 *rgb, GError **error)
{
  gsize rows = v->end - v->first, line = (gsize)h->n * 3;
  g_autofree guint8 *row = g_try_malloc_n(h->end - h->first, 3);
  g_autofree guint8 *middle = g_try_malloc_n(rows, line);
  HysacColour colour;

  if (!row || !middle) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
                "preprocess: no memory for %" G_GSIZE_FORMAT " rows of %u pixels", rows, h->n);
    return FALSE;
  }
  hysac_colour_init(&colour, frame);
  for (gsize y = 0; y < rows; y++) {
    for (guint x = h->first; x < h->end; x++)
      rgb_at(frame, &colour, x, v->first + (guint)y, row + (gsize)(x - h->first) * 3);
    for (guint x = 0; x < h->n; x++) {
      for (guint c = 0; c < 3; c++)
        middle[y * line + x * 3 + c] =
            filter(h, x, row + ((guint)h->start[x] - h->first) * 3 + c, 3);
    }
  }
  for (guint y = 0; y < v->n; y++) {
    for (gsize i = 0; i < line; i++)
      rgb[y * line + i] = filter(v, y, middle + ((guint)v->start[y] - v->first) * line + i, line);
  }
  return TRUE;
}

gboolean
hysac_preprocess_reference(const HysacPreprocessConfig *config, const HysacFrame *frame,
                           guint8 *rgb, GError **error)
{
  HysacTaps h = { 0 }, v = { 0 };
  HysacResize resize;
  gboolean ok;

  if (!hysac_frame_check(frame, error) ||
      !hysac_resize_init(&resize, config, frame->width, hysac_frame_shown_height(frame), error))
    return FALSE;
  ok = hysac_taps_init(&h, frame->width, resize.width, resize.left, config->crop_size, error) &&
       hysac_taps_init(&v, frame->height, resize.height, resize.top, config->crop_size, error) &&
       run(frame, &h, &v, rgb, error);
  hysac_taps_clear(&h);
  hysac_taps_clear(&v);
  return ok;
}
