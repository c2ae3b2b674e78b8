/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Cairo, which draws here, has 24 bits for the whole part of a coordinate, and what lies farther comes back on the other side: there
 * something is drawn that browsers have far outside. Bounds, larger than what is drawn. */

#include "core/svgextent.h"

#include <math.h>
#include <string.h>

static double
largest_number(const char *value)
{
  double largest = 0;
  for (const char *at = value + strcspn(value, "0123456789."); *at != '\0'; at += strcspn(at, "0123456789.")) {
    char *end;
    const double number = g_ascii_strtod(at, &end);
    largest = fmax(largest, *end == '%' ? number / 100 * HYSAC_SVG_SIDE : number);
    at = end > at ? end : at + 1;
  }
  return largest;
}

#define SHORT (1 / 128.0) /* librsvg takes half of that for nothing */
#define FLAT 100       /* of the radii of an arc: of more librsvg draws a line */

/* A way that is gone along. */
typedef struct {
  double here[2], start[2], point[2];
  double radii[2];
  double largest; /* how far from 0 points, those that it bends to, and radii, which count twice, lie */
  double spread;  /* of the part that is open: how far from its start its points lie */
  gboolean open, drawn, arc; /* it has a start; it has more; an arc */
  HysacSvgLeast least;
} Way;

static void
end_part(Way *way)
{
  if (way->open && way->drawn)
    way->least.drawn = fmin(way->least.drawn, way->spread);
  if (way->open)
    way->least.any = fmin(way->least.any, way->spread);
  way->least.odd_arc = way->least.odd_arc || (way->arc && way->spread < SHORT);
  way->open = way->drawn = way->arc = FALSE;
  way->spread = 0;
}

/* All numbers of one @letter are there. */
static void
end_segment(Way *way, char letter)
{
  if (letter == 'm')
    end_part(way);
  if (letter != 'm')
    way->least.step = fmin(way->least.step, fmax(fabs(way->point[0] - way->here[0]), fabs(way->point[1] - way->here[1])));
  memcpy(way->here, way->point, sizeof way->here);
  if (letter == 'm')
    memcpy(way->start, way->here, sizeof way->start);
  way->open = TRUE;
  way->drawn = way->drawn || letter != 'm';
  way->arc = way->arc || letter == 'a';
}

/* FALSE: it has a fault. */
static gboolean
go_along(Way *way, const char *at)
{
  static const char letters[] = "mlhvcsqtaz";
  static const guint counts[] = { 2, 2, 1, 1, 6, 4, 4, 2, 7, 0 };
  guint command = 0, n = 0;
  gboolean relative = FALSE;
  while (*(at += strspn(at, " ,\t\r\n")) != '\0') {
    const char *letter = strchr(letters, g_ascii_tolower(*at));
    if (letter != NULL) {
      command = (guint) (letter - letters);
      relative = g_ascii_islower(*at++);
      n = 0;
      if (*letter != 'z')
        continue;
      way->drawn = way->least.closed = TRUE;
      end_part(way);
      memcpy(way->here, way->start, sizeof way->here);
      continue;
    }
    const gboolean arc = letters[command] == 'a', flag = arc && (n == 3 || n == 4);
    char *end = (char *) at + 1;
    const double number = flag ? 0 : g_ascii_strtod(at, &end);
    if (end == at || counts[command] == 0)
      return FALSE;
    at = end;
    const guint axis = letters[command] == 'v' ? 1 : letters[command] == 'h' ? 0 : arc ? (n + 1) % 2 : n % 2;
    if (n == 0)
      memcpy(way->point, way->here, sizeof way->point);
    if (arc && n < 2)
      way->radii[n] = fabs(number);
    if (arc && n == 1 && way->radii[0] > 0 && way->radii[1] > 0)
      way->least.odd_arc = way->least.odd_arc || fmax(way->radii[0], way->radii[1]) > FLAT * fmin(way->radii[0], way->radii[1]);
    if (arc && n < 5) {
      way->largest = fmax(way->largest, n < 2 ? fabs(way->here[0]) + fabs(way->here[1]) + 2 * fabs(number) : 0);
    } else {
      way->point[axis] = number + (relative ? way->here[axis] : 0);
      way->largest = fmax(way->largest, fabs(way->point[axis]));
      way->spread = fmax(way->spread, letters[command] == 'm' ? 0 : fabs(way->point[axis] - way->start[axis]));
    }
    if (++n < counts[command])
      continue;
    n = 0;
    end_segment(way, letters[command]);
    if (letters[command] == 'm')
      command = 1; /* what follows are lines */
  }
  end_part(way);
  return TRUE;
}

