/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Live: latency, deadlines by the test clock, and monitor mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/policy.h"
#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FULL "sample-interval", (guint64)0
#define BUDGET (20 * GST_MSECOND)

static void
query(Rig *rig, gboolean *live, GstClockTime *min, GstClockTime *max)
{
  g_autoptr(GstPad) src = gst_element_get_static_pad(rig->element, "src");
  g_autoptr(GstQuery) latency = gst_query_new_latency();
  assert_true(gst_pad_query(src, latency));
  gst_query_parse_latency(latency, live, min, max);
}

static void
latency_by_the_formula(void **state)
{
  static const struct {
    GstClockTime interval, pre_roll;
    guint k, n;
    GstClockTime expected;
  } cases[] = {
      {0, 0, 1, 1, RIG_FRAME + BUDGET},
      {200 * GST_MSECOND, 0, 1, 1, 200 * GST_MSECOND + RIG_FRAME + BUDGET},
      {200 * GST_MSECOND, 0, 2, 3, 3 * (200 * GST_MSECOND + RIG_FRAME) + BUDGET},
      {200 * GST_MSECOND, 500 * GST_MSECOND, 1, 1, 740 * GST_MSECOND + BUDGET},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Rig rig;
    gboolean live;
    GstClockTime min, max;
    rig_init(&rig, FAKE_AT_ONCE, TRUE, "sample-interval", cases[i].interval, "pre-roll",
             cases[i].pre_roll, "confirm-k", cases[i].k, "confirm-n", cases[i].n, NULL);
    gst_harness_set_upstream_latency(rig.h, 30 * GST_MSECOND);
    rig_push(&rig, FAKE_SAFE);
    query(&rig, &live, &min, &max);
    assert_true(live);
    assert_true(min == 30 * GST_MSECOND + cases[i].expected);
    assert_true(max == GST_CLOCK_TIME_NONE || max > min);
    assert_int_equal(rig_stat(&rig, "latency"), cases[i].expected);
    rig_clear(&rig);
  }

  Rig rig;
  gboolean live;
  GstClockTime min, max;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, "mode", GST_HYSAC_MODE_MONITOR, NULL);
  rig_push(&rig, FAKE_SAFE);
  query(&rig, &live, &min, &max);
  assert_true(min == 0);
  rig_clear(&rig);
}

/* Latency depends on the caps' framerate: a message tells the pipeline to ask again. */
static void
latency_message(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, FULL, NULL);
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS ",chroma-site=mpeg2");
  assert_null(rig_message_now(&rig, GST_MESSAGE_LATENCY, NULL)); /* nothing material */
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=I420,width=64,height=36,framerate=5/1");
  gst_message_unref(rig_message(&rig, GST_MESSAGE_LATENCY, NULL));
  rig_clear(&rig);
}

/* Runs the test clock to @time, firing what is armed on the way. */
static void
run_to(Rig *rig, GstClockTime time)
{
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(rig->h);
  while (TRUE) {
    gst_test_clock_wait_for_next_pending_id(clock, NULL);
    if (gst_test_clock_get_next_entry_time(clock) > time)
      break;
    gst_test_clock_crank(clock);
    if (gst_clock_get_time(GST_CLOCK(clock)) >= time)
      break;
  }
}

/* No answer comes: at the deadline, and not before, the frame is closed (or passes, if so asked).
 */
static void
deadline(GstHysacOnFailure on_failure, Looks expected)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, TRUE, FULL, "on-failure", on_failure, NULL);
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(rig.h);
  const GstClockTime due = RIG_FRAME + BUDGET;
  rig_push(&rig, FAKE_SAFE);
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  assert_true(gst_test_clock_get_next_entry_time(clock) == due - BUDGET);
  gst_test_clock_crank(clock);
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  assert_true(gst_test_clock_get_next_entry_time(clock) == due);
  assert_int_equal(rig_n_buffers(&rig), 0);
  gst_test_clock_crank(clock);
  rig_wait_buffers(&rig, 1);
  assert_int_equal(rig_looks(rig_buffer(&rig, 0)), expected);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 0)), "failed");
  assert_string_equal(rig_reason(rig_buffer(&rig, 0)),
                      hysac_reason_to_string(HYSAC_REASON_FAILED_DEADLINE));
  fake_answer_all(&rig.fake); /* too late: nothing else comes of it */
  rig_push(&rig, FAKE_SAFE);
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 2);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), "safe");
  rig_clear(&rig);
}

static void
deadline_closed(void **state)
{
  deadline(GST_HYSAC_ON_FAILURE_REDACT, LOOKS_BLANK);
}

static void
deadline_open(void **state)
{
  deadline(GST_HYSAC_ON_FAILURE_PASS, LOOKS_ORIGINAL);
}

/* The source pauses between two samples: at due - budget the newest held frame is scored, so that
 * the held ones go in time and are decided by what is there. */
