/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Samples that fail, and frames that cannot be read: none leaves as it came but by on-failure=pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

static void
failures_by_kind(void **state)
{
  static const struct {
    const char *letter;
    HysacReason reason;
  } kinds[] = {{"e", HYSAC_REASON_FAILED_DEVICE},
               {"r", HYSAC_REASON_FAILED_DEVICE},
               {"n", HYSAC_REASON_FAILED_NUMERIC}};
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    for (GstHysacOnFailure f = GST_HYSAC_ON_FAILURE_REDACT; f <= GST_HYSAC_ON_FAILURE_PASS; f += 2)
      for (guint tag = 0; tag < 2; tag++) {
        Rig rig;
        /* Tagging never excuses a failed check, unless the user says so. */
        rig_init(&rig, FAKE_THREAD, FALSE, FULL, "on-failure", f, "action",
                 tag ? GST_HYSAC_ACTION_TAG : GST_HYSAC_ACTION_BLANK, NULL);
        rig_push_text(&rig, "sss");
        rig_push_text(&rig, kinds[i].letter);
        rig_push_text(&rig, "sss");
        rig_finish(&rig);
        rig_assert_each_frame(&rig, f == GST_HYSAC_ON_FAILURE_REDACT ? "oooxooo" : "ooooooo");
        assert_string_equal(rig_verdict(rig_buffer(&rig, 3)), "failed");
        assert_string_equal(rig_origin(rig_buffer(&rig, 3)), "failed");
        assert_string_equal(rig_reason(rig_buffer(&rig, 3)),
                            hysac_reason_to_string(kinds[i].reason));
        assert_int_equal(rig_stat(&rig, "failed"), 1);
        rig_clear(&rig);
      }
  }
}

/* The device dies inside an unsafe interval: the interval goes on, and yet nothing unchecked gets out
 * by a tag, nothing unchecked is called unsafe, and on-failure=error is heard. */
static void
failures_in_an_interval(void **state)
{
  static const struct {
    GstHysacAction action;
    GstHysacOnFailure on_failure;
    const char *out;
  } cases[] = {{GST_HYSAC_ACTION_TAG, GST_HYSAC_ON_FAILURE_REDACT, "ooxxxxxx"},
               {GST_HYSAC_ACTION_TAG, GST_HYSAC_ON_FAILURE_PASS, "oooooooo"},
               {GST_HYSAC_ACTION_BLANK, GST_HYSAC_ON_FAILURE_REDACT, "oxxxxxxx"},
               {GST_HYSAC_ACTION_BLANK, GST_HYSAC_ON_FAILURE_PASS, "oxxxxxxx"}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Rig rig;
    rig_init(&rig, FAKE_THREAD, FALSE, FULL, "action", cases[i].action, "on-failure",
             cases[i].on_failure, NULL);
    rig_push_text(&rig, "sueeeeee");
    rig_finish(&rig);
    rig_assert_each_frame(&rig, cases[i].out);
    assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), "unsafe");
    for (guint f = 2; f < 8; f++) {
      assert_string_equal(rig_verdict(rig_buffer(&rig, f)), "failed");
      assert_string_equal(rig_origin(rig_buffer(&rig, f)), "failed");
      assert_string_equal(rig_reason(rig_buffer(&rig, f)),
                          hysac_reason_to_string(HYSAC_REASON_FAILED_DEVICE));
    }
    assert_int_equal(rig_stat(&rig, "failed"), 6);
    rig_clear(&rig);
  }
  for (GstHysacAction action = GST_HYSAC_ACTION_TAG; action <= GST_HYSAC_ACTION_DROP; action++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", action, "on-failure",
             GST_HYSAC_ON_FAILURE_ERROR, NULL);
    rig_push(&rig, FAKE_UNSAFE);
    rig_push(&rig, FAKE_ERROR);
    gst_message_unref(rig_message(&rig, GST_MESSAGE_ERROR, NULL));
    rig_clear(&rig);
  }
}

