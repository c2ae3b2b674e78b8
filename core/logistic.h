/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * Logistic regression with an L2 penalty, in double precision: P(1 | x) = logistic(w . x + b). The same
 * input gives the same numbers on every run: nothing is random, sums have one order.
 * Thread-safety: any thread; there is no state.
 */

G_BEGIN_DECLS

typedef struct {
  const float *x;        /* [n][dim], finite */
  gsize n;
  guint dim;
  const double *targets; /* [n], in [0, 1] */
  const double *weights; /* [n], not negative; NULL: all 1 */
  const guint32 *rows;   /* [n_rows] < n: which samples are learned from; NULL: all */
  gsize n_rows;
} HysacLogisticData;

/**
 * hysac_logistic_fit:
 * @l2: the penalty, above 0
 * @w: (inout): [dim], where to start and the result
 * @b: (inout): the same
 *
 * Minimises (sum of weight * loss) / (sum of weights) + l2 / 2 * |z|^2, where z are the weights of the features
 * after each was brought to mean 0 and deviation 1 over the samples learned from; the standardisation is
 * then folded into @w and @b, which are of the features as they are. b is not penalised. A feature that
 * does not vary has weight 0. By L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5), until no
 * component of the gradient is above 1e-8; the penalty makes the minimum unique.
 *
 * Returns: FALSE with @error: ARGUMENT (no sample, no weight, a number out of range), NUMERIC (it does not
 * come down to the minimum in 2000 steps)
 */
HYSAC_API gboolean hysac_logistic_fit(const HysacLogisticData *data, double l2, double *w, double *b,
                                      GError **error);

/* w . x + b */
HYSAC_API double hysac_logistic_score(const double *w, double b, const float *x, guint dim);
/* 1 / (1 + exp(-score)), without overflow. */
HYSAC_API double hysac_logistic(double score);

/**
 * hysac_logistic_calibrate:
 * @scores: [n], finite
 * @unsafe: [n], 0 or 1; both kinds are there
 * @rows: as in #HysacLogisticData
 *
 * Platt's calibration (Probabilistic Outputs for Support Vector Machines, 1999): P = logistic(slope * score +
 * intercept), its targets drawn in a little by the counts, so that kinds that do not overlap have a finite
 * slope.
 */
HYSAC_API gboolean hysac_logistic_calibrate(const double *scores, const guint8 *unsafe, gsize n,
                                            const guint32 *rows, gsize n_rows, double *slope,
                                            double *intercept, GError **error);

G_END_DECLS
