/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_text --model DIR [--tokens N] [--texts N] [--rounds N] [--device NAME]: what texts of so many tokens cost:
 * medians over rounds, one text and several at once in turn, and how long the tower takes to be ready.
 */

#include "opencl/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int
by_value(const void *a, const void *b)
{
  const double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

/* Of the process, all threads. */
static double
cpu_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return 1e3 * (double) t.tv_sec + (double) t.tv_nsec / 1e6;
}

static gboolean
measure(HysacText *self, const HysacTextIds *texts, guint n, float *features, double *wall, double *cpu,
        GError **error)
{
  const gint64 start = g_get_monotonic_time();
  const double before = cpu_ms();
  if (!hysac_text_run(self, texts, n, features, error))
    return FALSE;
  *wall = (double) (g_get_monotonic_time() - start) / 1e3;
  *cpu = cpu_ms() - before;
  return TRUE;
}

static gboolean
run(HysacText *self, const HysacTextConfig *c, guint tokens, guint n, guint rounds, GError **error)
{
  g_autofree guint32 *ids = g_new(guint32, tokens);
  g_autofree HysacTextIds *texts = g_new(HysacTextIds, n);
  g_autofree float *features = g_new(float, (gsize) n * c->projection);
  g_autofree double *times = g_new(double, 4 * (gsize) rounds);
  for (guint i = 0; i < tokens; i++)
    ids[i] = (i * 2654435761u) % c->vocab;
  for (guint i = 0; i < n; i++)
    texts[i] = (HysacTextIds){ ids, tokens };
  for (guint r = 0; r < rounds; r++) {
    if (!measure(self, texts, 1, features, &times[r], &times[rounds + r], error) ||
        !measure(self, texts, n, features, &times[2 * rounds + r], &times[3 * rounds + r], error))
      return FALSE;
  }
  for (guint i = 0; i < 4; i++)
    qsort(times + i * rounds, rounds, sizeof *times, by_value);
  const double width = c->width, one = 2e-9 * tokens * c->layers * (4 * width * width + 2 * width * c->mlp_width);
  for (guint i = 0; i < 2; i++) {
    const guint count = i ? n : 1;
    const double wall = times[2 * i * rounds + rounds / 2], cpu = times[(2 * i + 1) * rounds + rounds / 2];
    printf("%u text%s of %u tokens: %.2f ms, %.2f ms of CPU; %.2f ms a text; %.0f GFLOP/s in products\n", count,
           count > 1 ? "s" : "", tokens, wall, cpu, wall / count, count * one / wall * 1e3);
  }
  return TRUE;
}

int
main(int argc, char **argv)
{
  g_autofree char *path = NULL, *device_name = NULL;
  int tokens = 20, n = 8, rounds = 21;
  GOptionEntry entries[] = {
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &path, "the model", "DIR" },
    { "tokens", 0, 0, G_OPTION_ARG_INT, &tokens, "of a text (20)", "N" },
    { "texts", 0, 0, G_OPTION_ARG_INT, &n, "at once (8)", "N" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "of which the median is taken (21)", "N" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &device_name, "as hysac_device_open()", "NAME" },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- time the text tower");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || path == NULL || tokens < 1 || n < 1 || rounds < 1) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "--model is needed, and counts of at least 1");
    return 2;
  }
  g_autoptr(HysacModel) model = hysac_model_load(path, &error);
  const HysacTextConfig *config = model != NULL ? hysac_model_get_text_config(model) : NULL;
  g_autoptr(HysacDevice) device = config != NULL ? hysac_device_open(device_name, &error) : NULL;
  if (device == NULL || (guint) tokens > config->context) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "no text tower, or too many tokens");
    return 1;
  }
  const gint64 start = g_get_monotonic_time();
  HysacText *self = hysac_text_new(device, model, (guint) n, (gsize) n * config->context, NULL, NULL, &error);
  gboolean ok = self != NULL;
  if (ok) {
    printf("%s on %s: ready after %.2f s\n", hysac_text_describe(self), hysac_device_get_info(device)->name,
           (double) (g_get_monotonic_time() - start) / 1e6);
    ok = run(self, config, (guint) tokens, (guint) n, (guint) rounds, &error);
  }
  if (!ok)
    fprintf(stderr, "%s\n", error->message);
  hysac_text_free(self);
  return ok ? 0 : 1;
}
