/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const fill_names[FILL_N] = { "normal", "zero", "huge", "offset", "integer", "one" };

static double
normal(GRand *rand)
{
  double u = 1.0 - g_rand_double(rand), v = g_rand_double(rand);
  return sqrt(-2.0 * log(u)) * cos(2.0 * G_PI * v);
}

float *
check_random(Check *self, gsize n, Fill fill, float scale)
{
  float *x = g_new(float, n);
  for (gsize i = 0; i < n; i++) {
    double v = normal(self->rand);
    switch (fill) {
    case FILL_ZERO:
      v = 0.0;
      break;
    case FILL_HUGE:
      v *= self->precision == HYSAC_PRECISION_FP16 ? 1e4 : 1e8;
      break;
    case FILL_OFFSET:
      v += 1e4;
      break;
    case FILL_INTEGER:
      v = 16.0 * g_rand_int_range(self->rand, -8, 9);
      break;
    case FILL_ONE:
      v = 1.0;
      break;
    default:
      break;
    }
    x[i] = (float) v * scale;
  }
  return x;
}

double *
check_double(const float *x, gsize n)
{
  double *d = g_new(double, n);
  for (gsize i = 0; i < n; i++)
    d[i] = (double) x[i];
  return d;
}

/* The harness' own calls to the driver must work, or nothing can be said. */
static void
must(cl_int code, const char *what)
{
  if (code != CL_SUCCESS) {
    printf("Bail out! %s: %s (%d)\n", what, hysac_cl_strerror(code), code);
    exit(1);
  }
}

