/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What surrounds the patch product: bytes to floats before it, tokens and positions after it. The same for
 * texts, whose tokens are rows of a table. */

/* u8 pixels to operands (ops.h) around zero; exact. The tower's bias knows about the 128. */
__kernel void
embed_pixels(const __global uchar *restrict patches, uint k, __global uint *restrict x, uint ld, uint m)
{
  const uint i = get_global_id(0), row = get_global_id(1);
  if (i >= k || row >= m)
    return;
  const uchar byte = patches[(size_t)row * k + i];
  __global uint *to = x + (size_t)row * ld;
#if OPERAND == 0
  ((__global float *)to)[i] = (float)byte - 128.0f;
#elif OPERAND == 1 || OPERAND == 3
#if OPERAND == 1
  ((__global ushort *)to)[i] = (ushort)(as_uint((float)byte - 128.0f) >> 16);
#else
  vstore_half((float)byte - 128.0f, i, (__global half *)to);
#endif
  if (i == k - 1 && k % 2 == 1)
    ((__global ushort *)to)[k] = 0;
#else
  ((__global uchar *)to)[i] = byte;
  if (i == 0) {
    to[(k + 3) / 4] = as_uint(1.0f);
    to[(k + 3) / 4 + 1] = 128;
  }
#endif
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

/* x[row] = table[ids[row]] + position[places[row]]: a text's tokens. */
__kernel void
embed_text(const __global float *restrict table, const __global float *restrict position,
           const __global uint *restrict ids, const __global uint *restrict places,
           __global float *restrict x, uint ldx, uint n, uint m)
{
  const uint i = get_global_id(0), row = get_global_id(1);
  if (i >= n || row >= m)
    return;
  x[(size_t)row * ldx + i] = table[(size_t)ids[row] * n + i] + position[(size_t)places[row] * n + i];
}

/* y[i] = the last row of text i (sequence.h) in x. */
__kernel void
embed_last(const __global float *restrict x, uint ldx, const __global uint *restrict starts,
           __global float *restrict y, uint ldy, uint n, uint m)
{
  const uint i = get_global_id(0), row = get_global_id(1);
  if (i >= n || row >= m)
    return;
  y[(size_t)row * ldy + i] = x[(size_t)(starts[row + 1] - 1) * ldx + i];
}
