/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "gst/gsthysacprivate.h"

HysacReason
gst_hysac_failure_reason(const GError *error)
{
  if (error->domain != HYSAC_ERROR)
    return HYSAC_REASON_FAILED_DEVICE;
  switch (error->code) {
  case HYSAC_ERROR_NUMERIC:
    return HYSAC_REASON_FAILED_NUMERIC;
  case HYSAC_ERROR_ARGUMENT:
    return HYSAC_REASON_FAILED_MAP;
  case HYSAC_ERROR_OUT_OF_MEMORY:
    return HYSAC_REASON_FAILED_MEMORY;
  case HYSAC_ERROR_TIMEOUT:
    return HYSAC_REASON_FAILED_TIMEOUT;
  case HYSAC_ERROR_BUILD:
    return HYSAC_REASON_FAILED_BUILD;
  case HYSAC_ERROR_IO:
  case HYSAC_ERROR_FORMAT:
  case HYSAC_ERROR_MODEL:
  case HYSAC_ERROR_UNSUPPORTED:
    return HYSAC_REASON_FAILED_MODEL;
  default:
    return HYSAC_REASON_FAILED_DEVICE;
  }
}

guint
gst_hysac_moderate_max_requests(GstHysacModerate *self)
{
  return self->timing.buffers + 8;
}

/* Open requests that an engine is to answer. Those of an engine that hangs and was left behind may
 * never be answered: the next one starts without that burden. */
static guint
n_open(GstHysacModerate *self, gint epoch)
{
  guint n = 0;
  for (GList *l = self->requests.tail; l; l = l->prev) {
    const GstHysacRequest *request = l->data;
    if (request->scorer != self->scorer || request->epoch != epoch)
      break;
    n++;
  }
  return n;
}

void
gst_hysac_moderate_forget_reference(GstHysacModerate *self)
{
  g_clear_pointer(&self->reference, hysac_reference_unref);
}

/* Whether the sample may take over the verdict of the last one that was encoded. What begins anew is
 * never compared with what was before. */
static void
allow_reuse(GstHysacModerate *self, GstHysacRequest *request, gint64 time, gboolean boundary)
{
  const GstHysacSettings *s = &self->run;
  const gboolean on = s->reuse == GST_HYSAC_REUSE_ALWAYS ||
                      (s->reuse == GST_HYSAC_REUSE_AUTO && s->mode == GST_HYSAC_MODE_MONITOR);
  if (boundary || !on)
    gst_hysac_moderate_forget_reference(self);
  if (!on)
    return;
  if (!self->reference)
    self->reference = hysac_reference_new();
  request->reference = hysac_reference_ref(self->reference);
  request->reuse = (HysacReuse){.tolerance = s->change_tolerance,
                                .budget = s->change_budget,
                                .time = time,
                                .max_age = (gint64)s->reuse_max_age};
}

