/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias), OpenCL C 1.2, any device: a work-item makes 4 rows by 4 columns. W is
 * packed in panels of 4 columns, K-major. Rows past m are computed again from the last row and not
 * stored, so that every element takes the same instructions.
 */
#define ROWS 4
#define PANEL 4

static float4
act_none(float4 x)
{
  return x;
}

static float4
act_quick_gelu(float4 x)
{
  return x / (1.0f + exp(-1.702f * x));
}

static float4
act_gelu(float4 x)
{
  return 0.5f * x * erfc(-0.70710678118654752f * x);
}

static void
put(float4 v, __global float *c, uint room, int residual)
{
  const float s[4] = {v.x, v.y, v.z, v.w};
  for (uint j = 0; j < min(room, (uint)PANEL); j++)
    c[j] = residual ? c[j] + s[j] : s[j];
}

/* @cols: columns that exist in C; a panel's columns past it are not touched. */
#define GEMM(name, act, residual) \
  __kernel void name(const __global float *restrict A, uint lda, const __global float *restrict W, \
                     const __global float *restrict bias, __global float *restrict C, uint ldc, \
                     uint m, uint k, uint cols) \
  { \
    const uint row = get_global_id(0) * ROWS, panel = get_global_id(1); \
    if (row >= m || panel * PANEL >= cols) \
      return; \
    const __global float *w = W + (size_t)panel * k * PANEL; \
    const __global float *a0 = A + (size_t)row * lda; \
    const __global float *a1 = A + (size_t)min(row + 1, m - 1) * lda; \
    const __global float *a2 = A + (size_t)min(row + 2, m - 1) * lda; \
    const __global float *a3 = A + (size_t)min(row + 3, m - 1) * lda; \
    const float4 b = vload4(panel, bias); \
    float4 s0 = b, s1 = b, s2 = b, s3 = b; \
    for (uint i = 0; i < k; i++) { \
      const float4 v = vload4(i, w); \
      s0 = fma((float4)(a0[i]), v, s0); \
      s1 = fma((float4)(a1[i]), v, s1); \
      s2 = fma((float4)(a2[i]), v, s2); \
      s3 = fma((float4)(a3[i]), v, s3); \
    } \
    __global float *c = C + (size_t)row * ldc + panel * PANEL; \
    const uint room = cols - panel * PANEL; \
    put(act(s0), c, room, residual); \
    if (row + 1 < m) \
      put(act(s1), c + ldc, room, residual); \
    if (row + 2 < m) \
      put(act(s2), c + 2 * (size_t)ldc, room, residual); \
    if (row + 3 < m) \
      put(act(s3), c + 3 * (size_t)ldc, room, residual); \
  }

GEMM(gemm_bias, act_none, 0)
GEMM(gemm_quick_gelu, act_quick_gelu, 0)
GEMM(gemm_gelu, act_gelu, 0)
GEMM(gemm_residual, act_none, 1)
