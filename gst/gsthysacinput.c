/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sink pad. Frames get their number and time, are checked against their caps, and the rules of
 * "Always a sample" (docs/architecture.md) are applied; then they and the serialized events go into
 * the hold, in order. */
#include "gst/gsthysaccontrol.h"
#include "gst/tagpictures.h"

void
gst_hysac_moderate_reset_input(GstHysacModerate *self)
{
  self->boundary_next = TRUE;
  gst_hysac_moderate_forget_reference(self);
  gst_hysac_scene_cut_reset(&self->cut);
  self->have_time = FALSE;
  self->last_time = self->last_running = self->time_offset = self->last_duration = 0;
  self->shortest = G_MAXINT64;
  self->next_led = G_MAXUINT64;
  self->last_sample = 0;
  self->pool_seen = NULL;
  self->pool_small = FALSE;
}

/* A pool that has fewer buffers than the hold takes would run dry, and upstream would wait for
 * ever: such frames are copied. */
static GstBuffer *
own_memory(GstHysacModerate *self, GstBuffer *buffer, guint hold)
{
  if (!buffer->pool || self->run.mode == GST_HYSAC_MODE_MONITOR)
    return buffer;
  if (buffer->pool != self->pool_seen) {
    GstStructure *config = gst_buffer_pool_get_config(buffer->pool);
    guint max = 0;
    gst_buffer_pool_config_get_params(config, NULL, NULL, NULL, &max);
    gst_structure_free(config);
    self->pool_seen = buffer->pool;
    self->pool_small = max != 0 && max < hold + 2;
    if (self->pool_small)
      GST_INFO_OBJECT(self, "upstream's pool has %u buffers, the hold may take %u: copying", max,
                      hold);
  }
  if (!self->pool_small)
    return buffer;
  GstBuffer *copy = gst_buffer_copy_deep(buffer);
  if (copy) {
    gst_buffer_unref(buffer);
    g_mutex_lock(&self->lock);
    self->counters.copied++;
    g_mutex_unlock(&self->lock);
  }
  return copy ? copy : buffer;
}

/* Running time of the frame, which also exists before the segment and without a timestamp. */
static gint64
running_time(GstHysacModerate *self, GstBuffer *buffer)
{
  guint64 running;
  if (GST_BUFFER_PTS_IS_VALID(buffer) && self->segment.format == GST_FORMAT_TIME) {
    const gint sign = gst_segment_to_running_time_full(&self->segment, GST_FORMAT_TIME,
                                                       GST_BUFFER_PTS(buffer), &running);
    if (sign != 0 && running <= G_MAXINT64 / 4)
      return sign * (gint64)running;
  }
  return self->have_time ? self->last_running + self->last_duration : 0;
}

