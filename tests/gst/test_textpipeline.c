/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext of the plugin itself, with the real encoder and the demo model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <glib/gstdio.h>
#include <gst/check/gstharness.h>
#include <string.h>
#include <unistd.h>

#include "gst/gsthysacmeta.h"
#include "hysac.h"

static GstHarness *
harness_of(const char *line)
{
  GstHarness *h = gst_harness_new_parse(line);
  gst_harness_set_live(h, FALSE);
  gst_harness_set_src_caps_str(h, "text/x-raw,format=utf8");
  return h;
}

static GstHarness *
harness(void)
{
  return harness_of("hysactext model=demo name=text");
}

/* The text that comes out; @verdict: what its metadata say. */
static char *
through(GstHarness *h, const char *text, const char *verdict)
{
  static GstClockTime time;
  GstBuffer *buffer = gst_buffer_new_memdup(text, strlen(text));
  GST_BUFFER_PTS(buffer) = time += 60 * GST_SECOND; /* joined with nothing */
  assert_int_equal(gst_harness_push(h, buffer), GST_FLOW_OK);
  GstBuffer *out = gst_harness_pull(h);
  assert_non_null(out);
  assert_string_equal(gst_hysac_meta_get_verdict(gst_buffer_get_hysac_meta(out)), verdict);
  char *shown = g_malloc0(gst_buffer_get_size(out) + 1);
  gst_buffer_extract(out, 0, shown, gst_buffer_get_size(out));
  gst_buffer_unref(out);
  return shown;
}

static void
words(void **state)
{
  GstHarness *h = harness();
  g_autofree char *safe = through(h, "a red ball and a blue box", "safe");
  assert_string_equal(safe, "a red ball and a blue box");
  static const char *const unsafe[] = {"a knife on the table", "a kn<i>if</i>e on the table",
                                       "a k&#110;ife on the table", "a k\xe2\x80\x8bnife on the table",
                                       "a \xef\xbd\x8b\xef\xbd\x8e\xef\xbd\x89\xef\xbd\x86\xef\xbd\x85 on the table"};
  for (guint i = 0; i < G_N_ELEMENTS(unsafe); i++) {
    g_autofree char *masked = through(h, unsafe[i], "unsafe");
    assert_string_equal(masked, "*** *** *** *** ***");
  }
  gst_harness_teardown(h);
}

/* A long text is read to its end. (A caption over and over is none of what the demo model was trained on, and lies a
 * little farther out than one.) */
static void
far_inside(void **state)
{
  GstHarness *h = harness();
  gst_harness_set(h, "hysactext", "bound", 0.45, NULL);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < 400; i++)
    g_string_append(text, "a red ball and a blue box\n");
  g_autofree char *safe = through(h, text->str, "safe");
  assert_string_equal(safe, text->str);
  g_string_insert(text, (gssize)text->len / 2 / 26 * 26, "a skull and a coffin and a knife and a gun and a skull on the table\n");
  g_autofree char *masked = through(h, text->str, "unsafe");
  assert_null(strstr(masked, "skull"));
  g_string_free(text, TRUE);
  gst_harness_teardown(h);
}

/* By concepts that the text tower encodes at the start, where the bound minds nothing. The window that counts for the
 * rule is not the one that counts for the bound: a ball is nearer to the root than a knife. */
