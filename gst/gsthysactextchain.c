/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A text: read, scored, judged by itself and with those before it, and pushed. The chain waits for the answer, so
 * texts and events leave in the order in which they came. */
#include "gst/gsthysactextprivate.h"

#include <string.h>

#include "gst/gap.h"
#include "gst/runningtime.h"

typedef struct {
  GstBuffer *buffer; /* owned */
  GstHysacTextReading reading; /* empty where it could not be read */
  guint n_own, n_readings;     /* of the text itself; with those that are joined */
  double own, joined; /* the largest distance of each; negative: none */
  HysacRating rating; /* the worst of all readings */
  guint32 own_marks;     /* rules that one of its own readings is unsafe by */
  gboolean unsafe;       /* by itself, or joined; whatever k of n makes of it */
  GstHysacTextSettings set; /* as they are now; its strings are owned */
  GstHysacTextFacts facts;
  GstHysacOutcome outcome;
} Text;

void
gst_hysac_text_forget(GstHysacText *self)
{
  gst_hysac_text_past_forget(&self->past);
}

static GstHysacTextJoining
joining(const Text *text)
{
  return (GstHysacTextJoining){text->set.join_buffers, text->set.join_gap};
}

/* ---- what is scored ---- */

/* Until when an answer is of use, monotonic us; 0: live or not, it is waited for. */
static gint64
useful_until(GstHysacText *self, const Text *text)
{
  g_mutex_lock(&self->lock);
  const gboolean live = self->live, playing = self->playing;
  const gint64 latency = self->latency, budget = gst_hysac_text_budget(self);
  g_mutex_unlock(&self->lock);
  if (!live)
    return 0;
  const gint64 now = g_get_monotonic_time();
  gint64 until = now + budget / 1000;
  g_autoptr(GstClock) clock = playing ? gst_element_get_clock(GST_ELEMENT(self)) : NULL;
  if (clock && GST_CLOCK_TIME_IS_VALID(text->facts.pts)) {
    const gint64 due = (gint64)gst_element_get_base_time(GST_ELEMENT(self)) + text->facts.running + latency;
    until = MAX(until, now + (due - (gint64)gst_clock_get_time(clock)) / 1000);
  }
  return until;
}

/* FALSE with @reason where there is no distance; CANCELLED is told by @cancelled. */
static gboolean
score(GstHysacText *self, Text *text, HysacReason *reason, gboolean *cancelled)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
  const GstHysacTextJoining how = joining(text);
  for (guint i = 0; i < text->reading.readings->len; i++)
    gst_hysac_text_add_once(texts, text->reading.readings->pdata[i]);
  text->n_own = texts->len;
  gst_hysac_text_past_join(&self->past, text->reading.joined, text->facts.running, &how, texts);
  text->n_readings = texts->len;
  const guint n = texts->len;
  g_autofree double *distances = g_new(double, n);
  g_autofree HysacRating *ratings = g_new(HysacRating, n);
  const gint64 start = g_get_monotonic_time();

  GstHysacTextRequest *request = gst_hysac_text_scorer_submit(self->in_use, g_steal_pointer(&texts));
  g_mutex_lock(&self->lock);
  *cancelled = self->flushing;
  self->request = *cancelled ? NULL : gst_hysac_text_request_ref(request);
  g_mutex_unlock(&self->lock);
  const GstHysacTextAnswer answer =
      *cancelled ? GST_HYSAC_TEXT_CANCELLED
                 : gst_hysac_text_scorer_wait(self->in_use, request, useful_until(self, text), distances,
                                              ratings, &error);
  g_mutex_lock(&self->lock);
  g_clear_pointer(&self->request, gst_hysac_text_request_unref);
  g_mutex_unlock(&self->lock);
  gst_hysac_text_request_unref(request);
  *cancelled = answer == GST_HYSAC_TEXT_CANCELLED;

  GST_OBJECT_LOCK(self);
  self->counters.readings += n;
  self->counters.last_service = (g_get_monotonic_time() - start) * 1000;
  GST_OBJECT_UNLOCK(self);
  if (answer == GST_HYSAC_TEXT_SCORED) {
    for (guint i = 0; i < n; i++) {
      double *to = i < text->n_own ? &text->own : &text->joined;
      *to = MAX(*to, distances[i]);
      hysac_rating_worsen(&text->rating, &ratings[i]);
      text->own_marks |= i < text->n_own ? ratings[i].marks : 0;
    }
    return TRUE;
  }
  *reason = answer == GST_HYSAC_TEXT_LATE ? HYSAC_REASON_FAILED_DEADLINE
            : error                       ? gst_hysac_failure_reason(error)
                                          : HYSAC_REASON_FAILED_DEVICE;
  if (!*cancelled)
    GST_WARNING_OBJECT(self, "text %" G_GUINT64_FORMAT " was not checked: %s", text->facts.number,
                       error ? error->message : hysac_reason_to_string(*reason));
  return FALSE;
}

