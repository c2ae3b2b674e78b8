/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan against the element's verdicts on the same clip, over several files at once, and on bad files. */

#include "scans.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder, *model, *clip;
static double bound; /* between the clip's distances: some are above, some below */

#define COMMON "scan", "--model", model, "--precision", "fp32"

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

/* ------------------------------------------------------------------ the element's verdicts */

/* Cues of a WebVTT file, without its notes. */
static char *
cues_of(const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  if (!g_file_get_contents(path, &text, NULL, &error))
    fail_msg("%s", error->message);
  const char *first = strstr(text, "hysac-1");
  return g_strdup(first ? first : "");
}

static void
compare_with_element(const char *interval_ns, const char *interval, const char *const *options,
                     const char *properties)
{
  Run run = { 0 };
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *log = in_folder("element.jsonl"), *vtt = in_folder("element.vtt");
  g_autofree char *out = in_folder("as-element"), *with_bound = bound_option(bound);
  g_autofree char *ours = g_build_filename(out, "segments", "0001-clip.mp4.vtt", NULL);
  g_unlink(log);
  run_pipeline("filesrc location=\"%s\" ! qtdemux ! h264parse ! avdec_h264 ! hysacmoderate "
               "model=\"%s\" precision=fp32 action=tag bound=%s sample-interval=%s verdict-log=\"%s\" "
               "segments-vtt=\"%s\" %s ! fakesink",
               clip, model, g_ascii_dtostr(number, sizeof number, bound), interval_ns, log, vtt,
               properties);
  g_autoptr(GPtrArray) args = g_ptr_array_new();
  const char *const fixed[] = { COMMON, "--json", "--out", out, "-i", interval, with_bound, clip };
  for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
    g_ptr_array_add(args, (char *) fixed[i]);
  for (guint i = 0; options[i] != NULL; i++)
    g_ptr_array_add(args, (char *) options[i]);
  g_ptr_array_add(args, NULL);
  run_hysac_v(&run, (char **) args->pdata);
  if (run.code != 0)
    fail_msg("%s", run.err);

  /* A frame that the element scored is a sample here, with that distance and verdict. */
  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(log, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint at = 0, scored = 0, unsafe = 0;
  for (guint i = 0; lines[i] != NULL; i++) {
    if (!is_type(lines[i], "frame"))
      continue;
    g_autofree char *origin = json_text(lines[i], "origin");
    if (strcmp(origin, "scored") != 0)
      continue;
    while (at < run.n_lines && !is_type(run.lines[at], "sample"))
      at++;
    assert_true(at < run.n_lines);
    g_autofree char *theirs = json_text(lines[i], "verdict"), *mine = json_text(run.lines[at], "verdict");
    g_autofree char *why = json_text(lines[i], "reason"), *reason = json_text(run.lines[at], "reason");
    assert_true(json_number(lines[i], "frame") == json_number(run.lines[at], "frame"));
    assert_true(json_number(lines[i], "distance") == json_number(run.lines[at], "distance"));
    assert_string_equal(theirs, mine);
    if (strcmp(mine, "safe") == 0) /* else the reason is that of the whole segment */
      assert_string_equal(why, reason);
    unsafe += strcmp(mine, "unsafe") == 0;
    scored++;
    at++;
  }
  assert_true(scored > 10 && unsafe > 0 && unsafe < scored);
  assert_true(at == run.n_lines || !is_type(run.lines[at], "sample"));
  g_autofree char *a = cues_of(vtt), *b = cues_of(ours);
  assert_string_equal(a, b);
  assert_true(strstr(a, "-->") != NULL);
  remove_folder(g_steal_pointer(&out));
  run_clear(&run);
}

static void
says_what_the_element_says(void **state)
{
  const char *const none[] = { NULL };
  compare_with_element("200000000", "200ms", none, "");
  compare_with_element("0", "0", none, "");
}

static void
keeps_the_element_s_rules_over_time(void **state)
{
  const char *const options[] = { "-k", "2", "-n", "3", "--min-duration", "300ms", "--pre-roll", "80ms",
                                  "--post-roll", "120ms", NULL };
  compare_with_element("100000000", "100ms", options,
                       "confirm-k=2 confirm-n=3 min-duration=300000000 pre-roll=80000000 "
                       "post-roll=120000000");
}

static void
a_policy_file_says_the_same(void **state)
{
  Run options = { 0 }, policy = { 0 };
  g_autofree char *path = in_folder("policy.json"), *with_bound = bound_option(bound);
  write_file(folder, "policy.json", "{\"version\":1,\"action\":\"blur\",\"sample-interval\":\"100ms\","
                                    "\"confirm-k\":2,\"confirm-n\":3,\"post-roll\":\"120ms\"}", -1);
  run_hysac(&policy, COMMON, "--json", with_bound, "--policy", path, clip, NULL);
  run_hysac(&options, COMMON, "--json", with_bound, "-i", "100ms", "-k", "2", "-n", "3", "--post-roll",
            "120ms", clip, NULL);
  assert_int_equal(policy.code, 0);
  assert_string_equal(policy.out, options.out);
  write_file(folder, "policy.json", "{\"version\":1,\"confirm-kk\":2}", -1);
  run_hysac(&policy, COMMON, "--policy", path, clip, NULL);
  expect_failure(&policy, 2, "confirm-kk", NULL);
  run_clear(&policy);
  run_clear(&options);
}

/* ------------------------------------------------------------------ several files, and bad ones */

static void
files_at_once_change_nothing(void **state)
{
  Run run = { 0 };
  const char *args[20] = { COMMON, "--out", NULL, "--jobs", NULL };
  g_autofree char *one = in_folder("one"), *four = in_folder("four");
  char *paths[5];
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    g_autofree char *name = g_strdup_printf("at-once-%u.mp4", i);
    args[9 + i] = paths[i] = in_folder(name);
    make_mp4(paths[i], i % 2 ? "ball" : "smpte", 20 + 30 * (4 - i));
  }
  args[6] = one;
  args[8] = "1";
  run_hysac_v(&run, (char **) args);
  assert_int_equal(run.code, 0);
  g_autofree char *order = g_strdup(run.out);
  args[6] = four;
  args[8] = "4";
  run_hysac_v(&run, (char **) args);
  assert_int_equal(run.code, 0);
  g_autofree char *a = read_file(one, "scan.jsonl", NULL), *b = read_file(four, "scan.jsonl", NULL);
  g_autofree char *c = read_file(one, "report.html", NULL), *d = read_file(four, "report.html", NULL);
  assert_string_equal(a, b);
  assert_string_equal(c, d);
  assert_memory_equal(order, run.out, strstr(order, " of video in") - order - 12); /* but for the time */
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
    g_free(paths[i]);
  remove_folder(g_steal_pointer(&one));
  remove_folder(g_steal_pointer(&four));
  run_clear(&run);
}

