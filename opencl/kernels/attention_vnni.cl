/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * softmax(scale Q K^T) V on a CPU with AVX-512 VNNI, as attention_x86.cl makes it, but in pairs of 12-bit
 * integers: vpdpwssd does twice the work of a float instruction. For precisions below fp32: the error
 * is some hundred times smaller than int8's.
 * q, K and V come as fp16 numbers. q has a scale a row, K and V a scale a panel of keys; V's goes into the
 * shares before they become integers. Scratch of a head of an image, in words of two numbers: K^T as
 * [panels][head / 2][PANEL], V as [head / PANEL][panels * PANEL / 2][PANEL], then the panels' scales of K and of V.
 * A pair of keys is one of a panel's first half and its like of the second: so two vectors of shares
 * join without a shuffle.
 */
#include "outline.h"
#include "vec_x86.h"
#include "half_x86.h"
#include "largest_x86.h"
#include "transpose_x86.h"

#define SHARE_LIMIT 4095.0f
/* Sums of products stay below 2^31. */
#define KEY_LIMIT(head) ((head) <= 256 ? 2047.0f : 700.0f)
#define VALUE_LIMIT(keys) min(2047.0f, floor(2147483000.0f / (SHARE_LIMIT * (keys))))

/* Rounded, in the lower half. */
static ivec
to_int(vec x, float by)
{
  return AS_IVEC(FMA(x, (vec)(by), (vec)(12582912.0f)));
}

/* Two vectors, rounded, as pairs of neighbours: (a0 a1) (a2 a3) (b0 b1) (b2 b3) (a4 a5) and so on. In which order a
 * sum's products come does not matter, as long as q and K have the same. */
static ivec
to_pairs(vec a, vec b, float by)
{
  ivec low, high, pairs;
  __asm__("vcvtps2dq %1,%0" : "=v"(low) : "v"(a * (vec)(by)));
  __asm__("vcvtps2dq %1,%0" : "=v"(high) : "v"(b * (vec)(by)));
  __asm__("vpackssdw %2,%1,%0" : "=v"(pairs) : "v"(low), "v"(high));
  return pairs;
}

/* Pairs of the lower halves. */
static ivec
join(ivec low, ivec high)
{
  return (low & (ivec)(0xffff)) | high << 16;
}

/* 2^x, off by 2.6e-6 (minimax), 1 of 0: the shares have 12 bits. 0 far below, and of minus infinity. */
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
typedef ushort many __attribute__((ext_vector_type(2 * VEC)));
typedef ushort loose_many __attribute__((ext_vector_type(2 * VEC), aligned(2)));
#define LARGER(most, x) __asm__("vpmaxuw %1,%0,%0" : "+v"(most) : "v"(x))

static many
louder(many most, const __global ushort *p)
{
  const many m = *(const __global loose_many *)p & (many)(0x7fff);
  LARGER(most, m);
  return most;
}

