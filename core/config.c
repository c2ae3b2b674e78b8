/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config.h"
#include "core/concepts_private.h"
#include "core/json.h"
#include "core/measures_json.h"

#include <math.h>
#include <string.h>

/* Limits far beyond any CLIP: what is larger is a broken or hostile file, and sizes computed from
 * these fit 64 bits with room to spare. */
#define MAX_IMAGE_SIZE 4096
#define MAX_WIDTH 16384
#define MAX_MLP_WIDTH 65536
#define MAX_LAYERS 256
#define MAX_HEADS 1024
#define MAX_PATCHES 65536
#define MAX_VOCAB (1 << 20)
#define MAX_CONTEXT 4096
#define MAX_SHORTEST_EDGE 8192
/* Geometry: HySAC keeps the curvature in [0.1, 10] and the alphas near 1/sqrt(dimension). */
#define MAX_CURVATURE 1e6
#define MAX_ALPHA 1e6
#define MAX_DISTANCE 1e9

G_GNUC_PRINTF(3, 4)
static gboolean
fail(GError **error, const char *name, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s", name, text);
  return FALSE;
}

/* ------------------------------------------------------------ config.json */

static gboolean
read_activation(JsonObject *object, const char *name, HysacActivation *out, GError **error)
{
  const char *text;

  if (!hysac_json_get_string(object, name, "hidden_act", &text, error))
    return FALSE;
  if (!text || g_str_equal(text, "quick_gelu"))
    *out = HYSAC_ACTIVATION_QUICK_GELU;
  else if (g_str_equal(text, "gelu"))
    *out = HYSAC_ACTIVATION_GELU;
  else {
    g_autofree char *shown = hysac_shorten(text, 32);
    return fail(error, name, "hidden_act is %s; quick_gelu or gelu is expected", shown);
  }
  return TRUE;
}

/* The vision tower's section; an empty one where there is none: transformers then takes its
 * defaults. */
static gboolean
find_vision(JsonObject *root, const char *name, JsonObject **vision, GError **error)
{
  const char *type;

  if (!hysac_json_get_string(root, name, "model_type", &type, error))
    return FALSE;
  if (type && g_str_equal(type, "clip_vision_model")) {
    *vision = json_object_ref(root);
    return TRUE;
  }
  if (type && !g_str_equal(type, "clip")) {
    g_autofree char *shown = hysac_shorten(type, 32);
    return fail(error, name, "model_type is %s; clip is expected", shown);
  }
  if (!hysac_json_get_object(root, name, "vision_config", vision, error) ||
      (!*vision && !hysac_json_get_object(root, name, "vision_config_dict", vision, error)))
    return FALSE;
  *vision = *vision ? json_object_ref(*vision) : json_object_new();
  return TRUE;
}

/* CLIPModel projects by the top level's dimension; the section's own is for a lone tower. */
static gboolean
read_projection(JsonObject *root, JsonObject *section, const char *name, guint *projection, GError **error)
{
  JsonObject *holder = hysac_json_member(root, "projection_dim") ? root : section;
  return hysac_json_get_uint(holder, name, "projection_dim", 1, MAX_WIDTH, 512, projection, error);
}

