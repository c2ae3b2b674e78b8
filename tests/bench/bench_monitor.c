/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_monitor [--rounds N] [--seconds S] [--fps F] [--width W] [--height H]: what a frame costs in
 * monitor mode when nothing is scored, above `identity`. Processor time of the whole process while
 * frames pass at their rate, in alternation; one line an element: median of the rounds.
 *
 * The plugin is found by GST_PLUGIN_PATH (. ./env.sh).
 */

#include <gst/gst.h>
#include <gst/video/video.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_PICTURES 4
#define WARM_UP 30
#define PATIENCE (60 * G_TIME_SPAN_SECOND)
/* An hour: after the first frame nothing is due, and no verdict is too old. */
#define HYSAC                                                                                      \
  "hysacmoderate model=demo mode=monitor sample-interval=3600000000000 max-age=3600000000000"

static const struct {
  const char *name, *launch;
} subjects[] = {
    {"identity", "identity"},
    {"monitor", HYSAC},
    {"monitor, verdict-log", HYSAC " verdict-log=/dev/null"},
};
#define N_SUBJECTS G_N_ELEMENTS(subjects)

typedef struct {
  int rounds, fps, width, height;
  double seconds;
  GstBuffer *pictures[N_PICTURES];
  GstCaps *caps;
  guint out; /* atomic */
} Bench;

static double
cpu_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A slow pan over a ramp: motion, and no cut. */
static void
make_pictures(Bench *self)
{
  self->caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "I420", "width",
                                   G_TYPE_INT, self->width, "height", G_TYPE_INT, self->height,
                                   "framerate", GST_TYPE_FRACTION, self->fps, 1, NULL);
  const gsize luma = (gsize)self->width * (gsize)self->height, size = luma * 3 / 2;
  for (guint i = 0; i < N_PICTURES; i++) {
    GstMapInfo map;
    self->pictures[i] = gst_buffer_new_allocate(NULL, size, NULL);
    gst_buffer_map(self->pictures[i], &map, GST_MAP_WRITE);
    memset(map.data + luma, 128, size - luma);
    for (gsize j = 0; j < luma; j++)
      map.data[j] = (guint8)(40 + (j % (gsize)self->width) * 150 / (gsize)self->width + i);
    gst_buffer_unmap(self->pictures[i], &map);
  }
}

static GstFlowReturn
take(GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Bench *self = g_object_get_data(G_OBJECT(pad), "bench");
  gst_buffer_unref(buffer);
  g_atomic_int_inc(&self->out);
  return GST_FLOW_OK;
}

static guint64
stat_of(GstElement *element, const char *field)
{
  g_autoptr(GstStructure) stats = NULL;
  guint64 count = 0;
  guint few = 0;
  if (!g_object_class_find_property(G_OBJECT_GET_CLASS(element), "stats") ||
      !strstr(G_OBJECT_TYPE_NAME(element), "Hysac"))
    return 0;
  g_object_get(element, "stats", &stats, NULL);
  if (!gst_structure_get_uint64(stats, field, &count) && gst_structure_get_uint(stats, field, &few))
    count = few;
  return count;
}

