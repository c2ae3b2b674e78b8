/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames to segments, and segments to files, read back by readers of the test's own. */
#include "support.h"

#include "core/segmentlog.h"
#include "core/timecode.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME G_GINT64_CONSTANT(40000000)

/* A stream in letters, 25 frames a second: . passes, u unsafe (interval 1), v interval 2, p and o its
 * rolls, t tagged, f failed by the device, m not mapped, F failed inside interval 1, k held on for
 * flicker; | a break. Segments come out as "first-last verdict action reason interval". */
static HysacSegmentFrame
frame_of(char letter, guint64 number)
{
  HysacSegmentFrame frame = {.number = number,
                             .start = (gint64) number * FRAME,
                             .duration = FRAME,
                             .marked = letter != '.',
                             .goes_along = letter == 'k',
                             .verdict = strchr("fm", letter) ? "failed" : letter == 'k' ? "safe" : "unsafe",
                             .action = letter == 't' ? "tag" : "blur",
                             .reason = HYSAC_REASON_UNSAFE,
                             .hidden = letter != 't'};
  if (letter == 'p')
    frame.reason = HYSAC_REASON_PRE_ROLL;
  if (letter == 'o')
    frame.reason = HYSAC_REASON_POST_ROLL;
  if (letter == 'k')
    frame.reason = HYSAC_REASON_FLICKER;
  if (letter == 'f')
    frame.reason = HYSAC_REASON_FAILED_DEVICE;
  if (letter == 'm')
    frame.reason = HYSAC_REASON_FAILED_MAP;
  if (strchr("upotF", letter))
    frame.interval = 1;
  if (letter == 'v')
    frame.interval = 2;
  frame.has_margin = strchr("uv", letter) != NULL;
  frame.margin = (double) number;
  return frame;
}

static void
tell(GString *out, const HysacSegment *s)
{
  g_string_append_printf(out, "%s%d-%d %s %s %s %d", out->len ? "; " : "", (int) (s->start / FRAME),
                         (int) (s->end / FRAME), s->verdict, s->action,
                         hysac_reason_to_string(s->reason), (int) s->interval);
  assert_int_equal(s->start % FRAME, 0);
  assert_int_equal(s->end % FRAME, 0);
  assert_int_equal(s->frames, s->last - s->first + 1);
}

static void
expect_segments(const char *stream, const char *expected)
{
  HysacSegmenter segmenter;
  HysacSegment ended;
  GString *out = g_string_new(NULL);
  hysac_segmenter_init(&segmenter);
  guint64 number = 0;
  for (const char *c = stream; *c; c++) {
    if (*c == '|') {
      if (hysac_segmenter_break(&segmenter, &ended))
        tell(out, &ended);
      continue;
    }
    const HysacSegmentFrame frame = frame_of(*c, number++);
    if (hysac_segmenter_add(&segmenter, &frame, &ended))
      tell(out, &ended);
  }
  if (hysac_segmenter_break(&segmenter, &ended))
    tell(out, &ended);
  if (strcmp(out->str, expected) != 0)
    fail_msg("%s: \"%s\" instead of \"%s\"", stream, out->str, expected);
  g_string_free(out, TRUE);
}

static void
test_segments(void **state)
{
  expect_segments("....", "");
  expect_segments("..uu..", "2-4 unsafe blur unsafe 1");
  expect_segments("u", "0-1 unsafe blur unsafe 1");
  expect_segments("ppuuoo.", "0-6 unsafe blur unsafe 1");
  expect_segments("p.", "0-1 unsafe blur pre-roll 1");
  expect_segments("uFu", "0-3 unsafe blur unsafe 1"); /* a failed check inside is inside */
  expect_segments("uukk.", "0-4 unsafe blur unsafe 1");
  expect_segments("kuv", "0-1 safe blur flicker 0; 1-2 unsafe blur unsafe 1; 2-3 unsafe blur unsafe 2");
  expect_segments("uv", "0-1 unsafe blur unsafe 1; 1-2 unsafe blur unsafe 2");
  expect_segments("ut", "0-1 unsafe blur unsafe 1; 1-2 unsafe tag unsafe 1");
  expect_segments("uf", "0-1 unsafe blur unsafe 1; 1-2 failed blur failed-device 0");
  expect_segments("ffmm", "0-2 failed blur failed-device 0; 2-4 failed blur failed-map 0");
  expect_segments("uu|uu", "0-2 unsafe blur unsafe 1; 2-4 unsafe blur unsafe 1");
}

