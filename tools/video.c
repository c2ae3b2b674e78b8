/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "video_private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define WAIT (100 * GST_MSECOND)
#define PATIENCE (60 * G_TIME_SPAN_SECOND)
#define QUEUED 8
/* Frames that callers may hold: a pool that has fewer is copied from, else it would run dry. */
#define HELD 48

static void
on_no_more_pads(GstElement *source, ToolVideo *self)
{
  g_mutex_lock(&self->lock);
  self->complete = TRUE;
  g_mutex_unlock(&self->lock);
}

static void
on_pad(GstElement *source, GstPad *pad, ToolVideo *self)
{
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(pad);
  if (caps == NULL)
    caps = gst_pad_query_caps(pad, NULL);
  const gboolean video = gst_caps_get_size(caps) > 0 &&
                         gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/x-raw");
  g_mutex_lock(&self->lock);
  const gboolean ours = video && self->pads == self->choice.stream;
  self->pads += video;
  self->linked |= ours;
  self->info.other_videos += video && !ours;
  if (video)
    tool_video_kind_seen(self, pad);
  if (ours)
    self->pad = pad; /* to tell it by; no reference */
  g_mutex_unlock(&self->lock);
  if (ours) {
    tool_video_watch(self, pad);
    g_autoptr(GstPad) to = gst_element_get_static_pad(self->convert, "sink");
    gst_pad_link(pad, to);
    return;
  }
  if (video)
    tool_video_mute(pad);
  /* What is not linked would stop its demuxer. */
  GstElement *drain = gst_element_factory_make("fakesink", NULL);
  if (drain == NULL)
    return;
  g_object_set(drain, "sync", FALSE, "async", FALSE, NULL);
  gst_bin_add(GST_BIN(self->pipeline), drain);
  g_autoptr(GstPad) to = gst_element_get_static_pad(drain, "sink");
  gst_element_sync_state_with_parent(drain);
  gst_pad_link(pad, to);
}

static void
on_pad_removed(GstElement *source, GstPad *pad, ToolVideo *self)
{
  g_mutex_lock(&self->lock);
  if (self->pad == pad)
    self->pad = NULL;
  g_mutex_unlock(&self->lock);
}

static GstElement *
make(ToolVideo *self, const char *factory, GError **error)
{
  GstElement *element = gst_element_factory_make(factory, NULL);
  if (element == NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "GStreamer's element %s is missing: install its base and good plugins", factory);
  else
    gst_bin_add(GST_BIN(self->pipeline), element);
  return element;
}

static gboolean
build(ToolVideo *self, const char *uri, GError **error)
{
  GstElement *source, *flip, *sink;
  self->pipeline = gst_object_ref_sink(gst_pipeline_new(NULL));
  if (!(source = make(self, "uridecodebin", error)) ||
      !(self->convert = make(self, "videoconvert", error)) ||
      !(flip = make(self, "videoflip", error)) || !(sink = make(self, "appsink", error)))
    return FALSE;
  self->sink = GST_APP_SINK(sink);
  self->bus = gst_element_get_bus(self->pipeline);
  g_autoptr(GstCaps) want = gst_caps_from_string("video/x-raw(ANY)");
  g_object_set(source, "uri", uri, "caps", want, "expose-all-streams", FALSE, "force-sw-decoders",
               TRUE, NULL);
  g_signal_connect(source, "pad-added", G_CALLBACK(on_pad), self);
  g_signal_connect(source, "pad-removed", G_CALLBACK(on_pad_removed), self);
  g_signal_connect(source, "no-more-pads", G_CALLBACK(on_no_more_pads), self);
  tool_video_kind_watch(self, source);
  gst_util_set_object_arg(G_OBJECT(flip), "video-direction", "auto");
  g_autoptr(GstCaps) caps = gst_caps_from_string("video/x-raw,format=" GST_HYSAC_VIDEO_FORMATS);
  g_object_set(sink, "caps", caps, "sync", FALSE, "max-buffers", QUEUED, "drop", FALSE,
               "enable-last-sample", FALSE, NULL);
  if (!gst_element_link_many(self->convert, flip, sink, NULL)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "the decoder cannot be put together");
    return FALSE;
  }
  return TRUE;
}

