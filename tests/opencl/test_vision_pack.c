/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A tower that comes packed from the disk: the same bits, in every precision; never another model's, and
 * packed anew where the file is not what it was. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "opencl/vision.h"
#include "synth.h"

#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIM 24

static const HysacVisionConfig shape = { .image_size = 28, .patch_size = 7, .width = 40, .heads = 5,
                                         .mlp_width = 96, .layers = 2, .projection = DIM };
static HysacDevice *device;
static char *home, *packed, *model_dir;
static gboolean refuse_pointers; /* the driver does not take the host's memory */
static guint pointers;

/* Packed weights in memory. The driver's threads free some. */
static gint live;

void *__real_hysac_pages_new(gsize);
void *__wrap_hysac_pages_new(gsize);
void __real_hysac_pages_free(void *, gsize);
void __wrap_hysac_pages_free(void *, gsize);

void *
__wrap_hysac_pages_new(gsize bytes)
{
  void *pages = __real_hysac_pages_new(bytes);
  if (pages != NULL)
    g_atomic_int_inc(&live);
  return pages;
}

void
__wrap_hysac_pages_free(void *pages, gsize bytes)
{
  __real_hysac_pages_free(pages, bytes);
  if (pages != NULL)
    g_atomic_int_add(&live, -1);
}

cl_mem __real_clCreateBuffer(cl_context, cl_mem_flags, size_t, void *, cl_int *);
cl_mem __wrap_clCreateBuffer(cl_context, cl_mem_flags, size_t, void *, cl_int *);

cl_mem
__wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code)
{
  if (flags & CL_MEM_USE_HOST_PTR) {
    pointers++;
    if (refuse_pointers) {
      *code = CL_INVALID_HOST_PTR;
      return NULL;
    }
  }
  return __real_clCreateBuffer(context, flags, size, host, code);
}

typedef struct {
  gboolean was_packed;
  HysacVisionAccuracy accuracy;
  float features[DIM];
} Result;

static Result
start(const char *dir, HysacPrecision precision, gboolean store)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) model = hysac_model_load(dir, &error);
  if (model == NULL)
    fail_msg("%s", error->message);
  HysacVision *vision = hysac_vision_new(device, model, precision, 2, NULL, NULL, &error);
  if (vision == NULL)
    fail_msg("%s", error->message);
  Result result = { .was_packed = hysac_vision_was_packed(vision),
                    .accuracy = hysac_vision_accuracy(vision) };
  gsize bytes = hysac_vision_patch_bytes(vision);
  g_autofree guint8 *patches = g_malloc(bytes);
  for (gsize i = 0; i < bytes; i++)
    patches[i] = (guint8) (((guint32) i * 2654435761u) >> 24);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  assert_int_equal(clEnqueueWriteBuffer(queue, hysac_vision_patches(vision), CL_TRUE, 0, bytes, patches, 0,
                                        NULL, NULL), CL_SUCCESS);
  assert_true(hysac_vision_enqueue(vision, queue, hysac_vision_patches(vision), 1, &error));
  assert_int_equal(clEnqueueReadBuffer(queue, hysac_vision_features(vision), CL_TRUE, 0,
                                       sizeof result.features, result.features, 0, NULL, NULL), CL_SUCCESS);
  clReleaseCommandQueue(queue);
  if (store)
    hysac_vision_store(vision);
  if (result.was_packed && hysac_device_limits(device)->host_cpu && !refuse_pointers)
    assert_int_equal(g_atomic_int_get(&live), 1);
  hysac_vision_free(vision);
  /* The driver's threads may hold a buffer a moment longer. */
  for (guint i = 0; g_atomic_int_get(&live) != 0 && i < 5000; i++)
    g_usleep(1000);
  assert_int_equal(g_atomic_int_get(&live), 0);
  return result;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  return remove(path);
}

