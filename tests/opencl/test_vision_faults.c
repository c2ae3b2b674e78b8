/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tower's constructor with each driver call failing in turn (linked with --wrap): one clear error
 * of the right code, nothing leaked (the sanitizer build looks), and it works again afterwards.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>

#include "opencl/ops.h"
#include "opencl/vision.h"
#include "synth.h"

static HysacDevice *device;
static int fail_at = -1; /* the call that fails; -1: none */
static int calls;

static gboolean
fails(void)
{
  return calls++ == fail_at;
}

cl_mem __real_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code);

cl_mem
__wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code)
{
  if (!fails())
    return __real_clCreateBuffer(context, flags, size, host, code);
  *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  return NULL;
}

void *__real_clEnqueueMapBuffer(cl_command_queue queue, cl_mem mem, cl_bool block, cl_map_flags flags,
                                size_t offset, size_t size, cl_uint n, const cl_event *wait,
                                cl_event *event, cl_int *code);
void *__wrap_clEnqueueMapBuffer(cl_command_queue queue, cl_mem mem, cl_bool block, cl_map_flags flags,
                                size_t offset, size_t size, cl_uint n, const cl_event *wait,
                                cl_event *event, cl_int *code);

void *
__wrap_clEnqueueMapBuffer(cl_command_queue queue, cl_mem mem, cl_bool block, cl_map_flags flags,
                          size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event,
                          cl_int *code)
{
  if (!fails())
    return __real_clEnqueueMapBuffer(queue, mem, block, flags, offset, size, n, wait, event, code);
  *code = CL_MAP_FAILURE;
  return NULL;
}

cl_int __real_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                     const size_t *offset, const size_t *global, const size_t *local,
                                     cl_uint n, const cl_event *wait, cl_event *event);
cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                     const size_t *offset, const size_t *global, const size_t *local,
                                     cl_uint n, const cl_event *wait, cl_event *event);

cl_int
__wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset,
                              const size_t *global, const size_t *local, cl_uint n, const cl_event *wait,
                              cl_event *event)
{
  if (fails())
    return CL_OUT_OF_RESOURCES;
  return __real_clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local, n, wait, event);
}

cl_kernel __real_clCreateKernel(cl_program program, const char *name, cl_int *code);
cl_kernel __wrap_clCreateKernel(cl_program program, const char *name, cl_int *code);

cl_kernel
__wrap_clCreateKernel(cl_program program, const char *name, cl_int *code)
{
  if (!fails())
    return __real_clCreateKernel(program, name, code);
  *code = CL_OUT_OF_HOST_MEMORY;
  return NULL;
}

static HysacModel *
make_model(char **dir)
{
  const HysacVisionConfig c = { .image_size = 28, .patch_size = 14, .width = 12, .heads = 3,
                                .mlp_width = 20, .layers = 1, .projection = 8, .layer_norm_eps = 1e-5 };
  g_autoptr(GError) error = NULL;
  *dir = g_dir_make_tmp("hysac-faults-XXXXXX", &error);
  assert_non_null(*dir);
  assert_true(synth_write(*dir, &c, 1, &error));
  HysacModel *model = hysac_model_load(*dir, &error);
  assert_non_null(model);
  return model;
}

static void
test_every_call_fails_once(void **state)
{
  g_autofree char *dir = NULL;
  g_autoptr(HysacModel) model = make_model(&dir);
  int n = 0;
  for (;; n++) {
    g_autoptr(GError) error = NULL;
    assert_true(n < 1000);
    calls = 0;
    fail_at = n;
    HysacVision *vision = hysac_vision_new(device, model, HYSAC_PRECISION_FP32, 2, NULL, NULL, &error);
    fail_at = -1;
    if (vision != NULL) {
      assert_true(calls <= n); /* there was no such call any more */
      hysac_vision_free(vision);
      break;
    }
    assert_non_null(error);
    assert_true(error->domain == HYSAC_ERROR);
    assert_true(error->code == HYSAC_ERROR_OUT_OF_MEMORY || error->code == HYSAC_ERROR_DEVICE);
  }
  print_message("# %d calls failed in turn\n", n);
  assert_true(n > 60);
  synth_remove(dir);
}

