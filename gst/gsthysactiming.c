/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gsthysacprivate.h"

/* Taken for a frame's duration until the caps or the frames tell. */
#define FRAME_DURATION_UNKNOWN (40 * GST_MSECOND)
/* A longer gap between frames is a pause, not a frame: it must not become latency. */
#define FRAME_DURATION_MAX (1 * GST_SECOND)
/* The hold when frames come faster than their caps say, or caps say nothing. */
#define FRAME_DURATION_SHORT (GST_SECOND / 60)
/* Caps may promise any rate, and memory is not for the asking: faster frames fill the hold early,
 * which scores the newest of them. */
#define FRAME_DURATION_MIN (1 * GST_MSECOND)
#define SPARE_BUFFERS 4
#define MONITOR_BUFFERS 2

/* A variable rate has the caps' max-framerate here, if they have one: how fast, not how slow. */
gboolean
gst_hysac_has_fixed_rate(const GstVideoInfo *info)
{
  return GST_VIDEO_INFO_FPS_N(info) > 0 &&
         !(GST_VIDEO_INFO_FLAGS(info) & GST_VIDEO_FLAG_VARIABLE_FPS);
}

static gint64
by_rate(const GstVideoInfo *info)
{
  const gint64 frame = (gint64)gst_util_uint64_scale_int_ceil(
      GST_SECOND, GST_VIDEO_INFO_FPS_D(info), GST_VIDEO_INFO_FPS_N(info));
  /* Of alternate fields each comes by itself. */
  return GST_VIDEO_INFO_INTERLACE_MODE(info) == GST_VIDEO_INTERLACE_MODE_ALTERNATE ? (frame + 1) / 2
                                                                                   : frame;
}

static gint64
frame_duration(GstHysacModerate *self)
{
  const GstVideoInfo *info = self->caps ? &self->caps->info : NULL;
  if (info && gst_hysac_has_fixed_rate(info))
    return by_rate(info);
  if (self->longest_gap > 0)
    return MIN(self->longest_gap, (gint64)FRAME_DURATION_MAX);
  return FRAME_DURATION_UNKNOWN;
}

gboolean
gst_hysac_moderate_update_timing(GstHysacModerate *self)
{
  const GstHysacTiming before = self->timing;
  const GstVideoInfo *info = self->caps ? &self->caps->info : NULL;
  const HysacPolicyConfig config = gst_hysac_policy_config(&self->run);
  GstHysacTiming t = {.frame = frame_duration(self)};

  const gint64 interval = (gint64)self->run.interval;
  t.escape = hysac_policy_escape_bound(&config, interval, t.frame);
  t.budget = (gint64)self->run.request_budget;
  if (t.budget == 0 && self->scorer)
    t.budget = (gint64)self->scorer->budget;

  if (self->run.mode == GST_HYSAC_MODE_MONITOR) {
    t.buffers = MONITOR_BUFFERS;
    t.time = t.frame * MONITOR_BUFFERS;
    t.bytes = G_MAXUINT64;
  } else {
    const gboolean fast_known = info && GST_VIDEO_INFO_FPS_N(info) > 0;
    const gint64 usual = MIN(t.frame, fast_known ? by_rate(info) : (gint64)FRAME_DURATION_SHORT);
    const gint64 shortest = MAX(usual, (gint64)FRAME_DURATION_MIN);
    t.min = hysac_policy_max_hold(&config, interval, t.frame) + t.budget;
    const gint64 needed = (t.min + shortest - 1) / shortest + 1;
    const gint64 spare = MAX(SPARE_BUFFERS, needed / 4);
    t.buffers = (guint)MIN(needed + spare, (gint64)G_MAXINT);
    t.time = t.min + spare * t.frame;
    t.bytes = G_MAXUINT64;
    if (self->run.max_buffers)
      t.buffers = self->run.max_buffers;
    if (self->run.max_bytes)
      t.bytes = self->run.max_bytes;
    if (self->run.max_time)
      t.time = (gint64)self->run.max_time;
  }
  t.max = t.time;
  /* The user's limits in buffers and bytes bound the time as well. */
  if (self->run.mode == GST_HYSAC_MODE_GATE) {
    guint64 frames = t.buffers;
    if (info && self->run.max_bytes)
      frames = MIN(frames, t.bytes / MAX(GST_VIDEO_INFO_SIZE(info), 1));
    t.max = MIN(t.max,
                (gint64)MIN(frames, (guint64)G_MAXINT) * MAX(t.frame, (gint64)FRAME_DURATION_MIN));
  }
  self->timing = t;
  return before.min != t.min || before.max != t.max;
}

