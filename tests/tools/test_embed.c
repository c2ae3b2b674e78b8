/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac embed against the reference's numbers, on bad pictures, and on bad surroundings. */

#include "runner.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define DIM 48

static const char *const images[] = { "0-320x240.png", "1-141x263.png", "2-640x360.png",
                                      "3-48x40.png",   "4-512x512.png", "5-1000x130.png" };
#define N_IMAGES G_N_ELEMENTS(images)

static char *model;

static char *
image(guint i)
{
  g_autofree char *name = g_build_filename("reference/small/images", images[i], NULL);
  return data_path(name);
}

static double
relative(const float *got, const float *want, guint n)
{
  double error = 0, power = 0;
  for (guint i = 0; i < n; i++) {
    error += pow((double) got[i] - (double) want[i], 2);
    power += pow((double) want[i], 2);
  }
  return isnan(error) ? HUGE_VAL : sqrt(error / power);
}

static float *
expected(const char *name, guint n)
{
  g_autofree char *path = data_path("reference/small/expected/expected.safetensors");
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(path, &error);
  if (file == NULL)
    fail_msg("%s", error->message);
  const HysacTensor *tensor = hysac_safetensors_lookup(file, name);
  assert_non_null(tensor);
  assert_int_equal(tensor->n_elements, n);
  float *data = g_new(float, n);
  assert_true(hysac_tensor_read_f32(tensor, name, data, &error));
  return data;
}

static void
matches_the_reference(void **state)
{
  Run run = { 0 };
  char *args[N_IMAGES + 4] = { (char *) "embed", (char *) "--model", model };
  for (guint i = 0; i < N_IMAGES; i++)
    args[3 + i] = image(i);
  run_hysac_v(&run, args);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_string_equal(run.err, "");
  assert_int_equal(run.n_lines, N_IMAGES);
  g_autofree float *features = expected("image_features", N_IMAGES * DIM);
  g_autofree float *points = expected("image_points", N_IMAGES * DIM);
  g_autofree float *distances = expected("image_root_distance", N_IMAGES);
  for (guint i = 0; i < N_IMAGES; i++) {
    const char *line = run.lines[i];
    g_autofree char *input = json_text(line, "input");
    g_autofree float *feature = json_floats(line, "features", DIM);
    g_autofree float *point = json_floats(line, "point", DIM);
    assert_string_equal(input, args[3 + i]);
    assert_true(relative(feature, features + i * DIM, DIM) <= 1e-5);
    assert_true(relative(point, points + i * DIM, DIM) <= 1e-5);
    assert_true(fabs(json_number(line, "distance") / (double) distances[i] - 1) <= 1e-5);
    g_free(args[3 + i]);
  }
  run_clear(&run);
}

/* More pictures than are in flight at once: in order, and each the same as alone. */
static void
order_and_batches_change_nothing(void **state)
{
  Run run = { 0 }, alone = { 0 };
  char *args[64] = { (char *) "embed", (char *) "--model", model };
  for (guint i = 0; i < 40; i++)
    args[3 + i] = image(i * 5 % N_IMAGES);
  run_hysac_v(&run, args);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 40);
  for (guint i = 0; i < N_IMAGES; i++) {
    run_hysac(&alone, "embed", "--model", model, args[3 + i], NULL);
    assert_int_equal(alone.n_lines, 1);
    for (guint j = i; j < 40; j += N_IMAGES)
      assert_string_equal(run.lines[j], alone.lines[0]);
  }
  for (guint i = 0; i < 40; i++)
    g_free(args[3 + i]);
  run_clear(&run);
  run_clear(&alone);
}

static void
bad_pictures_do_not_stop_the_rest(void **state)
{
  Run run = { 0 };
  char *folder = make_folder();
  g_autofree char *first = image(0), *last = image(3);
  gsize n;
  g_autofree char *whole = NULL;
  assert_true(g_file_get_contents(last, &whole, &n, NULL));
  write_file(folder, "empty.png", "", 0);
  write_file(folder, "text.png", "no picture\n", -1);
  write_file(folder, "cut.png", whole, (gssize) n / 2);
  /* A header that promises 65535 x 65535 pixels. */
  write_file(folder, "huge.pgm", "P5\n65535 65535\n255\n", -1);
  g_autofree char *empty = g_build_filename(folder, "empty.png", NULL);
  g_autofree char *text = g_build_filename(folder, "text.png", NULL);
  g_autofree char *cut = g_build_filename(folder, "cut.png", NULL);
  g_autofree char *huge = g_build_filename(folder, "huge.pgm", NULL);
  g_autofree char *missing = g_build_filename(folder, "missing.png", NULL);
  run_hysac(&run, "embed", "--model", model, first, empty, text, cut, huge, missing, folder, last,
            NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 2);
  assert_int_equal(run.n_errors, 6);
  g_autofree char *input = json_text(run.lines[1], "input");
  assert_string_equal(input, last);
  const char *named[] = { empty, text, cut, huge, missing, folder };
  for (guint i = 0; i < G_N_ELEMENTS(named); i++)
    assert_non_null(strstr(run.err, named[i]));
  remove_folder(folder);
  run_clear(&run);
}

