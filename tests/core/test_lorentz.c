/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Geometry against what the reference code computed for two small checkpoints, and at its edges. */
#include "support.h"

#include "core/lorentz.h"
#include "core/safetensors.h"

#define DIM 48
#define IMAGES 6 /* at most */
#define TEXTS 28

typedef struct {
  guint images;
  double c, visual_alpha, textual_alpha;
  float image_features[IMAGES * DIM], image_points[IMAGES * DIM], image_log[IMAGES * DIM];
  float text_features[TEXTS * DIM], text_points[TEXTS * DIM];
  float image_root[IMAGES], text_root[TEXTS], aperture[TEXTS];
  float inner[IMAGES * TEXTS], dist[IMAGES * TEXTS], oxy[TEXTS * IMAGES];
} Reference;

static void
read_array(HysacSafetensors *file, const char *name, float *dst, gsize n)
{
  GError *error = NULL;
  const HysacTensor *tensor = hysac_safetensors_lookup(file, name);
  assert_non_null(tensor);
  assert_int_equal(tensor->n_elements, n);
  assert_true(hysac_tensor_read_f32(tensor, name, dst, &error));
}

static int
setup_folder(void **state, const char *folder, guint images)
{
  Reference *ref = g_new0(Reference, 1);
  GError *error = NULL;
  g_autofree char *name = g_strdup_printf("reference/%s/expected/expected.safetensors", folder);
  char *path = test_path(name);
  HysacSafetensors *file = hysac_safetensors_open(path, &error);

  if (!file)
    fail_msg("%s", error->message);
  ref->images = images;
  /* expected.json of the same folder; the same in both. */
  ref->c = 0.6200000047683716;
  ref->visual_alpha = 0.18763883411884308;
  ref->textual_alpha = 0.1154700517654419;
  read_array(file, "image_features", ref->image_features, images * DIM);
  read_array(file, "image_points", ref->image_points, images * DIM);
  read_array(file, "image_log_map0", ref->image_log, images * DIM);
  read_array(file, "image_root_distance", ref->image_root, images);
  read_array(file, "text_features", ref->text_features, TEXTS * DIM);
  read_array(file, "text_points", ref->text_points, TEXTS * DIM);
  read_array(file, "text_root_distance", ref->text_root, TEXTS);
  read_array(file, "text_half_aperture", ref->aperture, TEXTS);
  read_array(file, "pairwise_inner", ref->inner, images * TEXTS);
  read_array(file, "pairwise_dist", ref->dist, images * TEXTS);
  read_array(file, "oxy_angle", ref->oxy, TEXTS * images);
  hysac_safetensors_unref(file);
  g_free(path);
  *state = ref;
  return 0;
}

static int
setup_small(void **state)
{
  return setup_folder(state, "small", 6);
}

static int
setup_newpeft(void **state)
{
  return setup_folder(state, "small-newpeft", 3);
}

static int
teardown(void **state)
{
  g_free(*state);
  return 0;
}

static void
expect_vector(const float *got, const float *expected, double relative, const char *what)
{
  double error = 0.0, size = 0.0;
  for (guint i = 0; i < DIM; i++) {
    error += pow((double) got[i] - (double) expected[i], 2.0);
    size += pow((double) expected[i], 2.0);
  }
  if (!(sqrt(error) <= relative * sqrt(size)))
    fail_msg("%s: relative error %.3g", what, sqrt(error / size));
}

static void
test_points(void **state)
{
  Reference *ref = *state;
  float point[DIM];

  for (guint i = 0; i < ref->images; i++) {
    hysac_lorentz_exp_map0(ref->image_features + i * DIM, DIM, ref->visual_alpha, ref->c, point);
    expect_vector(point, ref->image_points + i * DIM, 1e-5, "image point");
    hysac_lorentz_log_map0(ref->image_points + i * DIM, DIM, ref->c, point);
    expect_vector(point, ref->image_log + i * DIM, 1e-5, "log map");
  }
  for (guint i = 0; i < TEXTS; i++) {
    memcpy(point, ref->text_features + i * DIM, sizeof point);
    hysac_lorentz_exp_map0(point, DIM, ref->textual_alpha, ref->c, point); /* in place */
    expect_vector(point, ref->text_points + i * DIM, 1e-5, "text point");
  }
}

static void
test_root_distance(void **state)
{
  Reference *ref = *state;

  for (guint i = 0; i < ref->images; i++) {
    expect_near(hysac_lorentz_feature_root_distance(ref->image_features + i * DIM, DIM,
                                                    ref->visual_alpha, ref->c),
                (double) ref->image_root[i], 1e-5, "image root distance by the identity");
    expect_near(hysac_lorentz_root_distance(ref->image_points + i * DIM, DIM, ref->c),
                (double) ref->image_root[i], 1e-5, "image root distance of the point");
  }
  for (guint i = 0; i < TEXTS; i++)
    expect_near(hysac_lorentz_feature_root_distance(ref->text_features + i * DIM, DIM,
                                                    ref->textual_alpha, ref->c),
                (double) ref->text_root[i], 1e-5, "text root distance");
}