/* What GStreamer would only say in its own words, or wait for. */
static gboolean
check_file(const char *name, GError **error)
{
  GStatBuf st;
  const char *wrong = NULL;
  if (g_stat(name, &st) != 0)
    wrong = g_strerror(errno);
  else if (!S_ISREG(st.st_mode))
    wrong = S_ISDIR(st.st_mode) ? "a folder" : "not a regular file";
  else if (st.st_size == 0)
    wrong = "an empty file";
  else if (g_access(name, R_OK) != 0)
    wrong = g_strerror(errno);
  if (wrong != NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s", wrong);
  return wrong == NULL;
}

char *
tool_video_path(const char *name)
{
  g_autofree char *host = NULL;
  if (strstr(name, "://") == NULL)
    return g_strdup(name);
  char *path = g_filename_from_uri(name, &host, NULL); /* as GStreamer takes it */
  if (host != NULL && host[0] != '\0' && g_ascii_strcasecmp(host, "localhost") != 0)
    g_clear_pointer(&path, g_free);
  return path;
}

ToolVideo *
tool_video_open(const char *name, guint stream, GError **error)
{
  const ToolVideoChoice choice = { .stream = stream, .program = -1 };
  return tool_video_open_choice(name, &choice, error);
}

ToolVideo *
tool_video_open_choice(const char *name, const ToolVideoChoice *choice, GError **error)
{
  g_autofree char *path = tool_video_path(name), *uri = NULL;
  if (!gst_init_check(NULL, NULL, error))
    return NULL;
  if (path != NULL) {
    if (!check_file(path, error) || !(uri = gst_filename_to_uri(path, error)))
      return NULL;
  } else if (!gst_uri_is_valid(name)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "not a valid address");
    return NULL;
  }
  ToolVideo *self = g_new0(ToolVideo, 1);
  g_mutex_init(&self->lock);
  self->choice = *choice;
  self->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  self->is_file = path != NULL;
  self->info.duration = -1;
  self->info.fps_den = 1;
  if (!build(self, uri ? uri : name, error)) {
    tool_video_close(self);
    return NULL;
  }
  /* A failure is on the bus, with its reason. */
  gst_element_set_state(self->pipeline, GST_STATE_PLAYING);
  return self;
}

void
tool_video_close(ToolVideo *self)
{
  if (self == NULL)
    return;
  if (self->pipeline != NULL)
    gst_element_set_state(self->pipeline, GST_STATE_NULL);
  tool_video_unwatch(self);
  tool_video_kind_unwatch(self);
  gst_clear_object(&self->bus);
  gst_clear_object(&self->pipeline);
  g_clear_error(&self->error);
  gst_clear_caps(&self->caps);
  g_hash_table_unref(self->seen);
  g_free(self->kind);
  g_mutex_clear(&self->lock);
  g_free(self);
}

void
tool_video_get_info(ToolVideo *self, ToolVideoInfo *info)
{
  gint64 duration;
  if (self->info.duration < 0 &&
      gst_element_query_duration(self->pipeline, GST_FORMAT_TIME, &duration) && duration > 0)
    self->info.duration = duration;
  g_mutex_lock(&self->lock);
  *info = self->info;
  info->attached = self->picture && (self->sound || self->info.other_videos > 0);
  g_mutex_unlock(&self->lock);
}

