/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LayerNorm, a work-item a row; x and y may be the same buffer. Two passes, and a correction of the
 * mean inside the second: a row with a large common offset loses no digits. And what makes operands
 * (ops.h) of rows: of a LayerNorm's, of floats, and in int8 of halves.
 */
#include "bf16.h"

typedef struct {
  float mean, shift, scale;
} Stats;

static Stats
stats_of(const __global float *x, uint n, float eps)
{
  Stats s;
  float shift = 0.0f, square = 0.0f;
  s.mean = 0.0f;
  for (uint i = 0; i < n; i++)
    s.mean += x[i];
  s.mean /= n;
  for (uint i = 0; i < n; i++) {
    const float d = x[i] - s.mean;
    shift += d;
    square = fma(d, d, square);
  }
  s.shift = shift / n;
  const float variance = fmax(fma(-s.shift, s.shift, square / n), 0.0f);
  s.scale = 1.0f / sqrt(variance + eps);
  return s;
}

#define NORM(i) fma((x[i] - s.mean - s.shift) * s.scale, gain[i], bias[i])

__kernel void
layernorm(const __global float *X, ulong ldx, __global float *Y, ulong ldy, uint m, uint n,
          const __global float *restrict gain, const __global float *restrict bias, float eps)
{
  const uint row = get_global_id(0);
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global float *y = Y + row * ldy;
  const Stats s = stats_of(x, n, eps);
  for (uint i = 0; i < n; i++)
    y[i] = NORM(i);
}

#if OPERAND == 1
#define WRITE_OPERAND(AT) \
  __global ushort *out = (__global ushort *)y; \
  for (uint i = 0; i < n; i++) \
    out[i] = to_bf16(AT(i)); \
  if (n % 2 == 1) \
    out[n] = 0;
#elif OPERAND == 3
/* What is beyond fp16 becomes infinite, and so do the features. */
#define WRITE_OPERAND(AT) \
  for (uint i = 0; i < n; i++) \
    vstore_half_rte(AT(i), i, (__global half *)y); \
  if (n % 2 == 1) \
    ((__global ushort *)y)[n] = 0;
#elif OPERAND == 2
/* The range takes 253 steps and begins between 0 and 1: rounding stays inside a byte by half a step. Times
 * zero: what is not finite poisons the scale. */
#define WRITE_OPERAND(AT) \
  float lowest = 0.0f, highest = 0.0f, poison = 0.0f; \
  for (uint i = 0; i < n; i++) { \
    const float v = AT(i); \
    lowest = fmin(lowest, v); \
    highest = fmax(highest, v); \
    poison = fma(v, 0.0f, poison); \
  } \
  const float range = fmax((highest - lowest) / 253.0f, FLT_MIN), inverse = 1.0f / range; \
  const int zero = convert_int(-lowest * inverse) + 1; \
  __global uchar *out = (__global uchar *)y; \
  for (uint i = 0; i < n; i++) \
    out[i] = (uchar)(convert_int_rte(AT(i) * inverse) + zero); \
  const uint words = (n + 3) / 4; \
  y[words] = as_uint(range + poison); \
  y[words + 1] = (uint)zero;
#endif

#if OPERAND != 0
__kernel void
layernorm_operand(const __global float *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy,
                  uint m, uint n, const __global float *restrict gain,
                  const __global float *restrict bias, float eps)
{
  const uint row = get_global_id(0);
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global uint *y = Y + row * ldy;
  const Stats s = stats_of(x, n, eps);
  WRITE_OPERAND(NORM)
}

#define FLOAT(i) x[i]

__kernel void
operand(const __global float *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy, uint m, uint n)
{
  const uint row = get_global_id(0);
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global uint *y = Y + row * ldy;
  WRITE_OPERAND(FLOAT)
}
#endif

#if OPERAND == 2
#define HALF(i) vload_half(i, x)

__kernel void
operand_wide(const __global half *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy, uint m,
             uint n)
{
  const uint row = get_global_id(0);
  if (row >= m)
    return;
  const __global half *x = X + row * ldx;
  __global uint *y = Y + row * ldy;
  WRITE_OPERAND(HALF)
}
#endif