static void
newest_is_scored_in_time(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, "sample-interval", 200 * GST_MSECOND, NULL);
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(rig.h);
  rig_push_n(&rig, 4, FAKE_SAFE);
  rig_wait_buffers(&rig, 1); /* the first is a sample */
  assert_int_equal(fake_n_submitted(&rig.fake), 1);
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  assert_true(gst_test_clock_get_next_entry_time(clock) ==
              RIG_FRAME + 200 * GST_MSECOND + RIG_FRAME);
  gst_test_clock_crank(clock);
  rig_wait_buffers(&rig, 4);
  assert_int_equal(fake_n_submitted(&rig.fake), 2);
  assert_true(fake_was_scored(&rig.fake, 3));
  for (guint i = 0; i < 4; i++)
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), "safe");
  rig_clear(&rig);
}

/* Upstream's latency moves the deadline. */
static void
upstream_latency_counts(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, TRUE, FULL, NULL);
  gst_harness_set_upstream_latency(rig.h, 500 * GST_MSECOND);
  rig_push(&rig, FAKE_UNSAFE);
  run_to(&rig, 500 * GST_MSECOND + RIG_FRAME + BUDGET);
  rig_wait_buffers(&rig, 1);
  assert_int_equal(rig_looks(rig_buffer(&rig, 0)), LOOKS_BLANK);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 0)), "failed"); /* never "unsafe" */
  fake_answer_all(&rig.fake);
  rig_clear(&rig);
}

/* Monitor: frames pass at once; before the first verdict, and past max-age, they are failures. */
static void
monitor_ages(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "sample-interval",
           200 * GST_MSECOND, "max-age", 200 * GST_MSECOND, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE);
  rig_wait_buffers(&rig, 3);
  assert_int_equal(fake_n_submitted(&rig.fake), 1);
  for (guint i = 0; i < 3; i++) {
    assert_int_equal(rig_looks(rig_buffer(&rig, i)), LOOKS_BLANK);
    assert_string_equal(rig_reason(rig_buffer(&rig, i)),
                        hysac_reason_to_string(HYSAC_REASON_FAILED_STALE));
  }
  fake_answer(&rig.fake); /* frame 0 is safe */
  rig_push_n(&rig, 5, FAKE_SAFE);
  rig_wait_buffers(&rig, 8);
  /* Frames 3..5 are at most 200 ms from sample 0; 6 and 7 are older than that. */
  for (guint i = 3; i < 8; i++)
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), i <= 5 ? "safe" : "failed");
  gint64 age;
  assert_true(gst_hysac_meta_get_age(gst_buffer_get_hysac_meta(rig_buffer(&rig, 4)), &age));
  assert_true(age == 4 * (gint64)RIG_FRAME);
  /* The scorer is behind: a second request waits for the first, nothing queues up. */
  assert_int_equal(fake_n_submitted(&rig.fake), 2);
  rig_push_n(&rig, 20, FAKE_SAFE);
  rig_wait_buffers(&rig, 28);
  assert_int_equal(fake_n_submitted(&rig.fake), 2);
  fake_answer_all(&rig.fake);
  rig_clear(&rig);
}

static void
monitor_redacts(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, "mode", GST_HYSAC_MODE_MONITOR, FULL, "max-age",
           10 * GST_SECOND, NULL);
  /* A frame may go before its own answer is there; the next one knows. */
  const guint8 codes[] = {FAKE_UNSAFE, FAKE_UNSAFE, FAKE_UNSAFE, FAKE_SAFE, FAKE_SAFE};
  for (guint i = 0; i < 5; i++) {
    rig_push(&rig, codes[i]);
    rig_wait_buffers(&rig, i + 1);
  }
  assert_int_equal(rig_looks(rig_buffer(&rig, 1)), LOOKS_BLANK);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), "unsafe");
  assert_int_equal(rig_looks(rig_buffer(&rig, 2)), LOOKS_BLANK);
  assert_int_equal(rig_looks(rig_buffer(&rig, 4)), LOOKS_ORIGINAL);
  rig_clear(&rig);
}

/* The interval stays, the verdicts do not: what is not checked is a failure, whatever the action. */
static void
monitor_fails_in_an_interval(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "sample-interval",
           200 * GST_MSECOND, "max-age", 200 * GST_MSECOND, "action", GST_HYSAC_ACTION_TAG, NULL);
  rig_push(&rig, FAKE_UNSAFE);
  fake_wait_submitted(&rig.fake, 1);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 1);
  rig_push_n(&rig, 11, FAKE_UNSAFE); /* nobody answers any more */
  rig_wait_buffers(&rig, 12);
  for (guint i = 1; i < 12; i++) {
    const gboolean fresh = i <= 5;
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), fresh ? "unsafe" : "failed");
    assert_int_equal(rig_looks(rig_buffer(&rig, i)), fresh ? LOOKS_ORIGINAL : LOOKS_BLANK);
    if (!fresh)
      assert_string_equal(rig_reason(rig_buffer(&rig, i)),
                          hysac_reason_to_string(HYSAC_REASON_FAILED_STALE));
  }
  fake_answer_all(&rig.fake);
  rig_clear(&rig);
}

