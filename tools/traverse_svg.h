/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tool.h"

G_BEGIN_DECLS

/* A candidate. */
typedef struct {
  const char *name;      /* borrowed; NULL: there is none */
  const char *category;  /* borrowed; NULL where it has none */
  gboolean safe, unsafe; /* a concept of that kind */
} TraverseName;

/* Steps of one way that have the same nearest, in order from the item to the root. */
typedef struct {
  guint first, last;    /* step numbers, from 0 */
  double from, to;      /* distances to the root; from >= to */
  TraverseName nearest; /* none: the root, as no candidate's cone holds the points */
  TraverseName outside; /* then: the candidate of the largest inner product, outside its cone; none at the root itself */
} TraverseStretch;

/* What stands before the name of one that is outside its cone. */
#define TRAVERSE_OUTSIDE "outside its cone: "

/* (transfer full): a picture of the way: a bar for each stretch over an axis of distance, with its name beside it.
 * @bound: of the region, 0 for none. */
char *traverse_svg(const char *input, const TraverseStretch *stretches, guint n, double bound);

G_END_DECLS
