/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a device can do at most: chains of one instruction in registers, and reads of memory.
 * -DVEC=16 or 8 with -DROWS=12 or 6: a CPU with wide vectors, one work-item a work-group; without: float4
 * anywhere, -DSTRIDES where neighbours shall read neighbours (GPUs). -DVNNI, -DPAIRS, -DBF16, -DAMX (for both):
 * instructions that compilers for OpenCL do not emit by themselves. Each work-item stores its sums, so that nothing
 * is left out.
 */
#include "outline.h"
#ifdef VEC
#include "vec_x86.h"
#else
typedef float4 vec;
#define VEC 4
#define FMA(a, b, c) fma((a), (b), (c))
#define RFULL(F) F(0) F(1) F(2) F(3) F(4) F(5)
#endif

#define DECLARE(r) vec s##r = x + (vec)(r), t##r = x - (vec)(r);
#define STEP(r) s##r = FMA(s##r, x, y); t##r = FMA(t##r, x, y);
#define FOLD(r) + s##r + t##r

/* 2 * ROWS * 2 * VEC operations a round. */
__kernel void peak_fp32(__global float *out, uint rounds, float value)
{
  const vec x = (vec)(value), y = (vec)(1.0f - value);
  RFULL(DECLARE)
  for (uint i = 0; i < rounds; i++) {
    RFULL(STEP)
  }
  const vec sum = (vec)(0.0f) RFULL(FOLD);
  out[get_global_id(0)] = sum.s0 + sum.s1 + sum.s2 + sum.s3;
}

#ifdef AMX
#define OPERAND 2
#include "amx.h"

/* ldtilecfg leaves zeros in the tiles; the time is the same whatever they hold. */
#define TILES(name, op) \
  ASM_BODY void name##_rounds(uint rounds) \
  { \
    configure(16, 16); \
    for (uint i = 0; i < rounds; i++) { \
      MULTIPLY_BY(op, 0, 4, 6) \
      MULTIPLY_BY(op, 1, 4, 7) \
      MULTIPLY_BY(op, 2, 5, 6) \
      MULTIPLY_BY(op, 3, 5, 7) \
    } \
    RELEASE \
  } \
  __kernel void name(__global float *out, uint rounds, float value) \
  { \
    name##_rounds(rounds); \
    out[get_global_id(0)] = value; \
  }

/* 4 * 2 * 16 * 16 * 64 operations a round, and half of that. */
TILES(peak_int8, "tdpbusd")
TILES(peak_bf16, "tdpbf16ps")
#endif

#if defined VNNI || defined PAIRS
#define DECLARE_I(r) ivec u##r = (ivec)(r), v##r = (ivec)(-r);
#ifdef VNNI
#define DOT_I(s) __asm__("vpdpbusd %2,%1,%0" : "+v"(s) : "v"(a), "v"(w));
#else
#define DOT_I(s) \
  { \
    ivec p; \
    __asm__ volatile("vpmaddubsw %2,%1,%0" : "=v"(p) : "v"(a), "v"(w)); \
    __asm__ volatile("vpmaddwd %2,%1,%0" : "=v"(p) : "v"(p), "v"((ivec)(0x00010001))); \
    s += p; \
  }
#endif
#define STEP_I(r) DOT_I(u##r) DOT_I(v##r)
#define FOLD_I(r) + u##r + v##r

ASM_BODY float
int8_rounds(uint rounds, float value)
{
  const ivec a = (ivec)(0x01020304), w = (ivec)(0x01ff01ff) + (ivec)((int)value);
  RFULL(DECLARE_I)
  for (uint i = 0; i < rounds; i++) {
    RFULL(STEP_I)
  }
  const ivec sum = (ivec)(0) RFULL(FOLD_I);
  return (float)(sum.s0 + sum.s1);
}

/* Four times as many operations. */
__kernel void peak_int8(__global float *out, uint rounds, float value)
{
  out[get_global_id(0)] = int8_rounds(rounds, value);
}
#endif

#ifdef BF16
#define STEP_B(r) \
  __asm__("vdpbf16ps %2,%1,%0" : "+v"(s##r) : "v"(a), "v"(w)); \
  __asm__("vdpbf16ps %2,%1,%0" : "+v"(t##r) : "v"(a), "v"(w));

ASM_BODY float
bf16_rounds(uint rounds, float value)
{
  const vec x = (vec)(value);
  const ivec a = (ivec)(0x3f803f80), w = (ivec)(0x3f80bf80); /* 1, 1 and -1, 1 */
  RFULL(DECLARE)
  for (uint i = 0; i < rounds; i++) {
    RFULL(STEP_B)
  }
  const vec sum = (vec)(0.0f) RFULL(FOLD);
  return sum.s0 + sum.s1;
}

/* Twice as many operations. */
__kernel void peak_bf16(__global float *out, uint rounds, float value)
{
  out[get_global_id(0)] = bf16_rounds(rounds, value);
}
#endif

/* Reads @n float4 in all: a run of them each on a CPU, in strides elsewhere. */
__kernel void peak_memory(const __global float4 *in, __global float *out, uint n)
{
  const uint items = get_global_size(0), item = get_global_id(0);
#ifdef STRIDES
  const uint begin = item, end = n, step = items;
  float4 sum = (float4)(0.0f);
  for (uint i = begin; i < end; i += step)
    sum += in[i];
#else
  const uint each = n / items / 16 * 16, begin = item * each;
  float16 a = (float16)(0.0f), b = a, c = a, d = a;
  for (uint i = begin; i < begin + each; i += 16) {
    const __global float16 *p = (const __global float16 *)(in + i);
    a += p[0];
    b += p[1];
    c += p[2];
    d += p[3];
  }
  a += b + c + d;
  const float4 sum = a.lo.lo + a.lo.hi + a.hi.lo + a.hi.hi;
#endif
  out[item] = sum.x + sum.y + sum.z + sum.w;
}
