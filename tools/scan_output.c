/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: results as lines of JSON, as lines for people, and as files. */

#include "progress.h"
#include "scan_advice.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static void
add_text(GString *out, const char *key, const char *value)
{
  g_string_append_printf(out, ",\"%s\":", key);
  hysac_json_append_string(out, value);
}

static void
add_int(GString *out, const char *key, gint64 value)
{
  g_string_append_printf(out, ",\"%s\":%" G_GINT64_FORMAT, key, value);
}

static void
add_number(GString *out, const char *key, double value)
{
  g_string_append_printf(out, ",\"%s\":", key);
  hysac_json_append_double(out, value);
}

/* What is measured beside the region, and what acts: null where there is nothing of it. */
static void
add_rules(GString *out, const ScanSettings *settings)
{
  HysacConcepts *concepts = settings->rater ? hysac_rater_get_concepts(settings->rater) : NULL;
  HysacHead *head = settings->rater ? hysac_rater_get_head(settings->rater) : NULL;
  const char *before = "";
  if (concepts != NULL)
    add_int(out, "concepts", hysac_concepts_get_count(concepts));
  else
    g_string_append(out, ",\"concepts\":null");
  g_string_append(out, head ? ",\"head\":[" : ",\"head\":null");
  for (guint i = 0; head != NULL && i < hysac_head_get_n_classes(head); i++) {
    g_string_append(out, i ? "," : "");
    hysac_json_append_string(out, hysac_head_get_label(head, i));
  }
  g_string_append(out, head ? "],\"rules\":{" : ",\"rules\":{");
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    g_autofree char *text = scan_rule_text(settings, i);
    if (text == NULL)
      continue;
    g_string_append_printf(out, "%s\"%s\":", before, hysac_rule_to_string(i));
    hysac_json_append_string(out, text);
    before = ",";
  }
  g_string_append_c(out, '}');
}

void
scan_json_begin(GString *out, const ScanSettings *settings)
{
  const HysacPolicyConfig *policy = &settings->policy;
  g_string_append(out, "{\"type\":\"scan\",\"version\":\"" HYSAC_VERSION "\"");
  add_text(out, "model", settings->model);
  add_text(out, "weights_sha256", settings->weights_sha256);
  g_string_append_printf(out, ",\"demo_model\":%s", settings->demo ? "true" : "false");
  add_text(out, "device", settings->device);
  add_text(out, "precision", settings->precision);
  add_number(out, "bound", settings->region.bound);
  add_number(out, "bound_moved", settings->region.moved);
  g_string_append_printf(out, ",\"calibrated\":%s", settings->region.calibrated ? "true" : "false");
  add_int(out, "sample_interval", settings->interval);
  add_int(out, "confirm_k", policy->k);
  add_int(out, "confirm_n", policy->n);
  add_number(out, "enter_margin", policy->enter_margin);
  add_number(out, "leave_margin", policy->leave_margin);
  add_int(out, "min_duration", policy->min_duration);
  add_int(out, "pre_roll", policy->pre_roll);
  add_int(out, "post_roll", policy->post_roll);
  add_rules(out, settings);
  g_string_append(out, "}\n");
}

void
scan_json_segment(GString *out, const HysacSegment *segment)
{
  g_string_append_printf(out,
                         "\"start\":%" G_GINT64_FORMAT ",\"end\":%" G_GINT64_FORMAT
                         ",\"first_frame\":%" G_GUINT64_FORMAT ",\"last_frame\":%" G_GUINT64_FORMAT
                         ",\"frames\":%" G_GUINT64_FORMAT ",\"interval\":%" G_GUINT64_FORMAT,
                         segment->start, segment->end, segment->first, segment->last,
                         segment->frames, segment->interval);
  add_text(out, "verdict", segment->verdict);
  add_text(out, "reason", hysac_reason_to_string(segment->reason));
  add_number(out, "peak_margin", segment->has_peak ? segment->peak : (double) NAN);
}

/* Which file, and of several streams which. */
static void
begin_line(GString *out, const char *type, const ScanFile *file)
{
  g_string_append_printf(out, "{\"type\":\"%s\",\"file\":%u", type, file->index);
  if (scan_file_has_streams(file))
    g_string_append_printf(out, ",\"stream\":%u", file->stream);
}

static void
json_sample(GString *out, const ScanFile *file, guint index, guint32 marks,
            const ScanSettings *settings)
{
  const ScanSample *sample = &g_array_index(file->samples, ScanSample, index);
  HysacReason reason;
  const char *verdict = scan_sample_verdict(file, sample, settings, &reason);
  begin_line(out, "sample", file);
  g_string_append_printf(out, ",\"frame\":%" G_GUINT64_FORMAT, sample->frame);
  add_int(out, "time", sample->time);
  add_number(out, "distance", sample->distance);
  add_number(out, "margin", sample->distance - settings->region.bound);
  add_number(out, "score",
             isnan(sample->distance) ? (double) NAN
                                     : hysac_region_judge(&settings->region, sample->distance).score);
  add_text(out, "verdict", verdict);
  add_text(out, "reason", hysac_reason_to_string(reason));
  hysac_rating_append(scan_rating(file, index), marks, out);
  g_string_append(out, "}\n");
}

