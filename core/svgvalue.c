/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names of attributes and properties, and what may be their values: that which librsvg 2.54 reads as browsers do, and what neither
 * draws. A name that is not here, and a value of another form, one of the two may know. */

#include "core/svgvalue.h"

#include <string.h>

/* Where a value stands. */
typedef enum {
  ATTRIBUTE = 1,
  STYLE = 2,
  BOTH = ATTRIBUTE | STYLE,
} Place;

enum {
  ANY = 1 << 0,       /* nobody draws it */
  NUMBER = 1 << 1,    /* without a unit */
  BARE = 1 << 2,      /* the same, but in style only 0 */
  PERCENT = 1 << 3,
  PX = 1 << 4,
  SIZED = 1 << 5,     /* em, ex and what depends on the resolution: in pixels they are not alike */
  UNSIGNED = 1 << 6,
  COLOR = 1 << 7,
  URL = 1 << 8,       /* url(#id) */
  PAINT = 1 << 9,     /* the same, "none" behind it */
  LIST = 1 << 10,     /* of what else is allowed */
  NUMBERS = 1 << 11,
  PAIRS = 1 << 12,
  BOX = 1 << 13,
  PATH = 1 << 14,
  TRANSFORM = 1 << 15,
  ASPECT = 1 << 16,
  FAMILY = 1 << 17,   /* names of fonts */
  FONT = 1 << 18,     /* the same, and what stands before them in "font" */
  TAG = 1 << 19,      /* a language */
  WHITE = 1 << 20,    /* what is behind a picture anyway */
  ONLY = 1 << 21,     /* not what the element around has */
  LENGTH = PX | PERCENT | NUMBER,
  TEXT = PX | PERCENT | SIZED | BARE,
};

typedef struct {
  const char *names; /* between blanks; "element/name": on this element, instead of what "name" says */
  guint places, syntax;
  const char *words; /* likewise between blanks */
} Row;

#define SIZES "xx-small x-small small medium large x-large xx-large smaller larger"
#define UNITS "userSpaceOnUse objectBoundingBox"

