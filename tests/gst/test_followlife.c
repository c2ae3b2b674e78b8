/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A follower whose leader ends, fails, seeks, goes, or never comes: it neither hangs nor lets pass
 * what was not decided. And live: latency and deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacfollow.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/followrig.h"

#define LEAD "policy-group", "g", "sample-interval", (guint64)0
#define PATIENT "timeout", (guint64)3600 * GST_SECOND
#define BUDGET (20 * GST_MSECOND) /* the fake's */
#define MARGIN (10 * GST_MSECOND)

static void
assert_heard(Follow *follow, const char *expected)
{
  g_autofree char *heard = follow_heard(follow);
  assert_string_equal(heard, expected);
}

static void
assert_reasons(Follow *follow, const char *expected)
{
  g_autofree char *reasons = follow_reasons(follow);
  assert_string_equal(reasons, expected);
}

static void
no_leader(void **state)
{
  Follow follow;
  for (guint pass = 0; pass < 2; pass++) {
    follow_init(&follow, "g", FOLLOW_MS, FALSE, "timeout", (guint64)pass * GST_MSECOND,
                "on-undecided", pass, NULL);
    follow_push_ms(&follow, 0, 40);
    follow_push_ms(&follow, 40, 80);
    follow_settle(&follow);
    assert_heard(&follow, pass ? "--" : "mm");
    GstMessage *message = gst_bus_pop_filtered(follow.bus, GST_MESSAGE_ELEMENT);
    const GstStructure *s = gst_message_get_structure(message);
    assert_string_equal(gst_structure_get_string(s, "state"), "undecided");
    assert_string_equal(gst_structure_get_string(s, "reason"), "no-leader");
    assert_string_equal(gst_structure_get_string(s, "action"), pass ? "none" : "mute");
    assert_string_equal(gst_structure_get_string(s, "policy-group"), "g");
    gst_message_unref(message);
    /* At a terminal too, with what to do; once. */
    g_autoptr(GError) warning = NULL;
    g_autofree char *debug = NULL;
    message = gst_bus_pop_filtered(follow.bus, GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING);
    assert_true(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING);
    gst_message_parse_warning(message, &warning, &debug);
    assert_string_equal(warning->message, "No hysacmoderate leads the policy group \"g\".");
    assert_non_null(strstr(debug, pass ? "all passes unmoderated until" : "sound is muted until"));
    gst_message_unref(message);
    assert_null(gst_bus_pop_filtered(follow.bus, GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING));
    assert_int_equal(follow_stat(&follow, "undecided"), 80);
    follow_clear(&follow);
  }
}

/* A leader that is there but has no stream is none. */
static void
silent_leader(void **state)
{
  Rig rig;
  Follow follow;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_object_set(rig.element, "model", "fake", LEAD, NULL);
  gst_element_set_state(rig.element, GST_STATE_PAUSED);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  follow_push_ms(&follow, 0, 40);
  follow_settle(&follow);
  assert_heard(&follow, "m");
  assert_reasons(&follow, "leader-silent,");
  rig_play(&rig, FALSE);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_wait_buffers(&rig, 2);
  follow_push_ms(&follow, 40, 80);
  follow_settle(&follow);
  assert_heard(&follow, "m-");
  assert_reasons(&follow, "passed,");
  follow_clear(&follow);
  rig_clear(&rig);
}

static void
leader_comes_later(void **state)
{
  Rig rig;
  Follow follow;
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  follow_push_ms(&follow, 0, 80);
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  follow_settle(&follow);
  assert_heard(&follow, "-m");
  follow_clear(&follow);
  rig_clear(&rig);
}

static void
leader_ends_first(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  follow_push_ms(&follow, 0, 160); /* waits, and the end wakes it */
  follow_wait_inside(&follow);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_finish(&rig);
  follow_push_ms(&follow, 160, 200);
  follow_settle(&follow);
  assert_heard(&follow, "--mmm");
  assert_reasons(&follow, "passed,leader-ended,");
  follow_clear(&follow);
  rig_clear(&rig);
}

