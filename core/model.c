/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/model.h"
#include "core/config.h"
#include "core/file.h"
#include "core/weights.h"

#include <string.h>

struct _HysacModel {
  gatomicrefcount refs;
  char *path;
  HysacVisionConfig vision;
  HysacTextConfig text; /* where has_text */
  gboolean has_text;
  HysacPreprocessConfig preprocess;
  gboolean has_metadata;
  HysacMetadata metadata;
  char *weights_path;
  HysacSafetensors *weights;
};

static char *
shape_to_string(const gsize *shape, guint rank)
{
  GString *text = g_string_new("[");
  for (guint i = 0; i < rank; i++)
    g_string_append_printf(text, "%s%" G_GSIZE_FORMAT, i ? ", " : "", shape[i]);
  g_string_append_c(text, ']');
  return g_string_free(text, FALSE);
}

static gboolean
check_tensor(HysacModel *self, const char *name, const gsize *shape, guint rank, GError **error)
{
  const HysacTensor *tensor = hysac_safetensors_lookup(self->weights, name);
  g_autofree char *expected = shape_to_string(shape, rank);

  if (!tensor) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: tensor %s, shape %s, is missing",
                self->weights_path, name, expected);
    return FALSE;
  }
  if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof *shape) != 0) {
    g_autofree char *found = shape_to_string(tensor->shape, tensor->rank);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: tensor %s has shape %s; by config.json %s is expected", self->weights_path, name,
                found, expected);
    return FALSE;
  }
  if (tensor->dtype != HYSAC_DTYPE_F32 && tensor->dtype != HYSAC_DTYPE_F16 &&
      tensor->dtype != HYSAC_DTYPE_BF16) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: tensor %s: its type is not F32, F16 or BF16", self->weights_path, name);
    return FALSE;
  }
  return TRUE;
}

/* "<prefix>.weight" [rows, columns] (columns 0: a vector) and "<prefix>.bias" [rows]. */
static gboolean
check_pair(HysacModel *self, const char *prefix, gsize rows, gsize columns, GError **error)
{
  g_autofree char *weight = g_strconcat(prefix, ".weight", NULL);
  g_autofree char *bias = g_strconcat(prefix, ".bias", NULL);
  gsize shape[] = {rows, columns};

  return check_tensor(self, weight, shape, columns ? 2 : 1, error) &&
         check_tensor(self, bias, shape, 1, error);
}

