/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices: the list, the choice, the registry, and systems without any. Some cases need another
 * environment for the loader, so the program runs itself again with the case's name. */

#include "opencl/cl.h"

#include <glib/gstdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static char *program_path;

static void
expect_error(HysacDevice *device, GError *error, int code, const char *part)
{
  assert_null(device);
  assert_non_null(error);
  assert_true(g_error_matches(error, HYSAC_ERROR, code));
  if (strstr(error->message, part) == NULL)
    fail_msg("\"%s\" is not in: %s", part, error->message);
  g_error_free(error);
}

static void
list_is_complete(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) list = hysac_device_list(&error);
  assert_null(error);
  assert_non_null(list);
  assert_true(list->len >= 1);
  for (guint i = 0; i < list->len; i++) {
    const HysacDeviceInfo *info = list->pdata[i];
    assert_int_equal(info->index, i);
    assert_true(info->name[0] && info->platform[0] && info->driver[0] && info->why[0]);
    assert_true(info->compute_units >= 1);
    assert_true(info->memory > 0);
  }
}

static void
auto_takes_the_best(void **state)
{
  g_autoptr(GPtrArray) list = hysac_device_list(NULL);
  const HysacDeviceInfo *best = list->pdata[0];
  for (guint i = 1; i < list->len; i++) {
    const HysacDeviceInfo *info = list->pdata[i];
    if (info->score > best->score)
      best = info;
  }
  const char *choices[] = { NULL, "", "auto", "AUTO" };
  for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(HysacDevice) device = hysac_device_open(choices[i], &error);
    assert_null(error);
    assert_int_equal(hysac_device_get_info(device)->index, best->index);
  }
}

static void
choice_by_index_and_name(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacDevice) device = hysac_device_open("0", &error);
  assert_null(error);
  const char *name = hysac_device_get_info(device)->name;
  g_autofree char *upper = g_ascii_strup(name, -1);
  g_autoptr(HysacDevice) by_name = hysac_device_open(upper, &error);
  assert_null(error);
  assert_ptr_equal(by_name, device); /* one context a device */
  g_autofree char *part = g_strndup(name, MAX(strlen(name) / 2, 1));
  g_autoptr(GPtrArray) list = hysac_device_list(NULL);
  if (list->len == 1) {
    g_autoptr(HysacDevice) by_part = hysac_device_open(part, &error);
    assert_null(error);
    assert_ptr_equal(by_part, device);
  }
}

static void
unknown_choice_lists_what_there_is(void **state)
{
  g_autoptr(GPtrArray) list = hysac_device_list(NULL);
  const HysacDeviceInfo *first = list->pdata[0];
  const char *choices[] = { "999", "99999999999999999999999", "no such device", "0x0", "1 " };
  for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
    GError *error = NULL;
    HysacDevice *device = hysac_device_open(choices[i], &error);
    expect_error(device, error, HYSAC_ERROR_NO_DEVICE, first->name);
  }
}

static void
registry_frees_and_reopens(void **state)
{
  g_autoptr(GError) error = NULL;
  HysacDevice *a = hysac_device_open(NULL, &error);
  assert_null(error);
  cl_context context = hysac_device_context(a);
  cl_uint refs = 0;
  assert_ptr_equal(hysac_device_ref(a), a);
  hysac_device_unref(a);
  assert_int_equal(clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof refs, &refs, NULL), 0);
  assert_int_equal(refs, 1);
  clRetainContext(context); /* ours: the registry's own reference goes with the last unref */
  hysac_device_unref(a);
  assert_int_equal(clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof refs, &refs, NULL), 0);
  assert_int_equal(refs, 1);
  clReleaseContext(context);
  HysacDevice *b = hysac_device_open(NULL, &error);
  assert_null(error);
  hysac_device_unref(b);
  hysac_device_unref(NULL);
}

static gpointer
open_and_close(gpointer data)
{
  for (guint i = 0; i < 50; i++) {
    g_autoptr(HysacDevice) device = hysac_device_open(NULL, NULL);
    if (device == NULL)
      return GINT_TO_POINTER(1);
    g_autoptr(HysacDevice) again = hysac_device_open("0", NULL);
    if (again == NULL)
      return GINT_TO_POINTER(1);
  }
  return NULL;
}

static void
threads_share_the_registry(void **state)
{
  GThread *threads[4];
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new("open", open_and_close, NULL);
  for (guint i = 0; i < 4; i++)
    assert_null(g_thread_join(threads[i]));
}

static void
limits_are_sane(void **state)
{
  g_autoptr(HysacDevice) device = hysac_device_open(NULL, NULL);
  assert_non_null(device);
  const HysacDeviceLimits *limits = hysac_device_limits(device);
  assert_true(limits->compute_units >= 1 && limits->max_work_group >= 1);
  assert_true(limits->max_alloc > 0 && limits->max_alloc <= limits->global_memory);
  assert_true(limits->mem_align >= 1 && limits->mem_align <= 65536);
  if (!limits->host_cpu)
    assert_false(limits->avx2 || limits->avx512f || limits->avx512_bf16 || limits->avx512_vnni);
  if (limits->avx512_bf16 || limits->avx512_vnni)
    assert_true(limits->avx512f);
#if defined(__x86_64__)
  /* PoCL on x86 names the very processor we run on. */
  if (strstr(hysac_device_get_info(device)->platform, "Portable Computing Language") &&
      limits->type == CL_DEVICE_TYPE_CPU)
    assert_true(limits->host_cpu);
#endif
}

