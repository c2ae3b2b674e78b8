/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A moderator's desk: a pipeline with hysacmoderate name=moderate, and a line a command.
 *
 *   . ./env.sh
 *   build/examples/dump_button 'v4l2src ! videoconvert ! hysacmoderate name=moderate model=demo ! autovideosink'
 *
 *   h              hold, until released         d SECONDS        dump what is held and what follows
 *   r              release                      s SECONDS NOTE   safe, whatever the model says
 *   m MODEL        another model                u SECONDS NOTE   unsafe, likewise
 *   q              end the stream, and quit
 */
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  GMainLoop *loop;
  GstElement *pipeline, *moderate;
  int status;
} Desk;

static void
command(Desk *desk, char *line)
{
  g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", 3);
  const guint n = g_strv_length(words);
  const guint64 time = n > 1 ? (guint64)(g_ascii_strtod(words[1], NULL) * GST_SECOND) : 0;
  const char *note = n > 2 ? words[2] : NULL;
  gboolean done = FALSE;

  switch (n > 0 ? words[0][0] : 0) {
  case 'h':
    g_signal_emit_by_name(desk->moderate, "hold", &done);
    break;
  case 'r':
    g_signal_emit_by_name(desk->moderate, "release", &done);
    break;
  case 'd':
    g_signal_emit_by_name(desk->moderate, "dump", time, &done);
    break;
  case 's':
  case 'u':
    g_signal_emit_by_name(desk->moderate, "override", words[0][0] == 's' ? "safe" : "unsafe", time,
                          note, &done);
    break;
  case 'm':
    if (n > 1)
      g_object_set(desk->moderate, "model", words[1], NULL);
    done = n > 1;
    break;
  case 'q':
    gst_element_send_event(desk->pipeline, gst_event_new_eos()); /* so that files are whole */
    return;
  default:
    break;
  }
  if (!done)
    printf("not done: %s\n", line);
  fflush(stdout);
}

static gboolean
on_input(GIOChannel *input, GIOCondition condition, gpointer user_data)
{
  g_autofree char *line = NULL;
  if (g_io_channel_read_line(input, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL)
    return G_SOURCE_REMOVE; /* nobody types any more: it plays on */
  command(user_data, line);
  return G_SOURCE_CONTINUE;
}

/* What is said of each act is what was done, by whomever. */
static gboolean
on_message(GstBus *bus, GstMessage *message, gpointer user_data)
{
  Desk *desk = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree gchar *cause = NULL;
  switch (GST_MESSAGE_TYPE(message)) {
  case GST_MESSAGE_ELEMENT:
    if (gst_message_has_name(message, "hysac-control") ||
        gst_message_has_name(message, "hysac-model")) {
      g_autofree char *text = gst_structure_to_string(gst_message_get_structure(message));
      printf("%s\n", text);
      fflush(stdout);
    }
    break;
  case GST_MESSAGE_WARNING:
    gst_message_parse_warning(message, &error, &cause);
    fprintf(stderr, "%s %s\n", error->message, cause);
    break;
  case GST_MESSAGE_ERROR:
    gst_message_parse_error(message, &error, &cause);
    fprintf(stderr, "%s %s\n", error->message, cause);
    desk->status = 1;
    g_main_loop_quit(desk->loop);
    break;
  case GST_MESSAGE_EOS:
    g_main_loop_quit(desk->loop);
    break;
  default:
    break;
  }
  return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  if (argc != 2) {
    fprintf(stderr, "usage: %s PIPELINE\n", argv[0]);
    return 2;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(GstElement) pipeline = gst_parse_launch(argv[1], &error);
  if (error) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  g_autoptr(GstElement) moderate =
      GST_IS_BIN(pipeline) ? gst_bin_get_by_name(GST_BIN(pipeline), "moderate") : NULL;
  if (!moderate) {
    fprintf(stderr, "the pipeline has no element of the name \"moderate\"\n");
    return 1;
  }

  g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
  Desk desk = {.loop = loop, .pipeline = pipeline, .moderate = moderate};
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  gst_bus_add_watch(bus, on_message, &desk);
  g_autoptr(GIOChannel) input = g_io_channel_unix_new(0);
  g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, &desk);

  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_main_loop_run(loop);
  GstMessage *message;
  while ((message = gst_bus_pop(bus))) { /* what was said before the end */
    on_message(bus, message, &desk);
    gst_message_unref(message);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_bus_remove_watch(bus);
  return desk.status;
}
