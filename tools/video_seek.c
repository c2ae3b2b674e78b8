/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Taking a video up again at a frame whose number is known. Frames are numbered as they are decoded, so that
 * nothing but decoding tells a number; a seek is trusted only where all that it gives fits what was seen before.
 *
 * One thing cannot be seen beforehand: of H.264 without a stated reordering, libav guesses how many pictures to hold
 * back, and loses one where it guessed too few. A decoder that begins later has learnt less. So each picture that goes
 * in must come out, in order; where one does not, the caller decodes from the beginning.
 */

#include "randomaccess.h"
#include "video_private.h"

#include <string.h>

static void
note_unit(ToolVideo *self, GstClockTime pts)
{
  guint at = self->units->len;
  while (at > 0 && g_array_index(self->units, GstClockTime, at - 1) > pts)
    at--;
  g_array_insert_val(self->units, at, pts);
}

/* Whether decoding begins afresh with @buffer. */
static gboolean
begins_afresh(ToolVideo *self, GstPad *pad, GstBuffer *buffer)
{
  GstMapInfo map, config = GST_MAP_INFO_INIT;
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(pad);
  const GValue *value = caps ? gst_structure_get_value(gst_caps_get_structure(caps, 0), "codec_data") : NULL;
  GstBuffer *codec_data = value ? gst_value_get_buffer(value) : NULL;
  if (caps == NULL || (codec_data != NULL && !gst_buffer_map(codec_data, &config, GST_MAP_READ)))
    return FALSE;
  gboolean afresh = FALSE;
  if (gst_buffer_map(buffer, &map, GST_MAP_READ)) {
    afresh = tool_random_access(self->coding, codec_data ? config.data : NULL, config.size, map.data, map.size);
    gst_buffer_unmap(buffer, &map);
  }
  if (codec_data != NULL)
    gst_buffer_unmap(codec_data, &config);
  return afresh;
}

/* Other parameters than at the beginning would be missing after a seek. */
static gboolean
is_other_coding(ToolVideo *self, GstCaps *caps)
{
  const GstStructure *now = gst_caps_get_structure(caps, 0);
  const GstStructure *then = gst_caps_get_structure(self->coded, 0);
  const GValue *a = gst_structure_get_value(now, "codec_data"), *b = gst_structure_get_value(then, "codec_data");
  if (tool_coding_from_name(gst_structure_get_name(now)) != self->coding || (a == NULL) != (b == NULL))
    return TRUE;
  return a != NULL && gst_value_compare(a, b) != GST_VALUE_EQUAL;
}

static GstPadProbeReturn
on_coded(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  ToolVideo *self = user_data;
  GstCaps *caps;
  g_mutex_lock(&self->lock);
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    if (self->fresh)
      self->inexact |= !begins_afresh(self, pad, buffer);
    self->fresh = FALSE;
    if (self->sought && self->coding == TOOL_CODING_H264)
      note_unit(self, GST_BUFFER_PTS(buffer));
    tool_video_lost_in(self, pad, buffer);
  } else if (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
    self->inexact |= self->sought;
    tool_video_lost_restart(self, TRUE);
  } else if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_FLUSH_STOP) {
    self->fresh = self->sought;
    g_array_set_size(self->units, 0);
    self->segmented = FALSE;
    tool_video_lost_restart(self, FALSE);
  } else if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_SEGMENT) {
    if (self->segmented)
      tool_video_lost_restart(self, TRUE);
    self->segmented = TRUE;
  } else if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_CAPS) {
    gst_event_parse_caps(GST_PAD_PROBE_INFO_EVENT(info), &caps);
    self->recoded |= is_other_coding(self, caps);
  }
  g_mutex_unlock(&self->lock);
  return GST_PAD_PROBE_OK;
}

/* What @pad stands for, and the element that it is of. (transfer full) (nullable) */
static GstElement *
find_decoder(GstPad *pad)
{
  g_autoptr(GstPad) at = gst_object_ref(pad);
  while (GST_IS_GHOST_PAD(at)) {
    GstPad *target = gst_ghost_pad_get_target(GST_GHOST_PAD(at));
    if (target == NULL)
      return NULL;
    gst_object_unref(at);
    at = target;
  }
  return gst_pad_get_parent_element(at);
}

