/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kinds of picture files that hold more than a decoder gives of them at once: icons, cursors, PNM, SVG. */

#include "runner.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gio/gio.h>
#include <math.h>
#include <string.h>

static char *model, *folder;

static GdkPixbuf *
load(const char *name, int side)
{
  g_autofree char *below = g_build_filename("pictures", name, NULL), *path = data_path(below);
  g_autoptr(GdkPixbuf) whole = gdk_pixbuf_new_from_file(path, NULL);
  assert_non_null(whole);
  return gdk_pixbuf_scale_simple(whole, side, side, GDK_INTERP_BILINEAR);
}

static gboolean
is_read(const char *format)
{
  g_autoptr(GSList) formats = gdk_pixbuf_get_formats();
  gboolean found = FALSE;
  for (GSList *at = formats; at != NULL; at = at->next) {
    g_autofree char *name = gdk_pixbuf_format_get_name(at->data);
    found = found || g_str_equal(name, format);
  }
  return found;
}

static char *
save(const char *name, const GByteArray *bytes)
{
  write_file(folder, name, bytes->data, bytes->len);
  return g_build_filename(folder, name, NULL);
}

static void
expect_no_verdict(const char *path, const char *word)
{
  g_autofree char *line = judge(model, path, 1), *verdict = json_text(line, "verdict"), *error = json_text(line, "error");
  assert_string_equal(verdict, "failed");
  if (strstr(error, word) == NULL)
    fail_msg("%s: \"%s\" is not in \"%s\"", path, word, error);
}

static void
put(GByteArray *bytes, guint32 value, guint n)
{
  value = GUINT32_TO_LE(value);
  g_byte_array_append(bytes, (const guint8 *) &value, n);
}

/* As icons have them: from the last row to the first, blue first, then a mask. */
static void
put_bitmap(GByteArray *bytes, GdkPixbuf *pixbuf)
{
  const guint side = (guint) gdk_pixbuf_get_width(pixbuf), stride = (guint) gdk_pixbuf_get_rowstride(pixbuf);
  const guint channels = (guint) gdk_pixbuf_get_n_channels(pixbuf);
  const guint32 header[] = { 40, side, 2 * side, 1 | 32 << 16, 0, 4 * side * side, 0, 0, 0, 0 };
  for (guint i = 0; i < G_N_ELEMENTS(header); i++)
    put(bytes, header[i], 4);
  for (guint y = side; y-- > 0;) {
    for (guint x = 0; x < side; x++) {
      const guint8 *p = gdk_pixbuf_read_pixels(pixbuf) + y * stride + x * channels;
      put(bytes, (guint32) p[2] | (guint32) p[1] << 8 | (guint32) p[0] << 16 | 0xff000000u, 4);
    }
  }
  for (guint i = 0; i < (side + 31) / 32 * side; i++)
    put(bytes, 0, 4);
}

/* An icon (1) or cursor (2) of @n; that of @png as a PNG. */
static GByteArray *
make_icon(guint kind, GdkPixbuf **pixbufs, guint n, guint png)
{
  GByteArray *bytes = g_byte_array_new();
  g_autoptr(GByteArray) data = g_byte_array_new();
  put(bytes, 0, 2);
  put(bytes, kind, 2);
  put(bytes, n, 2);
  for (guint i = 0; i < n; i++) {
    const guint at = data->len, side = (guint) gdk_pixbuf_get_width(pixbufs[i]);
    if (i == png) {
      g_autofree char *packed = NULL;
      gsize size;
      assert_true(gdk_pixbuf_save_to_buffer(pixbufs[i], &packed, &size, "png", NULL, NULL));
      g_byte_array_append(data, (const guint8 *) packed, (guint) size);
    } else {
      put_bitmap(data, pixbufs[i]);
    }
    put(bytes, side | side << 8, 4);
    put(bytes, kind == 1 ? 1 | 32 << 16 : 0, 4);
    put(bytes, data->len - at, 4);
    put(bytes, 6 + 16 * n + at, 4);
  }
  g_byte_array_append(bytes, data->data, data->len);
  return bytes;
}

static void
every_picture_of_an_icon_counts(void **state)
{
  g_autoptr(GdkPixbuf) a = load("rgb.png", 64), b = load("animated-1.png", 48), c = load("scene-2.png", 32);
  GdkPixbuf *all[] = { a, b, c };
  double distances[3], worst = 0;
  for (guint i = 0; i < 3; i++) {
    g_autoptr(GByteArray) bytes = make_icon(1, all + i, 1, 1);
    g_autofree char *path = save("one.ico", bytes), *line = judge(model, path, 0);
    distances[i] = json_number(line, "distance");
    worst = MAX(worst, distances[i]);
  }
  assert_true(distances[0] != distances[1] && distances[1] != distances[2]);
  for (guint k = 0; k < 6; k++) { /* each of them first, in icons and cursors */
    GdkPixbuf *some[] = { all[k % 3], all[(k + 1) % 3], all[(k + 2) % 3] };
    g_autoptr(GByteArray) bytes = make_icon(1 + k / 3, some, 3, k % 2 ? 2 : 3);
    g_autofree char *path = save(k < 3 ? "three.ico" : "three.cur", bytes), *line = judge(model, path, 0);
    assert_true(json_number(line, "frames") == 3);
    assert_true(fabs(json_number(line, "distance") - worst) < 1e-9);
    assert_true(distances[(k + (guint) json_number(line, "frame")) % 3] == worst);
    /* What is not all there is not judged in part: the last one's place, then its size. */
    bytes->data[6 + 2 * 16 + 14] = 0x7f;
    g_autofree char *beyond = save("beyond.ico", bytes);
    expect_no_verdict(beyond, "does not lie in the file");
    bytes->data[6 + 2 * 16 + 14] = 0;
    bytes->data[6 + 2 * 16 + 9] = 0;
    bytes->data[6 + 2 * 16 + 10] = 0;
    g_autofree char *cut = save("cut.ico", bytes);
    expect_no_verdict(cut, "is cut short");
  }
}

