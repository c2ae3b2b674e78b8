/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * softmax(scale Q K^T) V on AMX tiles (amx.h), of numbers of -DPARTS=2 or 1 parts: a work-item (and work-group) a block
 * of -DROWS=32 queries of a head, with its scores in local memory, where softmax splits the shares in place.
 * q, K and V come as floats where there are two parts, else as fp16 numbers.
 * Scratch of a head of an image, in words: K^T as [panels][head * PARTS / 2][PANEL], V as
 * [head / PANEL][panels * PANEL * PARTS / 2][PANEL].
 */
#include "outline.h"
#include "vec_x86.h"
#include "amx.h"
#include "largest_x86.h"
#include "transpose_x86.h"

#define LINE_WORDS 16
#define WORDS(n) ((n) * PARTS / 2)
#if PARTS == 2
#define PRODUCT_OF(N, a, a_high, lda_, w, ldw) SPLIT2(N, a, a_high, lda_, w, ldw)
typedef float number;
#define LOAD_NUMBERS(p) VLOAD(p)
#define LOAD_KEYS(p) VLOAD(p)
#else
#include "half_x86.h"
typedef ushort number;
#define LOAD_NUMBERS(p) load_half(p)
/* What is infinite becomes NaN: scores of minus infinity would have no share, and nobody would see it. */
#define LOAD_KEYS(p) keys_of(load_half(p))
static vec
keys_of(vec v)
{
  return FMA(v, (vec)(0.0f), v);
}
#define PRODUCT_OF(N, a, a_high, lda_, w, ldw) N(a, a_high, lda_, w, ldw)
#endif

/* Two vectors of a row: 16 words of the first parts, and of the second. */
static void
split_words(vec a, vec b, ivec *words)
{
  _Pragma("unroll") for (uint part = 0; part < PARTS; part++)
  {
    const halves x = round_bf16(a), y = round_bf16(b);
    words[part] = (ivec)(as_int8(x), as_int8(y));
    a -= AS_VEC(__builtin_convertvector(x, ivec) << 16);
    b -= AS_VEC(__builtin_convertvector(y, ivec) << 16);
  }
}

#define PUT_WORDS(words, to) \
  _Pragma("unroll") for (uint part = 0; part < PARTS; part++) VSTORE(AS_VEC(words[part]), (to) + part * TILE_WORDS);