static double
path_extent(const char *path)
{
  Way way = { .largest = 0 };
  /* What a smooth curve bends to is mirrored. */
  return go_along(&way, path) ? 3 * way.largest : G_MAXDOUBLE;
}

HysacSvgLeast
hysac_svg_least(const char *element, const char *path)
{
  Way way = { .least = { G_MAXDOUBLE, G_MAXDOUBLE, G_MAXDOUBLE, FALSE, FALSE } };
  const gboolean points = strcmp(element, "path") != 0 && path[strspn(path, " \t\r\n")] != '\0';
  g_autofree char *closed = points ? g_strconcat("M", path, "z", NULL) : NULL;
  go_along(&way, closed ? closed : path);
  way.least.closed = way.least.closed && strcmp(element, "polyline") != 0;
  return way.least;
}

double
hysac_svg_extent(const char *name, const char *value)
{
  static const char *const names[] = { "x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2", "fx", "fy", "fr", "dx", "dy",
                                       "refX", "refY", "markerWidth", "markerHeight", "points", "viewBox", "transform", "gradientTransform",
                                       "patternTransform", "stroke-width", "stroke-dashoffset", "font-size", "font", "letter-spacing", "radius",
                                       "stdDeviation", NULL };
  if (strcmp(name, "d") == 0)
    return path_extent(value);
  return g_strv_contains(names, name) ? largest_number(value) : 0;
}

double
hysac_svg_scale(const char *value)
{
  double scale = 1;
  for (const char *at = strchr(value, '('); at != NULL; at = strchr(at + 1, '(')) {
    double numbers[6] = { 0 };
    guint n = 0;
    for (char *next = (char *) at + 1, *end; n < G_N_ELEMENTS(numbers); next = end + strspn(end, " ,\t\r\n")) {
      numbers[n] = g_ascii_strtod(next, &end);
      if (end == next)
        break;
      n++;
    }
    const char kind = at > value + 1 ? at[-2] : ' ';
    if (kind == 'i') { /* matrix: its norm */
      const double squares = numbers[0] * numbers[0] + numbers[1] * numbers[1] + numbers[2] * numbers[2] + numbers[3] * numbers[3];
      const double area = numbers[0] * numbers[3] - numbers[1] * numbers[2];
      scale *= sqrt((squares + sqrt(fmax(0, squares * squares - 4 * area * area))) / 2);
    } else if (kind == 'l') { /* scale */
      scale *= fmax(fabs(numbers[0]), fabs(numbers[1]));
    } else if (kind == 'w') { /* skewX, skewY */
      scale *= 1 + fabs(tan(numbers[0] * G_PI / 180));
    }
  }
  return scale;
}

double
hysac_svg_shrink(const char *value)
{
  double shrink = 1;
  for (const char *at = strchr(value, '('); at != NULL; at = strchr(at + 1, '(')) {
    const char *begin = at;
    while (begin > value && g_ascii_isalpha(begin[-1]))
      begin--;
    const gsize n = strcspn(begin, ")");
    g_autofree char *one = g_strndup(begin, n);
    double numbers[6] = { 0 };
    char *next = one + (at + 1 - begin);
    guint count = 0;
    for (char *end; count < G_N_ELEMENTS(numbers); count++, next = end + strspn(end, " ,\t\r\n")) {
      numbers[count] = g_ascii_strtod(next, &end);
      if (end == next)
        break;
    }
    if (g_str_has_prefix(one, "matrix")) /* its other norm */
      shrink *= fabs(numbers[0] * numbers[3] - numbers[1] * numbers[2]) / fmax(hysac_svg_scale(one), G_MINDOUBLE);
    else if (g_str_has_prefix(one, "scale"))
      shrink *= count > 1 ? fmin(fabs(numbers[0]), fabs(numbers[1])) : fabs(numbers[0]);
    else if (g_str_has_prefix(one, "skew"))
      shrink /= hysac_svg_scale(one);
  }
  return shrink;
}
