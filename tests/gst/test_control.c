/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A moderator's hold, dump and override, and properties changed while it plays. */
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

static gboolean
press(Rig *rig, const char *signal)
{
  gboolean ok = FALSE;
  g_signal_emit_by_name(rig->element, signal, &ok);
  return ok;
}

static gboolean
dump(Rig *rig, guint64 duration)
{
  gboolean ok = FALSE;
  g_signal_emit_by_name(rig->element, "dump", duration, &ok);
  return ok;
}

static gboolean
override(Rig *rig, const char *verdict, guint64 duration, const char *note)
{
  gboolean ok = FALSE;
  g_signal_emit_by_name(rig->element, "override", verdict, duration, note, &ok);
  return ok;
}

/* Frames in, each answered and out before the next. */
static void
run(Rig *rig, guint n, guint8 code)
{
  for (guint i = 0; i < n; i++) {
    const guint out = rig_n_buffers(rig);
    assert_int_equal(rig_push(rig, code), GST_FLOW_OK);
    rig_wait_buffers(rig, out + 1);
  }
}

static void
expect_frames(Rig *rig, const char *expected)
{
  g_autofree char *frames = rig_frames(rig);
  assert_string_equal(frames, expected);
}

static void
expect_state(Rig *rig, const char *expected)
{
  g_autoptr(GstStructure) control = NULL;
  g_object_get(rig->element, "control", &control, NULL);
  assert_string_equal(gst_structure_get_string(control, "state"), expected);
}

static gint64
left(Rig *rig, const char *field)
{
  g_autoptr(GstStructure) control = NULL;
  gint64 value = -1;
  g_object_get(rig->element, "control", &control, NULL);
  assert_true(gst_structure_get_int64(control, field, &value));
  return value;
}

/* The frames that were held when it was pressed are the first that go redacted. */
static void
hold_takes_what_is_held(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 4, FAKE_SAFE);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 1);
  assert_true(press(&rig, "hold"));
  expect_state(&rig, "hold");
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 4);
  expect_frames(&rig, "oxxx");
  GstBuffer *buffer = rig_buffer(&rig, 1);
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  assert_string_equal(rig_verdict(buffer), "unsafe");
  assert_string_equal(rig_reason(buffer), "human-hold");
  assert_string_equal(rig_origin(buffer), "human");
  assert_string_equal(gst_hysac_meta_get_model_verdict(meta), "safe");
  assert_string_equal(gst_hysac_meta_get_model_reason(meta), "safe");
  assert_null(gst_hysac_meta_get_model_verdict(gst_buffer_get_hysac_meta(rig_buffer(&rig, 0))));

  assert_true(press(&rig, "release"));
  assert_false(press(&rig, "release"));
  expect_state(&rig, "none");
  rig_push_n(&rig, 2, FAKE_SAFE);
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 6);
  expect_frames(&rig, "oxxxoo");
  rig_clear(&rig);
}

/* Everything that is held at that moment, and 200 ms after it: five frames. */
static void
dump_is_exact(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, "action", GST_HYSAC_ACTION_PIXELATE, NULL);
  rig_push_n(&rig, 5, FAKE_SAFE);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 1);
  assert_true(dump(&rig, 5 * RIG_FRAME));
  assert_true(left(&rig, "dump-left") == 9 * (gint64)RIG_FRAME);
  fake_answer_all(&rig.fake);
  for (guint i = 0; i < 8; i++) {
    rig_push(&rig, FAKE_SAFE);
    fake_answer(&rig.fake);
  }
  rig_wait_buffers(&rig, 13);
  expect_frames(&rig, "o?????????ooo");
  for (guint i = 1; i < 10; i++)
    assert_string_equal(rig_reason(rig_buffer(&rig, i)), "human-dump");

  GstMessage *message = rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-control");
  const GstStructure *s = gst_message_get_structure(message);
  gint64 duration;
  guint64 frame;
  guint held;
  assert_string_equal(gst_structure_get_string(s, "by"), "human");
  assert_string_equal(gst_structure_get_string(s, "what"), "dump");
  assert_true(gst_structure_get_int64(s, "duration", &duration) &&
              duration == 5 * (gint64)RIG_FRAME);
  assert_true(gst_structure_get_uint64(s, "frame", &frame) && frame == 1);
  assert_true(gst_structure_get_uint(s, "held", &held) && held == 4);
  gst_message_unref(message);
  message = rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-control");
  s = gst_message_get_structure(message);
  assert_string_equal(gst_structure_get_string(s, "by"), "expiry");
  assert_string_equal(gst_structure_get_string(s, "what"), "dump-ended");
  assert_true(gst_structure_get_uint64(s, "frame", &frame) && frame == 11);
  gst_message_unref(message);
  rig_clear(&rig);
}