static void
put_chunk(GByteArray *bytes, const char *type, const GByteArray *data)
{
  g_byte_array_append(bytes, (const guint8 *) type, 4);
  put(bytes, data->len, 4);
  g_byte_array_append(bytes, data->data, data->len);
}

/* RIFF: a header, and a list of icons. */
static void
animated_cursors_are_refused(void **state)
{
  static const guint32 header[] = { 36, 2, 2, 0, 0, 0, 0, 30, 1 };
  g_autoptr(GByteArray) about = g_byte_array_new(), list = g_byte_array_new(), body = g_byte_array_new(), file = g_byte_array_new();
  g_autoptr(GdkPixbuf) a = load("rgb.png", 32), b = load("animated-1.png", 32);
  GdkPixbuf *frames[] = { a, b };
  if (!is_read("ani"))
    skip();
  for (guint i = 0; i < G_N_ELEMENTS(header); i++)
    put(about, header[i], 4);
  g_byte_array_append(list, (const guint8 *) "fram", 4);
  for (guint i = 0; i < 2; i++) {
    g_autoptr(GByteArray) icon = make_icon(1, frames + i, 1, 1);
    put_chunk(list, "icon", icon);
  }
  g_byte_array_append(body, (const guint8 *) "ACON", 4);
  put_chunk(body, "anih", about);
  put_chunk(body, "LIST", list);
  put_chunk(file, "RIFF", body);
  g_autofree char *path = save("two.ani", file);
  expect_no_verdict(path, "animated cursor");
}

/* Parts of macOS' icons: a type, a length with both, and pixels packed by runs (0x80 + n - 3, then a byte n times), a colour after another. */
static void
put_part(GByteArray *bytes, const char *type, guint side)
{
  const guint32 length = GUINT32_TO_BE(8 + 3 * 2 * side * side / 128);
  g_byte_array_append(bytes, (const guint8 *) type, 4);
  g_byte_array_append(bytes, (const guint8 *) &length, 4);
  for (guint i = 0; i < 3 * side * side / 128; i++)
    g_byte_array_append(bytes, (const guint8 *) "\xfd\x90", 2);
}

static void
icns_is_one_picture(void **state)
{
  if (!is_read("icns"))
    skip();
  for (guint n = 1; n <= 2; n++) {
    g_autoptr(GByteArray) bytes = g_byte_array_new(), parts = g_byte_array_new();
    g_autofree guint8 *mask = g_malloc0(256);
    put_part(parts, "is32", 16);
    g_byte_array_append(parts, (const guint8 *) "s8mk\0\0\1\x08", 8);
    g_byte_array_append(parts, mask, 256);
    if (n == 2)
      put_part(parts, "il32", 32);
    const guint32 length = GUINT32_TO_BE(8 + parts->len);
    g_byte_array_append(bytes, (const guint8 *) "icns", 4);
    g_byte_array_append(bytes, (const guint8 *) &length, 4);
    g_byte_array_append(bytes, parts->data, parts->len);
    g_autofree char *path = save("some.icns", bytes), *line = NULL;
    if (n == 1)
      line = judge(model, path, 0);
    else
      expect_no_verdict(path, "several pictures");
  }
}

static void
pnm_is_one_picture(void **state)
{
  static const struct {
    const char *text;
    gsize n;
    const char *why; /* NULL: it is judged */
  } cases[] = {
#define CASE(text, why) { text, sizeof text - 1, why }
    CASE("P1\n2 2\n0110\n", NULL),
    CASE("P1\n2 2\n0110\nP1 1 1 0", "several pictures"),
    CASE("P1\n2 2\n011", "cut short"),
    CASE("P2\n# two\n2 1 # rows\n255\n17 200\n", NULL),
    CASE("P2 2 1 255 17 200\nP5 1 1 255 A", "several pictures"),
    CASE("P3 1 1 255 1 2 3\n\n", NULL),
    CASE("P3 1 1 255 1 2 3\n\nP3 1 1 255 9 9 9", "several pictures"),
    CASE("P4 9 2\nABCD", NULL),
    CASE("P4 9 2\nABCDP4 1 1\nA", "several pictures"),
    CASE("P5 2 2 255\nABCD", NULL),
    CASE("P5 2 2 255\nABC", "cut short"),
    CASE("P5 2 2 255\nABCDP5 2 2 255\nABCD", "several pictures"),
    CASE("P6 1 2 255\nABCDEF\n", NULL),
    CASE("P6 1 2 255\nABCDEFP6 1 2 255\nGHIJKL", "several pictures"),
    CASE("P6 1 1 65535\nABCDEF", NULL),
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *name = g_strdup_printf("%u.pnm", i), *path = g_build_filename(folder, name, NULL), *line = NULL;
    write_file(folder, name, cases[i].text, (gssize) cases[i].n);
    if (cases[i].why != NULL)
      expect_no_verdict(path, cases[i].why);
    else
      line = judge(model, path, 0);
  }
}

static char *
pack(const char *text, gsize *n)
{
  g_autoptr(GZlibCompressor) packer = g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9);
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();
  g_autoptr(GOutputStream) stream = g_converter_output_stream_new(memory, G_CONVERTER(packer));
  assert_true(g_output_stream_write_all(stream, text, strlen(text), NULL, NULL, NULL) && g_output_stream_close(stream, NULL, NULL));
  *n = g_memory_output_stream_get_data_size(G_MEMORY_OUTPUT_STREAM(memory));
  return g_memdup2(g_memory_output_stream_get_data(G_MEMORY_OUTPUT_STREAM(memory)), *n);
}

#define SVG(attributes, body) \
  "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"60\" height=\"40\"" attributes ">" \
  body "<rect id=\"r\" width=\"9\" height=\"9\"/></svg>"

