/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "operands.h"

#include "opencl/ops_private.h"

#include <math.h>
#include <string.h>

gsize
operands_words(Check *self, gsize k)
{
  switch (self->precision) {
  case HYSAC_PRECISION_BF16:
  case HYSAC_PRECISION_FP16:
    return (k + 1) / 2;
  case HYSAC_PRECISION_INT8:
    return (k + 3) / 4 + 2;
  default:
    return k;
  }
}

Guarded
operands_make(Check *self, const float *data, gsize rows, gsize k, gsize ld)
{
  g_autoptr(GError) error = NULL;
  if (self->precision == HYSAC_PRECISION_FP32)
    return check_matrix(self, data, rows, k, ld);
  Guarded from = check_matrix(self, data, rows, k, k),
          to = check_buffer(self, (rows - 1) * ld + operands_words(self, k));
  check_ok(self, hysac_ops_operand(self->ops, self->queue, from.mem, k, to.mem, ld, rows, k, NULL, &error),
           &error);
  check_release(&from);
  return to;
}

static double
from_bf16(guint16 half)
{
  guint32 u = (guint32) half << 16;
  float f;
  memcpy(&f, &u, sizeof f);
  return (double) f;
}

double *
operands_value(Check *self, const float *words, gsize rows, gsize k, gsize ld)
{
  double *x = g_new(double, rows * k);
  for (gsize i = 0; i < rows; i++) {
    const float *row = words + i * ld;
    const guint16 *halves = (const guint16 *) row;
    const guint8 *bytes = (const guint8 *) row;
    gint32 zero = 0;
    if (self->precision == HYSAC_PRECISION_INT8) {
      memcpy(&zero, row + (k + 3) / 4 + 1, sizeof zero);
      if (zero < 0 || zero > 254)
        check_fail(self, "row %zu: zero is %d", i, zero);
    }
    if ((self->precision == HYSAC_PRECISION_BF16 || self->precision == HYSAC_PRECISION_FP16) && k % 2 == 1 && halves[k] != 0)
      check_fail(self, "row %zu ends in half a word", i);
    for (gsize j = 0; j < k; j++)
      x[i * k + j] = self->precision == HYSAC_PRECISION_BF16   ? from_bf16(halves[j])
                     : self->precision == HYSAC_PRECISION_FP16 ? check_from_half(halves[j])
                     : self->precision == HYSAC_PRECISION_INT8 ? (double) row[(k + 3) / 4] * (bytes[j] - zero)
                                                               : (double) row[j];
  }
  return x;
}

double
operands_tolerance(Check *self, const double *row, gsize k, double x)
{
  double low = 0.0, high = 0.0;
  switch (self->precision) {
  case HYSAC_PRECISION_BF16:
    return fabs(x) / 255.0 + 1e-30;
  case HYSAC_PRECISION_FP16:
    return fabs(x) / 2047.0 + 0x1p-25;
  case HYSAC_PRECISION_INT8:
    for (gsize j = 0; j < k; j++) {
      low = fmin(low, row[j]);
      high = fmax(high, row[j]);
    }
    return 0.502 * (high - low) / 253.0 + 1e-30;
  default:
    return fabs(x) * 1e-5 + 1e-30;
  }
}

void
operands_round_weights(Check *self, float *w, gsize n, gsize k)
{
  for (gsize i = 0; i < n; i++) {
    float *row = w + i * k, most = 0.0f;
    for (gsize j = 0; j < k; j++)
      most = fmaxf(most, fabsf(row[j]));
    for (gsize j = 0; self->ops->gemm->pairs && j + 1 < k; j += 2)
      most = fmaxf(most, fabsf(row[j] + row[j + 1]));
    for (gsize j = 0; j < k && self->precision != HYSAC_PRECISION_FP32; j++) {
      int exponent = 0;
      const float part = frexpf(row[j], &exponent);
      if (self->precision == HYSAC_PRECISION_INT8) {
        row[j] = most > 0.0f ? rintf(row[j] * (1.0f / (most / 127.0f))) * (most / 127.0f) : 0.0f;
      } else if (self->precision == HYSAC_PRECISION_FP16) {
        const int digits = MIN(11, exponent + 24); /* below 2^-14 they become fewer */
        row[j] = digits >= 0 ? ldexpf(rintf(ldexpf(part, digits)), exponent - digits) : 0.0f;
      } else {
        row[j] = ldexpf(rintf(ldexpf(part, 8)), exponent - 8);
      }
    }
  }
}
