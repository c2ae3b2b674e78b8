/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/config.h"

#include <unistd.h>

/* numpy.percentile(values, [0, 25, 50, 98.4, 100]) */
static void
test_percentile(void **state)
{
  const double values[] = {0.31, 0.12, 0.45, 0.2, 0.38};
  const struct {
    double percentile, bound;
  } cases[] = {{25, 0.2}, {50, 0.31}, {90, 0.422}, {98.4, 0.44552}, {100, 0.45}};
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    HysacProfile *profile = hysac_profile_fit(values, 5, NULL, 0, cases[i].percentile,
                                              HYSAC_PRECISION_FP32, &error);
    assert_non_null(profile);
    expect_near(profile->bound, cases[i].bound, 1e-12, "bound");
    expect_near(profile->scale, (0.38 - 0.2) / 1.3489795003921634, 1e-12, "scale");
    assert_int_equal(profile->safe_count, 5);
    assert_int_equal(profile->unsafe_count, 0);
    assert_non_null(profile->date);
    hysac_profile_free(profile);
  }
  hysac_profile_free(NULL);
}

static void
test_unsafe(void **state)
{
  const double safe[] = {0.1, 0.2, 0.3, 0.4}, unsafe[] = {0.2, 0.35, 0.5, 0.6, 0.7};
  GError *error = NULL;
  HysacProfile *profile = hysac_profile_fit(safe, 4, unsafe, 5, 100.0, HYSAC_PRECISION_BF16, &error);

  assert_non_null(profile);
  assert_true(profile->bound == 0.4 && profile->safe_above == 0.0);
  expect_near(profile->recall, 3.0 / 5.0, 1e-12, "recall");
  /* Pairs in order: 0.2: 1 + a tie, 0.35: 3, the others 4 each. */
  expect_near(profile->auc, (1.5 + 3 + 4 + 4 + 4) / 20.0, 1e-12, "auc");
  hysac_profile_free(profile);
}

