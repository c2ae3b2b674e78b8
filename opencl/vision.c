/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CLIP's vision tower (pre-LN transformer) on one device. Of the last layer, only the class token goes
 * on: its attention has one query, and what follows one row an image.
 */

#include "opencl/vision_private.h"

#include <math.h>

static gboolean
allocate(HysacVision *self, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  HysacTower *tower = &self->tower;
  const gsize images = self->max_batch, patches = images * self->grid;
  if (!hysac_tower_allocate(tower, images * self->tokens, images, error))
    return FALSE;
  self->ld_pixels = hysac_ops_operand_ld(tower->ops, self->patch_k);
  struct {
    cl_mem *mem;
    gsize bytes;
    const char *what;
  } buffers[] = {
    { &self->patches, patches * self->patch_k, "patches" },
    { &self->pixels, patches * self->ld_pixels * 4, "pixels" },
    { &self->embedded, patches * tower->ld * sizeof(float), "embedded patches" },
    { &self->pooled, images * tower->ld_norm * 4, "class tokens" },
    { &self->features, images * c->projection * sizeof(float), "features" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++) {
    if ((*buffers[i].mem = hysac_ops_buffer(tower->ops, buffers[i].bytes, buffers[i].what, error)) == NULL)
      return FALSE;
  }
  return TRUE;
}

static cl_event *
mark(HysacVision *self, HysacStage stage)
{
  return hysac_tower_mark(&self->tower, stage);
}

gboolean
hysac_vision_run_start(HysacVision *self, cl_command_queue queue, cl_mem pixels, gsize batch,
                       GError **error)
{
  const gsize width = self->config.width, patches = batch * self->grid;
  HysacTower *tower = &self->tower;
  HysacOps *ops = tower->ops;
  return hysac_ops_embed_pixels(ops, queue, pixels, self->patch_k, self->pixels,
                                self->ld_pixels, patches, mark(self, HYSAC_STAGE_PATCH), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->pixels, self->ld_pixels, self->patch,
                        self->embedded, tower->ld, patches, width,
                        mark(self, HYSAC_STAGE_PATCH), error) &&
         hysac_ops_embed_tokens(ops, queue, self->embedded, tower->ld, self->token, self->position,
                                tower->x, tower->ld, batch, self->tokens, width,
                                mark(self, HYSAC_STAGE_PATCH), error) &&
         hysac_ops_layernorm(ops, queue, tower->x, tower->ld, tower->x, tower->ld, batch * self->tokens,
                             width, self->pre_gain, self->pre_bias, tower->eps,
                             mark(self, HYSAC_STAGE_PATCH), error);
}

/* The rows that go on after the attention, and how far apart: of the last layer the class tokens, the
 * first of each image. */
static void
rows_after(HysacVision *self, gsize batch, gboolean last, gsize *rows, gsize *step)
{
  *rows = last ? batch : batch * self->tokens;
  *step = last ? self->tokens : 1;
}

gboolean
hysac_vision_run_attention(HysacVision *self, cl_command_queue queue, const HysacTowerLayer *layer,
                           gsize batch, gboolean last, GError **error)
{
  HysacTower *tower = &self->tower;
  gsize rows, step;
  rows_after(self, batch, last, &rows, &step);
  return hysac_tower_qkv(tower, queue, layer, batch * self->tokens, error) &&
         hysac_ops_attention(tower->ops, queue, tower->qkv, tower->ld_qkv, tower->heads_out,
                             tower->ld_heads, batch, last ? 1 : self->tokens, tower->scale,
                             tower->scratch, mark(self, HYSAC_STAGE_ATTENTION), error) &&
         hysac_tower_out(tower, queue, layer, tower->x, rows, step, error);
}

gboolean
hysac_vision_run_mlp(HysacVision *self, cl_command_queue queue, const HysacTowerLayer *layer,
                     gsize batch, gboolean last, GError **error)
{
  gsize rows, step;
  rows_after(self, batch, last, &rows, &step);
  return hysac_tower_mlp(&self->tower, queue, layer, self->tower.x, rows, step, error);
}

gboolean
hysac_vision_run_end(HysacVision *self, cl_command_queue queue, gsize batch, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  HysacTower *tower = &self->tower;
  return hysac_ops_layernorm_operand(tower->ops, queue, tower->x, self->tokens * tower->ld, self->pooled,
                                     tower->ld_norm, batch, c->width, self->post_gain, self->post_bias,
                                     tower->eps, mark(self, HYSAC_STAGE_HEAD), error) &&
         hysac_ops_gemm(tower->ops, queue, HYSAC_EPILOGUE_BIAS, self->pooled, tower->ld_norm,
                        self->projection, self->features, c->projection, batch, c->projection,
                        mark(self, HYSAC_STAGE_HEAD), error);
}

/* @layers: the last so many. */
static gboolean
run(HysacVision *self, cl_command_queue queue, cl_mem patches, gsize batch, guint layers, GError **error)
{
  if (!hysac_vision_run_start(self, queue, patches, batch, error))
    return FALSE;
  for (guint i = self->config.layers - layers; i < self->config.layers; i++) {
    const gboolean last = i + 1 == self->config.layers;
    if (!hysac_vision_run_attention(self, queue, &self->tower.layers[i], batch, last, error) ||
        !hysac_vision_run_mlp(self, queue, &self->tower.layers[i], batch, last, error))
      return FALSE;
  }
  return hysac_vision_run_end(self, queue, batch, error);
}

/* Machine code is made at the first launch: two layers over grey, at the sizes of use. */
static gboolean
warm_up(HysacVision *self, HysacTowerLoader *loader, GError **error)
{
  const cl_uchar grey = 128;
  const guint layers = MIN(2, self->config.layers);
  cl_command_queue queue = hysac_device_new_queue(hysac_ops_device(self->tower.ops), FALSE, error);
  if (queue == NULL)
    return FALSE;
  hysac_tower_report(loader, "warming up");
  gboolean ok = HYSAC_CL(clEnqueueFillBuffer(queue, self->patches, &grey, 1, 0,
                                             self->max_batch * hysac_vision_patch_bytes(self), 0, NULL,
                                             NULL), "clEnqueueFillBuffer", error) &&
                run(self, queue, self->patches, 1, layers, error) && HYSAC_CL(clFinish(queue), "clFinish", error);
  if (ok && self->max_batch > 1) {
    hysac_tower_report(loader, "warming up batches");
    ok = run(self, queue, self->patches, self->max_batch, layers, error) &&
         HYSAC_CL(clFinish(queue), "clFinish", error);
  }
  clReleaseCommandQueue(queue);
  return ok;
}

/* Sizes from a config that a model directory states: the products below must not overflow. */
static gboolean
check_config(const HysacVisionConfig *c, guint max_batch, GError **error)
{
  const guint limit = 1 << 16;
  if (c->patch_size == 0 || c->image_size < c->patch_size || c->image_size > limit) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "vision tower of image %u, patch %u",
                c->image_size, c->patch_size);
    return FALSE;
  }
  if (max_batch == 0 || max_batch > 1024) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "batches of %u images", max_batch);
    return FALSE;
  }
  return hysac_tower_check("vision", c->width, c->heads, c->mlp_width, c->layers, c->projection, error);
}

