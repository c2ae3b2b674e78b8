/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Another model while it plays, with the built plugin and the real engine: from the small reference
 * model to the demo's and back, and no frame fails, is missed or goes unscored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gst/gst.h>
#include <string.h>

#include "gst/gsthysacmeta.h"

#define AFTER 10 /* frames of each model that are waited for */
#define PATIENCE (60 * G_TIME_SPAN_SECOND)

typedef struct {
  GMutex lock;
  GCond cond;
  guint frames, unscored, missed, changes;
  GstClockTime next;
  gdouble bound;
} Seen;

static GstPadProbeReturn
look(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Seen *seen = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  gdouble bound = 0.0, distance;
  g_mutex_lock(&seen->lock);
  seen->unscored += !meta || strcmp(gst_hysac_meta_get_origin(meta), "scored") != 0 ||
                    !gst_hysac_meta_get_distance(meta, &distance) ||
                    !gst_hysac_meta_get_bound(meta, &bound);
  seen->missed += seen->frames > 0 && GST_BUFFER_PTS(buffer) != seen->next;
  seen->next = GST_BUFFER_PTS(buffer) + GST_BUFFER_DURATION(buffer);
  seen->changes += seen->frames > 0 && bound != seen->bound;
  seen->bound = bound;
  seen->frames++;
  g_cond_broadcast(&seen->cond);
  g_mutex_unlock(&seen->lock);
  return GST_PAD_PROBE_OK;
}

static void
wait_for(Seen *seen, guint changes)
{
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  g_mutex_lock(&seen->lock);
  while (seen->changes < changes && g_cond_wait_until(&seen->cond, &seen->lock, until))
    ;
  const guint frames = seen->frames + AFTER;
  while (seen->frames < frames && g_cond_wait_until(&seen->cond, &seen->lock, until))
    ;
  const gboolean came = seen->frames >= frames && seen->changes == changes;
  g_mutex_unlock(&seen->lock);
  assert_true(came);
}

static void
there_and_back(void **state)
{
  g_autofree char *small =
      g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", "small", "model", NULL);
  g_autofree char *demo = g_build_filename(g_getenv("HYSAC_SRCDIR"), "models", "demo", NULL);
  const char *models[] = {small, demo, small};
  Seen seen = {0};
  g_mutex_init(&seen.lock);
  g_cond_init(&seen.cond);
  g_autoptr(GError) error = NULL;
  g_autoptr(GstElement) pipeline = gst_parse_launch(
      "videotestsrc pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 ! "
      "hysacmoderate name=m sample-interval=0 action=tag ! fakesink name=s",
      &error);
  assert_null(error);
  g_autoptr(GstElement) moderate = gst_bin_get_by_name(GST_BIN(pipeline), "m");
  g_autoptr(GstElement) sink = gst_bin_get_by_name(GST_BIN(pipeline), "s");
  g_autoptr(GstPad) pad = gst_element_get_static_pad(sink, "sink");
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, look, &seen, NULL);
  g_object_set(moderate, "model", small, NULL);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  wait_for(&seen, 0);
  for (guint i = 1; i < G_N_ELEMENTS(models); i++) {
    g_object_set(moderate, "model", models[i], NULL);
    wait_for(&seen, i);
  }
  guint swaps = 0;
  GstMessage *message;
  while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR |
                                                  GST_MESSAGE_WARNING))) {
    assert_int_equal(GST_MESSAGE_TYPE(message), GST_MESSAGE_ELEMENT);
    if (gst_message_has_name(message, "hysac-model"))
      assert_string_equal(gst_structure_get_string(gst_message_get_structure(message), "new"),
                          models[++swaps]);
    gst_message_unref(message);
  }
  assert_int_equal(swaps, 2);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  print_message("# %u frames\n", seen.frames);
  assert_int_equal(seen.unscored, 0);
  assert_int_equal(seen.missed, 0);
  assert_int_equal(seen.changes, 2);
  g_mutex_clear(&seen.lock);
  g_cond_clear(&seen.cond);
  /* The thread that swapped may be on its last line yet. */
  GWeakRef last;
  g_weak_ref_init(&last, moderate);
  g_clear_object(&moderate);
  g_clear_object(&pipeline);
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  for (GObject *left; (left = g_weak_ref_get(&last)) != NULL; g_object_unref(left)) {
    assert_true(g_get_monotonic_time() < until);
    g_usleep(1000);
  }
  g_weak_ref_clear(&last);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back)};
  gst_init(NULL, NULL);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
