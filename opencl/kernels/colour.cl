/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A band of rows of a frame to RGBx, 4 bytes a pixel, 16 pixels a step; bit for bit as
 * preprocess_reference.c: integers only. A CPU runs one long work-item a row, a GPU many short ones.
 * Needs a little-endian device.
 *
 * A plane's byte (column, row) lies at at.x + row * at.y + column: at.x is minus the place of the
 * first byte that the buffer holds.
 */

#define LUMA_BITS 20
#define NEUTRAL 2048 /* 16 * chroma */
#define LUMA_BITS_10 21
#define NEUTRAL_10 8192

#include "bytes.h"
#include "chroma.h"

/* Rows and columns of the picture that are converted now: whole steps of 16 columns, but where the
 * picture ends before. */
typedef struct {
  int first, end; /* columns; the band begins with the first */
  int row0, rows; /* rows of the picture */
  int pitch;      /* of the RGBx band, pixels; a multiple of 16 */
} Band;

static Band
band_of(int8 b)
{
  Band band = { b.s0, b.s1, b.s2, b.s3, b.s4 };
  return band;
}

/* RGB family: order is the byte of red, green and blue in a pixel. */
static uint16
reorder(uint16 pixels, int4 order)
{
  uint16 r = (pixels >> (uint16)(order.x * 8)) & 0xff;
  uint16 g = (pixels >> (uint16)(order.y * 8)) & 0xff;
  uint16 b = (pixels >> (uint16)(order.z * 8)) & 0xff;

  return r | (g << 8) | (b << 16);
}

static uint
reorder_one(__global const uchar *pixel, int4 order)
{
  return pixel[order.x] | ((uint)pixel[order.y] << 8) | ((uint)pixel[order.z] << 16);
}

static uint4
spread(uchar16 a) /* the first 12 bytes as 4 pixels of 4 */
{
  return as_uint4((uchar16)(a.s012, 0, a.s345, 0, a.s678, 0, a.s9ab, 0));
}

__kernel void
rgb24(__global const uchar *plane, long2 at, int4 order, int8 b, int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    __global const uchar *p = plane + (at.x + (band.row0 + row) * at.y + (long)x * 3);

    if (x + 16 <= band.end) {
      uchar16 u = LOAD16(p), v = LOAD16(p + 16), w = LOAD16(p + 32);
      uint16 pixels = (uint16)(spread(u), spread((uchar16)(u.scdef, v.lo, v.s0123)),
                               spread((uchar16)(v.hi, w.s0123, w.s0123)),
                               spread((uchar16)(w.s4567, w.hi, w.s0123)));

      *(__global uint16 *)(rgbx + x) = reorder(pixels, order);
    } else {
      for (int i = x; i < band.end; i++, p += 3)
        rgbx[i] = reorder_one(p, order);
    }
  }
}

__kernel void
rgb32(__global const uchar *plane, long2 at, int4 order, int8 b, int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    __global const uchar *p = plane + (at.x + (band.row0 + row) * at.y + (long)x * 4);

    if (x + 16 <= band.end) {
      uint16 pixels = (uint16)(as_uint4(LOAD16(p)), as_uint4(LOAD16(p + 16)),
                               as_uint4(LOAD16(p + 32)), as_uint4(LOAD16(p + 48)));

      *(__global uint16 *)(rgbx + x) = reorder(pixels, order);
    } else {
      for (int i = x; i < band.end; i++, p += 4)
        rgbx[i] = reorder_one(p, order);
    }
  }
}

/* matrix: y_offset, y, r_v, g_u, g_v, b_u; u and v: 16 * chroma. */
static void
store_yuv(__global uint *rgbx, short16 y, short16 u16, short16 v16, int8 matrix, short neutral,
          int bits)
{
  int16 luma = (convert_int16(y) - matrix.s0) * matrix.s1 + (1 << (bits - 1));
  int16 u = convert_int16(u16 - neutral), v = convert_int16(v16 - neutral);
  int16 r = (luma + matrix.s2 * v) >> bits;
  int16 g = (luma - matrix.s3 * u - matrix.s4 * v) >> bits;
  int16 b = (luma + matrix.s5 * u) >> bits;

  *(__global uint16 *)rgbx = as_uint16(clip16(r) | (clip16(g) << 8) | (clip16(b) << 16));
}

