/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Nothing is copied that the device can read in place. The driver's calls that move bytes are counted
 * (the linker's --wrap), and a driver that copies on its own is found out by changing the planes after
 * everything is enqueued, behind a gate: what is read in place is read late.
 *
 * And a variant that computes wrongly is not used.
 */

#include "tests/opencl/test_preprocess_common.h"

#include "opencl/ops.h"

#include <glib/gstdio.h>

static struct {
  guint writes, copies, maps, kernels, in_place, copied_in;
} calls;

cl_int __real_clEnqueueWriteBufferRect(cl_command_queue, cl_mem, cl_bool, const size_t *, const size_t *,
                                       const size_t *, size_t, size_t, size_t, size_t, const void *,
                                       cl_uint, const cl_event *, cl_event *);
cl_int __wrap_clEnqueueWriteBufferRect(cl_command_queue, cl_mem, cl_bool, const size_t *, const size_t *,
                                       const size_t *, size_t, size_t, size_t, size_t, const void *,
                                       cl_uint, const cl_event *, cl_event *);
cl_int __real_clEnqueueWriteBuffer(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint,
                                   const cl_event *, cl_event *);
cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint,
                                   const cl_event *, cl_event *);
cl_int __real_clEnqueueCopyBuffer(cl_command_queue, cl_mem, cl_mem, size_t, size_t, size_t, cl_uint,
                                  const cl_event *, cl_event *);
cl_int __wrap_clEnqueueCopyBuffer(cl_command_queue, cl_mem, cl_mem, size_t, size_t, size_t, cl_uint,
                                  const cl_event *, cl_event *);
void *__real_clEnqueueMapBuffer(cl_command_queue, cl_mem, cl_bool, cl_map_flags, size_t, size_t, cl_uint,
                                const cl_event *, cl_event *, cl_int *);
void *__wrap_clEnqueueMapBuffer(cl_command_queue, cl_mem, cl_bool, cl_map_flags, size_t, size_t, cl_uint,
                                const cl_event *, cl_event *, cl_int *);
cl_int __real_clEnqueueNDRangeKernel(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                                     const size_t *, cl_uint, const cl_event *, cl_event *);
cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                                     const size_t *, cl_uint, const cl_event *, cl_event *);
cl_mem __real_clCreateBuffer(cl_context, cl_mem_flags, size_t, void *, cl_int *);
cl_mem __wrap_clCreateBuffer(cl_context, cl_mem_flags, size_t, void *, cl_int *);

cl_int
__wrap_clEnqueueWriteBufferRect(cl_command_queue q, cl_mem m, cl_bool b, const size_t *o, const size_t *h,
                                const size_t *r, size_t rp, size_t sp, size_t hp, size_t hs, const void *p,
                                cl_uint n, const cl_event *w, cl_event *e)
{
  calls.writes++;
  return __real_clEnqueueWriteBufferRect(q, m, b, o, h, r, rp, sp, hp, hs, p, n, w, e);
}

cl_int
__wrap_clEnqueueWriteBuffer(cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t s, const void *p,
                            cl_uint n, const cl_event *w, cl_event *e)
{
  calls.writes++;
  return __real_clEnqueueWriteBuffer(q, m, b, o, s, p, n, w, e);
}

cl_int
__wrap_clEnqueueCopyBuffer(cl_command_queue q, cl_mem a, cl_mem b, size_t x, size_t y, size_t s, cl_uint n,
                           const cl_event *w, cl_event *e)
{
  calls.copies++;
  return __real_clEnqueueCopyBuffer(q, a, b, x, y, s, n, w, e);
}

void *
__wrap_clEnqueueMapBuffer(cl_command_queue q, cl_mem m, cl_bool b, cl_map_flags f, size_t o, size_t s,
                          cl_uint n, const cl_event *w, cl_event *e, cl_int *c)
{
  calls.maps++;
  return __real_clEnqueueMapBuffer(q, m, b, f, o, s, n, w, e, c);
}

cl_int
__wrap_clEnqueueNDRangeKernel(cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g,
                              const size_t *l, cl_uint n, const cl_event *w, cl_event *e)
{
  calls.kernels++;
  return __real_clEnqueueNDRangeKernel(q, k, d, o, g, l, n, w, e);
}

