/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bus messages, the verdict log and the stats; docs/text-element.md has the fields. None holds a text, but for the log
 * where that was asked for. */
#include "gst/gsthysactextprivate.h"
#include "gst/jsonline.h"

#include <string.h>

/* As much of a text as an audit log holds: its records are bounded. */
#define AUDIT_CONTENT 4096

/* The properties that decide, as members of a JSON object. */
static void
add_settings(GString *line, const GstHysacTextSettings *s)
{
  add_string(line, "action", gst_hysac_enum_nick(gst_hysac_text_action_get_type(), s->action));
  add_string(line, "on_failure", gst_hysac_enum_nick(gst_hysac_on_failure_get_type(), s->on_failure));
  add_int(line, "confirm_k", s->k);
  add_int(line, "confirm_n", s->n);
  add_double(line, "enter_margin", s->enter);
  add_double(line, "leave_margin", MIN(s->leave, s->enter));
  add_int(line, "min_duration", (gint64)s->min_duration);
  add_int(line, "post_roll", (gint64)s->post_roll);
  add_int(line, "join_buffers", s->join_buffers);
  add_int(line, "join_gap", (gint64)s->join_gap);
  add_int(line, "max_text", s->max_text);
}

static void
add_totals(GString *line, const GstHysacTextCounters *n)
{
  add_count(line, "texts", n->texts);
  add_count(line, "empty", n->empty);
  add_count(line, "scored", n->scored);
  add_count(line, "readings", n->readings);
  add_count(line, "passed", n->passed);
  add_count(line, "redacted", n->redacted);
  add_count(line, "dropped", n->dropped);
  add_count(line, "failed", n->failed);
  add_count(line, "joined", n->joined);
  add_count(line, "unconfirmed", n->unconfirmed);
  add_count(line, "timeouts", n->timeouts);
}

static GstHysacTextCounters
copy_counters(GstHysacText *self)
{
  GST_OBJECT_LOCK(self);
  const GstHysacTextCounters n = self->counters;
  GST_OBJECT_UNLOCK(self);
  return n;
}

/* ------------------------------------------------------------ the audit log */

static void
open_audit(GstHysacText *self, const HysacRegion *region)
{
  const GstHysacTextSettings *s = &self->run;
  if (!s->audit_log || !*s->audit_log)
    return;
  GString *line = g_string_new("{");
  gst_hysac_add_model(line, GST_ELEMENT(self), s->model, gst_hysac_text_scorer_get_weights_sha256(self->scorer),
                      gst_hysac_text_scorer_get_device(self->scorer),
                      gst_hysac_text_scorer_get_precision(self->scorer), region);
  add_settings(line, s);
  add_bool(line, "log_text", s->log_text);
  g_string_append_c(line, '}');
  gst_hysac_logs_open_audit(&self->logs, s->audit_log, line);
}

void
gst_hysac_text_open_records(GstHysacText *self)
{
  const GstHysacTextSettings *s = &self->run;
  const HysacRegion region = gst_hysac_text_region(self->scorer, s->bound);
  open_audit(self, &region);
  gst_hysac_segments_start(&self->segments);
  gst_hysac_segments_open(&self->segments, HYSAC_SEGMENT_LOG_VTT, s->segments_vtt, s->model, &region);
}

void
gst_hysac_text_close_records(GstHysacText *self)
{
  gst_hysac_segments_close(&self->segments);
  const GstHysacTextCounters n = copy_counters(self);
  GString *line = g_string_new("{");
  add_totals(line, &n);
  g_string_append_c(line, '}');
  gst_hysac_logs_close_audit(&self->logs, self->run.audit_log, line);
}

void
gst_hysac_text_report_caps(GstHysacText *self)
{
  GString *line = g_string_new("{");
  add_string(line, "format", self->markup ? "pango-markup" : "utf8");
  g_string_append_c(line, '}');
  gst_hysac_logs_audit(&self->logs, "stream", line);
}

void
gst_hysac_text_report_property(GstHysacText *self, GParamSpec *pspec, const GValue *before, const GValue *after,
                               gboolean in_force)
{
  if (g_param_values_cmp(pspec, before, after) == 0)
    return;
  g_mutex_lock(&self->lock);
  const gboolean started = self->scorer != NULL;
  g_mutex_unlock(&self->lock);
  if (!started)
    return;
  GstStructure *act = gst_structure_new("hysac-control", "by", G_TYPE_STRING, "human", "what", G_TYPE_STRING,
                                        "property", "text", G_TYPE_UINT64, copy_counters(self).texts, NULL);
  gst_hysac_act_on_property(act, pspec, before, after, in_force);
  gst_hysac_logs_control(&self->logs, act);
}

