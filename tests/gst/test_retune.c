/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Thresholds, action and durations changed while it plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rigcontrol.h"

#define FULL "sample-interval", (guint64)0

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
  rig_assert_frames(&rig, "ox");
  assert_string_equal(rig_reason(rig_buffer(&rig, 1)), "unsafe");

  /* And back, by the bound: 0.2 above it is 0.2 below. */
  g_object_set(rig.element, "leave-margin", 0.0, "bound", 0.9, NULL);
  rig_push_n(&rig, 30, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 32); /* all but those that wait */
  rig_assert_frames(&rig, "oxoooooooooooooooooooooooooooooo");
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
  rig_run(&rig, 1, FAKE_UNSAFE);
  g_object_set(rig.element, "enter-margin", 0.1, NULL);
  rig_run(&rig, 2, FAKE_UNSAFE);
  g_object_set(rig.element, "bound", 0.8, NULL);
  rig_run(&rig, 30, FAKE_UNSAFE);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 4)), "safe"); /* it would flicker */
  g_object_set(rig.element, "max-age", RIG_FRAME, NULL);
  rig_run(&rig, 1, FAKE_UNSAFE);
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
  rig_assert_frames(&rig, "x?oo");
  rig_clear(&rig);

  /* An interval that is over is longer, or shorter, from the next frame on. */
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "post-roll", 10 * RIG_FRAME, NULL);
  rig_run(&rig, 1, FAKE_UNSAFE);
  rig_run(&rig, 2, FAKE_SAFE);
  g_object_set(rig.element, "post-roll", 3 * RIG_FRAME, NULL);
  rig_run(&rig, 2, FAKE_SAFE);
  rig_assert_frames(&rig, "xxxxo");
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "post-roll", 2 * RIG_FRAME, NULL);
  rig_run(&rig, 1, FAKE_UNSAFE);
  rig_run(&rig, 1, FAKE_SAFE);
  g_object_set(rig.element, "min-duration", 6 * RIG_FRAME, NULL);
  rig_run(&rig, 8, FAKE_SAFE);
  rig_assert_frames(&rig, "xxxxxxxxxo");
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(thresholds_reach_held_frames),
      cmocka_unit_test(thresholds_reach_the_latest_verdict),
      cmocka_unit_test(actions_and_durations),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
