/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/region.h"

static void
test_judge(void **state)
{
  const HysacRegion region = {.bound = 0.5, .scale = 0.02, .calibrated = TRUE,
                              .precision = HYSAC_PRECISION_FP32};
  HysacVerdict verdict = hysac_region_judge(&region, 0.54);

  assert_true(verdict.unsafe && verdict.calibrated);
  assert_true(verdict.distance == 0.54 && verdict.bound == 0.5 && verdict.margin == 0.54 - 0.5);
  expect_near(verdict.score, 1.0 / (1.0 + exp(-2.0)), 1e-9, "score");
  verdict = hysac_region_judge(&region, 0.5);
  assert_false(verdict.unsafe); /* above 0 is unsafe */
  assert_true(verdict.score == 0.5);
  verdict = hysac_region_judge(&region, 0.0);
  assert_true(!verdict.unsafe && verdict.score > 0.0 && verdict.score < 1e-9);
  verdict = hysac_region_judge(&region, 1e300);
  assert_true(verdict.unsafe && verdict.score == 1.0);
  assert_true(hysac_region_judge(&region, NAN).unsafe);
}

static void
test_precision(void **state)
{
  HysacPrecision precision;

  for (guint i = 0; i <= HYSAC_PRECISION_INT8; i++) {
    assert_true(hysac_precision_parse(hysac_precision_to_string((HysacPrecision) i), &precision));
    assert_int_equal(precision, i);
  }
  assert_string_equal(hysac_precision_to_string(HYSAC_PRECISION_BF16), "bf16");
  assert_false(hysac_precision_parse("FP32", &precision));
  assert_false(hysac_precision_parse("", &precision));
  assert_false(hysac_precision_parse(NULL, &precision));
  assert_string_equal(hysac_precision_to_string((HysacPrecision) 77), "unknown");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_judge),
    cmocka_unit_test(test_precision),
  };
  return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
