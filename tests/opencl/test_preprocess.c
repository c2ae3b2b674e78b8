/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The device against the C reference, byte for byte: formats, sizes, strides, colorimetry, both ways
 * of getting at the planes. With --bench, times instead: medians, taken in turn.
 */

#include "tests/opencl/test_preprocess_common.h"

#include <sys/mman.h>
#include <unistd.h>

#define GUARD 64
#define CANARY 0xA5

typedef struct {
  HysacDevice *device;
  cl_command_queue queue;
  guint every; /* of the cases, the first of so many: a simulator takes its time */
} Fixture;

static Fixture fixture;

static int
setup(void **state)
{
  g_autoptr(GError) error = NULL;

  fixture.device = hysac_device_open(g_getenv("HYSAC_TEST_DEVICE"), &error);
  if (!fixture.device) {
    print_message("# %s\n", error->message);
    return -1;
  }
  print_message("# %s\n", hysac_device_get_info(fixture.device)->name);
  fixture.every = strstr(hysac_device_get_info(fixture.device)->name, "Oclgrind") ? 11 : 1;
  fixture.queue = hysac_device_new_queue(fixture.device, FALSE, &error);
  return fixture.queue ? 0 : -1;
}

static int
teardown(void **state)
{
  clReleaseCommandQueue(fixture.queue);
  hysac_device_unref(fixture.device);
  return 0;
}

static HysacPreprocess *
preprocess_new(guint edge, guint crop, guint patch)
{
  HysacPreprocessConfig config = config_of(edge, crop);
  g_autoptr(GError) error = NULL;
  HysacPreprocess *self = hysac_preprocess_new(fixture.device, &config, patch, &error);

  if (!self)
    fail_msg("%s", error->message);
  return self;
}

static void
describe(const HysacFrame *f, const char *what)
{
  print_message("# format %d, %u x %u%s, strides %zu %zu %zu, matrix %d, range %d, site %d%d: %s\n",
                (int)f->format, f->width, f->height, f->field ? " field" : "", f->strides[0], f->strides[1], f->strides[2],
                (int)f->matrix, (int)f->range, f->site.h_cosited, f->site.v_cosited, what);
}

/* Runs @frame at an offset between canaries and compares with the reference in patch layout. */
static void
compare(HysacPreprocess *self, guint edge, guint crop, guint patch, const HysacFrame *frame)
{
  HysacPreprocessConfig config = config_of(edge, crop);
  guint grid = crop / patch;
  gsize bytes = (gsize)grid * grid * 3 * patch * patch, total = bytes + 2 * GUARD;
  g_autofree guint8 *rgb = g_malloc((gsize)crop * crop * 3), *out = g_malloc(total);
  g_autoptr(GError) error = NULL;
  cl_event event = NULL;
  cl_mem patches;
  cl_int code;

  memset(out, CANARY, total);
  patches = clCreateBuffer(hysac_device_context(fixture.device),
                           CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, total, out, &code);
  assert_int_equal(code, CL_SUCCESS);
  if (!hysac_preprocess_reference(&config, frame, rgb, &error) ||
      !hysac_preprocess_enqueue(self, fixture.queue, frame, patches, GUARD, &event, &error)) {
    describe(frame, error->message);
    fail();
  }
  assert_int_equal(clWaitForEvents(1, &event), CL_SUCCESS);
  clReleaseEvent(event);
  code = clEnqueueReadBuffer(fixture.queue, patches, CL_TRUE, 0, total, out, 0, NULL, NULL);
  assert_int_equal(code, CL_SUCCESS);
  clReleaseMemObject(patches);

  for (guint i = 0; i < GUARD; i++) {
    assert_int_equal(out[i], CANARY);
    assert_int_equal(out[GUARD + bytes + i], CANARY);
  }
  for (gsize i = 0; i < bytes; i++) {
    guint px = i % patch, py = i / patch % patch, channel = i / ((gsize)patch * patch) % 3;
    guint cell = (guint)(i / ((gsize)3 * patch * patch));
    guint x = cell % grid * patch + px, y = cell / grid * patch + py;
    guint8 expected = rgb[((gsize)y * crop + x) * 3 + channel];

    if (out[GUARD + i] != expected) {
      describe(frame, "differs");
      fail_msg("at %u,%u channel %u: %u, expected %u", x, y, channel, out[GUARD + i], expected);
    }
  }
}

