/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy against the oracle: random streams, results in any order, questions at any time. */
#include "support.h"

#include "policy_oracle.h"

#define RUNS 20000

typedef struct {
  guint64 seq;
  gint64 time;
} Frame;

typedef struct {
  Frame frames[MAX_FRAMES];
  guint n_frames;
  Oracle full;  /* as it will be */
  Oracle known; /* as the policy was told so far */
  gboolean sample_ends[MAX_FRAMES]; /* hysac_policy_end() behind this sample */
  HysacDecision decided[MAX_FRAMES];
  gboolean was_decided[MAX_FRAMES];
  guint64 forgotten;
  gboolean changing; /* the configuration changes on the way */
} Stream;

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
  config.min_duration = g_rand_boolean(rand) ? 0 : g_rand_int_range(rand, 0, 80);
  config.pre_roll = g_rand_boolean(rand) ? 0 : g_rand_int_range(rand, 0, 60);
  config.post_roll = g_rand_boolean(rand) ? 0 : g_rand_int_range(rand, 0, 60);
  return config;
}

/* Frames, and which are samples by rule 1. Times increase; a frame is at least 1 long. */
static void
make_stream(Stream *s, GRand *rand)
{
  double density = g_rand_double(rand), unsafe = g_rand_double(rand);
  double failing = g_rand_boolean(rand) ? 0.0 : 0.2 * g_rand_double(rand);
  gboolean starts[MAX_FRAMES + 1] = {FALSE};
  guint run = 0;
  gint64 time = g_rand_int_range(rand, -50, 50);

  memset(s, 0, sizeof *s);
  s->n_frames = (guint) g_rand_int_range(rand, 1, MAX_FRAMES);
  for (guint i = 1; i < s->n_frames; i++)
    starts[i] = g_rand_double(rand) < 0.06;
  starts[0] = starts[s->n_frames] = TRUE;
  for (guint i = 0; i < s->n_frames; i++) {
    s->frames[i] = (Frame){.seq = 10 + 3 * (guint64) i, .time = time};
    time += g_rand_int_range(rand, 1, 12);
    if (!starts[i] && !starts[i + 1] && g_rand_double(rand) > density)
      continue;
    OracleSample *sample = &s->full.samples[s->full.n];
    *sample = (OracleSample){.seq = s->frames[i].seq, .time = s->frames[i].time, .run = run,
                             .boundary = starts[i]};
    if (g_rand_double(rand) < failing) {
      sample->result = RESULT_FAILED;
      sample->failure = g_rand_boolean(rand) ? HYSAC_REASON_FAILED_DEVICE
                                             : HYSAC_REASON_FAILED_TIMEOUT;
    } else {
      sample->result = RESULT_SCORED;
      sample->margin = g_rand_double(rand) < unsafe ? (double) g_rand_int_range(rand, -1, 6)
                                                    : (double) g_rand_int_range(rand, -6, 2);
    }
    if (i + 1 < s->n_frames && starts[i + 1] && g_rand_double(rand) < 0.2) {
      s->sample_ends[s->full.n] = TRUE;
      run++;
    }
    s->full.n++;
  }
  s->sample_ends[s->full.n - 1] = TRUE;
}

static void
expect_same(const HysacDecision *got, const HysacDecision *expected, guint64 seq)
{
  if (got->kind != expected->kind || got->reason != expected->reason ||
      got->has_sample != expected->has_sample || got->sample_seq != expected->sample_seq ||
      got->sample_time != expected->sample_time || got->sample_ok != expected->sample_ok ||
      (expected->sample_ok &&
       (got->margin != expected->margin || got->distance != expected->distance)) ||
      got->interval_id != expected->interval_id || got->interval_start != expected->interval_start)
    fail_msg("frame %" G_GUINT64_FORMAT ": kind %d, %s, sample %" G_GUINT64_FORMAT
             ", interval %" G_GUINT64_FORMAT "; expected kind %d, %s, sample %" G_GUINT64_FORMAT
             ", interval %" G_GUINT64_FORMAT, seq, got->kind, hysac_reason_to_string(got->reason),
             got->sample_seq, got->interval_id, expected->kind,
             hysac_reason_to_string(expected->reason), expected->sample_seq,
             expected->interval_id);
}

static int
known_prefix(const Stream *s)
{
  int prefix = 0;
  while (prefix < (int) s->known.n && s->known.samples[prefix].result != RESULT_PENDING)
    prefix++;
  return prefix;
}

