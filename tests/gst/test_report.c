/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the element says: metadata, messages, the verdict log, errors at start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FULL "sample-interval", (guint64)0

static void
metadata(void **state)
{
  Rig rig;
  gdouble value;
  gint64 time;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", 80 * GST_MSECOND, "action",
           GST_HYSAC_ACTION_TAG, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE); /* samples 0, 2, 4, 6 */
  rig_push_n(&rig, 3, FAKE_UNSAFE);
  rig_push_n(&rig, 1, FAKE_ERROR);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_finish(&rig);

  const GstStructure *m = gst_buffer_get_hysac_meta(rig_buffer(&rig, 0));
  assert_string_equal(gst_hysac_meta_get_verdict(m), "safe");
  assert_string_equal(gst_hysac_meta_get_reason(m), "safe");
  assert_string_equal(gst_hysac_meta_get_action(m), "none");
  assert_string_equal(gst_hysac_meta_get_origin(m), "scored");
  assert_true(gst_hysac_meta_get_distance(m, &value) && value == 0.3);
  assert_true(gst_hysac_meta_get_bound(m, &value) && value == FAKE_BOUND);
  assert_true(gst_hysac_meta_get_margin(m, &value));
  assert_float_equal(value, -0.2, 1e-12);
  assert_true(gst_hysac_meta_get_score(m, &value) && value > 0.0 && value < 0.1);
  assert_true(gst_hysac_meta_get_sample_time(m, &time) && time == 0);
  assert_true(gst_hysac_meta_get_calibrated(m));
  assert_int_equal(gst_hysac_meta_get_interval_id(m), 0);

  /* Frame 3 lies between the safe sample 2 and the unsafe one, 4. */
  m = gst_buffer_get_hysac_meta(rig_buffer(&rig, 3));
  assert_string_equal(gst_hysac_meta_get_verdict(m), "unsafe");
  assert_string_equal(gst_hysac_meta_get_action(m), "tag");
  assert_string_equal(gst_hysac_meta_get_origin(m), "inherited");
  assert_true(gst_hysac_meta_get_distance(m, &value) && value == 0.7);
  assert_true(gst_hysac_meta_get_sample_time(m, &time) && time == 4 * (gint64)RIG_FRAME);
  assert_int_equal(gst_hysac_meta_get_interval_id(m), 1);
  assert_int_equal(rig_looks(rig_buffer(&rig, 3)), LOOKS_ORIGINAL);

  assert_string_equal(rig_origin(rig_buffer(&rig, 4)), "scored");
  rig_clear(&rig);
}

/* A message where the verdict changes, with the frame's times; none where it does not. */
static void
messages(void **state)
{
  static const char *expected[] = {"started", "safe", "unsafe", "safe", "failed", "safe"};
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE);
  rig_push_n(&rig, 3, FAKE_UNSAFE);
  rig_push_n(&rig, 40, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_ERROR);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_finish(&rig);
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
    g_autoptr(GstMessage) message = rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-moderation");
    const GstStructure *s = gst_message_get_structure(message);
    assert_string_equal(gst_structure_get_string(s, "state"), expected[i]);
    gint64 running;
    guint64 timestamp, stream, id;
    if (i == 0) {
      gint64 escape, latency;
      assert_true(gst_structure_get_int64(s, "escape-bound", &escape) && escape == 0);
      assert_true(gst_structure_get_int64(s, "latency", &latency) && latency > 0);
    }
    if (i == 2) {
      assert_true(gst_structure_get_int64(s, "running-time", &running));
      assert_true(gst_structure_get_uint64(s, "timestamp", &timestamp));
      assert_true(gst_structure_get_uint64(s, "stream-time", &stream));
      assert_true(gst_structure_get_uint64(s, "interval-id", &id) && id == 1);
      assert_true(running == 3 * (gint64)RIG_FRAME && timestamp == 3 * RIG_FRAME &&
                  stream == 3 * RIG_FRAME);
      assert_true(gst_structure_get_int64(s, "interval-start", &running));
      assert_true(running == 3 * (gint64)RIG_FRAME);
    }
    if (i == 3) {
      assert_true(gst_structure_get_int64(s, "running-time", &running));
      assert_true(running == 6 * (gint64)RIG_FRAME);
      assert_true(gst_structure_get_int64(s, "interval-end", &running));
      assert_true(running == 5 * (gint64)RIG_FRAME);
    }
    if (i == 4)
      assert_string_equal(gst_structure_get_string(s, "reason"),
                          hysac_reason_to_string(HYSAC_REASON_FAILED_DEVICE));
  }
  assert_null(rig_message_now(&rig, GST_MESSAGE_ELEMENT, "hysac-moderation"));
  rig_clear(&rig);
}

