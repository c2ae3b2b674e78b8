/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias), OpenCL C 1.2, any device: a work-item makes 4 rows by 4 columns. A are
 * operands (ops.h), and W the same kind of words, packed in panels of 4 columns, K-major. Rows past m
 * are computed again from the last row and not stored, so that every element takes the same
 * instructions. -DOPERAND=0: floats, 1: bf16, 2: int8, where bias is followed by the scales of W's rows
 * and by their sums, @columns apart, 3: fp16.
 */
#include "bf16.h"
#include "gemm.h"

#define ROWS 4
#define PANEL 4

/* One word of A's row with the words of four columns. */
#if OPERAND == 2
typedef int4 sums;
#define START(b) (int4)(0)

static sums
step(sums s, uint a, uint4 w)
{
  const int4 v = as_int4(w);
  s += (int4)(a & 255) * (v << 24 >> 24);
  s += (int4)(a >> 8 & 255) * (v << 16 >> 24);
  s += (int4)(a >> 16 & 255) * (v << 8 >> 24);
  s += (int4)(a >> 24) * (v >> 24);
  return s;
}

#define FINISH(s, a) \
  fma(convert_float4((s) - (int4)((int)(a)[k + 1]) * vload4(panel, (const __global int *)bias + 2 * columns)), \
      (float4)(as_float((a)[k])) * vload4(panel, bias + columns), b)
#else
typedef float4 sums;
#define START(b) (b)
#define FINISH(s, a) (s)

static sums
step(sums s, uint a, uint4 w)
{
#if OPERAND == 0
  return fma((float4)(as_float(a)), as_float4(w), s);
#elif OPERAND == 3
  const uint a1[1] = {a}, w4[4] = {w.x, w.y, w.z, w.w};
  const float2 x = vload_half2(0, (const half *)a1);
  const float8 y = vload_half8(0, (const half *)w4);
  s = fma((float4)(x.lo), y.even, s);
  return fma((float4)(x.hi), y.odd, s);
#else
  s = fma((float4)(as_float(a << 16)), as_float4(w << 16), s);
  return fma((float4)(as_float(a & 0xffff0000u)), as_float4(w & 0xffff0000u), s);
#endif
}
#endif

/* @k: words of a row. @cols: columns that exist in C; a panel's columns past it are not touched. */
#define GEMM(name, C_TYPE, PUT) \
  __kernel void name(const __global uint *restrict A, uint lda, const __global uint *restrict W, \
                     const __global float *restrict bias, uint columns, __global C_TYPE *restrict C, \
                     uint ldc, uint m, uint k, uint cols) \
  { \
    const uint row = get_global_id(0) * ROWS, panel = get_global_id(1); \
    if (row >= m || panel * PANEL >= cols) \
      return; \
    const __global uint *w = W + (size_t)panel * k * PANEL; \
    const __global uint *a0 = A + (size_t)row * lda; \
    const __global uint *a1 = A + (size_t)min(row + 1, m - 1) * lda; \
    const __global uint *a2 = A + (size_t)min(row + 2, m - 1) * lda; \
    const __global uint *a3 = A + (size_t)min(row + 3, m - 1) * lda; \
    const float4 b = vload4(panel, bias); \
    sums s0 = START(b), s1 = START(b), s2 = START(b), s3 = START(b); \
    for (uint i = 0; i < k; i++) { \
      const uint4 v = vload4(i, w); \
      s0 = step(s0, a0[i], v); \
      s1 = step(s1, a1[i], v); \
      s2 = step(s2, a2[i], v); \
      s3 = step(s3, a3[i], v); \
    } \
    __global C_TYPE *c = C + (size_t)row * ldc + panel * PANEL; \
    const uint room = cols - panel * PANEL; \
    PUT(FINISH(s0, a0), c, room); \
    if (row + 1 < m) \
      PUT(FINISH(s1, a1), c + ldc, room); \
    if (row + 2 < m) \
      PUT(FINISH(s2, a2), c + 2 * (size_t)ldc, room); \
    if (row + 3 < m) \
      PUT(FINISH(s3, a3), c + 3 * (size_t)ldc, room); \
  }

ALL_GEMMS
