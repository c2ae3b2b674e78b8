/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan on files of several video streams: each is scanned as if it were alone, and what is wrong with one is told
 * of that; covers, files put one behind the other, streams that nothing decodes; stopped and taken up again. */

#include "scans.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static char *folder, *model;
static char *tame, *wild; /* clips of one stream; wild's farthest sample is farther than tame's */
static double bound;      /* between these */

#define COMMON "scan", "--model", model, "--precision", "fp32"
#define CAPS "video/x-raw,format=I420,width=64,height=48,framerate=25/1"

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static double
peak(const char *path)
{
  Run run = { 0 };
  run_hysac(&run, COMMON, "--json", path, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  const double most = json_number(run.lines[run.n_lines - 2], "peak_distance");
  run_clear(&run);
  return most;
}

/* (transfer full) */
static char *
both(const char *name, const char *first, const char *second)
{
  char *path = in_folder(name);
  make_both(path, first, second);
  return path;
}

/* The lines of @type of stream @stream (0: that has none) with that taken out. (transfer full) */
static char *
lines_of(const Run *run, const char *type, guint stream)
{
  GString *out = g_string_new(NULL);
  g_autofree char *mark = g_strdup_printf(",\"stream\":%u", stream);
  for (guint i = 0; i < run->n_lines; i++) {
    char *at = stream > 0 ? strstr(run->lines[i], mark) : run->lines[i];
    if (!is_type(run->lines[i], type) || at == NULL)
      continue;
    if (stream > 0)
      g_string_append_len(out, run->lines[i], at - run->lines[i]);
    g_string_append_printf(out, "%s\n", stream > 0 ? at + strlen(mark) : at);
  }
  return g_string_free(out, FALSE);
}

static void
each_stream_is_scanned_as_if_alone(void **state)
{
  static const char *const types[] = { "sample", "segment" };
  static const char *const names[] = { "both.mp4", "both.mkv" };
  g_autofree char *with_bound = bound_option(bound);
  char *alone[] = { tame, wild };
  for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
    Run all = { 0 }, one = { 0 };
    g_autofree char *path = both(names[n], tame, wild), *out = in_folder("out");
    run_hysac(&all, COMMON, with_bound, "--json", "--out", out, path, NULL);
    assert_int_equal(all.code, 0);
    expect_file(&all, names[n], "unsafe", "complete", NULL);
    for (guint i = 0; i < 2; i++) {
      run_hysac(&one, COMMON, with_bound, "--json", alone[i], NULL);
      for (guint t = 0; t < G_N_ELEMENTS(types) && n == 0; t++) { /* Matroska's times are rounded */
        g_autofree char *got = lines_of(&all, types[t], i + 1), *want = lines_of(&one, types[t], 0);
        assert_true((want[0] != '\0') == (t == 0 || i == 1));
        assert_string_equal(got, want);
      }
    }
    const char *line = line_of(&all, "file", names[n]);
    assert_true(json_number(line, "video_streams") == 2 && json_number(line, "peak_stream") == 2);
    assert_true(json_number(line, "peak_distance") == json_number(line_of(&one, "file", ".mp4"), "peak_distance"));
    assert_true(json_number(line, "frames") == 175);
    assert_non_null(strstr(line, "\"streams\":[{\"stream\":1,\"status\":\"complete\",\"error\":null,\"width\":64,"));
    assert_non_null(strstr(line, "{\"stream\":2,\"status\":\"complete\""));
    assert_null(strstr(line_of(&one, "file", ".mp4"), "\"stream"));

    g_autofree char *page = read_file(out, "report.html", NULL);
    assert_non_null(strstr(page, "2 video streams, 2 of them looked at"));
    const char *second = strstr(page, "<h3>Video stream 2</h3>");
    assert_non_null(strstr(page, "<h3>Video stream 1</h3>"));
    assert_non_null(second);
    assert_null(g_strstr_len(page, second - page, "data:image/"));
    assert_non_null(strstr(second, "data:image/"));
    assert_non_null(strstr(page, "aria-labelledby=\"t1-2 d1-2\""));
    g_autofree char *safe = g_strdup_printf("segments/0001-%s.vtt", names[n]);
    g_autofree char *unsafe = g_strdup_printf("segments/0001-%s-stream2.vtt", names[n]);
    g_autofree char *a = read_file(out, safe, NULL), *b = read_file(out, unsafe, NULL);
    assert_null(strstr(a, "-->"));
    assert_non_null(strstr(b, "-->"));
    assert_non_null(strstr(b, "video stream 2"));

    run_hysac(&one, COMMON, with_bound, "--fail-on-unsafe", path, NULL);
    assert_int_equal(one.code, 3);
    assert_non_null(strstr(one.out, "unsafe, video stream 2\n"));
    assert_null(strstr(one.out, "video stream 1\n"));
    remove_folder(g_steal_pointer(&out));
    run_clear(&all);
    run_clear(&one);
  }
}

