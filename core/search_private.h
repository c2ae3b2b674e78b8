/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/screen.h"
#include "core/search.h"

/* The search's two halves. Internal: not installed. */

G_BEGIN_DECLS

/* A point that may be among the nearest: its inner product is at most @upper. */
typedef struct {
  float upper;
  guint point;
} HysacCandidate;

/* What a thread has kept for a query. */
typedef struct {
  guint k;
  float *lows; /* a heap of the k largest lower ends so far, the smallest first */
  guint n_lows;
  HysacCandidate *items; /* all of an upper end that was not below the k-th largest lower end */
  gsize n_items, room;
} HysacSieve;

void hysac_sieve_init(HysacSieve *self, guint k);
void hysac_sieve_clear(HysacSieve *self);
/* Keeps a point unless its interval is below the others'; raises *@least where that moves. */
void hysac_sieve_add(HysacSieve *self, guint point, float lower, float upper, float *least);

/* The @nth largest (from 1) of @n, which are reordered. */
float hysac_nth_largest(float *values, gsize n, gsize nth);

/* The k nearest of what @n sieves kept for @query, in order, by @threads at most. Returns how many there are: fewer
 * than there should be only where the index is damaged. Points that are computed again are held against their time and
 * their codes (of very many those that are found); one that they are not of is *@damaged, else that is -1. */
guint hysac_search_rescore(const HysacIndexView *view, const HysacScreenVariant *variant, const float *query,
                           HysacSieve *const *sieves, guint n, guint k, guint threads, HysacHit *hits,
                           gint64 *damaged, HysacSearchStats *stats);

/* Runs @func for tasks 0 to n - 1, by @threads at most, this one among them. */
void hysac_run_parallel(guint threads, guint n, void (*func)(guint task, gpointer user_data), gpointer user_data);

/* hysac_index_search() by a variant of the caller's choice. */
gboolean hysac_index_search_with(HysacIndex *self, const HysacScreenVariant *variant, const float *queries, guint n,
                                 guint k, guint threads, HysacHit *hits, HysacSearchStats *stats, GError **error);

G_END_DECLS
