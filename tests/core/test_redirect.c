/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Redirection against what the reference code did with both checkpoints, and its promises for any point. */
#include "support.h"

#include "core/lorentz.h"
#include "core/model.h"
#include "core/redirect.h"
#include "core/region.h"
#include "core/safetensors.h"

#define DIM 48
#define MOST 28

static gsize
read_points(HysacSafetensors *file, const char *name, float *dst)
{
  GError *error = NULL;
  const HysacTensor *tensor = hysac_safetensors_lookup(file, name);

  assert_non_null(tensor);
  assert_int_equal(tensor->rank, 2);
  assert_int_equal(tensor->shape[1], DIM);
  assert_true(tensor->shape[0] <= MOST);
  if (!hysac_tensor_read_f32(tensor, name, dst, &error))
    fail_msg("%s", error->message);
  return tensor->shape[0];
}

/* Each point within 1e-6 of where the reference put it, and moved where the reference moved it. */
static guint
compare(HysacSafetensors *file, const char *points, const char *traversed, double up_95, double c)
{
  float from[MOST * DIM], to[MOST * DIM], got[DIM];
  const gsize n = read_points(file, points, from);
  guint count = 0;

  assert_int_equal(read_points(file, traversed, to), n);
  for (gsize i = 0; i < n; i++) {
    gboolean moved = FALSE;
    double change = 0.0;
    assert_true(hysac_redirect_point(HYSAC_REDIRECT_REFERENCE, from + i * DIM, DIM, c, up_95, got, &moved, NULL));
    for (guint k = 0; k < DIM; k++) {
      change = MAX(change, fabs((double) to[i * DIM + k] - (double) from[i * DIM + k]));
      if (!(fabs((double) got[k] - (double) to[i * DIM + k]) <= 1e-6))
        fail_msg("%s %zu[%u]: %.9g instead of %.9g", points, i, k, (double) got[k], (double) to[i * DIM + k]);
    }
    if (moved != (change != 0.0))
      fail_msg("%s %zu: moved is %d, the reference's change %g", points, i, moved, change);
    count += moved;
  }
  return count;
}

static void
test_reference(void **state)
{
  static const struct {
    const char *folder;
    guint images, texts; /* that the reference moved, of all */
  } references[] = {{"small", 3, 14}, {"small-newpeft", 1, 14}};

  for (guint i = 0; i < G_N_ELEMENTS(references); i++) {
    g_autofree char *name = g_strdup_printf("reference/%s/expected/expected.safetensors", references[i].folder);
    g_autofree char *path = test_path(name);
    g_autofree char *model_name = g_strdup_printf("reference/%s/model", references[i].folder);
    g_autofree char *model_path = test_path(model_name);
    GError *error = NULL;
    HysacModel *model = hysac_model_load(model_path, &error);
    HysacSafetensors *file = hysac_safetensors_open(path, &error);

    if (!model || !file)
      fail_msg("%s", error->message);
    const HysacReferenceBounds *bounds = hysac_model_get_reference_bounds(model);
    const double c = hysac_model_get_geometry(model)->curvature;
    assert_non_null(bounds);
    assert_int_equal(compare(file, "image_points", "image_traversed", bounds->image, c), references[i].images);
    assert_int_equal(compare(file, "text_points", "text_traversed", bounds->text, c), references[i].texts);
    hysac_safetensors_unref(file);
    hysac_model_unref(model);
  }
}

static void
random_point(GRand *rand, float *point, gsize n, double length)
{
  double norm = 0.0;

  for (gsize i = 0; i < n; i++) {
    point[i] = (float) g_rand_double_range(rand, -1.0, 1.0);
    norm += (double) point[i] * (double) point[i];
  }
  for (gsize i = 0; i < n; i++)
    point[i] = (float) ((double) point[i] * length / sqrt(norm));
}

/* No mode moves outwards; the geodesic ends within the bound as the region judges, near it, on the same ray. */
static void
test_promises(void **state)
{
  GRand *rand = test_rand();

  for (guint run = 0; run < 20000; run++) {
    float query[96], out[96];
    const gsize n = (gsize) g_rand_int_range(rand, 1, G_N_ELEMENTS(query) + 1);
    const double c = exp(g_rand_double_range(rand, -4.0, 4.0));
    const double bound = exp(g_rand_double_range(rand, -6.0, 3.0));
    const HysacRegion region = {.bound = bound, .scale = 1.0};
    gboolean moved;

    /* Half of them around the bound, where decisions are made, the others anywhere a float goes. */
    random_point(rand, query, n, run % 2 ? exp(g_rand_double_range(rand, -40.0, 80.0))
                                         : sinh(sqrt(c) * bound) / sqrt(c) *
                                             (1.0 + 1e-7 * g_rand_double_range(rand, -3.0, 3.0)));
    const double before = hysac_lorentz_root_distance(query, n, c);
    if (!isfinite(before))
      continue; /* beyond the floats: the next test */

    assert_true(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, query, n, c, bound, out, &moved, NULL));
    const double after = hysac_lorentz_root_distance(out, n, c);
    assert_true(after <= before);
    assert_false(hysac_region_judge(&region, after).unsafe);
    assert_int_equal(moved, hysac_region_judge(&region, before).unsafe);
    if (moved) {
      double dot = 0.0, a = 0.0, b = 0.0;
      expect_near(after, bound, 1e-6, "the distance of what was moved");
      for (gsize i = 0; i < n; i++) {
        dot += (double) query[i] * (double) out[i];
        a += (double) query[i] * (double) query[i];
        b += (double) out[i] * (double) out[i];
      }
      expect_near(dot, sqrt(a) * sqrt(b), 1e-6, "the direction");
    } else {
      assert_memory_equal(out, query, n * sizeof *query);
    }

    assert_true(hysac_redirect_point(HYSAC_REDIRECT_REFERENCE, query, n, c, bound, out, &moved, NULL));
    assert_true(hysac_lorentz_root_distance(out, n, c) <= before);
    assert_int_equal(moved, before > hysac_redirect_reference_threshold(bound, c));

    assert_true(hysac_redirect_point(HYSAC_REDIRECT_RETAIN, query, n, c, NAN, out, &moved, NULL));
    assert_memory_equal(out, query, n * sizeof *query);
    assert_false(moved);
  }
  g_rand_free(rand);
}

