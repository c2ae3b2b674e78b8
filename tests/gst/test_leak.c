/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nothing leaks: numbered frames, bursts of unsafe and of failing ones at random places, through
 * flush, seek, caps changes, cuts, gaps, device failure and EOS. Run r of a test has the seed
 * printed
 * + r: HYSAC_TEST_SEED=that HYSAC_TEST_RUNS=1 repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/leakscript.h"

#define RUNS 200

static guint
n_runs(void)
{
  const char *text = g_getenv("HYSAC_TEST_RUNS");
  return text && *text ? (guint)strtoul(text, NULL, 10) : RUNS;
}

typedef struct {
  Rig rig;
  Script script;
  Rolls rolls;
  gint64 interval;
  guint k, n;
  GstHysacAction action;
  gboolean hangs, live;
} Run;

static guint64
some_frames(GRand *rand, gint most)
{
  return g_rand_boolean(rand) ? 0 : (guint64)g_rand_int_range(rand, 0, most) * RIG_FRAME;
}

static void
set_up(Run *run, GRand *rand, guint seed)
{
  const ScriptKind kind = {.n_frames = (guint)g_rand_int_range(rand, 50, 500),
                           .n_bursts = (guint)g_rand_int_range(rand, 1, 16),
                           .step_rate = g_rand_double_range(rand, 0.0, 0.1),
                           .hangs = run->hangs,
                           .flushes = TRUE};
  static const GstHysacAction actions[] = {GST_HYSAC_ACTION_BLUR, GST_HYSAC_ACTION_PIXELATE,
                                           GST_HYSAC_ACTION_BLANK, GST_HYSAC_ACTION_DROP,
                                           GST_HYSAC_ACTION_FREEZE};
  run->action = actions[g_rand_int_range(rand, 0, G_N_ELEMENTS(actions))];
  run->rolls = (Rolls){.pre_roll = (gint64)some_frames(rand, 25),
                       .post_roll = (gint64)some_frames(rand, 25),
                       .min_duration = (gint64)some_frames(rand, 25)};
  script_init(&run->script, rand, &kind);
  run->script.seed = seed;
  rig_init(&run->rig, g_rand_int_range(rand, 0, 4) ? FAKE_THREAD : FAKE_AT_ONCE, run->live,
           "sample-interval", (guint64)run->interval, "confirm-k", run->k, "confirm-n", run->n,
           "action", run->action, "pre-roll", (guint64)run->rolls.pre_roll, "post-roll",
           (guint64)run->rolls.post_roll, "min-duration", (guint64)run->rolls.min_duration,
           "request-timeout", run->hangs ? 5 * GST_MSECOND : 30 * GST_SECOND, NULL);
  run->rig.fake.seed = g_rand_int(rand);
}

static void
tear_down(Run *run)
{
  rig_clear(&run->rig);
  script_clear(&run->script);
}

/* Whether an answer came too late that was not to: a busy machine, and a watchdog of milliseconds. */
static gboolean
has_late_answers(const Run *run, const Outcome *outcomes)
{
  const Scripted *frames = (const Scripted *)run->script.frames->data;
  for (guint i = 0; run->hangs && i < run->script.frames->len; i++)
    if (g_strcmp0(outcomes[i].reason, "failed-timeout") == 0 && frames[i].code != FAKE_HANG)
      return TRUE;
  return FALSE;
}

/* Where an answer may come too late, a frame may fail that did not have to, and an interval, which
 * reaches over failed samples, or of which a pending one may be part, reaches farther than it would
 * have. @late: that has been so. */
static gboolean
is_late(const Run *run, gboolean late, const Outcome *outcome)
{
  if (late && outcome->fate == FATE_GONE && g_strcmp0(outcome->reason, "flicker") != 0)
    return TRUE;
  return (run->hangs || run->live) &&
         (outcome->fate == FATE_GAP || g_strcmp0(outcome->reason, "failed-timeout") == 0 ||
          g_strcmp0(outcome->reason, "failed-deadline") == 0);
}

/* What the runs of a test came to, so that a test that tests nothing is seen. */
typedef struct {
  guint frames, bad, shown, gone, lost;
} Sum;

static void
add_up(Sum *sum, const Script *script, const Outcome *outcomes)
{
  for (guint i = 0; i < script->frames->len; i++) {
    if (g_array_index(script->frames, Scripted, i).step == STEP_GAP)
      continue;
    sum->frames++;
    sum->bad += script_is_bad(script, i);
    sum->shown += outcomes[i].fate == FATE_SHOWN;
    sum->gone += outcomes[i].fate == FATE_GONE || outcomes[i].fate == FATE_GAP;
    sum->lost += outcomes[i].fate == FATE_LOST;
  }
}

static void
print_sum(const Sum *sum)
{
  print_message("# %u frames, %u unsafe or failing: %u shown, %u redacted, %u gone in a flush\n",
                sum->frames, sum->bad, sum->shown, sum->gone, sum->lost);
}

