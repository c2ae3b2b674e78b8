/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much work the vision tower is, and how long it takes at the device's peaks. */

#include "opencl/peaks.h"

const char *
hysac_stage_name(HysacStage stage)
{
  static const char *const names[HYSAC_N_STAGES] = { "patch", "layernorm1", "qkv", "attention", "out",
                                                     "layernorm2", "fc1", "fc2", "head" };
  g_return_val_if_fail(stage < HYSAC_N_STAGES, "?");
  return names[stage];
}

guint64
hysac_device_cache_bytes(HysacDevice *device)
{
  cl_ulong bytes = 0;
  if (clGetDeviceInfo(hysac_device_id(device), CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof bytes, &bytes,
                      NULL) != CL_SUCCESS)
    return 0;
  return bytes;
}

static double
element_bytes(HysacPrecision precision)
{
  switch (precision) {
  case HYSAC_PRECISION_INT8: return 1.0;
  case HYSAC_PRECISION_BF16:
  case HYSAC_PRECISION_FP16: return 2.0;
  default: return 4.0;
  }
}

/* Adds @times operations that each read @weights bytes, and read and write @activations. */
static void
add(HysacWork *work, double times, double flops, double weights, double activations, guint64 cache)
{
  const gboolean spills = activations > (double) cache;
  work->flops += times * flops;
  work->bytes += times * (weights + (spills ? activations : 0.0));
}

/* @rows of each image go on after the attention. */
static void
add_layers(const HysacVisionConfig *c, double layers, double batch, double tokens, double rows, double size,
           guint64 cache, HysacWork *work)
{
  const double width = (double) c->width, mlp = (double) c->mlp_width, all = batch * tokens,
               some = batch * rows, state = width * 4.0; /* the hidden state is fp32 */
  add(&work[HYSAC_STAGE_NORM1], layers, 8.0 * all * width, 8.0 * width, all * (state + size * width), cache);
  add(&work[HYSAC_STAGE_QKV], layers, 2.0 * (all * 2.0 + some) * width * width, size * 3.0 * width * width,
      size * (3.0 * all + some) * width, cache);
  add(&work[HYSAC_STAGE_ATTENTION], layers, 4.0 * some * tokens * width, 0.0, size * 2.0 * (all + some) * width,
      cache);
  add(&work[HYSAC_STAGE_OUT], layers, 2.0 * some * width * width, size * width * width,
      some * (size * width + 2.0 * state), cache);
  add(&work[HYSAC_STAGE_NORM2], layers, 8.0 * some * width, 8.0 * width, some * (state + size * width), cache);
  add(&work[HYSAC_STAGE_FC1], layers, 2.0 * some * width * mlp, size * width * mlp, size * some * (width + mlp),
      cache);
  add(&work[HYSAC_STAGE_FC2], layers, 2.0 * some * width * mlp, size * width * mlp,
      some * (size * mlp + 2.0 * state), cache);
}

void
hysac_stage_work(const HysacVisionConfig *c, guint batch, HysacPrecision precision, guint64 cache,
                 HysacWork work[HYSAC_N_STAGES])
{
  const double side = (double) (c->image_size / c->patch_size), patches = side * side * (double) batch,
               tokens = side * side + 1.0, rows = tokens * (double) batch, width = (double) c->width,
               k = 3.0 * (double) c->patch_size * (double) c->patch_size, size = element_bytes(precision),
               projection = (double) c->projection;
  for (HysacStage s = 0; s < HYSAC_N_STAGES; s++)
    work[s] = (HysacWork) { 0 };
  add(&work[HYSAC_STAGE_PATCH], 1.0, 2.0 * patches * width * k + 8.0 * rows * width, size * width * k,
      patches * k + rows * width * 4.0, cache);
  /* Of the last layer only the class tokens are wanted. */
  add_layers(c, (double) c->layers - 1.0, (double) batch, tokens, tokens, size, cache, work);
  add_layers(c, 1.0, (double) batch, tokens, 1.0, size, cache, work);
  add(&work[HYSAC_STAGE_HEAD], 1.0, 2.0 * (double) batch * width * projection, size * width * projection,
      4.0 * (double) batch * (width + projection), cache);
}

double
hysac_stage_roofline(HysacStage stage, const HysacWork *work, const HysacPeaks *peaks,
                     HysacPrecision precision, gboolean cpu)
{
  const HysacPeak *peak = &peaks->fp32;
  if (precision == HYSAC_PRECISION_INT8)
    peak = &peaks->int8;
  else if (precision == HYSAC_PRECISION_BF16)
    peak = &peaks->bf16;
  else if (precision != HYSAC_PRECISION_FP32)
    return 0.0;
  const double all = cpu ? peak->cpu : peak->wall, plain = cpu ? peaks->fp32.cpu : peaks->fp32.wall,
               bandwidth = cpu ? peaks->memory.cpu : peaks->memory.wall;
  const double speed = stage == HYSAC_STAGE_NORM1 || stage == HYSAC_STAGE_NORM2 ? plain : all;
  if (all <= 0.0 || plain <= 0.0 || bandwidth <= 0.0)
    return 0.0;
  return MAX(work->flops / speed, work->bytes / bandwidth) / 1e9;
}
