/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gsthysacmeta.h"

#include "gst/gsthysacprivate.h"

void
gst_hysac_meta_register(void)
{
  /* No tags: a verdict on the whole frame stays true when it is converted, scaled or encoded. */
  static const gchar *tags[] = {NULL};
  static gsize once;
  if (g_once_init_enter(&once)) {
    /* Registering a name twice is an error; another copy of this code may have done it. */
    if (!gst_meta_get_info(GST_HYSAC_META_NAME))
      gst_meta_register_custom(GST_HYSAC_META_NAME, tags, NULL, NULL, NULL);
    g_once_init_leave(&once, 1);
  }
}

gboolean
gst_hysac_meta_add(GstBuffer *buffer, const GstHysacOutcome *outcome)
{
  /* A verdict from upstream (another moderator) is not ours to keep beside this one. */
  GstCustomMeta *meta = gst_buffer_get_custom_meta(buffer, GST_HYSAC_META_NAME);
  if (meta)
    gst_buffer_remove_meta(buffer, &meta->meta);
  meta = gst_buffer_add_custom_meta(buffer, GST_HYSAC_META_NAME);
  if (!meta)
    return FALSE;
  GstStructure *s = gst_custom_meta_get_structure(meta);
  gst_structure_set(s, "verdict", G_TYPE_STRING, outcome->verdict, "reason", G_TYPE_STRING,
                    outcome->reason, "action", G_TYPE_STRING, outcome->action, "origin",
                    G_TYPE_STRING, outcome->origin, "bound", G_TYPE_DOUBLE, outcome->bound,
                    "calibrated", G_TYPE_BOOLEAN, outcome->calibrated, "interval-id", G_TYPE_UINT64,
                    outcome->decision.interval_id, NULL);
  if (outcome->decision.has_sample && outcome->decision.sample_ok)
    gst_structure_set(s, "distance", G_TYPE_DOUBLE, outcome->decision.distance, "margin",
                      G_TYPE_DOUBLE, outcome->decision.margin, "score", G_TYPE_DOUBLE,
                      outcome->judged.score, "sample-time", G_TYPE_INT64, outcome->sample_running,
                      "age", G_TYPE_INT64, outcome->age, "reused", G_TYPE_BOOLEAN,
                      outcome->decision.sample_reused, NULL);
  gst_hysac_rating_fill(outcome->rating, outcome->marks, s);
  if (outcome->human != HYSAC_CONTROL_NONE)
    gst_structure_set(s, "model-verdict", G_TYPE_STRING, outcome->model_verdict, "model-reason",
                      G_TYPE_STRING, outcome->model_reason, NULL);
  return gst_hysac_analytics_add(buffer, outcome);
}