static void
errors_name_call_and_code(void **state)
{
  static const struct {
    cl_int code;
    int error;
    const char *text;
  } cases[] = {
    { CL_OUT_OF_RESOURCES, HYSAC_ERROR_OUT_OF_MEMORY, "CL_OUT_OF_RESOURCES (-5)" },
    { CL_MEM_OBJECT_ALLOCATION_FAILURE, HYSAC_ERROR_OUT_OF_MEMORY, "CL_MEM_OBJECT_ALLOCATION_FAILURE" },
    { CL_DEVICE_NOT_AVAILABLE, HYSAC_ERROR_DEVICE_LOST, "CL_DEVICE_NOT_AVAILABLE" },
    { CL_INVALID_VALUE, HYSAC_ERROR_DEVICE, "CL_INVALID_VALUE" },
    { CL_BUILD_PROGRAM_FAILURE, HYSAC_ERROR_BUILD, "CL_BUILD_PROGRAM_FAILURE" },
    { -4242, HYSAC_ERROR_DEVICE, "unknown OpenCL error (-4242)" },
  };
  g_autoptr(GError) none = NULL;
  assert_true(HYSAC_CL(CL_SUCCESS, "clNothing", &none));
  assert_null(none);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    assert_false(HYSAC_CL(cases[i].code, "clSomething", &error));
    assert_true(g_error_matches(error, HYSAC_ERROR, cases[i].error));
    assert_non_null(strstr(error->message, "clSomething"));
    assert_non_null(strstr(error->message, cases[i].text));
    assert_non_null(strstr(error->message, "test_device.c:"));
    assert_false(HYSAC_CL(cases[i].code, "clSomething", NULL));
  }
}

/* Runs the case @name of this program under @variable=@value. */
static void
run_case(const char *name, const char *variable, const char *value)
{
  char *argv[] = { program_path, (char *) name, NULL };
  g_auto(GStrv) envp = g_environ_setenv(g_get_environ(), variable, value, TRUE);
  g_autoptr(GError) error = NULL;
  int status = -1;
  g_autofree char *err = NULL;
  assert_true(g_spawn_sync(NULL, argv, envp, 0, NULL, NULL, NULL, &err, &status, &error));
  if (!g_spawn_check_wait_status(status, &error))
    fail_msg("%s: %s: %s", name, error->message, err);
}

static int
case_no_platform(void)
{
  GError *error = NULL;
  g_autoptr(GPtrArray) list = hysac_device_list(&error);
  if (list != NULL || !g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE) ||
      strstr(error->message, "pocl-opencl-icd") == NULL)
    return 1;
  g_clear_error(&error);
  if (hysac_device_open(NULL, &error) != NULL ||
      !g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE))
    return 2;
  g_clear_error(&error);
  return 0;
}

static void
no_platform_is_an_error_with_a_remedy(void **state)
{
  g_autofree char *dir = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  run_case("no-platform", "OCL_ICD_VENDORS", dir);
  g_rmdir(dir);
}

/* PoCL can offer the same processor twice: two devices of one name. */
static int
case_twins(void)
{
  g_autoptr(GPtrArray) list = hysac_device_list(NULL);
  if (list == NULL || list->len != 2)
    return 1;
  const HysacDeviceInfo *info = list->pdata[1];
  GError *error = NULL;
  if (hysac_device_open(info->name, &error) != NULL ||
      !g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE) ||
      strstr(error->message, "more than one") == NULL || strstr(error->message, "1: ") == NULL)
    return 2;
  g_clear_error(&error);
  g_autoptr(HysacDevice) first = hysac_device_open("0", NULL);
  g_autoptr(HysacDevice) second = hysac_device_open("1", NULL);
  g_autoptr(HysacDevice) best = hysac_device_open(NULL, NULL);
  if (first == NULL || second == NULL || first == second || best != first)
    return 3;
  return hysac_device_get_info(second)->index == 1 ? 0 : 4;
}

static void
ambiguous_name_is_an_error(void **state)
{
  g_autoptr(GPtrArray) list = hysac_device_list(NULL);
  const HysacDeviceInfo *info = list->pdata[0];
  if (list->len != 1 || strstr(info->platform, "Portable Computing Language") == NULL)
    skip();
  g_auto(GStrv) parts = g_strsplit(info->name, "-", 2);
  g_autofree char *twice = g_strdup_printf("%s %s", parts[0], parts[0]);
  run_case("twins", "POCL_DEVICES", twice);
}

int
main(int argc, char **argv)
{
  program_path = argv[0];
  if (argc == 2 && strcmp(argv[1], "no-platform") == 0)
    return case_no_platform();
  if (argc == 2 && strcmp(argv[1], "twins") == 0)
    return case_twins();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(list_is_complete),
    cmocka_unit_test(auto_takes_the_best),
    cmocka_unit_test(choice_by_index_and_name),
    cmocka_unit_test(unknown_choice_lists_what_there_is),
    cmocka_unit_test(registry_frees_and_reopens),
    cmocka_unit_test(threads_share_the_registry),
    cmocka_unit_test(limits_are_sane),
    cmocka_unit_test(errors_name_call_and_code),
    cmocka_unit_test(no_platform_is_an_error_with_a_remedy),
    cmocka_unit_test(ambiguous_name_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
