/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The vision tower against the reference code's own numbers (tests/data/reference) and, for shapes
 * that nobody trained, against the tower in double.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <math.h>
#include <string.h>

#include "core/lorentz.h"
#include "opencl/preprocess.h"
#include "opencl/vision.h"
#include "synth.h"

#define LIMIT 1e-5

static HysacDevice *device;

static void
must(gboolean ok, GError *error)
{
  if (!ok)
    fail_msg("%s", error != NULL ? error->message : "failed without an error");
}

static double
relative_error(const float *got, const float *want, gsize n)
{
  double error = 0.0, power = 0.0;
  for (gsize i = 0; i < n; i++) {
    error += pow((double) got[i] - (double) want[i], 2.0);
    power += pow((double) want[i], 2.0);
  }
  return isnan(error) ? HUGE_VAL : sqrt(error / power);
}

static const float *
expected(HysacSafetensors *file, const char *name, gsize n)
{
  const HysacTensor *t = hysac_safetensors_lookup(file, name);
  g_autoptr(GError) error = NULL;
  assert_non_null(t);
  assert_int_equal(t->n_elements, n);
  float *data = g_new(float, n);
  must(hysac_tensor_read_f32(t, name, data, &error), error);
  return data;
}

/* The features of @count images whose patches are @patches, as one batch. */
static float *
encode(HysacVision *vision, cl_command_queue queue, const guint8 *patches, guint count, gsize dim)
{
  g_autoptr(GError) error = NULL;
  float *features = g_new(float, count * dim);
  must(HYSAC_CL(clEnqueueWriteBuffer(queue, hysac_vision_patches(vision), CL_TRUE, 0,
                                     count * hysac_vision_patch_bytes(vision), patches, 0, NULL, NULL),
                "clEnqueueWriteBuffer", &error), error);
  must(hysac_vision_enqueue(vision, queue, hysac_vision_patches(vision), count, &error), error);
  must(HYSAC_CL(clEnqueueReadBuffer(queue, hysac_vision_features(vision), CL_TRUE, 0,
                                    count * dim * sizeof(float), features, 0, NULL, NULL),
                "clEnqueueReadBuffer", &error), error);
  return features;
}

/* A batch must give the bits of singles. */
static void
check_singles(HysacVision *vision, cl_command_queue queue, const guint8 *patches, guint count, gsize dim,
              const float *batch)
{
  for (guint i = 0; i < count; i++) {
    g_autofree float *one = encode(vision, queue, patches + i * hysac_vision_patch_bytes(vision), 1, dim);
    assert_memory_equal(one, batch + i * dim, dim * sizeof(float));
  }
}

static guint
count_images(const char *dir)
{
  GDir *d = g_dir_open(dir, 0, NULL);
  guint n = 0;
  assert_non_null(d);
  while (g_dir_read_name(d) != NULL)
    n++;
  g_dir_close(d);
  return n;
}

/* The picture whose name begins with "@i-", through the device's preprocessing. */
static void
load_patches(HysacPreprocess *preprocess, cl_command_queue queue, const char *dir, guint i, cl_mem mem,
             gsize offset)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *prefix = g_strdup_printf("%u-", i), *path = NULL;
  GDir *d = g_dir_open(dir, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name(d)) != NULL) {
    if (g_str_has_prefix(name, prefix))
      path = g_build_filename(dir, name, NULL);
  }
  g_dir_close(d);
  assert_non_null(path);
  GdkPixbuf *picture = gdk_pixbuf_new_from_file(path, &error);
  must(picture != NULL, error);
  HysacFrame frame = {
    .format = gdk_pixbuf_get_has_alpha(picture) ? HYSAC_FORMAT_RGBA : HYSAC_FORMAT_RGB,
    .width = (guint) gdk_pixbuf_get_width(picture),
    .height = (guint) gdk_pixbuf_get_height(picture),
    .planes = { gdk_pixbuf_read_pixels(picture) },
    .strides = { (gsize) gdk_pixbuf_get_rowstride(picture) },
    .sizes = { gdk_pixbuf_get_byte_length(picture) },
  };
  must(hysac_preprocess_enqueue(preprocess, queue, &frame, mem, offset, NULL, &error), error);
  must(HYSAC_CL(clFinish(queue), "clFinish", &error), error);
  g_object_unref(picture);
}

