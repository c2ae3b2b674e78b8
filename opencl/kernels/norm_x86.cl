/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LayerNorm with explicit vectors, a work-item (and work-group) a row; the arithmetic is
 * norm_portable.cl's. n need not be a multiple of the vector. And what makes operands (ops.h) of rows:
 * of a LayerNorm's, of floats, and in int8 of halves.
 */
#include "outline.h"
#include "vec_x86.h"

/* Of a row: (x - mean) scale + offset, which makes up for the mean's rounding. */
typedef struct {
  float mean, scale, offset;
} Stats;

/* Four sums at once: one would wait for itself. */
#define FOUR(F, i) F(0, i) F(1, (i) + VEC) F(2, (i) + 2 * VEC) F(3, (i) + 3 * VEC)
#define SUM_VEC(j, i) sum##j += VLOAD(x + (i));
#define SPREAD_VEC(j, i) \
  { \
    const vec d = VLOAD(x + (i)) - (vec)(s.mean); \
    sum##j += d; \
    square##j = FMA(d, d, square##j); \
  }

static Stats
stats_of(const __global float *x, uint n, float eps)
{
  const uint fours = n - n % (4 * VEC), body = n - n % VEC;
  Stats s;
  vec sum0 = (vec)(0.0f), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  float tail = 0.0f;
  for (uint i = 0; i < fours; i += 4 * VEC) {
    FOUR(SUM_VEC, i)
  }
  for (uint i = fours; i < body; i += VEC)
    SUM_VEC(0, i)
  for (uint i = body; i < n; i++)
    tail += x[i];
  s.mean = (total((sum0 + sum1) + (sum2 + sum3)) + tail) / n;
  sum0 = sum1 = sum2 = sum3 = (vec)(0.0f);
  vec square0 = sum0, square1 = sum0, square2 = sum0, square3 = sum0;
  float square_tail = 0.0f;
  tail = 0.0f;
  for (uint i = 0; i < fours; i += 4 * VEC) {
    FOUR(SPREAD_VEC, i)
  }
  for (uint i = fours; i < body; i += VEC)
    SPREAD_VEC(0, i)
  for (uint i = body; i < n; i++) {
    const float d = x[i] - s.mean;
    tail += d;
    square_tail = fma(d, d, square_tail);
  }
  const float shift = (total((sum0 + sum1) + (sum2 + sum3)) + tail) / n;
  const float squares = total((square0 + square1) + (square2 + square3)) + square_tail;
  const float variance = fmax(fma(-shift, shift, squares / n), 0.0f);
  s.scale = 1.0f / sqrt(variance + eps);
  s.offset = -shift * s.scale;
  return s;
}

#define NORM_VEC(i) \
  FMA(FMA(VLOAD(x + i) - (vec)(s.mean), (vec)(s.scale), (vec)(s.offset)), VLOAD(gain + i), VLOAD(bias + i))
#define NORM_ONE(i) fma(fma(x[i] - s.mean, s.scale, s.offset), gain[i], bias[i])

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
layernorm(const __global float *X, ulong ldx, __global float *Y, ulong ldy, uint m, uint n,
          const __global float *restrict gain, const __global float *restrict bias, float eps)
{
  const uint row = get_group_id(0), body = n - n % VEC;
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global float *y = Y + row * ldy;
  const Stats s = stats_of(x, n, eps);
  for (uint i = 0; i < body; i += VEC)
    VSTORE(NORM_VEC(i), y + i);
  for (uint i = body; i < n; i++)
    y[i] = NORM_ONE(i);
}

#if OPERAND == 1
#define WRITE_OPERAND(AT_VEC, AT_ONE) \
  __global ushort *out = (__global ushort *)y; \
  for (uint i = 0; i < body; i += VEC) \
    *(__global loose_halves *)(out + i) = to_bf16(AT_VEC(i)); \
  for (uint i = body; i < n; i++) \
    out[i] = to_bf16((vec)(AT_ONE(i))).s0; \
  if (n % 2 == 1) \
    out[n] = 0;
#elif OPERAND == 2
/* The range takes 253 steps and begins between 0 and 1: rounding stays inside a byte by half a step. The
 * magic constant rounds to an integer in a float's low bits. Times zero: what is not finite poisons the
 * scale. */
#define WRITE_BYTES(lowest, highest, poison, AT_VEC, AT_ONE) \
  const float range = fmax(((highest) - (lowest)) / 253.0f, FLT_MIN), inverse = 1.0f / range; \
  const int zero = convert_int(-(lowest) * inverse) + 1; \
  const vec to_byte = (vec)(12582912.0f + zero), by = (vec)(inverse); \
  __global uchar *out = (__global uchar *)y; \
  for (uint i = 0; i < body; i += VEC) \
    *(__global loose_bytes *)(out + i) = \
        __builtin_convertvector(AS_IVEC(FMA(AT_VEC(i), by, to_byte)), bytes); \
  for (uint i = body; i < n; i++) \
    out[i] = (uchar)as_int(fma(AT_ONE(i), inverse, 12582912.0f + zero)); \
  const uint words = (n + 3) / 4; \
  y[words] = as_uint(range + (poison)); \
  y[words + 1] = (uint)zero;