/* GStreamer's error as one of ours: its short text, and of its details the first line. */
static GError *
translate(const GError *gst, const char *debug)
{
  HysacError code = HYSAC_ERROR_FORMAT;
  if (gst->domain == GST_RESOURCE_ERROR)
    code = HYSAC_ERROR_IO;
  else if (g_error_matches(gst, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE) ||
           g_error_matches(gst, GST_STREAM_ERROR, GST_STREAM_ERROR_TYPE_NOT_FOUND) ||
           g_error_matches(gst, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND) ||
           gst->domain == GST_CORE_ERROR)
    code = HYSAC_ERROR_UNSUPPORTED;
  /* The debug text is "file.c(line): function (): path:\nwhat". */
  const char *more = debug ? strchr(debug, '\n') : NULL;
  if (more == NULL || more[1] == '\0')
    return g_error_new(HYSAC_ERROR, code, "%s", gst->message);
  g_autofree char *line = g_strndup(more + 1, strcspn(more + 1, "\n"));
  return g_error_new(HYSAC_ERROR, code, "%s (%s)", gst->message, line);
}

/* Whether an error is typefind's, who found nothing: of a long text it says a failure of the stream. */
static gboolean
is_untyped(GstObject *source)
{
  GstElementFactory *factory = GST_IS_ELEMENT(source) ? gst_element_get_factory(GST_ELEMENT(source)) : NULL;
  g_autoptr(GstCaps) caps = NULL;
  if (factory == NULL || strcmp(GST_OBJECT_NAME(factory), "typefind") != 0)
    return FALSE;
  g_object_get(source, "caps", &caps, NULL);
  return caps == NULL;
}

/* What a source that reads an address says of one that does not answer is that its stream stopped; some tell the cause in
 * another message. */
static GError *
address_error(ToolVideo *self, const GError *gst, const char *debug)
{
  GstMessage *message;
  while ((message = gst_bus_pop_filtered(self->bus, GST_MESSAGE_ERROR)) != NULL) {
    g_autoptr(GError) cause = NULL;
    g_autofree char *more = NULL;
    gst_message_parse_error(message, &cause, &more);
    gst_message_unref(message);
    if (cause->domain == GST_RESOURCE_ERROR)
      return translate(cause, more);
  }
  g_autoptr(GError) own = translate(gst, debug);
  return g_error_new(HYSAC_ERROR, HYSAC_ERROR_IO, "the address could not be read: nothing came from it, and its reader says "
                     "no more than \"%s\"", own->message);
}

static gboolean
is_address_error(const ToolVideo *self, const GstMessage *message, const GError *gst)
{
  return !self->is_file && self->info.frames == 0 && GST_OBJECT_FLAG_IS_SET(GST_MESSAGE_SRC(message), GST_ELEMENT_FLAG_SOURCE) &&
         g_error_matches(gst, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
}

GError *
tool_video_read_bus(ToolVideo *self)
{
  GstMessage *message;
  GError *found = g_steal_pointer(&self->error);
  while (found == NULL && (message = gst_bus_pop(self->bus)) != NULL) {
    g_autoptr(GError) gst = NULL;
    g_autofree char *debug = NULL;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error(message, &gst, &debug);
      found = gst->domain == GST_STREAM_ERROR && is_untyped(GST_MESSAGE_SRC(message))
                  ? g_error_new(HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "no kind of file that is known")
              : is_address_error(self, message, gst)
                  ? address_error(self, gst, debug)
                  : (found = tool_video_kind_error(self, gst)) != NULL ? found
                                                                       : translate(gst, debug);
      /* An address that does not answer is told as a stream that stopped. */
      if (!self->is_file && self->info.frames == 0 && found->code == HYSAC_ERROR_FORMAT)
        found->code = HYSAC_ERROR_IO;
      break;
    case GST_MESSAGE_WARNING:
      self->info.warnings++;
      break;
    default:
      break;
    }
    gst_message_unref(message);
  }
  return found;
}

static gint64
guess_duration(const GstVideoInfo *format)
{
  return format->fps_n > 0 ? (gint64) gst_util_uint64_scale(GST_SECOND, (guint64) format->fps_d,
                                                            (guint64) format->fps_n)
                           : 40 * (gint64) GST_MSECOND;
}

