/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clips.h"

#include <gst/gst.h>
#include <string.h>

void
run_pipeline(const char *format, ...)
{
  g_autoptr(GError) error = NULL;
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  if (!gst_init_check(NULL, NULL, &error))
    fail_msg("%s", error->message);
  GstElement *pipeline = gst_parse_launch(text, &error);
  if (error != NULL)
    fail_msg("%s: %s", text, error->message);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  GstMessage *message =
      gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  assert_non_null(message);
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error(message, &error, NULL);
    fail_msg("%s: %s", text, error->message);
  }
  gst_message_unref(message);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
}

void
make_mp4(const char *path, const char *pattern, guint frames)
{
  run_pipeline("videotestsrc pattern=%s num-buffers=%u ! "
               "video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! "
               "x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! "
               "mp4mux faststart=true ! filesink location=\"%s\"",
               pattern, frames, path);
}

void
make_shots(const char *path, guint frames)
{
  static const char *const patterns[] = { "ball", "snow", "red", "checkers-4", "black", "smpte" };
  GString *text = g_string_new("concat name=c ! x264enc speed-preset=ultrafast key-int-max=10 ! "
                               "h264parse ! mp4mux faststart=true ! ");
  g_string_append_printf(text, "filesink location=\"%s\"", path);
  for (guint i = 0; i < G_N_ELEMENTS(patterns); i++)
    g_string_append_printf(text, " videotestsrc pattern=%s num-buffers=%u ! video/x-raw,format=I420,"
                                 "width=64,height=48,framerate=25/1 ! c.",
                           patterns[i], frames);
  run_pipeline("%s", text->str);
  g_string_free(text, TRUE);
}

void
make_other(const char *path, guint frames)
{
  run_pipeline("videotestsrc pattern=smpte num-buffers=%u ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! "
               "%s ! filesink location=\"%s\"",
               frames,
               g_str_has_suffix(path, ".avi") ? "jpegenc ! avimux"
                                              : "x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! mpegtsmux",
               path);
}

void
make_both(const char *path, const char *first, const char *second)
{
  run_pipeline("%s name=m ! filesink location=\"%s\" filesrc location=\"%s\" ! qtdemux ! queue ! m.video_%u "
               "filesrc location=\"%s\" ! qtdemux ! queue ! m.video_%u",
               g_str_has_suffix(path, ".mkv") ? "matroskamux" : "mp4mux faststart=true", path, first, 0, second, 1);
}

void
make_chain(const char *path, const char *first, const char *second)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *a = NULL, *b = NULL;
  gsize n, more;
  if (!g_file_get_contents(first, &a, &n, &error) || !g_file_get_contents(second, &b, &more, &error))
    fail_msg("%s", error->message);
  g_autofree char *all = g_malloc(n + more);
  memcpy(all, a, n);
  memcpy(all + n, b, more);
  if (!g_file_set_contents(path, all, (gssize) (n + more), &error))
    fail_msg("%s", error->message);
}

void
make_truncated(const char *from, const char *to, double part)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *data = NULL;
  gsize n;
  if (!g_file_get_contents(from, &data, &n, &error) ||
      !g_file_set_contents(to, data, (gssize) (part * (double) n), &error))
    fail_msg("%s", error->message);
}

void
make_damaged(const char *from, const char *to, double begin, double end)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *data = NULL;
  gsize n;
  if (!g_file_get_contents(from, &data, &n, &error))
    fail_msg("%s", error->message);
  for (gsize i = (gsize) (begin * (double) n); i < (gsize) (end * (double) n); i += 5)
    data[i] = (char) (data[i] ^ 0x5a);
  if (!g_file_set_contents(to, data, (gssize) n, &error))
    fail_msg("%s", error->message);
}
