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

/* Whatever lies above the bound in fp32 does so in any precision, if both keep to their errors; and no more than
 * those errors is given away. */
static void
test_moved(void **state)
{
  const struct {
    HysacPrecision fitted, runs;
    double fitted_error, error;
  } cases[] = {
    {HYSAC_PRECISION_FP32, HYSAC_PRECISION_INT8, 0.0, 5e-3},
    {HYSAC_PRECISION_INT8, HYSAC_PRECISION_FP32, 5e-3, 0.0},
    {HYSAC_PRECISION_BF16, HYSAC_PRECISION_INT8, 1e-3, 0.02},
  };
  const double bound = 0.5; /* in fp32 */

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    for (int sign = -1; sign <= 1; sign++) { /* the fitted bound may be off to either side */
      const HysacRegion fitted = {.bound = bound * (1.0 + sign * cases[i].fitted_error), .scale = 0.02,
                                  .calibrated = TRUE, .precision = cases[i].fitted,
                                  .error = cases[i].fitted_error};
      const HysacRegion region = hysac_region_in(&fitted, cases[i].runs, cases[i].error);
      const double lowest = (bound + 1e-9) * (1.0 - cases[i].error);
      assert_true(hysac_region_judge(&region, lowest).unsafe);
      assert_true(region.bound < fitted.bound);
      assert_true(region.bound > fitted.bound * (1.0 - cases[i].error - cases[i].fitted_error) - 1e-12);
      assert_true(region.moved == fitted.bound - region.bound);
      assert_true(region.calibrated && region.scale == 0.02 && region.precision == cases[i].fitted);
      assert_true(hysac_region_judge(&region, lowest).bound == region.bound);
      /* Not on top of an earlier move. */
      const HysacRegion again = hysac_region_in(&region, cases[i].runs, cases[i].error);
      expect_near(again.bound, region.bound, 1e-12, "bound moved twice");
    }
  }
  const HysacRegion fitted = {.bound = 0.5, .scale = 0.02, .precision = HYSAC_PRECISION_INT8, .error = 5e-3};
  HysacRegion region = hysac_region_in(&fitted, HYSAC_PRECISION_INT8, 5e-3);
  assert_true(region.bound == 0.5 && region.moved == 0.0);
  /* Nothing is known of the distance: everything is above, nothing is safe. */
  region = hysac_region_in(&fitted, HYSAC_PRECISION_BF16, NAN);
  assert_true(region.bound > 0.0 && region.bound < 0.001);
  region = hysac_region_in(&fitted, HYSAC_PRECISION_BF16, 7.0);
  assert_true(region.bound > 0.0 && region.bound < 0.001);
}

/* A bound that somebody set: as it stands, uncalibrated; the rest is the region's. */
static void
test_at(void **state)
{
  const HysacRegion fitted = {.bound = 0.5, .scale = 0.03, .calibrated = TRUE, .precision = HYSAC_PRECISION_INT8,
                              .error = 5e-3, .moved = 0.1};
  HysacRegion region = hysac_region_at(&fitted, 0.7);
  assert_true(region.bound == 0.7 && region.scale == 0.03 && !region.calibrated && region.moved == 0.0);
  assert_true(region.precision == HYSAC_PRECISION_INT8 && region.error == 5e-3);
  region = hysac_region_at(NULL, 0.7);
  assert_true(region.bound == 0.7 && !region.calibrated && region.precision == HYSAC_PRECISION_FP32);
  expect_near(region.scale, 0.014, 1e-12, "scale");
}

static void
test_budget(void **state)
{
  const struct {
    HysacPrecision precision;
    HysacAccuracy measured;
    gboolean holds;
  } cases[] = {
    {HYSAC_PRECISION_BF16, {0.9999, 1e-3}, TRUE},  {HYSAC_PRECISION_BF16, {0.99989, 1e-3}, FALSE},
    {HYSAC_PRECISION_BF16, {0.9999, 1.1e-3}, FALSE}, {HYSAC_PRECISION_INT8, {0.9995, 5e-3}, TRUE},
    {HYSAC_PRECISION_INT8, {0.9994, 0.0}, FALSE},  {HYSAC_PRECISION_INT8, {1.0, 5.1e-3}, FALSE},
    {HYSAC_PRECISION_INT8, {NAN, 0.0}, FALSE},     {HYSAC_PRECISION_INT8, {1.0, NAN}, FALSE},
    {HYSAC_PRECISION_FP32, {1.0, 0.0}, TRUE},
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    assert_int_equal(hysac_precision_holds(cases[i].precision, &cases[i].measured), cases[i].holds);
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
    cmocka_unit_test(test_precision), cmocka_unit_test(test_moved), cmocka_unit_test(test_at), cmocka_unit_test(test_budget),
  };
  return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
