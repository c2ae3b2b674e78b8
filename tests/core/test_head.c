/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The linear head: its file is checked as one from anywhere, its score is the logistic function's. */
#include "support.h"

#include "core/head.h"
#include "core/safetensors_write.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *
write_as(const char *dir, const char *file, const HysacFloats *tensors, guint n, const char *const *metadata)
{
  char *path = g_build_filename(dir, file, NULL);
  GError *error = NULL;

  if (!hysac_safetensors_write(path, tensors, n, metadata, &error))
    fail_msg("%s", error->message);
  return path;
}

static char *
write_head(const char *dir, const HysacFloats *tensors, guint n, const char *const *metadata)
{
  return write_as(dir, "head.safetensors", tensors, n, metadata);
}

static void
test_scores(void **state)
{
  const float weight[] = {0.5f, -1.0f, 2.0f, 0.0f, 0.25f, -0.5f}, bias[] = {0.125f, -1.0f}, threshold[] = {0.5f, 0.25f};
  const HysacFloats tensors[] = {{"weight", weight, 2, {2, 3}}, {"bias", bias, 1, {2}}, {"threshold", threshold, 1, {2}}};
  const char *const metadata[] = {"labels", "weapons, blood", "weights_sha256", HASH, "precision", "fp32", NULL};
  char *dir = make_dir();
  g_autofree char *path = write_head(dir, tensors, 3, metadata);
  GError *error = NULL;
  HysacHead *head = hysac_head_load(path, &error);
  GRand *rand = test_rand();

  if (!head)
    fail_msg("%s", error->message);
  assert_int_equal(hysac_head_get_dimension(head), 3);
  assert_int_equal(hysac_head_get_n_classes(head), 2);
  assert_string_equal(hysac_head_get_label(head, 0), "weapons");
  assert_string_equal(hysac_head_get_label(head, 1), "blood");
  assert_null(hysac_head_get_label(head, 2));
  assert_string_equal(hysac_head_get_weights_sha256(head), HASH);
  assert_string_equal(hysac_head_get_precision(head), "fp32");
  assert_true(hysac_head_get_threshold(head, 1) == 0.25);
  for (guint run = 0; run < 2000; run++) {
    double scores[2], expected[2];
    float f[3];
    for (guint i = 0; i < 3; i++)
      f[i] = (float) g_rand_double_range(rand, -3.0, 3.0);
    expected[0] = 1.0 / (1.0 + exp(-(0.5 * (double) f[0] - (double) f[1] + 2.0 * (double) f[2] + 0.125)));
    expected[1] = 1.0 / (1.0 + exp(-(0.25 * (double) f[1] - 0.5 * (double) f[2] - 1.0)));
    const HysacHeadScore score = hysac_head_score(head, f, run % 2 ? scores : NULL);
    if (run % 2) {
      expect_near(scores[0], expected[0], 1e-12, "first class");
      expect_near(scores[1], expected[1], 1e-12, "second class");
    }
    const gboolean first = expected[0] >= 0.5, second = expected[1] >= 0.25;
    assert_int_equal(score.unsafe, first || second);
    const guint told = first == second ? (expected[1] - 0.25 > expected[0] - 0.5) : second;
    assert_int_equal(score.index, told);
    expect_near(score.score, expected[told], 1e-12, "told class");
    assert_true(score.threshold == (told ? 0.25 : 0.5));
  }
  /* What is no number is unsafe; what is huge saturates. */
  const float broken[3] = {NAN, 0.0f, 0.0f}, huge[3] = {0.0f, 0.0f, 3e38f}, low[3] = {0.0f, 0.0f, -3e38f};
  double scores[2];
  assert_true(hysac_head_score(head, broken, NULL).unsafe);
  assert_true(hysac_head_score(head, huge, scores).unsafe && scores[0] == 1.0 && scores[1] == 0.0);
  assert_true(hysac_head_score(head, low, scores).unsafe && scores[0] == 0.0 && scores[1] == 1.0);
  hysac_head_unref(head);
  remove_dir(dir);
  g_rand_free(rand);
}

