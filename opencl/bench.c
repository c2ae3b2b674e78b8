/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "opencl/bench.h"

#include "opencl/engine.h"
#include "opencl/frame.h"
#include "opencl/peaks.h"
#include "opencl/preprocess.h"

#include <stdlib.h>

#define MAX_BATCH 64
#define MAX_ROUNDS 1000
#define FRAME_WIDTH 1920
#define FRAME_HEIGHT 1080

G_STATIC_ASSERT(HYSAC_BENCH_STAGES == HYSAC_N_STAGES);

typedef struct {
  HysacDevice *device;
  HysacVision *vision;
  HysacPreprocess *preprocess;
  cl_command_queue queue, plain; /* with profiling, without */
  double *times;                 /* [HYSAC_N_STAGES + 2][rounds]: stages, tower, preprocessing */
} Run;

static int
compare(const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

/* Sorts @x. */
static double
median(double *x, guint n)
{
  qsort(x, n, sizeof *x, compare);
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2.0;
}

/* What the engine takes for AUTO. */
static gboolean
resolve(HysacModel *model, const char *device, HysacPrecision *precision, GError **error)
{
  if (*precision != HYSAC_PRECISION_AUTO)
    return TRUE;
  g_autoptr(HysacEngine) engine = hysac_engine_get(model, device, *precision, NULL, NULL, error);
  if (engine == NULL)
    return FALSE;
  *precision = hysac_engine_get_precision(engine);
  return TRUE;
}

static guint8 *
noise(gsize n)
{
  guint8 *bytes = g_malloc(n);
  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) (((guint32) i * 2654435761u) >> 24);
  return bytes;
}

static gboolean
run_preprocess(Run *self, const HysacFrame *frame, guint batch, double *ms, GError **error)
{
  gint64 start = g_get_monotonic_time();
  gboolean ok = TRUE;
  for (guint i = 0; i < batch && ok; i++)
    ok = hysac_preprocess_enqueue(self->preprocess, self->plain, frame, hysac_vision_patches(self->vision),
                                  i * hysac_vision_patch_bytes(self->vision), NULL, error);
  /* The planes are read until then, whatever failed. */
  ok = HYSAC_CL(clFinish(self->plain), "clFinish", ok ? error : NULL) && ok;
  *ms = (double) (g_get_monotonic_time() - start) / 1e3;
  return ok;
}

static gboolean
measure(Run *self, guint batch, guint rounds, GError **error)
{
  const gsize luma = (gsize) FRAME_WIDTH * FRAME_HEIGHT;
  g_autofree guint8 *bytes = noise(luma + luma / 2);
  const HysacFrame frame = { .format = HYSAC_FORMAT_NV12, .width = FRAME_WIDTH, .height = FRAME_HEIGHT,
                             .planes = { bytes, bytes + luma }, .strides = { FRAME_WIDTH, FRAME_WIDTH },
                             .sizes = { luma, luma / 2 }, .matrix = HYSAC_MATRIX_BT709 };
  for (guint round = 0; round <= rounds; round++) { /* the first warms up */
    double ms[HYSAC_N_STAGES], preprocess, tower = 0.0;
    if (!run_preprocess(self, &frame, batch, &preprocess, error) ||
        !hysac_vision_profile(self->vision, self->queue, batch, ms, error))
      return FALSE;
    if (round == 0)
      continue;
    for (HysacStage s = 0; s < HYSAC_N_STAGES; s++) {
      self->times[s * rounds + round - 1] = ms[s] / (double) batch;
      tower += ms[s] / (double) batch;
    }
    self->times[HYSAC_N_STAGES * rounds + round - 1] = tower;
    self->times[(HYSAC_N_STAGES + 1) * rounds + round - 1] = preprocess / (double) batch;
  }
  return TRUE;
}

static void
fill_in(Run *self, HysacModel *model, HysacBench *bench, const HysacPeaks *peaks)
{
  HysacWork work[HYSAC_N_STAGES];
  const guint n = bench->rounds;
  const double batch = (double) bench->batch;
  hysac_stage_work(hysac_model_get_vision_config(model), bench->batch, bench->precision,
                   hysac_device_cache_bytes(self->device), work);
  for (HysacStage s = 0; s < HYSAC_N_STAGES; s++)
    bench->stages[s] = (HysacBenchStage) {
      .name = hysac_stage_name(s),
      .ms = median(self->times + s * n, n),
      .gflop = work[s].flops / batch / 1e9,
      .roofline = hysac_stage_roofline(s, &work[s], peaks, bench->precision, FALSE) / batch * 1e3,
    };
  bench->tower_ms = median(self->times + HYSAC_N_STAGES * n, n);
  bench->preprocess_ms = median(self->times + (HYSAC_N_STAGES + 1) * n, n);
  bench->peak_fp32 = peaks->fp32.wall;
  bench->peak_bf16 = peaks->bf16.wall;
  bench->peak_int8 = peaks->int8.wall;
  bench->memory = peaks->memory.wall;
  bench->device = g_strdup(hysac_device_get_info(self->device)->name);
  bench->kernels = g_strdup(hysac_vision_describe(self->vision));
}

gboolean
hysac_bench_run(HysacModel *model, const char *device, HysacPrecision precision, guint batch, guint rounds,
                HysacBench *bench, GError **error)
{
  Run self = { 0 };
  HysacPeaks peaks;
  *bench = (HysacBench) { 0 };
  if (batch < 1 || batch > MAX_BATCH || rounds < 1 || rounds > MAX_ROUNDS) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a batch of 1 to %d and 1 to %d rounds can be measured",
                MAX_BATCH, MAX_ROUNDS);
    return FALSE;
  }
  gboolean ok = resolve(model, device, &precision, error) &&
                (self.device = hysac_device_open(device, error)) != NULL &&
                hysac_peaks_measure(self.device, NULL, &peaks, error) &&
                (self.vision = hysac_vision_new(self.device, model, precision, batch, NULL, NULL, error)) != NULL &&
                (self.preprocess = hysac_preprocess_new(self.device, hysac_model_get_preprocess_config(model),
                                                        hysac_model_get_vision_config(model)->patch_size,
                                                        error)) != NULL &&
                (self.queue = hysac_device_new_queue(self.device, TRUE, error)) != NULL &&
                (self.plain = hysac_device_new_queue(self.device, FALSE, error)) != NULL;
  if (ok) {
    self.times = g_new0(double, (HYSAC_N_STAGES + 2) * (gsize) rounds);
    ok = measure(&self, batch, rounds, error);
  }
  if (ok) {
    bench->precision = precision;
    bench->batch = batch;
    bench->rounds = rounds;
    fill_in(&self, model, bench, &peaks);
  }
  g_free(self.times);
  g_clear_pointer(&self.plain, clReleaseCommandQueue);
  g_clear_pointer(&self.queue, clReleaseCommandQueue);
  hysac_preprocess_free(self.preprocess);
  hysac_vision_free(self.vision);
  hysac_device_unref(self.device);
  return ok;
}

void
hysac_bench_clear(HysacBench *bench)
{
  g_clear_pointer(&bench->device, g_free);
  g_clear_pointer(&bench->kernels, g_free);
}
