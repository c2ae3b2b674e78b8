/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "synth.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  char *name;
  gsize shape[4];
  guint rank;
  gsize n;
  float mean, spread; /* values are mean + spread * uniform(-1, 1) */
  float factor;       /* times this in columns that are loud */
  guint8 *loud;       /* 1 for each column that is; NULL: none. Owned. */
} Tensor;

static void
tensor_clear(gpointer data)
{
  Tensor *t = data;
  g_free(t->name);
  g_free(t->loud);
}

static void
add(GArray *list, float mean, float spread, guint rank, const gsize *shape, char *name)
{
  Tensor t = { .name = name, .rank = rank, .n = 1, .mean = mean, .spread = spread };
  for (guint i = 0; i < rank; i++)
    t.n *= t.shape[i] = shape[i];
  g_array_append_val(list, t);
}

static void
add_vector(GArray *list, float mean, float spread, gsize n, char *name)
{
  add(list, mean, spread, 1, &n, name);
}

/* "@base.weight" [n][k] of variance gain^2 / k, and "@base.bias". */
static void
add_linear(GArray *list, float gain, gsize n, gsize k, const char *base)
{
  add(list, 0.0f, gain * sqrtf(3.0f / (float) k), 2, (gsize[]){ n, k }, g_strconcat(base, ".weight", NULL));
  add_vector(list, 0.0f, 0.1f, n, g_strconcat(base, ".bias", NULL));
}

static void
add_norm(GArray *list, gsize n, const char *base)
{
  add_vector(list, 1.0f, 0.2f, n, g_strconcat(base, ".weight", NULL));
  add_vector(list, 0.0f, 0.1f, n, g_strconcat(base, ".bias", NULL));
}

static void
add_layers(GArray *list, const char *tower, guint layers, gsize w, gsize mlp_width)
{
  for (guint i = 0; i < layers; i++) {
    static const char *const attention[] = { "q_proj", "k_proj", "v_proj", "out_proj" };
    g_autofree char *base = g_strdup_printf("%s.encoder.layers.%u", tower, i);
    for (gsize j = 0; j < G_N_ELEMENTS(attention); j++) {
      g_autofree char *name = g_strconcat(base, ".self_attn.", attention[j], NULL);
      add_linear(list, 1.0f, w, w, name);
    }
    g_autofree char *norm1 = g_strconcat(base, ".layer_norm1", NULL);
    g_autofree char *norm2 = g_strconcat(base, ".layer_norm2", NULL);
    g_autofree char *fc1 = g_strconcat(base, ".mlp.fc1", NULL);
    g_autofree char *fc2 = g_strconcat(base, ".mlp.fc2", NULL);
    add_norm(list, w, norm1);
    add_norm(list, w, norm2);
    add_linear(list, 1.0f, mlp_width, w, fc1);
    add_linear(list, 0.5f, w, mlp_width, fc2);
  }
}

static void
add_text(GArray *list, const HysacTextConfig *t, gsize projection)
{
  const gsize w = t->width;
  add(list, 0.0f, 0.5f, 2, (gsize[]){ t->vocab, w }, g_strdup("text_model.embeddings.token_embedding.weight"));
  add(list, 0.0f, 0.5f, 2, (gsize[]){ t->context, w },
      g_strdup("text_model.embeddings.position_embedding.weight"));
  add_layers(list, "text_model", t->layers, w, t->mlp_width);
  add_norm(list, w, "text_model.final_layer_norm");
  add(list, 0.0f, sqrtf(3.0f / (float) w), 2, (gsize[]){ projection, w }, g_strdup("text_projection.weight"));
}

/* @t: nullable. */
static GArray *
tensors(const HysacVisionConfig *c, const HysacTextConfig *t)
{
  GArray *list = g_array_new(FALSE, TRUE, sizeof(Tensor));
  const gsize side = c->image_size / c->patch_size, w = c->width, p = c->patch_size;
  g_array_set_clear_func(list, tensor_clear);
  add_vector(list, 0.0f, 0.5f, w, g_strdup("vision_model.embeddings.class_embedding"));
  add(list, 0.0f, sqrtf(3.0f / (float) (3 * p * p)), 4, (gsize[]){ w, 3, p, p },
      g_strdup("vision_model.embeddings.patch_embedding.weight"));
  add(list, 0.0f, 0.5f, 2, (gsize[]){ side * side + 1, w },
      g_strdup("vision_model.embeddings.position_embedding.weight"));
  add_norm(list, w, "vision_model.pre_layrnorm");
  add_layers(list, "vision_model", c->layers, w, c->mlp_width);
  add_norm(list, w, "vision_model.post_layernorm");
  add(list, 0.0f, sqrtf(3.0f / (float) w), 2, (gsize[]){ c->projection, w },
      g_strdup("visual_projection.weight"));
  if (t != NULL)
    add_text(list, t, c->projection);
  return list;
}