/* Nothing is held: the stall is not counted, the next frames are. */
static void
dump_in_a_stall(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  run(&rig, 3, FAKE_SAFE);
  assert_true(dump(&rig, 3 * RIG_FRAME));
  rig.next += 200;
  rig_push_n(&rig, 5, FAKE_SAFE);
  rig_finish(&rig);
  for (guint i = 0; i < 3; i++) {
    assert_int_equal(rig_looks(rig_buffer(&rig, 3 + i)), LOOKS_BLANK);
    assert_string_equal(rig_reason(rig_buffer(&rig, 3 + i)), "human-dump");
  }
  for (guint i = 6; i < 8; i++)
    assert_string_not_equal(rig_reason(rig_buffer(&rig, i)), "human-dump");
  rig_clear(&rig);
}

/* A tag is no answer to a moderator. */
static void
a_tag_does_not_let_through(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_TAG, NULL);
  run(&rig, 1, FAKE_UNSAFE);
  assert_true(dump(&rig, 2 * RIG_FRAME));
  run(&rig, 2, FAKE_SAFE);
  run(&rig, 1, FAKE_UNSAFE); /* and back */
  assert_true(override(&rig, "unsafe", RIG_FRAME, NULL));
  run(&rig, 1, FAKE_SAFE);
  expect_frames(&rig, "oxxox");
  assert_string_equal(rig_reason(rig_buffer(&rig, 4)), "human-unsafe");
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  run(&rig, 1, FAKE_SAFE);
  assert_true(press(&rig, "hold"));
  rig_push_n(&rig, 3, FAKE_SAFE);
  rig_finish(&rig);
  g_autofree char *record = rig_record(&rig);
  assert_string_equal(record, "SCGogggE");
  rig_clear(&rig);
}

/* For three frames the moderator's "safe" stands; what could not be checked is no matter of it. */
static void
override_expires_to_the_frame(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  run(&rig, 2, FAKE_UNSAFE);
  assert_true(override(&rig, "safe", 3 * RIG_FRAME, "a drill"));
  assert_true(left(&rig, "override-left") == 3 * (gint64)RIG_FRAME);
  run(&rig, 5, FAKE_UNSAFE);
  expect_frames(&rig, "xxoooxx");
  GstBuffer *buffer = rig_buffer(&rig, 4);
  assert_string_equal(rig_verdict(buffer), "safe");
  assert_string_equal(rig_reason(buffer), "human-safe");
  assert_string_equal(rig_origin(buffer), "human");
  assert_string_equal(gst_hysac_meta_get_model_verdict(gst_buffer_get_hysac_meta(buffer)),
                      "unsafe");
  assert_string_equal(rig_reason(rig_buffer(&rig, 5)), "unsafe");
  assert_string_equal(rig_origin(rig_buffer(&rig, 5)), "scored");

  run(&rig, 30, FAKE_SAFE); /* so that nothing flickers */
  assert_true(override(&rig, "safe", 10 * RIG_FRAME, NULL));
  run(&rig, 1, FAKE_UNSAFE);
  run(&rig, 1, FAKE_ERROR); /* inside the model's interval */
  buffer = rig_buffer(&rig, 38);
  assert_int_equal(rig_looks(rig_buffer(&rig, 37)), LOOKS_ORIGINAL);
  assert_int_equal(rig_looks(buffer), LOOKS_BLANK);
  assert_string_equal(rig_verdict(buffer), "failed");
  assert_string_equal(rig_reason(buffer), "failed-device");
  assert_string_equal(rig_origin(buffer), "failed");
  rig_clear(&rig);

  /* And on-failure=pass lets it pass. */
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "on-failure", GST_HYSAC_ON_FAILURE_PASS, NULL);
  assert_true(override(&rig, "safe", 10 * RIG_FRAME, NULL));
  run(&rig, 1, FAKE_UNSAFE);
  run(&rig, 1, FAKE_ERROR);
  expect_frames(&rig, "oo");
  rig_clear(&rig);
}

