/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Still pictures as the commands read them: of damaged pixels, and many huge ones. */

#include "runner.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>

static char *model, *folder;

/* A still one: a bit of its pixels; then a chunk's sum made right again, and what the pixels come to is not. */
static void
damaged_pixels_are_not_judged(void **state)
{
  g_autofree char *whole = data_path("pictures/rgb.png"), *bytes = NULL, *path = g_build_filename(folder, "damaged.png", NULL);
  gsize n;
  assert_true(g_file_get_contents(whole, &bytes, &n, NULL));
  guint8 *chunk = memmem(bytes, n, "IDAT", 4), *next;
  while ((next = memmem(chunk + 4, n - (gsize) ((char *) chunk + 4 - bytes), "IDAT", 4)) != NULL)
    chunk = next;
  const gsize length = (gsize) chunk[-4] << 24 | (gsize) chunk[-3] << 16 | (gsize) chunk[-2] << 8 | chunk[-1];
  for (guint i = 0; i < 3; i++) {
    guint8 *wrong = chunk + 4 + (i == 2 ? length - 1 : length / 2);
    guint8 sum[4];
    memcpy(sum, chunk + 4 + length, 4);
    *wrong ^= 0x10;
    if (i > 0) {
      const guint32 right = GUINT32_TO_BE(png_sum(chunk, 4 + length));
      memcpy(chunk + 4 + length, &right, 4);
    }
    write_file(folder, "damaged.png", bytes, (gssize) n);
    g_autofree char *line = judge(model, path, 1), *verdict = json_text(line, "verdict"), *error = json_text(line, "error");
    assert_string_equal(verdict, "failed");
    assert_non_null(strstr(error, "IDAT"));
    *wrong ^= 0x10;
    memcpy(chunk + 4 + length, sum, 4);
  }
  write_file(folder, "damaged.png", bytes, (gssize) n);
  g_autofree char *line = judge(model, path, 0), *of_whole = judge(model, whole, 0);
  assert_true(json_number(line, "distance") == json_number(of_whole, "distance"));
}

/* The most memory, MiB, of any run so far. */
static glong
peak_of_runs(void)
{
  struct rusage usage;
  assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
  return usage.ru_maxrss / 1024;
}

/* 72 MiB each, decoded: of sixteen a few wait at a time. */
static void
huge_pictures_do_not_pile_up(void **state)
{
  Run run = { 0 };
  g_autofree char *huge = g_build_filename(folder, "huge.png", NULL);
  GdkPixbuf *pixbuf = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, 6144, 4096);
  assert_non_null(pixbuf);
  gdk_pixbuf_fill(pixbuf, 0x406080ff);
  assert_true(gdk_pixbuf_save(pixbuf, huge, "png", NULL, "compression", "1", NULL));
  g_object_unref(pixbuf);
  g_autofree char *alone = judge(model, huge, 0);
  const glong before = peak_of_runs();
  const char *args[4 + 16 + 1] = { "classify", "--model", model, "--json" };
  for (guint i = 0; i < 16; i++)
    args[4 + i] = huge;
  run_hysac_v(&run, (char **) args);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 16);
  for (guint i = 0; i < run.n_lines; i++)
    assert_string_equal(run.lines[i], alone);
  const glong more = peak_of_runs() - before;
  if (more >= 600)
    fail_msg("%ld MiB more than one of them takes", more);
  run_clear(&run);
  assert_int_equal(g_remove(huge), 0);
}

static double
distance_of(const char *name, GdkPixbuf *pixbuf)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  assert_true(gdk_pixbuf_save(pixbuf, path, "png", NULL, NULL));
  g_autofree char *line = judge(model, path, 0);
  return json_number(line, "distance");
}

/* A picture that alpha alone draws is what people see of it over black. embed takes its colours, as the reference. */
static void
what_alpha_draws_is_judged(void **state)
{
  Run run = { 0 };
  enum { SIDE = 64 };
  g_autoptr(GdkPixbuf) grey = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, SIDE, SIDE);
  g_autoptr(GdkPixbuf) white = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, SIDE, SIDE);
  g_autoptr(GdkPixbuf) alpha = gdk_pixbuf_new(GDK_COLORSPACE_RGB, TRUE, 8, SIDE, SIDE);
  gdk_pixbuf_fill(white, 0xffffffff);
  gdk_pixbuf_fill(alpha, 0xffffff00);
  for (guint y = 0; y < SIDE; y++)
    for (guint x = 0; x < SIDE; x++) {
      const guint8 shade = (guint8) ((x / 8 + y / 8) % 2 ? 250 - y : x * 2);
      memset(gdk_pixbuf_get_pixels(grey) + y * (guint) gdk_pixbuf_get_rowstride(grey) + x * 3, shade, 3);
      gdk_pixbuf_get_pixels(alpha)[y * (guint) gdk_pixbuf_get_rowstride(alpha) + x * 4 + 3] = shade;
    }
  const double over_black = distance_of("grey.png", grey), over_white = distance_of("white.png", white);
  assert_true(over_black > over_white); /* else it shows nothing */
  assert_true(distance_of("alpha.png", alpha) == over_black);
  g_autofree char *a = g_build_filename(folder, "alpha.png", NULL), *b = g_build_filename(folder, "white.png", NULL);
  run_hysac(&run, "embed", "--model", model, a, b, NULL);
  assert_int_equal(run.code, 0);
  assert_true(json_number(run.lines[0], "distance") == json_number(run.lines[1], "distance"));
  run_clear(&run);
}

static int
set_up(void **state)
{
  model = data_path("reference/small/model");
  folder = make_folder();
  return 0;
}

static int
tear_down(void **state)
{
  remove_folder(folder);
  g_free(model);
  return 0;
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(damaged_pixels_are_not_judged),
    cmocka_unit_test(what_alpha_draws_is_judged),
    cmocka_unit_test(huge_pictures_do_not_pile_up),
  };
  return cmocka_run_group_tests_name("pictures", tests, set_up, tear_down);
}