static const Row rows[] = {
  /* Colors and lines. */
  { "fill stroke", BOTH, COLOR | PAINT, "none" },
  { "stop-color flood-color color", BOTH, COLOR, NULL },
  { "opacity fill-opacity stroke-opacity stop-opacity flood-opacity", BOTH, NUMBER | PERCENT, NULL },
  { "fill-rule clip-rule", BOTH, 0, "nonzero evenodd" },
  { "stroke-width", BOTH, LENGTH | SIZED | UNSIGNED, NULL },
  { "stroke-dashoffset", BOTH, LENGTH, NULL },
  { "stroke-dasharray", BOTH, LENGTH | UNSIGNED | LIST, "none" },
  { "stroke-linecap", BOTH, 0, "butt round square" },
  { "stroke-linejoin", BOTH, 0, "miter round bevel" },
  { "stroke-miterlimit", BOTH, NUMBER | UNSIGNED, NULL },
  { "paint-order", BOTH, LIST, "normal fill stroke markers" },
  { "marker-start marker-end", BOTH, URL, "none" },
  { "marker-mid", BOTH, 0, "none" }, /* at other points, and turned otherwise */
  { "marker", STYLE, 0, "none" },
  { "clip-path mask filter", BOTH, URL, "none" },
  { "mask-type", BOTH, 0, "luminance alpha" },
  { "color-interpolation", BOTH, 0, "auto sRGB" },
  { "color-interpolation-filters", BOTH, 0, "auto sRGB linearRGB" },
  { "display", BOTH, 0, "inline block none" },
  /* What is drawn by reference, and parts of texts, have these to librsvg or to browsers. */
  { "symbol/opacity marker/opacity pattern/opacity clipPath/opacity tspan/opacity", BOTH, ONLY, "1" },
  { "symbol/display marker/display pattern/display clipPath/display mask/display linearGradient/display "
    "radialGradient/display stop/display filter/display", BOTH, ONLY, "inline" },
  { "symbol/clip-path marker/clip-path pattern/clip-path clipPath/clip-path tspan/clip-path in-clip/clip-path symbol/mask marker/mask "
    "pattern/mask clipPath/mask tspan/mask symbol/filter marker/filter pattern/filter clipPath/filter tspan/filter", BOTH, ONLY, "none" },
  { "visibility", BOTH, 0, "visible hidden collapse" },
  { "overflow", BOTH, 0, "visible hidden scroll auto" },
  { "vector-effect", BOTH, 0, "none" },
  { "mix-blend-mode", STYLE, 0, "normal" },
  { "isolation", STYLE, 0, "auto isolate" }, /* of no effect without blending */
  { "shape-rendering", BOTH, 0, "auto optimizeSpeed geometricPrecision crispEdges" },
  { "image-rendering", BOTH, 0, "auto optimizeQuality smooth high-quality" },
  { "text-rendering", BOTH, 0, "auto optimizeSpeed optimizeLegibility geometricPrecision" },
  { "background background-color", STYLE, WHITE, NULL },
  /* Texts. */
  { "font", STYLE, FONT, NULL },
  { "font-family", BOTH, FAMILY, NULL },
  { "font-size", BOTH, TEXT | UNSIGNED, SIZES },
  { "font-style", BOTH, 0, "normal italic oblique" },
  { "font-weight", BOTH, NUMBER | UNSIGNED, "normal bold bolder lighter" },
  { "font-stretch", BOTH, 0, "normal ultra-condensed extra-condensed condensed semi-condensed semi-expanded expanded extra-expanded ultra-expanded" },
  { "font-variant", BOTH, 0, "normal small-caps" },
  { "font-variant-ligatures font-variant-caps font-variant-numeric font-variant-alternates font-variant-position font-variant-east-asian "
    "font-feature-settings font-variation-settings font-kerning font-size-adjust font-optical-sizing word-spacing "
    "text-transform text-decoration-line text-shadow text-overflow", BOTH, 0, "normal none auto clip 0 0px" },
  { "letter-spacing", BOTH, TEXT, "normal" },
  { "text-anchor", BOTH, 0, "start middle end" },
  { "text-decoration", BOTH, LIST, "none underline overline line-through" },
  { "text-indent inline-size", STYLE, 0, "0 0px 0pt auto" },
  { "text-orientation", STYLE, 0, "mixed" },
  { "baseline-shift", BOTH, 0, "baseline sub super 0 0px 0%" },
  { "dominant-baseline alignment-baseline", BOTH, 0, "auto alphabetic baseline" },
  { "writing-mode", BOTH, 0, "horizontal-tb lr lr-tb" },
  { "direction", BOTH, 0, "ltr" },
  { "unicode-bidi", BOTH, 0, "normal embed" },
  { "white-space", BOTH, 0, "normal pre nowrap" },
  { "glyph-orientation-vertical glyph-orientation-horizontal kerning", BOTH, 0, "auto 0 0deg" },
  /* Where and how large. */
  { "x y cx cy x1 y1 x2 y2 fx fy refX refY", ATTRIBUTE, LENGTH, NULL },
  { "width height r rx ry fr markerWidth markerHeight", ATTRIBUTE, LENGTH | UNSIGNED, NULL },
  { "dx dy", ATTRIBUTE, TEXT | NUMBER, NULL },
  { "d", ATTRIBUTE, PATH, NULL },
  { "points", ATTRIBUTE, PAIRS, NULL },
  { "viewBox", ATTRIBUTE, BOX, NULL },
  { "preserveAspectRatio", ATTRIBUTE, ASPECT, "none" },
  { "root/width root/height", ATTRIBUTE, LENGTH | SIZED | UNSIGNED, NULL },
  { "root-style/max-width", STYLE, 0, "100%" }, /* how large all is shown: with what svgcheck.c asks for */
  { "root-style/height", STYLE, 0, "auto" },
  { "transform gradientTransform patternTransform", ATTRIBUTE, TRANSFORM, NULL },
  { "symbol/x symbol/y symbol/width symbol/height symbol/refX symbol/refY", ATTRIBUTE, 0, NULL },
  { "feFuncR/class feFuncG/class feFuncB/class feFuncA/class feMergeNode/class", ATTRIBUTE, 0, NULL },
  { "root/transform svg/transform symbol/transform tspan/transform marker/transform mask/transform pattern/transform filter/transform "
    "linearGradient/transform radialGradient/transform", ATTRIBUTE, 0, NULL }, /* librsvg, browsers, or neither */
  { "gradientUnits patternUnits patternContentUnits maskUnits filterUnits primitiveUnits", ATTRIBUTE, 0, UNITS },
  { "clipPathUnits maskContentUnits", ATTRIBUTE, 0, "userSpaceOnUse" }, /* by others librsvg does not clip what has no height */
  { "markerUnits", ATTRIBUTE, 0, "strokeWidth userSpaceOnUse" },
  { "spreadMethod", ATTRIBUTE, 0, "pad reflect repeat" },
  { "offset", ATTRIBUTE, NUMBER | PERCENT, NULL },
  { "orient", ATTRIBUTE, NUMBER, "auto auto-start-reverse" },
  /* Filters. */
  { "feColorMatrix/type", ATTRIBUTE, 0, "matrix saturate hueRotate luminanceToAlpha" },
  { "feFuncR/type feFuncG/type feFuncB/type feFuncA/type", ATTRIBUTE, 0, "identity table discrete linear gamma" },
  { "feFuncR/offset feFuncG/offset feFuncB/offset feFuncA/offset", ATTRIBUTE, NUMBER, NULL },
  { "mode", ATTRIBUTE, 0, "normal multiply screen darken lighten" },
  { "feComposite/operator", ATTRIBUTE, 0, "over in out atop xor arithmetic" },
  { "feMorphology/operator", ATTRIBUTE, 0, "erode dilate" },
  { "feOffset/dx feOffset/dy", ATTRIBUTE, NUMBER, NULL },
  /* A filter makes nothing of nothing: librsvg draws what it makes of what is hidden or empty. */
  { "k4 feFuncA/intercept feFuncA/offset", ATTRIBUTE, 0, "0" },
  { "k1 k2 k3 slope intercept amplitude exponent", ATTRIBUTE, NUMBER, NULL },
  { "values tableValues", ATTRIBUTE, NUMBERS, NULL },
  { "stdDeviation", ATTRIBUTE, NUMBERS | UNSIGNED, NULL },
  { "radius", ATTRIBUTE, NUMBER | UNSIGNED, NULL },
  /* Other. */
  { "style/type", ATTRIBUTE, 0, "text/css" },
  { "style/media style/title style/disabled", ATTRIBUTE, 0, NULL }, /* conditions */
  { "xml:space", ATTRIBUTE, 0, "default preserve" },
  { "xml:lang", ATTRIBUTE, TAG, NULL }, /* librsvg draws nothing that has another */
  /* What nobody draws. */
  { "id class in in2 result lang title alt name role tabindex focusable version baseProfile contentScriptType contentStyleType zoomAndPan target "
    "rel download hreflang ping space data p-id t content host agent etag modified", ATTRIBUTE, ANY, NULL },
  { "enable-background color-rendering color-profile pointer-events cursor", BOTH, ANY, NULL },
  { "user-select line-height text-align text-decoration-style text-decoration-color shape-padding shape-margin shape-inside shape-subtract "
    "block-progression solid-color solid-opacity vertical-align", STYLE, ANY, NULL },
};

