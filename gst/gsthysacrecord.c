/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes on record besides the verdict log: the audit log and the files of segments, and what is
 * said of a record that cannot be written. docs/records.md has the formats. */
#include "gst/gsthysacprivate.h"
#include "gst/jsonline.h"

#include <string.h>

/* No lock held; any thread. */
static void
warn(GstElement *self, const char *property, gint code, const char *text, const char *error,
     const char *remedy)
{
  g_autofree char *what = g_strdup_printf("%s: %s", property, text);
  g_autofree char *shown = gst_hysac_shown(error);
  g_autofree char *debug = g_strdup_printf("%s: %s; %s; moderation goes on", property, shown, remedy);
  GST_WARNING_OBJECT(self, "%s", debug);
  gst_element_message_full_with_details(
      self, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, code, g_steal_pointer(&what),
      g_steal_pointer(&debug), __FILE__, GST_FUNCTION, __LINE__,
      gst_structure_new("details", "event", G_TYPE_STRING, "record", "property", G_TYPE_STRING,
                        property, "remedy", G_TYPE_STRING, remedy, NULL));
}

void
gst_hysac_warn_record(GstElement *self, const char *property, const GError *error)
{
  if (error)
    warn(self, property, GST_RESOURCE_ERROR_WRITE, "the file cannot be written.", error->message,
         "make room or put its folder back: writing is tried again with each entry, and what is "
         "lost is counted in it");
}

void
gst_hysac_warn_open(GstElement *self, const char *property, const GError *error)
{
  warn(self, property, GST_RESOURCE_ERROR_OPEN_WRITE, "the file cannot be opened.", error->message,
       "give a file of its own in a folder that exists and can be written to, then start anew");
}

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

void
gst_hysac_moderate_audit(GstHysacModerate *self, const char *event, GString *data)
{
  char *text = g_string_free(data, FALSE);
  GError *error = NULL;
  g_mutex_lock(&self->lock); /* against stop(), which closes the log; writing never blocks */
  if (self->audit) {
    hysac_audit_write(self->audit, event, g_steal_pointer(&text));
    error = hysac_audit_get_error(self->audit);
  }
  g_mutex_unlock(&self->lock);
  gst_hysac_warn_record(GST_ELEMENT(self), "audit-log", error);
  g_clear_error(&error);
  g_free(text);
}

void
gst_hysac_moderate_log_event(GstHysacModerate *self, const char *type, GString *data)
{
  char *line = g_strdup_printf("{\"type\":\"%s\",%s", type, data->str + 1);
  GError *error = NULL;
  g_mutex_lock(&self->lock); /* against stop(), which closes the log; writing never blocks */
  if (self->report) {
    hysac_report_write_line(self->report, g_steal_pointer(&line));
    error = hysac_report_get_error(self->report);
  }
  g_mutex_unlock(&self->lock);
  gst_hysac_warn_record(GST_ELEMENT(self), "verdict-log", error);
  g_clear_error(&error);
  g_free(line);
  gst_hysac_moderate_audit(self, type, data);
}

/* @hash: (nullable): nothing was written. */
static void
post_audit(GstHysacModerate *self, const char *state, const char *hash, guint64 count)
{
  g_autofree char *file = gst_hysac_shown(self->run.audit_log);
  GstStructure *s = gst_structure_new("hysac-audit", "state", G_TYPE_STRING, state, "file",
                                      G_TYPE_STRING, file, "count", G_TYPE_UINT64, count, NULL);
  if (hash)
    gst_structure_set(s, "hash", G_TYPE_STRING, hash, NULL);
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), s));
}

static void
open_audit(GstHysacModerate *self)
{
  const GstHysacScorer *scorer = self->scorer;
  g_autoptr(GError) error = NULL;
  g_autofree char *broken = NULL, *hash = NULL;
  guint64 count;
  GString *line = g_string_new("{");
  add_string(line, "source", GST_OBJECT_NAME(self));
  add_string(line, "model", self->run.model);
  add_string(line, "weights_sha256", scorer->beside.weights_sha256);
  add_string(line, "device", scorer->device);
  add_string(line, "precision", scorer->precision);
  add_double(line, "bound", scorer->region.bound);
  add_double(line, "bound_moved", scorer->region.moved);
  add_bool(line, "calibrated", scorer->region.calibrated);
  gst_hysac_add_settings(line, &self->run);
  g_string_append_c(line, '}');
  HysacAudit *audit = hysac_audit_open(self->run.audit_log, line->str, &broken, &error);
  g_string_free(line, TRUE);
  if (!audit) {
    gst_hysac_warn_open(GST_ELEMENT(self), "audit-log", error);
    return;
  }
  if (broken)
    warn(GST_ELEMENT(self), "audit-log", GST_RESOURCE_ERROR_READ, "the file is not as it was written.", broken,
         "another chain was begun behind it: keep the file and look at it with `hysac verify`, and "
         "give another one");
  hysac_audit_get_head(audit, &hash, &count);
  post_audit(self, "opened", hash, count);
  g_mutex_lock(&self->lock);
  self->audit = audit;
  g_mutex_unlock(&self->lock);
}

static void
close_audit(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  HysacAudit *audit = g_steal_pointer(&self->audit);
  const GstHysacCounters n = self->counters;
  g_mutex_unlock(&self->lock);
  if (!audit)
    return;
  g_autofree char *hash = NULL;
  guint64 count;
  GString *line = g_string_new("{");
  gst_hysac_add_totals(line, &n);
  g_string_append_c(line, '}');
  g_autoptr(GError) error = hysac_audit_close(audit, g_string_free(line, FALSE), &hash, &count);
  gst_hysac_warn_record(GST_ELEMENT(self), "audit-log", error);
  post_audit(self, "closed", hash, count);
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
  if (!self->audit)
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
  gst_hysac_moderate_audit(self, "segment", line);
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
  if (!self->audit && !self->segment_logs[0] && !self->segment_logs[1])
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
  g_autoptr(GError) error = self->audit ? hysac_audit_get_error(self->audit) : NULL;
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
