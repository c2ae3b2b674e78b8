/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a file turns out to be while GStreamer takes it apart: a list of addresses, no video, streams that nothing decodes;
 * and what is changed on the way for who chooses among them. */

#include "video_private.h"
#include "videotracks.h"

#include <string.h>

/* So often a demuxer may be seen to stand still before it counts as one that gave up: its error comes after it has stopped,
 * and all of a short file may be read before a decoder is there. */
#define STALLED 30

/* Lists of addresses: a file that somebody sent must not make this program ask a network. */
static gboolean
is_playlist(const GstCaps *caps)
{
  static const char *const names[] = { "application/x-hls", "application/dash+xml",
                                       "application/vnd.ms-sstr+xml", "text/uri-list",
                                       "application/sdp" };
  const char *name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    if (strcmp(name, names[i]) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Of the kinds whose index is read; an MPEG video alone has the name of a program stream. */
static const char *
kind_of(const GstStructure *caps)
{
  gboolean system = FALSE;
  const char *kind = tool_video_tracks_kind(gst_structure_get_name(caps));
  if (g_strcmp0(kind, "video/mpeg") == 0 && !(gst_structure_get_boolean(caps, "systemstream", &system) && system))
    return NULL;
  return kind;
}

static gboolean
on_autoplug_continue(GstElement *source, GstPad *pad, GstCaps *caps, ToolVideo *self)
{
  /* Of decoders it is asked what they make, too. One that says "anything" (those of VP8 and VP9 with alpha) would be passed
   * over, and the stream with it, for making what is not wanted. */
  if (gst_caps_is_any(caps))
    return FALSE;
  const char *name = gst_caps_get_size(caps) > 0 ? gst_structure_get_name(gst_caps_get_structure(caps, 0)) : "";
  const gboolean refused = self->is_file && gst_caps_get_size(caps) > 0 && is_playlist(caps);
  g_mutex_lock(&self->lock);
  self->playlist |= refused;
  self->sound |= g_str_has_prefix(name, "audio/");
  if (self->kind == NULL)
    self->kind = g_strdup(name);
  if (self->info.kind == NULL && gst_caps_get_size(caps) > 0) /* there may be a tag around it */
    self->info.kind = kind_of(gst_caps_get_structure(caps, 0));
  g_mutex_unlock(&self->lock);
  return !refused;
}

void
tool_video_kind_seen(ToolVideo *self, GstPad *pad)
{
  char *id = gst_pad_get_stream_id(pad);
  if (id == NULL) /* unlike all others */
    id = g_strdup_printf("%u", g_hash_table_size(self->seen));
  g_hash_table_add(self->seen, id);
  self->info.seen = g_hash_table_size(self->seen);
}

/* Of those whose names are not of videos: what nothing opens may hold one. */
static gboolean
is_container(const char *name)
{
  static const char *const names[] = { "application/mxf", "application/ogg", "application/vnd.rn-realmedia",
                                       "application/x-3gp" };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    if (strcmp(name, names[i]) == 0)
      return TRUE;
  }
  return FALSE;
}

static void
on_unknown_type(GstElement *source, GstPad *pad, GstCaps *caps, ToolVideo *self)
{
  const char *name = gst_caps_get_size(caps) > 0 ? gst_structure_get_name(gst_caps_get_structure(caps, 0)) : "";
  g_mutex_lock(&self->lock);
  if (g_str_has_prefix(name, "video/") || is_container(name) || (self->contained && g_str_has_prefix(name, "image/"))) {
    self->info.undecoded++;
    tool_video_kind_seen(self, pad);
  }
  g_mutex_unlock(&self->lock);
}

/* Before anything goes through it. */
static void
on_element(GstBin *pipeline, GstBin *bin, GstElement *element, ToolVideo *self)
{
  GstElementFactory *factory = gst_element_get_factory(element);
  const char *kind = gst_element_class_get_metadata(GST_ELEMENT_GET_CLASS(element), GST_ELEMENT_METADATA_KLASS);
  if (kind == NULL || strstr(kind, "Demux") == NULL)
    return;
  g_mutex_lock(&self->lock);
  self->contained = TRUE;
  if (self->reading == NULL)
    self->reading = gst_element_get_static_pad(element, "sink");
  g_mutex_unlock(&self->lock);
  if (self->choice.program >= 0 && factory != NULL && strcmp(GST_OBJECT_NAME(factory), "tsdemux") == 0)
    g_object_set(element, "program-number", self->choice.program, NULL);
}

/* What was read of the file, in either way of scheduling. */
static GstPadProbeReturn
on_bytes(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  const ToolVideo *self = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const guint64 begin = self->choice.blank_at, end = begin + self->choice.blank_length;
  if (buffer == NULL || !GST_BUFFER_OFFSET_IS_VALID(buffer))
    return GST_PAD_PROBE_OK;
  const guint64 at = GST_BUFFER_OFFSET(buffer), size = gst_buffer_get_size(buffer);
  if (at >= end || begin >= at + size)
    return GST_PAD_PROBE_OK;
  buffer = gst_buffer_make_writable(buffer);
  const guint64 from = MAX(begin, at), until = MIN(end, at + size);
  gst_buffer_memset(buffer, (gsize) (from - at), 0, (gsize) (until - from));
  GST_PAD_PROBE_INFO_DATA(info) = buffer;
  return GST_PAD_PROBE_OK;
}

static void
on_source(GstElement *decoder, GstElement *source, ToolVideo *self)
{
  g_autoptr(GstPad) pad = self->choice.blank_length > 0 ? gst_element_get_static_pad(source, "src") : NULL;
  if (pad != NULL)
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_PUSH | GST_PAD_PROBE_TYPE_PULL, on_bytes, self,
                      NULL);
}

