/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Bands of RGBx (colour.cl) -> patches, bit for bit as preprocess_reference.c: integers only.
 *   1. horizontal: the band's rows to the crop's columns; 4 taps of 4 channels a step, 4 rows at once
 *   2. vertical: the crop, into patch layout; 16 pixels a step
 * The band stays in a CPU's cache. A CPU runs one long work-item a row, a GPU many short ones.
 * Options: CROP, PATCH, GRID (CROP / PATCH). Needs a little-endian device.
 */

#define TAP_BITS 22
#define MIDDLE_PITCH (CROP + 16) /* pixels; vertical reads up to 15 past the crop and drops them */

#include "bytes.h"

static int16
pixels_4(__global const uint *rgbx)
{
  return convert_int16(LOAD16((__global const uchar *)rgbx));
}

static void
store_sum(__global uchar *out, int16 sum)
{
  int8 pair = sum.lo + sum.hi;
  int4 rgbx = (pair.lo + pair.hi + (1 << (TAP_BITS - 1))) >> TAP_BITS;

  *(__global uchar4 *)out = convert_uchar4(clamp(rgbx, (int4)(0), (int4)(255)));
}

/* taps: start and count of each output column; weights: stride each, zero past count. first: the
 * band's first column. middle_row: where its first row goes. The band has 3 pixels to spare at its end: up to
 * 3 pixels past the taps are read and weighted by zero. */
__kernel void
horizontal(__global const uint *rgbx, int first, int rows, int pitch, __global const int2 *taps,
           __global const int4 *weights, int stride, int columns, int middle_row,
           __global uchar *middle)
{
  int x0 = (int)get_global_id(0) * columns, row = (int)get_global_id(1) * 4;
  int n = min(4, rows - row);
  __global const uint *r0, *r1, *r2, *r3;

  if (n <= 0)
    return;
  r0 = rgbx + (size_t)row * pitch;
  r1 = n > 1 ? r0 + pitch : r0;
  r2 = n > 2 ? r1 + pitch : r1;
  r3 = n > 3 ? r2 + pitch : r2;
  middle += (size_t)(middle_row + row) * MIDDLE_PITCH * 4;
  for (int x = x0; x < min(x0 + columns, CROP); x++) {
    __global const int4 *w = weights + (size_t)x * stride / 4;
    int2 tap = taps[x];
    int16 s0 = 0, s1 = 0, s2 = 0, s3 = 0;

    for (int k = 0, i = tap.x - first; k < tap.y; k += 4, i += 4) {
      int16 weight = w[k / 4].s0000111122223333;

      s0 += weight * pixels_4(r0 + i);
      s1 += weight * pixels_4(r1 + i);
      s2 += weight * pixels_4(r2 + i);
      s3 += weight * pixels_4(r3 + i);
    }
    store_sum(middle + x * 4, s0);
    if (n > 1)
      store_sum(middle + (MIDDLE_PITCH + x) * 4, s1);
    if (n > 2)
      store_sum(middle + (2 * MIDDLE_PITCH + x) * 4, s2);
    if (n > 3)
      store_sum(middle + (3 * MIDDLE_PITCH + x) * 4, s3);
  }
}

static uchar16
finish(int16 sum)
{
  return convert_uchar16(clip16(sum >> TAP_BITS));
}

static void
store_part(__global uchar *out, uchar16 v, int n)
{
  uchar part[16];

  if (n >= 16) {
    vstore16(v, 0, out);
    return;
  }
  vstore16(v, 0, part);
  for (int i = 0; i < n; i++)
    out[i] = part[i];
}

/* first: the picture's row that middle begins with. */
__kernel void
vertical(__global const uchar *middle, int first, __global const int2 *taps,
         __global const int *weights, int stride, int columns, __global uchar *patches, ulong offset)
{
  int y = get_global_id(1), g0 = (int)get_global_id(0) * columns;
  int2 tap;

  if (y >= GRID * PATCH)
    return;
  tap = taps[y];
  weights += (size_t)y * stride;
  middle += (size_t)(tap.x - first) * MIDDLE_PITCH * 4;
  patches += offset + (size_t)(y / PATCH) * GRID * 3 * PATCH * PATCH + y % PATCH * PATCH;
  for (int g = g0; g < min(g0 + columns, GRID); g++) {
    for (int x = 0; x < PATCH; x += 16) {
      __global const uchar *p = middle + (g * PATCH + x) * 4;
      __global uchar *out = patches + (size_t)g * 3 * PATCH * PATCH + x;
      int16 s0 = 1 << (TAP_BITS - 1), s1 = s0, s2 = s0, s3 = s0;
      uchar16 v0, v1, v2, v3;

      for (int k = 0; k < tap.y; k++, p += MIDDLE_PITCH * 4) {
        int w = weights[k];

        s0 += w * convert_int16(LOAD16(p));
        s1 += w * convert_int16(LOAD16(p + 16));
        s2 += w * convert_int16(LOAD16(p + 32));
        s3 += w * convert_int16(LOAD16(p + 48));
      }
      v0 = finish(s0);
      v1 = finish(s1);
      v2 = finish(s2);
      v3 = finish(s3);
      store_part(out, (uchar16)(v0.s048c, v1.s048c, v2.s048c, v3.s048c), PATCH - x);
      store_part(out + PATCH * PATCH, (uchar16)(v0.s159d, v1.s159d, v2.s159d, v3.s159d), PATCH - x);
      store_part(out + 2 * PATCH * PATCH, (uchar16)(v0.s26ae, v1.s26ae, v2.s26ae, v3.s26ae),
                 PATCH - x);
    }
  }
}