/* pixel_values [3][size][size] back to the bytes that they were made of, in patch order. */
static void
quantise(const HysacVisionConfig *c, const HysacPreprocessConfig *pre, const float *pixels, guint8 *patches)
{
  const gsize side = c->image_size / c->patch_size, p = c->patch_size, size = c->image_size;
  for (gsize g = 0; g < side * side; g++) {
    for (gsize i = 0; i < 3 * p * p; i++) {
      gsize channel = i / (p * p), y = g / side * p + i / p % p, x = g % side * p + i % p;
      double v = (double) pixels[(channel * size + y) * size + x];
      patches[g * 3 * p * p + i] =
          (guint8) lround((v * (double) pre->std[channel] + (double) pre->mean[channel]) * 255.0);
    }
  }
}

static void
check_reference(const char *which)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *base = g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", which, NULL);
  g_autofree char *model_dir = g_build_filename(base, "model", NULL);
  g_autofree char *images = g_build_filename(base, "images", NULL);
  g_autofree char *file = g_build_filename(base, "expected", "expected.safetensors", NULL);
  g_autoptr(HysacSafetensors) want = hysac_safetensors_open(file, &error);
  must(want != NULL, error);
  g_autoptr(HysacModel) model = hysac_model_load(model_dir, &error);
  must(model != NULL, error);
  const HysacVisionConfig *c = hysac_model_get_vision_config(model);
  const HysacPreprocessConfig *pre = hysac_model_get_preprocess_config(model);
  const HysacGeometry *geometry = hysac_model_get_geometry(model);
  const guint count = count_images(images);
  const gsize dim = c->projection, pixels_n = (gsize) 3 * c->image_size * c->image_size;
  g_autofree const float *features = expected(want, "image_features", count * dim),
                         *points = expected(want, "image_points", count * dim),
                         *distances = expected(want, "image_root_distance", count),
                         *pixels = expected(want, "pixel_values", count * pixels_n);

  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  must(queue != NULL, error);
  HysacVision *vision = hysac_vision_new(device, model, HYSAC_PRECISION_FP32, count, NULL, NULL, &error);
  must(vision != NULL, error);
  HysacPreprocess *preprocess = hysac_preprocess_new(device, pre, c->patch_size, &error);
  must(preprocess != NULL, error);
  const gsize bytes = hysac_vision_patch_bytes(vision);
  g_autofree guint8 *patches = g_malloc(count * bytes), *quantised = g_malloc(bytes);
  for (guint i = 0; i < count; i++)
    load_patches(preprocess, queue, images, i, hysac_vision_patches(vision), i * bytes);
  must(HYSAC_CL(clEnqueueReadBuffer(queue, hysac_vision_patches(vision), CL_TRUE, 0, count * bytes,
                                    patches, 0, NULL, NULL), "clEnqueueReadBuffer", &error), error);
  for (guint i = 0; i < count; i++) {
    quantise(c, pre, pixels + i * pixels_n, quantised);
    assert_memory_equal(quantised, patches + i * bytes, bytes);
  }

  g_autofree float *got = encode(vision, queue, patches, count, dim), *point = g_new(float, dim);
  double worst_feature = 0.0, worst_point = 0.0, worst_distance = 0.0;
  for (guint i = 0; i < count; i++) {
    const float *f = got + i * dim;
    hysac_lorentz_exp_map0(f, dim, geometry->visual_alpha, geometry->curvature, point);
    double distance = hysac_lorentz_feature_root_distance(f, dim, geometry->visual_alpha,
                                                          geometry->curvature);
    worst_feature = fmax(worst_feature, relative_error(f, features + i * dim, dim));
    worst_point = fmax(worst_point, relative_error(point, points + i * dim, dim));
    worst_distance = fmax(worst_distance, fabs(distance / (double) distances[i] - 1.0));
  }
  print_message("# %s: features %.2g, points %.2g, root distance %.2g (relative; limit %.0g)\n", which,
                worst_feature, worst_point, worst_distance, LIMIT);
  assert_true(worst_feature <= LIMIT);
  assert_true(worst_point <= LIMIT);
  assert_true(worst_distance <= LIMIT);
  check_singles(vision, queue, patches, count, dim, got);
  hysac_preprocess_free(preprocess);
  hysac_vision_free(vision);
  clReleaseCommandQueue(queue);
}

