/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit on videos: its samples and alarms are those that hysac scan finds with the bound; the head that
 * it trains is read and scores by the library; what goes wrong leaves nothing behind. */

#include "clips.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

static char *folder, *model, *safe, *unsafe;

static const char *const safe_patterns[] = { "snow", "ball", "smpte", "red", "checkers-4", "gradient" };
static const char *const unsafe_patterns[] = { "spokes", "zone-plate", "pinwheel" };

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static int
set_up(void **state)
{
  folder = make_folder();
  model = copy_model(folder, "model");
  safe = in_folder("safe");
  unsafe = in_folder("unsafe");
  g_mkdir(safe, 0700);
  g_mkdir(unsafe, 0700);
  for (guint i = 0; i < G_N_ELEMENTS(safe_patterns); i++) {
    g_autofree char *path = g_strdup_printf("%s/%u.mp4", safe, i);
    make_mp4(path, safe_patterns[i], 50 + 5 * i);
  }
  for (guint i = 0; i < G_N_ELEMENTS(unsafe_patterns); i++) {
    g_autofree char *path = g_strdup_printf("%s/%u.mp4", unsafe, i);
    make_mp4(path, unsafe_patterns[i], 40);
  }
  return 0;
}

static int
tear_down(void **state)
{
  remove_folder(folder);
  g_free(model);
  g_free(safe);
  g_free(unsafe);
  return 0;
}

static double
value(JsonObject *object, const char *key)
{
  if (!json_object_has_member(object, key))
    fail_msg("no %s", key);
  return json_object_get_double_member(object, key);
}

/* What scan says of the safe videos by the fitted model: samples, segments, hours, samples above the bound. */
typedef struct {
  guint samples, above, segments;
  double hours;
} Scanned;

static Scanned
scan(const char *fitted, const char *const *options)
{
  Run run = { 0 };
  Scanned sums = { 0 };
  GPtrArray *args = g_ptr_array_new();
  const char *const common[] = { "scan", "--model", fitted, "--precision", "fp32", "--json", safe };
  for (guint i = 0; i < G_N_ELEMENTS(common); i++)
    g_ptr_array_add(args, (char *) common[i]);
  for (guint i = 0; options[i] != NULL; i++)
    g_ptr_array_add(args, (char *) options[i]);
  g_ptr_array_add(args, NULL);
  run_hysac_v(&run, (char **) args->pdata);
  if (run.code != 0)
    fail_msg("%s", run.err);
  for (guint i = 0; i < run.n_lines; i++) {
    g_autofree char *type = json_text(run.lines[i], "type");
    if (strcmp(type, "sample") == 0) {
      sums.samples++;
      sums.above += json_number(run.lines[i], "margin") > 0;
    } else if (strcmp(type, "file") == 0) {
      sums.segments += (guint) json_number(run.lines[i], "segments");
      sums.hours += json_number(run.lines[i], "duration") / 3600e9;
    }
  }
  g_ptr_array_free(args, TRUE);
  run_clear(&run);
  return sums;
}

