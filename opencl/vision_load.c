/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tower's weights: read one tensor at a time, and packed for the device. Padding: q, k and v of a
 * head are padded with zero rows of their weights to the head size that the attention variant wants,
 * out_proj with zero columns.
 */

#include "opencl/vision_private.h"

#include <math.h>
#include <string.h>

void
hysac_vision_report(HysacVisionLoader *loader, const char *what)
{
  if (loader->progress != NULL)
    loader->progress(loader->done, loader->total, what, loader->user_data);
  if (loader->done < loader->total)
    loader->done++;
}

/* Reads a tensor into loader->data. */
static gboolean
read_tensor(HysacVisionLoader *loader, gsize n, GError **error, const char *name)
{
  g_return_val_if_fail(n <= loader->n, FALSE);
  return hysac_model_read_tensor(loader->model, name, loader->data, n, error);
}

static cl_mem
load_vector(HysacVision *self, HysacVisionLoader *loader, gsize n, GError **error, const char *name)
{
  if (!read_tensor(loader, n, error, name))
    return NULL;
  return hysac_ops_buffer_floats(self->ops, loader->data, n, name, error);
}

/* A LayerNorm's scales are moved into the weights behind it: see load_layer. */
static gboolean
finish_smoothed(HysacWeights *w, const float *maxima, float *moved, GError **error)
{
  if (maxima != NULL)
    hysac_weights_smooth(w, maxima, moved);
  return hysac_weights_finish(w, error);
}

/* A Linear layer with bias. */
static HysacWeights *
load_linear(HysacVision *self, HysacVisionLoader *loader, const char *base, gsize n, gsize k,
            const float *maxima, float *moved, GError **error)
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
  if (finish_smoothed(w, maxima, moved, error))
    return w;
fail:
  hysac_weights_free(w);
  return NULL;
}

/* q, k and v in one product: rows [q heads][k heads][v heads], each head padded. */
static HysacWeights *
load_qkv(HysacVision *self, HysacVisionLoader *loader, const char *base, const float *maxima, float *moved,
         GError **error)
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
  if (finish_smoothed(w, maxima, moved, error))
    return w;
fail:
  hysac_weights_free(w);
  return NULL;
}

/* out_proj over padded heads. */
static HysacWeights *
load_out(HysacVision *self, HysacVisionLoader *loader, const char *base, GError **error)
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
load_patch(HysacVision *self, HysacVisionLoader *loader, GError **error)
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
load_projection(HysacVision *self, HysacVisionLoader *loader, GError **error)
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

/* A LayerNorm's gain or bias, divided by what the weights behind have taken. */
static cl_mem
load_norm(HysacVision *self, HysacVisionLoader *loader, const float *moved, GError **error,
          const char *name)
{
  const gsize width = self->config.width;
  if (!read_tensor(loader, width, error, name))
    return NULL;
  for (gsize i = 0; i < width; i++)
    loader->data[i] /= moved[i];
  return hysac_ops_buffer_floats(self->ops, loader->data, width, name, error);
}

/*
 * A channel far louder than the rest takes int8's range away from all others of its token. A LayerNorm's
 * channel j is divided by s_j in gain and bias, the weights behind are multiplied by it: the same
 * function, and s_j balances the two (SmoothQuant, Xiao et al. 2023, with alpha = 1/2).
 */
gboolean
hysac_vision_load_layer(HysacVision *self, HysacVisionLoader *loader, guint i, const float *maxima,
                        GError **error)
{
  const gsize width = self->config.width, mlp = self->config.mlp_width;
  HysacVisionLayer *layer = &self->layers[i];
  g_autofree char *base = g_strdup_printf("vision_model.encoder.layers.%u.", i);
  g_autofree char *attention = g_strconcat(base, "self_attn", NULL);
  g_autofree char *gain1 = g_strconcat(base, "layer_norm1.weight", NULL);
  g_autofree char *bias1 = g_strconcat(base, "layer_norm1.bias", NULL);
  g_autofree char *gain2 = g_strconcat(base, "layer_norm2.weight", NULL);
  g_autofree char *bias2 = g_strconcat(base, "layer_norm2.bias", NULL);
  g_autofree char *fc1 = g_strconcat(base, "mlp.fc1", NULL);
  g_autofree char *fc2 = g_strconcat(base, "mlp.fc2", NULL);
  g_autofree float *moved = g_new(float, 2 * width);
  const float *maxima2 = maxima != NULL ? maxima + width : NULL;
  for (gsize j = 0; j < 2 * width; j++)
    moved[j] = 1.0f;
  return (layer->qkv = load_qkv(self, loader, attention, maxima, moved, error)) != NULL &&
         (layer->gain1 = load_norm(self, loader, moved, error, gain1)) != NULL &&
         (layer->bias1 = load_norm(self, loader, moved, error, bias1)) != NULL &&
         (layer->out = load_out(self, loader, attention, error)) != NULL &&
         (layer->fc1 = load_linear(self, loader, fc1, mlp, width, maxima2, moved + width, error)) !=
             NULL &&
         (layer->gain2 = load_norm(self, loader, moved + width, error, gain2)) != NULL &&
         (layer->bias2 = load_norm(self, loader, moved + width, error, bias2)) != NULL &&
         (layer->fc2 = load_linear(self, loader, fc2, width, mlp, NULL, NULL, error)) != NULL;
}

void
hysac_vision_free_layer(HysacVisionLayer *layer)
{
  cl_mem *vectors[] = { &layer->gain1, &layer->bias1, &layer->gain2, &layer->bias2 };
  for (gsize j = 0; j < G_N_ELEMENTS(vectors); j++)
    g_clear_pointer(vectors[j], clReleaseMemObject);
  g_clear_pointer(&layer->qkv, hysac_weights_free);
  g_clear_pointer(&layer->out, hysac_weights_free);
  g_clear_pointer(&layer->fc1, hysac_weights_free);
  g_clear_pointer(&layer->fc2, hysac_weights_free);
}

gboolean
hysac_vision_load_ends(HysacVision *self, HysacVisionLoader *loader, GError **error)
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

