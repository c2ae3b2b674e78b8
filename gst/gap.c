/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gap.h"

static GstClockTime
position(GstPad *pad, GstClockTime pts, gint64 running)
{
  const GstSegment *segment;
  guint64 time;
  if (GST_CLOCK_TIME_IS_VALID(pts) || running < 0)
    return pts;
  g_autoptr(GstEvent) event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
  if (!event)
    return GST_CLOCK_TIME_NONE;
  gst_event_parse_segment(event, &segment);
  const gboolean known =
      segment->format == GST_FORMAT_TIME &&
      gst_segment_position_from_running_time_full(segment, GST_FORMAT_TIME, (guint64)running,
                                                  &time) > 0;
  return known ? time : GST_CLOCK_TIME_NONE;
}

/* What a buffer would meet now. An event that was refused does not tell: some do nothing with gaps. */
static GstFlowReturn
flow_by_state(GstPad *pad)
{
  GST_OBJECT_LOCK(pad);
  const gboolean flushing = GST_PAD_IS_FLUSHING(pad), eos = GST_PAD_IS_EOS(pad);
  GST_OBJECT_UNLOCK(pad);
  return flushing ? GST_FLOW_FLUSHING : eos ? GST_FLOW_EOS : GST_FLOW_OK;
}

GstFlowReturn
gst_hysac_push_gap(GstPad *pad, GstClockTime pts, GstClockTime duration, gint64 running)
{
  const GstClockTime time = position(pad, pts, running);
  if (GST_CLOCK_TIME_IS_VALID(time) && gst_pad_push_event(pad, gst_event_new_gap(time, duration)))
    return GST_FLOW_OK;
  const GstFlowReturn flow = flow_by_state(pad);
  g_autoptr(GstPad) peer = gst_pad_get_peer(pad);
  return flow != GST_FLOW_OK ? flow : peer ? flow_by_state(peer) : GST_FLOW_NOT_LINKED;
}
