/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit --texts: the bound of texts is that of the lines' distances as embed prints them, with its provenance; it
 * leaves that of pictures alone, and classify, search and traverse judge texts by it. With --head a head of texts tells
 * lines apart that it has not learned from. */

#include "runner.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_SAFE 32
#define N_UNSAFE 10

static char *folder, *model, *safe, *unsafe;
static double safe_distances[N_SAFE], unsafe_distances[N_UNSAFE];

/* The demo model, in a folder that can be written to. */
/* "a THING PLACE" of each of both, a line each; (transfer full): the path */
static char *
write_lines(const char *name, const char *const *things, guint n_things, const char *const *places, guint n_places)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < n_things * n_places; i++)
    g_string_append_printf(text, "a %s %s\n", things[i / n_places], places[i % n_places]);
  write_file(folder, name, text->str, (gssize) text->len);
  return g_build_filename(folder, name, NULL);
}

static void
measure(const char *path, guint n, double *distances)
{
  Run run = { 0 };
  run_hysac(&run, "embed", "--model", model, "--texts", path, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_int_equal(run.n_lines, n);
  for (guint i = 0; i < n; i++)
    distances[i] = json_number(run.lines[i], "distance");
  run_clear(&run);
}

static int
set_up(void **state)
{
  static const char *const colours[] = { "red", "blue", "green", "yellow", "black", "white", "purple", "orange" };
  static const char *const things[] = { "ball", "box", "house", "tree" };
  static const char *const bad[] = { "knife", "gun", "skull", "coffin", "fire" };
  static const char *const places[] = { "table", "floor" };
  g_autoptr(GString) text = g_string_new(NULL);
  folder = make_folder();
  for (guint i = 0; i < N_SAFE; i++)
    g_string_append_printf(text, "a %s %s\n", colours[i % 8], things[i / 8]);
  write_file(folder, "safe.txt", text->str, (gssize) text->len);
  g_string_truncate(text, 0);
  for (guint i = 0; i < N_UNSAFE; i++)
    g_string_append_printf(text, "a %s on the %s\n", bad[i / 2], places[i % 2]);
  write_file(folder, "unsafe.txt", text->str, (gssize) text->len);
  safe = g_build_filename(folder, "safe.txt", NULL);
  unsafe = g_build_filename(folder, "unsafe.txt", NULL);
  model = copy_demo(folder, "model");
  measure(safe, N_SAFE, safe_distances);
  measure(unsafe, N_UNSAFE, unsafe_distances);
  return 0;
}

static int
tear_down(void **state)
{
  g_free(safe);
  g_free(unsafe);
  g_free(model);
  remove_folder(folder);
  return 0;
}

/* The model at @path, whose texts have a bound at @percentile of the lines. */
static HysacModel *
expect_profile(const char *path, double percentile)
{
  g_autoptr(GError) error = NULL;
  HysacModel *loaded = hysac_model_load(path, &error);
  if (loaded == NULL)
    fail_msg("%s", error->message);
  const HysacRegion *region = hysac_model_get_text_region(loaded);
  const HysacProfile *profile = hysac_model_get_text_profile(loaded);
  assert_non_null(profile);
  g_autoptr(HysacProfile) wanted = hysac_profile_fit(safe_distances, N_SAFE, unsafe_distances, N_UNSAFE, percentile,
                                                     HYSAC_PRECISION_FP32, &error);
  assert_non_null(wanted);
  assert_true(region->calibrated && region->precision == HYSAC_PRECISION_FP32);
  assert_true(fabs(region->bound / wanted->bound - 1) < 1e-7); /* %.9g is what embed printed */
  assert_true(fabs(region->scale / wanted->scale - 1) < 1e-5);
  assert_int_equal(profile->safe_count, N_SAFE);
  assert_int_equal(profile->unsafe_count, N_UNSAFE);
  assert_true(fabs(profile->recall - wanted->recall) < 1e-12 && fabs(profile->auc - wanted->auc) < 1e-12);
  assert_string_equal(profile->weights_sha256, hysac_model_get_weights_sha256(loaded));
  const char *const a[] = { safe }, *const b[] = { unsafe };
  g_autofree char *safe_sum = hysac_profile_hash_inputs(a, 1, NULL), *sum = hysac_profile_hash_inputs(b, 1, NULL);
  assert_string_equal(profile->safe_sha256, safe_sum);
  assert_string_equal(profile->unsafe_sha256, sum);
  return loaded;
}

static void
bound_is_the_percentile_of_the_lines(void **state)
{
  Run run = { 0 };
  g_autofree char *out = g_build_filename(folder, "fitted", NULL), *plots = g_build_filename(folder, "plots", NULL);
  g_autoptr(HysacModel) before = hysac_model_load(model, NULL);
  run_hysac(&run, "fit", "--model", model, "--texts", safe, "--unsafe-texts", unsafe, "--percentile", "90", "--out", out,
            "--plots", plots, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_non_null(strstr(run.out, ", of texts\n"));
  assert_non_null(strstr(run.out, "safe texts         32, 0 unreadable; clips: 32\n"));
  assert_non_null(strstr(run.out, "text_profile"));
  assert_non_null(strstr(run.out, "recall at 0.1 %"));
  assert_non_null(strstr(run.out, "0.1 % false positives: says nothing, too few safe samples"));
  assert_null(strstr(run.out, "alarms an hour"));
  assert_non_null(strstr(run.err, "texts have no time here: there is no number of alarms an hour"));
  g_autoptr(HysacModel) loaded = expect_profile(out, 90);
  /* A line is a clip: the draws are of lines. */
  const HysacMeasures *m = hysac_model_get_text_profile(loaded)->measures;
  assert_true(m->safe_clips == N_SAFE && m->unsafe_clips == N_UNSAFE && m->timed_clips == 0);
  assert_true(m->false_positives.low < m->false_positives.value && m->false_positives.value < m->false_positives.high);
  /* Pictures keep theirs. */
  assert_true(hysac_model_get_region(loaded)->bound == hysac_model_get_region(before)->bound);
  assert_true(hysac_model_get_region(loaded)->calibrated == hysac_model_get_region(before)->calibrated);
  /* What is seen only says what it does not say. */
  gsize size;
  g_autofree char *roc = read_file(plots, "roc.svg", &size), *distances = read_file(plots, "distances.svg", &size);
  assert_non_null(strstr(roc, "(?) at 1 % and at 0.1 %: says nothing, too few safe samples"));
  assert_non_null(strstr(roc, "% (?)</text>"));
  assert_non_null(strstr(distances, "Distances of texts, and their bound"));
  run_clear(&run);
}

static void
share_of_false_positives_chooses(void **state)
{
  Run run = { 0 };
  g_autofree char *out = g_build_filename(folder, "by-share", NULL);
  run_hysac(&run, "fit", "--model", model, "--texts", safe, "--unsafe-texts", unsafe, "--false-positives", "10", "--json",
            "--out", out, NULL);
  g_autoptr(JsonNode) node = json_output(&run);
  JsonObject *root = json_node_get_object(node), *profile = json_member(root, "profile");
  assert_string_equal(json_object_get_string_member(root, "kind"), "text");
  assert_true(json_object_get_array_member(root, "warnings") != NULL);
  assert_non_null(strstr(run.out, "say nothing of 0.1 % false positives"));
  /* 3 of 32 are below a tenth, 4 are not: the fourth from above is the bound. */
  g_autofree double *sorted = g_memdup2(safe_distances, sizeof safe_distances);
  hysac_sort(sorted, N_SAFE);
  assert_true(fabs(json_object_get_double_member(profile, "bound") / sorted[N_SAFE - 4] - 1) < 1e-7);
  assert_true(fabs(json_object_get_double_member(json_member(profile, "safe"), "above") - 3.0 / N_SAFE) < 1e-12);
  run_clear(&run);
}

/* Several files: a file is a clip. Blank lines and what cannot be read do not count. */
static void
files_are_clips(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_demo(folder, "files"), *other = g_build_filename(folder, "other.txt", NULL);
  write_file(folder, "other.txt", "a red car\n\n  \nbad \xff line\nzero \0 byte\na bird\n", 44);
  g_autofree char *again = g_build_filename(folder, "again.txt", NULL);
  assert_int_equal(link(safe, again), 0);
  run_hysac(&run, "fit", "--model", copy, "--texts", safe, other, again, safe, "--json", NULL);
  g_unlink(again);
  g_autoptr(JsonNode) node = json_output_with(&run, 1);
  assert_non_null(strstr(run.err, "note: safe: 2 name(s) are of files that are in the list already"));
  assert_non_null(strstr(run.err, "what was written is of the rest: 2 of the safe and 0 of the unsafe lines, cues or files"));
  JsonObject *root = json_node_get_object(node), *profile = json_member(root, "profile");
  assert_int_equal(json_object_get_int_member(json_member(profile, "safe"), "count"), N_SAFE + 2);
  assert_int_equal(json_object_get_int_member(json_member(json_member(profile, "measures"), "clips"), "safe"), 2);
  assert_int_equal(json_object_get_int_member(json_member(root, "unreadable"), "safe"), 2);
  assert_non_null(strstr(run.err, "other.txt: line 4: the text is not UTF-8"));
  assert_non_null(strstr(run.err, "other.txt: line 5 holds a zero byte"));
  assert_non_null(strstr(run.err, "2 blank line(s) passed over"));
  assert_non_null(strstr(run.err, "fewer than 10 clips"));
  run_clear(&run);
}

static void
texts_are_judged_by_it(void **state)
{
  static const char *const text = "a yellow tree"; /* some of the safe lines lie above any percentile */
  Run run = { 0 };
  g_autofree char *fitted = copy_demo(folder, "judged"), *index = g_build_filename(folder, "x.index", NULL);
  g_autofree char *candidates = g_build_filename(folder, "unsafe.txt", NULL);
  run_hysac(&run, "fit", "--model", fitted, "--texts", safe, "--unsafe-texts", unsafe, "--percentile", "20", NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  g_autoptr(HysacModel) loaded = expect_profile(fitted, 20);
  const double bound = hysac_model_get_text_region(loaded)->bound;
  run_hysac(&run, "classify", "--model", fitted, "--json", "--texts", safe, NULL);
  assert_int_equal(run.code, 0);
  guint above = 0;
  for (guint i = 0; i < run.n_lines; i++) {
    g_autofree char *verdict = json_text(run.lines[i], "verdict");
    assert_true(json_number(run.lines[i], "bound") == bound);
    assert_non_null(strstr(run.lines[i], "\"calibrated\":true"));
    assert_string_equal(verdict, json_number(run.lines[i], "distance") > bound ? "unsafe" : "safe");
    above += strcmp(verdict, "unsafe") == 0;
  }
  assert_true(above > N_SAFE / 2 && above < N_SAFE); /* by the reference's none is */
  run_hysac(&run, "classify", "--model", fitted, "--json", "--text-bound", "0.9", "--text", text, NULL);
  assert_non_null(strstr(run.out, "\"calibrated\":false"));
  assert_true(json_number(run.lines[0], "bound") == 0.9);

  run_hysac(&run, "traverse", "--model", fitted, "--candidates", candidates, "--json", "--text", text, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_true(fabs(json_number(run.lines[0], "bound") / bound - 1) < 1e-8);

  g_autofree char *pictures = data_path("reference/small/images");
  run_hysac(&run, "index", "--model", fitted, "--out", index, pictures, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  run_hysac(&run, "search", "--model", fitted, "--index", index, "--json", "a knife on the table", NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_non_null(strstr(run.lines[0], "\"moved\":true"));
  assert_true(fabs(json_number(run.lines[0], "bound") / bound - 1) < 1e-8);
  assert_true(fabs(json_number(run.lines[0], "distance_after") / bound - 1) < 1e-5);
  run_clear(&run);
}

/* ------------------------------------------------------------ the head */

/* @n lines of @things in places from @first on, as embed sees them: by the head, how many are of the kind @is_unsafe. */
static guint
told_right(HysacHead *head, const char *const *things, guint n_things, const char *const *places, guint n_places,
           gboolean is_unsafe)
{
  Run run = { 0 };
  guint right = 0;
  g_autofree char *path = write_lines("new.txt", things, n_things, places, n_places);
  run_hysac(&run, "embed", "--model", model, "--texts", path, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, n_things * n_places);
  for (guint i = 0; i < run.n_lines; i++) {
    g_autofree float *feature = json_floats(run.lines[i], "features", hysac_head_get_dimension(head));
    right += hysac_head_score(head, feature, NULL).unsafe == is_unsafe;
  }
  run_clear(&run);
  return right;
}

static void
head_of_texts_is_trained(void **state)
{
  static const char *const good[] = { "ball", "balloon", "spoon", "flower", "tree", "house" };
  static const char *const bad[] = { "knife", "gun", "skull", "coffin", "bomb", "axe" };
  static const char *const places[] = { "on the table", "on the floor", "in a box", "beside a dog", "under a tree",
                                        "in the sun" };
  static const char *const others[] = { "beside a house", "on a bed" };
  Run run = { 0 };
  g_autoptr(GError) error = NULL;
  g_autofree char *out = g_build_filename(folder, "headed", NULL), *plots = g_build_filename(folder, "head-plots", NULL);
  g_autofree char *a = write_lines("good.txt", good, 6, places, 6), *b = write_lines("bad.txt", bad, 6, places, 6);
  g_autofree char *path = g_build_filename(out, "text-head.safetensors", NULL);
  g_autofree char *of_pictures = g_build_filename(out, "head.safetensors", NULL);
  run_hysac(&run, "fit", "--head", "--model", model, "--texts", a, "--unsafe-texts", b, "--percentile", "95", "--out", out,
            "--plots", plots, "--json", NULL);
  g_autoptr(JsonNode) node = json_output(&run);
  JsonObject *root = json_node_get_object(node), *about = json_member(root, "head");
  JsonObject *held = json_member(about, "measures_held_out");
  assert_string_equal(json_object_get_string_member(root, "kind"), "text");
  assert_true(json_object_get_double_member(json_member(held, "auc"), "value") > 0.95);
  assert_int_equal(json_object_get_int_member(json_member(held, "clips"), "safe"), 36);
  assert_int_equal(json_object_get_int_member(about, "folds"), 5);

  /* What hysactext takes: it is of texts, of these weights; that of pictures and the bounds are left alone. */
  g_autoptr(HysacModel) loaded = hysac_model_load(out, &error);
  g_autoptr(HysacHead) head = NULL;
  if (loaded == NULL || !hysac_head_load_texts_beside(loaded, &head, &error))
    fail_msg("%s", error->message);
  assert_non_null(head);
  assert_true(hysac_head_is_of_texts(head));
  assert_null(hysac_model_get_text_profile(loaded));
  assert_false(g_file_test(of_pictures, G_FILE_TEST_EXISTS));
  assert_string_equal(hysac_head_get_weights_sha256(head), hysac_model_get_weights_sha256(loaded));
  assert_string_equal(hysac_head_get_precision(head), "fp32");
  assert_true(fabs(hysac_head_get_threshold(head, 0) / json_object_get_double_member(about, "threshold") - 1) < 1e-6);

  /* Lines that it has not learned from; of 12 and 12. */
  const guint safe_right = told_right(head, good, 6, others, 2, FALSE);
  const guint unsafe_right = told_right(head, bad, 6, others, 2, TRUE);
  if (safe_right < 10 || unsafe_right < 10)
    fail_msg("%u safe and %u unsafe lines of 12 are told right", safe_right, unsafe_right);

  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(path, &error);
  g_autoptr(JsonNode) kept = json_from_string(hysac_safetensors_get_metadata(file, "provenance"), NULL);
  JsonObject *inputs = json_member(json_node_get_object(kept), "unsafe");
  const char *const files[] = { b };
  g_autofree char *sum = hysac_profile_hash_inputs(files, 1, NULL);
  assert_int_equal(json_object_get_int_member(inputs, "count"), 36);
  assert_string_equal(json_object_get_string_member(inputs, "inputs_sha256"), sum);
  gsize size;
  g_autofree char *scores = read_file(plots, "scores.svg", &size);
  assert_true(size > 0);
  run_clear(&run);
}

static void
head_of_texts_needs_two_clips_of_each(void **state)
{
  Run run = { 0 };
  g_autofree char *copy = copy_demo(folder, "headless"), *one = g_build_filename(folder, "one.txt", NULL);
  g_autofree char *path = g_build_filename(copy, "text-head.safetensors", NULL);
  write_file(folder, "one.txt", "a gun\n", -1);
  run_hysac(&run, "fit", "--head", "--model", copy, "--texts", safe, "--unsafe-texts", one, NULL);
  expect_failure(&run, 1, "1 unsafe", NULL);
  assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  run_clear(&run);
}

/* ------------------------------------------------------------ usage */

static void
what_makes_no_sense_is_said(void **state)
{
  static const struct {
    const char *options[8];
    int code;
    const char *part;
  } cases[] = {
    { { "--texts", "@", "--safe", "@" }, 2, "a bound each" },
    { { "--unsafe-texts", "@" }, 2, "needs --texts" },
    { { "--texts", "@", "--alarms-per-hour", "1" }, 2, "no alarms an hour" },
    { { "--texts", "@", "--sample-interval", "1s" }, 2, "have no time here" },
    { { "--texts", "@", "-k", "2" }, 2, "have no time here" },
    { { "--texts", "@", "--folder-clips" }, 2, "have no time here" },
    { { "--texts", "@", "--head" }, 2, "--head learns from both" },
    { { "--texts", "@", "--head", "--unsafe", "@" }, 2, "a head each" },
    { { "--unsafe-texts", "@", "--head" }, 2, "--texts" },
    { { "--texts", "@", "--percentile", "90", "--false-positives", "1" }, 2, "one of them" },
    { { "--texts", "@", "--false-positives", "100" }, 2, "--false-positives" },
    { { "--texts", "@", "--false-positives", "nan" }, 2, "--false-positives" },
    { { "--texts", "@", "--join-buffers", "17" }, 2, "--join-buffers is from 1 to 16" },
    { { "--texts", "@", "--join-buffers=-1" }, 2, "--join-buffers is from 1 to 16" },
    { { "--texts", "@", "--join-gap", "2h" }, 2, "--join-gap is 0 or a number with its unit, at most 1h" },
    { { "--texts", "@", "--join-gap", "10" }, 2, "--join-gap is 0" },
    { { "--safe", "%", "--join-gap", "10s" }, 2, "of the cues" },
    { { "--texts", "@", "--unsafe-texts", "@", "--head", "--join-buffers", "2" }, 2, "of the cues" },
    { { "--texts", "-", "--unsafe-texts", "-" }, 1, "read once" },
    { { "--texts", "/nowhere.txt" }, 1, "/nowhere.txt: No such file" },
    { { "--texts", "film.ASS" }, 1, "subtitles" },
    { { "--safe", "%", "--alarms-per-hour", "1" }, 1, "--alarms-per-hour needs safe material in time" },
    { { "--safe", "@" }, 1, NULL },
  };
  Run run = { 0 };
  g_autofree char *copy = copy_demo(folder, "wrong"), *pictures = data_path("reference/small/images");
  gsize size, now;
  g_autofree char *before = read_file(copy, "hysac.json", &size);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    char *args[16] = { (char *) "fit", (char *) "--model", copy };
    for (guint k = 0; k < G_N_ELEMENTS(cases[i].options) && cases[i].options[k] != NULL; k++)
      args[3 + k] = strcmp(cases[i].options[k], "@") == 0   ? safe
                    : strcmp(cases[i].options[k], "%") == 0 ? pictures
                                                            : (char *) cases[i].options[k];
    run_hysac_v(&run, args);
    if (cases[i].part != NULL) {
      expect_failure(&run, cases[i].code, cases[i].part, NULL);
      continue;
    }
    /* Lines given as pictures are none, and not counted as some. */
    assert_int_equal(run.code, 1);
    assert_non_null(strstr(run.err, "safe.txt: neither a picture nor a video; lines of text are for --texts"));
    assert_non_null(strstr(run.err, "0 safe picture(s)"));
  }
  /* Nothing unsafe that can be read is not the same as none given. */
  g_autofree char *out = g_build_filename(folder, "no-unsafe", NULL);
  run_hysac(&run, "fit", "--model", copy, "--safe", pictures, "--unsafe", safe, "--force", "--out", out, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "nothing unsafe could be read: there is no recall"));
  write_file(folder, "few.txt", "one\ntwo\n", 8);
  g_autofree char *few = g_build_filename(folder, "few.txt", NULL);
  run_hysac(&run, "fit", "--model", copy, "--texts", few, NULL);
  expect_failure(&run, 1, "only 2 line(s)", "--force", NULL);
  /* A bound of a head is a threshold, and too few pictures are too few for a head. */
  run_hysac(&run, "fit", "--model", copy, "--head", "--safe", few, "--unsafe", few, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "a head needs at least 20"));
  g_autofree char *after = read_file(copy, "hysac.json", &now);
  assert_int_equal(size, now);
  assert_memory_equal(before, after, size);
  run_clear(&run);
}

/* Ctrl-C while it reads: a line says so, and it ends by the signal as anything does. */
static void
an_interrupt_is_told(void **state)
{
  const char *argv[] = { g_getenv("HYSAC_TOOL"), "fit", "--model", "demo", "--out", "never-made", "--texts", "-", NULL };
  g_autoptr(GError) error = NULL;
  g_autofree char *lines = g_malloc(66000);
  GPid pid;
  int in, err, status;
  for (guint i = 0; i < 66000; i++)
    lines[i] = "a ball\n"[i % 7];
  if (!g_spawn_async_with_pipes(folder, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                                &pid, &in, NULL, &err, &error))
    fail_msg("%s", error->message);
  for (gsize at = 0; at < 66000;) { /* more than a pipe holds: when all is written, it has begun to read */
    const gssize n = write(in, lines + at, 66000 - at);
    assert_true(n > 0);
    at += (gsize) n;
  }
  assert_int_equal(kill(pid, SIGINT), 0);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  char told[4000];
  const gssize n = read(err, told, sizeof told - 1);
  assert_true(n > 0);
  told[n] = '\0';
  if (!g_str_has_suffix(told, "hysac: stopped\n"))
    fail_msg("%s", told);
  close(in);
  close(err);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bound_is_the_percentile_of_the_lines),
    cmocka_unit_test(share_of_false_positives_chooses),
    cmocka_unit_test(files_are_clips),
    cmocka_unit_test(texts_are_judged_by_it),
    cmocka_unit_test(head_of_texts_is_trained),
    cmocka_unit_test(head_of_texts_needs_two_clips_of_each),
    cmocka_unit_test(what_makes_no_sense_is_said),
    cmocka_unit_test(an_interrupt_is_told),
  };
  return cmocka_run_group_tests_name("fit texts", tests, set_up, tear_down);
}