/* Of each score the sample that says most, with its time. */
static void
json_peaks(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  const char *before = "";
  if (settings->rater == NULL) {
    g_string_append(out, ",\"advisory\":null");
    return;
  }
  g_string_append(out, ",\"advisory\":{");
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    const ScanFile *stream = file;
    const gint peak = hysac_rater_has(settings->rater, i) ? scan_file_peak(file, settings, i, &stream) : -1;
    const HysacRating *rating = peak >= 0 ? scan_rating(stream, (guint) peak) : NULL;
    if (rating == NULL)
      continue;
    g_string_append_printf(out, "%s\"%s\":{\"%s\":", before, hysac_rule_to_string(i),
                           i == HYSAC_RULE_HEAD ? "label" : "concept");
    hysac_json_append_string(out, scan_rating_name(rating, i));
    add_number(out, scan_measure(settings, i), scan_value(settings, rating, i) + 0.0);
    add_int(out, "time", g_array_index(stream->samples, ScanSample, (guint) peak).time);
    if (file->more != NULL)
      add_int(out, "stream", stream->stream);
    g_string_append_c(out, '}');
    before = ",";
  }
  g_string_append_c(out, '}');
}

/* Samples, rules and segments of one stream. */
static void
json_stream(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  g_autofree guint32 *marks = scan_file_marks(file);
  for (guint i = 0; i < file->samples->len; i++)
    json_sample(out, file, i, marks[i], settings);
  for (guint i = 0; i < file->acts->len; i++) {
    begin_line(out, "rule", file);
    g_string_append_c(out, ',');
    scan_json_act(out, &g_array_index(file->acts, ScanAct, i));
    g_string_append(out, "}\n");
  }
  for (guint i = 0; i < file->segments->len; i++) {
    const HysacSegment *segment = &g_array_index(file->segments, ScanSegment, i).segment;
    begin_line(out, "segment", file);
    g_string_append_c(out, ',');
    scan_json_segment(out, segment);
    g_string_append(out, ",\"rules\":");
    scan_json_by(out, scan_segment_by_region(segment), scan_segment_marks(file, segment));
    g_string_append(out, "}\n");
  }
}

/* Of several streams what each has alone. */
static void
json_streams(GString *out, const ScanFile *file)
{
  g_string_append(out, ",\"streams\":[");
  for (guint i = 0; i < scan_file_count(file); i++) {
    const ScanFile *stream = scan_file_stream(file, i);
    g_string_append_printf(out, "%s{\"stream\":%u", i > 0 ? "," : "", stream->stream);
    add_text(out, "status", scan_status_to_string(stream->own_status));
    add_text(out, "error", stream->own_error);
    add_int(out, "width", stream->width);
    add_int(out, "height", stream->height);
    add_int(out, "duration", stream->duration);
    add_int(out, "frames", (gint64) stream->frames);
    add_int(out, "samples", stream->samples->len);
    add_int(out, "failed_samples", stream->failed_samples);
    add_int(out, "segments", stream->segments->len);
    g_string_append_c(out, '}');
  }
  g_string_append_c(out, ']');
}

void
scan_json_file(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  gboolean region;
  const guint32 by = scan_file_by(file, &region);
  const ScanFile *stream;
  const ScanSample *worst = scan_file_worst(file, &stream);
  ScanTotals total;
  scan_file_sum(file, &total);
  for (guint i = 0; i < scan_file_count(file); i++)
    json_stream(out, scan_file_stream(file, i), settings);
  g_string_append_printf(out, "{\"type\":\"file\",\"file\":%u", file->index);
  add_text(out, "name", file->name);
  add_text(out, "verdict", scan_file_verdict(file));
  add_text(out, "status", scan_status_to_string(file->status));
  add_text(out, "error", file->error);
  add_int(out, "size", (gint64) file->size);
  add_int(out, "width", file->width);
  add_int(out, "height", file->height);
  add_int(out, "duration", total.duration);
  add_int(out, "frames", (gint64) total.frames);
  add_int(out, "samples", total.samples);
  add_int(out, "failed_samples", total.failed_samples);
  add_int(out, "segments", total.segments);
  add_int(out, "video_streams", file->videos);
  add_int(out, "decoder_warnings", total.warnings);
  add_number(out, "peak_distance", worst ? worst->distance : (double) NAN);
  add_int(out, "peak_time", worst ? worst->time : -1);
  if (file->more != NULL) {
    add_int(out, "peak_stream", stream->stream);
    json_streams(out, file);
  }
  g_string_append(out, ",\"rules\":");
  scan_json_by(out, region, by);
  json_peaks(out, file, settings);
  g_string_append(out, "}\n");
}