/* The scale of numbers up to @most: at most @limit units of it. What is not finite poisons it. */
static float
scale_of(many most, float limit)
{
  ushort16 a = __builtin_shufflevector(most, most, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const ushort16 b = __builtin_shufflevector(most, most, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                                             28, 29, 30, 31);
  LARGER(a, b);
  ushort8 c = a.lo, first;
  LARGER(c, a.hi);
  __asm__("vphminposuw %1,%0" : "=x"(first) : "x"(~c)); /* the least of eight */
  float4 f;
  __asm__("vcvtph2ps %1,%0" : "=x"(f) : "x"(~first));
  const float m = f.x, scale = m * (1.0f / limit);
  return (scale > FLT_MIN ? scale : FLT_MIN) + m * 0.0f;
}

#define TAKE_KEY(r) \
  x[r] = t + r < n ? to_pairs(load_half(from + (size_t)(r) * ld), load_half(from + (size_t)(r) * ld + VEC), k_by) \
                   : (ivec)(0);

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
  many k_most = (many)(0), v_most = (many)(0);
  for (uint t = 0; t < n; t++) {
    for (uint d = 0; d < head; d += 2 * VEC) {
      k_most = louder(k_most, k + (size_t)t * ld + d);
      v_most = louder(v_most, v + (size_t)t * ld + d);
    }
  }
  const float k_scale = scale_of(k_most, KEY_LIMIT(head)),
              v_scale = scale_of(v_most, VALUE_LIMIT(padded));
  const float k_by = 1.0f / k_scale, v_by = 1.0f / v_scale;
  for (uint t = 0; t < PANEL; t += VEC) {
    for (uint d = 0; d < head; d += 2 * VEC) {
      const __global ushort *from = k + (size_t)t * ld + d;
      __global float *to = (__global float *)kt + (size_t)d / 2 * PANEL + t;
      ivec x[VEC];
      EACH_LANE(TAKE_KEY)
      transpose(x);
      EACH_LANE(GIVE_ROW)
    }
  }
  for (uint t = 0; t < VEC; t++) {
    for (uint d = 0; d < head; d += VEC) {
      const ivec low = t < n ? to_int(load_half(v + (size_t)t * ld + d), v_by) : (ivec)(0);
      const ivec high = t + VEC < n ? to_int(load_half(v + (size_t)(t + VEC) * ld + d), v_by) : (ivec)(0);
      VSTORE(AS_VEC(join(low, high)),
             (__global float *)(vp + (size_t)(d / PANEL) * padded / 2 * PANEL + t * PANEL + d % PANEL));
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

#define SUM ivec
#define AS_SUM(x) AS_IVEC(x)
#define MAC(s, a, w) __asm__("vpdpwssd %2,%1,%0" : "+v"(s) : "v"(a), "v"(w))
#include "tile_x86.h"

#define SCORE_ROW(r) const __local int *x##r = query + (size_t)(first + r) * (head / 2);
#define SCORE_AT(r, c, sum, panel) \
  VSTORE(__builtin_convertvector(sum, vec) * (vec)(query_scale[first + r] * scales[p / PANEL + panel]), \
         score + (size_t)(first + r) * padded + p + c * VEC);
#define SCORE_PUT2(r) SCORE_AT(r, 0, s##r, 0) SCORE_AT(r, 1, t##r, 0)
#define SCORE_PUT4(r) SCORE_PUT2(r) SCORE_AT(r, 2, u##r, 1) SCORE_AT(r, 3, v##r, 1)

#define VALUE_ROW(r) const __local int *x##r = (const __local int *)(score + (size_t)(first + r) * padded);
#define VALUE_AT(r, c, sum) \
  VSTORE(__builtin_convertvector(sum, vec) * (vec)(share[first + r]), o + (size_t)(first + r) * ldo + p + c * VEC);
#define VALUE_PUT2(r) VALUE_AT(r, 0, s##r) VALUE_AT(r, 1, t##r)
#define VALUE_PUT4(r) VALUE_PUT2(r) VALUE_AT(r, 2, u##r) VALUE_AT(r, 3, v##r)

/* A row of q in pairs; its scale is returned. @next: a row that is asked for ahead. */
static float
pack_query(const __global ushort *q, const __global ushort *next, uint head, __local int *to)
{
  many most = (many)(0);
  for (uint d = 0; d < head; d += 2 * VEC)
    __builtin_prefetch((const void *)(size_t)(next + d), 0, 2);
  for (uint d = 0; d < head; d += 2 * VEC)
    most = louder(most, q + d);
  const float scale = scale_of(most, KEY_LIMIT(head)), by = 1.0f / scale;
  for (uint d = 0; d < head; d += 2 * VEC)
    VSTORE(AS_VEC(to_pairs(load_half(q + d), load_half(q + d + VEC), by)), (__local float *)to + d / 2);
  return scale;
}

/* exp(scale (x - top)), with V's scales, as integers in place; returns 1 / sum. */
static float
softmax(__local float *x, uint padded, float top, float scale, const __global float *value_scale, float by)
{
  vec sum = (vec)(0.0f), sum2 = (vec)(0.0f);
  const vec factor = (vec)(scale * 1.44269504088896341f), most = (vec)(top);
  for (uint i = 0; i < padded; i += PANEL) {
    /* Never above 1, as one rounding of both might be: V's limit counts on it. */
    const vec e = vexp2_12((VLOAD(x + i) - most) * factor), f = vexp2_12((VLOAD(x + i + VEC) - most) * factor);
    const float v = value_scale[i / PANEL] * by;
    sum += e;
    sum2 += f;
    VSTORE(AS_VEC(join(to_int(e, v), to_int(f, v))), x + i / 2);
  }
  return 1.0f / total(sum + sum2);
}

ASM_BODY void
attend(const __global ushort *restrict qkv, uint ld, const __global float *restrict scratch,
       __global float *restrict out, uint ldo, uint tokens, uint heads, uint head, uint queries, float scale,
       __local float *restrict score, uint group, uint groups, uint h, uint image)
{
  const uint row = FIRST_OF(group, groups, queries), n = FIRST_OF(group + 1, groups, queries) - row;
  const uint panels = (tokens + PANEL - 1) / PANEL, padded = panels * PANEL,
             pairs = (panels - 1) * VEC + min((uint)VEC, tokens - (panels - 1) * PANEL);
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
  for (uint r = 0; r < n; r++)
    query_scale[r] = pack_query(q + (size_t)r * ld, q + (size_t)(r + n) * ld, head, query + (size_t)r * (head / 2));
  PRODUCT(SCORE_ROW, SCORE_PUT, n, kt, padded, head / 2, head / 2)
  for (uint r = 0; r < n; r++) /* all first: one row's would be waited for */
    share[r] = largest_of_row(score + (size_t)r * padded, tokens, padded);
  for (uint r = 0; r < n; r++)
    share[r] = softmax(score + (size_t)r * padded, padded, share[r], scale, scales + panels, by) * unit;
  PRODUCT(VALUE_ROW, VALUE_PUT, n, v, head, padded / 2, pairs)
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention(const __global ushort *restrict qkv, uint ld, const __global float *restrict scratch,
          __global float *restrict out, uint ldo, uint tokens, uint heads, uint head, uint queries,
          float scale, __local float *restrict score)
{
  attend(qkv, ld, scratch, out, ldo, tokens, heads, head, queries, scale, score, get_group_id(0),
         get_num_groups(0), get_group_id(1), get_group_id(2));
}