#define WRITE_OPERAND(AT_VEC, AT_ONE) \
  vec low = (vec)(0.0f), high = (vec)(0.0f), poison = (vec)(0.0f); \
  float low_tail = 0.0f, high_tail = 0.0f, poison_tail = 0.0f; \
  for (uint i = 0; i < body; i += VEC) { \
    const vec v = AT_VEC(i); \
    low = v < low ? v : low; /* no NaN: it is in poison */ \
    high = v > high ? v : high; \
    poison = FMA(v, (vec)(0.0f), poison); \
  } \
  for (uint i = body; i < n; i++) { \
    const float v = AT_ONE(i); \
    low_tail = fmin(low_tail, v); \
    high_tail = fmax(high_tail, v); \
    poison_tail = fma(v, 0.0f, poison_tail); \
  } \
  const float lowest = fmin(low_tail, smallest(low)), highest = fmax(high_tail, largest(high)); \
  WRITE_BYTES(lowest, highest, total(poison) + poison_tail, AT_VEC, AT_ONE)
#endif

#if OPERAND != 0
typedef uchar loose_bytes __attribute__((ext_vector_type(VEC), aligned(1)));

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
layernorm_operand(const __global float *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy,
                  uint m, uint n, const __global float *restrict gain,
                  const __global float *restrict bias, float eps)
{
  const uint row = get_group_id(0), body = n - n % VEC;
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global uint *y = Y + row * ldy;
  const Stats s = stats_of(x, n, eps);
  WRITE_OPERAND(NORM_VEC, NORM_ONE)
}

#define FLOAT_VEC(i) VLOAD(x + i)
#define FLOAT_ONE(i) x[i]

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
operand(const __global float *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy, uint m, uint n)
{
  const uint row = get_group_id(0), body = n - n % VEC;
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global uint *y = Y + row * ldy;
  WRITE_OPERAND(FLOAT_VEC, FLOAT_ONE)
}
#endif

#if OPERAND == 2
#ifndef NO_ASM
#include "half_x86.h"
#define HALF_VEC(i) load_half(x + i)
#elif VEC == 16
#define HALF_VEC(i) vload_half16(0, (const __global half *)(x + i))
#else
#define HALF_VEC(i) vload_half8(0, (const __global half *)(x + i))
#endif
#define HALF_ONE(i) vload_half(0, (const __global half *)(x + i))

/* Halves are compared as integers, in their order: of those above zero the largest is the largest signed one, and
 * of those below the lowest is the largest unsigned one. */
#define PAIR (2 * VEC)
typedef short signed_pair __attribute__((ext_vector_type(PAIR), aligned(2)));
typedef ushort unsigned_pair __attribute__((ext_vector_type(PAIR), aligned(2)));
#define NOT_FINITE 0x7c00

ASM_BODY void
write_wide(const __global ushort *restrict x, __global uint *restrict y, uint n)
{
  const uint body = n - n % VEC, pairs = n - n % PAIR;
  signed_pair above = (signed_pair)(0);
  unsigned_pair below = (unsigned_pair)(0);
  for (uint i = 0; i < pairs; i += PAIR) {
    const signed_pair v = *(const __global signed_pair *)(x + i);
    const unsigned_pair u = *(const __global unsigned_pair *)(x + i);
    above = above > v ? above : v;
    below = below > u ? below : u;
  }
  short top = 0;
  ushort bottom = 0x8000;
  for (uint i = 0; i < PAIR; i++) {
    top = above[i] > top ? above[i] : top;
    bottom = below[i] > bottom ? below[i] : bottom;
  }
  for (uint i = pairs; i < n; i++) {
    top = (short)x[i] > top ? (short)x[i] : top;
    bottom = x[i] > bottom ? x[i] : bottom;
  }
  const ushort ends[2] = { bottom, (ushort)top };
  const float lowest = vload_half(0, (const half *)ends), highest = vload_half(1, (const half *)ends);
  const float poison = top >= NOT_FINITE || bottom >= (0x8000 | NOT_FINITE) ? NAN : 0.0f;
  WRITE_BYTES(lowest, highest, poison, HALF_VEC, HALF_ONE)
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
operand_wide(const __global ushort *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy, uint m,
             uint n)
{
  const uint row = get_group_id(0);
  if (row < m)
    write_wide(X + row * ldx, Y + row * ldy, n);
}
#endif
