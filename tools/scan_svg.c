/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: a file's timeline as a drawing inside the report. */

#include "scan_svg.h"

#include "progress.h"

#include <math.h>
#include <string.h>

#define TOP 34.0
#define BOTTOM 210.0
#define HEIGHT 246.0
#define COLUMNS 900 /* more samples than these: the farthest of each column is drawn */
#define MAX_MARKS 300
#define TICKS 8
#define CHARACTER 9.0 /* of a label, at most */

/* printf's %f follows the locale; SVG does not. */
void
scan_svg_add(GString *out, const char *before, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append(out, before);
  g_string_append(out, g_ascii_formatd(buffer, sizeof buffer, "%.1f", value));
}

double
scan_svg_x(const ScanDrawing *self, gint64 time)
{
  return SCAN_SVG_LEFT + (SCAN_SVG_RIGHT - SCAN_SVG_LEFT) * CLAMP((double) time / (double) self->length, 0, 1);
}

double
scan_svg_y(const ScanDrawing *self, double value)
{
  const double part = (value - self->low) / (self->high - self->low);
  return self->bottom - (self->bottom - self->top) * CLAMP(part, 0, 1);
}

void
scan_svg_patterns(GString *out)
{
  g_string_append(
      out,
      "<svg aria-hidden=\"true\" style=\"position:absolute;width:0;height:0\"><defs>"
      "<pattern id=\"hatch\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" "
      "patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"var(--unsafe)\" "
      "fill-opacity=\".18\"/><rect width=\"3\" height=\"8\" fill=\"var(--unsafe)\" fill-opacity=\".6\"/>"
      "</pattern><pattern id=\"dots\" width=\"10\" height=\"10\" patternUnits=\"userSpaceOnUse\">"
      "<rect width=\"10\" height=\"10\" fill=\"var(--failed)\" fill-opacity=\".15\"/>"
      "<circle cx=\"5\" cy=\"5\" r=\"2.2\" fill=\"var(--failed)\"/></pattern></defs></svg>\n");
}

void
scan_svg_axis(const ScanDrawing *self)
{
  static const gint64 steps[] = { 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600 };
  GString *out = self->out;
  gint64 step = 100000000;
  for (guint i = 0; i < G_N_ELEMENTS(steps) && self->length / step > TICKS; i++)
    step = steps[i] * 1000000000;
  while (self->length / step > TICKS)
    step *= 2;
  for (gint64 t = 0; t <= self->length; t += step) {
    g_autofree char *label = tool_shown_time(t);
    if (step >= 1000000000)
      *strchr(label, '.') = '\0';
    /* That of the end would stick out. */
    const double middle = MIN(scan_svg_x(self, t), SCAN_SVG_WIDTH - CHARACTER / 2 * (double) strlen(label));
    scan_svg_add(out, "<line x1=\"", scan_svg_x(self, t));
    scan_svg_add(out, "\" x2=\"", scan_svg_x(self, t));
    scan_svg_add(out, "\" y1=\"", self->bottom);
    scan_svg_add(out, "\" y2=\"", self->bottom + 5);
    scan_svg_add(out, "\" stroke=\"var(--line)\"/><text text-anchor=\"middle\" x=\"", middle);
    scan_svg_add(out, "\" y=\"", self->bottom + 20);
    g_string_append_printf(out, "\">%s</text>", label);
  }
  scan_svg_add(out, "<line stroke=\"var(--line)\" x1=\"", SCAN_SVG_LEFT);
  scan_svg_add(out, "\" x2=\"", SCAN_SVG_RIGHT);
  scan_svg_add(out, "\" y1=\"", self->bottom);
  scan_svg_add(out, "\" y2=\"", self->bottom);
  g_string_append(out, "\"/>");
}

static void
draw_bound(const ScanDrawing *self)
{
  GString *out = self->out;
  const double y = scan_svg_y(self, self->settings->region.bound);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  scan_svg_add(out, "<line stroke=\"var(--fg)\" stroke-width=\"1.5\" stroke-dasharray=\"9 5\" x1=\"", SCAN_SVG_LEFT);
  scan_svg_add(out, "\" x2=\"", SCAN_SVG_RIGHT);
  scan_svg_add(out, "\" y1=\"", y);
  scan_svg_add(out, "\" y2=\"", y);
  scan_svg_add(out, "\"/><text x=\"4\" y=\"", y - 4);
  g_string_append(out, "\">bound</text>");
  scan_svg_add(out, "<text x=\"4\" y=\"", y + 13);
  g_string_append_printf(out, "\">%s</text>\n",
                         g_ascii_formatd(number, sizeof number, "%.3f", self->settings->region.bound));
}

/* A stretch as a band of its pattern, with its mark above it as far as there is room. */
static void
draw_segments(const ScanDrawing *self)
{
  GString *out = self->out;
  double free_from = SCAN_SVG_LEFT;
  for (guint i = 0; i < self->file->segments->len; i++) {
    const HysacSegment *s = &g_array_index(self->file->segments, ScanSegment, i).segment;
    const gboolean unsafe = strcmp(s->verdict, "unsafe") == 0;
    const double x = scan_svg_x(self, s->start), width = MAX(scan_svg_x(self, s->end) - x, 2);
    g_autofree char *mark = g_strdup_printf("%c%u", unsafe ? 'U' : 'F', i + 1);
    g_autofree char *from = tool_shown_time(s->start), *to = tool_shown_time(s->end);
    scan_svg_add(out, "<rect x=\"", x);
    scan_svg_add(out, "\" width=\"", width);
    scan_svg_add(out, "\" y=\"", TOP);
    scan_svg_add(out, "\" height=\"", BOTTOM - TOP);
    g_string_append_printf(out,
                           "\" fill=\"url(#%s)\" stroke=\"var(--%s)\"><title>%s: %s, %s to %s</title>"
                           "</rect>",
                           unsafe ? "hatch" : "dots", unsafe ? "unsafe" : "failed", mark,
                           unsafe ? "unsafe" : "not checked", from, to);
    if (x >= free_from) {
      scan_svg_add(out, "<text font-weight=\"bold\" x=\"", x);
      scan_svg_add(out, "\" y=\"", TOP - 6);
      g_string_append_printf(out, "\">%s</text>\n", mark);
      free_from = x + 10 * (double) strlen(mark) + 4;
    }
  }
}

