/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CLIP's vision tower (pre-LN transformer) on one device. Weights are read one tensor at a time and
 * packed straight into device memory. Padding: q, k and v of a head are padded with zero rows of
 * their weights to the head size that the attention variant wants, out_proj with zero columns.
 */

#include "opencl/vision.h"
#include "opencl/ops.h"

#include <math.h>
#include <string.h>

typedef struct {
  cl_mem gain1, bias1, gain2, bias2;
  HysacWeights *qkv, *out, *fc1, *fc2;
} Layer;

struct _HysacVision {
  HysacOps *ops;
  HysacVisionConfig config;
  guint max_batch;
  gsize grid, tokens, patch_k; /* patches an image, plus the class token; bytes a patch */
  HysacAttention attention;
  float scale;

  HysacWeights *patch, *projection;
  cl_mem token, position, pre_gain, pre_bias, post_gain, post_bias;
  Layer *layers;

  /* Work space for max_batch images. */
  gsize ld, ld_qkv, ld_head, ld_mlp, ld_pixels;
  cl_mem patches, pixels, embedded, x, norm, qkv, heads, mlp, scratch, pooled, features;
};

/* What the constructor carries: a buffer for the largest tensor, and the progress. */
typedef struct {
  HysacModel *model;
  float *data;
  gsize n; /* floats in data */
  void (*progress)(guint, guint, const char *, gpointer);
  gpointer user_data;
  guint done, total;
} Loader;

static void
report(Loader *loader, const char *what)
{
  if (loader->progress != NULL)
    loader->progress(loader->done, loader->total, what, loader->user_data);
  if (loader->done < loader->total)
    loader->done++;
}

/* Reads a tensor into loader->data. */
static gboolean
read_tensor(Loader *loader, gsize n, GError **error, const char *name)
{
  g_return_val_if_fail(n <= loader->n, FALSE);
  return hysac_model_read_tensor(loader->model, name, loader->data, n, error);
}

static cl_mem
load_vector(HysacVision *self, Loader *loader, gsize n, GError **error, const char *name)
{
  if (!read_tensor(loader, n, error, name))
    return NULL;
  return hysac_ops_buffer_floats(self->ops, loader->data, n, name, error);
}

/* A Linear layer with bias, as it is. */
static HysacWeights *
load_linear(HysacVision *self, Loader *loader, const char *base, gsize n, gsize k, GError **error)
{
  g_autofree char *weight = g_strconcat(base, ".weight", NULL);
  g_autofree char *bias = g_strconcat(base, ".bias", NULL);
  HysacWeights *w = hysac_weights_new(self->ops, n, k, base, error);
  if (w == NULL || !read_tensor(loader, n * k, error, weight))
    goto fail;
  hysac_weights_put(w, 0, 0, loader->data, n, k, k);
  if (!read_tensor(loader, n, error, bias))
    goto fail;
  hysac_weights_put_bias(w, 0, loader->data, n);
  if (hysac_weights_finish(w, error))
    return w;
fail:
  hysac_weights_free(w);
  return NULL;
}

/* q, k and v in one product: rows [q heads][k heads][v heads], each head padded. */
static HysacWeights *
load_qkv(HysacVision *self, Loader *loader, const char *base, GError **error)
{
  static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
  const gsize width = self->config.width, heads = self->config.heads, dim = width / heads,
              padded = self->attention.head;
  HysacWeights *w = hysac_weights_new(self->ops, 3 * heads * padded, width, base, error);
  if (w == NULL)
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autofree char *weight = g_strconcat(base, ".", parts[i], ".weight", NULL);
    g_autofree char *bias = g_strconcat(base, ".", parts[i], ".bias", NULL);
    if (!read_tensor(loader, width * width, error, weight))
      goto fail;
    for (gsize h = 0; h < heads; h++)
      hysac_weights_put(w, (i * heads + h) * padded, 0, loader->data + h * dim * width, dim, width,
                        width);
    if (!read_tensor(loader, width, error, bias))
      goto fail;
    for (gsize h = 0; h < heads; h++)
      hysac_weights_put_bias(w, (i * heads + h) * padded, loader->data + h * dim, dim);
  }
  if (hysac_weights_finish(w, error))
    return w;