/* Lock held. Fills in number and times; TRUE where time ran backwards, which is a discontinuity. */
static gboolean
stamp(GstHysacModerate *self, GstHysacHeld *held)
{
  gboolean backwards = FALSE;
  GstBuffer *buffer = held->buffer;
  held->seq = self->next_seq++;
  held->stream = self->stream_seq;
  held->pts = GST_BUFFER_PTS(buffer);
  held->running = running_time(self, buffer);
  const gboolean stated =
      GST_BUFFER_DURATION_IS_VALID(buffer) && GST_BUFFER_DURATION(buffer) <= 3600 * GST_SECOND;
  held->duration = stated ? GST_BUFFER_DURATION(buffer) : (GstClockTime)self->timing.frame;
  gst_hysac_moderate_span(self, held, stated);
  held->stream_time =
      GST_BUFFER_PTS_IS_VALID(buffer) && self->segment.format == GST_FORMAT_TIME
          ? gst_segment_to_stream_time(&self->segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
          : GST_CLOCK_TIME_NONE;
  held->time = held->running + self->time_offset;
  if (self->have_time) {
    if (held->time < self->last_time) {
      /* The policy's time goes on: else nothing would be a sample until time has caught up. */
      self->time_offset += self->last_time + self->last_duration - held->time;
      held->time = held->running + self->time_offset;
      backwards = TRUE;
    } else {
      self->longest_gap = MAX(self->longest_gap, held->time - self->last_time);
    }
  }
  self->have_time = TRUE;
  self->last_time = held->time;
  self->last_running = held->running;
  self->last_duration = (gint64)held->duration;
  return backwards;
}

/* Lock held. Until when to wait because the scorer owes too many answers (those to frames that a
 * flush has discarded count as well: they hold their pictures); 0: not at all. Live frames do not
 * wait, their samples fail instead. */
static gint64
backlog_until(GstHysacModerate *self)
{
  if (self->live || self->requests.length < gst_hysac_moderate_max_requests(self))
    return 0;
  const GstHysacRequest *oldest = self->requests.head->data;
  const gint64 until = oldest->submitted + (gint64)self->run.request_timeout / 1000;
  return until > g_get_monotonic_time() ? until : 0;
}

/* Lock held. FALSE: flushing, or downstream has failed. */
static gboolean
wait_for_room(GstHysacModerate *self)
{
  while (!self->flushing && self->flow == GST_FLOW_OK) {
    const gint64 until = backlog_until(self);
    if (until > 0)
      g_cond_wait_until(&self->cond, &self->lock, until);
    else if (gst_hysac_moderate_hold_full(self))
      g_cond_wait(&self->cond, &self->lock);
    else
      return TRUE;
  }
  return FALSE;
}

/* Monitor: a new sample waits for the last one's answer, so that the verdict's age is bounded by
 * the device's speed and nothing queues up. */
static gboolean
scorer_is_behind(GstHysacModerate *self)
{
  return self->run.mode == GST_HYSAC_MODE_MONITOR && self->n_waiting > 0;
}

static gboolean
is_due(GstHysacModerate *self, const GstHysacHeld *held)
{
  return held->time - self->last_sample >= (gint64)self->run.interval;
}

/* FALSE: @held is bad. @seq: its number. */
static gboolean
map(GstHysacModerate *self, GstHysacHeld *held, guint64 seq, GstVideoFrame *frame,
    HysacFrame *picture)
{
  g_autoptr(GError) error = NULL;
  held->bad = !gst_hysac_video_frame_map(frame, picture, &held->caps->info, held->buffer, &error);
  if (held->bad)
    GST_WARNING_OBJECT(self, "frame %" G_GUINT64_FORMAT ": %s", seq, error->message);
  return !held->bad;
}

/* Lock held, dropped meanwhile: reading memory that is not the system's may take another thread's
 * help. (A flush that comes then waits for this frame, and discards it.) Mapped only where it would
 * be a sample now. */
static gboolean
map_foreign(GstHysacModerate *self, GstHysacHeld *held, GstVideoFrame *frame, HysacFrame *picture)
{
  held->bad = gst_hysac_video_has_views(held->buffer);
  if (held->bad || !(self->boundary_next || is_due(self, held)) || scorer_is_behind(self))
    return FALSE;
  g_mutex_unlock(&self->lock);
  const gboolean mapped = map(self, held, held->seq, frame, picture);
  g_mutex_lock(&self->lock);
  return mapped;
}

/* Lock held; takes @held. At most two requests. */
static void
admit(GstHysacModerate *self, GstHysacHeld *held, GstVideoFrame *mapped, const HysacFrame *picture,
      gboolean cut, GstHysacRequest *requests[2])
{
  requests[0] = requests[1] = NULL;
  if (!held->bad) {
    const gboolean boundary = self->boundary_next || cut;
    const gboolean due = boundary || is_due(self, held);
    /* The last frame of the shot, whatever ended it. */
    if (boundary && self->run.mode == GST_HYSAC_MODE_GATE)
      requests[0] = gst_hysac_moderate_sample_newest(self);
    if (due && (!mapped || scorer_is_behind(self))) {
      self->boundary_next = boundary; /* still owed */
    } else if (due) {
      requests[1] = gst_hysac_moderate_sample(self, held, boundary, mapped, picture);
      self->boundary_next = FALSE;
      mapped = NULL;
    }
  }
  if (mapped)
    gst_video_frame_unmap(mapped);
  gst_hysac_hold_push(&self->hold, held);
  gst_hysac_moderate_publish_next(self, held);
  hysac_control_admit(&self->control, held->seq, held->time, (gint64)held->duration);
  self->counters.frames++;
  self->counters.hold_peak = MAX(self->counters.hold_peak, self->hold.frames);
  gst_hysac_moderate_kick(self);
}

GstFlowReturn
gst_hysac_moderate_chain(GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(parent);
  if (!self->caps) {
    gst_buffer_unref(buffer);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  g_mutex_lock(&self->lock);
  const gboolean latency_known = self->latency_known;
  const guint hold = self->timing.buffers;
  g_mutex_unlock(&self->lock);
  if (!latency_known)
    gst_hysac_moderate_query_upstream(self);

  GstHysacHeld *held = g_new0(GstHysacHeld, 1);
  held->buffer = own_memory(self, buffer, hold);
  held->bytes = gst_buffer_get_size(held->buffer);
  held->caps = g_atomic_rc_box_acquire(self->caps);

  GstVideoFrame frame;
  HysacFrame picture;
  gboolean cut = FALSE, mapped = FALSE;
  if (!held->caps->foreign) {
    mapped = map(self, held, self->next_seq, &frame, &picture);
    if (mapped && self->run.interval > 0)
      cut = gst_hysac_scene_cut_feed(&self->cut, &picture);
  }

  GstHysacRequest *requests[2];
  gboolean latency_changed = FALSE;
  g_mutex_lock(&self->lock);
  if (!wait_for_room(self)) {
    const GstFlowReturn flow = self->flushing ? GST_FLOW_FLUSHING : self->flow;
    g_mutex_unlock(&self->lock);
    if (mapped)
      gst_video_frame_unmap(&frame);
    gst_hysac_held_free(held);
    return flow;
  }
  const gint64 gap_before = self->longest_gap;
  if (stamp(self, held) || GST_BUFFER_FLAG_IS_SET(held->buffer, GST_BUFFER_FLAG_DISCONT))
    self->boundary_next = TRUE;
  if (self->longest_gap != gap_before && !gst_hysac_has_fixed_rate(&self->caps->info))
    latency_changed = gst_hysac_moderate_update_timing(self);
  if (held->caps->foreign)
    mapped = map_foreign(self, held, &frame, &picture);
  admit(self, held, mapped ? &frame : NULL, &picture, cut, requests);
  g_mutex_unlock(&self->lock);

  gst_hysac_moderate_submit(self, requests[0]);
  gst_hysac_moderate_submit(self, requests[1]);
  if (latency_changed)
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  return GST_FLOW_OK;
}

/* Lock not held. */
static gboolean
take_caps(GstHysacModerate *self, GstCaps *caps)
{
  GstVideoInfo info;
  HysacFormat format;
  if (!gst_hysac_video_info_from_caps(&info, caps) ||
      !gst_hysac_video_format(GST_VIDEO_INFO_FORMAT(&info), &format) ||
      GST_VIDEO_INFO_WIDTH(&info) > GST_HYSAC_MAX_SIZE ||
      GST_VIDEO_INFO_HEIGHT(&info) > GST_HYSAC_MAX_SIZE) {
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, (NULL), ("unsupported caps %" GST_PTR_FORMAT, caps));
    return FALSE;
  }
  if (gst_hysac_caps_have_views(caps)) {
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("Views in memory of their own cannot be checked."),
                      ("%" GST_PTR_FORMAT ": only the first would be looked at; put the views into "
                       "one picture in front (glviewconvert), or split them", caps));
    return FALSE;
  }
  const gboolean foreign = gst_hysac_caps_are_foreign(caps);
  if (foreign && !gst_hysac_moderate_takes_foreign(self)) {
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("Frames in this memory cannot be redacted."),
                      ("%" GST_PTR_FORMAT " is taken with mode=monitor and action=tag only; "
                       "else bring the frames into system memory in front", caps));
    return FALSE;
  }
  /* From 1.26 on GStreamer puts in a guess by the size; what nobody said stays unknown (videoframe.c). */
  if (!gst_structure_has_field(gst_caps_get_structure(caps, 0), "chroma-site"))
    info.chroma_site = GST_VIDEO_CHROMA_SITE_UNKNOWN;

  g_autofree char *why = NULL;
  g_mutex_lock(&self->lock);
  g_clear_pointer(&self->caps, g_atomic_rc_box_release);
  self->caps = g_atomic_rc_box_new0(GstHysacCaps);
  self->caps->info = info;
  self->caps->foreign = foreign;
  self->longest_gap = 0;
  self->shortest = G_MAXINT64;
  const gboolean changed = gst_hysac_moderate_update_timing(self);
  const gboolean fits = gst_hysac_moderate_check_capacity(self, &why);
  self->pool_seen = NULL;
  gst_hysac_scene_cut_reset(&self->cut);
  g_mutex_unlock(&self->lock);

  if (!fits) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("The hold is too small for these settings."),
                      ("%s", why));
    return FALSE;
  }
  gst_hysac_moderate_post_started(self);
  if (changed)
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  return TRUE;
}

