/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hysac scan: the report as one page. No script and nothing from elsewhere (its own policy forbids
 * both); whatever came with the files, names above all, is text. What a colour says is said by a
 * pattern, a shape and a word too.
 */

#include "progress.h"
#include "scan_html.h"
#include "scan_svg.h"

#include <math.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--soft:#f3f3f3;--line:#767676;--unsafe:#a3122f;"
    "--failed:#6b4700;--safe:#10603a;--plot:#1f4e8c}"
    "@media(prefers-color-scheme:dark){:root{--fg:#ececec;--bg:#161616;--soft:#242424;--line:#9a9a9a;"
    "--unsafe:#ff8f9f;--failed:#f0c060;--safe:#7fd6a5;--plot:#8fbcff}}"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:70rem;"
    "margin:0 auto;padding:1rem}"
    "h1{margin:.2em 0}h2{margin:2em 0 .3em;overflow-wrap:anywhere;border-top:2px solid var(--line);"
    "padding-top:.6em}"
    "table{border-collapse:collapse;width:100%;margin:.6em 0}caption{text-align:left;font-weight:bold}"
    "th,td{text-align:left;padding:.3em .6em;border-bottom:1px solid var(--line);vertical-align:top}"
    "td.w{overflow-wrap:anywhere;min-width:12rem}.scroll{overflow-x:auto}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".notice{border:2px solid var(--failed);background:var(--soft);padding:.6em 1em;font-weight:bold}"
    ".v{font-weight:bold;white-space:nowrap}.v.unsafe{color:var(--unsafe)}.v.failed{color:var(--failed)}"
    ".v.safe{color:var(--safe)}"
    "svg{width:100%;height:auto;display:block;background:var(--soft)}svg text{fill:var(--fg)}"
    "figure{margin:.6em 0}figcaption{font-size:.9em}"
    "img{width:160px;height:90px;object-fit:contain;display:block;image-rendering:pixelated;"
    "background:var(--soft)}img.clear{image-rendering:auto}"
    "a{color:var(--plot)}a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--plot)}"
    "details{margin:.6em 0}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em}"
    "dt{font-weight:bold}dd{margin:0;overflow-wrap:anywhere}"
    "@media print{details{display:none}}";

/* Text of anybody's as text of the page. */
void
scan_html_escaped(GString *out, const char *text)
{
  g_autofree char *shown = tool_shown_name(text);
  g_autofree char *escaped = g_markup_escape_text(shown, -1);
  g_string_append(out, escaped);
}

/* A mark, a word and a colour. */
void
scan_html_verdict(GString *out, const char *verdict)
{
  const char *mark = strcmp(verdict, "unsafe") == 0   ? "&#9650; unsafe"
                     : strcmp(verdict, "failed") == 0 ? "&#10005; not checked"
                     : strcmp(verdict, "safe") == 0   ? "&#9679; safe"
                                                      : "&#8211; not looked at";
  g_string_append_printf(out, "<span class=\"v %s\">%s</span>", verdict, mark);
}

void
scan_html_time(GString *out, gint64 time)
{
  g_autofree char *text = tool_shown_time(time);
  g_string_append(out, text);
}

void
scan_html_number(GString *out, double value, const char *format)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append(out, isfinite(value) ? g_ascii_formatd(buffer, sizeof buffer, format, value)
                                       : "&#8211;");
}

/* ---------------------------------------------------------------- parts of the page */

