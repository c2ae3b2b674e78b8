/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/headfit.h"
#include "core/logistic.h"
#include "core/measures.h"

#include <math.h>
#include <string.h>

/* From where nearly nothing is learned to where nearly everything is: half powers of ten. */
static const double penalties[] = {10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003};

typedef struct {
  const HysacHeadSamples *samples;
  HysacLogisticData data;
  guint folds;
  guint32 *fold;  /* [n] */
  guint32 *rows;  /* [n], scratch */
  double *weights, *targets;
} Training;

static gboolean
count_clips(const HysacHeadSamples *samples, gsize clips[2], gsize counts[2], GError **error)
{
  for (gsize i = 0; i < samples->n; i++) {
    const guint kind = samples->unsafe[i] ? 1 : 0;
    counts[kind]++;
    clips[kind] = MAX(clips[kind], (gsize) samples->clips[i] + 1);
  }
  if (clips[0] >= 2 && clips[1] >= 2)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
              "a head needs two clips or pictures of each kind, better hundreds (%" G_GSIZE_FORMAT
              " safe, %" G_GSIZE_FORMAT " unsafe): it is tried on those that it has not learned from",
              clips[0], clips[1]);
  return FALSE;
}

/* The samples outside @fold, as those to learn from. */
static void
leave_out(Training *self, guint fold)
{
  self->data.n_rows = 0;
  for (gsize i = 0; i < self->samples->n; i++) {
    if (self->fold[i] != fold)
      self->rows[self->data.n_rows++] = (guint32) i;
  }
  self->data.rows = self->rows;
}

/* Held-out scores by the penalty @l2; @w: [folds][dim + 1], from the penalty before. */
static gboolean
try_penalty(Training *self, double l2, double *w, double *scores, double *loss, GError **error)
{
  const HysacHeadSamples *samples = self->samples;
  double weight = 0.0;

  *loss = 0.0;
  for (guint fold = 0; fold < self->folds; fold++) {
    double *own = w + (gsize) fold * (samples->dim + 1);
    leave_out(self, fold);
    if (!hysac_logistic_fit(&self->data, l2, own, &own[samples->dim], error))
      return FALSE;
    for (gsize i = 0; i < samples->n; i++) {
      if (self->fold[i] != fold)
        continue;
      const double score =
          hysac_logistic_score(own, own[samples->dim], samples->x + i * samples->dim, samples->dim);
      const double right = samples->unsafe[i] ? score : -score;
      scores[i] = score;
      *loss += self->weights[i] * (MAX(-right, 0.0) + log1p(exp(-fabs(right))));
      weight += self->weights[i];
    }
  }
  *loss /= weight;
  return TRUE;
}

static gboolean
choose_penalty(Training *self, double *held_out, HysacHeadFit *out, GError **error)
{
  const HysacHeadSamples *samples = self->samples;
  g_autofree double *w = g_new0(double, (gsize) self->folds * (samples->dim + 1));
  g_autofree double *scores = g_new(double, samples->n);
  double loss;

  out->loss = (double) INFINITY;
  for (guint i = 0; i < G_N_ELEMENTS(penalties); i++) {
    if (!try_penalty(self, penalties[i], w, scores, &loss, error))
      return FALSE;
    if (loss < out->loss) {
      out->loss = loss;
      out->l2 = penalties[i];
      memcpy(held_out, scores, samples->n * sizeof *scores);
    }
  }
  return TRUE;
}

/* Held-out scores -> probabilities that hold; the same on the head itself. */
static gboolean
calibrate(const HysacHeadSamples *samples, double *w, double *held_out, HysacHeadFit *out, GError **error)
{
  double slope, intercept;

  if (!hysac_logistic_calibrate(held_out, samples->unsafe, samples->n, NULL, 0, &slope, &intercept, error))
    return FALSE;
  if (!(slope > 0.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC,
                "nothing in the features tells safe from unsafe: on samples that it has not learned from, a "
                "head is no better than chance");
    return FALSE;
  }
  for (guint j = 0; j < samples->dim; j++)
    w[j] *= slope;
  out->b = slope * out->b + intercept;
  for (gsize i = 0; i < samples->n; i++)
    held_out[i] = slope * held_out[i] + intercept;
  return TRUE;
}

static gboolean
train(Training *self, double *w, double *held_out, HysacHeadFit *out, GError **error)
{
  if (!choose_penalty(self, held_out, out, error))
    return FALSE;
  self->data.rows = NULL;
  memset(w, 0, self->samples->dim * sizeof *w);
  out->b = 0.0;
  return hysac_logistic_fit(&self->data, out->l2, w, &out->b, error) &&
         calibrate(self->samples, w, held_out, out, error);
}

gboolean
hysac_head_fit(const HysacHeadSamples *samples, guint64 seed, double *w, double *held_out,
               HysacHeadFit *out, GError **error)
{
  gsize clips[2] = {0, 0}, counts[2] = {0, 0};

  *out = (HysacHeadFit){0};
  if (!count_clips(samples, clips, counts, error))
    return FALSE;
  out->folds = (guint) MIN(HYSAC_MEASURES_FOLDS, MIN(clips[0], clips[1]));
  g_autofree guint32 *safe_of = hysac_measures_folds(clips[0], out->folds, seed);
  g_autofree guint32 *unsafe_of = hysac_measures_folds(clips[1], out->folds, seed);
  g_autofree guint32 *fold = g_new(guint32, samples->n);
  g_autofree guint32 *rows = g_new(guint32, samples->n);
  g_autofree double *weights = g_new(double, samples->n);
  g_autofree double *targets = g_new(double, samples->n);
  for (gsize i = 0; i < samples->n; i++) {
    const guint kind = samples->unsafe[i] ? 1 : 0;
    fold[i] = (kind ? unsafe_of : safe_of)[samples->clips[i]];
    weights[i] = 0.5 * (double) samples->n / (double) counts[kind];
    targets[i] = kind;
  }
  Training self = {.samples = samples,
                   .data = {.x = samples->x, .n = samples->n, .dim = samples->dim, .targets = targets,
                            .weights = weights},
                   .folds = out->folds,
                   .fold = fold,
                   .rows = rows,
                   .weights = weights,
                   .targets = targets};
  return train(&self, w, held_out, out, error);
}
