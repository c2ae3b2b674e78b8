/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Against Newton's method by numpy (tests/data/statistics), and what must hold at a minimum. */

#include "expected.h"

#include "core/logistic.h"

static void
weights_are_newtons(void **state)
{
  g_autoptr(JsonNode) root = load_expected();
  JsonArray *cases = expected_array(json_node_get_object(root), "logistic");

  for (guint i = 0; i < json_array_get_length(cases); i++) {
    JsonObject *one = json_array_get_object_element(cases, i);
    const guint dim = (guint) expected_number(one, "dim");
    gsize n_x, n, m;
    g_autofree double *values = expected_numbers(one, "x", &n_x);
    g_autofree double *targets = expected_numbers(one, "targets", &n);
    g_autofree double *weights = expected_numbers(one, "weights", &n);
    g_autofree double *wanted = expected_numbers(one, "w", &m);
    g_autofree float *x = g_new(float, n_x);
    g_autofree double *w = g_new0(double, dim);
    GError *error = NULL;
    double b = 0;
    for (gsize k = 0; k < n_x; k++)
      x[k] = (float) values[k];
    const HysacLogisticData data = {.x = x, .n = n, .dim = dim, .targets = targets, .weights = weights};
    assert_true(hysac_logistic_fit(&data, expected_number(one, "l2"), w, &b, &error));
    for (guint k = 0; k < dim; k++)
      assert_true(fabs(w[k] - wanted[k]) < 1e-5 * (fabs(wanted[k]) + 0.01));
    expect_near(b, expected_number(one, "b"), 1e-5, "b");
    /* From somewhere else to the same place, and from there not away. */
    double again = b;
    g_autofree double *from = g_memdup2(w, dim * sizeof *w);
    assert_true(hysac_logistic_fit(&data, expected_number(one, "l2"), from, &again, &error));
    assert_true(fabs(again - b) < 1e-5 * (fabs(b) + 1));
    for (guint k = 0; k < dim; k++)
      from[k] = k % 2 ? 1.0 : -1.0;
    assert_true(hysac_logistic_fit(&data, expected_number(one, "l2"), from, &again, &error));
    for (guint k = 0; k < dim; k++)
      assert_true(fabs(w[k] - from[k]) < 1e-5 * (fabs(w[k]) + 0.01));
  }
}

/* Rows pick what is learned from, in any order; the others may be anything. */
static void
rows_are_a_smaller_set(void **state)
{
  const float x[] = {1, 9, 2, 3, 9, 5, 4, 2}, picked[] = {1, 2, 3, 5, 4, 2};
  const double targets[] = {0, 1, 0, 1, 0, 1, 1, 1}, its[] = {0, 0, 1, 1, 1, 1};
  const guint32 rows[] = {0, 2, 3, 5, 6, 7};
  const HysacLogisticData part = {.x = x, .n = 8, .dim = 1, .targets = targets, .rows = rows, .n_rows = 6};
  const HysacLogisticData whole = {.x = picked, .n = 6, .dim = 1, .targets = its};
  double w = 0, b = 0, w_whole = 0, b_whole = 0;
  assert_true(hysac_logistic_fit(&part, 0.01, &w, &b, NULL));
  assert_true(hysac_logistic_fit(&whole, 0.01, &w_whole, &b_whole, NULL));
  assert_true(w == w_whole && b == b_whole && w > 0);
}

/* Separable, far from 0, of sizes that differ by many powers of ten, one of them flat. */
static void
hard_features_end_at_the_minimum(void **state)
{
  GRand *rand = test_rand();
  enum { N = 60, DIM = 24 };
  g_autofree float *x = g_new(float, N * DIM);
  g_autofree double *targets = g_new(double, N);
  double w[DIM] = {0}, b = 0, gradient[DIM] = {0}, errors = 0, mean[DIM] = {0}, spread[DIM] = {0};
  GError *error = NULL;

  for (guint i = 0; i < N; i++) {
    targets[i] = i % 2;
    for (guint k = 0; k < DIM; k++)
      x[i * DIM + k] = k == 5 ? 3.0f
                              : (float) (pow(10.0, (int) k % 9 - 4) *
                                         (100.0 * (k % 3) + g_rand_double_range(rand, -1, 1) + (i % 2) * (k % 2)));
  }
  const HysacLogisticData data = {.x = x, .n = N, .dim = DIM, .targets = targets};
  assert_true(hysac_logistic_fit(&data, 1e-3, w, &b, &error));
  assert_true(w[5] == 0.0);
  for (guint i = 0; i < N; i++) {
    const double wrong = hysac_logistic(hysac_logistic_score(w, b, x + i * DIM, DIM)) - targets[i];
    errors += wrong / N;
    for (guint k = 0; k < DIM; k++) {
      gradient[k] += wrong * (double) x[i * DIM + k] / N;
      mean[k] += (double) x[i * DIM + k] / N;
    }
    assert_true((wrong < 0.5 && wrong > -0.5)); /* each on its side */
  }
  assert_true(fabs(errors) < 1e-7);
  for (guint i = 0; i < N; i++) {
    for (guint k = 0; k < DIM; k++)
      spread[k] += pow((double) x[i * DIM + k] - mean[k], 2) / N;
  }
  for (guint k = 0; k < DIM; k++) {
    const double deviation = sqrt(spread[k]);
    if (k != 5)
      assert_true(fabs((gradient[k] - mean[k] * errors) / deviation + 1e-3 * w[k] * deviation) < 1e-6);
  }
  g_rand_free(rand);
}

static void
what_cannot_be_learned_from_is_refused(void **state)
{
  float x[] = {1, 2, 3};
  double targets[] = {0, 1, 1}, none[] = {0, 0, 0}, outside[] = {0, 2, 1}, w = 0, b = 0;
  const guint32 beyond[] = {0, 3};
  GError *error = NULL;
  HysacLogisticData data = {.x = x, .n = 3, .dim = 1, .targets = targets};

  assert_false(hysac_logistic_fit(&data, 0, &w, &b, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "penalty");
  assert_false(hysac_logistic_fit(&data, (double) NAN, &w, &b, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "penalty");
  data.weights = none;
  assert_false(hysac_logistic_fit(&data, 1, &w, &b, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "no sample");
  data.weights = NULL;
  data.targets = outside;
  assert_false(hysac_logistic_fit(&data, 1, &w, &b, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "sample 1");
  data.targets = targets;
  data.rows = beyond;
  data.n_rows = 2;
  assert_false(hysac_logistic_fit(&data, 1, &w, &b, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "sample 3");
  data.rows = NULL;
  x[1] = (float) NAN;
  assert_false(hysac_logistic_fit(&data, 1, &w, &b, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "feature 0");

  const double scores[] = {1, 2};
  const guint8 unsafe[] = {1, 1};
  assert_false(hysac_logistic_calibrate(scores, unsafe, 2, NULL, 0, &w, &b, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "benign and unsafe");
  assert_true(hysac_logistic(-1e300) == 0.0 && hysac_logistic(1e300) == 1.0 && hysac_logistic(0) == 0.5);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(weights_are_newtons),
    cmocka_unit_test(rows_are_a_smaller_set),
    cmocka_unit_test(hard_features_end_at_the_minimum),
    cmocka_unit_test(what_cannot_be_learned_from_is_refused),
  };
  return cmocka_run_group_tests_name("logistic", tests, NULL, NULL);
}
