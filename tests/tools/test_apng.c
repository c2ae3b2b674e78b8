/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pictures that an animated PNG shows, pixel by pixel as Pillow has them: blended, disposed of in each way, with a
 * still picture beside them. */

#include "runner.h"

#include "tools/apng.h"

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

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shows_what_pillow_shows),
    cmocka_unit_test(what_is_no_animation_is_refused),
  };
  return cmocka_run_group_tests_name("apng", tests, NULL, NULL);
}
