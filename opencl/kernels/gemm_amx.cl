/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias) on AMX tiles (amx.h). A are operands (ops.h), W panels of 32 columns as gemm_x86.cl reads.
 * -DOPERAND=1: bf16, 2: int8, 0: floats, split in three parts: A by the kernel "split", W by each work-item as it
 * comes.
 * A work-item (and work-group) makes @rows rows of a panel, 32 at a time: of floats at most -DROWS, whose sums it
 * keeps. The panel stays in the caches while the rows
 * pass by, and the next one is asked for meanwhile. Panels are on x: so many rows of A stay in the second level cache
 * while the panels pass by; where K is too long for that, it comes in several launches (@from, @here: words of K of
 * this one). What is left of K after whole tiles goes through a copy that is padded with zeros. Every element is one
 * chain of sums over k, whatever tile its row falls in.
 */
#include "outline.h"
#include "vec_x86.h"
#include "epilogue_x86.h"
#include "amx.h"

#define LINE 16 /* words of a cache line */

#if OPERAND == 0
/* In steps of 32 numbers: so many words of A and of W's parts, and floats of W. */
#define STEP 32
#define A_WORDS 48
#define W_WORDS (48 * PANEL)
#define CHUNK 256 /* whose parts stay in the first level cache */
#define STEP_OF(N, a, a_high, lda_, w, ldw) SPLIT3(N, a, a_high, lda_, w, ldw)

/* The parts are cut off, not rounded: three of eight digits are all of a float's. */
#define UPPER(x) (AS_IVEC(x) & (ivec)(0xffff0000))

/* Two rows of a panel to a row of words of each part. */
static void
split_pair(vec x, vec y, uint *to)
{
  _Pragma("unroll") for (uint part = 0; part < 3; part++)
  {
    const ivec u = UPPER(x), v = UPPER(y);
    VSTORE(AS_VEC(as_int16(as_uint16(u) >> 16) | v), (float *)(to + part * TILE_WORDS * PANEL));
    x -= AS_VEC(u);
    y -= AS_VEC(v);
  }
}

/* @n rows of a panel; zeros after them. */
static void
split_panel(const __global float *w, uint n, uint *to)
{
  for (uint i = 0; i < CHUNK && i / STEP * STEP < n; i += 2) {
    uint *row = to + i / STEP * W_WORDS + i % STEP / 2 * PANEL;
    for (uint j = 0; j < PANEL; j += VEC) {
      const vec x = i < n ? VLOAD(w + (size_t)i * PANEL + j) : (vec)(0.0f),
                y = i + 1 < n ? VLOAD(w + (size_t)(i + 1) * PANEL + j) : (vec)(0.0f);
      split_pair(x, y, row + j);
    }
  }
}
#else
#define STEP TILE_WORDS
#define STEP_OF(N, a, a_high, lda_, w, ldw) N(a, a_high, lda_, w, ldw)

/* Rows of @words words to whole tiles' rows. */
static void
pad(const __global uint *from, size_t ld, uint rows, uint words, uint *to)
{
  for (uint r = 0; r < rows; r++) {
    for (uint i = 0; i < TILE_WORDS; i++)
      to[r * TILE_WORDS + i] = i < words ? from[r * ld + i] : 0;
  }
}
#endif

#define FETCH_NEXT \
  for (uint j = 0; j < ahead; j++, next += LINE) \
    __builtin_prefetch((const void *)(size_t)next, 0, 2);

#if OPERAND == 0
/* @at: the first number of this chunk. */
#define SUMS(N) \
  for (uint i = 0; i < CHUNK && at + i < here; i += STEP) { \
    const __global uint *ai = a + (size_t)((at + i) / STEP) * A_WORDS; \
    const uint *wi = w_parts + i / STEP * W_WORDS; \
    STEP_OF(N, ai, ai + 16 * (size_t)lda, lda * 4, wi, PANEL * 4) \
    FETCH_NEXT \
  }