static void
test_reference(void **state)
{
  check_reference("small");
}

static void
test_reference_newpeft(void **state)
{
  check_reference("small-newpeft");
}

/* Shapes that divide nothing nicely. */
static void
check_shape(HysacVisionConfig c, guint batch, HysacPrecision precision, const char *variant)
{
  g_autoptr(GError) error = NULL;
  const char *seed_text = g_getenv("HYSAC_SEED");
  guint32 seed = seed_text != NULL ? (guint32) g_ascii_strtoull(seed_text, NULL, 0) : g_random_int();
  g_autofree char *top = g_dir_make_tmp("hysac-parity-XXXXXX", &error);
  must(top != NULL, error);
  c.layer_norm_eps = 1e-5;
  print_message("# HYSAC_SEED=%u\n", seed);
  must(synth_write(top, &c, seed, &error), error);
  g_autoptr(HysacModel) model = hysac_model_load(top, &error);
  must(model != NULL, error);
  if (variant != NULL)
    g_setenv("HYSAC_VARIANT", variant, TRUE);
  HysacVision *vision = hysac_vision_new(device, model, precision, batch, NULL, NULL, &error);
  g_unsetenv("HYSAC_VARIANT");
  must(vision != NULL, error);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  must(queue != NULL, error);
  const gsize bytes = hysac_vision_patch_bytes(vision), dim = c.projection;
  g_autofree guint8 *patches = g_malloc(batch * bytes);
  GRand *rand = g_rand_new_with_seed(seed);
  for (gsize i = 0; i < batch * bytes; i++)
    patches[i] = (guint8) g_rand_int_range(rand, 0, 256);
  g_rand_free(rand);
  g_autofree float *got = encode(vision, queue, patches, batch, dim), *want = g_new(float, dim);
  g_autofree double *reference = g_new(double, dim);
  double worst = 0.0;
  for (guint i = 0; i < batch; i++) {
    must(ref_tower(model, patches + i * bytes, reference, &error), error);
    for (gsize j = 0; j < dim; j++)
      want[j] = (float) reference[j];
    worst = fmax(worst, relative_error(got + i * dim, want, dim));
  }
  print_message("# image %u/%u, width %u, %u heads, MLP %u, batch %u, %s, %s: %.2g\n", c.image_size,
                c.patch_size, c.width, c.heads, c.mlp_width, batch, hysac_precision_to_string(precision),
                hysac_vision_describe(vision), worst);
  /* A LayerNorm over seven values, heads one wide: some random weights cancel all but a few digits of
   * floats, whatever the kernel. */
  const double limit = precision == HYSAC_PRECISION_FP16 ? 2e-3 : LIMIT;
  assert_true(worst <= (c.width < 16 ? 20 * limit : limit));
  check_singles(vision, queue, patches, batch, dim, got);
  hysac_vision_free(vision);
  clReleaseCommandQueue(queue);
  synth_remove(top);
}

static void
test_shapes(void **state)
{
  static const HysacVisionConfig shapes[] = {
    { .image_size = 60, .patch_size = 7, .width = 52, .heads = 4, .mlp_width = 111, .layers = 2,
      .projection = 33, .activation = HYSAC_ACTIVATION_QUICK_GELU },
    { .image_size = 32, .patch_size = 16, .width = 52, .heads = 2, .mlp_width = 208, .layers = 2,
      .projection = 17, .activation = HYSAC_ACTIVATION_GELU },
    { .image_size = 48, .patch_size = 12, .width = 60, .heads = 3, .mlp_width = 97, .layers = 3,
      .projection = 40, .activation = HYSAC_ACTIVATION_QUICK_GELU },
    { .image_size = 32, .patch_size = 32, .width = 7, .heads = 7, .mlp_width = 1, .layers = 1,
      .projection = 1, .activation = HYSAC_ACTIVATION_GELU },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
    check_shape(shapes[i], 1 + (guint) i, HYSAC_PRECISION_FP32, NULL);
    check_shape(shapes[i], 3, HYSAC_PRECISION_FP32, "portable");
    check_shape(shapes[i], 3, HYSAC_PRECISION_FP32, "tiled");
  }
}