/* Lock held. Sticky events outlive a flush: they go to the source pad without the frames between
 * them, which pushes them before the next thing that it pushes. Not while the task may have an older
 * one in its hands, which would take the place of the newer. */
static void
release_sticky_events(GstHysacModerate *self)
{
  gst_hysac_hold_flush(&self->hold);
  for (GList *l = self->hold.items.head; l; l = l->next)
    gst_pad_store_sticky_event(self->srcpad, ((GstHysacHeld *)l->data)->event);
  gst_hysac_hold_clear(&self->hold);
}

/* Events in the order of the stream, and what they mean to the samples before them. */
static gboolean
queue_event(GstHysacModerate *self, GstEvent *event)
{
  GstHysacRequest *request = NULL;
  const GstEventType type = GST_EVENT_TYPE(event);

  gst_hysac_moderate_publish_arrival(self, event);
  g_mutex_lock(&self->lock);
  if (type == GST_EVENT_STREAM_START && self->flow == GST_FLOW_EOS && !self->flushing) {
    /* A new stream, after downstream had enough of the last: what is left of that goes nowhere. */
    release_sticky_events(self);
    self->flow = GST_FLOW_OK;
  }
  /* Other events are few; a source that sends nothing but gaps must wait like one with frames. */
  const gboolean ok =
      type == GST_EVENT_GAP ? wait_for_room(self) : !self->flushing && self->flow == GST_FLOW_OK;
  if (!ok) {
    g_mutex_unlock(&self->lock);
    gst_event_unref(event);
    return FALSE;
  }
  /* The same event comes again where pads are linked anew. */
  if (type == GST_EVENT_STREAM_START && gst_event_get_seqnum(event) != self->stream_start) {
    self->stream_start = gst_event_get_seqnum(event);
    self->stream_seq = self->next_seq;
  }
  switch (type) {
  case GST_EVENT_STREAM_START:
  case GST_EVENT_CAPS:
  case GST_EVENT_SEGMENT:
  case GST_EVENT_SEGMENT_DONE:
  case GST_EVENT_EOS:
  case GST_EVENT_GAP:
    if (self->run.mode == GST_HYSAC_MODE_GATE)
      request = gst_hysac_moderate_sample_newest(self);
    self->boundary_next = TRUE;
    if (type == GST_EVENT_EOS || type == GST_EVENT_SEGMENT_DONE) {
      hysac_policy_set_end(self->policy);
      self->ended = TRUE;
    } else if (type == GST_EVENT_SEGMENT) {
      gst_event_copy_segment(event, &self->segment);
      self->shortest = G_MAXINT64; /* at the rate before */
    }
    break;
  default:
    break;
  }
  GstHysacHeld *held = g_new0(GstHysacHeld, 1);
  held->event = event;
  gst_hysac_hold_push(&self->hold, held);
  gst_hysac_moderate_publish_next(self, held);
  gst_hysac_moderate_kick(self);
  g_mutex_unlock(&self->lock);
  gst_hysac_moderate_submit(self, request);
  return TRUE;
}

