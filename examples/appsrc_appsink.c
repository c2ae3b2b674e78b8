/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An application that moderates frames of its own and reads the verdicts:
 *
 *   . ./env.sh
 *   build/examples/appsrc_appsink models/demo
 *
 * Elsewhere: cc appsrc_appsink.c $(pkg-config --cflags --libs gst-hysac-1.0 gstreamer-app-1.0)
 *
 * Fifty grey frames that grow lighter go in by appsrc; they come out of appsink with a verdict each.
 */
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <stdio.h>
#include <string.h>

#include "gst/gsthysacmeta.h" /* accessors: nothing to link against */

#define WIDTH 320
#define HEIGHT 180
#define FRAMES 50

static void
push_frames(GstAppSrc *source)
{
  for (guint i = 0; i < FRAMES; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, WIDTH * HEIGHT * 3, NULL);
    gst_buffer_memset(buffer, 0, (guint8) (5 * i), WIDTH * HEIGHT * 3);
    GST_BUFFER_PTS(buffer) = i * GST_SECOND / 25;
    GST_BUFFER_DURATION(buffer) = GST_SECOND / 25;
    gst_app_src_push_buffer(source, buffer); /* takes the buffer */
  }
  gst_app_src_end_of_stream(source);
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  if (argc != 2)
    return fprintf(stderr, "usage: %s MODEL_DIRECTORY\n", argv[0]), 2;
  g_autoptr(GError) error = NULL;
  g_autoptr(GstElement) pipeline = gst_parse_launch(
    "appsrc name=in format=time caps=video/x-raw,format=RGB,width=320,height=180,framerate=25/1 ! "
    "hysacmoderate name=moderate sample-interval=0 ! appsink name=out sync=false", &error);
  if (error)
    return fprintf(stderr, "%s\n", error->message), 1;
  g_autoptr(GstElement) in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
  g_autoptr(GstElement) out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  g_autoptr(GstElement) moderate = gst_bin_get_by_name(GST_BIN(pipeline), "moderate");
  g_object_set(moderate, "model", argv[1], NULL);

  /* A wrong model is told here already; nothing would come out then. */
  const gboolean plays = gst_element_set_state(pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
  if (plays)
    push_frames(GST_APP_SRC(in));

  guint frames = 0;
  g_autoptr(GstSample) sample = NULL;
  while (plays && (sample = gst_app_sink_pull_sample(GST_APP_SINK(out)))) {
    const GstStructure *verdict = gst_buffer_get_hysac_meta(gst_sample_get_buffer(sample));
    gdouble distance;
    if (verdict && gst_hysac_meta_get_distance(verdict, &distance))
      printf("%2u %s %.4f\n", frames, gst_hysac_meta_get_verdict(verdict), distance);
    frames++;
    g_clear_pointer(&sample, gst_sample_unref);
  }

  /* The end of the frames may be an error: it is on the bus. */
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  if (message) {
    g_autofree gchar *cause = NULL;
    gst_message_parse_error(message, &error, &cause);
    fprintf(stderr, "%s %s\n", error->message, cause);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  return message || frames != FRAMES;
}
