/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The policy over texts in a row: k of n, where a stretch begins and ends. It is that of frames (core/policy.h), asked
 * as a monitor asks it: what a text may do is known once it has been scored, and none is held for those that may follow,
 * which of subtitles can be minutes away and of chat may never come. */
#include "gst/gsthysactextprivate.h"

static HysacPolicyConfig
config_of(const GstHysacTextSettings *fixed, const GstHysacTextSettings *now)
{
  return (HysacPolicyConfig){.k = fixed->k,
                             .n = fixed->n,
                             .enter_margin = now->enter,
                             .leave_margin = MIN(now->leave, now->enter),
                             .min_duration = (gint64)now->min_duration,
                             .post_roll = (gint64)now->post_roll};
}

static void
forget_time(GstHysacText *self)
{
  self->have_time = FALSE;
  self->time_offset = 0;
}

gboolean
gst_hysac_text_policy_start(GstHysacText *self, GError **error)
{
  const HysacPolicyConfig config = config_of(&self->run, &self->run);
  const guint n_rules = hysac_policy_rules_any(&self->rules) ? HYSAC_N_RULES : 0;
  g_clear_pointer(&self->policy, hysac_policy_set_free);
  self->policy = hysac_policy_set_new(&config, n_rules, error);
  self->last_interval = (HysacIntervalEvent){0};
  self->state = "none";
  self->state_interval = 0;
  forget_time(self);
  return self->policy != NULL;
}

/* By running time, as all that is told. */
static void
tell(GstHysacText *self)
{
  HysacIntervalEvent event;
  while (hysac_policy_set_next_event(self->policy, &event)) {
    event.start -= self->time_offset;
    event.end -= self->time_offset;
    self->last_interval = event;
    gst_hysac_logs_interval(&self->logs, &event);
  }
}

void
gst_hysac_text_policy_end(GstHysacText *self)
{
  if (!self->policy)
    return;
  hysac_policy_set_end(self->policy);
  tell(self);
}

void
gst_hysac_text_policy_flush(GstHysacText *self)
{
  gst_hysac_text_policy_end(self);
  if (self->policy)
    hysac_policy_set_reset(self->policy);
  self->state = "none"; /* the first text's is told anew */
  self->state_interval = 0;
  forget_time(self);
}

/* The policy's time only grows: texts of one time (chat without timestamps) do not lie in each other's stretch, and
 * where time runs backwards durations go on from there. */
static gint64
time_of(GstHysacText *self, gint64 running)
{
  gint64 time;
  if (__builtin_add_overflow(running, self->time_offset, &time))
    time = G_MAXINT64;
  if (self->have_time && time <= self->last_time) {
    gint64 offset;
    time = self->last_time < G_MAXINT64 ? self->last_time + 1 : self->last_time;
    if (!__builtin_sub_overflow(time, running, &offset))
      self->time_offset = offset;
  }
  self->have_time = TRUE;
  self->last_time = time;
  return time;
}

static gint64
declare(GstHysacText *self, const GstHysacTextSettings *now, const GstHysacTextFacts *facts)
{
  const HysacPolicyConfig config = config_of(&self->run, now);
  const gint64 time = time_of(self, facts->running);
  /* What is in range as single properties is so together: the margins by config_of(), k and n since the start. */
  hysac_policy_set_change(self->policy, &config, NULL);
  hysac_policy_set_add_sample(self->policy, facts->number, time, FALSE);
  return time;
}

static void
take_decision(GstHysacText *self, const GstHysacTextFacts *facts, gint64 time, GstHysacOutcome *outcome)
{
  gint64 age;
  HysacDecision *d = &outcome->decision;
  *d = hysac_policy_set_latest(self->policy, time, &age, &outcome->marks);
  d->interval_start -= time - facts->running;
  const gboolean checked = gst_hysac_is_checked(d);
  outcome->verdict = !checked ? "failed" : d->kind == HYSAC_DECISION_PASS ? "safe" : "unsafe";
  outcome->reason = hysac_reason_to_string(!checked && d->kind == HYSAC_DECISION_REDACT ? d->failure : d->reason);
  outcome->sample_running = facts->running;
  hysac_policy_set_forget(self->policy, facts->number + 1);
  tell(self);
}

void
gst_hysac_text_policy_judge(GstHysacText *self, const GstHysacTextSettings *now, const GstHysacTextFacts *facts,
                            double distance, double margin, guint32 marks, GstHysacOutcome *outcome)
{
  const gint64 time = declare(self, now, facts);
  hysac_policy_set_resolve(self->policy, facts->number, distance, margin, marks);
  take_decision(self, facts, time, outcome);
}

void
gst_hysac_text_policy_fail(GstHysacText *self, const GstHysacTextSettings *now, const GstHysacTextFacts *facts,
                           HysacReason reason, GstHysacOutcome *outcome)
{
  const gint64 time = declare(self, now, facts);
  hysac_policy_set_fail(self->policy, facts->number, reason);
  take_decision(self, facts, time, outcome);
}

/* ---- as it went out ---- */

void
gst_hysac_text_record(GstHysacText *self, const GstHysacTextFacts *facts, const GstHysacOutcome *outcome)
{
  const HysacSegmentFrame frame =
      gst_hysac_segment_frame(facts->number, facts->stream_time, facts->duration, FALSE, outcome);
  gst_hysac_segments_add(&self->segments, &frame, self->sinkpad, 0, 1);
}

/* Nothing is shown from there on: so much of a stretch that went out is over, though the stretch itself may go on with
 * the next text. While the last text still lasts a gap says nothing new. */
void
gst_hysac_text_record_gap(GstHysacText *self, GstEvent *event)
{
  const HysacSegmenter *segmenter = &self->segments.segmenter;
  GstClockTime begin, duration;
  gst_event_parse_gap(event, &begin, &duration);
  const GstClockTime time = self->segment.format == GST_FORMAT_TIME
                                ? gst_segment_to_stream_time(&self->segment, GST_FORMAT_TIME, begin)
                                : GST_CLOCK_TIME_NONE;
  if (!segmenter->running || time > G_MAXINT64 / 2)
    return;
  if ((gint64)time < segmenter->last_end && !segmenter->last_until_next)
    return;
  const HysacSegmentFrame frame = {.number = self->number, .start = (gint64)time, .duration = 1, .until_next = TRUE};
  gst_hysac_segments_add(&self->segments, &frame, self->sinkpad, 0, 1);
}