static void
random_frame(GRand *rand, HysacFrame *frame, guint width, guint height)
{
  *frame = (HysacFrame){ .format = (HysacFormat)g_rand_int_range(rand, 0, HYSAC_N_FORMATS),
                         .width = width, .height = height,
                         .matrix = (HysacMatrix)g_rand_int_range(rand, 0, 5),
                         .range = (HysacRange)g_rand_int_range(rand, 0, 2),
                         .field = g_rand_boolean(rand),
                         .site = { g_rand_boolean(rand), g_rand_boolean(rand) } };
  frame_alloc(frame, (gsize)g_rand_int_range(rand, 0, 40), (guint)g_rand_int_range(rand, 0, 3),
              g_rand_int(rand));
}

static guint
random_side(GRand *rand)
{
  return g_rand_int_range(rand, 0, 3) == 0 ? (guint)g_rand_int_range(rand, 1, 40)
                                           : (guint)g_rand_int_range(rand, 1, 500);
}

static void
test_random(void **state)
{
  static const guint shapes[][3] = { { 70, 70, 14 }, { 32, 30, 7 },  { 40, 40, 17 },
                                     { 9, 9, 9 },    { 5, 1, 1 },    { 96, 96, 12 },
                                     { 64, 60, 16 }, { 80, 75, 33 } };
  g_autoptr(GRand) rand = g_rand_new_with_seed(test_seed());

  for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
    const guint *s = shapes[i];
    HysacPreprocess *self = preprocess_new(s[0], s[1], s[2]);

    for (guint n = 0; n < 40; n += fixture.every) {
      HysacFrame frame;

      random_frame(rand, &frame, random_side(rand), random_side(rand));
      hysac_preprocess_set_path(self, n % 2, n / 2 % 2, (gsize)g_rand_int_range(rand, 1, 300000));
      compare(self, s[0], s[1], s[2], &frame);
      frame_clear(&frame);
    }
    hysac_preprocess_free(self);
  }
}

/* Every format, matrix, range and siting, at widths around the steps of 16. */
static void
test_colours(void **state)
{
  guint32 seed = test_seed();
  HysacPreprocess *self = preprocess_new(30, 30, 10);

  for (guint how = 0; how < HYSAC_N_FORMATS * 5 * 2 * 2 * 2; how += fixture.every) {
    HysacFrame frame = { .format = how % HYSAC_N_FORMATS, .width = 30 + how / 7 % 23,
                         .height = 30 + how / 5 % 7 };
    guint rest = how / HYSAC_N_FORMATS;

    frame.range = rest & 1 ? HYSAC_RANGE_FULL : HYSAC_RANGE_LIMITED;
    frame.site = (HysacChromaSite){ rest >> 1 & 1, rest >> 2 & 1 };
    frame.matrix = rest >> 3;
    frame_alloc(&frame, how % 5, how % 2, seed + how);
    hysac_preprocess_set_path(self, how % 3 == 0, how % 4 == 0, 0);
    compare(self, 30, 30, 10, &frame);
    frame_clear(&frame);
  }
  hysac_preprocess_free(self);
}

static void
test_extremes(void **state)
{
  static const guint sizes[][2] = { { 1, 1 },  { 16384, 16 }, { 16, 16384 }, { 1, 16384 },
                                    { 16384, 1 }, { 2, 3 },   { 3840, 2160 }, { 70, 70 },
                                    { 15, 17 },   { 16, 16 } };
  g_autoptr(GRand) rand = g_rand_new_with_seed(test_seed());
  HysacPreprocess *self = preprocess_new(70, 70, 14);

  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    for (HysacFormat format = 0; format < HYSAC_N_FORMATS; format++) {
      HysacFrame frame = { .format = format, .width = sizes[i][0], .height = sizes[i][1],
                           .matrix = HYSAC_MATRIX_BT709, .site = { TRUE, FALSE } };

      if (frame.width == 3840 && (fixture.every > 1 || (format != HYSAC_FORMAT_NV12 &&
                                                        format != HYSAC_FORMAT_RGB)))
        continue;
      frame_alloc(&frame, i, 1, g_rand_int(rand));
      for (guint upload = 0; upload < 2; upload++) {
        hysac_preprocess_set_path(self, upload, upload, 0);
        compare(self, 70, 70, 14, &frame);
      }
      frame_clear(&frame);
    }
  }
  hysac_preprocess_free(self);
}

