/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/segmentlog.h"

#include "core/edl.h"
#include "core/report_private.h"
#include "core/webvtt.h"

#include <string.h>

struct _HysacSegmentLog {
  HysacSegmentLogFormat format;
  HysacReport *report;
  char *provenance;
  const char *unit;
  guint count; /* segments so far */
  /* CMX3600. */
  gboolean begun;
  HysacTimecodeRate rate;
  char *clip;
  char reel[HYSAC_EDL_REEL_SIZE];
  guint events;
  gboolean on;    /* inside a stretch */
  gint64 end;     /* of its last segment */
  guint64 cursor;  /* what is before it has been written */
  guint64 reached; /* the latest place so far */
  guint64 day;     /* the timecode has begun again so often */
};

/* The report puts a newline behind what it is given: the last one of a block. */
static void
write_block(HysacSegmentLog *self, char *block)
{
  gsize size = strlen(block);
  if (size > 0 && block[size - 1] == '\n')
    block[size - 1] = '\0';
  hysac_report_write_line(self->report, block);
}

static char *
head(gpointer user_data)
{
  HysacSegmentLog *self = user_data;
  if (self->format == HYSAC_SEGMENT_LOG_VTT)
    return hysac_webvtt_header();
  return hysac_edl_header(self->clip ? self->clip : "hysacmoderate", &self->rate);
}

static char *
seal(const char *line, guint64 lost, gpointer user_data)
{
  HysacSegmentLog *self = user_data;
  if (line)
    return g_strdup(line);
  g_autofree char *text = g_strdup_printf(
    "HYSAC: entries missing here, which could not be written: %" G_GUINT64_FORMAT, lost);
  char *block = self->format == HYSAC_SEGMENT_LOG_VTT ? hysac_webvtt_note(text)
                                                      : hysac_edl_comment(text);
  block[strlen(block) - 1] = '\0';
  return block;
}

HysacSegmentLog *
hysac_segment_log_open(const char *path, HysacSegmentLogFormat format, const char *provenance,
                       GError **error)
{
  HysacSegmentLog *self = g_new0(HysacSegmentLog, 1);
  const HysacReportSealer sealer = {.seal = seal,
                                    .head = head,
                                    .begins = format == HYSAC_SEGMENT_LOG_VTT ? "WEBVTT" : "TITLE:",
                                    .user_data = self};
  self->format = format;
  self->provenance = g_strdup(provenance);
  self->unit = "frames";
  self->rate = hysac_timecode_rate(0, 1, FALSE);
  hysac_edl_reel(NULL, self->reel);
  self->report =
    hysac_report_open_full(path, HYSAC_REPORT_TRUNCATE | HYSAC_REPORT_LOCK, &sealer, error);
  if (!self->report) {
    g_free(self->provenance);
    g_free(self);
    return NULL;
  }
  if (format == HYSAC_SEGMENT_LOG_VTT)
    write_block(self, hysac_webvtt_note(provenance));
  return self;
}

void
hysac_segment_log_set_unit(HysacSegmentLog *self, const char *unit)
{
  self->unit = unit;
}

void
hysac_segment_log_begin(HysacSegmentLog *self, gint fps_num, gint fps_den, const char *clip)
{
  if (self->format != HYSAC_SEGMENT_LOG_EDL || self->begun)
    return;
  self->begun = TRUE;
  self->rate = hysac_timecode_rate(fps_num, fps_den, TRUE);
  self->clip = clip ? g_path_get_basename(clip) : NULL;
  hysac_edl_reel(clip, self->reel);
  g_autoptr(GString) block = g_string_new(NULL);
  g_auto(GStrv) lines = g_strsplit(self->provenance, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    g_autofree char *comment = *lines[i] ? hysac_edl_comment(lines[i]) : NULL;
    g_string_append(block, comment ? comment : "");
  }
  if (!self->rate.exact) {
    g_autofree char *text =
      g_strdup_printf("TIMECODE COUNTS 1/%u S, NOT FRAMES: %s FRAME RATE", self->rate.base,
                      fps_num > 0 ? "NO TIMECODE HAS THIS" : "UNKNOWN OR VARIABLE");
    g_autofree char *comment = hysac_edl_comment(text);
    g_string_append(block, comment);
  }
  write_block(self, g_string_free(g_steal_pointer(&block), FALSE));
}

static void
append_comment(GString *block, const char *text)
{
  g_autofree char *comment = hysac_edl_comment(text);
  g_string_append(block, comment);
}