static void
follower_ends_first(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  follow_push_ms(&follow, 0, 80);
  follow_event(&follow, gst_event_new_eos());
  rig_push_n(&rig, 2, FAKE_SAFE);
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_int_equal(record[strlen(record) - 1], 'E');
  assert_heard(&follow, "--");
  rig_push_n(&rig, 200, FAKE_SAFE); /* and goes on alone */
  rig_finish(&rig);
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Before its first frame there is nothing to follow. */
static void
picture_starts_later(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  follow_push_ms(&follow, 0, 160);
  rig.next = 2;
  rig_push_n(&rig, 2, FAKE_SAFE);
  follow_settle(&follow);
  assert_heard(&follow, "mm--");
  assert_reasons(&follow, "before-leader,passed,");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Where no frame comes the last one is still on the screen: a hole, a gap, and a segment's end. */
static void
last_frame_stands(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  follow_push_ms(&follow, 0, 80);
  rig_push(&rig, FAKE_SAFE);
  gst_harness_push_event(rig.h, gst_event_new_gap(RIG_FRAME, RIG_FRAME)); /* nothing follows yet */
  follow_settle(&follow);
  assert_heard(&follow, "--");
  follow_push_ms(&follow, 80, 280);
  rig.next = 3;
  rig_push(&rig, FAKE_UNSAFE); /* 2 is a hole after the gap */
  rig.next = 5;
  rig_push(&rig, FAKE_SAFE); /* 4 is one */
  rig_wait_buffers(&rig, 3);
  gst_harness_push_event(rig.h, gst_event_new_gap(6 * RIG_FRAME, RIG_FRAME));
  follow_settle(&follow);
  assert_heard(&follow, "---mm--");
  follow_clear(&follow);
  rig_clear(&rig);
}

static void
leader_goes(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE);
  fake_wait_submitted(&rig.fake, 3);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 1);
  follow_push_ms(&follow, 0, 120);
  follow_wait_buffers(&follow, 1);
  assert_true(follow_is_blocked(&follow));
  rig_clear(&rig); /* its answers come, and nobody wants them */
  follow_settle(&follow);
  assert_heard(&follow, "-mm");
  assert_reasons(&follow, "passed,no-leader,");
  follow_clear(&follow);
}

/* After an error, its own or downstream's, the leader decides nothing more. */
static void
leader_fails(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, "on-failure", GST_HYSAC_ON_FAILURE_ERROR, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  follow_push_ms(&follow, 0, 120);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_ERROR);
  follow_settle(&follow);
  assert_heard(&follow, "-mm");
  assert_reasons(&follow, "passed,leader-stopped,");
  follow_clear(&follow);
  rig_clear(&rig);
}

static void
caps_change_of_the_leader(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  follow_push_ms(&follow, 0, 160);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS ",chroma-site=jpeg");
  rig_push(&rig, FAKE_UNSAFE);
  rig_push(&rig, FAKE_SAFE);
  follow_settle(&follow);
  assert_heard(&follow, "-mm-");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* A seek reaches the follower first: what was decided of the old time does not count. */
