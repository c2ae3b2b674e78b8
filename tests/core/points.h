/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Points to index, and what is near by computing all of it. */

#include "support.h"

#include "core/index.h"
#include "core/lorentz.h"
#include "core/search.h"

typedef enum {
  POINTS_GAUSS,     /* isotropic, norms near 1 */
  POINTS_FEATURES,  /* as an encoder gives them: a common direction, clusters, norms that differ */
  POINTS_COPIES,    /* few different points, many times each */
  POINTS_EQUAL,     /* one point */
  POINTS_ZERO,      /* mostly the root itself */
  POINTS_WILD,      /* norms from 1e-30 to 1e14 */
  POINTS_CLOSE,     /* one point and float's last digits: nothing tells them apart but double */
  POINTS_ASCENDING, /* each nearer to (1, 0, 0, ...) than the one before */
  POINTS_FLAT,      /* all coordinates alike: as bytes the largest or the least that there are */
  N_POINTS_KINDS,
} PointsKind;

static inline double
gauss(GRand *rand)
{
  double u = 1.0 - g_rand_double(rand), v = g_rand_double(rand);
  return sqrt(-2.0 * log(u)) * cos(2.0 * G_PI * v);
}

static inline void
make_point(GRand *rand, PointsKind kind, guint i, guint dim, const float *centres, float *x)
{
  const float *centre = centres + (gsize) g_rand_int_range(rand, 0, 8) * dim;
  double size = 1.0 / sqrt(dim);
  switch (kind) {
  case POINTS_FEATURES:
    size *= exp(0.3 * gauss(rand));
    for (guint j = 0; j < dim; j++)
      x[j] = (float) (size * (2.0 + (double) centre[j] + 0.5 * gauss(rand)));
    return;
  case POINTS_COPIES:
    memcpy(x, centre, dim * sizeof *x);
    return;
  case POINTS_EQUAL:
    memcpy(x, centres, dim * sizeof *x);
    return;
  case POINTS_CLOSE:
    for (guint j = 0; j < dim; j++)
      x[j] = g_rand_boolean(rand) ? centres[j] : nextafterf(centres[j], 1e9f);
    return;
  case POINTS_FLAT:
    for (guint j = 0; j < dim; j++)
      x[j] = (float) (i % 2 ? size : -size);
    return;
  case POINTS_ZERO:
    size = g_rand_int_range(rand, 0, 10) ? 0.0 : 1e-3;
    break;
  case POINTS_WILD:
    size *= pow(10.0, g_rand_double_range(rand, -30.0, 14.0));
    break;
  case POINTS_ASCENDING:
    memset(x, 0, dim * sizeof *x);
    x[0] = (float) i * 1e-4f;
    return;
  default:
    break;
  }
  for (guint j = 0; j < dim; j++)
    x[j] = (float) (size * gauss(rand));
}

/* n * dim floats; g_free() them. */
static inline float *
make_points(GRand *rand, PointsKind kind, guint n, guint dim)
{
  float *points = g_new(float, (gsize) n * dim + 1), *centres = g_new(float, (gsize) 8 * dim);
  for (guint i = 0; i < 8 * dim; i++)
    centres[i] = (float) gauss(rand);
  for (guint i = 0; i < n; i++)
    make_point(rand, kind, i, dim, centres, points + (gsize) i * dim);
  g_free(centres);
  return points;
}

static inline HysacIndexSpace
make_space(guint dim)
{
  HysacIndexSpace space = { .precision = HYSAC_PRECISION_FP32, .dim = dim, .curvature = 0.62, .alpha = 0.19 };
  for (guint i = 0; i < 32; i++)
    space.weights[i] = (guint8) (17 * i);
  return space;
}

/* An index of @points in @folder, opened. */
static inline HysacIndex *
make_index(const char *folder, const HysacIndexSpace *space, const float *points, guint n)
{
  g_autofree char *path = g_build_filename(folder, "index", NULL);
  GError *error = NULL;
  HysacIndexWriter *writer = hysac_index_writer_new(path, space, &error);
  assert_non_null(writer);
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = g_strdup_printf("picture-%u.png", i);
    if (!hysac_index_writer_add(writer, name, -1, points + (gsize) i * space->dim, &error))
      fail_msg("point %u: %s", i, error->message);
  }
  if (!hysac_index_writer_finish(writer, &error))
    fail_msg("%s", error->message);
  HysacIndex *index = hysac_index_open(path, &error);
  if (index == NULL)
    fail_msg("%s", error->message);
  return index;
}

static inline int
compare_brute(const void *a, const void *b)
{
  const HysacHit *x = a, *y = b;
  if (x->score != y->score)
    return x->score > y->score ? -1 : 1;
  return x->point < y->point ? -1 : x->point > y->point;
}

/* All n points in order; g_free() them. */
static inline HysacHit *
brute_force(const float *points, guint n, guint dim, double c, const float *query)
{
  HysacHit *hits = g_new0(HysacHit, n + 1);
  for (guint i = 0; i < n; i++)
    hits[i] = (HysacHit) { i, hysac_lorentz_inner(query, points + (gsize) i * dim, dim, c) };
  qsort(hits, n, sizeof *hits, compare_brute);
  return hits;
}
