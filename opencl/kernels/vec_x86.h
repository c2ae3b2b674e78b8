/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Explicit vectors of -DVEC floats, exp on them, and lists of -DROWS rows of a register tile of -DVECTORS vectors (two
 * where it is not given). */
#ifndef VECTORS
#define VECTORS 2
#endif
#if VEC == 16
typedef float16 vec;
typedef int16 ivec;
#define AS_VEC(x) as_float16(x)
#define AS_IVEC(x) as_int16(x)
#define LANES (ivec)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define FOLD8(v) ((v).lo + (v).hi)
#define FOLD8_BY(F, v) F((v).lo, (v).hi)
#else
typedef float8 vec;
typedef int8 ivec;
#define AS_VEC(x) as_float8(x)
#define AS_IVEC(x) as_int8(x)
#define LANES (ivec)(0, 1, 2, 3, 4, 5, 6, 7)
#define FOLD8(v) (v)
#define FOLD8_BY(F, v) (v)
#endif
#define PANEL (VECTORS * VEC)
#if VEC == 16
typedef uchar16 bytes;
typedef ushort16 halves;
#else
typedef uchar8 bytes;
typedef ushort8 halves;
#endif
typedef ushort loose_halves __attribute__((ext_vector_type(VEC), aligned(2)));

/*
 * The compiler's own operations rather than OpenCL's functions: PoCL 6 has those in a library that is
 * compiled for another CPU model, and where the models' features differ LLVM inlines none of them. A
 * call for each fma cost a factor of six.
 */
#ifndef __has_builtin
#define __has_builtin(x) 0
#endif
#if __has_builtin(__builtin_elementwise_fma) && __has_builtin(__builtin_elementwise_max)
#define FMA(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#define MAX(a, b) __builtin_elementwise_max((a), (b))
#else
#define FMA(a, b, c) fma((a), (b), (c))
#define MAX(a, b) fmax((a), (b))
#endif
typedef float loose __attribute__((ext_vector_type(VEC), aligned(4)));
#define ACCESS(space) \
  static vec __attribute__((overloadable)) VLOAD(const space float *p) \
  { \
    return *(const space loose *)p; \
  } \
  static void __attribute__((overloadable)) VSTORE(vec v, space float *p) \
  { \
    *(space loose *)p = v; \
  }
ACCESS(__global)
ACCESS(__local)
ACCESS(__private)

/* exp on [-87, 88], clamped outside: Cephes' expf polynomial, about 1 ulp. The magic constant leaves
 * the rounded exponent in the low bits. */
static vec
vexp(vec x)
{
  const vec magic = (vec)(12582912.0f);
  x = x < (vec)(-87.0f) ? (vec)(-87.0f) : x; /* a NaN stays */
  x = x > (vec)(88.0f) ? (vec)(88.0f) : x;
  const vec t = FMA(x, (vec)(1.44269504088896341f), magic);
  const vec n = t - magic;
  vec r = FMA(n, (vec)(-0.693359375f), x);
  r = FMA(n, (vec)(2.12194440e-4f), r);
  vec p = (vec)(1.9875691500e-4f);
  p = FMA(p, r, (vec)(1.3981999507e-3f));
  p = FMA(p, r, (vec)(8.3334519073e-3f));
  p = FMA(p, r, (vec)(4.1665795894e-2f));
  p = FMA(p, r, (vec)(1.6666665459e-1f));
  p = FMA(p, r, (vec)(5.0000001201e-1f));
  p = FMA(p, r * r, r) + (vec)(1.0f);
  return p * AS_VEC((AS_IVEC(t) << 23) + (ivec)(0x3f800000));
}

/* 2^x up to 0, clamped at 2^-125: Cephes' exp2f polynomial. */
static vec
vexp2(vec x)
{
  const vec magic = (vec)(12582912.0f);
  x = x < (vec)(-125.0f) ? (vec)(-125.0f) : x; /* a NaN stays */
  const vec t = x + magic, r = x - (t - magic);
  vec p = (vec)(1.535336188319500e-4f);
  p = FMA(p, r, (vec)(1.339887440266574e-3f));
  p = FMA(p, r, (vec)(9.618437357674640e-3f));
  p = FMA(p, r, (vec)(5.550332471162809e-2f));
  p = FMA(p, r, (vec)(2.402264791363012e-1f));
  p = FMA(p, r, (vec)(6.931472028550421e-1f));
  p = FMA(p, r, (vec)(1.0f));
  return AS_VEC(AS_IVEC(p) + (AS_IVEC(t) << 23));
}

static float
total(vec v)
{
  const float8 a = FOLD8(v);
  const float4 b = a.lo + a.hi;
  const float2 c = b.lo + b.hi;
  return c.x + c.y;
}

static float
largest(vec v)
{
  const float8 a = FOLD8_BY(MAX, v);
  const float4 b = MAX(a.lo, a.hi);
  const float2 c = MAX(b.lo, b.hi);
  return fmax(c.x, c.y);
}

static float
smallest(vec v)
{
  return -largest(-v);
}

/* A float's upper half, rounded to even; a NaN stays one. */
static halves
to_bf16(vec v)
{
  ivec i = AS_IVEC(v);
  i += (ivec)(0x7fff) + ((i >> 16) & (ivec)(1));
  i = v == v ? i : (ivec)(0x7fc00000);
  return __builtin_convertvector(i >> 16, halves);
}

/* Where a group's rows begin: all groups have as many, or one fewer. 50 are not four groups of twelve and one of two, but
 * five of ten. */
#define FIRST_OF(group, groups, rows) ((uint)((ulong)(group) * (rows) / (groups)))

#define R12(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define R11(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10)
#define R10(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9)
#define R6(F) F(0) F(1) F(2) F(3) F(4) F(5)
#define R5(F) F(0) F(1) F(2) F(3) F(4)
#define R4(F) F(0) F(1) F(2) F(3)
#define R2(F) F(0) F(1)
#define R1(F) F(0)
#if ROWS == 12
#define RFULL(F) R12(F)
#elif ROWS == 5
#define RFULL(F) R5(F)
#else
#define RFULL(F) R6(F)
#endif
