/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Heads against numpy's (tests/data/statistics), and that they are not judged on what they have learned. */

#include "expected.h"

#include "core/headfit.h"
#include "core/logistic.h"
#include "core/statistics.h"

static void
heads_are_numpy_s(void **state)
{
  g_autoptr(JsonNode) root = load_expected();
  JsonArray *cases = expected_array(json_node_get_object(root), "heads");

  for (guint i = 0; i < json_array_get_length(cases); i++) {
    JsonObject *one = json_array_get_object_element(cases, i);
    gsize n_x, n, m, dim;
    g_autofree double *values = expected_numbers(one, "x", &n_x);
    g_autofree double *kinds = expected_numbers(one, "unsafe", &n);
    g_autofree double *numbers = expected_numbers(one, "clips", &n);
    g_autofree double *w = expected_numbers(one, "w", &dim);
    g_autofree double *held_out = expected_numbers(one, "held_out", &m);
    g_autofree float *x = g_new(float, n_x);
    g_autofree guint8 *unsafe = g_new(guint8, n);
    g_autofree guint32 *clips = g_new(guint32, n);
    g_autofree double *got_w = g_new(double, dim);
    g_autofree double *got = g_new(double, n);
    HysacHeadFit fit;
    GError *error = NULL;
    for (gsize k = 0; k < n_x; k++)
      x[k] = (float) values[k];
    for (gsize k = 0; k < n; k++) {
      unsafe[k] = kinds[k] > 0;
      clips[k] = (guint32) numbers[k];
    }
    const HysacHeadSamples samples = {x, unsafe, clips, n, (guint) dim};
    assert_true(hysac_head_fit(&samples, (guint64) expected_number(one, "seed"), got_w, got, &fit, &error));
    assert_true(fit.l2 == expected_number(one, "l2"));
    expect_near(fit.loss, expected_number(one, "loss"), 1e-5, "loss");
    expect_near(fit.b, expected_number(one, "b"), 1e-3, "b");
    for (gsize k = 0; k < dim; k++)
      assert_true(fabs(got_w[k] - w[k]) < 1e-4 * (fabs(w[k]) + 0.1));
    for (gsize k = 0; k < n; k++)
      assert_true(fabs(got[k] - held_out[k]) < 1e-4 * (fabs(held_out[k]) + 1));
  }
}

enum { N = 80, DIM = 200, CLIPS = 20 };

typedef struct {
  float x[N * DIM];
  guint8 unsafe[N];
  guint32 clips[N];
} Noise;

/* Chance alone, @signal of the first feature; clips of two samples that are nearly the same. */
static void
make_noise(GRand *rand, Noise *self, double signal)
{
  for (guint i = 0; i < N; i++) {
    self->unsafe[i] = i >= N / 2;
    self->clips[i] = (i % (N / 2)) / 2;
    for (guint k = 0; k < DIM; k++)
      self->x[i * DIM + k] = i % 2 ? self->x[(i - 1) * DIM + k] + (float) g_rand_double_range(rand, -0.01, 0.01)
                                   : (float) g_rand_double_range(rand, -1, 1);
    if (i % 2 == 0)
      self->x[i * DIM] += (float) (self->unsafe[i] ? signal : -signal);
    else
      self->x[i * DIM] = self->x[(i - 1) * DIM];
  }
}

static double
auc_of(const Noise *noise, const double *scores)
{
  double right = 0;
  for (guint i = 0; i < N / 2; i++) {
    for (guint k = N / 2; k < N; k++)
      right += scores[k] > scores[i] ? 1 : scores[k] == scores[i] ? 0.5 : 0;
  }
  return right / (N / 2) / (N / 2);
}

/* 200 features of 80 samples can be learned by heart: on them a head is perfect, on others no better than
 * chance. What is held out must say so, though each sample's twin lies in its clip. */
static void
learning_by_heart_is_seen(void **state)
{
  GRand *rand = test_rand();
  g_autofree Noise *noise = g_new(Noise, 1);
  double w[DIM], held_out[N], own[N], mean = 0;
  guint fitted = 0, rounds = 0;
  HysacHeadFit fit;

  for (; rounds < 8; rounds++) {
    GError *error = NULL;
    make_noise(rand, noise, 0.0);
    const HysacHeadSamples samples = {noise->x, noise->unsafe, noise->clips, N, DIM};
    if (!hysac_head_fit(&samples, rounds, w, held_out, &fit, &error)) {
      expect_error(&error, HYSAC_ERROR_NUMERIC, "no better than chance");
      continue;
    }
    for (guint i = 0; i < N; i++)
      own[i] = hysac_logistic_score(w, fit.b, noise->x + i * DIM, DIM);
    assert_true(auc_of(noise, own) > 0.9);
    mean += auc_of(noise, held_out);
    fitted++;
  }
  /* 40 independent pairs of twins: an AUC's deviation is 0.09; a mean of those above chance is below 0.75. */
  assert_true(fitted == 0 || mean / fitted < 0.75);
  g_rand_free(rand);
}

/* Where there are few features, and one of them tells. */
static void
signal_is_found(void **state)
{
  enum { FEW = 8 };
  GRand *rand = test_rand();
  g_autofree Noise *noise = g_new(Noise, 1);
  g_autofree float *x = g_new(float, N * FEW);
  double w[FEW], held_out[N], again_w[FEW], again[N];
  HysacHeadFit fit, second;
  make_noise(rand, noise, 4.0);
  for (guint i = 0; i < N; i++)
    memcpy(x + i * FEW, noise->x + i * DIM, FEW * sizeof *x);
  const HysacHeadSamples samples = {x, noise->unsafe, noise->clips, N, FEW};
  assert_true(hysac_head_fit(&samples, 1, w, held_out, &fit, NULL));
  assert_true(auc_of(noise, held_out) > 0.95 && fit.loss < 0.4 && fit.folds == 5);
  /* The same again, bit for bit. */
  assert_true(hysac_head_fit(&samples, 1, again_w, again, &second, NULL));
  assert_memory_equal(w, again_w, sizeof w);
  assert_memory_equal(held_out, again, sizeof held_out);
  assert_true(fit.b == second.b);
  g_rand_free(rand);
}

static void
too_few_clips_are_refused(void **state)
{
  const float x[] = {1, 2, 3, 4};
  const guint8 unsafe[] = {0, 0, 1, 1};
  const guint32 clips[] = {0, 1, 0, 0};
  const HysacHeadSamples samples = {x, unsafe, clips, 4, 1};
  double w, held_out[4];
  HysacHeadFit fit;
  GError *error = NULL;
  assert_false(hysac_head_fit(&samples, 1, &w, held_out, &fit, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "2 safe, 1 unsafe");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(heads_are_numpy_s),
    cmocka_unit_test(learning_by_heart_is_seen),
    cmocka_unit_test(signal_is_found),
    cmocka_unit_test(too_few_clips_are_refused),
  };
  return cmocka_run_group_tests_name("headfit", tests, NULL, NULL);
}
