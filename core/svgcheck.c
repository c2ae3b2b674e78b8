/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An SVG is a program for who shows it. What is drawn once is all of it only where nothing moves, asks or fetches, and where who draws
 * it here knows all that a browser does: so elements, attributes, properties and their values are those of lists (svgvalue.c). In doubt
 * it is refused; style sheets are searched and not parsed. */

#include "core/svgcheck.h"

#include "core/svgcontent.h"
#include "core/svgextent.h"
#include "core/svggradient.h"
#include "core/svgreach.h"
#include "core/svgreference.h"
#include "core/svgsheet.h"
#include "core/svgvalue.h"

#include <math.h>
#include <string.h>

#define SVG_SPACE "http://www.w3.org/2000/svg"
#define XLINK_SPACE "http://www.w3.org/1999/xlink"

typedef struct {
  GHashTable *spaces;     /* prefix -> name space */
  GPtrArray *bare_spaces; /* of what has no prefix, for each element that is open */
  GHashTable *ids;        /* id -> element; "" where several have it */
  GHashTable *references; /* id -> element that it must be, or "" */
  GHashTable *results;    /* of the filter: a set */
  GString *style;         /* of the style element that is open; NULL outside */
  GHashTable *clipped;    /* ids of what has a clip, or a class that may have one: a set */
  GHashTable *in_clips;   /* ids of what is used in a clip: a set */
  guint depth, texts;     /* elements that are open; those of text among them */
  guint clips;            /* likewise clips */
  gboolean rooted;        /* the outermost has been */
  gboolean primitives;    /* the filter has some */
  char *flood;            /* the result of its last, where that is a flood */
  GPtrArray *places;      /* what is in each element that is open; NULL: it is not there yet; "": it is not of SVG */
  HysacSvgReach *reach;
  gboolean keeps_blanks, has_blanks;
  gboolean squares, markers; /* at ends of lines; of the element that is open */
  gboolean wide_markers, uneven; /* of what is no line itself; there is a line that not all put markers on alike */
  double least;           /* the length of the shortest part of a line */
  gboolean strokes, sized_strokes; /* the latter in what is no pixel to all */
  GHashTable *effects;    /* classes to which a style sheet gives effects: a set */
  GHashTable *classes;    /* of what is drawn by reference: a set */
  gboolean definitions;   /* such is there */
  GHashTable *gradients;
  GHashTable *loose;      /* ids of symbols without a view box that show what is outside of them: a set */
  gboolean overflows;     /* others may not show it */
  gboolean uses, painted; /* there are such, and what is painted with by reference */
  gboolean sized;         /* the style of the outermost, which is open, says how large to show it */
  gboolean related;       /* a style sheet asks for where elements are */
  gboolean hides, wide_hides; /* a style sheet hides; not classes only */
  gboolean wide_effects;  /* a style sheet gives effects not to classes only */
} Svg;

/* Without the prefix that a name space has got. */
static const char *
local_name(const char *name)
{
  const char *colon = strchr(name, ':');
  return colon ? colon + 1 : name;
}

/* @kind: the element that it must be, or "". */
static void
note_reference(Svg *self, const char *value, const char *kind)
{
  char *id = hysac_svg_reference(value);
  const char *other = id ? g_hash_table_lookup(self->references, id) : NULL;
  if (other != NULL && *other != '\0' && strcmp(other, kind) != 0)
    kind = *kind != '\0' ? "of two kinds" : other;
  if (id == NULL)
    return;
  hysac_svg_reach_note_reference(self->reach, id);
  g_hash_table_insert(self->references, id, g_strdup(kind));
}

/* What an attribute or property refers to, whether blanks count, and what is stroked. */
static void
note_value(Svg *self, const char *name, const char *value)
{
  static const char *const kinds[][2] = { { "clip-path", "clipPath" }, { "mask", "mask" }, { "filter", "filter" } };
  const char *kind = "";
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    if (strcmp(name, kinds[i][0]) == 0)
      kind = kinds[i][1];
  }
  if (*value != '#') /* a color */
    note_reference(self, value, kind);
  hysac_svg_reach_note_value(self->reach, name, value);
  self->strokes = self->strokes || (strcmp(name, "stroke") == 0 && strcmp(value, "none") != 0);
  self->sized_strokes = self->sized_strokes || (strcmp(name, "stroke-width") == 0 && g_ascii_isalpha(*hysac_svg_unit(value)));
  self->squares = self->squares || (strcmp(name, "stroke-linecap") == 0 && strcmp(value, "square") == 0);
  self->markers = self->markers || (g_str_has_prefix(name, "marker") && g_str_has_prefix(value, "url("));
  self->keeps_blanks = self->keeps_blanks || (strcmp(name, "white-space") == 0 && strstr(value, "pre") != NULL);
}