static void
add_summary(GString *out, GPtrArray *files, const ScanSettings *settings, gboolean stopped)
{
  guint counts[4] = { 0 };
  gint64 length = 0;
  static const char *const names[] = { "unsafe", "safe", "failed", "none" };
  for (guint i = 0; i < files->len; i++) {
    const ScanFile *file = files->pdata[i];
    for (guint v = 0; v < G_N_ELEMENTS(names); v++)
      counts[v] += strcmp(scan_file_verdict(file), names[v]) == 0;
    for (guint k = 0; k < scan_file_count(file); k++)
      length += scan_file_stream(file, k)->duration;
  }
  g_string_append_printf(out, "<p>%u file(s), ", files->len);
  scan_html_time(out, length);
  g_string_append_printf(out, " of video: <strong>%u unsafe</strong>, %u safe, %u not (wholly) checked",
                         counts[0], counts[1], counts[2]);
  if (counts[3] > 0)
    g_string_append_printf(out, ", %u not looked at", counts[3]);
  g_string_append(out, ".</p>\n");
  if (settings->ruled) {
    ScanSum sum;
    scan_sum_by(files, &sum);
    g_autofree char *by = scan_text_sum(&sum);
    g_string_append_printf(out, "<p>Files that are unsafe by %s.</p>\n", by);
  }
  if (settings->rater != NULL)
    g_string_append(out, settings->ruled
                             ? "<p>Scores of categories and of the head are advisory; rules of the policy act by "
                               "those that the settings name.</p>\n"
                             : "<p>Scores of categories and of the head are advisory: no verdict here is "
                               "theirs.</p>\n");
  if (stopped)
    g_string_append(out, "<p class=\"notice\">The scan was stopped before its end: what is listed as "
                         "stopped or not looked at may hold anything.</p>\n");
  if (settings->demo)
    g_string_append(out, "<p class=\"notice\">Made with the demo model, which knows drawn scenes only: "
                         "this report says nothing about real footage.</p>\n");
  else if (!settings->region.calibrated)
    g_string_append(out, "<p class=\"notice\">The bound was not fitted on material of your own (hysac "
                         "fit): its rate of false alarms is not known.</p>\n");
}

static void
add_file_list(GString *out, GPtrArray *files, const ScanSettings *settings)
{
  g_string_append(out, "<nav aria-label=\"Files\" class=\"scroll\" tabindex=\"0\"><table><caption>Files</caption><thead><tr>"
                       "<th scope=\"col\">File</th><th scope=\"col\">Verdict</th>"
                       "<th scope=\"col\">Status</th><th scope=\"col\" class=\"n\">Length</th>"
                       "<th scope=\"col\" class=\"n\">Segments</th>"
                       "<th scope=\"col\" class=\"n\">Peak margin</th>");
  if (settings->ruled)
    g_string_append(out, "<th scope=\"col\">Unsafe by</th>");
  g_string_append(out, "</tr></thead><tbody>\n");
  for (guint i = 0; i < files->len; i++) {
    const ScanFile *file = files->pdata[i];
    const ScanSample *worst = scan_file_worst(file, NULL);
    ScanTotals total;
    scan_file_sum(file, &total);
    g_string_append_printf(out, "<tr><td class=\"w\"><a href=\"#f%u\">", file->index);
    scan_html_escaped(out, file->name);
    g_string_append(out, "</a></td><td>");
    scan_html_verdict(out, scan_file_verdict(file));
    g_string_append_printf(out, "</td><td>%s</td><td class=\"n\">",
                           scan_status_to_string(file->status));
    scan_html_time(out, total.duration);
    g_string_append_printf(out, "</td><td class=\"n\">%u</td><td class=\"n\">", total.segments);
    scan_html_number(out, worst ? worst->distance - settings->region.bound : (double) NAN, "%+.4f");
    g_string_append(out, "</td>");
    if (settings->ruled) {
      gboolean region;
      const guint32 marks = scan_file_by(file, &region);
      scan_html_by(out, region, marks);
    }
    g_string_append(out, "</tr>\n");
  }
  g_string_append(out, "</tbody></table></nav>\n");
}

static void
add_thumb(GString *out, const ScanSegment *segment)
{
  if (segment->thumb == NULL) {
    g_string_append(out, "&#8211;");
    return;
  }
  gsize size;
  const guint8 *bytes = g_bytes_get_data(segment->thumb, &size);
  const gboolean jpeg = size > 1 && bytes[0] == 0xff;
  g_autofree char *base64 = g_base64_encode(bytes, size);
  g_autofree char *time = tool_shown_time(segment->thumb_time);
  g_string_append_printf(out,
                         "<img%s alt=\"%spicture at %s, the farthest of this segment\" "
                         "src=\"data:image/%s;base64,%s\">",
                         jpeg ? " class=\"clear\"" : "", jpeg ? "" : "pixelated ", time,
                         jpeg ? "jpeg" : "png", base64);
}

