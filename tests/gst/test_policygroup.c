/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The group alone: what it knows of which time, and that it forgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacfollow.h"
#include "gst/policygroup.h"

/* However long it runs, a group's memory is bounded; what it no longer knows is undecided. */
static void
bounded_memory(void **state)
{
  GstHysacGroup *group = gst_hysac_group_get("g");
  g_autoptr(GstElement) any = gst_object_ref_sink(g_object_new(GST_TYPE_HYSAC_FOLLOW, NULL));
  const GstHysacAxis axis = {0};
  const guint both = GST_HYSAC_FRAME_UNSAFE | GST_HYSAC_FRAME_FAILED;
  assert_true(gst_hysac_group_lead(group, any));
  for (gint64 i = 0; i < 100000; i++)
    gst_hysac_group_publish(group, i * 10, i * 10 + 10,
                            i % 4 == 1   ? GST_HYSAC_FRAME_UNSAFE
                            : i % 4 == 3 ? GST_HYSAC_FRAME_FAILED
                                         : GST_HYSAC_FRAME_PASSED);
  assert_true(gst_hysac_group_n_stretches(group) <= 2048);
  gst_hysac_group_lock(group);
  GstHysacRun run = gst_hysac_group_look(group, &axis, both, 5);
  assert_int_equal(run.kind, GST_HYSAC_RUN_UNDECIDED);
  for (gint64 i = 99000; i < 100000; i++) {
    run = gst_hysac_group_look(group, &axis, both, i * 10);
    assert_int_equal(run.kind, i % 2 ? GST_HYSAC_RUN_MUTE : GST_HYSAC_RUN_PASS);
    assert_true(run.end == i * 10 + 10);
    run = gst_hysac_group_look(group, &axis, GST_HYSAC_FRAME_UNSAFE, i * 10 + 9);
    assert_int_equal(run.kind, i % 4 == 1 ? GST_HYSAC_RUN_MUTE : GST_HYSAC_RUN_PASS);
  }
  gst_hysac_group_unlock(group);
  gst_hysac_group_resign(group, any);
  gst_hysac_group_unref(group);
}

/* Time that runs backwards takes back what was decided, but what was redacted; overlaps are
 * redacted where either frame is. */
static void
backwards_and_overlaps(void **state)
{
  GstHysacGroup *group = gst_hysac_group_get("g");
  g_autoptr(GstElement) any = gst_object_ref_sink(g_object_new(GST_TYPE_HYSAC_FOLLOW, NULL));
  const GstHysacAxis axis = {0};
  static const struct {
    gint64 begin, end;
    GstHysacFrameFate fate;
    const char *all; /* of the times 0, 10, ... 90 */
  } steps[] = {
      {20, 40, GST_HYSAC_FRAME_UNSAFE, "??mm......"},
      {40, 60, GST_HYSAC_FRAME_PASSED, "??mm--...."},
      {50, 70, GST_HYSAC_FRAME_FAILED, "??mm-mm..."},
      {60, 80, GST_HYSAC_FRAME_PASSED, "??mm-mm-.."},
      {30, 50, GST_HYSAC_FRAME_PASSED, "??mm-....."},
      {50, 80, GST_HYSAC_FRAME_PASSED, "??mm-mm-.."},
      {0, 20, GST_HYSAC_FRAME_UNSAFE, "mm........"},
      {20, 100, GST_HYSAC_FRAME_PASSED, "mmmm-mm---"},
  };
  assert_true(gst_hysac_group_lead(group, any));
  for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
    char seen[11] = {0};
    gst_hysac_group_publish(group, steps[i].begin, steps[i].end, steps[i].fate);
    gst_hysac_group_lock(group);
    for (gint64 t = 0; t < 10; t++) {
      const GstHysacRun run = gst_hysac_group_look(group, &axis, ~0u, t * 10);
      seen[t] = "-m?."[run.kind];
      assert_true(run.end > t * 10);
    }
    gst_hysac_group_unlock(group);
    if (strcmp(seen, steps[i].all) != 0)
      fail_msg("step %u: %s, expected %s", i, seen, steps[i].all);
  }
  gst_hysac_group_resign(group, any);
  gst_hysac_group_unref(group);
}

int
main(void)
{
  gst_init(NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounded_memory),
      cmocka_unit_test(backwards_and_overlaps),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