static gboolean
is_effect(const char *name)
{
  static const char *const names[] = { "clip-path", "mask", "filter", "opacity", "display", NULL };
  return g_strv_contains(names, name);
}

/* "name: value; …" of @element, or of a sheet: "". @effects becomes TRUE where there are some.
 * Names are compared with their case: librsvg knows no other. */
static gboolean
check_declarations(Svg *self, const char *element, const char *text, gboolean *effects, GError **error)
{
  g_auto(GStrv) parts = g_strsplit(text, ";", -1);
  for (guint i = 0; parts[i] != NULL; i++) {
    char *part = g_strstrip(parts[i]), *colon = strchr(part, ':');
    if (*part == '\0')
      continue;
    if (colon == NULL)
      return hysac_svg_refuse(error, "an unknown property in its style: ", part);
    *colon = '\0';
    char *name = g_strchomp(part), *value = g_strstrip(colon + 1), *mark = strrchr(value, '!');
    /* Of what stands for several, librsvg forgets it. */
    if (mark != NULL && strcmp(mark, "!important") == 0 && strcmp(name, "font") != 0 && strcmp(name, "marker") != 0)
      *mark = '\0';
    if (!hysac_svg_value_check(element, TRUE, name, value, error))
      return FALSE;
    note_value(self, name, value);
    self->overflows = self->overflows || (strcmp(name, "overflow") == 0 && (*element == '\0' || strcmp(element, "symbol") == 0));
    self->sized = self->sized || (strcmp(element, "root-style") == 0 && (strcmp(name, "max-width") == 0 || strcmp(name, "height") == 0));
    self->hides = self->hides || (strcmp(name, "display") == 0 && strcmp(value, "none") == 0);
    *effects = *effects || is_effect(name);
  }
  return TRUE;
}

static void
add_words(GHashTable *set, const char *text)
{
  g_auto(GStrv) words = g_strsplit_set(text, "., \t\r\n\f", -1);
  for (guint i = 0; words[i] != NULL; i++) {
    if (*words[i] != '\0')
      g_hash_table_add(set, g_strdup(words[i]));
  }
}

static gboolean
check_sheet(Svg *self, const char *sheet, GError **error)
{
  g_autoptr(GArray) rules = hysac_svg_sheet_parse(sheet, error);
  for (guint i = 0; rules != NULL && i < rules->len; i++) {
    const HysacSvgRule *rule = &g_array_index(rules, HysacSvgRule, i);
    gboolean effects = FALSE;
    self->hides = FALSE;
    if (!check_declarations(self, "", rule->declarations, &effects, error))
      return FALSE;
    self->related = self->related || rule->related;
    self->wide_hides = self->wide_hides || (self->hides && !rule->of_classes);
    self->wide_effects = self->wide_effects || (effects && !rule->of_classes);
    if (effects)
      add_words(self->effects, rule->selectors);
  }
  return rules != NULL;
}

/* The name space of an element, or of what has a prefix. NULL: none. */
static const char *
space_of(Svg *self, const char *name)
{
  const char *colon = strchr(name, ':');
  if (colon == NULL)
    return g_ptr_array_index(self->bare_spaces, self->depth - 1);
  g_autofree char *prefix = g_strndup(name, (gsize) (colon - name));
  return g_hash_table_lookup(self->spaces, prefix);
}

