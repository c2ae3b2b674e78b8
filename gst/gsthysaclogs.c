/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verdict log and the audit log of an element that moderates: what is common to both elements, and what is said of a
 * record that cannot be written. docs/records.md has the formats. */
#include "gst/gsthysaccommon.h"
#include "gst/jsonline.h"

#define GST_CAT_DEFAULT gst_hysac_debug

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

void
gst_hysac_logs_audit(GstHysacLogs *self, const char *event, GString *data)
{
  char *text = g_string_free(data, FALSE);
  GError *error = NULL;
  g_mutex_lock(self->lock); /* against the stop, which closes the log; writing never blocks */
  if (self->audit) {
    hysac_audit_write(self->audit, event, g_steal_pointer(&text));
    error = hysac_audit_get_error(self->audit);
  }
  g_mutex_unlock(self->lock);
  gst_hysac_warn_record(self->element, "audit-log", error);
  g_clear_error(&error);
  g_free(text);
}

void
gst_hysac_logs_event(GstHysacLogs *self, const char *type, GString *data)
{
  char *line = g_strdup_printf("{\"type\":\"%s\",%s", type, data->str + 1);
  GError *error = NULL;
  g_mutex_lock(self->lock); /* as above */
  if (self->report) {
    hysac_report_write_line(self->report, g_steal_pointer(&line));
    error = hysac_report_get_error(self->report);
  }
  g_mutex_unlock(self->lock);
  gst_hysac_warn_record(self->element, "verdict-log", error);
  g_clear_error(&error);
  g_free(line);
  gst_hysac_logs_audit(self, type, data);
}

void
gst_hysac_logs_close_report(GstHysacLogs *self)
{
  g_mutex_lock(self->lock); /* other threads may be about to write */
  HysacReport *report = g_steal_pointer(&self->report);
  g_mutex_unlock(self->lock);
  g_autoptr(GError) error = report ? hysac_report_close(report) : NULL;
  gst_hysac_warn_record(self->element, "verdict-log", error);
}

/* ------------------------------------------------------------ the audit log */

/* @hash: (nullable): nothing was written. */
static void
post_audit(GstHysacLogs *self, const char *path, const char *state, const char *hash, guint64 count)
{
  g_autofree char *file = gst_hysac_shown(path);
  GstStructure *s = gst_structure_new("hysac-audit", "state", G_TYPE_STRING, state, "file",
                                      G_TYPE_STRING, file, "count", G_TYPE_UINT64, count, NULL);
  if (hash)
    gst_structure_set(s, "hash", G_TYPE_STRING, hash, NULL);
  gst_hysac_post(self->element, s);
}

void
gst_hysac_add_model(GString *line, GstElement *element, const char *model, const char *weights_sha256,
                    const char *device, const char *precision, const HysacRegion *region)
{
  add_string(line, "source", GST_OBJECT_NAME(element));
  add_string(line, "model", model);
  add_string(line, "weights_sha256", weights_sha256);
  add_string(line, "device", device);
  add_string(line, "precision", precision);
  add_double(line, "bound", region->bound);
  add_double(line, "bound_moved", region->moved);
  add_bool(line, "calibrated", region->calibrated);
}

void
gst_hysac_logs_open_audit(GstHysacLogs *self, const char *path, GString *settings)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *broken = NULL, *hash = NULL;
  guint64 count;
  HysacAudit *audit = hysac_audit_open(path, settings->str, &broken, &error);
  g_string_free(settings, TRUE);
  if (!audit) {
    gst_hysac_warn_open(self->element, "audit-log", error);
    return;
  }
  if (broken)
    warn(self->element, "audit-log", GST_RESOURCE_ERROR_READ, "the file is not as it was written.", broken,
         "another chain was begun behind it: keep the file and look at it with `hysac verify`, and "
         "give another one");
  hysac_audit_get_head(audit, &hash, &count);
  post_audit(self, path, "opened", hash, count);
  g_mutex_lock(self->lock);
  self->audit = audit;
  g_mutex_unlock(self->lock);
}

void
gst_hysac_logs_close_audit(GstHysacLogs *self, const char *path, GString *totals)
{
  g_mutex_lock(self->lock);
  HysacAudit *audit = g_steal_pointer(&self->audit);
  g_mutex_unlock(self->lock);
  char *text = g_string_free(totals, FALSE);
  if (!audit) {
    g_free(text);
    return;
  }
  g_autofree char *hash = NULL;
  guint64 count;
  g_autoptr(GError) error = hysac_audit_close(audit, text, &hash, &count);
  gst_hysac_warn_record(self->element, "audit-log", error);
  post_audit(self, path, "closed", hash, count);
}

