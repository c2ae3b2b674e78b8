/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * The way from an item to the root, and what it leads past (MERU section 4.3, image traversals; HySAC's figures).
 * Points are given by their space components, curvature is -c (core/lorentz.h).
 * Thread-safety: pure functions.
 */

G_BEGIN_DECLS

/* The reference's number of points on the way, both ends included. */
#define HYSAC_TRAVERSE_STEPS 50
#define HYSAC_TRAVERSE_MAX_STEPS 10000
/* HysacTraverseStep.nearest: the root itself. */
#define HYSAC_TRAVERSE_ROOT (-1)
/* HysacTraverseStep.closest: there are no candidates. */
#define HYSAC_TRAVERSE_NONE (-1)

typedef struct {
  double weight;   /* how much of the item is left in the tangent space: 1 the item, 0 the root */
  double distance; /* of this point to the root */
  gssize nearest;  /* index of the candidate, or HYSAC_TRAVERSE_ROOT */
  double inner;    /* <point, nearest>_L */
  gssize closest;  /* index of the candidate of the largest inner product, whether its cone holds the point or not;
                    * HYSAC_TRAVERSE_NONE */
  double closest_inner; /* <point, closest>_L; not a number where there is none */
} HysacTraverseStep;

/**
 * hysac_traverse:
 * @item: n floats, finite: where the way begins
 * @c: curvature is -c; above 0
 * @candidates: (nullable): n_candidates rows of n floats, finite: captions, concepts or other items
 * @steps: (out): n_steps of them, the item first, the root last
 * @n_steps: 2 … HYSAC_TRAVERSE_MAX_STEPS
 *
 * Interpolates in the tangent space at the root in equal steps. Each point's nearest is, of the candidates whose
 * cone holds it, the one of the largest inner product; the root entails everything and is always among them. What is
 * closest no matter whose cone holds the point stands beside it: where no cone does, it is all that there is to tell.
 *
 * Returns: FALSE with @error: ARGUMENT, or NUMERIC where a component is not finite.
 */
HYSAC_API gboolean hysac_traverse(const float *item, gsize n, double c, const float *candidates, gsize n_candidates,
                                  HysacTraverseStep *steps, guint n_steps, GError **error);

G_END_DECLS