static const char colors[] =
  "aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown burlywood cadetblue chartreuse chocolate "
  "coral cornflowerblue cornsilk crimson currentcolor cyan darkblue darkcyan darkgoldenrod darkgray darkgreen darkgrey darkkhaki darkmagenta "
  "darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink "
  "deepskyblue dimgray dimgrey dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey "
  "honeydew hotpink indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan lightgoldenrodyellow "
  "lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime "
  "limegreen linen magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen mediumslateblue mediumspringgreen "
  "mediumturquoise mediumvioletred midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered orchid "
  "palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple rebeccapurple red rosybrown royalblue "
  "saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue slateblue slategray slategrey snow springgreen steelblue tan teal thistle "
  "tomato transparent turquoise violet wheat white whitesmoke yellow yellowgreen";

gboolean
hysac_svg_refuse(GError **error, const char *what, const char *name)
{
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "an SVG with %s%.60s: a viewer could show something else than what is judged", what,
              name);
  return FALSE;
}

gboolean
hysac_svg_has_word(const char *words, const char *word, gsize n)
{
  for (const char *at = words; at != NULL && *at != '\0';) {
    const gsize length = strcspn(at, " ");
    if (length == n && n > 0 && memcmp(at, word, n) == 0)
      return TRUE;
    at += length + (at[length] == ' ');
  }
  return FALSE;
}