static void
svg_is_what_is_drawn_once(void **state)
{
  static const struct {
    const char *text, *why;
  } cases[] = {
    { "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">"
      SVG("", "<!-- set --><a href=\"https://example.org/\"><use xlink:href=\"#r\" fill=\"url(#g)\"/></a>"), NULL },
    { SVG("", "<style><![CDATA[rect{fill:red}]]></style><text style=\"fill:url('#g');enable-background:new\">set</text>"), NULL },
    { SVG("", "<rect width=\"5\"><set attributeName=\"width\" to=\"60\" begin=\"1s\"/></rect>"), "the element set" },
    { SVG(" xmlns:s=\"http://www.w3.org/2000/svg\"", "<s:animate attributeName=\"x\"/>"), "the element s:animate" },
    { SVG("", "<animateTransform/>"), "animateTransform" },
    { SVG("", "<animateMotion/>"), "animateMotion" },
    { SVG("", "<script>1</script>"), "the element script" },
    { SVG(" onload=\"f()\"", ""), "onload" },
    { SVG("", "<foreignObject/>"), "foreignObject" },
    { SVG("", "<image href=\"u.jpg\"/>"), "another file" },
    { SVG("", "<image xlink:href=\" file:///u.jpg\"/>"), "another file" },
    { SVG("", "<use href=\"other.svg#a\"/>"), "another file" },
    { SVG("", "<rect fill=\"URL( &quot;other.svg#a&quot;)\"/>"), "another file" },
    { SVG("", "<rect style=\"fill:url(other.svg#a)\"/>"), "another file" },
    { SVG("", "<rect style=\"--a:none;display:var(--a)\"/>"), "unknown property" },
    { SVG("", "<rect style=\"opacity:calc(1 - 1)\"/>"), "opacity: calc(1 - 1)" },
    { SVG("", "<rect style=\"scale:0\"/>"), "unknown property" },
    { SVG("", "<rect clip-path=\"circle(0px)\"/>"), "clip-path: circle(0px)" },
    { SVG("", "<style>g:has(image){display:none}</style>"), "a selector in its style: :has" },
    { SVG("", "<style>g{&amp;.x{display:none}}</style>"), "inside each other" },
    { SVG("", "<image width=\"9\" height=\"9\" href=\"data:image/svg+xml;base64,AAAA\"/>"), "no still PNG or JPEG" },
    { SVG("", "<image width=\"9\" height=\"9\" href=\"data:image/png;base64,R0lGODlhAQABAAAAADs=\"/>"), "no still PNG or JPEG" },
    { SVG("", "<style>@import 'x.css';</style>"), "@ in its style" },
    { SVG("", "<style>@keyframes k{}</style>"), "@ in its style" },
    { SVG("", "<style>\\40 import 'x.css';</style>"), "\\ in its style" },
    { SVG("", "<rect style=\"Animation:k 1s\"/>"), "animation in its style" },
    { SVG(" style=\"background:url(#a)\"", ""), "background: url(#a)" },
    { SVG(" xml:base=\"http://example.org/\"", ""), "xml:base" },
    { "<?xml-stylesheet href=\"x.css\"?>" SVG("", ""), "style sheet" },
    { SVG("", "<rect fill=\"color(srgb 1 0 0)\"/>"), "fill: color(srgb 1 0 0)" },
    { SVG("", "<rect stroke=\"lab(50 80 60)\"/>"), "stroke: lab" },
    { SVG("", "<linearGradient><stop stop-color=\"hwb(0 0% 0%)\"/></linearGradient>"), "stop-color: hwb" },
    { SVG("", "<rect fill=\"hsl(0 0 50)\"/>"), "fill: hsl(0 0 50)" },
    { SVG("", "<rect fill=\"AccentColor\"/>"), "fill: AccentColor" },
    { SVG("", "<rect fill=\"context-fill\"/>"), "fill: context-fill" },
    { SVG("", "<rect style=\"fill:light-dark(red,blue)\"/>"), "fill: light-dark" },
    { SVG("", "<rect style=\"display:revert\"/>"), "display: revert" },
    { SVG("", "<rect style=\"DISPLAY:none\"/>"), "unknown property in its style: DISPLAY" },
    { SVG("", "<rect stroke-width=\"calc(5px)\"/>"), "stroke-width: calc(5px)" },
    { SVG("", "<rect transform=\"scale(0)\" transform-origin=\"9 9\"/>"), "unknown attribute transform-origin" },
    { SVG("", "<rect transform=\"translate (9)\"/>"), "transform: translate (9)" },
    { SVG("", "<rect style=\"transform:scale(0)\"/>"), "unknown property in its style: transform" },
    { SVG("", "<svg transform=\"scale(0)\"/>"), "transform: scale(0)" },
    { SVG("", "<rect width=\"1rem\"/>"), "width: 1rem" },
    { SVG("", "<rect width=\"4Q\"/>"), "width: 4Q" },
    { SVG("", "<rect width=\"1vw\"/>"), "width: 1vw" },
    { SVG("", "<rect width=\"1in\"/>"), "width: 1in" },
    { SVG("", "<rect style=\"stroke:red;stroke-width:1pt\"/>"), "strokes not in pixels" },
    { SVG("", "<rect stroke=\"none\" style=\"stroke-width:1pt\"/>"), NULL },
    { SVG("", "<rect width=\"-1\"/>"), "width: -1" },
    { SVG("", "<text style=\"font-size:8\"/>"), "font-size: 8" },
    { SVG("", "<text style=\"font:8rem serif\"/>"), "font: 8rem serif" },
    { SVG("", "<text x=\"1 2\"/>"), "x: 1 2" },
    { SVG("", "<text textLength=\"2\"/>"), "unknown attribute textLength" },
    { SVG("", "<text style=\"white-space:pre\"> a</text>"), "blanks" },
    { SVG("", "<text><textPath href=\"#r\"/></text>"), "the element textPath" },
    { SVG("", "<filter id=\"f\"><feImage href=\"#r\"/></filter>"), "the element feImage" },
    { SVG("", "<filter id=\"f\"><feDropShadow/></filter>"), "the element feDropShadow" },
    { SVG("", "<filter id=\"f\"><feOffset in=\"BackgroundImage\"/></filter>"), "BackgroundImage" },
    { SVG("", "<filter id=\"f\"><feOffset in=\"a\"/></filter>"), "a filter of what is not there: a" },
    { SVG("", "<filter id=\"f\"/>"), "an empty filter" },
    { SVG("", "<filter id=\"f\"><feColorMatrix values=\"1 2\"/></filter>"), "a matrix of another size" },
    { SVG("", "<rect mask=\"url(#nope)\"/>"), "a reference to what is not there: nope" },
    { SVG("", "<rect mask=\"url(#r)\"/>"), "a reference to what is not there: r" },
    { SVG("", "<g id=\"a\"/><g id=\"a\"/><use href=\"#a\"/>"), "a reference to one of several: a" },
    { SVG("", "<use href=\"#%72\"/>"), "another file: #%72" },
    { SVG("", "<path d=\"M0 0,H9z\"/>"), "d: M0 0,H9z" },
    { SVG("", "<path d=\"M0 0H1.V9z\"/>"), "d: M0 0H1.V9z" },
    { SVG("", "<polygon points=\"1 2 3\"/>"), "points: 1 2 3" },
    { SVG("", "<svg viewBox=\"0 0 9\"/>"), "viewBox: 0 0 9" },
    { SVG("", "<image width=\"9\" height=\"9\" preserveAspectRatio=\"all\"/>"), "preserveAspectRatio: all" },
    { SVG("", "<image width=\"9\"/>"), "an image of no size" },
    { SVG("", "<use href=\"#r\" xlink:href=\"#r\"/>"), "too many references" },
    { SVG("", "<g xml:lang=\"e n\"/>"), "xml:lang: e n" },
    { SVG("", "<g style=\"mix-blend-mode:multiply\"/>"), "mix-blend-mode: multiply" },
    { SVG("", "<rect vector-effect=\"non-scaling-stroke\"/>"), "vector-effect: non-scaling-stroke" },
    { SVG("", "<rect image-rendering=\"pixelated\"/>"), "image-rendering: pixelated" },
    { SVG("", "<rect pathLength=\"9\"/>"), "unknown attribute pathLength" },
    { SVG("", "<g xmlns=\"\"><rect/></g>"), "the element g" },
    { SVG("", "<metadata><a xmlns=\"http://b.example/\" onclick=\"x\"><script/></a></metadata>"), NULL },
    { SVG("", "<a xmlns=\"http://b.example/\"><s:script xmlns:s=\"http://www.w3.org/2000/svg\"/></a>"), "the element s:script" },
    { SVG("", "<a:a xmlns:a=\"http://b.example/\"><a:a xmlns:a=\"http://www.w3.org/2000/svg\"/></a:a>"), "a name space of two meanings: xmlns:a" },
    { SVG("", "<h:style xmlns:h=\"http://www.w3.org/1999/xhtml\"/>"), "the element h:style" },
    { SVG("", "<switch><b:b xmlns:b=\"http://b.example/\"/><g/></switch>"), "the element b:b" },
    { SVG("", "<g systemLanguage=\"de\"/>"), "the condition systemLanguage" },
    { SVG("", "<style media=\"print\">r{fill:red}</style>"), "media: print" },
    { SVG("", "<style title=\"a\">r{fill:red}</style>"), "title: a" },
    { SVG("", "<style type=\"text/x\">r{fill:red}</style>"), "type: text/x" },
    { SVG("", "<style disabled=\"\">r{fill:red}</style>"), "disabled: " },
    { SVG("", "<style>/*</style><style>r{scale:0}/*</style>"), "unknown property in its style: scale" },
    { SVG("", "<style>svg|rect{fill:red}</style>"), "a selector in its style: |rect" },
    { SVG("", "<style>rect:nth-child(1){fill:red}</style>"), "a selector in its style: :nth-child" },
    { SVG("", "<rect style=\"background-color:red\"/>"), "background-color: red" },
    { SVG("", "<path d=\"M1 1h9v-9q1,1 2-2t3.5.5a1 1 0 0110 1zm1e1-2L3,4\" transform=\"matrix(1,0,0,1,0,0) rotate(45 1,-2)\"/>"), NULL },
    { SVG("", "<path d=\"M0 0\" style=\"color:#000000;font-style:normal;font-variant:normal;font-weight:normal;font-stretch:normal;font-size:medium;line-height:normal;font-family:sans-serif;font-variant-ligatures:normal;font-variant-position:normal;font-variant-caps:normal;font-variant-numeric:normal;font-variant-alternates:normal;font-variant-east-asian:normal;font-feature-settings:normal;font-variation-settings:normal;text-indent:0;text-align:start;text-decoration:none;text-decoration-line:none;text-decoration-style:solid;text-decoration-color:#000000;letter-spacing:normal;word-spacing:normal;text-transform:none;writing-mode:lr-tb;direction:ltr;text-orientation:mixed;dominant-baseline:auto;baseline-shift:baseline;text-anchor:start;white-space:normal;shape-padding:0;shape-margin:0;inline-size:0;clip-rule:nonzero;display:inline;overflow:visible;visibility:visible;opacity:1;isolation:auto;mix-blend-mode:normal;color-interpolation:sRGB;color-interpolation-filters:linearRGB;solid-color:#000000;solid-opacity:1;vector-effect:none;fill:#ff0000;fill-opacity:1;fill-rule:nonzero;stroke:none;stroke-width:1;stroke-linecap:butt;stroke-linejoin:miter;stroke-miterlimit:4;stroke-dasharray:none;stroke-dashoffset:0;stroke-opacity:1;color-rendering:auto;image-rendering:auto;shape-rendering:auto;text-rendering:auto;enable-background:accumulate;stop-color:#000000;stop-opacity:1\"/>"), NULL },
    { SVG("", "<rect fill=\"rgb(1, 2,3)\" stroke=\"hsla(9deg,1%,2%,.5)\" style=\"fill:#12345678 !important;stroke:url(#g) none;color:CurrentColor\"/>"), NULL },
    { SVG("", "<rect fill=\"rgba(1%,2%,3%,50%)\" stroke=\"rebeccapurple\" stroke-width=\"2px\" width=\"50%\" stroke-dasharray=\"1, 2 3%\"/>"), NULL },
    { SVG("", "<text x=\"1\" dy=\".35em\" font-size=\"9\" style=\"font:italic bold 12pt/1.5 'A B',serif;letter-spacing:0\">a b</text>"), NULL },
    { SVG("", "<mask id=\"m\" style=\"mask-type:luminance\"><rect/></mask><g mask=\"url(#m)\" style=\"pointer-events:none;cursor:pointer\"/>"), NULL },
    { SVG("", "<filter id=\"f\"><feGaussianBlur stdDeviation=\"1 2\" result=\"a\"/><feMerge><feMergeNode in=\"a\"/><feMergeNode in=\"SourceGraphic\"/></feMerge></filter><g filter=\"url(#f)\"/>"), NULL },
    { SVG("", "<style type=\"text/css\">g[id=\"x\"]{fill:red} rect:first-child>.a,#b{fill:blue}</style>"), NULL },
    { SVG("", "<metadata><b:b xmlns:b=\"http://b.example/\" anything=\"x\"><b:c/></b:b></metadata><g data-a=\"b\" aria-label=\"c\" role=\"img\" xml:space=\"preserve\" xml:lang=\"en-US\"/>"), NULL },
    { SVG("", "<switch><g/></switch><symbol id=\"s\" viewBox=\"0-1,9 9\" preserveAspectRatio=\"xMidYMid slice\"/>"), NULL },
    { SVG("", "<text style=\"white-space:pre\">a b</text>"), NULL },
    { SVG(" style=\"background-color: rgb(255, 255, 255)\"", ""), NULL },
    { "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"6mm\" height=\"4mm\" viewBox=\"0 0 6 4\"><rect width=\"5\" height=\"3\"/></svg>", NULL },
    { "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"6mm\" height=\"4mm\"><rect width=\"5\" height=\"3\"/></svg>", "that of its view box" },
    { "<svg width=\"6\" height=\"4\"/>", "the element svg" },
    { SVG("", "<style>a{cursor:\"/*\"; scale:0; cursor:\"*/\"}</style>"), "cursor: \"/*\"" },
    { SVG("", "<style>a{cursor:url(#a/*); scale:0; cursor:url(#*/)}</style>"), "cursor: url(#a " },
    { SVG("", "<!--><g id=\"m\"/>--><rect/>"), "half a comment" },
    { SVG("", "<image width=\"9\" height=\"9\" href=\"#r\"/>"), "an image of what is inside" },
    { SVG("", "<clipPath id=\"a\"/><clipPath id=\"b\" clip-path=\"url(#a)\"/>"), "clip-path: url(#a)" },
    { SVG("", "<clipPath id=\"a\"/><clipPath id=\"b\"><rect style=\"clip-path:url(#a)\"/></clipPath>"), "clip-path: url(#a)" },
    { SVG("", "<clipPath id=\"a\"/><rect id=\"x\" clip-path=\"url(#a)\"/><clipPath id=\"b\"><use href=\"#x\"/></clipPath>"), "a clip in a clip: x" },
    { SVG("", "<clipPath id=\"b\"><style media=\"print\"/></clipPath>"), "media: print" },
    { SVG("", "<style>.a,.b{clip-path:none}</style><clipPath id=\"c\" class=\"x b\"/>"), "what is used: b" },
    { SVG("", "<style>*{opacity:0}</style><pattern/>"), "effects in its style" },
    { SVG("", "<symbol style=\"opacity:.5\"/>"), "opacity: .5" },
    { SVG("", "<marker display=\"none\"/>"), "display: none" },
    { SVG("", "<svg id=\"x\" width=\"9\"/><use href=\"#x\" width=\"5\"/>"), "a use of another: x" },
    { SVG("", "<symbol width=\"9\"/>"), "width: 9" },
    { SVG("", "<filter><feComponentTransfer><feFuncR class=\"a\"/></feComponentTransfer></filter>"), "class: a" },
    { SVG("", "<style>.a{opacity:.5}</style><g class=\"a\"/><clipPath id=\"c\"><use class=\"b\" href=\"#x\"/></clipPath><rect id=\"x\"/><pattern opacity=\"1\" class=\"c\"/>"), NULL },
    { "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect width=\"5\" height=\"3\"/></svg>", "no size" },
    { "<!DOCTYPE svg SYSTEM \"><svg xmlns='http://www.w3.org/2000/svg'/>\">" SVG("", ""), "declarations of its own" },
    { SVG("", "<clipPath clipPathUnits=\"objectBoundingBox\"/>"), "clipPathUnits: objectB" },
    { SVG("", "<rect fill=\"url(#a) red\"/>"), "fill: url(#a) red" },
    { SVG("", "<filter id=\"f\"><feFlood/></filter>"), "a flood that nothing holds" },
    { SVG("", "<filter id=\"f\"><feFlood result=\"a\"/><feOffset in=\"a\"/></filter>"), "a flood that nothing holds: a" },
    { SVG("", "<filter id=\"f\"><feFlood result=\"a\"/><feComposite in=\"a\" in2=\"SourceAlpha\" operator=\"in\"/><feOffset in=\"a\"/></filter>"), "what is not there: a" },
    { SVG("", "<filter id=\"f\"><feColorMatrix values=\"0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1\"/></filter>"), "something of nothing: 1" },
    { SVG("", "<filter id=\"f\"><feComponentTransfer><feFuncA type=\"table\" tableValues=\"1 1\"/></feComponentTransfer></filter>"), "something of nothing: 1 1" },
    { SVG("", "<filter id=\"f\"><feComposite operator=\"arithmetic\" in2=\"SourceAlpha\" k4=\"1\"/></filter>"), "k4: 1" },
    { SVG("", "<filter id=\"f\"><feFlood flood-opacity=\"0\" result=\"b\"/><feFlood result=\"a\"/><feComposite in=\"a\" in2=\"SourceGraphic\" operator=\"in\"/><feBlend in2=\"b\"/><feColorMatrix values=\"0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 .5 0\"/></filter><g filter=\"url(#f)\"/>"), NULL },
    { SVG("", "<rect x=\"16777216\"/>"), "too far away" },
    { SVG("", "<g transform=\"translate(-16777216)\"/>"), "too far away" },
    { SVG("", "<path d=\"m9 0l9e6 0 8e6 0z\"/>"), "too far away" },
    { SVG("", "<g transform=\"scale(4096)\"><rect x=\"4096\"/></g>"), "too far away" },
    { SVG("", "<g transform=\"matrix(0 4096 4096 0 0 0)\"><rect x=\"4096\"/></g>"), "too far away" },
    { SVG("", "<rect x=\"9e6%\"/>"), "too far away" },
    { SVG("", "<rect style=\"stroke-width:3e7\"/>"), "too far away" },
    { SVG("", "<svg viewBox=\"0 0 1e-5 1\"><rect x=\"9999\"/></svg>"), "too far away" },
    { SVG("", "<rect id=\"x\" x=\"4000\" transform=\"scale(90)\"/><use href=\"#x\" transform=\"scale(90)\"/>"), "too far away" },
    { SVG("", "<g transform=\"scale(90) rotate(9)\"><rect x=\"900\" width=\"90%\"/><path d=\"M900-900a9 9 0 01100 1h90\"/></g>"), NULL },
    { SVG("", "<g id=\"x\"><use href=\"#x\"/></g>"), "round in circles" },
    { SVG("", "<mask id=\"x\"><g mask=\"url(#y)\"/></mask><mask id=\"y\"><g mask=\"url(#x)\"/></mask>"), "round in circles" },
    { SVG("", "<style>rect{stroke-width:9999}</style><g transform=\"scale(900)\"/>"), "too far away" },
    { SVG("", "<symbol id=\"x\" viewBox=\"0 0 24 24\"><path d=\"M1 1h9\"/></symbol><use href=\"#x\" width=\"9\" height=\"9\" transform=\"scale(26)\"/>"), "a use of a symbol that is cut off: x" },
    { SVG("", "<metadata><clipPath id=\"c\"/></metadata><g clip-path=\"url(#c)\"/>"), "the element clipPath in metadata" },
    { SVG("", "<title><mask id=\"c\"/></title>"), "the element mask in title" },
    { SVG("", "<desc><linearGradient/></desc>"), "the element linearGradient in desc" },
    { SVG("", "<view><pattern/></view>"), "the element pattern in view" },
    { SVG("", "<metadata><f:x xmlns:f=\"http://f.example/\"><f:y/><clipPath/></f:x></metadata>"), "the element clipPath in what is not of SVG" },
    { SVG("", "<switch><g/><g><marker/></g></switch>"), "the element marker in switched" },
    { SVG("", "<switch><defs/></switch>"), "the element defs in switch" },
    { SVG("", "<rect><filter/></rect>"), "the element filter in rect" },
    { SVG("", "<text><tspan><clipPath/></tspan></text>"), "the element clipPath in tspan" },
    { SVG("", "<text><rect/></text>"), "the element rect in text" },
    { SVG("", "<text><a><g/></a></text>"), "the element g in text-link" },
    { SVG("", "<image width=\"1\" height=\"1\"><mask/></image>"), "the element mask in image" },
    { SVG("", "<use><mask/></use>"), "the element mask in use" },
    { SVG("", "<a><a/></a>"), "the element a in a" },
    { SVG("", "<linearGradient><stop><clipPath/></stop></linearGradient>"), "the element clipPath in stop" },
    { SVG("", "<radialGradient><mask/></radialGradient>"), "the element mask in radialGradient" },
    { SVG("", "<stop/>"), "the element stop in svg" },
    { SVG("", "<filter><g/></filter>"), "the element g in filter" },
    { SVG("", "<filter><feMergeNode/></filter>"), "the element feMergeNode in filter" },
    { SVG("", "<filter><feMerge><feOffset/></feMerge></filter>"), "the element feOffset in feMerge" },
    { SVG("", "<feOffset/>"), "the element feOffset in svg" },
    { SVG("", "<switch><a><g><rect/><text>a</text></g></a></switch><defs><g><clipPath id=\"c\"><title>a</title><rect><desc>b</desc></rect></clipPath></g></defs><g clip-path=\"url(#c)\"/><text><title>a</title><a href=\"#r\"><tspan>a</tspan></a></text><linearGradient><desc/><stop><title/></stop></linearGradient><a><symbol><mask/></symbol></a><view/>"), NULL },
    { SVG("", "<path d=\"M 0 0L3 0M5 5 9 9\" style=\"stroke-linecap: square\"/><line x2=\"9\"/><polyline points=\"1 2 3 4\"/><path d=\"M1 1H9 M2 2\"/>"), NULL },
    { SVG("", "<g stroke-linecap=\"square\"><path d=\"M0 0h9M5 5h0\"/></g>"), "a square end" },
    { SVG("", "<g stroke-linecap=\"square\"><path d=\"M1 1zM3 3h9\"/></g>"), "a square end" },
    { SVG("", "<g stroke-linecap=\"square\"><path d=\"M1 1H9zh0\"/></g>"), "a square end" },
    { SVG("", "<g stroke-linecap=\"square\"><path d=\"M1 1C1 1 1 1 1 1\"/></g>"), "a square end" },
    { SVG("", "<g stroke-linecap=\"square\"><path d=\"M1 1a9 9 0 100 0\"/></g>"), "an arc that is a dot" },
    { SVG("", "<style>*{stroke-linecap:square}</style><polyline points=\"5 5\"/>"), "a square end" },
    { SVG("", "<style>*{stroke-linecap:square}</style><polygon points=\"5 5 5,5\"/>"), "a square end" },
    { SVG("", "<style>*{stroke-linecap:square}</style><line x1=\"5\" x2=\"5px\" y1=\"0\"/>"), "a square end" },
    { SVG("", "<style>*{stroke-linecap:square}</style><path d=\"M0 0h9\" transform=\"scale(1e-5)\"/>"), "a square end" },
    { SVG("", "<style>*{stroke-linecap:square}</style><path d=\"M0 0h1\" transform=\"matrix(1 1 1 1.0001 0 0)\"/>"), "a square end" },
    { SVG("", "<style>*{stroke-linecap:square}</style><path d=\"M0 0h1\" transform=\"matrix(.5 0 0 .5 0 0) rotate(9) scale(2,-.5)\"/>"), NULL },
    { SVG("", "<style>*{stroke-linecap:round}</style><path d=\"M0 0h0\"/>"), NULL },
    { SVG("", "<marker viewBox=\"0 0 10 10\" markerWidth=\"9\" markerHeight=\"5\"/>"), "a marker whose size" },
    { SVG("", "<marker viewBox=\"0 0 10 10\" markerHeight=\"6\"/>"), "a marker whose size" },
    { SVG("", "<marker viewBox=\"0 0 10 10\" markerWidth=\"6%\" markerHeight=\"6%\"/>"), "a marker whose size" },
    { SVG("", "<marker viewBox=\"0 0 10 10\"/><marker viewBox=\"0 0 10 5\" markerWidth=\"6px\" markerHeight=\"3\"/><marker markerWidth=\"9\"/>"), NULL },
    { SVG("", "<path d=\"M9 9a3 3 0 1 1 0 0\"/>"), "an arc that is a dot" },
    { SVG("", "<path d=\"M9 9a3 .001 0 1 1 9 0\"/>"), "an arc that is a dot, or flat" },
    { SVG("", "<path d=\"M9 9h5a0 0 0 1 1 0 0\"/>"), NULL },
    { SVG("", "<marker id=\"k\"/><path d=\"M0 0h9\" marker-mid=\"url(#k)\"/>"), "marker-mid: url(#k)" },
    { SVG("", "<marker id=\"k\"/><path d=\"M0 0h9\" style=\"marker:url(#k)\"/>"), "marker: url(#k)" },
    { SVG("", "<marker id=\"k\"/><path d=\"M0 0h0\" marker-start=\"url(#k)\"/>"), "markers of a line" },
    { SVG("", "<marker id=\"k\"/><path d=\"M0 0\" marker-start=\"url(#k)\"/>"), "markers of a line" },
    { SVG("", "<marker id=\"k\"/><path d=\"M0 0h9v9z\" marker-start=\"url(#k)\"/>"), "markers of a line" },
    { SVG("", "<marker id=\"k\"/><path d=\"M0 0h9v0\" marker-end=\"url(#k)\"/>"), "markers of a line" },
    { SVG("", "<marker id=\"k\"/><polyline points=\"1 1\" style=\"marker-end:url(#k)\"/>"), "markers of a line" },
    { SVG("", "<marker id=\"k\"/><polygon points=\"1 1 2 2 3 1\" style=\"marker-end:url(#k)\"/>"), "markers of a line" },
    { SVG("", "<marker id=\"k\"/><line marker-end=\"url(#k)\"/>"), "markers of a line" },
    { SVG("", "<marker id=\"k\"/><g marker-end=\"url(#k)\"/><path d=\"M1 1h1v1z\"/>"), "markers not of a line only" },
    { SVG("", "<style>.a{marker-end:url(#k)}</style><marker id=\"k\"/><path d=\"M1 1h1v1z\"/>"), "markers not of a line only" },
    { SVG("", "<marker id=\"k\"><path d=\"M1 1h1v1z\"/></marker><path d=\"M0 0h9q1 1 2 2M5 5h9\" marker-end=\"url(#k)\" marker-mid=\"none\"/><path d=\"\" marker-end=\"url(#k)\"/><polyline marker-end=\"url(#k)\" points=\"1 2 3 4\"/><line x2=\"9\" marker-start=\"url(#k)\"/>"), NULL },
    { SVG("", "<style>defs rect{fill:red}</style><use href=\"#r\"/>"), "a selector of where" },
    { SVG("", "<style>.a,#d rect{fill:red}</style><use href=\"#r\"/>"), "a selector of where" },
    { SVG("", "<style>.k>rect{fill:red}</style><use href=\"#r\"/>"), "a selector of where" },
    { SVG("", "<style>rect:first-child{fill:red}</style><use href=\"#r\"/>"), "a selector of where" },
    { SVG("", "<use href=\"#r\"/><style> rect , #r,\n.k.a, * {fill:red} rect:last-child{}</style>"), "a selector of where" },
    { SVG("", "<use href=\"#r\"/><style> rect , #r,\n.k.a, * {fill:red}</style>"), NULL },
    { SVG("", "<style>defs rect{fill:red}</style>"), NULL },
    { SVG("", "<linearGradient id=\"g\" display=\"none\"/>"), "display: none" },
    { SVG("", "<radialGradient style=\"display:none\"/>"), "display: none" },
    { SVG("", "<filter display=\"block\"><feOffset/></filter>"), "display: block" },
    { SVG("", "<style>.a{display:none}</style><linearGradient class=\"a\"/>"), "what is used: a" },
    { SVG("", "<style>#g{display:none}</style><linearGradient id=\"g\"/>"), "may be hidden" },
    { SVG("", "<style>.a{display:none} #x{display:inline}</style><g class=\"a\"/><linearGradient id=\"g\" display=\"inline\"><stop/></linearGradient>"), NULL },
    { SVG("", "<symbol id=\"s\"/><use href=\"#s\" width=\"1\" height=\"1\"/>"), "a use of a symbol that is cut off: s" },
    { SVG("", "<use href=\"#s\"/><symbol id=\"s\"/>"), "a use of a symbol that is cut off: s" },
    { SVG("", "<symbol id=\"s\" overflow=\"visible\" style=\"overflow:hidden\"/><use href=\"#s\"/>"), "a use of a symbol that is cut off: s" },
    { SVG("", "<style>symbol{overflow:hidden}</style><symbol id=\"s\" overflow=\"visible\"/><use href=\"#s\"/>"), "a use of a symbol that is cut off: s" },
    { SVG("", "<use href=\"#r\" width=\"0\"/>"), "a use of no size: width" },
    { SVG("", "<symbol id=\"s\" overflow=\"visible\"/><use href=\"#s\"/><use href=\"#r\" width=\"9\" style=\"overflow:visible\"/>"), NULL },
    { SVG("", "<filter><feOffset result=\"\"/></filter>"), "not all can name: " },
    { SVG("", "<filter><feOffset result=\"1\"/></filter>"), "not all can name: 1" },
    { SVG("", "<filter><feOffset result=\"Inherit\"/></filter>"), "not all can name: Inherit" },
    { SVG("", "<filter><feOffset result=\"SourceGraphic\"/></filter>"), "not all can name: SourceGraphic" },
    { SVG("", "<filter><feOffset result=\" a\"/></filter>"), "not all can name:  a" },
    { SVG("", "<filter><feOffset result=\"a b\"/></filter>"), "not all can name: a b" },
    { SVG("", "<filter><feOffset result=\"a_1-b\"/><feOffset in=\"a_1-b\"/></filter>"), NULL },
    { SVG("", "<linearGradient id=\"g\" x2=\"0\"/>"), "a gradient of no length: g" },
    { SVG("", "<linearGradient id=\"g\" x1=\"1\" x2=\"1\" y1=\"3%\" y2=\"3%\"/>"), "a gradient of no length: g" },
    { SVG("", "<linearGradient id=\"g\" x1=\"60\" gradientUnits=\"userSpaceOnUse\"/>"), "a gradient of no length: g" },
    { SVG("", "<linearGradient id=\"g\" x2=\"1e-5\"/>"), "a gradient of no length: g" },
    { SVG("", "<linearGradient id=\"a\" x1=\"9\" y2=\"1\"/><linearGradient id=\"g\" x2=\"9\" y2=\"0\" xlink:href=\"#b\"/><radialGradient id=\"b\" href=\"#a\"/>"), "a gradient of no length: g" },
    { SVG("", "<radialGradient id=\"g\" r=\"0\"/>"), "a gradient of no length: g" },
    { SVG("", "<radialGradient id=\"g\" fr=\".3\" r=\".3\"/>"), "a gradient of no length: g" },
    { SVG("", "<radialGradient id=\"a\" r=\"0%\"><stop/></radialGradient>"), "a gradient of no length: a" },
    { SVG("", "<linearGradient id=\"a\"/><linearGradient id=\"g\" x2=\"0\" y2=\"1\" href=\"#a\"/><radialGradient id=\"b\" href=\"#a\" fr=\"0\"/><radialGradient id=\"c\" r=\"9\" href=\"#b\"/>"), NULL },
    { SVG(" viewBox=\"0 0 6 4\" style=\"max-width: 100%; height: auto; font: 10px sans-serif\"", ""), NULL },
    { SVG(" viewBox=\"0 0 4 4\" style=\"line-height: 1\"", ""), NULL },
    { SVG(" style=\"max-width: 100%\"", ""), "a size in its style" },
    { SVG(" viewBox=\"0 0 4 4\" style=\"height: auto\"", ""), "a size in its style" },
    { SVG(" viewBox=\"0 0 6 4\" preserveAspectRatio=\"none\" style=\"height: auto\"", ""), "a size in its style" },
    { SVG(" viewBox=\"0 0 6 4\" style=\"max-width: 50%\"", ""), "max-width: 50%" },
    { SVG(" viewBox=\"0 0 6 4\" style=\"height: 9px\"", ""), "height: 9px" },
    { SVG("", "<g style=\"height:auto\"/>"), "unknown property in its style: height" },
    { "<!DOCTYPE svg [<!ENTITY e \"<set/>\">]>" SVG("", "&e;"), "declarations of its own" },
  };
  if (!is_read("svg"))
    skip();
  g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
  for (const char **word = (const char *[]) { "classify", "--json", "--model", model, NULL }; *word != NULL; word++)
    g_ptr_array_add(args, g_strdup(*word));
  for (guint i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
    g_autofree char *name = g_strdup_printf("%u.svg%s", i / 2, i % 2 ? "z" : ""), *packed = NULL;
    gsize n = strlen(cases[i / 2].text);
    if (i % 2)
      packed = pack(cases[i / 2].text, &n);
    write_file(folder, name, packed ? packed : cases[i / 2].text, (gssize) n);
    g_ptr_array_add(args, g_build_filename(folder, name, NULL));
  }
  g_ptr_array_add(args, NULL);
  Run run = { 0 };
  run_hysac_v(&run, (char **) args->pdata);
  assert_int_equal(run.n_lines, 2 * G_N_ELEMENTS(cases));
  for (guint i = 0; i < run.n_lines; i++) {
    const char *why = cases[i / 2].why;
    g_autofree char *verdict = json_text(run.lines[i], "verdict"), *error = why ? json_text(run.lines[i], "error") : NULL;
    if (g_str_equal(verdict, "failed") != (why != NULL) || (why != NULL && strstr(error, why) == NULL))
      fail_msg("%s: \"%s\" is not in %s", cases[i / 2].text, why ? why : "a verdict", run.lines[i]);
  }
  run_clear(&run);
}