/* Of the element that has been opened. A prefix means the same everywhere. */
static gboolean
note_spaces(Svg *self, const char **names, const char **values, GError **error)
{
  const char *bare = self->depth > 1 ? g_ptr_array_index(self->bare_spaces, self->depth - 2) : NULL;
  for (guint i = 0; names[i] != NULL; i++) {
    if (strcmp(names[i], "xmlns") == 0)
      bare = *values[i] != '\0' ? values[i] : NULL;
    if (!g_str_has_prefix(names[i], "xmlns:"))
      continue;
    const char *prefix = names[i] + strlen("xmlns:"), *before = g_hash_table_lookup(self->spaces, prefix);
    if ((before != NULL && strcmp(before, values[i]) != 0) || strcmp(prefix, "xml") == 0)
      return hysac_svg_refuse(error, "a name space of two meanings: ", names[i]);
    if (before == NULL)
      g_hash_table_insert(self->spaces, g_strdup(prefix), g_strdup(values[i]));
  }
  g_ptr_array_add(self->bare_spaces, g_strdup(bare));
  g_ptr_array_add(self->places, self->depth > 1 ? g_ptr_array_index(self->places, self->depth - 2) : NULL);
  hysac_svg_reach_open(self->reach);
  return TRUE;
}

/* @element: its local name, or "root". */
static gboolean
check_attribute(Svg *self, const char *element, const char *name, const char *value, GError **error)
{
  static const char *const conditions[] = { "systemLanguage", "requiredExtensions", "requiredFeatures", "xml:base", NULL };
  gboolean effects = FALSE;
  const gboolean is_xml = g_str_has_prefix(name, "xml:");
  const char *space = strchr(name, ':') && !is_xml ? space_of(self, name) : NULL;
  if (g_str_has_prefix(name, "xmlns") && (name[5] == ':' || name[5] == '\0'))
    return TRUE;
  if (g_ascii_strncasecmp(name, "on", 2) == 0)
    return hysac_svg_refuse(error, "a script: ", name);
  if (g_strv_contains(conditions, name))
    return hysac_svg_refuse(error, "the condition ", name);
  if (strcmp(name, "style") == 0 && strcmp(element, "style") != 0)
    return hysac_svg_style_check(value, error) &&
           check_declarations(self, strcmp(element, "root") == 0 ? "root-style" : element, value, &effects, error);
  if (strchr(name, ':') != NULL && !is_xml) {
    if (space == NULL || strcmp(space, SVG_SPACE) == 0)
      return hysac_svg_refuse(error, "an attribute of no known name space: ", name);
    if (strcmp(space, XLINK_SPACE) != 0 || strcmp(strchr(name, ':'), ":href") != 0)
      return hysac_svg_urls_check(value, error);
    name = "href";
  }
  if (strcmp(name, "href") == 0) {
    /* Where a link leads is not shown with it. */
    if (strcmp(element, "a") == 0)
      return TRUE;
    note_reference(self, value, "");
    if (self->clips > 0 && *value == '#')
      g_hash_table_add(self->in_clips, g_strdup(value + 1));
    /* An image of a part of itself is one to some. */
    if (strcmp(element, "image") == 0 && *value == '#')
      return hysac_svg_refuse(error, "an image of what is inside: ", value);
    return hysac_svg_reference_check(value, error);
  }
  if ((strcmp(name, "in") == 0 || strcmp(name, "in2") == 0) && strcmp(value, "SourceGraphic") != 0 && strcmp(value, "SourceAlpha") != 0 &&
      !g_hash_table_contains(self->results, value) && g_strcmp0(self->flood, value) != 0)
    return hysac_svg_refuse(error, "a filter of what is not there: ", value);
  if (strcmp(name, "result") == 0 && !hysac_svg_is_name(value))
    return hysac_svg_refuse(error, "a filter that makes what not all can name: ", value);
  if (!hysac_svg_urls_check(value, error) || !hysac_svg_value_check(element, FALSE, name, value, error))
    return FALSE;
  if (strcmp(element, "use") != 0 || !g_str_has_suffix(value, "%")) /* of the viewport, which is bounded */
    note_value(self, name, value);
  return TRUE;
}

/* Of the width of a view box to its height; 0: there is none. */
static double
get_ratio(const char *box)
{
  double sides[2] = { 0, 0 };
  for (guint i = 0; box != NULL && i < 4; i++) {
    char *end;
    sides[i % 2] = g_ascii_strtod(box, &end);
    box = end + strspn(end, " ,\t\r\n");
  }
  return sides[1] > 0 ? sides[0] / sides[1] : 0;
}

