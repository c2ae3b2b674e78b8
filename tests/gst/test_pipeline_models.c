/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Models that are missing, truncated or of the wrong shape, in the real engine: one error on the bus
 * that says which file, and the same element then works with a good one. And two pipelines in one
 * process: one engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include <gst/gst.h>

#include "opencl/engine.h"

static char *model, *broken;

static const char *const files[] = {"config.json",       "hysac.json", "merges.txt",
                                    "model.safetensors", "vocab.json", "preprocessor_config.json"};

static void
remove_broken(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(broken, files[i], NULL);
    g_unlink(path);
  }
}

/* The good model's folder over again, but @file: @size bytes of it at most, and @from become @to, as
 * long, in it. */
static void
break_model(const char *file, gsize size, const char *from, const char *to)
{
  remove_broken();
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *source = g_build_filename(model, files[i], NULL);
    g_autofree char *path = g_build_filename(broken, files[i], NULL);
    g_autofree char *text = NULL;
    gsize length;
    assert_true(g_file_get_contents(source, &text, &length, NULL));
    if (strcmp(files[i], file) == 0) {
      length = MIN(length, size);
      char *at = from ? memmem(text, length, from, strlen(from)) : NULL; /* NULs in it */
      assert_true(!from || (at && strlen(from) == strlen(to)));
      if (at)
        memcpy(at, to, strlen(to));
      if (size == 0)
        continue; /* missing */
    }
    assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
  }
}

static GstElement *
new_pipeline(const char *folder)
{
  g_autofree char *text = g_strdup_printf(
      "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48 ! "
      "hysacmoderate name=m on-failure=error model=%s ! fakesink async=false",
      folder);
  g_autoptr(GError) error = NULL;
  GstElement *pipeline = gst_parse_launch(text, &error);
  assert_null(error);
  return pipeline;
}

static void
expect_eos(GstElement *pipeline)
{
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstMessage) message =
      gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  assert_non_null(message);
  assert_int_equal(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
  gst_element_set_state(pipeline, GST_STATE_NULL);
}