static GstPadProbeReturn
on_muted(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  return GST_PAD_PROBE_DROP;
}

void
tool_video_mute(GstPad *pad)
{
  g_autoptr(GstElement) decoder = find_decoder(pad);
  g_autoptr(GstPad) sink =
      decoder && tool_video_is_decoder(decoder) ? gst_element_get_static_pad(decoder, "sink") : NULL;
  if (sink != NULL)
    gst_pad_add_probe(sink, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, on_muted, NULL, NULL);
}

void
tool_video_watch(ToolVideo *self, GstPad *pad)
{
  g_autoptr(GstElement) decoder = find_decoder(pad);
  g_autoptr(GstPad) sink = decoder ? gst_element_get_static_pad(decoder, "sink") : NULL;
  GstCaps *caps = sink ? gst_pad_get_current_caps(sink) : NULL;
  if (caps == NULL)
    return;
  g_mutex_lock(&self->lock);
  self->picture = g_str_has_prefix(gst_structure_get_name(gst_caps_get_structure(caps, 0)), "image/");
  g_mutex_unlock(&self->lock);
  self->coded = caps;
  self->coding = tool_coding_from_name(gst_structure_get_name(gst_caps_get_structure(caps, 0)));
  self->units = g_array_new(FALSE, FALSE, sizeof(GstClockTime));
  g_autoptr(GstEvent) segment = gst_pad_get_sticky_event(sink, GST_EVENT_SEGMENT, 0);
  self->segmented = segment != NULL;
  tool_video_lost_watch(self, decoder);
  self->watched = g_steal_pointer(&sink);
  self->probe = gst_pad_add_probe(self->watched,
                                  GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST |
                                      GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
                                  on_coded, self, NULL);
}

/* When nothing runs any more. */
void
tool_video_unwatch(ToolVideo *self)
{
  if (self->watched != NULL)
    gst_pad_remove_probe(self->watched, self->probe);
  gst_clear_object(&self->watched);
  gst_clear_caps(&self->coded);
  g_clear_pointer(&self->units, g_array_unref);
  g_clear_pointer(&self->waiting, g_array_unref);
}

void
tool_video_check(ToolVideo *self, GstBuffer *buffer)
{
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  g_mutex_lock(&self->lock);
  if (self->sought && self->coding == TOOL_CODING_H264) {
    /* The oldest that went in must be the one that comes out. */
    if (self->units->len > 0 && g_array_index(self->units, GstClockTime, 0) == pts)
      g_array_remove_index(self->units, 0);
    else
      self->inexact = TRUE;
  }
  g_mutex_unlock(&self->lock);
}

static void
read_warnings(ToolVideo *self)
{
  self->error = tool_video_read_bus(self);
}

gboolean
tool_video_is_exact(ToolVideo *self)
{
  read_warnings(self);
  g_mutex_lock(&self->lock);
  const gboolean left = self->coding == TOOL_CODING_H264 && self->units->len > 0 && gst_app_sink_is_eos(self->sink);
  const gboolean exact = !self->inexact && !self->recoded && !left && self->info.lost == 0;
  g_mutex_unlock(&self->lock);
  return exact && self->error == NULL && self->info.warnings == 0;
}

/* ------------------------------------------------------------------ marks */

/* Of what is shown: not of padding. */
static char *
checksum(ToolVideoFrame *frame)
{
  const GstVideoFrame *mapped = &((Frame *) frame)->mapped;
  const GstVideoFormatInfo *format = mapped->info.finfo;
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(mapped); plane++) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(format, plane, components);
    const guint c = (guint) components[0];
    const gsize row = (gsize) GST_VIDEO_FRAME_COMP_WIDTH(mapped, c) * (gsize) GST_VIDEO_FRAME_COMP_PSTRIDE(mapped, c);
    const guint8 *data = GST_VIDEO_FRAME_PLANE_DATA(mapped, plane);
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(mapped, c); y++)
      g_checksum_update(sum, data + y * (gsize) GST_VIDEO_FRAME_PLANE_STRIDE(mapped, plane), (gssize) row);
  }
  return g_strdup(g_checksum_get_string(sum));
}

