/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * A picture in memory, as the engine takes it: planes, strides and colorimetry, no GStreamer types.
 * How each format becomes RGB is defined in docs/colour.md.
 */

G_BEGIN_DECLS

typedef enum {
  HYSAC_FORMAT_RGB,
  HYSAC_FORMAT_BGR,
  HYSAC_FORMAT_RGBA, /* x and A alike */
  HYSAC_FORMAT_BGRA,
  HYSAC_FORMAT_ARGB,
  HYSAC_FORMAT_ABGR,
  HYSAC_FORMAT_I420, /* planes Y, U, V */
  HYSAC_FORMAT_NV12, /* planes Y, UV */
  HYSAC_FORMAT_NV21, /* planes Y, VU */
  HYSAC_FORMAT_Y42B, /* planes Y, U, V; 4:2:2 */
  HYSAC_FORMAT_Y444, /* planes Y, U, V; 4:4:4 */
  HYSAC_FORMAT_YUY2, /* bytes Y U Y V: 4:2:2; an odd width ends with a whole four */
  HYSAC_FORMAT_UYVY,
  HYSAC_FORMAT_GRAY8,
  HYSAC_FORMAT_I420_10LE, /* the low 10 bits of 16 are read */
  HYSAC_FORMAT_P010_10LE, /* as NV12; the high 10 bits of 16 are read */
  HYSAC_N_FORMATS,
} HysacFormat;

typedef enum {
  HYSAC_MATRIX_BT601,
  HYSAC_MATRIX_BT709,
  HYSAC_MATRIX_BT2020,
  HYSAC_MATRIX_FCC,
  HYSAC_MATRIX_SMPTE240M,
} HysacMatrix;

typedef enum {
  HYSAC_RANGE_LIMITED, /* 16..235, 16..240; 10 bits: four times that */
  HYSAC_RANGE_FULL,    /* 0..255; 10 bits: 0..1023 */
} HysacRange;

/* Where a 4:2:0 chroma sample lies: horizontally with the left luma column or between two,
 * vertically with the upper line or between two. 4:2:2 has no vertical, 4:4:4 neither. */
typedef struct {
  gboolean h_cosited;
  gboolean v_cosited;
} HysacChromaSite;

/* What the fourth byte of RGBA, BGRA, ARGB and ABGR means. */
typedef enum {
  HYSAC_ALPHA_NONE,
  HYSAC_ALPHA_STRAIGHT,      /* how opaque the pixel is */
  HYSAC_ALPHA_PREMULTIPLIED, /* the same, and the colours are multiplied by it */
} HysacAlpha;

typedef struct {
  HysacFormat format;
  HysacAlpha alpha;    /* encoded is the picture without it; see hysac_engine_submit_shown() */
  guint width, height; /* pixels, 1..16384 each */
  gboolean field;      /* every second line of a picture: it is shown at twice its height */
  const guint8 *planes[3];
  gsize strides[3]; /* bytes; at least the row's bytes */
  gsize sizes[3];   /* bytes readable from planes[i]: at least stride * (rows - 1) + row bytes */
  HysacMatrix matrix;
  HysacRange range;
  HysacChromaSite site;
} HysacFrame;

/* Number of planes, and a plane's rows and bytes a row for a picture of @width x @height. */
HYSAC_API guint hysac_format_n_planes(HysacFormat format);
HYSAC_API guint hysac_format_plane_rows(HysacFormat format, guint plane, guint height);
HYSAC_API gsize hysac_format_plane_row_bytes(HysacFormat format, guint plane, guint width);

/* FALSE and ARGUMENT where a size, stride or pointer is impossible: nothing is read past sizes[]. */
HYSAC_API gboolean hysac_frame_check(const HysacFrame *frame, GError **error);

G_END_DECLS
