/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pictures that an animated PNG shows, pixel by pixel as Pillow has them: blended, disposed of in each way, with a
 * still picture beside them. And what shows none: pixels that are damaged. */

#include "runner.h"

#include "tools/apng.h"

#include <gio/gio.h>
#include <string.h>

static ToolApng *
open_picture(const char *name)
{
  g_autofree char *path = data_path("pictures");
  g_autoptr(GError) error = NULL;
  gsize size;
  char *bytes = read_file(path, name, &size);
  ToolApng *apng = tool_apng_new(bytes, size, &error);
  if (apng == NULL)
    fail_msg("%s", error->message);
  return apng;
}

/* Whose transparency does not count. */
static void
expect_pixels(GdkPixbuf *got, const char *name)
{
  g_autofree char *path = data_path(name);
  g_autoptr(GdkPixbuf) want = gdk_pixbuf_new_from_file(path, NULL);
  assert_non_null(want);
  assert_int_equal(gdk_pixbuf_get_width(got), gdk_pixbuf_get_width(want));
  assert_int_equal(gdk_pixbuf_get_height(got), gdk_pixbuf_get_height(want));
  for (int y = 0; y < gdk_pixbuf_get_height(want); y++) {
    const guint8 *a = gdk_pixbuf_read_pixels(got) + y * gdk_pixbuf_get_rowstride(got);
    const guint8 *b = gdk_pixbuf_read_pixels(want) + y * gdk_pixbuf_get_rowstride(want);
    for (int x = 0; x < gdk_pixbuf_get_width(want); x++) {
      if (memcmp(a, b, 3) != 0)
        fail_msg("%s at %d, %d: %u %u %u, not %u %u %u", name, x, y, a[0], a[1], a[2], b[0], b[1], b[2]);
      a += gdk_pixbuf_get_n_channels(got);
      b += gdk_pixbuf_get_n_channels(want);
    }
  }
}

static void
expect_frames(const char *name, const char *const *frames, guint n, gboolean skip)
{
  g_autoptr(GError) error = NULL;
  ToolApng *apng = open_picture(name);
  assert_int_equal(tool_apng_count(apng), n + skip);
  if (skip)
    tool_apng_skip_still(apng);
  for (guint i = 0; i < n; i++) {
    g_autoptr(GdkPixbuf) shown = tool_apng_next(apng, &error);
    if (shown == NULL)
      fail_msg("%s", error->message);
    g_autofree char *frame = g_strdup_printf("pictures/%s", frames[i]);
    expect_pixels(shown, frame);
  }
  tool_apng_free(apng);
}

static void
shows_what_pillow_shows(void **state)
{
  static const char *const plain[] = { "rgb.png", "scene-1.png", "scene-2.png" };
  static const char *const blended[] = { "blended-0.png", "blended-1.png", "blended-2.png",
                                         "blended-3.png", "blended-4.png", "blended-5.png" };
  expect_frames("animated.png", plain, G_N_ELEMENTS(plain), FALSE);
  expect_frames("blended.png", blended, G_N_ELEMENTS(blended), FALSE);
  expect_frames("blended.png", blended + 1, G_N_ELEMENTS(blended) - 1, TRUE);
}

static void
what_is_no_animation_is_refused(void **state)
{
  g_autofree char *path = data_path("pictures");
  g_autoptr(GError) error = NULL;
  gsize size;
  g_autofree char *still = read_file(path, "rgb.png", &size);
  assert_null(tool_apng_new(still, size, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT));
}

static void
add_number(GByteArray *to, guint32 value)
{
  const guint32 there = GUINT32_TO_BE(value);
  g_byte_array_append(to, (const guint8 *) &there, 4);
}

static void
add_chunk(GByteArray *to, const char *type, const void *data, gsize n)
{
  add_number(to, (guint32) n);
  g_byte_array_append(to, (const guint8 *) type, 4);
  g_byte_array_append(to, data, (guint) n);
  add_number(to, png_sum(to->data + to->len - n - 4, n + 4));
}

#define SIDE 40

