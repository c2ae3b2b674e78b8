/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias) by the matrix engines of Intel's GPUs (cl_intel_subgroup_matrix_multiply_accumulate):
 * a work-group makes 64 rows by 64 columns, a sub-group 16 rows by two panels, which are as wide as it. Its product
 * takes 8 words along k: of a row of A a lane has its share (a word, or half of one where a sub-group has 16 lanes),
 * of a panel all of its column, of the sums eight rows of its column. A row of an operand and eight rows of a panel
 * are just that, as they lie (ops.h): nothing is repacked, and the three precisions differ in the instruction only.
 * Rows past m are computed again from the last row, panels past the last from that, and not stored; words past k
 * are zeros. Twice the rows do not fit 128 registers: Intel's compiler (1.0.12504) spills 20 of them.
 * -DSUB_GROUP: lanes, 8 or 16: the fewest that the device has, as the instruction wants it. -DOPERAND=1: bf16,
 * 2: int8 (bias is followed by the scales of W's rows and by their sums, @columns apart), 3: fp16.
 */
#include "bf16.h"
#include "gemm.h"

#define TILE 64
#define GROUP 128
#define DEPTH 8 /* words along k of a product */
#define ACROSS (TILE / (2 * SUB_GROUP)) /* sub-groups */
/* A pad: rows of the tile begin in different banks. */
#define C_STEP (TILE + 4)

#include "gemm_store.h"

#if SUB_GROUP == 16
typedef ushort share;
typedef ushort8 shares; /* of eight rows */
#define READ(p) intel_sub_group_block_read_us(p)
#define SIGNED(a) as_short8(a)
#else
typedef uint share;
typedef uint8 shares;
#define READ(p) intel_sub_group_block_read(p)
#define SIGNED(a) as_int8(a)
#endif

#if OPERAND == 1
typedef float number;
typedef float8 sums;
#define MULTIPLY(a, b, s) intel_sub_group_bf16_bf16_matrix_mad_k16(SIGNED(a), b, s)
#elif OPERAND == 2
typedef int number;
typedef int8 sums;
#define MULTIPLY(a, b, s) intel_sub_group_u8_i8_matrix_mad_k32(a, b, s)
#else
typedef float number;
typedef float8 sums;
#define MULTIPLY(a, b, s) intel_sub_group_f16_f16_matrix_mad_k16(SIGNED(a), b, s)
#endif

/* The block reads know no bounds: the last words, where they are fewer, are read one by one. */
#define READ_LAST(p) (start + lane * sizeof(share) / 4 < k ? (p)[lane] : 0)
#define READ8(p) intel_sub_group_block_read8(p)
#define WORD_LAST(p, j) (start + j < k ? (p)[j * SUB_GROUP + lane] : 0)
#define READ8_LAST(p) \
  (uint8)(WORD_LAST(p, 0), WORD_LAST(p, 1), WORD_LAST(p, 2), WORD_LAST(p, 3), WORD_LAST(p, 4), WORD_LAST(p, 5), \
          WORD_LAST(p, 6), WORD_LAST(p, 7))

#define SHARE(read, r) read((const __global share *)(A + (size_t)min(first + r, m - 1) * lda + start))
#define LOAD_A(read, i) \
  const shares a##i = (shares)(SHARE(read, 8 * i), SHARE(read, 8 * i + 1), SHARE(read, 8 * i + 2), \
                               SHARE(read, 8 * i + 3), SHARE(read, 8 * i + 4), SHARE(read, 8 * i + 5), \
                               SHARE(read, 8 * i + 6), SHARE(read, 8 * i + 7));
#define LOAD_B(read, n) const int8 b##n = as_int8(read(w##n + (size_t)start * SUB_GROUP));
#define ADD(i, n) s##i##n = MULTIPLY(a##i, b##n, s##i##n);
#define ALL(F) F(0, 0) F(0, 1) F(1, 0) F(1, 1)
#define STEP(read, read8) \
  LOAD_B(read8, 0) LOAD_B(read8, 1) \
  LOAD_A(read, 0) LOAD_A(read, 1) \
  ALL(ADD)

#define PANEL(n) \
  (W + (size_t)min((uint)get_group_id(1) * 2 * ACROSS + left + n, columns / SUB_GROUP - 1) * k * SUB_GROUP)
#define KEEP(i, n) \
  { \
    __local number *to = c_tile[top + 8 * i] + (left + n) * SUB_GROUP + lane; \
    to[0] = s##i##n.s0; \
    to[C_STEP] = s##i##n.s1; \
    to[2 * C_STEP] = s##i##n.s2; \
    to[3 * C_STEP] = s##i##n.s3; \
    to[4 * C_STEP] = s##i##n.s4; \
    to[5 * C_STEP] = s##i##n.s5; \
    to[6 * C_STEP] = s##i##n.s6; \
    to[7 * C_STEP] = s##i##n.s7; \
  }

/* @k: words of a row. @cols: columns that exist in C. */
#define GEMM(name, C_TYPE, PUT) \
  __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) \
  __attribute__((intel_reqd_sub_group_size(SUB_GROUP))) void \
  name(const __global uint *restrict A, uint lda, const __global uint *restrict W, \
       const __global float *restrict bias, uint columns, __global C_TYPE *restrict C, uint ldc, uint m, \
       uint k, uint cols) \
  { \
    __local number c_tile[TILE][C_STEP]; \
    const uint lane = get_sub_group_local_id(), group = get_sub_group_id(); \
    const uint top = group / ACROSS * 16, left = group % ACROSS * 2; \
    const uint first = get_group_id(0) * TILE + top; \
    const __global uint *w0 = PANEL(0), *w1 = PANEL(1); \
    sums s00 = (sums)(0), s01 = s00, s10 = s00, s11 = s00; \
    uint start = 0; \
    for (; start + DEPTH <= k; start += DEPTH) { \
      STEP(READ, READ8) \
    } \
    if (start < k) { \
      STEP(READ_LAST, READ8_LAST) \
    } \
    ALL(KEEP) \
    barrier(CLK_LOCAL_MEM_FENCE); \
    STORE_TILE(PUT) \
  }

ALL_GEMMS
