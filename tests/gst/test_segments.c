/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files of segments: exactly the frames that were not shown, in stream time; others read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/recordfiles.h"

#define FULL "sample-interval", (guint64)0

/* Marks the frames that the file says were redacted. */
static void
mark_vtt(const char *path, gboolean *marked, guint n)
{
  g_autofree char *text = read_text(path);
  assert_true(g_str_has_prefix(text, "WEBVTT\n\n"));
  for (const char *at = text; (at = strstr(at, " --> ")); at++) {
    guint h[2], m[2], s[2], ms[2];
    assert_int_equal(sscanf(at - 12, "%u:%u:%u.%u --> %u:%u:%u.%u", &h[0], &m[0], &s[0], &ms[0], &h[1],
                            &m[1], &s[1], &ms[1]), 8);
    guint frame[2];
    for (guint e = 0; e < 2; e++) {
      const guint time = ((h[e] * 60 + m[e]) * 60 + s[e]) * 1000 + ms[e];
      assert_int_equal(time % 40, 0);
      frame[e] = time / 40;
    }
    for (guint i = frame[0]; i < frame[1]; i++) {
      assert_true(i < n && !marked[i]);
      marked[i] = TRUE;
    }
  }
}

static void
mark_edl(const char *path, gboolean *marked, guint n)
{
  g_autofree char *text = read_text(path);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint events = 0, cursor = 0;
  assert_true(g_str_has_prefix(text, "TITLE: hysacmoderate\nFCM: NON-DROP FRAME\n"));
  for (guint i = 2; lines[i]; i++) {
    guint h[4], m[4], s[4], f[4], number, at[4];
    char reel[9];
    if (!g_ascii_isdigit(*lines[i]))
      continue;
    assert_int_equal(sscanf(lines[i], "%u %8s V C %u:%u:%u:%u %u:%u:%u:%u %u:%u:%u:%u %u:%u:%u:%u",
                            &number, reel, &h[0], &m[0], &s[0], &f[0], &h[1], &m[1], &s[1], &f[1],
                            &h[2], &m[2], &s[2], &f[2], &h[3], &m[3], &s[3], &f[3]), 18);
    assert_int_equal(number, ++events);
    for (guint c = 0; c < 4; c++)
      at[c] = ((h[c] * 60 + m[c]) * 60 + s[c]) * 25 + f[c];
    assert_int_equal(at[2], cursor);
    cursor = at[3];
    if (strcmp(reel, "BL") != 0)
      continue;
    for (guint k = at[2]; k < at[3]; k++) {
      assert_true(k < n && !marked[k]);
      marked[k] = TRUE;
    }
  }
  assert_int_equal(cursor, n); /* all of it, without a hole */
}

/* Random streams at full sampling: both files name exactly the frames that did not go out as they came
 * in. */
static void
exact_segments(void **state)
{
  enum { N = 120 };
  g_autoptr(GRand) rand = g_rand_new_with_seed(rig_seed());
  for (guint round = 0; round < 25; round++) {
    Rig rig;
    Files files = make_files();
    gboolean redacted[N], vtt[N] = {FALSE}, edl[N] = {FALSE};
    const gboolean drop = g_rand_boolean(rand);
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, ALL(files), "action",
             drop ? GST_HYSAC_ACTION_DROP : GST_HYSAC_ACTION_BLANK, "pre-roll",
             g_rand_int_range(rand, 0, 3) * RIG_FRAME, "post-roll", g_rand_int_range(rand, 0, 3) * RIG_FRAME,
             "min-duration", g_rand_int_range(rand, 0, 4) * RIG_FRAME, NULL);
    for (guint i = 0; i < N;) {
      const guint length = (guint)g_rand_int_range(rand, 1, 20);
      static const guint8 codes[] = {FAKE_SAFE, FAKE_SAFE, FAKE_UNSAFE, FAKE_UNSAFE, FAKE_ERROR};
      const guint8 code = codes[g_rand_int_range(rand, 0, G_N_ELEMENTS(codes))];
      for (guint k = 0; k < length && i < N; k++, i++)
        rig_push(&rig, code);
    }
    rig_finish(&rig);
    stop(&rig);
    for (guint i = 0; i < N; i++)
      redacted[i] = TRUE;
    for (guint i = 0; i < rig_n_buffers(&rig); i++) {
      GstBuffer *buffer = rig_buffer(&rig, i);
      redacted[rig_number(buffer)] = rig_looks(buffer) != LOOKS_ORIGINAL;
    }
    mark_vtt(files.vtt, vtt, N);
    mark_edl(files.edl, edl, N);
    for (guint i = 0; i < N; i++)
      if (vtt[i] != redacted[i] || edl[i] != redacted[i])
        fail_msg("round %u, frame %u: redacted %d, WebVTT %d, EDL %d", round, i, redacted[i], vtt[i],
                 edl[i]);
    assert_null(rig_message_now(&rig, GST_MESSAGE_WARNING, NULL));
    rig_clear(&rig);
    remove_files(&files);
  }
}

