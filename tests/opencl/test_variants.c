/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which variant of a table is taken. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "opencl/ops_private.h"

#include <string.h>

static gboolean
never(const HysacDeviceLimits *limits)
{
  (void) limits;
  return FALSE;
}

static const HysacVariant table[] = {
  { .name = "portable", .precisions = HYSAC_ALL_PRECISIONS },
  { .name = "wide", .precisions = HYSAC_FP32 | HYSAC_BF16 },
  { .name = "wide-new", .precisions = HYSAC_BF16, .native = HYSAC_BF16, .untried = TRUE },
  { .name = "wide-byte", .precisions = HYSAC_INT8, .native = HYSAC_INT8 },
  { .name = "other", .precisions = HYSAC_ALL_PRECISIONS, .probe = never },
  { .name = "wide-gpu", .precisions = HYSAC_FP16, .only = CL_DEVICE_TYPE_GPU },
};

static void
test_pick(void **state)
{
  (void) state;
  const HysacDeviceLimits limits = { 0 };
  static const struct {
    HysacPrecision precision;
    const char *force, *want;
  } cases[] = {
    { HYSAC_PRECISION_FP32, NULL, "wide" },
    { HYSAC_PRECISION_BF16, NULL, "wide" }, /* the newer one has never run on its hardware */
    { HYSAC_PRECISION_BF16, "wide-new", "wide-new" },
    { HYSAC_PRECISION_BF16, "wide-new-more", "wide" }, /* not by its own name */
    { HYSAC_PRECISION_BF16, "wide", "wide" },
    { HYSAC_PRECISION_FP32, "wide-new", "wide" },
    { HYSAC_PRECISION_INT8, NULL, "wide-byte" },
    { HYSAC_PRECISION_INT8, "wide", "portable" },
    { HYSAC_PRECISION_INT8, "other", "portable" },
    { HYSAC_PRECISION_BF16, "portable", "portable" },
    { HYSAC_PRECISION_FP16, NULL, "portable" }, /* it is no GPU */
    { HYSAC_PRECISION_FP16, "wide-gpu", "wide-gpu" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    const HysacVariant *got = hysac_variant_pick(table, G_N_ELEMENTS(table), &limits,
                                                 cases[i].precision, cases[i].force);
    assert_string_equal(got->name, cases[i].want);
  }
}

/* Tiles in local memory are for GPUs, and anywhere for who asks. */
static void
test_tiled(void **state)
{
  (void) state;
  static const struct {
    const HysacVariant *table;
    const gsize *n;
  } families[] = {
    { hysac_gemm_variants, &hysac_n_gemm_variants },
    { hysac_layernorm_variants, &hysac_n_layernorm_variants },
    { hysac_attention_variants, &hysac_n_attention_variants },
  };
  static const HysacPrecision precisions[] = { HYSAC_PRECISION_FP32, HYSAC_PRECISION_BF16,
                                               HYSAC_PRECISION_FP16, HYSAC_PRECISION_INT8 };
  HysacDeviceLimits limits = { .local_memory = 32768, .max_work_group = 256 }, small = { .local_memory = 1024 };
  for (gsize f = 0; f < G_N_ELEMENTS(families); f++) {
    for (gsize p = 0; p < G_N_ELEMENTS(precisions); p++) {
      const HysacVariant *variants = families[f].table;
      const gsize n = *families[f].n;
      limits.type = CL_DEVICE_TYPE_GPU;
      assert_string_equal(hysac_variant_pick(variants, n, &limits, precisions[p], NULL)->name, "tiled");
      limits.type = CL_DEVICE_TYPE_CPU;
      assert_string_equal(hysac_variant_pick(variants, n, &limits, precisions[p], NULL)->name, "portable");
      assert_string_equal(hysac_variant_pick(variants, n, &limits, precisions[p], "tiled")->name, "tiled");
      small.type = CL_DEVICE_TYPE_GPU;
      assert_string_equal(hysac_variant_pick(variants, n, &small, precisions[p], NULL)->name, "portable");
    }
  }
}

/* What no machine of ours could run is off, and is there to be asked for. */
static void
test_untried(void **state)
{
  (void) state;
  HysacDeviceLimits limits = { .type = CL_DEVICE_TYPE_GPU, .local_memory = 48 << 10, .max_work_group = 1024,
                               .nvidia = 9 };
  const HysacVariant *got = hysac_variant_pick(hysac_gemm_variants, hysac_n_gemm_variants, &limits,
                                               HYSAC_PRECISION_BF16, NULL);
  assert_string_equal(got->name, "tiled");
  got = hysac_variant_pick(hysac_gemm_variants, hysac_n_gemm_variants, &limits, HYSAC_PRECISION_BF16,
                           "tiled-nvidia");
  assert_string_equal(got->name, "tiled-nvidia");
  assert_true(got->untried);
}

/* PoCL 6.0 inlines a function that asks for work-items, and aborts where a kernel then has assembly in it
 * (kernels/outline.h); 3.1 would not tell. */
static void
test_assembly_is_outlined(void **state)
{
  (void) state;
  g_autoptr(GRegex) ids = g_regex_new("get_(global|group|local|num|work)_|barrier|mem_fence", 0, 0, NULL);
  guint bodies = 0;
  for (const HysacKernelSource *source = hysac_kernel_sources; source->name != NULL; source++) {
    const char *at = source->source;
    if (strstr(at, "__asm__") == NULL || strstr(source->name, "nvidia") != NULL)
      continue;
    const char *uses = strstr(at, "OUTLINE_ASM");
    if (uses == NULL)
      fail_msg("%s: assembly without outline.h", source->name);
    at = strstr(uses, "#endif");
    while ((at = strstr(at, "ASM_BODY")) != NULL) {
      const char *end = strstr(at, "__kernel");
      g_autofree char *body = g_strndup(at, end != NULL ? (gsize) (end - at) : strlen(at));
      if (g_regex_match(ids, body, 0, NULL))
        fail_msg("%s: a function with assembly asks for work-items: %s", source->name, body);
      bodies++;
      at += strlen("ASM_BODY");
    }
  }
  assert_true(bodies >= 10);
}

int
main(void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test(test_pick), cmocka_unit_test(test_tiled),
                                     cmocka_unit_test(test_untried),
                                     cmocka_unit_test(test_assembly_is_outlined) };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("variants", tests, NULL, NULL);
}