static void
test_pairs(void **state)
{
  Reference *ref = *state;

  for (guint i = 0; i < ref->images; i++) {
    for (guint t = 0; t < TEXTS; t++) {
      const float *x = ref->image_points + i * DIM, *y = ref->text_points + t * DIM;
      expect_near(hysac_lorentz_inner(x, y, DIM, ref->c), (double) ref->inner[i * TEXTS + t], 1e-5,
                  "inner product");
      expect_near(hysac_lorentz_distance(x, y, DIM, ref->c), (double) ref->dist[i * TEXTS + t], 1e-5,
                  "distance");
      expect_near(hysac_lorentz_oxy_angle(y, x, DIM, ref->c), (double) ref->oxy[t * ref->images + i],
                  1e-5, "exterior angle");
    }
  }
  for (guint t = 0; t < TEXTS; t++)
    expect_near(hysac_lorentz_half_aperture(ref->text_points + t * DIM, DIM, ref->c),
                (double) ref->aperture[t], 1e-5, "half aperture");
}

/* d(root, exp_map0(v)) = |v| for any curvature, and log_map0 undoes exp_map0. */
static void
test_identity(void **state)
{
  GRand *rand = test_rand();
  float feature[DIM], point[DIM], back[DIM];

  for (guint run = 0; run < 2000; run++) {
    double c = exp(g_rand_double_range(rand, -2.3, 2.3));
    double alpha = exp(g_rand_double_range(rand, -4.0, 1.0));
    double size = exp(g_rand_double_range(rand, -2.0, 1.0));
    double norm = 0.0;
    for (guint i = 0; i < DIM; i++) {
      feature[i] = (float) (size * g_rand_double_range(rand, -1.0, 1.0));
      norm += pow((double) feature[i], 2.0);
    }
    norm = MIN(alpha * sqrt(norm), asinh(32768.0) / sqrt(c));
    double identity = hysac_lorentz_feature_root_distance(feature, DIM, alpha, c);
    expect_near(identity, norm, 1e-12, "identity");
    hysac_lorentz_exp_map0(feature, DIM, alpha, c, point);
    expect_near(hysac_lorentz_root_distance(point, DIM, c), norm, 1e-6, "through the point");
    float root[DIM] = {0};
    if (norm > 0.05 && sqrt(c) * norm < 8.0)
      expect_near(hysac_lorentz_distance(root, point, DIM, c), norm, 1e-4, "through acosh");
    if (sqrt(c) * norm > 0.01) {
      hysac_lorentz_log_map0(point, DIM, c, back);
      for (guint i = 0; i < DIM; i++)
        if (sqrt(c) * norm < 10.0)
          assert_true(fabs((double) back[i] - alpha * (double) feature[i]) <= 1e-4 * norm);
    }
  }
  g_rand_free(rand);
}

static void
test_extremes(void **state)
{
  const double c = 0.62, limit = asinh(32768.0) / sqrt(c);
  float zero[DIM] = {0}, huge[DIM], point[DIM];

  assert_true(hysac_lorentz_feature_root_distance(zero, DIM, 0.2, c) == 0.0);
  assert_true(hysac_lorentz_root_distance(zero, DIM, c) == 0.0);
  hysac_lorentz_exp_map0(zero, DIM, 0.2, c, point);
  hysac_lorentz_log_map0(zero, DIM, c, huge);
  for (guint i = 0; i < DIM; i++)
    assert_true(point[i] == 0.0f && huge[i] == 0.0f);
  expect_near(hysac_lorentz_time(zero, DIM, c), 1.0 / sqrt(c), 1e-12, "time of the root");
  /* The reference's floor: a point lies acosh(1 + 1e-8) / sqrt(c) from itself. */
  expect_near(hysac_lorentz_distance(zero, zero, DIM, c), acosh(1.0 + 1e-8) / sqrt(c), 1e-12,
              "distance to itself");
  expect_near(hysac_lorentz_half_aperture(zero, DIM, c), asin(1.0 - 1e-5), 1e-12,
              "the root's aperture");
  assert_true(isfinite(hysac_lorentz_oxy_angle(zero, zero, DIM, c)));

  /* The largest floats: the clamp gives the largest distance, and nothing overflows. */
  for (guint i = 0; i < DIM; i++)
    huge[i] = i % 2 ? 3e38f : -3e38f;
  expect_near(hysac_lorentz_feature_root_distance(huge, DIM, 1.0, c), limit, 1e-12, "clamp");
  hysac_lorentz_exp_map0(huge, DIM, 1.0, c, point);
  expect_near(hysac_lorentz_root_distance(point, DIM, c), limit, 1e-6, "clamped point");
  assert_true(isfinite(hysac_lorentz_distance(huge, point, DIM, c)));

  /* What is not a number stays one. */
  huge[3] = NAN;
  assert_true(isnan(hysac_lorentz_feature_root_distance(huge, DIM, 1.0, c)));
  assert_true(isnan(hysac_lorentz_root_distance(huge, DIM, c)));
  assert_true(isnan(hysac_lorentz_distance(huge, point, DIM, c)));
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_points, setup_small, teardown),
    cmocka_unit_test_setup_teardown(test_points, setup_newpeft, teardown),
    cmocka_unit_test_setup_teardown(test_root_distance, setup_small, teardown),
    cmocka_unit_test_setup_teardown(test_root_distance, setup_newpeft, teardown),
    cmocka_unit_test_setup_teardown(test_pairs, setup_small, teardown),
    cmocka_unit_test_setup_teardown(test_pairs, setup_newpeft, teardown),
    cmocka_unit_test(test_identity),
    cmocka_unit_test(test_extremes),
  };
  return cmocka_run_group_tests_name("lorentz", tests, NULL, NULL);
}
