/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verdict as a GstAnalytics classification; only built where GStreamer has that (1.24). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gst/analytics/analytics.h>
#include <math.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

/* The last classification on @buffer is of one class: @verdict. Returns its confidence. */
static double
classification(GstBuffer *buffer, const char *verdict)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
  assert_non_null(meta);
  GstAnalyticsMtd each, last = {0};
  gpointer state = NULL;
  while (gst_analytics_relation_meta_iterate(meta, &state, gst_analytics_cls_mtd_get_mtd_type(),
                                             &each))
    last = each;
  assert_non_null(last.meta);
  assert_int_equal(gst_analytics_cls_mtd_get_length(&last), 1);
  assert_string_equal(g_quark_to_string(gst_analytics_cls_mtd_get_quark(&last, 0)), verdict);
  return (double)gst_analytics_cls_mtd_get_level(&last, 0);
}

static double
score(GstBuffer *buffer)
{
  double value = NAN;
  assert_true(gst_hysac_meta_get_score(gst_buffer_get_hysac_meta(buffer), &value));
  return value;
}

static void
says_what_the_meta_says(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, "action",
           GST_HYSAC_ACTION_TAG, "on-failure", GST_HYSAC_ON_FAILURE_PASS, NULL);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  rig_push(&rig, FAKE_ERROR);
  rig_finish(&rig);
  GstBuffer *safe = rig_buffer(&rig, 0), *unsafe = rig_buffer(&rig, 1);
  const double of_safe = classification(safe, "safe"), of_unsafe = classification(unsafe, "unsafe");
  assert_true(fabs(of_safe - (1 - score(safe))) < 1e-6 && of_safe > 0.5);
  assert_true(fabs(of_unsafe - score(unsafe)) < 1e-6 && of_unsafe > 0.5);
  assert_true(classification(rig_buffer(&rig, 2), "failed") >= 1);
  rig_clear(&rig);
}

/* Two samples of three confirm: the first one alone passes, and its sample speaks against that. */
static void
class_is_the_decision(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, "confirm-k", 2, "confirm-n", 3,
           "action", GST_HYSAC_ACTION_TAG, NULL);
  rig_push(&rig, FAKE_UNSAFE);
  rig_push_n(&rig, 5, FAKE_SAFE);
  rig_finish(&rig);
  assert_string_equal(rig_reason(rig_buffer(&rig, 0)), "unconfirmed");
  assert_true(classification(rig_buffer(&rig, 0), "safe") < 0.5);
  rig_clear(&rig);
}

static void
detect(GstBuffer *buffer)
{
  GstAnalyticsODMtd mtd;
  assert_true(gst_analytics_relation_meta_add_od_mtd(gst_buffer_add_analytics_relation_meta(buffer),
                                                     g_quark_from_static_string("face"), 1, 2, 3, 4,
                                                     0.9F, &mtd));
}

/* The number of detections; 0 also where there is no relation meta. */
static gsize
detections(GstBuffer *buffer)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
  GstAnalyticsMtd mtd;
  gpointer state = NULL;
  gsize n = 0;
  while (meta && gst_analytics_relation_meta_iterate(meta, &state,
                                                     gst_analytics_od_mtd_get_mtd_type(), &mtd))
    n++;
  return n;
}

/* Where a face was is told of no frame that is redacted; on the others it stays. */
static void
detections_go_with_the_picture(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, "action",
           GST_HYSAC_ACTION_BLUR, NULL);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *frame = rig_frame(&rig, i ? FAKE_UNSAFE : FAKE_SAFE);
    detect(frame);
    gst_harness_push(rig.h, frame);
  }
  rig_finish(&rig);
  assert_int_equal(detections(rig_buffer(&rig, 0)), 1);
  classification(rig_buffer(&rig, 0), "safe");
  assert_int_equal(detections(rig_buffer(&rig, 1)), 0);
  classification(rig_buffer(&rig, 1), "unsafe");
  rig_clear(&rig);
}

/* The other branch of a tee sees no verdict in its relation meta. */
static void
shared_meta_stays(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, NULL);
  GstBuffer *frame = rig_frame(&rig, FAKE_SAFE);
  detect(frame);
  g_autoptr(GstBuffer) other = gst_buffer_ref(frame);
  gst_harness_push(rig.h, frame);
  rig_finish(&rig);
  classification(rig_buffer(&rig, 0), "safe");
  assert_int_equal(
      gst_analytics_relation_get_length(gst_buffer_get_analytics_relation_meta(other)), 1);
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_what_the_meta_says),
      cmocka_unit_test(class_is_the_decision),
      cmocka_unit_test(detections_go_with_the_picture),
      cmocka_unit_test(shared_meta_stays),
  };
  gst_init(NULL, NULL);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
