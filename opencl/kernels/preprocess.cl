/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Planes of a frame -> patches, bit for bit as preprocess_reference.c: integers only.
 *   1. rgb24, rgb32, i420, nv12: a band of rows to RGBx, 4 bytes a pixel, 16 pixels a step
 *   2. horizontal: the band's rows to the crop's columns; 4 taps of 4 channels a step, 4 rows at once
 *   3. vertical: the crop, into patch layout; 16 pixels a step
 * The band stays in a CPU's cache. A CPU runs one long work-item a row, a GPU many short ones.
 * Options: CROP, PATCH, GRID (CROP / PATCH); LOOSE where a vector may lie at any address. Needs a
 * little-endian device.
 *
 * A plane's byte (column, row) lies at at.x + row * at.y + column: at.x is minus the place of the
 * first byte that the buffer holds.
 */

#define LUMA_BITS 20
#define TAP_BITS 22
#define MIDDLE_PITCH (CROP + 16) /* pixels; vertical reads up to 15 past the crop and drops them */

/* PoCL makes one vload of bytes into eight loads and as many shuffles. */
#ifdef LOOSE
typedef uchar8 __attribute__((aligned(1))) loose8;
typedef uchar16 __attribute__((aligned(1))) loose16;
#define LOAD8(p) (*(__global const loose8 *)(p))
#define LOAD16(p) (*(__global const loose16 *)(p))
#else
#define LOAD8(p) vload8(0, (p))
#define LOAD16(p) vload16(0, (p))
#endif

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

/* Bounds as vectors: with scalar ones oclgrind 21.10 reads rubbish. */
static int16
clip16(int16 v)
{
  return clamp(v, (int16)(0), (int16)(255));
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
store_yuv(__global uint *rgbx, uchar16 y, short16 u16, short16 v16, int8 matrix)
{
  int16 luma = (convert_int16(y) - matrix.s0) * matrix.s1 + (1 << (LUMA_BITS - 1));
  int16 u = convert_int16(u16 - (short)2048), v = convert_int16(v16 - (short)2048);
  int16 r = (luma + matrix.s2 * v) >> LUMA_BITS;
  int16 g = (luma - matrix.s3 * u - matrix.s4 * v) >> LUMA_BITS;
  int16 b = (luma + matrix.s5 * u) >> LUMA_BITS;

  *(__global uint16 *)rgbx = as_uint16(clip16(r) | (clip16(g) << 8) | (clip16(b) << 16));
}

static uint
yuv_one(int y, int u, int v, int8 matrix)
{
  int luma = (y - matrix.s0) * matrix.s1 + (1 << (LUMA_BITS - 1));
  int r, g, b;

  u -= 2048;
  v -= 2048;
  r = clamp((luma + matrix.s2 * v) >> LUMA_BITS, 0, 255);
  g = clamp((luma - matrix.s3 * u - matrix.s4 * v) >> LUMA_BITS, 0, 255);
  b = clamp((luma + matrix.s5 * u) >> LUMA_BITS, 0, 255);
  return r | (g << 8) | (b << 16);
}

/* The two lines of chroma around a luma row, and their weights. */
typedef struct {
  __global const uchar *line[2];
  short weight[2];
} Lines;

static Lines
lines_of(__global const uchar *plane, long2 at, int row, int rows, int8 site)
{
  int i = row / 2, odd = row & 1;
  int j0 = odd ? i : max(i - 1, 0), j1 = odd ? min(i + 1, rows - 1) : i;
  Lines lines;

  lines.line[0] = plane + (at.x + j0 * at.y);
  lines.line[1] = plane + (at.x + j1 * at.y);
  lines.weight[0] = (short)(odd ? site.s6 : site.s4);
  lines.weight[1] = (short)(odd ? site.s7 : site.s5);
  return lines;
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
widen_one(Lines lines, int x, int columns, int step, int offset, int8 site)
{
  int i = x / 2;

  if (x & 1)
    return site.s2 * chroma_one(lines, i * step + offset) +
           site.s3 * chroma_one(lines, min(i + 1, columns - 1) * step + offset);
  return site.s0 * chroma_one(lines, max(i - 1, 0) * step + offset) +
         site.s1 * chroma_one(lines, i * step + offset);
}

/* chroma: columns and rows of the chroma planes. */
__kernel void
i420(__global const uchar *y_plane, long2 y_at, __global const uchar *u_plane, long2 u_at,
     __global const uchar *v_plane, long2 v_at, int2 chroma, int8 matrix, int8 site, int8 b,
     int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;
  __global const uchar *y;
  Lines u, v;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  y = y_plane + (y_at.x + (band.row0 + row) * y_at.y);
  u = lines_of(u_plane, u_at, band.row0 + row, chroma.y, site);
  v = lines_of(v_plane, v_at, band.row0 + row, chroma.y, site);
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    if (x + 16 <= band.end) {
      int i = x / 2, before = max(i - 1, 0), after = min(i + 8, chroma.x - 1);

      store_yuv(rgbx + x, LOAD16(y + x),
                widen(chroma_one(u, before), chroma_8(u, i), chroma_one(u, after), site),
                widen(chroma_one(v, before), chroma_8(v, i), chroma_one(v, after), site), matrix);
    } else {
      for (int i = x; i < band.end; i++)
        rgbx[i] = yuv_one(y[i], widen_one(u, i, chroma.x, 1, 0, site),
                          widen_one(v, i, chroma.x, 1, 0, site), matrix);
    }
  }
}

__kernel void
nv12(__global const uchar *y_plane, long2 y_at, __global const uchar *uv_plane, long2 uv_at,
     int2 chroma, int8 matrix, int8 site, int8 b, int blocks, __global uint *rgbx)
{
  Band band = band_of(b);
  int row = get_global_id(1), x0 = band.first + (int)get_global_id(0) * blocks * 16;
  __global const uchar *y;
  Lines uv;

  if (row >= band.rows)
    return;
  rgbx += (size_t)row * band.pitch - band.first;
  y = y_plane + (y_at.x + (band.row0 + row) * y_at.y);
  uv = lines_of(uv_plane, uv_at, band.row0 + row, chroma.y, site);
  for (int x = x0; x < min(x0 + blocks * 16, band.end); x += 16) {
    if (x + 16 <= band.end) {
      int i = x / 2, before = max(i - 1, 0) * 2, after = min(i + 8, chroma.x - 1) * 2;
      short16 c = chroma_16(uv, x);

      store_yuv(rgbx + x, LOAD16(y + x),
                widen(chroma_one(uv, before), c.even, chroma_one(uv, after), site),
                widen(chroma_one(uv, before + 1), c.odd, chroma_one(uv, after + 1), site), matrix);
    } else {
      for (int i = x; i < band.end; i++)
        rgbx[i] = yuv_one(y[i], widen_one(uv, i, chroma.x, 2, 0, site),
                          widen_one(uv, i, chroma.x, 2, 1, site), matrix);
    }
  }
}

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
