/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to the root, against a plain computation from the definitions in double precision. */
#include "support.h"

#include "core/lorentz.h"
#include "core/safetensors.h"
#include "core/traverse.h"

#define DIM 48

/* <x,y>_L, exterior angle and half aperture from their formulas, nothing shared with core/lorentz. */
static double
product(const double *x, const double *y, gsize n)
{
  double sum = 0.0;
  for (gsize i = 0; i < n; i++)
    sum += x[i] * y[i];
  return sum;
}

static double
time_of(const double *x, gsize n, double c)
{
  return sqrt(1.0 / c + product(x, x, n));
}

static gboolean
holds(const double *apex, const double *x, gsize n, double c)
{
  const double length = sqrt(product(apex, apex, n));
  const double inner = c * (product(apex, x, n) - time_of(apex, n, c) * time_of(x, n, c));
  const double above = time_of(x, n, c) + inner * time_of(apex, n, c);
  const double below = length * sqrt(MAX(inner * inner - 1.0, 1e-5)) + 1e-5;
  const double angle = acos(CLAMP(above / below, -1.0 + 1e-5, 1.0 - 1e-5));
  return angle <= asin(CLAMP(0.2 / (sqrt(c) * length + 1e-5), -1.0 + 1e-5, 1.0 - 1e-5));
}

/* One point of the way: how good the best and the second best candidates are; and the best of all in any cone or none. */
static gssize
nearest_plainly(const float *item, double weight, const float *candidates, gsize count, gsize n, double c,
                double *best, double *gap, double *closest)
{
  double point[DIM], other[DIM], length = 0.0;
  gssize found = HYSAC_TRAVERSE_ROOT;

  for (gsize i = 0; i < n; i++)
    length += (double) item[i] * (double) item[i];
  length = sqrt(c * length);
  const double target = weight * acosh(MAX(sqrt(1.0 + length * length), 1.0 + 1e-5));
  for (gsize i = 0; i < n; i++)
    point[i] = sinh(target) / length * (double) item[i];
  *best = -time_of(point, n, c) / sqrt(c);
  *gap = INFINITY;
  *closest = -INFINITY;
  for (gsize k = 0; k < count; k++) {
    for (gsize i = 0; i < n; i++)
      other[i] = (double) candidates[k * n + i];
    const double inner = product(point, other, n) - time_of(point, n, c) * time_of(other, n, c);
    *closest = MAX(*closest, inner);
    if (!holds(other, point, n, c))
      continue;
    *gap = MIN(*gap, fabs(inner - *best));
    if (inner > *best) {
      *best = inner;
      found = (gssize) k;
    }
  }
  return found;
}

static gsize
read_points(const char *folder, const char *name, float **points)
{
  g_autofree char *file_name = g_strdup_printf("reference/%s/expected/expected.safetensors", folder);
  g_autofree char *path = test_path(file_name);
  HysacSafetensors *file = hysac_safetensors_open(path, NULL);
  const HysacTensor *tensor = file ? hysac_safetensors_lookup(file, name) : NULL;

  assert_non_null(tensor);
  assert_int_equal(tensor->shape[1], DIM);
  *points = g_new(float, tensor->n_elements);
  assert_true(hysac_tensor_read_f32(tensor, name, *points, NULL));
  const gsize n = tensor->shape[0];
  hysac_safetensors_unref(file);
  return n;
}

static void
test_reference_points(void **state)
{
  static const char *const folders[] = {"small", "small-newpeft"};
  HysacTraverseStep steps[HYSAC_TRAVERSE_STEPS];
  const double c = 0.6200000047683716;
  guint by_text = 0, by_root = 0, outside = 0;

  for (guint f = 0; f < G_N_ELEMENTS(folders); f++) {
    g_autofree float *images = NULL, *texts = NULL;
    const gsize n_images = read_points(folders[f], "image_points", &images);
    const gsize n_texts = read_points(folders[f], "text_points", &texts);
    for (gsize i = 0; i < n_images; i++) {
      /* The texts as they are, and shrunk: near the root cones are wide, so that some hold the point. */
      for (guint shrink = 1; shrink <= 8; shrink *= 2) {
        g_autofree float *candidates = g_new(float, n_texts * DIM);
        for (gsize k = 0; k < n_texts * DIM; k++)
          candidates[k] = texts[k] / (float) shrink;
        assert_true(hysac_traverse(images + i * DIM, DIM, c, candidates, n_texts, steps, G_N_ELEMENTS(steps), NULL));
        for (guint s = 0; s < G_N_ELEMENTS(steps); s++) {
          double best, gap, closest;
          const gssize expected = nearest_plainly(images + i * DIM, steps[s].weight, candidates, n_texts, DIM, c,
                                                  &best, &gap, &closest);
          expect_near(steps[s].inner, best, 1e-6, "inner product of the nearest");
          expect_near(steps[s].closest_inner, closest, 1e-6, "inner product of the closest");
          assert_true(steps[s].closest >= 0 && steps[s].closest < (gssize) n_texts);
          outside += steps[s].closest != steps[s].nearest;
          if (gap > 1e-6)
            assert_int_equal(steps[s].nearest, expected);
          by_text += steps[s].nearest >= 0;
          by_root += steps[s].nearest < 0;
        }
      }
    }
  }
  /* Both happen, or the comparison shows little. */
  assert_true(by_text > 20 && by_root > 20 && outside > by_root);
}