Guarded
check_buffer(Check *self, gsize n)
{
  const guint canary = CHECK_CANARY;
  const HysacDeviceLimits *limits = hysac_device_limits(self->device);
  Guarded b = { .n = n };
  if (!self->exact)
    b.guard = MAX(limits->mem_align, 1024) / sizeof(float);
  gsize total = (n + 2 * b.guard) * sizeof(float);
  cl_int code;
  b.parent = clCreateBuffer(hysac_device_context(self->device), CL_MEM_READ_WRITE, total, NULL, &code);
  must(code, "clCreateBuffer");
  must(clEnqueueFillBuffer(self->queue, b.parent, &canary, sizeof canary, 0, total, 0, NULL, NULL),
       "clEnqueueFillBuffer");
  must(clFinish(self->queue), "clFinish");
  if (self->exact) {
    must(clRetainMemObject(b.mem = b.parent), "clRetainMemObject");
    return b;
  }
  cl_buffer_region region = { b.guard * sizeof(float), n * sizeof(float) };
  b.mem = clCreateSubBuffer(b.parent, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
  must(code, "clCreateSubBuffer");
  return b;
}

Guarded
check_matrix(Check *self, const float *data, gsize rows, gsize cols, gsize ld)
{
  Guarded b = check_buffer(self, (rows - 1) * ld + cols);
  for (gsize i = 0; i < rows; i++)
    must(clEnqueueWriteBuffer(self->queue, b.parent, CL_TRUE, (b.guard + i * ld) * sizeof(float),
                              cols * sizeof(float), data + i * cols, 0, NULL, NULL),
         "clEnqueueWriteBuffer");
  return b;
}

double
check_from_half(guint16 half)
{
  const int exponent = half >> 10 & 31, digits = half & 1023;
  const double sign = half >> 15 ? -1.0 : 1.0;
  if (exponent == 31)
    return digits != 0 ? (double) NAN : sign * (double) INFINITY;
  return sign * ldexp(exponent > 0 ? 1024 + digits : digits, MAX(exponent, 1) - 25);
}

guint16
check_to_half(float x)
{
  const guint16 sign = signbit(x) ? 0x8000 : 0;
  const double a = fabs((double) x);
  if (isnan(x))
    return 0x7e00;
  if (a < 0x1p-14)
    return (guint16) (sign | (guint16) rint(a * 0x1p24));
  const int exponent = ilogb(a);
  const double digits = rint(a * exp2(10 - exponent)); /* 2048: the next exponent's first */
  return a >= 65520.0 ? sign | 0x7c00 : (guint16) (sign | ((exponent + 14) * 1024 + (int) digits));
}

Guarded
check_halves(Check *self, const float *data, gsize rows, gsize cols, gsize ld)
{
  g_autofree guint16 *halves = g_new(guint16, rows * cols);
  for (gsize i = 0; i < rows * cols; i++)
    halves[i] = check_to_half(data[i]);
  return check_matrix(self, (const float *) halves, rows, cols / 2, ld / 2);
}

void
check_release(Guarded *b)
{
  g_clear_pointer(&b->mem, clReleaseMemObject);
  g_clear_pointer(&b->parent, clReleaseMemObject);
}

static float *
read_all(Check *self, const Guarded *b)
{
  gsize n = b->n + 2 * b->guard;
  float *x = g_new(float, n);
  must(clFinish(self->queue), "clFinish");
  must(clEnqueueReadBuffer(self->queue, b->parent, CL_TRUE, 0, n * sizeof *x, x, 0, NULL, NULL),
       "clEnqueueReadBuffer");
  return x;
}

float *
check_read(Check *self, const Guarded *b)
{
  g_autofree float *all = read_all(self, b);
  return g_memdup2(all + b->guard, b->n * sizeof *all);
}

void
check_guards(Check *self, const Guarded *b, gsize rows, gsize cols, gsize ld)
{
  g_autofree float *all = read_all(self, b);
  for (gsize i = 0; i < b->n + 2 * b->guard; i++) {
    guint bits;
    memcpy(&bits, &all[i], sizeof bits);
    gsize at = i - b->guard;
    gboolean inside = i >= b->guard && at < b->n && at / ld < rows && at % ld < cols;
    if (!inside && bits != CHECK_CANARY) {
      check_fail(self, "written outside the result at float %zd of %zu", (gssize) at, b->n);
      return;
    }
  }
}

void
check_fail(Check *self, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  if (self->why->len > 0)
    g_string_append(self->why, "; ");
  g_string_append_vprintf(self->why, format, args);
  va_end(args);
}

gboolean
check_ok(Check *self, gboolean ok, GError **error)
{
  if (!ok)
    check_fail(self, "%s", *error != NULL ? (*error)->message : "failed without an error");
  g_clear_error(error);
  return ok;
}

double
check_nmse(const float *got, gsize ld, const double *want, gsize ldw, gsize rows, gsize cols)
{
  double error = 0.0, power = 0.0;
  for (gsize i = 0; i < rows; i++) {
    for (gsize j = 0; j < cols; j++) {
      double w = want[i * ldw + j], d = (double) got[i * ld + j] - w;
      error += d * d;
      power += w * w;
    }
  }
  if (isnan(error))
    return INFINITY;
  return power > 0.0 ? error / power : error;
}

void
check_done(Check *self, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *name = g_strdup_vprintf(format, args);
  va_end(args);
  gboolean ok = self->why->len == 0;
  printf("%s %u - %s %s\n", ok ? "ok" : "not ok", ++self->n, self->variant, name);
  if (!ok) {
    printf("# %s\n", self->why->str);
    self->failed++;
  }
  fflush(stdout);
  g_string_truncate(self->why, 0);
}

static int
compare(const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

/* Processor time of this process, ns: on a CPU device, what the kernels cost however busy the rest of
 * the machine is. */
static double
processor_time(void)
{
  struct timespec t = { 0 };
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

void
check_time(Check *self, const char *what, double flop, gboolean (*run)(gpointer, cl_event *),
           gpointer data)
{
  enum { RUNS = 9 };
  double ns[RUNS], processor[RUNS];
  const HysacDeviceLimits *limits = hysac_device_limits(self->device);
  if (!self->bench)
    return;
  for (guint i = 0; i < RUNS; i++) {
    /* From a marker's end, so that an operation of several kernels is timed whole. */
    cl_event before = NULL, after = NULL;
    cl_ulong start, end;
    processor[i] = processor_time();
    must(clEnqueueMarkerWithWaitList(self->queue, 0, NULL, &before), "clEnqueueMarkerWithWaitList");
    if (!run(data, &after)) {
      clReleaseEvent(before);
      return;
    }
    must(clFinish(self->queue), "clFinish");
    processor[i] = (processor_time() - processor[i]) / (double) limits->compute_units;
    must(clGetEventProfilingInfo(before, CL_PROFILING_COMMAND_END, sizeof start, &start, NULL),
         "clGetEventProfilingInfo");
    must(clGetEventProfilingInfo(after, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL),
         "clGetEventProfilingInfo");
    clReleaseEvent(before);
    clReleaseEvent(after);
    ns[i] = (double) (end - start);
  }
  qsort(ns, RUNS, sizeof ns[0], compare);
  printf("# bench %-10s %-40s %9.3f ms %7.1f GFLOP/s", self->variant, what, ns[RUNS / 2] / 1e6,
         flop / ns[RUNS / 2]);
  if (limits->host_cpu) {
    qsort(processor, RUNS, sizeof processor[0], compare);
    printf("; processor time a core %9.3f ms %7.1f GFLOP/s", processor[RUNS / 2] / 1e6,
           flop / processor[RUNS / 2]);
  }
  printf("\n");
}

void
check_expect_nmse(Check *self, double nmse)
{
  /* A weight that lies between two bytes may go to either. */
  if (!(nmse <= (self->precision == HYSAC_PRECISION_INT8 ? 1e-6 : CHECK_LIMIT)))
    check_fail(self, "normalised mean square error %.3g", nmse);
}

void
check_expect_same(Check *self, const float *a, const float *b, gsize n, const char *what)
{
  if (memcmp(a, b, n * sizeof *a) != 0)
    check_fail(self, "%s", what);
}