/* One frame after another, the last one with nothing behind it. */
static void
run_times(const gint64 *starts, guint n, gint64 duration, gboolean until_next, const char *marks,
          gint64 expected[][2], guint n_expected)
{
  HysacSegmenter segmenter;
  HysacSegment ended;
  guint got = 0;
  hysac_segmenter_init(&segmenter);
  for (guint i = 0; i <= n; i++) {
    gboolean ends;
    if (i < n) {
      HysacSegmentFrame frame = frame_of(marks[i], i);
      frame.start = starts[i];
      frame.duration = duration;
      frame.until_next = until_next;
      ends = hysac_segmenter_add(&segmenter, &frame, &ended);
    } else {
      ends = hysac_segmenter_break(&segmenter, &ended);
    }
    if (!ends)
      continue;
    assert_true(got < n_expected);
    if (ended.start != expected[got][0] || ended.end != expected[got][1])
      fail_msg("%s: %d from %d to %d", marks, (int) got, (int) ended.start, (int) ended.end);
    got++;
  }
  assert_int_equal(got, n_expected);
}

static void
test_times(void **state)
{
  /* Rounded timestamps: the end is the next frame's beginning, not a sum of durations. */
  const gint64 ntsc[] = {0, 33366667, 66733333, 100100000};
  run_times(ntsc, 4, 33366666, FALSE, ".uu.", (gint64[][2]) {{33366667, 100100000}}, 1);
  run_times(ntsc, 4, 33366666, FALSE, "..uu", (gint64[][2]) {{66733333, 133466666}}, 1);
  /* Missing frames: inside they belong to it, behind it they do not. */
  const gint64 gaps[] = {0, 40, 200, 240, 1000};
  run_times(gaps, 5, 40, FALSE, ".uuu.", (gint64[][2]) {{40, 280}}, 1);
  /* No rate: a frame lasts until the next. */
  run_times(gaps, 5, 40, TRUE, ".uuu.", (gint64[][2]) {{40, 1000}}, 1);
  /* No time: behind the frame before. */
  const gint64 none[] = {-1, -1, 500, -1};
  run_times(none, 4, 40, FALSE, "uu.u", (gint64[][2]) {{0, 80}, {540, 580}}, 2);
  /* Backwards, and back to an earlier place without a word. */
  const gint64 reverse[] = {200, 160, 120, 80, 40, 0};
  run_times(reverse, 6, 40, FALSE, ".uuu.u", (gint64[][2]) {{80, 200}, {0, 40}}, 2);
  const gint64 jump[] = {200, 240, 40, 80};
  run_times(jump, 4, 40, FALSE, "uuuu", (gint64[][2]) {{200, 280}, {40, 120}}, 2);
}

static char *
write_log(HysacSegmentLogFormat format, gint num, gint den, const char *clip, const gint64 (*times)[2],
          guint n, gint64 end)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "log", NULL), *text = NULL;
  GError *error = NULL;
  HysacSegmentLog *log = hysac_segment_log_open(path, format, "made by a test\nfor itself", &error);
  assert_non_null(log);
  assert_null(hysac_segment_log_open(path, format, "", &error)); /* one writer a file */
  expect_error(&error, HYSAC_ERROR_IO, path);
  hysac_segment_log_begin(log, num, den, clip);
  hysac_segment_log_from(log, 0);
  for (guint i = 0; i < n; i++) {
    HysacSegment segment = {.start = times[i][0],
                            .end = times[i][1],
                            .frames = 3,
                            .verdict = "unsafe",
                            .action = "blur",
                            .reason = HYSAC_REASON_UNSAFE,
                            .interval = i + 1,
                            .hidden = TRUE,
                            .has_peak = TRUE,
                            .peak = 0.25};
    hysac_segment_log_add(log, &segment);
  }
  hysac_segment_log_until(log, end);
  error = hysac_segment_log_close(log);
  assert_null(error);
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_free(path);
  remove_dir(dir);
  return text;
}

static void
expect_text(char *text, const char *expected)
{
  if (strcmp(text, expected) != 0)
    fail_msg("\n%s\ninstead of\n%s", text, expected);
  g_free(text);
}

