/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A point as bytes, with what the bytes leave out. y = x - mean is rounded to multiples of a scale of its own,
 * y = s * c + e, c in [-127, 127]; then for any q, by Cauchy and Schwarz, |q.y - s * q.c| <= |q| |e|. |e| is
 * measured, not estimated, and rounded up.
 */

#include "core/index_private.h"

#include <math.h>

#define ZERO 128   /* the code of 0: an unsigned byte is what the processor multiplies with a signed one */
#define LEVELS 127 /* the same number on both sides */
/* Far above what summing so many squares in double can be off, far below what matters. */
#define SUM_SLACK 1e-9

gsize
hysac_index_stride(guint dim)
{
  return ((gsize) dim + HYSAC_INDEX_CODE_ALIGN - 1) / HYSAC_INDEX_CODE_ALIGN * HYSAC_INDEX_CODE_ALIGN;
}

/* The next float at or above value; a finite one for the norms that an index takes. */
static float
round_up(double value)
{
  float rounded = (float) (value * (1.0 + SUM_SLACK));
  return rounded == 0.0f ? rounded : nextafterf(rounded, INFINITY);
}

static void
measure(const float *point, const float *mean, guint dim, const guint8 *row, float scale, double *error,
        double *norm)
{
  double errors = 0.0, squares = 0.0;
  for (guint i = 0; i < dim; i++) {
    double part = (double) scale * ((int) row[i] - ZERO);
    double rest = (double) point[i] - (double) mean[i] - part;
    errors += rest * rest;
    squares += part * part;
  }
  *error = sqrt(errors);
  *norm = sqrt(squares);
}

void
hysac_index_quantize(const float *point, const float *mean, guint dim, double time, guint8 *row,
                     HysacIndexBounds *bounds, guint slot)
{
  const gsize stride = hysac_index_stride(dim);
  double largest = 0.0, error, norm;
  for (guint i = 0; i < dim; i++)
    largest = MAX(largest, fabs((double) point[i] - (double) mean[i]));
  float scale = (float) (largest / LEVELS);
  /* Below that its inverse is not a number: then the codes say nothing, and the error all. */
  if (!(scale > 1e-30f))
    scale = 0.0f;
  for (guint i = 0; i < dim; i++) {
    double code = scale > 0.0f ? rint(((double) point[i] - (double) mean[i]) / (double) scale) : 0.0;
    row[i] = (guint8) (ZERO + (int) CLAMP(code, -LEVELS, LEVELS));
  }
  for (gsize i = dim; i < stride; i++)
    row[i] = ZERO;
  measure(point, mean, dim, row, scale, &error, &norm);
  bounds->scale[slot] = scale;
  bounds->time[slot] = (float) time;
  bounds->error[slot] = round_up(error);
  bounds->norm[slot] = round_up(norm);
}

gboolean
hysac_index_certified(const float *point, const float *mean, guint dim, double time, const guint8 *row,
                      const HysacIndexBounds *bounds, guint slot)
{
  const gsize stride = hysac_index_stride(dim);
  double error, norm;
  measure(point, mean, dim, row, bounds->scale[slot], &error, &norm);
  for (gsize i = dim; i < stride; i++) {
    if (row[i] != ZERO)
      return FALSE;
  }
  /* Not where any of them is not a number. */
  return error <= (double) bounds->error[slot] && norm <= (double) bounds->norm[slot] &&
         bounds->time[slot] == (float) time;
}

/* Sums in lanes are those of one after the other, but for roundings far below this. */
#define LANES 8
#define TIME_SLACK 1e-12

gboolean
hysac_index_holds(const HysacIndexView *view, guint point)
{
  const HysacIndexBounds *bounds = &view->bounds[point / HYSAC_INDEX_GROUP];
  const guint slot = point % HYSAC_INDEX_GROUP;
  const float *x = view->points + (gsize) point * view->dim, *mean = view->mean;
  const guint8 *row = view->codes + (gsize) point * view->stride;
  const double scale = (double) bounds->scale[slot];
  double squares[LANES] = { 0 }, errors[LANES] = { 0 };
  guint i = 0;
  for (; i + LANES <= view->dim; i += LANES) {
    for (guint j = 0; j < LANES; j++) {
      const double value = (double) x[i + j], rest = value - (double) mean[i + j] - scale * (row[i + j] - ZERO);
      squares[j] += value * value;
      errors[j] += rest * rest;
    }
  }
  for (; i < view->dim; i++) {
    const double value = (double) x[i], rest = value - (double) mean[i] - scale * (row[i] - ZERO);
    squares[0] += value * value;
    errors[0] += rest * rest;
  }
  for (guint j = 1; j < LANES; j++) {
    squares[0] += squares[j];
    errors[0] += errors[j];
  }
  /* Not where any of them is not a number. The bound was rounded up by far more than lanes make of it. */
  const double time = sqrt(1.0 / view->curvature + squares[0]);
  return fabs(time - view->times[point]) <= TIME_SLACK * view->times[point] &&
         sqrt(errors[0]) <= (double) bounds->error[slot];
}
