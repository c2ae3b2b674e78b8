/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * What scores of benign and unsafe samples say, and how sure that is. Pure functions of their input: no
 * clock, no file; random choices come from a seed and are the same on every machine.
 *
 * Samples of one clip are alike, so that clips, not samples, are drawn anew for the intervals (the
 * cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, section 3.8). They are
 * the 2.5th and 97.5th percentile over the rounds; where there are few clips they are too narrow.
 *
 * Thread-safety: any thread; a HysacRoc is immutable.
 */

G_BEGIN_DECLS

#define HYSAC_BOOTSTRAP_ROUNDS 2000

/* @low and @high bound 95 percent; both NAN where they cannot be told. */
typedef struct {
  double value, low, high;
} HysacEstimate;

/* Splitmix64 (Steele, Lea, Flood 2014). Not for secrets. */
typedef struct {
  guint64 state; /* the seed, at first */
} HysacRandom;
HYSAC_API guint64 hysac_random_next(HysacRandom *self);
/* In [0, n), n >= 1: the upper half of the next number, scaled. */
HYSAC_API guint32 hysac_random_below(HysacRandom *self, guint32 n);
HYSAC_API void hysac_random_shuffle(HysacRandom *self, guint32 *values, guint32 n);

HYSAC_API void hysac_sort(double *values, gsize n); /* ascending; no NAN among them */
/* Linear between ranks, as numpy.percentile does by default; n >= 1, @percentile in [0, 100]. */
HYSAC_API double hysac_percentile(const double *sorted, gsize n, double percentile);

/**
 * hysac_bootstrap_ratio:
 * @upper, @lower: one number a clip (alarms and hours, hits and frames), finite and not negative
 *
 * sum(upper) / sum(lower), which must not be 0, and its interval where @n >= 2.
 */
HYSAC_API HysacEstimate hysac_bootstrap_ratio(const double *upper, const double *lower, guint32 n,
                                              guint rounds, guint64 seed);

/* The largest rate, at 97.5 percent, of events of which none was seen in @time: -ln(0.025) / time (Garwood 1936,
 * the exact interval of a Poisson count, at none). A bootstrap of nothing but zeros would say 0. */
HYSAC_API double hysac_rate_of_none(double time);

/* The largest share, at 97.5 percent, of which none was seen in @n >= 1 trials: 1 - 0.025^(1/n) (Clopper and Pearson
 * 1934, the exact interval of a binomial count, at none). */
HYSAC_API double hysac_share_of_none(guint32 n);

/**
 * hysac_bootstrap_share:
 * @upper: of each clip what counts of @lower, no more than that
 *
 * hysac_bootstrap_ratio() of a share, which ends where draws of clips say nothing, at 0 and 1, with
 * hysac_share_of_none(). A trial is a clip with samples, not a sample, since those of one clip are alike: the chance
 * that a clip has any such sample is no less than the share of them in a clip. It also tells something of one clip.
 */
HYSAC_API HysacEstimate hysac_bootstrap_share(const double *upper, const double *lower, guint32 n,
                                              guint rounds, guint64 seed);

typedef struct {
  double score;   /* finite; more is more unsafe */
  guint32 clip;   /* 0, 1, ... among the clips of its kind */
  gboolean unsafe;
} HysacScored;

/* Flagged is what scores above @threshold (-INFINITY at the last point). */
typedef struct {
  double threshold, false_positives, recall; /* shares */
} HysacRocPoint;

typedef struct _HysacRoc HysacRoc;

/* NULL and @error (ARGUMENT) where a score is not finite, or one kind is missing. */
HYSAC_API HysacRoc *hysac_roc_new(const HysacScored *samples, gsize n, GError **error);
HYSAC_API void hysac_roc_free(HysacRoc *self); /* NULL is fine */

/* From nothing flagged to everything; one for each distinct score, and the first. Borrowed. */
HYSAC_API const HysacRocPoint *hysac_roc_points(const HysacRoc *self, gsize *n);

typedef struct {
  HysacEstimate auc;    /* Mann-Whitney; ties count half */
  HysacEstimate at_1;   /* the best recall at no more than 1 percent false positives */
  HysacEstimate at_01;  /* the same, 0.1 percent */
} HysacRocSummary;

/* The intervals draw benign and unsafe clips apart; NAN where either kind has fewer than 2. At 0 and 1 they reach at
 * least as far as hysac_share_of_none() of as many trials as the kind that has fewer has clips. For the AUC: so many
 * pairs of a benign and an unsafe clip can be made that have no clip in common, and the chance that a pair has any two
 * samples in the wrong order is no less than the share of those. For the recalls, whose threshold the benign clips set:
 * neither kind tells more than its clips. */
HYSAC_API HysacRocSummary hysac_roc_summarise(const HysacRoc *self, guint rounds, guint64 seed);

/* How probabilities hold: bin i of n is [i/n, (i+1)/n), the last with its end. */
typedef struct {
  guint64 count;
  double predicted; /* mean probability; 0 where count is */
  double observed;  /* share of unsafe ones */
} HysacReliabilityBin;

typedef struct {
  double brier; /* mean of (probability - truth)^2 */
  double ece;   /* mean of |predicted - observed| over bins, by their counts */
  double base;  /* the Brier score of always saying the share of unsafe ones */
} HysacReliability;

/* @probabilities in [0, 1], @unsafe 0 or 1, n >= 1. */
HYSAC_API HysacReliability hysac_reliability(const double *probabilities, const guint8 *unsafe, gsize n,
                                             HysacReliabilityBin *bins, guint n_bins);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacRoc, hysac_roc_free)

G_END_DECLS
