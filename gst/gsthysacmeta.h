/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/*
 * The verdict on a frame or a text (hysactext): a GstCustomMeta named "GstHysacMeta", without tags, so that it survives
 * converters, scalers and encoders. The accessors below are all that an application needs; they
 * link against nothing but GStreamer.
 *
 *   verdict      string   "safe", "unsafe" or "failed" (not checked; never means unsafe)
 *   reason       string   hysac_reason_to_string()
 *   action       string   what was done: "none", "tag", "blur", "pixelate", "blank", "drop",
 *                         "slate", "freeze"; of a text "mask", "replace"
 *   origin       string   "scored" (this very frame), "inherited" (a neighbour), "failed", "human"; of a
 *                         text "joined" (with those before it), "empty"
 *   distance     double   to the root; absent where no sample tells
 *   bound        double   distance above which a sample is unsafe
 *   margin       double   distance - bound; absent with distance
 *   score        double   0..1, 0.5 at the bound; no probability; absent with distance
 *   sample-time  gint64   running time of the sample that tells most, ns; absent with distance
 *   age          gint64   the frame's running time - sample-time, ns; absent with distance
 *   reused       boolean  that sample was not encoded: it does not differ from one that was, and has
 *                         its distance; absent with distance
 *   advisory     GstStructure  scores of categories and of a head beside the verdict: docs/element.md;
 *                         absent where the model has neither
 *   rules        string   rules of the policy that redact the frame, "violence,head"; else absent
 *   calibrated   boolean  the bound was fitted, it is not the reference's
 *   interval-id  guint64  the unsafe interval that the frame lies in; 0 for none
 *   model-verdict, model-reason  string   what the model says where a moderator decided; else absent
 */

G_BEGIN_DECLS

#define GST_HYSAC_META_NAME "GstHysacMeta"

/* The meta's fields, or NULL; borrowed from @buffer. */
static inline const GstStructure *
gst_buffer_get_hysac_meta(GstBuffer *buffer)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta(buffer, GST_HYSAC_META_NAME);
  return meta ? gst_custom_meta_get_structure(meta) : NULL;
}

/* Only what was checked and found safe is; no meta (NULL) is not. */
static inline gboolean
gst_hysac_meta_is_safe(const GstStructure *meta)
{
  return meta && g_strcmp0(gst_structure_get_string(meta, "verdict"), "safe") == 0;
}

static inline const gchar *
gst_hysac_meta_get_verdict(const GstStructure *meta)
{
  return gst_structure_get_string(meta, "verdict");
}

static inline const gchar *
gst_hysac_meta_get_reason(const GstStructure *meta)
{
  return gst_structure_get_string(meta, "reason");
}

static inline const gchar *
gst_hysac_meta_get_action(const GstStructure *meta)
{
  return gst_structure_get_string(meta, "action");
}

static inline const gchar *
gst_hysac_meta_get_origin(const GstStructure *meta)
{
  return gst_structure_get_string(meta, "origin");
}

/* FALSE where no sample tells anything about the frame. */
static inline gboolean
gst_hysac_meta_get_distance(const GstStructure *meta, gdouble *distance)
{
  return gst_structure_get_double(meta, "distance", distance);
}

static inline gboolean
gst_hysac_meta_get_margin(const GstStructure *meta, gdouble *margin)
{
  return gst_structure_get_double(meta, "margin", margin);
}

static inline gboolean
gst_hysac_meta_get_score(const GstStructure *meta, gdouble *score)
{
  return gst_structure_get_double(meta, "score", score);
}

static inline gboolean
gst_hysac_meta_get_bound(const GstStructure *meta, gdouble *bound)
{
  return gst_structure_get_double(meta, "bound", bound);
}

static inline gboolean
gst_hysac_meta_get_sample_time(const GstStructure *meta, gint64 *time)
{
  return gst_structure_get_int64(meta, "sample-time", time);
}

static inline gboolean
gst_hysac_meta_get_age(const GstStructure *meta, gint64 *age)
{
  return gst_structure_get_int64(meta, "age", age);
}

static inline gboolean
gst_hysac_meta_get_reused(const GstStructure *meta)
{
  gboolean reused = FALSE;
  return gst_structure_get_boolean(meta, "reused", &reused) && reused;
}

/* NULL where there is nothing beside the verdict. Borrowed. */
static inline const GstStructure *
gst_hysac_meta_get_advisory(const GstStructure *meta)
{
  const GValue *value = gst_structure_get_value(meta, "advisory");
  return value && GST_VALUE_HOLDS_STRUCTURE(value) ? gst_value_get_structure(value) : NULL;
}

/* NULL where no rule of the policy redacts the frame. */
static inline const gchar *
gst_hysac_meta_get_rules(const GstStructure *meta)
{
  return gst_structure_get_string(meta, "rules");
}

static inline gboolean
gst_hysac_meta_get_calibrated(const GstStructure *meta)
{
  gboolean calibrated = FALSE;
  return gst_structure_get_boolean(meta, "calibrated", &calibrated) && calibrated;
}

static inline guint64
gst_hysac_meta_get_interval_id(const GstStructure *meta)
{
  guint64 id = 0;
  return gst_structure_get_uint64(meta, "interval-id", &id) ? id : 0;
}

/* NULL where no moderator decided: then the verdict is the model's. */
static inline const gchar *
gst_hysac_meta_get_model_verdict(const GstStructure *meta)
{
  return gst_structure_get_string(meta, "model-verdict");
}

static inline const gchar *
gst_hysac_meta_get_model_reason(const GstStructure *meta)
{
  return gst_structure_get_string(meta, "model-reason");
}

G_END_DECLS
