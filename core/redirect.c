/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/redirect.h"
#include "core/lorentz.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *const mode_names[] = {
  [HYSAC_REDIRECT_RETAIN] = "retain",
  [HYSAC_REDIRECT_REFERENCE] = "reference",
  [HYSAC_REDIRECT_GEODESIC] = "geodesic",
};

const char *
hysac_redirect_to_string(HysacRedirect mode)
{
  return (guint) mode < G_N_ELEMENTS(mode_names) ? mode_names[mode] : "unknown";
}

gboolean
hysac_redirect_parse(const char *text, HysacRedirect *out)
{
  for (guint i = 0; text && i < G_N_ELEMENTS(mode_names); i++) {
    if (g_str_equal(text, mode_names[i])) {
      *out = (HysacRedirect) i;
      return TRUE;
    }
  }
  return FALSE;
}

double
hysac_redirect_reference_threshold(double up_95, double c)
{
  return up_95 + tanh((up_95 - 0.8) / c) + 1.0;
}

static double
euclidean(const float *x, gsize n)
{
  double sum = 0.0;
  for (gsize i = 0; i < n; i++)
    sum += (double) x[i] * (double) x[i];
  return sqrt(sum);
}

static gboolean
check(HysacRedirect mode, const float *query, gsize n, double c, double bound, GError **error)
{
  if ((guint) mode >= G_N_ELEMENTS(mode_names) || !(c > 0.0) || !isfinite(c)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "redirection: mode %d, curvature -%g", (int) mode, c);
    return FALSE;
  }
  if (mode != HYSAC_REDIRECT_RETAIN && !(bound >= 0.0 && isfinite(bound))) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "redirection: a bound of %g is no distance", bound);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++) {
    if (!isfinite(query[i])) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "redirection: component %" G_GSIZE_FORMAT
                  " of the query is not finite", i);
      return FALSE;
    }
  }
  return TRUE;
}

/* out = factor * query, each component rounded towards 0, so that the length does not grow by rounding. */
static void
scale_down(const float *query, gsize n, double factor, float *out)
{
  for (gsize i = 0; i < n; i++) {
    const double exact = factor * (double) query[i];
    const float rounded = (float) exact;
    out[i] = fabs((double) rounded) > fabs(exact) ? nextafterf(rounded, 0.0f) : rounded;
  }
}

/* A point on the geodesic from the root through q has the same direction; its space part is
 * sinh(sqrt(c) d) / sqrt(c) long (exponential map at the root). */
static void
move_to_bound(const float *query, gsize n, double c, double bound, float *out)
{
  const double root_c = sqrt(c);
  double factor = sinh(root_c * bound) / root_c / euclidean(query, n);
  g_autofree float *moved = g_new(float, MAX(n, 1));

  /* One round mostly; a second where every component is a float as it is and asinh rounds up. Both steps are many
   * times the rounding of double and far below that of float. */
  for (guint round = 0; round < 8; round++, factor *= 1.0 - 64.0 * DBL_EPSILON) {
    scale_down(query, n, factor, moved);
    if (hysac_lorentz_root_distance(moved, n, c) <= bound) {
      memcpy(out, moved, n * sizeof *out);
      return;
    }
  }
  memset(out, 0, n * sizeof *out); /* the root: never above any bound */
}

gboolean
hysac_redirect_point(HysacRedirect mode, const float *query, gsize n, double c, double bound, float *out,
                     gboolean *moved, GError **error)
{
  if (!check(mode, query, n, c, bound, error))
    return FALSE;
  const double distance = hysac_lorentz_root_distance(query, n, c);
  const double tau = mode == HYSAC_REDIRECT_REFERENCE ? hysac_redirect_reference_threshold(bound, c) : bound;
  const gboolean move = mode != HYSAC_REDIRECT_RETAIN && distance > tau;

  if (!move) {
    memmove(out, query, n * sizeof *out);
  } else if (mode == HYSAC_REDIRECT_GEODESIC) {
    move_to_bound(query, n, c, bound, out);
  } else {
    /* The reference's own: what was compared with a distance becomes a Euclidean length. tau is below the distance
     * and that below the length: nothing moves outwards. It is at least the bound, never negative. */
    scale_down(query, n, tau / euclidean(query, n), out);
  }
  if (moved)
    *moved = move;
  return TRUE;
}
