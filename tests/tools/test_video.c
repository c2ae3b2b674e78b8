/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reader of videos: every frame once with its time, and every bad file by its reason. */

#include "clips.h"

#include "tools/video.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static char *folder;

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

/* Reads to the end; the number of frames, and what ended it. */
static guint64
read_all(const char *name, ToolVideoInfo *info, GError **error)
{
  g_autoptr(ToolVideo) video = tool_video_open(name, 0, error);
  ToolVideoFrame *frame;
  guint64 n = 0;
  gint64 last = -1;
  if (video == NULL)
    return 0;
  while ((frame = tool_video_next(video, NULL, error)) != NULL) {
    assert_int_equal(frame->number, n);
    assert_int_equal(frame->boundary, n == 0);
    assert_true(frame->time > last);
    last = frame->time;
    n++;
    tool_video_frame_unref(frame);
  }
  tool_video_get_info(video, info);
  return n;
}

static void
every_frame_comes_once(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = in_folder("whole.mp4");
  ToolVideoInfo info;
  make_mp4(path, "smpte", 60);
  assert_int_equal(read_all(path, &info, &error), 60);
  assert_null(error);
  assert_int_equal(info.width, 64);
  assert_int_equal(info.height, 48);
  assert_int_equal(info.fps_num, 25);
  assert_int_equal(info.frames, 60);
  assert_int_equal(info.position, 2400 * G_GINT64_CONSTANT(1000000));
  assert_true(ABS(info.duration - info.position) <= 40000000);
  assert_int_equal(info.warnings, 0);
  assert_int_equal(info.other_videos, 0);
  g_autofree char *uri = g_strconcat("file://", path, NULL);
  assert_int_equal(read_all(uri, &info, &error), 60);
}

/* Frames outlive the video, and many may be held. */
static void
frames_can_be_held(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = in_folder("held.mp4");
  ToolVideoFrame *held[40];
  make_mp4(path, "ball", 40);
  ToolVideo *video = tool_video_open(path, 0, &error);
  for (guint i = 0; i < G_N_ELEMENTS(held); i++)
    assert_non_null(held[i] = tool_video_next(video, NULL, &error));
  tool_video_close(video);
  for (guint i = 0; i < G_N_ELEMENTS(held); i++) {
    assert_true(hysac_frame_check(&held[i]->picture, &error));
    g_autofree guint8 *rgb = tool_video_frame_to_rgb(held[i], 16, 9);
    assert_non_null(rgb);
    tool_video_frame_unref(held[i]);
  }
}

/* Writes "show this turned by 90 degrees" into an MP4, where phones do: the matrix of the track's
 * header (ISO 14496-12, 8.3.2), which begins 40 bytes behind the name of that box. */
static void
turn(const char *path)
{
  static const guint8 matrix[36] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0,
                                     0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0 };
  g_autofree char *data = NULL;
  gsize n;
  assert_true(g_file_get_contents(path, &data, &n, NULL));
  char *header = memmem(data, n, "tkhd", 4);
  assert_non_null(header);
  memcpy(header + 44, matrix, sizeof matrix);
  assert_true(g_file_set_contents(path, data, (gssize) n, NULL));
}

static void
pictures_are_turned_as_marked(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = in_folder("turned.mp4");
  ToolVideoInfo info;
  make_mp4(path, "smpte", 5);
  turn(path);
  assert_int_equal(read_all(path, &info, &error), 5);
  assert_int_equal(info.width, 48);
  assert_int_equal(info.height, 64);
}

static void
a_second_video_is_told(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = in_folder("two.mkv");
  ToolVideoInfo info;
  run_pipeline("matroskamux name=m ! filesink location=\"%s\" "
               "videotestsrc num-buffers=5 ! video/x-raw,width=64,height=48 ! x264enc ! m. "
               "videotestsrc num-buffers=5 ! video/x-raw,width=64,height=48 ! x264enc ! m. "
               "audiotestsrc num-buffers=5 ! vorbisenc ! m.", path);
  assert_int_equal(read_all(path, &info, &error), 5);
  assert_null(error);
  assert_int_equal(info.other_videos, 1);
}

static void
truncated_gives_what_there_is(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *whole = in_folder("cut-whole.mp4"), *cut = in_folder("cut.mp4");
  ToolVideoInfo info;
  make_mp4(whole, "smpte", 100);
  make_truncated(whole, cut, 0.7);
  const guint64 n = read_all(cut, &info, &error);
  assert_in_range(n, 20, 95);
  assert_true(error != NULL || info.position < info.duration - 100000000);
  g_clear_error(&error);
  /* Within its head: GStreamer loses the error of many. */
  make_truncated(whole, cut, 0.02);
  for (guint i = 0; i < 8; i++) {
    assert_int_equal(read_all(cut, &info, &error), 0);
    if (!g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT))
      fail_msg("%s", error ? error->message : "no error");
    g_clear_error(&error);
  }
}