static gboolean
read_vision(JsonObject *root, JsonObject *vision, const char *name, HysacVisionConfig *config,
            GError **error)
{
  guint channels;

  /* The defaults are transformers' CLIPVisionConfig. */
  if (!hysac_json_get_uint(vision, name, "image_size", 1, MAX_IMAGE_SIZE, 224, &config->image_size,
                           error) ||
      !hysac_json_get_uint(vision, name, "patch_size", 1, MAX_IMAGE_SIZE, 32, &config->patch_size,
                           error) ||
      !hysac_json_get_uint(vision, name, "hidden_size", 1, MAX_WIDTH, 768, &config->width, error) ||
      !hysac_json_get_uint(vision, name, "intermediate_size", 1, MAX_MLP_WIDTH, 3072,
                           &config->mlp_width, error) ||
      !hysac_json_get_uint(vision, name, "num_hidden_layers", 1, MAX_LAYERS, 12, &config->layers,
                           error) ||
      !hysac_json_get_uint(vision, name, "num_attention_heads", 1, MAX_HEADS, 12, &config->heads,
                           error) ||
      !hysac_json_get_uint(vision, name, "num_channels", 3, 3, 3, &channels, error) ||
      !hysac_json_get_double(vision, name, "layer_norm_eps", 0.0, 0.1, 1e-5,
                             &config->layer_norm_eps, error) ||
      !read_activation(vision, name, &config->activation, error))
    return FALSE;

  if (!read_projection(root, vision, name, &config->projection, error))
    return FALSE;

  if (config->patch_size > config->image_size)
    return fail(error, name, "patch_size %u exceeds image_size %u", config->patch_size,
                config->image_size);
  guint side = config->image_size / config->patch_size;
  if (side * side > MAX_PATCHES)
    return fail(error, name, "image_size %u and patch_size %u make %u patches; at most %d are expected",
                config->image_size, config->patch_size, side * side, MAX_PATCHES);
  if (config->width % config->heads != 0)
    return fail(error, name, "hidden_size %u is not a multiple of num_attention_heads %u",
                config->width, config->heads);
  return TRUE;
}

gboolean
hysac_config_parse(const char *text, gsize size, const char *name, HysacVisionConfig *config,
                   GError **error)
{
  g_autoptr(JsonNode) node = hysac_json_parse(text, size, name, error);
  g_autoptr(JsonObject) vision = NULL;
  JsonObject *found = NULL;

  memset(config, 0, sizeof *config);
  if (!node || !find_vision(json_node_get_object(node), name, &found, error))
    return FALSE;
  vision = found;
  return read_vision(json_node_get_object(node), vision, name, config, error);
}

gboolean
hysac_config_parse_text(const char *text, gsize size, const char *name, HysacTextConfig *config,
                        GError **error)
{
  g_autoptr(JsonNode) node = hysac_json_parse(text, size, name, error);
  g_autoptr(JsonObject) none = json_object_new();
  JsonObject *section = NULL;

  memset(config, 0, sizeof *config);
  if (!node)
    return FALSE;
  JsonObject *root = json_node_get_object(node);
  if (!hysac_json_get_object(root, name, "text_config", &section, error) ||
      (!section && !hysac_json_get_object(root, name, "text_config_dict", &section, error)))
    return FALSE;
  if (!section)
    section = none;
  /* The defaults are transformers' CLIPTextConfig. */
  if (!hysac_json_get_uint(section, name, "vocab_size", 3, MAX_VOCAB, 49408, &config->vocab, error) ||
      !hysac_json_get_uint(section, name, "max_position_embeddings", 3, MAX_CONTEXT, 77,
                           &config->context, error) ||
      !hysac_json_get_uint(section, name, "hidden_size", 1, MAX_WIDTH, 512, &config->width, error) ||
      !hysac_json_get_uint(section, name, "intermediate_size", 1, MAX_MLP_WIDTH, 2048,
                           &config->mlp_width, error) ||
      !hysac_json_get_uint(section, name, "num_hidden_layers", 1, MAX_LAYERS, 12, &config->layers,
                           error) ||
      !hysac_json_get_uint(section, name, "num_attention_heads", 1, MAX_HEADS, 8, &config->heads,
                           error) ||
      !hysac_json_get_double(section, name, "layer_norm_eps", 0.0, 0.1, 1e-5,
                             &config->layer_norm_eps, error) ||
      !read_activation(section, name, &config->activation, error) ||
      !read_projection(root, section, name, &config->projection, error))
    return FALSE;
  if (config->width % config->heads != 0)
    return fail(error, name, "text_config: hidden_size %u is not a multiple of num_attention_heads %u",
                config->width, config->heads);
  return TRUE;
}