static void
alarms_are_scan_s_segments(void **state)
{
  static const char *const cases[][10] = {
    { "-i", "120ms", "--percentile=70", NULL },
    { "-i", "0", "-k", "2", "-n", "3", "--min-duration", "200ms", NULL },
    { "-i", "120ms", "-k", "2", "-n", "2", "--alarms-per-hour=900", NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Run run = { 0 };
    g_autofree char *name = g_strdup_printf("fitted-%u", i);
    g_autofree char *out = in_folder(name);
    char *args[26] = { (char *) "fit", (char *) "--model", model, (char *) "--safe", safe,
                       (char *) "--out", out, (char *) "--json" };
    const char *options[10] = { NULL };
    guint n = 8, m = 0;
    for (guint k = 0; cases[i][k] != NULL; k++) {
      args[n++] = (char *) cases[i][k];
      if (strstr(cases[i][k], "per") == NULL) /* the bound's choice is fit's alone */
        options[m++] = cases[i][k];
    }
    run_hysac_v(&run, args);
    g_autoptr(JsonNode) node = json_output(&run);
    JsonObject *profile = json_member(json_node_get_object(node), "profile");
    JsonObject *measures = json_member(profile, "measures"), *alarms = json_member(measures, "alarms");
    const Scanned wanted = scan(out, options);
    assert_true(wanted.samples > 40 && wanted.above > 0);
    assert_int_equal((guint) value(json_member(profile, "safe"), "count"), wanted.samples);
    assert_int_equal((guint) value(alarms, "count"), wanted.segments);
    assert_true(fabs(value(alarms, "hours") / wanted.hours - 1) < 1e-9);
    assert_true(fabs(value(json_member(alarms, "per_hour"), "value") * wanted.hours - wanted.segments) < 1e-6);
    assert_true(fabs(value(json_member(measures, "false_positives"), "value") * wanted.samples - wanted.above) < 1e-6);
    assert_int_equal((guint) value(alarms, "clips"), G_N_ELEMENTS(safe_patterns));
    if (i == 2)
      assert_true(value(json_member(alarms, "per_hour"), "value") <= 900 && value(alarms, "target") == 900);
    /* What is loaded again is what was printed. */
    g_autoptr(HysacModel) loaded = hysac_model_load(out, NULL);
    const HysacProfile *kept = hysac_model_get_profile(loaded);
    assert_int_equal(kept->measures->alarms, wanted.segments);
    assert_true(kept->bound == value(profile, "bound") && strlen(kept->safe_sha256) == 64);
    run_clear(&run);
  }
}

/* The same twice is the same; another seed moves the intervals and nothing else. */
static void
seed_makes_the_draws(void **state)
{
  Run run = { 0 };
  static const char *const seeds[] = { "--seed=1", "--seed=1", "--seed=7" };
  char *shares[3];
  double bounds[3];
  for (guint i = 0; i < 3; i++) {
    g_autofree char *copy = copy_model(folder, i == 0 ? "seed0" : i == 1 ? "seed1" : "seed2");
    run_hysac(&run, "fit", "--model", copy, "--safe", safe, "-i", "120ms", "--json", seeds[i],
              "--percentile=80", NULL);
    g_autoptr(JsonNode) node = json_output(&run);
    JsonObject *profile = json_member(json_node_get_object(node), "profile");
    shares[i] = json_to_string(json_object_get_member(json_member(profile, "measures"), "false_positives"), FALSE);
    bounds[i] = value(profile, "bound");
  }
  assert_string_equal(shares[0], shares[1]);
  assert_string_not_equal(shares[0], shares[2]);
  assert_true(bounds[0] == bounds[1] && bounds[0] == bounds[2]);
  for (guint i = 0; i < 3; i++)
    g_free(shares[i]);
  run_clear(&run);
}

/* Well-formed, and of what they are called. */
static void
plots_are_drawn(void **state)
{
  static const char *const names[] = { "distances.svg", "roc.svg", "reliability.svg" };
  Run run = { 0 };
  g_autofree char *copy = copy_model(folder, "plotted");
  g_autofree char *plots = in_folder("plots");
  run_hysac(&run, "fit", "--model", copy, "--safe", safe, "--unsafe", unsafe, "-i", "120ms", "--plots", plots,
            NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_non_null(strstr(run.out, "AUC"));
  assert_non_null(strstr(run.out, "Brier"));
  assert_non_null(strstr(run.out, "seed 1"));
  assert_non_null(strstr(run.err, "0.1 % false positives"));
  assert_non_null(strstr(run.err, "fewer than 10 clips"));
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    gsize n;
    g_autofree char *svg = read_file(plots, names[i], &n);
    const GMarkupParser none = { NULL };
    GMarkupParseContext *context = g_markup_parse_context_new(&none, 0, NULL, NULL);
    g_autoptr(GError) error = NULL;
    if (!g_markup_parse_context_parse(context, svg, (gssize) n, &error) ||
        !g_markup_parse_context_end_parse(context, &error))
      fail_msg("%s: %s", names[i], error->message);
    g_markup_parse_context_free(context);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf\""));
  }
  run_clear(&run);
}

/* ------------------------------------------------------------ pictures in time */

static void
paint(GRand *rand, const char *path, guint contrast)
{
  g_autoptr(GdkPixbuf) pixbuf = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, 48, 48);
  guint8 *pixels = gdk_pixbuf_get_pixels(pixbuf);
  const gsize n = gdk_pixbuf_get_byte_length(pixbuf);
  for (gsize i = 0; i < n; i++)
    pixels[i] = (guint8) (128 + (contrast ? g_rand_int_range(rand, -(gint) contrast, (gint) contrast) : 0));
  assert_true(gdk_pixbuf_save(pixbuf, path, "png", NULL, NULL));
}