static void
a_category(void **state)
{
  static const char policy[] =
      "{\"version\": 1, \"bound\": 100, \"categories\": {\"illegal\": {\"lead\": 0}}, \"concepts\": ["
      "{\"name\": \"ball\", \"category\": \"illegal\", \"prompts\": [\"a red ball and a blue box\"]},"
      "{\"name\": \"knife\", \"safe\": true, \"prompts\": [\"a knife on the table\"]}]}";
  g_autofree char *path = NULL;
  g_close(g_file_open_tmp("hysac-policy-XXXXXX", &path, NULL), NULL);
  assert_true(g_file_set_contents(path, policy, -1, NULL));
  g_autofree char *line = g_strdup_printf("hysactext model=demo policy=\"%s\"", path);
  GstHarness *h = harness_of(line);
  g_autofree char *knife = through(h, "a knife on the table", "safe");
  g_autofree char *ball = through(h, "a red ball and a blue box", "unsafe");
  assert_string_equal(ball, "*** *** *** *** *** *** ***");
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < 60; i++)
    g_string_append(text, i >= 20 && i < 40 ? "a red ball and a blue box\n" : "a knife on the table\n");
  g_autofree char *both = through(h, text->str, "unsafe");
  assert_null(strstr(both, "knife"));
  gst_harness_teardown(h);
  /* The demo model has no head of texts. */
  assert_true(g_file_set_contents(path, "{\"version\": 1, \"head\": {}}", -1, NULL));
  g_autofree char *headless = g_strdup_printf("fakesrc ! hysactext model=demo policy=\"%s\" ! fakesink", path);
  g_autoptr(GstElement) pipeline = gst_parse_launch(headless, NULL);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  assert_int_equal(gst_element_set_state(pipeline, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_autofree char *debug = NULL;
  gst_message_parse_error(message, NULL, &debug);
  assert_non_null(strstr(debug, "head.safetensors is on features of pictures"));
  gst_element_set_state(pipeline, GST_STATE_NULL);
  g_unlink(path);
}

static void
collect(GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  GString *shown = user_data;
  GstMapInfo map;
  assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
  g_string_append_len(shown, (const char *)map.data, (gssize)map.size);
  g_string_append_c(shown, '\n');
  gst_buffer_unmap(buffer, &map);
}

/* The file of the recipe: one line is said plainly, one through tags, one in two cues. */
static void
subtitles(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GString) shown = g_string_new(NULL);
  g_autofree char *path = g_build_filename(g_getenv("HYSAC_SRCDIR"), "examples", "subtitles.srt", NULL);
  g_autofree char *line = g_strdup_printf("filesrc location=\"%s\" ! subparse ! hysactext model=demo ! "
                                          "fakesink name=out signal-handoffs=true sync=false", path);
  g_autoptr(GstElement) pipeline = gst_parse_launch(line, &error);
  if (error)
    fail_msg("%s", error->message);
  g_autoptr(GstElement) out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  g_signal_connect(out, "handoff", G_CALLBACK(collect), shown);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  g_autoptr(GstMessage) message =
      gst_bus_timed_pop_filtered(bus, 120 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  assert_true(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  static const char *const gone[] = {"knife", "skull", "coffin", "cof", "un on"};
  static const char *const there[] = {"a red ball and a blue box\n", "green apple", "a dog and a bird\nin a garden\n",
                                      "\n*** *** *** *** ***\n", "a red car"};
  for (guint i = 0; i < G_N_ELEMENTS(gone); i++)
    assert_null(strstr(shown->str, gone[i]));
  for (guint i = 0; i < G_N_ELEMENTS(there); i++)
    assert_non_null(strstr(shown->str, there[i]));
}

/* The demo model with a bound that was fitted on texts: a link to each of its files, but for hysac.json. */
static char *
fit_demo(double bound)
{
  static const char *const files[] = {"config.json", "preprocessor_config.json", "vocab.json", "merges.txt",
                                      "model.safetensors"};
  const double safe[] = {bound - 0.02, bound - 0.01, bound};
  g_autoptr(GError) error = NULL;
  g_autofree char *from = hysac_model_resolve("demo", &error), *data = NULL;
  char *dir = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  gsize size;
  assert_true(from && dir);
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *a = g_build_filename(from, files[i], NULL), *b = g_build_filename(dir, files[i], NULL);
    assert_int_equal(symlink(a, b), 0);
  }
  g_autofree char *metadata = g_build_filename(from, "hysac.json", NULL);
  g_autofree char *copy = g_build_filename(dir, "hysac.json", NULL);
  assert_true(g_file_get_contents(metadata, &data, &size, NULL) && g_file_set_contents(copy, data, (gssize)size, NULL));
  g_autoptr(HysacProfile) profile = hysac_profile_fit(safe, 3, NULL, 0, 100, HYSAC_PRECISION_FP32, &error);
  if (!profile || !hysac_profile_save_text(profile, dir, &error))
    fail_msg("%s", error->message);
  return dir;
}

static void
remove_demo(char *dir)
{
  g_autoptr(GDir) listing = g_dir_open(dir, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name(listing))) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_unlink(path);
  }
  g_rmdir(dir);
  g_free(dir);
}

