/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/region.h"

#include <math.h>

/* Where only a bound is known, the score's unit: the paper's bounds near 0.5 differ by 0.01 between test sets, and
 * that moved its false positives from 16.5 % to 3.6 %. */
#define UNCALIBRATED_SCALE 0.02

static const char *const precision_names[] = {
  [HYSAC_PRECISION_AUTO] = "auto", [HYSAC_PRECISION_FP32] = "fp32", [HYSAC_PRECISION_BF16] = "bf16",
  [HYSAC_PRECISION_FP16] = "fp16", [HYSAC_PRECISION_INT8] = "int8",
};

const char *
hysac_precision_to_string(HysacPrecision precision)
{
  if ((guint) precision >= G_N_ELEMENTS(precision_names))
    return "unknown";
  return precision_names[precision];
}

gboolean
hysac_precision_parse(const char *text, HysacPrecision *out)
{
  if (!text)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(precision_names); i++) {
    if (g_str_equal(text, precision_names[i])) {
      *out = (HysacPrecision) i;
      return TRUE;
    }
  }
  return FALSE;
}

HysacAccuracy
hysac_precision_get_budget(HysacPrecision precision)
{
  static const HysacAccuracy budgets[] = {
    [HYSAC_PRECISION_AUTO] = {1.0, 0.0},     [HYSAC_PRECISION_FP32] = {1.0, 0.0},
    [HYSAC_PRECISION_BF16] = {0.9999, 1e-3}, [HYSAC_PRECISION_FP16] = {0.9999, 1e-3},
    [HYSAC_PRECISION_INT8] = {0.9995, 5e-3},
  };
  g_return_val_if_fail((guint) precision < G_N_ELEMENTS(budgets), budgets[0]);
  return budgets[precision];
}

gboolean
hysac_precision_holds(HysacPrecision precision, const HysacAccuracy *measured)
{
  const HysacAccuracy budget = hysac_precision_get_budget(precision);

  return precision == HYSAC_PRECISION_FP32 ||
         (measured->cosine >= budget.cosine && measured->distance <= budget.distance);
}

HysacRegion
hysac_region_in(const HysacRegion *fitted, HysacPrecision precision, double error)
{
  HysacRegion region = *fitted;

  if (precision == fitted->precision)
    return region;
  /* A frame's fp32 distance d may be measured as d (1 - error), and the bound b of fp32 as
   * b (1 + fitted->error). An error that leaves nothing of the distance leaves next to nothing of the bound:
   * everything is above it then. */
  const double low = error < 0.999 ? 1.0 - MAX(error, 0.0) : 0.001;
  region.bound = (fitted->bound + fitted->moved) * low / (1.0 + fitted->error);
  region.moved = fitted->bound + fitted->moved - region.bound;
  return region;
}

HysacRegion
hysac_region_at(const HysacRegion *region, double bound)
{
  HysacRegion at = {.scale = bound * UNCALIBRATED_SCALE, .precision = HYSAC_PRECISION_FP32};

  if (region)
    at = *region;
  at.bound = bound;
  at.calibrated = FALSE;
  at.moved = 0.0; /* it is meant for whatever runs */
  return at;
}

HysacVerdict
hysac_region_judge(const HysacRegion *region, double distance)
{
  double margin = distance - region->bound;

  /* exp() may overflow to infinity for a far safe distance: the score is then 0, as it should be. */
  return (HysacVerdict){
    .distance = distance,
    .bound = region->bound,
    .margin = margin,
    .score = 1.0 / (1.0 + exp(-margin / region->scale)),
    /* A distance that is not a number is unsafe, should the caller's check ever miss one. */
    .unsafe = !(margin <= 0.0),
    .calibrated = region->calibrated,
  };
}
