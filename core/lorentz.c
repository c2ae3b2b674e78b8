/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/lorentz.h"

#include <math.h>

/* The reference clamps by these (meru/lorentz.py as HySAC calls it). */
#define DISTANCE_EPS 1e-8
#define CONE_EPS 1e-5
#define MAX_SINH 32768.0 /* 2^15: the reference's largest sqrt(c)|point| */

static double
dot(const float *x, const float *y, gsize n)
{
  double sum = 0.0;
  for (gsize i = 0; i < n; i++)
    sum += (double) x[i] * (double) y[i];
  return sum;
}

static double
norm(const float *x, gsize n)
{
  return sqrt(dot(x, x, n));
}

/* NaN stays NaN in all three, so that a broken feature cannot turn into a fine distance. */
static double
at_least(double value, double low)
{
  return value < low ? low : value;
}

static double
at_most(double value, double high)
{
  return value > high ? high : value;
}

static double
clamp(double value, double low, double high)
{
  return at_most(at_least(value, low), high);
}

double
hysac_lorentz_time(const float *x, gsize n, double c)
{
  return sqrt(1.0 / c + dot(x, x, n));
}

double
hysac_lorentz_inner(const float *x, const float *y, gsize n, double c)
{
  return dot(x, y, n) - hysac_lorentz_time(x, n, c) * hysac_lorentz_time(y, n, c);
}

double
hysac_lorentz_distance(const float *x, const float *y, gsize n, double c)
{
  double cosh_distance = at_least(-c * hysac_lorentz_inner(x, y, n, c), 1.0 + DISTANCE_EPS);
  return acosh(cosh_distance) / sqrt(c);
}

double
hysac_lorentz_root_distance(const float *x, gsize n, double c)
{
  double root_c = sqrt(c);
  return asinh(root_c * norm(x, n)) / root_c;
}

double
hysac_lorentz_feature_root_distance(const float *feature, gsize n, double alpha, double c)
{
  return at_most(fabs(alpha) * norm(feature, n), asinh(MAX_SINH) / sqrt(c));
}

void
hysac_lorentz_exp_map0(const float *feature, gsize n, double alpha, double c, float *point)
{
  double radius = sqrt(c) * fabs(alpha) * norm(feature, n);
  double clamped = clamp(radius, HYSAC_EXP_EPS, asinh(MAX_SINH));
  double factor = alpha * sinh(clamped) / at_least(radius, HYSAC_EXP_EPS);

  for (gsize i = 0; i < n; i++)
    point[i] = (float) (factor * (double) feature[i]);
}

void
hysac_lorentz_log_map0(const float *x, gsize n, double c, float *v)
{
  double square = c * dot(x, x, n);
  double distance = acosh(at_least(sqrt(1.0 + square), 1.0 + CONE_EPS));
  double factor = distance / at_least(sqrt(square), CONE_EPS);

  for (gsize i = 0; i < n; i++)
    v[i] = (float) (factor * (double) x[i]);
}

double
hysac_lorentz_half_aperture(const float *x, gsize n, double c)
{
  double sine = 2.0 * HYSAC_MIN_RADIUS / (sqrt(c) * norm(x, n) + CONE_EPS);
  return asin(clamp(sine, -1.0 + CONE_EPS, 1.0 - CONE_EPS));
}

double
hysac_lorentz_oxy_angle(const float *x, const float *y, gsize n, double c)
{
  double x_time = hysac_lorentz_time(x, n, c);
  double y_time = hysac_lorentz_time(y, n, c);
  double c_inner = c * (dot(x, y, n) - x_time * y_time);
  double numerator = y_time + c_inner * x_time;
  double denominator = sqrt(at_least(c_inner * c_inner - 1.0, CONE_EPS));
  double cosine = numerator / (norm(x, n) * denominator + CONE_EPS);

  return acos(clamp(cosine, -1.0 + CONE_EPS, 1.0 - CONE_EPS));
}

double
hysac_lorentz_cone(const float *x, const float *y, gsize n, double c, double eta)
{
  return hysac_lorentz_oxy_angle(x, y, n, c) - eta * hysac_lorentz_half_aperture(x, n, c);
}

gboolean
hysac_lorentz_entails(const float *x, const float *y, gsize n, double c, double eta)
{
  if (norm(x, n) == 0.0)
    return isfinite(norm(y, n));
  return hysac_lorentz_cone(x, y, n, c, eta) <= 0.0;
}
