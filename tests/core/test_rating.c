/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands beside the region: scores of concepts and the head, which rules they reach, and how it is told. */
#include "support.h"

#include "core/rating.h"
#include "core/remedy.h"
#include "core/safetensors_write.h"

static HysacConcepts *
make_concepts(const char *second)
{
  g_autofree char *text = g_strdup_printf(
    "{\"version\": 1, \"concepts\": [{\"name\": \"knife\", \"category\": \"violence\", \"points\": [[0.4, 0]]},"
    " {\"name\": \"meadow\", \"safe\": true, \"points\": [%s]}]}", second);
  GError *error = NULL;
  HysacConcepts *concepts = hysac_concepts_parse(text, strlen(text), "c.json", &error);

  if (!concepts)
    fail_msg("%s", error->message);
  return concepts;
}

/* Two classes: the first by its own threshold of 0.9, the second by 0.375. */
static HysacHead *
make_head(float bias)
{
  const float weight[] = {1.0f, 0.0f, 0.0f, 1.0f}, biases[] = {bias, 0.0f}, threshold[] = {0.9f, 0.375f};
  const HysacFloats tensors[] = {{"weight", weight, 2, {2, 2}}, {"bias", biases, 1, {2}}, {"threshold", threshold, 1, {2}}};
  const char *const metadata[] = {"labels", "weapons,blood", NULL};
  char *dir = make_dir();
  g_autofree char *path = g_build_filename(dir, "head.safetensors", NULL);
  assert_true(hysac_safetensors_write(path, tensors, 3, metadata, NULL));
  HysacHead *head = hysac_head_load(path, NULL);
  assert_non_null(head);
  remove_dir(dir);
  return head;
}

static HysacRater *
make_rater(HysacConcepts *concepts, HysacHead *head, const HysacPolicyRules *rules)
{
  HysacRater *rater = NULL;
  GError *error = NULL;

  if (!hysac_rater_new(concepts, head, "head.safetensors", 1.0, rules, &rater, &error))
    fail_msg("%s", error->message);
  return rater;
}

static void
test_rules_have_names(void **state)
{
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    guint rule = 99;
    assert_true(hysac_rule_parse(hysac_rule_to_string(i), &rule));
    assert_int_equal(rule, i);
  }
  guint rule;
  assert_false(hysac_rule_parse("none", &rule));
  assert_false(hysac_rule_parse("region", &rule));
  assert_string_equal(hysac_rule_to_string(HYSAC_RULE_HEAD), "head");
}

static void
test_what_cannot_be_measured(void **state)
{
  HysacConcepts *concepts = make_concepts("[0, 0.5]");
  HysacRater *rater = NULL;
  GError *error = NULL;
  HysacPolicyRules rules = {0};

  assert_true(hysac_rater_new(NULL, NULL, NULL, 1.0, &rules, &rater, NULL));
  assert_null(rater);
  assert_false(hysac_policy_rules_any(&rules));
  rules.head.set = TRUE;
  assert_true(hysac_policy_rules_any(&rules));
  assert_false(hysac_rater_new(concepts, NULL, "head.safetensors", 1.0, &rules, &rater, &error));
  assert_int_equal(error->code, HYSAC_ERROR_MODEL);
  assert_non_null(strstr(error->message, "head.safetensors"));
  assert_non_null(strstr(hysac_error_remedy(error), "hysac fit --head"));
  assert_null(rater);
  g_clear_error(&error);
  rules.head.set = FALSE;
  rules.categories[HYSAC_CATEGORY_HATE] = (HysacCategoryRule) {.set = TRUE, .has_cone = TRUE};
  assert_true(hysac_policy_rules_any(&rules));
  assert_false(hysac_rater_new(concepts, NULL, "head.safetensors", 1.0, &rules, &rater, &error));
  assert_non_null(strstr(error->message, "threshold for hate"));
  assert_non_null(strstr(hysac_error_remedy(error), "hysac concepts --file FILE --save"));
  g_clear_error(&error);
  /* What is elsewhere in a message is none of this, and a file's own error is one of the file. */
  error = g_error_new(HYSAC_ERROR, HYSAC_ERROR_MODEL, "m/the policy: /model.safetensors: tensor a is missing");
  assert_non_null(strstr(hysac_error_remedy(error), "make it anew"));
  g_clear_error(&error);
  error = g_error_new(HYSAC_ERROR, HYSAC_ERROR_IO, "m/hysac.json: cannot open");
  assert_null(strstr(hysac_error_remedy(error), "mend"));
  g_clear_error(&error);
  hysac_concepts_unref(concepts);
}