/* By default there are runs enough for all of it; few, as of one seed, may lack some. */
static gboolean
is_whole(void)
{
  const char *text = g_getenv("HYSAC_TEST_RUNS");
  return !text || !*text;
}

static void
judge_full_sampling(const Run *run, const Outcome *outcomes)
{
  const Script *script = &run->script;
  g_autofree gboolean *inside = script_intervals(&run->script, &run->rolls);
  g_autofree gboolean *held_on = script_flicker(&run->script, outcomes);
  const gboolean late = run->live || has_late_answers(run, outcomes);
  for (guint i = 0; i < run->script.frames->len; i++) {
    const Outcome *o = &outcomes[i];
    const Scripted *frame = &g_array_index(run->script.frames, Scripted, i);
    if (o->fate == FATE_LOST || frame->step == STEP_GAP)
      continue;
    if (script_is_bad(&run->script, i) && o->fate == FATE_SHOWN)
      script_fail(script, "LEAK: frame %u, code %u, came out: %s", i, frame->code, o->reason);
    if (inside[i] && o->fate == FATE_SHOWN && !run->hangs && !run->live)
      script_fail(script, "frame %u lies in an interval and came out: %s", i, o->reason);
    if (script_is_bad(&run->script, i) || inside[i] || o->fate == FATE_SHOWN || is_late(run, late, o))
      continue;
    if (!held_on[i] || (o->fate == FATE_GONE && g_strcmp0(o->reason, "flicker") != 0))
      script_fail(script, "frame %u is safe, outside every interval, and redacted: %s", i,
                  o->reason);
  }
}

/* Full sampling, k = 1: no unsafe frame and no frame of a failed sample comes out, no safe frame
 * outside the stated interval is redacted, none is lost or out of order. */
static void
full_sampling(void **state)
{
  const guint seed = rig_seed();
  Sum sum = {0};
  for (guint r = 0; r < n_runs(); r++) {
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed + r);
    Run run = {.interval = 0, .k = 1, .n = 1, .hangs = (seed + r) % 16 == 0};
    set_up(&run, rand, seed + r);
    assert_int_equal(rig_stat(&run.rig, "escape-bound"), 0);
    script_play(&run.script, &run.rig);
    g_autofree Outcome *outcomes = script_outcomes(&run.script, &run.rig);
    judge_full_sampling(&run, outcomes);
    add_up(&sum, &run.script, outcomes);
    tear_down(&run);
  }
  print_sum(&sum);
  if (is_whole())
    assert_true(sum.bad > 0 && sum.shown > 0 && sum.gone > 0 && sum.lost > 0);
}

/* Live, by a test clock that stands still and leaps: frames fall due without an answer, and then
 * fail; nothing leaks for it. */
static void
live_deadlines(void **state)
{
  const guint seed = rig_seed();
  Sum sum = {0};
  guint64 failed = 0;
  for (guint r = 0; r < n_runs(); r++) {
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed + r);
    Run run = {.interval = 0, .k = 1, .n = 1, .live = TRUE, .hangs = (seed + r) % 4 == 0};
    set_up(&run, rand, seed + r);
    g_autoptr(GstTestClock) clock = gst_harness_get_testclock(run.rig.h);
    GstClockTime now = 0;
    for (guint i = 0; i < run.script.frames->len; i++) {
      const gboolean leap = g_rand_int_range(rand, 0, 20) == 0;
      const GstClockTime ahead = leap ? (guint)g_rand_int_range(rand, 0, 60) * RIG_FRAME : 0;
      now = MAX(now, i * RIG_FRAME + ahead);
      gst_test_clock_set_time(clock, now);
      script_push(&run.script, i, &run.rig);
    }
    script_finish(&run.script, &run.rig);
    g_autofree Outcome *outcomes = script_outcomes(&run.script, &run.rig);
    judge_full_sampling(&run, outcomes);
    add_up(&sum, &run.script, outcomes);
    failed += rig_stat(&run.rig, "failed");
    tear_down(&run);
  }
  print_sum(&sum);
  print_message("# %" G_GUINT64_FORMAT " frames failed\n", failed);
  if (is_whole())
    assert_true(failed > 0 && sum.shown > 0);
}

/* The stretch of unsafe frames inside one shot that @first begins; where it ends. */
static guint
end_of_stretch(const Script *script, guint first)
{
  const Scripted *frames = (const Scripted *)script->frames->data;
  guint i = first;
  while (i < script->frames->len && frames[i].code == FAKE_UNSAFE &&
         frames[i].shot == frames[first].shot)
    i++;
  return i;
}

/* How far from frame @number the next bad one is, before and after it, ns. */
static void
distances(const Script *script, guint number, gint64 *since, gint64 *until)
{
  *since = *until = G_MAXINT64 / 2;
  for (guint i = 0; i < script->frames->len; i++) {
    const gint64 away = ((gint64)number - (gint64)i) * (gint64)RIG_FRAME;
    if (script_is_bad(script, i) && away >= 0)
      *since = MIN(*since, away);
    if (script_is_bad(script, i) && away <= 0)
      *until = MIN(*until, -away);
  }
}

