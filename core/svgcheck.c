/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An SVG is a program for who shows it. What is drawn once is all of it only where nothing moves, asks or fetches. In doubt it is
 * refused: names are compared without case, style sheets are searched and not parsed. */

#include "core/svgcheck.h"

#include "core/animation.h"
#include "core/picturefile.h"

#include <string.h>

typedef struct {
  guint in_style;
  GString *style; /* of all style elements */
} Svg;

static gboolean
refuse(GError **error, const char *what, const char *name)
{
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "an SVG with %s%s: a viewer could show something else than what is judged", what,
              name);
  return FALSE;
}

static gboolean
is_one_of(const char *name, const char *const *names)
{
  for (guint i = 0; names[i] != NULL; i++) {
    if (g_ascii_strcasecmp(name, names[i]) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Without the prefix that a name space has got. */
static const char *
local_name(const char *name)
{
  const char *colon = strrchr(name, ':');
  return colon ? colon + 1 : name;
}

/* A PNG or JPEG that is just that, inside: what follows "data:". */
static gboolean
check_data(const char *value, GError **error)
{
  static const char *const types[] = { "image/png;base64,", "image/jpeg;base64,", "image/jpg;base64," };
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    if (g_ascii_strncasecmp(value, types[i], strlen(types[i])) != 0)
      continue;
    const char *coded = value + strlen(types[i]);
    const char *end = coded + strspn(coded, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n");
    gsize n;
    guint frames;
    gboolean whole;
    g_autofree guint8 *bytes = g_base64_decode(coded, &n);
    if (end[strspn(end, "\"' ")] == '\0' && hysac_picture_file_type(bytes, n, &whole) != NULL && whole &&
        hysac_animation_count(bytes, n, &frames, &whole) == HYSAC_ANIMATION_NONE)
      return TRUE;
  }
  return refuse(error, "something inside that is no still PNG or JPEG", "");
}

/* @value: of something that is read. */
static gboolean
check_reference(const char *value, GError **error)
{
  while (g_ascii_isspace(*value) || *value == '"' || *value == '\'')
    value++;
  if (*value == '\0' || *value == '#')
    return TRUE;
  if (g_ascii_strncasecmp(value, "data:", 5) == 0)
    return check_data(value + 5, error);
  return refuse(error, "a reference to another file", "");
}

/* url(...) of @value, in any attribute and style sheet. */
static gboolean
check_urls(const char *value, GError **error)
{
  for (const char *at = strchr(value, '('); at != NULL; at = strchr(at + 1, '(')) {
    if (at - value < 3 || g_ascii_strncasecmp(at - 3, "url", 3) != 0)
      continue;
    const gsize n = strcspn(at + 1, ")");
    g_autofree char *inner = g_strndup(at + 1, n);
    if (!check_reference(inner, error))
      return FALSE;
    at += n; /* not the brackets of what has been looked at */
  }
  return TRUE;
}

/* Whether all functions in @value are known to who draws it here. */
static gboolean
check_functions(const char *value, GError **error)
{
  static const char *const known[] = { "url", "rgb", "rgba", "hsl", "hsla", "matrix", "translate", "scale", "rotate", "skewx", "skewy", NULL };
  for (const char *at = strchr(value, '('); at != NULL; at = strchr(at + 1, '(')) {
    const char *begin = at;
    while (begin > value && (g_ascii_isalnum(begin[-1]) || begin[-1] == '-' || begin[-1] == '_'))
      begin--;
    g_autofree char *name = g_strndup(begin, (gsize) (at - begin));
    if (!is_one_of(name, known))
      return refuse(error, "a function in its style: ", name);
  }
  return TRUE;
}

/* "name: value; …". What is not known to who draws it here, a browser may know. */
static gboolean
check_declarations(const char *text, GError **error)
{
  static const char *const known[] = {
    "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-dasharray",
    "stroke-dashoffset", "stroke-opacity", "opacity", "display", "visibility", "color", "font", "font-family", "font-size", "font-style",
    "font-weight", "font-variant", "font-stretch", "font-variant-ligatures", "font-variant-caps", "font-variant-numeric",
    "font-variant-east-asian", "font-feature-settings", "font-variation-settings", "text-anchor", "text-align", "text-decoration",
    "text-decoration-line", "text-decoration-style", "text-decoration-color", "text-rendering", "letter-spacing", "word-spacing", "line-height",
    "baseline-shift", "dominant-baseline", "writing-mode", "direction", "unicode-bidi", "stop-color", "stop-opacity", "flood-color",
    "flood-opacity", "lighting-color", "clip-path", "clip-rule", "mask", "filter", "overflow", "shape-rendering", "image-rendering",
    "color-interpolation", "color-interpolation-filters", "color-rendering", "marker", "marker-start", "marker-mid", "marker-end",
    "enable-background", "paint-order", "mix-blend-mode", "isolation", "vector-effect", "transform", "white-space", "solid-color",
    "solid-opacity", NULL };
  g_auto(GStrv) parts = g_strsplit(text, ";", -1);
  for (guint i = 0; parts[i] != NULL; i++) {
    const char *part = g_strstrip(parts[i]), *colon = strchr(part, ':');
    g_autofree char *name = g_strndup(part, colon ? (gsize) (colon - part) : 0);
    if (*part == '\0')
      continue;
    if (colon == NULL || (!is_one_of(g_strchomp(name), known) && !g_str_has_prefix(name, "-inkscape-")))
      return refuse(error, "an unknown property in its style: ", part);
  }
  return check_functions(text, error);
}

/* Rules of plain selectors, without others inside. */
static gboolean
check_sheet(const char *sheet, GError **error)
{
  g_autoptr(GString) text = g_string_new(sheet);
  for (char *begin; (begin = strstr(text->str, "/*")) != NULL;) {
    const char *end = strstr(begin + 2, "*/");
    g_string_erase(text, begin - text->str, end ? end + 2 - begin : -1);
  }
  for (const char *at = text->str; *at != '\0';) {
    const gsize n = strcspn(at, "{");
    g_autofree char *selectors = g_strndup(at, n);
    if (selectors[strspn(selectors, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.#*,>-_ \t\r\n")] != '\0')
      return refuse(error, "a selector in its style", "");
    if (at[n] == '\0')
      break;
    const gsize length = strcspn(at + n + 1, "{}");
    g_autofree char *inside = g_strndup(at + n + 1, length);
    if (at[n + 1 + length] != '}')
      return refuse(error, "rules inside each other in its style", "");
    if (!check_declarations(inside, error))
      return FALSE;
    at += n + length + 2;
  }
  return TRUE;
}

static gboolean
check_style(const char *style, GError **error)
{
  static const char *const words[] = { "@", "\\", "animation", "transition", ":hover", ":active", ":focus", ":target", "image-set(", "image(",
                                       "src(", "cross-fade(", "element(" };
  g_autofree char *lower = g_ascii_strdown(style, -1);
  for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
    if (strstr(lower, words[i]) != NULL)
      return refuse(error, words[i], " in its style");
  }
  /* Not drawn here, but by browsers. */
  const char *at = strstr(lower, "url(") ? strstr(lower, "background") : NULL;
  for (; at != NULL; at = strstr(at + 1, "background")) {
    if (at - lower < 7 || strncmp(at - 7, "enable-", 7) != 0)
      return refuse(error, "a background", " in its style");
  }
  return check_urls(style, error);
}

static gboolean
check_attribute(const char *element, const char *name, const char *value, GError **error)
{
  static const char *const readers[] = { "href", "src", "srcset", NULL };
  static const char *const conditions[] = { "systemLanguage", "requiredExtensions", "requiredFeatures", "base", NULL };
  static const char *const shapes[] = { "clip-path", "mask", "filter", "transform", "opacity", "fill-opacity", "display", "visibility", "width",
                                        "height", "x", "y", "r", "rx", "ry", "cx", "cy", NULL };
  const char *local = local_name(name);
  if (g_ascii_strncasecmp(name, "on", 2) == 0)
    return refuse(error, "a script: ", name);
  if (is_one_of(local, conditions))
    return refuse(error, name, "");
  if (g_ascii_strcasecmp(name, "style") == 0)
    return check_style(value, error) && check_declarations(value, error);
  if (is_one_of(name, shapes) && !check_functions(value, error))
    return FALSE;
  /* Where a link leads is not shown with it. */
  if (is_one_of(local, readers) && g_ascii_strcasecmp(element, "a") != 0)
    return check_reference(value, error);
  return check_urls(value, error);
}

static void
on_start(GMarkupParseContext *context, const char *name, const char **names, const char **values, gpointer user_data, GError **error)
{
  static const char *const refused[] = { "set", "animate", "animateColor", "animateTransform", "animateMotion", "discard", "script", "handler",
                                         "listener", "foreignObject", "video", "audio", "iframe", "embed", "object", "canvas", "img", "link",
                                         "include", NULL };
  Svg *self = user_data;
  const char *element = local_name(name);
  if (is_one_of(element, refused)) {
    refuse(error, "the element ", name);
    return;
  }
  self->in_style += g_ascii_strcasecmp(element, "style") == 0;
  for (guint i = 0; names[i] != NULL; i++) {
    if (!check_attribute(element, names[i], values[i], error))
      return;
  }
}

static void
on_end(GMarkupParseContext *context, const char *name, gpointer user_data, GError **error)
{
  Svg *self = user_data;
  self->in_style -= g_ascii_strcasecmp(local_name(name), "style") == 0;
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize n, gpointer user_data, GError **error)
{
  Svg *self = user_data;
  if (self->in_style > 0)
    g_string_append_len(self->style, text, (gssize) n);
}

/* Comments, and what is for the parser: other texts under a name, sheets, an alphabet in which the letters mean others. */
static void
on_passthrough(GMarkupParseContext *context, const char *text, gsize n, gpointer user_data, GError **error)
{
  g_autofree char *all = g_ascii_strdown(text, (gssize) n);
  if (g_str_has_prefix(all, "<!doctype") && strpbrk(all, "[%") != NULL)
    refuse(error, "declarations of its own", "");
  else if (g_str_has_prefix(all, "<?xml-stylesheet"))
    refuse(error, "a style sheet outside", "");
  else if (g_str_has_prefix(all, "<?xml") && strstr(all, "encoding") != NULL && strstr(all, "utf-8") == NULL && strstr(all, "us-ascii") == NULL &&
           strstr(all, "iso-8859-1") == NULL)
    refuse(error, "an encoding that is not UTF-8", "");
}

gboolean
hysac_svg_check(const char *bytes, gsize size, GError **error)
{
  const GMarkupParser parser = { on_start, on_end, on_text, on_passthrough, NULL };
  Svg self = { 0, g_string_new(NULL) };
  g_autoptr(GError) local = NULL;
  g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, G_MARKUP_TREAT_CDATA_AS_TEXT, &self, NULL);
  const gsize mark = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* of the bytes' order */
  gboolean ok = size > mark && g_markup_parse_context_parse(context, bytes + mark, (gssize) (size - mark), &local) &&
                g_markup_parse_context_end_parse(context, &local) && check_style(self.style->str, &local) && check_sheet(self.style->str, &local);
  g_string_free(self.style, TRUE);
  if (ok)
    return TRUE;
  g_autofree char *why = g_utf8_make_valid(local ? local->message : "empty", -1); /* GLib quotes any byte */
  if (local != NULL && local->domain == HYSAC_ERROR)
    g_set_error_literal(error, HYSAC_ERROR, local->code, why);
  else
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "an SVG that cannot be looked into: %s", why);
  return FALSE;
}
