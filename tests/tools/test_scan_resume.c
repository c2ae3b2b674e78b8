/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: a long file that was stopped is not decoded again up to where it was, and what comes out is byte for byte
 * that of a scan in one go; where that cannot be had it is decoded from its beginning. */

#include "scans.h"

#include "tools/randomaccess.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder, *model;
static char *bound; /* an option: some of a clip's samples are above, some below */

#define SCAN "scan", "--model", model, "--precision", "fp32", "-i", "300ms"

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static guint
count(const char *text, const char *what)
{
  guint n = 0;
  for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
    n++;
  return n;
}

static char *
state_text(const char *out)
{
  g_autofree char *path = state_path(out);
  char *text = NULL;
  return path && g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

/* 1500 frames, coded as @coding says. */
static void
make_clip(const char *path, const char *coding)
{
  run_pipeline("videotestsrc pattern=ball num-buffers=1500 ! "
               "video/x-raw,format=I420,width=96,height=64,framerate=30000/1001 ! %s ! filesink location=\"%s\"",
               coding, path);
}

#define X264 "x264enc speed-preset=ultrafast key-int-max=30 bframes=3 b-adapt=false"

/* Kills a scan of @path as soon as it has left two points. */
static void
interrupt(const char *path, const char *out)
{
  g_autoptr(GError) error = NULL;
  const char *argv[] = { g_getenv("HYSAC_TOOL"), SCAN, bound, "--out", out, path, NULL };
  GPid pid;
  int status;
  if (!g_spawn_async(NULL, (char **) argv, NULL,
                     G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                     &pid, &error))
    fail_msg("%s", error->message);
  for (gboolean enough = FALSE; !enough;) {
    g_autofree char *text = state_text(out);
    enough = count(text, "\"type\":\"point\"") >= 2 && text[strlen(text) - 1] == '\n';
    g_usleep(1000);
    if (!enough && waitpid(pid, &status, WNOHANG) != 0)
      fail_msg("it ended before anybody stopped it");
  }
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status));
  /* It may have come further than was looked at: two points, then some samples. */
  g_autofree char *where = state_path(out), *text = state_text(out);
  char *end = text;
  for (guint i = 0; i < 2; i++)
    end = strstr(end, "\"type\":\"point\"") + 1;
  end = strchr(end, '\n') + 1;
  for (guint i = 0; i < 5 && strchr(end, '\n') != NULL && g_str_has_prefix(end, "{\"type\":\"sample\""); i++)
    end = strchr(end, '\n') + 1;
  assert_true(g_file_set_contents(where, text, end - text, NULL));
}

/* Overwrites @part of the file, 0 ... 1 of it, as if it had not been touched. */
static void
spoil(const char *path, double from, double to)
{
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  const int fd = open(path, O_WRONLY);
  const off_t begin = (off_t) (from * (double) st.st_size), end = (off_t) (to * (double) st.st_size);
  for (off_t at = begin; at < end; at++)
    assert_int_equal(pwrite(fd, "\xff", 1, at), 1);
  const struct timespec times[2] = { st.st_atim, st.st_mtim };
  assert_int_equal(futimens(fd, times), 0);
  close(fd);
}

/* Interrupts a scan of @name, spoils a part of it if it is to be spoiled, and goes on: as @how says, with the result of
 * one in one go, which does see what is spoiled behind the point, but not what is before it. */
static void
take_up(const char *name, const char *how, double from, double to, gboolean seen)
{
  Run run = { 0 };
  g_autofree char *path = in_folder(name), *out = in_folder("out"), *fresh = in_folder("fresh");
  interrupt(path, out);
  if (seen)
    spoil(path, from, to);
  run_hysac(&run, SCAN, bound, "--out", fresh, path, NULL);
  assert_in_range(run.code, 0, 1);
  assert_non_null(strstr(run.out, "unsafe"));
  if (!seen)
    spoil(path, from, to);
  run_hysac(&run, SCAN, bound, "--verbose", "--out", out, path, NULL);
  if (strstr(run.err, how) == NULL)
    fail_msg("%s", run.err);
  /* The sum is of what was decoded now. */
  const char *decoded = strstr(run.err, "goes on at") && !strstr(run.err, "from its beginning") ? "\n0:33." : "\n0:50.0";
  if (strstr(run.out, decoded) == NULL)
    fail_msg("%s%s", run.err, run.out);
  expect_same(out, fresh);
  remove_folder(g_steal_pointer(&out));
  remove_folder(g_steal_pointer(&fresh));
  run_clear(&run);
}

