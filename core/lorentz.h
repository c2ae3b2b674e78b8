/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * The Lorentz model of hyperbolic space of curvature -c (c > 0). Points are given by their space
 * components (n floats); the time component is implied. All arithmetic is in double.
 * Formulas: MERU (arXiv 2304.09172, section 3 and meru/lorentz.py), as HySAC uses them.
 * Thread-safety: pure functions.
 */

G_BEGIN_DECLS

/* The reference clamps sqrt(c)*|v| to [HYSAC_EXP_EPS, asinh(2^15)] in the exponential map. */
#define HYSAC_EXP_EPS 1e-8
/* Minimum radius of an entailment cone's apex (MERU section 3.2, K). */
#define HYSAC_MIN_RADIUS 0.1

/* time(x) = sqrt(1/c + |x|^2). */
HYSAC_API double hysac_lorentz_time(const float *x, gsize n, double c);

/* <x,y>_L = x.y - time(x) time(y); at most -1/c. Retrieval ranks by it, larger is nearer. */
HYSAC_API double hysac_lorentz_inner(const float *x, const float *y, gsize n, double c);

/* d(x,y) = acosh(max(-c <x,y>_L, 1 + 1e-8)) / sqrt(c). (The floor is the reference's: d(x,x) is not 0.) */
HYSAC_API double hysac_lorentz_distance(const float *x, const float *y, gsize n, double c);

/* Distance of a point to the root (the hyperboloid's vertex), by asinh(sqrt(c)|x|)/sqrt(c): no
 * digits are lost near the root, as they are through acosh. */
HYSAC_API double hysac_lorentz_root_distance(const float *x, gsize n, double c);

/* The identity d(root, exp_map0(v)) = min(|v|, asinh(2^15)/sqrt(c)) with v = alpha * feature:
 * the root distance of an encoder's feature without leaving the tangent space. alpha is plain
 * (not its log). */
HYSAC_API double hysac_lorentz_feature_root_distance(const float *feature, gsize n, double alpha,
                                                     double c);

/* point = exp_map0(alpha * feature). @point has n floats and may be @feature itself. */
HYSAC_API void hysac_lorentz_exp_map0(const float *feature, gsize n, double alpha, double c,
                                      float *point);

/* Inverse of the exponential map at the root (reference log_map0, eps 1e-5). @v has n floats. */
HYSAC_API void hysac_lorentz_log_map0(const float *x, gsize n, double c, float *v);

/* Half aperture of the entailment cone at x, radians, in (0, pi/2] (reference half_aperture). */
HYSAC_API double hysac_lorentz_half_aperture(const float *x, gsize n, double c);

/* Exterior angle at x of the triangle root-x-y, radians, in [0, pi] (reference oxy_angle).
 * x entails y where oxy_angle(x,y) <= half_aperture(x). */
HYSAC_API double hysac_lorentz_oxy_angle(const float *x, const float *y, gsize n, double c);

/* oxy_angle(x,y) - eta * half_aperture(x): how far outside the cone at x the point y lies, radians; at most 0 is
 * inside: x entails y. eta is the cone's scale, 1 in training (HySAC section 3). */
HYSAC_API double hysac_lorentz_cone(const float *x, const float *y, gsize n, double c, double eta);

/* Whether the cone at x holds y: hysac_lorentz_cone() <= 0, and always where x is the root (all zeros) and y finite:
 * the angle's formula is of no use there. */
HYSAC_API gboolean hysac_lorentz_entails(const float *x, const float *y, gsize n, double c, double eta);

G_END_DECLS
