/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: a file's timeline as a drawing inside the report. */

#include "scan_svg.h"

#include "progress.h"

#include <math.h>
#include <string.h>

#define WIDTH 1000.0
#define LEFT 60.0
#define RIGHT 985.0
#define TOP 34.0
#define BOTTOM 210.0
#define HEIGHT 246.0
#define COLUMNS 900 /* more samples than these: the farthest of each column is drawn */
#define MAX_MARKS 300
#define TICKS 8

typedef struct {
  GString *out;
  const ScanFile *file;
  const ScanSettings *settings;
  gint64 length;
  double low, high; /* distances at BOTTOM and TOP */
} Drawing;

/* printf's %f follows the locale; SVG does not. */
static void
add(GString *out, const char *before, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append(out, before);
  g_string_append(out, g_ascii_formatd(buffer, sizeof buffer, "%.1f", value));
}

static double
x_of(const Drawing *self, gint64 time)
{
  return LEFT + (RIGHT - LEFT) * CLAMP((double) time / (double) self->length, 0, 1);
}

static double
y_of(const Drawing *self, double distance)
{
  const double part = (distance - self->low) / (self->high - self->low);
  return BOTTOM - (BOTTOM - TOP) * CLAMP(part, 0, 1);
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

static void
scale(Drawing *self)
{
  const double bound = self->settings->region.bound;
  double low = bound, high = bound;
  for (guint i = 0; i < self->file->samples->len; i++) {
    const double d = g_array_index(self->file->samples, ScanSample, i).distance;
    if (!isnan(d)) {
      low = MIN(low, d);
      high = MAX(high, d);
    }
  }
  const double room = MAX((high - low) * 0.1, 0.005 * MAX(bound, 1e-3));
  self->low = low - room;
  self->high = high + room;
}

static void
draw_axis(const Drawing *self)
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
    add(out, "<line x1=\"", x_of(self, t));
    add(out, "\" x2=\"", x_of(self, t));
    add(out, "\" y1=\"", BOTTOM);
    add(out, "\" y2=\"", BOTTOM + 5);
    add(out, "\" stroke=\"var(--line)\"/><text text-anchor=\"middle\" x=\"", x_of(self, t));
    add(out, "\" y=\"", BOTTOM + 20);
    g_string_append_printf(out, "\">%s</text>", label);
  }
  add(out, "<line stroke=\"var(--line)\" x1=\"", LEFT);
  add(out, "\" x2=\"", RIGHT);
  add(out, "\" y1=\"", BOTTOM);
  add(out, "\" y2=\"", BOTTOM);
  g_string_append(out, "\"/>");
}

static void
draw_bound(const Drawing *self)
{
  GString *out = self->out;
  const double y = y_of(self, self->settings->region.bound);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  add(out, "<line stroke=\"var(--fg)\" stroke-width=\"1.5\" stroke-dasharray=\"9 5\" x1=\"", LEFT);
  add(out, "\" x2=\"", RIGHT);
  add(out, "\" y1=\"", y);
  add(out, "\" y2=\"", y);
  add(out, "\"/><text x=\"4\" y=\"", y - 4);
  g_string_append(out, "\">bound</text>");
  add(out, "<text x=\"4\" y=\"", y + 13);
  g_string_append_printf(out, "\">%s</text>\n",
                         g_ascii_formatd(number, sizeof number, "%.3f", self->settings->region.bound));
}

/* A stretch as a band of its pattern, with its mark above it as far as there is room. */
static void
draw_segments(const Drawing *self)
{
  GString *out = self->out;
  double free_from = LEFT;
  for (guint i = 0; i < self->file->segments->len; i++) {
    const HysacSegment *s = &g_array_index(self->file->segments, ScanSegment, i).segment;
    const gboolean unsafe = strcmp(s->verdict, "unsafe") == 0;
    const double x = x_of(self, s->start), width = MAX(x_of(self, s->end) - x, 2);
    g_autofree char *mark = g_strdup_printf("%c%u", unsafe ? 'U' : 'F', i + 1);
    g_autofree char *from = tool_shown_time(s->start), *to = tool_shown_time(s->end);
    add(out, "<rect x=\"", x);
    add(out, "\" width=\"", width);
    add(out, "\" y=\"", TOP);
    add(out, "\" height=\"", BOTTOM - TOP);
    g_string_append_printf(out,
                           "\" fill=\"url(#%s)\" stroke=\"var(--%s)\"><title>%s: %s, %s to %s</title>"
                           "</rect>",
                           unsafe ? "hatch" : "dots", unsafe ? "unsafe" : "failed", mark,
                           unsafe ? "unsafe" : "not checked", from, to);
    if (x >= free_from) {
      add(out, "<text font-weight=\"bold\" x=\"", x);
      add(out, "\" y=\"", TOP - 6);
      g_string_append_printf(out, "\">%s</text>\n", mark);
      free_from = x + 10 * (double) strlen(mark) + 4;
    }
  }
}

