/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The source pad's task: takes things out of the hold in order, each frame when it is decided.
 * Waiting is on one condition, which every change signals; the pipeline's clock and the requests'
 * watchdog are two more reasons to look again. */
#include "gst/gsthysacprivate.h"

/* Timers by the clock are asynchronous: a synchronous wait could not be woken by the condition. */
static gboolean
timer_fired(GstClock *clock, GstClockTime time, GstClockID id, gpointer user_data)
{
  GstHysacModerate *self = user_data;
  g_mutex_lock(&self->lock);
  if (self->timer == id)
    g_clear_pointer(&self->timer, gst_clock_id_unref);
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
  return TRUE;
}

void
gst_hysac_moderate_cancel_timer(GstHysacModerate *self)
{
  if (self->timer)
    gst_clock_id_unschedule(self->timer);
  g_clear_pointer(&self->timer, gst_clock_id_unref);
}

void
gst_hysac_moderate_kick(GstHysacModerate *self)
{
  g_cond_broadcast(&self->cond);
}

/* Lock held. */
static void
arm_timer(GstHysacModerate *self, GstClock *clock, GstClockTime time)
{
  if (self->timer && self->timer_time == time)
    return;
  gst_hysac_moderate_cancel_timer(self);
  self->timer = gst_clock_new_single_shot_id(clock, time);
  self->timer_time = time;
  gst_clock_id_wait_async(self->timer, timer_fired, gst_object_ref(self), gst_object_unref);
}

gboolean
gst_hysac_moderate_hold_full(GstHysacModerate *self)
{
  const GstHysacHold *hold = &self->hold;
  return hold->frames + hold->gaps >= self->timing.buffers ||
         (hold->frames > 0 && (hold->bytes >= self->timing.bytes ||
                               gst_hysac_hold_span(&self->hold) > self->timing.time));
}

/* The frame could not be mapped: what an interval redacts stays so, all else has failed. */
static void
decide_bad(HysacDecision *decision)
{
  if (decision->kind == HYSAC_DECISION_REDACT)
    decision->failure = HYSAC_REASON_FAILED_MAP;
  else
    *decision = (HysacDecision){.kind = HYSAC_DECISION_FAILED, .reason = HYSAC_REASON_FAILED_MAP};
}

static gboolean
decide_monitor(GstHysacModerate *self, GstHysacHeld *held, HysacDecision *decision)
{
  gint64 age;
  *decision = hysac_policy_set_latest(self->policy, held->time, &age, &held->marks);
  /* What was safe in one stream says nothing of the next; an unsafe interval goes on until a sample of
   * the next ends it. */
  const gboolean another = decision->has_sample && decision->sample_seq < held->stream;
  const gboolean stale = decision->kind == HYSAC_DECISION_PENDING || another ||
                         age > (gint64)self->run.max_age;
  if (held->bad) {
    decide_bad(decision);
  } else if (stale && decision->kind == HYSAC_DECISION_REDACT) {
    decision->failure = HYSAC_REASON_FAILED_STALE;
  } else if (stale) {
    decision->kind = HYSAC_DECISION_FAILED;
    decision->reason = HYSAC_REASON_FAILED_STALE;
  }
  return TRUE;
}

/* A live frame's deadline. Returns TRUE where it is due; else, where there is a clock to tell, the
 * timer is armed. *@request: the newest frame, scored at due - budget on behalf of @held. */
static gboolean
is_due(GstHysacModerate *self, GstHysacHeld *held, GstHysacRequest **request)
{
  if (!self->live || !self->latency_known)
    return FALSE;
  g_autoptr(GstClock) clock = gst_element_get_clock(GST_ELEMENT(self));
  if (!clock || !self->playing)
    return FALSE;
  const gint64 now = (gint64)gst_clock_get_time(clock);
  const gint64 due = (gint64)gst_element_get_base_time(GST_ELEMENT(self)) + held->running +
                     self->upstream_min + self->timing.min;
  if (now >= due)
    return TRUE;
  if (!held->nudged && now >= due - self->timing.budget) {
    held->nudged = TRUE;
    const gboolean on_its_way = held->sample || self->last_sample_seq > held->seq;
    if (!on_its_way || self->n_waiting == 0)
      *request = gst_hysac_moderate_sample_newest(self);
  }
  arm_timer(self, clock, (GstClockTime)MAX(held->nudged ? due : due - self->timing.budget, 0));
  return FALSE;
}

