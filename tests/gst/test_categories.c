/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Categories and the head beside the region: told on each frame as advice, and acting where a policy says so. The
 * fake's points have one number, the distance: a concept at 0.4 is nearest to the code 40, which the region finds
 * safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/policyfiles.h"
#include "tests/gst/rig.h"
#include "tests/gst/rulefiles.h"

/* Every frame is a sample; the policy is @members. */
static void
begin(Rig *rig, HysacHead *head, const char *members)
{
  g_autofree char *text = g_strdup_printf("{\"version\": 1, \"sample-interval\": 0, %s}", members);
  assert_true(g_file_set_contents(policy_path, text, -1, NULL));
  rig_init_bare(rig, FAKE_AT_ONCE);
  rig->fake.head = head;
  g_object_set(rig->element, "model", "fake", "policy", policy_path, NULL);
}

static const GstStructure *
meta_of(GstBuffer *buffer)
{
  const GstStructure *s = gst_buffer_get_hysac_meta(buffer);
  assert_non_null(s);
  return s;
}

static void
advice_changes_nothing(void **state)
{
  static const guint8 codes[] = {FAKE_SAFE, 40, FAKE_UNSAFE, FAKE_ERROR};
  static const char *const verdicts[] = {"safe", "safe", "unsafe", "failed"};
  HysacHead *head = make_head(policy_path);
  Rig rig;
  begin(&rig, head, CONCEPTS);
  rig_play(&rig, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
    rig_push(&rig, codes[i]);
  rig_finish(&rig);
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
    const GstStructure *meta = meta_of(rig_buffer(&rig, i));
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), verdicts[i]);
    assert_false(gst_structure_has_field(meta, "rules"));
    const GstStructure *advisory = gst_hysac_meta_get_advisory(meta), *violence = nested(advisory, "violence");
    if (codes[i] == FAKE_ERROR) {
      assert_null(advisory); /* nothing is known of it */
      continue;
    }
    double inner, lead, score;
    gboolean unsafe;
    const double x = codes[i] / 100.0;
    assert_non_null(violence);
    assert_string_equal(gst_structure_get_string(violence, "concept"), "knife");
    assert_true(gst_structure_get_double(violence, "inner", &inner));
    assert_true(fabs(inner + cosh(asinh(0.4) - asinh(x))) < 1e-6);
    assert_true(gst_structure_get_double(violence, "lead", &lead));
    assert_true(fabs(lead - (inner + cosh(asinh(0.1) - asinh(x)))) < 1e-6);
    assert_null(nested(advisory, "hate"));
    const GstStructure *said = nested(advisory, "head");
    assert_non_null(said);
    assert_true(gst_structure_get_double(said, "score", &score));
    assert_true(fabs(score - 1.0 / (1.0 + exp(-(100.0 * x - 39.0)))) < 1e-5);
    assert_true(gst_structure_get_boolean(said, "unsafe", &unsafe) && unsafe == (x >= 0.39));
  }
  rig_clear(&rig);
  hysac_head_unref(head);
}

static void
a_category_acts(void **state)
{
  Rig rig;
  begin(&rig, NULL, "\"action\": \"tag\", \"categories\": {\"violence\": " NEAR ", \"action\": \"blank\"}}, " CONCEPTS);
  rig_play(&rig, FALSE);
  rig_push_n(&rig, 3, FAKE_SAFE);
  rig_push_n(&rig, 3, 40);
  rig_push_n(&rig, 3, FAKE_UNSAFE);
  rig_push_n(&rig, 30, FAKE_SAFE);
  rig_finish(&rig);
  for (guint i = 0; i < 9; i++) {
    GstBuffer *out = rig_buffer(&rig, i);
    const char *rules = gst_hysac_meta_get_rules(meta_of(out));
    const gboolean by_rule = i >= 3 && i < 6;
    assert_string_equal(rig_verdict(out), i < 3 ? "safe" : "unsafe");
    if (by_rule) {
      assert_string_equal(rules, "violence");
      assert_string_equal(rig_reason(out), "unsafe");
      assert_string_equal(gst_hysac_meta_get_action(meta_of(out)), "blank");
      assert_int_equal(rig_looks(out), LOOKS_BLANK);
    } else {
      assert_null(rules);
      assert_int_equal(rig_looks(out), LOOKS_ORIGINAL); /* what the region finds is only tagged here */
    }
  }
  rig_clear(&rig);
}