#else
#define SUMS(N) \
  uint i = 0; \
  for (; i + STEP <= here; i += STEP) { \
    STEP_OF(N, a + i, a + 16 * (size_t)lda + i, lda * 4, w + (size_t)i * PANEL, PANEL * 4) \
    FETCH_NEXT \
  } \
  if (i < here) { \
    pad(a + i, lda, low + high, here - i, a_tail); \
    STEP_OF(N, a_tail, a_tail + 16 * TILE_WORDS, 64, w_tail, PANEL * 4) \
  }
#endif

#if OPERAND == 2
#define OPEN \
  const vec by0 = VLOAD(bias + columns + panel * PANEL), \
            by1 = VLOAD(bias + columns + panel * PANEL + VEC); \
  const vec sum0 = __builtin_convertvector(AS_IVEC(VLOAD(bias + 2 * columns + panel * PANEL)), vec) * once, \
            sum1 = __builtin_convertvector(AS_IVEC(VLOAD(bias + 2 * columns + panel * PANEL + VEC)), vec) * once;
#define CLOSE \
  const vec scale = (vec)(as_float(trailer[(size_t)r * lda])), less = (vec)(-(float)(int)trailer[(size_t)r * lda + 1]); \
  const vec u0 = FMA(FMA(less, sum0, __builtin_convertvector(AS_IVEC(s), vec)) * by0, scale, b0), \
            v0 = FMA(FMA(less, sum1, __builtin_convertvector(AS_IVEC(t), vec)) * by1, scale, b1);
#else
#define OPEN
#define CLOSE const vec u0 = b0 + s, v0 = b1 + t;
#endif

/* A block of rows: sums begin at zero, or are taken up again (@again) from @sums. */
#define BLOCK(again) \
  if (configured != low + high) \
    configure(low, max(high, 1u)); \
  configured = low + high; \
  if (again) { \
    LOAD(0, sums, 64) \
    LOAD(1, sums + 256, 64) \
  } else { \
    ZERO(0) \
    ZERO(1) \
  } \
  if (high != 0) { \
    if (again) { \
      LOAD(2, sums + 512, 64) \
      LOAD(3, sums + 768, 64) \
    } else { \
      ZERO(2) \
      ZERO(3) \
    } \
    SUMS(FOUR) \
    STORE(2, sums + 512, 64) \
    STORE(3, sums + 768, 64) \
  } else { \
    SUMS(TWO) \
  } \
  STORE(0, sums, 64) \
  STORE(1, sums + 256, 64)

#define EACH_BLOCK(first_row) \
  for (uint row = first_row; row < end; row += 32)
#define ROWS_OF \
  const uint low = min(end - row, 16u), high = min(end - row - low, 16u); \
  const __global uint *a = A + (size_t)row * lda + a_from;

#if OPERAND == 0
#define SETUP \
  float all_sums[ROWS * PANEL] __attribute__((aligned(64))); \
  uint w_parts[CHUNK / STEP * W_WORDS] __attribute__((aligned(64))); \
  const uint a_from = from / STEP * A_WORDS; \
  for (uint at = 0; at < here; at += CHUNK) { \
    split_panel((const __global float *)w + (size_t)at * PANEL, here - at, w_parts); \
    EACH_BLOCK(first_row) \
    { \
      ROWS_OF \
      float *sums = all_sums + (row - first_row) * PANEL; \
      BLOCK(at != 0) \
    } \
  }
#define PRODUCT const float *sums = all_sums + (row - first_row) * PANEL;
#else
#define SETUP \
  const uint a_from = from, tail = here % STEP; \
  float sums[32 * PANEL] __attribute__((aligned(64))); \
  uint a_tail[32 * TILE_WORDS] __attribute__((aligned(64))); \
  uint w_tail[TILE_WORDS * PANEL] __attribute__((aligned(64))); \
  for (uint j = 0; tail != 0 && j < TILE_WORDS * PANEL; j++) \
    w_tail[j] = j < tail * PANEL ? w[(size_t)(here - tail) * PANEL + j] : 0;
#define PRODUCT \
  BLOCK(false) \
  const __global uint *trailer = a - from + k;
#endif

