/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Samples judged anew under another configuration. */
#include "support.h"

#include "core/policy.h"

#define RUNS 4000
#define FRAMES 80
#define STEP 10

static HysacPolicyConfig
random_config(GRand *rand)
{
  HysacPolicyConfig config = {.k = 1, .n = 1};
  if (g_rand_boolean(rand)) {
    config.n = (guint) g_rand_int_range(rand, 1, 8);
    config.k = (guint) g_rand_int_range(rand, 1, (gint32) config.n + 1);
  }
  config.enter_margin = (double) g_rand_int_range(rand, -2, 3);
  config.leave_margin = config.enter_margin - (double) g_rand_int_range(rand, 0, 3);
  config.min_duration = g_rand_boolean(rand) ? 0 : g_rand_int_range(rand, 0, 8 * STEP);
  config.pre_roll = g_rand_boolean(rand) ? 0 : g_rand_int_range(rand, 0, 6 * STEP);
  config.post_roll = g_rand_boolean(rand) ? 0 : g_rand_int_range(rand, 0, 6 * STEP);
  return config;
}

/* Two policies are told the same, in the same order. */
typedef struct {
  HysacPolicy *one, *two;
  guint64 pending[FRAMES];
  guint n_pending, next;
  double distance[FRAMES];
  gboolean sample[FRAMES], boundary[FRAMES], fails[FRAMES];
  guint ends;
} Twins;

static void
twins_init(Twins *t, const HysacPolicyConfig *one, const HysacPolicyConfig *two, GRand *rand)
{
  *t = (Twins){.one = hysac_policy_new(one, NULL), .two = hysac_policy_new(two, NULL)};
  double density = g_rand_double(rand), failing = 0.1 * g_rand_double(rand);
  for (guint i = 0; i < FRAMES; i++) {
    t->boundary[i] = i == 0 || g_rand_double(rand) < 0.05;
    t->sample[i] = t->boundary[i] || i + 1 == FRAMES || g_rand_double(rand) < density;
    if (t->boundary[i] && i > 0)
      t->sample[i - 1] = TRUE;
    t->fails[i] = g_rand_double(rand) < failing;
    t->distance[i] = (double) g_rand_int_range(rand, 4, 16);
  }
}

static void
twins_clear(Twins *t)
{
  hysac_policy_free(t->one);
  hysac_policy_free(t->two);
}

static gboolean
twins_done(const Twins *t)
{
  return t->next == FRAMES && t->n_pending == 0;
}

/* A frame more, or a result of some sample. */
static void
twins_step(Twins *t, double bound, GRand *rand)
{
  if (t->next < FRAMES && (t->n_pending == 0 || g_rand_boolean(rand))) {
    const guint i = t->next++;
    if (!t->sample[i])
      return;
    hysac_policy_add_sample(t->one, i, i * STEP, t->boundary[i]);
    hysac_policy_add_sample(t->two, i, i * STEP, t->boundary[i]);
    t->pending[t->n_pending++] = i;
    if (i + 1 == FRAMES) {
      hysac_policy_end(t->one);
      hysac_policy_end(t->two);
    }
    return;
  }
  if (t->n_pending == 0)
    return;
  const guint pick = (guint) g_rand_int_range(rand, 0, (gint32) t->n_pending);
  const guint64 i = t->pending[pick];
  t->pending[pick] = t->pending[--t->n_pending];
  if (t->fails[i]) {
    hysac_policy_fail(t->one, i, HYSAC_REASON_FAILED_DEVICE);
    hysac_policy_fail(t->two, i, HYSAC_REASON_FAILED_DEVICE);
  } else {
    hysac_policy_resolve(t->one, i, t->distance[i], t->distance[i] - bound);
    hysac_policy_resolve(t->two, i, t->distance[i], t->distance[i] - bound);
  }
}

