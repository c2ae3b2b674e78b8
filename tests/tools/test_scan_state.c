/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: what it keeps of what it has done. Stopped and taken up again, with damaged state, and on a full disk. */

#include "scans.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
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

static guint
count_samples(const char *out)
{
  g_autofree char *states = g_build_filename(out, "state", NULL);
  g_autoptr(GDir) dir = g_dir_open(states, 0, NULL);
  const char *name;
  guint n = 0;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(states, name, NULL), *text = NULL;
    if (!g_str_has_suffix(name, ".jsonl") || !g_file_get_contents(path, &text, NULL, NULL))
      continue;
    for (const char *at = text; (at = strstr(at, "\"type\":\"sample\"")) != NULL; at++)
      n++;
  }
  return n;
}

/* Starts a scan, sends @number when some samples are on disk; its wait status. */
static int
interrupt(const char *path, const char *out, int number)
{
  g_autoptr(GError) error = NULL;
  const char *argv[] = { g_getenv("HYSAC_TOOL"), COMMON, "-i", "0", "--out", out, path, NULL };
  GPid pid;
  int status;
  if (!g_spawn_async(NULL, (char **) argv, NULL,
                     G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                     NULL, NULL, &pid, &error))
    fail_msg("%s", error->message);
  while (count_samples(out) < 3) {
    g_usleep(2000);
    if (waitpid(pid, &status, WNOHANG) != 0)
      fail_msg("it ended before anybody stopped it");
  }
  kill(pid, number);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}

static void
goes_on_where_it_was_stopped(void **state)
{
  Run run = { 0 };
  g_autofree char *path = in_folder("long.mp4"), *out = in_folder("stopped"), *fresh = in_folder("fresh");
  make_mp4(path, "ball", 1500);
  const int status = interrupt(path, out, SIGINT);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 130);
  const guint before = count_samples(out);
  g_autofree char *stopped = read_file(out, "scan.jsonl", NULL), *page = read_file(out, "report.html", NULL);
  assert_non_null(strstr(stopped, "\"status\":\"stopped\""));
  assert_non_null(strstr(stopped, "\"stopped\":true"));
  assert_non_null(strstr(page, "stopped before its end"));
  assert_true(before >= 3 && before < 1500);

  const int killed = interrupt(path, out, SIGKILL);
  assert_true(WIFSIGNALED(killed));
  const guint more = count_samples(out);
  assert_true(more >= before && more < 1500);

  run_hysac(&run, COMMON, "-i", "0", "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(count_samples(out), 1500); /* nothing was scored twice */
  run_hysac(&run, COMMON, "-i", "0", "--out", fresh, path, NULL);
  assert_int_equal(run.code, 0);
  g_autofree char *a = read_file(out, "scan.jsonl", NULL), *b = read_file(fresh, "scan.jsonl", NULL);
  g_autofree char *c = read_file(out, "report.html", NULL), *d = read_file(fresh, "report.html", NULL);
  assert_string_equal(a, b);
  assert_string_equal(c, d);
  run_clear(&run);
}

