/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs and their disk cache: a kernel runs; entries that are corrupt are misses; a cache that
 * cannot be used is one warning. The cases of a bad folder run in a process of their own, because
 * GLib reads the environment once. */

#include "opencl/device_private.h"

#include <glib/gstdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N 100

static char *program_path;
static char *cache_home;
static gint warnings, hits, compiled, corrupt;

static void
count_logs(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if (level & G_LOG_LEVEL_WARNING)
    g_atomic_int_inc(&warnings);
  if (strstr(message, "from the cache"))
    g_atomic_int_inc(&hits);
  if (strstr(message, " compiled in "))
    g_atomic_int_inc(&compiled);
  if (strstr(message, "corrupt entry"))
    g_atomic_int_inc(&corrupt);
}

/* Builds the probe kernel with @options and returns its scale as it ran, -1 where something failed. */
static int
run_probe(const char *options)
{
  g_autoptr(HysacDevice) device = hysac_device_open(NULL, NULL);
  if (device == NULL)
    return -1;
  g_autoptr(GError) error = NULL;
  cl_program program = hysac_program_build(device, "probe", options, &error);
  if (program == NULL)
    return -1;
  int in[N], out[N];
  for (int i = 0; i < N; i++)
    in[i] = 1000 - i;
  cl_int code;
  cl_context context = hysac_device_context(device);
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, &error);
  cl_mem a = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, sizeof in, in, &code);
  cl_mem b = clCreateBuffer(context, CL_MEM_WRITE_ONLY, sizeof out, NULL, &code);
  cl_kernel kernel = clCreateKernel(program, "probe", &code);
  size_t n = N;
  int scale = -1;
  if (kernel != NULL && clSetKernelArg(kernel, 0, sizeof a, &a) == 0 &&
      clSetKernelArg(kernel, 1, sizeof b, &b) == 0 &&
      clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &n, NULL, 0, NULL, NULL) == 0 &&
      clEnqueueReadBuffer(queue, b, CL_TRUE, 0, sizeof out, out, 0, NULL, NULL) == 0)
    scale = out[1] - in[1];
  for (int i = 0; i < N && scale != -1; i++) {
    if (out[i] != scale * i + in[i])
      scale = -1;
  }
  clReleaseKernel(kernel);
  clReleaseMemObject(a);
  clReleaseMemObject(b);
  clReleaseCommandQueue(queue);
  clReleaseProgram(program);
  return scale;
}

static char *
cache_path(void)
{
  return g_build_filename(cache_home, "gst-hysac", "cl", NULL);
}

/* The only .bin file of the cache; NULL where there is none. */
static char *
only_entry(void)
{
  g_autofree char *dir = cache_path();
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  char *path = NULL;
  const char *name;
  while (files != NULL && (name = g_dir_read_name(files)) != NULL) {
    assert_true(g_str_has_suffix(name, ".bin")); /* no temporary file stays */
    assert_null(path);
    path = g_build_filename(dir, name, NULL);
  }
  return path;
}

static int
empty_cache(void **state)
{
  g_autofree char *dir = cache_path();
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  const char *name;
  while (files != NULL && (name = g_dir_read_name(files)) != NULL) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_remove(path);
  }
  warnings = hits = compiled = corrupt = 0;
  return 0;
}

static void
kernel_runs(void **state)
{
  assert_int_equal(run_probe(NULL), 3);
  assert_int_equal(run_probe("-DSCALE=7"), 7);
  assert_int_equal(compiled, 2);
  assert_int_equal(warnings, 0);
}