/* Caps and segment of @sample; TRUE where one is another than before's. */
static gboolean
take_format(ToolVideo *self, GstSample *sample, GError **error)
{
  GstCaps *caps = gst_sample_get_caps(sample);
  const GstSegment *segment = gst_sample_get_segment(sample);
  gboolean changed = !self->any;
  if (caps == NULL || self->caps == NULL || !gst_caps_is_equal(caps, self->caps)) {
    if (caps == NULL || !gst_hysac_video_info_from_caps(&self->format, caps) ||
        self->format.width > GST_HYSAC_MAX_SIZE || self->format.height > GST_HYSAC_MAX_SIZE) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                  "pictures of a kind or size that is not taken");
      return FALSE;
    }
    gst_caps_replace(&self->caps, caps);
    self->info.width = (guint) self->format.width;
    self->info.height = (guint) self->format.height;
    self->info.fps_num = self->format.fps_n;
    self->info.fps_den = self->format.fps_d;
    self->uneven |= self->any;
    changed = TRUE;
  }
  if (segment != NULL && (!self->any || !gst_segment_is_equal(segment, &self->segment))) {
    gst_segment_copy_into(segment, &self->segment);
    self->uneven |= self->any;
    changed = TRUE;
  }
  self->any = TRUE;
  return changed;
}

static void
stamp(ToolVideo *self, ToolVideoFrame *frame, GstBuffer *buffer, gboolean changed)
{
  const GstClockTime stream =
      GST_BUFFER_PTS_IS_VALID(buffer) && self->segment.format == GST_FORMAT_TIME
          ? gst_segment_to_stream_time(&self->segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
          : GST_CLOCK_TIME_NONE;
  const gboolean first = self->info.frames == 0;
  frame->number = self->info.frames++;
  frame->duration = GST_BUFFER_DURATION_IS_VALID(buffer) && GST_BUFFER_DURATION(buffer) > 0 &&
                            GST_BUFFER_DURATION(buffer) <= 3600 * GST_SECOND
                        ? (gint64) GST_BUFFER_DURATION(buffer)
                        : guess_duration(&self->format);
  frame->boundary = changed || GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  frame->time = stream <= G_MAXINT64 / 4 ? (gint64) stream + self->offset : self->info.position;
  /* A frame's duration may reach a little into the next; a start before the last start is a jump. */
  if (!first && frame->time < self->last) {
    self->offset += self->info.position - frame->time;
    frame->time = self->info.position;
    frame->boundary = TRUE;
    self->uneven = TRUE;
  }
  self->uneven |= stream > G_MAXINT64 / 4;
  self->last = frame->time;
  self->info.position = frame->time + frame->duration;
}

static GstBuffer *
own_memory(GstBuffer *buffer)
{
  guint max = 0;
  if (buffer->pool == NULL)
    return gst_buffer_ref(buffer);
  GstStructure *config = gst_buffer_pool_get_config(buffer->pool);
  gst_buffer_pool_config_get_params(config, NULL, NULL, NULL, &max);
  gst_structure_free(config);
  if (max == 0 || max >= HELD)
    return gst_buffer_ref(buffer);
  GstBuffer *copy = gst_buffer_copy_deep(buffer);
  return copy ? copy : gst_buffer_ref(buffer);
}

static ToolVideoFrame *
make_frame(ToolVideo *self, GstSample *sample, GError **error)
{
  g_autoptr(GError) local = NULL;
  const gboolean changed = take_format(self, sample, &local);
  GstBuffer *buffer = gst_sample_get_buffer(sample);
  if (local != NULL || buffer == NULL) {
    if (local != NULL)
      g_propagate_error(error, g_steal_pointer(&local));
    else
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "a frame without a buffer");
    return NULL;
  }
  Frame *self_frame = g_atomic_rc_box_new0(Frame);
  g_autoptr(GstBuffer) owned = own_memory(buffer);
  if (!gst_hysac_video_frame_map(&self_frame->mapped, &self_frame->frame.picture, &self->format,
                                 owned, error)) {
    g_atomic_rc_box_release(self_frame);
    return NULL;
  }
  stamp(self, &self_frame->frame, buffer, changed);
  tool_video_check(self, buffer);
  g_mutex_lock(&self->lock);
  tool_video_lost_out(self, buffer, self_frame->frame.duration);
  g_mutex_unlock(&self->lock);
  return &self_frame->frame;
}