/* One event from @in to @out, numbers of frames. */
static void
append_event(HysacSegmentLog *self, GString *block, gboolean black, guint64 in, guint64 out)
{
  const HysacEdlEvent event = {
    .number = ++self->events,
    .reel = black ? HYSAC_EDL_BLACK : self->reel,
    .source_in = black ? 0 : in,
    .source_out = black ? out - in : out,
    .record_in = in,
    .record_out = out,
  };
  g_autofree char *line = hysac_edl_event(&event, &self->rate);
  const guint64 day = in / hysac_timecode_day(&self->rate);
  g_string_append(block, line);
  if (day != self->day) {
    g_autofree char *text =
      g_strdup_printf("HYSAC: RECORD IN IS %" G_GUINT64_FORMAT " DAYS LATER", day);
    append_comment(block, text);
    self->day = day;
  }
  if (in < self->reached)
    append_comment(block, "HYSAC: AN EARLIER PLACE AGAIN (SEEK, OR PLAYED BACKWARDS)");
  self->reached = MAX(self->reached, out);
  if (!black && self->clip) {
    g_autofree char *text = g_strdup_printf("FROM CLIP NAME: %s", self->clip);
    append_comment(block, text);
  }
}

/* What was shown between the last segment and @until. */
static void
append_kept(HysacSegmentLog *self, GString *block, guint64 until)
{
  if (self->on && until > self->cursor)
    append_event(self, block, FALSE, self->cursor, until);
}

static char *
peak_text(const HysacSegment *segment)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  if (!segment->has_peak)
    return g_strdup("");
  g_ascii_formatd(number, sizeof number, "%.6g", segment->peak);
  return g_strdup_printf(", peak margin %s", number);
}

static char *
interval_text(const HysacSegment *segment)
{
  return segment->interval > 0
           ? g_strdup_printf(", interval %" G_GUINT64_FORMAT, segment->interval)
           : g_strdup("");
}

static void
add_cue(HysacSegmentLog *self, const HysacSegment *segment)
{
  g_autofree char *id = g_strdup_printf("hysac-%u", self->count);
  g_autofree char *peak = peak_text(segment), *interval = interval_text(segment);
  g_autofree char *text = g_strdup_printf(
    "%s: %s\nreason %s%s, %" G_GUINT64_FORMAT " %s%s", segment->verdict, segment->action,
    hysac_reason_to_string(segment->reason), interval, segment->frames, self->unit, peak);
  write_block(self, hysac_webvtt_cue(id, segment->start, segment->end, text));
}

static void
add_event(HysacSegmentLog *self, const HysacSegment *segment)
{
  guint64 in = hysac_timecode_frame(&self->rate, segment->start, HYSAC_TIMECODE_IN);
  /* A frame of which a part was hidden, as one of two fields, is black: what was shown ends before it. */
  guint64 out = hysac_timecode_frame(&self->rate, segment->end,
                                     segment->hidden ? HYSAC_TIMECODE_OUT : HYSAC_TIMECODE_IN);
  g_autoptr(GString) block = g_string_new(NULL);
  g_autofree char *peak = peak_text(segment), *interval = interval_text(segment);
  g_autofree char *text =
    g_strdup_printf("HYSAC: %s, %s, %s%s%s", segment->verdict, segment->action,
                    hysac_reason_to_string(segment->reason), interval, peak);
  if (segment->hidden)
    out = MAX(out, in + 1);
  /* The number that two segments share is the first one's; a segment within it has no event. */
  if (self->on && segment->start >= self->end)
    in = MAX(in, self->cursor);
  append_kept(self, block, in);
  if (in < out)
    append_event(self, block, segment->hidden, in, out);
  append_comment(block, text);
  self->cursor = MAX(in, out);
  self->end = segment->end;
  self->on = TRUE;
  write_block(self, g_string_free(g_steal_pointer(&block), FALSE));
}

void
hysac_segment_log_add(HysacSegmentLog *self, const HysacSegment *segment)
{
  self->count++;
  if (self->format == HYSAC_SEGMENT_LOG_VTT)
    add_cue(self, segment);
  else
    add_event(self, segment);
}

void
hysac_segment_log_from(HysacSegmentLog *self, gint64 start)
{
  if (self->format != HYSAC_SEGMENT_LOG_EDL)
    return;
  self->cursor = hysac_timecode_frame(&self->rate, start, HYSAC_TIMECODE_IN);
  self->end = start;
  self->on = TRUE;
}

void
hysac_segment_log_until(HysacSegmentLog *self, gint64 end)
{
  if (self->format != HYSAC_SEGMENT_LOG_EDL || !self->on)
    return;
  g_autoptr(GString) block = g_string_new(NULL);
  append_kept(self, block, hysac_timecode_frame(&self->rate, end, HYSAC_TIMECODE_IN));
  self->on = FALSE;
  if (block->len > 0)
    write_block(self, g_string_free(g_steal_pointer(&block), FALSE));
}

GError *
hysac_segment_log_get_error(HysacSegmentLog *self)
{
  return hysac_report_get_error(self->report);
}

GError *
hysac_segment_log_close(HysacSegmentLog *self)
{
  /* A list without frames is a list all the same. */
  hysac_segment_log_begin(self, 0, 1, NULL);
  GError *error = hysac_report_close(self->report);
  g_free(self->provenance);
  g_free(self->clip);
  g_free(self);
  return error;
}
