/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the samples and intervals mean for one frame: rules 2, 4 and 5 of the architecture. */
#include "core/policy_private.h"

#define NONE G_MAXUINT64

/* The frame asked about. */
typedef struct {
  gint64 time;
  guint64 left, right; /* covering samples, the same where the frame is one; NONE: not there */
  guint64 run;
  guint64 horizon; /* no interval that a later sample opens reaches back to it; NONE: not known */
} Frame;

static void
find_cover(const HysacPolicy *self, guint64 seq, Frame *frame)
{
  guint64 right = hysac_policy_find(self, seq), total = policy_total(self);

  frame->left = frame->right = NONE;
  if (right < total && policy_sample(self, right)->seq == seq) {
    frame->left = frame->right = right;
  } else {
    if (right > self->base)
      frame->left = right - 1;
    /* The last frame before a boundary is a sample, so nothing lies between the two. */
    if (frame->left != NONE && right < total && !policy_sample(self, right)->boundary)
      frame->right = right;
  }
  frame->run = frame->left != NONE ? policy_sample(self, frame->left)->run : self->run;
}

/* The sample at or after the frame and the pre-roll; the run's last one where the run is over. */
static void
find_horizon(const HysacPolicy *self, Frame *frame)
{
  guint64 total = policy_total(self), index = frame->right;

  frame->horizon = NONE;
  if (index == NONE)
    return;
  const Sample *left = policy_sample(self, frame->left);
  gint64 pre_roll = left->state == SAMPLE_PENDING ? self->config.pre_roll : left->pre_roll;
  gint64 until = saturating_add(frame->time, pre_roll);
  for (; index < total && policy_sample(self, index)->run == frame->run; index++) {
    if (policy_sample(self, index)->time >= until) {
      frame->horizon = index;
      return;
    }
  }
  if (index < total || self->ended)
    frame->horizon = index - 1;
}

static gboolean
interval_reaches(const Interval *interval, const Frame *frame)
{
  return interval->first <= frame->horizon &&
         frame->time >= saturating_add(interval->start, -interval->pre_roll) &&
         frame->time <= saturating_add(interval_end(interval), interval->post_roll);
}

/* An interval would reach the frame if the sample @index, unsafe and not processed, opened it. */
static gboolean
could_reach(const HysacPolicy *self, guint64 index, const Frame *frame)
{
  Interval interval = {0}, closed;

  hysac_interval_step(&interval, policy_sample(self, index), index, TRUE, 1, &closed);
  for (guint64 next = index + 1; next < self->decided; next++) {
    if (hysac_interval_step(&interval, policy_sample(self, next), next, FALSE, 1, &closed))
      return interval_reaches(&closed, frame);
  }
  return interval_reaches(&interval, frame);
}

/* Rule 5: everything that could change the decision is decided. */
static gboolean
is_settled(const HysacPolicy *self, const Frame *frame)
{
  if (frame->horizon == NONE || frame->horizon >= self->decided)
    return FALSE;

  guint64 first = self->decided - MIN(self->decided - self->base, HYSAC_POLICY_MAX_N);
  for (guint64 i = first; i < self->decided; i++) {
    const Sample *sample = policy_sample(self, i);
    if (sample->state != SAMPLE_SCORED || !sample->unsafe)
      continue;
    /* A confirmed one waits behind an unsure one (where k or n changed) to be put into an interval. */
    gboolean waits = i >= self->processed;
    if (sample->confirmed ? !waits : hysac_policy_is_final(self, i))
      continue;
    if (i == frame->left || i == frame->right)
      return FALSE;
    /* Inside an open interval, confirming it changes nothing but its cover. */
    if (waits && could_reach(self, i, frame))
      return FALSE;
  }
  return TRUE;
}

/* ------------------------------------------------------------ the answer */

/* What of several intervals is told: UNSAFE before POST_ROLL before PRE_ROLL, the oldest first. */
static int
rank(HysacReason reason)
{
  switch (reason) {
  case HYSAC_REASON_UNSAFE:
    return 3;
  case HYSAC_REASON_POST_ROLL:
    return 2;
  case HYSAC_REASON_PRE_ROLL:
    return 1;
  default:
    return 0;
  }
}

