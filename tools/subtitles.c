/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "subtitles.h"

#include "gst/runningtime.h"
#include "gst/textreading.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <string.h>

#define WAIT (100 * GST_MSECOND)
#define PATIENCE (60 * G_TIME_SPAN_SECOND)

static void
cue_free(gpointer data)
{
  ToolCue *self = data;
  g_ptr_array_unref(self->readings);
  g_free(self->joined);
  g_free(self);
}

void
tool_subtitles_clear(ToolSubtitles *self)
{
  g_clear_pointer(&self->cues, g_ptr_array_unref);
  self->unreadable = 0;
}

static gboolean
is_markup(GstSample *sample)
{
  const GstCaps *caps = gst_sample_get_caps(sample);
  const char *format =
      caps != NULL ? gst_structure_get_string(gst_caps_get_structure(caps, 0), "format") : NULL;
  return g_strcmp0(format, "pango-markup") == 0;
}

/* @next: when it begins if it does not say, then the same of the next cue. */
static void
take_cue(ToolSubtitles *self, GstSample *sample, gint64 *next)
{
  GstHysacTextReading reading = { 0 };
  GstBuffer *buffer = gst_sample_get_buffer(sample);
  GstMapInfo map;
  if (buffer == NULL || !gst_buffer_map(buffer, &map, GST_MAP_READ)) {
    self->unreadable++;
    return;
  }
  const gint64 running = gst_hysac_running_time(gst_sample_get_segment(sample), GST_BUFFER_PTS(buffer), *next);
  const gboolean ok = gst_hysac_text_read((const char *) map.data, map.size, is_markup(sample), &reading, NULL);
  gst_buffer_unmap(buffer, &map);
  *next = gst_hysac_next_running_time(running, GST_BUFFER_DURATION(buffer));
  if (!ok) {
    self->unreadable++;
  } else if (reading.readings->len > 0) {
    ToolCue *cue = g_new0(ToolCue, 1);
    cue->readings = g_steal_pointer(&reading.readings);
    cue->joined = g_steal_pointer(&reading.joined);
    cue->running = running;
    g_ptr_array_add(self->cues, cue);
  }
  gst_hysac_text_reading_clear(&reading);
}

/* An error of the pipeline, as this program's. */
static gboolean
has_failed(GstBus *bus, const char *path, GError **error)
{
  g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_autoptr(GError) local = NULL;
  if (message == NULL)
    return FALSE;
  gst_message_parse_error(message, &local, NULL);
  g_set_error(error, HYSAC_ERROR,
              local->domain == GST_RESOURCE_ERROR ? HYSAC_ERROR_IO : HYSAC_ERROR_FORMAT,
              "%s: no subtitles that can be read: %s", path, local->message);
  return TRUE;
}

static gboolean
pull_all(ToolSubtitles *self, GstAppSink *sink, GstBus *bus, const char *path, GError **error)
{
  gint64 latest = g_get_monotonic_time(), next = 0;
  while (!gst_app_sink_is_eos(sink)) {
    g_autoptr(GstSample) sample = gst_app_sink_try_pull_sample(sink, WAIT);
    if (sample != NULL) {
      take_cue(self, sample, &next);
      latest = g_get_monotonic_time();
    } else if (has_failed(bus, path, error)) {
      return FALSE;
    } else if (g_get_monotonic_time() - latest > PATIENCE) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT, "%s: nothing comes out of it", path);
      return FALSE;
    }
  }
  if (has_failed(bus, path, error))
    return FALSE;
  if (self->cues->len + self->unreadable > 0)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: no subtitles in it", path);
  return FALSE;
}

gboolean
tool_subtitles_read(const char *path, ToolSubtitles *out, GError **error)
{
  static const char *const names[] = { "filesrc", "subparse", "appsink" };
  GstElement *elements[3];
  g_autoptr(GError) local = NULL;
  *out = (ToolSubtitles) { 0 };
  if (!gst_init_check(NULL, NULL, &local)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "GStreamer does not start: %s", local->message);
    return FALSE;
  }
  g_autoptr(GstElement) pipeline = gst_object_ref_sink(gst_pipeline_new(NULL));
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    elements[i] = gst_element_factory_make(names[i], NULL);
    if (elements[i] == NULL) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                  "GStreamer's element %s is missing: install its base plugins", names[i]);
      return FALSE;
    }
    gst_bin_add(GST_BIN(pipeline), elements[i]);
  }
  g_autoptr(GstCaps) caps = gst_caps_new_empty_simple("text/x-raw");
  g_object_set(elements[0], "location", path, NULL);
  g_object_set(elements[2], "sync", FALSE, "caps", caps, "max-buffers", 64, NULL);
  if (!gst_element_link_many(elements[0], elements[1], elements[2], NULL)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "GStreamer's subparse gives no text");
    return FALSE;
  }
  out->cues = g_ptr_array_new_with_free_func(cue_free);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  const gboolean ok = pull_all(out, GST_APP_SINK(elements[2]), bus, path, error);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  if (!ok)
    tool_subtitles_clear(out);
  return ok;
}
