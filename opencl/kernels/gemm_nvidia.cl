/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias) by NVIDIA's tensor cores, with inline PTX (mma.sync: compute capability 8.0): a
 * work-group of four warps makes 64 rows by 64 columns, a warp 32 by 32, over tiles of 16 words of A and W in
 * local memory. A fragment's registers hold words along k, as operands and panels do (ops.h): nothing is
 * repacked, and the three precisions differ in the instruction only. Rows past m are computed again from the
 * last row and not stored, words past k are zeros.
 * -DOPERAND=1: bf16, 2: int8 (bias is followed by the scales of W's rows and by their sums, @columns apart),
 * 3: fp16. -DEMULATE: the instruction in OpenCL C, by the layout that PTX documents, on any device: for tests.
 */
#include "bf16.h"
#include "gemm.h"

#define TILE 64
#define WORDS 16
#define GROUP 128
/* Pads: the eight rows (four words) that a warp reads at once lie in different banks. */
#define A_STEP (WORDS + 4)
#define W_STEP (TILE + 8)
#define C_STEP (TILE + 4)

#include "gemm_store.h"

#if OPERAND == 2
typedef int number;
typedef int4 sums;
#else
typedef float number;
typedef float4 sums;
#endif

#ifdef EMULATE
#define FRAGMENTS __local uint fragments[GROUP][6];
#define FRAGMENTS_ARG fragments

static number
product(number s, uint a, uint b)
{
#if OPERAND == 1
  s = fma(as_float(a << 16), as_float(b << 16), s);
  return fma(as_float(a & 0xffff0000u), as_float(b & 0xffff0000u), s);
#elif OPERAND == 2
  const int w = as_int(b);
  return s + (int)(a & 255) * (w << 24 >> 24) + (int)(a >> 8 & 255) * (w << 16 >> 24) +
         (int)(a >> 16 & 255) * (w << 8 >> 24) + (int)(a >> 24) * (w >> 24);
#else
  const uint words[2] = {a, b};
  const float4 x = vload_half4(0, (const half *)words);
  return fma(x.y, x.w, fma(x.x, x.z, s));
#endif
}

/* Lane 4 g + t has A's words t and t + 4 of rows g and g + 8, B's words t and t + 4 of column g, and C's
 * columns 2 t and 2 t + 1 of rows g and g + 8. */
static sums
mma(sums c, uint4 a, uint2 b, __local uint (*fragments)[6])
{
  const uint item = get_local_id(0), lane = item % 32, warp = item - lane, g = lane / 4, t = lane % 4;
  barrier(CLK_LOCAL_MEM_FENCE);
  fragments[item][0] = a.x;
  fragments[item][1] = a.y;
  fragments[item][2] = a.z;
  fragments[item][3] = a.w;
  fragments[item][4] = b.x;
  fragments[item][5] = b.y;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint i = 0; i < 8; i++) {
    const __local uint *row = fragments[warp + 4 * g + i % 4] + i / 4 * 2;
    const uint w0 = fragments[warp + 8 * t + i % 4][4 + i / 4];
    const uint w1 = fragments[warp + 8 * t + 4 + i % 4][4 + i / 4];
    c.x = product(c.x, row[0], w0);
    c.y = product(c.y, row[0], w1);
    c.z = product(c.z, row[1], w0);
    c.w = product(c.w, row[1], w1);
  }
  return c;
}
#else
#define FRAGMENTS
#define FRAGMENTS_ARG 0

#if OPERAND == 1
#define MMA "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
#define REGISTER "+f"
#elif OPERAND == 2
#define MMA "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32"
#define REGISTER "+r"
#else
#define MMA "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
#define REGISTER "+f"
#endif

static sums
mma(sums c, uint4 a, uint2 b, int unused)
{
  number c0 = c.x, c1 = c.y, c2 = c.z, c3 = c.w;
  const uint a0 = a.x, a1 = a.y, a2 = a.z, a3 = a.w, b0 = b.x, b1 = b.y;
  __asm__ volatile(MMA " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                   : REGISTER(c0), REGISTER(c1), REGISTER(c2), REGISTER(c3)
                   : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  return (sums)(c0, c1, c2, c3);
}
#endif

#define LOAD_A(i) \
  const uint4 a##i = (uint4)(a_tile[top + 16 * i + g][j + t], a_tile[top + 16 * i + g + 8][j + t], \
                             a_tile[top + 16 * i + g][j + t + 4], a_tile[top + 16 * i + g + 8][j + t + 4]);
#define LOAD_B(i) const uint2 b##i = (uint2)(w_tile[j + t][left + 8 * i + g], w_tile[j + t + 4][left + 8 * i + g]);
#define MULTIPLY(i, n) s##i##n = mma(s##i##n, a##i, b##n, FRAGMENTS_ARG);
#define KEEP(i, n) \
  { \
    __local number *to = c_tile[top + 16 * i + g] + left + 8 * n + 2 * t; \
    to[0] = s##i##n.x; \
    to[1] = s##i##n.y; \
    to[8 * C_STEP] = s##i##n.z; \
    to[8 * C_STEP + 1] = s##i##n.w; \
  }
#define ALL(F) F(0, 0) F(0, 1) F(0, 2) F(0, 3) F(1, 0) F(1, 1) F(1, 2) F(1, 3)

/* @k: words of a row. @cols: columns that exist in C. */
#define GEMM(name, C_TYPE, PUT) \
  __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void \
  name(const __global uint *restrict A, uint lda, const __global uint *restrict W, \
       const __global float *restrict bias, uint columns, __global C_TYPE *restrict C, uint ldc, uint m, \
       uint k, uint cols) \
  { \
    __local uint a_tile[TILE][A_STEP], w_tile[WORDS][W_STEP]; \
    __local number c_tile[TILE][C_STEP]; \
    FRAGMENTS \
    const uint item = get_local_id(0), warp = item / 32, g = item % 32 / 4, t = item % 4; \
    const uint top = warp / 2 * 32, left = warp % 2 * 32; \
    const uint first = get_group_id(0) * TILE; \
    const __global uint *w = W + (size_t)get_group_id(1) * k * TILE; \
    sums s00 = (sums)(0), s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00; \
    for (uint start = 0; start < k; start += WORDS) { \
      for (uint i = item; i < TILE * WORDS; i += GROUP) { \
        const uint r = i / WORDS, j = i % WORDS, at = min(start + j, k - 1); \
        const uint word = A[(size_t)min(first + r, m - 1) * lda + at]; \
        a_tile[r][j] = start + j < k ? word : 0; \
      } \
      for (uint i = item; i < TILE * WORDS; i += GROUP) { \
        const uint j = i / TILE, n = i % TILE, at = min(start + j, k - 1); \
        const uint word = w[(size_t)at * TILE + n]; \
        w_tile[j][n] = start + j < k ? word : 0; \
      } \
      barrier(CLK_LOCAL_MEM_FENCE); \
      for (uint j = 0; j < WORDS; j += 8) { \
        LOAD_A(0) LOAD_A(1) \
        LOAD_B(0) LOAD_B(1) LOAD_B(2) LOAD_B(3) \
        ALL(MULTIPLY) \
      } \
      barrier(CLK_LOCAL_MEM_FENCE); \
    } \
    ALL(KEEP) \
    barrier(CLK_LOCAL_MEM_FENCE); \
    STORE_TILE(PUT) \
  }

ALL_GEMMS