static void
test_files(void **state)
{
  const gint64 times[][2] = {{2 * FRAME, 4 * FRAME}, {10 * FRAME, 11 * FRAME}};
  expect_text(write_log(HYSAC_SEGMENT_LOG_VTT, 25, 1, "x.mp4", times, 2, 25 * FRAME),
              "WEBVTT\n\nNOTE\nmade by a test\nfor itself\n\n"
              "hysac-1\n00:00:00.080 --> 00:00:00.160\nunsafe: blur\n"
              "reason unsafe, interval 1, 3 frames, peak margin 0.25\n\n"
              "hysac-2\n00:00:00.400 --> 00:00:00.440\nunsafe: blur\n"
              "reason unsafe, interval 2, 3 frames, peak margin 0.25\n\n");
  expect_text(write_log(HYSAC_SEGMENT_LOG_EDL, 25, 1, "/a/x.mp4", times, 2, 25 * FRAME),
              "TITLE: x.mp4\nFCM: NON-DROP FRAME\n\n* made by a test\n* for itself\n"
              "001  X        V     C        00:00:00:00 00:00:00:02 00:00:00:00 00:00:00:02\n"
              "* FROM CLIP NAME: x.mp4\n"
              "002  BL       V     C        00:00:00:00 00:00:00:02 00:00:00:02 00:00:00:04\n"
              "* HYSAC: unsafe, blur, unsafe, interval 1, peak margin 0.25\n"
              "003  X        V     C        00:00:00:04 00:00:00:10 00:00:00:04 00:00:00:10\n"
              "* FROM CLIP NAME: x.mp4\n"
              "004  BL       V     C        00:00:00:00 00:00:00:01 00:00:00:10 00:00:00:11\n"
              "* HYSAC: unsafe, blur, unsafe, interval 2, peak margin 0.25\n"
              "005  X        V     C        00:00:00:11 00:00:01:00 00:00:00:11 00:00:01:00\n"
              "* FROM CLIP NAME: x.mp4\n");
  /* Nothing found, nothing played, no rate. */
  expect_text(write_log(HYSAC_SEGMENT_LOG_EDL, 0, 1, NULL, NULL, 0, 0),
              "TITLE: hysacmoderate\nFCM: NON-DROP FRAME\n\n* made by a test\n* for itself\n"
              "* TIMECODE COUNTS 1/25 S, NOT FRAMES: UNKNOWN OR VARIABLE FRAME RATE\n");
  expect_text(write_log(HYSAC_SEGMENT_LOG_VTT, 0, 1, NULL, NULL, 0, 0),
              "WEBVTT\n\nNOTE\nmade by a test\nfor itself\n\n");
  /* 1/25 s that two segments share, and a segment within one. */
  const gint64 odd[][2] = {{1, 90000000}, {90000000, 100000000}};
  expect_text(write_log(HYSAC_SEGMENT_LOG_EDL, 0, 1, NULL, odd, 2, 200000000),
              "TITLE: hysacmoderate\nFCM: NON-DROP FRAME\n\n* made by a test\n* for itself\n"
              "* TIMECODE COUNTS 1/25 S, NOT FRAMES: UNKNOWN OR VARIABLE FRAME RATE\n"
              "001  BL       V     C        00:00:00:00 00:00:00:03 00:00:00:00 00:00:00:03\n"
              "* HYSAC: unsafe, blur, unsafe, interval 1, peak margin 0.25\n"
              "* HYSAC: unsafe, blur, unsafe, interval 2, peak margin 0.25\n"
              "002  AX       V     C        00:00:00:03 00:00:00:05 00:00:00:03 00:00:00:05\n");
  /* The second field of frame 1. */
  const gint64 field[][2] = {{60000000, 80000000}};
  expect_text(write_log(HYSAC_SEGMENT_LOG_EDL, 25, 1, NULL, field, 1, 160000000),
              "TITLE: hysacmoderate\nFCM: NON-DROP FRAME\n\n* made by a test\n* for itself\n"
              "001  AX       V     C        00:00:00:00 00:00:00:01 00:00:00:00 00:00:00:01\n"
              "002  BL       V     C        00:00:00:00 00:00:00:01 00:00:00:01 00:00:00:02\n"
              "* HYSAC: unsafe, blur, unsafe, interval 1, peak margin 0.25\n"
              "003  AX       V     C        00:00:00:02 00:00:00:04 00:00:00:02 00:00:00:04\n");
}

