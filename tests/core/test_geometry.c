/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds of the space whatever the points are: distances, cones and the root. */
#include "support.h"

#include "core/lorentz.h"

#define DIM 24
#define RUNS 5000

/* A point at hyperbolic distance @distance from the root. */
static void
random_point(GRand *rand, double c, double distance, float *point)
{
  double norm = 0.0;

  for (guint i = 0; i < DIM; i++) {
    point[i] = (float) g_rand_double_range(rand, -1.0, 1.0);
    norm += (double) point[i] * (double) point[i];
  }
  const double length = sinh(sqrt(c) * distance) / sqrt(c);
  for (guint i = 0; i < DIM; i++)
    point[i] = (float) ((double) point[i] * length / sqrt(norm));
}

static double
random_curvature(GRand *rand)
{
  return exp(g_rand_double_range(rand, -2.5, 2.5));
}

/* In units of the curvature's radius, so that every c is tried over the same shapes. */
static double
random_distance(GRand *rand, double c)
{
  return exp(g_rand_double_range(rand, -4.0, 1.2)) / sqrt(c);
}

/* d is symmetric, not negative, 0 between equal points up to the reference's floor, and no way round is shorter. */
static void
test_metric(void **state)
{
  GRand *rand = test_rand();

  for (guint run = 0; run < RUNS; run++) {
    const double c = random_curvature(rand);
    /* acosh(1 + 1e-8): distances below it are not told apart. */
    const double eps = 2.0 * acosh(1.0 + 1e-8) / sqrt(c);
    float x[DIM], y[DIM], z[DIM];
    random_point(rand, c, random_distance(rand, c), x);
    random_point(rand, c, random_distance(rand, c), y);
    random_point(rand, c, random_distance(rand, c), z);
    if (run % 4 == 0) { /* nearly on one geodesic, where the inequality is nearly an equality */
      for (guint i = 0; i < DIM; i++)
        y[i] = 0.5f * (x[i] + z[i]) + 1e-4f * y[i];
    }
    const double xy = hysac_lorentz_distance(x, y, DIM, c), yz = hysac_lorentz_distance(y, z, DIM, c);
    const double xz = hysac_lorentz_distance(x, z, DIM, c);
    assert_true(xy >= 0.0 && isfinite(xy));
    assert_true(xy == hysac_lorentz_distance(y, x, DIM, c));
    assert_true(hysac_lorentz_distance(x, x, DIM, c) <= eps);
    if (!(xz <= xy + yz + eps + 1e-9 * xz))
      fail_msg("run %u, c %.17g: d(x,z) = %.17g, d(x,y) + d(y,z) = %.17g", run, c, xz, xy + yz);
    /* The same by the other side of the triangle, through the root. */
    assert_true(fabs(hysac_lorentz_root_distance(x, DIM, c) - hysac_lorentz_root_distance(z, DIM, c)) <=
                xz + eps + 1e-9 * xz);
  }
  g_rand_free(rand);
}

/* Distance and inner product order pairs alike: what retrieval ranks by is nearness. */
static void
test_order(void **state)
{
  GRand *rand = test_rand();

  for (guint run = 0; run < RUNS; run++) {
    const double c = random_curvature(rand);
    float x[DIM], y[DIM], z[DIM];
    random_point(rand, c, random_distance(rand, c), x);
    random_point(rand, c, random_distance(rand, c), y);
    random_point(rand, c, random_distance(rand, c), z);
    const double inner_y = hysac_lorentz_inner(x, y, DIM, c), inner_z = hysac_lorentz_inner(x, z, DIM, c);
    const double d_y = hysac_lorentz_distance(x, y, DIM, c), d_z = hysac_lorentz_distance(x, z, DIM, c);
    assert_true(inner_y <= -1.0 / c * (1.0 - 1e-12));
    if (inner_y > inner_z)
      assert_true(d_y <= d_z);
    expect_near(cosh(sqrt(c) * d_y), MAX(-c * inner_y, 1.0 + 1e-8), 1e-9, "cosh of the distance");
  }
  g_rand_free(rand);
}

/* The apex entails what lies on its ray behind it, and nothing on the ray before it. */
static void
test_ray(void **state)
{
  GRand *rand = test_rand();

  for (guint run = 0; run < RUNS; run++) {
    const double c = random_curvature(rand), d = random_distance(rand, c);
    float apex[DIM], beyond[DIM], before[DIM];
    random_point(rand, c, d, apex);
    /* The angle's floor of 1e-5 in the denominator weighs where points nearly coincide: keep apart. */
    const double out = d + exp(g_rand_double_range(rand, -2.5, 1.0)) / sqrt(c);
    const double factor = sinh(sqrt(c) * out) / sinh(sqrt(c) * d), inner = g_rand_double_range(rand, 0.0, 0.8);
    for (guint i = 0; i < DIM; i++) {
      beyond[i] = (float) (factor * (double) apex[i]);
      before[i] = (float) (inner * (double) apex[i]);
    }
    if (!(hysac_lorentz_cone(apex, beyond, DIM, c, 1.0) <= 0.0))
      fail_msg("run %u, c %.17g: %.17g from the root does not entail %.17g on its ray (%.3g)", run, c, d, out,
               hysac_lorentz_cone(apex, beyond, DIM, c, 1.0));
    /* The other way round the angle is pi. Near the root its floors hide that. */
    if (sqrt(c) * d * (1.0 - inner) > 0.05)
      assert_true(hysac_lorentz_cone(apex, before, DIM, c, 1.0) > 0.0);
  }
  g_rand_free(rand);
}