gboolean
gst_hysac_moderate_check_capacity(GstHysacModerate *self, char **why)
{
  const GstHysacTiming *t = &self->timing;
  if (self->run.mode == GST_HYSAC_MODE_MONITOR || !self->caps)
    return TRUE;
  const guint64 size = GST_VIDEO_INFO_SIZE(&self->caps->info);
  const gint64 frame = MAX(t->frame, (gint64)FRAME_DURATION_MIN);
  const guint64 frames = (guint64)((t->min + frame - 1) / frame) + 1;
  if (t->buffers < frames)
    *why =
        g_strdup_printf("max-size-buffers is %u, the gate must hold %" G_GUINT64_FORMAT " frames",
                        t->buffers, frames);
  else if (t->bytes < frames * size)
    *why = g_strdup_printf("max-size-bytes is %" G_GUINT64_FORMAT
                           ", the gate must hold %" G_GUINT64_FORMAT " bytes",
                           t->bytes, frames * size);
  else if (t->time < t->min)
    *why = g_strdup_printf("max-size-time is %" G_GINT64_FORMAT
                           " ns, the gate must hold %" G_GINT64_FORMAT " ns",
                           t->time, t->min);
  else
    return TRUE;
  return FALSE;
}

static gboolean
take_upstream(GstHysacModerate *self, GstQuery *query)
{
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency(query, &live, &min, &max);
  g_mutex_lock(&self->lock);
  self->live = live;
  self->upstream_min = GST_CLOCK_TIME_IS_VALID(min) ? (gint64)min : 0;
  self->upstream_max = GST_CLOCK_TIME_IS_VALID(max) ? (gint64)max : -1;
  self->latency_known = TRUE;
  gst_hysac_moderate_kick(self);
  g_mutex_unlock(&self->lock);
  return live;
}

gboolean
gst_hysac_moderate_query_upstream(GstHysacModerate *self)
{
  g_autoptr(GstQuery) query = gst_query_new_latency();
  if (!gst_pad_peer_query(self->sinkpad, query))
    return FALSE;
  take_upstream(self, query);
  return TRUE;
}

gboolean
gst_hysac_moderate_query_latency(GstHysacModerate *self, GstQuery *query)
{
  if (!gst_pad_peer_query(self->sinkpad, query))
    return FALSE;
  const gboolean live = take_upstream(self, query);

  g_mutex_lock(&self->lock);
  gst_hysac_moderate_update_timing(self);
  const GstClockTime min = (GstClockTime)(self->upstream_min + self->timing.min);
  /* Held frames are stored here: the hold adds to what upstream can store. */
  const GstClockTime max = self->upstream_max < 0
                               ? GST_CLOCK_TIME_NONE
                               : (GstClockTime)(self->upstream_max + self->timing.max);
  g_mutex_unlock(&self->lock);
  GST_DEBUG_OBJECT(self, "latency: live %d, min %" GST_TIME_FORMAT ", max %" GST_TIME_FORMAT, live,
                   GST_TIME_ARGS(min), GST_TIME_ARGS(max));
  gst_query_set_latency(query, live, min, max);
  return TRUE;
}