static void
a_folder_with_everything(void **state)
{
  Run run = { 0 };
  g_autofree char *tree = in_folder("tree"), *deep = g_build_filename(tree, "deep", NULL);
  g_autofree char *good = g_build_filename(deep, "good.mp4", NULL), *out = g_build_filename(tree, "out", NULL);
  g_autofree char *cut = g_build_filename(tree, "cut.mp4", NULL), *bad = g_build_filename(tree, "bad.mp4", NULL);
  g_autofree char *loop = g_build_filename(deep, "loop", NULL), *again = g_build_filename(deep, "hard.mp4", NULL);
  g_autofree char *dangling = g_build_filename(tree, "dangling.mp4", NULL);
  g_autofree char *self_link = g_build_filename(tree, "self.mp4", NULL);
  g_autofree char *pipe = g_build_filename(tree, "pipe.mp4", NULL);
  assert_int_equal(g_mkdir_with_parents(deep, 0700), 0);
  make_mp4(good, "smpte", 75);
  make_truncated(good, cut, 0.6);
  make_damaged(good, bad, 0.3, 0.5);
  static const char *const others[] = { "avi", "ts" };
  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    g_autofree char *whole = g_strdup_printf("%s/whole.%s", tree, others[i]);
    g_autofree char *part = g_strdup_printf("%s/part.%s", tree, others[i]);
    make_other(whole, 75);
    make_truncated(whole, part, 0.6003);
  }
  assert_int_equal(symlink(tree, loop), 0);
  assert_int_equal(link(good, again), 0);
  assert_int_equal(symlink("nowhere", dangling), 0);
  assert_int_equal(symlink("self.mp4", self_link), 0);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  write_file(tree, "empty.mp4", "", 0);
  write_file(tree, "notes.txt", "What is in this folder: clips of test pictures.\n", -1);
  g_autofree char *long_line = g_strnfill(5000000, 'x');
  write_file(tree, "long.txt", long_line, -1);
  g_autofree char *picture = data_path("reference/small/images/0-320x240.png"), *bytes = NULL;
  gsize size;
  assert_true(g_file_get_contents(picture, &bytes, &size, NULL));
  write_file(tree, "still.png", bytes, (gssize) size);
  write_file(tree, "fake.mp4", "What is in this folder: clips of test pictures.\n", -1);
  write_file(tree, "fake.VOB", "What is in this folder: clips of test pictures.\n", -1);
  run_hysac(&run, COMMON, "--bound=100", "--json", "--out", out, tree, "/nonexistent/x.mp4",
            "file:///nonexistent/y.mp4", NULL);
  assert_int_equal(run.code, 1);
  expect_file(&run, "deep/good.mp4", "safe", "complete", NULL);
  expect_file(&run, "/cut.mp4", "failed", "partial", "");
  expect_file(&run, "/whole.avi", "safe", "complete", NULL);
  expect_file(&run, "/part.avi", "failed", "partial", "cut short");
  expect_file(&run, "/whole.ts", "safe", "complete", NULL);
  expect_file(&run, "/part.ts", "failed", "partial", "cut short");
  expect_file(&run, "/bad.mp4", "failed", "partial", "could not be decoded");
  expect_file(&run, "empty.mp4", "failed", "failed", "empty file");
  expect_file(&run, "fake.mp4", "failed", "failed", "");
  expect_file(&run, "fake.VOB", "failed", "failed", "");
  expect_file(&run, "notes.txt", "none", "no-video", "");
  expect_file(&run, "long.txt", "none", "no-video", "no kind of file");
  expect_file(&run, "still.png", "none", "no-video", "a picture");
  expect_file(&run, "dangling.mp4", "failed", "failed", g_strerror(ENOENT));
  expect_file(&run, "self.mp4", "failed", "failed", g_strerror(ELOOP));
  expect_file(&run, "/nonexistent/x.mp4", "failed", "failed", g_strerror(ENOENT));
  expect_file(&run, "nonexistent/y.mp4", "failed", "failed", "");
  assert_true(json_number(line_of(&run, "file", "/cut.mp4"), "samples") >= 1);
  assert_non_null(strstr(run.err, "1 name(s)")); /* the hard link */
  g_autofree char *report = read_file(out, "scan.jsonl", NULL);
  assert_string_equal(report, run.out);
  /* The report's own folder is not searched, and what failed is tried again. */
  run_hysac(&run, COMMON, "--bound=100", "--json", "--out", out, tree, "/nonexistent/x.mp4",
            "file:///nonexistent/y.mp4", NULL);
  assert_string_equal(report, run.out);
  run_clear(&run);
}

