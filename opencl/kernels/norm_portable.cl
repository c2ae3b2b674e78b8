/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LayerNorm, a work-item a row; x and y may be the same buffer. Two passes, and a correction of the
 * mean inside the second: a row with a large common offset loses no digits.
 */
__kernel void
layernorm(const __global float *X, ulong ldx, __global float *Y, ulong ldy, uint m, uint n,
          const __global float *restrict gain, const __global float *restrict bias, float eps)
{
  const uint row = get_global_id(0);
  if (row >= m)
    return;
  const __global float *x = X + row * ldx;
  __global float *y = Y + row * ldy;
  float mean = 0.0f, shift = 0.0f, square = 0.0f;
  for (uint i = 0; i < n; i++)
    mean += x[i];
  mean /= n;
  for (uint i = 0; i < n; i++) {
    const float d = x[i] - mean;
    shift += d;
    square = fma(d, d, square);
  }
  shift /= n;
  const float variance = fmax(fma(-shift, shift, square / n), 0.0f);
  const float scale = 1.0f / sqrt(variance + eps);
  for (uint i = 0; i < n; i++)
    y[i] = fma((x[i] - mean - shift) * scale, gain[i], bias[i]);
}
