/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A moderator's hold, dump and override. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rigcontrol.h"

#define FULL "sample-interval", (guint64)0

/* The frames that were held when it was pressed are the first that go redacted. */
static void
hold_takes_what_is_held(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 4, FAKE_SAFE);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 1);
  assert_true(rig_press(&rig, "hold"));
  rig_assert_control(&rig, "hold");
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 4);
  rig_assert_frames(&rig, "oxxx");
  GstBuffer *buffer = rig_buffer(&rig, 1);
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  assert_string_equal(rig_verdict(buffer), "unsafe");
  assert_string_equal(rig_reason(buffer), "human-hold");
  assert_string_equal(rig_origin(buffer), "human");
  assert_string_equal(gst_hysac_meta_get_model_verdict(meta), "safe");
  assert_string_equal(gst_hysac_meta_get_model_reason(meta), "safe");
  assert_null(gst_hysac_meta_get_model_verdict(gst_buffer_get_hysac_meta(rig_buffer(&rig, 0))));

  assert_true(rig_press(&rig, "release"));
  assert_false(rig_press(&rig, "release"));
  rig_assert_control(&rig, "none");
  rig_push_n(&rig, 2, FAKE_SAFE);
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 6);
  rig_assert_frames(&rig, "oxxxoo");
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
  assert_true(rig_dump(&rig, 5 * RIG_FRAME));
  assert_true(rig_control_left(&rig, "dump-left") == 9 * (gint64)RIG_FRAME);
  fake_answer_all(&rig.fake);
  for (guint i = 0; i < 8; i++) {
    rig_push(&rig, FAKE_SAFE);
    fake_answer(&rig.fake);
  }
  rig_wait_buffers(&rig, 13);
  rig_assert_frames(&rig, "o?????????ooo");
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
  rig_run(&rig, 3, FAKE_SAFE);
  assert_true(rig_dump(&rig, 3 * RIG_FRAME));
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
  rig_run(&rig, 1, FAKE_UNSAFE);
  assert_true(rig_dump(&rig, 2 * RIG_FRAME));
  rig_run(&rig, 2, FAKE_SAFE);
  rig_run(&rig, 1, FAKE_UNSAFE); /* and back */
  assert_true(rig_override(&rig, "unsafe", RIG_FRAME, NULL));
  rig_run(&rig, 1, FAKE_SAFE);
  rig_assert_frames(&rig, "oxxox");
  assert_string_equal(rig_reason(rig_buffer(&rig, 4)), "human-unsafe");
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_run(&rig, 1, FAKE_SAFE);
  assert_true(rig_press(&rig, "hold"));
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
  rig_run(&rig, 2, FAKE_UNSAFE);
  assert_true(rig_override(&rig, "safe", 3 * RIG_FRAME, "a drill"));
  assert_true(rig_control_left(&rig, "override-left") == 3 * (gint64)RIG_FRAME);
  rig_run(&rig, 5, FAKE_UNSAFE);
  rig_assert_frames(&rig, "xxoooxx");
  GstBuffer *buffer = rig_buffer(&rig, 4);
  assert_string_equal(rig_verdict(buffer), "safe");
  assert_string_equal(rig_reason(buffer), "human-safe");
  assert_string_equal(rig_origin(buffer), "human");
  assert_string_equal(gst_hysac_meta_get_model_verdict(gst_buffer_get_hysac_meta(buffer)),
                      "unsafe");
  assert_string_equal(rig_reason(rig_buffer(&rig, 5)), "unsafe");
  assert_string_equal(rig_origin(rig_buffer(&rig, 5)), "scored");

  rig_run(&rig, 30, FAKE_SAFE); /* so that nothing flickers */
  assert_true(rig_override(&rig, "safe", 10 * RIG_FRAME, NULL));
  rig_run(&rig, 1, FAKE_UNSAFE);
  rig_run(&rig, 1, FAKE_ERROR); /* inside the model's interval */
  buffer = rig_buffer(&rig, 38);
  assert_int_equal(rig_looks(rig_buffer(&rig, 37)), LOOKS_ORIGINAL);
  assert_int_equal(rig_looks(buffer), LOOKS_BLANK);
  assert_string_equal(rig_verdict(buffer), "failed");
  assert_string_equal(rig_reason(buffer), "failed-device");
  assert_string_equal(rig_origin(buffer), "failed");
  rig_clear(&rig);

  /* And on-failure=pass lets it pass. */
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "on-failure", GST_HYSAC_ON_FAILURE_PASS, NULL);
  assert_true(rig_override(&rig, "safe", 10 * RIG_FRAME, NULL));
  rig_run(&rig, 1, FAKE_UNSAFE);
  rig_run(&rig, 1, FAKE_ERROR);
  rig_assert_frames(&rig, "oo");
  rig_clear(&rig);
}