/* Lock held. Whatever is held or under way is of the past, but for sticky events. */
static void
discard(GstHysacModerate *self)
{
  self->generation++;
  self->n_waiting = 0;
  gst_hysac_hold_flush(&self->hold);
  gst_hysac_moderate_cancel_timer(self);
}

static gboolean
flush_start(GstHysacModerate *self, GstEvent *event)
{
  const gboolean ret = gst_pad_push_event(self->srcpad, event);
  g_mutex_lock(&self->lock);
  self->flushing = TRUE;
  self->flow = GST_FLOW_FLUSHING;
  discard(self);
  gst_hysac_moderate_kick(self);
  g_mutex_unlock(&self->lock);
  gst_pad_pause_task(self->srcpad);
  return ret;
}

static gboolean
flush_stop(GstHysacModerate *self, GstEvent *event)
{
  const gboolean ret = gst_pad_push_event(self->srcpad, gst_event_ref(event));
  /* Waits for the task's last turn: what it alone may touch can be reset. */
  gst_pad_pause_task(self->srcpad);
  GST_PAD_STREAM_LOCK(self->srcpad);
  gst_hysac_moderate_record_break(self);
  gst_hysac_moderate_publish_arrival(self, event);
  gst_event_unref(event);
  g_mutex_lock(&self->lock);
  discard(self);
  release_sticky_events(self);
  gst_segment_init(&self->segment, GST_FORMAT_TIME);
  gst_hysac_moderate_reset_input(self);
  hysac_policy_set_reset(self->policy);
  g_array_set_size(self->ratings, 0);
  hysac_control_flush(&self->control);
  const guint ended = hysac_control_take_ended(&self->control);
  hysac_flicker_init(&self->flicker);
  hysac_flicker_init(&self->blanking);
  gst_hysac_freeze_reset(&self->stand_ins.freeze);
  self->ended = FALSE;
  self->discont_next = FALSE;
  self->state = "none"; /* the first frame's is told anew */
  self->state_interval = 0;
  self->flushing = FALSE;
  self->flow = GST_FLOW_OK;
  g_mutex_unlock(&self->lock);
  GST_PAD_STREAM_UNLOCK(self->srcpad);
  gst_hysac_moderate_report_ended(self, ended);
  if (GST_PAD_MODE(self->srcpad) == GST_PAD_MODE_PUSH)
    gst_pad_start_task(self->srcpad, gst_hysac_moderate_loop, self, NULL);
  return ret;
}

