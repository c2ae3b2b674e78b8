/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the vision tower has on the disk when it is packed (tower_pack.h). */

#include "opencl/vision_private.h"

void
hysac_vision_packing_init(HysacVision *self, HysacModel *model)
{
  const HysacVisionConfig *c = &self->config;
  const HysacPreprocessConfig *p = hysac_model_get_preprocess_config(model);
  const gsize width = c->width;
  /* Mean and deviation are folded into the patch embedding. */
  g_autofree char *layout = g_strdup_printf(
      "%u %u %u %u %u %u %u %d %a|%a %a %a %a %a %a", c->image_size, c->patch_size, c->width, c->mlp_width,
      c->layers, c->heads, c->projection, (int) c->activation, c->layer_norm_eps, (double) p->mean[0],
      (double) p->mean[1], (double) p->mean[2], (double) p->std[0], (double) p->std[1], (double) p->std[2]);
  HysacTowerPacking *packing = hysac_tower_packing_new(&self->tower, model, layout);
  hysac_tower_packing_add_weights(packing, &self->patch, width, self->patch_k, "patch embedding");
  hysac_tower_packing_add_vector(packing, &self->token, width, "class embedding");
  hysac_tower_packing_add_vector(packing, &self->position, self->tokens * width, "position embedding");
  hysac_tower_packing_add_vector(packing, &self->pre_gain, width, "first layernorm");
  hysac_tower_packing_add_vector(packing, &self->pre_bias, width, "first layernorm");
  hysac_tower_packing_add_vector(packing, &self->post_gain, width, "last layernorm");
  hysac_tower_packing_add_vector(packing, &self->post_bias, width, "last layernorm");
  hysac_tower_packing_add_weights(packing, &self->projection, c->projection, width, "projection");
  hysac_tower_packing_add_layers(packing);
  self->packing = packing;
}

gboolean
hysac_vision_unpack(HysacVision *self, GError **error)
{
  return hysac_tower_unpack(self->packing, &self->accuracy, sizeof self->accuracy, error);
}

gboolean
hysac_vision_store(HysacVision *self)
{
  return hysac_tower_store(self->packing, &self->accuracy, sizeof self->accuracy);
}

gboolean
hysac_vision_was_packed(HysacVision *self)
{
  return hysac_tower_was_packed(self->packing);
}
