/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A point as codes of six bits, with what they leave out. y = x - mean is rounded to multiples of a scale of its own,
 * y = s * c + e, c in [-31, 31]; then for any q, by Cauchy and Schwarz, |q.y - s * q.c| <= |q| |e|. |e| is
 * measured, not estimated, and rounded up.
 */

#include "core/index_private.h"

#include <math.h>
#include <string.h>

/* Far above what summing so many squares in double can be off, far below what matters. */
#define SUM_SLACK 1e-9

G_STATIC_ASSERT(HYSAC_INDEX_MAX_WIDTH % HYSAC_INDEX_BLOCK == 0);

static gsize
blocks(guint dim)
{
  return ((gsize) dim + HYSAC_INDEX_BLOCK - 1) / HYSAC_INDEX_BLOCK;
}

gsize
hysac_index_stride(guint dim)
{
  return blocks(dim) * HYSAC_INDEX_BLOCK_BYTES;
}

gsize
hysac_index_width(guint dim)
{
  return blocks(dim) * HYSAC_INDEX_BLOCK;
}

void
hysac_index_pack(const guint8 *codes, guint dim, guint8 *row)
{
  const guint8 *end = codes + hysac_index_width(dim);
  for (; codes < end; codes += HYSAC_INDEX_BLOCK, row += HYSAC_INDEX_BLOCK_BYTES) {
    for (guint j = 0; j < HYSAC_INDEX_PART; j++) {
      const guint last = codes[3 * HYSAC_INDEX_PART + j];
      row[j] = (guint8) (codes[j] | (last & 0x30) << 2);
      row[HYSAC_INDEX_PART + j] = (guint8) (codes[HYSAC_INDEX_PART + j] | (last & 0x0c) << 4);
      row[2 * HYSAC_INDEX_PART + j] = (guint8) (codes[2 * HYSAC_INDEX_PART + j] | (last & 0x03) << 6);
    }
  }
}

void
hysac_index_unpack(const guint8 *row, guint dim, guint8 *codes)
{
  const guint8 *end = codes + hysac_index_width(dim);
  for (; codes < end; codes += HYSAC_INDEX_BLOCK, row += HYSAC_INDEX_BLOCK_BYTES) {
    for (guint j = 0; j < HYSAC_INDEX_PART; j++) {
      const guint8 a = row[j], b = row[HYSAC_INDEX_PART + j], c = row[2 * HYSAC_INDEX_PART + j];
      codes[j] = a & 0x3f;
      codes[HYSAC_INDEX_PART + j] = b & 0x3f;
      codes[2 * HYSAC_INDEX_PART + j] = c & 0x3f;
      codes[3 * HYSAC_INDEX_PART + j] = (guint8) ((a >> 2 & 0x30) | (b >> 4 & 0x0c) | c >> 6);
    }
  }
}

/* The next float at or above value; a finite one for the norms that an index takes. */
static float
round_up(double value)
{
  float rounded = (float) (value * (1.0 + SUM_SLACK));
  return rounded == 0.0f ? rounded : nextafterf(rounded, INFINITY);
}

static void
measure(const float *point, const float *mean, guint dim, const guint8 *codes, float scale, double *error,
        double *norm)
{
  double errors = 0.0, squares = 0.0;
  for (guint i = 0; i < dim; i++) {
    double part = (double) scale * ((int) codes[i] - HYSAC_INDEX_ZERO);
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
  guint8 codes[HYSAC_INDEX_MAX_WIDTH];
  double largest = 0.0, error, norm;
  for (guint i = 0; i < dim; i++)
    largest = MAX(largest, fabs((double) point[i] - (double) mean[i]));
  /* At least a block, which it is in any case: GCC 14 at -O3 wants to see that something is set. */
  memset(codes, HYSAC_INDEX_ZERO, MAX(hysac_index_width(dim), HYSAC_INDEX_BLOCK));
  float scale = (float) (largest / HYSAC_INDEX_LEVELS);
  /* Below that its inverse is not a number: then the codes say nothing, and the error all. */
  if (!(scale > 1e-30f))
    scale = 0.0f;
  for (guint i = 0; i < dim; i++) {
    double code = scale > 0.0f ? rint(((double) point[i] - (double) mean[i]) / (double) scale) : 0.0;
    codes[i] = (guint8) (HYSAC_INDEX_ZERO + (int) CLAMP(code, -HYSAC_INDEX_LEVELS, HYSAC_INDEX_LEVELS));
  }
  hysac_index_pack(codes, dim, row);
  measure(point, mean, dim, codes, scale, &error, &norm);
  bounds->scale[slot] = scale;
  bounds->time[slot] = (float) time;
  bounds->error[slot] = round_up(error);
  bounds->norm[slot] = round_up(norm);
}

gboolean
hysac_index_certified(const float *point, const float *mean, guint dim, double time, const guint8 *row,
                      const HysacIndexBounds *bounds, guint slot)
{
  const gsize width = hysac_index_width(dim);
  guint8 codes[HYSAC_INDEX_MAX_WIDTH];
  double error, norm;
  hysac_index_unpack(row, dim, codes);
  measure(point, mean, dim, codes, bounds->scale[slot], &error, &norm);
  for (gsize i = dim; i < width; i++) {
    if (codes[i] != HYSAC_INDEX_ZERO)
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
  guint8 codes[HYSAC_INDEX_MAX_WIDTH];
  const double scale = (double) bounds->scale[slot];
  double squares[LANES] = { 0 }, errors[LANES] = { 0 };
  guint i = 0;
  hysac_index_unpack(view->codes + (gsize) point * view->stride, view->dim, codes);
  for (; i + LANES <= view->dim; i += LANES) {
    for (guint j = 0; j < LANES; j++) {
      const double value = (double) x[i + j];
      const double rest = value - (double) mean[i + j] - scale * (codes[i + j] - HYSAC_INDEX_ZERO);
      squares[j] += value * value;
      errors[j] += rest * rest;
    }
  }
  for (; i < view->dim; i++) {
    const double value = (double) x[i];
    const double rest = value - (double) mean[i] - scale * (codes[i] - HYSAC_INDEX_ZERO);
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