/* What has to be known of the pixels of SIDE x SIDE, grey, 8 bits. */
static GByteArray *
make_pixels(gboolean interlaced, guint n_passes)
{
  static const guint8 passes[7][4] = { { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 },
                                       { 0, 2, 2, 4 }, { 1, 0, 2, 2 }, { 0, 1, 1, 2 } };
  GByteArray *raw = g_byte_array_new();
  for (guint i = 0; i < n_passes; i++) {
    for (guint y = interlaced ? passes[i][1] : 0; y < SIDE; y += interlaced ? passes[i][3] : 1) {
      g_byte_array_append(raw, (const guint8 *) "", 1);
      for (guint x = interlaced ? passes[i][0] : 0; x < SIDE; x += interlaced ? passes[i][2] : 1) {
        const guint8 value = (guint8) (x * 37 + y * 101 + x * y);
        g_byte_array_append(raw, &value, 1);
      }
    }
  }
  return raw;
}

/* An animation of one frame of those; its compressed bytes, of which the last @n_apart have a chunk of their own, come with
 * byte @wrong from the end changed, and all checksums of chunks right. */
static GByteArray *
make_animation(gboolean interlaced, guint n_passes, guint n_apart, guint wrong)
{
  const guint8 header[13] = { 0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 0, 0, 0, interlaced };
  const guint8 count[8] = { 0, 0, 0, 1 }, control[26] = { [7] = SIDE, [11] = SIDE };
  g_autoptr(GByteArray) raw = make_pixels(interlaced, n_passes);
  g_autoptr(GConverter) deflate = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 6));
  guint8 packed[SIDE * SIDE * 2];
  gsize read, size;
  assert_int_equal(g_converter_convert(deflate, raw->data, raw->len, packed, sizeof packed, G_CONVERTER_INPUT_AT_END,
                                       &read, &size, NULL), G_CONVERTER_FINISHED);
  if (wrong > 0)
    packed[size - wrong] ^= 0x55;
  GByteArray *file = g_byte_array_new();
  g_byte_array_append(file, (const guint8 *) "\x89PNG\r\n\x1a\n", 8);
  add_chunk(file, "IHDR", header, sizeof header);
  add_chunk(file, "acTL", count, sizeof count);
  add_chunk(file, "fcTL", control, sizeof control);
  add_chunk(file, "IDAT", packed, size - n_apart);
  if (n_apart > 0)
    add_chunk(file, "IDAT", packed + size - n_apart, n_apart);
  add_chunk(file, "IEND", NULL, 0);
  return file;
}

/* libpng warns of them at most, and interlaced rows have come before. */
static void
pixels_that_are_damaged_are_refused(void **state)
{
  static const struct {
    guint n_passes, n_apart, wrong;
    gboolean interlaced, whole;
  } cases[] = {
    { 7, 0, 0, TRUE, TRUE },  { 7, 4, 0, TRUE, TRUE },   { 7, 1000, 0, TRUE, TRUE }, { 1, 0, 0, FALSE, TRUE },
    { 6, 0, 0, TRUE, FALSE }, { 7, 0, 1, TRUE, FALSE },  { 7, 4, 1, TRUE, FALSE },   { 7, 0, 300, TRUE, FALSE },
    { 0, 0, 0, TRUE, FALSE }, { 1, 4, 1, FALSE, FALSE }, { 1, 4, 300, FALSE, FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    GByteArray *file = make_animation(cases[i].interlaced, cases[i].n_passes, cases[i].n_apart, cases[i].wrong);
    const gsize size = file->len;
    g_autoptr(GError) error = NULL;
    ToolApng *apng = tool_apng_new((char *) g_byte_array_free(file, FALSE), size, &error);
    if (apng == NULL)
      fail_msg("case %u: %s", i, error->message);
    g_autoptr(GdkPixbuf) shown = tool_apng_next(apng, &error);
    if ((shown != NULL) != cases[i].whole)
      fail_msg("case %u: %s", i, error ? error->message : "taken for whole");
    if (shown == NULL)
      assert_non_null(strstr(error->message, "frame 1 could not be decoded: "));
    tool_apng_free(apng);
  }
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shows_what_pillow_shows),
    cmocka_unit_test(what_is_no_animation_is_refused),
    cmocka_unit_test(pixels_that_are_damaged_are_refused),
  };
  return cmocka_run_group_tests_name("apng", tests, NULL, NULL);
}