/* Decoders say nothing of what they drop. */
static void
damaged_pictures_are_counted(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *whole = in_folder("good.mp4"), *bad = in_folder("bad.mp4");
  ToolVideoInfo info;
  make_mp4(whole, "ball", 100);
  assert_int_equal(read_all(whole, &info, &error), 100);
  assert_null(error);
  assert_int_equal(info.lost, 0);
  make_damaged(whole, bad, 0.3, 0.5);
  g_autoptr(ToolVideo) video = tool_video_open(bad, 0, &error);
  ToolVideoFrame *frame;
  while ((frame = tool_video_next(video, NULL, &error)) != NULL)
    tool_video_frame_unref(frame);
  assert_null(error);
  tool_video_get_info(video, &info);
  assert_in_range(info.frames, 20, 99);
  assert_in_range(info.lost, 1, 100 - info.frames);
}

static void
expect_error(const char *name, HysacError code)
{
  g_autoptr(GError) error = NULL;
  ToolVideoInfo info;
  assert_int_equal(read_all(name, &info, &error), 0);
  if (!g_error_matches(error, HYSAC_ERROR, (gint) code))
    fail_msg("%s: not error %d but %d: %s", name, (int) code, error ? error->code : -1,
             error ? error->message : "none");
  assert_null(strchr(error->message, '\n'));
  if (g_str_has_prefix(error->message, "Internal data stream error"))
    fail_msg("%s: nobody knows what that is", name);
}

static void
what_is_no_video_says_so(void **state)
{
  g_autofree char *empty = in_folder("empty.mp4"), *text = in_folder("text.mp4");
  g_autofree char *noise = in_folder("noise.mp4"), *sound = in_folder("sound.ogg");
  g_autofree char *missing = in_folder("missing.mp4"), *fifo = in_folder("fifo.mp4");
  g_autofree char *list = in_folder("list.m3u8");
  char bytes[3000];
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = (char) (i * i * 2654435761u >> 24);
  write_file(folder, "empty.mp4", "", 0);
  write_file(folder, "text.mp4", "This is no video, but a text of some length.\n", -1);
  write_file(folder, "noise.mp4", bytes, sizeof bytes);
  write_file(folder, "list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n"
                                  "http://127.0.0.1:1/segment.ts\n#EXT-X-ENDLIST\n", -1);
  run_pipeline("audiotestsrc num-buffers=20 ! vorbisenc ! oggmux ! filesink location=\"%s\"", sound);
  assert_int_equal(mkfifo(fifo, 0600), 0);
  expect_error(empty, HYSAC_ERROR_IO);
  expect_error(missing, HYSAC_ERROR_IO);
  expect_error(fifo, HYSAC_ERROR_IO);
  expect_error(folder, HYSAC_ERROR_IO);
  expect_error(text, HYSAC_ERROR_UNSUPPORTED);
  expect_error(noise, HYSAC_ERROR_UNSUPPORTED);
  expect_error(sound, HYSAC_ERROR_UNSUPPORTED);
  expect_error(list, HYSAC_ERROR_UNSUPPORTED); /* and no network was asked */
  expect_error("http://127.0.0.1:1/video.mp4", HYSAC_ERROR_IO);
  expect_error("file:///nonexistent/video.mp4", HYSAC_ERROR_IO);
  expect_error("nonsense://x", HYSAC_ERROR_UNSUPPORTED);
}

static void
a_wait_can_be_stopped(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = in_folder("stopped.mp4");
  gint stop = 1;
  make_mp4(path, "smpte", 10);
  g_autoptr(ToolVideo) video = tool_video_open(path, 0, &error);
  assert_null(tool_video_next(video, &stop, &error));
  assert_null(error);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_frame_comes_once),
    cmocka_unit_test(frames_can_be_held),
    cmocka_unit_test(pictures_are_turned_as_marked),
    cmocka_unit_test(a_second_video_is_told),
    cmocka_unit_test(truncated_gives_what_there_is),
    cmocka_unit_test(damaged_pictures_are_counted),
    cmocka_unit_test(what_is_no_video_says_so),
    cmocka_unit_test(a_wait_can_be_stopped),
  };
  folder = make_folder();
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