/* Rule 5: when the frame has to be decided at the latest, and at the earliest. */
static void
check_time_of_decision(Stream *s, const Frame *frame, gboolean decided)
{
  int horizon = oracle_horizon(&s->known, frame->seq, frame->time), prefix = known_prefix(s);
  gboolean ready = horizon >= 0 && horizon < prefix;
  guint n = 1;
  gboolean unsafe_near = FALSE, run_over = FALSE;

  if (decided && !ready)
    fail_msg("frame %" G_GUINT64_FORMAT " decided before rule 5 has it", frame->seq);
  if (decided || !ready || s->changing)
    return;
  for (int i = 0; i < prefix; i++)
    if (s->known.samples[i].config.k > 1)
      n = MAX(n, s->known.samples[i].config.n);
  for (int i = MAX(0, horizon - (int) n + 1); i <= horizon; i++)
    unsafe_near = unsafe_near || (s->known.samples[i].result == RESULT_SCORED &&
                                  s->known.samples[i].margin >
                                    s->known.samples[i].config.enter_margin);
  run_over = prefix == (int) s->known.n && s->known.ended;
  if (n == 1 || !unsafe_near || horizon + (int) n - 1 < prefix || run_over)
    fail_msg("frame %" G_GUINT64_FORMAT " is pending longer than rule 5 has it", frame->seq);
}

/* By force: never pending, never a pass that is not settled, redacted where the known samples say
 * so with the pending ones as failed. */
static void
check_force(Stream *s, const HysacPolicy *policy, const Frame *frame, const HysacDecision *plain)
{
  HysacDecision forced = hysac_policy_decide(policy, frame->seq, frame->time, TRUE);
  int left, right;

  if (plain->kind != HYSAC_DECISION_PENDING) {
    expect_same(&forced, plain, frame->seq);
    return;
  }
  assert_true(forced.kind == HYSAC_DECISION_REDACT || forced.kind == HYSAC_DECISION_FAILED);
  assert_true(forced.kind == HYSAC_DECISION_REDACT || hysac_reason_is_failure(forced.reason));
  oracle_cover(&s->known, frame->seq, &left, &right);
  if (left < 0 || right < 0)
    return;
  Oracle partial = s->known;
  oracle_prepare(&partial);
  HysacDecision expected = oracle_decide(&partial, frame->seq, frame->time);
  if (s->changing) /* the pre-roll of pending samples is not known */
    return;
  if ((forced.kind == HYSAC_DECISION_REDACT) != (expected.kind == HYSAC_DECISION_REDACT))
    fail_msg("frame %" G_GUINT64_FORMAT ": by force %d %s, expected %d %s", frame->seq, forced.kind,
             hysac_reason_to_string(forced.reason), expected.kind,
             hysac_reason_to_string(expected.reason));
  for (int i = left; forced.kind == HYSAC_DECISION_FAILED && i <= right; i++)
    if (s->known.samples[i].result == RESULT_FAILED) {
      assert_true(forced.reason != HYSAC_REASON_FAILED_DEADLINE);
      break;
    }
}

static void
ask(Stream *s, const HysacPolicy *policy, guint index)
{
  const Frame *frame = &s->frames[index];

  if (frame->seq < s->forgotten)
    return;
  HysacDecision got = hysac_policy_decide(policy, frame->seq, frame->time, FALSE);
  check_time_of_decision(s, frame, got.kind != HYSAC_DECISION_PENDING);
  check_force(s, policy, frame, &got);
  if (got.kind != HYSAC_DECISION_PENDING && !s->was_decided[index]) {
    s->decided[index] = got;
    s->was_decided[index] = TRUE;
  } else if (s->was_decided[index]) {
    expect_same(&got, &s->decided[index], frame->seq); /* once decided, for ever */
  }
}

static void
resolve_one(Stream *s, HysacPolicy *policy, guint index, const HysacPolicyConfig *config)
{
  OracleSample *sample = &s->full.samples[index];

  sample->config = *config;
  s->known.samples[index] = *sample;
  if (sample->result == RESULT_FAILED)
    hysac_policy_fail(policy, sample->seq, sample->failure);
  else
    hysac_policy_resolve(policy, sample->seq, sample->margin + 1.0, sample->margin);
  /* Once each: a second result changes nothing, nor does one that nobody asked for. */
  hysac_policy_resolve(policy, sample->seq, 9.0, 9.0);
  hysac_policy_fail(policy, sample->seq + 1, HYSAC_REASON_FAILED_DEVICE);
}

