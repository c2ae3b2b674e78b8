/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Towers below fp32 against the same model in double: within their budgets, also where some channels are far
 * louder than the rest; and what AUTO takes for models that int8 can and cannot hold. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "opencl/engine.h"
#include "opencl/vision.h"
#include "opencl/ops.h"
#include "ref_ops.h"
#include "synth.h"

#include <math.h>
#include <string.h>

#define IMAGES 3

/* Wide enough for errors to average out, as in models of use. */
static const HysacVisionConfig shape = { .image_size = 56, .patch_size = 14, .width = 256, .heads = 4,
                                         .mlp_width = 1024, .layers = 3, .projection = 128,
                                         .layer_norm_eps = 1e-5 };
static HysacDevice *device;
static gboolean do_not_smooth;

void __real_hysac_weights_smooth(HysacWeights *, const float *, float *);
void __wrap_hysac_weights_smooth(HysacWeights *, const float *, float *);

void
__wrap_hysac_weights_smooth(HysacWeights *self, const float *maxima, float *moved)
{
  if (!do_not_smooth)
    __real_hysac_weights_smooth(self, maxima, moved);
}

static void
must(gboolean ok, GError *error)
{
  if (!ok)
    fail_msg("%s", error != NULL ? error->message : "failed without an error");
}

static HysacModel *
make_model(const HysacVisionConfig *c, guint loud, float factor)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("hysac-precision-XXXXXX", &error);
  must(dir != NULL && synth_write_loud(dir, c, 7, loud, factor, &error), error);
  HysacModel *model = hysac_model_load(dir, &error);
  must(model != NULL, error);
  return model;
}

static void
drop_model(HysacModel *model)
{
  synth_remove(hysac_model_get_path(model));
  hysac_model_unref(model);
}

static void
encode(HysacVision *vision, cl_command_queue queue, const guint8 *patches, guint n, float *features)
{
  g_autoptr(GError) error = NULL;
  const cl_mem mem = hysac_vision_patches(vision);
  must(HYSAC_CL(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, n * hysac_vision_patch_bytes(vision), patches, 0,
                                     NULL, NULL), "clEnqueueWriteBuffer", &error), error);
  must(hysac_vision_enqueue(vision, queue, mem, n, &error), error);
  must(HYSAC_CL(clEnqueueReadBuffer(queue, hysac_vision_features(vision), CL_TRUE, 0,
                                    n * shape.projection * sizeof(float), features, 0, NULL, NULL),
                "clEnqueueReadBuffer", &error), error);
}

/* The worst of some pictures of smooth noise, against the tower in double; and a batch is singles' bits. */
static HysacAccuracy
measure(HysacModel *model, HysacPrecision precision, HysacAccuracy *own)
{
  g_autoptr(GError) error = NULL;
  HysacVision *vision = hysac_vision_new(device, model, precision, IMAGES, NULL, NULL, &error);
  must(vision != NULL, error);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  must(queue != NULL, error);
  const gsize bytes = hysac_vision_patch_bytes(vision), dim = shape.projection;
  g_autofree guint8 *patches = g_malloc(IMAGES * bytes);
  g_autofree float *got = g_new(float, IMAGES * dim), *one = g_new(float, dim);
  g_autofree double *want = g_new(double, dim);
  HysacAccuracy worst = { 1.0, 0.0 };
  GRand *rand = g_rand_new_with_seed(11);
  int level = 128;
  for (gsize i = 0; i < IMAGES * bytes; i++) {
    level = CLAMP(level + g_rand_int_range(rand, -24, 25), 0, 255);
    patches[i] = (guint8) level;
  }
  g_rand_free(rand);
  encode(vision, queue, patches, IMAGES, got);
  for (guint i = 0; i < IMAGES; i++) {
    double dot = 0.0, a = 0.0, b = 0.0;
    must(ref_tower(model, patches + i * bytes, want, &error), error);
    for (gsize j = 0; j < dim; j++) {
      const double g = (double) got[i * dim + j];
      dot += g * want[j];
      a += g * g;
      b += want[j] * want[j];
    }
    worst.cosine = fmin(worst.cosine, dot / sqrt(a * b));
    worst.distance = fmax(worst.distance, fabs(sqrt(a / b) - 1.0));
    encode(vision, queue, patches + i * bytes, 1, one);
    assert_memory_equal(one, got + i * dim, dim * sizeof *one);
  }
  *own = hysac_vision_accuracy(vision);
  print_message("# %s: cosine %.6f, distance %.2g; by its own pictures %.6f, %.2g\n",
                hysac_precision_to_string(precision), worst.cosine, worst.distance, own->cosine, own->distance);
  clReleaseCommandQueue(queue);
  hysac_vision_free(vision);
  return worst;
}

static void
check_budgets(guint loud, float factor)
{
  static const HysacPrecision precisions[] = { HYSAC_PRECISION_BF16, HYSAC_PRECISION_INT8 };
  HysacModel *model = make_model(&shape, loud, factor);
  for (gsize i = 0; i < G_N_ELEMENTS(precisions); i++) {
    HysacAccuracy own, worst = measure(model, precisions[i], &own);
    assert_true(hysac_precision_holds(precisions[i], &worst));
    assert_true(hysac_precision_holds(precisions[i], &own));
  }
  drop_model(model);
}

static void
budgets_hold(void **state)
{
  check_budgets(0, 1.0f);
}

static void
budgets_hold_with_loud_channels(void **state)
{
  check_budgets(6, 25.0f);
}

