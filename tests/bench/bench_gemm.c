/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_gemm [--arch NAME,…] [--batch N,…] [--rounds N] [--cpu-time] [--device NAME] [--smoke]: the matrix
 * products of a layer in fp32, ours against OpenBLAS and CLBlast where they were there when this was built,
 * in alternation; a table in Markdown. OpenBLAS takes the faster of two layouts of the weights, CLBlast its
 * own parameters for the device. Ours has its weights packed beforehand and adds the bias. --cpu-time:
 * processor time divided by the cores; OpenBLAS' threads then sleep where they would spin. Exits with 1
 * where two results differ.
 */

#include "opencl/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_OPENBLAS
#include <cblas.h>
#endif
#ifdef HAVE_CLBLAST
#include <clblast_c.h>
#endif

static const struct {
  const char *name;
  gsize tokens, width;
} archs[] = { { "vit-l-14", 257, 1024 }, { "vit-b-32", 50, 768 }, { "vit-b-16", 197, 768 }, { "tiny", 17, 80 } };

static const struct {
  const char *name;
  gsize n, k; /* times the width */
} layers[] = { { "qkv", 3, 1 }, { "out", 1, 1 }, { "fc1", 4, 1 }, { "fc2", 1, 4 } };

enum { OURS, OPENBLAS, CLBLAST, N_PEERS };

typedef struct {
  HysacDevice *device;
  HysacOps *ops;
  cl_command_queue queue;
  gboolean cpu_time;
  guint rounds, cores;
  gsize m, n, k, lda, ldc;
  float *a, *w, *turned, *c; /* w: [n][k], turned: [k][n] */
  HysacWeights *weights;
  cl_mem a_mem, c_mem, plain_a, plain_w, plain_c;
  gboolean use_turned;
} Bench;

/* ms; of a monotonic clock, or of the process on all cores. */
static double
now(const Bench *self)
{
  struct timespec t;
  clock_gettime(self->cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return ((double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6) / (self->cpu_time ? (double) self->cores : 1.0);
}

static gboolean
run_ours(Bench *self, GError **error)
{
  return hysac_ops_gemm(self->ops, self->queue, HYSAC_EPILOGUE_BIAS, self->a_mem, self->lda, self->weights,
                        self->c_mem, self->ldc, self->m, self->n, NULL, error) &&
         HYSAC_CL(clFinish(self->queue), "clFinish", error);
}

static gboolean
run_openblas(Bench *self, GError **error)
{
#ifdef HAVE_OPENBLAS
  const int m = (int) self->m, n = (int) self->n, k = (int) self->k;
  if (self->use_turned)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, self->a, k, self->turned, n, 0.0f,
                self->c, n);
  else
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, self->a, k, self->w, k, 0.0f, self->c,
                n);
#endif
  return TRUE;
}

static gboolean
run_clblast(Bench *self, GError **error)
{
#ifdef HAVE_CLBLAST
  CLBlastStatusCode code =
      CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, self->m, self->n, self->k,
                   1.0f, self->plain_a, 0, self->k, self->plain_w, 0, self->k, 0.0f, self->plain_c, 0, self->n,
                   &self->queue, NULL);
  if (code != CLBlastSuccess) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE, "CLBlastSgemm: %d", (int) code);
    return FALSE;
  }
  return HYSAC_CL(clFinish(self->queue), "clFinish", error);
#else
  return TRUE;
#endif
}

static const struct {
  const char *name;
  gboolean (*run)(Bench *, GError **);
  gboolean there;
} peers[N_PEERS] = {
  { "ours", run_ours, TRUE },
#ifdef HAVE_OPENBLAS
  { "OpenBLAS", run_openblas, TRUE },
#else
  { "OpenBLAS", run_openblas, FALSE },
#endif
#ifdef HAVE_CLBLAST
  { "CLBlast", run_clblast, TRUE },
#else
  { "CLBlast", run_clblast, FALSE },
#endif
};

static gboolean
measure(Bench *self, guint peer, double *ms, GError **error)
{
  double start = now(self);
  if (!peers[peer].run(self, error))
    return FALSE;
  *ms = now(self) - start;
  if (peer == OPENBLAS && !self->cpu_time)
    g_usleep(200000); /* its threads spin for 2^28 cycles */
  return TRUE;
}