/* librsvg cuts a marker off at its view box, browsers at its size: which must be alike. */
static gboolean
check_marker(const char **names, const char **values, GError **error)
{
  const char *width = hysac_svg_find("markerWidth", names, values), *height = hysac_svg_find("markerHeight", names, values);
  const double ratio = get_ratio(hysac_svg_find("viewBox", names, values));
  const double sides[] = { width ? g_ascii_strtod(width, NULL) : 3, height ? g_ascii_strtod(height, NULL) : 3 };
  if (ratio > 0 && (fabs(sides[0] - ratio * sides[1]) > 0.01 * sides[0] || *hysac_svg_unit(width) == '%' || *hysac_svg_unit(height) == '%'))
    return hysac_svg_refuse(error, "a marker whose size is not that of its view box: ", width ? width : "3");
  return TRUE;
}

/* Whether the style of the outermost, that says how large to show it, changes no more than that. */
static gboolean
check_root_style(const char **names, const char **values, GError **error)
{
  const char *style = hysac_svg_find("style", names, values), *box = hysac_svg_find("viewBox", names, values);
  const char *width = hysac_svg_find("width", names, values), *height = hysac_svg_find("height", names, values);
  const double ratio = get_ratio(box);
  const double own = width && height ? g_ascii_strtod(width, NULL) / fmax(g_ascii_strtod(height, NULL), G_MINDOUBLE) : ratio;
  if (ratio == 0 || fabs(own / ratio - 1) > 0.01 || hysac_svg_find("preserveAspectRatio", names, values) != NULL ||
      (width && height && strcmp(hysac_svg_unit(width), hysac_svg_unit(height)) != 0))
    return hysac_svg_refuse(error, "a size in its style that is not that of its view box: ", style);
  return TRUE;
}

/* What is known only of several attributes together. */
static gboolean
check_together(const char *element, const char **names, const char **values, GError **error)
{
  const char *width = hysac_svg_find("width", names, values), *height = hysac_svg_find("height", names, values);
  guint references = 0;
  for (guint i = 0; names[i] != NULL; i++)
    references += strcmp(local_name(names[i]), "href") == 0;
  if (references > 1 || (references > 0 && strcmp(element, "filter") == 0))
    return hysac_svg_refuse(error, "too many references: ", element);
  if (strcmp(element, "image") == 0 && (width == NULL || height == NULL))
    return hysac_svg_refuse(error, "an image of no size", "");
  /* What a viewer takes an inch for says only how large all is: where there is a view box, and both sides are in inches. */
  const char *unit = hysac_svg_unit(width), *other = hysac_svg_unit(height);
  const gboolean boxed = hysac_svg_find("viewBox", names, values) != NULL;
  if (strcmp(element, "root") == 0 && (width == NULL || height == NULL || *unit == '%' || *other == '%') && !boxed)
    return hysac_svg_refuse(error, "no size", "");
  const gboolean sized = g_ascii_isalpha(*unit) || g_ascii_isalpha(*other), alike = width == NULL || height == NULL || strcmp(unit, other) == 0;
  if (strcmp(element, "root") == 0 && sized && (!alike || !boxed))
    return hysac_svg_refuse(error, "a size that is not that of its view box: ", width ? width : height);
  if (strcmp(element, "feColorMatrix") == 0) {
    const char *type = hysac_svg_find("type", names, values), *numbers = hysac_svg_find("values", names, values);
    const int wanted = type == NULL || strcmp(type, "matrix") == 0 ? 20 : strcmp(type, "luminanceToAlpha") == 0 ? 0 : 1;
    if (numbers != NULL && hysac_svg_count_numbers(numbers) != wanted)
      return hysac_svg_refuse(error, "a matrix of another size: ", numbers);
    g_autofree char *bare = g_strchomp(g_strdup(numbers ? numbers : "0"));
    const char *last = bare + strlen(bare);
    while (last > bare && strchr("0123456789.-", last[-1]) != NULL)
      last--;
    if (wanted == 20 && (g_ascii_strtod(last, NULL) != 0 || (last > bare && g_ascii_tolower(last[-1]) == 'e')))
      return hysac_svg_refuse(error, "a filter that makes something of nothing: ", last);
  }
  if (strcmp(element, "feFuncA") == 0) {
    const char *numbers = hysac_svg_find("tableValues", names, values);
    if (numbers != NULL && g_ascii_strtod(numbers, NULL) != 0)
      return hysac_svg_refuse(error, "a filter that makes something of nothing: ", numbers);
  }
  return TRUE;
}

/* How far apart two coordinates are: 0 where it cannot be told. */
static double
get_distance(const char *one, const char *other)
{
  const double a = one ? g_ascii_strtod(one, NULL) : 0, b = other ? g_ascii_strtod(other, NULL) : 0;
  return a == 0 || b == 0 || strcmp(hysac_svg_unit(one), hysac_svg_unit(other)) == 0 ? fabs(a - b) : 0;
}

