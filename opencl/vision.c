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
  HysacOps *ops = self->ops;
  const gsize images = self->max_batch, rows = images * self->tokens, patches = images * self->grid;
  const gsize inner = c->heads * self->attention.head;
  const gboolean floats = hysac_ops_operand_is_float(ops);
  self->ld = hysac_ops_ld(c->width);
  self->ld_qkv = hysac_ops_ld(3 * inner);
  self->ld_heads = hysac_ops_ld(inner);
  self->ld_pixels = hysac_ops_operand_ld(ops, self->patch_k);
  self->ld_norm = hysac_ops_operand_ld(ops, c->width);
  self->ld_attended = hysac_ops_operand_ld(ops, inner);
  self->ld_mlp = hysac_ops_operand_ld(ops, c->mlp_width);
  struct {
    cl_mem *mem;
    gsize bytes; /* 0: not wanted */
    const char *what;
  } buffers[] = {
    { &self->patches, patches * self->patch_k, "patches" },
    { &self->pixels, patches * self->ld_pixels * 4, "pixels" },
    { &self->embedded, patches * self->ld * sizeof(float), "embedded patches" },
    { &self->x, rows * self->ld * sizeof(float), "hidden state" },
    { &self->norm, rows * self->ld_norm * 4, "normalised state" },
    { &self->qkv, rows * self->ld_qkv * sizeof(float), "queries, keys and values" },
    { &self->heads, rows * self->ld_heads * sizeof(float), "attention output" },
    { &self->attended, floats ? 0 : rows * self->ld_attended * 4, "attention output" },
    { &self->mlp, rows * self->ld_mlp * 4, "MLP" },
    { &self->wide, hysac_ops_wide_bytes(ops, rows, c->mlp_width), "MLP" },
    { &self->scratch, images * self->attention.scratch_bytes, "attention scratch" },
    { &self->pooled, images * self->ld_norm * 4, "class tokens" },
    { &self->features, images * c->projection * sizeof(float), "features" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++) {
    if (buffers[i].bytes != 0 &&
        (*buffers[i].mem = hysac_ops_buffer(ops, buffers[i].bytes, buffers[i].what, error)) == NULL)
      return FALSE;
  }
  if (floats) {
    clRetainMemObject(self->heads);
    self->attended = self->heads;
  }
  return TRUE;
}

/* Where an operation of @stage puts its event: nowhere, unless a run is profiled. */
static cl_event *
mark(HysacVision *self, HysacStage stage)
{
  return self->profile != NULL ? hysac_vision_profile_mark(self->profile, stage) : NULL;
}