/* A cross where there is no value, a triangle where it is marked, else a circle. */
static void
draw_mark(const ScanDrawing *self, const ScanSeries *series, guint index)
{
  GString *out = self->out;
  const double value = series->value(self, index, series->data);
  const double x = scan_svg_x(self, g_array_index(self->file->samples, ScanSample, index).time);
  if (isnan(value)) {
    scan_svg_add(out, "<text text-anchor=\"middle\" x=\"", x);
    scan_svg_add(out, "\" y=\"", self->top + 14);
    g_string_append(out, "\">&#10005;</text>");
  } else if (series->marked(self, index, series->data)) {
    const double y = scan_svg_y(self, value);
    scan_svg_add(out, "<path fill=\"var(--unsafe)\" d=\"M", x - 5);
    scan_svg_add(out, " ", y + 4);
    scan_svg_add(out, "L", x + 5);
    scan_svg_add(out, " ", y + 4);
    scan_svg_add(out, "L", x);
    scan_svg_add(out, " ", y - 5);
    g_string_append(out, "Z\"/>");
  } else {
    scan_svg_add(out, "<circle r=\"2.5\" fill=\"var(--plot)\" cx=\"", x);
    scan_svg_add(out, "\" cy=\"", scan_svg_y(self, value));
    g_string_append(out, "\"/>");
  }
}

/* Of very many samples, each column's highest. */
void
scan_svg_series(const ScanDrawing *self, const ScanSeries *series)
{
  const GArray *samples = self->file->samples;
  GString *out = self->out;
  gboolean open = FALSE;
  g_string_append(out, "<path fill=\"none\" stroke=\"var(--plot)\" stroke-width=\"1.5\" d=\"");
  for (guint i = 0; i < samples->len;) {
    const guint column = (guint) ((guint64) i * COLUMNS / samples->len);
    guint next = i + 1, best = i;
    double most = series->value(self, i, series->data);
    for (; samples->len > COLUMNS && next < samples->len &&
           (guint) ((guint64) next * COLUMNS / samples->len) == column; next++) {
      const double other = series->value(self, next, series->data);
      if (isnan(most) || other > most) {
        most = other;
        best = next;
      }
    }
    if (!isnan(most)) {
      scan_svg_add(out, open ? "L" : "M", scan_svg_x(self, g_array_index(samples, ScanSample, best).time));
      scan_svg_add(out, " ", scan_svg_y(self, most));
    }
    open = !isnan(most);
    i = next;
  }
  g_string_append(out, "\"/>\n");
  for (guint i = 0; samples->len <= MAX_MARKS && i < samples->len; i++)
    draw_mark(self, series, i);
}

void
scan_svg_scale(ScanDrawing *self, const ScanSeries *series, double threshold, double least)
{
  double low = threshold, high = threshold;
  for (guint i = 0; i < self->file->samples->len; i++) {
    const double value = series->value(self, i, series->data);
    low = isnan(low) || value < low ? value : low;
    high = isnan(high) || value > high ? value : high;
  }
  const double room = MAX((high - low) * 0.1, least);
  self->low = isnan(low) ? 0 : low - room;
  self->high = isnan(high) ? 1 : high + room;
}

static double
distance_of(const ScanDrawing *self, guint index, gconstpointer data)
{
  return g_array_index(self->file->samples, ScanSample, index).distance;
}

static gboolean
is_beyond(const ScanDrawing *self, guint index, gconstpointer data)
{
  return distance_of(self, index, data) > self->settings->region.bound;
}

void
scan_svg_timeline(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  ScanDrawing self = { .out = out, .file = file, .settings = settings, .length = MAX(file->duration, 1),
                       .top = TOP, .bottom = BOTTOM };
  const ScanSeries distances = { distance_of, is_beyond, NULL };
  guint unsafe = 0;
  g_autofree char *id = scan_stream_id(file), *name = scan_stream_name(file);
  for (guint i = 0; i < file->segments->len; i++)
    unsafe += strcmp(g_array_index(file->segments, ScanSegment, i).segment.verdict, "unsafe") == 0;
  scan_svg_scale(&self, &distances, settings->region.bound, 0.005 * MAX(settings->region.bound, 1e-3));
  g_string_append_printf(out,
                         "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\" font-size=\"14\" "
                         "aria-labelledby=\"t%s d%s\"><title id=\"t%s\">Timeline of %s</title>"
                         "<desc id=\"d%s\">Distance to the root over time, against the bound: %u samples, "
                         "%u unsafe segment(s) and %u that could not be checked. The tables below hold the "
                         "same.</desc>\n",
                         (int) SCAN_SVG_WIDTH, (int) HEIGHT, id, id, id, name, id, file->samples->len, unsafe, file->segments->len - unsafe);
  draw_segments(&self);
  scan_svg_axis(&self);
  draw_bound(&self);
  scan_svg_series(&self, &distances);
  g_string_append(out, "\n</svg><figcaption>Distance over time. Dashed: the bound; above it is unsafe. "
                       "Circle: a sample below it; triangle: above. Hatched, marked U: unsafe. Dotted, "
                       "marked F, and cross: not checked.</figcaption></figure>\n");
}