/* @tower: "vision_model" or "text_model". */
static gboolean
check_layer(HysacModel *self, const char *tower, guint layer, gsize width, gsize mlp_width, GError **error)
{
  const struct {
    const char *name;
    gsize rows, columns;
  } parts[] = {
    {"layer_norm1", width, 0},         {"self_attn.q_proj", width, width},
    {"self_attn.k_proj", width, width}, {"self_attn.v_proj", width, width},
    {"self_attn.out_proj", width, width}, {"layer_norm2", width, 0},
    {"mlp.fc1", mlp_width, width},     {"mlp.fc2", width, mlp_width},
  };

  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autofree char *prefix = g_strdup_printf("%s.encoder.layers.%u.%s", tower, layer, parts[i].name);
    if (!check_pair(self, prefix, parts[i].rows, parts[i].columns, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_vision_tower(HysacModel *self, GError **error)
{
  const HysacVisionConfig *vision = &self->vision;
  gsize side = vision->image_size / vision->patch_size;
  const gsize class_shape[] = {vision->width};
  const gsize patch_shape[] = {vision->width, 3, vision->patch_size, vision->patch_size};
  const gsize position_shape[] = {side * side + 1, vision->width};
  const gsize projection_shape[] = {vision->projection, vision->width};

  if (!check_tensor(self, "vision_model.embeddings.class_embedding", class_shape, 1, error) ||
      !check_tensor(self, "vision_model.embeddings.patch_embedding.weight", patch_shape, 4, error) ||
      !check_tensor(self, "vision_model.embeddings.position_embedding.weight", position_shape, 2,
                    error) ||
      !check_pair(self, "vision_model.pre_layrnorm", vision->width, 0, error))
    return FALSE;
  for (guint i = 0; i < vision->layers; i++) {
    if (!check_layer(self, "vision_model", i, vision->width, vision->mlp_width, error))
      return FALSE;
  }
  return check_pair(self, "vision_model.post_layernorm", vision->width, 0, error) &&
         check_tensor(self, "visual_projection.weight", projection_shape, 2, error);
}

static gboolean
has_text_tower(HysacModel *self)
{
  const char *const *names = hysac_safetensors_names(self->weights);
  for (; *names; names++) {
    if (g_str_has_prefix(*names, "text_model.") || g_str_equal(*names, "text_projection.weight"))
      return TRUE;
  }
  return FALSE;
}

static gboolean
check_text_tower(HysacModel *self, GError **error)
{
  const HysacTextConfig *text = &self->text;
  const gsize token_shape[] = {text->vocab, text->width};
  const gsize position_shape[] = {text->context, text->width};
  const gsize projection_shape[] = {text->projection, text->width};

  if (!check_tensor(self, "text_model.embeddings.token_embedding.weight", token_shape, 2, error) ||
      !check_tensor(self, "text_model.embeddings.position_embedding.weight", position_shape, 2, error))
    return FALSE;
  for (guint i = 0; i < text->layers; i++) {
    if (!check_layer(self, "text_model", i, text->width, text->mlp_width, error))
      return FALSE;
  }
  return check_pair(self, "text_model.final_layer_norm", text->width, 0, error) &&
         check_tensor(self, "text_projection.weight", projection_shape, 2, error);
}

static char *
read_text(HysacModel *self, const char *file, char **name, gsize *size, GError **error)
{
  *name = g_build_filename(self->path, file, NULL);
  return hysac_read_file(*name, HYSAC_MAX_JSON_SIZE, size, error);
}

static gboolean
load_configs(HysacModel *self, GError **error)
{
  g_autofree char *name = NULL, *preprocess_name = NULL;
  gsize size;
  g_autofree char *config = read_text(self, "config.json", &name, &size, error);
  if (!config || !hysac_config_parse(config, size, name, &self->vision, error))
    return FALSE;
  g_autofree char *preprocess = read_text(self, "preprocessor_config.json", &preprocess_name, &size,
                                          error);
  return preprocess && hysac_preprocess_parse(preprocess, size, preprocess_name,
                                              self->vision.image_size, &self->preprocess, error);
}

static gboolean
load_metadata(HysacModel *self, GError **error)
{
  g_autofree char *name = g_build_filename(self->path, "hysac.json", NULL);
  gsize size;

  /* A dangling link is there and broken, not absent. */
  if (!g_file_test(name, G_FILE_TEST_EXISTS) && !g_file_test(name, G_FILE_TEST_IS_SYMLINK))
    return TRUE;
  g_autofree char *text = hysac_read_file(name, HYSAC_MAX_JSON_SIZE, &size, error);
  if (!text || !hysac_metadata_parse(text, size, name, &self->metadata, error))
    return FALSE;
  self->has_metadata = TRUE;
  return !self->metadata.concepts ||
         hysac_concepts_fit_model(self->metadata.concepts, self->vision.projection, self->metadata.weights_sha256, name,
                                  error);
}

static gboolean
load_weights(HysacModel *self, GError **error)
{
  self->weights_path = g_build_filename(self->path, "model.safetensors", NULL);
  self->weights = hysac_safetensors_open(self->weights_path, error);
  if (!self->weights)
    return FALSE;
  /* The hash is not computed at each start; a size that differs shows most mix-ups. */
  gsize size = hysac_safetensors_size(self->weights);
  if (self->metadata.weights_size != 0 && self->metadata.weights_size != size) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: %" G_GSIZE_FORMAT " bytes; hysac.json belongs to other weights, of %" G_GUINT64_FORMAT,
                self->weights_path, size, self->metadata.weights_size);
    return FALSE;
  }
  return check_vision_tower(self, error);
}

/* The weights say whether there is a text tower; config.json, of which shape. */
static gboolean
load_text_config(HysacModel *self, GError **error)
{
  g_autofree char *name = NULL;
  gsize size;

  if (!has_text_tower(self))
    return TRUE;
  g_autofree char *config = read_text(self, "config.json", &name, &size, error);
  if (!config || !hysac_config_parse_text(config, size, name, &self->text, error))
    return FALSE;
  if (self->text.projection != self->vision.projection) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: texts are projected to %u dimensions, pictures to %u; one space is expected", name,
                self->text.projection, self->vision.projection);
    return FALSE;
  }
  self->has_text = TRUE;
  return check_text_tower(self, error);
}

