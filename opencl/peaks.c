/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The device's peaks, by kernels that do nothing else. */

#include "opencl/peaks.h"
#include "opencl/ops_private.h"

#include <math.h>
#include <time.h>

/* A round is @rows rows of a panel: two vectors. */
#define AMX_VARIANT "x86-avx512-amx"

static const HysacVariant variants[] = {
  { .name = "portable", .program = "peaks", .options = "", .rows = 6, .panel = 8,
    .precisions = HYSAC_FP32 },
  { .name = "x86-avx2", .probe = hysac_probe_avx2, .program = "peaks", .options = "-DVEC=8 -DROWS=6", .rows = 6,
    .panel = 16, .group = 1, .precisions = HYSAC_FP32 },
  { .name = "x86-avx512", .probe = hysac_probe_avx512f, .program = "peaks", .options = "-DVEC=16 -DROWS=12",
    .rows = 12, .panel = 32, .group = 1, .precisions = HYSAC_FP32 },
};

enum {
  LAUNCHES = 9,
  GROUP = 64,      /* work-items of a work-group where they are not single */
  PER_UNIT = 8,    /* work-items, or work-groups of GROUP, a compute unit */
  MEMORY = 256 << 20,
};
#define SHORTEST 0.02 /* s of a launch */

typedef struct {
  HysacDevice *device;
  cl_command_queue queue;
  cl_mem out, in;
  gsize items;
  gboolean single;
} Peaks;

