/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which element may lie in which. Browsers make nothing of one in another place, and so of a clip or a gradient that is there; librsvg
 * finds it by its id wherever it is. */

#include "core/svgcontent.h"

#include "core/svgvalue.h"

#include <string.h>

#define TOLD "title desc metadata"
#define SHAPES "rect circle ellipse line polyline polygon path"
#define DRAWN "svg g switch use image text " SHAPES
#define DEFINED "defs symbol marker pattern linearGradient radialGradient clipPath mask filter"
#define PRIMITIVES "feBlend feColorMatrix feComponentTransfer feComposite feFlood feGaussianBlur feMerge feMorphology feOffset"

typedef struct {
  const char *places; /* between blanks: elements; "switched": those in a switch, "text-link": "a" in a text */
  const char *contents; /* likewise elements */
} Row;

static const Row rows[] = {
  { "svg g defs symbol clipPath mask pattern marker", DRAWN " a style view " DEFINED " " TOLD },
  { "a", DRAWN " style view " DEFINED " " TOLD },
  /* What is not chosen is not there to browsers. */
  { "switch switched", DRAWN " a style view " TOLD },
  { "text tspan", "tspan a " TOLD },
  { "text-link", "tspan " TOLD },
  { "linearGradient radialGradient", "stop " TOLD },
  { "filter", PRIMITIVES " " TOLD },
  { "feMerge", "feMergeNode" },
  { "feComponentTransfer", "feFuncR feFuncG feFuncB feFuncA" },
  { SHAPES " use image view stop", TOLD },
};

static const char *
contents_of(const char *place)
{
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    if (hysac_svg_has_word(rows[i].places, place, strlen(place)))
      return rows[i].contents;
  }
  return "";
}

const char *
hysac_svg_content_place(const char *place, const char *element)
{
  const gboolean container = hysac_svg_has_word("svg g a", element, strlen(element));
  if (g_strcmp0(place, "switch") == 0 || g_strcmp0(place, "switched") == 0)
    return container ? "switched" : g_intern_string(element);
  if (strcmp(element, "a") == 0 && place != NULL && hysac_svg_has_word("text tspan", place, strlen(place)))
    return "text-link";
  return g_intern_string(element);
}

gboolean
hysac_svg_content_check(const char *place, const char *element, GError **error)
{
  if (hysac_svg_has_word(contents_of(place), element, strlen(element)))
    return TRUE;
  g_autofree char *both = g_strdup_printf("the element %s in %s", element, *place != '\0' ? place : "what is not of SVG");
  return hysac_svg_refuse(error, both, "");
}
