/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_preprocess [--device NAME] [--rounds N] [--only TEXT] [--smoke]: a frame to patches, by every kernel variant
 * of preprocessing that the device has, taken in turn. Medians and best of the rounds, a frame:
 * processor time of the whole process (of all cores together), and wall clock from the call until the
 * queue has run. Planes by pointer where the device shares memory, and by upload. Crops: 224 of a
 * shortest edge of 224 (CLIP's), and 224 of 256.
 *
 * Prints a table in Markdown. The results of all variants are compared byte for byte: a difference is
 * an exit status of 1.
 */

#include "opencl/ops.h"
#include "opencl/preprocess.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CROP 224
#define PATCH 14
#define BYTES (CROP * CROP * 3)
#define MAX_WAYS 8
#define MAX_ROUNDS 999

typedef struct {
  const char *name;
  HysacFormat format;
  guint width, height, edge;
} Case;

static const Case cases[] = {
  { "NV12 1920x1080", HYSAC_FORMAT_NV12, 1920, 1080, 224 },
  { "NV12 1920x1080, edge 256", HYSAC_FORMAT_NV12, 1920, 1080, 256 },
  { "I420 1920x1080", HYSAC_FORMAT_I420, 1920, 1080, 224 },
  { "YUY2 1920x1080", HYSAC_FORMAT_YUY2, 1920, 1080, 224 },
  { "P010 1920x1080", HYSAC_FORMAT_P010_10LE, 1920, 1080, 224 },
  { "I420_10 1920x1080", HYSAC_FORMAT_I420_10LE, 1920, 1080, 224 },
  { "RGB 1920x1080", HYSAC_FORMAT_RGB, 1920, 1080, 224 },
  { "BGRx 1920x1080", HYSAC_FORMAT_BGRA, 1920, 1080, 224 },
  { "NV12 3840x2160", HYSAC_FORMAT_NV12, 3840, 2160, 224 },
  { "NV12 1280x720", HYSAC_FORMAT_NV12, 1280, 720, 224 },
  { "NV12 1280x720, edge 256", HYSAC_FORMAT_NV12, 1280, 720, 256 },
  { "RGB 1280x720", HYSAC_FORMAT_RGB, 1280, 720, 224 },
  { "NV12 1080x1920", HYSAC_FORMAT_NV12, 1080, 1920, 224 },
};

typedef struct {
  char *name;
  HysacPreprocess *preprocess;
  double cpu[MAX_ROUNDS], wall[MAX_ROUNDS];
  guint8 out[BYTES];
} Way;

static double
now(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static int
by_value(const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

static void
fill(HysacFrame *frame)
{
  guint32 h = 1;
  for (guint p = 0; p < hysac_format_n_planes(frame->format); p++) {
    gsize row = hysac_format_plane_row_bytes(frame->format, p, frame->width);
    guint rows = hysac_format_plane_rows(frame->format, p, frame->height);
    guint8 *data = g_malloc(row * rows);
    for (gsize i = 0; i < row * rows; i++) {
      h = h * 1664525u + 1013904223u;
      data[i] = (guint8) (h >> 24);
    }
    frame->planes[p] = data;
    frame->strides[p] = row;
    frame->sizes[p] = row * rows;
  }
}

static gboolean
run(Way *way, cl_command_queue queue, const HysacFrame *frame, cl_mem patches, gint round, GError **error)
{
  double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
  if (!hysac_preprocess_enqueue(way->preprocess, queue, frame, patches, 0, NULL, error) ||
      !HYSAC_CL(clFinish(queue), "clFinish", error))
    return FALSE;
  if (round >= 0) {
    way->cpu[round] = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    way->wall[round] = now(CLOCK_MONOTONIC) - wall;
  }
  return round != -1 || HYSAC_CL(clEnqueueReadBuffer(queue, patches, CL_TRUE, 0, BYTES, way->out, 0,
                                                     NULL, NULL), "clEnqueueReadBuffer", error);
}

static gboolean
bench(HysacDevice *device, const Case *what, char **variants, guint rounds, GError **error)
{
  HysacPreprocessConfig config = { .shortest_edge = what->edge, .crop_size = CROP,
                                   .mean = { 0.5f, 0.5f, 0.5f }, .std = { 0.5f, 0.5f, 0.5f } };
  HysacFrame frame = { .format = what->format, .width = what->width, .height = what->height,
                       .matrix = HYSAC_MATRIX_BT709, .site = { TRUE, FALSE } };
  g_autofree Way *ways = g_new0(Way, MAX_WAYS);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, error);
  cl_int code = CL_SUCCESS;
  cl_mem patches = queue ? clCreateBuffer(hysac_device_context(device), CL_MEM_READ_WRITE, BYTES, NULL,
                                          &code) : NULL;
  gboolean ok = queue != NULL && HYSAC_CL(code, "clCreateBuffer", error);
  guint n = 0;
  fill(&frame);
  for (guint i = 0; ok && variants[i] != NULL && n + 2 <= MAX_WAYS; i++) {
    g_setenv("HYSAC_VARIANT", variants[i], TRUE);
    for (guint upload = 0; ok && upload < 2; upload++) {
      Way *way = &ways[n];
      way->name = g_strdup_printf("%s%s", variants[i], upload ? ", upload" : "");
      way->preprocess = hysac_preprocess_new(device, &config, PATCH, error);
      ok = way->preprocess != NULL;
      if (ok && upload)
        hysac_preprocess_set_path(way->preprocess, TRUE, FALSE, 0);
      n++;
    }
  }
  for (gint round = -2; ok && round < (gint) rounds; round++)
    for (guint i = 0; ok && i < n; i++)
      ok = run(&ways[i], queue, &frame, patches, round, error);
  for (guint i = 0; ok && i < n; i++) {
    Way *way = &ways[i];
    qsort(way->cpu, rounds, sizeof(double), by_value);
    qsort(way->wall, rounds, sizeof(double), by_value);
    printf("| %s | %s | %.2f (%.2f) | %.2f (%.2f) |\n", what->name, way->name, way->cpu[rounds / 2],
           way->cpu[0], way->wall[rounds / 2], way->wall[0]);
    fflush(stdout);
    if (memcmp(way->out, ways[0].out, BYTES) != 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "%s: %s is not %s", what->name, way->name,
                  ways[0].name);
      ok = FALSE;
    }
  }
  for (guint i = 0; i < n; i++) {
    hysac_preprocess_free(ways[i].preprocess);
    g_free(ways[i].name);
  }
  for (guint p = 0; p < 3; p++)
    g_free((gpointer) frame.planes[p]);
  g_clear_pointer(&patches, clReleaseMemObject);
  g_clear_pointer(&queue, clReleaseCommandQueue);
  return ok;
}

int
main(int argc, char **argv)
{
  g_autofree char *choice = NULL, *only = NULL;
  int rounds = 51;
  gboolean smoke = FALSE;
  GOptionEntry entries[] = {
    { "device", 0, 0, G_OPTION_ARG_STRING, &choice, "as hysac_device_open()", "NAME" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "rounds (51)", "N" },
    { "only", 0, 0, G_OPTION_ARG_STRING, &only, "frames whose line begins so", "TEXT" },
    { "smoke", 0, 0, G_OPTION_ARG_NONE, &smoke, "two small cases, one round", NULL },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- time a frame's way to patches");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 2;
  }
  g_autoptr(HysacDevice) device = hysac_device_open(choice, &error);
  gboolean ok = device != NULL;
  if (ok) {
    g_auto(GStrv) variants = hysac_preprocess_variants(device);
    printf("%s, %u compute units; milliseconds a frame, median (best) of %d rounds in turn\n\n",
           hysac_device_get_info(device)->name, hysac_device_get_info(device)->compute_units,
           smoke ? 1 : rounds);
    printf("| frame | variant | processor time, all cores | wall clock |\n|---|---|---|---|\n");
    rounds = smoke ? 1 : CLAMP(rounds, 1, MAX_ROUNDS);
    for (gsize i = 0; ok && i < G_N_ELEMENTS(cases); i++) {
      if ((!smoke || cases[i].height == 720) && (only == NULL || g_str_has_prefix(cases[i].name, only)))
        ok = bench(device, &cases[i], variants, (guint) rounds, &error);
    }
  }
  if (!ok)
    fprintf(stderr, "%s\n", error->message);
  return ok ? 0 : 1;
}
