/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Running time of a position, ns; negative before the segment. @otherwise where there is none. */
static inline gint64
gst_hysac_running_time(const GstSegment *segment, GstClockTime position, gint64 otherwise)
{
  guint64 running;
  if (!GST_CLOCK_TIME_IS_VALID(position) || segment->format != GST_FORMAT_TIME)
    return otherwise;
  const gint sign = gst_segment_to_running_time_full(segment, GST_FORMAT_TIME, position, &running);
  return sign != 0 && running <= G_MAXINT64 / 4 ? sign * (gint64)running : otherwise;
}

/* Where the next begins if it does not say. */
static inline gint64
gst_hysac_next_running_time(gint64 running, GstClockTime duration)
{
  return GST_CLOCK_TIME_IS_VALID(duration) && duration <= G_MAXINT64 / 4 ? running + (gint64)duration : running;
}

G_END_DECLS
