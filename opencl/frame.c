/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/frame_layout.h"

#define MAX_SIDE 16384

/* A group is what lies in @bytes in a row: one pixel, or (@h) two that share chroma. */
static const HysacLayout layouts[HYSAC_N_FORMATS] = {
  [HYSAC_FORMAT_RGB] = { 1, FALSE, { { 3, 0, 0 } } },
  [HYSAC_FORMAT_BGR] = { 1, FALSE, { { 3, 0, 0 } } },
  [HYSAC_FORMAT_RGBA] = { 1, FALSE, { { 4, 0, 0 } } },
  [HYSAC_FORMAT_BGRA] = { 1, FALSE, { { 4, 0, 0 } } },
  [HYSAC_FORMAT_ARGB] = { 1, FALSE, { { 4, 0, 0 } } },
  [HYSAC_FORMAT_ABGR] = { 1, FALSE, { { 4, 0, 0 } } },
  [HYSAC_FORMAT_I420] = { 3, TRUE, { { 1, 0, 0 }, { 1, 1, 1 }, { 1, 1, 1 } } },
  [HYSAC_FORMAT_NV12] = { 2, TRUE, { { 1, 0, 0 }, { 2, 1, 1 } } },
  [HYSAC_FORMAT_NV21] = { 2, TRUE, { { 1, 0, 0 }, { 2, 1, 1 } } },
  [HYSAC_FORMAT_Y42B] = { 3, TRUE, { { 1, 0, 0 }, { 1, 1, 0 }, { 1, 1, 0 } } },
  [HYSAC_FORMAT_Y444] = { 3, TRUE, { { 1, 0, 0 }, { 1, 0, 0 }, { 1, 0, 0 } } },
  [HYSAC_FORMAT_YUY2] = { 1, TRUE, { { 4, 1, 0 } } },
  [HYSAC_FORMAT_UYVY] = { 1, TRUE, { { 4, 1, 0 } } },
  [HYSAC_FORMAT_GRAY8] = { 1, TRUE, { { 1, 0, 0 } } },
  [HYSAC_FORMAT_I420_10LE] = { 3, TRUE, { { 2, 0, 0 }, { 2, 1, 1 }, { 2, 1, 1 } } },
  [HYSAC_FORMAT_P010_10LE] = { 2, TRUE, { { 2, 0, 0 }, { 4, 1, 1 } } },
};

const HysacLayout *
hysac_format_layout(HysacFormat format)
{
  return (guint)format < HYSAC_N_FORMATS ? &layouts[format] : NULL;
}

int
hysac_format_alpha_byte(HysacFormat format)
{
  switch (format) {
  case HYSAC_FORMAT_RGBA:
  case HYSAC_FORMAT_BGRA:
    return 3;
  case HYSAC_FORMAT_ARGB:
  case HYSAC_FORMAT_ABGR:
    return 0;
  default:
    return -1;
  }
}

guint
hysac_format_n_planes(HysacFormat format)
{
  const HysacLayout *layout = hysac_format_layout(format);

  return layout ? layout->n_planes : 0;
}

guint
hysac_format_plane_rows(HysacFormat format, guint plane, guint height)
{
  if (plane >= hysac_format_n_planes(format))
    return 0;
  return hysac_layout_side(layouts[format].planes[plane].v, height);
}

gsize
hysac_format_plane_row_bytes(HysacFormat format, guint plane, guint width)
{
  const HysacPlaneLayout *p;

  if (plane >= hysac_format_n_planes(format))
    return 0;
  p = &layouts[format].planes[plane];
  return (gsize)hysac_layout_side(p->h, width) * p->bytes;
}

static gboolean
check_plane(const HysacFrame *frame, guint plane, GError **error)
{
  gsize row = hysac_format_plane_row_bytes(frame->format, plane, frame->width);
  gsize rows = hysac_format_plane_rows(frame->format, plane, frame->height);
  gsize need;

  if (!frame->planes[plane]) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "frame: plane %u is NULL", plane);
    return FALSE;
  }
  if (frame->strides[plane] < row) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "frame: plane %u has a stride of %" G_GSIZE_FORMAT " bytes, a row of %u pixels needs "
                "%" G_GSIZE_FORMAT, plane, frame->strides[plane], frame->width, row);
    return FALSE;
  }
  /* The last row need not be padded to the stride. */
  if (!g_size_checked_mul(&need, frame->strides[plane], rows - 1) ||
      !g_size_checked_add(&need, need, row) || need > frame->sizes[plane]) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "frame: plane %u has %" G_GSIZE_FORMAT " bytes, %" G_GSIZE_FORMAT
                " rows at a stride of %" G_GSIZE_FORMAT " need more", plane, frame->sizes[plane],
                rows, frame->strides[plane]);
    return FALSE;
  }
  return TRUE;
}

gboolean
hysac_frame_check(const HysacFrame *frame, GError **error)
{
  guint n_planes = hysac_format_n_planes(frame->format);

  if (n_planes == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "frame: unknown format %d",
                (int)frame->format);
    return FALSE;
  }
  if (frame->width < 1 || frame->width > MAX_SIDE || frame->height < 1 ||
      frame->height > MAX_SIDE) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "frame: %u x %u pixels; each side must be 1 to %d", frame->width, frame->height,
                MAX_SIDE);
    return FALSE;
  }
  if (layouts[frame->format].yuv && ((guint)frame->matrix > HYSAC_MATRIX_SMPTE240M ||
                                     (guint)frame->range > HYSAC_RANGE_FULL)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "frame: unknown matrix %d or range %d",
                (int)frame->matrix, (int)frame->range);
    return FALSE;
  }
  if ((guint) frame->alpha > HYSAC_ALPHA_PREMULTIPLIED ||
      (frame->alpha != HYSAC_ALPHA_NONE && hysac_format_alpha_byte(frame->format) < 0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "frame: format %d has no alpha %d", (int) frame->format,
                (int) frame->alpha);
    return FALSE;
  }
  for (guint i = 0; i < n_planes; i++) {
    if (!check_plane(frame, i, error))
      return FALSE;
  }
  return TRUE;
}
