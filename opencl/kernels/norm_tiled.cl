/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LayerNorm and operands as in norm_portable.cl, a work-group of -DGROUP (a power of two) a row, which is
 * read coalesced, and added up in a fixed order.
 */
#include "bf16.h"

typedef struct {
  float mean, shift, scale;
} Stats;

#define WHERE get_local_id(0)
#define EACH(i) for (uint i = WHERE; i < n; i += GROUP)

/* Of the whole work-group, to all of it. */
static float2
total(float2 v, __local float4 *shared)
{
  barrier(CLK_LOCAL_MEM_FENCE);
  shared[WHERE].lo = v;
  for (uint s = GROUP / 2; s > 0; s /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (WHERE < s)
      shared[WHERE].lo += shared[WHERE + s].lo;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return shared[0].lo;
}

static Stats
stats_of(const __global float *x, uint n, float eps, __local float4 *shared)
{
  Stats s;
  float2 sums = (float2)(0.0f);
  EACH(i)
    sums.x += x[i];
  s.mean = total(sums, shared).x / n;
  sums = (float2)(0.0f);
  EACH(i) {
    const float d = x[i] - s.mean;
    sums.x += d;
    sums.y = fma(d, d, sums.y);
  }
  sums = total(sums, shared);
  s.shift = sums.x / n;
  const float variance = fmax(fma(-s.shift, s.shift, sums.y / n), 0.0f);
  s.scale = 1.0f / sqrt(variance + eps);
  return s;
}

#define NORM(i) fma((x[i] - s.mean - s.shift) * s.scale, gain[i], bias[i])
#define KERNEL __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void

/* A work-item reads all that it will write, and nothing that others write, after the last barrier: Y may
 * be X. */
KERNEL
layernorm(const __global float *X, ulong ldx, __global float *Y, ulong ldy, uint m, uint n,
          const __global float *restrict gain, const __global float *restrict bias, float eps)
{
  __local float4 shared[GROUP];
  const __global float *x = X + get_group_id(0) * ldx;
  __global float *y = Y + get_group_id(0) * ldy;
  const Stats s = stats_of(x, n, eps, shared);
  EACH(i)
    y[i] = NORM(i);
}

#if OPERAND == 1
#define WRITE_OPERAND(AT) \
  __global ushort *out = (__global ushort *)y; \
  EACH(i) \
    out[i] = to_bf16(AT(i)); \
  if (n % 2 == 1 && WHERE == 0) \
    out[n] = 0;
#elif OPERAND == 3
#define WRITE_OPERAND(AT) \
  EACH(i) \
    vstore_half_rte(AT(i), i, (__global half *)y); \
  if (n % 2 == 1 && WHERE == 0) \
    ((__global ushort *)y)[n] = 0;
#elif OPERAND == 2
/* x: the largest -v; y: the largest v; z: the sum of what is not finite. */
static float4
extremes(float4 v, __local float4 *shared)
{
  barrier(CLK_LOCAL_MEM_FENCE);
  shared[WHERE] = v;
  for (uint s = GROUP / 2; s > 0; s /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (WHERE < s) {
      const float4 a = shared[WHERE], b = shared[WHERE + s];
      shared[WHERE] = (float4)(fmax(a.lo, b.lo), a.hi + b.hi);
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return shared[0];
}

/* The range takes 253 steps and begins between 0 and 1: rounding stays inside a byte by half a step. Times
 * zero: what is not finite poisons the scale. */
#define WRITE_OPERAND(AT) \
  float4 ends = (float4)(0.0f); \
  EACH(i) { \
    const float v = AT(i); \
    ends.x = fmax(ends.x, -v); \
    ends.y = fmax(ends.y, v); \
    ends.z = fma(v, 0.0f, ends.z); \
  } \
  ends = extremes(ends, shared); \
  const float range = fmax((ends.y + ends.x) / 253.0f, FLT_MIN), inverse = 1.0f / range; \
  const int zero = convert_int(ends.x * inverse) + 1; \
  __global uchar *out = (__global uchar *)y; \
  EACH(i) \
    out[i] = (uchar)(convert_int_rte(AT(i) * inverse) + zero); \
  const uint words = (n + 3) / 4; \
  if (WHERE == 0) { \
    y[words] = as_uint(range + ends.z); \
    y[words + 1] = (uint)zero; \
  }
#endif

#if OPERAND != 0
KERNEL
layernorm_operand(const __global float *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy,
                  uint m, uint n, const __global float *restrict gain,
                  const __global float *restrict bias, float eps)
{
  __local float4 shared[GROUP];
  const __global float *x = X + get_group_id(0) * ldx;
  __global uint *y = Y + get_group_id(0) * ldy;
  const Stats s = stats_of(x, n, eps, shared);
  WRITE_OPERAND(NORM)
}

#define FLOAT(i) x[i]

KERNEL
operand(const __global float *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy, uint m, uint n)
{
#if OPERAND == 2
  __local float4 shared[GROUP];
#endif
  const __global float *x = X + get_group_id(0) * ldx;
  __global uint *y = Y + get_group_id(0) * ldy;
  WRITE_OPERAND(FLOAT)
}
#endif

#if OPERAND == 2
#define HALF(i) vload_half(i, x)

KERNEL
operand_wide(const __global half *restrict X, ulong ldx, __global uint *restrict Y, ulong ldy, uint m,
             uint n)
{
  __local float4 shared[GROUP];
  const __global half *x = X + get_group_id(0) * ldx;
  __global uint *y = Y + get_group_id(0) * ldy;
  WRITE_OPERAND(HALF)
}
#endif
