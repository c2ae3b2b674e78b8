/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_peaks [--device NAME] [--batch N,N…] [--json] [MODEL…]: what the device can do at most, and the
 * time that each model's vision tower would take at that speed. Tables, or one JSON object.
 */

#include "opencl/peaks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const HysacPrecision precisions[] = { HYSAC_PRECISION_FP32, HYSAC_PRECISION_BF16, HYSAC_PRECISION_INT8 };

typedef struct {
  HysacPeaks peaks;
  guint64 cache;
  gboolean json;
  guint printed;
} Bench;

static void
print_peak(const Bench *self, const char *name, const HysacPeak *peak, const char *unit, gboolean first)
{
  if (self->json)
    printf("%s\"%s\":{\"wall\":%.4g,\"cpu\":%.4g}", first ? "" : ",", name, peak->wall, peak->cpu);
  else if (peak->wall > 0.0)
    printf("%-8s %8.1f %s, by processor time %8.1f\n", name, peak->wall, unit, peak->cpu);
  else
    printf("%-8s no instruction that is known here\n", name);
}

static void
print_peaks(const Bench *self)
{
  print_peak(self, "fp32", &self->peaks.fp32, "GFLOP/s", TRUE);
  print_peak(self, "bf16", &self->peaks.bf16, "GFLOP/s", FALSE);
  print_peak(self, "int8", &self->peaks.int8, "GOP/s", FALSE);
  print_peak(self, "memory", &self->peaks.memory, "GB/s", FALSE);
}

static void
print_model(Bench *self, HysacModel *model, guint batch)
{
  const HysacVisionConfig *config = hysac_model_get_vision_config(model);
  g_autofree char *name = g_path_get_basename(hysac_model_get_path(model));
  for (gsize i = 0; i < G_N_ELEMENTS(precisions); i++) {
    HysacWork work[HYSAC_N_STAGES];
    double wall = 0.0, cpu = 0.0, flops = 0.0;
    hysac_stage_work(config, batch, precisions[i], self->cache, work);
    if (hysac_stage_roofline(0, &work[0], &self->peaks, precisions[i], FALSE) <= 0.0)
      continue;
    const char *precision = hysac_precision_to_string(precisions[i]);
    if (!self->json)
      printf("\n%s, batch %u, %s\n", name, batch, precision);
    for (HysacStage s = 0; s < HYSAC_N_STAGES; s++) {
      double ms = 1e3 * hysac_stage_roofline(s, &work[s], &self->peaks, precisions[i], FALSE);
      if (!self->json)
        printf("  %-11s %9.3f GFLOP %9.1f MB %9.3f ms\n", hysac_stage_name(s), work[s].flops / 1e9,
               work[s].bytes / 1e6, ms);
      wall += ms;
      cpu += 1e3 * hysac_stage_roofline(s, &work[s], &self->peaks, precisions[i], TRUE);
      flops += work[s].flops;
    }
    if (self->json)
      printf("%s\n{\"model\":\"%s\",\"batch\":%u,\"precision\":\"%s\",\"gflop\":%.6g,\"wall_ms\":%.6g,\"cpu_ms\":%.6g}",
             self->printed++ ? "," : "", name, batch, precision, flops / 1e9, wall, cpu);
    else
      printf("  %-11s %9.3f GFLOP %12s %9.3f ms, by processor time %.3f\n", "all", flops / 1e9, "", wall, cpu);
  }
}

static gboolean
print_models(Bench *self, char **paths, char **batches, GError **error)
{
  for (guint i = 0; paths != NULL && paths[i] != NULL; i++) {
    g_autoptr(HysacModel) model = hysac_model_load(paths[i], error);
    if (model == NULL)
      return FALSE;
    for (guint b = 0; batches[b] != NULL; b++) {
      guint64 batch;
      if (!g_ascii_string_to_unsigned(batches[b], 10, 1, 1024, &batch, error))
        return FALSE;
      print_model(self, model, (guint) batch);
    }
  }
  return TRUE;
}

int
main(int argc, char **argv)
{
  g_autofree char *choice = NULL, *batches = NULL;
  g_auto(GStrv) paths = NULL;
  Bench self = { 0 };
  GOptionEntry entries[] = {
    { "device", 0, 0, G_OPTION_ARG_STRING, &choice, "as hysac_device_open()", "NAME" },
    { "batch", 0, 0, G_OPTION_ARG_STRING, &batches, "images a batch (1)", "N,N…" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self.json, "one JSON object", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, "MODEL…" },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- measure the device's peaks");
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacDevice) device = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 2;
  }
  gboolean ok = (device = hysac_device_open(choice, &error)) != NULL &&
                hysac_peaks_measure(device, NULL, &self.peaks, &error);
  if (ok) {
    g_auto(GStrv) list = g_strsplit(batches != NULL ? batches : "1", ",", -1);
    self.cache = hysac_device_cache_bytes(device);
    if (self.json)
      printf("{\"cache\":%" G_GUINT64_FORMAT ",\"peaks\":{", self.cache);
    else
      printf("%s, last cache %.1f MB\n", hysac_device_get_info(device)->name, (double) self.cache / 1e6);
    print_peaks(&self);
    fputs(self.json ? "},\"rooflines\":[" : "", stdout);
    ok = print_models(&self, paths, list, &error);
    fputs(self.json ? "]}\n" : "", stdout);
  }
  if (!ok)
    fprintf(stderr, "%s\n", error->message);
  return ok ? 0 : 1;
}