fail:
  hysac_weights_free(w);
  return NULL;
}

/* out_proj over padded heads. */
static HysacWeights *
load_out(HysacVision *self, Loader *loader, const char *base, GError **error)
{
  const gsize width = self->config.width, heads = self->config.heads, dim = width / heads,
              padded = self->attention.head;
  g_autofree char *weight = g_strconcat(base, ".out_proj.weight", NULL);
  g_autofree char *bias = g_strconcat(base, ".out_proj.bias", NULL);
  HysacWeights *w = hysac_weights_new(self->ops, width, heads * padded, weight, error);
  if (w == NULL || !read_tensor(loader, width * width, error, weight))
    goto fail;
  for (gsize h = 0; h < heads; h++)
    hysac_weights_put(w, 0, h * padded, loader->data + h * dim, width, dim, width);
  if (!read_tensor(loader, width, error, bias))
    goto fail;
  hysac_weights_put_bias(w, 0, loader->data, width);
  if (hysac_weights_finish(w, error))
    return w;
fail:
  hysac_weights_free(w);
  return NULL;
}

/*
 * The patch convolution on bytes b - 128: with x = (b / 255 - mean) / std,
 * sum W x = sum W / (255 std) (b - 128) + sum W (128 / 255 - mean) / std. Folded in double.
 */
