/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext: categories and the head beside the region, told of each text as advice, and acting where a policy says so.
 * A "knife" lies at 0.4, where the concept of that name is and the region minds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "tests/gst/policyfiles.h"
#include "tests/gst/rulefiles.h"
#include "tests/gst/textrig.h"

/* The policy is @members. */
static void
begin_bare(TextRig *rig, const char *members)
{
  g_autofree char *text = g_strdup_printf("{\"version\": 1, %s}", members);
  assert_true(g_file_set_contents(policy_path, text, -1, NULL));
  text_rig_bare(rig);
  g_object_set(rig->element, "policy", policy_path, NULL);
}

static void
play(TextRig *rig)
{
  rig->h = gst_harness_new_with_element(rig->element, "sink", "src");
  gst_harness_set_live(rig->h, FALSE);
  text_rig_format(rig, "utf8");
}

static void
begin(TextRig *rig, const char *members)
{
  begin_bare(rig, members);
  play(rig);
}

static GstBuffer *
through(TextRig *rig, const char *text, guint64 ms)
{
  return text_rig_through(rig, text_rig_buffer(text, -1, ms));
}

static const GstStructure *
meta_of(GstBuffer *buffer)
{
  const GstStructure *s = gst_buffer_get_hysac_meta(buffer);
  assert_non_null(s);
  return s;
}

/* @rules: NULL: none act. */
static void
expect(TextRig *rig, const char *in, guint64 ms, const char *out, const char *verdict, const char *rules)
{
  g_autoptr(GstBuffer) buffer = through(rig, in, ms);
  const GstStructure *meta = meta_of(buffer);
  assert_string_equal(gst_hysac_meta_get_verdict(meta), verdict);
  if (g_strcmp0(gst_hysac_meta_get_rules(meta), rules) != 0)
    fail_msg("%s: rules %s", in, gst_hysac_meta_get_rules(meta));
  g_autofree char *text = text_rig_text(g_steal_pointer(&buffer));
  assert_string_equal(text, out);
}

#define VIOLENCE "\"categories\": {\"violence\": " NEAR "}}, " CONCEPTS

static void
advice_changes_nothing(void **state)
{
  static const char *const texts[] = {"good", "knife", "bad"};
  static const double points[] = {0.25, 0.4, 2.0};
  HysacHead *head = make_head(policy_path);
  TextRig rig;
  begin_bare(&rig, CONCEPTS);
  rig.fake.head = head;
  play(&rig);
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    double inner, score;
    gboolean unsafe;
    g_autoptr(GstBuffer) out = through(&rig, texts[i], i * 60000);
    const GstStructure *meta = meta_of(out), *advisory = gst_hysac_meta_get_advisory(meta);
    const GstStructure *violence = nested(advisory, "violence"), *said = nested(advisory, "head");
    assert_string_equal(gst_hysac_meta_get_verdict(meta), i == 2 ? "unsafe" : "safe");
    assert_false(gst_structure_has_field(meta, "rules"));
    assert_string_equal(gst_structure_get_string(violence, "concept"), "knife");
    assert_true(gst_structure_get_double(violence, "inner", &inner));
    assert_true(fabs(inner + cosh(asinh(0.4) - asinh(points[i]))) < 1e-6);
    assert_true(gst_structure_get_double(said, "score", &score));
    assert_true(gst_structure_get_boolean(said, "unsafe", &unsafe) && unsafe == (i > 0));
  }
  g_autoptr(GstBuffer) empty = through(&rig, " ", 200000);
  assert_null(gst_hysac_meta_get_advisory(meta_of(empty)));
  text_rig_clear(&rig);
  hysac_head_unref(head);
}

/* What the region lets pass. */
static void
a_category_masks(void **state)
{
  TextRig rig;
  begin(&rig, VIOLENCE);
  expect(&rig, "good thing", 0, "good thing", "safe", NULL);
  g_autoptr(GstBuffer) out = through(&rig, "a knife", 60000);
  const GstStructure *meta = meta_of(out);
  gdouble distance, margin;
  assert_string_equal(gst_hysac_meta_get_verdict(meta), "unsafe");
  assert_string_equal(gst_hysac_meta_get_reason(meta), "unsafe");
  assert_string_equal(gst_hysac_meta_get_action(meta), "mask");
  assert_string_equal(gst_hysac_meta_get_rules(meta), "violence");
  assert_string_equal(gst_hysac_meta_get_origin(meta), "scored");
  assert_true(gst_hysac_meta_get_distance(meta, &distance) && distance == 0.25);
  assert_true(gst_hysac_meta_get_margin(meta, &margin) && margin == -0.75);
  assert_int_equal(gst_hysac_meta_get_interval_id(meta), 1 | G_GUINT64_CONSTANT(3) << 48); /* of rule 2, violence */
  g_autofree char *text = text_rig_text(g_steal_pointer(&out));
  assert_string_equal(text, "*** ***");
  expect(&rig, "bad", 120000, "***", "unsafe", NULL); /* the region's alone */
  text_rig_clear(&rig);
}

