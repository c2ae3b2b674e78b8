/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy case by case; test_policy_random.c compares it with the rules at large. */
#include "support.h"

#include "core/policy_private.h"

#define SECOND G_GINT64_CONSTANT(1000000000)

static const HysacPolicyConfig plain = {.k = 1, .n = 1, .enter_margin = 0.0, .leave_margin = -0.1};

static HysacPolicy *
new_policy(const HysacPolicyConfig *config)
{
  GError *error = NULL;
  HysacPolicy *policy = hysac_policy_new(config, &error);
  assert_non_null(policy);
  assert_null(error);
  return policy;
}

/* A sample at @time with seq = time, decided at once. */
static void
sample(HysacPolicy *policy, gint64 time, double margin)
{
  hysac_policy_add_sample(policy, (guint64) time, time, time == 0);
  hysac_policy_resolve(policy, (guint64) time, margin + 1.0, margin);
}

static void
expect(const HysacPolicy *policy, gint64 time, HysacDecisionKind kind, HysacReason reason)
{
  HysacDecision decision = hysac_policy_decide(policy, (guint64) time, time, FALSE);
  if (decision.kind != kind || (kind != HYSAC_DECISION_PENDING && decision.reason != reason))
    fail_msg("frame %d: kind %d, %s; expected %d, %s", (int) time, decision.kind,
             hysac_reason_to_string(decision.reason), kind, hysac_reason_to_string(reason));
}

static void
expect_pending(const HysacPolicy *policy, gint64 time)
{
  expect(policy, time, HYSAC_DECISION_PENDING, HYSAC_REASON_SAFE);
}

static void
test_config(void **state)
{
  const HysacPolicyConfig bad[] = {
    {.k = 0, .n = 1},
    {.k = 2, .n = 1},
    {.k = 1, .n = 65},
    {.k = 1, .n = 1, .enter_margin = NAN},
    {.k = 1, .n = 1, .leave_margin = 0.1},
    {.k = 1, .n = 1, .leave_margin = -INFINITY},
    {.k = 1, .n = 1, .min_duration = -1},
    {.k = 1, .n = 1, .pre_roll = -1},
    {.k = 1, .n = 1, .post_roll = G_MAXINT64},
  };
  GError *error = NULL;
  HysacPolicy *policy = new_policy(&plain);

  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    assert_null(hysac_policy_new(&bad[i], &error));
    expect_error(&error, HYSAC_ERROR_ARGUMENT, "expected");
    assert_false(hysac_policy_set_config(policy, &bad[i], &error));
    expect_error(&error, HYSAC_ERROR_ARGUMENT, "expected");
  }
  hysac_policy_free(policy);
  hysac_policy_free(NULL);
}

