/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: the vision tower on one device. */

#include "core/model.h"
#include "opencl/cl.h"

G_BEGIN_DECLS

typedef struct _HysacVision HysacVision;

/* How far the tower's features are from its own in fp32, over pictures made for the purpose; root distances
 * differ as the features' lengths do. */
typedef HysacAccuracy HysacVisionAccuracy;

/* Packs the weights for the device's variants and allocates work space for @max_batch images.
 * @precision: not AUTO. Other than fp32: the tower is run layer by layer in fp32 beside, once, to move
 * scales out of the way (int8) and to measure the accuracy. @progress may be NULL. */
HysacVision *hysac_vision_new(HysacDevice *device, HysacModel *model, HysacPrecision precision,
                              guint max_batch, void (*progress)(guint, guint, const char *, gpointer),
                              gpointer user_data, GError **error);
void hysac_vision_free(HysacVision *self); /* NULL is fine */

/* TRUE where the weights came packed from the disk (opencl/pack.h): a tower that was stored has worked. */
gboolean hysac_vision_was_packed(HysacVision *self);
/* A tower that works: its weights are written to the disk for later starts, unless they came from there. Never
 * fails loudly: FALSE where they are not there now. */
gboolean hysac_vision_store(HysacVision *self);

/* Room for u8 patches of max_batch images as HysacPreprocess writes them; borrowed. Bytes an image. */
cl_mem hysac_vision_patches(HysacVision *self);
gsize hysac_vision_patch_bytes(HysacVision *self);

/* Enqueues the tower for the first @batch images of @patches (hysac_vision_patches(), or a buffer like it:
 * read in place, while it runs); the features (batch * projection floats, before alpha) end in
 * hysac_vision_features(). */
gboolean hysac_vision_enqueue(HysacVision *self, cl_command_queue queue, cl_mem patches, guint batch,
                              GError **error);
cl_mem hysac_vision_features(HysacVision *self);

HysacVisionAccuracy hysac_vision_accuracy(HysacVision *self);

/* The kinds of work in the tower, in the order of execution. */
typedef enum {
  HYSAC_STAGE_PATCH,  /* patch product, class token, positions, first LayerNorm */
  HYSAC_STAGE_NORM1,  /* from here on, of all layers together */
  HYSAC_STAGE_QKV,
  HYSAC_STAGE_ATTENTION,
  HYSAC_STAGE_OUT,
  HYSAC_STAGE_NORM2,
  HYSAC_STAGE_FC1,
  HYSAC_STAGE_FC2,
  HYSAC_STAGE_HEAD, /* last LayerNorm and projection */
  HYSAC_N_STAGES,
} HysacStage;

/* "patch", "layernorm1", "qkv", …; static. */
const char *hysac_stage_name(HysacStage stage);

/* For benchmarks: as hysac_vision_enqueue() on a queue with profiling, and waits. @ms: the milliseconds of
 * each stage, from the end of the one before to its end by the device's clock. */
gboolean hysac_vision_profile(HysacVision *self, cl_command_queue queue, guint batch,
                              double ms[HYSAC_N_STAGES], GError **error);

/* The kernel variants in use, e.g. "gemm x86-avx512, …"; borrowed, until the next call. */
const char *hysac_vision_describe(HysacVision *self);

G_END_DECLS
