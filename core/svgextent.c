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

/* Points on the way, and those that it bends to; radii count twice. */
static double
path_extent(const char *at)
{
  static const char letters[] = "mlhvcsqtaz";
  static const guint counts[] = { 2, 2, 1, 1, 6, 4, 4, 2, 7, 0 };
  double here[2] = { 0, 0 }, start[2] = { 0, 0 }, point[2] = { 0, 0 }, largest = 0;
  guint command = 0, n = 0;
  gboolean relative = FALSE;
  while (*(at += strspn(at, " ,\t\r\n")) != '\0') {
    const char *letter = strchr(letters, g_ascii_tolower(*at));
    if (letter != NULL) {
      command = (guint) (letter - letters);
      relative = g_ascii_islower(*at++);
      n = 0;
      if (*letter == 'z')
        memcpy(here, start, sizeof here);
      continue;
    }
    const gboolean arc = letters[command] == 'a', flag = arc && (n == 3 || n == 4);
    char *end = (char *) at + 1;
    const double number = flag ? 0 : g_ascii_strtod(at, &end);
    if (end == at || counts[command] == 0)
      return G_MAXDOUBLE;
    at = end;
    const guint axis = letters[command] == 'v' ? 1 : letters[command] == 'h' ? 0 : arc ? (n + 1) % 2 : n % 2;
    if (arc && n < 5) {
      largest = fmax(largest, n < 2 ? fabs(here[0]) + fabs(here[1]) + 2 * fabs(number) : 0);
    } else {
      point[axis] = number + (relative ? here[axis] : 0);
      largest = fmax(largest, fabs(point[axis]));
    }
    if (++n < counts[command])
      continue;
    n = 0;
    if (letters[command] == 'h' || letters[command] == 'v')
      here[axis] = point[axis];
    else
      memcpy(here, point, sizeof here);
    if (letters[command] == 'm') {
      memcpy(start, here, sizeof start);
      command = 1; /* what follows are lines */
    }
  }
  /* What a smooth curve bends to is mirrored. */
  return 3 * largest;
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
