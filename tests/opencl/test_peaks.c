/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The device's peaks and the roofline that is made of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "opencl/peaks.h"

static const HysacVisionConfig vit_l = { .image_size = 224, .patch_size = 14, .width = 1024, .heads = 16,
                                         .mlp_width = 4096, .layers = 24, .projection = 768 };
#define CACHE (32u << 20)

static void
test_work(void **state)
{
  HysacWork one[HYSAC_N_STAGES], eight[HYSAC_N_STAGES], small[HYSAC_N_STAGES], uncached[HYSAC_N_STAGES];
  double flops = 0.0;
  hysac_stage_work(&vit_l, 1, HYSAC_PRECISION_FP32, CACHE, one);
  hysac_stage_work(&vit_l, 8, HYSAC_PRECISION_FP32, CACHE, eight);
  hysac_stage_work(&vit_l, 1, HYSAC_PRECISION_INT8, CACHE, small);
  hysac_stage_work(&vit_l, 1, HYSAC_PRECISION_FP32, 0, uncached);
  for (HysacStage s = 0; s < HYSAC_N_STAGES; s++) {
    assert_non_null(hysac_stage_name(s));
    flops += one[s].flops;
    assert_true(fabs(eight[s].flops / one[s].flops - 8.0) < 1e-9);
    assert_true(one[s].flops == small[s].flops);
    assert_true(uncached[s].bytes > one[s].bytes);
  }
  /* Of the last of 24 layers only the class token's row, but for keys and values. */
  assert_true(flops < 162.2e9 && flops > 156e9);
  assert_true(one[HYSAC_STAGE_FC1].flops == (23.0 * 257.0 + 1.0) * 2.0 * 1024.0 * 4096.0);
  assert_true(one[HYSAC_STAGE_QKV].flops == (24.0 * 2.0 * 257.0 + 23.0 * 257.0 + 1.0) * 2.0 * 1024.0 * 1024.0);
  assert_true(one[HYSAC_STAGE_ATTENTION].flops == (23.0 * 257.0 + 1.0) * 4.0 * 257.0 * 1024.0);
  /* The weights alone where the activations fit, one byte each in int8. */
  assert_true(one[HYSAC_STAGE_FC1].bytes == 24.0 * 4.0 * 1024.0 * 4096.0);
  assert_true(small[HYSAC_STAGE_QKV].bytes == 24.0 * 3.0 * 1024.0 * 1024.0);
}

static void
test_roofline(void **state)
{
  const HysacPeaks peaks = { .fp32 = { 100.0, 200.0 }, .int8 = { 400.0, 800.0 }, .memory = { 10.0, 20.0 } };
  const HysacWork arithmetic = { .flops = 1e9, .bytes = 1e6 }, memory = { .flops = 1e6, .bytes = 1e9 };
  assert_true(fabs(hysac_stage_roofline(HYSAC_STAGE_FC1, &arithmetic, &peaks, HYSAC_PRECISION_FP32, FALSE) -
                   0.01) < 1e-12);
  assert_true(fabs(hysac_stage_roofline(HYSAC_STAGE_FC1, &arithmetic, &peaks, HYSAC_PRECISION_INT8, TRUE) -
                   0.00125) < 1e-12);
  assert_true(fabs(hysac_stage_roofline(HYSAC_STAGE_FC1, &memory, &peaks, HYSAC_PRECISION_INT8, FALSE) - 0.1) <
              1e-12);
  /* A LayerNorm is no faster in int8. */
  assert_true(fabs(hysac_stage_roofline(HYSAC_STAGE_NORM2, &arithmetic, &peaks, HYSAC_PRECISION_INT8, FALSE) -
                   0.01) < 1e-12);
  assert_true(hysac_stage_roofline(HYSAC_STAGE_FC1, &arithmetic, &peaks, HYSAC_PRECISION_BF16, FALSE) == 0.0);
}

static void
expect_peak(const HysacPeak *peak, gboolean there)
{
  if (there) {
    assert_true(isfinite(peak->wall) && peak->wall > 0.0);
    assert_true(isfinite(peak->cpu) && peak->cpu > 0.0);
  } else {
    assert_true(peak->wall == 0.0 && peak->cpu == 0.0);
  }
}

static void
test_measure(void **state)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacDevice) device = hysac_device_open(NULL, &error);
  if (device == NULL)
    fail_msg("%s", error->message);
  const HysacDeviceLimits *limits = hysac_device_limits(device);
  static const char *const variants[] = { "portable", "x86-avx2", NULL };
  for (gsize i = 0; i < G_N_ELEMENTS(variants); i++) {
    HysacPeaks peaks;
    if (!hysac_peaks_measure(device, variants[i], &peaks, &error))
      fail_msg("%s", error->message);
    gboolean best = variants[i] == NULL;
    expect_peak(&peaks.fp32, TRUE);
    expect_peak(&peaks.memory, TRUE);
    const gboolean avx2 = limits->inline_asm && limits->avx2 &&
                          (best ? !limits->avx512f : g_str_equal(variants[i], "x86-avx2"));
    expect_peak(&peaks.int8, avx2 || (best && (limits->avx512_vnni || limits->amx)));
    expect_peak(&peaks.bf16, best && limits->avx512_bf16);
    print_message("# %s: %.1f GFLOP/s, %.1f GB/s\n", best ? "best" : variants[i], peaks.fp32.wall, peaks.memory.wall);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_work),
    cmocka_unit_test(test_roofline),
    cmocka_unit_test(test_measure),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