static void
overload_is_told_once(void **state)
{
  Rig rig;
  /* Every service time is longer than a nanosecond. */
  rig_init(&rig, FAKE_MANUAL, TRUE, "sample-interval", (guint64)1, NULL);
  for (guint i = 0; i < 3; i++) {
    rig_push(&rig, FAKE_SAFE);
    fake_wait_submitted(&rig.fake, i + 1);
    const gint64 now = g_get_monotonic_time();
    while (g_get_monotonic_time() == now)
      ;
    fake_answer(&rig.fake);
    rig_wait_buffers(&rig, i + 1);
  }
  GstMessage *message = rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-overload");
  assert_true(gst_structure_has_field_typed(gst_message_get_structure(message), "service-time",
                                            G_TYPE_INT64));
  gst_message_unref(message);
  assert_null(rig_message_now(&rig, GST_MESSAGE_ELEMENT, "hysac-overload"));
  assert_int_equal(rig_stat(&rig, "overloads"), 1);
  rig_clear(&rig);
}

/* A live engine that hangs for ever: requests stay bounded, every frame goes, redacted, in time. */
static void
hanging_engine_stays_bounded(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, TRUE, FULL, NULL);
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(rig.h);
  for (guint i = 0; i < 100; i++) {
    gst_test_clock_set_time(clock, i * RIG_FRAME + 2 * RIG_FRAME + BUDGET);
    rig_push(&rig, FAKE_UNSAFE); /* already due: decided at once */
    rig_wait_buffers(&rig, i + 1);
    assert_int_equal(rig_looks(rig_buffer(&rig, i)), LOOKS_BLANK);
  }
  assert_true(fake_n_submitted(&rig.fake) <= rig_stat(&rig, "hold-limit") + 10);
  fake_answer_all(&rig.fake);
  rig_clear(&rig);
}

/* The first frames of another stream do not go by the verdict on the last one's. */
static void
monitor_across_streams(void **state)
{
  static const guint8 codes[] = {FAKE_SAFE, FAKE_UNSAFE};
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
    Rig rig;
    rig_init(&rig, FAKE_MANUAL, TRUE, "mode", GST_HYSAC_MODE_MONITOR, FULL, "max-age",
             10 * GST_SECOND, NULL);
    rig_push(&rig, codes[i]);
    rig_wait_buffers(&rig, 1);
    fake_answer(&rig.fake);
    rig_push(&rig, codes[i]);
    rig_wait_buffers(&rig, 2);
    assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), i ? "unsafe" : "safe");
    g_autoptr(GstEvent) again = gst_pad_get_sticky_event(rig.h->srcpad, GST_EVENT_STREAM_START, 0);
    gst_harness_push_event(rig.h, g_steal_pointer(&again)); /* pads linked anew: the same stream */
    rig_push(&rig, codes[i]);
    rig_wait_buffers(&rig, 3);
    assert_string_equal(rig_verdict(rig_buffer(&rig, 2)), i ? "unsafe" : "safe");

    gst_harness_push_event(rig.h, gst_event_new_stream_start("another"));
    g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
    gst_harness_push_event(rig.h, gst_event_new_caps(caps));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
    rig_push(&rig, FAKE_UNSAFE);
    rig_wait_buffers(&rig, 4);
    fake_answer_all(&rig.fake); /* of the last stream: no verdict on this one */
    rig_push(&rig, FAKE_UNSAFE);
    rig_wait_buffers(&rig, 5);
    for (guint n = 3; n < 5; n++) {
      assert_string_equal(rig_verdict(rig_buffer(&rig, n)), "failed");
      assert_string_equal(rig_reason(rig_buffer(&rig, n)), "failed-stale");
      assert_int_equal(rig_looks(rig_buffer(&rig, n)), LOOKS_BLANK);
    }
    fake_answer_all(&rig.fake);
    rig_push(&rig, FAKE_UNSAFE);
    rig_wait_buffers(&rig, 6);
    assert_string_equal(rig_verdict(rig_buffer(&rig, 5)), "unsafe");
    fake_answer_all(&rig.fake);
    rig_clear(&rig);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(latency_by_the_formula),
      cmocka_unit_test(latency_message),
      cmocka_unit_test(deadline_closed),
      cmocka_unit_test(deadline_open),
      cmocka_unit_test(newest_is_scored_in_time),
      cmocka_unit_test(upstream_latency_counts),
      cmocka_unit_test(monitor_ages),
      cmocka_unit_test(monitor_redacts),
      cmocka_unit_test(monitor_fails_in_an_interval),
      cmocka_unit_test(overload_is_told_once),
      cmocka_unit_test(hanging_engine_stays_bounded),
      cmocka_unit_test(monitor_across_streams),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
