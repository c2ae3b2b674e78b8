/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Model folders: the converted reference checkpoint, and it broken in every way at hand. */
#include "support.h"

#include "core/config.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"config.json", "preprocessor_config.json", "hysac.json",
                                    "model.safetensors"};

/* A copy of the reference model; remove_dir() it. */
static char *
copy_model(void)
{
  char *dir = make_dir();
  char *source = test_path("reference/small/model");

  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    char *from = g_build_filename(source, files[i], NULL), *to = g_build_filename(dir, files[i], NULL);
    char *data = NULL;
    gsize size = 0;
    assert_true(g_file_get_contents(from, &data, &size, NULL));
    assert_true(g_file_set_contents(to, data, (gssize) size, NULL));
    g_free(data);
    g_free(from);
    g_free(to);
  }
  g_free(source);
  return dir;
}

/* Replaces @from, which must be there, by @to (of any length) in a file of @dir. */
static void
edit(const char *dir, const char *file, const char *from, const char *to)
{
  char *path = g_build_filename(dir, file, NULL), *text = NULL;
  gsize size = 0;

  assert_true(g_file_get_contents(path, &text, &size, NULL));
  char *found = memmem(text, size, from, strlen(from));
  if (!found)
    fail_msg("%s has no %s", file, from);
  GString *edited = g_string_new_len(text, found - text);
  g_string_append(edited, to);
  g_string_append_len(edited, found + strlen(from),
                      (gssize) size - (found - text) - (gssize) strlen(from));
  assert_true(g_file_set_contents(path, edited->str, (gssize) edited->len, NULL));
  g_string_free(edited, TRUE);
  g_free(text);
  g_free(path);
}

static void
expect_broken(const char *file, const char *from, const char *to, HysacError code, const char *text)
{
  char *dir = copy_model();
  GError *error = NULL;

  edit(dir, file, from, to);
  HysacModel *model = hysac_model_load(dir, &error);
  if (model)
    fail_msg("accepted %s with %s", file, to);
  assert_non_null(strstr(error->message, file));
  expect_error(&error, code, text);
  remove_dir(dir);
}