gboolean
gst_hysac_moderate_sink_event(GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(parent);
  GstCaps *caps;
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_FLUSH_START:
    return flush_start(self, event);
  case GST_EVENT_FLUSH_STOP:
    return flush_stop(self, event);
  case GST_EVENT_CAPS:
    gst_event_parse_caps(event, &caps);
    /* The frames before it are still of the old caps; look at the last one first. */
    if (!take_caps(self, caps)) {
      gst_event_unref(event);
      return FALSE;
    }
    return queue_event(self, event);
  case GST_EVENT_TAG:
  case GST_EVENT_TOC:
    return queue_event(self, gst_hysac_without_pictures(event));
  default:
    if (GST_EVENT_IS_SERIALIZED(event))
      return queue_event(self, event);
    return gst_pad_push_event(self->srcpad, event);
  }
}

static gboolean
answer_allocation(GstHysacModerate *self, GstQuery *query)
{
  GstCaps *caps;
  GstVideoInfo info;
  gst_query_parse_allocation(query, &caps, NULL);
  if (!caps || !gst_video_info_from_caps(&info, caps))
    return FALSE;
  if (gst_hysac_caps_are_foreign(caps)) /* downstream's pool, if any: nothing is held */
    return gst_pad_peer_query(self->srcpad, query);
  g_mutex_lock(&self->lock);
  const guint held = self->timing.buffers;
  g_mutex_unlock(&self->lock);
  /* No pool of ours, but upstream's is to be large enough for what is held here. A long hold is not
   * to be allocated beforehand: where a pool is limited, own_memory() copies. */
  gst_query_add_allocation_pool(query, NULL, (guint)GST_VIDEO_INFO_SIZE(&info), MIN(held + 2, 32),
                                0);
  gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

/* Upstream wants its buffers back before it goes on. */
static gboolean
drain(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  GstHysacRequest *request = NULL;
  if (self->run.mode == GST_HYSAC_MODE_GATE && self->policy) {
    request = gst_hysac_moderate_sample_newest(self);
    hysac_policy_set_end(self->policy);
    self->ended = TRUE;
    self->boundary_next = TRUE;
    gst_hysac_moderate_kick(self);
  }
  g_mutex_unlock(&self->lock);
  gst_hysac_moderate_submit(self, request);

  g_mutex_lock(&self->lock);
  while (!self->flushing && self->flow == GST_FLOW_OK &&
         (self->hold.items.length > 0 || self->in_hand))
    g_cond_wait(&self->cond, &self->lock);
  const gboolean ok = !self->flushing && self->flow == GST_FLOW_OK;
  g_mutex_unlock(&self->lock);
  return ok;
}

gboolean
gst_hysac_moderate_sink_query(GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(parent);
  switch (GST_QUERY_TYPE(query)) {
  case GST_QUERY_ALLOCATION:
    return answer_allocation(self, query);
  case GST_QUERY_CAPS:
    return gst_hysac_moderate_query_caps(self, pad, query);
  case GST_QUERY_ACCEPT_CAPS:
    return gst_hysac_moderate_query_accept_caps(self, pad, query);
  case GST_QUERY_DRAIN:
    return drain(self) && gst_pad_peer_query(self->srcpad, query);
  default:
    return gst_pad_query_default(pad, parent, query);
  }
}

gboolean
gst_hysac_moderate_sink_mode(GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(parent);
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  g_mutex_lock(&self->lock);
  self->flushing = !active;
  self->flow = active ? GST_FLOW_OK : GST_FLOW_FLUSHING;
  gst_hysac_moderate_kick(self);
  g_mutex_unlock(&self->lock);
  if (!active) {
    /* Wait for chain to leave. */
    GST_PAD_STREAM_LOCK(pad);
    g_mutex_lock(&self->lock);
    discard(self);
    gst_hysac_hold_clear(&self->hold);
    g_mutex_unlock(&self->lock);
    GST_PAD_STREAM_UNLOCK(pad);
  }
  return TRUE;
}