GstHysacRequest *
gst_hysac_moderate_sample(GstHysacModerate *self, GstHysacHeld *held, gboolean boundary,
                          GstVideoFrame *mapped, const HysacFrame *picture)
{
  hysac_policy_set_add_sample(self->policy, held->seq, held->time, boundary);
  held->sample = TRUE;
  self->last_sample = held->time;
  self->last_sample_seq = held->seq;
  self->ended = FALSE;
  self->counters.samples++;

  /* An engine that does not answer would pile up pictures: beyond this nothing is asked of it. */
  const gint epoch = g_atomic_int_get(&self->scorer->epoch);
  if (n_open(self, epoch) >= gst_hysac_moderate_max_requests(self) + 2) {
    if (mapped)
      gst_video_frame_unmap(mapped);
    hysac_policy_set_fail(self->policy, held->seq, HYSAC_REASON_FAILED_TIMEOUT);
    return NULL;
  }
  if (gst_hysac_moderate_pace_is_late(self)) {
    if (mapped)
      gst_video_frame_unmap(mapped);
    hysac_policy_set_fail(self->policy, held->seq, HYSAC_REASON_FAILED_DEADLINE);
    return NULL;
  }

  g_autofree GstHysacRequest *request = g_new0(GstHysacRequest, 1);
  if (mapped) {
    request->frame = *mapped;
    request->picture = *picture;
  } else {
    g_autoptr(GError) error = NULL;
    if (!gst_hysac_video_frame_map(&request->frame, &request->picture, &held->caps->info,
                                   held->buffer, &error)) {
      GST_WARNING_OBJECT(self, "frame %" G_GUINT64_FORMAT ": %s", held->seq, error->message);
      hysac_policy_set_fail(self->policy, held->seq, HYSAC_REASON_FAILED_MAP);
      return NULL;
    }
  }
  request->mapped = TRUE;
  request->self = gst_object_ref(self);
  request->scorer = self->scorer;
  request->rater = self->scorer->rater ? hysac_rater_ref(self->scorer->rater) : NULL;
  self->scorer->open++;
  self->scorer->calls++; /* until it is submitted */
  allow_reuse(self, request, held->time, boundary);
  request->seq = held->seq;
  request->generation = self->generation;
  request->epoch = epoch;
  request->submitted = g_get_monotonic_time();
  gst_hysac_moderate_pace_ask(self, request);
  request->link.data = request;
  g_queue_push_tail_link(&self->requests, &request->link);
  self->n_waiting++;
  self->counters.requests++;
  return g_steal_pointer(&request);
}

GstHysacRequest *
gst_hysac_moderate_sample_newest(GstHysacModerate *self)
{
  GstHysacHeld *newest = gst_hysac_hold_newest(&self->hold);
  if (!newest || newest->sample)
    return NULL;
  return gst_hysac_moderate_sample(self, newest, FALSE, NULL, NULL);
}

/* The planes are no longer needed; any thread. */
static void
request_release(gpointer user_data)
{
  GstHysacRequest *request = user_data;
  if (request->mapped)
    gst_video_frame_unmap(&request->frame);
  request->mapped = FALSE;
}

/* Lock held. */
static void
note_service(GstHysacModerate *self, const GstHysacRequest *request)
{
  const gint64 now = g_get_monotonic_time();
  /* Time spent behind our own earlier requests is queueing, not service. */
  const gint64 service = (now - MAX(request->submitted, self->last_done)) * 1000;
  const gint64 interval = self->run.interval ? (gint64)self->run.interval : self->timing.frame;
  self->last_done = now;
  self->counters.last_service = service;
  if (!self->live && self->run.mode == GST_HYSAC_MODE_GATE)
    return; /* upstream waits: nothing is ever late */
  if (service <= interval) {
    self->overloaded = FALSE;
  } else if (!self->overloaded) {
    self->overloaded = TRUE;
    self->overload = service;
    self->counters.overloads++;
  }
}

void
gst_hysac_moderate_find_rating(GstHysacModerate *self, const HysacDecision *decision, HysacRating *rating)
{
  *rating = (HysacRating){.seq = G_MAXUINT64};
  for (guint i = 0; decision->has_sample && decision->sample_ok && i < self->ratings->len; i++) {
    const HysacRating *one = &g_array_index(self->ratings, HysacRating, i);
    if (one->seq == decision->sample_seq)
      *rating = *one;
  }
}

/* Frames are decided by the sample before them, at most: the newest of those stays. */
void
gst_hysac_moderate_forget_ratings(GstHysacModerate *self, guint64 seq)
{
  guint64 newest = 0;
  for (guint i = 0; i < self->ratings->len; i++) {
    const guint64 one = g_array_index(self->ratings, HysacRating, i).seq;
    newest = one <= seq ? MAX(newest, one) : newest;
  }
  for (guint i = self->ratings->len; i-- > 0;) {
    if (g_array_index(self->ratings, HysacRating, i).seq < newest)
      g_array_remove_index_fast(self->ratings, i);
  }
}