void
gst_hysac_logs_fill_stats(const GstHysacLogs *self, GstStructure *stats)
{
  g_autofree char *head = NULL;
  guint64 count;
  if (!self->audit)
    return;
  hysac_audit_get_head(self->audit, &head, &count);
  gst_structure_set(stats, "audit-count", G_TYPE_UINT64, count, NULL);
  if (head)
    gst_structure_set(stats, "audit-head", G_TYPE_STRING, head, NULL);
}

/* ------------------------------------------------------------ what happens besides verdicts */

void
gst_hysac_logs_interval(GstHysacLogs *self, const HysacIntervalEvent *event)
{
  GString *line = g_string_new("{");
  add_string(line, "event", event->open ? "begin" : "end");
  add_int(line, "interval", (gint64)event->id);
  add_int(line, "start", event->start);
  if (event->open)
    add_null(line, "end");
  else
    add_int(line, "end", event->end);
  add_double(line, "peak_margin", event->peak);
  g_string_append_c(line, '}');
  gst_hysac_logs_event(self, "interval", line);
}

void
gst_hysac_logs_device(GstHysacLogs *self, const GstHysacScorerEvent *event)
{
  GString *line = g_string_new("{");
  add_string(line, "event", event->lost ? "lost" : "recovered");
  add_string(line, "source", GST_OBJECT_NAME(self->element));
  add_string(line, "reason", event->lost ? hysac_reason_to_string(gst_hysac_failure_reason(event->error)) : NULL);
  add_string(line, "text", event->lost ? event->error->message : event->device);
  g_string_append_c(line, '}');
  gst_hysac_logs_event(self, "device", line);
}

static void
append_value(GString *line, const GValue *value)
{
  if (G_VALUE_HOLDS_STRING(value) && g_value_get_string(value))
    hysac_json_append_string(line, g_value_get_string(value));
  else if (G_VALUE_HOLDS_BOOLEAN(value))
    g_string_append(line, g_value_get_boolean(value) ? "true" : "false");
  else if (G_VALUE_HOLDS_DOUBLE(value))
    hysac_json_append_double(line, g_value_get_double(value));
  else if (G_VALUE_HOLDS_INT64(value))
    g_string_append_printf(line, "%" G_GINT64_FORMAT, g_value_get_int64(value));
  else if (G_VALUE_HOLDS_UINT64(value))
    g_string_append_printf(line, "%" G_GUINT64_FORMAT, g_value_get_uint64(value));
  else if (G_VALUE_HOLDS_UINT(value))
    g_string_append_printf(line, "%u", g_value_get_uint(value));
  else
    g_string_append(line, "null");
}

static gboolean
append_field(GQuark field, const GValue *value, gpointer user_data)
{
  GString *line = user_data;
  g_autofree char *key = g_strdelimit(g_strdup(g_quark_to_string(field)), "-", '_');
  g_string_append_c(line, ',');
  hysac_json_append_string(line, key);
  g_string_append_c(line, ':');
  append_value(line, value);
  return TRUE;
}

void
gst_hysac_logs_structure(GstHysacLogs *self, const char *type, const GstStructure *structure)
{
  GString *data = g_string_new("{\"source\":");
  hysac_json_append_string(data, GST_OBJECT_NAME(self->element));
  gst_structure_foreach(structure, append_field, data);
  g_string_append_c(data, '}');
  gst_hysac_logs_event(self, type, data);
}

void
gst_hysac_logs_control(GstHysacLogs *self, GstStructure *act)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *utc = g_date_time_format_iso8601(now);
  gst_structure_set(act, "utc", G_TYPE_STRING, utc, NULL);
  GST_INFO_OBJECT(self->element, "%" GST_PTR_FORMAT, act);
  gst_hysac_logs_structure(self, "control", act);
  gst_hysac_post(self->element, act);
}

/* Numbers as they are, enums by nick, paths as they can be shown. */
static void
set_field(GstStructure *act, const char *field, const GValue *value)
{
  g_autofree char *text =
      G_VALUE_HOLDS_STRING(value) ? gst_hysac_shown(g_value_get_string(value)) : NULL;
  if (G_VALUE_HOLDS_ENUM(value))
    gst_structure_set(act, field, G_TYPE_STRING,
                      gst_hysac_enum_nick(G_VALUE_TYPE(value), g_value_get_enum(value)), NULL);
  else if (text)
    gst_structure_set(act, field, G_TYPE_STRING, text, NULL);
  else
    gst_structure_set_value(act, field, value);
}

void
gst_hysac_act_on_property(GstStructure *act, GParamSpec *pspec, const GValue *before, const GValue *after,
                          gboolean in_force)
{
  gst_structure_set(act, "property", G_TYPE_STRING, pspec->name, "in-force", G_TYPE_BOOLEAN, in_force, NULL);
  set_field(act, "old", before);
  set_field(act, "new", after);
}
