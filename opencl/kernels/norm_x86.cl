/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LayerNorm with explicit vectors, a work-item (and work-group) a row; the arithmetic is
 * norm_portable.cl's. n need not be a multiple of the vector.
 */
#include "vec_x86.h"

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
layernorm(const __global float *X, ulong ldx, __global float *Y, ulong ldy, uint m, uint n,
          const __global float *restrict gain, const __global float *restrict bias, float eps)
{
  const uint row = get_group_id(0), body = n - n % VEC;
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global float *y = Y + row * ldy;
  vec sum = (vec)(0.0f);
  float tail = 0.0f;
  for (uint i = 0; i < body; i += VEC)
    sum += VLOAD(x + i);
  for (uint i = body; i < n; i++)
    tail += x[i];
  const float mean = (total(sum) + tail) / n;
  vec square = (vec)(0.0f);
  float square_tail = 0.0f;
  sum = (vec)(0.0f);
  tail = 0.0f;
  for (uint i = 0; i < body; i += VEC) {
    const vec d = VLOAD(x + i) - (vec)(mean);
    sum += d;
    square = FMA(d, d, square);
  }
  for (uint i = body; i < n; i++) {
    const float d = x[i] - mean;
    tail += d;
    square_tail = fma(d, d, square_tail);
  }
  const float shift = (total(sum) + tail) / n;
  const float variance = fmax(fma(-shift, shift, (total(square) + square_tail) / n), 0.0f);
  const float scale = 1.0f / sqrt(variance + eps);
  for (uint i = 0; i < body; i += VEC) {
    const vec d = (VLOAD(x + i) - (vec)(mean) - (vec)(shift)) * (vec)(scale);
    VSTORE(FMA(d, VLOAD(gain + i), VLOAD(bias + i)), y + i);
  }
  for (uint i = body; i < n; i++)
    y[i] = fma((x[i] - mean - shift) * scale, gain[i], bias[i]);
}