static const char *
skip_blanks(const char *at)
{
  return at + strspn(at, " \t\r\n");
}

/* Behind blanks, or one comma and the blanks behind it: librsvg takes no other order everywhere. */
static const char *
skip_separator(const char *at)
{
  return *at == ',' ? skip_blanks(at + 1) : skip_blanks(at);
}

/* Behind the number at @at; NULL: there is none, or it is too large for some. */
static const char *
skip_number(const char *at)
{
  const char *digits = "0123456789";
  at += *at == '-' || *at == '+';
  const gsize whole = strspn(at, digits);
  at += whole;
  gsize part = 0;
  if (*at == '.') {
    part = strspn(at + 1, digits);
    if (part == 0)
      return NULL; /* "1.": not a number to all */
    at += 1 + part;
  }
  if (whole + part == 0 || whole > 9)
    return NULL;
  if (*at == 'e' || *at == 'E') {
    const gboolean minus = at[1] == '-';
    const char *power = at + 1 + (minus || at[1] == '+');
    const gsize n = strspn(power, digits);
    if (n > (minus ? 2u : 1u))
      return NULL;
    if (n > 0)
      at = power + n;
  }
  return at;
}

/* A length, with no unit but those of @syntax. NULL: not one. */
static const char *
skip_length(const char *at, guint syntax, Place place)
{
  static const char *const sized[] = { "em", "ex", "in", "cm", "mm", "pt", "pc" };
  if ((syntax & UNSIGNED) && *at == '-')
    return NULL;
  const char *end = skip_number(at);
  if (end == NULL)
    return NULL;
  if (*end == '%')
    return (syntax & PERCENT) ? end + 1 : NULL;
  if (strncmp(end, "px", 2) == 0)
    return (syntax & PX) ? end + 2 : NULL;
  for (guint i = 0; i < G_N_ELEMENTS(sized); i++) {
    if (strncmp(end, sized[i], 2) == 0)
      return (syntax & SIZED) ? end + 2 : NULL;
  }
  if (g_ascii_isalpha(*end))
    return NULL;
  const gboolean zero = g_ascii_strtod(at, NULL) == 0;
  return (syntax & NUMBER) || ((syntax & BARE) && (place == ATTRIBUTE || zero)) || (zero && (syntax & PX)) ? end : NULL;
}

/* The numbers inside of a function: all with "%", or none; the first with "deg" for a hue. */
static gboolean
is_color_function(const char *at, gsize n)
{
  static const struct {
    const char *name;
    guint arguments;
  } functions[] = { { "rgb(", 3 }, { "rgba(", 4 }, { "hsl(", 3 }, { "hsla(", 4 } };
  const char *end = at + n;
  for (guint i = 0; i < G_N_ELEMENTS(functions); i++) {
    if (!g_str_has_prefix(at, functions[i].name))
      continue;
    const gboolean hue = *at == 'h';
    gboolean percent = FALSE;
    at = skip_blanks(at + strlen(functions[i].name));
    for (guint argument = 0; argument < functions[i].arguments; argument++) {
      if ((at = skip_number(at)) == NULL)
        return FALSE;
      if (hue && argument == 0 && g_str_has_prefix(at, "deg"))
        at += 3;
      const gboolean has = *at == '%';
      if (argument == 0)
        percent = has;
      /* The alpha may be either. */
      if (argument < 3 && has != (hue ? argument > 0 : percent))
        return FALSE;
      at = skip_blanks(at + has);
      if (argument + 1 < functions[i].arguments && *at++ != ',')
        return FALSE;
      at = skip_blanks(at);
    }
    return *at == ')' && at + 1 == end;
  }
  return FALSE;
}

static gboolean
is_color(const char *value, gsize n)
{
  if (*value == '#')
    return (n == 4 || n == 5 || n == 7 || n == 9) && strspn(value + 1, "0123456789abcdefABCDEF") >= n - 1;
  if (memchr(value, '(', n) != NULL)
    return is_color_function(value, n);
  g_autofree char *lower = g_ascii_strdown(value, (gssize) n);
  return hysac_svg_has_word(colors, lower, n);
}

