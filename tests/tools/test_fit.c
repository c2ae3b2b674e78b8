/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: the bound it writes is the percentile of what embed prints, with its provenance. */

#include "runner.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define N_SAFE 24
#define N_UNSAFE 5

static char *folder, *safe, *unsafe, *model;
static double safe_distances[N_SAFE], unsafe_distances[N_UNSAFE];

static void
paint(GRand *rand, const char *dir, const char *name)
{
  g_autoptr(GdkPixbuf) pixbuf =
      gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, g_rand_int_range(rand, 40, 120), 60);
  guint8 *pixels = gdk_pixbuf_get_pixels(pixbuf);
  gsize n = gdk_pixbuf_get_byte_length(pixbuf);
  gint32 range = g_rand_int_range(rand, 2, 256);
  for (gsize i = 0; i < n; i++)
    pixels[i] = (guint8) g_rand_int_range(rand, 0, range);
  g_autofree char *path = g_build_filename(dir, name, NULL);
  assert_true(gdk_pixbuf_save(pixbuf, path, "png", NULL, NULL));
}

static void
measure(const char *dir, const char *format, guint n, double *distances)
{
  Run run = { 0 };
  char *args[N_SAFE + 4] = { (char *) "embed", (char *) "--model", model };
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = g_strdup_printf(format, i % 2 ? "sub/" : "", i);
    args[3 + i] = g_build_filename(dir, name, NULL);
  }
  run_hysac_v(&run, args);
  if (run.code != 0)
    fail_msg("%s", run.err);
  for (guint i = 0; i < n; i++) {
    distances[i] = json_number(run.lines[i], "distance");
    g_free(args[3 + i]);
  }
  run_clear(&run);
}

/* Pictures in two levels, and beside the safe ones what must be passed over. */
static int
set_up(void **state)
{
  guint32 seed = g_random_int();
  const char *given = g_getenv("HYSAC_TEST_SEED");
  if (given != NULL)
    seed = (guint32) g_ascii_strtoull(given, NULL, 10);
  print_message("# seed %u\n", seed);
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  folder = make_folder();
  safe = g_build_filename(folder, "safe", NULL);
  unsafe = g_build_filename(folder, "unsafe", NULL);
  g_autofree char *sub = g_build_filename(safe, "sub", NULL);
  g_autofree char *unsafe_sub = g_build_filename(unsafe, "sub", NULL);
  g_mkdir_with_parents(sub, 0700);
  g_mkdir_with_parents(unsafe_sub, 0700);
  for (guint i = 0; i < N_SAFE; i++) {
    g_autofree char *name = g_strdup_printf("%s%02u.png", i % 2 ? "sub/" : "", i);
    paint(rand, safe, name);
  }
  for (guint i = 0; i < N_UNSAFE; i++) {
    g_autofree char *name = g_strdup_printf("%s%02u.png", i % 2 ? "sub/" : "", i);
    paint(rand, unsafe, name);
  }
  write_file(safe, "notes.txt", "no picture", -1);
  model = copy_model(folder, "model");
  measure(safe, "%s%02u.png", N_SAFE, safe_distances);
  measure(unsafe, "%s%02u.png", N_UNSAFE, unsafe_distances);
  return 0;
}

static int
tear_down(void **state)
{
  remove_folder(folder);
  g_free(safe);
  g_free(unsafe);
  g_free(model);
  return 0;
}

static void
expect_profile(const char *path, double percentile, gboolean with_unsafe)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) loaded = hysac_model_load(path, &error);
  if (loaded == NULL)
    fail_msg("%s", error->message);
  const HysacRegion *region = hysac_model_get_region(loaded);
  const HysacProfile *profile = hysac_model_get_profile(loaded);
  assert_non_null(profile);
  g_autoptr(HysacProfile) wanted =
      hysac_profile_fit(safe_distances, N_SAFE, unsafe_distances, with_unsafe ? N_UNSAFE : 0,
                        percentile, HYSAC_PRECISION_FP32, &error);
  assert_non_null(wanted);
  assert_true(region->calibrated);
  assert_int_equal(region->precision, HYSAC_PRECISION_FP32);
  assert_true(fabs(region->bound / wanted->bound - 1) < 1e-7); /* %.9g is what embed printed */
  assert_true(fabs(profile->percentile - percentile) < 1e-12);
  assert_int_equal(profile->safe_count, N_SAFE);
  assert_true(fabs(profile->safe_above - wanted->safe_above) < 1e-12);
  assert_int_equal(profile->unsafe_count, with_unsafe ? N_UNSAFE : 0);
  if (with_unsafe)
    assert_true(fabs(profile->recall - wanted->recall) < 1e-12);
  assert_non_null(profile->date);
  assert_true(strlen(profile->safe_sha256) == 64);
  assert_string_equal(profile->weights_sha256, hysac_model_get_weights_sha256(loaded));
  assert_true(g_str_has_prefix(profile->tool, "hysac fit"));
}

static void
bound_is_the_percentile(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "fit", "--model", model, "--safe", safe, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_non_null(strstr(run.out, "bound"));
  assert_non_null(strstr(run.err, "1 file(s) passed over"));
  assert_non_null(strstr(run.err, "warning")); /* 24 pictures cannot tell 98.4 percent */
  expect_profile(model, 98.4, FALSE);
  run_hysac(&run, "fit", "--model", model, "--safe", safe, "--unsafe", unsafe, "--percentile", "75",
            NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "recall"));
  expect_profile(model, 75, TRUE);
  run_clear(&run);
}