/* One that is shorter is whole where the file is; where that was cut short nothing is. */
static void
streams_may_differ_in_length(void **state)
{
  static const char *const names[] = { "length.mp4", "length.mkv" };
  g_autofree char *brief = in_folder("brief.mp4");
  Run run = { 0 };
  make_mp4(brief, "smpte", 20);
  for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
    g_autofree char *path = both(names[n], tame, brief), *cut_name = g_strconcat("cut-", names[n], NULL);
    g_autofree char *cut = in_folder(cut_name);
    run_hysac(&run, COMMON, "--bound=100", "--json", path, NULL);
    assert_int_equal(run.code, 0);
    expect_file(&run, names[n], "safe", "complete", NULL);
    assert_true(json_number(line_of(&run, "file", names[n]), "duration") == 4e9);
    make_truncated(path, cut, 0.9);
    run_hysac(&run, COMMON, "--bound=100", "--json", cut, NULL);
    assert_int_equal(run.code, 1);
    expect_file(&run, cut_name, "failed", "partial", "");
  }
  run_clear(&run);
}

static void
damage_is_told_of_the_stream_that_has_it(void **state)
{
  g_autofree char *bad = in_folder("bad.mp4"), *alone = NULL;
  Run run = { 0 };
  make_damaged(tame, bad, 0.3, 0.5);
  run_hysac(&run, COMMON, "--bound=100", "--json", wild, NULL);
  alone = lines_of(&run, "sample", 0);
  for (guint i = 0; i < 2; i++) {
    g_autofree char *path = both(i ? "second.mp4" : "first.mp4", i ? wild : bad, i ? bad : wild);
    run_hysac(&run, COMMON, "--bound=100", "--json", path, NULL);
    assert_int_equal(run.code, 1);
    const char *line = line_of(&run, "file", i ? "second.mp4" : "first.mp4");
    g_autofree char *good = g_strdup_printf("{\"stream\":%u,\"status\":\"complete\",\"error\":null", i ? 1 : 2);
    g_autofree char *damaged = g_strdup_printf("{\"stream\":%u,\"status\":\"partial\",\"error\":\"", i ? 2 : 1);
    g_autofree char *told = g_strdup_printf("\"error\":\"video stream %u: ", i ? 2 : 1);
    assert_non_null(strstr(line, "\"verdict\":\"failed\",\"status\":\"partial\""));
    assert_non_null(strstr(line, "could not be decoded"));
    assert_non_null(strstr(line, good));
    assert_non_null(strstr(line, damaged));
    assert_non_null(strstr(line, told));
    g_autofree char *samples = lines_of(&run, "sample", i ? 1 : 2);
    assert_string_equal(samples, alone);
  }
  run_clear(&run);
}

/* A picture beside sound has no length, and is judged as what it is. */
static void
a_cover_is_one_picture(void **state)
{
  Run run = { 0 };
  g_autofree char *music = in_folder("music"), *cover = g_build_filename(music, "cover.mka", NULL);
  g_autofree char *plain = g_build_filename(music, "plain.ogg", NULL), *cut = g_build_filename(music, "cut.mka", NULL);
  g_autofree char *video = g_build_filename(music, "video.mkv", NULL);
  assert_int_equal(g_mkdir(music, 0700), 0);
  run_pipeline("matroskamux name=m ! filesink location=\"%s\" "
               "videotestsrc pattern=ball num-buffers=1 ! " CAPS " ! jpegenc ! m. "
               "audiotestsrc num-buffers=1000 ! vorbisenc ! m.", cover);
  run_pipeline("matroskamux name=m ! filesink location=\"%s\" "
               "videotestsrc pattern=ball num-buffers=1 ! " CAPS " ! jpegenc ! m. "
               "videotestsrc num-buffers=75 ! " CAPS " ! x264enc ! m.", video);
  run_pipeline("audiotestsrc num-buffers=100 ! vorbisenc ! oggmux ! filesink location=\"%s\"", plain);
  make_truncated(cover, cut, 0.5);
  run_hysac(&run, COMMON, "--bound=100", "--json", music, NULL);
  assert_int_equal(run.code, 1);
  expect_file(&run, "cover.mka", "safe", "complete", NULL);
  assert_true(json_number(line_of(&run, "file", "cover.mka"), "samples") == 1);
  expect_file(&run, "video.mkv", "safe", "complete", NULL);
  assert_true(json_number(line_of(&run, "file", "video.mkv"), "video_streams") == 2);
  expect_file(&run, "plain.ogg", "none", "no-video", "");
  expect_file(&run, "cut.mka", "failed", "partial", "");
  run_hysac(&run, COMMON, "--bound=0.001", "--json", cover, NULL);
  expect_file(&run, "cover.mka", "unsafe", "complete", NULL);
  run_clear(&run);
}