void
tool_video_kind_watch(ToolVideo *self, GstElement *source)
{
  g_signal_connect(source, "unknown-type", G_CALLBACK(on_unknown_type), self);
  g_signal_connect(source, "autoplug-continue", G_CALLBACK(on_autoplug_continue), self);
  g_signal_connect(source, "source-setup", G_CALLBACK(on_source), self);
  g_signal_connect(self->pipeline, "deep-element-added", G_CALLBACK(on_element), self);
}

void
tool_video_kind_unwatch(ToolVideo *self)
{
  gst_clear_object(&self->reading);
}

gboolean
tool_video_kind_goes_on(ToolVideo *self, GError **error)
{
  g_mutex_lock(&self->lock);
  const gboolean stands = !self->linked && !self->complete && self->reading != NULL &&
                          gst_pad_get_task_state(self->reading) == GST_TASK_PAUSED;
  g_mutex_unlock(&self->lock);
  self->stalled = stands ? self->stalled + 1 : 0;
  if (self->stalled < STALLED)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "its head is damaged, or cut short");
  return FALSE;
}

/* GStreamer asks for a plug-in too where what it found is no video. */
static gboolean
is_without(ToolVideo *self, const GError *gst)
{
  g_mutex_lock(&self->lock);
  const gboolean without = self->info.undecoded == 0 && self->pads == 0 && self->kind != NULL;
  g_mutex_unlock(&self->lock);
  return without && (g_error_matches(gst, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND) ||
                     g_error_matches(gst, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN));
}

GError *
tool_video_kind_error(ToolVideo *self, const GError *gst)
{
  if (!is_without(self, gst))
    return NULL;
  g_mutex_lock(&self->lock);
  const gboolean media = self->sound || self->contained || g_str_has_prefix(self->kind, "image/");
  GError *error = self->playlist ? g_error_new(HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, TOOL_VIDEO_PLAYLIST)
                  : media        ? g_error_new(HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "no video in it")
                                 : g_error_new(HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "no video: this is %s", self->kind);
  g_mutex_unlock(&self->lock);
  return error;
}
