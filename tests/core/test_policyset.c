/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules beside the region: what a policy file says of them, when they act, and that they only ever add. */
#include "support.h"

#include "core/policyfile.h"
#include "core/policyset.h"

static const char *const actions[] = {"tag", "blur", "blank", NULL};
static const HysacPolicyKey keys[] = {{.name = "action", .kind = HYSAC_POLICY_CHOICE, .choices = actions}};

static gboolean
parse(const char *text, HysacPolicyRules *rules, GError **error)
{
  HysacPolicyValue values[1];
  g_autofree char *title = NULL;
  return hysac_policy_file_parse_rules(text, strlen(text), "p.json", keys, 1, values, &title, rules, error);
}

static void
test_file(void **state)
{
  static const char good[] =
    "{\"version\": 1, \"action\": \"blur\", \"categories\": {\"violence\": {\"cone\": -0.25, \"action\": \"blank\"},"
    " \"self-harm\": {\"inner\": -12.5, \"lead\": 0}}, \"head\": {\"threshold\": 0.75},"
    " \"concepts\": [{\"name\": \"a\", \"category\": \"violence\", \"prompts\": [\"p\"]}]}";
  static const struct {
    const char *member, *message;
  } bad[] = {
    {"\"categories\": []", "p.json: categories must be an object"},
    {"\"categories\": {\"gore\": {\"cone\": 0}}", "p.json: categories.gore is no category"},
    {"\"categories\": {\"hate\": 1}", "categories.hate must be an object"},
    {"\"categories\": {\"hate\": {}}", "categories.hate has no threshold"},
    {"\"categories\": {\"hate\": {\"action\": \"blank\"}}", "categories.hate has no threshold"},
    {"\"categories\": {\"hate\": {\"cone\": \"0\"}}", "categories.hate.cone must be a number"},
    {"\"categories\": {\"hate\": {\"inner\": 1e999}}", "categories.hate.inner must be finite"},
    {"\"categories\": {\"hate\": {\"cone\": 0, \"action\": \"explode\"}}",
     "categories.hate.action must be one of tag, blur, blank"},
    {"\"categories\": {\"hate\": {\"treshold\": 0}}", "categories.hate.treshold is no key of a category"},
    {"\"head\": true", "head must be an object"},
    {"\"head\": {\"threshold\": 0}", "head.threshold must be above 0"},
    {"\"head\": {\"threshold\": 1.5}", "head.threshold must be above 0"},
    {"\"head\": {\"limit\": 0.5}", "head.limit is no key of head"},
    {"\"concepts\": [{\"nam\": \"a\"}]", "concepts[0].nam is no key of a concept"},
  };
  HysacPolicyRules rules;
  GError *error = NULL;

  assert_true(parse(good, &rules, &error));
  const HysacCategoryRule *violence = &rules.categories[HYSAC_CATEGORY_VIOLENCE];
  const HysacCategoryRule *harm = &rules.categories[HYSAC_CATEGORY_SELF_HARM];
  assert_true(violence->set && violence->has_cone && violence->cone == -0.25 && !violence->has_inner);
  assert_int_equal(violence->action, 2);
  assert_true(harm->set && harm->has_inner && harm->inner == -12.5 && harm->has_lead && harm->lead == 0.0);
  assert_true(harm->action == G_MAXUINT);
  assert_true(rules.head.set && rules.head.threshold == 0.75 && rules.head.action == G_MAXUINT);
  assert_int_equal(hysac_concepts_get_count(rules.concepts), 1);
  assert_false(rules.categories[HYSAC_CATEGORY_HATE].set);
  /* Nothing to measure self-harm by; violence alone would do. */
  assert_false(hysac_policy_rules_check(&rules, rules.concepts, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "threshold for self-harm, and there is no unsafe concept");
  rules.categories[HYSAC_CATEGORY_SELF_HARM].set = FALSE;
  assert_true(hysac_policy_rules_check(&rules, rules.concepts, &error));
  rules.categories[HYSAC_CATEGORY_VIOLENCE].has_lead = TRUE;
  assert_false(hysac_policy_rules_check(&rules, rules.concepts, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "there is no safe concept");
  hysac_policy_rules_clear(&rules);

  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autofree char *text = g_strdup_printf("{\"version\": 1, %s}", bad[i].member);
    assert_false(parse(text, &rules, &error));
    expect_error(&error, HYSAC_ERROR_MODEL, bad[i].message);
    assert_null(rules.concepts);
  }
  /* Who does not act by categories refuses them as any key it does not know. */
  HysacPolicyValue values[1];
  g_autofree char *title = NULL;
  assert_false(hysac_policy_file_parse(good, strlen(good), "p.json", keys, 1, values, &title, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "categories is no key of a policy");
}

static void
test_thresholds(void **state)
{
  const HysacCategoryScore score = {.nearest = 0, .inner = -5.0, .cone = -0.1, .lead = 0.5};
  const HysacCategoryScore broken = {.nearest = 0, .inner = NAN, .cone = NAN, .lead = NAN};
  const HysacCategoryRule none = {.set = FALSE};
  const struct {
    HysacCategoryRule rule;
    gboolean acts;
  } cases[] = {
    {{.set = TRUE, .has_cone = TRUE, .cone = 0.0}, TRUE},    {{.set = TRUE, .has_cone = TRUE, .cone = -0.1}, TRUE},
    {{.set = TRUE, .has_cone = TRUE, .cone = -0.2}, FALSE},  {{.set = TRUE, .has_inner = TRUE, .inner = -5.0}, TRUE},
    {{.set = TRUE, .has_inner = TRUE, .inner = -4.0}, FALSE}, {{.set = TRUE, .has_lead = TRUE, .lead = 0.5}, FALSE},
    {{.set = TRUE, .has_lead = TRUE, .lead = 0.4}, TRUE},
    /* All that are set. */
    {{.set = TRUE, .has_cone = TRUE, .cone = 0.0, .has_lead = TRUE, .lead = 0.6}, FALSE},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    assert_int_equal(hysac_category_rule_acts(&cases[i].rule, &score), cases[i].acts);
    assert_true(hysac_category_rule_acts(&cases[i].rule, &broken));
  }
  assert_false(hysac_category_rule_acts(&none, &score));
}

static int
strictness(HysacDecisionKind kind)
{
  return kind == HYSAC_DECISION_PASS ? 0 : kind == HYSAC_DECISION_FAILED ? 1 : 2;
}

/* Whatever rules say: never less than the region alone, and exactly that where none acts. */
static void
test_only_adds(void **state)
{
  GRand *rand = test_rand();
  guint added = 0;

  for (guint run = 0; run < 300; run++) {
    const guint n = (guint) g_rand_int_range(rand, 1, 4), k = (guint) g_rand_int_range(rand, 1, (gint) n + 1);
    const HysacPolicyConfig config = {.k = k, .n = n, .enter_margin = 0.1, .leave_margin = 0.0,
                                      .min_duration = g_rand_int_range(rand, 0, 8),
                                      .pre_roll = g_rand_int_range(rand, 0, 6),
                                      .post_roll = g_rand_int_range(rand, 0, 6)};
    const guint32 possible = run % 3 == 0 ? 0 : (guint32) g_rand_int_range(rand, 1, 8);
    HysacPolicySet *set = hysac_policy_set_new(&config, 3, NULL);
    HysacPolicy *alone = hysac_policy_new(&config, NULL);
    for (guint64 i = 0; i < 40; i++) {
      const gboolean boundary = i == 0 || g_rand_int_range(rand, 0, 12) == 0;
      hysac_policy_set_add_sample(set, i, (gint64) i, boundary);
      hysac_policy_add_sample(alone, i, (gint64) i, boundary);
      if (g_rand_int_range(rand, 0, 10) == 0) {
        hysac_policy_set_fail(set, i, HYSAC_REASON_FAILED_DEVICE);
        hysac_policy_fail(alone, i, HYSAC_REASON_FAILED_DEVICE);
      } else {
        const double margin = g_rand_double_range(rand, -0.5, 0.3);
        const guint32 marks = g_rand_int_range(rand, 0, 3) ? 0 : possible;
        hysac_policy_set_resolve(set, i, margin + 0.5, margin, marks);
        hysac_policy_resolve(alone, i, margin + 0.5, margin);
      }
    }
    hysac_policy_set_end(set);
    hysac_policy_end(alone);
    for (guint64 i = 0; i < 40; i++) {
      guint32 marks;
      const HysacDecision with = hysac_policy_set_decide(set, i, (gint64) i, FALSE, &marks);
      const HysacDecision without = hysac_policy_decide(alone, i, (gint64) i, FALSE);
      assert_true(with.kind != HYSAC_DECISION_PENDING);
      assert_true(strictness(with.kind) >= strictness(without.kind));
      assert_int_equal(marks & ~possible, 0);
      if (without.kind == HYSAC_DECISION_REDACT || marks == 0) {
        assert_int_equal(with.kind, without.kind);
        assert_int_equal(with.reason, without.reason);
        assert_int_equal(with.interval_id, without.interval_id);
      } else {
        assert_int_equal(with.kind, HYSAC_DECISION_REDACT);
        assert_true(with.interval_id >> 48 >= 1 && with.interval_id >> 48 <= 3);
        /* An unchecked frame stays one. */
        assert_int_equal(hysac_reason_is_failure(with.failure), without.kind == HYSAC_DECISION_FAILED);
        added++;
      }
      assert_true(with.margin == without.margin && with.sample_seq == without.sample_seq);
    }
    gint64 age, same;
    guint32 marks;
    const HysacDecision now = hysac_policy_set_latest(set, 41, &age, &marks);
    assert_true(strictness(now.kind) >= strictness(hysac_policy_latest(alone, 41, &same).kind));
    assert_true(age == same);
    hysac_policy_set_free(set);
    hysac_policy_free(alone);
  }
  assert_true(added > 100);
  g_rand_free(rand);
}

/* A rule's samples confirm each other, not the region's or another rule's. */
static void
test_confirmation(void **state)
{
  const HysacPolicyConfig config = {.k = 2, .n = 2};
  GError *error = NULL;
  HysacPolicySet *set = hysac_policy_set_new(&config, 2, NULL);
  const struct {
    double margin;
    guint32 marks;
  } samples[] = {{-1, 1}, {-1, 2}, {1, 0}, {-1, 0}, {-1, 2}, {-1, 2}, {NAN, 0}};
  guint32 marks;

  for (guint64 i = 0; i < G_N_ELEMENTS(samples); i++) {
    hysac_policy_set_add_sample(set, i, (gint64) i, i == 0);
    hysac_policy_set_resolve(set, i, 1.0, samples[i].margin, samples[i].marks);
  }
  hysac_policy_set_end(set);
  for (guint64 i = 0; i < 4; i++)
    assert_int_equal(hysac_policy_set_decide(set, i, (gint64) i, FALSE, &marks).kind, HYSAC_DECISION_PASS);
  for (guint64 i = 4; i < 6; i++) {
    assert_int_equal(hysac_policy_set_decide(set, i, (gint64) i, FALSE, &marks).kind, HYSAC_DECISION_REDACT);
    assert_int_equal(marks, 2);
  }
  /* What is no number failed in all. */
  const HysacDecision failed = hysac_policy_set_decide(set, 6, 6, FALSE, &marks);
  assert_int_equal(failed.failure, HYSAC_REASON_FAILED_NUMERIC);
  hysac_policy_set_reset(set);
  hysac_policy_set_free(set);
  assert_null(hysac_policy_set_new(&config, 17, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "17 rules");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_file),
    cmocka_unit_test(test_thresholds),
    cmocka_unit_test(test_only_adds),
    cmocka_unit_test(test_confirmation),
  };
  return cmocka_run_group_tests_name("policyset", tests, NULL, NULL);
}
