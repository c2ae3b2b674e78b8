/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text that follows: it goes where none of its frames is redacted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacfollowprivate.h"
#include "tests/gst/followrig.h"

#define LEAD "policy-group", "g", "sample-interval", (guint64)0

/* Frames 3 to 5 of 10 are unsafe. */
static void
lead_ten(Rig *rig)
{
  rig_push_n(rig, 3, FAKE_SAFE);
  rig_push_n(rig, 3, FAKE_UNSAFE);
  rig_push_n(rig, 4, FAKE_SAFE);
  rig_finish(rig);
}

static GstBuffer *
cue(guint64 from, guint64 to)
{
  GstBuffer *buffer = gst_buffer_new_memdup("hello", 5);
  GST_BUFFER_PTS(buffer) = from * GST_MSECOND;
  if (to > from)
    GST_BUFFER_DURATION(buffer) = (to - from) * GST_MSECOND;
  return buffer;
}

/* Text goes where none of its frames is redacted; a gap takes its place where one is. */
static void
text(void **state)
{
  static const char *caps[] = {"text/x-raw,format=utf8", "text/x-raw,format=pango-markup"};
  for (guint i = 0; i < 2; i++) {
    Rig rig;
    Follow follow;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
    follow_init(&follow, "g", caps[i], FALSE, NULL);
    lead_ten(&rig); /* 120 to 240 ms */
    follow_buffer(&follow, cue(0, 120));
    follow_buffer(&follow, cue(20, 121));
    follow_buffer(&follow, cue(130, 140));
    follow_buffer(&follow, cue(239, 300));
    follow_buffer(&follow, cue(240, 400));
    follow_buffer(&follow, cue(100, 400)); /* all of it inside */
    follow_buffer(&follow, cue(130, 0));   /* no duration: where it begins */
    follow_buffer(&follow, cue(300, 0));
    follow_buffer(&follow, cue(300, 401)); /* beyond the picture's end */
    follow_settle(&follow);
    g_autofree char *record = follow_record(&follow);
    assert_string_equal(record, "SCGbgggbggbg");
    GstClockTime time, duration;
    gst_event_parse_gap(follow.out->pdata[4], &time, &duration);
    assert_true(time == 20 * GST_MSECOND && duration == 101 * GST_MSECOND);
    assert_int_equal(follow_stat(&follow, "passed"), 3);
    assert_int_equal(follow_stat(&follow, "muted"), 5);
    assert_int_equal(follow_stat(&follow, "undecided"), 1);
    follow_clear(&follow);
    rig_clear(&rig);
  }
}

/* A cue without a timestamp follows the last one: its own time counts, not one that has been. */
static void
text_without_a_timestamp(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", "text/x-raw,format=utf8", FALSE, NULL);
  lead_ten(&rig);
  const guint64 ends[] = {80, 40, 80}; /* to 80, 120 and 200 ms */
  for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
    GstBuffer *buffer = cue(0, ends[i]);
    if (i > 0)
      GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
    follow_buffer(&follow, buffer);
  }
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_string_equal(record, "SCGbbg");
  GstClockTime time, duration;
  gst_event_parse_gap(follow.out->pdata[5], &time, &duration);
  assert_true(time == 120 * GST_MSECOND && duration == 80 * GST_MSECOND);
  assert_int_equal(follow_stat(&follow, "passed"), 2);
  assert_int_equal(follow_stat(&follow, "muted"), 1);
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Text that waits: the frames after its begin count. */
static void
text_waits(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, NULL);
  follow_init(&follow, "g", "text/x-raw,format=utf8", FALSE, NULL);
  follow_buffer(&follow, cue(0, 80));
  follow_buffer(&follow, cue(80, 160));
  rig_push_n(&rig, 3, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  fake_wait_submitted(&rig.fake, 4);
  for (guint i = 0; i < 3; i++)
    fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 3);
  follow_wait_buffers(&follow, 1);
  follow_wait_inside(&follow);
  assert_true(follow_is_blocked(&follow)); /* the second one's begin is decided, its end is not */
  fake_answer(&rig.fake);
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_string_equal(record, "SCGbg");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Live text: what is known of its time when it is due, and the rest when that is due. */
static void
live_text(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, LEAD, NULL);
  follow_init(&follow, "g", "text/x-raw,format=utf8", TRUE, NULL);
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(follow.h);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_wait_buffers(&rig, 2);
  GstBuffer *cue = gst_buffer_new_memdup("hello", 5);
  GST_BUFFER_PTS(cue) = 0;
  GST_BUFFER_DURATION(cue) = 400 * GST_MSECOND;
  follow_buffer(&follow, cue);
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  gst_test_clock_crank(clock);
  follow_wait_buffers(&follow, 1);
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 4);
  gst_test_clock_crank(clock);
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_string_equal(record, "SCGbg"); /* a redacted frame in what is left of it */
  GstBuffer *piece = follow.out->pdata[3];
  assert_true(GST_BUFFER_PTS(piece) == 0 && GST_BUFFER_DURATION(piece) == 2 * RIG_FRAME);
  GstClockTime time, duration;
  gst_event_parse_gap(follow.out->pdata[4], &time, &duration);
  assert_true(time == 2 * RIG_FRAME && duration == 8 * RIG_FRAME);
  follow_clear(&follow);
  rig_clear(&rig);
}

/* What was not decided may pass, and takes nothing along that is redacted. */
static void
undecided_passes_alone(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", "text/x-raw,format=utf8", FALSE, "on-undecided",
              GST_HYSAC_UNDECIDED_PASS, NULL);
  rig_push(&rig, FAKE_SAFE);
  rig_push_n(&rig, 4, FAKE_UNSAFE);
  rig_push(&rig, FAKE_SAFE);
  rig_finish(&rig);
  follow_buffer(&follow, cue(0, 200));
  follow_buffer(&follow, cue(40, 300));  /* redacted, passed, undecided from 240 on */
  follow_buffer(&follow, cue(200, 300)); /* passed, undecided */
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_string_equal(record, "SCGggb");
  assert_int_equal(follow_stat(&follow, "muted"), 2);
  assert_int_equal(follow_stat(&follow, "undecided"), 1);
  follow_clear(&follow);
  rig_clear(&rig);
}

static void
undecided_passes_alone_live(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, TRUE, LEAD, NULL);
  follow_init(&follow, "g", "text/x-raw,format=utf8", TRUE, "on-undecided",
              GST_HYSAC_UNDECIDED_PASS, NULL);
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(follow.h);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 2);
  follow_buffer(&follow, cue(0, 400));
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  gst_test_clock_crank(clock);
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow), *reasons = follow_reasons(&follow);
  assert_string_equal(record, "SCGg");
  assert_string_equal(reasons, "redacted,");
  follow_clear(&follow);
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text),
      cmocka_unit_test(text_without_a_timestamp),
      cmocka_unit_test(text_waits),
      cmocka_unit_test(live_text),
      cmocka_unit_test(undecided_passes_alone),
      cmocka_unit_test(undecided_passes_alone_live),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