cl_mem
__wrap_clCreateBuffer(cl_context c, cl_mem_flags f, size_t s, void *p, cl_int *code)
{
  calls.in_place += (f & CL_MEM_USE_HOST_PTR) != 0;
  calls.copied_in += (f & CL_MEM_COPY_HOST_PTR) != 0;
  return __real_clCreateBuffer(c, f, s, p, code);
}

#define EDGE 32
#define PATCH 8
#define BYTES (EDGE * EDGE * 3)

static HysacDevice *device;

static int
setup(void **state)
{
  g_autoptr(GError) error = NULL;

  device = hysac_device_open(g_getenv("HYSAC_TEST_DEVICE"), &error);
  if (!device)
    print_message("# %s\n", error->message);
  return device ? 0 : -1;
}

static int
teardown(void **state)
{
  hysac_device_unref(device);
  return 0;
}

static void
expect(const HysacFrame *frame, const guint8 *out)
{
  HysacPreprocessConfig config = config_of(EDGE, EDGE);
  guint8 rgb[BYTES];

  assert_true(hysac_preprocess_reference(&config, frame, rgb, NULL));
  for (guint i = 0; i < BYTES; i++) {
    guint x = i % PATCH, y = i / PATCH % PATCH, channel = i / (PATCH * PATCH) % 3;
    guint cell = i / (3 * PATCH * PATCH), grid = EDGE / PATCH;

    x += cell % grid * PATCH, y += cell / grid * PATCH;
    if (out[i] != rgb[(y * EDGE + x) * 3 + channel])
      fail_msg("format %d: differs at %u,%u channel %u", (int)frame->format, x, y, channel);
  }
}