static void
draw_mark(const Drawing *self, const ScanSample *sample)
{
  GString *out = self->out;
  const double x = x_of(self, sample->time);
  if (isnan(sample->distance)) {
    add(out, "<text text-anchor=\"middle\" x=\"", x);
    add(out, "\" y=\"", TOP + 14);
    g_string_append(out, "\">&#10005;</text>");
  } else if (sample->distance > self->settings->region.bound) {
    const double y = y_of(self, sample->distance);
    add(out, "<path fill=\"var(--unsafe)\" d=\"M", x - 5);
    add(out, " ", y + 4);
    add(out, "L", x + 5);
    add(out, " ", y + 4);
    add(out, "L", x);
    add(out, " ", y - 5);
    g_string_append(out, "Z\"/>");
  } else {
    add(out, "<circle r=\"2.5\" fill=\"var(--plot)\" cx=\"", x);
    add(out, "\" cy=\"", y_of(self, sample->distance));
    g_string_append(out, "\"/>");
  }
}

/* A line through the samples, broken where one failed; of very many, each column's farthest. */
static void
draw_samples(const Drawing *self)
{
  const GArray *samples = self->file->samples;
  GString *out = self->out;
  gboolean open = FALSE;
  g_string_append(out, "<path fill=\"none\" stroke=\"var(--plot)\" stroke-width=\"1.5\" d=\"");
  for (guint i = 0; i < samples->len;) {
    const ScanSample *best = &g_array_index(samples, ScanSample, i);
    const guint column = (guint) ((guint64) i * COLUMNS / samples->len);
    guint next = i + 1;
    if (samples->len > COLUMNS) {
      for (; next < samples->len && (guint) ((guint64) next * COLUMNS / samples->len) == column; next++) {
        const ScanSample *other = &g_array_index(samples, ScanSample, next);
        if (isnan(best->distance) || other->distance > best->distance)
          best = other;
      }
    }
    if (isnan(best->distance)) {
      open = FALSE;
    } else {
      add(out, open ? "L" : "M", x_of(self, best->time));
      add(out, " ", y_of(self, best->distance));
      open = TRUE;
    }
    i = next;
  }
  g_string_append(out, "\"/>\n");
  if (samples->len <= MAX_MARKS) {
    for (guint i = 0; i < samples->len; i++)
      draw_mark(self, &g_array_index(samples, ScanSample, i));
  }
}

void
scan_svg_timeline(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  Drawing self = { .out = out, .file = file, .settings = settings,
                   .length = MAX(file->duration, 1) };
  guint unsafe = 0;
  for (guint i = 0; i < file->segments->len; i++)
    unsafe += strcmp(g_array_index(file->segments, ScanSegment, i).segment.verdict, "unsafe") == 0;
  scale(&self);
  g_string_append_printf(out,
                         "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\" font-size=\"14\" "
                         "aria-labelledby=\"t%u d%u\"><title id=\"t%u\">Timeline of file %u</title>"
                         "<desc id=\"d%u\">Distance to the root over time, against the bound: %u samples, "
                         "%u unsafe segment(s) and %u that could not be checked. The tables below hold the "
                         "same.</desc>\n",
                         (int) WIDTH, (int) HEIGHT, file->index, file->index, file->index, file->index,
                         file->index, file->samples->len, unsafe, file->segments->len - unsafe);
  draw_segments(&self);
  draw_axis(&self);
  draw_bound(&self);
  draw_samples(&self);
  g_string_append(out, "\n</svg><figcaption>Distance over time. Dashed: the bound; above it is unsafe. "
                       "Circle: a sample below it; triangle: above. Hatched, marked U: unsafe. Dotted, "
                       "marked F, and cross: not checked.</figcaption></figure>\n");
}
