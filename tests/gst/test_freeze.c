/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* action=freeze: what stands still is the last frame that was scored and found safe, and never another.
 * Frames differ in their numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

static guint32
frozen(Rig *rig, guint i)
{
  GstMapInfo map;
  gst_buffer_map(rig_buffer(rig, i), &map, GST_MAP_READ);
  const guint32 number = rig_number_of(map.data);
  gst_buffer_unmap(rig_buffer(rig, i), &map);
  return number;
}

static void
freeze_shows_the_last_safe_frame(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "uusssuuu");
  rig_finish(&rig);
  rig_assert_done(&rig, "BB...FFF");
  for (guint i = 5; i < 8; i++) {
    GstBuffer *out = rig_buffer(&rig, i);
    assert_int_equal(frozen(&rig, i), 4);
    assert_int_equal(rig_number(out), i); /* its own time */
    assert_true(rig_same_pixels(out, rig_buffer(&rig, 4)));
    assert_string_equal(rig_verdict(out), "unsafe");
  }
  rig_clear(&rig);

  /* Not one that was only not confirmed: 2, whose neighbour failed. */
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, "confirm-k", 2,
           "confirm-n", 2, NULL);
  rig_push_text(&rig, "ssueuu");
  rig_finish(&rig);
  assert_string_equal(rig_reason(rig_buffer(&rig, 2)), "unconfirmed");
  rig_assert_done(&rig, "...BFF");
  assert_int_equal(frozen(&rig, 4), 1);
  assert_int_equal(frozen(&rig, 5), 1);
  rig_clear(&rig);

  /* Nor a failed one that passed: 2. */
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, "on-failure",
           GST_HYSAC_ON_FAILURE_PASS, NULL);
  rig_push_text(&rig, "sseuus");
  rig_finish(&rig);
  rig_assert_done(&rig, "...FF.");
  assert_int_equal(frozen(&rig, 2), 2);
  assert_int_equal(frozen(&rig, 3), 1);
  assert_int_equal(frozen(&rig, 4), 1);
  rig_clear(&rig);

  /* Nor one that was only tagged: what counts is what was shown under freeze. */
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_TAG, NULL);
  rig_push_text(&rig, "su");
  rig_wait_buffers(&rig, 2);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "uu");
  rig_finish(&rig);
  rig_assert_done(&rig, ".tBB");
  rig_clear(&rig);
}

/* Only what was scored: what passed between two samples may be what the escape bound allows. */
static void
freeze_between_samples(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, "action",
           GST_HYSAC_ACTION_FREEZE, "pre-roll", 3 * RIG_FRAME, NULL);
  rig_push_text(&rig, "sssssssusssssssusssss"); /* samples are 0, 5, 10, 15 and the last */
  rig_finish(&rig);
  rig_assert_done(&rig, "...........FFFFFFFFF.");
  for (guint i = 11; i < 20; i++)
    assert_int_equal(frozen(&rig, i), 10);
  rig_clear(&rig);

  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, "action",
           GST_HYSAC_ACTION_FREEZE, "pre-roll", 7 * RIG_FRAME, NULL);
  rig_push_text(&rig, "sssssssusssssssusssss");
  rig_finish(&rig);
  rig_assert_done(&rig, "........FFFFFFFFFFFF.");
  for (guint i = 8; i < 20; i++)
    assert_int_equal(frozen(&rig, i), 5); /* not 7 */
  rig_clear(&rig);

  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, "action",
           GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "ssssssssssusssssssss");
  rig_finish(&rig);
  rig_assert_done(&rig, "......FFFFFFFFF.....");
  for (guint i = 6; i < 15; i++)
    assert_int_equal(frozen(&rig, i), 5);
  rig_clear(&rig);
}

/* Where a moderator steps in, what the model found safe may be what is meant: blank, and until the next
 * safe frame. */
static void
freeze_under_a_moderator(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "su");
  rig_wait_buffers(&rig, 2);
  gboolean ok = FALSE;
  g_signal_emit_by_name(rig.element, "hold", &ok);
  assert_true(ok);
  rig_push_text(&rig, "s");
  rig_wait_buffers(&rig, 3);
  g_signal_emit_by_name(rig.element, "release", &ok);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 4);
  rig.next += 100;
  rig_push_text(&rig, "su");
  rig_finish(&rig);
  rig_assert_done(&rig, ".FBB.F");
  rig_clear(&rig);
}

