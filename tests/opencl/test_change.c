/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The change detector: the kernel against plain C, and what counts as changed. `--bench` times it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "opencl/change.h"

#define MAX_TILES (42 * 42)

static HysacDevice *device;
static cl_command_queue queue;
static GRand *rand_;

static const struct {
  guint grid, patch;
} shapes[] = { { 16, 14 }, { 7, 32 }, { 14, 16 }, { 8, 12 }, { 24, 14 }, { 5, 7 }, { 2, 2 }, { 1, 1 }, { 3, 5 } };

static int
set_up(void **state)
{
  g_autoptr(GError) error = NULL;
  guint32 seed = g_random_int();
  const char *given = g_getenv("HYSAC_TEST_SEED");
  if (given != NULL)
    seed = (guint32) g_ascii_strtoull(given, NULL, 10);
  print_message("# seed %u\n", seed);
  rand_ = g_rand_new_with_seed(seed);
  device = hysac_device_open(NULL, &error);
  if (device != NULL)
    queue = hysac_device_new_queue(device, FALSE, &error);
  if (queue == NULL)
    print_message("# %s\n", error->message);
  return queue != NULL ? 0 : 1;
}

static int
tear_down(void **state)
{
  clReleaseCommandQueue(queue);
  hysac_device_unref(device);
  g_rand_free(rand_);
  return 0;
}

static gsize
bytes_of(guint grid, guint patch)
{
  return (gsize) 3 * grid * grid * patch * patch;
}

/* Where a channel of a pixel of the picture is. */
static gsize
place(guint grid, guint patch, guint x, guint y, guint channel)
{
  return ((gsize) (y / patch * grid + x / patch) * 3 + channel) * patch * patch + y % patch * patch + x % patch;
}

static cl_mem
upload(const void *data, gsize bytes)
{
  cl_int code;
  cl_mem mem = clCreateBuffer(hysac_device_context(device), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes,
                              (void *) data, &code);
  assert_int_equal(code, CL_SUCCESS);
  return mem;
}

/* The kernel's result has a guard behind it. */
static void
count(HysacChange *change, const guint8 *a, const guint8 *b, gsize bytes, guint8 tolerance, guint32 stamp,
      guint32 *tiles)
{
  guint n = hysac_change_n_tiles(change);
  g_autofree guint32 *guarded = g_new(guint32, n + 16);
  cl_event done;
  g_autoptr(GError) error = NULL;
  memset(guarded, 0x5a, (n + 16) * sizeof *guarded);
  cl_mem mem_a = upload(a, bytes), mem_b = upload(b, bytes), result = upload(guarded, (n + 16) * sizeof *guarded);
  assert_true(hysac_change_enqueue(change, queue, mem_a, mem_b, tolerance, stamp, result, tiles, &done, &error));
  assert_int_equal(clWaitForEvents(1, &done), CL_SUCCESS);
  clReleaseEvent(done);
  assert_int_equal(clEnqueueReadBuffer(queue, result, CL_TRUE, 0, (n + 16) * sizeof *guarded, guarded, 0, NULL,
                                       NULL), CL_SUCCESS);
  assert_memory_equal(guarded, tiles, n * sizeof *tiles);
  for (guint i = n; i < n + 16; i++)
    assert_int_equal(guarded[i], 0x5a5a5a5a);
  clReleaseMemObject(mem_a);
  clReleaseMemObject(mem_b);
  clReleaseMemObject(result);
}

