/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verdict as a classification of GStreamer's analytics library, which came with 1.24. Nothing
 * outside this file knows of it. */
#include "gst/gsthysacprivate.h"

#ifdef HYSAC_HAVE_ANALYTICS
#include <gst/analytics/analytics.h>

/* How far the sample speaks for the verdict. The policy may decide against its sample (pre-roll, or
 * too few of n): then this is below one half. A failure is certain, and so is a moderator. */
static float
confidence(const GstHysacOutcome *outcome)
{
  if (!outcome->decision.has_sample || !outcome->decision.sample_ok ||
      g_str_equal(outcome->verdict, "failed") || outcome->human != HYSAC_CONTROL_NONE)
    return 1;
  return (float)(g_str_equal(outcome->verdict, "unsafe") ? outcome->judged.score
                                                         : 1 - outcome->judged.score);
}

gboolean
gst_hysac_analytics_add(GstBuffer *buffer, const GstHysacOutcome *outcome)
{
  /* A buffer has one relation meta, which detectors upstream may have filled. */
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
  if (!meta)
    meta = gst_buffer_add_analytics_relation_meta(buffer);
  GstAnalyticsClsMtd mtd;
  return meta && gst_analytics_relation_meta_add_one_cls_mtd(
                     meta, confidence(outcome), g_quark_from_static_string(outcome->verdict), &mtd);
}

#else

gboolean
gst_hysac_analytics_add(GstBuffer *buffer, const GstHysacOutcome *outcome)
{
  return TRUE;
}

#endif