static HysacWeights *
load_patch(HysacVision *self, Loader *loader, GError **error)
{
  const char *name = "vision_model.embeddings.patch_embedding.weight";
  const HysacPreprocessConfig *pre = hysac_model_get_preprocess_config(loader->model);
  const gsize width = self->config.width, k = self->patch_k, plane = k / 3;
  HysacWeights *w = hysac_weights_new(self->ops, width, k, name, error);
  if (w == NULL || !read_tensor(loader, width * k, error, name))
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

static HysacWeights *
load_projection(HysacVision *self, Loader *loader, GError **error)
{
  const char *name = "visual_projection.weight";
  const gsize n = self->config.projection, k = self->config.width;
  HysacWeights *w = hysac_weights_new(self->ops, n, k, name, error);
  if (w != NULL && read_tensor(loader, n * k, error, name)) {
    hysac_weights_put(w, 0, 0, loader->data, n, k, k);
    if (hysac_weights_finish(w, error))
      return w;
  }
  hysac_weights_free(w);
  return NULL;
}

static gboolean
load_layer(HysacVision *self, Loader *loader, guint i, GError **error)
{
  const gsize width = self->config.width, mlp = self->config.mlp_width;
  Layer *layer = &self->layers[i];
  g_autofree char *base = g_strdup_printf("vision_model.encoder.layers.%u.", i);
  g_autofree char *attention = g_strconcat(base, "self_attn", NULL);
  g_autofree char *gain1 = g_strconcat(base, "layer_norm1.weight", NULL);
  g_autofree char *bias1 = g_strconcat(base, "layer_norm1.bias", NULL);
  g_autofree char *gain2 = g_strconcat(base, "layer_norm2.weight", NULL);
  g_autofree char *bias2 = g_strconcat(base, "layer_norm2.bias", NULL);
  g_autofree char *fc1 = g_strconcat(base, "mlp.fc1", NULL);
  g_autofree char *fc2 = g_strconcat(base, "mlp.fc2", NULL);
  return (layer->gain1 = load_vector(self, loader, width, error, gain1)) != NULL &&
         (layer->bias1 = load_vector(self, loader, width, error, bias1)) != NULL &&
         (layer->qkv = load_qkv(self, loader, attention, error)) != NULL &&
         (layer->out = load_out(self, loader, attention, error)) != NULL &&
         (layer->gain2 = load_vector(self, loader, width, error, gain2)) != NULL &&
         (layer->bias2 = load_vector(self, loader, width, error, bias2)) != NULL &&
         (layer->fc1 = load_linear(self, loader, fc1, mlp, width, error)) != NULL &&
         (layer->fc2 = load_linear(self, loader, fc2, width, mlp, error)) != NULL;
}

static gboolean
load_ends(HysacVision *self, Loader *loader, GError **error)
{
  const gsize width = self->config.width;
  return (self->patch = load_patch(self, loader, error)) != NULL &&
         (self->token = load_vector(self, loader, width, error,
                                    "vision_model.embeddings.class_embedding")) != NULL &&
         (self->position = load_vector(self, loader, self->tokens * width, error,
                                       "vision_model.embeddings.position_embedding.weight")) != NULL &&
         (self->pre_gain = load_vector(self, loader, width, error,
                                       "vision_model.pre_layrnorm.weight")) != NULL &&
         (self->pre_bias = load_vector(self, loader, width, error,
                                       "vision_model.pre_layrnorm.bias")) != NULL &&
         (self->post_gain = load_vector(self, loader, width, error,
                                        "vision_model.post_layernorm.weight")) != NULL &&
         (self->post_bias = load_vector(self, loader, width, error,
                                        "vision_model.post_layernorm.bias")) != NULL &&
         (self->projection = load_projection(self, loader, error)) != NULL;
}

static gboolean
allocate(HysacVision *self, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  const gsize images = self->max_batch, rows = images * self->tokens, patches = images * self->grid;
  const gsize inner = c->heads * self->attention.head;
  self->ld = hysac_ops_ld(c->width);
  self->ld_qkv = hysac_ops_ld(3 * inner);
  self->ld_head = hysac_ops_ld(inner);
  self->ld_mlp = hysac_ops_ld(c->mlp_width);
  self->ld_pixels = hysac_ops_ld(self->patch_k);
  struct {
    cl_mem *mem;
    gsize bytes;
    const char *what;
  } buffers[] = {
    { &self->patches, patches * self->patch_k, "patches" },
    { &self->pixels, patches * self->ld_pixels * sizeof(float), "pixels" },
    { &self->embedded, patches * self->ld * sizeof(float), "embedded patches" },
    { &self->x, rows * self->ld * sizeof(float), "hidden state" },
    { &self->norm, rows * self->ld * sizeof(float), "normalised state" },
    { &self->qkv, rows * self->ld_qkv * sizeof(float), "queries, keys and values" },
    { &self->heads, rows * self->ld_head * sizeof(float), "attention output" },
    { &self->mlp, rows * self->ld_mlp * sizeof(float), "MLP" },
    { &self->scratch, images * self->attention.scratch_bytes, "attention scratch" },
    { &self->pooled, images * self->ld * sizeof(float), "class tokens" },
    { &self->features, images * c->projection * sizeof(float), "features" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++) {
    if (buffers[i].bytes == 0)
      continue; /* no scratch wanted */
    if ((*buffers[i].mem = hysac_ops_buffer(self->ops, buffers[i].bytes, buffers[i].what, error)) ==
        NULL)
      return FALSE;
  }
  return TRUE;
}

static gboolean
run_layer(HysacVision *self, cl_command_queue queue, const Layer *layer, gsize batch, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  const gsize rows = batch * self->tokens, inner = c->heads * self->attention.head;
  const float eps = (float) c->layer_norm_eps;
  const HysacEpilogue act = c->activation == HYSAC_ACTIVATION_GELU ? HYSAC_EPILOGUE_GELU
                                                                   : HYSAC_EPILOGUE_QUICK_GELU;
  HysacOps *ops = self->ops;
  return hysac_ops_layernorm(ops, queue, self->x, self->ld, self->norm, self->ld, rows, c->width,
                             layer->gain1, layer->bias1, eps, NULL, error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->norm, self->ld, layer->qkv, self->qkv,
                        self->ld_qkv, rows, 3 * inner, NULL, error) &&
         hysac_ops_attention(ops, queue, self->qkv, self->ld_qkv, self->heads, self->ld_head, batch,
                             self->scale, self->scratch, NULL, error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_RESIDUAL, self->heads, self->ld_head, layer->out,
                        self->x, self->ld, rows, c->width, NULL, error) &&
         hysac_ops_layernorm(ops, queue, self->x, self->ld, self->norm, self->ld, rows, c->width,
                             layer->gain2, layer->bias2, eps, NULL, error) &&
         hysac_ops_gemm(ops, queue, act, self->norm, self->ld, layer->fc1, self->mlp, self->ld_mlp,
                        rows, c->mlp_width, NULL, error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_RESIDUAL, self->mlp, self->ld_mlp, layer->fc2,
                        self->x, self->ld, rows, c->width, NULL, error);
}

static gboolean
run(HysacVision *self, cl_command_queue queue, gsize batch, guint layers, GError **error)
{
  const HysacVisionConfig *c = &self->config;
  const gsize rows = batch * self->tokens, patches = batch * self->grid;
  const float eps = (float) c->layer_norm_eps;
  HysacOps *ops = self->ops;
  if (!hysac_ops_embed_pixels(ops, queue, self->patches, self->patch_k, self->pixels, self->ld_pixels,
                              patches, NULL, error) ||
      !hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->pixels, self->ld_pixels, self->patch,
                      self->embedded, self->ld, patches, c->width, NULL, error) ||
      !hysac_ops_embed_tokens(ops, queue, self->embedded, self->ld, self->token, self->position,
                              self->x, self->ld, batch, self->tokens, c->width, NULL, error) ||
      !hysac_ops_layernorm(ops, queue, self->x, self->ld, self->x, self->ld, rows, c->width,
                           self->pre_gain, self->pre_bias, eps, NULL, error))
    return FALSE;
  for (guint i = 0; i < layers; i++) {
    if (!run_layer(self, queue, &self->layers[i], batch, error))
      return FALSE;
  }
  /* The class tokens only: the first row of each image. */
  return hysac_ops_layernorm(ops, queue, self->x, self->tokens * self->ld, self->pooled, self->ld,
                             batch, c->width, self->post_gain, self->post_bias, eps, NULL, error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->pooled, self->ld, self->projection,
                        self->features, c->projection, batch, c->projection, NULL, error);
}

/* Machine code is made at the first launch: one layer over zeros, at the sizes of use. */
static gboolean
warm_up(HysacVision *self, Loader *loader, GError **error)
{
  const cl_uchar grey = 128;
  cl_command_queue queue = hysac_device_new_queue(hysac_ops_device(self->ops), FALSE, error);
  if (queue == NULL)
    return FALSE;
  report(loader, "warming up");
  gboolean ok = HYSAC_CL(clEnqueueFillBuffer(queue, self->patches, &grey, 1, 0,
                                             self->max_batch * hysac_vision_patch_bytes(self), 0, NULL,
                                             NULL), "clEnqueueFillBuffer", error) &&
                run(self, queue, 1, 1, error) && HYSAC_CL(clFinish(queue), "clFinish", error);
  if (ok && self->max_batch > 1) {
    report(loader, "warming up batches");
    ok = run(self, queue, self->max_batch, 1, error) && HYSAC_CL(clFinish(queue), "clFinish", error);
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
hysac_vision_new(HysacDevice *device, HysacModel *model, HysacPrecision precision, guint max_batch,
                 void (*progress)(guint, guint, const char *, gpointer), gpointer user_data,
                 GError **error)
{
  const HysacVisionConfig *c = hysac_model_get_vision_config(model);
  if (!check_config(c, max_batch, error))
    return NULL;
  if (precision != HYSAC_PRECISION_AUTO && precision != HYSAC_PRECISION_FP32) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "precision %s: this build computes in fp32 only", hysac_precision_to_string(precision));
    return NULL;
  }

  HysacVision *self = g_new0(HysacVision, 1);
  self->config = *c;
  self->max_batch = max_batch;
  const gsize side = c->image_size / c->patch_size;
  self->grid = side * side;
  self->tokens = self->grid + 1;
  self->patch_k = (gsize) 3 * c->patch_size * c->patch_size;
  self->scale = (float) (1.0 / sqrt((double) (c->width / c->heads)));
  self->layers = g_new0(Layer, c->layers);

  Loader loader = { .model = model, .progress = progress, .user_data = user_data };
  loader.total = 2 + c->layers + (max_batch > 1 ? 2 : 1);
  const gsize width = c->width;
  loader.n = MAX(MAX(width * self->patch_k, self->tokens * width),
                 MAX(width * width, MAX(width * c->mlp_width, width * c->projection)));
  loader.n = MAX(loader.n, MAX(c->mlp_width, c->projection));
  loader.data = g_try_new(float, loader.n);
  if (loader.data == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
                "no memory for a tensor of %" G_GSIZE_FORMAT " floats", loader.n);
    goto fail;
  }

  report(&loader, "building programs");
  if ((self->ops = hysac_ops_new(device, NULL, error)) == NULL ||
      !hysac_ops_attention_setup(self->ops, self->tokens, c->heads, width / c->heads,
                                 &self->attention, error) ||
      !allocate(self, error))
    goto fail;
  report(&loader, "packing embeddings");
  if (!load_ends(self, &loader, error))
    goto fail;
  for (guint i = 0; i < c->layers; i++) {
    g_autofree char *what = g_strdup_printf("packing layer %u", i);
    report(&loader, what);
    if (!load_layer(self, &loader, i, error))
      goto fail;
  }
  if (!warm_up(self, &loader, error))
    goto fail;
  report(&loader, "ready");
  g_free(loader.data);
  g_info("vision tower: %s; fp32, at most %u images at once", hysac_ops_describe(self->ops), max_batch);
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
  for (guint i = 0; i < self->config.layers; i++) {
    Layer *layer = &self->layers[i];
    cl_mem *vectors[] = { &layer->gain1, &layer->bias1, &layer->gain2, &layer->bias2 };
    for (gsize j = 0; j < G_N_ELEMENTS(vectors); j++)
      g_clear_pointer(vectors[j], clReleaseMemObject);
    g_clear_pointer(&layer->qkv, hysac_weights_free);
    g_clear_pointer(&layer->out, hysac_weights_free);
    g_clear_pointer(&layer->fc1, hysac_weights_free);
    g_clear_pointer(&layer->fc2, hysac_weights_free);
  }
  g_free(self->layers);
  g_clear_pointer(&self->patch, hysac_weights_free);
  g_clear_pointer(&self->projection, hysac_weights_free);
  cl_mem *buffers[] = { &self->token, &self->position, &self->pre_gain, &self->pre_bias,
                        &self->post_gain, &self->post_bias, &self->patches, &self->pixels,
                        &self->embedded, &self->x, &self->norm, &self->qkv, &self->heads, &self->mlp,
                        &self->scratch, &self->pooled, &self->features };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++)
    g_clear_pointer(buffers[i], clReleaseMemObject);
  hysac_ops_free(self->ops);
  g_free(self);
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
hysac_vision_enqueue(HysacVision *self, cl_command_queue queue, guint batch, GError **error)
{
  if (batch == 0 || batch > self->max_batch) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a batch of %u; 1 to %u can be run", batch,
                self->max_batch);
    return FALSE;
  }
  return run(self, queue, batch, self->config.layers, error);
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