static void
test_batch_of_eight(void **state)
{
  const HysacVisionConfig c = { .image_size = 56, .patch_size = 14, .width = 80, .heads = 5,
                                .mlp_width = 320, .layers = 2, .projection = 48 };
  check_shape(c, 8, HYSAC_PRECISION_FP32, NULL);
  check_shape(c, 8, HYSAC_PRECISION_FP16, "portable");
  check_shape(c, 8, HYSAC_PRECISION_FP16, "tiled");
}

static guint progress_calls, progress_last, progress_total;

static void
on_progress(guint done, guint total, const char *what, gpointer user_data)
{
  assert_non_null(what);
  assert_true(done <= total && done >= progress_last);
  progress_last = done;
  progress_total = total;
  progress_calls++;
}

static void
test_progress_and_limits(void **state)
{
  g_autoptr(GError) error = NULL;
  const HysacVisionConfig c = { .image_size = 28, .patch_size = 14, .width = 16, .heads = 2,
                                .mlp_width = 24, .layers = 2, .projection = 8, .layer_norm_eps = 1e-5 };
  g_autofree char *top = g_dir_make_tmp("hysac-parity-XXXXXX", &error);
  must(synth_write(top, &c, 1, &error), error);
  g_autoptr(HysacModel) model = hysac_model_load(top, &error);
  must(model != NULL, error);
  HysacVision *vision =
      hysac_vision_new(device, model, HYSAC_PRECISION_FP32, 2, on_progress, NULL, &error);
  must(vision != NULL, error);
  assert_true(progress_calls >= 4);
  assert_int_equal(progress_last, progress_total);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  assert_false(hysac_vision_enqueue(vision, queue, hysac_vision_patches(vision), 3, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  g_clear_error(&error);
  clReleaseCommandQueue(queue);
  hysac_vision_free(vision);
  assert_null(hysac_vision_new(device, model, HYSAC_PRECISION_FP32, 0, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  g_clear_error(&error);
  assert_null(hysac_vision_new(device, model, (HysacPrecision) 77, 1, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED));
  g_clear_error(&error);
  g_setenv("HYSAC_VARIANT", "no-such", TRUE);
  assert_null(hysac_vision_new(device, model, HYSAC_PRECISION_FP32, 1, NULL, NULL, &error));
  g_unsetenv("HYSAC_VARIANT");
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED));
  assert_non_null(strstr(error->message, "no-such"));
  synth_remove(top);
}

static void
test_nan_weights(void **state)
{
  g_autoptr(GError) error = NULL;
  const HysacVisionConfig c = { .image_size = 14, .patch_size = 14, .width = 4, .heads = 2,
                                .mlp_width = 4, .layers = 1, .projection = 4, .layer_norm_eps = 1e-5 };
  g_autofree char *top = g_dir_make_tmp("hysac-parity-XXXXXX", &error), *data = NULL;
  must(synth_write(top, &c, 1, &error), error);
  g_autofree char *path = g_build_filename(top, "model.safetensors", NULL);
  gsize n;
  assert_true(g_file_get_contents(path, &data, &n, NULL));
  memset(data + n - 4, 0xff, 4); /* the projection's last weight */
  assert_true(g_file_set_contents(path, data, (gssize) n, NULL));
  g_autoptr(HysacModel) model = hysac_model_load(top, &error);
  must(model != NULL, error);
  assert_null(hysac_vision_new(device, model, HYSAC_PRECISION_FP32, 1, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_MODEL));
  assert_non_null(strstr(error->message, "visual_projection.weight"));
  synth_remove(top);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reference),
    cmocka_unit_test(test_reference_newpeft),
    cmocka_unit_test(test_shapes),
    cmocka_unit_test(test_batch_of_eight),
    cmocka_unit_test(test_progress_and_limits),
    cmocka_unit_test(test_nan_weights),
  };
  g_autoptr(GError) error = NULL;
  device = hysac_device_open(NULL, &error);
  if (device == NULL) {
    print_message("Bail out! %s\n", error->message);
    return 1;
  }
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  hysac_device_unref(device);
  return failed;
}
