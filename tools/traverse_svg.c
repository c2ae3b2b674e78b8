/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way to the root as a picture: what it leads past, by distance. Kinds differ by pattern and mark, not by colour
 * alone. */

#include "traverse_svg.h"

#include <math.h>
#include <string.h>

#define WIDTH 1040
#define LEFT 40
#define RIGHT 560 /* of the axis; names stand beyond it */
#define TOP 104
#define ROW 34
#define BAR 18
#define MOST_NAME 40 /* characters */

/* Cut, escaped, and without what XML does not take. */
static char *
shown(const char *text, glong most)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  const gboolean cut = g_utf8_strlen(valid, -1) > most;
  g_autofree char *head = g_utf8_substring(valid, 0, cut ? most - 1 : g_utf8_strlen(valid, -1));
  for (char *p = head; *p; p++) {
    if (g_ascii_iscntrl(*p))
      *p = ' ';
  }
  g_autofree char *whole = g_strconcat(head, cut ? "…" : "", NULL);
  return g_markup_escape_text(whole, -1);
}

/* In any locale. */
static void
number(GString *out, const char *format, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append(out, g_ascii_formatd(text, sizeof text, format, value));
}

static void
attribute(GString *out, const char *name, double value)
{
  g_string_append_printf(out, " %s=\"", name);
  number(out, "%.1f", value);
  g_string_append_c(out, '"');
}

static double
place(double distance, double most)
{
  return LEFT + (RIGHT - LEFT) * (most > 0.0 ? CLAMP(distance / most, 0.0, 1.0) : 0.0);
}

static void
add_line(GString *out, double x1, double y1, double x2, double y2, const char *style)
{
  g_string_append(out, "<line");
  attribute(out, "x1", x1);
  attribute(out, "y1", y1);
  attribute(out, "x2", x2);
  attribute(out, "y2", y2);
  g_string_append_printf(out, " %s/>\n", style);
}

static void
add_axis(GString *out, double most, double bottom)
{
  const double raw = most / 5.0, power = pow(10.0, floor(log10(raw)));
  const double step = raw / power < 1.5 ? power : raw / power < 3.5 ? 2.0 * power : raw / power < 7.5 ? 5.0 * power
                                                                                                      : 10.0 * power;
  for (guint i = 0; (double) i * step <= most * 1.0001; i++) {
    const double x = place((double) i * step, most);
    add_line(out, x, TOP - 8, x, bottom, "stroke=\"#d8d8d8\"");
    g_string_append(out, "<text text-anchor=\"middle\" fill=\"#555\"");
    attribute(out, "x", x);
    attribute(out, "y", bottom + 18);
    g_string_append_c(out, '>');
    number(out, "%g", (double) i * step);
    g_string_append(out, "</text>\n");
  }
  g_string_append(out, "<text text-anchor=\"middle\" fill=\"#555\"");
  attribute(out, "x", (LEFT + RIGHT) / 2.0);
  attribute(out, "y", bottom + 38);
  g_string_append(out, ">distance to the root</text>\n");
}

static void
add_bound(GString *out, double bound, double most, double bottom)
{
  const double x = place(bound, most);
  add_line(out, x, TOP - 14, x, bottom, "stroke=\"#222\" stroke-dasharray=\"6 4\"");
  g_string_append(out, "<text text-anchor=\"middle\"");
  attribute(out, "x", x);
  attribute(out, "y", TOP - 20);
  g_string_append(out, ">bound ");
  number(out, "%.4g", bound);
  g_string_append(out, "</text>\n");
}

static const char *
fill_of(const TraverseName *name)
{
  return name->unsafe ? "url(#unsafe)" : name->safe ? "#3b7dbf" : "#8a8a8a";
}

static void
add_name(GString *out, const TraverseName *name)
{
  g_autofree char *text = shown(name->name, MOST_NAME);
  g_string_append_printf(out, "%s%s<tspan fill=\"#555\">", name->unsafe ? "! " : "", text);
  if (name->category != NULL)
    g_string_append_printf(out, " · %s%s", name->safe ? "safe, " : "", name->category);
  else if (name->safe)
    g_string_append(out, " · safe");
  g_string_append(out, "</tspan>");
}

static void
add_stretch(GString *out, const TraverseStretch *s, double most, double y)
{
  const double left = place(s->to, most), right = place(s->from, most);

  if (s->nearest.name != NULL)
    g_string_append_printf(out, "<rect rx=\"3\" fill=\"%s\" stroke=\"#444\"", fill_of(&s->nearest));
  else if (s->outside.name != NULL)
    g_string_append_printf(out, "<rect rx=\"3\" fill=\"%s\" fill-opacity=\"0.3\" stroke=\"#444\" "
                           "stroke-dasharray=\"3 3\"", fill_of(&s->outside));
  else
    g_string_append(out, "<rect rx=\"3\" fill=\"#c9c9c9\" stroke=\"#444\"");
  attribute(out, "x", left);
  attribute(out, "y", y);
  attribute(out, "width", MAX(right - left, 4.0));
  attribute(out, "height", BAR);
  g_string_append(out, "/>\n");
  add_line(out, MAX(right, left + 4.0) + 3, y + BAR / 2.0, RIGHT + 8, y + BAR / 2.0,
           "stroke=\"#bbb\" stroke-dasharray=\"1 3\"");
  g_string_append(out, "<text");
  attribute(out, "x", RIGHT + 14);
  attribute(out, "y", y + BAR - 4);
  g_string_append_c(out, '>');
  if (s->nearest.name != NULL)
    add_name(out, &s->nearest);
  else
    g_string_append(out, "root");
  if (s->outside.name != NULL) {
    g_string_append(out, "; " TRAVERSE_OUTSIDE);
    add_name(out, &s->outside);
  }
  g_string_append(out, "</text>\n");
}

char *
traverse_svg(const char *input, const TraverseStretch *stretches, guint n, double bound)
{
  GString *out = g_string_new(NULL);
  const double bottom = TOP + ROW * (double) n, height = bottom + 56;
  const double farthest = MAX(n > 0 ? stretches[0].from : 0.0, bound), most = farthest > 0.0 ? farthest * 1.04 : 1.0;
  g_autofree char *title = shown(input, 90);

  g_string_append_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d "
                         "%.0f\" font-family=\"sans-serif\" font-size=\"13\">\n", WIDTH, height, WIDTH, height);
  g_string_append_printf(out, "<title>The way of %s to the root</title>\n", title);
  g_string_append(out, "<defs><pattern id=\"unsafe\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" "
                       "patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"#d9662b\"/>"
                       "<rect width=\"3\" height=\"8\" fill=\"#8f3a10\"/></pattern></defs>\n"
                       "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
  g_string_append_printf(out, "<text x=\"%d\" y=\"28\" font-size=\"16\" font-weight=\"bold\">%s</text>\n", LEFT, title);
  g_string_append_printf(out, "<text x=\"%d\" y=\"48\" fill=\"#555\">from the item (first row) to the root: the nearest "
                         "whose cone holds the point, or, pale, one outside its cone; advisory</text>\n", LEFT);
  add_axis(out, most, bottom);
  for (guint i = 0; i < n; i++)
    add_stretch(out, &stretches[i], most, TOP + ROW * (double) i + (ROW - BAR) / 2.0);
  if (bound > 0.0)
    add_bound(out, bound, most, bottom);
  g_string_append(out, "</svg>\n");
  return g_string_free(out, FALSE);
}
