/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_streams [--frames N] [--rounds R] [--model DIR]: 1, 4 and 16 streams through the element at
 * once, gate mode, every frame a sample, as fast as they go; the streams share one engine. A table in
 * Markdown: frames a second of all streams and processor time a frame (medians of the rounds), how far
 * apart the streams are, how the engine batched, the process's memory.
 *
 * The plugin is found by GST_PLUGIN_PATH (. ./env.sh).
 */

#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 640
#define HEIGHT 360
#define FRAME (GST_SECOND / 30)
#define MAX_STREAMS 16
#define MAX_ROUNDS 99

typedef struct {
  GstElement *element;
  GstPad *source, *sink;
  guint frames;
  guint out;         /* its sink's thread */
  gint *all_out;     /* atomic, of all streams */
  gint at_first_end; /* frames out when the first stream ended */
  GMutex lock;
  GCond cond;
  gboolean eos;
} Stream;

typedef struct {
  double fps, cpu, spread, batch;
} Result;

static gint first_end; /* atomic: a stream has ended */
static Stream streams[MAX_STREAMS];
static guint n_streams;

static double
seconds(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
resident_mb(void)
{
  unsigned long size, pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%lu %lu", &size, &pages) != 2)
    pages = 0;
  if (file)
    fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static GstFlowReturn
take(GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Stream *self = gst_pad_get_element_private(pad);
  gst_buffer_unref(buffer);
  g_atomic_int_inc(&self->out);
  if ((guint)g_atomic_int_get(&self->out) == self->frames &&
      g_atomic_int_compare_and_exchange(&first_end, 0, 1))
    for (guint i = 0; i < n_streams; i++)
      streams[i].at_first_end = g_atomic_int_get(&streams[i].out);
  return GST_FLOW_OK;
}

static gboolean
take_event(GstPad *pad, GstObject *parent, GstEvent *event)
{
  Stream *self = gst_pad_get_element_private(pad);
  if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
    g_mutex_lock(&self->lock);
    self->eos = TRUE;
    g_cond_signal(&self->cond);
    g_mutex_unlock(&self->lock);
  }
  gst_event_unref(event);
  return TRUE;
}

static gboolean
stream_open(Stream *self, const char *model, guint frames)
{
  *self = (Stream){.frames = frames};
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  self->element = gst_element_factory_make("hysacmoderate", NULL);
  if (!self->element)
    return FALSE;
  gst_object_ref_sink(self->element);
  g_object_set(self->element, "model", model, "sample-interval", (guint64)0, "request-timeout",
               600 * GST_SECOND, NULL);
  self->source = gst_pad_new("source", GST_PAD_SRC);
  self->sink = gst_pad_new("sink", GST_PAD_SINK);
  gst_pad_set_element_private(self->sink, self);
  gst_pad_set_chain_function(self->sink, take);
  gst_pad_set_event_function(self->sink, take_event);
  g_autoptr(GstPad) in = gst_element_get_static_pad(self->element, "sink");
  g_autoptr(GstPad) out = gst_element_get_static_pad(self->element, "src");
  gst_pad_link(self->source, in);
  gst_pad_link(out, self->sink);
  gst_pad_set_active(self->source, TRUE);
  gst_pad_set_active(self->sink, TRUE);
  if (gst_element_set_state(self->element, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
    return FALSE;
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  g_autoptr(GstCaps) caps = gst_caps_new_simple(
      "video/x-raw", "format", G_TYPE_STRING, "I420", "width", G_TYPE_INT, WIDTH, "height",
      G_TYPE_INT, HEIGHT, "framerate", GST_TYPE_FRACTION, 30, 1, NULL);
  gst_pad_push_event(self->source, gst_event_new_stream_start("bench"));
  gst_pad_push_event(self->source, gst_event_new_caps(caps));
  gst_pad_push_event(self->source, gst_event_new_segment(&segment));
  return TRUE;
}

static void
stream_close(Stream *self)
{
  if (self->element)
    gst_element_set_state(self->element, GST_STATE_NULL);
  if (self->source) {
    gst_pad_set_active(self->source, FALSE);
    gst_pad_set_active(self->sink, FALSE);
  }
  g_clear_pointer(&self->source, gst_object_unref);
  g_clear_pointer(&self->sink, gst_object_unref);
  g_clear_pointer(&self->element, gst_object_unref);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
}

static gpointer
stream_run(gpointer user_data)
{
  Stream *self = user_data;
  const gsize luma = WIDTH * HEIGHT, size = luma * 3 / 2;
  for (guint i = 0; i < self->frames; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
    gst_buffer_memset(buffer, 0, (guint8)(60 + i % 100), luma);
    gst_buffer_memset(buffer, luma, 128, size - luma);
    GST_BUFFER_PTS(buffer) = i * FRAME;
    GST_BUFFER_DURATION(buffer) = FRAME;
    if (gst_pad_push(self->source, buffer) != GST_FLOW_OK)
      break;
  }
  gst_pad_push_event(self->source, gst_event_new_eos());
  g_mutex_lock(&self->lock);
  while (!self->eos)
    g_cond_wait(&self->cond, &self->lock);
  g_mutex_unlock(&self->lock);
  return NULL;
}

static gboolean
measure(const char *model, guint n, guint frames, Result *result)
{
  gboolean ok = TRUE;
  n_streams = n;
  g_atomic_int_set(&first_end, 0);
  for (guint i = 0; i < n; i++)
    ok = stream_open(&streams[i], model, frames) && ok;
  if (ok) {
    GThread *threads[MAX_STREAMS];
    const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (guint i = 0; i < n; i++)
      threads[i] = g_thread_new("stream", stream_run, &streams[i]);
    for (guint i = 0; i < n; i++)
      g_thread_join(threads[i]);
    result->fps = n * frames / (seconds(CLOCK_MONOTONIC) - wall);
    result->cpu = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (n * frames);
    gint slowest = (gint)frames;
    for (guint i = 0; i < n; i++) {
      slowest = MIN(slowest, streams[i].at_first_end);
      if (streams[i].out != frames) {
        g_printerr("frames are missing\n");
        ok = FALSE;
      }
    }
    result->spread = (double)slowest / frames;
    g_autoptr(GstStructure) stats = NULL;
    g_object_get(streams[0].element, "stats", &stats, NULL);
    gst_structure_get_double(stats, "engine-mean-batch", &result->batch);
    printf("# %u streams: %.1f frames/s, %.2f ms of a core a frame, %.0f MB\n", n, result->fps,
           result->cpu * 1e3, resident_mb());
    fflush(stdout);
  }
  for (guint i = 0; i < n; i++)
    stream_close(&streams[i]);
  return ok;
}

static int
by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Of one member of the results. */
static double
median(const Result *results, guint n, gsize offset)
{
  double values[MAX_ROUNDS];
  for (guint i = 0; i < n; i++)
    values[i] = *(const double *)((const char *)&results[i] + offset);
  qsort(values, n, sizeof *values, by_value);
  return (values[(n - 1) / 2] + values[n / 2]) / 2.0;
}

int
main(int argc, char **argv)
{
  static const guint counts[] = {1, 4, 16};
  static Result results[G_N_ELEMENTS(counts)][MAX_ROUNDS];
  g_autofree char *model = NULL;
  int frames = 640, rounds = 5;
  GOptionEntry entries[] = {
      {"frames", 0, 0, G_OPTION_ARG_INT, &frames, "of all streams together (640)", "N"},
      {"rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "in alternation (5)", "R"},
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "a model folder (demo)", "DIR"},
      {0},
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- streams that share an engine");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, &error) || frames < MAX_STREAMS || rounds < 1 ||
      rounds > MAX_ROUNDS) {
    g_printerr("%s\n", error ? error->message : "out of range");
    return 2;
  }
  for (int r = 0; r < rounds; r++)
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
      if (!measure(model ? model : "demo", counts[i], (guint)frames / counts[i], &results[i][r]))
        return 1;
  printf("| streams | frames a second, all | of one stream | a core's time a frame | a batch | slowest when the "
         "first ends |\n|---|---|---|---|---|---|\n");
  for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
    const double fps = median(results[i], (guint)rounds, offsetof(Result, fps));
    printf("| %u | %.1f | %.1f | %.2f ms | %.2f | %.0f %% |\n", counts[i], fps, fps / counts[i],
           1e3 * median(results[i], (guint)rounds, offsetof(Result, cpu)),
           median(results[i], (guint)rounds, offsetof(Result, batch)),
           100.0 * median(results[i], (guint)rounds, offsetof(Result, spread)));
  }
  return 0;
}