static uint
yuv_one(int y, int u, int v, int8 matrix, int neutral, int bits)
{
  int luma = (y - matrix.s0) * matrix.s1 + (1 << (bits - 1));
  int r, g, b;

  u -= neutral;
  v -= neutral;
  r = clamp((luma + matrix.s2 * v) >> bits, 0, 255);
  g = clamp((luma - matrix.s3 * u - matrix.s4 * v) >> bits, 0, 255);
  b = clamp((luma + matrix.s5 * u) >> bits, 0, 255);
  return r | (g << 8) | (b << 16);
}

static short
chroma_one(Lines lines, int i)
{
  return lines.weight[0] * lines.line[0][i] + lines.weight[1] * lines.line[1][i];
}

static short8
chroma_8(Lines lines, int i)
{
  return lines.weight[0] * convert_short8(LOAD8(lines.line[0] + i)) +
         lines.weight[1] * convert_short8(LOAD8(lines.line[1] + i));
}

static short16
chroma_16(Lines lines, int i)
{
  return lines.weight[0] * convert_short16(LOAD16(lines.line[0] + i)) +
         lines.weight[1] * convert_short16(LOAD16(lines.line[1] + i));
}

/* Chroma at 16 luma columns from 8 samples and their neighbours; site: h before, at, at, after. */
static short16
widen(short before, short8 c, short after, int8 site)
{
  short8 left = (short8)(before, c.s0123, c.s456), right = (short8)(c.s1234, c.s567, after);
  short16 out;

  out.even = (short)site.s0 * left + (short)site.s1 * c;
  out.odd = (short)site.s2 * c + (short)site.s3 * right;
  return out;
}

/* The same at one luma column; samples lie step bytes apart. */
static int
widen_one(Lines lines, int x, Chroma chroma, int step, int offset, int8 site)
{
  int i = x / 2;

  if (!chroma.h)
    return 4 * chroma_one(lines, x * step + offset);
  if (x & 1)
    return site.s2 * chroma_one(lines, i * step + offset) +
           site.s3 * chroma_one(lines, min(i + 1, chroma.columns - 1) * step + offset);
  return site.s0 * chroma_one(lines, max(i - 1, 0) * step + offset) +
         site.s1 * chroma_one(lines, i * step + offset);
}

/* I420, Y42B, Y444. GRAY8 too: its luma stands for chroma, whose factors are zero. */
__kernel void
planar(__global const uchar *y_plane, long2 y_at, __global const uchar *u_plane, long2 u_at,
       __global const uchar *v_plane, long2 v_at, int4 planes, int8 matrix, int8 site, int8 b,
       int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  Chroma chroma = chroma_of(planes);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;
  __global const uchar *y;
  Lines u, v;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  y = y_plane + (y_at.x + (band.row0 + row) * y_at.y);
  u = lines_of(u_plane, u_at, band.row0 + row, chroma, site);
  v = lines_of(v_plane, v_at, band.row0 + row, chroma, site);
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    if (x + 16 > band.end) {
      for (int i = x; i < band.end; i++)
        rgbx[i] = yuv_one(y[i], widen_one(u, i, chroma, 1, 0, site),
                          widen_one(v, i, chroma, 1, 0, site), matrix, NEUTRAL, LUMA_BITS);
    } else if (chroma.h) {
      int i = x / 2, before = max(i - 1, 0), after = min(i + 8, chroma.columns - 1);

      store_yuv(rgbx + x, convert_short16(LOAD16(y + x)),
                widen(chroma_one(u, before), chroma_8(u, i), chroma_one(u, after), site),
                widen(chroma_one(v, before), chroma_8(v, i), chroma_one(v, after), site), matrix,
                NEUTRAL, LUMA_BITS);
    } else {
      store_yuv(rgbx + x, convert_short16(LOAD16(y + x)), (short)4 * chroma_16(u, x),
                (short)4 * chroma_16(v, x), matrix, NEUTRAL, LUMA_BITS);
    }
  }
}

