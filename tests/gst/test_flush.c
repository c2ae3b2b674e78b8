/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Flushes: nothing of before comes out after one, what is sticky stays, and who waits is woken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

/* Flush while requests are under way: nothing of before comes out after it, nor do its answers
 * decide frames of after it. */
static void
flush_during_inference(void **state)
{
  for (guint run = 0; run < 20; run++) {
    Rig rig;
    rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
    rig_push_n(&rig, 3, FAKE_UNSAFE);
    fake_wait_submitted(&rig.fake, 3);
    rig_push_event(&rig, gst_event_new_flush_start());
    if (run % 2)
      fake_answer_all(&rig.fake);
    rig_push_event(&rig, gst_event_new_flush_stop(TRUE));
    rig_push_event(&rig, rig_segment(0, 0));
    rig.next = 50;
    rig_push_n(&rig, 2, FAKE_SAFE);
    fake_answer_all(&rig.fake);
    rig_finish(&rig);
    assert_int_equal(rig_n_buffers(&rig), 2);
    for (guint i = 0; i < 2; i++) {
      assert_int_equal(rig_number(rig_buffer(&rig, i)), 50 + i);
      assert_int_equal(rig_looks(rig_buffer(&rig, i)), LOOKS_ORIGINAL);
      assert_string_equal(rig_origin(rig_buffer(&rig, i)), "scored");
    }
    assert_int_equal(rig_stat(&rig, "in-flight"), 0); /* stale answers are not counted */
    rig_clear(&rig);
  }
}

/* Caps and tags that were held when the flush came still reach downstream. */
static void
flush_keeps_sticky_events(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_wait_event(&rig, GST_EVENT_SEGMENT);
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS ",chroma-site=jpeg"); /* behind the frame */
  rig_push_event(&rig, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "t", NULL)));
  rig_push_event(&rig, gst_event_new_flush_start());
  rig_push_event(&rig, gst_event_new_flush_stop(TRUE));
  rig_push_event(&rig, rig_segment(0, 0));
  rig_push_n(&rig, 1, FAKE_SAFE);
  fake_answer_all(&rig.fake);
  rig_finish(&rig);
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(rig.h->sinkpad);
  assert_true(gst_structure_has_field(gst_caps_get_structure(caps, 0), "chroma-site"));
  g_autofree char *record = rig_record(&rig);
  assert_non_null(strchr(record, 'T'));
  assert_true(g_str_has_suffix(record, "oE"));
  rig_clear(&rig);
}

/* A flush finds caps in the hold, and older ones in the task's hands: the newest are what counts. */
static void
flush_keeps_the_newest_caps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  g_autoptr(GstPad) src = gst_element_get_static_pad(rig.element, "src");
  volatile guint spin;
  for (gint i = 0; i < 2000; i++) {
    for (gint j = 0; j < 4; j++) {
      g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS ",n=(int)0");
      gst_caps_set_simple(caps, "n", G_TYPE_INT, 4 * i + j, NULL);
      assert_true(rig_push_event(&rig, gst_event_new_caps(caps)));
    }
    /* The flush is to come when the task is anywhere. */
    for (spin = 0; spin < (guint)i % 64 * 256; spin++)
      ;
    rig_push_event(&rig, gst_event_new_flush_start());
    rig_push_event(&rig, gst_event_new_flush_stop(TRUE));
    rig_push_event(&rig, rig_segment(0, 0));
    const guint before = rig_n_buffers(&rig);
    rig_push_n(&rig, 1, FAKE_SAFE);
    rig_wait_buffers(&rig, before + 1);
    g_autoptr(GstCaps) caps = gst_pad_get_current_caps(src);
    gint n = -1;
    gst_structure_get_int(gst_caps_get_structure(caps, 0), "n", &n);
    assert_int_equal(n, 4 * i + 3);
  }
  rig_clear(&rig);
}

static gpointer
push_until_refused(gpointer user_data)
{
  Rig *rig = user_data;
  GstFlowReturn flow;
  do
    flow = rig_push(rig, FAKE_SAFE);
  while (flow == GST_FLOW_OK);
  return GINT_TO_POINTER(flow);
}

/* A flush wakes an upstream that waits for room; the first frame after it is a sample again. */
static void
flush_wakes_upstream(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push(&rig, FAKE_SAFE);
  const guint limit = (guint)rig_stat(&rig, "hold-limit");
  GThread *thread = g_thread_new("push", push_until_refused, &rig);
  fake_wait_submitted(&rig.fake, limit);
  rig_push_event(&rig, gst_event_new_flush_start());
  assert_int_equal(GPOINTER_TO_INT(g_thread_join(thread)), GST_FLOW_FLUSHING);
  rig_push_event(&rig, gst_event_new_flush_stop(TRUE));
  rig_push_event(&rig, rig_segment(0, 0));
  fake_answer_all(&rig.fake);
  const guint before = fake_n_submitted(&rig.fake);
  rig_push(&rig, FAKE_SAFE);
  fake_wait_submitted(&rig.fake, before + 1);
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 1);
  rig_clear(&rig);
}

/* A seek in the middle: new numbers, no leak, no mix with frames of before. */
static void
random_flushes(void **state)
{
  const guint seed = rig_seed();
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 80 * GST_MSECOND, NULL);
  rig.fake.seed = seed;
  for (guint seek = 0; seek < 50; seek++) {
    const guint n = (guint)g_rand_int_range(rand, 0, 12);
    rig_push_n(&rig, n, seek % 2 ? FAKE_UNSAFE : FAKE_SAFE);
    rig_push_event(&rig, gst_event_new_flush_start());
    rig_push_event(&rig, gst_event_new_flush_stop(TRUE));
    rig.next = (seek + 1) * 100;
    rig_push_event(&rig, rig_segment(rig.next * RIG_FRAME, 0));
  }
  rig_push_n(&rig, 5, FAKE_UNSAFE);
  rig_finish(&rig);
  gint64 last = -1;
  for (guint i = 0; i < rig_n_buffers(&rig); i++) {
    const guint32 number = rig_number(rig_buffer(&rig, i));
    assert_true((gint64)number > last);
    last = number;
    const gboolean unsafe = number >= 5000 || (number / 100) % 2;
    if (rig_looks(rig_buffer(&rig, i)) != (unsafe ? LOOKS_BLANK : LOOKS_ORIGINAL))
      fail_msg("%u %s", number, rig_reason(rig_buffer(&rig, i)));
    assert_int_equal(rig_looks(rig_buffer(&rig, i)), unsafe ? LOOKS_BLANK : LOOKS_ORIGINAL);
  }
  assert_int_equal(last, 5004);
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flush_during_inference),
      cmocka_unit_test(flush_keeps_sticky_events),
      cmocka_unit_test(flush_keeps_the_newest_caps),
      cmocka_unit_test(flush_wakes_upstream),
      cmocka_unit_test(random_flushes),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
