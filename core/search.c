/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nearest neighbours: the codes, by threads that share the points; search_rescore.c does the rest. */

#include "core/search_private.h"

#include "core/lorentz.h"

#include <math.h>
#include <string.h>

/* Queries that go through the points together. */
#define BATCH (4 * HYSAC_SCREEN_QUERIES)
#define MAX_GROUPS (BATCH / HYSAC_SCREEN_QUERIES)
/* Points at a time, a multiple of HYSAC_INDEX_GROUP: their codes stay near while all queries see them. */
#define CHUNK 1024
#define MAX_THREADS 64

typedef struct {
  const HysacIndexView *view;
  const HysacScreenVariant *variant;
  guint n, k; /* queries */
  guint n_groups, n_threads;
  HysacScreenGroup *groups[MAX_GROUPS];
  HysacSieve *sieves; /* [n_threads][n] */
  GMutex lock;
  float least[MAX_GROUPS][HYSAC_SCREEN_QUERIES]; /* the largest of all threads', under the lock */
  gint next;                                     /* chunk, atomic */
} Scan;

typedef struct {
  Scan *scan;
  HysacSieve *sieves; /* this thread's, of the queries of this group */
  guint group;
  float least[MAX_GROUPS][HYSAC_SCREEN_QUERIES];
} Worker;

static void
on_pair(gpointer user_data, guint query, guint point, gint32 dot)
{
  Worker *self = user_data;
  const HysacIndexView *view = self->scan->view;
  float lower, upper;
  if (point >= view->n)
    return;
  hysac_screen_interval(self->scan->groups[self->group], query, &view->bounds[point / HYSAC_INDEX_GROUP],
                        point % HYSAC_INDEX_GROUP, dot, &lower, &upper);
  hysac_sieve_add(&self->sieves[self->group * HYSAC_SCREEN_QUERIES + query], point, lower, upper,
                  &self->least[self->group][query]);
}

/* What one thread knows holds for all: each lower end that it counts is of a point of its own. */
static void
share_least(Worker *self)
{
  Scan *scan = self->scan;
  g_mutex_lock(&scan->lock);
  for (guint g = 0; g < scan->n_groups; g++) {
    for (guint i = 0; i < HYSAC_SCREEN_QUERIES; i++)
      scan->least[g][i] = self->least[g][i] = MAX(scan->least[g][i], self->least[g][i]);
  }
  g_mutex_unlock(&scan->lock);
}

static void
scan_points(guint thread, gpointer user_data)
{
  Scan *scan = user_data;
  const HysacIndexView *view = scan->view;
  const guint all = (view->n + HYSAC_INDEX_GROUP - 1) / HYSAC_INDEX_GROUP * HYSAC_INDEX_GROUP;
  Worker self = { .scan = scan, .sieves = scan->sieves + (gsize) thread * scan->n };
  for (guint g = 0; g < MAX_GROUPS; g++) {
    for (guint i = 0; i < HYSAC_SCREEN_QUERIES; i++)
      self.least[g][i] = -INFINITY;
  }
  for (;;) {
    const guint64 at = (guint64) (guint) g_atomic_int_add(&scan->next, 1) * CHUNK;
    if (at >= all)
      return;
    for (self.group = 0; self.group < scan->n_groups; self.group++)
      scan->variant->scan(scan->groups[self.group], self.least[self.group], view->codes, view->bounds, (guint) at,
                          MIN(CHUNK, all - (guint) at), on_pair, &self);
    share_least(&self);
  }
}

typedef struct {
  Scan *scan;
  const float *queries;
  HysacHit *hits; /* [n][stride] */
  guint stride, threads;
  gint missing; /* atomic */
  GMutex lock;
  gint64 damaged; /* a point that is not what screens it, under the lock; -1: none was found */
  HysacSearchStats *stats;
} Rescore;

static void
rescore_query(guint query, gpointer user_data)
{
  Rescore *self = user_data;
  Scan *scan = self->scan;
  HysacSieve *sieves[MAX_THREADS];
  HysacSearchStats stats = { 0 };
  for (guint i = 0; i < scan->n_threads; i++)
    sieves[i] = &scan->sieves[(gsize) i * scan->n + query];
  gint64 damaged;
  guint found = hysac_search_rescore(scan->view, scan->variant, self->queries + (gsize) query * scan->view->dim, sieves,
                                     scan->n_threads, scan->k, self->threads,
                                     self->hits + (gsize) query * self->stride, &damaged, &stats);
  if (found < scan->k)
    g_atomic_int_set(&self->missing, 1);
  g_mutex_lock(&self->lock);
  self->stats->rescored += stats.rescored;
  self->stats->exact += stats.exact;
  if (damaged >= 0)
    self->damaged = damaged;
  g_mutex_unlock(&self->lock);
}

