/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a bound does on clips, against numpy (tests/data/statistics), and what is kept of it. */

#include "expected.h"

#include "core/config.h"
#include "core/measures_json.h"

#define S G_GINT64_CONSTANT(1000000000)

typedef struct {
  HysacClip *clips;
  gsize n;
} Clips;

static Clips
read_clips(JsonObject *object, const char *key, const double *hours)
{
  JsonArray *array = expected_array(object, key);
  Clips self = {g_new0(HysacClip, json_array_get_length(array)), json_array_get_length(array)};
  for (guint i = 0; i < self.n; i++) {
    JsonArray *values = json_array_get_array_element(array, i);
    const guint n = json_array_get_length(values);
    double *distances = g_new(double, n);
    gint64 *times = g_new(gint64, n);
    for (guint k = 0; k < n; k++) {
      distances[k] = json_array_get_double_element(values, k);
      times[k] = k * S;
    }
    self.clips[i] = (HysacClip){distances, times, NULL, n, hours ? hours[i] : 0.0};
  }
  return self;
}

static void
free_clips(Clips *self)
{
  for (gsize i = 0; i < self->n; i++) {
    g_free((double *) self->clips[i].distances);
    g_free((gint64 *) self->clips[i].times);
  }
  g_free(self->clips);
}

typedef struct {
  JsonNode *root;
  JsonObject *expected;
  Clips safe, unsafe;
  HysacMeasureOptions options;
} Case;

static void
case_init(Case *self)
{
  gsize n;
  self->root = load_expected();
  self->expected = json_object_get_object_member(json_node_get_object(self->root), "measures");
  g_autofree double *hours = expected_numbers(self->expected, "hours", &n);
  self->safe = read_clips(self->expected, "safe", hours);
  self->unsafe = read_clips(self->expected, "unsafe", NULL);
  JsonObject *e = self->expected;
  self->options = (HysacMeasureOptions){
      .percentile = expected_number(e, "percentile"),
      .per_hour = -1,
      .policy = {.k = (guint) expected_number(e, "k"),
                 .n = (guint) expected_number(e, "n"),
                 .enter_margin = expected_number(e, "enter"),
                 .leave_margin = expected_number(e, "leave"),
                 .min_duration = (gint64) expected_number(e, "least")},
      .interval = S,
      .rounds = (guint) expected_number(e, "rounds"),
      .seed = (guint64) expected_number(e, "seed")};
}

static void
case_clear(Case *self)
{
  free_clips(&self->safe);
  free_clips(&self->unsafe);
  json_node_unref(self->root);
}

static void
expect_estimate(const HysacEstimate *got, JsonObject *object, const char *key)
{
  gsize n;
  g_autofree double *wanted = expected_numbers(object, key, &n);
  expect_near(got->value, wanted[0], 1e-12, key);
  expect_near(got->low, wanted[1], 1e-12, key);
  expect_near(got->high, wanted[2], 1e-12, key);
}

