/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* action=drop: a gap of the frame's time in its place, DISCONT on the next, and downstream is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

/* action=drop: a gap of the frame's time instead of it, and DISCONT on the next. */
static void
drop_makes_gaps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_finish(&rig);
  rig_assert_record(&rig, "SCGooggooE");
  GstClockTime time, duration;
  GstEvent *gap = rig.out->pdata[5];
  gst_event_parse_gap(gap, &time, &duration);
  assert_true(time == 2 * RIG_FRAME && duration == RIG_FRAME);
  assert_false(GST_BUFFER_FLAG_IS_SET(rig_buffer(&rig, 1), GST_BUFFER_FLAG_DISCONT));
  assert_true(GST_BUFFER_FLAG_IS_SET(rig_buffer(&rig, 2), GST_BUFFER_FLAG_DISCONT));
  assert_false(GST_BUFFER_FLAG_IS_SET(rig_buffer(&rig, 3), GST_BUFFER_FLAG_DISCONT));
  assert_int_equal(rig_stat(&rig, "dropped"), 2);
  rig_clear(&rig);
}

/* A failed frame with action=drop is dropped too. */
static void
drop_on_failure(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_push_n(&rig, 1, FAKE_ERROR);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_finish(&rig);
  rig_assert_record(&rig, "SCGogoE");
  rig_clear(&rig);
}

/* Gaps of the frames' times, DISCONT on what follows, in every kind of failure and in a flicker hold. */
static void
drop_in_full(void **state)
{
  static const char *const texts[] = {"suus", "sees", "snns", "srrs", "sues", "suss"};
  for (guint t = 0; t < G_N_ELEMENTS(texts); t++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
    rig_push_text(&rig, texts[t]);
    rig_finish(&rig);
    GstClockTime next = 0;
    gboolean after_gap = FALSE;
    for (guint i = 0; i < rig.out->len; i++) {
      GstClockTime time, duration;
      gpointer object = rig.out->pdata[i];
      if (GST_IS_BUFFER(object)) {
        assert_int_equal(texts[t][next / RIG_FRAME], 's');
        assert_int_equal(GST_BUFFER_PTS(object), next);
        assert_int_equal(GST_BUFFER_FLAG_IS_SET(object, GST_BUFFER_FLAG_DISCONT), after_gap);
        assert_int_equal(rig_looks(object), LOOKS_ORIGINAL);
        after_gap = FALSE;
      } else if (GST_EVENT_TYPE(object) == GST_EVENT_GAP) {
        gst_event_parse_gap(object, &time, &duration);
        assert_int_not_equal(texts[t][next / RIG_FRAME], 's');
        assert_int_equal(time, next);
        assert_int_equal(duration, RIG_FRAME);
        after_gap = TRUE;
      } else {
        continue;
      }
      next += RIG_FRAME;
    }
    assert_int_equal(next, 4 * RIG_FRAME);
    rig_clear(&rig);
  }
}

/* Frames without a PTS leave gaps too, where their running time lies in the segment. */
static void
drop_without_timestamps(void **state)
{
  static const GstClockTime expected[] = {0, RIG_FRAME, 2 * RIG_FRAME, 10 * GST_SECOND,
                                          10 * GST_SECOND + RIG_FRAME};
  Rig rig;
  guint n = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
    if (i == 3) {
      GstSegment segment;
      gst_segment_init(&segment, GST_FORMAT_TIME);
      segment.start = segment.time = segment.position = 10 * GST_SECOND;
      segment.base = 3 * RIG_FRAME;
      gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
    }
    GstBuffer *frame = rig_frame(&rig, FAKE_UNSAFE);
    GST_BUFFER_PTS(frame) = GST_CLOCK_TIME_NONE;
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  rig_finish(&rig);
  for (guint i = 0; i < rig.out->len; i++) {
    GstClockTime time, duration;
    if (!GST_IS_EVENT(rig.out->pdata[i]) || GST_EVENT_TYPE(rig.out->pdata[i]) != GST_EVENT_GAP)
      continue;
    gst_event_parse_gap(rig.out->pdata[i], &time, &duration);
    assert_in_range(n, 0, G_N_ELEMENTS(expected) - 1);
    assert_int_equal(time, expected[n++]);
    assert_int_equal(duration, RIG_FRAME);
  }
  assert_int_equal(n, G_N_ELEMENTS(expected));
  rig_clear(&rig);
}

static gboolean
ignore_gaps(GstPad *pad, GstObject *parent, GstEvent *event)
{
  const gboolean taken = GST_EVENT_TYPE(event) != GST_EVENT_GAP;
  gst_event_unref(event);
  return taken;
}

static GstFlowReturn
drop_until_it_stops(Rig *rig)
{
  GstFlowReturn flow = GST_FLOW_OK;
  for (guint i = 0; i < 10000 && flow == GST_FLOW_OK; i++) {
    flow = rig_push(rig, FAKE_UNSAFE);
    g_usleep(1000);
  }
  return flow;
}

/* Where everything is dropped it is seen all the same that nobody is there any more; but one who does
 * nothing with gaps is. */
static void
drop_sees_downstream(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_text(&rig, "s");
  rig_wait_buffers(&rig, 1);
  gst_pad_set_event_function(rig.h->sinkpad, ignore_gaps);
  rig_push_text(&rig, "uuuuus");
  rig_wait_buffers(&rig, 2);
  rig_finish(&rig);
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_text(&rig, "s");
  rig_wait_buffers(&rig, 1);
  assert_true(gst_pad_send_event(rig.h->sinkpad, gst_event_new_eos()));
  assert_int_equal(drop_until_it_stops(&rig), GST_FLOW_EOS);
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_text(&rig, "s");
  rig_wait_buffers(&rig, 1);
  g_autoptr(GstPad) src = gst_element_get_static_pad(rig.element, "src");
  assert_true(gst_pad_unlink(src, rig.h->sinkpad));
  assert_int_equal(drop_until_it_stops(&rig), GST_FLOW_NOT_LINKED);
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(drop_makes_gaps),
      cmocka_unit_test(drop_on_failure),
      cmocka_unit_test(drop_in_full),
      cmocka_unit_test(drop_without_timestamps),
      cmocka_unit_test(drop_sees_downstream),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