static void
test_reference(void **state)
{
  char *dir = test_path("reference/small/model");
  GError *error = NULL;
  HysacModel *model = hysac_model_load(dir, &error);
  float values[80];

  if (!model)
    fail_msg("%s", error->message);
  const HysacVisionConfig *vision = hysac_model_get_vision_config(model);
  assert_int_equal(vision->image_size, 70);
  assert_int_equal(vision->patch_size, 14);
  assert_int_equal(vision->width, 80);
  assert_int_equal(vision->mlp_width, 320);
  assert_int_equal(vision->layers, 3);
  assert_int_equal(vision->heads, 5);
  assert_int_equal(vision->projection, 48);
  assert_int_equal(vision->activation, HYSAC_ACTIVATION_QUICK_GELU);
  assert_true(vision->layer_norm_eps == 1e-5);
  const HysacTextConfig *text = hysac_model_get_text_config(model);
  assert_non_null(text);
  assert_true(text->vocab == 745 && text->context == 77 && text->width == 72 && text->mlp_width == 288);
  assert_true(text->layers == 2 && text->heads == 3 && text->projection == 48 && text->layer_norm_eps == 1e-5);
  assert_int_equal(text->activation, HYSAC_ACTIVATION_QUICK_GELU);
  const HysacPreprocessConfig *preprocess = hysac_model_get_preprocess_config(model);
  assert_int_equal(preprocess->shortest_edge, 70);
  assert_int_equal(preprocess->crop_size, 70);
  assert_true(preprocess->mean[1] == 0.4578275f && preprocess->std[2] == 0.27577711f);
  const HysacGeometry *geometry = hysac_model_get_geometry(model);
  expect_near(geometry->curvature, 0.62, 1e-7, "curvature");
  expect_near(geometry->visual_alpha, 0.18763883411884308, 1e-7, "visual alpha");
  expect_near(geometry->textual_alpha, 0.1154700517654419, 1e-7, "textual alpha");
  const HysacRegion *region = hysac_model_get_region(model);
  assert_true(region->bound == 0.8553657316481281 && region->scale > 0.0);
  assert_false(region->calibrated);
  assert_null(hysac_model_get_profile(model));
  assert_int_equal(strlen(hysac_model_get_weights_sha256(model)), 64);
  assert_string_equal(hysac_model_get_path(model), dir);

  assert_true(hysac_model_read_tensor(model, "vision_model.embeddings.class_embedding", values, 80,
                                      &error));
  assert_true(values[0] != 0.0f);
  assert_false(hysac_model_read_tensor(model, "vision_model.embeddings.class_embedding", values, 79,
                                       &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "class_embedding");
  assert_false(hysac_model_read_tensor(model, "nothing", values, 80, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "nothing");
  hysac_model_unref(hysac_model_ref(model));
  hysac_model_unref(model);
  hysac_model_unref(NULL);
  g_free(dir);
}

/* Without hysac.json: it embeds, but cannot moderate. */
static void
test_plain_clip(void **state)
{
  char *dir = copy_model(), *path = g_build_filename(dir, "hysac.json", NULL);
  GError *error = NULL;

  g_remove(path);
  HysacModel *model = hysac_model_load(dir, &error);
  assert_non_null(model);
  assert_null(hysac_model_get_geometry(model));
  assert_null(hysac_model_get_region(model));
  assert_null(hysac_model_get_weights_sha256(model));
  hysac_model_unref(model);
  /* A dangling link is a broken hysac.json, not none. */
  assert_int_equal(symlink("/nonexistent/hysac.json", path), 0);
  assert_null(hysac_model_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_IO, "hysac.json");
  g_remove(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_null(hysac_model_load(dir, &error)); /* and does not wait */
  expect_error(&error, HYSAC_ERROR_IO, "hysac.json");
  g_free(path);
  remove_dir(dir);
}

static void
test_missing_files(void **state)
{
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    char *dir = copy_model(), *path = g_build_filename(dir, files[i], NULL);
    if (strcmp(files[i], "hysac.json") != 0) {
      g_remove(path);
      assert_null(hysac_model_load(dir, &error));
      expect_error(&error, HYSAC_ERROR_IO, files[i]);
      assert_int_equal(g_mkdir(path, 0700), 0);
      assert_null(hysac_model_load(dir, &error));
      expect_error(&error, HYSAC_ERROR_IO, "folder");
    }
    g_rmdir(path);
    assert_true(g_file_set_contents(path, "{", 1, NULL));
    assert_null(hysac_model_load(dir, &error));
    expect_error(&error, HYSAC_ERROR_FORMAT, files[i]);
    g_free(path);
    remove_dir(dir);
  }
  assert_null(hysac_model_load("/nonexistent/model", &error));
  expect_error(&error, HYSAC_ERROR_IO, "/nonexistent/model");
}

static void
test_broken_config(void **state)
{
  const char *c = "config.json";

  expect_broken(c, "\"hidden_size\": 80", "\"hidden_size\": 84", HYSAC_ERROR_MODEL, "multiple");
  expect_broken(c, "\"hidden_size\": 80", "\"hidden_size\": 0", HYSAC_ERROR_MODEL, "hidden_size");
  expect_broken(c, "\"hidden_size\": 80", "\"hidden_size\": 80.0", HYSAC_ERROR_MODEL, "80.0");
  expect_broken(c, "\"hidden_size\": 80", "\"hidden_size\": \"80\"", HYSAC_ERROR_MODEL, "integer");
  expect_broken(c, "\"hidden_size\": 80", "\"hidden_size\": 4294967376", HYSAC_ERROR_MODEL,
                "hidden_size");
  expect_broken(c, "\"image_size\": 70", "\"image_size\": 5000", HYSAC_ERROR_MODEL, "image_size");
  expect_broken(c, "\"image_size\": 70", "\"image_size\": 12", HYSAC_ERROR_MODEL, "patch_size");
  expect_broken(c, "\"num_channels\": 3", "\"num_channels\": 4", HYSAC_ERROR_MODEL, "num_channels");
  expect_broken(c, "\"model_type\": \"clip\",\n  \"torch", "\"model_type\": \"siglip\",\n  \"torch",
                HYSAC_ERROR_MODEL, "siglip");
  expect_broken(c, "\"vision_config\": {", "\"vision_config\": 7, \"other\": {", HYSAC_ERROR_MODEL,
                "vision_config");
  expect_broken(c, "\"vision_config\": {\n    \"model_type\": \"clip_vision_model\",",
                "\"vision_config\": {\n    \"hidden_act\": \"relu\", \"was\": {",
                HYSAC_ERROR_FORMAT, c);
  /* The tensors do not fit. */
  char *dir = copy_model();
  GError *error = NULL;
  edit(dir, c, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");
  assert_null(hysac_model_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "vision_model.encoder.layers.3.layer_norm1.weight");
  remove_dir(dir);
}

static void
test_broken_weights(void **state)
{
  const char *w = "model.safetensors";

  /* The same length: offsets stay. */
  expect_broken(w, "\"vision_model.pre_layrnorm.bias\"", "\"vision_model.pre_layrnorm.BIAS\"",
                HYSAC_ERROR_MODEL, "vision_model.pre_layrnorm.bias, shape [80], is missing");
  expect_broken(w, "\"vision_model.encoder.layers.1.mlp.fc1.weight\":{\"dtype\":\"F32\",\"shape\":[320,80]",
                "\"vision_model.encoder.layers.1.mlp.fc1.weight\":{\"dtype\":\"F32\",\"shape\":[80,320]",
                HYSAC_ERROR_MODEL, "[80, 320]; by config.json [320, 80] is expected");
  expect_broken(w, "\"visual_projection.weight\":{\"dtype\":\"F32\"",
                "\"visual_projection.weight\":{\"dtype\":\"I32\"", HYSAC_ERROR_MODEL,
                "visual_projection.weight");
  expect_broken("hysac.json", "\"weights_size\": 1", "\"weights_size\": 2", HYSAC_ERROR_MODEL,
                "other weights");
}

/* The weights say that there is a text tower; then all of it must be there, as config.json has it. */
static void
test_broken_text_tower(void **state)
{
  const char *c = "config.json", *w = "model.safetensors";
  char *dir = copy_model();
  GError *error = NULL;

  expect_broken(c, "\"hidden_size\": 72", "\"hidden_size\": 70", HYSAC_ERROR_MODEL, "text_config: hidden_size 70");
  expect_broken(c, "\"vocab_size\": 745", "\"vocab_size\": 2", HYSAC_ERROR_MODEL, "vocab_size");
  expect_broken(c, "\"vocab_size\": 745", "\"vocab_size\": -745", HYSAC_ERROR_MODEL, "vocab_size");
  expect_broken(c, "\"max_position_embeddings\": 77", "\"max_position_embeddings\": 2", HYSAC_ERROR_MODEL,
                "max_position_embeddings");
  expect_broken(c, "\"text_config\": {", "\"text_config\": 7, \"other\": {", HYSAC_ERROR_MODEL, "text_config");
  expect_broken(w, "\"text_model.final_layer_norm.bias\"", "\"text_model.final_layer_norm.BIAS\"",
                HYSAC_ERROR_MODEL, "text_model.final_layer_norm.bias, shape [72], is missing");
  expect_broken(w, "\"text_projection.weight\":{\"dtype\":\"F32\",\"shape\":[48,72]",
                "\"text_projection.weight\":{\"dtype\":\"F32\",\"shape\":[72,48]", HYSAC_ERROR_MODEL,
                "[72, 48]; by config.json [48, 72] is expected");
  /* The tensors do not fit. */
  edit(dir, c, "\"vocab_size\": 745", "\"vocab_size\": 746");
  assert_null(hysac_model_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "token_embedding.weight has shape [745, 72]");
  edit(dir, c, "\"vocab_size\": 746", "\"vocab_size\": 745");
  edit(dir, c, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
  assert_null(hysac_model_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "text_model.encoder.layers.2.layer_norm1.weight");
  remove_dir(dir);
}

static void
test_broken_preprocess(void **state)
{
  const char *p = "preprocessor_config.json";

  expect_broken(p, "\"resample\": 3", "\"resample\": 2", HYSAC_ERROR_MODEL, "resample");
  expect_broken(p, "\"do_normalize\": true", "\"do_normalize\": false", HYSAC_ERROR_MODEL,
                "do_normalize must be true");
  expect_broken(p, "\"height\": 70", "\"height\": 71", HYSAC_ERROR_MODEL, "square");
  expect_broken(p, "\"crop_size\": {\n    \"height\": 70,\n    \"width\": 70\n  }", "\"crop_size\": 72",
                HYSAC_ERROR_MODEL, "image_size 70");
  expect_broken(p, "\"shortest_edge\": 70", "\"shortest_edge\": 69", HYSAC_ERROR_MODEL, "smaller");
  expect_broken(p, "\"shortest_edge\": 70", "\"height\": 70, \"width\": 70", HYSAC_ERROR_MODEL,
                "shortest_edge");
  expect_broken(p, "0.00392156862745098", "0.0078", HYSAC_ERROR_MODEL, "rescale_factor");
  expect_broken(p, "0.26862954", "0", HYSAC_ERROR_MODEL, "image_std[0]");
  expect_broken(p, "0.48145466,", "", HYSAC_ERROR_MODEL, "image_mean must be three numbers");
}

static void
test_broken_metadata(void **state)
{
  const char *h = "hysac.json";

  expect_broken(h, "\"curvature\": 0.", "\"curvature\": -0.", HYSAC_ERROR_MODEL, "curvature");
  expect_broken(h, "\"curvature\": 0.", "\"curvature\": 1e999, \"comment\": 0.", HYSAC_ERROR_MODEL,
                "curvature");
  expect_broken(h, "\"curvature\"", "\"Curvature\"", HYSAC_ERROR_MODEL, "Curvature is no key");
  expect_broken(h, "\"format_version\": 1", "\"format_version\": 2", HYSAC_ERROR_MODEL,
                "format_version");
  expect_broken(h, "\"up_95\": 0.8", "\"up_95\": -0.8", HYSAC_ERROR_MODEL, "up_95");
  expect_broken(h, "\"weights_sha256\": \"", "\"weights_sha256\": \"z", HYSAC_ERROR_MODEL, "SHA-256");
  expect_broken(h, "\"profile\": null", "\"profile\": {\"bound\": 0.5}", HYSAC_ERROR_MODEL, "scale");
  expect_broken(h, "\"profile\": null",
                "\"profile\": {\"bound\": 0.5, \"scale\": 0.1, \"percentile\": 95, \"precision\": \"auto\"}",
                HYSAC_ERROR_MODEL, "precision");
  expect_broken(h, "\"profile\": null",
                "\"profile\": {\"bound\": 0.5, \"scale\": 0.1, \"percentile\": 95, \"precision\": \"fp32\", "
                "\"weights_sha256\": "
                "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
                HYSAC_ERROR_MODEL, "other weights");
}

/* A misspelt key is named: in silence, other weights would pass for want of a hash, and a fitted bound be dropped. */
static void
test_unknown_metadata(void **state)
{
  const char *h = "hysac.json";
#define FITTED "{\"bound\": 0.5, \"scale\": 0.1, \"percentile\": 95, \"precision\": \"fp32\""

  expect_broken(h, "\"weights_sha256\"", "\"weights_sha265\"", HYSAC_ERROR_MODEL,
                "hysac.json: weights_sha265 is no key of hysac.json");
  expect_broken(h, "\"weights_size\"", "\"weight_size\"", HYSAC_ERROR_MODEL, "weight_size is no key");
  expect_broken(h, "\"profile\": null", "\"profiel\": " FITTED "}", HYSAC_ERROR_MODEL, "profiel is no key");
  expect_broken(h, "\"profile\": null", "\"profile\": " FITTED ", \"weight_sha256\": 1}", HYSAC_ERROR_MODEL,
                "weight_sha256 is no key of a profile");
  expect_broken(h, "\"profile\": null", "\"text_profile\": " FITTED ", \"distance_eror\": 1}", HYSAC_ERROR_MODEL,
                "the fitted profile of texts in ");
  expect_broken(h, "\"profile\": null", "\"profile\": " FITTED ", \"safe\": {\"cuont\": 1}}", HYSAC_ERROR_MODEL,
                "cuont is no key of a profile's safe");
  expect_broken(h, "\"profile\": null", "\"profile\": " FITTED ", \"unsafe\": {\"cuont\": 1}}", HYSAC_ERROR_MODEL,
                "cuont is no key of a profile's unsafe");
  expect_broken(h, "\"profile\": null", "\"profile\": " FITTED ", \"joined\": {\"gap\": 1}}", HYSAC_ERROR_MODEL,
                "gap is no key of a profile's joined");
#undef FITTED
  /* Whatever else there is to say: comment; and bounds and provenance are not ours. */
  char *dir = copy_model();
  GError *error = NULL;
  edit(dir, h, "\"profile\": null", "\"comment\": \"tried on 3 films\", \"profile\": null");
  edit(dir, h, "\"up_95\"", "\"up_42\": 0.1, \"up_95\"");
  edit(dir, h, "\"tool\"", "\"ticket\": [1], \"tool\"");
  HysacModel *model = hysac_model_load(dir, &error);
  if (!model)
    fail_msg("%s", error->message);
  hysac_model_unref(model);
  remove_dir(dir);
}

/* What transformers takes where a key is absent. */
static void
test_defaults(void **state)
{
  HysacVisionConfig config;
  HysacPreprocessConfig preprocess;
  GError *error = NULL;

#define PARSE(text) hysac_config_parse(text, strlen(text), "config.json", &config, &error)
  assert_true(PARSE("{}"));
  assert_true(config.image_size == 224 && config.patch_size == 32 && config.width == 768);
  assert_true(config.mlp_width == 3072 && config.layers == 12 && config.heads == 12);
  assert_true(config.projection == 512 && config.layer_norm_eps == 1e-5);
  assert_int_equal(config.activation, HYSAC_ACTIVATION_QUICK_GELU);
  assert_true(PARSE("{\"model_type\":\"clip\",\"projection_dim\":768,\"vision_config\":null,"
                    "\"vision_config_dict\":{\"hidden_size\":52,\"num_attention_heads\":4,"
                    "\"hidden_act\":\"gelu\",\"projection_dim\":99}}"));
  assert_true(config.width == 52 && config.heads == 4 && config.projection == 768);
  assert_int_equal(config.activation, HYSAC_ACTIVATION_GELU);
  assert_true(PARSE("{\"model_type\":\"clip_vision_model\",\"hidden_size\":24,\"projection_dim\":7}"));
  assert_true(config.width == 24 && config.projection == 7);
  assert_false(PARSE("{\"vision_config\":{\"hidden_act\":\"relu\"}}"));
  expect_error(&error, HYSAC_ERROR_MODEL, "relu");
  assert_false(PARSE("{\"vision_config\":{\"image_size\":4096,\"patch_size\":8}}"));
  expect_error(&error, HYSAC_ERROR_MODEL, "patches");

  HysacTextConfig text;
#define PARSE_TEXT(x) hysac_config_parse_text(x, strlen(x), "config.json", &text, &error)
  assert_true(PARSE_TEXT("{}"));
  assert_true(text.vocab == 49408 && text.context == 77 && text.width == 512 && text.mlp_width == 2048);
  assert_true(text.layers == 12 && text.heads == 8 && text.projection == 512 && text.layer_norm_eps == 1e-5);
  assert_true(PARSE_TEXT("{\"projection_dim\":768,\"text_config\":null,\"text_config_dict\":{\"hidden_size\":52,"
                         "\"num_attention_heads\":4,\"projection_dim\":99}}"));
  assert_true(text.width == 52 && text.heads == 4 && text.projection == 768);

#define PREPROCESS(text) \
  hysac_preprocess_parse(text, strlen(text), "p.json", 224, &preprocess, &error)
  assert_true(PREPROCESS("{}"));
  assert_true(preprocess.crop_size == 224 && preprocess.shortest_edge == 224);
  assert_true(preprocess.mean[0] == 0.48145466f && preprocess.std[0] == 0.26862954f);
  assert_true(PREPROCESS("{\"size\": 256, \"crop_size\": 224, \"image_mean\": [0, 0.5, 1]}"));
  assert_true(preprocess.crop_size == 224 && preprocess.shortest_edge == 256);
  assert_true(preprocess.mean[0] == 0.0f && preprocess.mean[2] == 1.0f);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reference),        cmocka_unit_test(test_plain_clip),
    cmocka_unit_test(test_missing_files),    cmocka_unit_test(test_broken_config),
    cmocka_unit_test(test_broken_weights),   cmocka_unit_test(test_broken_preprocess),
    cmocka_unit_test(test_broken_metadata),  cmocka_unit_test(test_defaults),
    cmocka_unit_test(test_broken_text_tower), cmocka_unit_test(test_unknown_metadata),
  };
  return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
