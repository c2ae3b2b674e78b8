/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/alarms.h"
#include "core/statistics.h"

/*
 * What a bound does on material that was measured: false positives, alarms an hour, recall, calibration,
 * each with an interval of 95 percent where there are clips enough to draw from. Scores are distances to the
 * root, or a head's scores; more is more unsafe. Pure; any thread.
 */

G_BEGIN_DECLS

#define HYSAC_MEASURES_BINS 10
#define HYSAC_MEASURES_FOLDS 5

/* So many benign samples have ten beyond the rate: fewer say little of the recall at it. */
#define HYSAC_MEASURES_ENOUGH_AT_1 1000
#define HYSAC_MEASURES_ENOUGH_AT_01 10000

typedef struct {
  double percentile; /* of the benign scores, in (0, 100] */
  double per_hour;   /* alarms an hour to choose the bound by; below 0: by what follows, or by percentile */
  double above;      /* the share of the benign samples that may lie above the bound, below 1; 0: not by it */
  double lowest;     /* the bound lies above it: 0 for distances, -INFINITY for scores */
  HysacPolicyConfig policy;
  gint64 interval;   /* between samples, ns; kept with the numbers */
  guint rounds;      /* of the bootstrap */
  guint64 seed;      /* below 2^63 */
} HysacMeasureOptions;

typedef struct {
  guint64 safe_clips, unsafe_clips;
  HysacEstimate false_positives; /* share of the benign samples above the bound */
  HysacEstimate held_out;        /* the same, each clip against a bound fitted without it */

  /* Of the benign clips that have a length; none: timed_clips is 0. */
  guint64 timed_clips, alarms;
  double hours;
  HysacEstimate per_hour, per_hour_held_out;
  double target;                 /* alarms an hour that the bound was chosen by; below 0: not by them */
  gint64 interval;
  HysacPolicyConfig policy;

  /* Where unsafe_clips > 0. */
  HysacEstimate recall;          /* share of the unsafe samples above the bound */
  HysacRocSummary roc;
  double slope, intercept;       /* P(unsafe) = logistic(slope * margin + intercept), in this mixture */
  /* Of clips that the calibration had not seen; NAN where either kind has fewer than 2. */
  HysacReliability reliability;
  HysacReliabilityBin bins[HYSAC_MEASURES_BINS]; /* not kept in hysac.json */

  guint rounds;
  guint64 seed;
} HysacMeasures;

/* Clips whose hours are 0 (single pictures) count as samples, but not in time. */

/* By percentile, linear between ranks; by share, the lowest sample that not too many lie above. FALSE with @error:
 * ARGUMENT. */
HYSAC_API gboolean hysac_measures_bound(const HysacClip *safe, gsize n_safe,
                                        const HysacMeasureOptions *options, double *bound,
                                        GError **error);

/**
 * hysac_measures_take:
 * @safe: at least one sample
 * @unsafe: (nullable)
 * @bound: as hysac_measures_bound() gave it, or any other
 *
 * Held-out numbers come from at most 5 folds of clips, each with a bound from the others, chosen as
 * @options say. Where no alarm was seen the upper end of their interval is that of a Poisson count, to which a
 * clip adds one hour at most: a longer one is no more clips. Shares of none and of all: hysac_bootstrap_share().
 *
 * Returns: FALSE with @error: ARGUMENT, NUMERIC
 */
HYSAC_API gboolean hysac_measures_take(const HysacClip *safe, gsize n_safe, const HysacClip *unsafe,
                                       gsize n_unsafe, double bound,
                                       const HysacMeasureOptions *options, HysacMeasures *out,
                                       GError **error);

/* Which of @folds each of @n clips belongs to, by chance but evenly. (transfer full) */
HYSAC_API guint32 *hysac_measures_folds(gsize n, guint folds, guint64 seed);

/* Appends them as a JSON object, as hysac.json's profile keeps them; null is not known. */
HYSAC_API void hysac_measures_to_json(GString *json, const HysacMeasures *self);

G_END_DECLS