static void
test_rating(void **state)
{
  static const float feature[] = {0.0f, 2.0f}, near[] = {0.4f, 0.0f}, far[] = {0.0f, 0.5f};
  HysacConcepts *concepts = make_concepts("[0, 0.5]");
  HysacHead *head = make_head(0.0f);
  HysacPolicyRules rules = {.head = {.set = TRUE}};
  rules.categories[HYSAC_CATEGORY_VIOLENCE] = (HysacCategoryRule) {.set = TRUE, .has_lead = TRUE, .lead = 0.0};
  HysacRater *rater = make_rater(concepts, head, &rules);
  const guint32 violence = 1u << HYSAC_CATEGORY_VIOLENCE, by_head = 1u << HYSAC_RULE_HEAD;

  assert_true(hysac_rater_has(rater, HYSAC_CATEGORY_VIOLENCE) && hysac_rater_has(rater, HYSAC_RULE_HEAD));
  assert_false(hysac_rater_has(rater, HYSAC_CATEGORY_HATE));
  HysacRating rating = {.seq = 7};
  hysac_rater_rate(rater, feature, near, &rating);
  assert_true(rating.seq == 7 && rating.has_categories && rating.has_head);
  assert_string_equal(rating.nearest[HYSAC_CATEGORY_VIOLENCE], "knife");
  assert_null(rating.nearest[HYSAC_CATEGORY_HATE]);
  expect_near(rating.categories[HYSAC_CATEGORY_VIOLENCE].inner, -1.0, 1e-6, "inner");
  assert_string_equal(rating.label, "blood"); /* it is beyond its threshold, the other is not */
  assert_true(rating.head.unsafe);
  assert_int_equal(rating.marks, violence | by_head);

  /* Kept scores are judged the same. */
  HysacRating kept = rating;
  kept.marks = 0;
  hysac_rater_judge(rater, &kept);
  assert_int_equal(kept.marks, rating.marks);
  hysac_rater_rate(rater, feature, far, &rating);
  assert_int_equal(rating.marks, by_head);
  /* What is missing reaches every rule. */
  hysac_rater_rate(rater, NULL, NULL, &rating);
  assert_false(rating.has_categories || rating.has_head);
  assert_int_equal(rating.marks, violence | by_head);
  hysac_rater_unref(rater);

  /* A threshold of the rule is for the highest score, whatever the head's own. */
  rules.head = (HysacHeadRule) {.set = TRUE, .has_threshold = TRUE, .threshold = 0.95};
  rater = make_rater(concepts, head, &rules);
  hysac_rater_rate(rater, feature, far, &rating);
  assert_string_equal(rating.label, "blood");
  assert_true(rating.head.threshold == 0.95 && !rating.head.unsafe);
  assert_int_equal(rating.marks, 0);
  hysac_rater_unref(rater);

  /* Without rules there is advice alone. */
  rater = make_rater(concepts, NULL, &(HysacPolicyRules) {0});
  hysac_rater_rate(rater, feature, near, &rating);
  assert_true(rating.has_categories && !rating.has_head);
  assert_int_equal(rating.marks, 0);
  hysac_rater_unref(rater);
  hysac_head_unref(head);
  hysac_concepts_unref(concepts);
}

static void
test_telling(void **state)
{
  static const float feature[] = {0.0f, 0.0f}, near[] = {0.4f, 0.0f};
  HysacConcepts *concepts = make_concepts("[0, 0.5]");
  HysacHead *head = make_head(0.0f);
  HysacRater *rater = make_rater(concepts, head, &(HysacPolicyRules) {0});
  g_autoptr(GString) json = g_string_new(NULL);
  HysacRating rating;

  hysac_rating_append(NULL, 0, json);
  assert_string_equal(json->str, ",\"advisory\":null,\"rules\":[]");
  g_string_truncate(json, 0);
  hysac_rater_rate(rater, feature, near, &rating);
  rating.categories[HYSAC_CATEGORY_VIOLENCE] = (HysacCategoryScore) {.inner = -1.25, .cone = 0.5, .lead = NAN};
  hysac_rating_append(&rating, 1u << HYSAC_CATEGORY_VIOLENCE | 1u << HYSAC_RULE_HEAD, json);
  assert_string_equal(json->str,
                      ",\"advisory\":{\"violence\":{\"concept\":\"knife\",\"inner\":-1.25,\"cone\":0.5,\"lead\":null},"
                      "\"head\":{\"label\":\"blood\",\"score\":0.5,\"threshold\":0.375,\"unsafe\":true}},"
                      "\"rules\":[\"violence\",\"head\"]");
  hysac_rater_unref(rater);
  hysac_head_unref(head);
  hysac_concepts_unref(concepts);
}

/* What scores depend on is told apart; what only rules depend on is not. */
static void
test_identity(void **state)
{
  HysacConcepts *concepts = make_concepts("[0, 0.5]"), *others = make_concepts("[0, 0.6]");
  HysacHead *heads[] = {NULL, make_head(0.0f), make_head(1.0f)};
  HysacPolicyRules rules[3] = {{.head = {0}}};
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  rules[1].categories[HYSAC_CATEGORY_VIOLENCE] = (HysacCategoryRule) {.set = TRUE, .has_cone = TRUE, .cone = 0.25};
  rules[2].head.has_threshold = TRUE;
  rules[2].head.threshold = 0.5;
  for (guint i = 0; i < 3 * 2 * 3; i++) {
    HysacHead *head = heads[i % 3];
    HysacRater *rater = make_rater(i / 3 % 2 ? others : concepts, head, &rules[i / 6]);
    char *hash = hysac_rater_identify(rater);
    /* Rules of categories change nothing; nor does a head's threshold where there is no head. */
    assert_int_equal(g_hash_table_add(seen, hash), i / 6 == 0 || (i / 6 == 2 && head));
    hysac_rater_unref(rater);
  }
  hysac_head_unref(heads[1]);
  hysac_head_unref(heads[2]);
  hysac_concepts_unref(concepts);
  hysac_concepts_unref(others);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rules_have_names), cmocka_unit_test(test_what_cannot_be_measured),
    cmocka_unit_test(test_rating),           cmocka_unit_test(test_telling),
    cmocka_unit_test(test_identity),
  };
  return cmocka_run_group_tests_name("rating", tests, NULL, NULL);
}