static double
processor_time(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static gboolean
launch(Peaks *self, cl_kernel kernel, const HysacArg *args, gsize n_args, double *wall, double *cpu,
       GError **error)
{
  double processor = processor_time();
  gint64 start = g_get_monotonic_time();
  if (!hysac_ops_launch(self->queue, kernel, args, n_args, 1, &self->items, self->single, NULL, error) ||
      !HYSAC_CL(clFinish(self->queue), "clFinish", error))
    return FALSE;
  *wall = (double) (g_get_monotonic_time() - start) / 1e6;
  *cpu = (processor_time() - processor) / (double) hysac_device_limits(self->device)->compute_units;
  return TRUE;
}

/* @work: operations or bytes of a launch. */
static void
keep_best(Peaks *self, double work, double wall, double cpu, HysacPeak *peak)
{
  peak->wall = MAX(peak->wall, work / MAX(wall, 1e-9) / 1e9);
  peak->cpu = hysac_device_limits(self->device)->host_cpu ? MAX(peak->cpu, work / MAX(cpu, 1e-9) / 1e9)
                                                          : peak->wall;
}

/* @per_round: operations of a work-item's round. */
static gboolean
measure_arithmetic(Peaks *self, cl_program program, const char *name, double per_round, HysacPeak *peak,
                   GError **error)
{
  cl_int code;
  cl_kernel kernel = clCreateKernel(program, name, &code);
  if (!HYSAC_CL(code, "clCreateKernel", error))
    return FALSE;
  const float value = 0.99f;
  cl_uint rounds = 1000;
  const HysacArg args[] = { HYSAC_ARG(self->out), HYSAC_ARG(rounds), HYSAC_ARG(value) };
  gboolean ok = TRUE;
  double wall = 0.0, cpu;
  /* The first launch makes machine code. */
  ok = launch(self, kernel, args, G_N_ELEMENTS(args), &wall, &cpu, error);
  while (ok && rounds < 1u << 28) {
    ok = launch(self, kernel, args, G_N_ELEMENTS(args), &wall, &cpu, error);
    if (wall >= SHORTEST)
      break;
    rounds *= 4;
  }
  for (guint i = 0; ok && i < LAUNCHES; i++) {
    ok = launch(self, kernel, args, G_N_ELEMENTS(args), &wall, &cpu, error);
    if (ok)
      keep_best(self, per_round * (double) rounds * (double) self->items, wall, cpu, peak);
  }
  clReleaseKernel(kernel);
  return ok;
}

static gboolean
measure_memory(Peaks *self, cl_program program, gsize bytes, HysacPeak *peak, GError **error)
{
  cl_int code;
  const cl_float zero = 0.0f;
  const cl_uint n = (cl_uint) (bytes / 16);
  cl_kernel kernel = clCreateKernel(program, "peak_memory", &code);
  if (!HYSAC_CL(code, "clCreateKernel", error))
    return FALSE;
  const HysacArg args[] = { HYSAC_ARG(self->in), HYSAC_ARG(self->out), HYSAC_ARG(n) };
  /* Written, so that the pages are there. */
  gboolean ok = HYSAC_CL(clEnqueueFillBuffer(self->queue, self->in, &zero, sizeof zero, 0, bytes, 0, NULL,
                                             NULL), "clEnqueueFillBuffer", error);
  for (guint i = 0; ok && i <= LAUNCHES; i++) {
    double wall, cpu;
    ok = launch(self, kernel, args, G_N_ELEMENTS(args), &wall, &cpu, error);
    if (ok && i > 0)
      keep_best(self, (double) bytes, wall, cpu, peak);
  }
  clReleaseKernel(kernel);
  return ok;
}

gboolean
hysac_peaks_measure(HysacDevice *device, const char *name, HysacPeaks *peaks, GError **error)
{
  const HysacDeviceLimits *limits = hysac_device_limits(device);
  const HysacVariant *variant = hysac_variant_pick(variants, G_N_ELEMENTS(variants), limits,
                                                   HYSAC_PRECISION_FP32, name);
  Peaks self = { .device = device, .single = variant->group == 1 };
  const gboolean wide = variant->panel == 32,
                 amx = wide && limits->amx && (name == NULL || g_str_equal(name, AMX_VARIANT)),
                 vnni = wide && limits->avx512_vnni && !amx, pairs = variant->panel == 16 && limits->inline_asm,
                 bf16 = wide && limits->avx512_bf16 && !amx;
  const double fma = 2.0 * (double) variant->panel * (double) variant->rows, tiles = 4.0 * 2.0 * 16.0 * 16.0 * 64.0,
               by_bf16 = amx ? tiles / 2.0 : 2.0 * fma, by_int8 = amx ? tiles : 4.0 * fma;
  g_autofree char *options = g_strconcat(variant->options, vnni ? " -DVNNI" : "", pairs ? " -DPAIRS" : "",
                                         bf16 ? " -DBF16" : "", amx ? " -DAMX" : "",
                                         limits->type == CL_DEVICE_TYPE_CPU ? "" : " -DSTRIDES", NULL);
  self.items = (gsize) limits->compute_units * PER_UNIT * (self.single ? 1 : GROUP);
  gsize bytes = MIN((gsize) MEMORY, limits->max_alloc);
  bytes -= bytes % (self.items * 256);
  *peaks = (HysacPeaks) { 0 };

  cl_int code = CL_SUCCESS;
  cl_program program = hysac_program_build(device, variant->program, options, error);
  gboolean ok = program != NULL && (self.queue = hysac_device_new_queue(device, FALSE, error)) != NULL;
  if (ok) {
    self.out = clCreateBuffer(hysac_device_context(device), CL_MEM_READ_WRITE, self.items * sizeof(float),
                              NULL, &code);
    ok = HYSAC_CL(code, "clCreateBuffer", error);
  }
  if (ok) {
    self.in = clCreateBuffer(hysac_device_context(device), CL_MEM_READ_WRITE, bytes, NULL, &code);
    ok = HYSAC_CL(code, "clCreateBuffer", error);
  }
  ok = ok && measure_arithmetic(&self, program, "peak_fp32", fma, &peaks->fp32, error) &&
       (!(bf16 || amx) || measure_arithmetic(&self, program, "peak_bf16", by_bf16, &peaks->bf16, error)) &&
       (!(vnni || pairs || amx) || measure_arithmetic(&self, program, "peak_int8", by_int8, &peaks->int8, error)) &&
       measure_memory(&self, program, bytes, &peaks->memory, error);
  g_clear_pointer(&self.in, clReleaseMemObject);
  g_clear_pointer(&self.out, clReleaseMemObject);
  g_clear_pointer(&self.queue, clReleaseCommandQueue);
  g_clear_pointer(&program, clReleaseProgram);
  return ok;
}
