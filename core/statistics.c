/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOW 2.5
#define HIGH 97.5
#define TAIL (LOW / 100.0)

/* ------------------------------------------------------------ chance */

guint64
hysac_random_next(HysacRandom *self)
{
  guint64 z = self->state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

guint32
hysac_random_below(HysacRandom *self, guint32 n)
{
  return (guint32) (((hysac_random_next(self) >> 32) * n) >> 32);
}

void
hysac_random_shuffle(HysacRandom *self, guint32 *values, guint32 n)
{
  for (guint32 i = n; i > 1; i--) {
    const guint32 j = hysac_random_below(self, i), kept = values[i - 1];
    values[i - 1] = values[j];
    values[j] = kept;
  }
}

/* ------------------------------------------------------------ order */

static int
by_value(const void *a, const void *b)
{
  const double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

void
hysac_sort(double *values, gsize n)
{
  if (n > 1)
    qsort(values, n, sizeof *values, by_value);
}

double
hysac_percentile(const double *sorted, gsize n, double percentile)
{
  const double rank = percentile / 100.0 * (double) (n - 1);
  const gsize below = MIN((gsize) rank, n - 1), above = MIN(below + 1, n - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - (double) below);
}

/* ------------------------------------------------------------ bootstrap */

/* Sorts the rounds' values. */
static HysacEstimate
estimate(double value, double *rounds, guint n)
{
  HysacEstimate self = {value, (double) NAN, (double) NAN};
  if (n > 0) {
    hysac_sort(rounds, n);
    self.low = hysac_percentile(rounds, n, LOW);
    self.high = hysac_percentile(rounds, n, HIGH);
  }
  return self;
}

HysacEstimate
hysac_bootstrap_ratio(const double *upper, const double *lower, guint32 n, guint rounds, guint64 seed)
{
  HysacRandom random = {seed};
  g_autofree double *values = g_new(double, rounds + 1);
  double all_upper = 0.0, all_lower = 0.0;
  guint got = 0;

  for (guint32 i = 0; i < n; i++) {
    all_upper += upper[i];
    all_lower += lower[i];
  }
  for (guint round = 0; n >= 2 && round < rounds; round++) {
    double a = 0.0, b = 0.0;
    for (guint32 i = 0; i < n; i++) {
      const guint32 j = hysac_random_below(&random, n);
      a += upper[j];
      b += lower[j];
    }
    if (b > 0.0) /* clips of no length may be drawn alone */
      values[got++] = a / b;
  }
  return estimate(all_upper / all_lower, values, got);
}

double
hysac_rate_of_none(double time)
{
  return -log(TAIL) / time;
}

double
hysac_share_of_none(guint32 n)
{
  return 1.0 - pow(TAIL, 1.0 / (double) n);
}

/* Of a share at either end every draw is the same: there the interval reaches at least as far as @n allow. */
static void
widen_at_ends(HysacEstimate *self, guint32 n)
{
  if (self->value <= 0.0) {
    self->low = 0.0;
    self->high = fmax(self->high, hysac_share_of_none(n));
  } else if (self->value >= 1.0) {
    self->low = fmin(self->low, 1.0 - hysac_share_of_none(n));
    self->high = 1.0;
  }
}

HysacEstimate
hysac_bootstrap_share(const double *upper, const double *lower, guint32 n, guint rounds, guint64 seed)
{
  HysacEstimate self = hysac_bootstrap_ratio(upper, lower, n, rounds, seed);
  guint32 filled = 0;

  for (guint32 i = 0; i < n; i++)
    filled += lower[i] > 0.0;
  if (filled > 0)
    widen_at_ends(&self, filled);
  return self;
}

/* ------------------------------------------------------------ ROC */

struct _HysacRoc {
  HysacScored *samples; /* by falling score */
  gsize n;
  guint32 clips[2]; /* benign, unsafe */
  HysacRocPoint *points;
  gsize n_points;
};

void
hysac_roc_free(HysacRoc *self)
{
  if (!self)
    return;
  g_free(self->samples);
  g_free(self->points);
  g_free(self);
}

static int
by_falling_score(const void *a, const void *b)
{
  const double x = ((const HysacScored *) a)->score, y = ((const HysacScored *) b)->score;
  return (x < y) - (x > y);
}

HysacRoc *
hysac_roc_new(const HysacScored *samples, gsize n, GError **error)
{
  gsize counts[2] = {0, 0};
  g_autoptr(HysacRoc) self = g_new0(HysacRoc, 1);

  for (gsize i = 0; i < n; i++) {
    const int kind = samples[i].unsafe ? 1 : 0;
    if (!isfinite(samples[i].score)) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "the score of sample %" G_GSIZE_FORMAT " is not finite", i);
      return NULL;
    }
    counts[kind]++;
    self->clips[kind] = MAX(self->clips[kind], samples[i].clip + 1);
  }
  if (counts[0] == 0 || counts[1] == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "benign and unsafe samples are needed (%" G_GSIZE_FORMAT " and %" G_GSIZE_FORMAT ")",
                counts[0], counts[1]);
    return NULL;
  }
  self->samples = g_memdup2(samples, n * sizeof *samples);
  self->n = n;
  qsort(self->samples, n, sizeof *self->samples, by_falling_score);

  self->points = g_new(HysacRocPoint, n + 1);
  self->points[self->n_points++] = (HysacRocPoint){self->samples[0].score, 0.0, 0.0};
  gsize seen[2] = {0, 0};
  for (gsize i = 0; i < n; i++) {
    seen[self->samples[i].unsafe ? 1 : 0]++;
    if (i + 1 < n && !(self->samples[i + 1].score < self->samples[i].score))
      continue;
    self->points[self->n_points++] =
        (HysacRocPoint){i + 1 < n ? self->samples[i + 1].score : -(double) INFINITY,
                        (double) seen[0] / (double) counts[0], (double) seen[1] / (double) counts[1]};
  }
  return g_steal_pointer(&self);
}