/* Nothing will ever come: GStreamer itself sees no fault in a file without pictures. */
static gboolean
is_barren(ToolVideo *self, GError **error)
{
  g_mutex_lock(&self->lock);
  const gboolean barren = self->complete && !self->linked, playlist = self->playlist;
  g_mutex_unlock(&self->lock);
  if (barren)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "%s",
                playlist          ? TOOL_VIDEO_PLAYLIST
                : self->choice.stream > 0 ? "this video stream was not found again"
                                   : "no video in it");
  return barren;
}

/* Its pad was taken away, with all that came out of it: of files that were put one behind the other (Ogg), what follows
 * counts as another stream. */
static gboolean
has_gone(ToolVideo *self)
{
  g_mutex_lock(&self->lock);
  const gboolean gone = self->linked && self->pad == NULL;
  g_mutex_unlock(&self->lock);
  return gone;
}

ToolVideoFrame *
tool_video_next(ToolVideo *self, const gint *stop, GError **error)
{
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  while (stop == NULL || !g_atomic_int_get(stop)) {
    g_autoptr(GstSample) sample = gst_app_sink_try_pull_sample(self->sink, WAIT);
    if (sample != NULL)
      return make_frame(self, sample, error);
    GError *found = tool_video_read_bus(self);
    if (found != NULL) {
      g_propagate_error(error, found);
      return NULL;
    }
    if (is_barren(self, error) || !tool_video_kind_goes_on(self, error))
      return NULL;
    if (gst_app_sink_is_eos(self->sink) || has_gone(self)) {
      g_mutex_lock(&self->lock);
      tool_video_lost_out(self, NULL, guess_duration(&self->format));
      g_mutex_unlock(&self->lock);
      return NULL;
    }
    if (g_get_monotonic_time() > until) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT, "no picture came for %d s",
                  (int) (PATIENCE / G_TIME_SPAN_SECOND));
      return NULL;
    }
  }
  return NULL;
}

ToolVideoFrame *
tool_video_frame_ref(ToolVideoFrame *frame)
{
  return g_atomic_rc_box_acquire(frame);
}

static void
clear_frame(gpointer data)
{
  gst_video_frame_unmap(&((Frame *) data)->mapped);
}

void
tool_video_frame_unref(gpointer frame)
{
  if (frame != NULL)
    g_atomic_rc_box_release_full(frame, clear_frame);
}

guint8 *
tool_video_frame_to_rgb(ToolVideoFrame *frame, guint width, guint height)
{
  const GstVideoFrame *from = &((Frame *) frame)->mapped;
  GstVideoInfo in = from->info, out;
  GstVideoFrame to;
  gst_video_info_set_format(&out, GST_VIDEO_FORMAT_RGB, width, height);
  out.fps_n = in.fps_n;
  out.fps_d = in.fps_d;
  in.interlace_mode = out.interlace_mode;
  GstVideoConverter *converter = gst_video_converter_new(&in, &out, NULL);
  if (converter == NULL)
    return NULL;
  g_autoptr(GstBuffer) buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&out), NULL);
  guint8 *pixels = NULL;
  if (gst_video_frame_map(&to, &out, buffer, GST_MAP_READWRITE)) {
    gst_video_converter_frame(converter, from, &to);
    const gsize row = 3 * (gsize) width;
    pixels = g_malloc(row * height);
    for (guint y = 0; y < height; y++)
      memcpy(pixels + y * row,
             (guint8 *) to.data[0] + y * (gsize) GST_VIDEO_FRAME_PLANE_STRIDE(&to, 0), row);
    gst_video_frame_unmap(&to);
  }
  gst_video_converter_free(converter);
  return pixels;
}