static void
verdict_log(void **state)
{
  Rig rig;
  g_autofree char *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "log.jsonl", NULL);
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, "verdict-log", path,
           NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_push_n(&rig, 1, FAKE_NAN);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_finish(&rig);
  gst_element_set_state(rig.element, GST_STATE_NULL); /* the log is complete */

  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
  guint frames = 0, intervals = 0;
  g_autoptr(GString) types = g_string_new(NULL);
  for (guint i = 0; lines[i]; i++) {
    g_autoptr(JsonParser) parser = json_parser_new();
    assert_true(json_parser_load_from_data(parser, lines[i], -1, NULL));
    JsonObject *o = json_node_get_object(json_parser_get_root(parser));
    const char *type = json_object_get_string_member(o, "type");
    g_string_append_c(types, type[0]);
    if (strcmp(type, "start") == 0) {
      assert_string_equal(json_object_get_string_member(o, "model"), "fake");
      assert_string_equal(json_object_get_string_member(o, "device"), "fake device");
      assert_string_equal(json_object_get_string_member(o, "precision"), "fp32");
      assert_float_equal(json_object_get_double_member(o, "bound"), FAKE_BOUND, 0);
      assert_int_equal(json_object_get_int_member(o, "escape_bound"), 0);
      assert_string_equal(json_object_get_string_member(o, "action"), "drop");
    } else if (strcmp(type, "interval") == 0) {
      intervals++;
      assert_int_equal(json_object_get_int_member(o, "start"), 2 * RIG_FRAME);
    } else if (strcmp(type, "frame") == 0) {
      static const char *verdicts[] = {"safe", "safe", "unsafe", NULL, "safe"};
      assert_int_equal(json_object_get_int_member(o, "frame"), frames);
      assert_int_equal(json_object_get_int_member(o, "timestamp"), frames * RIG_FRAME);
      assert_int_equal(json_object_get_int_member(o, "running_time"), frames * RIG_FRAME);
      assert_int_equal(json_object_get_int_member(o, "stream_time"), frames * RIG_FRAME);
      if (verdicts[frames])
        assert_string_equal(json_object_get_string_member(o, "verdict"), verdicts[frames]);
      assert_true(json_object_has_member(o, "reason") && json_object_has_member(o, "score") &&
                  json_object_has_member(o, "margin") && json_object_has_member(o, "origin") &&
                  json_object_has_member(o, "sample_time") && json_object_has_member(o, "bound"));
      assert_true(json_object_get_boolean_member(o, "calibrated"));
      assert_int_equal(json_object_get_null_member(o, "interval"), frames != 2 && frames != 3);
      JsonObject *resolution = json_object_get_object_member(o, "resolution");
      assert_int_equal(json_object_get_int_member(resolution, "width"), RIG_WIDTH);
      assert_int_equal(json_object_get_int_member(resolution, "height"), RIG_HEIGHT);
      assert_int_equal(json_array_get_length(json_object_get_array_member(o, "objects")),
                       frames == 2);
      if (frames == 2) {
        assert_string_equal(json_object_get_string_member(o, "action"), "drop");
        assert_float_equal(json_object_get_double_member(o, "distance"), 0.7, 0);
      }
      frames++;
    } else {
      assert_string_equal(type, "end");
      assert_int_equal(json_object_get_int_member(o, "frames"), 5);
    }
  }
  assert_int_equal(frames, 5);
  assert_int_equal(intervals, 2);
  assert_int_equal(types->str[0], 's');
  assert_int_equal(types->str[types->len - 1], 'e');
  rig_clear(&rig);
  g_unlink(path);
  g_rmdir(folder);
}

/* A log that cannot be written is a warning, and moderation goes on. */
static void
unwritable_log(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "verdict-log", "/nowhere/at/all.jsonl", NULL);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_WARNING, NULL));
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_finish(&rig);
  g_autofree char *frames = rig_frames(&rig);
  assert_string_equal(frames, "ox");
  rig_clear(&rig);
}