/* ------------------------------------------------------------ preprocessor_config.json */

/* A step that this project always does and the file must not switch off. */
static gboolean
require_true(JsonObject *object, const char *name, const char *key, GError **error)
{
  JsonNode *node = hysac_json_member(object, key);

  if (node && (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN ||
               !json_node_get_boolean(node)))
    return fail(error, name, "%s must be true", key);
  return TRUE;
}

static gboolean
read_sizes(JsonObject *object, const char *name, HysacPreprocessConfig *config, GError **error)
{
  JsonNode *size = hysac_json_member(object, "size"), *crop = hysac_json_member(object, "crop_size");

  if (size && JSON_NODE_HOLDS_OBJECT(size)) {
    /* {"height", "width"} would squash the picture: no CLIP was trained so. */
    if (!hysac_json_member(json_node_get_object(size), "shortest_edge"))
      return fail(error, name, "size has no shortest_edge");
    if (!hysac_json_get_uint(json_node_get_object(size), name, "shortest_edge", 1,
                             MAX_SHORTEST_EDGE, 224, &config->shortest_edge, error))
      return FALSE;
  } else if (!hysac_json_get_uint(object, name, "size", 1, MAX_SHORTEST_EDGE, 224,
                                  &config->shortest_edge, error)) {
    return FALSE;
  }

  guint width;
  if (crop && JSON_NODE_HOLDS_OBJECT(crop)) {
    JsonObject *both = json_node_get_object(crop);
    if (!hysac_json_member(both, "height") || !hysac_json_member(both, "width"))
      return fail(error, name, "crop_size has no height and width");
    if (!hysac_json_get_uint(both, name, "height", 1, MAX_IMAGE_SIZE, 224, &config->crop_size,
                             error) ||
        !hysac_json_get_uint(both, name, "width", 1, MAX_IMAGE_SIZE, 224, &width, error))
      return FALSE;
    if (width != config->crop_size)
      return fail(error, name, "crop_size is %ux%u; a square is expected", width, config->crop_size);
    return TRUE;
  }
  return hysac_json_get_uint(object, name, "crop_size", 1, MAX_IMAGE_SIZE, 224, &config->crop_size,
                             error);
}

static gboolean
read_colours(JsonObject *object, const char *name, const char *key, double low, double high,
             float values[3], GError **error)
{
  JsonNode *node = hysac_json_member(object, key);

  if (!node)
    return TRUE; /* the default stays */
  if (!JSON_NODE_HOLDS_ARRAY(node) || json_array_get_length(json_node_get_array(node)) != 3)
    return fail(error, name, "%s must be three numbers", key);
  for (guint i = 0; i < 3; i++) {
    JsonNode *element = json_array_get_element(json_node_get_array(node), i);
    double value = NAN;
    if (JSON_NODE_HOLDS_VALUE(element) &&
        (json_node_get_value_type(element) == G_TYPE_DOUBLE ||
         json_node_get_value_type(element) == G_TYPE_INT64))
      value = json_node_get_double(element);
    if (!(value > low && value <= high))
      return fail(error, name, "%s[%u] must be a number above %g, at most %g", key, i, low, high);
    values[i] = (float) value;
  }
  return TRUE;
}

