/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_start --model DIR [--device NAME] [--precision P] [--rounds N] [--smoke]: what a start costs, and
 * the memory that is left in use.
 *
 * Each start is a process of its own, timed from its spawning to the first verdict of a 1920x1080 NV12
 * frame, and asked for its private memory (Private_* of /proc/PID/smaps_rollup) after a few frames more.
 * The caches are in a folder of the benchmark's own: the first start finds it empty, later ones do not,
 * and "no cache" does not look (HYSAC_CACHE=0, for weights only). Prints a table in Markdown. Exit status
 * 1 where a start fails, or gives other bits than the first.
 */

#include "hysac.h"
#include "tests/removetree.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define MORE_FRAMES 3
#define MAX_ROUNDS 99

static char *choice, *precision_name, *path;

static double
now_ms(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

/* The sum of the lines that begin so, in MiB. */
static double
smaps(const char *prefix)
{
  g_autofree char *text = NULL;
  double sum = 0.0;
  if (!g_file_get_contents("/proc/self/smaps_rollup", &text, NULL, NULL))
    return -1.0;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    const char *colon = strchr(*line, ':');
    if (g_str_has_prefix(*line, prefix) && colon != NULL)
      sum += g_ascii_strtod(colon + 1, NULL) / 1024.0;
  }
  return sum;
}

static void
fill(HysacFrame *frame)
{
  guint32 h = 1;
  for (guint p = 0; p < 2; p++) {
    gsize n = hysac_format_plane_row_bytes(frame->format, p, frame->width) *
              hysac_format_plane_rows(frame->format, p, frame->height);
    guint8 *data = g_malloc(n);
    for (gsize i = 0; i < n; i++) {
      h = h * 1664525u + 1013904223u;
      data[i] = (guint8) (h >> 24);
    }
    frame->planes[p] = data;
    frame->strides[p] = frame->width;
    frame->sizes[p] = n;
  }
}

/* One start: "verdict" as soon as there is one; then "CHECKSUM PROCESSOR PRIVATE SHARED PRECISION". */
static int
child(void)
{
  HysacFrame frame = { .format = HYSAC_FORMAT_NV12, .width = 1920, .height = 1080 };
  HysacPrecision precision = HYSAC_PRECISION_AUTO;
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) model = NULL;
  HysacEngine *engine = NULL;
  guint32 sum = 0;
  double cpu = 0.0;
  fill(&frame);
  if (precision_name != NULL && !hysac_precision_parse(precision_name, &precision)) {
    fprintf(stderr, "no precision is called \"%s\"\n", precision_name);
    return 2;
  }
  gboolean ok = (model = hysac_model_load(path, &error)) != NULL &&
                (engine = hysac_engine_get(model, choice, precision, NULL, NULL, &error)) != NULL;
  gsize dim = ok ? hysac_model_get_vision_config(model)->projection : 0;
  g_autofree float *feature = g_new0(float, dim + 1);
  for (guint i = 0; ok && i <= MORE_FRAMES; i++) {
    double distance;
    ok = hysac_engine_embed(engine, &frame, feature, NULL, &distance, &error);
    if (ok && i == 0) {
      cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
      printf("verdict\n");
      fflush(stdout);
    }
  }
  if (!ok) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  for (gsize i = 0; i < dim; i++) {
    guint32 bits;
    memcpy(&bits, &feature[i], sizeof bits);
    sum = sum * 31 + bits;
  }
  printf("%u %.3f %.1f %.1f %s\n", sum, cpu, smaps("Private_"), smaps("Shared_"),
         hysac_precision_to_string(hysac_engine_get_precision(engine)));
  hysac_engine_unref(engine);
  return 0;
}

typedef struct {
  const char *name;
  gboolean empty, no_cache;
  guint n;
  double wall[MAX_ROUNDS], cpu[MAX_ROUNDS], private_mb, shared_mb;
  char precision[16];
} Kind;