/* Across midnight of the timecode, and back. */
static void
test_long(void **state)
{
  const gint64 hour = 3600 * 25 * FRAME;
  const gint64 times[][2] = {{24 * hour - FRAME, 24 * hour + FRAME}, {50 * hour, 51 * hour}, {0, FRAME}};
  g_autofree char *edl = write_log(HYSAC_SEGMENT_LOG_EDL, 25, 1, NULL, times, 3, 0);
  assert_non_null(strstr(edl, "00:00:00:00 00:00:00:02 23:59:59:24 00:00:00:01\n"));
  assert_non_null(strstr(edl, " 02:00:00:00 03:00:00:00\n* HYSAC: RECORD IN IS 2 DAYS LATER\n"));
  assert_non_null(strstr(edl, " 00:00:00:00 00:00:00:01\n* HYSAC: RECORD IN IS 0 DAYS LATER\n"
                              "* HYSAC: AN EARLIER PLACE AGAIN"));
  g_autofree char *vtt = write_log(HYSAC_SEGMENT_LOG_VTT, 25, 1, NULL, times, 3, 0);
  assert_non_null(strstr(vtt, "\n23:59:59.960 --> 24:00:00.040\n"));
  assert_non_null(strstr(vtt, "\n50:00:00.000 --> 51:00:00.000\n"));
}

/* An EDL reader: numbers, reels and columns as they must be; frames by the frame code mode. */
static guint64
read_code(const char *text, guint base, gboolean drop)
{
  guint h, m, s, f;
  char mark;
  assert_int_equal(sscanf(text, "%2u:%2u:%2u%c%2u", &h, &m, &s, &mark, &f), 5);
  assert_int_equal(mark, drop ? ';' : ':');
  const guint minutes = h * 60 + m;
  return ((guint64) minutes * 60 + s) * base + f -
         (drop ? (guint64) (base / 15) * (minutes - minutes / 10) : 0);
}

/* Random cuts on frames of a random rate: the list covers the programme without a hole, and each black
 * event is a segment, to the frame. */
static void
test_round_trip(void **state)
{
  static const gint rates[][3] = {{24000, 1001, 24}, {24, 1, 24}, {25, 1, 25},       {30000, 1001, 30},
                                  {30, 1, 30},       {50, 1, 50}, {60000, 1001, 60}, {60, 1, 60}};
  GRand *rand = test_rand();
  for (guint round = 0; round < 100; round++) {
    const gint *rate = rates[g_rand_int_range(rand, 0, G_N_ELEMENTS(rates))];
    const gboolean drop = rate[1] == 1001 && rate[2] != 24;
    guint64 cuts[41];
    gint64 times[20][2];
    guint64 at = g_rand_boolean(rand) ? 0 : (guint64) g_rand_int_range(rand, 1, 2000);
    for (guint i = 0; i < 41; i++, at += (guint64) g_rand_int_range(rand, 1, 3000)) {
      const gint64 ns = llround((double) at * rate[1] / rate[0] * 1e9);
      cuts[i] = at;
      if (i < 40)
        times[i / 2][i % 2] = ns;
    }
    g_autofree char *text = write_log(HYSAC_SEGMENT_LOG_EDL, rate[0], rate[1], "clip.mp4", times, 20,
                                      llround((double) cuts[40] * rate[1] / rate[0] * 1e9));
    assert_non_null(strstr(text, drop ? "\nFCM: DROP FRAME\n" : "\nFCM: NON-DROP FRAME\n"));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint events = 0, black = 0;
    guint64 cursor = 0;
    for (guint i = 2; lines[i]; i++) {
      if (!*lines[i] || *lines[i] == '*')
        continue;
      assert_int_equal(strlen(lines[i]), 76);
      assert_int_equal(atoi(lines[i]), ++events);
      guint64 codes[4];
      for (guint c = 0; c < 4; c++)
        codes[c] = read_code(lines[i] + 29 + 12 * c, (guint) rate[2], drop);
      assert_int_equal(codes[2], cursor); /* no hole, no overlap */
      assert_int_equal(codes[1] - codes[0], codes[3] - codes[2]);
      cursor = codes[3];
      if (g_str_has_prefix(lines[i] + 5, "BL ")) {
        assert_int_equal(codes[2], cuts[2 * black]);
        assert_int_equal(codes[3], cuts[2 * black + 1]);
        black++;
      } else {
        assert_true(g_str_has_prefix(lines[i] + 5, "CLIP     V     C "));
        assert_int_equal(codes[0], codes[2]);
      }
    }
    assert_int_equal(black, 20);
    assert_int_equal(cursor, cuts[40]);
  }
  g_rand_free(rand);
}

