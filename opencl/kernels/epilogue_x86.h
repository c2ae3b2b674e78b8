/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of two vectors of a row's sums, u##r and v##r: PUT_*(r) stores them at row r of @c, whose rows are
 * @ldc apart. @room: columns that exist in C from the first of them on; those past it are not touched.
 */
static vec
act_none(vec x)
{
  return x;
}

static vec
act_quick_gelu(vec x)
{
  return x / ((vec)(1.0f) + vexp((vec)(-1.702f) * x));
}

/* x Phi(x) by Abramowitz and Stegun 7.1.26 (error below 1.5e-7). */
static vec
act_gelu(vec x)
{
  const vec z = AS_VEC(AS_IVEC(x) & (ivec)(0x7fffffff)) * (vec)(0.70710678118654752f);
  const vec t = (vec)(1.0f) / FMA(z, (vec)(0.3275911f), (vec)(1.0f));
  vec p = (vec)(1.061405429f);
  p = FMA(p, t, (vec)(-1.453152027f));
  p = FMA(p, t, (vec)(1.421413741f));
  p = FMA(p, t, (vec)(-0.284496736f));
  p = FMA(p, t, (vec)(0.254829592f));
  const vec half_erfc = (vec)(0.5f) * p * t * vexp(-z * z);
  const vec phi = x >= (vec)(0.0f) ? (vec)(1.0f) - half_erfc : half_erfc;
  return x * phi;
}

#define PUT_ACT(r, act) put(act(u##r), act(v##r), c + (size_t)(r) * ldc, room);
#define PUT_NONE(r) PUT_ACT(r, act_none)
#define PUT_QUICK_GELU(r) PUT_ACT(r, act_quick_gelu)
#define PUT_GELU(r) PUT_ACT(r, act_gelu)
#define PUT_RESIDUAL(r) add(u##r, v##r, c + (size_t)(r) * ldc, room);

static void
put(vec s, vec t, __global float *c, uint room)
{
  if (room >= 2 * VEC) {
    VSTORE(s, c);
    VSTORE(t, c + VEC);
  } else {
    float tail[2 * VEC];
    VSTORE(s, tail);
    VSTORE(t, tail + VEC);
    for (uint j = 0; j < room; j++)
      c[j] = tail[j];
  }
}

static void
add(vec s, vec t, __global float *c, uint room)
{
  if (room >= 2 * VEC) {
    VSTORE(VLOAD(c) + s, c);
    VSTORE(VLOAD(c + VEC) + t, c + VEC);
  } else {
    float tail[2 * VEC];
    VSTORE(s, tail);
    VSTORE(t, tail + VEC);
    for (uint j = 0; j < room; j++)
      c[j] += tail[j];
  }
}

#if OPERAND != 0
/* fp16. */
static halves
to_half(vec v)
{
#ifdef NO_ASM
  float f[VEC];
  ushort h[VEC];
  VSTORE(v, f);
  for (uint j = 0; j < VEC; j++)
    vstore_half_rte(f[j], j, (half *)h);
  return *(const loose_halves *)h;
#else
  halves h;
  __asm__("vcvtps2ph $0,%1,%0" : "=v"(h) : "v"(v));
  return h;
#endif
}

static void
put_halves(halves s, halves t, __global ushort *c, uint room)
{
  if (room >= 2 * VEC) {
    *(__global loose_halves *)c = s;
    *(__global loose_halves *)(c + VEC) = t;
  } else {
    ushort tail[2 * VEC];
    *(loose_halves *)tail = s;
    *(loose_halves *)(tail + VEC) = t;
    for (uint j = 0; j < room; j++)
      c[j] = tail[j];
  }
}
#define PUT_HALF(r) put_halves(to_half(u##r), to_half(v##r), c + (size_t)(r) * ldc, room);

/* The activations as bf16, which are operands already, or as halves, which operand_wide quantises. */
static void
put_wide(vec s, vec t, __global ushort *c, uint room)
{
#if OPERAND == 1
  put_halves(to_bf16(s), to_bf16(t), c, room);
  if (room < 2 * VEC && room % 2 == 1) /* the last word is whole */
    c[room] = 0;
#else
  put_halves(to_half(s), to_half(t), c, room);
#endif
}

/* Good for what is rounded to 8 bits or fewer: 2^t by a cubic that is off by 7.5e-5 (minimax). By a square it would be off
 * by 1.7e-3, which all small numbers share: distances go astray. */
#define EXP2_CUBIC(r) \
  FMA(FMA(FMA((vec)(5.517166802e-2f), r, (vec)(2.426111221e-1f)), r, (vec)(6.932609857e-1f)), r, (vec)(9.999280735e-1f))

#if VEC == 16 && !defined NO_ASM
static vec
act_quick_gelu_rough(vec x)
{
  const vec t = (vec)(-1.702f * 1.44269504088896341f) * x;
  vec e, inverse;
#if OPERAND == 2 /* who has its products has AVX-512 DQ */
  vec r;
  __asm__("vreduceps $0,%1,%0" : "=v"(r) : "v"(t)); /* less the nearest integer */
  const vec n = t - r;
#else
  vec n;
  __asm__("vrndscaleps $0,%1,%0" : "=v"(n) : "v"(t));
  const vec r = t - n;
#endif
  __asm__("vscalefps %2,%1,%0" : "=v"(e) : "v"(EXP2_CUBIC(r)), "v"(n));
  __asm__("vrcp14ps %1,%0" : "=v"(inverse) : "v"((vec)(1.0f) + e));
  return x * inverse;
}
#else
static vec
act_quick_gelu_rough(vec x)
{
  const vec magic = (vec)(12582912.0f);
  vec t = (vec)(-1.702f * 1.44269504088896341f) * x;
  t = t > (vec)(125.0f) ? (vec)(125.0f) : t; /* a NaN stays */
  t = t < (vec)(-125.0f) ? (vec)(-125.0f) : t;
  const vec n = t + magic, r = t - (n - magic);
  const vec d = (vec)(1.0f) + AS_VEC(AS_IVEC(EXP2_CUBIC(r)) + (AS_IVEC(n) << 23));
#if defined NO_ASM || OPERAND == 1 /* vrcpps has 12 bits: with bf16's eight that is off by too much */
  return x / d;
#else
  vec inverse;
  __asm__("vrcpps %1,%0" : "=x"(inverse) : "x"(d)); /* has no registers above 15 */
  return x * inverse;
#endif
}
#endif

#define PUT_WIDE(r, act) put_wide(act(u##r), act(v##r), c + (size_t)(r) * ldc, room);
#define PUT_QUICK_GELU_WIDE(r) PUT_WIDE(r, act_quick_gelu_rough)
#define PUT_GELU_WIDE(r) PUT_WIDE(r, act_gelu)
#endif