/* How long the shortest part of a line is, and whether all put markers that are its own at its ends alike. */
static gboolean
check_line(Svg *self, const char *element, const char **names, const char **values, GError **error)
{
  static const char *const lines[] = { "path", "line", "polyline", "polygon", NULL };
  HysacSvgLeast least = { G_MAXDOUBLE, G_MAXDOUBLE, G_MAXDOUBLE, FALSE, FALSE };
  const char *path = hysac_svg_find(strcmp(element, "path") == 0 ? "d" : "points", names, values);
  const gboolean marked = self->markers;
  self->markers = FALSE;
  if (!g_strv_contains(lines, element)) {
    self->wide_markers = self->wide_markers || marked;
    return TRUE;
  }
  if (strcmp(element, "line") == 0) {
    least.drawn = fmax(get_distance(hysac_svg_find("x1", names, values), hysac_svg_find("x2", names, values)),
                       get_distance(hysac_svg_find("y1", names, values), hysac_svg_find("y2", names, values)));
    least.any = least.step = least.drawn;
  } else if (path != NULL) {
    least = hysac_svg_least(element, path);
  }
  if (least.odd_arc)
    return hysac_svg_refuse(error, "an arc that is a dot, or flat: ", path);
  self->least = fmin(self->least, least.drawn);
  const gboolean uneven = least.closed || fmin(least.any, least.step) < 1 / 128.0;
  self->uneven = self->uneven || uneven;
  return !marked || !uneven || hysac_svg_refuse(error, "markers of a line that is closed, or has a part of no length", "");
}

/* Whether the primitive of a filter makes nothing of nothing; a flood, where it lies in what the next takes it into. */
static gboolean
check_primitive(Svg *self, const char *element, const char **names, const char **values, GError **error)
{
  const char *operator = hysac_svg_find("operator", names, values), *opacity = hysac_svg_find("flood-opacity", names, values);
  const char *in = hysac_svg_find("in", names, values);
  const gboolean held = strcmp(element, "feComposite") == 0 && g_strcmp0(operator, "in") == 0 && (in == NULL || g_strcmp0(in, self->flood) == 0);
  if (self->flood != NULL && !held)
    return hysac_svg_refuse(error, "a flood that nothing holds: ", self->flood);
  g_clear_pointer(&self->flood, g_free);
  if (strcmp(element, "feFlood") == 0 && g_strcmp0(opacity, "0") != 0)
    self->flood = g_strdup(hysac_svg_find("result", names, values) ? hysac_svg_find("result", names, values) : "");
  return TRUE;
}

/* What counts where it is used. */
static gboolean
note_use(Svg *self, const char *element, const char **names, const char **values, GError **error)
{
  static const char *const paints[] = { "linearGradient", "radialGradient", "filter", NULL };
  const char *id = hysac_svg_find("id", names, values), *classed = hysac_svg_find("class", names, values);
  if (g_strv_contains(paints, element) && classed != NULL)
    add_words(self->classes, classed);
  self->painted = self->painted || g_strv_contains(paints, element);
  if (strcmp(element, "symbol") == 0 && id != NULL && hysac_svg_find("viewBox", names, values) == NULL &&
      g_strcmp0(hysac_svg_find("overflow", names, values), "visible") == 0)
    g_hash_table_add(self->loose, g_strdup(id));
  hysac_svg_gradients_note(self->gradients, element, names, values);
  if (strcmp(element, "marker") == 0 && !check_marker(names, values, error))
    return FALSE;
  if (strcmp(element, "use") != 0)
    return TRUE;
  self->uses = TRUE;
  for (guint i = 0; names[i] != NULL; i++) {
    if ((strcmp(names[i], "width") == 0 || strcmp(names[i], "height") == 0) && g_ascii_strtod(values[i], NULL) == 0)
      return hysac_svg_refuse(error, "a use of no size: ", names[i]);
  }
  return TRUE;
}

