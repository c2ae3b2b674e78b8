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
    { SVG("", "<rect style=\"opacity:calc(1 - 1)\"/>"), "a function" },
    { SVG("", "<rect style=\"scale:0\"/>"), "unknown property" },
    { SVG("", "<rect clip-path=\"circle(0px)\"/>"), "a function" },
    { SVG("", "<style>g:has(image){display:none}</style>"), "a selector" },
    { SVG("", "<style>g{&amp;.x{display:none}}</style>"), "inside each other" },
    { SVG("", "<image href=\"data:image/svg+xml;base64,AAAA\"/>"), "no still PNG or JPEG" },
    { SVG("", "<image href=\"data:image/png;base64,R0lGODlhAQABAAAAADs=\"/>"), "no still PNG or JPEG" },
    { SVG("", "<style>@import 'x.css';</style>"), "@ in its style" },
    { SVG("", "<style>@keyframes k{}</style>"), "@ in its style" },
    { SVG("", "<style>\\40 import 'x.css';</style>"), "\\ in its style" },
    { SVG("", "<rect style=\"Animation:k 1s\"/>"), "animation in its style" },
    { SVG(" style=\"background:url(#a)\"", ""), "a background" },
    { SVG(" xml:base=\"http://example.org/\"", ""), "xml:base" },
    { "<?xml-stylesheet href=\"x.css\"?>" SVG("", ""), "style sheet" },
    { "<!DOCTYPE svg [<!ENTITY e \"<set/>\">]>" SVG("", "&e;"), "declarations of its own" },
  };
  if (!is_read("svg"))
    skip();
  for (guint i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
    g_autofree char *name = g_strdup_printf("%u.svg%s", i / 2, i % 2 ? "z" : ""), *path = g_build_filename(folder, name, NULL);
    g_autofree char *packed = NULL, *line = NULL;
    gsize n = strlen(cases[i / 2].text);
    if (i % 2)
      packed = pack(cases[i / 2].text, &n);
    write_file(folder, name, packed ? packed : cases[i / 2].text, (gssize) n);
    if (cases[i / 2].why != NULL)
      expect_no_verdict(path, cases[i / 2].why);
    else
      line = judge(model, path, 0);
  }
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
