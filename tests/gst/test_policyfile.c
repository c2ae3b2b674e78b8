/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The property "policy": what a file sets, what it cannot, and what is stronger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/policyfiles.h"
#include "tests/gst/rig.h"

static void
write_policy(const char *text)
{
  assert_true(g_file_set_contents(policy_path, text, -1, NULL));
}

static void
start(Rig *rig)
{
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
}

/* Each key arrives in the property of its name. */
static void
every_key(void **state)
{
  static const struct {
    const char *name, *value; /* as gst_value_serialize() writes it */
  } expected[] = {
      {"mode", "monitor"},           {"action", "drop"},
      {"on-failure", "error"},       {"sample-interval", "40000000"},
      {"confirm-k", "2"},            {"confirm-n", "3"},
      {"bound", "0.75"},             {"enter-margin", "0.25"},
      {"leave-margin", "-0.125"},    {"min-duration", "1500000000"},
      {"pre-roll", "0"},             {"post-roll", "2000000000"},
      {"max-age", "60000000000"},    {"blank-color", "2139127936"},
      {"reuse", "always"},           {"change-tolerance", "3"},
      {"change-budget", "120"},      {"reuse-max-age", "2500000000"},
  };
  write_policy("{\"version\": 1, \"name\": \"all\", \"mode\": \"monitor\", \"action\": \"drop\","
               "\"on-failure\": \"error\", \"sample-interval\": \"40ms\", \"confirm-k\": 2,"
               "\"confirm-n\": 3, \"bound\": 0.75, \"enter-margin\": 0.25, \"leave-margin\": -0.125,"
               "\"min-duration\": \"1.5s\", \"pre-roll\": 0, \"post-roll\": \"2s\","
               "\"max-age\": \"1min\", \"blank-color\": 2139127936, \"reuse\": \"always\","
               "\"change-tolerance\": 3, \"change-budget\": 120, \"reuse-max-age\": \"2.5s\"}");
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_object_set(rig.element, "model", "fake", "policy", policy_path, NULL);
  start(&rig);
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
    g_auto(GValue) value = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(rig.element), expected[i].name, &value);
    g_autofree char *text = gst_value_serialize(&value);
    if (strcmp(text, expected[i].value) != 0)
      fail_msg("%s is %s instead of %s", expected[i].name, text, expected[i].value);
  }
  rig_clear(&rig);
}

/* The file's threshold and action hold for frames. */
static void
it_acts(void **state)
{
  write_policy("{\"version\": 1, \"action\": \"drop\", \"bound\": 0.2, \"sample-interval\": 0}");
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_object_set(rig.element, "model", "fake", "policy", policy_path, NULL);
  rig.h = gst_harness_new_with_element(rig.element, "sink", "src");
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS);
  assert_int_equal(rig_push(&rig, FAKE_SAFE), GST_FLOW_OK); /* 0.3: beyond this bound */
  assert_int_equal(rig_push(&rig, 10), GST_FLOW_OK);
  GstBuffer *out = gst_harness_pull(rig.h);
  assert_non_null(out);
  assert_int_equal(rig_number(out), 1);
  gst_buffer_unref(out);
  assert_int_equal(rig_stat(&rig, "dropped"), 1);

  g_autoptr(GstStructure) stats = NULL;
  gdouble bound;
  gboolean calibrated;
  g_object_get(rig.element, "stats", &stats, NULL);
  assert_true(gst_structure_get_double(stats, "bound", &bound) && bound == 0.2);
  assert_true(gst_structure_get_boolean(stats, "calibrated", &calibrated) && !calibrated);
  rig_clear(&rig);
}

/* What was set by hand is stronger, set before or after the file, at any start; a live change of
 * one property brings no other back to its default. */