const HysacRocPoint *
hysac_roc_points(const HysacRoc *self, gsize *n)
{
  *n = self->n_points;
  return self->points;
}

typedef struct {
  double auc, at_1, at_01;
} Measures;

/* Each sample counts as often as its clip: in whole numbers, so that sums are exact. FALSE where one
 * kind has no weight. */
static gboolean
measure(const HysacRoc *self, const guint32 *const times[2], Measures *out)
{
  guint64 totals[2] = {0, 0};
  for (gsize i = 0; i < self->n; i++) {
    const int kind = self->samples[i].unsafe ? 1 : 0;
    totals[kind] += times[kind][self->samples[i].clip];
  }
  if (totals[0] == 0 || totals[1] == 0)
    return FALSE;

  const double benign = (double) totals[0], unsafe = (double) totals[1];
  guint64 seen[2] = {0, 0}, group[2] = {0, 0};
  *out = (Measures){0};
  for (gsize i = 0; i < self->n; i++) {
    const int kind = self->samples[i].unsafe ? 1 : 0;
    group[kind] += times[kind][self->samples[i].clip];
    if (i + 1 < self->n && !(self->samples[i + 1].score < self->samples[i].score))
      continue;
    /* Benign ones of this score lie below all unsafe ones seen before, and level with the group's. */
    out->auc += (double) group[0] * ((double) seen[1] + 0.5 * (double) group[1]);
    seen[0] += group[0];
    seen[1] += group[1];
    group[0] = group[1] = 0;
    /* A billionth: 1 of 1000 is 0.1 percent, whatever rounding makes of it. */
    if ((double) seen[0] <= 0.01 * benign + 1e-9)
      out->at_1 = (double) seen[1] / unsafe;
    if ((double) seen[0] <= 0.001 * benign + 1e-9)
      out->at_01 = (double) seen[1] / unsafe;
  }
  out->auc /= benign * unsafe; /* once: sums of counts are exact, and all of them are 1 */
  return TRUE;
}

