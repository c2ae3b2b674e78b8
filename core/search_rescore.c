/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the codes left over: first in fp32 with a bound of its rounding, then in double. */

#include "core/search_private.h"

#include "core/lorentz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Candidates of one task: enough that a thread is worth it. */
#define SLICE 2048
/* So many of a query are each held against their codes; of more, where codes tell nothing apart, only those found. */
#define CHECK_MOST 16384
/* More candidates than this: the best of them first, which often leaves few of the others. */
#define PROBE(k) (2 * (gsize) (k) + 64)

/* ---- threads ---- */

typedef struct {
  void (*func)(guint, gpointer);
  gpointer user_data;
  guint n;
  gint next; /* atomic */
} Tasks;

static gpointer
run_tasks(gpointer data)
{
  Tasks *self = data;
  for (;;) {
    guint task = (guint) g_atomic_int_add(&self->next, 1);
    if (task >= self->n)
      return NULL;
    self->func(task, self->user_data);
  }
}

void
hysac_run_parallel(guint threads, guint n, void (*func)(guint task, gpointer user_data), gpointer user_data)
{
  Tasks tasks = { .func = func, .user_data = user_data, .n = n };
  const guint others = MIN(threads, n) > 1 ? MIN(threads, n) - 1 : 0;
  g_autofree GThread **helpers = g_new0(GThread *, others + 1);
  for (guint i = 0; i < others; i++)
    helpers[i] = g_thread_try_new("hysac-search", run_tasks, &tasks, NULL); /* fewer where there are none */
  run_tasks(&tasks);
  for (guint i = 0; i < others; i++) {
    if (helpers[i] != NULL)
      g_thread_join(helpers[i]);
  }
}

/* ---- sieves ---- */

void
hysac_sieve_init(HysacSieve *self, guint k)
{
  *self = (HysacSieve) { .k = k };
}

void
hysac_sieve_clear(HysacSieve *self)
{
  g_free(self->lows);
  g_free(self->items);
}

/* A heap whose room grows with it: k may be all points. */
static void
push_low(HysacSieve *self, float lower)
{
  guint at = self->n_lows++;
  if ((at & (at - 1)) == 0)
    self->lows = g_renew(float, self->lows, MIN(MAX(2 * (gsize) at, 16), self->k));
  for (; at > 0 && self->lows[(at - 1) / 2] > lower; at = (at - 1) / 2)
    self->lows[at] = self->lows[(at - 1) / 2];
  self->lows[at] = lower;
}

static void
replace_low(HysacSieve *self, float lower)
{
  const guint n = self->n_lows;
  guint at = 0;
  for (;;) {
    gsize child = 2 * (gsize) at + 1;
    if (child >= n)
      break;
    if (child + 1 < n && self->lows[child + 1] < self->lows[child])
      child++;
    if (self->lows[child] >= lower)
      break;
    self->lows[at] = self->lows[child];
    at = (guint) child;
  }
  self->lows[at] = lower;
}

/* Those that fell below since they came. */
static void
drop_items(HysacSieve *self, float least)
{
  gsize kept = 0;
  for (gsize i = 0; i < self->n_items; i++) {
    if (!(self->items[i].upper < least))
      self->items[kept++] = self->items[i];
  }
  self->n_items = kept;
}

void
hysac_sieve_add(HysacSieve *self, guint point, float lower, float upper, float *least)
{
  if (upper < *least)
    return;
  if (self->n_items == self->room) {
    drop_items(self, *least);
    if (self->n_items >= self->room / 2) {
      self->room = MAX(2 * self->room, 256);
      self->items = g_renew(HysacCandidate, self->items, self->room);
    }
  }
  /* What is not a number bounds nothing. */
  self->items[self->n_items++] = (HysacCandidate) { isnan(upper) ? INFINITY : upper, point };
  if (isnan(lower))
    return;
  if (self->n_lows < self->k)
    push_low(self, lower);
  else if (lower > self->lows[0])
    replace_low(self, lower);
  if (self->n_lows == self->k)
    *least = MAX(*least, self->lows[0]);
}