static void
seek_follower_first(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  rig_push_n(&rig, 4, FAKE_SAFE);
  rig_wait_buffers(&rig, 4);
  follow_push_ms(&follow, 0, 80);
  follow_settle(&follow);
  assert_heard(&follow, "--");
  const guint32 seek = gst_util_seqnum_next();
  rig_flush(follow.h, seek, TRUE);
  follow_push_ms(&follow, 0, 80);
  rig_push_n(&rig, 2, FAKE_SAFE); /* still of the old time */
  rig_wait_buffers(&rig, 6);
  rig_flush(rig.h, seek, TRUE);
  rig.next = 0;
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  follow_settle(&follow);
  assert_heard(&follow, "mm");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* It reaches the leader first: sound of the old time is not judged by the new pictures. */
static void
seek_leader_first(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, PATIENT, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_wait_buffers(&rig, 1);
  follow_push_ms(&follow, 0, 40);
  follow_settle(&follow);
  const guint32 seek = gst_util_seqnum_next();
  rig_flush(rig.h, seek, TRUE);
  rig.next = 0;
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_wait_buffers(&rig, 3);
  follow_push_ms(&follow, 40, 80);
  follow_wait_inside(&follow);
  assert_int_equal(follow_n_buffers(&follow), 1);
  rig_flush(follow.h, seek, TRUE);
  follow_settle(&follow);
  assert_int_equal(follow.flow, GST_FLOW_FLUSHING);
  follow_push_ms(&follow, 0, 40);
  follow_settle(&follow);
  assert_int_equal(follow_n_buffers(&follow), 2);
  assert_heard(&follow, "-");

  /* Only this branch was flushed: its time is another, for good. */
  g_object_set(follow.element, "timeout", (guint64)0, NULL);
  rig_flush(follow.h, gst_util_seqnum_next(), TRUE);
  follow_push_ms(&follow, 0, 40);
  follow_settle(&follow);
  assert_heard(&follow, "m");
  g_autofree char *reasons = follow_reasons(&follow);
  assert_true(g_str_has_suffix(reasons, "other-time,"));
  follow_clear(&follow);
  rig_clear(&rig);
}

/* A flush that keeps the running time keeps what was decided. */
static void
flush_without_reset(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 2);
  rig_flush(follow.h, gst_util_seqnum_next(), FALSE);
  rig_flush(rig.h, gst_util_seqnum_next(), FALSE);
  follow_push_ms(&follow, 0, 120);
  rig_push(&rig, FAKE_SAFE);
  follow_settle(&follow);
  assert_heard(&follow, "-m-");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Who joins after a seek knows it by the segment. */
static void
join_after_a_seek(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_wait_buffers(&rig, 1);
  const guint32 seek = gst_util_seqnum_next();
  rig_flush(rig.h, seek, TRUE);
  rig.next = 0;
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_wait_buffers(&rig, 3);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  follow_push_ms(&follow, 0, 40);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  GstEvent *event = gst_event_new_segment(&segment);
  gst_event_set_seqnum(event, seek);
  follow_event(&follow, event);
  follow_push_ms(&follow, 40, 80);
  follow_settle(&follow);
  assert_heard(&follow, "m-");
  assert_reasons(&follow, "other-time,passed,");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* A flush and a change of state wake who waits. */
static void
wakes_when_it_must(void **state)
{
  for (guint i = 0; i < 2; i++) {
    Rig rig;
    Follow follow;
    rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, NULL);
    follow_init(&follow, "g", i ? FOLLOW_MS : "text/x-raw,format=utf8", FALSE, PATIENT, NULL);
    rig_push(&rig, FAKE_SAFE);
    fake_wait_submitted(&rig.fake, 1);
    GstBuffer *data = gst_buffer_new_memdup("data", 4);
    GST_BUFFER_PTS(data) = 0;
    follow_buffer(&follow, data);
    follow_wait_inside(&follow);
    gst_harness_push_event(follow.h, gst_event_new_flush_start());
    follow_settle(&follow);
    assert_int_equal(follow.flow, GST_FLOW_FLUSHING);
    gst_harness_push_event(follow.h, gst_event_new_flush_stop(FALSE));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    follow_event(&follow, gst_event_new_segment(&segment));
    follow_buffer(&follow, gst_buffer_new_memdup("data", 4));
    follow_wait_inside(&follow);
    gst_element_set_state(follow.element, GST_STATE_NULL);
    follow_settle(&follow);
    assert_int_equal(follow.flow, GST_FLOW_FLUSHING);
    assert_int_equal(follow_n_buffers(&follow), 0);
    follow_clear(&follow);
    fake_answer_all(&rig.fake);
    rig_clear(&rig);
  }
}

static guint
n_errors(GstBus *bus)
{
  guint n = 0;
  GstMessage *message;
  while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR))) {
    gst_message_unref(message);
    n++;
  }
  return n;
}