gboolean
hysac_vision_run_start(HysacVision *self, cl_command_queue queue, cl_mem pixels, gsize batch,
                       GError **error)
{
  const gsize width = self->config.width, patches = batch * self->grid;
  HysacOps *ops = self->ops;
  return hysac_ops_embed_pixels(ops, queue, pixels, self->patch_k, self->pixels,
                                self->ld_pixels, patches, mark(self, HYSAC_STAGE_PATCH), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->pixels, self->ld_pixels, self->patch,
                        self->embedded, self->ld, patches, width,
                        mark(self, HYSAC_STAGE_PATCH), error) &&
         hysac_ops_embed_tokens(ops, queue, self->embedded, self->ld, self->token, self->position,
                                self->x, self->ld, batch, self->tokens, width,
                                mark(self, HYSAC_STAGE_PATCH), error) &&
         hysac_ops_layernorm(ops, queue, self->x, self->ld, self->x, self->ld, batch * self->tokens,
                             width, self->pre_gain, self->pre_bias, (float) self->config.layer_norm_eps,
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
hysac_vision_run_attention(HysacVision *self, cl_command_queue queue, const HysacVisionLayer *layer,
                           gsize batch, gboolean last, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  const gsize inner = c->heads * self->attention.head, all = batch * self->tokens;
  gsize rows, step;
  rows_after(self, batch, last, &rows, &step);
  HysacOps *ops = self->ops;
  return hysac_ops_layernorm_operand(ops, queue, self->x, self->ld, self->norm, self->ld_norm, all,
                                     c->width, layer->gain1, layer->bias1, (float) c->layer_norm_eps,
                                     mark(self, HYSAC_STAGE_NORM1), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->norm, self->ld_norm, layer->qkv,
                        self->qkv, self->ld_qkv, all, 3 * inner,
                        mark(self, HYSAC_STAGE_QKV), error) &&
         hysac_ops_attention(ops, queue, self->qkv, self->ld_qkv, self->heads, self->ld_heads, batch,
                             last ? 1 : self->tokens, self->scale, self->scratch,
                             mark(self, HYSAC_STAGE_ATTENTION), error) &&
         hysac_ops_operand(ops, queue, self->heads, self->ld_heads * step, self->attended,
                           self->ld_attended * step, rows, inner,
                           mark(self, HYSAC_STAGE_OUT), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_RESIDUAL, self->attended, self->ld_attended * step,
                        layer->out, self->x, self->ld * step, rows, c->width,
                        mark(self, HYSAC_STAGE_OUT), error);
}

gboolean
hysac_vision_run_mlp(HysacVision *self, cl_command_queue queue, const HysacVisionLayer *layer,
                     gsize batch, gboolean last, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  const HysacEpilogue act = c->activation == HYSAC_ACTIVATION_GELU ? HYSAC_EPILOGUE_GELU
                                                                   : HYSAC_EPILOGUE_QUICK_GELU;
  gsize rows, step;
  rows_after(self, batch, last, &rows, &step);
  HysacOps *ops = self->ops;
  return hysac_ops_layernorm_operand(ops, queue, self->x, self->ld * step, self->norm, self->ld_norm,
                                     rows, c->width, layer->gain2, layer->bias2,
                                     (float) c->layer_norm_eps,
                                     mark(self, HYSAC_STAGE_NORM2), error) &&
         hysac_ops_gemm_operand(ops, queue, act, self->norm, self->ld_norm, layer->fc1, self->mlp,
                                self->ld_mlp, rows, c->mlp_width, self->wide,
                                mark(self, HYSAC_STAGE_FC1), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_RESIDUAL, self->mlp, self->ld_mlp, layer->fc2,
                        self->x, self->ld * step, rows, c->width,
                        mark(self, HYSAC_STAGE_FC2), error);
}

gboolean
hysac_vision_run_end(HysacVision *self, cl_command_queue queue, gsize batch, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  HysacOps *ops = self->ops;
  return hysac_ops_layernorm_operand(ops, queue, self->x, self->tokens * self->ld, self->pooled,
                                     self->ld_norm, batch, c->width, self->post_gain, self->post_bias,
                                     (float) c->layer_norm_eps,
                                     mark(self, HYSAC_STAGE_HEAD), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->pooled, self->ld_norm, self->projection,
                        self->features, c->projection, batch, c->projection,
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
    if (!hysac_vision_run_attention(self, queue, &self->layers[i], batch, last, error) ||
        !hysac_vision_run_mlp(self, queue, &self->layers[i], batch, last, error))
      return FALSE;
  }
  return hysac_vision_run_end(self, queue, batch, error);
}

/* Machine code is made at the first launch: two layers over grey, at the sizes of use. */
static gboolean
warm_up(HysacVision *self, HysacVisionLoader *loader, GError **error)
{
  const cl_uchar grey = 128;
  const guint layers = MIN(2, self->config.layers);
  cl_command_queue queue = hysac_device_new_queue(hysac_ops_device(self->ops), FALSE, error);
  if (queue == NULL)
    return FALSE;
  hysac_vision_report(loader, "warming up");
  gboolean ok = HYSAC_CL(clEnqueueFillBuffer(queue, self->patches, &grey, 1, 0,
                                             self->max_batch * hysac_vision_patch_bytes(self), 0, NULL,
                                             NULL), "clEnqueueFillBuffer", error) &&
                run(self, queue, self->patches, 1, layers, error) && HYSAC_CL(clFinish(queue), "clFinish", error);
  if (ok && self->max_batch > 1) {
    hysac_vision_report(loader, "warming up batches");
    ok = run(self, queue, self->patches, self->max_batch, layers, error) &&
         HYSAC_CL(clFinish(queue), "clFinish", error);
  }
  clReleaseCommandQueue(queue);
  return ok;
}

/* Sizes from a config that a model directory states: the products below must not overflow. The
 * loader has checked them against the tensors. */
static gboolean
check_config(const HysacVisionConfig *c, guint max_batch, GError **error)
{
  const guint limit = 1 << 16;
  if (c->patch_size == 0 || c->image_size < c->patch_size || c->image_size > limit || c->width == 0 ||
      c->width > limit || c->heads == 0 || c->width % c->heads != 0 || c->mlp_width == 0 ||
      c->mlp_width > 4 * limit || c->projection == 0 || c->projection > limit || c->layers == 0 ||
      c->layers > 1024) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "vision tower of image %u, patch %u, width %u, %u heads, MLP %u, %u layers, "
                "projection %u", c->image_size, c->patch_size, c->width, c->heads, c->mlp_width,
                c->layers, c->projection);
    return FALSE;
  }
  if (max_batch == 0 || max_batch > 1024) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "batches of %u images", max_batch);
    return FALSE;
  }
  return TRUE;
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
  self->scale = (float) (1.0 / sqrt((double) (c->width / c->heads)));
  self->layers = g_new0(HysacVisionLayer, c->layers);
  if ((self->ops = hysac_ops_new(device, precision, NULL, error)) == NULL ||
      !hysac_ops_attention_setup(self->ops, self->tokens, c->heads, c->width / c->heads,
                                 &self->attention, error) ||
      !allocate(self, error))
    g_clear_pointer(&self, hysac_vision_free);
  return self;
}