static void
audit_change(GstHysacText *self, const GstHysacTextFacts *facts, const GstHysacOutcome *outcome, gboolean log_text)
{
  const HysacDecision *d = &outcome->decision;
  GString *line = g_string_new("{");
  add_string(line, "verdict", outcome->verdict);
  add_string(line, "previous", self->state);
  add_string(line, "reason", outcome->reason);
  add_string(line, "action", outcome->action);
  add_string(line, "origin", outcome->origin);
  add_count(line, "text", facts->number);
  add_count(line, "bytes", facts->bytes);
  add_int(line, "running_time", facts->running);
  add_time(line, "stream_time", facts->stream_time);
  add_count(line, "interval", d->interval_id);
  if (d->has_sample && d->sample_ok)
    add_double(line, "margin", d->margin);
  else
    add_null(line, "margin");
  add_double(line, "bound", outcome->bound);
  hysac_rating_append(outcome->rating, outcome->marks, line);
  if (log_text && facts->text) {
    g_autofree char *content = gst_hysac_text_head(facts->text, AUDIT_CONTENT);
    add_string(line, "content", content);
  }
  g_string_append_c(line, '}');
  gst_hysac_logs_audit(&self->logs, "state", line);
}

/* ------------------------------------------------------------ the rest */

void
gst_hysac_text_report_start(GstHysacText *self)
{
  const char *device = gst_hysac_text_scorer_get_device(self->in_use);
  const char *precision = gst_hysac_text_scorer_get_precision(self->in_use);
  g_mutex_lock(&self->lock);
  GstHysacTextSettings s;
  gst_hysac_text_settings_copy(&s, &self->run);
  const gint64 budget = gst_hysac_text_budget(self);
  const gint64 latency = self->live ? budget : 0;
  g_mutex_unlock(&self->lock);
  const HysacRegion region = gst_hysac_text_region(self->in_use, s.bound);
  g_autofree char *model = gst_hysac_shown(s.model);
  gst_hysac_post(self, gst_structure_new("hysac-moderation", "state", G_TYPE_STRING, "started", "model",
                               G_TYPE_STRING, model, "device", G_TYPE_STRING, device, "precision",
                               G_TYPE_STRING, precision, "bound", G_TYPE_DOUBLE, region.bound,
                               "calibrated", G_TYPE_BOOLEAN, region.calibrated, "latency", G_TYPE_INT64,
                               latency, "request-budget", G_TYPE_INT64, budget, NULL));
  GString *line = g_string_new("{");
  add_string(line, "type", "start");
  add_string(line, "version", HYSAC_VERSION);
  add_string(line, "model", s.model);
  add_string(line, "device", device);
  add_string(line, "precision", precision);
  add_double(line, "bound", region.bound);
  add_bool(line, "calibrated", region.calibrated);
  add_int(line, "request_budget", budget);
  add_settings(line, &s);
  g_string_append_c(line, '}');
  gst_hysac_text_settings_clear(&s);
  if (self->logs.report)
    gst_hysac_write_line(self, self->logs.report, line);
  else
    g_string_free(line, TRUE);
}

/* A message where the verdict is another than the last text's, and for each one of a stretch. */
static void
post_change(GstHysacText *self, const GstHysacTextFacts *facts, const GstHysacOutcome *outcome, gboolean log_text)
{
  const HysacDecision *d = &outcome->decision;
  if (strcmp(self->state, outcome->verdict) == 0 && d->interval_id == 0)
    return;
  GstStructure *s = gst_structure_new(
      "hysac-moderation", "state", G_TYPE_STRING, outcome->verdict, "previous", G_TYPE_STRING,
      self->state, "reason", G_TYPE_STRING, outcome->reason, "action", G_TYPE_STRING, outcome->action,
      "origin", G_TYPE_STRING, outcome->origin, "timestamp", G_TYPE_UINT64, facts->pts, "running-time",
      G_TYPE_INT64, facts->running, "stream-time", G_TYPE_UINT64, facts->stream_time, "bound",
      G_TYPE_DOUBLE, outcome->bound, "calibrated", G_TYPE_BOOLEAN, outcome->calibrated, "interval-id",
      G_TYPE_UINT64, d->interval_id, "text", G_TYPE_UINT64, facts->number, NULL);
  if (d->has_sample && d->sample_ok)
    gst_structure_set(s, "distance", G_TYPE_DOUBLE, d->distance, "margin", G_TYPE_DOUBLE, d->margin,
                      NULL);
  gst_hysac_rating_fill(outcome->rating, outcome->marks, s);
  if (d->interval_id != 0)
    gst_structure_set(s, "interval-start", G_TYPE_INT64, d->interval_start, NULL);
  /* Behind a stretch that is known to have ended: where. */
  if (self->state_interval != 0 && self->state_interval != d->interval_id &&
      self->last_interval.id == self->state_interval && !self->last_interval.open)
    gst_structure_set(s, "interval-end", G_TYPE_INT64, self->last_interval.end, "peak-margin", G_TYPE_DOUBLE,
                      self->last_interval.peak, NULL);
  audit_change(self, facts, outcome, log_text);
  self->state = outcome->verdict;
  self->state_interval = d->interval_id;
  gst_hysac_post(self, s);
}