/* @n frames at their rate, from the one numbered @first. */
static gboolean
push(Bench *self, GstPad *pad, guint first, guint n)
{
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (guint i = first; i < first + n; i++) {
    GstBuffer *buffer = gst_buffer_copy(self->pictures[i % N_PICTURES]);
    GST_BUFFER_PTS(buffer) = gst_util_uint64_scale_int(i, GST_SECOND, self->fps);
    GST_BUFFER_DURATION(buffer) = GST_SECOND / (guint)self->fps;
    if (gst_pad_push(pad, buffer) != GST_FLOW_OK)
      return FALSE;
    next.tv_nsec += 1000000000 / self->fps;
    next.tv_sec += next.tv_nsec / 1000000000;
    next.tv_nsec %= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  return TRUE;
}

/* Share of a core in percent, or -1. */
static double
measure(Bench *self, guint subject)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GstElement) element = gst_parse_launch(subjects[subject].launch, &error);
  if (!element) {
    g_printerr("%s\n", error->message);
    return -1.0;
  }
  gst_object_ref_sink(element);
  GstPad *source = gst_pad_new("source", GST_PAD_SRC), *sink = gst_pad_new("sink", GST_PAD_SINK);
  g_autoptr(GstPad) in = gst_element_get_static_pad(element, "sink");
  g_autoptr(GstPad) out = gst_element_get_static_pad(element, "src");
  g_object_set_data(G_OBJECT(sink), "bench", self);
  gst_pad_set_chain_function(sink, take);
  gst_pad_link(source, in);
  gst_pad_link(out, sink);
  gst_pad_set_active(source, TRUE);
  gst_pad_set_active(sink, TRUE);
  double share = -1.0;
  g_atomic_int_set(&self->out, 0);
  if (gst_element_set_state(element, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(source, gst_event_new_stream_start("bench"));
    gst_pad_push_event(source, gst_event_new_caps(self->caps));
    gst_pad_push_event(source, gst_event_new_segment(&segment));
    gboolean ok = push(self, source, 0, WARM_UP);
    const gint64 until = g_get_monotonic_time() + PATIENCE;
    while (stat_of(element, "in-flight") > 0 && g_get_monotonic_time() < until)
      g_usleep(10000);
    const guint64 samples = stat_of(element, "samples");
    const guint n = (guint)(self->seconds * self->fps);
    const double before = cpu_seconds();
    ok = ok && push(self, source, WARM_UP, n);
    const double spent = cpu_seconds() - before;
    while (ok && (guint)g_atomic_int_get(&self->out) < WARM_UP + n &&
           g_get_monotonic_time() < until + PATIENCE)
      g_usleep(1000);
    if (!ok || (guint)g_atomic_int_get(&self->out) != WARM_UP + n)
      g_printerr("%s: frames are missing\n", subjects[subject].name);
    else if (stat_of(element, "samples") != samples)
      g_printerr("%s: something was scored\n", subjects[subject].name);
    else
      share = spent / ((double)n / self->fps) * 100.0;
  }
  gst_element_set_state(element, GST_STATE_NULL);
  gst_pad_set_active(source, FALSE);
  gst_pad_set_active(sink, FALSE);
  gst_object_unref(source);
  gst_object_unref(sink);
  return share;
}

static int
by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
  Bench self = {.rounds = 5, .fps = 30, .width = 1920, .height = 1080, .seconds = 10.0};
  GOptionEntry entries[] = {
      {"rounds", 0, 0, G_OPTION_ARG_INT, &self.rounds, "of each element (5)", "N"},
      {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &self.seconds, "a round (10)", "S"},
      {"fps", 0, 0, G_OPTION_ARG_INT, &self.fps, "frames a second (30)", "F"},
      {"width", 0, 0, G_OPTION_ARG_INT, &self.width, "of the picture (1920)", "W"},
      {"height", 0, 0, G_OPTION_ARG_INT, &self.height, "of the picture (1080)", "H"},
      {0},
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- what monitor mode costs");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, &error) || self.rounds < 1 || self.fps < 1 ||
      self.width < 2 || self.height < 2 || self.seconds * self.fps < 1) {
    g_printerr("%s\n", error ? error->message : "out of range");
    return 2;
  }
  make_pictures(&self);
  g_autofree double *shares = g_new(double, N_SUBJECTS * (gsize)self.rounds);
  gboolean ok = TRUE;
  for (int round = 0; ok && round < self.rounds; round++)
    for (guint i = 0; ok && i < N_SUBJECTS; i++) {
      const double share = measure(&self, i);
      shares[i * (gsize)self.rounds + (gsize)round] = share;
      ok = share >= 0.0;
    }
  double base = 0.0;
  g_print("%dx%d, %d frames a second, %d rounds of %g s; %% of a core\n", self.width, self.height,
          self.fps, self.rounds, self.seconds);
  for (guint i = 0; ok && i < N_SUBJECTS; i++) {
    double *of = shares + i * (gsize)self.rounds;
    qsort(of, (gsize)self.rounds, sizeof *of, by_value);
    const double median = (of[(self.rounds - 1) / 2] + of[self.rounds / 2]) / 2.0;
    base = i == 0 ? median : base;
    g_print("%-22s %6.3f (%.3f to %.3f), above identity %6.3f, %6.1f us a frame\n",
            subjects[i].name, median, of[0], of[self.rounds - 1], median - base,
            median / 100.0 / self.fps * 1e6);
  }
  for (guint i = 0; i < N_PICTURES; i++)
    gst_buffer_unref(self.pictures[i]);
  gst_caps_unref(self.caps);
  return ok ? 0 : 1;
}