/* on-failure=error: one message, then the flow stops, and the element can be used again. */
static void
failure_is_an_error(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "on-failure", GST_HYSAC_ON_FAILURE_ERROR, NULL);
  rig_push_text(&rig, "ss");
  rig_push(&rig, FAKE_ERROR);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_ERROR, NULL));
  assert_int_equal(rig_stat(&rig, "failed"), 1); /* the one that stops it is counted */
  assert_int_equal(rig_stat(&rig, "passed"), 2);
  assert_int_equal(rig_stat(&rig, "redacted") + rig_stat(&rig, "dropped"), 0);
  GstFlowReturn flow = GST_FLOW_OK;
  for (guint i = 0; i < 100 && flow == GST_FLOW_OK; i++) /* the hold's room at most */
    flow = rig_push(&rig, FAKE_SAFE);
  assert_int_equal(flow, GST_FLOW_ERROR);
  assert_null(rig_message_now(&rig, GST_MESSAGE_ERROR, NULL));
  rig_assert_each_frame(&rig, "oo");

  gst_element_set_state(rig.element, GST_STATE_READY);
  gst_element_set_state(rig.element, GST_STATE_PLAYING);
  assert_int_equal(rig_stat(&rig, "frames"), 0);
  rig_clear(&rig);
}

static void
hang_meets_watchdog(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "request-timeout", 20 * GST_MSECOND, NULL);
  rig_push_text(&rig, "sshss");
  rig_finish(&rig);
  rig_assert_each_frame(&rig, "ooxoo");
  assert_string_equal(rig_reason(rig_buffer(&rig, 2)),
                      hysac_reason_to_string(HYSAC_REASON_FAILED_TIMEOUT));
  assert_int_equal(rig_stat(&rig, "timeouts"), 1);
  rig_clear(&rig); /* its late answer, CANCELLED, hurts nobody */
}

/* A buffer shorter than its caps say never leaves as it came, nor stops its neighbours. */
static void
short_buffer(void **state)
{
  for (guint variant = 0; variant < 4; variant++)
    for (guint64 interval = 0; interval <= 200 * GST_MSECOND; interval += 200 * GST_MSECOND) {
      Rig rig;
      rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", interval, "action",
               GST_HYSAC_ACTION_BLUR, NULL);
      for (guint i = 0; i < 12; i++) {
        GstBuffer *frame = rig_frame(&rig, FAKE_SAFE);
        if (variant & 1 ? i == 0 : i == 5 || i == 6) {
          if (variant & 2)
            gst_buffer_add_video_meta(frame, 0, GST_VIDEO_FORMAT_I420, RIG_WIDTH, RIG_HEIGHT);
          gst_buffer_resize(frame, 0, RIG_WIDTH * RIG_HEIGHT + 100);
        }
        assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
      }
      rig_finish(&rig);
      g_autofree char *frames = rig_frames(&rig);
      assert_string_equal(frames, variant & 1 ? "xooooooooooo" : "oooooxxooooo");
      assert_string_equal(rig_reason(rig_buffer(&rig, variant & 1 ? 0 : 5)),
                          hysac_reason_to_string(HYSAC_REASON_FAILED_MAP));
      rig_clear(&rig);
    }
}

/* Nothing but bad frames, more of them than the hold takes: no deadlock. */
static void
only_short_buffers(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", 200 * GST_MSECOND, NULL);
  rig_push_text(&rig, "sss");
  for (guint i = 0; i < 200; i++) {
    GstBuffer *frame = rig_frame(&rig, FAKE_SAFE);
    gst_buffer_resize(frame, 0, 10);
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 203);
  assert_int_equal(rig_stat(&rig, "failed"), 200);
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(failures_by_kind),
      cmocka_unit_test(failures_in_an_interval),
      cmocka_unit_test(failure_is_an_error),
      cmocka_unit_test(hang_meets_watchdog),
      cmocka_unit_test(short_buffer),
      cmocka_unit_test(only_short_buffers),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