/* A picture inside is one. */
static void
svg_holds_pictures(void **state)
{
  static const char *const names[] = { "rgb.png", "cmyk.jpg", "animated.png", "animated.gif" };
  if (!is_read("svg"))
    skip();
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *below = g_build_filename("pictures", names[i], NULL), *path = data_path(below), *bytes = NULL;
    gsize n;
    assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    g_autofree char *coded = g_base64_encode((const guint8 *) bytes, n);
    g_autofree char *text = g_strdup_printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"40\"><image width=\"60\" height=\"40\" "
                                            "href=\"data:image/%s;base64,%s\"/></svg>", i == 1 ? "jpeg" : "png", coded);
    write_file(folder, "inside.svg", text, -1);
    g_autofree char *svg = g_build_filename(folder, "inside.svg", NULL), *line = NULL;
    if (i < 2)
      line = judge(model, svg, 0);
    else
      expect_no_verdict(svg, "no still PNG or JPEG");
  }
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_picture_of_an_icon_counts), cmocka_unit_test(animated_cursors_are_refused), cmocka_unit_test(pnm_is_one_picture),
    cmocka_unit_test(icns_is_one_picture), cmocka_unit_test(svg_is_what_is_drawn_once), cmocka_unit_test(svg_holds_pictures),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  const int failed = cmocka_run_group_tests_name("hysac picture kinds", tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
