/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Samples, k of n, intervals. What they mean for a frame is in policy_decide.c. */
#include "core/policy_private.h"

#include <math.h>
#include <string.h>

/* Durations are added to times: no sum of a few of them overflows. */
#define MAX_DURATION (G_MAXINT64 / 8)
/* Events that nobody fetches: the oldest are dropped. */
#define MAX_EVENTS 1024

static gboolean
check_config(const HysacPolicyConfig *config, GError **error)
{
  const gint64 durations[] = {config->min_duration, config->pre_roll, config->post_roll};

  if (config->k < 1 || config->k > config->n || config->n > HYSAC_POLICY_MAX_N) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "k of n is %u of %u; 1 <= k <= n <= %d is expected", config->k, config->n,
                HYSAC_POLICY_MAX_N);
    return FALSE;
  }
  if (!isfinite(config->enter_margin) || !isfinite(config->leave_margin) ||
      config->leave_margin > config->enter_margin) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "the margins are %g to enter and %g to leave; leave <= enter is expected",
                config->enter_margin, config->leave_margin);
    return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(durations); i++) {
    if (durations[i] < 0 || durations[i] > MAX_DURATION) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "a duration of %" G_GINT64_FORMAT " ns; 0 or more is expected", durations[i]);
      return FALSE;
    }
  }
  return TRUE;
}

HysacPolicy *
hysac_policy_new(const HysacPolicyConfig *config, GError **error)
{
  if (!check_config(config, error))
    return NULL;

  HysacPolicy *self = g_new0(HysacPolicy, 1);
  self->config = *config;
  self->ring_size = 64;
  self->ring = g_new(Sample, self->ring_size);
  self->intervals = g_array_new(FALSE, FALSE, sizeof(Interval));
  g_queue_init(&self->events);
  hysac_policy_reset(self);
  return self;
}

void
hysac_policy_free(HysacPolicy *self)
{
  if (!self)
    return;
  g_queue_clear_full(&self->events, g_free);
  g_array_unref(self->intervals);
  g_free(self->ring);
  g_free(self);
}

gboolean
hysac_policy_set_config(HysacPolicy *self, const HysacPolicyConfig *config, GError **error)
{
  if (!check_config(config, error))
    return FALSE;
  self->config = *config;
  return TRUE;
}

void
hysac_policy_reset(HysacPolicy *self)
{
  self->ring_head = 0;
  self->base = self->count = 0;
  self->decided = self->processed = 0;
  self->latest = G_MAXUINT64;
  self->run = 0;
  self->ended = FALSE;
  g_array_set_size(self->intervals, 0);
  memset(&self->current, 0, sizeof self->current);
  self->next_id = 1;
  self->next_seq = 0;
  g_queue_clear_full(&self->events, g_free);
}

/* ------------------------------------------------------------ k of n */

