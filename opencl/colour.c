/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/colour.h"

#include <math.h>

#include "opencl/frame_layout.h"

static gint32
fixed(double x, int bits)
{
  return (gint32)(x * (1 << bits) + 0.5); /* x >= 0 */
}

static void
init_site(gboolean cosited, gint32 *before, gint32 *at, gint32 *after)
{
  /* Cosited: sample i lies on luma 2i. Else midway between 2i and 2i + 1. */
  *before = cosited ? 0 : 1;
  at[0] = cosited ? 4 : 3;
  at[1] = cosited ? 2 : 3;
  *after = cosited ? 2 : 1;
}

static void
init_yuv(HysacColour *colour, const HysacFrame *frame)
{
  /* Kr and Kb: ITU-R BT.601-7, BT.709-6, BT.2020-2, 47 CFR 73.682 (FCC), SMPTE 240M. */
  static const double weights[][2] = {
    [HYSAC_MATRIX_BT601] = { 0.299, 0.114 },    [HYSAC_MATRIX_BT709] = { 0.2126, 0.0722 },
    [HYSAC_MATRIX_BT2020] = { 0.2627, 0.0593 }, [HYSAC_MATRIX_FCC] = { 0.30, 0.11 },
    [HYSAC_MATRIX_SMPTE240M] = { 0.212, 0.087 },
  };
  double kr = weights[frame->matrix][0], kb = weights[frame->matrix][1], kg = 1.0 - kr - kb;
  gboolean full = frame->range == HYSAC_RANGE_FULL;
  gboolean deep = frame->format == HYSAC_FORMAT_I420_10LE ||
                  frame->format == HYSAC_FORMAT_P010_10LE;
  gboolean grey = frame->format == HYSAC_FORMAT_GRAY8;
  const int bits = deep ? HYSAC_COLOUR_BITS_10 : HYSAC_COLOUR_BITS;
  /* What a step of luma and of chroma is in the output's. */
  double luma = 255.0 / (full ? (deep ? 1023.0 : 255.0) : (deep ? 876.0 : 219.0));
  double chroma = grey ? 0.0 : 255.0 / (full ? (deep ? 1023.0 : 255.0) : (deep ? 896.0 : 224.0));

  colour->bits = bits;
  colour->neutral = 16 * (deep ? 512 : 128);
  colour->y_offset = full ? 0 : deep ? 64 : 16;
  /* In 10 bits some greys lie midway between two of the output's: the factor is rounded up, so that
   * they are too. */
  colour->y = deep ? (gint32)ceil(luma * (1 << bits)) : fixed(luma, bits);
  /* Chroma comes times 16. */
  colour->r_v = fixed(2.0 * (1.0 - kr) * chroma, bits - 4);
  colour->b_u = fixed(2.0 * (1.0 - kb) * chroma, bits - 4);
  colour->g_u = fixed(2.0 * (1.0 - kb) * kb / kg * chroma, bits - 4);
  colour->g_v = fixed(2.0 * (1.0 - kr) * kr / kg * chroma, bits - 4);
  init_site(frame->site.h_cosited, &colour->h_before, colour->h_at, &colour->h_after);
  init_site(frame->site.v_cosited, &colour->v_before, colour->v_at, &colour->v_after);
}

void
hysac_colour_init(HysacColour *colour, const HysacFrame *frame)
{
  static const struct {
    guint8 red, green, blue, pixel;
  } rgb[HYSAC_N_FORMATS] = {
    [HYSAC_FORMAT_RGB] = { 0, 1, 2, 3 },  [HYSAC_FORMAT_BGR] = { 2, 1, 0, 3 },
    [HYSAC_FORMAT_RGBA] = { 0, 1, 2, 4 }, [HYSAC_FORMAT_BGRA] = { 2, 1, 0, 4 },
    [HYSAC_FORMAT_ARGB] = { 1, 2, 3, 4 }, [HYSAC_FORMAT_ABGR] = { 3, 2, 1, 4 },
  };

  *colour = (HysacColour){ 0 };
  if (hysac_format_layout(frame->format)->yuv) {
    init_yuv(colour, frame);
    return;
  }
  colour->red = rgb[frame->format].red;
  colour->green = rgb[frame->format].green;
  colour->blue = rgb[frame->format].blue;
  colour->pixel = rgb[frame->format].pixel;
}