/* Ogg files may be put one behind the other; then other streams begin. */
static void
what_follows_in_a_file_is_scanned(void **state)
{
  Run run = { 0 };
  g_autofree char *first = in_folder("1.ogv"), *second = in_folder("2.ogv"), *chain = in_folder("chain.ogv");
  run_pipeline("videotestsrc num-buffers=30 ! " CAPS " ! theoraenc ! oggmux ! filesink location=\"%s\"", first);
  run_pipeline("videotestsrc pattern=ball num-buffers=40 ! " CAPS " ! theoraenc ! oggmux ! filesink location=\"%s\"",
               second);
  make_chain(chain, first, second);
  run_hysac(&run, COMMON, "--bound=100", "--json", chain, NULL);
  assert_int_equal(run.code, 0);
  expect_file(&run, "chain.ogv", "safe", "complete", NULL);
  assert_true(json_number(line_of(&run, "file", "chain.ogv"), "frames") == 70);
  run_clear(&run);
}

static void
what_nothing_decodes_is_told(void **state)
{
  Run run = { 0 };
  g_autofree char *path = both("odd.mkv", tame, wild), *data = NULL;
  gsize size;
  data = read_file(folder, "odd.mkv", &size);
  char *at = memmem(data, size, "V_MPEG4/ISO/AVC", 15);
  at = at ? memmem(at + 1, size - (gsize) (at + 1 - data), "V_MPEG4/ISO/AVC", 15) : NULL;
  assert_non_null(at);
  memcpy(at, "V_NOBODY/KNOWS", 15);
  write_file(folder, "odd.mkv", data, (gssize) size);
  run_hysac(&run, COMMON, "--bound=100", "--json", path, NULL);
  assert_int_equal(run.code, 1);
  expect_file(&run, "odd.mkv", "failed", "partial", "1 more video stream(s) in it cannot be decoded");
  run_clear(&run);
}

/* What is kept of stream 2; NULL: nothing. */
static char *
second_state(const char *out)
{
  g_autofree char *first = state_path(out);
  char *text = NULL;
  if (first == NULL)
    return NULL;
  g_autofree char *second = g_strdup_printf("%.*s-2.jsonl", (int) (strlen(first) - strlen(".jsonl")), first);
  return g_file_get_contents(second, &text, NULL, NULL) ? text : NULL;
}

static void
goes_on_inside_a_stream(void **state)
{
  Run run = { 0 };
  g_autofree char *one = in_folder("one.mp4"), *two = in_folder("two.mp4"), *out = in_folder("stopped");
  g_autofree char *fresh = in_folder("fresh"), *none = in_folder("none"), *with_bound = bound_option(bound);
  make_mp4(one, "smpte", 300);
  make_mp4(two, "ball", 1500);
  g_autofree char *path = both("long.mp4", one, two);
  const char *argv[] = { g_getenv("HYSAC_TOOL"), COMMON, "-i", "0", with_bound, "--out", out, path, NULL };
  GPid pid;
  int status;
  assert_true(g_spawn_async(NULL, (char **) argv, NULL,
                            G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                            NULL, &pid, NULL));
  for (gboolean enough = FALSE; !enough;) {
    g_autofree char *text = second_state(out);
    enough = text != NULL && strstr(text, "\"type\":\"point\"") != NULL;
    g_usleep(1000);
    if (!enough && waitpid(pid, &status, WNOHANG) != 0)
      fail_msg("it ended before anybody stopped it");
  }
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  run_hysac(&run, COMMON, "-i", "0", with_bound, "--verbose", "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.err, "goes on at frame"));
  run_hysac(&run, COMMON, "-i", "0", with_bound, "--out", fresh, path, NULL);
  assert_int_equal(run.code, 0);
  expect_same(out, fresh);
  /* What is finished is not opened: nothing could decode it. */
  run_setenv("GST_PLUGIN_SYSTEM_PATH_1_0", none);
  run_setenv("GST_PLUGIN_PATH", none);
  run_setenv("GST_REGISTRY_1_0", "/nonexistent/registry");
  run_hysac(&run, COMMON, "-i", "0", with_bound, "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  expect_same(out, fresh);
  run_setenv("GST_PLUGIN_SYSTEM_PATH_1_0", NULL);
  run_setenv("GST_PLUGIN_PATH", NULL);
  run_setenv("GST_REGISTRY_1_0", NULL);
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_stream_is_scanned_as_if_alone),
    cmocka_unit_test(streams_may_differ_in_length),
    cmocka_unit_test(damage_is_told_of_the_stream_that_has_it),
    cmocka_unit_test(a_cover_is_one_picture),
    cmocka_unit_test(what_follows_in_a_file_is_scanned),
    cmocka_unit_test(what_nothing_decodes_is_told),
    cmocka_unit_test(goes_on_inside_a_stream),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  tame = in_folder("tame.mp4");
  wild = in_folder("wild.mp4");
  make_mp4(tame, "smpte", 100);
  make_mp4(wild, "ball", 75);
  double low = peak(tame), high = peak(wild);
  if (low > high) {
    make_mp4(tame, "ball", 100);
    make_mp4(wild, "smpte", 75);
    low = peak(tame);
    high = peak(wild);
  }
  if (high - low < 1e-3)
    fail_msg("both are as far: %g, %g", low, high);
  bound = (low + high) / 2;
  const int failed = cmocka_run_group_tests_name("scan_streams", tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
