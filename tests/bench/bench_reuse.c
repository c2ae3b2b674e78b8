/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_reuse --clip FILE [--model DIR] [--frames N]: what the element's change detector makes of a clip.
 * Every frame is a sample, in gate mode, once without reuse and then at several settings. A table in
 * Markdown: the share of samples that were reused, the processor time of a frame (all threads; decoding,
 * measured by itself, taken off), how far distances are from those of every frame encoded, and how many
 * verdicts differ. The bound is the median of the distances, so that as many frames as can be lie close to
 * it: a worse case than any bound that was fitted.
 *
 * The plugin is found by GST_PLUGIN_PATH (. ./env.sh). tests/bench/reuse.sh makes and measures clips.
 */

#include <gst/gst.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
  int tolerance, budget; /* tolerance -1: never, -2: no element */
} Setting;

typedef struct {
  GArray *distances; /* double, of each frame */
  guint frames, limit;
  guint64 reused;
  double cpu;
  GstElement *pipeline;
} Run;

static double
processor_time(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static GstPadProbeReturn
on_out(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Run *run = user_data;
  GstCustomMeta *meta =
      gst_buffer_get_custom_meta(GST_PAD_PROBE_INFO_BUFFER(info), "GstHysacMeta");
  double distance = NAN;
  if (meta)
    gst_structure_get_double(gst_custom_meta_get_structure(meta), "distance", &distance);
  g_array_append_val(run->distances, distance);
  return GST_PAD_PROBE_OK;
}

/* Ends the stream behind the last frame wanted. */
static GstPadProbeReturn
on_in(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Run *run = user_data;
  if (run->frames == run->limit)
    return GST_PAD_PROBE_DROP;
  run->frames++;
  return GST_PAD_PROBE_OK;
}

static gboolean
play(const char *clip, const char *model, const Setting *setting, guint limit, Run *run)
{
  g_autoptr(GError) error = NULL;
  const gboolean plain = setting->tolerance == -2;
  *run = (Run){.limit = limit, .distances = g_array_new(FALSE, FALSE, sizeof(double))};
  g_autofree char *launch = g_strdup_printf(
      "filesrc name=in ! decodebin ! videoconvert name=frames ! video/x-raw,format=I420 ! %s ! "
      "fakesink name=out sync=false",
      plain ? "identity" : "hysacmoderate name=moderate sample-interval=0 action=tag");
  g_autoptr(GstElement) pipeline = gst_parse_launch(launch, &error);
  if (!pipeline) {
    g_printerr("%s\n", error->message);
    return FALSE;
  }
  g_autoptr(GstElement) in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
  g_autoptr(GstElement) frames = gst_bin_get_by_name(GST_BIN(pipeline), "frames");
  g_autoptr(GstElement) out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  g_autoptr(GstElement) moderate = gst_bin_get_by_name(GST_BIN(pipeline), "moderate");
  g_object_set(in, "location", clip, NULL);
  if (moderate) {
    g_object_set(moderate, "model", model, NULL);
    gst_util_set_object_arg(G_OBJECT(moderate), "reuse",
                            setting->tolerance < 0 ? "never" : "always");
    g_object_set(moderate, "change-tolerance", MAX(setting->tolerance, 0), "change-budget",
                 setting->budget, NULL);
  }
  g_autoptr(GstPad) from = gst_element_get_static_pad(frames, "src");
  g_autoptr(GstPad) to = gst_element_get_static_pad(out, "sink");
  gst_pad_add_probe(from, GST_PAD_PROBE_TYPE_BUFFER, on_in, run, NULL);
  gst_pad_add_probe(to, GST_PAD_PROBE_TYPE_BUFFER, on_out, run, NULL);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  /* Loading and warming up are not counted. */
  gst_element_set_state(pipeline, GST_STATE_READY);
  if (moderate)
    gst_element_set_state(moderate, GST_STATE_PAUSED);
  const double start = processor_time();
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstMessage) end = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE,
                                                         GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  run->cpu = processor_time() - start;
  const gboolean ok = GST_MESSAGE_TYPE(end) == GST_MESSAGE_EOS && run->frames > 0 &&
                      run->distances->len == run->frames;
  if (GST_MESSAGE_TYPE(end) == GST_MESSAGE_ERROR) {
    gst_message_parse_error(end, &error, NULL);
    g_printerr("%s\n", error->message);
  }
  if (moderate) {
    g_autoptr(GstStructure) stats = NULL;
    g_object_get(moderate, "stats", &stats, NULL);
    gst_structure_get_uint64(stats, "reused", &run->reused);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  return ok;
}

static int
by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Between two distances, so that no frame lies on it. */
static double
bound_of(GArray *distances)
{
  g_autoptr(GArray) sorted = g_array_copy(distances);
  qsort(sorted->data, sorted->len, sizeof(double), by_value);
  const guint middle = sorted->len / 2;
  return (g_array_index(sorted, double, middle) +
          g_array_index(sorted, double, middle > 0 ? middle - 1 : 0)) / 2.0;
}

static void
print_row(const Setting *setting, const Run *run, const Run *base, double decoding)
{
  const double bound = bound_of(base->distances);
  double worst = 0.0;
  guint differ = 0;
  for (guint i = 0; i < run->distances->len; i++) {
    const double is = g_array_index(run->distances, double, i);
    const double was = g_array_index(base->distances, double, i);
    worst = fmax(worst, fabs(is - was));
    differ += !(is > bound) != !(was > bound) || isnan(is) || isnan(was);
  }
  if (setting->tolerance < 0)
    printf("| every frame encoded ");
  else
    printf("| %d, %d ", setting->tolerance, setting->budget);
  printf("| %.1f %% | %.2f ms | %.2g | %u of %u |\n",
         100.0 * (double)run->reused / (double)run->frames,
         1e3 * (run->cpu - decoding) / (double)run->frames, worst, differ, run->frames);
  fflush(stdout);
}

int
main(int argc, char **argv)
{
  static const Setting settings[] = {{-1, 0}, {0, 0},   {1, 0},   {2, 0},  {2, 100},
                                     {4, 0},  {4, 100}, {4, 500}, {8, 500}};
  g_autofree char *clip = NULL, *model = NULL;
  int frames = 0;
  GOptionEntry entries[] = {
      {"clip", 0, 0, G_OPTION_ARG_FILENAME, &clip, "a video file", "FILE"},
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "a model folder (demo)", "DIR"},
      {"frames", 0, 0, G_OPTION_ARG_INT, &frames, "only the first N (0: all)", "N"},
      {0},
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- the change detector on a clip");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, &error) || !clip || frames < 0) {
    g_printerr("%s\n", error ? error->message : "--clip FILE is needed; --frames is 0 or more");
    return 2;
  }
  const guint limit = frames > 0 ? (guint)frames : G_MAXUINT;
  Run plain, base = {0};
  for (guint i = 0; i < 2; i++) { /* the first loads the decoder */
    if (!play(clip, model ? model : "demo", &(Setting){-2, 0}, limit, &plain))
      return 1;
    g_array_unref(plain.distances);
  }
  for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
    Run run;
    if (!play(clip, model ? model : "demo", &settings[i], limit, &run) ||
        run.frames != plain.frames)
      return 1;
    if (i == 0) {
      base = run;
      printf("%u frames; decoding takes %.2f ms of a frame's processor time; the bound is %.4f\n\n"
             "| tolerance, budget | reused | a frame's processor time | largest difference of a distance | "
             "verdicts that differ |\n|---|---|---|---|---|\n",
             run.frames, 1e3 * plain.cpu / plain.frames, bound_of(run.distances));
    }
    print_row(&settings[i], &run, &base, plain.cpu);
    if (i > 0)
      g_array_unref(run.distances);
  }
  g_array_unref(base.distances);
  return 0;
}