gboolean
hysac_preprocess_parse(const char *text, gsize size, const char *name, guint image_size,
                       HysacPreprocessConfig *config, GError **error)
{
  /* CLIP's own mean and deviation (transformers, OPENAI_CLIP_MEAN and _STD). */
  static const HysacPreprocessConfig clip = {
    .mean = {0.48145466f, 0.4578275f, 0.40821073f},
    .std = {0.26862954f, 0.26130258f, 0.27577711f},
  };
  static const char *const steps[] = {"do_resize", "do_center_crop", "do_rescale", "do_normalize"};
  g_autoptr(JsonNode) node = hysac_json_parse(text, size, name, error);
  guint resample;
  double rescale;

  *config = clip;
  if (!node)
    return FALSE;
  JsonObject *object = json_node_get_object(node);
  for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
    if (!require_true(object, name, steps[i], error))
      return FALSE;
  }
  /* Pillow's number for bicubic. */
  if (!hysac_json_get_uint(object, name, "resample", 3, 3, 3, &resample, error) ||
      !hysac_json_get_double(object, name, "rescale_factor", 0.0, 1.0, 1.0 / 255.0, &rescale,
                             error) ||
      !read_sizes(object, name, config, error) ||
      !read_colours(object, name, "image_mean", -100.0, 100.0, config->mean, error) ||
      !read_colours(object, name, "image_std", 1e-6, 100.0, config->std, error))
    return FALSE;
  if (fabs(rescale * 255.0 - 1.0) > 1e-6)
    return fail(error, name, "rescale_factor is %g; 1/255 is expected", rescale);
  if (config->crop_size != image_size)
    return fail(error, name, "crop_size %u differs from config.json's image_size %u",
                config->crop_size, image_size);
  if (config->shortest_edge < config->crop_size)
    return fail(error, name, "size %u is smaller than crop_size %u", config->shortest_edge,
                config->crop_size);
  return TRUE;
}

/* ------------------------------------------------------------ hysac.json */

/* SHA-256 in lower case hexadecimal, or absent. */
static gboolean
read_sha256(JsonObject *object, const char *name, const char *key, char **out, GError **error)
{
  const char *text;

  if (!hysac_json_get_string(object, name, key, &text, error))
    return FALSE;
  if (text && (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64))
    return fail(error, name, "%s is not a SHA-256 in hexadecimal", key);
  *out = g_strdup(text);
  return TRUE;
}

static gboolean
read_count(JsonObject *object, const char *name, const char *key, guint64 *out, GError **error)
{
  JsonNode *node = hysac_json_member(object, key);

  *out = 0;
  if (node && !hysac_json_node_uint64(node, out))
    return fail(error, name, "%s is not a count", key);
  return TRUE;
}

/* A key that is none would go unseen: a misspelt weights_sha256 lets other weights pass. So each object of ours says
 * what it may hold; "bounds" is the reference's and "provenance" whoever's made the folder. */
static const char *const root_keys[] = {"format_version", "curvature", "visual_alpha", "textual_alpha", "logit_scale",
                                        "bounds", "profile", "text_profile", "concepts", "licence", "weights_sha256",
                                        "weights_size", "provenance", "comment", NULL};
static const char *const profile_keys[] = {"bound", "scale", "percentile", "precision", "distance_error", "safe",
                                           "unsafe", "joined", "measures", "weights_sha256", "date", "tool", NULL};
static const char *const safe_keys[] = {"count", "above", "inputs_sha256", NULL};
static const char *const unsafe_keys[] = {"count", "recall", "auc", "inputs_sha256", NULL};
static const char *const joined_keys[] = {"buffers", "gap_ns", NULL};

static gboolean
read_profile_text(JsonObject *object, const char *name, HysacProfile *profile, GError **error)
{
  const char *precision, *date, *tool;

  if (!hysac_json_get_string(object, name, "precision", &precision, error) ||
      !hysac_json_get_string(object, name, "date", &date, error) ||
      !hysac_json_get_string(object, name, "tool", &tool, error) ||
      !read_sha256(object, name, "weights_sha256", &profile->weights_sha256, error))
    return FALSE;
  if (!hysac_precision_parse(precision, &profile->precision) ||
      profile->precision == HYSAC_PRECISION_AUTO) {
    g_autofree char *shown = hysac_shorten(precision ? precision : "missing", 32);
    return fail(error, name, "precision is %s; fp32, bf16, fp16 or int8 is expected", shown);
  }
  /* Where it is not stated: what the precision is allowed. */
  if (!hysac_json_get_double(object, name, "distance_error", -1e-9, 1.0,
                             hysac_precision_get_budget(profile->precision).distance,
                             &profile->distance_error, error))
    return FALSE;
  profile->date = g_strdup(date);
  profile->tool = g_strdup(tool);
  return TRUE;
}

