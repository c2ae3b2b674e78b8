/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_vision --model DIR [--batch N] [--device NAME] [--precision P]: the vision tower, driven line
 * by line so that another program can interleave its own runs.
 *
 * First line out: "ready VARIANTS". Then for each line in: "load FILE" takes a batch's u8 patches
 * ([image][patch][channel][y][x]) from a file and answers "ok"; "run" answers "MILLISECONDS",
 * "features" the last run's features in one line; end of input ends it. Before the first "load" the
 * patches are noise.
 */

#include "opencl/vision.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  HysacVision *vision;
  cl_command_queue queue;
  guint batch;
  gsize dim;
} Bench;

static gboolean
upload(Bench *self, const void *bytes, gsize n, GError **error)
{
  return HYSAC_CL(clEnqueueWriteBuffer(self->queue, hysac_vision_patches(self->vision), CL_TRUE, 0, n,
                                       bytes, 0, NULL, NULL), "clEnqueueWriteBuffer", error);
}

static gboolean
upload_noise(Bench *self, GError **error)
{
  gsize n = self->batch * hysac_vision_patch_bytes(self->vision);
  g_autofree guint8 *bytes = g_malloc(n);
  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) (((guint32) i * 2654435761u) >> 24);
  return upload(self, bytes, n, error);
}

static gboolean
upload_file(Bench *self, const char *path, GError **error)
{
  g_autofree char *bytes = NULL;
  gsize n, wanted = self->batch * hysac_vision_patch_bytes(self->vision);
  if (!g_file_get_contents(path, &bytes, &n, error))
    return FALSE;
  if (n != wanted) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "%s: %" G_GSIZE_FORMAT " bytes, a batch has %" G_GSIZE_FORMAT, path, n, wanted);
    return FALSE;
  }
  return upload(self, bytes, n, error);
}

static gboolean
serve(Bench *self, GError **error)
{
  char line[4096];
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (g_str_has_prefix(line, "load ")) {
      if (!upload_file(self, g_strchomp(line + 5), error))
        return FALSE;
      puts("ok");
    } else if (strcmp(line, "run\n") == 0) {
      gint64 start = g_get_monotonic_time();
      if (!hysac_vision_enqueue(self->vision, self->queue, hysac_vision_patches(self->vision), self->batch,
                                error) ||
          !HYSAC_CL(clFinish(self->queue), "clFinish", error))
        return FALSE;
      printf("%.3f\n", (double) (g_get_monotonic_time() - start) / 1e3);
    } else if (strcmp(line, "features\n") == 0) {
      gsize n = self->batch * self->dim;
      g_autofree float *f = g_new(float, n);
      if (!HYSAC_CL(clEnqueueReadBuffer(self->queue, hysac_vision_features(self->vision), CL_TRUE, 0,
                                        n * sizeof *f, f, 0, NULL, NULL), "clEnqueueReadBuffer", error))
        return FALSE;
      for (gsize i = 0; i < n; i++)
        printf("%.9g%c", (double) f[i], i + 1 < n ? ' ' : '\n');
    }
    fflush(stdout);
  }
  return TRUE;
}

int
main(int argc, char **argv)
{
  g_autofree char *path = NULL, *choice = NULL, *precision_name = NULL;
  HysacPrecision precision = HYSAC_PRECISION_FP32;
  int batch = 1;
  GOptionEntry entries[] = {
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &path, "a model folder", "DIR" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &choice, "as hysac_device_open()", "NAME" },
    { "batch", 0, 0, G_OPTION_ARG_INT, &batch, "images a run (1)", "N" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &precision_name, "fp32 (the default), bf16, int8, auto", "P" },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- time the vision tower");
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacDevice) device = NULL;
  g_autoptr(HysacModel) model = NULL;
  Bench self = { 0 };
  g_option_context_add_main_entries(context, entries, NULL);
  gboolean ok = g_option_context_parse(context, &argc, &argv, &error);
  if (ok && path == NULL) {
    fprintf(stderr, "--model is needed\n");
    return 2;
  }
  if (precision_name != NULL && !hysac_precision_parse(precision_name, &precision)) {
    fprintf(stderr, "no precision is called \"%s\"\n", precision_name);
    return 2;
  }
  self.batch = (guint) batch;
  ok = ok && (device = hysac_device_open(choice, &error)) != NULL &&
       (model = hysac_model_load(path, &error)) != NULL &&
       (self.vision = hysac_vision_new(device, model, precision, self.batch, NULL, NULL, &error)) !=
           NULL &&
       (self.queue = hysac_device_new_queue(device, FALSE, &error)) != NULL &&
       upload_noise(&self, &error);
  if (ok) {
    self.dim = hysac_model_get_vision_config(model)->projection;
    printf("ready %s; %s\n", hysac_device_get_info(device)->name, hysac_vision_describe(self.vision));
    fflush(stdout);
    ok = serve(&self, &error);
  }
  if (!ok)
    fprintf(stderr, "%s\n", error->message);
  g_clear_pointer(&self.queue, clReleaseCommandQueue);
  hysac_vision_free(self.vision);
  return ok ? 0 : 1;
}
