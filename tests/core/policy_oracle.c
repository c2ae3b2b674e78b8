/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_oracle.h"

#include <string.h>

static gboolean
is_unsafe(const OracleSample *sample)
{
  return sample->result == RESULT_SCORED && sample->margin > sample->config.enter_margin;
}

/* Seen to be at or below leave: the only thing that ends an interval. */
static gboolean
is_left(const OracleSample *sample)
{
  return sample->result == RESULT_SCORED && !(sample->margin > sample->config.leave_margin);
}

/* Some n consecutive samples of the run, this one among them, hold k unsafe ones. */
static gboolean
find_confirmed(const Oracle *self, int index)
{
  const OracleSample *sample = &self->samples[index];
  int n = (int) sample->config.n;

  if (!is_unsafe(sample))
    return FALSE;
  for (int first = index - n + 1; first <= index; first++) {
    guint count = 0;
    for (int i = first; i < first + n; i++)
      count += i >= 0 && i < (int) self->n && self->samples[i].run == sample->run &&
               is_unsafe(&self->samples[i]);
    if (count >= sample->config.k)
      return TRUE;
  }
  return FALSE;
}

void
oracle_prepare(Oracle *self)
{
  self->n_intervals = 0;
  for (guint i = 0; i < self->n; i++)
    self->confirmed[i] = find_confirmed(self, (int) i);
  for (guint i = 0; i < self->n;) {
    if (!self->confirmed[i]) {
      i++;
      continue;
    }
    const OracleSample *first = &self->samples[i];
    gint64 min_end = first->time + first->config.min_duration, last = first->time;
    guint j = i + 1;
    for (; j < self->n && self->samples[j].run == first->run; j++) {
      if (!is_left(&self->samples[j]))
        last = self->samples[j].time;
      else if (self->samples[j].time >= min_end)
        break;
    }
    self->intervals[self->n_intervals].first = i;
    self->intervals[self->n_intervals].beyond = j;
    self->intervals[self->n_intervals].start = first->time;
    self->intervals[self->n_intervals].last = last;
    self->intervals[self->n_intervals].end = MAX(last, min_end);
    self->n_intervals++;
    i = j;
  }
}

void
oracle_cover(const Oracle *self, guint64 seq, int *left, int *right)
{
  *left = *right = -1;
  for (int i = 0; i < (int) self->n; i++) {
    if (self->samples[i].seq <= seq)
      *left = i;
    if (self->samples[i].seq >= seq && *right < 0)
      *right = i;
  }
  if (*left != *right && (*left < 0 || (*right >= 0 && self->samples[*right].boundary)))
    *right = -1;
}

int
oracle_horizon(const Oracle *self, guint64 seq, gint64 time)
{
  int left, right, i;

  oracle_cover(self, seq, &left, &right);
  if (left < 0 || right < 0)
    return -1;
  guint run = self->samples[left].run;
  for (i = right; i < (int) self->n && self->samples[i].run == run; i++) {
    if (self->samples[i].time >= time + self->samples[left].config.pre_roll)
      return i;
  }
  return i < (int) self->n || self->ended ? i - 1 : -1;
}

HysacDecision
oracle_decide(const Oracle *self, guint64 seq, gint64 time)
{
  HysacDecision decision = {.kind = HYSAC_DECISION_PASS, .reason = HYSAC_REASON_SAFE};
  int cover[2], horizon = oracle_horizon(self, seq, time);
  const OracleSample *telling = NULL;
  int best = 0;

  oracle_cover(self, seq, &cover[0], &cover[1]);
  for (int i = 0; i < 2; i++) {
    const OracleSample *sample = &self->samples[cover[i]];
    if (telling && telling->result == RESULT_FAILED)
      break;
    if (!telling || sample->result == RESULT_FAILED || sample->margin > telling->margin)
      telling = sample;
  }
  decision.has_sample = TRUE;
  decision.sample_seq = telling->seq;
  decision.sample_time = telling->time;
  decision.sample_ok = telling->result == RESULT_SCORED;
  decision.margin = telling->result == RESULT_SCORED ? telling->margin : 0.0;
  decision.distance = telling->result == RESULT_SCORED ? telling->margin + 1.0 : 0.0;

  for (guint i = 0; i < self->n_intervals; i++) {
    int first = (int) self->intervals[i].first, beyond = (int) self->intervals[i].beyond;
    const OracleSample *opener = &self->samples[first];
    gint64 start = self->intervals[i].start, end = self->intervals[i].end;
    gboolean covered = FALSE;
    HysacReason reason;
    int rank;

    for (int c = 0; c < 2; c++)
      covered = covered || (self->confirmed[cover[c]] && cover[c] >= first && cover[c] < beyond);
    gboolean inside = time >= start - opener->config.pre_roll &&
                      time <= end + opener->config.post_roll;
    /* Pre-roll does not reach over an end, nor to frames that were due before. */
    if (time < start && opener->run != self->samples[cover[0]].run)
      inside = FALSE;
    if (horizon >= 0 && first > horizon)
      inside = FALSE;
    if (!covered && !inside)
      continue;
    if (covered) {
      reason = HYSAC_REASON_UNSAFE;
      rank = 3;
    } else if (time < start) {
      reason = HYSAC_REASON_PRE_ROLL;
      rank = 1;
    } else {
      gboolean up = cover[1] >= first && cover[1] < beyond && !is_left(&self->samples[cover[1]]);
      reason = up ? HYSAC_REASON_UNSAFE : HYSAC_REASON_POST_ROLL;
      rank = up ? 3 : 2;
    }
    if (rank > best) {
      best = rank;
      decision.kind = HYSAC_DECISION_REDACT;
      decision.reason = reason;
      decision.interval_id = i + 1;
      decision.interval_start = start;
    }
  }
  if (best > 0)
    return decision;

  if (telling->result == RESULT_FAILED) {
    decision.kind = HYSAC_DECISION_FAILED;
    decision.reason = telling->failure;
  } else if (is_unsafe(&self->samples[cover[0]]) || is_unsafe(&self->samples[cover[1]])) {
    decision.reason = HYSAC_REASON_UNCONFIRMED;
  }
  return decision;
}