/* Behind "url(#id)"; NULL: something else. The id is what all read alike: not percent-encoded, without quotes inside. */
static const char *
skip_url(const char *at)
{
  if (!g_str_has_prefix(at, "url("))
    return NULL;
  at += 4;
  const char quote = *at == '"' || *at == '\'' ? *at++ : '\0';
  const gsize n = *at == '#' ? strcspn(at, "%()\"'\\ \t\r\n") : 0;
  at += n;
  if (n < 2 || (quote != '\0' && *at++ != quote))
    return NULL;
  return *at == ')' ? at + 1 : NULL;
}

char *
hysac_svg_reference(const char *value)
{
  if (*value == '#')
    return g_strdup(value + 1);
  const char *begin = strstr(value, "url(");
  if (begin == NULL || skip_url(begin) == NULL)
    return NULL;
  begin = strchr(begin, '#') + 1;
  return g_strndup(begin, strcspn(begin, "%()\"'\\ \t\r\n"));
}

gboolean
hysac_svg_is_name(const char *value)
{
  static const char words[] = "inherit initial unset revert revert-layer default none auto sourcegraphic sourcealpha backgroundimage "
                              "backgroundalpha fillpaint strokepaint";
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  g_autofree char *lower = g_ascii_strdown(value, -1);
  const gsize n = strspn(value, letters);
  return n > 0 && value[strspn(value, "0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")] == '\0' &&
         !hysac_svg_has_word(words, lower, strlen(lower));
}

/* @pairs: whether no sign alone may part the two of a pair from the next. */
static int
count_numbers(const char *at, gboolean pairs)
{
  int n = 0;
  for (at = skip_blanks(at); *at != '\0'; n++) {
    const char *end = skip_number(at);
    if (end == NULL || n == G_MAXINT / 2)
      return -1;
    at = skip_separator(end);
    const gboolean tight = at == end && *at != '\0';
    if (tight && ((*at != '-' && *at != '.') || (pairs && n % 2 == 1)))
      return -1;
    if (*at == '\0' && strchr(end, ',') != NULL)
      return -1;
  }
  return n;
}

int
hysac_svg_count_numbers(const char *value)
{
  return count_numbers(value, FALSE);
}

static gboolean
is_box(const char *value)
{
  if (hysac_svg_count_numbers(value) != 4)
    return FALSE;
  const char *at = skip_blanks(value);
  for (guint i = 0; i < 4; i++) {
    if (i >= 2 && g_ascii_strtod(at, NULL) <= 0)
      return FALSE;
    at = skip_separator(skip_number(at));
  }
  return TRUE;
}

