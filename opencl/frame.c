/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/frame.h"

#define MAX_SIDE 16384

guint
hysac_format_n_planes(HysacFormat format)
{
  switch (format) {
  case HYSAC_FORMAT_RGB:
  case HYSAC_FORMAT_BGR:
  case HYSAC_FORMAT_RGBA:
  case HYSAC_FORMAT_BGRA:
  case HYSAC_FORMAT_ARGB:
  case HYSAC_FORMAT_ABGR:
    return 1;
  case HYSAC_FORMAT_NV12:
    return 2;
  case HYSAC_FORMAT_I420:
    return 3;
  case HYSAC_N_FORMATS:
    break;
  }
  return 0;
}

/* An odd side has one chroma sample more than half of it. */
static guint
half(guint side)
{
  return side / 2 + (side & 1);
}

guint
hysac_format_plane_rows(HysacFormat format, guint plane, guint height)
{
  if (plane >= hysac_format_n_planes(format))
    return 0;
  return plane == 0 ? height : half(height);
}

gsize
hysac_format_plane_row_bytes(HysacFormat format, guint plane, guint width)
{
  if (plane >= hysac_format_n_planes(format))
    return 0;
  switch (format) {
  case HYSAC_FORMAT_RGB:
  case HYSAC_FORMAT_BGR:
    return (gsize)width * 3;
  case HYSAC_FORMAT_RGBA:
  case HYSAC_FORMAT_BGRA:
  case HYSAC_FORMAT_ARGB:
  case HYSAC_FORMAT_ABGR:
    return (gsize)width * 4;
  case HYSAC_FORMAT_I420:
    return plane == 0 ? width : half(width);
  case HYSAC_FORMAT_NV12:
    return plane == 0 ? width : (gsize)half(width) * 2;
  case HYSAC_N_FORMATS:
    break;
  }
  return 0;
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
  if (n_planes > 1 && ((guint)frame->matrix > HYSAC_MATRIX_SMPTE240M ||
                       (guint)frame->range > HYSAC_RANGE_FULL)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "frame: unknown matrix %d or range %d",
                (int)frame->matrix, (int)frame->range);
    return FALSE;
  }
  for (guint i = 0; i < n_planes; i++) {
    if (!check_plane(frame, i, error))
      return FALSE;
  }
  return TRUE;
}
