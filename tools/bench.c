/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac bench: where the time goes on a device, and how near that is to what the device can do. */

#include "busy.h"
#include "tool.h"

#include "opencl/bench.h"

#include <math.h>
#include <stdio.h>

#define BUSY 0.1  /* of all processors' time: so much of others' shows in the figures */
#define BEYOND 1.05 /* of a peak: more than the clocks' inaccuracy */

typedef struct {
  char *model, *device, *precision;
  int batch, rounds;
  gboolean json;
} Options;

/* Operations a ms are GFLOP/s in 1e-3. */
static double
speed(double gflop, double ms)
{
  return ms > 0.0 ? gflop / ms * 1e3 : 0.0;
}

static double
share(double roofline, double ms)
{
  return ms > 0.0 ? 100.0 * roofline / ms : 0.0;
}

static void
print_line(const char *name, double ms, double gflop, double roofline)
{
  printf("  %-11s %10.3f %9.1f", name, ms, speed(gflop, ms));
  if (roofline > 0.0)
    printf(" %7.0f %%\n", share(roofline, ms));
  else
    printf("\n");
}

/* One of a list: @printed of them are there. */
static guint
print_peak(guint printed, const char *name, double value, const char *unit)
{
  if (value > 0.0)
    printf("%s %s %.1f %s", printed ? ";" : "", name, value, unit);
  return printed + (value > 0.0);
}

/* Why the figures are not to be trusted, one reason an element. @others: tool_times_others(). */
static GPtrArray *
find_doubts(const HysacBench *bench, double others)
{
  GPtrArray *doubts = g_ptr_array_new_with_free_func(g_free);
  GString *stages = g_string_new(NULL);
  if (others > BUSY)
    g_ptr_array_add(doubts, g_strdup_printf("the machine was busy: others took %.0f %% of its processors' time while it "
                                            "was measured",
                                            100.0 * others));
  for (guint i = 0; i < HYSAC_BENCH_STAGES; i++) {
    const HysacBenchStage *s = &bench->stages[i];
    if (s->roofline > s->ms * BEYOND)
      g_string_append_printf(stages, "%s%s", stages->len > 0 ? ", " : "", s->name);
  }
  if (stages->len > 0)
    g_ptr_array_add(doubts, g_strdup_printf("more than 100 %% of the peaks (%s): the peaks were measured while something "
                                            "else ran",
                                            stages->str));
  g_string_free(stages, TRUE);
  return doubts;
}

static void
print_text(const HysacBench *bench)
{
  double gflop = 0.0, roofline = 0.0;
  printf("device     %s\nkernels    %s\nprecision  %s\npeaks     ", bench->device, bench->kernels,
         hysac_precision_to_string(bench->precision));
  guint n = print_peak(0, "fp32", bench->peak_fp32, "GFLOP/s");
  n = print_peak(n, "bf16", bench->peak_bf16, "GFLOP/s");
  n = print_peak(n, "int8", bench->peak_int8, "GOP/s");
  print_peak(n, "memory", bench->memory, "GB/s");
  printf("\n\nA batch of %u, medians of %u rounds, ms an image; the share of the device's peaks\n\n", bench->batch,
         bench->rounds);
  printf("  %-11s %10s %9s %9s\n", "stage", "ms", "GFLOP/s", "of peak");
  printf("  %-11s %10.3f\n", "preprocess", bench->preprocess_ms);
  for (guint i = 0; i < HYSAC_BENCH_STAGES; i++) {
    const HysacBenchStage *s = &bench->stages[i];
    print_line(s->name, s->ms, s->gflop, s->roofline);
    gflop += s->gflop;
    roofline += s->roofline;
  }
  print_line("tower", bench->tower_ms, gflop, roofline);
}

static void
append(GString *text, const char *key, double value)
{
  g_string_append_printf(text, ",\"%s\":", key);
  tool_append_number(text, value);
}

