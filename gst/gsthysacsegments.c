/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gsthysacsegments.h"

#include <string.h>

#include "gst/jsonline.h"

static const char *const properties[] = {"segments-vtt", "segments-edl"};

void
gst_hysac_segments_start(GstHysacSegments *self)
{
  hysac_segmenter_init(&self->segmenter);
  self->begun = FALSE;
}

/* What stands in a file of segments about its making. No path: such a file is passed on. */
static char *
provenance(GstHysacSegments *self, const char *model, const HysacRegion *region)
{
  char bound[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *name = g_path_get_basename(model);
  return g_strdup_printf("%s %s, model %s\nbound %s, %s\ntimes are stream time", self->maker, HYSAC_VERSION, name,
                         g_ascii_formatd(bound, sizeof bound, "%.6g", region->bound),
                         region->calibrated ? "calibrated" : "not calibrated");
}

void
gst_hysac_segments_open(GstHysacSegments *self, HysacSegmentLogFormat format, const char *path,
                        const char *model, const HysacRegion *region)
{
  g_autoptr(GError) error = NULL;
  if (!path || !*path)
    return;
  g_autofree char *text = provenance(self, model, region);
  self->files[format] = hysac_segment_log_open(path, format, text, &error);
  if (self->files[format])
    hysac_segment_log_set_unit(self->files[format], self->units);
  else
    gst_hysac_warn_open(self->logs->element, properties[format], error);
}

/* The name of the file that is played, without its folder; NULL where upstream does not tell. */
static char *
clip_name(GstPad *sinkpad)
{
  g_autoptr(GstQuery) query = gst_query_new_uri();
  g_autofree char *uri = NULL, *file = NULL;
  if (!gst_pad_peer_query(sinkpad, query))
    return NULL;
  gst_query_parse_uri(query, &uri);
  file = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;
  return file ? g_path_get_basename(file) : NULL;
}

/* As first_frame. */
static void
add_place(GstHysacSegments *self, GString *line, const char *which, guint64 number)
{
  g_autofree char *key = g_strconcat(which, self->unit, NULL);
  add_count(line, key, number);
}

static void
ended(GstHysacSegments *self, const HysacSegment *segment)
{
  for (guint i = 0; i < G_N_ELEMENTS(self->files); i++)
    if (self->files[i])
      hysac_segment_log_add(self->files[i], segment);
  if (!self->logs->audit)
    return;
  GString *line = g_string_new("{");
  add_string(line, "verdict", segment->verdict);
  add_string(line, "action", segment->action);
  add_string(line, "reason", hysac_reason_to_string(segment->reason));
  add_int(line, "start", segment->start);
  add_int(line, "end", segment->end);
  add_place(self, line, "first_", segment->first);
  add_place(self, line, "last_", segment->last);
  add_count(line, self->units, segment->frames);
  add_count(line, "interval", segment->interval);
  if (segment->has_peak)
    add_double(line, "peak_margin", segment->peak);
  else
    add_null(line, "peak_margin");
  g_string_append_c(line, '}');
  gst_hysac_logs_audit(self->logs, "segment", line);
}

/* An interval's frames whose check failed are another segment: their cause is the failure. */
HysacSegmentFrame
gst_hysac_segment_frame(guint64 number, GstClockTime stream_time, GstClockTime duration, gboolean until_next,
                        const GstHysacOutcome *outcome)
{
  const HysacDecision *d = &outcome->decision;
  const gboolean passes = strcmp(outcome->action, "none") == 0;
  const gboolean held_on = d->kind == HYSAC_DECISION_PASS && !passes;
  const gboolean outage = d->kind == HYSAC_DECISION_REDACT && strcmp(outcome->verdict, "failed") == 0;
  const gboolean timed = stream_time <= G_MAXINT64 / 2; /* NONE is larger */
  const gboolean lasts = duration <= G_MAXINT64 / 4;
  return (HysacSegmentFrame){
      .number = number,
      .start = timed ? (gint64)stream_time : -1,
      .duration = lasts ? MAX((gint64)duration, 1) : 1,
      .until_next = until_next || !lasts,
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
gst_hysac_segments_add(GstHysacSegments *self, const HysacSegmentFrame *frame, GstPad *sinkpad, gint fps_num,
                       gint fps_den)
{
  HysacSegment segment;
  if (!self->logs->audit && !self->files[0] && !self->files[1])
    return;
  const gboolean first = !self->segmenter.any;
  const gboolean ends = hysac_segmenter_add(&self->segmenter, frame, &segment);
  if (first && (self->files[0] || self->files[1])) {
    g_autofree char *clip = self->begun ? NULL : clip_name(sinkpad);
    for (guint i = 0; i < G_N_ELEMENTS(self->files); i++) {
      if (!self->files[i])
        continue;
      if (!self->begun)
        hysac_segment_log_begin(self->files[i], fps_num, fps_den, clip);
      hysac_segment_log_from(self->files[i], self->segmenter.last_start);
    }
    self->begun = TRUE;
  }
  if (ends)
    ended(self, &segment);
  for (guint i = 0; i < G_N_ELEMENTS(self->files); i++) {
    g_autoptr(GError) error = self->files[i] ? hysac_segment_log_get_error(self->files[i]) : NULL;
    gst_hysac_warn_record(self->logs->element, properties[i], error);
  }
  /* The writer may have failed at what was written long ago. */
  g_autoptr(GError) error = self->logs->audit ? hysac_audit_get_error(self->logs->audit) : NULL;
  gst_hysac_warn_record(self->logs->element, "audit-log", error);
}

void
gst_hysac_segments_break(GstHysacSegments *self)
{
  HysacSegment segment;
  const gboolean any = self->segmenter.any;
  const gint64 position = self->segmenter.last_end;
  if (hysac_segmenter_break(&self->segmenter, &segment))
    ended(self, &segment);
  for (guint i = 0; any && i < G_N_ELEMENTS(self->files); i++)
    if (self->files[i])
      hysac_segment_log_until(self->files[i], position);
}

void
gst_hysac_segments_close(GstHysacSegments *self)
{
  gst_hysac_segments_break(self);
  for (guint i = 0; i < G_N_ELEMENTS(self->files); i++) {
    if (!self->files[i])
      continue;
    g_autoptr(GError) error = hysac_segment_log_close(g_steal_pointer(&self->files[i]));
    gst_hysac_warn_record(self->logs->element, properties[i], error);
  }
}