/* Alpha is dropped, not blended; grey is RGB of equal channels. */
static void
pictures_become_rgb_as_in_pillow(void **state)
{
  enum { W = 37, H = 29 };
  Run run = { 0 };
  char *folder = make_folder();
  guint32 seed = g_random_int();
  const char *given = g_getenv("HYSAC_TEST_SEED");
  if (given != NULL)
    seed = (guint32) g_ascii_strtoull(given, NULL, 10);
  print_message("# seed %u\n", seed);
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  g_autoptr(GdkPixbuf) rgb = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, W, H);
  g_autoptr(GdkPixbuf) rgba = gdk_pixbuf_new(GDK_COLORSPACE_RGB, TRUE, 8, W, H);
  GString *grey = g_string_new("P5\n37 29\n255\n"), *colour = g_string_new("P6\n37 29\n255\n");
  for (guint y = 0; y < H; y++) {
    guint8 *a = gdk_pixbuf_get_pixels(rgb) + y * (guint) gdk_pixbuf_get_rowstride(rgb);
    guint8 *b = gdk_pixbuf_get_pixels(rgba) + y * (guint) gdk_pixbuf_get_rowstride(rgba);
    for (guint x = 0; x < W; x++, a += 3, b += 4) {
      for (guint c = 0; c < 3; c++)
        a[c] = b[c] = (guint8) g_rand_int_range(rand, 0, 256);
      b[3] = (guint8) g_rand_int_range(rand, 0, 256);
      g_string_append_c(grey, (char) a[0]);
      for (guint c = 0; c < 3; c++)
        g_string_append_c(colour, (char) a[0]);
    }
  }
  g_autofree char *paths[4] = { 0 };
  const char *names[] = { "rgb.png", "rgba.png", "grey.pgm", "colour.ppm" };
  for (guint i = 0; i < 4; i++)
    paths[i] = g_build_filename(folder, names[i], NULL);
  assert_true(gdk_pixbuf_save(rgb, paths[0], "png", NULL, NULL));
  assert_true(gdk_pixbuf_save(rgba, paths[1], "png", NULL, NULL));
  write_file(folder, names[2], grey->str, (gssize) grey->len);
  write_file(folder, names[3], colour->str, (gssize) colour->len);
  run_hysac(&run, "embed", "--model", model, paths[0], paths[1], paths[2], paths[3], NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_string_equal(strstr(run.lines[0], "\"distance\""), strstr(run.lines[1], "\"distance\""));
  assert_string_equal(strstr(run.lines[2], "\"distance\""), strstr(run.lines[3], "\"distance\""));
  assert_string_not_equal(strstr(run.lines[0], "\"distance\""), strstr(run.lines[2], "\"distance\""));
  g_string_free(grey, TRUE);
  g_string_free(colour, TRUE);
  for (guint i = 1; i < 4; i++)
    g_clear_pointer(&paths[i], g_free);
  remove_folder(folder);
  run_clear(&run);
}

static void
plain_clip_embeds_without_distance(void **state)
{
  Run run = { 0 }, full = { 0 };
  char *folder = make_folder();
  g_autofree char *plain = copy_model(folder, "plain");
  g_autofree char *metadata = g_build_filename(plain, "hysac.json", NULL);
  g_autofree char *picture = image(0);
  assert_int_equal(g_unlink(metadata), 0);
  run_hysac(&run, "embed", "--model", plain, picture, NULL);
  run_hysac(&full, "embed", "--model", model, picture, NULL);
  assert_int_equal(run.code, 0);
  g_autofree float *a = json_floats(run.lines[0], "features", DIM);
  g_autofree float *b = json_floats(full.lines[0], "features", DIM);
  assert_memory_equal(a, b, DIM * sizeof(float));
  assert_true(isnan(json_number(run.lines[0], "distance")));
  assert_true(isnan(json_number(run.lines[0], "point")));
  remove_folder(folder);
  run_clear(&run);
  run_clear(&full);
}