static void
add_segments(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  if (file->segments->len == 0)
    return;
  g_autofree char *name = scan_stream_name(file);
  g_string_append_printf(out, "<div class=\"scroll\" role=\"region\" aria-label=\"Segments of %s\" "
                              "tabindex=\"0\"><table><caption>Segments</caption><thead><tr><th scope=\"col\">Mark</th>"
                       "<th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">From</th>"
                       "<th scope=\"col\" class=\"n\">To</th><th scope=\"col\">Reason</th>%s"
                       "<th scope=\"col\" class=\"n\">Peak margin</th>"
                       "<th scope=\"col\">Picture</th></tr></thead><tbody>\n",
                         name, settings->ruled ? "<th scope=\"col\">By</th>" : "");
  for (guint i = 0; i < MIN(file->segments->len, SCAN_HTML_MAX_ROWS); i++) {
    const ScanSegment *segment = &g_array_index(file->segments, ScanSegment, i);
    const HysacSegment *s = &segment->segment;
    g_string_append_printf(out, "<tr><th scope=\"row\">%c%u</th><td>",
                           strcmp(s->verdict, "unsafe") == 0 ? 'U' : 'F', i + 1);
    scan_html_verdict(out, s->verdict);
    g_string_append(out, "</td><td class=\"n\">");
    scan_html_time(out, s->start);
    g_string_append(out, "</td><td class=\"n\">");
    scan_html_time(out, s->end);
    g_string_append_printf(out, "</td><td>%s</td>", hysac_reason_to_string(s->reason));
    if (settings->ruled)
      scan_html_by(out, scan_segment_by_region(s), scan_segment_marks(file, s));
    g_string_append(out, "<td class=\"n\">");
    scan_html_number(out, s->has_peak ? s->peak : (double) NAN, "%+.4f");
    g_string_append(out, "</td><td>");
    add_thumb(out, segment);
    g_string_append(out, "</td></tr>\n");
  }
  g_string_append(out, "</tbody></table></div>\n");
  if (file->segments->len > SCAN_HTML_MAX_ROWS)
    g_string_append_printf(out, "<p>%u more are in scan.jsonl.</p>\n", file->segments->len - SCAN_HTML_MAX_ROWS);
}

static void
add_numbers(GString *out, const ScanFile *file)
{
  if (file->frames > 0) {
    g_string_append_printf(out, "; %u &#215; %u, ", file->width, file->height);
    scan_html_time(out, file->duration);
    g_string_append_printf(out, ", %" G_GUINT64_FORMAT " frames, %u of them scored", file->frames,
                           file->samples->len - file->failed_samples);
  }
  if (file->warnings > 0)
    g_string_append_printf(out, "; the decoder complained %u time(s)", file->warnings);
}

static void
add_error(GString *out, const char *error)
{
  if (error == NULL)
    return;
  g_string_append(out, "<p><strong>");
  scan_html_escaped(out, error);
  g_string_append(out, "</strong></p>\n");
}

static void
add_stream(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  if (scan_file_has_streams(file)) {
    g_string_append_printf(out, "<h3>Video stream %u</h3>\n<p>%s", file->stream,
                           scan_status_to_string(file->own_status));
    add_numbers(out, file);
    g_string_append(out, "</p>\n");
    add_error(out, file->own_error);
  }
  if (file->frames > 0) {
    scan_svg_timeline(out, file, settings);
    scan_svg_lanes(out, file, settings);
    add_segments(out, file, settings);
    scan_html_peaks(out, file, settings);
    scan_html_samples(out, file, settings);
  }
}

