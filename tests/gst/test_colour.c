/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the caps say of colour is what the scorer is told: matrix, range, siting, and the defaults of
 * caps that say nothing. What it makes of them is tested bit for bit in tests/opencl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/gst/rig.h"

static HysacFrame
told(const char *format, guint width, guint height, const char *more)
{
  Rig rig;
  GstVideoInfo info;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, NULL);
  g_autofree char *text = g_strdup_printf(
      "video/x-raw,format=%s,width=%u,height=%u,framerate=25/1%s", format, width, height, more);
  g_autoptr(GstCaps) caps = gst_caps_from_string(text);
  assert_true(gst_video_info_from_caps(&info, caps));
  gst_harness_set_src_caps_str(rig.h, text);
  GstBuffer *frame = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&info), NULL);
  gst_buffer_memset(frame, 0, FAKE_SAFE, GST_VIDEO_INFO_SIZE(&info));
  GST_BUFFER_PTS(frame) = 0;
  assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 1);
  const HysacFrame last = rig.fake.last;
  rig_clear(&rig);
  assert_int_equal(last.width, width);
  assert_int_equal(last.height, height);
  return last;
}

static void
matrix_and_range(void **state)
{
  static const struct {
    const char *colorimetry;
    HysacMatrix matrix;
    HysacRange range;
  } cases[] = {{"bt601", HYSAC_MATRIX_BT601, HYSAC_RANGE_LIMITED},
               {"bt709", HYSAC_MATRIX_BT709, HYSAC_RANGE_LIMITED},
               {"smpte240m", HYSAC_MATRIX_SMPTE240M, HYSAC_RANGE_LIMITED},
               {"bt2020", HYSAC_MATRIX_BT2020, HYSAC_RANGE_LIMITED},
               {"2:2:5:0", HYSAC_MATRIX_FCC, HYSAC_RANGE_LIMITED},
               {"1:4:0:0", HYSAC_MATRIX_BT601, HYSAC_RANGE_FULL},
               {"1:3:5:1", HYSAC_MATRIX_BT709, HYSAC_RANGE_FULL}};
  static const char *formats[] = {"I420", "NV12"};
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++)
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
      g_autofree char *more = g_strdup_printf(",colorimetry=%s", cases[i].colorimetry);
      const HysacFrame frame = told(formats[f], 64, 36, more);
      if (frame.matrix != cases[i].matrix || frame.range != cases[i].range)
        fail_msg("%s, %s: matrix %d, range %d", formats[f], cases[i].colorimetry, frame.matrix,
                 frame.range);
    }
}

/* SD is BT.601, HD is BT.709. */
static void
defaults_by_size(void **state)
{
  assert_int_equal(told("I420", 720, 576, "").matrix, HYSAC_MATRIX_BT601);
  assert_int_equal(told("I420", 1280, 720, "").matrix, HYSAC_MATRIX_BT709);
  assert_int_equal(told("I420", 1280, 720, "").range, HYSAC_RANGE_LIMITED);
}

/* With a colorimetry beside it and without, where GStreamer 1.22 would take its default. */
static void
siting(void **state)
{
  static const struct {
    const char *site;
    gboolean h_cosited, v_cosited;
  } cases[] = {{",chroma-site=mpeg2", TRUE, FALSE},
               {",chroma-site=jpeg", FALSE, FALSE},
               {",chroma-site=cosited", TRUE, TRUE},
               {"", TRUE, FALSE}}; /* as H.264 that does not say */
  for (guint i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
    const guint half = i / G_N_ELEMENTS(cases);
    g_autofree char *more =
        g_strdup_printf("%s%s", half ? "" : ",colorimetry=bt601", cases[i % G_N_ELEMENTS(cases)].site);
    const HysacFrame frame = told("I420", 64, 36, more);
    const guint c = i % G_N_ELEMENTS(cases);
    if (frame.site.h_cosited != cases[c].h_cosited || frame.site.v_cosited != cases[c].v_cosited)
      fail_msg("\"%s\": %d %d", more, frame.site.h_cosited, frame.site.v_cosited);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matrix_and_range),
      cmocka_unit_test(defaults_by_size),
      cmocka_unit_test(siting),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