/* Stream time, not running time: after a seek the cues are where a player looks for them. */
static void
segments_after_a_seek(void **state)
{
  Rig rig;
  Files files = make_files();
  GstSegment segment;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, ALL(files), NULL);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 2);
  gst_harness_push_event(rig.h, gst_event_new_flush_start());
  gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE));
  gboolean told = FALSE;
  for (guint i = 0; i < 10000 && !told; i++) { /* at once, whatever comes next */
    g_autofree char *cues = read_text(files.vtt);
    told = strstr(cues, "\n00:00:00.000 --> 00:00:00.080\n") != NULL;
    g_usleep(1000);
  }
  assert_true(told);
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = segment.time = segment.position = 10 * GST_SECOND;
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  rig.next = 10 * GST_SECOND / RIG_FRAME;
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_finish(&rig);
  stop(&rig);
  g_autofree char *vtt = read_text(files.vtt), *edl = read_text(files.edl);
  assert_non_null(strstr(vtt, "\n00:00:00.000 --> 00:00:00.080\n"));
  assert_non_null(strstr(vtt, "\n00:00:10.040 --> 00:00:10.120\n"));
  assert_non_null(strstr(edl, "\n001  BL       V     C        00:00:00:00 00:00:00:02 00:00:00:00 00:00:00:02\n"));
  assert_non_null(strstr(edl, "\n002  AX       V     C        00:00:10:00 00:00:10:01 00:00:10:00 00:00:10:01\n"));
  assert_non_null(strstr(edl, "\n003  BL       V     C        00:00:00:00 00:00:00:02 00:00:10:01 00:00:10:03\n"));
  rig_clear(&rig);
  remove_files(&files);
}