static void
add_file(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  g_string_append_printf(out, "<section aria-labelledby=\"f%u\"><h2 id=\"f%u\" tabindex=\"-1\">",
                         file->index, file->index);
  scan_html_escaped(out, file->name);
  g_string_append(out, "</h2>\n<p>");
  scan_html_verdict(out, scan_file_verdict(file));
  g_string_append_printf(out, ", %s", scan_status_to_string(file->status));
  if (!scan_file_has_streams(file))
    add_numbers(out, file);
  if (file->videos > 1)
    g_string_append_printf(out, "; %u video streams, %u of them looked at", file->videos,
                           scan_file_count(file));
  g_string_append(out, "</p>\n");
  add_error(out, file->error);
  for (guint i = 0; i < scan_file_count(file); i++)
    add_stream(out, scan_file_stream(file, i), settings);
  g_string_append(out, "</section>\n");
}

void
scan_html_setting(GString *out, const char *name, const char *value)
{
  g_string_append_printf(out, "<dt>%s</dt><dd>", name);
  scan_html_escaped(out, value);
  g_string_append(out, "</dd>\n");
}

static void
add_settings(GString *out, const ScanSettings *settings)
{
  const HysacPolicyConfig *p = &settings->policy;
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *bound = g_strdup_printf(
      "%s, %s", g_ascii_formatd(a, sizeof a, "%.6g", settings->region.bound),
      settings->region.calibrated ? "fitted" : "not calibrated");
  g_autofree char *interval = settings->interval
                                  ? g_strdup_printf("%s s, and both sides of each cut",
                                                    g_ascii_formatd(b, sizeof b, "%.9g",
                                                                    (double) settings->interval / 1e9))
                                  : g_strdup("every frame");
  g_autofree char *confirm = g_strdup_printf("%u of %u samples", p->k, p->n);
  g_autofree char *margins =
      g_strdup_printf("%s to begin, %s to go on", g_ascii_formatd(a, sizeof a, "%.6g", p->enter_margin),
                      g_ascii_formatd(b, sizeof b, "%.6g", p->leave_margin));
  g_autofree char *pre = tool_shown_time(p->pre_roll), *post = tool_shown_time(p->post_roll),
                  *least = tool_shown_time(p->min_duration);
  g_string_append(out, "<section aria-labelledby=\"settings\"><h2 id=\"settings\">Settings</h2><dl>\n");
  scan_html_setting(out, "Program", "hysac " HYSAC_VERSION);
  scan_html_setting(out, "Model", settings->model);
  scan_html_setting(out, "Weights, SHA-256", settings->weights_sha256 ? settings->weights_sha256 : "not stated");
  scan_html_setting(out, "Device", settings->device);
  scan_html_setting(out, "Precision", settings->precision);
  scan_html_setting(out, "Bound", bound);
  scan_html_setting(out, "Samples", interval);
  scan_html_setting(out, "Confirmed by", confirm);
  scan_html_setting(out, "Margins", margins);
  g_autofree char *rolls = g_strdup_printf("%s before, %s after, at least %s", pre, post, least);
  scan_html_setting(out, "Segments last", rolls);
  scan_html_rules(out, settings);
  g_string_append(out, "</dl>\n<p>A distance is that to the root of HySAC&#8217;s space; the margin is what it "
                       "exceeds the bound by. What is between two samples was not looked at, nor what lies "
                       "outside the centre square of the picture.</p></section>\n");
}

char *
scan_html(GPtrArray *files, const ScanSettings *settings, gboolean stopped)
{
  GString *out = g_string_new("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                              "style-src 'unsafe-inline'; img-src data:\">\n"
                              "<meta name=\"viewport\" content=\"width=device-width\">\n"
                              "<meta name=\"referrer\" content=\"no-referrer\">\n"
                              "<title>HySAC: scan report</title>\n<style>");
  g_string_append(out, style);
  g_string_append(out, "</style></head>\n<body>\n<header><h1>Scan report</h1>\n");
  add_summary(out, files, settings, stopped);
  g_string_append(out, "</header>\n<main>\n");
  scan_svg_patterns(out);
  add_file_list(out, files, settings);
  for (guint i = 0; i < files->len; i++)
    add_file(out, files->pdata[i], settings);
  add_settings(out, settings);
  g_string_append(out, "</main>\n</body></html>\n");
  return g_string_free(out, FALSE);
}