float
hysac_nth_largest(float *values, gsize n, gsize nth)
{
  gsize low = 0, high = n; /* what is looked for lies in [low, high) */
  for (;;) {
    const float pivot = values[low + (high - low) / 2];
    gsize above = low, below = high, i = low;
    while (i < below) {
      float value = values[i];
      if (value > pivot) {
        values[i++] = values[above];
        values[above++] = value;
      } else if (value < pivot) {
        values[i] = values[--below];
        values[below] = value;
      } else {
        i++;
      }
    }
    if (nth - 1 < above)
      high = above;
    else if (nth - 1 >= below)
      low = below;
    else
      return pivot;
  }
}

/* ---- scores ---- */

typedef struct {
  const HysacIndexView *view;
  const HysacScreenVariant *variant;
  const float *query;
  double time;           /* of the query */
  double error;          /* of fp32, but for the point's time */
  HysacCandidate *items; /* upper ends are made nearer */
  float *lows;           /* lower ends, by item */
  double *scores;        /* by item */
  gsize n;
  gboolean unchecked; /* some of them */
  gint is_damaged; /* atomic */
  guint damaged;   /* the first to be found; after the threads have ended */
} Work;

/* Intact codes say nothing of a damaged point: its score would be wrong, and nobody would know. */
static void
check_point(Work *self, guint point)
{
  if (!hysac_index_holds(self->view, point) && g_atomic_int_compare_and_exchange(&self->is_damaged, 0, 1))
    self->damaged = point;
}

static void
score_fp32(guint task, gpointer user_data)
{
  Work *self = user_data;
  const HysacIndexView *view = self->view;
  for (gsize i = (gsize) task * SLICE; i < MIN(self->n, ((gsize) task + 1) * SLICE); i++) {
    const guint point = self->items[i].point;
    if (self->n <= CHECK_MOST)
      check_point(self, point);
    const double time = view->times[point], error = self->error * time;
    const double score =
        (double) self->variant->dot(self->query, view->points + (gsize) point * view->dim, view->dim) -
        self->time * time;
    const float upper = nextafterf((float) (score + error), INFINITY);
    self->lows[i] = nextafterf((float) (score - error), -INFINITY);
    /* Both intervals hold it. */
    if (isnan(upper))
      self->lows[i] = -INFINITY;
    else
      self->items[i].upper = MIN(self->items[i].upper, upper);
  }
}

/* The same sums as hysac_lorentz_inner()'s, of four points beside each other: one after the other they would wait. */
static void
score_double(guint task, gpointer user_data)
{
  Work *self = user_data;
  const HysacIndexView *view = self->view;
  const gsize end = MIN(self->n, ((gsize) task + 1) * SLICE);
  for (gsize at = (gsize) task * SLICE; at < end; at += 4) {
    const float *x[4];
    double sums[4] = { 0 };
    for (guint j = 0; j < 4; j++)
      x[j] = view->points + (gsize) self->items[MIN(at + j, end - 1)].point * view->dim;
    for (guint i = 0; i < view->dim; i++) {
      const double q = (double) self->query[i];
      sums[0] += q * (double) x[0][i];
      sums[1] += q * (double) x[1][i];
      sums[2] += q * (double) x[2][i];
      sums[3] += q * (double) x[3][i];
    }
    for (guint j = 0; j < MIN(4, end - at); j++)
      self->scores[at + j] = sums[j] - self->time * view->times[self->items[at + j].point];
  }
}

static guint
slices(gsize n)
{
  return (guint) ((n + SLICE - 1) / SLICE);
}

/* ---- the k best ---- */

static gboolean
is_better(const HysacHit *a, const HysacHit *b)
{
  return a->score > b->score || (a->score == b->score && a->point < b->point);
}

static int
compare_hits(const void *a, const void *b)
{
  return is_better(a, b) ? -1 : is_better(b, a);
}

