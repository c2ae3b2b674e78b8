/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/traverse.h"
#include "core/lorentz.h"

#include <math.h>

static gboolean
check(const float *values, gsize rows, gsize n, const char *what, GError **error)
{
  for (gsize i = 0; i < rows * n; i++) {
    if (!isfinite(values[i])) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "traversal: %s %" G_GSIZE_FORMAT ": component %"
                  G_GSIZE_FORMAT " is not finite", what, i / n, i % n);
      return FALSE;
    }
  }
  return TRUE;
}

static void
find_nearest(const float *point, gsize n, double c, const float *candidates, gsize n_candidates,
             HysacTraverseStep *step)
{
  /* <x, root>_L: the root's space part is 0, its time 1 / sqrt(c). */
  step->nearest = HYSAC_TRAVERSE_ROOT;
  step->inner = -hysac_lorentz_time(point, n, c) / sqrt(c);
  step->closest = HYSAC_TRAVERSE_NONE;
  step->closest_inner = NAN;
  for (gsize i = 0; i < n_candidates; i++) {
    const float *candidate = candidates + i * n;
    const double inner = hysac_lorentz_inner(point, candidate, n, c);
    if (step->closest == HYSAC_TRAVERSE_NONE || inner > step->closest_inner) {
      step->closest = (gssize) i;
      step->closest_inner = inner;
    }
    if (inner > step->inner && hysac_lorentz_entails(candidate, point, n, c, 1.0)) {
      step->nearest = (gssize) i;
      step->inner = inner;
    }
  }
}

gboolean
hysac_traverse(const float *item, gsize n, double c, const float *candidates, gsize n_candidates,
               HysacTraverseStep *steps, guint n_steps, GError **error)
{
  gsize size;

  if (n_steps < 2 || n_steps > HYSAC_TRAVERSE_MAX_STEPS || n == 0 || !(c > 0.0) || !isfinite(c) ||
      !g_size_checked_mul(&size, n_candidates, n)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "traversal: %u steps, %" G_GSIZE_FORMAT
                " components, curvature -%g", n_steps, n, c);
    return FALSE;
  }
  if (!check(item, 1, n, "item", error) || !check(candidates, n_candidates, n, "candidate", error))
    return FALSE;

  g_autofree float *tangent = g_new(float, n), *point = g_new(float, n);
  hysac_lorentz_log_map0(item, n, c, tangent);
  for (guint i = 0; i < n_steps; i++) {
    HysacTraverseStep *step = &steps[i];
    step->weight = 1.0 - (double) i / (double) (n_steps - 1);
    hysac_lorentz_exp_map0(tangent, n, step->weight, c, point);
    step->distance = hysac_lorentz_root_distance(point, n, c);
    find_nearest(point, n, c, candidates, n_candidates, step);
  }
  return TRUE;
}