static void
demo_resolves(void **state)
{
  Run run = { 0 };
  g_autofree char *picture = image(0);
  run_setenv("HYSAC_DEMO_MODEL", model);
  run_hysac(&run, "embed", "--model", "demo", picture, NULL);
  assert_int_equal(run.code, 0);
  run_setenv("HYSAC_DEMO_MODEL", "/nonexistent/demo");
  run_hysac(&run, "embed", "--model", "demo", picture, NULL);
  expect_failure(&run, 1, "/nonexistent/demo", NULL);
  run_setenv("HYSAC_DEMO_MODEL", NULL);
  run_clear(&run);
}

static void
no_device_is_one_line(void **state)
{
  Run run = { 0 };
  char *empty = make_folder();
  g_autofree char *picture = image(0);
  run_setenv("OCL_ICD_VENDORS", empty);
  run_hysac(&run, "embed", "--model", model, picture, NULL);
  expect_failure(&run, 1, "no OpenCL platform", "pocl-opencl-icd", NULL);
  run_hysac(&run, "devices", NULL);
  expect_failure(&run, 1, "no OpenCL platform", NULL);
  run_setenv("OCL_ICD_VENDORS", NULL);
  run_hysac(&run, "embed", "--model", model, "--device", "77", picture, NULL);
  expect_failure(&run, 1, "77", NULL);
  run_hysac(&run, "embed", "--model", model, "--device", "no such device", picture, NULL);
  expect_failure(&run, 1, "no such device", NULL);
  remove_folder(empty);
  run_clear(&run);
}

static void
unwritable_cache_is_a_warning(void **state)
{
  Run good = { 0 }, bad = { 0 };
  char *folder = make_folder();
  g_autofree char *picture = image(0);
  write_file(folder, "file", "x", 1);
  g_autofree char *below = g_build_filename(folder, "file", "cache", NULL);
  run_hysac(&good, "embed", "--model", model, picture, NULL);
  run_setenv("XDG_CACHE_HOME", below);
  run_hysac(&bad, "embed", "--model", model, picture, NULL);
  run_setenv("XDG_CACHE_HOME", NULL);
  if (bad.code != 0)
    fail_msg("%s", bad.err);
  assert_string_equal(good.out, bad.out);
  assert_int_equal(bad.n_errors, 1);
  assert_true(g_str_has_prefix(bad.err, "hysac: warning: "));
  remove_folder(folder);
  run_clear(&good);
  run_clear(&bad);
}

/* Nobody who has no terminal knows else what a first start waits for; once, and of a first one only. */
static void
a_first_start_is_told(void **state)
{
  Run run = { 0 };
  char *cache = make_folder();
  const char *home = g_getenv("XDG_CACHE_HOME"), *kernels = g_getenv("POCL_CACHE_DIR");
  g_autofree char *warm = kernels ? g_strdup(kernels) : g_build_filename(g_get_user_cache_dir(), "pocl", "kcache", NULL);
  g_autofree char *path = data_path("pictures/rgb.png");
  run_setenv("XDG_CACHE_HOME", cache);
  run_setenv("POCL_CACHE_DIR", warm); /* it need not really take a minute */
  for (guint i = 0; i < 2; i++) {
    run_hysac(&run, "embed", "--model", model, path, NULL);
    assert_int_equal(run.code, 0);
    assert_true(run.built == (i == 0));
    assert_string_equal(run.err, "");
    assert_true(json_number(run.lines[0], "distance") > 0);
  }
  run_setenv("XDG_CACHE_HOME", home);
  run_setenv("POCL_CACHE_DIR", kernels);
  remove_folder(cache);
  run_clear(&run);
}

static void
what_was_chosen_is_told_where_asked_for(void **state)
{
  Run run = { 0 };
  g_autofree char *path = data_path("pictures/rgb.png");
  run_hysac(&run, "embed", "--model", model, "--verbose", path, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 1);
  assert_non_null(strstr(run.err, "hysac: OpenCL device "));
  assert_non_null(strstr(run.err, "chosen by score: "));
  assert_non_null(strstr(run.err, "hysac: engine for "));
  assert_non_null(strstr(run.err, " in fp32, "));
  run_hysac(&run, "embed", "--model", "demo", "--verbose", "--text", "a ball", NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.err, "hysac: text encoder for "));
  assert_non_null(strstr(run.err, " in fp32, "));
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  model = data_path("reference/small/model");
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(matches_the_reference),
    cmocka_unit_test(order_and_batches_change_nothing),
    cmocka_unit_test(bad_pictures_do_not_stop_the_rest),
    cmocka_unit_test(pictures_become_rgb_as_in_pillow),
    cmocka_unit_test(plain_clip_embeds_without_distance),
    cmocka_unit_test(demo_resolves),
    cmocka_unit_test(no_device_is_one_line),
    cmocka_unit_test(unwritable_cache_is_a_warning),
    cmocka_unit_test(a_first_start_is_told),
    cmocka_unit_test(what_was_chosen_is_told_where_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