/* The root entails everything, and no cone is wider than its own. */
static void
test_root(void **state)
{
  GRand *rand = test_rand();
  const float root[DIM] = {0};

  for (guint run = 0; run < RUNS; run++) {
    const double c = random_curvature(rand);
    float x[DIM];
    random_point(rand, c, random_distance(rand, c), x);
    assert_true(hysac_lorentz_half_aperture(root, DIM, c) >= hysac_lorentz_half_aperture(x, DIM, c));
    expect_near(hysac_lorentz_half_aperture(root, DIM, c), G_PI / 2.0, 5e-3, "the root's half aperture");
    assert_true(hysac_lorentz_entails(root, x, DIM, c, 1.0));
    assert_true(hysac_lorentz_entails(root, root, DIM, c, 1.0));
    assert_true(hysac_lorentz_inner(x, root, DIM, c) <= -1.0 / c * (1.0 - 1e-12));
  }
  g_rand_free(rand);
}

/* Cones narrow outwards, by the law of half_aperture; the scale widens them. */
static void
test_aperture(void **state)
{
  GRand *rand = test_rand();

  for (guint run = 0; run < RUNS; run++) {
    const double c = random_curvature(rand), d = random_distance(rand, c);
    float near[DIM], far[DIM], x[DIM];
    random_point(rand, c, d, near);
    for (guint i = 0; i < DIM; i++)
      far[i] = 1.5f * near[i];
    random_point(rand, c, random_distance(rand, c), x);
    assert_true(hysac_lorentz_half_aperture(far, DIM, c) <= hysac_lorentz_half_aperture(near, DIM, c));
    assert_true(hysac_lorentz_cone(near, x, DIM, c, 1.25) < hysac_lorentz_cone(near, x, DIM, c, 0.75));
    assert_true(hysac_lorentz_entails(near, x, DIM, c, 1.0) == (hysac_lorentz_cone(near, x, DIM, c, 1.0) <= 0.0));
  }
  g_rand_free(rand);
}

/* What is not finite never turns into a fine number; the largest floats stay finite. */
static void
test_broken(void **state)
{
  float good[DIM], huge[DIM], broken[DIM];

  for (guint i = 0; i < DIM; i++) {
    good[i] = 0.1f * (float) i;
    huge[i] = i % 2 ? 3.4e38f : -3.4e38f;
  }
  assert_true(isfinite(hysac_lorentz_inner(huge, good, DIM, 0.6)));
  assert_true(isfinite(hysac_lorentz_distance(huge, good, DIM, 0.6)));
  assert_true(isfinite(hysac_lorentz_cone(huge, good, DIM, 0.6, 1.0)));
  assert_true(isfinite(hysac_lorentz_cone(good, huge, DIM, 0.6, 1.0)));
  assert_true(isfinite(hysac_lorentz_root_distance(huge, DIM, 0.6)));
  for (guint i = 0; i < 2; i++) {
    memcpy(broken, good, sizeof good);
    broken[7] = i ? NAN : INFINITY;
    assert_false(isfinite(hysac_lorentz_inner(broken, good, DIM, 0.6)));
    assert_false(isfinite(hysac_lorentz_distance(good, broken, DIM, 0.6)));
    assert_false(isfinite(hysac_lorentz_root_distance(broken, DIM, 0.6)));
    assert_true(isnan(hysac_lorentz_cone(good, broken, DIM, 0.6, 1.0)));
    assert_true(isnan(hysac_lorentz_cone(broken, good, DIM, 0.6, 1.0)));
    /* A comparison with what is no number fails: nothing entails it, and it entails nothing. */
    assert_false(hysac_lorentz_entails(good, broken, DIM, 0.6, 1.0));
    assert_false(hysac_lorentz_entails(broken, good, DIM, 0.6, 1.0));
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_metric),
    cmocka_unit_test(test_order),
    cmocka_unit_test(test_ray),
    cmocka_unit_test(test_root),
    cmocka_unit_test(test_aperture),
    cmocka_unit_test(test_broken),
  };
  return cmocka_run_group_tests_name("geometry", tests, NULL, NULL);
}
