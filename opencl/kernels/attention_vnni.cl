/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * softmax(scale Q K^T) V on a CPU with AVX-512 VNNI, as attention_x86.cl makes it, but in pairs of 12-bit
 * integers: vpdpwssd does twice the work of a float instruction. For precisions below fp32: the error
 * is some hundred times smaller than int8's.
 * q, K and V come as fp16 numbers. q has a scale a row, K and V a scale a panel of keys; V's goes into the
 * shares before they become integers. Scratch of a head of an image, in words of two numbers: K^T as
 * [panels][head / 2][PANEL], V as [head / PANEL][panels * PANEL / 2][PANEL], then the panels' scales of K and of V.
 */
#include "outline.h"
#include "vec_x86.h"
#include "half_x86.h"
#include "largest_x86.h"

#define DOT(s, x, w) __asm__("vpdpwssd %2,%1,%0" : "+v"(s) : "v"(x), "v"(w))
#define SHARE_LIMIT 4095.0f
/* Sums of products stay below 2^31. */
#define KEY_LIMIT(head) ((head) <= 256 ? 2047.0f : 700.0f)
#define VALUE_LIMIT(keys) min(2047.0f, floor(2147483000.0f / (SHARE_LIMIT * (keys))))

typedef short shorts __attribute__((ext_vector_type(VEC)));

/* Rounded, in the lower half. */
static ivec
to_int(vec x, float by)
{
  return AS_IVEC(FMA(x, (vec)(by), (vec)(12582912.0f)));
}

/* 2^x, off by 2.6e-6 (minimax): the shares have 12 bits. 0 far below, and of minus infinity. */
static vec
vexp2_12(vec x)
{
  vec r, y;
  __asm__("vreduceps $0,%1,%0" : "=v"(r) : "v"(x)); /* x less the nearest integer */
  vec p = (vec)(9.570101792e-3f);
  p = FMA(p, r, (vec)(5.591786031e-2f));
  p = FMA(p, r, (vec)(2.402474483e-1f));
  p = FMA(p, r, (vec)(6.931218147e-1f));
  p = FMA(p, r, (vec)(1.0f));
  __asm__("vscalefps %2,%1,%0" : "=v"(y) : "v"(p), "v"(x - r));
  return y;
}

/* Magnitudes are compared as bits: what is not finite is the largest. */
static ivec
louder(ivec most, vec x)
{
  const ivec m = AS_IVEC(x) & (ivec)(0x7fffffff);
  return m > most ? m : most;
}

/* The scale of numbers up to @most: at most @limit units of it. What is not finite poisons it. */
static float
scale_of(ivec most, float limit)
{
  const int8 a = most.lo > most.hi ? most.lo : most.hi;
  const int4 b = a.lo > a.hi ? a.lo : a.hi;
  const int2 c = b.lo > b.hi ? b.lo : b.hi;
  const float m = as_float(c.x > c.y ? c.x : c.y), scale = m / limit;
  return (scale > FLT_MIN ? scale : FLT_MIN) + m * 0.0f;
}

