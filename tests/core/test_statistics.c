/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Against numpy (tests/data/statistics), and by hand where that is plainer. */

#include "expected.h"

#include "core/logistic.h"
#include "core/statistics.h"

static void
expect_estimate(const HysacEstimate *got, JsonObject *object, const char *key)
{
  gsize n;
  g_autofree double *wanted = expected_numbers(object, key, &n);
  assert_int_equal(n, 3);
  expect_near(got->value, wanted[0], 1e-12, key);
  expect_near(got->low, wanted[1], 1e-12, key);
  expect_near(got->high, wanted[2], 1e-12, key);
}

static void
chance_is_the_same_everywhere(void **state)
{
  g_autoptr(JsonNode) root = load_expected();
  JsonObject *object = json_object_get_object_member(json_node_get_object(root), "splitmix");
  JsonArray *wanted = expected_array(object, "next");
  HysacRandom random = {(guint64) json_object_get_int_member(object, "seed")};

  for (guint i = 0; i < json_array_get_length(wanted); i++) {
    g_autofree char *got = g_strdup_printf("%016" G_GINT64_MODIFIER "x", hysac_random_next(&random));
    assert_string_equal(got, json_array_get_string_element(wanted, i));
  }
  /* All of a range comes, nothing beyond; a shuffle keeps everything. */
  guint32 counts[7] = {0}, order[7], seen = 0;
  for (guint i = 0; i < 7000; i++) {
    const guint32 value = hysac_random_below(&random, 7);
    assert_true(value < 7);
    counts[value]++;
  }
  for (guint32 i = 0; i < 7; i++) {
    assert_in_range(counts[i], 850, 1150); /* five deviations */
    order[i] = i;
  }
  hysac_random_shuffle(&random, order, 7);
  for (guint i = 0; i < 7; i++)
    seen |= 1u << order[i];
  assert_int_equal(seen, 0x7f);
  assert_int_equal(hysac_random_below(&random, 1), 0);
}

static void
ratios_and_their_intervals(void **state)
{
  g_autoptr(JsonNode) root = load_expected();
  JsonArray *cases = expected_array(json_node_get_object(root), "ratios");

  for (guint i = 0; i < json_array_get_length(cases); i++) {
    JsonObject *one = json_array_get_object_element(cases, i);
    gsize n, m;
    g_autofree double *upper = expected_numbers(one, "upper", &n);
    g_autofree double *lower = expected_numbers(one, "lower", &m);
    const HysacEstimate got = hysac_bootstrap_ratio(upper, lower, (guint32) n,
                                                    (guint) expected_number(one, "rounds"),
                                                    (guint64) expected_number(one, "seed"));
    expect_estimate(&got, one, "ratio");
  }
  /* One clip says nothing of others; of none seen, the exact limit: P(0 | rate) = 2.5 %. */
  const double hits = 3, hours = 2;
  HysacEstimate got = hysac_bootstrap_ratio(&hits, &hours, 1, 100, 1);
  assert_true(got.value == 1.5 && isnan(got.low) && isnan(got.high));
  expect_near(exp(-hysac_rate_of_none(5.0) * 5.0), 0.025, 1e-12, "rate");
  /* A clip of no length, drawn twice, is no round. */
  const double some[] = {0, 2}, lengths[] = {0, 1};
  got = hysac_bootstrap_ratio(some, lengths, 2, 100, 1);
  assert_true(got.value == 2.0 && got.low == 2.0 && got.high == 2.0);
}

static HysacScored *
read_scored(JsonObject *one, gsize *n)
{
  gsize n_safe, n_unsafe, m;
  g_autofree double *safe = expected_numbers(one, "safe", &n_safe);
  g_autofree double *unsafe = expected_numbers(one, "unsafe", &n_unsafe);
  g_autofree double *safe_clips = expected_numbers(one, "safe_clips", &m);
  g_autofree double *unsafe_clips = expected_numbers(one, "unsafe_clips", &m);
  HysacScored *samples = g_new0(HysacScored, n_safe + n_unsafe);
  for (gsize i = 0; i < n_safe; i++)
    samples[i] = (HysacScored){safe[i], (guint32) safe_clips[i], FALSE};
  for (gsize i = 0; i < n_unsafe; i++)
    samples[n_safe + i] = (HysacScored){unsafe[i], (guint32) unsafe_clips[i], TRUE};
  *n = n_safe + n_unsafe;
  return samples;
}