static char *
paint_folder(GRand *rand, const char *name, guint n, guint low, guint high)
{
  char *dir = in_folder(name);
  for (guint i = 0; i < n; i++) {
    g_autofree char *sub = g_strdup_printf("%s/%u", dir, i / 6);
    g_autofree char *path = g_strdup_printf("%s/%03u.png", sub, i);
    g_mkdir_with_parents(sub, 0700);
    paint(rand, path, (guint) g_rand_int_range(rand, (gint) low, (gint) high));
  }
  return dir;
}

static void
folders_are_clips_if_asked(void **state)
{
  Run run = { 0 };
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);
  g_autofree char *copy = copy_model(folder, "pictures");
  g_autofree char *pictures = paint_folder(rand, "folders", 30, 1, 100);
  run_hysac(&run, "fit", "--model", copy, "--safe", pictures, "--json", NULL);
  JsonNode *node = json_output(&run);
  JsonObject *measures = json_member(json_member(json_node_get_object(node), "profile"), "measures");
  assert_int_equal((guint) value(json_member(measures, "clips"), "safe"), 30);
  assert_false(json_object_has_member(measures, "alarms"));
  assert_non_null(strstr(run.err, "--folder-clips"));
  json_node_unref(node);
  run_hysac(&run, "fit", "--model", copy, "--safe", pictures, "--json", "--folder-clips", "-i", "2s", NULL);
  node = json_output(&run);
  measures = json_member(json_member(json_node_get_object(node), "profile"), "measures");
  assert_int_equal((guint) value(json_member(measures, "clips"), "safe"), 5);
  assert_true(fabs(value(json_member(measures, "alarms"), "hours") - 60.0 / 3600) < 1e-12);
  json_node_unref(node);
  run_hysac(&run, "fit", "--model", copy, "--safe", pictures, "--folder-clips", "-i", "0", NULL);
  expect_failure(&run, 2, "--folder-clips", NULL);
  run_hysac(&run, "fit", "--model", copy, "--safe", pictures, "--alarms-per-hour", "1", NULL);
  assert_int_equal(run.code, 1);
  run_clear(&run);
}

/* ------------------------------------------------------------ the head */

static void
expect_same_file(const char *dir, const char *name, const char *before, gsize size)
{
  gsize now;
  g_autofree char *after = read_file(dir, name, &now);
  assert_int_equal(size, now);
  assert_memory_equal(before, after, size);
}

/* By embed's features: the head's class is the kind of nearly every picture that it was not trained on. */
static void
expect_told_apart(HysacHead *head, const char *dir, gboolean is_unsafe)
{
  Run run = { 0 };
  guint right = 0, n = 0;
  for (guint i = 0; i < 12; i++) {
    g_autofree char *path = g_strdup_printf("%s/%u/%03u.png", dir, i / 6, i);
    run_hysac(&run, "embed", "--model", model, path, NULL);
    assert_int_equal(run.code, 0);
    const guint dim = hysac_head_get_dimension(head);
    g_autofree float *feature = json_floats(run.lines[0], "features", dim);
    right += hysac_head_score(head, feature, NULL).unsafe == is_unsafe;
    n++;
  }
  if (right < n - 2)
    fail_msg("%u of %u %s pictures are told right", right, n, is_unsafe ? "unsafe" : "safe");
  run_clear(&run);
}

