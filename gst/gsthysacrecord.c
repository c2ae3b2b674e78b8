/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes on record besides the verdict log: the audit log and the segments. docs/records.md has the formats. */
#include "gst/gsthysacprivate.h"
#include "gst/jsonline.h"

/* The properties that decide, as members of a JSON object. */
void
gst_hysac_add_settings(GString *line, const GstHysacSettings *s)
{
  add_string(line, "mode", gst_hysac_enum_nick(gst_hysac_mode_get_type(), s->mode));
  add_string(line, "action", gst_hysac_enum_nick(gst_hysac_action_get_type(), s->action));
  add_string(line, "on_failure",
             gst_hysac_enum_nick(gst_hysac_on_failure_get_type(), s->on_failure));
  add_int(line, "sample_interval", (gint64)s->interval);
  add_int(line, "confirm_k", s->k);
  add_int(line, "confirm_n", s->n);
  add_double(line, "enter_margin", s->enter);
  add_double(line, "leave_margin", s->leave);
  add_int(line, "min_duration", (gint64)s->min_duration);
  add_int(line, "pre_roll", (gint64)s->pre_roll);
  add_int(line, "post_roll", (gint64)s->post_roll);
  add_int(line, "max_age", (gint64)s->max_age);
  add_string(line, "reuse", gst_hysac_enum_nick(gst_hysac_reuse_get_type(), s->reuse));
  add_int(line, "change_tolerance", s->change_tolerance);
  add_int(line, "change_budget", s->change_budget);
  add_int(line, "reuse_max_age", (gint64)s->reuse_max_age);
}

static void
open_audit(GstHysacModerate *self)
{
  const GstHysacScorer *scorer = self->scorer;
  GString *line = g_string_new("{");
  gst_hysac_add_model(line, GST_ELEMENT(self), self->run.model, scorer->beside.weights_sha256, scorer->device,
                      scorer->precision, &scorer->region);
  gst_hysac_add_settings(line, &self->run);
  g_string_append_c(line, '}');
  gst_hysac_logs_open_audit(&self->logs, self->run.audit_log, line);
}

static void
close_audit(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  const GstHysacCounters n = self->counters;
  g_mutex_unlock(&self->lock);
  GString *line = g_string_new("{");
  gst_hysac_add_totals(line, &n);
  g_string_append_c(line, '}');
  gst_hysac_logs_close_audit(&self->logs, self->run.audit_log, line);
}

void
gst_hysac_moderate_open_records(GstHysacModerate *self)
{
  const char *const paths[] = {self->run.segments_vtt, self->run.segments_edl};
  if (self->run.audit_log && *self->run.audit_log)
    open_audit(self);
  gst_hysac_segments_start(&self->segments);
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
    gst_hysac_segments_open(&self->segments, (HysacSegmentLogFormat)i, paths[i], self->run.model,
                            &self->scorer->region);
}

void
gst_hysac_moderate_close_records(GstHysacModerate *self)
{
  gst_hysac_segments_close(&self->segments);
  close_audit(self);
}

void
gst_hysac_moderate_record_frame(GstHysacModerate *self, const GstHysacHeld *held,
                                const GstHysacOutcome *outcome)
{
  const GstVideoInfo *info = &held->caps->info;
  const HysacSegmentFrame frame = gst_hysac_segment_frame(
      held->seq, held->stream_time, held->duration, GST_VIDEO_INFO_FPS_N(info) == 0, outcome);
  gst_hysac_segments_add(&self->segments, &frame, self->sinkpad, GST_VIDEO_INFO_FPS_N(info),
                         GST_VIDEO_INFO_FPS_D(info));
}

void
gst_hysac_moderate_record_break(GstHysacModerate *self)
{
  gst_hysac_segments_break(&self->segments);
}