static void
kernel_counts_like_plain_c(void **state)
{
  static const guint8 tolerances[] = { 0, 1, 2, 8, 254, 255 };
  for (guint s = 0; s < G_N_ELEMENTS(shapes); s++) {
    const guint grid = shapes[s].grid, patch = shapes[s].patch;
    const gsize bytes = bytes_of(grid, patch);
    g_autofree guint8 *a = g_malloc(bytes), *b = g_malloc(bytes);
    g_autoptr(GError) error = NULL;
    HysacChange *change = hysac_change_new(device, grid, patch, &error);
    if (change == NULL)
      fail_msg("%s", error->message);
    const guint n = hysac_change_n_tiles(change);
    assert_int_equal(n, ((grid * patch + 7) / 8) * ((grid * patch + 7) / 8));
    assert_true(n <= MAX_TILES);
    for (guint t = 0; t < 3 * G_N_ELEMENTS(tolerances); t++) {
      const guint8 tolerance = tolerances[t / 3];
      const guint32 stamp = g_rand_int(rand_) & 0xffffff;
      guint32 found[MAX_TILES], wanted[MAX_TILES];
      for (gsize i = 0; i < bytes; i++) {
        switch (t % 3) {
        case 0: /* anything */
          a[i] = (guint8) g_rand_int(rand_);
          b[i] = (guint8) g_rand_int(rand_);
          break;
        case 1: /* around the tolerance, either way */
          a[i] = (guint8) g_rand_int_range(rand_, 0, 256);
          b[i] = (guint8) CLAMP(a[i] + g_rand_int_range(rand_, -tolerance - 1, tolerance + 2), 0, 255);
          break;
        default: /* as far as it goes */
          a[i] = g_rand_boolean(rand_) ? 255 : 0;
          b[i] = (guint8) (255 - a[i]);
          break;
        }
      }
      count(change, a, b, bytes, tolerance, stamp, found);
      hysac_change_reference(a, b, grid, patch, tolerance, stamp, wanted);
      assert_memory_equal(found, wanted, n * sizeof *found);
      HysacChangeCount sum;
      assert_true(hysac_change_sum(found, n, stamp, &sum));
      if (t % 3 == 2)
        assert_int_equal(sum.pixels, tolerance == 255 ? 0 : grid * patch * grid * patch);
    }
    hysac_change_free(change);
  }
}

/* One step in any channel of any pixel is one pixel, in the tile where it is. */
static void
no_byte_is_overlooked(void **state)
{
  const guint grid = 3, patch = 5, side = 15;
  const gsize bytes = bytes_of(grid, patch);
  g_autofree guint8 *a = g_malloc(bytes), *b = g_malloc(bytes);
  g_autoptr(GError) error = NULL;
  HysacChange *change = hysac_change_new(device, grid, patch, &error);
  assert_non_null(change);
  memset(a, 100, bytes);
  for (guint i = 0; i < side * side * 3; i++) {
    const guint x = i / 3 % side, y = i / 3 / side;
    guint32 tiles[4];
    HysacChangeCount sum;
    memcpy(b, a, bytes);
    b[place(grid, patch, x, y, i % 3)] += i % 2 ? 1 : -1;
    count(change, a, b, bytes, 0, i, tiles);
    assert_true(hysac_change_sum(tiles, 4, i, &sum));
    assert_int_equal(sum.pixels, 1);
    assert_int_equal(tiles[y / 8 * 2 + x / 8] & 0xff, 1);
    count(change, a, b, bytes, 1, i, tiles);
    assert_true(hysac_change_sum(tiles, 4, i, &sum));
    assert_int_equal(sum.pixels, 0);
  }
  hysac_change_free(change);
}

/* What was not counted in this very comparison, all of it, is no result. */
static void
stale_results_are_none(void **state)
{
  guint32 tiles[9];
  HysacChangeCount sum;
  for (guint i = 0; i < 9; i++)
    tiles[i] = 77u << 8 | i;
  assert_true(hysac_change_sum(tiles, 9, 77, &sum));
  assert_int_equal(sum.pixels, 36);
  assert_int_equal(sum.most, 8);
  assert_true(hysac_change_sum(tiles, 9, 77u | 1u << 24, &sum)); /* 24 bits count */
  assert_false(hysac_change_sum(tiles, 9, 78, &sum));
  tiles[8] = 76u << 8;
  assert_false(hysac_change_sum(tiles, 9, 77, &sum));
  tiles[8] = 77u << 8 | 65; /* more than a tile has */
  assert_false(hysac_change_sum(tiles, 9, 77, &sum));
  assert_false(hysac_change_sum(tiles, 0, 77, &sum));
}