static void
test_way(void **state)
{
  GRand *rand = test_rand();
  HysacTraverseStep steps[200];

  for (guint run = 0; run < 500; run++) {
    float item[DIM], candidates[6 * DIM];
    const double c = exp(g_rand_double_range(rand, -2.0, 2.0));
    const double size = exp(g_rand_double_range(rand, -3.0, 1.0));
    const guint n_steps = (guint) g_rand_int_range(rand, 2, G_N_ELEMENTS(steps) + 1);
    for (guint i = 0; i < DIM; i++)
      item[i] = (float) (size * g_rand_double_range(rand, -1.0, 1.0));
    for (guint i = 0; i < G_N_ELEMENTS(candidates); i++)
      candidates[i] = (float) (0.1 * g_rand_double_range(rand, -1.0, 1.0));
    const double length = hysac_lorentz_root_distance(item, DIM, c);
    if (sqrt(c) * length < 0.01)
      continue; /* the logarithm's own floor */
    assert_true(hysac_traverse(item, DIM, c, candidates, 6, steps, n_steps, NULL));
    expect_near(steps[0].distance, length, 1e-5, "the item's distance");
    assert_true(steps[0].weight == 1.0 && steps[n_steps - 1].weight == 0.0);
    assert_true(steps[n_steps - 1].distance == 0.0);
    assert_int_equal(steps[n_steps - 1].nearest, HYSAC_TRAVERSE_ROOT);
    for (guint i = 0; i < n_steps; i++) {
      /* Equal steps, by distance; the root is never beaten by what is worse than it. */
      assert_true(fabs(steps[i].distance - steps[i].weight * length) <= 1e-5 * length);
      assert_true(i == 0 || steps[i].distance < steps[i - 1].distance);
      assert_true(steps[i].inner >= -cosh(sqrt(c) * steps[i].distance) / c * (1.0 + 1e-6));
    }
  }
  g_rand_free(rand);
}

/* A candidate on the way entails all that lies behind it, and is nearest there. */
static void
test_candidate_on_the_way(void **state)
{
  const float item[3] = {0.6f, -0.9f, 0.3f}, half[3] = {0.3f, -0.45f, 0.15f};
  HysacTraverseStep steps[HYSAC_TRAVERSE_STEPS];
  const double at = hysac_lorentz_root_distance(half, 3, 1.0);

  assert_true(hysac_traverse(item, 3, 1.0, half, 1, steps, G_N_ELEMENTS(steps), NULL));
  for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
    if (fabs(steps[i].distance - at) < 0.02)
      continue; /* at the apex itself the angle is not defined */
    assert_int_equal(steps[i].nearest, steps[i].distance > at ? 0 : HYSAC_TRAVERSE_ROOT);
    /* On this side of it too it is the closest there is, and no more than that. */
    assert_int_equal(steps[i].closest, 0);
    if (steps[i].nearest == 0)
      assert_true(steps[i].closest_inner == steps[i].inner);
  }
  assert_true(hysac_traverse(item, 3, 1.0, NULL, 0, steps, 2, NULL));
  assert_int_equal(steps[0].nearest, HYSAC_TRAVERSE_ROOT);
  assert_int_equal(steps[0].closest, HYSAC_TRAVERSE_NONE);
  assert_true(isnan(steps[0].closest_inner));
}

static void
test_refusals(void **state)
{
  const float item[3] = {0.6f, -0.9f, 0.3f}, broken[6] = {0.0f, 0.0f, 0.0f, 1.0f, NAN, 0.0f};
  const float huge[3] = {3e38f, -3e38f, 3e38f};
  HysacTraverseStep steps[4];
  GError *error = NULL;

  assert_false(hysac_traverse(item, 3, 1.0, NULL, 0, steps, 1, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "1 steps");
  assert_false(hysac_traverse(item, 3, NAN, NULL, 0, steps, 4, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "curvature");
  assert_false(hysac_traverse(item, 3, 1.0, broken, G_MAXSIZE, steps, 4, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "4 steps");
  assert_false(hysac_traverse(item, 3, 1.0, broken, 2, steps, 4, &error));
  expect_error(&error, HYSAC_ERROR_NUMERIC, "candidate 1: component 1");
  assert_false(hysac_traverse(broken + 3, 3, 1.0, NULL, 0, steps, 4, &error));
  expect_error(&error, HYSAC_ERROR_NUMERIC, "item 0: component 1");
  /* The largest floats: clamped as the reference does, and finite. */
  assert_true(hysac_traverse(huge, 3, 1.0, huge, 1, steps, 4, NULL));
  for (guint i = 0; i < 4; i++)
    assert_true(isfinite(steps[i].distance) && isfinite(steps[i].inner) && isfinite(steps[i].closest_inner));
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reference_points),
    cmocka_unit_test(test_way),
    cmocka_unit_test(test_candidate_on_the_way),
    cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests_name("traverse", tests, NULL, NULL);
}