/* The worst of the heap is first. */
static void
sink_hit(HysacHit *heap, guint n, HysacHit hit)
{
  gsize at = 0;
  for (;;) {
    gsize child = 2 * at + 1;
    if (child >= n)
      break;
    if (child + 1 < n && is_better(&heap[child], &heap[child + 1]))
      child++;
    if (is_better(&heap[child], &hit))
      break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = hit;
}

static guint
take_best(const Work *work, guint k, HysacHit *hits)
{
  guint n = 0;
  for (gsize i = 0; i < work->n; i++) {
    HysacHit hit = { work->items[i].point, work->scores[i] };
    if (isnan(hit.score))
      hit.score = -INFINITY; /* of a damaged index; it has an order all the same */
    if (n < k) {
      gsize at = n++;
      for (; at > 0 && is_better(&hits[(at - 1) / 2], &hit); at = (at - 1) / 2)
        hits[at] = hits[(at - 1) / 2];
      hits[at] = hit;
    } else if (is_better(&hit, &hits[0])) {
      sink_hit(hits, k, hit);
    }
  }
  qsort(hits, n, sizeof *hits, compare_hits);
  return n;
}

/* ---- one query ---- */

/* Of the lower ends that all sieves kept; -INFINITY where there are fewer than k. */
static float
kth_low(HysacSieve *const *sieves, guint n, guint k)
{
  gsize total = 0;
  for (guint i = 0; i < n; i++)
    total += sieves[i]->n_lows;
  if (total < k)
    return -INFINITY;
  g_autofree float *lows = g_new(float, total);
  for (guint i = 0, at = 0; i < n; at += sieves[i++]->n_lows) {
    if (sieves[i]->n_lows > 0)
      memcpy(lows + at, sieves[i]->lows, sieves[i]->n_lows * sizeof *lows);
  }
  return hysac_nth_largest(lows, total, k);
}

static gsize
keep(HysacCandidate *items, gsize n, float least)
{
  gsize kept = 0;
  for (gsize i = 0; i < n; i++) {
    if (!(items[i].upper < least))
      items[kept++] = items[i];
  }
  return kept;
}

/* Brings @count of the largest upper ends, at least, to the front; returns how many they are. */
static gsize
largest_first(HysacCandidate *items, gsize n, gsize count)
{
  g_autofree float *uppers = g_new(float, n);
  gsize at = 0;
  for (gsize i = 0; i < n; i++)
    uppers[i] = items[i].upper;
  const float least = hysac_nth_largest(uppers, n, count);
  for (gsize i = 0; i < n; i++) {
    if (items[i].upper >= least) {
      HysacCandidate item = items[i];
      items[i] = items[at];
      items[at++] = item;
    }
  }
  return at;
}

/* fp32 for @n candidates; returns the k-th largest of their lower ends. */
static float
narrow(Work *work, HysacCandidate *items, gsize n, guint k, guint threads)
{
  g_autofree float *lows = g_new(float, n);
  work->items = items;
  work->lows = lows;
  work->n = n;
  work->unchecked |= n > CHECK_MOST;
  hysac_run_parallel(threads, slices(n), score_fp32, work);
  return n < k ? -INFINITY : hysac_nth_largest(lows, n, k);
}

guint
hysac_search_rescore(const HysacIndexView *view, const HysacScreenVariant *variant, const float *query,
                     HysacSieve *const *sieves, guint n, guint k, guint threads, HysacHit *hits,
                     gint64 *damaged, HysacSearchStats *stats)
{
  Work work = { .view = view, .variant = variant, .query = query,
                .time = hysac_lorentz_time(query, view->dim, view->curvature) };
  float least = kth_low(sieves, n, k);
  gsize total = 0, first = 0, count = 0;
  for (guint i = 0; i < n; i++)
    total += sieves[i]->n_items;
  g_autofree HysacCandidate *items = g_new(HysacCandidate, total + 1);
  for (guint i = 0; i < n; i++) {
    if (sieves[i]->n_items > 0)
      memcpy(items + count, sieves[i]->items, sieves[i]->n_items * sizeof *items);
    count += sieves[i]->n_items;
  }
  count = keep(items, count, least);

  /* |q| and |x| are at most their times; the bound's roundings are far below the sixteen that it has to spare. */
  work.error = (view->dim / HYSAC_SCREEN_LANES + 17) * 0x1p-24 * work.time;
  if (count > PROBE(k)) {
    first = largest_first(items, count, PROBE(k));
    least = MAX(least, narrow(&work, items, first, k, threads));
    stats->rescored += first;
    count = first + keep(items + first, count - first, least);
  }
  if (count > first) {
    least = MAX(least, narrow(&work, items + first, count - first, k, threads));
    stats->rescored += count - first;
  }
  count = keep(items, count, least);

  g_autofree double *scores = g_new(double, count + 1);
  work.items = items;
  work.scores = scores;
  work.n = count;
  stats->exact += count;
  hysac_run_parallel(threads, slices(count), score_double, &work);
  const guint found = take_best(&work, k, hits);
  for (guint i = 0; work.unchecked && i < found; i++)
    check_point(&work, hits[i].point);
  *damaged = work.is_damaged ? (gint64) work.damaged : -1;
  return found;
}