static void
second_build_is_a_hit(void **state)
{
  assert_int_equal(run_probe("-DSCALE=5"), 5);
  assert_int_equal(compiled, 1);
  assert_int_equal(hits, 0);
  g_autofree char *entry = only_entry();
  assert_non_null(entry);
  g_autofree char *dir = cache_path();
  struct stat st;
  assert_int_equal(stat(dir, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
  assert_int_equal(stat(entry, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);

  assert_int_equal(run_probe("-DSCALE=5"), 5);
  assert_int_equal(hits, 1);
  assert_int_equal(run_probe("-DSCALE=6"), 6); /* other options: another entry */
  assert_int_equal(hits, 1);
  assert_int_equal(compiled, 2);
}

static void
corrupt_entries_are_misses(void **state)
{
  assert_int_equal(run_probe("-DSCALE=9"), 9);
  g_autofree char *entry = only_entry();
  g_autofree char *good = NULL;
  gsize n;
  assert_true(g_file_get_contents(entry, &good, &n, NULL));
  assert_true(n > 56);
  g_autofree char *base = g_path_get_basename(entry);
  g_autofree char *key = g_strndup(base, strlen(base) - strlen(".bin"));
  g_autoptr(GBytes) whole = hysac_program_cache_load(key);
  assert_non_null(whole);
  assert_int_equal(g_bytes_get_size(whole), n - 56);
  /* Every field of the header, the payload, and wrong lengths. */
  const gssize flips[] = { 0, 8, 12, 16, 23, 24, 55, 56, (gssize) n - 1 };
  const gsize lengths[] = { 0, 1, 55, 56, 57, n - 1 };
  guint n_bad = G_N_ELEMENTS(flips) + G_N_ELEMENTS(lengths);
  for (guint i = 0; i < n_bad; i++) {
    g_autofree char *copy = g_memdup2(good, n);
    gsize length = n;
    if (i < G_N_ELEMENTS(flips))
      copy[flips[i]] ^= 1;
    else
      length = lengths[i - G_N_ELEMENTS(flips)];
    assert_true(g_file_set_contents(entry, copy, (gssize) length, NULL));
    assert_null(hysac_program_cache_load(key));
    assert_int_equal(corrupt, i + 1);
  }
  /* The last bad one is still there: compiled, and written anew. */
  hits = compiled = 0;
  assert_int_equal(run_probe("-DSCALE=9"), 9);
  assert_int_equal(hits, 0);
  assert_int_equal(compiled, 1);
  assert_int_equal(run_probe("-DSCALE=9"), 9);
  assert_int_equal(hits, 1);
  assert_int_equal(warnings, 0);
}

/* A whole entry that holds no program of the driver's: refused, dropped, compiled. */
static void
entry_the_driver_refuses_is_a_miss(void **state)
{
  assert_int_equal(run_probe("-DSCALE=11"), 11);
  g_autofree char *entry = only_entry();
  g_autofree char *data = NULL;
  gsize n;
  assert_true(g_file_get_contents(entry, &data, &n, NULL));
  memset(data + 56, 0x5a, n - 56);
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  gsize length = 32;
  g_checksum_update(checksum, (guchar *) data + 56, (gssize) n - 56);
  g_checksum_get_digest(checksum, (guint8 *) data + 24, &length);
  assert_true(g_file_set_contents(entry, data, (gssize) n, NULL));
  compiled = 0;
  assert_int_equal(run_probe("-DSCALE=11"), 11);
  assert_int_equal(corrupt, 0); /* the header was right */
  assert_int_equal(compiled, 1);
  assert_int_equal(run_probe("-DSCALE=11"), 11);
  assert_int_equal(hits, 1);
}

/* Old entries go when there are too many, and what a writer left that died; the latest stay. */
static void
old_entries_are_pruned(void **state)
{
  g_autofree char *dir = cache_path();
  const struct timespec old[2] = { { 1000000, 0 }, { 1000000, 0 } };
  for (guint i = 0; i < 250; i++) {
    g_autofree char *path = g_strdup_printf("%s/%s%03u%s", dir, i < 3 ? "tmp-" : "", i, i < 3 ? "" : ".bin");
    assert_true(g_file_set_contents(path, "x", 1, NULL));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
  }
  g_autofree char *young = g_build_filename(dir, "tmp-young", NULL);
  assert_true(g_file_set_contents(young, "x", 1, NULL));
  assert_int_equal(run_probe("-DSCALE=15"), 15);
  guint n_entries = 0, n_tmp = 0;
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name(files)) != NULL) {
    n_entries += g_str_has_suffix(name, ".bin");
    n_tmp += g_str_has_prefix(name, "tmp-");
  }
  assert_int_equal(n_entries, 150);
  assert_int_equal(n_tmp, 1); /* the young one: somebody writes it */
  assert_int_equal(run_probe("-DSCALE=15"), 15);
  assert_int_equal(hits, 1);
}

static void
open_folder_is_closed_to_others(void **state)
{
  g_autofree char *dir = cache_path();
  struct stat st;
  assert_int_equal(g_chmod(dir, 0777), 0);
  assert_int_equal(run_probe("-DSCALE=13"), 13);
  assert_int_equal(stat(dir, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
}

static void
kernel_dir_overrides(void **state)
{
  g_autofree char *dir = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "probe.cl", NULL);
  g_autofree char *broken = g_build_filename(dir, "broken.cl", NULL);
  assert_true(g_file_set_contents(path,
                                  "kernel void probe(global const int *in, global int *out)\n"
                                  "{ int i = get_global_id(0); out[i] = 17 * i + in[i]; }\n",
                                  -1, NULL));
  assert_true(g_file_set_contents(broken, "kernel void f() { no_such_thing(1) }\n", -1, NULL));
  g_setenv("HYSAC_KERNEL_DIR", dir, TRUE);
  assert_int_equal(run_probe(NULL), 17);

  g_autoptr(HysacDevice) device = hysac_device_open(NULL, NULL);
  g_autoptr(GError) error = NULL;
  assert_null(hysac_program_build(device, "broken", "-DA=1", &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_BUILD));
  assert_non_null(strstr(error->message, "\"broken\""));
  assert_non_null(strstr(error->message, "-DA=1"));
  assert_non_null(strstr(error->message, "no_such_thing")); /* the build log */

  g_unsetenv("HYSAC_KERNEL_DIR");
  assert_int_equal(run_probe(NULL), 3);
  g_remove(path);
  g_remove(broken);
  g_rmdir(dir);
}

static void
unknown_source_is_an_error(void **state)
{
  g_autoptr(HysacDevice) device = hysac_device_open(NULL, NULL);
  g_autoptr(GError) error = NULL;
  assert_null(hysac_program_build(device, "no_such_kernel", NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_BUILD));
  assert_non_null(strstr(error->message, "no_such_kernel"));
}

static gpointer
build_many(gpointer data)
{
  for (int i = 0; i < 2; i++) {
    g_autofree char *options = g_strdup_printf("-DSCALE=%d", 20 + i);
    if (run_probe(options) != 20 + i)
      return GINT_TO_POINTER(1);
  }
  return NULL;
}

static void
threads_build_at_once(void **state)
{
  GThread *threads[4];
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new("build", build_many, NULL);
  for (guint i = 0; i < 4; i++)
    assert_null(g_thread_join(threads[i]));
  assert_int_equal(compiled, 2);
  assert_int_equal(hits, 6);
}

/* In a process of its own: the folder cannot be used, everything works, one warning. */
static int
case_unusable(void)
{
  if (run_probe("-DSCALE=31") != 31 || run_probe("-DSCALE=31") != 31)
    return 1;
  if (hits != 0)
    return 2;
  return warnings == 1 ? 0 : 3;
}

static void
run_unusable(const char *cache, const char *home, const char *pocl)
{
  char *argv[] = { program_path, (char *) "unusable", NULL };
  g_auto(GStrv) envp = g_get_environ();
  envp = cache ? g_environ_setenv(envp, "XDG_CACHE_HOME", cache, TRUE)
               : g_environ_unsetenv(envp, "XDG_CACHE_HOME");
  envp = pocl ? g_environ_setenv(envp, "POCL_CACHE_DIR", pocl, TRUE)
              : g_environ_unsetenv(envp, "POCL_CACHE_DIR");
  if (home != NULL)
    envp = g_environ_setenv(envp, "HOME", home, TRUE);
  int status = -1;
  g_autofree char *err = NULL;
  g_autoptr(GError) error = NULL;
  assert_true(g_spawn_sync(NULL, argv, envp, 0, NULL, NULL, NULL, &err, &status, &error));
  if (!g_spawn_check_wait_status(status, &error))
    fail_msg("%s: %s", error->message, err);
}

static void
unusable_cache_is_one_warning(void **state)
{
  /* Below a file: no folder can be made there, not even by root. */
  g_autofree char *file = g_build_filename(cache_home, "file", NULL);
  assert_true(g_file_set_contents(file, "x", 1, NULL));
  g_autofree char *below = g_build_filename(file, "cache", NULL);
  g_autofree char *pocl = g_build_filename(g_get_tmp_dir(), "hysac-test-pocl", NULL);
  run_unusable(below, NULL, pocl);
  /* No home worth the name, and PoCL has no cache of its own either. */
  run_unusable(NULL, "/dev/null", NULL);

  /* The folder is a link to somebody's place, or not a folder. */
  g_autofree char *home = g_build_filename(cache_home, "other", "gst-hysac", NULL);
  g_autofree char *root = g_path_get_dirname(home);
  g_autofree char *link = g_build_filename(home, "cl", NULL);
  assert_int_equal(g_mkdir_with_parents(home, 0700), 0);
  assert_int_equal(symlink(cache_home, link), 0);
  run_unusable(root, NULL, pocl);
  assert_int_equal(g_remove(link), 0);
  assert_true(g_file_set_contents(link, "x", 1, NULL));
  run_unusable(root, NULL, pocl);
  g_remove(link);
  g_rmdir(home);
  g_rmdir(root);
  g_remove(file);
}

int
main(int argc, char **argv)
{
  program_path = argv[0];
  g_log_set_handler("hysac", G_LOG_LEVEL_MASK, count_logs, NULL);
  if (argc == 2 && strcmp(argv[1], "unusable") == 0)
    return case_unusable();
  cache_home = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  g_setenv("XDG_CACHE_HOME", cache_home, TRUE);
  /* PoCL's own cache stays from run to run: what is tested is ours. */
  g_autofree char *pocl = g_build_filename(g_get_tmp_dir(), "hysac-test-pocl", NULL);
  g_setenv("POCL_CACHE_DIR", pocl, FALSE);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(kernel_runs, empty_cache),
    cmocka_unit_test_setup(second_build_is_a_hit, empty_cache),
    cmocka_unit_test_setup(corrupt_entries_are_misses, empty_cache),
    cmocka_unit_test_setup(entry_the_driver_refuses_is_a_miss, empty_cache),
    cmocka_unit_test_setup(old_entries_are_pruned, empty_cache),
    cmocka_unit_test_setup(open_folder_is_closed_to_others, empty_cache),
    cmocka_unit_test_setup(kernel_dir_overrides, empty_cache),
    cmocka_unit_test_setup(unknown_source_is_an_error, empty_cache),
    cmocka_unit_test_setup(threads_build_at_once, empty_cache),
    cmocka_unit_test_setup(unusable_cache_is_one_warning, empty_cache),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  empty_cache(NULL);
  g_autofree char *cl = cache_path();
  g_autofree char *hysac = g_path_get_dirname(cl);
  g_rmdir(cl);
  g_rmdir(hysac);
  g_rmdir(cache_home);
  g_free(cache_home);
  return failed;
}