/* A caps change, a flush, a new stream, another action: blank until the next safe frame. */
static void
freeze_starts_again(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "su");
  rig_wait_buffers(&rig, 2);
  gst_harness_push_event(rig.h, gst_event_new_flush_start());
  gst_harness_push_event(rig.h, gst_event_new_flush_stop(FALSE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  rig_push_text(&rig, "usu");
  rig_wait_buffers(&rig, 5);
  rig_assert_done(&rig, ".FB.F");

  /* Caps of the same layout: another colorimetry makes other pixels of the same bytes. */
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=I420,width=64,height=36,framerate=25/1,"
                                      "colorimetry=bt709,pixel-aspect-ratio=1/1");
  rig.next += 100;
  rig_push_text(&rig, "uusu");
  rig_wait_buffers(&rig, 9);
  rig_assert_done(&rig, ".FB.FBB.F");

  gst_harness_push_event(rig.h, gst_event_new_stream_start("another")); /* with the same caps */
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  rig.next += 100;
  rig_push_text(&rig, "usu");
  rig_wait_buffers(&rig, 12);
  rig_assert_done(&rig, ".FB.FBB.FB.F");

  g_object_set(rig.element, "action", GST_HYSAC_ACTION_PIXELATE, NULL);
  rig.next += 100;
  rig_push_text(&rig, "ss");
  rig_wait_buffers(&rig, 14);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "u");
  rig_finish(&rig);
  rig_assert_done(&rig, ".FB.FBB.FB.F..B");
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "su");
  rig_wait_buffers(&rig, 2);
  gst_element_set_state(rig.element, GST_STATE_READY);
  gst_element_set_state(rig.element, GST_STATE_PLAYING);
  gst_harness_push_event(rig.h, gst_event_new_stream_start("again"));
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS);
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 3);
  rig_assert_done(&rig, ".FB");
  rig_clear(&rig);
}

/* What was safe by other thresholds, or by another model, stands still no longer: neither that picture nor
 * another until one is found safe by those in force. */
static void
freeze_by_what_is_in_force(void **state)
{
  static const struct {
    const char *property;
    double loose, tight;
  } cases[] = {{"enter-margin", 0.3, 0.0}, {"bound", 0.9, 0.5}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, "leave-margin",
             -0.5, cases[i].property, cases[i].loose, NULL);
    rig_push_text(&rig, "su");
    rig_wait_buffers(&rig, 2);
    rig_assert_done(&rig, "..");
    g_object_set(rig.element, cases[i].property, cases[i].tight, NULL);
    rig_push_text(&rig, "uu");
    rig_wait_buffers(&rig, 4);
    rig_assert_done(&rig, "..BB");
    g_object_set(rig.element, "leave-margin", 0.0, NULL);
    rig.next += 100;
    rig_push_text(&rig, "su");
    rig_finish(&rig);
    rig_assert_done(&rig, "..BB.F");
    assert_int_equal(frozen(&rig, 5), 104);
    rig_clear(&rig);
  }

  /* A tighter leave-margin alone; and what changes no threshold takes nothing away. */
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, NULL);
  rig_push_text(&rig, "su");
  rig_wait_buffers(&rig, 2);
  g_object_set(rig.element, "on-failure", GST_HYSAC_ON_FAILURE_PASS, "force-key-unit", FALSE,
               "post-roll", (guint64)1, "enter-margin", 0.0, NULL);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 3);
  g_object_set(rig.element, "leave-margin", -0.3, NULL);
  rig_push_text(&rig, "u");
  rig_finish(&rig);
  rig_assert_done(&rig, ".FFB");
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, "bound", 0.9, NULL);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 1);
  g_object_set(rig.element, "model", "other", NULL);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  rig_push_text(&rig, "uu");
  rig_finish(&rig);
  rig_assert_done(&rig, ".BB");
  rig_clear(&rig);
}

/* A frame that was handed to the old model and goes out after the change: it was safe, and is not known
 * to be by the model in force. */
static void
freeze_of_an_old_model(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, "bound", 0.9, NULL);
  rig_push_text(&rig, "u");
  fake_wait_submitted(&rig.fake, 1);
  g_object_set(rig.element, "model", "other", NULL);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  rig_push_text(&rig, "u");
  fake_wait_submitted(&rig.fake, 2);
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 2);
  rig_assert_done(&rig, ".B");
  rig.next += 100;
  rig_push_text(&rig, "su");
  fake_wait_submitted(&rig.fake, 4);
  fake_answer_all(&rig.fake);
  rig_finish(&rig);
  rig_assert_done(&rig, ".B.F");
  rig_clear(&rig);
}

