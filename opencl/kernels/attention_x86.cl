/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * softmax(scale Q K^T) V on a CPU with wide vectors: a work-item (and work-group) takes ROWS queries
 * of a head, keeps their full score rows in local memory (no barrier: one work-item), and makes both
 * products by register tiles. attention_pack first lays K^T and V out in panels of
 * 2*VEC columns. Rejected: online softmax; the rows fit the cache, and it costs a second exp.
 * A row of qkv is as in attention_portable.cl; head is the padded head dimension, a multiple of
 * PANEL. Scratch of a head of an image: K^T as [panels][head][PANEL], then V as
 * [head / PANEL][panels * PANEL][PANEL].
 */
#include "vec_x86.h"
#include "sequence.h"
#include "transpose_x86.h"

#define TAKE_KEY(r) x[r] = t + r < n ? AS_IVEC(VLOAD(from + (size_t)(r) * ld)) : (ivec)(0);

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention_pack(const __global float *restrict qkv, uint ld, __global float *restrict scratch,
               uint tokens, uint heads, uint head SEQUENCES)
{
  const uint panel = get_group_id(0), h = get_group_id(1), image = get_group_id(2);
  const uint panels = get_num_groups(0), padded = panels * PANEL, length = LENGTH(image, tokens);
  const uint first = panel * PANEL, n = min((uint)PANEL, length - first);
  if (first >= length)
    return;
  const __global float *k = qkv + (FIRST_ROW(image, tokens) + first) * ld + (heads + h) * head;
  const __global float *v = k + heads * head;
  __global float *kt = scratch + ((size_t)image * heads + h) * 2 * padded * head;
  __global float *vp = kt + (size_t)padded * head + first * PANEL;
  kt += (size_t)first * head;
  for (uint t = 0; t < PANEL; t += VEC) {
    for (uint d = 0; d < head; d += VEC) {
      const __global float *from = k + (size_t)t * ld + d;
      __global float *to = kt + (size_t)d * PANEL + t;
      ivec x[VEC];
      EACH_LANE(TAKE_KEY)
      transpose(x);
      EACH_LANE(GIVE_ROW)
    }
  }
  for (uint t = 0; t < n; t++)
    for (uint d = 0; d < head; d += VEC)
      VSTORE(VLOAD(v + (size_t)t * ld + d),
             vp + (size_t)(d / PANEL) * padded * PANEL + t * PANEL + d % PANEL);
}

#define SUM vec
#define AS_SUM(x) (x)
#define MAC(s, a, w) s = FMA(a, w, s)
#include "tile_x86.h"

#define SCORE_ROW(r) const __global float *x##r = q + (size_t)(first + r) * ld;
#define SCORE_AT(r, c, sum) VSTORE(sum, score + (size_t)(first + r) * padded + p + c * VEC);
#define SCORE_PUT2(r) SCORE_AT(r, 0, s##r) SCORE_AT(r, 1, t##r)
#define SCORE_PUT4(r) SCORE_PUT2(r) SCORE_AT(r, 2, u##r) SCORE_AT(r, 3, v##r)

#define VALUE_ROW(r) const __local float *x##r = score + (size_t)(first + r) * padded;
#define VALUE_AT(r, c, sum) VSTORE(sum * (vec)(share[first + r]), o + (size_t)(first + r) * ldo + p + c * VEC);
#define VALUE_PUT2(r) VALUE_AT(r, 0, s##r) VALUE_AT(r, 1, t##r)
#define VALUE_PUT4(r) VALUE_PUT2(r) VALUE_AT(r, 2, u##r) VALUE_AT(r, 3, v##r)

/* Numbers past @seen are none. */
#define SEEN_OR(i, y, other) (LANES + (ivec)((int)(i)) < (ivec)((int)seen) ? (y) : (vec)(other))

/* A NaN may get lost here: it is in the sum. */
static float
largest_of_row(const __local float *x, uint seen, uint padded)
{
  vec top = (vec)(-INFINITY), top2 = top;
  for (uint i = 0; i < padded; i += PANEL) {
    const vec y = SEEN_OR(i, VLOAD(x + i), -INFINITY), y2 = SEEN_OR(i + VEC, VLOAD(x + i + VEC), -INFINITY);
    top = top > y ? top : y;
    top2 = top2 > y2 ? top2 : y2;
  }
  return largest(MAX(top, top2));
}

/* exp(scale (x - top)) of the first @seen in place, the rest up to @padded 0; returns 1 / sum. */
static float
softmax(__local float *x, uint seen, uint padded, float top, float scale)
{
  vec sum = (vec)(0.0f);
  const vec factor = (vec)(scale * 1.44269504088896341f), most = (vec)(top);
  for (uint i = 0; i < padded; i += VEC) {
    const vec e = SEEN_OR(i, vexp2((VLOAD(x + i) - most) * factor), 0.0f);
    sum += e;
    VSTORE(e, x + i);
  }
  return 1.0f / total(sum);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention(const __global float *restrict qkv, uint ld, const __global float *restrict scratch,
          __global float *restrict out, uint ldo, uint tokens, uint heads, uint head, uint queries,
          float scale, __local float *restrict score SEQUENCES)
{
  const uint h = get_group_id(1), image = get_group_id(2), length = LENGTH(image, tokens);
  const uint row = get_group_id(0) * ROWS + FIRST_QUERY(length);
  const uint end = min((uint)END_QUERY(length, queries), row + ROWS),
             padded = (tokens + PANEL - 1) / PANEL * PANEL;
  const __global float *q = qkv + (FIRST_ROW(image, tokens) + row) * ld + h * head;
  const __global float *kt = scratch + ((size_t)image * heads + h) * 2 * padded * head;
  const __global float *v = kt + (size_t)padded * head;
  __global float *o = out + RESULT_ROW(image, tokens, row) * ldo + h * head;
  float share[ROWS];
  if (row >= end)
    return;
  const uint n = end - row, keys = SEEN(row + n - 1, length), wide = (keys + PANEL - 1) / PANEL * PANEL;
  for (uint r = 0; r < n; r++) { /* the next queries are asked for ahead: they come from far */
    for (uint d = 0; d < head; d += 16)
      __builtin_prefetch((const void *)(size_t)(q + (size_t)(r + n) * ld + d), 0, 2);
  }
  PRODUCT(SCORE_ROW, SCORE_PUT, n, kt, wide, head, head)
  for (uint r = 0; r < n; r++) /* all first: one row's would be waited for */
    share[r] = largest_of_row(score + r * padded, SEEN(row + r, length), wide);
  for (uint r = 0; r < n; r++)
    share[r] = softmax(score + r * padded, SEEN(row + r, length), wide, share[r], scale);
  PRODUCT(VALUE_ROW, VALUE_PUT, n, v, head, padded, keys)
}