/* Of several windows, readings and joined texts the worst counts. */
static void
the_worst_counts(void **state)
{
  TextRig rig;
  begin(&rig, VIOLENCE);
  expect(&rig, "good|good|a knife|good", 0, "*** ***", "unsafe", "violence");
  expect(&rig, "a k<b>ni</b>fe", 60000, "*** ***", "unsafe", "violence");
  expect(&rig, "a kni", 120000, "a kni", "safe", NULL);
  g_autoptr(GstBuffer) out = through(&rig, "fe here", 120100);
  assert_string_equal(gst_hysac_meta_get_rules(meta_of(out)), "violence");
  assert_string_equal(gst_hysac_meta_get_origin(meta_of(out)), "joined");
  text_rig_clear(&rig);
  /* Of two windows each has what the other lacks: none of them meets both thresholds. */
  begin(&rig, "\"categories\": {\"violence\": {\"inner\": -1.00005, \"lead\": 0.2}}, " CONCEPTS);
  expect(&rig, "a knife|bad", 0, "*** ***", "unsafe", NULL);
  text_rig_clear(&rig);
}

static void
the_stricter_action_wins(void **state)
{
  /* "bad" lies at 2.0: beyond the bound, and far nearer to the unsafe concept than to the safe one. */
  static const char *const names[] = {"tag", "mask", "replace", "drop"};
  for (guint region = 0; region < 4; region++)
    for (guint rule = 0; rule < 4; rule++) {
      TextRig rig;
      g_autofree char *members = g_strdup_printf(
          "\"action\": \"%s\", \"categories\": {\"violence\": {\"lead\": 0, \"action\": \"%s\"}}, " CONCEPTS, names[region],
          names[rule]);
      const guint strictest = MAX(region, rule);
      begin(&rig, members);
      g_autoptr(GstBuffer) both = through(&rig, "bad", 0);
      assert_int_equal(both == NULL, strictest == 3);
      if (both)
        assert_string_equal(gst_hysac_meta_get_action(meta_of(both)), names[strictest]);
      /* By the rule alone: its own action, whatever the region's is. */
      g_autoptr(GstBuffer) alone = through(&rig, "knife", 60000);
      assert_int_equal(alone == NULL, rule == 3);
      if (alone)
        assert_string_equal(gst_hysac_meta_get_action(meta_of(alone)), names[rule]);
      g_autofree char *text = alone ? text_rig_text(g_steal_pointer(&alone)) : NULL;
      if (text)
        assert_string_equal(text, rule == 0 ? "knife" : rule == 1 ? "***" : "[removed]");
      text_rig_clear(&rig);
    }
}

/* A rule that names no action has the element's, as it is now. */
static void
the_elements_own_action(void **state)
{
  TextRig rig;
  begin(&rig, "\"action\": \"replace\", " VIOLENCE);
  expect(&rig, "knife", 0, "[removed]", "unsafe", "violence");
  g_object_set(rig.element, "action", GST_HYSAC_TEXT_ACTION_MASK, NULL);
  expect(&rig, "knife", 60000, "***", "unsafe", "violence");
  text_rig_clear(&rig);
}

static void
the_head_acts(void **state)
{
  HysacHead *head = make_head(policy_path);
  for (guint higher = 0; higher < 2; higher++) {
    TextRig rig;
    begin_bare(&rig, higher ? "\"head\": {\"threshold\": 0.999}" : "\"head\": {}"); /* 0.999: from 0.46 on */
    rig.fake.head = head;
    play(&rig);
    expect(&rig, "good", 0, "good", "safe", NULL);
    expect(&rig, "knife", 60000, higher ? "knife" : "***", higher ? "safe" : "unsafe", higher ? NULL : "head");
    expect(&rig, "good|bad", 120000, "***", "unsafe", "head");
    text_rig_clear(&rig);
  }
  hysac_head_unref(head);
}

/* A point that failed is none that a rule has found safe; without a rule it is only not told. */
static void
no_point(void **state)
{
  static const char *const texts[] = {"nopoint", "good|nopoint|good", "nanpoint", "untold"};
  HysacHead *head = make_head(policy_path);
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    TextRig rig;
    begin(&rig, VIOLENCE);
    expect(&rig, texts[i], 0, "***", "unsafe", "violence");
    text_rig_clear(&rig);
    begin_bare(&rig, "\"head\": {}");
    rig.fake.head = head;
    play(&rig);
    expect(&rig, texts[i], 0, "***", "unsafe", "head");
    text_rig_clear(&rig);
    begin(&rig, CONCEPTS);
    expect(&rig, texts[i], 0, texts[i], "safe", NULL);
    text_rig_clear(&rig);
  }
  hysac_head_unref(head);
}