/* A process that is killed leaves files that can be read: what had ended is in them. */
static void
test_killed(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "log", NULL), *text = NULL;
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    HysacSegmentLog *log = hysac_segment_log_open(path, HYSAC_SEGMENT_LOG_VTT, "p", NULL);
    for (guint i = 0; i < 3; i++) {
      const HysacSegment segment = {
        .start = i * 2 * FRAME, .end = (i * 2 + 1) * FRAME, .verdict = "unsafe", .action = "blur"};
      hysac_segment_log_add(log, &segment);
    }
    g_usleep(G_USEC_PER_SEC * 30); /* until it is killed */
    _exit(1);
  }
  do {
    g_free(text);
    g_usleep(1000);
    if (!g_file_get_contents(path, &text, NULL, NULL))
      text = NULL;
  } while (!text || !strstr(text, "hysac-3"));
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  g_free(text);
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  assert_true(g_str_has_prefix(text, "WEBVTT\n\n"));
  assert_true(g_str_has_suffix(text, "hysac-3\n00:00:00.160 --> 00:00:00.200\nunsafe: blur\n"
                                     "reason safe, 0 frames\n\n"));
  g_free(text);
  g_free(path);
  remove_dir(dir);
}

/* What cannot be written is told, and counted where it is missing. */
static void
test_full_disk(void **state)
{
  GError *error = NULL;
  const HysacSegment segment = {.end = FRAME, .verdict = "unsafe", .action = "blur", .hidden = TRUE};
  for (guint format = 0; format < 2; format++) {
    HysacSegmentLog *log = hysac_segment_log_open("/dev/full", format, "p", &error);
    assert_non_null(log);
    hysac_segment_log_begin(log, 25, 1, NULL);
    hysac_segment_log_add(log, &segment);
    error = hysac_segment_log_close(log);
    expect_error(&error, HYSAC_ERROR_IO, "/dev/full: cannot write");

    char *dir = make_dir(), *path = g_build_filename(dir, "log", NULL), *text;
    log = hysac_segment_log_open(path, format, "p", &error);
    hysac_segment_log_begin(log, 25, 1, NULL);
    struct stat info; /* it is there, and what was said so far is in it */
    while (stat(path, &info) != 0 || info.st_size == 0)
      g_usleep(1000);
    assert_int_equal(g_remove(path), 0);
    assert_int_equal(g_rmdir(dir), 0);
    hysac_segment_log_add(log, &segment);
    while (!(error = hysac_segment_log_get_error(log)))
      g_usleep(1000);
    expect_error(&error, HYSAC_ERROR_IO, "cannot write");
    assert_int_equal(g_mkdir(dir, 0700), 0);
    hysac_segment_log_add(log, &segment);
    error = hysac_segment_log_close(log);
    expect_error(&error, HYSAC_ERROR_IO, "was removed");
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_true(g_str_has_prefix(text, format == HYSAC_SEGMENT_LOG_VTT ? "WEBVTT\n\nNOTE\n" : "TITLE: "));
    assert_non_null(strstr(text, "HYSAC: entries missing here, which could not be written: 1"));
    if (!strstr(text, format == HYSAC_SEGMENT_LOG_VTT ? "hysac-2\n" : "002  BL "))
      fail_msg("%s", text);
    g_free(text);
    g_free(path);
    remove_dir(dir);
  }
  assert_null(hysac_segment_log_open("/nonexistent/log", HYSAC_SEGMENT_LOG_VTT, "", &error));
  expect_error(&error, HYSAC_ERROR_IO, "/nonexistent/log");
}

/* Only a list of the same kind is begun anew: not what a mistyped path names. */
static void
test_foreign(void **state)
{
  static const char *const lists[] = {[HYSAC_SEGMENT_LOG_VTT] = "WEBVTT\n\nNOTE\np\n\n",
                                      [HYSAC_SEGMENT_LOG_EDL] = "TITLE: a\n"};
  char *dir = make_dir(), *path = g_build_filename(dir, "list", NULL);
  for (guint format = 0; format < 2; format++) {
    GError *error = NULL;
    g_autofree char *text = NULL;
    assert_true(g_file_set_contents(path, lists[!format], -1, NULL));
    assert_null(hysac_segment_log_open(path, format, "p", &error));
    expect_error(&error, HYSAC_ERROR_IO, "something else");
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, lists[!format]);
    assert_true(g_file_set_contents(path, lists[format], -1, NULL));
    HysacSegmentLog *log = hysac_segment_log_open(path, format, "p", &error);
    assert_non_null(log);
    assert_null(hysac_segment_log_close(log));
  }
  g_free(path);
  remove_dir(dir);
}

typedef enum { KEPT, TAGGED, HIDDEN, FAILED } Shown; /* FAILED: hidden for another cause */

