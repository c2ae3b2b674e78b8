/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/screen.h"

#include "core/lorentz.h"

#include <math.h>
#include <string.h>

/*
 * What single precision may be off, as a share of what it computes with. Each of the interval's terms is rounded at
 * most eight times on its way, by 2^-24 of sums that are at most the sum of all terms' sizes:
 * |s r dot| <= (|q| + |f|) norm, |time time(x)|, |base|, and the errors themselves. 2^-19 is four times as much.
 */
#define SLOP 0x1p-19

/* A cache line: a load that lies in two of them costs two. */
#define ALIGN 64

static double
length(const float *values, gsize n)
{
  double sum = 0.0;
  for (gsize i = 0; i < n; i++)
    sum += (double) values[i] * (double) values[i];
  return sqrt(sum);
}

static void
add_query(HysacScreenGroup *self, const HysacIndexView *view, guint which, const float *query, gint levels)
{
  double largest = 0.0, rest = 0.0, base = 0.0;
  gint32 sum = 0;
  for (guint i = 0; i < view->dim; i++)
    largest = MAX(largest, fabs((double) query[i]));
  float scale = (float) (largest / levels);
  if (!(scale > 1e-30f))
    scale = 0.0f;
  for (guint i = 0; i < view->dim; i++) {
    double code = scale > 0.0f ? rint((double) query[i] / (double) scale) : 0.0;
    const gint8 level = (gint8) CLAMP(code, -levels, levels);
    double off = (double) query[i] - (double) scale * level;
    rest += off * off;
    sum += level;
    base += (double) query[i] * (double) view->mean[i];
    *hysac_screen_tile(self, which, i / HYSAC_INDEX_BLOCK, i % HYSAC_INDEX_BLOCK) = level;
    self->lanes[(i / 4 * HYSAC_SCREEN_QUERIES + which) * 4 + i % 4] = level;
  }
  const double size = length(query, view->dim), missed = sqrt(rest);
  const double time = hysac_lorentz_time(query, view->dim, view->curvature);
  self->bias[which] = -HYSAC_INDEX_ZERO * sum;
  self->scale[which] = scale;
  self->base[which] = (float) (base + SLOP * fabs(base));
  self->time[which] = (float) (-time + SLOP * time);
  self->error[which] = (float) (size * (1.0 + SLOP));
  self->norm[which] = (float) (missed * (1.0 + SLOP) + SLOP * (size + missed));
  self->slack[which] = (float) (SLOP * fabs(base));
  self->slack_time[which] = (float) (SLOP * time);
}

HysacScreenGroup *
hysac_screen_group_new(const HysacIndexView *view, const float *queries, guint n, guint levels)
{
  HysacScreenGroup *self = g_new0(HysacScreenGroup, 1);
  self->n = n;
  self->dim = view->dim;
  self->stride = view->stride;
  self->width = view->width;
  const gsize bytes = HYSAC_SCREEN_QUERIES * view->width;
  self->memory = g_malloc0(2 * bytes + ALIGN);
  self->tiles = (gint8 *) self->memory + (ALIGN - (guintptr) self->memory % ALIGN);
  self->lanes = self->tiles + bytes;
  for (guint i = 0; i < n; i++)
    add_query(self, view, i, queries + (gsize) i * view->dim, (gint) levels);
  return self;
}

void
hysac_screen_group_free(HysacScreenGroup *self)
{
  if (self == NULL)
    return;
  g_free(self->memory);
  g_free(self);
}

void
hysac_screen_interval(const HysacScreenGroup *self, guint query, const HysacIndexBounds *bounds, guint slot,
                      gint32 dot, float *lower, float *upper)
{
  const float error = bounds->error[slot] * self->error[query] + bounds->norm[slot] * self->norm[query];
  *upper = self->base[query] + bounds->scale[slot] * self->scale[query] * (float) dot +
           bounds->time[slot] * self->time[query] + error;
  *lower = *upper - 2.0f * (error + bounds->time[slot] * self->slack_time[query] + self->slack[query]);
}

static void
scan_portable(const HysacScreenGroup *group, const float *least, const guint8 *codes,
              const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func, gpointer user_data)
{
  for (guint point = first; point < first + n; point++) {
    guint8 row[HYSAC_INDEX_MAX_WIDTH];
    hysac_index_unpack(codes + point * group->stride, group->dim, row);
    for (guint query = 0; query < group->n; query++) {
      gint32 dot = group->bias[query];
      float lower, upper;
      for (gsize i = 0; i < group->width; i += HYSAC_INDEX_BLOCK) {
        const gint8 *tile = hysac_screen_tile(group, query, i / HYSAC_INDEX_BLOCK, 0);
        for (guint j = 0; j < HYSAC_INDEX_BLOCK; j++)
          dot += row[i + j] * tile[j];
      }
      hysac_screen_interval(group, query, &bounds[point / HYSAC_INDEX_GROUP], point % HYSAC_INDEX_GROUP, dot,
                            &lower, &upper);
      if (!(upper < least[query])) /* also where it is not a number */
        func(user_data, query, point, dot);
    }
  }
}

static float
dot_portable(const float *x, const float *y, guint n)
{
  float sums[HYSAC_SCREEN_LANES] = { 0 }, total = 0.0f;
  guint i = 0;
  for (; i + HYSAC_SCREEN_LANES <= n; i += HYSAC_SCREEN_LANES) {
    for (guint j = 0; j < HYSAC_SCREEN_LANES; j++)
      sums[j] += x[i + j] * y[i + j];
  }
  for (; i < n; i++)
    sums[i % HYSAC_SCREEN_LANES] += x[i] * y[i];
  for (guint j = 0; j < HYSAC_SCREEN_LANES; j++)
    total += sums[j];
  return total;
}

static gboolean
always(void)
{
  return TRUE;
}

const HysacScreenVariant hysac_screen_variants[] = {
  { "portable", 127, always, scan_portable, dot_portable },
#ifdef HYSAC_SCREEN_X86
  /* Eight products of 63 by 65 are what 16 bits hold. */
  { "avx2", 65, hysac_screen_has_avx2, hysac_screen_scan_avx2, hysac_screen_dot_avx2 },
  { "avx512-vnni", 127, hysac_screen_has_avx512_vnni, hysac_screen_scan_avx512_vnni, hysac_screen_dot_avx512 },
#endif
};
const guint hysac_screen_n_variants = G_N_ELEMENTS(hysac_screen_variants);

const HysacScreenVariant *
hysac_screen_choose(void)
{
  const HysacScreenVariant *best = &hysac_screen_variants[0];
  if (g_strcmp0(g_getenv("HYSAC_VARIANT"), best->name) == 0)
    return best;
  for (guint i = 1; i < hysac_screen_n_variants; i++) {
    if (hysac_screen_variants[i].supported())
      best = &hysac_screen_variants[i];
  }
  return best;
}