HysacModel *
hysac_model_load(const char *path, GError **error)
{
  g_autoptr(HysacModel) self = g_new0(HysacModel, 1);

  g_atomic_ref_count_init(&self->refs);
  self->path = g_strdup(path);
  if (!load_configs(self, error) || !load_metadata(self, error) || !load_weights(self, error) ||
      !load_text_config(self, error))
    return NULL;
  return g_steal_pointer(&self);
}

HysacModel *
hysac_model_ref(HysacModel *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_model_unref(HysacModel *self)
{
  if (!self || !g_atomic_ref_count_dec(&self->refs))
    return;
  hysac_metadata_clear(&self->metadata);
  hysac_safetensors_unref(self->weights);
  g_free(self->weights_path);
  g_free(self->path);
  g_free(self);
}

const char *
hysac_model_get_path(HysacModel *self)
{
  return self->path;
}

const char *
hysac_model_get_weights_sha256(HysacModel *self)
{
  return self->metadata.weights_sha256;
}

HysacSafetensors *
hysac_model_get_weights(HysacModel *self)
{
  return self->weights;
}

const HysacVisionConfig *
hysac_model_get_vision_config(HysacModel *self)
{
  return &self->vision;
}

const HysacTextConfig *
hysac_model_get_text_config(HysacModel *self)
{
  return self->has_text ? &self->text : NULL;
}

const HysacPreprocessConfig *
hysac_model_get_preprocess_config(HysacModel *self)
{
  return &self->preprocess;
}

const HysacGeometry *
hysac_model_get_geometry(HysacModel *self)
{
  return self->has_metadata ? &self->metadata.geometry : NULL;
}

const HysacRegion *
hysac_model_get_region(HysacModel *self)
{
  return self->metadata.has_region ? &self->metadata.region : NULL;
}

const HysacRegion *
hysac_model_get_text_region(HysacModel *self)
{
  return self->metadata.has_text_region ? &self->metadata.text_region : NULL;
}

const HysacReferenceBounds *
hysac_model_get_reference_bounds(HysacModel *self)
{
  return self->has_metadata ? &self->metadata.reference_bounds : NULL;
}

HysacConcepts *
hysac_model_get_concepts(HysacModel *self)
{
  return self->metadata.concepts;
}

const HysacProfile *
hysac_model_get_profile(HysacModel *self)
{
  return self->metadata.profile;
}

const HysacProfile *
hysac_model_get_text_profile(HysacModel *self)
{
  return self->metadata.text_profile;
}

gboolean
hysac_model_read_tensor(HysacModel *self, const char *name, float *dst, gsize n, GError **error)
{
  const HysacTensor *tensor = hysac_safetensors_lookup(self->weights, name);

  if (!tensor || tensor->n_elements != n) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: tensor %s of %" G_GSIZE_FORMAT " elements is expected, %s", self->weights_path,
                name, n, tensor ? "it has another count" : "it is missing");
    return FALSE;
  }
  if (!hysac_safetensors_read_f32(self->weights, name, dst, error)) {
    g_prefix_error(error, "%s: ", self->weights_path);
    return FALSE;
  }
  return TRUE;
}