/* An element of SVG; @name with its prefix. */
static gboolean
check_element(Svg *self, const char *name, const char **names, const char **values, GError **error)
{
  static const char *const known[] = { "svg", "g", "defs", "symbol", "use", "a", "switch", "title", "desc", "metadata", "style", "view", "image",
                                       "rect", "circle", "ellipse", "line", "polyline", "polygon", "path", "text", "tspan", "linearGradient",
                                       "radialGradient", "stop", "pattern", "clipPath", "mask", "marker", "filter", "feBlend", "feColorMatrix",
                                       "feComponentTransfer", "feFuncR", "feFuncG", "feFuncB", "feFuncA", "feComposite", "feFlood",
                                       "feGaussianBlur", "feMerge", "feMergeNode", "feMorphology", "feOffset", NULL };
  const char *element = local_name(name), *around = g_ptr_array_index(self->places, self->depth - 1);
  if (!g_strv_contains(known, element) || (around == NULL && strcmp(element, "svg") != 0))
    return hysac_svg_refuse(error, "the element ", name);
  if (around != NULL && !hysac_svg_content_check(around, element, error))
    return FALSE;
  self->places->pdata[self->depth - 1] = (gpointer) hysac_svg_content_place(around, element);
  static const char *const clipping[] = { "rect", "circle", "ellipse", "line", "polyline", "polygon", "path", "text", "use", NULL };
  static const char *const definitions[] = { "symbol", "marker", "pattern", "clipPath", "mask", "tspan", NULL };
  const char *id = hysac_svg_find("id", names, values), *result, *style = hysac_svg_find("style", names, values);
  const char *classed = hysac_svg_find("class", names, values);
  const gboolean defines = self->clips > 0 || g_strv_contains(definitions, element);
  const char *place = self->depth == 1 ? "root" : self->clips > 0 && g_strv_contains(clipping, element) ? "in-clip" : element;
  self->clips += strcmp(element, "clipPath") == 0;
  self->definitions = self->definitions || defines;
  if (defines && classed != NULL)
    add_words(self->classes, classed);
  if (id != NULL)
    g_hash_table_insert(self->ids, g_strdup(id), g_strdup(g_hash_table_contains(self->ids, id) ? "" : element));
  if (id != NULL && (classed != NULL || hysac_svg_find("clip-path", names, values) != NULL || (style != NULL && strstr(style, "clip-path") != NULL)))
    g_hash_table_add(self->clipped, g_strdup(id));
  if (strcmp(element, "filter") == 0) {
    self->primitives = FALSE;
    g_hash_table_remove_all(self->results);
  }
  self->primitives = self->primitives || g_str_has_prefix(element, "fe");
  for (guint i = 0; names[i] != NULL; i++) {
    if (!check_attribute(self, place, names[i], values[i], error))
      return FALSE;
  }
  if (!check_together(place, names, values, error) ||
      (g_str_has_prefix(element, "fe") && !g_str_has_prefix(element, "feFunc") && !check_primitive(self, element, names, values, error)))
    return FALSE;
  if (!note_use(self, element, names, values, error) || (self->sized && !check_root_style(names, values, error)))
    return FALSE;
  self->sized = FALSE;
  if (!check_line(self, element, names, values, error))
    return FALSE;
  hysac_svg_reach_note_element(self->reach, id, names, values);
  if ((result = hysac_svg_find("result", names, values)) != NULL && self->flood == NULL)
    g_hash_table_add(self->results, g_strdup(result));
  self->texts += strcmp(element, "text") == 0;
  if (strcmp(element, "style") == 0)
    self->style = g_string_new(NULL);
  return TRUE;
}

/* One of another name space is not drawn; of some it is run, or read. */
static gboolean
check_foreign(Svg *self, GMarkupParseContext *context, const char *name, const char *space, GError **error)
{
  static const char *const active[] = { "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2001/XInclude",
                                        "http://www.w3.org/2003/XInclude", "http://www.w3.org/2001/xml-events",
                                        "http://www.w3.org/1999/XSL/Transform",
                                        "http://www.mozilla.org/xbl", "http://www.w3.org/ns/xbl", NULL };
  const GSList *stack = g_markup_parse_context_get_element_stack(context);
  const char *parent = stack->next ? stack->next->data : "";
  /* What is chosen is the first element to some, and the first of SVG to others. */
  if (stack->next == NULL || space == NULL || g_strv_contains(active, space) || g_str_has_suffix(parent, "switch"))
    return hysac_svg_refuse(error, "the element ", name);
  self->places->pdata[self->depth - 1] = (gpointer) "";
  return TRUE;
}