/* They are complete at the end of the stream: nobody has to stop the element to read them. */
static void
complete_at_eos(void **state)
{
  Rig rig;
  Files files = make_files();
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, ALL(files), NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_n(&rig, 3, FAKE_UNSAFE);
  rig_push_n(&rig, 40, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_finish(&rig);
  gboolean vtt = FALSE, edl = FALSE;
  for (guint i = 0; i < 10000 && !(vtt && edl); i++) { /* a thread of its own writes */
    g_autofree char *cues = read_text(files.vtt), *events = read_text(files.edl);
    vtt = strstr(cues, "\n00:00:01.800 --> 00:00:01.880\n") != NULL;
    edl = strstr(events, " 00:00:01:20 00:00:01:22\n") != NULL;
    g_usleep(1000);
  }
  assert_true(vtt && edl);
  rig_clear(&rig);
  remove_files(&files);
}

/* What was not checked is not called unsafe, inside an interval neither. */
static void
failures_in_an_interval(void **state)
{
  static const char *const cues[] = {
      "\n00:00:00.040 --> 00:00:00.120\nunsafe: blank\nreason unsafe, interval 1, 2 frames",
      "\n00:00:00.120 --> 00:00:00.240\nfailed: blank\nreason failed-device, interval 1, 3 frames",
      "\n00:00:00.240 --> 00:00:00.280\nfailed: blank\nreason failed-numeric, interval 1, 1 frame",
      "\n00:00:00.280 --> 00:00:00.320\nunsafe: blank\nreason unsafe, interval 1, 1 frame"};
  Rig rig;
  Files files = make_files();
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, ALL(files), NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_push_n(&rig, 3, FAKE_ERROR);
  rig_push_n(&rig, 1, FAKE_NAN);
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_push_n(&rig, 30, FAKE_SAFE);
  rig_finish(&rig);
  stop(&rig);
  g_autofree char *vtt = read_text(files.vtt), *audit = read_text(files.audit);
  for (guint i = 0; i < G_N_ELEMENTS(cues); i++)
    if (!strstr(vtt, cues[i]))
      fail_msg("no %s in %s", cues[i], vtt);
  assert_non_null(strstr(audit, "{\"verdict\":\"failed\",\"action\":\"blank\",\"reason\":\"failed-device\""));
  rig_clear(&rig);
  remove_files(&files);
}

typedef struct {
  GString *text;
} Cues;

static void
on_cue(GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  Cues *cues = user_data;
  GstMapInfo map;
  assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
  g_string_append_printf(cues->text, "%d+%d %.*s|", (int)(GST_BUFFER_PTS(buffer) / GST_MSECOND),
                         (int)(GST_BUFFER_DURATION(buffer) / GST_MSECOND), (int)map.size,
                         (const char *)map.data);
  gst_buffer_unmap(buffer, &map);
}

/* Others read what is written: GStreamer's subtitle parser, and FFmpeg. */
static void
read_by_others(void **state)
{
  Rig rig;
  Files files = make_files();
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, ALL(files), NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_n(&rig, 3, FAKE_UNSAFE);
  rig_push_n(&rig, 40, FAKE_SAFE);
  rig_push_n(&rig, 1, FAKE_ERROR);
  rig_finish(&rig);
  stop(&rig);

  g_autofree char *launch =
      g_strdup_printf("filesrc location=%s ! subparse ! text/x-raw,format=utf8 ! "
                      "fakesink name=sink signal-handoffs=true", files.vtt);
  g_autoptr(GError) error = NULL;
  g_autoptr(GstElement) pipeline = gst_parse_launch(launch, &error);
  if (!pipeline || error)
    fail_msg("%s", error->message);
  Cues cues = {.text = g_string_new(NULL)};
  g_autoptr(GstElement) sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  g_signal_connect(sink, "handoff", G_CALLBACK(on_cue), &cues);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  g_autoptr(GstMessage) end =
      gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  assert_true(end && GST_MESSAGE_TYPE(end) == GST_MESSAGE_EOS);
  if (!g_str_has_prefix(cues.text->str, "80+") || !strstr(cues.text->str, "|1800+40 failed: blank"))
    fail_msg("subparse: %s", cues.text->str);
  g_string_free(cues.text, TRUE);

  g_autofree char *out = NULL, *err = NULL;
  gint status;
  const char *const probe[] = {"ffprobe", "-v", "error", "-show_entries", "packet=pts_time,duration_time",
                               "-of", "csv=p=0", files.vtt, NULL};
  assert_true(g_spawn_sync(NULL, (char **)probe, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status,
                           NULL));
  if (status != 0 || !g_str_has_prefix(out, "0.080000,") || !strstr(out, "\n1.800000,0.040000,"))
    fail_msg("ffprobe: %s%s", out, err);
  rig_clear(&rig);
  remove_files(&files);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact_segments),
      cmocka_unit_test(segments_after_a_seek),
      cmocka_unit_test(complete_at_eos),
      cmocka_unit_test(failures_in_an_interval),
      cmocka_unit_test(read_by_others),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