guint64
hysac_policy_find(const HysacPolicy *self, guint64 seq)
{
  guint64 low = self->base, high = policy_total(self);

  while (low < high) {
    guint64 middle = low + (high - low) / 2;
    if (policy_sample(self, middle)->seq < seq)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

gboolean
hysac_policy_is_final(const HysacPolicy *self, guint64 index)
{
  const Sample *sample = policy_sample(self, index);

  for (guint64 next = index + 1; next < index + sample->n; next++) {
    if (next >= policy_total(self))
      return self->ended;
    if (policy_sample(self, next)->run != sample->run)
      return TRUE;
    if (next >= self->decided)
      return FALSE;
  }
  return TRUE;
}

/* Unsafe samples among [first, last] of the run, as far as they are kept and known. */
static guint
count_unsafe(const HysacPolicy *self, guint64 first, guint64 last, guint64 run)
{
  guint count = 0;

  for (guint64 i = MAX(first, self->base); i <= last && i < policy_total(self); i++) {
    const Sample *sample = policy_sample(self, i);
    count += sample->state == SAMPLE_SCORED && sample->unsafe && sample->run == run;
  }
  return count;
}

gboolean
hysac_policy_is_confirmed_by_now(const HysacPolicy *self, guint64 index)
{
  const Sample *sample = policy_sample(self, index);

  if (sample->state != SAMPLE_SCORED || !sample->unsafe)
    return FALSE;
  if (sample->confirmed || sample->k == 1)
    return TRUE;
  for (guint64 last = index; last < index + sample->n; last++) {
    guint64 first = last >= sample->n - 1 ? last - (sample->n - 1) : 0;
    if (count_unsafe(self, first, last, sample->run) >= sample->k)
      return TRUE;
  }
  return FALSE;
}

/*
 * The sample @last has joined the decided ones. Any n consecutive samples with k unsafe ones confirm
 * all their unsafe ones; only windows that end here are new, and only where the sample is unsafe does
 * one of them hold more than a window did before. Fewer than n samples (start, end) confirm too if k
 * of them are unsafe: whatever lies beside them, n would.
 */
static void
confirm_window(HysacPolicy *self, guint64 last)
{
  const Sample *newest = policy_sample(self, last);
  guint64 reach = last - self->base < HYSAC_POLICY_MAX_N - 1 ? last - self->base
                                                              : HYSAC_POLICY_MAX_N - 1;
  guint unsafe_count = 0;

  if (newest->state != SAMPLE_SCORED || !newest->unsafe)
    return;
  guint counts[HYSAC_POLICY_MAX_N]; /* unsafe ones among the last 1, 2, … samples */
  for (guint back = 0; back < HYSAC_POLICY_MAX_N; back++) {
    if (back <= reach) {
      const Sample *sample = policy_sample(self, last - back);
      unsafe_count += sample->state == SAMPLE_SCORED && sample->unsafe && sample->run == newest->run;
    }
    counts[back] = unsafe_count;
  }
  for (guint back = 0; back <= reach; back++) {
    Sample *sample = policy_sample(self, last - back);
    if (sample->run != newest->run)
      break;
    if (sample->state == SAMPLE_SCORED && sample->unsafe && back < sample->n &&
        counts[sample->n - 1] >= sample->k)
      sample->confirmed = TRUE;
  }
}

/* ------------------------------------------------------------ intervals */

gboolean
hysac_interval_step(Interval *interval, const Sample *sample, guint64 index, gboolean confirmed,
                    guint64 id, Interval *closed)
{
  gboolean closes = FALSE;

  if (interval->id != 0) {
    gboolean left = sample->state == SAMPLE_SCORED && !sample->stays;
    /* A failed sample never leaves: the interval reaches on until one is seen to. */
    closes = sample->run != interval->run || (left && sample->time >= interval->min_end);
    if (closes) {
      *closed = *interval;
      closed->beyond = index;
      interval->id = 0;
    } else if (!left) {
      interval->last = MAX(interval->last, sample->time);
      if (sample->state == SAMPLE_SCORED)
        interval->peak = MAX(interval->peak, sample->margin);
    }
  }
  if (interval->id == 0 && confirmed) {
    *interval = (Interval){
      .id = id,
      .run = sample->run,
      .first = index,
      .beyond = G_MAXUINT64,
      .start = sample->time,
      .last = sample->time,
      .min_end = saturating_add(sample->time, sample->min_duration),
      .pre_roll = sample->pre_roll,
      .post_roll = sample->post_roll,
      .peak = sample->margin,
    };
  }
  return closes;
}

void
hysac_policy_push_event(HysacPolicy *self, const Interval *interval, gboolean open)
{
  if (hysac_policy_is_told(self, interval, open))
    return;
  HysacIntervalEvent *event = g_new(HysacIntervalEvent, 1);
  *event = (HysacIntervalEvent){
    .id = interval->id,
    .open = open,
    .start = interval->start,
    .end = open ? interval->start : interval_end(interval),
    .peak = interval->peak,
  };
  g_queue_push_tail(&self->events, event);
  if (self->events.length > MAX_EVENTS)
    g_free(g_queue_pop_head(&self->events));
}

static void
keep_closed(HysacPolicy *self, const Interval *closed)
{
  g_array_append_val(self->intervals, *closed);
  hysac_policy_push_event(self, closed, FALSE);
}

static void
close_current(HysacPolicy *self, guint64 beyond)
{
  self->current.beyond = beyond;
  keep_closed(self, &self->current);
  self->current.id = 0;
}

void
hysac_policy_advance(HysacPolicy *self)
{
  guint64 total = policy_total(self);

  while (self->decided < total && policy_sample(self, self->decided)->state != SAMPLE_PENDING)
    confirm_window(self, self->decided++);

  while (self->processed < self->decided) {
    const Sample *sample = policy_sample(self, self->processed);
    gboolean unsure = sample->state == SAMPLE_SCORED && sample->unsafe && !sample->confirmed;
    Interval closed;

    if (self->current.id != 0 && self->current.run != sample->run)
      close_current(self, self->processed);
    if (unsure && self->current.id == 0 && !hysac_policy_is_final(self, self->processed))
      break;
    guint64 before = self->current.id, id = hysac_policy_id_at(self, self->processed);
    if (hysac_interval_step(&self->current, sample, self->processed, sample->confirmed, id, &closed))
      keep_closed(self, &closed);
    if (self->current.id != 0 && self->current.id != before) {
      self->next_id += id == self->next_id;
      hysac_policy_push_event(self, &self->current, TRUE);
    }
    self->processed++;
  }

  if (self->ended && self->processed == total && self->current.id != 0)
    close_current(self, total);
}

gboolean
hysac_policy_next_event(HysacPolicy *self, HysacIntervalEvent *event)
{
  g_autofree HysacIntervalEvent *first = g_queue_pop_head(&self->events);
  if (first)
    *event = *first;
  return first != NULL;
}

/* ------------------------------------------------------------ samples */

static void
grow_ring(HysacPolicy *self)
{
  gsize size = self->ring_size * 2;
  Sample *ring = g_new(Sample, size);

  for (gsize i = 0; i < self->count; i++)
    ring[i] = self->ring[(self->ring_head + i) & (self->ring_size - 1)];
  g_free(self->ring);
  self->ring = ring;
  self->ring_size = size;
  self->ring_head = 0;
}

void
hysac_policy_add_sample(HysacPolicy *self, guint64 seq, gint64 time, gboolean boundary)
{
  if (self->count > 0 && seq <= policy_sample(self, policy_total(self) - 1)->seq)
    return; /* out of order: what it should have covered stays undecided */
  if (self->ended) {
    self->ended = FALSE;
    self->run++;
    boundary = TRUE;
  }
  if (self->count == self->ring_size)
    grow_ring(self);
  self->count++;
  *policy_sample(self, policy_total(self) - 1) =
    (Sample){.seq = seq, .time = time, .run = self->run, .boundary = !!boundary};
  hysac_policy_advance(self);
}

void
hysac_policy_judge(const HysacPolicy *self, Sample *sample)
{
  const HysacPolicyConfig *config = &self->config;

  sample->k = config->k;
  sample->n = config->n;
  sample->min_duration = config->min_duration;
  sample->pre_roll = config->pre_roll;
  sample->post_roll = config->post_roll;
  sample->unsafe = sample->state == SAMPLE_SCORED && sample->margin > config->enter_margin;
  sample->stays = sample->state == SAMPLE_SCORED && sample->margin > config->leave_margin;
  sample->confirmed = FALSE;
}

/* The pending sample @seq, which has its result now; NULL if there is none. */
static Sample *
take_pending(HysacPolicy *self, guint64 seq)
{
  guint64 index = hysac_policy_find(self, seq);

  if (index >= policy_total(self))
    return NULL;
  Sample *sample = policy_sample(self, index);
  if (sample->seq != seq || sample->state != SAMPLE_PENDING)
    return NULL;
  if (self->latest == G_MAXUINT64 || index > self->latest)
    self->latest = index;
  return sample;
}

void
hysac_policy_resolve(HysacPolicy *self, guint64 seq, double distance, double margin)
{
  if (!isfinite(margin) || !isfinite(distance)) {
    hysac_policy_fail(self, seq, HYSAC_REASON_FAILED_NUMERIC);
    return;
  }
  Sample *sample = take_pending(self, seq);
  if (!sample)
    return;
  sample->state = SAMPLE_SCORED;
  sample->distance = distance;
  sample->margin = margin;
  hysac_policy_judge(self, sample);
  hysac_policy_advance(self);
}

void
hysac_policy_fail(HysacPolicy *self, guint64 seq, HysacReason reason)
{
  Sample *sample = take_pending(self, seq);
  if (!sample)
    return;
  sample->state = SAMPLE_FAILED;
  sample->failure = hysac_reason_is_failure(reason) ? reason : HYSAC_REASON_FAILED_DEVICE;
  hysac_policy_judge(self, sample);
  hysac_policy_advance(self);
}

void
hysac_policy_note_reused(HysacPolicy *self, guint64 seq)
{
  guint64 index = hysac_policy_find(self, seq);
  if (index < policy_total(self) && policy_sample(self, index)->seq == seq)
    policy_sample(self, index)->reused = TRUE;
}

void
hysac_policy_end(HysacPolicy *self)
{
  self->ended = TRUE;
  hysac_policy_advance(self);
}

guint64
hysac_policy_find_left(const HysacPolicy *self, guint64 seq)
{
  guint64 left = hysac_policy_find(self, seq), total = policy_total(self);

  if (left > self->base && (left == total || policy_sample(self, left)->seq > seq))
    left--;
  return left;
}

void
hysac_policy_forget(HysacPolicy *self, guint64 seq)
{
  guint64 left = hysac_policy_find_left(self, seq), total = policy_total(self);

  self->next_seq = MAX(self->next_seq, seq);
  if (left < total) {
    gint64 time = policy_sample(self, left)->time;
    guint dead = 0;
    while (dead < self->intervals->len) {
      const Interval *interval = &g_array_index(self->intervals, Interval, dead);
      if (interval->beyond > left ||
          saturating_add(interval_end(interval), interval->post_roll) >= time)
        break;
      dead++;
    }
    if (dead > 0)
      g_array_remove_range(self->intervals, 0, dead);
  }

  /* A window of k of n looks back from the first sample that is not processed, or from where judging
   * anew begins: the next frame's cover, or the latest decided sample. */
  guint64 first = MIN(left, self->processed);
  guint64 keep = first > HYSAC_POLICY_MAX_N + 1 ? first - (HYSAC_POLICY_MAX_N + 1) : 0;
  if (keep > self->base) {
    gsize n = (gsize) (keep - self->base);
    self->ring_head = (self->ring_head + n) & (self->ring_size - 1);
    self->base = keep;
    self->count -= n;
  }
}

/* ------------------------------------------------------------ bounds */

gint64
hysac_policy_max_hold(const HysacPolicyConfig *config, gint64 interval, gint64 frame_duration)
{
  gint64 step = saturating_add(interval, frame_duration), hold = config->pre_roll;
  guint samples = config->k > 1 ? config->n : 1;

  for (guint i = 0; i < samples; i++)
    hold = saturating_add(hold, step);
  return hold;
}

gint64
hysac_policy_escape_bound(const HysacPolicyConfig *config, gint64 interval, gint64 frame_duration)
{
  /* Every frame sampled: k - 1 unsafe frames in a row. Else k - 1 unsafe samples and what lies
   * unseen before and behind them. */
  gint64 step = interval > 0 ? saturating_add(interval, frame_duration) : frame_duration;
  guint steps = interval > 0 ? config->k : config->k - 1;
  gint64 bound = 0;

  for (guint i = 0; i < steps; i++)
    bound = saturating_add(bound, step);
  return bound;
}