/* What cannot be checked is gone too where a moderator wants it gone; "error" stays an error. */
static void
failures_are_held_as_well(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "on-failure", GST_HYSAC_ON_FAILURE_PASS, "action",
           GST_HYSAC_ACTION_TAG, NULL);
  run(&rig, 1, FAKE_ERROR);
  press(&rig, "hold");
  run(&rig, 1, FAKE_ERROR);
  expect_frames(&rig, "ox");
  GstBuffer *buffer = rig_buffer(&rig, 1);
  assert_string_equal(rig_reason(buffer), "human-hold");
  assert_string_equal(gst_hysac_meta_get_model_verdict(gst_buffer_get_hysac_meta(buffer)),
                      "failed");
  assert_string_equal(gst_hysac_meta_get_model_reason(gst_buffer_get_hysac_meta(buffer)),
                      "failed-device");
  assert_int_equal(rig_stat(&rig, "failed"), 2);
  g_object_set(rig.element, "on-failure", GST_HYSAC_ON_FAILURE_ERROR, NULL);
  rig_push(&rig, FAKE_ERROR);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_ERROR, NULL));
  assert_int_equal(rig_n_buffers(&rig), 2);
  rig_clear(&rig);
}

static void
monitor_obeys_with_the_next_frame(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "max-age", 10 * GST_SECOND,
           "sample-interval", 5 * GST_SECOND, NULL);
  rig_push(&rig, FAKE_SAFE); /* maybe before its own verdict is there */
  rig_wait_buffers(&rig, 1);
  run(&rig, 1, FAKE_SAFE);
  press(&rig, "hold");
  run(&rig, 2, FAKE_SAFE);
  press(&rig, "release");
  run(&rig, 30, FAKE_SAFE); /* the picture comes back when it does not flicker */
  dump(&rig, RIG_FRAME);
  run(&rig, 1, FAKE_SAFE);
  g_autofree char *frames = rig_frames(&rig);
  assert_int_equal(strncmp(frames + 1, "oxx", 3), 0);
  assert_string_equal(frames + 33, "ox");
  rig_clear(&rig);
}

/* No caps, flush or stop takes a redaction back; what was called safe is not so any more. */
static void
survives_fail_closed(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  run(&rig, 1, FAKE_SAFE);
  press(&rig, "hold");
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS ",chroma-site=mpeg2");
  run(&rig, 1, FAKE_SAFE);
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_start()));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE)));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  assert_true(gst_harness_push_event(rig.h, gst_event_new_segment(&segment)));
  run(&rig, 1, FAKE_SAFE);
  expect_frames(&rig, "oxx");
  press(&rig, "release");
  run(&rig, 30, FAKE_SAFE);

  /* Two frames of the dump have gone, three are left. */
  dump(&rig, 5 * RIG_FRAME);
  run(&rig, 2, FAKE_SAFE);
  override(&rig, "safe", GST_SECOND, NULL);
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_start()));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE)));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_segment(&segment)));
  assert_true(left(&rig, "dump-left") == 3 * (gint64)RIG_FRAME);
  assert_true(left(&rig, "override-left") == 0);
  run(&rig, 4, FAKE_SAFE);
  g_autofree char *frames = rig_frames(&rig);
  assert_string_equal(frames + 33, "xxxxxo");
  rig_clear(&rig);
}