/* ---- the verdict ---- */

/* By the region, and by each rule of the policy besides: unsafe by any of them. Then by those before it: k of n. */
static void
judge(GstHysacText *self, Text *text)
{
  GstHysacOutcome *out = &text->outcome;
  const HysacRegion region = gst_hysac_text_region(self->in_use, text->set.bound);
  const double enter = text->set.enter;
  const guint32 marks = text->rating.marks;
  const gboolean alone = text->own - region.bound > enter;
  const gboolean together = text->joined >= 0.0 && text->joined - region.bound > enter;
  text->unsafe = alone || together || marks != 0;
  const gboolean joined = text->unsafe && !alone && text->own_marks == 0;
  const double distance = joined || (together && !alone) ? text->joined : text->own;
  out->judged = hysac_region_judge(&region, distance);
  out->origin = joined ? "joined" : "scored";
  out->rating = &text->rating;
  gst_hysac_text_policy_judge(self, &text->set, &text->facts, distance, out->judged.margin, marks, out);
  GST_OBJECT_LOCK(self);
  self->counters.last_distance = distance;
  self->counters.scored++;
  self->counters.joined += joined;
  self->counters.unconfirmed += text->unsafe && out->decision.kind == HYSAC_DECISION_PASS;
  GST_OBJECT_UNLOCK(self);
}

static void
fail(GstHysacText *self, Text *text, HysacReason reason)
{
  text->outcome.origin = "failed";
  gst_hysac_text_policy_fail(self, &text->set, &text->facts, reason, &text->outcome);
  GST_OBJECT_LOCK(self);
  self->counters.failed++;
  self->counters.timeouts += reason == HYSAC_REASON_FAILED_TIMEOUT;
  GST_OBJECT_UNLOCK(self);
}

/* FALSE: flushing. */
static gboolean
decide(GstHysacText *self, Text *text)
{
  g_autoptr(GError) error = NULL;
  HysacReason reason = HYSAC_REASON_FAILED_MAP;
  GstMapInfo map;
  gboolean cancelled = FALSE;
  const HysacRegion region = gst_hysac_text_region(self->in_use, text->set.bound);
  text->outcome.bound = region.bound;
  text->outcome.calibrated = region.calibrated;
  if (text->facts.bytes > text->set.max_text) {
    GST_WARNING_OBJECT(self, "text %" G_GUINT64_FORMAT " has %" G_GSIZE_FORMAT " bytes, more than max-text",
                       text->facts.number, text->facts.bytes);
  } else if (!gst_buffer_map(text->buffer, &map, GST_MAP_READ)) {
    GST_WARNING_OBJECT(self, "text %" G_GUINT64_FORMAT " cannot be mapped", text->facts.number);
  } else {
    const gboolean ok = gst_hysac_text_read((const char *)map.data, map.size, self->markup, &text->reading, &error);
    gst_buffer_unmap(text->buffer, &map);
    if (ok && text->reading.readings->len == 0) { /* nothing to see, nothing to score */
      text->outcome.verdict = "safe";
      text->outcome.origin = "empty";
      text->outcome.reason = hysac_reason_to_string(HYSAC_REASON_SAFE);
      text->outcome.decision = (HysacDecision){.kind = HYSAC_DECISION_PASS, .reason = HYSAC_REASON_SAFE};
      GST_OBJECT_LOCK(self);
      self->counters.empty++;
      GST_OBJECT_UNLOCK(self);
      return TRUE;
    }
    if (ok && score(self, text, &reason, &cancelled)) {
      judge(self, text);
      return TRUE;
    }
    if (error)
      GST_WARNING_OBJECT(self, "text %" G_GUINT64_FORMAT ": %s", text->facts.number, error->message);
  }
  if (!cancelled)
    fail(self, text, reason);
  return !cancelled;
}