static void
two_leaders(void **state)
{
  Rig first, second;
  Follow follow;
  rig_init(&first, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  rig_init_bare(&second, FAKE_AT_ONCE);
  g_object_set(second.element, "model", "fake", LEAD, NULL);
  assert_int_equal(gst_element_set_state(second.element, GST_STATE_PAUSED),
                   GST_STATE_CHANGE_FAILURE);
  assert_int_equal(n_errors(second.bus), 1);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  rig_push(&first, FAKE_SAFE); /* the first one leads on */
  rig_wait_buffers(&first, 1);
  follow_push_ms(&follow, 0, 40);
  follow_settle(&follow);
  assert_heard(&follow, "-");
  rig_clear(&first);
  gst_element_set_state(second.element, GST_STATE_NULL);
  assert_int_equal(gst_element_set_state(second.element, GST_STATE_PAUSED),
                   GST_STATE_CHANGE_SUCCESS);
  follow_clear(&follow);
  rig_clear(&second);
}

static void
no_group_is_an_error(void **state)
{
  gst_init(NULL, NULL);
  g_autoptr(GstBus) bus = gst_bus_new();
  g_autoptr(GstElement) element =
      gst_object_ref_sink(g_object_new(GST_TYPE_HYSAC_FOLLOW, NULL));
  gst_element_set_bus(element, bus);
  assert_int_equal(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  assert_int_equal(n_errors(bus), 1);
  g_object_set(element, "policy-group", "g", NULL);
  for (guint i = 0; i < 100; i++) {
    assert_int_equal(gst_element_set_state(element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
    gst_element_set_state(element, GST_STATE_NULL);
  }
  gst_bus_set_flushing(bus, TRUE);
  gst_element_set_bus(element, NULL);
}

static GstClockTime
latency_of(GstElement *element)
{
  gboolean live;
  GstClockTime min;
  g_autoptr(GstPad) src = gst_element_get_static_pad(element, "src");
  g_autoptr(GstQuery) query = gst_query_new_latency();
  assert_true(gst_pad_query(src, query));
  gst_query_parse_latency(query, &live, &min, NULL);
  assert_true(live);
  return min;
}

/* The leader's whole latency, and the time that a buffer takes. At due, and not before, what is not
 * decided is muted. */
static void
live_deadline(void **state)
{
  Rig rig;
  Follow follow;
  const GstClockTime whole = 30 * GST_MSECOND + RIG_FRAME + BUDGET;
  rig_init(&rig, FAKE_MANUAL, TRUE, LEAD, NULL);
  gst_harness_set_upstream_latency(rig.h, 30 * GST_MSECOND);
  follow_init(&follow, "g", FOLLOW_MS, TRUE, NULL);
  gst_harness_set_upstream_latency(follow.h, 5 * GST_MSECOND);
  rig_push_n(&rig, 2, FAKE_SAFE);
  assert_true(latency_of(rig.element) == whole);
  assert_true(latency_of(follow.element) == whole + MARGIN);
  follow_push_ms(&follow, 0, 80);
  const GstClockTime due = whole + 80 * GST_MSECOND + MARGIN;
  g_autoptr(GstTestClock) clock = gst_harness_get_testclock(follow.h);
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  assert_true(gst_test_clock_get_next_entry_time(clock) == due);
  assert_true(latency_of(follow.element) == due);
  GstMessage *message =
      gst_bus_timed_pop_filtered(follow.bus, 10 * GST_SECOND, GST_MESSAGE_LATENCY);
  assert_non_null(message);
  gst_message_unref(message);
  fake_answer(&rig.fake); /* half of it */
  rig_wait_buffers(&rig, 1);
  assert_int_equal(follow_n_buffers(&follow), 0);
  gst_test_clock_crank(clock);
  follow_settle(&follow);
  assert_heard(&follow, "-m");
  assert_reasons(&follow, "passed,deadline,");
  fake_answer(&rig.fake); /* too late: nothing else comes of it */
  rig_wait_buffers(&rig, 2);
  follow_push_ms(&follow, 80, 120); /* in time, before its deadline */
  gst_test_clock_wait_for_next_pending_id(clock, NULL);
  rig_push(&rig, FAKE_SAFE);
  fake_answer(&rig.fake);
  follow_settle(&follow);
  assert_heard(&follow, "-m-");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Everyone has left: the registry is empty. */
static int
no_group_is_left(void **state)
{
  return gst_hysac_group_count() == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_teardown(name, no_group_is_left)

int
main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(no_leader),
      TEST(silent_leader),
      TEST(leader_comes_later),
      TEST(leader_ends_first),
      TEST(follower_ends_first),
      TEST(picture_starts_later),
      TEST(last_frame_stands),
      TEST(leader_goes),
      TEST(leader_fails),
      TEST(caps_change_of_the_leader),
      TEST(seek_follower_first),
      TEST(seek_leader_first),
      TEST(flush_without_reset),
      TEST(join_after_a_seek),
      TEST(wakes_when_it_must),
      TEST(two_leaders),
      TEST(no_group_is_an_error),
      TEST(live_deadline),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
