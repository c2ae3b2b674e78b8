/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The built plugin, loaded by name, with the real engine and the small reference model, between
 * real decoders and encoders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <math.h>
#include <string.h>

#include "core/safetensors.h"
#include "gst/gsthysacmeta.h"
#include "opencl/engine.h"

static char *
data(const char *name)
{
  return g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", "small", name, NULL);
}

static gboolean
have(const char *element)
{
  g_autoptr(GstElementFactory) factory = gst_element_factory_find(element);
  if (!factory)
    print_message("# no %s\n", element);
  return factory != NULL;
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

typedef struct {
  guint frames, safe, unsafe, black;
  double distance;
} Seen;

static GstPadProbeReturn
look(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Seen *seen = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  seen->frames++;
  if (meta) {
    seen->safe += strcmp(gst_hysac_meta_get_verdict(meta), "safe") == 0;
    seen->unsafe += strcmp(gst_hysac_meta_get_verdict(meta), "unsafe") == 0;
    gst_hysac_meta_get_distance(meta, &seen->distance);
  }
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_READ);
  guint64 sum = 0;
  for (guint i = 0; i < 1000 && i < map.size; i++)
    sum += map.data[i];
  seen->black += sum <= 1000 * 18; /* what an encoder makes of 16 */
  gst_buffer_unmap(buffer, &map);
  return GST_PAD_PROBE_OK;
}

static void
watch(GstElement *pipeline, const char *name, Seen *seen)
{
  *seen = (Seen){0};
  g_autoptr(GstElement) element = gst_bin_get_by_name(GST_BIN(pipeline), name);
  g_autoptr(GstPad) pad = gst_element_get_static_pad(element, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, look, seen, NULL);
}

/* The distance in a frame's metadata is the reference's. */
static void
golden_distances(void **state)
{
  static const char *images[] = {"0-320x240.png", "1-141x263.png", "2-640x360.png",
                                 "3-48x40.png",   "4-512x512.png", "5-1000x130.png"};
  if (!have("pngdec"))
    skip();
  g_autofree char *model = data("model"), *folder = data("images");
  g_autofree char *expected_path = data("expected/expected.safetensors");
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(expected_path, &error);
  assert_null(error);
  float expected[G_N_ELEMENTS(images)];
  const HysacTensor *tensor = hysac_safetensors_lookup(file, "image_root_distance");
  assert_int_equal(tensor->n_elements, G_N_ELEMENTS(images));
  assert_true(hysac_tensor_read_f32(tensor, "image_root_distance", expected, NULL));

  for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
    Seen seen;
    g_autoptr(GstElement) pipeline =
        launch("filesrc location=%s/%s ! pngdec ! video/x-raw,format=RGB ! "
               "hysacmoderate model=%s precision=fp32 action=tag ! fakesink name=out",
               folder, images[i], model);
    watch(pipeline, "out", &seen);
    run(pipeline);
    assert_int_equal(seen.frames, 1);
    if (fabs(seen.distance - (double)expected[i]) > 1e-5 * (double)expected[i])
      fail_msg("%s: %.9g, reference %.9g", images[i], seen.distance, (double)expected[i]);
  }
}

/* The same picture in YUV of four matrices and ranges has the distance that it has in RGB, but for
 * what subsampled chroma costs; with the matrix of another it has not. */
static void
golden_matrices(void **state)
{
  static const char *colours[] = {"bt601", "bt709", "1:4:0:0", "1:3:5:1"};
  if (!have("capssetter"))
    skip();
  g_autofree char *model = data("model");
  double distances[1 + G_N_ELEMENTS(colours)], mistaken[2];
  for (guint i = 0; i < G_N_ELEMENTS(distances) + G_N_ELEMENTS(mistaken); i++) {
    const gboolean wrong = i >= G_N_ELEMENTS(distances);
    const char *colour = i > 0 ? colours[(i - 1) % G_N_ELEMENTS(colours)] : "sRGB";
    const char *said = !wrong ? colour : i % 2 ? "bt709" : "bt601";
    Seen seen;
    g_autoptr(GstElement) pipeline =
        launch("videotestsrc num-buffers=1 pattern=smpte100 ! "
               "video/x-raw,format=RGB,width=448,height=448 ! "
               "videoconvert dither=none chroma-mode=full ! "
               "video/x-raw,format=%s,colorimetry=%s ! capssetter caps=video/x-raw,colorimetry=%s ! "
               "hysacmoderate model=%s precision=fp32 action=tag ! fakesink name=out",
               i > 0 ? "I420" : "RGB", colour, said, model);
    watch(pipeline, "out", &seen);
    run(pipeline);
    assert_int_equal(seen.frames, 1);
    *(wrong ? &mistaken[i - G_N_ELEMENTS(distances)] : &distances[i]) = seen.distance;
  }
  for (guint i = 1; i < G_N_ELEMENTS(distances); i++)
    if (fabs(distances[i] - distances[0]) > 5e-3)
      fail_msg("%s: %.9g, in RGB %.9g", colours[i - 1], distances[i], distances[0]);
  for (guint i = 0; i < G_N_ELEMENTS(mistaken); i++)
    assert_true(fabs(mistaken[i] - distances[0]) > 1e-2);
}