static void
wrong_usage_is_two(void **state)
{
  static const char *const bad[][3] = {
    { "--jobs", "0", "--jobs" },       { "-i", "5", "unit" },          { "-i", "2h", "time" },
    { "-k", "3 ", "3" },               { "--thumbnails", "big", "--thumbnails" },
    { "--bound", "-1", "--bound" },    { "--min-duration", "x", "time" },
  };
  Run run = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    run_hysac(&run, COMMON, bad[i][0], bad[i][1], clip, NULL);
    expect_failure(&run, 2, bad[i][2], NULL);
  }
  run_hysac(&run, COMMON, NULL);
  expect_failure(&run, 2, "needs a file", NULL);
  run_hysac(&run, COMMON, "-k", "3", "-n", "2", clip, NULL);
  expect_failure(&run, 2, NULL);
  run_hysac(&run, "scan", clip, NULL);
  expect_failure(&run, 2, "--model", NULL);
  run_clear(&run);
}

static void
unsafe_is_three_where_asked_for(void **state)
{
  Run run = { 0 };
  g_autofree char *with_bound = bound_option(bound);
  run_hysac(&run, COMMON, with_bound, clip, NULL);
  assert_int_equal(run.code, 0);
  assert_true(g_str_has_prefix(run.out, "unsafe "));
  run_hysac(&run, COMMON, with_bound, "--fail-on-unsafe", clip, NULL);
  assert_int_equal(run.code, 3);
  run_hysac(&run, COMMON, "--bound", "100", "--fail-on-unsafe", clip, NULL);
  assert_int_equal(run.code, 0);
  run_clear(&run);
}

