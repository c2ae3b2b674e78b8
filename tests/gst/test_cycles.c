/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pipeline from NULL to PLAYING and back, with frames, again and again (HYSAC_LOAD_CYCLES;
 * tests/full.sh: 10000 times): no thread, no file, no object stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define WARM_UP 24
#define PATIENCE (20 * GST_SECOND)

static guint
n_cycles(void)
{
  const char *text = g_getenv("HYSAC_LOAD_CYCLES");
  return text ? (guint)g_ascii_strtoull(text, NULL, 10) : 300;
}

static guint
n_entries(const char *path)
{
  guint n = 0;
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  assert_non_null(dir);
  while (g_dir_read_name(dir))
    n++;
  return n;
}

/* Threads without work wait in GStreamer's and GLib's pools for up to a second, and are told to go then.
 * Looks until there are no more than @expected, at least @looks and at most ten thousand times. */
static guint
n_threads(guint expected, guint looks)
{
  guint least = G_MAXUINT;
  for (guint i = 0; i < looks || (i < 10000 && least > expected); i++) {
    g_thread_pool_stop_unused_threads();
    g_usleep(1000);
    least = MIN(least, n_entries("/proc/self/task"));
  }
  return least;
}

/* The tracer "leaks", which knows of every object and buffer. */
static GstTracer *
leaks_tracer(void)
{
  GstTracer *found = NULL;
  GList *tracers = gst_tracing_get_active_tracers();
  for (GList *l = tracers; l && !found; l = l->next)
    if (g_str_equal(G_OBJECT_TYPE_NAME(l->data), "GstLeaksTracer"))
      found = gst_object_ref(l->data);
  g_list_free_full(tracers, gst_object_unref);
  assert_non_null(found);
  return found;
}

/* Objects made less objects gone since the last call. */
static int
new_objects(void)
{
  g_autoptr(GstTracer) tracer = leaks_tracer();
  g_autoptr(GstStructure) since = NULL;
  g_signal_emit_by_name(tracer, "activity-get-checkpoint", &since);
  assert_non_null(since);
  const GValue *made = gst_structure_get_value(since, "objects-created-list");
  const GValue *gone = gst_structure_get_value(since, "objects-removed-list");
  return (int)gst_value_list_get_size(made) - (int)gst_value_list_get_size(gone);
}

typedef struct {
  Fake fake;
  GstElement *pipeline, *element;
  GstBus *bus;
} Line;

static void
line_init(Line *self, GstHysacMode mode)
{
  fake_init(&self->fake, FAKE_THREAD);
  self->element = g_object_new(GST_TYPE_HYSAC_MODERATE, NULL);
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(self->element), fake_scorer_new,
                                        &self->fake);
  g_object_set(self->element, "model", "fake", "mode", mode, "sample-interval", (guint64)0, "action",
               GST_HYSAC_ACTION_BLUR, "verdict-log", "/dev/null", NULL);
  self->pipeline = gst_parse_launch(
      "videotestsrc name=in num-buffers=4 ! capsfilter name=caps "
      "caps=video/x-raw,format=I420,width=64,height=36,framerate=25/1 fakesink name=out", NULL);
  g_autoptr(GstElement) caps = gst_bin_get_by_name(GST_BIN(self->pipeline), "caps");
  g_autoptr(GstElement) out = gst_bin_get_by_name(GST_BIN(self->pipeline), "out");
  gst_bin_add(GST_BIN(self->pipeline), gst_object_ref(self->element));
  assert_true(gst_element_link_many(caps, self->element, out, NULL));
  self->bus = gst_element_get_bus(self->pipeline);
}

/* Down after the end, at once, when the first frame is there, or with frames under way. */
static void
cycle(Line *self, guint i)
{
  assert_int_not_equal(gst_element_set_state(self->pipeline, i % 4 == 2 ? GST_STATE_PAUSED
                                                                        : GST_STATE_PLAYING),
                       GST_STATE_CHANGE_FAILURE);
  if (i % 4 == 0) {
    g_autoptr(GstMessage) message =
        gst_bus_timed_pop_filtered(self->bus, PATIENCE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    assert_non_null(message);
    assert_int_equal(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
  } else if (i % 4 != 1) {
    assert_int_equal(gst_element_get_state(self->pipeline, NULL, NULL, PATIENCE),
                     GST_STATE_CHANGE_SUCCESS);
  }
  assert_int_not_equal(gst_element_set_state(self->pipeline, GST_STATE_NULL), GST_STATE_CHANGE_FAILURE);
  assert_int_equal(self->fake.alive, 0);
}

static void
cycles(GstHysacMode mode)
{
  Line line;
  guint threads = 0, files = 0;
  int objects = 0;
  line_init(&line, mode);
  for (guint i = 0; i < n_cycles() + WARM_UP; i++) {
    if (i == WARM_UP) {
      threads = n_threads(G_MAXUINT, 1500);
      files = n_entries("/proc/self/fd");
      new_objects();
    }
    cycle(&line, i);
    if (i >= WARM_UP && i % 100 == 0)
      objects += new_objects();
  }
  assert_true(n_threads(threads, 1) <= threads);
  assert_int_equal(n_entries("/proc/self/fd"), files);
  objects += new_objects();
  assert_int_equal(objects, 0);
  print_message("# %u cycles: %u threads and %u files before and after, no object more\n", n_cycles(),
                threads, files);
  assert_int_equal(GST_OBJECT_REFCOUNT_VALUE(line.element), 2); /* ours and the pipeline's */
  gst_object_unref(line.bus);
  gst_object_unref(line.pipeline);
  assert_int_equal(GST_OBJECT_REFCOUNT_VALUE(line.element), 1);
  gst_object_unref(line.element);
  fake_clear(&line.fake);
}

static void
gate_cycles(void **state)
{
  cycles(GST_HYSAC_MODE_GATE);
}

static void
monitor_cycles(void **state)
{
  cycles(GST_HYSAC_MODE_MONITOR);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gate_cycles),
      cmocka_unit_test(monitor_cycles),
  };
  g_setenv("GST_TRACERS", "leaks", TRUE);
  gst_init(&argc, &argv);
  g_autoptr(GstTracer) tracer = leaks_tracer();
  g_signal_emit_by_name(tracer, "activity-start-tracking");
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  g_clear_object(&tracer);
  gst_deinit(); /* the tracer reports here */
  return failed;
}