static void
expect_equal(const HysacDecision *a, const HysacDecision *b, gboolean ids, guint run, guint frame)
{
  if (a->kind != b->kind || a->reason != b->reason || a->failure != b->failure ||
      a->interval_start != b->interval_start || a->has_sample != b->has_sample ||
      a->sample_seq != b->sample_seq || a->margin != b->margin ||
      (ids && a->interval_id != b->interval_id))
    fail_msg("run %u, frame %u: kind %d reason %d start %" G_GINT64_FORMAT " id %" G_GUINT64_FORMAT
             " instead of kind %d reason %d start %" G_GINT64_FORMAT " id %" G_GUINT64_FORMAT,
             run, frame, a->kind, a->reason, a->interval_start, a->interval_id, b->kind, b->reason,
             b->interval_start, b->interval_id);
}

static void
expect_same_from(const Twins *t, guint first, gboolean ids, guint run)
{
  for (guint i = first; i < t->next; i++) {
    const HysacDecision a = hysac_policy_decide(t->one, i, i * STEP, FALSE);
    const HysacDecision b = hysac_policy_decide(t->two, i, i * STEP, FALSE);
    expect_equal(&a, &b, ids, run, i);
  }
  gint64 age_a, age_b;
  const gint64 now = t->next * STEP;
  const HysacDecision a = hysac_policy_latest(t->one, now, &age_a);
  const HysacDecision b = hysac_policy_latest(t->two, now, &age_b);
  expect_equal(&a, &b, ids, run, t->next);
  assert_true(age_a == age_b);
}

/* While no frame has gone: as if it had been so from the start, whatever it was before. */
static void
as_from_the_start(void **state)
{
  GRand *rand = test_rand();
  guint redacted = 0;
  for (guint run = 0; run < RUNS; run++) {
    const HysacPolicyConfig before = random_config(rand), after = random_config(rand);
    const gboolean moves = g_rand_boolean(rand);
    Twins t;
    twins_init(&t, &before, &after, rand);
    const guint when = (guint) g_rand_int_range(rand, 1, 2 * FRAMES);
    for (guint i = 0; i < when; i++)
      twins_step(&t, 10, rand);
    assert_true(hysac_policy_set_config(t.one, &after, NULL));
    hysac_policy_rejudge(t.one);
    expect_same_from(&t, 0, FALSE, run);
    if (moves) { /* the bound is the same to both again, by another way */
      hysac_policy_set_bound(t.one, 0, 9);
      hysac_policy_set_bound(t.two, 0, 12);
      hysac_policy_set_bound(t.one, 0, 12);
    }
    while (!twins_done(&t)) {
      twins_step(&t, moves ? 12 : 10, rand);
      expect_same_from(&t, 0, FALSE, run);
    }
    for (guint i = 0; i < FRAMES; i++) {
      const HysacDecision d = hysac_policy_decide(t.one, i, i * STEP, FALSE);
      assert_int_not_equal(d.kind, HYSAC_DECISION_PENDING);
      redacted += d.kind == HYSAC_DECISION_REDACT;
    }
    twins_clear(&t);
  }
  assert_true(redacted > RUNS);
  g_rand_free(rand);
}

/* Under the same configuration nothing changes and nothing is told, with frames gone as well. */
static void
nothing_new(void **state)
{
  GRand *rand = test_rand();
  guint gone_frames = 0, told = 0;
  for (guint run = 0; run < RUNS; run++) {
    const HysacPolicyConfig config = random_config(rand);
    guint gone = 0;
    Twins t;
    twins_init(&t, &config, &config, rand);
    while (!twins_done(&t)) {
      twins_step(&t, 10, rand);
      while (gone < t.next && g_rand_boolean(rand) &&
             hysac_policy_decide(t.two, gone, gone * STEP, FALSE).kind != HYSAC_DECISION_PENDING) {
        gone++;
        hysac_policy_forget(t.one, gone);
        hysac_policy_forget(t.two, gone);
        gone_frames++;
      }
      if (g_rand_double(rand) < 0.2)
        hysac_policy_rejudge(t.one);
      expect_same_from(&t, gone, TRUE, run);
    }
    HysacIntervalEvent a, b;
    while (hysac_policy_next_event(t.two, &b)) {
      assert_true(hysac_policy_next_event(t.one, &a));
      assert_true(a.id == b.id && a.open == b.open && a.start == b.start && a.end == b.end &&
                  a.peak == b.peak);
      told++;
    }
    assert_false(hysac_policy_next_event(t.one, &a));
    twins_clear(&t);
  }
  assert_true(gone_frames > RUNS && told > RUNS);
  g_rand_free(rand);
}