/* The first and the last frame of a shot are samples: a stretch that has one of them is seen,
 * however short. (Not so the last before a flush, which is lost with what it ends.) */
static gboolean
is_at_a_boundary(const Script *script, guint first, guint end)
{
  const Scripted *frames = (const Scripted *)script->frames->data;
  return first == 0 || frames[first - 1].shot != frames[first].shot || end == script->frames->len ||
         (frames[end].shot != frames[first].shot && frames[end].step != STEP_SEEK);
}

/* All of a stretch is redacted that is longer than the bound, or at a boundary where one sample is
 * enough. */
static void
judge_stretch(const Run *run, const Outcome *outcomes, guint first, guint end, gint64 escape)
{
  const Script *script = &run->script;
  const gboolean seen = run->k == 1 && is_at_a_boundary(script, first, end);
  if (!seen && (end - first) * (gint64)RIG_FRAME <= escape)
    return;
  for (guint i = first; i < end; i++)
    if (outcomes[i].fate == FATE_SHOWN)
      script_fail(script, "LEAK: %u to %u are unsafe, %s, and frame %u came out: %s", first,
                  end - 1, seen ? "at a boundary" : "longer than the escape bound", i,
                  outcomes[i].reason);
}

/* No frame that a failed sample covers comes out. */
static void
judge_failed_sample(Run *run, const Outcome *outcomes, guint sample)
{
  const Script *script = &run->script;
  const Scripted *frames = (const Scripted *)script->frames->data;
  guint first = sample, end = sample + 1;
  while (first > 0 && frames[first - 1].shot == frames[sample].shot &&
         !fake_was_scored(&run->rig.fake, first - 1))
    first--;
  while (end < script->frames->len && frames[end].shot == frames[sample].shot &&
         !fake_was_scored(&run->rig.fake, end))
    end++;
  for (guint i = first; i < end; i++)
    if (outcomes[i].fate == FATE_SHOWN)
      script_fail(script, "LEAK: sample %u failed, it covers %u, which came out: %s", sample, i,
                  outcomes[i].reason);
}

static void
judge_sparse_sampling(Run *run, const Outcome *outcomes, gint64 escape)
{
  const Script *script = &run->script;
  const gint64 cover = run->interval + (gint64)RIG_FRAME;
  g_autofree gboolean *held_on = script_flicker(script, outcomes);
  for (guint i = 0; i < script->frames->len; i++) {
    const Scripted *frame = &g_array_index(script->frames, Scripted, i);
    const Outcome *o = &outcomes[i];
    if (o->fate == FATE_LOST || frame->step == STEP_GAP)
      continue;
    if (frame->code == FAKE_UNSAFE) {
      const guint end = end_of_stretch(script, i);
      judge_stretch(run, outcomes, i, end, escape);
      i = end - 1;
    } else if (script_is_bad(script, i)) {
      if (fake_was_scored(&run->rig.fake, i))
        judge_failed_sample(run, outcomes, i);
    } else if (o->fate != FATE_SHOWN && !held_on[i]) {
      gint64 since, until;
      distances(script, i, &since, &until);
      if (since > cover + run->rolls.post_roll + run->rolls.min_duration &&
          until > cover + run->rolls.pre_roll)
        script_fail(script, "frame %u is far from every burst, and redacted: %s", i, o->reason);
    }
  }
}

/* Sparser sampling, k of n: what escapes is no longer than the element said. */
static void
escape_bound(void **state)
{
  const guint seed = rig_seed();
  Sum sum = {0};
  for (guint r = 0; r < n_runs(); r++) {
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed + r);
    Run run = {.interval = g_rand_int_range(rand, 0, 3)
                               ? g_rand_int_range(rand, 1, 600) * (gint64)GST_MSECOND
                               : 0};
    run.k = g_rand_boolean(rand) ? 1 : (guint)g_rand_int_range(rand, 1, 5);
    run.n = run.k + (guint)g_rand_int_range(rand, 0, 4);
    set_up(&run, rand, seed + r);
    const gint64 escape = (gint64)rig_stat(&run.rig, "escape-bound");
    const gint64 frame = (gint64)RIG_FRAME;
    assert_true(escape == (run.interval ? run.k * (run.interval + frame) : (run.k - 1) * frame));
    script_play(&run.script, &run.rig);
    g_autofree Outcome *outcomes = script_outcomes(&run.script, &run.rig);
    judge_sparse_sampling(&run, outcomes, escape);
    add_up(&sum, &run.script, outcomes);
    tear_down(&run);
  }
  print_sum(&sum);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(full_sampling),
      cmocka_unit_test(live_deadlines),
      cmocka_unit_test(escape_bound),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