/* What is finished is not even opened; what is another file, is. */
static void
finished_files_are_not_read_again(void **state)
{
  Run run = { 0 };
  g_autofree char *path = in_folder("finished.mp4"), *out = in_folder("finished");
  g_autofree char *with_bound = bound_option(bound), *none = in_folder("no-plugins");
  assert_true(g_file_set_contents(path, "", 0, NULL));
  make_shots(path, 10);
  run_hysac(&run, COMMON, with_bound, "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  g_autofree char *first = read_file(out, "scan.jsonl", NULL), *page = read_file(out, "report.html", NULL);
  assert_non_null(strstr(page, "data:image/png"));
  run_setenv("GST_PLUGIN_SYSTEM_PATH_1_0", none);
  run_setenv("GST_PLUGIN_PATH", none);
  run_setenv("GST_REGISTRY_1_0", "/nonexistent/registry");
  run_hysac(&run, COMMON, with_bound, "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  g_autofree char *second = read_file(out, "scan.jsonl", NULL), *page2 = read_file(out, "report.html", NULL);
  assert_string_equal(first, second);
  assert_string_equal(page, page2);
  /* Other settings, another time of change, a line that was cut: it must be decoded, and cannot. */
  run_hysac(&run, COMMON, with_bound, "-k", "2", "--out", out, path, NULL);
  assert_int_equal(run.code, 1);
  run_hysac(&run, COMMON, with_bound, "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  const struct timespec times[2] = { { 1000, 7 }, { 1000, 7 } };
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
  run_hysac(&run, COMMON, with_bound, "--out", out, path, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.out, "missing"));
  run_setenv("GST_PLUGIN_SYSTEM_PATH_1_0", NULL);
  run_setenv("GST_PLUGIN_PATH", NULL);
  run_setenv("GST_REGISTRY_1_0", NULL);
  run_clear(&run);
}

/* State that was cut, edited or is none: what holds is taken, and the result is the same. */
static void
damaged_state_does_no_harm(void **state)
{
  Run run = { 0 };
  g_autofree char *path = in_folder("damaged.mp4"), *out = in_folder("damaged");
  make_mp4(path, "ball", 50);
  run_hysac(&run, COMMON, "-i", "0", "--out", out, path, NULL);
  g_autofree char *whole = read_file(out, "scan.jsonl", NULL), *where = state_path(out), *text = NULL;
  gsize n;
  assert_true(g_file_get_contents(where, &text, &n, NULL));
  char *second = strchr(text, '\n') + 1;
  const gsize head = (gsize) (second - text);
  g_autofree char *deep = g_malloc(n + 200000);
  memcpy(deep, text, head);
  memset(deep + head, '[', 200000);
  memcpy(deep + head + 200000, second, n - head);
  const struct {
    const char *data;
    gsize size;
  } cases[] = { { text, n / 2 }, { text, n - 1 }, { text, head - 1 }, { "", 0 }, { "\0\n", 2 },
                { second, n - head }, { deep, n + 200000 } };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    assert_true(g_file_set_contents(where, cases[i].data, (gssize) cases[i].size, NULL));
    run_hysac(&run, COMMON, "-i", "0", "--out", out, path, NULL);
    if (run.code != 0)
      fail_msg("case %u: %d %s", i, run.code, run.err);
    g_autofree char *now = read_file(out, "scan.jsonl", NULL), *kept = NULL;
    assert_string_equal(now, whole);
    assert_true(g_file_get_contents(where, &kept, NULL, NULL));
    assert_string_equal(kept, text); /* and it is whole again */
  }
  run_clear(&run);
}

/* ------------------------------------------------------------------ disks */

static void
a_full_disk_loses_no_verdict(void **state)
{
  Run run = { 0 };
  g_autofree char *path = in_folder("full.mp4"), *out = in_folder("full"), *plain = in_folder("plain");
  make_mp4(path, "ball", 200);
  run_hysac(&run, COMMON, "-i", "0", "--json", "--out", plain, path, NULL);
  g_autofree char *want = g_strdup(run.out);
  /* No file may grow beyond 8 blocks: the state's writes fail half way, and so do the report's. */
  const char *tool = g_getenv("HYSAC_TOOL");
  g_autofree char *command = g_strdup_printf(
      "trap '' XFSZ; ulimit -f 8; exec \"%s\" scan --model \"%s\" --precision fp32 -i 0 --json --out \"%s\" \"%s\"",
      tool, model, out, path);
  const char *argv[] = { "/bin/sh", "-c", command, NULL };
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL, *errors = NULL;
  int status;
  if (!g_spawn_sync(NULL, (char **) argv, NULL, 0, NULL, NULL, &text, &errors, &status, &error))
    fail_msg("%s", error->message);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 1);
  assert_string_equal(text, want);
  assert_non_null(strstr(errors, "will be scored again"));
  assert_non_null(strstr(errors, "report could not be written"));
  /* With room again it goes on from what was written. */
  const guint kept = count_samples(out);
  assert_true(kept > 5 && kept < 200);
  run_hysac(&run, COMMON, "-i", "0", "--json", "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  assert_string_equal(run.out, want);
  assert_int_equal(count_samples(out), 200);
  run_clear(&run);
}

static void
a_report_that_cannot_be_written_is_told(void **state)
{
  Run run = { 0 };
  g_autofree char *out = in_folder("taken"), *page = g_build_filename(out, "report.html", "x", NULL);
  assert_int_equal(g_mkdir_with_parents(page, 0700), 0);
  run_hysac(&run, COMMON, "--out", out, clip, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "report.html"));
  assert_true(run.n_lines >= 2);
  run_hysac(&run, COMMON, "--out", clip, clip, NULL);
  expect_failure(&run, 1, clip, NULL);
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(goes_on_where_it_was_stopped),
    cmocka_unit_test(finished_files_are_not_read_again),
    cmocka_unit_test(damaged_state_does_no_harm),
    cmocka_unit_test(a_full_disk_loses_no_verdict),
    cmocka_unit_test(a_report_that_cannot_be_written_is_told),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  clip = in_folder("clip.mp4");
  make_shots(clip, 25);
  const char *args[] = { COMMON, "--sample-interval", "200ms", clip, NULL };
  bound = find_bound(args);
  const int failed = cmocka_run_group_tests_name("scan_state", tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