/* What is held when a flush comes was to be dumped: as much of what follows is. */
static void
flushed_frames_stay_dumped(void **state)
{
  Rig rig;
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 4, FAKE_SAFE);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 1);
  dump(&rig, RIG_FRAME);
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_start()));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE)));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_segment(&segment)));
  fake_answer_all(&rig.fake);
  rig.next = 1; /* the same again, as after a seek back */
  for (guint i = 0; i < 6; i++) {
    rig_push(&rig, FAKE_SAFE);
    fake_answer(&rig.fake);
  }
  rig_wait_buffers(&rig, 7);
  expect_frames(&rig, "oxxxxoo");
  rig_clear(&rig);
}

/* Before the start and after the end nothing breaks; a hold and a dump wait for the first frame. */
static void
signals_while_nothing_plays(void **state)
{
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  assert_false(press(&rig, "release"));
  assert_false(override(&rig, "safe", GST_SECOND, NULL));
  assert_true(override(&rig, "unsafe", GST_SECOND, NULL));
  assert_true(press(&rig, "release"));
  assert_true(press(&rig, "hold"));
  assert_true(dump(&rig, 0));
  expect_state(&rig, "hold");
  g_object_set(rig.element, "model", "fake", "action", GST_HYSAC_ACTION_BLANK, FULL, NULL);
  rig_play(&rig, FALSE);
  run(&rig, 2, FAKE_SAFE);
  expect_frames(&rig, "xx");
  gboolean in_force = FALSE;
  GstMessage *message;
  while ((message = rig_message_now(&rig, GST_MESSAGE_ELEMENT, "hysac-control"))) {
    in_force |= g_strcmp0(gst_structure_get_string(gst_message_get_structure(message), "what"),
                          "in-force") == 0;
    gst_message_unref(message);
  }
  assert_true(in_force);
  press(&rig, "release");
  dump(&rig, 10 * RIG_FRAME);
  gst_element_set_state(rig.element, GST_STATE_READY);
  expect_state(&rig, "dump");
  assert_true(dump(&rig, GST_SECOND));
  assert_true(press(&rig, "hold"));
  assert_true(press(&rig, "release"));
  expect_state(&rig, "none");
  rig_clear(&rig);
}

static void
what_is_not_understood(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  run(&rig, 1, FAKE_UNSAFE);
  assert_false(override(&rig, "Safe", GST_SECOND, NULL));
  assert_false(override(&rig, NULL, GST_SECOND, NULL));
  assert_false(override(&rig, "safe", 0, NULL));
  expect_state(&rig, "none");
  assert_true(override(&rig, "safe", G_MAXUINT64, NULL)); /* always finite */
  assert_true(left(&rig, "override-left") == HYSAC_CONTROL_MAX_OVERRIDE);
  assert_true(dump(&rig, G_MAXUINT64));
  run(&rig, 3, FAKE_SAFE);
  expect_frames(&rig, "xxxx");
  rig_clear(&rig);
}

/* ------------------------------------------------------------ properties */