void
tool_video_mark_clear(ToolVideoMark *mark)
{
  g_clear_pointer(&mark->caps, g_free);
  g_clear_pointer(&mark->checksum, g_free);
}

gboolean
tool_video_mark(ToolVideo *self, ToolVideoFrame *frame, ToolVideoMark *mark)
{
  read_warnings(self);
  g_mutex_lock(&self->lock);
  const gboolean known = self->coding != TOOL_CODING_UNKNOWN && !self->recoded && !self->inexact &&
                         self->info.lost == 0;
  g_mutex_unlock(&self->lock);
  if (!known || self->uneven || self->error != NULL || self->info.warnings > 0 || self->caps == NULL)
    return FALSE;
  *mark = (ToolVideoMark) { .number = frame->number,
                            .time = frame->time,
                            .duration = frame->duration,
                            .stated = self->info.duration,
                            .caps = gst_caps_to_string(self->caps),
                            .checksum = checksum(frame) };
  return TRUE;
}

/* ------------------------------------------------------------------ seeking */

static gboolean
seek_to(ToolVideo *self, gint64 time)
{
  g_autoptr(GstQuery) query = gst_query_new_seeking(GST_FORMAT_TIME);
  gboolean seekable = FALSE;
  if (!gst_element_query(self->pipeline, query))
    return FALSE;
  gst_query_parse_seeking(query, NULL, &seekable, NULL, NULL);
  g_mutex_lock(&self->lock);
  self->sought = seekable && self->coding != TOOL_CODING_UNKNOWN;
  g_mutex_unlock(&self->lock);
  if (!self->sought)
    return FALSE;
  /* A flush while the pipeline still goes to PLAYING may leave its sink waiting for ever. */
  if (gst_element_get_state(self->pipeline, NULL, NULL, 10 * GST_SECOND) != GST_STATE_CHANGE_SUCCESS)
    return FALSE;
  /* By this sink alone: the others would ask for the same again. */
  return gst_element_send_event(GST_ELEMENT(self->sink),
                                gst_event_new_seek(1.0, GST_FORMAT_TIME,
                                                   GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT |
                                                       GST_SEEK_FLAG_SNAP_BEFORE,
                                                   GST_SEEK_TYPE_SET, time, GST_SEEK_TYPE_SET, -1));
}

/* The number of the frame at @time, or more than @last. */
static guint64
find(const gint64 *times, guint64 last, gint64 time)
{
  guint64 low = 0, high = last + 1;
  while (low < high) {
    const guint64 middle = low + (high - low) / 2;
    if (times[middle] < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low <= last && times[low] == time ? low : last + 1;
}

static gboolean
is_marked(ToolVideo *self, ToolVideoFrame *frame, const ToolVideoMark *mark)
{
  g_autofree char *caps = gst_caps_to_string(self->caps), *sum = checksum(frame);
  return frame->duration == mark->duration && strcmp(caps, mark->caps) == 0 && strcmp(sum, mark->checksum) == 0;
}

ToolVideoFrame *
tool_video_seek(ToolVideo *self, const ToolVideoMark *mark, const gint64 *times, const gint *stop)
{
  /* With the first frame it is known what can be done. */
  ToolVideoFrame *frame = tool_video_next(self, stop, NULL);
  if (frame == NULL)
    return NULL;
  const guint64 stop_at = self->segment.stop; /* the last frame is cut to it */
  tool_video_frame_unref(frame);
  if (!seek_to(self, mark->time))
    return NULL;
  gboolean first = TRUE;
  self->any = FALSE;
  self->info.frames = 0;
  self->info.position = 0;
  self->info.duration = mark->stated;
  while ((frame = tool_video_next(self, stop, NULL)) != NULL) {
    if (first)
      frame->number = find(times, mark->number, frame->time);
    self->info.frames = frame->number + 1;
    if (frame->number > mark->number || frame->time != times[frame->number] || self->uneven ||
        self->segment.stop != stop_at || !tool_video_is_exact(self))
      break;
    if (frame->number == mark->number) {
      if (is_marked(self, frame, mark))
        return frame;
      break;
    }
    first = FALSE;
    tool_video_frame_unref(frame);
  }
  tool_video_frame_unref(frame);
  return NULL;
}