/* Were scales not moved, int8 would break its budget there; the self-test sees it as well. */
static void
loud_channels_need_smoothing(void **state)
{
  HysacModel *model = make_model(&shape, 6, 25.0f);
  HysacAccuracy own;
  do_not_smooth = TRUE;
  const HysacAccuracy worst = measure(model, HYSAC_PRECISION_INT8, &own);
  do_not_smooth = FALSE;
  assert_false(hysac_precision_holds(HYSAC_PRECISION_INT8, &worst));
  assert_false(hysac_precision_holds(HYSAC_PRECISION_INT8, &own));
  drop_model(model);
}

/* The floats of a tensor in the bytes of a file. */
static float *
tensor_in(char *file, const char *name)
{
  guint64 header, from;
  g_autofree char *quoted = g_strdup_printf("\"%s\":", name);
  memcpy(&header, file, sizeof header);
  const char *at = g_strstr_len(file + 8, (gssize) GUINT64_FROM_LE(header), quoted);
  assert_non_null(at);
  at = strstr(at, "\"data_offsets\":[");
  from = g_ascii_strtoull(at + strlen("\"data_offsets\":["), NULL, 10);
  return (float *) (void *) (file + 8 + GUINT64_FROM_LE(header) + from);
}

/* Loud where no scale can be moved away: behind the activation, a few channels of the MLP. */
static HysacModel *
make_unholdable(void)
{
  static const float factor = 100.0f;
  HysacModel *model = make_model(&shape, 0, 1.0f);
  g_autofree char *dir = g_strdup(hysac_model_get_path(model)), *data = NULL;
  g_autofree char *path = g_build_filename(dir, "model.safetensors", NULL);
  gsize size;
  hysac_model_unref(model);
  assert_true(g_file_get_contents(path, &data, &size, NULL));
  for (guint layer = 0; layer < shape.layers; layer++) {
    g_autofree char *base = g_strdup_printf("vision_model.encoder.layers.%u.mlp.", layer);
    g_autofree char *fc1 = g_strconcat(base, "fc1.weight", NULL), *fc2 = g_strconcat(base, "fc2.weight", NULL);
    float *w1 = tensor_in(data, fc1), *w2 = tensor_in(data, fc2);
    for (gsize i = 0; i < (gsize) 6 * shape.width; i++)
      w1[i] *= factor;
    for (gsize n = 0; n < shape.width; n++) {
      for (gsize k = 0; k < 6; k++)
        w2[n * shape.mlp_width + k] /= factor;
    }
  }
  assert_true(g_file_set_contents(path, data, (gssize) size, NULL));
  g_autoptr(GError) error = NULL;
  model = hysac_model_load(dir, &error);
  must(model != NULL, error);
  return model;
}

static HysacPrecision
precision_of_auto(HysacModel *model)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacEngine) engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error);
  must(engine != NULL, error);
  HysacAccuracy accuracy;
  hysac_engine_get_accuracy(engine, &accuracy);
  assert_true(hysac_precision_holds(hysac_engine_get_precision(engine), &accuracy));
  print_message("# auto takes %s\n", hysac_precision_to_string(hysac_engine_get_precision(engine)));
  return hysac_engine_get_precision(engine);
}

static void
auto_takes_what_holds(void **state)
{
  HysacModel *model = make_model(&shape, 6, 25.0f);
  const gboolean native = hysac_ops_native(device, HYSAC_PRECISION_INT8);
  assert_int_equal(precision_of_auto(model) == HYSAC_PRECISION_INT8, native);
  drop_model(model);
  model = make_unholdable();
  assert_int_not_equal(precision_of_auto(model), HYSAC_PRECISION_INT8);
  drop_model(model);
}

/* Numbers that overflow in the tower are an error, in every precision. */
static void
overflow_is_no_number(void **state)
{
  static const HysacPrecision precisions[] = { HYSAC_PRECISION_FP32, HYSAC_PRECISION_BF16, HYSAC_PRECISION_INT8,
                                               HYSAC_PRECISION_AUTO };
  HysacModel *model = make_model(&shape, 0, 1.0f);
  g_autofree char *dir = g_strdup(hysac_model_get_path(model)), *data = NULL;
  g_autofree char *path = g_build_filename(dir, "model.safetensors", NULL);
  gsize size;
  hysac_model_unref(model);
  assert_true(g_file_get_contents(path, &data, &size, NULL));
  /* The projection's last rows: one channel each, as loud as a float can be. */
  for (gsize row = 1; row <= 64; row++) {
    float *weights = (float *) (void *) (data + size - row * shape.width * sizeof(float));
    memset(weights, 0, shape.width * sizeof(float));
    const float huge = 3e38f;
    memcpy(weights + row, &huge, sizeof huge);
  }
  assert_true(g_file_set_contents(path, data, (gssize) size, NULL));
  g_autoptr(GError) error = NULL;
  model = hysac_model_load(dir, &error);
  must(model != NULL, error);
  for (gsize i = 0; i < G_N_ELEMENTS(precisions); i++) {
    assert_null(hysac_engine_get(model, NULL, precisions[i], NULL, NULL, &error));
    assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_MODEL));
    assert_non_null(strstr(error->message, "the weights do not work"));
    g_clear_error(&error);
  }
  drop_model(model);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(budgets_hold),
    cmocka_unit_test(budgets_hold_with_loud_channels),
    cmocka_unit_test(loud_channels_need_smoothing),
    cmocka_unit_test(auto_takes_what_holds),
    cmocka_unit_test(overflow_is_no_number),
  };
  g_autoptr(GError) error = NULL;
  device = hysac_device_open(NULL, &error);
  if (device == NULL) {
    print_message("Bail out! %s\n", error->message);
    return 1;
  }
  int failed = cmocka_run_group_tests_name("precision", tests, NULL, NULL);
  hysac_device_unref(device);
  return failed;
}