/* splitmix64: fast enough for a gigabyte. */
static float
uniform(guint64 *state)
{
  guint64 z = *state += G_GUINT64_CONSTANT(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94D049BB133111EB);
  return (float) (gint32) ((z ^ (z >> 31)) >> 32) * 0x1p-31f;
}

/* In every layer other channels. */
static void
make_loud(GArray *list, const HysacVisionConfig *c, guint32 seed, guint channels, float factor)
{
  static const struct {
    const char *norm, *following[3];
  } places[] = {
    { "layer_norm1", { "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight" } },
    { "layer_norm2", { "mlp.fc1.weight" } },
  };
  guint64 state = ~(guint64) seed;
  for (guint i = 0; i < c->layers; i++) {
    g_autofree char *layer = g_strdup_printf("vision_model.encoder.layers.%u.", i);
    for (gsize j = 0; j < G_N_ELEMENTS(places); j++) {
      g_autofree guint8 *loud = g_new0(guint8, c->width);
      for (guint n = 0; n < MIN(channels, c->width);) {
        gsize channel = (gsize) ((uniform(&state) + 1.0f) / 2.0f * (float) c->width) % c->width;
        n += !loud[channel];
        loud[channel] = 1;
      }
      for (guint k = 0; k < list->len; k++) {
        Tensor *t = &g_array_index(list, Tensor, k);
        if (!g_str_has_prefix(t->name, layer))
          continue;
        const char *rest = t->name + strlen(layer);
        gboolean norm = g_str_has_prefix(rest, places[j].norm), follows = FALSE;
        for (gsize l = 0; l < G_N_ELEMENTS(places[j].following); l++)
          follows = follows || g_strcmp0(rest, places[j].following[l]) == 0;
        if (!norm && !follows)
          continue;
        t->loud = g_memdup2(loud, c->width);
        t->factor = norm ? factor : 1.0f / factor;
      }
    }
  }
}

/* The safetensors header: an 8-byte length, JSON, spaces up to a multiple of 8. */
static GString *
header(GArray *list)
{
  GString *json = g_string_new("{");
  gsize offset = 0;
  for (guint i = 0; i < list->len; i++) {
    const Tensor *t = &g_array_index(list, Tensor, i);
    g_string_append_printf(json, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i ? "," : "", t->name);
    for (guint d = 0; d < t->rank; d++)
      g_string_append_printf(json, "%s%" G_GSIZE_FORMAT, d ? "," : "", t->shape[d]);
    g_string_append_printf(json, "],\"data_offsets\":[%" G_GSIZE_FORMAT ",%" G_GSIZE_FORMAT "]}", offset,
                           offset + t->n * sizeof(float));
    offset += t->n * sizeof(float);
  }
  g_string_append_c(json, '}');
  while (json->len % 8 != 0)
    g_string_append_c(json, ' ');
  return json;
}

static gboolean
write_weights(const char *path, GArray *list, guint32 seed)
{
  enum { BLOCK = 65536 };
  FILE *file = g_fopen(path, "wb");
  if (file == NULL)
    return FALSE;
  g_autofree float *block = g_new(float, BLOCK);
  GString *json = header(list);
  guint64 length = GUINT64_TO_LE(json->len), state = seed;
  gboolean ok = fwrite(&length, sizeof length, 1, file) == 1 &&
                fwrite(json->str, 1, json->len, file) == json->len;
  g_string_free(json, TRUE);
  for (guint i = 0; i < list->len && ok; i++) {
    const Tensor *t = &g_array_index(list, Tensor, i);
    for (gsize at = 0; at < t->n && ok; at += BLOCK) {
      gsize n = MIN(BLOCK, t->n - at);
      for (gsize j = 0; j < n; j++)
        block[j] = t->mean + t->spread * uniform(&state);
      for (gsize j = 0; j < n && t->loud != NULL; j++) {
        if (t->loud[(at + j) % t->shape[t->rank - 1]])
          block[j] *= t->factor;
      }
      ok = fwrite(block, sizeof(float), n, file) == n;
    }
  }
  return fclose(file) == 0 && ok;
}