/* Of the kind that has fewer, the clips that have samples. */
static guint32
fewer_clips(const HysacRoc *self)
{
  guint32 filled[2] = {0, 0};
  for (guint kind = 0; kind < 2; kind++) {
    g_autofree guint8 *has = g_new0(guint8, self->clips[kind]);
    for (gsize i = 0; i < self->n; i++) {
      const HysacScored *one = &self->samples[i];
      if ((one->unsafe ? 1u : 0u) != kind || has[one->clip])
        continue;
      has[one->clip] = 1;
      filled[kind]++;
    }
  }
  return MIN(filled[0], filled[1]);
}

HysacRocSummary
hysac_roc_summarise(const HysacRoc *self, guint rounds, guint64 seed)
{
  HysacRandom random = {seed};
  g_autofree guint32 *benign = g_new0(guint32, self->clips[0]);
  g_autofree guint32 *unsafe = g_new0(guint32, self->clips[1]);
  guint32 *const times[2] = {benign, unsafe};
  const guint32 *const as_times[2] = {benign, unsafe};
  g_autofree double *auc = g_new(double, rounds + 1);
  g_autofree double *at_1 = g_new(double, rounds + 1);
  g_autofree double *at_01 = g_new(double, rounds + 1);
  const gboolean draw = self->clips[0] >= 2 && self->clips[1] >= 2;
  Measures all, one;
  guint got = 0;

  for (guint kind = 0; kind < 2; kind++) {
    for (guint32 i = 0; i < self->clips[kind]; i++)
      times[kind][i] = 1;
  }
  measure(self, as_times, &all);
  for (guint round = 0; draw && round < rounds; round++) {
    for (guint kind = 0; kind < 2; kind++) {
      memset(times[kind], 0, self->clips[kind] * sizeof **times);
      for (guint32 i = 0; i < self->clips[kind]; i++)
        times[kind][hysac_random_below(&random, self->clips[kind])]++;
    }
    if (!measure(self, as_times, &one)) /* clips without samples were drawn */
      continue;
    auc[got] = one.auc;
    at_1[got] = one.at_1;
    at_01[got++] = one.at_01;
  }
  HysacRocSummary out = {.auc = estimate(all.auc, auc, got),
                         .at_1 = estimate(all.at_1, at_1, got),
                         .at_01 = estimate(all.at_01, at_01, got)};
  if (got > 0) {
    const guint32 clips = fewer_clips(self);
    widen_at_ends(&out.auc, clips);
    widen_at_ends(&out.at_1, clips);
    widen_at_ends(&out.at_01, clips);
  }
  return out;
}

/* ------------------------------------------------------------ calibration */

HysacReliability
hysac_reliability(const double *probabilities, const guint8 *unsafe, gsize n, HysacReliabilityBin *bins,
                  guint n_bins)
{
  HysacReliability self = {0};
  gsize positive = 0;

  memset(bins, 0, n_bins * sizeof *bins);
  for (gsize i = 0; i < n; i++) {
    const double truth = unsafe[i] ? 1.0 : 0.0, off = probabilities[i] - truth;
    const guint at = (guint) CLAMP(probabilities[i] * n_bins, 0.0, n_bins - 1.0);
    self.brier += off * off;
    positive += unsafe[i] ? 1 : 0;
    bins[at].count++;
    bins[at].predicted += probabilities[i];
    bins[at].observed += truth;
  }
  for (guint i = 0; i < n_bins; i++) {
    self.ece += fabs(bins[i].predicted - bins[i].observed) / (double) n;
    if (bins[i].count > 0) {
      bins[i].predicted /= (double) bins[i].count;
      bins[i].observed /= (double) bins[i].count;
    }
  }
  const double share = (double) positive / (double) n;
  self.brier /= (double) n;
  self.base = share * (1.0 - share);
  return self;
}