/* A new threshold holds for samples that were judged before it, if their frames are still here. */
static void
thresholds_reach_held_frames(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "pre-roll", 5 * RIG_FRAME, "enter-margin", 0.3,
           "leave-margin", -0.3, NULL);
  rig_push_n(&rig, 5, FAKE_UNSAFE); /* 0.2 above the bound; they wait for the pre-roll */
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 1);
  g_object_set(rig.element, "enter-margin", 0.1, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_wait_buffers(&rig, 2);
  expect_frames(&rig, "ox");
  assert_string_equal(rig_reason(rig_buffer(&rig, 1)), "unsafe");

  /* And back, by the bound: 0.2 above it is 0.2 below. */
  g_object_set(rig.element, "leave-margin", 0.0, "bound", 0.9, NULL);
  rig_push_n(&rig, 30, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 32); /* all but those that wait */
  expect_frames(&rig, "oxoooooooooooooooooooooooooooooo");
  gdouble bound, margin;
  const GstStructure *meta = gst_buffer_get_hysac_meta(rig_buffer(&rig, 2));
  assert_true(gst_hysac_meta_get_bound(meta, &bound) && bound == 0.9);
  assert_true(gst_hysac_meta_get_margin(meta, &margin));
  assert_float_equal(margin, -0.2, 1e-12);
  assert_false(gst_hysac_meta_get_calibrated(meta));
  g_object_set(rig.element, "bound", 0.0, NULL); /* the model's */
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 33);
  meta = gst_buffer_get_hysac_meta(rig_buffer(&rig, 32));
  assert_int_equal(rig_looks(rig_buffer(&rig, 32)), LOOKS_BLANK);
  assert_true(gst_hysac_meta_get_bound(meta, &bound) && bound == FAKE_BOUND);
  assert_true(gst_hysac_meta_get_calibrated(meta));
  rig_clear(&rig);
}

/* Nothing is scored between: the verdict that stands is judged anew. */
static void
thresholds_reach_the_latest_verdict(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "max-age", 100 * GST_SECOND,
           "sample-interval", 100 * GST_SECOND, "enter-margin", 0.3, NULL);
  rig_push(&rig, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 1);
  run(&rig, 1, FAKE_UNSAFE);
  g_object_set(rig.element, "enter-margin", 0.1, NULL);
  run(&rig, 2, FAKE_UNSAFE);
  g_object_set(rig.element, "bound", 0.8, NULL);
  run(&rig, 30, FAKE_UNSAFE);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 4)), "safe"); /* it would flicker */
  g_object_set(rig.element, "max-age", RIG_FRAME, NULL);
  run(&rig, 1, FAKE_UNSAFE);
  g_autofree char *frames = rig_frames(&rig);
  assert_int_equal(strncmp(frames + 1, "oxx", 3), 0);
  assert_string_equal(frames + 33, "ox");
  assert_string_equal(rig_reason(rig_buffer(&rig, 34)), "failed-stale");
  assert_int_equal(fake_n_submitted(&rig.fake), 1);
  rig_clear(&rig);
}

static void
actions_and_durations(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 4, FAKE_UNSAFE);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 1);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_PIXELATE, NULL);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 2);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_TAG, NULL);
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 4);
  expect_frames(&rig, "x?oo");
  rig_clear(&rig);

  /* An interval that is over is longer, or shorter, from the next frame on. */
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "post-roll", 10 * RIG_FRAME, NULL);
  run(&rig, 1, FAKE_UNSAFE);
  run(&rig, 2, FAKE_SAFE);
  g_object_set(rig.element, "post-roll", 3 * RIG_FRAME, NULL);
  run(&rig, 2, FAKE_SAFE);
  expect_frames(&rig, "xxxxo");
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "post-roll", 2 * RIG_FRAME, NULL);
  run(&rig, 1, FAKE_UNSAFE);
  run(&rig, 1, FAKE_SAFE);
  g_object_set(rig.element, "min-duration", 6 * RIG_FRAME, NULL);
  run(&rig, 8, FAKE_SAFE);
  expect_frames(&rig, "xxxxxxxxxo");
  rig_clear(&rig);
}

/* ------------------------------------------------------------ the record */

static JsonParser *
parse(const char *line)
{
  JsonParser *parser = json_parser_new();
  g_autoptr(GError) error = NULL;
  if (!json_parser_load_from_data(parser, line, -1, &error))
    fail_msg("%s: %s", line, error->message);
  return parser;
}

