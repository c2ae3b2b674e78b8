/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bus messages and the verdict log; the fields are documented in docs/element.md and docs/records.md. */
#include "core/resolve.h"
#include "gst/gsthysacprivate.h"
#include "gst/jsonline.h"

#include <string.h>

const char *
gst_hysac_enum_nick(GType type, gint value)
{
  /* Static strings of a static type: they outlive the class reference. */
  g_autoptr(GEnumClass) klass = g_type_class_ref(type);
  const GEnumValue *found = g_enum_get_value(klass, value);
  return found ? found->value_nick : "unknown";
}

char *
gst_hysac_shown(const char *text)
{
  return text ? g_utf8_make_valid(text, -1) : NULL;
}

void
gst_hysac_post(gpointer element, GstStructure *structure)
{
  gst_element_post_message(element, gst_message_new_element(element, structure));
}

void
gst_hysac_tell_demo(GstElement *element, const char *weights_sha256)
{
  static const char told[] = "The demo model knows drawn scenes only; what it says of real pictures and texts means nothing.";
  if (hysac_is_demo(weights_sha256)) /* twice: gst-launch-1.0 shows of an INFO message what is for debugging */
    GST_ELEMENT_INFO_WITH_DETAILS(element, RESOURCE, SETTINGS, ("%s", told), ("%s", told),
                                  ("event", G_TYPE_STRING, "demo-model", NULL));
}

void
gst_hysac_write_line(gpointer element, HysacReport *report, GString *line)
{
  hysac_report_write_line(report, g_string_free(line, FALSE));
  g_autoptr(GError) error = hysac_report_get_error(report);
  gst_hysac_warn_record(element, "verdict-log", error);
}

/* A stream begins, or goes on in another format. */
static void
audit_stream(GstHysacModerate *self, const GstVideoInfo *info, const GstHysacTiming *t)
{
  if (!self->logs.audit)
    return;
  GString *line = g_string_new("{");
  add_string(line, "format", gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(info)));
  add_int(line, "width", GST_VIDEO_INFO_WIDTH(info));
  add_int(line, "height", GST_VIDEO_INFO_HEIGHT(info));
  g_string_append_printf(line, ",\"framerate\":\"%d/%d\"", GST_VIDEO_INFO_FPS_N(info),
                         GST_VIDEO_INFO_FPS_D(info));
  add_int(line, "escape_bound", t->escape);
  add_int(line, "latency", t->min);
  g_string_append_c(line, '}');
  gst_hysac_logs_audit(&self->logs, "stream", line);
}

void
gst_hysac_moderate_post_started(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  const GstHysacTiming t = self->timing;
  const GstVideoInfo info = self->caps->info;
  GstHysacSettings s;
  gst_hysac_settings_copy(&s, &self->run);
  const HysacRegion region = self->scorer->region;
  g_autofree char *device = g_strdup(self->scorer->device);
  g_autofree char *precision = g_strdup(self->scorer->precision);
  g_mutex_unlock(&self->lock);
  const char *mode = gst_hysac_enum_nick(gst_hysac_mode_get_type(), s.mode);
  g_autofree char *model = gst_hysac_shown(s.model);

  gst_hysac_post(self,
       gst_structure_new("hysac-moderation", "state", G_TYPE_STRING, "started", "mode",
                         G_TYPE_STRING, mode, "model", G_TYPE_STRING, model, "device",
                         G_TYPE_STRING, device, "precision", G_TYPE_STRING,
                         precision, "bound", G_TYPE_DOUBLE, region.bound,
                         "bound-moved", G_TYPE_DOUBLE, region.moved, "calibrated", G_TYPE_BOOLEAN, region.calibrated, "escape-bound",
                         G_TYPE_INT64, t.escape, "latency", G_TYPE_INT64, t.min, "request-budget",
                         G_TYPE_INT64, t.budget, "hold-buffers", G_TYPE_UINT, t.buffers, NULL));

  if (self->logs.report) {
    GString *line = g_string_new("{");
    add_string(line, "type", "start");
    add_string(line, "version", HYSAC_VERSION);
    add_string(line, "model", s.model);
    add_string(line, "device", device);
    add_string(line, "precision", precision);
    add_double(line, "bound", region.bound);
    add_double(line, "bound_moved", region.moved);
    add_bool(line, "calibrated", region.calibrated);
    add_int(line, "escape_bound", t.escape);
    add_int(line, "latency", t.min);
    add_int(line, "request_budget", t.budget);
    gst_hysac_add_settings(line, &s);
    add_string(line, "format", gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info)));
    g_string_append_printf(line, ",\"resolution\":{\"width\":%d,\"height\":%d}}",
                           GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info));
    gst_hysac_write_line(self, self->logs.report, line);
  }
  audit_stream(self, &info, &t);
  gst_hysac_settings_clear(&s);
}