HysacVision *
hysac_vision_shell(HysacDevice *device, HysacModel *model, HysacPrecision precision, guint max_batch,
                   GError **error)
{
  const HysacVisionConfig *c = hysac_model_get_vision_config(model);
  if (!check_config(c, max_batch, error))
    return NULL;
  HysacVision *self = g_new0(HysacVision, 1);
  self->config = *c;
  self->max_batch = max_batch;
  const gsize side = c->image_size / c->patch_size;
  self->grid = side * side;
  self->tokens = self->grid + 1;
  self->patch_k = (gsize) 3 * c->patch_size * c->patch_size;
  HysacTower *tower = &self->tower;
  *tower = (HysacTower) {
    .width = c->width, .mlp_width = c->mlp_width, .heads = c->heads, .n_layers = c->layers,
    .activation = c->activation, .eps = (float) c->layer_norm_eps,
    .scale = (float) (1.0 / sqrt((double) (c->width / c->heads))), .prefix = "vision_model",
  };
  if ((tower->ops = hysac_ops_new(device, precision, NULL, error)) == NULL ||
      !hysac_ops_attention_setup(tower->ops, self->tokens, c->heads, c->width / c->heads,
                                 &tower->attention, error) ||
      !allocate(self, error))
    g_clear_pointer(&self, hysac_vision_free);
  return self;
}