static void
test_refusals(void **state)
{
  const float good[] = {0.5f, -1.0f}, zero[] = {0.0f}, one[] = {1.0f}, two[] = {0.5f, 0.5f}, above[] = {1.5f};
  const HysacFloats weight = {"weight", good, 2, {1, 2}}, vector = {"weight", good, 1, {2}};
  const HysacFloats bias = {"bias", zero, 1, {1}}, threshold = {"threshold", one, 1, {1}};
  static const char *const many[] = {"labels", "a,b", NULL}, *const empty[] = {"labels", " ", NULL},
                           *const hash[] = {"weights_sha256", "abc", NULL};
  const struct {
    HysacFloats tensors[3];
    guint n;
    const char *const *metadata;
    const char *message; /* NULL: it loads */
  } cases[] = {
    {{weight, bias, threshold}, 3, NULL, NULL},
    {{vector, bias, threshold}, 3, NULL, NULL},
    {{bias, threshold}, 2, NULL, "weight [k, n] is expected, it is missing"},
    {{{"weight", good, 3, {1, 1, 2}}, bias, threshold}, 3, NULL, "weight [k, n] is expected, it has another shape"},
    {{weight, threshold}, 2, NULL, "bias of 1 numbers is expected, it is missing"},
    {{weight, {"bias", two, 1, {2}}, threshold}, 3, NULL, "bias of 1 numbers is expected, it has another shape"},
    {{weight, bias}, 2, NULL, "threshold of 1 numbers is expected, it is missing"},
    {{weight, bias, {"threshold", zero, 1, {1}}}, 3, NULL, "threshold [0] is 0"},
    {{weight, bias, {"threshold", above, 1, {1}}}, 3, NULL, "threshold [0] is 1.5"},
    {{weight, bias, threshold}, 3, many, "labels are 2; the head has 1 classes"},
    {{weight, bias, threshold}, 3, empty, "labels must each have"},
    {{weight, bias, threshold}, 3, hash, "weights_sha256 is not a SHA-256"},
  };
  char *dir = make_dir();
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = write_head(dir, cases[i].tensors, cases[i].n, cases[i].metadata);
    g_autoptr(HysacHead) head = hysac_head_load(path, &error);
    if (!cases[i].message) {
      assert_non_null(head);
      assert_string_equal(hysac_head_get_label(head, 0), "unsafe");
      assert_int_equal(hysac_head_get_dimension(head), 2);
    } else {
      assert_null(head);
      expect_error(&error, HYSAC_ERROR_MODEL, cases[i].message);
    }
  }
  g_autofree char *missing = g_build_filename(dir, "none.safetensors", NULL);
  assert_null(hysac_head_load(missing, &error));
  expect_error(&error, HYSAC_ERROR_IO, "none.safetensors");
  remove_dir(dir);
}

/* Beside a model: of the same size and the same weights, or refused. */
static void
test_beside(void **state)
{
  static const char *const files[] = {"config.json", "model.safetensors", "preprocessor_config.json", "hysac.json"};
  char *dir = make_dir();
  GError *error = NULL;
  HysacHead *head = NULL;
  float weight[48] = {0.5f}, bias[] = {0.0f}, threshold[] = {0.5f};
  const HysacFloats tensors[] = {{"weight", weight, 2, {1, 48}}, {"bias", bias, 1, {1}}, {"threshold", threshold, 1, {1}}};
  const HysacFloats shorter[] = {{"weight", weight, 2, {1, 47}}, {"bias", bias, 1, {1}}, {"threshold", threshold, 1, {1}}};

  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *name = g_strdup_printf("reference/small/model/%s", files[i]);
    g_autofree char *from = test_path(name), *to = g_build_filename(dir, files[i], NULL), *text = NULL;
    gsize size;
    assert_true(g_file_get_contents(from, &text, &size, NULL));
    assert_true(g_file_set_contents(to, text, (gssize) size, NULL));
  }
  HysacModel *model = hysac_model_load(dir, &error);
  assert_non_null(model);
  assert_true(hysac_head_load_beside(model, &head, &error));
  assert_null(head);

  const char *const own[] = {"weights_sha256", hysac_model_get_weights_sha256(model), NULL};
  const char *const other[] = {"weights_sha256", HASH, NULL};
  g_free(write_head(dir, tensors, 3, own));
  assert_true(hysac_head_load_beside(model, &head, &error));
  assert_non_null(head);
  g_clear_pointer(&head, hysac_head_unref);
  g_free(write_head(dir, tensors, 3, other));
  assert_false(hysac_head_load_beside(model, &head, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "trained on other weights");
  g_free(write_head(dir, shorter, 3, own));
  assert_false(hysac_head_load_beside(model, &head, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "is for features of 47 numbers; the model has 48");
  assert_null(head);

  /* One of pictures' features is none of texts', under whatever name; nor the other way round. */
  const char *const texts[] = {"features", "texts", NULL}, *const pictures[] = {"features", "pictures", NULL};
  const char *const neither[] = {"features", "sounds", NULL};
  assert_true(hysac_head_load_texts_beside(model, &head, &error));
  assert_null(head);
  g_free(write_as(dir, "text-head.safetensors", tensors, 3, texts));
  assert_true(hysac_head_load_texts_beside(model, &head, &error));
  assert_true(hysac_head_is_of_texts(head));
  g_clear_pointer(&head, hysac_head_unref);
  for (guint i = 0; i < 2; i++) {
    g_free(write_as(dir, "text-head.safetensors", tensors, 3, i ? pictures : own));
    assert_false(hysac_head_load_texts_beside(model, &head, &error));
    expect_error(&error, HYSAC_ERROR_MODEL, "is not said to be on features of texts");
  }
  g_free(write_head(dir, tensors, 3, pictures));
  assert_true(hysac_head_load_beside(model, &head, &error));
  g_clear_pointer(&head, hysac_head_unref);
  g_free(write_head(dir, tensors, 3, texts));
  assert_false(hysac_head_load_beside(model, &head, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "its place is text-head.safetensors");
  g_free(write_head(dir, tensors, 3, neither));
  assert_false(hysac_head_load_beside(model, &head, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "features must be");
  hysac_model_unref(model);
  remove_dir(dir);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_scores),
    cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_beside),
  };
  return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