static void
broken_models(void **state)
{
  static const struct {
    const char *file;
    gsize size;
    const char *from, *to, *names;
  } cases[] = {
      {"config.json", 0, NULL, NULL, "config.json"},
      {"config.json", 100, NULL, NULL, "config.json"},
      {"model.safetensors", 0, NULL, NULL, "model.safetensors"},
      {"model.safetensors", 5, NULL, NULL, "model.safetensors"},
      {"model.safetensors", 5000, NULL, NULL, "model.safetensors"},
      {"model.safetensors", 300000, NULL, NULL, "model.safetensors"},
      {"model.safetensors", G_MAXSIZE, "vision_model.encoder.layers.0", "vision_model.encoder.layers.7",
       "vision_model.encoder.layers.0"},
      {"model.safetensors", G_MAXSIZE, "\"F32\"", "\"I32\"", "model.safetensors"},
      {"config.json", G_MAXSIZE, "\"patch_size\": ", "\"patch_siez\": ", "has shape"},
      {"config.json", G_MAXSIZE, "\"hidden_size\": 80", "\"hidden_size\": 40", "has shape"},
      {"hysac.json", 40, NULL, NULL, "hysac.json"},
      {"hysac.json", G_MAXSIZE, "\"weights_sha256\"", "\"weights_sha265\"", "weights_sha265 is no key of hysac.json"},
  };
  g_autoptr(GstElement) pipeline = new_pipeline(broken);
  g_autoptr(GstElement) element = gst_bin_get_by_name(GST_BIN(pipeline), "m");
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    print_message("# %s, %s\n", cases[i].file, cases[i].from ? cases[i].from : "cut");
    break_model(cases[i].file, cases[i].size, cases[i].from, cases[i].to);
    g_object_set(element, "model", broken, NULL);
    assert_int_equal(gst_element_set_state(pipeline, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    assert_non_null(message);
    g_autofree char *debug = NULL;
    gst_message_parse_error(message, NULL, &debug);
    if (!strstr(debug, cases[i].names))
      fail_msg("\"%s\" is not in \"%s\"", cases[i].names, debug);
    assert_non_null(strstr(debug, "training/convert.py"));
    assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
    gst_element_set_state(pipeline, GST_STATE_NULL);
    assert_int_equal(hysac_engine_count(), 0);
  }
  g_object_set(element, "model", model, NULL);
  expect_eos(pipeline);
}

/* The engine goes with the last pipeline that has it, whichever that is. */
static void
two_pipelines(void **state)
{
  for (guint last = 0; last < 2; last++) {
    g_autoptr(GstElement) a = new_pipeline(model), b = new_pipeline(model);
    GstElement *pipelines[2] = {a, b};
    for (guint i = 0; i < 2; i++)
      assert_int_not_equal(gst_element_set_state(pipelines[i], GST_STATE_PAUSED),
                           GST_STATE_CHANGE_FAILURE);
    assert_int_equal(hysac_engine_count(), 1);
    gst_element_set_state(pipelines[!last], GST_STATE_NULL);
    assert_int_equal(hysac_engine_count(), 1);
    expect_eos(pipelines[last]);
    assert_int_equal(hysac_engine_count(), 0);
  }
}

/* The bound that the element starts with, and how far it has been moved. */
static double
bound_in(const char *precision, double *moved)
{
  g_autofree char *text = g_strdup_printf(
      "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48 ! "
      "hysacmoderate name=m precision=%s on-failure=error model=%s ! fakesink async=false", precision, model);
  g_autoptr(GError) error = NULL;
  GstElement *pipeline = gst_parse_launch(text, &error);
  assert_null(error);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  double bound = 0.0;
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  for (;;) {
    g_autoptr(GstMessage) message = gst_bus_timed_pop_filtered(
        bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);
    assert_non_null(message);
    assert_int_not_equal(GST_MESSAGE_TYPE(message), GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS)
      break;
    const GstStructure *s = gst_message_get_structure(message);
    if (g_strcmp0(gst_structure_get_string(s, "state"), "started") == 0) {
      assert_string_equal(gst_structure_get_string(s, "precision"), precision);
      assert_true(gst_structure_get_double(s, "bound", &bound));
      assert_true(gst_structure_get_double(s, "bound-moved", moved));
    }
  }
  GstStructure *stats = NULL;
  double in_stats;
  g_autoptr(GstElement) element = gst_bin_get_by_name(GST_BIN(pipeline), "m");
  g_object_get(element, "stats", &stats, NULL);
  assert_true(gst_structure_get_double(stats, "bound-moved", &in_stats) && in_stats == *moved);
  assert_true(gst_structure_get_double(stats, "bound", &in_stats) && in_stats == bound);
  gst_structure_free(stats);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return bound;
}

/* The bound is one for fp32: in int8 it moves to the safe side by what int8 is off, and in bf16 less. */
static void
bound_moves_to_the_safe_side(void **state)
{
  double fp32, bf16, int8;
  const double bound = bound_in("fp32", &fp32);
  assert_true(bound > 0.0 && fp32 == 0.0);
  const double finer = bound_in("bf16", &bf16), coarse = bound_in("int8", &int8);
  print_message("# %g in fp32, %g in bf16, %g in int8\n", bound, finer, coarse);
  assert_true(finer < bound && coarse < finer);
  assert_true(fabs(finer + bf16 - bound) < 1e-12 && fabs(coarse + int8 - bound) < 1e-12);
  assert_true(coarse > 0.8 * bound);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(broken_models),
      cmocka_unit_test(two_pipelines),
      cmocka_unit_test(bound_moves_to_the_safe_side),
  };
  gst_init(&argc, &argv);
  model = g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", "small", "model", NULL);
  broken = g_dir_make_tmp("hysac-XXXXXX", NULL);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  remove_broken();
  g_rmdir(broken);
  g_free(broken);
  g_free(model);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