/* Sizes come back after others have pushed their tables out; frames in flight keep theirs. A field's
 * are not a frame's. */
static void
test_tables(void **state)
{
  HysacPreprocess *self = preprocess_new(28, 28, 14);

  for (guint round = 0; round < 3; round++) {
    for (guint i = 0; i < 14; i++) {
      HysacFrame frame = { .format = HYSAC_FORMAT_RGBA, .width = 50 + i / 2,
                           .height = 90 - i / 2, .field = i % 2 };

      frame_alloc(&frame, 0, 0, i);
      compare(self, 28, 28, 14, &frame);
      frame_clear(&frame);
    }
  }
  hysac_preprocess_free(self);
}

/* Planes that end where the readable memory ends, and ones that begin where it begins. A read past
 * either end is a fault (on a CPU device, by pointer; elsewhere, of the upload). */
static void
test_guarded(void **state)
{
  static const guint sizes[][2] = { { 1, 1 }, { 64, 48 }, { 61, 47 }, { 333, 75 }, { 48, 131 } };
  gsize page = (gsize)sysconf(_SC_PAGESIZE);
  HysacPreprocess *self = preprocess_new(32, 32, 8);

  for (guint how = 0; how < G_N_ELEMENTS(sizes) * HYSAC_N_FORMATS * 4;
       how += fixture.every) {
    HysacFrame frame = { .format = how % HYSAC_N_FORMATS };
    guint rest = how / HYSAC_N_FORMATS;
    const guint *size = sizes[rest % G_N_ELEMENTS(sizes)];
    guint8 *maps[3] = { NULL };
    gsize lengths[3] = { 0 };
    const guint8 *owned[3];

    rest /= G_N_ELEMENTS(sizes);
    frame.width = size[0];
    frame.height = size[1];
    frame_alloc(&frame, how % 3, 0, how);
    for (guint p = 0; p < 3; p++) {
      guint8 *start;

      owned[p] = frame.planes[p];
      if (!owned[p])
        continue;
      lengths[p] = ((frame.sizes[p] + page - 1) / page + 2) * page;
      maps[p] = mmap(NULL, lengths[p], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      assert_true(maps[p] != MAP_FAILED);
      start = rest & 1 ? maps[p] + page : maps[p] + lengths[p] - page - frame.sizes[p];
      memcpy(start, owned[p], frame.sizes[p]);
      frame.planes[p] = start;
      assert_int_equal(mprotect(maps[p], page, PROT_NONE), 0);
      assert_int_equal(mprotect(maps[p] + lengths[p] - page, page, PROT_NONE), 0);
    }
    hysac_preprocess_set_path(self, rest >> 1, rest >> 1, 0);
    compare(self, 32, 32, 8, &frame);
    for (guint p = 0; p < 3; p++) {
      frame.planes[p] = owned[p];
      if (maps[p])
        munmap(maps[p], lengths[p]);
    }
    frame_clear(&frame);
  }
  hysac_preprocess_free(self);
}

static void
test_errors(void **state)
{
  guint8 pixels[12] = { 0 };
  HysacFrame frame = { .format = HYSAC_FORMAT_RGB, .width = 2, .height = 2, .planes = { pixels },
                       .strides = { 6 }, .sizes = { 11 } };
  HysacPreprocessConfig config = config_of(8, 9);
  HysacPreprocess *self = preprocess_new(8, 8, 4);
  g_autoptr(GError) error = NULL;
  cl_event event = NULL;
  cl_mem patches;
  cl_int code;

  patches = clCreateBuffer(hysac_device_context(fixture.device), CL_MEM_READ_WRITE, 8 * 8 * 3, NULL,
                           &code);
  assert_int_equal(code, CL_SUCCESS);
  assert_false(hysac_preprocess_enqueue(self, fixture.queue, &frame, patches, 0, &event, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  assert_null(event);
  g_clear_error(&error);
  clReleaseMemObject(patches);
  hysac_preprocess_free(self);
  hysac_preprocess_free(NULL);

  assert_null(hysac_preprocess_new(fixture.device, &config, 3, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  g_clear_error(&error);
  config = config_of(8, 8);
  assert_null(hysac_preprocess_new(fixture.device, &config, 9, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  g_clear_error(&error);
  assert_null(hysac_preprocess_new(fixture.device, &config, 0, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
}

static int
by_value(const void *a, const void *b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

  return (x > y) - (x < y);
}

/* Milliseconds a frame, median and best: by pointer, by upload and by the C reference, in turn. */
static int
bench(void)
{
  static const struct {
    const char *name;
    HysacFormat format;
    guint width, height;
  } cases[] = { { "nv12 1080p", HYSAC_FORMAT_NV12, 1920, 1080 },
                { "i420 1080p", HYSAC_FORMAT_I420, 1920, 1080 },
                { "rgb 1080p", HYSAC_FORMAT_RGB, 1920, 1080 },
                { "bgra 1080p", HYSAC_FORMAT_BGRA, 1920, 1080 },
                { "y42b 1080p", HYSAC_FORMAT_Y42B, 1920, 1080 },
                { "y444 1080p", HYSAC_FORMAT_Y444, 1920, 1080 },
                { "yuy2 1080p", HYSAC_FORMAT_YUY2, 1920, 1080 },
                { "gray8 1080p", HYSAC_FORMAT_GRAY8, 1920, 1080 },
                { "i420_10 1080p", HYSAC_FORMAT_I420_10LE, 1920, 1080 },
                { "p010 1080p", HYSAC_FORMAT_P010_10LE, 1920, 1080 },
                { "nv12 720p", HYSAC_FORMAT_NV12, 1280, 720 },
                { "nv12 2160p", HYSAC_FORMAT_NV12, 3840, 2160 } };
  enum { ROUNDS = 25 };
  HysacPreprocessConfig config = config_of(224, 224);
  g_autofree guint8 *rgb = g_malloc(224 * 224 * 3);
  HysacPreprocess *self;
  cl_mem patches;
  gboolean gpu;

  if (setup(NULL) != 0)
    return 1;
  gpu = !(hysac_device_limits(fixture.device)->type & CL_DEVICE_TYPE_CPU);
  self = preprocess_new(224, 224, 14);
  patches = clCreateBuffer(hysac_device_context(fixture.device), CL_MEM_READ_WRITE, 224 * 224 * 3,
                           NULL, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    HysacFrame frame = { .format = cases[i].format, .width = cases[i].width,
                         .height = cases[i].height, .site = { TRUE, FALSE } };
    gint64 times[3][ROUNDS];

    frame_alloc(&frame, 0, 0, 1);
    for (gint round = -2; round < ROUNDS; round++) {
      for (guint way = 0; way < 3; way++) {
        gint64 start = g_get_monotonic_time();

        if (way == 2) {
          if (round < 3)
            hysac_preprocess_reference(&config, &frame, rgb, NULL);
        } else {
          hysac_preprocess_set_path(self, way == 1, gpu, 0);
          hysac_preprocess_enqueue(self, fixture.queue, &frame, patches, 0, NULL, NULL);
          clFinish(fixture.queue);
        }
        if (round >= 0)
          times[way][round] = g_get_monotonic_time() - start;
      }
    }
    for (guint way = 0; way < 3; way++)
      qsort(times[way], way == 2 ? 3 : ROUNDS, sizeof(gint64), by_value);
    print_message("%-13s pointer %.2f ms (best %.2f), upload %.2f ms (best %.2f), "
                  "C reference %.1f ms\n", cases[i].name, (double)times[0][ROUNDS / 2] / 1e3,
                  (double)times[0][0] / 1e3, (double)times[1][ROUNDS / 2] / 1e3,
                  (double)times[1][0] / 1e3, (double)times[2][1] / 1e3);
    frame_clear(&frame);
  }
  clReleaseMemObject(patches);
  hysac_preprocess_free(self);
  return teardown(NULL);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_colours), cmocka_unit_test(test_random),
    cmocka_unit_test(test_extremes), cmocka_unit_test(test_tables),
    cmocka_unit_test(test_guarded), cmocka_unit_test(test_errors),
  };

  if (argc > 1 && strcmp(argv[1], "--bench") == 0)
    return bench();
  return cmocka_run_group_tests(tests, setup, teardown);
}
