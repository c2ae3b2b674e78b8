/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/index.h"

/*
 * Nearest neighbours, exactly: those of the largest Lorentz inner product <q,x>_L = q.x - time(q) time(x), by which
 * HySAC retrieves. Codes of six bits screen: a product of small integers and a bound of what it leaves out give each point
 * an interval in which its inner product lies; a point whose upper end is below the k-th largest lower end is not
 * among the k. What is left is computed in fp32, with a bound again, and what is then left as
 * hysac_lorentz_inner() does, in double: the answer is that of computing all of them so, whatever the points.
 * A point that is computed again and is not the one that its codes and its time were made of is an error (where more
 * than 16384 are computed again, one that is found); damage of what only screens is found by
 * hysac_index_verify_screen(), which costs a few searches.
 * Thread-safety: pure functions of an index; any thread.
 */

G_BEGIN_DECLS

typedef struct {
  guint point;
  double score; /* hysac_lorentz_inner() of the query and the point */
} HysacHit;

/* Sums over all queries. */
typedef struct {
  guint64 screened; /* pairs of query and point that the codes saw */
  guint64 rescored; /* of them, computed in fp32 */
  guint64 exact;    /* computed in double */
} HysacSearchStats;

/**
 * hysac_index_search:
 * @queries: @n points of dim floats of the index's space, finite
 * @k: at least 1
 * @threads: how many may work; 0: as many as there are processors
 * @hits: room for @n * @k
 * @stats: (nullable)
 *
 * For each query its min(@k, number of points) nearest, the nearest first, equal ones by their number. Those of
 * query i stand from hits[i * k].
 *
 * Returns: FALSE with @error: ARGUMENT where a query is not finite or beyond %HYSAC_INDEX_MAX_NORM, FORMAT where the
 * index turns out to be damaged.
 */
HYSAC_API gboolean hysac_index_search(HysacIndex *self, const float *queries, guint n, guint k, guint threads,
                                      HysacHit *hits, HysacSearchStats *stats, GError **error);

G_END_DECLS