/* What cannot be checked is gone too where a moderator wants it gone; "error" stays an error. */
static void
failures_are_held_as_well(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "on-failure", GST_HYSAC_ON_FAILURE_PASS, "action",
           GST_HYSAC_ACTION_TAG, NULL);
  rig_run(&rig, 1, FAKE_ERROR);
  rig_press(&rig, "hold");
  rig_run(&rig, 1, FAKE_ERROR);
  rig_assert_frames(&rig, "ox");
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
  rig_run(&rig, 1, FAKE_SAFE);
  rig_press(&rig, "hold");
  rig_run(&rig, 2, FAKE_SAFE);
  rig_press(&rig, "release");
  rig_run(&rig, 30, FAKE_SAFE); /* the picture comes back when it does not flicker */
  rig_dump(&rig, RIG_FRAME);
  rig_run(&rig, 1, FAKE_SAFE);
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
  rig_run(&rig, 1, FAKE_SAFE);
  rig_press(&rig, "hold");
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS ",chroma-site=mpeg2");
  rig_run(&rig, 1, FAKE_SAFE);
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_start()));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE)));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  assert_true(gst_harness_push_event(rig.h, gst_event_new_segment(&segment)));
  rig_run(&rig, 1, FAKE_SAFE);
  rig_assert_frames(&rig, "oxx");
  rig_press(&rig, "release");
  rig_run(&rig, 30, FAKE_SAFE);

  /* Two frames of the dump have gone, three are left. */
  rig_dump(&rig, 5 * RIG_FRAME);
  rig_run(&rig, 2, FAKE_SAFE);
  rig_override(&rig, "safe", GST_SECOND, NULL);
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_start()));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE)));
  assert_true(gst_harness_push_event(rig.h, gst_event_new_segment(&segment)));
  assert_true(rig_control_left(&rig, "dump-left") == 3 * (gint64)RIG_FRAME);
  assert_true(rig_control_left(&rig, "override-left") == 0);
  rig_run(&rig, 4, FAKE_SAFE);
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
  rig_dump(&rig, RIG_FRAME);
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
  rig_assert_frames(&rig, "oxxxxoo");
  rig_clear(&rig);
}

/* Before the start and after the end nothing breaks; a hold and a dump wait for the first frame. */
static void
signals_while_nothing_plays(void **state)
{
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  assert_false(rig_press(&rig, "release"));
  assert_false(rig_override(&rig, "safe", GST_SECOND, NULL));
  assert_true(rig_override(&rig, "unsafe", GST_SECOND, NULL));
  assert_true(rig_press(&rig, "release"));
  assert_true(rig_press(&rig, "hold"));
  assert_true(rig_dump(&rig, 0));
  rig_assert_control(&rig, "hold");
  g_object_set(rig.element, "model", "fake", "action", GST_HYSAC_ACTION_BLANK, FULL, NULL);
  rig_play(&rig, FALSE);
  rig_run(&rig, 2, FAKE_SAFE);
  rig_assert_frames(&rig, "xx");
  gboolean in_force = FALSE;
  GstMessage *message;
  while ((message = rig_message_now(&rig, GST_MESSAGE_ELEMENT, "hysac-control"))) {
    in_force |= g_strcmp0(gst_structure_get_string(gst_message_get_structure(message), "what"),
                          "in-force") == 0;
    gst_message_unref(message);
  }
  assert_true(in_force);
  rig_press(&rig, "release");
  rig_dump(&rig, 10 * RIG_FRAME);
  gst_element_set_state(rig.element, GST_STATE_READY);
  rig_assert_control(&rig, "dump");
  assert_true(rig_dump(&rig, GST_SECOND));
  assert_true(rig_press(&rig, "hold"));
  assert_true(rig_press(&rig, "release"));
  rig_assert_control(&rig, "none");
  rig_clear(&rig);
}

static void
what_is_not_understood(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  rig_run(&rig, 1, FAKE_UNSAFE);
  assert_false(rig_override(&rig, "Safe", GST_SECOND, NULL));
  assert_false(rig_override(&rig, NULL, GST_SECOND, NULL));
  assert_false(rig_override(&rig, "safe", 0, NULL));
  rig_assert_control(&rig, "none");
  assert_true(rig_override(&rig, "safe", G_MAXUINT64, NULL)); /* always finite */
  assert_true(rig_control_left(&rig, "override-left") == HYSAC_CONTROL_MAX_OVERRIDE);
  assert_true(rig_dump(&rig, G_MAXUINT64));
  rig_run(&rig, 3, FAKE_SAFE);
  rig_assert_frames(&rig, "xxxx");
  rig_clear(&rig);
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
      rig_press(rig, "hold");
      break;
    case 1:
      rig_press(rig, "release");
      break;
    case 2:
      rig_dump(rig, g_rand_int_range(rand, 0, 5) * RIG_FRAME);
      break;
    case 3:
      rig_override(rig, g_rand_boolean(rand) ? "safe" : "unsafe",
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
      rig_control_left(rig, "dump-left");
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
  rig_press(&rig, "hold");
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
      cmocka_unit_test(many_hands),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