/* Neither hides the other. */
static void
unsafe_and_failed_is_four(void **state)
{
  Run run = { 0 };
  g_autofree char *with_bound = bound_option(bound), *out = in_folder("four-out");
  g_autofree char *page = g_build_filename(out, "report.html", "x", NULL);
  run_hysac(&run, COMMON, with_bound, "--fail-on-unsafe", clip, "/nonexistent/x.mp4", NULL);
  assert_int_equal(run.code, 4);
  run_hysac(&run, COMMON, with_bound, clip, "/nonexistent/x.mp4", NULL);
  assert_int_equal(run.code, 1);
  run_hysac(&run, COMMON, "--bound", "100", "--fail-on-unsafe", clip, "/nonexistent/x.mp4", NULL);
  assert_int_equal(run.code, 1);
  /* A report that cannot be written is a failure too. */
  assert_int_equal(g_mkdir_with_parents(page, 0700), 0);
  run_hysac(&run, COMMON, with_bound, "--fail-on-unsafe", "--out", out, clip, NULL);
  assert_int_equal(run.code, 4);
  run_hysac(&run, COMMON, with_bound, "--out", out, clip, NULL);
  assert_int_equal(run.code, 1);
  /* So is output that does not get through. */
  g_autofree char *command = g_strdup_printf("exec \"%s\" scan --model \"%s\" --precision fp32 %s --fail-on-unsafe "
                                             "\"%s\" >/dev/full", g_getenv("HYSAC_TOOL"), model, with_bound, clip);
  const char *argv[] = { "/bin/sh", "-c", command, NULL };
  int status;
  assert_true(g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status, NULL));
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 4);
  run_clear(&run);
}

/* The demo model, and the precision that it is given: whatever that is, nothing is wrong. */
static void
what_was_chosen_is_told_where_asked_for(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "scan", "--model", "demo", clip, NULL);
  assert_int_equal(run.code, 0);
  assert_string_equal(run.err, "");
  run_hysac(&run, "scan", "--model", "demo", "--verbose", clip, NULL);
  assert_int_equal(run.code, 0);
  if (!strstr(run.err, "hysac: OpenCL device ") || !strstr(run.err, "hysac: engine for "))
    fail_msg("%s", run.err);
  run_clear(&run);
}

static void
a_bound_that_was_not_fitted_is_told(void **state)
{
  static const char note[] = "hysac: note: the bound is the model's own, not fitted";
  Run run = { 0 };
  g_autofree char *with_bound = bound_option(bound);
  run_hysac(&run, COMMON, "-i", "1s", clip, NULL);
  if (run.code != 0 || !g_str_has_prefix(run.err, note) || run.n_errors != 1)
    fail_msg("%d: %s", run.code, run.err);
  run_hysac(&run, COMMON, "-i", "1s", with_bound, clip, NULL);
  assert_true(run.code == 0 && !strstr(run.err, note));
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(says_what_the_element_says),
    cmocka_unit_test(keeps_the_element_s_rules_over_time),
    cmocka_unit_test(a_policy_file_says_the_same),
    cmocka_unit_test(files_at_once_change_nothing),
    cmocka_unit_test(a_folder_with_everything),
    cmocka_unit_test(wrong_usage_is_two),
    cmocka_unit_test(unsafe_is_three_where_asked_for),
    cmocka_unit_test(unsafe_and_failed_is_four),
    cmocka_unit_test(what_was_chosen_is_told_where_asked_for),
    cmocka_unit_test(a_bound_that_was_not_fitted_is_told),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  clip = in_folder("clip.mp4");
  make_shots(clip, 25);
  const char *args[] = { COMMON, "--sample-interval", "200ms", clip, NULL };
  bound = find_bound(args);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
