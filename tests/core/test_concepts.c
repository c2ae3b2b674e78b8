/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Concepts: what a file may say, what is refused and how that is named, and the scores by their definition. */
#include "support.h"

#include "core/concepts.h"
#include "core/file.h"
#include "core/lorentz.h"
#include "core/model.h"

#define FILE_OF(list) "{\"version\": 1, \"concepts\": " list "}"

static HysacConcepts *
parse(const char *text, GError **error)
{
  return hysac_concepts_parse(text, strlen(text), "c.json", error);
}

static HysacConcepts *
parse_well(const char *text)
{
  GError *error = NULL;
  HysacConcepts *concepts = parse(text, &error);

  if (!concepts)
    fail_msg("%s", error->message);
  return concepts;
}

static const char whole[] = FILE_OF(
  "[{\"name\": \"fight\", \"category\": \"violence\", \"prompts\": [\"a fight\", \"two men hit each other\"],"
  "  \"points\": [[1, 0, 0.5], [0.5, -2e-1, 0]]},"
  " {\"name\": \"boxing\", \"category\": \"violence\", \"safe\": true, \"points\": [[0.25, 0, 0]]},"
  " {\"name\": \"meadow\", \"safe\": true, \"eta\": 0.5, \"points\": [[0, 0.5, 0]], \"comment\": \"of no category\"},"
  " {\"name\": \"insult\", \"category\": \"hate\", \"points\": [[0, 0, 2]]}]");

static void
test_reading(void **state)
{
  HysacConcepts *concepts = parse_well(whole);

  assert_int_equal(hysac_concepts_get_count(concepts), 4);
  assert_int_equal(hysac_concepts_get_dimension(concepts), 3);
  assert_int_equal(hysac_concepts_get_n_prompts(concepts), 2);
  assert_true(hysac_concepts_is_complete(concepts));
  assert_null(hysac_concepts_get(concepts, 4));
  const HysacConcept *fight = hysac_concepts_get(concepts, 0), *meadow = hysac_concepts_get(concepts, 2);
  assert_string_equal(fight->name, "fight");
  assert_int_equal(fight->category, HYSAC_CATEGORY_VIOLENCE);
  assert_false(fight->safe);
  assert_string_equal(fight->prompts[1], "two men hit each other");
  assert_null(fight->prompts[2]);
  assert_true(fight->points[4] == -0.2f && fight->eta == 1.0);
  assert_true(meadow->safe && meadow->category == HYSAC_CATEGORY_NONE && meadow->eta == 0.5);
  hysac_concepts_unref(concepts);

  /* Prompts alone: points are to be computed. */
  concepts = parse_well(FILE_OF("[{\"name\": \"a\", \"category\": \"illegal\", \"prompts\": [\"p\"]}]"));
  assert_false(hysac_concepts_is_complete(concepts));
  assert_int_equal(hysac_concepts_get_dimension(concepts), 0);
  hysac_concepts_unref(concepts);
  concepts = parse_well(FILE_OF("[]"));
  assert_int_equal(hysac_concepts_get_count(concepts), 0);
  hysac_concepts_unref(concepts);
}