static void
on_start(GMarkupParseContext *context, const char *name, const char **names, const char **values, gpointer user_data, GError **error)
{
  Svg *self = user_data;
  if (self->style != NULL || (self->rooted && self->depth == 0)) {
    hysac_svg_refuse(error, self->style ? "an element in its style: " : "something behind it: ", name);
    return;
  }
  self->depth++;
  self->rooted = TRUE;
  if (!note_spaces(self, names, values, error))
    return;
  const char *space = space_of(self, name);
  if (space != NULL && strcmp(space, SVG_SPACE) == 0)
    check_element(self, name, names, values, error);
  else
    check_foreign(self, context, name, space, error);
}

static void
on_end(GMarkupParseContext *context, const char *name, gpointer user_data, GError **error)
{
  Svg *self = user_data;
  const char *element = local_name(name);
  const gboolean drawn = g_strcmp0(space_of(self, name), SVG_SPACE) == 0;
  g_ptr_array_remove_index(self->bare_spaces, --self->depth);
  g_ptr_array_set_size(self->places, (gint) self->depth);
  hysac_svg_reach_close(self->reach);
  if (!drawn)
    return;
  self->texts -= strcmp(element, "text") == 0;
  self->clips -= strcmp(element, "clipPath") == 0;
  if (strcmp(element, "filter") == 0 && !self->primitives) {
    hysac_svg_refuse(error, "an empty filter", "");
  } else if (strcmp(element, "filter") == 0 && self->flood != NULL) {
    hysac_svg_refuse(error, "a flood that nothing holds: ", self->flood);
  } else if (strcmp(element, "style") == 0) {
    GString *style = g_steal_pointer(&self->style);
    if (hysac_svg_style_check(style->str, error) && check_sheet(self, style->str, error)) {
      hysac_svg_reach_note_sheet(self->reach);
      self->wide_markers = self->wide_markers || self->markers;
      self->markers = FALSE;
    }
    g_string_free(style, TRUE);
  }
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize n, gpointer user_data, GError **error)
{
  Svg *self = user_data;
  if (self->style != NULL)
    g_string_append_len(self->style, text, (gssize) n);
  for (gsize i = 0; self->texts > 0 && i < n; i++)
    self->has_blanks = self->has_blanks || (g_ascii_isspace(text[i]) && (text[i] != ' ' || i == 0 || i + 1 == n || text[i + 1] == ' '));
}

/* Whether @text ends in a quote that began in it. */
static gboolean
is_quoted_open(const char *text)
{
  char quote = '\0';
  for (; *text != '\0'; text++) {
    if (quote != '\0' ? *text == quote : *text == '"' || *text == '\'')
      quote = quote != '\0' ? '\0' : *text;
  }
  return quote != '\0';
}

/* Comments, and what is for the parser: other texts under a name, sheets, an alphabet in which the letters mean others. */
static void
on_passthrough(GMarkupParseContext *context, const char *text, gsize n, gpointer user_data, GError **error)
{
  g_autofree char *all = g_ascii_strdown(text, (gssize) n);
  if (g_str_has_prefix(all, "<!doctype") && (strpbrk(all, "[%") != NULL || is_quoted_open(all)))
    hysac_svg_refuse(error, "declarations of its own", "");
  else if (g_str_has_prefix(all, "<!--") && n < strlen("<!---->")) /* GLib's end of it is not XML's */
    hysac_svg_refuse(error, "half a comment", "");
  else if (g_str_has_prefix(all, "<?xml-stylesheet"))
    hysac_svg_refuse(error, "a style sheet outside", "");
  else if (g_str_has_prefix(all, "<?xml") && strstr(all, "encoding") != NULL && strstr(all, "utf-8") == NULL && strstr(all, "us-ascii") == NULL &&
           strstr(all, "iso-8859-1") == NULL)
    hysac_svg_refuse(error, "an encoding that is not UTF-8", "");
}

/* Whether what is at the ends of lines is drawn by all, or what is drawn is longer than a dot. */
static gboolean
check_ends(Svg *self, GError **error)
{
  /* Cairo makes no square of what it takes for a dot, browsers do. */
  if (self->squares && hysac_svg_reach_is_dot(self->reach, self->least))
    return hysac_svg_refuse(error, "a square end of what may have no length", "");
  return !self->wide_markers || !self->uneven || hysac_svg_refuse(error, "markers not of a line only, and one that may not have them", "");
}

