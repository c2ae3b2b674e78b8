/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pictures that went into the decoder and never came out. Decoders drop what is damaged without a word; so the time of
 * each coded picture is kept until a frame near it has come out, or a later one. Near is less than a frame away:
 * the second field of a picture, and pictures that are not to be shown, have times of their own between frames.
 *
 * What cannot be told: a container that gives no times, what is damaged before it is cut into pictures, and what
 * precedes the first frame.
 */

#include "video_private.h"

#include <string.h>

/* As many as a decoder may hold back, and far more: beyond that times are no measure. */
#define MOST 4096

gboolean
tool_video_is_decoder(GstElement *element)
{
  const char *kind = gst_element_class_get_metadata(GST_ELEMENT_GET_CLASS(element), GST_ELEMENT_METADATA_KLASS);
  return kind != NULL && strstr(kind, "Decoder") != NULL;
}

void
tool_video_lost_watch(ToolVideo *self, GstElement *decoder)
{
  self->waiting = g_array_new(FALSE, FALSE, sizeof(GstClockTime));
  self->last_out = GST_CLOCK_TIME_NONE;
  self->untimed = !tool_video_is_decoder(decoder);
}

/* Whether it is to be shown at all. */
static gboolean
is_inside(GstPad *pad, GstClockTime pts)
{
  g_autoptr(GstEvent) event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment = NULL;
  if (event == NULL)
    return FALSE;
  gst_event_parse_segment(event, &segment);
  return segment->format == GST_FORMAT_TIME && pts >= segment->start &&
         (!GST_CLOCK_TIME_IS_VALID(segment->stop) || pts < segment->stop);
}

void
tool_video_lost_in(ToolVideo *self, GstPad *pad, GstBuffer *buffer)
{
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  if (self->coming && GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT))
    self->info.lost++;
  self->coming = TRUE;
  if (self->untimed || !GST_CLOCK_TIME_IS_VALID(pts) || gst_buffer_get_size(buffer) == 0 ||
      GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_HEADER) ||
      GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DECODE_ONLY) || !is_inside(pad, pts))
    return;
  guint at = self->waiting->len;
  while (at > 0 && g_array_index(self->waiting, GstClockTime, at - 1) > pts)
    at--;
  g_array_insert_val(self->waiting, at, pts);
  if (self->waiting->len > MOST)
    tool_video_lost_restart(self, TRUE);
}

void
tool_video_lost_restart(ToolVideo *self, gboolean for_good)
{
  self->untimed |= for_good;
  self->coming = FALSE;
  self->last_out = GST_CLOCK_TIME_NONE;
  if (self->waiting != NULL)
    g_array_set_size(self->waiting, 0);
}

void
tool_video_lost_out(ToolVideo *self, GstBuffer *buffer, gint64 duration)
{
  const GstClockTime pts = buffer != NULL ? GST_BUFFER_PTS(buffer) : GST_CLOCK_TIME_NONE;
  guint gone = 0;
  if (self->untimed || self->waiting == NULL)
    return;
  if (buffer != NULL && !GST_CLOCK_TIME_IS_VALID(pts)) {
    tool_video_lost_restart(self, TRUE);
    return;
  }
  if (buffer != NULL && GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_CORRUPTED))
    self->info.lost++;
  const GstClockTime near = (GstClockTime) duration * 6 / 10;
  for (; gone < self->waiting->len; gone++) {
    const GstClockTime time = g_array_index(self->waiting, GstClockTime, gone);
    if (buffer != NULL && time > pts)
      break;
    const gboolean here = buffer != NULL && time + near > pts;
    /* What leads to the first frame may refer to what is not in the file. */
    const gboolean before = !GST_CLOCK_TIME_IS_VALID(self->last_out) || time < self->last_out + near;
    self->info.lost += !here && !before;
  }
  g_array_remove_range(self->waiting, 0, gone);
  self->last_out = pts;
}
