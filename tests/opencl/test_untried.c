/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Variants for devices that are not at hand: what is asked of a device, and that they give way, with a warning, on
 * one that has not what they need, cannot build them, or computes something else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "emulated.h"
#include "opencl/device_private.h"
#include "opencl/ops_private.h"

#include <string.h>

#define INTEL \
  "cl_intel_subgroups cl_intel_subgroups_short cl_intel_required_subgroup_size " \
  "cl_intel_subgroup_matrix_multiply_accumulate"

static HysacDevice *
open_device(void)
{
  g_autoptr(GError) error = NULL;
  HysacDevice *device = hysac_device_open(NULL, &error);
  if (device == NULL)
    fail_msg("%s", error->message);
  return device;
}

static HysacOps *
open_ops(HysacDevice *device, HysacPrecision precision, const char *variant)
{
  g_autoptr(GError) error = NULL;
  HysacOps *ops = hysac_ops_new(device, precision, variant, &error);
  if (ops == NULL)
    fail_msg("%s", error->message);
  return ops;
}

/* Sub-groups as wide as the narrowest, and all of the extensions. */
static void
test_matrix_lanes(void **state)
{
  (void) state;
  static const struct {
    const char *extensions;
    gsize sizes[3], n;
    guint want;
  } cases[] = {
    { INTEL, { 8, 16, 32 }, 3, 8 },
    { INTEL, { 16, 32 }, 2, 16 },
    { INTEL, { 32, 16 }, 2, 16 },
    { INTEL, { 32 }, 1, 32 }, /* for which there are no kernels */
    { INTEL "_tf32", { 16, 32 }, 2, 0 }, /* another extension */
    { "cl_intel_subgroups_short cl_intel_required_subgroup_size cl_intel_subgroup_matrix_multiply_accumulate",
      { 16, 32 }, 2, 0 },
    { "cl_intel_subgroups cl_intel_required_subgroup_size cl_intel_subgroup_matrix_multiply_accumulate",
      { 16, 32 }, 2, 0 },
    { "cl_intel_subgroups cl_intel_subgroups_short cl_intel_subgroup_matrix_multiply_accumulate", { 16, 32 }, 2, 0 },
    { "cl_intel_subgroups cl_intel_subgroups_short cl_intel_required_subgroup_size", { 16, 32 }, 2, 0 },
  };
  g_autoptr(HysacDevice) device = open_device();
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    HysacDeviceLimits limits;
    emulated_claim(cases[i].extensions, cases[i].sizes, cases[i].n);
    hysac_device_query_limits(hysac_device_id(device), "", &limits);
    emulated_claim(NULL, NULL, 0);
    assert_int_equal(limits.matrix_lanes, cases[i].want);
    assert_true(hysac_probe_matrix_8(&limits) == (cases[i].want == 8));
    assert_true(hysac_probe_matrix_16(&limits) == (cases[i].want == 16));
  }
}

/* By its name only, and the one of the device's width. */
static void
test_pick(void **state)
{
  (void) state;
  for (guint lanes = 0; lanes <= 32; lanes += 8) {
    const HysacDeviceLimits limits = { .type = CL_DEVICE_TYPE_GPU, .local_memory = 64 << 10, .max_work_group = 1024,
                                       .matrix_lanes = lanes };
    const HysacVariant *unasked = hysac_variant_pick(hysac_gemm_variants, hysac_n_gemm_variants, &limits,
                                                     HYSAC_PRECISION_BF16, NULL),
                       *asked = hysac_variant_pick(hysac_gemm_variants, hysac_n_gemm_variants, &limits,
                                                   HYSAC_PRECISION_BF16, "tiled-intel");
    assert_string_equal(unasked->name, "tiled");
    if (lanes == 8 || lanes == 16) {
      assert_string_equal(asked->name, "tiled-intel");
      assert_true(asked->untried);
      assert_int_equal(asked->panel, lanes);
    } else {
      assert_string_equal(asked->name, "tiled");
    }
  }
}

