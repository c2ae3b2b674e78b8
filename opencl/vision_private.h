/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by vision*.c only. */

#include "opencl/ops.h"
#include "opencl/vision_profile.h"

G_BEGIN_DECLS

typedef struct {
  cl_mem gain1, bias1, gain2, bias2;
  HysacWeights *qkv, *out, *fc1, *fc2;
} HysacVisionLayer;

struct _HysacVision {
  HysacOps *ops;
  HysacVisionConfig config;
  guint max_batch;
  gsize grid, tokens, patch_k; /* patches an image, plus the class token; bytes a patch */
  HysacAttention attention;
  float scale;

  HysacWeights *patch, *projection;
  cl_mem token, position, pre_gain, pre_bias, post_gain, post_bias;
  HysacVisionLayer *layers;

  /* Work space for max_batch images. Operands (ops.h): pixels, norm, attended, mlp, pooled. */
  gsize ld, ld_qkv, ld_heads, ld_pixels, ld_norm, ld_attended, ld_mlp;
  cl_mem patches, pixels, embedded, x, norm, qkv, heads, attended, mlp, wide, scratch, pooled, features;
  HysacVisionProfile *profile; /* while hysac_vision_profile() runs, else NULL */
  HysacVisionAccuracy accuracy;
  struct HysacVisionPacking *packing; /* NULL: nothing is cached */
};

/* What the constructor carries: a buffer for the largest tensor, and the progress. */
typedef struct {
  HysacModel *model;
  float *data;
  gsize n; /* floats in data */
  void (*progress)(guint, guint, const char *, gpointer);
  gpointer user_data;
  guint done, total;
} HysacVisionLoader;

void hysac_vision_report(HysacVisionLoader *loader, const char *what);

/* vision.c. A tower without weights and accuracy, its work space allocated. */
HysacVision *hysac_vision_shell(HysacDevice *device, HysacModel *model, HysacPrecision precision,
                                guint max_batch, GError **error);
/* What comes before the layers, one layer, and what comes after them. @rows of @x are used, those
 * @step apart from the first. */
gboolean hysac_vision_run_start(HysacVision *self, cl_command_queue queue, cl_mem patches, gsize batch,
                                GError **error);
gboolean hysac_vision_run_attention(HysacVision *self, cl_command_queue queue,
                                    const HysacVisionLayer *layer, gsize batch, gboolean last,
                                    GError **error);
gboolean hysac_vision_run_mlp(HysacVision *self, cl_command_queue queue, const HysacVisionLayer *layer,
                              gsize batch, gboolean last, GError **error);
gboolean hysac_vision_run_end(HysacVision *self, cl_command_queue queue, gsize batch, GError **error);

/* vision_load.c. @maxima: the largest magnitude of each of layernorm 1's and 2's outputs, 2 * width, to
 * move scales between them and the weights behind; NULL: nothing is moved. */
gboolean hysac_vision_load_ends(HysacVision *self, HysacVisionLoader *loader, GError **error);
gboolean hysac_vision_load_layer(HysacVision *self, HysacVisionLoader *loader, guint i,
                                 const float *maxima, GError **error);
void hysac_vision_free_layer(HysacVisionLayer *layer);

/* vision_calibrate.c. Loads all layers of @self, whose ends are loaded, beside the same tower in fp32,
 * and measures @self's accuracy against it. */
gboolean hysac_vision_calibrate(HysacVision *self, HysacVisionLoader *loader, GError **error);

/* vision_pack.c. Before the weights are loaded: which weights they are, while that is found out in a thread of
 * its own. */
void hysac_vision_packing_init(HysacVision *self, HysacModel *model);
void hysac_vision_packing_clear(HysacVision *self);
/* All weights and the accuracy from the cache. FALSE without @error: they are not there. */
gboolean hysac_vision_unpack(HysacVision *self, GError **error);

G_END_DECLS