void
gst_hysac_text_report(GstHysacText *self, const GstHysacTextFacts *facts, const GstHysacOutcome *outcome,
                      gboolean log_text)
{
  const HysacDecision *d = &outcome->decision;
  post_change(self, facts, outcome, log_text);
  gst_hysac_text_record(self, facts, outcome);
  if (!self->logs.report)
    return;
  GString *line = g_string_sized_new(512);
  g_string_append_c(line, '{');
  add_string(line, "type", "text");
  add_string(line, "source", GST_OBJECT_NAME(self));
  g_autofree char *now = hysac_report_time();
  add_time(line, "timestamp", facts->pts);
  add_string(line, "system_timestamp", now);
  add_int(line, "running_time", facts->running);
  add_time(line, "stream_time", facts->stream_time);
  add_count(line, "text", facts->number);
  add_count(line, "bytes", facts->bytes);
  add_count(line, "readings", facts->readings);
  add_string(line, "verdict", outcome->verdict);
  add_string(line, "reason", outcome->reason);
  add_string(line, "origin", outcome->origin);
  add_string(line, "action", outcome->action);
  if (d->has_sample && d->sample_ok) {
    add_double(line, "score", outcome->judged.score);
    add_double(line, "distance", d->distance);
    add_double(line, "margin", d->margin);
  } else {
    add_null(line, "score");
    add_null(line, "distance");
    add_null(line, "margin");
  }
  hysac_rating_append(outcome->rating, outcome->marks, line);
  add_double(line, "bound", outcome->bound);
  add_bool(line, "calibrated", outcome->calibrated);
  if (d->interval_id)
    add_count(line, "interval", d->interval_id);
  else
    add_null(line, "interval");
  if (log_text)
    add_string(line, "content", facts->text);
  g_string_append_c(line, '}');
  gst_hysac_write_line(self, self->logs.report, line);
}

void
gst_hysac_text_report_end(GstHysacText *self)
{
  if (!self->logs.report)
    return;
  const GstHysacTextCounters n = copy_counters(self);
  GString *line = g_string_new("{");
  add_string(line, "type", "end");
  add_totals(line, &n);
  g_string_append_c(line, '}');
  gst_hysac_write_line(self, self->logs.report, line);
}

GstStructure *
gst_hysac_text_stats(GstHysacText *self)
{
  GST_OBJECT_LOCK(self);
  const GstHysacTextCounters n = self->counters;
  GST_OBJECT_UNLOCK(self);
  g_mutex_lock(&self->lock);
  const gint64 budget = self->scorer ? gst_hysac_text_budget(self) : 0;
  GstStructure *stats = gst_structure_new(
      "hysac-text-stats", "texts", G_TYPE_UINT64, n.texts, "empty", G_TYPE_UINT64, n.empty, "scored",
      G_TYPE_UINT64, n.scored, "readings", G_TYPE_UINT64, n.readings, "passed", G_TYPE_UINT64, n.passed,
      "redacted", G_TYPE_UINT64, n.redacted, "dropped", G_TYPE_UINT64, n.dropped, "failed",
      G_TYPE_UINT64, n.failed, "joined", G_TYPE_UINT64, n.joined, "unconfirmed", G_TYPE_UINT64, n.unconfirmed, "timeouts", G_TYPE_UINT64, n.timeouts,
      "last-distance", G_TYPE_DOUBLE, n.last_distance, "last-service-time", G_TYPE_INT64,
      n.last_service, "request-budget", G_TYPE_INT64, budget, "latency", G_TYPE_INT64,
      self->live ? budget : (gint64)0, "live", G_TYPE_BOOLEAN, self->live, NULL);
  if (self->scorer) {
    const HysacRegion region = gst_hysac_text_region(self->scorer, self->run.bound);
    gst_structure_set(stats, "device", G_TYPE_STRING, gst_hysac_text_scorer_get_device(self->scorer),
                      "precision", G_TYPE_STRING, gst_hysac_text_scorer_get_precision(self->scorer),
                      "bound", G_TYPE_DOUBLE, region.bound, "calibrated", G_TYPE_BOOLEAN, region.calibrated, NULL);
  }
  gst_hysac_logs_fill_stats(&self->logs, stats);
  g_mutex_unlock(&self->lock);
  return stats;
}