static void
test_run_fails_and_recovers(void **state)
{
  g_autofree char *dir = NULL;
  g_autoptr(HysacModel) model = make_model(&dir);
  g_autoptr(GError) error = NULL;
  HysacVision *vision = hysac_vision_new(device, model, HYSAC_PRECISION_FP32, 2, NULL, NULL, &error);
  assert_non_null(vision);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  assert_non_null(queue);
  int n = 0;
  for (;; n++) {
    calls = 0;
    fail_at = n;
    gboolean ok = hysac_vision_enqueue(vision, queue, hysac_vision_patches(vision), 2, &error);
    fail_at = -1;
    if (ok)
      break;
    assert_non_null(error);
    g_clear_error(&error);
  }
  assert_int_equal(clFinish(queue), CL_SUCCESS);
  assert_true(n > 10);
  clReleaseCommandQueue(queue);
  hysac_vision_free(vision);
  synth_remove(dir);
}

static void
test_too_large_for_the_device(void **state)
{
  g_autoptr(GError) error = NULL;
  HysacOps *ops = hysac_ops_new(device, HYSAC_PRECISION_FP32, "portable", &error);
  assert_non_null(ops);
  assert_null(hysac_ops_buffer(ops, (gsize) hysac_device_limits(device)->max_alloc + 1, "too much", &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY));
  assert_non_null(strstr(error->message, "too much"));
  g_clear_error(&error);
  assert_null(hysac_ops_buffer(ops, 0, "nothing", &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  g_clear_error(&error);
  assert_null(hysac_weights_new(ops, G_MAXSIZE / 4, 8, "wrong", &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  g_clear_error(&error);
  /* Rows of scores that the local memory cannot hold: the variant without them. */
  HysacAttention shape;
  hysac_ops_free(ops);
  ops = hysac_ops_new(device, HYSAC_PRECISION_FP32, NULL, &error);
  assert_non_null(ops);
  gsize tokens = hysac_device_limits(device)->local_memory;
  assert_true(hysac_ops_attention_setup(ops, tokens, 1, 4, &shape, &error));
  assert_int_equal(shape.scratch_bytes, 0);
  assert_int_equal(shape.tokens, tokens);
  hysac_ops_free(ops);
}

/* Kernels in a folder of their own, @file with @from replaced by @to. */
static char *
wrong_kernels(const char *const *files, const char *from, const char *to)
{
  char *dir = g_dir_make_tmp("hysac-kernels-XXXXXX", NULL);
  guint replaced = 0;
  assert_non_null(dir);
  for (; *files != NULL; files++) {
    g_autofree char *source = g_build_filename(g_getenv("HYSAC_SRCDIR"), "opencl", "kernels", *files, NULL);
    g_autofree char *target = g_build_filename(dir, *files, NULL);
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(source, &text, NULL, NULL));
    GString *changed = g_string_new(text);
    replaced += g_string_replace(changed, from, to, 0);
    assert_true(g_file_set_contents(target, changed->str, -1, NULL));
    g_string_free(changed, TRUE);
  }
  assert_true(replaced > 0);
  return dir;
}

static void
remove_kernels(char *dir, const char *const *files)
{
  for (; *files != NULL; files++) {
    g_autofree char *path = g_build_filename(dir, *files, NULL);
    g_remove(path);
  }
  g_rmdir(dir);
  g_free(dir);
}

static guint warnings;

static GLogWriterOutput
count_warnings(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer user_data)
{
  if (level & G_LOG_LEVEL_WARNING)
    warnings++;
  return G_LOG_WRITER_HANDLED;
}

/* A kernel that computes wrongly, or does not build, is not used. */
static void
test_wrong_kernels_are_not_used(void **state)
{
  static const char *const fast[] = { "gemm_x86.cl", "norm_x86.cl", "attention_x86.cl", "attention_vnni.cl",
                                        "vec_x86.h",
                                        "gemm_amx.cl", "attention_amx.cl", "amx.h", "epilogue_x86.h",
                                        "half_x86.h", "largest_x86.h", "outline.h", "sequence.h",
                                        "tile_x86.h", "transpose_x86.h",
                                        NULL },
                           *const slow[] = { "gemm_portable.cl", "bf16.h", "gemm.h", NULL };
  static const struct {
    const char *const *files;
    const char *from, *to;
    gboolean portable; /* whether the portable kernels do */
    HysacPrecision precision; /* bf16: AMX's; int8: VNNI's */
  } cases[] = {
    { fast, "1.6666665459e-1f", "1.9e-1f", TRUE, HYSAC_PRECISION_FP32 },
    { fast, "6.931472028550421e-1f", "6.95e-1f", TRUE, HYSAC_PRECISION_FP32 },
    { fast, "*b = bias", "*b00 = bias", TRUE, HYSAC_PRECISION_FP32 },
    { fast, "left >= 5", "left >= 5 && nonsense", TRUE, HYSAC_PRECISION_FP32 },
    { fast, "b1 + t", "b1 - t", TRUE, HYSAC_PRECISION_BF16 },
    { fast, "1.0f / total(sum", "1.01f / total(sum", TRUE, HYSAC_PRECISION_FP32 },
    { fast, "/ n;", "/ (n + 1);", TRUE, HYSAC_PRECISION_FP32 },
    { fast, "to_half(v##r), c", "to_half(u##r), c", TRUE, HYSAC_PRECISION_INT8 },
    { fast, "1.0f / total(sum", "1.1f / total(sum", TRUE, HYSAC_PRECISION_INT8 },
    { slow, "-1.702f", "-1.6f", FALSE, HYSAC_PRECISION_FP32 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    HysacAttention shape;
    const HysacPrecision precision = cases[i].precision;
    if ((precision == HYSAC_PRECISION_BF16 && !hysac_device_limits(device)->amx) ||
        (precision == HYSAC_PRECISION_INT8 && !hysac_device_limits(device)->avx512_vnni))
      continue;
    char *dir = wrong_kernels(cases[i].files, cases[i].from, cases[i].to);
    g_setenv("HYSAC_KERNEL_DIR", dir, TRUE);
    warnings = 0;
    HysacOps *ops = hysac_ops_new(device, precision, cases[i].portable ? NULL : "portable", &error);
    if (cases[i].portable) {
      assert_non_null(ops);
      assert_true(hysac_ops_attention_setup(ops, 50, 2, 20, &shape, &error));
      if (strstr(hysac_ops_describe(ops), "x86") != NULL)
        assert_true(warnings > 0);
      if (hysac_device_limits(device)->avx2) {
        assert_true(warnings > 0);
        assert_non_null(strstr(hysac_ops_describe(ops), "portable"));
      }
      hysac_ops_free(ops);
    } else {
      assert_null(ops);
      assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC));
      assert_non_null(strstr(error->message, "gemm_quick_gelu"));
    }
    g_unsetenv("HYSAC_KERNEL_DIR");
    remove_kernels(dir, cases[i].files);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_call_fails_once),
    cmocka_unit_test(test_run_fails_and_recovers),
    cmocka_unit_test(test_too_large_for_the_device),
    cmocka_unit_test(test_wrong_kernels_are_not_used),
  };
  g_autoptr(GError) error = NULL;
  g_log_set_writer_func(count_warnings, NULL, NULL);
  device = hysac_device_open(NULL, &error);
  if (device == NULL) {
    print_message("Bail out! %s\n", error->message);
    return 1;
  }
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  hysac_device_unref(device);
  return failed;
}