/* Any thread. */
static void
request_done(const GstHysacScore *score, const GError *error, gpointer user_data)
{
  GstHysacRequest *request = user_data;
  GstHysacModerate *self = request->self;
  const double distance = score ? score->distance : (double)NAN;
  const gboolean reused = score && score->reused;
  HysacRating rating = {.seq = request->seq};

  request_release(request);
  if (score && request->rater)
    hysac_rater_rate(request->rater, score->feature, score->point, &rating);
  g_mutex_lock(&self->lock);
  g_queue_unlink(&self->requests, &request->link);
  if (request->scorer)
    request->scorer->open--;
  if (request->generation == self->generation) {
    if (!request->expired)
      self->n_waiting--;
    note_service(self, request);
    /* How long a scoring takes is told by those that were done. */
    if (request->scorer == self->scorer && !reused)
      gst_hysac_moderate_pace_answer(self, request);
    if (error && request->reference == self->reference)
      gst_hysac_moderate_forget_reference(self);
    if (request->expired) {
      /* The frame may have gone, redacted as failed: the answer comes too late. */
    } else if (error) {
      GST_WARNING_OBJECT(self, "frame %" G_GUINT64_FORMAT ": %s", request->seq, error->message);
      hysac_policy_set_fail(self->policy, request->seq, gst_hysac_failure_reason(error));
    } else if (!request->scorer) {
      hysac_policy_set_fail(self->policy, request->seq, HYSAC_REASON_FAILED_TIMEOUT);
    } else if (!isfinite(distance) || distance < 0.0) {
      hysac_policy_set_fail(self->policy, request->seq, HYSAC_REASON_FAILED_NUMERIC);
    } else {
      self->counters.last_distance = distance;
      self->counters.reused += reused;
      if (reused)
        hysac_policy_set_note_reused(self->policy, request->seq);
      if (request->rater)
        g_array_append_val(self->ratings, rating);
      hysac_policy_set_resolve(self->policy, request->seq, distance,
                               distance - request->scorer->region.bound, rating.marks);
    }
  }
  gst_hysac_moderate_kick(self);
  g_mutex_unlock(&self->lock);
  gst_object_unref(self);
  hysac_reference_unref(request->reference);
  hysac_rater_unref(request->rater);
  g_free(request);
}

void
gst_hysac_moderate_submit(GstHysacModerate *self, GstHysacRequest *request)
{
  if (!request)
    return;
  g_autoptr(GError) error = NULL;
  GstHysacScorer *scorer = request->scorer; /* its calls keep it there */
  if (!scorer->klass->submit(scorer, &request->picture, request->reference, &request->reuse,
                             request_release, request_done, request, &error)) {
    if (!error) /* a scorer's bug, but never a frame's pass */
      g_set_error_literal(&error, HYSAC_ERROR, HYSAC_ERROR_DEVICE, "the request was refused");
    request_done(NULL, error, request);
  }
  g_mutex_lock(&self->lock);
  scorer->calls--;
  gst_hysac_moderate_kick(self);
  g_mutex_unlock(&self->lock);
}

gint64
gst_hysac_moderate_expire(GstHysacModerate *self)
{
  const gint64 now = g_get_monotonic_time(), patience = self->run.request_timeout / 1000;
  for (GList *l = self->requests.head; l; l = l->next) {
    GstHysacRequest *request = l->data;
    if (request->expired || request->generation != self->generation)
      continue;
    if (request->submitted + patience > now)
      return request->submitted + patience;
    GST_WARNING_OBJECT(self, "frame %" G_GUINT64_FORMAT ": no answer in %" GST_TIME_FORMAT,
                       request->seq, GST_TIME_ARGS(self->run.request_timeout));
    request->expired = TRUE;
    if (!self->ask_scorer && request->scorer) {
      self->ask_scorer = request->scorer;
      self->ask_scorer->calls++; /* until it was asked */
    }
    self->n_waiting--;
    self->counters.timeouts++;
    hysac_policy_set_fail(self->policy, request->seq, HYSAC_REASON_FAILED_TIMEOUT);
  }
  return 0;
}
