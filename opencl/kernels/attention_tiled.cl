/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * softmax(scale Q K^T) V, OpenCL C 1.2, for devices with local memory of their own: a work-group of 128
 * takes 32 queries of a head of an image, and goes through tiles of 64 keys with a running maximum and sum
 * (online softmax, Milakov and Gimelshein 2018). A work-item makes 4 queries by 4 keys of the logits, then 4
 * queries by 4 columns of the result, and more 64 columns further. Keys past the last have no weight.
 * A row of qkv holds q of all heads, then k, then v, each head HEAD floats of which the padding is zero.
 * -DHEAD=padded head dimension, a multiple of 16.
 */
#include "sequence.h"

#define QUERIES 32
#define KEYS 64
#define GROUP 128
#define ACROSS 16 /* work-items along keys and along columns */
#define CHUNK 16  /* columns of K, or rows of V, in local memory */
#define COLUMNS (HEAD / 4)
#define REPEATS ((COLUMNS + ACROSS - 1) / ACROSS)
#define PART (CHUNK * (KEYS / 4 + 1) > CHUNK * COLUMNS ? CHUNK * (KEYS / 4 + 1) : CHUNK * COLUMNS)

static float
largest(float4 v)
{
  return fmax(fmax(v.x, v.y), fmax(v.z, v.w));
}

#define ROWS(F) F(0, x) F(1, y) F(2, z) F(3, w)

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
attention(const __global float *restrict qkv, uint ld, __global float *restrict out, uint ldo, uint tokens,
          uint heads, uint images, uint queries, float scale SEQUENCES)
{
  __local float4 q_tile[HEAD][QUERIES / 4 + 1], part[PART], p_tile[KEYS][QUERIES / 4 + 1];
  __local float shared[QUERIES][ACROSS];
  const uint item = get_local_id(0), down = item / ACROSS, across = item % ACROSS;
  const uint head = get_group_id(1), image = get_group_id(2), length = LENGTH(image, tokens);
  const uint first = get_group_id(0) * QUERIES + FIRST_QUERY(length), end = END_QUERY(length, queries);
  /* A group that has no query takes part in the barriers alone. Of a tile's keys each query sees the first at
   * least: a tile starts at a multiple of 64, and not behind the group's first query, a multiple of 32 or the
   * only one. */
  const uint keys = first < end ? SEEN(first + QUERIES - 1, length) : 0;
  const __global float *q = qkv + FIRST_ROW(image, tokens) * ld + head * HEAD;
  const __global float *k = q + heads * HEAD, *v = k + heads * HEAD;
  float4 o0[REPEATS], o1[REPEATS], o2[REPEATS], o3[REPEATS];
  float4 top = (float4)(-INFINITY), sum = (float4)(0.0f);
  for (uint j = 0; j < REPEATS; j++)
    o0[j] = o1[j] = o2[j] = o3[j] = (float4)(0.0f);

  for (uint i = item; i < QUERIES * HEAD; i += GROUP) {
    const uint r = i / HEAD, d = i % HEAD;
    ((__local float *)q_tile[d])[r] = q[(size_t)min(first + r, end - 1) * ld + d];
  }
  for (uint start = 0; start < keys; start += KEYS) {
    float4 s0 = (float4)(0.0f), s1 = s0, s2 = s0, s3 = s0;
    for (uint from = 0; from < HEAD; from += CHUNK) {
      barrier(CLK_LOCAL_MEM_FENCE);
      for (uint i = item; i < KEYS * CHUNK; i += GROUP) {
        const uint key = i / CHUNK, d = i % CHUNK;
        ((__local float *)(part + d * (KEYS / 4 + 1)))[key] =
            k[(size_t)min(start + key, keys - 1) * ld + from + d];
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      for (uint d = 0; d < CHUNK; d++) {
        const float4 a = q_tile[from + d][down], b = part[d * (KEYS / 4 + 1) + across];
#define LOGITS(i, c) s##i = fma((float4)(a.c), b, s##i);
        ROWS(LOGITS)
      }
    }
    const int4 key_of = (int4)(start + 4 * across) + (int4)(0, 1, 2, 3);
#define MAXIMUM(i, c) \
  s##i = select(s##i, (float4)(-INFINITY), key_of >= (int4)(SEEN(first + 4 * down + i, length))); \
  shared[4 * down + i][across] = largest(s##i);
    ROWS(MAXIMUM)
    barrier(CLK_LOCAL_MEM_FENCE);
    float4 now = top;
    for (uint j = 0; j < ACROSS; j++)
      now = fmax(now, (float4)(shared[4 * down][j], shared[4 * down + 1][j], shared[4 * down + 2][j],
                               shared[4 * down + 3][j]));
    const float4 fade = exp((top - now) * scale);
    top = now;
#define WEIGHTS(i, c) \
  s##i = exp((s##i - (float4)(now.c)) * scale); \
  sum.c = fma(sum.c, fade.c, (s##i.x + s##i.y) + (s##i.z + s##i.w));
    ROWS(WEIGHTS)
    p_tile[4 * across][down] = (float4)(s0.x, s1.x, s2.x, s3.x);
    p_tile[4 * across + 1][down] = (float4)(s0.y, s1.y, s2.y, s3.y);
    p_tile[4 * across + 2][down] = (float4)(s0.z, s1.z, s2.z, s3.z);
    p_tile[4 * across + 3][down] = (float4)(s0.w, s1.w, s2.w, s3.w);
    for (uint j = 0; j < REPEATS; j++) {
#define FADE(i, c) o##i[j] *= fade.c;
      ROWS(FADE)
    }
    for (uint from = 0; from < KEYS && start + from < keys; from += CHUNK) {
      barrier(CLK_LOCAL_MEM_FENCE);
      for (uint i = item; i < CHUNK * HEAD; i += GROUP) {
        const uint key = start + from + i / HEAD;
        const float value = v[(size_t)min(key, keys - 1) * ld + i % HEAD];
        ((__local float *)part)[i] = key < keys ? value : 0.0f;
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      for (uint key = 0; key < CHUNK; key++) {
        const float4 p = p_tile[from + key][down];
        for (uint j = 0; j < REPEATS; j++) {
          if (across + j * ACROSS < COLUMNS) {
            const float4 b = part[key * COLUMNS + across + j * ACROSS];
#define RESULT(i, c) o##i[j] = fma((float4)(p.c), b, o##i[j]);
            ROWS(RESULT)
          }
        }
      }
    }
  }
#define SUM(i, c) shared[4 * down + i][across] = sum.c;
  ROWS(SUM)
  barrier(CLK_LOCAL_MEM_FENCE);
  float4 total = (float4)(0.0f);
  for (uint j = 0; j < ACROSS; j++)
    total += (float4)(shared[4 * down][j], shared[4 * down + 1][j], shared[4 * down + 2][j],
                      shared[4 * down + 3][j]);
  const uint row = first + 4 * down;
  __global float *o = out + RESULT_ROW(image, tokens, row) * ldo + head * HEAD;
  for (uint j = 0; j < REPEATS; j++) {
    const uint column = across + j * ACROSS;
    if (column < COLUMNS) {
#define STORE(i, c) \
  if (row + i < end) \
    vstore4(o##i[j] / total.c, column, o + i * (size_t)ldo);
      ROWS(STORE)
    }
  }
}
