/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * softmax(scale Q K^T) V, OpenCL C 1.2, any device: a work-item a query of a head of an image. The
 * logits are computed twice (maximum first), so that no score is stored.
 * A row of qkv holds q of all heads, then k, then v, each head HEAD floats of which the padding is
 * zero. -DHEAD=padded head dimension.
 */
#include "sequence.h"

static float
logit(const __global float *q, const __global float *k)
{
  float s = 0.0f;
  for (uint i = 0; i < HEAD; i++)
    s = fma(q[i], k[i], s);
  return s;
}

__kernel void
attention(const __global float *restrict qkv, uint ld, __global float *restrict out, uint ldo,
          uint tokens, uint heads, uint images, uint queries, float scale SEQUENCES)
{
  const uint head = get_global_id(1), image = get_global_id(2);
  if (head >= heads || image >= images)
    return;
  const uint length = LENGTH(image, tokens), token = get_global_id(0) + FIRST_QUERY(length);
  if (token >= END_QUERY(length, queries))
    return;
  const size_t first = FIRST_ROW(image, tokens);
  const uint seen = SEEN(token, length);
  const __global float *q = qkv + (first + token) * ld + head * HEAD;
  const __global float *k = qkv + first * ld + (heads + head) * HEAD;
  const __global float *v = k + heads * HEAD;
  float top = -INFINITY, sum = 0.0f, acc[HEAD];
  for (uint i = 0; i < HEAD; i++)
    acc[i] = 0.0f;
  for (uint t = 0; t < seen; t++)
    top = fmax(top, logit(q, k + (size_t)t * ld));
  for (uint t = 0; t < seen; t++) {
    const float p = exp((logit(q, k + (size_t)t * ld) - top) * scale);
    sum += p;
    for (uint i = 0; i < HEAD; i++)
      acc[i] = fma(p, v[(size_t)t * ld + i], acc[i]);
  }
  __global float *o = out + RESULT_ROW(image, tokens, token) * ldo + head * HEAD;
  for (uint i = 0; i < HEAD; i++)
    o[i] = acc[i] / sum;
}