/* What the task does with a frame that it has taken out of the hold as safe: the task itself waits meanwhile. */
static void
release_safe(Rig *rig, guint thresholds)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(rig->element);
  GstHysacHeld *held = g_new0(GstHysacHeld, 1);
  held->buffer = rig_frame(rig, FAKE_SAFE);
  held->pts = held->stream_time = GST_BUFFER_PTS(held->buffer);
  held->duration = RIG_FRAME;
  held->time = held->running = held->begin = (gint64)held->pts;
  held->end = held->sure = held->begin + (gint64)RIG_FRAME;
  held->thresholds = thresholds;
  g_mutex_lock(&self->lock);
  held->caps = g_atomic_rc_box_acquire(self->caps);
  held->seq = self->next_seq++;
  hysac_control_admit(&self->control, held->seq, held->time, (gint64)held->duration);
  g_mutex_unlock(&self->lock);
  const HysacDecision decision = {.kind = HYSAC_DECISION_PASS,
                                  .reason = HYSAC_REASON_SAFE,
                                  .has_sample = TRUE,
                                  .sample_ok = TRUE,
                                  .sample_seq = held->seq,
                                  .sample_time = held->time};
  assert_int_equal(gst_hysac_moderate_release(self, held, &decision), GST_FLOW_OK);
  gst_hysac_held_free(held);
}

/* Thresholds that change between the decision on a frame and its way out: it goes, as decided, but was not
 * found safe by those in force. No pause between the two can be had from outside. */
static void
freeze_decided_before_a_change(void **state)
{
  for (guint changed = 0; changed < 2; changed++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_FREEZE, NULL);
    rig_push_text(&rig, "u");
    rig_wait_buffers(&rig, 1);
    GstHysacModerate *self = GST_HYSAC_MODERATE(rig.element);
    g_mutex_lock(&self->lock);
    const guint thresholds = self->thresholds;
    g_mutex_unlock(&self->lock);
    if (changed)
      g_object_set(rig.element, "enter-margin", 0.1, NULL);
    rig.next += 100;
    release_safe(&rig, thresholds);
    rig_push_text(&rig, "u");
    rig_finish(&rig);
    rig_assert_done(&rig, changed ? "B.B" : "B.F");
    rig_clear(&rig);
  }
}

/* Monitor mode passes frames before they are known. Only one that was scored itself may stand still:
 * neither the one that turned out to be unsafe nor those after the last sample. */
static void
freeze_in_monitor_mode(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "sample-interval",
           3 * RIG_FRAME, "action", GST_HYSAC_ACTION_FREEZE, "on-failure",
           GST_HYSAC_ON_FAILURE_PASS, "max-age", 10 * GST_SECOND, NULL);
  rig_push_text(&rig, "s"); /* 0, a sample */
  rig_wait_buffers(&rig, 1);
  fake_answer(&rig.fake);
  rig_push_text(&rig, "ss"); /* under the verdict of 0 */
  rig_wait_buffers(&rig, 3);
  rig_push_text(&rig, "u"); /* 3, a sample; it passes */
  rig_wait_buffers(&rig, 4);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 5);
  fake_answer(&rig.fake);
  rig_push_text(&rig, "u"); /* 5 */
  rig_wait_buffers(&rig, 6);
  rig_assert_done(&rig, ".....F");
  assert_int_equal(frozen(&rig, 5), 0);
  rig_push_text(&rig, "s"); /* 6, a sample, redacted under the verdict of 3 */
  rig_wait_buffers(&rig, 7);
  fake_answer(&rig.fake);
  rig_push_text(&rig, "ss"); /* 7 and 8 pass */
  rig_wait_buffers(&rig, 9);
  rig_push_text(&rig, "u"); /* 9 */
  rig_wait_buffers(&rig, 10);
  fake_answer(&rig.fake);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 11);
  rig_assert_done(&rig, ".....FF...F");
  /* 6 was redacted when it went out: what was not shown is not shown now. */
  assert_int_equal(frozen(&rig, 10), 0);
  fake_answer_all(&rig.fake);
  rig_clear(&rig);

  /* Nor one that passed and failed. */
  rig_init(&rig, FAKE_MANUAL, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "sample-interval",
           3 * RIG_FRAME, "action", GST_HYSAC_ACTION_FREEZE, "on-failure",
           GST_HYSAC_ON_FAILURE_PASS, "max-age", 10 * GST_SECOND, NULL);
  const char *text = "ssseseuu"; /* 0, 3 and 6 are samples */
  for (guint i = 0; text[i]; i++) {
    rig_push(&rig, rig_code(text[i]));
    rig_wait_buffers(&rig, i + 1);
    if (i % 3 == 0)
      fake_answer(&rig.fake);
  }
  rig_assert_done(&rig, ".......F");
  assert_string_equal(rig_verdict(rig_buffer(&rig, 5)), "failed");
  assert_int_equal(frozen(&rig, 7), 0);
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(freeze_shows_the_last_safe_frame),
      cmocka_unit_test(freeze_between_samples),
      cmocka_unit_test(freeze_under_a_moderator),
      cmocka_unit_test(freeze_starts_again),
      cmocka_unit_test(freeze_by_what_is_in_force),
      cmocka_unit_test(freeze_of_an_old_model),
      cmocka_unit_test(freeze_decided_before_a_change),
      cmocka_unit_test(freeze_in_monitor_mode),
  };
  gst_init(NULL, NULL);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
