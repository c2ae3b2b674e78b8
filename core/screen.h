/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/index_private.h"

/*
 * The search's inner loop: products of codes, and which of them are worth a second look. Internal: not installed.
 *
 * For a point x = mean + s (code - ZERO) + e and a query q = r a + f, a in [-levels, levels]:
 *   <q,x>_L = q.mean + s r a.(code - ZERO) + (f.(s (code - ZERO)) + q.e) - time(q) time(x)
 * and the bracket is at most |f| norm + |q| error. So with coefficients of the query alone
 *   upper = base + s r dot + time(x) TIME + error ERROR + norm NORM
 * is no less than it, roundings included (screen.c says how).
 */

G_BEGIN_DECLS

/* So many queries are looked at together. */
#define HYSAC_SCREEN_QUERIES 16

typedef struct {
  guint n;      /* of queries, 1..HYSAC_SCREEN_QUERIES */
  guint dim;
  gsize stride; /* bytes of a point's row of codes */
  gsize width;  /* codes of such a row */
  gpointer memory; /* of the two, which start on cache lines */
  gint8 *tiles; /* the queries' codes, block by block: [width / BLOCK][QUERIES][BLOCK]; zeros where there is no query */
  gint8 *lanes; /* the same, four dimensions of each query beside each other: [width / 4][QUERIES][4] */
  gint32 bias[HYSAC_SCREEN_QUERIES]; /* -ZERO times the sum of the codes */
  float scale[HYSAC_SCREEN_QUERIES], base[HYSAC_SCREEN_QUERIES], time[HYSAC_SCREEN_QUERIES],
      error[HYSAC_SCREEN_QUERIES], norm[HYSAC_SCREEN_QUERIES];
  float slack[HYSAC_SCREEN_QUERIES]; /* of the roundings of base */
  float slack_time[HYSAC_SCREEN_QUERIES]; /* and of the time's product */
} HysacScreenGroup;

static inline gint8 *
hysac_screen_tile(const HysacScreenGroup *self, guint query, gsize block, gsize dimension)
{
  return self->tiles + (block * HYSAC_SCREEN_QUERIES + query) * HYSAC_INDEX_BLOCK + dimension;
}

/* @queries: n of dim floats; @levels: of the variant that screens, 1..127. Free with hysac_screen_group_free(). */
HysacScreenGroup *hysac_screen_group_new(const HysacIndexView *view, const float *queries, guint n, guint levels);
void hysac_screen_group_free(HysacScreenGroup *self);

/* Both ends of the interval; the product @dot is that of a query's and a point's codes. */
void hysac_screen_interval(const HysacScreenGroup *self, guint query, const HysacIndexBounds *bounds, guint slot,
                           gint32 dot, float *lower, float *upper);

/* Called for each pair whose upper end is not below @least[query]; may raise @least. */
typedef void (*HysacScreenFunc)(gpointer user_data, guint query, guint point, gint32 dot);

/* Screens points [first, first + n), multiples of HYSAC_INDEX_GROUP: the empty ones at the end are reported as
 * others. @least: of HYSAC_SCREEN_QUERIES, read again for each group of points. */
typedef void (*HysacScreenKernel)(const HysacScreenGroup *group, const float *least, const guint8 *codes,
                                  const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func,
                                  gpointer user_data);

/* x.y in single precision, at least HYSAC_SCREEN_LANES sums beside each other: the error is below
 * (n / LANES + 16) 2^-24 |x| |y|. */
#define HYSAC_SCREEN_LANES 8
typedef float (*HysacScreenDot)(const float *x, const float *y, guint n);

typedef struct {
  const char *name;
  guint levels; /* of a query's codes: with fewer, more points are looked at twice */
  gboolean (*supported)(void);
  HysacScreenKernel scan;
  HysacScreenDot dot;
} HysacScreenVariant;

/* The portable one first; of those that the processor supports, the last is the fastest. */
extern const HysacScreenVariant hysac_screen_variants[];
extern const guint hysac_screen_n_variants;

/* The fastest; HYSAC_VARIANT=portable takes the portable one. */
const HysacScreenVariant *hysac_screen_choose(void);

#if defined(__x86_64__) && defined(__GNUC__)
#define HYSAC_SCREEN_X86 1
gboolean hysac_screen_has_avx2(void);
gboolean hysac_screen_has_avx512_vnni(void);
void hysac_screen_scan_avx2(const HysacScreenGroup *group, const float *least, const guint8 *codes,
                            const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func,
                            gpointer user_data);
void hysac_screen_scan_avx512_vnni(const HysacScreenGroup *group, const float *least, const guint8 *codes,
                                   const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func,
                                   gpointer user_data);
float hysac_screen_dot_avx2(const float *x, const float *y, guint n);
float hysac_screen_dot_avx512(const float *x, const float *y, guint n);
#endif

G_END_DECLS
