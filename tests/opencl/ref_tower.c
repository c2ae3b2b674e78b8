/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CLIP's towers in double, from the references of ref_ops.c. */

#include "ref_ops.h"
#include "synth.h"

#include <math.h>
#include <string.h>

typedef struct {
  HysacModel *model;
  GError **error;
  gboolean failed;
} Reader;

/* The tensor "@base@name" as floats; empty ones after a failure. */
static float *
get(Reader *reader, gsize n, const char *base, const char *name)
{
  g_autofree char *whole = g_strconcat(base, name, NULL);
  float *data = g_new0(float, n);
  if (!reader->failed && !hysac_model_read_tensor(reader->model, whole, data, n, reader->error))
    reader->failed = TRUE;
  return data;
}

static void
linear(Reader *reader, HysacEpilogue epilogue, const char *base, const char *name, const double *x,
       double *y, gsize ldy, gsize m, gsize n, gsize k)
{
  g_autofree char *whole = g_strconcat(base, name, NULL);
  g_autofree float *w = get(reader, n * k, whole, ".weight"), *b = get(reader, n, whole, ".bias");
  ref_gemm(epilogue, x, k, w, b, y, ldy, m, n, k);
}

static void
norm(Reader *reader, const char *base, const char *name, const double *x, double *y, gsize m, gsize n,
     double eps)
{
  g_autofree char *whole = g_strconcat(base, name, NULL);
  g_autofree float *gain = get(reader, n, whole, ".weight"), *bias = get(reader, n, whole, ".bias");
  ref_layernorm(x, n, y, n, m, n, gain, bias, eps);
}

/* Normalised pixels times the patch convolution. */
static void
patches_in(Reader *reader, const guint8 *patches, double *y, gsize m, gsize n, gsize k)
{
  const HysacPreprocessConfig *pre = hysac_model_get_preprocess_config(reader->model);
  g_autofree double *x = g_new(double, m * k);
  g_autofree float *w = get(reader, n * k, "vision_model.embeddings.", "patch_embedding.weight");
  for (gsize i = 0; i < m * k; i++) {
    gsize channel = i % k / (k / 3);
    x[i] = ((double) patches[i] / 255.0 - (double) pre->mean[channel]) / (double) pre->std[channel];
  }
  ref_gemm(HYSAC_EPILOGUE_BIAS, x, k, w, NULL, y, n, m, n, k);
}

/* The layers of tower @prefix over @x, tokens * width. */
static void
layers(Reader *reader, const char *prefix, guint n_layers, double *x, gsize tokens, gsize width, gsize mlp_width,
       gsize heads, HysacActivation activation, gboolean causal, double eps)
{
  const HysacEpilogue act =
      activation == HYSAC_ACTIVATION_GELU ? HYSAC_EPILOGUE_GELU : HYSAC_EPILOGUE_QUICK_GELU;
  g_autofree double *y = g_new0(double, tokens * width), *qkv = g_new0(double, tokens * width * 3),
                    *mlp = g_new0(double, tokens * mlp_width);
  for (guint i = 0; i < n_layers && !reader->failed; i++) {
    g_autofree char *base = g_strdup_printf("%s.encoder.layers.%u.", prefix, i);
    norm(reader, base, "layer_norm1", x, y, tokens, width, eps);
    linear(reader, HYSAC_EPILOGUE_BIAS, base, "self_attn.q_proj", y, qkv, 3 * width, tokens, width, width);
    linear(reader, HYSAC_EPILOGUE_BIAS, base, "self_attn.k_proj", y, qkv + width, 3 * width, tokens, width,
           width);
    linear(reader, HYSAC_EPILOGUE_BIAS, base, "self_attn.v_proj", y, qkv + 2 * width, 3 * width, tokens, width,
           width);
    ref_attention(qkv, 3 * width, y, NULL, width, tokens, heads, width / heads, causal,
                  1.0 / sqrt((double) (width / heads)));
    linear(reader, HYSAC_EPILOGUE_RESIDUAL, base, "self_attn.out_proj", y, x, width, tokens, width, width);
    norm(reader, base, "layer_norm2", x, y, tokens, width, eps);
    linear(reader, act, base, "mlp.fc1", y, mlp, mlp_width, tokens, mlp_width, width);
    linear(reader, HYSAC_EPILOGUE_RESIDUAL, base, "mlp.fc2", mlp, x, width, tokens, width, mlp_width);
  }
}

gboolean
ref_tower(HysacModel *model, const guint8 *patches, double *features, GError **error)
{
  const HysacVisionConfig *c = hysac_model_get_vision_config(model);
  const gsize side = c->image_size / c->patch_size, grid = side * side, tokens = grid + 1,
              width = c->width, k = (gsize) 3 * c->patch_size * c->patch_size;
  const double eps = c->layer_norm_eps;
  Reader reader = { .model = model, .error = error };
  g_autofree double *y = g_new0(double, tokens * width), *x = g_new0(double, tokens * width);
  g_autofree float *token = get(&reader, width, "vision_model.embeddings.", "class_embedding"),
                   *position = get(&reader, tokens * width, "vision_model.embeddings.",
                                   "position_embedding.weight"),
                   *projection = get(&reader, c->projection * width, "visual_projection", ".weight");
  patches_in(&reader, patches, y, grid, width, k);
  ref_embed_tokens(y, width, token, position, x, width, 1, tokens, width);
  norm(&reader, "vision_model.pre_layrnorm", "", x, x, tokens, width, eps);
  layers(&reader, "vision_model", c->layers, x, tokens, width, c->mlp_width, c->heads, c->activation, FALSE, eps);
  norm(&reader, "vision_model.post_layernorm", "", x, y, 1, width, eps);
  ref_gemm(HYSAC_EPILOGUE_BIAS, y, width, projection, NULL, features, c->projection, 1, c->projection,
           width);
  return !reader.failed;
}

gboolean
ref_text_tower(HysacModel *model, const guint32 *ids, gsize n, double *features, GError **error)
{
  const HysacTextConfig *c = hysac_model_get_text_config(model);
  const gsize width = c->width;
  Reader reader = { .model = model, .error = error };
  g_autofree float *table = get(&reader, c->vocab * width, "text_model.embeddings.", "token_embedding.weight"),
                   *position = get(&reader, c->context * width, "text_model.embeddings.",
                                   "position_embedding.weight"),
                   *projection = get(&reader, c->projection * width, "text_projection", ".weight");
  g_autofree double *x = g_new0(double, n * width);
  for (gsize i = 0; i < n * width; i++)
    x[i] = (double) table[ids[i / width] * width + i % width] + (double) position[i];
  layers(&reader, "text_model", c->layers, x, n, width, c->mlp_width, c->heads, c->activation, TRUE,
         c->layer_norm_eps);
  norm(&reader, "text_model.final_layer_norm", "", x, x, n, width, c->layer_norm_eps);
  ref_gemm(HYSAC_EPILOGUE_BIAS, x + (n - 1) * width, width, projection, NULL, features, c->projection, 1,
           c->projection, width);
  return !reader.failed;
}