static void
audit_change(GstHysacModerate *self, const GstHysacHeld *held, const GstHysacOutcome *outcome,
             guint64 interval)
{
  if (!self->logs.audit)
    return;
  const HysacDecision *d = &outcome->decision;
  const gboolean scored = d->has_sample && d->sample_ok;
  GString *line = g_string_new("{");
  add_string(line, "verdict", outcome->verdict);
  add_string(line, "previous", self->state);
  add_string(line, "reason", outcome->reason);
  add_string(line, "action", outcome->action);
  add_count(line, "frame", held->seq);
  add_int(line, "running_time", held->running);
  add_time(line, "stream_time", held->stream_time);
  add_count(line, "interval", interval);
  if (scored)
    add_double(line, "margin", d->margin);
  else
    add_null(line, "margin");
  add_double(line, "bound", outcome->bound);
  g_string_append_c(line, '}');
  gst_hysac_logs_audit(&self->logs, "state", line);
}

/* A message where the verdict, or the interval it lies in, is another than the last frame's. */
static void
post_change(GstHysacModerate *self, const GstHysacHeld *held, const GstHysacOutcome *outcome)
{
  const HysacDecision *d = &outcome->decision;
  const gboolean unsafe = d->kind == HYSAC_DECISION_REDACT;
  const guint64 interval = unsafe ? d->interval_id : 0;
  if (strcmp(self->state, outcome->verdict) == 0 && self->state_interval == interval)
    return;
  GstStructure *s = gst_structure_new(
      "hysac-moderation", "state", G_TYPE_STRING, outcome->verdict, "previous", G_TYPE_STRING,
      self->state, "reason", G_TYPE_STRING, outcome->reason, "action", G_TYPE_STRING,
      outcome->action, "timestamp", G_TYPE_UINT64, held->pts, "running-time", G_TYPE_INT64,
      held->running, "stream-time", G_TYPE_UINT64, held->stream_time, "bound", G_TYPE_DOUBLE,
      outcome->bound, "calibrated", G_TYPE_BOOLEAN, outcome->calibrated, "interval-id",
      G_TYPE_UINT64, interval, NULL);
  if (d->has_sample && d->sample_ok)
    gst_structure_set(s, "distance", G_TYPE_DOUBLE, d->distance, "margin", G_TYPE_DOUBLE, d->margin,
                      "reused", G_TYPE_BOOLEAN, d->sample_reused, NULL);
  gst_hysac_rating_fill(outcome->rating, outcome->marks, s);
  if (interval != 0)
    gst_structure_set(s, "interval-start", G_TYPE_INT64,
                      d->interval_start + held->running - held->time, NULL);
  /* Leaving an interval that is known to have closed: where it ended. */
  if (self->state_interval != 0 && self->last_interval.id == self->state_interval &&
      !self->last_interval.open)
    gst_structure_set(s, "interval-end", G_TYPE_INT64,
                      self->last_interval.end + held->running - held->time, "peak-margin",
                      G_TYPE_DOUBLE, self->last_interval.peak, NULL);
  audit_change(self, held, outcome, interval);
  self->state = outcome->verdict;
  self->state_interval = interval;
  gst_hysac_post(self, s);
}

/* As DL Streamer's gvametaconvert has them: an unsafe frame is one object, as large as the frame. */
static void
add_objects(GString *line, const GstHysacHeld *held, const GstHysacOutcome *outcome)
{
  const HysacDecision *d = &outcome->decision;
  if (strcmp(outcome->verdict, "unsafe") != 0) {
    g_string_append(line, ",\"objects\":[]");
    return;
  }
  g_string_append_printf(line,
                         ",\"objects\":[{\"x\":0,\"y\":0,\"w\":%d,\"h\":%d,\"roi_type\":\"unsafe\","
                         "\"detection\":{\"bounding_box\":{\"x_min\":0,\"y_min\":0,\"x_max\":1,"
                         "\"y_max\":1},\"label\":\"unsafe\",\"label_id\":1",
                         GST_VIDEO_INFO_WIDTH(&held->caps->info),
                         GST_VIDEO_INFO_HEIGHT(&held->caps->info));
  if (d->has_sample && d->sample_ok)
    add_double(line, "confidence", outcome->judged.score);
  g_string_append(line, "}}]");
}