static void
budget_to_the_pixel(void **state)
{
  for (guint budget = 0; budget < 20; budget++) {
    assert_true(hysac_change_is_within(&(HysacChangeCount){ budget, MIN(budget, 8) }, budget));
    assert_false(hysac_change_is_within(&(HysacChangeCount){ budget + 1, MIN(budget + 1, 8) }, budget));
  }
  assert_true(hysac_change_is_within(&(HysacChangeCount){ 8, 8 }, G_MAXUINT));
  assert_false(hysac_change_is_within(&(HysacChangeCount){ 9, 9 }, G_MAXUINT));
}

/* No budget hides a solid square of 5 x 5 pixels, wherever it is; one of 4 x 4 between tiles it may. */
static void
small_pictures_do_not_hide(void **state)
{
  const guint grid = 4, patch = 8, side = 32;
  const gsize bytes = bytes_of(grid, patch);
  g_autofree guint8 *a = g_malloc0(bytes), *b = g_malloc(bytes);
  guint hidden = 0;
  for (guint size = 4; size <= 5; size++) {
    for (guint i = 0; i < (side - size + 1) * (side - size + 1); i++) {
      const guint x0 = i % (side - size + 1), y0 = i / (side - size + 1);
      guint32 tiles[16];
      HysacChangeCount sum;
      memcpy(b, a, bytes);
      for (guint p = 0; p < size * size; p++)
        b[place(grid, patch, x0 + p % size, y0 + p / size, p % 3)] = 9;
      hysac_change_reference(a, b, grid, patch, 8, 1, tiles);
      assert_true(hysac_change_sum(tiles, 16, 1, &sum));
      assert_int_equal(sum.pixels, size * size);
      if (size == 5)
        assert_false(hysac_change_is_within(&sum, G_MAXUINT));
      else
        hidden += hysac_change_is_within(&sum, G_MAXUINT);
    }
  }
  assert_true(hidden > 0);
}

static int
by_value(const void *a, const void *b)
{
  const gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
  return (x > y) - (x < y);
}

/* A whole comparison, from its enqueueing until its result is there. */
static void
bench(void **state)
{
  for (guint s = 0; s < 5; s++) {
    const guint grid = shapes[s].grid, patch = shapes[s].patch;
    const gsize bytes = bytes_of(grid, patch);
    g_autofree guint8 *zeros = g_malloc0(bytes);
    guint32 tiles[MAX_TILES] = { 0 };
    gint64 times[51];
    g_autoptr(GError) error = NULL;
    HysacChange *change = hysac_change_new(device, grid, patch, &error);
    assert_non_null(change);
    cl_mem a = upload(zeros, bytes), b = upload(zeros, bytes), result = upload(tiles, sizeof tiles);
    for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
      cl_event done;
      const gint64 start = g_get_monotonic_time();
      assert_true(hysac_change_enqueue(change, queue, a, b, 2, i, result, tiles, &done, &error));
      clWaitForEvents(1, &done);
      times[i] = g_get_monotonic_time() - start;
      clReleaseEvent(done);
    }
    qsort(times, G_N_ELEMENTS(times), sizeof *times, by_value);
    print_message("# bench change %u x %u: median %.3f ms, best %.3f\n", grid * patch, grid * patch,
                  (double) times[25] / 1e3, (double) times[0] / 1e3);
    clReleaseMemObject(a);
    clReleaseMemObject(b);
    clReleaseMemObject(result);
    hysac_change_free(change);
  }
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest benches[] = { cmocka_unit_test(bench) };
  if (argc > 1 && g_str_equal(argv[1], "--bench"))
    return cmocka_run_group_tests(benches, set_up, tear_down);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(kernel_counts_like_plain_c), cmocka_unit_test(no_byte_is_overlooked),
    cmocka_unit_test(stale_results_are_none),     cmocka_unit_test(budget_to_the_pixel),
    cmocka_unit_test(small_pictures_do_not_hide),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