void
scan_json_end(GString *out, GPtrArray *files, gboolean stopped)
{
  guint unsafe = 0, safe = 0, failed = 0, none = 0;
  for (guint i = 0; i < files->len; i++) {
    const char *verdict = scan_file_verdict(files->pdata[i]);
    unsafe += strcmp(verdict, "unsafe") == 0;
    safe += strcmp(verdict, "safe") == 0;
    failed += strcmp(verdict, "failed") == 0;
    none += strcmp(verdict, "none") == 0;
  }
  ScanSum sum;
  scan_sum_by(files, &sum);
  g_string_append_printf(out,
                         "{\"type\":\"end\",\"files\":%u,\"unsafe\":%u,\"safe\":%u,\"failed\":%u,"
                         "\"not_looked_at\":%u,\"stopped\":%s,\"unsafe_by\":{\"region\":%u",
                         files->len, unsafe, safe, failed, none, stopped ? "true" : "false", sum.region);
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (sum.rules[i] > 0)
      g_string_append_printf(out, ",\"%s\":%u", hysac_rule_to_string(i), sum.rules[i]);
  }
  g_string_append(out, "}}\n");
}

/* What is near, as classify has it. */
static void
text_peaks(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  const char *before = "          near (advice, no verdict): ";
  for (guint i = 0; settings->rater != NULL && i < HYSAC_N_RULES; i++) {
    const ScanFile *stream = file;
    const gint peak = hysac_rater_has(settings->rater, i) ? scan_file_peak(file, settings, i, &stream) : -1;
    const HysacRating *rating = peak >= 0 ? scan_rating(stream, (guint) peak) : NULL;
    if (rating == NULL || !scan_reaches(settings, rating, i))
      continue;
    g_autofree char *name = tool_shown_name(scan_rating_name(rating, i));
    g_autofree char *time = tool_shown_time(g_array_index(stream->samples, ScanSample, (guint) peak).time);
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(out, "%s%s: %s, %s %s at %s", before, hysac_rule_to_string(i), name,
                           scan_measure(settings, i),
                           g_ascii_formatd(number, sizeof number, "%.4f", scan_value(settings, rating, i)), time);
    before = "; ";
  }
  if (before[0] == ';')
    g_string_append_c(out, '\n');
}

static void
text_segments(GString *out, const ScanFile *file)
{
  for (guint i = 0; i < file->segments->len; i++) {
    const HysacSegment *segment = &g_array_index(file->segments, ScanSegment, i).segment;
    g_autofree char *start = tool_shown_time(segment->start), *end = tool_shown_time(segment->end);
    g_string_append_printf(out, "          %s to %s  %s", start, end, segment->verdict);
    if (strcmp(hysac_reason_to_string(segment->reason), segment->verdict) != 0)
      g_string_append_printf(out, " (%s)", hysac_reason_to_string(segment->reason));
    const guint32 marks = scan_segment_marks(file, segment);
    g_autofree char *by = scan_text_by(scan_segment_by_region(segment), marks);
    if (marks != 0)
      g_string_append_printf(out, " by %s", by);
    if (scan_file_has_streams(file))
      g_string_append_printf(out, ", video stream %u", file->stream);
    g_string_append_c(out, '\n');
  }
}

void
scan_text_file(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  g_autofree char *name = tool_shown_name(file->name);
  const ScanFile *stream;
  const ScanSample *worst = scan_file_worst(file, &stream);
  const char *verdict = file->status == SCAN_OTHER     ? "no video"
                        : file->status == SCAN_WAITING ? "not begun"
                                                       : scan_file_verdict(file);
  ScanTotals total;
  scan_file_sum(file, &total);
  g_string_append_printf(out, "%-9s %s", verdict, name);
  if (total.frames > 0) {
    g_autofree char *length = tool_shown_time(total.duration);
    g_string_append_printf(out, "  %s, %u samples", length, total.samples);
  }
  if (file->more != NULL)
    g_string_append_printf(out, " of %u video streams", scan_file_count(file));
  if (worst != NULL) {
    g_autofree char *at = tool_shown_time(worst->time);
    const double margin = worst->distance - settings->region.bound;
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(buffer, sizeof buffer, "%.4f", fabs(margin));
    g_string_append_printf(out, ", farthest %s %s the bound at %s", buffer,
                           margin > 0 ? "above" : "below", at);
    if (file->more != NULL)
      g_string_append_printf(out, " of stream %u", stream->stream);
  }
  g_string_append_c(out, '\n');
  if (file->error != NULL) {
    g_autofree char *error = tool_shown_name(file->error);
    g_string_append_printf(out, "          %s\n", error);
  }
  text_peaks(out, file, settings);
  for (guint i = 0; i < scan_file_count(file); i++)
    text_segments(out, scan_file_stream(file, i));
}

