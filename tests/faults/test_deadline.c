/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A driver that hangs beyond the deadline of a live frame: by a test clock the frame goes in time, by
 * on-failure and under its own reason; what the driver answers later decides nothing, and when it is
 * back, frames are checked again. And a kernel that does not build, under each policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/faults/faulty.h"

static void
init_live(Rig *rig, GstHysacOnFailure on_failure)
{
  rig_init_bare(rig, FAKE_AT_ONCE);
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(rig->element),
                                        gst_hysac_engine_scorer_new, NULL);
  g_object_set(rig->element, "model", "demo", "on-failure", on_failure, "sample-interval",
               (guint64)0, "enter-margin", 1000.0, "leave-margin", 1000.0, NULL);
  rig_play(rig, TRUE);
}

static void
expect_error(Rig *rig, const char *reason)
{
  GstMessage *message = rig_message(rig, GST_MESSAGE_ERROR, NULL);
  g_autofree char *debug = NULL;
  gst_message_parse_error(message, NULL, &debug);
  gst_message_unref(message);
  if (!strstr(debug, reason))
    fail_msg("\"%s\" is not in \"%s\"", reason, debug);
  assert_null(rig_message_now(rig, GST_MESSAGE_ERROR, NULL));
}

/* The timer at due - budget, then the one at due. */
static void
pass_deadline(Rig *rig, guint32 number)
{
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(rig->h);
  const GstClockTime due = number * RIG_FRAME + rig_stat(rig, "latency");
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  assert_true(gst_test_clock_get_next_entry_time(clock) == due - rig_stat(rig, "request-budget"));
  gst_test_clock_crank(clock);
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  assert_true(gst_test_clock_get_next_entry_time(clock) == due);
  assert_int_equal(rig_n_buffers(rig), number);
  gst_test_clock_crank(clock);
}

static void
hang_beyond_the_deadline(void **state)
{
  for (GstHysacOnFailure f = GST_HYSAC_ON_FAILURE_REDACT; f <= GST_HYSAC_ON_FAILURE_PASS; f++) {
    Rig rig;
    init_live(&rig, f);
    faulty_push_good(&rig);
    fault_hang(TRUE, FALSE);
    assert_int_equal(rig_push(&rig, 100), GST_FLOW_OK);
    pass_deadline(&rig, 1);
    if (f == GST_HYSAC_ON_FAILURE_ERROR) {
      expect_error(&rig, "failed-deadline");
      assert_int_equal(rig_n_buffers(&rig), 1);
    } else {
      rig_wait_buffers(&rig, 2);
      GstBuffer *buffer = rig_buffer(&rig, 1);
      assert_string_equal(rig_verdict(buffer), "failed");
      assert_string_equal(rig_reason(buffer), "failed-deadline");
      assert_int_equal(rig_looks(buffer),
                       f == GST_HYSAC_ON_FAILURE_PASS ? LOOKS_ORIGINAL : LOOKS_BLANK);
      fault_clear();
      faulty_push_good(&rig);
    }
    faulty_clear(&rig);
  }
}

/* Until a frame goes under a fresh verdict; each waits for the answer to the one before. */
static void
push_until_checked(Rig *rig)
{
  for (guint i = 0; i < 20; i++) {
    if (strcmp(rig_reason(faulty_push(rig)), "safe") == 0)
      return;
    const gint64 end = g_get_monotonic_time() + G_TIME_SPAN_MINUTE;
    while (rig_stat(rig, "in-flight") > 0 && g_get_monotonic_time() < end)
      g_thread_yield();
  }
  fail_msg("no frame was checked");
}