static void
print_json(const HysacBench *bench, const GPtrArray *doubts, double others)
{
  GString *text = g_string_new("{\"device\":");
  hysac_json_append_string(text, bench->device);
  g_string_append(text, ",\"kernels\":");
  hysac_json_append_string(text, bench->kernels);
  g_string_append_printf(text, ",\"precision\":\"%s\",\"batch\":%u,\"rounds\":%u",
                         hysac_precision_to_string(bench->precision), bench->batch, bench->rounds);
  append(text, "peak_fp32", bench->peak_fp32);
  append(text, "peak_bf16", bench->peak_bf16);
  append(text, "peak_int8", bench->peak_int8);
  append(text, "memory", bench->memory);
  append(text, "preprocess_ms", bench->preprocess_ms);
  append(text, "tower_ms", bench->tower_ms);
  g_string_append(text, ",\"stages\":[");
  for (guint i = 0; i < HYSAC_BENCH_STAGES; i++) {
    const HysacBenchStage *s = &bench->stages[i];
    g_string_append_printf(text, "%s{\"name\":\"%s\"", i ? "," : "", s->name);
    append(text, "ms", s->ms);
    append(text, "gflop", s->gflop);
    append(text, "roofline_ms", s->roofline);
    g_string_append_c(text, '}');
  }
  g_string_append(text, "]");
  append(text, "others", others < 0.0 ? (double) NAN : others);
  g_string_append_printf(text, ",\"trusted\":%s,\"warnings\":[", doubts->len == 0 ? "true" : "false");
  for (guint i = 0; i < doubts->len; i++) {
    g_string_append(text, i ? "," : "");
    hysac_json_append_string(text, doubts->pdata[i]);
  }
  g_string_append(text, "]}");
  puts(text->str);
  g_string_free(text, TRUE);
}

static int
run(const Options *options)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) model = NULL;
  HysacPrecision precision = HYSAC_PRECISION_AUTO;
  HysacBench bench;
  ToolTimes begin, end;
  if (options->model == NULL) {
    tool_error("bench needs --model DIR (or --model demo)");
    return TOOL_USAGE;
  }
  if (options->precision != NULL && !hysac_precision_parse(options->precision, &precision)) {
    tool_error("--precision is auto, fp32, bf16, fp16 or int8, not \"%s\"", options->precision);
    return TOOL_USAGE;
  }
  if (options->batch < 1 || options->batch > 64 || options->rounds < 1 || options->rounds > 1000) {
    tool_error("--batch is 1 to 64, --rounds 1 to 1000");
    return TOOL_USAGE;
  }
  g_autofree char *path = hysac_model_resolve(options->model, &error);
  if (path != NULL)
    model = hysac_model_load(path, &error);
  const gboolean timed = tool_times_take(&begin);
  if (model == NULL || !hysac_bench_run(model, options->device, precision, (guint) options->batch,
                                        (guint) options->rounds, &bench, &error)) {
    tool_fail(error, hysac_error_remedy(error));
    return TOOL_FAILED;
  }
  const double others = timed && tool_times_take(&end) ? tool_times_others(&begin, &end) : -1.0;
  g_autoptr(GPtrArray) doubts = find_doubts(&bench, others);
  if (options->json)
    print_json(&bench, doubts, others);
  else
    print_text(&bench);
  for (guint i = 0; i < doubts->len; i++)
    tool_error("warning: %s; do not trust these figures: measure again with the machine at rest", (char *) doubts->pdata[i]);
  hysac_bench_clear(&bench);
  return tool_finish_output(TOOL_OK);
}

int
tool_bench(int argc, char **argv)
{
  Options options = { .batch = 1, .rounds = 9 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, "Model directory, or demo", "DIR" },
    { "device", 'd', 0, G_OPTION_ARG_STRING, &options.device,
      "OpenCL device: an index or part of a name (see hysac devices)", "N|NAME" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &options.precision, "auto (the default: the fastest that is exact enough), fp32, bf16, fp16 or int8", "P" },
    { "batch", 'b', 0, G_OPTION_ARG_INT, &options.batch, "Images at once (1)", "N" },
    { "rounds", 'r', 0, G_OPTION_ARG_INT, &options.rounds, "Rounds to take medians of (9)", "N" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &options.json, "Print a JSON object", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Prints where the time of an image goes: preprocessing of a 1920 x 1080 NV12 frame, the patch\n"
               "embedding, each kind of operation of all layers together, the head; with GFLOP/s and the\n"
               "share of the device's own peaks in that precision, which it measures first.");
  g_option_context_set_description(context, "Examples:\n"
                                            "  hysac bench --model demo\n"
                                            "  hysac bench --model ~/models/hysac --precision int8 --batch 8 --json\n"
                                            "\n"
                                            "Leave the machine alone meanwhile: others' work is measured with it. Where they took a tenth\n"
                                            "of the processors' time, or a stage comes out above 100 % of a peak, a warning on stderr\n"
                                            "says so, and with --json \"trusted\" is false and \"warnings\" says why.");
  int code;
  if (tool_parse(context, &argc, &argv, &code)) {
    if (argc > 1) {
      tool_error("bench takes no argument \"%s\"", argv[1]);
      code = TOOL_USAGE;
    } else {
      code = run(&options);
    }
  }
  g_free(options.model);
  g_free(options.device);
  g_free(options.precision);
  return code;
}
