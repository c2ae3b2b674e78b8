/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which caps are offered. Memory that is not the system's, and frames that carry more than their
 * picture (an overlay), can be looked at but not redacted: they are taken only where nothing but a
 * tag is asked for and no frame waits. Views in memory of their own are never taken: one picture a buffer is looked at. */
#include "gst/gsthysacprivate.h"

gboolean
gst_hysac_caps_are_foreign(GstCaps *caps)
{
  const GstCapsFeatures *features = gst_caps_get_features(caps, 0);
  if (gst_caps_features_is_any(features))
    return TRUE;
  for (guint i = 0; i < gst_caps_features_get_size(features); i++) {
    const char *feature = gst_caps_features_get_nth(features, i);
    if (!g_str_equal(feature, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY) &&
        !g_str_equal(feature, GST_CAPS_FEATURE_FORMAT_INTERLACED))
      return TRUE;
  }
  return FALSE;
}

/* A list that has it among others is narrowed down to one of them: then it is seen. */
static gboolean
has_views(const GstStructure *structure)
{
  return g_strcmp0(gst_structure_get_string(structure, "multiview-mode"), "separated") == 0;
}

gboolean
gst_hysac_caps_have_views(GstCaps *caps)
{
  return has_views(gst_caps_get_structure(caps, 0));
}

static gboolean
keep_single(GstCapsFeatures *features, GstStructure *structure, gpointer user_data)
{
  return !has_views(structure);
}

gboolean
gst_hysac_moderate_takes_foreign(GstHysacModerate *self)
{
  GST_OBJECT_LOCK(self);
  GstHysacMode mode = self->settings.mode;
  GstHysacAction action = self->settings.action;
  GST_OBJECT_UNLOCK(self);
  g_mutex_lock(&self->lock);
  if (self->started) { /* a mode that was set since waits for the next start */
    mode = self->run.mode;
    action = self->run.action;
  }
  g_mutex_unlock(&self->lock);
  return mode == GST_HYSAC_MODE_MONITOR && action == GST_HYSAC_ACTION_TAG;
}

/* Both pads pass on what the other side's peer can do, in system memory unless more is taken. */
gboolean
gst_hysac_moderate_query_caps(GstHysacModerate *self, GstPad *pad, GstQuery *query)
{
  static GstStaticCaps system_caps = GST_STATIC_CAPS(GST_HYSAC_SYSTEM_CAPS);
  if (!gst_pad_query_default(pad, GST_OBJECT(self), query))
    return FALSE;
  GstCaps *caps;
  gst_query_parse_caps_result(query, &caps);
  g_autoptr(GstCaps) single = gst_caps_copy(caps);
  gst_caps_filter_and_map_in_place(single, keep_single, NULL);
  if (gst_hysac_moderate_takes_foreign(self)) {
    gst_query_set_caps_result(query, single);
    return TRUE;
  }
  g_autoptr(GstCaps) system = gst_static_caps_get(&system_caps);
  g_autoptr(GstCaps) ours = gst_caps_intersect_full(single, system, GST_CAPS_INTERSECT_FIRST);
  gst_query_set_caps_result(query, ours);
  return TRUE;
}

gboolean
gst_hysac_moderate_query_accept_caps(GstHysacModerate *self, GstPad *pad, GstQuery *query)
{
  GstCaps *caps;
  gst_query_parse_accept_caps(query, &caps);
  if (gst_caps_is_fixed(caps) &&
      (gst_hysac_caps_have_views(caps) ||
       (gst_hysac_caps_are_foreign(caps) && !gst_hysac_moderate_takes_foreign(self)))) {
    gst_query_set_accept_caps_result(query, FALSE);
    return TRUE;
  }
  return gst_pad_query_default(pad, GST_OBJECT(self), query);
}