static void
test_cover(void **state)
{
  HysacPolicy *policy = new_policy(&plain);

  expect_pending(policy, 0);
  sample(policy, 0, -1.0);
  expect(policy, 0, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  expect_pending(policy, 5);
  sample(policy, 10, 0.5);
  expect(policy, 5, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE); /* backwards too */
  expect(policy, 10, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  sample(policy, 20, -1.0);
  expect(policy, 15, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  expect(policy, 20, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  /* A cut: the frame before it is a sample, nothing reaches over. */
  hysac_policy_add_sample(policy, 21, 21, TRUE);
  hysac_policy_resolve(policy, 21, 2.0, 1.0);
  expect(policy, 20, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  expect(policy, 21, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);

  HysacDecision decision = hysac_policy_decide(policy, 15, 15, FALSE);
  assert_true(decision.has_sample && decision.sample_ok);
  assert_int_equal(decision.sample_seq, 10);
  assert_true(decision.margin == 0.5 && decision.distance == 1.5);
  assert_int_equal(decision.interval_id, 1);
  assert_int_equal(decision.interval_start, 10);
  hysac_policy_free(policy);
}

static void
test_caller_mistakes(void **state)
{
  HysacPolicy *policy = new_policy(&plain);

  hysac_policy_add_sample(policy, 10, 10, TRUE);
  hysac_policy_resolve(policy, 10, 0.5, -0.5);
  expect_pending(policy, 5); /* older than the first sample */
  HysacDecision forced = hysac_policy_decide(policy, 5, 5, TRUE);
  assert_int_equal(forced.kind, HYSAC_DECISION_FAILED);
  assert_int_equal(forced.reason, HYSAC_REASON_FAILED_DEADLINE);
  /* A frame between the last sample of a shot and the next shot: nothing scored covers its end. */
  hysac_policy_add_sample(policy, 20, 20, TRUE);
  hysac_policy_resolve(policy, 20, 0.5, -0.5);
  expect_pending(policy, 15);
  hysac_policy_end(policy);
  expect_pending(policy, 25);
  /* Out of order, unknown, twice. */
  hysac_policy_add_sample(policy, 20, 21, FALSE);
  hysac_policy_add_sample(policy, 3, 3, FALSE);
  hysac_policy_resolve(policy, 99, 9.0, 9.0);
  hysac_policy_fail(policy, 20, HYSAC_REASON_FAILED_MAP);
  expect(policy, 20, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  hysac_policy_reset(policy);
  expect_pending(policy, 20);
  hysac_policy_free(policy);
}

static void
test_failures(void **state)
{
  HysacPolicy *policy = new_policy(&plain);

  sample(policy, 0, -1.0);
  hysac_policy_add_sample(policy, 10, 10, FALSE);
  hysac_policy_fail(policy, 10, HYSAC_REASON_FAILED_TIMEOUT);
  sample(policy, 20, -1.0);
  expect(policy, 0, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  expect(policy, 5, HYSAC_DECISION_FAILED, HYSAC_REASON_FAILED_TIMEOUT);
  expect(policy, 10, HYSAC_DECISION_FAILED, HYSAC_REASON_FAILED_TIMEOUT);
  expect(policy, 15, HYSAC_DECISION_FAILED, HYSAC_REASON_FAILED_TIMEOUT);
  expect(policy, 20, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  /* A result that is not a number is a failure, never a verdict. */
  hysac_policy_add_sample(policy, 30, 30, FALSE);
  hysac_policy_resolve(policy, 30, NAN, NAN);
  expect(policy, 30, HYSAC_DECISION_FAILED, HYSAC_REASON_FAILED_NUMERIC);
  hysac_policy_add_sample(policy, 40, 40, FALSE);
  hysac_policy_fail(policy, 40, HYSAC_REASON_SAFE); /* no failure's reason: never a pass */
  expect(policy, 40, HYSAC_DECISION_FAILED, HYSAC_REASON_FAILED_DEVICE);
  /* Inside an open interval a failed sample does not leave. */
  sample(policy, 50, 1.0);
  hysac_policy_add_sample(policy, 60, 60, FALSE);
  hysac_policy_fail(policy, 60, HYSAC_REASON_FAILED_DEVICE);
  expect(policy, 60, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  assert_false(hysac_policy_decide(policy, 60, 60, FALSE).sample_ok);
  sample(policy, 70, -1.0);
  expect(policy, 65, HYSAC_DECISION_FAILED, HYSAC_REASON_FAILED_DEVICE);
  expect(policy, 70, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  hysac_policy_free(policy);
}

static void
test_hysteresis_and_durations(void **state)
{
  HysacPolicyConfig config = {.k = 1, .n = 1, .enter_margin = 1.0, .leave_margin = 0.0,
                              .min_duration = 25, .pre_roll = 10, .post_roll = 10};
  HysacPolicy *policy = new_policy(&config);
  HysacIntervalEvent event;

  sample(policy, 0, -1.0);
  expect_pending(policy, 0); /* the pre-roll of what comes */
  sample(policy, 10, 0.5);   /* above leave only: opens nothing */
  sample(policy, 20, 2.0);
  expect(policy, 0, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  expect(policy, 10, HYSAC_DECISION_REDACT, HYSAC_REASON_PRE_ROLL);
  expect(policy, 15, HYSAC_DECISION_PENDING, HYSAC_REASON_SAFE);
  sample(policy, 30, -1.0); /* within the minimum duration */
  expect(policy, 15, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  expect(policy, 20, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  sample(policy, 40, -1.0);
  expect(policy, 30, HYSAC_DECISION_REDACT, HYSAC_REASON_POST_ROLL);
  sample(policy, 44, 0.5); /* still open: above leave goes on */
  sample(policy, 60, 0.5);
  sample(policy, 70, -1.0);
  sample(policy, 71, -1.0);
  sample(policy, 90, -1.0);
  expect(policy, 44, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  expect(policy, 60, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  expect(policy, 70, HYSAC_DECISION_REDACT, HYSAC_REASON_POST_ROLL);
  expect(policy, 71, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);

  assert_true(hysac_policy_next_event(policy, &event));
  assert_true(event.open && event.id == 1 && event.start == 20);
  assert_true(hysac_policy_next_event(policy, &event));
  assert_true(!event.open && event.id == 1 && event.start == 20 && event.end == 60);
  assert_true(event.peak == 2.0);
  assert_false(hysac_policy_next_event(policy, &event));
  hysac_policy_free(policy);
}

static void
test_k_of_n(void **state)
{
  HysacPolicyConfig config = {.k = 2, .n = 3, .enter_margin = 0.0, .leave_margin = 0.0};
  HysacPolicy *policy = new_policy(&config);

  sample(policy, 0, -1.0);
  sample(policy, 10, 1.0);
  expect(policy, 0, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE); /* not reached by it */
  expect_pending(policy, 5);
  expect_pending(policy, 10);
  sample(policy, 20, -1.0);
  expect_pending(policy, 10);
  expect_pending(policy, 15);
  expect(policy, 20, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  sample(policy, 30, -1.0);
  expect(policy, 10, HYSAC_DECISION_PASS, HYSAC_REASON_UNCONFIRMED);
  expect(policy, 5, HYSAC_DECISION_PASS, HYSAC_REASON_UNCONFIRMED);
  /* Two of three, across a cut, and backwards. */
  sample(policy, 40, 1.0);
  hysac_policy_add_sample(policy, 50, 50, TRUE);
  hysac_policy_resolve(policy, 50, 0.5, -0.5);
  hysac_policy_add_sample(policy, 60, 60, FALSE);
  hysac_policy_resolve(policy, 60, 2.0, 1.0);
  expect(policy, 40, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  expect(policy, 35, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE);
  expect(policy, 50, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);
  /* The end decides with what there is. */
  sample(policy, 70, -1.0);
  sample(policy, 80, -1.0);
  sample(policy, 90, 1.0);
  expect_pending(policy, 90);
  hysac_policy_end(policy);
  expect(policy, 90, HYSAC_DECISION_PASS, HYSAC_REASON_UNCONFIRMED);
  /* What follows an end confirms nothing before it. */
  sample(policy, 100, 1.0);
  expect(policy, 90, HYSAC_DECISION_PASS, HYSAC_REASON_UNCONFIRMED);
  hysac_policy_free(policy);
}

static void
test_force(void **state)
{
  HysacPolicyConfig config = {.k = 1, .n = 1, .pre_roll = 20};
  HysacPolicy *policy = new_policy(&config);

  sample(policy, 0, -1.0);
  HysacDecision forced = hysac_policy_decide(policy, 0, 0, TRUE);
  assert_int_equal(forced.kind, HYSAC_DECISION_FAILED);
  assert_int_equal(forced.reason, HYSAC_REASON_FAILED_DEADLINE);
  /* A result behind a pending one already redacts what it covers, and its pre-roll. */
  hysac_policy_add_sample(policy, 10, 10, FALSE);
  hysac_policy_add_sample(policy, 20, 20, FALSE);
  hysac_policy_resolve(policy, 20, 2.0, 1.0);
  forced = hysac_policy_decide(policy, 15, 15, TRUE);
  assert_int_equal(forced.kind, HYSAC_DECISION_REDACT);
  assert_int_equal(forced.reason, HYSAC_REASON_UNSAFE);
  forced = hysac_policy_decide(policy, 5, 5, TRUE);
  assert_int_equal(forced.kind, HYSAC_DECISION_REDACT);
  assert_int_equal(forced.reason, HYSAC_REASON_PRE_ROLL);
  /* Behind all samples in an open interval: nobody saw it end. */
  forced = hysac_policy_decide(policy, 25, 25, TRUE);
  assert_int_equal(forced.kind, HYSAC_DECISION_REDACT);
  /* Asking by force changed nothing. */
  expect_pending(policy, 15);
  hysac_policy_resolve(policy, 10, 0.5, -0.5);
  expect(policy, 0, HYSAC_DECISION_REDACT, HYSAC_REASON_PRE_ROLL);
  hysac_policy_free(policy);
}

static void
test_changed_config(void **state)
{
  HysacPolicyConfig config = plain;
  HysacPolicy *policy = new_policy(&config);

  hysac_policy_add_sample(policy, 0, 0, TRUE);
  hysac_policy_add_sample(policy, 10, 10, FALSE);
  hysac_policy_resolve(policy, 0, 1.5, 0.5);
  config.enter_margin = 1.0;
  config.leave_margin = 1.0;
  assert_true(hysac_policy_set_config(policy, &config, NULL));
  hysac_policy_resolve(policy, 10, 1.5, 0.5);
  expect(policy, 0, HYSAC_DECISION_REDACT, HYSAC_REASON_UNSAFE); /* by the old thresholds */
  expect(policy, 10, HYSAC_DECISION_PASS, HYSAC_REASON_SAFE);    /* by the new ones */
  hysac_policy_free(policy);
}

static void
test_latest(void **state)
{
  HysacPolicyConfig config = {.k = 1, .n = 1, .min_duration = 20, .post_roll = 5};
  HysacPolicy *policy = new_policy(&config);
  gint64 age = 0;

  HysacDecision now = hysac_policy_latest(policy, 3, &age);
  assert_int_equal(now.kind, HYSAC_DECISION_PENDING);
  assert_true(age == G_MAXINT64);
  sample(policy, 0, -1.0);
  now = hysac_policy_latest(policy, 7, &age);
  assert_int_equal(now.kind, HYSAC_DECISION_PASS);
  assert_int_equal(age, 7);
  assert_int_equal(now.sample_seq, 0);
  /* The newest result counts, an older request still on its way or not. */
  hysac_policy_add_sample(policy, 10, 10, FALSE);
  hysac_policy_add_sample(policy, 20, 20, FALSE);
  hysac_policy_resolve(policy, 20, 2.0, 1.0);
  now = hysac_policy_latest(policy, 1000, &age);
  assert_int_equal(now.kind, HYSAC_DECISION_REDACT);
  assert_int_equal(now.reason, HYSAC_REASON_UNSAFE);
  assert_int_equal(age, 980);
  hysac_policy_resolve(policy, 10, 0.5, -0.5);
  sample(policy, 30, -1.0);
  assert_int_equal(hysac_policy_latest(policy, 44, &age).reason, HYSAC_REASON_POST_ROLL);
  assert_int_equal(hysac_policy_latest(policy, 46, &age).kind, HYSAC_DECISION_PASS);
  hysac_policy_add_sample(policy, 50, 50, FALSE);
  hysac_policy_fail(policy, 50, HYSAC_REASON_FAILED_DEVICE);
  now = hysac_policy_latest(policy, 51, &age);
  assert_int_equal(now.kind, HYSAC_DECISION_REDACT); /* not seen to end */
  sample(policy, 60, -1.0);
  hysac_policy_add_sample(policy, 70, 70, FALSE);
  hysac_policy_fail(policy, 70, HYSAC_REASON_FAILED_DEVICE);
  now = hysac_policy_latest(policy, 91, &age);
  assert_int_equal(now.kind, HYSAC_DECISION_FAILED);
  assert_int_equal(now.reason, HYSAC_REASON_FAILED_DEVICE);
  hysac_policy_free(policy);
}

/* Days of video: what is kept does not grow. */
/* Decisions tell of it where the sample is the one that tells; nothing else changes. */
static void
test_reused(void **state)
{
  HysacPolicy *policy = new_policy(&plain);
  gint64 age;

  hysac_policy_note_reused(policy, 7); /* unknown */
  for (guint i = 0; i < 3; i++)
    hysac_policy_add_sample(policy, 10 * i, 10 * i, i == 0);
  hysac_policy_resolve(policy, 0, 1.0, -0.1);
  hysac_policy_note_reused(policy, 10); /* before its result */
  hysac_policy_resolve(policy, 10, 1.2, 0.1);
  hysac_policy_resolve(policy, 20, 1.0, -0.1);
  hysac_policy_note_reused(policy, 5); /* no sample */
  assert_false(hysac_policy_decide(policy, 0, 0, FALSE).sample_reused);
  HysacDecision between = hysac_policy_decide(policy, 5, 5, FALSE);
  assert_int_equal(between.sample_seq, 10);
  assert_true(between.sample_reused);
  assert_int_equal(between.kind, HYSAC_DECISION_REDACT);
  assert_false(hysac_policy_decide(policy, 20, 20, FALSE).sample_reused);
  assert_false(hysac_policy_latest(policy, 25, &age).sample_reused);
  hysac_policy_note_reused(policy, 20); /* behind it */
  assert_true(hysac_policy_latest(policy, 25, &age).sample_reused);
  assert_int_equal(age, 5);
  hysac_policy_free(policy);
}

static void
test_memory(void **state)
{
  HysacPolicyConfig config = {.k = 2, .n = 5, .min_duration = SECOND, .pre_roll = SECOND,
                              .post_roll = SECOND};
  HysacPolicy *policy = new_policy(&config);
  const guint64 frames = 10 * 1000 * 1000, delay = 40;
  gsize samples = 0;
  guint intervals = 0, redacted = 0;

  for (guint64 i = 0; i < frames + delay; i++) {
    gint64 time = (gint64) i * SECOND / 30;
    hysac_policy_add_sample(policy, i, time, i % 250 == 0);
    /* Unsafe for 10 frames of 300; every thousandth request fails. */
    if (i % 1000 == 999)
      hysac_policy_fail(policy, i, HYSAC_REASON_FAILED_DEVICE);
    else
      hysac_policy_resolve(policy, i, 1.0, i % 300 < 10 ? 1.0 : -1.0);
    if (i < delay)
      continue;
    guint64 due = i - delay;
    HysacDecision decision = hysac_policy_decide(policy, due, (gint64) due * SECOND / 30, FALSE);
    assert_int_not_equal(decision.kind, HYSAC_DECISION_PENDING);
    redacted += decision.kind == HYSAC_DECISION_REDACT;
    hysac_policy_forget(policy, due + 1);
    samples = MAX(samples, policy->ring_size);
    intervals = MAX(intervals, policy->intervals->len);
  }
  assert_true(samples <= 256);
  assert_true(intervals <= 2);
  assert_true(policy->events.length <= 1024); /* nobody fetched them */
  assert_true(redacted > frames / 4);
  hysac_policy_free(policy);
}

static void
test_bounds(void **state)
{
  HysacPolicyConfig config = plain;

  assert_int_equal(hysac_policy_max_hold(&config, 500, 40), 540);
  assert_int_equal(hysac_policy_escape_bound(&config, 500, 40), 540);
  assert_int_equal(hysac_policy_escape_bound(&config, 0, 40), 0);
  config.n = 5; /* counts only where k > 1 */
  assert_int_equal(hysac_policy_max_hold(&config, 500, 40), 540);
  config.k = 3;
  config.pre_roll = 7;
  assert_int_equal(hysac_policy_max_hold(&config, 500, 40), 7 + 5 * 540);
  assert_int_equal(hysac_policy_escape_bound(&config, 500, 40), 3 * 540);
  assert_int_equal(hysac_policy_escape_bound(&config, 0, 40), 2 * 40);
  assert_true(hysac_policy_max_hold(&config, G_MAXINT64, G_MAXINT64) == G_MAXINT64);
}

static void
test_reasons(void **state)
{
  GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);

  for (guint i = 0; i <= HYSAC_REASON_FAILED_TIMEOUT; i++) {
    const char *name = hysac_reason_to_string((HysacReason) i);
    assert_true(g_hash_table_add(names, (gpointer) name));
    assert_int_equal(g_str_has_prefix(name, "failed-"), hysac_reason_is_failure((HysacReason) i));
  }
  assert_string_equal(hysac_reason_to_string((HysacReason) 99), "unknown");
  assert_false(hysac_reason_is_failure((HysacReason) 99));
  g_hash_table_unref(names);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_config),         cmocka_unit_test(test_cover),
    cmocka_unit_test(test_caller_mistakes), cmocka_unit_test(test_failures),
    cmocka_unit_test(test_hysteresis_and_durations), cmocka_unit_test(test_k_of_n),
    cmocka_unit_test(test_force),          cmocka_unit_test(test_changed_config),
    cmocka_unit_test(test_latest),         cmocka_unit_test(test_reused),
    cmocka_unit_test(test_memory),
    cmocka_unit_test(test_bounds),         cmocka_unit_test(test_reasons),
  };
  return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