/* The EDL of @n pictures in a row: what was done to each, and when it begins. */
static char *
write_pictures(const gint rate[3], const Shown *shown, const gint64 *times, guint n)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "list", NULL), *text;
  GError *error = NULL;
  HysacSegmentLog *log = hysac_segment_log_open(path, HYSAC_SEGMENT_LOG_EDL, "", &error);
  assert_non_null(log);
  hysac_segment_log_begin(log, rate[0], rate[1], "clip.mp4");
  hysac_segment_log_from(log, 0);
  for (guint i = 0, next; i < n; i = next) {
    for (next = i + 1; next < n && shown[next] == shown[i]; next++)
      ;
    if (shown[i] == KEPT)
      continue;
    const HysacSegment segment = {.start = times[i],
                                  .end = times[next],
                                  .frames = next - i,
                                  .verdict = shown[i] == FAILED ? "failed" : "unsafe",
                                  .action = shown[i] == TAGGED ? "tag" : "blank",
                                  .reason = HYSAC_REASON_UNSAFE,
                                  .hidden = shown[i] != TAGGED};
    hysac_segment_log_add(log, &segment);
  }
  hysac_segment_log_until(log, times[n]);
  assert_null(hysac_segment_log_close(log));
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_free(path);
  remove_dir(dir);
  return text;
}

/* Frames and fields at random, their timestamps rounded to ns or ms: the frames that are black are those
 * of which something was hidden, no other, and the list has no hole and no overlap. */
static void
test_parts_of_frames(void **state)
{
  enum { FRAMES = 60, MOST = 2 * FRAMES };
  static const gint rates[][3] = {{24000, 1001, 24}, {24, 1, 24}, {25, 1, 25},       {30000, 1001, 30},
                                  {30, 1, 30},       {50, 1, 50}, {60000, 1001, 60}, {60, 1, 60}};
  GRand *rand = test_rand();
  for (guint round = 0; round < 400; round++) {
    const gint *rate = rates[g_rand_int_range(rand, 0, G_N_ELEMENTS(rates))];
    const guint fields = (guint) g_rand_int_range(rand, 1, 3), n = FRAMES * fields;
    const gboolean drop = rate[1] == 1001 && rate[2] != 24, ms = g_rand_boolean(rand);
    gboolean hidden[FRAMES] = {FALSE}, black[FRAMES] = {FALSE};
    Shown shown[MOST];
    gint64 times[MOST + 1];
    for (guint i = 0; i <= n; i++) {
      const double exact = (double) i * rate[1] / rate[0] / fields;
      times[i] = ms ? llround(exact * 1e3) * 1000000 : llround(exact * 1e9);
    }
    for (guint i = 0; i < n;) {
      const Shown now = (Shown) g_rand_int_range(rand, KEPT, FAILED + 1);
      for (gint k = g_rand_int_range(rand, 1, 6); k > 0 && i < n; k--, i++) {
        shown[i] = now;
        hidden[i / fields] |= now == HIDDEN || now == FAILED;
      }
    }
    g_autofree char *text = write_pictures(rate, shown, times, n);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint64 cursor = 0;
    assert_null(strstr(text, "AN EARLIER PLACE"));
    for (guint i = 2; lines[i]; i++) {
      if (!g_ascii_isdigit(*lines[i]))
        continue;
      const guint64 in = read_code(lines[i] + 53, (guint) rate[2], drop);
      const guint64 out = read_code(lines[i] + 65, (guint) rate[2], drop);
      assert_int_equal(in, cursor);
      assert_true(out > in && out <= FRAMES);
      cursor = out;
      for (guint64 k = in; k < out; k++)
        black[k] = g_str_has_prefix(lines[i] + 5, "BL ");
    }
    for (guint i = 0; i < FRAMES; i++) {
      if (black[i] != hidden[i])
        fail_msg("%d/%d, %u fields, frame %u: hidden %d, black %d\n%s", rate[0], rate[1], fields, i, hidden[i],
                 black[i], text);
    }
    assert_int_equal(cursor, FRAMES);
  }
  g_rand_free(rand);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_segments), cmocka_unit_test(test_times),      cmocka_unit_test(test_files),
    cmocka_unit_test(test_long),     cmocka_unit_test(test_round_trip), cmocka_unit_test(test_full_disk),
    cmocka_unit_test(test_killed),   cmocka_unit_test(test_foreign),
    cmocka_unit_test(test_parts_of_frames),
  };
  return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