static void
everything_is_on_record(void **state)
{
  Rig rig;
  g_autofree char *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "log.jsonl", NULL);
  g_autofree char *text = NULL;
  char note[1000] = "line\n\"quoted\" \xff ";
  memset(note + strlen(note), 'x', sizeof note - 1 - strlen(note));
  note[sizeof note - 1] = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "verdict-log", path, NULL);
  run(&rig, 1, FAKE_SAFE);
  override(&rig, "unsafe", 2 * RIG_FRAME, note);
  run(&rig, 1, FAKE_SAFE);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_BLUR, "enter-margin", 0.25, "bound", 0.6,
               "post-roll", RIG_FRAME, NULL);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_BLUR, NULL); /* no change */
  g_object_set(rig.element, "leave-margin", 0.75, NULL);            /* above enter: not in force */
  run(&rig, 2, FAKE_SAFE);
  press(&rig, "hold");
  run(&rig, 1, FAKE_SAFE);
  press(&rig, "release");
  rig_finish(&rig);
  rig_clear(&rig);

  static const struct {
    const char *what, *by, *property, *before, *after;
    gint64 frame;
    gboolean in_force;
  } expected[] = {
      {"override", "human", NULL, NULL, NULL, 1, TRUE},
      {"property", "human", "action", "\"blank\"", "\"blur\"", 2, TRUE},
      {"property", "human", "enter-margin", "0.0", "0.25", 2, TRUE},
      {"property", "human", "bound", "0.0", "0.59999999999999998", 2, TRUE},
      {"property", "human", "post-roll", "0", "40000000", 2, TRUE},
      {"property", "human", "leave-margin", "0.0", "0.75", 2, FALSE},
      {"override-ended", "expiry", NULL, NULL, NULL, 4, TRUE},
      {"hold", "human", NULL, NULL, NULL, 4, TRUE},
      {"release", "human", NULL, NULL, NULL, 5, TRUE},
  };
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint n = 0, human = 0;
  for (guint i = 0; lines[i]; i++) {
    if (strstr(lines[i], "\"origin\":\"human\"")) {
      g_autoptr(JsonParser) frame = parse(lines[i]);
      JsonObject *o = json_node_get_object(json_parser_get_root(frame));
      assert_string_equal(json_object_get_string_member(o, "model_verdict"), "safe");
      assert_string_equal(json_object_get_string_member(o, "verdict"), "unsafe");
      human++;
    }
    if (!g_str_has_prefix(lines[i], "{\"type\":\"control\""))
      continue;
    g_autoptr(JsonParser) parser = parse(lines[i]);
    JsonObject *o = json_node_get_object(json_parser_get_root(parser));
    assert_true(n < G_N_ELEMENTS(expected));
    assert_string_equal(json_object_get_string_member(o, "what"), expected[n].what);
    assert_string_equal(json_object_get_string_member(o, "by"), expected[n].by);
    assert_int_equal(json_object_get_int_member(o, "frame"), expected[n].frame);
    assert_true(strlen(json_object_get_string_member(o, "utc")) >= strlen("2000-01-01T00:00:00Z"));
    if (n == 0) {
      const char *kept = json_object_get_string_member(o, "note");
      assert_true(g_str_has_prefix(kept, "line\n\"quoted\" "));
      assert_true(strlen(kept) < 530 && strlen(kept) > 500);
      assert_string_equal(json_object_get_string_member(o, "verdict"), "unsafe");
      assert_int_equal(json_object_get_int_member(o, "duration"), 2 * RIG_FRAME);
    }
    if (expected[n].property) {
      g_autofree char *before = json_to_string(json_object_get_member(o, "old"), FALSE);
      g_autofree char *after = json_to_string(json_object_get_member(o, "new"), FALSE);
      assert_string_equal(json_object_get_string_member(o, "property"), expected[n].property);
      assert_float_equal(g_ascii_strtod(before, NULL), g_ascii_strtod(expected[n].before, NULL),
                         1e-9);
      if (*after == '"')
        assert_string_equal(after, expected[n].after);
      assert_float_equal(g_ascii_strtod(after, NULL), g_ascii_strtod(expected[n].after, NULL),
                         1e-9);
      assert_int_equal(json_object_get_boolean_member(o, "in_force"), expected[n].in_force);
    }
    n++;
  }
  assert_int_equal(n, G_N_ELEMENTS(expected));
  assert_int_equal(human, 3);
  g_remove(path);
  g_rmdir(folder);
}