static gboolean
load(HysacVision *self, HysacTowerLoader *loader, HysacPrecision precision, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  const gsize width = c->width;
  if (!hysac_tower_loader_allocate(loader, &self->tower,
                                   MAX(MAX(width * self->patch_k, self->tokens * width),
                                       width * c->projection), error))
    return FALSE;
  hysac_tower_report(loader, "packing embeddings");
  self->accuracy = (HysacVisionAccuracy){ .cosine = 1.0 };
  return hysac_vision_load_ends(self, loader, error) &&
         (precision == HYSAC_PRECISION_FP32 ? hysac_tower_load_layers(&self->tower, loader, error)
                                            : hysac_vision_calibrate(self, loader, precision == HYSAC_PRECISION_INT8, error));
}

HysacVision *
hysac_vision_new(HysacDevice *device, HysacModel *model, HysacPrecision precision, guint max_batch,
                 void (*progress)(guint, guint, const char *, gpointer), gpointer user_data,
                 GError **error)
{
  const HysacVisionConfig *c = hysac_model_get_vision_config(model);
  HysacTowerLoader loader = { .model = model, .progress = progress, .user_data = user_data };
  loader.total = 2 + c->layers + (max_batch > 1 ? 2 : 1);
  hysac_tower_report(&loader, "building programs");
  HysacVision *self = hysac_vision_shell(device, model, precision, max_batch, error);
  if (self == NULL)
    return NULL;
  g_autoptr(GError) local = NULL;
  hysac_vision_packing_init(self, model);
  if (!hysac_vision_unpack(self, &local)) {
    if (local != NULL) {
      g_propagate_error(error, g_steal_pointer(&local));
      goto fail;
    }
    if (!load(self, &loader, precision, error))
      goto fail;
  } else {
    loader.done += 1 + c->layers;
  }
  if (!warm_up(self, &loader, error))
    goto fail;
  hysac_tower_report(&loader, "packed");
  g_free(loader.data);
  g_info("vision tower: %s; %s, at most %u images at once; against fp32: cosine %.7f, length %.2g",
         hysac_ops_describe(self->tower.ops), hysac_precision_to_string(precision), max_batch,
         self->accuracy.cosine, self->accuracy.distance);
  return self;

fail:
  g_free(loader.data);
  hysac_vision_free(self);
  return NULL;
}

void
hysac_vision_free(HysacVision *self)
{
  if (self == NULL)
    return;
  g_clear_pointer(&self->patch, hysac_weights_free);
  g_clear_pointer(&self->projection, hysac_weights_free);
  cl_mem *buffers[] = { &self->token, &self->position, &self->pre_gain, &self->pre_bias,
                        &self->post_gain, &self->post_bias, &self->patches, &self->pixels,
                        &self->embedded, &self->pooled, &self->features };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++)
    g_clear_pointer(buffers[i], clReleaseMemObject);
  g_clear_pointer(&self->packing, hysac_tower_packing_free);
  hysac_tower_clear(&self->tower);
  g_free(self);
}

HysacVisionAccuracy
hysac_vision_accuracy(HysacVision *self)
{
  return self->accuracy;
}

cl_mem
hysac_vision_patches(HysacVision *self)
{
  return self->patches;
}

gsize
hysac_vision_patch_bytes(HysacVision *self)
{
  return self->grid * self->patch_k;
}

gboolean
hysac_vision_enqueue(HysacVision *self, cl_command_queue queue, cl_mem patches, guint batch,
                     GError **error)
{
  if (batch == 0 || batch > self->max_batch) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a batch of %u; 1 to %u can be run", batch,
                self->max_batch);
    return FALSE;
  }
  return run(self, queue, patches, batch, self->config.layers, error);
}

gboolean
hysac_vision_profile(HysacVision *self, cl_command_queue queue, guint batch, double ms[HYSAC_N_STAGES],
                     GError **error)
{
  cl_event before = NULL;
  self->tower.profile = hysac_vision_profile_new(self->config.layers);
  gboolean ok = HYSAC_CL(clEnqueueMarkerWithWaitList(queue, 0, NULL, &before), "clEnqueueMarkerWithWaitList",
                         error) &&
                hysac_vision_enqueue(self, queue, self->patches, batch, error);
  ok = HYSAC_CL(clFinish(queue), "clFinish", ok ? error : NULL) && ok &&
       hysac_vision_profile_read(self->tower.profile, before, ms, error);
  g_clear_pointer(&before, clReleaseEvent);
  g_clear_pointer(&self->tower.profile, hysac_vision_profile_free);
  return ok;
}

cl_mem
hysac_vision_features(HysacVision *self)
{
  return self->features;
}

const char *
hysac_vision_describe(HysacVision *self)
{
  return hysac_ops_describe(self->tower.ops);
}