static int
compare(const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

static double
median(const double *values, guint n)
{
  g_autofree double *sorted = g_memdup2(values, n * sizeof *values);
  qsort(sorted, n, sizeof *sorted, compare);
  return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0;
}

static float *
random_floats(GRand *rand, gsize n)
{
  float *x = g_new(float, n);
  for (gsize i = 0; i < n; i++)
    x[i] = (float) g_rand_double_range(rand, -1.0, 1.0);
  return x;
}

static void
clear_case(Bench *self)
{
  cl_mem *mems[] = { &self->a_mem, &self->c_mem, &self->plain_a, &self->plain_w, &self->plain_c };
  for (gsize i = 0; i < G_N_ELEMENTS(mems); i++)
    g_clear_pointer(mems[i], clReleaseMemObject);
  g_clear_pointer(&self->weights, hysac_weights_free);
  float **floats[] = { &self->a, &self->w, &self->turned, &self->c };
  for (gsize i = 0; i < G_N_ELEMENTS(floats); i++)
    g_clear_pointer(floats[i], g_free);
}

static gboolean
make_case(Bench *self, GRand *rand, GError **error)
{
  const gsize m = self->m, n = self->n, k = self->k;
  self->lda = hysac_ops_ld(k);
  self->ldc = hysac_ops_ld(n);
  self->a = random_floats(rand, m * k);
  self->w = random_floats(rand, n * k);
  self->turned = g_new(float, n * k);
  self->c = g_new0(float, m * n);
  g_autofree float *spread = g_new0(float, m * self->lda);
  for (gsize i = 0; i < n; i++) {
    for (gsize j = 0; j < k; j++)
      self->turned[j * n + i] = self->w[i * k + j];
  }
  for (gsize i = 0; i < m; i++)
    memcpy(spread + i * self->lda, self->a + i * k, k * sizeof(float));
  if ((self->a_mem = hysac_ops_buffer_floats(self->ops, spread, m * self->lda, "A", error)) == NULL ||
      (self->c_mem = hysac_ops_buffer(self->ops, m * self->ldc * sizeof(float), "C", error)) == NULL ||
      (self->plain_a = hysac_ops_buffer_floats(self->ops, self->a, m * k, "A", error)) == NULL ||
      (self->plain_w = hysac_ops_buffer_floats(self->ops, self->w, n * k, "W", error)) == NULL ||
      (self->plain_c = hysac_ops_buffer(self->ops, m * n * sizeof(float), "C", error)) == NULL ||
      (self->weights = hysac_weights_new(self->ops, n, k, "W", error)) == NULL)
    return FALSE;
  hysac_weights_put(self->weights, 0, 0, self->w, n, k, k);
  return hysac_weights_finish(self->weights, error);
}

/* The root of the mean square difference to ours over that of ours. */
static double
difference(const float *got, gsize ld, const float *ours, gsize ldo, gsize m, gsize n)
{
  double sum = 0.0, square = 0.0;
  for (gsize i = 0; i < m; i++) {
    for (gsize j = 0; j < n; j++) {
      double a = (double) ours[i * ldo + j], d = (double) got[i * ld + j] - a;
      sum += d * d;
      square += a * a;
    }
  }
  return square > 0.0 ? sqrt(sum / square) : (double) INFINITY;
}

static gboolean
check_results(Bench *self, GError **error)
{
  const gsize m = self->m, n = self->n;
  g_autofree float *ours = g_new(float, m * self->ldc), *theirs = g_new(float, m * n);
  if (!HYSAC_CL(clEnqueueReadBuffer(self->queue, self->c_mem, CL_TRUE, 0, m * self->ldc * sizeof(float), ours,
                                    0, NULL, NULL), "clEnqueueReadBuffer", error) ||
      !HYSAC_CL(clEnqueueReadBuffer(self->queue, self->plain_c, CL_TRUE, 0, m * n * sizeof(float), theirs, 0,
                                    NULL, NULL), "clEnqueueReadBuffer", error))
    return FALSE;
  for (guint p = 1; p < N_PEERS; p++) {
    double error_of = peers[p].there ? difference(p == OPENBLAS ? self->c : theirs, n, ours, self->ldc, m, n)
                                     : 0.0;
    if (!(error_of < 1e-5)) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "ours and %s differ by %.3g", peers[p].name,
                  error_of);
      return FALSE;
    }
  }
  return TRUE;
}

/* Its faster layout of the weights. */
static gboolean
choose_layout(Bench *self, GError **error)
{
  double best[2] = { HUGE_VAL, HUGE_VAL };
  for (guint i = 0; i < 6; i++) {
    double ms;
    self->use_turned = i % 2;
    if (!measure(self, OPENBLAS, &ms, error))
      return FALSE;
    best[i % 2] = MIN(best[i % 2], ms);
  }
  self->use_turned = best[1] < best[0];
  return TRUE;
}

