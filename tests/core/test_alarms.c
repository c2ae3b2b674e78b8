/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Alarms of clips against the rule read literally, and the bound against every bound there is. */

#include "support.h"

#include "core/alarms.h"

#define S G_GINT64_CONSTANT(1000000000)
#define MAX_N 40

/* Rule 3 of docs/architecture.md, for a clip without a boundary inside: which samples are confirmed, then
 * where intervals begin and end. */
static guint
count_literally(const HysacPolicyConfig *c, const double *d, const gint64 *t, gsize n, double bound)
{
  gboolean confirmed[MAX_N] = {FALSE};
  guint count = 0;

  for (gsize first = 0; first < n; first++) {
    guint above = 0;
    const gsize end = MIN(first + c->n, n);
    for (gsize i = first; i < end; i++)
      above += d[i] - bound > c->enter_margin;
    for (gsize i = first; i < end && above >= c->k; i++)
      confirmed[i] |= d[i] - bound > c->enter_margin;
  }
  for (gsize i = 0; i < n;) {
    if (!confirmed[i]) {
      i++;
      continue;
    }
    count++;
    gsize last = i + 1;
    while (last < n && !(d[last] - bound <= c->leave_margin && t[last] >= t[i] + c->min_duration))
      last++;
    i = last;
  }
  return count;
}

static void
make_clip(GRand *rand, gsize n, double *d, gint64 *t)
{
  gint64 now = 0;
  double level = 0.4;
  for (gsize i = 0; i < n; i++) {
    level = CLAMP(level + g_rand_double_range(rand, -0.05, 0.05), 0.2, 0.6);
    d[i] = floor(level * 100) / 100; /* so that some are alike */
    t[i] = now;
    now += g_rand_int_range(rand, 1, 3) * S / 2;
  }
}

static HysacPolicyConfig
make_config(GRand *rand)
{
  HysacPolicyConfig c = {.n = (guint) g_rand_int_range(rand, 1, 5)};
  c.k = (guint) g_rand_int_range(rand, 1, (gint32) c.n + 1);
  c.enter_margin = g_rand_int_range(rand, 0, 3) * 0.021;
  c.leave_margin = c.enter_margin - g_rand_int_range(rand, 0, 3) * 0.013;
  c.min_duration = g_rand_int_range(rand, 0, 4) * S;
  c.pre_roll = c.post_roll = g_rand_int_range(rand, 0, 2) * S;
  return c;
}

static void
alarms_are_the_rule_s(void **state)
{
  GRand *rand = test_rand();
  guint64 alarms = 0;
  for (guint round = 0; round < 3000; round++) {
    double d[MAX_N];
    gint64 t[MAX_N];
    const gsize n = (gsize) g_rand_int_range(rand, 1, MAX_N);
    const HysacPolicyConfig config = make_config(rand);
    make_clip(rand, n, d, t);
    const HysacClip clip = {d, t, NULL, n, 1.0};
    const double bound = g_rand_double_range(rand, 0.25, 0.55);
    guint64 count;
    assert_true(hysac_alarms_count(&config, &clip, bound, &count, NULL));
    const guint wanted = count_literally(&config, d, t, n, bound);
    if (count != wanted)
      fail_msg("round %u: %u alarms instead of %u", round, (guint) count, wanted);
    alarms += count;
  }
  assert_true(alarms > 1000);
  g_rand_free(rand);
}

/* With boundaries inside, as a video's cuts are. */
static void
boundaries_are_passed_on(void **state)
{
  const double d[] = {0.1, 0.9, 0.1, 0.9, 0.1};
  const gint64 t[] = {0, S, 2 * S, 3 * S, 4 * S};
  const guint8 cuts[] = {1, 0, 0, 1, 0};
  const HysacPolicyConfig config = {.k = 1, .n = 1};
  const HysacClip clip = {d, t, cuts, 5, 1.0};
  guint64 count;
  assert_true(hysac_alarms_count(&config, &clip, 0.5, &count, NULL));
  assert_int_equal(count, 2);
}

static guint64
count_all(const HysacPolicyConfig *config, const HysacClip *clips, gsize n, double bound)
{
  guint64 total = 0, count;
  for (gsize i = 0; i < n; i++) {
    assert_true(hysac_alarms_count(config, &clips[i], bound, &count, NULL));
    total += count;
  }
  return total;
}

/* Where the number may change: a sample's distance less a margin. By falling bound. */
static gsize
find_steps(const HysacPolicyConfig *config, const HysacClip *clips, gsize n, double *steps)
{
  gsize count = 0;
  for (gsize i = 0; i < n; i++) {
    for (gsize s = 0; s < clips[i].n; s++) {
      steps[count++] = clips[i].distances[s] - config->enter_margin;
      steps[count++] = clips[i].distances[s] - config->leave_margin;
    }
  }
  for (gsize i = 1; i < count; i++) {
    for (gsize k = i; k > 0 && steps[k] > steps[k - 1]; k--) {
      const double kept = steps[k];
      steps[k] = steps[k - 1];
      steps[k - 1] = kept;
    }
  }
  return count;
}

