/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/measures.h"
#include "core/logistic.h"

#include <math.h>

guint32 *
hysac_measures_folds(gsize n, guint folds, guint64 seed)
{
  HysacRandom random = {seed};
  guint32 *of = g_new(guint32, n + 1);

  for (gsize i = 0; i < n; i++)
    of[i] = (guint32) (i % folds);
  hysac_random_shuffle(&random, of, (guint32) n);
  return of;
}

/* ------------------------------------------------------------ the bound */

/* All benign samples, ascending. NULL with @error where there is none, or one is no number. */
static double *
sort_scores(const HysacClip *clips, gsize n, gsize *total, GError **error)
{
  gsize at = 0;

  *total = 0;
  for (gsize i = 0; i < n; i++)
    *total += clips[i].n;
  if (*total == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a bound needs benign samples");
    return NULL;
  }
  g_autofree double *scores = g_new(double, *total);
  for (gsize i = 0; i < n; i++) {
    for (gsize s = 0; s < clips[i].n; s++) {
      if (!isfinite(clips[i].distances[s])) {
        g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a benign sample is not finite");
        return NULL;
      }
      scores[at++] = clips[i].distances[s];
    }
  }
  hysac_sort(scores, *total);
  return g_steal_pointer(&scores);
}

static gboolean
bound_by_percentile(const HysacClip *clips, gsize n, double percentile, double *bound, GError **error)
{
  gsize total;

  if (!(percentile > 0.0 && percentile <= 100.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a bound needs a percentile above 0, at most 100");
    return FALSE;
  }
  g_autofree double *scores = sort_scores(clips, n, &total, error);
  if (!scores)
    return FALSE;
  *bound = hysac_percentile(scores, total, percentile);
  return TRUE;
}

/* A percentile between two ranks may leave one more above it than the share allows. */
static gboolean
bound_by_share(const HysacClip *clips, gsize n, double above, double *bound, GError **error)
{
  gsize total;

  if (!(above > 0.0 && above < 1.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a bound needs a share above 0, below 1");
    return FALSE;
  }
  g_autofree double *scores = sort_scores(clips, n, &total, error);
  if (!scores)
    return FALSE;
  const gsize allowed = (gsize) (above * (double) total * (1.0 + 1e-12));
  *bound = scores[total - 1 - MIN(allowed, total - 1)];
  return TRUE;
}

gboolean
hysac_measures_bound(const HysacClip *safe, gsize n_safe, const HysacMeasureOptions *options,
                     double *bound, GError **error)
{
  if (options->per_hour < 0.0 && options->above != 0.0)
    return bound_by_share(safe, n_safe, options->above, bound, error);
  if (options->per_hour < 0.0)
    return bound_by_percentile(safe, n_safe, options->percentile, bound, error);

  g_autofree HysacClip *timed = g_new(HysacClip, n_safe + 1);
  gsize n = 0;
  for (gsize i = 0; i < n_safe; i++) {
    if (safe[i].hours > 0.0)
      timed[n++] = safe[i];
  }
  return hysac_alarms_bound(&options->policy, timed, n, options->per_hour, options->lowest, bound, error);
}

/* ------------------------------------------------------------ benign clips */

static double
count_above(const HysacClip *clip, double bound)
{
  gsize above = 0;
  for (gsize i = 0; i < clip->n; i++)
    above += clip->distances[i] > bound;
  return (double) above;
}

/* Per clip: samples above its bound, samples, alarms, hours. */
typedef struct {
  double *above, *samples, *alarms, *hours;
} Counts;

static gboolean
count_clip(const HysacClip *clip, double bound, const HysacPolicyConfig *policy, Counts *counts, gsize i,
           GError **error)
{
  guint64 alarms = 0;
  if (clip->hours > 0.0 && !hysac_alarms_count(policy, clip, bound, &alarms, error))
    return FALSE;
  counts->above[i] = count_above(clip, bound);
  counts->samples[i] = (double) clip->n;
  counts->alarms[i] = (double) alarms;
  counts->hours[i] = MAX(clip->hours, 0.0);
  return TRUE;
}

static double
sum_of(const double *values, gsize n)
{
  double sum = 0.0;
  for (gsize i = 0; i < n; i++)
    sum += values[i];
  return sum;
}

/* Hours that tell of the rate where no alarm was seen: of a clip no more than one. What it shows later is like what it
 * showed before; another clip may be another matter. */
static double
hours_apart(const double *hours, gsize n)
{
  double sum = 0.0;
  for (gsize i = 0; i < n; i++)
    sum += fmin(hours[i], 1.0);
  return sum;
}

/* Shares and alarms over the clips, those without time apart. */
static void
estimate(const Counts *counts, gsize n, const HysacMeasureOptions *options, HysacEstimate *share,
         HysacEstimate *per_hour)
{
  g_autofree double *alarms = g_new(double, n + 1);
  g_autofree double *hours = g_new(double, n + 1);
  guint32 timed = 0;

  *share = hysac_bootstrap_share(counts->above, counts->samples, (guint32) n, options->rounds,
                                 options->seed);
  for (gsize i = 0; i < n; i++) {
    if (counts->hours[i] > 0.0) {
      alarms[timed] = counts->alarms[i];
      hours[timed++] = counts->hours[i];
    }
  }
  *per_hour = (HysacEstimate){(double) NAN, (double) NAN, (double) NAN};
  if (timed == 0)
    return;
  *per_hour = hysac_bootstrap_ratio(alarms, hours, timed, options->rounds, options->seed);
  if (per_hour->value == 0.0) {
    per_hour->low = 0.0;
    per_hour->high = hysac_rate_of_none(hours_apart(hours, timed));
  }
}

/* Each clip against a bound that the others gave. FALSE where no bound can be had so: too few clips. */
static gboolean
hold_out(const HysacClip *safe, gsize n, const HysacMeasureOptions *options, Counts *counts)
{
  const guint folds = (guint) MIN(n, HYSAC_MEASURES_FOLDS);
  g_autofree HysacClip *others = g_new(HysacClip, n + 1);
  double bound;

  if (folds < 2)
    return FALSE;
  g_autofree guint32 *of = hysac_measures_folds(n, folds, options->seed);
  for (guint fold = 0; fold < folds; fold++) {
    gsize n_others = 0;
    for (gsize i = 0; i < n; i++) {
      if (of[i] != fold)
        others[n_others++] = safe[i];
    }
    if (!hysac_measures_bound(others, n_others, options, &bound, NULL))
      return FALSE;
    for (gsize i = 0; i < n; i++) {
      if (of[i] == fold && !count_clip(&safe[i], bound, &options->policy, counts, i, NULL))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean
measure_safe(const HysacClip *safe, gsize n, double bound, const HysacMeasureOptions *options,
             HysacMeasures *out, GError **error)
{
  g_autofree double *space = g_new0(double, 4 * n + 1);
  Counts counts = {space, space + n, space + 2 * n, space + 3 * n};

  for (gsize i = 0; i < n; i++) {
    if (!count_clip(&safe[i], bound, &options->policy, &counts, i, error))
      return FALSE;
    out->timed_clips += safe[i].hours > 0.0;
  }
  if (!(sum_of(counts.samples, n) > 0.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "there is no benign sample");
    return FALSE;
  }
  out->alarms = (guint64) sum_of(counts.alarms, n);
  out->hours = sum_of(counts.hours, n);
  estimate(&counts, n, options, &out->false_positives, &out->per_hour);
  out->held_out = out->per_hour_held_out = (HysacEstimate){(double) NAN, (double) NAN, (double) NAN};
  if (hold_out(safe, n, options, &counts))
    estimate(&counts, n, options, &out->held_out, &out->per_hour_held_out);
  return TRUE;
}

/* ------------------------------------------------------------ against unsafe clips */

/* All samples, benign ones first. */
static HysacScored *
gather(const HysacClip *safe, gsize n_safe, const HysacClip *unsafe, gsize n_unsafe, gsize *n)
{
  *n = 0;
  for (gsize i = 0; i < n_safe; i++)
    *n += safe[i].n;
  for (gsize i = 0; i < n_unsafe; i++)
    *n += unsafe[i].n;
  HysacScored *samples = g_new(HysacScored, *n + 1);
  gsize at = 0;
  for (gsize i = 0; i < n_safe; i++) {
    for (gsize s = 0; s < safe[i].n; s++)
      samples[at++] = (HysacScored){safe[i].distances[s], (guint32) i, FALSE};
  }
  for (gsize i = 0; i < n_unsafe; i++) {
    for (gsize s = 0; s < unsafe[i].n; s++)
      samples[at++] = (HysacScored){unsafe[i].distances[s], (guint32) i, TRUE};
  }
  return samples;
}

typedef struct {
  const HysacScored *samples;
  gsize n;
  double *margins, *probabilities;
  guint8 *unsafe;
} Calibration;

/* The probability of each sample by a calibration that has not seen its clip. */
static gboolean
hold_out_calibration(Calibration *self, const gsize clips[2], const HysacMeasureOptions *options,
                     GError **error)
{
  const guint folds = (guint) MIN(HYSAC_MEASURES_FOLDS, MIN(clips[0], clips[1]));
  g_autofree guint32 *rows = g_new(guint32, self->n + 1);
  g_autofree guint32 *safe_of = hysac_measures_folds(clips[0], folds, options->seed);
  g_autofree guint32 *unsafe_of = hysac_measures_folds(clips[1], folds, options->seed);
  double slope, intercept;

  for (guint fold = 0; fold < folds; fold++) {
    gsize n_rows = 0;
    for (gsize i = 0; i < self->n; i++) {
      const HysacScored *one = &self->samples[i];
      if ((one->unsafe ? unsafe_of : safe_of)[one->clip] != fold)
        rows[n_rows++] = (guint32) i;
    }
    if (!hysac_logistic_calibrate(self->margins, self->unsafe, self->n, rows, n_rows, &slope, &intercept,
                                  error))
      return FALSE;
    for (gsize i = 0; i < self->n; i++) {
      const HysacScored *one = &self->samples[i];
      if ((one->unsafe ? unsafe_of : safe_of)[one->clip] == fold)
        self->probabilities[i] = hysac_logistic(slope * self->margins[i] + intercept);
    }
  }
  return TRUE;
}

static gboolean
calibrate(const HysacScored *samples, gsize n, const gsize clips[2], double bound,
          const HysacMeasureOptions *options, HysacMeasures *out, GError **error)
{
  g_autofree double *margins = g_new(double, n + 1);
  g_autofree double *probabilities = g_new(double, n + 1);
  g_autofree guint8 *unsafe = g_new(guint8, n + 1);
  Calibration self = {samples, n, margins, probabilities, unsafe};

  for (gsize i = 0; i < n; i++) {
    margins[i] = samples[i].score - bound;
    unsafe[i] = samples[i].unsafe ? 1 : 0;
  }
  out->reliability = (HysacReliability){(double) NAN, (double) NAN, (double) NAN};
  if (!hysac_logistic_calibrate(margins, unsafe, n, NULL, 0, &out->slope, &out->intercept, error))
    return FALSE;
  if (clips[0] < 2 || clips[1] < 2)
    return TRUE;
  if (!hold_out_calibration(&self, clips, options, error))
    return FALSE;
  out->reliability = hysac_reliability(probabilities, unsafe, n, out->bins, HYSAC_MEASURES_BINS);
  return TRUE;
}

static gboolean
measure_unsafe(const HysacClip *safe, gsize n_safe, const HysacClip *unsafe, gsize n_unsafe, double bound,
               const HysacMeasureOptions *options, HysacMeasures *out, GError **error)
{
  const gsize clips[2] = {n_safe, n_unsafe};
  g_autofree double *above = g_new(double, n_unsafe + 1);
  g_autofree double *samples = g_new(double, n_unsafe + 1);
  gsize n;
  g_autofree HysacScored *scored = gather(safe, n_safe, unsafe, n_unsafe, &n);
  g_autoptr(HysacRoc) roc = hysac_roc_new(scored, n, error);

  if (!roc)
    return FALSE;
  for (gsize i = 0; i < n_unsafe; i++) {
    above[i] = count_above(&unsafe[i], bound);
    samples[i] = (double) unsafe[i].n;
  }
  out->recall = hysac_bootstrap_share(above, samples, (guint32) n_unsafe, options->rounds, options->seed);
  out->roc = hysac_roc_summarise(roc, options->rounds, options->seed);
  return calibrate(scored, n, clips, bound, options, out, error);
}

gboolean
hysac_measures_take(const HysacClip *safe, gsize n_safe, const HysacClip *unsafe, gsize n_unsafe,
                    double bound, const HysacMeasureOptions *options, HysacMeasures *out, GError **error)
{
  *out = (HysacMeasures){.safe_clips = n_safe,
                         .unsafe_clips = n_unsafe,
                         .target = options->per_hour < 0.0 ? -1.0 : options->per_hour,
                         .interval = options->interval,
                         .policy = options->policy,
                         .rounds = options->rounds,
                         .seed = options->seed};
  return measure_safe(safe, n_safe, bound, options, out, error) &&
         (n_unsafe == 0 ||
          measure_unsafe(safe, n_safe, unsafe, n_unsafe, bound, options, out, error));
}