/* A bound found another way: its percentile is the share that does not lie above it. */
static void
test_fit_at(void **state)
{
  const double safe[] = {0.1, 0.2, 0.3, 0.4, 0.5}, unsafe[] = {0.3, 0.45};
  GError *error = NULL;
  HysacProfile *profile = hysac_profile_fit_at(safe, 5, unsafe, 2, 0.42, HYSAC_PRECISION_FP32, &error);

  assert_true(profile->bound == 0.42);
  expect_near(profile->percentile, 80, 1e-12, "percentile");
  expect_near(profile->safe_above, 0.2, 1e-12, "above");
  expect_near(profile->recall, 0.5, 1e-12, "recall");
  expect_near(profile->auc, 6.5 / 10, 1e-12, "auc");
  hysac_profile_free(profile);
  assert_null(hysac_profile_fit_at(safe, 5, NULL, 0, 0.05, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "no bound");
  assert_null(hysac_profile_fit_at(safe, 5, NULL, 0, (double) INFINITY, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "bound above 0");
  assert_null(hysac_profile_fit_at(safe, 1, NULL, 0, 0.5, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "2 benign samples");
}

static void
test_refused(void **state)
{
  const double good[] = {0.1, 0.2}, bad[] = {0.1, NAN}, negative[] = {-0.1, 0.2}, zero[] = {0, 0};
  GError *error = NULL;

  assert_null(hysac_profile_fit(good, 1, NULL, 0, 95, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "2 benign samples");
  assert_null(hysac_profile_fit(good, 2, NULL, 0, 0, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "percentile");
  assert_null(hysac_profile_fit(good, 2, NULL, 0, NAN, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "percentile");
  assert_null(hysac_profile_fit(good, 2, NULL, 0, 95, HYSAC_PRECISION_AUTO, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "auto");
  assert_null(hysac_profile_fit(bad, 2, NULL, 0, 95, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "sample 1");
  assert_null(hysac_profile_fit(good, 2, negative, 2, 95, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "unsafe sample 0");
  assert_null(hysac_profile_fit(zero, 2, NULL, 0, 95, HYSAC_PRECISION_FP32, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "no bound");
  /* All alike: the score still has a unit. */
  const double alike[] = {0.5, 0.5, 0.5};
  HysacProfile *profile = hysac_profile_fit(alike, 3, NULL, 0, 95, HYSAC_PRECISION_FP32, &error);
  assert_true(profile->bound == 0.5 && profile->scale > 0.0);
  hysac_profile_free(profile);
  assert_true(hysac_profile_enough_samples(95) == 21);
  assert_true(hysac_profile_enough_samples(100) == G_MAXUINT64);
}

static char *
read_file(const char *path)
{
  char *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return text;
}

/* Into hysac.json and back; every byte beside the profile stays. */
static void
test_save(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "hysac.json", NULL);
  const char *const before[] = {
    "{\n  \"curvature\": 0.62, \"visual_alpha\": 1e-1,\n\t\"textual_alpha\": 0.1, \"provenance\": [ 1, 2 ],\n"
    "  \"profile\": null ,\n  \"comment\": \"caf\xc3\xa9 \\u00e9 \\\"profile\\\": 1\" }\n",
    "{\"curvature\":0.620000000000000001,\"textual_alpha\":0.1,\"visual_alpha\":0.1}",
  };
  const char *const kept[][2] = {
    {"{\n  \"curvature\": 0.62, \"visual_alpha\": 1e-1,\n\t\"textual_alpha\": 0.1, \"provenance\": [ 1, 2 ],\n"
     "  \"profile\": {", "} ,\n  \"comment\": \"caf\xc3\xa9 \\u00e9 \\\"profile\\\": 1\" }\n"},
    {"{\"curvature\":0.620000000000000001,\"textual_alpha\":0.1,\"visual_alpha\":0.1,\n  \"profile\": {",
     "}\n}"},
  };
  const double safe[] = {0.1, 0.2, 0.3, 0.4}, unsafe[] = {0.2, 0.5};
  GError *error = NULL;
  HysacProfile *profile = hysac_profile_fit(safe, 4, unsafe, 2, 95, HYSAC_PRECISION_INT8, &error);
  assert_true(profile->distance_error == hysac_precision_get_budget(HYSAC_PRECISION_INT8).distance);
  profile->distance_error = 0.0125;
  profile->safe_sha256 = g_strnfill(64, 'a');
  profile->unsafe_sha256 = g_strnfill(64, 'b');
  g_free(profile->tool);
  profile->tool = g_strdup("a \"tool\"\n");

  assert_false(hysac_profile_save(profile, dir, &error));
  expect_error(&error, HYSAC_ERROR_IO, "hysac.json");
  for (guint i = 0; i < 2; i++) {
    assert_true(g_file_set_contents(path, before[i], -1, NULL));
    for (guint again = 0; again < 2; again++) {
      assert_true(hysac_profile_save(profile, dir, &error));
      char *text = read_file(path);
      assert_true(g_str_has_prefix(text, kept[i][0]));
      assert_true(g_str_has_suffix(text, kept[i][1]));
      HysacMetadata metadata;
      assert_true(hysac_metadata_parse(text, strlen(text), "x", &metadata, &error));
      const HysacProfile *back = metadata.profile;
      assert_true(back->bound == profile->bound && back->scale == profile->scale);
      assert_true(back->percentile == 95.0 && back->precision == HYSAC_PRECISION_INT8);
      assert_true(back->safe_count == 4 && back->safe_above == profile->safe_above);
      assert_true(back->unsafe_count == 2 && back->recall == profile->recall);
      assert_true(back->auc == profile->auc);
      assert_string_equal(back->safe_sha256, profile->safe_sha256);
      assert_string_equal(back->unsafe_sha256, profile->unsafe_sha256);
      assert_string_equal(back->date, profile->date);
      assert_string_equal(back->tool, profile->tool);
      assert_true(metadata.region.calibrated && metadata.region.bound == profile->bound);
      assert_true(metadata.region.precision == HYSAC_PRECISION_INT8);
      assert_true(back->distance_error == 0.0125 && metadata.region.error == 0.0125);
      assert_true(metadata.region.moved == 0.0);
      hysac_metadata_clear(&metadata);
      g_free(text);
    }
  }

  /* A broken file is left as it is, and so is one that the profile does not suit. */
  assert_true(g_file_set_contents(path, "{\"curvature\": 1", -1, NULL));
  assert_false(hysac_profile_save(profile, dir, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "hysac.json");
  assert_true(g_file_set_contents(path, before[1], -1, NULL));
  profile->bound = NAN;
  assert_false(hysac_profile_save(profile, dir, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "bound");
  char *text = read_file(path);
  assert_string_equal(text, before[1]);
  g_free(text);
  hysac_profile_free(profile);
  g_free(path);
  remove_dir(dir);
}

/* Texts have a profile of their own beside that of pictures: neither moves the other. */
static void
test_save_text(void **state)
{
  const char *const before = "{\"curvature\":0.62,\"textual_alpha\":0.1,\"visual_alpha\":0.1,"
                             "\"bounds\":{\"V\":{\"up_95\":0.8},\"S\":{\"up_95\":0.6}}}";
  const double texts[] = {0.1, 0.2, 0.3, 0.4}, pictures[] = {0.5, 0.6, 0.7};
  char *dir = make_dir(), *path = g_build_filename(dir, "hysac.json", NULL);
  GError *error = NULL;
  HysacMetadata metadata;
  HysacProfile *of_texts = hysac_profile_fit(texts, 4, NULL, 0, 100, HYSAC_PRECISION_FP32, &error);
  HysacProfile *of_pictures = hysac_profile_fit(pictures, 3, NULL, 0, 100, HYSAC_PRECISION_FP32, &error);

  assert_true(hysac_metadata_parse(before, strlen(before), "x", &metadata, &error));
  assert_true(metadata.has_text_region && !metadata.text_region.calibrated && metadata.text_region.bound == 0.6);
  assert_true(metadata.text_region.scale == metadata.region.scale && !metadata.text_profile);
  hysac_metadata_clear(&metadata);
  of_texts->join_buffers = 4;
  of_texts->join_gap = 2500000001;
  for (guint order = 0; order < 2; order++) {
    assert_true(g_file_set_contents(path, before, -1, NULL));
    for (guint i = 0; i < 2; i++) {
      const gboolean text = i == order;
      assert_true((text ? hysac_profile_save_text : hysac_profile_save)(text ? of_texts : of_pictures, dir, &error));
    }
    char *text = read_file(path);
    assert_true(hysac_metadata_parse(text, strlen(text), "x", &metadata, &error));
    assert_true(metadata.region.calibrated && metadata.region.bound == 0.7);
    assert_true(metadata.text_region.calibrated && metadata.text_region.bound == 0.4);
    assert_true(metadata.text_region.scale == of_texts->scale);
    assert_true(metadata.text_profile->safe_count == 4 && metadata.profile->safe_count == 3);
    assert_true(metadata.reference_bounds.text == 0.6);
    assert_true(metadata.text_profile->join_buffers == 4 && metadata.text_profile->join_gap == 2500000001);
    assert_true(metadata.profile->join_buffers == 0 && metadata.profile->join_gap == 0);
    hysac_metadata_clear(&metadata);
    g_free(text);
  }

  /* Of texts alone; and one of other weights, or without a bound, is refused by its name. */
  const char *const alone = "{\"curvature\":0.62,\"textual_alpha\":0.1,\"visual_alpha\":0.1}";
  assert_true(g_file_set_contents(path, alone, -1, NULL));
  assert_true(hysac_metadata_parse(alone, strlen(alone), "x", &metadata, &error));
  assert_true(!metadata.has_text_region && !metadata.has_region);
  hysac_metadata_clear(&metadata);
  assert_true(hysac_profile_save_text(of_texts, dir, &error));
  char *text = read_file(path);
  assert_true(hysac_metadata_parse(text, strlen(text), "x", &metadata, &error));
  assert_true(metadata.has_text_region && !metadata.has_region);
  hysac_metadata_clear(&metadata);
  g_free(text);
  const char *const wrong[] = {
    "{\"curvature\":1,\"textual_alpha\":1,\"visual_alpha\":1,\"text_profile\":{\"scale\":1}}",
    "{\"curvature\":1,\"textual_alpha\":1,\"visual_alpha\":1,\"text_profile\":7}",
  };
  static const char *const joined[] = {"{\"buffers\": 1, \"gap_ns\": 1}", "{\"buffers\": 17, \"gap_ns\": 1}",
                                       "{\"buffers\": 3, \"gap_ns\": -1}", "3"};
  for (guint i = 0; i < G_N_ELEMENTS(joined); i++) {
    char *bad = g_strdup_printf("{\"curvature\":1,\"textual_alpha\":1,\"visual_alpha\":1,\"text_profile\":{\"bound\":1,"
                                "\"scale\":1,\"percentile\":95,\"precision\":\"fp32\",\"joined\":%s}}", joined[i]);
    assert_false(hysac_metadata_parse(bad, strlen(bad), "x", &metadata, &error));
    expect_error(&error, HYSAC_ERROR_MODEL, i < 2 ? "buffers" : i == 2 ? "gap_ns" : "joined");
    g_free(bad);
  }
  assert_false(hysac_metadata_parse(wrong[0], strlen(wrong[0]), "x", &metadata, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "the fitted profile of texts in x: bound");
  assert_false(hysac_metadata_parse(wrong[1], strlen(wrong[1]), "x", &metadata, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "text_profile");
  of_texts->weights_sha256 = g_strnfill(64, 'a');
  char *other = g_strdup_printf("{\"curvature\":1,\"textual_alpha\":1,\"visual_alpha\":1,\"weights_sha256\":\""
                                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}");
  assert_true(g_file_set_contents(path, other, -1, NULL));
  assert_false(hysac_profile_save_text(of_texts, dir, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "the profile of texts was fitted on other weights");
  g_free(other);
  hysac_profile_free(of_texts);
  hysac_profile_free(of_pictures);
  g_free(path);
  remove_dir(dir);
}

static void
test_hash(void **state)
{
  char *dir = make_dir();
  char *a = g_build_filename(dir, "a", NULL), *b = g_build_filename(dir, "b", NULL);
  GError *error = NULL;

  assert_true(g_file_set_contents(a, "one", -1, NULL) && g_file_set_contents(b, "two", -1, NULL));
  char *ab = hysac_profile_hash_inputs((const char *const[]){a, b}, 2, &error);
  char *ba = hysac_profile_hash_inputs((const char *const[]){b, a}, 2, &error);
  char *aa = hysac_profile_hash_inputs((const char *const[]){a, a}, 2, &error);
  assert_string_equal(ab, ba);
  assert_string_not_equal(ab, aa);
  assert_int_equal(strlen(ab), 64);
  /* The same from the sums, for what has no name. */
  char *one = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "one", -1);
  char *two = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "two", -1);
  char *sums = hysac_profile_hash_sums((const char *const[]){two, one}, 2);
  assert_string_equal(sums, ab);
  g_free(one);
  g_free(two);
  g_free(sums);
  assert_null(hysac_profile_hash_inputs((const char *const[]){a, dir}, 2, &error));
  expect_error(&error, HYSAC_ERROR_IO, "folder");
  g_free(ab);
  g_free(ba);
  g_free(aa);
  g_free(a);
  g_free(b);
  remove_dir(dir);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_percentile), cmocka_unit_test(test_fit_at), cmocka_unit_test(test_unsafe), cmocka_unit_test(test_refused),
    cmocka_unit_test(test_save), cmocka_unit_test(test_save_text), cmocka_unit_test(test_hash),
  };
  return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