static gboolean
read_profile(JsonObject *object, const char *name, HysacProfile *profile, GError **error)
{
  JsonObject *safe, *unsafe, *measures, *joined;

  if (!hysac_json_check_keys(object, name, "a profile", profile_keys, error) ||
      !hysac_json_get_double(object, name, "bound", 0.0, MAX_DISTANCE, NAN, &profile->bound, error) ||
      !hysac_json_get_double(object, name, "scale", 0.0, MAX_DISTANCE, NAN, &profile->scale, error) ||
      !hysac_json_get_double(object, name, "percentile", 0.0, 100.0, NAN, &profile->percentile,
                             error) ||
      !read_profile_text(object, name, profile, error) ||
      !hysac_json_get_object(object, name, "safe", &safe, error) ||
      !hysac_json_get_object(object, name, "unsafe", &unsafe, error) ||
      !hysac_json_get_object(object, name, "joined", &joined, error) ||
      !hysac_json_get_object(object, name, "measures", &measures, error))
    return FALSE;
  if (joined && (!hysac_json_check_keys(joined, name, "a profile's joined", joined_keys, error) ||
                 !hysac_json_get_uint(joined, name, "buffers", 2, 16, 0, &profile->join_buffers, error) ||
                 !read_count(joined, name, "gap_ns", &profile->join_gap, error)))
    return FALSE;
  if (measures) {
    profile->measures = g_new0(HysacMeasures, 1);
    if (!hysac_measures_parse(measures, name, profile->measures, error))
      return FALSE;
  }
  if (safe && (!hysac_json_check_keys(safe, name, "a profile's safe", safe_keys, error) ||
               !read_count(safe, name, "count", &profile->safe_count, error) ||
               !hysac_json_get_double(safe, name, "above", -1e-9, 1.0, 0.0, &profile->safe_above,
                                      error) ||
               !read_sha256(safe, name, "inputs_sha256", &profile->safe_sha256, error)))
    return FALSE;
  return !unsafe ||
         (hysac_json_check_keys(unsafe, name, "a profile's unsafe", unsafe_keys, error) &&
          read_count(unsafe, name, "count", &profile->unsafe_count, error) &&
          hysac_json_get_double(unsafe, name, "recall", -1e-9, 1.0, 0.0, &profile->recall, error) &&
          hysac_json_get_double(unsafe, name, "auc", -1e-9, 1.0, 0.0, &profile->auc, error) &&
          read_sha256(unsafe, name, "inputs_sha256", &profile->unsafe_sha256, error));
}

/* The profile under @key, where there is one, and the region that it makes. @what: what messages call it. */
static gboolean
read_fitted(JsonObject *root, const char *name, const char *key, const char *what, const char *weights,
            HysacProfile **profile, HysacRegion *region, GError **error)
{
  JsonObject *object;

  if (!hysac_json_get_object(root, name, key, &object, error))
    return FALSE;
  if (!object)
    return TRUE;
  *profile = g_new0(HysacProfile, 1);
  if (!read_profile(object, name, *profile, error)) {
    g_prefix_error(error, "the fitted %s in ", what);
    return FALSE;
  }
  const char *fitted_on = (*profile)->weights_sha256;
  if (fitted_on && weights && !g_str_equal(fitted_on, weights))
    return fail(error, name, "the %s was fitted on other weights; fit it again", what);
  *region = (HysacRegion){.bound = (*profile)->bound,
                          .scale = (*profile)->scale,
                          .calibrated = TRUE,
                          .precision = (*profile)->precision,
                          .error = (*profile)->distance_error};
  return TRUE;
}