static gboolean
is_confirmed(const HysacPolicy *self, guint64 index, gboolean force)
{
  if (index == NONE)
    return FALSE;
  return force ? hysac_policy_is_confirmed_by_now(self, index)
               : policy_sample(self, index)->confirmed;
}

static gboolean
holds_up(const Interval *interval, guint64 index)
{
  return index != NONE && index >= interval->first && index < interval->beyond;
}

static void
consider(const HysacPolicy *self, const Interval *interval, const Frame *frame, gboolean force,
         HysacDecision *decision)
{
  HysacReason reason;
  gboolean covered = (holds_up(interval, frame->left) && is_confirmed(self, frame->left, force)) ||
                     (holds_up(interval, frame->right) && is_confirmed(self, frame->right, force));

  if (!covered && !interval_reaches(interval, frame))
    return;
  if (covered) {
    reason = HYSAC_REASON_UNSAFE;
  } else if (frame->time < interval->start) {
    reason = HYSAC_REASON_PRE_ROLL;
  } else {
    /* By the sample at or after the frame, so that no later one changes the reason. */
    const Sample *right = frame->right != NONE ? policy_sample(self, frame->right) : NULL;
    gboolean left = right && (!holds_up(interval, frame->right) ||
                              (right->state == SAMPLE_SCORED && !right->stays));
    reason = left ? HYSAC_REASON_POST_ROLL : HYSAC_REASON_UNSAFE;
  }
  if (decision->kind == HYSAC_DECISION_REDACT && rank(reason) <= rank(decision->reason))
    return;
  decision->kind = HYSAC_DECISION_REDACT;
  decision->reason = reason;
  decision->interval_id = interval->id;
  decision->interval_start = interval->start;
}

/* All intervals there are, and by force those that the samples known by now make; a pending one, like
 * a failed one, does not leave. */
static void
consider_intervals(const HysacPolicy *self, const Frame *frame, gboolean force,
                   HysacDecision *decision)
{
  Interval interval = self->current, closed;
  guint64 id = self->next_id;

  for (guint i = 0; i < self->intervals->len; i++)
    consider(self, &g_array_index(self->intervals, Interval, i), frame, force, decision);
  for (guint64 i = self->processed; force && i < policy_total(self); i++) {
    guint64 before = interval.id;
    if (hysac_interval_step(&interval, policy_sample(self, i), i, is_confirmed(self, i, TRUE), id,
                            &closed))
      consider(self, &closed, frame, force, decision);
    if (interval.id != before && interval.id != 0)
      id++;
  }
  if (interval.id == 0)
    return;
  /* Behind the last sample: nothing was seen to leave. */
  if (force && frame->right == NONE && frame->left != NONE &&
      frame->left + 1 == policy_total(self) && frame->time >= interval.start)
    interval.last = MAX(interval.last, frame->time);
  consider(self, &interval, frame, force, decision);
}

static void
tell_sample(const Sample *sample, HysacDecision *decision)
{
  decision->has_sample = TRUE;
  decision->sample_seq = sample->seq;
  decision->sample_time = sample->time;
  decision->sample_ok = sample->state == SAMPLE_SCORED;
  decision->sample_reused = sample->reused;
  decision->distance = sample->distance;
  decision->margin = sample->margin;
  decision->failure = sample->state == SAMPLE_FAILED ? sample->failure : HYSAC_REASON_SAFE;
}

/* The failed sample, else the one of the largest margin; what is pending tells nothing. */
static const Sample *
telling_sample(const HysacPolicy *self, const Frame *frame)
{
  const guint64 cover[] = {frame->left, frame->right};
  const Sample *best = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(cover); i++) {
    const Sample *sample = cover[i] != NONE ? policy_sample(self, cover[i]) : NULL;
    if (!sample || sample->state == SAMPLE_PENDING)
      continue;
    if (sample->state == SAMPLE_FAILED)
      return sample;
    if (!best || sample->margin > best->margin)
      best = sample;
  }
  return best;
}

