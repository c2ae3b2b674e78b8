/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The property "policy-group": the element leads the group, and tells it what became of each frame
 * before the frame goes. All of it does nothing where no group is set. */
#include "gst/gsthysacprivate.h"

gboolean
gst_hysac_moderate_lead(GstHysacModerate *self)
{
  const char *name = self->run.policy_group;
  if (!name || !*name)
    return TRUE;
  self->group = gst_hysac_group_get(name);
  if (gst_hysac_group_lead(self->group, GST_ELEMENT(self)))
    return TRUE;
  g_clear_pointer(&self->group, gst_hysac_group_unref);
  GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("The policy group is led by another element."),
                    ("policy-group: \"%s\" has a leader; give one of the two another name", name));
  return FALSE;
}

void
gst_hysac_moderate_resign(GstHysacModerate *self)
{
  if (!self->group)
    return;
  gst_hysac_group_resign(self->group, GST_ELEMENT(self));
  g_clear_pointer(&self->group, gst_hysac_group_unref);
}

void
gst_hysac_moderate_span(GstHysacModerate *self, GstHysacHeld *held, gboolean stated)
{
  const gint64 duration = (gint64)held->duration;
  const GstClockTime end_pts =
      GST_CLOCK_TIME_IS_VALID(held->pts) ? held->pts + held->duration : GST_CLOCK_TIME_NONE;
  const gint64 end = gst_hysac_running_time(&self->segment, end_pts, held->running + duration);
  /* In reverse a frame's end comes first. */
  held->begin = MIN(held->running, end);
  held->end = MAX(held->running, end);

  /* Durations are rounded up, too long or guessed. A guess is not believed at all, and no duration
   * beyond what the caps promise or beyond how close frames have come before. */
  const gint64 most = gst_hysac_has_fixed_rate(&held->caps->info) ? self->timing.frame
                      : stated                                    ? duration
                                                                  : 0;
  gint64 length = held->end - held->begin;
  if (most < duration)
    length = (gint64)gst_util_uint64_scale((guint64)length, (guint64)most, held->duration);
  if (self->have_time && held->begin >= self->last_begin)
    self->shortest = MIN(self->shortest, held->begin - self->last_begin);
  self->last_begin = held->begin;
  held->sure = held->begin + MIN(length, self->shortest);
}

/* Lock held. Until when @held stands, as far as is known. */
static gint64
known_end(GstHysacModerate *self, const GstHysacHeld *held)
{
  for (GList *l = self->hold.items.head; l; l = l->next) {
    const GstHysacHeld *next = l->data;
    if (next->buffer)
      return next->begin >= held->begin ? next->begin : held->sure;
    if (GST_EVENT_TYPE(next->event) == GST_EVENT_EOS ||
        GST_EVENT_TYPE(next->event) == GST_EVENT_SEGMENT_DONE)
      return held->end;
  }
  return held->sure;
}

void
gst_hysac_moderate_publish(GstHysacModerate *self, const GstHysacHeld *held,
                           const HysacDecision *decision, gboolean redacted)
{
  if (!self->group)
    return;
  const GstHysacFrameFate fate = !redacted                                 ? GST_HYSAC_FRAME_PASSED
                                 : decision->kind == HYSAC_DECISION_FAILED ? GST_HYSAC_FRAME_FAILED
                                                                           : GST_HYSAC_FRAME_UNSAFE;
  /* The lock, so that the next frame cannot come in between and speak for the one before this.
   * What the next frame takes is not this one's to pass; a failed one passes where only unsafe ones
   * are followed. */
  g_mutex_lock(&self->lock);
  const gint64 end = fate == GST_HYSAC_FRAME_UNSAFE ? held->end : known_end(self, held);
  gst_hysac_group_publish(self->group, held->begin, end, fate);
  self->next_led = held->seq + 1;
  self->led_end = held->end;
  g_mutex_unlock(&self->lock);
}

void
gst_hysac_moderate_publish_next(GstHysacModerate *self, const GstHysacHeld *next)
{
  if (!self->group || self->next_led != (next->buffer ? next->seq : self->next_seq))
    return;
  if (next->buffer)
    gst_hysac_group_extend(self->group, next->begin);
  else if (GST_EVENT_TYPE(next->event) == GST_EVENT_EOS ||
           GST_EVENT_TYPE(next->event) == GST_EVENT_SEGMENT_DONE)
    gst_hysac_group_extend(self->group, self->led_end);
}

/* Nothing comes in the time of a gap, nor before a segment that is done has ended: the last frame
 * stands. (A segment seek may go on after that, so it is no end.) */
static void
publish_gap(GstHysacModerate *self, GstEvent *gap)
{
  GstClockTime time = GST_CLOCK_TIME_NONE, duration = 0;
  g_autoptr(GstEvent) event = gst_pad_get_sticky_event(self->srcpad, GST_EVENT_SEGMENT, 0);
  if (!event)
    return;
  const GstSegment *segment;
  gst_event_parse_segment(event, &segment);
  if (GST_EVENT_TYPE(gap) == GST_EVENT_GAP)
    gst_event_parse_gap(gap, &time, &duration);
  else
    time = segment->rate > 0.0 ? segment->stop : segment->start;
  const gint64 begin = gst_hysac_running_time(segment, time, G_MININT64);
  const gint64 end = GST_CLOCK_TIME_IS_VALID(duration)
                         ? gst_hysac_running_time(segment, time + duration, G_MININT64)
                         : G_MININT64;
  if (MAX(begin, end) != G_MININT64)
    gst_hysac_group_extend(self->group, MAX(begin, end));
}

void
gst_hysac_moderate_publish_event(GstHysacModerate *self, GstEvent *event)
{
  if (!self->group)
    return;
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_SEGMENT:
    gst_hysac_group_set_segment(self->group, gst_event_get_seqnum(event));
    break;
  case GST_EVENT_GAP:
  case GST_EVENT_SEGMENT_DONE:
    publish_gap(self, event);
    break;
  case GST_EVENT_EOS:
    gst_hysac_group_end(self->group, "leader-ended");
    break;
  default:
    break;
  }
}

void
gst_hysac_moderate_publish_arrival(GstHysacModerate *self, GstEvent *event)
{
  if (!self->group)
    return;
  gboolean reset;
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_SEGMENT:
    gst_hysac_group_begin(self->group);
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_event_parse_flush_stop(event, &reset);
    if (reset)
      gst_hysac_group_restart(self->group, gst_event_get_seqnum(event));
    else
      gst_hysac_group_end(self->group, NULL); /* what stopped for the flush goes on */
    break;
  default:
    break;
  }
}

void
gst_hysac_moderate_publish_stop(GstHysacModerate *self)
{
  if (self->group)
    gst_hysac_group_end(self->group, "leader-stopped");
}