/* From the bound upwards never more alarms; in the gap between two steps below it there are, unless there
 * is no gap left. */
static void
bound_is_the_lowest_that_holds(void **state)
{
  GRand *rand = test_rand();
  guint limited = 0;
  for (guint round = 0; round < 200; round++) {
    double d[3][MAX_N], bound, steps[3 * MAX_N * 2], hours = 0;
    gint64 t[3][MAX_N];
    HysacClip clips[3];
    const HysacPolicyConfig config = make_config(rand);
    const gsize n = (gsize) g_rand_int_range(rand, 1, 4);
    for (gsize i = 0; i < n; i++) {
      const gsize length = (gsize) g_rand_int_range(rand, 1, MAX_N);
      make_clip(rand, length, d[i], t[i]);
      clips[i] = (HysacClip){d[i], t[i], NULL, length, g_rand_double_range(rand, 0.1, 1)};
      hours += clips[i].hours;
    }
    const guint allowed = (guint) g_rand_int_range(rand, 0, 5);
    assert_true(hysac_alarms_bound(&config, clips, n, allowed / hours, 0, &bound, NULL));
    const gsize n_steps = find_steps(&config, clips, n, steps);
    double gap = 0;
    for (gsize i = 0; i + 1 < n_steps; i++) {
      const double between = 0.5 * (steps[i] + steps[i + 1]);
      if (steps[i] - steps[i + 1] < 1e-9)
        continue; /* one step, but for rounding */
      if (between >= bound - 1e-12)
        assert_true(count_all(&config, clips, n, between) <= allowed);
      else if (gap == 0)
        gap = between;
    }
    assert_true(count_all(&config, clips, n, bound) <= allowed);
    assert_int_equal(count_all(&config, clips, n, steps[0] + 1e-6), 0);
    if (gap > 0) {
      assert_true(count_all(&config, clips, n, gap) > allowed);
      limited++;
    }
  }
  assert_true(limited > 50);
  g_rand_free(rand);
}

static void
bad_clips_are_refused(void **state)
{
  const double d[] = {0.1, 0.2}, bad[] = {0.1, (double) NAN};
  const gint64 t[] = {0, S}, back[] = {S, 0};
  const HysacPolicyConfig config = {.k = 1, .n = 1}, wrong = {.k = 2, .n = 1};
  const HysacClip good = {d, t, NULL, 2, 1}, none = {bad, t, NULL, 2, 1}, backwards = {d, back, NULL, 2, 1},
                  empty = {d, t, NULL, 2, 0};
  GError *error = NULL;
  guint64 count;
  double bound;

  assert_false(hysac_alarms_count(&config, &none, 0.5, &count, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "sample 1");
  assert_false(hysac_alarms_count(&config, &backwards, 0.5, &count, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "sample 1");
  assert_false(hysac_alarms_count(&config, &empty, 0.5, &count, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "length");
  assert_false(hysac_alarms_count(&wrong, &good, 0.5, &count, &error));
  assert_non_null(error);
  g_clear_error(&error);
  assert_false(hysac_alarms_bound(&config, NULL, 0, 1, 0, &bound, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "needs clips");
  assert_false(hysac_alarms_bound(&config, &good, 1, -1, 0, &bound, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "not negative");
  /* Whatever the bound, no more: half the lowest distance is low enough. */
  assert_true(hysac_alarms_bound(&config, &good, 1, 1, 0, &bound, &error));
  assert_true(bound > 0 && bound < 0.1);
  assert_true(hysac_alarms_bound(&config, &good, 1, 0, 0, &bound, &error));
  assert_true(bound > 0.2 && bound < 0.2001);
  /* Scores of any sign have no lowest. */
  const double scores[] = {-3, -2};
  const HysacClip negative = {scores, t, NULL, 2, 1};
  assert_true(hysac_alarms_bound(&config, &negative, 1, 1, -(double) INFINITY, &bound, &error));
  assert_true(bound < -3);
  assert_true(hysac_alarms_bound(&config, &negative, 1, 0, -(double) INFINITY, &bound, &error));
  assert_true(bound > -2 && bound < -1.999);
  assert_false(hysac_alarms_bound(&config, &negative, 1, 0, 0, &bound, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "above 0");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(alarms_are_the_rule_s),          cmocka_unit_test(boundaries_are_passed_on),
    cmocka_unit_test(bound_is_the_lowest_that_holds), cmocka_unit_test(bad_clips_are_refused),
  };
  return cmocka_run_group_tests_name("alarms", tests, NULL, NULL);
}