/* Of pictures and of texts: the fitted profile, else the reference's bound of safe ones, marked uncalibrated. */
static gboolean
read_regions(JsonObject *root, const char *name, HysacMetadata *metadata, GError **error)
{
  HysacReferenceBounds *reference = &metadata->reference_bounds;
  JsonObject *bounds, *visual = NULL, *textual = NULL;

  if (!hysac_json_get_object(root, name, "bounds", &bounds, error) ||
      (bounds && (!hysac_json_get_object(bounds, name, "V", &visual, error) ||
                  !hysac_json_get_object(bounds, name, "S", &textual, error))))
    return FALSE;
  if ((visual && !hysac_json_get_double(visual, name, "up_95", 0.0, MAX_DISTANCE, NAN, &reference->image, error)) ||
      (textual && !hysac_json_get_double(textual, name, "up_95", 0.0, MAX_DISTANCE, NAN, &reference->text, error)) ||
      !read_fitted(root, name, "profile", "profile", metadata->weights_sha256, &metadata->profile, &metadata->region,
                   error) ||
      !read_fitted(root, name, "text_profile", "profile of texts", metadata->weights_sha256,
                   &metadata->text_profile, &metadata->text_region, error))
    return FALSE;

  metadata->has_region = metadata->profile || visual;
  if (!metadata->profile && visual)
    metadata->region = hysac_region_at(NULL, reference->image);
  metadata->has_text_region = metadata->text_profile || textual;
  if (!metadata->text_profile && textual) {
    metadata->text_region = hysac_region_at(NULL, reference->text);
    if (metadata->has_region) /* the nearest to a unit of theirs that there is */
      metadata->text_region.scale = metadata->region.scale;
  }
  return TRUE;
}

/* An empty list is what the converter writes. */
static gboolean
read_concepts(JsonObject *root, const char *name, HysacMetadata *metadata, GError **error)
{
  JsonNode *node = hysac_json_member(root, "concepts");
  g_autoptr(HysacConcepts) concepts = node ? hysac_concepts_read(node, name, "concepts", error) : NULL;

  if (node && !concepts)
    return FALSE;
  if (concepts && hysac_concepts_get_count(concepts) > 0)
    metadata->concepts = g_steal_pointer(&concepts);
  return TRUE;
}

gboolean
hysac_metadata_parse(const char *text, gsize size, const char *name, HysacMetadata *metadata,
                     GError **error)
{
  g_autoptr(JsonNode) node = hysac_json_parse(text, size, name, error);
  HysacGeometry *geometry = &metadata->geometry;
  guint version;

  memset(metadata, 0, sizeof *metadata);
  if (!node)
    return FALSE;
  JsonObject *root = json_node_get_object(node);
  if (hysac_json_get_uint(root, name, "format_version", 1, 1, 1, &version, error) &&
      hysac_json_check_keys(root, name, "hysac.json", root_keys, error) &&
      hysac_json_get_double(root, name, "curvature", 0.0, MAX_CURVATURE, NAN, &geometry->curvature,
                            error) &&
      hysac_json_get_double(root, name, "visual_alpha", 0.0, MAX_ALPHA, NAN,
                            &geometry->visual_alpha, error) &&
      hysac_json_get_double(root, name, "textual_alpha", 0.0, MAX_ALPHA, NAN,
                            &geometry->textual_alpha, error) &&
      read_sha256(root, name, "weights_sha256", &metadata->weights_sha256, error) &&
      read_count(root, name, "weights_size", &metadata->weights_size, error) &&
      read_regions(root, name, metadata, error) && read_concepts(root, name, metadata, error))
    return TRUE;
  hysac_metadata_clear(metadata);
  return FALSE;
}

void
hysac_metadata_clear(HysacMetadata *metadata)
{
  g_clear_pointer(&metadata->profile, hysac_profile_free);
  g_clear_pointer(&metadata->text_profile, hysac_profile_free);
  g_clear_pointer(&metadata->concepts, hysac_concepts_unref);
  g_clear_pointer(&metadata->weights_sha256, g_free);
}
