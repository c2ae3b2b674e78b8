/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * Redirection: what becomes of a query that lies in the unsafe region before it is answered (HySAC section 3,
 * "safety traversal"). Points are given by their space components, curvature is -c (core/lorentz.h).
 * Thread-safety: pure functions.
 */

G_BEGIN_DECLS

typedef enum {
  HYSAC_REDIRECT_RETAIN,    /* the query is answered as it is */
  HYSAC_REDIRECT_REFERENCE, /* as the reference's traverse_to_safe_image and traverse_to_safe_text do */
  HYSAC_REDIRECT_GEODESIC,  /* along the geodesic towards the root, up to the bound; what to use */
} HysacRedirect;

/* "retain", "reference", "geodesic" both ways; parse returns FALSE on anything else. */
HYSAC_API const char *hysac_redirect_to_string(HysacRedirect mode);
HYSAC_API gboolean hysac_redirect_parse(const char *text, HysacRedirect *out);

/* tau = up_95 + tanh((up_95 - 0.8) / c) + 1: what the reference compares distances to the root with, and the
 * Euclidean length that it gives to the space part of what it moves. Distances are mostly far below it. */
HYSAC_API double hysac_redirect_reference_threshold(double up_95, double c);

/**
 * hysac_redirect_point:
 * @query: n floats, finite
 * @c: curvature is -c; above 0
 * @bound: GEODESIC: the region's bound. REFERENCE: up_95 of the safe material of the query's own kind (images or
 *   texts, hysac_model_get_reference_bounds()). RETAIN: not read. At least 0.
 * @out: n floats, may be @query itself
 * @moved: (out) (optional): whether @out differs from @query
 *
 * GEODESIC moves what lies beyond the bound to distance bound from the root. @out is then never above the bound as
 * hysac_region_judge() measures it (hysac_lorentz_root_distance()): what rounding to float would put above it goes
 * to the next floats below. No mode brings a query farther from the root.
 *
 * Returns: FALSE with @error (ARGUMENT: c or bound make no sense; NUMERIC: the query is not finite); @out is not
 * written then.
 */
HYSAC_API gboolean hysac_redirect_point(HysacRedirect mode, const float *query, gsize n, double c, double bound,
                                        float *out, gboolean *moved, GError **error);

G_END_DECLS
