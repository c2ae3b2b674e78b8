/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What an application does with the metadata, built against an installed tree only: every field
 * through its accessor, no key spelt out. Prints TAP.
 *
 *   consumer      videotestsrc ! hysacmoderate model=demo, by the plugin that GStreamer finds
 */
#include <gst/gsthysacmeta.h>
#include <stdio.h>

#define FRAMES 4

static int failed;

static void
check(gboolean holds, int number, const char *what)
{
  printf("%sok %d - %s\n", holds ? "" : "not ", number, what);
  failed += !holds;
}

typedef struct {
  int frames, complete, agreeing, safe;
} Seen;

static GstPadProbeReturn
look(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Seen *seen = (Seen *)user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  gdouble distance = -1, bound = -1, margin = 1e9, score = -1;
  gint64 time = -1, age = -1;
  seen->frames++;
  if (!meta)
    return GST_PAD_PROBE_OK;
  seen->complete += gst_hysac_meta_get_verdict(meta) && gst_hysac_meta_get_reason(meta) &&
                    gst_hysac_meta_get_action(meta) && gst_hysac_meta_get_origin(meta) &&
                    gst_hysac_meta_get_distance(meta, &distance) &&
                    gst_hysac_meta_get_bound(meta, &bound) &&
                    gst_hysac_meta_get_margin(meta, &margin) &&
                    gst_hysac_meta_get_score(meta, &score) &&
                    gst_hysac_meta_get_sample_time(meta, &time) &&
                    gst_hysac_meta_get_age(meta, &age) && gst_hysac_meta_get_calibrated(meta);
  const gboolean unsafe = g_strcmp0(gst_hysac_meta_get_verdict(meta), "unsafe") == 0;
  seen->agreeing += time == (gint64)GST_BUFFER_PTS(buffer) && age == 0 && distance > 0 &&
                    ABS(distance - bound - margin) < 1e-9 && (score > 0.5) == (margin > 0) &&
                    unsafe == (gst_hysac_meta_get_interval_id(meta) != 0);
  seen->safe += gst_hysac_meta_is_safe(meta) != unsafe;
  return GST_PAD_PROBE_OK;
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  printf("1..5\n");
  GstBuffer *plain = gst_buffer_new();
  check(!gst_buffer_get_hysac_meta(plain) && !gst_hysac_meta_is_safe(NULL), 1,
        "no metadata, not safe");
  gst_buffer_unref(plain);

  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch(
      "videotestsrc num-buffers=" G_STRINGIFY(FRAMES) " ! video/x-raw,width=128,height=96 ! "
      "hysacmoderate model=demo sample-interval=0 action=tag ! fakesink name=out",
      &error);
  if (!pipeline || error) {
    printf("Bail out! %s\n", error ? error->message : "no pipeline");
    return 1;
  }
  Seen seen = {0, 0, 0, 0};
  GstElement *out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  GstPad *pad = gst_element_get_static_pad(out, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, look, &seen, NULL);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered(
      bus, 120 * GST_SECOND, (GstMessageType)(GST_MESSAGE_ERROR | GST_MESSAGE_EOS));
  if (message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error(message, &error, NULL);
    printf("# %s\n", error->message);
  }
  check(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS && seen.frames == FRAMES, 2,
        "the installed plugin runs with the installed demo model");
  check(seen.complete == FRAMES, 3, "every field has a value");
  check(seen.agreeing == FRAMES, 4, "the values agree with each other and with the frame");
  check(seen.safe == FRAMES, 5, "is_safe says what the verdict says");
  gst_element_set_state(pipeline, GST_STATE_NULL);
  return failed != 0;
}