/* By it texts are judged, and the verdict says that it was fitted; the property is stronger, and was not. */
static void
fitted_bound(void **state)
{
  char *dir = fit_demo(0.1);
  g_autofree char *line = g_strdup_printf("hysactext model=\"%s\" action=tag", dir);
  GstHarness *h = gst_harness_new_parse(line);
  gst_harness_set_live(h, FALSE);
  gst_harness_set_src_caps_str(h, "text/x-raw,format=utf8");
  for (guint i = 0; i < 2; i++) {
    if (i == 1)
      gst_harness_set(h, "hysactext", "bound", 0.45, NULL);
    GstBuffer *buffer = gst_buffer_new_memdup("a red ball", 10);
    GST_BUFFER_PTS(buffer) = i * 60 * GST_SECOND;
    assert_int_equal(gst_harness_push(h, buffer), GST_FLOW_OK);
    GstBuffer *out = gst_harness_pull(h);
    const GstStructure *meta = gst_buffer_get_hysac_meta(out);
    double bound = 0;
    assert_string_equal(gst_hysac_meta_get_verdict(meta), i ? "safe" : "unsafe");
    assert_true(gst_hysac_meta_get_bound(meta, &bound) && bound == (i ? 0.45 : 0.1));
    assert_true(gst_hysac_meta_get_calibrated(meta) == (i == 0));
    gst_buffer_unref(out);
  }
  gst_harness_teardown(h);
  remove_demo(dir);
}

/* It has another name, and is the demo model all the same; gst-launch-1.0 shows the second string alone. */
static void
assert_told_demo(GstMessage *message)
{
  const GstStructure *details = NULL;
  g_autoptr(GError) text = NULL;
  g_autofree char *debug = NULL;
  gst_message_parse_info(message, &text, &debug);
  gst_message_parse_info_details(message, &details);
  assert_string_equal(gst_structure_get_string(details, "event"), "demo-model");
  assert_true(strstr(text->message, "drawn scenes only") && strstr(debug, "drawn scenes only"));
}

/* The real one too is put in place while it plays; one that is not there leaves it. */
static void
another_model(void **state)
{
  char *dir = fit_demo(0.1);
  gboolean calibrated = FALSE;
  GstHarness *h = harness();
  g_autoptr(GstElement) text = gst_harness_find_element(h, "hysactext");
  g_autoptr(GstBus) bus = gst_bus_new();
  gst_element_set_bus(text, bus);
  g_autofree char *before = through(h, "a red ball and a blue box", "safe");
  g_object_set(text, "model", dir, NULL);
  g_autoptr(GstMessage) message = NULL;
  do {
    gst_clear_message(&message);
    message = gst_bus_timed_pop_filtered(bus, 120 * GST_SECOND,
                                         GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING | GST_MESSAGE_INFO);
    assert_non_null(message);
    assert_true(GST_MESSAGE_TYPE(message) != GST_MESSAGE_INFO); /* that of the start came before there was this bus */
  } while (!gst_message_has_name(message, "hysac-model"));
  const GstStructure *s = gst_message_get_structure(message);
  assert_true(gst_structure_get_boolean(s, "calibrated", &calibrated) && calibrated);
  g_autoptr(GstMessage) demo = gst_bus_timed_pop_filtered(bus, 120 * GST_SECOND, GST_MESSAGE_INFO);
  assert_non_null(demo);
  assert_told_demo(demo);
  g_autofree char *after = through(h, "a red ball and a blue box", "unsafe");
  g_object_set(text, "model", "/nowhere", NULL);
  g_autoptr(GstMessage) warning = gst_bus_timed_pop_filtered(bus, 120 * GST_SECOND, GST_MESSAGE_WARNING);
  assert_non_null(warning);
  g_autofree char *still = through(h, "a red ball and a blue box", "unsafe");
  gst_element_set_bus(text, NULL);
  gst_harness_teardown(h);
  remove_demo(dir);
}

/* What the encoder cannot do, and models that have no texts, are errors at start. */
static void
no_start(void **state)
{
  static const char *const lines[] = {"fakesrc ! hysactext model=demo precision=int8 ! fakesink",
                                      "fakesrc ! hysactext model=/nowhere ! fakesink", "fakesrc ! hysactext ! fakesink"};
  for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
    g_autoptr(GstElement) pipeline = gst_parse_launch(lines[i], NULL);
    g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
    assert_int_equal(gst_element_set_state(pipeline, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    assert_non_null(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words),
      cmocka_unit_test(far_inside),
      cmocka_unit_test(a_category),
      cmocka_unit_test(subtitles),
      cmocka_unit_test(fitted_bound),
      cmocka_unit_test(another_model),
      cmocka_unit_test(no_start),
  };
  gst_init(NULL, NULL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