static gboolean
start(Kind *kind, const char *self, const char *cache, guint32 *first_sum, gboolean *have_sum)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) env = g_get_environ();
  int out;
  char line[256], precision[16];
  guint32 sum = 0;
  double cpu = 0.0, private_mb = 0.0, shared_mb = 0.0;
  GPid pid;
  env = g_environ_setenv(env, "XDG_CACHE_HOME", cache, TRUE);
  env = g_environ_setenv(env, "HYSAC_CACHE", kind->no_cache ? "0" : "1", TRUE);
  const char *args[] = { self, "--child", "--model", path };
  for (gsize i = 0; i < G_N_ELEMENTS(args); i++)
    g_ptr_array_add(argv, (gpointer) args[i]);
  if (choice != NULL) {
    g_ptr_array_add(argv, (gpointer) "--device");
    g_ptr_array_add(argv, choice);
  }
  if (precision_name != NULL) {
    g_ptr_array_add(argv, (gpointer) "--precision");
    g_ptr_array_add(argv, precision_name);
  }
  g_ptr_array_add(argv, NULL);
  double before = now_ms(CLOCK_MONOTONIC), wall = 0.0;
  if (!g_spawn_async_with_pipes(NULL, (char **) argv->pdata, env, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                &pid, NULL, &out, NULL, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return FALSE;
  }
  FILE *answers = fdopen(out, "r");
  gboolean ok = fgets(line, sizeof line, answers) != NULL && strcmp(line, "verdict\n") == 0;
  wall = now_ms(CLOCK_MONOTONIC) - before;
  ok = ok && fgets(line, sizeof line, answers) != NULL &&
       sscanf(line, "%u %lf %lf %lf %15s", &sum, &cpu, &private_mb, &shared_mb, precision) == 5;
  fclose(answers);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  g_spawn_close_pid(pid);
  if (!ok || status != 0) {
    fprintf(stderr, "%s: the start failed\n", kind->name);
    return FALSE;
  }
  if (*have_sum && sum != *first_sum) {
    fprintf(stderr, "%s: another result than the first start's\n", kind->name);
    return FALSE;
  }
  *first_sum = sum;
  *have_sum = TRUE;
  kind->wall[kind->n] = wall;
  kind->cpu[kind->n++] = cpu;
  kind->private_mb = MAX(kind->private_mb, private_mb);
  kind->shared_mb = MAX(kind->shared_mb, shared_mb);
  g_strlcpy(kind->precision, precision, sizeof kind->precision);
  return TRUE;
}

static int
by_value(const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
  int rounds = 5;
  gboolean is_child = FALSE, smoke = FALSE;
  GOptionEntry entries[] = {
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &path, "a model folder", "DIR" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &choice, "as hysac_device_open()", "NAME" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &precision_name, "auto, fp32, bf16, int8 (auto)", "P" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "starts that find the caches (5); of the others one", "N" },
    { "smoke", 0, 0, G_OPTION_ARG_NONE, &smoke, "one round", NULL },
    { "child", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &is_child, NULL, NULL },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- time a start");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || path == NULL) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "--model is needed");
    return 2;
  }
  if (is_child)
    return child();

  g_autofree char *self = g_file_read_link("/proc/self/exe", &error);
  g_autofree char *cache = self != NULL ? g_dir_make_tmp("hysac-start-XXXXXX", &error) : NULL;
  if (cache == NULL) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  Kind kinds[] = { { .name = "first" }, { .name = "later" }, { .name = "later, weights not cached",
                                                                .no_cache = TRUE } };
  guint32 sum = 0;
  gboolean have_sum = FALSE, ok = start(&kinds[0], self, cache, &sum, &have_sum);
  rounds = smoke ? 1 : CLAMP(rounds, 1, MAX_ROUNDS);
  for (int i = 0; ok && i < rounds; i++)
    ok = start(&kinds[1], self, cache, &sum, &have_sum) &&
         start(&kinds[2], self, cache, &sum, &have_sum);
  remove_tree(cache);
  if (!ok)
    return 1;
  printf("| start | precision | to the first verdict, ms: median (best) | processor time, ms | private "
         "memory, MiB | shared, MiB |\n|---|---|---|---|---|---|\n");
  for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
    Kind *k = &kinds[i];
    qsort(k->wall, k->n, sizeof(double), by_value);
    qsort(k->cpu, k->n, sizeof(double), by_value);
    printf("| %s | %s | %.0f (%.0f) | %.0f (%.0f) | %.0f | %.0f |\n", k->name, k->precision,
           k->wall[k->n / 2], k->wall[0], k->cpu[k->n / 2], k->cpu[0], k->private_mb, k->shared_mb);
  }
  return 0;
}