/* NV12, NV21; v: where V lies in a pair of chroma. */
__kernel void
semiplanar(__global const uchar *y_plane, long2 y_at, __global const uchar *uv_plane, long2 uv_at,
           int v, int4 planes, int8 matrix, int8 site, int8 b, int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  Chroma chroma = chroma_of(planes);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;
  __global const uchar *y;
  Lines uv;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  y = y_plane + (y_at.x + (band.row0 + row) * y_at.y);
  uv = lines_of(uv_plane, uv_at, band.row0 + row, chroma, site);
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    if (x + 16 <= band.end) {
      int i = x / 2, before = max(i - 1, 0) * 2, after = min(i + 8, chroma.columns - 1) * 2;
      short16 c = chroma_16(uv, x);
      short16 first = widen(chroma_one(uv, before), c.even, chroma_one(uv, after), site);
      short16 second = widen(chroma_one(uv, before + 1), c.odd, chroma_one(uv, after + 1), site);

      store_yuv(rgbx + x, convert_short16(LOAD16(y + x)), v ? first : second, v ? second : first,
                matrix, NEUTRAL, LUMA_BITS);
    } else {
      for (int i = x; i < band.end; i++)
        rgbx[i] = yuv_one(y[i], widen_one(uv, i, chroma, 2, 1 - v, site),
                          widen_one(uv, i, chroma, 2, v, site), matrix, NEUTRAL, LUMA_BITS);
    }
  }
}

/* YUY2, UYVY; y: where the first Y lies in the four bytes of two pixels. */
__kernel void
packed(__global const uchar *plane, long2 at, int y, int4 planes, int8 matrix, int8 site, int8 b,
       int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  Chroma chroma = chroma_of(planes);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;
  Lines c;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  c = lines_of(plane, at, band.row0 + row, chroma, site);
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    __global const uchar *p = c.line[0] + x * 2;

    if (x + 16 <= band.end) {
      int i = x / 2, u = 1 - y, before = max(i - 1, 0) * 4 + u;
      int after = min(i + 8, chroma.columns - 1) * 4 + u;
      uchar16 left = LOAD16(p), right = LOAD16(p + 16);
      uchar16 even = (uchar16)(left.even, right.even), odd = (uchar16)(left.odd, right.odd);
      short16 uv = (short)4 * convert_short16(y ? even : odd);

      store_yuv(rgbx + x, convert_short16(y ? odd : even),
                widen(chroma_one(c, before), uv.even, chroma_one(c, after), site),
                widen(chroma_one(c, before + 2), uv.odd, chroma_one(c, after + 2), site), matrix,
                NEUTRAL, LUMA_BITS);
    } else {
      for (int i = x; i < band.end; i++, p += 2)
        rgbx[i] = yuv_one(p[y], widen_one(c, i, chroma, 4, 1 - y, site),
                          widen_one(c, i, chroma, 4, 3 - y, site), matrix, NEUTRAL, LUMA_BITS);
    }
  }
}

/* Samples of 10 bits in two bytes: the low ones, or (shift 6) the high ones. Any address will do. */
static short16
load_10(__global const uchar *line, int i, int shift)
{
  ushort16 v = (ushort16)(as_ushort8(LOAD16(line + 2 * i)), as_ushort8(LOAD16(line + 2 * i + 16)));

  return as_short16((v >> (ushort16)(shift)) & (ushort)0x3ff);
}

static short
one_10(__global const uchar *line, int i, int shift)
{
  return (short)(((line[2 * i] | line[2 * i + 1] << 8) >> shift) & 0x3ff);
}

static short
chroma_one_10(Lines lines, int i, int shift)
{
  return lines.weight[0] * one_10(lines.line[0], i, shift) +
         lines.weight[1] * one_10(lines.line[1], i, shift);
}