/* The layers as they are. */
static gboolean
load_layers(HysacVision *self, HysacVisionLoader *loader, GError **error)
{
  for (guint i = 0; i < self->config.layers; i++) {
    g_autofree char *what = g_strdup_printf("packing layer %u", i);
    hysac_vision_report(loader, what);
    if (!hysac_vision_load_layer(self, loader, i, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
load(HysacVision *self, HysacVisionLoader *loader, HysacPrecision precision, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  const gsize width = c->width;
  loader->n = MAX(MAX(width * self->patch_k, self->tokens * width),
                  MAX(width * width, MAX(width * c->mlp_width, width * c->projection)));
  loader->n = MAX(loader->n, MAX(c->mlp_width, c->projection));
  loader->data = g_try_new(float, loader->n);
  if (loader->data == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
                "no memory for a tensor of %" G_GSIZE_FORMAT " floats", loader->n);
    return FALSE;
  }
  hysac_vision_report(loader, "packing embeddings");
  self->accuracy = (HysacVisionAccuracy){ .cosine = 1.0 };
  return hysac_vision_load_ends(self, loader, error) &&
         (precision == HYSAC_PRECISION_FP32 ? load_layers(self, loader, error)
                                            : hysac_vision_calibrate(self, loader, error));
}

HysacVision *
hysac_vision_new(HysacDevice *device, HysacModel *model, HysacPrecision precision, guint max_batch,
                 void (*progress)(guint, guint, const char *, gpointer), gpointer user_data,
                 GError **error)
{
  const HysacVisionConfig *c = hysac_model_get_vision_config(model);
  HysacVisionLoader loader = { .model = model, .progress = progress, .user_data = user_data };
  loader.total = 2 + c->layers + (max_batch > 1 ? 2 : 1);
  hysac_vision_report(&loader, "building programs");
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
  hysac_vision_report(&loader, "ready");
  g_free(loader.data);
  g_info("vision tower: %s; %s, at most %u images at once; against fp32: cosine %.7f, length %.2g",
         hysac_ops_describe(self->ops), hysac_precision_to_string(precision), max_batch,
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
  for (guint i = 0; i < self->config.layers; i++)
    hysac_vision_free_layer(&self->layers[i]);
  g_free(self->layers);
  g_clear_pointer(&self->patch, hysac_weights_free);
  g_clear_pointer(&self->projection, hysac_weights_free);
  cl_mem *buffers[] = { &self->token, &self->position, &self->pre_gain, &self->pre_bias,
                        &self->post_gain, &self->post_bias, &self->patches, &self->pixels,
                        &self->embedded, &self->x, &self->norm, &self->qkv, &self->heads,
                        &self->attended, &self->mlp, &self->wide, &self->scratch, &self->pooled,
                        &self->features };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++)
    g_clear_pointer(buffers[i], clReleaseMemObject);
  hysac_vision_packing_clear(self);
  g_clear_pointer(&self->ops, hysac_ops_free);
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
  self->profile = hysac_vision_profile_new(self->config.layers);
  gboolean ok = HYSAC_CL(clEnqueueMarkerWithWaitList(queue, 0, NULL, &before), "clEnqueueMarkerWithWaitList",
                         error) &&
                hysac_vision_enqueue(self, queue, self->patches, batch, error);
  ok = HYSAC_CL(clFinish(queue), "clFinish", ok ? error : NULL) && ok &&
       hysac_vision_profile_read(self->profile, before, ms, error);
  g_clear_pointer(&before, clReleaseEvent);
  g_clear_pointer(&self->profile, hysac_vision_profile_free);
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
  return hysac_ops_describe(self->ops);
}
