/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysacmoderate and hysacfollow of the built plugin between real sources, muxers and sinks, with the
 * real engine and the small reference model. Its weights are random: the bound is put between the
 * distances of two patterns, so that one of them is unsafe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <string.h>

#include "gst/gsthysacmeta.h"

#define FPS 25
#define SHOT 25 /* frames */
#define FRAMES (3 * SHOT)
#define RATE 48000
#define SAMPLES (FRAMES * RATE / FPS)
#define VIDEO "video/x-raw,format=I420,width=160,height=120,framerate=25/1"
#define ENCODE "x264enc speed-preset=ultrafast tune=zerolatency ! h264parse"
#define LONG "queue max-size-time=0 max-size-buffers=0 max-size-bytes=0"

static char *
model(void)
{
  return g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", "small", "model", NULL);
}

static gboolean
have(const char *element)
{
  g_autoptr(GstElementFactory) factory = gst_element_factory_find(element);
  if (!factory)
    print_message("# no %s\n", element);
  return factory != NULL;
}

static GstElement *G_GNUC_PRINTF(1, 2) launch(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_autoptr(GError) error = NULL;
  GstElement *pipeline = gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!pipeline)
    fail_msg("%s: %s", text, error->message);
  return pipeline;
}

/* Runs to EOS; fails the test on an error. */
static void
run(GstElement *pipeline)
{
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstMessage) message =
      gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  if (!message)
    fail_msg("the pipeline hangs");
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    g_autoptr(GError) error = NULL;
    g_autofree char *debug = NULL;
    gst_message_parse_error(message, &error, &debug);
    fail_msg("%s: %s", error->message, debug);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
}

static void
probe(GstElement *pipeline, const char *name, GstPadProbeCallback callback, gpointer user_data)
{
  g_autoptr(GstElement) element = gst_bin_get_by_name(GST_BIN(pipeline), name);
  g_autoptr(GstPad) pad = gst_element_get_static_pad(element, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, callback, user_data, NULL);
}