#define GEMM(name, C_TYPE, PUT) \
  ASM_BODY void name##_rows(const __global uint *restrict A, uint lda, const __global uint *restrict W, \
                            const __global float *restrict bias, uint columns, \
                            __global C_TYPE *restrict C, uint ldc, uint m, uint k, uint cols, uint from, \
                            uint here, uint panel, uint first_row, uint rows) \
  { \
    if (first_row >= m || panel * PANEL >= cols) \
      return; \
    const uint end = min(m, first_row + rows), room = cols - panel * PANEL; \
    const __global uint *w = W + ((size_t)panel * k + from) * PANEL, *next = w + (size_t)k * PANEL; \
    const vec once = (vec)(from == 0); \
    const vec b0 = VLOAD(bias + panel * PANEL) * once, b1 = VLOAD(bias + panel * PANEL + VEC) * once; \
    OPEN \
    /* Lines of the next panel a step: all of it while the rows pass by. */ \
    const uint blocks = (end - first_row + 31) / 32, ahead = (STEP * PANEL / LINE + blocks - 1) / blocks; \
    uint configured = 0; \
    TILE_STATE \
    SETUP \
    EACH_BLOCK(first_row) \
    { \
      ROWS_OF \
      PRODUCT \
      __global C_TYPE *c = C + (size_t)row * ldc + panel * PANEL; \
      for (uint r = 0; r < low + high; r++, c += ldc) { \
        const float *got = sums + r / 16 * 512 + r % 16 * 16; \
        const vec s = VLOAD(got), t = VLOAD(got + 256); \
        CLOSE \
        PUT(0) \
      } \
    } \
    RELEASE \
  } \
  __kernel __attribute__((reqd_work_group_size(1, 1, 1))) void name( \
      const __global uint *restrict A, uint lda, const __global uint *restrict W, \
      const __global float *restrict bias, uint columns, __global C_TYPE *restrict C, uint ldc, uint m, \
      uint k, uint cols, uint from, uint here, uint rows) \
  { \
    name##_rows(A, lda, W, bias, columns, C, ldc, m, k, cols, from, here, get_group_id(0), \
                get_group_id(1) * rows, rows); \
  }

GEMM(gemm_bias, float, PUT_NONE)
GEMM(gemm_quick_gelu, float, PUT_QUICK_GELU)
GEMM(gemm_gelu, float, PUT_GELU)
GEMM(gemm_residual, float, PUT_RESIDUAL)
#if OPERAND != 0
GEMM(gemm_quick_gelu_wide, ushort, PUT_QUICK_GELU_WIDE)
GEMM(gemm_gelu_wide, ushort, PUT_GELU_WIDE)
GEMM(gemm_bias_half, ushort, PUT_HALF)
#else

/* Three parts of 16 numbers. */
static void
split_vec(vec v, __global ushort *to)
{
  _Pragma("unroll") for (uint part = 0; part < 3; part++)
  {
    const ivec u = UPPER(v);
    *(__global loose_halves *)(to + part * 32) = __builtin_convertvector(u >> 16, halves);
    v -= AS_VEC(u);
  }
}

/* @n numbers of a row; zeros after them up to a multiple of 32. What is not finite leaves a NaN, or stays one. */
ASM_BODY void
split_row(const __global float *restrict x, __global ushort *restrict y, uint n)
{
  uint i = 0;
  for (; i + VEC <= n; i += VEC)
    split_vec(VLOAD(x + i), y + i / 32 * 96 + i % 32);
  for (; i % 32 != 0 || i < n; i += VEC) {
    float rest[VEC];
    for (uint j = 0; j < VEC; j++)
      rest[j] = i + j < n ? x[i + j] : 0.0f;
    split_vec(VLOAD(rest), y + i / 32 * 96 + i % 32);
  }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
split(const __global float *restrict X, uint ldx, __global ushort *restrict Y, uint ldy, uint m, uint n)
{
  const uint row = get_group_id(0);
  if (row < m)
    split_row(X + (size_t)row * ldx, Y + (size_t)row * ldy * 2, n);
}
#endif