/* The error's text names the property. */
static void
assert_start_fails(Rig *rig, const char *names)
{
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  GstMessage *message = rig_message(rig, GST_MESSAGE_ERROR, NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *debug = NULL;
  gst_message_parse_error(message, &error, &debug);
  if (!strstr(debug, names))
    fail_msg("\"%s\" is not in \"%s\"", names, debug);
  gst_message_unref(message);
  assert_null(rig_message_now(rig, GST_MESSAGE_ERROR, NULL)); /* one error, one message */
}

static void
start_errors(void **state)
{
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  assert_start_fails(&rig, "\"model\"");
  g_object_set(rig.element, "model", "fake", "confirm-k", 3, "confirm-n", 2, NULL);
  assert_start_fails(&rig, "confirm-k");
  g_object_set(rig.element, "confirm-n", 3, "leave-margin", 0.2, NULL);
  assert_start_fails(&rig, "leave-margin");
  g_object_set(rig.element, "leave-margin", 0.0, "mode", GST_HYSAC_MODE_MONITOR, "pre-roll",
               GST_SECOND, NULL);
  assert_start_fails(&rig, "pre-roll");
  g_object_set(rig.element, "mode", GST_HYSAC_MODE_GATE, NULL);
  rig.fake.fail_to_start = TRUE;
  assert_start_fails(&rig, "tensor x is missing");
  rig.fake.fail_to_start = FALSE; /* and it can be used after all that */
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  rig_clear(&rig);
}

static void
assert_field(Rig *rig, const char *name, const char *field, const char *ends)
{
  GstMessage *message = rig_message(rig, GST_MESSAGE_ELEMENT, name);
  const char *text = gst_structure_get_string(gst_message_get_structure(message), field);
  assert_non_null(text);
  if (!g_str_has_suffix(text, ends))
    fail_msg("%s: %s is \"%s\"", name, field, text);
  gst_message_unref(message);
}

/* Paths are bytes, strings in messages are UTF-8: what is not is shown all the same. */
static void
paths_that_are_no_text(void **state)
{
  Rig rig;
  g_autofree char *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *audit = g_build_filename(folder, "aud\xffit.jsonl", NULL);
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_object_set(rig.element, "model", "mo\xff" "del", "slate", "/missing/sl\xff" "ate.png", NULL);
  assert_start_fails(&rig, "/missing/sl\uFFFDate.png");
  g_object_set(rig.element, "slate", NULL, "policy", "/missing/pol\xff" "icy.json", NULL);
  assert_start_fails(&rig, "/missing/pol\uFFFDicy.json");
  g_object_set(rig.element, "policy", NULL, NULL);
  rig.fake.fail_to_start = TRUE;
  assert_start_fails(&rig, "mo\uFFFDdel");
  rig.fake.fail_to_start = FALSE;
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "model", "mo\xff" "del", "audit-log", audit,
           "verdict-log", "/missing/ver\xff" "dict.jsonl", NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_wait_buffers(&rig, 1);
  g_autofree char *debug = NULL;
  GstMessage *message = rig_message(&rig, GST_MESSAGE_WARNING, NULL);
  gst_message_parse_warning(message, NULL, &debug);
  gst_message_unref(message);
  assert_non_null(debug);
  assert_non_null(strstr(debug, "/missing/ver\uFFFDdict.jsonl"));
  assert_field(&rig, "hysac-audit", "file", "/aud\uFFFDit.jsonl");
  assert_field(&rig, "hysac-moderation", "model", "mo\uFFFDdel");
  g_object_set(rig.element, "model", "ne\xffxt", NULL);
  assert_field(&rig, "hysac-control", "new", "ne\uFFFDxt");
  assert_field(&rig, "hysac-model", "old", "mo\uFFFDdel");
  rig_clear(&rig);
  assert_int_equal(g_unlink(audit), 0);
  assert_int_equal(g_rmdir(folder), 0);
}

/* A hold that is too small for what the settings ask is an error once the caps are known. */
static void
too_small_a_hold(void **state)
{
  static const struct {
    const char *name;
    guint64 value;
  } limits[] = {{"max-size-buffers", 5},
                {"max-size-bytes", RIG_WIDTH * RIG_HEIGHT * 3},
                {"max-size-time", 100 * GST_MSECOND}};
  for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
    Rig rig;
    rig_init_bare(&rig, FAKE_AT_ONCE);
    g_object_set(rig.element, "model", "fake", "sample-interval", GST_SECOND, NULL);
    if (i == 0)
      g_object_set(rig.element, limits[i].name, (guint)limits[i].value, NULL);
    else
      g_object_set(rig.element, limits[i].name, limits[i].value, NULL);
    rig.h = gst_harness_new_with_element(rig.element, "sink", "src");
    gst_harness_set_src_caps_str(rig.h, RIG_CAPS);
    assert_int_not_equal(rig_push(&rig, FAKE_SAFE), GST_FLOW_OK);
    GstMessage *message = rig_message(&rig, GST_MESSAGE_ERROR, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *debug = NULL;
    gst_message_parse_error(message, &error, &debug);
    assert_non_null(strstr(debug, limits[i].name));
    gst_message_unref(message);
    rig_clear(&rig);
  }
}

/* Thresholds and actions change while it plays, from the next frame on. */
static void
live_changes(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 1);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_TAG, NULL);
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 2);
  g_object_set(rig.element, "enter-margin", 0.5, "leave-margin", 0.5, NULL);
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 3);
  assert_int_equal(rig_looks(rig_buffer(&rig, 0)), LOOKS_BLANK);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), "unsafe");
  assert_int_equal(rig_looks(rig_buffer(&rig, 1)), LOOKS_ORIGINAL);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 2)), "safe");
  rig_clear(&rig);
}

static void
progress(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  const GstProgressType expected[] = {GST_PROGRESS_TYPE_START, GST_PROGRESS_TYPE_CONTINUE,
                                      GST_PROGRESS_TYPE_COMPLETE};
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
    GstMessage *message = rig_message(&rig, GST_MESSAGE_PROGRESS, NULL);
    GstProgressType type;
    gst_message_parse_progress(message, &type, NULL, NULL);
    assert_int_equal(type, expected[i]);
    gst_message_unref(message);
  }
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(metadata),
      cmocka_unit_test(messages),
      cmocka_unit_test(verdict_log),
      cmocka_unit_test(unwritable_log),
      cmocka_unit_test(start_errors),
      cmocka_unit_test(paths_that_are_no_text),
      cmocka_unit_test(too_small_a_hold),
      cmocka_unit_test(live_changes),
      cmocka_unit_test(progress),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
