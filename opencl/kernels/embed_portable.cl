/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What surrounds the patch product: bytes to floats before it, tokens and positions after it. */

/* u8 pixels to floats around zero; exact. The tower's bias knows about the 128. */
__kernel void
embed_pixels(const __global uchar *restrict patches, uint k, __global float *restrict x, uint ld,
             uint m)
{
  const uint i = get_global_id(0), row = get_global_id(1);
  if (i >= k || row >= m)
    return;
  x[(size_t)row * ld + i] = (float)patches[(size_t)row * k + i] - 128.0f;
}

/* x[image][0] = class token, x[image][1 + p] = y[image][p], both plus the position's embedding. */
__kernel void
embed_tokens(const __global float *restrict y, uint ldy, const __global float *restrict token,
             const __global float *restrict position, __global float *restrict x, uint ldx,
             uint tokens, uint n, uint m)
{
  const uint i = get_global_id(0), row = get_global_id(1);
  if (i >= n || row >= m)
    return;
  const uint image = row / tokens, place = row % tokens;
  const float v = place == 0 ? token[i] : y[((size_t)image * (tokens - 1) + place - 1) * ldy + i];
  x[(size_t)row * ldx + i] = v + position[(size_t)place * n + i];
}