ASM_BODY void
pack(const __global ushort *restrict qkv, uint ld, __global float *restrict scratch, uint tokens, uint heads, uint head,
     uint panel, uint panels, uint h, uint image)
{
  const uint padded = panels * PANEL, first = panel * PANEL, n = min((uint)PANEL, tokens - first);
  const __global ushort *k = qkv + ((size_t)image * tokens + first) * ld + (heads + h) * head;
  const __global ushort *v = k + heads * head;
  __global float *whole = scratch + ((size_t)image * heads + h) * 2 * padded * head;
  __global int *kt = (__global int *)whole + (size_t)first * head / 2;
  __global int *vp = (__global int *)whole + (size_t)padded * head / 2 + first / 2 * PANEL;
  __global float *scales = whole + (size_t)padded * head;
  ivec k_most = (ivec)(0), v_most = (ivec)(0);
  for (uint t = 0; t < n; t++) {
    for (uint d = 0; d < head; d += VEC) {
      k_most = louder(k_most, load_half(k + (size_t)t * ld + d));
      v_most = louder(v_most, load_half(v + (size_t)t * ld + d));
    }
  }
  const float k_scale = scale_of(k_most, KEY_LIMIT(head)),
              v_scale = scale_of(v_most, VALUE_LIMIT(padded));
  const float k_by = 1.0f / k_scale, v_by = 1.0f / v_scale;
  for (uint t = 0; t < n; t++) {
    for (uint d = 0; d < head; d += VEC) {
      const shorts s = __builtin_convertvector(to_int(load_half(k + (size_t)t * ld + d), k_by), shorts);
      const int8 pairs = as_int8(s);
      __global int *to = kt + d / 2 * PANEL + t;
      to[0] = pairs.s0;
      to[PANEL] = pairs.s1;
      to[2 * PANEL] = pairs.s2;
      to[3 * PANEL] = pairs.s3;
      to[4 * PANEL] = pairs.s4;
      to[5 * PANEL] = pairs.s5;
      to[6 * PANEL] = pairs.s6;
      to[7 * PANEL] = pairs.s7;
    }
  }
  for (uint d = 0; d < head / 2; d++) {
    for (uint t = n; t < PANEL; t++)
      kt[d * PANEL + t] = 0;
  }
  for (uint t = 0; t < PANEL; t += 2) {
    for (uint d = 0; d < head; d += VEC) {
      const ivec low = t < n ? to_int(load_half(v + (size_t)t * ld + d), v_by) : (ivec)(0);
      const ivec high = t + 1 < n ? to_int(load_half(v + (size_t)(t + 1) * ld + d), v_by) : (ivec)(0);
      VSTORE(AS_VEC((low & (ivec)(0xffff)) | high << 16),
             (__global float *)(vp + (size_t)(d / PANEL) * padded / 2 * PANEL + t / 2 * PANEL + d % PANEL));
    }
  }
  scales[panel] = k_scale;
  scales[panels + panel] = v_scale;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention_pack(const __global ushort *restrict qkv, uint ld, __global float *restrict scratch,
               uint tokens, uint heads, uint head)
{
  pack(qkv, ld, scratch, tokens, heads, head, get_group_id(0), get_num_groups(0), get_group_id(1),
       get_group_id(2));
}

#define START(r) ivec s##r = (ivec)(0), t##r = (ivec)(0);
#define STEP(r) \
  { \
    const ivec a = (ivec)(x##r[i]); \
    DOT(s##r, a, w0); \
    DOT(t##r, a, w1); \
  }
#define STEPS(R, n) \
  for (uint i = 0; i < (n); i++) { \
    const ivec w0 = AS_IVEC(VLOAD(w + i * PANEL)), w1 = AS_IVEC(VLOAD(w + i * PANEL + VEC)); \
    R(STEP) \
  }

#define SCORE_ROW(r) const __local int *x##r = query + (size_t)(r) * (head / 2);
#define SCORE_PUT(r) \
  { \
    const vec by = (vec)(query_scale[r] * scales[p / PANEL]); \
    VSTORE(__builtin_convertvector(s##r, vec) * by, score + (size_t)(r) * padded + p); \
    VSTORE(__builtin_convertvector(t##r, vec) * by, score + (size_t)(r) * padded + p + VEC); \
  }
#define SCORES(R) \
  for (uint p = 0; p < padded; p += PANEL) { \
    const __global float *w = kt + (size_t)p * head / 2; \
    R(SCORE_ROW) \
    R(START) \
    STEPS(R, head / 2) \
    R(SCORE_PUT) \
  }

#define VALUE_ROW(r) const __local int *x##r = (const __local int *)(score + (size_t)(r) * padded);
#define VALUE_PUT(r) \
  VSTORE(__builtin_convertvector(s##r, vec) * (vec)(share[r]), o + (size_t)(r) * ldo + p); \
  VSTORE(__builtin_convertvector(t##r, vec) * (vec)(share[r]), o + (size_t)(r) * ldo + p + VEC);
#define VALUES(R) \
  for (uint p = 0; p < head; p += PANEL) { \
    const __global float *w = v + (size_t)p * padded / 2; \
    R(VALUE_ROW) \
    R(START) \
    STEPS(R, (tokens + 1) / 2) \
    R(VALUE_PUT) \
  }

/* A row of q in pairs; its scale is returned. @next: a row that is asked for ahead. */
static float
pack_query(const __global ushort *q, const __global ushort *next, uint head, __local int *to)
{
  ivec most = (ivec)(0);
  for (uint d = 0; d < head; d += 2 * VEC)
    __builtin_prefetch((const void *)(size_t)(next + d), 0, 2);
  for (uint d = 0; d < head; d += VEC)
    most = louder(most, load_half(q + d));
  const float scale = scale_of(most, KEY_LIMIT(head)), by = 1.0f / scale;
  for (uint d = 0; d < head; d += VEC)
    *(__local shorts *)(to + d / 2) = __builtin_convertvector(to_int(load_half(q + d), by), shorts);
  return scale;
}

/* exp(scale (x - top)), with V's scales, as integers in place; returns 1 / sum. */
static float
softmax(__local float *x, uint padded, float top, float scale, const __global float *value_scale, float by)
{
  __local shorts *to = (__local shorts *)x;
  vec sum = (vec)(0.0f), sum2 = (vec)(0.0f);
  const vec factor = (vec)(scale * 1.44269504088896341f), below = (vec)(-top) * factor;
  for (uint i = 0; i < padded; i += PANEL) {
    const vec e = vexp2_12(FMA(VLOAD(x + i), factor, below)), f = vexp2_12(FMA(VLOAD(x + i + VEC), factor, below));
    const float v = value_scale[i / PANEL] * by;
    sum += e;
    sum2 += f;
    to[i / VEC] = __builtin_convertvector(to_int(e, v), shorts);
    to[i / VEC + 1] = __builtin_convertvector(to_int(f, v), shorts);
  }
  return 1.0f / total(sum + sum2);
}

/* All rows' largest first: one row's would be waited for. */
#define TILE(R, n) \
  { \
    for (uint r = 0; r < n; r++) \
      query_scale[r] = pack_query(q + (size_t)r * ld, q + (size_t)(r + n) * ld, head, \
                                  query + (size_t)r * (head / 2)); \
    SCORES(R) \
    for (uint r = 0; r < n; r++) \
      share[r] = largest_of_row(score + (size_t)r * padded, tokens, padded); \
    for (uint r = 0; r < n; r++) \
      share[r] = softmax(score + (size_t)r * padded, padded, share[r], scale, scales + panels, by) * unit; \
    VALUES(R) \
  }

#define OF(rows, R) \
  if (end - row == rows) { \
    TILE(R, rows) \
    return; \
  }

ASM_BODY void
attend(const __global ushort *restrict qkv, uint ld, const __global float *restrict scratch,
       __global float *restrict out, uint ldo, uint tokens, uint heads, uint head, uint queries, float scale,
       __local float *restrict score, uint group, uint groups, uint h, uint image)
{
  uint row = FIRST_OF(group, groups, queries);
  const uint end = FIRST_OF(group + 1, groups, queries), panels = (tokens + PANEL - 1) / PANEL, padded = panels * PANEL;
  const __global ushort *q = qkv + ((size_t)image * tokens + row) * ld + h * head;
  const __global float *kt = scratch + ((size_t)image * heads + h) * 2 * padded * head;
  const __global float *v = kt + (size_t)padded * head / 2, *scales = kt + (size_t)padded * head;
  __global float *o = out + ((size_t)image * tokens + row) * ldo + h * head;
  __local int *query = (__local int *)(score + (size_t)ROWS * padded);
  float share[ROWS], query_scale[ROWS], loudest = 0.0f, poison = 0.0f;
  for (uint p = 0; p < panels; p++) {
    loudest = fmax(loudest, scales[panels + p]);
    poison = fma(scales[panels + p], 0.0f, poison);
  }
  const float by = SHARE_LIMIT / loudest, unit = loudest / SHARE_LIMIT + poison;
  OF(ROWS, RFULL)
  OF(11, R11)
  OF(10, R10)
  for (; row + 4 <= end; row += 4, q += 4 * (size_t)ld, o += 4 * (size_t)ldo)
    TILE(R4, 4)
  for (; row < end; row++, q += ld, o += ldo)
    TILE(R1, 1)
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention(const __global ushort *restrict qkv, uint ld, const __global float *restrict scratch,
          __global float *restrict out, uint ldo, uint tokens, uint heads, uint head, uint queries,
          float scale, __local float *restrict score)
{
  attend(qkv, ld, scratch, out, ldo, tokens, heads, head, queries, scale, score, get_group_id(0),
         get_num_groups(0), get_group_id(1), get_group_id(2));
}
