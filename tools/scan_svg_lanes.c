/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: below a file's timeline, what stands beside the region: of each category and of the head a lane with its
 * scores, and where its rule acts. */

#include "scan_svg.h"

#include "progress.h"
#include "scan_advice.h"

#include <math.h>

#define TITLE 18.0
#define PLOT 46.0
#define LANE 78.0
#define AXIS 28.0
#define ROOM_FOR_WORD 44.0

static double
value_of(const ScanDrawing *self, guint index, gconstpointer data)
{
  return scan_value(self->settings, scan_rating(self->file, index), GPOINTER_TO_UINT(data));
}

static gboolean
is_marked(const ScanDrawing *self, guint index, gconstpointer data)
{
  return scan_reaches(self->settings, scan_rating(self->file, index), GPOINTER_TO_UINT(data));
}

/* Where the rule acts: hatched, and the word where there is room for it. */
static void
draw_acts(const ScanDrawing *self, guint rule)
{
  GString *out = self->out;
  for (guint i = 0; i < self->file->acts->len; i++) {
    const ScanAct *act = &g_array_index(self->file->acts, ScanAct, i);
    if (act->rule != rule)
      continue;
    const double x = scan_svg_x(self, act->start), width = MAX(scan_svg_x(self, act->end) - x, 2);
    g_autofree char *from = tool_shown_time(act->start), *to = tool_shown_time(act->end);
    scan_svg_add(out, "<rect x=\"", x);
    scan_svg_add(out, "\" width=\"", width);
    scan_svg_add(out, "\" y=\"", self->top);
    scan_svg_add(out, "\" height=\"", self->bottom - self->top);
    g_string_append_printf(out,
                           "\" fill=\"url(#hatch)\" stroke=\"var(--unsafe)\"><title>the rule of %s acts, %s to %s"
                           "</title></rect>", hysac_rule_to_string(rule), from, to);
    if (width < ROOM_FOR_WORD)
      continue;
    scan_svg_add(out, "<text font-weight=\"bold\" x=\"", x + 4);
    scan_svg_add(out, "\" y=\"", self->top + 13);
    g_string_append(out, "\">acts</text>\n");
  }
}

static void
draw_threshold(const ScanDrawing *self, double threshold)
{
  GString *out = self->out;
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  const double y = scan_svg_y(self, threshold);
  scan_svg_add(out, "<line stroke=\"var(--fg)\" stroke-width=\"1.5\" stroke-dasharray=\"9 5\" x1=\"", SCAN_SVG_LEFT);
  scan_svg_add(out, "\" x2=\"", SCAN_SVG_RIGHT);
  scan_svg_add(out, "\" y1=\"", y);
  scan_svg_add(out, "\" y2=\"", y);
  scan_svg_add(out, "\"/><text x=\"4\" y=\"", y + 5);
  g_string_append_printf(out, "\">%s</text>\n", g_ascii_formatd(number, sizeof number, "%.4g", threshold));
}

static void
draw_lane(ScanDrawing *self, guint rule)
{
  GString *out = self->out;
  const ScanSeries series = { value_of, is_marked, GUINT_TO_POINTER(rule) };
  const double threshold = scan_threshold(self->settings, rule);
  g_autofree char *text = scan_rule_text(self->settings, rule);
  scan_svg_scale(self, &series, threshold, 1e-3);
  scan_svg_add(out, "<text x=\"", SCAN_SVG_LEFT);
  scan_svg_add(out, "\" y=\"", self->top - 5);
  g_string_append_printf(out, "\"><tspan font-weight=\"bold\">%s</tspan> (%s, advisory); %s%s</text>\n",
                         hysac_rule_to_string(rule), scan_measure(self->settings, rule),
                         text ? "the policy acts by " : "no rule acts by it", text ? text : "");
  draw_acts(self, rule);
  if (!isnan(threshold))
    draw_threshold(self, threshold);
  scan_svg_series(self, &series);
}

void
scan_svg_lanes(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  ScanDrawing self = { .out = out, .file = file, .settings = settings, .length = MAX(file->duration, 1) };
  guint n = 0;
  for (guint i = 0; settings->rater != NULL && i < HYSAC_N_RULES; i++)
    n += hysac_rater_has(settings->rater, i);
  if (n == 0)
    return;
  g_autofree char *id = scan_stream_id(file), *name = scan_stream_name(file);
  g_string_append_printf(out,
                         "<figure><svg class=\"lanes\" viewBox=\"0 0 %d %d\" role=\"img\" font-size=\"14\" "
                         "aria-labelledby=\"lt%s ld%s\"><title id=\"lt%s\">Categories and head of %s, "
                         "advisory</title><desc id=\"ld%s\">Scores over time, a lane each; %u stretch(es) in which "
                         "a rule acts. The tables below hold the same.</desc>\n",
                         (int) SCAN_SVG_WIDTH, (int) (n * LANE + AXIS), id, id, id, name, id, file->acts->len);
  double top = TITLE;
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (!hysac_rater_has(settings->rater, i))
      continue;
    self.top = top;
    self.bottom = top + PLOT;
    draw_lane(&self, i);
    top += LANE;
  }
  scan_svg_axis(&self);
  g_string_append(out, "\n</svg><figcaption>Advisory: what samples lie near to. Lead: above 0, something unsafe is "
                       "nearer than anything safe; inner: larger is nearer; score: the head&#8217;s. Dashed: where a "
                       "rule begins, or what is usual. Triangle: a sample that reaches it; circle: one that does "
                       "not; cross: no score. Hatched, marked acts: a rule of the policy makes it unsafe."
                       "</figcaption></figure>\n");
}