HysacDecision
hysac_policy_decide(const HysacPolicy *self, guint64 seq, gint64 time, gboolean force)
{
  HysacDecision decision = {.kind = HYSAC_DECISION_PENDING};
  Frame frame = {.time = time};

  find_cover(self, seq, &frame);
  find_horizon(self, &frame);
  gboolean settled = is_settled(self, &frame);
  if (!settled && !force)
    return decision;

  const Sample *sample = telling_sample(self, &frame);
  decision.kind = HYSAC_DECISION_PASS;
  consider_intervals(self, &frame, !settled, &decision);
  if (sample)
    tell_sample(sample, &decision);
  else
    decision.failure = HYSAC_REASON_FAILED_DEADLINE;
  if (decision.kind == HYSAC_DECISION_REDACT)
    return decision;

  if (sample && sample->state == SAMPLE_FAILED) {
    decision.kind = HYSAC_DECISION_FAILED;
    decision.reason = sample->failure;
  } else if (!settled) {
    decision.kind = HYSAC_DECISION_FAILED;
    decision.reason = HYSAC_REASON_FAILED_DEADLINE;
  } else {
    gboolean unsafe = policy_sample(self, frame.left)->unsafe ||
                      policy_sample(self, frame.right)->unsafe;
    decision.reason = unsafe ? HYSAC_REASON_UNCONFIRMED : HYSAC_REASON_SAFE;
  }
  return decision;
}

/* ------------------------------------------------------------ monitor */

/* The interval's grip on @time, the latest sample being @latest. */
static void
consider_now(const Interval *interval, const Sample *latest, gint64 time, HysacDecision *decision)
{
  gboolean open = interval->beyond == G_MAXUINT64;
  gboolean left = latest->state == SAMPLE_SCORED && !latest->stays;
  HysacReason reason = open && !left ? HYSAC_REASON_UNSAFE : HYSAC_REASON_POST_ROLL;

  if (reason == HYSAC_REASON_POST_ROLL &&
      (time < interval->start ||
       time > saturating_add(interval_end(interval), interval->post_roll)))
    return;
  decision->kind = HYSAC_DECISION_REDACT;
  decision->reason = reason;
  decision->interval_id = interval->id;
  decision->interval_start = interval->start;
}

HysacDecision
hysac_policy_latest(const HysacPolicy *self, gint64 time, gint64 *age)
{
  HysacDecision decision = {.kind = HYSAC_DECISION_PENDING};
  Interval interval = self->current, closed;
  guint64 id = self->next_id;

  *age = G_MAXINT64;
  if (self->latest == G_MAXUINT64)
    return decision;
  const Sample *latest = policy_sample(self, self->latest);
  if (__builtin_sub_overflow(time, latest->time, age))
    *age = time > latest->time ? G_MAXINT64 : G_MININT64;

  decision.kind = HYSAC_DECISION_PASS;
  tell_sample(latest, &decision);
  for (guint i = 0; i < self->intervals->len; i++)
    consider_now(&g_array_index(self->intervals, Interval, i), latest, time, &decision);
  for (guint64 i = self->processed; i < policy_total(self); i++) {
    const Sample *sample = policy_sample(self, i);
    guint64 before = interval.id;
    if (sample->state == SAMPLE_PENDING)
      continue;
    if (hysac_interval_step(&interval, sample, i, is_confirmed(self, i, TRUE), id, &closed))
      consider_now(&closed, latest, time, &decision);
    if (interval.id != before && interval.id != 0)
      id++;
  }
  if (interval.id != 0)
    consider_now(&interval, latest, time, &decision);
  if (decision.kind == HYSAC_DECISION_REDACT)
    return decision;

  if (latest->state == SAMPLE_FAILED) {
    decision.kind = HYSAC_DECISION_FAILED;
    decision.reason = latest->failure;
  } else {
    decision.reason = latest->unsafe ? HYSAC_REASON_UNCONFIRMED : HYSAC_REASON_SAFE;
  }
  return decision;
}