static void
test_refusals(void **state)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    {"{\"concepts\": []}", "c.json: version must be there"},
    {"{\"version\": 2, \"concepts\": []}", "c.json: version must be there"},
    {"{\"version\": 1}", "c.json: concepts is missing"},
    {"{\"version\": 1, \"concepts\": [], \"concept\": []}", "c.json: concept is no key of a concepts file"},
    {"{\"version\": 1, \"concepts\": [], \"comment\": 3}", "comment must be a string"},
    {FILE_OF("7"), "concepts must be a list"},
    {FILE_OF("{\"lists\": []}"), "concepts.lists is no key of concepts"},
    {FILE_OF("{}"), "concepts.list is missing"},
    {FILE_OF("{\"list\": {}}"), "concepts.list must be a list"},
    {FILE_OF("{\"list\": [], \"date\": 1}"), "concepts.date must be a string"},
    {FILE_OF("{\"list\": [], \"weights_sha256\": \"ab\"}"), "concepts.weights_sha256 is not a SHA-256"},
    {FILE_OF("{\"list\": [3]}"), "concepts.list[0] must be an object"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"prompts\": [\"p\"]}, {\"name\": \"b\", \"promts\": []}]"),
     "c.json: concepts[1].promts is no key of a concept"},
    {FILE_OF("[{\"safe\": true, \"prompts\": [\"p\"]}]"), "concepts[0].name must be a string"},
    {FILE_OF("[{\"name\": \"\", \"safe\": true, \"prompts\": [\"p\"]}]"), "concepts[0].name must be a string"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"prompts\": [\"p\"]}, {\"name\": \"a\", \"safe\": true, \"prompts\": [\"p\"]}]"),
     "concepts[1].name is another concept's too"},
    {FILE_OF("[{\"name\": \"a\", \"prompts\": [\"p\"]}]"), "concepts[0].category is missing"},
    {FILE_OF("[{\"name\": \"a\", \"category\": \"gore\", \"prompts\": [\"p\"]}]"),
     "concepts[0].category must be one of hate, harassment, violence, self-harm, sexual, shocking, illegal"},
    {FILE_OF("[{\"name\": \"a\", \"category\": \"none\", \"prompts\": [\"p\"]}]"), "concepts[0].category must be one of"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": 1, \"prompts\": [\"p\"]}]"), "concepts[0].safe must be true or false"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"eta\": 0, \"prompts\": [\"p\"]}]"), "concepts[0]: eta is 0"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"comment\": 0, \"prompts\": [\"p\"]}]"), "concepts[0].comment must be"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true}]"), "concepts[0].prompts or points must be there"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"prompts\": []}]"), "concepts[0].prompts must be a list of"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"prompts\": \"p\"}]"), "concepts[0].prompts must be a list of"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"prompts\": [\"p\", 3]}]"), "concepts[0].prompts[1] must be a string"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"points\": []}]"), "concepts[0].points must be a list of"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"prompts\": [\"p\"], \"points\": [[1], [2]]}]"),
     "concepts[0].points must be a list of as many"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"points\": [1]}]"), "concepts[0].points[0] must be a list of"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"points\": [[1, 2], [3]]}]"),
     "concepts[0].points[1] has 1 numbers, the points before it have 2"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"points\": [[1, 1e39]]}]"), "concepts[0].points[0][1] must be a number"},
    {FILE_OF("[{\"name\": \"a\", \"safe\": true, \"points\": [[null]]}]"), "concepts[0].points[0][0] must be a number"},
  };
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    assert_null(parse(cases[i].text, &error));
    expect_error(&error, HYSAC_ERROR_MODEL, cases[i].message);
  }
  assert_null(parse("{\"version\": 1, ", &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "c.json");
  assert_null(parse(FILE_OF("[{\"name\": \"a\", \"name\": \"b\"}]"), &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "appears twice");
  assert_null(hysac_concepts_load("/nonexistent/c.json", &error));
  expect_error(&error, HYSAC_ERROR_IO, "/nonexistent/c.json");
}

/* Against the definitions, point by point. */
static void
test_scores(void **state)
{
  HysacConcepts *concepts = parse_well(whole);
  HysacConceptScore scores[4];
  HysacCategoryScore categories[HYSAC_N_CATEGORIES];
  GRand *rand = test_rand();
  const double c = 0.7;

  for (guint run = 0; run < 2000; run++) {
    float x[3];
    double inner[5], cone[5];
    for (guint i = 0; i < 3; i++)
      x[i] = (float) g_rand_double_range(rand, -2.0, 2.0);
    const float *const apexes[] = {hysac_concepts_get(concepts, 0)->points, hysac_concepts_get(concepts, 0)->points + 3,
                                   hysac_concepts_get(concepts, 1)->points, hysac_concepts_get(concepts, 2)->points,
                                   hysac_concepts_get(concepts, 3)->points};
    const double etas[] = {1.0, 1.0, 1.0, 0.5, 1.0};
    for (guint i = 0; i < 5; i++) {
      inner[i] = hysac_lorentz_inner(apexes[i], x, 3, c);
      cone[i] = hysac_lorentz_oxy_angle(apexes[i], x, 3, c) - etas[i] * hysac_lorentz_half_aperture(apexes[i], 3, c);
    }
    hysac_concepts_score(concepts, x, c, run % 2 ? scores : NULL, categories);
    if (run % 2) {
      assert_true(scores[0].inner == MAX(inner[0], inner[1]) && scores[0].cone == MIN(cone[0], cone[1]));
      assert_true(scores[2].inner == inner[3] && scores[2].cone == cone[3]);
    }
    const HysacCategoryScore *violence = &categories[HYSAC_CATEGORY_VIOLENCE], *hate = &categories[HYSAC_CATEGORY_HATE];
    assert_int_equal(violence->nearest, 0);
    assert_true(violence->inner == MAX(inner[0], inner[1]));
    assert_true(violence->cone == MIN(cone[0], cone[1]));
    assert_true(violence->lead == violence->inner - MAX(inner[2], inner[3]));
    /* The safe concept of violence does not compete with hate. */
    assert_int_equal(hate->nearest, 3);
    assert_true(hate->lead == inner[4] - inner[3]);
    assert_int_equal(categories[HYSAC_CATEGORY_SEXUAL].nearest, -1);
    assert_true(isnan(categories[HYSAC_CATEGORY_SEXUAL].cone) && isnan(categories[HYSAC_CATEGORY_SEXUAL].lead));
  }
  /* What is on a concept's ray lies inside its cone. */
  const float beyond[3] = {0.0f, 0.0f, 3.0f};
  hysac_concepts_score(concepts, beyond, c, NULL, categories);
  assert_true(categories[HYSAC_CATEGORY_HATE].cone <= 0.0);
  /* What is no number stays so, whichever concept it meets first. */
  const float broken[3] = {0.0f, NAN, 1.0f};
  hysac_concepts_score(concepts, broken, c, scores, categories);
  assert_true(isnan(scores[0].inner) && isnan(scores[0].cone));
  assert_true(isnan(categories[HYSAC_CATEGORY_VIOLENCE].inner) && isnan(categories[HYSAC_CATEGORY_VIOLENCE].cone));
  hysac_concepts_unref(concepts);

  /* No safe concepts: nothing leads them. */
  concepts = parse_well(FILE_OF("[{\"name\": \"a\", \"category\": \"shocking\", \"points\": [[1]]}]"));
  hysac_concepts_score(concepts, beyond, c, NULL, categories);
  assert_int_equal(categories[HYSAC_CATEGORY_SHOCKING].nearest, 0);
  assert_true(isnan(categories[HYSAC_CATEGORY_SHOCKING].lead));
  hysac_concepts_unref(concepts);
  g_rand_free(rand);
}

static void
test_points(void **state)
{
  static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  HysacConcepts *concepts = parse_well(whole);
  const float points[6] = {0.1f, 0.2f, -0.0f, -1.5f, 3e-9f, 7e20f};
  float broken[6] = {0};
  GError *error = NULL;

  HysacConcepts *computed = hysac_concepts_with_points(concepts, points, 3, hash, "fp32", &error);
  assert_non_null(computed);
  assert_memory_equal(hysac_concepts_get(computed, 0)->points, points, sizeof points);
  /* Those without prompts keep theirs. */
  assert_true(hysac_concepts_get(computed, 3)->points[2] == 2.0f);
  assert_string_equal(hysac_concepts_get_weights_sha256(computed), hash);

  /* Written and read back: the same floats. */
  g_autofree char *json = hysac_concepts_to_json(computed);
  g_autofree char *text = g_strdup_printf("{\"version\": 1, \"concepts\": %s}", json);
  HysacConcepts *again = parse_well(text);
  assert_int_equal(hysac_concepts_get_count(again), 4);
  for (guint i = 0; i < 4; i++) {
    const HysacConcept *a = hysac_concepts_get(computed, i), *b = hysac_concepts_get(again, i);
    assert_string_equal(a->name, b->name);
    assert_true(a->category == b->category && a->safe == b->safe && a->eta == b->eta);
    assert_int_equal(a->n_points, b->n_points);
    assert_memory_equal(a->points, b->points, a->n_points * 3 * sizeof(float));
  }
  g_autofree char *json_again = hysac_concepts_to_json(again);
  assert_string_equal(json, json_again);

  assert_true(hysac_concepts_fit_model(again, 3, hash, "m", &error));
  assert_true(hysac_concepts_fit_model(again, 3, NULL, "m", &error));
  assert_false(hysac_concepts_fit_model(again, 4, hash, "m", &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "m: the concepts' points have 3 numbers");
  g_autofree char *other = g_strdup(hash);
  other[0] = 'f';
  assert_false(hysac_concepts_fit_model(again, 3, other, "m", &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "other weights");

  broken[4] = INFINITY;
  assert_null(hysac_concepts_with_points(concepts, broken, 3, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_NUMERIC, "fight");
  assert_null(hysac_concepts_with_points(concepts, points, 2, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "boxing");
  hysac_concepts_unref(again);
  hysac_concepts_unref(computed);
  hysac_concepts_unref(concepts);
}

/* In a model directory: read, checked against it, written without touching the rest. */
static void
test_model(void **state)
{
  static const char *const files[] = {"config.json", "model.safetensors", "preprocessor_config.json", "hysac.json"};
  char *dir = make_dir();
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *name = g_strdup_printf("reference/small/model/%s", files[i]);
    g_autofree char *from = test_path(name), *to = g_build_filename(dir, files[i], NULL), *text = NULL;
    gsize size;
    assert_true(g_file_get_contents(from, &text, &size, NULL));
    assert_true(g_file_set_contents(to, text, (gssize) size, NULL));
  }
  HysacModel *model = hysac_model_load(dir, &error);
  assert_non_null(model);
  assert_null(hysac_model_get_concepts(model)); /* an empty list */
  g_autofree char *hash = g_strdup(hysac_model_get_weights_sha256(model));

  HysacConcepts *concepts = parse_well(FILE_OF("[{\"name\": \"a\", \"category\": \"hate\", \"prompts\": [\"p\"]}]"));
  float points[48];
  for (guint i = 0; i < 48; i++)
    points[i] = 0.01f * (float) i;
  HysacConcepts *computed = hysac_concepts_with_points(concepts, points, 48, hash, "fp32", &error);
  assert_true(hysac_concepts_save(computed, dir, &error));
  hysac_model_unref(model);
  model = hysac_model_load(dir, &error);
  assert_non_null(model);
  HysacConcepts *read = hysac_model_get_concepts(model);
  assert_non_null(read);
  assert_memory_equal(hysac_concepts_get(read, 0)->points, points, sizeof points);
  assert_non_null(hysac_model_get_region(model));
  hysac_model_unref(model);
  hysac_concepts_unref(computed);

  /* Points of another size: the model does not load. */
  computed = hysac_concepts_with_points(concepts, points, 47, hash, "fp32", &error);
  assert_true(hysac_concepts_save(computed, dir, &error));
  assert_null(hysac_model_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "have 47 numbers, the model's features 48");
  hysac_concepts_unref(computed);
  hysac_concepts_unref(concepts);

  /* A misspelt key: named with its path. */
  g_autofree char *path = g_build_filename(dir, "hysac.json", NULL);
  static const char bad[] = "{\"curvature\": 0.5, \"visual_alpha\": 1, \"textual_alpha\": 1, "
                            "\"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"prompt\": \"p\"}]}";
  assert_true(g_file_set_contents(path, bad, -1, NULL));
  assert_null(hysac_model_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "hysac.json: concepts[0].prompt is no key of a concept");
  remove_dir(dir);
}

static void
test_names(void **state)
{
  HysacCategory category;

  for (guint i = 0; i < HYSAC_N_CATEGORIES; i++) {
    assert_true(hysac_category_parse(hysac_category_to_string((HysacCategory) i), &category));
    assert_int_equal(category, i);
  }
  assert_false(hysac_category_parse("none", &category));
  assert_false(hysac_category_parse(NULL, &category));
  assert_string_equal(hysac_category_to_string((HysacCategory) 99), "unknown");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reading), cmocka_unit_test(test_refusals), cmocka_unit_test(test_scores),
    cmocka_unit_test(test_points),  cmocka_unit_test(test_model),    cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests_name("concepts", tests, NULL, NULL);
}