/* The stronger of two actions; k of n holds for a category's samples alone. */
static void
the_stronger_action_wins(void **state)
{
  /* Everything beyond 0.65 is in the category; the region says blur. */
  static const char *const actions[] = {"tag", "pixelate", "blank", "drop"};
  static const char *const done[] = {"blur", "blur", "blank", NULL};
  for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
    g_autofree char *members = g_strdup_printf(
        "\"action\": \"blur\", \"categories\": {\"violence\": {\"lead\": 0, \"action\": \"%s\"}}, \"concepts\": ["
        "{\"name\": \"a\", \"category\": \"violence\", \"points\": [[0.8]]}, {\"name\": \"b\", \"safe\": true, \"points\": [[0.5]]}]",
        actions[i]);
    Rig rig;
    begin(&rig, NULL, members);
    rig_play(&rig, FALSE);
    rig_push_n(&rig, 4, FAKE_UNSAFE);
    rig_finish(&rig);
    assert_int_equal(rig_n_buffers(&rig), done[i] ? 4 : 0);
    for (guint k = 0; done[i] && k < 4; k++)
      assert_string_equal(gst_hysac_meta_get_action(meta_of(rig_buffer(&rig, k))), done[i]);
    rig_clear(&rig);
  }

  Rig rig;
  begin(&rig, NULL, "\"confirm-k\": 2, \"confirm-n\": 2, \"action\": \"blank\", \"categories\": {\"violence\": " NEAR "}}, " CONCEPTS);
  rig_play(&rig, FALSE);
  const guint8 codes[] = {FAKE_SAFE, 40, FAKE_SAFE, 40, FAKE_UNSAFE, FAKE_SAFE, 40, 40, FAKE_SAFE};
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
    rig_push(&rig, codes[i]);
  rig_finish(&rig);
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), i == 6 || i == 7 ? "unsafe" : "safe");
  rig_clear(&rig);
}

static void
the_head_acts(void **state)
{
  HysacHead *head = make_head(policy_path);
  for (guint higher = 0; higher < 2; higher++) {
    Rig rig;
    /* 0.999: from 0.46 on. */
    begin(&rig, head, higher ? "\"action\": \"blank\", \"head\": {\"threshold\": 0.999}" : "\"action\": \"blank\", \"head\": {}");
    rig_play(&rig, FALSE);
    rig_push(&rig, FAKE_SAFE);
    rig_push(&rig, 40);
    rig_push(&rig, 48);
    rig_finish(&rig);
    assert_string_equal(rig_verdict(rig_buffer(&rig, 0)), "safe");
    assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), higher ? "safe" : "unsafe");
    assert_string_equal(rig_verdict(rig_buffer(&rig, 2)), "unsafe");
    assert_string_equal(gst_structure_get_string(meta_of(rig_buffer(&rig, 2)), "rules"), "head");
    assert_int_equal(rig_looks(rig_buffer(&rig, 2)), LOOKS_BLANK);
    rig_clear(&rig);
  }
  hysac_head_unref(head);
}

/* By the latest sample, in monitor mode as well. */
static void
a_category_acts_in_monitor_mode(void **state)
{
  Rig rig;
  begin(&rig, NULL, "\"mode\": \"monitor\", \"action\": \"blank\", \"categories\": {\"violence\": " NEAR "}}, " CONCEPTS);
  rig_play(&rig, FALSE);
  for (guint i = 0; i < 3; i++) {
    rig_push(&rig, 40);
    rig_wait_buffers(&rig, i + 1);
  }
  rig_finish(&rig);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 2)), "unsafe");
  assert_int_equal(rig_looks(rig_buffer(&rig, 2)), LOOKS_BLANK);
  rig_clear(&rig);
}

static void
what_cannot_be_measured_does_not_start(void **state)
{
  static const char *const members[] = {
      "\"categories\": {\"hate\": {\"cone\": 0}}, " CONCEPTS,
      "\"categories\": {\"violence\": {\"cone\": 0}}", /* no concepts at all */
      "\"head\": {}",
      "\"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"points\": [[1, 2]]}]", /* of another model */
      "\"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"prompts\": [\"p\"]}]", /* no text tower */
      "\"categories\": {\"violence\": {\"cones\": 0}}, " CONCEPTS,
  };
  static const char *const why[] = {"threshold for hate", "threshold for violence", "head.safetensors",
                                    "have 2 numbers", "have no points", "categories.violence.cones is no key"};
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    Rig rig;
    begin(&rig, NULL, members[i]);
    assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    GstMessage *message = gst_bus_pop_filtered(rig.bus, GST_MESSAGE_ERROR);
    g_autofree char *debug = NULL;
    assert_non_null(message);
    gst_message_parse_error(message, NULL, &debug);
    gst_message_unref(message); /* it holds the element */
    if (!strstr(debug, why[i]))
      fail_msg("%s instead of %s", debug, why[i]);
    rig_clear(&rig);
  }
}

static void
the_log_tells(void **state)
{
  g_autofree char *log = g_strconcat(policy_path, ".jsonl", NULL);
  g_autofree char *text = NULL;
  Rig rig;
  begin(&rig, NULL, "\"action\": \"blank\", \"categories\": {\"violence\": " NEAR "}}, " CONCEPTS);
  g_object_set(rig.element, "verdict-log", log, NULL);
  rig_play(&rig, FALSE);
  rig_push(&rig, 40);
  rig_finish(&rig);
  rig_clear(&rig);
  assert_true(g_file_get_contents(log, &text, NULL, NULL));
  assert_non_null(strstr(text, "\"advisory\":{\"violence\":{\"concept\":\"knife\",\"inner\":"));
  assert_non_null(strstr(text, "\"rules\":[\"violence\"]"));
  g_unlink(log);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(advice_changes_nothing),
      cmocka_unit_test(a_category_acts),
      cmocka_unit_test(the_stronger_action_wins),
      cmocka_unit_test(the_head_acts),
      cmocka_unit_test(a_category_acts_in_monitor_mode),
      cmocka_unit_test(what_cannot_be_measured_does_not_start),
      cmocka_unit_test(the_log_tells),
  };
  gst_init(&argc, &argv);
  return cmocka_run_group_tests_name("categories", tests, set_up, tear_down);
}
