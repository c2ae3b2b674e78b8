/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Planes of a frame -> patches on a CPU with wide vectors, bit for bit as preprocess_reference.c.
 * One work-item a work-group. -DVEC=16: AVX-512 (F and BW), -DVEC=8: AVX2.
 *
 * strips_*: VEC rows of the picture. Blocks of 4 * VEC columns become planar R, G, B and are turned, so
 * that a vector holds 4 columns of one channel in each of VEC rows: then a filter's tap is a scalar,
 * sums need no folding, and VEC rows of an output column come out together. The strip never leaves the
 * first-level cache.
 * vertical: the same filter over the result, whose vectors hold 4 rows in each of VEC columns.
 *
 * A weight of 23 bits is high * 2^11 + low, both of 16 bits, so that vpmaddwd multiplies and adds two
 * taps at once (vpmulld is twice as slow and does one). The sums of both halves may wrap: what they
 * add up to does not. The colour matrix does the same with factors high * 2^SHIFT + low over pairs
 * (v, v << SHIFT).
 * Rejected: turning the planes instead of R, G, B (chroma is upsampled across rows and columns);
 * keeping RGBx and folding four lanes a pixel (four times the work after the multiplications).
 */
#include "chroma.h"
#include "outline.h"

#define ITEM (int2)(get_global_id(0), get_global_id(1))
#define STEP (2 * VEC)  /* columns whose words fill a vector */
#define BLOCK (4 * VEC) /* columns whose bytes fill a vector */
#define TAP_BITS 22
#define LOW_BITS 11
#define GROUPS (2560 / VEC) /* of 4 columns, in a strip: 30 KiB */

typedef int vint __attribute__((ext_vector_type(VEC)));
typedef uint vuint __attribute__((ext_vector_type(VEC)));
typedef short vshort __attribute__((ext_vector_type(STEP)));
typedef ushort vushort __attribute__((ext_vector_type(STEP)));
typedef uchar bytes_1 __attribute__((ext_vector_type(VEC), aligned(1)));
typedef uchar bytes_2 __attribute__((ext_vector_type(STEP), aligned(1)));
typedef ushort words_1 __attribute__((ext_vector_type(VEC), aligned(1)));
typedef ushort words_2 __attribute__((ext_vector_type(STEP), aligned(1)));
typedef int ints_1 __attribute__((ext_vector_type(VEC), aligned(1)));
#define AS_INT(x) __builtin_astype((x), vint)
#define AS_SHORT(x) __builtin_astype((x), vshort)
#define LOAD(type, p) (*(__global const type *)(p))

/* What the compiler does not make of plain C. */
#if VEC == 16
#define REGISTER "v"
#else
#define REGISTER "x"
#endif
#define INSTRUCTION(name, code) \
  static vint name(vint a, vint b) \
  { \
    vint r; \
    __asm__(code " %2,%1,%0" : "=" REGISTER(r) : REGISTER(a), REGISTER(b)); \
    return r; \
  }
