/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias), OpenCL C 1.2, for devices with local memory of their own: a work-group makes
 * TILE_M rows by TILE_N columns, a work-item 8 by 4 of them, over tiles of TILE_K numbers of A and W in
 * local memory. Sums are fp32, of int8 integers. A are operands (ops.h), W the same kind of words in panels
 * of TILE_N columns, K-major. Rows past m are computed again from the last row and not stored, words past
 * k are zeros, so that every element takes the same instructions.
 * -DOPERAND=0: floats, 1: bf16, 2: int8 (bias is followed by the scales of W's rows and by their sums,
 * @columns apart), 3: fp16. -DTILE_M -DTILE_N -DTILE_K: int8 counts words, of four. -DDOT: the device's
 * own product of four bytes (cl_khr_integer_dot_product).
 */
#include "bf16.h"
#include "gemm.h"

#define ACROSS (TILE_N / 4) /* work-items along a row */
#define GROUP (TILE_M / 8 * ACROSS)

#if OPERAND == 2
typedef uint unit;
typedef uint4 unit4;
typedef int4 sums;
#define WORDS TILE_K
#define START (int4)(0)
#else
typedef float unit;
typedef float4 unit4;
typedef float4 sums;
#define START vload4(0, bias + column)
#if OPERAND == 0
#define WORDS TILE_K
#else
#define WORDS (TILE_K / 2)
#endif
#endif

/* One word, as what it holds; the second of two @step further. */
static void
unpack(const __global uint *word, bool inside, __local unit *to, uint step)
{
#if OPERAND == 0
  to[0] = inside ? as_float(*word) : 0.0f;
#elif OPERAND == 1
  const uint v = inside ? *word : 0;
  to[0] = as_float(v << 16);
  to[step] = as_float(v & 0xffff0000u);
#elif OPERAND == 2
  to[0] = inside ? *word : 0;
#else
  const float2 v = inside ? vload_half2(0, (const __global half *)word) : (float2)(0.0f);
  to[0] = v.x;
  to[step] = v.y;
#endif
}

#if OPERAND != 2
#define NUMBERS (TILE_K / WORDS)
static sums
step(sums s, float a, float4 w)
{
  return fma((float4)(a), w, s);
}
#elif defined(DOT)
#define NUMBERS 1
static sums
step(sums s, uint a, uint4 w)
{
  s.x = dot_acc_sat_4x8packed_us_int(a, w.x, s.x);
  s.y = dot_acc_sat_4x8packed_us_int(a, w.y, s.y);
  s.z = dot_acc_sat_4x8packed_us_int(a, w.z, s.z);
  s.w = dot_acc_sat_4x8packed_us_int(a, w.w, s.w);
  return s;
}
#else
#define NUMBERS 1
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
#endif

#if OPERAND == 2
#define FINISH(s, a) \
  fma(convert_float4((s) - (int4)((int)(a)[k + 1]) * vload4(0, (const __global int *)bias + 2 * columns + column)), \
      (float4)(as_float((a)[k])) * vload4(0, bias + columns + column), vload4(0, bias + column))
#else
#define FINISH(s, a) (s)
#endif

#define STORE(i, PUT) \
  if (row + i < m) \
    PUT(FINISH(s##i, A + (size_t)(row + i) * lda), c + i * (size_t)ldc, cols - column);

/* @k: words of a row. @cols: columns that exist in C. A row of the transposed tile of A has a pad, against
 * writes to one bank. */
#define GEMM(name, C_TYPE, PUT) \
  __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void \
  name(const __global uint *restrict A, uint lda, const __global uint *restrict W, \
       const __global float *restrict bias, uint columns, __global C_TYPE *restrict C, uint ldc, uint m, \
       uint k, uint cols) \
  { \
    __local unit4 a_tile[TILE_K][TILE_M / 4 + 1], w_tile[TILE_K][ACROSS]; \
    const uint item = get_local_id(0), down = item / ACROSS, across = item % ACROSS; \
    const uint first = get_group_id(0) * TILE_M, row = first + 8 * down; \
    const uint column = get_group_id(1) * TILE_N + 4 * across; \
    const __global uint *w = W + (size_t)get_group_id(1) * k * TILE_N; \
    sums s0 = START, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0; \
    for (uint start = 0; start < k; start += WORDS) { \
      for (uint i = item; i < TILE_M * WORDS; i += GROUP) { \
        const uint r = i / WORDS, j = i % WORDS, at = min(start + j, k - 1); \
        unpack(A + (size_t)min(first + r, m - 1) * lda + at, start + j < k, \
               (__local unit *)a_tile[NUMBERS * j] + r, 4 * (TILE_M / 4 + 1)); \
      } \
      for (uint i = item; i < TILE_N * WORDS; i += GROUP) { \
        const uint j = i / TILE_N, n = i % TILE_N, at = min(start + j, k - 1); \
        unpack(w + (size_t)at * TILE_N + n, start + j < k, (__local unit *)w_tile[NUMBERS * j] + n, TILE_N); \
      } \
      barrier(CLK_LOCAL_MEM_FENCE); \
      for (uint i = 0; i < TILE_K; i++) { \
        const unit4 a = a_tile[i][2 * down], b = a_tile[i][2 * down + 1], v = w_tile[i][across]; \
        s0 = step(s0, a.x, v); \
        s1 = step(s1, a.y, v); \
        s2 = step(s2, a.z, v); \
        s3 = step(s3, a.w, v); \
        s4 = step(s4, b.x, v); \
        s5 = step(s5, b.y, v); \
        s6 = step(s6, b.z, v); \
        s7 = step(s7, b.w, v); \
      } \
      barrier(CLK_LOCAL_MEM_FENCE); \
    } \
    if (column >= cols) \
      return; \
    __global C_TYPE *c = C + (size_t)row * ldc + column; \
    STORE(0, PUT) STORE(1, PUT) STORE(2, PUT) STORE(3, PUT) \
    STORE(4, PUT) STORE(5, PUT) STORE(6, PUT) STORE(7, PUT) \
  }

ALL_GEMMS
