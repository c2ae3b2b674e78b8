/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A tower's layers: read one tensor at a time, and packed for the device. Padding: q, k and v of a head are
 * padded with zero rows of their weights to the head size that the attention variant wants, out_proj with
 * zero columns.
 */

#include "opencl/tower.h"

gboolean
hysac_tower_loader_allocate(HysacTowerLoader *loader, const HysacTower *tower, gsize most, GError **error)
{
  const gsize width = tower->width;
  loader->n = MAX(MAX(width * width, width * tower->mlp_width), MAX(tower->mlp_width, most));
  loader->data = g_try_new(float, loader->n);
  if (loader->data == NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
                "no memory for a tensor of %" G_GSIZE_FORMAT " floats", loader->n);
  return loader->data != NULL;
}

void
hysac_tower_report(HysacTowerLoader *loader, const char *what)
{
  if (loader->progress != NULL)
    loader->progress(loader->done, loader->total, what, loader->user_data);
  if (loader->done < loader->total)
    loader->done++;
}

gboolean
hysac_tower_read(HysacTowerLoader *loader, gsize n, const char *name, GError **error)
{
  g_return_val_if_fail(n <= loader->n, FALSE);
  return hysac_model_read_tensor(loader->model, name, loader->data, n, error);
}

cl_mem
hysac_tower_load_vector(HysacTower *self, HysacTowerLoader *loader, gsize n, GError **error, const char *name)
{
  if (!hysac_tower_read(loader, n, name, error))
    return NULL;
  return hysac_ops_buffer_floats(self->ops, loader->data, n, name, error);
}

HysacWeights *
hysac_tower_load_projection(HysacTower *self, HysacTowerLoader *loader, gsize n, const char *name,
                            GError **error)
{
  const gsize k = self->width;
  HysacWeights *w = hysac_weights_new(self->ops, n, k, name, error);
  if (w != NULL && hysac_tower_read(loader, n * k, name, error)) {
    hysac_weights_put(w, 0, 0, loader->data, n, k, k);
    if (hysac_weights_finish(w, error))
      return w;
  }
  hysac_weights_free(w);
  return NULL;
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
load_linear(HysacTower *self, HysacTowerLoader *loader, const char *base, gsize n, gsize k,
            const float *maxima, float *moved, GError **error)
{
  g_autofree char *weight = g_strconcat(base, ".weight", NULL);
  g_autofree char *bias = g_strconcat(base, ".bias", NULL);
  HysacWeights *w = hysac_weights_new(self->ops, n, k, base, error);
  if (w == NULL || !hysac_tower_read(loader, n * k, weight, error))
    goto fail;
  hysac_weights_put(w, 0, 0, loader->data, n, k, k);
  if (!hysac_tower_read(loader, n, bias, error))
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
load_qkv(HysacTower *self, HysacTowerLoader *loader, const char *base, const float *maxima, float *moved,
         GError **error)
{
  static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
  const gsize width = self->width, heads = self->heads, dim = width / heads,
              padded = self->attention.head;
  HysacWeights *w = hysac_weights_new(self->ops, 3 * heads * padded, width, base, error);
  if (w == NULL)
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autofree char *weight = g_strconcat(base, ".", parts[i], ".weight", NULL);
    g_autofree char *bias = g_strconcat(base, ".", parts[i], ".bias", NULL);
    if (!hysac_tower_read(loader, width * width, weight, error))
      goto fail;
    for (gsize h = 0; h < heads; h++)
      hysac_weights_put(w, (i * heads + h) * padded, 0, loader->data + h * dim * width, dim, width,
                        width);
    if (!hysac_tower_read(loader, width, bias, error))
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
load_out(HysacTower *self, HysacTowerLoader *loader, const char *base, GError **error)
{
  const gsize width = self->width, heads = self->heads, dim = width / heads,
              padded = self->attention.head;
  g_autofree char *weight = g_strconcat(base, ".out_proj.weight", NULL);
  g_autofree char *bias = g_strconcat(base, ".out_proj.bias", NULL);
  HysacWeights *w = hysac_weights_new(self->ops, width, heads * padded, weight, error);
  if (w == NULL || !hysac_tower_read(loader, width * width, weight, error))
    goto fail;
  for (gsize h = 0; h < heads; h++)
    hysac_weights_put(w, 0, h * padded, loader->data + h * dim, width, dim, width);
  if (!hysac_tower_read(loader, width, bias, error))
    goto fail;
  hysac_weights_put_bias(w, 0, loader->data, width);
  if (hysac_weights_finish(w, error))
    return w;
fail:
  hysac_weights_free(w);
  return NULL;
}

/* A LayerNorm's gain or bias, divided by what the weights behind have taken. */
static cl_mem
load_norm(HysacTower *self, HysacTowerLoader *loader, const float *moved, GError **error,
          const char *name)
{
  const gsize width = self->width;
  if (!hysac_tower_read(loader, width, name, error))
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
hysac_tower_load_layer(HysacTower *self, HysacTowerLoader *loader, guint i, const float *maxima,
                        GError **error)
{
  const gsize width = self->width, mlp = self->mlp_width;
  HysacTowerLayer *layer = &self->layers[i];
  g_autofree char *base = g_strdup_printf("%s.encoder.layers.%u.", self->prefix, i);
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
hysac_tower_free_layer(HysacTowerLayer *layer)
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
hysac_tower_load_layers(HysacTower *self, HysacTowerLoader *loader, GError **error)
{
  for (guint i = 0; i < self->n_layers; i++) {
    g_autofree char *what = g_strdup_printf("packing layer %u", i);
    hysac_tower_report(loader, what);
    if (!hysac_tower_load_layer(self, loader, i, NULL, error))
      return FALSE;
  }
  return TRUE;
}
