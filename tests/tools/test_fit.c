/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: the bound it writes is the percentile of what embed prints, with its provenance. */

#include "runner.h"

#include <errno.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define N_SAFE 24
#define N_UNSAFE 5

static char *folder, *safe, *unsafe, *model;
static gboolean picture_is_svg; /* what is installed reads SVG */
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
  GSList *formats = gdk_pixbuf_get_formats();
  for (GSList *at = formats; at != NULL; at = at->next) {
    g_autofree char *name = gdk_pixbuf_format_get_name(at->data);
    picture_is_svg = picture_is_svg || strcmp(name, "svg") == 0;
  }
  g_slist_free(formats);
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
  if (run.code != 1)
    fail_msg("%d: %s", run.code, run.err);
  assert_non_null(strstr(run.err, "broken.png"));
  assert_non_null(strstr(run.out, "24, 1 unreadable"));
  assert_non_null(strstr(run.err, "what was written is of the rest: 1 of the safe"));
  expect_profile(copy, 98.4, FALSE);
  run_clear(&run);
}

static void
link_to(const char *from, const char *name)
{
  g_autofree char *to = g_build_filename(safe, name, NULL);
  if (link(from, to) != 0)
    fail_msg("%s: %s", to, g_strerror(errno));
}

/* Another name of a file is no other clip, and neither is what fit has written itself. */
static void
material_counts_once(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_model(folder, "once"), *inner = copy_model(safe, "fitted-before");
  g_autofree char *first = g_build_filename(safe, "00.png", NULL), *plots = g_build_filename(safe, "plots", NULL);
  g_autofree char *figure = g_build_filename(inner, "figures.png", NULL), *alias = g_build_filename(safe, "alias.png", NULL);
  g_autofree char *second = g_build_filename(safe, "second.png", NULL), *sub = g_build_filename(safe, "sub/third.png", NULL);
  g_autofree char *text = NULL;
  gsize size;
  link_to(first, "second.png");
  link_to(first, "sub/third.png");
  link_to(first, "fitted-before/figures.png");
  assert_int_equal(symlink("00.png", alias), 0);
  for (guint i = 0; i < 2; i++) { /* the second time there are plots */
    run_hysac(&run, "fit", "--model", copy, "--safe", safe, first, "--unsafe", unsafe, "--plots", plots, NULL);
    if (run.code != 0)
      fail_msg("%s", run.err);
    assert_non_null(strstr(run.err, "note: safe: 4 name(s) are of files that are in the list already"));
    g_autofree char *passed = g_strdup_printf("note: safe: %u plot(s) and model folder(s) of hysac", i == 0 ? 1 : 4);
    if (picture_is_svg && strstr(run.err, passed) == NULL)
      fail_msg("%s", run.err);
    assert_non_null(strstr(run.out, "safe samples       24, 0 unreadable; clips: 24\n"));
    expect_profile(copy, 98.4, TRUE);
  }
  text = read_file(plots, "roc.svg", &size);
  assert_true(size > 1000);
  g_unlink(figure);
  g_unlink(second);
  g_unlink(sub);
  g_unlink(alias);
  remove_folder(g_steal_pointer(&plots));
  remove_folder(g_steal_pointer(&inner));
  run_clear(&run);
}

/* As classify judges them: what is judged lies on the side that the bound was fitted on. */
static void
translucent_pictures_are_measured_as_judged(void **state)
{
  enum { N = 10 };
  Run run = { 0 };
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_build_filename(folder, "translucent", NULL), *out = g_build_filename(folder, "of-them", NULL);
  char *args[N + 4] = { (char *) "classify", (char *) "--json", (char *) "--model", model };
  double farthest = 0;
  assert_int_equal(g_mkdir(dir, 0700), 0);
  for (guint i = 0; i < N; i++) {
    g_autoptr(GdkPixbuf) pixbuf = gdk_pixbuf_new(GDK_COLORSPACE_RGB, TRUE, 8, 32, 32);
    gdk_pixbuf_fill(pixbuf, 0xffffff00);
    for (guint k = 0; k < 32 * 32; k++)
      gdk_pixbuf_get_pixels(pixbuf)[k / 32 * (guint) gdk_pixbuf_get_rowstride(pixbuf) + k % 32 * 4 + 3] =
          (guint8) ((k / (i + 1) % 2) * 200 + i);
    g_autofree char *name = g_strdup_printf("%u.png", i);
    args[4 + i] = g_build_filename(dir, name, NULL);
    assert_true(gdk_pixbuf_save(pixbuf, args[4 + i], "png", NULL, NULL));
  }
  char *with_end[N + 5] = { NULL };
  memcpy(with_end, args, sizeof args);
  run_hysac_v(&run, with_end);
  assert_int_equal(run.n_lines, N);
  for (guint i = 0; i < N; i++) {
    const double distance = json_number(run.lines[i], "distance");
    farthest = MAX(farthest, distance);
    g_free(args[4 + i]);
  }
  run_hysac(&run, "fit", "--model", model, "--out", out, "--force", "--percentile", "100", "--safe", dir, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  g_autoptr(HysacModel) fitted = hysac_model_load(out, &error);
  assert_non_null(fitted);
  assert_true(fabs(hysac_model_get_region(fitted)->bound / farthest - 1) < 1e-7);
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
    cmocka_unit_test(translucent_pictures_are_measured_as_judged),
    cmocka_unit_test(material_counts_once),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