/* Into an encoder and a muxer and out again: as many frames, black where all is unsafe (the model's
 * weights are random, so the margin says which), and the picture where nothing is. */
static void
through_an_encoder(void **state)
{
  if (!have("x264enc") || !have("mp4mux") || !have("qtdemux") || !have("avdec_h264"))
    skip();
  g_autofree char *model = data("model"), *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "out.mp4", NULL);
  for (guint unsafe = 0; unsafe < 2; unsafe++) {
    Seen in, out;
    g_autoptr(GstElement) encode = launch(
        "videotestsrc num-buffers=60 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 "
        "! "
        "hysacmoderate model=%s sample-interval=100000000 action=blank enter-margin=%d "
        "leave-margin=%d ! x264enc name=enc speed-preset=ultrafast ! mp4mux ! filesink location=%s",
        model, unsafe ? -10 : 100, unsafe ? -10 : 100, path);
    watch(encode, "enc", &in);
    run(encode);
    assert_int_equal(in.frames, 60);
    assert_int_equal(in.unsafe, unsafe ? 60 : 0);
    assert_int_equal(in.safe, unsafe ? 0 : 60);

    g_autoptr(GstElement) decode =
        launch("filesrc location=%s ! qtdemux ! h264parse ! avdec_h264 ! fakesink name=out", path);
    watch(decode, "out", &out);
    run(decode);
    assert_int_equal(out.frames, 60);
    assert_int_equal(out.black, unsafe ? 60 : 0);
  }
  g_unlink(path);
  g_rmdir(folder);
}

/* A format that the element does not take is converted in front of it. */
static void
videoconvert_negotiates(void **state)
{
  g_autofree char *model = data("model");
  Seen seen;
  g_autoptr(GstElement) pipeline = launch(
      "videotestsrc num-buffers=3 ! video/x-raw,format=v210,width=64,height=48 ! videoconvert ! "
      "hysacmoderate model=%s ! videoconvert ! video/x-raw,format=YUY2 ! fakesink name=out",
      model);
  watch(pipeline, "out", &seen);
  run(pipeline);
  assert_int_equal(seen.frames, 3);
  assert_int_equal(seen.safe + seen.unsafe, 3); /* the metadata survives the converter */
}

/* Accurate seeks in the paused pipeline: the frame shown is the one sought, and decided. */
static void
seeks(void **state)
{
  g_autofree char *model = data("model");
  g_autoptr(GstElement) pipeline =
      launch("videotestsrc ! video/x-raw,width=64,height=48,framerate=25/1 ! "
             "hysacmoderate model=%s action=tag ! fakesink name=out sync=true",
             model);
  g_autoptr(GstElement) sink = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  assert_int_equal(gst_element_get_state(pipeline, NULL, NULL, 30 * GST_SECOND),
                   GST_STATE_CHANGE_SUCCESS);
  for (guint i = 0; i < 10; i++) {
    const GstClockTime target = ((i * 7) % 10) * GST_SECOND;
    assert_true(gst_element_seek_simple(
        pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, (gint64)target));
    assert_int_equal(gst_element_get_state(pipeline, NULL, NULL, 30 * GST_SECOND),
                     GST_STATE_CHANGE_SUCCESS);
    g_autoptr(GstSample) sample = NULL;
    g_object_get(sink, "last-sample", &sample, NULL);
    assert_non_null(sample);
    assert_true(GST_BUFFER_PTS(gst_sample_get_buffer(sample)) == target);
    assert_non_null(gst_buffer_get_hysac_meta(gst_sample_get_buffer(sample)));
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
}

/* A model that is not there is one error; with a good one the same element then works. */
static void
wrong_model_then_right(void **state)
{
  g_autofree char *model = data("model");
  g_autoptr(GstElement) pipeline =
      launch("videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48 ! "
             "hysacmoderate name=m model=/nowhere ! fakesink");
  g_autoptr(GstElement) element = gst_bin_get_by_name(GST_BIN(pipeline), "m");
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  assert_int_equal(gst_element_set_state(pipeline, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  assert_non_null(message);
  assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
  gst_element_set_state(pipeline, GST_STATE_NULL);
  g_object_set(element, "model", model, NULL);
  run(pipeline);
}

/* Elements with the same model share an engine, which goes with the last of them. */
static void
engine_is_shared(void **state)
{
  g_autofree char *model = data("model");
  g_autoptr(GstElement) pipeline =
      launch("videotestsrc num-buffers=20 ! video/x-raw,width=64,height=48 ! tee name=t "
             "t. ! queue ! hysacmoderate model=%s ! fakesink async=false "
             "t. ! queue ! hysacmoderate model=%s ! fakesink async=false",
             model, model);
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  gst_element_get_state(pipeline, NULL, NULL, 30 * GST_SECOND);
  assert_int_equal(hysac_engine_count(), 1);
  run(pipeline);
  assert_int_equal(hysac_engine_count(), 0);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_distances),
      cmocka_unit_test(golden_matrices),        cmocka_unit_test(through_an_encoder),
      cmocka_unit_test(videoconvert_negotiates), cmocka_unit_test(seeks),
      cmocka_unit_test(wrong_model_then_right),  cmocka_unit_test(engine_is_shared),
  };
  gst_init(&argc, &argv);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