/* Frames gone, another configuration: no frame to come passes whose sample is unsafe by it, and each
 * gets its decision; every interval that was told to begin is told to end. */
static void
no_leak(void **state)
{
  GRand *rand = test_rand();
  guint unsafe = 0, passed = 0;
  for (guint run = 0; run < RUNS; run++) {
    HysacPolicyConfig config = random_config(rand);
    guint gone = 0;
    Twins t;
    twins_init(&t, &config, &config, rand);
    while (!twins_done(&t)) {
      twins_step(&t, 10, rand);
      while (gone < t.next && g_rand_boolean(rand) &&
             hysac_policy_decide(t.one, gone, gone * STEP, FALSE).kind != HYSAC_DECISION_PENDING)
        hysac_policy_forget(t.one, ++gone);
      if (g_rand_double(rand) > 0.1)
        continue;
      config = random_config(rand);
      config.k = config.n = 1;
      assert_true(hysac_policy_set_config(t.one, &config, NULL));
      hysac_policy_rejudge(t.one);
      for (guint i = gone; i < t.next; i++) {
        const HysacDecision d = hysac_policy_decide(t.one, i, i * STEP, TRUE);
        if (!t.sample[i] || !d.has_sample || !d.sample_ok || d.sample_seq != i)
          continue;
        if (t.distance[i] - 10 > config.enter_margin) {
          assert_int_equal(d.kind, HYSAC_DECISION_REDACT);
          unsafe++;
        }
        passed += d.kind == HYSAC_DECISION_PASS;
      }
    }
    for (guint i = gone; i < FRAMES; i++)
      assert_int_not_equal(hysac_policy_decide(t.one, i, i * STEP, FALSE).kind,
                           HYSAC_DECISION_PENDING);
    HysacIntervalEvent event;
    gboolean open[FRAMES * 4] = {FALSE};
    while (hysac_policy_next_event(t.one, &event)) {
      assert_true(event.id < G_N_ELEMENTS(open));
      open[event.id] = event.open;
    }
    for (guint i = 0; i < G_N_ELEMENTS(open); i++)
      assert_false(open[i]);
    twins_clear(&t);
  }
  assert_true(unsafe > 1000 && passed > 1000);
  g_rand_free(rand);
}

/* A window of k of n looks back at samples of frames long gone, however far ahead scoring is. */
static void
looks_back(void **state)
{
  const HysacPolicyConfig config = {.k = 30, .n = 30};
  HysacPolicy *policy = hysac_policy_new(&config, NULL);
  for (guint i = 0; i < 300; i++) {
    hysac_policy_add_sample(policy, i, i * STEP, i == 0);
    hysac_policy_resolve(policy, i, 10, i < 150 ? 1 : -1);
  }
  hysac_policy_forget(policy, 149);
  hysac_policy_rejudge(policy);
  assert_int_equal(hysac_policy_decide(policy, 149, 149 * STEP, FALSE).kind, HYSAC_DECISION_REDACT);
  assert_int_equal(hysac_policy_decide(policy, 150, 150 * STEP, FALSE).kind, HYSAC_DECISION_PASS);
  hysac_policy_free(policy);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(as_from_the_start),
    cmocka_unit_test(nothing_new),
    cmocka_unit_test(no_leak),
    cmocka_unit_test(looks_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