ASM_BODY void
pack(const __global number *restrict qkv, uint ld, __global float *restrict scratch, uint tokens, uint heads,
     uint head, uint panel, uint panels, uint h, uint image)
{
  const uint padded = panels * PANEL, first = panel * PANEL, n = min((uint)PANEL, tokens - first);
  const __global number *k = qkv + ((size_t)image * tokens + first) * ld + (heads + h) * head;
  const __global number *v = k + heads * head;
  __global uint *whole = (__global uint *)scratch + ((size_t)image * heads + h) * 2 * padded * head;
  __global uint *kt = whole + (size_t)first * WORDS(head), *vp = whole + (size_t)padded * head + WORDS(first) * PANEL;
  for (uint d = 0; d < head; d += 32, kt += WORDS(32) * PANEL) {
    for (uint half_panel = 0; half_panel < PANEL; half_panel += 16) {
      ivec rows[PARTS][16];
      for (uint t = 0; t < 16; t++) {
        const __global number *x = k + (size_t)(half_panel + t) * ld + d;
        ivec words[PARTS];
        const bool there = half_panel + t < n;
        split_words(there ? LOAD_KEYS(x) : (vec)(0.0f), there ? LOAD_KEYS(x + VEC) : (vec)(0.0f), words);
        _Pragma("unroll") for (uint part = 0; part < PARTS; part++) rows[part][t] = words[part];
      }
      _Pragma("unroll") for (uint part = 0; part < PARTS; part++)
      {
        ivec *x = rows[part];
        __global float *to = (__global float *)(kt + half_panel + part * TILE_WORDS * PANEL);
        transpose(x);
        EACH_LANE(GIVE_ROW)
      }
    }
  }
  for (uint d = 0; d < head; d += VEC) {
    for (uint t = 0; t < PANEL; t += 2) {
      vec x = t < n ? LOAD_NUMBERS(v + (size_t)t * ld + d) : (vec)(0.0f),
          y = t + 1 < n ? LOAD_NUMBERS(v + (size_t)(t + 1) * ld + d) : (vec)(0.0f);
      __global uint *to = vp + (size_t)(d / PANEL) * WORDS(padded) * PANEL + t / 2 * PANEL + d % PANEL;
      _Pragma("unroll") for (uint part = 0; part < PARTS; part++)
      {
        const ivec low = __builtin_convertvector(round_bf16(x), ivec),
                   high = __builtin_convertvector(round_bf16(y), ivec) << 16;
        VSTORE(AS_VEC(low | high), (__global float *)(to + part * TILE_WORDS * PANEL));
        x -= AS_VEC(low << 16);
        y -= AS_VEC(high);
      }
    }
  }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention_pack(const __global number *restrict qkv, uint ld, __global float *restrict scratch,
               uint tokens, uint heads, uint head)
{
  pack(qkv, ld, scratch, tokens, heads, head, get_group_id(0), get_num_groups(0), get_group_id(1),
       get_group_id(2));
}

/* exp(scale (x - top)), split in place; returns 1 / sum. */
static float
softmax(__local float *x, uint padded, float top, float scale)
{
  vec sum = (vec)(0.0f);
  const vec factor = (vec)(scale * 1.44269504088896341f), most = (vec)(top);
  for (uint i = 0; i < padded; i += PANEL) {
    const vec a = vexp2((VLOAD(x + i) - most) * factor), b = vexp2((VLOAD(x + i + VEC) - most) * factor);
    ivec words[PARTS];
    sum += a + b;
    split_words(a, b, words);
    PUT_WORDS(words, x + WORDS(i))
  }
  return 1.0f / total(sum);
}

#define ZEROS \
  ZERO(0) \
  ZERO(1) \
  ZERO(2) \
  ZERO(3)
#define PRODUCT(STEP, a, lda_, w, steps) \
  for (uint i = 0; i < (steps); i++) { \
    PRODUCT_OF(STEP, (a) + i * WORDS(32), (a) + 16 * (lda_) + i * WORDS(32), (lda_) * 4, \
               (w) + (size_t)i * WORDS(32) * PANEL, PANEL * 4) \
  }

ASM_BODY void
attend(const __global number *restrict qkv, uint ld, const __global float *restrict scratch,
       __global float *restrict out, uint ldo, uint tokens, uint heads, uint head, uint queries, float scale,
       __local float *restrict score, uint row, uint h, uint image)
{
  const uint rows = min(queries - row, (uint)ROWS), low = min(rows, 16u), high = rows - low;
  const uint padded = (tokens + PANEL - 1) / PANEL * PANEL, lds = padded + LINE_WORDS;
  const __global number *q = qkv + ((size_t)image * tokens + row) * ld + h * head;
  const __global float *kt = scratch + ((size_t)image * heads + h) * 2 * padded * head;
  const __global float *v = kt + (size_t)padded * head;
  __global float *o = out + ((size_t)image * tokens + row) * ldo + h * head;
  __local float *query = score + ROWS * lds;
  const uint ldq = head + LINE_WORDS;
  float share[ROWS], sums[ROWS * PANEL] __attribute__((aligned(64)));
  TILE_STATE
  for (uint r = 0; r < rows; r++) {
    for (uint d = 0; d < head; d += 32) {
      const __global number *x = q + (size_t)r * ld + d;
      ivec words[PARTS];
      __builtin_prefetch((const void *)(size_t)(x + (size_t)ROWS * ld), 0, 2); /* the next group's */
      split_words(LOAD_NUMBERS(x), LOAD_NUMBERS(x + VEC), words);
      PUT_WORDS(words, query + r * ldq + WORDS(d))
    }
  }
  configure(low, max(high, 1u));
  for (uint p = 0; p < padded; p += PANEL) {
    ZEROS
    if (high != 0) {
      PRODUCT(FOUR, query, ldq, kt + (size_t)p * WORDS(head), head / 32)
      STORE(2, score + 16 * lds + p, lds * 4)
      STORE(3, score + 16 * lds + p + VEC, lds * 4)
    } else {
      PRODUCT(TWO, query, ldq, kt + (size_t)p * WORDS(head), head / 32)
    }
    STORE(0, score + p, lds * 4)
    STORE(1, score + p + VEC, lds * 4)
  }
  /* All rows' largest first: one row's would be waited for. */
  for (uint r = 0; r < rows; r++)
    share[r] = largest_of_row(score + r * lds, tokens, padded);
  for (uint r = 0; r < rows; r++)
    share[r] = softmax(score + r * lds, padded, share[r], scale);
  for (uint d = 0; d < head; d += PANEL) {
    ZEROS
    if (high != 0) {
      PRODUCT(FOUR, score, lds, v + (size_t)d * WORDS(padded), padded / 32)
      STORE(2, sums + 16 * PANEL, PANEL * 4)
      STORE(3, sums + 16 * PANEL + VEC, PANEL * 4)
    } else {
      PRODUCT(TWO, score, lds, v + (size_t)d * WORDS(padded), padded / 32)
    }
    STORE(0, sums, PANEL * 4)
    STORE(1, sums + VEC, PANEL * 4)
    for (uint r = 0; r < rows; r++) {
      VSTORE(VLOAD(sums + r * PANEL) * (vec)(share[r]), o + (size_t)r * ldo + d);
      VSTORE(VLOAD(sums + r * PANEL + VEC) * (vec)(share[r]), o + (size_t)r * ldo + d + VEC);
    }
  }
  RELEASE
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention(const __global number *restrict qkv, uint ld, const __global float *restrict scratch,
          __global float *restrict out, uint ldo, uint tokens, uint heads, uint head, uint queries,
          float scale, __local float *restrict score)
{
  attend(qkv, ld, scratch, out, ldo, tokens, heads, head, queries, scale, score, get_group_id(0) * ROWS,
         get_group_id(1), get_group_id(2));
}