/* ------------------------------------------------------------ threads */

typedef struct {
  Rig *rig;
  guint seed;
} Hand;

static gpointer
fumble(gpointer user_data)
{
  Hand *hand = user_data;
  Rig *rig = hand->rig;
  g_autoptr(GRand) rand = g_rand_new_with_seed(hand->seed);
  for (guint i = 0; i < 300; i++) {
    switch (g_rand_int_range(rand, 0, 9)) {
    case 0:
      press(rig, "hold");
      break;
    case 1:
      press(rig, "release");
      break;
    case 2:
      dump(rig, g_rand_int_range(rand, 0, 5) * RIG_FRAME);
      break;
    case 3:
      override(rig, g_rand_boolean(rand) ? "safe" : "unsafe",
               g_rand_int_range(rand, 1, 5) * RIG_FRAME, "fumbling");
      break;
    case 4:
      g_object_set(rig->element, "enter-margin", g_rand_double_range(rand, 0.0, 0.3), NULL);
      break;
    case 5:
      g_object_set(rig->element, "bound", g_rand_double_range(rand, 0.0, 0.9), NULL);
      break;
    case 6:
      g_object_set(rig->element, "action",
                   g_rand_boolean(rand) ? GST_HYSAC_ACTION_BLANK : GST_HYSAC_ACTION_BLUR, NULL);
      break;
    case 7:
      g_object_set(rig->element, "post-roll", g_rand_int_range(rand, 0, 3) * RIG_FRAME, NULL);
      break;
    default:
      left(rig, "dump-left");
      break;
    }
  }
  return NULL;
}

static void
many_hands(void **state)
{
  Rig rig;
  GThread *threads[4];
  Hand hands[4];
  const guint seed = rig_seed();
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "confirm-k", 2u, "confirm-n", 3u, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
    hands[i] = (Hand){&rig, seed + i};
    threads[i] = g_thread_new("hand", fumble, &hands[i]);
  }
  for (guint i = 0; i < 300; i++)
    rig_push(&rig, i % 7 < 3 ? FAKE_UNSAFE : FAKE_SAFE);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
  /* Whatever was said last holds. */
  press(&rig, "hold");
  const guint before = rig.next;
  rig_push_n(&rig, 10, FAKE_SAFE);
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), before + 10);
  for (guint i = 0; i < rig_n_buffers(&rig); i++) {
    assert_int_equal(rig_number(rig_buffer(&rig, i)), i);
    if (i >= before)
      assert_int_not_equal(rig_looks(rig_buffer(&rig, i)), LOOKS_ORIGINAL);
  }
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hold_takes_what_is_held),
      cmocka_unit_test(dump_is_exact),
      cmocka_unit_test(dump_in_a_stall),
      cmocka_unit_test(a_tag_does_not_let_through),
      cmocka_unit_test(override_expires_to_the_frame),
      cmocka_unit_test(failures_are_held_as_well),
      cmocka_unit_test(monitor_obeys_with_the_next_frame),
      cmocka_unit_test(survives_fail_closed),
      cmocka_unit_test(flushed_frames_stay_dumped),
      cmocka_unit_test(signals_while_nothing_plays),
      cmocka_unit_test(what_is_not_understood),
      cmocka_unit_test(thresholds_reach_held_frames),
      cmocka_unit_test(thresholds_reach_the_latest_verdict),
      cmocka_unit_test(actions_and_durations),
      cmocka_unit_test(everything_is_on_record),
      cmocka_unit_test(many_hands),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