static void
head_is_trained_and_scores(void **state)
{
  Run run = { 0 };
  g_autoptr(GRand) rand = g_rand_new_with_seed(11);
  g_autoptr(GError) error = NULL;
  g_autofree char *flat = paint_folder(rand, "flat", 48, 0, 20);
  g_autofree char *noisy = paint_folder(rand, "noisy", 48, 60, 120);
  g_autofree char *new_flat = paint_folder(rand, "new-flat", 12, 0, 20);
  g_autofree char *new_noisy = paint_folder(rand, "new-noisy", 12, 60, 120);
  g_autofree char *copy = copy_model(folder, "headed");
  g_autofree char *path = g_build_filename(copy, "head.safetensors", NULL);
  gsize size;
  g_autofree char *before = read_file(copy, "hysac.json", &size);

  run_hysac(&run, "fit", "--head", "--model", copy, "--safe", flat, "--unsafe", noisy, "--folder-clips",
            "--percentile", "95", "--json", NULL);
  g_autoptr(JsonNode) node = json_output(&run);
  JsonObject *root = json_member(json_node_get_object(node), "head"), *held = json_member(root, "measures_held_out");
  assert_true(value(json_member(held, "auc"), "value") > 0.95);
  assert_int_equal((guint) value(json_member(held, "clips"), "safe"), 8);
  expect_same_file(copy, "hysac.json", before, size); /* the bound is left alone */

  g_autoptr(HysacModel) loaded = hysac_model_load(copy, &error);
  g_autoptr(HysacHead) head = NULL;
  if (loaded == NULL || !hysac_head_load_beside(loaded, &head, &error))
    fail_msg("%s", error->message);
  assert_non_null(head);
  assert_string_equal(hysac_head_get_weights_sha256(head), hysac_model_get_weights_sha256(loaded));
  assert_string_equal(hysac_head_get_precision(head), "fp32");
  assert_true(fabs(hysac_head_get_threshold(head, 0) / value(root, "threshold") - 1) < 1e-6);
  expect_told_apart(head, new_flat, FALSE);
  expect_told_apart(head, new_noisy, TRUE);

  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(path, &error);
  assert_string_equal(hysac_safetensors_get_metadata(file, "format"), "hysac-head-1");
  g_autoptr(JsonNode) kept = json_from_string(hysac_safetensors_get_metadata(file, "provenance"), NULL);
  assert_int_equal((guint) value(json_member(json_node_get_object(kept), "unsafe"), "count"), 48);
  run_clear(&run);
}

static void
head_needs_both_and_two_of_each(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_model(folder, "headless");
  g_autofree char *path = g_build_filename(copy, "head.safetensors", NULL);
  g_autofree char *one = g_build_filename(unsafe, "0.mp4", NULL);
  run_hysac(&run, "fit", "--head", "--model", copy, "--safe", safe, NULL);
  expect_failure(&run, 2, "--unsafe", NULL);
  run_hysac(&run, "fit", "--head", "--model", copy, "--safe", safe, "--unsafe", one, "-i", "120ms", NULL);
  expect_failure(&run, 1, "1 unsafe", NULL);
  assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  run_clear(&run);
}

/* ------------------------------------------------------------ subtitles */

static double
distance_of(const char *texts_model, const char *text)
{
  Run run = { 0 };
  run_hysac(&run, "embed", "--model", texts_model, "--text", text, NULL);
  assert_int_equal(run.code, 0);
  const double distance = json_number(run.lines[0], "distance");
  run_clear(&run);
  return distance;
}

/* A cue is a sample, and its farthest reading is what is measured; numbers and times are no texts. */
static void
cues_are_texts(void **state)
{
  static const char *const readings[] = { "a dog & a cat", "a do g & a cat", "a bird\nin a tree", "a house" };
  Run run = { 0 };
  g_autofree char *copy = copy_text_model(folder, "subtitled"), *film = in_folder("film.srt"), *web = in_folder("web.vtt");
  g_autofree char *junk = in_folder("junk.vtt");
  double farthest = 0;
  write_file(folder, "film.srt", "1\n00:00:01,000 --> 00:00:02,000\na <b>do</b>g &amp; a cat\n\n"
                                 "2\n00:00:03,000 --> 00:00:04,000\na bird\nin a tree\n\n", -1);
  write_file(folder, "web.vtt", "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na house\n\n", -1);
  write_file(folder, "junk.vtt", "this is no file of subtitles\n", -1);
  for (guint i = 0; i < G_N_ELEMENTS(readings); i++)
    farthest = MAX(farthest, distance_of(copy, readings[i]));
  run_hysac(&run, "fit", "--model", copy, "--texts", film, web, junk, "--force", "--percentile", "100", "--join-buffers", "1",
            "--json", NULL);
  g_autoptr(JsonNode) node = json_output_with(&run, 1);
  JsonObject *root = json_node_get_object(node), *profile = json_member(root, "profile");
  assert_int_equal((int) value(json_member(profile, "safe"), "count"), 3);
  assert_int_equal((int) value(json_member(json_member(profile, "measures"), "clips"), "safe"), 2);
  assert_int_equal((int) value(json_member(root, "unreadable"), "safe"), 1);
  assert_non_null(strstr(run.err, "junk.vtt: "));
  const double bound = value(profile, "bound");
  if (!(fabs(bound / farthest - 1) < 1e-7))
    fail_msg("%.9g, not %.9g", bound, farthest);
  const char *const inputs[] = { web, film };
  g_autofree char *sum = hysac_profile_hash_inputs(inputs, 2, NULL);
  assert_string_equal(json_object_get_string_member(json_member(profile, "safe"), "inputs_sha256"), sum);
  run_clear(&run);
}