static void
test_edges(void **state)
{
  float zero[4] = {0}, query[4] = {1.0f, -2.0f, 0.5f, 3.0f}, out[4] = {7.0f, 7.0f, 7.0f, 7.0f};
  const float sevens[4] = {7.0f, 7.0f, 7.0f, 7.0f};
  gboolean moved = TRUE;
  GError *error = NULL;

  assert_true(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, zero, 4, 0.5, 0.0, out, &moved, NULL));
  assert_memory_equal(out, zero, sizeof zero);
  assert_false(moved);
  /* A bound of 0: the root alone is within. */
  assert_true(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, query, 4, 0.5, 0.0, out, &moved, NULL));
  assert_true(hysac_lorentz_root_distance(out, 4, 0.5) == 0.0);
  assert_true(moved);
  /* The smallest floats and the largest. */
  const float tiny[4] = {1e-44f, 0.0f, -1e-45f, 0.0f}, huge[4] = {3e38f, -3e38f, 3e38f, 3e38f};
  assert_true(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, tiny, 4, 0.5, 1e-45, out, &moved, NULL));
  assert_true(hysac_lorentz_root_distance(out, 4, 0.5) <= 1e-45);
  assert_true(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, huge, 4, 0.5, 0.53, out, &moved, NULL));
  expect_near(hysac_lorentz_root_distance(out, 4, 0.5), 0.53, 1e-6, "the largest floats");
  /* In place; without asking whether it moved. */
  assert_true(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, query, 4, 0.5, 0.53, query, NULL, NULL));
  expect_near(hysac_lorentz_root_distance(query, 4, 0.5), 0.53, 1e-6, "in place");
  /* The least tau there is. */
  assert_true(hysac_redirect_reference_threshold(0.0, 0.05) < 1e-6);
  assert_true(hysac_redirect_point(HYSAC_REDIRECT_REFERENCE, query, 4, 0.05, 0.0, out, &moved, NULL));
  assert_true(hysac_lorentz_root_distance(out, 4, 0.05) <= hysac_lorentz_root_distance(query, 4, 0.05));

  for (guint mode = 0; mode < 3; mode++) {
    float broken[4] = {1.0f, NAN, 0.0f, 0.0f};
    memcpy(out, sevens, sizeof out);
    assert_false(hysac_redirect_point((HysacRedirect) mode, broken, 4, 0.5, 0.5, out, &moved, &error));
    expect_error(&error, HYSAC_ERROR_NUMERIC, "component 1");
    broken[1] = -INFINITY;
    assert_false(hysac_redirect_point((HysacRedirect) mode, broken, 4, 0.5, 0.5, out, &moved, &error));
    expect_error(&error, HYSAC_ERROR_NUMERIC, "component 1");
    assert_memory_equal(out, sevens, sizeof out);
  }
  const double bounds[] = {-0.1, NAN, INFINITY};
  for (guint i = 0; i < G_N_ELEMENTS(bounds); i++) {
    assert_false(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, query, 4, 0.5, bounds[i], out, &moved, &error));
    expect_error(&error, HYSAC_ERROR_ARGUMENT, "is no distance");
  }
  const double curvatures[] = {0.0, -1.0, NAN, INFINITY};
  for (guint i = 0; i < G_N_ELEMENTS(curvatures); i++) {
    assert_false(hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, query, 4, curvatures[i], 0.5, out, &moved, &error));
    expect_error(&error, HYSAC_ERROR_ARGUMENT, "curvature");
  }
}

static void
test_names(void **state)
{
  HysacRedirect mode;

  for (guint i = 0; i < 3; i++) {
    assert_true(hysac_redirect_parse(hysac_redirect_to_string((HysacRedirect) i), &mode));
    assert_int_equal(mode, i);
  }
  assert_false(hysac_redirect_parse("Geodesic", &mode));
  assert_false(hysac_redirect_parse(NULL, &mode));
  assert_string_equal(hysac_redirect_to_string((HysacRedirect) 17), "unknown");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reference),
    cmocka_unit_test(test_promises),
    cmocka_unit_test(test_edges),
    cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests_name("redirect", tests, NULL, NULL);
}
