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
    gboolean ok = hysac_vision_enqueue(vision, queue, 2, &error);
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
  HysacOps *ops = hysac_ops_new(device, "portable", &error);
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
  hysac_ops_free(ops);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_call_fails_once),
    cmocka_unit_test(test_run_fails_and_recovers),
    cmocka_unit_test(test_too_large_for_the_device),
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