/* ---- what goes out ---- */

/* Of what is redacted, only times come over: other metadata may hold the text. */
static GstBuffer *
stand_in(GstHysacText *self, const Text *text, GstHysacTextAction action)
{
  g_autofree char *shown = NULL;
  if (action == GST_HYSAC_TEXT_ACTION_REPLACE) {
    g_autofree char *plain = gst_hysac_shown(text->set.replacement ? text->set.replacement : "");
    shown = self->markup ? g_markup_escape_text(plain, -1) : g_steal_pointer(&plain);
  } else {
    shown = gst_hysac_text_mask(text->reading.visible);
  }
  const gsize size = strlen(shown);
  GstBuffer *out = gst_buffer_new_wrapped(g_steal_pointer(&shown), size);
  gst_buffer_copy_into(out, text->buffer, GST_BUFFER_COPY_TIMESTAMPS, 0, (gsize)-1);
  if (GST_BUFFER_FLAG_IS_SET(text->buffer, GST_BUFFER_FLAG_DISCONT))
    GST_BUFFER_FLAG_SET(out, GST_BUFFER_FLAG_DISCONT);
  const GstReferenceTimestampMeta *time = gst_buffer_get_reference_timestamp_meta(text->buffer, NULL);
  if (time)
    gst_buffer_add_reference_timestamp_meta(out, time->reference, time->timestamp, time->duration);
  return out;
}

static GstFlowReturn
stop_with_error(GstHysacText *self, Text *text)
{
  text->outcome.action = "error";
  gst_hysac_text_report(self, &text->facts, &text->outcome, FALSE);
  GST_ELEMENT_ERROR(self, STREAM, FAILED, ("A text could not be checked."),
                    ("%s at running time %" G_GINT64_FORMAT " ns; on-failure=error", text->outcome.reason,
                     text->facts.running));
  return GST_FLOW_ERROR;
}

/* As the actions are listed, each shows less of the text than the one before: all, how many words, that there was one,
 * nothing. */
static guint
strength(gint action)
{
  return (guint)action;
}

/* The strictest of what the region asks for, where the text is unsafe by it, and what rules do. */
static GstHysacTextAction
find_action(GstHysacText *self, const Text *text)
{
  const HysacDecision *d = &text->outcome.decision;
  const gboolean by_rules = d->kind == HYSAC_DECISION_REDACT && d->interval_id >> 48 != 0;
  return (GstHysacTextAction)gst_hysac_rules_raise(&self->rules, text->outcome.marks, text->set.action,
                                                   by_rules ? GST_HYSAC_TEXT_ACTION_TAG : text->set.action,
                                                   strength);
}