/* The head of the hold waits, the hold is full, and no answer is on its way: nothing would ever
 * change. (More frames in the time than their caps promised, or no samples among them.) First the
 * newest frame is scored; if that has been done, what is known must do. */
static gboolean
is_stuck(GstHysacModerate *self, GstHysacRequest **request)
{
  if (self->n_waiting > 0 || !(self->ended || gst_hysac_moderate_hold_full(self)))
    return FALSE;
  *request = gst_hysac_moderate_sample_newest(self);
  if (*request)
    return FALSE;
  if (!self->ended && self->hold.gaps > 0) {
    /* Nothing follows for now. */
    hysac_policy_set_end(self->policy);
    self->ended = TRUE;
  }
  return TRUE;
}

/* Lock held. */
static gboolean
decide(GstHysacModerate *self, GstHysacHeld *held, HysacDecision *decision,
       GstHysacRequest **request)
{
  *request = NULL;
  if (self->run.mode == GST_HYSAC_MODE_MONITOR)
    return decide_monitor(self, held, decision);
  *decision = hysac_policy_set_decide(self->policy, held->seq, held->time, held->bad, &held->marks);
  if (held->bad) {
    decide_bad(decision);
    return TRUE;
  }
  if (decision->kind != HYSAC_DECISION_PENDING)
    return TRUE;
  if (is_due(self, held, request) || (!*request && is_stuck(self, request))) {
    *decision = hysac_policy_set_decide(self->policy, held->seq, held->time, TRUE, &held->marks);
    return TRUE;
  }
  return FALSE;
}

/* Downstream will not take more. Upstream learns it by its next frame; the task sleeps until a
 * flush, a new stream or the end. */
static void
note_flow(GstHysacModerate *self, GstFlowReturn flow)
{
  gboolean last_word = FALSE;
  g_mutex_lock(&self->lock);
  if (!self->flushing && self->flow == GST_FLOW_OK) {
    self->flow = flow;
    /* If upstream has said its last, it will not see the return value: say it here. */
    last_word = gst_hysac_hold_has_event(&self->hold, GST_EVENT_EOS) &&
                (flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS);
  }
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
  gst_hysac_moderate_publish_stop(self);
  GST_DEBUG_OBJECT(self, "downstream: %s", gst_flow_get_name(flow));
  if (last_word && flow != GST_FLOW_ERROR)
    GST_ELEMENT_FLOW_ERROR(self, flow);
  if (last_word)
    gst_pad_push_event(self->srcpad, gst_event_new_eos());
}

/* Lock held, dropped and taken again where there was something to tell. */
static gboolean
tell(GstHysacModerate *self)
{
  HysacIntervalEvent event;
  gboolean told = FALSE;
  while (hysac_policy_set_next_event(self->policy, &event)) {
    g_mutex_unlock(&self->lock);
    gst_hysac_moderate_report_interval(self, &event);
    g_mutex_lock(&self->lock);
    told = TRUE;
  }
  GstHysacScorer *scorer = g_steal_pointer(&self->ask_scorer);
  if (scorer) {
    if (scorer->klass->timed_out) {
      g_mutex_unlock(&self->lock);
      scorer->klass->timed_out(scorer);
      g_mutex_lock(&self->lock);
      told = TRUE;
    }
    scorer->calls--;
    gst_hysac_moderate_kick(self);
  }
  if (self->overload > 0) {
    const gint64 service = self->overload;
    const gint64 interval = self->run.interval ? (gint64)self->run.interval : self->timing.frame;
    self->overload = 0;
    g_mutex_unlock(&self->lock);
    gst_hysac_moderate_post_overload(self, service, interval);
    g_mutex_lock(&self->lock);
    told = TRUE;
  }
  return told;
}