/* What lies before the point is not even looked at: it can be gone. */
static void
what_was_seen_is_not_decoded_again(void **state)
{
  g_autofree char *path = in_folder("long.mp4");
  make_clip(path, X264 " ! h264parse ! mp4mux faststart=true");
  take_up("long.mp4", "goes on at frame 500", 0.15, 0.2, FALSE);
}

/* The decoder may lose frames there, or hide that it did. */
static void
damage_behind_it_is_told_as_ever(void **state)
{
  g_autofree char *path = in_folder("damaged.mp4");
  make_clip(path, X264 " ! h264parse ! mp4mux faststart=true");
  take_up("damaged.mp4", "goes on at frame 500", 0.9, 0.95, TRUE);
}

/* Its key frames do not make the decoder forget what was before. */
static void
open_groups_are_decoded_from_the_beginning(void **state)
{
  g_autofree char *path = in_folder("open.mp4");
  make_clip(path, X264 " option-string=\"open-gop=1:scenecut=0\" ! h264parse ! mp4mux");
  take_up("open.mp4", "is decoded from its beginning", 0, 0, FALSE);
}

/* After a seek GStreamer ends a Matroska file where that says that it ends. */
static void
a_stated_end_is_not_believed(void **state)
{
  g_autofree char *path = in_folder("stated.mkv");
  make_clip(path, X264 " ! h264parse ! matroskamux");
  take_up("stated.mkv", "is decoded from its beginning", 0, 0, FALSE);
}

static void
every_picture_alone_is_enough(void **state)
{
  g_autofree char *path = in_folder("pictures.avi");
  make_clip(path, "jpegenc ! avimux");
  take_up("pictures.avi", "goes on at frame 500", 0, 0, FALSE);
}

/* Another bound makes other pictures of what was found: those before the point are needed too. */
static void
another_bound_needs_the_pictures(void **state)
{
  Run run = { 0 };
  g_autofree char *path = in_folder("bound.mp4"), *out = in_folder("out"), *fresh = in_folder("fresh");
  interrupt(path, out);
  run_hysac(&run, SCAN, "--bound=1", "--verbose", "--out", out, path, NULL);
  assert_int_equal(run.code, 0);
  assert_null(strstr(run.err, "goes on"));
  run_hysac(&run, SCAN, "--bound=1", "--out", fresh, path, NULL);
  expect_same(out, fresh);
  remove_folder(g_steal_pointer(&out));
  remove_folder(g_steal_pointer(&fresh));
  run_clear(&run);
}

/* Points that were edited are none, and do no harm. */
static void
edited_points_do_no_harm(void **state)
{
  static const char *const edits[][2] = {
    { "\"frames\":[[1,", "\"frames\":[[0," },        { "\"frames\":[[1,", "\"frames\":[[99999999999,"},
    { "\"checksum\":\"", "\"checksum\":\"0" },      { "\"motion\":", "\"motion\":\"x\",\"m\":" },
    { "\"caps\":\"video", "\"caps\":\"audio" },     { "\"boundaries\":[", "\"boundaries\":[777777777," },
    { "\"thumbs\":[", "\"thumbs\":[7" },            { "\"best_marks\":", "\"best_marks\":-" },
  };
  g_autofree char *path = in_folder("bound.mp4"), *out = in_folder("out"), *fresh = in_folder("fresh");
  Run run = { 0 };
  interrupt(path, out);
  run_hysac(&run, SCAN, bound, "--out", fresh, path, NULL);
  g_autofree char *where = state_path(out), *text = state_text(out);
  for (guint i = 0; i < G_N_ELEMENTS(edits); i++) {
    char *point = strstr(text, "\"type\":\"point\""), *at = strstr(point, edits[i][0]);
    if (at == NULL)
      fail_msg("no %s in %.2000s", edits[i][0], point);
    g_autofree char *edited =
        g_strdup_printf("%.*s%s%s", (int) (at - text), text, edits[i][1], at + strlen(edits[i][0]));
    assert_true(g_file_set_contents(where, edited, -1, NULL));
    run_hysac(&run, SCAN, bound, "--out", out, path, NULL);
    if (run.code != 0)
      fail_msg("case %u: %d %s", i, run.code, run.err);
    expect_same(out, fresh);
  }
  remove_folder(g_steal_pointer(&out));
  remove_folder(g_steal_pointer(&fresh));
  run_clear(&run);
}