/* A live monitor does not wait at all: its verdict grows old, and then it is a failure. */
static void
hang_in_monitor_mode(void **state)
{
  for (GstHysacOnFailure f = GST_HYSAC_ON_FAILURE_REDACT; f <= GST_HYSAC_ON_FAILURE_PASS; f++) {
    Rig rig;
    const gboolean stops = f == GST_HYSAC_ON_FAILURE_ERROR;
    /* Where it stops, the frames before the first verdict would: it is told to stop afterwards. */
    rig_init_bare(&rig, FAKE_AT_ONCE);
    gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(rig.element),
                                          gst_hysac_engine_scorer_new, NULL);
    g_object_set(rig.element, "model", "demo", "on-failure",
                 stops ? GST_HYSAC_ON_FAILURE_PASS : f, "mode", GST_HYSAC_MODE_MONITOR,
                 "sample-interval", (guint64)0, "enter-margin", 1000.0, "leave-margin", 1000.0,
                 "max-age", 5 * RIG_FRAME, NULL);
    rig_play(&rig, TRUE);
    push_until_checked(&rig);
    fault_hang(TRUE, FALSE);
    if (stops) {
      g_object_set(rig.element, "on-failure", f, NULL);
      GstFlowReturn flow = GST_FLOW_OK;
      for (guint i = 0; i < 1000 && flow == GST_FLOW_OK; i++)
        flow = rig_push(&rig, 100);
      assert_int_equal(flow, GST_FLOW_ERROR);
      expect_error(&rig, "failed-stale");
      for (guint i = 0; i < rig_n_buffers(&rig); i++)
        assert_true(rig_looks(rig_buffer(&rig, i)) == LOOKS_ORIGINAL);
      faulty_clear(&rig);
      continue;
    }
    GstBuffer *buffer = NULL;
    for (guint i = 0; i < 12; i++)
      buffer = faulty_push(&rig);
    assert_string_equal(rig_verdict(buffer), "failed");
    assert_string_equal(rig_reason(buffer), "failed-stale");
    assert_int_equal(rig_looks(buffer),
                     f == GST_HYSAC_ON_FAILURE_PASS ? LOOKS_ORIGINAL : LOOKS_BLANK);
    fault_clear();
    push_until_checked(&rig);
    faulty_clear(&rig);
  }
}

/* Pushes until frames fail because a kernel does not build, in the engine that is to take the place of
 * a lost one. */
static void
push_until_build_fails(Rig *rig, Looks looks)
{
  fault_set(FAULT_BUILD, CL_BUILD_PROGRAM_FAILURE);
  fault_set(FAULT_ENQUEUE, CL_INVALID_COMMAND_QUEUE);
  faulty_push_failed(rig, "failed-device", looks);
  g_free(faulty_wait_lost(rig));
  fault_set(FAULT_ENQUEUE, CL_SUCCESS);
  gboolean told = FALSE;
  for (guint n = 1; n < 100 && !told; n++) {
    assert_true(fault_wait(FAULT_BUILD, n)); /* more than one attempt makes: one has ended */
    GstBuffer *buffer = faulty_push(rig);
    assert_string_equal(rig_verdict(buffer), "failed");
    assert_int_equal(rig_looks(buffer), looks);
    told = g_str_equal(rig_reason(buffer), "failed-build");
    assert_true(told || g_str_equal(rig_reason(buffer), "failed-device"));
  }
  assert_true(told);
}

static void
build_failure_by_policy(void **state)
{
  for (GstHysacOnFailure f = GST_HYSAC_ON_FAILURE_REDACT; f <= GST_HYSAC_ON_FAILURE_PASS; f++) {
    Rig rig;
    const gboolean stops = f == GST_HYSAC_ON_FAILURE_ERROR;
    /* Where it stops, the loss itself would: it is told to stop afterwards. */
    faulty_init(&rig, stops ? GST_HYSAC_ON_FAILURE_PASS : f);
    const double before = faulty_push_good(&rig);
    push_until_build_fails(&rig, f == GST_HYSAC_ON_FAILURE_REDACT ? LOOKS_BLANK : LOOKS_ORIGINAL);
    if (stops) {
      const guint n = rig_n_buffers(&rig);
      g_object_set(rig.element, "on-failure", f, NULL);
      rig_push(&rig, 100);
      expect_error(&rig, "failed-build");
      assert_int_equal(rig_n_buffers(&rig), n);
    } else {
      fault_clear();
      faulty_wait_recovered(&rig);
      assert_true(faulty_push_good(&rig) == before);
    }
    faulty_clear(&rig);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hang_beyond_the_deadline),
      cmocka_unit_test(hang_in_monitor_mode),
      cmocka_unit_test(build_failure_by_policy),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
