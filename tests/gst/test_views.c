/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* More than one picture in a buffer: only one would be looked at, so none passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FULL "sample-interval", (guint64)0
#define SEPARATED                                                                                  \
  ",multiview-mode=(string)separated,multiview-flags=(GstVideoMultiviewFlagsSet)0:ffffffff,views=2"

/* The first picture is safe, the second one is not. */
static GstBuffer *
two_views(Rig *rig)
{
  GstBuffer *buffer = rig_frame(rig, FAKE_SAFE), *second = rig_frame(rig, FAKE_UNSAFE);
  rig->next--; /* one frame */
  gsize offsets[GST_VIDEO_MAX_PLANES] = {0, RIG_WIDTH * RIG_HEIGHT, RIG_WIDTH * RIG_HEIGHT * 5 / 4};
  gint strides[GST_VIDEO_MAX_PLANES] = {RIG_WIDTH, RIG_WIDTH / 2, RIG_WIDTH / 2};
  const gsize size = gst_buffer_get_size(buffer);
  gst_buffer_append_memory(buffer, gst_buffer_get_memory(second, 0));
  gst_buffer_unref(second);
  for (gint view = 0; view < 2; view++) {
    gst_buffer_add_video_meta_full(buffer, 0, GST_VIDEO_FORMAT_I420, RIG_WIDTH, RIG_HEIGHT, 3,
                                   offsets, strides)
        ->id = view;
    for (guint p = 0; p < 3; p++)
      offsets[p] += size;
  }
  return buffer;
}

/* Fails by itself, and hides; the frame after it is checked. */
static void
two_pictures_fail(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  assert_int_equal(gst_harness_push(rig.h, two_views(&rig)), GST_FLOW_OK);
  rig_push(&rig, FAKE_SAFE);
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 2);
  GstBuffer *out = rig_buffer(&rig, 0);
  assert_string_equal(rig_verdict(out), "failed");
  assert_string_equal(rig_reason(out), "failed-map");
  assert_int_equal(gst_buffer_get_size(out), RIG_WIDTH * RIG_HEIGHT * 3 / 2);
  assert_int_equal(rig_looks(out), LOOKS_BLANK);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), "safe");
  rig_clear(&rig);
}

/* Other memory is mapped for samples only: between them it is dropped all the same. */
static void
other_memory_too(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "mode", GST_HYSAC_MODE_MONITOR, "action",
           GST_HYSAC_ACTION_TAG, "sample-interval", 10 * GST_SECOND, "max-age",
           3600 * GST_SECOND, NULL); /* nothing is stale */
  gst_harness_set_src_caps_str(rig.h, "video/x-raw(memory:DMABuf),format=I420,width=64,height=36,"
                                      "framerate=25/1,colorimetry=bt601,pixel-aspect-ratio=1/1,"
                                      "interlace-mode=progressive");
  /* 0 may go before its own verdict, and is dropped then; after that and what is dropped below, frames come
   * back when the first of these changes lies a second back. */
  const guint n = 30;
  rig_push_n(&rig, n, FAKE_SAFE);
  gst_harness_push(rig.h, two_views(&rig));
  rig_push_n(&rig, n, FAKE_SAFE);
  rig_finish(&rig);
  assert_int_equal(fake_n_submitted(&rig.fake), 1);
  guint before = 0, after = 0;
  for (guint i = 0; i < rig_n_buffers(&rig); i++) {
    const guint32 number = rig_number(rig_buffer(&rig, i));
    assert_true(number != n);
    before += number < n;
    after += number > n;
  }
  assert_true(before > 0 && after > 0);
  rig_clear(&rig);
}

/* Nor are caps taken that promise it. */
static void
separated_is_refused(void **state)
{
  Rig rig;
  /* A type that is not there yet is looked for among the plugins' features, and GStreamer 1.22 leaks the one
   * that it finds. */
  g_type_ensure(GST_TYPE_VIDEO_MULTIVIEW_FLAGSET);
  for (guint mode = GST_HYSAC_MODE_GATE; mode <= GST_HYSAC_MODE_MONITOR; mode++) {
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "mode", mode, "action", GST_HYSAC_ACTION_TAG, NULL);
    rig_push(&rig, FAKE_SAFE);
    g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS SEPARATED);
    g_autoptr(GstCaps) packed =
        gst_caps_from_string(RIG_CAPS ",multiview-mode=(string)side-by-side,views=2");
    g_autoptr(GstCaps) allowed = gst_pad_peer_query_caps(rig.h->srcpad, caps);
    assert_true(gst_caps_is_empty(allowed));
    assert_false(gst_pad_peer_query_accept_caps(rig.h->srcpad, caps));
    assert_true(gst_pad_peer_query_accept_caps(rig.h->srcpad, packed));
    gst_harness_push_event(rig.h, gst_event_new_caps(caps));
    assert_int_equal(gst_harness_push(rig.h, two_views(&rig)), GST_FLOW_NOT_NEGOTIATED);
    rig_clear(&rig);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_pictures_fail),
      cmocka_unit_test(other_memory_too),
      cmocka_unit_test(separated_is_refused),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