/* ------------------------------------------------------------------ files */

static gboolean
write_whole(const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autoptr(GError) local = NULL;
  /* Written beside it and renamed: there is the old one or the new one, never half of one. */
  if (g_file_set_contents_full(path, text, -1,
                               G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                               &local))
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s", local->message);
  return FALSE;
}

/* "0007-holiday", of its second video stream "0007-holiday-stream2": the number tells files of one name apart, and
 * nothing of the name is special to a file system or a shell. */
static char *
safe_base(const ScanFile *file)
{
  g_autofree char *base = g_path_get_basename(file->name);
  base[MIN(strlen(base), 80)] = '\0';
  g_strcanon(base, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", '_');
  return file->stream > 1 ? g_strdup_printf("%04u-%s-stream%u", file->index, base, file->stream)
                          : g_strdup_printf("%04u-%s", file->index, base);
}

static gboolean
write_segments(const char *folder, const ScanFile *file, HysacSegmentLogFormat format,
               const ScanSettings *settings, GError **error)
{
  g_autofree char *base = safe_base(file), *clip = g_path_get_basename(file->name);
  g_autofree char *path = g_strdup_printf("%s/%s.%s", folder, base,
                                          format == HYSAC_SEGMENT_LOG_VTT ? "vtt" : "edl");
  g_autofree char *part = g_strconcat(path, ".part", NULL);
  char bound[G_ASCII_DTOSTR_BUF_SIZE];
  const ScanFile *whole = file->of ? file->of : file;
  g_autofree char *which =
      scan_file_has_streams(file) ? g_strdup_printf("\nvideo stream %u", file->stream) : g_strdup("");
  g_autofree char *provenance = g_strdup_printf(
      "hysac scan %s, model %s\nbound %s, %s\n%s%s", HYSAC_VERSION, settings->model,
      g_ascii_formatd(bound, sizeof bound, "%.6g", settings->region.bound),
      settings->region.calibrated ? "calibrated" : "not calibrated",
      whole->status == SCAN_COMPLETE ? "the whole file" : "NOT the whole file", which);
  HysacSegmentLog *log = hysac_segment_log_open(part, format, provenance, error);
  if (log == NULL)
    return FALSE;
  hysac_segment_log_begin(log, file->fps_num, file->fps_den, clip);
  hysac_segment_log_from(log, 0);
  for (guint i = 0; i < file->segments->len; i++)
    hysac_segment_log_add(log, &g_array_index(file->segments, ScanSegment, i).segment);
  hysac_segment_log_until(log, file->duration);
  GError *failure = hysac_segment_log_close(log);
  if (failure == NULL && g_rename(part, path) != 0)
    failure = g_error_new(HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", path, g_strerror(errno));
  if (failure != NULL) {
    g_unlink(part);
    g_propagate_error(error, failure);
  }
  return failure == NULL;
}

static gboolean
write_all_segments(const char *folder, GPtrArray *files, const ScanSettings *settings,
                   GError **error)
{
  g_autofree char *below = g_build_filename(folder, "segments", NULL);
  if (g_mkdir(below, 0700) != 0 && errno != EEXIST) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", below, g_strerror(errno));
    return FALSE;
  }
  for (guint i = 0; i < files->len; i++) {
    for (guint k = 0; k < scan_file_count(files->pdata[i]); k++) {
      const ScanFile *stream = scan_file_stream(files->pdata[i], k);
      if (stream->frames > 0 &&
          (!write_segments(below, stream, HYSAC_SEGMENT_LOG_VTT, settings, error) ||
           !write_segments(below, stream, HYSAC_SEGMENT_LOG_EDL, settings, error)))
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
scan_write_report(const char *folder, GPtrArray *files, const ScanSettings *settings,
                  gboolean stopped, GError **error)
{
  GString *lines = g_string_new(NULL);
  scan_json_begin(lines, settings);
  for (guint i = 0; i < files->len; i++)
    scan_json_file(lines, files->pdata[i], settings);
  scan_json_end(lines, files, stopped);
  g_autofree char *page = scan_html(files, settings, stopped);
  const gboolean ok = write_whole(folder, "scan.jsonl", lines->str, error) &&
                      write_whole(folder, "report.html", page, error) &&
                      write_all_segments(folder, files, settings, error);
  g_string_free(lines, TRUE);
  return ok;
}
