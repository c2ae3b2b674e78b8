/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias) on a CPU with wide vectors: a register tile of ROWS rows by two vectors,
 * one work-item a work-group, no local memory, no barrier. W is packed in panels of 2*VEC columns,
 * K-major. Row tiles are on x (fastest), so that a panel stays in the cache while A passes by.
 * -DVEC=16 -DROWS=12: 24 accumulators of 32 zmm registers; -DVEC=8 -DROWS=6: 12 of 16 ymm.
 * Every element is one chain of fma over k, whatever tile its row falls in: a batch gives the bits
 * of singles. Rejected: packing A (a leading dimension that is an odd number of cache lines is as
 * fast), splitting K.
 */
#include "vec_x86.h"

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

#define START(r) \
  vec s##r = b0, t##r = b1; \
  const __global float *a##r = a + (size_t)(r) * lda;
#define STEP(r) \
  { \
    const vec x = (vec)(a##r[i]); \
    s##r = FMA(x, w0, s##r); \
    t##r = FMA(x, w1, t##r); \
  }
#define SUM(R) \
  R(START) \
  for (uint i = 0; i < k; i++) { \
    const vec w0 = VLOAD(w + (size_t)i * PANEL), w1 = VLOAD(w + (size_t)i * PANEL + VEC); \
    R(STEP) \
  }

#define PUT_ACT(r, act) put(act(s##r), act(t##r), c + (size_t)(r) * ldc, room);
#define PUT_NONE(r) PUT_ACT(r, act_none)
#define PUT_QUICK_GELU(r) PUT_ACT(r, act_quick_gelu)
#define PUT_GELU(r) PUT_ACT(r, act_gelu)
#define PUT_RESIDUAL(r) add(s##r, t##r, c + (size_t)(r) * ldc, room);

static void
put(vec s, vec t, __global float *c, uint room)
{
  if (room >= PANEL) {
    VSTORE(s, c);
    VSTORE(t, c + VEC);
  } else {
    float tail[PANEL];
    VSTORE(s, tail);
    VSTORE(t, tail + VEC);
    for (uint j = 0; j < room; j++)
      c[j] = tail[j];
  }
}

static void
add(vec s, vec t, __global float *c, uint room)
{
  if (room >= PANEL) {
    VSTORE(VLOAD(c) + s, c);
    VSTORE(VLOAD(c + VEC) + t, c + VEC);
  } else {
    float tail[PANEL];
    VSTORE(s, tail);
    VSTORE(t, tail + VEC);
    for (uint j = 0; j < room; j++)
      c[j] += tail[j];
  }
}

#define TILE(R, PUT) \
  { \
    SUM(R) \
    R(PUT) \
  }

/* @cols: columns that exist in C; a panel's columns past it are not touched. */
#define GEMM(name, PUT) \
  __kernel __attribute__((reqd_work_group_size(1, 1, 1))) void name( \
      const __global float *restrict A, uint lda, const __global float *restrict W, \
      const __global float *restrict bias, __global float *restrict C, uint ldc, uint m, uint k, \
      uint cols) \
  { \
    const uint panel = get_group_id(1); \
    uint row = get_group_id(0) * ROWS; \
    if (row >= m || panel * PANEL >= cols) \
      return; \
    const uint end = min(m, row + ROWS), room = cols - panel * PANEL; \
    const __global float *w = W + (size_t)panel * k * PANEL; \
    const vec b0 = VLOAD(bias + panel * PANEL), b1 = VLOAD(bias + panel * PANEL + VEC); \
    const __global float *a = A + (size_t)row * lda; \
    __global float *c = C + (size_t)row * ldc + panel * PANEL; \
    if (end - row == ROWS) { \
      TILE(RFULL, PUT) \
      return; \
    } \
    for (; row + 4 <= end; row += 4, a += 4 * (size_t)lda, c += 4 * (size_t)ldc) \
      TILE(R4, PUT) \
    for (; row < end; row++, a += lda, c += ldc) \
      TILE(R1, PUT) \
  }

GEMM(gemm_bias, PUT_NONE)
GEMM(gemm_quick_gelu, PUT_QUICK_GELU)
GEMM(gemm_gelu, PUT_GELU)
GEMM(gemm_residual, PUT_RESIDUAL)