static gboolean
write_text(const char *dir, const char *name, char *text, GError **error)
{
  g_autofree char *path = g_build_filename(dir, name, NULL);
  gboolean ok = g_file_set_contents(path, text, -1, error);
  g_free(text);
  return ok;
}

/* The text tower's section of config.json; "" without one. */
static char *
text_section(const HysacTextConfig *t)
{
  return t == NULL ? g_strdup("")
                   : g_strdup_printf(
                         "\"text_config\": {\"vocab_size\": %u, \"max_position_embeddings\": %u, "
                         "\"hidden_size\": %u, \"intermediate_size\": %u, \"num_hidden_layers\": %u, "
                         "\"num_attention_heads\": %u, \"hidden_act\": \"%s\", \"layer_norm_eps\": 1e-5}, ",
                         t->vocab, t->context, t->width, t->mlp_width, t->layers, t->heads,
                         t->activation == HYSAC_ACTIVATION_GELU ? "gelu" : "quick_gelu");
}

/* @t: nullable. */
static gboolean
write_model(const char *dir, const HysacVisionConfig *c, const HysacTextConfig *t, guint32 seed, guint channels,
            float factor, GError **error)
{
  if (g_mkdir_with_parents(dir, 0755) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", dir, g_strerror(errno));
    return FALSE;
  }
  g_autofree char *path = g_build_filename(dir, "model.safetensors", NULL), *section = text_section(t);
  GArray *list = tensors(c, t);
  make_loud(list, c, seed, channels, factor);
  gboolean ok = write_weights(path, list, seed);
  g_array_unref(list);
  if (!ok) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot be written", path);
    return FALSE;
  }
  char *config = g_strdup_printf(
      "{\"model_type\": \"clip\", \"projection_dim\": %u, %s\"vision_config\": {\"image_size\": %u, "
      "\"patch_size\": %u, \"hidden_size\": %u, \"intermediate_size\": %u, \"num_hidden_layers\": %u, "
      "\"num_attention_heads\": %u, \"hidden_act\": \"%s\", \"layer_norm_eps\": 1e-5}}\n",
      c->projection, section, c->image_size, c->patch_size, c->width, c->mlp_width, c->layers, c->heads,
      c->activation == HYSAC_ACTIVATION_GELU ? "gelu" : "quick_gelu");
  char *preprocess = g_strdup_printf(
      "{\"size\": {\"shortest_edge\": %u}, \"crop_size\": {\"height\": %u, \"width\": %u}, "
      "\"image_mean\": [0.48145466, 0.4578275, 0.40821073], "
      "\"image_std\": [0.26862954, 0.26130258, 0.27577711]}\n",
      c->image_size, c->image_size, c->image_size);
  char *hysac = g_strdup("{\"format_version\": 1, \"curvature\": 1.0, \"visual_alpha\": 0.02, "
                         "\"textual_alpha\": 0.02, \"bounds\": {\"V\": {\"up_95\": 0.5}}}\n");
  ok = write_text(dir, "config.json", config, error);
  ok = write_text(dir, "preprocessor_config.json", preprocess, ok ? error : NULL) && ok;
  return write_text(dir, "hysac.json", hysac, ok ? error : NULL) && ok;
}

gboolean
synth_write_loud(const char *dir, const HysacVisionConfig *c, guint32 seed, guint channels, float factor,
                 GError **error)
{
  return write_model(dir, c, NULL, seed, channels, factor, error);
}

gboolean
synth_write(const char *dir, const HysacVisionConfig *c, guint32 seed, GError **error)
{
  return write_model(dir, c, NULL, seed, 0, 1.0f, error);
}

gboolean
synth_write_text(const char *dir, const HysacVisionConfig *c, const HysacTextConfig *t, guint32 seed,
                 GError **error)
{
  return write_model(dir, c, t, seed, 0, 1.0f, error) && synth_write_vocab(dir, t->vocab, error);
}

void
synth_remove(const char *dir)
{
  static const char *const names[] = { "config.json", "preprocessor_config.json", "hysac.json",
                                       "model.safetensors", "vocab.json", "merges.txt" };
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(dir, names[i], NULL);
    g_remove(path);
  }
  g_rmdir(dir);
}