/* Planes begin @shift bytes after what malloc gives, in all formats. */
static void
read_in_place(HysacPreprocess *self, cl_command_queue queue, cl_mem patches, HysacFormat format,
              guint shift)
{
  HysacFrame frame = { .format = format, .width = 161, .height = 90 };
  guint8 *owned[3] = { NULL }, out[BYTES];
  guint n_planes = hysac_format_n_planes(format);
  g_autoptr(GError) error = NULL;
  cl_int code;
  cl_event gate = clCreateUserEvent(hysac_device_context(device), &code);

  assert_int_equal(code, CL_SUCCESS);
  frame_alloc(&frame, 3, 0, format);
  for (guint p = 0; p < n_planes; p++) {
    owned[p] = g_malloc(frame.sizes[p] + shift);
    memset(owned[p], 0x55, frame.sizes[p] + shift);
  }
  HysacFrame moved = frame;
  for (guint p = 0; p < n_planes; p++)
    moved.planes[p] = owned[p] + shift;

  assert_int_equal(clEnqueueBarrierWithWaitList(queue, 1, &gate, NULL), CL_SUCCESS);
  memset(&calls, 0, sizeof calls);
  if (!hysac_preprocess_enqueue(self, queue, &moved, patches, 0, NULL, &error))
    fail_msg("%s", error->message);
  assert_int_equal(calls.in_place, n_planes);
  assert_int_equal(calls.writes + calls.copies + calls.maps + calls.copied_in, 0);
  assert_true(calls.kernels > 0);
  for (guint p = 0; p < n_planes; p++)
    memcpy(owned[p] + shift, frame.planes[p], frame.sizes[p]);
  assert_int_equal(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
  assert_int_equal(clEnqueueReadBuffer(queue, patches, CL_TRUE, 0, BYTES, out, 0, NULL, NULL), CL_SUCCESS);
  clReleaseEvent(gate);
  expect(&frame, out);
  for (guint p = 0; p < n_planes; p++)
    g_free(owned[p]);
  frame_clear(&frame);
}

static void
test_in_place(void **state)
{
  static const guint shifts[] = { 0, 1, 13, 64 };
  HysacPreprocessConfig config = config_of(EDGE, EDGE);
  g_autoptr(GError) error = NULL;
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  cl_mem patches;
  cl_int code;

  if (!hysac_device_limits(device)->host_cpu) {
    print_message("# another device than this host's processor: its rules are its driver's\n");
    skip();
  }
  patches = clCreateBuffer(hysac_device_context(device), CL_MEM_READ_WRITE, BYTES, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  HysacPreprocess *self = hysac_preprocess_new(device, &config, PATCH, &error);
  if (!self)
    fail_msg("%s", error->message);
  /* The size's tables are made once, and copied. */
  HysacFrame first = { .format = HYSAC_FORMAT_GRAY8, .width = 161, .height = 90 };
  frame_alloc(&first, 0, 0, 0);
  assert_true(hysac_preprocess_enqueue(self, queue, &first, patches, 0, NULL, &error));
  clFinish(queue);
  frame_clear(&first);
  for (HysacFormat format = 0; format < HYSAC_N_FORMATS; format++)
    for (guint i = 0; i < G_N_ELEMENTS(shifts); i++)
      read_in_place(self, queue, patches, format, shifts[i]);
  hysac_preprocess_free(self);
  clReleaseMemObject(patches);
  clReleaseCommandQueue(queue);
}

/* The kernels with a filter that splits its weights elsewhere than the tables do. */
static void
test_wrong_variant(void **state)
{
  HysacPreprocessConfig config = config_of(EDGE, EDGE);
  g_auto(GStrv) variants = hysac_preprocess_variants(device);
  g_autofree char *dir = g_dir_make_tmp("hysac-kernels-XXXXXX", NULL);
  g_autofree char *copy = g_build_filename(dir, "preprocess_x86.cl", NULL);
  const char *const headers[] = { "chroma.h", "outline.h" };
  g_autofree char *kernels = g_build_filename(g_getenv("HYSAC_SRCDIR"), "opencl", "kernels", NULL);
  g_autofree char *path = g_build_filename(kernels, "preprocess_x86.cl", NULL);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  if (g_strv_length(variants) < 2) {
    print_message("# only the portable variant here\n");
    skip();
  }
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  char *place = strstr(text, "#define LOW_BITS 11");
  assert_non_null(place);
  memcpy(place, "#define LOW_BITS 10", strlen("#define LOW_BITS 10"));
  assert_true(g_file_set_contents(copy, text, -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
    g_autofree char *from = g_build_filename(kernels, headers[i], NULL);
    g_autofree char *to = g_build_filename(dir, headers[i], NULL);
    g_autofree char *header = NULL;
    assert_true(g_file_get_contents(from, &header, NULL, NULL));
    assert_true(g_file_set_contents(to, header, -1, NULL));
  }

  g_setenv("HYSAC_KERNEL_DIR", dir, TRUE);
  g_test_expect_message("hysac", G_LOG_LEVEL_WARNING, "*preprocess_x86 is not used*self-test*");
  HysacPreprocess *self = hysac_preprocess_new(device, &config, PATCH, &error);
  g_test_assert_expected_messages();
  if (!self)
    fail_msg("%s", error->message);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  cl_mem patches = clCreateBuffer(hysac_device_context(device), CL_MEM_READ_WRITE, BYTES, NULL, NULL);
  HysacFrame frame = { .format = HYSAC_FORMAT_NV12, .width = 161, .height = 90 };
  guint8 out[BYTES];
  frame_alloc(&frame, 0, 0, 0);
  assert_true(hysac_preprocess_enqueue(self, queue, &frame, patches, 0, NULL, &error));
  assert_int_equal(clEnqueueReadBuffer(queue, patches, CL_TRUE, 0, BYTES, out, 0, NULL, NULL), CL_SUCCESS);
  expect(&frame, out);
  frame_clear(&frame);
  clReleaseMemObject(patches);
  clReleaseCommandQueue(queue);
  hysac_preprocess_free(self);

  g_setenv("HYSAC_VARIANT", variants[1], TRUE);
  assert_null(hysac_preprocess_new(device, &config, PATCH, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC));
  g_unsetenv("HYSAC_VARIANT");
  g_unsetenv("HYSAC_KERNEL_DIR");
  for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
    g_autofree char *header = g_build_filename(dir, headers[i], NULL);
    g_unlink(header);
  }
  g_unlink(copy);
  g_rmdir(dir);
}

int
main(void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test(test_in_place), cmocka_unit_test(test_wrong_variant) };

  return cmocka_run_group_tests(tests, setup, teardown);
}