static short8
chroma_8_10(Lines lines, int i)
{
  ushort8 a = as_ushort8(LOAD16(lines.line[0] + 2 * i)) & (ushort)0x3ff;
  ushort8 b = as_ushort8(LOAD16(lines.line[1] + 2 * i)) & (ushort)0x3ff;

  return lines.weight[0] * as_short8(a) + lines.weight[1] * as_short8(b);
}

static int
widen_one_10(Lines lines, int x, Chroma chroma, int step, int offset, int shift, int8 site)
{
  int i = x / 2;

  if (x & 1)
    return site.s2 * chroma_one_10(lines, i * step + offset, shift) +
           site.s3 * chroma_one_10(lines, min(i + 1, chroma.columns - 1) * step + offset, shift);
  return site.s0 * chroma_one_10(lines, max(i - 1, 0) * step + offset, shift) +
         site.s1 * chroma_one_10(lines, i * step + offset, shift);
}

/* I420_10LE. */
__kernel void
planar_10(__global const uchar *y_plane, long2 y_at, __global const uchar *u_plane, long2 u_at,
          __global const uchar *v_plane, long2 v_at, int4 planes, int8 matrix, int8 site, int8 b,
          int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  Chroma chroma = chroma_of(planes);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;
  __global const uchar *y;
  Lines u, v;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  y = y_plane + (y_at.x + (band.row0 + row) * y_at.y);
  u = lines_of(u_plane, u_at, band.row0 + row, chroma, site);
  v = lines_of(v_plane, v_at, band.row0 + row, chroma, site);
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    if (x + 16 <= band.end) {
      int i = x / 2, before = max(i - 1, 0), after = min(i + 8, chroma.columns - 1);

      store_yuv(rgbx + x, load_10(y, x, 0),
                widen(chroma_one_10(u, before, 0), chroma_8_10(u, i), chroma_one_10(u, after, 0),
                      site),
                widen(chroma_one_10(v, before, 0), chroma_8_10(v, i), chroma_one_10(v, after, 0),
                      site), matrix, NEUTRAL_10, LUMA_BITS_10);
    } else {
      for (int i = x; i < band.end; i++)
        rgbx[i] = yuv_one(one_10(y, i, 0), widen_one_10(u, i, chroma, 1, 0, 0, site),
                          widen_one_10(v, i, chroma, 1, 0, 0, site), matrix, NEUTRAL_10,
                          LUMA_BITS_10);
    }
  }
}

/* P010_10LE. */
__kernel void
semiplanar_10(__global const uchar *y_plane, long2 y_at, __global const uchar *uv_plane,
              long2 uv_at, int4 planes, int8 matrix, int8 site, int8 b, int blocks,
              __global uint *rgbx)
{
  Band band = band_of(b);
  Chroma chroma = chroma_of(planes);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;
  __global const uchar *y;
  Lines uv;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  y = y_plane + (y_at.x + (band.row0 + row) * y_at.y);
  uv = lines_of(uv_plane, uv_at, band.row0 + row, chroma, site);
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    if (x + 16 <= band.end) {
      int i = x / 2, before = max(i - 1, 0) * 2, after = min(i + 8, chroma.columns - 1) * 2;
      short16 c = uv.weight[0] * load_10(uv.line[0], x, 6) +
                  uv.weight[1] * load_10(uv.line[1], x, 6);

      store_yuv(rgbx + x, load_10(y, x, 6),
                widen(chroma_one_10(uv, before, 6), c.even, chroma_one_10(uv, after, 6), site),
                widen(chroma_one_10(uv, before + 1, 6), c.odd, chroma_one_10(uv, after + 1, 6),
                      site), matrix, NEUTRAL_10, LUMA_BITS_10);
    } else {
      for (int i = x; i < band.end; i++)
        rgbx[i] = yuv_one(one_10(y, i, 6), widen_one_10(uv, i, chroma, 2, 0, 6, site),
                          widen_one_10(uv, i, chroma, 2, 1, 6, site), matrix, NEUTRAL_10,
                          LUMA_BITS_10);
    }
  }
}
