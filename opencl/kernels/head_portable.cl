/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * v = alpha * feature; point = exp_map0(v); distance = min(|v|, asinh(2^15) / sqrt(c)), a work-item
 * an image. The formulas and clamps are core/lorentz.h's. The norm is scaled by the largest
 * component, so that it cannot overflow.
 */
__kernel void
head_exp_map(const __global float *restrict features, uint n, uint m, float alpha, float root_c,
             __global float *restrict points, __global float *restrict distances)
{
  const uint image = get_global_id(0);
  if (image >= m)
    return;
  const __global float *f = features + (size_t)image * n;
  float largest = 0.0f, sum = 0.0f;
  for (uint i = 0; i < n; i++)
    largest = fmax(largest, fabs(f[i]));
  const float unit = largest > 0.0f ? largest : 1.0f;
  for (uint i = 0; i < n; i++) {
    const float v = f[i] / unit;
    sum = fma(v, v, sum);
  }
  const float norm = sqrt(sum) * unit * fabs(alpha);
  const float limit = 11.090354888959125f; /* asinh(2^15) */
  const float radius = fmax(root_c * norm, 1e-8f);
  const float gain = alpha * (sinh(fmin(radius, limit)) / radius);
  for (uint i = 0; i < n; i++)
    points[(size_t)image * n + i] = gain * f[i];
  distances[image] = fmin(norm, limit / root_c);
}