static void
out_leaves_the_model_alone(void **state)
{
  Run run = { 0 };
  g_autofree char *source = copy_model(folder, "source");
  g_autofree char *out = g_build_filename(folder, "fitted", NULL);
  gsize before_size, after_size;
  g_autofree char *before = read_file(source, "hysac.json", &before_size);
  run_hysac(&run, "fit", "--model", source, "--safe", safe, "--percentile=90", "--out", out, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  g_autofree char *after = read_file(source, "hysac.json", &after_size);
  assert_int_equal(before_size, after_size);
  assert_memory_equal(before, after, before_size);
  expect_profile(out, 90, FALSE);
  run_hysac(&run, "fit", "--model", source, "--safe", safe, "--out", out, NULL); /* it is there */
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "fitted"));
  run_clear(&run);
}

/* The demo model comes with the program: what is fitted on it goes elsewhere. */
static void
the_demo_model_stays_as_it_is(void **state)
{
  Run run = { 0 };
  g_autofree char *demo = copy_model(folder, "demo"), *link = g_build_filename(folder, "link", NULL),
                  *concepts = g_build_filename(folder, "concepts.json", NULL), *out = g_build_filename(folder, "of-demo", NULL);
  gsize before_size, after_size;
  g_autofree char *before = read_file(demo, "hysac.json", &before_size);
  const char *old = g_getenv("HYSAC_DEMO_MODEL");
  g_autofree char *saved = g_strdup(old);
  write_file(folder, "concepts.json", "{\"version\": 1, \"concepts\": []}", -1);
  assert_int_equal(symlink(demo, link), 0);
  run_setenv("HYSAC_DEMO_MODEL", demo);
  char *const names[] = { (char *) "demo", demo, link };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    run_hysac(&run, "fit", "--model", names[i], "--safe", safe, NULL);
    assert_int_equal(run.code, 1);
    assert_string_equal(run.out, "");
    assert_non_null(strstr(run.err, "give --out DIR"));
    run_hysac(&run, "concepts", "--model", names[i], "--file", concepts, "--save", NULL);
    expect_failure(&run, 1, "--out FILE", NULL);
  }
  run_hysac(&run, "fit", "--model", "demo", "--safe", safe, "--percentile=90", "--out", out, NULL);
  assert_int_equal(run.code, 0);
  expect_profile(out, 90, FALSE);
  g_autofree char *after = read_file(demo, "hysac.json", &after_size);
  assert_int_equal(before_size, after_size);
  assert_memory_equal(before, after, before_size);
  run_setenv("HYSAC_DEMO_MODEL", saved);
  run_clear(&run);
}

/* A list after --safe, another option between, and files instead of a folder. */
static void
lists_of_files_are_read(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_model(folder, "lists");
  char *args[N_SAFE + 8] = { (char *) "fit", (char *) "--safe" };
  guint n = 2;
  for (guint i = 0; i < N_SAFE; i++) {
    g_autofree char *name = g_strdup_printf("%s%02u.png", i % 2 ? "sub/" : "", i);
    args[n++] = g_build_filename(safe, name, NULL);
  }
  args[n++] = (char *) "--model";
  args[n++] = copy;
  args[n++] = (char *) "--percentile=98.4";
  run_hysac_v(&run, args);
  if (run.code != 0)
    fail_msg("%s", run.err);
  expect_profile(copy, 98.4, FALSE);
  for (guint i = 2; i < 2 + N_SAFE; i++)
    g_free(args[i]);
  run_clear(&run);
}

static void
too_few_or_wrong_files_write_nothing(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_model(folder, "few");
  gsize before_size, after_size;
  g_autofree char *before = read_file(copy, "hysac.json", &before_size);
  g_autofree char *empty = g_build_filename(folder, "empty", NULL);
  g_mkdir(empty, 0700);
  run_hysac(&run, "fit", "--model", copy, "--safe", unsafe, NULL);
  expect_failure(&run, 1, "5 safe picture", "--force", NULL);
  run_hysac(&run, "fit", "--model", copy, "--safe", "/nonexistent/pictures", NULL);
  expect_failure(&run, 1, "/nonexistent/pictures", NULL);
  run_hysac(&run, "fit", "--model", copy, "--safe", empty, "--force", NULL);
  assert_int_equal(run.code, 1);
  g_autofree char *after = read_file(copy, "hysac.json", &after_size);
  assert_int_equal(before_size, after_size);
  assert_memory_equal(before, after, before_size);
  run_hysac(&run, "fit", "--model", copy, "--safe", unsafe, "--force", NULL);
  assert_int_equal(run.code, 0);

  g_autofree char *plain = copy_model(folder, "plain");
  g_autofree char *metadata = g_build_filename(plain, "hysac.json", NULL);
  g_unlink(metadata);
  run_hysac(&run, "fit", "--model", plain, "--safe", unsafe, "--force", NULL);
  expect_failure(&run, 1, "hysac.json", NULL);
  run_clear(&run);
}

/* One of many that cannot be read is said, counted, and left out. */
static void
unreadable_picture_is_left_out(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_model(folder, "unreadable");
  write_file(safe, "broken.png", "no picture", -1);
  run_hysac(&run, "fit", "--model", copy, "--safe", safe, NULL);
  g_autofree char *broken = g_build_filename(safe, "broken.png", NULL);
  g_unlink(broken);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_non_null(strstr(run.err, "broken.png"));
  assert_non_null(strstr(run.out, "24, 1 unreadable"));
  expect_profile(copy, 98.4, FALSE);
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bound_is_the_percentile),
    cmocka_unit_test(out_leaves_the_model_alone),
    cmocka_unit_test(the_demo_model_stays_as_it_is),
    cmocka_unit_test(lists_of_files_are_read),
    cmocka_unit_test(too_few_or_wrong_files_write_nothing),
    cmocka_unit_test(unreadable_picture_is_left_out),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