/* A path that is whole: at a fault some stop, and some go on. */
static gboolean
is_path(const char *at)
{
  static const char letters[] = "mlhvcsqtaz";
  static const guint counts[] = { 2, 2, 1, 1, 6, 4, 4, 2, 7, 0 };
  gboolean first = TRUE;
  for (at = skip_blanks(at); *at != '\0'; first = FALSE) {
    const char command = g_ascii_tolower(*at), *letter = strchr(letters, command);
    if (letter == NULL || (first && command != 'm'))
      return FALSE;
    const guint count = counts[letter - letters];
    at = skip_blanks(at + 1);
    guint n = 0;
    for (gboolean comma = FALSE; count > 0; n++) {
      const gboolean flag = command == 'a' && (n % 7 == 3 || n % 7 == 4);
      const char *end = flag ? (*at == '0' || *at == '1' ? at + 1 : NULL) : skip_number(at);
      if (end == NULL) {
        if (comma)
          return FALSE;
        break;
      }
      at = skip_blanks(end);
      comma = *at == ',';
      at = skip_separator(at);
    }
    if (count > 0 && (n == 0 || n % count != 0))
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_transform(const char *at)
{
  static const struct {
    const char *name;
    guint counts; /* bits */
  } functions[] = { { "matrix(", 1 << 6 }, { "translate(", 1 << 1 | 1 << 2 }, { "scale(", 1 << 1 | 1 << 2 }, { "rotate(", 1 << 1 | 1 << 3 },
                    { "skewX(", 1 << 1 }, { "skewY(", 1 << 1 } };
  for (at = skip_blanks(at); *at != '\0';) {
    guint i = 0;
    while (i < G_N_ELEMENTS(functions) && !g_str_has_prefix(at, functions[i].name))
      i++;
    if (i == G_N_ELEMENTS(functions))
      return FALSE;
    at += strlen(functions[i].name);
    const gsize n = strcspn(at, ")");
    g_autofree char *inner = g_strndup(at, n);
    const int count = hysac_svg_count_numbers(inner);
    if (at[n] != ')' || count < 1 || count > 6 || !(functions[i].counts & 1u << count))
      return FALSE;
    at += n + 1;
    const char *next = skip_separator(at);
    if (*at == ',' && *next == '\0')
      return FALSE;
    at = next;
  }
  return TRUE;
}

static gboolean
is_aspect(const char *value)
{
  const gsize n = strcspn(value, " ");
  const char *rest = value[n] == ' ' ? value + n + 1 : "meet";
  static const char aligns[] = "none xMinYMin xMidYMin xMaxYMin xMinYMid xMidYMid xMaxYMid xMinYMax xMidYMax xMaxYMax";
  return hysac_svg_has_word(aligns, value, n) && hysac_svg_has_word("meet slice", rest, strlen(rest));
}

/* Names, quoted or not. */
static gboolean
is_family(const char *value)
{
  char quote = '\0';
  for (const char *at = value; *at != '\0'; at++) {
    if (quote != '\0' && *at == quote)
      quote = '\0';
    else if (quote == '\0' && (*at == '"' || *at == '\''))
      quote = *at;
    else if (!g_ascii_isalnum(*at) && strchr(" \t\r\n,-_", *at) == NULL && (guchar) *at < 0x80)
      return FALSE;
  }
  return quote == '\0' && *value != '\0';
}

/* "bold 12px/1.5 names" */
static gboolean
is_font(const char *at)
{
  static const char before[] = "normal italic oblique bold bolder lighter small-caps 100 200 300 400 500 600 700 800 900";
  gsize n;
  for (n = strcspn(at, " "); hysac_svg_has_word(before, at, n); n = strcspn(at, " "))
    at += n + (at[n] == ' ');
  n = strcspn(at, " /");
  if (!hysac_svg_has_word(SIZES, at, n) && skip_length(at, TEXT | UNSIGNED, STYLE) != at + n)
    return FALSE;
  at += n;
  if (*at == '/') {
    n = strcspn(at, " ");
    if (n != 7 || memcmp(at, "/normal", 7) != 0) {
      if (skip_length(at + 1, TEXT | NUMBER | UNSIGNED, STYLE) != at + n)
        return FALSE;
    }
    at += n;
  }
  return *at == ' ' && is_family(at + 1);
}

static gboolean
is_white(const char *value)
{
  static const char whites[] = "none transparent white #fff #ffffff rgb(255,255,255)";
  g_autofree char *lower = g_ascii_strdown(value, -1);
  gsize n = 0;
  for (const char *at = lower; *at != '\0'; at++) {
    if (!g_ascii_isspace(*at))
      lower[n++] = *at;
  }
  return hysac_svg_has_word(whites, lower, n);
}

/* Two or three letters, and a country. */
static gboolean
is_tag(const char *value)
{
  const gsize n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
  if (n != 2 && n != 3)
    return FALSE;
  return value[n] == '\0' || (value[n] == '-' && strlen(value + n) == 3 && g_ascii_isalpha(value[n + 1]) && g_ascii_isalpha(value[n + 2]));
}

/* A single one of what @row allows. */
static gboolean
is_item(const Row *row, Place place, const char *item, gsize n)
{
  if (hysac_svg_has_word(row->words, item, n))
    return TRUE;
  if ((row->syntax & COLOR) && is_color(item, n))
    return TRUE;
  return (row->syntax & (LENGTH | TEXT)) && skip_length(item, row->syntax, place) == item + n;
}

static gboolean
is_list(const Row *row, Place place, const char *at)
{
  while (*at != '\0') {
    const gsize n = strcspn(at, " ,\t\r\n");
    if (!is_item(row, place, at, n))
      return FALSE;
    const char *next = skip_separator(at + n);
    if (at[n] == ',' && *next == '\0')
      return FALSE;
    at = next;
  }
  return TRUE;
}

static gboolean
is_paint(const char *value)
{
  const char *end = skip_url(value);
  if (end == NULL)
    return FALSE;
  const char *rest = skip_blanks(end);
  return *rest == '\0' || (rest > end && strcmp(rest, "none") == 0); /* when a color behind it holds, is not agreed on */
}

/* Of what nobody draws: in style nothing that begins a comment, a text or a bracket and does not end it. */
static gboolean
is_anything(const char *value, Place place)
{
  const char *end = skip_url(value);
  if (place == ATTRIBUTE || (end != NULL && *end == '\0') || is_color(value, strlen(value)))
    return TRUE;
  guint quotes[2] = { 0, 0 };
  for (const char *at = value; *at != '\0'; at++) {
    if (*at == '"' || *at == '\'')
      quotes[*at == '"']++;
    else if (!g_ascii_isalnum(*at) && strchr(" \t\r\n,.-_%+#", *at) == NULL && (guchar) *at < 0x80)
      return FALSE;
  }
  return (quotes[0] == 0 || quotes[1] == 0) && quotes[0] % 2 == 0 && quotes[1] % 2 == 0;
}

static gboolean
is_allowed(const Row *row, Place place, const char *value)
{
  const guint syntax = row->syntax;
  const char *end = skip_url(value);
  if (syntax & ANY)
    return is_anything(value, place);
  if (row->places == BOTH && !(syntax & ONLY) && (strcmp(value, "inherit") == 0 || (place == ATTRIBUTE && *value == '\0')))
    return TRUE;
  if ((syntax & URL) && end != NULL && *end == '\0')
    return TRUE;
  if ((syntax & PAINT) && is_paint(value))
    return TRUE;
  if (syntax & (NUMBERS | PAIRS)) {
    const int n = count_numbers(value, (syntax & PAIRS) != 0);
    return (syntax & PAIRS) ? n >= 0 && n % 2 == 0 : n > 0 && (!(syntax & UNSIGNED) || (n <= 2 && strchr(value, '-') == NULL));
  }
  if (syntax & BOX)
    return is_box(value);
  if (syntax & PATH)
    return is_path(value);
  if (syntax & TRANSFORM)
    return is_transform(value);
  if (syntax & ASPECT)
    return is_aspect(value);
  if (syntax & FAMILY)
    return is_family(value);
  if (syntax & FONT)
    return is_font(value);
  if (syntax & WHITE)
    return is_white(value);
  if (syntax & TAG)
    return is_tag(value);
  if (syntax & LIST)
    return is_list(row, place, value);
  return is_item(row, place, value, strlen(value));
}

/* From all names in rows to theirs. */
static gpointer
index_rows(gpointer unused)
{
  GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(GStrv) names = g_strsplit(rows[i].names, " ", -1);
    for (guint k = 0; names[k] != NULL; k++)
      g_hash_table_insert(table, g_strdup(names[k]), (gpointer) &rows[i]);
  }
  return table;
}

static const Row *
find_row(const char *element, const char *name)
{
  static GOnce once = G_ONCE_INIT;
  GHashTable *table = g_once(&once, index_rows, NULL);
  g_autofree char *both = g_strconcat(element, "/", name, NULL);
  const Row *row = g_hash_table_lookup(table, both);
  return row ? row : g_hash_table_lookup(table, name);
}

gboolean
hysac_svg_value_check(const char *element, gboolean style, const char *name, const char *value, GError **error)
{
  const Place place = style ? STYLE : ATTRIBUTE;
  const Row *row = find_row(element, name);
  g_autofree char *bare = g_strstrip(g_strdup(value)), *both = g_strconcat(name, ": ", bare, NULL);
  if (row == NULL || !(row->places & place)) {
    if (style ? g_str_has_prefix(name, "-inkscape-") && is_anything(bare, place) : g_str_has_prefix(name, "data-") || g_str_has_prefix(name, "aria-"))
      return TRUE;
    return hysac_svg_refuse(error, style ? "an unknown property in its style: " : "the unknown attribute ", style ? both : name);
  }
  return is_allowed(row, place, bare) || hysac_svg_refuse(error, "a value that not all know: ", both);
}

const char *
hysac_svg_unit(const char *length)
{
  char *unit = NULL;
  if (length != NULL)
    g_ascii_strtod(length, &unit);
  return unit == NULL || g_str_has_prefix(unit, "px") ? "" : unit;
}

const char *
hysac_svg_find(const char *name, const char **names, const char **values)
{
  for (guint i = 0; names[i] != NULL; i++) {
    if (strcmp(names[i], name) == 0)
      return values[i];
  }
  return NULL;
}