static gboolean
run_case(Bench *self, const char *arch, const char *layer, GRand *rand, GError **error)
{
  g_autofree double *times = g_new0(double, N_PEERS * self->rounds), *ratios = g_new0(double, self->rounds);
  if (!make_case(self, rand, error) || (peers[OPENBLAS].there && !choose_layout(self, error)))
    return FALSE;
  for (guint round = 0; round <= self->rounds; round++) { /* the first warms up */
    for (guint i = 0; i < N_PEERS; i++) {
      guint p = round % 2 ? i : N_PEERS - 1 - i;
      double ms = 0.0;
      if (peers[p].there && !measure(self, p, &ms, error))
        return FALSE;
      if (round > 0)
        times[p * self->rounds + round - 1] = ms;
    }
  }
  if (!check_results(self, error))
    return FALSE;
  const double flop = 2.0 * (double) self->m * (double) self->n * (double) self->k;
  printf("| %s %s: %zu x %zu x %zu |", arch, layer, self->m, self->n, self->k);
  for (guint p = 0; p < N_PEERS; p++) {
    double ms = median(times + p * self->rounds, self->rounds);
    if (peers[p].there)
      printf(" %.3f ms, %.1f |", ms, flop / MAX(ms, 1e-6) / 1e6);
    else
      printf(" |");
  }
  for (guint p = 1; p < N_PEERS; p++) {
    for (guint r = 0; r < self->rounds; r++)
      ratios[r] = times[r] / MAX(times[p * self->rounds + r], 1e-9);
    if (peers[p].there)
      printf(" %.3f |", median(ratios, self->rounds));
    else
      printf(" |");
  }
  putchar('\n');
  fflush(stdout);
  return TRUE;
}

static gboolean
run_all(Bench *self, char **names, char **batches, GError **error)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  for (guint i = 0; names[i] != NULL; i++) {
    gsize a = 0;
    while (a < G_N_ELEMENTS(archs) && strcmp(archs[a].name, names[i]) != 0)
      a++;
    if (a == G_N_ELEMENTS(archs)) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "no architecture is called \"%s\"", names[i]);
      return FALSE;
    }
    for (guint b = 0; batches[b] != NULL; b++) {
      guint64 batch;
      if (!g_ascii_string_to_unsigned(batches[b], 10, 1, 1024, &batch, error))
        return FALSE;
      for (gsize l = 0; l < G_N_ELEMENTS(layers); l++) {
        self->m = archs[a].tokens * batch;
        self->n = archs[a].width * layers[l].n;
        self->k = archs[a].width * layers[l].k;
        gboolean ok = run_case(self, archs[a].name, layers[l].name, rand, error);
        clear_case(self);
        if (!ok)
          return FALSE;
      }
    }
  }
  return TRUE;
}

int
main(int argc, char **argv)
{
  g_autofree char *choice = NULL, *names = NULL, *batches = NULL;
  int rounds = 9;
  gboolean smoke = FALSE;
  Bench self = { 0 };
  GOptionEntry entries[] = {
    { "arch", 0, 0, G_OPTION_ARG_STRING, &names, "vit-l-14,vit-b-32,vit-b-16 (all), tiny", "NAME,…" },
    { "batch", 0, 0, G_OPTION_ARG_STRING, &batches, "images (1,8)", "N,…" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "(9)", "N" },
    { "cpu-time", 0, 0, G_OPTION_ARG_NONE, &self.cpu_time, "processor time divided by the cores", NULL },
    { "device", 0, 0, G_OPTION_ARG_STRING, &choice, "as hysac_device_open()", "NAME" },
    { "smoke", 0, 0, G_OPTION_ARG_NONE, &smoke, "one small case", NULL },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- time matrix products");
  g_autoptr(GError) error = NULL;
  g_autofree char **arguments = g_memdup2(argv, ((gsize) argc + 1) * sizeof *argv); /* parsing takes some away */
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || rounds < 1) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "--rounds is 1 or more");
    return 2;
  }
  /* OpenBLAS reads it when it is loaded: 2^4 cycles until its threads sleep. */
  if (self.cpu_time && g_getenv("OPENBLAS_THREAD_TIMEOUT") == NULL) {
    g_setenv("OPENBLAS_THREAD_TIMEOUT", "4", TRUE);
    execv("/proc/self/exe", arguments);
  }
  self.rounds = (guint) (smoke ? 2 : rounds);
  self.cores = (guint) MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
  gboolean ok = (self.device = hysac_device_open(choice, &error)) != NULL &&
                (self.ops = hysac_ops_new(self.device, HYSAC_PRECISION_FP32, NULL, &error)) != NULL &&
                (self.queue = hysac_device_new_queue(self.device, FALSE, &error)) != NULL;
  if (ok) {
    g_auto(GStrv) list = g_strsplit(names != NULL ? names : smoke ? "tiny" : "vit-l-14,vit-b-32,vit-b-16", ",", -1);
    g_auto(GStrv) counts = g_strsplit(batches != NULL ? batches : smoke ? "1" : "1,8", ",", -1);
    printf("| product: rows x columns x depth | ours: ms, GFLOP/s | OpenBLAS | CLBlast | ours / OpenBLAS | ours / CLBlast |\n"
           "|---|---|---|---|---|---|\n");
    ok = run_all(&self, list, counts, &error);
  }
  if (!ok)
    fprintf(stderr, "%s\n", error->message);
  g_clear_pointer(&self.queue, clReleaseCommandQueue);
  hysac_ops_free(self.ops);
  g_clear_pointer(&self.device, hysac_device_unref);
  return ok ? 0 : 1;
}