static void
roc_and_its_intervals(void **state)
{
  g_autoptr(JsonNode) root = load_expected();
  JsonArray *cases = expected_array(json_node_get_object(root), "rocs");

  for (guint i = 0; i < json_array_get_length(cases); i++) {
    JsonObject *one = json_array_get_object_element(cases, i);
    gsize n, n_points;
    g_autofree HysacScored *samples = read_scored(one, &n);
    g_autoptr(HysacRoc) roc = hysac_roc_new(samples, n, NULL);
    const HysacRocSummary got = hysac_roc_summarise(roc, (guint) expected_number(one, "rounds"),
                                                    (guint64) expected_number(one, "seed"));
    expect_estimate(&got.auc, one, "auc");
    expect_estimate(&got.at_1, one, "at_1");
    expect_estimate(&got.at_01, one, "at_01");
    /* Each point says what its threshold flags; the area below them is the AUC. */
    const HysacRocPoint *points = hysac_roc_points(roc, &n_points);
    double area = 0;
    for (gsize p = 0; p < n_points; p++) {
      gsize above[2] = {0}, all[2] = {0};
      for (gsize s = 0; s < n; s++) {
        all[samples[s].unsafe]++;
        above[samples[s].unsafe] += samples[s].score > points[p].threshold;
      }
      assert_true(points[p].false_positives == (double) above[0] / (double) all[0]);
      assert_true(points[p].recall == (double) above[1] / (double) all[1]);
      if (p > 0)
        area += (points[p].false_positives - points[p - 1].false_positives) *
                (points[p].recall + points[p - 1].recall) / 2;
    }
    expect_near(area, got.auc.value, 1e-12, "area");
    assert_true(points[n_points - 1].recall == 1.0 && points[0].recall == 0.0);
  }
}

/* One false positive of exactly a hundred, and of exactly a thousand, is within the rate. */
static void
rates_are_reached_exactly(void **state)
{
  HysacScored samples[1004];
  for (guint i = 0; i < 1000; i++)
    samples[i] = (HysacScored){0.001 * i, i % 2, FALSE};
  samples[1000] = (HysacScored){0.9985, 0, TRUE}; /* below one benign */
  samples[1001] = (HysacScored){0.9895, 1, TRUE}; /* below ten */
  samples[1002] = (HysacScored){0.9885, 1, TRUE}; /* below eleven */
  samples[1003] = (HysacScored){2.0, 1, TRUE};
  g_autoptr(HysacRoc) roc = hysac_roc_new(samples, 1004, NULL);
  HysacRocSummary got = hysac_roc_summarise(roc, 0, 1);
  assert_true(got.at_01.value == 0.5 && got.at_1.value == 0.75);
  assert_true(isnan(got.auc.low) && isnan(got.auc.high));
  g_autoptr(HysacRoc) fewer = hysac_roc_new(samples + 1, 1003, NULL); /* 999: none is allowed */
  got = hysac_roc_summarise(fewer, 0, 1);
  assert_true(got.at_01.value == 0.25);
}

/* Where every draw of clips is the same, the clips are the trials of an exact limit, however many samples they have. */
static void
shares_at_the_ends(void **state)
{
  double none[7] = {0}, all[7];
  for (guint i = 0; i < 7; i++)
    all[i] = 100.0 + i;
  HysacEstimate got = hysac_bootstrap_share(none, all, 7, 200, 1);
  assert_true(got.value == 0.0 && got.low == 0.0);
  expect_near(pow(1.0 - got.high, 7), 0.025, 1e-12, "none of seven clips");
  got = hysac_bootstrap_share(all, all, 7, 200, 1);
  assert_true(got.value == 1.0 && got.high == 1.0);
  expect_near(pow(got.low, 7), 0.025, 1e-12, "all of seven clips");
  /* A clip without samples is no trial; one clip is one. */
  all[3] = all[5] = 0.0;
  got = hysac_bootstrap_share(none, all, 7, 200, 1);
  expect_near(pow(1.0 - got.high, 5), 0.025, 1e-12, "none of five clips");
  got = hysac_bootstrap_share(all, all, 1, 200, 1);
  expect_near(got.low, 0.025, 1e-12, "one clip");
  expect_near(hysac_share_of_none(1), 0.975, 1e-12, "one trial");
  /* Between the ends, and where nothing can be told, it is the draws. */
  const double some[] = {1, 0, 2}, of[] = {4, 4, 4};
  const HysacEstimate a = hysac_bootstrap_share(some, of, 3, 200, 9), b = hysac_bootstrap_ratio(some, of, 3, 200, 9);
  assert_true(a.low == b.low && a.high == b.high);
  got = hysac_bootstrap_share(none, none, 7, 200, 1);
  assert_true(isnan(got.value) && isnan(got.low));
}

/* Seven benign and five unsafe clips of twenty samples each, in perfect order, or in the opposite one. */
static void
rocs_at_the_ends(void **state)
{
  HysacScored samples[240];
  for (guint turned = 0; turned < 2; turned++) {
    for (guint i = 0; i < 240; i++) {
      const gboolean unsafe = i >= 140;
      const double score = unsafe != (gboolean) turned ? 0.6 : 0.4;
      samples[i] = (HysacScored){score + 1e-4 * i, (i - (unsafe ? 140 : 0)) / 20, unsafe};
    }
    g_autoptr(HysacRoc) roc = hysac_roc_new(samples, 240, NULL);
    const HysacRocSummary got = hysac_roc_summarise(roc, 200, 1);
    const HysacEstimate *all[] = {&got.auc, &got.at_1, &got.at_01};
    for (guint k = 0; k < 3; k++) {
      assert_true(all[k]->value == (turned ? 0.0 : 1.0));
      expect_near(pow(turned ? 1.0 - all[k]->high : all[k]->low, 5), 0.025, 1e-12, "five pairs of clips");
      assert_true((turned ? all[k]->low : all[k]->high) == all[k]->value);
    }
  }
}

