/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tool.h"

G_BEGIN_DECLS

/* Steps of one way that have the same nearest, in order from the item to the root. */
typedef struct {
  guint first, last;     /* step numbers, from 0 */
  double from, to;       /* distances to the root; from >= to */
  double inner;          /* the largest of them */
  const char *name;      /* borrowed; NULL: the root */
  const char *category;  /* borrowed; NULL where it has none */
  gboolean safe, unsafe; /* a concept of that kind */
} TraverseStretch;

/* (transfer full): a picture of the way: a bar for each stretch over an axis of distance, with its name beside it.
 * @bound: of the region, 0 for none. */
char *traverse_svg(const char *input, const TraverseStretch *stretches, guint n, double bound);

G_END_DECLS