static void
set_is_stronger(void **state)
{
  guint64 interval, roll;
  gint action;
  gdouble enter;
  write_policy("{\"version\": 1, \"action\": \"drop\", \"sample-interval\": \"40ms\","
               "\"enter-margin\": 0.25}");
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_object_set(rig.element, "sample-interval", 80 * GST_MSECOND, "model", "fake", "policy", policy_path,
               NULL);
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
  g_object_set(rig.element, "post-roll", GST_SECOND, NULL);
  g_object_get(rig.element, "sample-interval", &interval, "action", &action, "enter-margin", &enter,
               NULL);
  assert_true(interval == 80 * GST_MSECOND);
  assert_int_equal(action, GST_HYSAC_ACTION_DROP);
  assert_true(enter == 0.25 && GST_HYSAC_MODERATE(rig.element)->run.enter == 0.25);

  /* The next start reads the file anew: what it no longer says is the default again. */
  gst_element_set_state(rig.element, GST_STATE_READY);
  write_policy("{\"version\": 1, \"sample-interval\": \"40ms\", \"post-roll\": \"5s\"}");
  start(&rig);
  g_object_get(rig.element, "sample-interval", &interval, "action", &action, "enter-margin", &enter,
               "post-roll", &roll, NULL);
  assert_true(interval == 80 * GST_MSECOND && roll == GST_SECOND && enter == 0.0);
  assert_int_equal(action, GST_HYSAC_ACTION_BLUR);

  /* And without a file everything is. */
  write_policy("{\"version\": 1, \"action\": \"drop\"}");
  start(&rig);
  g_object_set(rig.element, "policy", NULL, NULL);
  start(&rig);
  g_object_get(rig.element, "action", &action, NULL);
  assert_int_equal(action, GST_HYSAC_ACTION_BLUR);
  rig_clear(&rig);
}

/* One error that names file, line and key; the settings stay as they were, and it can be mended. */
static void
refused(void **state)
{
  static const struct {
    const char *text, *says[3];
  } cases[] = {
      {"{\"version\": 1,\n\"action\": \"drop\",\n\"acton\": \"drop\"}", {"line 3", "acton", "no key"}},
      {"{\"version\": 1,\n\"action\": \"explode\"}", {"line 2", "action", "pixelate"}},
      {"{\"version\": 1,\n\"confirm-n\": 65}", {"line 2", "confirm-n", "from 1 to 64"}},
      {"{\"version\": 1, \"enter-margin\": 1001}", {"line 1", "enter-margin", "1000"}},
      {"{\"version\": 1, \"pre-roll\": 2}", {"line 1", "pre-roll", "unit"}},
      /* What a policy may not choose. */
      {"{\"version\": 1, \"model\": \"demo\"}", {"line 1", "model", "no key"}},
      {"{\"version\": 1, \"verdict-log\": \"/etc/passwd\"}", {"line 1", "verdict-log", "no key"}},
      {"{\"version\": 1, \"policy\": \"other\"}", {"line 1", "policy", "no key"}},
      {"{\"version\": 1, \"slate\": \"/etc/passwd\"}", {"line 1", "slate", "no key"}},
      {"{\"version\": 1", {"line 1", "byte", "expected"}},
      {"{\"version\": 1, \"confirm-k\": 2}", {"confirm-k", "confirm-n", "more than"}},
  };
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_object_set(rig.element, "model", "fake", "policy", policy_path, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    gint action;
    write_policy(cases[i].text);
    assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED),
                     GST_STATE_CHANGE_FAILURE);
    g_autoptr(GstMessage) message = rig_message(&rig, GST_MESSAGE_ERROR, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *debug = NULL;
    gst_message_parse_error(message, &error, &debug);
    assert_true(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
    for (guint j = 0; j < G_N_ELEMENTS(cases[i].says); j++)
      if (!strstr(debug, cases[i].says[j]))
        fail_msg("\"%s\" is not in \"%s\"", cases[i].says[j], debug);
    if (strcmp(error->message, "The policy cannot be used.") == 0)
      assert_non_null(strstr(debug, "docs/policy.md"));
    assert_null(rig_message_now(&rig, GST_MESSAGE_ERROR, NULL));
    g_object_get(rig.element, "action", &action, NULL);
    assert_int_equal(action, GST_HYSAC_ACTION_BLUR);
  }
  write_policy("{\"version\": 1}");
  start(&rig);

  g_object_set(rig.element, "policy", "/nowhere/policy.json", NULL);
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_ERROR, NULL));
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_key, set_up, tear_down),
      cmocka_unit_test_setup_teardown(it_acts, set_up, tear_down),
      cmocka_unit_test_setup_teardown(set_is_stronger, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
