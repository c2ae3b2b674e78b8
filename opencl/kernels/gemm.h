/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of four sums of a row. @room: columns that exist in C from the first of the four on; those
 * past it are not touched.
 */
static float4
act_quick_gelu(float4 x)
{
  return x / (1.0f + exp(-1.702f * x));
}

static float4
act_gelu(float4 x)
{
  return 0.5f * x * erfc(-0.70710678118654752f * x);
}

static void
put(float4 v, __global float *c, uint room)
{
  const float s[4] = {v.x, v.y, v.z, v.w};
  for (uint j = 0; j < min(room, 4u); j++)
    c[j] = s[j];
}

static void
add(float4 v, __global float *c, uint room)
{
  const float s[4] = {v.x, v.y, v.z, v.w};
  for (uint j = 0; j < min(room, 4u); j++)
    c[j] += s[j];
}

#define PUT_BIAS(v, c, room) put(v, c, room)
#define PUT_QUICK_GELU(v, c, room) put(act_quick_gelu(v), c, room)
#define PUT_GELU(v, c, room) put(act_gelu(v), c, room)

/* The activations as bf16 or fp16, which are operands already, or as halves, which operand_wide quantises. */
#if OPERAND != 0
#if OPERAND == 1
typedef ushort wide;
#define TO_WIDE(v, j, c) (c)[j] = to_bf16(v)
#else
typedef half wide;
#define TO_WIDE(v, j, c) vstore_half_rte(v, j, c)
#endif

static void
put_wide(float4 v, __global wide *c, uint room)
{
  const float s[4] = {v.x, v.y, v.z, v.w};
  for (uint j = 0; j < min(room, 4u); j++)
    TO_WIDE(s[j], j, c);
#if OPERAND != 2
  if (room < 4 && room % 2 == 1) /* the last word is whole */
    ((__global ushort *)c)[room] = 0;
#endif
}

static void
put_half(float4 v, __global half *c, uint room)
{
  const float s[4] = {v.x, v.y, v.z, v.w};
  for (uint j = 0; j < min(room, 4u); j++)
    vstore_half_rte(s[j], j, c);
}

#define PUT_QUICK_GELU_WIDE(v, c, room) put_wide(act_quick_gelu(v), c, room)
#define PUT_GELU_WIDE(v, c, room) put_wide(act_gelu(v), c, room)
#endif

/* All kernels of a program that defines GEMM(name, type of C, what stores four). */
#if OPERAND == 0
#define ALL_GEMMS \
  GEMM(gemm_bias, float, PUT_BIAS) \
  GEMM(gemm_quick_gelu, float, PUT_QUICK_GELU) \
  GEMM(gemm_gelu, float, PUT_GELU) \
  GEMM(gemm_residual, float, add)
#else
#define ALL_GEMMS \
  GEMM(gemm_bias, float, PUT_BIAS) \
  GEMM(gemm_quick_gelu, float, PUT_QUICK_GELU) \
  GEMM(gemm_gelu, float, PUT_GELU) \
  GEMM(gemm_residual, float, add) \
  GEMM(gemm_quick_gelu_wide, wide, PUT_QUICK_GELU_WIDE) \
  GEMM(gemm_gelu_wide, wide, PUT_GELU_WIDE) \
  GEMM(gemm_bias_half, half, put_half)
#endif
