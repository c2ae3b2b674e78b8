/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The weights around the vision tower's layers. */

#include "opencl/vision_private.h"

/*
 * The patch convolution on bytes b - 128: with x = (b / 255 - mean) / std,
 * sum W x = sum W / (255 std) (b - 128) + sum W (128 / 255 - mean) / std. Folded in double.
 */
static HysacWeights *
load_patch(HysacVision *self, HysacTowerLoader *loader, GError **error)
{
  const char *name = "vision_model.embeddings.patch_embedding.weight";
  const HysacPreprocessConfig *pre = hysac_model_get_preprocess_config(loader->model);
  const gsize width = self->config.width, k = self->patch_k, plane = k / 3;
  HysacWeights *w = hysac_weights_new(self->tower.ops, width, k, name, error);
  if (w == NULL || !hysac_tower_read(loader, width * k, name, error))
    goto fail;
  for (gsize n = 0; n < width; n++) {
    float *row = loader->data + n * k;
    double bias = 0.0;
    for (gsize c = 0; c < 3; c++) {
      double std = (double) pre->std[c], offset = (128.0 / 255.0 - (double) pre->mean[c]) / std;
      for (gsize i = c * plane; i < (c + 1) * plane; i++) {
        bias += (double) row[i] * offset;
        row[i] = (float) ((double) row[i] / (255.0 * std));
      }
    }
    float folded = (float) bias;
    hysac_weights_put_bias(w, n, &folded, 1);
  }
  hysac_weights_put(w, 0, 0, loader->data, width, k, k);
  if (hysac_weights_finish(w, error))
    return w;
fail:
  hysac_weights_free(w);
  return NULL;
}

gboolean
hysac_vision_load_ends(HysacVision *self, HysacTowerLoader *loader, GError **error)
{
  const gsize width = self->config.width;
  return (self->patch = load_patch(self, loader, error)) != NULL &&
         (self->token = hysac_tower_load_vector(&self->tower, loader, width, error,
                                    "vision_model.embeddings.class_embedding")) != NULL &&
         (self->position = hysac_tower_load_vector(&self->tower, loader, self->tokens * width, error,
                                       "vision_model.embeddings.position_embedding.weight")) != NULL &&
         (self->pre_gain = hysac_tower_load_vector(&self->tower, loader, width, error,
                                       "vision_model.pre_layrnorm.weight")) != NULL &&
         (self->pre_bias = hysac_tower_load_vector(&self->tower, loader, width, error,
                                       "vision_model.pre_layrnorm.bias")) != NULL &&
         (self->post_gain = hysac_tower_load_vector(&self->tower, loader, width, error,
                                        "vision_model.post_layernorm.weight")) != NULL &&
         (self->post_bias = hysac_tower_load_vector(&self->tower, loader, width, error,
                                        "vision_model.post_layernorm.bias")) != NULL &&
         (self->projection = hysac_tower_load_projection(&self->tower, loader, self->config.projection,
                                                      "visual_projection.weight", error)) != NULL;
}