static GstFlowReturn
release(GstHysacText *self, Text *text)
{
  const HysacDecisionKind kind = text->outcome.decision.kind;
  const gboolean failed = !gst_hysac_is_checked(&text->outcome.decision);
  const gboolean lets_pass = failed && text->set.on_failure == GST_HYSAC_ON_FAILURE_PASS;
  GstHysacTextAction action = find_action(self, text);
  if (failed && text->set.on_failure == GST_HYSAC_ON_FAILURE_ERROR)
    return stop_with_error(self, text);
  /* Tagging is for what was checked. */
  if (failed && !lets_pass && action == GST_HYSAC_TEXT_ACTION_TAG)
    action = GST_HYSAC_TEXT_ACTION_MASK;
  /* Inside a stretch its action holds for what failed too, as of frames: it does not end by failing. */
  const gboolean passes = kind == HYSAC_DECISION_PASS || (lets_pass && kind == HYSAC_DECISION_FAILED) ||
                          action == GST_HYSAC_TEXT_ACTION_TAG;
  const gboolean drops = !passes && action == GST_HYSAC_TEXT_ACTION_DROP;
  text->outcome.action = !passes                      ? gst_hysac_enum_nick(gst_hysac_text_action_get_type(), action)
                         : kind == HYSAC_DECISION_REDACT ? "tag"
                                                         : "none";
  const GstHysacTextJoining how = joining(text);
  /* What is unsafe by itself would make all that is joined with it unsafe. */
  if (passes && !text->unsafe)
    gst_hysac_text_past_remember(&self->past, text->reading.joined, text->facts.running, &how);
  GST_OBJECT_LOCK(self);
  self->counters.passed += passes;
  self->counters.dropped += drops;
  self->counters.redacted += !passes && !drops;
  GST_OBJECT_UNLOCK(self);
  gst_hysac_text_report(self, &text->facts, &text->outcome, text->set.log_text);
  if (drops) {
    gst_hysac_text_model_done(self);
    self->discont_next = TRUE;
    return gst_hysac_push_gap(self->srcpad, text->facts.pts, GST_BUFFER_DURATION(text->buffer),
                              text->facts.running);
  }
  GstBuffer *out = passes ? gst_buffer_make_writable(g_steal_pointer(&text->buffer)) : stand_in(self, text, action);
  if (self->discont_next)
    GST_BUFFER_FLAG_SET(out, GST_BUFFER_FLAG_DISCONT);
  self->discont_next = FALSE;
  if (!gst_hysac_meta_add(out, &text->outcome))
    GST_WARNING_OBJECT(self, "the verdict could not be attached");
  gst_hysac_text_model_done(self); /* downstream may take its time */
  return gst_pad_push(self->srcpad, out);
}

static void
text_init(GstHysacText *self, Text *text, GstBuffer *buffer)
{
  const GstClockTime pts = GST_BUFFER_PTS(buffer), duration = GST_BUFFER_DURATION(buffer);
  *text = (Text){.buffer = buffer, .own = -1.0, .joined = -1.0};
  g_mutex_lock(&self->lock);
  GST_OBJECT_LOCK(self);
  gst_hysac_text_settings_copy(&text->set, &self->settings);
  self->counters.texts++;
  GST_OBJECT_UNLOCK(self);
  self->in_use = self->scorer;
  text->set.bound = self->run.bound; /* of this model */
  g_mutex_unlock(&self->lock);
  const gint64 running = gst_hysac_running_time(&self->segment, pts, self->next_running);
  text->facts = (GstHysacTextFacts){
      .number = self->number++,
      .pts = pts,
      .duration = duration,
      .stream_time = self->segment.format == GST_FORMAT_TIME
                         ? gst_segment_to_stream_time(&self->segment, GST_FORMAT_TIME, pts)
                         : GST_CLOCK_TIME_NONE,
      .running = running,
      .bytes = gst_buffer_get_size(buffer)};
  self->next_running = gst_hysac_next_running_time(running, duration);
}

static void
text_clear(Text *text)
{
  gst_clear_buffer(&text->buffer);
  gst_hysac_text_reading_clear(&text->reading);
  gst_hysac_text_settings_clear(&text->set);
}

GstFlowReturn
gst_hysac_text_chain(GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstHysacText *self = GST_HYSAC_TEXT(parent);
  Text text;
  if (!self->have_caps) {
    gst_buffer_unref(buffer);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  g_mutex_lock(&self->lock);
  const gboolean known = self->latency_known;
  g_mutex_unlock(&self->lock);
  if (!known)
    gst_hysac_text_update_latency(self);
  text_init(self, &text, buffer);
  if (!self->started)
    gst_hysac_text_report_start(self);
  self->started = TRUE;
  GstFlowReturn flow = GST_FLOW_FLUSHING;
  if (decide(self, &text)) {
    text.facts.readings = text.n_readings;
    text.facts.text = text.reading.visible;
    flow = release(self, &text);
  }
  gst_hysac_text_model_done(self);
  text_clear(&text);
  return flow;
}