/* Of perfect separation the area is 1, not a rounding above it, which a profile's reader refuses. */
static void
perfect_is_one(void **state)
{
  HysacScored samples[100];
  for (guint benign = 40; benign < 80; benign++) {
    for (guint i = 0; i < 100; i++)
      samples[i] = (HysacScored){0.01 * i, i, i >= benign};
    g_autoptr(HysacRoc) roc = hysac_roc_new(samples, 100, NULL);
    const HysacRocSummary got = hysac_roc_summarise(roc, 100, benign);
    assert_true(got.auc.value == 1.0 && got.auc.high == 1.0);
  }
}

static void
bad_scores_are_refused(void **state)
{
  const HysacScored one_kind[] = {{0.5, 0, FALSE}, {0.6, 0, FALSE}};
  const HysacScored bad[] = {{0.5, 0, FALSE}, {INFINITY, 0, TRUE}};
  const HysacScored single[] = {{0.5, 0, FALSE}, {0.5, 0, TRUE}};
  GError *error = NULL;
  assert_null(hysac_roc_new(one_kind, 2, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "2 and 0");
  assert_null(hysac_roc_new(bad, 2, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "sample 1");
  assert_null(hysac_roc_new(NULL, 0, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "0 and 0");
  g_autoptr(HysacRoc) roc = hysac_roc_new(single, 2, &error);
  const HysacRocSummary got = hysac_roc_summarise(roc, 50, 1); /* one clip each */
  assert_true(got.auc.value == 0.5 && isnan(got.auc.low));
  hysac_roc_free(NULL);
}

static void
calibration_and_reliability(void **state)
{
  g_autoptr(JsonNode) root = load_expected();
  JsonObject *object = json_object_get_object_member(json_node_get_object(root), "calibration");
  gsize n, m;
  g_autofree double *scores = expected_numbers(object, "scores", &n);
  g_autofree double *truth = expected_numbers(object, "unsafe", &m);
  g_autofree guint8 *unsafe = g_new(guint8, n);
  g_autofree double *probabilities = g_new(double, n);
  double slope, intercept;
  HysacReliabilityBin bins[10];
  GError *error = NULL;

  for (gsize i = 0; i < n; i++)
    unsafe[i] = truth[i] > 0;
  assert_true(hysac_logistic_calibrate(scores, unsafe, n, NULL, 0, &slope, &intercept, &error));
  expect_near(slope, expected_number(object, "slope"), 1e-5, "slope");
  expect_near(intercept, expected_number(object, "intercept"), 1e-5, "intercept");
  for (gsize i = 0; i < n; i++)
    probabilities[i] = hysac_logistic(slope * scores[i] + intercept);
  const HysacReliability got = hysac_reliability(probabilities, unsafe, n, bins, 10);
  expect_near(got.brier, expected_number(object, "brier"), 1e-6, "Brier");
  expect_near(got.ece, expected_number(object, "ece"), 1e-5, "ECE");
  expect_near(got.base, 2.0 / 9.0, 1e-12, "base");
  JsonArray *wanted = expected_array(object, "bins");
  for (guint i = 0; i < 10; i++) {
    JsonArray *bin = json_array_get_array_element(wanted, i);
    assert_int_equal(bins[i].count, json_array_get_int_element(bin, 0));
    expect_near(bins[i].predicted, json_array_get_double_element(bin, 1), 1e-5, "predicted");
    expect_near(bins[i].observed, json_array_get_double_element(bin, 2), 1e-12, "observed");
  }
  /* The ends have bins; certainty that is right costs nothing. */
  const double sure[] = {0.0, 1.0};
  const guint8 right[] = {0, 1};
  const HysacReliability perfect = hysac_reliability(sure, right, 2, bins, 10);
  assert_true(perfect.brier == 0.0 && perfect.ece == 0.0);
  assert_true(bins[0].count == 1 && bins[9].count == 1);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(chance_is_the_same_everywhere), cmocka_unit_test(ratios_and_their_intervals),
    cmocka_unit_test(roc_and_its_intervals),         cmocka_unit_test(rates_are_reached_exactly),
    cmocka_unit_test(perfect_is_one), cmocka_unit_test(shares_at_the_ends), cmocka_unit_test(rocs_at_the_ends),                cmocka_unit_test(bad_scores_are_refused),        cmocka_unit_test(calibration_and_reliability),
  };
  return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