INSTRUCTION(madd, "vpmaddwd") /* pairs of words: a.lo * b.lo + a.hi * b.hi */
/* In each lane of 128 bits: a's, then b's, saturated. */
INSTRUCTION(pack_words, "vpackssdw")
INSTRUCTION(pack_bytes, "vpackuswb")
/* In each lane: the lower or upper halves of a and b, interleaved. */
INSTRUCTION(mix_low_16, "vpunpcklwd")
INSTRUCTION(mix_high_16, "vpunpckhwd")
INSTRUCTION(mix_low_32, "vpunpckldq")
INSTRUCTION(mix_high_32, "vpunpckhdq")
INSTRUCTION(mix_low_64, "vpunpcklqdq")
INSTRUCTION(mix_high_64, "vpunpckhqdq")
INSTRUCTION(pick_bytes, "vpshufb")
#if VEC == 16
INSTRUCTION(lanes_01, "vshufi32x4 $0x44,")
INSTRUCTION(lanes_23, "vshufi32x4 $0xee,")
INSTRUCTION(lanes_02, "vshufi32x4 $0x88,")
INSTRUCTION(lanes_13, "vshufi32x4 $0xdd,")
#define SHIFTED_1(a, b) \
  __builtin_shufflevector(a, b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
#define SHIFTED_2(a, b) \
  __builtin_shufflevector(a, b, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
#define JOINED(a, b) /* b lies two after a's end */ \
  __builtin_shufflevector(a, b, 1, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
#define LANES_IN_TURN(a) \
  __builtin_shufflevector(a, a, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
#else
INSTRUCTION(lanes_0, "vperm2i128 $0x20,")
INSTRUCTION(lanes_1, "vperm2i128 $0x31,")
#define SHIFTED_1(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4, 5, 6, 7, 8)
#define SHIFTED_2(a, b) __builtin_shufflevector(a, b, 2, 3, 4, 5, 6, 7, 8, 9)
#define JOINED(a, b) __builtin_shufflevector(a, b, 1, 8, 9, 10, 11, 12, 13, 14)
#define LANES_IN_TURN(a) __builtin_shufflevector(a, a, 0, 4, 1, 5, 2, 6, 3, 7)
#endif

/* What a strip is made of and becomes. */
typedef struct {
  int width;      /* of the picture */
  int row0, end;  /* its first row; rows from @end on repeat the one before */
  int column0, column1; /* of the output: whole fours */
  int base;       /* the first group of 4 columns of the picture */
} Strip;

/* @id: of the work-item. */
static Strip
strip_of(int8 s, int2 id, __global const int2 *taps)
{
  Strip strip = { s.s0, s.s1 + id.y * VEC, s.s2, id.x * s.s3 };

  strip.column1 = min(strip.column0 + s.s3, (s.s4 + 3) & ~3);
  strip.base = taps[strip.column0].x;
  return strip;
}

/* ---- planar rows to columns ---- */

/* Rows of VEC dwords; dword d of all of them to out[place of d]. 4 * @l + @m in a vector of packed
 * steps is the dword m / 2 * VEC / 2 + 2 * l + m % 2 of the block. */
#define PLACE(l, m) ((m) / 2 * (VEC / 2) + 2 * (l) + (m) % 2)

static void
turn(const vint *rows, vint *out)
{
  vint q[4][VEC / 4]; /* in lane l: dword 4 * l + m of 4 rows */

  for (int i = 0; i < VEC / 4; i++) {
    vint a = mix_low_32(rows[4 * i], rows[4 * i + 1]);
    vint b = mix_low_32(rows[4 * i + 2], rows[4 * i + 3]);
    vint c = mix_high_32(rows[4 * i], rows[4 * i + 1]);
    vint d = mix_high_32(rows[4 * i + 2], rows[4 * i + 3]);

    q[0][i] = mix_low_64(a, b);
    q[1][i] = mix_high_64(a, b);
    q[2][i] = mix_low_64(c, d);
    q[3][i] = mix_high_64(c, d);
  }
  for (int m = 0; m < 4; m++) {
#if VEC == 16
    vint a = lanes_01(q[m][0], q[m][1]), b = lanes_01(q[m][2], q[m][3]);
    vint c = lanes_23(q[m][0], q[m][1]), d = lanes_23(q[m][2], q[m][3]);

    out[PLACE(0, m)] = lanes_02(a, b);
    out[PLACE(1, m)] = lanes_13(a, b);
    out[PLACE(2, m)] = lanes_02(c, d);
    out[PLACE(3, m)] = lanes_13(c, d);
#else
    out[PLACE(0, m)] = lanes_0(q[m][0], q[m][1]);
    out[PLACE(1, m)] = lanes_1(q[m][0], q[m][1]);
#endif
  }
}

/* ---- colours ---- */

enum { PLANAR, SEMIPLANAR, PACKED, PLANAR_10, SEMIPLANAR_10 };

/* Bytes of a luma sample and of a chroma sample in its line. */
static int
luma_bytes(int kind)
{
  return kind == PLANAR || kind == SEMIPLANAR ? 1 : 2;
}

static int
chroma_bytes(int kind)
{
  return kind == PLANAR ? 1 : kind == PACKED || kind == SEMIPLANAR_10 ? 4 : 2;
}

/* STEP samples in words; @shift: of the luma in two packed bytes. */
static vshort
luma(int kind, __global const uchar *p, int shift)
{
  switch (kind) {
  case PACKED:
    return AS_SHORT((LOAD(words_2, p) >> (vushort)(shift)) & (vushort)(0xff));
  case PLANAR_10:
    return AS_SHORT(LOAD(words_2, p) & (vushort)(0x3ff));
  case SEMIPLANAR_10:
    return AS_SHORT(LOAD(words_2, p) >> (vushort)(6));
  default:
    return __builtin_convertvector(LOAD(bytes_2, p), vshort);
  }
}

/* VEC samples of both chroma components, one pair of words each. @b: of planes. */
static vshort
pairs(int kind, __global const uchar *a, __global const uchar *b, int shift)
{
  switch (kind) {
  case PLANAR:
    return AS_SHORT(__builtin_convertvector(LOAD(bytes_1, a), vint) |
                    (__builtin_convertvector(LOAD(bytes_1, b), vint) << 16));
  case SEMIPLANAR:
    return __builtin_convertvector(LOAD(bytes_2, a), vshort);
  case PACKED:
    return AS_SHORT((LOAD(ints_1, a) >> (vint)(8 - shift)) & (vint)(0x00ff00ff));
  case PLANAR_10:
    return AS_SHORT((__builtin_convertvector(LOAD(words_1, a), vint) |
                     (__builtin_convertvector(LOAD(words_1, b), vint) << 16)) & (vint)(0x03ff03ff));
  default:
    return AS_SHORT((LOAD(ints_1, a) >> (vint)(6)) & (vint)(0x03ff03ff));
  }
}

/* A factor for the pair (v, v << shift). */
static vint
factor(int f, int shift)
{
  return (vint)((f & ((1 << shift) - 1)) | (int)((uint)(f >> shift) << 16));
}

/* The matrix; the chroma component that comes first gives one channel, the second another, both green. */
typedef struct {
  short y_offset, neutral;
  int bits, y_shift, c_shift;
  vint y, first, second, green_first, green_second;
} Matrix;

static Matrix
matrix_of(int kind, int8 m)
{
  int deep = kind == PLANAR_10 || kind == SEMIPLANAR_10;
  Matrix x;

  x.y_offset = (short)m.s0;
  x.neutral = deep ? 8192 : 2048;
  x.bits = deep ? 21 : 20;
  x.y_shift = deep ? 5 : 7; /* words up to 1023 << 5, 255 << 7 */
  x.c_shift = deep ? 2 : 3; /* from -8192 << 2, -2048 << 3 */
  x.y = factor(m.s1, x.y_shift);
  x.first = factor(m.s2, x.c_shift);
  x.second = factor(m.s3, x.c_shift);
  x.green_first = factor(-m.s4, x.c_shift);
  x.green_second = factor(-m.s5, x.c_shift);
  return x;
}

/* STEP pixels: words of luma and of 16 * chroma less neutral -> words of both channels and green. */
static void
convert(const Matrix *m, vshort y, vshort first, vshort second, vint *out)
{
  vint luma_0, luma_1, y0, y1, f0, f1, s0, s1;
  vint round = (vint)(1 << (m->bits - 1)), bits = (vint)(m->bits);

  y -= m->y_offset;
  y0 = AS_INT(y), y1 = AS_INT(y << (vshort)(m->y_shift));
  f0 = AS_INT(first), f1 = AS_INT(first << (vshort)(m->c_shift));
  s0 = AS_INT(second), s1 = AS_INT(second << (vshort)(m->c_shift));
  luma_0 = madd(mix_low_16(y0, y1), m->y) + round;
  luma_1 = madd(mix_high_16(y0, y1), m->y) + round;
  y0 = mix_low_16(f0, f1), y1 = mix_high_16(f0, f1);
  f0 = mix_low_16(s0, s1), f1 = mix_high_16(s0, s1);
  out[0] = pack_words((luma_0 + madd(y0, m->first)) >> bits, (luma_1 + madd(y1, m->first)) >> bits);
  out[1] = pack_words((luma_0 + madd(f0, m->second)) >> bits,
                      (luma_1 + madd(f1, m->second)) >> bits);
  out[2] = pack_words(
      (luma_0 + madd(y0, m->green_first) + madd(f0, m->green_second)) >> bits,
      (luma_1 + madd(y1, m->green_first) + madd(f1, m->green_second)) >> bits);
}

/* What a row of a block is read from: luma at its first column; of chroma both lines, from one sample
 * before (where it is upsampled across columns). */
typedef struct {
  __global const uchar *y, *a[2], *b[2];
} Source;

static __global const uchar *
copied(uchar *to, __global const uchar *line, int start, int n, int end, int size)
{
  for (int i = 0; i < n; i++) {
    int at = clamp(start + i, 0, end - 1) * size;

    for (int k = 0; k < size; k++)
      to[i * size + k] = line[at + k];
  }
  return (__global const uchar *)(size_t)to; /* one address space */
}

/* One row of a block to @first, @second and @green, as vectors of packed steps. */
static void
row_of_block(int kind, const Matrix *m, Source p, Lines lines, int8 site, int h, int shift,
             vint *first, vint *second, vint *green)
{
  vint out[2][3];
  vshort w0 = lines.weight[0], w1 = lines.weight[1];

  if (h) {
    int size = chroma_bytes(kind);
#define PAIRS(i) \
  (w0 * pairs(kind, p.a[0] + (i) * size, p.b[0] + (i) * size, shift) + \
   w1 * pairs(kind, p.a[1] + (i) * size, p.b[1] + (i) * size, shift))
    vint c0 = AS_INT(PAIRS(0)), c1 = AS_INT(PAIRS(VEC)), c2 = AS_INT(PAIRS(VEC + 2));
    vint before[2] = { c0, c1 }, at[2] = { SHIFTED_1(c0, c1), JOINED(c1, c2) };
    vint after[2] = { SHIFTED_2(c0, c1), c2 };

    for (int i = 0; i < 2; i++) {
      vint even = AS_INT(AS_SHORT(before[i]) * (short)site.s0 + AS_SHORT(at[i]) * (short)site.s1 -
                         m->neutral);
      vint odd = AS_INT(AS_SHORT(at[i]) * (short)site.s2 + AS_SHORT(after[i]) * (short)site.s3 -
                        m->neutral);
      vint u = (even & 0xffff) | (odd << 16);
      vint v = __builtin_astype(__builtin_astype(even, vuint) >> 16, vint) | (odd & (int)0xffff0000);

      convert(m, luma(kind, p.y + i * STEP * luma_bytes(kind), shift), AS_SHORT(u), AS_SHORT(v),
              out[i]);
    }
  } else {
    for (int i = 0; i < 2; i++) {
      int at = i * STEP * luma_bytes(kind);

      convert(m, luma(kind, p.y + at, 0), luma(kind, p.a[0] + at, 0) * (short)16 - m->neutral,
              luma(kind, p.b[0] + at, 0) * (short)16 - m->neutral, out[i]);
    }
  }
  *first = pack_bytes(out[0][0], out[1][0]);
  *second = pack_bytes(out[0][1], out[1][1]);
  *green = pack_bytes(out[0][2], out[1][2]);
}

/* ---- the filters ---- */

/* Words of 4 taps: { high of 0 and 2, low of 0 and 2, high of 1 and 3, low of 1 and 3 }. */
#define TAPS(v, four, high, low) \
  { \
    const vint even = (v) & 0x00ff00ff; \
    const vint odd = __builtin_astype((__builtin_astype((v), vushort) >> (vushort)(8)), vint); \
    high += madd(even, (vint)((four).x)) + madd(odd, (vint)((four).z)); \
    low += madd(even, (vint)((four).y)) + madd(odd, (vint)((four).w)); \
  }
#define FINISHED(high, low) \
  ((((high) << LOW_BITS) + (low) + (vint)(1 << (TAP_BITS - 1))) >> (vint)(TAP_BITS))

/* Columns of the output: 4 at once, 4 rows of each in a lane. */
static void
filter_strip(vint (*t)[GROUPS], Strip strip, __global const int2 *taps, __global const int4 *weights,
             int stride, int pitch, __global int *middle)
{
  for (int c = strip.column0; c < strip.column1; c += 4) {
    vint sum[3][4];

    for (int j = 0; j < 4; j++) {
      int2 tap = taps[c + j];
      __global const int4 *w = weights + (size_t)(c + j) * stride;
      const vint *p0 = &t[0][tap.x - strip.base], *p1 = p0 + GROUPS, *p2 = p1 + GROUPS;
      vint high_0 = 0, high_1 = 0, high_2 = 0, low_0 = 0, low_1 = 0, low_2 = 0;

      for (int k = 0; k < tap.y; k++) {
        TAPS(p0[k], w[k], high_0, low_0)
        TAPS(p1[k], w[k], high_1, low_1)
        TAPS(p2[k], w[k], high_2, low_2)
      }
      sum[0][j] = FINISHED(high_0, low_0);
      sum[1][j] = FINISHED(high_1, low_1);
      sum[2][j] = FINISHED(high_2, low_2);
    }
    for (int i = 0; i < 3; i++) {
      vint v = pack_bytes(pack_words(sum[i][0], sum[i][1]), pack_words(sum[i][2], sum[i][3]));
      __global int *out = middle + (size_t)i * pitch + c;

      *(__global int4 *)out = v.s0123;
      *(__global int4 *)(out + 3 * (size_t)pitch) = v.s4567;
#if VEC == 16
      *(__global int4 *)(out + 6 * (size_t)pitch) = v.s89ab;
      *(__global int4 *)(out + 9 * (size_t)pitch) = v.scdef;
#endif
    }
  }
}

static void
store_part(__global uchar *out, const uchar *v, int n)
{
  typedef ulong loose_8 __attribute__((aligned(1), may_alias));
  typedef uint loose_4 __attribute__((aligned(1), may_alias));

#if VEC == 16
  if (n == VEC) {
    *(__global bytes_1 *)out = *(const bytes_1 *)v;
    return;
  }
#endif
  if (n >= 8) {
    *(__global loose_8 *)out = *(const loose_8 *)v;
    *(__global loose_8 *)(out + n - 8) = *(const loose_8 *)(v + n - 8);
  } else if (n >= 4) {
    *(__global loose_4 *)out = *(const loose_4 *)v;
    *(__global loose_4 *)(out + n - 4) = *(const loose_4 *)(v + n - 4);
  } else {
    for (int i = 0; i < n; i++)
      out[i] = v[i];
  }
}

/* Row @y of the output. first: the group of 4 rows that middle begins with; pitch: of middle, columns
 * that a vector may run past. */
ASM_BODY void
vertical_row(__global const int *middle, int first, __global const int2 *taps,
             __global const int4 *weights, int stride, int patch, int grid, int pitch,
             __global uchar *patches, ulong offset, int y)
{
  int2 tap = taps[y];
  int pieces = (patch + VEC - 1) / VEC; /* vectors of a row of a patch */
  int g = 0, x = 0;

  weights += (size_t)y * stride;
  middle += (size_t)(tap.x - first) * 3 * pitch;
  patches += offset + (size_t)(y / patch) * grid * 3 * patch * patch + y % patch * patch;
  for (int n = grid * pieces; n > 0; n -= 4) {
    int from[4], count[4];
    size_t to[4];

    for (int k = 0; k < 4; k++) {
      from[k] = g * patch + x;
      to[k] = (size_t)g * 3 * patch * patch + x;
      count[k] = k < n ? min(VEC, patch - x) : 0;
      if (k + 1 < n) {
        x += VEC;
        if (x >= patch)
          x = 0, g++;
      }
    }
    for (int i = 0; i < 3; i++) {
      vint high[4] = { 0, 0, 0, 0 }, low[4] = { 0, 0, 0, 0 };
      __global const int *p = middle + (size_t)i * pitch;
      vint v;

      for (int k = 0; k < tap.y; k++, p += 3 * (size_t)pitch) {
        TAPS(LOAD(ints_1, p + from[0]), weights[k], high[0], low[0])
        TAPS(LOAD(ints_1, p + from[1]), weights[k], high[1], low[1])
        TAPS(LOAD(ints_1, p + from[2]), weights[k], high[2], low[2])
        TAPS(LOAD(ints_1, p + from[3]), weights[k], high[3], low[3])
      }
      v = pack_bytes(pack_words(FINISHED(high[0], low[0]), FINISHED(high[1], low[1])),
                     pack_words(FINISHED(high[2], low[2]), FINISHED(high[3], low[3])));
      v = LANES_IN_TURN(v);
      for (int k = 0; k < 4; k++)
        store_part(patches + to[k] + (size_t)i * patch * patch, (const uchar *)&v + k * VEC, count[k]);
    }
  }
}

/* One row a work-item. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
vertical(__global const int *middle, int first, __global const int2 *taps,
         __global const int4 *weights, int stride, int patch, int grid, int pitch,
         __global uchar *patches, ulong offset)
{
  vertical_row(middle, first, taps, weights, stride, patch, grid, pitch, patches, offset, get_global_id(0));
}

/* ---- strips ---- */

/* s: width, first row, end of rows, columns of a work-item, columns of the output, pitch of middle,
 * channel of the first component, shift of packed luma. Middle: for each 4 rows 3 channels of pitch
 * dwords. matrix: y_offset, y, first, second, and what they take off green. */
static inline __attribute__((always_inline)) void
strip_yuv(int kind, __global const uchar *y_plane, long2 y_at, __global const uchar *a_plane,
          long2 a_at, __global const uchar *b_plane, long2 b_at, int4 planes, int8 matrix, int8 site,
          int8 s, __global const int2 *taps, __global const int4 *weights, int stride,
          __global int *middle, int2 id)
{
  Strip strip = strip_of(s, id, taps);
  Chroma chroma = chroma_of(planes);
  Matrix m = matrix_of(kind, matrix);
  int2 last = taps[strip.column1 - 1];
  int lc = chroma_bytes(kind), ly = luma_bytes(kind), c1 = s.s6, c2 = 2 - s.s6;
  /* Of a block: chroma samples, and whether one before is read. */
  int n = chroma.h ? STEP + 2 : BLOCK, before = chroma.h;
  vint t[3][GROUPS];

  for (int g = strip.base; g < last.x + last.y; g += VEC) {
    vint block[3][VEC];
    int x = g * 4, i = (chroma.h ? x / 2 : x) - before;
    int inside = x + BLOCK <= strip.width && i >= 0 && i + n <= chroma.columns;

    for (int j = 0; j < VEC; j++) {
      int row = min(strip.row0 + j, strip.end - 1);
      uchar pad[5][2 * BLOCK + 8];
      Lines a = lines_of(a_plane, a_at, row, chroma, site);
      Lines b = lines_of(b_plane, b_at, row, chroma, site);
      Source p = { y_plane + (y_at.x + row * y_at.y) };

      if (inside) {
        p.y += (long)x * ly;
        for (int k = 0; k < 2; k++) {
          p.a[k] = a.line[k] + (long)i * lc;
          p.b[k] = b.line[k] + (long)i * lc;
        }
      } else {
        p.y = copied(pad[0], p.y, x, BLOCK, strip.width, ly);
        for (int k = 0; k < 2; k++) {
          p.a[k] = copied(pad[1 + k], a.line[k], i, n, chroma.columns, lc);
          p.b[k] = kind != PLANAR && kind != PLANAR_10
                       ? p.a[k]
                       : copied(pad[3 + k], b.line[k], i, n, chroma.columns, lc);
        }
      }
      row_of_block(kind, &m, p, a, site, chroma.h, s.s7, &block[c1][j], &block[c2][j], &block[1][j]);
    }
    turn(block[0], &t[0][g - strip.base]);
    turn(block[1], &t[1][g - strip.base]);
    turn(block[2], &t[2][g - strip.base]);
  }
  filter_strip(t, strip, taps, weights, stride, s.s5,
               middle + (size_t)id.y * (VEC / 4) * 3 * s.s5);
}

#define STRIPS(name, kind) \
  ASM_BODY void name##_body( \
      __global const uchar *y_plane, long2 y_at, __global const uchar *a_plane, long2 a_at, \
      __global const uchar *b_plane, long2 b_at, int4 planes, int8 matrix, int8 site, int8 s, \
      __global const int2 *taps, __global const int4 *weights, int stride, __global int *middle, int2 id) \
  { \
    strip_yuv(kind, y_plane, y_at, a_plane, a_at, b_plane, b_at, planes, matrix, site, s, taps, \
              weights, stride, middle, id); \
  } \
  __kernel __attribute__((reqd_work_group_size(1, 1, 1))) void name( \
      __global const uchar *y_plane, long2 y_at, __global const uchar *a_plane, long2 a_at, \
      __global const uchar *b_plane, long2 b_at, int4 planes, int8 matrix, int8 site, int8 s, \
      __global const int2 *taps, __global const int4 *weights, int stride, __global int *middle) \
  { \
    name##_body(y_plane, y_at, a_plane, a_at, b_plane, b_at, planes, matrix, site, s, taps, weights, \
                stride, middle, ITEM); \
  }

STRIPS(strips_planar, PLANAR)
STRIPS(strips_semiplanar, SEMIPLANAR)
STRIPS(strips_packed, PACKED)
STRIPS(strips_planar_10, PLANAR_10)
STRIPS(strips_semiplanar_10, SEMIPLANAR_10)

/* order: the byte of red, green and blue in a pixel, and its bytes. 16 bytes are 4 pixels and more. */
ASM_BODY void
strip_rgb(__global const uchar *plane, long2 at, int4 order, int8 s, __global const int2 *taps,
          __global const int4 *weights, int stride, __global int *middle, int2 id)
{
  typedef int4 loose_16 __attribute__((aligned(1)));
  Strip strip = strip_of(s, id, taps);
  int2 last = taps[strip.column1 - 1];
  union {
    uchar b[16];
    int4 v;
  } mask;
  vint masks;
  vint t[3][GROUPS];

  for (int i = 0; i < 16; i++)
    mask.b[i] = (uchar)(i / 4 == 3 ? 0x80 : i % 4 * order.w + (i < 4 ? order.x : i < 8 ? order.y : order.z));
#if VEC == 16
  masks = (vint)(mask.v, mask.v, mask.v, mask.v);
#else
  masks = (vint)(mask.v, mask.v);
#endif
  for (int g = strip.base; g < last.x + last.y; g++) {
    int4 rows[VEC];
    vint q[4], a, b;
    int x = g * 4, inside = x * order.w + 16 <= strip.width * order.w;

    for (int j = 0; j < VEC; j++) {
      int row = min(strip.row0 + j, strip.end - 1);
      __global const uchar *p = plane + (at.x + row * at.y);
      uchar pad[16];

      if (inside)
        p += (long)x * order.w;
      else
        p = copied(pad, p, x, 4, strip.width, order.w);
      rows[j] = LOAD(loose_16, p);
    }
    /* Lane l of q[i]: row 4 * l + i. */
    for (int i = 0; i < 4; i++) {
#if VEC == 16
      q[i] = pick_bytes((vint)(rows[i], rows[4 + i], rows[8 + i], rows[12 + i]), masks);
#else
      q[i] = pick_bytes((vint)(rows[i], rows[4 + i]), masks);
#endif
    }
    a = mix_low_32(q[0], q[1]);
    b = mix_low_32(q[2], q[3]);
    t[0][g - strip.base] = mix_low_64(a, b);
    t[1][g - strip.base] = mix_high_64(a, b);
    t[2][g - strip.base] = mix_low_64(mix_high_32(q[0], q[1]), mix_high_32(q[2], q[3]));
  }
  filter_strip(t, strip, taps, weights, stride, s.s5,
               middle + (size_t)id.y * (VEC / 4) * 3 * s.s5);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
strips_rgb(__global const uchar *plane, long2 at, int4 order, int8 s, __global const int2 *taps,
           __global const int4 *weights, int stride, __global int *middle)
{
  strip_rgb(plane, at, order, s, taps, weights, stride, middle, ITEM);
}