/* By share: the lowest sample that not too many lie above, where a percentile may leave one more. */
static void
bound_by_share(void **state)
{
  double values[40];
  HysacClip clips[2] = {{values, NULL, NULL, 15, 0.0}, {values + 15, NULL, NULL, 25, 0.0}};
  HysacMeasureOptions options = {.percentile = 1, .per_hour = -1, .rounds = 50, .seed = 1};
  const struct {
    double share;
    guint above;
  } cases[] = {{0.024, 0}, {0.025, 1}, {0.05, 2}, {0.1, 4}, {0.5, 20}, {0.99, 39}};
  HysacMeasures got;
  GError *error = NULL;
  double bound;

  for (guint i = 0; i < 40; i++)
    values[i] = 1.0 + (i * 7) % 40; /* 1 ... 40 */
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    options.above = cases[i].share;
    assert_true(hysac_measures_bound(clips, 2, &options, &bound, &error));
    assert_true(bound == 40.0 - cases[i].above);
    assert_true(hysac_measures_take(clips, 2, NULL, 0, bound, &options, &got, &error));
    expect_near(got.false_positives.value, cases[i].above / 40.0, 1e-12, "false positives");
    assert_true(got.target < 0.0 && isfinite(got.held_out.value));
  }
  for (guint i = 0; i < 40; i++)
    values[i] = 3.0; /* all alike: none above */
  options.above = 0.5;
  assert_true(hysac_measures_bound(clips, 2, &options, &bound, &error) && bound == 3.0);
  options.above = 1.0;
  assert_false(hysac_measures_bound(clips, 2, &options, &bound, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "share");
  options.above = (double) NAN;
  assert_false(hysac_measures_bound(clips, 2, &options, &bound, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "share");
}

static void
numbers_are_numpy_s(void **state)
{
  Case c;
  HysacMeasures got;
  GError *error = NULL;
  double bound;

  case_init(&c);
  JsonObject *e = c.expected;
  assert_true(hysac_measures_bound(c.safe.clips, c.safe.n, &c.options, &bound, &error));
  expect_near(bound, expected_number(e, "bound"), 1e-14, "bound");
  assert_true(hysac_measures_take(c.safe.clips, c.safe.n, c.unsafe.clips, c.unsafe.n, bound, &c.options,
                                  &got, &error));
  assert_int_equal(got.safe_clips, 10);
  assert_int_equal(got.unsafe_clips, 4);
  assert_int_equal(got.timed_clips, 7);
  assert_int_equal(got.alarms, (int) expected_number(e, "alarms"));
  expect_estimate(&got.false_positives, e, "share");
  expect_estimate(&got.held_out, e, "share_held");
  expect_estimate(&got.per_hour, e, "per_hour");
  expect_estimate(&got.per_hour_held_out, e, "per_hour_held");
  expect_estimate(&got.recall, e, "recall");
  expect_near(got.roc.auc.value, expected_number(e, "auc"), 1e-12, "auc");
  expect_near(got.slope, expected_number(e, "slope"), 1e-4, "slope");
  expect_near(got.intercept, expected_number(e, "intercept"), 1e-4, "intercept");
  expect_near(got.reliability.brier, expected_number(e, "brier"), 1e-5, "brier");
  expect_near(got.reliability.ece, expected_number(e, "ece"), 1e-4, "ece");
  assert_true(got.target < 0);
  case_clear(&c);
}

static void
alarms_choose_the_bound(void **state)
{
  Case c;
  HysacMeasures got;
  double bound, by_alarms;
  guint64 alarms = 0;

  case_init(&c);
  c.options.per_hour = 20;
  assert_true(hysac_measures_bound(c.safe.clips, c.safe.n, &c.options, &bound, NULL));
  /* The clips without time count for nothing here. */
  assert_true(hysac_alarms_bound(&c.options.policy, c.safe.clips, 7, 20, 0, &by_alarms, NULL));
  assert_true(bound == by_alarms);
  assert_true(hysac_measures_take(c.safe.clips, c.safe.n, NULL, 0, bound, &c.options, &got, NULL));
  for (gsize i = 0; i < 7; i++) {
    guint64 count;
    assert_true(hysac_alarms_count(&c.options.policy, &c.safe.clips[i], bound, &count, NULL));
    alarms += count;
  }
  assert_true(got.alarms == alarms && got.per_hour.value <= 20 && got.target == 20);
  /* None at all: the limit of a Poisson count, and of a share. */
  c.options.per_hour = 0;
  assert_true(hysac_measures_bound(c.safe.clips, c.safe.n, &c.options, &bound, NULL));
  assert_true(hysac_measures_take(c.safe.clips, c.safe.n, NULL, 0, bound + 1, &c.options, &got, NULL));
  assert_true(got.alarms == 0 && got.per_hour.low == 0);
  expect_near(got.per_hour.high, -log(0.025) / got.hours, 1e-12, "none seen");
  /* Clips are what was drawn, whatever their samples and their lengths: of a long one an hour counts. */
  expect_near(pow(1 - got.false_positives.high, (double) c.safe.n), 0.025, 1e-9, "share of none");
  const double rest = got.hours - c.safe.clips[0].hours;
  c.safe.clips[0].hours = 100;
  assert_true(hysac_measures_take(c.safe.clips, c.safe.n, NULL, 0, bound + 1, &c.options, &got, NULL));
  expect_near(got.per_hour.high, -log(0.025) / (rest + 1), 1e-12, "none seen, one clip long");
  /* Pictures alone have no time. */
  GError *error = NULL;
  assert_false(hysac_measures_bound(c.safe.clips + 7, 3, &c.options, &bound, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "clips");
  case_clear(&c);
}

/* Every unsafe sample above the bound: as sure as the clips are many. */
static void
recall_of_all(void **state)
{
  Case c;
  HysacMeasures got;

  case_init(&c);
  assert_true(hysac_measures_take(c.safe.clips, c.safe.n, c.unsafe.clips, c.unsafe.n, 1e-6, &c.options, &got, NULL));
  assert_true(got.recall.value == 1.0 && got.recall.high == 1.0 && got.false_positives.value == 1.0);
  expect_near(pow(got.recall.low, (double) c.unsafe.n), 0.025, 1e-9, "recall of all");
  expect_near(pow(got.false_positives.low, (double) c.safe.n), 0.025, 1e-9, "share of all");
  case_clear(&c);
}

static void
one_clip_has_no_interval(void **state)
{
  Case c;
  HysacMeasures got;

  case_init(&c);
  assert_true(hysac_measures_take(c.safe.clips, 1, c.unsafe.clips, 1, 0.45, &c.options, &got, NULL));
  assert_true(isnan(got.false_positives.low) && isnan(got.held_out.value) && isnan(got.per_hour.high));
  assert_true(isnan(got.reliability.brier) && isnan(got.roc.auc.low) && isfinite(got.slope));
  GError *error = NULL;
  HysacClip none = c.safe.clips[0];
  none.n = 0;
  assert_false(hysac_measures_take(&none, 1, NULL, 0, 0.45, &c.options, &got, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "no benign sample");
  assert_false(hysac_measures_bound(&none, 1, &c.options, &got.hours, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "benign samples");
  case_clear(&c);
}

/* ------------------------------------------------------------ hysac.json */

static gboolean
parse(const char *measures, HysacMetadata *metadata, GError **error)
{
  g_autofree char *text = g_strdup_printf(
      "{\"curvature\":0.62,\"visual_alpha\":0.1,\"textual_alpha\":0.1,\"profile\":{\"bound\":0.5,\"scale\":0.1,"
      "\"percentile\":95,\"precision\":\"fp32\"%s%s}}",
      measures ? ",\"measures\":" : "", measures ? measures : "");
  return hysac_metadata_parse(text, strlen(text), "hysac.json", metadata, error);
}

static void
kept_and_read_again(void **state)
{
  Case c;
  HysacMeasures got;
  HysacMetadata metadata;
  GError *error = NULL;

  case_init(&c);
  for (guint round = 0; round < 3; round++) {
    const gsize n_safe = round == 1 ? 1 : c.safe.n, n_unsafe = round == 2 ? 0 : round == 1 ? 1 : c.unsafe.n;
    c.options.per_hour = round == 0 ? 12.5 : -1;
    assert_true(hysac_measures_take(c.safe.clips, n_safe, c.unsafe.clips, n_unsafe, 0.46, &c.options, &got, NULL));
    GString *json = g_string_new(NULL), *again = g_string_new(NULL);
    hysac_measures_to_json(json, &got);
    if (!parse(json->str, &metadata, &error))
      fail_msg("%s", error->message);
    const HysacMeasures *back = metadata.profile->measures;
    hysac_measures_to_json(again, back);
    assert_string_equal(json->str, again->str);
    assert_true(back->false_positives.value == got.false_positives.value && back->alarms == got.alarms);
    assert_true(back->policy.enter_margin == got.policy.enter_margin && back->policy.k == 2);
    assert_true(back->seed == 99 && back->rounds == 200 && back->interval == S);
    assert_true(back->target == (round == 0 ? 12.5 : -1.0));
    assert_true(round == 2 || back->slope == got.slope);
    g_string_free(json, TRUE);
    g_string_free(again, TRUE);
    hysac_metadata_clear(&metadata);
  }
  /* A profile of before has none. */
  assert_true(parse(NULL, &metadata, &error));
  assert_null(metadata.profile->measures);
  hysac_metadata_clear(&metadata);
  assert_true(parse("{}", &metadata, &error));
  assert_true(isnan(metadata.profile->measures->false_positives.value));
  hysac_metadata_clear(&metadata);
  case_clear(&c);
}

static void
hostile_numbers_are_refused(void **state)
{
  static const char *const bad[][2] = {
    {"[]", "measures"},
    {"{\"false_positives\":{\"value\":1.5}}", "value"},
    {"{\"false_positives\":0.1}", "false_positives"},
    {"{\"false_positives\":{\"low\":-1}}", "low"},
    {"{\"clips\":{\"safe\":-1}}", "safe"},
    {"{\"clips\":{\"unsafe\":1.0}}", "unsafe"},
    {"{\"clips\":{\"unsafe\":1},\"auc\":{\"value\":\"1\"}}", "value"},
    {"{\"clips\":{\"unsafe\":1},\"calibration\":{\"slope\":1e300}}", "slope"},
    {"{\"alarms\":{\"hours\":0}}", "hours"},
    {"{\"alarms\":{}}", "hours"},
    {"{\"alarms\":{\"hours\":1,\"confirm_n\":65}}", "confirm_n"},
    {"{\"alarms\":{\"hours\":1,\"confirm_n\":2,\"confirm_k\":3}}", "confirm_k"},
    {"{\"alarms\":{\"hours\":1,\"min_duration_ns\":-5}}", "min_duration_ns"},
    {"{\"alarms\":{\"hours\":1,\"sample_interval_ns\":9223372036854775807}}", "sample_interval_ns"},
    {"{\"alarms\":{\"hours\":1,\"leave_margin\":0.1}}", "leave_margin"},
    {"{\"alarms\":{\"hours\":1,\"target\":-3}}", "target"},
    {"{\"bootstrap\":{\"rounds\":4294967296}}", "rounds"},
    {"{\"bootstrap\":{\"seed\":\"x\"}}", "seed"},
    {"{\"recal\":{}}", "recal is no key of measures"},
    {"{\"false_positives\":{\"hihg\":1}}", "hihg is no key of false_positives"},
    {"{\"clips\":{\"sfae\":1}}", "sfae is no key of clips"},
    {"{\"alarms\":{\"hours\":1,\"confirm\":1}}", "confirm is no key of alarms"},
    {"{\"clips\":{\"unsafe\":1},\"calibration\":{\"solpe\":1}}", "solpe is no key of calibration"},
    {"{\"bootstrap\":{\"sed\":1}}", "sed is no key of bootstrap"},
  };
  HysacMetadata metadata;
  GError *error = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    if (parse(bad[i][0], &metadata, &error))
      fail_msg("taken: %s", bad[i][0]);
    expect_error(&error, HYSAC_ERROR_MODEL, bad[i][1]);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(numbers_are_numpy_s), cmocka_unit_test(bound_by_share),     cmocka_unit_test(alarms_choose_the_bound),
    cmocka_unit_test(one_clip_has_no_interval), cmocka_unit_test(recall_of_all), cmocka_unit_test(kept_and_read_again),
    cmocka_unit_test(hostile_numbers_are_refused),
  };
  return cmocka_run_group_tests_name("measures", tests, NULL, NULL);
}