/* Adds, resolves, asks and forgets in a random order until all is told. */
static void
play(Stream *s, HysacPolicy *policy, HysacPolicyConfig config, GRand *rand)
{
  guint pending[MAX_FRAMES], n_pending = 0;
  double eagerness = g_rand_double(rand);
  gboolean forgets = g_rand_boolean(rand);

  while (s->known.n < s->full.n || n_pending > 0) {
    if (s->known.n < s->full.n && (n_pending == 0 || g_rand_double(rand) > eagerness)) {
      guint index = s->known.n++;
      s->known.samples[index] = s->full.samples[index];
      s->known.samples[index].result = RESULT_PENDING;
      s->known.samples[index].config = config;
      s->known.ended = s->sample_ends[index];
      pending[n_pending++] = index;
      /* The policy knows of boundaries by itself behind an end. */
      hysac_policy_add_sample(policy, s->full.samples[index].seq, s->full.samples[index].time,
                              s->full.samples[index].boundary);
      if (s->known.ended)
        hysac_policy_end(policy);
    } else {
      guint pick = (guint) g_rand_int_range(rand, 0, (gint32) n_pending);
      guint index = pending[pick];
      pending[pick] = pending[--n_pending];
      resolve_one(s, policy, index, &config);
    }
    if (s->changing && g_rand_double(rand) < 0.1) {
      config = random_config(rand);
      assert_true(hysac_policy_set_config(policy, &config, NULL));
    }
    for (guint i = 0; i < 4; i++)
      ask(s, policy, (guint) g_rand_int_range(rand, 0, (gint32) s->n_frames));
    /* What is decided and before all that is not may be let go. */
    if (forgets && g_rand_double(rand) < 0.2) {
      guint first = 0;
      while (first < s->n_frames && s->was_decided[first])
        first++;
      if (first < s->n_frames && s->frames[first].seq > s->forgotten) {
        s->forgotten = s->frames[first].seq;
        hysac_policy_forget(policy, s->forgotten);
      }
    }
  }
}

static void
check_events(const Stream *s, HysacPolicy *policy)
{
  HysacIntervalEvent event;

  for (guint i = 0; i < s->full.n_intervals; i++) {
    double peak = -G_MAXDOUBLE;
    for (guint j = s->full.intervals[i].first; j < s->full.intervals[i].beyond; j++)
      if (s->full.samples[j].result == RESULT_SCORED &&
          s->full.samples[j].margin > s->full.samples[j].config.leave_margin)
        peak = MAX(peak, s->full.samples[j].margin);
    assert_true(hysac_policy_next_event(policy, &event));
    assert_true(event.open);
    assert_int_equal(event.id, i + 1);
    assert_int_equal(event.start, s->full.intervals[i].start);
    assert_true(hysac_policy_next_event(policy, &event));
    assert_false(event.open);
    assert_int_equal(event.id, i + 1);
    assert_int_equal(event.end, s->full.intervals[i].end);
    assert_true(event.peak == peak);
  }
  assert_false(hysac_policy_next_event(policy, &event));
}

static void
test_random_streams(void **state)
{
  GRand *rand = test_rand();
  guint redacted = 0, passed = 0, failed = 0, pre = 0, post = 0, unconfirmed = 0;
  Stream *s = g_new(Stream, 1);
  HysacPolicy *policy = NULL;

  for (guint run = 0; run < RUNS; run++) {
    HysacPolicyConfig config = random_config(rand);
    make_stream(s, rand);
    s->changing = g_rand_double(rand) < 0.25;
    /* The same object over many streams: reset forgets everything. */
    if (policy && g_rand_boolean(rand)) {
      hysac_policy_reset(policy);
      assert_true(hysac_policy_set_config(policy, &config, NULL));
    } else {
      hysac_policy_free(policy);
      policy = hysac_policy_new(&config, NULL);
      assert_non_null(policy);
    }
    play(s, policy, config, rand);
    s->full.ended = TRUE;
    oracle_prepare(&s->full);
    for (guint i = 0; i < s->n_frames; i++) {
      const Frame *frame = &s->frames[i];
      HysacDecision expected = oracle_decide(&s->full, frame->seq, frame->time);
      int cover[2];
      ask(s, policy, i);
      if (!s->was_decided[i])
        fail_msg("run %u: frame %u is never decided", run, i);
      expect_same(&s->decided[i], &expected, frame->seq);

      /* No leak, said once more without the oracle's decision. */
      oracle_cover(&s->full, frame->seq, &cover[0], &cover[1]);
      for (guint c = 0; c < 2; c++)
        if (s->full.confirmed[cover[c]] || s->full.samples[cover[c]].result == RESULT_FAILED)
          assert_int_not_equal(s->decided[i].kind, HYSAC_DECISION_PASS);
      redacted += expected.kind == HYSAC_DECISION_REDACT;
      failed += expected.kind == HYSAC_DECISION_FAILED;
      passed += expected.kind == HYSAC_DECISION_PASS;
      pre += expected.reason == HYSAC_REASON_PRE_ROLL;
      post += expected.reason == HYSAC_REASON_POST_ROLL;
      unconfirmed += expected.reason == HYSAC_REASON_UNCONFIRMED;
    }
    check_events(s, policy);
  }
  /* The streams show everything there is. */
  print_message("# %u redacted (%u pre-roll, %u post-roll), %u failed, %u passed (%u unconfirmed)\n",
                redacted, pre, post, failed, passed, unconfirmed);
  assert_true(redacted > 1000 && failed > 1000 && passed > 1000 && pre > 1000 && post > 1000 &&
              unconfirmed > 1000);
  hysac_policy_free(policy);
  g_free(s);
  g_rand_free(rand);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_random_streams),
  };
  return cmocka_run_group_tests_name("policy-random", tests, NULL, NULL);
}
