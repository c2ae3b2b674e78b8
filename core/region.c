/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/region.h"

#include <math.h>

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
