/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What checks of kernels share: random data, guarded buffers, error measures, TAP, timing. */

#include "opencl/ops.h"

typedef struct {
  HysacDevice *device;
  HysacOps *ops; /* of the variant under test */
  const char *variant; /* and the precision, for people */
  HysacPrecision precision;
  cl_command_queue queue; /* profiling */
  GRand *rand;
  gboolean bench, small, layer, products;
  gboolean exact; /* buffers without guards: the simulator knows their bounds */
  int random; /* cases of random shapes, of each kind */
  guint n, failed; /* TAP */
  GString *why;    /* of the current check; empty: it passed */
} Check;

typedef enum {
  FILL_NORMAL,
  FILL_ZERO,
  FILL_HUGE,    /* of magnitude 1e8; in fp16, that ends before, 1e4 */
  FILL_OFFSET,  /* 1e4 + normal */
  FILL_INTEGER, /* small integers times 16: products and sums are exact */
  FILL_ONE,     /* sums as large as they get */
  FILL_N,
} Fill;
extern const char *const fill_names[FILL_N];

float *check_random(Check *self, gsize n, Fill fill, float scale);
double *check_double(const float *x, gsize n);

/* A device buffer of @n floats between two guards of canaries, all of it canaries at first. */
typedef struct {
  cl_mem parent, mem; /* mem: the part between the guards */
  gsize n, guard;     /* floats; floats of one guard */
} Guarded;

#define CHECK_CANARY 0x7fc0dead /* a NaN: a stray read shows as well */

Guarded check_buffer(Check *self, gsize n);
/* @rows x @cols from @data (rows @cols apart) into rows @ld apart; the rest stays canaries. */
Guarded check_matrix(Check *self, const float *data, gsize rows, gsize cols, gsize ld);
/* The same as fp16 numbers, two a word; @cols and @ld, which counts those, are even. */
Guarded check_halves(Check *self, const float *data, gsize rows, gsize cols, gsize ld);
double check_from_half(guint16 half);
guint16 check_to_half(float x);
void check_release(Guarded *buffer);
float *check_read(Check *self, const Guarded *buffer);
/* Everything outside [rows][cols] at @ld must still hold canaries. */
void check_guards(Check *self, const Guarded *buffer, gsize rows, gsize cols, gsize ld);

/* Notes a failure. */
void check_fail(Check *self, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* FALSE and a failure, by @error, unless @ok. */
gboolean check_ok(Check *self, gboolean ok, GError **error);

/* Sum of squared errors over sum of squares; a NaN or a canary counts as infinite. */
double check_nmse(const float *got, gsize ld, const double *want, gsize ldw, gsize rows, gsize cols);
#define CHECK_LIMIT 1e-10
/* Fails where @nmse is beyond the precision's limit. */
void check_expect_nmse(Check *self, double nmse);
/* Fails, saying @what, where not all bits are the same. */
void check_expect_same(Check *self, const float *a, const float *b, gsize n, const char *what);

/* Ends a check: one TAP line. */
void check_done(Check *self, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A benchmark line from the device's clock: median of several runs of @run, whose work is @flop. */
void check_time(Check *self, const char *what, double flop, gboolean (*run)(gpointer, cl_event *),
                gpointer data);