/* ------------------------------------------------------------ what goes wrong */

static void
damaged_videos_are_said(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_model(folder, "damaged");
  g_autofree char *dir = in_folder("mixed");
  g_autofree char *whole = g_build_filename(dir, "a.mp4", NULL);
  g_autofree char *cut = g_build_filename(dir, "b.mp4", NULL);
  g_mkdir(dir, 0700);
  make_mp4(whole, "snow", 60);
  make_truncated(whole, cut, 0.6);
  g_autofree char *avi = in_folder("whole.avi"), *cut_avi = g_build_filename(dir, "e.avi", NULL);
  make_other(avi, 60);
  make_truncated(avi, cut_avi, 0.6003);
  write_file(dir, "c.mp4", "no video", -1);
  write_file(dir, "d.M2TS", "", 0);
  run_hysac(&run, "fit", "--model", copy, "--safe", dir, "-i", "0", "--json", NULL);
  g_autoptr(JsonNode) node = json_output_with(&run, 1);
  JsonObject *root = json_node_get_object(node);
  assert_int_equal((guint) value(json_member(root, "unreadable"), "safe"), 4);
  assert_non_null(strstr(run.err, "b.mp4: "));
  assert_non_null(strstr(run.err, "e.avi: cut short: the file ends inside its last part; what came before counts"));
  assert_non_null(strstr(run.err, "c.mp4"));
  assert_non_null(strstr(run.err, "d.M2TS"));
  assert_non_null(strstr(run.err, "hysac: what was written is of the rest: 4 of the safe and 0 of the unsafe files could not be read"));
  const guint samples = (guint) value(json_member(json_member(root, "profile"), "safe"), "count");
  assert_in_range(samples, 62, 178);
  run_clear(&run);
}

/* No byte can be written to any file, as on a full disk: an error that says so, and nothing left behind. */
static void
full_disk_leaves_everything(void **state)
{
  g_autofree char *copy = copy_model(folder, "full");
  g_autofree char *out = in_folder("full-out");
  gsize size;
  g_autofree char *before = read_file(copy, "hysac.json", &size);
  static const char *const more[] = { "", "--out \"$4\"", "--head --unsafe \"$5\"", "--plots \"$4\"" };

  for (guint i = 0; i < G_N_ELEMENTS(more); i++) {
    g_autofree char *script =
        g_strdup_printf("ulimit -f 0; trap '' XFSZ; exec \"$1\" fit --model \"$2\" --safe \"$3\" -i 120ms %s", more[i]);
    char *args[] = { (char *) "bash", (char *) "-c", script, (char *) "fit", (char *) g_getenv("HYSAC_TOOL"), copy,
                     safe, out, unsafe, NULL };
    g_autofree char *err = NULL, *printed = NULL;
    int status;
    assert_true(g_spawn_sync(NULL, args, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &printed, &err, &status, NULL));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    if (strstr(err, "File too large") == NULL)
      fail_msg("%s", err);
    expect_same_file(copy, "hysac.json", before, size);
  }
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name(dir)) != NULL)
    assert_null(strstr(name, ".part-"));
  assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
  g_autoptr(GDir) inside = g_dir_open(copy, 0, NULL);
  guint files = 0;
  while (g_dir_read_name(inside) != NULL)
    files++;
  g_autoptr(GDir) original = g_dir_open(model, 0, NULL);
  while (g_dir_read_name(original) != NULL)
    files--;
  assert_int_equal(files, 0);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(alarms_are_scan_s_segments), cmocka_unit_test(seed_makes_the_draws),
    cmocka_unit_test(plots_are_drawn),            cmocka_unit_test(folders_are_clips_if_asked),
    cmocka_unit_test(head_is_trained_and_scores), cmocka_unit_test(head_needs_both_and_two_of_each),
    cmocka_unit_test(cues_are_texts),
    cmocka_unit_test(damaged_videos_are_said),    cmocka_unit_test(full_disk_leaves_everything),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