/* Lock held. Until something changes or a request's time is up. */
static void
wait_for_change(GstHysacModerate *self, gint64 watchdog)
{
  if (watchdog > 0)
    g_cond_wait_until(&self->cond, &self->lock, watchdog);
  else
    g_cond_wait(&self->cond, &self->lock);
}

/* The next thing that may go (taken out), with the decision on it; NULL: flushing. */
static GstHysacHeld *
take_next(GstHysacModerate *self, HysacDecision *decision)
{
  GstHysacHeld *held = NULL;
  g_mutex_lock(&self->lock);
  while (!self->flushing) {
    if (self->flow != GST_FLOW_OK) {
      g_cond_wait(&self->cond, &self->lock);
      continue;
    }
    const gint64 watchdog = gst_hysac_moderate_expire(self);
    if (tell(self))
      continue;
    held = gst_hysac_hold_peek(&self->hold);
    GstHysacRequest *request = NULL;
    if (held && (held->event || decide(self, held, decision, &request)))
      break;
    held = NULL;
    if (request) {
      g_mutex_unlock(&self->lock);
      gst_hysac_moderate_submit(self, request);
      g_mutex_lock(&self->lock);
      continue;
    }
    wait_for_change(self, watchdog);
  }
  if (held) {
    gst_hysac_hold_pop(&self->hold);
    held->thresholds = self->thresholds;
    self->in_hand = TRUE;
    if (held->buffer) {
      gst_hysac_moderate_find_rating(self, decision, &held->rating);
      gst_hysac_moderate_forget_ratings(self, held->seq);
      hysac_policy_set_forget(self->policy, held->seq + 1);
    }
    gst_hysac_moderate_cancel_timer(self);
    g_cond_broadcast(&self->cond); /* there is room */
  }
  g_mutex_unlock(&self->lock);
  return held;
}

void
gst_hysac_moderate_loop(gpointer user_data)
{
  GstHysacModerate *self = user_data;
  HysacDecision decision;
  GstHysacHeld *held = take_next(self, &decision);
  GstFlowReturn flow = GST_FLOW_OK;

  if (!held) {
    gst_pad_pause_task(self->srcpad);
    return;
  }
  if (held->event) {
    switch (GST_EVENT_TYPE(held->event)) {
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT:
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_EOS:
      gst_hysac_moderate_record_break(self);
      break;
    default:
      break;
    }
    gst_hysac_moderate_publish_event(self, held->event);
    /* Sticky events that downstream refuses come back as the next buffer's flow. */
    if (GST_EVENT_TYPE(held->event) == GST_EVENT_STREAM_START)
      gst_hysac_freeze_reset(&self->stand_ins.freeze); /* of another programme */
    gst_pad_push_event(self->srcpad, g_steal_pointer(&held->event));
  } else {
    flow = gst_hysac_moderate_release(self, held, &decision);
  }
  gst_hysac_held_free(held);
  if (flow != GST_FLOW_OK)
    note_flow(self, flow);
  g_mutex_lock(&self->lock);
  self->in_hand = FALSE;
  gst_hysac_moderate_kick(self); /* a drain may wait for it */
  g_mutex_unlock(&self->lock);
}

gboolean
gst_hysac_moderate_src_mode(GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(parent);
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  g_mutex_lock(&self->lock);
  self->flushing = !active;
  self->flow = active ? GST_FLOW_OK : GST_FLOW_FLUSHING;
  gst_hysac_moderate_cancel_timer(self);
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
  if (active)
    return gst_pad_start_task(pad, gst_hysac_moderate_loop, self, NULL);
  return gst_pad_stop_task(pad);
}