/* @n at most BATCH; @k at most the number of points. FALSE with @error (FORMAT). */
static gboolean
search_batch(const HysacIndexView *view, const HysacScreenVariant *variant, const float *queries, guint n, guint k,
             guint threads, HysacHit *hits, guint stride, HysacSearchStats *stats, GError **error)
{
  Scan scan = { .view = view, .variant = variant, .n = n, .k = k, .n_threads = threads };
  scan.sieves = g_new(HysacSieve, (gsize) threads * n);
  for (guint i = 0; i < threads * n; i++)
    hysac_sieve_init(&scan.sieves[i], k);
  for (guint at = 0; at < n; at += HYSAC_SCREEN_QUERIES) {
    scan.groups[scan.n_groups++] = hysac_screen_group_new(view, queries + (gsize) at * view->dim,
                                                          MIN(n - at, HYSAC_SCREEN_QUERIES), variant->levels);
  }
  for (guint g = 0; g < MAX_GROUPS; g++) {
    for (guint i = 0; i < HYSAC_SCREEN_QUERIES; i++)
      scan.least[g][i] = -INFINITY;
  }
  g_mutex_init(&scan.lock);
  hysac_run_parallel(threads, threads, scan_points, &scan);
  stats->screened += (guint64) view->n * n;

  /* Of many queries each is one thread's; a single one is shared. */
  const guint outer = MIN(n, threads);
  Rescore rescore = { .scan = &scan, .queries = queries, .hits = hits, .stride = stride,
                      .threads = threads / outer, .stats = stats, .damaged = -1 };
  g_mutex_init(&rescore.lock);
  hysac_run_parallel(outer, n, rescore_query, &rescore);
  g_mutex_clear(&rescore.lock);

  g_mutex_clear(&scan.lock);
  for (guint g = 0; g < scan.n_groups; g++)
    hysac_screen_group_free(scan.groups[g]);
  for (guint i = 0; i < threads * n; i++)
    hysac_sieve_clear(&scan.sieves[i]);
  g_free(scan.sieves);
  if (rescore.damaged >= 0)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "the index is damaged: point %" G_GINT64_FORMAT " is not the one that it screens", rescore.damaged);
  else if (rescore.missing)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "the index is damaged: its bounds leave fewer points than there must be");
  else
    return TRUE;
  return FALSE;
}

gboolean
hysac_index_search_with(HysacIndex *self, const HysacScreenVariant *variant, const float *queries, guint n, guint k,
                        guint threads, HysacHit *hits, HysacSearchStats *stats, GError **error)
{
  HysacIndexView view;
  HysacSearchStats ignored, *counts = stats ? stats : &ignored;
  *counts = (HysacSearchStats) { 0 };
  hysac_index_view(self, &view);
  if (k < 1) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "the nearest 0 points");
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    if (!(hysac_lorentz_time(queries + (gsize) i * view.dim, view.dim, view.curvature) <= HYSAC_INDEX_MAX_NORM)) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "query %u is not finite, or beyond %g", i,
                  HYSAC_INDEX_MAX_NORM);
      return FALSE;
    }
  }
  if (view.n == 0)
    return TRUE;
  const guint chunks = (view.n - 1) / CHUNK + 1;
  threads = MIN(threads ? threads : g_get_num_processors(), MIN(chunks, MAX_THREADS));
  for (guint at = 0; at < n; at += BATCH) {
    if (!search_batch(&view, variant, queries + (gsize) at * view.dim, MIN(n - at, BATCH), MIN(k, view.n), threads,
                      hits + (gsize) at * k, k, counts, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
hysac_index_search(HysacIndex *self, const float *queries, guint n, guint k, guint threads, HysacHit *hits,
                   HysacSearchStats *stats, GError **error)
{
  return hysac_index_search_with(self, hysac_screen_choose(), queries, n, k, threads, hits, stats, error);
}