/* What is taken unasked is what is taken for one that is not there. */
static void
test_not_of_this_device(void **state)
{
  (void) state;
  static const char *const names[] = { "tiled-intel", "tiled-nvidia", "tiled-dot" };
  g_autoptr(HysacDevice) device = open_device();
  HysacOps *unasked = open_ops(device, HYSAC_PRECISION_INT8, NULL);
  g_auto(GStrv) own = hysac_ops_variants(device);
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    if (g_strv_contains((const char *const *) own, names[i]))
      continue;
    g_autofree char *pattern = g_strdup_printf("*%s*is not used*", names[i]);
    g_test_expect_message("hysac", G_LOG_LEVEL_WARNING, pattern);
    HysacOps *ops = open_ops(device, HYSAC_PRECISION_INT8, names[i]);
    g_test_assert_expected_messages();
    assert_ptr_equal(ops->gemm, unasked->gemm);
    assert_ptr_equal(ops->layernorm, unasked->layernorm);
    assert_null(ops->force);
    hysac_ops_free(ops);
    const gboolean native = hysac_ops_native(device, HYSAC_PRECISION_INT8);
    g_setenv("HYSAC_VARIANT", names[i], TRUE);
    assert_true(hysac_ops_native(device, HYSAC_PRECISION_INT8) == native);
    g_unsetenv("HYSAC_VARIANT");
  }
  hysac_ops_free(unasked);
}

/* A device that claims the extensions, and whose compiler knows nothing of them. */
static void
test_does_not_build(void **state)
{
  (void) state;
  static const gsize sizes[] = { 16, 32 };
  {
    g_autoptr(HysacDevice) device = open_device();
    if (hysac_device_limits(device)->matrix_lanes != 0)
      skip(); /* it may know them */
  }
  emulated_claim(INTEL, sizes, G_N_ELEMENTS(sizes));
  {
    g_autoptr(HysacDevice) device = open_device();
    g_test_expect_message("hysac", G_LOG_LEVEL_WARNING, "*tiled-intel*is not used*does not build*");
    HysacOps *ops = open_ops(device, HYSAC_PRECISION_BF16, "tiled-intel");
    g_test_assert_expected_messages();
    assert_string_not_equal(ops->gemm->name, "tiled-intel");
    hysac_ops_free(ops);
  }
  emulated_claim(NULL, NULL, 0);
}

/* One whose panels hold the two numbers of a word the other way round: the self-test tells. */
static void
test_computes_otherwise(void **state)
{
  (void) state;
  assert_true(emulated_start("intel16", "#undef intel_sub_group_block_read8\n"
                                        "#define intel_sub_group_block_read8(p) "
                                        "rotate(emulated_block_read8(p), (uint8)(16))\n"));
  {
    g_autoptr(HysacDevice) device = open_device();
    g_test_expect_message("hysac", G_LOG_LEVEL_WARNING, "*tiled-intel*is not used*self-test*");
    HysacOps *ops = open_ops(device, HYSAC_PRECISION_BF16, "tiled-intel");
    g_test_assert_expected_messages();
    assert_string_not_equal(ops->gemm->name, "tiled-intel");
    hysac_ops_free(ops);
  }
  emulated_stop();
}

/* The library that is installed has no trace of the definitions that the tests put in front. */
static void
test_not_in_the_library(void **state)
{
  (void) state;
  for (const HysacKernelSource *source = hysac_kernel_sources; source->name != NULL; source++)
    assert_null(strstr(source->source, "emulated_"));
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_matrix_lanes),       cmocka_unit_test(test_pick),
    cmocka_unit_test(test_not_of_this_device), cmocka_unit_test(test_does_not_build),
    cmocka_unit_test(test_computes_otherwise), cmocka_unit_test(test_not_in_the_library),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("untried", tests, NULL, NULL);
}