/* A failure of the whole text stays one, and is on-failure's. */
static void
failures_stay(void **state)
{
  static const char *const texts[] = {"oom", "nan", "\xff"};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    TextRig rig;
    begin(&rig, "\"action\": \"tag\", " VIOLENCE);
    expect(&rig, texts[i], 0, "***", "failed", NULL);
    text_rig_clear(&rig);
  }
}

static void
expect_no_start(TextRig *rig, const char *why)
{
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) message = text_rig_message(rig, GST_MESSAGE_ERROR, NULL);
  g_autofree char *debug = NULL;
  assert_non_null(message);
  gst_message_parse_error(message, NULL, &debug);
  if (!strstr(debug, why))
    fail_msg("%s instead of %s", debug, why);
}

static void
what_cannot_be_measured_does_not_start(void **state)
{
  static const char *const members[] = {
      "\"categories\": {\"hate\": {\"cone\": 0}}, " CONCEPTS,
      "\"categories\": {\"violence\": {\"cone\": 0}}", /* no concepts at all */
      "\"head\": {}",
      "\"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"points\": [[1, 2]]}]", /* of another model */
      "\"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"prompts\": [\"p\"]}]", /* and nothing to encode by */
      "\"categories\": {\"violence\": {\"cone\": 0, \"action\": \"blur\"}}, " CONCEPTS, /* a frame's */
      "\"head\": {\"action\": \"freeze\"}",
      "\"categories\": {\"violence\": {\"cones\": 0}}, " CONCEPTS,
  };
  static const char *const why[] = {"threshold for hate", "threshold for violence", "text-head.safetensors",
                                    "have 2 numbers", "have no points",
                                    "categories.violence.action must be one of tag, mask, replace, drop",
                                    "head.action must be one of", "categories.violence.cones is no key"};
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    TextRig rig;
    begin_bare(&rig, members[i]);
    expect_no_start(&rig, why[i]);
    /* Without the policy it starts: no rule is left behind. */
    g_object_set(rig.element, "policy", NULL, NULL);
    assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
    text_rig_clear(&rig);
  }
}

/* The text tower makes points at the start; the model's own concepts do without where it cannot. */
static void
concepts_are_encoded(void **state)
{
  static const char listed[] = "{\"version\": 1, \"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"prompts\": [\"p\"]}]}";
  HysacConcepts *concepts = hysac_concepts_parse(listed, strlen(listed), "test", NULL);
  assert_non_null(concepts);
  for (guint encodes = 0; encodes < 2; encodes++) {
    TextRig rig;
    begin_bare(&rig, "\"categories\": {\"hate\": " NEAR "}}");
    rig.fake.concepts = concepts;
    rig.fake.encodes = (gboolean)encodes;
    if (encodes) {
      play(&rig);
      expect(&rig, "knife", 0, "***", "unsafe", "hate");
    } else {
      expect_no_start(&rig, "have no points");
      g_object_set(rig.element, "policy", NULL, NULL);
      play(&rig);
      expect(&rig, "knife", 0, "knife", "safe", NULL);
    }
    text_rig_clear(&rig);
  }
  hysac_concepts_unref(concepts);
}

/* The log and the bus tell; no text is in either. */
static void
told(void **state)
{
  g_autofree char *log = g_strconcat(policy_path, ".jsonl", NULL), *text = NULL;
  TextRig rig;
  begin_bare(&rig, VIOLENCE);
  g_object_set(rig.element, "verdict-log", log, NULL);
  play(&rig);
  expect(&rig, "a secret knife", 0, "*** *** ***", "unsafe", "violence");
  for (guint i = 0; i < 2; i++) {
    g_autoptr(GstMessage) message = text_rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-moderation");
    const GstStructure *s = gst_message_get_structure(message);
    g_autofree char *all = gst_structure_to_string(s);
    assert_null(strstr(all, "secret"));
    if (i == 1) {
      assert_string_equal(gst_structure_get_string(s, "rules"), "violence");
      assert_non_null(nested(nested(s, "advisory"), "violence"));
    }
  }
  text_rig_clear(&rig);
  assert_true(g_file_get_contents(log, &text, NULL, NULL));
  assert_non_null(strstr(text, "\"advisory\":{\"violence\":{\"concept\":\"knife\",\"inner\":"));
  assert_non_null(strstr(text, "\"rules\":[\"violence\"]"));
  assert_null(strstr(text, "secret"));
  g_unlink(log);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(advice_changes_nothing),
      cmocka_unit_test(a_category_masks),
      cmocka_unit_test(the_worst_counts),
      cmocka_unit_test(the_stricter_action_wins),
      cmocka_unit_test(the_elements_own_action),
      cmocka_unit_test(the_head_acts),
      cmocka_unit_test(no_point),
      cmocka_unit_test(failures_stay),
      cmocka_unit_test(what_cannot_be_measured_does_not_start),
      cmocka_unit_test(concepts_are_encoded),
      cmocka_unit_test(told),
  };
  gst_init(&argc, &argv);
  const int failed = cmocka_run_group_tests_name("textrules", tests, set_up, tear_down);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
