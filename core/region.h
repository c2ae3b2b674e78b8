/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * The unsafe region: what lies farther from the root than a bound (HySAC section 3; the order meant
 * by training is safe text < safe image < unsafe text < unsafe image). A plain value type.
 */

G_BEGIN_DECLS

typedef enum {
  HYSAC_PRECISION_AUTO, /* resolved by the engine; never in a region */
  HYSAC_PRECISION_FP32,
  HYSAC_PRECISION_BF16,
  HYSAC_PRECISION_FP16,
  HYSAC_PRECISION_INT8,
} HysacPrecision;

/* "auto", "fp32", … both ways; parse returns FALSE on anything else. */
HYSAC_API const char *hysac_precision_to_string(HysacPrecision precision);
HYSAC_API gboolean hysac_precision_parse(const char *text, HysacPrecision *out);

/* How near a precision's embeddings are to those of fp32, over some pictures. */
typedef struct {
  double cosine;   /* of the features: the smallest */
  double distance; /* of the distances to the root: the largest relative error */
} HysacAccuracy;

/* What a precision has to hold to be taken on its own; fp32 is the measure: 1 and 0. */
HYSAC_API HysacAccuracy hysac_precision_get_budget(HysacPrecision precision);
/* Whether @measured is within the budget; what is not a number is not. fp32 always is. */
HYSAC_API gboolean hysac_precision_holds(HysacPrecision precision, const HysacAccuracy *measured);

typedef struct {
  double bound;             /* distance to the root, > 0 and finite */
  double scale;             /* spread of benign distances, > 0: the score's unit */
  gboolean calibrated;      /* from a fitted profile, not the reference's percentile */
  HysacPrecision precision; /* what the bound was fitted in */
  double error;             /* relative error of distances in that precision, at least 0 */
  double moved;             /* how far the bound lies below the fitted one (hysac_region_in()) */
} HysacRegion;

/**
 * hysac_region_in:
 * @precision: what runs
 * @error: the relative error of distances in it, as measured
 *
 * The region for another precision than the bound was fitted in: the bound moves to the safe side, so that
 * whatever lies above it in fp32 does so here, for errors up to those of both precisions. In the same precision
 * nothing moves.
 */
HYSAC_API HysacRegion hysac_region_in(const HysacRegion *fitted, HysacPrecision precision, double error);

/**
 * hysac_region_at:
 * @region: (nullable): whose unit of the score is kept
 * @bound: a distance > 0 that nothing was fitted for
 *
 * The region with that bound as it stands, marked uncalibrated. Without @region the score's unit is 2 % of it.
 */
HYSAC_API HysacRegion hysac_region_at(const HysacRegion *region, double bound);

typedef struct {
  double distance; /* to the root */
  double bound;
  double margin; /* distance - bound; above 0 is unsafe */
  double score;  /* logistic(margin / scale), in [0,1], 0.5 at the bound; no probability */
  gboolean unsafe;
  gboolean calibrated;
} HysacVerdict;

/* @distance is finite and not negative (the caller checked the engine's result). */
HYSAC_API HysacVerdict hysac_region_judge(const HysacRegion *region, double distance);

G_END_DECLS