static int
empty(void **state)
{
  nftw(packed, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  refuse_pointers = FALSE;
  pointers = 0;
  return 0;
}

static char *
only_pack(void)
{
  g_autoptr(GDir) files = g_dir_open(packed, 0, NULL);
  const char *name;
  char *found = NULL;
  while (files != NULL && (name = g_dir_read_name(files)) != NULL) {
    if (!g_str_has_suffix(name, ".pack"))
      continue;
    assert_null(found);
    found = g_build_filename(packed, name, NULL);
  }
  return found;
}

static void
same_bits(void **state)
{
  static const HysacPrecision precisions[] = { HYSAC_PRECISION_FP32, HYSAC_PRECISION_BF16,
                                               HYSAC_PRECISION_INT8 };
  for (guint i = 0; i < G_N_ELEMENTS(precisions); i++) {
    Result first = start(model_dir, precisions[i], TRUE);
    assert_false(first.was_packed);
    pointers = 0;
    Result second = start(model_dir, precisions[i], TRUE);
    assert_true(second.was_packed);
    assert_memory_equal(first.features, second.features, sizeof first.features);
    assert_memory_equal(&first.accuracy, &second.accuracy, sizeof first.accuracy);
    if (hysac_device_limits(device)->host_unified)
      assert_true(pointers > 0);
    /* A driver that does not take the host's memory is given a copy. */
    refuse_pointers = TRUE;
    Result third = start(model_dir, precisions[i], TRUE);
    refuse_pointers = FALSE;
    assert_true(third.was_packed);
    assert_memory_equal(first.features, third.features, sizeof first.features);
  }
}

/* Not stored: nothing is there. Switched off: not looked for. */
static void
asked_for(void **state)
{
  assert_false(start(model_dir, HYSAC_PRECISION_FP32, FALSE).was_packed);
  assert_false(start(model_dir, HYSAC_PRECISION_FP32, TRUE).was_packed);
  g_setenv("HYSAC_CACHE", "programs", TRUE);
  assert_false(start(model_dir, HYSAC_PRECISION_FP32, TRUE).was_packed);
  g_unsetenv("HYSAC_CACHE");
  assert_true(start(model_dir, HYSAC_PRECISION_FP32, TRUE).was_packed);
  g_setenv("HYSAC_VARIANT", "portable", TRUE);
  assert_false(start(model_dir, HYSAC_PRECISION_FP32, FALSE).was_packed); /* another layout */
  g_unsetenv("HYSAC_VARIANT");
}

static void
damaged(void **state)
{
  Result first = start(model_dir, HYSAC_PRECISION_FP32, TRUE);
  for (guint i = 0; i < 3; i++) {
    g_autofree char *path = only_pack();
    struct stat st;
    assert_non_null(path);
    assert_int_equal(stat(path, &st), 0);
    if (i == 0) {
      int fd = open(path, O_RDWR);
      char c;
      assert_int_equal(pread(fd, &c, 1, 3 * 4096 + 5), 1);
      c ^= 4;
      assert_int_equal(pwrite(fd, &c, 1, 3 * 4096 + 5), 1);
      close(fd);
    } else if (i == 1) {
      assert_int_equal(truncate(path, st.st_size - 4096), 0);
    } else {
      assert_true(g_file_set_contents(path, "rubbish", -1, NULL));
    }
    Result second = start(model_dir, HYSAC_PRECISION_FP32, TRUE);
    assert_false(second.was_packed);
    assert_memory_equal(first.features, second.features, sizeof first.features);
    assert_true(start(model_dir, HYSAC_PRECISION_FP32, TRUE).was_packed); /* written anew */
  }
}

/* Weights that are exchanged under the same name; the same weights under another. */
static void
other_weights(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *copy = g_build_filename(home, "copy", NULL);
  Result first = start(model_dir, HYSAC_PRECISION_FP32, TRUE);
  if (!synth_write(copy, &shape, 1, &error))
    fail_msg("%s", error->message);
  assert_false(start(copy, HYSAC_PRECISION_FP32, TRUE).was_packed); /* not known to be the same yet */
  g_autofree char *one = only_pack();
  assert_non_null(one);
  assert_true(start(copy, HYSAC_PRECISION_FP32, TRUE).was_packed);

  g_autofree char *weights = g_build_filename(copy, "model.safetensors", NULL);
  struct stat before;
  assert_int_equal(stat(weights, &before), 0);
  if (!synth_write(copy, &shape, 2, &error))
    fail_msg("%s", error->message);
  /* As old as before: only the inode's own time tells. */
  assert_int_equal(utimensat(AT_FDCWD, weights, (struct timespec[2]){ before.st_atim, before.st_mtim }, 0), 0);
  Result other = start(copy, HYSAC_PRECISION_FP32, TRUE);
  assert_false(other.was_packed);
  assert_memory_not_equal(first.features, other.features, sizeof first.features);
  Result again = start(copy, HYSAC_PRECISION_FP32, TRUE);
  assert_true(again.was_packed);
  assert_memory_equal(other.features, again.features, sizeof other.features);
  assert_memory_equal(start(model_dir, HYSAC_PRECISION_FP32, TRUE).features, first.features,
                      sizeof first.features);
  synth_remove(copy);
}

static int
set_up(void **state)
{
  g_autoptr(GError) error = NULL;
  g_unsetenv("HYSAC_CACHE");
  home = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  packed = g_build_filename(home, "gst-hysac", "packed", NULL);
  model_dir = g_build_filename(home, "model", NULL);
  g_setenv("XDG_CACHE_HOME", home, TRUE);
  /* PoCL's own cache stays from run to run: what is tested is ours. */
  g_autofree char *pocl = g_build_filename(g_get_tmp_dir(), "hysac-test-pocl", NULL);
  g_setenv("POCL_CACHE_DIR", pocl, FALSE);
  if (!synth_write(model_dir, &shape, 1, &error) ||
      (device = hysac_device_open(g_getenv("HYSAC_TEST_DEVICE"), &error)) == NULL) {
    print_message("# %s\n", error->message);
    return -1;
  }
  return 0;
}

static int
tear_down(void **state)
{
  hysac_device_unref(device);
  nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  g_free(home);
  g_free(packed);
  g_free(model_dir);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(same_bits, empty),
    cmocka_unit_test_setup(asked_for, empty),
    cmocka_unit_test_setup(damaged, empty),
    cmocka_unit_test_setup(other_weights, empty),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