/* What is known at the end only. */
static gboolean
check_whole(Svg *self, GError **error)
{
  GHashTableIter iter;
  gpointer id, kind;
  g_hash_table_iter_init(&iter, self->references);
  while (g_hash_table_iter_next(&iter, &id, &kind)) {
    const char *element = g_hash_table_lookup(self->ids, id);
    if (element != NULL && *element == '\0')
      return hysac_svg_refuse(error, "a reference to one of several: ", id);
    if (g_strcmp0(element, "svg") == 0) /* librsvg does not give it the size of who uses it */
      return hysac_svg_refuse(error, "a use of another: ", id);
    /* With a view box, librsvg cuts off what it should show, and shows what it should cut off; without one, it cuts nothing off. */
    if (g_strcmp0(element, "symbol") == 0 && (self->overflows || !g_hash_table_contains(self->loose, id)))
      return hysac_svg_refuse(error, "a use of a symbol that is cut off: ", id);
    if (g_hash_table_contains(self->in_clips, id) && g_hash_table_contains(self->clipped, id))
      return hysac_svg_refuse(error, "a clip in a clip: ", id);
    if (*(const char *) kind != '\0' && g_strcmp0(element, kind) != 0)
      return hysac_svg_refuse(error, "a reference to what is not there: ", id);
  }
  g_hash_table_iter_init(&iter, self->classes);
  while (g_hash_table_iter_next(&iter, &id, NULL)) {
    if (g_hash_table_contains(self->effects, id))
      return hysac_svg_refuse(error, "effects that not all give to what is used: ", id);
  }
  if (self->related && self->uses) /* to librsvg what is used is where it has been defined */
    return hysac_svg_refuse(error, "a use, and a selector of where elements are in its style", "");
  if (self->wide_hides && self->painted)
    return hysac_svg_refuse(error, "what is painted with, and may be hidden by its style", "");
  if (self->wide_effects && self->definitions)
    return hysac_svg_refuse(error, "effects in its style that not all give to what is used", "");
  if (self->strokes && self->sized_strokes)
    return hysac_svg_refuse(error, "strokes not in pixels", "");
  if (!check_ends(self, error) || !hysac_svg_reach_check(self->reach, error) || !hysac_svg_gradients_check(self->gradients, error))
    return FALSE;
  return self->keeps_blanks && self->has_blanks ? hysac_svg_refuse(error, "blanks that not all keep", "") : TRUE;
}

gboolean
hysac_svg_check(const char *bytes, gsize size, GError **error)
{
  const GMarkupParser parser = { on_start, on_end, on_text, on_passthrough, NULL };
  Svg self = { .bare_spaces = g_ptr_array_new_with_free_func(g_free), .places = g_ptr_array_new(),
               .reach = hysac_svg_reach_new(), .gradients = hysac_svg_gradients_new(), .least = G_MAXDOUBLE };
  GHashTable **const tables[] = { &self.spaces, &self.ids, &self.references, &self.results,
                                  &self.clipped, &self.in_clips, &self.effects, &self.classes,
                                  &self.loose };
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
    *tables[i] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, i < 3 ? g_free : NULL); /* maps, and sets */
  g_autoptr(GError) local = NULL;
  g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, G_MARKUP_TREAT_CDATA_AS_TEXT, &self, NULL);
  const gsize mark = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* of the bytes' order */
  gboolean ok = size > mark && g_utf8_validate(bytes + mark, (gssize) (size - mark), NULL) &&
                g_markup_parse_context_parse(context, bytes + mark, (gssize) (size - mark), &local) &&
                g_markup_parse_context_end_parse(context, &local) && check_whole(&self, &local);
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
    g_hash_table_unref(*tables[i]);
  g_ptr_array_unref(self.bare_spaces);
  g_ptr_array_unref(self.places);
  hysac_svg_reach_free(self.reach);
  g_hash_table_unref(self.gradients);
  g_free(self.flood);
  if (self.style != NULL)
    g_string_free(self.style, TRUE);
  if (ok)
    return TRUE;
  g_autofree char *why = g_utf8_make_valid(local ? local->message : "no text", -1); /* GLib quotes any byte */
  if (local != NULL && local->domain == HYSAC_ERROR)
    g_set_error_literal(error, HYSAC_ERROR, local->code, why);
  else
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "an SVG that cannot be looked into: %s", why);
  return FALSE;
}
