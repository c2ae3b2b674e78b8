/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes on record besides the verdict log: the audit log and the files of segments. docs/records.md has the
 * formats. */
#include "gst/gsthysacprivate.h"
#include "gst/jsonline.h"

#include <string.h>

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

/* What stands in a file of segments about its making. No path: such a file is passed on. */
static char *
provenance(GstHysacModerate *self)
{
  const GstHysacScorer *scorer = self->scorer;
  char bound[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *model = g_path_get_basename(self->run.model);
  return g_strdup_printf("hysacmoderate %s, model %s\nbound %s, %s\ntimes are stream time",
                         HYSAC_VERSION, model,
                         g_ascii_formatd(bound, sizeof bound, "%.6g", scorer->region.bound),
                         scorer->region.calibrated ? "calibrated" : "not calibrated");
}

static const char *const segment_properties[] = {"segments-vtt", "segments-edl"};

static void
open_segments(GstHysacModerate *self)
{
  const char *const paths[] = {self->run.segments_vtt, self->run.segments_edl};
  hysac_segmenter_init(&self->segmenter);
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    if (!paths[i] || !*paths[i])
      continue;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = provenance(self);
    self->segment_logs[i] =
        hysac_segment_log_open(paths[i], (HysacSegmentLogFormat)i, text, &error);
    if (!self->segment_logs[i])
      gst_hysac_warn_open(GST_ELEMENT(self), segment_properties[i], error);
  }
}

void
gst_hysac_moderate_open_records(GstHysacModerate *self)
{
  if (self->run.audit_log && *self->run.audit_log)
    open_audit(self);
  open_segments(self);
}

void
gst_hysac_moderate_close_records(GstHysacModerate *self)
{
  gst_hysac_moderate_record_break(self);
  for (guint i = 0; i < G_N_ELEMENTS(self->segment_logs); i++) {
    if (!self->segment_logs[i])
      continue;
    g_autoptr(GError) error = hysac_segment_log_close(g_steal_pointer(&self->segment_logs[i]));
    gst_hysac_warn_record(GST_ELEMENT(self), segment_properties[i], error);
  }
  close_audit(self);
}

/* The name of the file that is played, without its folder; NULL where upstream does not tell. */
static char *
clip_name(GstHysacModerate *self)
{
  g_autoptr(GstQuery) query = gst_query_new_uri();
  g_autofree char *uri = NULL, *file = NULL;
  if (!gst_pad_peer_query(self->sinkpad, query))
    return NULL;
  gst_query_parse_uri(query, &uri);
  file = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;
  return file ? g_path_get_basename(file) : NULL;
}

static void
segment_ended(GstHysacModerate *self, const HysacSegment *segment)
{
  for (guint i = 0; i < G_N_ELEMENTS(self->segment_logs); i++)
    if (self->segment_logs[i])
      hysac_segment_log_add(self->segment_logs[i], segment);
  if (!self->logs.audit)
    return;
  GString *line = g_string_new("{");
  add_string(line, "verdict", segment->verdict);
  add_string(line, "action", segment->action);
  add_string(line, "reason", hysac_reason_to_string(segment->reason));
  add_int(line, "start", segment->start);
  add_int(line, "end", segment->end);
  add_count(line, "first_frame", segment->first);
  add_count(line, "last_frame", segment->last);
  add_count(line, "frames", segment->frames);
  add_count(line, "interval", segment->interval);
  if (segment->has_peak)
    add_double(line, "peak_margin", segment->peak);
  else
    add_null(line, "peak_margin");
  g_string_append_c(line, '}');
  gst_hysac_logs_audit(&self->logs, "segment", line);
}

/* An interval's frames whose check failed are another segment: their cause is the failure. */
static HysacSegmentFrame
segment_frame(const GstHysacHeld *held, const GstHysacOutcome *outcome)
{
  const HysacDecision *d = &outcome->decision;
  const gboolean passes = strcmp(outcome->action, "none") == 0;
  const gboolean held_on = d->kind == HYSAC_DECISION_PASS && !passes;
  const gboolean outage = d->kind == HYSAC_DECISION_REDACT && strcmp(outcome->verdict, "failed") == 0;
  const gboolean timed = held->stream_time <= G_MAXINT64 / 2; /* NONE is larger */
  return (HysacSegmentFrame){
      .number = held->seq,
      .start = timed ? (gint64)held->stream_time : -1,
      .duration = MAX((gint64)held->duration, 1),
      .until_next = GST_VIDEO_INFO_FPS_N(&held->caps->info) == 0,
      .marked = d->kind != HYSAC_DECISION_PASS || !passes,
      .goes_along = held_on,
      .verdict = outcome->verdict,
      .action = outcome->action,
      .reason = held_on ? HYSAC_REASON_FLICKER : outage ? d->failure : d->reason,
      .interval = d->kind == HYSAC_DECISION_REDACT ? d->interval_id : 0,
      .hidden = !passes && strcmp(outcome->action, "tag") != 0,
      .has_margin = d->has_sample && d->sample_ok,
      .margin = d->margin,
  };
}

void
gst_hysac_moderate_record_frame(GstHysacModerate *self, const GstHysacHeld *held,
                                const GstHysacOutcome *outcome)
{
  HysacSegment ended;
  if (!self->logs.audit && !self->segment_logs[0] && !self->segment_logs[1])
    return;
  const HysacSegmentFrame frame = segment_frame(held, outcome);
  const gboolean first = !self->segmenter.any;
  const gboolean ends = hysac_segmenter_add(&self->segmenter, &frame, &ended);
  if (first && (self->segment_logs[0] || self->segment_logs[1])) {
    g_autofree char *clip = self->segments_begun ? NULL : clip_name(self);
    for (guint i = 0; i < G_N_ELEMENTS(self->segment_logs); i++) {
      if (!self->segment_logs[i])
        continue;
      if (!self->segments_begun)
        hysac_segment_log_begin(self->segment_logs[i], GST_VIDEO_INFO_FPS_N(&held->caps->info),
                                GST_VIDEO_INFO_FPS_D(&held->caps->info), clip);
      hysac_segment_log_from(self->segment_logs[i], self->segmenter.last_start);
    }
    self->segments_begun = TRUE;
  }
  if (ends)
    segment_ended(self, &ended);
  for (guint i = 0; i < G_N_ELEMENTS(self->segment_logs); i++) {
    g_autoptr(GError) error =
        self->segment_logs[i] ? hysac_segment_log_get_error(self->segment_logs[i]) : NULL;
    gst_hysac_warn_record(GST_ELEMENT(self), segment_properties[i], error);
  }
  /* The writer may have failed at what was written long ago. */
  g_autoptr(GError) error = self->logs.audit ? hysac_audit_get_error(self->logs.audit) : NULL;
  gst_hysac_warn_record(GST_ELEMENT(self), "audit-log", error);
}

void
gst_hysac_moderate_record_break(GstHysacModerate *self)
{
  HysacSegment ended;
  const gboolean any = self->segmenter.any;
  const gint64 position = self->segmenter.last_end;
  if (hysac_segmenter_break(&self->segmenter, &ended))
    segment_ended(self, &ended);
  for (guint i = 0; any && i < G_N_ELEMENTS(self->segment_logs); i++)
    if (self->segment_logs[i])
      hysac_segment_log_until(self->segment_logs[i], position);
}