void
gst_hysac_moderate_report_frame(GstHysacModerate *self, const GstHysacHeld *held,
                                const GstHysacOutcome *outcome)
{
  post_change(self, held, outcome);
  gst_hysac_moderate_record_frame(self, held, outcome);
  if (!self->logs.report)
    return;
  const HysacDecision *d = &outcome->decision;
  const gboolean scored = d->has_sample && d->sample_ok;
  GString *line = g_string_sized_new(512);
  g_string_append_c(line, '{');
  add_string(line, "type", "frame");
  add_string(line, "source", GST_OBJECT_NAME(self));
  g_autofree char *now = hysac_report_time();
  add_time(line, "timestamp", held->pts);
  add_string(line, "system_timestamp", now);
  add_int(line, "running_time", held->running);
  add_time(line, "stream_time", held->stream_time);
  add_int(line, "frame", (gint64)held->seq);
  add_string(line, "verdict", outcome->verdict);
  add_string(line, "reason", outcome->reason);
  add_string(line, "origin", outcome->origin);
  add_string(line, "action", outcome->action);
  if (outcome->human != HYSAC_CONTROL_NONE) {
    add_string(line, "model_verdict", outcome->model_verdict);
    add_string(line, "model_reason", outcome->model_reason);
  }
  if (scored) {
    add_double(line, "score", outcome->judged.score);
    add_double(line, "distance", d->distance);
    add_double(line, "margin", d->margin);
    add_int(line, "sample_time", outcome->sample_running);
  } else {
    add_null(line, "score");
    add_null(line, "distance");
    add_null(line, "margin");
    add_null(line, "sample_time");
  }
  add_bool(line, "reused", scored && d->sample_reused);
  hysac_rating_append(outcome->rating, outcome->marks, line);
  add_double(line, "bound", outcome->bound);
  add_bool(line, "calibrated", outcome->calibrated);
  if (d->interval_id)
    add_int(line, "interval", (gint64)d->interval_id);
  else
    add_null(line, "interval");
  g_string_append_printf(line, ",\"resolution\":{\"width\":%d,\"height\":%d},\"tags\":{}",
                         GST_VIDEO_INFO_WIDTH(&held->caps->info),
                         GST_VIDEO_INFO_HEIGHT(&held->caps->info));
  add_objects(line, held, outcome);
  g_string_append_c(line, '}');
  gst_hysac_write_line(self, self->logs.report, line);
}

void
gst_hysac_moderate_report_interval(GstHysacModerate *self, const HysacIntervalEvent *event)
{
  GST_INFO_OBJECT(self, "interval %" G_GUINT64_FORMAT " %s", event->id,
                  event->open ? "begins" : "ends");
  self->last_interval = *event;
  gst_hysac_logs_interval(&self->logs, event);
}

void
gst_hysac_add_totals(GString *line, const GstHysacCounters *n)
{
  add_int(line, "frames", (gint64)n->frames);
  add_int(line, "samples", (gint64)n->samples);
  add_int(line, "reused", (gint64)n->reused);
  add_int(line, "passed", (gint64)n->passed);
  add_int(line, "redacted", (gint64)n->redacted);
  add_int(line, "dropped", (gint64)n->dropped);
  add_int(line, "failed", (gint64)n->failed);
  add_int(line, "timeouts", (gint64)n->timeouts);
  add_int(line, "hold_peak", n->hold_peak);
}

void
gst_hysac_moderate_report_end(GstHysacModerate *self)
{
  if (!self->logs.report)
    return;
  g_mutex_lock(&self->lock);
  const GstHysacCounters n = self->counters;
  g_mutex_unlock(&self->lock);
  GString *line = g_string_new("{");
  add_string(line, "type", "end");
  gst_hysac_add_totals(line, &n);
  g_string_append_c(line, '}');
  gst_hysac_write_line(self, self->logs.report, line);
}

void
gst_hysac_moderate_post_overload(GstHysacModerate *self, gint64 service, gint64 interval)
{
  GST_WARNING_OBJECT(
      self, "a request takes %" G_GINT64_FORMAT " ns, samples come every %" G_GINT64_FORMAT " ns",
      service, interval);
  GString *line = g_string_new("{");
  add_int(line, "service_time", service);
  add_int(line, "sample_interval", interval);
  g_string_append_c(line, '}');
  gst_hysac_logs_audit(&self->logs, "overload", line);
  gst_hysac_post(self, gst_structure_new("hysac-overload", "service-time", G_TYPE_INT64, service,
                               "sample-interval", G_TYPE_INT64, interval, NULL));
}
