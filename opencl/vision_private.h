/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by vision*.c only. */

#include "opencl/tower_pack.h"

G_BEGIN_DECLS

struct _HysacVision {
  HysacTower tower;
  HysacVisionConfig config;
  guint max_batch;
  gsize grid, tokens, patch_k; /* patches an image, plus the class token; bytes a patch */

  HysacWeights *patch, *projection;
  cl_mem token, position, pre_gain, pre_bias, post_gain, post_bias;

  /* Work space for max_batch images, beside the tower's. Operands (ops.h): pixels, pooled. */
  gsize ld_pixels;
  cl_mem patches, pixels, embedded, pooled, features;
  HysacVisionAccuracy accuracy;
  HysacTowerPacking *packing; /* NULL: nothing is cached */
};

/* vision.c. A tower without weights and accuracy, its work space allocated. */
HysacVision *hysac_vision_shell(HysacDevice *device, HysacModel *model, HysacPrecision precision,
                                guint max_batch, GError **error);
/* What comes before the layers, one layer, and what comes after them. */
gboolean hysac_vision_run_start(HysacVision *self, cl_command_queue queue, cl_mem patches, gsize batch,
                                GError **error);
gboolean hysac_vision_run_attention(HysacVision *self, cl_command_queue queue,
                                    const HysacTowerLayer *layer, gsize batch, gboolean last,
                                    GError **error);
gboolean hysac_vision_run_mlp(HysacVision *self, cl_command_queue queue, const HysacTowerLayer *layer,
                              gsize batch, gboolean last, GError **error);
gboolean hysac_vision_run_end(HysacVision *self, cl_command_queue queue, gsize batch, GError **error);

/* vision_load.c. */
gboolean hysac_vision_load_ends(HysacVision *self, HysacTowerLoader *loader, GError **error);

/* vision_calibrate.c. Loads all layers of @self, whose ends are loaded, beside the same tower in fp32,
 * and measures @self's accuracy against it. @smooth: scales move from LayerNorms into weights, for int8;
 * floats have range enough, and weights that are stored in few digits keep them. */
gboolean hysac_vision_calibrate(HysacVision *self, HysacTowerLoader *loader, gboolean smooth, GError **error);

/* vision_pack.c. Before the weights are loaded: which weights they are, while that is found out in a thread of
 * its own. */
void hysac_vision_packing_init(HysacVision *self, HysacModel *model);
/* All weights and the accuracy from the cache. FALSE without @error: they are not there. */
gboolean hysac_vision_unpack(HysacVision *self, GError **error);

G_END_DECLS
