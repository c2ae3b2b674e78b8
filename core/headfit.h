/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * Trains a linear head (core/head.h): logistic regression on features, both kinds weighing the same, the
 * penalty chosen by cross-validation over clips, the scores calibrated on clips that were not learned from.
 * Nothing but the seed is random. Pure; any thread.
 */

G_BEGIN_DECLS

typedef struct {
  const float *x;       /* [n][dim] */
  const guint8 *unsafe; /* [n], 0 or 1 */
  const guint32 *clips; /* [n]: 0, 1, ... among the clips of its kind, each with a sample */
  gsize n;
  guint dim;
} HysacHeadSamples;

typedef struct {
  double l2;   /* the penalty that was chosen (hysac_logistic_fit()) */
  double loss; /* the held-out log loss at it, both kinds weighing the same; log 2 is no knowledge */
  guint folds;
  double b;
} HysacHeadFit;

/**
 * hysac_head_fit:
 * @w: (out): [dim]; P(unsafe) = logistic(w . x + b), in the mixture of the samples
 * @held_out: (out): [n], w . x + b of each sample by a head that had not learned from its clip
 *
 * The thresholds and figures of a head come from @held_out: on what it has learned from, any head is good.
 *
 * Returns: FALSE with @error: ARGUMENT (fewer than 2 clips of a kind, a feature that is not finite), NUMERIC
 * (nothing in the features tells the two kinds apart)
 */
HYSAC_API gboolean hysac_head_fit(const HysacHeadSamples *samples, guint64 seed, double *w,
                                  double *held_out, HysacHeadFit *out, GError **error);

G_END_DECLS