static GstPadProbeReturn
take_distance(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  double distance = -1.0;
  gst_hysac_meta_get_distance(gst_buffer_get_hysac_meta(GST_PAD_PROBE_INFO_BUFFER(info)),
                              &distance);
  g_array_append_val((GArray *)user_data, distance);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
count_frame(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  ++*(guint *)user_data;
  return GST_PAD_PROBE_OK;
}

/* Left and right of each sample, by timestamps. */
typedef struct {
  guint n;
  gint16 samples[SAMPLES][2];
} Sound;

static GstPadProbeReturn
take_sound(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Sound *sound = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const gsize n = gst_buffer_get_size(buffer) / sizeof sound->samples[0];
  const guint64 first = gst_util_uint64_scale_round(GST_BUFFER_PTS(buffer), RATE, GST_SECOND);
  assert_true(first + n <= SAMPLES);
  gst_buffer_extract(buffer, 0, sound->samples[first], n * sizeof sound->samples[0]);
  sound->n += (guint)n;
  return GST_PAD_PROBE_OK;
}

/* A file with picture and sound through both elements into another: each sample of it is silent where
 * its frame was redacted, and as it was elsewhere. */
static void
file_to_file(void **state)
{
  if (!have("x264enc") || !have("matroskamux") || !have("avdec_h264"))
    skip();
  g_autofree char *small = model(), *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *in = g_build_filename(folder, "in.mkv", NULL);
  g_autofree char *out = g_build_filename(folder, "out.mkv", NULL);

  g_autoptr(GstElement) make = launch(
      "concat name=c ! " ENCODE " ! queue ! mux. "
      "videotestsrc num-buffers=%d pattern=black ! " VIDEO " ! c. "
      "videotestsrc num-buffers=%d pattern=checkers-8 ! " VIDEO " ! c. "
      "videotestsrc num-buffers=%d pattern=black ! " VIDEO " ! c. "
      "audiotestsrc wave=square samplesperbuffer=480 num-buffers=%d ! "
      "audio/x-raw,format=S16LE,rate=%d,channels=2 ! queue ! mux. "
      "matroskamux name=mux ! filesink location=%s",
      SHOT, SHOT, SHOT, SAMPLES / 480, RATE, in);
  run(make);

  g_autoptr(GArray) distances = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(GstElement) measure =
      launch("filesrc location=%s ! matroskademux ! h264parse ! avdec_h264 ! "
             "hysacmoderate model=%s precision=fp32 sample-interval=0 action=tag ! "
             "fakesink name=out",
             in, small);
  probe(measure, "out", take_distance, distances);
  run(measure);
  assert_int_equal(distances->len, FRAMES);
  const double bound =
      (g_array_index(distances, double, 0) + g_array_index(distances, double, SHOT)) / 2.0;

  guint frames = 0;
  g_autofree Sound *sound = g_new0(Sound, 1);
  g_autoptr(GstElement) moderate =
      launch("filesrc location=%s ! matroskademux name=in "
             "in.video_0 ! queue ! h264parse ! avdec_h264 ! "
             "hysacmoderate model=%s precision=fp32 sample-interval=0 action=blank bound=%.12f "
             "policy-group=show ! " ENCODE " ! queue ! mux. "
             "in.audio_0 ! " LONG " ! hysacfollow name=follow policy-group=show ! queue ! mux. "
             "matroskamux name=mux ! filesink location=%s",
             in, small, bound, out);
  run(moderate);
  g_autoptr(GstElement) read = launch("filesrc location=%s ! matroskademux name=in "
                                      "in.video_0 ! queue ! fakesink name=video "
                                      "in.audio_0 ! queue ! fakesink name=audio",
                                      out);
  probe(read, "video", count_frame, &frames);
  probe(read, "audio", take_sound, sound);
  run(read);

  assert_int_equal(frames, FRAMES);
  assert_int_equal(sound->n, SAMPLES);
  guint silent = 0;
  for (guint i = 0; i < SAMPLES; i++) {
    const guint frame = i * FPS / RATE;
    const gboolean redacted = g_array_index(distances, double, frame) > bound;
    for (guint c = 0; c < 2; c++)
      if ((sound->samples[i][c] == 0) != redacted)
        fail_msg("sample %u, of frame %u, is %d", i, frame, sound->samples[i][c]);
    silent += redacted;
  }
  assert_true(silent == SHOT * RATE / FPS || silent == 2 * SHOT * RATE / FPS);
  g_unlink(in);
  g_unlink(out);
  g_rmdir(folder);
}

/* Sinks preroll, though sound comes in buffers of half a second and the leader's sink takes one frame:
 * the sound of that frame is enough. Then seeks, which reach two sources one after the other. */
static void
preroll_and_seeks(void **state)
{
  g_autofree char *small = model();
  for (guint unsafe = 0; unsafe < 2; unsafe++) {
    g_autoptr(GstElement) pipeline =
        launch("videotestsrc ! " VIDEO " ! hysacmoderate model=%s sample-interval=0 action=blank "
               "enter-margin=%d leave-margin=%d policy-group=show ! fakesink sync=true "
               "audiotestsrc wave=square samplesperbuffer=24000 ! "
               "audio/x-raw,format=S16LE,rate=48000,channels=1 ! " LONG " ! "
               "hysacfollow policy-group=show timeout=3600000000000 ! fakesink name=out sync=true",
               small, unsafe ? -100 : 100, unsafe ? -100 : 100);
    g_autoptr(GstElement) sink = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    for (guint i = 0; i < 12; i++) {
      if (i > 0)
        assert_true(gst_element_seek_simple(pipeline, GST_FORMAT_TIME,
                                            GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE,
                                            (gint64)((i * 7) % 10 * GST_SECOND)));
      assert_int_equal(gst_element_get_state(pipeline, NULL, NULL, 30 * GST_SECOND),
                       GST_STATE_CHANGE_SUCCESS);
      g_autoptr(GstSample) sample = NULL;
      g_object_get(sink, "last-sample", &sample, NULL);
      assert_non_null(sample);
      GstMapInfo map;
      assert_true(gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ));
      for (gsize j = 0; j + 1 < map.size; j += 2)
        assert_int_equal(((gint16 *)map.data)[j / 2] == 0, unsafe);
      gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
  }
}

/* In all states, over and over, with data that wait. */
static void
state_cycles(void **state)
{
  g_autofree char *small = model();
  g_autoptr(GstElement) pipeline =
      launch("videotestsrc ! " VIDEO " ! queue ! hysacmoderate model=%s policy-group=show ! fakesink "
             "audiotestsrc ! queue ! hysacfollow policy-group=show ! fakesink "
             "audiotestsrc ! queue ! hysacfollow policy-group=show ! fakesink "
             "audiotestsrc ! queue ! hysacfollow policy-group=none ! fakesink async=false",
             small);
  static const GstState states[] = {GST_STATE_PLAYING, GST_STATE_READY, GST_STATE_PAUSED,
                                    GST_STATE_NULL,    GST_STATE_PAUSED, GST_STATE_PLAYING,
                                    GST_STATE_PAUSED,  GST_STATE_READY};
  for (guint i = 0; i < 40; i++)
    assert_int_not_equal(gst_element_set_state(pipeline, states[i % G_N_ELEMENTS(states)]),
                         GST_STATE_CHANGE_FAILURE);
  gst_element_set_state(pipeline, GST_STATE_NULL);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(file_to_file),
      cmocka_unit_test(preroll_and_seeks),
      cmocka_unit_test(state_cycles),
  };
  gst_init(&argc, &argv);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