static gboolean
afresh(ToolCoding coding, const char *config, gsize config_size, const char *data, gsize size)
{
  return tool_random_access(coding, (const guint8 *) config, config_size, (const guint8 *) data, size);
}

/* Which pictures make the decoder forget. Lengths of 4 bytes are for avcC and hvcC. */
static void
what_begins_afresh(void **state)
{
  const ToolCoding h264 = TOOL_CODING_H264, h265 = TOOL_CODING_H265;
  char hvcc[23] = { 1 };
  hvcc[21] = 3;
  assert_true(afresh(h264, "\1d\0\x28\xff", 5, "\0\0\0\2\x06\1\0\0\0\2\x65\1", 12));
  assert_false(afresh(h264, "\1d\0\x28\xff", 5, "\0\0\0\2\x06\1\0\0\0\2\x41\1", 12));  /* an I picture */
  assert_false(afresh(h264, "\1d\0\x28\xff", 5, "\0\0\0\2\x65\1\0\0\0\2\x41\1", 12));  /* both */
  assert_false(afresh(h264, "\1d\0\x28\xff", 5, "\0\0\0\2\x65\1\0\0\0\3\x65\1", 12));  /* cut */
  assert_false(afresh(h264, "\1d\0\x28\xff", 5, "\xff\xff\xff\xff\x65\1", 6));
  assert_false(afresh(h264, "\1d\0\x28", 4, "\0\0\0\2\x65\1", 6));
  assert_true(afresh(h264, "\1d\0\x28\xfc", 5, "\2\x65\1", 3)); /* lengths of a byte */
  assert_true(afresh(h264, NULL, 0, "\0\0\0\1\x67\1\0\0\1\x68\1\0\0\1\x65\1", 16));
  assert_false(afresh(h264, NULL, 0, "\0\0\0\1\x67\1\0\0\1\x65\1", 11)); /* no picture parameter set */
  assert_true(afresh(h265, hvcc, sizeof hvcc, "\0\0\0\2\x26\1", 6));     /* IDR */
  assert_true(afresh(h265, hvcc, sizeof hvcc, "\0\0\0\2\x2a\1", 6));     /* CRA */
  assert_false(afresh(h265, hvcc, sizeof hvcc, "\0\0\0\2\x02\1", 6));    /* trailing */
  assert_false(afresh(h265, hvcc, 21, "\0\0\0\2\x26\1", 6));
  assert_true(afresh(TOOL_CODING_VP8, NULL, 0, "\x10", 1));
  assert_false(afresh(TOOL_CODING_VP8, NULL, 0, "\x11", 1));
  assert_true(afresh(TOOL_CODING_VP9, NULL, 0, "\x82", 1));  /* profile 0, a key frame */
  assert_false(afresh(TOOL_CODING_VP9, NULL, 0, "\x86", 1)); /* not one */
  assert_false(afresh(TOOL_CODING_VP9, NULL, 0, "\x8a", 1)); /* shows one that is there */
  assert_true(afresh(TOOL_CODING_VP9, NULL, 0, "\xb1", 1));  /* profile 3 */
  assert_false(afresh(TOOL_CODING_VP9, NULL, 0, "\xb3", 1));
  assert_true(afresh(TOOL_CODING_JPEG, NULL, 0, "\xff", 1));
  assert_false(afresh(TOOL_CODING_JPEG, NULL, 0, "", 0));
  assert_false(afresh(TOOL_CODING_UNKNOWN, NULL, 0, "\x65", 1));
  assert_int_equal(tool_coding_from_name("video/x-h264"), h264);
  assert_int_equal(tool_coding_from_name("video/mpeg"), TOOL_CODING_UNKNOWN);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_begins_afresh),
    cmocka_unit_test(what_was_seen_is_not_decoded_again),
    cmocka_unit_test(damage_behind_it_is_told_as_ever),
    cmocka_unit_test(open_groups_are_decoded_from_the_beginning),
    cmocka_unit_test(a_stated_end_is_not_believed),
    cmocka_unit_test(every_picture_alone_is_enough),
    cmocka_unit_test(another_bound_needs_the_pictures),
    cmocka_unit_test(edited_points_do_no_harm),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  g_autofree char *path = in_folder("bound.mp4");
  make_clip(path, X264 " ! h264parse ! mp4mux faststart=true");
  const char *args[] = { SCAN, path, NULL };
  bound = bound_option(find_bound(args));
  const int failed = cmocka_run_group_tests_name("scan_resume", tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
